"""Figures of the energy budget: the precision that it buys, and what recorded connections imply."""

from collections.abc import Mapping

import numpy as np
import quantities as pq
from matplotlib.figure import Figure

from biophys.energy_budget import BudgetLaw, fit_budget_change
from biophys.palette import BLUE, GREEN, PURPLE, VERMILION
from biophys.realisation_costs import minimal_sd
from biophys.recordings.recorded_connections import PlasticityRecordings


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
