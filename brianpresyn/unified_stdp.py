r"""Spike-timing-dependent plasticity that is expressed pre- and postsynaptically: p and q both learn.

With a trace :math:`x_+` of presynaptic spikes and two traces :math:`y_+, y_-` of postsynaptic ones (+1 at
each spike, exponential decay), at a presynaptic spike

.. math:: \Delta p = \eta_p \left( d_+\, y_+ x_+ - d_-\, y_+ y_- \right)

and at a postsynaptic one

.. math:: \Delta q = \eta_q\, q_0\, c_+\, x_+ y_-,

every trace being read just before the spike is added to it. p stays in [p_min, p_max], q in [q_min, q_max].

References
----------
Costa RP, Froemke RC, Sjöström PJ, van Rossum MCW (2015). "Unified pre- and postsynaptic long-term plasticity
enables reliable and flexible learning of neural circuits". eLife 4:e09457, doi:10.7554/eLife.09457.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import ms

from biophys.argument_types import checked_types
from brianpresyn.domains import PROBABILITY, Domain, checked_number, checked_time, dimension_of, unit_text
from brianpresyn.synapse_code import Stage, SynapseCode


@checked_types
@dataclass(frozen=True, eq=False)
class PrePostSTDP:
    """Parameters of the rule; defaults: fitted by its authors to rat visual cortex.

    Raises TypeError or ValueError if an amplitude is not a number, a time constant not a positive time, or
    bounds are in disorder.

    Parameters
    ----------
    d_minus, d_plus, c_plus
        Amplitudes of presynaptic depression and potentiation, and of postsynaptic potentiation.
    tau_y_minus, tau_y_plus, tau_x_plus : time constants of the traces
    eta_p, eta_q : learning rates. 0.15 in the authors' network simulations; 1 for one train of a protocol
    p_min, p_max, q_min, q_max : bounds of p, and of q in units of q_0
    """

    d_minus: float = 0.1771
    d_plus: float = 0.1548
    c_plus: float = 0.0618
    tau_y_minus: Any = field(default_factory=lambda: 32.7 * ms)
    tau_y_plus: Any = field(default_factory=lambda: 230.2 * ms)
    tau_x_plus: Any = field(default_factory=lambda: 66.6 * ms)
    eta_p: float = 0.15
    eta_q: float = 0.15
    p_min: float = 0.0
    p_max: float = 1.0
    q_min: float = 0.0
    q_max: float = 2.0

    def __post_init__(self) -> None:
        for name in ("d_minus", "d_plus", "c_plus", "eta_p", "eta_q", "q_min", "q_max"):
            checked_number(getattr(self, name), name)
        for name in ("tau_y_minus", "tau_y_plus", "tau_x_plus"):
            checked_time(getattr(self, name), name)
        PROBABILITY.check("p_min", self.p_min)
        PROBABILITY.check("p_max", self.p_max)
        for low, high in (("p_min", "p_max"), ("q_min", "q_max")):
            bounds = getattr(self, low), getattr(self, high)
            if not bounds[0] < bounds[1]:
                raise ValueError(f"{low} must be below {high}, got {bounds[0]} and {bounds[1]}")


@checked_types
def pre_post_stdp(parameters: PrePostSTDP | None = None, *, q_0: Any) -> SynapseCode:
    """Return plasticity of p at presynaptic spikes and of q at postsynaptic ones.

    Parameters
    ----------
    parameters : of the rule; by default the published ones
    q_0 : scale of q, in its unit: one value, or one per synapse

    Returns
    -------
    SynapseCode
        It needs p and q from a release model.

    Examples
    --------
    >>> from brian2 import mV
    >>> code = pre_post_stdp(q_0=0.2*mV)
    >>> print(code.pre_code)
    p = clip(p + d_plus*y_plus*x_plus - d_minus*y_plus*y_minus, p_min, p_max)
    x_plus += 1
    >>> print(code.post_code)
    q = clip(q + c_plus*q_0*x_plus*y_minus, q_min*q_0, q_max*q_0)
    y_plus += 1
    y_minus += 1
    """
    rule = PrePostSTDP() if parameters is None else parameters
    unit = unit_text(dimension_of(q_0, "q_0", "0.2*mV"))
    if not np.all(np.asarray(q_0) > 0):
        raise ValueError(f"q_0 must be above 0 and have the unit of q, got {q_0!r}")
    return SynapseCode(
        "pre_post_stdp",
        model=f"""dx_plus/dt = -x_plus/tau_x_plus : 1 (event-driven)
                  dy_plus/dt = -y_plus/tau_y_plus : 1 (event-driven)
                  dy_minus/dt = -y_minus/tau_y_minus : 1 (event-driven)
                  q_0 : {unit}{" (shared, constant)" if np.ndim(q_0) == 0 else " (constant)"}""",
        on_pre={
            Stage.LEARN: "p = clip(p + d_plus*y_plus*x_plus - d_minus*y_plus*y_minus, p_min, p_max)",
            Stage.ACCOUNT: "x_plus += 1",
        },
        on_post={
            Stage.LEARN: "q = clip(q + c_plus*q_0*x_plus*y_minus, q_min*q_0, q_max*q_0)",
            Stage.ACCOUNT: "y_plus += 1\ny_minus += 1",
        },
        namespace={
            "d_plus": rule.eta_p * rule.d_plus,
            "d_minus": rule.eta_p * rule.d_minus,
            "c_plus": rule.eta_q * rule.c_plus,
            **{name: getattr(rule, name) for name in ("tau_x_plus", "tau_y_plus", "tau_y_minus")},
            **{name: getattr(rule, name) for name in ("p_min", "p_max", "q_min", "q_max")},
        },
        initial={"q_0": q_0},
        domains={
            "p": Domain(rule.p_min, rule.p_max, "give a value within the bounds of the rule", is_plain=True)
        },
        requires=frozenset({"p", "q"}),
    )
