"""What trained networks answer: class probabilities averaged over draws of the synapses, and accuracies.

Schug et al. (2021): the answer is the largest mean softmax over ten draws. doi:10.7554/eLife.69884
"""

import math

import torch
from torch import Tensor

from biophys.argument_types import Count, checked_types
from rate_models.networks import FeedForward, check_images
from rate_models.random_streams import Streams
from rate_models.stochastic_layers import DeterministicSynapses, Synapses


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
