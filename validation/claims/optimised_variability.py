"""Measure how variability that a spiking neuron optimises goes with the rate of its inputs, four ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.optimal_precision import precision_slopes
from brianpresyn.experiments import optimal_variability
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering
from validation.claims.malkin2023.optimal_variance import regression_result
from validation.claims.over_seeds import SeedEstimate, seed_estimate
from validation.claims.recorded_variability import M07_MAIN, Slope, slope_of_variability
from validation.data.datastore import DataSetCorrupt, DataSetMissing
from validation.data.recordings import read_ko2013
from validation.registry import measures
from validation.runs import result_for

if TYPE_CHECKING:
    import xarray as xr

_MARGIN = 0.03
"""A slope whose interval lies this near to the analytic one agrees with it."""

_REMARKS = (
    "Each synapse of the spiking neuron measures what its own noise adds to the variance of the potential "
    "and takes a step down that plus its reliability cost; p and q follow at fixed n and mean. Nothing of "
    "the analytic optimum is used, so that the slopes are a test of it.",
    "In spikes every release has noise of its own, so that the importance of a synapse is its rate at all "
    "rates. Where one draw of the noise holds for as long as the neuron remembers, as in the rate models, "
    "importance is the mean of x², which grows as the square of high rates: there the slope is twice as "
    "steep (see the analytic rows for the regime of mean drive).",
    "The rate rendering is a linear unit trained by gradient descent on inputs of different strength; mean "
    "x² stands for the rate there.",
)


@measures("X08", rendering=Rendering.SPIKING, needs=("torch", "xarray"))
def optimised_variability(context: Context) -> Evidence:
    """Optimise the variance of release in a spiking neuron and in a rate unit, and compare the slopes."""
    spiking = result_for("optimal_variability", context).result
    rate = regression_result(context)
    slopes = {
        Rendering.SPIKING: _slopes_in_spikes(spiking),
        Rendering.RATE: _slopes_in_rates(rate),
    }
    measurements = [
        _measurement(rendering, mechanism, of, spiking)
        for rendering, by_mechanism in slopes.items()
        for mechanism, of in by_mechanism.items()
    ]
    recorded = _recorded_slope(context)
    caption = (
        "Left: variance per release that the synapses of a spiking neuron settle on, against the rate of "
        "their input (dots), and lines of the analytic slope. Right: slope of log variance on log rate for "
        "each cost: analytic, in a rate unit and in the spiking neuron with 95 % intervals"
        + (
            ", and the recorded slope with its interval (grey; variance at fixed mean, Ko et al. 2013)."
            if recorded
            else ". The recordings were not at hand."
        )
    )
    figure = _figure(spiking, slopes, recorded)
    return Evidence(tuple(measurements), (ClaimFigure(figure, caption, "X08"),), _REMARKS)


def _recorded_slope(context: Context) -> Slope | None:
    """Return the recorded slope, or None where there are no recordings."""
    try:
        recordings = read_ko2013()
    except (DataSetMissing, DataSetCorrupt):
        return None
    rng = np.random.default_rng(context.seed)
    return slope_of_variability(recordings, M07_MAIN, rng=rng, n_resamples=2000)


def _slopes_in_spikes(result: xr.Dataset) -> dict[str, SeedEstimate]:
    """Return the slope on log rate for each cost, over neurons."""
    return _slopes(result.rename(neuron="unit").sd, np.log(result.rate.to_numpy()))


def _slopes_in_rates(result: xr.Dataset) -> dict[str, SeedEstimate]:
    """Return the slope on log mean x^2 for each cost, over seeds."""
    sd = result.rename(seed="unit", synapse="input").sigma
    return _slopes(sd, np.log(result.power.to_numpy()))


def _slopes(sd: xr.DataArray, x: np.ndarray) -> dict[str, SeedEstimate]:
    found = {}
    for mechanism, rho in COST_EXPONENTS.items():
        log_variance = 2 * np.log(sd.sel(rho=rho, method="nearest").transpose("unit", "input").to_numpy())
        found[mechanism] = seed_estimate([np.polyfit(x, row, 1)[0] for row in log_variance])
    return found


def _measurement(rendering: Rendering, mechanism: str, of: SeedEstimate, result: xr.Dataset) -> Measurement:
    rho = COST_EXPONENTS[mechanism]
    expected = precision_slopes(rho).on_input_power
    if rendering is Rendering.SPIKING:
        inputs = f"{float(result.rate[0]):g} to {float(result.rate[-1]):g} Hz"
        over = f"neurons, which fire at {float(result.output_rate.mean()):.2g} Hz"
    else:
        inputs, over = "mean x² in place of the rate", "seeds of data and noise"
    return Measurement(
        "X08",
        rendering,
        "slope of log optimal variance on log presynaptic rate",
        of.mean,
        of.verdict_within(expected, _MARGIN),
        condition={
            "mechanism": mechanism,
            "rho": round(rho, 4),
            "regime": "shot noise",
            "inputs": inputs,
        },
        published=expected,
        interval=of.interval,
        n=of.n,
        reason=f"t interval over {over}; agrees if the interval lies within {_MARGIN} of the analytic slope",
    )


def _figure(
    result: xr.Dataset,
    slopes: Mapping[Rendering, Mapping[str, SeedEstimate]],
    recorded: Slope | None,
) -> Figure:
    figure = Figure((10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    optimal_variability.plot(result, left)
    _draw_slopes(right, slopes, recorded)
    return figure


def _draw_slopes(
    axes: Axes, slopes: Mapping[Rendering, Mapping[str, SeedEstimate]], recorded: Slope | None
) -> None:
    """Draw the slopes of every rendering, one group for each cost."""
    if recorded is not None:
        low, high = recorded.interval
        axes.axhspan(low, high, color="#999999", alpha=0.25, linewidth=0)
        axes.axhline(recorded.value, color="black", linestyle="--", linewidth=1, label="recorded")
    place = np.arange(len(COST_EXPONENTS))
    expected = [precision_slopes(rho).on_input_power for rho in COST_EXPONENTS.values()]
    axes.plot(place - 0.2, expected, "_", color="black", markersize=16, label="analytic")
    styles = {Rendering.RATE: ("s", 0.0), Rendering.SPIKING: ("o", 0.2)}
    for rendering, (marker, shift) in styles.items():
        for index, (mechanism, of) in enumerate(slopes[rendering].items()):
            low, high = of.interval
            axes.errorbar(
                index + shift,
                of.mean,
                [[of.mean - low], [high - of.mean]],
                marker=marker,
                color=MECHANISM_COLOURS[mechanism],
                capsize=4,
                linestyle="none",
                label=f"{rendering}, {of.n} {'neurons' if rendering is Rendering.SPIKING else 'seeds'}"
                if not index
                else None,
            )
    names = [f"{mechanism}\nρ = {rho:.3g}" for mechanism, rho in COST_EXPONENTS.items()]
    axes.set_xticks(place, names, fontsize=8)
    axes.set_ylabel("slope of log variance on log rate")
    axes.legend(fontsize=7, loc="lower right")
