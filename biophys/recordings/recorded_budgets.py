"""Energy budgets that recorded connections imply: how they change with induction, and what that predicts.

Whole recordings are resampled; `drawn` are the keywords of `bootstrap`, ``rng`` among them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import quantities as pq

from biophys.bootstrap import bootstrap
from biophys.energy_budget import BudgetLaw, ChangeSize, fit_budget_change, implied_budget
from biophys.estimates import Estimate, exactly, transformed
from biophys.recordings.recorded_connections import PlasticityRecordings


def budget_growth(chosen: PlasticityRecordings, **drawn: Any) -> Estimate:
    """Return the geometric mean of the implied budget after over that before induction."""
    before, after = (implied_budget(*m).magnitude for m in (chosen.moments_before, chosen.moments_after))
    return transformed(_mean(np.log(after / before), chosen, drawn), np.exp)


def budget_prediction(
    chosen: PlasticityRecordings, size: ChangeSize, **drawn: Any
) -> tuple[Estimate, Estimate]:
    """Return how well the change of the budget predicts the log sd after induction.

    The first is the rms error, the second the squared error less that of the better of two simpler rules.
    """
    (mean_before, sd_before), (mean_after, sd_after) = chosen.moments_before, chosen.moments_after
    change = fit_budget_change(mean_before, sd_before, mean_after, sd_after, size=size)
    error, *simpler = (
        np.log(predicted.magnitude / sd_after.magnitude) ** 2
        for predicted in (change.predicted_sd, sd_before * mean_after / mean_before, sd_before)
    )
    how = (
        "each row predicted from the others; constant budget "
        f"{change.error_of_constant_budget:.3f}, constant sd {change.error_of_constant_sd:.3f}; slope "
        f"{change.slope:.2f} ± {change.slope_error:.2f}"
    )
    rms = exactly(change.error, n=len(error), unit="rows", how=how)
    return rms, _mean(error - min(simpler, key=np.mean), chosen, drawn)


def _mean(values: np.ndarray, chosen: PlasticityRecordings, drawn: dict[str, Any]) -> Estimate:
    """Return the mean over the rows."""
    given: dict[str, Any] = {"clusters": chosen.recording, "unit": "recordings", **drawn}
    return bootstrap(lambda w: w @ values / w.sum(axis=1), len(values), **given)


def budget_spread(mean: pq.Quantity, sd: pq.Quantity, **drawn: Any) -> Estimate:
    """Return how far connections spread in the log of their budget, and how far above a boundary they lie."""
    law, cv = BudgetLaw(), (sd / mean).simplified.magnitude
    budget = law.budget_for(float(np.quantile(cv, 0.05)))
    # The law's own boundary, not the search's: the budgets are relative, so that n may come out below one.
    distance = 2.0 * np.log(cv / float(law.least_cv(budget)))

    def spread(weights: np.ndarray) -> np.ndarray:
        log_budget = -0.4 * np.log(cv)
        share = weights / weights.sum(axis=1, keepdims=True)
        centre = share @ log_budget
        return np.sqrt(np.sum(share * (log_budget - centre[:, None]) ** 2, axis=1))

    how = (
        f"median variance is {np.exp(np.median(distance)):.2f} times the least at the budget that 5 % of "
        "connections exceed"
    )
    return bootstrap(spread, cv.size, unit="connections", how=how, **drawn)
