"""The picture that opens the report: every clause as one line, from what was published to what was measured.

Each line has a scale of its own. Green is where the clause says that the value lies, the upright mark the
published value, the full dot with its bar the estimate at full size (`validation.full_results`), and the
hollow one that of the present run.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from validation.report_text import estimate_text, number_text
from validation.statement import Claim, Clause, Measurement, Verdict, published_value, verdict_on

WIDTH, HEIGHT = 110, 14
_MARGIN = 5


@dataclass(frozen=True)
class ClauseLine:
    """A clause beside what was measured of it: verdict and rows at full size where there is a result."""

    clause: Clause
    verdict: Verdict
    full: Mapping[str, Any] | None
    here: Mapping[str, Any] | None
    """The row that decides, at full size and in the present run, as in ``claims.json``."""

    @property
    def is_full(self) -> bool:
        """Whether the verdict rests on a full-size result."""
        return self.full is not None

    @property
    def shown(self) -> Mapping[str, Any]:
        """The row that stands for the clause: at full size if there is one."""
        return self.full or self.here or {}

    @property
    def value(self) -> str:
        """The estimate as a person would write it."""
        measured = self.shown.get("measured")
        return "" if measured is None else number_text(float(measured))

    @property
    def title(self) -> str:
        """What a pointer held over the line is told."""
        row = self.shown
        parts = [
            f"{self.clause.id} ({self.clause.source}): {self.clause.text}",
            f"published: {number_text(published_value(self.clause))}",
        ]
        if row.get("measured") is not None:
            size = f", n = {row['n']} {row.get('unit', '')}".rstrip() if row.get("n") else ""
            estimate = estimate_text(float(row["measured"]), row.get("interval"))
            parts.append(f"{row['quantity']}: {estimate}{size}")
        if row.get("setting"):
            parts.append(f"other than published: {row['setting']}")
        parts.append(f"{'full size' if self.is_full else 'this run'}: {self.verdict}")
        return "\n".join(parts)

    @property
    def svg(self) -> Markup:
        """The line as a drawing: region of the criterion, published value, full-size and small estimate."""
        low, high = self.clause.criterion.region
        rows = [row for row in (self.here, self.full) if row is not None and row["measured"] is not None]
        published = self.clause.published if isinstance(self.clause.published, (int, float)) else None
        position = _scale([low, high, published, *(end for row in rows for end in _ends(row))])
        left, width = position(low), position(high) - position(low)
        parts = [f'<rect class="region" x="{left:.1f}" y="2" width="{width:.1f}" height="10"/>']
        if published is not None:
            x = position(published)
            parts.append(f'<line class="published" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"/>')
        for row in rows:
            kind = "full" if row is self.full else "here"
            x, first, last = map(position, (float(row["measured"]), min(_ends(row)), max(_ends(row))))
            y = HEIGHT / 2 if kind == "full" else HEIGHT / 2 + 3
            parts.append(f'<line class="{kind}" x1="{first:.1f}" x2="{last:.1f}" y1="{y}" y2="{y}"/>')
            parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="{3 if kind == "full" else 2}"/>')
        # Every piece is a number or a word of this module: nothing in it has to be escaped.
        return Markup(f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>')


def deciding_row(clause: Clause, rows: Iterable[Mapping[str, Any]], verdict: str) -> Mapping[str, Any] | None:
    """Return the first row of a clause that has its verdict, in the rendering in which it is judged."""
    rows = [row for row in rows if row["clause"] == clause.id and row["rendering"] == str(clause.rendering)]
    measured = [row for row in rows if row["measured"] is not None]
    return next((row for row in measured if row["verdict"] == verdict), measured[0] if measured else None)


def clause_lines(
    claims: Sequence[Claim], measurements: Iterable[Measurement], full: Mapping[str, Mapping[str, Any]]
) -> list[ClauseLine]:
    """Return one line for each clause of some claims, with its deciding row at full size out of `full`."""
    measurements = list(measurements)
    rows = [measurement.as_json() for measurement in measurements]
    lines = []
    for clause in (clause for claim in claims for clause in claim.clauses):
        verdict, stored = verdict_on(clause, measurements), full.get(clause.id)
        here = deciding_row(clause, rows, str(verdict))
        verdict = verdict if stored is None else Verdict(stored["clause_verdict"])
        lines.append(ClauseLine(clause, verdict, stored, here))
    return lines


def _ends(row: Mapping[str, Any]) -> list[float]:
    return [float(end) for end in (row["measured"], *(row.get("interval") or ()))]


def _scale(values: Iterable[float | None]) -> Any:
    """Return what places a number on a line, so that all finite values fit; infinite ones lie at its ends."""
    finite = [value for value in values if value is not None and math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    margin = 0.12 * (high - low) or abs(high) or 1.0
    ends = (low - margin, high + margin), (_MARGIN, WIDTH - _MARGIN)
    return lambda value: float(np.interp(value, *ends))
