"""M06: the noise of learned synapses goes with their importance, plasticity and input."""

import itertools

import numpy as np

from biophys.estimates import mean_of, means_along
from validation.claims.malkin2023.signature_networks import SIGNS, STATES, WORDS, signed
from validation.criteria import above, below, in_every
from validation.registry import Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, row

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
    """Correlate the variance of each synapse with its Hessian, learning rate and input rate.

    The Hessian of the figures is the squared gradient of a minibatch whose images share a draw of the
    weights; the curvature (generalised Gauss-Newton under the noise) is what the optimum depends on.
    """
    from rate_models.experiments.bayesian_signatures import theoretical_slope

    result = run.result.assign_coords(layer=1 + np.arange(run.result.sizes["layer"]))
    middle = result.sel(state="published", c_factor=1.0)
    for predictor, clause in BY_PREDICTOR.items():
        second = middle.correlation_all.sel(predictor=predictor, layer=2)
        by_rho = means_along(second, "rho", "correlation")
        words = f"rank correlation of variance and {WORDS[predictor]}, second layer, least certain"
        yield row(clause, by_rho, words, along="rho")
    correlations = signed(result.correlation_all)
    published, cases = correlations.sel(state="published"), ("predictor", "rho", "layer", "c_factor")
    words = "rank correlation, signed as published, least certain"
    other_layers = published.sel(c_factor=[1.0], layer=result.layer[result.layer != 2])
    yield row(LAYERS, means_along(other_layers, cases, "correlation"), words, along="case")
    other_c = published.sel(c_factor=result.c_factor[result.c_factor != 1], layer=[2])
    if other_c.sizes["c_factor"]:
        yield row(OTHER_C, means_along(other_c, cases, "correlation"), words, along="case")
        sigma = result.sigma_by_epoch.sel(state="published").isel(epoch=-1).sortby("c_factor")
        smaller = sigma.isel(c_factor=slice(-1)).assign_coords(c_factor=sigma.c_factor.values[1:])
        level = "mean sigma at one c over that at the c ten times smaller"
        steps = means_along(sigma.isel(c_factor=slice(1, None)) / smaller, ("rho", "c_factor"), "ratio")
        yield row(LEVEL, steps, level, along="case")
    for state in STATES:
        condition = {"state": state, "layers": "all"}
        by_case = means_along(correlations.sel(state=state, c_factor=[1.0]), cases, "correlation")
        yield row(M06, by_case, words, condition=condition, along="case")
        slopes = result.slope_above_floor.sel(state=state, c_factor=1.0, layer=2)
        for predictor, rho in itertools.product((*SIGNS, "hessian (curvature)"), map(float, result.rho)):
            slope = mean_of(slopes.sel(predictor=predictor, rho=rho), unit="networks")
            quantity = f"slope of log variance on log {WORDS[predictor]}, second layer"
            expected = f"{theoretical_slope(predictor, rho):.2f} in a linear model"
            about, reason = {"state": state, "rho": round(rho, 3)}, "synapses above the floor of curvature"
            yield row(M06, slope, quantity, condition=about, published=expected, reason=reason)
    by_figure = (
        "fig5a fig5b fig5c fig5a-converged fig5b-converged fig5c-converged app6-fig1a app6-fig2a app6-fig2b"
    )
    yield from panels(run, f"{by_figure} curvature slopes convergence", M06, (9, 3.4))
    ratio = result.sigma_over_theory.sel(quantile=0.5, c_factor=1.0)
    medians = [f"{10 ** float(ratio.sel(state=state).median()):.2f} in the {state} state" for state in STATES]
    yield (
        f"Median sigma over the optimum for the curvature a synapse sees: {', '.join(medians)}. The "
        "published state is a transient: phi moves by at most the learning rate per step."
    )
