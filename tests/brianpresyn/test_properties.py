"""Properties of units and of plastic release in Brian2, tried on values that hypothesis chooses."""

import numpy as np
import pytest
import quantities as pq
from brian2 import Network, NeuronGroup, defaultclock, mV, nS, pA
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from biophys import ReleasePlasticity, updated_release_probability
from biophys.release_plasticity import FORMS
from brianpresyn import (
    SynapseCode,
    bernoulli_release,
    from_brian,
    given_signal,
    release_plasticity,
    synapses,
    to_brian,
)
from brianpresyn.targets import code_generation

cheap = settings(max_examples=50, deadline=None, derandomize=True)
# Synapses that one simulation tries at once.
N = 60


@cheap
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5), st.sampled_from(["mV", "pA", "nS"]))
def test_units_survive_the_way_to_brian_and_back(values, unit):
    there = to_brian(np.array(values) * getattr(pq, unit))
    assert there.dim is {"mV": mV, "pA": pA, "nS": nS}[unit].dim
    back = from_brian(there, getattr(pq, unit))
    assert np.allclose(back.magnitude, values, rtol=1e-12, atol=1e-300)


@pytest.fixture(scope="module", params=FORMS)
def learning(request):
    """Yield a rule and the network that runs it once, with p, q and the signal free."""
    rule = ReleasePlasticity(
        p_up=0.3, p_down=0.2, g_lim=1.0, p_min=0.1, p_max=0.95, p_freeze=0.9, form=request.param
    )
    code = bernoulli_release(0.5, q=1 * mV) + SynapseCode("free signal", model="g_free : 1")
    code += release_plasticity(rule, given_signal("g_free"))
    with code_generation("numpy"):
        source = NeuronGroup(N, "drive : 1", threshold="drive > 0.5")
        source.drive = 1
        target = NeuronGroup(N, "v : volt")
        connection = synapses(source, target, code, connect="i == j", seed=1, name=f"by_{request.param}")
        network = Network(source, target, connection)
        network.store()
        yield rule, network, connection


# A simulation takes too long to look for the simplest example that fails.
@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    p=st.lists(st.floats(0.1, 0.95), min_size=N, max_size=N),
    q=st.lists(st.floats(-5, 5), min_size=N, max_size=N),
    g=st.lists(st.floats(-3, 3), min_size=N, max_size=N),
)
def test_p_moves_by_the_rule_and_the_expected_strength_stays(learning, p, q, g):
    rule, network, connection = learning
    network.restore()
    connection.p, connection.q, connection.g_free = p, q * mV, g
    network.run(defaultclock.dt)
    moved = np.array(connection.p)
    assert np.all((rule.p_min <= moved) & (moved <= rule.p_max))
    assert np.allclose(moved, updated_release_probability(np.array(p), np.array(g), rule), rtol=0, atol=1e-12)
    assert np.allclose(moved * np.array(connection.q / mV), np.multiply(p, q), rtol=1e-12, atol=1e-300)
