"""Diagonal Fisher information: against torch.func image by image, and its three expectations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.func import grad, vmap

from rate_models.fisher import diagonal_fisher, gradients_of
from rate_models.layout import Layout
from rate_models.networks import FeedForward

LAYOUT = Layout((7, 6, 5, 4))
NETWORK = FeedForward(LAYOUT)
N_IMAGES = 23


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(5)
    parameters = torch.from_numpy(np.stack([2 * LAYOUT.initial_parameters(rng=rng) for _ in range(3)]))
    images = torch.from_numpy(rng.normal(size=(N_IMAGES, 7)))
    return parameters, images, torch.from_numpy(rng.integers(4, size=N_IMAGES))


def log_answer(row, image, one_hot):
    """Return log P(label | image) of one network, written plainly."""
    flat, activity = row[None], image
    layers = list(zip(LAYOUT.weights(flat), LAYOUT.biases(flat), strict=True))
    for index, (weight, bias) in enumerate(layers):
        activity = weight[0] @ activity + bias[0]
        if index < len(layers) - 1:
            activity = F.relu(activity)
    return F.log_softmax(activity, dim=-1) @ one_hot


def reference_gradients(parameters, images, labels):
    """Return the gradient of every image by torch.func, (replica, image, parameters)."""
    of_images = vmap(grad(log_answer), in_dims=(None, 0, 0))
    one_hot = torch.eye(4, dtype=images.dtype)[labels]
    return torch.stack([of_images(row, images, one_hot) for row in parameters])


def test_empirical_fisher_is_the_mean_square_of_single_image_gradients(case):
    parameters, images, labels = case
    expected = reference_gradients(parameters, images, labels).square().mean(dim=1)
    found = diagonal_fisher(NETWORK, parameters, images, labels, images_per_pass=10)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_expected_fisher_weights_every_label_by_the_answer(case):
    parameters, images, labels = case
    answer = torch.softmax(NETWORK.logits(images.expand(3, -1, -1), parameters), dim=-1)
    expected = sum(
        (
            reference_gradients(parameters, images, torch.full_like(labels, label)).square()
            * answer[:, :, label, None]
        ).mean(dim=1)
        for label in range(4)
    )
    found = diagonal_fisher(NETWORK, parameters, images, expectation="expected", images_per_pass=7)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_sampled_fisher_is_unbiased(case):
    parameters, images, _ = case
    # Half as large: labels that hardly ever answer would make the distribution of the draws too skewed.
    parameters = parameters / 2
    generator = torch.Generator().manual_seed(11)
    exact = diagonal_fisher(NETWORK, parameters, images, expectation="expected")
    draws = torch.stack(
        [
            diagonal_fisher(NETWORK, parameters, images, expectation="sampled", generator=generator)
            for _ in range(1000)
        ]
    )
    for found, wanted in ((draws, exact), (draws.sum(dim=2), exact.sum(dim=1))):
        error = found.std(dim=0) / np.sqrt(1000)
        difference = (found.mean(dim=0) - wanted).abs()
        assert (difference <= 5 * error).all()
    # The sum over the parameters of a network is known within a hundredth.
    assert (error < 0.01 * wanted).all()


@pytest.mark.parametrize("expectation", ["observed", "sampled", "expected"])
def test_a_network_that_diverged_is_nan_alone(case, expectation):
    parameters, images, labels = case
    damaged = parameters.clone()
    damaged[1] = torch.nan
    fishers = [
        diagonal_fisher(
            NETWORK,
            rows,
            images,
            labels,
            expectation=expectation,
            generator=torch.Generator().manual_seed(1),
        )
        for rows in (parameters, damaged)
    ]
    assert torch.isnan(fishers[1][1]).all()
    torch.testing.assert_close(fishers[0][0], fishers[1][0], rtol=0, atol=0)
    assert torch.isfinite(fishers[1][2]).all()


def test_replicas_may_see_different_images(case):
    parameters, images, labels = case
    order = torch.stack(
        [torch.randperm(N_IMAGES, generator=torch.Generator().manual_seed(k)) for k in range(3)]
    )
    own = diagonal_fisher(NETWORK, parameters, images[order] * 2, labels[order])
    same = diagonal_fisher(NETWORK, parameters, images * 2, labels)
    torch.testing.assert_close(own, same)


def test_chosen_gradients_of_every_image(case):
    parameters, images, labels = case
    chosen = torch.tensor([0, 5, 41, 42, 60, 72, 91])
    found = gradients_of(NETWORK, parameters, images, labels, chosen)
    expected = reference_gradients(parameters, images, labels)[:, :, chosen]
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_missing_labels_generator_and_unknown_expectation_are_refused(case):
    parameters, images, labels = case
    with pytest.raises(ValueError, match="needs labels"):
        diagonal_fisher(NETWORK, parameters, images)
    with pytest.raises(ValueError, match="generator"):
        diagonal_fisher(NETWORK, parameters, images, expectation="sampled")
    with pytest.raises(ValueError, match="observed, sampled, expected, got 'true'"):
        diagonal_fisher(NETWORK, parameters, images, labels, expectation="true")
