"""Train networks whose synapses pay for reliability: many costs, seeds and kinds of noise as one batch.

The objective of a step is the cross entropy summed over the batch, plus the costs of all synapses times batch
size over training set size, so that an epoch is

    sum over images of -log P(label)  +  sum over synapses of [ cost(sigma) + lambda abs(mu) ].

Where the paper's text, its program and its figures disagree, a `Formulation` says which is meant.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, equations 2-5
and methods; program github.com/JamesMalkin/EfficientBayes (CC BY 4.0), of which only the settings are used.
"""

import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from biophys.argument_types import Count, Positive, check_choice
from biophys.progress import Progress, ignore_progress
from biophys.settings import Counts, OneOf, Positives, Seeds, Share, settings
from biophys.sweeps.executors import Executor, ThisProcess
from biophys.sweeps.groups import KeptReplicas
from rate_models.datasets import DataSetName, ImageData, images_for
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.networks import FeedForward, cross_entropy
from rate_models.optimisers import Adam, GradientDescent, Penalty, Together, adam_of_means_and_noise
from rate_models.posterior import GaussianPrior
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.reliability_cost import Costs, MagnitudeCost, ReliabilityCost
from rate_models.stochastic_layers import GaussianSynapses
from rate_models.sweep import BatchClock, batch_size
from rate_models.task_sequences import DataOrder
from rate_models.training import Trainer


@dataclass(frozen=True)
class Formulation:
    """What the paper's text, its program and its figures do differently.

    Parameters
    ----------
    learning_rate : of Adam, for means and phi alike
    magnitude : lambda of the magnitude cost, paid once per epoch
    linear_hidden, rectifies_output : hidden layers (0 first) left linear; whether the logits are rectified
    """

    learning_rate: float
    magnitude: float
    linear_hidden: tuple[int, ...] = ()
    rectifies_output: bool = False


FORMULATIONS = {
    "text": Formulation(learning_rate=5e-4, magnitude=1e-4),
    "program": Formulation(learning_rate=1e-4, magnitude=0.01, linear_hidden=(0,), rectifies_output=True),
    "figures": Formulation(learning_rate=1e-4, magnitude=0.01, rectifies_output=True),
}
"""The text; the program as published; and what the published result files are consistent with."""


def formulation_named(name: str) -> Formulation:
    """Return the formulation with this name in `FORMULATIONS`."""
    check_choice(name, FORMULATIONS, "formulation")
    return FORMULATIONS[name]


@dataclass(frozen=True)
class NoisyNetwork:
    """One network of a batch.

    Parameters
    ----------
    cost : reliability cost, or a mixture of several
    seed : of initial values, order of images and noise
    homogeneous : whether all synapses share one standard deviation
    noise_haste : learning rate of phi over that of the means. Published: 1
    prior_sd : standard deviation of a normal prior of the weights; infinite for none
    pays_magnitude : whether the formulation's magnitude cost applies
    """

    cost: Costs
    seed: int
    homogeneous: bool = False
    noise_haste: float = 1.0
    prior_sd: float = math.inf
    pays_magnitude: bool = True


@settings
class Schedule:
    """How long and from where a batch of networks is trained; the defaults are the published values.

    Parameters
    ----------
    hidden_units : units of each hidden layer; none for a network without
    n_epochs, batch_size : passes over the training set, and images per step
    initial_sigma : standard deviations at the start
    learning_rate : None for that of the formulation
    noise_memory
        Decay of the second moment in Adam for phi. Published: 0.999. The slope of a reliability cost falls by
        orders of magnitude while sigma grows, and the memory of the steep beginning keeps phi back: it moves
        by no more than about (1 - noise_memory) / (2 rho) per step.
    """

    hidden_units: tuple[Count, ...] = (100, 100)
    n_epochs: Count = 50
    batch_size: Count = 20
    initial_sigma: Positive = 1e-4
    learning_rate: Positive | None = None
    noise_memory: Share = 0.999

    @classmethod
    def of(cls, config: Any, **changes: Any) -> "Schedule":
        """Return the schedule that an experiment's configuration asks for, by the names that they share.

        >>> from types import SimpleNamespace
        >>> settings = SimpleNamespace(rho=(0.5, 2.0), n_epochs=3, hidden_units=(20,))
        >>> Schedule.of(settings, hidden_units=()).n_epochs
        3
        """
        shared = {each.name: getattr(config, each.name) for each in fields(cls) if hasattr(config, each.name)}
        return cls(**{**shared, **changes})


@dataclass(frozen=True, eq=False)
class TrainedNetworks:
    """A batch of trained networks.

    Parameters
    ----------
    network : what the synapses connect
    synapses : means and standard deviations of all networks
    sigma_by_epoch : root mean square of sigma over the weights after every epoch, shape (epoch, replica)
    loss_by_epoch : mean cross entropy per image during every epoch, in nats, shape (epoch, replica)
    ms_per_step : duration of a step of all networks, without the first epoch
    """

    network: FeedForward
    synapses: GaussianSynapses
    sigma_by_epoch: NDArray[np.float64]
    loss_by_epoch: NDArray[np.float64]
    ms_per_step: float

    def course(self, config: Any) -> xr.Dataset:
        """Return ``sigma_by_epoch`` and ``loss_by_epoch`` by replica, with what they were trained for."""
        course = {"sigma_by_epoch": self.sigma_by_epoch, "loss_by_epoch": self.loss_by_epoch}
        names = ("data_set", "formulation", "n_epochs")
        return xr.Dataset(
            {name: (("replica", "epoch"), values.T.astype(np.float32)) for name, values in course.items()},
            {"epoch": np.arange(1, len(self.sigma_by_epoch) + 1)},
            {name: getattr(config, name) for name in names} | {"ms_per_step": self.ms_per_step},
        )


def train_noisy_networks(
    networks: Sequence[NoisyNetwork],
    data: ImageData | str,
    *,
    formulation: Formulation,
    schedule: Schedule,
    execution: Execution,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    keep_in: Path | str | None = None,
) -> TrainedNetworks:
    """Train all networks; equal seeds start alike and see the same images and noise.

    On an accelerator they are one batch. On a CPU they are trained in batches that fit its cache, by any
    executor, and each batch can be kept on disk, so that a run that was broken off goes on where it was.

    Parameters
    ----------
    networks, formulation, schedule : what distinguishes them, and what they have in common
    data : images, on any device, or the name of a data set, which every process then reads itself
    execution, executor : device and precision; where batches are trained, None for this process
    on_progress : called with the fraction done and what was done, in this process after every epoch
    keep_in : folder of finished batches; None to keep none
    """
    images = _images(data, execution)
    layout = Layout((images.n_pixels, *schedule.hidden_units, images.n_classes))
    replicas = KeptReplicas(keep_in, _train_batch, execution, executor)
    shared = {"data": images.name, "formulation": repr(formulation), "schedule": repr(schedule)}
    settings = [{"network": repr(network), **shared} for network in networks]
    clock = BatchClock(len(replicas.missing(settings)), on_progress)
    train = functools.partial(_train_batch, data=data, formulation=formulation, schedule=schedule)
    if isinstance(replicas.executor, ThisProcess):
        train = functools.partial(train, on_epoch=clock.epoch)
    size = batch_size(replicas, len(networks), layout.n_parameters)
    trained = replicas.found(
        settings,
        networks,
        train,
        group_size=size,
        on_group=lambda rows: clock.batch(len(rows), f"{len(rows)} networks"),
    )
    synapses = _untrained(networks, layout, Schedule(), execution)
    synapses.learned.copy_(torch.from_numpy(np.stack([each.learned.values for each in trained])))
    return TrainedNetworks(
        network_of(layout, formulation),
        synapses,
        np.stack([each.sigma.values for each in trained], axis=1),
        np.stack([each.loss.values for each in trained], axis=1),
        float(sum(each.ms_per_step.values for each in trained)),
    )


def _images(data: ImageData | str, execution: Execution) -> ImageData:
    return images_for(data, execution) if isinstance(data, str) else data


def _train_batch(
    networks: Sequence[NoisyNetwork],
    execution: Execution,
    *,
    data: ImageData | str,
    formulation: Formulation,
    schedule: Schedule,
    on_epoch: Progress = ignore_progress,
) -> xr.Dataset:
    """Train networks side by side and return what they learned, with the leading dimension replica."""
    data = _images(data, execution)
    layout = Layout((data.n_pixels, *schedule.hidden_units, data.n_classes))
    network = network_of(layout, formulation)
    seeds = [each.seed for each in networks]
    synapses = _untrained(networks, layout, schedule, execution)
    share = schedule.batch_size / len(data.train_images)
    rate = schedule.learning_rate or formulation.learning_rate
    penalties: list[Penalty] = [ReliabilityCost(synapses, [each.cost for each in networks], share=share)]
    strengths = [formulation.magnitude * each.pays_magnitude for each in networks]
    if any(strengths):
        penalties.append(MagnitudeCost(synapses, strengths, share=share))
    if any(math.isfinite(each.prior_sd) for each in networks):
        penalties.append(GaussianPrior(synapses, [each.prior_sd for each in networks], share=share))
    rule = GradientDescent(_optimiser(synapses, networks, rate, schedule.noise_memory), penalties)
    trainer = Trainer(network, synapses, rule, data.train_images, data.train_labels, loss="sum")
    sigmas, losses, durations = [], [], []
    order, members = DataOrder(seeds), np.arange(len(data.train_images))
    for epoch in range(schedule.n_epochs):
        t_start = time.perf_counter()
        plan = order.epoch(members, batch_size=schedule.batch_size)
        trainer.run(plan)
        sigmas.append(_on_host(synapses.sigma[:, : layout.n_weights].square().mean(dim=1).sqrt()))
        losses.append(_on_host(trainer.mean_loss))
        durations.append(1e3 * (time.perf_counter() - t_start) / plan.n_steps)
        doing = f"epoch {epoch + 1} of {len(networks)} networks, {durations[-1]:.3f} ms per step"
        on_epoch(len(networks) * (epoch + 1) / schedule.n_epochs, doing)
    # Of one network, so that batches can be added up.
    ms_per_step = np.full(len(seeds), np.median(durations[1:] or durations) / len(seeds))
    return xr.Dataset(
        {
            "learned": (("replica", "value"), synapses.learned.cpu().numpy()),
            "sigma": (("replica", "epoch"), np.array(sigmas).T),
            "loss": (("replica", "epoch"), np.array(losses).T),
            "ms_per_step": ("replica", ms_per_step),
        }
    )


def _untrained(
    networks: Sequence[NoisyNetwork], layout: Layout, schedule: Schedule, execution: Execution
) -> GaussianSynapses:
    """Return synapses as they are at the start."""
    return GaussianSynapses(
        layout,
        [each.seed for each in networks],
        initial_sigma=schedule.initial_sigma,
        homogeneous=[each.homogeneous for each in networks],
        execution=execution,
    )


def network_of(layout: Layout, formulation: Formulation) -> FeedForward:
    """Return the network with the activation functions of a formulation.

    Linear hidden layers that the network does not have are passed over.
    """
    linear = tuple(layer for layer in formulation.linear_hidden if layer < layout.n_layers - 1)
    # The published network without hidden layers has no rectified output in any formulation.
    rectifies_output = formulation.rectifies_output and layout.n_layers > 1
    return FeedForward(layout, rectifies_output=rectifies_output, linear_hidden=linear)


@dataclass(frozen=True, eq=False)
class Answers:
    """How well networks answer the test set.

    Parameters
    ----------
    accuracy, loss
        Share of right answers and mean of -log P(label) in nats, each image answered once by weights that are
        drawn for every few images; shape (replica,).
    accuracy_of_mean, loss_of_mean : the same by the mean weights, without noise
    """

    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]
    accuracy_of_mean: NDArray[np.float64]
    loss_of_mean: NDArray[np.float64]


def answers_of(trained: TrainedNetworks, data: ImageData, *, images_per_draw: int = 20) -> Answers:
    """Return how well the networks answer the test images, which may be on any device.

    `images_per_draw` of them share a draw of the weights. Published: 20.
    """
    synapses, like = trained.synapses, trained.synapses.learned
    images, labels = data.test_images.to(like.device, like.dtype), data.test_labels.to(like.device)
    streams = synapses.evaluation_streams()
    measured = []
    for n, weights in ((images_per_draw, lambda: synapses.sample(streams)), (1000, synapses.expected)):
        logits = logits_of(trained.network, images, n, weights)
        shown = labels.expand(len(logits), -1)
        right = (logits.argmax(dim=-1) == shown).double().mean(dim=1)
        measured += [_on_host(right), _on_host(cross_entropy(logits, shown)[0])]
    return Answers(*measured)


def logits_of(network: FeedForward, images: Tensor, n: int, weights: Callable[[], Tensor]) -> Tensor:
    """Return the outputs (replica, image, class) for images (image, pixel), n at a time with new weights."""
    parts = []
    for part in images.split(n):
        parameters = weights()
        parts.append(network.logits(part.expand(len(parameters), *part.shape), parameters))
    return torch.cat(parts, dim=1)


def _optimiser(
    synapses: GaussianSynapses, networks: Sequence[NoisyNetwork], rate: float, noise_memory: float
) -> Adam | Together:
    """Return Adam, one for means and one for phi where they learn differently."""
    if all(each.noise_haste == 1 for each in networks) and noise_memory == 0.999:
        return Adam(synapses, learning_rate=rate)
    return adam_of_means_and_noise(
        synapses,
        learning_rate=rate,
        noise_rate=[rate * each.noise_haste for each in networks],
        noise_memory=noise_memory,
    )


def _on_host(values: Tensor | float) -> NDArray[np.float64]:
    return torch.as_tensor(values).detach().double().cpu().numpy()


@settings
class NoisyTraining(Schedule):
    """How networks are trained whose synapses pay for reliability; published values beside the `Schedule`.

    Parameters
    ----------
    data_set : ``"mnist"`` or ``"digits"``
    formulation : which of the paper's variants: a name in `noisy_networks.FORMULATIONS`
    rho : exponents of the reliability cost: calcium pump, membrane, actin, trafficking (figure 1c)
    seeds : one network per seed and setting. Published: one
    """

    data_set: DataSetName = "mnist"
    formulation: Annotated[str, OneOf(FORMULATIONS)] = "figures"
    rho: Positives = (1 / 2, 2 / 3, 4 / 3, 2.0)
    seeds: Seeds = (1, 2, 3)
    hidden_units: Counts = (100, 100)

    def trained(self, networks: Sequence[NoisyNetwork], **options: Any) -> TrainedNetworks:
        """Train networks as these settings say, or otherwise by the options of `train_noisy_networks`."""
        usual = {"formulation": formulation_named(self.formulation), "schedule": Schedule.of(self)}
        return train_noisy_networks(networks, self.data_set, **{**usual, **options})

    def shown_synapses(self, layout: Layout, n: int) -> list[Tensor]:
        """Return the positions of n synapses of each layer, for scatter plots."""
        rng = numpy_generator(self.seeds[0], Purpose.LESIONS)
        sizes = [part.stop - part.start for part in layout.weight_slices]
        return [torch.from_numpy(rng.choice(size, size=n, replace=size < n)) for size in sizes]
