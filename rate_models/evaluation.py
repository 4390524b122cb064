"""What trained networks answer, also without a share of their synapses, and what they spend.

Schug et al. (2021): the answer is the largest mean softmax over ten draws; lesions are those of figure 2b,
energy that of the methods and of appendix 1 figure 1b. doi:10.7554/eLife.69884
"""

import math
from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias

import numpy as np
import torch
from torch import Tensor

from biophys.argument_types import Count, OneOf, Share, checked_types
from rate_models.networks import FeedForward, check_images
from rate_models.random_streams import Purpose, Streams, numpy_generator
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses, Synapses


@checked_types
def mean_softmax(
    network: FeedForward,
    synapses: Synapses,
    images: Tensor,
    *,
    streams: Streams,
    n_samples: Count = 10,
    images_per_draw: Count = 1000,
    pixel_order: Tensor | None = None,
) -> Tensor:
    """Return class probabilities, averaged over draws of the synapses, shape (replica, image, class).

    Raises ValueError if `n_samples` is not positive, or the images do not fit the network.

    Parameters
    ----------
    network, synapses : what was trained
    images : shape (image, pixel), on the device of the synapses
    streams : random streams, from `synapses.evaluation_streams()`
    n_samples : draws per image. Deterministic synapses are drawn once whatever it says
    images_per_draw : images that share a draw; fewer cost time and decorrelate them, the mean is the same
    pixel_order : pixel that each input shows, shape (replica, pixel); None for the images as they are
    """
    check_images(network, images)
    n_draws = 1 if isinstance(synapses, DeterministicSynapses) else n_samples
    chunks = []
    for part in images.split(images_per_draw):
        x = part.expand(synapses.n_replicas, *part.shape)
        if pixel_order is not None:
            x = x.gather(2, pixel_order[:, None, :].expand(x.shape))
        drawn = (network.logits(x, synapses.sample(streams)) for _ in range(n_draws))
        total = torch.softmax(next(drawn), dim=-1)
        for logits in drawn:
            # In a new tensor, since autograd needs the old ones.
            total = total + torch.softmax(logits, dim=-1)
        chunks.append(total / n_draws)
    return torch.cat(chunks, dim=1)


@checked_types
def accuracy(probability: Tensor, labels: Tensor) -> Tensor:
    """Return the share of images whose most probable class is the right one, shape (replica,).

    It is nan where an answer is.

    Raises ValueError if there is not one label for each image.

    Parameters
    ----------
    probability : shape (replica, image, class)
    labels : shape (image,)

    Examples
    --------
    >>> accuracy(torch.tensor([[[0.9, 0.1], [0.2, 0.8]]]), torch.tensor([0, 0])).tolist()
    [0.5]
    """
    if labels.shape[-1:] != probability.shape[-2:-1]:
        problem = "expected probabilities of shape (replica, image, class) and a label for each image"
        raise ValueError(f"{problem}, got {tuple(probability.shape)} and {tuple(labels.shape)}")
    is_right = (probability.argmax(dim=-1) == labels).to(probability.dtype)
    return is_right.masked_fill(probability.isnan().any(dim=-1), math.nan).mean(dim=-1)


def energy_per_synapse(synapses: Synapses) -> Tensor:
    """Return the energy demand of every synapse, p abs(m) = abs(w̄), shape (replica, weights).

    A synapse of strength m that releases with probability p transmits p abs(m) on average: the magnitude of
    its expected strength.
    """
    return synapses.strength.abs()


def synaptic_energy(synapses: Synapses) -> Tensor:
    """Return the energy demand of all synapses together, shape (replica,); biases cost nothing.

    >>> from brianpresyn.rate_models.layout import Layout
    >>> from brianpresyn.rate_models.stochastic_layers import DeterministicSynapses
    >>> synapses = DeterministicSynapses(Layout((2, 2)), seeds=[0])
    >>> synapses.strength[:] = torch.tensor([1.0, -2.0, 3.0, 0.0])
    >>> synaptic_energy(synapses).item()
    6.0
    """
    return energy_per_synapse(synapses).sum(dim=1)


def neuronal_energy(
    network: FeedForward,
    synapses: Synapses,
    images: Tensor,
    *,
    streams: Streams,
    n_samples: int = 10,
    images_per_draw: int = 1000,
) -> Tensor:
    """Return the mean summed activity of the hidden units per image, shape (replica,).

    Arguments are those of `evaluation.mean_softmax`.
    """
    is_stochastic = isinstance(synapses, (BernoulliSynapses, GaussianSynapses))
    n_draws = n_samples if is_stochastic else 1
    total = torch.zeros_like(synapses.learned[:, 0])
    for part in images.split(images_per_draw):
        x = part.expand(synapses.n_replicas, *part.shape)
        for _ in range(n_draws):
            hidden = network.activities(x, synapses.sample(streams))[1:-1]
            total += sum(activity.sum(dim=(1, 2)) for activity in hidden)
    return total / (n_draws * len(images))


SCORES: dict[str, Callable[[Synapses], Tensor]] = {
    "release_probability": lambda synapses: _release_probability(synapses),
    "strength": lambda synapses: synapses.strength.abs(),
    "strength_times_p": lambda synapses: synapses.strength.abs() * _release_probability(synapses),
    "random": lambda synapses: torch.zeros_like(synapses.strength),
}
"""What decides which synapses go first: those with the lowest score."""
Order: TypeAlias = Annotated[str, OneOf(SCORES)]


def _release_probability(synapses: Synapses) -> Tensor:
    if not isinstance(synapses, BernoulliSynapses):
        raise ValueError(f"{type(synapses).__name__} have no release probability to order lesions by")
    return synapses.p


@checked_types
def removal_ranks(synapses: Synapses, order: Order) -> Tensor:
    """Return the place of every synapse in an order of removal out of `SCORES`, 0 first, (replica, weights).

    All layers are pooled. Ties, and every comparison of the random order, are broken at random, from each
    replica's own stream.
    """
    scores = SCORES[order](synapses).double().cpu().numpy()
    ranks = np.empty(scores.shape, dtype=np.int64)
    for rank, score, seed in zip(ranks, scores, synapses.seeds, strict=True):
        tie_breaker = numpy_generator(seed, Purpose.LESIONS).random(score.size)
        rank[np.lexsort((tie_breaker, score))] = np.arange(score.size)
    return torch.from_numpy(ranks).to(synapses.learned.device)


@checked_types
def under_lesions(
    synapses: Synapses, order: Order, fractions: Sequence[Share], measure: Callable[[], Tensor]
) -> Tensor:
    """Return what `measure` finds while the first share of the synapses in `order` transmits nothing.

    The shape is (fraction, replica, ...).

    Parameters
    ----------
    synapses : their strengths are restored afterwards
    order : a name of `SCORES`
    fractions : shares of the synapses that are removed, each 0..1
    measure : called without arguments for every fraction; returns shape (replica, ...)
    """
    ranks, intact = removal_ranks(synapses, order), synapses.strength.clone()
    measured = []
    try:
        for fraction in fractions:
            n_removed = round(fraction * ranks.shape[1])
            synapses.strength.copy_(torch.where(ranks >= n_removed, intact, torch.zeros_like(intact)))
            measured.append(measure())
    finally:
        synapses.strength.copy_(intact)
    return torch.stack(measured)
