"""Baselines against forgetting: elastic weights, synaptic intelligence, Bayesian gradient descent.

Elastic weight consolidation and synaptic intelligence hold every weight near the value it had after earlier
tasks, with a spring as stiff as the weight was important; they are told when a task ends (`consolidate`).
Bayesian gradient descent learns a mean and a standard deviation per weight and is told nothing.

References
----------
Kirkpatrick J et al. (2017). Overcoming catastrophic forgetting in neural networks. PNAS 114:3521-3526.
doi:10.1073/pnas.1611835114
Huszár F (2018). Note on the quadratic penalties in elastic weight consolidation. PNAS 115:E2496-E2497.
doi:10.1073/pnas.1717042115
Schwarz J et al. (2018). Progress & compress: a scalable framework for continual learning. arXiv:1805.06370
Zenke F, Poole B, Ganguli S (2017). Continual learning through synaptic intelligence. arXiv:1703.04200
Zeno C, Golan I, Hoffer E, Soudry D (2018). Task agnostic continual learning using online variational Bayes.
arXiv:1803.10123
Zeno C, Golan I, Hoffer E, Soudry D (2021). Task-agnostic continual learning using online variational Bayes
with fixed-point updates. Neural Comput 33:3139-3177. doi:10.1162/neco_a_01430
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from biophys.argument_types import Count, Positive, Share, check_public
from rate_models.devices import Execution
from rate_models.layout import Layout, aligned_rows
from rate_models.optimisers import Optimiser
from rate_models.random_streams import Noise, Streams, standard_normal
from rate_models.replicas import (
    PerReplica,
    amounts_per_replica,
    column,
    numbers_per_replica,
    per_replica,
    positive_per_replica,
)
from rate_models.stochastic_layers import NormalSynapses, Sigma, Synapses

PENALTY_KINDS = ("separate", "online")
SMALLEST_SIGMA = 1e-30
"""Standard deviation that stands for none: its logarithm is finite, and it adds nothing to any weight."""


class Springs(PerReplica):
    """One spring per learned value: gradient stiffness * (learned - anchor), each (replica, learned).

    A sum of springs is again one spring, so that the penalties of any number of tasks cost as much as one.
    Stiffness is zero until something is consolidated.
    """

    by_replica = ("stiffness", "anchor")

    def __init__(self, synapses: Synapses) -> None:
        like = synapses.learned
        self.stiffness = aligned_rows(*like.shape, dtype=like.dtype, device=like.device)
        self.anchor = aligned_rows(*like.shape, dtype=like.dtype, device=like.device)

    def hold(
        self, at: Tensor, stiffness: Tensor, *, kept: Tensor | float = 1.0, moves: Tensor | bool = True
    ) -> None:
        """Add springs that pull to the values `at`, and keep a share of the earlier stiffness.

        Where it `moves`, the earlier stiffness pulls to the new anchor too. Otherwise old and new springs
        together pull to the mean of both anchors, weighted by stiffness.
        """
        total = self.stiffness * kept + stiffness
        is_new = torch.logical_or(total <= 0, torch.as_tensor(moves, device=total.device))
        self.anchor.lerp_(at, torch.where(is_new, 1.0, stiffness / total))
        self.stiffness.copy_(total)

    def pull(self, learned: Tensor) -> Tensor:
        """Return the gradient of half the sum of stiffness * (learned - anchor)^2."""
        return (learned - self.anchor).mul_(self.stiffness)


class ElasticWeightConsolidation(PerReplica):
    """The penalty strength / 2 * sum_k sum_i F_ki (w_i - w*_ki)^2 over the tasks k learned so far.

    With ``"separate"`` penalties every task keeps its own anchor w*_k, as published. With an ``"online"``
    penalty all are tied to the weights after the latest task, which counts no task twice (Huszár 2018), and
    earlier Fisher information may decay (Schwarz et al. 2018).

    Parameters
    ----------
    synapses : the synapses that learn
    strength : importance of earlier tasks, not negative; one for all replicas or one each. With 0 it does
    nothing
    kind : ``"separate"`` or ``"online"``, one for all replicas or one each
    decay : share of the earlier Fisher information that an online penalty keeps at each task, 0..1

    Examples
    --------
    >>> from brianpresyn.rate_models.stochastic_layers import DeterministicSynapses
    >>> synapses = DeterministicSynapses(Layout((1, 1)), seeds=[0])
    >>> penalty = ElasticWeightConsolidation(synapses, strength=10.0)
    >>> penalty.consolidate(synapses, fisher=torch.tensor([[0.5, 0.0]]))
    >>> synapses.learned += 0.25
    >>> penalty.add_gradient(synapses)
    >>> synapses.gradient.tolist()
    [[1.25, 0.0]]
    """

    by_replica = ("_strength", "_is_online", "_kept", "springs")

    def __init__(
        self,
        synapses: Synapses,
        *,
        strength: float | Sequence[float],
        kind: str | Sequence[str] = "separate",
        decay: Share = 1.0,
    ) -> None:
        strengths = amounts_per_replica(strength, synapses.n_replicas, "strength")
        kinds = per_replica(kind, synapses.n_replicas, "kind")
        if unknown := set(kinds) - set(PENALTY_KINDS):
            raise ValueError(f"kind must be one of {', '.join(PENALTY_KINDS)}, got {sorted(unknown)}")
        self._strength = column(strengths, synapses.learned)
        is_online = [each == "online" for each in kinds]
        self._is_online = column(is_online, synapses.learned) > 0
        self._kept = column([decay if each else 1.0 for each in is_online], synapses.learned)
        self.springs = Springs(synapses)

    def add_gradient(self, synapses: Synapses) -> None:
        """Add the gradient of the penalty to `synapses.gradient`."""
        synapses.gradient.addcmul_(self.springs.pull(synapses.learned), self._strength)

    def consolidate(self, synapses: Synapses, fisher: Tensor) -> None:
        """Hold the present weights, as they are at the end of a task.

        `fisher` is the diagonal information of that task (`fisher.diagonal_fisher`), (replica, parameters).
        """
        learned = synapses.learned
        if fisher.shape != learned.shape:
            raise ValueError(f"fisher must have the shape {tuple(learned.shape)}, got {tuple(fisher.shape)}")
        self.springs.hold(learned, fisher, kept=self._kept, moves=self._is_online)


class ImplicitElasticWeights(PerReplica):
    """Gradient descent that is drawn back to consolidated weights, however strongly, without diverging.

    The penalty of `ElasticWeightConsolidation` is taken at the end of the step instead of at its start:

        w <- (w - rate g + rate_strength sum_k F_k w*_k) / (1 + rate_strength sum_k F_k),

    with the same fixed points. rate_strength is the learning rate times the strength of the penalty: the pull
    of a step, which is what a search can vary independently of the rate.

    Parameters
    ----------
    synapses : the synapses that learn
    penalty : holds the consolidated weights; its own strength is not used
    learning_rate, rate_strength : not negative, one for all replicas or one each

    Examples
    --------
    >>> from brianpresyn.rate_models.stochastic_layers import DeterministicSynapses
    >>> synapses = DeterministicSynapses(Layout((1, 1)), seeds=[0])
    >>> penalty = ElasticWeightConsolidation(synapses, strength=1.0)
    >>> penalty.consolidate(synapses, fisher=torch.tensor([[3.0, 0.0]]))
    >>> rule = ImplicitElasticWeights(synapses, penalty, learning_rate=0.1, rate_strength=1.0)
    >>> before = synapses.learned.clone()
    >>> synapses.gradient.fill_(-40.0), rule.update(synapses)  # doctest: +ELLIPSIS
    (...)
    >>> (synapses.learned - before).round(decimals=4).tolist()
    [[1.0, 4.0]]
    """

    by_replica = ("_rate", "_rate_strength", "penalty")

    def __init__(
        self,
        synapses: Synapses,
        penalty: ElasticWeightConsolidation,
        *,
        learning_rate: float | Sequence[float],
        rate_strength: float | Sequence[float],
    ) -> None:
        amounts = {"learning_rate": learning_rate, "rate_strength": rate_strength}
        self._rate, self._rate_strength = (
            column(amounts_per_replica(values, synapses.n_replicas, name), synapses.learned)
            for name, values in amounts.items()
        )
        self.penalty = penalty

    def update(self, synapses: Synapses) -> None:
        """Take one step with the gradient that the network wrote."""
        synapses.chain()
        synapses.learned.addcmul_(synapses.gradient, self._rate, value=-1)
        springs = self.penalty.springs
        pull = springs.stiffness * self._rate_strength
        synapses.learned.lerp_(springs.anchor, pull / (1 + pull))


class SynapticIntelligence(PerReplica):
    """Gradient descent that keeps account of what each weight contributed to lowering the loss.

    During a task omega_i sums -g_i dw_i, g being the gradient of the loss alone; at its end

        importance_i <- importance_i + max(omega_i, 0) / ((w_i - w_i(start))^2 + damping)

    and the penalty strength * sum_i importance_i (w_i - w*_i)^2 holds the weights at their present values w*.
    Contributions that raised the loss are cut off at zero, so that no spring pushes outwards.

    Parameters
    ----------
    synapses : the synapses that learn
    optimiser : what follows the gradient
    strength : importance of earlier tasks, one for all replicas or one each
    damping : squared change of a weight below which its importance is bounded

    References
    ----------
    Zenke et al. (2017), equations 4 and 5. arXiv:1703.04200
    """

    by_replica = ("_pull", "path", "_before", "_slope", "_start", "optimiser", "springs")

    def __init__(
        self,
        synapses: Synapses,
        optimiser: Optimiser,
        *,
        strength: float | Sequence[float],
        damping: Positive = 0.1,
    ) -> None:
        self.optimiser = optimiser
        strengths = amounts_per_replica(strength, synapses.n_replicas, "strength")
        # The derivative of strength * (w - w*)^2 has a factor of two that half a spring's energy has not.
        self._pull = column([2 * value for value in strengths], synapses.learned)
        self._damping = damping
        self.springs = Springs(synapses)
        self.path = torch.zeros_like(synapses.learned)
        self._before = synapses.learned.clone()
        self._slope = torch.zeros_like(synapses.learned)
        self._start = synapses.learned.clone()

    def update(self, synapses: Synapses) -> None:
        """Take one step with the gradient that the network wrote."""
        synapses.chain()
        self._slope.copy_(synapses.gradient)
        self._before.copy_(synapses.learned)
        synapses.gradient.addcmul_(self.springs.pull(synapses.learned), self._pull)
        self.optimiser.step(synapses.learned, synapses.gradient)
        self.path.addcmul_(self._slope, synapses.learned - self._before, value=-1)

    def consolidate(self, synapses: Synapses) -> None:
        """Turn the contributions of the task that ends into importance, and hold the present weights."""
        moved = (synapses.learned - self._start).square_().add_(self._damping)
        importance = self.path.clamp(min=0) / moved
        self.springs.hold(synapses.learned, importance)
        self.path.zero_()
        self._start.copy_(synapses.learned)


class MeanFieldSynapses(NormalSynapses):
    """Weights and biases as independent normal variables, drawn several times in every step.

    `learned` holds the means, then the logarithms of the standard deviations, which therefore stay positive
    whatever a step does. `effective` and `gradient` have `draws_per_step` rows per replica.

    Parameters
    ----------
    layout, seeds, execution : as for `DeterministicSynapses`, and so are the means at the start
    initial_sigma : standard deviation of every weight at the start, positive; for all replicas or one each
    draws_per_step : networks drawn per replica and step, positive
    biases : ``"trained"``, or ``"none"``: zero and without spread
    answers_with : how a trained network answers: with its ``"means"`` or with new ``"draws"``
    """

    _row_names = ("drawn",)

    def __init__(
        self,
        layout: Layout,
        seeds: Sequence[int],
        *,
        initial_sigma: float | Sequence[float] = 0.02,
        draws_per_step: Count = 5,
        biases: Literal["trained", "none"] = "trained",
        answers_with: Literal["means", "draws"] = "means",
        execution: Execution | None = None,
    ) -> None:
        super().__init__(layout, seeds, biases=biases, execution=execution, values_per_parameter=2)
        sigmas = numbers_per_replica(initial_sigma, self.n_replicas, "initial_sigma", Sigma)
        self.draws_per_step, self.answers_with = draws_per_step, answers_with
        self._initialise_uniformly()
        self.log_sigma.copy_(column([math.log(sigma) for sigma in sigmas], self.learned))
        if biases == "none":
            self.log_sigma[:, layout.n_weights :] = math.log(SMALLEST_SIGMA)
        shape = (self.n_replicas * draws_per_step, layout.n_parameters)
        self.gradient, self.effective, self.drawn = (aligned_rows(*shape, **self._place) for _ in range(3))
        self._form = self.execution.fused(_form_mean_field)

    @property
    def log_sigma(self) -> Tensor:
        """Logarithms of the standard deviations, shape (replica, parameters): a view, as `mu`."""
        return self.learned[:, self.layout.n_parameters :]

    @property
    def sigma(self) -> Tensor:
        """Standard deviations, shape (replica, parameters)."""
        return self.log_sigma.exp()

    def by_draw(self, tensor: Tensor) -> Tensor:
        """Return a tensor with one row per drawn network as (replica, draw, column)."""
        return tensor.unflatten(0, (self.n_replicas, self.draws_per_step))

    def draw(self) -> None:
        """Draw the networks of one step."""
        noise = self.streams.normals(self.draws_per_step * self.layout.n_parameters)
        self._form(noise, self.learned, self.by_draw(self.drawn), self.by_draw(self.effective))

    def sample(self, streams: Streams) -> Tensor:
        """Return the weights with which a trained network answers."""
        return self.mu if self.answers_with == "means" else super().sample(streams)

    def chain(self) -> None:
        """Keep untrained biases in place; rules read the gradient of every drawn network."""
        self._silence_untrained_biases()


class MeanFieldRule(PerReplica):
    """A rule that follows the gradients of all drawn networks of a step of `MeanFieldSynapses`.

    `_follow` changes what is learned, given it, the gradients, the draws and the numbers of the rule.
    """

    synapse_kind = MeanFieldSynapses
    loss = "sum"
    _follow: Callable[..., None]

    @property
    def _numbers(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.by_replica)

    def update(self, synapses: MeanFieldSynapses) -> None:
        """Take one step with the gradients that the drawn networks wrote."""
        synapses.chain()
        gradient, drawn = synapses.by_draw(synapses.gradient), synapses.by_draw(synapses.drawn)
        self._follow(synapses.learned, gradient, drawn, *self._numbers)


class BayesianGradientDescent(MeanFieldRule):
    """Closed-form online variational Bayes for independent normal weights: FOO-VB diagonal.

        mu    <- mu - eta sigma^2 E[g]
        sigma <- sigma sqrt(1 + a^2) - sigma a,    a = sigma E[g xi] / 2

    with g the gradient of the loss summed over the batch, at w = mu + sigma xi, and the expectations over
    the drawn networks. The second line equals sigma exp(-asinh a): in that form it neither loses all digits
    for large a nor overflows, and sigma stays positive. sigma is kept within bounds, since a weight whose
    sigma grows without end (a < 0 again and again) makes the loss overflow.

    Parameters
    ----------
    synapses : the synapses that learn
    learning_rate : eta, one for all replicas or one each; the derivation has 1
    sigma_bounds : smallest and largest standard deviation
    clamp
        E[g] and E[g xi] are cut to clamp / sigma either way, as Bonnet et al. (2025) run it; positive,
        infinity, as derived, cuts nothing. One for all replicas or one each.

    References
    ----------
    Zeno et al. (2018), algorithm 1, arXiv:1803.10123. The program of Zeno et al. (2021), which calls it the
    diagonal version of FOO-VB, refers to that of 2018 for it (github.com/chenzeno/FOO-VB at 5aa9aaa, README;
    github.com/igolan/bgd at 275cab5, optimizers_lib/bgd_optimizer.py, lines 105-110).
    """

    by_replica = ("_rate", "_clamp")

    def __init__(
        self,
        synapses: MeanFieldSynapses,
        *,
        learning_rate: float | Sequence[float] = 1.0,
        sigma_bounds: tuple[Positive, Positive] = (1e-10, 1.0),
        clamp: float | Sequence[float] = math.inf,
    ) -> None:
        low, high = sigma_bounds
        if not low < high:
            raise ValueError(f"sigma_bounds must ascend, got {sigma_bounds}")
        rates = amounts_per_replica(learning_rate, synapses.n_replicas, "learning_rate")
        self._rate = column(rates, synapses.learned)
        clamps = positive_per_replica(clamp, synapses.n_replicas, "clamp")
        self._clamp = column(clamps, synapses.learned) if min(clamps) < math.inf else None
        self._bounds = (math.log(low), math.log(high))
        self._follow = synapses.execution.fused(_follow_in_closed_form)

    @property
    def _numbers(self) -> tuple[Any, ...]:
        return self._rate, self._clamp, self._bounds


def _form_mean_field(noise: Noise, learned: Tensor, drawn: Tensor, effective: Tensor) -> None:
    """Write xi to `drawn` and mu + sigma xi to `effective`, both (replica, draw, parameters)."""
    n = effective.shape[2]
    xi = standard_normal(noise, learned.dtype).unflatten(1, (-1, n))
    drawn.copy_(xi)
    effective.copy_(learned[:, None, :n] + learned[:, None, n:].exp() * xi)


def _follow_in_closed_form(
    learned: Tensor,
    gradient: Tensor,
    drawn: Tensor,
    rate: Tensor,
    clamp: Tensor | None,
    bounds: tuple[float, float],
) -> None:
    """Change means and log standard deviations in place; `gradient` is (replica, draw, parameters)."""
    n = gradient.shape[2]
    mu, log_sigma = learned[:, :n], learned[:, n:]
    sigma = log_sigma.exp()
    mean_slope, sigma_slope = gradient.mean(dim=1), (gradient * drawn).mean(dim=1)
    if clamp is not None:
        bound = clamp / sigma
        mean_slope, sigma_slope = (slope.clamp(-bound, bound) for slope in (mean_slope, sigma_slope))
    mu.addcmul_(sigma.square() * mean_slope, rate, value=-1)
    log_sigma.sub_(torch.asinh(0.5 * sigma * sigma_slope)).clamp_(*bounds)


check_public(__name__, but=("Springs",))
