"""The cost exponent that recorded EPSP variability implies, by likelihood.

A presynaptic cell has a log rate r, of which two estimates exist, each with errors and a power of its own,
and one or several connections, whose log variance falls with it:

    x1 = mu1 + r + e1,    x2 = mu2 + g r + e2,    log var = a + b r + c log mean + u + e,

with r ~ N(h (log mean - average), s^2), u shared by the connections of a cell, e of each connection alone:
the error of a variance from few trials is part of it. b = -2/(rho + 2) is the slope that a cost of exponent
rho predicts where the mean of x^2 grows as the rate. Malkin et al. (2023), equation 54b.

A plastic connection has a learning rate eta, log eta = r + h log mean, of which a change of its strength by
induction tells: one recording, with the errors that its moments before and after have from their trials,

    log abs(change) = mu + protocol + log eta + e1,    log var = a + b log eta + c log mean + e,

b = 4/(rho + 2) (equation 54). e1 is the error of the trials alone, or any other scatter of changes as well,
to which a single change for each connection sets no limit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from scipy.optimize import OptimizeResult, brentq, minimize
from scipy.stats import chi2, ncx2

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.estimates import ALPHA, Estimate, exactly
from biophys.optimal_precision import precision_slopes
from biophys.palette import BLUE, GREY
from biophys.recordings.recorded_connections import N_SITES, EpspRecordings, PlasticityRecordings
from biophys.recordings.release_moments import release_cumulants

_START = (0.0, 0.0, 0.0, 1.0, 0.3, 0.0, -1.5, -2.5, -2.5, -1.0, -0.5)
_BOUNDS = [(None, None)] * 6 + [(-8.0, 3.0)] * 5  # the logarithms of the five sd
_START_OF_CHANGES = (0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, -1.0, -1.0)
_NO_SCATTER = (-8.0, -8.0)


def predicted_slope(cost: str) -> float:
    """Return the slope of log variance on log rate that a cost predicts: a key of `COST_EXPONENTS`.

    >>> predicted_slope("trafficking")
    -0.5
    """
    return precision_slopes(COST_EXPONENTS[cost]).on_input_power


def predicted_slope_on_change(cost: str) -> float:
    """Return the slope of log variance on log learning rate that a cost predicts."""
    return precision_slopes(COST_EXPONENTS[cost]).on_learning_rate


@dataclass(frozen=True, eq=False)
class Alike:
    """Cells, or connections, of one model.

    Parameters
    ----------
    n : how many share a matrix of moments
    moments
        Second moments of 1, what the model draws, and what it takes as given, in this order: one matrix, or
        one for each covariance, (..., all, all).
    model
        From slope and other parameters: what makes residuals of these, (drawn, all), and their covariances.
    """

    n: float
    moments: np.ndarray
    model: Callable[[float, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class SlopeFit:
    """The slope b of log variance by maximum likelihood, and how well others fit.

    Parameters
    ----------
    slope, log_likelihood : at the maximum
    parameters : the others of the model, and the bounds of each
    cells : what was recorded
    predicted : slope that a cost, a key of `COST_EXPONENTS`, predicts
    """

    slope: float
    log_likelihood: float
    parameters: np.ndarray
    bounds: Sequence[Any]
    cells: Sequence[Alike]
    predicted: Callable[[str], float] = predicted_slope

    @property
    def n_cells(self) -> int:
        """Number of presynaptic cells, or of connections that were induced to change."""
        return round(sum(cell.n * np.prod(cell.moments.shape[:-2]) for cell in self.cells))

    def exponent(self, slope: float) -> float:
        """Return the cost exponent that predicts a slope, infinite for one of the wrong sign."""
        # Every predicted slope goes as 1 / (rho + 2).
        share = slope / self.predicted("trafficking")
        return 4.0 / share - 2.0 if share > 0 else np.inf

    def deviance(self, slope: float) -> float:
        """Return twice the log likelihood that is lost if b is `slope`, everything else refitted."""
        return 2 * (self.at(slope).fun + self.log_likelihood)

    def at(self, slope: float) -> OptimizeResult:
        """Return the fit of everything but the slope."""
        return _fit(self.cells, self.parameters, self.bounds, slope)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the profile interval of the slope, with an infinite end where no slope is excluded."""
        limit = chi2.ppf(level, 1)
        ends = []
        for side in (-1.0, 1.0):
            outside = side * 0.1
            while self.deviance(self.slope + outside) < limit and abs(outside) < 20:
                outside *= 2
            if abs(outside) > 20:
                ends.append(side * np.inf)
                continue
            ends.append(
                brentq(
                    lambda slope: self.deviance(slope) - limit, self.slope, self.slope + outside, xtol=3e-3
                )
            )
        return ends[0], ends[1]

    def exponent_estimate(self, unit: str) -> Estimate:
        """Return the exponent with its profile interval; `unit` is what n counts."""
        low, high = _slopes(self, ALPHA)
        how = f"slope {self.slope:.3f} [{low:.3f}, {high:.3f}]; interval: profile likelihood"
        value, kind = self.exponent(self.slope), "profile likelihood"
        return Estimate(value, partial(_exponents, self), self.n_cells, unit, kind, how)


@cache
def _slopes(fit: SlopeFit, alpha: float) -> tuple[float, float]:
    return fit.interval(1 - alpha)


def _exponents(fit: SlopeFit, alpha: float) -> tuple[float, float]:
    low, high = sorted(map(fit.exponent, _slopes(fit, alpha)))
    return low, high


def fit_variability_slope(recordings: EpspRecordings) -> SlopeFit:
    """Fit how EPSP variance falls with presynaptic rate, with errors in both estimates of the rate."""
    columns = (recordings.rate_mean, recordings.rate_threshold, recordings.variance, recordings.mean)
    x1, x2, y, mean = (np.log(np.asarray(column)) for column in columns)
    cell = np.asarray(recordings.cell)
    mean = mean - mean.mean()
    by_cell = [np.flatnonzero(cell == each) for each in np.unique(cell)]
    cells = []
    for k in sorted({len(each) for each in by_cell}):
        rows = np.array([each for each in by_cell if len(each) == k])
        known = np.column_stack([np.ones(len(rows)), x1[rows[:, 0]], x2[rows[:, 0]], y[rows], mean[rows]])
        cells.append(Alike(float(len(rows)), known.T @ known / len(rows), partial(_model, k)))
    start = np.array([-0.6, *_START])
    start[1:4] = x1.mean(), x2.mean(), y.mean()
    best = _fit(cells, start, [(None, None), *_BOUNDS])
    return SlopeFit(float(best.x[0]), -float(best.fun), best.x[1:], _BOUNDS, cells)


def fit_variability_on_change(
    recordings: PlasticityRecordings, n_trials: float = 60.0, *, scatters: bool = False
) -> SlopeFit:
    """Fit how the variance before induction rises with the learning rate, which the change tells of.

    `n_trials`, before as after, give p and q their errors: those of mean and variance of as many binomial
    responses, without recording noise. The protocol is LTP or LTD and the logarithm of the frequency.
    `scatters` says whether changes do so for other reasons too.
    """
    (mean, variance), error = _moments_and_errors(recordings.p_before, recordings.q_before, n_trials)
    (mean_after, _), error_after = _moments_and_errors(recordings.p_after, recordings.q_after, n_trials)
    change = mean_after - mean
    # What the logs of the moments before add to those of change, variance before and mean before.
    slopes = np.zeros((len(change), 3, 2))
    slopes[:, 0, 0], slopes[:, 1, 1], slopes[:, 2, 0] = -mean / change, 1.0, 1.0
    errors = slopes @ error @ np.swapaxes(slopes, 1, 2)
    errors[:, 0, 0] += (mean_after / change) ** 2 * error_after[:, 0, 0]
    log_frequency = np.log(recordings.frequency.rescale("Hz").magnitude)
    given = np.column_stack([np.log(mean), log_frequency, recordings.induction == "LTD"])
    drawn = np.log(np.abs(change)), np.log(variance)
    known = np.column_stack([np.ones(len(change)), *drawn, given - given.mean(axis=0)])
    cells = [Alike(1.0, known[:, :, None] * known[:, None], partial(_model_of_change, errors))]
    start = np.array([0.5, *_START_OF_CHANGES])
    start[[1, 4]] = known[:, 1].mean(), known[:, 2].mean()
    bounds = [*_BOUNDS[:8], _BOUNDS[8] if scatters else _NO_SCATTER]
    best = _fit(cells, start, [(None, None), *bounds])
    values = float(best.x[0]), -float(best.fun), best.x[1:]
    return SlopeFit(*values, bounds, cells, predicted_slope_on_change)


def _moments_and_errors(p: np.ndarray, q: pq.Quantity, n_trials: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance in mV, and the sampling covariance of their logs, (connection, 2, 2)."""
    quantum = q.rescale("mV").magnitude
    mean, k = N_SITES * p * quantum, release_cumulants(N_SITES, p, quantum)
    both = k[3] / (n_trials * mean * k[2])
    of_variance = k[4] / (n_trials * k[2] ** 2) + 2 / (n_trials - 1)
    errors = np.array([[k[2] / (n_trials * mean**2), both], [both, of_variance]])
    return np.array([mean, k[2]]), np.moveaxis(errors, -1, 0)


def _fit(
    cells: Sequence[Alike], start: np.ndarray, bounds: Sequence[Any], slope: float | None = None
) -> OptimizeResult:
    """Minimise the negative log likelihood, over the slope too, which then comes first, if there is none."""

    def loss(values: np.ndarray) -> float:
        b, others = (values[0], values[1:]) if slope is None else (slope, values)
        return _loss(cells, b, others)

    return minimize(loss, start, bounds=bounds, method="L-BFGS-B")


def _loss(cells: Sequence[Alike], b: float, values: np.ndarray) -> float:
    """Return the negative log likelihood, but for its constant, of recordings or of their expectation."""
    loss = 0.0
    for cell in cells:
        residual, covariance = cell.model(b, values)
        scatter = residual @ cell.moments @ residual.T
        spread = np.linalg.solve(covariance, scatter).trace(axis1=-2, axis2=-1)
        loss += 0.5 * cell.n * float(np.sum(np.linalg.slogdet(covariance)[1] + spread))
    return loss


def _model_of_change(errors: np.ndarray, b: float, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what makes residuals of 1 and the logs of change, variance, mean and protocol, as `_model`."""
    mu, by_frequency, by_induction, a, c, h = values[:6]
    s2, of_variance, of_change = np.exp(2 * values[6:])
    residual = np.array(
        [[-mu, 1.0, 0.0, -h, -by_frequency, -by_induction], [-a, 0.0, 1.0, -(b * h + c), 0.0, 0.0]]
    )
    of_errors = residual[:, 1:4] @ errors @ residual[:, 1:4].T
    return residual, s2 * np.array([[1.0, b], [b, b * b]]) + np.diag([of_change, of_variance]) + of_errors


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


def cells_to_tell_apart(fit: SlopeFit, cost: str, other: str, *, power: float = 0.8) -> float:
    """Return how many cells exclude one cost's exponent where another's is true, in a share of `power`.

    The deviance of the other exponent is noncentral chi-squared, with a noncentrality that grows with the
    number of cells; everything else is as in `fit`. An exponent is excluded by the 95 % interval.
    """
    true, false = fit.predicted(cost), fit.predicted(other)
    at_truth = fit.at(true).x
    expected = []
    for cell in fit.cells:
        residual, covariance = cell.model(true, at_truth)
        # 1 and what is given as recorded, the rest as the model draws it.
        n_drawn, n_all = residual.shape
        known, drawn = np.r_[0, n_drawn + 1 : n_all], slice(1, n_drawn + 1)
        by_known = np.zeros((n_all, len(known)))
        by_known[known] = np.eye(len(known))
        by_known[drawn] = -residual[:, known]
        moments = by_known @ cell.moments[..., known[:, None], known] @ by_known.T
        moments[..., drawn, drawn] += covariance
        expected.append(replace(cell, moments=moments))
    best = _fit(expected, at_truth, fit.bounds, false).fun
    lost = 2 * (best - _loss(expected, true, at_truth))
    needed = brentq(lambda size: ncx2.sf(chi2.ppf(0.95, 1), 1, size) - power, 0.1, 100)
    return needed / lost * fit.n_cells


def deviances(fit: SlopeFit, unit: str) -> dict[str, Estimate]:
    """Return by how much each cost fits worse than the best exponent; `unit` is what n counts."""
    how, n = f"{chi2.ppf(0.95, 1):.2f} excludes it", fit.n_cells
    lost = {cost: fit.deviance(fit.predicted(cost)) for cost in COST_EXPONENTS}
    return {cost: exactly(value, n=n, unit=unit, how=how) for cost, value in lost.items()}


def cells_needed(fit: SlopeFit) -> dict[tuple[str, str], Estimate]:
    """Return how many cells tell neighbouring costs apart, and the first from the last."""
    costs, how = list(COST_EXPONENTS), "80 % of such samples exclude the other"
    pairs = (*pairwise(costs), (costs[0], costs[-1]))
    return {pair: exactly(cells_to_tell_apart(fit, *pair), how=how) for pair in pairs}


def draw_deviance(figure: Figure, fit: SlopeFit) -> None:
    """Draw twice the log likelihood that each exponent loses against the best one: recordings of Ko et al.
    (2013), both estimates of the rate with errors, connections of a cell alike.
    """
    axes = figure.subplots()
    slopes = fit.predicted("trafficking") * np.geomspace(2.0, 0.36, 12)
    axes.plot([fit.exponent(b) for b in slopes], [fit.deviance(b) for b in slopes], color=BLUE)
    axes.axhline(chi2.ppf(0.95, 1), color=GREY, linestyle="--", label="excluded with 95 % above")
    for cost, rho in COST_EXPONENTS.items():
        axes.axvline(rho, color=MECHANISM_COLOURS[cost], linestyle=":", label=f"{cost}, ρ = {rho:.2g}")
    axes.set(xlabel="cost exponent ρ", ylabel="deviance from the best fit", xlim=(0, 9), ylim=(0, None))
    axes.legend(fontsize=8)
