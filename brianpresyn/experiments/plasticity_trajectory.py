"""Release probability and strength under given update signals: one per synapse and presynaptic spike."""

from typing import Annotated, Any

import numpy as np
import xarray as xr
from brian2 import Network, NeuronGroup, NumpyCodeObject, StateMonitor, TimedArray, ms
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import Field, InstanceOf

from biophys.estimates import Estimate, exactly
from biophys.palette import BLUE, GREEN, ORANGE, VERMILION
from biophys.progress import Progress, ignore_progress
from biophys.release_plasticity import FORMS, OddsPlasticity, ReleasePlasticity, updated_release_probability
from biophys.settings import Count, NotNegative, OneOf, Seed, settings
from brianpresyn.checked_synapses import synapses
from brianpresyn.plasticity import release_plasticity
from brianpresyn.release import bernoulli_release
from brianpresyn.targets import TARGETS, code_generation, numpy_while_building
from brianpresyn.update_signals import given_signal


@settings
class Config:
    """The rules, and how many random signals drive them.

    Parameters
    ----------
    target : code generation target
    rules
        Parameters of the plasticity; each rule has synapses of its own, under the same signals. An
        `OddsPlasticity` meets them where there is a release, divided by p.
    learning_rate : rate at which the strength, 1 at first, learns; 0 leaves it as it is
    n_synapses, n_updates : synapses of each rule, and updates of each
    seed : seed of the signals, which are standard normal
    """

    target: Annotated[str, OneOf(TARGETS)] = "numpy"
    rules: Annotated[
        tuple[InstanceOf[ReleasePlasticity] | InstanceOf[OddsPlasticity], ...], Field(min_length=1)
    ] = tuple(ReleasePlasticity(g_lim=0.5, form=form) for form in FORMS)
    learning_rate: NotNegative = 0.0
    n_synapses: Count = 100
    n_updates: Count = 1000
    seed: Seed = 2021


QUICK = Config(n_updates=300)

NAMES = ("p", "strength", "released")

MAY_DIFFER = ("target", "n_synapses", "n_updates", "seed")


def signals_for(config: Config) -> NDArray[np.float64]:
    """Return the update signals; shape (update, synapse)."""
    return np.random.default_rng(config.seed).normal(size=(config.n_updates, config.n_synapses))


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    return len(config.rules) * config.n_synapses * config.n_updates


def run(config: Config, *, on_progress: Progress = ignore_progress) -> xr.Dataset:
    """Simulate and return, after each update, ``p`` and ``strength``, and what was ``released`` before it.

    Dimensions are (rule, update, synapse).
    """
    on_progress(0.0, "simulating")
    with code_generation(config.target):
        values = _trajectories(config)
    return xr.Dataset({name: (("rule", "update", "synapse"), each) for name, each in values.items()})


def draw_trajectories(result: xr.Dataset, figure: Figure) -> None:
    """Draw the release probability of the first synapse of every rule after each update."""
    axes = figure.subplots()
    for rule, colour in zip(range(result.sizes["rule"]), (BLUE, VERMILION), strict=False):
        axes.plot(result.p.isel(rule=rule, synapse=0), color=colour, label=f"rule {rule + 1}")
    axes.set(xlabel="update", ylabel="release probability of one synapse")
    axes.legend()


def in_numbers(p: Any, signals: Any, rule: ReleasePlasticity) -> NDArray[np.float64]:
    """Return p after each signal, (update, synapse), by the rule alone, in numpy or torch."""
    trajectory = []
    for signal in signals:
        p = updated_release_probability(p, signal, rule)
        trajectory.append(np.asarray(p).copy())
    return np.array(trajectory)


def largest_difference(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Estimate:
    """Return how far apart two trajectories are where they are farthest."""
    return exactly(np.max(np.abs(ours - theirs)), n=theirs.size, unit="updates")


def draw_beside_numbers(figure: Figure, expected: NDArray[np.float64], measured: NDArray[np.float64]) -> None:
    """Draw release probability of three synapses under the same standard normal signals and both forms of the
    rule; lines: numpy, dots: Brian2 (numpy target) every tenth update.
    """
    updates = np.arange(0, measured.shape[1], 10)
    panels = figure.subplots(1, 2, sharey=True)
    for number, axes in enumerate(panels):
        for synapse, colour in enumerate((BLUE, ORANGE, GREEN)):
            axes.plot(expected[number, :, synapse], color=colour, linewidth=1)
            axes.plot(updates, measured[number, updates, synapse], ".", color=colour, markersize=4)
        axes.set_title(FORMS[number].replace("_", " "), fontsize=9)
        axes.set_xlabel("update")
    panels[0].set_ylabel("release probability p")


FIGURES = {"trajectories": draw_trajectories}


def _trajectories(config: Config) -> dict[str, NDArray[np.float64]]:
    dt = 0.1 * ms
    plain = {"codeobj_class": NumpyCodeObject} if config.target == "cython" else {}
    every = np.arange(config.n_synapses)
    # A TimedArray takes the nearest entry where its dt is that of the clock, so entries fall on the spikes.
    signals = {"signal_of": TimedArray(signals_for(config), dt=dt, name="signals")}
    with numpy_while_building():
        source = NeuronGroup(config.n_synapses, "drive : 1", threshold="drive > 0.5", dt=dt, **plain)
        source.drive = 1
        target = NeuronGroup(config.n_synapses, "v : 1", dt=dt, **plain)
        connections = [
            synapses(
                source,
                target,
                bernoulli_release(p=rule.p_min, mean=1.0).recordable(released="integer")
                + release_plasticity(
                    rule,
                    given_signal(_signal(rule), namespace=signals),
                    strength="strength",
                    learning_rate=config.learning_rate or None,
                ),
                connect={"i": every, "j": every},
                seed=config.seed,
                name=f"rule_{number}",
            )
            for number, rule in enumerate(config.rules)
        ]
        monitors = [
            StateMonitor(connection, NAMES, record=every, when="end", dt=dt, **plain)
            for connection in connections
        ]
    Network(source, target, *connections, *monitors).run(config.n_updates * dt)
    return {name: np.array([np.array(getattr(monitor, name)).T for monitor in monitors]) for name in NAMES}


def _signal(rule: ReleasePlasticity | OddsPlasticity) -> str:
    return "signal_of(t, i)" + "*released/p" * isinstance(rule, OddsPlasticity)
