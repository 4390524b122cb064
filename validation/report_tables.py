"""What the report says, as tables in a terminal."""

import sys
import textwrap
from typing import Any

from rich.console import Console
from rich.table import Table

from validation.evaluation import Findings
from validation.report import SIGN, rendering_row, renderings_of
from validation.report_comparison import Comparison
from validation.report_text import interval_text, number_text
from validation.statement import Verdict


def print_summary(findings: Findings, *, file: Any = None) -> None:
    """Print the claims table to a terminal."""
    table = Table(title="Claims", title_justify="left")
    for column in ("id", "rendering", "expected", "measured", "n", "verdict"):
        table.add_column(column, overflow="fold")
    for claim in findings.claims:
        measurements = findings.measurements(claim.id)
        for rendering in renderings_of(measurements):
            row = rendering_row(rendering, measurements)
            first = row["shown"][0]
            measured = f"{first.quantity}: {number_text(first.measured)} {interval_text(first)}".strip()
            if row["verdict"] is Verdict.NOT_RUN:
                measured = textwrap.shorten(row["reason"], 90, placeholder=" ...")
            verdict = f"{SIGN[row['verdict']]} {row['verdict']}"
            table.add_row(claim.id, str(rendering), claim.expected, measured, number_text(first.n), verdict)
    Console(file=file or sys.stdout).print(table)


def print_comparison(comparison: Comparison, *, file: Any = None, n_shown: int = 40) -> None:
    """Print what changed since an earlier report to a terminal, at most `n_shown` of it: the page has all."""
    counts = ", ".join(f"{number} {kind}" for kind, number in comparison.counts().items())
    table = Table(title=f"Since {comparison.source} ({comparison.about})", title_justify="left")
    for column in ("change", "claim", "quantity", "before", "now"):
        table.add_column(column, overflow="fold")
    for change in comparison.changes[:n_shown]:
        quantity = f"{change.quantity} ({change.condition})" if change.condition else change.quantity
        where = f"{change.claim} {change.rendering}"
        table.add_row(change.kind, where, quantity, change.before or "–", change.after or "–")
    console = Console(file=file or sys.stdout)
    if comparison.changes:
        console.print(table)
    more = len(comparison.changes) - n_shown
    rest = f"; {more} further changes are in the report" if more > 0 else ""
    console.print(f"since {comparison.source}: {counts}, {comparison.n_same} the same{rest}", highlight=False)
