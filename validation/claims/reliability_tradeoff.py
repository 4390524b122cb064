"""Measure what paying for reliability does to accuracy and noise, and what unequal noise is worth."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.association import linear_fit
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.interval_verdicts import verdict_above, verdict_below
from validation.claims.over_seeds import seed_estimate
from validation.claims.panels import drawn_panels
from validation.registry import measures
from validation.runs import result_for

_N_TEST = {"mnist": 10_000, "fashion_mnist": 10_000, "digits": 359}
_PANELS = {
    "fig2a": ("M03", "Test accuracy against the cost multiplier (figure 2a)."),
    "fig2b": ("M03", "Mean standard deviation against the cost multiplier (figure 2b)."),
    "transient": (
        "M03",
        "Mean standard deviation over the epochs: where it still rises, it has not settled.",
    ),
    "fig3a": ("M04", "Test accuracy against the mean standard deviation (figure 3a)."),
    "fig3c": (
        "M04",
        "Test accuracy against the cost of one synapse at the mean standard deviation (as figure 3c).",
    ),
    "fig3c-summed": ("M04", "The same against the cost that all synapses really have."),
    "fig4": ("M04", "Two synapses of different importance with equal and with optimised noise (figure 4)."),
    "fig3b": ("M05", "Summed reliability cost against the mean standard deviation (figure 3b)."),
    "mixture": ("M03", "Accuracy against mean sigma where a synapse pays all four costs at once."),
    "atp": (
        "M05",
        "Accuracy against the ATP that the reliability of all synapses would cost, realised as n, p, q.",
    ),
}


@measures("M03", "M04", "M05", rendering=Rendering.RATE, needs=("torch", "sklearn", "xarray"))
def reliability_tradeoff(context: Context) -> Evidence:
    """Train networks that pay c sigma^-rho per synapse, with one noise for all synapses or one for each."""
    return evidence_of(result_for("reliability", context).result)


def evidence_of(result: xr.Dataset) -> Evidence:
    """Return what a result of the reliability experiment says of M03, M04 and M05."""
    measurements: list[Measurement] = []
    for noise in ("heterogeneous", "homogeneous"):
        for rho in result.rho.values:
            part = result.sel(rho=rho, noise=noise)
            measurements += [_fall_of_accuracy(part)]
            measurements += [_rise_of_sigma(part, average) for average in _AVERAGES]
    for name in _COMPARISONS:
        measurements += _advantage(result, name)
    measurements += [_cost_of_equal_noise(result), _cost_falls(result), _excess_cost(result)]
    return Evidence(tuple(measurements), _figures(result), _remarks(result))


def training_condition(result: xr.Dataset, **more: str | float) -> dict[str, str | float]:
    """Return what distinguishes a training that pays for reliability, and what else is given."""
    shared = {
        "data": result.attrs["data_set"],
        "formulation": result.attrs["formulation"],
        "epochs": int(result.attrs["n_epochs"]),
    }
    return {**shared, **more}


def _fall_of_accuracy(part: xr.Dataset) -> Measurement:
    """Return how much accuracy is lost from the smallest to the largest c."""
    ends = part.accuracy.isel(multiplier=[0, -1]).transpose("multiplier", "seed").values
    change = ends[1] - ends[0]
    interval = _interval_of_differences(change, ends, part)
    return Measurement(
        "M03",
        Rendering.RATE,
        "change of test accuracy from the smallest to the largest c",
        float(np.mean(change)),
        verdict_below(interval),
        condition=_cell(part),
        published="< 0",
        interval=interval,
        n=len(change),
        reason=f"c from {float(part.c[0]):.3g} to {float(part.c[-1]):.3g}; {_interval_in_words(part)}",
        is_supporting=str(part.noise.values) == "homogeneous",
    )


_AVERAGES = {"sigma_rms": "rms", "sigma_median": "median"}
"""The published average of sigma, and one that a few synapses without effect do not rule."""


def _rise_of_sigma(part: xr.Dataset, average: str) -> Measurement:
    """Return the slope of log sigma on log c over the sweep."""
    log_c = np.repeat(np.log(part.c.values), part.sizes["seed"])
    log_sigma = np.log(part[average].transpose("multiplier", "seed").values).ravel()
    slope, interval = _slope(log_c, log_sigma)
    rho = float(part.rho)
    return Measurement(
        "M03",
        Rendering.RATE,
        f"slope of log {_AVERAGES[average]} sigma on log c",
        slope,
        verdict_above(interval),
        condition=_cell(part),
        published="> 0",
        interval=interval,
        n=len(log_c),
        reason=f"least squares over the sweep; {1 / (rho + 2):.2f} if the curvature stayed the same",
        is_supporting=str(part.noise.values) == "homogeneous" or average != "sigma_rms",
    )


def _cell(part: xr.Dataset) -> dict[str, str | float]:
    return training_condition(part, rho=round(float(part.rho), 3), noise=str(part.noise.values))


_COMPARISONS: dict[str, tuple[str | None, bool]] = {
    "the same c": (None, True),
    "the same rms sigma": ("sigma_rms", True),
    "the same cost of all synapses": ("cost", True),
    "the same cost of a synapse at rms sigma": ("cost_at_rms", False),
}
"""What is held the same, the variable it is, and whether the claim rests on it."""


def _advantage(result: xr.Dataset, name: str) -> list[Measurement]:
    """Return how much more accurate heterogeneous noise is: over all rho, and for each."""
    variable, is_main = _COMPARISONS[name]
    found = np.array(
        [
            [_mean_advantage(result.sel(rho=rho, seed=seed), variable) for seed in result.seed.values]
            for rho in result.rho.values
        ]
    )
    of_all = seed_estimate(found)
    overall = Measurement(
        "M04",
        Rendering.RATE,
        f"accuracy of heterogeneous minus homogeneous noise at {name}, mean over rho",
        of_all.mean,
        of_all.verdict_above(0.0),
        condition=training_condition(result),
        published="> 0",
        interval=of_all.interval,
        n=of_all.n,
        reason="mean over the range of both; t interval over rho and seeds, taken as independent",
        is_supporting=not is_main,
    )
    return [
        overall,
        *(_advantage_at(result, name, rho, row) for rho, row in zip(result.rho.values, found, strict=True)),
    ]


def _advantage_at(result: xr.Dataset, name: str, rho: float, values: NDArray[np.float64]) -> Measurement:
    """Return the advantage for one rho."""
    part = result.sel(rho=rho)
    ends = part.accuracy.transpose("multiplier", "noise", "seed").values.reshape(-1, part.sizes["seed"])
    interval = _interval_of_differences(values, ends, result, n_averaged=part.sizes["multiplier"])
    return Measurement(
        "M04",
        Rendering.RATE,
        f"accuracy of heterogeneous minus homogeneous noise at {name}",
        float(np.mean(values)),
        verdict_above(interval),
        condition=training_condition(result, rho=round(float(rho), 3)),
        published="> 0",
        interval=interval,
        n=len(values),
        reason=_interval_in_words(result),
        is_supporting=True,
    )


def _mean_advantage(part: xr.Dataset, variable: str | None) -> float:
    """Return the mean difference of accuracy at equal c, or over the range that both kinds of noise share."""
    accuracy = {noise: part.accuracy.sel(noise=noise).values for noise in ("heterogeneous", "homogeneous")}
    if variable is None:
        return float(np.mean(accuracy["heterogeneous"] - accuracy["homogeneous"]))
    x = {noise: np.log(part[variable].sel(noise=noise).values) for noise in accuracy}
    low, high = max(v.min() for v in x.values()), min(v.max() for v in x.values())
    if not low < high:
        return float("nan")
    grid = np.linspace(low, high, 50)
    curves = {}
    for noise, values in x.items():
        order = np.argsort(values)
        curves[noise] = np.interp(grid, values[order], accuracy[noise][order])
    return float(np.mean(curves["heterogeneous"] - curves["homogeneous"]))


def _cost_of_equal_noise(result: xr.Dataset) -> Measurement:
    """Return how far the slopes of log cost on log sigma of homogeneous noise are from -rho."""
    worst = 0.0
    for rho in result.rho.values:
        part = result.sel(rho=rho, noise="homogeneous")
        x, y = (np.log(part[name].values).ravel() for name in ("sigma_rms", "cost"))
        worst = max(worst, abs(np.polyfit(x, y, 1)[0] + rho))
    return Measurement(
        "M05",
        Rendering.RATE,
        "largest difference of the slope of log cost on log sigma from -rho, homogeneous noise",
        float(worst),
        Verdict.REPRODUCED if worst < 1e-3 else Verdict.NOT_REPRODUCED,
        condition=training_condition(result),
        published=0.0,
        n=result.sizes["rho"],
        reason="one sigma for all synapses: exact up to single precision if below 0.001",
    )


def _cost_falls(result: xr.Dataset) -> Measurement:
    """Return the flattest slope of log cost on log sigma of heterogeneous noise."""
    found = []
    for rho in result.rho.values:
        part = result.sel(rho=rho, noise="heterogeneous")
        found.append(_slope(*(np.log(part[name].values).ravel() for name in ("sigma_rms", "cost"))))
    slope, interval = max(found, key=lambda pair: pair[1][1])
    return Measurement(
        "M05",
        Rendering.RATE,
        "flattest slope over rho of log cost on log rms sigma, heterogeneous noise",
        slope,
        verdict_below(interval),
        condition=training_condition(result),
        published="< 0",
        interval=interval,
        n=result.sizes["multiplier"] * result.sizes["seed"],
        reason="least squares over the sweep",
    )


def _excess_cost(result: xr.Dataset) -> Measurement:
    """Return the summed cost of heterogeneous noise over that of equal noise with the same rms sigma."""
    ratio = result.cost / result.cost_at_rms
    excess = (ratio.sel(noise="heterogeneous") / ratio.sel(noise="homogeneous")).values
    low, high = float(excess.min()), float(excess.max())
    return Measurement(
        "M05",
        Rendering.RATE,
        "summed cost of heterogeneous noise over the published per-synapse cost at rms sigma, largest",
        high,
        Verdict.REPRODUCED if low > 1 - 1e-4 else Verdict.NOT_REPRODUCED,
        condition=training_condition(result),
        published="1.03 to 1.41 in the published results",
        interval=(low, high),
        n=excess.size,
        reason="range over the sweep, not a confidence interval; never below 1, because the cost is convex",
        is_supporting=True,
    )


def _interval_of_differences(
    differences: NDArray[np.float64], accuracies: NDArray[np.float64], result: xr.Dataset, n_averaged: int = 1
) -> tuple[float, float]:
    """Return Student's interval over seeds, or for one seed that of the sampling of test images."""
    if len(differences) > 1:
        return seed_estimate(differences).interval
    n_test = _N_TEST[result.attrs["data_set"]]
    variance = 2 * float(np.mean(accuracies * (1 - accuracies))) / n_test / n_averaged
    middle = float(differences[0])
    half = 1.96 * np.sqrt(max(variance, 1e-12))
    return middle - half, middle + half


def _interval_in_words(result: xr.Dataset) -> str:
    if result.sizes["seed"] > 1:
        return f"t interval over {result.sizes['seed']} seeds"
    return f"one seed: the interval is that of {_N_TEST[result.attrs['data_set']]} test images only"


def _slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, tuple[float, float]]:
    """Return a least-squares slope and its 95 % interval."""
    from scipy.stats import t as student_t

    fit = linear_fit(np.column_stack([np.ones(len(x)), x]), y)
    half = float(student_t.ppf(0.975, len(x) - 2)) * fit.standard_errors[1]
    return float(fit.coefficients[1]), (float(fit.coefficients[1] - half), float(fit.coefficients[1] + half))


def _figures(result: xr.Dataset) -> tuple[ClaimFigure, ...]:
    from rate_models.experiments.reliability_tradeoff import FIGURES

    return drawn_panels(FIGURES, result, _PANELS)


def _remarks(result: xr.Dataset) -> tuple[str, ...]:
    about_costs = (
        "Figure 3c of the paper takes the cost of one synapse at the rms sigma, which leaves out what "
        "unequal noise costs more (the cost is convex); the claim is judged by the cost of all synapses."
    )
    if result.sizes["epoch"] < 2:
        return (about_costs,)
    settled = result.sigma_by_epoch.isel(epoch=-1) / result.sigma_by_epoch.isel(epoch=-2)
    growth = 100 * float(settled.sel(noise="heterogeneous").max() - 1)
    about_noise = (
        f"In the last epoch mean sigma of the least settled heterogeneous network rose by {growth:.1f} %."
    )
    return about_noise, about_costs
