"""Sweeps of spiking networks: the same results however they are run, one program for one structure."""

import os
import pickle
import sys
import textwrap

import numpy as np
import pytest
from brian2 import Hz, NeuronGroup, defaultclock, get_device, mV, second
from brian2.devices.device import runtime_device
from brian2.units.fundamentalunits import DimensionMismatchError

from biophys.sweeps.executors import DaskCluster, LocalProcesses, ThisProcess
from brianpresyn import spike_sweeps
from brianpresyn.spike_sweeps import SpikingRun, sweep_spikes

NETWORK = '''
"""A network that other processes can import."""
import os
from brian2 import *
from brianpresyn import SpikingRun, bernoulli_release, run_args_for_seed, synapses

N_TARGETS = 5
started = []

def build(n):
    with open(os.environ["SWEEP_LOG"], "a") as log:
        log.write(f"{n}\\n")
    started.append(n)
    assert defaultclock.dt == 0.1*ms, "another run has moved the clock"
    defaultclock.dt = 0.5*ms
    cells = NeuronGroup(n, "rate : Hz", threshold="rand() < rate*dt", name="cells")
    targets = NeuronGroup(N_TARGETS, "v : volt", name="targets")
    code = bernoulli_release(p=0.5, q=1*mV)
    connection = synapses(cells, targets, code, connect={"p": 0.5}, seed=1, name="connection")
    spikes = SpikeMonitor(cells)
    network = Network(cells, targets, connection, spikes)

    def measure():
        return {"n_synapses": len(connection), "spike_time": ("spike", spikes.t), "v": ("cell", targets.v[:]),
                "n_built": len(started)}

    def values(rate, p, seed):
        return {cells.rate: rate, connection.p: p, **run_args_for_seed(connection, seed)}

    return SpikingRun(lambda: network.run(100*ms), measure, values)
'''

GRID = {"n": [10], "rate": [0, 100] * Hz, "p": [1.0], "seed": [1], "brian_seed": [1]}


@pytest.fixture
def network(tmp_path, monkeypatch):
    """The importable network, on the path of this and of other processes."""
    (tmp_path / "swept_network.py").write_text(textwrap.dedent(NETWORK))
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("swept_network", None)
    import swept_network

    return swept_network


def n_builds(tmp_path):
    log = tmp_path / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.mark.slow
def test_runs_have_a_process_each_and_their_results_stay(network, tmp_path):
    first = sweep_spikes(network.build, GRID, tmp_path / "kept", target="numpy")
    assert first.v.dims == ("rate", "cell")
    assert first.attrs == {"n": 10, "p": 1.0, "seed": 1, "brian_seed": 1}
    assert (first.rate.attrs["units"], first.v.attrs["units"]) == ("hertz", "volt")
    assert np.all(first.n_built == 1)
    assert np.all(first.spike_time.sel(rate=0).isnull())
    assert np.all(first.spike_time.sel(rate=100).notnull())
    assert first.v.sel(rate=100).sum() > first.v.sel(rate=0).sum() == 0

    more = sweep_spikes(network.build, {**GRID, "rate": [0, 100, 50] * Hz}, tmp_path / "kept", target="numpy")
    assert n_builds(tmp_path) == 3
    assert np.array_equal(more.v.sel(rate=[0.0, 100.0]), first.v)


@pytest.mark.slow
@pytest.mark.standalone
def test_a_program_is_built_once_per_structure_and_agrees_with_numpy(network, tmp_path):
    dt = defaultclock.dt
    grid = {"n": [10, 12], "rate": [100] * Hz, "p": [0.3, 1.0], "seed": [1, 2], "brian_seed": [1]}
    said = []
    programs = sweep_spikes(network.build, grid, on_progress=lambda *report: said.append(report))
    assert n_builds(tmp_path) == 2
    assert said[0] == (0, "8 runs: 8 to do") and said[-1][0] == 1
    assert get_device() is runtime_device and defaultclock.dt == dt
    v = programs.v.sel(n=10)
    assert not np.array_equal(v.sel(seed=1, p=0.3), v.sel(seed=2, p=0.3))
    assert np.array_equal(v.sel(seed=1, p=1.0), v.sel(seed=2, p=1.0))

    few = {**grid, "n": [10], "seed": [2], "p": [0.3]}
    runs = sweep_spikes(network.build, few, target="numpy", executor=LocalProcesses(2))
    assert np.array_equal(runs.v, v.sel(seed=2, p=0.3))


@pytest.mark.slow
@pytest.mark.standalone
def test_workers_share_what_is_compiled_and_brian_seeds_need_no_build(network, tmp_path):
    distributed = pytest.importorskip("distributed")
    grid = {"n": [10], "rate": [100] * Hz, "p": [0.3], "seed": [1, 2], "brian_seed": [1, 2]}
    local = sweep_spikes(network.build, grid, executor=LocalProcesses(2))
    assert n_builds(tmp_path) <= 2
    spike_time = local.spike_time.sel(seed=1)
    assert not np.array_equal(spike_time.sel(brian_seed=1), spike_time.sel(brian_seed=2), equal_nan=True)
    # Two threads of one process take turns.
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None
    ) as cluster:
        remote = sweep_spikes(network.build, grid, executor=DaskCluster(cluster.scheduler_address))
    assert np.array_equal(remote.v, local.v)


def with_values(**options):
    def build(n):
        cells = NeuronGroup(n, "v : volt", name="cells")
        values = {"values": lambda v: {cells.v: v}} | options
        return SpikingRun(run=lambda: None, measure=lambda: {}, **values)

    return build


def not_built(n):
    return n


GIVEN = {"n": [1], "v": [1.0] * mV}


@pytest.mark.parametrize(
    ("build", "grid", "options", "error", "message"),
    [
        (3, GIVEN, {}, TypeError, "build must be a function, got 3"),
        (not_built, {"m": [1]}, {}, TypeError, "build needs n, which is not in the grid: m"),
        (with_values(), {"n": 3}, {}, TypeError, r"n must have a list of values in the grid, such as \[3\]"),
        (with_values(), {"n": "ab"}, {}, TypeError, "n must have a list of values"),
        (with_values(), {"n": [[1]]}, {}, TypeError, r"n must be a number, a quantity, text .*got \[1\]"),
        (with_values(), {"n": []}, {}, ValueError, "the grid has no combination"),
        (with_values(), 4, {}, TypeError, "grid must be a mapping of texts to sequences of"),
        (with_values(), {"n": [1, 1]}, {}, ValueError, "two configurations are alike"),
        (with_values(), [{"n": 1}, {"m": 1}], {}, ValueError, "all configurations need the same settings"),
        (with_values(), {"n": [1], "brian_seed": [-1]}, {}, ValueError, "brian_seed must be a whole number"),
        (with_values(), GIVEN, {"target": "cuda"}, ValueError, "target must be one of numpy, cython"),
        (with_values(), GIVEN, {"executor": 4}, TypeError, "executor must be one of"),
        (with_values(), GIVEN, {"target": "numpy"}, TypeError, "cannot import .* top level of a module"),
        (with_values(), GIVEN, {"executor": LocalProcesses(2)}, TypeError, "cannot import"),
    ],
)
def test_wrong_sweeps_are_named_before_anything_runs(build, grid, options, error, message):
    with pytest.raises(error, match=message):
        sweep_spikes(build, grid, **options)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (not_built, "what build returns must be of type SpikingRun, .* got 1"),
        (
            with_values(values=lambda w: {}),
            "every setting of the grid must be an argument",
        ),
    ],
)
def test_what_build_returns_is_checked_before_it_is_compiled(build, message):
    with pytest.raises(TypeError, match=message) as raised:
        sweep_spikes(build, GIVEN)
    assert raised.value.__notes__ == ["in the run with n=1, v=1. * mvolt"]
    assert get_device() is runtime_device


@pytest.mark.parametrize("given", [2.0, 2.0 * second])
def test_settings_have_the_unit_of_their_variable(given):
    cells = NeuronGroup(1, "v : volt")
    spiking_run = SpikingRun(lambda: None, lambda: {}, values=lambda v: {cells.v: v})
    with pytest.raises(DimensionMismatchError, match=r"values: v must be in volt, got 2.*: give"):
        spike_sweeps._values(spiking_run, {"v": given}, ())
    plain = SpikingRun(lambda: None, lambda: {}, values=lambda v: {cells.v_: v})
    assert [*spike_sweeps._values(plain, {"v": 2.0}, ()).values()] == [2.0]


@pytest.mark.parametrize(
    ("measured", "error", "message"),
    [
        ({"v": 3.0}, ValueError, "v is measured and a setting"),
        ({"x": ("v", [1.0])}, ValueError, "v is measured and a setting"),
        ({"x": [1.0]}, ValueError, "x has 1 dimensions, of which 0 are named"),
        ([3.0], TypeError, "what measure returns must be of type Mapping"),
    ],
)
def test_what_is_measured_is_checked(measured, error, message):
    spiking_run = SpikingRun(run=lambda: None, measure=lambda: measured)
    with pytest.raises(error, match=message):
        spike_sweeps._measured(spiking_run, GIVEN)


def test_nothing_measured_is_one_missing_entry():
    spiking_run = SpikingRun(run=lambda: None, measure=lambda: {"t": ("spike", [] * second)})
    kept = spike_sweeps._measured(spiking_run, {}).t
    assert kept.shape == (1, 1) and np.isnan(kept).all() and kept.attrs["units"] == "second"


def test_a_spiking_run_needs_functions():
    with pytest.raises(TypeError, match="measure must be a function"):
        SpikingRun(run=lambda: None, measure={"v": 3})


def test_this_process_is_pickled_to_no_other():
    # What is checked of `build` is what the executors do with it.
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(with_values())
    assert ThisProcess().n_workers == 1
