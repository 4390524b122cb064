"""Measure the release probability that transmits most bits per ATP, and its published special cases."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biophys.constants import CALCIUM_PER_VESICLE, ION_FLUX_PER_VESICLE, SPIKE_PER_BOUTON
from biophys.energy_costs import calcium_of_site
from biophys.information_efficiency import (
    TransmissionCost,
    bernoulli_input,
    entropy_bits,
    failure_rate_of_levy_baxter,
    information_of_sum,
    information_per_energy,
    optimal_release_probability,
    optimal_synapse,
)
from biophys.units import ATP
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.schug2021.failures_of_many_sites import CITED_RELEASE
from validation.registry import measures

_RATE_BIN = 0.01
"""Spikes per bin: 4 Hz and 2.5 ms (Harris, Jolivet & Attwell 2012)."""

_BLUE, _ORANGE, _GREEN, _PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"


@measures("X10", rendering=Rendering.ANALYTIC)
def information_per_atp(context: Context) -> Evidence:
    """Find the release probability with most bits per ATP for several numbers of sites."""
    cost = TransmissionCost()
    measurements = [_optimum(n, cost) for n in (1, 2, 4, 5, 10)]
    measurements.append(_best_synapse(cost))
    measurements += _special_cases()
    figure = Figure((9, 4))
    axes = figure.subplots(1, 2)
    _plot_ratio(axes[0], (1, 2, 5, 10))
    _plot_optima(axes[1])
    figure.tight_layout()
    caption = (
        "Left: bits per ATP against release probability at 4 Hz in bins of 2.5 ms, published budget of a "
        "cortical synapse; dots: optima. Right: best p by number of sites, band: constants at the ends of "
        "their ranges; bars: recorded values as Harris et al. (2012) cite them. Computed, not sampled."
    )
    return Evidence(tuple(measurements), (ClaimFigure(figure, caption),), _X10_REMARKS)


_X10_REMARKS = (
    "Without calcium one site should always release (p = 1); the calcium cost, which diverges at p = 1, "
    "brings the optimum just below. With several sites to one target the optimum is well below one and "
    "falls with their number, because the second vesicle of a spike says nothing new.",
    "The model counts a bin as one spike or none and takes sites as independent and always full: "
    "depletion, noise of other inputs and the information of amplitude are left out. With cost only for "
    "released vesicles and two or more sites the best p tends to 0, so that the optimum depends on the "
    "cost shared by the whole synapse (here its part of the action potential).",
)


def _optimum(n: int, cost: TransmissionCost) -> Measurement:
    """Return the best p at one number of sites, with the range that the constants leave."""
    s = bernoulli_input(_RATE_BIN)
    best = optimal_release_probability(s, n, cost)
    low, high = _range_of_optima(n)
    is_interior = best.is_interior and best.p < 1
    return Measurement(
        "X10",
        Rendering.ANALYTIC,
        "release probability with most bits per ATP",
        best.p,
        Verdict.REPRODUCED if is_interior and high < 1 else Verdict.INCONCLUSIVE,
        condition={"n": n, "rate": "4 Hz", "bin": "2.5 ms"},
        published="below 1",
        interval=(low, high),
        reason=f"{best.bits_per_atp:.3g} bit/ATP there; interval: constants at the ends of their ranges; "
        "holds if the whole interval lies below 1",
    )


def _best_synapse(cost: TransmissionCost) -> Measurement:
    """Return the number of sites with most bits per ATP, each at its best p."""
    best = optimal_synapse(bernoulli_input(_RATE_BIN), cost, n_max=12)
    return Measurement(
        "X10",
        Rendering.ANALYTIC,
        "number of sites with most bits per ATP, each number at its best p",
        best.n,
        Verdict.INCONCLUSIVE,
        condition={"n": "1-12", "rate": "4 Hz", "bin": "2.5 ms"},
        reason=f"{best.bits_per_atp:.3g} bit/ATP at p = {best.p:.3f}; no published value",
        is_supporting=True,
    )


def _range_of_optima(n: int) -> tuple[float, float]:
    """Return the lowest and highest optimum over the ends of the constants' ranges."""
    others = TransmissionCost().per_vesicle - ION_FLUX_PER_VESICLE.value
    found = [
        optimal_release_probability(
            bernoulli_input(_RATE_BIN),
            n,
            TransmissionCost(per_vesicle=flux + others, per_spike=spike, calcium=calcium_of_site(calcium)),
        ).p
        for flux in (ION_FLUX_PER_VESICLE.low, ION_FLUX_PER_VESICLE.high)
        for spike in (SPIKE_PER_BOUTON.low, SPIKE_PER_BOUTON.high)
        for calcium in (CALCIUM_PER_VESICLE.low, CALCIUM_PER_VESICLE.high)
    ]
    return float(min(found)), float(max(found))


def _special_cases() -> list[Measurement]:
    """Return the published special cases that the model must contain."""
    cases = [_single_site()] + [_levy_baxter(rate) for rate in (0.02, 0.05)]
    return cases + [_against_cited(n, span) for n, span in CITED_RELEASE.items()]


def _single_site() -> Measurement:
    """Return the best p of one site that pays only for released vesicles."""
    vesicles_only = TransmissionCost(per_spike=0 * ATP, calcium=0 * ATP)
    best = optimal_release_probability(bernoulli_input(_RATE_BIN), 1, vesicles_only)
    return Measurement(
        "X10",
        Rendering.ANALYTIC,
        "best p of one site that pays only for released vesicles (Harris et al. 2012)",
        best.p,
        Verdict.REPRODUCED if best.p == 1.0 else Verdict.NOT_REPRODUCED,
        condition={"n": 1},
        published=1.0,
        reason="bits per ATP rise with p up to 1",
        is_supporting=True,
    )


def _levy_baxter(rate: float) -> Measurement:
    """Return the failure rate that balances dendritic and axonal information."""
    approximate = float(failure_rate_of_levy_baxter(rate))
    exact = float(failure_rate_of_levy_baxter(rate, is_exact=True))
    summed = information_of_sum(4000, rate, exact)
    entropy = float(entropy_bits(bernoulli_input(rate)))
    agrees = abs(approximate - exact) < rate and abs(summed - entropy) < 0.01
    return Measurement(
        "X10",
        Rendering.ANALYTIC,
        "failure rate at which summed information equals the axon's (Levy & Baxter 2002)",
        exact,
        Verdict.REPRODUCED if agrees else Verdict.NOT_REPRODUCED,
        condition={"spikes per step": rate},
        published=approximate,
        reason=f"published f = 4^-H up to terms of order {rate:g}; 4000 inputs carry {summed:.4f} bit, the "
        f"axon {entropy:.4f}",
        is_supporting=True,
    )


def _against_cited(n: int, span: tuple[float, float]) -> Measurement:
    """Return the optimum against the recorded release probability cited for this number of sites."""
    best = optimal_release_probability(bernoulli_input(_RATE_BIN), n, TransmissionCost())
    low, high = _range_of_optima(n)
    overlaps = low <= span[1] and span[0] <= high
    return Measurement(
        "X10",
        Rendering.ANALYTIC,
        "best p against the recorded p that Harris et al. (2012) cite",
        best.p,
        Verdict.REPRODUCED if overlaps else Verdict.NOT_REPRODUCED,
        condition={"n": n},
        published=f"{span[0]:g}" if span[0] == span[1] else f"{span[0]:g} to {span[1]:g}",
        interval=(low, high),
        reason="holds if the interval (ends of the constants' ranges) and the cited values overlap",
        is_supporting=True,
    )


def _plot_ratio(axes: Axes, numbers: tuple[int, ...]) -> None:
    p = np.linspace(0.002, 0.998, 400)
    s, cost = bernoulli_input(_RATE_BIN), TransmissionCost()
    for n, colour in zip(numbers, (_BLUE, _ORANGE, _GREEN, _PINK), strict=True):
        ratio = information_per_energy(s, n, p, cost).magnitude
        best = optimal_release_probability(s, n, cost)
        axes.plot(p, ratio * 1e5, color=colour, label=f"n = {n}")
        axes.plot(best.p, best.bits_per_atp * 1e5, "o", color=colour)
    axes.set_xlabel("release probability p")
    axes.set_ylabel("bits per 100,000 ATP")
    axes.set_ylim(0, None)
    axes.legend(fontsize=8)


def _plot_optima(axes: Axes) -> None:
    numbers = np.arange(1, 13)
    best = [
        optimal_release_probability(bernoulli_input(_RATE_BIN), int(n), TransmissionCost()).p for n in numbers
    ]
    ranges = np.array([_range_of_optima(int(n)) for n in numbers])
    axes.fill_between(numbers, ranges[:, 0], ranges[:, 1], color=_BLUE, alpha=0.25)
    axes.plot(numbers, best, color=_BLUE, label="optimum")
    for n, (low, high) in CITED_RELEASE.items():
        axes.plot([n, n], [low - 0.01, high + 0.01], color=_ORANGE, linewidth=5)
    axes.plot([], [], color=_ORANGE, linewidth=5, label="recorded, as cited")
    axes.set_xlabel("number of sites n")
    axes.set_ylabel("release probability p")
    axes.set_ylim(0, 1.05)
    axes.legend(fontsize=8)
