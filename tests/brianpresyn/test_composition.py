"""The synapses stay Brian2's: reruns with other values, pathways, contacts, regular code, restoring."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms
from brian2.devices.device import get_device, reset_device, set_device
from brian2.utils.logger import catch_logs

from brianpresyn import (
    SynapseCode,
    bernoulli_release,
    binomial_release,
    release_counters,
    reseed,
    run_args_for_seed,
    stochastic_tsodyks_markram,
    synapses,
)
from brianpresyn.counter_random import bernoulli_draw
from brianpresyn.synapse_code import Stage
from brianpresyn.targets import code_generation, numpy_while_building

N_SPIKES = 400


def train(n_spikes=N_SPIKES):
    return SpikeGeneratorGroup(1, np.zeros(n_spikes, dtype=int), (np.arange(n_spikes) + 1) * 0.1 * ms)


def counted(p=0.5):
    return bernoulli_release(p=p, q=1.0) + release_counters()


@pytest.mark.standalone
def test_one_standalone_program_runs_with_several_release_probabilities(tmp_path):
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    try:
        source, target = train(), NeuronGroup(20, "v : 1", name="receivers")
        built = synapses(source, target, counted(), connect=True, seed=6)
        Network(source, target, built).run((N_SPIKES + 2) * 0.1 * ms)
        device = get_device()
        device.build(directory=str(tmp_path), compile=True, run=False)
        found = {}
        for p in (0.0, 0.2, 0.9, 1.0):
            device.run(run_args={built.p: p})
            found[p] = np.array(built.n_vesicles[:])
            assert np.all(built.n_spikes[:] == N_SPIKES)
        own = np.repeat([[0.1], [0.6]], 10, axis=0).ravel()
        device.run(run_args={built.p: own})
        each = np.array(built.n_vesicles[:])
    finally:
        get_device().reinit()
        reset_device()
    assert np.all(found[0.0] == 0) and np.all(found[1.0] == N_SPIKES)
    # The draws of all runs are the same, so that more is released wherever p is higher.
    assert np.all(found[0.2] < found[0.9])
    for values, p in ((found[0.2], 0.2), (found[0.9], 0.9), (each[:10], 0.1), (each[10:], 0.6)):
        assert abs(values.mean() / N_SPIKES - p) < 5 * np.sqrt(p * (1 - p) / (N_SPIKES * values.size))


@pytest.mark.parametrize("target", ["numpy", pytest.param("cpp_standalone", marks=pytest.mark.standalone)])
def test_several_contacts_release_independently(target):
    with code_generation(target):
        source, receiver = train(), NeuronGroup(1, "v : 1")
        built = synapses(
            source, receiver, counted(0.3), connect={"i": 0, "j": 0, "n": 6}, seed=2, multisynaptic_index="k"
        )
        monitor = StateMonitor(built, "n_vesicles", record=True)
        Network(source, receiver, built, monitor).run((N_SPIKES + 2) * 0.1 * ms)
        assert built.k[:].tolist() == list(range(6))
        released = np.diff(np.array(monitor.n_vesicles), axis=1)
        assert float(receiver.v[0]) == released.sum()
    correlations = np.corrcoef(released)[np.triu_indices(6, 1)]
    assert np.all(abs(correlations) < 5 / np.sqrt(N_SPIKES))


def test_delays_and_order_belong_to_each_pathway():
    rule = release_counters() + SynapseCode("marks", "last : 1", on_post={Stage.ACCOUNT: "last = n_spikes"})
    with code_generation("numpy"):
        source = train(3)
        receiver = NeuronGroup(1, "v : 1", threshold="v > 0.5", reset="v = 0")
        code = bernoulli_release(p=1.0, q=1.0) + rule
        delays = {"pre": 0.3 * ms, "post": 0.2 * ms}
        built = synapses(source, receiver, code, connect=True, seed=1, delay=delays)
        built.post.order = 5
        assert built.pre.delay == 0.3 * ms and built.post.delay == 0.2 * ms and built.post.order == 5
        Network(source, receiver, built).run(2 * ms)
        assert built.n_spikes[0] == 3 and built.last[0] == 3


def test_pathways_as_a_dictionary_belong_to_the_pieces():
    with code_generation("numpy"), pytest.raises(TypeError, match="on_pre comes from the synapse code: join"):
        source, receiver = train(3), NeuronGroup(1, "v : 1")
        synapses(source, receiver, counted(), connect=True, seed=1, on_pre={"other": "v_post += 1"})


@pytest.mark.parametrize("target", ["numpy", "cython"])
def test_regular_code_and_restoring_go_on_with_the_same_releases(target):
    with code_generation(target):
        with numpy_while_building():
            source, receiver = train(), NeuronGroup(20, "v : 1")
            built = synapses(source, receiver, counted(0.4), connect=True, seed=3)
            built.run_regularly("p = clip(p + 0.1, 0, 1)", dt=10 * ms)
        network = Network(source, receiver, built)
        network.run(15 * ms)
        network.store()
        network.run(15 * ms)
        first, p = np.array(built.n_vesicles[:]), np.array(built.p[:])
        network.restore()
        network.run(15 * ms)
        np.testing.assert_array_equal(first, np.array(built.n_vesicles[:]))
    np.testing.assert_allclose(p, 0.7)


def released_by(seed, *, reseeded=None, warm_up=0):
    """Return the vesicles of a stochastic synapse that depletes, and may get another seed before it runs."""
    code = stochastic_tsodyks_markram(0.4, tau_rec=5 * ms, n=4, q=1.0) + release_counters()
    source, receiver = train(), NeuronGroup(10, "v : 1")
    built = synapses(source, receiver, code, connect=True, seed=seed, name="depleting")
    network = Network(source, receiver, built)
    if warm_up:
        network.store()
        network.run(warm_up * 0.1 * ms)
        network.restore()
    if reseeded is not None:
        reseed(built, reseeded)
    network.run((N_SPIKES + 2) * 0.1 * ms)
    return np.array(built.n_vesicles[:])


@pytest.mark.parametrize("target", ["numpy", pytest.param("cpp_standalone", marks=pytest.mark.standalone)])
def test_reseeded_synapses_draw_all_their_streams_from_the_seed(target):
    with code_generation("numpy"):
        expected, other = released_by(8), released_by(7)
    with code_generation(target):
        warm_up = 50 if target == "numpy" else 0
        found = released_by(7, reseeded=8, warm_up=warm_up)
    np.testing.assert_array_equal(found, expected)
    assert np.any(expected != other)


@pytest.mark.standalone
def test_one_standalone_program_runs_with_several_seeds(tmp_path):
    with code_generation("numpy"):
        expected = {seed: released_by(seed) for seed in (3, 4, 10**30)}
    set_device("cpp_standalone", directory=str(tmp_path), build_on_run=False)
    try:
        code = stochastic_tsodyks_markram(0.4, tau_rec=5 * ms, n=4, q=1.0) + release_counters()
        source, receiver = train(), NeuronGroup(10, "v : 1")
        built = synapses(source, receiver, code, connect=True, seed=1, name="depleting")
        Network(source, receiver, built).run((N_SPIKES + 2) * 0.1 * ms)
        get_device().build(directory=str(tmp_path), compile=True, run=False)
        for seed, vesicles in expected.items():
            get_device().run(run_args=run_args_for_seed(built, seed))
            np.testing.assert_array_equal(np.array(built.n_vesicles[:]), vesicles)
    finally:
        get_device().reinit()
        reset_device()


def test_only_synapses_with_streams_can_be_reseeded():
    with code_generation("numpy"):
        source, receiver = train(3), NeuronGroup(1, "v : 1")
        own = synapses(source, receiver, bernoulli_release(0.5, q=1.0, draws="brian2"), connect=True)
        with pytest.raises(ValueError, match="draws nothing from a seed: build it with draws='counter'"):
            reseed(own, 1)
        with pytest.raises(TypeError, match=r"connection must"):
            run_args_for_seed(source, 1)
        other = synapses(source, receiver, counted(), connect=True, seed=1)
        with pytest.raises(TypeError, match="seed must be a whole number"):
            reseed(other, 1.5)


def test_counters_set_to_zero_do_not_bring_back_releases():
    with code_generation("numpy"):
        source, receiver = train(), NeuronGroup(30, "v : 1")
        built = synapses(source, receiver, counted(0.5), connect=True, seed=9)
        network = Network(source, receiver, built)
        network.run(20.1 * ms)
        first = np.array(built.n_vesicles[:])
        built.n_spikes = built.n_vesicles = built.n_failures = 0
        network.run(20 * ms)
        second = np.array(built.n_vesicles[:])
        assert np.all(built.n_spikes[:] == 200) and np.all(built.n_failures[:] + second == 200)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(30)


@pytest.mark.standalone
def test_standalone_says_that_it_cannot_store():
    with code_generation("cpp_standalone"):
        source, receiver = train(3), NeuronGroup(1, "v : 1")
        built = synapses(source, receiver, counted(), connect=True, seed=1)
        with pytest.raises(NotImplementedError):
            Network(source, receiver, built).store()


def test_releases_are_a_function_of_seed_synapse_and_spike_number():
    with code_generation("numpy"):
        source, receiver = train(50), NeuronGroup(8, "v : 1")
        built = synapses(source, receiver, counted(0.35), connect=True, seed=12)
        monitor = StateMonitor(built, "n_vesicles", record=True)
        Network(source, receiver, built, monitor).run(5.2 * ms)
        # The first spike comes in step 1.
        released = np.diff(np.array(monitor.n_vesicles), axis=1)[:, 1:51]
        key = np.int64(built.variables["release_key"].get_value()[0])
    draw = bernoulli_draw.implementations["numpy"].get_code(None)
    expected = [draw(key, np.full(8, spike), 0.35, np.arange(8)) for spike in range(1, 51)]
    np.testing.assert_array_equal(released, np.transpose(expected))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("target", ["numpy", pytest.param("cpp_standalone", marks=pytest.mark.standalone)])
def test_brian2s_own_binomial_draws_differ_between_synapses_without_a_warning(target, shared):
    code = binomial_release(n=8, p=0.4, q=1.0, draws="brian2", shared=shared) + release_counters()
    with code_generation(target), catch_logs() as logs:
        source, receiver = train(), NeuronGroup(2, "v : 1")
        built = synapses(source, receiver, code, connect={"i": np.zeros(20, int), "j": np.arange(20) % 2})
        Network(source, receiver, built).run((N_SPIKES + 2) * 0.1 * ms)
        totals = np.array(built.n_vesicles[:])
    assert not [message for *_, message in logs if "order of execution" in message]
    # Twenty totals of 400 binomial numbers each: variance 768, and that of their mean square by chi-square.
    assert 200 < totals.var(ddof=1) < 2200
    assert abs(totals.mean() - 1280) < 5 * np.sqrt(768 / 20)
