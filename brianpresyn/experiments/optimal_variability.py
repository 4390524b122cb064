r"""A spiking neuron whose synapses choose how variable to be, each at the price of reliability.

A leaky neuron receives Poisson inputs of different rates. The noise of release moves its potential by
u = v - v̄ away from what the mean responses would give; its performance cost is
:math:`\langle u^2 \rangle / 2 \epsilon^2`, and every synapse pays :math:`(s / \sigma)^\rho / \rho` for its
standard deviation per release. A synapse keeps a trace e of its own noise, and the mean of u e is what it
adds to the variance of the potential: a local measure of the slope of the performance cost by log sigma.
Every epoch takes a step down the sum of both slopes,

.. math:: \Delta \log \sigma = \eta \left( 1 -
    \frac{\langle u e \rangle / \epsilon^2}{(s / \sigma)^\rho} \right),

and p and q follow at fixed n and mean: p = 1 / (1 + n cv^2). Nothing of the analytic optimum is used. Output
spikes are subtracted from v and v̄ alike.

References
----------
Malkin J, O'Donnell C, Houghton C, Aitchison L (2023), "Signatures of Bayesian inference emerge from energy
efficient synapses", eq. 26-29 and 54.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import xarray as xr
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, StateMonitor, ms, mV, second
from brian2 import seed as brian_seed
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray
from pydantic import Field

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.estimates import Estimate
from biophys.palette import BLACK
from biophys.precision_plots import plot_slopes_by_cost
from biophys.progress import Progress, ignore_progress
from biophys.settings import Count, OneOf, Positive, Positives, Seed, settings
from brianpresyn.checked_synapses import CheckedSynapses, synapses
from brianpresyn.release import binomial_release
from brianpresyn.synapse_code import Stage, SynapseCode
from brianpresyn.targets import TARGETS, code_generation, numpy_while_building


@settings
class Config:
    """The neuron, its inputs, and how long its synapses learn.

    Parameters
    ----------
    rho : exponents of the reliability cost; each has neurons of its own, on the same inputs
    rate_low, rate_high, n_inputs : rates of the inputs in Hz, evenly spread on a logarithmic scale
    n_neurons : neurons for each cost, every one with inputs of its own
    n_sites, mean : release sites and mean response (mV) of every synapse
    tau, epsilon, theta
        Time constant of the neuron (ms), scale of the performance cost (mV), and the potential (mV) that an
        output spike subtracts.
    sd_start
        Standard deviation (mV) of the responses at the start; s of each cost is such that it is the best for
        an input of the middle rate, so that all costs weigh alike.
    n_epochs, epoch, step
        Steps, time between them in seconds, and size eta of the first, which falls as 1/sqrt of the epoch.
        The last half of the epochs is averaged.
    target, seed : code generation target; seed of inputs and releases
    """

    rho: Positives = tuple(COST_EXPONENTS.values())
    rate_low: Positive = 1.0
    rate_high: Positive = 64.0
    n_inputs: Annotated[int, Field(ge=3)] = 24
    n_neurons: Count = 10
    n_sites: Count = 5
    mean: Positive = 0.5
    tau: Positive = 10.0
    epsilon: Positive = 1.0
    sd_start: Positive = 0.35
    n_epochs: Annotated[int, Field(ge=2)] = 100
    epoch: Positive = 100.0
    step: Positive = 0.5
    theta: Positive = 2.0
    target: Annotated[str, OneOf(TARGETS)] = "cpp_standalone"
    seed: Seed = 2021

    def __post_init__(self) -> None:
        if self.rate_low >= self.rate_high:
            problem = f"rates must rise from above 0 Hz, got {self.rate_low} and {self.rate_high}"
            raise ValueError(f"{problem}: a slope needs inputs of different rates")

    @property
    def rates(self) -> NDArray[np.float64]:
        """Rate of every input in Hz."""
        return np.geomspace(self.rate_low, self.rate_high, self.n_inputs)


QUICK = Config(rate_low=2.0, n_inputs=16, n_neurons=4, n_epochs=40, epoch=20.0)

MAY_DIFFER = ("n_neurons", "target", "seed")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    # Building the program in C++ takes most of a run in small.
    return 3e6 + len(config.rho) * config.n_neurons * config.n_inputs * config.n_epochs * config.epoch


def run(config: Config, *, on_progress: Progress = ignore_progress) -> xr.Dataset:
    """Let the synapses learn, and return how variable they are.

    Returns
    -------
    xarray.Dataset
        ``sd`` (mV; geometric mean over the last half of the epochs) by (rho, neuron, input), ``sd_by_epoch``
        (epoch, rho, input; geometric mean over neurons), ``rate`` of each input and ``output_rate`` of each
        neuron in Hz.
    """
    on_progress(0.0, "simulating")
    with code_generation(config.target):
        log_sd, spikes = _simulated(config)
    return _labelled(config, log_sd, spikes)


def _simulated(config: Config) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log sd after every epoch (epoch, rho, neuron, input), and the spikes of every neuron."""
    brian_seed(config.seed)
    n_lines = config.n_neurons * config.n_inputs
    with numpy_while_building():
        lines = PoissonGroup(n_lines, np.tile(config.rates, config.n_neurons) * Hz, dt=1 * ms, name="lines")
        neurons = _neurons(config)
        line = np.tile(np.arange(n_lines), len(config.rho))
        cost = np.repeat(np.arange(len(config.rho)), n_lines)
        connect = {"i": line, "j": cost * config.n_neurons + line // config.n_inputs}
        learning = _learning(config, lines, neurons, connect, cost)
        epoch = config.epoch * second
        monitor = StateMonitor(learning, "log_sd", record=True, dt=epoch, when="start", order=-10)
    Network(lines, neurons, learning, monitor).run(config.n_epochs * epoch + 1 * ms)
    shape = (len(config.rho), config.n_neurons, config.n_inputs)
    log_sd = np.array(monitor.log_sd).T[1:].reshape(-1, *shape)
    return log_sd, np.array(neurons.n_fired[:]).reshape(shape[:2])


def _neurons(config: Config) -> NeuronGroup:
    """Return neurons that carry the potential, and the potential without the noise of release."""
    return NeuronGroup(
        len(config.rho) * config.n_neurons,
        """dv/dt = -v/tau : volt
           dv_mean/dt = -v_mean/tau : volt
           noise = v - v_mean : volt
           n_fired : 1""",
        threshold="v > theta",
        reset="v -= theta\nv_mean -= theta\nn_fired += 1",
        method="exact",
        namespace={"tau": config.tau * ms, "theta": config.theta * mV},
        dt=1 * ms,
        name="neurons",
    )


def _learning(
    config: Config,
    lines: PoissonGroup,
    neurons: NeuronGroup,
    connect: dict[str, NDArray[np.int64]],
    cost: NDArray[np.int64],
) -> CheckedSynapses:
    """Return the synapses, with what they measure and how they learn."""
    rho = np.array(config.rho)
    # The performance cost's slope at sd_start for the middle rate. The square of what one release leaves,
    # summed over steps of 1 ms, is a little more than tau / 2.
    middle = np.sqrt(config.rate_low * config.rate_high)
    lasting = 1e-3 / (1 - np.exp(-2.0 / config.tau))
    slope = config.sd_start**2 * middle * lasting / config.epsilon**2
    scale = config.sd_start * slope ** (1 / rho)
    p = 1 / (1 + config.n_sites * (config.sd_start / config.mean) ** 2)
    code = binomial_release(config.n_sites, p, q=config.mean / (config.n_sites * p) * mV)
    code += _measured(config)
    options = {"name": "learning", "method": "exact", "dt": 1 * ms, "namespace": {"tau": config.tau * ms}}
    connection = synapses(lines, neurons, code, connect=connect, seed=config.seed, **options)
    for name, values in {"log_sd": np.log(config.sd_start), "rho": rho[cost], "s": scale[cost]}.items():
        setattr(connection, name, values)
    connection.run_regularly("added += noise_post*own_noise*dt", dt=1 * ms, when="end")
    # The first epoch begins before anything was measured.
    connection.run_regularly(
        f"""price = (s/exp(log_sd))**rho
            slope = added/({config.epoch}*second)/({config.epsilon}*mV)**2
            eta = {config.step}/sqrt(1 + t/({config.epoch}*second))
            log_sd += int(t > 0*ms)*eta*clip(1 - slope/price, -1, 1)
            p = 1/(1 + n*(exp(log_sd)/{config.mean})**2)
            q = {config.mean}*mV/(n*p)
            added = 0*volt**2*second""",
        dt=config.epoch * second,
        when="start",
    )
    return connection


def _measured(config: Config) -> SynapseCode:
    """Return the trace of a synapse's own noise, and what it adds to the variance of the potential."""
    return SynapseCode(
        "own noise",
        model="""down_noise/dt = -own_noise/tau : volt (clock-driven)
                 added : volt**2*second
                 log_sd : 1
                 rho : 1
                 s : 1""",
        on_pre={
            Stage.ACCOUNT: f"v_mean_post += {config.mean}*mV\nown_noise += released*q - {config.mean}*mV"
        },
        requires=frozenset({"released", "q"}),
    )


def _labelled(config: Config, log_sd: NDArray[np.float64], spikes: NDArray[np.float64]) -> xr.Dataset:
    settled = log_sd[config.n_epochs // 2 :].mean(axis=0)
    return xr.Dataset(
        {
            "sd": (("rho", "neuron", "input"), np.exp(settled)),
            "sd_by_epoch": (("epoch", "rho", "input"), np.exp(log_sd.mean(axis=2))),
            "output_rate": (("rho", "neuron"), spikes / (config.n_epochs * config.epoch)),
        },
        coords={"rho": list(config.rho), "rate": ("input", config.rates)},
        attrs={"tau": config.tau, "mean": config.mean, "n_sites": config.n_sites},
    )


def plot(result: xr.Dataset, axes: Axes, **style: Any) -> None:
    """Draw the learned variance against the input's rate for each cost, with the analytic slope."""
    colours = dict(zip(COST_EXPONENTS.values(), MECHANISM_COLOURS.values(), strict=True))
    rate = result.rate.to_numpy()
    for rho in result.rho.to_numpy():
        log_variance = 2 * np.log(result.sd.sel(rho=rho)).to_numpy()
        colour = colours.get(float(rho), BLACK)
        mean, slope = log_variance.mean(axis=0), -2 / (rho + 2)
        line = np.exp(mean.mean() + slope * (np.log(rate) - np.log(rate).mean()))
        axes.loglog(rate, np.exp(mean), "o", color=colour, markersize=4, **style)
        axes.loglog(rate, line, color=colour, linewidth=1, label=f"ρ = {rho:.3g}, slope {slope:.2f}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="presynaptic rate (Hz)", ylabel="variance per release (mV²)")
    axes.set_title(f"{result.sizes['neuron']} neurons a cost, geometric mean", fontsize=9)
    axes.legend(fontsize=7)


def draw_beside_rates(
    figure: Figure,
    result: xr.Dataset,
    slopes: Mapping[str, Mapping[str, Estimate]],
    recorded: Estimate | None,
) -> None:
    """Left: variance per release that the synapses of a spiking neuron settle on, against the rate of their
    input (dots), and lines of the analytic slope. Right: slope of log variance on log rate for each cost:
    analytic, in a rate unit and in the spiking neuron with 95 % intervals, and, where the recordings are at
    hand, the recorded slope with its interval (grey; variance at fixed mean, Ko et al. 2013).
    """
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
    plot(result, left)
    plot_slopes_by_cost(right, slopes, recorded)


FIGURES = {"variance": lambda result, figure: plot(result, figure.subplots())}
