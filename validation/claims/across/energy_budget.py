"""X11: the precision that an energy budget buys, and the budgets that recorded connections imply."""

from collections.abc import Callable
from functools import partial

import numpy as np
import quantities as pq
from numpy.typing import NDArray

from biophys.bootstrap import bootstrap
from biophys.budget_plots import plot_precision, plot_recorded_budgets
from biophys.cost_exponents import fit_cost_exponent
from biophys.energy_budget import BudgetLaw, ChangeSize, budget_exponents, fit_budget_change, implied_budget
from biophys.energy_costs import actin_cost, calcium_pump_cost, trafficking_cost, vesicle_membrane_cost
from biophys.estimates import Estimate, exactly, transformed
from biophys.recordings.recorded_connections import PlasticityRecordings
from validation.criteria import below, exact, in_every
from validation.data.allen_synapses import allen_synapses_here
from validation.data.recordings import read_ko2013, read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Clause, Rendering, row

BUDGET_EXPONENT = 5.0
"""Malkin, O'Donnell & Houghton 2026, arXiv 2602.15787, abstract."""

# The costs are inferred from the abstract so that they give its exponent: only the search is a test.
SEARCHED = Clause(
    "X11a",
    "a search over n and p finds the fifth power that the formula has",
    CROSS_CHECK,
    in_every(exact(BUDGET_EXPONENT, 1e-3), "budget"),
    rendering=Rendering.ANALYTIC,
)
# The rule is known from summaries only: that this form of it fails is no evidence against the paper's.
PREDICTS = Clause(
    "X11b",
    "the change of the budget predicts the variance after plasticity better than simpler rules",
    CROSS_CHECK,
    below(0.0),
    "accurate prediction of post-plasticity variance",
    unit="recordings",
    rendering=Rendering.RECORDED,
)
X11 = Claim(
    "X11",
    "The best use of an energy budget, on calcium and on vesicles, makes precision grow with its 5th power; "
    "the change of the budget predicts the variance after plasticity",
    "Malkin, O'Donnell & Houghton 2026, arXiv 2602.15787, abstract",
    (SEARCHED, PREDICTS),
    "The rule for the change of the budget is inferred from summaries: on depressed connections a constant "
    "sd predicts better.",
)
_observed = partial(row, X11)
_SIZES: tuple[ChangeSize, ...] = ("squared", "relative")
_EXPONENT = "exponent of sigma^-2 ~ E^k at the best n and p of a budget"


@measures(X11)
def exponent_of_a_budget(context: Context) -> Findings:
    """Find how precision grows with the budget of two costs, by formula and by search."""
    law, observed = BudgetLaw(), partial(row, X11, quantity=_EXPONENT, published=BUDGET_EXPONENT)
    budgets, fine = (np.geomspace(6.0, 60.0, n) * pq.dimensionless for n in (9, 400))
    routes = {"formula, real n": (budgets, False), "formula, whole n": (fine, True)}
    for route, (at, is_whole) in routes.items():
        slope = fit_cost_exponent(law.least_cv(at, whole_sites=is_whole), at).exponent
        fitted = exactly(2.0 / slope, how="least squares over budgets")
        yield observed(fitted, condition={"costs": "calcium + n", "route": route})
    local = budget_exponents(law.cost, budgets, 1.0 * pq.mV)
    middles = np.sqrt(budgets.magnitude[1:] * budgets.magnitude[:-1])
    searched = {f"{e:.3g}": exactly(float(k)) for e, k in zip(middles, local, strict=True)}
    condition = {"costs": "calcium + n", "route": "search, real n"}
    yield row(SEARCHED, searched, _EXPONENT, condition=condition, along="budget")
    # Only a cost proportional to n gives 5 throughout.
    calcium = calcium_pump_cost()
    for name, cost, ends in (
        ("calcium + n p, p near 1", calcium + trafficking_cost(), (30.0, 40.0)),
        ("calcium + membrane", calcium + vesicle_membrane_cost(), (10.0, 14.0)),
        ("calcium + actin", calcium + actin_cost(), (10.0, 14.0)),
    ):
        exponent = budget_exponents(cost, np.array(ends) * pq.dimensionless, 1.0 * pq.mV)[0]
        condition = {"costs": name, "E": f"{ends[0]:g} to {ends[1]:g}"}
        yield observed(exactly(float(exponent)), condition=condition)
    caption = (
        "Precision of the best synapse within each budget (both cost scales 1): by formula with "
        "real-valued n, by search over n and p, and with whole n. Computed, not sampled."
    )
    yield claim_figure(plot_precision, caption)
    yield from _BUDGET_REMARKS


_BUDGET_REMARKS = (
    "Budget law: only the abstract of Malkin, O'Donnell & Houghton (2026) was at hand. Inferred: a "
    "calcium cost (p/(1-p))^(1/4) of the whole synapse plus a cost of every vesicle kept ready, n. Their "
    "best mixture has precision growing as the 5th power of the budget, with 4/5 of it spent on calcium, "
    "which fits the abstract's 'dominant' and 'smaller' cost; at the best n and p the cost exponent is "
    "rho = 2/5.",
    "If turnover is paid only for released vesicles (n p), the exponent is 5 only at budgets that make p "
    "near 1. At small budgets the best synapse has ever more sites with ever lower p.",
)


@measures(X11, rendering=Rendering.RECORDED, data_sets=("sjostrom2001", "ko2013"))
def recorded_budgets(context: Context) -> Findings:
    """Find the budgets that recorded connections imply, and what their change predicts."""
    recordings, rng = read_sjostrom2001(), np.random.default_rng(context.seed)
    resampled = partial(bootstrap, rng=rng, n_resamples=2_000 if context.is_quick else 20_000)
    for induction in ("LTP", "LTD"):
        chosen = recordings.induced(induction)
        before, after = (implied_budget(*m).magnitude for m in (chosen.moments_before, chosen.moments_after))
        quantity = "geometric mean of the implied budget after over before induction"
        growth = transformed(_mean(np.log(after / before), chosen, resampled), np.exp)
        yield _observed(growth, quantity, condition={"rows": induction})
        for size in _SIZES:
            yield from _prediction(induction, chosen, size, resampled)
    ko = read_ko2013()
    clouds = {
        "Sjöström et al. before": recordings.moments_before,
        "Sjöström et al. after": recordings.moments_after,
        "Ko et al.": (ko.mean, np.sqrt(ko.variance)),
    }
    if allen := [synapse for synapse in allen_synapses_here() if synapse.sd > 0 * pq.mV]:
        moments = np.array([[float(synapse.mean), float(synapse.sd)] for synapse in allen])
        clouds["Allen Institute"] = tuple(moments.T * pq.mV)
    for name, (mean, sd) in clouds.items():
        quantity = "sd of the log of the implied budget over connections"
        published = "connections cluster near a minimal-energy boundary"
        spread = _spread(mean, sd, resampled)
        yield _observed(spread, quantity, condition={"connections": name}, published=published)
    caption = (
        "Left: mean and variance of recorded EPSPs with minimal-energy boundaries at the budgets "
        "(relative units) that 5, 50 and 95 % of the connections of Sjöström et al. imply before "
        "induction. Right: sd after induction predicted with the line fitted to the others, n = "
        f"{len(recordings)} rows."
    )
    draw = partial(plot_recorded_budgets, recordings=recordings, clouds=clouds)
    yield claim_figure(draw, caption, (9.5, 4))
    yield from _RECORDED_REMARKS


_RECORDED_REMARKS = (
    "Recorded budgets are relative (both cost scales 1) and follow from sd / mean alone: E ~ (mean / "
    "sd)^(2/5). The fifth root compresses: a tenfold range of precision is a factor 1.6 in the budget, so "
    "that any cloud of connections lies near one budget on that scale.",
    "The published p and q of Sjöström et al. suppose 5.5 sites at every connection, so that a change of "
    "n cannot be seen; the change of budget is that of p / (1 - p) to the power 1/5.",
    "The rule for the change of the budget is a line in mean / sd, which goes as E^(5/2): on |change of "
    "mean|^2 / mean before, as a public summary of the preprint has it (squared), or on |change| / mean "
    "before, as the abstract's words may be read (relative). It is fitted to potentiated and depressed "
    "connections apart: their budgets change in opposite directions. On potentiated ones it predicts "
    "better than a constant budget or sd, on the 14 depressed ones a constant sd predicts best.",
)


def _prediction(
    induction: str, chosen: PlasticityRecordings, size: ChangeSize, resampled: Callable[..., Estimate]
) -> Findings:
    """Yield how well the change of the budget predicts the sd after induction, and simpler rules."""
    (mean_before, sd_before), (mean_after, sd_after) = chosen.moments_before, chosen.moments_after
    change = fit_budget_change(mean_before, sd_before, mean_after, sd_after, size=size)
    error, *simpler = (
        np.log(predicted.magnitude / sd_after.magnitude) ** 2
        for predicted in (change.predicted_sd, sd_before * mean_after / mean_before, sd_before)
    )
    condition = {"rows": induction, "change of the mean": size}
    how = (
        "each row predicted from the others; constant budget "
        f"{change.error_of_constant_budget:.3f}, constant sd {change.error_of_constant_sd:.3f}; slope "
        f"{change.slope:.2f} ± {change.slope_error:.2f}"
    )
    rms = exactly(change.error, n=len(error), unit="rows", how=how)
    quantity = "rms error of log sd after induction, predicted from the change of the budget"
    yield _observed(rms, quantity, condition=condition)
    lead = _mean(error - min(simpler, key=np.mean), chosen, resampled)
    quantity = "squared error of log sd less that of the better of a constant budget and a constant sd"
    yield row(PREDICTS if size == "squared" else X11, lead, quantity, condition=condition)


def _mean(
    values: NDArray[np.float64], chosen: PlasticityRecordings, resampled: Callable[..., Estimate]
) -> Estimate:
    """Return the mean over the rows, of which whole recordings are resampled."""
    return resampled(
        lambda w: w @ values / w.sum(axis=1), len(values), clusters=chosen.recording, unit="recordings"
    )


def _spread(mean: pq.Quantity, sd: pq.Quantity, resampled: Callable[..., Estimate]) -> Estimate:
    """Return how far connections spread in the log of their budget, and how far above a boundary they lie."""
    law = BudgetLaw()
    cv = (sd / mean).simplified.magnitude
    budget = law.budget_for(float(np.quantile(cv, 0.05)))
    # The law's own boundary, not the search's: the budgets are relative, so that n may come out below one.
    distance = 2.0 * np.log(cv / float(law.least_cv(budget)))

    def spread(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        log_budget = -0.4 * np.log(cv)
        share = weights / weights.sum(axis=1, keepdims=True)
        centre = share @ log_budget
        return np.sqrt(np.sum(share * (log_budget - centre[:, None]) ** 2, axis=1))

    how = (
        f"median variance is {np.exp(np.median(distance)):.2f} times the least at the budget that 5 % of "
        "connections exceed"
    )
    return resampled(spread, cv.size, unit="connections", how=how)
