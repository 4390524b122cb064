"""Energy budgets: the precision that they buy, what recorded connections imply, and what that predicts.

Whole recordings are resampled; `drawn` are the keywords of `bootstrap`, ``rng`` among them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import quantities as pq
from matplotlib.figure import Figure

from biophys.bootstrap import bootstrap
from biophys.energy_budget import BudgetLaw, ChangeSize, fit_budget_change, implied_budget
from biophys.estimates import Estimate, exactly, transformed
from biophys.palette import BLUE, GREEN, PURPLE, VERMILION
from biophys.realisation_costs import minimal_sd
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


def plot_precision(figure: Figure, law: BudgetLaw | None = None) -> None:
    """Draw precision of the best synapse within each budget (both cost scales 1): by formula with
    real-valued n, by search over n and p, and with whole n. Computed, not sampled.
    """
    law, axes = law or BudgetLaw(), figure.subplots()
    fine = np.geomspace(1.2, 60.0, 300) * pq.dimensionless
    coarse = np.geomspace(5.0, 60.0, 8) * pq.dimensionless
    best = minimal_sd(1.0 * pq.mV, law.cost, coarse, n_max=1000).magnitude
    axes.loglog(fine, law.least_cv(fine) ** -2, color=BLUE, label="formula, σ⁻² ∝ E⁵")
    axes.loglog(coarse, best**-2, "o", color=BLUE, markersize=4, label="search")
    whole = law.least_cv(fine, whole_sites=True)
    axes.loglog(fine, whole**-2, "--", color=VERMILION, label="whole number of sites")
    axes.set(xlabel="energy budget E (relative units)", ylabel="precision μ² / σ²")
    axes.legend(fontsize=8)


def plot_recorded_budgets(
    figure: Figure, recordings: PlasticityRecordings, clouds: Mapping[str, tuple[pq.Quantity, pq.Quantity]]
) -> None:
    """Left: mean and variance of recorded EPSPs with minimal-energy boundaries at the budgets (relative
    units) that 5, 50 and 95 % of the connections of Sjöström et al. imply before induction. Right: sd after
    induction predicted with the line fitted to the others.

    `clouds` are mean and sd of the response of each connection by the name of the study; boundaries are those
    of the first.
    """
    left, right = figure.subplots(1, 2)
    for (name, (mean, sd)), colour in zip(clouds.items(), (BLUE, VERMILION, GREEN, PURPLE), strict=False):
        label = f"{name} (n = {mean.size})"
        left.loglog(mean.magnitude, sd.magnitude**2, ".", color=colour, markersize=4, label=label)
    mean, sd = next(iter(clouds.values()))
    line, law = np.array([0.005, 5.0]), BudgetLaw()
    for cv in np.quantile((sd / mean).simplified.magnitude, (0.05, 0.5, 0.95)):
        left.loglog(line, (cv * line) ** 2, color="black", linewidth=0.8)
        text = f"E = {float(law.budget_for(float(cv))):.2f}"
        left.annotate(text, (line[0], (cv * line[0]) ** 2), fontsize=7, va="bottom")
    left.set(xlabel="mean EPSP (mV)", ylabel="variance of the EPSP (mV²)")
    for induction, colour in (("LTP", BLUE), ("LTD", VERMILION)):
        chosen = recordings.induced(induction)
        change = fit_budget_change(*chosen.moments_before, *chosen.moments_after)
        label = f"{induction} (n = {len(chosen)}), rms log error {change.error:.2f}"
        observed, predicted = chosen.moments_after[1].magnitude, change.predicted_sd.magnitude
        right.loglog(observed, predicted, ".", color=colour, label=label)
    ends = np.array(right.get_xlim())
    right.loglog(ends, ends, color="black", linewidth=0.8)
    right.xaxis.set_minor_formatter("")
    right.set(xlabel="recorded sd after induction (mV)", ylabel="predicted sd (mV)")
    for axes in (left, right):
        axes.legend(fontsize=7)
