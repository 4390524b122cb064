"""M06, M10 and M17: noise and importance in the networks of figure 5 and appendices 5 and 6."""

from functools import partial

import numpy as np
import xarray as xr

from biophys.estimates import mean_of, means_along
from biophys.recordings.epsp_variability import INPUT_POWERS, MAIN, analytic_slopes, draw_costs
from validation.claims.malkin2023.variability_and_rate import recorded_slopes
from validation.criteria import above, below, equals, in_every
from validation.data.recordings import read_ko2013
from validation.registry import Context, Findings, Run, claim_figure, measures, panels
from validation.statement import MALKIN, Claim, Clause, Rendering, recorded, row

HESSIAN, CURVATURE = "hessian (minibatch)", "hessian (curvature)"
WORDS = {HESSIAN: "Hessian", CURVATURE: "curvature", "input power": "mean squared input"}
WORDS |= {name: name for name in ("learning rate", "input rate")}
STATES = ("published", "converged")
# After the published schedule, in which no sigma has settled, and with phi learning ten times as fast.


def slope_rows(claim: Claim, slopes: xr.DataArray, where: str, reason: str = "") -> Findings:
    """Yield the slope of log variance on a predictor at each rho, beside that in a linear model."""
    from rate_models.experiments.bayesian_signatures import theoretical_slope

    predictor = str(slopes.predictor.values)
    for rho in map(float, slopes.rho.values):
        slope, theory = mean_of(slopes.sel(rho=rho), unit="networks"), theoretical_slope(predictor, rho)
        published = theory if where.startswith("no") else f"{theory:.2f} in a linear model"
        condition = {"state": str(slopes.state.values), "rho": round(rho, 3)}
        words = f"slope of log variance on log {WORDS[predictor]}, {where}"
        yield row(claim, slope, words, condition=condition, published=published, reason=reason)


BY_PREDICTOR = {
    HESSIAN: Clause("M06a", "falls with the Hessian", "fig 5a", in_every(below(0.0), "rho")),
    "learning rate": Clause("M06b", "rises with the learning rate", "fig 5b", in_every(above(0.0), "rho")),
    "input rate": Clause("M06c", "falls with the input rate", "fig 5c", in_every(below(0.0), "rho")),
}
LAYERS = Clause("M06d", "so in the other layers", "app 6 fig 1", in_every(above(0.0), "layer, rho"))
OTHER_C = Clause("M06e", "so with c ten times larger and smaller", "app 6 fig 2", in_every(above(0.0)))
LEVEL = Clause("M06f", "the level rises with c", "app 6 fig 2", in_every(above(1.0), "step of c"))
_SAID = (
    "Optimised variance falls with the Hessian, rises with the learning rate, falls with the input rate, in "
    "every layer and for c ten times larger and smaller"
)
M06 = Claim("M06", _SAID, MALKIN, (*BY_PREDICTOR.values(), LAYERS, OTHER_C, LEVEL))
_FIGURES = "fig5a fig5b fig5c fig5a-converged fig5b-converged fig5c-converged app6-fig1a"


@measures(M06, experiment="signatures")
def importance_and_variance(run: Run, context: Context) -> Findings:
    """Correlate the variance of each synapse with its Hessian, learning rate and input rate.

    The Hessian of the figures is the squared gradient of a minibatch whose images share a draw of the
    weights; the curvature (generalised Gauss-Newton under the noise) is what the optimum depends on. The
    published state is a transient: phi moves by at most the learning rate per step.
    """
    from rate_models.experiments import bayesian_signatures as networks

    result = run.result.assign_coords(layer=1 + np.arange(run.result.sizes["layer"]))
    middle = result.sel(state="published", c_factor=1.0)
    for predictor, clause in BY_PREDICTOR.items():
        by_rho = means_along(middle.correlation_all.sel(predictor=predictor, layer=2), "rho", "correlation")
        words = f"rank correlation of variance and {WORDS[predictor]}, second layer, least certain"
        yield row(clause, by_rho, words, along="rho")
    correlations = networks.signed(result.correlation_all)
    published, cases = correlations.sel(state="published"), ("predictor", "rho", "layer", "c_factor")
    words = "rank correlation, signed as published, least certain"
    other_layers = published.sel(c_factor=[1.0], layer=result.layer[result.layer != 2])
    yield row(LAYERS, means_along(other_layers, cases, "correlation"), words, along="case")
    for state in STATES:
        by_case = means_along(correlations.sel(state=state, c_factor=[1.0]), cases, "correlation")
        yield row(M06, by_case, words, condition={"state": state, "layers": "all"}, along="case")
        slopes = result.slope_above_floor.sel(state=state, c_factor=1.0, layer=2)
        for name in (*BY_PREDICTOR, CURVATURE):
            reason = "synapses above the floor of curvature"
            yield from slope_rows(M06, slopes.sel(predictor=name), "second layer", reason=reason)
    yield from panels(run, f"{_FIGURES} curvature slopes convergence", M06, (9, 3.4))
    ratio = result.sigma_over_theory.sel(quantile=0.5, c_factor=1.0)
    medians = [f"{10 ** float(ratio.sel(state=state).median()):.2f} in the {state} state" for state in STATES]
    yield f"Median sigma over the optimum for the curvature a synapse sees: {', '.join(medians)}."


# "Close enough" is a rank correlation above one half here: the paper states no number.
_clause = partial(Clause, criterion=in_every(above(0.5), "layer"), published="close enough, no number")
GRADIENT = _clause("M17a", "mean squared gradient and Hessian: rank correlation above 1/2", "eq 31")
RATE = _clause("M17b", "learning rate and 1 / root mean squared gradient: likewise", "eq 7, 30")
_ENOUGH = (
    "The mean squared gradient is close enough to the Hessian, and the learning rate to its inverse root"
)
M17 = Claim("M17", _ENOUGH, MALKIN, (GRADIENT, RATE))
_PAIRS: dict[Clause | Claim, tuple[str, str, int]] = {GRADIENT: (HESSIAN, CURVATURE, 1)}
_PAIRS |= {M17: ("hessian (at_mean)", CURVATURE, 1), RATE: ("learning rate", HESSIAN, -1)}


@measures(M17, experiment="signatures")
def mean_squared_gradient(run: Run, context: Context) -> Findings:
    """Correlate measures of importance over the synapses of one network that are kept for the figures."""
    from rate_models.experiments.bayesian_signatures import rank_correlation_of_shown

    for subject, (first, second, sign) in _PAIRS.items():
        by_layer = rank_correlation_of_shown(run.result, first, second, sign)
        words = f"rank correlation of {first} and {second} over synapses, mean over rho"
        yield row(subject, by_layer, words, along="layer")


# Within 20 %, what a figure on log axes shows: no paper states a margin.
_m10 = partial(Clause, source="app 5 fig 1", criterion=in_every(equals(1.0, 0.2), "exponent"))
SIMULATED = {
    HESSIAN: _m10("M10a", "slope on the Hessian, as computed"),
    "learning rate": _m10("M10b", "slope on the learning rate, as computed"),
    "input power": _m10("M10c", "slope on the mean squared input, as computed"),
}
DEEPER = _m10("M10d", "with hidden layers the slopes agree in direction", criterion=in_every(above(0.0)))
# Against the rate itself theory says -4/(rho+2): -1 for rho = 2, -1.2 for the next; midway is -1.1.
_NEAREST, _RHO = "the recorded slope lies nearest to that of rho = 2", "nearest rho = 2 (> -1.1)"
NEAREST = recorded("M10e", _NEAREST, "app 5 fig 1", above(-1.1), _RHO, unit="cells")
M10 = Claim(
    "M10",
    "Network without hidden layer on MNIST: simulated slopes follow M09; in deeper networks their direction "
    "does; the recorded slope lies nearest rho = 2",
    MALKIN,
    (*SIMULATED.values(), DEEPER, NEAREST),
    "In the published schedule no sigma has settled: the slopes are flatter than those of the equilibrium, "
    "which variance follows against curvature and mean squared input once it has settled.",
)


@measures(M10, experiment="signatures")
def slopes_without_hidden_layer(run: Run, context: Context) -> Findings:
    """Compare the slopes of the network without hidden layers, in both states, with the analytic ones.

    Without a hidden layer, variance follows the curvature and x^2 with the analytic slopes once it has
    settled; against the published estimates of Hessian and learning rate, whose gradients are partly due to
    the noise itself, the slopes are flatter, and in the transient all of them are.
    """
    from rate_models.experiments import bayesian_signatures as networks

    result = run.result
    for state in STATES:
        for predictor in (*SIMULATED, CURVATURE):
            slopes = result.linear_slope_above_floor.sel(state=state, predictor=predictor)
            yield from slope_rows(M10, slopes, "no hidden layer")
            if state == "published" and predictor in SIMULATED:
                ratios = means_along(networks.over_theory(slopes), "rho")
                words = f"slope of log variance on log {WORDS[predictor]}, no hidden layer, over theory"
                yield row(SIMULATED[predictor], ratios, words, along="rho")
    second = networks.signed(result.slope_above_floor.sel(state="published", c_factor=1.0).isel(layer=1))
    words = "slope of log variance, signed as published, second layer, least certain"
    yield row(DEEPER, means_along(second, ("predictor", "rho")), words, along="case")
    yield from panels(run, "app5-fig1", M10, (9, 3.4))


@measures(M10, rendering=Rendering.RECORDED, data_sets=("ko2013",))
def nearest_cost(context: Context) -> Findings:
    """Compare the recorded slope on rate with those that the four costs predict, under two scalings.

    Equation 54b is a slope on the mean of x². If spikes are rare and x counts them, that mean grows as the
    rate; the recorded slope then lies nearest to actin, rho = 4/3, with all four costs in its interval. Only
    if it grows as the square of the rate, as where x is the rate itself, is it nearest to rho = 2, as
    published.
    """
    recorded = recorded_slopes(context.seed, 2_000 if context.is_quick else 20_000)[MAIN]
    for scaling, power in INPUT_POWERS.items():
        slopes = analytic_slopes(scaling)
        nearest = min(slopes, key=lambda cost: abs(slopes[cost] - recorded.value))
        quantity = "log-log slope of EPSP variance at fixed mean on presynaptic rate"
        condition, subject = {**MAIN.condition, "supposed": scaling}, NEAREST if power == 2 else M10
        reason = f"nearest to {nearest} ({slopes[nearest]:.2f})"
        yield row(subject, recorded, quantity, condition=condition, reason=reason)
    yield claim_figure(draw_costs, size=(10, 4.2), recordings=read_ko2013(), recorded=recorded.value)
