"""How well the estimators of n, p and q recover synapses that are known: bias and coverage by simulation."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from biophys.argument_types import Count, check_public
from biophys.estimates import Estimate, exactly, gaussian
from biophys.palette import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, YELLOW
from biophys.quantal import QuantalSynapse
from biophys.quantal_analysis import (
    IdentifiabilityWarning,
    QuantalEstimate,
    as_estimate,
    estimate_by_likelihood,
    estimate_by_moments,
    estimate_by_variance_mean,
)
from biophys.recordings.fitting import fit_releases
from biophys.recordings.recording import QuantalVariability
from biophys.recordings.simulation import simulate_recording
from biophys.short_term import ShortTermDynamics
from biophys.units import checked_finite, magnitude_in

# Of the grid of synapses, and how they are recorded: with noise as a share of q.
RELEASE_PROBABILITIES = (0.1, 0.3, 0.5, 0.7, 0.9)
_Q = 0.2 * pq.mV
N_TRIALS, NOISE = 200, 0.2
_TRAIN = np.cumsum([0, 20, 20, 20, 20, 50, 100, 200]) * pq.ms


@dataclass(frozen=True)
class RecoveryRow:
    """How well an estimator recovers one synapse from simulated recordings.

    Parameters
    ----------
    method : ``"moments"``, ``"likelihood"``, ``"variance-mean"`` or ``"trains"``
    n, p : of the synapse
    n_trials, n_repeats : trials of a recording (or of a condition), and recordings
    p_bias, q_bias : mean estimate minus truth, relative to the truth
    n_coverage, p_coverage, q_coverage
        Share of 95 % intervals that hold the truth; 1 for an n that was given.
    identifiable : share of recordings that tell n and p apart
    n_coverage_if_identifiable : share of the intervals of n that hold it, among these; NaN if there are none.
    """

    method: str
    n: int
    p: float
    n_trials: int
    n_repeats: int
    p_bias: float
    q_bias: float
    n_coverage: float
    p_coverage: float
    q_coverage: float
    identifiable: float
    n_coverage_if_identifiable: float = float("nan")


def recovery_by_moments(
    synapse: QuantalSynapse,
    *,
    n_trials: Count,
    n_repeats: Count,
    rng: np.random.Generator,
    knows_n: bool = True,
    noise_sd: pq.Quantity | None = None,
    quantal_cv: float = 0.0,
) -> RecoveryRow:
    """Return bias and coverage of :func:`estimate_by_moments` on recordings drawn from one synapse.

    Parameters
    ----------
    synapse : a single synapse, p inside (0, 1)
    n_trials, n_repeats : trials of a recording, and recordings
    rng : source of randomness
    knows_n : whether the estimator is given n
    noise_sd, quantal_cv
        Recording noise and coefficient of variation of (gamma) quanta, which are drawn and known to the
        estimator; by default none.

    Examples
    --------
    >>> synapse = QuantalSynapse(5, 0.4, 1 * pq.mV)
    >>> row = recovery_by_moments(synapse, n_trials=200, n_repeats=500, rng=np.random.default_rng(3))
    >>> 0.9 < row.p_coverage < 0.99
    True
    """
    amplitudes = _recorded(_repeated(synapse, n_repeats), n_trials, rng, noise_sd, quantal_cv)
    n = synapse.n if knows_n else None
    estimated = partial(estimate_by_moments, amplitudes, n=n, noise_sd=noise_sd, variability=quantal_cv)
    return _row(estimated, synapse, n_trials, n_repeats)


def recovery_by_likelihood(
    synapse: QuantalSynapse,
    *,
    noise_sd: pq.Quantity,
    n_trials: Count,
    n_repeats: Count,
    rng: np.random.Generator,
    n_max: Count = 30,
    quantal_cv: float = 0.0,
) -> RecoveryRow:
    """Return bias and coverage of :func:`estimate_by_likelihood` on recordings drawn from one synapse.

    Up to `n_max` sites are tried; the other arguments are those of :func:`recovery_by_moments`.

    >>> rng, synapse = np.random.default_rng(3), QuantalSynapse(2, 0.4, 1 * pq.mV)
    >>> size = {"n_trials": 100, "n_repeats": 50}
    >>> row = recovery_by_likelihood(synapse, noise_sd=0.2 * pq.mV, **size, rng=rng, n_max=5)
    >>> 0.8 < row.p_coverage <= 1
    True
    """
    amplitudes = _recorded(_repeated(synapse, n_repeats), n_trials, rng, noise_sd, quantal_cv)
    known: dict[str, Any] = {"noise_sd": noise_sd, "quantal_cv": quantal_cv}
    return _row(
        partial(estimate_by_likelihood, amplitudes, n_max=n_max, **known), synapse, n_trials, n_repeats
    )


def recovery_by_variance_mean(
    synapse: QuantalSynapse,
    *,
    other_p: ArrayLike,
    n_trials: Count,
    n_repeats: Count,
    rng: np.random.Generator,
    noise_sd: pq.Quantity | None = None,
    quantal_cv: float = 0.0,
) -> RecoveryRow:
    """Return bias and coverage of :func:`estimate_by_variance_mean` on recordings drawn from one synapse.

    The synapse is the first condition, the one that is reported, `other_p` are those of the others, at least
    two; the other arguments are those of :func:`recovery_by_moments`.

    >>> rng, synapse = np.random.default_rng(3), QuantalSynapse(5, 0.3, 1 * pq.mV)
    >>> row = recovery_by_variance_mean(
    ...     synapse, other_p=[0.1, 0.6, 0.9], n_trials=200, n_repeats=500, rng=rng
    ... )
    >>> 0.9 < row.p_coverage < 0.99
    True
    """
    others = np.atleast_1d(checked_finite(other_p, "other_p", 0.0, 1.0))
    p = np.concatenate([[synapse.p], others])
    conditions = QuantalSynapse(np.full((p.size, n_repeats), synapse.n), p[:, None], synapse.q)
    amplitudes = _recorded(conditions, n_trials, rng, noise_sd, quantal_cv)
    moments = amplitudes.mean(axis=0), amplitudes.magnitude.var(axis=0, ddof=1) * synapse.unit**2
    known: dict[str, Any] = {"n_trials": n_trials, "noise_sd": noise_sd, "variability": quantal_cv}
    return _row(
        partial(estimate_by_variance_mean, *moments, **known), synapse, n_trials, n_repeats, condition=0
    )


def recovery_by_trains(
    synapse: QuantalSynapse,
    dynamics: ShortTermDynamics,
    spike_times: pq.Quantity,
    *,
    noise_sd: pq.Quantity,
    n_sweeps: Count,
    n_repeats: Count,
    rng: np.random.Generator,
    knows_n: bool = True,
    quantal_cv: float = 0.0,
) -> RecoveryRow:
    """Return bias and coverage of :func:`biophys.fit_releases` on depressing trains drawn from one synapse.

    Arguments are those of :func:`recovery_by_moments`, and `dynamics` of the same p, the `spike_times` of
    every sweep, from rest, and `n_sweeps` of a recording. A known n saves most of the time.

    >>> synapse, times = QuantalSynapse(3, 0.5, 1 * pq.mV), np.array([0, 20, 40, 90, 200]) * pq.ms
    >>> row = recovery_by_trains(
    ...     synapse, ShortTermDynamics(0.5, 100 * pq.ms, 0 * pq.ms), times, noise_sd=0.2 * pq.mV,
    ...     n_sweeps=8, n_repeats=3, rng=np.random.default_rng(1),
    ... )
    >>> row.n_trials, row.n_coverage
    (40, 1.0)
    """
    quanta = QuantalVariability(quantal_cv, family="gamma") if quantal_cv else None
    trains: dict[str, Any] = {
        "n_sweeps": n_sweeps,
        "spike_times": spike_times,
        "dynamics": dynamics,
        "noise": noise_sd,
    }
    recordings = [
        simulate_recording(synapse, rng=rng, variability=quanta, **trains) for _ in range(n_repeats)
    ]
    kind = "depletion+facilitation" if dynamics.facilitation > 0 else "depletion"
    known: dict[str, Any] = {
        "noise": noise_sd,
        "variability": quantal_cv,
        "n": int(synapse.n) if knows_n else None,
    }

    def estimated() -> QuantalEstimate:
        fits = fit_releases(recordings, spike_times, dynamics=kind, **known)
        return as_estimate(fits, "trains", synapse.unit)

    return _row(estimated, synapse, n_sweeps * spike_times.size, n_repeats)


def _repeated(synapse: QuantalSynapse, n_repeats: int) -> QuantalSynapse:
    return QuantalSynapse(np.full(n_repeats, synapse.n), synapse.p, synapse.q)


def _recorded(
    synapse: QuantalSynapse, n_trials: int, rng: np.random.Generator, noise_sd: Any, quantal_cv: float
) -> pq.Quantity:
    """Return responses with gamma quanta and recording noise."""
    counts = synapse.release_counts(n_trials, rng=rng).astype(float)
    checked_finite(quantal_cv, "quantal_cv", 0.0, 2.0)
    if quantal_cv:
        shape = np.maximum(counts, 1.0) / quantal_cv**2
        counts = np.where(counts > 0, rng.gamma(shape) * quantal_cv**2, 0.0)
    x = counts * synapse.q.magnitude
    if noise_sd is not None:
        x = x + rng.normal(0.0, float(magnitude_in(noise_sd, synapse.unit, "noise_sd")), x.shape)
    return pq.Quantity(x, synapse.unit)


def _row(
    estimated: Callable[[], QuantalEstimate],
    synapse: QuantalSynapse,
    n_trials: int,
    n_repeats: int,
    condition: int | slice = slice(None),
) -> RecoveryRow:
    """Return what the estimates from many recordings of one synapse say of the estimator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        estimate = estimated()
    n, p, q = float(synapse.n), float(synapse.p), float(synapse.q.magnitude)
    p_interval = estimate.p_interval[0][condition], estimate.p_interval[1][condition]
    told_apart = [np.asarray(end)[estimate.is_identifiable] for end in estimate.n_interval]
    return RecoveryRow(
        method=estimate.method,
        n=int(synapse.n),
        p=p,
        n_trials=n_trials,
        n_repeats=n_repeats,
        p_bias=float(np.mean(estimate.p[condition]) / p - 1),
        q_bias=float(np.mean(estimate.q.magnitude) / q - 1),
        n_coverage=_coverage(estimate.n_interval, n),
        p_coverage=_coverage(p_interval, p),
        q_coverage=_coverage([end.magnitude for end in estimate.q_interval], q),
        identifiable=float(np.mean(estimate.is_identifiable)),
        n_coverage_if_identifiable=_coverage(told_apart, n) if told_apart[0].size else float("nan"),
    )


def _coverage(interval: Sequence[Any], truth: float) -> float:
    return float(np.mean((interval[0] <= truth) & (truth <= interval[1])))


def recovery_on_a_grid(n_repeats: int, n_fits: int, rng: np.random.Generator) -> dict[str, list[RecoveryRow]]:
    """Return every method on a grid of n and p, without noise where it can do without."""
    grid = [QuantalSynapse(n, p, _Q) for n in (1, 2, 5, 10) for p in RELEASE_PROBABILITIES]
    drawn_as: dict[str, Any] = {"n_trials": N_TRIALS, "n_repeats": n_repeats, "rng": rng}
    fitted_as = drawn_as | {"n_repeats": n_fits, "noise_sd": NOISE * _Q, "n_max": 8}
    return {
        "moments, n known": [recovery_by_moments(s, knows_n=True, **drawn_as) for s in grid],
        "moments, n unknown": [recovery_by_moments(s, knows_n=False, **drawn_as) for s in grid],
        "variance-mean": [recovery_by_variance_mean(s, other_p=_other_p(s), **drawn_as) for s in grid],
        "likelihood": [
            recovery_by_likelihood(QuantalSynapse(n, p, _Q), **fitted_as)
            for n in (1, 2, 3)
            for p in RELEASE_PROBABILITIES
        ],
    }


def recovery_when_harder(
    n_repeats: int, n_fits: int, rng: np.random.Generator
) -> dict[str, list[RecoveryRow]]:
    """Return recordings with more noise, quanta that vary, and trains that deplete."""
    synapses = [QuantalSynapse(n, p, _Q) for n in (2, 5) for p in (0.3, 0.7)]
    varied: dict[str, Any] = {"rng": rng, "quantal_cv": 0.3}
    noisy = varied | {"n_trials": N_TRIALS, "noise_sd": _Q, "n_repeats": n_repeats}
    fitted_as = varied | {"n_trials": N_TRIALS, "noise_sd": 0.4 * _Q, "n_repeats": n_fits}
    trains = varied | {"noise_sd": 0.3 * _Q, "n_sweeps": 8, "n_repeats": n_fits}
    recovery = ShortTermDynamics(0.5, 100 * pq.ms, 0 * pq.ms)
    return {
        "moments, noise q, quantal CV 0.3, n known": [
            recovery_by_moments(s, knows_n=True, **noisy) for s in synapses
        ],
        "variance-mean, noise q, quantal CV 0.3": [
            recovery_by_variance_mean(s, other_p=_other_p(s), **noisy) for s in synapses
        ],
        "likelihood, quantal CV 0.3": [recovery_by_likelihood(s, **fitted_as) for s in synapses],
        "trains, quantal CV 0.3, n known": [
            recovery_by_trains(s, replace(recovery, p=float(s.p)), _TRAIN, **trains) for s in synapses
        ],
    }


def _other_p(synapse: QuantalSynapse) -> list[float]:
    return [p for p in RELEASE_PROBABILITIES if p != synapse.p]


def share_told(rows: Sequence[RecoveryRow]) -> Estimate:
    """Return the share of recordings that tell n and p apart, all synapses together."""
    shares = np.array([each.identifiable for each in rows])
    n, how = rows[0].n_repeats * shares.size, _extremes(rows, shares)
    return exactly(shares.mean(), n=n, unit="recordings", how=how)


def pooled_coverage(rows: Sequence[RecoveryRow], name: str, *, where_told: bool = False) -> Estimate:
    """Return how often the intervals of n, p or q hold it; of n also where it is said to be told."""
    attribute = f"{name}_coverage" + "_if_identifiable" * where_told
    weights = np.array([each.n_repeats * (each.identifiable if where_told else 1.0) for each in rows])
    counted = [each for each, weight in zip(rows, weights, strict=True) if weight > 0]
    held = np.array([getattr(each, attribute) for each in counted])
    pooled, n = float(np.average(held, weights=weights[weights > 0])), int(weights.sum())
    error = float(np.sqrt(pooled * (1 - pooled) / n))
    how = f"{_extremes(counted, held)}; 0.95 is asked for"
    return gaussian(pooled, error, n=n, unit="recordings", how=how)


def _extremes(rows: Sequence[RecoveryRow], values: np.ndarray) -> str:
    """Return at which synapses a value is lowest and highest."""
    ends = (int(np.argmin(values)), int(np.argmax(values)))
    return " to ".join(f"{values[i]:.3f} at n = {rows[i].n}, p = {rows[i].p:g}" for i in ends)


def plot_coverage(figure: Figure, by_method: Mapping[str, Sequence[RecoveryRow]]) -> None:
    """Draw the share of 95 % intervals that hold the truth. Band: 0.95 with its 95 % sampling range. Filled:
    p; open: q. What the likelihood is given has noise with an sd of 0.2 q.
    """
    sites = sorted({row.n for rows in by_method.values() for row in rows})
    colours = dict(zip(sites, (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, YELLOW), strict=False))
    panels = figure.subplots(1, len(by_method), sharey=True, squeeze=False)[0]
    for axes, (method, rows) in zip(panels, by_method.items(), strict=True):
        half = 1.96 * np.sqrt(0.95 * 0.05 / rows[0].n_repeats)
        axes.axhspan(0.95 - half, 0.95 + half, color="0.85")
        for n in sorted({row.n for row in rows}):
            chosen = [row for row in rows if row.n == n]
            p, style = [row.p for row in chosen], {"color": colours[n], "markersize": 5}
            axes.plot(p, [row.p_coverage for row in chosen], "o-", label=f"n = {n}", **style)
            axes.plot(p, [row.q_coverage for row in chosen], "s--", markerfacecolor="none", **style)
        sizes = f"{rows[0].n_repeats} recordings a point, {rows[0].n_trials} responses each"
        axes.set_title(f"{method}\n{sizes}", fontsize=8)
        axes.set_xlabel("release probability p")
        axes.legend(fontsize=7)
    panels[0].set_ylabel("share of intervals that hold the truth")


check_public(__name__, but=("RecoveryRow",))
