r"""Plastic release probability, driven by any update signal.

At each update with signal g

.. math:: p \leftarrow p + s \times \begin{cases} p_{up} & |g| \ge g_{lim} \\ -p_{down} & \text{otherwise}
    \end{cases}

with s = 1 in the additive form (the published text) and s = 1 - p in the soft-bound form (the published
experiments), clipped to [p_min, p_max]; nothing moves once p has reached p_freeze. The expected strength p q
stays as it is: q is divided by what p is multiplied with (eq. 8). With another rule, `OddsPlasticity`,
evidence is added to the odds of release.

References
----------
Schug S, Benzing F, Steger A (2021). "Presynaptic stochasticity improves energy efficiency and helps alleviate
the stability-plasticity dilemma". eLife 10:e69884, eq. 4-9, doi:10.7554/eLife.69884.
"""

import math
from typing import Any, Literal

import numpy as np
from brian2.units.fundamentalunits import DimensionMismatchError, get_dimensions
from numpy.typing import ArrayLike, NDArray

from biophys.argument_types import checked_types
from biophys.release_plasticity import OddsPlasticity, ReleasePlasticity
from brianpresyn.counter_random import NamedFunction, cpp_text, cython_wrapper, on_all_targets
from brianpresyn.domains import PROBABILITY, check_expression, dimension_of, unit_in_words
from brianpresyn.synapse_code import Stage, SynapseCode
from brianpresyn.update_signals import UpdateSignal


def _reaches(x: ArrayLike, limit: ArrayLike) -> NDArray[np.float64]:
    return np.greater_equal(x, limit).astype(np.float64)


def _function(name: str, numpy_function: Any, arg_units: list[Any], return_unit: Any) -> NamedFunction:
    options = {"arg_units": arg_units, "arg_names": ["x", "low", "high"][: len(arg_units)]}
    function = NamedFunction(__name__, name, numpy_function, return_unit=return_unit, **options)
    cpp_code = cpp_text(name)
    declaration = f"double {name}({', '.join(['double'] * len(arg_units))})"
    return on_all_targets(function, cpp_code, cython_wrapper(cpp_code, declaration))


reaches = _function("reaches", _reaches, [None, "x"], 1)
"""``reaches(x, limit)``: 1 if x is at least the limit, else 0."""

bounded = _function("bounded", np.clip, [1, 1, 1], 1)
"""``bounded(x, low, high)``: x, or the bound beyond which it lies."""


@checked_types
def release_plasticity(
    rule: ReleasePlasticity | OddsPlasticity,
    signal: UpdateSignal,
    *,
    learning_rate: Any = None,
    strength: Literal["q", "strength"] = "q",
    keeps_strength: bool = True,
    g_lim: Any = None,
    enabled: str | None = None,
) -> SynapseCode:
    """Return plasticity of the release probability.

    Parameters
    ----------
    rule : the parameters, shared with the rate models. The synapse's p should start within p_min..p_max.
    signal : what drives it. For `OddsPlasticity` it must count what was released, divided by p.
    learning_rate
        If given, the strength learns too: p q grows by ``learning_rate * g``, times 1 - p if the rule
        consolidates, over r if it is an `OddsPlasticity`. Its unit is that of q over that of g.
    strength
        What holds the strength. ``"q"``: a release model given ``q=`` or ``all_sites=``; q is rescaled
        whenever p moves, so that p q stays (eq. 8). ``"strength"``: a release model given ``mean=``, whose
        mean stays by itself; this is the faster form.
    keeps_strength : False leaves q as it is when p moves (only with ``strength="q"``)
    g_lim : threshold of a signal with a unit; by default the rule's, a plain number
    enabled
        Brian2 expression that is 1 where the synapse learns and 0 where it is only used, for example in a
        test; by default it always learns.

    Returns
    -------
    SynapseCode
        It needs p (and q) from a release model and sets them.

    Raises
    ------
    TypeError : if there is no signal
    brian2.DimensionMismatchError : if the signal and its threshold differ in dimension

    Examples
    --------
    >>> from brianpresyn.update_signals import given_signal
    >>> rule = ReleasePlasticity(p_up=0.1, p_down=0.2, g_lim=0.5, form="soft_bound")
    >>> print(release_plasticity(rule, given_signal("error_post")))
    on_pre:
        g = error_post
        p_before = p
        p = bounded(p + (p_span*reaches(abs(g), g_lim) - p_down)*(1 - p), p_min, p_max)
        q *= p_before/p
    """
    threshold = rule.g_lim if g_lim is None else g_lim
    _check(rule, signal, threshold, learning_rate, enabled)
    learns = learning_rate is not None
    rescales = keeps_strength and strength == "q"
    lines = _statements(rule, strength if learns else None, rescales, enabled)
    blocks = {
        event: {Stage.SIGNAL: f"g = {expression}", Stage.LEARN: lines}
        for event, expression in signal.expressions.items()
    }
    needs = {"p", strength} if learns or rescales or strength == "strength" else {"p"}
    return signal.code + SynapseCode(
        "release_plasticity",
        on_pre=blocks.get("pre", {}),
        on_post=blocks.get("post", {}),
        regularly=blocks.get("regularly", {}),
        every=signal.every,
        namespace=_constants(rule, threshold, learning_rate),
        domains={"p": PROBABILITY},
        requires=frozenset(needs),
    )


def _check(
    rule: ReleasePlasticity | OddsPlasticity,
    signal: UpdateSignal,
    threshold: Any,
    learning_rate: Any,
    enabled: str | None,
) -> None:
    """Raise if a number is none, or the signal and its threshold differ in unit."""
    if dimension_of(threshold, "g_lim", "0.5") is not signal.dimension:
        wanted = f"the signal's unit ({unit_in_words(signal.dimension)})"
        problem = f"the threshold g_lim of {signal.name} must have {wanted}, got {threshold!r}"
        remedy = "change it, or give the signal its unit, such as dimension=volt.dim"
        raise DimensionMismatchError(f"{problem}: {remedy}", get_dimensions(threshold), signal.dimension)
    numbers, is_odds = np.asarray(threshold), isinstance(rule, OddsPlasticity)
    if not np.all(numbers > 0 if is_odds else numbers >= 0):
        raise ValueError(f"g_lim must {'be positive' if is_odds else 'not be negative'}, got {threshold!r}")
    if learning_rate is not None:
        dimension_of(learning_rate, "learning_rate", "0.1")
    if enabled is not None:
        check_expression(enabled, "enabled")


def _statements(
    rule: ReleasePlasticity | OddsPlasticity, learning: str | None, rescales_q: bool, enabled: str | None
) -> str:
    """Return the statements of one update; the strength learns with the p before it moves."""
    active = "" if enabled is None else f"*int({enabled})"
    parts = _evidence_added(rule, active) if isinstance(rule, OddsPlasticity) else _step_of_p(rule, active)
    lines, growth, p_after = parts
    if learning:
        lines.append(f"{learning} += {growth}{'/p' if learning == 'q' else ''}{active}")
    if rescales_q:
        lines.append("p_before = p")
    lines.append(f"p = bounded({p_after}, p_min, p_max)")
    if rescales_q:
        lines.append("q *= p_before/p")
    return "\n".join(lines)


def _step_of_p(rule: ReleasePlasticity, active: str) -> tuple[list[str], str, str]:
    """Return what comes first, the growth of the strength and the p to come of the published rule."""
    change = "(p_span*reaches(abs(g), g_lim) - p_down)"
    if rule.form == "soft_bound":
        change += "*(1 - p)"
    if rule.freezes:
        change += "*(1 - reaches(p, p_freeze))"
    growth = "learning_rate*(1 - p)*g" if rule.consolidation else "learning_rate*g"
    return [], growth, f"p + {change}{active}"


def _evidence_added(rule: OddsPlasticity, active: str) -> tuple[list[str], str, str]:
    """Return the same of the rule that adds evidence; r is `precision`."""
    step = "g/precision"
    if rule.clamp < math.inf:
        step = "g_lim*bounded(g/g_lim, -clamp*sqrt(precision), clamp*sqrt(precision))/precision"
    leak = " - (precision - 1)/memory" if rule.memory < math.inf else ""
    first = "precision = 1/(1/bounded(p, p_min, p_max) - 1)/odds_min"
    odds = f"odds = odds_min*(precision + (p*(g/g_lim)**2{leak}){active})"
    return [first, odds], f"learning_rate*{step}", "odds/(1 + odds)"


def _constants(
    rule: ReleasePlasticity | OddsPlasticity, threshold: Any, learning_rate: Any
) -> dict[str, Any]:
    constants: dict[str, Any] = {
        "bounded": bounded,
        "p_min": rule.p_min,
        "p_max": rule.p_max,
        "g_lim": threshold,
    }
    if isinstance(rule, OddsPlasticity):
        constants["odds_min"] = rule.p_min / (1 - rule.p_min)
        constants |= {
            name: getattr(rule, name) for name in ("memory", "clamp") if getattr(rule, name) < math.inf
        }
    else:
        constants |= {"reaches": reaches, "p_span": rule.p_up + rule.p_down, "p_down": rule.p_down}
        if rule.freezes:
            constants["p_freeze"] = rule.p_freeze
    if learning_rate is not None:
        constants["learning_rate"] = learning_rate
    return constants
