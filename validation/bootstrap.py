"""Bootstrap intervals of statistics that take weights, so that all resamples are computed in one pass.

A resample of n rows is the number of times that each row was drawn. A statistic of weighted rows therefore
needs no copied rows, and drawing whole clusters is the same as drawing rows, with equal weights in a cluster.

References
----------
Efron B (1987). Better bootstrap confidence intervals. Journal of the American Statistical Association
82:171-185. doi:10.1080/01621459.1987.10478410
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

Statistic = Callable[[np.ndarray], np.ndarray]
"""Takes weights of shape (m, n), one row for each resample, and returns m numbers."""


@dataclass(frozen=True, eq=False)
class BootstrapEstimate:
    """A statistic of a sample, of its resamples, and of the sample without each unit in turn.

    Parameters
    ----------
    value
        The statistic of the whole sample.
    resampled
        The statistic of each resample, shape (m,).
    jackknifed
        The statistic without each unit (row, or cluster of rows), shape (n_units,).
    """

    value: float
    resampled: np.ndarray
    jackknifed: np.ndarray

    @property
    def n_units(self) -> int:
        """Number of units that were drawn: rows, or clusters of rows."""
        return len(self.jackknifed)

    @property
    def standard_error(self) -> float:
        """Standard deviation of the resampled statistic."""
        return float(np.std(self.resampled, ddof=1))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the bias-corrected and accelerated (BCa) confidence interval.

        Parameters
        ----------
        level
            Its coverage, in (0, 1).

        Raises
        ------
        ValueError
            If `level` is not in (0, 1).
        """
        if not 0 < level < 1:
            raise ValueError(f"level must be in (0, 1), for example 0.95, got {level}")
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        low, high = np.quantile(self.resampled, self._corrected(tails))
        return float(low), float(high)

    def _corrected(self, tails: np.ndarray) -> np.ndarray:
        """Return the quantiles that correct for median bias and for a spread that changes with the value."""
        n_below = np.sum(self.resampled < self.value) + 0.5 * np.sum(self.resampled == self.value)
        # A statistic beyond all its resamples would ask for a quantile beyond all of them.
        n = len(self.resampled)
        bias = norm.ppf(np.clip(n_below, 0.5, n - 0.5) / n)
        shifted = bias + norm.ppf(tails)
        return norm.cdf(bias + shifted / (1 - self._acceleration() * shifted))

    def _acceleration(self) -> float:
        deviation = self.jackknifed.mean() - self.jackknifed
        spread = np.sum(deviation**2)
        return float(np.sum(deviation**3) / (6 * spread**1.5)) if spread > 0 else 0.0


def bootstrap(
    statistic: Statistic,
    n: int,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    n_resamples: int = 4000,
) -> BootstrapEstimate:
    """Return `statistic` of n rows with its bootstrap distribution.

    Parameters
    ----------
    statistic
        Takes weights of shape (m, n), the number of times that each row counts, and returns m numbers.
    n
        Number of rows.
    rng
        Draws the resamples.
    clusters
        Which cluster each row belongs to, shape (n,): whole clusters are drawn. By default every row is one.
    n_resamples
        Number of resamples. Those for which the statistic is not finite are left out.

    Raises
    ------
    ValueError
        If there are fewer than three units to draw, or the statistic is finite for less than half of the
        resamples.

    Examples
    --------
    >>> import numpy as np
    >>> heights = np.array([4.1, 3.8, 5.0, 4.4, 4.9, 3.9, 4.6, 4.2])
    >>> mean = bootstrap(lambda w: w @ heights / w.sum(1), 8, rng=np.random.default_rng(1))
    >>> round(mean.value, 4), tuple(round(end, 1) for end in mean.interval())
    (4.3625, (4.1, 4.7))
    """
    _, unit = np.unique(np.arange(n) if clusters is None else np.asarray(clusters), return_inverse=True)
    if unit.shape != (n,):
        raise ValueError(f"clusters must have shape ({n},), one for each row, got {unit.shape}")
    n_units = int(unit.max()) + 1 if n else 0
    if n_units < 3:
        raise ValueError(f"a bootstrap needs at least three units to draw, got {n_units}")
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_resamples)
    resampled = statistic(drawn[:, unit].astype(float))
    resampled = resampled[np.isfinite(resampled)]
    if 2 * len(resampled) < n_resamples:
        raise ValueError(f"the statistic is finite for only {len(resampled)} of {n_resamples} resamples")
    jackknifed = statistic(1.0 - np.eye(n_units)[:, unit])
    return BootstrapEstimate(float(statistic(np.ones((1, n)))[0]), resampled, jackknifed)
