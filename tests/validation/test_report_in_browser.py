"""The report as a browser lays it out, on a wide and a narrow screen and on paper."""

import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from biophys.estimates import gaussian
from validation.context import Context
from validation.evaluation import MeasuredClaims, MeasureRun
from validation.registry import ClaimFigure, Evidence, Measure, all_claims
from validation.report import write_report
from validation.statement import Measurement, Rendering, Verdict

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium to look at the report with"),
]

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]

# The page is laid out in a frame of the width wanted: a headless window is never narrower than 500 pixels.
PROBE = """<!DOCTYPE html><pre id="seen"></pre>
<iframe id="page" style="width:{width}px;height:900px;border:0" srcdoc=""></iframe>
<script>
// Contrast of a text with what lies behind it, as WCAG 2.2 defines it; opacity lets the ground shine through.
const numbers = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
const luminance = rgb => rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
function contrast(element, view) {{
  let ground = [255, 255, 255], opacity = 1;
  for (let e = element, isBehind = false; e; e = e.parentElement) {{
    const style = view.getComputedStyle(e), [r, g, b, a = 1] = numbers(style.backgroundColor);
    opacity *= style.opacity;
    if (!isBehind && a === 1) {{ ground = [r, g, b]; isBehind = true; }}
  }}
  const ink = numbers(view.getComputedStyle(element).color).slice(0, 3);
  const seen = ink.map((v, i) => v * opacity + ground[i] * (1 - opacity));
  const [high, low] = [luminance(seen), luminance(ground)].sort((x, y) => y - x);
  return (high + .05) / (low + .05);
}}
const frame = document.getElementById('page');
frame.onload = () => {{
  const page = frame.contentDocument, view = frame.contentWindow;
  const images = [...page.images];
  const cells = [...page.querySelectorAll('#claims tbody td')].map(c => c.getBoundingClientRect().right);
  document.getElementById('seen').textContent = JSON.stringify({{
    scroll_width: page.documentElement.scrollWidth,
    images_drawn: images.filter(i => i.complete && i.naturalWidth > 0).length,
    images: images.length,
    widest_image: Math.max(0, ...images.map(i => i.getBoundingClientRect().width)),
    rightmost_cell: Math.max(...cells),
    header_shown: view.getComputedStyle(page.querySelector('#claims thead')).display !== 'none',
    first_row: page.querySelector('#claims tbody tr').innerText,
    requests: view.performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length,
    unnamed_pictures: [...page.querySelectorAll('img, svg')].filter(i => !(i.alt
      || i.getAttribute('aria-label')
      || i.querySelector('title') || i.closest('[aria-hidden=true]'))).map(i => i.outerHTML.slice(0, 80)),
    pale: [...page.body.querySelectorAll('*')].filter(e => !e.closest('svg') && [...e.childNodes].some(
      t => t.nodeType === 3 && t.textContent.trim()) && e.getClientRects().length && contrast(e, view) < 4.5)
      .map(e => `${{e.tagName}}.${{e.className}} ${{contrast(e, view).toFixed(1)}}`),
    language: page.documentElement.lang,
    targets: [...page.querySelectorAll('#claims a')].every(a => page.getElementById(a.hash.slice(1))),
  }});
}};
frame.srcdoc = {page};
</script>"""


def run_browser(*arguments, profile):
    command = [BROWSER, *QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


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


def seen_at(width, report, folder):
    """Return what a browser measures on the page at this width in pixels."""
    # "</" would end the script element that carries the page.
    page = json.dumps(report.read_text()).replace("</", "<\\/")
    probe = folder / "probe.html"
    probe.write_text(PROBE.format(width=width, page=page))
    dom = run_browser(
        "--virtual-time-budget=8000",
        "--window-size=1600,1000",
        "--dump-dom",
        probe.as_uri(),
        profile=folder / "p",
    )
    text = re.search(r'<pre id="seen">(.+?)</pre>', dom, re.DOTALL)
    assert text, "the probe saw no page"
    return json.loads(text.group(1).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


@pytest.mark.parametrize(("width", "has_header"), [(1280, True), (375, False)])
def test_page_fits_the_screen(report, tmp_path, width, has_header):
    seen = seen_at(width, report, tmp_path)
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
