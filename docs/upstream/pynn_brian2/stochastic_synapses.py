"""PyNN's three stochastic synapses for its Brian2 backend, to go into pyNN/brian2/standardmodels/synapses.py.

``install()`` adds them to an unchanged ``pyNN.brian2``. The models are those of the NEURON and NEST backends:
release with probability p; the stochastic Tsodyks-Markram synapse of Fuhrmann et al. (2002), whose one
vesicle recovers with rate 1/tau_rec; and the quantal synapse, with n sites of which each releases weight/n.
Random numbers are those of Brian2.
"""

import numpy as np
import pyNN.brian2
from brian2 import ms, second
from pyNN.brian2.simulator import state
from pyNN.standardmodels import build_translations, synapses

# Sites that recover or release are counted by one draw each; u decays to 0 at once where tau_facil is 0.
FACILITATION = "u = U + u*(1 - U)*exp(-(t - t_last)/(tau_facil + 1e-12*second))\n"
SHORT_TERM_EQS = """weight : %(weight_units)s
    U : 1
    tau_rec : second
    tau_facil : second
    u : 1
    depleted : 1
    t_last : second"""


class StochasticSynapse:
    """What the three share: the unit of the weight and the least delay."""

    post = None
    initial_conditions = {}
    parameters = ()

    def __init__(self, **parameters):
        super().__init__(**parameters)
        times = {"delay", "tau_rec", "tau_facil"}
        names = ("weight", "delay", *self.parameters)
        self.translations = build_translations(
            *((name, name, ms) if name in times else (name, name) for name in names)
        )

    def _get_minimum_delay(self):
        return state.dt if state.min_delay == "auto" else state.min_delay

    def _set_target_type(self, weight_units):
        weight = self.translations["weight"]
        weight["forward_transform"] = lambda **P: P["weight"] * weight_units
        weight["reverse_transform"] = lambda **P: P["weight"] / weight_units


class SimpleStochasticSynapse(StochasticSynapse, synapses.SimpleStochasticSynapse):
    __doc__ = synapses.SimpleStochasticSynapse.__doc__
    parameters = ("p",)
    eqs = """weight : %(weight_units)s
             p : 1"""
    pre = "%(syn_var)s += weight*int(rand() < p)"


class StochasticTsodyksMarkramSynapse(
    StochasticSynapse, synapses.StochasticTsodyksMarkramSynapse
):
    __doc__ = synapses.StochasticTsodyksMarkramSynapse.__doc__
    parameters = ("U", "tau_rec", "tau_facil")
    eqs = SHORT_TERM_EQS
    initial_conditions = {"t_last": -1e6 * second}
    pre = (
        FACILITATION
        + """depleted = depleted*int(rand() < exp(-(t - t_last)/tau_rec))
             released = (1 - depleted)*int(rand() < u)
             depleted += released
             %(syn_var)s += weight*released
             t_last = t"""
    )


class MultiQuantalSynapse(StochasticSynapse, synapses.MultiQuantalSynapse):
    __doc__ = synapses.MultiQuantalSynapse.__doc__
    parameters = ("U", "n", "tau_rec", "tau_facil")
    eqs = SHORT_TERM_EQS + "\n    n : 1"
    initial_conditions = {"t_last": -1e6 * second}

    def __init__(self, **parameters):
        super().__init__(**parameters)
        n = parameters.get("n", self.default_parameters["n"])
        if not np.issubdtype(np.asarray(n).dtype, np.number):
            raise TypeError(
                f"n of MultiQuantalSynapse must be a number or an array, got {n!r}"
            )
        sites = range(int(np.max(n)))
        still = [f"int({k} < depleted)*int(rand() < p_stay)" for k in sites]
        release = [f"int({k} < n - depleted)*int(rand() < u)" for k in sites]
        self.pre = "\n".join(
            [
                FACILITATION + "p_stay = exp(-(t - t_last)/tau_rec)",
                "n_depleted = " + " + ".join(still),
                "depleted = n_depleted",
                "released = " + " + ".join(release),
                "depleted += released",
                "%(syn_var)s += weight*released/n",
                "t_last = t",
            ]
        )


def install():
    """Add the three to ``pyNN.brian2``."""
    for synapse in (
        SimpleStochasticSynapse,
        StochasticTsodyksMarkramSynapse,
        MultiQuantalSynapse,
    ):
        setattr(pyNN.brian2, synapse.__name__, synapse)
