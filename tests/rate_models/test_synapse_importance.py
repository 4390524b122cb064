"""Importance of synapses: gradients of batches against autograd, estimators of curvature, input rates."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rate_models.datasets import ImageData
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.stochastic_layers import DeterministicSynapses, GaussianSynapses
from rate_models.synapse_importance import batch_gradients, image_curvature, input_rates

RNG = np.random.default_rng(0)
LAYOUT = Layout((5, 4, 3))
NETWORK = FeedForward(LAYOUT)
DATA = ImageData(
    "noise",
    torch.from_numpy(RNG.normal(size=(40, 5))),
    torch.from_numpy(RNG.integers(3, size=40)),
    torch.zeros(1, 5),
    torch.zeros(1, dtype=torch.int64),
    n_classes=3,
)
DOUBLE = Execution(dtype="float64")


def gradient_of(weights, images, labels):
    leaf = weights.clone().requires_grad_()
    logits = NETWORK.logits(images[None], leaf[None])[0]
    F.cross_entropy(logits, labels, reduction="sum").backward()
    return leaf.grad


def gaussian(sigma=0.3):
    return GaussianSynapses(LAYOUT, [1, 2], initial_sigma=sigma, mean_range=1.0, execution=DOUBLE)


def test_moments_of_quiet_synapses_are_those_of_single_gradients():
    synapses = DeterministicSynapses(LAYOUT, [1, 2], execution=DOUBLE)
    # Batches of one image: their order does not matter.
    found = batch_gradients(NETWORK, synapses, DATA, n_epochs=1, batch_size=1)
    for replica in range(2):
        each = [
            gradient_of(synapses.learned[replica], DATA.train_images[i : i + 1], DATA.train_labels[i : i + 1])
            for i in range(40)
        ]
        stacked = torch.stack(each)
        torch.testing.assert_close((found.squares / found.n_steps)[replica], stacked.square().mean(dim=0))
        torch.testing.assert_close((found.sizes / found.n_steps)[replica], stacked.abs().mean(dim=0))
    torch.testing.assert_close(found.learning_rate(0.1), 0.1 * found.n_steps / found.sizes)


def test_learning_nothing_changes_nothing():
    synapses = gaussian()
    before = synapses.learned.clone()
    batch_gradients(NETWORK, synapses, DATA, n_epochs=2, batch_size=8)
    assert torch.equal(synapses.learned, before)


def test_batches_that_share_a_draw_have_more_squared_gradient_than_their_images():
    synapses = gaussian(sigma=1.0)
    of_batches = batch_gradients(NETWORK, synapses, DATA, n_epochs=20, batch_size=10).hessian
    of_images = image_curvature(NETWORK, synapses, DATA, "noisy", images_per_draw=1)
    assert of_batches.mean() > of_images.mean()


def test_curvature_without_noise_is_the_second_derivative_of_the_last_layer():
    synapses = gaussian(sigma=1e-9)
    found = image_curvature(NETWORK, synapses, DATA, "curvature")
    weights = synapses.expected()[0].clone()
    mean_loss = lambda w: F.cross_entropy(  # noqa: E731
        NETWORK.logits(DATA.train_images[None], w[None])[0], DATA.train_labels
    )
    hessian = torch.autograd.functional.hessian(mean_loss, weights).diagonal()
    last = LAYOUT.weight_slices[-1]
    torch.testing.assert_close(found[0, last], hessian[last], rtol=1e-5, atol=1e-8)


def test_estimators_at_the_mean_agree_where_there_is_no_noise():
    synapses = gaussian(sigma=1e-9)
    noisy = image_curvature(NETWORK, synapses, DATA, "noisy")
    torch.testing.assert_close(
        noisy, image_curvature(NETWORK, synapses, DATA, "at_mean"), rtol=1e-5, atol=1e-9
    )
    with pytest.raises(
        ValueError, match="estimator must be one of noisy, at_mean, curvature, got 'minibatch'"
    ):
        image_curvature(NETWORK, synapses, DATA, "minibatch")


def test_input_rates_are_means_of_size_and_square():
    synapses = gaussian(sigma=1e-9)
    found = input_rates(NETWORK, synapses, DATA, images_per_draw=7)
    torch.testing.assert_close(found.rate[0][1], DATA.train_images.abs().mean(dim=0))
    hidden = NETWORK.activities(DATA.train_images.expand(2, -1, -1), synapses.expected())[1]
    torch.testing.assert_close(found.power[1], hidden.square().mean(dim=1), rtol=1e-5, atol=1e-8)


def test_published_learning_rate_is_per_image():
    synapses = gaussian(sigma=1e-6)
    found = batch_gradients(NETWORK, synapses, DATA, n_epochs=1, batch_size=40)
    mean = synapses.learned[0, : LAYOUT.n_parameters]
    per_image = gradient_of(mean, DATA.train_images, DATA.train_labels).abs() / 40
    expected = 0.01 / per_image[per_image > 1e-9]
    np.testing.assert_allclose(found.learning_rate(0.01)[0][per_image > 1e-9], expected, rtol=1e-3)
