"""Find n, p and q of a synapse from recorded amplitudes, and say when they cannot be told apart."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray

from biophys.units import checked_finite, magnitude_in, psp_unit_of

Z_95 = 1.959963984540054
"""Half the width of the 95 % interval of a normal estimate, in standard errors."""


class IdentifiabilityWarning(UserWarning):
    """The recording cannot tell n and p apart: many pairs explain it equally well."""


@dataclass(frozen=True, eq=False)
class QuantalEstimate:
    """Estimated quantal parameters with 95 % confidence intervals.

    Parameters
    ----------
    n, p, q
        Estimates, without axes for one synapse; p of a variance-mean analysis has the conditions first.
    n_error, p_error, q_error
        Standard errors; 0 for an n that was given, NaN where none exists.
    n_interval, p_interval, q_interval
        Lower and upper ends; the upper end of n may be infinite.
    is_identifiable
        Whether the recording tells n and p apart: n has finite ends that differ by less than a factor 3.
    method
        ``"moments"``, ``"likelihood"`` or ``"variance-mean"``.
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


def estimate_by_moments(
    amplitudes: pq.Quantity, *, n: ArrayLike | None = None, noise_sd: pq.Quantity | None = None
) -> QuantalEstimate:
    r"""Estimate quantal parameters from the moments of the amplitudes of each synapse.

    With n given, :math:`q = \mathrm{var} / \mathrm{mean} + \mathrm{mean} / n` and :math:`p = \mathrm{mean}
    / (n q)` (Costa et al. 2015 with n = 5.5). Without it the third central moment :math:`\kappa` is needed
    too: with A = var / mean = q (1 - p) and B = :math:`\kappa` / var = q (1 - 2 p), :math:`q = 2 A - B`,
    :math:`p = (A - B) / q`, :math:`n = \mathrm{mean} / (A - B)`. Standard errors follow from the sampling
    covariance of the moments to first order; their normal intervals fall short where hardly any response
    holds more than one vesicle, or hardly any fewer than all.

    Parameters
    ----------
    amplitudes
        Responses, failures included, shape (trials,) or (trials, synapses); at least three trials.
    n
        Number of sites if known, need not be whole; one number or one for each synapse.
    noise_sd
        Standard deviation of the recording noise, which is normal; by default 0.

    Returns
    -------
    QuantalEstimate
        For each synapse.

    Raises
    ------
    TypeError
        If a quantity carries no unit.
    ValueError
        If the recording is empty, constant or not finite, its mean is 0, or the noise explains all its
        variance.

    Warns
    -----
    IdentifiabilityWarning
        If n was not given and cannot be told from p.

    References
    ----------
    Costa RP, Froemke RC, Sjöström PJ, van Rossum MCW (2015). eLife 4:e09457, doi:10.7554/eLife.09457.

    Examples
    --------
    >>> import numpy as np, quantities as pq
    >>> from biophys.quantal import QuantalSynapse
    >>> synapse = QuantalSynapse(5, 0.3, 0.2 * pq.mV)
    >>> estimate = estimate_by_moments(synapse.sample(20000, rng=np.random.default_rng(1)), n=5)
    >>> round(float(estimate.p), 2), round(float(estimate.q), 2)
    (0.3, 0.2)
    """
    x, unit = checked_recording(amplitudes)
    noise = checked_noise(noise_sd, unit)
    mean, central = _central_moments(x)
    n_trials = x.shape[0]
    variance = central[2] * n_trials / (n_trials - 1) - noise**2
    third = central[3] * n_trials**2 / ((n_trials - 1) * (n_trials - 2))
    _refuse_without_release(mean, variance, unit)
    covariance = _covariance_of_moments(central, n_trials)
    if n is not None:
        sites = checked_finite(n, "n", 1.0, remedy="a synapse has at least one release site")
        return _from_two_moments(mean, variance, covariance, np.broadcast_to(sites, mean.shape), unit)
    return _from_three_moments(mean, variance, third, covariance, n_trials, unit)


def checked_recording(amplitudes: pq.Quantity) -> tuple[NDArray[np.float64], pq.Quantity]:
    """Return amplitudes and their unit after checking that there are trials (first axis) that vary.

    Raises
    ------
    TypeError
        If `amplitudes` carries no unit.
    ValueError
        If there are fewer than three trials, or a recording is constant or not finite.
    """
    psp_unit_of(amplitudes, "amplitudes")
    x = np.asarray(amplitudes.magnitude, dtype=float)
    if x.ndim == 0 or x.shape[0] < 3 or x.size == 0:
        raise ValueError(f"a recording needs at least three trials (first axis), got shape {x.shape}")
    checked_finite(x, "amplitudes", remedy="drop trials without a measurement")
    is_constant = np.ptp(x, axis=0) == 0
    if np.any(is_constant):
        value = x[0] if x.ndim == 1 else x[0][is_constant].flat[0]
        raise ValueError(
            f"a constant recording (all trials {value:g} {amplitudes.dimensionality}) has no variance to "
            "analyse: p is 0 or 1, or the trials are copies"
        )
    return x, amplitudes.units


def checked_noise(noise_sd: pq.Quantity | None, unit: pq.Quantity) -> NDArray[np.float64]:
    """Return the sd of the recording noise in `unit`: 0 if None.

    Raises
    ------
    TypeError
        If `noise_sd` carries no unit.
    ValueError
        If it is negative or of another dimension than `unit`.
    """
    if noise_sd is None:
        return np.zeros(())
    return checked_finite(magnitude_in(noise_sd, unit, "noise_sd"), "noise_sd", 0.0)


def _refuse_without_release(
    mean: NDArray[np.float64], variance: NDArray[np.float64], unit: pq.Quantity
) -> None:
    """Raise if the moments leave no room for binomial release."""
    if np.any(mean == 0):
        raise ValueError("the mean amplitude is 0: no release to analyse")
    if np.any(variance <= 0):
        worst = float(np.min(variance))
        raise ValueError(
            f"the recording noise explains all the variance (variance - noise^2 = {worst:g} "
            f"{(unit**2).dimensionality}): lower noise_sd or record more trials"
        )


def _central_moments(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], dict[int, NDArray[np.float64]]]:
    """Return the mean and the central moments 2 to 6, each a plain average over trials."""
    mean = x.mean(axis=0)
    d = x - mean
    square, cube = d * d, d * d * d
    parts = {2: square, 3: cube, 4: square * square, 5: square * cube, 6: cube * cube}
    return mean, {order: part.mean(axis=0) for order, part in parts.items()}


def _covariance_of_moments(c: dict[int, NDArray[np.float64]], n_trials: int) -> NDArray[np.float64]:
    """Return the sampling covariance of (mean, variance, third moment), shape (3, 3, synapses)."""
    # Exact for the unbiased variance; the rest to first order in 1/trials.
    of_variance = c[4] - c[2] ** 2 * (n_trials - 3) / (n_trials - 1)
    rows = [
        [c[2], c[3], c[4] - 3 * c[2] ** 2],
        [c[3], of_variance, c[5] - 4 * c[2] * c[3]],
        [
            c[4] - 3 * c[2] ** 2,
            c[5] - 4 * c[2] * c[3],
            c[6] - c[3] ** 2 - 6 * c[4] * c[2] + 9 * c[2] ** 3,
        ],
    ]
    return np.array(rows) / n_trials


def _delta_error(gradient: list[NDArray[np.float64]], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error of a function of the moments from its gradient."""
    g = np.array(gradient)
    size = g.shape[0]
    variance = np.einsum("i...,ij...,j...->...", g, covariance[:size, :size], g)
    return np.sqrt(np.maximum(variance, 0.0))


def _from_two_moments(
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    covariance: NDArray[np.float64],
    n: NDArray[np.float64],
    unit: pq.Quantity,
) -> QuantalEstimate:
    """Return p and q at known n."""
    q = variance / mean + mean / n
    p = mean / (n * q)
    q_gradient = [1.0 / n - variance / mean**2, 1.0 / mean]
    p_gradient = [1.0 / (n * q) - mean / (n * q**2) * q_gradient[0], -mean / (n * q**2) * q_gradient[1]]
    return _normal_estimate(
        (n, np.zeros_like(mean)),
        (p, _delta_error(p_gradient, covariance)),
        (q, _delta_error(q_gradient, covariance)),
        unit,
    )


def _from_three_moments(
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    third: NDArray[np.float64],
    covariance: NDArray[np.float64],
    n_trials: int,
    unit: pq.Quantity,
) -> QuantalEstimate:
    """Return n, p and q from mean, variance and skewness."""
    a, b = variance / mean, third / variance
    da = [-variance / mean**2, 1.0 / mean, np.zeros_like(mean)]
    db = [np.zeros_like(mean), -third / variance**2, 1.0 / variance]
    q, pq_product = 2 * a - b, a - b
    n, p = mean / pq_product, pq_product / q
    dq = [2 * x - y for x, y in zip(da, db, strict=True)]
    d_product = [x - y for x, y in zip(da, db, strict=True)]
    dn = [-mean / pq_product**2 * x for x in d_product]
    dn[0] = dn[0] + 1.0 / pq_product
    dp = [x / q - pq_product / q**2 * y for x, y in zip(d_product, dq, strict=True)]

    def error(value: NDArray[np.float64], gradient: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        # To first order a single noiseless site has no error at all; what is left is of order 1 / trials.
        return np.hypot(_delta_error(gradient, covariance), 2.0 / n_trials * value)

    estimate = _normal_estimate(
        (n, error(n, dn)),
        (p, error(p, dp)),
        (q, error(q, dq)),
        unit,
        inverse_n=(1.0 / n, error(1.0 / n, [-x / n**2 for x in dn])),
    )
    warn_if_unidentifiable(estimate)
    return estimate


_WithError = tuple[NDArray[np.float64], NDArray[np.float64]]


def _normal_estimate(
    n: _WithError, p: _WithError, q: _WithError, unit: pq.Quantity, *, inverse_n: _WithError | None = None
) -> QuantalEstimate:
    """Return an estimate with normal intervals; n's is taken on 1/n, which is nearer to normal."""
    if inverse_n is None:
        n_interval = (n[0], n[0])
    else:
        low, high = inverse_n[0] - Z_95 * inverse_n[1], inverse_n[0] + Z_95 * inverse_n[1]
        with np.errstate(divide="ignore"):
            upper = np.where(low > 0, 1.0 / np.where(low > 0, low, 1.0), np.inf)
            n_interval = (np.where(high > 0, 1.0 / np.where(high > 0, high, 1.0), np.inf), upper)
    p_low, p_high = np.clip(p[0] - Z_95 * p[1], 0.0, 1.0), np.clip(p[0] + Z_95 * p[1], 0.0, 1.0)
    return QuantalEstimate(
        n=n[0],
        p=p[0],
        q=pq.Quantity(q[0], unit),
        n_error=n[1],
        p_error=p[1],
        q_error=pq.Quantity(q[1], unit),
        n_interval=n_interval,
        p_interval=(p_low, p_high),
        q_interval=(pq.Quantity(q[0] - Z_95 * q[1], unit), pq.Quantity(q[0] + Z_95 * q[1], unit)),
        is_identifiable=is_identifiable(*n_interval),
        method="moments",
    )


def is_identifiable(low: Any, high: Any) -> Any:
    """Return whether an interval of n is finite and narrower than a factor 3; any shape."""
    return np.isfinite(high) & (np.asarray(low) > 0) & (np.asarray(high) < 3.0 * np.asarray(low))


def warn_if_unidentifiable(estimate: QuantalEstimate, stacklevel: int = 4) -> None:
    """Warn, as the caller at `stacklevel`, of recordings whose n cannot be told from p."""
    n_lost = int(np.sum(~np.asarray(estimate.is_identifiable)))
    if n_lost:
        warnings.warn(
            f"n and p cannot be told apart in {n_lost} of {np.size(estimate.is_identifiable)} recordings "
            f"({estimate.method}): their intervals of n span a factor of 3 or more. Give n, record more "
            "trials, or record at several release probabilities and use estimate_by_variance_mean",
            IdentifiabilityWarning,
            stacklevel=stacklevel,
        )


def estimate_by_variance_mean(
    means: pq.Quantity,
    variances: pq.Quantity,
    *,
    n_trials: ArrayLike,
    noise_sd: pq.Quantity | None = None,
) -> QuantalEstimate:
    r"""Estimate n, p and q from means and variances recorded at several release probabilities.

    Fits the parabola :math:`\mathrm{var} = q\,\mathrm{mean} - \mathrm{mean}^2 / n` by least squares,
    weighted by the sampling error of the variances, :math:`2 \mathrm{var}^2 / (N - 1)` at the fitted
    variance (two rounds).

    Parameters
    ----------
    means, variances
        Of the amplitudes in each condition (calcium concentration, say), at least three: shape (conditions,)
        or (conditions, synapses).
    n_trials
        Number of trials N of each condition, at least 3; one number or an array that broadcasts to the shape
        of `means`.
    noise_sd
        Standard deviation of the recording noise, broadcast likewise; by default 0.

    Returns
    -------
    QuantalEstimate
        n and q for each synapse; p has the shape of `means`, one value for each condition.

    Raises
    ------
    TypeError
        If a quantity carries no unit.
    ValueError
        If there are fewer than three conditions, the shapes differ, all means of a synapse are equal, or a
        variance is not above that of the noise.

    Warns
    -----
    IdentifiabilityWarning
        If the parabola's curvature is too uncertain to tell n from p: q is still found, n and p are not.

    References
    ----------
    Clements JD, Silver RA (2000). Trends Neurosci 23:105-113, doi:10.1016/S0166-2236(99)01520-9.

    Examples
    --------
    >>> import numpy as np, quantities as pq
    >>> from biophys.quantal import QuantalSynapse
    >>> synapses = QuantalSynapse(8, np.array([0.1, 0.3, 0.6, 0.9]), 0.5 * pq.mV)
    >>> estimate = estimate_by_variance_mean(synapses.mean, synapses.variance, n_trials=200)
    >>> round(float(estimate.n), 6), float(estimate.q.magnitude.round(6))
    (8.0, 0.5)
    """
    m, v, trials, unit = _checked_conditions(means, variances, n_trials, noise_sd)
    parabola = _Parabola.through(m, v, (trials - 1) / (2.0 * v**2))
    for _ in range(2):
        fitted = np.maximum((parabola.q - parabola.b * m) * m, 0.05 * v)
        parabola = _Parabola.through(m, v, (trials - 1) / (2.0 * fitted**2))
    q, b = parabola.q, parabola.b
    p = m * b / q
    # p depends on the two parameters and on its own mean, whose sampling error is var / N.
    p_variance = (m / q) ** 2 * (
        parabola.b_variance + (b / q) ** 2 * parabola.q_variance - 2.0 * b / q * parabola.covariance
    ) + (b / q) ** 2 * v / trials
    b_error = np.sqrt(parabola.b_variance)
    estimate = _normal_estimate(
        (1.0 / b, b_error / b**2),
        (p, np.sqrt(p_variance)),
        (q, np.sqrt(parabola.q_variance)),
        unit,
        inverse_n=(b, b_error),
    )
    estimate = replace(estimate, method="variance-mean")
    warn_if_unidentifiable(estimate, stacklevel=3)
    return estimate


@dataclass(frozen=True, eq=False)
class _Parabola:
    """Weighted least-squares fit of variance = q mean - b mean^2 for each synapse, with b = 1 / n."""

    q: NDArray[np.float64]
    b: NDArray[np.float64]
    q_variance: NDArray[np.float64]
    b_variance: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @staticmethod
    def through(m: NDArray[np.float64], v: NDArray[np.float64], weight: NDArray[np.float64]) -> _Parabola:
        """Return the fit to means and variances of shape (conditions, ...)."""
        linear = weight * m
        quadratic = linear * m
        square, cube, fourth = (np.sum(quadratic * power, axis=0) for power in (1.0, m, m * m))
        by_mean, by_square = np.sum(linear * v, axis=0), np.sum(quadratic * v, axis=0)
        determinant = square * fourth - cube**2
        return _Parabola(
            q=(fourth * by_mean - cube * by_square) / determinant,
            b=(cube * by_mean - square * by_square) / determinant,
            q_variance=fourth / determinant,
            b_variance=square / determinant,
            covariance=cube / determinant,
        )


def _checked_conditions(
    means: pq.Quantity, variances: pq.Quantity, n_trials: ArrayLike, noise_sd: pq.Quantity | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], pq.Quantity]:
    """Return means, variances without noise and trials of the conditions, and the unit."""
    psp_unit_of(means, "means")
    unit = means.units
    m = checked_finite(means.magnitude, "means")
    v = checked_finite(magnitude_in(variances, unit**2, "variances"), "variances", 0.0)
    trials = checked_finite(n_trials, "n_trials", 3.0, remedy="fewer trials have no variance to speak of")
    if m.ndim == 0 or m.shape != v.shape or m.shape[0] < 3 or m.size == 0:
        raise ValueError(
            "a variance-mean analysis needs at least three conditions (first axis), got means of shape "
            f"{m.shape} and variances of shape {v.shape}"
        )
    if np.any(np.ptp(m, axis=0) == 0):
        raise ValueError("all means are equal: change the release probability between conditions")
    v = v - checked_noise(noise_sd, unit) ** 2
    if np.any(v <= 0):
        raise ValueError(
            "the recording noise explains all the variance of a condition: lower noise_sd or drop it"
        )
    return m, v, np.broadcast_to(trials, m.shape), unit
