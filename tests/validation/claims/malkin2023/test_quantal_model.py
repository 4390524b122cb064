"""M01, M02, M12 and S21 hold, and it would be noticed if they did not."""

import numpy as np
import pytest

from validation.claims.malkin2023 import optimal_variance
from validation.claims.malkin2023.optimal_variance import M01, M02, M12
from validation.claims.schug2021.failures_of_many_sites import S21, failures_of_many_sites
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict, verdict_on

YES, NO = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED


def verdicts(claim, function):
    found = evidence_of(function(Context(seed=7)))
    return [verdict_on(clause, found.measurements) for clause in claim.clauses]


@pytest.mark.parametrize(
    ("claim", "function"),
    [
        (M01, optimal_variance.quantal_moments),
        (M02, optimal_variance.cost_exponents),
        (M12, optimal_variance.entropic_bound),
        (S21, failures_of_many_sites),
    ],
)
def test_claims_are_reproduced_with_figures(claim, function):
    found = evidence_of(function(Context(seed=7)))
    assert combined_verdict(claim, found.measurements) is YES
    assert found.figures and all(figure.caption.endswith(".") for figure in found.figures)


def test_biased_draws_are_noticed(monkeypatch):
    drawn = optimal_variance.drawn_moments
    monkeypatch.setattr(optimal_variance, "drawn_moments", lambda *args: 1.02 * drawn(*args))
    assert verdicts(M01, optimal_variance.quantal_moments) == [YES, NO]


def test_a_law_that_fails_is_noticed(monkeypatch):
    table = optimal_variance.exponent_table()
    wrong = [*table[:3], table[2]]
    monkeypatch.setattr(optimal_variance, "exponent_table", lambda: wrong)
    monkeypatch.setattr(optimal_variance, "LAWS", dict.fromkeys(optimal_variance.LAWS, M02.clauses[3]))
    assert verdicts(M02, optimal_variance.cost_exponents)[3] is NO


def test_a_violation_of_the_bound_is_noticed(monkeypatch):
    monkeypatch.setattr(optimal_variance, "bound_gap", lambda ratio, rho: -0.1 - ratio * 0 - rho * 0)
    assert verdicts(M12, optimal_variance.entropic_bound) == [NO, NO, NO]


def test_release_probability_needed_by_ten_sites():
    rows = evidence_of(failures_of_many_sites(Context())).measurements
    p = [m.measured for m in rows if m.condition["N"] == 10]
    np.testing.assert_allclose(p, [0.9**10, 0.0876, 0.1134], atol=5e-5)
