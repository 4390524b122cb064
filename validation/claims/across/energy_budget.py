"""X11: the best n and p of a budget of two costs, and what it says of recorded connections."""

from functools import partial
from typing import Any

import numpy as np
import quantities as pq

from biophys import energy_costs as costs
from biophys.budget_plots import plot_precision, plot_recorded_budgets
from biophys.cost_exponents import fit_cost_exponent
from biophys.energy_budget import BudgetLaw, ChangeSize, budget_exponents
from biophys.estimates import exactly
from biophys.recordings.recorded_budgets import budget_growth, budget_prediction, budget_spread
from biophys.recordings.recorded_connections import INDUCTIONS
from validation.criteria import below, exact, in_every
from validation.data.allen_synapses import allen_synapses_here
from validation.data.recordings import read_ko2013, read_sjostrom2001
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, Rendering, analytic, recorded, row

BUDGET_EXPONENT = 5.0
"""Malkin, O'Donnell & Houghton 2026, arXiv 2602.15787, abstract."""

# The costs are inferred from the abstract so that they give its exponent: only the search is a test.
_FIFTH = "a search over n and p finds the fifth power that the formula has"
SEARCHED = analytic("X11a", _FIFTH, CROSS_CHECK, in_every(exact(BUDGET_EXPONENT, 1e-3), "budget"))
# The rule is known from summaries only: that this form of it fails is no evidence against the paper's.
PREDICTS = recorded(
    "X11b",
    "the change of the budget predicts the variance after plasticity better than simpler rules",
    CROSS_CHECK,
    below(0.0),
    "accurate prediction of post-plasticity variance",
    unit="recordings",
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
_EXPONENT = "exponent of sigma^-2 ~ E^k at the best n and p of a budget"


@measures(X11)
def exponent_of_a_budget(context: Context) -> Findings:
    """Find how precision grows with the budget of two costs, by formula and by search.

    Budget law: only the abstract of Malkin, O'Donnell & Houghton (2026) was at hand. Inferred: a calcium cost
    (p/(1-p))^(1/4) of the whole synapse plus a cost of every vesicle kept ready, n. Their best mixture has
    precision growing as the 5th power of the budget, with 4/5 of it spent on calcium, which fits the
    abstract's 'dominant' and 'smaller' cost; at the best n and p the cost exponent is rho = 2/5.

    If turnover is paid only for released vesicles (n p), the exponent is 5 only at budgets that make p near
    1. At small budgets the best synapse has ever more sites with ever lower p.
    """
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
    for name, other, ends in (
        ("n p, p near 1", costs.trafficking_cost(), (30.0, 40.0)),
        ("membrane", costs.vesicle_membrane_cost(), (10.0, 14.0)),
        ("actin", costs.actin_cost(), (10.0, 14.0)),
    ):
        both, budget = costs.calcium_pump_cost() + other, np.array(ends) * pq.dimensionless
        condition = {"costs": f"calcium + {name}", "E": f"{ends[0]:g} to {ends[1]:g}"}
        yield observed(exactly(budget_exponents(both, budget, 1.0 * pq.mV)[0]), condition=condition)
    yield claim_figure(plot_precision)


_SIZES: tuple[ChangeSize, ...] = ("squared", "relative")


@measures(X11, rendering=Rendering.RECORDED, data_sets=("sjostrom2001", "ko2013"))
def recorded_budgets(context: Context) -> Findings:
    """Find the budgets that recorded connections imply, and what their change predicts.

    Recorded budgets are relative (both cost scales 1) and follow from sd / mean alone: E ~ (mean / sd)^(2/5).
    The fifth root compresses: a tenfold range of precision is a factor 1.6 in the budget, so that any cloud
    of connections lies near one budget on that scale.

    The published p and q of Sjöström et al. suppose 5.5 sites at every connection, so that a change of n
    cannot be seen; the change of budget is that of p / (1 - p) to the power 1/5.

    The rule for the change of the budget is a line in mean / sd, which goes as E^(5/2): on (change of
    mean)^2 / mean before, as a public summary of the preprint has it (squared), or on abs(change) / mean
    before, as the abstract's words may be read (relative). It is fitted to potentiated and depressed
    connections apart: their budgets change in opposite directions. On potentiated ones it predicts better
    than a constant budget or sd, on the 14 depressed ones a constant sd predicts best.
    """
    recordings, n_resamples = read_sjostrom2001(), 2_000 if context.is_quick else 20_000
    drawn: dict[str, Any] = {"rng": np.random.default_rng(context.seed), "n_resamples": n_resamples}
    for induction in INDUCTIONS:
        chosen, about = recordings.induced(induction), {"rows": induction}
        quantity = "geometric mean of the implied budget after over before induction"
        yield row(X11, budget_growth(chosen, **drawn), quantity, condition=about)
        for size in _SIZES:
            rms, lead = budget_prediction(chosen, size, **drawn)
            condition = {**about, "change of the mean": size}
            quantity = "rms error of log sd after induction, predicted from the change of the budget"
            yield row(X11, rms, quantity, condition=condition)
            quantity = (
                "squared error of log sd less that of the better of a constant budget and a constant sd"
            )
            yield row(PREDICTS if size == "squared" else X11, lead, quantity, condition=condition)
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
        quantity, condition = "sd of the log of the implied budget over connections", {"connections": name}
        published = "connections cluster near a minimal-energy boundary"
        yield row(X11, budget_spread(mean, sd, **drawn), quantity, condition=condition, published=published)
    caption = (
        "Left: mean and variance of recorded EPSPs with minimal-energy boundaries at the budgets "
        "(relative units) that 5, 50 and 95 % of the connections of Sjöström et al. imply before "
        "induction. Right: sd after induction predicted with the line fitted to the others, n = "
        f"{len(recordings)} rows."
    )
    draw = partial(plot_recorded_budgets, recordings=recordings, clouds=clouds)
    yield claim_figure(draw, caption, (9.5, 4))
