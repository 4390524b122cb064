"""The networks of the energy experiment: what distinguishes them, and training many of them as one batch.

Schug et al. (2021), methods. doi:10.7554/eLife.69884
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

import numpy as np

from biophys.argument_types import NotNegative, OneOf, Positive, checked_types
from biophys.release_plasticity import ReleasePlasticity
from rate_models.datasets import ImageData
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.optimisers import GradientDescent, Sgd
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, Synapses
from rate_models.task_sequences import DataOrder
from rate_models.training import LearningRule, Trainer

PROGRAMS = ("soft_bound", "additive", "fixed", "reliable")
"""What can share a batch: plastic release by either form of the p rule, fixed release, reliable synapses."""


class EveryNetworkDiverged(RuntimeError):
    """No network of a batch has finite weights any more."""


@checked_types
@dataclass(frozen=True)
class NetworkSpec:
    """One network of the experiment.

    Raises ValueError if a value lies outside its range, or a plastic network has no rule of its form.

    Parameters
    ----------
    program : name out of `PROGRAMS`
    table, place : where its measurements belong: a table of the result, and the coordinates in it
    l2 : strength of the penalty on squared weights, not negative
    seed, learning_rate : of its random streams; step size of the expected strengths, positive
    release_probability : at the start, or ``"uniform"`` on p_min..1; for ever where it is not plastic
    plasticity : parameters of the p rule; None where release is not plastic
    measures : what is measured beside performance: names in `network_measures.MEASURED`
    """

    program: Annotated[str, OneOf(PROGRAMS)]
    table: str
    place: tuple[str | float, ...]
    l2: NotNegative
    seed: int
    learning_rate: Positive
    release_probability: float | str = 1.0
    plasticity: ReleasePlasticity | None = None
    measures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.is_plastic and (self.plasticity is None or self.plasticity.form != self.program):
            raise ValueError(f"a network of the program {self.program} needs a p rule of that form")

    @property
    def is_plastic(self) -> bool:
        """Whether release probabilities learn."""
        return self.program in ("soft_bound", "additive")


@dataclass
class TrainedBatch:
    """Networks that were trained together, and what each surviving replica is."""

    network: FeedForward
    synapses: Synapses
    specs: list[NetworkSpec]

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas. Training cannot go on afterwards."""
        self.synapses.keep(replicas)
        self.specs = [self.specs[replica] for replica in replicas]


def train(
    specs: Sequence[NetworkSpec],
    data: ImageData,
    *,
    hidden_units: tuple[int, ...],
    n_epochs: int,
    batch_size: int,
    execution: Execution,
    evaluate_every: int,
    evaluate: Callable[[int, TrainedBatch], None] = lambda epoch, batch: None,
    after_epoch: Callable[[int], None] = lambda epoch: None,
) -> TrainedBatch:
    """Train networks of one program as one batch.

    Parameters
    ----------
    specs, data, execution : the networks, the images on the device, and where to compute
    hidden_units, n_epochs, batch_size : hidden layers, passes through the training set, images per step
    evaluate_every, evaluate
        Epochs between evaluations, the last one always included, and what is then called with the epoch
        (from 1) and the networks that have not diverged.
    after_epoch : called after every epoch with its number

    Raises
    ------
    ValueError : if the specs are of different programs
    EveryNetworkDiverged : if none is left
    """
    network = FeedForward(Layout((data.n_pixels, *hidden_units, data.n_classes)))
    synapses, rule = synapses_and_rule(specs, network.layout, execution)
    trainer = Trainer(network, synapses, rule, data.train_images, data.train_labels)
    batch = TrainedBatch(network, synapses, list(specs))
    order, everything = DataOrder(synapses.seeds), np.arange(len(data.train_labels))
    for epoch in range(1, n_epochs + 1):
        trainer.run(order.epoch(everything, batch_size=batch_size))
        if epoch % evaluate_every == 0 or epoch == n_epochs:
            gone = trainer.diverged()
            if len(gone) == trainer.synapses.n_replicas:
                raise EveryNetworkDiverged("every network of a batch diverged: choose smaller learning rates")
            if gone:
                order.keep([i for i in range(trainer.synapses.n_replicas) if i not in gone])
                trainer.drop(gone)
            batch.specs = [specs[member] for member in trainer.members]
            evaluate(epoch, batch)
        after_epoch(epoch)
    return batch


def synapses_and_rule(
    specs: Sequence[NetworkSpec], layout: Layout, execution: Execution
) -> tuple[Synapses, LearningRule]:
    """Return the synapses and the learning rule of networks, all of one program.

    As in the published program, biases stay at their initial values where release is plastic, and are trained
    and penalised elsewhere.
    """
    programs = {spec.program for spec in specs}
    if len(programs) != 1:
        raise ValueError(f"one batch needs networks of one program, got {sorted(programs)}")
    seeds = [spec.seed for spec in specs]
    step = {"learning_rate": [spec.learning_rate for spec in specs], "l2": [spec.l2 for spec in specs]}
    if specs[0].program == "reliable":
        reliable = DeterministicSynapses(layout, seeds, execution=execution)
        return reliable, GradientDescent(Sgd(reliable, **step))
    rules = [spec.plasticity for spec in specs if spec.plasticity is not None]
    synapses = BernoulliSynapses(
        layout,
        seeds,
        release_probability=[spec.release_probability for spec in specs],
        uniform_range=(rules[0].p_min, 1.0) if rules else (0.25, 1.0),
        biases="fixed" if rules else "trained",
        execution=execution,
    )
    if not rules:
        return synapses, GradientDescent(Sgd(synapses, **step))
    return synapses, cast(LearningRule, PresynapticSgd(synapses, rules, **step))
