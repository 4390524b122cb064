"""For brian2/tests/test_cpp_standalone.py, after ``test_openmp_scalar_writes``; the imports are there.

To try it by itself, put this file into brian2/tests and run::

    python -c "import brian2; brian2.test([], test_codegen_independent=False,
        test_standalone='cpp_standalone', test_openmp=True, additional_args=['-k', 'openmp_synapses'])"
"""

import pytest
from brian2 import *
from brian2.devices.device import reset_device, set_device
from numpy.testing import assert_equal


@pytest.mark.cpp_standalone
@pytest.mark.standalone_only
@pytest.mark.openmp
def test_openmp_synapses_run_regularly():
    # Synapses with the same target write to it (large, since threads lose an
    # addition only when they meet)
    set_device("cpp_standalone", build_on_run=False)
    prefs.devices.cpp_standalone.openmp_threads = 4
    G = NeuronGroup(1, "v : 1")
    S = Synapses(G, G, "w : 1")
    S.connect("True", n=1_000_000)
    S.run_regularly("v_post += 1")
    run(200 * defaultclock.dt)
    device.build(directory=None, with_output=False)
    assert_equal(G.v[:], 200_000_000)

    reset_device()


@pytest.mark.cpp_standalone
@pytest.mark.standalone_only
@pytest.mark.openmp
def test_openmp_synapses_assignment():
    set_device("cpp_standalone", build_on_run=False)
    prefs.devices.cpp_standalone.openmp_threads = 4
    G = NeuronGroup(1, "v : 1")
    S = Synapses(G, G, "w : 1")
    S.connect("True", n=1_000_000)
    for _ in range(20):
        S.v_post = "v_post + 1"
    run(defaultclock.dt)
    device.build(directory=None, with_output=False)
    assert_equal(G.v[:], 20_000_000)

    reset_device()
