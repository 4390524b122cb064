"""Measure binomial synapses against what they stand for: failures and realised weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.absolute_costs import spike_costs
from biophys.optimal_precision import ReliabilityCost, optimal_sd
from biophys.quantal import QuantalSynapse, synapse_with
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.registry import measures

_ROUNDING = 1e-9
# Two-sided probability at which a test of a true statement fails once in a thousand runs.
_SMALLEST_P = 1e-3


@measures("X01", rendering=Rendering.ANALYTIC)
def analytic_failures(context: Context) -> Evidence:
    """Check the failure rate against drawn spikes."""
    n_spikes = 20_000 if context.is_quick else 500_000
    return Evidence((_failures(n_spikes, np.random.default_rng(context.seed)),))


def _failures(n_spikes: int, rng: np.random.Generator) -> Measurement:
    """Return the drawn failure rate over (1 - p)^n and a chi-square test over synapses."""
    from scipy.special import chdtrc

    n, p = np.meshgrid([1, 2, 5, 10], [0.05, 0.2, 0.3, 0.5, 0.7])
    synapses = QuantalSynapse(n.ravel(), p.ravel(), 0.2 * pq.mV)
    expected = synapses.failure_probability
    drawn = np.mean(synapses.release_counts(n_spikes, rng=rng) == 0, axis=0)
    # A rate that is expected less than five times says nothing about a chi-square.
    is_frequent = expected * n_spikes > 5
    error = np.sqrt(expected * (1 - expected) / n_spikes)[is_frequent]
    ratio = (drawn / expected)[is_frequent]
    chi2 = float(np.sum(((drawn - expected)[is_frequent] / error) ** 2))
    p_value = float(chdtrc(ratio.size, chi2))
    relative = error / expected[is_frequent]
    mean = float(np.average(ratio, weights=relative**-2))
    half = 1.96 / float(np.sqrt(np.sum(relative**-2)))
    return Measurement(
        "X01",
        Rendering.ANALYTIC,
        "failure rate of drawn spikes over (1 - p)^n",
        mean,
        Verdict.REPRODUCED if p_value > _SMALLEST_P else Verdict.NOT_REPRODUCED,
        condition={"n": "1-10", "p": "0.05-0.7"},
        published=1.0,
        interval=(mean - half, mean + half),
        n=n_spikes * ratio.size,
        reason=f"chi-square over {ratio.size} synapses {chi2:.1f}, p = {p_value:.2g} (fails below 0.001)",
    )


@dataclass(frozen=True, eq=False)
class _Realised:
    """Synapses realised by one mechanism, and which of the weights it could not realise."""

    mechanism: str
    synapses: QuantalSynapse
    is_feasible: NDArray[np.bool_]


@measures("X06", rendering=Rendering.ANALYTIC)
def realised_weights(context: Context) -> Evidence:
    """Realise normal weights by calcium and by vesicle number, and compare moments and ATP."""
    n = 20_000 if context.is_quick else 1_000_000
    rng = np.random.default_rng(context.seed)
    mean = rng.normal(0.0, 0.1, n) * pq.mV
    importance = np.exp(rng.normal(8.0, 1.5, n)) / pq.mV**2
    sd = optimal_sd(importance, ReliabilityCost(2.0, 0.02 * pq.mV))
    realised = (_by_calcium(mean, sd, 5), _by_vesicles(mean, sd, 0.3))
    measurements: list[Measurement] = []
    for found in realised:
        measurements += _moments_kept(found, mean, sd)
        measurements.append(_atp(found, realised[1].is_feasible))
    caption = (
        f"{n} normal weights with variances optimised for rho = 2, realised by p at n = 5 and by n at p near "
        "0.3: ATP per spike against the weight's coefficient of variation (2000 drawn)."
    )
    remarks = (
        "Weights here are drawn (mean: normal, sd 0.1 mV; importance log-normal), not trained: accuracy in "
        "spikes is a matter of the other renderings.",
        "Vesicle number at fixed p cannot realise a weight noisier than one site, cv^2 > (1 - p) / p; such "
        "weights exist wherever a mean is near 0. Calcium (p at fixed n) realises every weight, at the price "
        "of a large quantal size.",
    )
    return Evidence(tuple(measurements), (ClaimFigure(_atp_figure(realised), caption),), remarks)


def _by_calcium(mean: pq.Quantity, sd: pq.Quantity, n: int) -> _Realised:
    synapses = synapse_with(mean, sd, n=n)
    return _Realised(f"calcium (n = {n})", synapses, np.ones(mean.size, dtype=bool))


def _by_vesicles(mean: pq.Quantity, sd: pq.Quantity, p: float) -> _Realised:
    cv2 = (sd.magnitude / mean.magnitude) ** 2
    is_feasible = cv2 <= (1 - p) / p
    synapses = synapse_with(mean[is_feasible], sd[is_feasible], p=p, hold="sd")
    return _Realised(f"vesicle number (p near {p})", synapses, is_feasible)


def _moments_kept(found: _Realised, mean: pq.Quantity, sd: pq.Quantity) -> list[Measurement]:
    """Return the largest error of the moments, and the share of weights that could be realised."""
    chosen = found.is_feasible
    errors = [
        np.max(np.abs(found.synapses.mean.magnitude / mean[chosen].magnitude - 1)),
        np.max(np.abs(found.synapses.sd.magnitude / sd[chosen].magnitude - 1)),
    ]
    worst, share = float(max(errors)), float(np.mean(chosen))
    return [
        Measurement(
            "X06",
            Rendering.ANALYTIC,
            "largest relative error of mean and sd of the realised synapses",
            worst,
            Verdict.REPRODUCED if worst < _ROUNDING else Verdict.NOT_REPRODUCED,
            condition={"mechanism": found.mechanism},
            published=0.0,
            n=int(chosen.sum()),
            reason="exact up to rounding if below 1e-9",
        ),
        Measurement(
            "X06",
            Rendering.ANALYTIC,
            "share of weights that the mechanism can realise",
            share,
            Verdict.INCONCLUSIVE,
            condition={"mechanism": found.mechanism},
            n=chosen.size,
            reason="no published value",
            is_supporting=True,
        ),
    ]


def _atp(found: _Realised, is_common: NDArray[np.bool_]) -> Measurement:
    """Return the mean ATP per spike of the weights that every mechanism realises."""
    chosen = is_common[found.is_feasible]
    atp = spike_costs()(found.synapses).magnitude[chosen]
    mean, half = float(atp.mean()), 1.96 * float(atp.std(ddof=1) / np.sqrt(atp.size))
    low = float(spike_costs(estimate="low")(found.synapses).magnitude[chosen].mean())
    high = float(spike_costs(estimate="high")(found.synapses).magnitude[chosen].mean())
    return Measurement(
        "X06",
        Rendering.ANALYTIC,
        "mean ATP per presynaptic spike of the weights that both mechanisms realise",
        mean,
        Verdict.INCONCLUSIVE,
        condition={"mechanism": found.mechanism},
        interval=(mean - half, mean + half),
        n=atp.size,
        reason=f"no published value; with the constants at the ends of their ranges {low:.3g} to {high:.3g}",
        is_supporting=True,
    )


def _atp_figure(realised: tuple[_Realised, ...]) -> Figure:
    figure = Figure((6, 3.8))
    axes = figure.subplots()
    for found, colour in zip(realised, ("#0072B2", "#D55E00"), strict=True):
        atp = spike_costs()(found.synapses).magnitude
        shown = slice(0, 2000)
        label = f"{found.mechanism}: {found.is_feasible.mean():.0%} of weights"
        axes.loglog(
            found.synapses.cv[shown],
            atp[shown],
            ".",
            color=colour,
            markersize=2,
            label=label,
            rasterized=True,
        )
    axes.set_xlabel("coefficient of variation of the weight")
    axes.set_ylabel("ATP per spike")
    axes.legend(fontsize=8, markerscale=4)
    figure.tight_layout()
    return figure
