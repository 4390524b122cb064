r"""What is known of the weights given the data: a factorised normal posterior, variational or by Laplace.

Variational inference (Bayes by backprop) minimises

.. math:: \mathrm{E}_Q[-\log P(D \mid w)] + \sum_i \left(\mathrm{E}_Q[-\log P(w_i)] - H[Q_i]\right)

over the means and standard deviations of independent normal weights. It is the objective of energy-efficient
synapses with `reliability_cost.EntropyCost` for reliability and the prior's term for magnitude, so the same
training does it: :class:`GaussianPrior` is the penalty that makes the difference.

Laplace's approximation puts the posterior precision at the mean weights equal to the curvature there: the
diagonal Fisher information summed over the data, plus the precision of the prior.

References
----------
Blundell C, Cornebise J, Kavukcuoglu K, Wierstra D (2015). Weight uncertainty in neural networks.
arXiv:1505.05424
MacKay DJC (1992). A practical Bayesian framework for backpropagation networks. Neural Comput 4:448-472.
doi:10.1162/neco.1992.4.3.448
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from biophys.argument_types import Positive, checked_types
from rate_models.fisher import diagonal_fisher
from rate_models.networks import FeedForward
from rate_models.reliability_cost import checked_gaussian
from rate_models.replicas import PerReplica, column, per_replica
from rate_models.stochastic_layers import GaussianSynapses, Synapses


@checked_types
class GaussianPrior(PerReplica):
    r"""Penalty of `optimisers.GradientDescent`: share times :math:`\sum_i (\mu_i^2 + \sigma_i^2) / 2 \tau^2`.

    Parameters
    ----------
    synapses : the synapses that will learn
    sd : standard deviation tau of the prior, positive; ``math.inf`` for none; for all replicas or one each
    share : batch size over training set size, as for `reliability_cost.ReliabilityCost`
    """

    by_replica = ("_precision",)
    loss = "sum"
    """Its share is of a loss summed over the batch."""

    def __init__(self, synapses: GaussianSynapses, sd: float | Sequence[float], *, share: Positive) -> None:
        sds = per_replica(sd, checked_gaussian(synapses).n_replicas, "sd")
        self._precision = column([share * _precision(tau) for tau in sds], synapses.learned)
        self._add = synapses.execution.fused(_add_slope_of_prior)

    def add_gradient(self, synapses: Synapses) -> None:
        """Add the gradient with respect to means and phi, in place."""
        self._add(synapses.gradient, synapses.learned, self._precision)


def laplace_sd(
    network: FeedForward,
    means: Tensor,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    prior_sd: float = math.inf,
    expectation: str = "expected",
) -> Tensor:
    r"""Return the posterior standard deviation of every weight by the diagonal Laplace approximation.

    .. math:: \sigma_i = (N F_i + 1 / \tau^2)^{-1/2}, \qquad \text{shape (replica, parameters)}

    Parameters
    ----------
    network : the network
    means : weights and biases at the mode, shape (replica, parameters)
    images, labels : N training images (image, pixel); labels for the empirical Fisher information only
    prior_sd : tau; with ``math.inf`` a weight that changes nothing has an infinite standard deviation
    expectation : which Fisher information: see `fisher.diagonal_fisher`

    Examples
    --------
    >>> from brianpresyn.rate_models.layout import Layout
    >>> network = FeedForward(Layout((1, 2)))
    >>> laplace_sd(network, torch.zeros(1, 4), torch.tensor([[2.0]])).tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """
    fisher = diagonal_fisher(network, means, images, labels, expectation=expectation)
    return (len(images) * fisher + _precision(prior_sd)).rsqrt()


def _precision(sd: float) -> float:
    """Return 1 / sd^2, 0 for an infinite one."""
    if not sd > 0:
        raise ValueError(f"the prior's standard deviation must be positive (math.inf for none), got {sd}")
    return sd**-2


def _add_slope_of_prior(slope: Tensor, learned: Tensor, precision: Tensor) -> None:
    """Add d cost / d mu = mu / tau^2 and d cost / d phi = sigma sigmoid(phi) / tau^2 to `slope`."""
    n = learned.shape[1] // 2
    phi = learned[:, n:]
    slope[:, :n].addcmul_(learned[:, :n], precision)
    slope[:, n:].addcmul_(F.softplus(phi) * torch.sigmoid(phi), precision)
