"""M11, M13, M18 and M19: noise and predictions beside Bayesian uncertainty, and the bound on the evidence."""

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from biophys.estimates import in_range, mean_of, means_along
from biophys.optimal_precision import slopes_on_posterior
from validation.claims.malkin2023.paying_networks import growth_at_end
from validation.criteria import above, below, between, equals, exact, in_every
from validation.published_settings import published_settings
from validation.registry import Context, Findings, Run, measures, panels
from validation.runs import result_beside
from validation.statement import MALKIN, Claim, Clause, Rendering, analytic, not_run, row, setting_of

LARGER = Clause("M11a", "larger posterior variance, larger noise", "fig 7a", in_every(above(0.0)), "clear")
FLATTER = Clause("M11b", "slope on the posterior sd below one", "fig 7a", in_every(below(1.0), "rho"), "< 1")
NEARER = Clause("M11c", "slope nearer to one for small rho, noise more even for large", "fig 7a", above(0.0))
_EVERY = in_every(exact(0.0, 1e-9), "rho and c")
ANALYTIC = analytic("M11d", "slope 2/(rho+2) in the linear model", "fig 7b,c", _EVERY)
_SAID = (
    "Optimised sigma correlates with the posterior sd (variational), less steeply than one to one, and "
    "nearer to it for smaller rho"
)
M11 = Claim("M11", _SAID, MALKIN, (LARGER, FLATTER, NEARER, ANALYTIC))


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


# Within 20 %, what a figure on log axes shows: no paper states a margin.
SLOPES = Clause("M18a", "slope over 2/(rho+2) at s = 0.01", "fig 7b", in_every(equals(1.0, 0.2), "rho"))
RISES = Clause("M18b", "noise rises with c of 0.112, 0.2, 0.356 at rho = 1/2", "fig 7c", in_every(above(1.0)))
M18 = Claim(
    "M18", "The lines of figure 7b,c, which are analytic, hold for trained networks", MALKIN, (SLOPES, RISES)
)
BOUND = Clause("M19a", "ELBO plus overall cost plus constant", "eq 49", in_every(above(0.0), "network"))
M19 = Claim("M19", "The overall cost bounds the evidence lower bound of a trained network", MALKIN, (BOUND,))

_FIGURE_7C = {"rho": (0.5,), "s": (10**-2.5, 0.01, 10**-1.5)}
# Networks of figure 5, with their published settings.
_FIGURE_5: dict[str, Any] = {
    **{"formulation": "figures", "s": (0.001,), "initial_sigma": 1e-4},
    **{"noise_haste": 1.0, "learning_rate": None},
}


@measures(M18, experiment="posterior")
def trained_posterior(run: Run, context: Context) -> Findings:
    """Compare the slopes of trained noise with those of the linear model, and the noise at several c."""
    result = run.result
    if 0.01 in result.s.values:
        slope = result.slope.sel(posterior="variational", s=0.01).mean("layer") * (result.rho + 2) / 2
        words = "slope of log sigma on log posterior sd over 2/(rho+2), mean over layers"
        yield row(SLOPES, means_along(slope, "rho"), words, along="rho")
    else:
        yield not_run(SLOPES, "this run of the experiment has no networks with s = 0.01")
    growth = means_along(growth_at_end(result.sigma_by_epoch.isel(s=0)), "rho", "ratio")
    words = f"rms sigma at s = {float(result.s[0]):g}: growth in the last fifth of the epochs"
    yield row(M18, growth, words, along="rho")
    by_c = result_beside(run, context, "posterior_by_c", **_FIGURE_7C)
    noise = by_c.result.sigma_by_epoch.isel(epoch=-1).sel(rho=0.5)
    ratio = (noise / noise.shift(s=1)).isel(s=slice(1, None))
    ratio = ratio.assign_coords(s=[2 * s**0.5 for s in ratio.s.values]).rename(s="c")
    words = "rms sigma over that at the next smaller c"
    is_of_figure = np.array_equal(noise.s, _FIGURE_7C["s"]) or context.is_quick
    here, subject = setting_of(by_c.config, published_settings("posterior")), RISES if is_of_figure else M18
    yield row(subject, means_along(ratio, "c", "ratio"), words, along="c", setting=here)
    if not is_of_figure:
        yield not_run(RISES, "needs networks with s of 10^-2.5 and 10^-1.5")


@measures(M19, experiment="posterior")
def bound_on_evidence(run: Run, context: Context) -> Findings:
    """Add up both sides of equation 49, without the expected log-likelihood that is in both."""
    beside = run
    if "evidence_gap" not in run.result:
        beside = result_beside(run, context, "posterior_evidence", **_FIGURE_5)
    if "evidence_gap" not in beside.result:
        yield not_run(BOUND, "needs `posterior_evidence.nc` beside the stored run")
        return
    gap, setting = beside.result.evidence_gap, setting_of(beside.config, published_settings("posterior"))
    # Of one network it is a number without error, and the smallest of all decides.
    smallest = {float(rho): float(gap.sel(rho=rho).min()) for rho in gap.rho.values}
    by_rho = {f"rho {rho:.3g}": in_range(least, (least, least), "exact") for rho, least in smallest.items()}
    words = "evidence lower bound plus overall cost plus constant (nats), smallest over networks"
    yield row(BOUND, by_rho, words, along="network", setting=setting)


_clause = partial(Clause, source="app 4 fig 1")
BAYES = _clause("M13a", "variational Bayes: the spread rises where there are no data", criterion=above(1.0))
FOLLOWS = _clause("M13b", "the overall cost gives comparable patterns", criterion=in_every(above(0.0), "rho"))
FARTHER = _clause("M13c", "less so for large rho", criterion=above(1.0))
NARROW = _clause("M13d", "small c: narrow distributions", criterion=in_every(below(1.0), "rho"))
# "Unrelated": within a quarter, which the paper does not say.
EVEN = _clause("M13e", "at small c and rho = 2 the spread is unrelated to data", criterion=between(0.8, 1.25))
MISFIT = _clause("M13f", "large c: poor predictions", criterion=in_every(above(1.0), "rho"))
_SAID = (
    "Predictive distributions of a one-hidden-layer regression network (y = x^3 + 2x^2, noise sd 0.05): "
    "overall-cost networks resemble variational Bayes, less so for large rho; narrow for small c, poor for "
    "large"
)
M13 = Claim("M13", _SAID, MALKIN, (BAYES, FOLLOWS, FARTHER, NARROW, EVEN, MISFIT))
_UNIT = "seeds of data and network"
_ratio = partial(mean_of, scale="ratio", unit=_UNIT)


@measures(M13, experiment="predictive")
def predictive_distributions(run: Run, context: Context) -> Findings:
    """Train regression networks by variational Bayes and under each cost, and compare their predictions.

    Number and place of the data, prior, nonlinearity (rectified), s and training are not stated in the paper;
    s is chosen per network as the one whose predictions are nearest to variational Bayes.
    """
    from rate_models.experiments.predictive_distributions import distance_to_variational, target_function

    result = run.result
    distance = distance_to_variational(result)
    words = "predictive sd without data over with data"
    yield row(BAYES, _ratio(_without_data(result, result.sd_of_variational)), words)
    at_nearest = result.sd.isel(s=distance.argmin("s"))
    words = "correlation over x of log predictive sd with that of variational Bayes, at the nearest s"
    correlations = xr.corr(np.log(at_nearest), np.log(result.sd_of_variational), "x")
    by_rho = means_along(correlations, "rho", "correlation", unit=_UNIT)
    yield row(FOLLOWS, by_rho, words, along="rho")
    nearest = distance.min("s")
    means = {rho: float(nearest.sel(rho=rho).mean()) for rho in nearest.rho.values}
    reason = "; ".join(f"rho {rho:.3g}: {mean:.3f}" for rho, mean in means.items())
    words = "distance to variational Bayes at the nearest s: largest rho over smallest"
    yield row(FARTHER, _ratio(nearest.isel(rho=-1) / nearest.isel(rho=0)), words, reason=reason)
    smallest = result.isel(s=0)
    narrow = np.exp((np.log(smallest.sd) - np.log(result.sd_of_variational)).mean("x"))
    words = "predictive sd at the smallest c over that of variational Bayes, geometric mean over x"
    yield row(NARROW, means_along(narrow, "rho", "ratio", unit=_UNIT), words, along="rho")
    even = _without_data(result, smallest.sd.isel(rho=-1))
    words = "predictive sd without data over with data, smallest c and largest rho"
    yield row(EVEN, _ratio(even), words)
    at_data = result.isel(x=result.has_data.values.astype(bool))
    error = ((at_data["mean"] - target_function(at_data.x.values)) ** 2).mean("x") ** 0.5
    words = "error of the mean prediction, largest c over smallest"
    estimate = means_along(error.isel(s=-1) / error.isel(s=0), "rho", "ratio", unit=_UNIT)
    yield row(MISFIT, estimate, words, along="rho")
    yield from panels(run, "app4-fig1a app4-fig1b distance", M13, (9, 3.4))


def _without_data(result: xr.Dataset, sd: xr.DataArray) -> Any:
    """Return the geometric mean of the spread where there are no data over that where there are."""
    log_sd: Any = np.log(sd)
    has_data = result.has_data.values.astype(bool)
    difference: Any = log_sd.isel(x=~has_data).mean("x") - log_sd.isel(x=has_data).mean("x")
    return np.exp(difference)
