"""A right value of every public argument of brianpresyn, for `tests.fuzz`."""

import functools

import numpy as np
import quantities as pq
from brian2 import NeuronGroup, ms, mV

from biophys import QuantalSynapse, ReleasePlasticity, fit_release
from brianpresyn import (
    Domain,
    EnergyReport,
    SpikingRun,
    SynapseCode,
    bernoulli_release,
    energy_ledger,
    energy_report,
    pair_stdp,
    synapses,
)


@functools.cache
def cells() -> NeuronGroup:
    return NeuronGroup(2, "v : volt\nerror : 1\nreward : 1", threshold="True", reset="", name="fuzzed")


def _code() -> SynapseCode:
    return bernoulli_release(0.5, q=0.2 * mV)


@functools.cache
def _connection():
    code = _code()
    return synapses(cells(), cells(), code + energy_ledger(code), connect=True, seed=1, name="connected")


@functools.cache
def _fit():
    responses = QuantalSynapse(5, 0.4, 0.2 * pq.mV).sample(60, rng=np.random.default_rng(1))
    return fit_release(responses, noise=0.05 * pq.mV, n=5)


def _built(p: float = 0.5) -> SpikingRun:
    return SpikingRun(run=lambda: None, measure=lambda: {"measured": p})


EXAMPLES = {
    "a2_minus": lambda: 7e-3,
    "at": lambda: "pre",
    "build": lambda: _built,
    "change": lambda: str.strip,
    "code": _code,
    "connect": lambda: True,
    "connection": _connection,
    "cv_within": lambda: 0.3,
    "distribution": lambda: "gamma",
    "duration": lambda: 1.0,
    "earlier": lambda: energy_report(_connection()),
    "event": lambda: "on_pre",
    "error": lambda: "error_post",
    "every": lambda: 20 * ms,
    "expression": lambda: "error_post",
    "expressions": lambda: {"pre": "error_post"},
    "executor": lambda: None,
    "grid": lambda: [{"p": 0.5}],
    "high": lambda: 1.0,
    "host": lambda: "nest",
    "is_integer": lambda: False,
    "joules": lambda: {"actin": 1e-15},
    "known": lambda: {"t"},
    "low": lambda: 0.0,
    "mean": lambda: None,
    "measure": lambda: dict,
    "n": lambda: 5,
    "name": lambda: "p",
    "n_spikes": lambda: 100,
    "n_synapses": lambda: 10,
    "n_vesicles": lambda: 25,
    "p": lambda: 0.5,
    "pathway": lambda: "pre",
    "purpose": lambda: "release",
    "q": lambda: 0.2 * mV,
    "q_0": lambda: 0.2 * mV,
    "quantity": lambda: 0.2 * mV,
    "rate": lambda: 0.1 / ms / 1000,
    "remedy": lambda: "give a probability",
    "reward": lambda: "reward_post",
    "rule": ReleasePlasticity,
    "run": lambda: dict,
    "seed": lambda: 1,
    "signal": pair_stdp,
    "source": cells,
    "synapse": lambda: QuantalSynapse(5, 0.3, 0.2 * pq.mV),
    "target": lambda: "v",
    "targets": lambda: ["numpy"],
    "tau_rec": lambda: 800 * ms,
    "unit": lambda: pq.mV,
    "U": lambda: 0.5,
    "values": lambda: 0.5,
    "weight": lambda: 0.2 * mV,
}

SPECIAL = {
    "fitted_release.fit": _fit,
    "StochasticTsodyksMarkramSynapse.tau_rec": lambda: 800.0,
    "MultiQuantalSynapse.tau_rec": lambda: 800.0,
    "SpikingRun.values": lambda: dict,
    "SynapseCode.depends_on.names": lambda: {"q"},
    # What is refused is called by the name that is given.
    "Domain.check.name": lambda: "values",
    "SynapseCode.name": lambda: "piece",
    "sweep_spikes.target": lambda: "cpp_standalone",
    "synapses.target": cells,
    "given_signal.every": lambda: None,
    "UpdateSignal.every": lambda: None,
    "SynapseCode.every": lambda: None,
    "synapses.name": lambda: None,
}

INSTANCES = {
    "EnergyReport": lambda: EnergyReport("s", {"actin": 1e-15}, 10, 100, 25, 1.0),
    "Domain": lambda: Domain(0, 1, "give a probability"),
    "SynapseCode": _code,
}

NOT_CALLED = {"Stage"}

_TEXT = ("text of a number", "text", "empty text")
# Whatever has a unit is compared with it where the target is known, and names where the synapses are built.
_AMPLITUDE = ("text of a number", "kilograms", "an array of kilograms", "kilograms of Brian2")
_EXPRESSION = ("text of a number", "text")

ALLOWED = {
    # The label of all responses where there are no conditions.
    "fitted_release.condition": ("empty text",),
    **dict.fromkeys(("q", "weight"), _AMPLITUDE),
    **dict.fromkeys(("p", "U", "enabled"), _EXPRESSION),
    "Domain.check.values": (*_EXPRESSION, "kilograms of Brian2"),
    **dict.fromkeys(("n", "rate", "tau_rec", "tau_facil", "tau_active", "target"), ("text",)),
    **dict.fromkeys(("synapses.name", "sweep_spikes.folder"), _TEXT),
    **dict.fromkeys(("namespace", "initial", "joules", "connect"), ("a dictionary",)),
    **dict.fromkeys(("depends_on.names", "known", "SynapseCode.depends_on.names"), ("a set",)),
    **dict.fromkeys(("q_0", "learning_rate"), ("kilograms of Brian2",)),
    "to_brian.quantity": (
        "kilograms of Brian2",
        "kilograms",
        "an array of kilograms",
        "nan with a unit",
        "an empty quantity",
    ),
    "Domain.low": ("-inf",),
    "Domain.high": ("inf",),
    # A record, and the difference of two.
    **dict.fromkeys(("EnergyReport.n_vesicles", "EnergyReport.duration"), ("inf", "-inf")),
}
