"""Numbers with their uncertainty: an estimate gives its interval at any level, from one and the same test.

References
----------
Agresti A, Min Y (2005). Simple improved confidence intervals for comparing matched proportions. Statistics in
Medicine 24:729-740. doi:10.1002/sim.1781
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

ALPHA = 0.05
"""Intervals that are shown hold the true value in 95 % of experiments."""

# p-values stop here: further out scipy's quantiles of Student's distribution are no longer finite.
_SMALLEST_P = 1e-100

_SCALES: dict[str, tuple[Callable, Callable]] = {
    "plain": (np.asarray, float),
    "correlation": (np.arctanh, np.tanh),
    "ratio": (np.log, np.exp),
}


@dataclass(frozen=True)
class Estimate:
    """A number, how sure it is, and what it is a number of.

    >>> of = mean_of([1.0, 1.2, 1.1], unit="networks")
    >>> round(of.value, 3), tuple(round(end, 3) for end in of.interval), of.n, of.unit
    (1.1, (0.852, 1.348), 3, 'networks')
    >>> round(of.p_against(1.0), 3)
    0.225
    """

    value: float
    # Both ends of the interval that is missed with this probability; pickled between processes.
    ends: Callable[[float], tuple[float, float]] | None = field(default=None, repr=False)
    n: int | None = None  # size of the sample
    unit: str = ""  # what n counts, for example "networks"
    kind: str = ""  # what the interval is, for example "t" or "BCa bootstrap"; empty without one
    how: str = ""  # how the number came about, for the reader
    p: float | None = None  # two-sided, of a test that is not that of the interval

    def interval_at(self, alpha: float) -> tuple[float, float] | None:
        """Return the interval that misses the true value with probability `alpha`; None without one."""
        low, high = (math.nan, math.nan) if self.ends is None else self.ends(alpha)
        return (float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval."""
        return self.interval_at(ALPHA)

    def p_against(self, bound: float) -> float | None:
        """Return the two-sided p-value of the hypothesis that the true value is `bound`.

        It is the probability at which an end of the interval reaches the bound: interval and p-value are
        those of one test.
        """
        from scipy.optimize import brentq

        if self.interval is None or self.ends is None:
            return None
        side, ends = (0 if self.value > bound else 1), self.ends

        def beyond(log_alpha: float) -> float:
            return (ends(math.exp(log_alpha))[side] - bound) * (1 - 2 * side)

        low, high = math.log(_SMALLEST_P), math.log(1 - 1e-12)
        if beyond(high) <= 0:
            return 1.0
        if not beyond(low) <= 0:
            return _SMALLEST_P
        return float(math.exp(brentq(beyond, low, high)))

    @property
    def detectable(self) -> float | None:
        """The distance from a bound that a sample like this one shows with a probability of 80 %."""
        # The upper 80 % quantile is the end of a two-sided interval of 60 %.
        intervals = [self.interval_at(alpha) for alpha in (ALPHA, 0.4)]
        halves = [(interval[1] - interval[0]) / 2 for interval in intervals if interval is not None]
        return sum(halves) if len(halves) == len(intervals) else None


def exactly(value: float, *, n: int | None = None, unit: str = "", how: str = "") -> Estimate:
    """Return a number without error: the outcome of a formula, or a count."""
    return Estimate(float(value), None, n, unit, "", how)


def in_range(value: float, ends: tuple[float, float], kind: str, how: str = "") -> Estimate:
    """Return a number without sampling error that lies in a range, the same at every level."""
    return Estimate(float(value), partial(_at_every_level, ends), kind=kind, how=how)


def _at_every_level(ends: tuple[float, float], alpha: float) -> tuple[float, float]:
    return ends


def mean_of(values: ArrayLike, scale: str = "plain", *, unit: str, how: str = "") -> Estimate:
    """Return the mean of independent units with Student's interval; values that are nan are left out.

    The values spread evenly on the `scale`: ``"plain"``, ``"correlation"`` (arc tangent) or ``"ratio"``
    (logarithm, so that the mean is geometric).

    >>> mean_of([0.5, 2.0], "ratio", unit="networks").value
    1.0
    """
    finite = np.asarray(values, dtype=float).ravel()
    finite = np.asarray(_SCALES[scale][0](finite[np.isfinite(finite)]), dtype=float)
    n = finite.size
    centre = float(finite.mean()) if n else math.nan
    error = float(finite.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return student(centre, error, n - 1, scale, n=n, unit=unit, how=how)


def means_along(
    values: Any, dims: str | Sequence[str], scale: str = "plain", *, unit: str = "networks", how: str = ""
) -> dict[str, Estimate]:
    """Return the mean of an `xarray.DataArray` at each place along `dims`, the conditions, by its label.

    What is left are the units; the other arguments are those of `mean_of`.

    >>> import xarray as xr
    >>> seen = xr.DataArray([[1.0, 3.0], [5.0, 7.0]], {"rho": [0.5, 2.0], "seed": [1, 2]}, ("rho", "seed"))
    >>> {label: mean.value for label, mean in means_along(seen, "rho").items()}
    {'0.5': 2.0, '2': 6.0}
    """
    names = [dims] if isinstance(dims, str) else list(dims)
    means = {}
    for coordinates in itertools.product(*(values[name].values for name in names)):
        words = [str(at) if isinstance(at, str) else f"{at:.3g}" for at in coordinates]
        labels = [words] if isinstance(dims, str) else zip(names, words, strict=True)
        label = ", ".join(map(" ".join, labels))
        means[label] = mean_of(
            values.sel(dict(zip(names, coordinates, strict=True))), scale, unit=unit, how=how
        )
    return means


def student(
    centre: float,
    standard_error: float,
    df: float,
    scale: str = "plain",
    *,
    n: int | None,
    unit: str,
    kind: str = "t",
    how: str = "",
) -> Estimate:
    """Return the estimate with Student's interval about `centre`, both taken back from `scale`."""
    ends = partial(_student_ends, centre, standard_error, df, scale)
    return Estimate(float(_SCALES[scale][1](centre)), ends, n, unit, kind, how)


def _student_ends(centre: float, error: float, df: float, scale: str, alpha: float) -> tuple[float, float]:
    half = -float(stdtrit(df, alpha / 2)) * error if df > 0 else math.nan
    back = _SCALES[scale][1]
    return float(back(centre - half)), float(back(centre + half))


def difference_of(
    first: ArrayLike, second: ArrayLike, *, unit: str, is_pooled: bool = False, how: str = ""
) -> Estimate:
    """Return how much larger the mean of a first group is than that of a second one, of any size.

    By Welch's test, or, pooled, by the independent t-test of groups that spread alike.

    >>> of = difference_of([2.0, 3.0, 4.0], [1.0, 2.0, 3.0], unit="networks")
    >>> of.value, tuple(round(end, 2) for end in of.interval)
    (1.0, (-1.27, 3.27))
    """
    means, squared, sizes = zip(*(_mean_and_squared_error(values) for values in (first, second)), strict=True)
    if not is_pooled:
        shares = sum(s**2 / (n - 1) if n > 1 else math.nan for s, n in zip(squared, sizes, strict=True))
        kind, error = "Welch t", math.sqrt(sum(squared))
        df = sum(squared) ** 2 / shares if shares else math.nan
    elif min(sizes) < 1 or sum(sizes) < 3:
        kind, error, df = "t", math.nan, 0.0
    else:
        kind, df = "pooled t", float(sum(sizes) - 2)
        scatter = sum(s * n * (n - 1) for s, n in zip(squared, sizes, strict=True) if n > 1)
        error = math.sqrt(scatter / df * sum(1 / n for n in sizes))
    return student(means[0] - means[1], error, df, n=sum(sizes), unit=unit, kind=kind, how=how)


def _mean_and_squared_error(values: ArrayLike) -> tuple[float, float, int]:
    finite = np.asarray(values, dtype=float).ravel()
    finite = finite[np.isfinite(finite)]
    n = finite.size
    squared = float(finite.var(ddof=1)) / n if n > 1 else math.nan
    return float(finite.mean()) if n else math.nan, squared, n


def share_of(right: ArrayLike, *, unit: str, how: str = "") -> Estimate:
    """Return a share with Wilson's interval.

    >>> of = share_of([1] * 95 + [0] * 5, unit="images")
    >>> of.value, tuple(round(end, 3) for end in of.interval)
    (0.95, (0.888, 0.978))
    """
    given = np.asarray(right, dtype=bool).ravel()
    ends = partial(_wilson_ends, int(given.sum()), given.size)
    return Estimate(float(given.mean()), ends, given.size, unit, "Wilson", how)


def _wilson_ends(n_right: int, n: int, alpha: float) -> tuple[float, float]:
    z, share = -float(ndtri(alpha / 2)), n_right / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


def paired_difference(
    first: ArrayLike, second: ArrayLike, *, unit: str = "images", how: str = ""
) -> Estimate:
    """Return the difference of two shares over the same units, with the interval of Agresti and Min.

    Half a unit is added to each cell of the 2x2 table, so that two classifiers that never differ still have
    an interval. `first` and `second` say whether each unit was answered rightly, in the same order.

    >>> of = paired_difference([True] * 95 + [False] * 5, [True] * 93 + [False] * 7)
    >>> round(of.value, 3), tuple(round(end, 3) for end in of.interval)
    (0.02, (-0.013, 0.053))
    """
    former, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if former.shape != other.shape or former.ndim != 1 or not former.size:
        raise ValueError(f"expected answers to the same {unit}, got shapes {former.shape} and {other.shape}")
    ahead, behind = int(np.sum(former & ~other)), int(np.sum(other & ~former))
    ends = partial(_agresti_min_ends, ahead, behind, former.size)
    return Estimate((ahead - behind) / former.size, ends, former.size, unit, "Agresti-Min", how)


def _agresti_min_ends(ahead: int, behind: int, n: int, alpha: float) -> tuple[float, float]:
    centre = (ahead - behind) / (n + 2)
    error = math.sqrt((ahead + behind + 1) - (ahead - behind) ** 2 / (n + 2)) / (n + 2)
    half = -float(ndtri(alpha / 2)) * error
    return centre - half, centre + half


def standard_error_of_share(right: ArrayLike) -> float:
    """Return the standard error of a share, for example of right answers."""
    share = float(np.mean(np.asarray(right, dtype=float)))
    return math.sqrt(share * (1 - share) / np.size(right))


def gaussian(
    value: float, standard_error: float, *, n: int | None = None, unit: str = "", how: str = ""
) -> Estimate:
    """Return an estimate of a known standard error, normal intervals."""
    return student(float(value), float(standard_error), math.inf, n=n, unit=unit, kind="normal", how=how)


def mean_of_known(
    values: ArrayLike, standard_errors: ArrayLike, *, n: int | None = None, unit: str = "", how: str = ""
) -> Estimate:
    """Return the mean of independent numbers of known standard errors, normal intervals.

    >>> tuple(round(end, 2) for end in mean_of_known([1.0, 1.2], [0.03, 0.04]).interval)
    (1.05, 1.15)
    """
    error = float(np.sqrt(np.sum(np.square(standard_errors)))) / np.size(values)
    return gaussian(float(np.asarray(values, dtype=float).mean()), error, n=n, unit=unit, how=how)


def transformed(estimate: Estimate, function: Callable[[float], float], how: str = "") -> Estimate:
    """Return a monotone function (one to be pickled) of an estimate, its interval at every level taken along.

    >>> doubled = transformed(gaussian(1.0, 0.1), float(2).__mul__)
    >>> doubled.value, tuple(round(end, 3) for end in doubled.interval)
    (2.0, (1.608, 2.392))
    """
    ends = partial(_transformed_ends, estimate, function)
    value = float(function(estimate.value))
    return replace(estimate, value=value, ends=ends, how=how or estimate.how, p=None)


def _transformed_ends(
    estimate: Estimate, function: Callable[[float], float], alpha: float
) -> tuple[float, float]:
    low, high = sorted(map(function, estimate.interval_at(alpha) or (math.nan, math.nan)))
    return float(low), float(high)
