"""Measure how the variance that synapses should have goes with the rate of Poisson inputs."""

from __future__ import annotations

import numpy as np
import quantities as pq
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.optimal_precision import (
    ReliabilityCost,
    optimal_sd,
    precision_slopes,
)
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.registry import measures

_ROUNDING = 1e-9
_SCALE = 0.1 * pq.mV


_TIME_CONSTANT = 10.0  # ms, of the exponential kernel through which inputs are seen


@measures("X08", rendering=Rendering.ANALYTIC)
def slopes_for_poisson_inputs(context: Context) -> Evidence:
    """Optimise the variance for Poisson inputs of different rates and fit its slope on the rate."""
    rate = np.geomspace(0.01, 0.3, 30)
    fast = np.geomspace(300, 3000, 30)
    measurements = []
    for mechanism, rho in COST_EXPONENTS.items():
        expected = precision_slopes(rho).on_input_power
        measurements.append(_rate_slope(mechanism, rho, rate, expected, "shot noise", is_supporting=False))
        measurements.append(_rate_slope(mechanism, rho, fast, 2 * expected, "mean drive", is_supporting=True))
    figure = Figure((6, 3.8))
    _plot_local_slopes(figure.subplots())
    figure.tight_layout()
    caption = (
        "Slope of log optimal variance on log rate for Poisson inputs seen through an exponential kernel of "
        "10 ms: -2/(rho+2) at low rates, where mean x² grows as the rate, twice that at high rates, where it "
        "grows as the rate squared. Computed, not sampled."
    )
    remark = (
        "Which of the two slopes applies depends on the presynaptic rate times the time constant. Cells that "
        "fire at a few hertz are in the first regime (mean x² within 10 % of proportional to the rate below "
        "5 Hz), where the published recorded slope of -0.62 implies rho = 1.23, nearest to actin's 4/3; in "
        "the second it would imply rho = 4.45."
    )
    return Evidence(tuple(measurements), (ClaimFigure(figure, caption),), (remark,))


def _mean_square_drive(rate_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return <x^2> of a Poisson input through the kernel exp(-t / tau), by Campbell's theorem."""
    events = rate_hz * _TIME_CONSTANT / 1000.0
    return events / 2.0 + events**2


def _optimal_variance(rate_hz: NDArray[np.float64], rho: float) -> NDArray[np.float64]:
    importance = _mean_square_drive(rate_hz) / pq.mV**2
    return optimal_sd(importance, ReliabilityCost(rho, _SCALE)).magnitude ** 2


def _rate_slope(
    mechanism: str,
    rho: float,
    rate_hz: NDArray[np.float64],
    expected: float,
    regime: str,
    *,
    is_supporting: bool,
) -> Measurement:
    """Return the slope over one range of rates against its limit."""
    slope = float(np.polyfit(np.log(rate_hz), np.log(_optimal_variance(rate_hz, rho)), 1)[0])
    local = np.diff(np.log(_optimal_variance(rate_hz, rho))) / np.diff(np.log(rate_hz))
    return Measurement(
        "X08",
        Rendering.ANALYTIC,
        "slope of log optimal variance on log presynaptic rate",
        slope,
        Verdict.REPRODUCED if abs(slope / expected - 1) < 0.05 else Verdict.NOT_REPRODUCED,
        condition={
            "mechanism": mechanism,
            "rho": round(rho, 4),
            "regime": regime,
            "rate": f"{rate_hz[0]:g} to {rate_hz[-1]:g} Hz",
        },
        published=expected,
        interval=(float(local.min()), float(local.max())),
        n=rate_hz.size,
        reason="interval: smallest and largest local slope; holds if within 5 % of the limit",
        is_supporting=is_supporting,
    )


def _plot_local_slopes(axes: Axes) -> None:
    rate = np.geomspace(0.1, 1000, 200)
    for mechanism, rho in COST_EXPONENTS.items():
        slope = np.gradient(np.log(_optimal_variance(rate, rho)), np.log(rate))
        axes.semilogx(rate, slope, color=MECHANISM_COLOURS[mechanism], label=f"{mechanism}, ρ = {rho:.3g}")
    axes.axhline(-0.62, color="black", linestyle="--", linewidth=1, label="recorded (published), −0.62")
    axes.set_xlabel("presynaptic rate (Hz)")
    axes.set_ylabel("d log σ² / d log rate")
    axes.legend(fontsize=7)
