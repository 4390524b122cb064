"""n, p and q of many synapses from the moments of their responses, and what these leave open."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray

from biophys.argument_types import Count, check_public
from biophys.quantal import checked_n_sites
from biophys.recordings.fitting import FailedFit, fit_releases
from biophys.recordings.recording import QuantalVariability, amplitudes_of, checked_variability
from biophys.recordings.release_fit import IdentifiabilityWarning
from biophys.recordings.release_moments import Z_95, release_cumulants
from biophys.recordings.serial_dependence import SerialDependence, SerialDependenceWarning, serial_dependence
from biophys.units import FloatArray, checked_finite, magnitude_in, psp_unit_of, unit_of

# A number of sites is identified if its credible interval, flat on 1 to 30 or to 100, spans less than this.
_FACTOR = 3.0
_FEW, _MANY = 30, 100
# Synapses whose responses are tested for independence: enough to see trains taken for trials.
_TESTED = 100


@dataclass(frozen=True, eq=False)
class QuantalEstimate:
    """Estimated quantal parameters with 95 % confidence intervals.

    Parameters
    ----------
    n, p, q
        Estimates, without axes for one synapse; p of a variance-mean analysis has the conditions first. n is
        infinite, and p 0 or NaN, where a Poisson number of vesicles explains the responses best.
    n_error, p_error, q_error : standard errors; 0 for an n that was given, NaN where none exists
    n_interval, p_interval, q_interval
        Lower and upper ends; the upper end of n may be infinite, those of p and q then reach 0.
    is_identifiable
        Whether the recording tells n and p apart: the credible interval of n, flat a priori, spans less than
        a factor 3 and lies far inside the numbers allowed.
    method : ``"moments"``, ``"likelihood"`` or ``"variance-mean"``
    reasons : why there is no estimate (NaN), by the index of the synapse
    """

    n: Any
    p: Any
    q: pq.Quantity
    n_error: Any
    p_error: Any
    q_error: pq.Quantity
    n_interval: tuple[Any, Any]
    p_interval: tuple[Any, Any]
    q_interval: tuple[pq.Quantity, pq.Quantity]
    is_identifiable: Any
    method: str
    reasons: dict[Any, str] = field(default_factory=dict)


def estimate_by_moments(
    amplitudes: Any,
    *,
    n: ArrayLike | None = None,
    noise_sd: pq.Quantity | None = None,
    variability: float | QuantalVariability | None = None,
) -> QuantalEstimate:
    r"""Estimate quantal parameters from the moments of the amplitudes of each synapse.

    With n given, :math:`q (1 + c_w^2) = \mathrm{var} / (B\,\mathrm{mean}) + \mathrm{mean} / n` and :math:`p =
    \mathrm{mean} / (n q)`, :math:`B = 1 + c_b^2` (Costa et al. 2015, doi:10.7554/eLife.09457, with n = 5.5).
    Without it the third central moment decides: n is the number of sites at which the p and q of the first
    two moments predict it, and the interval of n holds every number that it does not reject. Its sampling
    error is large: prefer :func:`biophys.fit_release`.

    Parameters
    ----------
    amplitudes
        Responses, failures included, shape (trials,) or (trials, synapses); at least three trials. NaN: not
        measured. A synapse that cannot be estimated (constant, of mean 0, or all noise) is NaN, with a
        reason; if it is the only one ValueError says so.
    n : number of sites if known, need not be whole; one number or one for each synapse
    noise_sd : standard deviation of the recording noise, which is normal; by default 0
    variability
        Coefficient of variation of quanta within sites, or a :class:`QuantalVariability` (gamma quanta are
        taken for the higher moments); by default 0.

    Warns
    -----
    IdentifiabilityWarning, SerialDependenceWarning
        If n was not given and cannot be told from p; if the responses (of the first hundred synapses) are not
        independent.

    Examples
    --------
    >>> from brianpresyn.biophys import QuantalSynapse
    >>> synapse = QuantalSynapse(5, 0.3, 0.2 * pq.mV)
    >>> estimate = estimate_by_moments(synapse.sample(20000, rng=np.random.default_rng(1)), n=5)
    >>> round(float(estimate.p), 2), round(float(estimate.q), 2)
    (0.3, 0.2)
    """
    x, unit = _trials(amplitudes)
    shape = x.shape[1:]
    x = x.reshape(x.shape[0], -1)
    noise = np.broadcast_to(_noise(noise_sd, unit), shape).ravel()
    quanta = checked_variability(variability)
    sign = np.where(np.nansum(x, axis=0) < 0, -1.0, 1.0)
    moments = _Moments.from_trials(x * sign, noise)
    reasons = _without_release(x, moments, unit, shape)
    if n is None:
        parts = _from_three_moments(moments, noise, quanta)
    else:
        sites = checked_finite(n, "n", 1.0, remedy="a synapse has at least one release site")
        known = np.broadcast_to(sites, shape).ravel()
        p, q, p_error, q_error = _p_and_q(moments, 1.0 / known, quanta)
        p_ends = np.clip([p - Z_95 * p_error, p + Z_95 * p_error], 0.0, 1.0)
        parts = (
            (known, np.zeros_like(p), known, known),
            # p above 1 has no synapse.
            (np.minimum(p, 1.0), p_error, *p_ends),
            (q, q_error, q - Z_95 * q_error, q + Z_95 * q_error),
            np.ones(p.shape, bool),
        )
    estimate = _shaped("moments", unit, shape, reasons, *parts, sign=sign)
    columns = [column for column in x.T[:_TESTED] if np.isfinite(column).sum() >= 8 and np.nanstd(column) > 0]
    _warn_if_dependent([serial_dependence(column) for column in columns])
    if n is None:
        _warn_if_unidentifiable(estimate)
    return estimate


def _trials(amplitudes: Any) -> tuple[FloatArray, pq.Quantity]:
    """Return amplitudes (trials, ...) and their unit."""
    # Checks the unit and says how to give one.
    _, unit = amplitudes_of(np.ravel(amplitudes) if getattr(amplitudes, "ndim", 1) > 2 else amplitudes, None)
    x = np.asarray(amplitudes.magnitude, dtype=float)
    if x.ndim == 2 and x.shape[1] == 1 and type(amplitudes) is not pq.Quantity:
        # A neo signal of one channel is (times, 1).
        x = x[:, 0]
    if x.ndim == 0 or x.shape[0] < 3 or x.size == 0:
        raise ValueError(f"amplitudes need at least three trials (first axis), got shape {x.shape}")
    if np.any(np.isinf(x)):
        raise ValueError(f"amplitudes must be finite or nan, got {x[np.isinf(x)][0]}")
    return x, unit.units


def _noise(noise_sd: pq.Quantity | None, unit: pq.Quantity) -> FloatArray:
    """Return the sd of the recording noise in `unit`: 0 if None."""
    if noise_sd is None:
        return np.zeros(())
    return checked_finite(magnitude_in(noise_sd, unit, "noise_sd"), "noise_sd", 0.0)


@dataclass(frozen=True, eq=False)
class _Moments:
    """Mean, noise-free variance and third central moment of each synapse, and the number of trials."""

    mean: FloatArray
    variance: FloatArray
    third: FloatArray
    n_trials: FloatArray
    covariance: FloatArray

    @classmethod
    def from_trials(cls, x: FloatArray, noise: FloatArray) -> _Moments:
        """Return the unbiased moments of responses (trials, synapses)."""
        count = np.isfinite(x).sum(axis=0).astype(float)
        with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            mean = np.nanmean(x, axis=0)
            d = np.where(np.isfinite(x), x - mean, 0.0)
            central = {order: np.sum(d**order, axis=0) / count for order in range(2, 5)}
            variance = central[2] * count / (count - 1) - noise**2
            third = central[3] * count**2 / ((count - 1) * (count - 2))
            # Exact for the unbiased variance.
            var_of_variance = central[4] - central[2] ** 2 * (count - 3) / (count - 1)
            rows = [[central[2], central[3]], [central[3], var_of_variance]]
            return cls(mean, variance, third, count, np.array(rows) / count)


def _without_release(
    x: FloatArray, moments: _Moments, unit: pq.Quantity, shape: tuple[int, ...]
) -> dict[Any, str]:
    """Return why synapses have no estimate, by index; raise if there is only one synapse."""
    in_words = unit.dimensionality.string
    reasons: dict[Any, str] = {}
    for b in range(x.shape[1]):
        values = x[:, b][np.isfinite(x[:, b])]
        if values.size < 3:
            reason = f"at least three measured trials are needed, got {values.size}"
        elif np.ptp(values) == 0:
            reason = (
                f"a constant recording (all trials {values[0]:g} {in_words}) has no variance to analyse: "
                "p is 0 or 1, or the trials are copies"
            )
        elif moments.mean[b] == 0:
            reason = "the mean amplitude is 0: no release to analyse"
        elif moments.variance[b] <= 0:
            reason = (
                "the recording noise explains all the variance (variance - noise^2 = "
                f"{moments.variance[b]:g} {in_words}**2): lower noise_sd or record more trials"
            )
        else:
            continue
        _keep_reason(reasons, reason, b, shape)
    return reasons


def _keep_reason(reasons: dict[Any, str], reason: str, synapse: int, shape: tuple[int, ...]) -> None:
    """Keep why a synapse has no estimate, by its index; raise if there is only one synapse."""
    if not shape:
        raise ValueError(reason)
    index = tuple(int(i) for i in np.unravel_index(synapse, shape))
    reasons.setdefault(index[0] if len(index) == 1 else index, reason)


# Value, standard error, lower and upper end of the interval; each (..., synapses).
_Part = tuple[FloatArray, ...]


def _shaped(
    method: str,
    unit: pq.Quantity,
    shape: tuple[int, ...],
    reasons: dict[Any, str],
    n: _Part,
    p: _Part,
    q: _Part,
    is_identifiable: NDArray[np.bool_],
    sign: Any = 1.0,
) -> QuantalEstimate:
    """Return an estimate in the shape of the synapses, NaN where there is a reason, q with sign and unit."""
    is_lost = np.zeros(shape, bool)
    for index in reasons:
        is_lost[index] = True

    def shaped(part: _Part) -> list[Any]:
        return [np.where(is_lost, np.nan, v.reshape((*v.shape[:-1], *shape)))[()] for v in part]

    (n_best, n_error, *n_ends), (p_best, p_error, *p_ends) = shaped(n), shaped(p)
    signed = (q[0] * sign, q[1], *np.sort([q[2] * sign, q[3] * sign], axis=0))
    q_best, q_error, q_low, q_high = (pq.Quantity(values, unit) for values in shaped(signed))
    errors, ends = (n_error, p_error, q_error), (tuple(n_ends), tuple(p_ends), (q_low, q_high))
    identifiable = (is_identifiable.reshape(shape) & ~is_lost)[()]
    return QuantalEstimate(n_best, p_best, q_best, *errors, *ends, identifiable, method, reasons)


def _p_and_q(
    moments: _Moments, inverse_n: FloatArray, quanta: QuantalVariability
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return p and q at given 1/n from mean and variance, with their standard errors."""
    b2, w = 1.0 + quanta.between**2, 1.0 + float(quanta.within) ** 2
    mean, variance = moments.mean, moments.variance
    with np.errstate(invalid="ignore", divide="ignore"):
        q = (variance / mean / b2 + mean * inverse_n) / w
        p = mean * inverse_n / q
        q_by = np.stack([(inverse_n - variance / mean**2 / b2) / w, 1.0 / (mean * b2 * w) + 0.0 * q])
        p_by = np.stack([inverse_n / q - p / q * q_by[0], -p / q * q_by[1]])

        def error(by: FloatArray) -> FloatArray:
            return np.sqrt(np.maximum(np.einsum("i...b,ijb,j...b->...b", by, moments.covariance, by), 0.0))

        return p, q, error(p_by), error(q_by)


# Stands for infinitely many sites among values of 1 / n.
_LIMIT = 1e-4


def _from_three_moments(
    moments: _Moments, noise: FloatArray, quanta: QuantalVariability
) -> tuple[_Part, _Part, _Part, NDArray[np.bool_]]:
    """Return n where the first two moments predict the third, and every n that it does not reject."""
    inverse_n = np.linspace(1.0, _LIMIT, 201)[:, None]
    misfit, error = _misfit_of_third(moments, inverse_n, noise, quanta)
    p, q, p_error, q_error = _p_and_q(moments, inverse_n, quanta)
    best = _crossing(inverse_n[:, 0], misfit)
    best_p, best_q, best_p_error, best_q_error = _p_and_q(moments, best, quanta)
    _, error_at_best = _misfit_of_third(moments, best[None], noise, quanta)
    slope = (misfit[-1] - misfit[0]) / (inverse_n[-1] - inverse_n[0])
    is_limit = best <= _LIMIT
    n = np.where(is_limit, np.inf, 1.0 / best)
    is_inside = (np.abs(misfit) <= Z_95 * error) | (np.abs(inverse_n - best) <= 0.5 / 200)
    is_open = is_inside[-1]

    def ends(values: Any, errors: Any, value: Any) -> tuple[FloatArray, FloatArray]:
        low = np.where(is_inside, values - Z_95 * errors, np.inf).min(axis=0)
        high = np.where(is_inside, values + Z_95 * errors, -np.inf).max(axis=0)
        return np.minimum(np.where(is_open, 0.0, low), value), np.maximum(high, value)

    sites = np.broadcast_to(1.0 / inverse_n, misfit.shape)
    n_low = np.where(is_inside & (sites < 0.99 / _LIMIT), sites, np.inf).min(axis=0)
    n_high = np.where(is_open, np.inf, np.maximum(np.where(is_inside, sites, 0.0).max(axis=0), n))
    n_error = np.where(is_limit, np.nan, n**2 * np.abs(error_at_best[0] / slope))
    return (
        (n, n_error, np.minimum(n_low, n), n_high),
        (np.where(is_limit, 0.0, best_p), best_p_error, *np.clip(ends(p, p_error, best_p), 0.0, 1.0)),
        (best_q, best_q_error, *ends(q, q_error, best_q)),
        _is_identified(*_misfit_of_third(moments, 1.0 / _whole_sites(), noise, quanta)),
    )


def _whole_sites() -> FloatArray:
    return np.arange(1, _MANY + 1).astype(float)[:, None]


def _crossing(inverse_n: FloatArray, off: FloatArray) -> FloatArray:
    """Return the 1 / n at which the misfit, which rises with it, passes 0; an end where it does not."""
    first = np.argmax(off <= 0, axis=0)
    has_crossed = np.any(off <= 0, axis=0)
    columns = np.arange(off.shape[1])
    before = np.maximum(first - 1, 0)
    above, below = off[before, columns], off[first, columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.where(above > below, above / (above - below), 0.0), 0.0, 1.0)
    between = inverse_n[before] + share * (inverse_n[first] - inverse_n[before])
    return np.where(has_crossed, np.where(first == 0, inverse_n[0], between), inverse_n[-1])


def _misfit_of_third(
    moments: _Moments, inverse_n: FloatArray, noise: FloatArray, quanta: QuantalVariability
) -> tuple[FloatArray, FloatArray]:
    """Return the third moment less that predicted at each 1/n, and its standard error under that synapse."""
    mean, variance, n_trials = moments.mean, moments.variance, moments.n_trials

    def cumulants(mean: Any, variance: Any) -> dict[int, FloatArray]:
        p, q, _, _ = _p_and_q(replace(moments, mean=mean, variance=variance), inverse_n, quanta)
        return release_cumulants(1.0 / inverse_n, p, q, float(quanta.within), quanta.between)

    step = 1e-4
    with np.errstate(invalid="ignore", divide="ignore"):
        by_mean = sum(s * cumulants(mean * (1 + s * step), variance)[3] for s in (1, -1)) / (2 * step * mean)
        by_variance = sum(s * cumulants(mean, variance * (1 + s * step))[3] for s in (1, -1))
        by_variance = by_variance / (2 * step * variance)
        k = cumulants(mean, variance)
        t = k[2] + noise**2
        square = (
            (k[6] + 9 * k[4] * t + 9 * k[3] ** 2 + 6 * t**3) / n_trials
            + by_mean**2 * t / n_trials
            + by_variance**2 * (k[4] / n_trials + 2 * t**2 / (n_trials - 1))
            - 2 * by_mean * k[4] / n_trials
            - 2 * by_variance * (k[5] + 6 * k[3] * t) / n_trials
            + 2 * by_mean * by_variance * k[3] / n_trials
        )
        # To first order a single noiseless site has no error at all; what is left is of order 1 / trials.
        floor = (np.abs(k[3]) + np.abs(k[2]) ** 1.5) * 2.0 / n_trials
        return moments.third - k[3], np.sqrt(np.maximum(square, 0.0) + floor**2)


def _is_identified(off: FloatArray, error: FloatArray) -> NDArray[np.bool_]:
    """Return whether the credible interval of n, flat on 1 to 30 or to 100, spans less than a factor 3.

    The factor is asked of the posterior: asked of a confidence interval it selects just the recordings whose
    interval misses the truth.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        log_weight = np.nan_to_num(-0.5 * (off / error) ** 2 - np.log(error), nan=-np.inf)
    n = np.arange(1.0, log_weight.shape[0] + 1)
    is_narrow = np.zeros(log_weight.shape[1], bool)
    for n_max in (_FEW, _MANY):
        part = log_weight[:n_max]
        weight = np.exp(part - np.maximum(part.max(axis=0), -1e300))
        below = np.cumsum(weight, axis=0) / np.maximum(weight.sum(axis=0), 1e-300)
        low, high = (n[np.argmax(below >= tail, axis=0)] for tail in (0.025, 0.975 - 1e-12))
        is_narrow |= (high < _FACTOR * low) & (3.0 * high <= n_max)
    return is_narrow


def _warn_if_dependent(tested: list[SerialDependence]) -> None:
    """Warn, at the line that called an estimator, of more dependent recordings than chance gives."""
    n_dependent = sum(serial.is_dependent for serial in tested)
    # One in a hundred independent recordings looks dependent.
    if tested and n_dependent > 0.01 * len(tested) + 3.0 * np.sqrt(0.01 * (len(tested) - 1)):
        warnings.warn(
            f"responses are not independent in {n_dependent} of {len(tested)} recordings: give fit_release "
            "their spike_times= if they come from trains",
            SerialDependenceWarning,
            stacklevel=4,
        )


def _warn_if_unidentifiable(estimate: QuantalEstimate) -> None:
    """Warn, at the line that called an estimator, of recordings whose n cannot be told from p."""
    n_lost = int(np.sum(~np.asarray(estimate.is_identifiable)))
    if n_lost:
        warnings.warn(
            f"n and p cannot be told apart in {n_lost} of {np.size(estimate.is_identifiable)} recordings "
            f"({estimate.method}). What would help: n or the variability of quanta from elsewhere, less "
            "recording noise, or several release probabilities (estimate_by_variance_mean; conditions= of "
            "fit_release)",
            IdentifiabilityWarning,
            stacklevel=4,
        )


def estimate_by_likelihood(
    amplitudes: Any, *, noise_sd: pq.Quantity, quantal_cv: float | QuantalVariability = 0.0, n_max: int = 30
) -> QuantalEstimate:
    r"""Estimate n, p and q of many synapses by maximum likelihood: :func:`biophys.fit_releases` as arrays.

    Intervals are those of the profile likelihood, and open where no number of sites is too many.

    Parameters
    ----------
    amplitudes : as of :func:`estimate_by_moments`
    noise_sd
        Standard deviation of the recording noise, above 0 (measure it before the stimulus); one number or one
        for each synapse.
    quantal_cv
        Coefficient of variation of the response to one vesicle, at least 0, or a :class:`QuantalVariability`.
    n_max
        Largest number of sites that you believe in: a warning says where the recording allows more. Intervals
        do not depend on it.

    Warns
    -----
    IdentifiabilityWarning, SerialDependenceWarning
        If n and p cannot be told apart, or `n_max` is too small; if the responses are not independent.

    Examples
    --------
    >>> from brianpresyn.biophys import QuantalSynapse
    >>> rng = np.random.default_rng(2)
    >>> amplitudes = QuantalSynapse(3, 0.4, 1 * pq.mV).sample(400, rng=rng)
    >>> amplitudes = amplitudes + rng.normal(0, 0.2, 400) * pq.mV
    >>> estimate = estimate_by_likelihood(amplitudes, noise_sd=0.2 * pq.mV, n_max=10)
    >>> int(estimate.n), bool(estimate.is_identifiable)
    (3, True)
    """
    x, unit = _trials(amplitudes)
    if x.ndim > 2:
        raise ValueError(f"amplitudes must have shape (trials,) or (trials, synapses), got {x.shape}")
    remedy = "measure it before the stimulus"
    noise = checked_finite(_noise(noise_sd, unit), "noise_sd", 0.0, remedy=remedy, is_open=True)
    limit = checked_n_sites(n_max, "n_max")
    shape = x.shape[1:]
    each = np.broadcast_to(noise, shape).ravel()
    recordings = [
        {"amplitudes": pq.Quantity(row, unit), "noise": sd * unit}
        for row, sd in zip(np.atleast_2d(x.T), each, strict=True)
    ]
    if not isinstance(quantal_cv, QuantalVariability):
        checked_finite(quantal_cv, "quantal_cv", 0.0, 2.0)
    fits = fit_releases(recordings, variability=checked_variability(quantal_cv))
    estimate = as_estimate(fits, "likelihood", unit, shape)
    _warn_if_dependent([fit.serial for fit in fits if not isinstance(fit, FailedFit) and fit.serial])
    if np.any(estimate.is_identifiable & (estimate.n_interval[1] > limit)):
        warnings.warn(
            f"n_max = {int(limit)} is too small: the recording allows up to "
            f"{np.nanmax(estimate.n_interval[1]):g} sites",
            IdentifiabilityWarning,
            stacklevel=3,
        )
    _warn_if_unidentifiable(estimate)
    return estimate


def as_estimate(
    fits: Any, method: str, unit: pq.Quantity, shape: tuple[int, ...] | None = None
) -> QuantalEstimate:
    """Return fits of many synapses as arrays, NaN and the reason where there is none."""
    reasons: dict[Any, str] = {}
    shape = (len(fits),) if shape is None else shape
    is_fitted = np.array([not isinstance(fit, FailedFit) for fit in fits])
    for b in np.flatnonzero(~is_fitted):
        _keep_reason(reasons, fits[b].reason, b, shape)

    def part(name: str) -> _Part:
        values = np.full((4, len(fits)), np.nan)
        for b in np.flatnonzero(is_fitted):
            estimate = getattr(fits[b], name)
            values[:, b] = estimate.value, estimate.error, estimate.low, estimate.high
        return tuple(values)

    identified = np.array(
        [is_there and fit.n.identified for is_there, fit in zip(is_fitted, fits, strict=True)]
    )
    return _shaped(method, unit, shape, reasons, part("n"), part("p"), part("q"), identified)


def estimate_by_variance_mean(
    means: pq.Quantity,
    variances: pq.Quantity,
    *,
    n_trials: ArrayLike,
    noise_sd: pq.Quantity | None = None,
    variability: float | QuantalVariability | None = None,
    n_noise_samples: Count | None = None,
) -> QuantalEstimate:
    r"""Estimate n, p and q from means and variances recorded at several release probabilities.

    Fits the parabola :math:`v = S \mu - C \mu^2`, :math:`S = B (1 + c_w^2) q`, :math:`C = B / n`,
    :math:`B = 1 + c_b^2`, by generalised least squares. Weights and covariance are the sampling error of the
    residual of mean and variance, recording noise included, at the fitted synapse (three rounds). p has the
    shape of `means`. Without curvature n is infinite, p NaN with an interval from 0, and q that of a straight
    line.

    Parameters
    ----------
    means, variances
        Of the amplitudes in each condition (calcium concentration, say), at least three: shape (conditions,)
        or (conditions, synapses). Variances below that of the noise are kept: they are ordinary at low p.
    n_trials
        Number of trials N of each condition, at least 3: one number, one for each condition, or an array that
        broadcasts to the shape of `means`.
    noise_sd : standard deviation of the recording noise, likewise; by default 0
    variability
        Coefficient of variation of quanta within sites, or a :class:`QuantalVariability`; by default 0.
    n_noise_samples : number of baseline samples from which `noise_sd` was estimated; by default it is known

    Raises
    ------
    ValueError
        If there are fewer than three conditions, the shapes differ or can be read in two ways, or all
        means of a single synapse are equal.

    Warns
    -----
    IdentifiabilityWarning
        If the parabola's curvature is too uncertain to tell n from p: q is still estimated, n and p are not.

    References
    ----------
    Clements JD, Silver RA (2000). Trends Neurosci 23:105-113, doi:10.1016/S0166-2236(99)01520-9.
    Silver RA, Momiyama A, Cull-Candy SG (1998). J Physiol 510:881-902, doi:10.1111/j.1469-7793.1998.881bj.x.

    Examples
    --------
    >>> from brianpresyn.biophys import QuantalSynapse
    >>> synapses = QuantalSynapse(8, np.array([0.1, 0.3, 0.6, 0.9]), 0.5 * pq.mV)
    >>> estimate = estimate_by_variance_mean(synapses.mean, synapses.variance, n_trials=10**9)
    >>> round(float(estimate.n), 6), float(estimate.q.magnitude.round(6))
    (8.0, 0.5)
    """
    unit = unit_of(means, "means")
    if means.dimensionality.simplified != pq.dimensionless.dimensionality:
        psp_unit_of(means, "means")
    m = checked_finite(means.magnitude, "means")
    v = checked_finite(magnitude_in(variances, unit**2, "variances"), "variances", 0.0)
    if m.ndim == 0 or m.shape != v.shape or m.shape[0] < 3 or m.size == 0:
        problem = "a variance-mean analysis needs at least three conditions (first axis)"
        raise ValueError(f"{problem}, got means of shape {m.shape} and variances of shape {v.shape}")
    trials = checked_finite(n_trials, "n_trials", 3.0, remedy="fewer trials have no variance to speak of")
    noise = _by_condition(_noise(noise_sd, unit), m.shape, "noise_sd")
    trials = _by_condition(trials, m.shape, "n_trials")
    shape = m.shape[1:]
    m, v, trials, noise = (part.reshape(part.shape[0], -1) for part in (m, v, trials, noise))
    reasons: dict[Any, str] = {}
    is_equal = np.ptp(m, axis=0) <= 1e-9 * np.abs(m).max(axis=0)
    for b in np.flatnonzero(is_equal):
        reason = "all means are equal: change the release probability between conditions"
        _keep_reason(reasons, reason, b, shape)
    # No parabola goes through one mean: what stands here for these is left out below.
    m, v = np.where(is_equal, np.arange(1.0, len(m) + 1.0)[:, None], m), np.where(is_equal, 1.0, v)
    parts = _parabola(m, v, trials, noise, checked_variability(variability), n_noise_samples)
    for b in np.flatnonzero(~np.isfinite(parts[2][0])):
        reason = "the variance does not rise with the mean: no quantal size of their sign explains it"
        _keep_reason(reasons, reason, b, shape)
    sign = np.where(m.sum(axis=0) < 0, -1.0, 1.0)
    estimate = _shaped("variance-mean", unit, shape, reasons, *parts, sign=sign)
    _warn_if_unidentifiable(estimate)
    return estimate


def _by_condition(values: FloatArray, shape: tuple[int, ...], name: str) -> FloatArray:
    """Return values for each condition and synapse; a line as long as the conditions belongs to them."""
    values = np.asarray(values, dtype=float)
    if values.ndim == 1 and len(shape) == 2 and values.size > 1:
        if shape[0] == shape[1] == values.size:
            problem = f"{name} can be of conditions or of synapses, which are {shape[0]} both"
            raise ValueError(f"{problem}: give it the shape ({shape[0]}, 1) or (1, {shape[0]})")
        if values.size == shape[0]:
            values = values[:, None]
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        problem = f"{name} must be one number, one for each of {shape[0]} conditions, or of shape {shape}"
        raise ValueError(f"{problem}, got {values.shape}") from None


def _parabola(
    m: FloatArray,
    v: FloatArray,
    trials: FloatArray,
    noise: FloatArray,
    quanta: QuantalVariability,
    n_noise_samples: int | None,
) -> tuple[_Part, _Part, _Part, NDArray[np.bool_]]:
    """Return the estimates of a variance-mean analysis, arrays (conditions, synapses); q without its sign."""
    m = m * np.where(m.sum(axis=0) < 0, -1.0, 1.0)
    b2, w = 1.0 + quanta.between**2, 1.0 + float(quanta.within) ** 2
    excess = v - noise**2
    shared = None if n_noise_samples is None else 2.0 * noise**4 / (n_noise_samples - 1.0)
    # The square of a mean is too large by its own variance.
    square = m**2 - v / trials
    weight = (trials - 1.0) / (2.0 * np.maximum(v, 1e-6 * v.max(axis=0)) ** 2)
    s, c, cov, gain = _weighted_parabola(m, square, excess, weight, None)
    for _ in range(3):
        is_curved = c > 1e-9 * s / np.maximum(m.max(axis=0), 1e-300)
        q = np.maximum(s, 1e-9 * np.abs(s) + 1e-12) / (b2 * w)
        n = np.where(is_curved, b2 / np.where(is_curved, c, 1.0), 1e6)
        p = np.clip(m / (n * q), 0.0, 1.0)
        k = release_cumulants(np.maximum(n, 1.0), p, q, float(quanta.within), quanta.between)
        k2 = np.where(is_curved, k[2], np.maximum(s * m, 0.0))
        t = np.maximum(k2, 0.0) + noise**2
        slope = s - 2.0 * c * m
        variance = k[4] / trials + 2 * t**2 / (trials - 1) + slope**2 * t / trials - 2 * slope * k[3] / trials
        variance = np.maximum(variance, 2 * t**2 / trials**2 + 1e-12 * v.max(axis=0) ** 2)
        s, c, cov, gain = _weighted_parabola(m, square, excess, 1.0 / variance, shared)
    # Without curvature: a straight line through the origin.
    line = np.sum(m / variance * excess, axis=0) / np.sum(m**2 / variance, axis=0)
    cov[0, 0] = np.where(c > 0, cov[0, 0], 1.0 / np.sum(m**2 / variance, axis=0))
    s = np.where(c > 0, s, line)
    return _parabola_estimate(m, (s, c), cov, gain, (t, k[3], slope, trials), (b2, w))


def _weighted_parabola(
    m: FloatArray, square: FloatArray, v: FloatArray, weight: FloatArray, shared: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return S, C, their covariance (2, 2, synapses) and dependence on each variance (2, C, synapses)."""
    x = np.stack([m, -square])
    w = np.einsum("cb,cd->bcd", weight, np.eye(m.shape[0]))
    if shared is not None:
        # One error of the noise moves all conditions alike.
        noise_part = np.sqrt(shared).T
        total = np.linalg.inv(w) + noise_part[:, :, None] * noise_part[:, None, :]
        w = np.linalg.inv(total)
    normal = np.einsum("icb,bcd,jdb->bij", x, w, x)
    cov = np.linalg.inv(normal + 1e-300 * np.eye(2))
    gain = np.einsum("bij,jcb,bcd->idb", cov, x, w)
    s, c = np.einsum("idb,db->ib", gain, v)
    return s, c, np.moveaxis(cov, 0, 2), gain


def _parabola_estimate(
    m: FloatArray,
    fit: tuple[FloatArray, FloatArray],
    cov: FloatArray,
    gain: FloatArray,
    sampling: tuple[FloatArray, ...],
    quanta: tuple[float, float],
) -> tuple[_Part, _Part, _Part, NDArray[np.bool_]]:
    """Return n, p and q with their errors from slope and curvature."""
    (s, c), (t, k3, slope, trials), (b2, w) = fit, sampling, quanta
    s_error, c_error = np.sqrt(cov[0, 0]), np.sqrt(cov[1, 1])
    c_low, c_high = c - Z_95 * c_error, c + Z_95 * c_error
    has_sites = c > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        n = np.where(has_sites, np.maximum(b2 / c, 1.0), np.inf)
        q = np.where(s > 0, s / (b2 * w), np.nan)
        centre = m * w * c / s
        p = np.where(has_sites, np.minimum(centre, 1.0), np.nan)
        by = np.stack([-m * w * c / s**2, m * w / s])
        by_mean = w * c / s
        with_mean = np.einsum("icb,icb->cb", by, gain) * (k3 - slope * t) / trials
        variance = (
            np.einsum("icb,ijb,jcb->cb", by, cov, by) + by_mean**2 * t / trials + 2 * by_mean * with_mean
        )
        p_error = np.sqrt(np.maximum(variance, 0.0))
        # Without curvature p reaches from 0 to what the largest curvature allows; if that is none, to 1.
        at_most = np.where(
            has_sites, centre + Z_95 * p_error, m * w * np.where(c_high > 0, c_high, np.nan) / s
        )
        p_low = np.where(has_sites & (c_low > 0), np.clip(centre - Z_95 * p_error, 0.0, 1.0), 0.0)
        p_high = np.where(np.isfinite(at_most), np.clip(at_most, 0.0, 1.0), 1.0)
        n_low, n_high = (np.where(end > 0, np.maximum(b2 / end, 1.0), np.inf) for end in (c_high, c_low))
        q_error = s_error / (b2 * w)
        n_error = np.where(has_sites, b2 * c_error / c**2, np.nan)
    p_low, p_high = np.fmin(p_low, p), np.fmax(p_high, p)
    whole = _whole_sites()
    is_identified = _is_identified(b2 / whole - c, np.broadcast_to(c_error, (whole.size, c.size))) & has_sites
    return (
        (n, n_error, n_low, n_high),
        (p, np.where(has_sites, p_error, np.nan), p_low, p_high),
        (q, q_error, q - Z_95 * q_error, q + Z_95 * q_error),
        is_identified,
    )


check_public(__name__, but=("QuantalEstimate",))
