r"""Release of vesicles: Bernoulli, binomial, and spontaneous, without presynaptic spikes.

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

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import quantities as pq
from brian2 import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS, Hz, Quantity
from brian2.core.variables import Constant
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.units.fundamentalunits import Dimension, get_dimensions
from brian2.utils.stringtools import get_identifiers

from biophys.argument_types import check_public
from biophys.quantal import QuantalSynapse
from brianpresyn.binomial_function import binomial
from brianpresyn.counter_random import bernoulli_draw, binomial_draw, shared_binomial_draw, uniform_draw
from brianpresyn.domains import (
    AMPLITUDE,
    N_SITES,
    PROBABILITY,
    Domain,
    check_expression,
    check_name,
    checked_time,
    dimension_of,
    unit_text,
)
from brianpresyn.quantities_bridge import to_brian
from brianpresyn.synapse_code import RELEASE_TARGET, Stage, SynapseCode

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

    Raises ValueError if p is outside 0..1, or not exactly one amplitude is given.

    Parameters
    ----------
    p : release probability, 0..1: a number, one value per synapse, or a Brian2 expression as text
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
    shared : whether all synapses have the same p: one number in memory instead of one per synapse

    Returns
    -------
    SynapseCode
        With variables p and q (or strength), and the hidden draw_number; its code sets ``released``.

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
    draw = "bernoulli_draw(release_key, draw_number, p)" if draws == "counter" else "int(rand() < p)"
    return _release("bernoulli_release", {"p": p}, amplitude, draw, target, shared)


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

    Raises ValueError if p is outside 0..1, n is no whole number, or not exactly one amplitude is given.

    Parameters
    ----------
    n : number of release sites, a whole number, given as p is
    p, target, draws : as in :func:`bernoulli_release`; p is that of each site
    q, all_sites, mean
        Amplitude, exactly one of the three: of one quantum, of all sites together, or averaged over
        failures. Unit as in :func:`bernoulli_release`.
    shared : whether all synapses have the same n and p

    Returns
    -------
    SynapseCode
        As that of :func:`bernoulli_release`, with the variable n.

    Examples
    --------
    >>> from brian2 import nS
    >>> print(binomial_release(n=5, p=0.7, all_sites=2*nS, target="g").pre_code)
    draw_number += 1
    released = binomial_draw(release_key, draw_number, n, p)
    g_post += released*q
    """
    amplitude = amplitude_model(n, p, {"q": q, "all_sites": all_sites, "mean": mean}, "n*p")
    counted = f"{'shared_' if shared else ''}binomial_draw(release_key, draw_number, n, p)"
    draw = counted if draws == "counter" else "binomial(n, p)"
    return _release("binomial_release", {"n": n, "p": p}, amplitude, draw, target, shared)


def quantal_release(
    synapse: QuantalSynapse, *, target: str | None = "v", draws: Draws = "counter"
) -> SynapseCode:
    """Return the binomial release of a :class:`biophys.quantal.QuantalSynapse`.

    Parameters
    ----------
    synapse : one synapse for all, or an array of synapses with one entry per Brian2 synapse
    target, draws : as in :func:`bernoulli_release`

    Examples
    --------
    >>> import quantities as pq
    >>> quantal_release(QuantalSynapse(n=5, p=0.3, q=0.2*pq.mV)).initial["q"]
    200. * uvolt
    """
    n, p = np.asarray(synapse.n), np.asarray(synapse.p)
    return binomial_release(n=n, p=p, q=to_brian(synapse.q), target=target, draws=draws)


def release_counters() -> SynapseCode:
    """Return counters of what each synapse did; they may be set to 0 at any time.

    Returns
    -------
    SynapseCode
        With n_spikes (presynaptic), n_vesicles (released) and n_failures (spikes that released nothing).

    Examples
    --------
    >>> print(release_counters().pre_code)
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
    parameters: dict[str, Any],
    amplitude: tuple[str, dict[str, Any]],
    draw: str,
    target: str | None,
    shared: bool,
) -> SynapseCode:
    names, flag = get_identifiers(draw), " (shared)" if shared else ""
    is_counted = "release_key" in names
    lines = [f"{variable} : {'integer' if variable == 'n' else '1'}{flag}" for variable in parameters]
    key = "draw_number : integer\nrelease_key : integer (shared, constant)" if is_counted else ""
    return SynapseCode(
        name,
        model="\n".join([*lines, amplitude[0], key]),
        on_pre={
            Stage.COUNT: "draw_number += 1" if is_counted else "",
            Stage.RELEASE: f"released = {draw}",
            Stage.TRANSMIT: transmission(target, "released*q"),
        },
        namespace={function: _DRAWS[function] for function in names & _DRAWS.keys()},
        initial={**parameters, **amplitude[1]},
        domains=release_domains([*parameters, *amplitude[1]]),
        streams={"release_key": "release"} if is_counted else {},
        acts_on={} if target is None else {target: "q"},
    )


_DRAWS = {
    "bernoulli_draw": bernoulli_draw,
    "binomial_draw": binomial_draw,
    "shared_binomial_draw": shared_binomial_draw,
    "binomial": binomial,
}


def release_domains(parameters: Iterable[str]) -> dict[str, Domain]:
    """Return the values that the parameters of a release model may take."""
    domains = {"p": PROBABILITY, "n": N_SITES, "q": AMPLITUDE, "strength": AMPLITUDE}
    return {name: domains[name] for name in parameters}


def transmission(target: str | None, amount: str) -> str:
    """Return the statement that moves a target by an amount, none without a target."""
    if target is None:
        return ""
    check_name(target, "target")
    return f"{target.removesuffix('_post')}_post += {amount}"


def amplitude_model(
    n: Any, p: Any, amplitudes: dict[str, Any], per_quantum: str
) -> tuple[str, dict[str, Any]]:
    """Return the equations of the amplitude and its initial value; exactly one of the amplitudes is not None.

    A mean is kept as such, and the quantum, divided by `per_quantum`, follows from it, so that it stays the
    mean when p moves. Where nothing can be released the quantum is of no consequence, but must be finite.
    """
    given = {name: value for name, value in amplitudes.items() if value is not None}
    if len(given) != 1:
        problem = f"state what the amplitude means by giving exactly one of {', '.join(amplitudes)}"
        raise ValueError(f"{problem}; got {', '.join(given) or 'none'}")
    ((meaning, value),) = given.items()
    amplitude = checked_amplitude(value, meaning)
    N_SITES.check("n", n)
    PROBABILITY.check("p", p)
    unit = unit_text(_dimensions(amplitude, meaning))
    if meaning == "mean":
        if not isinstance(p, str) and np.any(np.asarray(p) == 0):
            raise ValueError(f"mean={amplitude} cannot be reached with p = 0; give q instead")
        quantum = f"strength/({per_quantum} + int({per_quantum} < 1e-100))"
        return f"strength : {unit}\nq = {quantum} : {unit}", {"strength": amplitude}
    if meaning == "all_sites" and isinstance(amplitude, str):
        amplitude = f"({amplitude})/clip(n, 1, inf)"
    elif meaning == "all_sites":
        if isinstance(n, str):
            raise TypeError(f"{meaning} needs n as numbers, to divide by them; give q instead")
        # A synapse without sites releases nothing, whatever its quantum.
        amplitude = amplitude / np.maximum(n, 1)
    return f"q : {unit}", {"q": amplitude}


def checked_amplitude(value: Any, meaning: str) -> Any:
    """Return an amplitude as a Brian2 quantity, plain numbers where it has no unit, or as text."""
    if isinstance(value, str):
        _dimensions(check_expression(value, meaning), meaning)
        return value
    value = to_brian(value) if isinstance(value, pq.Quantity) else value
    dimension_of(value, meaning, "0.1*mV")
    return Quantity(value) if isinstance(value, list | tuple) else value


def _dimensions(amplitude: Any, meaning: str) -> Dimension:
    """Return the dimension of an amplitude; of text, that of its units."""
    if not isinstance(amplitude, str):
        return get_dimensions(amplitude)
    known = {**DEFAULT_UNITS, **DEFAULT_FUNCTIONS, **DEFAULT_CONSTANTS}
    variables = {**known, **{name: Constant(name, 1) for name in ("i", "j", "n", "p")}}
    unknown = get_identifiers(amplitude) - variables.keys()
    if unknown:
        reason = f"since {', '.join(sorted(unknown))} is known to a synapse only"
        remedy = "give a value with the unit, such as q=0*mV, and set the variable later"
        raise ValueError(f"the unit of {meaning}={amplitude!r} cannot be told, {reason}: {remedy}")
    return parse_expression_dimensions(amplitude, variables)


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


check_public(__name__)
