"""What the report says, as tables in a terminal."""

import sys
import textwrap
from typing import Any

from rich.console import Console

from validation.cli.terminal import table_of
from validation.evaluation import MeasuredClaims
from validation.report import SIGN, rendering_row, renderings_of
from validation.report_comparison import Comparison
from validation.report_text import estimate_text, number_text
from validation.statement import Verdict


def print_summary(findings: MeasuredClaims, *, file: Any = None) -> None:
    """Print the claims table to a terminal."""
    rows = []
    for claim in findings.claims:
        measurements = findings.measurements(claim.id)
        for rendering in renderings_of(measurements):
            row = rendering_row(rendering, measurements)
            first = row["shown"][0]
            measured = f"{first.quantity}: {estimate_text(first.measured, first.interval)}"
            if row["verdict"] is Verdict.NOT_RUN:
                measured = textwrap.shorten(row["reason"], 90, placeholder=" ...")
            verdict = f"{SIGN[row['verdict']]} {row['verdict']}"
            rows.append((claim.id, rendering, claim.expected, measured, number_text(first.n), verdict))
    columns = ("id", "rendering", "expected", "measured", "n", "verdict")
    Console(file=file or sys.stdout).print(table_of(columns, rows, "Claims"))


def print_comparison(comparison: Comparison, *, file: Any = None, n_shown: int = 40) -> None:
    """Print what changed since an earlier report to a terminal, at most `n_shown` of it: the page has all."""
    rows = []
    for change in comparison.changes[:n_shown]:
        quantity = f"{change.quantity} ({change.condition})" if change.condition else change.quantity
        where = f"{change.claim} {change.rendering}"
        rows.append((change.kind, where, quantity, change.before or "–", change.after or "–"))
    console = Console(file=file or sys.stdout)
    if rows:
        title = f"Since {comparison.source} ({comparison.about})"
        console.print(table_of(("change", "claim", "quantity", "before", "now"), rows, title))
    counts = ", ".join(f"{number} {kind}" for kind, number in comparison.counts().items())
    more = len(comparison.changes) - n_shown
    rest = f"; {more} further changes are in the report" if more > 0 else ""
    console.print(f"since {comparison.source}: {counts}, {comparison.n_same} the same{rest}", highlight=False)
