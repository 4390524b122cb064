"""X01: moments and failures of every release model in Brian2, on every target, are the analytic ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import quantities as pq
import xarray as xr

from biophys.estimates import exactly, gaussian
from biophys.quantal import QuantalSynapse
from brianpresyn.experiments import release_statistics
from brianpresyn.targets import TARGETS, run_each_in_its_process
from validation.claims.malkin2023.quantal_moments import DRAWN
from validation.criteria import equals, exact, in_every
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Clause, Measurement, Rendering, row

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
    yield claim_figure(partial(release_statistics.draw_targets, results), caption, (9, 3.8))


def compared(result: xr.Dataset) -> Iterator[Measurement]:
    """Yield mean, variance and failure rate on one target beside their formulas, by generator."""
    estimate = partial(gaussian, n=int(result.attrs["n_events"]), unit="spikes")
    for draws, part in result.groupby("draws"):
        condition = {"target": result.attrs["target"], "draws": str(draws)}
        models = zip(part.release.values, part.n.values, part.p.values, strict=True)
        names = [f"{release}, n = {n}, p = {p:g}" for release, n, p in models]
        for moment in ("mean", "variance"):
            ratio, error = release_statistics.over_formula(part, moment)
            ratios = dict(zip(names, map(estimate, ratio, error), strict=True))
            quantity = f"{moment} of the PSP over its formula"
            yield row(MOMENTS, ratios, quantity, condition=condition, along="release")
            n_spikes = ratio.size * int(result.attrs["n_events"])
            of_mean = float(np.sqrt(np.sum(error**2))) / ratio.size
            how = "mean over release models"
            pooled = gaussian(float(ratio.mean()), of_mean, n=n_spikes, unit="spikes", how=how)
            yield row(DRAWN, pooled, quantity, rendering=Rendering.SPIKING, condition=condition)
        expected = release_statistics.synapses_of(part).failure_probability
        error = np.sqrt(expected * (1 - expected) / part.attrs["n_events"])
        off = dict(zip(names, map(estimate, part.failures.values - expected, error), strict=True))
        yield row(FAILURES, off, "failure rate less (1 - p)^n", condition=condition, along="release")


def same_releases(results: Sequence[xr.Dataset]) -> Measurement:
    """Return how many release models released otherwise on another target, with counter-based draws."""
    counts = [result.where(result.draws == "counter", drop=True).counts.values for result in results]
    n_different = sum(int(np.any(other != counts[0], axis=1).sum()) for other in counts[1:])
    different = exactly(n_different, n=len(counts[0]), unit="models")
    quantity = "release models whose counter-based releases differ between targets"
    condition = {"target": "all", "draws": "counter"}
    reason = "compared by how often each number of vesicles was released"
    return row(SAME_RELEASES, different, quantity, condition=condition, reason=reason)


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
    value, error = float(np.average(ratio, weights=precision)), float(np.sum(precision)) ** -0.5
    estimate = gaussian(value, error, n=n_spikes * ratio.size, unit="spikes")
    condition = {"n": "1-10", "p": "0.05-0.7"}
    yield row(DRAWN_FAILURES, estimate, "failure rate of drawn spikes over (1 - p)^n", condition=condition)
