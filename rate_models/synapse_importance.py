r"""How important every synapse of a network is: curvature, gradient size, rate of its input.

Curvature H is estimated by squared gradients, in four ways that the literature does not keep apart:

``"minibatch"``
    gradient of the summed loss of a batch, squared and divided by the batch size, weights drawn with their
    noise (what the published figures hold). As the images of a batch share a draw, their gradients are not
    independent and it exceeds the next one.
``"noisy"``
    squared gradients of single images, weights drawn with their noise.
``"at_mean"``
    squared gradients of single images at the mean weights (the published definition).
``"curvature"``
    second derivative of the loss by the weight, averaged over the noise: squared gradients of single images
    with labels weighted by the network's answer (generalised Gauss-Newton). Without hidden units it is the H
    of :math:`\sigma^{\rho + 2} = s^\rho / (N H)` exactly; with rectified ones it leaves out their kinks.

Malkin et al. (2023), methods and appendix 3.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from biophys.argument_types import check_choice
from rate_models.datasets import ImageData
from rate_models.fisher import diagonal_fisher
from rate_models.layout import aligned_rows
from rate_models.networks import FeedForward
from rate_models.replicas import PerReplica
from rate_models.stochastic_layers import GaussianSynapses, Synapses
from rate_models.task_sequences import DataOrder
from rate_models.training import Trainer

ESTIMATORS = ("minibatch", "noisy", "at_mean", "curvature")


class BatchGradients(PerReplica):
    """A learning rule that learns nothing and averages the gradients of batches by every mean.

    Of the gradient g of the loss summed over a batch, `squares` and `sizes`, (replica, parameters), are the
    sums over steps of g^2 and abs(g). `n_steps` is counted by whoever trains: a captured step counts nothing.
    """

    by_replica = ("squares", "sizes")

    def __init__(self, synapses: Synapses, batch_size: int) -> None:
        shape, like = (synapses.n_replicas, synapses.layout.n_parameters), synapses.learned
        self.batch_size, self.n_steps = batch_size, 0
        place: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
        self.squares, self.sizes = (aligned_rows(*shape, **place) for _ in range(2))
        self._add = synapses.execution.fused(_add_moments)

    def update(self, synapses: Synapses) -> None:
        """Add the gradient that the network wrote."""
        self._add(synapses.gradient[:, : self.squares.shape[1]], self.squares, self.sizes)

    @property
    def hessian(self) -> Tensor:
        """Curvature per image by the ``"minibatch"`` estimator: mean over batches of g^2 by their size."""
        return self.squares / self.n_steps / self.batch_size

    def learning_rate(self, base: float) -> Tensor:
        """Return base over mean abs(g) per image, the published learning rate of a synapse."""
        return base * self.batch_size / (self.sizes / self.n_steps)


def _add_moments(gradient: Tensor, squares: Tensor, sizes: Tensor) -> None:
    squares.addcmul_(gradient, gradient)
    sizes.add_(gradient.abs())


def batch_gradients(
    network: FeedForward, synapses: Synapses, data: ImageData, *, n_epochs: int, batch_size: int = 20
) -> BatchGradients:
    """Go through the training set without learning, noise on, and return the moments of the gradients.

    Published are `n_epochs` of 10 and a `batch_size` of 20.
    """
    moments = BatchGradients(synapses, batch_size)
    trainer = Trainer(network, synapses, moments, data.train_images, data.train_labels, loss="sum")
    order = DataOrder(synapses.seeds)
    for _ in range(n_epochs):
        plan = order.epoch(np.arange(len(data.train_images)), batch_size=batch_size)
        trainer.run(plan)
        moments.n_steps += plan.n_steps
    return moments


def image_curvature(
    network: FeedForward,
    synapses: GaussianSynapses,
    data: ImageData,
    estimator: str,
    *,
    images_per_draw: int = 100,
) -> Tensor:
    """Return the curvature per image of every weight and bias on the training set, (replica, parameters).

    Parameters
    ----------
    network, synapses, data : the networks, and the images whose training set is used
    estimator : ``"noisy"``, ``"at_mean"`` or ``"curvature"``
    images_per_draw : images that share a draw of the weights
    """
    check_choice(estimator, ESTIMATORS[1:], "estimator")
    expectation = "expected" if estimator == "curvature" else "observed"
    images, labels = _training_set(data, synapses)
    if estimator == "at_mean":
        return diagonal_fisher(network, synapses.expected(), images, labels, expectation=expectation)
    total = torch.zeros_like(synapses.effective)
    for part, shown, weights in _parts(images, labels, synapses, images_per_draw):
        curvature = diagonal_fisher(network, weights, part, shown, expectation=expectation)
        total += curvature * len(part)
    return total / len(images)


class InputRates(NamedTuple):
    """Mean abs(x), `rate`, and mean x^2, `power`, of the inputs of every layer, each (replica, input)."""

    rate: list[Tensor]
    power: list[Tensor]


def input_rates(
    network: FeedForward, synapses: Synapses, data: ImageData, *, images_per_draw: int = 100
) -> InputRates:
    """Return how active the inputs of every layer are on the training set, noise included.

    `images_per_draw` images share a draw of the weights.
    """
    images, labels = _training_set(data, synapses)
    sizes = network.layout.sizes[:-1]
    rate = [synapses.learned.new_zeros(synapses.n_replicas, n) for n in sizes]
    power = [synapses.learned.new_zeros(synapses.n_replicas, n) for n in sizes]
    for part, _, weights in _parts(images, labels, synapses, images_per_draw):
        activities = network.activities(part.expand(len(weights), *part.shape), weights)
        for layer, activity in enumerate(activities[:-1]):
            rate[layer] += activity.abs().sum(dim=1)
            power[layer] += activity.square().sum(dim=1)
    return InputRates([r / len(images) for r in rate], [p / len(images) for p in power])


def _training_set(data: ImageData, synapses: Synapses) -> tuple[Tensor, Tensor]:
    like = synapses.learned
    return data.train_images.to(like.device, like.dtype), data.train_labels.to(like.device)


def _parts(
    images: Tensor, labels: Tensor, synapses: Synapses, n: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield n images at a time with their labels and newly drawn weights."""
    streams = synapses.evaluation_streams()
    for part, shown in zip(images.split(n), labels.split(n), strict=True):
        yield part, shown, synapses.sample(streams)
