"""The paper shows the stored results and cites what it lists."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAPER = (ROOT / "paper" / "paper.md").read_text(encoding="utf-8")
specification = importlib.util.spec_from_file_location("paper_build", ROOT / "paper" / "build.py")
build = importlib.util.module_from_spec(specification)
specification.loader.exec_module(build)
VERDICTS = build.stored_verdicts()


def test_numbers_are_those_of_the_stored_results():
    assert build.with_numbers(PAPER, VERDICTS) == PAPER, "run: make paper"
    rows = [list(map(int, re.findall(r"\| (\d+) (?=\|)", line))) for line in PAPER.splitlines()]
    rows = [row for row in rows if len(row) == 1 + len(build.VERDICTS)]
    assert sum(row[0] for row in rows) == len(VERDICTS)
    assert all(total == sum(parts) for total, *parts in rows)


def test_another_verdict_changes_the_paper():
    clause = next(iter(VERDICTS))
    changed = "open" if VERDICTS[clause] == "not reproduced" else "not reproduced"
    other = VERDICTS | {clause: changed}
    assert build.with_numbers(PAPER, other) != PAPER


def test_citations_and_references_are_the_same():
    cited = set(re.findall(r"@([a-z]+\d{4})", PAPER))
    listed = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "paper" / "paper.bib").read_text(), re.MULTILINE))
    assert cited == listed


def test_sections_are_those_that_joss_asks_for():
    sections = re.findall(r"^# (.+)$", PAPER, re.MULTILINE)
    for needed in ("Summary", "Statement of need", "State of the field", "Software design", "Use of AI"):
        assert needed in sections
    assert 500 < len(re.sub(r"^---.*?---", "", PAPER, count=1, flags=re.DOTALL).split()) < 1750


def test_figure_is_drawn(tmp_path):
    build.draw(VERDICTS, tmp_path / "verdicts.pdf")
    assert (tmp_path / "verdicts.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("pandoc") and shutil.which("pdflatex")), reason="needs pandoc and LaTeX"
)
def test_pdf_builds(tmp_path, monkeypatch):
    for name in ("paper.md", "paper.bib"):
        shutil.copy(ROOT / "paper" / name, tmp_path)
    monkeypatch.setattr(build, "HERE", tmp_path)
    build.main()
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
