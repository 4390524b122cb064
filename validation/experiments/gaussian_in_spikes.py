"""Trained Gaussian synapses (mu, sigma) realised as n, p, q by two mechanisms, in rates and in spikes.

Networks learn means and standard deviations while they pay for reliability (Malkin et al. 2023). Each weight
is then realised with exactly these moments, either by release probability at a fixed number of sites, as
calcium would, or by the number of sites (`rate_models.quantal_realisation`), and the networks classify in
spikes. Biases keep their means.
"""

import itertools
from collections.abc import Callable
from dataclasses import field
from typing import Annotated

import numpy as np
import quantities as pq
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.absolute_costs import resting_costs, spike_costs
from biophys.estimates import Estimate, exactly, gaussian, paired_difference
from biophys.palette import BLUE, VERMILION
from biophys.progress import Progress, ignore_progress
from biophys.quantal import QuantalSynapse
from biophys.settings import Count, Counts, OneOf, Positive, Positives, Seed, Share, settings
from biophys.sweeps.groups import swept_dataset
from brianpresyn.experiments import spiking_classifier
from brianpresyn.experiments.spiking_classifier import Classifier, answers
from rate_models.datasets import ImageData, images_for
from rate_models.devices import Execution, execution_or_default
from rate_models.noisy_networks import (
    FORMULATIONS,
    NoisyNetwork,
    Schedule,
    TrainedNetworks,
    logits_of,
    train_noisy_networks,
)
from rate_models.quantal_realisation import WAYS, realised_synapses
from rate_models.reliability_cost import PowerCost
from validation.experiments import converted_network as conversion

WAY_COLOURS = {"release probability": BLUE, "number of sites": VERMILION}


@settings
class Config:
    """What is trained, and how it is presented.

    Parameters
    ----------
    rho, s
        Exponents and scales of the reliability cost (s / sigma)^rho / rho: a network for each pair.
        Published: s = 0.01 for every rho (figure 7b); the larger s, the noisier the synapses.
    data_set, hidden_units, n_epochs, batch_size : of the rate networks. Published: (100, 100), 50 and 20.
    initial_sigma, learning_rate, noise_haste, noise_memory
        As in the reliability experiment: the paper's start and learning rate, but phi learns ten times as
        fast as the means, so that the noise settles within few epochs.
    seed : of the rate networks and of the releases
    n_images : test images, the first ones of the test set
    images_per_draw : images that share a draw of the rate network's weights (published: 20)
    presentation : how images are presented in spikes
    """

    data_set: Annotated[str, OneOf(("mnist", "fashion_mnist", "digits"))] = "mnist"
    rho: Positives = (1 / 2, 2 / 3, 4 / 3, 2.0)
    s: Positives = (0.01, 0.1)
    hidden_units: Counts = (100, 100)
    n_epochs: Count = 6
    batch_size: Count = 20
    initial_sigma: Positive = 1e-4
    learning_rate: Positive = 5e-4
    noise_haste: Positive = 10.0
    noise_memory: Share = 0.999
    seed: Seed = 1
    n_images: Count = 1000
    images_per_draw: Count = 20
    presentation: spiking_classifier.Config = field(default_factory=spiking_classifier.Config)

    @property
    def costs(self) -> list[PowerCost]:
        """The cost of each network: rho by rho, and for each the s one after the other."""
        return [PowerCost.with_scale(s, rho) for rho in self.rho for s in self.s]


QUICK = Config(
    data_set="digits",
    s=(0.01,),
    hidden_units=(30, 30),
    n_epochs=20,
    initial_sigma=0.02,
    learning_rate=3e-3,
    noise_haste=3.0,
    noise_memory=0.98,
    n_images=359,
    presentation=spiking_classifier.Config(duration=0.4, n_readouts=20, n_processes=1),
)

MAY_DIFFER = ("seed", "n_images", "images_per_draw")
"""Settings that say how much is measured, or on which seeds: a result may differ in them."""


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    n_networks = len(config.rho) * len(config.s)
    return conversion.work_of(config, n_networks, 2 * n_networks)


def run(
    config: Config, *, execution: Execution | None = None, on_progress: Progress = ignore_progress
) -> xr.Dataset:
    """Train, realise by either mechanism, present, and compare; arguments as of `rate_models.experiments`.

    Returns
    -------
    xarray.Dataset
        Answers of the trained networks with drawn and with mean weights (rho, s, image), and after a whole
        presentation in spikes and in rates with the noise averaged over its spikes (rho, s, way, image); the
        share of these that are right by its length (rho, s, way, time); energy in
        ATP per image (rho, s, way, mechanism), what is expected of it, and the standard deviation of the
        whole that release leaves.
    """
    execution = execution_or_default(execution)
    data = images_for(config.data_set, execution)
    on_progress(0.0, "training the rate networks")
    trained = _trained(config, data, execution, lambda f, doing: on_progress(0.5 * f, doing))
    shown = conversion.shown_images(data, config.n_images)
    networks = [{"rho": rho, "s": s} for rho in config.rho for s in config.s]
    classifiers: dict[str, Classifier] = {}
    for row, cost in enumerate(config.costs):
        for way in WAYS:
            network = _realised(trained, row, way)
            peaks = conversion.peaks_of(network, shown.training, shown.offset)
            classifiers[f"{cost}, {way}"] = conversion.converted(network, shown.offset, peaks)
    on_progress(0.5, "presenting images to spiking neurons")
    result = spiking_classifier.present(config.presentation, classifiers, shown.pixels)
    rng = np.random.default_rng(config.seed)
    averaged = conversion.averaged_answers(classifiers.values(), shown.pixels, config.presentation, rng)
    result["answer"] = answers(result)
    parts = [
        _answers_and_energy(config, classifier, result.sel(network=name), in_rates, shown.labels)
        for (name, classifier), in_rates in zip(classifiers.items(), averaged, strict=True)
    ]
    axes = {"rho": config.rho, "s": config.s}
    points = [{**network, "way": way} for network in networks for way in WAYS]
    whole = swept_dataset(points, parts, {**axes, "way": WAYS})
    in_rates = swept_dataset(networks, _drawn_answers(config, trained, data), axes)
    labels = ("image", shown.labels.astype(np.int8))
    attrs = {
        "data_set": config.data_set,
        "peak_rate": config.presentation.peak_rate,
        "hidden_units": list(config.hidden_units),
    }
    return whole.merge(in_rates).assign_coords(label=labels).assign_attrs(attrs)


def _trained(config: Config, data: ImageData, execution: Execution, on_progress: Progress) -> TrainedNetworks:
    return train_noisy_networks(
        [NoisyNetwork(cost, config.seed, noise_haste=config.noise_haste) for cost in config.costs],
        data,
        # The paper's text: hidden units are rectified and outputs are not.
        formulation=FORMULATIONS["text"],
        schedule=Schedule.of(config),
        execution=execution,
        on_progress=on_progress,
    )


def _realised(trained: TrainedNetworks, row: int, way: str) -> conversion.RateNetwork:
    """Return a trained network with n and p of every synapse."""
    layout, mu = trained.network.layout, trained.synapses.mu[row].double().cpu()
    sigma = trained.synapses.sigma[row].double().cpu().numpy()
    synapses = realised_synapses(mu.numpy()[: layout.n_weights], sigma[: layout.n_weights], way)
    n, p = (conversion.by_layer(layout, np.asarray(part, dtype=float)) for part in (synapses.n, synapses.p))
    sites = tuple(np.rint(part).astype(np.int64) for part in n)
    return conversion.RateNetwork(conversion.by_layer(layout, mu), conversion.biases_of(layout, mu), p, sites)


def _drawn_answers(config: Config, trained: TrainedNetworks, data: ImageData) -> list[xr.Dataset]:
    """Return the answers of each rate network with drawn and with mean weights."""
    synapses, streams = trained.synapses, trained.synapses.evaluation_streams()
    images = data.test_images[: config.n_images].to(synapses.learned.device, synapses.learned.dtype)
    drawn = logits_of(trained.network, images, config.images_per_draw, lambda: synapses.sample(streams))
    mean = logits_of(trained.network, images, 1000, synapses.expected)
    answered = [logits.argmax(dim=-1).cpu().numpy().astype(np.int8) for logits in (drawn, mean)]
    return [
        xr.Dataset({"drawn_answer": ("image", first), "mean_answer": ("image", other)})
        for first, other in zip(*answered, strict=True)
    ]


def _answers_and_energy(
    config: Config,
    classifier: Classifier,
    result: xr.Dataset,
    in_rates: NDArray[np.int8],
    labels: NDArray[np.integer],
) -> xr.Dataset:
    """Return a network's answers, the ledger's ATP per image, and what its spikes lead one to expect."""
    n_images = result.attrs["n_images"]
    mean, sd = _expected_atp(config, classifier, result)
    in_spikes = result.answer.transpose("image", "time").to_numpy()
    return xr.Dataset(
        {
            "answer": ("image", in_spikes[:, -1].astype(np.int8)),
            "averaged_answer": ("image", in_rates[:, -1]),
            "right": ("time", (in_spikes == labels[:, None]).mean(0)),
            "averaged_right": ("time", (in_rates == labels[:, None]).mean(0)),
            "energy": result.energy / n_images,
            "expected_energy": mean / n_images,
            "energy_sd": sd / n_images,
            "vesicles": result.n_vesicles / n_images,
        },
        {"time": result.time},
    ).drop_vars("network")


def _expected_atp(config: Config, classifier: Classifier, result: xr.Dataset) -> tuple[float, float]:
    """Return mean and standard deviation of the ATP of all images, given the spikes of all units."""
    # How many spikes reached each synapse, over all images.
    n_at_peak = config.presentation.peak_rate * config.presentation.duration
    total = result.rate.sum("image", skipna=False).to_numpy() * n_at_peak
    sources = np.split(total, np.cumsum([w.shape[1] for w in classifier.weights]))
    layers = zip(classifier.weights, classifier.peaks, sources, strict=False)
    n_spikes = np.concatenate([np.tile(spikes / peak, len(weight)) for weight, peak, spikes in layers])
    sites = classifier.n or tuple(np.ones(w.shape, dtype=np.int64) for w in classifier.weights)
    n, p, weight = (
        np.concatenate([part.ravel() for part in layers])
        for layers in (sites, classifier.p, classifier.weights)
    )
    synapses = QuantalSynapse(n, p, weight / (n * p) * config.presentation.psp_per_weight * pq.mV)
    duration = result.attrs["n_images"] * config.presentation.duration
    laws = spike_costs().laws
    per_spike = [np.asarray(law(synapses).magnitude) for law in laws]
    at_rest = sum(float(np.sum(law(synapses).magnitude)) for law in resting_costs().laws)
    # All but calcium is paid for what is released.
    per_vesicle = sum(cost for law, cost in zip(laws, per_spike, strict=True) if not law.odds_exponent)
    mean = float(np.sum(n_spikes * sum(per_spike))) + at_rest * duration
    variance = np.sum(n_spikes * n * p * (1 - p) * (per_vesicle / (n * p)) ** 2)
    return mean, float(np.sqrt(variance))


def right_answers(part: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the images answered rightly: in spikes, in rates with as much noise, as trained, by the mean."""
    answered = {"spikes": part.answer, "rates": part.averaged_answer}
    answered |= {"trained": part.drawn_answer, "mean": part.mean_answer}
    return {name: answer == part.label for name, answer in answered.items()}


def networks_of(result: xr.Dataset) -> list[xr.Dataset]:
    """Return what was measured of each trained network, a pair of s and rho."""
    return [result.sel(rho=rho, s=s) for s in result.s.values for rho in result.rho.values]


def leads(part: xr.Dataset) -> list[tuple[str, str, Estimate]]:
    """Return rendering, what it is compared with, and the accuracy less that of the latter, same images."""
    right, trained, compared = right_answers(part), "the trained network with its noise", []
    for rendering, first, other, words in (
        ("spiking", "spikes", "trained", trained),
        ("rate", "rates", "trained", trained),
        ("spiking", "spikes", "rates", "rates with as much noise"),
        ("spiking", "spikes", "mean", "the mean weights"),
    ):
        pair = right[first], right[other]
        how = "accuracies {:.4f} and {:.4f}, one network".format(*(float(each.mean()) for each in pair))
        compared.append((rendering, words, paired_difference(*pair, how=how)))
    return compared


def differences_over_costs(result: xr.Dataset) -> dict[tuple[float, str], Estimate]:
    """Return accuracy in spikes less that in rates with as much noise, mean over the costs, by s and way."""
    differences = {}
    for s, way in itertools.product(result.s.values, result.way.values):
        right = right_answers(result.sel(s=s, way=way))
        lead = (right["spikes"].astype(float) - right["rates"]).mean("rho").to_numpy()
        error, n = lead.std(ddof=1) / np.sqrt(lead.size), lead.size
        differences[float(s), str(way)] = gaussian(lead.mean(), error, n=n, unit="images")
    return differences


def ledger_over_expectation(part: xr.Dataset) -> Estimate:
    """Return the ATP that the ledger counted over what is expected of the spikes that came."""
    spent, expected = float(part.energy.sum()), float(part.expected_energy)
    shares = (f"{m} {float(part.energy.sel(mechanism=m)) / spent:.2%}" for m in part.mechanism.values)
    how, error = f"{spent:.4g} ATP per image ({', '.join(shares)})", float(part.energy_sd) / expected
    return gaussian(spent / expected, error, n=part.sizes["image"], unit="images", how=how)


def cost_of_release(part: xr.Dataset) -> Estimate:
    """Return the ATP by release probability over that by number of sites, without what follows the mean."""
    buying = ["calcium pump", "trafficking", "vesicle membrane", "actin"]
    spent = part.energy.sel(mechanism=buying).sum("mechanism")
    amounts = ", ".join(f"{way}: {float(spent.sel(way=way)):.3g}" for way in part.way.values)
    how = (
        f"calcium, trafficking, membrane and actin, ATP per image: {amounts}; transmitter and ion flux "
        "follow the mean response and are left out"
    )
    ratio = float(spent.sel(way="release probability") / spent.sel(way="number of sites"))
    return exactly(ratio, n=part.sizes["image"], unit="images", how=how)


def draw_accuracy(result: xr.Dataset, figure: Figure) -> None:
    """Draw the share of right answers against the presentation time, for networks trained under each cost of
    reliability and realised by either mechanism: in spikes (dots) and in rates with as much noise as the
    spikes leave (dashed). Black: the rate network with its mean weights and with its trained noise."""
    panels = _panels(result, figure)
    for axes, part in panels:
        for way, colour in WAY_COLOURS.items():
            for name, style, word in (("right", "o-", "spikes"), ("averaged_right", "--", "rates")):
                share = 100 * part[name].sel(way=way)
                axes.plot(1000 * part.time, share, style, color=colour, markersize=3, label=f"{way}, {word}")
        lines = (("mean_answer", "-", "mean weights"), ("drawn_answer", ":", "trained noise"))
        for name, style, word in lines:
            right = 100 * float((part[name] == part.label).mean())
            axes.axhline(right, color="black", linestyle=style, linewidth=1, label=f"rates, {word}")
        axes.set_xlabel("presentation (ms)")
    panels[0][0].set_ylabel(f"right answers (%), {result.sizes['image']} images")
    panels[-1][0].legend(fontsize=6, loc="lower right")


def draw_energy(result: xr.Dataset, figure: Figure) -> None:
    """Draw ATP of all synapses per image by mechanism, from the ledger of the spiking networks, for weights
    realised by release probability (n = 5) and by the number of sites (p near 0.5)."""
    position = np.arange(result.sizes["mechanism"])
    panels = _panels(result, figure)
    for axes, part in panels:
        for shift, (way, colour) in zip((0.2, -0.2), WAY_COLOURS.items(), strict=True):
            axes.barh(position + shift, part.energy.sel(way=way), 0.38, color=colour, label=way)
        axes.set(xscale="log", xlabel="ATP per image")
        axes.set_yticks(position, [str(name) for name in result.mechanism.values])
    panels[-1][0].legend(fontsize=6)


def _panels(result: xr.Dataset, figure: Figure) -> list[tuple[Axes, xr.Dataset]]:
    """Return a panel for each network, a row for each s, and what belongs into it."""
    figure.set_size_inches(10, 0.6 + 2.8 * result.sizes["s"])
    grid = figure.subplots(result.sizes["s"], result.sizes["rho"], sharex=True, sharey=True, squeeze=False)
    panels = []
    for axes, (row, column) in zip(grid.flat, np.ndindex(grid.shape), strict=True):
        part = result.isel(s=row, rho=column)
        axes.set_title(f"ρ = {float(part.rho):.3g}, s = {float(part.s):g}", fontsize=9)
        panels.append((axes, part))
    return panels


FIGURES: dict[str, Callable[[xr.Dataset, Figure], None]] = {"accuracy": draw_accuracy, "energy": draw_energy}
"""Panels by name."""
