"""Spontaneous release: miniature responses without presynaptic spikes."""

from __future__ import annotations

from typing import Any

from brian2 import Hz, Quantity
from brian2.utils.stringtools import get_identifiers

from brianpresyn.counter_random import uniform_draw
from brianpresyn.domains import Domain, check_expression, checked_time, dimension_of
from brianpresyn.release import transmission
from brianpresyn.synapse_code import RELEASE_TARGET, Stage, SynapseCode


def spontaneous_release(rate: Any, *, every: Quantity, target: str | None = RELEASE_TARGET) -> SynapseCode:
    """Return miniature release: each synapse releases one quantum with probability 1 - exp(-rate every).

    It looks at every synapse at regular times, so choose an interval that is long against the time step and
    short against 1 / rate. Where the rate follows the presynaptic voltage, this is graded release.

    Parameters
    ----------
    rate
        Of every synapse, in Hz: one value, one for each synapse, or a Brian2 expression as text, which is
        evaluated once. ``.following(mini_rate="...")`` lets it follow other variables.
    every : interval at which release may happen
    target : as in :func:`brianpresyn.bernoulli_release`; by default that of the release model it is joined to

    Returns
    -------
    SynapseCode
        With mini_rate, and n_minis, the quanta released spontaneously; it needs q from a release model.

    Raises
    ------
    TypeError : if the rate or the interval has another unit
    ValueError : if the rate is negative, or so high that more than one release in an interval is likely

    Examples
    --------
    >>> from brian2 import Hz, ms, mV
    >>> from brianpresyn import bernoulli_release
    >>> code = bernoulli_release(p=0.3, q=1*mV, target="u") + spontaneous_release(0.1*Hz, every=10*ms)
    >>> print(code.regular_code)
    n_mini_draws += 1
    mini = int(uniform_draw(mini_key, n_mini_draws) < p_mini)
    u_post += mini*q
    n_minis += mini
    """
    if isinstance(rate, str):
        if not get_identifiers(check_expression(rate, "rate")):
            raise TypeError(f"rate must be a rate such as '0.1*Hz', got {rate!r}")
    elif dimension_of(rate, "rate", "0.1*Hz") is not Hz.dim:
        raise TypeError(f"rate must be a rate such as 0.1*Hz, got {rate!r}")
    # A rate at the bound may miss it by rounding.
    highest = 0.1 * (1 + 1e-9) / float(checked_time(every, "every"))
    remedy = "give a rate such as 0.1*Hz, or shorten every, so that one release in an interval is the most"
    return SynapseCode(
        "spontaneous_release",
        model="mini_rate : hertz\np_mini = 1 - exp(-mini_rate*mini_interval) : 1\nn_minis : integer\n"
        "n_mini_draws : integer (shared)\nmini_key : integer (shared, constant)",
        regularly={
            Stage.COUNT: "n_mini_draws += 1",
            Stage.RELEASE: "mini = int(uniform_draw(mini_key, n_mini_draws) < p_mini)",
            Stage.TRANSMIT: transmission(target, "mini*q"),
            Stage.ACCOUNT: "n_minis += mini",
        },
        every=every,
        namespace={"uniform_draw": uniform_draw, "mini_interval": every},
        initial={"mini_rate": Quantity(rate) if isinstance(rate, list | tuple) else rate},
        domains={"mini_rate": Domain(0.0, highest, remedy)},
        streams={"mini_key": "minis"},
        requires=frozenset({"q"}),
        acts_on={} if target is None else {target: "q"},
    )
