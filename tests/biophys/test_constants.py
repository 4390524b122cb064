"""ATP and joules convert through the free energy of hydrolysis."""

import pytest
import quantities as pq

from biophys import constants
from biophys.constants import ATP_FREE_ENERGY, AVOGADRO, Constant, atp_of, joules_of
from biophys.units import ATP


def test_a_mole_of_atp_gives_its_free_energy():
    mole = float(AVOGADRO * pq.mol) * ATP
    assert float(joules_of(mole)) == pytest.approx(50e3)
    assert float(joules_of(mole, 60e3 * pq.J / pq.mol)) == pytest.approx(60e3)


def test_rates_give_watts_and_back():
    power = joules_of(1e9 * ATP / pq.minute)
    assert power.dimensionality == pq.W.dimensionality
    assert float(atp_of(power).rescale(ATP / pq.minute)) == pytest.approx(1e9)
    assert float(atp_of(joules_of(123 * ATP))) == pytest.approx(123.0)


def test_other_quantities_are_refused():
    with pytest.raises(ValueError, match="atp must be in ATP"):
        joules_of(1 * pq.mV)
    with pytest.raises(ValueError, match="joules or watts"):
        atp_of(1 * pq.mV)


def test_a_constant_lies_inside_its_range():
    assert ATP_FREE_ENERGY.low < ATP_FREE_ENERGY.value < ATP_FREE_ENERGY.high
    with pytest.raises(ValueError, match="inside its range"):
        Constant(1 * pq.J, 2 * pq.J, 3 * pq.J, "nobody")


def test_shares_of_signalling_energy_are_the_published_ones():
    # Howarth, Gleeson & Attwell (2012), abstract: receptors 50 %, action potentials 21 %, release 5 %,
    # recycling of transmitter 4 %; one spike in four releases a vesicle.
    per_vesicle = {
        50: constants.ION_FLUX_PER_VESICLE.value,
        21: constants.SPIKE_PER_BOUTON.value / 0.25,
        5: constants.CALCIUM_PER_VESICLE.value + constants.CYCLING_PER_VESICLE.value,
        4: constants.TRANSMITTER_PER_VESICLE.value,
    }
    for share, cost in per_vesicle.items():
        found = 50 * float(cost / constants.ION_FLUX_PER_VESICLE.value)
        assert found == pytest.approx(share, abs=0.5)


def test_every_constant_says_where_it_comes_from_and_what_is_assumed():
    found = [value for value in vars(constants).values() if isinstance(value, Constant)]
    assert len(found) == 9
    for constant in found:
        assert constant.source and any(word in constant.note.lower() for word in ("confirmed", "not seen"))
