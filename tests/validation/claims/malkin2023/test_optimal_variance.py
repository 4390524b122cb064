"""M09 and M15: the slopes of the optimal variance are those of the paper, and others would be noticed."""

from types import SimpleNamespace

import numpy as np
import pytest

from biophys import optimal_precision
from rate_models.experiments import linear_regression
from validation.claims.malkin2023 import optimal_variance
from validation.claims.malkin2023.optimal_variance import M09, M15
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict, verdict_on, worst_of


def evidence_from_regression(result):
    run = SimpleNamespace(experiment="linear", result=result)
    return evidence_of(optimal_variance.noise_of_a_regression_unit(run, Context()))


@pytest.mark.parametrize(
    ("claim", "function"),
    [(M09, optimal_variance.slopes_of_optimal_variance), (M15, optimal_variance.two_synapses)],
)
def test_claims_are_reproduced(claim, function):
    found = evidence_of(function(Context(seed=11)))
    assert combined_verdict(claim, found.measurements) is Verdict.REPRODUCED
    assert all(figure.caption for figure in found.figures)


def test_slopes_are_shown_for_each_cost_and_regressor():
    found = evidence_of(optimal_variance.slopes_of_optimal_variance(Context()))
    slopes = [m for m in found.measurements if m.is_observation]
    assert len(slopes) == 12
    for m in slopes:
        assert m.measured == pytest.approx(m.published, abs=0.02)


def test_a_slope_of_another_cost_is_noticed(monkeypatch):
    monkeypatch.setattr(optimal_precision, "optimal_sd", _with_exponent(optimal_precision.optimal_sd, 2.0))
    found = evidence_of(optimal_variance.slopes_of_optimal_variance(Context())).measurements
    assert [verdict_on(clause, found) for clause in M09.clauses[1:]] == [Verdict.NOT_REPRODUCED] * 3


def _with_exponent(function, rho):
    return lambda importance, cost: function(importance, type(cost)(rho, cost.s))


def test_inverse_regression_is_unbiased_where_the_errors_are_in_x():
    rng = np.random.default_rng(1)
    y = rng.normal(size=4000)
    slope, error = optimal_precision.inverse_regression(2 * y + rng.normal(size=4000), y)
    assert slope == pytest.approx(0.5, abs=5 * error)
    assert error < 0.01


def test_equal_noise_that_costs_less_is_noticed(monkeypatch):
    right = optimal_precision.optimal_sd
    monkeypatch.setattr(
        optimal_precision, "optimal_sd", lambda h, cost: right(1 / h.magnitude / cost.s**2, cost)
    )
    found = evidence_of(optimal_variance.two_synapses(Context())).measurements
    assert [verdict_on(clause, found) for clause in M15.clauses] == [Verdict.NOT_REPRODUCED] * 2


def test_regression_units_on_and_off_the_optimum():
    result = linear_regression.run(
        linear_regression.Config(n_inputs=6, n_data=40, n_steps=40, seeds=(1, 2, 3))
    )
    jitter = np.exp(0.003 * (result.seed - 2))
    exact = result.assign(
        sigma=(result.optimum * jitter).transpose("rho", "seed", "synapse"),
        posterior_sd=(result.exact_posterior_sd * jitter).transpose("seed", "synapse"),
    )
    # The optimum follows the sample's mean x^2 exactly.
    found = evidence_from_regression(exact).measurements
    assert worst_of(each.verdict for each in found) is Verdict.AGREES
    untrained = exact.assign(sigma=0 * exact.sigma + 0.1 * jitter)
    found = evidence_from_regression(untrained).measurements
    assert worst_of(each.verdict for each in found) is Verdict.DISAGREES
