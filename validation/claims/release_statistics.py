"""Measure the moments and the failures of release in Brian2 on every code generation target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from scipy import stats

from biophys.quantal import QuantalSynapse
from brianpresyn.experiments import release_statistics
from brianpresyn.targets import TARGETS, run_each_in_its_process
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.malkin2023.quantal_moments import sampling_errors
from validation.registry import measures

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_COLOURS = {"numpy": "#0072B2", "cython": "#E69F00", "cpp_standalone": "#009E73"}
# A family of true statements fails below this once in a thousand reports.
_SMALLEST_FAMILY_P = 1e-3


@dataclass(frozen=True)
class Comparison:
    """One measured moment against its formula."""

    quantity: str
    measured: float
    expected: float
    interval: tuple[float, float]
    p_value: float
    n_events: int
    condition: dict[str, str | int | float]


@measures("X01", "M01", rendering=Rendering.SPIKING, needs=("xarray",))
def release_in_brian2(context: Context) -> Evidence:
    """Compare the responses of every release model on every target with the analytic moments."""
    config = release_statistics.QUICK if context.is_quick else release_statistics.Config()
    # Cython compiles longest, so it goes first.
    configs = [replace(config, target=target, seed=context.seed) for target in reversed(TARGETS)]
    configs.sort(key=lambda c: c.target != "cython")
    results = []
    for result in run_each_in_its_process(release_statistics.run, configs):
        results.append(result)
        context.report_progress(len(results) / len(configs), f"{result.attrs['target']} done")
    comparisons = [comparison for result in results for comparison in compared(result)]
    measurements = [_x01(comparison, len(comparisons)) for comparison in comparisons]
    measurements += [_same_releases(results)]
    measurements += [
        _m01(target, quantity, comparisons) for target in TARGETS for quantity in ("mean", "variance")
    ]
    n_events = int(results[0].attrs["n_events"])
    caption = (
        "Left: mean (dots) and variance (crosses) of the response over n p q and n p (1 - p) q², one place "
        f"for each release model and generator, {n_events} spikes each, 95 % intervals. Right: vesicles "
        "released per spike, n = 5 and p = 0.7, with Brian2's own generator (bars) and the binomial "
        "distribution (dots)."
    )
    return Evidence(tuple(measurements), (ClaimFigure(_figure(results, comparisons), caption),))


def compared(result: xr.Dataset) -> list[Comparison]:
    """Return mean, variance and failure rate of every condition beside their formulas.

    Parameters
    ----------
    result
        What :func:`brianpresyn.experiments.release_statistics.run` returned.
    """
    comparisons = []
    for index in range(result.sizes["condition"]):
        one = result.isel(condition=index)
        synapse = QuantalSynapse(int(one.n), float(one.p), result.attrs["quantal_size"] * pq.mV)
        condition = {
            "target": result.attrs["target"],
            "release": str(one.release.item()),
            "n": int(one.n),
            "p": float(one.p),
            "draws": str(one.draws.item()),
        }
        comparisons += _compared_moments(one, synapse, int(result.attrs["n_events"]), condition)
    return comparisons


def _compared_moments(
    one: xr.Dataset, synapse: QuantalSynapse, n_events: int, condition: dict[str, str | int | float]
) -> list[Comparison]:
    mean, variance = float(synapse.mean.magnitude), float(synapse.variance.magnitude)
    errors = map(float, sampling_errors(synapse, n_events))
    comparisons = []
    for quantity, expected, error in zip(("mean", "variance"), (mean, variance), errors, strict=True):
        measured = float(one[quantity])
        p_value = float(2 * stats.norm.sf(abs(measured - expected) / error))
        interval = (measured - 1.96 * error, measured + 1.96 * error)
        comparisons.append(Comparison(quantity, measured, expected, interval, p_value, n_events, condition))
    return [*comparisons, _compared_failures(one, synapse, n_events, condition)]


def _compared_failures(
    one: xr.Dataset, synapse: QuantalSynapse, n_events: int, condition: dict[str, str | int | float]
) -> Comparison:
    test = stats.binomtest(int(one.counts[0]), n_events, float(synapse.failure_probability))
    low, high = test.proportion_ci(0.95, method="exact")
    return Comparison(
        "failure rate",
        float(one.failures),
        float(synapse.failure_probability),
        (float(low), float(high)),
        float(test.pvalue),
        n_events,
        condition,
    )


_UNITS = {"mean": "mean PSP (mV)", "variance": "variance of the PSP (mV^2)", "failure rate": "failure rate"}


def _x01(comparison: Comparison, n_comparisons: int) -> Measurement:
    """Return one comparison; it fails only below the level corrected for how many there are."""
    level = _SMALLEST_FAMILY_P / n_comparisons
    agrees = comparison.p_value > level
    return Measurement(
        "X01",
        Rendering.SPIKING,
        _UNITS[comparison.quantity],
        comparison.measured,
        Verdict.REPRODUCED if agrees else Verdict.NOT_REPRODUCED,
        condition=comparison.condition,
        published=comparison.expected,
        interval=comparison.interval,
        n=comparison.n_events,
        reason=f"p = {comparison.p_value:.2g}; fails below {level:.1g} (0.001 / {n_comparisons} comparisons)",
    )


def _same_releases(results: list[xr.Dataset]) -> Measurement:
    """Return whether the counter-based releases were the same on all targets."""
    of_counter = [result.where(result.draws == "counter", drop=True) for result in results]
    first = of_counter[0].counts.to_numpy()
    n_different = sum(int(np.any(other.counts.to_numpy() != first, axis=1).sum()) for other in of_counter[1:])
    return Measurement(
        "X01",
        Rendering.SPIKING,
        "release models whose counter-based releases differ between targets",
        n_different,
        Verdict.REPRODUCED if n_different == 0 else Verdict.NOT_REPRODUCED,
        condition={"target": "all", "draws": "counter"},
        published=0,
        n=first.shape[0],
        reason="compared by how often each number of vesicles was released",
    )


def _m01(target: str, quantity: str, comparisons: list[Comparison]) -> Measurement:
    """Return the mean ratio of a moment to its formula on one target, over all release models."""
    chosen = [c for c in comparisons if c.condition["target"] == target and c.quantity == quantity]
    ratios = np.array([c.measured / c.expected for c in chosen])
    errors = np.array([(c.interval[1] - c.interval[0]) / (2 * 1.96 * c.expected) for c in chosen])
    pooled = float(ratios.mean())
    half = 1.96 * float(np.sqrt(np.sum(errors**2))) / ratios.size
    chi2 = float(np.sum(((ratios - 1) / errors) ** 2))
    p_value = float(stats.chi2.sf(chi2, ratios.size))
    return Measurement(
        "M01",
        Rendering.SPIKING,
        f"{quantity} of the PSP over its formula",
        pooled,
        Verdict.REPRODUCED if p_value > 1e-3 else Verdict.NOT_REPRODUCED,
        condition={"target": target, "release": "all models", "n": "1-40", "p": "0.1-0.9"},
        published=1.0,
        interval=(pooled - half, pooled + half),
        n=sum(c.n_events for c in chosen),
        reason=f"chi-square {chi2:.1f}, {ratios.size} df, p = {p_value:.2g} (fails below 0.001)",
    )


def _figure(results: list[xr.Dataset], comparisons: list[Comparison]) -> Figure:
    figure = Figure((9, 3.8))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for shift, target in zip((-0.25, 0.0, 0.25), TARGETS, strict=True):
        for quantity, marker in (("mean", "o"), ("variance", "x")):
            chosen = [c for c in comparisons if c.condition["target"] == target and c.quantity == quantity]
            ratios = np.array([c.measured / c.expected for c in chosen])
            halves = np.array([(c.interval[1] - c.interval[0]) / 2 / c.expected for c in chosen])
            place = np.arange(len(chosen)) + shift
            left.errorbar(
                place, ratios, halves, fmt=marker, color=_COLOURS[target], markersize=3, linewidth=0.8,
                label=target if marker == "o" else None,
            )  # fmt: skip
    left.axhline(1.0, color="black", linewidth=0.8)
    left.set_xlabel("release model (Bernoulli, binomial; by generator)")
    left.set_ylabel("measured / analytic")
    left.legend(fontsize=8)
    _draw_distributions(right, results)
    figure.tight_layout()
    return figure


def _draw_distributions(axes: Axes, results: list[xr.Dataset]) -> None:
    for shift, result in zip((-0.27, 0.0, 0.27), results, strict=True):
        is_shown = (result.release == "binomial") & (result.draws == "brian2")
        one = result.where(is_shown & (result.n == 5) & (result.p == 0.7), drop=True).isel(condition=0)
        target = result.attrs["target"]
        frequency = one.counts.to_numpy()[:6] / result.attrs["n_events"]
        axes.bar(np.arange(6) + shift, frequency, 0.27, color=_COLOURS[target], label=target)
    axes.plot(np.arange(6), QuantalSynapse(5, 0.7, 1 * pq.mV).pmf(), "o", color="black", markersize=4)
    axes.set_xlabel("vesicles released by a spike")
    axes.set_ylabel("fraction of spikes")
    axes.legend(fontsize=8)
