r"""What reliable and strong synapses cost, as terms of the objective that a network minimises.

Reliability cost of a synapse with standard deviation sigma:

.. math:: C = c\,\sigma^{-\rho} = \frac{1}{\rho}\left(\frac{s}{\sigma}\right)^\rho, \qquad c = s^\rho / \rho,

or a sum of several. The entropic cost of variational inference, :math:`-\frac12 \ln 2\pi e\sigma^2`, is its
limit for :math:`\rho \to 0` up to a constant. All of them have the slope
:math:`-k\,\sigma^{-(\rho + 1)}` with :math:`k = s^\rho`, and :math:`k = 1, \rho = 0` for the entropic one.

The magnitude cost is :math:`\lambda |\mu|`.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, equations 2-4
and 41-48.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfc
from torch import Tensor

from biophys.argument_types import NotNegative, Positive, check_kind, check_public, checked_types
from biophys.entropic_bound import bound_gap
from rate_models.replicas import PerReplica, amounts_per_replica, column, per_replica, rows
from rate_models.stochastic_layers import GaussianSynapses, Synapses


class NoiseCost(Protocol):
    """A cost of one synapse that falls with its standard deviation as -strength sigma^-(rho + 1)."""

    @property
    def rho(self) -> float:
        """Exponent of the cost."""

    @property
    def strength(self) -> float:
        """Slope of the cost at sigma = 1, with the opposite sign."""

    def __call__(self, sigma: Any) -> Any:
        """Return the cost of every synapse, given an array or a tensor."""


@dataclass(frozen=True)
class PowerCost:
    """Reliability cost c sigma^-rho of one synapse, in nats; c and the exponent are positive and finite.

    >>> PowerCost.with_scale(s=0.01, rho=0.5).c
    0.2
    >>> float(PowerCost(c=0.2, rho=0.5)(0.25))
    0.4
    """

    c: Positive
    rho: Positive

    @classmethod
    @checked_types
    def with_scale(cls, s: Positive, rho: Positive) -> "PowerCost":
        """Return the cost (s / sigma)^rho / rho."""
        return cls(s**rho / rho, rho)

    @property
    def s(self) -> float:
        """Standard deviation at which the cost is 1/rho."""
        return float((self.c * self.rho) ** (1 / self.rho))

    @property
    def strength(self) -> float:
        """The slope at sigma = 1 with the opposite sign, s^rho."""
        return self.c * self.rho

    def __call__(self, sigma: Any) -> Any:
        """Return the cost of every synapse, in nats: an array, or a tensor of a tensor."""
        return self.c * _numbers(sigma) ** -self.rho


@dataclass(frozen=True)
class EntropyCost:
    """Negative entropy of a normal weight, the reliability cost of variational inference (eq. 41).

    >>> round(float(EntropyCost()(1.0)), 4)
    -1.4189
    """

    @property
    def rho(self) -> float:
        """0: the limit of the power costs."""
        return 0.0

    @property
    def strength(self) -> float:
        """1."""
        return 1.0

    def __call__(self, sigma: Any) -> Any:
        """Return the cost of every synapse, in nats: an array, or a tensor of a tensor."""
        logarithm = torch.log if isinstance(sigma, Tensor) else np.log
        return -logarithm(_numbers(sigma)) - 0.5 * math.log(2 * math.pi * math.e)


Costs: TypeAlias = NoiseCost | tuple[NoiseCost, ...]
"""One cost, or a mixture of several that add up."""


def total_cost(costs: Costs, sigma: ArrayLike) -> float:
    """Return the summed cost of all synapses with these standard deviations, of any shape.

    >>> total_cost((PowerCost(1.0, 2.0), PowerCost(2.0, 1.0)), [0.5, 1.0])
    11.0
    """
    return float(sum(np.sum(cost(sigma)) for cost in terms_of(costs)))


def optimal_sigma(cost: NoiseCost, hessian: ArrayLike) -> NDArray[np.float64]:
    r"""Return the standard deviation that minimises a quadratic performance cost plus a reliability cost.

    .. math:: \sigma^{\rho + 2} = s^\rho / H

    with the curvature H of the summed performance cost by each weight, positive.

    References
    ----------
    Malkin et al. (2023), equation 28 (equation 29 as printed shows square roots instead of the root of degree
    rho + 2).

    Examples
    --------
    >>> optimal_sigma(PowerCost.with_scale(s=0.1, rho=2.0), [1.0, 16.0]).round(4)
    array([0.3162, 0.1581])
    """
    return np.asarray((cost.strength / np.asarray(hessian, dtype=float)) ** (1 / (cost.rho + 2)))


@checked_types
def evidence_gap(cost: PowerCost, mu: ArrayLike, sigma: ArrayLike, *, magnitude: NotNegative = 0.0) -> float:
    r"""Return the evidence lower bound plus overall cost and constant, in nats: by eq. 49 not negative.

    .. math:: \sum_i C_{BI}(\sigma_i) - C_{VI}(\sigma_i) - \lambda\,(\mathrm{E}|w_i| - |\mu_i|)

    The expected log-likelihood stands on both sides and cancels. The paper takes the magnitude cost, of the
    mean weight, for the expected logarithm of a Laplace prior, of the noisy one. That is less, so that the
    bound may fail where lambda, `magnitude`, and the noise are large.

    Parameters
    ----------
    cost : reliability cost of every synapse
    mu, sigma : means and standard deviations of all synapses, of one shape
    magnitude : lambda, factor of the magnitude cost

    Examples
    --------
    >>> round(evidence_gap(PowerCost.with_scale(s=1.0, rho=2.0), [0.0, 3.0], [1.0, 0.5]), 4)
    0.8069
    >>> round(evidence_gap(PowerCost.with_scale(s=1.0, rho=2.0), 0.0, 1.0, magnitude=0.5), 4)
    -0.3989
    """
    size, sd = np.abs(np.asarray(mu, dtype=float)), np.asarray(sigma, dtype=float)
    z = size / sd
    excess = sd * math.sqrt(2 / math.pi) * np.exp(-(z**2) / 2) - size * erfc(z / math.sqrt(2))
    return float(np.sum(bound_gap(cost.s / sd, cost.rho) - magnitude * excess))


def terms_of(costs: Costs) -> tuple[NoiseCost, ...]:
    """Return the terms of a cost, one or several."""
    return costs if isinstance(costs, tuple) else (costs,)


class ReliabilityCost:
    """Penalty of `optimisers.GradientDescent`: share times the summed reliability cost of all synapses.

    Parameters
    ----------
    synapses : the synapses that will learn, with learned noise
    costs : a cost or a mixture (a tuple) for all replicas, or a list with one or a mixture for each
    share
        Factor of the cost in the objective of a step, positive: batch size over training set size where the
        loss is summed over the batch, so that the costs are paid once per epoch.
    """

    loss = "sum"
    """Its share is of a loss summed over the batch."""

    def __init__(self, synapses: Synapses, costs: Costs | Sequence[Costs], *, share: Positive) -> None:
        like = checked_gaussian(synapses).learned
        each = list(costs) if isinstance(costs, list) else [costs] * synapses.n_replicas
        mixtures = [terms_of(cost) for cost in per_replica(each, synapses.n_replicas, "costs")]
        self.share = share
        self._terms = [
            (
                column([self.share * _nth(terms, n, "strength") for terms in mixtures], like),
                column([_nth(terms, n, "rho") + 1 for terms in mixtures], like),
            )
            for n in range(max(map(len, mixtures)))
        ]
        self._add = synapses.execution.fused(_add_slope_of_costs)

    def add_gradient(self, synapses: Synapses) -> None:
        """Add the gradient with respect to phi, in place."""
        n = synapses.layout.n_parameters
        gaussian = checked_gaussian(synapses)
        tensors = (synapses.gradient[:, n:], gaussian.drawn_sigma, gaussian.drawn_slope)
        for part in synapses.execution.blocks(synapses.n_replicas, n):
            self._add(*(tensor[:, part] for tensor in tensors), self._terms)

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        self._terms = [(rows(k, replicas), rows(power, replicas)) for k, power in self._terms]


class MagnitudeCost(PerReplica):
    """Penalty of `optimisers.GradientDescent`: share times lambda, the strength, times the sum of abs(mu).

    The strength is one for all replicas or one each, the share as for `ReliabilityCost`.
    """

    by_replica = ("_slope",)
    loss = "sum"
    """Its share is of a loss summed over the batch."""

    def __init__(self, synapses: Synapses, strength: float | Sequence[float], *, share: Positive) -> None:
        strengths = amounts_per_replica(strength, synapses.n_replicas, "strength")
        self._slope = column([share * each for each in strengths], synapses.learned)
        self._add = synapses.execution.fused(_add_slope_of_magnitude)

    def add_gradient(self, synapses: Synapses) -> None:
        """Add the gradient with respect to the means, in place."""
        n = synapses.layout.n_parameters
        slope, mu = synapses.gradient[:, :n], synapses.learned[:, :n]
        for part in synapses.execution.blocks(synapses.n_replicas, n):
            self._add(slope[:, part], mu[:, part], self._slope)


def checked_gaussian(synapses: Any) -> GaussianSynapses:
    """Return `synapses` if their noise is learned, else raise TypeError."""
    check_kind(synapses, GaussianSynapses, "synapses", "GaussianSynapses(layout, seeds)")
    return synapses


def _numbers(sigma: Any) -> Any:
    return sigma if isinstance(sigma, Tensor) else np.asarray(sigma, dtype=float)


def _nth(terms: tuple[NoiseCost, ...], n: int, name: str) -> float:
    """Return a number of the n-th term; a term that a replica does not have costs nothing."""
    return float(getattr(terms[n], name)) if n < len(terms) else 0.0


def _add_slope_of_costs(
    slope: Tensor, sigma: Tensor, d_phi: Tensor, terms: list[tuple[Tensor, Tensor]]
) -> None:
    """Add d cost / d phi = -k sigma^-(rho + 1) d sigma / d phi of every term to `slope`."""
    log_sigma = sigma.log()
    for strength, power in terms:
        slope.addcmul_((log_sigma * -power).exp() * strength, d_phi, value=-1)


def _add_slope_of_magnitude(slope: Tensor, mu: Tensor, strength: Tensor) -> None:
    slope.addcmul_(torch.sign(mu), strength)


check_public(__name__, but=("EntropyCost",))
