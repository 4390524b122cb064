"""S05: the network is most sensitive to synapses of high release probability."""

from biophys.estimates import mean_of, means_along
from validation.claims.schug2021.energy_networks import FIGURES_RULE, plastic_networks
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

PAIRS = Clause("S05a", "a synapse with p >= 0.9 has more than one with less", "fig 2d", above(0.5))
MEAN = Clause("S05b", "mean over synapses with p >= 0.9 over that of the others", "fig 2d", above(1.0))
S05 = Claim("S05", "High-p synapses have larger Fisher information than low-p ones", SCHUG, (PAIRS, MEAN))


@measures(S05, experiment="energy")
def fisher_information(run: Run, context: Context) -> Findings:
    """Compare the Fisher information of reliable and unreliable synapses."""
    for model, at in plastic_networks(run, context).items():
        # The paper's "empirical" Fisher information takes the observed labels.
        for labels in (str(labels) for labels in at.expectation.values):
            is_published = model == FIGURES_RULE and labels == "observed"
            part = at.sel(expectation=labels)
            ratio = part.fisher_mean.sel(importance="high p") / part.fisher_mean.sel(importance="low p")
            pairs = mean_of(part.fisher_superiority, unit="networks", how="Mann-Whitney statistic over pairs")
            for clause, estimate in ((PAIRS, pairs), (MEAN, mean_of(ratio, "ratio", unit="networks"))):
                quantity = f"Fisher information: {clause.text}"
                condition = {"p rule": model, "labels": labels}
                yield row(clause if is_published else S05, estimate, quantity, condition=condition)
        within = at.fisher_superiority_in_layer.sel(expectation="observed")
        quantity = "Fisher information: the same over pairs within one weight matrix"
        condition = {"p rule": model, "labels": "observed"}
        yield row(S05, means_along(within, "layer"), quantity, condition=condition, along="matrix")
    yield from panels(run, "fig2d", S05)
