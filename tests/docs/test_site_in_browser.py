"""The site, once built, as a browser lays it out: `make docs` runs these."""

from pathlib import Path

import pytest

from tests.browser import in_a_browser, seen_at

SITE = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"
LOOKED_AT = (
    "index",
    "gallery/index",
    "gallery/start/network_with_failures",
    "how_to/add_release",
    "results/open",
    "api/brianpresyn",
)

pytestmark = [
    *in_a_browser,
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: make docs"),
]


@pytest.mark.parametrize("name", LOOKED_AT)
def test_page_is_read_by_those_who_see_little(name, tmp_path):
    page = SITE / f"{name}.html"
    assert page.exists()
    wide, narrow = (seen_at(width, page, tmp_path) for width in (1280, 375))
    assert wide["language"] == "en"
    assert not wide["unnamed_pictures"]
    assert not wide["pale"]
    assert narrow["scroll_width"] <= 375
