r"""Plastic release probability, driven by any update signal.

At each update with signal g

.. math:: p \leftarrow p + s \times \begin{cases} p_{up} & |g| \ge g_{lim} \\ -p_{down} & \text{otherwise}
    \end{cases}

with s = 1 in the additive form (the published text) and s = 1 - p in the soft-bound form (the published
experiments), clipped to [p_min, p_max]; nothing moves once p has reached p_freeze. The expected strength p q
stays as it is: q is divided by what p is multiplied with (eq. 8).

References
----------
Schug S, Benzing F, Steger A (2021). "Presynaptic stochasticity improves energy efficiency and helps alleviate
the stability-plasticity dilemma". eLife 10:e69884, eq. 4-9, doi:10.7554/eLife.69884.
"""

from __future__ import annotations

from typing import Any

from brian2.units.fundamentalunits import DIMENSIONLESS, DimensionMismatchError, get_dimensions

from biophys.release_plasticity import ReleasePlasticity
from brianpresyn.release import unit_text
from brianpresyn.synapse_code import PROBABILITY, Stage, SynapseCode
from brianpresyn.update_signals import UpdateSignal


def release_plasticity(
    rule: ReleasePlasticity,
    signal: UpdateSignal,
    *,
    learning_rate: Any = None,
    keeps_strength: bool = True,
    g_lim: Any = None,
    enabled: str | None = None,
) -> SynapseCode:
    """Return plasticity of the release probability.

    Parameters
    ----------
    rule
        The parameters, shared with the rate models. The synapse's p should start within p_min..p_max.
    signal
        What drives it.
    learning_rate
        If given, the strength learns too: p q grows by ``learning_rate * g``, times 1 - p if the rule
        consolidates. Its unit is that of q over that of g.
    keeps_strength
        Whether q is rescaled so that p q stays when p moves (eq. 8). Needs a release model with a q per
        synapse.
    g_lim
        Threshold of a signal with a unit; by default the rule's, a plain number.
    enabled
        Brian2 expression that is 1 where the synapse learns and 0 where it is only used, for example in a
        test; by default it always learns.

    Returns
    -------
    SynapseCode
        It needs p (and q) from a release model and sets them.

    Raises
    ------
    TypeError
        If there is no signal.
    brian2.DimensionMismatchError
        If the signal and its threshold differ in dimension.

    Examples
    --------
    >>> from brianpresyn.update_signals import given_signal
    >>> rule = ReleasePlasticity(p_up=0.1, p_down=0.2, g_lim=0.5, form="soft_bound")
    >>> print(release_plasticity(rule, given_signal("error_post")))
    on_pre:
        g = error_post
        p_before = p
        p = clip(p + (p_span*int(abs(g) >= g_lim) - p_down)*(1 - p), p_min, p_max)
        q *= p_before/p
    """
    if not isinstance(rule, ReleasePlasticity):
        raise TypeError(f"rule must be a biophys.ReleasePlasticity, got {rule!r}")
    if not isinstance(signal, UpdateSignal):
        raise TypeError(
            f"release plasticity needs a signal that drives it, such as pair_stdp() or "
            f"teacher_error('error_post', every=20*ms), got {signal!r}"
        )
    threshold = rule.g_lim if g_lim is None else g_lim
    if get_dimensions(threshold) is not signal.dimension:
        raise DimensionMismatchError(
            f"the threshold g_lim of {signal.name} must have the signal's unit "
            f"({_spelled(signal.dimension)}), got {threshold!r}: pass g_lim=... with that unit",
            get_dimensions(threshold),
            signal.dimension,
        )
    blocks = {
        event: _blocks(rule, text, learning_rate is not None, keeps_strength, enabled)
        for event, text in signal.expressions.items()
    }
    return signal.code + SynapseCode(
        "release_plasticity",
        on_pre=blocks.get("pre", {}),
        on_post=blocks.get("post", {}),
        regularly=blocks.get("regularly", {}),
        every=signal.every,
        namespace=_constants(rule, threshold, learning_rate),
        domains={"p": PROBABILITY},
        requires=frozenset({"p", "q"} if keeps_strength or learning_rate is not None else {"p"}),
    )


def _blocks(
    rule: ReleasePlasticity, expression: str, learns_strength: bool, keeps_strength: bool, enabled: str | None
) -> dict[Stage, str]:
    """Return the statements of one update; the strength learns with the p before it moves."""
    change = "(p_span*int(abs(g) >= g_lim) - p_down)"
    growth = "learning_rate*(1 - p)*g/p" if rule.consolidation else "learning_rate*g/p"
    if rule.form == "soft_bound":
        change += "*(1 - p)"
    if rule.freezes:
        change += "*int(p < p_freeze)"
    if enabled is not None:
        change, growth = f"{change}*int({enabled})", f"{growth}*int({enabled})"
    lines = [f"q += {growth}"] if learns_strength else []
    if keeps_strength:
        lines.append("p_before = p")
    lines.append(f"p = clip(p + {change}, p_min, p_max)")
    if keeps_strength:
        lines.append("q *= p_before/p")
    return {Stage.SIGNAL: f"g = {expression}", Stage.LEARN: "\n".join(lines)}


def _constants(rule: ReleasePlasticity, threshold: Any, learning_rate: Any) -> dict[str, Any]:
    constants = {
        "p_span": rule.p_up + rule.p_down,
        "p_down": rule.p_down,
        "p_min": rule.p_min,
        "p_max": rule.p_max,
        "g_lim": threshold,
    }
    if rule.freezes:
        constants["p_freeze"] = rule.p_freeze
    if learning_rate is not None:
        constants["learning_rate"] = learning_rate
    return constants


def _spelled(dimension: Any) -> str:
    return "no unit" if dimension is DIMENSIONLESS else unit_text(dimension)
