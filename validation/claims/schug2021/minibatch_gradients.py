"""S26 and S27: squared gradients of mini-batches, and the learning rate, against the Fisher information."""

from scipy.stats import spearmanr

from biophys.estimates import mean_of
from validation.claims.schug2021.energy_networks import FIGURES_RULE, plastic_networks, shown_networks
from validation.criteria import above
from validation.registry import Context, Findings, Run, measures
from validation.statement import SCHUG, Claim, Clause, row

POSTERIOR = Clause(
    "S26a",
    "the learning rate, 1 - p, falls with the Fisher information, the precision of the posterior",
    'methods, "Link between learning rate modulation and Bayesian updating"',
    above(0.0),
)
S26 = Claim(
    "S26",
    "Synapses of low posterior variance, that is of large Fisher information, have a lower learning rate",
    SCHUG,
    (POSTERIOR,),
)
_GOOD = "a good approximation (good: rank correlation over synapses above 0.9)"
GOOD = Clause("S27a", _GOOD, 'methods, "Practical approximation"', above(0.9), "good, no number")
S27 = Claim(
    "S27",
    "The mean squared gradient of mini-batches remains a good approximation of the Fisher information",
    SCHUG,
    (GOOD,),
)


@measures(S26, S27, experiment="energy")
def learning_rate_and_batches(run: Run, context: Context) -> Findings:
    """Correlate the Fisher information of synapses with p, and with what mini-batches give for it."""
    for model, at in plastic_networks(run, context).items():
        quantity = "Pearson's r of p and Fisher information over synapses"
        condition = {"p rule": model}
        estimate = mean_of(at.fisher_pearson.sel(expectation="observed"), "correlation", unit="networks")
        yield row(POSTERIOR if model == FIGURES_RULE else S26, estimate, quantity, condition=condition)
    squared = shown_networks(run, context).result.mean_squared_gradient.sel(plastic_model=FIGURES_RULE)
    single, batch = (squared.isel(images_per_gradient=index) for index in (0, -1))
    ranks = [
        spearmanr(single.sel(seed=seed).values.ravel(), batch.sel(seed=seed).values.ravel()).statistic
        for seed in squared.seed.values
    ]
    quantity = "rank correlation of the mean squared gradient of mini-batches with that of single images"
    about = {"images per gradient": int(batch.images_per_gradient)}
    yield row(GOOD, mean_of(ranks, "correlation", unit="networks"), quantity, condition=about)
