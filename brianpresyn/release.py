r"""Release of vesicles: Bernoulli and binomial.

A presynaptic spike releases :math:`k \sim \mathrm{Binomial}(n, p)` vesicles, each of which moves the
postsynaptic variable by q:

.. math:: v \leftarrow v + k q, \qquad \langle k q \rangle = n p q,
    \qquad \mathrm{var}(k q) = n p (1 - p) q^2.

What a weight means differs between simulators, so it is never guessed here: the amplitude is given by exactly
one of ``q`` (one quantum), ``all_sites`` (all n sites released) and ``mean`` (averaged over failures).

References
----------
del Castillo J, Katz B (1954). "Quantal components of the end-plate potential". J Physiol 124:560-573,
doi:10.1113/jphysiol.1954.sp005129.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import quantities as pq
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS
from brian2.core.variables import Constant
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, Quantity, get_dimensions, get_unit
from brian2.utils.stringtools import get_identifiers

from biophys.argument_types import check_kind
from biophys.quantal import QuantalSynapse
from biophys.units import shown
from brianpresyn.binomial_function import binomial
from brianpresyn.counter_random import bernoulli_draw, binomial_draw, shared_binomial_draw
from brianpresyn.quantities_bridge import to_brian
from brianpresyn.synapse_code import (
    N_SITES,
    PROBABILITY,
    Stage,
    SynapseCode,
    check_expression,
    check_name,
)

Draws = Literal["counter", "brian2"]


def bernoulli_release(
    p: Any,
    *,
    q: Any = None,
    mean: Any = None,
    target: str | None = "v",
    draws: Draws = "counter",
    shared: bool = False,
) -> SynapseCode:
    """Return a synapse that releases one quantum with probability p at each presynaptic spike.

    Parameters
    ----------
    p
        Release probability, 0..1: a number, one value per synapse, or a Brian2 expression as text.
    q, mean
        Amplitude, exactly one of the two: of one quantum, or averaged over failures. It carries the unit of
        the target variable (Brian2 or `quantities`); a plain number only if that has none; or it is an
        expression as text. A mean is kept in the variable ``strength`` when p moves, and q follows from it.
    target
        Variable that a quantum moves: of the postsynaptic neuron, or of the synapse if its code defines one
        of that name; None for none, if another piece says what ``released`` does.
    draws
        ``"counter"``: reproducible from (seed, synapse, spike number) on every target.
        ``"brian2"``: Brian2's own ``rand()``.
    shared
        Whether all synapses have the same p: one number in memory instead of one per synapse.

    Returns
    -------
    SynapseCode
        With variables p and q (or strength), and the hidden draw_number; its code sets ``released``.

    Raises
    ------
    ValueError
        If p is outside 0..1, or not exactly one amplitude is given.

    Examples
    --------
    >>> from brian2 import mV
    >>> print(bernoulli_release(p=0.3, q=0.5*mV))
    p : 1
    q : volt
    draw_number : integer
    release_key : integer (shared, constant)
    on_pre:
        draw_number += 1
        released = bernoulli_draw(release_key, draw_number, p)
        v_post += released*q
    """
    amplitude = amplitude_model(1, p, {"q": q, "mean": mean}, "p")
    expressions = {"counter": "bernoulli_draw(release_key, draw_number, p)", "brian2": "int(rand() < p)"}
    functions = {"counter": {"bernoulli_draw": bernoulli_draw}, "brian2": {}}
    return _release(
        "bernoulli_release",
        model=f"p : 1{_flag(shared)}",
        draw=one_of(draws, expressions),
        functions=functions[draws],
        amplitude=amplitude,
        initial={"p": p},
        domains={"p": PROBABILITY},
        target=target,
        draws=draws,
    )


def binomial_release(
    n: Any,
    p: Any,
    *,
    q: Any = None,
    all_sites: Any = None,
    mean: Any = None,
    target: str | None = "v",
    draws: Draws = "counter",
    shared: bool = False,
) -> SynapseCode:
    """Return a synapse whose n sites each release one quantum with probability p at a presynaptic spike.

    Parameters
    ----------
    n
        Number of release sites, a whole number: a number, one value per synapse, or a Brian2
        expression as text.
    p
        Release probability of each site, 0..1, given as `n` is.
    q, all_sites, mean
        Amplitude, exactly one of the three: of one quantum, of all sites together, or averaged over
        failures. Unit as in :func:`bernoulli_release`.
    target, draws
        As in :func:`bernoulli_release`.
    shared
        Whether all synapses have the same n and p.

    Returns
    -------
    SynapseCode
        With variables n, p and q (or strength), and the hidden draw_number; its code sets ``released``.

    Raises
    ------
    ValueError
        If p is outside 0..1, n is no whole number, or not exactly one amplitude is given.

    Examples
    --------
    >>> from brian2 import nS
    >>> print(binomial_release(n=5, p=0.7, all_sites=2*nS, target="g"))
    n : integer
    p : 1
    q : siemens
    draw_number : integer
    release_key : integer (shared, constant)
    on_pre:
        draw_number += 1
        released = binomial_draw(release_key, draw_number, n, p)
        g_post += released*q
    """
    given = {"q": q, "all_sites": all_sites, "mean": mean}
    amplitude = amplitude_model(n, p, given, "n*p")
    counted = "shared_binomial_draw" if shared else "binomial_draw"
    expressions = {"counter": f"{counted}(release_key, draw_number, n, p)", "brian2": "binomial(n, p)"}
    drawn = shared_binomial_draw if shared else binomial_draw
    functions = {"counter": {counted: drawn}, "brian2": {"binomial": binomial}}
    return _release(
        "binomial_release",
        model=f"n : integer{_flag(shared)}\np : 1{_flag(shared)}",
        draw=one_of(draws, expressions),
        functions=functions[draws],
        amplitude=amplitude,
        initial={"n": n, "p": p},
        domains={"n": N_SITES, "p": PROBABILITY},
        target=target,
        draws=draws,
    )


def quantal_release(
    synapse: QuantalSynapse, *, target: str | None = "v", draws: Draws = "counter"
) -> SynapseCode:
    """Return the binomial release of a :class:`biophys.quantal.QuantalSynapse`.

    Parameters
    ----------
    synapse
        One synapse for all, or an array of synapses with one entry per Brian2 synapse.
    target, draws
        As in :func:`bernoulli_release`.

    Examples
    --------
    >>> import quantities as pq
    >>> code = quantal_release(QuantalSynapse(n=5, p=0.3, q=0.2*pq.mV))
    >>> code.initial["q"]
    200. * uvolt
    """
    check_kind(synapse, QuantalSynapse, "synapse", "QuantalSynapse(n=5, p=0.3, q=0.2*pq.mV)")
    n, p = np.asarray(synapse.n), np.asarray(synapse.p)
    return binomial_release(n=n, p=p, q=to_brian(synapse.q), target=target, draws=draws)


def release_counters() -> SynapseCode:
    """Return counters of what each synapse did; they may be set to 0 at any time.

    Returns
    -------
    SynapseCode
        With variables n_spikes (presynaptic spikes so far), n_vesicles (released) and n_failures (spikes that
        released nothing).

    Examples
    --------
    >>> print(release_counters())
    n_spikes : integer
    n_vesicles : integer
    n_failures : integer
    on_pre:
        n_spikes += 1
        n_vesicles += released
        n_failures += int(released == 0)
    """
    return SynapseCode(
        "release_counters",
        model="n_spikes : integer\nn_vesicles : integer\nn_failures : integer",
        on_pre={Stage.ACCOUNT: "n_spikes += 1\nn_vesicles += released\nn_failures += int(released == 0)"},
        dtypes=dict.fromkeys(("n_spikes", "n_vesicles", "n_failures"), np.int64),
        requires=frozenset({"released"}),
    )


def _release(
    name: str,
    *,
    model: str,
    draw: str,
    functions: dict[str, Any],
    amplitude: tuple[str, dict[str, Any]],
    initial: dict[str, Any],
    domains: dict[str, Any],
    target: str | None,
    draws: Draws,
) -> SynapseCode:
    uses_key = draws == "counter"
    key = "\ndraw_number : integer\nrelease_key : integer (shared, constant)" if uses_key else ""
    return SynapseCode(
        name,
        model=f"{model}\n{amplitude[0]}{key}",
        on_pre={
            Stage.COUNT: "draw_number += 1" if uses_key else "",
            Stage.RELEASE: f"released = {draw}",
            Stage.TRANSMIT: transmission(target, "released*q"),
        },
        namespace=functions,
        initial={**initial, **amplitude[1]},
        domains=domains,
        streams={"release_key": "release"} if uses_key else {},
        acts_on={} if target is None else {target: "q"},
    )


def transmission(target: str | None, amount: str) -> str:
    """Return the statement that moves a target by an amount, none without a target.

    Examples
    --------
    >>> transmission("v", "released*q"), transmission("ge_post", "q"), transmission(None, "q")
    ('v_post += released*q', 'ge_post += q', '')
    """
    if target is None:
        return ""
    check_name(target, "target")
    return f"{target.removesuffix('_post')}_post += {amount}"


def _flag(shared: bool) -> str:
    return " (shared)" if shared else ""


def one_of(draws: str, expressions: dict[str, str]) -> str:
    """Return the expression for a way of drawing.

    Raises
    ------
    ValueError
        If there is no such way.
    """
    if draws not in expressions:
        raise ValueError(f"draws must be one of {', '.join(map(repr, expressions))}, got {draws!r}")
    return expressions[draws]


def unit_text(dimension: Dimension) -> str:
    """Return the unit of a dimension as Brian2's equations spell it.

    Examples
    --------
    >>> from brian2 import mV, nS
    >>> unit_text(mV.dim), unit_text((mV*nS).dim)
    ('volt', 'amp')
    """
    return "1" if dimension is DIMENSIONLESS else repr(get_unit(dimension))


def unit_in_words(dimension: Dimension) -> str:
    """Return the unit of a dimension for a message.

    Examples
    --------
    >>> from brian2 import mV
    >>> unit_in_words(mV.dim), unit_in_words(DIMENSIONLESS)
    ('volt', 'no unit')
    """
    return "no unit" if dimension is DIMENSIONLESS else unit_text(dimension)


def amplitude_model(
    n: Any, p: Any, amplitudes: dict[str, Any], per_quantum: str
) -> tuple[str, dict[str, Any]]:
    """Return the equations of the amplitude and its initial value.

    A mean is kept as such, and the quantum follows from it, so that it stays the mean when p moves. Where
    nothing can be released the quantum is of no consequence, but must be finite.

    Parameters
    ----------
    n, p
        Number of sites and release probability.
    amplitudes
        By what they mean; exactly one is not None.
    per_quantum
        What a mean is divided by.
    """
    if amplitudes["mean"] is None or any(
        value is not None for name, value in amplitudes.items() if name != "mean"
    ):
        size = quantal_size(n, p, amplitudes)
        return f"q : {unit_text(_dimensions(size))}", {"q": size}
    strength = _amplitude(amplitudes["mean"], "mean")
    N_SITES.check("n", n)
    PROBABILITY.check("p", p)
    if not isinstance(p, str) and np.any(np.asarray(p) == 0):
        raise ValueError(f"mean={strength} cannot be reached with p = 0; give q instead")
    unit = unit_text(_dimensions(strength))
    quantum = f"strength/({per_quantum} + int({per_quantum} < 1e-100))"
    return f"strength : {unit}\nq = {quantum} : {unit}", {"strength": strength}


def quantal_size(n: Any, p: Any, amplitudes: dict[str, Any]) -> Any:
    """Return the size of one quantum from the one amplitude that was given."""
    given = {name: value for name, value in amplitudes.items() if value is not None}
    if len(given) != 1:
        raise ValueError(
            f"state what the amplitude means by giving exactly one of {', '.join(amplitudes)}; "
            f"got {', '.join(given) or 'none'}"
        )
    ((meaning, amplitude),) = given.items()
    amplitude = _amplitude(amplitude, meaning)
    N_SITES.check("n", n)
    PROBABILITY.check("p", p)
    if meaning == "q":
        return amplitude
    if isinstance(amplitude, str):
        return f"({amplitude})/clip(n, 1, inf)"
    if isinstance(n, str):
        raise TypeError(f"{meaning} needs n as numbers, to divide by them; give q instead")
    # A synapse without sites releases nothing, whatever its quantum.
    return amplitude / np.maximum(n, 1)


def _amplitude(value: Any, meaning: str) -> Any:
    """Return an amplitude as a Brian2 quantity, a plain number where it has no unit, or as text."""
    if isinstance(value, str):
        return check_expression(value, meaning)
    if isinstance(value, pq.Quantity):
        value = to_brian(value)
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{meaning} must be a value with a unit, for example 0.1*mV, got {shown(value)}"
        ) from error
    if isinstance(value, bool | np.bool_) or value is None:
        raise TypeError(f"{meaning} must be a value with a unit, for example 0.1*mV, got {value!r}")
    if not (numbers.size and np.all(np.isfinite(numbers))):
        raise ValueError(f"{meaning} must be finite, got {value!r}; give a value such as 0.1*mV")
    return value if isinstance(value, Quantity) or numbers.ndim else float(numbers)


def _dimensions(amplitude: Any) -> Dimension:
    """Return the dimension of an amplitude; of text, that of its units."""
    if not isinstance(amplitude, str):
        return get_dimensions(amplitude)
    known = {**DEFAULT_UNITS, **DEFAULT_FUNCTIONS, **DEFAULT_CONSTANTS}
    variables = {**known, **{name: Constant(name, 1) for name in ("i", "j", "n", "p")}}
    unknown = get_identifiers(amplitude) - variables.keys()
    if unknown:
        raise ValueError(
            f"the unit of {amplitude!r} cannot be told, since {', '.join(sorted(unknown))} is known to a "
            "synapse only: give a value with the unit, such as q=0*mV, and set the variable after building"
        )
    return parse_expression_dimensions(amplitude, variables)
