"""The release probability that transmits most bits per ATP: how sure it is, and beside recorded ones."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from biophys.association import weighted_median
from biophys.bootstrap import bootstrap
from biophys.constants import CALCIUM_PER_VESICLE, ION_FLUX_PER_VESICLE, SPIKE_PER_BOUTON
from biophys.energy_costs import calcium_of_site
from biophys.estimates import Estimate, in_range
from biophys.information_efficiency import (
    Optimum,
    TransmissionCost,
    bernoulli_input,
    information_per_energy,
    optimal_release_probability,
)
from biophys.palette import BLUE, GREEN, GREY, PURPLE, SKY, VERMILION
from biophys.units import FloatArray


class Efficiency(NamedTuple):
    """Information per ATP at the recorded release probabilities: their median over that at the best one."""

    spike_probability: float
    optimum: Optimum
    """At the first number of sites."""
    relative: Estimate
    share_above: float
    """Of the recorded probabilities above the best one."""


def median_of(
    values: np.ndarray, clusters: np.ndarray, rng: np.random.Generator, unit: str = "recordings"
) -> Estimate:
    """Return the median with its bootstrap distribution over clusters of rows."""

    def median(weights: np.ndarray) -> np.ndarray:
        return weighted_median(np.broadcast_to(values, weights.shape), weights)

    return bootstrap(median, len(values), clusters=clusters, rng=rng, unit=unit)


def efficiency(
    p: ArrayLike,
    n_sites: ArrayLike,
    spike_probability: float,
    clusters: np.ndarray,
    *,
    rng: np.random.Generator,
    unit: str = "recordings",
) -> Efficiency:
    """Return how release probabilities compare with the best one of synapses with as many sites.

    `n_sites` is one number or one for each of p, `clusters` says what is resampled together.
    """
    p = np.asarray(p, dtype=float)
    spikes, cost, n = (
        bernoulli_input(spike_probability),
        TransmissionCost(),
        np.broadcast_to(n_sites, p.shape),
    )
    best = {k: optimal_release_probability(spikes, k, cost) for k in dict.fromkeys(n.tolist())}
    relative, is_above = np.empty(p.size), np.empty(p.size, dtype=bool)
    for k, optimum in best.items():
        chosen = n == k
        bits = information_per_energy(spikes, k, p[chosen], cost).magnitude
        relative[chosen], is_above[chosen] = bits / optimum.bits_per_atp, p[chosen] > optimum.p
    median = median_of(relative, clusters, rng, unit)
    return Efficiency(spike_probability, next(iter(best.values())), median, float(np.mean(is_above)))


def range_of_optima(spike_probability: float, n: int) -> tuple[float, float]:
    """Return the lowest and highest best p of `n` sites over the ranges of the published constants."""
    others = TransmissionCost().per_vesicle - ION_FLUX_PER_VESICLE.value
    optima = [
        optimal_release_probability(
            bernoulli_input(spike_probability),
            n,
            TransmissionCost(per_vesicle=flux + others, per_spike=spike, calcium=calcium_of_site(calcium)),
        ).p
        for flux in (ION_FLUX_PER_VESICLE.low, ION_FLUX_PER_VESICLE.high)
        for spike in (SPIKE_PER_BOUTON.low, SPIKE_PER_BOUTON.high)
        for calcium in (CALCIUM_PER_VESICLE.low, CALCIUM_PER_VESICLE.high)
    ]
    return float(min(optima)), float(max(optima))


def optimum_in_range(spike_probability: float, n: int) -> Estimate:
    """Return the best p at one number of sites, with the range that the constants leave."""
    best = optimal_release_probability(bernoulli_input(spike_probability), n, TransmissionCost())
    how = f"{best.bits_per_atp:.3g} bit/ATP there; the range is that of constants at the ends of theirs"
    return in_range(best.p, range_of_optima(spike_probability, n), "range of constants", how)


def plot_optima(
    figure: Figure, spike_probability: float, recorded: Mapping[int, tuple[float, float]]
) -> None:
    """Left: bits per ATP against release probability, published budget of a cortical synapse; dots: optima.
    Right: best p by number of sites, band: constants at the ends of their ranges; bars: recorded values as
    Harris et al. (2012) cite them. Computed, not sampled.
    """
    left, right = figure.subplots(1, 2)
    p, spikes, cost = np.linspace(0.002, 0.998, 400), bernoulli_input(spike_probability), TransmissionCost()
    for n, colour in zip((1, 2, 5, 10), (BLUE, VERMILION, GREEN, PURPLE), strict=True):
        best = optimal_release_probability(spikes, n, cost)
        ratio = 1e5 * information_per_energy(spikes, n, p, cost).magnitude
        left.plot(p, ratio, color=colour, label=f"n = {n}")
        left.plot(best.p, 1e5 * best.bits_per_atp, "o", color=colour)
    left.set(xlabel="release probability p", ylabel="bits per 100,000 ATP", ylim=(0, None))
    numbers = np.arange(1, 13)
    optima = [optimal_release_probability(spikes, int(n), cost).p for n in numbers]
    ranges = np.array([range_of_optima(spike_probability, int(n)) for n in numbers])
    right.fill_between(numbers, ranges[:, 0], ranges[:, 1], color=BLUE, alpha=0.25)
    right.plot(numbers, optima, color=BLUE, label="optimum")
    for n, (low, high) in recorded.items():
        right.plot([n, n], [low - 0.01, high + 0.01], color=VERMILION, linewidth=5)
    right.plot([], [], color=VERMILION, linewidth=5, label="recorded, as cited")
    right.set(xlabel="number of sites n", ylabel="release probability p", ylim=(0, 1.05))
    for axes in (left, right):
        axes.legend(fontsize=8)


def plot_efficiency(
    figure: Figure, optima: Sequence[Optimum], spike_probability: float, recorded: FloatArray
) -> None:
    """Draw bits per ATP of one synapse against release probability, relative to the best, for several numbers
    of sites (computed). Grey: release probabilities recorded before induction (Sjöström et al. 2001).
    """
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    p, spikes = np.linspace(0.005, 0.995, 199), bernoulli_input(spike_probability)
    for best, colour in zip(optima, (BLUE, GREEN, SKY, VERMILION, PURPLE), strict=False):
        curve = information_per_energy(spikes, best.n, p, TransmissionCost()).magnitude / best.bits_per_atp
        sites = "1 site" if best.n == 1 else f"{best.n} sites"
        upper.plot(p, curve, color=colour, label=f"{sites}, best p = {best.p:.2f}")
    upper.set(ylabel="bits per ATP / best", ylim=(0, 1.05))
    upper.legend(fontsize=8)
    upper.set_title(f"a spike in {100 * spike_probability:g} % of bins, n = {len(recorded)} rows", fontsize=9)
    lower.hist(recorded, np.linspace(0, 1, 21).tolist(), color=GREY)
    lower.set(xlabel="release probability p", ylabel="connections")


def plot_failing_together(figure: Figure, cited: Mapping[int, tuple[float, float]]) -> None:
    """Draw the p at which all of N sites fail together in 0.3 to 0.4 of spikes (band, computed, not sampled)
    and recorded ones of Branco et al. (2008) and Hardingham et al. (2010) by number of sites (bars).
    """
    axes = figure.subplots()
    n = np.arange(1, 21)
    axes.fill_between(n, 1 - 0.4 ** (1 / n), 1 - 0.3 ** (1 / n), color=BLUE, alpha=0.4)
    for n_sites, (low, high) in cited.items():
        axes.plot([n_sites, n_sites], [low - 0.008, high + 0.008], color=VERMILION, linewidth=5)
    axes.plot([], [], color=VERMILION, linewidth=5, label="recorded, as Harris et al. (2012) cite them")
    axes.legend(fontsize=8)
    axes.set(xlabel="number of release sites N", ylabel="release probability p of each site", ylim=(0, 0.8))
    axes.set_title("p at which (1 - p)^N lies between 0.3 and 0.4", fontsize=10)
    axes.set_xticks([1, 5, 10, 15, 20])
