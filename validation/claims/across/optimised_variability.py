"""X08: variability optimised under each cost, in a spiking neuron beside a rate unit."""

import numpy as np

from biophys.optimal_precision import slopes_over_units
from biophys.recordings.epsp_variability import MAIN
from brianpresyn.experiments.optimal_variability import draw_beside_rates
from validation.claims.malkin2023.optimal_variance import UNITS, recorded_slopes, slope_rows
from validation.criteria import equals, exact, in_every
from validation.data.datastore import at_hand
from validation.registry import Context, Findings, Run, claim_figure, measures
from validation.runs import result_for
from validation.statement import CROSS_CHECK, Claim, Rendering, analytic, spiking

_EXACTLY, _NEARLY = in_every(exact(1.0, 0.05), "cost"), in_every(equals(1.0, 0.05), "cost")
_COMPUTED = "computed for Poisson inputs at low rates, within 5 %"
RARE_SPIKES = analytic("X08a", _COMPUTED, CROSS_CHECK, _EXACTLY, "-2/(rho+2)")
_OPTIMISED = "optimised in a spiking neuron, within 5 %"
IN_SPIKES = spiking("X08b", _OPTIMISED, CROSS_CHECK, _NEARLY, "-2/(rho+2)", unit="neurons")
_SAID = (
    "Variability optimised under each cost in a spiking neuron with inputs of different rates: slope against "
    "the analytic -2/(rho+2) and the recorded slope; the cost exponent rho that the recordings imply"
)
X08 = Claim("X08", _SAID, CROSS_CHECK, (RARE_SPIKES, IN_SPIKES))
QUANTITY = "slope of log optimal variance on log presynaptic rate"


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
    of_rate = slopes_over_units(rate.sigma, np.log(rate.power), "synapse", UNITS)
    of_spiking = slopes_over_units(spiking.sd, np.log(spiking.rate), "input", "neurons")
    inputs = f"{float(spiking.rate[0]):g} to {float(spiking.rate[-1]):g} Hz", "mean x² in place of the rate"
    for form, slopes, words in zip(
        (Rendering.SPIKING, Rendering.RATE), (of_spiking, of_rate), inputs, strict=True
    ):
        about = {"rendering": form, "condition": {"inputs": words}}
        yield from slope_rows(IN_SPIKES, X08, slopes, "on_input_power", QUANTITY, **about)
    recorded = at_hand(lambda: recorded_slopes(context.seed, 2_000)[MAIN])
    shown = {"result": spiking, "slopes": {"rate": of_rate, "spiking": of_spiking}, "recorded": recorded}
    yield claim_figure(draw_beside_rates, "", (10, 4), "X08", **shown)
