"""Beside X08: the cost exponent of the recordings by likelihood, and how many cells tell costs apart."""

from functools import cache, partial
from itertools import pairwise

from biophys.energy_costs import COST_EXPONENTS
from biophys.estimates import Estimate, exactly, transformed
from biophys.optimal_precision import implied_exponent
from biophys.recordings.exponent_likelihood import (
    SlopeFit,
    cells_to_tell_apart,
    draw_deviance,
    fit_variability_slope,
    predicted_slope,
)
from validation.claims.across.optimised_variability import X08
from validation.data.recordings import read_ko2013
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import Rendering, row

_READING = {"reading": "variance at fixed mean, both estimates of the rate with errors, cells"}


@cache
def _recorded_fit() -> SlopeFit:
    return fit_variability_slope(read_ko2013())


@measures(X08, rendering=Rendering.RECORDED, data_sets=("ko2013",))
def exponent_by_likelihood(context: Context) -> Findings:
    """Report the exponent, how well each cost fits, and how many cells would tell them apart."""
    fit = _recorded_fit()
    how = f"slope {fit.slope:.3f}; interval: profile likelihood"
    slope = Estimate(fit.slope, _profile, fit.n_cells, "cells", "profile likelihood")
    exponent = transformed(slope, partial(implied_exponent, input_power=1.0), how)
    yield row(X08, exponent, "cost exponent rho by likelihood", condition=_READING)
    for cost in COST_EXPONENTS:
        lost = exactly(
            fit.deviance(predicted_slope(cost)), n=fit.n_cells, unit="cells", how="3.84 excludes it"
        )
        yield row(X08, lost, "deviance of a cost from the best exponent", condition={"cost": cost})
    ends = (next(iter(COST_EXPONENTS)), list(COST_EXPONENTS)[-1])
    for cost, other in (*pairwise(COST_EXPONENTS), ends):
        n_cells = exactly(cells_to_tell_apart(fit, cost, other), how="80 % of such samples exclude the other")
        condition = {"true": cost, "other": other}
        yield row(X08, n_cells, "presynaptic cells that tell two costs apart", condition=condition)
    caption = (
        "Twice the log likelihood that each exponent loses against the best one: recordings of Ko et al. "
        "(2013), both estimates of the rate with errors, connections of a cell alike."
    )
    yield claim_figure(partial(draw_deviance, fit=fit), caption, (6, 4))


@cache
def _profile(alpha: float) -> tuple[float, float]:
    return _recorded_fit().interval(1 - alpha)
