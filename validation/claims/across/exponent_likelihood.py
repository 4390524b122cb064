"""Beside X08: the cost exponent of the recordings by likelihood, and how many cells tell costs apart."""

from collections.abc import Mapping
from functools import cache, partial
from itertools import pairwise

from biophys.energy_costs import COST_EXPONENTS
from biophys.estimates import ALPHA, Estimate, exactly
from biophys.recordings.exponent_likelihood import (
    SlopeFit,
    cells_to_tell_apart,
    draw_deviance,
    fit_variability_on_change,
    fit_variability_slope,
)
from validation.claims.across.optimised_variability import X08
from validation.data.recordings import read_ko2013, read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Measurement, Rendering, row

_RATES = {"reading": "variance at fixed mean, both estimates of the rate with errors, cells"}
_CHANGES = {"reading": "variance at fixed mean on the size of the change, errors of p and q"}
_N_TRIALS = 60
"""Ten minutes at 0.1 Hz. The files do not say how many responses p and q come from."""


@measures(X08, rendering=Rendering.RECORDED, data_sets=("ko2013",))
def exponent_by_likelihood(context: Context) -> Findings:
    """Report the exponent that variance against rate implies, and how many cells tell the costs apart."""
    yield from _exponents(_of_rates(), _RATES, "cells")
    caption = (
        "Twice the log likelihood that each exponent loses against the best one: recordings of Ko et al. "
        "(2013), both estimates of the rate with errors, connections of a cell alike."
    )
    yield claim_figure(partial(draw_deviance, fit=_of_rates()), caption, (6, 4))


@measures(X08, rendering=Rendering.RECORDED, data_sets=("sjostrom2001",))
def exponent_by_change(context: Context) -> Findings:
    """Report the exponent that variance against the change by induction implies, for several errors."""
    yield from _exponents(_of_changes(_N_TRIALS, False), _CHANGES, "connections")
    for n_trials in (_N_TRIALS // 2, 2 * _N_TRIALS):
        yield _exponent(_of_changes(n_trials, False), {**_CHANGES, "trials": n_trials}, "connections")
    fit, condition = _of_changes(_N_TRIALS, True), {**_CHANGES, "changes scatter": "for other reasons too"}
    yield _exponent(fit, condition, "connections")
    yield from _deviances(fit, condition, "connections")
    yield (
        "How large a change is tells of the learning rate only if nothing but protocol and trials makes "
        "changes differ; then no cost explains the recordings. If anything else does, by an unknown amount, "
        "all of them do, and more connections would not help: several inductions of each would."
    )


@cache
def _of_rates() -> SlopeFit:
    return fit_variability_slope(read_ko2013())


@cache
def _of_changes(n_trials: int, scatters: bool) -> SlopeFit:
    return fit_variability_on_change(read_sjostrom2001(), n_trials, scatters=scatters)


def _exponents(fit: SlopeFit, condition: Mapping[str, object], unit: str) -> Findings:
    """Yield the exponent, how well each cost fits, and how many cells would tell them apart."""
    yield _exponent(fit, condition, unit)
    about = {} if unit == "cells" else condition
    yield from _deviances(fit, about, unit)
    ends = (next(iter(COST_EXPONENTS)), list(COST_EXPONENTS)[-1])
    for cost, other in (*pairwise(COST_EXPONENTS), ends):
        n_cells = exactly(cells_to_tell_apart(fit, cost, other), how="80 % of such samples exclude the other")
        words = f"{'presynaptic ' * (unit == 'cells')}{unit} that tell two costs apart"
        yield row(X08, n_cells, words, condition={**about, "true": cost, "other": other})


def _deviances(fit: SlopeFit, condition: Mapping[str, object], unit: str) -> Findings:
    """Yield how much worse than the best exponent each cost fits."""
    for cost in COST_EXPONENTS:
        lost = exactly(fit.deviance(fit.predicted(cost)), n=fit.n_cells, unit=unit, how="3.84 excludes it")
        yield row(
            X08, lost, "deviance of a cost from the best exponent", condition={**condition, "cost": cost}
        )


def _exponent(fit: SlopeFit, condition: Mapping[str, object], unit: str) -> Measurement:
    """Return the exponent with its profile interval."""
    low, high = _slopes(fit, ALPHA)
    how = f"slope {fit.slope:.3f} [{low:.3f}, {high:.3f}]; interval: profile likelihood"
    ends = partial(_profile, fit)
    estimate = Estimate(fit.exponent(fit.slope), ends, fit.n_cells, unit, "profile likelihood", how)
    return row(X08, estimate, "cost exponent rho by likelihood", condition=condition)


def _profile(fit: SlopeFit, alpha: float) -> tuple[float, float]:
    low, high = sorted(map(fit.exponent, _slopes(fit, alpha)))
    return low, high


@cache
def _slopes(fit: SlopeFit, alpha: float) -> tuple[float, float]:
    return fit.interval(1 - alpha)
