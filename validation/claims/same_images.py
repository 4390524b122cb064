"""What two classifiers' answers to the same images say of the difference between their accuracies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from validation.claims.claim import Verdict
from validation.claims.interval_verdicts import verdict_above

_95_PERCENT = 1.959963984540054


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two accuracies on the same images.

    Parameters
    ----------
    mean
        Accuracy of the first less that of the second.
    interval
        95 % confidence interval over images.
    standard_error
        Of the second accuracy alone: the margin within which the first counts as being as good.
    n
        Number of images.
    """

    mean: float
    interval: tuple[float, float]
    standard_error: float
    n: int

    def verdict_as_good(self) -> Verdict:
        """Return whether the first is at most one standard error worse, judged by the interval."""
        low, high = self.interval
        if low >= -self.standard_error:
            return Verdict.REPRODUCED
        return Verdict.NOT_REPRODUCED if high < -self.standard_error else Verdict.INCONCLUSIVE

    def verdict_above(self, bound: float = 0.0) -> Verdict:
        """Return whether the difference lies above `bound`, judged by the interval."""
        return verdict_above(self.interval, bound)


def paired_difference(first: ArrayLike, second: ArrayLike) -> PairedDifference:
    """Return the difference of two accuracies with the interval of Agresti and Min for matched pairs.

    Half an image is added to each cell of the 2x2 table, so that two classifiers that never differ still have
    an interval.

    Parameters
    ----------
    first, second
        Whether each image was answered rightly, shape (image,), the same images in the same order.

    Raises
    ------
    ValueError
        If the shapes differ or there is no image.

    References
    ----------
    Agresti A, Min Y (2005). "Simple improved confidence intervals for comparing matched proportions". Stat
    Med 24:729-740, doi:10.1002/sim.1781.

    Examples
    --------
    >>> of = paired_difference([True] * 95 + [False] * 5, [True] * 93 + [False] * 7)
    >>> round(of.mean, 3), tuple(round(end, 3) for end in of.interval)
    (0.02, (-0.013, 0.053))
    """
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.shape != other.shape or one.ndim != 1 or not one.size:
        raise ValueError(f"expected answers to the same images, got shapes {one.shape} and {other.shape}")
    n, ahead, behind = one.size, float(np.sum(one & ~other)), float(np.sum(other & ~one))
    centre = (ahead - behind) / (n + 2)
    error = np.sqrt((ahead + behind + 1) - (ahead - behind) ** 2 / (n + 2)) / (n + 2)
    accuracy = float(other.mean())
    return PairedDifference(
        mean=(ahead - behind) / n,
        interval=(float(centre - _95_PERCENT * error), float(centre + _95_PERCENT * error)),
        standard_error=float(np.sqrt(accuracy * (1 - accuracy) / n)),
        n=n,
    )


def accuracy_interval(right: ArrayLike) -> tuple[float, float]:
    """Return Wilson's 95 % interval of the share of right answers, shape (image,).

    Examples
    --------
    >>> tuple(round(end, 3) for end in accuracy_interval([1] * 95 + [0] * 5))
    (0.888, 0.978)
    """
    given = np.asarray(right, dtype=float)
    n, share, z = given.size, float(given.mean()), _95_PERCENT
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return float(centre - half), float(centre + half)
