r"""Short-term plasticity: depletion and facilitation of release, deterministic and stochastic.

At a presynaptic spike the release probability u first facilitates, then every docked vesicle is released with
probability u; empty sites are refilled at rate 1/tau_rec, and u decays with tau_facil:

.. math:: u \leftarrow u + p (1 - u), \qquad x \leftarrow x (1 - u),

where p is the release probability at rest (the U of Tsodyks and Markram) and x the fraction of docked sites.
In the stochastic form each of the n sites is full or empty by itself: the number refilled since the last
spike is binomial, and so is the number released. Its mean is exactly the deterministic form.

References
----------
Tsodyks MV, Markram H (1997). PNAS 94:719-723, doi:10.1073/pnas.94.2.719.
Fuhrmann G, Segev I, Markram H, Tsodyks M (2002). J Neurophysiol 87:140-148, doi:10.1152/jn.00258.2001
(stochastic sites).
"""

from __future__ import annotations

from typing import Any

from brian2 import second
from brian2.units.fundamentalunits import get_dimensions

from brianpresyn.binomial_function import binomial
from brianpresyn.counter_random import binomial_draw
from brianpresyn.release import Draws, quantal_size, unit_text
from brianpresyn.synapse_code import N_SITES, PROBABILITY, Stage, SynapseCode
from brianpresyn.update_signals import checked_time

_FACILITATION = "du/dt = -u/tau_facil : 1 (event-driven)"


def tsodyks_markram(
    p: Any,
    *,
    tau_rec: Any,
    tau_facil: Any = 0 * second,
    q: Any = None,
    all_sites: Any = None,
    mean: Any = None,
    n: Any = 1,
    target: str = "v",
) -> SynapseCode:
    """Return the deterministic synapse: at each spike it transmits n q u x.

    Parameters
    ----------
    p
        Release probability at rest (U), 0..1: a number, one value per synapse, or a Brian2 expression.
    tau_rec, tau_facil
        Time constants of recovery and of facilitation, the same for all; tau_facil = 0 for none.
    q, all_sites, mean
        Amplitude, exactly one of the three: of one quantum, of all n sites, or of the response at rest.
    n
        Number of release sites.
    target
        Postsynaptic variable that is moved.

    Returns
    -------
    SynapseCode
        With variables p, n, q, x (and u if it facilitates).

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> print(tsodyks_markram(0.5, tau_rec=800*ms, q=1*mV).pre_code)
    transmitted = p*x
    v_post += n*transmitted*q
    x -= transmitted
    """
    has_u, times = _times(tau_rec, tau_facil)
    u = "u" if has_u else "p"
    size = quantal_size(n, p, {"q": q, "all_sites": all_sites, "mean": mean})
    return SynapseCode(
        "tsodyks_markram",
        model=_model(size, has_u) + "\ndx/dt = (1 - x)/tau_rec : 1 (event-driven)",
        on_pre={
            Stage.PROBABILITY: "u += p*(1 - u)" if has_u else "",
            Stage.RELEASE: f"transmitted = {u}*x",
            Stage.TRANSMIT: f"{target}_post += n*transmitted*q\nx -= transmitted",
        },
        namespace=times,
        initial={"p": p, "n": n, "q": size, "x": 1.0},
        domains={"p": PROBABILITY, "n": N_SITES},
        acts_on={target: "q"},
    )


def stochastic_tsodyks_markram(
    p: Any,
    *,
    tau_rec: Any,
    tau_facil: Any = 0 * second,
    n: Any = 1,
    q: Any = None,
    all_sites: Any = None,
    mean: Any = None,
    target: str = "v",
    draws: Draws = "counter",
) -> SynapseCode:
    """Return the stochastic synapse: n sites that are depleted and refilled one by one.

    Parameters
    ----------
    p, tau_rec, tau_facil, n, q, all_sites, mean, target
        As in :func:`tsodyks_markram`.
    draws
        ``"counter"`` (reproducible on every target) or ``"brian2"``.

    Returns
    -------
    SynapseCode
        With variables p, n, q, docked (full sites) (and u), and the hidden draw_number; its code sets
        ``released``.

    Examples
    --------
    >>> from brian2 import ms, mV
    >>> print(stochastic_tsodyks_markram(0.5, tau_rec=800*ms, n=3, q=1*mV).pre_code)
    draw_number += 1
    docked += binomial_draw(recovery_key, draw_number, n - docked, 1 - exp(-(t - t_spike)/tau_rec))
    t_spike = t
    released = binomial_draw(release_key, draw_number, docked, p)
    docked -= released
    v_post += released*q
    """
    has_u, times = _times(tau_rec, tau_facil)
    is_counted = draws == "counter"
    if draws not in ("counter", "brian2"):
        raise ValueError(f"draws must be one of 'counter', 'brian2', got {draws!r}")
    draw = "binomial_draw({}, draw_number, {}, {})" if is_counted else "binomial({1}, {2})"
    refilled = draw.format("recovery_key", "n - docked", "1 - exp(-(t - t_spike)/tau_rec)")
    released = draw.format("release_key", "docked", "u" if has_u else "p")
    keys = (
        "\ndraw_number : integer\nrelease_key : integer (shared, constant)"
        "\nrecovery_key : integer (shared, constant)"
    )
    size = quantal_size(n, p, {"q": q, "all_sites": all_sites, "mean": mean})
    facilitation = "\nu += p*(1 - u)" if has_u else ""
    return SynapseCode(
        "stochastic_tsodyks_markram",
        model=_model(size, has_u) + "\ndocked : integer\nt_spike : second" + (keys if is_counted else ""),
        on_pre={
            Stage.COUNT: "draw_number += 1" if is_counted else "",
            Stage.PROBABILITY: f"docked += {refilled}\nt_spike = t{facilitation}",
            Stage.RELEASE: f"released = {released}\ndocked -= released",
            Stage.TRANSMIT: f"{target}_post += released*q",
        },
        namespace={**times, **({"binomial_draw": binomial_draw} if is_counted else {"binomial": binomial})},
        initial={"p": p, "n": n, "q": size, "docked": n},
        domains={"p": PROBABILITY, "n": N_SITES},
        streams={"release_key": "release", "recovery_key": "recovery"} if is_counted else {},
        acts_on={target: "q"},
    )


def _model(q: Any, has_u: bool) -> str:
    facilitation = f"\n{_FACILITATION}" if has_u else ""
    return f"p : 1\nn : integer\nq : {unit_text(get_dimensions(q))}{facilitation}"


def _times(tau_rec: Any, tau_facil: Any) -> tuple[bool, dict[str, Any]]:
    """Return whether there is facilitation, and the time constants."""
    times = {"tau_rec": checked_time(tau_rec, "tau_rec")}
    if get_dimensions(tau_facil) is second.dim and float(tau_facil) == 0:
        return False, times
    return True, {**times, "tau_facil": checked_time(tau_facil, "tau_facil")}
