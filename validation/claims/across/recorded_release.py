"""X10: where recorded release probabilities lie on the curve of information per ATP."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

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
from biophys.optima_plots import plot_efficiency
from biophys.recordings.recorded_connections import PlasticityRecordings
from validation.claims.across.information_per_atp import X10
from validation.data.allen_synapses import AllenSynapse, allen_synapses_here, by_cell_class
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row

# Costa et al. estimate p with 5.5 sites; 1 and 10 show how much that matters.
SITES = (5, 6, 1, 10)
SPIKE_PROBABILITIES = (0.01, 0.1)
"""Probability of a spike per bin."""


class Efficiency(NamedTuple):
    """Information per ATP at the recorded release probabilities: their median over that at the best one."""

    spike_probability: float
    optimum: Optimum
    relative: Estimate
    share_above: float
    """Of the recorded probabilities above the best one."""


def median_of(
    values: np.ndarray, clusters: np.ndarray, rng: np.random.Generator, unit: str = "recordings"
) -> Estimate:
    """Return the median with its bootstrap distribution over clusters of rows."""
    drawn: dict[str, Any] = {"clusters": clusters, "rng": rng, "unit": unit}
    return bootstrap(lambda w: weighted_median(np.broadcast_to(values, w.shape), w), len(values), **drawn)


def efficiency(
    recordings: PlasticityRecordings, n_sites: int, spike_probability: float, *, rng: np.random.Generator
) -> Efficiency:
    """Return how the recorded release probabilities compare with the best one."""
    spikes, cost = bernoulli_input(spike_probability), TransmissionCost()
    best = optimal_release_probability(spikes, n_sites, cost)
    recorded = information_per_energy(spikes, n_sites, recordings.p_before, cost).magnitude
    relative = median_of(recorded / best.bits_per_atp, recordings.recording, rng)
    return Efficiency(spike_probability, best, relative, float(np.mean(recordings.p_before > best.p)))


@measures(X10, rendering=Rendering.RECORDED, data_sets=("sjostrom2001",))
def recorded_release_probabilities(context: Context) -> Findings:
    """Compare recorded release probabilities with the one that transmits most bits per ATP."""
    recordings, rng = read_sjostrom2001(), np.random.default_rng(context.seed)
    each = [efficiency(recordings, n, s, rng=rng) for n in SITES for s in SPIKE_PROBABILITIES]
    median = median_of(recordings.p_before, recordings.recording, rng)
    best, percent = each[0].optimum, 100 * each[0].spike_probability
    reason = f"the optimum is p = {best.p:.2f} with {best.n} sites and a spike in {percent:g} % of bins"
    yield row(X10, median, "median recorded release probability before induction", reason=reason)
    for at in each:
        condition = {"sites": at.optimum.n, "spikes per bin": at.spike_probability}
        quantity = "median bits per ATP at the recorded p, relative to the best p"
        reason = f"best p = {at.optimum.p:.3f}; {100 * at.share_above:.0f} % of the recorded p lie above"
        yield row(X10, at.relative, quantity, condition=condition, reason=reason)
    yield from of_fitted_synapses(allen_synapses_here(), rng)
    optima = [at.optimum for at in each if at.spike_probability == SPIKE_PROBABILITIES[0]]
    draw = partial(plot_efficiency, optima, SPIKE_PROBABILITIES[0], recordings.p_before)
    yield claim_figure(draw, _CAPTION.format(n=len(recordings)), (6.5, 4.6))
    yield from _REMARKS


def of_fitted_synapses(synapses: Sequence[AllenSynapse], rng: np.random.Generator) -> Findings:
    """Yield how synapses with an n and a p of their own compare with the best p at their n, by cell class."""
    if not synapses:
        return
    spikes, cost = bernoulli_input(SPIKE_PROBABILITIES[0]), TransmissionCost()
    classes = {"all": list(synapses)}
    for group in by_cell_class(synapses, at_least=20)[:5]:
        name = f"{group.presynaptic} to {group.postsynaptic}"
        classes[name] = [s for s in synapses if f"{s.presynaptic} to {s.postsynaptic}" == name]
    for name, members in classes.items():
        sites = [synapse.synapse.n for synapse in members]
        best = {n: optimal_release_probability(spikes, n, cost) for n in set(sites)}
        p = np.clip([synapse.p for synapse in members], 1e-6, 1.0 - 1e-6)
        bits = [float(information_per_energy(spikes, n, at, cost)) for n, at in zip(sites, p, strict=True)]
        relative = np.array([b / best[n].bits_per_atp for b, n in zip(bits, sites, strict=True)])
        share = np.mean([at > best[n].p for at, n in zip(p, sites, strict=True)])
        median = median_of(relative, np.arange(len(members)), rng, unit="synapses")
        quantity = "median bits per ATP at fitted n and p, relative to the best p at that n (Allen Institute)"
        condition = {"cells": name, "spikes per bin": SPIKE_PROBABILITIES[0]}
        reason = f"{100 * share:.0f} % of the p lie above the best; bootstrap over synapses"
        yield row(X10, median, quantity, condition=condition, reason=reason)


_CAPTION = (
    "Bits per ATP of one synapse against release probability, relative to the best, for a spike in 1 % of "
    "bins and four numbers of sites (computed). Grey: recorded release probabilities before induction "
    "(n = {n}, Sjöström et al. 2001)."
)
_REMARKS = (
    "With the five to six sites that the estimates of p assume, the best p is 0.10 to 0.15. Nearly "
    "all recorded p lie above it; half of the connections reach at least 60 % of the best bits per ATP. With "
    "a single site the optimum is near one and the recorded p lie below it.",
    "The position of the optimum follows from the number of sites far more than from the input: recordings "
    "that do not resolve the number of sites do not say on which side of the optimum a synapse lies.",
)
