"""X06: Gaussian synapses realised as quanta answer as well, at a cost for each mechanism."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import quantities as pq
import xarray as xr

from biophys.estimates import exactly, paired_difference
from biophys.optimal_precision import ReliabilityCost, optimal_sd
from biophys.quantal import synapse_with
from biophys.realised_weights import RealisedWeights, plot_atp
from validation.criteria import above, equals, exact
from validation.registry import Context, Findings, Run, claim_figure, measures, panels
from validation.statement import CROSS_CHECK, Claim, Rendering, analytic, row, spiking

_spiking = partial(spiking, source=CROSS_CHECK, unit="images")
AS_IN_RATES = _spiking(
    "X06a", "as right as rates with as much noise (within a point)", criterion=equals(0, 0.01)
)
AS_TRAINED = _spiking(
    "X06b", "no less right than the trained network with its noise (within a point)", criterion=above(-0.01)
)
ATP = _spiking("X06c", "the ledger counts the ATP expected of these spikes", criterion=equals(1.0, 0.01))
_KEPT = "each mechanism keeps mean and sd of the weights that it can realise"
MOMENTS = analytic("X06d", _KEPT, CROSS_CHECK, exact(0.0, 1e-9), unit="weights")
X06 = Claim(
    "X06",
    "The trained Gaussian synapses (mu, sigma) of M03 realised as binomial release (n, p, q) by each "
    "mechanism: same accuracy in spikes, and the ATP that each costs",
    CROSS_CHECK,
    (AS_IN_RATES, AS_TRAINED, ATP, MOMENTS),
)


@measures(X06, experiment="gaussian_spikes")
def gaussian_synapses_in_spikes(run: Run, context: Context) -> Findings:
    """Compare answers in spikes and in rates, and the ledger with its expectation, for every network.

    In rates each image meets one draw of the weights; in spikes every spike draws anew, so that the noise of
    a weight falls with the number of spikes and a long presentation answers as the mean weights do. The
    spiking network is therefore compared with the trained network under its own noise (no worse), and with
    the rate network under as much noise as the presentation leaves (the same).

    A weight with mean near 0 and a given sd becomes a synapse that releases hardly ever, and then a quantum
    of volts: two moments are met, a normal distribution is not. Networks are trained as the paper's text says
    (rectified hidden units, linear output), with noise that settles within few epochs.
    """
    from validation.experiments import gaussian_in_spikes as networks

    result, data = run.result, {"data": run.result.attrs["data_set"]}
    shown = {"presentation_ms": round(1000 * float(result.time[-1]), 6)}
    for s in result.s.values:
        for rho in result.rho.values:
            about = {**data, "rho": round(float(rho), 3), "s": float(s)}
            for way in map(str, result.way.values):
                part, here = result.sel(rho=rho, s=s, way=way), {**about, "realised by": way}
                yield from _compared(networks.right_answers(part), {**here, **shown})
                quantity = "ATP counted by the ledger over the analytic expectation for the same spikes"
                yield row(ATP, networks.ledger_over_expectation(part), quantity, condition=here)
            quantity = "ATP of reliability by release probability over that by number of sites"
            yield row(X06, networks.cost_of_release(result.sel(rho=rho, s=s)), quantity, condition=about)
        for way in map(str, result.way.values):
            same, here = (
                networks.difference_over_costs(result.sel(s=s, way=way)),
                {"realised by": way, **shown},
            )
            quantity = "accuracy less that of rates with as much noise, same images, mean over rho"
            yield row(AS_IN_RATES, same, quantity, condition={**data, "s": float(s), **here})
    yield from panels(run, "accuracy energy", X06, (10, 3.4))


def _compared(right: Mapping[str, xr.DataArray], condition: Mapping[str, Any]) -> Findings:
    """Yield the accuracy in spikes and in rates less that of the networks it is compared with."""
    trained = "the trained network with its noise"
    for subject, rendering, first, other, words in (
        (AS_TRAINED, Rendering.SPIKING, "spikes", "trained", trained),
        (AS_TRAINED, Rendering.RATE, "rates", "trained", trained),
        (X06, Rendering.SPIKING, "spikes", "rates", "rates with as much noise"),
        (X06, Rendering.SPIKING, "spikes", "mean", "the mean weights"),
    ):
        pair = right[first], right[other]
        how = "accuracies {:.4f} and {:.4f}, one network".format(*(float(each.mean()) for each in pair))
        quantity = f"accuracy less that of {words}, same images"
        difference = paired_difference(*pair, how=how)
        yield row(subject, difference, quantity, rendering=rendering, condition=condition)


@measures("X06", rendering=Rendering.ANALYTIC)
def realised_weights(context: Context) -> Findings:
    """Realise normal weights by calcium and by vesicle number, and compare moments and ATP.

    Weights here are drawn (mean: normal, sd 0.1 mV; importance log-normal), not trained: accuracy in spikes
    is a matter of the other renderings.

    Vesicle number at fixed p cannot realise a weight noisier than one site, cv^2 > (1 - p) / p; such weights
    exist wherever a mean is near 0. Calcium (p at fixed n) realises every weight, at the price of a large
    quantal size.
    """
    n = 20_000 if context.is_quick else 1_000_000
    rng = np.random.default_rng(context.seed)
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
    caption = (
        f"{n} normal weights with variances optimised for rho = 2, realised by p at n = 5 and by n at p near "
        "0.3: ATP per spike against the weight's coefficient of variation (2000 drawn)."
    )
    yield claim_figure(partial(plot_atp, by_mechanism), caption, (6, 3.8))
