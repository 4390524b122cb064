"""What a trained network spends: the transmission of its synapses, or the activity of its neurons.

Schug et al. (2021), methods and appendix 1 figure 1b. doi:10.7554/eLife.69884
"""

import torch
from torch import Tensor

from rate_models.networks import FeedForward
from rate_models.random_streams import Streams
from rate_models.stochastic_layers import BernoulliSynapses, GaussianSynapses, Synapses


def energy_per_synapse(synapses: Synapses) -> Tensor:
    """Return the energy demand of every synapse, p abs(m) = abs(w̄), shape (replica, weights).

    A synapse of strength m that releases with probability p transmits p abs(m) on average: the magnitude of
    its expected strength.
    """
    return synapses.strength.abs()


def synaptic_energy(synapses: Synapses) -> Tensor:
    """Return the energy demand of all synapses together, shape (replica,); biases cost nothing.

    Examples
    --------
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
