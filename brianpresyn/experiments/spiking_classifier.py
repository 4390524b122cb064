r"""A trained rectifying network that classifies images in spikes, over synapses that release or fail.

Every unit of the network, pixels included, becomes an integrate-and-fire neuron without leak,

.. math:: \dot v = I, \qquad v \ge \theta:\; v \leftarrow v - \theta,

whose rate is the rectified sum of what it receives (Rueckauer et al. 2017: a reset by subtraction loses
nothing). A pixel is driven by a current and fires at up to ``peak_rate``; a synapse of weight w and mean
release n p moves its target by quanta of w / (n p), so that it transmits w on average. The thresholds are
balanced by data: with :math:`\lambda_l` the peak activity of layer l (Diehl et al. 2015), a unit of activity
:math:`\lambda_l` fires at ``peak_rate`` if

.. math:: \theta_l = \lambda_l / \lambda_{l-1}, \qquad I_l = b_l \, \mathrm{peak\_rate} / \lambda_{l-1}.

Output neurons have no threshold; the one with the highest potential is the answer, at any time.
Neurons start half-way to their threshold (Bu et al. 2022), so that the first spike comes neither early nor
late on average. Images follow each other, each from the same initial state.

References
----------
Diehl PU, Neil D, Binas J, Cook M, Liu S-C, Pfeiffer M (2015). "Fast-classifying, high-accuracy spiking deep
networks through weight and threshold balancing". IJCNN, doi:10.1109/IJCNN.2015.7280696.
Rueckauer B, Lungu I-A, Hu Y, Pfeiffer M, Liu S-C (2017). "Conversion of continuous-valued deep networks to
efficient event-driven networks for image classification". Front Neurosci 11:682,
doi:10.3389/fnins.2017.00682.
Bu T, Ding J, Yu Z, Huang T (2022). "Optimized potential initialization for low-latency spiking neural
networks". AAAI 36:11-20, doi:10.1609/aaai.v36i1.19874.
"""

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from brian2 import Network, NeuronGroup, StateMonitor, TimedArray, get_device, ms, mV, second, volt
from brian2 import seed as brian_seed
from matplotlib.axes import Axes
from numpy.typing import NDArray
from pydantic import Field

from biophys.absolute_costs import resting_costs, spike_costs
from biophys.estimates import Estimate, exactly, standard_error_of_share
from biophys.palette import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from biophys.settings import Count, OneOf, Positive, Seed, settings
from brianpresyn.checked_synapses import synapses
from brianpresyn.domains import N_SITES, PROBABILITY
from brianpresyn.energy import ENERGY_OF_ATP, energy_ledger, synapse_energies
from brianpresyn.release import bernoulli_release, binomial_release
from brianpresyn.targets import TARGETS, code_generation, numpy_while_building, run_each_in_its_process

_PIXEL_THRESHOLD = 1 * mV

COLOURS = (VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY)


@dataclass(frozen=True, eq=False)
class Classifier:
    """A fully connected network with rectified hidden units, and how its synapses release.

    Raises ValueError if shapes do not fit each other or a value is outside its range.

    Parameters
    ----------
    weights, p, n
        Mean strength of every synapse, release probability (above 0), and number of release sites; one array
        (out, in) per layer. Without n every synapse has one site (Bernoulli release).
    biases : one array (out,) per layer
    peaks : activity at which a pixel, and a unit of each hidden layer, fires at the peak rate; above 0
    """

    weights: tuple[NDArray[np.float64], ...]
    biases: tuple[NDArray[np.float64], ...]
    p: tuple[NDArray[np.float64], ...]
    peaks: tuple[float, ...]
    n: tuple[NDArray[np.int64], ...] | None = None

    def __post_init__(self) -> None:
        shapes = [w.shape for w in self.weights]
        for name, arrays in (("p", self.p), ("n", self.n or self.weights)):
            if [a.shape for a in arrays] != shapes:
                raise ValueError(f"{name} must have the shapes of the weights, {shapes}")
        if [b.shape for b in self.biases] != [(out,) for out, _ in shapes]:
            raise ValueError(f"every layer needs as many biases as units: {[out for out, _ in shapes]}")
        if any(before[0] != after[1] for before, after in pairwise(shapes)):
            raise ValueError(f"every layer must read the one before it, got weights of shapes {shapes}")
        if len(self.peaks) != len(shapes) or not min(self.peaks) > 0:
            raise ValueError(f"peaks must be {len(shapes)} activities above 0, got {self.peaks}")
        for p in self.p:
            PROBABILITY.check("p", p)
            if not np.all(p > 0):
                raise ValueError("p must be above 0: a synapse that never releases has weight 0 instead")
        for n in self.n or ():
            N_SITES.check("n", n)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every layer, pixels first."""
        return (self.weights[0].shape[1], *(w.shape[0] for w in self.weights))

    def activities(self, images: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the activities of hidden units, layer by layer, then the logits; shapes (image, unit)."""
        results, activity = [], np.asarray(images, dtype=float)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            drive = activity @ weight.T + bias
            activity = np.maximum(drive, 0.0)
            results.append(activity)
        return [*results[:-1], drive]


@settings
class Config:
    """How images are presented.

    Parameters
    ----------
    duration : presentation time of an image in seconds
    peak_rate : rate in Hz of a unit at its peak activity; a neuron spikes at most once a millisecond
    n_readouts : times, evenly spread over the presentation, at which the answer is read
    encoding
        Spikes of a pixel: ``"regular"`` (it integrates its current, from a random phase) or ``"poisson"``.
    psp_per_weight : response in mV that a weight of one stands for; it enters energies only
    n_processes : processes among which the images are divided, each with a program of its own
    target : code generation target. In C++ standalone all networks of a run share one program.
    seed : of releases, phases and Poisson spikes
    """

    duration: Positive = 0.4
    peak_rate: Annotated[float, Field(gt=0, le=1000)] = 250.0
    n_readouts: Count = 50
    encoding: Literal["regular", "poisson"] = "regular"
    psp_per_weight: Positive = 10.0
    n_processes: Count = 2
    target: Annotated[str, OneOf(TARGETS)] = "cpp_standalone"
    seed: Seed = 2021

    def __post_init__(self) -> None:
        if self.n_steps < 1 or self.n_steps % self.n_readouts:
            wanted = f"a whole number of milliseconds that n_readouts={self.n_readouts} divides"
            raise ValueError(f"a presentation must be {wanted}, got {self.duration} s")

    @property
    def n_steps(self) -> int:
        """Steps of 1 ms in a presentation."""
        return round(self.duration * 1000)

    @property
    def times(self) -> NDArray[np.float64]:
        """When the answer is read, in seconds of presentation."""
        return self.duration * np.arange(1, self.n_readouts + 1) / self.n_readouts


QUICK = Config(duration=0.2, n_readouts=20, n_processes=1)


def present(config: Config, networks: Mapping[str, Classifier], images: NDArray[np.float64]) -> xr.Dataset:
    """Present images, shape (image, pixel) and not negative, to networks of the same sizes.

    Raises ValueError if there is no network, they differ in size, or the images do not fit.

    Returns
    -------
    xarray.Dataset
        ``potential`` of the output neurons (network, image, time, class) in units of their logits;
        ``rate`` of all units (network, image, unit) in units of their activities, pixels first, nan for
        outputs; ``energy`` in ATP by (network, mechanism) and ``synapse_energy`` by (network, synapse), over
        all images; ``n_spikes`` and ``n_vesicles`` (network). Synapses are in the order of the flattened
        weights, layer by layer.
    """
    images = _checked(networks, images)
    chunks = np.array_split(np.arange(len(images)), min(config.n_processes, len(images)))
    parts = [(images[chunk], config.seed + 1000 * number) for number, chunk in enumerate(chunks)]
    presented = functools.partial(_presented, config, networks)
    if len(parts) == 1:
        return presented(parts[0])
    return _joined(list(run_each_in_its_process(presented, parts, n_processes=len(parts))))


def _checked(networks: Mapping[str, Classifier], images: NDArray[np.float64]) -> NDArray[np.float64]:
    sizes = {network.sizes for network in networks.values()}
    if len(sizes) != 1:
        raise ValueError(f"one network or more of the same sizes are needed, got sizes {sorted(sizes)}")
    images = np.asarray(images, dtype=float)
    n_pixels = sizes.pop()[0]
    if images.ndim != 2 or images.shape[1] != n_pixels or not len(images):
        raise ValueError(f"images must have the shape (image, {n_pixels}), got {images.shape}")
    if not images.min() >= 0:
        problem = f"pixels are rates and must not be negative, got {images.min():g}"
        raise ValueError(f"{problem}: subtract the lowest value and add what it contributes to the biases")
    return images


def _presented(
    config: Config, networks: Mapping[str, Classifier], part: tuple[NDArray[np.float64], int]
) -> xr.Dataset:
    """Build one program for images and a seed, and run every network with it."""
    results = []
    with code_generation(config.target):
        program: _Program | None = None
        for network in networks.values():
            if program is None or config.target != "cpp_standalone":
                program = _Program(config, network, *part)
                program.run()
            else:
                program.rerun(network)
            results.append(program.result(network))
    return _labelled(config, networks, results)


class _Program:
    """A network of neurons that classifies, and how its values are changed between runs."""

    def __init__(self, config: Config, network: Classifier, images: NDArray[np.float64], seed: int) -> None:
        self.config, self.images = config, images
        self._seed = seed
        self._phases = np.random.default_rng(seed).random(network.sizes[0])
        self._presentation = config.duration * second
        read: dict[str, Any] = {"record": True, "when": "start", "order": -10}
        with numpy_while_building():
            self.units = self._neurons(network)
            release = binomial_release if network.n is not None else bernoulli_release
            code = release(**self._values_of_synapses(network))
            code += energy_ledger(code)
            connect = dict(zip("ij", _pairs(network.sizes), strict=True))
            options: dict[str, Any] = {"connect": connect, "seed": seed, "name": "synapses", "dt": 1 * ms}
            self.synapses = synapses(self.units, self.units, code, **options)
            outputs, between = self.units[sum(network.sizes[:-1]) :], self._presentation / config.n_readouts
            self._outputs = StateMonitor(outputs, "v", dt=between, **read)
            self._counts = StateMonitor(self.units, "fired", dt=self._presentation, **read)

    def _neurons(self, network: Classifier) -> NeuronGroup:
        n_units = sum(network.sizes)
        shown = np.zeros((len(self.images) + 1, n_units))
        shown[:-1, : network.sizes[0]] = self.images / network.peaks[0] * self.config.peak_rate
        self._shown = TimedArray(shown, dt=self._presentation, name="shown")
        is_poisson = self.config.encoding == "poisson"
        fires = "v >= theta or rand() < shown(t, i)*dt/second" if is_poisson else "v >= theta"
        drive = "" if is_poisson else " + shown(t, i)*pixel_threshold/second"
        units = NeuronGroup(
            n_units,
            f"""dv/dt = current{drive} : volt
                current : volt/second
                theta : volt
                v_start : volt
                fired : 1""",
            threshold=fires,
            reset="v -= theta\nfired += 1",
            method="euler",
            namespace={"shown": self._shown, "pixel_threshold": _PIXEL_THRESHOLD},
            dt=1 * ms,
            name="units",
        )
        for name, values in self._values_of_units(network).items():
            setattr(units, name, values)
        units.run_regularly("v = v_start\nfired = 0", dt=self._presentation, when="start", order=-1)
        return units

    def _values_of_units(self, network: Classifier) -> dict[str, Any]:
        """Return thresholds, currents and initial potentials of all units."""
        peaks, unit = np.array(network.peaks), self.config.psp_per_weight * mV
        n_pixels, n_outputs = network.sizes[0], network.sizes[-1]
        pixel = float(_PIXEL_THRESHOLD / volt)
        hidden = np.repeat(float(unit / volt) * peaks[1:] / peaks[:-1], network.sizes[1:-1])
        theta = np.concatenate([np.full(n_pixels, pixel), hidden, np.full(n_outputs, np.inf)])
        drives = [b * self.config.peak_rate / low for b, low in zip(network.biases, peaks, strict=True)]
        current = np.concatenate([np.zeros(n_pixels), *drives])
        # Pixels start at a random phase, hidden units half-way, outputs at 0. A Poisson pixel lowers its
        # potential at every spike, so that it never reaches the threshold.
        start = np.where(np.isfinite(theta), theta / 2, 0.0)
        start[:n_pixels] = theta[:n_pixels] * self._phases if self.config.encoding == "regular" else 0.0
        return {"theta": theta * volt, "current": current * unit / second, "v_start": start * volt}

    def _values_of_synapses(self, network: Classifier) -> dict[str, Any]:
        """Return q, p and, for binomial release, n of all synapses."""
        n = network.n or tuple(np.ones(w.shape, dtype=np.int64) for w in network.weights)
        quanta = [w / (n_of * p) for w, n_of, p in zip(network.weights, n, network.p, strict=True)]
        values = {"q": _by_source(quanta) * self.config.psp_per_weight * mV, "p": _by_source(network.p)}
        return values if network.n is None else {**values, "n": _by_source(n)}

    def run(self) -> None:
        """Present all images, after which the last potentials are read at the start of one further step."""
        brian_seed(self._seed)
        network = Network(self.units, self.synapses, self._outputs, self._counts)
        network.run(len(self.images) * self._presentation + 1 * ms)

    def rerun(self, network: Classifier) -> None:
        """Present all images to another network with the program that is there."""
        values = {(self.units, name): v for name, v in self._values_of_units(network).items()}
        values |= {(self.synapses, name): v for name, v in self._values_of_synapses(network).items()}
        run_args = {group.state(name): value for (group, name), value in values.items()}
        get_device().run(run_args=run_args, with_output=False)

    def result(self, network: Classifier) -> dict[str, NDArray[np.float64]]:
        """Return what was recorded, in the units of the rate network."""
        config, n_images = self.config, len(self.images)
        # The first reading is before the first image.
        potential = np.array(self._outputs.v / mV).T[1:].reshape(n_images, config.n_readouts, -1)
        gain = config.psp_per_weight * config.peak_rate / network.peaks[-1]
        fired = np.array(self._counts.fired).T[1:]
        scale = np.repeat([*network.peaks, np.nan], network.sizes)
        energies = {
            mechanism: joules / float(ENERGY_OF_ATP)
            for mechanism, joules in synapse_energies(self.synapses).items()
        }
        counts = {
            name: np.array(np.sum(self.synapses.state(name)[:], dtype=np.int64))
            for name in ("n_spikes", "n_vesicles")
        }
        ends = np.cumsum([n_in * n_out for n_in, n_out in pairwise(network.sizes)])
        by_layer = np.split(np.sum(list(energies.values()), axis=0), ends[:-1])
        shaped = [part.reshape(size) for part, size in zip(by_layer, pairwise(network.sizes), strict=True)]
        return {
            "potential": potential / (gain * config.times[:, None]),
            "rate": fired / (config.duration * config.peak_rate) * scale,
            "energy": np.array([energies[mechanism].sum() for mechanism in _mechanisms()]),
            "synapse_energy": _by_source(shaped),
            **counts,
        }


def _pairs(sizes: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return source and target of every synapse, those of one source together."""
    first = np.cumsum([0, *sizes])
    parts = [
        np.divmod(np.arange(n_in * n_out), n_out) + np.array([[start], [start + n_in]])
        for start, (n_in, n_out) in zip(first, pairwise(sizes), strict=False)
    ]
    source, target = np.hstack(parts)
    return source, target


def _by_source(layers: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return values of shape (out, in) per layer in the order in which the synapses are made."""
    return np.concatenate([values.T.ravel() for values in layers])


def _labelled(
    config: Config, networks: Mapping[str, Classifier], results: list[dict[str, NDArray[np.float64]]]
) -> xr.Dataset:
    dims = {
        "potential": ("network", "image", "time", "class"),
        "rate": ("network", "image", "unit"),
        "energy": ("network", "mechanism"),
        "synapse_energy": ("network", "synapse"),
        "n_spikes": ("network",),
        "n_vesicles": ("network",),
    }
    return xr.Dataset(
        {name: (dims[name], np.stack([result[name] for result in results])) for name in dims},
        coords={"network": list(networks), "time": config.times, "mechanism": _mechanisms()},
        attrs={"n_images": results[0]["potential"].shape[0], "peak_rate": config.peak_rate},
    )


def _mechanisms() -> list[str]:
    """Return the names of the mechanisms in the order of the ledger."""
    return [law.mechanism for law in (*spike_costs().laws, *resting_costs().laws)]


def _joined(parts: list[xr.Dataset]) -> xr.Dataset:
    """Return the results of several processes as one: images side by side, energies and counts added."""
    per_image = ["potential", "rate"]
    joined = xr.concat([part[per_image] for part in parts], "image")
    summed = functools.reduce(operator.add, (part.drop_vars(per_image) for part in parts))
    n_images = sum(part.attrs["n_images"] for part in parts)
    return joined.merge(summed).assign_attrs(parts[0].attrs, n_images=n_images)


def answers(result: xr.Dataset) -> xr.DataArray:
    """Return the class with the highest potential, by (network, image, time)."""
    return result.potential.argmax("class")


def settled_at(
    right: NDArray[np.bool_], reference: NDArray[np.bool_], times: NDArray[np.float64]
) -> Estimate | None:
    """Return the time (ms) from which on accuracy stays within a standard error of a reference; None without.

    `right` says of each reading whether each image is answered rightly, (time, image), `reference` of others.
    """
    is_as_good = right.mean(axis=1) >= reference.mean() - standard_error_of_share(reference)
    # The first reading from which on none falls short.
    since = times.size - int(np.argmin(is_as_good[::-1])) if not is_as_good.all() else 0
    return exactly(1000 * times[since], n=len(reference), unit="images") if since < times.size else None


def plot(result: xr.Dataset, axes: Axes, *, labels: NDArray[np.int64], **style: Any) -> None:
    """Draw the share of right answers, given by image, against the presentation time, a line per network."""
    results = answers(result)
    is_right = results.to_numpy() == np.asarray(labels)[None, :, None]
    for name, colour, right in zip(result.network.to_numpy(), cycle(COLOURS), is_right, strict=False):
        axes.plot(1000 * result.time, 100 * right.mean(axis=0), color=colour, label=str(name), **style)
    axes.set(xlabel="presentation time (ms)", ylabel=f"right answers (%), {len(labels)} images")
