"""The methods that learn tasks in sequence, each as one program that many replicas run together.

A program is what must be alike in all replicas of a batch: the kind of synapses, the learning rule, what
happens at the end of a task. Numbers (learning rates, strengths, parameters of the p rule), seeds and the
variant of the Fisher information are free in every replica.

Every program with its synapses; rule; settings:

``consolidating``
    Bernoulli, plastic p; learning rate times 1 - p; learning_rate, p_up, p_down, p_freeze
``plastic``
    Bernoulli, plastic p; constant learning rate; as above
``ghost``
    Bernoulli, releases with p = 0.5 whatever the learned p; as consolidating; as above
``ghost_misnormalised``
    the same, divided by the learned p; as consolidating; as above
``sgd``, ``adam``
    deterministic; gradient descent; learning_rate
``ewc``
    deterministic; gradient descent, elastic weights; learning_rate, strength
``si``
    deterministic; Adam, synaptic intelligence; learning_rate, strength
``bgd``
    Gaussian; Bayesian gradient descent; learning_rate, sigma
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from biophys.release_plasticity import ReleasePlasticity
from rate_models.consolidation import (
    BayesianGradientDescent,
    ElasticWeightConsolidation,
    MeanFieldSynapses,
    SynapticIntelligence,
)
from rate_models.continual_learning import TaskNetwork, TaskSequence, accuracy_by_task, learn_tasks
from rate_models.devices import Execution
from rate_models.fisher import diagonal_fisher
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.optimisers import Adam, GradientDescent, Sgd
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.random_search import Interval
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, Synapses
from rate_models.training import LearningRule, Trainer


@dataclass(frozen=True)
class Replica:
    """One network of a batch.

    Parameters
    ----------
    seed
        Sets initial values, permutations, order of the images and noise.
    settings
        Hyperparameters by name.
    fisher, penalty
        Variant of elastic weight consolidation: ``"expected"``, ``"sampled"`` or ``"observed"`` labels;
        ``"separate"`` or ``"online"`` penalties.
    """

    seed: int
    settings: Mapping[str, float]
    fisher: str = "expected"
    penalty: str = "separate"


@dataclass(frozen=True)
class Training:
    """What is the same for all methods.

    Parameters
    ----------
    hidden_units
        Sizes of the hidden layers.
    n_epochs, batch_size
        Passes through each task, images per step.
    n_samples
        Draws of stochastic synapses per test image.
    n_fisher_images
        Training images of a task from which the Fisher information is estimated.
    draws_per_step
        Networks drawn per step in Bayesian gradient descent.
    g_lim, p_min
        Parameters of the p rule that all replicas share.
    every_test_image
        Evaluate intermediate networks on one test image in this many; final ones on all.
    """

    hidden_units: tuple[int, ...] = (200, 200)
    n_epochs: int = 10
    batch_size: int = 100
    n_samples: int = 10
    n_fisher_images: int = 1000
    draws_per_step: int = 5
    g_lim: float = 0.001
    p_min: float = 0.25
    every_test_image: int = 1


@dataclass
class Learner:
    """A batch of networks with their rule, and what they do at the end of a task."""

    network: FeedForward
    synapses: Synapses
    rule: LearningRule
    loss: str = "mean"
    finish_task: Callable[[TaskSequence, int], None] = lambda sequence, task: None


_BUILDERS: dict[str, Callable[..., Learner]] = {}

_GHOST_RELEASE = 0.5
_P_RULE = {
    "p_up": Interval(0.01, 0.1),
    "p_down": Interval(0.01, 0.1),
    "p_freeze": Interval(0.9, 0.96),
}
SEARCH_SPACES: dict[str, dict[str, Interval]] = {
    "consolidating": {"learning_rate": Interval(1e-4, 1e-1, True), **_P_RULE},
    "sgd": {"learning_rate": Interval(1e-4, 1.0, True)},
    "adam": {"learning_rate": Interval(1e-7, 1e-2, True)},
    "ewc": {"learning_rate": Interval(1e-4, 0.3, True), "strength": Interval(1.0, 1e5, True)},
    "si": {"learning_rate": Interval(1e-6, 1e-2, True), "strength": Interval(1e-3, 1e2, True)},
    "bgd": {"learning_rate": Interval(0.1, 10.0, True), "sigma": Interval(3e-3, 0.1, True)},
}
"""Where the random search looks. Those of the p rule are the published program's."""


def program(name: str) -> Callable[[Callable[..., Learner]], Callable[..., Learner]]:
    """Register the decorated function as what builds the learners of a program."""

    def register(build: Callable[..., Learner]) -> Callable[..., Learner]:
        _BUILDERS[name] = build
        return build

    return register


def learner_of(
    name: str, replicas: Sequence[Replica], layout: Layout, training: Training, execution: Execution
) -> Learner:
    """Return the learner of a program.

    Raises
    ------
    ValueError
        If the program is unknown or a setting is missing.
    """
    if name not in _BUILDERS:
        raise ValueError(f"program must be one of {', '.join(_BUILDERS)}, got {name!r}")
    network = TaskNetwork(layout, device=execution.torch_device, dtype=execution.torch_dtype)
    return _BUILDERS[name](replicas, network, training, execution)


def learned(
    name: str,
    replicas: Sequence[Replica],
    sequence: TaskSequence,
    training: Training,
    *,
    schedule: str = "abrupt",
    execution: Execution,
    measures_all: bool = True,
) -> xr.Dataset:
    """Train the replicas of one program along a sequence of tasks and measure them.

    Parameters
    ----------
    name
        The program.
    replicas
        The networks.
    sequence
        The tasks, on the device.
    training
        What is the same for all methods.
    schedule
        ``"abrupt"``, ``"joint"`` or ``"continuous"``.
    execution
        Where and how to compute.
    measures_all
        Whether to measure after every task, or after the last one only.

    Returns
    -------
    found
        ``accuracy`` (replica, n_learned, task) on every task after n_learned tasks, NaN where nothing was
        measured or the network diverged; ``mean_p`` and ``frozen`` (replica, n_learned), mean release
        probability and share of frozen synapses, NaN where release probability is not plastic.
    """
    layout = Layout((sequence.images.n_pixels, *training.hidden_units, sequence.images.n_classes))
    learner = learner_of(name, replicas, layout, training, execution)
    trainer = Trainer(
        learner.network,
        learner.synapses,
        learner.rule,
        sequence.images.train_images,
        sequence.images.train_labels,
        loss=learner.loss,
    )
    found = _unmeasured(len(replicas), sequence.n_tasks)

    def measure(n_learned: int) -> None:
        if measures_all or n_learned == sequence.n_tasks:
            _measure_into(found, n_learned, trainer, sequence, training)

    learn_tasks(
        trainer,
        sequence,
        schedule=schedule,
        n_epochs=training.n_epochs,
        batch_size=training.batch_size,
        finish_task=lambda task: learner.finish_task(sequence, task),
        measure=measure,
    )
    return found


def _unmeasured(n_replicas: int, n_tasks: int) -> xr.Dataset:
    """Return what `learned` fills."""
    dims = ("replica", "n_learned", "task")
    accuracy = np.full((n_replicas, n_tasks + 1, n_tasks), np.nan, np.float32)
    mean_p, frozen = (np.full(accuracy.shape[:2], np.nan, np.float32) for _ in range(2))
    axes = {"n_learned": np.arange(n_tasks + 1), "task": np.arange(1, n_tasks + 1)}
    return xr.Dataset(
        {"accuracy": (dims, accuracy), "mean_p": (dims[:2], mean_p), "frozen": (dims[:2], frozen)}, axes
    )


def _measure_into(
    found: xr.Dataset, n_learned: int, trainer: Trainer, sequence: TaskSequence, training: Training
) -> None:
    """Write what the networks can do after `n_learned` tasks."""
    synapses = trainer.synapses
    accuracy = accuracy_by_task(
        trainer.network,
        synapses,
        sequence,
        streams=synapses.evaluation_streams(),
        n_samples=training.n_samples,
        every=1 if n_learned == sequence.n_tasks else training.every_test_image,
    )
    found.accuracy[:, n_learned] = accuracy.cpu().numpy()
    found.accuracy[trainer.diverged(), n_learned] = np.nan
    if isinstance(trainer.rule, PresynapticSgd) and isinstance(synapses, BernoulliSynapses):
        p, threshold = synapses.p, trainer.rule.plasticity.p_freeze
        found.mean_p[:, n_learned] = p.mean(dim=1).cpu().numpy()
        found.frozen[:, n_learned] = (p >= threshold).to(p.dtype).mean(dim=1).cpu().numpy()


def _values(replicas: Sequence[Replica], name: str) -> list[float]:
    """Return one setting of every replica."""
    for replica in replicas:
        if name not in replica.settings:
            raise ValueError(f"the setting {name!r} is missing: there are {', '.join(replica.settings)}")
    return [float(replica.settings[name]) for replica in replicas]


def _seeds(replicas: Sequence[Replica]) -> list[int]:
    return [replica.seed for replica in replicas]


def _presynaptic(
    replicas: Sequence[Replica],
    network: FeedForward,
    training: Training,
    execution: Execution,
    *,
    consolidation: bool = True,
    ghost: str | None = None,
) -> Learner:
    """Build networks with plastic release probability.

    With `ghost` they release with 0.5 whatever the learned p is, normalised by ``"release"`` or ``"ghost"``.
    The published program starts the unused p of this control at 0.5 too.
    """
    synapses = BernoulliSynapses(
        network.layout,
        _seeds(replicas),
        release_probability=training.p_min if ghost is None else _GHOST_RELEASE,
        release_fixed_at=None if ghost is None else _GHOST_RELEASE,
        normalised_by=ghost or "release",
        execution=execution,
    )
    columns = zip(*(_values(replicas, name) for name in ("p_up", "p_down", "p_freeze")), strict=True)
    plasticity = [
        ReleasePlasticity(
            p_up,
            p_down,
            training.g_lim,
            training.p_min,
            p_freeze=p_freeze if p_freeze < 1 else math.inf,
            form="soft_bound",
            consolidation=consolidation,
        )
        for p_up, p_down, p_freeze in columns
    ]
    rates = _values(replicas, "learning_rate")
    return Learner(network, synapses, PresynapticSgd(synapses, plasticity, learning_rate=rates))


program("consolidating")(_presynaptic)
program("plastic")(functools.partial(_presynaptic, consolidation=False))
program("ghost")(functools.partial(_presynaptic, ghost="release"))
program("ghost_misnormalised")(functools.partial(_presynaptic, ghost="ghost"))


@program("sgd")
def _sgd(
    replicas: Sequence[Replica], network: FeedForward, training: Training, execution: Execution
) -> Learner:
    synapses = DeterministicSynapses(network.layout, _seeds(replicas), execution=execution)
    rule = GradientDescent(Sgd(synapses, learning_rate=_values(replicas, "learning_rate")))
    return Learner(network, synapses, rule)


@program("adam")
def _adam(
    replicas: Sequence[Replica], network: FeedForward, training: Training, execution: Execution
) -> Learner:
    synapses = DeterministicSynapses(network.layout, _seeds(replicas), execution=execution)
    rule = GradientDescent(Adam(synapses, learning_rate=_values(replicas, "learning_rate")))
    return Learner(network, synapses, rule)


@program("ewc")
def _ewc(
    replicas: Sequence[Replica], network: FeedForward, training: Training, execution: Execution
) -> Learner:
    synapses = DeterministicSynapses(network.layout, _seeds(replicas), execution=execution)
    penalty = ElasticWeightConsolidation(
        synapses,
        strength=_values(replicas, "strength"),
        kind=[replica.penalty for replica in replicas],
    )
    rule = GradientDescent(Sgd(synapses, learning_rate=_values(replicas, "learning_rate")), [penalty])

    def finish_task(sequence: TaskSequence, task: int) -> None:
        penalty.consolidate(
            synapses, fisher_of_task(network, synapses, sequence, task, replicas, training.n_fisher_images)
        )

    return Learner(network, synapses, rule, finish_task=finish_task)


@program("si")
def _si(
    replicas: Sequence[Replica], network: FeedForward, training: Training, execution: Execution
) -> Learner:
    synapses = DeterministicSynapses(network.layout, _seeds(replicas), execution=execution)
    optimiser = Adam(synapses, learning_rate=_values(replicas, "learning_rate"))
    rule = SynapticIntelligence(synapses, optimiser, strength=_values(replicas, "strength"))
    return Learner(network, synapses, rule, finish_task=lambda sequence, task: rule.consolidate(synapses))


@program("bgd")
def _bgd(
    replicas: Sequence[Replica], network: FeedForward, training: Training, execution: Execution
) -> Learner:
    synapses = MeanFieldSynapses(
        network.layout,
        _seeds(replicas),
        initial_sigma=_values(replicas, "sigma"),
        draws_per_step=training.draws_per_step,
        execution=execution,
    )
    rule = BayesianGradientDescent(synapses, learning_rate=_values(replicas, "learning_rate"))
    return Learner(network, synapses, rule, loss="sum")


def fisher_of_task(
    network: FeedForward,
    synapses: Synapses,
    sequence: TaskSequence,
    task: int,
    replicas: Sequence[Replica],
    n_images: int,
) -> Tensor:
    """Return the Fisher information of every replica on a task that it learned, (replica, parameters).

    Parameters
    ----------
    network, synapses
        What was trained.
    sequence, task
        The task: its training images are sampled without replacement.
    replicas
        Say which expectation over labels each uses.
    n_images
        Number of images sampled, the same for all replicas.
    """
    data = sequence.images
    rng = numpy_generator(task, Purpose.TASKS)
    members = sequence.train_members[task]
    drawn = np.sort(rng.choice(members, size=min(n_images, len(members)), replace=False))
    chosen = torch.from_numpy(drawn).to(data.train_images.device)
    orders = sequence.pixel_orders(synapses.seeds)
    fisher = torch.empty_like(synapses.learned)
    for row, replica in enumerate(replicas):
        x = data.train_images[chosen]
        if orders is not None:
            x = x[:, orders[row, task]]
        # A generator of its own, so that a replica gets the same labels in whatever batch it runs.
        seed = int(numpy_generator(replica.seed, Purpose.TASKS).integers(2**31)) + task
        fisher[row] = diagonal_fisher(
            network,
            synapses.expected()[row : row + 1],
            x,
            data.train_labels[chosen],
            expectation=replica.fisher,
            generator=torch.Generator(x.device).manual_seed(seed),
        )[0]
    return fisher
