"""Checkpoints: a run that goes on from one is, bit for bit, the run that was never broken off."""

import copy
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch

from biophys.release_plasticity import ReleasePlasticity
from rate_models.checkpoints import load_checkpoint, save_checkpoint
from rate_models.consolidation import (
    BayesianGradientDescent,
    ElasticWeightConsolidation,
    MeanFieldSynapses,
    SynapticIntelligence,
)
from rate_models.continual_learning import learn_tasks, permuted_tasks, split_tasks
from rate_models.continual_methods import Replica, Training, learned
from rate_models.datasets import ImageData, load_images
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.optimisers import Adam, GradientDescent, Sgd, adam_of_means_and_noise
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.reliability_cost import EntropyCost, ReliabilityCost
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses
from rate_models.task_sequences import DataOrder
from rate_models.training import Trainer

LAYOUT = Layout((8, 6, 3))
RNG = np.random.default_rng(0)
IMAGES, LABELS = (
    torch.from_numpy(RNG.normal(size=(60, 8))).float(),
    torch.from_numpy(RNG.integers(3, size=60)),
)


class Momentum:
    """A rule of one's own: a velocity, a count and a source of noise."""

    def __init__(self, synapses):
        self.velocity, self.n_steps = torch.zeros_like(synapses.learned), 0
        self.rng, self.losses = np.random.default_rng(3), []

    def update(self, synapses):
        synapses.chain()
        self.n_steps += 1
        self.losses.append(float(synapses.gradient.abs().sum()))
        self.velocity.mul_(0.9).add_(synapses.gradient)
        synapses.learned.add_(self.velocity, alpha=-0.01 * self.rng.random())

    def keep(self, replicas):
        self.velocity = self.velocity[list(replicas)]


def with_rule(kind, rule, network=lambda synapses: FeedForward(LAYOUT)):
    def build():
        synapses = kind(LAYOUT, [1, 2])
        return Trainer(network(synapses), synapses, rule(synapses), IMAGES, LABELS)

    return build


def elastic(synapses):
    penalty = ElasticWeightConsolidation(synapses, strength=[1.0, 2.0])
    penalty.consolidate(
        synapses, torch.rand(2, LAYOUT.n_parameters, generator=torch.Generator().manual_seed(1))
    )
    return GradientDescent(Sgd(synapses, learning_rate=[0.1, 0.2], l2=0.01), [penalty])


RUNS = {
    "plastic": with_rule(
        BernoulliSynapses,
        lambda s: PresynapticSgd(s, ReleasePlasticity(consolidation=True), learning_rate=[0.1, 0.2]),
    ),
    "adam": with_rule(DeterministicSynapses, lambda s: GradientDescent(Adam(s, learning_rate=[0.01, 0.02]))),
    "elastic weights": with_rule(DeterministicSynapses, elastic),
    "synaptic intelligence": with_rule(
        DeterministicSynapses, lambda s: SynapticIntelligence(s, Adam(s, learning_rate=0.01), strength=1.0)
    ),
    "Bayesian": with_rule(MeanFieldSynapses, lambda s: BayesianGradientDescent(s, learning_rate=[0.5, 1.0])),
    "noise": with_rule(
        GaussianSynapses,
        lambda s: GradientDescent(
            adam_of_means_and_noise(s, learning_rate=0.01), [ReliabilityCost(s, EntropyCost(), share=0.1)]
        ),
    ),
    "own rule": with_rule(DeterministicSynapses, Momentum),
}


def train(trainer, order, n_epochs):
    for _ in range(n_epochs):
        trainer.run(order.epoch(np.arange(60), batch_size=10))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_bit_for_bit(tmp_path, name):
    whole, order = RUNS[name](), DataOrder([1, 2])
    train(whole, order, 5)
    half, order = RUNS[name](), DataOrder([1, 2])
    train(half, order, 2)
    save_checkpoint(tmp_path / "half.pt", trainer=half, order=order, epoch=2)
    train(half, order, 3)
    again, order = RUNS[name](), DataOrder([1, 2])
    assert load_checkpoint(tmp_path / "half.pt", trainer=again, order=order, epoch=0) == {"epoch": 2}
    train(again, order, 3)
    for run in (half, again):
        for part, state in whole.synapses.state().items():
            assert torch.equal(run.synapses.state()[part], state)
        assert torch.equal(run.mean_loss, whole.mean_loss)
    assert [path.name for path in tmp_path.iterdir()] == ["half.pt"]


@pytest.mark.parametrize("wrong", ["model", "optimiser"])
def test_other_modules_and_optimisers_of_torch_are_named_and_nothing_is_changed(tmp_path, wrong):
    def parts(width, n_trained):
        torch.manual_seed(width)
        model = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.Linear(width, 2))
        optimiser = torch.optim.Adam(list(model.parameters())[:n_trained])
        return {"rng": torch.Generator().manual_seed(width), "model": model, "optimiser": optimiser}

    save_checkpoint(tmp_path / "half.pt", **parts(4, 4))
    others = parts(5, 4) if wrong == "model" else parts(4, 3)
    others["rng"].manual_seed(9)
    before = copy.deepcopy(others["model"].state_dict()), others["rng"].get_state()
    with pytest.raises(ValueError, match=f"{wrong}.* was saved with"):
        load_checkpoint(tmp_path / "half.pt", **others)
    torch.testing.assert_close(
        (others["model"].state_dict(), others["rng"].get_state()), before, rtol=0, atol=0
    )
    lazy = {**parts(4, 4), "model": torch.nn.Sequential(torch.nn.LazyLinear(4), torch.nn.LazyLinear(2))}
    load_checkpoint(tmp_path / "half.pt", **lazy)
    lazy["model"](torch.ones(1, 3)).sum().backward()
    assert lazy["model"][0].weight.grad.shape == (4, 3)


def test_modules_and_optimisers_of_torch_are_kept(tmp_path):
    def build():
        torch.manual_seed(0)
        module = torch.nn.Linear(4, 2)
        return module, torch.optim.Adam(module.parameters(), lr=0.1)

    def step(module, optimiser):
        optimiser.zero_grad()
        module(torch.ones(1, 4)).square().sum().backward()
        optimiser.step()

    whole, half, again = build(), build(), build()
    step(*whole), step(*whole), step(*half)
    save_checkpoint(tmp_path / "half.pt", module=half[0], optimiser=half[1])
    load_checkpoint(tmp_path / "half.pt", module=again[0], optimiser=again[1])
    step(*again)
    assert torch.equal(whole[0].weight, again[0].weight)


class TestBadInput:
    @pytest.fixture
    def saved(self, tmp_path):
        save_checkpoint(tmp_path / "half.pt", trainer=RUNS["plastic"](), epoch=2)
        return tmp_path / "half.pt"

    @pytest.mark.parametrize("damage", ["cut", "text", "empty", "another file of torch"])
    def test_damaged_files_are_named(self, saved, damage):
        if damage == "another file of torch":
            torch.save({"a": 1}, saved)
        else:
            content = saved.read_bytes()
            saved.write_bytes({"cut": content[: len(content) // 2], "text": b"half", "empty": b""}[damage])
        with pytest.raises(ValueError, match=r"half\.pt is (damaged or )?no checkpoint"):
            load_checkpoint(saved, trainer=RUNS["plastic"](), epoch=0)

    def test_other_parts_are_named(self, saved):
        with pytest.raises(ValueError, match="holds the parts epoch, trainer, got trainer"):
            load_checkpoint(saved, trainer=RUNS["plastic"]())
        with pytest.raises(FileNotFoundError):
            load_checkpoint(saved.with_name("none.pt"), epoch=0)

    def test_another_network_is_named_and_left_as_it_was(self, saved):
        synapses = BernoulliSynapses(Layout((8, 5, 3)), [1, 2])
        rule = PresynapticSgd(synapses, ReleasePlasticity(consolidation=True), learning_rate=[0.1, 0.2])
        other = Trainer(FeedForward(synapses.layout), synapses, rule, IMAGES, LABELS)
        before = synapses.learned.clone()
        with pytest.raises(ValueError, match=r"trainer\.synapses\.\w+ was saved with the shape"):
            load_checkpoint(saved, trainer=other, epoch=0)
        assert torch.equal(synapses.learned, before)
        with pytest.raises(ValueError, match="trainer"):
            load_checkpoint(saved, trainer=RUNS["adam"](), epoch=0)

    def test_what_has_no_state_is_named(self, tmp_path):
        with pytest.raises(TypeError, match="generator has no state that a checkpoint can hold"):
            save_checkpoint(tmp_path / "half.pt", generator=(x for x in (1, 2)))


def digits(n=300):
    data = load_images("digits")
    return ImageData(
        "digits", data.train_images[:n], data.train_labels[:n], data.test_images, data.test_labels
    )


METHODS = {
    "consolidating": {"learning_rate": 0.1, "p_up": 0.05, "p_down": 0.05, "p_freeze": 0.93},
    "ewc": {"learning_rate": 0.1, "strength": 10.0},
    "si": {"learning_rate": 0.01, "strength": 1.0},
    "bgd": {"learning_rate": 1.0, "sigma": 0.05},
}


class Killed(Exception):
    pass


@pytest.mark.parametrize("made", [permuted_tasks, split_tasks])
@pytest.mark.parametrize("method", METHODS)
def test_learning_tasks_goes_on_after_any_epoch(tmp_path, monkeypatch, method, made):
    sequence = made(digits()) if made is split_tasks else made(digits(), 3)
    replicas = [Replica(1, METHODS[method]), Replica(2, METHODS[method])]
    training = Training(hidden_units=(10,), n_epochs=2, batch_size=20, n_samples=2, n_fisher_images=20)

    def result(checkpoint=None):
        return learned(method, replicas, sequence, training, execution=Execution(), checkpoint=checkpoint)

    whole, path = result(), tmp_path / "half.pt"
    monkeypatch.setitem(learn_tasks.__wrapped__.__kwdefaults__, "seconds_between", 0.0)
    run = Trainer.run
    for n_plans in (1, 3):
        left = [n_plans]

        def killed_after(trainer, plan, left=left):
            if not left[0]:
                raise Killed
            left[0] -= 1
            run(trainer, plan)

        monkeypatch.setattr(Trainer, "run", killed_after)
        with pytest.raises(Killed):
            result(path)
        assert path.exists()
    monkeypatch.setattr(Trainer, "run", run)
    assert result(path).identical(whole)
    assert not path.exists()


def written(path):
    """Return when a file was written, 0 if it is not there."""
    return path.stat().st_mtime_ns if path.exists() else 0


@pytest.mark.slow
def test_a_process_that_is_killed_goes_on_bit_for_bit(tmp_path):
    (tmp_path / "run.py").write_text(
        textwrap.dedent("""
        import sys, numpy as np, torch
        from pathlib import Path
        from biophys.release_plasticity import ReleasePlasticity
        from rate_models import *
        from rate_models.checkpoints import load_checkpoint, save_checkpoint
        torch.set_num_threads(1)
        path, data = Path(sys.argv[1]), load_images("digits")
        layout, seeds, done = Layout((64, 20, 10)), [1, 2], 0
        synapses = BernoulliSynapses(layout, seeds)
        rule = PresynapticSgd(synapses, ReleasePlasticity(), learning_rate=0.05)
        trainer = Trainer(FeedForward(layout), synapses, rule, data.train_images, data.train_labels)
        order = DataOrder(seeds)
        if path.exists():
            done = load_checkpoint(path, trainer=trainer, order=order, epoch=0)["epoch"]
            print("from", done, flush=True)
        for epoch in range(done, 40):
            trainer.run(order.epoch(np.arange(1438), batch_size=10))
            save_checkpoint(path, trainer=trainer, order=order, epoch=epoch + 1)
        np.save(sys.argv[2], synapses.learned.numpy())
        """)
    )

    def start(name):
        command = [sys.executable, "run.py", f"{name}.pt", f"{name}.npy"]
        return subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}
        )

    assert start("whole").wait() == 0
    for _ in range(2):
        process = start("killed")
        before = written(tmp_path / "killed.pt")
        while written(tmp_path / "killed.pt") == before and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    last = start("killed")
    assert last.wait() == 0
    assert int(last.stdout.read().split()[1]) > 0
    assert np.array_equal(np.load(tmp_path / "whole.npy"), np.load(tmp_path / "killed.npy"))
