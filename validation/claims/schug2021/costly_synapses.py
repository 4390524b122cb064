"""S04: synapses of high release probability spend most of the energy."""

from biophys.estimates import mean_of
from validation.claims.schug2021.energy_networks import FIGURES_RULE, plastic_networks
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import SCHUG, Claim, Clause, row

MEAN = Clause("S04a", "mean energy of synapses with p >= 0.9 over that of the others", "fig 2c", above(1.0))
PAIRS = Clause("S04b", "one with p >= 0.9 spends more than one with less", "fig 2c", above(0.5))
S04 = Claim("S04", "High-p synapses have larger synaptic energy demand than low-p ones", SCHUG, (MEAN, PAIRS))


@measures(S04, experiment="energy")
def costly_synapses(run: Run, context: Context) -> Findings:
    """Compare the energy, the size of the expected strength, of reliable and unreliable synapses."""
    for model, at in plastic_networks(run, context).items():
        mean = at.energy_mean.sel(importance="high p") / at.energy_mean.sel(importance="low p")
        layers = float(at.energy_superiority_in_layer.min("layer").mean())
        for clause, estimate in (
            (MEAN, mean_of(mean, "ratio", unit="networks")),
            (PAIRS, mean_of(at.energy_superiority, unit="networks", how="Mann-Whitney statistic over pairs")),
        ):
            subject = clause if model == FIGURES_RULE else S04
            reason = f"smallest probability within one weight matrix {layers:.2f}"
            yield row(subject, estimate, clause.text, condition={"p rule": model}, reason=reason)
    yield from panels(run, "fig2c", S04)
