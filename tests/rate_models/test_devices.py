"""Where the engine computes: nothing off the device, one program for any number of replicas."""

import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from biophys.release_plasticity import ReleasePlasticity
from rate_models import devices, stochastic_layers
from rate_models.devices import Execution
from rate_models.evaluation import mean_softmax
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.optimisers import Adam, GradientDescent, Sgd
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.random_streams import CounterStreams
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses
from rate_models.task_sequences import Plan
from rate_models.training import Trainer

LAYOUT = Layout((12, 8, 8, 4))
KINDS = ("plastic", "deterministic", "gaussian")


def trainer_of(kind, seeds, execution, images=None):
    images = torch.randn(50, 12, generator=torch.Generator().manual_seed(0)) if images is None else images
    labels = torch.arange(50, device=images.device) % 4
    network = FeedForward(LAYOUT)
    if kind == "plastic":
        synapses = BernoulliSynapses(LAYOUT, seeds, execution=execution)
        plasticity = ReleasePlasticity(form="soft_bound", consolidation=True, p_freeze=0.9)
        rule = PresynapticSgd(synapses, plasticity, learning_rate=0.1, l2=0.01)
    elif kind == "deterministic":
        synapses = DeterministicSynapses(LAYOUT, seeds, execution=execution)
        rule = GradientDescent(Sgd(synapses, learning_rate=0.1, l2=0.01))
    else:
        synapses = GaussianSynapses(LAYOUT, seeds, execution=execution)
        rule = GradientDescent(Adam(synapses, learning_rate=0.01))
    return Trainer(network, synapses, rule, images, labels)


def plan_for(n_replicas, n_steps=3):
    drawn = np.random.default_rng(0).integers(50, size=(1, n_steps, 10))
    return Plan(torch.from_numpy(np.repeat(drawn, n_replicas, axis=0)))


class Recorder(TorchDispatchMode):
    """Records every operation and the devices of what it makes."""

    def __init__(self):
        super().__init__()
        self.names, self.devices = [], set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.names.append(function.__name__)
        made = result if isinstance(result, (tuple, list)) else [result]
        self.devices |= {t.device.type for t in made if isinstance(t, torch.Tensor) and t.ndim}
        return result


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_makes_no_tensor_off_its_device(kind):
    meta = Execution("meta")
    trainer = trainer_of(kind, [1, 2, 3], meta, images=torch.empty(50, 12, device="meta"))
    trainer._load(plan_for(3))
    # The keys of random streams come from seeds on the host, once, before anything runs.
    network, synapses, streams = trainer.network, trainer.synapses, trainer.synapses.evaluation_streams()
    with Recorder() as recorded:
        trainer._step()
        mean_softmax(network, synapses, trainer.images, streams=streams, n_samples=2)
    assert len(recorded.names) > 20
    assert recorded.devices == {"meta"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_length_of_a_step_does_not_depend_on_the_number_of_replicas(kind):
    lengths = {}
    for n in (1, 5, 40):
        trainer = trainer_of(
            kind, list(range(n)), Execution("meta"), images=torch.empty(50, 12, device="meta")
        )
        trainer._load(plan_for(n))
        with Recorder() as recorded:
            trainer._step()
        lengths[n] = len(recorded.names)
    assert lengths[1] == lengths[5] == lengths[40]


@pytest.mark.parametrize("kind", KINDS)
def test_memory_grows_linearly_with_replicas(kind):
    def elements(n):
        trainer = trainer_of(kind, list(range(n)), Execution())
        trainer.run(plan_for(n))
        kept = [t for t in vars(trainer.synapses).values() if isinstance(t, torch.Tensor)]
        return sum(t.numel() for t in kept)

    one, two, eight = elements(1), elements(2), elements(8)
    assert eight - one == 7 * (two - one)


@pytest.mark.parametrize("kind", ["plastic", "gaussian"])
def test_the_program_of_accelerators_learns_alike_on_a_cpu(kind, monkeypatch):
    """Counter-based noise in whole columns: what runs on an accelerator, against blocks of the same noise."""

    def counters(device, seeds, purpose, *, dtype=None):
        return CounterStreams(seeds, purpose, device=device)

    monkeypatch.setattr(stochastic_layers, "streams_on", counters)
    monkeypatch.setattr(devices, "_CACHED_ELEMENTS", 10**9)
    double = Execution(dtype="float64")
    together, alone = trainer_of(kind, [4, 5, 6], double), trainer_of(kind, [5], double)
    together.run(plan_for(3))
    alone.run(plan_for(1))
    torch.testing.assert_close(together.synapses.learned[1], alone.synapses.learned[0], rtol=1e-9, atol=1e-12)


def test_blocks_cover_all_columns_once_in_whole_words(monkeypatch):
    monkeypatch.setattr(devices, "_CACHED_ELEMENTS", 300_000)
    parts = Execution().blocks(3, 500_001)
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    assert (parts[0].start, parts[-1].stop) == (0, 500_001)
    assert len(parts) > 3 and all(part.start % 4 == 0 for part in parts)
    assert Execution("meta").blocks(3, 500_001) == [slice(0, 500_001)]


@pytest.mark.parametrize("width", [400, 10**9])
def test_blocks_change_no_result(width, monkeypatch):
    learned = []
    for each in (64, width):
        monkeypatch.setattr(devices, "_CACHED_ELEMENTS", each)
        trainer = trainer_of("plastic", [1, 2], Execution(dtype="float64"))
        trainer.run(plan_for(2))
        learned.append(trainer.synapses.learned)
    torch.testing.assert_close(*learned, rtol=1e-12, atol=1e-14)


def test_the_same_run_gives_identical_results():
    runs = []
    for _ in range(2):
        trainer = trainer_of("plastic", [1, 2], Execution())
        trainer.run(plan_for(2))
        runs.append(trainer.synapses)
    assert torch.equal(runs[0].learned, runs[1].learned)
    assert torch.equal(runs[0].p, runs[1].p)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("g++") is None or not (Path(sysconfig.get_path("include")) / "Python.h").exists(),
    reason="no C++ compiler or no Python headers",
)
@pytest.mark.parametrize("kind", ["plastic", "gaussian"])
def test_compiled_steps_learn_alike(kind):
    learned = []
    for compiles in (False, True):
        trainer = trainer_of(kind, [1, 2], Execution(dtype="float64", compile=compiles))
        trainer.run(plan_for(2))
        learned.append(trainer.synapses.learned)
    torch.testing.assert_close(*learned, rtol=1e-9, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_the_captured_graph_learns_as_single_steps_do(kind):
    learned = []
    for captures in (False, True):
        execution = Execution("cuda", dtype="float64", capture=captures, compile=captures)
        trainer = trainer_of(kind, [1, 2, 3], execution)
        trainer.run(plan_for(3, n_steps=12))
        learned.append(trainer.synapses.learned)
    torch.testing.assert_close(*learned, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "device must be one of cpu, cuda, .*got 'tpu'"),
        ({"dtype": "int8"}, "dtype must be one of float32, float64, got 'int8'"),
    ],
)
def test_wrong_executions_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Execution(**options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_named_and_auto_does_without():
    with pytest.raises(ValueError, match="torch finds no CUDA device; use device='cpu' or 'auto'"):
        Execution("cuda")
    assert Execution("auto").torch_device.type in ("cpu", "mps")
    assert not Execution("auto").captures
