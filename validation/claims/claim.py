"""Claims in their former shape, for the modules that are not yet split into clauses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from validation.context import Context
from validation.criteria import Answer, Criterion
from validation.estimates import ALPHA, Estimate
from validation.registry import ClaimFigure, Evidence, Measure
from validation.statement import Claim as StatedClaim
from validation.statement import Clause, Rendering, Verdict, worst_of
from validation.statement import Measurement as Row

__all__ = [
    "Claim",
    "ClaimFigure",
    "Context",
    "Evidence",
    "Measure",
    "Measurement",
    "Rendering",
    "Verdict",
    "combined_verdict",
]


class _Unsplit(Criterion):
    """The measuring function itself says what came out, in whatever rendering it measured."""

    is_unsplit = True

    def answer(self, estimate: Any, alpha: float = ALPHA) -> Answer:
        raise NotImplementedError("the claim is not split into clauses")

    def __str__(self) -> str:
        return "as published"


class Claim(StatedClaim):
    """A claim of a single clause."""

    def __init__(
        self, id: str, statement: str, source: str, expected: str, known_deviation: str = ""
    ) -> None:
        paper, _, place = source.partition(", ")
        clause = Clause(f"{id}a", statement, place or paper, _Unsplit(), expected)
        super().__init__(id, statement, paper, (clause,), known_deviation)


class Measurement(Row):
    """A row whose verdict was decided by the function that measured it."""

    def __init__(
        self,
        claim: str,
        rendering: Rendering,
        quantity: str,
        measured: float | None,
        verdict: Verdict,
        condition: Mapping[str, Any] | None = None,
        published: float | str | None = None,
        interval: tuple[float, float] | None = None,
        n: int | None = None,
        reason: str = "",
        is_supporting: bool = False,
    ) -> None:
        estimate = None
        if measured is not None:
            ends = None if interval is None else partial(_given, interval)
            estimate = Estimate(float(measured), ends, None if n is None else int(n))
        super().__init__(
            claim,
            "" if is_supporting else f"{claim}a",
            rendering,
            quantity,
            estimate,
            verdict,
            condition or {},
            published,
            reason=reason,
        )

    @property
    def is_supporting(self) -> bool:
        """Whether it decides nothing."""
        return self.is_observation


def combined_verdict(measurements: Iterable[Row]) -> Verdict:
    """Return the worst verdict of the rows that decide something."""
    return worst_of(m.verdict for m in measurements if not m.is_observation)


def _given(interval: tuple[float, float], alpha: float) -> tuple[float, float]:
    return interval
