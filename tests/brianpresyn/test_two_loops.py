"""C++ standalone goes through the active synapses in two loops, and releases what other targets do."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, device, ms, prefs, set_device
from brian2.devices.device import reset_device

from brianpresyn import bernoulli_release, binomial_release, energy_ledger, release_counters, synapses
from brianpresyn.plasticity import ReleasePlasticity, release_plasticity
from brianpresyn.synapse_code import Stage, SynapseCode
from brianpresyn.targets import code_generation
from brianpresyn.update_signals import pair_stdp

N_RECEIVERS = 7


def fan_out(numbers):
    """Return the indices of neurons with these numbers of synapses, several onto the same receiver."""
    pre = np.repeat(np.arange(len(numbers)), numbers)
    return {"i": pre, "j": np.arange(pre.size) % N_RECEIVERS}


def networks():
    """Return a network whose synapses follow each other in runs of every length, and its synapses by name."""
    source = NeuronGroup(6, "phase : 1", threshold="sin(t/ms*(1 + 0.3*i) + phase) > 0", reset="")
    # Integers, so that the order of sums changes nothing.
    receiver = NeuronGroup(N_RECEIVERS, "v : 1\nw : 1", threshold="cos(t/ms*(2 + i)) > 0.5", reset="")
    numbers = (1, 7, 8, 40, 255, 600)
    n_synapses = sum(numbers)
    p = np.linspace(0, 1, n_synapses)
    p[::5] = np.round(256 * p[::5]) / 256
    n = 1 + np.arange(n_synapses) % 21
    pieces = {
        "one": bernoulli_release(p, q=1),
        "many": binomial_release(n, p, q=1),
        "scattered": binomial_release(n, p, q=1),
        "shared": binomial_release(12, 0.37, q=1, shared=True),
        "shared by many": binomial_release(40, 0.9, q=1, shared=True),
        "kept": binomial_release(n, p, q=1).recordable(released="integer"),
        "plastic": bernoulli_release(np.clip(p, 0.1, 0.9), mean=1.0, target="w")
        + release_plasticity(ReleasePlasticity(), pair_stdp(), strength="strength"),
    }
    built = {
        name: synapses(
            source,
            receiver,
            code + release_counters(),
            connect=fan_out(numbers),
            seed=3,
            name=name.replace(" ", "_"),
            numbering="contacts" if name == "kept" else "creation",
        )
        for name, code in pieces.items()
    }
    built["scattered"].pre.delay = (np.arange(n_synapses) * 7 % 11) * 0.1 * ms
    return Network(source, receiver, *built.values()), receiver, built


def outcome(target):
    """Return what every synapse released, what the receivers got, and where p moved to."""
    with code_generation(target):
        network, receiver, built = networks()
        network.run(6 * ms)
        released = {name: np.array(own.n_vesicles) for name, own in built.items()}
        return released, np.array(receiver.v), np.array(built["plastic"].p)


@pytest.mark.standalone
def test_two_loops_release_what_one_does():
    released, v, p = outcome("cpp_standalone")
    expected, expected_v, expected_p = outcome("numpy")
    for name, own in expected.items():
        assert own.max() > 1
        np.testing.assert_array_equal(released[name], own, err_msg=name)
    np.testing.assert_array_equal(v, expected_v)
    np.testing.assert_allclose(p, expected_p, rtol=1e-12)
    assert np.ptp(expected_p - np.clip(np.linspace(0, 1, expected_p.size), 0.1, 0.9)) > 0.01


def source_of(code, tmp_path, **options):
    """Return the C++ of the presynaptic pathway, which is written and not compiled."""
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    try:
        source = NeuronGroup(2, "x : 1", threshold="x > 0", reset="")
        receiver = NeuronGroup(2, "v : 1\nlimit : 1")
        own = synapses(source, receiver, code, connect=True, seed=1, **options)
        Network(source, receiver, own).run(1 * ms)
        device.build(directory=str(tmp_path), compile=False, run=False)
        return next((tmp_path / "code_objects").glob("synapses*_pre_codeobject*.cpp")).read_text()
    finally:
        device.reinit()
        reset_device()


def is_in_two_loops(source):
    return "_carried_" in source


def loops(source):
    """Return the C++ of the loops over synapses whose numbers follow each other."""
    return source.split("_number = _presyn_run_length(")[1].split("for (int _k = 0; _k < _number; _k++)")[1:]


def test_release_is_drawn_before_any_neuron_is_touched(tmp_path):
    draw, act = loops(source_of(bernoulli_release(0.5, q=1), tmp_path / "a"))
    assert "_presyn_bernoulli(" in draw and "v_post" not in draw and "v_post += _amount" in act
    gather, amount, act = loops(source_of(binomial_release(3, 0.5, q=1), tmp_path / "b"))
    assert "binomial_draws(" in gather and "released * q" in amount and "v_post += _amount" in act


def test_loop_stays_one_where_order_matters(tmp_path):
    brian2_draws = bernoulli_release(0.5, q=1, draws="brian2")
    assert not is_in_two_loops(source_of(brian2_draws, tmp_path / "a"))
    of_the_neuron = SynapseCode("gate", on_pre={Stage.PROBABILITY: "open = int(v_post < limit_post)"})
    gated = bernoulli_release(0.5, q=1) + of_the_neuron
    assert not is_in_two_loops(source_of(gated, tmp_path / "b"))


def test_loop_is_brian2s_if_the_preference_says_so(tmp_path):
    try:
        prefs["devices.brianpresyn.two_loops"] = False
        assert "_carried" not in source_of(bernoulli_release(0.5, q=1), tmp_path)
    finally:
        prefs["devices.brianpresyn.two_loops"] = True


def test_energy_is_added_up_in_the_first_loop(tmp_path):
    code = bernoulli_release(0.5, q=1)
    source = source_of(code + energy_ledger(code, quantum=1.0), tmp_path)
    first, second = loops(source)
    assert "calcium_entry +=" in first and "v_post +=" in second and "calcium_entry" not in second


def test_draws_are_shared_among_threads(tmp_path):
    try:
        prefs["devices.cpp_standalone.openmp_threads"] = 2
        source = source_of(bernoulli_release(0.5, q=1), tmp_path)
    finally:
        prefs["devices.cpp_standalone.openmp_threads"] = 0
    shared, alone = source.split("#pragma omp parallel for")[1].split("_k < _num_active;")
    assert "_presyn_bernoulli(" in shared and "v_post" not in shared and "v_post +=" in alone


@pytest.mark.standalone
def test_threads_release_what_numpy_does():
    try:
        prefs["devices.cpp_standalone.openmp_threads"] = 2
        released, v, p = outcome("cpp_standalone")
    finally:
        prefs["devices.cpp_standalone.openmp_threads"] = 0
    expected, expected_v, expected_p = outcome("numpy")
    for name, own in expected.items():
        np.testing.assert_array_equal(released[name], own, err_msg=name)
    np.testing.assert_array_equal(v, expected_v)
    np.testing.assert_allclose(p, expected_p, rtol=1e-12)
