"""The cost exponent that recorded EPSP variability implies, by likelihood.

A presynaptic cell has a log rate r, of which two estimates exist, each with errors and a power of its own,
and one or several connections, whose log variance falls with it:

    x1 = mu1 + r + e1,    x2 = mu2 + g r + e2,    log var = a + b r + c log mean + u + e,

with r ~ N(h (log mean - average), s^2), u shared by the connections of a cell, e of each connection alone:
the error of a variance from few trials is part of it. b = -k 2/(rho + 2) is the slope that a cost of exponent
rho predicts where the mean of x^2 grows as the rate to the power k. Malkin et al. (2023), equation 54b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from scipy.optimize import OptimizeResult, brentq, minimize
from scipy.stats import chi2, ncx2

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.optimal_precision import implied_exponent, precision_slopes
from biophys.palette import BLUE, GREY
from biophys.recordings.recorded_connections import EpspRecordings

_START = (0.0, 0.0, 0.0, 1.0, 0.3, 0.0, -1.5, -2.5, -2.5, -1.0, -0.5)
_BOUNDS = [(None, None)] * 6 + [(-8.0, 3.0)] * 5  # the logarithms of the five sd


def predicted_slope(cost: str, input_power: float = 1.0) -> float:
    """Return the slope of log variance on log rate that a cost predicts: a key of `COST_EXPONENTS`.

    >>> predicted_slope("trafficking")
    -0.5
    """
    return input_power * precision_slopes(COST_EXPONENTS[cost]).on_input_power


@dataclass(frozen=True, eq=False)
class SlopeFit:
    """The slope b of log variance on log rate by maximum likelihood, and how well others fit.

    Parameters
    ----------
    slope, log_likelihood : at the maximum
    parameters : mu1, mu2, a, c, g, h, and log s, log sd e1, log sd e2, log sd u, log sd e
    cells : number of cells with as many connections, and second moments of what was recorded of them
    """

    slope: float
    log_likelihood: float
    parameters: np.ndarray
    cells: Sequence[tuple[float, np.ndarray]]

    @property
    def n_cells(self) -> int:
        """Number of presynaptic cells."""
        return round(sum(n for n, _ in self.cells))

    def deviance(self, slope: float) -> float:
        """Return twice the log likelihood that is lost if b is `slope`, everything else refitted."""
        return 2 * (_fit(self.cells, self.parameters, slope).fun + self.log_likelihood)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the profile interval of the slope."""
        limit = chi2.ppf(level, 1)
        ends = []
        for side in (-1.0, 1.0):
            outside = side * 0.1
            while self.deviance(self.slope + outside) < limit and abs(outside) < 20:
                outside *= 2
            ends.append(
                brentq(
                    lambda slope: self.deviance(slope) - limit, self.slope, self.slope + outside, xtol=3e-3
                )
            )
        return ends[0], ends[1]


def fit_variability_slope(recordings: EpspRecordings) -> SlopeFit:
    """Fit how EPSP variance falls with presynaptic rate, with errors in both estimates of the rate.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> recordings = simulated_recordings(-0.75, 400, rng=rng)
    >>> low, high = fit_variability_slope(recordings).interval()
    >>> low < -0.75 < high
    True
    """
    columns = (recordings.rate_mean, recordings.rate_threshold, recordings.variance, recordings.mean)
    x1, x2, y, mean = (np.log(np.asarray(column)) for column in columns)
    cell = np.asarray(recordings.cell)
    mean = mean - mean.mean()
    by_cell = [np.flatnonzero(cell == each) for each in np.unique(cell)]
    cells = []
    for k in sorted({len(each) for each in by_cell}):
        rows = np.array([each for each in by_cell if len(each) == k])
        known = np.column_stack([np.ones(len(rows)), x1[rows[:, 0]], x2[rows[:, 0]], y[rows], mean[rows]])
        cells.append((float(len(rows)), known.T @ known / len(rows)))
    start = np.array(_START)
    start[:3] = x1.mean(), x2.mean(), y.mean()
    best = _fit(cells, start, None)
    return SlopeFit(float(best.x[0]), -float(best.fun), best.x[1:], cells)


def _fit(cells: Sequence[tuple[float, np.ndarray]], start: np.ndarray, slope: float | None) -> OptimizeResult:
    """Minimise the negative log likelihood, over the slope too if there is none."""
    if slope is None:
        return minimize(
            lambda values: _loss(cells, values[0], values[1:]),
            np.concatenate([[-0.6], start]),
            bounds=[(None, None), *_BOUNDS],
            method="L-BFGS-B",
        )
    return minimize(lambda values: _loss(cells, slope, values), start, bounds=_BOUNDS, method="L-BFGS-B")


def _loss(cells: Sequence[tuple[float, np.ndarray]], b: float, values: np.ndarray) -> float:
    """Return the negative log likelihood, but for its constant, of recordings or of their expectation."""
    loss = 0.0
    for n, moments in cells:
        k = (len(moments) - 3) // 2
        residual, covariance = _model(k, b, values)
        scatter = residual @ moments @ residual.T
        loss += 0.5 * n * (np.linalg.slogdet(covariance)[1] + np.trace(np.linalg.solve(covariance, scatter)))
    return loss


def _model(k: int, b: float, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what makes residuals of (1, x1, x2, y, log mean) for k connections, and their covariance."""
    mu1, mu2, a, c, g, h = values[:6]
    s2, of_x1, of_x2, of_cell, of_connection = np.exp(2 * values[6:])
    on_r = np.concatenate([[1.0, g], np.full(k, b)])
    residual = np.zeros((k + 2, 3 + 2 * k))
    residual[:, 0] = -np.concatenate([[mu1, mu2], np.full(k, a)])
    residual[:, 1 : k + 3] = np.eye(k + 2)
    residual[:, k + 3 :] -= np.outer(on_r, np.full(k, h / k))
    residual[2:, k + 3 :] -= c * np.eye(k)
    covariance = s2 * np.outer(on_r, on_r) + np.diag([of_x1, of_x2, *[of_connection] * k])
    covariance[2:, 2:] += of_cell
    return residual, covariance


def cells_to_tell_apart(
    fit: SlopeFit, cost: str, other: str, *, input_power: float = 1.0, power: float = 0.8
) -> float:
    """Return how many cells exclude one cost's exponent where another's is true, in a share of `power`.

    The deviance of the other exponent is noncentral chi-squared, with a noncentrality that grows with the
    number of cells; everything else is as in `fit`. An exponent is excluded by the 95 % interval.
    """
    true, false = (predicted_slope(name, input_power) for name in (cost, other))
    at_truth = _fit(fit.cells, fit.parameters, true).x
    expected = []
    for n, moments in fit.cells:
        k = (len(moments) - 3) // 2
        residual, covariance = _model(k, true, at_truth)
        # Of 1 and log mean as recorded; x1, x2 and y as the model draws them.
        known = np.r_[0, k + 3 : 2 * k + 3]
        drawn = np.zeros((len(moments), k + 1))
        drawn[known] = np.eye(k + 1)
        drawn[1 : k + 3] = -residual[:, known]
        noise = np.zeros_like(moments)
        noise[1 : k + 3, 1 : k + 3] = covariance
        expected.append((n, drawn @ moments[np.ix_(known, known)] @ drawn.T + noise))
    lost = 2 * (_fit(expected, at_truth, false).fun - _loss(expected, true, at_truth))
    needed = brentq(lambda size: ncx2.sf(chi2.ppf(0.95, 1), 1, size) - power, 0.1, 100)
    return needed / lost * fit.n_cells


def simulated_recordings(
    slope: float, n_cells: int, *, rng: np.random.Generator, fit: SlopeFit | None = None
) -> EpspRecordings:
    """Return recordings of cells with one connection each that follow the model with this slope.

    The rest is what explains the recordings of `fit` best if this is their slope.
    """
    values = np.array(_START) if fit is None else _fit(fit.cells, fit.parameters, slope).x
    mean = rng.normal(0.0, 1.0, n_cells)
    residual, covariance = _model(1, slope, values)
    noise = rng.multivariate_normal(np.zeros(3), covariance, n_cells)
    x1, x2, y = (noise - np.column_stack([np.ones(n_cells), mean]) @ residual[:, [0, 4]].T).T
    return EpspRecordings(
        mean=np.exp(mean) * pq.mV,
        variance=np.exp(y) * pq.mV**2,
        rate_mean=np.exp(x1),
        rate_threshold=np.exp(x2),
        cell=np.arange(n_cells),
    )


def draw_deviance(figure: Figure, fit: SlopeFit) -> None:
    """Draw how much worse each cost exponent explains the recordings than the best one."""
    axes = figure.subplots()
    slopes = np.geomspace(-1.0, -0.18, 12)
    exponents = [implied_exponent(float(slope), 1.0) for slope in slopes]
    axes.plot(exponents, [fit.deviance(float(slope)) for slope in slopes], color=BLUE)
    axes.axhline(chi2.ppf(0.95, 1), color=GREY, linestyle="--", label="excluded with 95 % above")
    for cost, rho in COST_EXPONENTS.items():
        axes.axvline(rho, color=MECHANISM_COLOURS[cost], linestyle=":", label=f"{cost}, ρ = {rho:.2g}")
    axes.set(xlabel="cost exponent ρ", ylabel="deviance from the best fit", xlim=(0, 9), ylim=(0, None))
    axes.legend(fontsize=8)
