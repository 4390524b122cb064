"""S07: there are more neurons of low and of high importance than by chance."""

from biophys.estimates import mean_of
from validation.claims.schug2021.energy_networks import at_shown_l2, shown_networks
from validation.claims.schug2021.important_inputs import SHUFFLES
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

CLAUSES = {
    "low": Clause("S07a", "more neurons with few important inputs", "fig 3b", above(0.0)),
    "high": Clause("S07b", "more neurons with many important inputs", "fig 3b", above(0.0)),
}
S07 = Claim(
    "S07",
    "More low- and high-importance neurons (2 sd from the shuffled mean) than in the shuffle",
    SCHUG,
    tuple(CLAUSES.values()),
)


@measures(S07, experiment="energy")
def neurons_by_importance(run: Run, context: Context) -> Findings:
    """Compare the shares of neurons of low and high importance with those after shuffling."""
    at = at_shown_l2(shown_networks(run, context).result)
    for shuffle, words in SHUFFLES.items():
        for group, clause in CLAUSES.items():
            part = at.sel(layer=2, side="inputs", shuffle=shuffle, group=group)
            quantity = f"share of {group}-importance neurons of the second hidden layer less the shuffled one"
            subject = clause if shuffle == "matrix" else S07
            estimate = mean_of(part.neuron_group_share - part.neuron_shuffled_group_share, unit="networks")
            reason = f"mean share {float(part.neuron_group_share.mean()):.2f}"
            yield row(subject, estimate, quantity, condition={"shuffled": words}, reason=reason)
    yield from panels(run, "fig3b", S07)
