"""The measures of M01, M02 and S21 reproduce them, and would notice if they did not hold."""

import numpy as np
import pytest

from biophys.cost_exponents import exponent_table
from validation.claims import quantal_and_costs
from validation.claims.claim import Context, Verdict, combined_verdict


@pytest.mark.parametrize("measure", ["quantal_moments", "cost_exponents", "failures_of_many_sites"])
def test_claims_are_reproduced_with_figures(measure):
    evidence = getattr(quantal_and_costs, measure)(Context(seed=7))
    assert combined_verdict(evidence.measurements) is Verdict.REPRODUCED
    assert evidence.figures and all(figure.caption for figure in evidence.figures)


def test_exponents_are_measured_once_for_each_mechanism():
    evidence = quantal_and_costs.cost_exponents(Context())
    main = [m for m in evidence.measurements if not m.is_supporting]
    assert [m.condition["mechanism"] for m in main] == [
        "calcium pump",
        "vesicle membrane",
        "actin",
        "trafficking",
    ]
    np.testing.assert_allclose([m.measured for m in main], [1 / 2, 2 / 3, 4 / 3, 2])


def test_a_law_that_fails_is_reported_as_such():
    failing = exponent_table()[-1]
    assert quantal_and_costs._exponent(failing).verdict is Verdict.NOT_REPRODUCED


def test_biased_draws_are_noticed():
    error = np.full(30, 0.001)
    biased = quantal_and_costs._sampled_moment("mean", np.full(30, 1.004), error, 1000)
    assert biased.verdict is Verdict.NOT_REPRODUCED


def test_cited_release_probabilities_leave_the_failures_of_the_claim():
    evidence = quantal_and_costs.failures_of_many_sites(Context())
    cited = {m.condition["N"]: m for m in evidence.measurements if "cite" in m.quantity}
    assert cited[10].measured == pytest.approx(0.9**10)
    assert all(m.verdict is Verdict.REPRODUCED for m in cited.values())


def test_release_probability_needed_by_ten_sites():
    evidence = quantal_and_costs.failures_of_many_sites(Context())
    p = [m.measured for m in evidence.measurements if m.condition["N"] == 10 and not m.is_supporting]
    np.testing.assert_allclose(p, [0.0876, 0.1134], atol=5e-5)
