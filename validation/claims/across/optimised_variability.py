"""X08: how variability that synapses optimise goes with the rate of their inputs."""

from functools import partial
from typing import Any

import numpy as np
import quantities as pq

from biophys.optimal_precision import slopes_over_units
from biophys.precision_plots import plot_slopes_on_rate, slopes_at
from biophys.recordings.epsp_variability import MAIN
from brianpresyn.experiments import optimal_variability
from validation.claims.malkin2023.optimal_variance import slope_rows
from validation.claims.malkin2023.regression_unit import UNITS
from validation.claims.malkin2023.variability_and_rate import PUBLISHED_SLOPE, recorded_slopes
from validation.criteria import equals, exact, in_every
from validation.data.datastore import DataSetCorrupt, DataSetMissing
from validation.registry import Context, Findings, Run, claim_figure, measures
from validation.runs import result_for
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, analytic, spiking

_EXACTLY, _NEARLY = in_every(exact(1.0, 0.05), "cost"), in_every(equals(1.0, 0.05), "cost")
_COMPUTED = "computed for Poisson inputs at low rates, within 5 %"
RARE_SPIKES = analytic("X08a", _COMPUTED, CROSS_CHECK, _EXACTLY, "-2/(rho+2)")
_OPTIMISED = "optimised in a spiking neuron, within 5 %"
IN_SPIKES = spiking("X08b", _OPTIMISED, CROSS_CHECK, _NEARLY, "-2/(rho+2)", unit="neurons")
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
    """Optimise the variance for Poisson inputs of different rates and fit its slope on the rate.

    Which of the two slopes applies depends on the presynaptic rate times the time constant. Cells that fire
    at a few hertz are in the first regime (mean x² within 10 % of proportional to the rate below 5 Hz), where
    the published recorded slope of -0.62 implies rho = 1.23, nearest to actin's 4/3; in the second it would
    imply rho = 4.45.
    """
    regimes: dict[str, tuple[Clause | Claim, np.ndarray]] = {
        "shot noise": (RARE_SPIKES, np.geomspace(0.01, 0.3, 30)),
        "mean drive": (X08, np.geomspace(300, 3000, 30)),
    }
    for regime, (clause, rate) in regimes.items():
        slopes = slopes_at(rate * pq.Hz, _KERNEL)
        about = {"regime": regime, "rate": f"{rate[0]:g} to {rate[-1]:g} Hz"}
        yield from slope_rows(clause, X08, slopes, "on_input_power", _QUANTITY, condition=about)
    caption = (
        "Slope of log optimal variance on log rate for Poisson inputs seen through an exponential kernel of "
        "10 ms: -2/(rho+2) at low rates, where mean x² grows as the rate, twice that at high rates, where it "
        "grows as the rate squared. Computed, not sampled."
    )
    yield claim_figure(partial(plot_slopes_on_rate, time_constant=_KERNEL, recorded=PUBLISHED_SLOPE), caption)


@measures(X08, rendering=Rendering.SPIKING, needs=("torch", "xarray"), experiment="optimal_variability")
def optimised_variability(run: Run, context: Context) -> Findings:
    """Optimise the variance of release in a spiking neuron and in a rate unit, and compare the slopes.

    Each synapse of the spiking neuron measures what its own noise adds to the variance of the potential and
    takes a step down that plus its reliability cost; p and q follow at fixed n and mean. Nothing of the
    analytic optimum is used, so that the slopes are a test of it.

    In spikes every release has noise of its own, so that the importance of a synapse is its rate at all
    rates. Where one draw of the noise holds for as long as the neuron remembers, as in the rate models,
    importance is the mean of x², which grows as the square of high rates: there the slope is twice as steep
    (see the analytic rows for the regime of mean drive).
    """
    spiking, rate = run.result, result_for("linear", context).result
    # Mean x^2 stands for the rate of the inputs of a rate unit.
    slopes = {
        Rendering.SPIKING: slopes_over_units(spiking.sd, np.log(spiking.rate), "input", "neurons"),
        Rendering.RATE: slopes_over_units(rate.sigma, np.log(rate.power), "synapse", UNITS),
    }
    rates = f"{float(spiking.rate[0]):g} to {float(spiking.rate[-1]):g} Hz"
    inputs = {Rendering.SPIKING: rates, Rendering.RATE: "mean x² in place of the rate"}
    for form, by_cost in slopes.items():
        about: dict[str, Any] = {"rendering": form, "condition": {"inputs": inputs[form]}}
        yield from slope_rows(IN_SPIKES, X08, by_cost, "on_input_power", _QUANTITY, **about)
    by_name = {str(form): slopes[form] for form in (Rendering.RATE, Rendering.SPIKING)}
    try:
        recorded = recorded_slopes(context.seed, 2_000)[MAIN]
    except (DataSetMissing, DataSetCorrupt):
        recorded = None
    grey = "and the recorded slope with its interval (grey; variance at fixed mean, Ko et al. 2013)"
    caption = (
        "Left: variance per release that the synapses of a spiking neuron settle on, against the rate of "
        "their input (dots), and lines of the analytic slope. Right: slope of log variance on log rate for "
        "each cost: analytic, in a rate unit and in the spiking neuron with 95 % intervals"
        f"{'. The recordings were not at hand' if recorded is None else f', {grey}'}."
    )
    draw = partial(optimal_variability.draw_beside_rates, result=spiking, slopes=by_name, recorded=recorded)
    yield claim_figure(draw, caption, (10, 4), "X08")
