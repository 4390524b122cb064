"""Measure how the noise of learned synapses goes with their importance, plasticity and input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.interval_verdicts import (
    verdict_above,
    verdict_at_every,
    verdict_below,
    verdict_within,
)
from validation.claims.over_seeds import seed_estimate
from validation.claims.panels import drawn_panels
from validation.claims.reliability_tradeoff import training_condition
from validation.registry import measures
from validation.runs import result_for

_SIGNS = {"hessian (minibatch)": -1, "learning rate": 1, "input rate": -1}
"""Published sign of the correlation with the variance."""

_WORDS = {
    "hessian (minibatch)": "Hessian",
    "learning rate": "learning rate",
    "input rate": "input rate",
    "input power": "mean squared input",
    "hessian (curvature)": "curvature",
}

_THEORETICAL = ("hessian (curvature)", "input power")
"""What the theory of the linear model is about, at equilibrium; the published estimates are noisier."""

# A slope within this share of the analytic one agrees with it for the purposes of a figure on log axes.
_MARGIN = 0.2
# For the regression unit, whose theory is exact, the margin is that of the optimiser's noise.
_EXACT_MARGIN = 0.03

_PANELS = {
    "fig5a": ("M06", "Variance against the Hessian, second layer, published state (figure 5a)."),
    "fig5b": ("M06", "Variance against the learning rate (figure 5b)."),
    "fig5c": ("M06", "Variance against the input rate (figure 5c)."),
    "fig5a-converged": ("M06", "Variance against the Hessian once the noise has settled."),
    "fig5b-converged": ("M06", "Variance against the learning rate once the noise has settled."),
    "fig5c-converged": ("M06", "Variance against the input rate once the noise has settled."),
    "app6-fig1a": (
        "M06",
        "Variance against the Hessian in the first and the last layer (appendix 6 figure 1).",
    ),
    "app6-fig2a": ("M06", "The second layer with c ten times larger (appendix 6 figure 2a)."),
    "app6-fig2b": ("M06", "The second layer with c ten times smaller (appendix 6 figure 2b)."),
    "curvature": (
        "M06",
        "Variance against the curvature under the noise in every layer, once the noise has settled.",
    ),
    "slopes": ("M06", "Slopes of log variance in both states, and those of the linear model."),
    "convergence": ("M06", "How far sigma is from the optimum for the curvature that it sees."),
    "app5-fig1": (
        "M10",
        "Network without hidden layers: simulated, analytic and recorded slopes (appendix 5 figure 1).",
    ),
}


@measures("M06", "M10", rendering=Rendering.RATE, needs=("torch", "sklearn", "xarray"))
def bayesian_signatures(context: Context) -> Evidence:
    """Train networks that pay for reliability and relate the noise of each synapse to its importance."""
    return evidence_of(result_for("signatures", context).result)


def evidence_of(result: xr.Dataset) -> Evidence:
    """Return what a result of the signatures experiment says of M06 and M10."""
    measurements = [
        _weakest_correlation(result, predictor, layer, state)
        for state in ("published", "converged")
        for predictor in _SIGNS
        for layer in range(result.sizes["layer"])
    ]
    measurements += list(_deep_slopes(result))
    measurements += list(_linear_slopes(result))
    return Evidence(tuple(measurements), _figures(result), _remarks(result))


def _weakest_correlation(result: xr.Dataset, predictor: str, layer: int, state: str) -> Measurement:
    """Return the least favourable rank correlation over rho, c and seeds, and the number of each sign."""
    sign = _SIGNS[predictor]
    part = result.sel(predictor=predictor, state=state).isel(layer=layer)
    value, low, high = (
        part[f"correlation{end}_all"].values.ravel().astype(float) for end in ("", "_low", "_high")
    )
    # Seeds that were not trained at every c leave gaps.
    value, low, high = (each[np.isfinite(value)] for each in (value, low, high))
    verdicts = [_verdict_of_sign(interval, sign) for interval in zip(low, high, strict=True)]
    place = int(np.argmin(sign * value))
    return Measurement(
        "M06",
        Rendering.RATE,
        f"weakest rank correlation of variance and {_WORDS[predictor]}",
        float(value[place]),
        verdict_at_every(verdicts),
        condition=training_condition(result, layer=layer + 1, state=state),
        published="< 0" if sign < 0 else "> 0",
        interval=(float(low[place]), float(high[place])),
        n=value.size,
        reason=(
            f"of {value.size} networks (rho x c x seed) {verdicts.count(Verdict.REPRODUCED)} have the "
            f"published sign and {verdicts.count(Verdict.NOT_REPRODUCED)} the opposite one; bootstrap over "
            "inputs, 95 %"
        ),
    )


def _deep_slopes(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield the slopes of the second layer in both states beside those of the linear model."""
    from rate_models.experiments.bayesian_signatures import theoretical_slope

    for state in ("published", "converged"):
        for predictor in (*_SIGNS, "hessian (curvature)"):
            for rho in result.rho.values:
                part = result.sel(predictor=predictor, state=state, rho=rho, c_factor=1.0).isel(layer=1)
                slope, interval = _slope_over_seeds(part, "")
                yield Measurement(
                    "M06",
                    Rendering.RATE,
                    f"slope of log variance on log {_WORDS[predictor]}, second layer",
                    slope,
                    _verdict_of_sign(interval, _SIGNS.get(predictor, -1)),
                    condition=training_condition(result, state=state, rho=round(float(rho), 3)),
                    published=f"{theoretical_slope(predictor, float(rho)):.2f} in a linear model",
                    interval=interval,
                    n=part.sizes["seed"],
                    reason="synapses above the floor of curvature; judged by its sign only",
                    is_supporting=True,
                )


def _linear_slopes(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield the slopes of the network without hidden layers, in both states, against the analytic ones."""
    from rate_models.experiments.bayesian_signatures import theoretical_slope

    predictors = ("hessian (minibatch)", "learning rate", "input power", "hessian (curvature)")
    for state in ("published", "converged"):
        for predictor in predictors:
            for rho in result.rho.values:
                part = result.sel(predictor=predictor, state=state, rho=rho)
                slope, interval = _slope_over_seeds(part, "linear_")
                theory = theoretical_slope(predictor, float(rho))
                yield Measurement(
                    "M10",
                    Rendering.RATE,
                    f"slope of log variance on log {_WORDS[predictor]}, no hidden layer",
                    slope,
                    verdict_within(interval, theory, _MARGIN * abs(theory)),
                    condition=training_condition(result, state=state, rho=round(float(rho), 3)),
                    published=theory,
                    interval=interval,
                    n=part.sizes["seed"],
                    reason="agrees if the interval lies within 20 % of the analytic slope",
                    is_supporting=state == "published" or predictor not in _THEORETICAL,
                )


def _slope_over_seeds(part: xr.Dataset, prefix: str) -> tuple[float, tuple[float, float]]:
    """Return the mean slope with Student's interval over seeds, or the bootstrap's for one seed."""
    values = part[f"{prefix}slope_above_floor"].values.astype(float).ravel()
    if values.size > 1:
        of = seed_estimate(values)
        return of.mean, of.interval
    low, high = (float(part[f"{prefix}slope_{end}_above_floor"].values.ravel()[0]) for end in ("low", "high"))
    return float(values[0]), (low, high)


def _verdict_of_sign(interval: tuple[float, float], sign: int) -> Verdict:
    return verdict_above(interval) if sign > 0 else verdict_below(interval)


def _figures(result: xr.Dataset) -> tuple[ClaimFigure, ...]:
    from rate_models.experiments.bayesian_signatures import FIGURES

    return drawn_panels(FIGURES, result, _PANELS)


def _remarks(result: xr.Dataset) -> tuple[str, ...]:
    middle = result.sigma_over_theory.sel(quantile=0.5, c_factor=1.0)
    found = {state: 10 ** float(middle.sel(state=state).median()) for state in ("published", "converged")}
    return (
        "Median sigma over the optimum for the curvature a synapse sees: "
        + ", ".join(f"{ratio:.2f} in the {state} state" for state, ratio in found.items())
        + ". The published state is a transient: phi moves by at most the learning rate per step.",
        "The Hessian of the figures is the squared gradient of a minibatch whose images share a draw of the "
        "weights; the curvature (generalised Gauss-Newton under the noise) is what the optimum depends on.",
        "Without a hidden layer, variance follows the curvature and x^2 with the analytic slopes once it has "
        "settled; against the published estimates of Hessian and learning rate, whose gradients are partly "
        "due to the noise itself, the slopes are flatter, and in the transient all of them are.",
    )
