"""Test to go into brian2/tests/test_openmp.py: synapses that write to a neuron outside of a pathway.

Run it with::

    pytest test_openmp_synapses_to_neurons.py
"""

import numpy as np
import pytest
from brian2 import NeuronGroup, Synapses, defaultclock, device, prefs, run, set_device

# Large, since threads lose an addition only when they meet.
N_SYNAPSES, N_STEPS, N_THREADS = 1_000_000, 200, 4


@pytest.fixture(autouse=True)
def several_threads():
    set_device("cpp_standalone", directory=None, build_on_run=False)
    prefs.devices.cpp_standalone.openmp_threads = N_THREADS
    yield
    prefs.devices.cpp_standalone.openmp_threads = 0
    device.reinit()
    device.activate()


def group_and_synapses():
    G = NeuronGroup(1, "v : 1")
    S = Synapses(G, G, "w : 1")
    S.connect("True", n=N_SYNAPSES)
    return G, S


@pytest.mark.openmp
@pytest.mark.cpp_standalone
@pytest.mark.standalone_only
def test_run_regularly_that_writes_to_the_target():
    G, S = group_and_synapses()
    S.run_regularly("v_post += 1")
    run(N_STEPS * defaultclock.dt)
    device.build(directory=None)
    assert np.asarray(G.v[:])[0] == N_SYNAPSES * N_STEPS


@pytest.mark.openmp
@pytest.mark.cpp_standalone
@pytest.mark.standalone_only
def test_assignment_that_writes_to_the_target():
    G, S = group_and_synapses()
    for _ in range(20):
        S.v_post = "v_post + 1"
    run(defaultclock.dt)
    device.build(directory=None)
    assert np.asarray(G.v[:])[0] == 20 * N_SYNAPSES
