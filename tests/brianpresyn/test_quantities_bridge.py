"""Units across the border between quantities and Brian2."""

import brian2 as b2
import numpy as np
import pytest
import quantities as pq

from biophys.quantal import QuantalSynapse
from brianpresyn.quantities_bridge import from_brian, to_brian

PAIRS = [
    (pq.mV, b2.mV),
    (pq.pA, b2.pA),
    (pq.nS, b2.nS),
    (pq.C, b2.coulomb),
    (pq.Hz, b2.Hz),
    (pq.J, b2.joule),
    (pq.mV * pq.ms, b2.mV * b2.ms),
]


@pytest.mark.parametrize("unit, brian_unit", PAIRS)
def test_values_survive_both_ways(unit, brian_unit):
    values = np.array([0.25, -3.0])
    there = to_brian(values * unit)
    assert there.dim is brian_unit.dim
    np.testing.assert_allclose(np.asarray(there), values * float(brian_unit), rtol=1e-12)
    np.testing.assert_allclose(from_brian(there, unit).magnitude, values, rtol=1e-12)


def test_a_plain_number_is_refused():
    with pytest.raises(TypeError, match=r"quantity must carry a unit.* got 0\.1"):
        to_brian(0.1)


def test_a_unit_that_brian2_lacks_is_refused():
    from biophys.units import ATP

    with pytest.raises(TypeError, match="no dimension for"):
        to_brian(3 * ATP)


def test_a_wrong_unit_is_refused():
    with pytest.raises(ValueError, match="quantity must have the dimension of unit, mV"):
        from_brian(1 * b2.nS, pq.mV)


def test_no_unit_of_brian2_is_stripped_by_the_numbers():
    for values in (300 * b2.mV, np.array([300, 200]) * b2.mV, [300 * b2.mV, 200 * b2.mV]):
        with pytest.raises(TypeError, match="p "):
            QuantalSynapse(5, p=values, q=0.2 * pq.mV)
