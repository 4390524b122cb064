"""Diagonal Fisher information of many networks: the gradients of single images, without a loop over images.

    F_i = E[ g_i^2 ],    g_i = d log P(label | image) / d w_i

For a linear layer the gradient of one image is the outer product of the slope d_j of the drive of a unit and
the activity a_i of an input, so that the sum over images of the squares is again one matrix product:

    sum_s (d_sj a_si)^2 = (d^2)^T a^2

Three expectations over the label are in use: the observed label of each image (the empirical Fisher
information, as in the published experiments), one label drawn from the network's own answer, or all labels
weighted by that answer (the Fisher information proper, of which the drawn label is an unbiased estimate).

References
----------
Schug et al. (2021), methods, "Link between release probabilities and Fisher information".
doi:10.7554/eLife.69884
Kunstner F, Hennig P, Balles L (2019). Limitations of the empirical Fisher approximation. arXiv:1905.12558
"""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from biophys.argument_types import Count, OneOf, checked_types
from rate_models.networks import FeedForward

EXPECTATIONS = ("observed", "sampled", "expected")


@checked_types
def diagonal_fisher(
    network: FeedForward,
    parameters: Tensor,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    expectation: Annotated[str, OneOf(EXPECTATIONS)] = "observed",
    generator: torch.Generator | None = None,
    images_per_pass: Count = 500,
) -> Tensor:
    """Return the diagonal Fisher information, the mean squared gradient, of every weight and bias.

    It is in nats^2 per squared weight, shape (replica, parameters).

    Raises ValueError if `expectation` is unknown, or what it needs is missing.

    Parameters
    ----------
    network : the network, the same for all replicas
    parameters : weights and biases, shape (replica, parameters): `synapses.expected()` for the mean network
    images : shape (image, pixel), or (replica, image, pixel) where replicas see different images
    labels : observed labels, shape (image,) or (replica, image); needed for ``"observed"`` only
    expectation
        ``"observed"``, ``"sampled"`` (one label per image drawn from the network's answer) or ``"expected"``
        (all labels, weighted by the answer; as many backward passes as classes).
    generator : source of the sampled labels, on the device of the parameters
    images_per_pass : images that are computed at once, which bounds memory

    Examples
    --------
    A logistic unit whose two classes are equally likely has slope 1/2 whatever the label:

    >>> from brianpresyn.rate_models.layout import Layout
    >>> network = FeedForward(Layout((1, 2)))
    >>> diagonal_fisher(network, torch.zeros(1, 4), torch.tensor([[2.0]]), torch.tensor([0])).tolist()
    [[1.0, 1.0, 0.25, 0.25]]
    """
    if expectation == "observed" and labels is None:
        raise ValueError("the empirical Fisher information needs labels; pass them or expectation='expected'")
    if expectation == "sampled" and generator is None:
        raise ValueError("sampled labels need a generator=torch.Generator(device)")
    total = torch.zeros_like(parameters)
    to_weights, to_biases = network.layout.weights(total), network.layout.biases(total)
    n_images = images.shape[-2]
    for first in range(0, n_images, images_per_pass):
        part = slice(first, first + images_per_pass)
        x = _by_replica(images[..., part, :], len(parameters))
        activities = network.activities(x, parameters)
        shown = None if labels is None else _by_replica(labels[..., part, None], len(parameters))
        for slope, share in _slopes_at_output(activities[-1], shown, expectation, generator):
            for layer, drive_slope in network.slopes(activities, parameters, slope):
                squared = drive_slope.square() if share is None else drive_slope.square() * share
                to_weights[layer].baddbmm_(squared.transpose(1, 2), activities[layer].square())
                to_biases[layer].add_(squared.sum(dim=1))
    return total / n_images


def gradients_of(
    network: FeedForward, parameters: Tensor, images: Tensor, labels: Tensor, weights: Tensor
) -> Tensor:
    """Return the gradient of log P(label | image) of every image by a few weights, (replica, image, chosen).

    `weights` are their columns in ascending order; the other arguments are those of `diagonal_fisher`.
    """
    activities = network.activities(_by_replica(images, len(parameters)), parameters)
    shown = _by_replica(labels[:, None], len(parameters))
    ((slope, _),) = _slopes_at_output(activities[-1], shown, "observed", None)
    parts = []
    for layer, drive_slope in network.slopes(activities, parameters, slope):
        columns = network.layout.weight_slices[layer]
        inside = weights[(weights >= columns.start) & (weights < columns.stop)] - columns.start
        n_in = network.layout.sizes[layer]
        parts.append(drive_slope[:, :, inside // n_in] * activities[layer][:, :, inside % n_in])
    return torch.cat(parts[::-1], dim=-1)


def _by_replica(tensor: Tensor, n_replicas: int) -> Tensor:
    """Return (replica, image, ...) of (image, ...), or what has its replica axis already."""
    return tensor if tensor.ndim == 3 else tensor.expand(n_replicas, *tensor.shape)


def _slopes_at_output(
    logits: Tensor, labels: Tensor | None, expectation: str, generator: torch.Generator | None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield derivatives of log P(label) by the logits, each with the weight of its label (None for 1)."""
    answer = torch.softmax(logits, dim=-1)
    if expectation == "expected":
        for label in range(logits.shape[-1]):
            slope = -answer
            slope[..., label] += 1
            yield slope, answer[..., label, None]
        return
    if expectation == "sampled":
        # A network that has diverged draws any label: its own information is NaN, and the others go on.
        drawn = torch.multinomial(answer.flatten(0, 1).nan_to_num(nan=1.0), 1, generator=generator)
        labels = drawn.unflatten(0, answer.shape[:2])
    assert labels is not None
    one_hot = torch.nn.functional.one_hot(labels[..., 0], logits.shape[-1]).to(logits.dtype)
    yield one_hot - answer, None
