"""Units are checked at the door and ATP is a dimension of its own."""

import numpy as np
import pytest
import quantities as pq

from biophys.units import ATP, PSP_UNITS, checked_finite, fC, magnitude_in, positive_in, psp_unit_of


def test_magnitude_is_converted_and_keeps_its_shape():
    values = magnitude_in(np.array([[1.0, 2.0]]) * pq.V, pq.mV)
    np.testing.assert_array_equal(values, [[1000.0, 2000.0]])
    assert not isinstance(values, pq.Quantity)


def test_atp_converts_between_rates_and_not_to_joules():
    assert float((6e4 * ATP / pq.minute).rescale(ATP / pq.s)) == pytest.approx(1e3)
    with pytest.raises(ValueError, match="convert"):
        (1 * ATP).rescale(pq.J)


@pytest.mark.parametrize("unit", PSP_UNITS)
def test_every_kind_of_response_is_recognised(unit):
    assert psp_unit_of(3.0 * unit) is unit
    assert psp_unit_of(3.0 * (1000 * unit).units) is unit


def test_femtocoulomb_is_a_picoampere_for_a_millisecond():
    assert float((1 * pq.pA * pq.ms).rescale(fC)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0.1, TypeError, r"q must carry a unit .*0\.1\*pq\.mV.*got 0\.1"),
        (0.1 * pq.s, ValueError, r"q must have the dimension of pq\.mV, got 0\.1 s"),
    ],
)
def test_missing_and_wrong_units_are_named(value, error, message):
    with pytest.raises(error, match=message):
        magnitude_in(value, pq.mV, "q")


@pytest.mark.parametrize("value", [0.1, "0.1 mV", None])
def test_a_response_without_unit_is_refused(value):
    with pytest.raises(TypeError, match="must carry a unit"):
        psp_unit_of(value)


@pytest.mark.parametrize("value", [1 * pq.s, 1 * pq.dimensionless, 1 * pq.mV**2])
def test_a_response_of_the_wrong_dimension_is_refused(value):
    with pytest.raises(ValueError, match="potential, current, conductance or charge"):
        psp_unit_of(value)


@pytest.mark.parametrize(
    ("low", "high", "is_open", "value", "message"),
    [
        (0, 1, False, [0.2, 1.5, 2.0], r"x must be finite and in \[0, 1\], got 1\.5 at index 1 \(2 of 3"),
        (0, 1, True, 0.0, r"inside \(0, 1\), got 0"),
        (0, np.inf, False, -1.0, "at least 0, got -1"),
        (0, np.inf, True, 0.0, "above 0, got 0"),
        (-np.inf, np.inf, False, np.nan, "finite, got nan"),
        (0, np.inf, False, np.inf, "got inf"),
    ],
)
def test_values_outside_their_range_are_named(low, high, is_open, value, message):
    with pytest.raises(ValueError, match=message):
        checked_finite(value, "x", low, high, is_open=is_open)


def test_a_plain_number_must_not_carry_a_unit():
    with pytest.raises(TypeError, match="plain number without unit"):
        checked_finite(0.2 * pq.mV, "p", 0, 1)
    assert float(checked_finite(20 * pq.percent, "p", 0, 1)) == pytest.approx(0.2)


@pytest.mark.parametrize("value", [0.0, -2.0, np.nan])
def test_a_quantity_that_must_be_positive_is_checked_after_its_conversion(value):
    assert positive_in(0.002 * pq.V, pq.mV, "q") == pytest.approx(2.0)
    with pytest.raises(ValueError, match="q must be finite and above 0"):
        positive_in(np.array([1.0, value]) * pq.V, pq.mV, "q")
