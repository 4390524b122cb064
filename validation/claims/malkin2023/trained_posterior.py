"""M18: figure 7b and c with trained networks."""

from biophys.estimates import means_along
from validation.criteria import above, equals, in_every
from validation.registry import Context, Findings, Run, measures
from validation.statement import MALKIN, Claim, Clause, not_run, row

# Within 20 %, what a figure on log axes shows: no paper states a margin.
SLOPES = Clause("M18a", "slope over 2/(rho+2) at s = 0.01", "fig 7b", in_every(equals(1.0, 0.2), "rho"))
RISES = Clause("M18b", "noise rises with c of 0.112, 0.2, 0.356 at rho = 1/2", "fig 7c", in_every(above(1.0)))
M18 = Claim(
    "M18", "The lines of figure 7b,c, which are analytic, hold for trained networks", MALKIN, (SLOPES, RISES)
)


@measures(M18, experiment="posterior")
def trained_posterior(run: Run, context: Context) -> Findings:
    """Compare the slopes of trained noise on the variational posterior with those of the linear model."""
    result = run.result
    if 0.01 in result.s.values:
        slope = result.slope.sel(posterior="variational", s=0.01).mean("layer") * (result.rho + 2) / 2
        words = "slope of log sigma on log posterior sd over 2/(rho+2), mean over layers"
        yield row(SLOPES, means_along(slope, "rho"), words, along="rho")
    else:
        yield not_run(SLOPES, "this run of the experiment has no networks with s = 0.01")
    yield not_run(RISES, "needs networks with s of 10^-2.5 and 10^-1.5")
