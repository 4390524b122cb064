"""M08: recorded synapses that release reliably are potentiated less, relative to their strength."""

from biophys.recordings import release_and_change as relations
from biophys.recordings.release_and_change import correlations_if_additive
from validation.criteria import below
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import MALKIN, Claim, recorded, row

_SMALLER = "correlation of p before with the increase relative to the strength before"
SMALLER = recorded("M08a", _SMALLER, "fig 6a", below(0.0), "negative, no number", unit="recordings")
M08 = Claim("M08", "Recorded: synapses with higher p change less after LTP induction", MALKIN, (SMALLER,))


@measures(M08, data_sets=("sjostrom2001",))
def potentiation(context: Context) -> Findings:
    """Correlate release probability before induction with the potentiation that follows.

    The statement holds for the increase relative to the strength before. Taken literally, for the increase of
    the synaptic mean itself, the sign is the opposite: in mV, synapses with higher p grow more. Nearly all of
    it is presynaptic: the relative change of p falls with p before (p is bounded by one), that of q hardly
    depends on it. As for S18, an increase in mV that had nothing to do with the synapse would give a
    correlation of the relative increase as strong as the recorded one.
    """
    recordings, rng = read_sjostrom2001(), context.rng()
    n_draws = 4_000 if context.is_quick else 20_000
    correlations = relations.correlations_under(recordings, relations.POTENTIATION, rng, n_draws)
    main, recorded = next(iter(correlations.items()))
    for each, r in correlations.items():
        yield row(SMALLER if each is main else M08, r, each.quantity, condition=each.condition)
    ltp = recordings.induced("LTP")
    drawn = correlations_if_additive(ltp, n_draws, rng=rng)
    additive = relations.by_coupling(drawn, recorded.value)
    condition = {"rows": "LTP", "supposed": "change in mV independent of the synapse"}
    yield row(M08, additive, "correlation of p before with dw / w without any relation", condition=condition)
    yield claim_figure(relations.draw_potentiation, size=(9, 3.8), ltp=ltp, correlations=correlations)
