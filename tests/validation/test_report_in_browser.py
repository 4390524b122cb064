"""The report as a browser lays it out, on a wide and a narrow screen and on paper."""

import re
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from biophys.estimates import gaussian
from tests.browser import in_a_browser, run_browser, seen_at
from validation.context import Context
from validation.evaluation import MeasuredClaims, MeasureRun
from validation.registry import ClaimFigure, Evidence, Measure, all_claims
from validation.report import write_report
from validation.statement import Measurement, Rendering, Verdict

pytestmark = in_a_browser

# What is seen of the table of claims, and whether the page fetches anything.
CLAIMS = """{
  images_drawn: [...page.images].filter(i => i.complete && i.naturalWidth > 0).length,
  images: page.images.length,
  widest_image: Math.max(0, ...[...page.images].map(i => i.getBoundingClientRect().width)),
  rightmost_cell: Math.max(
    ...[...page.querySelectorAll('#claims tbody td')].map(c => c.getBoundingClientRect().right)),
  header_shown: view.getComputedStyle(page.querySelector('#claims thead')).display !== 'none',
  first_row: page.querySelector('#claims tbody tr').innerText,
  requests: view.performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length,
  targets: [...page.querySelectorAll('#claims a')].every(a => page.getElementById(a.hash.slice(1))),
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    figure = Figure(figsize=(9, 4))
    figure.add_subplot().plot([0, 1, 4])
    stated = [all_claims()[name] for name in ("S18", "M02", "M07")]
    claims = tuple(replace(claim, clauses=claim.clauses[:1]) for claim in stated)
    measurements = tuple(
        Measurement(
            claim.id,
            claim.clauses[0].id,
            claim.clauses[0].rendering,
            "a quantity with a rather long name (mV^2)",
            gaussian(0.123456, 0.025, n=44, unit="recordings"),
            Verdict.REPRODUCED,
            condition={"mechanism": "calcium pump", "n": 10},
            published=0.5,
            reason="the interval holds the published value, which is what the claim asks for",
        )
        for claim in claims
    )
    evidence = Evidence(measurements, (ClaimFigure(figure, "A figure wider than a phone.", "M02"),))
    run = MeasureRun(
        Measure(lambda context: evidence, ("S18", "M02", "M07"), Rendering.ANALYTIC), evidence, 0.1
    )
    findings = MeasuredClaims(claims, (run,), Context())
    return write_report(findings, tmp_path_factory.mktemp("report"))[0]


@pytest.mark.parametrize(("width", "has_header"), [(1280, True), (375, False)])
def test_page_fits_the_screen(report, tmp_path, width, has_header):
    seen = seen_at(width, report, tmp_path, CLAIMS)
    assert seen["scroll_width"] <= width
    assert seen["rightmost_cell"] <= width
    assert seen["widest_image"] <= width
    assert seen["header_shown"] is has_header
    assert seen["images_drawn"] == seen["images"] == 1
    assert "S18" in seen["first_row"] and "reproduced" in seen["first_row"]
    assert seen["requests"] == 0
    assert seen["targets"]


def test_page_is_read_by_those_who_see_little(report, tmp_path):
    seen = seen_at(1280, report, tmp_path)
    assert seen["language"] == "en"
    assert not seen["unnamed_pictures"]
    assert not seen["pale"]


def test_page_prints(report, tmp_path):
    paper = tmp_path / "report.pdf"
    run_browser(f"--print-to-pdf={paper}", "--no-pdf-header-footer", report.as_uri(), profile=tmp_path / "p")
    assert paper.read_bytes().startswith(b"%PDF")
    assert paper.stat().st_size > 10_000


def test_page_runs_and_fetches_nothing_even_if_somebody_put_it_in(report, tmp_path):
    page = report.read_text()
    beacon = tmp_path / "beacon.svg"
    beacon.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>')
    inserted = f'<img id="beacon" src="{beacon.as_uri()}"><script>document.body.id = "ran"</script>'
    for name, text in (("guarded", page), ("bare", re.sub(r"<meta http-equiv[^>]*>", "", page))):
        file = tmp_path / f"{name}.html"
        file.write_text(text.replace("</body>", inserted + "</body>"))
        dom = run_browser("--dump-dom", file.as_uri(), profile=tmp_path / name)
        # Without the policy the script runs: the test can see it.
        assert ('<body id="ran"' in dom) is (name == "bare")
