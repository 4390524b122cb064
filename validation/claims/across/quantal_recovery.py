"""Beside X01: how well n, p and q come back from simulated recordings, by each method."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import quantities as pq

from biophys.estimates import Estimate, exactly, gaussian
from biophys.quantal import QuantalSynapse
from biophys.quantal_recovery import (
    RecoveryRow,
    plot_coverage,
    recovery_by_likelihood,
    recovery_by_moments,
    recovery_by_trains,
    recovery_by_variance_mean,
)
from biophys.short_term import ShortTermDynamics
from validation.claims.across.release_statistics import X01
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Measurement, Rendering, row

_P = (0.1, 0.3, 0.5, 0.7, 0.9)
_Q = 0.2 * pq.mV
_N_TRIALS = 200
_NOISE_SD = 0.2 * _Q
_TRAIN = np.cumsum([0, 20, 20, 20, 20, 50, 100, 200]) * pq.ms


@measures("X01", rendering=Rendering.ANALYTIC, lasts_long=True)
def recovered_parameters(context: Context) -> Findings:
    """Report how often the intervals of n, p and q cover the truth, by method, over a grid of n and p."""
    n_repeats, n_fits, _ = _sizes(context)
    by_method = _by_method(n_repeats, n_fits, np.random.default_rng(context.seed))
    yield from _reported(by_method)
    caption = (
        f"Share of 95 % intervals that hold the truth, {_N_TRIALS} responses a recording or condition, "
        f"{n_repeats} recordings a point (likelihood: {n_fits}, noise sd {float(_NOISE_SD / _Q):g} q). Band: "
        "0.95 with its 95 % sampling range. Filled: p; open: q."
    )
    yield claim_figure(partial(plot_coverage, by_method=by_method), caption, (12, 3.6))
    yield from _REMARKS


@measures("X01", rendering=Rendering.ANALYTIC, lasts_long=True)
def recovered_from_noise_and_trains(context: Context) -> Findings:
    """Report the same of recordings with more noise, quanta that vary, and trains that deplete."""
    n_repeats, _, n_fits = _sizes(context)
    yield from _reported(_harder(n_repeats, n_fits, np.random.default_rng(context.seed + 1)))


def _sizes(context: Context) -> tuple[int, int, int]:
    """Return the recordings of a synapse: for quick methods, the likelihood, and of the harder ones."""
    return (1_000, 80, 10) if context.is_quick else (20_000, 1_000, 250)


def _reported(by_method: dict[str, list[RecoveryRow]]) -> Findings:
    """Report coverage of every method, and how often it tells n and p apart."""
    for method, rows in by_method.items():
        is_known = method.endswith("n known")
        for name in ("p", "q") if is_known else ("p", "q", "n"):
            yield coverage(method, rows, name)
        if not is_known:
            shares = np.array([recovery.identifiable for recovery in rows])
            n, how = rows[0].n_repeats * shares.size, _extremes(rows, shares)
            told = exactly(shares.mean(), n=n, unit="recordings", how=how)
            words = f"share of recordings of {rows[0].n_trials} responses that tell n and p apart"
            yield _observed(method, rows, told, words)
            if shares.any():
                yield coverage(method, rows, "n", where_told=True)


_REMARKS = (
    "The intervals of the moments rest on a normal approximation that fails where hardly any response holds "
    "more than one vesicle (small n p) or hardly any fewer than all (few sites, p near 1), and with n "
    "unknown in more places: there use the likelihood, or several release probabilities.",
    "Quanta are drawn from a gamma law, and fitted as normal or gamma. More ways of recording are in "
    "docs/quantal_recovery.md.",
    "The likelihood's interval of n covers more often than it says, because n is whole.",
    "Two hundred responses often do not tell n and p apart; recordings at several release probabilities, up "
    "to high ones, do (variance-mean, here at p = 0.1, 0.3, 0.5, 0.7 and 0.9).",
)


def _by_method(n_repeats: int, n_fits: int, rng: np.random.Generator) -> dict[str, list[RecoveryRow]]:
    """Return every method on a grid of n and p, without noise where it can do without."""
    grid = [QuantalSynapse(n, p, _Q) for n in (1, 2, 5, 10) for p in _P]
    drawn_as: dict[str, Any] = {"n_trials": _N_TRIALS, "n_repeats": n_repeats, "rng": rng}
    fitted_as = drawn_as | {"n_repeats": n_fits, "noise_sd": _NOISE_SD, "n_max": 8}
    return {
        "moments, n known": [recovery_by_moments(s, knows_n=True, **drawn_as) for s in grid],
        "moments, n unknown": [recovery_by_moments(s, knows_n=False, **drawn_as) for s in grid],
        "variance-mean": [recovery_by_variance_mean(s, other_p=_other_p(s), **drawn_as) for s in grid],
        "likelihood": [
            recovery_by_likelihood(QuantalSynapse(n, p, _Q), **fitted_as) for n in (1, 2, 3) for p in _P
        ],
    }


def _harder(n_repeats: int, n_fits: int, rng: np.random.Generator) -> dict[str, list[RecoveryRow]]:
    """Return recordings with more noise, quanta that vary, and trains that deplete."""
    synapses = [QuantalSynapse(n, p, _Q) for n in (2, 5) for p in (0.3, 0.7)]
    varied: dict[str, Any] = {"rng": rng, "quantal_cv": 0.3}
    noisy = varied | {"n_trials": _N_TRIALS, "noise_sd": _Q, "n_repeats": n_repeats}
    fitted_as = varied | {"n_trials": _N_TRIALS, "noise_sd": 0.4 * _Q, "n_repeats": n_fits}
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
    return [p for p in _P if p != synapse.p]


def coverage(method: str, rows: Sequence[RecoveryRow], name: str, *, where_told: bool = False) -> Measurement:
    """Return how often the intervals of n, p or q hold it; of n also where it is said to be told."""
    words = f"coverage of 95 % intervals of {name} from {rows[0].n_trials} responses"
    if where_told:
        words = f"coverage of n from {rows[0].n_trials} responses that are said to tell it"
    attribute = f"{name}_coverage" + "_if_identifiable" * where_told
    weights = np.array([each.n_repeats * (each.identifiable if where_told else 1.0) for each in rows])
    counted = [each for each, weight in zip(rows, weights, strict=True) if weight > 0]
    held = np.array([getattr(each, attribute) for each in counted])
    pooled, n = float(np.average(held, weights=weights[weights > 0])), int(weights.sum())
    error = float(np.sqrt(pooled * (1 - pooled) / n))
    how = f"{_extremes(counted, held)}; 0.95 is asked for"
    return _observed(method, rows, gaussian(pooled, error, n=n, unit="recordings", how=how), words)


def _observed(method: str, rows: Sequence[RecoveryRow], estimate: Estimate, quantity: str) -> Measurement:
    """Return a row of X01 that decides nothing: it describes a method."""
    condition = {"method": method, "n": _span(r.n for r in rows), "p": _span(r.p for r in rows)}
    return row(X01, estimate, quantity, condition=condition)


def _extremes(rows: Sequence[RecoveryRow], values: np.ndarray) -> str:
    """Return at which synapses a value is lowest and highest."""
    ends = (int(np.argmin(values)), int(np.argmax(values)))
    return " to ".join(f"{values[i]:.3f} at n = {rows[i].n}, p = {rows[i].p:g}" for i in ends)


def _span(values: Any) -> str:
    numbers = sorted(set(values))
    return f"{numbers[0]:g}-{numbers[-1]:g}"
