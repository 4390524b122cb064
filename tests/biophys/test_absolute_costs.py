"""Absolute costs agree with the published budgets and carry their uncertainty."""

import numpy as np
import pytest
import quantities as pq

from biophys.absolute_costs import ReferenceSynapse, budget_table, costs_at_rate, resting_costs, spike_costs
from biophys.quantal import QuantalSynapse
from biophys.units import ATP

REFERENCE = QuantalSynapse(1, 0.25, 0.2 * pq.mV)


def test_a_released_vesicle_costs_what_the_published_budget_says():
    # Attwell & Laughlin (2001): 1.64e5 ATP per vesicle released, with the calcium of p = 0.25.
    per_vesicle = float(spike_costs()(REFERENCE)) / 0.25
    assert per_vesicle == pytest.approx(1.64e5, rel=0.005)


def test_calcium_follows_the_hill_relation_away_from_the_reference():
    calcium = spike_costs().laws[0]
    assert float(calcium(REFERENCE)) == pytest.approx(0.25 * 1.2e4)
    ratio = float(calcium(QuantalSynapse(1, 0.75, 0.2 * pq.mV)) / calcium(REFERENCE))
    assert ratio == pytest.approx(9.0**0.25)


def test_cost_per_second_is_spikes_times_rate_plus_rest():
    synapse = QuantalSynapse([2, 6], [0.3, 0.6], 0.1 * pq.mV)
    total = costs_at_rate(5 * pq.Hz)(synapse).rescale(ATP / pq.s).magnitude
    expected = 5 * spike_costs()(synapse).magnitude + resting_costs()(synapse).rescale(ATP / pq.s).magnitude
    np.testing.assert_allclose(total, expected, rtol=1e-12)


def test_rate_may_have_any_unit_of_frequency():
    fast = costs_at_rate(0.005 * pq.kHz)(REFERENCE)
    assert float(fast.rescale(ATP / pq.s)) == pytest.approx(float(costs_at_rate(5 * pq.Hz)(REFERENCE)))


def test_table_sums_to_the_total_and_brackets_it():
    synapse = QuantalSynapse(5, 0.4, 0.2 * pq.mV)
    rows = budget_table(synapse, 4 * pq.Hz)
    assert sum(row.atp_per_second for row in rows) == pytest.approx(float(costs_at_rate(4 * pq.Hz)(synapse)))
    assert sum(row.share for row in rows) == pytest.approx(1.0)
    for row in rows:
        assert row.low < row.atp_per_second < row.high and row.source
        assert row.watts == pytest.approx(row.atp_per_second * 50e3 / 6.02214076e23)


def test_a_reference_of_another_size_rescales_what_depends_on_q():
    doubled = spike_costs(ReferenceSynapse(q=0.4 * pq.mV))
    at_double = QuantalSynapse(1, 0.25, 0.4 * pq.mV)
    assert float(doubled(at_double)) == pytest.approx(float(spike_costs()(REFERENCE)))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one synapse, got an array"):
        budget_table(QuantalSynapse([1, 2], 0.5, 1 * pq.mV), 4 * pq.Hz)
    with pytest.raises(TypeError, match="rate must carry a unit"):
        costs_at_rate(4.0)
    with pytest.raises(ValueError, match=r"rate must be .*above 0, got 0"):
        costs_at_rate(0 * pq.Hz)
    with pytest.raises(ValueError, match="estimate must be"):
        spike_costs(estimate="median")
    with pytest.raises(ValueError, match="p must be a number above 0 and below 1"):
        ReferenceSynapse(p=1.0)
