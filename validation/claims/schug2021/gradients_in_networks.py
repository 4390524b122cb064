"""S19, in networks: how often p moves up for drawn gradients, and real ones pass the threshold."""

from typing import Any

import numpy as np
from scipy.stats import spearmanr

from biophys.estimates import Estimate, mean_of
from biophys.gradient_threshold import GradientLaw, probability_above, ratio_to_formula
from biophys.release_plasticity import ReleasePlasticity, updated_release_probability
from validation.claims.schug2021.energy_networks import FIGURES_RULE, shown_networks
from validation.claims.schug2021.gradient_threshold import IN_NETWORKS, LAWS, S19
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import PUBLISHED, Rendering, row


@measures(S19, rendering=Rendering.RATE, experiment="energy")
def gradients_in_networks(run: Run, context: Context) -> Findings:
    """Look how often p moves up for drawn gradients, and for those of trained networks."""
    n, rng = 50_000 if context.is_quick else 1_000_000, np.random.default_rng(context.seed)
    for law, clause in LAWS.items():
        quantity = "share of drawn gradients after which p rises over the formula"
        condition = {"gradients": law, "sd / g_lim": "0.3 to 10"}
        yield row(clause, _moves_up(law, n, rng), quantity, setting=PUBLISHED, condition=condition)
    result = shown_networks(run, context).result
    for size in (int(size) for size in result.images_per_gradient.values):
        at = result.sel(plastic_model=FIGURES_RULE, images_per_gradient=size)
        at = at[["mean_squared_gradient", "share_above"]].stack(synapses=["layer", "synapse"])
        ranks = [
            spearmanr(part.mean_squared_gradient, part.share_above).statistic
            for part in (at.sel(seed=seed) for seed in at.seed.values)
        ]
        rms = np.sqrt(at.mean_squared_gradient)
        formula = probability_above(float(result.attrs["g_lim"]), np.maximum(rms.values, 1e-30))
        excess = (at.share_above - np.where(rms > 0, formula, 0.0)).mean("synapses")
        about = {"images per gradient": size}
        quantity = "rank correlation over synapses of Fisher information and share of gradients above g_lim"
        # A gradient of one image is that of the Fisher information.
        subject = IN_NETWORKS if size == 1 else S19
        yield row(subject, mean_of(ranks, "correlation", unit="networks"), quantity, condition=about)
        quantity = "share of gradients above g_lim less erfc(g_lim / (rms sqrt 2)), mean over synapses"
        how = "most images give almost no gradient, a few large ones"
        yield row(S19, mean_of(excess, unit="networks", how=how), quantity, condition=about)
    yield from panels(run, "eq10", S19)


def _moves_up(law: GradientLaw, n: int, rng: np.random.Generator) -> Estimate:
    """Return how often the p rule of the rate networks moves p up, over the formula."""
    import torch

    sd = np.geomspace(0.3, 10, 8)
    draws: dict[str, Any] = {
        "normal": rng.standard_normal,
        "Laplace": lambda size: rng.laplace(scale=np.sqrt(0.5), size=size),
    }
    gradient = torch.from_numpy(sd[:, None] * draws[law](size=(len(sd), n)))
    start = torch.full_like(gradient, 0.5)
    rule = ReleasePlasticity(g_lim=1.0, form=FIGURES_RULE)
    moved_up = (updated_release_probability(start, gradient, rule) > start).double().mean(dim=1)
    return ratio_to_formula(moved_up.numpy(), sd, law, n)
