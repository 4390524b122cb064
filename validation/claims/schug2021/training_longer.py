"""S28 and S29: important synapses by other thresholds, and when training goes on."""

from biophys.estimates import mean_of, means_along
from validation.claims.schug2021.energy_networks import at_shown_l2, networks_trained_on
from validation.criteria import above, equals, in_every
from validation.published_settings import published_settings
from validation.registry import Context, Findings, Run, measures
from validation.statement import SCHUG, Claim, Clause, not_run, row, setting_of

# 0.7 to 0.95: a choice of ours, the paper gives no range.
ANY_THRESHOLD = Clause(
    "S28a", "r of important inputs and outputs", "results, before fig 3", in_every(above(0.0), "threshold")
)
# A point of all synapses: a choice of ours, the paper gives no number.
KEPT = Clause("S29a", "share with p >= 0.9 after 100 less 50 epochs", "model, after eq 4", equals(0.0, 0.01))
S28 = Claim(
    "S28",
    "What is found of important synapses per neuron does not hang on the threshold p = 0.9",
    SCHUG,
    (ANY_THRESHOLD,),
)
S29 = Claim(
    "S29",
    "High release probabilities are kept when training goes on, since noisy gradients do not vanish",
    SCHUG,
    (KEPT,),
)


@measures(S28, S29, experiment="energy")
def training_longer(run: Run, context: Context) -> Findings:
    """Correlate important inputs and outputs at each threshold, and count reliable synapses twice."""
    longer = networks_trained_on(run, context)
    if "threshold_r" not in longer.result:
        for clause in (ANY_THRESHOLD, KEPT):
            yield not_run(clause, "needs `energy_long.nc` beside the stored run")
        return
    published, result = published_settings("energy"), at_shown_l2(longer.result)
    first, last = (result.isel(epoch=n) for n in (max(-2, -result.sizes["epoch"]), -1))
    # The state after the published number of epochs is that which is published, whatever followed.
    at = first if int(first.epoch) == published["n_epochs"] else last
    settings = [setting_of({**longer.config, "n_epochs": int(each.epoch)}, published) for each in (at, first)]
    by_threshold = means_along(at.threshold_r, ("threshold", "hidden_layer"), "correlation")
    quantity = "Pearson's r of important inputs and outputs over the neurons of a hidden layer"
    yield row(ANY_THRESHOLD, by_threshold, quantity, along="important from", setting=settings[0])
    condition = {"epochs": f"{int(last.epoch)} less {int(first.epoch)}"}
    how = f"paired seeds, {float(first.important_share.mean()):.3f} before"
    more = mean_of(last.important_share - first.important_share, unit="networks", how=how)
    yield row(KEPT, more, "growth of the share with p >= 0.9", condition=condition, setting=settings[1])
