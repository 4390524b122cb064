"""The methods that learn tasks in sequence, each as one program that many replicas run together.

A program is what must be alike in all replicas of a batch: the kind of synapses, the learning rule, what
happens at the end of a task. Numbers (learning rates, strengths, parameters of the p rule), seeds and the
variant of the Fisher information are free in every replica.

=======================  ==============================================  ====================================
program                  synapses and rule                               settings
=======================  ==============================================  ====================================
``consolidating``        Bernoulli, plastic p; learning rate times 1-p   learning_rate, p_up, p_down, p_freeze
``plastic``              the same, constant learning rate                as above
``ghost``                releases with 0.5 whatever the learned p        as above
``ghost_misnormalised``  the same, divided by the learned p              as above
``odds``                 Bernoulli; odds of release count evidence       learning_rate, gain, p_start, memory,
                                                                         clamp, mean_range
``odds_certain``         the same, release certain whatever p            as above
``odds_unmodulated``     the same, constant learning rate                as above
``odds_unselective``     the same, rate of the layer's mean synapse      as above
``odds_shuffled``        the same, p shuffled in layers after a task     as above
``odds_latched``         the same, p kept for good from 0.9353 on        as above
``odds_of_batches``      the same, evidence of the batch's whole slope   as above
``sgd``, ``adam``        deterministic; gradient descent                 learning_rate
``ewc``                  deterministic; elastic weights                  learning_rate, strength
``si``                   deterministic; Adam, synaptic intelligence      learning_rate, strength
``bgd``                  Gaussian; Bayesian gradient descent, which is   learning_rate, sigma
                         FOO-VB diagonal
``bgd_xavier``           the same, started as by Zeno et al.             as above
``foo_vb``               the same, without biases, started and cut as    learning_rate, clamp, sigma,
                         by Bonnet et al.                                mean_range
``mesu``                 the same with a leak and a prior                learning_rate, sigma_rate,
                                                                         prior_sigma, memory, clamp, sigma,
                                                                         mean_range
=======================  ==============================================  ====================================

mean_range, and sigma of ``foo_vb`` and ``mesu``, are at the start, in units of one over the root of the
number of inputs.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from biophys.argument_types import check_choice, check_kind, check_public
from biophys.plugins import check_new, load_plugins
from biophys.release_plasticity import ReleasePlasticity
from biophys.settings import Count, NotNegative, OneOf, Probability, Seed
from biophys.source_digest import digest_of
from rate_models.consolidation import (
    PENALTY_KINDS,
    BayesianGradientDescent,
    ElasticWeightConsolidation,
    ImplicitElasticWeights,
    MeanFieldSynapses,
    SynapticIntelligence,
)
from rate_models.continual_learning import TaskNetwork, TaskSequence, accuracy_by_task, learn_tasks
from rate_models.datasets import ImageData
from rate_models.devices import Execution
from rate_models.fisher import EXPECTATIONS, diagonal_fisher
from rate_models.layout import Layout
from rate_models.metaplastic_uncertainty import MetaplasticUncertainty
from rate_models.networks import FeedForward
from rate_models.optimisers import Adam, GradientDescent, Sgd
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.random_search import Interval
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.release_odds import ReleaseOdds
from rate_models.replicas import amounts_per_replica, column
from rate_models.sparsity import most_important, overlap_of_tasks
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, Synapses
from rate_models.training import LearningRule, Trainer


@dataclass(frozen=True)
class Replica:
    """One network of a batch.

    Parameters
    ----------
    seed : sets initial values, permutations, order of the images and noise
    settings : hyperparameters by name
    fisher, penalty
        Variant of elastic weight consolidation: ``"expected"``, ``"sampled"`` or ``"observed"`` labels;
        ``"separate"`` or ``"online"`` penalties.
    """

    seed: Seed
    settings: Mapping[str, float]
    fisher: Annotated[str, OneOf(EXPECTATIONS)] = "expected"
    penalty: Annotated[str, OneOf(PENALTY_KINDS)] = "separate"


_Replicas: TypeAlias = Sequence[Replica]


@dataclass(frozen=True)
class Training:
    """What is the same for all methods.

    Parameters
    ----------
    hidden_units, n_epochs, batch_size : sizes of the hidden layers, passes through each task, images per step
    n_samples, draws_per_step : draws of synapses per test image, and per step in Bayesian gradient descent
    n_fisher_images : training images of a task from which the Fisher information is estimated
    g_lim, p_min : parameters of the p rule that all replicas share
    every_test_image : evaluate intermediate networks on one test image in this many; final ones on all
    """

    hidden_units: tuple[Count, ...] = (200, 200)
    n_epochs: Count = 10
    batch_size: Count = 100
    n_samples: Count = 10
    n_fisher_images: Count = 1000
    draws_per_step: Count = 5
    g_lim: NotNegative = 0.001
    p_min: Probability = 0.25
    every_test_image: Count = 1


@dataclass
class Learner:
    """A batch of networks with their rule, and what they do at the end of a task."""

    network: FeedForward
    synapses: Synapses
    rule: LearningRule
    finish_task: Callable[[TaskSequence, int], None] = lambda sequence, task: None

    def trainer(self, data: ImageData) -> Trainer:
        """Return what trains the networks on the training set."""
        return Trainer(self.network, self.synapses, self.rule, data.train_images, data.train_labels)


@dataclass(frozen=True)
class Program:
    """How learners are built, and the settings that every replica must bring."""

    build: Callable[..., Learner]
    settings: tuple[str, ...]


_PROGRAMS: dict[str, Program] = {}

_GHOST_RELEASE = 0.5
_P_RULE = {"p_up": Interval(0.01, 0.1), "p_down": Interval(0.01, 0.1), "p_freeze": Interval(0.9, 0.96)}
SEARCH_SPACES: dict[str, dict[str, Interval]] = {
    "consolidating": {"learning_rate": Interval(1e-4, 1e-1, True), **_P_RULE},
    "sgd": {"learning_rate": Interval(1e-5, 1.0, True)},
    "adam": {"learning_rate": Interval(1e-7, 1e-2, True)},
    "ewc": {"learning_rate": Interval(1e-5, 0.3, True), "strength": Interval(1.0, 1e5, True)},
    "ewc_implicit": {"learning_rate": Interval(1e-5, 0.3, True), "rate_strength": Interval(1e-3, 1e3, True)},
    "si": {"learning_rate": Interval(1e-7, 1e-2, True), "strength": Interval(1e-3, 1e2, True)},
    "bgd": {"learning_rate": Interval(0.1, 10.0, True), "sigma": Interval(3e-3, 0.1, True)},
    "mesu": {
        "learning_rate": Interval(0.1, 2.0, True),
        "sigma_rate": Interval(0.1, 2.0, True),
        "prior_sigma": Interval(0.01, 1.0, True),
        "memory": Interval(1e4, 1e8, True),
        "clamp": Interval(0.3, 3.0, True),
        "sigma": Interval(0.3, 3.0, True),
        "mean_range": Interval(1.0, 5.0),
    },
    "odds": {
        "learning_rate": Interval(0.3, 30.0, True),
        "gain": Interval(1.0, 1000.0, True),
        "p_start": Interval(0.25, 0.9),
        "memory": Interval(1e4, 1e8, True),
        "clamp": Interval(0.3, 10.0, True),
        "mean_range": Interval(1.0, 5.0),
    },
}
"""Where the random search looks. Those of the p rule are the published program's."""


def program(
    name: str, *settings: str, space: Mapping[str, Interval] | None = None
) -> Callable[[Callable[..., Learner]], Callable[..., Learner]]:
    """Register the decorated function as what builds the learners of a program.

    It is called with the replicas, the network, the training and the execution. The seeds of the replicas are
    ``seeds_of(replicas)``, a setting of all is ``values_of(replicas, name)``.

    Parameters
    ----------
    name : what the program is called from then on, on the command line too
    settings : names of the numbers that every replica brings; by default those of `space`
    space : where a random search looks for them

    Raises
    ------
    ValueError : if there is a program of that name, or the search leaves out a setting

    Examples
    --------
    >>> @program("sign descent", space={"learning_rate": Interval(1e-4, 1e-1, is_logarithmic=True)})
    ... def build(replicas, network, training, execution):
    ...     synapses = DeterministicSynapses(network.layout, seeds_of(replicas), execution=execution)
    ...     return Learner(network, synapses, SignDescent(values_of(replicas, "learning_rate")))
    >>> "sign descent" in program_names()
    True
    """
    names = settings or tuple(space or ())
    if space is not None and set(space) != set(names):
        raise ValueError(f"space must hold an interval for {', '.join(names)}, got {', '.join(space)}")

    def register(build: Callable[..., Learner]) -> Callable[..., Learner]:
        check_new("program named", name, build, getattr(_PROGRAMS.get(name), "build", None))
        _PROGRAMS[name] = Program(build, names)
        if space is not None:
            SEARCH_SPACES[name] = dict(space)
        return build

    return register


def program_names() -> list[str]:
    """Return the names of all programs, those of plugins that are loaded included."""
    return list(_PROGRAMS)


def settings_of_program(name: str) -> tuple[str, ...]:
    """Return the names of the settings that every replica of a program, which may be a plugin's, brings."""
    if name not in _PROGRAMS:
        load_plugins()
    check_choice(name, _PROGRAMS, "program")
    return _PROGRAMS[name].settings


def source_of_program(name: str) -> str:
    """Return the digest of the source of a program that is not of this package, empty for one that is."""
    build = _PROGRAMS[name].build
    module = getattr(build, "__module__", __name__)
    return "" if module == __name__ or isinstance(build, functools.partial) else digest_of(build)


def learner_of(
    name: str, replicas: Sequence[Replica], layout: Layout, training: Training, execution: Execution
) -> Learner:
    """Return the learner of a program, or raise ValueError if a setting is missing or unknown to it."""
    needed = settings_of_program(name)
    for replica in replicas:
        if set(replica.settings) != set(needed):
            raise ValueError(f"settings of {name} are {', '.join(needed)}, got {list(replica.settings)}")
    network = TaskNetwork(layout, device=execution.torch_device, dtype=execution.torch_dtype)
    learner = _PROGRAMS[name].build(replicas, network, training, execution)
    check_kind(learner, Learner, f"what builds the program {name}", "Learner(network, synapses, rule)")
    return learner


def learned(
    name: str,
    replicas: Sequence[Replica],
    sequence: TaskSequence,
    training: Training,
    *,
    schedule: str = "abrupt",
    execution: Execution,
    measures_all: bool = True,
    checkpoint: Path | str | None = None,
) -> xr.Dataset:
    """Train the replicas of a program along a sequence of tasks, which lie on the device, and measure them.

    Parameters
    ----------
    name, replicas, sequence, training, execution
        The program and its networks, the tasks, what is the same for all methods, and where to compute.
    schedule : ``"abrupt"``, ``"joint"`` or ``"continuous"``
    measures_all : whether to measure after every task, or after the last one only
    checkpoint
        File for the half-trained networks, from which a run that was killed goes on; it is removed at the
        end. None for none.

    Returns
    -------
    result
        ``accuracy`` (replica, n_learned, task) on every task after n_learned tasks, NaN where nothing was
        measured or the network diverged; ``mean_p`` and ``frozen`` (replica, n_learned), mean release
        probability and share of frozen synapses, NaN where release probability is not plastic; ``overlap``
        (replica,) of the tenth of the weights of each layer with the highest Fisher information on each task,
        just learned, as `sparsity.overlap_of_tasks`, NaN where release is not stochastic.
    """
    images = sequence.images
    layout = Layout((images.n_pixels, *training.hidden_units, images.n_classes))
    learner = learner_of(name, replicas, layout, training, execution)
    trainer = learner.trainer(images)
    dims, n_tasks = ("replica", "n_learned", "task"), sequence.n_tasks
    table = np.full((len(replicas), n_tasks + 1, n_tasks), np.nan, np.float32)
    result = xr.Dataset(
        {
            "accuracy": (dims, table),
            **{name: (dims[:2], table[..., 0].copy()) for name in ("mean_p", "frozen")},
        },
        {"n_learned": np.arange(n_tasks + 1), "task": np.arange(1, n_tasks + 1)},
    )

    def measure(n_learned: int) -> None:
        if measures_all or n_learned == n_tasks:
            every = 1 if n_learned == n_tasks else training.every_test_image
            for name, values in _measured(trainer, sequence, training.n_samples, every).items():
                result[name][:, n_learned] = values.cpu().numpy()
            result.accuracy[trainer.diverged(), n_learned] = np.nan

    is_followed = measures_all and schedule == "abrupt" and isinstance(learner.synapses, BernoulliSynapses)
    important = np.zeros((len(replicas), n_tasks * is_followed, layout.n_weights), bool)

    def finish_task(task: int) -> None:
        learner.finish_task(sequence, task)
        if is_followed:
            at = (learner.network, learner.synapses, sequence, task, replicas, training.n_fisher_images)
            important[:, task] = most_important(fisher_of_task(*at), layout)

    learn_tasks(
        trainer,
        sequence,
        schedule=schedule,
        n_epochs=training.n_epochs,
        batch_size=training.batch_size,
        finish_task=finish_task,
        measure=measure,
        checkpoint=checkpoint,
        results={"important": important, **{str(name): each.values for name, each in result.items()}},
    )
    overlap = overlap_of_tasks(important) if is_followed else np.full(len(replicas), np.nan)
    overlap[trainer.diverged()] = np.nan
    result["overlap"] = ("replica", overlap)
    if checkpoint is not None:
        Path(checkpoint).unlink(missing_ok=True)
    return result


def _measured(trainer: Trainer, sequence: TaskSequence, n_samples: int, every: int) -> dict[str, Tensor]:
    """Return what the networks can do by now, and how reliable their synapses are."""
    synapses = trainer.synapses
    streams = synapses.evaluation_streams()
    options: dict[str, Any] = {"streams": streams, "n_samples": n_samples, "every": every}
    measured = {"accuracy": accuracy_by_task(trainer.network, synapses, sequence, **options)}
    if isinstance(synapses, BernoulliSynapses):
        measured["mean_p"] = synapses.p.mean(dim=1)
        if isinstance(trainer.rule, PresynapticSgd):
            is_frozen = synapses.p >= trainer.rule.plasticity.p_freeze
            measured["frozen"] = is_frozen.to(synapses.p.dtype).mean(dim=1)
    return measured


def values_of(replicas: Sequence[Replica], name: str) -> list[float]:
    """Return one setting of every replica."""
    return [float(replica.settings[name]) for replica in replicas]


def seeds_of(replicas: Sequence[Replica]) -> list[int]:
    """Return the seed of every replica."""
    return [replica.seed for replica in replicas]


def _presynaptic(
    replicas: _Replicas,
    network: FeedForward,
    training: Training,
    execution: Execution,
    *,
    consolidation: bool = True,
    ghost: Literal["release", "ghost"] | None = None,
) -> Learner:
    """Build networks with plastic release probability.

    With `ghost` they release with 0.5 whatever the learned p is, normalised by ``"release"`` or ``"ghost"``.
    The published program starts the unused p of this control at 0.5 too.
    """
    synapses = BernoulliSynapses(
        network.layout,
        seeds_of(replicas),
        release_probability=training.p_min if ghost is None else _GHOST_RELEASE,
        release_fixed_at=None if ghost is None else _GHOST_RELEASE,
        normalised_by=ghost or "release",
        execution=execution,
    )
    shared: dict[str, Any] = {"form": "soft_bound", "consolidation": consolidation}
    plasticity = []
    for p_up, p_down, p_freeze in zip(*(values_of(replicas, name) for name in _P_RULE), strict=True):
        limit = p_freeze if p_freeze < 1 else math.inf
        rule = ReleasePlasticity(p_up, p_down, training.g_lim, training.p_min, p_freeze=limit, **shared)
        plasticity.append(rule)
    rates = values_of(replicas, "learning_rate")
    return Learner(network, synapses, PresynapticSgd(synapses, plasticity, learning_rate=rates))


_PLASTIC = ("learning_rate", *_P_RULE)
program("consolidating", *_PLASTIC)(_presynaptic)
program("plastic", *_PLASTIC)(functools.partial(_presynaptic, consolidation=False))
program("ghost", *_PLASTIC)(functools.partial(_presynaptic, ghost="release"))
program("ghost_misnormalised", *_PLASTIC)(functools.partial(_presynaptic, ghost="ghost"))


_ODDS = ("learning_rate", "gain", "p_start", "memory", "clamp", "mean_range")


def _scale_start(synapses: Synapses, replicas: _Replicas) -> None:
    """Multiply weights, which start uniformly on 1 / sqrt(fan_in) either way, by the replicas' mean_range."""
    ranges = amounts_per_replica(values_of(replicas, "mean_range"), synapses.n_replicas, "mean_range")
    synapses.strength.mul_(column(ranges, synapses.learned))


def _release_odds(
    replicas: Sequence[Replica],
    network: FeedForward,
    training: Training,
    execution: Execution,
    *,
    release: float | None = None,
    modulation: Literal["own", "mean", "none"] = "own",
    p_freeze: float = 1.0,
    evidence: Literal["images", "batch"] = "images",
    shuffles: bool = False,
) -> Learner:
    """Build networks whose odds of release count evidence, or one of their controls."""
    synapses = BernoulliSynapses(
        network.layout,
        seeds_of(replicas),
        release_probability=values_of(replicas, "p_start"),
        release_fixed_at=release,
        execution=execution,
    )
    _scale_start(synapses, replicas)
    numbers = {name: values_of(replicas, name) for name in ("learning_rate", "gain", "memory", "clamp")}
    rule = ReleaseOdds(synapses, **numbers, p_freeze=p_freeze, modulation=modulation, evidence=evidence)

    def finish_task(sequence: TaskSequence, task: int) -> None:
        if shuffles:
            rule.shuffle(synapses, [numpy_generator(seed, Purpose.LESIONS) for seed in synapses.seeds])

    return Learner(network, synapses, rule, finish_task=finish_task)


program("odds", *_ODDS)(_release_odds)
program("odds_certain", *_ODDS)(functools.partial(_release_odds, release=1.0))
program("odds_unmodulated", *_ODDS)(functools.partial(_release_odds, modulation="none"))
program("odds_unselective", *_ODDS)(functools.partial(_release_odds, modulation="mean"))
program("odds_shuffled", *_ODDS)(functools.partial(_release_odds, shuffles=True))
program("odds_latched", *_ODDS)(functools.partial(_release_odds, p_freeze=0.9353))
program("odds_of_batches", *_ODDS)(functools.partial(_release_odds, evidence="batch"))


def _plain(
    replicas: _Replicas, network: FeedForward, training: Training, execution: Execution, *, optimiser: Any
) -> Learner:
    """Build deterministic networks without consolidation."""
    synapses = DeterministicSynapses(network.layout, seeds_of(replicas), execution=execution)
    rule = GradientDescent(optimiser(synapses, learning_rate=values_of(replicas, "learning_rate")))
    return Learner(network, synapses, rule)


program("sgd", "learning_rate")(functools.partial(_plain, optimiser=Sgd))
program("adam", "learning_rate")(functools.partial(_plain, optimiser=Adam))


def _ewc(
    replicas: _Replicas,
    network: FeedForward,
    training: Training,
    execution: Execution,
    *,
    implicit: bool = False,
) -> Learner:
    """Build networks whose weights are held by the Fisher information of every task that ends."""
    synapses = DeterministicSynapses(network.layout, seeds_of(replicas), execution=execution)
    kinds, rates = [replica.penalty for replica in replicas], values_of(replicas, "learning_rate")
    strengths = 1.0 if implicit else values_of(replicas, "strength")
    penalty = ElasticWeightConsolidation(synapses, strength=strengths, kind=kinds)
    rule: LearningRule = GradientDescent(Sgd(synapses, learning_rate=rates), [penalty])
    if implicit:
        pulls = values_of(replicas, "rate_strength")
        rule = ImplicitElasticWeights(synapses, penalty, learning_rate=rates, rate_strength=pulls)

    def finish_task(sequence: TaskSequence, task: int) -> None:
        n_images = training.n_fisher_images
        penalty.consolidate(synapses, fisher_of_task(network, synapses, sequence, task, replicas, n_images))

    return Learner(network, synapses, rule, finish_task=finish_task)


program("ewc", "learning_rate", "strength")(_ewc)
program("ewc_implicit", "learning_rate", "rate_strength")(functools.partial(_ewc, implicit=True))


@program("si", "learning_rate", "strength")
def _si(replicas: _Replicas, network: FeedForward, training: Training, execution: Execution) -> Learner:
    synapses = DeterministicSynapses(network.layout, seeds_of(replicas), execution=execution)
    optimiser = Adam(synapses, learning_rate=values_of(replicas, "learning_rate"))
    rule = SynapticIntelligence(synapses, optimiser, strength=values_of(replicas, "strength"))
    return Learner(network, synapses, rule, finish_task=lambda sequence, task: rule.consolidate(synapses))


@program("bgd", "learning_rate", "sigma")
def _bgd(replicas: _Replicas, network: FeedForward, training: Training, execution: Execution) -> Learner:
    synapses = MeanFieldSynapses(
        network.layout,
        seeds_of(replicas),
        initial_sigma=values_of(replicas, "sigma"),
        draws_per_step=training.draws_per_step,
        execution=execution,
    )
    rule = BayesianGradientDescent(synapses, learning_rate=values_of(replicas, "learning_rate"))
    return Learner(network, synapses, rule)


@program("bgd_xavier", "learning_rate", "sigma")
def _xavier(replicas: _Replicas, network: FeedForward, training: Training, execution: Execution) -> Learner:
    learner, layout = _bgd(replicas, network, training, execution), network.layout
    fan_out = np.array(layout.sizes[1:])
    weight_sd = np.sqrt(2 / (layout.fan_in() + fan_out[layout.layer_of_weight()]))
    bias_sd = np.sqrt(2 / (1 + np.repeat(fan_out, fan_out)))
    for row, seed in zip(learner.synapses.expected(), learner.synapses.seeds, strict=True):
        drawn = numpy_generator(seed, Purpose.INITIAL_VALUES).normal(size=layout.n_parameters)
        row.copy_(torch.from_numpy(drawn * [*weight_sd, *bias_sd]))
    return learner


_MESU = ("learning_rate", "sigma_rate", "prior_sigma", "memory", "clamp", "sigma", "mean_range")


@program("mesu", *_MESU)
def _mesu(replicas: _Replicas, network: FeedForward, training: Training, execution: Execution) -> Learner:
    synapses = _without_biases(replicas, network.layout, training, execution)
    numbers = {name: values_of(replicas, name) for name in _MESU[:5]}
    return Learner(network, synapses, MetaplasticUncertainty(synapses, **numbers))


@program("foo_vb", "learning_rate", "clamp", "sigma", "mean_range")
def _foo_vb(replicas: _Replicas, network: FeedForward, training: Training, execution: Execution) -> Learner:
    synapses = _without_biases(replicas, network.layout, training, execution)
    rates, clamps = (values_of(replicas, name) for name in ("learning_rate", "clamp"))
    return Learner(network, synapses, BayesianGradientDescent(synapses, learning_rate=rates, clamp=clamps))


def _without_biases(
    replicas: _Replicas, layout: Layout, training: Training, execution: Execution
) -> MeanFieldSynapses:
    """Return normal synapses without biases, which start and answer as in the program of MESU."""
    synapses = MeanFieldSynapses(
        layout,
        seeds_of(replicas),
        draws_per_step=training.draws_per_step,
        biases="none",
        answers_with="draws",
        execution=execution,
    )
    per_root = torch.from_numpy(layout.fan_in() ** -0.5).to(synapses.learned)
    _scale_start(synapses, replicas)
    sigma = column(values_of(replicas, "sigma"), synapses.learned) * per_root
    synapses.log_sigma[:, : layout.n_weights] = sigma.log()
    return synapses


def fisher_of_task(
    network: FeedForward,
    synapses: Synapses,
    sequence: TaskSequence,
    task: int,
    replicas: Sequence[Replica],
    n_images: int,
) -> Tensor:
    """Return the Fisher information of every replica on a task that it learned, (replica, parameters).

    `n_images` training images of the task are sampled without replacement, the same for all replicas; every
    replica says which expectation over labels it uses.
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
        generator = torch.Generator(x.device).manual_seed(seed)
        labels: dict[str, Any] = {"expectation": replica.fisher, "generator": generator}
        mean = synapses.expected()[row : row + 1]
        fisher[row] = diagonal_fisher(network, mean, x, data.train_labels[chosen], **labels)[0]
    return fisher


check_public(__name__, but=("Learner", "Program"))
