"""Compare the noise that pays for reliability with Bayesian uncertainty, of weights and of predictions."""

from __future__ import annotations

import numpy as np
import xarray as xr

from validation.claims.claim import Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.interval_verdicts import verdict_above, verdict_at_every, verdict_below
from validation.claims.over_seeds import seed_estimate
from validation.claims.panels import drawn_panels
from validation.registry import measures
from validation.runs import result_for

_CAPTIONS = {
    "fig7a": ("M11", "Posterior (dashed) and optimised noise (solid) of two synapses (figure 7a)."),
    "fig7b": ("M11", "Optimal against posterior variance for each rho, analytic (figure 7b)."),
    "fig7c": ("M11", "Optimal against posterior variance for three c, analytic (figure 7c)."),
    "trained": (
        "M11",
        "Trained noise against the variational posterior, every synapse of its layer's sample.",
    ),
}
_PREDICTIVE_CAPTIONS = {
    "app4-fig1a": ("M13", "Predictive distribution of variational Bayes (appendix 4 figure 1a)."),
    "app4-fig1b": ("M13", "Predictive distributions under the overall cost (appendix 4 figure 1b)."),
    "distance": ("M13", "Distance of the predictive distributions to that of variational Bayes."),
}


@measures("M11", rendering=Rendering.RATE, needs=("torch", "sklearn", "xarray"))
def noise_and_posterior(context: Context) -> Evidence:
    """Train the same network by variational inference and under each cost; compare noise and posterior."""
    return evidence_of_posterior(result_for("posterior", context).result)


def evidence_of_posterior(result: xr.Dataset) -> Evidence:
    """Return what a result of the posterior experiment says of M11."""
    measurements = []
    for posterior in result.posterior.values:
        part = result.sel(posterior=posterior)
        is_main = posterior == "variational"
        measurements.append(_weakest_correlation(part, is_main))
        measurements += [_slope_below_one(part.sel(rho=rho), is_main) for rho in result.rho.values]
        measurements += [_nearer_for_small_rho(part, is_main)]
    measurements.append(_distance(result.sel(posterior="variational")))
    from rate_models.experiments.posterior import FIGURES

    remark = (
        "One s serves every rho: the optimised noise of a synapse equals its posterior standard deviation "
        "where that is s. The paper chose c so that the scales match, without naming it; "
        "prior and schedule are not stated."
    )
    return Evidence(tuple(measurements), drawn_panels(FIGURES, result, _CAPTIONS), (remark,))


def _condition(result: xr.Dataset, **more: str | float) -> dict[str, str | float]:
    shared = {
        "data": result.attrs["data_set"],
        "prior sd": float(result.attrs["prior_sd"]),
        "epochs": int(result.attrs["n_epochs"]),
        "posterior": str(result.posterior.values),
    }
    return {**shared, **more}


def _weakest_correlation(part: xr.Dataset, is_main: bool) -> Measurement:
    """Return the weakest rank correlation over rho, s, layers and seeds."""
    value, low, high = (part[f"correlation{end}"].values.ravel() for end in ("", "_low", "_high"))
    place = int(np.argmin(value))
    verdicts = [verdict_above(interval) for interval in zip(low, high, strict=True)]
    return Measurement(
        "M11",
        Rendering.RATE,
        "weakest rank correlation of optimised sigma and posterior sd",
        float(value[place]),
        verdict_at_every(verdicts),
        condition=_condition(part),
        published="> 0",
        interval=(float(low[place]), float(high[place])),
        n=value.size,
        reason=f"{verdicts.count(Verdict.REPRODUCED)} of {value.size} (rho, s, seed, layer) above 0; "
        "bootstrap over inputs",
        is_supporting=not is_main,
    )


def _slope_below_one(part: xr.Dataset, is_main: bool) -> Measurement:
    """Return the slope of log sigma on log posterior sd, mean over layers, s and seeds."""
    rho = float(part.rho)
    of = seed_estimate(part.slope.values)
    return Measurement(
        "M11",
        Rendering.RATE,
        "slope of log optimised sigma on log posterior sd, mean over layers and s",
        of.mean,
        verdict_below(of.interval, 1.0),
        condition=_condition(part, rho=round(rho, 3)),
        published=f"< 1 ({2 / (rho + 2):.2f} in a linear model)",
        interval=of.interval,
        n=of.n,
        reason="t interval over layers, s and seeds",
        is_supporting=not is_main,
    )


def _nearer_for_small_rho(part: xr.Dataset, is_main: bool) -> Measurement:
    """Return by how much the slope at the smallest rho exceeds that at the largest, layer by layer."""
    small, large = part.rho.values.min(), part.rho.values.max()
    of = seed_estimate((part.slope.sel(rho=small) - part.slope.sel(rho=large)).values)
    return Measurement(
        "M11",
        Rendering.RATE,
        "slope at the smallest rho minus slope at the largest",
        of.mean,
        of.verdict_above(0.0),
        condition=_condition(part),
        published=f"> 0 ({2 / (small + 2) - 2 / (large + 2):.2f} in a linear model)",
        interval=of.interval,
        n=of.n,
        reason="paired by layer, s and seed; t interval",
        is_supporting=not is_main,
    )


def _distance(part: xr.Dataset) -> Measurement:
    """Return the rms of log sigma over posterior sd at the best s, largest rho minus smallest."""
    best = part.log_distance.mean("layer").min("s")
    difference = best.sel(rho=part.rho.values.max()) - best.sel(rho=part.rho.values.min())
    of = seed_estimate(difference.values)
    verdict = of.verdict_above(0.0) if of.n > 1 else Verdict.INCONCLUSIVE
    return Measurement(
        "M11",
        Rendering.RATE,
        "rms of log sigma / posterior sd at the best s: largest rho minus smallest",
        of.mean,
        verdict,
        condition=_condition(part),
        published="> 0",
        interval=of.interval if of.n > 1 else None,
        n=of.n,
        reason="; ".join(f"rho {rho:.3g}: {float(best.sel(rho=rho).mean()):.2f}" for rho in part.rho.values),
        is_supporting=True,
    )


@measures("M13", rendering=Rendering.RATE, needs=("torch", "xarray"))
def predictive_distributions(context: Context) -> Evidence:
    """Train regression networks by variational Bayes and under each cost, and compare their predictions."""
    return evidence_of_predictions(result_for("predictive", context).result)


def evidence_of_predictions(result: xr.Dataset) -> Evidence:
    """Return what a result of the predictive experiment says of M13."""
    from rate_models.experiments.predictive_distributions import FIGURES, distance_to_variational

    distance = distance_to_variational(result)
    measurements = [_spread_without_data(result)]
    measurements += [_spread_follows(result, distance, float(rho)) for rho in result.rho.values]
    measurements += [_farther_for_large_rho(distance)]
    measurements += [_misfit_at_large_c(result, float(rho)) for rho in result.rho.values]
    remark = (
        "Number and place of the data, prior, nonlinearity (rectified), s and training are not stated in the "
        "paper; s is chosen per network as the one whose predictions are nearest to variational Bayes."
    )
    return Evidence(tuple(measurements), drawn_panels(FIGURES, result, _PREDICTIVE_CAPTIONS), (remark,))


def _spread_without_data(result: xr.Dataset) -> Measurement:
    """Return the predictive sd of variational inference where there are no data over that where there are."""
    log_sd = np.log(result.sd_of_variational)
    has_data = result.has_data.values.astype(bool)
    ratio = np.exp(log_sd.isel(x=~has_data).mean("x") - log_sd.isel(x=has_data).mean("x"))
    return _from_seeds(
        "predictive sd of variational Bayes without data over with data", ratio, 1.0, "ratio", "> 1", {}, True
    )


def _spread_follows(result: xr.Dataset, distance: xr.DataArray, rho: float) -> Measurement:
    """Return the correlation over x of the log predictive sd with that of variational inference."""
    chosen = _at_nearest(result.sd, distance).sel(rho=rho)
    r = [
        np.corrcoef(np.log(chosen.sel(seed=seed)), np.log(result.sd_of_variational.sel(seed=seed)))[0, 1]
        for seed in result.seed.values
    ]
    name = "correlation over x of log predictive sd with that of variational Bayes, at the nearest s"
    return _from_seeds(name, r, 0.0, "correlation", "> 0", {"rho": round(rho, 3)}, False)


def _at_nearest(values: xr.DataArray, distance: xr.DataArray) -> xr.DataArray:
    """Return values at the s whose predictions are nearest, for each rho and seed."""
    return values.isel(s=distance.argmin("s"))


def _farther_for_large_rho(distance: xr.DataArray) -> Measurement:
    """Return how much farther from variational inference predictions are at the largest rho."""
    nearest = distance.min("s")
    ratio = nearest.sel(rho=distance.rho.values.max()) / nearest.sel(rho=distance.rho.values.min())
    text = "; ".join(
        f"rho {rho:.3g}: {float(nearest.sel(rho=rho).mean()):.3f}" for rho in distance.rho.values
    )
    name = "distance to variational Bayes at the nearest s: largest rho over smallest"
    return _from_seeds(name, ratio, 1.0, "ratio", "> 1", {}, False, text)


def _misfit_at_large_c(result: xr.Dataset, rho: float) -> Measurement:
    """Return the error of the mean prediction, largest c over smallest, where there are data."""
    from rate_models.experiments.predictive_distributions import target_function

    part = result.sel(rho=rho).isel(x=result.has_data.values.astype(bool))
    error = ((part["mean"] - target_function(part.x.values)) ** 2).mean("x") ** 0.5
    ratio = error.isel(s=-1) / error.isel(s=0)
    name = "error of the mean prediction, largest c over smallest"
    return _from_seeds(name, ratio, 1.0, "ratio", "> 1", {"rho": round(rho, 3)}, True)


def _from_seeds(
    quantity: str,
    values: xr.DataArray | list[float],
    bound: float,
    scale: str,
    published: str,
    condition: dict[str, str | float],
    is_supporting: bool,
    text: str = "",
) -> Measurement:
    """Return a measurement over seeds that the claim puts above a bound."""
    of = seed_estimate(np.asarray(values), scale)
    return Measurement(
        "M13",
        Rendering.RATE,
        quantity,
        of.mean,
        of.verdict_above(bound),
        condition=condition,
        published=published,
        interval=of.interval,
        n=of.n,
        reason=text or "t interval over seeds of data and network",
        is_supporting=is_supporting,
    )
