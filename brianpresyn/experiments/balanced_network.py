"""A balanced recurrent network whose excitatory synapses release with plastic probability.

Excitatory and inhibitory leaky neurons with exponential synaptic currents (Vogels & Abbott 2005). Synapses
between excitatory neurons release one vesicle with a probability that pair STDP moves, keep their expected
strength while it moves, and account for their energy.

References
----------
Vogels TP, Abbott LF (2005). "Signal propagation and logic gating in networks of integrate-and-fire neurons".
J Neurosci 25:10786-10795, doi:10.1523/JNEUROSCI.3508-05.2005.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Any

import numpy as np
import xarray as xr
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, ms, mV, second
from matplotlib.axes import Axes
from pydantic import Field

from biophys.palette import BLUE, VERMILION
from biophys.progress import Progress, ignore_progress
from biophys.release_plasticity import ReleasePlasticity
from biophys.settings import Count, NotNegative, OneOf, Positive, Seed, settings
from brianpresyn.checked_synapses import synapses
from brianpresyn.energy import energy_ledger, energy_report
from brianpresyn.plasticity import release_plasticity
from brianpresyn.release import bernoulli_release
from brianpresyn.targets import TARGETS, code_generation, numpy_while_building
from brianpresyn.update_signals import pair_stdp

_NEURON = """
dv/dt = (g_e + g_i - (v + 49*mV))/(20*ms) : volt (unless refractory)
dg_e/dt = -g_e/(5*ms) : volt (unless refractory)
dg_i/dt = -g_i/(10*ms) : volt (unless refractory)
"""


@settings
class Config:
    """Size of the network and its plasticity.

    Parameters
    ----------
    n_neurons, n_inputs
        Number of neurons, four fifths of them excitatory, and the mean number of inputs of each.
    duration : simulated time in seconds
    strength_e, strength_i : mean jump of the synaptic current per spike, in mV
    rule : plasticity of the release probability; its threshold is in units of the STDP signal
    target, seed : code generation target; seed of connections, initial values and releases
    """

    n_neurons: Annotated[int, Field(ge=10)] = 4000
    n_inputs: Count = 80
    duration: Positive = 5.0
    strength_e: NotNegative = 1.62
    strength_i: Annotated[float, Field(le=0)] = -9.0
    rule: ReleasePlasticity = field(
        default_factory=lambda: ReleasePlasticity(p_up=0.08, p_down=0.02, g_lim=0.002, form="soft_bound")
    )
    target: Annotated[str, OneOf(TARGETS)] = "cpp_standalone"
    seed: Seed = 2021

    def __post_init__(self) -> None:
        if self.n_inputs > self.n_neurons:
            raise ValueError(f"n_inputs must lie in 1..{self.n_neurons}, got {self.n_inputs}")


QUICK = Config(n_neurons=500, duration=1.0, target="numpy")

MAY_DIFFER = ("target", "seed")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    return config.n_neurons * config.n_inputs * config.duration


def run(config: Config, *, on_progress: Progress = ignore_progress) -> xr.Dataset:
    """Simulate and return spikes, release probabilities and energy.

    Returns
    -------
    xarray.Dataset
        ``spike_time`` (s) and ``spike_neuron`` of every spike, ``p`` and ``strength`` (mV; p q) of every
        plastic synapse at the end, and ``energy`` (J) by mechanism.
    """
    on_progress(0.0, "simulating")
    with code_generation(config.target):
        return _simulated(config)


def _simulated(config: Config) -> xr.Dataset:
    rng = np.random.default_rng(config.seed)
    n_e = config.n_neurons * 4 // 5
    with numpy_while_building():
        neurons = _neurons(config, rng)
        excitatory, inhibitory = neurons[:n_e], neurons[n_e:]
        # The signal's size decides alone, so its scale is that of one pairing.
        signal = pair_stdp(a_plus=0.01, a_minus=0.0105)
        code = bernoulli_release(config.rule.p_min, mean=config.strength_e * mV, target="g_e")
        code += release_plasticity(config.rule, signal, strength="strength")
        code += energy_ledger(code)
        options = {"connect": _pairs(config, n_e, n_e, rng), "seed": config.seed, "dt": 0.1 * ms}
        plastic = synapses(excitatory, None, code, name="plastic", **options)
        fixed = [
            _fixed(excitatory, inhibitory, "g_e", config.strength_e, config, rng),
            _fixed(inhibitory, neurons, "g_i", config.strength_i, config, rng),
        ]
        spikes = SpikeMonitor(neurons)
    Network(neurons, plastic, *fixed, spikes).run(config.duration * second)
    report = energy_report(plastic)
    p = np.array(plastic.p[:])
    return xr.Dataset(
        {
            "spike_time": ("spike", np.array(spikes.t / second)),
            "spike_neuron": ("spike", np.array(spikes.i)),
            "p": ("synapse", p),
            "strength": ("synapse", p * np.array(plastic.q[:] / mV)),
            "energy": ("mechanism", list(report.joules.values())),
        },
        coords={"mechanism": list(report.joules)},
        attrs={
            "n_neurons": config.n_neurons,
            "duration": config.duration,
            "p_start": config.rule.p_min,
            "n_vesicles": report.n_vesicles,
        },
    )


def _neurons(config: Config, rng: np.random.Generator) -> NeuronGroup:
    neurons = NeuronGroup(
        config.n_neurons,
        _NEURON,
        threshold="v > -50*mV",
        reset="v = -60*mV",
        refractory=5 * ms,
        method="exact",
        dt=0.1 * ms,
        name="neurons",
    )
    neurons.v = rng.uniform(-60, -50, config.n_neurons) * mV
    return neurons


def _pairs(config: Config, n_from: int, n_to: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return random pairs of neurons, each pair connected with the same probability."""
    is_connected = rng.random((n_from, n_to)) < config.n_inputs / config.n_neurons
    return dict(zip("ij", np.nonzero(is_connected), strict=True))


def _fixed(
    source: NeuronGroup,
    target: NeuronGroup,
    variable: str,
    strength: float,
    config: Config,
    rng: np.random.Generator,
) -> Synapses:
    fixed = Synapses(source, target, on_pre=f"{variable}_post += {strength}*mV", dt=0.1 * ms)
    fixed.connect(**_pairs(config, len(source), len(target), rng))
    return fixed


def plot(result: xr.Dataset, axes: Sequence[Axes]) -> None:
    """Draw a raster, the distribution of p, and the energy by mechanism, on three axes."""
    raster, probabilities, energy = axes
    raster.plot(result.spike_time, result.spike_neuron, ",", color="black")
    rate = result.sizes["spike"] / result.attrs["n_neurons"] / result.attrs["duration"]
    raster.set_title(f"{result.attrs['n_neurons']} neurons, {rate:.1f} Hz", fontsize=9)
    raster.set(xlabel="time (s)", ylabel="neuron")
    probabilities.hist(result.p, bins=40, color=VERMILION)
    probabilities.axvline(result.attrs["p_start"], color="black", linewidth=0.8, linestyle="--")
    probabilities.set(yscale="log", xlabel="release probability at the end", ylabel="synapses")
    energy.barh([str(name) for name in result.mechanism.to_numpy()], result.energy * 1e12, color=BLUE)
    energy.set_title(f"{result.attrs['n_vesicles']} vesicles", fontsize=9)
    energy.set(xscale="log", xlabel="energy (pJ)")


FIGURES = {"network": lambda result, figure: plot(result, figure.subplots(1, 3))}
