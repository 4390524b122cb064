"""Beside X06: normal weights realised by calcium and by vesicle number, their moments and their ATP."""

import numpy as np
import quantities as pq

from biophys.estimates import exactly
from biophys.optimal_precision import ReliabilityCost, optimal_sd
from biophys.quantal import synapse_with
from biophys.realisation_costs import RealisedWeights, plot_atp
from validation.claims.across.networks_in_spikes import MOMENTS, X06
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row


@measures("X06", rendering=Rendering.ANALYTIC)
def realised_weights(context: Context) -> Findings:
    """Realise normal weights by calcium and by vesicle number, and compare moments and ATP.

    Weights here are drawn (mean: normal, sd 0.1 mV; importance log-normal), not trained: accuracy in spikes
    is a matter of the other renderings.

    Vesicle number at fixed p cannot realise a weight noisier than one site, cv^2 > (1 - p) / p; such weights
    exist wherever a mean is near 0. Calcium (p at fixed n) realises every weight, at the price of a large
    quantal size.
    """
    n, rng = 20_000 if context.is_quick else 1_000_000, context.rng()
    mean = rng.normal(0.0, 0.1, n) * pq.mV
    importance = np.exp(rng.normal(8.0, 1.5, n)) / pq.mV**2
    sd = optimal_sd(importance, ReliabilityCost(2.0, 0.02 * pq.mV))
    # At a p near 0.3 a number of sites cannot realise what is noisier than one site.
    is_feasible = (sd.magnitude / mean.magnitude) ** 2 <= (1 - 0.3) / 0.3
    by_vesicles = synapse_with(mean[is_feasible], sd[is_feasible], p=0.3, hold="sd")
    by_mechanism = (
        RealisedWeights("calcium (n = 5)", synapse_with(mean, sd, n=5), np.ones(n, dtype=bool)),
        RealisedWeights("vesicle number (p near 0.3)", by_vesicles, is_feasible),
    )
    for realised in by_mechanism:
        condition = {"mechanism": realised.mechanism}
        quantity = "largest relative error of mean and sd of the realised synapses"
        yield row(MOMENTS, realised.worst_error(mean, sd), quantity, condition=condition)
        share = exactly(realised.is_feasible.mean(), n=n, unit="weights")
        yield row(X06, share, "share of weights that the mechanism can realise", condition=condition)
        # Calcium realises all weights, vesicle number not.
        atp = realised.mean_atp(by_mechanism[1].is_feasible)
        quantity = "mean ATP per presynaptic spike of the weights that both mechanisms realise"
        yield row(X06, atp, quantity, condition=condition)
    yield claim_figure(plot_atp, f"{n} weights.", (6, 3.8), by_mechanism=by_mechanism)
