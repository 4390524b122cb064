"""Draw recordings, site by site and event by event."""

from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import NDArray

from biophys.argument_types import Count, checked_types
from biophys.quantal import QuantalSynapse
from biophys.recordings.likelihood import Likelihood
from biophys.recordings.mixture import MANY_SITES
from biophys.recordings.recording import checked_variability
from biophys.short_term import ShortTermDynamics
from biophys.units import FloatArray, checked_finite, magnitude_in


@checked_types
def simulate_recording(
    synapse: QuantalSynapse,
    *,
    rng: np.random.Generator,
    n_sweeps: Count = 1,
    n_trials: Count | None = None,
    spike_times: pq.Quantity | None = None,
    dynamics: ShortTermDynamics | None = None,
    noise: pq.Quantity | None = None,
    variability: Any = None,
) -> pq.Quantity:
    """Draw the recorded responses of a synapse, every site and vesicle on its own, (n_sweeps, stimuli).

    Parameters
    ----------
    synapse : a single synapse; its q is the mean over its sites
    rng : source of randomness
    n_sweeps, n_trials
        Number of sweeps, each from rest, and of independent trials of a sweep, without `spike_times`.
    spike_times : of one sweep, (stimuli,)
    dynamics
        Depletion and facilitation; its p must be that of the synapse. By default sites are always full.
    noise : standard deviation of the recording noise
    variability : as of :func:`biophys.fit_release`; the mean quanta of the sites are drawn once

    Examples
    --------
    >>> synapse, rng = QuantalSynapse(5, 0.4, 10 * pq.pA), np.random.default_rng(1)
    >>> simulate_recording(synapse, n_sweeps=2, n_trials=3, rng=rng, noise=1 * pq.pA).shape
    (2, 3)
    """
    if synapse.shape != ():
        raise ValueError(f"simulate one synapse at a time, got an array of shape {synapse.shape}")
    if (n_trials is None) == (spike_times is None):
        raise TypeError("give either n_trials or spike_times")
    quanta = checked_variability(variability)
    if quanta.within == "free":
        raise ValueError("a simulation needs the number within, not 'free'")
    n, p, q = int(synapse.n), float(synapse.p), float(synapse.q.magnitude)
    sites = np.full(n, q)
    if n > 1 and quanta.between:
        # Of exactly this mean and spread.
        draw = rng.normal(size=n)
        draw -= draw.mean()
        sites = q * (1.0 + quanta.between * draw / draw.std())
    if dynamics is not None and spike_times is None:
        raise ValueError("dynamics act between stimuli: give their spike_times, or leave dynamics out")
    if dynamics is not None and not np.isclose(dynamics.p, p):
        raise ValueError(f"dynamics.p must be the p of the synapse, {p:g}, got {float(dynamics.p):g}")
    times = None if spike_times is None else magnitude_in(spike_times, pq.ms, "spike_times")
    n_stimuli = int(n_trials or 0) if times is None else times.size
    gaps = np.zeros(n_stimuli) if times is None else np.append(0.0, np.diff(times))
    checked_finite(gaps, "intervals between spike_times", 0.0, remedy="sort them")
    recovery = 0.0 if dynamics is None else float(dynamics.recovery.rescale(pq.ms))
    facilitation = 0.0 if dynamics is None else float(dynamics.facilitation.rescale(pq.ms))
    is_full, u = np.ones((n_sweeps, n), bool), p
    responses = np.zeros((n_sweeps, n_stimuli))
    for t in range(n_stimuli):
        if t:
            refills = rng.random((n_sweeps, n)) < 1.0 - _kept(gaps[t], recovery)
            is_full |= refills
            u = p + u * (1.0 - p) * _kept(gaps[t], facilitation)
        releases = is_full & (rng.random((n_sweeps, n)) < u)
        if times is not None and dynamics is not None:
            is_full &= ~releases
        responses[:, t] = np.sum(releases * sites * _relative(releases.shape, quanta, rng), axis=1)
    if noise is not None:
        sd = checked_finite(magnitude_in(noise, synapse.unit, "noise"), "noise", 0.0)
        responses = responses + rng.normal(0.0, 1.0, responses.shape) * sd
    return pq.Quantity(responses, synapse.q.dimensionality)


def _kept(gap: float, time_constant: float) -> float:
    return float(np.exp(-gap / time_constant)) if time_constant > 0 else 0.0


def _relative(shape: tuple[int, ...], quanta: Any, rng: np.random.Generator) -> FloatArray:
    """Return quanta over their site's mean."""
    within = float(quanta.within)
    if not within:
        return np.ones(shape)
    if quanta.family == "gamma":
        return rng.gamma(1.0 / within**2, within**2, shape)
    if quanta.family == "inverse-gaussian":
        return rng.wald(1.0, 1.0 / within**2, shape)
    return rng.normal(1.0, within, shape)


def drawn_from(likelihood: Likelihood, theta: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return responses of the layout of a likelihood drawn at coordinates (1, D)."""
    chain = likelihood.as_chain(limit=MANY_SITES)
    phi = chain.phi(theta, np.arange(1))
    driven = chain.drive(theta, phi)
    u, empty = driven.u[0], driven.empty[0]
    n = int(chain.n[0])
    quanta = chain.quanta(phi)
    q, noise, within = (np.asarray(part)[0] for part in (quanta.q, quanta.noise, quanta.within))
    full = left = np.full(u.shape[0], n)
    x = np.empty_like(u)
    for t in range(u.shape[1]):
        if t:
            full = left + rng.binomial(n - left, 1.0 - empty[:, t])
        k = rng.binomial(full, np.clip(u[:, t], 0.0, 1.0))
        left = full - k
        x[:, t] = _amplitudes(k, n, q, within, chain.model, rng)
    if likelihood.model.is_robust:
        share = 0.1 / (1.0 + np.exp(-theta[0, -1]))
        low, high = np.nanmin(chain.data.x), np.nanmax(chain.data.x)
        middle, half = 0.5 * (low + high), 1.5 * (high - low)
        is_outlier = rng.random(x.shape) < share
        artefacts = rng.uniform(middle - half, middle + half, x.shape)
    x = x + rng.normal(size=x.shape) * noise[:, None]
    if likelihood.model.is_robust:
        x = np.where(is_outlier, artefacts, x)
    return np.where(np.isfinite(chain.data.x[0]), x, np.nan)


def _amplitudes(
    k: NDArray[np.int64], n: int, q: FloatArray, within: FloatArray, model: Any, rng: np.random.Generator
) -> FloatArray:
    """Return the summed quanta of each response."""
    within = np.maximum(within, 1e-9)
    if model.family == "gamma":
        return np.where(k > 0, q * within**2 * rng.gamma(np.maximum(k, 1e-9) / within**2), 0.0)
    if model.family == "inverse-gaussian":
        safe = np.maximum(k, 1)
        return np.where(k > 0, rng.wald(safe * q, safe**2 * q / within**2), 0.0)
    own = k * within**2 * (1.0 + model.between**2)
    between = model.between**2 * k * (n - k) / max(n - 1, 1)
    return k * q + q * np.sqrt(own + between) * rng.normal(size=k.shape)
