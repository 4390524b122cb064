r"""Short-term plasticity: depletion and facilitation of release, deterministic and stochastic.

At a presynaptic spike the release probability u first facilitates, then every docked vesicle is released with
probability u; empty sites are refilled at rate 1/tau_rec, and u decays with tau_facil:

.. math:: u \leftarrow u + p (1 - u), \qquad x \leftarrow x (1 - u),

where p is the release probability at rest (the U of Tsodyks and Markram) and x the fraction of docked sites.
In the stochastic form each of the n sites is full or empty by itself: the number refilled since the last
spike is binomial, and so is the number released. Its mean is exactly the deterministic form.

With tau_active what is released is active (y) until it decays with that time constant, then inactive
(z = 1 - x - y) until it recovers: :math:`\dot x = z/\tau_{rec}`, :math:`\dot y = -y/\tau_{active}`.

References
----------
Tsodyks MV, Markram H (1997). PNAS 94:719-723, doi:10.1073/pnas.94.2.719.
Tsodyks M, Pawelzik K, Markram H (1998). Neural Comput 10:821-835, doi:10.1162/089976698300017502 (fractions).
Fuhrmann G, Segev I, Markram H, Tsodyks M (2002). J Neurophysiol 87:140-148, doi:10.1152/jn.00258.2001
(stochastic sites).
"""

from dataclasses import replace
from typing import Any

import numpy as np
from brian2 import second
from brian2.utils.stringtools import get_identifiers

from biophys.argument_types import checked_types
from brianpresyn.binomial_function import binomial
from brianpresyn.counter_random import binomial_draw
from brianpresyn.domains import POSITIVE_TIME, check_expression, checked_time, dimension_of, real_numbers
from brianpresyn.release import Draws, amplitude_model, release_domains, transmission
from brianpresyn.synapse_code import Stage, SynapseCode


@checked_types
def tsodyks_markram(
    p: Any,
    *,
    tau_rec: Any,
    tau_facil: Any = 0 * second,
    tau_active: Any = None,
    q: Any = None,
    all_sites: Any = None,
    mean: Any = None,
    n: Any = 1,
    target: str | None = "v",
) -> SynapseCode:
    """Return the deterministic synapse: at each spike it transmits n q u x.

    Parameters
    ----------
    p : release probability at rest (U), 0..1: a number, one value per synapse, or a Brian2 expression
    tau_rec, tau_facil
        Time constants of recovery and of facilitation, above 0: one for all, one value per synapse, or a
        Brian2 expression; tau_facil = 0 for no facilitation.
    tau_active
        Time constant with which what was transmitted becomes inactive before it recovers; None if it
        recovers at once.
    q, all_sites, mean
        Amplitude, exactly one of the three: of one quantum, of all n sites, or of the response at rest. As in
        :func:`brianpresyn.bernoulli_release` a mean stays when p is changed.
    n : number of release sites
    target : as in :func:`brianpresyn.bernoulli_release`

    Returns
    -------
    SynapseCode
        With variables p, n, q (or strength), x (and u if it facilitates; y, the active, and z, the inactive
        fraction with tau_active); its code sets ``released``, here the mean number of vesicles.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> print(tsodyks_markram(0.5, tau_rec=800*ms, q=1*mV).pre_code)
    transmitted = p*x
    released = n*transmitted
    v_post += released*q
    x -= transmitted
    """
    model, initial = amplitude_model(n, p, {"q": q, "all_sites": all_sites, "mean": mean}, "n*p")
    times = {"tau_rec": tau_rec} | ({} if tau_active is None else {"tau_active": tau_active})
    has_u, constants = _times(times, tau_facil)
    u = "u" if has_u else "p"
    fractions = (
        "dx/dt = (1 - x)/tau_rec : 1 (event-driven)"
        if tau_active is None
        else "dx/dt = (1 - x - y)/tau_rec : 1 (event-driven)\ndy/dt = -y/tau_active : 1 (event-driven)\n"
        "z = 1 - x - y : 1"
    )
    code = SynapseCode(
        "tsodyks_markram",
        model=f"p : 1\nn : integer\n{model}\n{_FACILITATION if has_u else ''}\n{fractions}",
        on_pre={
            Stage.PROBABILITY: "u += p*(1 - u)" if has_u else "",
            Stage.RELEASE: f"transmitted = {u}*x\nreleased = n*transmitted",
            Stage.TRANSMIT: f"{transmission(target, 'released*q')}\nx -= transmitted"
            + ("" if tau_active is None else "\ny += transmitted"),
        },
        initial={"p": p, "n": n, **initial, "x": 1.0},
        domains=release_domains(["p", "n", *initial]),
        acts_on={} if target is None else {target: "q"},
    )
    return replace(code + constants, name=code.name)


@checked_types
def stochastic_tsodyks_markram(
    p: Any,
    *,
    tau_rec: Any,
    tau_facil: Any = 0 * second,
    n: Any = 1,
    q: Any = None,
    all_sites: Any = None,
    mean: Any = None,
    target: str | None = "v",
    draws: Draws = "counter",
) -> SynapseCode:
    """Return the stochastic synapse: n sites that are depleted and refilled one by one.

    Parameters
    ----------
    p, tau_rec, tau_facil, n, q, all_sites, mean, target : as in :func:`tsodyks_markram`
    draws : ``"counter"`` (reproducible on every target) or ``"brian2"``

    Returns
    -------
    SynapseCode
        With variables p, n, q (or strength), n_empty (empty sites), docked (the others; and u), and the
        hidden draw_number; its code sets ``released``.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> print(stochastic_tsodyks_markram(0.5, tau_rec=800*ms, n=3, q=1*mV).pre_code)
    draw_number += 1
    n_empty -= binomial_draw(recovery_key, draw_number, n_empty, 1 - exp(-(t - t_spike)/tau_rec))
    t_spike = t
    released = binomial_draw(release_key, draw_number, n - n_empty, p)
    n_empty += released
    v_post += released*q
    """
    model, initial = amplitude_model(n, p, {"q": q, "all_sites": all_sites, "mean": mean}, "n*p")
    has_u, constants = _times({"tau_rec": tau_rec}, tau_facil)
    is_counted = draws == "counter"
    draw = "binomial_draw({}, draw_number, {}, {})" if is_counted else "binomial({1}, {2})"
    refilled = draw.format("recovery_key", "n_empty", "1 - exp(-(t - t_spike)/tau_rec)")
    released = draw.format("release_key", "n - n_empty", "u" if has_u else "p")
    keys = "draw_number : integer" + "".join(
        f"\n{key} : integer (shared, constant)" for key in ("release_key", "recovery_key")
    )
    code = SynapseCode(
        "stochastic_tsodyks_markram",
        model=f"p : 1\nn : integer\n{model}\n{_FACILITATION if has_u else ''}\nn_empty : integer\n"
        f"docked = n - n_empty : integer\nt_spike : second\n{keys if is_counted else ''}",
        on_pre={
            Stage.COUNT: "draw_number += 1" if is_counted else "",
            Stage.PROBABILITY: f"n_empty -= {refilled}\nt_spike = t" + ("\nu += p*(1 - u)" if has_u else ""),
            Stage.RELEASE: f"released = {released}\nn_empty += released",
            Stage.TRANSMIT: transmission(target, "released*q"),
        },
        namespace={"binomial_draw": binomial_draw} if is_counted else {"binomial": binomial},
        initial={"p": p, "n": n, **initial},
        domains=release_domains(["p", "n", *initial]),
        streams={"release_key": "release", "recovery_key": "recovery"} if is_counted else {},
        acts_on={} if target is None else {target: "q"},
    )
    return replace(code + constants, name=code.name)


_FACILITATION = "du/dt = -u/tau_facil : 1 (event-driven)"


def _times(times: dict[str, Any], tau_facil: Any) -> tuple[bool, SynapseCode]:
    """Return whether there is facilitation, and the time constants: variables if synapses differ in them."""
    if isinstance(tau_facil, str) or np.any(real_numbers(tau_facil, "tau_facil", "a time, or 0*ms for none")):
        times = {**times, "tau_facil": tau_facil}
    elif dimension_of(tau_facil, "tau_facil", "50*ms") is not second.dim:
        raise TypeError(f"tau_facil must be a time such as 50*ms, or 0*ms for none, got {tau_facil!r}")
    for name, value in times.items():
        if not isinstance(value, str):
            checked_time(value, name)
        elif not get_identifiers(check_expression(value, name)):
            raise TypeError(f"{name} must be a time such as '50*ms', got {value!r}")
    per_synapse = {name: value for name, value in times.items() if isinstance(value, str) or np.ndim(value)}
    return "tau_facil" in times, SynapseCode(
        "time constants",
        model="\n".join(f"{name} : second" for name in per_synapse),
        namespace={name: value for name, value in times.items() if name not in per_synapse},
        initial=per_synapse,
        domains=dict.fromkeys(per_synapse, POSITIVE_TIME),
    )
