"""Write the numbers and the figure of the paper from ``docs/results``, and its PDF where LaTeX is.

``make paper`` calls it. ``paper.md`` is kept with its numbers, so that it can be read and submitted as it is.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from validation.full_results import full_results
from validation.registry import all_claims

HERE = Path(__file__).resolve().parent
PAPERS = {"S": "@schug2021", "M": "@malkin2024", "X": "cross-checks and others"}
"""What the table calls a source, by the first letter of its clauses' ids."""
VERDICTS = {
    "reproduced": ("reproduced",),
    "holds here": ("holds here",),
    "open": ("open", "open here", "open, not run"),
    "does not hold here": ("does not hold here",),
    "not reproduced": ("not reproduced",),
}
"""Columns, and the verdicts that each counts; "here" is in another setting than the published one."""
COLOURS = ("#0072B2", "#56B4E9", "#BBBBBB", "#E69F00", "#D55E00")


def stored_verdicts() -> dict[str, str]:
    """Return the verdict of each clause at full size; clauses without a result are open."""
    measured = full_results()
    clauses = [clause.id for claim in all_claims().values() for clause in claim.clauses]
    return {name: measured.get(name, {}).get("clause_verdict", "open, not run") for name in clauses}


def counts(verdicts: dict[str, str]) -> dict[str, Counter]:
    """Return how often each column was reached, by the source of the clauses."""
    columns = {word: column for column, words in VERDICTS.items() for word in words}
    by_source = {letter: Counter() for letter in PAPERS}
    for clause, verdict in verdicts.items():
        by_source[clause[0]][columns[verdict]] += 1
    return by_source


def numbers(verdicts: dict[str, str]) -> str:
    """Return the paragraph and the table of verdicts."""
    rows = [
        f"| {PAPERS[letter]} | {count.total()} | " + " | ".join(str(count[v]) for v in VERDICTS) + " |"
        for letter, count in counts(verdicts).items()
    ]
    missing = sum(verdict == "open, not run" for verdict in verdicts.values())
    return "\n".join(
        [
            "A statement is split into clauses, each with a criterion and a margin, fixed beforehand but",
            "for the exceptions that `docs/choices.md` lists.",
            f"Of {len(verdicts)} clauses {len(verdicts) - missing} were measured at full size. *Reproduced*",
            "is said only of the published data, size and settings; *here* means in another setting.",
            "Data, sizes, intervals and reasons stand in `docs/results`.",
            "",
            "| from | clauses | " + " | ".join(VERDICTS) + " |",
            "|:--|--:|" + "--:|" * len(VERDICTS),
            *rows,
            "",
            "![Verdicts of clauses, by where they are from.](verdicts.pdf)",
        ]
    )


def with_numbers(text: str, verdicts: dict[str, str]) -> str:
    """Return the paper with what stands between its two marks replaced."""
    marks = r"(<!-- numbers -->\n).*?(<!-- end of numbers -->)"
    return re.sub(marks, lambda m: m[1] + numbers(verdicts) + "\n" + m[2], text, flags=re.DOTALL)


def draw(verdicts: dict[str, str], file: Path) -> None:
    """Draw how many clauses of each source reached each verdict."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 1.4), layout="constrained")
    for row, count in enumerate(counts(verdicts).values()):
        left = 0
        for column, colour in zip(VERDICTS, COLOURS, strict=True):
            axes.barh(row, count[column], left=left, color=colour, label=column if row == 0 else None)
            left += count[column]
    axes.set(xlabel="clauses", yticks=range(3), yticklabels=("Schug", "Malkin", "others"))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(file)
    plt.close(figure)


def main() -> None:
    """Update paper.md and the figure, and build paper.pdf."""
    verdicts = stored_verdicts()
    paper = HERE / "paper.md"
    paper.write_text(with_numbers(paper.read_text(encoding="utf-8"), verdicts), encoding="utf-8")
    draw(verdicts, HERE / "verdicts.pdf")
    if not (shutil.which("pandoc") and shutil.which("pdflatex")):
        print(f"{paper}: written; for the PDF install pandoc and LaTeX (texlive-latex-recommended, lmodern)")
        return
    command = ["pandoc", "paper.md", "--citeproc", "--pdf-engine=pdflatex", "--output=paper.pdf"]
    subprocess.run([*command, "--variable=geometry:margin=2.5cm"], cwd=HERE, check=True)
    print(HERE / "paper.pdf")


if __name__ == "__main__":
    main()
