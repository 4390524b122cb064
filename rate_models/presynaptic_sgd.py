"""Gradient descent on the expected strength together with plastic release probability.

    w̄ <- w̄ - eta (c g + l2 w̄),    c = 1 - p with consolidation, else 1
    p <- the rule of `biophys.release_plasticity`, with the same g

g is the gradient with respect to w̄, so it is zero for a synapse that did not release. p on the right of the
first line is the value before the update; the L2 term is not scaled by c.

Schug et al. (2021), equations 3-5 and 7. doi:10.7554/eLife.69884
"""

from collections.abc import Sequence

from torch import Tensor

from biophys.argument_types import checked_types
from biophys.release_plasticity import (
    PlasticityParameters,
    ReleasePlasticity,
    learning_rate_factor,
    updated_release_probability,
)
from rate_models.replicas import (
    PerReplica,
    PlasticityColumns,
    amounts_per_replica,
    check_positions,
    column_or_number,
    kept_shares,
    per_replica,
)
from rate_models.stochastic_layers import BernoulliSynapses


@checked_types
class PresynapticSgd(PerReplica):
    """The learning rule of `BernoulliSynapses` with plastic release probability.

    Parameters
    ----------
    synapses : the synapses that learn
    plasticity : of the release probability: one for all replicas or one each, alike in form and consolidation
    learning_rate, l2
        eta, and strength of the penalty on w̄ (not on biases): not negative, one for all replicas or one each.

    Raises
    ------
    TypeError : if the synapses have no release probability, or a value is of another type
    ValueError : if there is neither one value nor one per replica, or a rate or penalty is negative
    """

    synapse_kind = BernoulliSynapses
    by_replica = ("plasticity", "_rate", "_kept_share")
    n_replicas = 0

    def __init__(
        self,
        synapses: BernoulliSynapses,
        plasticity: ReleasePlasticity | Sequence[ReleasePlasticity],
        *,
        learning_rate: float | Sequence[float],
        l2: float | Sequence[float] = 0.0,
    ) -> None:
        self.n_replicas = n = synapses.n_replicas
        rates = amounts_per_replica(learning_rate, n, "learning_rate")
        self.plasticity = PlasticityColumns.of(per_replica(plasticity, n, "plasticity"), synapses.p)
        self._rate = column_or_number(rates, synapses.p)
        self._kept_share = kept_shares(rates, amounts_per_replica(l2, n, "l2"), synapses.p)
        self._update = synapses.execution.fused(_update_strength_and_release)

    def update(self, synapses: BernoulliSynapses) -> None:
        """Take one step with the gradient that the network wrote."""
        n_weights = synapses.layout.n_weights
        changed = (synapses.learned, synapses.p, synapses.scale, synapses.gradient)
        for pieces in zip(*map(synapses._pieces, changed), strict=True):
            self._update(*pieces, self._rate, self._kept_share, self.plasticity)
        if synapses.biases == "trained":
            _descend(synapses.bias, synapses.gradient[:, n_weights:], self._rate, 1.0)

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        check_positions(replicas, self.n_replicas)
        super().keep(replicas)
        self.n_replicas = len(replicas)


def _update_strength_and_release(
    strength: Tensor,
    p: Tensor,
    scale: Tensor,
    transmitted_gradient: Tensor,
    rate: Tensor | float,
    kept_share: Tensor | float | None,
    plasticity: PlasticityColumns,
) -> None:
    descend_presynaptically(
        strength, p, transmitted_gradient.mul_(scale), plasticity, rate=rate, kept_share=kept_share
    )


def descend_presynaptically(
    weight: Tensor,
    p: Tensor,
    gradient: Tensor,
    rule: PlasticityParameters,
    *,
    rate: Tensor | float,
    kept_share: Tensor | float | None,
    keeps_gradient: bool = False,
) -> None:
    """Take one step of the published rule in place.

    `kept_share` is 1 - eta l2, or None for no penalty. The gradient, of the loss by `weight`, is overwritten,
    which is faster than a copy, unless `keeps_gradient`.
    """
    if kept_share is not None:
        weight.mul_(kept_share)
    _descend(weight, gradient, rate, learning_rate_factor(p, rule))
    updated_release_probability(p, gradient.abs() if keeps_gradient else gradient, rule, in_place=True)


def _descend(learned: Tensor, gradient: Tensor, rate: Tensor | float, factor: Tensor | float) -> None:
    """Subtract rate gradient factor in place, multiplied in this order, be the rate a column or a number."""
    if isinstance(rate, Tensor):
        gradient, rate = gradient * rate, 1.0
    if isinstance(factor, Tensor):
        learned.addcmul_(gradient, factor, value=-rate)
    else:
        learned.add_(gradient, alpha=-rate * factor)
