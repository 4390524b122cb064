"""Optimal precision minimises the total cost, and follows its importance as the paper says."""

import numpy as np
import pytest
import quantities as pq

from biophys.optimal_precision import (
    ReliabilityCost,
    exponent_from_input_slope,
    linear_importance,
    optimal_sd,
    precision_slopes,
)

RHO = [1 / 2, 2 / 3, 4 / 3, 2.0]


def _total(sd, importance, costs):
    return 0.5 * importance * sd**2 + sum(cost(sd * pq.mV) for cost in costs)


@pytest.mark.parametrize("rho", RHO)
def test_optimal_sd_is_the_papers_root(rho):
    importance = np.array([0.3, 1.0, 50.0]) / pq.mV**2
    sd = optimal_sd(importance, ReliabilityCost(rho, 0.2 * pq.mV))
    np.testing.assert_allclose(sd.magnitude ** (rho + 2), 0.2**rho / importance.magnitude, rtol=1e-12)


@pytest.mark.parametrize("rhos", [[0.5], RHO, [2.0, 2.0], [0.01, 6.0]])
def test_optimal_sd_minimises_the_total_cost(rhos):
    costs = [ReliabilityCost(rho, (0.05 + 0.1 * i) * pq.mV) for i, rho in enumerate(rhos)]
    for importance in (1e-3, 1.0, 1e4):
        best = float(optimal_sd(importance / pq.mV**2, costs))
        at_best = _total(best, importance, costs)
        assert at_best < _total(best * 1.001, importance, costs)
        assert at_best < _total(best * 0.999, importance, costs)
        marginal = sum((float(cost.s) / best) ** cost.rho for cost in costs)
        assert importance * best**2 == pytest.approx(marginal, rel=1e-10)


def test_a_mixture_of_equal_costs_is_one_cost():
    half = ReliabilityCost(2.0, 0.1 / np.sqrt(2) * pq.mV)
    whole = ReliabilityCost(2.0, 0.1 * pq.mV)
    importance = 3.0 / pq.mV**2
    assert float(optimal_sd(importance, [half, half])) == pytest.approx(float(optimal_sd(importance, whole)))


def test_units_of_importance_and_scale_are_converted():
    cost = ReliabilityCost(2.0, 0.1 * pq.mV)
    in_volts = optimal_sd(4e6 / pq.V**2, cost)
    assert float(in_volts) == pytest.approx(float(optimal_sd(4.0 / pq.mV**2, cost)))


@pytest.mark.parametrize("rho", RHO)
def test_slopes_are_those_of_optimal_synapses(rho):
    cost, slopes = ReliabilityCost(rho, 0.1 * pq.mV), precision_slopes(rho)
    x2 = np.geomspace(0.1, 10, 7)
    log_variance = 2 * np.log(optimal_sd(x2 / pq.mV**2, cost).magnitude)
    fitted = np.polyfit(np.log(x2), log_variance, 1)[0]
    assert fitted == pytest.approx(slopes.on_input_power) == pytest.approx(slopes.on_importance)
    eta = x2**-0.5  # a learning rate inversely proportional to the root mean square gradient
    assert np.polyfit(np.log(eta), log_variance, 1)[0] == pytest.approx(slopes.on_learning_rate)
    assert np.polyfit(np.log(1 / x2), log_variance, 1)[0] == pytest.approx(slopes.on_posterior_variance)
    assert float(exponent_from_input_slope(slopes.on_input_power)) == pytest.approx(rho)


def test_importance_of_the_linear_model_is_the_second_derivative():
    rng = np.random.default_rng(1)
    x, y, epsilon = rng.normal(size=(30, 3)), rng.normal(size=30), 0.4
    importance = linear_importance(x, epsilon * pq.mV).rescale(1 / pq.mV**2).magnitude

    def performance(w):
        return np.sum((y - x @ w) ** 2) / (2 * epsilon**2)

    for i in range(3):
        step = 1e-3 * np.eye(3)[i]
        curvature = (performance(step) - 2 * performance(0 * step) + performance(-step)) / 1e-6
        assert importance[i] == pytest.approx(curvature, rel=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optimal_sd(3.0, ReliabilityCost(2.0, 1 * pq.mV)), TypeError, "importance must carry a unit"),
        (lambda: optimal_sd(3 / pq.mV, ReliabilityCost(2.0, 1 * pq.mV)), ValueError, "dimension"),
        (
            lambda: optimal_sd(0 / pq.mV**2, ReliabilityCost(2.0, 1 * pq.mV)),
            ValueError,
            "more noise is always",
        ),
        (lambda: optimal_sd(1 / pq.mV**2, []), ValueError, "at least one reliability cost"),
        (lambda: ReliabilityCost(0.0, 1 * pq.mV), ValueError, r"rho must be .*above 0, got 0"),
        (lambda: ReliabilityCost(1.0, 0.1), TypeError, "s must carry a unit"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
