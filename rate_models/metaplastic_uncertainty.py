r"""Metaplasticity from synaptic uncertainty (MESU): Bayesian learning that forgets beyond a window.

Every weight is normal with mean :math:`\mu` and standard deviation :math:`\sigma`, the posterior given the
last N steps alone. A step draws :math:`w = \mu + \sigma \varepsilon` several times; with g the gradient of
the loss summed over the batch, G = E[g] and C = E[g :math:`\varepsilon`],

.. math::

    \mu &\leftarrow \mu + \eta_\mu \left[-\sigma^2 G
        + \frac{\sigma^2 (\mu_0 - \mu)}{N \sigma_0^2}\right] \\
    \sigma &\leftarrow \sigma + \frac{\eta_\sigma}{2} \left[-\sigma^2 C
        + \frac{\sigma (\sigma_0^2 - \sigma^2)}{N \sigma_0^2}\right]

with the prior :math:`\mu_0, \sigma_0`, and the :math:`\sigma` of before the step on every right side. By
Stein's identity C is :math:`\sigma` times the expected curvature h, so the precision
:math:`q = 1 / \sigma^2` leaks and sums the curvature, :math:`\dot q = \eta_\sigma [h - (q - q_0) / N]`, and
rests at :math:`q_0 + N h`. Without the leak (N infinite) it is Bayesian gradient descent to first order.

Bonnet D, Cottart K, Hirtzlin T et al. (2025). Bayesian continual learning and forgetting in neural networks.
Nat Commun 16. doi:10.1038/s41467-025-64601-w; program github.com/kellian-cottart/mesu-pmnist (CC BY 4.0)
"""

import math
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import torch
from annotated_types import Ge, Gt, Le, Lt
from torch import Tensor

from biophys.argument_types import checked_types
from rate_models.consolidation import SMALLEST_SIGMA, MeanFieldRule, MeanFieldSynapses
from rate_models.replicas import amounts_per_replica, column, numbers_per_replica, positive_per_replica

_LARGEST_SIGMA = 1e10
# Single precision can hold its square, and one over it.
_PriorSigma: TypeAlias = Annotated[float, Ge(1e-15), Le(1e15)]
_Finite: TypeAlias = Annotated[float, Gt(-math.inf), Lt(math.inf)]


@checked_types
class MetaplasticUncertainty(MeanFieldRule):
    """The learning rule MESU of `MeanFieldSynapses`.

    Parameters
    ----------
    synapses : the synapses that learn
    learning_rate, sigma_rate
        eta of the means and of the standard deviations, not negative; the derivation has 1.
    prior_mean, prior_sigma : of every weight; sigma positive
    memory : N, steps (batches, not images) that are remembered, at least 1; infinity forgets nothing
    clamp
        G and C are cut to clamp / sigma either way, positive; infinity cuts nothing. Below 2 / sigma_rate no
        step can turn a standard deviation negative; where one would, it becomes the smallest there is.

    Each number is one for all replicas or one each.
    """

    by_replica = ("_rate", "_sigma_rate", "_prior_mean", "_prior_precision", "_leak", "_clamp")

    def __init__(
        self,
        synapses: MeanFieldSynapses,
        *,
        learning_rate: float | Sequence[float] = 1.0,
        sigma_rate: float | Sequence[float] = 1.0,
        prior_mean: float | Sequence[float] = 0.0,
        prior_sigma: float | Sequence[float] = 1.0,
        memory: float | Sequence[float] = math.inf,
        clamp: float | Sequence[float] = math.inf,
    ) -> None:
        n, like = synapses.n_replicas, synapses.learned
        self._rate = column(amounts_per_replica(learning_rate, n, "learning_rate"), like)
        self._sigma_rate = column(amounts_per_replica(sigma_rate, n, "sigma_rate"), like)
        means = numbers_per_replica(prior_mean, n, "prior_mean", _Finite)
        self._prior_mean = column(means, like)
        # A memory of math.inf is what forgets nothing.
        sigmas = numbers_per_replica(prior_sigma, n, "prior_sigma", _PriorSigma)
        self._prior_precision = column([sigma**-2 for sigma in sigmas], like)
        self._leak = leak_per_step(memory, like)
        self._clamp = column(positive_per_replica(clamp, n, "clamp"), like)
        self._follow = synapses.execution.fused(_follow_with_leak)


def leak_per_step(memory: float | Sequence[float], like: Tensor) -> Tensor:
    """Return the share 1 / N that is forgotten in a step, N at least 1, a column for the rows of `like`."""
    windows = positive_per_replica(memory, len(like), "memory")
    if min(windows) < 1:
        raise ValueError(f"memory must be at least 1 step, got {min(windows)}; math.inf forgets nothing")
    return column([1 / steps for steps in windows], like)


def _follow_with_leak(
    learned: Tensor,
    gradient: Tensor,
    drawn: Tensor,
    rate: Tensor,
    sigma_rate: Tensor,
    prior_mean: Tensor,
    prior_precision: Tensor,
    leak: Tensor,
    clamp: Tensor,
) -> None:
    """Change means and log standard deviations in place; `gradient` is (replica, draw, parameters)."""
    n = gradient.shape[2]
    mu, log_sigma = learned[:, :n], learned[:, n:]
    sigma = log_sigma.exp()
    variance, bound = sigma.square(), clamp / sigma
    mean_slope = gradient.mean(dim=1).clamp(-bound, bound)
    sigma_slope = (gradient * drawn).mean(dim=1).clamp(-bound, bound)
    pull = leak * prior_precision
    mu += rate * variance * (pull * (prior_mean - mu) - mean_slope)
    # (sigma_0^2 - sigma^2) / (N sigma_0^2) = leak - sigma^2 pull
    sigma += sigma_rate / 2 * (sigma * (leak - variance * pull) - variance * sigma_slope)
    log_sigma.copy_(torch.log(sigma.clamp_(SMALLEST_SIGMA, _LARGEST_SIGMA)))
