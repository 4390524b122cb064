"""Conversion to spikes: the background goes into the biases exactly, lesions take the right synapses."""

from dataclasses import replace

import numpy as np
import pytest

from validation.experiments.converted_network import (
    RateNetwork,
    converted,
    lesioned,
    logits_with_averaged_release,
    peaks_of,
    reliable,
    shown_images,
)

SHAPES = ((7, 9), (3, 7))


@pytest.fixture
def network():
    rng = np.random.default_rng(3)
    return RateNetwork(
        tuple(rng.normal(size=shape) for shape in SHAPES),
        tuple(rng.normal(size=shape[0]) for shape in SHAPES),
        tuple(rng.uniform(0.2, 1.0, shape) for shape in SHAPES),
    )


@pytest.fixture
def pixels():
    return np.random.default_rng(4).normal(size=(40, 9))


def logits(network, pixels):
    hidden = np.maximum(pixels @ network.weights[0].T + network.biases[0], 0)
    return hidden @ network.weights[1].T + network.biases[1]


def test_background_goes_into_the_biases_exactly(network, pixels):
    offset = pixels.min()
    found = converted(network, offset, (1.0, 1.0)).activities(pixels - offset)[-1]
    np.testing.assert_allclose(found, logits(network, pixels), atol=1e-12)


def test_background_of_lesioned_synapses_is_gone_too(network, pixels):
    offset = pixels.min()
    cut = lesioned(network, "lowest p first", 0.5, rng=np.random.default_rng(0))
    found = converted(cut, offset, (1.0, 1.0)).activities(pixels - offset)[-1]
    np.testing.assert_allclose(found, logits(cut, pixels), atol=1e-12)


def test_peaks_are_what_few_activities_exceed(network, pixels):
    peaks = peaks_of(network, pixels, pixels.min())
    hidden = converted(network, pixels.min(), peaks).activities(pixels - pixels.min())[0]
    assert np.mean(pixels - pixels.min() > peaks[0]) <= 0.003
    assert 0 < np.mean(hidden > peaks[1]) <= 0.005


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_lesion_takes_the_synapses_with_the_lowest_p(network, fraction):
    cut = lesioned(network, "lowest p first", fraction, rng=np.random.default_rng(0))
    p = np.concatenate([part.ravel() for part in network.p])
    is_gone = np.concatenate([w.ravel() == 0 for w in cut.weights])
    assert is_gone.sum() == round(fraction * p.size)
    if 0 < fraction < 1:
        assert p[is_gone].max() < p[~is_gone].min()


def test_random_lesion_does_not_look_at_p(network):
    cut = lesioned(network, "random order", 0.5, rng=np.random.default_rng(0))
    p = np.concatenate([part.ravel() for part in network.p])
    is_gone = np.concatenate([w.ravel() == 0 for w in cut.weights])
    assert p[is_gone].max() > p[~is_gone].min()


@pytest.mark.parametrize(
    ("order", "fraction", "message"),
    [("by name", 0.5, "order must be one of lowest p first"), ("random order", 1.5, "from 0 to 1")],
)
def test_wrong_lesion_is_refused(network, order, fraction, message):
    with pytest.raises(ValueError, match=message):
        lesioned(network, order, fraction, rng=np.random.default_rng(0))


def test_reliable_network_has_no_release_noise(network, pixels):
    sure = converted(reliable(network), pixels.min(), (1.0, 1.0))
    shifted = pixels - pixels.min()
    found = logits_with_averaged_release(sure, shifted, 1.0, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found, sure.activities(shifted)[-1])


@pytest.mark.parametrize("n", [1, 4])
def test_variance_of_averaged_release_is_that_of_drawn_releases(n):
    rng = np.random.default_rng(5)
    weights, p = rng.normal(size=(2, 6)), rng.uniform(0.2, 0.9, (2, 6))
    network = RateNetwork((weights,), (np.zeros(2),), (p,), (np.full((2, 6), n),))
    classifier = converted(network, 0.0, (2.0,))
    activity, n_peak_spikes, n_draws = np.array([2.0, 1.0, 0.5, 2.0, 1.5, 0.0]), 20, 20_000
    spikes = (activity / 2.0 * n_peak_spikes).astype(int)
    released = rng.binomial(spikes * n, p, size=(n_draws, 2, 6)) / (n * p)
    drawn = (released * weights * 2.0 / n_peak_spikes).sum(axis=-1)
    found = logits_with_averaged_release(classifier, np.tile(activity, (n_draws, 1)), n_peak_spikes, rng=rng)
    for one, other in ((found.mean(axis=0), drawn.mean(axis=0)), (weights @ activity, drawn.mean(axis=0))):
        assert np.abs(one - other).max() < 5 * np.sqrt(2 * drawn.var(axis=0).max() / n_draws)
    assert found.var(axis=0) == pytest.approx(drawn.var(axis=0), rel=5 * np.sqrt(2 / n_draws) * 1.5)


def test_release_probability_survives_conversion(network):
    changed = replace(network, p=tuple(np.full_like(p, 0.3) for p in network.p))
    assert all(np.all(p == 0.3) for p in converted(changed, -1.0, (1.0, 1.0)).p)


def test_no_shown_pixel_is_negative_and_training_images_stay_as_they_are():
    load_images = pytest.importorskip("rate_models.datasets").load_images
    data = load_images("digits")
    shown = shown_images(data, 7)
    assert shown.pixels.shape == (7, 64) and shown.pixels.min() >= 0 and shown.offset < 0
    np.testing.assert_allclose(
        shown.pixels + shown.offset, data.test_images[:7].double().numpy(), rtol=0, atol=1e-12
    )
    np.testing.assert_array_equal(shown.training, data.train_images.double().numpy())
    assert shown.labels.tolist() == data.test_labels[:7].tolist()
