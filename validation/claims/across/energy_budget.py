"""X11: the best n and p of a budget of two costs, and its 5th power."""

import numpy as np
import quantities as pq

from biophys import energy_costs as costs
from biophys.energy_budget import BudgetLaw, exponents_by_budget
from biophys.recordings.recorded_budgets import plot_precision
from validation.criteria import below, exact, in_every
from validation.registry import Context, Findings, claim_figure, measures
from validation.statement import CROSS_CHECK, Claim, analytic, recorded, row, rows

# The costs are inferred from the abstract so that they give its exponent: only the search is a test.
_FIFTH = "a search over n and p finds the fifth power that the formula has"
SEARCHED = analytic("X11a", _FIFTH, CROSS_CHECK, in_every(exact(5.0, 1e-3), "budget"))
# The rule is known from summaries only: that this form of it fails is no evidence against the paper's.
_BETTER = "the change of the budget predicts the variance after plasticity better than simpler rules"
_ACCURATE = "accurate prediction of post-plasticity variance"
PREDICTS = recorded("X11b", _BETTER, CROSS_CHECK, below(0.0), _ACCURATE, unit="recordings")
_SAID = (
    "The best use of an energy budget, on calcium and on vesicles, makes precision grow with its 5th power; "
    "the change of the budget predicts the variance after plasticity"
)
_SOURCE = "Malkin, O'Donnell & Houghton 2026, arXiv 2602.15787, abstract"
_DEVIATION = (
    "The rule for the change of the budget is inferred from summaries: on depressed connections a constant "
    "sd predicts better."
)
X11 = Claim("X11", _SAID, _SOURCE, (SEARCHED, PREDICTS), _DEVIATION)
_MEAN, _EXPONENT = 1.0 * pq.mV, "exponent of sigma^-2 ~ E^k at the best n and p of a budget"


@measures(X11)
def exponent_of_a_budget(context: Context) -> Findings:
    """Find how precision grows with the budget of two costs, by formula and by search.

    Budget law: only the abstract of Malkin, O'Donnell & Houghton (2026) was at hand. Inferred: a calcium cost
    (p/(1-p))^(1/4) of the whole synapse plus a cost of every vesicle kept ready, n. Their best mixture has
    precision growing as the 5th power of the budget, with 4/5 of it spent on calcium, which fits the
    abstract's 'dominant' and 'smaller' cost; at the best n and p the cost exponent is rho = 2/5. If turnover
    is paid only for released vesicles (n p), the exponent is 5 only at budgets that make p near 1. At small
    budgets the best synapse has ever more sites with ever lower p. Only a cost proportional to n gives 5.
    """
    law, about = BudgetLaw(), {"costs": "calcium + n"}
    budgets, fine = (np.geomspace(6.0, 60.0, n) * pq.dimensionless for n in (9, 400))
    real, whole = law.fitted_exponent(budgets), law.fitted_exponent(fine, whole_sites=True)
    fitted = {"formula, real n": real, "formula, whole n": whole}
    yield from rows(X11, fitted, _EXPONENT, "route", condition=about, published=5.0)
    searched, condition = exponents_by_budget(law.cost, budgets, _MEAN), {**about, "route": "search, real n"}
    yield row(SEARCHED, searched, _EXPONENT, condition=condition, along="budget")
    for name, other, low, high in (
        ("n p, p near 1", costs.trafficking_cost(), 30.0, 40.0),
        ("membrane", costs.vesicle_membrane_cost(), 10.0, 14.0),
        ("actin", costs.actin_cost(), 10.0, 14.0),
    ):
        both, ends = costs.calcium_pump_cost() + other, np.array([low, high]) * pq.dimensionless
        (k,) = exponents_by_budget(both, ends, _MEAN).values()
        condition = {"costs": f"calcium + {name}", "E": f"{low:g} to {high:g}"}
        yield row(X11, k, _EXPONENT, condition=condition, published=5.0)
    yield claim_figure(plot_precision)
