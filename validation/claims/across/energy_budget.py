"""X11: the precision that an energy budget buys, and the budgets that recorded connections imply."""

from functools import partial

import numpy as np
import quantities as pq

from biophys import energy_costs as costs
from biophys.budget_plots import plot_precision
from biophys.cost_exponents import fit_cost_exponent
from biophys.energy_budget import BudgetLaw, budget_exponents
from biophys.estimates import exactly
from validation.criteria import below, exact, in_every
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, analytic, recorded, row

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
