"""X10: where recorded release probabilities lie on the curve of information per ATP."""

import numpy as np

from biophys.recordings.release_efficiency import efficiency, median_of, plot_efficiency
from validation.claims.across.information_per_atp import X10
from validation.data.allen_synapses import AllenSynapse, allen_synapses_here, by_cell_class
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row

# Costa et al. estimate p with 5.5 sites; 1 and 10 show how much that matters. Spikes per bin.
SITES, SPIKE_PROBABILITIES = (5, 6, 1, 10), (0.01, 0.1)


@measures(X10, rendering=Rendering.RECORDED, data_sets=("sjostrom2001",))
def recorded_release_probabilities(context: Context) -> Findings:
    """Compare recorded release probabilities with the one that transmits most bits per ATP.

    With the five to six sites that the estimates of p assume, the best p is 0.10 to 0.15. Nearly all recorded
    p lie above it; half of the connections reach at least 60 % of the best bits per ATP. With a single site
    the optimum is near one and the recorded p lie below it.

    The position of the optimum follows from the number of sites far more than from the input: recordings that
    do not resolve the number of sites do not say on which side of the optimum a synapse lies.
    """
    recordings, rng = read_sjostrom2001(), context.rng()
    p, names = recordings.p_before, recordings.recording
    each = [efficiency(p, n, share, names, rng=rng) for n in SITES for share in SPIKE_PROBABILITIES]
    best, percent, median = each[0].optimum, 100 * SPIKE_PROBABILITIES[0], median_of(p, names, rng)
    reason = f"the optimum is p = {best.p:.2f} with {best.n} sites and a spike in {percent:g} % of bins"
    yield row(X10, median, "median recorded release probability before induction", reason=reason)
    quantity = "median bits per ATP at the recorded p, relative to the best p"
    for at in each:
        condition = {"sites": at.optimum.n, "spikes per bin": at.spike_probability}
        reason = f"best p = {at.optimum.p:.3f}; {100 * at.share_above:.0f} % of the recorded p lie above"
        yield row(X10, at.relative, quantity, condition=condition, reason=reason)
    yield from of_fitted_synapses(allen_synapses_here(), rng)
    optima, size = [at.optimum for at in each[::2]], (6.5, 4.6)
    share = SPIKE_PROBABILITIES[0]
    yield claim_figure(plot_efficiency, size=size, optima=optima, spike_probability=share, recorded=p)


def of_fitted_synapses(synapses: list[AllenSynapse], rng: np.random.Generator) -> Findings:
    """Yield how synapses with an n and a p of their own compare with the best p at their n, by cell class."""
    share, numerous = SPIKE_PROBABILITIES[0], by_cell_class(synapses, at_least=20)[:5]
    classes = {f"{each.presynaptic} to {each.postsynaptic}": each.members for each in numerous}
    for name, members in {"all": synapses, **classes}.items() if synapses else ():
        p, sites = np.clip([s.p for s in members], 1e-6, 1.0 - 1e-6), [s.synapse.n for s in members]
        at = efficiency(p, sites, share, np.arange(len(members)), rng=rng, unit="synapses")
        quantity = "median bits per ATP at fitted n and p, relative to the best p at that n (Allen Institute)"
        reason = f"{100 * at.share_above:.0f} % of the p lie above the best; bootstrap over synapses"
        about = {"cells": name, "spikes per bin": share}
        yield row(X10, at.relative, quantity, condition=about, reason=reason)
