"""Gradient descent and Adam on replicas, each replica with its own learning rate.

Both are rules over a whole row of learned values, so a step is the same few passes whatever the number of
layers.

Kingma DP, Ba J (2015). Adam: a method for stochastic optimization. arXiv:1412.6980
"""

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from biophys.argument_types import check_public
from rate_models.layout import aligned_rows
from rate_models.replicas import PerReplica, amounts_per_replica, column, kept_shares
from rate_models.stochastic_layers import GaussianSynapses, Synapses


@runtime_checkable
class Penalty(Protocol):
    """A term of the objective beside the loss, for example the cost of reliable synapses.

    One that is derived for a loss ``"sum"`` or ``"mean"`` over a batch says so by an attribute `loss`.
    """

    def add_gradient(self, synapses: Synapses) -> None:
        """Add the gradient of the term to `synapses.gradient`, in place."""

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""


@runtime_checkable
class Optimiser(Protocol):
    """How learned values follow their gradient."""

    def step(self, learned: Tensor, gradient: Tensor) -> None:
        """Change `learned` in place; both are (replica, learned)."""

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""


class Sgd(PerReplica):
    """Gradient descent without momentum.

    Parameters
    ----------
    synapses : the synapses that will learn (they give the shape)
    learning_rate : not negative; one for all replicas or one each
    l2 : strength of the L2 penalty on every learned value, biases included, as `learning_rate`

    Raises
    ------
    TypeError : if a rate or penalty is no number, or the synapses are something else
    ValueError : if there is neither one value nor one per replica, or a rate or penalty is negative
    """

    by_replica = ("_rate", "_kept_share")

    def __init__(
        self, synapses: Synapses, *, learning_rate: float | Sequence[float], l2: float | Sequence[float] = 0.0
    ) -> None:
        n = synapses.n_replicas
        rates = amounts_per_replica(learning_rate, n, "learning_rate")
        self._rate = column(rates, synapses.learned)
        self._kept_share = kept_shares(rates, amounts_per_replica(l2, n, "l2"), synapses.learned)

    def step(self, learned: Tensor, gradient: Tensor) -> None:
        """Take one step."""
        if self._kept_share is not None:
            learned.mul_(self._kept_share)
        learned.addcmul_(gradient, self._rate, value=-1)


class Adam(PerReplica):
    """Adam with bias correction.

    Raises TypeError or ValueError as for `Sgd`.

    Parameters
    ----------
    synapses, learning_rate, l2 : as for `Sgd`; the penalty is part of the gradient
    betas, epsilon : decay of the two moments, and the constant that keeps the quotient finite
    columns : which learned values it moves; the others are left to another optimiser (`Together`)
    """

    by_replica = ("_rates", "_counts", "_rate", "_l2", "moment", "square")

    def __init__(
        self,
        synapses: Synapses,
        *,
        learning_rate: float | Sequence[float],
        l2: float | Sequence[float] = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        columns: slice = slice(None),
    ) -> None:
        self.columns = columns
        n, like = synapses.n_replicas, synapses.learned[:, columns]
        self._rates = amounts_per_replica(learning_rate, n, "learning_rate")
        self._rate = column(self._rates, like)
        penalties = amounts_per_replica(l2, n, "l2")
        self._l2 = column(penalties, like)
        self._decays = any(penalties)
        if not (all(0 <= beta < 1 for beta in betas) and 0 < epsilon < math.inf):
            raise ValueError(f"betas must lie in 0..1 and epsilon above 0, got {betas} and {epsilon}")
        self.betas, self.epsilon = betas, epsilon
        self.moment = aligned_rows(*like.shape, dtype=like.dtype, device=like.device)
        self.square = aligned_rows(*like.shape, dtype=like.dtype, device=like.device)
        self._n_steps = torch.zeros((), dtype=torch.float32, device=like.device)
        # torch's fused kernel counts the steps of every row it is given.
        self._counts = [torch.zeros((), dtype=torch.float32) for _ in self._rates]
        self._runs_fused = like.device.type == "cpu"
        self._follow = synapses.execution.fused(_follow_moments)

    def step(self, learned: Tensor, gradient: Tensor) -> None:
        """Take one step."""
        learned, gradient = learned[:, self.columns], gradient[:, self.columns]
        if self._decays:
            gradient.addcmul_(learned, self._l2)
        if self._runs_fused:
            self._step_rows(learned, gradient)
            return
        self._n_steps += 1
        n = self._n_steps.double() if self._rate.device.type != "mps" else self._n_steps
        # The step size over the bias of the first moment, and the root of the second one's bias.
        scale, root = self._rate / (1 - self.betas[0] ** n), (1 - self.betas[1] ** n).sqrt()
        scale, root = (each.to(self._rate.dtype) for each in (scale, root))
        self._follow(learned, gradient, self.moment, self.square, scale, root, self.betas, self.epsilon)

    def _step_rows(self, learned: Tensor, gradient: Tensor) -> None:
        """Take the step by torch's fused CPU kernel, one pass per learning rate."""
        torch._foreach_add_(self._counts, 1)
        for rate in dict.fromkeys(self._rates):
            members = [replica for replica, row_rate in enumerate(self._rates) if row_rate == rate]
            matrices = (learned, gradient, self.moment, self.square)
            values, slopes, moments, squares = ([matrix[i] for i in members] for matrix in matrices)
            torch._fused_adam_(
                *(values, slopes, moments, squares, [], [self._counts[i] for i in members]),
                lr=rate,
                beta1=self.betas[0],
                beta2=self.betas[1],
                weight_decay=0.0,
                eps=self.epsilon,
                amsgrad=False,
                maximize=False,
            )


def _follow_moments(
    learned: Tensor,
    gradient: Tensor,
    moment: Tensor,
    square: Tensor,
    scale: Tensor,
    root: Tensor,
    betas: tuple[float, float],
    epsilon: float,
) -> None:
    """Update both moments and take the step, in place."""
    moment.lerp_(gradient, 1 - betas[0])
    square.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
    learned.addcmul_(moment / (square.sqrt() / root + epsilon), scale, value=-1)


class Together:
    """Several optimisers, each moving learned values of its own, such as `Adam` with different `columns`."""

    def __init__(self, optimisers: Sequence[Optimiser]) -> None:
        self.optimisers = tuple(optimisers)

    @property
    def n_replicas(self) -> int | None:
        """Number of networks, None if no optimiser says it."""
        return next((each.n_replicas for each in self.optimisers if hasattr(each, "n_replicas")), None)

    def step(self, learned: Tensor, gradient: Tensor) -> None:
        """Take one step with each."""
        for optimiser in self.optimisers:
            optimiser.step(learned, gradient)

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        for optimiser in self.optimisers:
            optimiser.keep(replicas)


def adam_of_means_and_noise(
    synapses: GaussianSynapses,
    *,
    learning_rate: float | Sequence[float],
    noise_rate: float | Sequence[float] | None = None,
    noise_memory: float = 0.999,
) -> Together:
    """Return Adam for the means of Gaussian synapses, and Adam for their phi.

    `noise_rate` is that of phi, None for the rate of the means; `noise_memory` the decay of the second moment
    of phi.
    """
    n = synapses.layout.n_parameters
    noise_rate = learning_rate if noise_rate is None else noise_rate
    of_means = Adam(synapses, learning_rate=learning_rate, columns=slice(0, n))
    betas = (0.9, noise_memory)
    of_noise = Adam(synapses, learning_rate=noise_rate, betas=betas, columns=slice(n, 2 * n))
    return Together([of_means, of_noise])


class GradientDescent:
    """Learning by a plain optimiser: deterministic synapses, fixed release probability, Gaussian noise.

    Parameters
    ----------
    optimiser : `Sgd` or `Adam`, or several `Together`
    penalties : further terms of the objective
    """

    def __init__(self, optimiser: Optimiser, penalties: Sequence[Penalty] = ()) -> None:
        self.optimiser = optimiser
        self.penalties = tuple(penalties)

    @property
    def loss(self) -> str | None:
        """The loss over a batch that a penalty is derived for, None if any will do."""
        return next((term.loss for term in self.penalties if hasattr(term, "loss")), None)

    @property
    def n_replicas(self) -> int | None:
        """Number of networks, None if the optimiser does not say it."""
        return getattr(self.optimiser, "n_replicas", None)

    def update(self, synapses: Synapses) -> None:
        """Take one step with the gradient that the network wrote."""
        synapses.chain()
        for penalty in self.penalties:
            penalty.add_gradient(synapses)
        self.optimiser.step(synapses.learned, synapses.gradient)

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        self.optimiser.keep(replicas)
        for penalty in self.penalties:
            penalty.keep(replicas)


check_public(__name__)
