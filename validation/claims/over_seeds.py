"""What trained networks, one per seed, or other units say of a mean: Student's interval and verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student_t

from validation.claims.claim import Verdict
from validation.claims.interval_verdicts import verdict_above, verdict_within

_SCALES: dict[str, tuple[Callable, Callable]] = {
    "plain": (np.asarray, float),
    "correlation": (np.arctanh, np.tanh),
    "ratio": (np.log, np.exp),
}


@dataclass(frozen=True)
class SeedEstimate:
    """Mean of independent networks or other units, taken on a scale on which values spread evenly.

    Parameters
    ----------
    centre, sd
        Mean and standard deviation on that scale; the latter is nan for fewer than two networks.
    n
        Number of networks, those that diverged left out.
    scale
        ``"plain"``, ``"correlation"`` (Fisher's arc tangent) or ``"ratio"`` (logarithm).

    Examples
    --------
    >>> of = seed_estimate([1.0, 1.2, 1.1])
    >>> round(of.mean, 3), tuple(round(end, 3) for end in of.interval)
    (1.1, (0.852, 1.348))
    """

    centre: float
    sd: float
    n: int
    scale: str = "plain"

    @property
    def mean(self) -> float:
        """The mean."""
        return self._back(self.centre)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the mean; nan for fewer than two networks."""
        return self._around(1 / self.n if self.n else np.nan)

    @property
    def next_network(self) -> tuple[float, float]:
        """Interval that holds the value of one further network with 95 % probability."""
        return self._around(1 + 1 / self.n if self.n else np.nan)

    def verdict_above(self, bound: float) -> Verdict:
        """Return whether the mean lies above `bound`, judged by its interval."""
        return verdict_above(self.interval, bound)

    def verdict_within(self, expected: float, margin: float) -> Verdict:
        """Return whether the interval lies within `margin` of `expected`, outside, or across its edge."""
        return verdict_within(self.interval, expected, margin)

    def could_give(self, published: float) -> bool:
        """Return whether one further network could have had the published value (95 %)."""
        low, high = self.next_network
        return low <= published <= high

    def _around(self, variances: float) -> tuple[float, float]:
        if self.n < 2:
            return float("nan"), float("nan")
        half = float(student_t.ppf(0.975, self.n - 1) * self.sd * np.sqrt(variances))
        return self._back(self.centre - half), self._back(self.centre + half)

    def _back(self, value: float) -> float:
        return float(_SCALES[self.scale][1](value))


def seed_estimate(values: ArrayLike, scale: str = "plain") -> SeedEstimate:
    """Return the estimate from one value per network; nan values are networks that diverged.

    Parameters
    ----------
    values
        One per network.
    scale
        See `SeedEstimate`.
    """
    found = np.asarray(values, dtype=float).ravel()
    found = np.asarray(_SCALES[scale][0](found[np.isfinite(found)]), dtype=float)
    if not found.size:
        return SeedEstimate(float("nan"), float("nan"), 0, scale)
    sd = float(found.std(ddof=1)) if found.size > 1 else float("nan")
    return SeedEstimate(float(found.mean()), sd, found.size, scale)
