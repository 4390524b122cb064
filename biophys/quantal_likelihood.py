"""Find n, p and q of many synapses at once by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import NDArray

from biophys.quantal import checked_n_sites
from biophys.quantal_analysis import (
    Z_95,
    QuantalEstimate,
    checked_noise,
    checked_recording,
    is_identifiable,
    warn_if_unidentifiable,
)
from biophys.units import checked_finite

# 95 % of the chi-square distribution with one degree of freedom: of a squared normal number.
_CHI2 = Z_95**2

# Synapses times trials times components in one block: small enough for the processor's cache.
_BLOCK = 200_000
_MAX_STEPS = 100
# Quantal sizes tried before the ascent, relative to that of the moments: between well separated peaks of the
# amplitudes the likelihood has local maxima.
_STARTS = np.geomspace(0.6, 1.6, 13)


def estimate_by_likelihood(
    amplitudes: pq.Quantity, *, noise_sd: pq.Quantity, quantal_cv: float = 0.0, n_max: int = 30
) -> QuantalEstimate:
    r"""Estimate n, p and q by maximum likelihood from amplitudes with normal recording noise.

    The amplitude is normal with mean k q and variance :math:`\epsilon^2 + k (\mathrm{cv}_q q)^2`, k
    binomial. The likelihood is maximised over p and q for each n up to `n_max`, by Newton's method for all
    synapses together. The interval of n holds every n whose best log likelihood is within 1.92 of the best;
    those of p and q are the union of the normal intervals at these n, so that they include what not knowing n
    adds.

    Parameters
    ----------
    amplitudes
        Responses, failures included, shape (trials,) or (trials, synapses); at least three trials.
    noise_sd
        Standard deviation :math:`\epsilon` of the recording noise, above 0 (measure it before the stimulus);
        one number or one for each synapse.
    quantal_cv
        Coefficient of variation of the response to one vesicle, at least 0.
    n_max
        Largest number of sites tried.

    Returns
    -------
    QuantalEstimate
        For each synapse.

    Raises
    ------
    TypeError
        If a quantity carries no unit.
    ValueError
        If the recording is empty, constant or not finite, has more than two axes or mean 0, or a parameter is
        out of range.

    Warns
    -----
    IdentifiabilityWarning
        If an interval of n spans a factor of 3 or reaches `n_max`.

    Examples
    --------
    >>> import numpy as np, quantities as pq
    >>> from biophys.quantal import QuantalSynapse
    >>> rng = np.random.default_rng(2)
    >>> amplitudes = QuantalSynapse(3, 0.4, 1 * pq.mV).sample(400, rng=rng)
    >>> amplitudes = amplitudes + rng.normal(0, 0.2, 400) * pq.mV
    >>> estimate = estimate_by_likelihood(amplitudes, noise_sd=0.2 * pq.mV, n_max=10)
    >>> int(estimate.n), bool(estimate.is_identifiable)
    (3, True)
    """
    x, unit = checked_recording(amplitudes)
    if x.ndim > 2:
        raise ValueError(f"amplitudes must have shape (trials,) or (trials, synapses), got {x.shape}")
    if np.any(x.mean(axis=0) == 0):
        raise ValueError("the mean amplitude is 0: no release to analyse")
    remedy = "measure it before the stimulus"
    noise = checked_finite(checked_noise(noise_sd, unit), "noise_sd", 0.0, remedy=remedy, is_open=True)
    quantal_cv = float(checked_finite(quantal_cv, "quantal_cv", 0.0))
    fits = _fits(
        np.atleast_2d(x.T),
        np.broadcast_to(noise, x.shape[1:]).reshape(-1),
        quantal_cv,
        int(checked_n_sites(n_max, "n_max")),
    )
    estimate = fits.estimate(unit, x.shape[1:])
    warn_if_unidentifiable(estimate, stacklevel=3)
    return estimate


@dataclass(frozen=True, eq=False)
class _Fits:
    """Best p and q at each n, with standard errors: arrays of shape (n_max, synapses)."""

    p: NDArray[np.float64]
    q: NDArray[np.float64]
    p_error: NDArray[np.float64]
    q_error: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]

    def estimate(self, unit: pq.Quantity, shape: tuple[int, ...]) -> QuantalEstimate:
        """Return the best n of each synapse and the intervals over the n that explain it as well."""
        n_max = self.p.shape[0]
        is_inside = 2.0 * (self.log_likelihood.max(axis=0) - self.log_likelihood) <= _CHI2
        best = np.argmax(self.log_likelihood, axis=0)
        highest = n_max - np.argmax(is_inside[::-1], axis=0)
        n_low = (1.0 + np.argmax(is_inside, axis=0)).reshape(shape)
        n_high = np.where(highest == n_max, np.inf, highest).reshape(shape)

        def at_best(values: NDArray[np.float64]) -> Any:
            return np.take_along_axis(values, best[None], axis=0)[0].reshape(shape)

        def interval(value: NDArray[np.float64], error: NDArray[np.float64]) -> tuple[Any, Any]:
            low = np.where(is_inside, value - Z_95 * error, np.inf).min(axis=0)
            high = np.where(is_inside, value + Z_95 * error, -np.inf).max(axis=0)
            return low.reshape(shape), high.reshape(shape)

        p_low, p_high = interval(self.p, self.p_error)
        q_low, q_high = interval(self.q, self.q_error)
        return QuantalEstimate(
            n=(1 + best).reshape(shape),
            p=at_best(self.p),
            q=pq.Quantity(at_best(self.q), unit),
            n_error=np.full(shape, np.nan),
            p_error=at_best(self.p_error),
            q_error=pq.Quantity(at_best(self.q_error), unit),
            n_interval=(n_low, n_high),
            p_interval=(np.maximum(p_low, 0.0), np.minimum(p_high, 1.0)),
            q_interval=(pq.Quantity(q_low, unit), pq.Quantity(q_high, unit)),
            is_identifiable=is_identifiable(n_low, n_high),
            method="likelihood",
        )


def _fits(x: NDArray[np.float64], noise: NDArray[np.float64], quantal_cv: float, n_max: int) -> _Fits:
    """Maximise the likelihood of amplitudes of shape (synapses, trials) at each n, block by block."""
    n_synapses, n_trials = x.shape
    found = np.empty((5, n_max, n_synapses))
    for n in range(1, n_max + 1):
        size = max(1, _BLOCK // (n_trials * (n + 1)))
        for start in range(0, n_synapses, size):
            block = slice(start, start + size)
            mixture = _Mixture(n, x[block], noise[block], quantal_cv)
            found[:, n - 1, block] = _best_fit(mixture)
    return _Fits(*found)


@dataclass(frozen=True, eq=False)
class _Point:
    """Log likelihood of each synapse at one (log odds of p, q), with gradient and second derivatives.

    Parameters
    ----------
    theta, gradient
        Shape (2, synapses).
    log_likelihood
        Shape (synapses,).
    hessian
        Shape (3, synapses): twice by the log odds, mixed, twice by q.
    information
        Shape (2, synapses): expected curvatures if the number released were known, the scale of a step.
    """

    theta: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]
    information: NDArray[np.float64]

    def replaced(self, where: NDArray[np.bool_], other: _Point) -> _Point:
        """Return this point with the synapses `where` taken from `other`."""
        names = ("theta", "log_likelihood", "gradient", "hessian", "information")
        return _Point(*(np.where(where, getattr(other, name), getattr(self, name)) for name in names))


@dataclass(frozen=True, eq=False)
class _Mixture:
    """The amplitudes of a block of synapses as a mixture of n + 1 normal components."""

    n: int
    x: NDArray[np.float64]
    noise: NDArray[np.float64]
    quantal_cv: float

    def start(self) -> NDArray[np.float64]:
        """Return the likeliest of a few (log odds, q) that keep the mean, near those of the moments."""
        mean = self.x.mean(axis=1)
        spread = self.x.var(axis=1, ddof=1)
        variance = np.maximum(spread - self.noise**2, 0.02 * spread)
        q = np.multiply.outer(_STARTS, variance / mean + mean / self.n)
        p = np.clip(mean / (self.n * q), 0.02, 0.98)
        starts = np.stack([np.log(p / (1.0 - p)), q], axis=1)
        values = [self._log_joint(theta)[1].sum(axis=1) for theta in starts]
        return starts[np.argmax(values, axis=0), :, np.arange(mean.size)].T

    def at(self, theta: NDArray[np.float64]) -> _Point:
        """Return the likelihood and its derivatives; the missing number released is averaged out."""
        log_joint, log_density = self._log_joint(theta)
        weight = np.exp(log_joint - log_density[:, :, None])
        p = 1.0 / (1.0 + np.exp(-theta[0]))
        k = np.arange(self.n + 1.0)
        by_odds = k - self.n * p[:, None]
        by_q, by_q_twice = self._derivatives_by_q(theta[1])
        mean_odds, mean_q = np.einsum("stk,sk->st", weight, by_odds), np.einsum("stk,stk->st", weight, by_q)
        n_trials, spread = self.x.shape[1], self.n * p * (1.0 - p)
        hessian = [
            np.einsum("stk,sk->s", weight, by_odds**2) - np.sum(mean_odds**2, axis=1) - n_trials * spread,
            np.einsum("stk,sk,stk->s", weight, by_odds, by_q) - np.sum(mean_odds * mean_q, axis=1),
            np.einsum("stk,stk->s", weight, by_q**2 + by_q_twice) - np.sum(mean_q**2, axis=1),
        ]
        precision = np.mean(1.0 / self._variance(theta[1]), axis=1)
        information = n_trials * np.stack([spread, (spread + (self.n * p) ** 2) * precision])
        gradient = np.stack([mean_odds.sum(axis=1), mean_q.sum(axis=1)])
        return _Point(theta, log_density.sum(axis=1), gradient, np.stack(hessian), information)

    def _variance(self, q: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance of each component, shape (synapses, n + 1)."""
        return self.noise[:, None] ** 2 + np.arange(self.n + 1.0) * (self.quantal_cv * q[:, None]) ** 2

    def _log_joint(self, theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the log density of each amplitude with each number released, and summed over them."""
        from scipy.special import gammaln

        log_odds, q = theta[:, :, None]
        k = np.arange(self.n + 1.0)
        log_ways = gammaln(self.n + 1) - gammaln(k + 1) - gammaln(self.n - k + 1)
        variance = self._variance(theta[1])
        log_pmf = log_ways - k * np.logaddexp(0, -log_odds) - (self.n - k) * np.logaddexp(0, log_odds)
        constant = log_pmf - 0.5 * np.log(2 * np.pi * variance)
        # In place: new arrays of this size cost more than the arithmetic.
        log_joint = self.x[:, :, None] - (k * q)[:, None]
        log_joint *= log_joint
        log_joint /= -2.0 * variance[:, None]
        log_joint += constant[:, None]
        peak = log_joint.max(axis=2)
        return log_joint, peak + np.log(np.exp(log_joint - peak[:, :, None]).sum(axis=2))

    def _derivatives_by_q(self, q: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the first and second derivatives of each log density by q."""
        k, variance = np.arange(self.n + 1.0), self._variance(q)[:, None]
        residual = self.x[:, :, None] - (k * q[:, None])[:, None]
        pull = residual * k / variance
        if not self.quantal_cv:
            return pull, -(k**2) / variance
        slope = 2.0 * k * self.quantal_cv**2 * q[:, None, None] / variance
        bend = 2.0 * k * self.quantal_cv**2 / variance - slope**2
        square = residual**2 / variance
        first = pull + 0.5 * slope * (square - 1.0)
        second = -(k**2) / variance - 2.0 * slope * pull + 0.5 * bend * (square - 1.0)
        return first, second - 0.5 * slope**2 * square


def _best_fit(mixture: _Mixture) -> NDArray[np.float64]:
    """Return p, q, their errors and the log likelihood at its maximum, shape (5, synapses).

    Newton's method, damped for each synapse on its own (Levenberg and Marquardt): a step that does not raise
    the likelihood is not taken and the next one is shorter.
    """
    here = mixture.at(mixture.start())
    damping = np.full(mixture.noise.shape, 0.1)
    for _ in range(_MAX_STEPS):
        step, is_uphill = _damped_step(here, damping)
        there = mixture.at(here.theta + step)
        is_better = is_uphill & (there.log_likelihood >= here.log_likelihood)
        gain = np.sum(here.gradient * step, axis=0)
        here = here.replaced(is_better, there)
        damping = np.where(is_better, damping / 10.0, damping * 10.0)
        if np.all(is_uphill & (gain < 1e-9)):
            break
    p = 1.0 / (1.0 + np.exp(-here.theta[0]))
    errors = _errors(here.hessian)
    return np.stack([p, here.theta[1], errors[0] * p * (1.0 - p), errors[1], here.log_likelihood])


def _damped_step(
    point: _Point, damping: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the step of each synapse, and whether its quadratic approximation has a maximum at all."""
    a, b, c = -point.hessian
    a, c = a + damping * point.information[0], c + damping * point.information[1]
    determinant = a * c - b * b
    is_uphill = (a > 0) & (determinant > 0)
    safe = np.where(is_uphill, determinant, 1.0)
    by_odds, by_q = point.gradient
    step = np.stack([c * by_odds - b * by_q, a * by_q - b * by_odds]) / safe
    return np.where(is_uphill, step, 0.0), is_uphill


def _errors(hessian: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return standard errors from the curvature of the likelihood; infinite where it is flat."""
    a, b, c = -hessian
    determinant = a * c - b * b
    is_peaked = (a > 0) & (determinant > 0)
    variances = np.stack([c, a]) / np.where(is_peaked, determinant, 1.0)
    return np.sqrt(np.where(is_peaked, variances, np.inf))
