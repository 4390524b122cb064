"""Spontaneous release: miniature responses without presynaptic spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Hz
from brian2.units.fundamentalunits import Quantity

from brianpresyn.counter_random import uniform_draw
from brianpresyn.domains import checked_time, dimension_of
from brianpresyn.release import transmission
from brianpresyn.synapse_code import Stage, SynapseCode


def spontaneous_release(rate: Any, *, every: Quantity, target: str | None = "v") -> SynapseCode:
    """Return miniature release: each synapse releases one quantum with probability 1 - exp(-rate every).

    It looks at every synapse at regular times, so choose an interval that is long against the time step and
    short against 1 / rate.

    Parameters
    ----------
    rate
        Of every synapse, in Hz.
    every
        Interval at which release may happen.
    target
        As in :func:`brianpresyn.bernoulli_release`.

    Returns
    -------
    SynapseCode
        With n_minis, the quanta released spontaneously; it needs q from a release model.

    Raises
    ------
    TypeError
        If the rate or the interval has another unit.
    ValueError
        If the rate is negative, or so high that more than one release in an interval is likely.

    Examples
    --------
    >>> from brian2 import Hz, ms
    >>> print(spontaneous_release(0.1*Hz, every=10*ms).regular_code)
    n_mini_draws += 1
    mini = int(uniform_draw(mini_key, n_mini_draws) < p_mini)
    v_post += mini*q
    n_minis += mini
    """
    if dimension_of(rate, "rate", "0.1*Hz") is not Hz.dim:
        raise TypeError(f"rate must be a rate such as 0.1*Hz, got {rate!r}")
    checked_time(every, "every")
    expected = float(rate * every)
    if not 0 <= expected <= 0.1:
        raise ValueError(
            "rate times every must be between 0 and 0.1, so that one release in an interval is the most, got "
            f"{rate} and {every}: shorten every"
        )
    return SynapseCode(
        "spontaneous_release",
        model="n_minis : integer\nn_mini_draws : integer (shared)\nmini_key : integer (shared, constant)",
        regularly={
            Stage.COUNT: "n_mini_draws += 1",
            Stage.RELEASE: "mini = int(uniform_draw(mini_key, n_mini_draws) < p_mini)",
            Stage.TRANSMIT: transmission(target, "mini*q"),
            Stage.ACCOUNT: "n_minis += mini",
        },
        every=every,
        namespace={"uniform_draw": uniform_draw, "p_mini": float(-np.expm1(-expected))},
        streams={"mini_key": "minis"},
        requires=frozenset({"q"}),
        acts_on={} if target is None else {target: "q"},
    )
