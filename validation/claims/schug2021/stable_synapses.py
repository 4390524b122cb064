"""S18: recorded synapses that release reliably change less, relative to their strength."""

from functools import partial

import numpy as np

from biophys.recordings import release_and_change as relations
from biophys.recordings.coupling import correlations_without_relation
from validation.criteria import exact, significant
from validation.data.recordings import read_sjostrom2001
from validation.registry import ClaimFigure, Context, Findings, measures
from validation.statement import SCHUG, Claim, recorded, row

PUBLISHED_R = -0.4416
_clause = partial(recorded, source="app 1 fig 4", unit="recordings")
# The same rows give the same number: three digits of it.
VALUE = _clause(
    "S18a", "r of initial p and |dw| / w", criterion=exact(PUBLISHED_R, 5e-4), published=PUBLISHED_R
)
TEST = _clause("S18b", "significant by a t-test of the rows", criterion=significant(0.01, sign=-1))
S18 = Claim(
    "S18",
    "Recorded: initial release probability against relative change of expected strength, r = -0.4416, "
    "p < 0.01",
    SCHUG,
    (VALUE, TEST),
)

READINGS = relations.STABILITY
MAIN = READINGS[0]


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
    recordings, rng = read_sjostrom2001(), np.random.default_rng(context.seed)
    n_draws = 4_000 if context.is_quick else 20_000
    context.report_progress(0.1, "readings of the correlation")
    correlations = relations.correlations_under(recordings, READINGS, rng, n_draws)
    recorded = correlations[MAIN]
    yield row(TEST, recorded, MAIN.quantity, condition=MAIN.condition)
    for each, r in correlations.items():
        yield row(VALUE if each is MAIN else S18, r, each.quantity, condition=each.condition)
    context.report_progress(0.6, "what coupling alone gives")
    drawn = correlations_without_relation(recordings, n_draws, rng)
    quantity = f"correlation of p before with {MAIN.change} expected without any relation"
    for supposed, by_chance in drawn.items():
        condition = {"rows": MAIN.rows, "supposed": supposed}
        yield row(S18, relations.by_coupling(by_chance, recorded.value), quantity, condition=condition)
    caption = (
        f"Left: each recorded connection before and after induction (n = {len(recordings)} rows, Sjöström et "
        "al. 2001) with the least-squares line. Right: the correlation under every reading of the statement, "
        "with 95 % BCa bootstrap intervals over recordings; the dashed line is the published value."
    )
    yield ClaimFigure(relations.readings_figure(recordings, correlations, PUBLISHED_R), caption)
    caption = (
        f"Correlations that arise when p and the change have no relation ({n_draws} draws each), because p "
        "is a factor of the strength by which the change is divided, or because both are estimated from few "
        "sweeps. Line: recorded."
    )
    yield ClaimFigure(relations.coupling_figure(recorded.value, drawn), caption)
