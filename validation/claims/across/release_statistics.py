"""X01: moments and failures of every release model in Brian2, on every target, are the analytic ones."""

from dataclasses import replace

import xarray as xr

from brianpresyn.experiments import release_statistics
from brianpresyn.targets import run_on_every_target
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
_SAID = (
    "The PSP moments and the failure rate of every release model in Brian2, on every code generation target, "
    "equal the analytic ones"
)
X01 = Claim("X01", _SAID, CROSS_CHECK, (MOMENTS, FAILURES, SAME_RELEASES, DRAWN_FAILURES))


@measures(X01, "M01", rendering=Rendering.SPIKING)
def release_in_brian2(context: Context) -> Findings:
    """Compare the responses of every release model on every target with the analytic moments."""
    config = release_statistics.QUICK if context.is_quick else release_statistics.Config()
    config, run = replace(config, seed=context.seed), release_statistics.run
    results = [*run_on_every_target(run, config, context.report_progress).values()]
    for result in results:
        yield from compared(result)
    different = release_statistics.releases_differing(results)
    quantity = "release models whose counter-based releases differ between targets"
    yield row(SAME_RELEASES, different, quantity, condition={"target": "all", "draws": "counter"})
    note = f"{results[0].attrs['n_events']} spikes each."
    yield claim_figure(release_statistics.draw_targets, note, (9, 3.8), results=results)


def compared(result: xr.Dataset) -> Findings:
    """Yield mean, variance and failure rate on one target beside their formulas, by generator."""
    for draws, part in result.groupby("draws"):
        condition = {"target": result.attrs["target"], "draws": str(draws)}
        by_model = release_statistics.estimates_by_model(part)
        for moment in release_statistics.MOMENTS:
            quantity = f"{moment} of the PSP over its formula"
            yield row(MOMENTS, by_model[moment], quantity, condition=condition, along="release")
            mean = release_statistics.mean_over_formula(part, moment)
            yield row(DRAWN, mean, quantity, rendering=Rendering.SPIKING, condition=condition)
        quantity = "failure rate less (1 - p)^n"
        yield row(FAILURES, by_model["failures"], quantity, condition=condition, along="release")
