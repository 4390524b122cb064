"""M06: the noise of learned synapses goes with their importance, plasticity and input."""

from __future__ import annotations

import itertools

import numpy as np
import xarray as xr

from validation.claims.malkin2023.signature_networks import (
    SIGNS,
    STATES,
    WORDS,
    over_seeds,
    signature_setting,
)
from validation.criteria import above, below, in_every
from validation.estimates import Estimate
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, Setting, row

BY_PREDICTOR = {
    "hessian (minibatch)": Clause("M06a", "falls with the Hessian", "fig 5a", in_every(below(0.0), "rho")),
    "learning rate": Clause("M06b", "rises with the learning rate", "fig 5b", in_every(above(0.0), "rho")),
    "input rate": Clause("M06c", "falls with the input rate", "fig 5c", in_every(below(0.0), "rho")),
}
LAYERS = Clause("M06d", "so in the other layers", "app 6 fig 1", in_every(above(0.0), "layer, rho"))
OTHER_C = Clause("M06e", "so with c ten times larger and smaller", "app 6 fig 2", in_every(above(0.0)))
LEVEL = Clause("M06f", "the level rises with c", "app 6 fig 2", in_every(above(1.0), "step of c"))
M06 = Claim(
    "M06",
    "Optimised variance falls with the Hessian, rises with the learning rate, falls with the input rate, in "
    "every layer and for c ten times larger and smaller",
    MALKIN,
    (*BY_PREDICTOR.values(), LAYERS, OTHER_C, LEVEL),
)


@measures(M06, experiment="signatures")
def importance_and_variance(run: Run, context: Context) -> Findings:
    """Correlate the variance of each synapse with its Hessian, learning rate and input rate."""
    here = signature_setting(run)
    result = run.result.assign_coords(layer=1 + np.arange(run.result.sizes["layer"]))
    middle = result.sel(state="published", c_factor=1.0)
    for predictor, clause in BY_PREDICTOR.items():
        second = middle.correlation_all.sel(predictor=predictor, layer=2)
        by_rho = {f"{rho:.3g}": over_seeds(second.sel(rho=rho), "correlation") for rho in result.rho.values}
        words = f"rank correlation of variance and {WORDS[predictor]}, second layer, least certain"
        yield row(clause, by_rho, words, setting=here, along="rho")
    words = "rank correlation, signed as published, least certain"
    published = result.sel(state="published")
    other_layers = published.sel(c_factor=[1.0], layer=result.layer[result.layer != 2])
    yield row(LAYERS, _signed(other_layers), words, setting=here, along="case")
    other_c = published.sel(c_factor=result.c_factor[result.c_factor != 1], layer=[2])
    if other_c.sizes["c_factor"]:
        yield row(OTHER_C, _signed(other_c), words, setting=here, along="case")
        level = "mean sigma at one c over that at the c ten times smaller"
        yield row(LEVEL, _steps_of_level(result), level, setting=here, along="case")
    for state in STATES:
        part = result.sel(state=state)
        condition = {"state": state, "layers": "all"}
        signed = _signed(part.sel(c_factor=[1.0]))
        yield row(M06, signed, words, setting=here, condition=condition, along="case")
        yield from _slopes(part.sel(c_factor=1.0, layer=2), here, state)
    yield from panels(run, _CAPTIONS, M06, (9, 3.4))
    yield from _remarks(result)


def _signed(part: xr.Dataset) -> dict[str, Estimate]:
    """Return the correlation in every case, positive where it has the published sign."""
    cases = part.correlation_all.stack(case=("predictor", "rho", "layer", "c_factor"))
    return {
        f"{WORDS[name]}, rho {rho:.3g}, layer {layer}, c x {c:g}": over_seeds(
            SIGNS[name] * cases.sel(case=(name, rho, layer, c)), "correlation"
        )
        for name, rho, layer, c in cases.case.values
        if name in SIGNS
    }


def _steps_of_level(result: xr.Dataset) -> dict[str, Estimate]:
    """Return how the last mean sigma of the published state rises from one c to the next."""
    sigma = result.sigma_by_epoch.sel(state="published").isel(epoch=-1)
    steps = list(itertools.pairwise(sorted(result.c_factor.values)))
    return {
        f"rho {rho:.3g}, c x {low:g} to {high:g}": over_seeds(
            sigma.sel(rho=rho, c_factor=high) / sigma.sel(rho=rho, c_factor=low), "ratio"
        )
        for rho in result.rho.values
        for low, high in steps
    }


def _slopes(part: xr.Dataset, here: Setting, state: str) -> Findings:
    """Yield the slopes of the second layer beside those of the linear model."""
    from rate_models.experiments.bayesian_signatures import theoretical_slope

    for predictor in (*SIGNS, "hessian (curvature)"):
        for rho in (float(each) for each in part.rho.values):
            yield row(
                M06,
                over_seeds(part.slope_above_floor.sel(predictor=predictor, rho=rho)),
                f"slope of log variance on log {WORDS[predictor]}, second layer",
                setting=here,
                condition={"state": state, "rho": round(rho, 3)},
                published=f"{theoretical_slope(predictor, rho):.2f} in a linear model",
                reason="synapses above the floor of curvature",
            )


_CAPTIONS = {
    "fig5a": "Variance against the Hessian, second layer, published state (figure 5a).",
    "fig5b": "Variance against the learning rate (figure 5b).",
    "fig5c": "Variance against the input rate (figure 5c).",
    "fig5a-converged": "Variance against the Hessian once the noise has settled.",
    "fig5b-converged": "Variance against the learning rate once the noise has settled.",
    "fig5c-converged": "Variance against the input rate once the noise has settled.",
    "app6-fig1a": "Variance against the Hessian in the first and the last layer (appendix 6 figure 1).",
    "app6-fig2a": "The second layer with c ten times larger (appendix 6 figure 2a).",
    "app6-fig2b": "The second layer with c ten times smaller (appendix 6 figure 2b).",
    "curvature": "Variance against the curvature under the noise in every layer, once the noise has settled.",
    "slopes": "Slopes of log variance in both states, and those of the linear model.",
    "convergence": "How far sigma is from the optimum for the curvature that it sees.",
}


def _remarks(result: xr.Dataset) -> Findings:
    middle = result.sigma_over_theory.sel(quantile=0.5, c_factor=1.0)
    ratios = {state: 10 ** float(middle.sel(state=state).median()) for state in STATES}
    yield (
        "Median sigma over the optimum for the curvature a synapse sees: "
        + ", ".join(f"{ratio:.2f} in the {state} state" for state, ratio in ratios.items())
        + ". The published state is a transient: phi moves by at most the learning rate per step."
    )
    yield (
        "The Hessian of the figures is the squared gradient of a minibatch whose images share a draw of the "
        "weights; the curvature (generalised Gauss-Newton under the noise) is what the optimum depends on."
    )
