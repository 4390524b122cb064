"""A network trained with plastic release, in rates and in spikes: answers, lesions, energy.

The network is trained as in the energy experiment (Schug et al. 2021; p rule of the published program),
converted (`validation.experiments.converted_network`) and presented the same test images in both forms.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Annotated, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.bootstrap import bootstrap
from biophys.estimates import Estimate, exactly, paired_difference
from biophys.palette import BLUE, PURPLE, SKY, VERMILION
from biophys.progress import Progress, ignore_progress
from biophys.settings import Count, Counts, NotNegative, OneOf, Seed, Shares, settings
from biophys.sweeps.groups import swept_dataset
from brianpresyn.experiments import spiking_classifier
from brianpresyn.experiments.spiking_classifier import Classifier, answers
from rate_models.datasets import ImageData, images_for
from rate_models.devices import Execution, execution_or_default
from rate_models.evaluation import mean_softmax
from rate_models.experiments import energy_efficiency
from rate_models.information import information_per_cost
from rate_models.release_models import NetworkSpec, train
from validation.experiments import converted_network as conversion

PLASTIC, RELIABLE = "plastic release", "same strengths, p = 1"
HIGH_P = 0.9


@settings
class Config:
    """What is trained, and how it is presented.

    Parameters
    ----------
    data_set, hidden_units, n_epochs, batch_size
        Of the rate network; the paper's, except that one network is trained.
    l2, seed : penalty and seed of the rate network
    n_images : test images, the first ones of the test set
    lesion_fractions : shares of the synapses that are removed
    n_draws : draws of the rate network's synapses per image
    presentation : how images are presented in spikes
    """

    data_set: Annotated[str, OneOf(("mnist", "fashion_mnist", "digits"))] = "mnist"
    hidden_units: Counts = (200, 200)
    n_epochs: Count = 50
    batch_size: Count = 100
    l2: NotNegative = 0.01
    seed: Seed = 2019
    n_images: Count = 1000
    lesion_fractions: Shares = (0.1, 0.3, 0.5, 0.7, 0.9)
    n_draws: Count = 10
    presentation: spiking_classifier.Config = field(default_factory=spiking_classifier.Config)


QUICK = Config(
    "digits", hidden_units=(30, 30), batch_size=50, n_images=359, presentation=spiking_classifier.QUICK
)

MAY_DIFFER = ("seed", "n_images", "lesion_fractions", "n_draws")
"""Settings that say how much is measured, or on which seeds: a result may differ in them."""


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    return conversion.work_of(config, 1, 2 + len(conversion.LESION_ORDERS) * len(config.lesion_fractions))


def run(
    config: Config, *, execution: Execution | None = None, on_progress: Progress = ignore_progress
) -> xr.Dataset:
    """Train, convert, present, and compare; see :mod:`rate_models.experiments` for the arguments.

    Returns
    -------
    xarray.Dataset
        Answers of the spiking networks (model, image, time), of the rate network with mean weights (image),
        with release averaged over the spikes of a presentation (image, time) and with ten draws (image);
        whether lesioned networks are right (rendering, order, fraction, image); energy in ATP per image
        (model, mechanism); energy and number of high- and low-p synapses of each unit (unit, importance).
    """
    execution = execution_or_default(execution)
    data = images_for(config.data_set, execution)
    on_progress(0.0, "training the rate network")
    network, drawn = _trained(config, data, execution)
    on_progress(0.3, "presenting images to spiking neurons")
    shown = conversion.shown_images(data, config.n_images)
    peaks = conversion.peaks_of(network, shown.training, shown.offset)
    rng = np.random.default_rng(config.seed)
    variants = {PLASTIC: network, RELIABLE: conversion.reliable(network)}
    lesions = {
        f"{order}, {fraction:g}": conversion.lesioned(network, order, fraction, rng=rng)
        for order in conversion.LESION_ORDERS
        for fraction in config.lesion_fractions
    }
    classifiers = {
        name: conversion.converted(item, shown.offset, peaks) for name, item in (variants | lesions).items()
    }
    result = spiking_classifier.present(config.presentation, classifiers, shown.pixels)
    on_progress(0.95, "comparing")
    rates = _lesions(config, classifiers, shown, result)
    plastic, in_spikes = classifiers[PLASTIC], answers(result.sel(network=[PLASTIC, RELIABLE]))
    averaged = conversion.averaged_answers([plastic], shown.pixels, config.presentation, rng)
    mean = plastic.activities(shown.pixels)[-1].argmax(axis=1)
    compared = rates.assign(
        answer=(("model", "image", "time"), in_spikes.to_numpy().astype(np.int8)),
        rate_answer=("image", mean.astype(np.int8)),
        averaged_answer=(("image", "time"), averaged[0]),
        drawn_answer=("image", drawn[: config.n_images].astype(np.int8)),
        **_rates(plastic, shown.pixels, result),
        **_energies(network, result),
    )
    compared = compared.assign_coords(
        label=("image", shown.labels.astype(np.int8)),
        model=[PLASTIC, RELIABLE],
        time=config.presentation.times,
        rendering=["rate", "spiking"],
        mechanism=result.mechanism.values,
        importance=["high p", "low p"],
    )
    sizes = [network.weights[0].shape[1], *(w.shape[0] for w in network.weights)]
    how = {name: getattr(config.presentation, name) for name in ("peak_rate", "encoding")}
    return compared.assign_attrs(data_set=config.data_set, sizes=sizes, **how)


def _trained(
    config: Config, data: ImageData, execution: Execution
) -> tuple[conversion.RateNetwork, NDArray[np.int64]]:
    """Return the trained network, and its answers to the test images with ten draws of its synapses."""
    published = energy_efficiency.Config()
    data = data.to(execution.torch_device, execution.torch_dtype)
    key, rule = ("soft_bound", config.l2, config.seed), published.plasticity("soft_bound")
    rates = (published.learning_rate, published.p_min)
    spec = NetworkSpec("soft_bound", "models", key, config.l2, config.seed, *rates, rule)
    batch = train(
        [spec],
        data,
        hidden_units=config.hidden_units,
        n_epochs=config.n_epochs,
        batch_size=config.batch_size,
        execution=execution,
        evaluate_every=config.n_epochs,
    )
    streams = batch.synapses.evaluation_streams()
    answered = mean_softmax(
        batch.network, batch.synapses, data.test_images, streams=streams, n_samples=config.n_draws
    )
    layout, state = batch.network.layout, batch.synapses.state()
    learned, p = state["learned"][0].cpu(), conversion.by_layer(layout, state["p"][0].cpu())
    network = conversion.RateNetwork(
        conversion.by_layer(layout, learned), conversion.biases_of(layout, learned), p
    )
    return network, answered[0].argmax(dim=-1).cpu().numpy()


def _lesions(
    config: Config, classifiers: Mapping[str, Classifier], shown: conversion.ShownImages, result: xr.Dataset
) -> xr.Dataset:
    """Return whether each image is answered rightly after each lesion, in rates and in spikes."""
    in_spikes = answers(result).isel(time=-1) == shown.labels
    points, parts = [], []
    for order, fraction in itertools.product(conversion.LESION_ORDERS, config.lesion_fractions):
        name = f"{order}, {fraction:g}"
        in_rates = classifiers[name].activities(shown.pixels)[-1].argmax(axis=1) == shown.labels
        right = np.stack([in_rates, in_spikes.sel(network=name)]).astype(np.int8)
        points.append({"order": order, "fraction": fraction})
        parts.append(xr.Dataset({"lesion_right": (("rendering", "image"), right)}))
    axes = {"order": conversion.LESION_ORDERS, "fraction": config.lesion_fractions}
    return swept_dataset(points, parts, axes).transpose("rendering", ...)


def _rates(classifier: Classifier, pixels: NDArray[np.float64], result: xr.Dataset) -> dict[str, Any]:
    """Return the slope and the root mean square error of rates on activities, by hidden layer."""
    rates = result.rate.sel(network=PLASTIC).to_numpy()
    first, results = pixels.shape[1], []
    for activity in classifier.activities(pixels)[:-1]:
        rate = rates[:, first : first + activity.shape[1]]
        first += activity.shape[1]
        slope = float(np.sum(rate * activity) / np.sum(activity**2))
        results.append((slope, float(np.sqrt(np.mean((rate - activity) ** 2) / np.mean(activity**2)))))
    slope, error = np.array(results).T
    return {"rate_slope": (("hidden_layer",), slope), "rate_error": (("hidden_layer",), error)}


def _energies(network: conversion.RateNetwork, result: xr.Dataset) -> dict[str, Any]:
    """Return energy by mechanism, and that of the high- and low-p synapses onto each unit."""
    n_images = result.attrs["n_images"]
    shown = result.sel(network=[PLASTIC, RELIABLE])
    spent = shown.synapse_energy.sel(network=PLASTIC).to_numpy() / n_images
    strength = np.abs(np.concatenate([w.ravel() for w in network.weights]))
    is_high = np.concatenate([p.ravel() for p in network.p]) >= HIGH_P
    n_in = [w.shape[1] for w in network.weights for _ in range(w.shape[0])]
    unit = np.repeat(np.arange(len(n_in)), n_in)

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = [np.bincount(unit, values * chosen, len(n_in)) for chosen in (is_high, ~is_high)]
        return np.stack(parts, axis=1)

    dims = ("unit", "importance")
    return {
        "energy": (("model", "mechanism"), shown.energy.to_numpy() / n_images),
        "spikes": (("model",), shown.n_spikes.to_numpy() / n_images),
        "vesicles": (("model",), shown.n_vesicles.to_numpy() / n_images),
        "unit_energy": (dims, summed(spent)),
        "unit_strength": (dims, summed(strength)),
        "unit_count": (dims, summed(np.ones(unit.size))),
    }


def right_answers(result: xr.Dataset) -> dict[str, NDArray[np.bool_]]:
    """Return whether each image is answered rightly, by what answers; at the longest presentation."""
    answered = {
        "spikes": result.answer.sel(model=PLASTIC).isel(time=-1),
        "spikes, p = 1": result.answer.sel(model=RELIABLE).isel(time=-1),
        "mean weights": result.rate_answer,
        "release averaged over the spikes": result.averaged_answer.isel(time=-1),
        "ten draws of the synapses": result.drawn_answer,
    }
    return {name: (answer == result.label).to_numpy() for name, answer in answered.items()}


def lead_by_fraction(result: xr.Dataset, rendering: str, gentle: str, harsh: str) -> dict[str, Estimate]:
    """Return how much accuracy an order of removal keeps over a harsher one, by the share removed."""
    right = result.lesion_right.sel(rendering=rendering)
    pairs = {
        f"{float(f):g}": [right.sel(order=o, fraction=f) for o in (gentle, harsh)] for f in right.fraction
    }
    return {share: paired_difference(*pair, how="one network") for share, pair in pairs.items()}


def slopes_of_rates(result: xr.Dataset) -> dict[int, Estimate]:
    """Return the slope through 0 of rates on activities by hidden layer, over all units and images."""
    slopes = {}
    for layer, (slope, error) in enumerate(zip(result.rate_slope, result.rate_error, strict=True), start=1):
        off = f"root mean square difference {100 * float(error):.1f} % of the root mean square activity"
        how = f"{off}; all units and images, at the longest presentation"
        slopes[layer] = exactly(float(slope), how=how)
    return slopes


def atp_per_image(result: xr.Dataset) -> dict[str, Estimate]:
    """Return the ATP of all synapses per image by mechanism, and ``"all"``, with plastic release."""
    spent, n = result.energy.sel(model=PLASTIC), result.sizes["image"]
    spikes, vesicles = (float(result[name].sel(model=PLASTIC)) for name in ("spikes", "vesicles"))
    events = f"{spikes:.4g} spikes reach synapses and {vesicles:.4g} vesicles are released per image"
    total = float(spent.sum())
    values = {**dict(zip(map(str, spent.mechanism.values), spent.values, strict=True)), "all": total}
    how = f"of all; {events}; a weight of one stands for 10 mV"
    return {m: exactly(v, n=n, unit="images", how=f"{v / total:.2%} {how}") for m, v in values.items()}


def bits_per_atp(result: xr.Dataset, model: str) -> tuple[Estimate, str]:
    """Return the bits about the class per 10^9 ATP at the best presentation time, and which that is."""
    times = result.time.to_numpy()
    answered = result.answer.sel(model=model).transpose("time", "image").to_numpy()
    # Neurons fire at constant rates during a presentation, so that ATP grows as time does.
    billions = 1e-9 * float(result.energy.sel(model=model).sum()) * times / times[-1]
    how = "information of the answer (bias-corrected), ATP proportional to time; one network"
    bits, best, by_duration = information_per_cost(answered, result.label.to_numpy(), billions, how=how)
    at = f"best at {1000 * float(times[best]):g} ms"
    return bits, f"{at}; {by_duration[-1]:.3g} at {1000 * float(times[-1]):g} ms"


def energy_of_reliable(result: xr.Dataset, variable: str, rng: np.random.Generator) -> Estimate:
    """Return the mean of a variable over synapses with p >= 0.9 over that of the others; units are drawn."""
    spent, count = result[variable].to_numpy(), result.unit_count.to_numpy()

    def ratio(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        mean = (weights @ spent) / (weights @ count)
        return mean[:, 0] / mean[:, 1]

    how = f"{count[:, 0].sum() / count.sum():.0%} of the synapses have p >= 0.9; one network"
    return bootstrap(ratio, len(count), rng=rng, n_resamples=2000, unit="units", how=how)


def draw_accuracy(result: xr.Dataset, figure: Figure) -> None:
    """Draw the share of right answers against the presentation time. Spikes: integrate-and-fire neurons whose
    synapses release with their own learned p (orange) or always (blue). Dashed: the rate network with the
    release noise that as many spikes leave."""
    axes = figure.subplots()
    right = 100 * (result.answer == result.label).mean("image")
    time = 1000 * result.time
    axes.plot(time, right.sel(model=PLASTIC), "o-", color=VERMILION, markersize=4, label="spikes, Bernoulli")
    axes.plot(time, right.sel(model=RELIABLE), "s-", color=BLUE, markersize=3, label="spikes, p = 1")
    averaged = 100 * (result.averaged_answer == result.label).mean("image")
    axes.plot(time, averaged, "--", color=VERMILION, label="rates, release averaged over the spikes")
    mean = 100 * float((result.rate_answer == result.label).mean())
    error = np.sqrt(mean * (100 - mean) / result.sizes["image"])
    axes.axhspan(mean - error, mean + error, color="black", alpha=0.15, linewidth=0)
    axes.axhline(mean, color="black", linewidth=0.8, label="rates, mean weights ± standard error")
    axes.set(xscale="log", xlabel=f"presentation time (ms), peak rate {result.attrs['peak_rate']:g} Hz")
    axes.set_ylabel(f"right answers (%), {result.sizes['image']} images")
    axes.legend(fontsize=8, loc="lower right")


def draw_lesions(result: xr.Dataset, figure: Figure) -> None:
    """Draw the share of right answers after synapses were removed, by order of removal, in rates (dashed,
    mean weights) and in spikes (dots)."""
    axes = figure.subplots()
    right = 100 * result.lesion_right.mean("image")
    whole = 100 * float((result.answer.sel(model=PLASTIC).isel(time=-1) == result.label).mean())
    x = np.append(0.0, 100 * result.fraction)
    for order, colour in zip(conversion.LESION_ORDERS, (VERMILION, PURPLE, BLUE), strict=True):
        for rendering, style in (("rate", "--"), ("spiking", "o-")):
            y = np.append(whole, right.sel(order=order, rendering=rendering))
            axes.plot(x, y, style, color=colour, markersize=4, label=f"{order}, {rendering}")
    axes.set(xlabel="synapses removed (%)", ylabel=f"right answers (%), {result.sizes['image']} images")
    axes.legend(fontsize=8)


def draw_energy(result: xr.Dataset, figure: Figure) -> None:
    """Left: ATP of all synapses per image, by mechanism. Right: ATP per image of a synapse with p of at least
    0.9 and of one with less."""
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    position = np.arange(result.sizes["mechanism"])
    for shift, (model, colour) in zip((-0.2, 0.2), ((PLASTIC, VERMILION), (RELIABLE, BLUE)), strict=True):
        left.barh(position + shift, result.energy.sel(model=model), 0.38, color=colour, label=model)
    left.set_yticks(position, [str(name) for name in result.mechanism.values])
    left.set(xscale="log", xlabel="ATP per image")
    left.legend(fontsize=8)
    total, count = result.unit_energy.sum("unit"), result.unit_count.sum("unit")
    right.bar([0, 1], total / count, color=[VERMILION, SKY])
    right.set_xticks([0, 1], [f"p ≥ 0.9\n({int(count[0])})", f"p < 0.9\n({int(count[1])})"])
    right.set_ylabel("ATP per synapse and image")


FIGURES: dict[str, Callable[[xr.Dataset, Figure], None]] = {
    "accuracy": draw_accuracy,
    "lesions": draw_lesions,
    "energy": draw_energy,
}
"""Panels by name."""
