"""Release probability under given update signals: one signal per synapse and presynaptic spike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import Network, NeuronGroup, StateMonitor, TimedArray, ms, mV
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from numpy.typing import NDArray

from biophys.release_plasticity import FORMS, ReleasePlasticity
from brianpresyn.checked_synapses import synapses
from brianpresyn.plasticity import release_plasticity
from brianpresyn.release import bernoulli_release
from brianpresyn.targets import checked_target, code_generation, numpy_while_building
from brianpresyn.update_signals import given_signal


@dataclass(frozen=True)
class Config:
    """The rules, and how many random signals drive them.

    Parameters
    ----------
    target
        Code generation target.
    rules
        Parameters of the plasticity; each rule has synapses of its own, under the same signals.
    n_synapses, n_updates
        Synapses of each rule, and updates of each.
    seed
        Seed of the signals, which are standard normal.
    """

    target: str = "numpy"
    rules: tuple[ReleasePlasticity, ...] = tuple(ReleasePlasticity(g_lim=0.5, form=form) for form in FORMS)
    n_synapses: int = 100
    n_updates: int = 1000
    seed: int = 2021

    def __post_init__(self) -> None:
        checked_target(self.target)
        if not self.rules:
            raise ValueError("at least one rule is needed, got none")
        if self.n_synapses < 1 or self.n_updates < 1:
            raise ValueError(
                f"at least one synapse and update are needed, got {self.n_synapses} and {self.n_updates}"
            )


QUICK = Config(n_updates=300)


def signals_for(config: Config) -> NDArray[np.float64]:
    """Return the update signals; shape (update, synapse).

    Examples
    --------
    >>> signals_for(Config(n_synapses=3, n_updates=2)).shape
    (2, 3)
    """
    return np.random.default_rng(config.seed).normal(size=(config.n_updates, config.n_synapses))


def run(config: Config) -> NDArray[np.float64]:
    """Simulate and return the release probability after each update; shape (rule, update, synapse)."""
    with code_generation(config.target):
        return _trajectories(config)


def _trajectories(config: Config) -> NDArray[np.float64]:
    dt = 0.1 * ms
    plain = {"codeobj_class": NumpyCodeObject} if config.target == "cython" else {}
    every = np.arange(config.n_synapses)
    # A TimedArray takes the nearest entry where its dt is that of the clock, so entries fall on the spikes.
    signal = given_signal(
        "signal_of(t, i)", namespace={"signal_of": TimedArray(signals_for(config), dt=dt, name="signals")}
    )
    with numpy_while_building():
        source = NeuronGroup(config.n_synapses, "drive : 1", threshold="drive > 0.5", dt=dt, **plain)
        source.drive = 1
        target = NeuronGroup(config.n_synapses, "v : volt", dt=dt, **plain)
        connections = [
            synapses(
                source,
                target,
                bernoulli_release(p=rule.p_min, q=1 * mV) + release_plasticity(rule, signal),
                connect={"i": every, "j": every},
                seed=config.seed,
                name=f"rule_{number}",
            )
            for number, rule in enumerate(config.rules)
        ]
        monitors = [
            StateMonitor(connection, "p", record=every, when="end", dt=dt, **plain)
            for connection in connections
        ]
    Network(source, target, *connections, *monitors).run(config.n_updates * dt)
    return np.array([np.array(monitor.p).T for monitor in monitors])
