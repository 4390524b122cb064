"""What an estimate must be for a clause to hold, and what it says of that: yes, no, or open.

Every criterion is fixed in the source, beside the clause, before the run. An interval that is too wide leaves
it open: it never shows that a value is the published one.
"""

import enum
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from biophys.estimates import ALPHA, Estimate


class Answer(enum.Enum):
    """What an estimate says of a criterion."""

    YES = "yes"
    NO = "no"
    OPEN = "open"


class Criterion(ABC):
    """What an estimate must be for a clause to hold: fixed in the source, before the run."""

    @abstractmethod
    def answer(self, estimate: Any, alpha: float = ALPHA) -> Answer:
        """Return what `estimate` says, at most `alpha` of wrong answers."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the criterion as a reader would write it."""

    @property
    def region(self) -> tuple[float, float]:
        """Where a value must lie, for drawings."""
        return -math.inf, math.inf

    def shown(self, estimate: Any) -> tuple[str, Estimate]:
        """Return the estimate that stands for all, and its label; of a single one there is no label."""
        return "", estimate


@dataclass(frozen=True)
class _Region(Criterion):
    """The true value lies in a region: yes if the whole interval does, no if none of it does.

    Of an identity, which `is_exact` up to the error of the arithmetic, the value decides, not its interval.
    """

    low: float
    high: float
    text: str
    is_exact: bool = False

    def answer(self, estimate: Estimate, alpha: float = ALPHA) -> Answer:
        if self.is_exact:
            return Answer.YES if self.slack(estimate) >= 0 else Answer.NO
        interval = estimate.interval_at(alpha)
        if interval is None:
            return Answer.OPEN
        low, high = interval
        if self.low < low and high < self.high:
            return Answer.YES
        return Answer.NO if high < self.low or self.high < low else Answer.OPEN

    @property
    def region(self) -> tuple[float, float]:
        return self.low, self.high

    def slack(self, estimate: Estimate) -> float:
        """Return how far the interval lies within the region; negative where it reaches out of it."""
        low, high = (None if self.is_exact else estimate.interval) or (estimate.value, estimate.value)
        return min(low - self.low, self.high - high)

    def __str__(self) -> str:
        return self.text


def above(bound: float) -> _Region:
    """Return the criterion that a value lies above `bound`.

    >>> from brianpresyn.biophys.estimates import gaussian
    >>> [above(0.0).answer(gaussian(value, 0.1)).value for value in (0.3, 0.1, -0.3)]
    ['yes', 'open', 'no']
    """
    return _Region(bound, math.inf, f"> {bound:g}")


def below(bound: float) -> _Region:
    """Return the criterion that a value lies below `bound`."""
    return _Region(-math.inf, bound, f"< {bound:g}")


def equals(published: float, margin: float) -> _Region:
    """Return the criterion that a value is the published one, but for `margin` (two one-sided tests).

    >>> from brianpresyn.biophys.estimates import gaussian
    >>> [equals(82.9, 1.0).answer(gaussian(83.0, error)).value for error in (0.2, 2.0)]
    ['yes', 'open']
    """
    return _Region(published - margin, published + margin, f"{published:g} ± {margin:g}")


def between(low: float, high: float) -> _Region:
    """Return the criterion that a value lies between two bounds: `equals` on a scale that is not even."""
    return _Region(low, high, f"{low:g} to {high:g}")


@dataclass(frozen=True)
class _Significant(Criterion):
    """The test that the paper used is significant, with the published sign."""

    level: float
    sign: int

    def answer(self, estimate: Estimate, alpha: float = ALPHA) -> Answer:
        level = self.level * alpha / ALPHA
        if estimate.p is not None:
            has_sign = self.sign * estimate.value > 0
            return Answer.OPEN if not estimate.p < level else Answer.YES if has_sign else Answer.NO
        side = above(0.0) if self.sign > 0 else below(0.0)
        if side.answer(estimate, level) is Answer.YES:
            return Answer.YES
        return Answer.NO if side.answer(estimate, alpha) is Answer.NO else Answer.OPEN

    @property
    def region(self) -> tuple[float, float]:
        return (0.0, math.inf) if self.sign > 0 else (-math.inf, 0.0)

    def __str__(self) -> str:
        return f"{'>' if self.sign > 0 else '<'} 0, p < {self.level:g}"


def significant(level: float, *, sign: int = 1) -> _Significant:
    """Return the criterion that the published test gives p below `level`, with the published sign.

    A p-value above the level leaves it open; the other sign at 95 % refutes it.
    """
    return _Significant(level, sign)


def exact(expected: float, tolerance: float) -> _Region:
    """Return the criterion of an identity: a number without sampling error is what it should be.

    >>> from brianpresyn.biophys.estimates import exactly
    >>> exact(0.5, 1e-9).answer(exactly(0.5 + 1e-12)).value
    'yes'
    """
    text = f"{expected:g} ± {tolerance:g}"
    return _Region(expected - tolerance, expected + tolerance, text, is_exact=True)


@dataclass(frozen=True)
class _InEvery(Criterion):
    """A criterion holds for each of several estimates; what refutes is corrected for their number."""

    each: _Region
    text: str

    def answer(self, estimate: Mapping[str, Estimate], alpha: float = ALPHA) -> Answer:
        several = list(estimate.values())
        # One of k refutes all, so each may be wrong k times more seldom; to hold, all must.
        if any(self.each.answer(case, alpha / len(several)) is Answer.NO for case in several):
            return Answer.NO
        holds = bool(several) and all(self.each.answer(case, alpha) is Answer.YES for case in several)
        return Answer.YES if holds else Answer.OPEN

    @property
    def region(self) -> tuple[float, float]:
        return self.each.region

    def shown(self, estimate: Mapping[str, Estimate]) -> tuple[str, Estimate]:
        # One without an interval is the least certain.
        return min(estimate.items(), key=lambda item: (bool(item[1].interval), self.each.slack(item[1])))

    def __str__(self) -> str:
        return self.text


def in_every(criterion: _Region, what: str = "every case") -> _InEvery:
    """Return the criterion that another holds for each of several estimates, given by their labels.

    >>> from brianpresyn.biophys.estimates import gaussian
    >>> advantage = {"0.1": gaussian(2.0, 0.3), "0.5": gaussian(1.0, 0.8)}
    >>> print(in_every(above(0.0), "fraction"), in_every(above(0.0)).answer(advantage).value, sep=": ")
    > 0 in every fraction: open
    """
    return _InEvery(criterion, f"{criterion} in {what if what.startswith('every') else 'every ' + what}")


def monotone(*, rising: bool = True) -> _InEvery:
    """Return the criterion that every step of a curve goes the same way, from estimates of the steps."""
    return _InEvery(above(0.0) if rising else below(0.0), f"{'rises' if rising else 'falls'} at every step")


def same_order() -> _InEvery:
    """Return the criterion that values come in the published order, from estimates of each less the next."""
    return _InEvery(above(0.0), "in the published order")
