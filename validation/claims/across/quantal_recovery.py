"""Beside X01: how well n, p and q come back from simulated recordings, by each method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import quantities as pq
from matplotlib.figure import Figure

from biophys.estimates import Estimate, exactly, gaussian
from biophys.palette import BLUE, GREEN, ORANGE, PURPLE, VERMILION
from biophys.quantal import QuantalSynapse
from biophys.quantal_recovery import (
    RecoveryRow,
    recovery_by_likelihood,
    recovery_by_moments,
    recovery_by_trains,
    recovery_by_variance_mean,
)
from biophys.short_term import ShortTermDynamics
from validation.claims.across.release_statistics import X01
from validation.registry import ClaimFigure, Context, Findings, measures
from validation.statement import Measurement, Rendering, row

_P = (0.1, 0.3, 0.5, 0.7, 0.9)
_Q = 0.2 * pq.mV
_N_TRIALS = 200
_NOISE_SD = 0.2 * _Q
_QUANTAL_CV = 0.3
_TRAIN = np.cumsum([0, 20, 20, 20, 20, 50, 100, 200]) * pq.ms
_KNOWN_N = "moments, n known"
_COLOURS = {1: BLUE, 2: ORANGE, 3: GREEN, 5: PURPLE, 10: VERMILION}


@measures("X01", rendering=Rendering.ANALYTIC)
def recovered_parameters(context: Context) -> Findings:
    """Report how often the intervals of n, p and q cover the truth, by method, over a grid of n and p."""
    rng = np.random.default_rng(context.seed)
    n_repeats, n_fits = (1_000, 80) if context.is_quick else (20_000, 2_000)
    by_method = {
        _KNOWN_N: _by_moments(n_repeats, rng, knows_n=True),
        "moments, n unknown": _by_moments(n_repeats, rng, knows_n=False),
        "variance-mean": _by_variance_mean(n_repeats, rng),
        "likelihood": _by_likelihood(n_fits, rng),
    }
    harder = _harder(n_repeats, n_fits // 8, rng)
    for method, rows in (by_method | harder).items():
        is_known = method.endswith("n known")
        for name in ("p", "q") if is_known else ("p", "q", "n"):
            yield _coverage(method, rows, name)
        if not is_known:
            yield _identifiable(method, rows)
            yield from _coverage_if_identifiable(method, rows)
    caption = (
        f"Share of 95 % intervals that hold the truth, {_N_TRIALS} responses a recording or condition, "
        f"{n_repeats} recordings a point (likelihood: {n_fits}, noise sd {float(_NOISE_SD / _Q):g} q). Band: "
        "0.95 with its 95 % sampling range. Filled: p; open: q."
    )
    yield ClaimFigure(_figure(by_method), caption)
    yield from _REMARKS


_REMARKS = (
    "The intervals of the moments rest on a normal approximation that fails where hardly any response holds "
    "more than one vesicle (small n p) or hardly any fewer than all (few sites, p near 1), and with n "
    "unknown in more places: there use the likelihood, or several release probabilities.",
    "Quanta are drawn from a gamma law and fitted as normal ones, which is the default: with little noise "
    "the likelihood sees their skew and takes it for more sites.",
    "The likelihood's interval of n covers more often than it says, because n is whole.",
    "Two hundred responses often do not tell n and p apart; recordings at several release probabilities, up "
    "to high ones, do (variance-mean, here at p = 0.1, 0.3, 0.5, 0.7 and 0.9).",
)


def _by_moments(n_repeats: int, rng: np.random.Generator, *, knows_n: bool) -> list[RecoveryRow]:
    options: dict[str, Any] = {"n_trials": _N_TRIALS, "n_repeats": n_repeats, "rng": rng, "knows_n": knows_n}
    return [recovery_by_moments(QuantalSynapse(n, p, _Q), **options) for n in (1, 2, 5, 10) for p in _P]


def _by_variance_mean(n_repeats: int, rng: np.random.Generator) -> list[RecoveryRow]:
    options: dict[str, Any] = {"n_trials": _N_TRIALS, "n_repeats": n_repeats, "rng": rng}
    return [
        recovery_by_variance_mean(
            QuantalSynapse(n, p, _Q), other_p=[other for other in _P if other != p], **options
        )
        for n in (1, 2, 5, 10)
        for p in _P
    ]


def _by_likelihood(n_repeats: int, rng: np.random.Generator) -> list[RecoveryRow]:
    options: dict[str, Any] = {"n_trials": _N_TRIALS, "n_repeats": n_repeats, "rng": rng, "n_max": 8}
    return [
        recovery_by_likelihood(QuantalSynapse(n, p, _Q), noise_sd=_NOISE_SD, **options)
        for n in (1, 2, 3)
        for p in _P
    ]


def _harder(n_repeats: int, n_fits: int, rng: np.random.Generator) -> dict[str, list[RecoveryRow]]:
    """Return recordings with more noise, quanta that vary, and trains that deplete."""
    synapses = [QuantalSynapse(n, p, _Q) for n in (2, 5) for p in (0.3, 0.7)]
    varied: dict[str, Any] = {"n_trials": _N_TRIALS, "rng": rng, "quantal_cv": _QUANTAL_CV}
    noisy = {"noise_sd": _Q, "n_repeats": n_repeats}
    recovery = ShortTermDynamics(0.5, 100 * pq.ms, 0 * pq.ms)
    return {
        "moments, noise q, quantal CV 0.3, n known": [
            recovery_by_moments(synapse, knows_n=True, **varied, **noisy) for synapse in synapses
        ],
        "variance-mean, noise q, quantal CV 0.3": [
            recovery_by_variance_mean(s, other_p=[p for p in _P if p != s.p], **varied, **noisy)
            for s in synapses
        ],
        "likelihood, quantal CV 0.3": [
            recovery_by_likelihood(synapse, noise_sd=0.4 * _Q, n_repeats=n_fits, **varied)
            for synapse in synapses
        ],
        "trains, quantal CV 0.3, n known": [
            recovery_by_trains(
                synapse,
                replace(recovery, p=float(synapse.p)),
                _TRAIN,
                noise_sd=0.3 * _Q,
                n_sweeps=8,
                n_repeats=n_fits,
                rng=rng,
                quantal_cv=_QUANTAL_CV,
            )
            for synapse in synapses
        ],
    }


def _coverage(method: str, rows: Sequence[RecoveryRow], name: Literal["n", "p", "q"]) -> Measurement:
    """Return the coverage of one parameter over the grid."""
    coverage = np.array([getattr(recovery, f"{name}_coverage") for recovery in rows])
    pooled, n = float(coverage.mean()), rows[0].n_repeats * coverage.size
    error = float(np.sqrt(pooled * (1 - pooled) / n))
    how = f"{_extremes(rows, coverage)}; 0.95 is asked for"
    quantity = f"coverage of 95 % intervals of {name} from {rows[0].n_trials} responses"
    return _observed(method, rows, gaussian(pooled, error, n=n, unit="recordings", how=how), quantity)


def _identifiable(method: str, rows: Sequence[RecoveryRow]) -> Measurement:
    """Return how often a method tells n and p apart."""
    shares = np.array([recovery.identifiable for recovery in rows])
    how, n = _extremes(rows, shares), rows[0].n_repeats * shares.size
    quantity = f"share of recordings of {rows[0].n_trials} responses that tell n and p apart"
    return _observed(method, rows, exactly(shares.mean(), n=n, unit="recordings", how=how), quantity)


def _coverage_if_identifiable(method: str, rows: Sequence[RecoveryRow]) -> Iterator[Measurement]:
    """Yield how often the interval of n holds it where the recording is said to tell it."""
    weights = np.array([recovery.identifiable * recovery.n_repeats for recovery in rows])
    held = np.array([recovery.n_coverage_if_identifiable for recovery in rows])
    is_told = weights > 0
    if not is_told.any():
        return
    n = int(weights.sum())
    pooled = float(np.average(held[is_told], weights=weights[is_told]))
    told = [recovery for recovery, chosen in zip(rows, is_told, strict=True) if chosen]
    error = float(np.sqrt(pooled * (1 - pooled) / n))
    how = f"{_extremes(told, held[is_told])}; 0.95 is asked for"
    quantity = f"coverage of n from {rows[0].n_trials} responses that are said to tell it"
    yield _observed(method, rows, gaussian(pooled, error, n=n, unit="recordings", how=how), quantity)


def _observed(method: str, rows: Sequence[RecoveryRow], estimate: Estimate, quantity: str) -> Measurement:
    """Return a row of X01 that decides nothing: it describes a method."""
    condition = {"method": method, "n": _span(r.n for r in rows), "p": _span(r.p for r in rows)}
    return row(X01, estimate, quantity, rendering=Rendering.ANALYTIC, condition=condition)


def _extremes(rows: Sequence[RecoveryRow], values: np.ndarray) -> str:
    """Return at which synapses a value is lowest and highest."""
    worst, best = rows[int(np.argmin(values))], rows[int(np.argmax(values))]
    return (
        f"{values.min():.3f} at n = {worst.n}, p = {worst.p:g} to {values.max():.3f} at n = {best.n}, "
        f"p = {best.p:g}"
    )


def _span(values: Any) -> str:
    numbers = sorted(set(values))
    return f"{numbers[0]:g}-{numbers[-1]:g}"


def _figure(by_method: dict[str, list[RecoveryRow]]) -> Figure:
    """Draw the coverage of p and q against p, one panel a method."""
    figure = Figure((12, 3.6))
    for axes, (method, rows) in zip(
        figure.subplots(1, len(by_method), sharey=True), by_method.items(), strict=True
    ):
        half = 1.96 * np.sqrt(0.95 * 0.05 / rows[0].n_repeats)
        axes.axhspan(0.95 - half, 0.95 + half, color="0.85")
        for n in sorted({synapse.n for synapse in rows}):
            chosen = [synapse for synapse in rows if synapse.n == n]
            p, style = [synapse.p for synapse in chosen], {"color": _COLOURS[n], "markersize": 5}
            axes.plot(p, [synapse.p_coverage for synapse in chosen], "o-", label=f"n = {n}", **style)
            axes.plot(p, [synapse.q_coverage for synapse in chosen], "s--", markerfacecolor="none", **style)
        axes.set_title(method, fontsize=10)
        axes.set_xlabel("release probability p")
        axes.legend(fontsize=7)
    figure.axes[0].set_ylabel("share of intervals that hold the truth")
    figure.tight_layout()
    return figure
