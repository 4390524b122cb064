"""M10: simulated, analytic and recorded slopes of the variance, without hidden layers and with them."""

from functools import partial

import xarray as xr

from biophys.estimates import mean_of, means_along
from biophys.recordings.epsp_variability import INPUT_POWERS, MAIN, analytic_slopes, comparison_figure
from validation.claims.malkin2023.signature_networks import STATES, WORDS, signed
from validation.claims.malkin2023.variability_and_rate import recorded_slopes
from validation.criteria import above, equals, in_every
from validation.data.recordings import read_ko2013
from validation.registry import ClaimFigure, Context, Findings, Run, measures, panels
from validation.statement import MALKIN, Claim, Clause, Rendering, recorded, row

# Within 20 %, what a figure on log axes shows: no paper states a margin.
_CLOSE = in_every(equals(1.0, 0.2), "exponent")
_clause = partial(Clause, source="app 5 fig 1")
SIMULATED = {
    "hessian (minibatch)": _clause("M10a", "slope on the Hessian, as computed", criterion=_CLOSE),
    "learning rate": _clause("M10b", "slope on the learning rate, as computed", criterion=_CLOSE),
    "input power": _clause("M10c", "slope on the mean squared input, as computed", criterion=_CLOSE),
}
DEEPER = _clause("M10d", "with hidden layers the slopes agree in direction", criterion=in_every(above(0.0)))
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
    from rate_models.experiments.bayesian_signatures import theoretical_slope

    result = run.result
    for state in STATES:
        for predictor in (*SIMULATED, "hessian (curvature)"):
            slopes = result.linear_slope_above_floor.sel(state=state, predictor=predictor)
            theory = {float(rho): theoretical_slope(predictor, float(rho)) for rho in result.rho.values}
            words = f"slope of log variance on log {WORDS[predictor]}, no hidden layer"
            for rho, expected in theory.items():
                condition = {"state": state, "rho": round(rho, 3)}
                estimate = mean_of(slopes.sel(rho=rho), unit="networks")
                yield row(M10, estimate, words, condition=condition, published=expected)
            if state == "published" and predictor in SIMULATED:
                over_theory = slopes / xr.DataArray(list(theory.values()), [("rho", list(theory))])
                ratios = means_along(over_theory, "rho")
                yield row(SIMULATED[predictor], ratios, f"{words}, over theory", along="rho")
    second = result.slope_above_floor.sel(state="published", c_factor=1.0).isel(layer=1)
    words = "slope of log variance, signed as published, second layer, least certain"
    by_case = means_along(signed(second), ("predictor", "rho"))
    yield row(DEEPER, by_case, words, along="case")
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
    for scaling in INPUT_POWERS:
        slopes = analytic_slopes(scaling)
        nearest = min(slopes, key=lambda cost: abs(slopes[cost] - recorded.value))
        quantity = "log-log slope of EPSP variance at fixed mean on presynaptic rate"
        condition = {**MAIN.condition, "supposed": scaling}
        subject = NEAREST if INPUT_POWERS[scaling] == 2 else M10
        reason = f"nearest to {nearest} ({slopes[nearest]:.2f})"
        yield row(subject, recorded, quantity, condition=condition, reason=reason)
    recordings = read_ko2013()
    caption = (
        f"Recorded variance at fixed mean (n = {len(recordings)} connections) with its least-squares line "
        "(black) and lines of the slope that each cost predicts, through the centre of the data."
    )
    yield ClaimFigure(comparison_figure(recordings, recorded.value), caption)
