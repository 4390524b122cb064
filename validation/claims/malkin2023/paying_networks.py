"""M03-M06, M10, M14, M16 and M17: accuracy, noise and importance in networks that pay for reliability."""

from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from biophys.association import mean_difference_of_curves
from biophys.estimates import mean_of, means_along
from biophys.recordings.epsp_variability import INPUT_POWERS, MAIN, analytic_slopes, draw_costs
from validation.claims.malkin2023.optimal_variance import recorded_slopes
from validation.criteria import above, below, equals, in_every
from validation.data.recordings import read_ko2013
from validation.published_settings import published_settings
from validation.registry import Context, Findings, Run, claim_figure, measures, panels
from validation.runs import result_beside
from validation.statement import MALKIN, Claim, Clause, Rendering, not_run, recorded, row, setting_of

NOISES = ("heterogeneous", "homogeneous")


def from_first_to_last_c(accuracy: xr.DataArray) -> xr.DataArray:
    """Return the change of a number from the smallest to the largest c."""
    return accuracy.isel(multiplier=-1) - accuracy.isel(multiplier=0)


def log_log_slope(y: xr.DataArray, x: xr.DataArray) -> xr.DataArray:
    """Return the least-squares slope of log y on log x over the sweep of c, for every network."""
    logs: list[Any] = [np.log(each) for each in (x, y)]
    log_x, log_y = (each - each.mean("multiplier") for each in logs)
    return (log_x * log_y).sum("multiplier") / (log_x**2).sum("multiplier")


def growth_at_end(course: xr.DataArray) -> xr.DataArray:
    """Return by what factor a number grows in the last fifth of the epochs."""
    n_epochs = course.sizes["epoch"]
    return course.isel(epoch=-1) / course.isel(epoch=n_epochs - 1 - n_epochs // 5)


def advantage(result: xr.Dataset, at_same: str = "c") -> xr.DataArray:
    """Return how much more accurate heterogeneous noise is, for every rho and seed.

    Accuracies are compared at the same c, or at the same value of a variable: over the range that both kinds
    of noise share, on a logarithmic scale.
    """
    import xarray

    first, second = (result.accuracy.sel(noise=noise) for noise in NOISES)
    if at_same == "c":
        return (first - second).mean("multiplier")
    x: Any = np.log(result[at_same])
    return xarray.apply_ufunc(
        mean_difference_of_curves,
        *(part for noise in NOISES for part in (x.sel(noise=noise), result.accuracy.sel(noise=noise))),
        input_core_dims=[["multiplier"]] * 4,
        vectorize=True,
    )


ACCURACY = Clause("M03a", "accuracy falls with c", "fig 2a", in_every(below(0.0), "rho"), "falls")
NOISE = Clause("M03b", "mean sigma rises with c", "fig 2b", in_every(above(0.0), "rho"), "rises")
_SAID = "Accuracy falls and mean sigma rises with the cost multiplier c, for each rho"
M03 = Claim("M03", _SAID, MALKIN, (ACCURACY, NOISE))


@measures(M03, experiment="reliability")
def cost_multiplier(run: Run, context: Context) -> Findings:
    """Follow accuracy and noise over the range of c, for each kind of noise."""
    result = run.result
    for noise in NOISES:
        part, condition = result.sel(noise=noise), {"noise": noise}
        change = means_along(from_first_to_last_c(part.accuracy), "rho")
        words = "change of test accuracy from the smallest to the largest c"
        yield row(ACCURACY, change, words, condition=condition, along="rho")
        # A few synapses without effect rule the published average; the median they do not.
        for average, subject in (("rms", NOISE), ("median", M03)):
            slope = means_along(log_log_slope(part[f"sigma_{average}"], part.c), "rho")
            words = f"slope of log {average} sigma on log c"
            yield row(subject, slope, words, condition=condition, along="rho")
        size = part.mean_size.isel(multiplier=-1) / part.mean_size.isel(multiplier=0)
        words = "mean |mu|, the magnitude cost but for its factor: largest c over smallest"
        by_rho = means_along(size, "rho", "ratio")
        yield row(M03, by_rho, words, condition=condition, along="rho")
    yield from panels(run, "fig2a fig2b transient", M03, (9, 3.4))
    if result.sizes["epoch"] > 1:
        settled = result.sigma_by_epoch.isel(epoch=-1) / result.sigma_by_epoch.isel(epoch=-2)
        growth = 100 * float(settled.sel(noise="heterogeneous").max() - 1)
        yield f"In the last epoch mean sigma of the least settled unequal noise rose by {growth:.1f} %."


_clause = partial(Clause, criterion=in_every(above(0.0), "rho"), published="higher")
SAME_C = _clause("M04a", "more accurate at the same c", "fig 2a")
SAME_SIGMA = _clause("M04b", "more accurate at the same mean sigma", "fig 3a")
SAME_COST = _clause("M04c", "more accurate at the same reliability cost of all synapses", "fig 3c")
_SAID = (
    "Heterogeneous noise beats homogeneous noise: higher accuracy at the same c, at the same mean sigma, at "
    "the same reliability cost"
)
M04 = Claim("M04", _SAID, MALKIN, (SAME_C, SAME_SIGMA, SAME_COST))
_COMPARISONS: dict[str, tuple[Clause | Claim, str]] = {
    "c": (SAME_C, "c"),
    "sigma_rms": (SAME_SIGMA, "rms sigma"),
    "cost": (SAME_COST, "cost of all synapses"),
    "cost_at_rms": (M04, "cost of a synapse at rms sigma"),
}


@measures(M04, experiment="reliability")
def heterogeneous_noise(run: Run, context: Context) -> Findings:
    """Compare the accuracy of networks with one noise for each synapse and with one for all.

    Figure 3c of the paper takes the cost of one synapse at the rms sigma, which leaves out what unequal noise
    costs more (the cost is convex); the clause is judged by the cost of all synapses.
    """
    for variable, (subject, words) in _COMPARISONS.items():
        quantity = f"accuracy of heterogeneous minus homogeneous noise at the same {words}"
        reason = "mean over the sweep" if variable == "c" else "mean over the range that both share"
        ahead = means_along(advantage(run.result, variable), "rho")
        yield row(subject, ahead, quantity, along="rho", reason=reason)
    yield from panels(run, "fig3a fig3c fig3c-summed fig4", M04, (9, 3.4))


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


LOWER = Clause("M14a", "heterogeneous noise is lower on average", "fig 2b", in_every(below(1.0), "rho"))
SLIGHTLY = Clause(
    "M14b", "by less than a quarter (slightly)", "fig 2b", in_every(above(0.75), "rho"), "slightly, no number"
)
_SAID = "At a fixed c heterogeneous noise reduces the average noise, but only slightly"
_DEVIATION = (
    "After the published schedule noise of its own is 34 to 43 % lower on average, by whichever average."
)
M14 = Claim("M14", _SAID, MALKIN, (LOWER, SLIGHTLY), _DEVIATION)

_WORDS = "sigma of heterogeneous over homogeneous noise, geometric mean over c"
_CONVERGED: dict[str, Any] = {"formulation": "text", "n_epochs": 6, "noise_memory": 0.99, "noise_haste": 10.0}


@measures(M14, experiment="reliability")
def average_noise(run: Run, context: Context) -> Findings:
    """Compare the mean sigma of networks with one noise for each synapse and with one for all."""
    for average in ("rms", "mean", "median"):
        # The published average is the root mean square.
        subjects = (LOWER, SLIGHTLY) if average == "rms" else (M14,)
        estimates = means_along(_ratio(run.result[f"sigma_{average}"]), "rho", "ratio")
        words = f"{average} {_WORDS}"
        for subject in subjects:
            yield row(subject, estimates, words, along="rho")
    growth = means_along(growth_at_end(_ratio(run.result.sigma_by_epoch)), "rho", "ratio")
    yield row(M14, growth, f"rms {_WORDS}: growth in the last fifth of the epochs", along="rho")
    settled = result_beside(run, context, "reliability_converged", **_CONVERGED)
    if settled is not run:
        ratios = means_along(_ratio(settled.result.sigma_rms), "rho", "ratio")
        here = setting_of(settled.config, published_settings("reliability"))
        yield row(M14, ratios, f"rms {_WORDS}, once it has settled", along="rho", setting=here)


def _ratio(sigma: xr.DataArray) -> xr.DataArray:
    """Return what is left of homogeneous noise where each synapse has noise of its own."""
    ratio = sigma.sel(noise="heterogeneous") / sigma.sel(noise="homogeneous")
    return ratio.prod("multiplier") ** (1 / ratio.sizes["multiplier"])


# The text's learning rate and magnitude cost, outputs not rectified, at the published schedule.
_TEXT: dict[str, Any] = {"formulation": "text"}


@measures(M03, M04, M05, M14, experiment="reliability")
def variant_of_the_text(run: Run, context: Context) -> Findings:
    """Ask the main questions of figures 2 and 3 of networks trained as the text says."""
    beside = result_beside(run, context, "reliability_text", **_TEXT)
    if beside is run:
        return
    result, here = beside.result, setting_of(beside.config, published_settings("reliability"))
    unequal = result.sel(noise="heterogeneous")
    observed: dict[tuple[Claim, str], xr.DataArray] = {
        (M03, "test accuracy, largest c less smallest"): from_first_to_last_c(unequal.accuracy),
        (M03, "slope of log rms sigma on log c"): log_log_slope(unequal.sigma_rms, unequal.c),
        (M05, "slope of log cost on log rms sigma"): log_log_slope(unequal.cost, unequal.sigma_rms),
        (M14, f"rms {_WORDS}"): _ratio(result.sigma_rms),
    }
    for variable, (_, words) in _COMPARISONS.items():
        quantity = f"accuracy of heterogeneous minus homogeneous noise at the same {words}"
        observed[M04, quantity] = advantage(result, variable)
    for (claim, quantity), by_rho in observed.items():
        estimates = means_along(by_rho, "rho", "ratio" if claim is M14 else "plain")
        yield row(claim, estimates, quantity, along="rho", setting=here)


_m16_clause = partial(Clause, source="results, after fig 1")
M16_ACCURACY = _m16_clause("M16a", "accuracy falls with c", criterion=below(0.0))
M16_NOISE = _m16_clause("M16b", "mean sigma rises with c", criterion=above(1.0))
BETTER = _m16_clause("M16c", "heterogeneous noise is more accurate at the same c", criterion=above(0.0))
_SAID = "Several costs at once: likely not significantly different from each cost by itself"
M16 = Claim("M16", _SAID, MALKIN, (M16_ACCURACY, M16_NOISE, BETTER))


@measures(M16, experiment="reliability")
def several_costs(run: Run, context: Context) -> Findings:
    """Ask of networks that pay an equal share of four costs what figures 2 and 3 show of one cost."""
    if "mixture_accuracy" not in run.result:
        for clause in M16.clauses:
            yield not_run(clause, "this run of the experiment left these networks out")
        return
    names = {"mixture_accuracy": "accuracy", "mixture_sigma_rms": "sigma_rms"}
    mixture = run.result[list(names)].rename(names)
    estimate = partial(mean_of, unit="networks")
    for noise in NOISES:
        part, condition = mixture.sel(noise=noise), {"noise": noise}
        change = estimate(from_first_to_last_c(part.accuracy))
        words = "change of test accuracy from the smallest to the largest c"
        yield row(M16_ACCURACY, change, words, condition=condition)
        rise = part.sigma_rms.isel(multiplier=-1) / part.sigma_rms.isel(multiplier=0)
        words = "rms sigma, largest c over smallest"
        yield row(M16_NOISE, estimate(rise, "ratio"), words, condition=condition)
    words = "accuracy of heterogeneous minus homogeneous noise at the same c, mean over the sweep"
    yield row(BETTER, estimate(advantage(mixture)), words)
    yield from panels(run, "mixture", M16, (9, 3.4))


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


@measures(M06, experiment="signatures")
def variance_at_other_c(run: Run, context: Context) -> Findings:
    """Ask whether variance goes with importance at other c as at the published one, and rises with c."""
    from rate_models.experiments import bayesian_signatures as networks

    result = run.result
    if result.sizes["c_factor"] == 1:
        return
    other_c = result.sel(state="published", c_factor=result.c_factor[result.c_factor != 1]).correlation_all
    second = networks.signed(other_c).isel(layer=[1]).assign_coords(layer=[2])
    signs = means_along(second, ("predictor", "rho", "layer", "c_factor"), "correlation")
    yield row(OTHER_C, signs, "rank correlation, signed as published, least certain", along="case")
    steps = means_along(networks.growth_with_c(result), ("rho", "c_factor"), "ratio")
    words = "mean sigma at one c over that at the c ten times smaller"
    yield row(LEVEL, steps, words, along="case")
    yield from panels(run, "app6-fig2a app6-fig2b", M06, (9, 3.4))
