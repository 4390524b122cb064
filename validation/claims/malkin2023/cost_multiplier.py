"""M03: accuracy falls and noise rises with the cost multiplier."""

from biophys.estimates import means_along
from validation.claims.malkin2023.reliability_networks import NOISES, from_first_to_last_c, log_log_slope
from validation.criteria import above, below, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, row

ACCURACY = Clause("M03a", "accuracy falls with c", "fig 2a", in_every(below(0.0), "rho"), "falls")
NOISE = Clause("M03b", "mean sigma rises with c", "fig 2b", in_every(above(0.0), "rho"), "rises")
M03 = Claim(
    "M03",
    "Accuracy falls and mean sigma rises with the cost multiplier c, for each rho",
    MALKIN,
    (ACCURACY, NOISE),
)


@measures(M03, experiment="reliability")
def cost_multiplier(run: Run, context: Context) -> Findings:
    """Follow accuracy and noise over the range of c, for each kind of noise."""
    result = run.result
    for noise in NOISES:
        part, condition = result.sel(noise=noise), {"noise": noise}
        change = means_along(from_first_to_last_c(part.accuracy), "rho")
        words = "change of test accuracy from the smallest to the largest c"
        yield row(ACCURACY, change, words, condition=condition, along="rho")
        # A few synapses without effect rule the published average; the median they do not.
        for average, subject in (("rms", NOISE), ("median", M03)):
            slope = means_along(log_log_slope(part[f"sigma_{average}"], part.c), "rho")
            words = f"slope of log {average} sigma on log c"
            yield row(subject, slope, words, condition=condition, along="rho")
        size = part.mean_size.isel(multiplier=-1) / part.mean_size.isel(multiplier=0)
        words = "mean |mu|, the magnitude cost but for its factor: largest c over smallest"
        by_rho = means_along(size, "rho", "ratio")
        yield row(M03, by_rho, words, condition=condition, along="rho")
    yield from panels(run, "fig2a fig2b transient", M03, (9, 3.4))
    if result.sizes["epoch"] > 1:
        settled = result.sigma_by_epoch.isel(epoch=-1) / result.sigma_by_epoch.isel(epoch=-2)
        growth = 100 * float(settled.sel(noise="heterogeneous").max() - 1)
        yield f"In the last epoch mean sigma of the least settled unequal noise rose by {growth:.1f} %."
