"""The biological cost bounds the entropic one, with equality where the paper says."""

import numpy as np
import pytest
import quantities as pq

from biophys.entropic_bound import biological_cost, bound_gap, entropic_cost
from biophys.optimal_precision import ReliabilityCost


def test_entropic_cost_is_minus_the_entropy_of_a_normal_distribution():
    from scipy.stats import norm

    for sd in (0.1, 1.0, 7.0):
        assert float(entropic_cost(sd * pq.mV)) == pytest.approx(-norm(scale=sd).entropy())


def test_bound_holds_everywhere_and_is_tight_only_at_equality():
    rng = np.random.default_rng(6)
    ratio, rho = np.exp(rng.uniform(-10, 10, 100_000)), rng.uniform(0, 8, 100_000)
    gap = bound_gap(ratio, rho)
    assert np.all(gap >= 0)
    assert np.all(gap[(np.abs(np.log(ratio)) > 1e-3) & (rho > 1e-3)] > 0)
    assert float(bound_gap(1.0, 3.0)) == 0.0


def test_gap_vanishes_with_rho_as_half_rho_log_squared():
    for rho in (1e-3, 1e-6, 1e-12):
        assert float(bound_gap(5.0, rho)) == pytest.approx(rho * np.log(5) ** 2 / 2, rel=2e-3)
    assert float(bound_gap(5.0, 0.0)) == 0.0


def test_series_and_direct_formula_join():
    x = np.array([0.999e-3, 1.001e-3])
    gap = bound_gap(np.exp(1.0), x)
    np.testing.assert_allclose(gap, np.expm1(x) / x - 1, rtol=1e-9)


def test_difference_of_the_costs_is_that_of_the_reliability_cost():
    cost = ReliabilityCost(4 / 3, 0.2 * pq.mV)
    sd = np.array([0.05, 0.2, 1.0]) * pq.mV
    constant = biological_cost(sd, 4 / 3, 0.2 * pq.mV) - cost(sd)
    np.testing.assert_allclose(constant, -3 / 4 - 0.5 * np.log(2 * np.pi * np.e * 0.2**2), rtol=1e-12)
    assert cost.multiplier == pytest.approx(0.2 ** (4 / 3) / (4 / 3))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"rho must be .*at least 0, got -1"):
        bound_gap(1.0, -1.0)
    with pytest.raises(ValueError, match=r"ratio must be .*above 0, got 0"):
        bound_gap(0.0, 1.0)
    with pytest.raises(TypeError, match="sd must carry a unit"):
        entropic_cost(1.0)
    with pytest.raises(ValueError, match="s must have the dimension"):
        biological_cost(1 * pq.mV, 1.0, 1 * pq.pA)
