"""The command line: what it prints, its exit codes, and errors in one line."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from validation import cli


def run(*arguments):
    return cli.exit_code_of([*map(str, arguments)])


def one_line_error(capsys):
    err = capsys.readouterr().err.strip()
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    return lines[0]


def test_help_teaches_by_example(capsys):
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert "brianpresyn validate --claims M02,S18" in shown
    assert "Exit codes" in shown


def test_without_arguments_it_says_what_it_can_do(capsys):
    assert run() == 0
    shown = capsys.readouterr().out
    named = {line.split()[1] for line in shown.splitlines() if line.startswith("    brianpresyn ")}
    assert named == {"ann", "costs", "data", "fit", "validate"}


@pytest.mark.parametrize("command", ["validate", "data", "costs", "info"])
def test_every_command_has_help(command, capsys):
    assert run(command, "--help") == 0
    assert "Usage: brianpresyn " + command in capsys.readouterr().out


def test_unknown_claim_is_a_usage_error_before_anything_is_written(tmp_path, capsys):
    out = tmp_path / "report"
    assert run("validate", "--claims", "M02,Z99", "--out", out) == 2
    assert "unknown claim Z99" in one_line_error(capsys)
    assert not out.exists()


def test_empty_claims_are_a_usage_error(capsys):
    assert run("validate", "--claims", " , ") == 2
    assert "--claims needs at least one claim id" in one_line_error(capsys)


def test_unknown_profile_names_the_choices(capsys):
    assert run("validate", "--profile", "huge") == 2
    message = one_line_error(capsys)
    assert "huge" in message and "quick" in message and "full" in message


def test_unwritable_output_folder_is_told_before_measuring(tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert run("validate", "--claims", "M02", "--out", blocked / "report") == 2
    message = one_line_error(capsys)
    assert str(blocked) in message and "--out" in message


def test_validate_writes_both_files_for_just_the_claims_asked_for(tmp_path, capsys):
    assert run("validate", "--claims", "S21", "--out", tmp_path) == 0
    document = json.loads((tmp_path / "claims.json").read_text())
    assert {m["claim"] for m in document["measurements"]} == {"S21"}
    assert "<title>" in (tmp_path / "report.html").read_text()
    assert f"report: {tmp_path / 'report.html'}" in capsys.readouterr().out


def test_strict_fails_when_an_expected_claim_does_not_hold(tmp_path, monkeypatch):
    from biophys.estimates import exactly
    from validation import evaluation
    from validation.registry import Measure
    from validation.statement import Measurement, Rendering, Verdict

    def failing(context):
        yield Measurement("S21", "S21a", Rendering.ANALYTIC, "p", exactly(0.9), Verdict.NOT_REPRODUCED)

    measures = (Measure(failing, ("S21",), Rendering.ANALYTIC),)
    monkeypatch.setattr(evaluation, "all_measures", lambda: measures)
    assert run("validate", "--claims", "S21", "--out", tmp_path, "--jobs", 1) == 0
    assert run("validate", "--claims", "S21", "--out", tmp_path, "--jobs", 1, "--strict") == 1


def test_interrupt_ends_in_one_line(tmp_path, monkeypatch, capsys):
    from validation import evaluation

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "all_measures", interrupted)
    assert run("validate", "--claims", "S21", "--out", tmp_path) == 130
    assert "interrupted" in one_line_error(capsys)


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(ValueError, match="unknown claim"):
        run("--debug", "validate", "--claims", "Z99", "--out", tmp_path)


def test_unknown_data_set_names_the_known_ones(capsys):
    assert run("data", "fetch", "imagenet") == 2
    message = one_line_error(capsys)
    assert "imagenet" in message and "mnist" in message


def test_fetch_says_where_the_data_set_is(tmp_path, monkeypatch, capsys):
    from validation.data import datastore

    def fetch(name, *, progress):
        progress("train-images", 5, 10)
        return tmp_path / name

    monkeypatch.setattr(datastore, "fetch", fetch)
    assert run("data", "fetch", "mnist") == 0
    assert f"mnist: {tmp_path / 'mnist'}" in capsys.readouterr().out


def test_data_status_lists_every_data_set(capsys):
    assert run("data", "status") == 0
    shown = capsys.readouterr().out
    for name in ("mnist", "fashion_mnist", "sjostrom2001", "ko2013"):
        assert name in shown


def test_costs_shows_the_four_exponents_and_draws_them(tmp_path, capsys):
    drawn = tmp_path / "costs.svg"
    assert run("costs", "--figure", drawn) == 0
    shown = capsys.readouterr().out
    for exponent in ("0.5000", "0.6667", "1.3333", "2.0000"):
        assert exponent in shown
    assert drawn.read_text().lstrip().startswith("<?xml")


def test_info_names_versions(capsys):
    assert run("info") == 0
    shown = capsys.readouterr().out
    assert "brian2" in shown and "numpy" in shown


def test_module_is_the_same_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "validation", "validate", "--claims", "nope"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown claim NOPE")


def test_costs_draws_the_map_of_exponents(tmp_path, capsys):
    drawn = tmp_path / "map.svg"
    assert run("costs", "--map", drawn) == 0
    assert f"figure: {drawn}" in capsys.readouterr().out
    # The text of an SVG is drawn as paths, each named in a comment.
    assert "release probability p" in drawn.read_text()


def test_costs_shows_the_atp_of_one_synapse(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "250")
    assert run("costs", "--atp", "--n", 1, "--p", 0.25, "--q", 0.2, "--rate", 4) == 0
    shown = capsys.readouterr().out
    rows = {line.split("│")[1].strip(): line.split("│")[2:] for line in shown.splitlines() if "│" in line}
    # 1.2e4 ATP for each vesicle released, a quarter of 4 spikes a second.
    assert rows["calcium pump"][0].split()[0] == "1.2e+04"
    assert rows["postsynaptic ion flux"][0].split()[0] == "1.4e+05"
    assert "Attwell & Laughlin (2001)" in rows["transmitter"][3]
    assert rows["all"][0].split()[0] == "1.64e+05"


def test_tables_of_costs_break_no_word_in_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run("costs") == 0
    words = set(re.findall(r"[a-z]+", capsys.readouterr().out))
    assert {"mechanism", "trafficking", "membrane", "fitted", "holds", "divided"} <= words
    assert run("costs", "--data", "no.csv") == 2
    assert "'--data': File 'no.csv' does not exist" in one_line_error(capsys)


def test_costs_of_an_impossible_synapse_are_refused_in_one_line(capsys):
    assert run("costs", "--p", 1.2) == 2
    assert "p must be finite and in [0, 1], got 1.2" in one_line_error(capsys)
    assert capsys.readouterr().out == ""


def test_compare_shows_what_changed(tmp_path, capsys):
    assert run("validate", "--claims", "S21", "--out", tmp_path, "--jobs", 1) == 0
    path = tmp_path / "claims.json"
    document = json.loads(path.read_text())
    document["measurements"][0]["verdict"] = "not reproduced"
    old = tmp_path / "old.json"
    old.write_text(json.dumps(document))
    capsys.readouterr()
    assert run("validate", "--claims", "S21", "--out", tmp_path, "--jobs", 1, "--compare", old) == 0
    assert "1 verdict changed, 0 value moved, 0 new, 0 gone" in " ".join(capsys.readouterr().out.split())
    assert 'id="comparison"' in (tmp_path / "report.html").read_text()


def test_compare_refuses_a_foreign_file_before_measuring(tmp_path, capsys):
    old = tmp_path / "old.json"
    old.write_text("{}")
    assert run("validate", "--claims", "S21", "--out", tmp_path / "r", "--compare", old) == 2
    assert "is no file of claims" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
    assert run("validate", "--claims", "S21", "--compare", tmp_path / "nowhere.json") == 2


@pytest.mark.parametrize("option", ["--compare", "--merge"])
def test_wrong_file_of_claims_is_found_before_anything_is_measured(tmp_path, capsys, monkeypatch, option):
    def measured(*_arguments, **_options):
        pytest.fail("measured although the file is wrong")

    monkeypatch.setattr("validation.evaluation.measure_claims", measured)
    (tmp_path / "old.json").write_text('{"claims": [], "measurements": [{"claim": "M02"}]}')
    assert run("validate", "--claims", "M02", "--out", tmp_path / "r", option, tmp_path / "old.json") == 2
    assert "no file of claims (measurements 0 rendering: Field required)" in capsys.readouterr().err
    # Nobody writes into the pipe, and a device never ends.
    os.mkfifo(tmp_path / "pipe.json")
    for endless in (tmp_path / "pipe.json", "/dev/zero"):
        assert run("validate", "--claims", "M02", "--out", tmp_path / "r", option, endless) == 2
        assert f"cannot read {endless} (no regular file)" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_report_that_cannot_be_written_lies_elsewhere(tmp_path, capsys, monkeypatch):
    from validation import report

    write, tried = report.write_report, []

    def full_disk(findings, folder, **options):
        tried.append(folder)
        if len(tried) == 1:
            raise OSError(28, f"cannot write report.html into {folder} (No space left on device): make room")
        return write(findings, folder, **options)

    monkeypatch.setattr(report, "write_report", full_disk)
    assert run("validate", "--claims", "M02", "--jobs", "1", "--out", tmp_path / "r") == 0
    said = capsys.readouterr()
    assert f"cannot write report.html into {tmp_path / 'r'}" in said.err
    assert (tried[1] / "report.html").is_file() and str(tried[1]) in said.out
    shutil.rmtree(tried[1])


def test_terminal_without_the_signs_does_not_end_the_command(tmp_path):
    command = [sys.executable, "-m", "validation", "validate", "--claims", "M02", "--jobs", "1"]
    command += ["--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout
