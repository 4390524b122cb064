"""Beside S19: how often gradients move p up, drawn, and of trained networks."""

from biophys.estimates import mean_of
from validation.claims.schug2021.energy_networks import FIGURES_RULE, shown_networks
from validation.claims.schug2021.gradient_threshold import IN_NETWORKS, LAWS, S19
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import PUBLISHED, Rendering, row


@measures("S19", rendering=Rendering.RATE, experiment="energy")
def gradients_in_networks(run: Run, context: Context) -> Findings:
    """Look how often p moves up for drawn gradients, and for those of trained networks."""
    from rate_models.experiments.energy_figures import gradients_by_fisher
    from rate_models.reliable_synapses import moved_up_over_formula

    n, rng = 50_000 if context.is_quick else 1_000_000, context.rng()
    for law, clause in LAWS.items():
        quantity = "share of drawn gradients after which p rises over the formula"
        condition = {"gradients": law, "sd / g_lim": "0.3 to 10"}
        ratio = moved_up_over_formula(law, FIGURES_RULE, n, rng)
        yield row(clause, ratio, quantity, setting=PUBLISHED, condition=condition)
    result = shown_networks(run, context).result.sel(plastic_model=FIGURES_RULE)
    for size in (int(size) for size in result.images_per_gradient.values):
        ranks, excess = gradients_by_fisher(result.sel(images_per_gradient=size))
        about = {"images per gradient": size}
        quantity = "rank correlation over synapses of Fisher information and share of gradients above g_lim"
        # A gradient of one image is that of the Fisher information.
        subject = IN_NETWORKS if size == 1 else S19
        yield row(subject, mean_of(ranks, "correlation", unit="networks"), quantity, condition=about)
        quantity = "share of gradients above g_lim less erfc(g_lim / (rms sqrt 2)), mean over synapses"
        how = "most images give almost no gradient, a few large ones"
        yield row(S19, mean_of(excess, unit="networks", how=how), quantity, condition=about)
    yield from panels(run, "eq10", S19)
