"""Remove a share of the synapses, by importance or at random, and see what the network can still do.

Schug et al. (2021), figure 2b. doi:10.7554/eLife.69884
"""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias

import numpy as np
import torch
from torch import Tensor

from biophys.argument_types import OneOf, Share, checked_types
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.stochastic_layers import BernoulliSynapses, Synapses

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
