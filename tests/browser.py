"""Pages as a headless browser lays them out."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

in_a_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium to look at the page with"),
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
    # A page in a frame of a file is another origin otherwise.
    "--allow-file-access-from-files",
]

# The page is laid out in a frame of the width wanted: a headless window is never narrower than 500 pixels.
PROBE = """<!DOCTYPE html><pre id="seen"></pre>
<iframe id="page" style="width:WIDTHpx;height:900px;border:0"></iframe>
<script>
// Contrast of a text with what lies behind it, as WCAG 2.2 defines it; opacity lets the ground shine through.
const numbers = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
const luminance = rgb => rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
function contrast(element, view) {
  let ground = [255, 255, 255], opacity = 1;
  for (let e = element, isBehind = false; e; e = e.parentElement) {
    const style = view.getComputedStyle(e), [r, g, b, a = 1] = numbers(style.backgroundColor);
    opacity *= style.opacity;
    if (!isBehind && a === 1) { ground = [r, g, b]; isBehind = true; }
  }
  const ink = numbers(view.getComputedStyle(element).color).slice(0, 3);
  const seen = ink.map((v, i) => v * opacity + ground[i] * (1 - opacity));
  const [high, low] = [luminance(seen), luminance(ground)].sort((x, y) => y - x);
  return (high + .05) / (low + .05);
}
const frame = document.getElementById('page');
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow;
  // A symbol that is used again has its name where it was drawn.
  const named = i => page.getElementById(
    (i.querySelector('use')?.getAttribute('href') || '').slice(1))?.querySelector('title');
  const common = {
    scroll_width: page.documentElement.scrollWidth,
    unnamed_pictures: [...page.querySelectorAll('img, svg')].filter(i => i.getClientRects().length
      && !(i.hasAttribute('alt') || i.getAttribute('aria-label')
      || i.querySelector('title') || i.closest('[aria-hidden=true], [title]')
      || named(i)))
      .map(i => i.outerHTML.slice(0, 80)),
    pale: [...page.body.querySelectorAll('*')].filter(e => !e.closest('svg') && [...e.childNodes].some(
      t => t.nodeType === 3 && t.textContent.trim()) && e.getClientRects().length && contrast(e, view) < 4.5)
      .map(e => `${e.tagName}.${e.className} ${contrast(e, view).toFixed(1)}`),
    language: page.documentElement.lang,
  };
  document.getElementById('seen').textContent = JSON.stringify({...common, ...(MORE)});
};
frame.src = ADDRESS;
</script>"""


def run_browser(*arguments: str, profile: Path) -> str:
    """Return what Chromium prints, with a profile of its own."""
    command = [str(BROWSER), *QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def seen_at(width: int, page: Path, folder: Path, more: str = "{}") -> dict[str, Any]:
    """Return what a browser measures on a page at this width in pixels.

    `more` is a JavaScript object of further measurements of `page` and its `view`.
    """
    probe = folder / "probe.html"
    text = (
        PROBE.replace("WIDTH", str(width)).replace("ADDRESS", json.dumps(page.as_uri())).replace("MORE", more)
    )
    probe.write_text(text)
    options = ("--virtual-time-budget=8000", "--window-size=1600,1000", "--dump-dom")
    dom = run_browser(*options, probe.as_uri(), profile=folder / "p")
    seen = re.search(r'<pre id="seen">(.+?)</pre>', dom, re.DOTALL)
    assert seen, "the probe saw no page"
    return json.loads(seen.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
