"""`brianpresyn fit` reads tables as they come, says where they are wrong, and writes a page and numbers."""

import io
import json
import sys

import numpy as np
import pytest

from biophys import ReleaseFit
from validation.cli import exit_code_of
from validation.recorded_tables import TableError, read_table, recorded_synapses

ROWS = [12.1, 0.3, 9.8, 21.4, -0.6, 11.0, 10.4, 0.2, 19.7, 31.0, 9.4, 0.1]
SIMPLE = "amplitude (pA)\n" + "\n".join(map(str, ROWS)) + "\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys, *arguments):
    code = exit_code_of(["fit", *arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_independent_responses_from_a_file_to_page_json_and_csv(folder, capsys):
    rng = np.random.default_rng(1)
    x = rng.binomial(3, 0.5, 120) * -12.0 + rng.normal(0, 1.5, 120)
    lines = "".join(f"{v:.3f},{rng.normal(0, 1.5):.3f}\n" for v in x)
    (folder / "my.csv").write_text("amplitude (pA),baseline (pA)\n" + lines)
    outputs = ("--report", "my.html", "--json", "my.json", "--csv", "out.csv")
    code, text = run(capsys, "my.csv", *outputs)
    assert code == 0 and "release sites n" in text
    fit = ReleaseFit.from_dict(json.loads((folder / "my.json").read_text())[""])
    assert fit.n.holds(3) and fit.p.holds(0.5) and fit.q.holds(-12) and fit.q.unit == "pA"
    page = (folder / "my.html").read_text()
    assert "data:image/svg+xml;base64," in page and "http" not in page and "doi:" in page
    assert "maximum likelihood" in page
    assert (folder / "out.csv").read_text().startswith("synapse,log_likelihood")


def test_a_bad_synapse_is_named_and_the_exit_code_is_one(folder, capsys):
    rows = "".join(f"a,{v}\n" for v in ROWS) + "b,1\nb,1\nb,1\n"
    (folder / "two.csv").write_text("synapse,amplitude (pA)\n" + rows)
    code, text = run(capsys, "two.csv", "--noise", "2pA", "--n", "3")
    assert code == 1 and "b: not fitted: a constant recording" in " ".join(text.split())


def test_trains_keep_their_sweeps_times_conditions_and_spikes(folder):
    (folder / "t.csv").write_text(
        "Sweep;Time (s);Amplitude (nA);spike;calcium\n"
        "1;0,1;0,012;1;low\n1;0,12;;1;low\n1;0,15;0,009;0;low\n2;0;0,021;1;high\n2;0,02;0,011;1;high\n"
    )
    table = read_table("t.csv")
    assert table.remarks == ["separator ';'", "decimal comma"]
    (synapse,) = recorded_synapses(table, condition="calcium")
    arguments = synapse.arguments
    assert [len(sweep) for sweep in arguments["amplitudes"]] == [3, 2]
    assert np.isnan(arguments["amplitudes"][0][1]) and float(arguments["amplitudes"][1][0]) == 0.021
    np.testing.assert_allclose(arguments["intervals"][0].magnitude[1:], [20, 30])
    assert arguments["conditions"] == ["low", "high"]
    assert [list(map(bool, mask)) for mask in arguments["spikes"]] == [[True, True, False], [True, True]]


def test_a_file_without_header_is_read_with_columns_and_new_sweeps(folder):
    (folder / "raw.txt").write_text("-1e-10,30\n-5e-11,0.01\n-2e-11,0.01\n-9e-11,30\n-4e-11,0.02\n")
    import quantities as pq

    table = read_table("raw.txt", "amplitude (A), interval (s)")
    (synapse,) = recorded_synapses(table, new_sweep_after=10 * pq.s)
    assert [len(sweep) for sweep in synapse.arguments["amplitudes"]] == [3, 2]
    with pytest.raises(TableError, match=r"raw.txt, line 1: numbers where the names .*--columns"):
        read_table("raw.txt")


@pytest.mark.parametrize("kind", ["tsv", "json", "xlsx", "standard input"])
def test_other_formats_hold_the_same(folder, monkeypatch, kind):
    name = f"my.{kind}"
    if kind == "tsv":
        (folder / name).write_text(SIMPLE.replace("\n", "\t1\n").replace("(pA)\t1", "(pA)\tsweep"))
    elif kind == "json":
        (folder / name).write_text(json.dumps({"amplitude (pA)": ROWS}))
    elif kind == "xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in ["amplitude (pA)", *ROWS]:
            book.active.append([row])
        book.save(name)
    else:
        stream = io.TextIOWrapper(io.BytesIO(SIMPLE.encode()))
        monkeypatch.setattr(sys, "stdin", stream)
        name = "-"
    (synapse,) = recorded_synapses(read_table(name))
    np.testing.assert_allclose(synapse.arguments["amplitudes"][0].magnitude, ROWS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("amplitude\n1\n2\n3\n", r"line 1, column 'amplitude': no unit; .*'amplitude \(pA\)'"),
        ("amplitude (kg)\n1\n2\n3\n", "column 'amplitude': kg is no unit of a response"),
        ("amplitude (foo)\n1\n2\n3\n", "'foo' is no unit"),
        ("current (pA)\n1\n2\n3\n", "no column 'amplitude'; the columns are current"),
        ("amplitude (pA)\n1\ntwo\n3\n", "line 3, column 'amplitude': 'two' is no number"),
        ("amplitude (pA),time (s)\n1,0\n2,0.2\n3,0.1\n", "line 4: the stimulus comes -100 ms after"),
        ("amplitude (pA),time (mV)\n1,0\n2,1\n", "mV is no unit of time"),
        ("amplitude (pA),sweep\n1,1\n2\n", "line 3: 1 cells, but 2 columns"),
        ("amplitude (pA),Amplitude (pA)\n1,1\n", "two columns are called 'amplitude'"),
        ("\0\1\2", "this is no table"),
    ],
)
def test_wrong_tables_are_named_with_line_and_column(folder, capsys, content, message):
    (folder / "bad.csv").write_text(content)
    code, text = run(capsys, "bad.csv")
    assert code == 2
    pattern = message.replace(" ", r"\s+")
    import re

    assert re.search(pattern, text), text


def test_wrong_options_are_named(folder, capsys):
    (folder / "my.csv").write_text(SIMPLE)
    for arguments, message in [
        (("no.csv",), "no such file: no.csv"),
        ((), "name a table"),
        (("my.csv", "--noise", "much"), "--noise must be a number with a unit"),
        (("my.csv", "--noise", "baseline"), "needs a column baseline"),
        (("my.csv", "--condition", "drug"), "no column 'drug'"),
    ]:
        code, text = run(capsys, *arguments)
        assert code == 2 and message in " ".join(text.split())


def test_the_example_can_be_fitted(folder, capsys):
    assert run(capsys, "--example", "e.csv")[0] == 0
    synapses = recorded_synapses(read_table("e.csv"))
    assert [s.name for s in synapses] == ["a", "b"]
    assert len(synapses[0].arguments["amplitudes"]) == 15 and "baseline" in synapses[0].arguments


def costs(capsys, *arguments):
    code = exit_code_of(["costs", *arguments])
    captured = capsys.readouterr()
    return code, " ".join((captured.out + captured.err).split())


def test_exponents_of_a_table_of_ones_own(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    sd = np.geomspace(0.1, 0.4, 8)
    rows = [f"{g},0.3,{s},{s**-power}" for g, power in (("a", 0.5), ("b", 2.0)) for s in sd]
    (folder / "c.csv").write_text("mechanism,mean (mV),sd (mV),cost (ATP/s)\n" + "\n".join(rows))
    code, text = costs(capsys, "--data", "c.csv")
    assert code == 0 and "rho = 0.500" in text and "rho = 2.000" in text and "within 0.0 %" in text
    rates = "\n".join(f"0.3,{s},{s**-4}" for s in sd)
    (folder / "r.csv").write_text("mean (mV),sd (mV),rate (Hz)\n" + rates)
    code, text = costs(capsys, "--data", "r.csv")
    assert code == 0 and "slope = -0.500" in text and "rho = 2.00" in text
    (folder / "v.csv").write_text("mean (mV),sd (mV**2),cost (1)\n1,1,1\n1,2,3\n1,3,2\n")
    code, text = costs(capsys, "--data", "v.csv")
    assert code == 2 and "one dimension" in text
    (folder / "m.csv").write_text("mean (mV),cost (1)\n1,1\n")
    code, text = costs(capsys, "--data", "m.csv")
    assert code == 2 and "no column 'sd'" in text


def test_amplitudes_far_from_their_unit_are_remarked(folder, capsys):
    rows = "\n".join(str(1e-12 * v) for v in ROWS)
    (folder / "a.csv").write_text("amplitude (pA)\n" + rows)
    code, text = run(capsys, "a.csv", "--n", "3")
    assert code == 0 and "is the unit right?" in " ".join(text.split())
