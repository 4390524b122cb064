"""Pairing protocols on synapses whose p and q both learn (Sjöström et al. 2001, Costa et al. 2015).

Every connection is a spiking synapse of its own: it starts with a given release probability and quantal size,
receives one train of pre- and postsynaptic spikes at a frequency and a timing, and is read when all traces
have decayed.
"""

from dataclasses import field
from typing import Annotated, Any

import numpy as np
import xarray as xr
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, mV
from matplotlib.axes import Axes
from numpy.typing import NDArray
from pydantic import InstanceOf

from biophys.palette import BLUE, VERMILION
from biophys.progress import Progress, ignore_progress
from biophys.settings import Count, OneOf, Positives, Seed, Shares, settings
from brianpresyn.checked_synapses import synapses
from brianpresyn.release import bernoulli_release
from brianpresyn.targets import TARGETS, code_generation, numpy_while_building
from brianpresyn.unified_stdp import PrePostSTDP, pre_post_stdp

# Slower than this, the traces of one pairing are gone before the next.
_SLOWEST_TRAIN = 1.0


@settings
class Config:
    """The protocols, one for each connection, and the rule.

    Parameters
    ----------
    frequency, timing
        Pairing frequency in Hz, above 0; postsynaptic minus presynaptic spike time in ms, not 0.
    p, q : release probability and quantal size (mV) before
    n_pairs : pairings in a train; below 1 Hz a train is one pairing, as nothing remains of it at the next
    rule
        Parameters of the plasticity. The authors fitted the amplitudes to the change that a whole protocol
        leaves; with learning rates of 1 one train changes p and q by about as much as was recorded.
    target, seed : code generation target; seed of the releases, which the rule does not depend on
    """

    frequency: Positives = (0.1, 0.1, 10.0, 10.0, 20.0, 20.0, 40.0, 40.0, 50.0, 50.0)
    timing: tuple[float, ...] = (-10.0, 10.0) * 5
    p: Shares = (0.5,) * 10
    q: Positives = (0.2,) * 10
    n_pairs: Count = 5
    rule: InstanceOf[PrePostSTDP] = field(default_factory=lambda: PrePostSTDP(eta_p=1.0, eta_q=1.0))
    target: Annotated[str, OneOf(TARGETS)] = "numpy"
    seed: Seed = 2021

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in ("frequency", "timing", "p", "q")}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"every connection needs a frequency, timing, p and q, got {lengths}")
        if 0.0 in self.timing:
            raise ValueError("timing must be before or after the presynaptic spike, not 0 ms")


QUICK = Config()

MAY_DIFFER = ("target", "seed")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    return len(config.p) * config.n_pairs


def run(config: Config, *, on_progress: Progress = ignore_progress) -> xr.Dataset:
    """Simulate one train for every connection.

    Returns
    -------
    xarray.Dataset
        Along ``connection``: frequency (Hz), timing (ms), ``p_before``, ``p_after``, ``q_before``,
        ``q_after`` (mV).
    """
    on_progress(0.0, "simulating")
    with code_generation(config.target):
        p_after, q_after = _after(config)
    columns = {
        "frequency": config.frequency,
        "timing": config.timing,
        "p_before": config.p,
        "q_before": config.q,
        "p_after": p_after,
        "q_after": q_after,
    }
    return xr.Dataset({name: ("connection", np.asarray(values)) for name, values in columns.items()})


def spike_times(config: Config) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pre- and postsynaptic spike times in ms; shape (connection, pairing), nan where there is none.

    >>> pre, post = spike_times(Config((50.0,), (10.0,), (0.5,), (0.2,), n_pairs=2))
    >>> pre.tolist(), post.tolist()
    ([[20.0, 40.0]], [[30.0, 50.0]])
    """
    frequency, timing = np.array(config.frequency)[:, None], np.array(config.timing)[:, None]
    pairing = np.arange(config.n_pairs)
    pre = 20.0 + pairing * 1000.0 / frequency
    pre = np.where((frequency < _SLOWEST_TRAIN) & (pairing > 0), np.nan, pre)
    return pre, pre + timing


def _after(config: Config) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p and q (mV) of every connection after its train."""
    dt = 0.1 * ms
    pre, post = spike_times(config)
    with numpy_while_building():
        source = _generator(pre, dt)
        # The postsynaptic neuron spikes one step after the current that makes it spike.
        driver = _generator(post - 0.1, dt)
        driven = {"threshold": "is_driven > 0.5", "reset": "is_driven = 0"}
        target = NeuronGroup(len(config.p), "v : volt\nis_driven : 1", dt=dt, **driven)
        current = Synapses(driver, target, on_pre="is_driven_post = 1", dt=dt)
        connect = {each: np.arange(len(config.p)) for each in "ij"}
        current.connect(**connect)
        before = np.array(config.q) * mV
        code = bernoulli_release(np.array(config.p), q=before) + pre_post_stdp(config.rule, q_0=before)
        connection = synapses(source, target, code, connect=connect, seed=config.seed, dt=dt)
    network = Network(source, driver, target, current, connection)
    network.run((np.nanmax([pre, post]) + 1.0) * ms)
    return np.array(connection.p), np.array(connection.q / mV)


def _generator(times: NDArray[np.float64], dt: Any) -> SpikeGeneratorGroup:
    connection, pairing = np.nonzero(np.isfinite(times))
    return SpikeGeneratorGroup(times.shape[0], connection, times[connection, pairing] * ms, dt=dt)


def plot(result: xr.Dataset, axes: Axes, *, quantity: str = "p", **style: Any) -> None:
    """Draw the change of ``"p"``, or the relative change of ``"q"``, against the frequency, by timing."""
    change = result[f"{quantity}_after"] - result[f"{quantity}_before"]
    if quantity == "q":
        change = change / result.q_before
    for timing, colour in ((10.0, BLUE), (-10.0, VERMILION)):
        chosen = np.flatnonzero(result.timing.to_numpy() == timing)
        order = chosen[np.argsort(result.frequency.to_numpy()[chosen])]
        frequency, values = result.frequency.to_numpy()[order], change.to_numpy()[order]
        first, where = np.unique(frequency, return_index=True)
        options = {"color": colour, "markersize": 4, "label": f"{timing:+g} ms, rule", **style}
        axes.plot(first, values[where], "-o", **options)
    axes.axhline(0.0, color="black", linewidth=0.6)
    changed = "change of p" if quantity == "p" else "change of q / q before"
    axes.set(xlabel="pairing frequency (Hz)", ylabel=changed)


FIGURES = {"changes": lambda result, figure: plot(result, figure.subplots())}
