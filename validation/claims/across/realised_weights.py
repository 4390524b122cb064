"""X06, by formula: normal weights realised by calcium or by vesicle number, their moments and their ATP."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.absolute_costs import spike_costs
from biophys.estimates import Estimate, exactly, gaussian
from biophys.optimal_precision import ReliabilityCost, optimal_sd
from biophys.palette import BLUE, VERMILION
from biophys.quantal import QuantalSynapse, synapse_with
from validation.claims.across.gaussian_synapses import MOMENTS, X06
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row


class Realised(NamedTuple):
    """Synapses realised by one mechanism, and which of the weights it could realise."""

    mechanism: str
    synapses: QuantalSynapse
    is_feasible: NDArray[np.bool_]


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
        Realised("calcium (n = 5)", synapse_with(mean, sd, n=5), np.ones(n, dtype=bool)),
        Realised("vesicle number (p near 0.3)", by_vesicles, is_feasible),
    )
    for realised in by_mechanism:
        condition = {"mechanism": realised.mechanism}
        quantity = "largest relative error of mean and sd of the realised synapses"
        yield row(MOMENTS, _worst_error(realised, mean, sd), quantity, condition=condition)
        share = exactly(realised.is_feasible.mean(), n=n, unit="weights")
        yield row(X06, share, "share of weights that the mechanism can realise", condition=condition)
        # Calcium realises all weights, vesicle number not.
        atp = _mean_atp(realised, by_mechanism[1].is_feasible)
        quantity = "mean ATP per presynaptic spike of the weights that both mechanisms realise"
        yield row(X06, atp, quantity, condition=condition)
    caption = (
        f"{n} normal weights with variances optimised for rho = 2, realised by p at n = 5 and by n at p near "
        "0.3: ATP per spike against the weight's coefficient of variation (2000 drawn)."
    )
    yield claim_figure(partial(_draw_atp, by_mechanism), caption, (6, 3.8))


def _worst_error(realised: Realised, mean: pq.Quantity, sd: pq.Quantity) -> Estimate:
    """Return the largest relative error of the moments of the weights that could be realised."""
    chosen, synapses = realised.is_feasible, realised.synapses
    ratios = [synapses.mean.magnitude / mean[chosen].magnitude, synapses.sd.magnitude / sd[chosen].magnitude]
    worst = max(np.max(np.abs(ratio - 1)) for ratio in ratios)
    return exactly(worst, n=int(chosen.sum()), unit="weights")


def _mean_atp(realised: Realised, is_common: NDArray[np.bool_]) -> Estimate:
    """Return the mean ATP per spike of the weights that every mechanism realises."""
    chosen = is_common[realised.is_feasible]
    low, atp, high = (
        spike_costs(estimate=end)(realised.synapses).magnitude[chosen] for end in ("low", "value", "high")
    )
    how = f"with the constants at the ends of their ranges {low.mean():.3g} to {high.mean():.3g}"
    return gaussian(atp.mean(), atp.std(ddof=1) / np.sqrt(atp.size), n=atp.size, unit="weights", how=how)


def _draw_atp(by_mechanism: tuple[Realised, ...], figure: Figure) -> None:
    axes, shown = figure.subplots(), slice(0, 2000)
    style: dict[str, Any] = {"markersize": 2, "rasterized": True}
    for realised, colour in zip(by_mechanism, (BLUE, VERMILION), strict=True):
        atp = spike_costs()(realised.synapses).magnitude
        label = f"{realised.mechanism}: {realised.is_feasible.mean():.0%} of weights"
        axes.loglog(realised.synapses.cv[shown], atp[shown], ".", color=colour, label=label, **style)
    axes.set(xlabel="coefficient of variation of the weight", ylabel="ATP per spike")
    axes.legend(fontsize=8, markerscale=4)
