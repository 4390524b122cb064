"""Recorded variability of EPSPs against presynaptic rate, under every reading of the two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biophys.association import huber, least_squares, linear_fit, regression_slope, theil_sen
from biophys.bootstrap import bootstrap
from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.estimates import Estimate
from biophys.optimal_precision import implied_exponent, precision_slopes
from biophys.palette import BLUE, GREY
from biophys.recordings.readings import draw_readings
from biophys.recordings.recorded_connections import EpspRecordings
from biophys.units import magnitude_in

AT_FIXED_MEAN = "variance at fixed mean"

# The power of the mean EPSP that the variance is divided by, and the root that is taken of the quotient.
NORMALISATIONS = {
    "variance": (0.0, 1.0),
    "variance / mean": (1.0, 1.0),
    "variance / mean^2": (2.0, 1.0),
    "coefficient of variation": (2.0, 0.5),
}
RESIDUAL = "residual of variance on mean"


@dataclass(frozen=True)
class SlopeReading:
    """One definition of the log-log slope of variability on rate."""

    variability: str = AT_FIXED_MEAN  # or `RESIDUAL` of it on the mean, or a key of `NORMALISATIONS`
    rate: str = "foopsi_mean"  # or "foopsi_threshold"
    fit: str = "least squares"  # "Huber", or with one regressor "Theil-Sen"
    resampled: str = "cells"  # what the bootstrap draws: "cells" or "connections"

    @property
    def condition(self) -> dict[str, str]:
        """What tells its row from those of other readings."""
        return asdict(self)

    @property
    def label(self) -> str:
        """What distinguishes it, for a figure."""
        special = [self.fit] if self.fit != "least squares" else []
        special += ["connections drawn"] if self.resampled == "connections" else []
        return ", ".join([self.variability, self.rate, *special])


MAIN = SlopeReading()
"""The reading that gives the published slope: chosen among all after they were computed."""

_NORMALISED_OTHERWISE = (RESIDUAL, *NORMALISATIONS)
READINGS = (
    MAIN,
    replace(MAIN, resampled="connections"),
    replace(MAIN, fit="Huber"),
    *(SlopeReading(variability) for variability in _NORMALISED_OTHERWISE),
    SlopeReading("variance / mean^2", fit="Theil-Sen"),
    *(
        SlopeReading(variability, "foopsi_threshold")
        for variability in (AT_FIXED_MEAN, *_NORMALISED_OTHERWISE)
    ),
    SlopeReading(AT_FIXED_MEAN, "foopsi_threshold", "Huber"),
)
"""Every definition of the slope that was tried."""


@dataclass(frozen=True, eq=False)
class _Logarithms:
    """Natural logarithms of what was recorded, each of shape (n,), in mV, mV^2 and the file's rate units."""

    mean: np.ndarray
    variance: np.ndarray
    rate: np.ndarray

    @classmethod
    def of(cls, recordings: EpspRecordings, rate: str) -> _Logarithms:
        values = {"foopsi_mean": recordings.rate_mean, "foopsi_threshold": recordings.rate_threshold}
        mean = magnitude_in(recordings.mean, recordings.mean.units)
        return cls(np.log(mean), np.log(np.asarray(recordings.variance.magnitude)), np.log(values[rate]))

    def design(self, reading: SlopeReading) -> tuple[np.ndarray, np.ndarray]:
        """Return the regressors (constant, rate, perhaps mean) and what they explain."""
        ones = np.ones(len(self.mean))
        if reading.variability in (AT_FIXED_MEAN, RESIDUAL):
            return np.column_stack([ones, self.rate, self.mean]), self.variance
        power, factor = NORMALISATIONS[reading.variability]
        return np.column_stack([ones, self.rate]), factor * (self.variance - power * self.mean)


def slope_of_variability(
    recordings: EpspRecordings, reading: SlopeReading, *, rng: np.random.Generator, n_resamples: int = 4000
) -> Estimate:
    """Return the log-log slope of variability on presynaptic rate under one reading of the two.

    Its interval is the bootstrap's; the p-value, of a plain fit, that of a t-test of the connections. Raises
    ValueError for a Theil-Sen fit with two regressors.
    """
    design, y = _Logarithms.of(recordings, reading.rate).design(reading)
    if reading.fit == "Theil-Sen" and design.shape[1] != 2:
        raise ValueError(f"a Theil-Sen fit has one regressor; {reading.variability!r} needs two")

    def statistic(weights: np.ndarray) -> np.ndarray:
        if reading.variability == RESIDUAL:
            # On the rate, of what a fit on the mean alone leaves of y.
            on_mean = design[:, [0, 2]]
            residuals = y - least_squares(on_mean, y, weights) @ on_mean.T
            return regression_slope(design[:, 1], residuals, weights)
        if reading.fit == "Theil-Sen":
            return theil_sen(design[:, 1], y, weights)
        fit = huber if reading.fit == "Huber" else least_squares
        return fit(design, y, weights)[:, 1]

    unit, clusters = reading.resampled, recordings.cell if reading.resampled == "cells" else None
    estimate = bootstrap(statistic, len(y), clusters=clusters, rng=rng, n_resamples=n_resamples, unit=unit)
    how, p = f"{len(y)} connections", None
    if reading.fit == "least squares" and reading.variability != RESIDUAL:
        p = float(linear_fit(design, y).p_values[1])
        how += f"; t test of the connections p = {p:.2g}"
    return replace(estimate, p=p, how=how)


def slopes_under(
    recordings: EpspRecordings, readings: Iterable[SlopeReading], rng: np.random.Generator, n_resamples: int
) -> dict[SlopeReading, Estimate]:
    """Return the slope under each of several readings, in their order."""
    drawn: dict[str, Any] = {"rng": rng, "n_resamples": n_resamples}
    return {reading: slope_of_variability(recordings, reading, **drawn) for reading in readings}


INPUT_POWERS = {"<x^2> grows as the rate": 1.0, "<x^2> grows as the rate squared": 2.0}
"""How the mean of x^2 in eq. 54b goes with the presynaptic rate: its power."""


def analytic_slopes(scaling: str) -> dict[str, float]:
    """Return the slope of log sigma^2 on log rate that each cost predicts, under a key of `INPUT_POWERS`."""
    power = INPUT_POWERS[scaling]
    return {cost: power * precision_slopes(rho).on_input_power for cost, rho in COST_EXPONENTS.items()}


# ---- figures ----


def _variance_at_fixed_mean(recordings: EpspRecordings) -> tuple[np.ndarray, np.ndarray]:
    """Return rates in thousandths and variances in mV^2, brought to the geometric mean of the mean EPSP."""
    logs = _Logarithms.of(recordings, MAIN.rate)
    power = linear_fit(*logs.design(MAIN)).coefficients[2]
    return 1000 * np.exp(logs.rate), np.exp(logs.variance - power * (logs.mean - logs.mean.mean()))


def _draw_recorded(axes: Axes, recordings: EpspRecordings, slope: float) -> None:
    """Draw the connections and the line of the recorded slope."""
    rate, variance = _variance_at_fixed_mean(recordings)
    axes.loglog(rate, variance, "o", color=GREY, markersize=4)
    _draw_power_law(axes, rate, variance, slope, color="black", label=f"recorded, slope {slope:.2f}")
    ticks = [1.5, 2, 3, 4, 5]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("presynaptic rate, foopsi_mean (0.001 arb. units)")
    axes.set_ylabel("EPSP variance at fixed mean (mV²)")


def _draw_power_law(axes: Axes, x: np.ndarray, y: np.ndarray, slope: float, **style: Any) -> None:
    """Draw a line of the given log-log slope through the centre of the points."""
    ends = np.array([x.min(), x.max()])
    centre = np.log(y).mean() + slope * (np.log(ends) - np.log(x).mean())
    axes.plot(ends, np.exp(centre), **style)


def draw_slopes(
    figure: Figure, recordings: EpspRecordings, slopes: Mapping[SlopeReading, Estimate], published: float
) -> None:
    """Left: EPSP variance, brought to the geometric mean of the mean EPSP by the fitted power, against
    presynaptic rate (Ko et al. 2013); line: least squares. Right: the slope under every reading of
    variability, rate and fit, with 95 % BCa bootstrap intervals over cells; the dashed line is the published
    slope.
    """
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    main = slopes[MAIN]
    _draw_recorded(left, recordings, main.value)
    n = len(recordings)
    left.set_title(f"slope {main.value:.3f}, p = {main.p:.2g}, n = {n} connections", fontsize=10)
    draw_readings(right, {reading.label: slope for reading, slope in slopes.items()}, published)
    right.set_xlabel("log-log slope on rate, 95 % interval")


def draw_costs(figure: Figure, recordings: EpspRecordings, recorded: float) -> None:
    """Draw the recorded variance at fixed mean with its least-squares line (black) and lines of the slope
    that each cost predicts, through the centre of the data.
    """
    rate, variance = _variance_at_fixed_mean(recordings)
    for axes, scaling in zip(figure.subplots(1, 2, sharey=True), INPUT_POWERS, strict=True):
        _draw_recorded(axes, recordings, recorded)
        for cost, slope in analytic_slopes(scaling).items():
            _draw_power_law(
                axes, rate, variance, slope, color=MECHANISM_COLOURS[cost], label=f"{cost}, slope {slope:.2f}"
            )
        axes.set_title(f"{scaling.replace('^2', '²')}, n = {len(recordings)} connections", fontsize=10)
        axes.legend(fontsize=7)


def draw_exponent(figure: Figure, recorded: Estimate) -> None:
    """Draw the cost exponent that a log-log slope of the variance on the rate implies, if the mean of x²
    grows as the rate or as its square. Grey: the recorded slope with its 95 % interval. Dotted: exponents of
    the four costs.
    """
    axes = figure.subplots()
    slopes = np.linspace(-1.9, -0.12, 200)
    for (scaling, power), style in zip(INPUT_POWERS.items(), ("-", "--"), strict=True):
        exponents = [implied_exponent(slope, power) for slope in slopes]
        axes.plot(slopes, exponents, style, color=BLUE, label=scaling)
    axes.axvspan(*(recorded.interval or (recorded.value,) * 2), color=GREY, alpha=0.3)
    axes.axvline(recorded.value, color="black")
    for cost, rho in COST_EXPONENTS.items():
        axes.axhline(rho, color=MECHANISM_COLOURS[cost], linestyle=":", label=f"{cost}, rho = {rho:.2g}")
    axes.set(ylim=(0, 10), xlabel="log-log slope of variance on rate", ylabel="implied cost exponent rho")
    axes.legend(fontsize=8)
