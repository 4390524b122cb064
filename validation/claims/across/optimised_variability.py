"""X08: how variability that synapses optimise goes with the rate of their inputs."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import quantities as pq
import xarray as xr
from matplotlib.figure import Figure

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.estimates import Estimate, exactly, transformed
from biophys.optimal_precision import implied_exponent, precision_slopes
from biophys.palette import GREY
from biophys.precision_plots import optimal_variance_at, plot_slopes_on_rate
from biophys.recordings.epsp_variability import INPUT_POWERS, MAIN, RESIDUAL, exponent_figure
from brianpresyn.experiments import optimal_variability
from validation.claims.malkin2023.optimal_variance import UNITS, slope_rows, slopes_of_units
from validation.claims.malkin2023.variability_and_rate import PUBLISHED_SLOPE, recorded_slopes
from validation.criteria import equals, exact, in_every
from validation.data.datastore import DataSetCorrupt, DataSetMissing
from validation.registry import ClaimFigure, Context, Findings, Run, claim_figure, measures
from validation.runs import result_for
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, row

_clause = partial(Clause, source=CROSS_CHECK, published="-2/(rho+2)")
RARE_SPIKES = _clause(
    "X08a",
    "computed for Poisson inputs at low rates, within 5 %",
    criterion=in_every(exact(1.0, 0.05), "cost"),
    rendering=Rendering.ANALYTIC,
)
IN_SPIKES = _clause(
    "X08b",
    "optimised in a spiking neuron, within 5 %",
    criterion=in_every(equals(1.0, 0.05), "cost"),
    unit="neurons",
    rendering=Rendering.SPIKING,
)
X08 = Claim(
    "X08",
    "Variability optimised under each cost in a spiking neuron with inputs of different rates: slope against "
    "the analytic -2/(rho+2) and the recorded slope; the cost exponent rho that the recordings imply",
    CROSS_CHECK,
    (RARE_SPIKES, IN_SPIKES),
)
_QUANTITY = "slope of log optimal variance on log presynaptic rate"
_KERNEL = 10.0 * pq.ms
"""Time constant of the exponential kernel through which inputs are seen."""


@measures(X08)
def slopes_for_poisson_inputs(context: Context) -> Findings:
    """Optimise the variance for Poisson inputs of different rates and fit its slope on the rate."""
    regimes: dict[str, tuple[Clause | Claim, np.ndarray]] = {
        "shot noise": (RARE_SPIKES, np.geomspace(0.01, 0.3, 30)),
        "mean drive": (X08, np.geomspace(300, 3000, 30)),
    }
    for regime, (clause, rate) in regimes.items():
        slopes = {}
        for mechanism, rho in COST_EXPONENTS.items():
            variance = optimal_variance_at(rate * pq.Hz, rho, _KERNEL)
            slope = np.polyfit(np.log(rate), np.log(variance), 1)[0]
            slopes[mechanism] = exactly(slope, n=rate.size, unit="computed rates")
        about = {"regime": regime, "rate": f"{rate[0]:g} to {rate[-1]:g} Hz"}
        yield from slope_rows(clause, X08, slopes, "on_input_power", _QUANTITY, condition=about)
    caption = (
        "Slope of log optimal variance on log rate for Poisson inputs seen through an exponential kernel of "
        "10 ms: -2/(rho+2) at low rates, where mean x² grows as the rate, twice that at high rates, where it "
        "grows as the rate squared. Computed, not sampled."
    )
    yield claim_figure(partial(plot_slopes_on_rate, time_constant=_KERNEL, recorded=PUBLISHED_SLOPE), caption)
    yield (
        "Which of the two slopes applies depends on the presynaptic rate times the time constant. Cells that "
        "fire at a few hertz are in the first regime (mean x² within 10 % of proportional to the rate below "
        "5 Hz), where the published recorded slope of -0.62 implies rho = 1.23, nearest to actin's 4/3; in "
        "the second it would imply rho = 4.45."
    )


@measures(X08, rendering=Rendering.SPIKING, needs=("torch", "xarray"), experiment="optimal_variability")
def optimised_variability(run: Run, context: Context) -> Findings:
    """Optimise the variance of release in a spiking neuron and in a rate unit, and compare the slopes."""
    spiking, rate = run.result, result_for("linear", context).result
    # Mean x^2 stands for the rate of the inputs of a rate unit.
    slopes = {
        Rendering.SPIKING: slopes_of_units(spiking.sd, np.log(spiking.rate), "input", "neurons"),
        Rendering.RATE: slopes_of_units(rate.sigma, np.log(rate.power), "synapse", UNITS),
    }
    rates = f"{float(spiking.rate[0]):g} to {float(spiking.rate[-1]):g} Hz"
    inputs = {Rendering.SPIKING: rates, Rendering.RATE: "mean x² in place of the rate"}
    for form, by_cost in slopes.items():
        about: dict[str, Any] = {"rendering": form, "condition": {"inputs": inputs[form]}}
        yield from slope_rows(IN_SPIKES, X08, by_cost, "on_input_power", _QUANTITY, **about)
    try:
        recorded = recorded_slopes(context.seed, 2_000)[MAIN]
    except (DataSetMissing, DataSetCorrupt):
        recorded = None
    caption = (
        "Left: variance per release that the synapses of a spiking neuron settle on, against the rate of "
        "their input (dots), and lines of the analytic slope. Right: slope of log variance on log rate for "
        "each cost: analytic, in a rate unit and in the spiking neuron with 95 % intervals"
        f"{_WITHOUT if recorded is None else _WITH}"
    )
    draw = partial(_draw, spiking=spiking, means=slopes, recorded=recorded)
    yield claim_figure(draw, caption, (10, 4), "X08")
    yield from _REMARKS


_WITHOUT = ". The recordings were not at hand."
_WITH = ", and the recorded slope with its interval (grey; variance at fixed mean, Ko et al. 2013)."


def _draw(
    figure: Figure,
    spiking: xr.Dataset,
    means: Mapping[Rendering, Mapping[str, Estimate]],
    recorded: Estimate | None,
) -> None:
    """Draw the variances in spikes, and the slopes of every rendering, one group for each cost."""
    left, axes = figure.subplots(1, 2, width_ratios=(1, 1.2))
    optimal_variability.plot(spiking, left)
    if recorded is not None:
        axes.axhspan(*(recorded.interval or (recorded.value,) * 2), color=GREY, alpha=0.25, linewidth=0)
        axes.axhline(recorded.value, color="black", linestyle="--", linewidth=1, label="recorded")
    x = np.arange(len(COST_EXPONENTS))
    theory = [precision_slopes(rho).on_input_power for rho in COST_EXPONENTS.values()]
    axes.plot(x - 0.2, theory, "_", color="black", markersize=16, label="analytic")
    styles = {Rendering.RATE: ("s", 0.0), Rendering.SPIKING: ("o", 0.2)}
    for rendering, (marker, shift) in styles.items():
        for index, (mechanism, mean) in enumerate(means[rendering].items()):
            low, high = mean.interval or (mean.value, mean.value)
            label = f"{rendering}, {mean.n} {mean.unit}" if not index else None
            style: dict[str, Any] = {"fmt": marker, "color": MECHANISM_COLOURS[mechanism], "capsize": 4}
            ends = [[mean.value - low], [high - mean.value]]
            axes.errorbar(index + shift, mean.value, ends, label=label, **style)
    axes.set_xticks(x, [f"{m}\nρ = {rho:.3g}" for m, rho in COST_EXPONENTS.items()], fontsize=8)
    axes.set_ylabel("slope of log variance on log rate")
    axes.legend(fontsize=7, loc="lower right")


_REMARKS = (
    "Each synapse of the spiking neuron measures what its own noise adds to the variance of the potential "
    "and takes a step down that plus its reliability cost; p and q follow at fixed n and mean. Nothing of "
    "the analytic optimum is used, so that the slopes are a test of it.",
    "In spikes every release has noise of its own, so that the importance of a synapse is its rate at all "
    "rates. Where one draw of the noise holds for as long as the neuron remembers, as in the rate models, "
    "importance is the mean of x², which grows as the square of high rates: there the slope is twice as "
    "steep (see the analytic rows for the regime of mean drive).",
)


@measures(X08, rendering=Rendering.RECORDED, data_sets=("ko2013",))
def recorded_exponents(context: Context) -> Findings:
    """Work out the cost exponent that each recorded slope of a variance implies."""
    slopes = recorded_slopes(context.seed, 2_000 if context.is_quick else 20_000)
    left_out = {"coefficient of variation", RESIDUAL, "Theil-Sen", "connections"}
    for reading, slope in slopes.items():
        if left_out & {reading.variability, reading.fit, reading.resampled}:
            continue
        how = f"slope {slope.value:.3f}; {slope.how}"
        for scaling, power in INPUT_POWERS.items():
            quantity = "cost exponent rho that the recorded slope implies"
            condition = {**reading.condition, "supposed": scaling}
            estimate = transformed(slope, partial(implied_exponent, input_power=power), how)
            yield row(X08, estimate, quantity, condition=condition, published="1/2, 2/3, 4/3 or 2")
    caption = (
        "Cost exponent that a log-log slope of the variance on the rate implies, if the mean of x² grows as "
        "the rate or as its square. Grey: the recorded slope with its 95 % interval. Dotted: exponents "
        "of the four costs."
    )
    yield ClaimFigure(exponent_figure(slopes[MAIN]), caption)
