"""Sweeps at fixed mean recover the paper's exponents and show where they fail."""

import numpy as np
import pytest
import quantities as pq
from matplotlib.figure import Figure

from biophys.cost_exponents import (
    exponent_map,
    exponent_table,
    fit_cost_exponent,
    plot_exponent_map,
    plot_exponents,
    sweep_cost,
)
from biophys.energy_costs import calcium_pump_cost, trafficking_cost
from biophys.quantal import QuantalSynapse


def test_the_papers_exponents_are_recovered():
    rows = exponent_table()
    found = {(row.mechanism, row.varying): row.fit.exponent for row in rows[:4]}
    assert found == {
        ("calcium pump", "p"): pytest.approx(1 / 2, abs=1e-9),
        ("vesicle membrane", "n"): pytest.approx(2 / 3, abs=1e-9),
        ("actin", "n"): pytest.approx(4 / 3, abs=1e-9),
        ("trafficking", "n"): pytest.approx(2.0, abs=1e-9),
    }
    assert all(row.holds for row in rows[:4])


def test_trafficking_bought_with_p_follows_eq_18():
    small, wide = exponent_table()[4:]
    assert small.holds and not wide.holds
    low, high = wide.fit.local_range
    assert low == pytest.approx(2 * (1 - 0.98), abs=0.05)
    assert high == pytest.approx(2 * (1 - 0.02), abs=0.05)


@pytest.mark.parametrize("cooperativity", [2.0, 3.0, 5.0])
def test_calcium_exponent_is_two_over_the_cooperativity(cooperativity):
    row = exponent_table(cooperativity=cooperativity)[0]
    assert row.fit.exponent == pytest.approx(2 / cooperativity, abs=1e-9)


def test_sweeps_keep_the_mean_and_change_the_sd():
    start = QuantalSynapse(5, 0.3, 0.2 * pq.mV)
    for varying, values in [("n", [1, 3, 9]), ("p", [0.1, 0.5, 0.9])]:
        sweep = sweep_cost(trafficking_cost(), start, varying=varying, values=values)
        np.testing.assert_allclose(sweep.synapses.mean.rescale(pq.mV).magnitude, 0.3, rtol=1e-12)
        assert np.all(np.diff(sweep.sd.magnitude) < 0)


def test_the_law_that_was_drawn_comes_back_with_its_scale():
    sd, mean = np.geomspace(0.1, 1.0, 6), np.array([1.0, 2.0, 1.0, 4.0, 3.0, 1.0])
    fit = fit_cost_exponent(sd, 3 * sd**-1.3)
    assert (fit.exponent, fit.log_scale) == (pytest.approx(1.3), pytest.approx(np.log(3)))
    fit = fit_cost_exponent(sd, 3 * sd**-1.3 * (mean / mean.mean()) ** 0.7, mean=mean)
    assert (fit.exponent, fit.log_scale) == (pytest.approx(1.3), pytest.approx(np.log(3)))


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_interval_covers_the_exponent_of_noisy_costs(confidence):
    rng = np.random.default_rng(5)
    sd = np.geomspace(0.1, 1.0, 12)
    covered = 0
    for _ in range(1000):
        cost = 3 * sd**-1.3 * np.exp(0.2 * rng.standard_normal(12))
        low, high = fit_cost_exponent(sd * pq.mV, cost, confidence=confidence).interval
        covered += low <= 1.3 <= high
    assert abs(covered / 1000 - confidence) < 5 * np.sqrt(confidence * (1 - confidence) / 1000)


def test_map_of_a_mixture_lies_between_the_exponents_of_its_parts():
    mixture = calcium_pump_cost() + trafficking_cost(scale=0.2 * pq.dimensionless)
    n, p = [1, 4, 50], [0.05, 0.5, 0.95]
    exponents = exponent_map(mixture, 0.3 * pq.mV, n=n, p=p, varying="p")
    assert exponents.shape == (3, 3)
    of_trafficking = 2 * (1 - np.array(p))
    low, high = np.minimum(0.5, of_trafficking), np.maximum(0.5, of_trafficking)
    assert np.all((exponents > low) & (exponents < high))
    synapse = QuantalSynapse(4, 0.5, 0.15 * pq.mV)
    assert exponents[1, 1] == pytest.approx(float(mixture.local_exponent(synapse, "p")))


def test_map_is_drawn_for_both_ways_to_buy_precision():
    figure = Figure((9, 4))
    plot_exponent_map(figure, trafficking_cost(), 0.3 * pq.mV)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["bought with n", "bought with p"]


def test_figure_has_labelled_axes():
    figure = Figure((9, 4))
    plot_exponents(figure)
    assert [bool(axes.get_xlabel() and axes.get_ylabel()) for axes in figure.axes] == [True, True]


def test_bad_sweeps_and_fits_are_refused():
    start = QuantalSynapse(5, 0.3, 0.2 * pq.mV)
    with pytest.raises(ValueError, match=r"one synapse .*shape \(2,\)"):
        sweep_cost(calcium_pump_cost(), QuantalSynapse([1, 2], 0.3, 1 * pq.mV), varying="n", values=[1, 2])
    with pytest.raises(ValueError, match="mean is not 0"):
        sweep_cost(calcium_pump_cost(), QuantalSynapse(1, 0.0, 1 * pq.mV), varying="n", values=[1, 2])
    with pytest.raises(ValueError, match=r"p must be .*inside \(0, 1\), got 1 at index 1"):
        sweep_cost(calcium_pump_cost(), start, varying="p", values=[0.5, 1.0])
    with pytest.raises(ValueError, match="n must be a positive integer"):
        sweep_cost(calcium_pump_cost(), start, varying="n", values=[0.5, 1.0])
    with pytest.raises(ValueError, match="at least three"):
        fit_cost_exponent([1, 2], [1, 2])
    with pytest.raises(ValueError, match="all sd are equal"):
        fit_cost_exponent([1, 1, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="cost must be a line of positive finite numbers, got 0"):
        fit_cost_exponent([1, 2, 3], [1, 0, 3])
    with pytest.raises(ValueError, match="errors at index 0 are 0, and others not"):
        fit_cost_exponent([1, 2, 3, 4], [4, 3, 2, 1], cost_error=[0, 0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match="sd must be finite, got"):
        fit_cost_exponent([1, 2, np.nan] * pq.mV, [1, 2, 3])


def test_a_variance_or_a_response_in_the_wrong_place_is_refused():
    cost, sd = [3.0, 2.0, 1.0] * pq.W, [1.0, 2.0, 3.0] * pq.mV
    for wrong, message in [
        ((sd**2, cost), "a variance"),
        ((sd * pq.kg, cost), "sd must"),
        ((cost, sd), "sd must"),
    ]:
        with pytest.raises(TypeError, match=message):
            fit_cost_exponent(*wrong)
    with pytest.raises(TypeError, match=r"cost must be .* got mV"):
        fit_cost_exponent(sd / sd.units, sd)


@pytest.mark.parametrize(
    ("of_sd", "of_cost", "scatter"), [(0.1, 0.05, 0.0), (0.2, 0.1, 0.0), (0.2, 0.0, 0.3)]
)
def test_errors_in_both_variables_give_exponents_that_are_not_diluted(of_sd, of_cost, scatter):
    rng, fits = np.random.default_rng(6), []
    sd = np.geomspace(1.0, 4.0, 30)
    for _ in range(200):
        cost = sd**-1.5 * np.exp(scatter * rng.normal(size=30))
        x, y = sd * np.exp(of_sd * rng.normal(size=30)), cost * np.exp(of_cost * rng.normal(size=30))
        fits.append(fit_cost_exponent(x * pq.mV, y, sd_error=of_sd * x * pq.mV, cost_error=of_cost * y))
    n_held = sum(fit.interval[0] <= 1.5 <= fit.interval[1] for fit in fits)
    # Least squares of the second would give 1.5 * 0.16 / (0.16 + 0.04) = 1.2.
    assert abs(np.mean([fit.exponent for fit in fits]) - 1.5) < 0.07
    assert n_held >= 0.9 * 200


def test_sds_that_only_their_errors_may_make_unlike_are_refused():
    sd = np.exp(0.2 * np.random.default_rng(1).normal(size=20))
    with pytest.raises(ValueError, match="by little more than its errors"):
        fit_cost_exponent(sd, sd**-1.0, sd_error=0.2 * sd)
    assert fit_cost_exponent(sd, sd**-1.0, sd_error=0.02 * sd).exponent == pytest.approx(1.0, abs=0.05)


def test_means_that_differ_are_fitted_beside_the_sd():
    rng = np.random.default_rng(7)
    mean, sd = rng.uniform(1, 2, 30), rng.uniform(0.5, 1.5, 30)
    cost = sd**-2.0 * mean**3
    fit = fit_cost_exponent(sd * pq.mV, cost, mean=mean * pq.mV)
    assert fit.exponent == pytest.approx(2.0)
    for rounded in (sd, np.round(sd, 3), sd**0.7 * np.exp(0.01 * rng.normal(size=30))):
        with pytest.raises(ValueError, match="the means differ"):
            fit_cost_exponent(sd * pq.mV, cost, mean=rounded * 3.0 * pq.mV)
