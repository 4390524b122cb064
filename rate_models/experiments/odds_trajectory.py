"""The rule of evidence in the odds on one row of synapses whose gradients and releases are given."""

import numpy as np
import torch
from numpy.typing import NDArray

from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.release_odds import ReleaseOdds
from rate_models.stochastic_layers import BernoulliSynapses


def odds_trajectory(
    signals: NDArray[np.float64],
    released: NDArray[np.float64],
    *,
    learning_rate: float,
    gain: float,
    memory: float,
    clamp: float,
    p_start: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p and strength after each update, (update, synapse), in double precision; strengths start at 1.

    `signals` and `released` are (update, synapse): what each strength is to gain, and whether it released.
    The other arguments are those of `rate_models.release_odds.ReleaseOdds`.
    """
    n = signals.shape[1]
    synapses = BernoulliSynapses(
        Layout((n, 1)), [0], release_probability=p_start, execution=Execution(dtype="float64")
    )
    synapses.strength.fill_(1.0)
    rule = ReleaseOdds(synapses, learning_rate=learning_rate, gain=gain, memory=memory, clamp=clamp)
    p, strength = np.empty_like(signals), np.empty_like(signals)
    for step, (signal, k) in enumerate(zip(signals, released, strict=True)):
        # A signal is what the strength is to gain, a gradient what it is to lose.
        synapses.gradient[0, :n] = -torch.from_numpy(signal)
        synapses.scale[0] = torch.from_numpy(k) / synapses.p[0]
        rule.update(synapses)
        p[step], strength[step] = synapses.p[0], synapses.strength[0]
    return p, strength
