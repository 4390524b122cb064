"""Figures of optimal precision: variance against importance, and its slope on the rate of the input."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import quantities as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.estimates import Estimate, exactly
from biophys.optimal_precision import ReliabilityCost, mean_square_drive, optimal_sd, precision_slopes
from biophys.palette import GREY

REGRESSORS = {
    "on_learning_rate": "learning rate",
    "on_input_power": "mean x^2",
    "on_posterior_variance": "posterior variance",
}
"""What the variance is drawn against, by the name of its slope in `PrecisionSlopes`."""


def plot_optimal_variance(
    figure: Figure, regressors: Mapping[str, np.ndarray], variance: Mapping[str, np.ndarray]
) -> None:
    """Draw the optimal variance of the synapses of a linear model under each cost, against measures of
    importance; lines: eq. 54.

    `regressors` are measures by their names in `REGRESSORS`, `variance` in mV^2 by the name of the cost, each
    (n_synapses,).
    """
    panels = figure.subplots(1, len(regressors), sharey=True, squeeze=False)[0]
    for axes, (name, x) in zip(panels, regressors.items(), strict=True):
        for mechanism, y in variance.items():
            expected = getattr(precision_slopes(COST_EXPONENTS[mechanism]), name)
            axes.loglog(x, y, ".", color=MECHANISM_COLOURS[mechanism], markersize=3)
            ends = np.array([x.min(), x.max()])
            line = np.exp(np.mean(np.log(y))) * (ends / np.exp(np.mean(np.log(x)))) ** expected
            label = f"{mechanism}, slope {expected:g}"
            axes.loglog(ends, line, color=MECHANISM_COLOURS[mechanism], linewidth=1, label=label)
        axes.set_xlabel(REGRESSORS[name])
        axes.legend(fontsize=6)
    panels[0].set_ylabel("optimal variance σ² (mV²)")


def optimal_variance_at(rate: pq.Quantity, rho: float, time_constant: pq.Quantity) -> np.ndarray:
    """Return the optimal variance in mV^2 of Poisson inputs of these rates under a cost of scale 0.1 mV."""
    importance = mean_square_drive(rate, time_constant) / pq.mV**2
    return optimal_sd(importance, ReliabilityCost(rho, 0.1 * pq.mV)).magnitude ** 2


def slopes_at(rate: pq.Quantity, time_constant: pq.Quantity) -> dict[str, Estimate]:
    """Return the slope of log optimal variance on log rate over Poisson inputs of these rates, by cost."""
    slopes = {}
    for mechanism, rho in COST_EXPONENTS.items():
        variance = optimal_variance_at(rate, rho, time_constant)
        slope = np.polyfit(np.log(rate.magnitude), np.log(variance), 1)[0]
        slopes[mechanism] = exactly(slope, n=rate.size, unit="computed rates")
    return slopes


def plot_slopes_by_cost(
    axes: Axes, slopes: Mapping[str, Mapping[str, Estimate]], recorded: Estimate | None
) -> None:
    """Draw the slopes of two renderings by their names and costs, the analytic ones, and a recorded one."""
    if recorded is not None:
        axes.axhspan(*(recorded.interval or (recorded.value,) * 2), color=GREY, alpha=0.25, linewidth=0)
        axes.axhline(recorded.value, color="black", linestyle="--", linewidth=1, label="recorded")
    x = np.arange(len(COST_EXPONENTS))
    theory = [precision_slopes(rho).on_input_power for rho in COST_EXPONENTS.values()]
    axes.plot(x - 0.2, theory, "_", color="black", markersize=16, label="analytic")
    for (rendering, means), (marker, shift) in zip(slopes.items(), (("s", 0.0), ("o", 0.2)), strict=True):
        for index, (mechanism, mean) in enumerate(means.items()):
            low, high = mean.interval or (mean.value, mean.value)
            label = f"{rendering}, {mean.n} {mean.unit}" if not index else None
            style: dict[str, Any] = {"fmt": marker, "color": MECHANISM_COLOURS[mechanism], "capsize": 4}
            ends = [[mean.value - low], [high - mean.value]]
            axes.errorbar(index + shift, mean.value, ends, label=label, **style)
    axes.set_xticks(x, [f"{m}\nρ = {rho:.3g}" for m, rho in COST_EXPONENTS.items()], fontsize=8)
    axes.set_ylabel("slope of log variance on log rate")
    axes.legend(fontsize=7, loc="lower right")


def plot_slopes_on_rate(figure: Figure, time_constant: pq.Quantity, recorded: float) -> None:
    """Draw the slope of log optimal variance on log rate for Poisson inputs seen through an exponential
    kernel: -2/(rho+2) at low rates, where mean x² grows as the rate, twice that at high rates, where it grows
    as the rate squared. Computed, not sampled.
    """
    axes, rate = figure.subplots(), np.geomspace(0.1, 1000, 200)
    for mechanism, rho in COST_EXPONENTS.items():
        variance = optimal_variance_at(rate * pq.Hz, rho, time_constant)
        slope = np.gradient(np.log(variance), np.log(rate))
        axes.semilogx(rate, slope, color=MECHANISM_COLOURS[mechanism], label=f"{mechanism}, ρ = {rho:.3g}")
    label = f"recorded (published), {recorded:.2f}".replace("-", "−")
    axes.axhline(recorded, color="black", linestyle="--", linewidth=1, label=label)
    axes.set(xlabel=f"presynaptic rate (Hz), kernel of {time_constant:g}", ylabel="d log σ² / d log rate")
    axes.legend(fontsize=7)
