"""Stationary release under depression and facilitation, against the recursion from spike to spike."""

import numpy as np
import pytest
import quantities as pq

from biophys.quantal import QuantalSynapse
from biophys.short_term_release import stationary_docked, stationary_facilitation, stationary_synapse


@pytest.mark.parametrize(
    "p, interval, tau_rec, tau_facil", [(0.5, 100, 800, 0), (0.05, 20, 100, 600), (1, 5, 9, 9)]
)
def test_stationary_values_are_where_the_recursion_ends(p, interval, tau_rec, tau_facil):
    u, x = 0.0, 1.0
    for _ in range(2000):
        u = (u * np.exp(-interval / tau_facil) if tau_facil else 0.0) * (1 - p) + p
        docked = x
        x = 1 - (1 - x * (1 - u)) * np.exp(-interval / tau_rec)
    times = interval * pq.ms, tau_rec * pq.ms, tau_facil * pq.ms
    assert stationary_facilitation(p, times[0], times[2]) == pytest.approx(u)
    assert stationary_docked(u, times[0], times[1]) == pytest.approx(docked)
    synapse = stationary_synapse(QuantalSynapse(3, p, 1 * pq.mV), *times)
    assert float(synapse.p) == pytest.approx(u * docked)


def test_a_rested_synapse_is_unchanged():
    synapse = QuantalSynapse(3, 0.4, 1 * pq.mV)
    assert float(stationary_synapse(synapse, 1e6 * pq.s, 1 * pq.s, 1 * pq.s).p) == pytest.approx(0.4)


def test_nothing_is_released_at_p_0():
    assert stationary_facilitation(0.0, 1 * pq.ms, 1e9 * pq.s) == 0.0


@pytest.mark.parametrize("interval", [0 * pq.ms, -1 * pq.ms])
def test_an_interval_must_be_positive(interval):
    with pytest.raises(ValueError, match="interval"):
        stationary_docked(0.5, interval, 1 * pq.s)
