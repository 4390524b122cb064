"""Bootstrap intervals of statistics that take weights, so that all resamples are computed in one pass.

A resample of n rows is the number of times that each row was drawn. A statistic of weighted rows therefore
needs no copied rows, and drawing whole clusters is the same as drawing rows, with equal weights in a cluster.

References
----------
Efron B (1987). Better bootstrap confidence intervals. Journal of the American Statistical Association
82:171-185. doi:10.1080/01621459.1987.10478410
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from biophys.estimates import Estimate

Statistic = Callable[[np.ndarray], np.ndarray]
"""Takes weights of shape (m, n), one row for each resample, and returns m numbers."""


def bootstrap(
    statistic: Statistic,
    n: int,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    n_resamples: int = 4000,
    unit: str = "rows",
    how: str = "",
) -> Estimate:
    """Return `statistic` of n rows with its bias-corrected and accelerated (BCa) bootstrap interval.

    `statistic` takes weights (m, n), the number of times that each row counts, and returns m numbers;
    resamples for which one is not finite are left out. With `clusters` (n,), the cluster of each row, whole
    clusters are drawn, and n of the estimate counts these; `unit` is what is drawn, in the plural. Raises
    ValueError if there are fewer than three units to draw, or the statistic is finite for less than half of
    the resamples.

    >>> heights = np.array([4.1, 3.8, 5.0, 4.4, 4.9, 3.9, 4.6, 4.2])
    >>> mean = bootstrap(lambda w: w @ heights / w.sum(1), 8, rng=np.random.default_rng(1), unit="plants")
    >>> round(mean.value, 4), tuple(round(end, 1) for end in mean.interval), mean.n, mean.unit
    (4.3625, (4.1, 4.7), 8, 'plants')
    """
    _, cluster = np.unique(np.arange(n) if clusters is None else np.asarray(clusters), return_inverse=True)
    if cluster.shape != (n,):
        raise ValueError(f"clusters must have shape ({n},), one for each row, got {cluster.shape}")
    n_units = int(cluster.max()) + 1 if n else 0
    if n_units < 3:
        raise ValueError(f"a bootstrap needs at least three units to draw, got {n_units}")
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_resamples)
    resampled = statistic(drawn[:, cluster].astype(float))
    resampled = resampled[np.isfinite(resampled)]
    if 2 * len(resampled) < n_resamples:
        raise ValueError(f"the statistic is finite for only {len(resampled)} of {n_resamples} resamples")
    jackknifed = statistic(1.0 - np.eye(n_units)[:, cluster])
    value = float(statistic(np.ones((1, n)))[0])
    return Estimate(
        value, partial(bca_ends, value, resampled, jackknifed), n_units, unit, "BCa bootstrap", how
    )


def bca_ends(
    value: float, resampled: np.ndarray, jackknifed: np.ndarray, alpha: float
) -> tuple[float, float]:
    """Return both ends of Efron's bias-corrected and accelerated interval, missed with probability `alpha`.

    `resampled` (m,) is the statistic of each resample, `jackknifed` that without each unit (row, or cluster).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), for example 0.05, got {alpha}")
    n = len(resampled)
    n_below = np.sum(resampled < value) + 0.5 * np.sum(resampled == value)
    # A statistic beyond all its resamples would ask for a quantile beyond all of them.
    bias = norm.ppf(np.clip(n_below, 0.5, n - 0.5) / n)
    deviation = jackknifed.mean() - jackknifed
    spread = np.sum(deviation**2)
    acceleration = np.sum(deviation**3) / (6 * spread**1.5) if spread > 0 else 0.0
    shifted = bias + norm.ppf([alpha / 2, 1 - alpha / 2])
    low, high = np.quantile(resampled, norm.cdf(bias + shifted / (1 - acceleration * shifted)))
    return float(low), float(high)
