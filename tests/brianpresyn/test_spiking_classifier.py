"""The spiking classifier: rates are rectified sums, release averages to the weights, reruns equal runs."""

from dataclasses import replace

import numpy as np
import pytest

from brianpresyn.experiments import spiking_classifier as experiment
from brianpresyn.experiments.spiking_classifier import Classifier, Config, answers

pytest.importorskip("xarray")

SIZES = (6, 5, 4, 3)
SHORT = Config(duration=0.4, n_readouts=4, n_processes=1, target="numpy")


def network(p=1.0, n=None, seed=0):
    rng = np.random.default_rng(seed)
    shapes = list(zip(SIZES[1:], SIZES[:-1], strict=True))
    return Classifier(
        weights=tuple(rng.normal(0, 0.6, shape) for shape in shapes),
        biases=tuple(rng.normal(0, 0.1, shape[0]) for shape in shapes),
        p=tuple(np.full(shape, p) for shape in shapes),
        peaks=(1.0, 2.0, 2.0),
        n=None if n is None else tuple(np.full(shape, n) for shape in shapes),
    )


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((5, SIZES[0]))


@pytest.fixture(scope="module")
def reliable(images):
    return experiment.present(SHORT, {"reliable": network()}, images).isel(network=0)


def test_rates_of_reliable_network_are_its_activities(reliable, images):
    # Between the spikes of a unit lies one threshold: a count is off by a few spikes of 100.
    first = 0
    for activity, spike in zip((images, *network().activities(images)[:-1]), (1.0, 2.0, 2.0), strict=True):
        rate = reliable.rate[:, first : first + activity.shape[1]]
        first += activity.shape[1]
        np.testing.assert_allclose(rate, activity, atol=4 * spike / 100)


def test_potential_of_outputs_is_the_logits(reliable, images):
    logits = network().activities(images)[-1]
    # A few spikes of the last hidden layer, each worth its peak / 100 times a weight.
    np.testing.assert_allclose(reliable.potential.isel(time=-1), logits, atol=0.1)


def test_images_do_not_leave_traces(reliable, images):
    alone = experiment.present(SHORT, {"reliable": network()}, images[2:3]).isel(network=0)
    np.testing.assert_allclose(alone.potential[0], reliable.potential[2], atol=1e-9)
    np.testing.assert_allclose(alone.rate[0], reliable.rate[2], atol=1e-9)


@pytest.mark.parametrize("n", [None, 3])
def test_release_transmits_the_weights_on_average(images, n):
    p = 0.3
    one = replace(network(p=p, n=n), biases=tuple(np.zeros(size) for size in SIZES[1:]))
    single = Classifier(one.weights[:1], one.biases[:1], one.p[:1], (1.0,), one.n and one.n[:1])
    found = experiment.present(SHORT, {"release": single}, images).isel(network=0)
    expected = single.activities(images)[-1]
    variance = (images * 1.0) @ (single.weights[0] ** 2 * (1 - p) / ((n or 1) * p)).T / 100
    z = (found.potential.isel(time=-1).to_numpy() - expected) / np.sqrt(variance + 0.02**2)
    assert np.abs(z).max() < 5
    assert np.std(z) > 0.3
    vesicles = float(found.n_vesicles / found.n_spikes)
    assert vesicles == pytest.approx((n or 1) * p, abs=5 * np.sqrt((n or 1) * p / float(found.n_spikes)))


def test_energy_adds_up(reliable):
    assert float(reliable.energy.sum()) == pytest.approx(float(reliable.synapse_energy.sum()), rel=1e-9)
    assert np.all(reliable.synapse_energy > 0)


def test_synapse_energies_are_in_the_order_of_the_weights(images):
    base = network()
    weights = [np.zeros_like(w) for w in base.weights]
    weights[0][3, 1] = 1.0
    one = replace(base, weights=tuple(weights), p=tuple(np.full(w.shape, 0.5) for w in weights))
    found = experiment.present(SHORT, {"one": one}, images).isel(network=0)
    assert int(np.argmax(found.synapse_energy.to_numpy())) == 3 * SIZES[0] + 1


def test_poisson_pixels_have_the_same_mean_rate(images):
    noisy = experiment.present(
        replace(SHORT, encoding="poisson"), {"reliable": network()}, np.repeat(images, 4, 0)
    )
    counts = 100 * noisy.rate.isel(network=0)[:, : SIZES[0]].to_numpy().reshape(5, 4, -1).mean(axis=1)
    error = np.sqrt(100 * images / 4)
    assert np.abs((counts - 100 * images) / error).max() < 5
    assert np.std((counts - 100 * images) / error) > 0.5


def test_answer_is_the_highest_potential(reliable):
    expected = reliable.potential.to_numpy().argmax(axis=-1)
    assert answers(reliable.expand_dims("network")).isel(network=0).to_numpy().tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peaks": (1.0, 2.0)}, "peaks must be 3 activities above 0"),
        ({"peaks": (1.0, 0.0, 2.0)}, "peaks must be 3 activities above 0"),
        ({"biases": (np.zeros(5), np.zeros(4), np.zeros(2))}, "as many biases as units"),
        ({"p": tuple(np.zeros(w.shape) for w in network().weights)}, "p must be above 0"),
        ({"n": tuple(np.full(w.shape, 0.5) for w in network().weights)}, "n must be a whole number"),
    ],
)
def test_wrong_network_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(network(), **change)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"duration": 0.1, "n_readouts": 7}, "that n_readouts=7 divides"),
        ({"peak_rate": 2000.0}, "peak_rate must be a number above 0 and at most 1000"),
        ({"encoding": "burst"}, "encoding must be 'regular' or 'poisson'"),
    ],
)
def test_wrong_presentation_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Config(**settings)


def test_negative_pixels_name_the_remedy(images):
    with pytest.raises(ValueError, match=r"must not be negative, got -0\.5: subtract the lowest value"):
        experiment.present(SHORT, {"a": network()}, images - images.min() - 0.5)


@pytest.mark.standalone
def test_standalone_rerun_equals_runs_of_their_own(images):
    both = {"reliable": network(), "failing": network(p=0.4, seed=2)}
    program = experiment.present(replace(SHORT, target="cpp_standalone"), both, images)
    for name, one in both.items():
        alone = experiment.present(SHORT, {name: one}, images).isel(network=0)
        np.testing.assert_allclose(program.potential.sel(network=name), alone.potential, atol=1e-9)
        np.testing.assert_allclose(program.energy.sel(network=name), alone.energy, rtol=1e-9)
        assert int(program.n_vesicles.sel(network=name)) == int(alone.n_vesicles)
