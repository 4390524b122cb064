"""S03: synapses of high release probability matter most to the network."""

from biophys.estimates import means_along
from validation.claims.schug2021.energy_networks import FIGURES_RULE, plastic_networks
from validation.criteria import above, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

_LESIONS = "accuracy after removing low-p synapses first less that after removing random ones"
LESIONS = Clause("S03a", _LESIONS, "fig 2b", in_every(above(0.0), "fraction"))
S03 = Claim(
    "S03",
    "Removing low-p synapses first hurts accuracy less than removing random ones, at every fraction",
    SCHUG,
    (LESIONS,),
)


@measures(S03, experiment="energy")
def lesions(run: Run, context: Context) -> Findings:
    """Remove synapses in several orders and compare the accuracies, fraction by fraction."""
    for model, at in plastic_networks(run, context).items():
        # Nothing and everything removed is the same in every order.
        accuracy = at.lesion_accuracy.sel(fraction=(at.fraction > 0) & (at.fraction < 1))
        for gentle, harsh, words in (
            ("release_probability", "random", "lowest p first less random order"),
            ("strength", "release_probability", "smallest |w̄| first less lowest p first"),
        ):
            quantity = f"accuracy after removing synapses, {words}, where it is least certain"
            subject = LESIONS if model == FIGURES_RULE and harsh == "random" else S03
            estimate = means_along(accuracy.sel(order=gentle) - accuracy.sel(order=harsh), "fraction")
            yield row(subject, estimate, quantity, condition={"p rule": model}, along="removed")
    yield from panels(run, "fig2b", S03)
