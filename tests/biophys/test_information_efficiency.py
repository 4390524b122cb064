"""Bits and ATP of one synapse, with the published special cases."""

import numpy as np
import pytest
from scipy.stats import binom

from biophys.information_efficiency import (
    TransmissionCost,
    bernoulli_input,
    entropy_bits,
    failure_rate_of_levy_baxter,
    information_of_sum,
    information_per_energy,
    optimal_release_probability,
    optimal_synapse,
    poisson_input,
    transmitted_information,
)
from biophys.units import ATP

VESICLES_ONLY = TransmissionCost(per_vesicle=1e5 * ATP, per_spike=0 * ATP, calcium=0 * ATP)
WITHOUT_CALCIUM = TransmissionCost(calcium=0 * ATP)


def _information_of_joint(joint):
    return entropy_bits(joint.sum(0)) + entropy_bits(joint.sum(1)) - entropy_bits(joint.ravel())


def test_reliable_release_transmits_the_input_entropy():
    for s in (0.01, 0.3):
        pmf = bernoulli_input(s)
        assert float(transmitted_information(pmf, 3, 1.0)) == pytest.approx(float(entropy_bits(pmf)))
        assert float(transmitted_information(pmf, 3, 0.0)) == 0.0
    window = poisson_input(0.7)
    assert float(transmitted_information(window, 2, 1.0)) == pytest.approx(float(entropy_bits(window)))


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (4, 0.15), (3, 0.8)])
def test_information_is_that_of_the_joint_distribution(n, p):
    for pmf in (bernoulli_input(0.2), poisson_input(0.6)):
        spikes = np.arange(pmf.size)
        joint = pmf[:, None] * binom.pmf(np.arange(n * (pmf.size - 1) + 1), n * spikes[:, None], p)
        assert float(transmitted_information(pmf, n, p)) == pytest.approx(
            _information_of_joint(joint), rel=1e-9
        )


def test_spontaneous_release_only_loses_information():
    pmf = bernoulli_input(0.1)
    clean = float(transmitted_information(pmf, 3, 0.4))
    assert float(transmitted_information(pmf, 3, 0.4, spontaneous=1e-12)) == pytest.approx(clean, rel=1e-6)
    noisy = [float(transmitted_information(pmf, 3, 0.4, spontaneous=x)) for x in (0.01, 0.1, 1.0)]
    assert clean > noisy[0] > noisy[1] > noisy[2] > 0


def test_many_synapses_together_carry_what_each_carries_alone():
    pmf, n, p = poisson_input(0.6), np.array([[1, 3, 3], [2, 1, 3]]), np.array([0.2, 0.5, 0.9])
    together = transmitted_information(pmf, n, p, spontaneous=0.05)
    assert together.shape == (2, 3)
    for index in np.ndindex(2, 3):
        alone = transmitted_information(pmf, n[index], p[index[1]], spontaneous=0.05)
        assert together[index] == pytest.approx(float(alone), rel=1e-12)


def test_poisson_input_is_normalised_with_the_right_moments():
    pmf = poisson_input(2.5)
    counts = np.arange(pmf.size)
    assert pmf.sum() == pytest.approx(1.0)
    assert pmf @ counts == pytest.approx(2.5)
    assert pmf @ counts**2 - 2.5**2 == pytest.approx(2.5)


def test_energy_adds_up():
    cost = TransmissionCost(100 * ATP, 10 * ATP, 1 * ATP, calcium=50 * ATP)
    energy = float(cost(0.2, 3, 0.5))
    assert energy == pytest.approx(1 + 0.2 * (10 + 3 * 0.5 * 100 + 3 * 50))


def test_a_single_site_that_pays_for_vesicles_only_should_always_release():
    # Harris et al. (2012): with one site the bits per postsynaptic ATP rise with p all the way to one.
    best = optimal_release_probability(bernoulli_input(0.01), 1, VESICLES_ONLY)
    assert best.p == 1.0 and not best.is_interior
    s = 0.01
    assert best.bits_per_atp == pytest.approx(float(entropy_bits(bernoulli_input(s))) / (s * 1e5))


def test_the_optimum_falls_with_the_number_of_sites():
    # Harris et al. (2012), figure 3E.
    best = [optimal_release_probability(bernoulli_input(0.01), n, WITHOUT_CALCIUM) for n in (1, 2, 4, 10)]
    assert best[0].p == 1.0
    assert np.all(np.diff([b.p for b in best]) < 0)
    assert all(b.is_interior for b in best[1:])


def test_calcium_keeps_the_optimum_below_one_even_with_one_site():
    best = optimal_release_probability(bernoulli_input(0.01), 1, TransmissionCost())
    assert best.is_interior and 0.9 < best.p < 1.0


def test_optimum_is_the_best_of_a_grid():
    p = np.linspace(1e-4, 1 - 1e-4, 20_001)
    for n in (1, 3, 8):
        ratio = information_per_energy(bernoulli_input(0.02), n, p, TransmissionCost()).magnitude
        best = optimal_release_probability(bernoulli_input(0.02), n, TransmissionCost())
        assert best.p == pytest.approx(p[np.argmax(ratio)], abs=1e-4)
        assert best.bits_per_atp >= ratio.max() * (1 - 1e-12)


DEAR_CALCIUM = TransmissionCost(1e3 * ATP, 1e6 * ATP, calcium=1e5 * ATP, cooperativity=1.0)


@pytest.mark.parametrize("cost", [TransmissionCost(), DEAR_CALCIUM])
def test_best_synapse_is_the_best_of_a_grid_of_n_and_p(cost):
    n, p = np.arange(1, 11)[:, None], np.linspace(1e-3, 1, 2000)
    ratio = information_per_energy(bernoulli_input(0.02), n, p, cost).magnitude
    best = optimal_synapse(bernoulli_input(0.02), cost, n_max=10)
    place = np.unravel_index(np.argmax(ratio), ratio.shape)
    assert best.n == n[place[0], 0] and best.p == pytest.approx(p[place[1]], abs=1e-3)
    # One site is enough unless its calcium costs too much to make it reliable.
    assert (best.n > 1) == (cost is DEAR_CALCIUM)


def test_failure_rate_of_levy_and_baxter_balances_both_informations():
    s = np.array([0.01, 0.05, 0.2])
    exact = failure_rate_of_levy_baxter(s, is_exact=True)
    capacity = 0.5 * np.log2((1 - s * (1 - exact)) / exact)
    np.testing.assert_allclose(capacity, [float(entropy_bits(bernoulli_input(x))) for x in s], rtol=1e-12)
    np.testing.assert_allclose(failure_rate_of_levy_baxter(s[:1]), exact[:1], rtol=2e-3)


def test_summed_information_tends_to_the_gaussian_formula():
    s, f = 0.05, 0.6
    limit = 0.5 * np.log2((1 - s * (1 - f)) / f)
    errors = [abs(information_of_sum(n, s, f) - limit) for n in (200, 1000, 4000)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 1e-3


@pytest.mark.parametrize(("n", "s"), [(40, 0.9), (40, 0.01), (400, 0.005), (400, 0.1)])
def test_summed_information_leaves_out_nothing_that_counts(n, s):
    given = binom.pmf(np.arange(n + 1), np.arange(n + 1)[:, None], 0.4)
    joint = binom.pmf(np.arange(n + 1), n, s)[:, None] * given
    assert information_of_sum(n, s, 0.6) == pytest.approx(_information_of_joint(joint), rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bernoulli_input(0.0), "spike_probability must be .* above 0 and below 1, got 0"),
        (lambda: poisson_input(-1.0), "mean_count must be"),
        (lambda: transmitted_information([0.5, 0.6], 1, 0.5), "sum to 1"),
        (lambda: transmitted_information(bernoulli_input(0.1), 0, 0.5), "positive integer"),
        (lambda: transmitted_information(bernoulli_input(0.1), 1, 1.5), r"p must be .*\[0, 1\], got 1\.5"),
        (lambda: TransmissionCost(*[0 * ATP] * 3, calcium=0 * ATP), "at least one cost must be above 0"),
        (lambda: TransmissionCost(per_vesicle=-1 * ATP), "per_vesicle must be"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
