"""The best use of a budget is found by formula and by search, and its exponent is five."""

import numpy as np
import pytest
import quantities as pq
from scipy import stats

from biophys.energy_budget import BudgetLaw, budget_exponents, fit_budget_change, implied_budget
from biophys.energy_costs import calcium_pump_cost, trafficking_cost
from biophys.units import ATP

LAW = BudgetLaw(calcium=2.0 * ATP, vesicle=0.3 * ATP)


def _best_precision_by_grid(energy, a, b, h):
    n = np.linspace(1e-4, energy / b, 400_001)[:-1]
    return np.max(n * ((energy - b * n) / a) ** h)


@pytest.mark.parametrize("cooperativity", [1.0, 2.5, 4.0])
def test_allocation_is_the_best_of_all_that_spend_the_budget(cooperativity):
    law = BudgetLaw(2.0 * ATP, 0.3 * ATP, cooperativity)
    for energy in (3.0, 10.0):
        precision = float(law.least_cv(energy * ATP)) ** -2
        assert precision == pytest.approx(_best_precision_by_grid(energy, 2.0, 0.3, cooperativity), rel=1e-6)


def test_allocation_spends_the_budget_with_four_fifths_on_calcium():
    n, p = LAW.allocation(10.0 * ATP)
    calcium = 2.0 * (p / (1 - p)) ** 0.25
    assert calcium == pytest.approx(8.0) and n * 0.3 == pytest.approx(2.0)
    assert LAW.calcium_share == 0.8


def test_precision_grows_with_the_fifth_power():
    low, high = LAW.least_cv(5.0 * ATP), LAW.least_cv(10.0 * ATP)
    assert float(np.log2(low**2 / high**2)) == pytest.approx(5.0)


def test_search_finds_the_same_exponent_and_boundary():
    budgets = np.geomspace(3, 60, 4) * ATP
    np.testing.assert_allclose(budget_exponents(LAW.cost, budgets, 1 * pq.mV), 5.0, atol=1e-4)


def test_turnover_of_released_vesicles_has_exponent_five_only_at_high_p():
    # With n p instead of n the best n grows without limit at small budgets: the law is another one there.
    cost = calcium_pump_cost() + trafficking_cost()
    exponents = budget_exponents(cost, np.array([5.0, 6.0, 40.0, 50.0]) * pq.dimensionless, 1 * pq.mV)
    assert exponents[-1] == pytest.approx(5.0, abs=0.01)


def test_budget_and_precision_are_inverse():
    budget = np.array([2.0, 7.0]) * ATP
    np.testing.assert_allclose(LAW.budget_for(LAW.least_cv(budget)).magnitude, budget.magnitude)
    implied = implied_budget([1.0, 2.0] * pq.mV, [0.2, 0.4] * pq.mV, LAW)
    assert float(implied[0]) == pytest.approx(float(implied[1]))


def test_whole_sites_do_no_better_and_equally_well_where_n_is_whole():
    energy = np.linspace(1.5, 20, 50) * ATP
    real, whole = LAW.least_cv(energy), LAW.least_cv(energy, whole_sites=True)
    assert np.all(whole >= real * (1 - 1e-12))
    exact = 5 * 0.3 * 4 * ATP  # four sites
    assert float(LAW.least_cv(exact, whole_sites=True)) == pytest.approx(float(LAW.least_cv(exact)))


def test_the_best_number_of_whole_sites_is_the_best_of_all():
    law, n = BudgetLaw(2.0 * ATP, 3.0 * ATP, 2.5), np.arange(1, 30)
    for energy in (3.1, 7.0, 20.0, 50.0, 80.0):
        precision = np.max(n * (np.maximum(energy - 3.0 * n, 0.0) / 2.0) ** 2.5)
        assert float(law.least_cv(energy * ATP, whole_sites=True)) == pytest.approx(precision**-0.5)


@pytest.mark.parametrize("size", ["squared", "relative"])
def test_budget_change_is_recovered_and_predicts_the_sd(size):
    rng = np.random.default_rng(4)
    mu0, mu1 = rng.lognormal(size=200), rng.lognormal(size=200)
    snr0 = rng.uniform(1, 3, 200)
    power = 2 if size == "squared" else 1
    snr1 = snr0 + 0.4 * np.abs(mu1 - mu0) ** power / mu0 + 0.2 + 0.01 * rng.normal(size=200)
    change = fit_budget_change(mu0 * pq.mV, mu0 / snr0 * pq.mV, mu1 * pq.mV, mu1 / snr1 * pq.mV, size=size)
    assert change.slope == pytest.approx(0.4, abs=5 * change.slope_error)
    assert change.intercept == pytest.approx(0.2, abs=0.02)
    assert change.error < 0.02 < change.error_of_constant_budget < change.error_of_constant_sd


def test_left_out_predictions_are_those_of_refitted_lines():
    rng = np.random.default_rng(5)
    mu0, mu1 = rng.uniform(1, 2, (2, 12))
    # Far from 0, where no line through eleven of them leads.
    snr0, snr1 = rng.uniform(10, 11, (2, 12))
    change = fit_budget_change(mu0 * pq.mV, mu0 / snr0 * pq.mV, mu1 * pq.mV, mu1 / snr1 * pq.mV)
    keep = np.arange(12) != 3
    x, y = np.abs(mu1 - mu0) ** 2 / mu0, snr1 - snr0
    slope, intercept = np.polyfit(x[keep], y[keep], 1)
    expected = mu1[3] / (snr0[3] + slope * x[3] + intercept)
    assert float(change.predicted_sd[3]) == pytest.approx(expected)
    assert change.slope_error == pytest.approx(stats.linregress(x, y).stderr)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="vesicle must have the dimension"):
        BudgetLaw(1 * ATP, 1 * pq.dimensionless)
    with pytest.raises(ValueError, match="does not pay for one site"):
        LAW.least_cv(0.2 * ATP, whole_sites=True)
    with pytest.raises(ValueError, match="no budget makes a synapse noiseless"):
        LAW.budget_for(0.0)
    with pytest.raises(ValueError, match="at least five synapses"):
        fit_budget_change(*[[1.0, 2.0] * pq.mV] * 4)
    with pytest.raises(ValueError, match="same amount"):
        fit_budget_change(*[np.arange(1.0, 7.0) * pq.mV] * 4)
