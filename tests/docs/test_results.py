"""The results pages: what stands on them comes from the stored results."""

import ast
import importlib
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from validation.full_results import full_results
from validation.registry import all_claims
from validation.runs import EXPERIMENTS, experiment_module
from validation.statement import FAILED

pytest.importorskip("sphinx")
pytest.importorskip("torch")
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "results.md", *sorted((DOCS / "results").glob("*.md"))]
_spec = importlib.util.spec_from_file_location("measured", DOCS / "measured.py")
measured = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(measured)


def name_of(path):
    return path.stem


def contents(directive: str) -> list[tuple[str, str]]:
    """Return argument and content of every directive of this name on the results pages."""
    return [
        (argument.strip(), content)
        for page in PAGES
        for argument, content in re.findall(
            rf"```{{{directive}}}([^\n]*)\n(.*?)```", page.read_text("utf-8"), re.DOTALL
        )
    ]


NAMES = r"(?i:figures?|appendix|appendices|equations?|table) (?:\d\w*|1 table 1)(?:(?:,| and| to) \d\w*)*"
KNOWN = rf"`[^`]*`|{NAMES}|\b[SMX]\d\d\w?\b|\b1 − p\b|\blambda / 2\b|\bcapacity 2N\b|\b95 %|\bL2\b"
"""Digits that are no results: names of figures and claims, code, and symbols."""


def typed_numbers(text: str) -> list[str]:
    """Return the lines of a page that hold a number which nothing but a hand can have put there."""
    prose = re.sub(r"```(?:sh|\{(?:measured|toctree)\}).*?```", "", text, flags=re.DOTALL)
    prose = re.sub(r"^```.*$|^[\w-]+: |\]\([^)]*\)", "", prose, flags=re.MULTILINE)
    prose = re.sub(KNOWN, "", " ".join(prose.split()))
    return re.findall(r".{0,30}\d.{0,30}", prose)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_number_is_typed_by_hand(page):
    assert not typed_numbers(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("line", ["S12 recalls 87 %.", "It takes 0.3 s (figure 5).", "two to 3 times"])
def test_a_typed_number_is_noticed(line):
    assert typed_numbers(line)


def test_every_stored_run_has_its_panels_on_a_page():
    shown = {argument for argument, _ in contents("stored")}
    mentioned = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for path in (DOCS / "results").glob("*.nc"):
        assert path.stem in shown or path.name in mentioned, path.name
    assert {path.stem for path in (DOCS / "results").glob("*.nc")} & set(EXPERIMENTS) <= shown


@pytest.mark.parametrize(("file", "content"), contents("stored"))
def test_panels_exist_and_are_described(file, content):
    run = measured.archived_run(DOCS / "results" / f"{file}.nc")
    panels = measured.described_panels(content)
    assert panels and set(panels) <= set(experiment_module(run.experiment).FIGURES)
    assert all(len(text) > 20 for text in panels.values())


def test_reasons_are_given_for_claims_that_fail():
    ((_, content),) = contents("not-reproduced")
    lines = measured.lines_of(all_claims().values())
    failing = {line.clause.claim for line in lines if line.verdict in FAILED}
    reasons = measured.described_panels(content)
    for claim in failing:
        assert claim in reasons or all_claims()[claim].known_deviation, claim
        controls = measured.control_rows(claim, reasons.get(f"{claim} control", ""))
        assert controls or "No control was run" in reasons[claim], claim
    assert {key.removesuffix(" control") for key in reasons} <= set(all_claims())
    with pytest.raises(LookupError, match="no stored row of S02 begins with 'nothing'"):
        measured.control_rows("S02", "nothing")


def test_methods_are_compared_line_by_line():
    asked = SimpleNamespace(arguments=["X12", "method"], env=SimpleNamespace(note_dependency=len))
    (table,) = measured.Pivot.run(asked)
    rows = [[cell.astext() for cell in row.children] for row in table.findall(measured.nodes.row)]
    assert rows[0][0] == "method, passes for each batch" and len({len(row) for row in rows}) == 1
    (mesu,) = (row for row in rows if row[0].startswith("MESU, ten draws"))
    bits = next(i for i, name in enumerate(rows[0]) if name.startswith("random bits"))
    assert mesu[bits].startswith("240") and full_results()["X12c"]["n"] == 6


def test_a_clause_is_shown_with_its_stored_number():
    (line,) = (line for line in measured.lines_of([all_claims()["S18"]]) if line.clause.id == "S18a")
    stated, published, value, interval, sample, verdict = measured.clause_row(line)
    stored = full_results()["S18a"]
    assert stated.startswith("S18a ") and line.clause.source in stated
    assert published == measured.number_text(line.clause.published)
    assert value == measured.number_text(stored["measured"])
    assert sample.startswith(str(stored["n"])) and verdict == stored["clause_verdict"]
    assert (interval == "") is (stored["interval"] is None)


def test_ranges_are_told_from_intervals():
    shown = {clause: measured.interval_of(row) for clause, row in full_results().items()}
    assert shown["X10a"].endswith(" (range of constants)") and "(" not in shown["S01a"]
    tried = [row for row in measured.stored_rows() if row["interval_kind"] == "range"]
    assert tried and all(measured.interval_of(row).endswith(" (range)") for row in tried)


def test_a_stored_run_says_on_how_many_seeds_it_was_made():
    run = measured.archived_run(DOCS / "results" / "graceful_forgetting_one_pass.nc")
    text = measured.how_it_was_made("one_pass.nc", run)[0].astext()
    assert "6 seeds, 1 seeds of control, 1 seeds of mesu. " in text
    assert "full profile, but for learning_rate 9.0 (there 3.0);" in text and "n_epochs 1 (there 10)." in text


def test_time_on_a_cpu_is_told_of_training_alone():
    # Steps of a regression and updates of synapses of a network are other units of work.
    assert " on a CPU" in measured.cost_of("lifelong", {})
    assert " on a CPU" not in measured.cost_of("predictive", {})


def test_choices_count_the_trials_that_are_stored():
    stored = json.loads((DOCS / "results" / "graceful_forgetting_search.json").read_text("utf-8"))
    ten_tasks = [stored, stored["ten_passes"], stored["images_and_start"]]
    passes = [trial["n_epochs"] for part in ten_tasks for trial in part["trials"] if trial["rule"] == "odds"]
    n_long = len(stored["long_stream"]["trials"])
    choices = (DOCS / "choices.md").read_text("utf-8")
    assert (
        f"of {passes.count(1)} trials of one pass" in choices and f"and {passes.count(10)} of ten" in choices
    )
    assert f"{n_long} trials of one seed" in choices


def test_open_clauses_say_what_was_missing_and_what_it_costs():
    lines = [line for line in measured.lines_of(all_claims().values()) if line.verdict in measured.OPEN]
    assert lines and all(measured.open_row(line)[-1] for line in lines)
    (row,) = measured.costs_of({"M03"})
    assert row[:2] == ("reliability", "M03")
    run = measured.archived_run(DOCS / "results" / "reliability_converged.nc")
    # It was run for fewer epochs than published: the published schedule takes longer than it did.
    assert measured.hours_with(run, {}) > run.provenance["cpu_seconds"] / 3600


def test_missing_runs_are_ones_that_can_be_asked_for():
    ((_, content),) = contents("missing-runs")
    for asked, what in measured.described_panels(content).items():
        name, *settings = asked.strip("`").split()
        assert what and measured.cost_of(name, dict(each.split("=", 1) for each in settings))


def test_first_verdicts_are_of_clauses_that_exist(tmp_path):
    stored = json.loads(measured.BEFORE.read_text(encoding="utf-8"))
    known = {clause.id for claim in all_claims().values() for clause in claim.clauses}
    assert {clause for clauses in stored.values() for clause in clauses.split()} <= known
    words = {"S01a": "open", "M01a": "open", "X01a": "reproduced"}
    measured.draw_verdicts(
        words, words, {"yes": ("reproduced",), "open": ("open",)}, ("C0", "C1"), tmp_path / "verdicts.png"
    )
    assert (tmp_path / "verdicts.png").stat().st_size > 1000


# Programs that a comparison was measured beside, which nothing here installs.
PEERS = {"avalanche"}
SCRIPTS = sorted([*DOCS.glob("*.py"), *(DOCS / "results").glob("*.py"), *DOCS.glob("examples/*/*.py")])


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_scripts_import_what_exists(script, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(DOCS)])
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] not in {"__future__", *PEERS}:
            module = importlib.import_module(node.module)
            for name in (alias.name for alias in node.names if alias.name != "*"):
                if not hasattr(module, name):
                    importlib.import_module(f"{node.module}.{name}")
