"""S18: recorded synapses that release reliably change less, relative to their strength."""

from typing import Any

from biophys.recordings import release_and_change as relations
from biophys.recordings.release_and_change import correlations_without_relation
from validation.criteria import exact, significant
from validation.data.recordings import read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import SCHUG, Claim, recorded, row

PUBLISHED_R = -0.4416
# The same rows give the same number: three digits of it.
_PLACE, _SAME = "app 1 fig 4", exact(PUBLISHED_R, 5e-4)
VALUE = recorded("S18a", "r of initial p and |dw| / w", _PLACE, _SAME, PUBLISHED_R, unit="recordings")
_TESTED = "significant by a t-test of the rows"
TEST = recorded("S18b", _TESTED, _PLACE, significant(0.01, sign=-1), unit="recordings")
_SAID = (
    "Recorded: initial release probability against relative change of expected strength, r = -0.4416, "
    "p < 0.01"
)
S18 = Claim("S18", _SAID, SCHUG, (VALUE, TEST))


@measures(S18, data_sets=("sjostrom2001",))
def stable_synapses(context: Context) -> Findings:
    """Correlate release probability before induction with the relative change of strength.

    The published correlation is that of all 44 rows (30 LTP, 14 LTD) with the magnitude of the relative
    change, abs(w after - w before) / w before with w = p q: it rounds to the same three digits.

    Signed changes mix potentiation with depression and correlate less; within LTP alone the correlation is as
    strong (p = 0.01), within LTD alone it is not significant (n = 14).

    p before is a factor of w before. If changes in mV had nothing to do with the synapse, dividing by w alone
    would give a correlation as strong as the recorded one; q before, the other factor, correlates as
    strongly; and with w held fixed nothing is left. The recordings show that strong synapses change less
    relative to their strength; they do not show that release probability is what makes them stable. In mV the
    change even rises with p.

    Rows were selected: every LTP row grew and every LTD row shrank by more than 5 %, so the relative change
    is truncated from below. Twelve recordings occur under both inductions with different p and q; dropping
    the doubtful LTP rows, or resampling whole recordings, changes the correlation little.
    """
    recordings, rng, n_draws = read_sjostrom2001(), context.rng(), 4_000 if context.is_quick else 20_000
    context.report_progress(0.1, "readings of the correlation")
    correlations = relations.correlations_under(recordings, relations.STABILITY, rng, n_draws)
    main, recorded = next(iter(correlations.items()))
    yield row(TEST, recorded, main.quantity, condition=main.condition)
    for each, r in correlations.items():
        yield row(VALUE if each is main else S18, r, each.quantity, condition=each.condition)
    context.report_progress(0.6, "what coupling alone gives")
    drawn = correlations_without_relation(recordings, n_draws, rng)
    quantity = f"correlation of p before with {main.change} expected without any relation"
    for supposed, by_chance in drawn.items():
        condition = {"rows": main.rows, "supposed": supposed}
        yield row(S18, relations.by_coupling(by_chance, recorded.value), quantity, condition=condition)
    shown: dict[str, Any] = {"recordings": recordings, "correlations": correlations}
    yield claim_figure(relations.draw_stability, size=(10, 4.8), published=PUBLISHED_R, **shown)
    yield claim_figure(relations.draw_coupling, size=(7, 3.6), recorded=recorded.value, drawn=drawn)
