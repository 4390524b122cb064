"""How far the means of two groups of networks are apart, without assuming that they spread alike."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike
from scipy.stats import t as student_t

from validation.claims.claim import Verdict
from validation.claims.interval_verdicts import verdict_above
from validation.claims.over_seeds import SeedEstimate, seed_estimate


@dataclass(frozen=True)
class Difference:
    """Mean of one group minus that of another, judged by Welch's test.

    Parameters
    ----------
    mean
        The difference.
    variances
        Squared standard error of either mean.
    sizes
        Networks in either group.

    Examples
    --------
    >>> found = difference([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    >>> round(found.mean, 3), round(found.t, 3), round(found.df, 1)
    (1.0, 1.225, 4.0)
    """

    mean: float
    variances: tuple[float, float]
    sizes: tuple[int, int]

    @property
    def n(self) -> int:
        """Networks in both groups together."""
        return sum(self.sizes)

    @property
    def standard_error(self) -> float:
        """Standard error of the difference."""
        return sum(self.variances) ** 0.5

    @property
    def df(self) -> float:
        """Degrees of freedom (Welch and Satterthwaite); nan where neither group spreads."""
        shares = [
            v**2 / (n - 1) if n > 1 else float("nan") for v, n in zip(self.variances, self.sizes, strict=True)
        ]
        return sum(self.variances) ** 2 / sum(shares) if sum(shares) else float("nan")

    @property
    def t(self) -> float:
        """Student's statistic of no difference."""
        return self.mean / self.standard_error if self.standard_error else float("nan")

    @property
    def p_value(self) -> float:
        """Two-sided probability of a statistic as large without a difference."""
        return float(2 * student_t.sf(abs(self.t), self.df))

    @property
    def pooled_t(self) -> float:
        """Statistic of the independent t-test for groups that spread alike, with n - 2 degrees of freedom."""
        first, second = self.sizes
        squares = sum(v * n * (n - 1) for v, n in zip(self.variances, self.sizes, strict=True))
        pooled = squares / (self.n - 2) * (1 / first + 1 / second) if self.n > 2 else float("nan")
        return self.mean / pooled**0.5 if pooled else float("nan")

    @property
    def pooled_p_value(self) -> float:
        """Two-sided probability for `pooled_t`."""
        return float(2 * student_t.sf(abs(self.pooled_t), self.n - 2))

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % confidence interval."""
        return float(student_t.ppf(0.975, self.df) * self.standard_error)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval."""
        return self.mean - self.half_width, self.mean + self.half_width

    def verdict_above(self, bound: float = 0.0) -> Verdict:
        """Return whether the difference lies above `bound`, judged by the interval."""
        return verdict_above(self.interval, bound)

    def __str__(self) -> str:
        if min(self.sizes) < 2:
            return f"no test with {self.sizes[0]} and {self.sizes[1]} networks"
        return (
            f"Welch's t = {self.t:.2f}, {self.df:.1f} df, p = {self.p_value:.2g}; "
            f"independent t-test t({self.n - 2}) = {self.pooled_t:.2f}, p = {self.pooled_p_value:.2g}"
        )


def difference(first: ArrayLike, second: ArrayLike) -> Difference:
    """Return how much larger the mean of the first group is than that of the second."""
    own, other = seed_estimate(first), seed_estimate(second)
    return Difference(own.mean - other.mean, (_variance(own), _variance(other)), (own.n, other.n))


def from_published(measured: SeedEstimate, mean: float, standard_error: float, n: int) -> Difference:
    """Return how much larger a measured mean is than a published one of `n` networks."""
    return Difference(measured.mean - mean, (_variance(measured), standard_error**2), (measured.n, n))


def _variance(estimate: SeedEstimate) -> float:
    """Return the squared standard error of a mean."""
    return estimate.sd**2 / estimate.n if estimate.n else float("nan")
