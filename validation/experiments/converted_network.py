"""Turn trained rate networks into networks of integrate-and-fire neurons, and predict what these answer.

Pixels are normalised, so that the background is negative, and a rate cannot be. What the lowest pixel value
contributes is therefore put into the biases of the first layer, exactly: W x + b = W (x - x_min) +
(b + x_min W 1). Synapses of background pixels then stay silent, and their release adds no noise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray

from biophys.argument_types import OneOf, Share, checked_types
from brianpresyn.experiments import spiking_classifier
from brianpresyn.experiments.spiking_classifier import Classifier
from rate_models.datasets import ImageData, training_work
from rate_models.layout import Layout

PEAK_PERCENTILE = 99.9
"""Share of the activities of a layer that its peak rate covers (Rueckauer et al. 2017: 99.9 %)."""

_N_TRAINING_IMAGES = 5000

LESION_ORDERS = ("lowest p first", "smallest strength first", "random order")


@dataclass(frozen=True, eq=False)
class RateNetwork:
    """A trained rectifying network with release, as plain arrays.

    Parameters
    ----------
    weights, biases : mean strengths (out, in) and biases (out,) of every layer
    p, n : release probability and number of sites of every synapse; n None for one site each
    """

    weights: tuple[NDArray[np.float64], ...]
    biases: tuple[NDArray[np.float64], ...]
    p: tuple[NDArray[np.float64], ...]
    n: tuple[NDArray[np.int64], ...] | None = None


@dataclass(frozen=True, eq=False)
class ShownImages:
    """Test images as neurons can show them, their right answers, and what a conversion for them needs."""

    pixels: NDArray[np.float64]
    """Less the offset, so that none is negative, shape (image, pixel)."""
    labels: NDArray[np.int64]
    training: NDArray[np.float64]
    """Training images as they are, from which peak activities are taken."""
    offset: float
    """The lowest pixel value."""


def shown_images(data: ImageData, n_images: int) -> ShownImages:
    """Return the first test images of a data set."""
    images = data.test_images[:n_images].double().numpy()
    training = data.train_images[:_N_TRAINING_IMAGES].double().numpy()
    offset = float(min(training.min(), images.min()))
    return ShownImages(images - offset, data.test_labels[:n_images].numpy(), training, offset)


def by_layer(layout: Layout, flat: Any) -> tuple[NDArray[np.float64], ...]:
    """Return one value per synapse, (weights,) in the order of a layout, as arrays (out, in) by layer."""
    # A copy: torch does not take arrays that cannot be written to.
    row = torch.as_tensor(np.array(flat))[None]
    return tuple(part[0].double().cpu().numpy() for part in layout.weights(row))


def biases_of(layout: Layout, parameters: Any) -> tuple[NDArray[np.float64], ...]:
    """Return the biases of every layer out of all parameters, shape (parameters,)."""
    row = torch.as_tensor(parameters)[None]
    return tuple(part[0].double().cpu().numpy() for part in layout.biases(row))


def peaks_of(network: RateNetwork, pixels: NDArray[np.float64], offset: float) -> tuple[float, ...]:
    """Return the activity of pixels and hidden units that few exceed, layer by layer, in training images."""
    shifted = pixels - offset
    activities = converted(network, offset, (1.0,) * len(network.weights)).activities(shifted)[:-1]
    return tuple(float(np.percentile(each, PEAK_PERCENTILE)) for each in (shifted, *activities))


def converted(network: RateNetwork, offset: float, peaks: tuple[float, ...]) -> Classifier:
    """Return the network for pixels from which `offset` was subtracted, with what `peaks_of` returned.

    >>> network = RateNetwork((np.array([[2.0, -1.0]]),), (np.array([0.5]),), (np.ones((1, 2)),))
    >>> pixels = np.array([[-0.4, 1.0]])
    >>> converted(network, -0.4, (1.0,)).activities(pixels + 0.4)[-1].round(6).tolist()
    [[-1.3]]
    """
    first = network.biases[0] + offset * network.weights[0].sum(axis=1)
    return Classifier(network.weights, (first, *network.biases[1:]), network.p, peaks, network.n)


def reliable(network: RateNetwork) -> RateNetwork:
    """Return the network with the same mean strengths and no failures."""
    return replace(network, p=tuple(np.ones_like(p) for p in network.p), n=None)


@checked_types
def lesioned(
    network: RateNetwork,
    order: Annotated[str, OneOf(LESION_ORDERS)],
    fraction: Share,
    *,
    rng: np.random.Generator,
) -> RateNetwork:
    """Return the network with the first share of its synapses in `order` silenced; all layers are pooled.

    Parameters
    ----------
    network : the network
    order, fraction
        One of `LESION_ORDERS`, ties broken at random, and the share of the synapses, 0..1; else a ValueError.
    rng : breaks ties, and makes the random order
    """
    score = {
        "lowest p first": lambda: np.concatenate([p.ravel() for p in network.p]),
        "smallest strength first": lambda: np.abs(np.concatenate([w.ravel() for w in network.weights])),
        "random order": lambda: np.zeros(sum(w.size for w in network.weights)),
    }[order]()
    rank = np.empty(score.size, dtype=np.int64)
    rank[np.lexsort((rng.random(score.size), score))] = np.arange(score.size)
    is_kept = rank >= round(fraction * score.size)
    ends = np.cumsum([w.size for w in network.weights])[:-1]
    kept = [part.reshape(w.shape) for part, w in zip(np.split(is_kept, ends), network.weights, strict=True)]
    return replace(
        network, weights=tuple(np.where(k, w, 0.0) for k, w in zip(kept, network.weights, strict=True))
    )


def logits_with_averaged_release(
    classifier: Classifier, pixels: NDArray[np.float64], n_peak_spikes: float, *, rng: np.random.Generator
) -> NDArray[np.float64]:
    r"""Return what the rate network answers if release is averaged over the spikes of a presentation.

    A unit of activity a spikes :math:`K a / \lambda` times, K being the number of spikes at the peak rate, so
    that the sum of its releases carries a variance of

    .. math:: w^2 \frac{\lambda a}{K} \frac{1 - p}{n p}

    into every unit that it drives. Spikes themselves are taken as if there were no end of them.

    Pixels are those of shifted images, shape (image, pixel); `n_peak_spikes` is K.
    """
    activity = np.asarray(pixels, dtype=float)
    drive = activity
    n_sites: Sequence[Any] = classifier.n or (1,) * len(classifier.weights)
    layers = zip(classifier.weights, classifier.biases, classifier.p, n_sites, classifier.peaks, strict=True)
    for weight, bias, p, n, peak in layers:
        variance = activity @ (weight**2 * (1 - p) / (n * p)).T * (peak / n_peak_spikes)
        drive = activity @ weight.T + bias + np.sqrt(variance) * rng.normal(size=variance.shape)
        activity = np.maximum(drive, 0.0)
    return drive


def averaged_answers(
    classifiers: Iterable[Classifier],
    pixels: NDArray[np.float64],
    presentation: spiking_classifier.Config,
    rng: np.random.Generator,
) -> NDArray[np.int8]:
    """Return what rate networks answer with release averaged over presentations, (network, image, time)."""
    n_peak_spikes = presentation.peak_rate * presentation.times
    answered = [
        [logits_with_averaged_release(each, pixels, n, rng=rng).argmax(axis=1) for n in n_peak_spikes]
        for each in classifiers
    ]
    return np.array(answered).transpose(0, 2, 1).astype(np.int8)


_BUILDING = 4e8
"""Work of building a program in C++, measured: most of what a run in small takes."""


def work_of(config: Any, n_trained: int, n_presented: int) -> float:
    """Return the work of training networks and of presenting images to spiking ones, as `training_work`.

    A presentation costs about as much as an update of every synapse for each spike at the peak rate.
    """
    network, n_epochs = (config.data_set, config.hidden_units), config.n_epochs
    n_spikes = config.presentation.duration * config.presentation.peak_rate
    presenting = training_work(*network, n_presented, 1, 1) * config.n_images / 60_000 * n_spikes / 100
    return _BUILDING + training_work(*network, n_trained, n_epochs, config.batch_size) + presenting
