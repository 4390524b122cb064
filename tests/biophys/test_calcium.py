"""Calcium and release probability are each other's inverse."""

import numpy as np
import pytest
import quantities as pq

from biophys.calcium import HillRelation


@pytest.mark.parametrize("cooperativity", [1.0, 2.5, 4.0])
def test_calcium_and_release_probability_are_inverse(cooperativity):
    hill = HillRelation(cooperativity, 8 * pq.uM)
    p = np.array([0.0, 0.01, 0.5, 0.93])
    np.testing.assert_allclose(hill.release_probability(hill.calcium(p)), p, rtol=1e-12)


def test_half_calcium_gives_one_half_in_any_unit():
    hill = HillRelation(4.0, 10 * pq.uM)
    assert float(hill.release_probability(0.01 * pq.mM)) == pytest.approx(0.5)
    assert float(hill.calcium(0.5).rescale(pq.M)) == pytest.approx(1e-5)


def test_odds_grow_with_the_fourth_power():
    hill = HillRelation()
    low, high = hill.release_probability([1, 2] * pq.uM)
    assert (high / (1 - high)) / (low / (1 - low)) == pytest.approx(16.0)


def test_extreme_calcium_saturates_without_overflow():
    hill = HillRelation()
    np.testing.assert_array_equal(hill.release_probability([0, 1e300] * pq.uM), [0.0, 1.0])


def test_impossible_values_are_refused():
    hill = HillRelation()
    with pytest.raises(ValueError, match="p must be below 1, got 1"):
        hill.calcium(1.0)
    with pytest.raises(ValueError, match=r"calcium must be .*at least 0, got -1"):
        hill.release_probability(-1 * pq.uM)
    with pytest.raises(TypeError, match="calcium must carry a unit"):
        hill.release_probability(3.0)
    with pytest.raises(ValueError, match=r"cooperativity must be .*above 0, .*got 0"):
        HillRelation(0.0)
    with pytest.raises(ValueError, match="half_calcium"):
        HillRelation(4.0, 1 * pq.mV)
