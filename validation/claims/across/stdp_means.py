"""Beside X07: the means of protocols against the rule, with three readings of how often it is applied."""

import itertools

from biophys.estimates import exactly
from brianpresyn.experiments import stdp_recordings as stdp
from brianpresyn.unified_stdp import PrePostSTDP
from validation.claims.across.stdp_protocol import X07
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, measures
from validation.statement import Rendering, row


@measures("X07", rendering=Rendering.SPIKING, data_sets=("sjostrom2001",), needs=("xarray",))
def protocol_means(context: Context) -> Findings:
    """Compare predicted with recorded ratios of protocol means, and fit the six parameters anew.

    Protocol means: P after over P before and q after over q before, of means over the connections of a
    frequency and timing, as in Costa et al. 2015, who started from P = 0.5 and q = 1. Which repetitions their
    amplitudes stand for is not stated: the rule is applied for one train of five pairings, for one pairing of
    it (a fifth), and for all 15 trains, 75 pairings at 0.1 Hz. Timings of 10 ms alone hardly tell the time
    constants apart, which a refit therefore leaves open.
    """
    recordings, rng = read_sjostrom2001(), context.rng()
    applications = (stdp.TRAIN, stdp.PAIRING, stdp.ALL_TRAINS)
    for (reading, timing), applied in itertools.product(
        stdp.readings_of_timing(recordings).items(), applications
    ):
        means, condition = (
            stdp.ProtocolMeans(recordings, timing),
            {"timing": reading, "rule applied for": applied},
        )
        predicted = stdp.ratios(PrePostSTDP(), means.protocols, applied)
        for index, quantity in enumerate("Pq"):
            words = f"share of the squared change of {quantity} explained beyond predicting no change"
            explained = means.explained(index, predicted[index], rng)
            yield row(X07, explained, f"{words}, means of protocols", condition=condition)
        factors = stdp.refitted(means.protocols, means.ratios()[:, 0], applied)
        listed = ", ".join(f"{name} × {value:.2g}" for name, value in factors.items())
        largest = exactly(max(max(f, 1 / f) for f in factors.values()), n=len(means.protocols))
        quantity = "largest factor between a refitted parameter and Table 1"
        yield row(X07, largest, quantity, condition=condition, published=1.0, reason=listed)
