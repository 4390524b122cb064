"""Where the update signal of a plastic synapse comes from: spikes, a teacher, or a reward.

A signal says *when* a synapse is updated (at presynaptic spikes, at postsynaptic spikes, or at regular times)
and *how much*: the value g that the learning rules of :mod:`brianpresyn.plasticity` read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from brian2 import ms
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, Quantity

from biophys.argument_types import check_public
from brianpresyn.domains import check_expression, checked_number, checked_time
from brianpresyn.synapse_code import FrozenMapping, Stage, SynapseCode

EVENTS = ("pre", "post", "regularly")


@dataclass(frozen=True)
class UpdateSignal:
    """The signal that updates a synapse.

    Raises ValueError if there is no expression, an event is unknown, or the interval is missing or not
    positive.

    Parameters
    ----------
    name : what it is, for messages
    expressions : by event (``"pre"``, ``"post"``, ``"regularly"``): the Brian2 expression of g at that event
    code
        The traces that the expressions read and how they move. What it does at an event runs after g is read.
    dimension, every : dimension of g, and the interval of the regular updates
    """

    name: str
    expressions: Mapping[str, str]
    code: SynapseCode = field(default_factory=lambda: SynapseCode("nothing"))
    dimension: Dimension = DIMENSIONLESS
    every: Quantity | None = None

    def __post_init__(self) -> None:
        unknown = [event for event in self.expressions if event not in EVENTS]
        if unknown or not self.expressions:
            problem = f"expressions of {self.name} must give a value at one or more of {', '.join(EVENTS)}"
            raise ValueError(f"{problem}, got {', '.join(unknown) or 'none'}")
        if ("regularly" in self.expressions) != (self.every is not None):
            raise ValueError(f"{self.name}: regular updates need every=..., an interval such as 20*ms")
        if self.every is not None:
            checked_time(self.every, "every")
        for event, expression in self.expressions.items():
            check_expression(expression, f"{self.name} ({event})")
        object.__setattr__(self, "expressions", FrozenMapping(self.expressions))


def given_signal(
    expression: str,
    *,
    at: Literal["pre", "post", "regularly"] = "pre",
    namespace: Mapping[str, Any] | None = None,
    every: Quantity | None = None,
    dimension: Dimension = DIMENSIONLESS,
) -> UpdateSignal:
    """Return a signal of one's own.

    Parameters
    ----------
    expression : Brian2 expression of g; it may use variables of the synapse and of both neurons
    at, every : ``"pre"``, ``"post"``, or ``"regularly"`` with the interval between updates
    namespace : functions and constants that it uses, for example a TimedArray
    dimension : dimension of g; `release_plasticity` then takes a `g_lim` of this dimension

    Examples
    --------
    >>> from brian2 import volt
    >>> given_signal("v_post - v_rest", at="post", dimension=volt.dim).expressions["post"]
    'v_post - v_rest'
    """
    check_expression(expression, "expression")
    code = SynapseCode("given_signal", namespace=namespace or {})
    return UpdateSignal("given_signal", {at: expression}, code, dimension, every)


def pair_stdp(
    *,
    a_plus: float = 0.01,
    a_minus: float = 0.0105,
    tau_plus: Quantity = 20 * ms,
    tau_minus: Quantity = 20 * ms,
) -> UpdateSignal:
    r"""Return the update of pair-based spike-timing-dependent plasticity (all pairs).

    .. math:: g = A_+ r \text{ at a postsynaptic spike}, \qquad g = -A_- o \text{ at a presynaptic one},

    where r and o are traces of pre- and postsynaptic spikes: +1 at each, decaying with tau_plus, tau_minus.

    Parameters
    ----------
    a_plus, a_minus : amplitudes, without unit
    tau_plus, tau_minus : time constants of the traces

    References
    ----------
    Song S, Miller KD, Abbott LF (2000). Nat Neurosci 3:919-926, doi:10.1038/78829.

    Examples
    --------
    >>> pair_stdp().expressions["post"]
    'a_plus*r_trace'
    """
    code = SynapseCode(
        "pair_stdp",
        model="""dr_trace/dt = -r_trace/tau_plus : 1 (event-driven)
                 do_trace/dt = -o_trace/tau_minus : 1 (event-driven)""",
        on_pre={Stage.ACCOUNT: "r_trace += 1"},
        on_post={Stage.ACCOUNT: "o_trace += 1"},
        namespace={
            "a_plus": checked_number(a_plus, "a_plus"),
            "a_minus": checked_number(a_minus, "a_minus"),
            "tau_plus": checked_time(tau_plus, "tau_plus"),
            "tau_minus": checked_time(tau_minus, "tau_minus"),
        },
    )
    return UpdateSignal("pair_stdp", {"pre": "-a_minus*o_trace", "post": "a_plus*r_trace"}, code)


def triplet_stdp(
    *,
    a2_plus: float = 5e-10,
    a3_plus: float = 6.2e-3,
    a2_minus: float = 7e-3,
    a3_minus: float = 2.3e-4,
    tau_plus: Quantity = 16.8 * ms,
    tau_minus: Quantity = 33.7 * ms,
    tau_x: Quantity = 101 * ms,
    tau_y: Quantity = 125 * ms,
) -> UpdateSignal:
    r"""Return the update of triplet spike-timing-dependent plasticity (all-to-all).

    .. math:: g = r_1 (A_2^+ + A_3^+ o_2) \text{ at a postsynaptic spike}, \qquad
        g = -o_1 (A_2^- + A_3^- r_2) \text{ at a presynaptic one},

    the slow traces r2 and o2 being read just before the spike is added to them.

    Parameters
    ----------
    a2_plus, a3_plus, a2_minus, a3_minus
        Amplitudes of pairs and triplets; defaults: visual cortex, all-to-all, full model.
    tau_plus, tau_minus, tau_x, tau_y : time constants of r1, o1, r2, o2

    References
    ----------
    Pfister JP, Gerstner W (2006). "Triplets of spikes in a model of spike timing-dependent plasticity".
    J Neurosci 26:9673-9682, eq. 2-4 and table 3, doi:10.1523/JNEUROSCI.1425-06.2006.

    Examples
    --------
    >>> triplet_stdp().expressions["post"]
    'r_trace*(a2_plus + a3_plus*o_slow)'
    """
    amplitudes = {"a2_plus": a2_plus, "a3_plus": a3_plus, "a2_minus": a2_minus, "a3_minus": a3_minus}
    times = {"tau_plus": tau_plus, "tau_minus": tau_minus, "tau_x": tau_x, "tau_y": tau_y}
    code = SynapseCode(
        "triplet_stdp",
        model="""dr_trace/dt = -r_trace/tau_plus : 1 (event-driven)
                 do_trace/dt = -o_trace/tau_minus : 1 (event-driven)
                 dr_slow/dt = -r_slow/tau_x : 1 (event-driven)
                 do_slow/dt = -o_slow/tau_y : 1 (event-driven)""",
        on_pre={Stage.ACCOUNT: "r_trace += 1\nr_slow += 1"},
        on_post={Stage.ACCOUNT: "o_trace += 1\no_slow += 1"},
        namespace={
            **{name: checked_number(value, name) for name, value in amplitudes.items()},
            **{name: checked_time(value, name) for name, value in times.items()},
        },
    )
    expressions = {
        "pre": "-o_trace*(a2_minus + a3_minus*r_slow)",
        "post": "r_trace*(a2_plus + a3_plus*o_slow)",
    }
    return UpdateSignal("triplet_stdp", expressions, code)


def reward_modulated(
    reward: str,
    *,
    every: Quantity,
    tau_eligibility: Quantity = 500 * ms,
    a_plus: float = 0.01,
    a_minus: float = 0.0105,
    tau_plus: Quantity = 20 * ms,
    tau_minus: Quantity = 20 * ms,
) -> UpdateSignal:
    r"""Return reward times an eligibility trace of spike-timing-dependent plasticity.

    Pair STDP (:func:`pair_stdp`) moves an eligibility e that decays with tau_eligibility; at regular times
    :math:`g = R\, e`.

    Parameters
    ----------
    reward : Brian2 expression of the reward R, for example ``"reward_post"``
    every : interval of the updates
    tau_eligibility : time constant of the eligibility
    a_plus, a_minus, tau_plus, tau_minus : as in :func:`pair_stdp`

    References
    ----------
    Izhikevich EM (2007). Cereb Cortex 17:2443-2452, doi:10.1093/cercor/bhl152.

    Examples
    --------
    >>> reward_modulated("reward_post", every=20*ms).expressions["regularly"]
    '(reward_post)*eligibility*exp(-(t - lastupdate)/tau_eligibility)'
    """
    check_expression(reward, "reward")
    pairs = pair_stdp(a_plus=a_plus, a_minus=a_minus, tau_plus=tau_plus, tau_minus=tau_minus)
    eligibility = SynapseCode(
        "eligibility",
        model="deligibility/dt = -eligibility/tau_eligibility : 1 (event-driven)",
        on_pre={Stage.SIGNAL: f"eligibility += {pairs.expressions['pre']}"},
        on_post={Stage.SIGNAL: f"eligibility += {pairs.expressions['post']}"},
        namespace={"tau_eligibility": checked_time(tau_eligibility, "tau_eligibility")},
    )
    # Between spikes an event-driven variable holds its value of the last one.
    now = "eligibility*exp(-(t - lastupdate)/tau_eligibility)"
    code = pairs.code + eligibility
    return UpdateSignal("reward_modulated", {"regularly": f"({reward})*{now}"}, code, every=every)


def teacher_error(error: str, *, every: Quantity, dimension: Dimension = DIMENSIONLESS) -> UpdateSignal:
    """Return a teacher's error times the number of vesicles released since the last update.

    A synapse that released nothing has no part in the error: its update is 0.

    Parameters
    ----------
    error : Brian2 expression of the error at the end of a trial, for example ``"error_post"``
    every : duration of a trial
    dimension : dimension of the error

    References
    ----------
    Schug S, Benzing F, Steger A (2021). eLife 10:e69884, eq. 3, doi:10.7554/eLife.69884.

    Examples
    --------
    >>> teacher_error("error_post", every=20*ms).expressions["regularly"]
    '(error_post)*n_released'
    """
    check_expression(error, "error")
    code = SynapseCode(
        "teacher_error",
        model="n_released : 1",
        on_pre={Stage.ACCOUNT: "n_released += released"},
        regularly={Stage.ACCOUNT: "n_released = 0"},
        every=checked_time(every, "every"),
        requires=frozenset({"released"}),
    )
    expression = f"({error})*n_released"
    return UpdateSignal("teacher_error", {"regularly": expression}, code, dimension, every)


check_public(__name__)
