"""M05: what reliability costs against the noise that is left."""

from biophys.estimates import means_along
from validation.claims.malkin2023.reliability_networks import log_log_slope
from validation.criteria import below, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, row

FALLS = Clause(
    "M05a", "the cost of unequal noise falls with its mean", "fig 3b", in_every(below(0.0), "rho"), "falls"
)
M05 = Claim("M05", "Reliability cost falls with mean sigma, differently for each rho", MALKIN, (FALLS,))


@measures(M05, experiment="reliability")
def reliability_cost(run: Run, context: Context) -> Findings:
    """Follow the summed cost over the mean standard deviation."""
    result = run.result
    slope = log_log_slope(result.cost, result.sigma_rms)
    words = "slope of log cost on log rms sigma"
    unequal = means_along(slope.sel(noise="heterogeneous"), "rho")
    yield row(FALLS, unequal, f"{words}, heterogeneous noise", along="rho")
    # With one sigma for all the slope is -rho by definition.
    off = means_along(slope.sel(noise="homogeneous") + result.rho, "rho")
    yield row(M05, off, f"{words} less -rho, homogeneous noise", along="rho", published=0.0)
    ratio = result.cost / result.cost_at_rms
    excess = (ratio.sel(noise="heterogeneous") / ratio.sel(noise="homogeneous")).max("multiplier")
    words = "summed cost of heterogeneous noise over that of one synapse at rms sigma, largest over c"
    published = "1.03 to 1.41 in the published results"
    yield row(M05, means_along(excess, "rho", "ratio"), words, along="rho", published=published)
    yield from panels(run, "fig3b atp", M05, (9, 3.4))
