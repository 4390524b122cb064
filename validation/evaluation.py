"""Measure the claims asked for, one function after the other, and keep everything that was found."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, replace
from functools import partial

from biophys.argument_types import Count, checked_types
from biophys.processes import worker_pool
from biophys.progress import ignore_progress
from brianpresyn.targets import log_errors_only
from validation.context import Context
from validation.data.datastore import DataSetCorrupt, DataSetMissing, locate
from validation.registry import (
    ClaimFigure,
    Evidence,
    Measure,
    all_claims,
    all_measures,
    claims_named,
    missing_packages,
)
from validation.statement import FAILED, Claim, Measurement, Rendering, Verdict, combined_verdict, not_run

ProgressReport = Callable[[Measure, float, str], None]


@dataclass(frozen=True)
class MeasureRun:
    """What one measuring function gave, how long it took, and the error that ended it, if one did."""

    measure: Measure
    evidence: Evidence
    duration: float
    error: Exception | None = None


@dataclass(frozen=True)
class MeasuredClaims:
    """The claims that were asked for, and all that was measured of them."""

    claims: tuple[Claim, ...]
    runs: tuple[MeasureRun, ...]
    context: Context

    @property
    def ids(self) -> list[str]:
        """Ids of the claims."""
        return [claim.id for claim in self.claims]

    def measurements(self, claim: str | None = None) -> list[Measurement]:
        """Return the measurements of `claim`, or of all claims asked for, in the order of the papers."""
        wanted = self.ids if claim is None else [claim]
        rows = [m for run in self.runs for m in run.evidence.measurements if m.claim in wanted]
        return sorted(rows, key=lambda m: wanted.index(m.claim))

    def figures(self, claim: str) -> list[ClaimFigure]:
        """Return the figures that stand with `claim`."""
        return [f for run in self.runs for f in run.evidence.figures if self._home(f.claim, run) == claim]

    def remarks(self, claim: str) -> list[str]:
        """Return the remarks of the functions whose first claim is `claim`."""
        return [r for run in self.runs if self._home("", run) == claim for r in run.evidence.remarks]

    def verdict(self, claim: str) -> Verdict:
        """Return the verdict that follows from the measurements of `claim`."""
        stated = next(c for c in self.claims if c.id == claim)
        return combined_verdict(stated, self.measurements(claim))

    def unmeasured(self) -> list[Claim]:
        """Return the claims that nothing measured."""
        return [claim for claim in self.claims if not self.measurements(claim.id)]

    def failures(self) -> list[Claim]:
        """Return the claims that were expected to hold and did not."""
        return [c for c in self.claims if not c.known_deviation and self.verdict(c.id) in FAILED]

    def errors(self) -> list[MeasureRun]:
        """Return the runs that ended in an error."""
        return [run for run in self.runs if run.error is not None]

    def _home(self, claim: str, run: MeasureRun) -> str:
        """Return the claim that a figure or remark stands with, among those asked for."""
        homes = (claim, *run.measure.claims) if claim in self.ids else run.measure.claims
        return next((home for home in homes if home in self.ids), "")


@checked_types
def measure_claims(
    ids: Sequence[str] | None,
    context: Context,
    *,
    n_jobs: Count = 1,
    on_progress: ProgressReport = lambda *_: None,
) -> MeasuredClaims:
    """Measure claims in every rendering they have.

    A claim whose data or packages are missing appears as not run with the reason; a function that ends in an
    error leaves its claims not run and the others untouched.

    Raises ValueError if an id is unknown or `n_jobs` is below 1.

    Parameters
    ----------
    ids : claims to measure; None for all that something measures.
    context : profile, seed and device
    n_jobs : how many functions run at once, each in a process of its own; with 1 they run in this process
    on_progress : called with the measure, the fraction done in 0..1 and what is being done
    """
    claims = claims_named(all_claims() if ids is None else ids)
    asked = frozenset(claim.id for claim in claims)
    measures = measures_of(ids)
    if n_jobs > 1:
        runs = _run_in_processes(measures, asked, context, n_jobs, on_progress)
    else:
        runs = tuple(_run(measure, asked, context, on_progress) for measure in measures)
    return MeasuredClaims(tuple(claims), runs, context)


def _run_in_processes(
    measures: Sequence[Measure],
    asked: frozenset[str],
    context: Context,
    n_jobs: int,
    on_progress: ProgressReport,
) -> tuple[MeasureRun, ...]:
    """Run the measures of each experiment in a process of a pool, those that take longest first."""
    simulations = (Rendering.SPIKING, Rendering.RATE)
    groups: dict[str, list[Measure]] = {}
    for measure in sorted(measures, key=lambda m: (not m.lasts_long, m.rendering not in simulations)):
        groups.setdefault(measure.experiment or measure.name, []).append(measure)
    plain = replace(context, report_progress=ignore_progress)
    done: dict[str, MeasureRun] = {}
    with worker_pool(n_jobs, initializer=log_errors_only) as pool:
        pending = [
            pool.submit(_run_named, [measure.name for measure in group], asked, plain)
            for group in groups.values()
        ]
        by_name = {measure.name: measure for measure in measures}
        for future in as_completed(pending):
            for name, run in future.result().items():
                done[name] = replace(run, measure=by_name[name])
                on_progress(by_name[name], 1.0, "")
    return tuple(done[measure.name] for measure in measures)


def _run_named(names: Sequence[str], asked: frozenset[str], context: Context) -> dict[str, MeasureRun]:
    """Run measures of one experiment in a worker, which finds them by name and trains its networks once."""
    by_name = {measure.name: measure for measure in all_measures()}
    runs = {name: _run(by_name[name], asked, context, lambda *_: None) for name in names}
    for figure in (figure for run in runs.values() for figure in run.evidence.figures):
        _ = figure.data_url  # made here, where other cores make others
    return runs


def measures_of(ids: Sequence[str] | None) -> list[Measure]:
    """Return the measures that :func:`measure_claims` runs for these claims."""
    asked = {claim.id for claim in claims_named(all_claims() if ids is None else ids)}
    return [measure for measure in all_measures() if asked.intersection(measure.claims)]


def _run(
    measure: Measure, asked: frozenset[str], context: Context, on_progress: ProgressReport
) -> MeasureRun:
    """Run a measure; where that cannot be, say of each clause why not, in the rendering of the measure."""
    on_progress(measure, 0.0, "")
    t_start, error = time.perf_counter(), None
    try:
        reason = reason_to_skip(measure)
        if not reason:
            evidence = measure.evidence(replace(context, report_progress=partial(on_progress, measure)))
    except (DataSetMissing, DataSetCorrupt) as caught:
        reason = str(caught)
    except Exception as caught:  # one broken measurement must not lose the others
        error, reason = caught, f"the measurement ended in an error: {type(caught).__name__}: {caught}"
    if reason:
        clauses = (clause for claim in claims_named(asked & {*measure.claims}) for clause in claim.clauses)
        evidence = Evidence(tuple(not_run(clause, reason, measure.rendering) for clause in clauses))
    on_progress(measure, 1.0, "")
    return MeasureRun(measure, evidence, time.perf_counter() - t_start, error)


def reason_to_skip(measure: Measure) -> str:
    """Return why `measure` cannot run here, or an empty string."""
    if missing := missing_packages(measure):
        return f"needs {', '.join(missing)}: install it with  pip install 'brianpresyn[rate,data]'"
    for name in measure.data_sets:
        try:
            locate(name)
        except (DataSetMissing, DataSetCorrupt) as caught:
            return str(caught)
    return ""
