"""M11: optimised noise and Bayesian uncertainty of weights."""

import numpy as np

from biophys.estimates import mean_of, means_along
from biophys.optimal_precision import slopes_on_posterior
from validation.criteria import above, below, exact, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, Rendering, analytic, row

LARGER = Clause("M11a", "larger posterior variance, larger noise", "fig 7a", in_every(above(0.0)), "clear")
FLATTER = Clause("M11b", "slope on the posterior sd below one", "fig 7a", in_every(below(1.0), "rho"), "< 1")
NEARER = Clause("M11c", "slope nearer to one for small rho, noise more even for large", "fig 7a", above(0.0))
_EVERY = in_every(exact(0.0, 1e-9), "rho and c")
ANALYTIC = analytic("M11d", "slope 2/(rho+2) in the linear model", "fig 7b,c", _EVERY)
M11 = Claim(
    "M11",
    "Optimised sigma correlates with the posterior sd (variational), less steeply than one to one, and "
    "nearer to it for smaller rho",
    MALKIN,
    (LARGER, FLATTER, NEARER, ANALYTIC),
)


@measures(M11, experiment="posterior")
def noise_and_posterior(run: Run, context: Context) -> Findings:
    """Train the same network by variational inference and under each cost; compare noise and posterior.

    One s serves every rho: the optimised noise of a synapse equals its posterior standard deviation where
    that is s. The paper chose c so that the scales match, without naming it; prior and schedule are not
    stated.
    """
    for posterior in (str(name) for name in run.result.posterior.values):
        part, condition = run.result.sel(posterior=posterior), {"posterior": posterior}
        cases = part.correlation.assign_coords(layer=1 + np.arange(part.sizes["layer"]))
        correlations = means_along(cases, ("rho", "s", "layer"), "correlation")
        words = "weakest rank correlation of optimised sigma and posterior sd"
        subjects = (LARGER, FLATTER, NEARER) if posterior == "variational" else (M11,) * 3
        yield row(subjects[0], correlations, words, condition=condition, along="case")
        # Layers and s of one network are conditions: their mean is one number for each network.
        slope = part.slope.mean(["layer", "s"])
        words = "slope of log optimised sigma on log posterior sd, mean over layers and s"
        yield row(subjects[1], means_along(slope, "rho"), words, condition=condition, along="rho")
        nearer = mean_of(slope.isel(rho=0) - slope.isel(rho=-1), unit="networks")
        words = "slope at the smallest rho minus slope at the largest"
        yield row(subjects[2], nearer, words, condition=condition)
    best = run.result.log_distance.sel(posterior="variational").mean("layer").min("s")
    words = "rms of log sigma / posterior sd at the best s: largest rho minus smallest"
    reason = "; ".join(f"rho {rho:.3g}: {float(best.sel(rho=rho).mean()):.2f}" for rho in best.rho.values)
    yield row(M11, mean_of(best.isel(rho=-1) - best.isel(rho=0), unit="networks"), words, reason=reason)
    yield from panels(run, "fig7a fig7b fig7c trained", M11, (9, 3.4))


@measures(M11, rendering=Rendering.ANALYTIC)
def noise_of_a_posterior(context: Context) -> Findings:
    """Optimise the noise of synapses of the linear model from their posterior variance."""
    words = "slope of log optimal sigma on log posterior sd, less 2/(rho+2)"
    yield row(ANALYTIC, slopes_on_posterior(), words, along="case")
