"""X01: moments and failures of every release model in Brian2, on every target, are the analytic ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import quantities as pq
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biophys.estimates import Estimate, exactly, gaussian
from biophys.palette import BLUE, GREEN, ORANGE
from biophys.quantal import QuantalSynapse
from brianpresyn.experiments import release_statistics
from brianpresyn.targets import TARGETS, run_each_in_its_process
from validation.claims.malkin2023.quantal_moments import DRAWN, sampling_errors
from validation.criteria import equals, exact, in_every
from validation.registry import ClaimFigure, Context, Findings, measures
from validation.statement import CROSS_CHECK, Claim, Clause, Measurement, Rendering, row

_COLOURS = {"numpy": BLUE, "cython": ORANGE, "cpp_standalone": GREEN}
_clause = partial(Clause, source=CROSS_CHECK, unit="spikes", rendering=Rendering.SPIKING)

# The margins are what a sample in small can show.
MOMENTS = _clause(
    "X01a",
    "mean and variance of every release model, on every target, are the formulas' within 5 %",
    criterion=in_every(equals(1.0, 0.05), "model"),
)
FAILURES = _clause(
    "X01b",
    "failure rates of every release model, on every target, are (1 - p)^n within a point",
    criterion=in_every(equals(0.0, 0.01), "model"),
)
SAME_RELEASES = _clause(
    "X01c", "releases of a seed are the same on all targets", criterion=exact(0.0, 0.0), unit="models"
)
DRAWN_FAILURES = _clause(
    "X01d",
    "drawn failure rates are (1 - p)^n within 1 %",
    criterion=equals(1.0, 0.01),
    rendering=Rendering.ANALYTIC,
)
X01 = Claim(
    "X01",
    "The PSP moments and the failure rate of every release model in Brian2, on every code generation target, "
    "equal the analytic ones",
    CROSS_CHECK,
    (MOMENTS, FAILURES, SAME_RELEASES, DRAWN_FAILURES),
)


@measures(X01, "M01", rendering=Rendering.SPIKING)
def release_in_brian2(context: Context) -> Findings:
    """Compare the responses of every release model on every target with the analytic moments."""
    config = release_statistics.QUICK if context.is_quick else release_statistics.Config()
    # Cython compiles longest, so it goes first.
    configs = [replace(config, target=target, seed=context.seed) for target in reversed(TARGETS)]
    configs.sort(key=lambda c: c.target != "cython")
    results = []
    for result in run_each_in_its_process(release_statistics.run, configs):
        results.append(result)
        context.report_progress(len(results) / len(configs), f"{result.attrs['target']} done")
        yield from compared(result)
    yield same_releases(results)
    caption = (
        "Left: mean (dots) and variance (crosses) of the response over n p q and n p (1 - p) q², one place "
        f"for each release model and generator, {results[0].attrs['n_events']} spikes each, 95 % intervals. "
        "Right: vesicles released per spike, n = 5 and p = 0.7, with Brian2's own generator (bars) and the "
        "binomial distribution (dots)."
    )
    yield ClaimFigure(_figure(results), caption)


def compared(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield mean, variance and failure rate on one target beside their formulas, by generator.

    Parameters
    ----------
    result
        What :func:`brianpresyn.experiments.release_statistics.run` returned.
    """
    for draws, part in result.groupby("draws"):
        condition = {"target": result.attrs["target"], "draws": str(draws)}
        for moment in ("mean", "variance"):
            ratios = _ratios(part, moment)
            quantity = f"{moment} of the PSP over its formula"
            yield row(MOMENTS, ratios, quantity, condition=condition, along="release")
            yield row(DRAWN, _pooled(ratios), quantity, rendering=Rendering.SPIKING, condition=condition)
        expected = _synapses(part).failure_probability
        errors = np.sqrt(expected * (1 - expected) / part.attrs["n_events"])
        failures = _by_model(part, part.failures.values - expected, errors)
        yield row(FAILURES, failures, "failure rate less (1 - p)^n", condition=condition, along="release")


def _synapses(result: xr.Dataset) -> QuantalSynapse:
    """Return the synapses of all conditions of a result."""
    return QuantalSynapse(result.n.values, result.p.values, result.attrs["quantal_size"] * pq.mV)


def _by_model(result: xr.Dataset, values: np.ndarray, errors: np.ndarray) -> dict[str, Estimate]:
    """Return estimates by release model in words."""
    models = zip(result.release.values, result.n.values, result.p.values, strict=True)
    names = [f"{release}, n = {n}, p = {p:g}" for release, n, p in models]
    estimate = partial(gaussian, n=int(result.attrs["n_events"]), unit="spikes")
    return dict(zip(names, map(estimate, values, errors), strict=True))


def _ratios(result: xr.Dataset, moment: str) -> dict[str, Estimate]:
    """Return ``"mean"`` or ``"variance"`` over its formula, by release model."""
    synapses = _synapses(result)
    expected = getattr(synapses, moment).magnitude
    errors = sampling_errors(synapses, int(result.attrs["n_events"]))[moment == "variance"]
    return _by_model(result, result[moment].values / expected, errors / expected)


def _half_widths(estimates: dict[str, Estimate]) -> np.ndarray:
    """Return half the widths of 95 % intervals."""
    intervals = np.array([estimate.interval for estimate in estimates.values()], dtype=float)
    return np.diff(intervals, axis=1).ravel() / 2


def _pooled(ratios: dict[str, Estimate]) -> Estimate:
    """Return the mean of independent ratios."""
    error = np.sqrt(np.sum(_half_widths(ratios) ** 2)) / 1.959964 / len(ratios)
    value = float(np.mean([ratio.value for ratio in ratios.values()]))
    n_spikes = sum(ratio.n or 0 for ratio in ratios.values())
    return gaussian(value, error, n=n_spikes, unit="spikes", how="mean over release models")


def same_releases(results: Sequence[xr.Dataset]) -> Measurement:
    """Return how many release models released otherwise on another target, with counter-based draws."""
    counts = [result.where(result.draws == "counter", drop=True).counts.values for result in results]
    n_different = sum(int(np.any(other != counts[0], axis=1).sum()) for other in counts[1:])
    return row(
        SAME_RELEASES,
        exactly(n_different, n=len(counts[0]), unit="models"),
        "release models whose counter-based releases differ between targets",
        condition={"target": "all", "draws": "counter"},
        reason="compared by how often each number of vesicles was released",
    )


@measures("X01", rendering=Rendering.ANALYTIC)
def analytic_failures(context: Context) -> Findings:
    """Compare the failure rate of drawn spikes with (1 - p)^n."""
    n_spikes = 20_000 if context.is_quick else 500_000
    n, p = np.meshgrid([1, 2, 5, 10], [0.05, 0.2, 0.3, 0.5, 0.7])
    synapses = QuantalSynapse(n.ravel(), p.ravel(), 0.2 * pq.mV)
    expected = synapses.failure_probability
    counts = synapses.release_counts(n_spikes, rng=np.random.default_rng(context.seed))
    # A rate that is expected less than five times is not normal.
    is_frequent = expected * n_spikes > 5
    ratio = (np.mean(counts == 0, axis=0) / expected)[is_frequent]
    precision = n_spikes * expected[is_frequent] / (1 - expected[is_frequent])
    estimate = gaussian(
        float(np.average(ratio, weights=precision)),
        float(np.sum(precision)) ** -0.5,
        n=n_spikes * ratio.size,
        unit="spikes",
    )
    condition = {"n": "1-10", "p": "0.05-0.7"}
    yield row(DRAWN_FAILURES, estimate, "failure rate of drawn spikes over (1 - p)^n", condition=condition)


def _figure(results: Sequence[xr.Dataset]) -> Figure:
    """Draw moments over formulas by release model, and one distribution, for every target."""
    figure = Figure((9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for shift, result in zip((-0.25, 0.0, 0.25), results, strict=True):
        target = result.attrs["target"]
        for moment, marker in (("mean", "o"), ("variance", "x")):
            by_generator = [_ratios(part, moment) for _, part in result.groupby("draws")]
            values = [ratio.value for ratios in by_generator for ratio in ratios.values()]
            left.errorbar(
                np.arange(len(values)) + shift, values, np.concatenate(list(map(_half_widths, by_generator))),
                fmt=marker, color=_COLOURS[target], ms=3, lw=0.8, label=target if marker == "o" else None,
            )  # fmt: skip
    left.axhline(1.0, color="black", linewidth=0.8)
    left.set(xlabel="release model (Bernoulli, binomial; by generator)", ylabel="measured / analytic")
    left.legend(fontsize=8)
    _draw_distributions(right, results)
    return figure


def _draw_distributions(axes: Axes, results: Sequence[xr.Dataset]) -> None:
    for shift, result in zip((-0.27, 0.0, 0.27), results, strict=True):
        is_shown = (result.release == "binomial") & (result.draws == "brian2")
        item = result.where(is_shown & (result.n == 5) & (result.p == 0.7), drop=True).isel(condition=0)
        target = result.attrs["target"]
        frequency = item.counts.to_numpy()[:6] / result.attrs["n_events"]
        axes.bar(np.arange(6) + shift, frequency, 0.27, color=_COLOURS[target], label=target)
    axes.plot(np.arange(6), QuantalSynapse(5, 0.7, 1 * pq.mV).pmf(), "o", color="black", markersize=4)
    axes.set_xlabel("vesicles released by a spike")
    axes.set_ylabel("fraction of spikes")
    axes.legend(fontsize=8)
