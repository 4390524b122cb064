"""Write the numbers and the figure of the paper from ``docs/results``, and its PDF where LaTeX is.

``make paper`` calls it. ``paper.md`` is kept with its numbers, so that it can be read and submitted as it is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLAIMS = HERE.parent / "docs" / "results" / "claims.json"
PAPERS = {"Schug 2021": "@schug2021", "Malkin": "@malkin2024", "others": "cross-checks and others"}
VERDICTS = {
    "reproduced": ("reproduced",),
    "holds here": ("holds here",),
    "open": ("open", "open here", "open, not run"),
    "does not hold here": ("does not hold here",),
    "not reproduced": ("not reproduced",),
}
"""Columns, and the verdicts that each counts; "here" is in another setting than the published one."""
COLOURS = ("#0072B2", "#56B4E9", "#BBBBBB", "#E69F00", "#D55E00")


def counts(claims: list[dict]) -> dict[str, Counter]:
    """Return how often each verdict was reached, by what the claims are from."""
    found = {paper: Counter() for paper in PAPERS}
    for claim in claims:
        paper = next((name for name in PAPERS if claim["source"].startswith(name)), "others")
        found[paper][next(name for name, words in VERDICTS.items() if claim["verdict"] in words)] += 1
    return found


def numbers(claims: list[dict]) -> str:
    """Return the paragraph and the table of verdicts."""
    rows = [
        f"| {PAPERS[paper]} | {sum(count.values())} | " + " | ".join(str(count[v]) for v in VERDICTS) + " |"
        for paper, count in counts(claims).items()
    ]
    full = sum(claim["provenance"]["profile"] == "full" for claim in claims)
    return "\n".join(
        [
            f"Verdicts of statements of both papers and cross-checks; {full} of {len(claims)} were measured",
            "with the profile `full`. Data, sizes, intervals and reasons stand in `docs/results`.",
            "",
            "| from | statements | " + " | ".join(VERDICTS) + " |",
            "|:--|--:|" + "--:|" * len(VERDICTS),
            *rows,
            "",
            "![Verdicts, by where the statements are from.](verdicts.pdf)",
        ]
    )


def with_numbers(text: str, claims: list[dict]) -> str:
    """Return the paper with what stands between its two marks replaced."""
    marks = r"(<!-- numbers -->\n).*?(<!-- end of numbers -->)"
    return re.sub(marks, lambda m: m[1] + numbers(claims) + "\n" + m[2], text, flags=re.DOTALL)


def draw(claims: list[dict], file: Path) -> None:
    """Draw how many statements of each paper reached each verdict."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 1.4), layout="constrained")
    for row, count in enumerate(counts(claims).values()):
        left = 0
        for verdict, colour in zip(VERDICTS, COLOURS, strict=True):
            axes.barh(row, count[verdict], left=left, color=colour, label=verdict if row == 0 else None)
            left += count[verdict]
    axes.set(xlabel="statements", yticks=range(len(PAPERS)), yticklabels=PAPERS)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(file)
    plt.close(figure)


def main() -> None:
    """Update paper.md and the figure, and build paper.pdf."""
    claims = json.loads(CLAIMS.read_text(encoding="utf-8"))["claims"]
    paper = HERE / "paper.md"
    paper.write_text(with_numbers(paper.read_text(encoding="utf-8"), claims), encoding="utf-8")
    draw(claims, HERE / "verdicts.pdf")
    if not (shutil.which("pandoc") and shutil.which("pdflatex")):
        print(f"{paper}: written; for the PDF install pandoc and LaTeX (texlive-latex-recommended, lmodern)")
        return
    command = ["pandoc", "paper.md", "--citeproc", "--pdf-engine=pdflatex", "--output=paper.pdf"]
    subprocess.run([*command, "--variable=geometry:margin=2.5cm"], cwd=HERE, check=True)
    print(HERE / "paper.pdf")


if __name__ == "__main__":
    main()
