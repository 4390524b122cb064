"""The cheapest synapse is the cheapest of all, and the boundary is where it costs the budget."""

import numpy as np
import pytest
import quantities as pq

from biophys.energy_costs import (
    actin_cost,
    calcium_pump_cost,
    ion_flux_cost,
    trafficking_cost,
    vesicle_membrane_cost,
)
from biophys.quantal import synapse_with
from biophys.realisation_costs import cheapest_realisation, distance_from_boundary, minimal_sd

SMALL = 0.1 * pq.dimensionless

MIXTURES = [
    calcium_pump_cost() + vesicle_membrane_cost(scale=SMALL),
    calcium_pump_cost() + actin_cost(scale=SMALL) + ion_flux_cost(),
    calcium_pump_cost() + trafficking_cost(scale=SMALL),
    vesicle_membrane_cost(),
    calcium_pump_cost(),
]


@pytest.mark.parametrize("cost", MIXTURES)
def test_cheapest_whole_number_of_sites_is_found_by_trying_all(cost):
    rng = np.random.default_rng(2)
    mean = rng.lognormal(size=40) * pq.mV
    sd = mean * rng.uniform(0.05, 2.0, 40)
    best = cheapest_realisation(mean, sd, cost, n_max=60)
    all_costs = np.array([cost(synapse_with(mean, sd, n=n)).magnitude for n in range(1, 61)])
    np.testing.assert_array_equal(best.n, 1 + np.argmin(all_costs, axis=0))
    np.testing.assert_allclose(best.cost.magnitude, all_costs.min(axis=0), rtol=1e-10)


def test_realisation_has_the_moments_asked_for():
    best = cheapest_realisation(-0.7 * pq.mV, 0.3e-3 * pq.V, MIXTURES[0])
    assert float(best.synapse.mean) == pytest.approx(-0.7)
    assert float(best.synapse.sd) == pytest.approx(0.3)


def test_real_sites_cost_no_more_than_whole_ones():
    mean, sd = 1 * pq.mV, np.linspace(0.1, 1, 9) * pq.mV
    whole = cheapest_realisation(mean, sd, MIXTURES[0])
    real = cheapest_realisation(mean, sd, MIXTURES[0], whole_sites=False)
    assert np.all(real.cost.magnitude <= whole.cost.magnitude * (1 + 1e-12))
    assert np.all(np.abs(real.n - whole.n) < 1)


def test_boundary_is_where_the_cheapest_synapse_costs_the_budget():
    cost, mean = MIXTURES[0], np.array([0.5, 1.0, 2.0]) * pq.mV
    budget = 2.0 * pq.dimensionless
    edge = minimal_sd(mean, cost, budget)
    at_edge = cheapest_realisation(mean, edge, cost, whole_sites=False)
    np.testing.assert_allclose(at_edge.cost.magnitude, 2.0, rtol=1e-6)
    below = cheapest_realisation(mean, 0.99 * edge, cost, whole_sites=False)
    assert np.all(below.cost.magnitude > 2.0)
    np.testing.assert_allclose(distance_from_boundary(mean, 3 * edge, cost, budget), 2 * np.log(3))


@pytest.mark.parametrize("cost", MIXTURES[:3])
def test_boundary_of_many_means_is_that_of_each(cost):
    # Means that a budget of 12 can pay, whatever is drawn.
    mean = np.random.default_rng(3).uniform(0.05, 3, 1000) * pq.mV
    budget = 12.0 * pq.dimensionless
    together = minimal_sd(mean, cost, budget)
    alone = minimal_sd(mean[:20], cost, budget)
    np.testing.assert_allclose(together[:20].magnitude, alone.magnitude, rtol=3e-4)


def test_equal_means_have_one_boundary():
    many = minimal_sd(np.full(500, -0.3) * pq.mV, MIXTURES[0], 2 * pq.dimensionless)
    one = minimal_sd(0.3 * pq.mV, MIXTURES[0], 2 * pq.dimensionless)
    np.testing.assert_allclose(many.magnitude, float(one), rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cheapest_realisation(0 * pq.mV, 1 * pq.mV, MIXTURES[0]), "mean must not be 0"),
        (lambda: cheapest_realisation(1 * pq.mV, 0 * pq.mV, MIXTURES[0]), "sd = 0 needs p = 1"),
        (lambda: minimal_sd(1 * pq.mV, MIXTURES[0], 0.01 * pq.dimensionless), "cheapest synapse"),
        (lambda: minimal_sd(0 * pq.mV, MIXTURES[0], 2 * pq.dimensionless), "mean must not be 0"),
        (lambda: minimal_sd(1 * pq.mV, MIXTURES[0], 1 * pq.mV), "budget must have the dimension"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
