"""The same releases on numpy, cython and C++ standalone, and exact moments on each."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, StateMonitor, ms, prefs
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.devices.device import get_device
from scipy.stats import binomtest

from biophys.quantal import QuantalSynapse
from brianpresyn import bernoulli_release, binomial_release, synapses
from brianpresyn.experiments import release_statistics
from brianpresyn.targets import code_generation, numpy_while_building

TARGETS = [
    "numpy",
    "cython",
    pytest.param("cpp_standalone", marks=pytest.mark.standalone),
]


def releases(target):
    """Return the vesicles that each of 40 Bernoulli and 40 binomial synapses released at each spike."""
    plain = {"codeobj_class": NumpyCodeObject} if target == "cython" else {}
    n = np.tile([1, 5, 12, 32, 40], 8)
    p = np.repeat([0.0, 1e-6, 0.2, 0.5, 0.7, 0.97, 1.0, 0.3], 5)
    with code_generation(target):
        with numpy_while_building():
            source = NeuronGroup(1, "drive : 1", threshold="drive > 0.5", **plain)
            source.drive = 1
            receiver = NeuronGroup(80, "v : 1", **plain)
            connections = [
                synapses(
                    source, receiver, code, connect={"i": 0, "j": start + np.arange(40)}, seed=4, name=name
                )
                for name, code, start in (
                    ("one", bernoulli_release(p, q=1), 0),
                    ("many", binomial_release(n, p, q=1), 40),
                )
            ]
            monitor = StateMonitor(receiver, "v", record=True, **plain)
        Network(source, receiver, *connections, monitor).run(10 * ms)
        if target == "cpp_standalone":
            with pytest.raises(RuntimeError, match=r"has run, which would have no effect: .*run_args="):
                connections[1].n = 3
        return np.diff(np.array(monitor.v), axis=1)


@pytest.fixture(scope="module")
def numpy_releases():
    return releases("numpy")


@pytest.mark.parametrize("target", TARGETS[1:])
def test_releases_are_the_same_on_every_target(target, numpy_releases):
    assert numpy_releases.max() == 40 and numpy_releases[:40].max() == 1
    np.testing.assert_array_equal(releases(target), numpy_releases)


@pytest.mark.standalone
def test_releases_do_not_depend_on_the_number_of_threads(numpy_releases):
    try:
        prefs["devices.cpp_standalone.openmp_threads"] = 2
        np.testing.assert_array_equal(releases("cpp_standalone"), numpy_releases)
    finally:
        prefs["devices.cpp_standalone.openmp_threads"] = 0


@pytest.mark.parametrize("target", TARGETS)
def test_moments_are_the_analytic_ones(target):
    config = release_statistics.Config(
        target, bernoulli=(0.7,), binomial=((5, 0.7), (40, 0.3)), n_synapses=20, n_spikes=1000, seed=6
    )
    result = release_statistics.run(config)
    synapse = QuantalSynapse(result.n.to_numpy(), result.p.to_numpy(), _mV(config.quantal_size))
    n_events = result.attrs["n_events"]
    mean, variance = synapse.mean.magnitude, synapse.variance.magnitude
    assert np.all(abs(result["mean"] - mean) < 5 * np.sqrt(variance / n_events))
    # By the exact test: 40 sites hardly ever fail all.
    failed = zip(result.counts[:, 0].to_numpy(), synapse.failure_probability, strict=True)
    assert all(binomtest(int(count), n_events, failure).pvalue > 1e-4 for count, failure in failed)
    kurtosis = 3 + (1 - 6 * synapse.p * (1 - synapse.p)) / (synapse.n * synapse.p * (1 - synapse.p))
    assert np.all(abs(result.variance / variance - 1) < 5 * np.sqrt((kurtosis - 1) / n_events))


def _mV(value):
    import quantities as pq

    return value * pq.mV


def test_brian2_is_left_as_it_was():
    before = prefs.codegen.target
    with pytest.raises(RuntimeError), code_generation("cpp_standalone"):
        raise RuntimeError
    assert prefs.codegen.target == before
    assert type(get_device()).__name__ == "RuntimeDevice"


def test_an_unknown_target_is_refused():
    with pytest.raises(ValueError, match=r"target must be one of numpy, cython, .*got 'cuda'"):
        replace(release_statistics.QUICK, target="cuda")
