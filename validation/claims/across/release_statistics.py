"""X01: moments and failures of every release model in Brian2, on every target, are the analytic ones."""

from dataclasses import replace
from functools import partial

import numpy as np
import quantities as pq
import xarray as xr

from biophys.estimates import gaussian, mean_of_known
from biophys.quantal import QuantalSynapse
from brianpresyn.experiments import release_statistics
from brianpresyn.targets import TARGETS, run_each_in_its_process
from validation.claims.malkin2023.quantal_moments import DRAWN
from validation.criteria import equals, exact, in_every
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Rendering, analytic, row, spiking

# The margins are what a sample in small can show.
_MOMENTS = "mean and variance of every release model, on every target, are the formulas' within 5 %"
MOMENTS = spiking("X01a", _MOMENTS, CROSS_CHECK, in_every(equals(1.0, 0.05), "model"), unit="spikes")
_FAILURES = "failure rates of every release model, on every target, are (1 - p)^n within a point"
FAILURES = spiking("X01b", _FAILURES, CROSS_CHECK, in_every(equals(0.0, 0.01), "model"), unit="spikes")
_SAME = "releases of a seed are the same on all targets"
SAME_RELEASES = spiking("X01c", _SAME, CROSS_CHECK, exact(0.0, 0.0), unit="models")
_DRAWN = "drawn failure rates are (1 - p)^n within 1 %"
DRAWN_FAILURES = analytic("X01d", _DRAWN, CROSS_CHECK, equals(1.0, 0.01), unit="spikes")
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
    condition, different = (
        {"target": "all", "draws": "counter"},
        release_statistics.releases_differing(results),
    )
    quantity = "release models whose counter-based releases differ between targets"
    yield row(SAME_RELEASES, different, quantity, condition=condition)
    caption = (
        "Left: mean (dots) and variance (crosses) of the response over n p q and n p (1 - p) q², one place "
        f"for each release model and generator, {results[0].attrs['n_events']} spikes each, 95 % intervals. "
        "Right: vesicles released per spike, n = 5 and p = 0.7, with Brian2's own generator (bars) and the "
        "binomial distribution (dots)."
    )
    yield claim_figure(partial(release_statistics.draw_targets, results), caption, (9, 3.8))


def compared(result: xr.Dataset) -> Findings:
    """Yield mean, variance and failure rate on one target beside their formulas, by generator."""
    n, unit = int(result.attrs["n_events"]), "spikes"
    for draws, part in result.groupby("draws"):
        condition = {"target": result.attrs["target"], "draws": str(draws)}
        names, known = release_statistics.condition_names(part), partial(gaussian, n=n, unit=unit)
        for moment in ("mean", "variance"):
            ratio, error = release_statistics.over_formula(part, moment)
            quantity, each = f"{moment} of the PSP over its formula", map(known, ratio, error)
            yield row(
                MOMENTS, dict(zip(names, each, strict=True)), quantity, condition=condition, along="release"
            )
            pooled = mean_of_known(ratio, error, n=ratio.size * n, unit=unit, how="mean over release models")
            yield row(DRAWN, pooled, quantity, rendering=Rendering.SPIKING, condition=condition)
        off = map(known, *release_statistics.failures_less_formula(part))
        yield row(
            FAILURES,
            dict(zip(names, off, strict=True)),
            "failure rate less (1 - p)^n",
            condition=condition,
            along="release",
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
    value, error = float(np.average(ratio, weights=precision)), float(np.sum(precision)) ** -0.5
    estimate = gaussian(value, error, n=n_spikes * ratio.size, unit="spikes")
    condition = {"n": "1-10", "p": "0.05-0.7"}
    yield row(DRAWN_FAILURES, estimate, "failure rate of drawn spikes over (1 - p)^n", condition=condition)
