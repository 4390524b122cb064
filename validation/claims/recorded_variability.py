"""Measure how recorded EPSP variability goes with presynaptic rate, and the cost exponent that implies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.optimal_precision import exponent_from_input_slope, precision_slopes
from biophys.units import magnitude_in
from validation.association import huber, least_squares, linear_fit, regression_slope, theil_sen
from validation.bootstrap import bootstrap
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.interval_verdicts import verdict_below
from validation.claims.readings import draw_readings
from validation.data.recordings import EpspRecordings, read_ko2013
from validation.estimates import Estimate
from validation.registry import measures

PUBLISHED_SLOPE = -0.62
"""Malkin et al. 2023, figure 6b, after Aitchison et al. 2021."""

AT_FIXED_MEAN = "variance at fixed mean"

# The power of the mean EPSP that the variance is divided by, and the root that is taken of the quotient.
NORMALISATIONS = {
    "variance": (0.0, 1.0),
    "variance / mean": (1.0, 1.0),
    "variance / mean^2": (2.0, 1.0),
    "coefficient of variation": (2.0, 0.5),
}
RESIDUAL = "residual of variance on mean"

# How the mean of x^2 in eq. 54b goes with the presynaptic rate: its power.
INPUT_POWERS = {"<x^2> grows as the rate": 1.0, "<x^2> grows as the rate squared": 2.0}


@dataclass(frozen=True)
class SlopeReading:
    """One definition of the log-log slope of variability on rate.

    Parameters
    ----------
    variability
        `AT_FIXED_MEAN` (the logarithm of the mean is a second regressor), `RESIDUAL` (it is regressed out
        first), or a key of `NORMALISATIONS`.
    rate
        ``"foopsi_mean"`` or ``"foopsi_threshold"``.
    fit
        ``"least squares"``, ``"Huber"`` or ``"Theil-Sen"`` (one regressor only).
    resampled
        What the bootstrap draws: ``"cells"`` or ``"connections"``.
    """

    variability: str = AT_FIXED_MEAN
    rate: str = "foopsi_mean"
    fit: str = "least squares"
    resampled: str = "cells"

    @property
    def label(self) -> str:
        """What distinguishes it, for a figure."""
        special = [self.fit] if self.fit != "least squares" else []
        special += ["connections drawn"] if self.resampled == "connections" else []
        return ", ".join([self.variability, self.rate, *special])


M07_MAIN = SlopeReading()
_ALL_VARIABILITIES = (AT_FIXED_MEAN, RESIDUAL, *NORMALISATIONS)
M07_OTHERS = (
    replace(M07_MAIN, resampled="connections"),
    replace(M07_MAIN, fit="Huber"),
    *(SlopeReading(variability) for variability in _ALL_VARIABILITIES[1:]),
    SlopeReading("variance / mean^2", fit="Theil-Sen"),
    *(SlopeReading(variability, "foopsi_threshold") for variability in _ALL_VARIABILITIES),
    SlopeReading(AT_FIXED_MEAN, "foopsi_threshold", "Huber"),
)


@dataclass(frozen=True, eq=False)
class Slope:
    """A slope under one reading, with its bootstrap distribution and the p-value of a plain t-test."""

    reading: SlopeReading
    estimate: Estimate
    p_value: float | None
    n: int

    @property
    def value(self) -> float:
        """The slope."""
        return self.estimate.value

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % bootstrap interval."""
        return self.estimate.interval or (np.nan, np.nan)

    @property
    def reason(self) -> str:
        """The test and the bootstrap, in words."""
        test = "" if self.p_value is None else f"t test p = {self.p_value:.2g}; "
        return f"{test}95 % BCa bootstrap over {self.estimate.n} {self.reading.resampled}"


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
    recordings: EpspRecordings,
    reading: SlopeReading,
    *,
    rng: np.random.Generator,
    n_resamples: int = 4000,
) -> Slope:
    """Return the log-log slope of variability on presynaptic rate under one reading of the two.

    Parameters
    ----------
    recordings
        The recorded connections.
    reading
        Which variability, which rate, which fit.
    rng
        Draws the bootstrap resamples.
    n_resamples
        Their number.

    Raises
    ------
    ValueError
        If a Theil-Sen fit is asked for with two regressors.
    """
    design, y = _Logarithms.of(recordings, reading.rate).design(reading)
    if reading.fit == "Theil-Sen" and design.shape[1] != 2:
        raise ValueError(f"a Theil-Sen fit has one regressor; {reading.variability!r} needs two")

    def statistic(weights: np.ndarray) -> np.ndarray:
        if reading.variability == RESIDUAL:
            return _slope_of_residuals(design, y, weights)
        if reading.fit == "Theil-Sen":
            return theil_sen(design[:, 1], y, weights)
        fit = huber if reading.fit == "Huber" else least_squares
        return fit(design, y, weights)[:, 1]

    clusters = recordings.cell if reading.resampled == "cells" else None
    estimate = bootstrap(statistic, len(y), clusters=clusters, rng=rng, n_resamples=n_resamples)
    is_plain = reading.fit == "least squares" and reading.variability != RESIDUAL
    p_value = float(linear_fit(design, y).p_values[1]) if is_plain else None
    return Slope(reading, estimate, p_value, len(y))


def _slope_of_residuals(design: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the slope on the rate of what a fit on the mean alone leaves of y, shape (m,)."""
    on_mean = design[:, [0, 2]]
    residuals = y - least_squares(on_mean, y, weights) @ on_mean.T
    return regression_slope(design[:, 1], residuals, weights)


@measures("M07", "X08", "M10", rendering=Rendering.RECORDED, data_sets=("ko2013",))
def variability_of_busy_inputs(context: Context) -> Evidence:
    """Regress EPSP variability on presynaptic rate and compare the slope with those of four costs."""
    recordings = read_ko2013()
    rng = np.random.default_rng(context.seed)
    n_resamples = 2_000 if context.is_quick else 20_000
    slopes = []
    for index, reading in enumerate((M07_MAIN, *M07_OTHERS)):
        context.report_progress(index / (len(M07_OTHERS) + 1), reading.label)
        slopes.append(slope_of_variability(recordings, reading, rng=rng, n_resamples=n_resamples))
    main, *others = slopes
    measurements = [_m07(main), *(_m07_supporting(found) for found in others)]
    measurements += _implied_exponents(slopes)
    measurements += [_nearest_cost(main, name) for name in INPUT_POWERS]
    figures = (
        ClaimFigure(_slopes_figure(recordings, main, others), _M07_CAPTION.format(n=main.n), "M07"),
        ClaimFigure(_exponent_figure(main), _X08_CAPTION, "X08"),
        ClaimFigure(_comparison_figure(recordings, main), _M10_CAPTION.format(n=main.n), "M10"),
    )
    return Evidence(tuple(measurements), figures, _REMARKS)


def _condition(reading: SlopeReading) -> dict[str, str]:
    return {
        "variability": reading.variability,
        "rate": reading.rate,
        "fit": reading.fit,
        "resampled": reading.resampled,
    }


def _m07(main: Slope) -> Measurement:
    """Return the published slope, measured again."""
    low, high = main.interval
    holds = low <= PUBLISHED_SLOPE <= high and high < 0
    return Measurement(
        "M07",
        Rendering.RECORDED,
        "log-log slope of EPSP variability on presynaptic rate",
        main.value,
        Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED,
        condition=_condition(main.reading),
        published=PUBLISHED_SLOPE,
        interval=(low, high),
        n=main.n,
        reason=f"{main.reason}; reproduced if the interval holds {PUBLISHED_SLOPE} and lies below zero",
    )


def _m07_supporting(found: Slope) -> Measurement:
    return Measurement(
        "M07",
        Rendering.RECORDED,
        "log-log slope of EPSP variability on presynaptic rate",
        found.value,
        verdict_below(found.interval),
        condition=_condition(found.reading),
        published="below 0",
        interval=found.interval,
        n=found.n,
        reason=found.reason,
        is_supporting=True,
    )


def _implied_exponents(slopes: Sequence[Slope]) -> list[Measurement]:
    """Return the cost exponent that each slope of a variance implies, the first slope as main measurement."""
    left_out = ("coefficient of variation", RESIDUAL, "Theil-Sen", "connections")
    chosen = [
        found
        for found in slopes
        if not {found.reading.variability, found.reading.fit, found.reading.resampled} & set(left_out)
    ]
    return [
        _implied_exponent(found, scaling, is_supporting=found is not slopes[0])
        for found in chosen
        for scaling in INPUT_POWERS
    ]


def implied_exponent(slope: float, input_power: float) -> float:
    r"""Return the cost exponent rho at which log sigma^2 falls with log rate by `slope`.

    .. math:: \log \sigma^2 = -\frac{2 k}{\rho + 2} \log \mathrm{rate} + \mathrm{const}

    where :math:`\langle x^2 \rangle` of eq. 54b grows as the rate to the power k.

    Parameters
    ----------
    slope
        Log-log slope of the variance on the rate.
    input_power
        The power k, above 0.

    Returns
    -------
    float
        Infinity for slopes that are not negative: no finite exponent makes variance independent of rate.

    References
    ----------
    Malkin et al. (2023), eq. 54b.

    Examples
    --------
    >>> implied_exponent(-0.5, 1.0), implied_exponent(-1.0, 2.0), implied_exponent(0.1, 1.0)
    (2.0, 2.0, inf)
    """
    return float(exponent_from_input_slope(slope / input_power)) if slope < 0 else float("inf")


def _analytic_slopes(scaling: str) -> dict[str, float]:
    """Return the slope of log sigma^2 on log rate that each cost predicts."""
    power = INPUT_POWERS[scaling]
    return {cost: power * precision_slopes(rho).on_input_power for cost, rho in COST_EXPONENTS.items()}


def _implied_exponent(found: Slope, scaling: str, *, is_supporting: bool) -> Measurement:
    power = INPUT_POWERS[scaling]
    low, high = found.interval
    consistent = [cost for cost, expected in _analytic_slopes(scaling).items() if low <= expected <= high]
    verdict = Verdict.REPRODUCED if consistent and high < 0 else Verdict.INCONCLUSIVE
    verdict = verdict if consistent else Verdict.NOT_REPRODUCED
    exponents = (implied_exponent(low, power), implied_exponent(high, power))
    return Measurement(
        "X08",
        Rendering.RECORDED,
        "cost exponent rho that the recorded slope implies",
        implied_exponent(found.value, power),
        verdict,
        condition={**_condition(found.reading), "supposed": scaling},
        published="one of 1/2, 2/3, 4/3, 2",
        interval=exponents,
        n=found.n,
        reason=f"slope {found.value:.3f} ({low:.2f} to {high:.2f}), rho {exponents[0]:.2g} to "
        f"{exponents[1]:.2g}; costs whose slope lies in the interval: {', '.join(consistent) or 'none'}",
        is_supporting=is_supporting,
    )


def _nearest_cost(main: Slope, scaling: str) -> Measurement:
    """Return how often the resampled slope lies nearest to that of the trafficking cost, rho = 2."""
    expected = _analytic_slopes(scaling)
    costs = list(expected)
    resampled: np.ndarray = main.estimate.ends.args[1]  # type: ignore[union-attr]
    distance = np.abs(resampled[:, None] - np.array(list(expected.values())))
    nearest = np.bincount(np.argmin(distance, axis=1), minlength=len(costs)) / len(distance)
    fraction = float(nearest[costs.index("trafficking")])
    at_value = min(expected, key=lambda cost: abs(expected[cost] - main.value))
    verdict = Verdict.REPRODUCED if fraction >= 0.95 else Verdict.INCONCLUSIVE
    shares = ", ".join(f"{cost} {share:.2f}" for cost, share in zip(costs, nearest, strict=True))
    return Measurement(
        "M10",
        Rendering.RECORDED,
        "share of resamples whose slope lies nearest to that of rho = 2",
        fraction,
        verdict if fraction > 0.05 else Verdict.NOT_REPRODUCED,
        condition={**_condition(main.reading), "supposed": scaling},
        published="nearest rho = 2",
        n=main.n,
        reason=f"the slope itself, {main.value:.3f}, is nearest to {at_value} "
        f"({expected[at_value]:.2f}); shares: {shares}; decided by 95 % of {len(distance)} resamples",
    )


_M07_CAPTION = (
    "Left: EPSP variance, brought to the geometric mean of the mean EPSP by the fitted power, against "
    "presynaptic rate (n = {n} connections, Ko et al. 2013); line: least squares. Right: the slope under "
    "every reading of variability, rate and fit, with 95 % BCa bootstrap intervals over cells; the dashed "
    "line is the published slope."
)
_X08_CAPTION = (
    "Cost exponent that a log-log slope of the variance on the rate implies, if the mean of x² grows as the "
    "rate or as its square. Grey: the recorded slope with its 95 % interval. Dotted: the exponents of the "
    "four costs."
)
_M10_CAPTION = (
    "Recorded variance at fixed mean (n = {n} connections) with its least-squares line (black) and lines of "
    "the slope that each cost predicts, through the centre of the data."
)
_REMARKS = (
    "The published slope is reproduced by the variance of the EPSP with its dependence on the mean EPSP "
    "regressed out jointly (log var on log rate and log mean), with the rate foopsi_mean and least squares. "
    "Regressing the mean out first gives -0.60, the coefficient of variation -0.61; no other reading rounds "
    "to -0.62. Variance without normalisation does not depend on the rate.",
    "All readings have the same sign, but their slopes lie between -0.2 and -2.2, depending on the "
    "normalisation and on which of the two rate estimates is used: a slope on a rate in undocumented units, "
    "which may be a power of the true rate, does not fix an exponent.",
    "Equation 54b is a slope on the mean of x². If spikes are rare and x counts them, that mean grows as the "
    "rate; the recorded slope then lies nearest to actin, rho = 4/3, with all four costs in its interval. "
    "Only if it grows as the square of the rate, as where x is the rate itself, is it nearest to rho = 2, as "
    "published.",
    "Error in the estimated rates draws the slope towards zero, and so the implied exponent upwards.",
    "Cells are inferred: connections with identical rate estimates are taken to share the presynaptic cell "
    "(112 cells for 136 connections).",
)


# Figures


def _variance_at_fixed_mean(recordings: EpspRecordings) -> tuple[np.ndarray, np.ndarray]:
    """Return rates in thousandths and variances in mV^2, brought to the geometric mean of the mean EPSP."""
    logs = _Logarithms.of(recordings, M07_MAIN.rate)
    power = linear_fit(*logs.design(M07_MAIN)).coefficients[2]
    return 1000 * np.exp(logs.rate), np.exp(logs.variance - power * (logs.mean - logs.mean.mean()))


def _draw_recorded(axes: Axes, recordings: EpspRecordings, slope: float) -> None:
    """Draw the connections and the line of the recorded slope."""
    rate, variance = _variance_at_fixed_mean(recordings)
    axes.loglog(rate, variance, "o", color="#999999", markersize=4)
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


def _slopes_figure(recordings: EpspRecordings, main: Slope, others: Sequence[Slope]) -> Figure:
    """Draw variance against rate, and the slope under every reading."""
    figure = Figure((10, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
    _draw_recorded(left, recordings, main.value)
    left.set_title(f"slope {main.value:.3f}, p = {main.p_value:.2g}", fontsize=10)
    found = {one.reading.label: (one.value, one.interval) for one in (main, *others)}
    draw_readings(right, found, PUBLISHED_SLOPE)
    right.set_xlabel("log-log slope on rate, 95 % interval")
    return figure


def _exponent_figure(main: Slope) -> Figure:
    """Draw the exponent that a slope implies, and where the recorded slope lies."""
    figure = Figure((6.5, 4), layout="constrained")
    axes = figure.subplots()
    slopes = np.linspace(-1.9, -0.12, 200)
    for (scaling, power), style in zip(INPUT_POWERS.items(), ("-", "--"), strict=True):
        exponents = [implied_exponent(slope, power) for slope in slopes]
        axes.plot(slopes, exponents, style, color="#0072B2", label=scaling)
    low, high = main.interval
    axes.axvspan(low, high, color="#999999", alpha=0.3)
    axes.axvline(main.value, color="black")
    for cost, rho in COST_EXPONENTS.items():
        axes.axhline(rho, color=MECHANISM_COLOURS[cost], linestyle=":", label=f"{cost}, rho = {rho:.2g}")
    axes.set_ylim(0, 10)
    axes.set(xlabel="log-log slope of variance on rate", ylabel="implied cost exponent rho")
    axes.legend(fontsize=8)
    return figure


def _comparison_figure(recordings: EpspRecordings, main: Slope) -> Figure:
    """Draw the recorded variances with the slope of each cost, under both scalings of the input."""
    figure = Figure((10, 4.2), layout="constrained")
    rate, variance = _variance_at_fixed_mean(recordings)
    for axes, scaling in zip(figure.subplots(1, 2, sharey=True), INPUT_POWERS, strict=True):
        _draw_recorded(axes, recordings, main.value)
        for cost, slope in _analytic_slopes(scaling).items():
            _draw_power_law(
                axes, rate, variance, slope, color=MECHANISM_COLOURS[cost], label=f"{cost}, slope {slope:.2f}"
            )
        axes.set_title(scaling.replace("^2", "²"), fontsize=10)
        axes.legend(fontsize=7)
    return figure
