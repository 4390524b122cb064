"""Measure how well n, p and q come back from simulated recordings, by each method of quantal analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import quantities as pq
from matplotlib.figure import Figure

from biophys.quantal import QuantalSynapse
from biophys.quantal_recovery import (
    RecoveryRow,
    recovery_by_likelihood,
    recovery_by_moments,
    recovery_by_variance_mean,
)
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.registry import measures

_P = (0.1, 0.3, 0.5, 0.7, 0.9)
_Q = 0.2 * pq.mV
_N_TRIALS = 200
_NOISE_SD = 0.2 * _Q
_KNOWN_N = "moments, n known"
_COLOURS = {1: "#0072B2", 2: "#E69F00", 3: "#009E73", 5: "#CC79A7", 10: "#D55E00"}
# What the normal approximation may cost at 200 responses.
_APPROXIMATION = 0.03
# Two-sided probability of 1e-4: the worst of some twenty points for each of several methods is judged.
_Z_OF_WORST = 3.89


@measures("X01", rendering=Rendering.ANALYTIC)
def recovered_parameters(context: Context) -> Evidence:
    """Report how often the intervals of n, p and q cover the truth, by method, over a grid of n and p."""
    rng = np.random.default_rng(context.seed)
    n_repeats, n_fits = (1_000, 80) if context.is_quick else (20_000, 2_000)
    found = {
        _KNOWN_N: _by_moments(n_repeats, rng, knows_n=True),
        "moments, n unknown": _by_moments(n_repeats, rng, knows_n=False),
        "variance-mean": _by_variance_mean(n_repeats, rng),
        "likelihood": _by_likelihood(n_fits, rng),
    }
    measurements = []
    for method, rows in found.items():
        measurements += [_coverage(method, rows, name) for name in ("p", "q")]
        if method != _KNOWN_N:
            measurements += [_coverage(method, rows, "n"), _identifiable(method, rows)]
    caption = (
        f"Share of 95 % intervals that hold the truth, {_N_TRIALS} responses a recording or condition, "
        f"{n_repeats} recordings a point (likelihood: {n_fits}, noise sd {float(_NOISE_SD / _Q):g} q). Band: "
        "0.95 with its 95 % sampling range. Filled: p; open: q."
    )
    return Evidence(tuple(measurements), (ClaimFigure(_figure(found), caption),), _REMARKS)


_REMARKS = (
    "The intervals of the moments rest on a normal approximation that fails where hardly any response holds "
    "more than one vesicle (small n p) or hardly any fewer than all (few sites, p near 1), and with n "
    "unknown in more places: there use the likelihood, or several release probabilities.",
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


def _coverage(method: str, rows: Sequence[RecoveryRow], name: Literal["n", "p", "q"]) -> Measurement:
    """Return the coverage of one parameter over the grid; the point that covers least decides."""
    coverage = np.array([getattr(row, f"{name}_coverage") for row in rows])
    n_repeats = rows[0].n_repeats
    worst = rows[int(np.argmin(coverage))]
    least = 0.95 - _APPROXIMATION - _Z_OF_WORST * float(np.sqrt(0.95 * 0.05 / n_repeats))
    pooled = float(coverage.mean())
    half = 1.96 * float(np.sqrt(pooled * (1 - pooled) / (n_repeats * coverage.size)))
    return Measurement(
        "X01",
        Rendering.ANALYTIC,
        f"coverage of 95 % intervals of {name} from {_N_TRIALS} responses",
        pooled,
        Verdict.REPRODUCED if coverage.min() >= least else Verdict.NOT_REPRODUCED,
        condition={"method": method, "n": _span(row.n for row in rows), "p": _span(row.p for row in rows)},
        published=0.95,
        interval=(pooled - half, pooled + half),
        n=n_repeats * coverage.size,
        reason=f"least at n = {worst.n}, p = {worst.p:g}: {coverage.min():.3f}, most {coverage.max():.3f}; "
        f"holds if every point covers {least:.3f} or more (0.95 less {_APPROXIMATION:g} and the sampling "
        f"error of {n_repeats} recordings)",
        is_supporting=True,
    )


def _identifiable(method: str, rows: Sequence[RecoveryRow]) -> Measurement:
    """Return how often a method tells n and p apart."""
    shares = np.array([row.identifiable for row in rows])
    worst, best = rows[int(np.argmin(shares))], rows[int(np.argmax(shares))]
    return Measurement(
        "X01",
        Rendering.ANALYTIC,
        f"share of recordings of {_N_TRIALS} responses that tell n and p apart",
        float(shares.mean()),
        Verdict.INCONCLUSIVE,
        condition={"method": method, "n": _span(row.n for row in rows), "p": _span(row.p for row in rows)},
        n=rows[0].n_repeats * shares.size,
        reason=f"{shares.min():.2f} at n = {worst.n}, p = {worst.p:g} to {shares.max():.2f} at n = {best.n}, "
        f"p = {best.p:g}; describes the method, no published value",
        is_supporting=True,
    )


def _span(values: Any) -> str:
    numbers = sorted(set(values))
    return f"{numbers[0]:g}-{numbers[-1]:g}"


def _figure(found: dict[str, list[RecoveryRow]]) -> Figure:
    """Draw the coverage of p and q against p, one panel a method."""
    figure = Figure((12, 3.6))
    for axes, (method, rows) in zip(figure.subplots(1, len(found), sharey=True), found.items(), strict=True):
        half = 1.96 * np.sqrt(0.95 * 0.05 / rows[0].n_repeats)
        axes.axhspan(0.95 - half, 0.95 + half, color="0.85")
        for n in sorted({row.n for row in rows}):
            chosen = [row for row in rows if row.n == n]
            p, style = [row.p for row in chosen], {"color": _COLOURS[n], "markersize": 5}
            axes.plot(p, [row.p_coverage for row in chosen], "o-", label=f"n = {n}", **style)
            axes.plot(p, [row.q_coverage for row in chosen], "s--", markerfacecolor="none", **style)
        axes.set_title(method, fontsize=10)
        axes.set_xlabel("release probability p")
        axes.legend(fontsize=7)
    figure.axes[0].set_ylabel("share of intervals that hold the truth")
    figure.tight_layout()
    return figure
