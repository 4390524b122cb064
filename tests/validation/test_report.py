"""The report: what the JSON holds, what the page shows, and how files are replaced."""

import html.parser
import json
import math
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from biophys.estimates import Estimate, gaussian
from validation.claims_file import merge_claims, write_together
from validation.context import Context
from validation.evaluation import MeasuredClaims, MeasureRun
from validation.figure_urls import figure_as_data_url
from validation.registry import ClaimFigure, Evidence, Measure, all_claims
from validation.report import number_text, writable_folder, write_report
from validation.runs import Run
from validation.statement import Measurement, Rendering, Verdict

TEMPLATES = Path(__file__).parents[2] / "validation" / "templates"


def line_figure(n_points=3):
    figure = Figure()
    figure.add_subplot().plot(range(n_points), marker="o")
    return figure


@pytest.fixture
def findings():
    measurements = (
        Measurement(
            "M02",
            "M02a",
            Rendering.ANALYTIC,
            "cost exponent rho",
            gaussian(0.5003, 0.005, n=40, unit="points"),
            Verdict.REPRODUCED,
            condition={"mechanism": "calcium"},
            published=0.5,
            reason="interval holds 1/2",
        ),
        Measurement(
            "M02", "M02a", Rendering.SPIKING, "none", None, Verdict.NOT_RUN, reason="no <compiler> & no luck"
        ),
        Measurement("S18", "", Rendering.RECORDED, "r", Estimate(-0.44), Verdict.OBSERVED),
        Measurement("S18", "S18a", Rendering.RECORDED, "r", Estimate(-0.2, n=44), Verdict.NOT_REPRODUCED),
    )

    def measured(context):
        return None

    evidence = Evidence(measurements, (ClaimFigure(line_figure(), "A line <b>", "S18"),), ("A remark.",))
    run = MeasureRun(Measure(measured, ("M02", "S18"), Rendering.ANALYTIC), evidence, 0.1)
    claims = all_claims()
    exponents = replace(claims["M02"], clauses=claims["M02"].clauses[:1])
    return MeasuredClaims((claims["S18"], exponents, claims["X09"]), (run,), Context())


class Page(html.parser.HTMLParser):
    """Collect what a page loads and the texts of its first table's rows."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.ids, self.tags = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag in ("script", "link", "img", "iframe", "object"):
            self.loaded.append(attributes.get("src") or attributes.get("href") or "")


def test_json_holds_every_measurement_with_the_schema(findings, tmp_path):
    _, path = write_report(findings, tmp_path)
    document = json.loads(path.read_text())
    first = document["measurements"][2]
    assert first["claim"] == "M02" and first["condition"] == {"mechanism": "calcium"}
    assert (first["published"], first["measured"], first["n"], first["unit"]) == (0.5, 0.5003, 40, "points")
    assert first["interval"] == pytest.approx([0.4905, 0.5101], abs=1e-4)
    assert (first["clause"], first["interval_kind"]) == ("M02a", "normal")
    assert [m["verdict"] for m in document["measurements"]].count("not reproduced") == 1
    assert [m["verdict"] for m in document["measurements"]].count("observed") == 1
    assert document["provenance"]["versions"]["numpy"]
    assert {claim["claim"]: claim["verdict"] for claim in document["claims"]} == {
        "S18": "not reproduced",
        "M02": "reproduced",
    }


def test_page_is_self_contained(findings, tmp_path):
    page = Page(write_report(findings, tmp_path)[0].read_text())
    assert page.loaded
    assert all(source.startswith("data:image/") for source in page.loaded)
    assert "script" not in page.tags


@pytest.mark.parametrize("template", ["report.html", "fit.html"])
def test_pages_forbid_what_they_do_not_need(template):
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    declared = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    # Nothing before it would be bound by it.
    assert 0 < text.index(declared) < text.index("<style>")


def test_page_starts_with_the_claims_table_and_has_a_section_for_each(findings, tmp_path):
    text = write_report(findings, tmp_path)[0].read_text()
    assert text.index('id="claims"') < text.index('<section id="S18"') < text.index('<section id="M02"')
    assert "Not measured in this profile yet: X09" in text
    assert text.count('<section id="') == 2


def test_page_escapes_what_it_shows(findings, tmp_path):
    text = write_report(findings, tmp_path)[0].read_text()
    assert "no &lt;compiler&gt; &amp; no luck" in text
    assert "A line &lt;b&gt;" in text
    assert "A line <b>" not in text


def test_verdict_follows_from_main_measurements_only(findings):
    assert findings.verdict("S18") is Verdict.NOT_REPRODUCED
    assert findings.verdict("M02") is Verdict.REPRODUCED


def test_large_vector_figure_becomes_pixels():
    assert figure_as_data_url(line_figure()).startswith("data:image/svg+xml;base64,")
    assert figure_as_data_url(line_figure(20_000)).startswith("data:image/png;base64,")


def test_two_panels_are_pixels_without_trial():
    figure = Figure()
    figure.subplots(1, 2)
    assert figure_as_data_url(figure).startswith("data:image/png;base64,")


def test_a_picture_made_in_a_worker_comes_along():
    drawn = ClaimFigure(line_figure(), "A line", "S18")
    made = drawn.data_url
    assert vars(pickle.loads(pickle.dumps(drawn)))["data_url"] == made == figure_as_data_url(line_figure())


def test_same_figure_gives_same_bytes():
    assert figure_as_data_url(line_figure()) == figure_as_data_url(line_figure())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (-0.44163, "−0.4416"),
        (12, "12"),
        (1.5e-7, "1.50 × 10^−7"),
        (math.nan, "not finite"),
        ("> 0", "> 0"),
        (True, "True"),
    ],
)
def test_number_text(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize("n_written", [0, 1])
def test_files_are_written_together_or_not_at_all(tmp_path, monkeypatch, n_written):
    targets = [tmp_path / "claims.json", tmp_path / "report.html"]
    for target in targets:
        target.write_text("old")
    fsync, written = os.fsync, []

    def full_disk(descriptor):
        if len(written) == n_written:
            raise OSError(28, "No space left on device")
        written.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match=r"cannot write .* into .*No space left on device\): make room there"):
        write_together(dict.fromkeys(targets, "new"))
    assert [target.read_text() for target in targets] == ["old", "old"]
    assert sorted(tmp_path.iterdir()) == targets


def test_folder_that_cannot_be_written_names_the_remedy(tmp_path):
    in_the_way = tmp_path / "report"
    in_the_way.write_text("a file")
    with pytest.raises(OSError, match=r"cannot write into .*report .*choose another folder with --out"):
        writable_folder(in_the_way)
    assert writable_folder(Path(tmp_path / "a" / "b")).is_dir()


def claims_made(measured, verdict="reproduced", claim="M02", rendering="analytic"):
    row = {"claim": claim, "rendering": rendering, "quantity": "share", "condition": {}}
    row |= {"measured": measured, "verdict": verdict}
    return {
        "provenance": {"made": str(measured)},
        "claims": [{"claim": claim, "verdict": verdict}],
        "measurements": [row],
    }


def test_merged_claims_replace_what_was_measured_and_keep_the_rest(tmp_path):
    path = tmp_path / "claims.json"
    merge_claims(path, claims_made(0.5))
    merge_claims(path, claims_made(0.44, claim="S18", rendering="recorded"))
    merge_claims(path, claims_made(0.6, rendering="spiking"))
    merged = merge_claims(path, claims_made(0.51))
    assert json.loads(path.read_text()) == merged
    assert [(m["claim"], m["rendering"], m["measured"]) for m in merged["measurements"]] == [
        ("S18", "recorded", 0.44),
        ("M02", "spiking", 0.6),
        ("M02", "analytic", 0.51),
    ]
    assert [row["provenance"]["made"] for row in merged["claims"]] == ["0.44", "0.51"]


def test_skipped_claim_leaves_what_was_measured(tmp_path):
    path = tmp_path / "claims.json"
    merge_claims(path, claims_made(0.5))
    merged = merge_claims(path, claims_made(None, verdict="open, not run"))
    assert [m["measured"] for m in merged["measurements"]] == [0.5]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"claims": [], "measurements": [{"claim": "Z1"}]}'])
def test_foreign_file_of_claims_is_refused(tmp_path, text):
    path = tmp_path / "claims.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="move it away"):
        merge_claims(path, claims_made(0.5))
    assert path.read_text() == text


def test_page_says_how_every_experiment_was_made(findings, tmp_path):
    made = {"made": "2026-11-22T10:00", "source": "abc", "cpu_seconds": 3.5, "versions": {"numpy": "2.1"}}
    runs = (Run("energy", None, {"n_epochs": 3}, made), Run("energy", None, {"n_epochs": 3}, made))
    (measured,) = findings.runs
    evidence = replace(measured.evidence, runs=runs)
    page, _ = write_report(replace(findings, runs=(replace(measured, evidence=evidence),)), tmp_path)
    text = page.read_text(encoding="utf-8")
    shown = Page(text)
    assert [name for name in shown.ids if name.startswith("experiment-")] == ["experiment-1-energy"]
    assert "n_epochs is 3, published 50" in text and "numpy 2.1" in text and "3.5" in text
    assert '<a href="#M02">M02</a>, <a href="#S18">S18</a></summary>' in text
