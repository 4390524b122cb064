"""Plastic release probability: the rule that lets important synapses become reliable.

A synapse whose update is large becomes more likely to release, any other becomes less likely:

    additive     p <- p +           (p_up if abs(g) >= g_lim else -p_down)
    soft bound   p <- p + (1 - p) * (p_up if abs(g) >= g_lim else -p_down)

after which p is clipped to [p_min, p_max]. Nothing happens to a synapse with p >= p_freeze. With
consolidation the learning rate of the synaptic strength is multiplied by (1 - p), p being the value before
the update.

The additive form is the published equation (Schug et al. 2021, equations 4 and 7). The soft bound is the
form in which the published experiments were run: with the published constants the additive form freezes far
more synapses.

`OddsPlasticity` is another rule, not of the paper: evidence is added to the odds of release.

References
----------
Schug S, Benzing F, Steger A (2021). Presynaptic stochasticity improves energy efficiency and helps
alleviate the stability-plasticity dilemma. eLife 10:e69884, equations 4, 5 and 7. doi:10.7554/eLife.69884
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from biophys.argument_types import NotNegative, OneOf, Positive, Share, check_kind, checked_types
from biophys.units import checked_finite, shown

FORMS = ("additive", "soft_bound")


PlasticityParameters: TypeAlias = Any
"""`ReleasePlasticity`, or what has its attributes: a batch of networks with different parameters brings
arrays that broadcast against p; `form`, `freezes` and `consolidation` are the same for all of a batch."""


@checked_types
@dataclass(frozen=True)
class ReleasePlasticity:
    """Parameters of the plastic release probability.

    Parameters
    ----------
    p_up, p_down : size of one step up and one step down, 0..1. Defaults: the energy experiment.
    g_lim : updates of at least this magnitude move p up; not negative, in the unit of the update signal
    p_min, p_max, p_freeze
        Bounds of p, 0 < p_min < p_max <= 1, of which p_min is also the initial value; value from which p
        stays for ever, by default infinity, which never freezes.
    form
        ``"additive"`` (the published equation) or ``"soft_bound"`` (steps shrink with 1 - p: the form of
        the published experiments).
    consolidation : whether the learning rate of the strength is multiplied by 1 - p

    Examples
    --------
    >>> rule = ReleasePlasticity(p_up=0.07, p_down=0.07, g_lim=0.001)
    >>> [round(updated_release_probability(0.5, update, rule), 3) for update in (0.01, 0.0)]
    [0.57, 0.43]
    """

    p_up: Share = 0.07
    p_down: Share = 0.07
    g_lim: NotNegative = 0.001
    p_min: float = 0.25
    p_max: float = 1.0
    p_freeze: float = math.inf
    form: Annotated[str, OneOf(FORMS)] = "additive"
    consolidation: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.p_min < self.p_max <= 1:
            raise ValueError(f"expected 0 < p_min < p_max <= 1, got p_min={self.p_min}, p_max={self.p_max}")
        if not self.p_freeze > self.p_min:
            raise ValueError(f"p_freeze must lie above p_min={self.p_min} (inf: never), got {self.p_freeze}")

    @property
    def freezes(self) -> bool:
        """Whether a synapse can reach the value at which p freezes.

        The soft bound approaches 1 without reaching it, so a threshold of 1 freezes nothing there.
        """
        return self.p_freeze < 1 or (self.p_freeze == 1 and self.form == "additive" and self.p_max == 1)


@checked_types
@dataclass(frozen=True)
class OddsPlasticity:
    r"""Parameters of a release probability whose odds count evidence (`rate_models.release_odds`).

    With r the odds of release over those of p_min, an update g of the strength w changes

    .. math::

        w \leftarrow w + \eta\, g / r, \qquad r \leftarrow r + p\, (g / g_{lim})^2 - (r - 1) / N

    where g counts what was released, divided by p; r is that of before in both. Bayes has
    :math:`\eta = 1 / g_{lim}^2 = s^2`, the variance that w has by the prior, if there is one site and g is
    minus the gradient of the loss by what it transmits.

    Parameters
    ----------
    g_lim
        Size of an update that is as much evidence, if release is certain, as the start stands for; positive,
        in the unit of the update signal.
    memory : N, updates that are remembered, at least 1; infinity forgets nothing
    clamp : in the step of w, g is cut to clamp g_lim sqrt(r) either way; positive, infinity cuts nothing
    p_min, p_max : release probability without evidence, and the largest, 0 < p_min < p_max < 1

    Examples
    --------
    >>> OddsPlasticity(g_lim=2.0, memory=1000.0).clamp
    inf
    """

    g_lim: Positive = 1.0
    memory: float = math.inf
    clamp: float = math.inf
    p_min: float = 0.75
    p_max: float = 0.99999

    def __post_init__(self) -> None:
        if not 0 < self.p_min < self.p_max < 1:
            raise ValueError(f"expected 0 < p_min < p_max < 1, got p_min={self.p_min}, p_max={self.p_max}")
        if not self.memory >= 1:
            raise ValueError(f"memory must be at least 1 update (inf forgets nothing), got {self.memory}")
        if not self.clamp > 0:
            raise ValueError(f"clamp must be positive (inf cuts nothing), got {self.clamp}")


def updated_release_probability(
    p: Any, update: Any, rule: PlasticityParameters, *, in_place: bool = False
) -> Any:
    """Return the release probability after one update signal, an array of the same kind and shape.

    Parameters
    ----------
    p : release probability, 0..1: a number, a numpy array or a torch tensor of any shape
    update
        The update signal g of the strength (a gradient, a perceptron update, a plasticity event), of the same
        kind, shape and precision as `p`.
    rule : the parameters; numbers, or arrays that broadcast against `p`
    in_place : whether a torch tensor `p` is itself changed and returned; `update` is then overwritten as well

    Examples
    --------
    >>> import numpy as np
    >>> rule = ReleasePlasticity(p_up=0.1, p_down=0.2, g_lim=1.0, p_freeze=0.9, form="soft_bound")
    >>> p = updated_release_probability(np.array([0.5, 0.5, 0.95]), np.array([2.0, 0.0, 2.0]), rule)
    >>> p.round(3).tolist()
    [0.55, 0.4, 0.95]
    """
    check_kind(in_place, bool, "in_place", "True")
    if not in_place:
        if not hasattr(rule, "p_up"):
            raise TypeError(f"rule must be such as ReleasePlasticity(), got {shown(rule)}")
        p, update = _checked(p, "p", 0.0, 1.0), _checked(update, "update")
    elif not hasattr(p, "lerp_"):
        raise TypeError(f"only a torch tensor p can be changed with in_place=True, got p={shown(p)}")
    # In place as far as an array allows it: every pass over memory costs.
    step = _reaches(update, rule.g_lim, in_place=in_place)
    step *= rule.p_up + rule.p_down
    step -= rule.p_down
    if rule.freezes:
        step *= 1 - _reaches(p, rule.p_freeze)
    if in_place:
        moved = p.lerp_(p.new_ones(()), step) if rule.form == "soft_bound" else p.add_(step)
        return moved.clip_(rule.p_min, rule.p_max)
    if hasattr(p, "lerp_"):
        # torch.func.vmap has no batched rules for these in place.
        moved = p.lerp(p.new_ones(()), step) if rule.form == "soft_bound" else p + step
    else:
        moved = p + step * (1 - p) if rule.form == "soft_bound" else p + step
    if hasattr(moved, "clip"):
        return moved.clip(rule.p_min, rule.p_max)
    return min(max(moved, rule.p_min), rule.p_max)


def _checked(values: Any, name: str, low: float = -math.inf, high: float = math.inf) -> Any:
    """Return numbers as they are if they are finite and within bounds; a list becomes an array."""
    if hasattr(values, "lerp_"):
        return values
    array = checked_finite(values, name, low, high)
    return values if hasattr(values, "clip") or array.ndim == 0 else array


def _reaches(signal: Any, limit: Any, *, in_place: bool = False) -> Any:
    """Return 1.0 where the magnitude of a signal is at least `limit`, else 0.0, in its precision.

    torch turns truth values into numbers slowly, and with a plain number in single precision whatever that of
    the rest; comparing in place keeps speed and precision, at the price of the argument.
    """
    if in_place:
        return signal.abs_().ge_(limit)
    reaches = abs(signal) >= limit
    return reaches.to(signal.dtype) if hasattr(signal, "lerp_") else 1.0 * reaches


def learning_rate_factor(p: Any, rule: PlasticityParameters) -> Any:
    """Return the factor on the learning rate of the strength: 1 - p with consolidation, otherwise 1.

    p, in 0..1, is that before the update. Schug et al. (2021), equation 5, doi:10.7554/eLife.69884.

    >>> learning_rate_factor(0.75, ReleasePlasticity(consolidation=True))
    0.25
    """
    return 1 - p if rule.consolidation else 1.0
