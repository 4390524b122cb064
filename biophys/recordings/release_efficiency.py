"""Information per ATP at recorded release probabilities, relative to the best one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from biophys.association import weighted_median
from biophys.bootstrap import bootstrap
from biophys.estimates import Estimate
from biophys.information_efficiency import (
    Optimum,
    TransmissionCost,
    bernoulli_input,
    information_per_energy,
    optimal_release_probability,
)


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
