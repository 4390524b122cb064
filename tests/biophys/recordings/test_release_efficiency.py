"""Recorded release probabilities compared with the one that transmits most bits per ATP."""

import numpy as np
import pytest

from biophys.information_efficiency import TransmissionCost, bernoulli_input, optimal_release_probability
from biophys.recordings.release_efficiency import efficiency, median_of


def best_p(n_sites):
    return optimal_release_probability(bernoulli_input(0.01), n_sites, TransmissionCost()).p


@pytest.mark.parametrize("n_sites", [1, 5, 10])
def test_synapses_at_the_optimum_are_fully_efficient(n_sites):
    found = efficiency([best_p(n_sites)] * 5, n_sites, 0.01, np.arange(5), rng=np.random.default_rng(1))
    assert found.relative.value == pytest.approx(1.0)
    assert found.relative.interval == pytest.approx((1.0, 1.0))


def test_synapses_off_the_optimum_are_less_efficient_on_either_side():
    best = best_p(5)
    for factor, share in ((0.5, 0.0), (3.0, 1.0)):
        found = efficiency([best * factor] * 5, 5, 0.01, np.arange(5), rng=np.random.default_rng(1))
        assert 0.3 < found.relative.value < 0.97
        assert found.share_above == share


def test_each_synapse_is_compared_with_the_best_at_its_own_number_of_sites():
    sites = [1, 5, 10]
    found = efficiency(list(map(best_p, sites)), sites, 0.01, np.arange(3), rng=np.random.default_rng(1))
    assert found.relative.value == pytest.approx(1.0) and found.optimum.n == 1


def test_the_median_is_numpys_and_its_interval_holds_it():
    values = np.random.default_rng(1).uniform(size=31)
    median = median_of(values, np.arange(31), np.random.default_rng(2))
    assert median.value == np.median(values)
    low, high = median.interval
    # Order statistics 10 and 22 of 31 enclose the median with 97 % probability.
    ordered = np.sort(values)
    assert ordered[7] <= low < median.value < high <= ordered[23]
