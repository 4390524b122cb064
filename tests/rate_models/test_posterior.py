"""Posteriors: Laplace against the exact curvature, variational inference of a linear model against theory."""

import numpy as np
import pytest
import torch

from rate_models.experiments.linear_regression import Config, run
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.posterior import laplace_sd

RNG = np.random.default_rng(0)
IMAGES = torch.from_numpy(RNG.normal(size=(30, 4)))


def test_laplace_is_the_inverse_root_of_the_softmax_curvature_and_the_prior():
    layout = Layout((4, 3))
    means = torch.randn(
        2, layout.n_parameters, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    network = FeedForward(layout)
    answer = torch.softmax(network.logits(IMAGES.expand(2, -1, -1), means), dim=-1)
    # Without hidden units the second derivative by w_ji is the sum over images of p_j (1 - p_j) x_i^2.
    hessian = torch.einsum("rnj,ni->rji", answer * (1 - answer), IMAGES**2).flatten(1)
    found = laplace_sd(network, means, IMAGES, prior_sd=0.5)
    torch.testing.assert_close(found[:, : layout.n_weights], (hessian + 4.0).rsqrt())


def test_laplace_without_a_prior_knows_nothing_of_a_silent_input():
    silent = IMAGES.clone()
    silent[:, 0] = 0
    found = laplace_sd(FeedForward(Layout((4, 2))), torch.zeros(1, 10, dtype=torch.float64), silent)
    assert torch.isinf(found[0, 0]) and torch.isfinite(found[0, 1])
    with pytest.raises(ValueError, match="prior's standard deviation must be positive"):
        laplace_sd(FeedForward(Layout((4, 2))), torch.zeros(1, 10), IMAGES.float(), prior_sd=-1.0)


@pytest.fixture(scope="module")
def regression():
    return run(Config(n_inputs=8, n_data=60, n_steps=1500, seeds=(1, 2)))


def test_trained_noise_of_a_linear_unit_is_the_optimum(regression):
    log_ratio = np.log(regression.sigma / regression.optimum)
    assert float(abs(log_ratio.mean())) < 0.02
    assert float(abs(log_ratio).max()) < 0.15
    # The costs ask for standard deviations that differ by far more than that.
    assert float(regression.optimum.isel(rho=0).max() / regression.optimum.isel(rho=-1).max()) > 1.4


def test_variational_posterior_of_a_linear_unit_is_exact_where_inputs_are_independent(regression):
    ratio = regression.posterior_sd / regression.exact_posterior_sd
    np.testing.assert_allclose(ratio.mean("seed"), 1.0, atol=0.15)


def test_too_few_inputs_are_named():
    with pytest.raises(ValueError, match="n_inputs must be a whole number from 3 on, such as 24, got 2"):
        Config(n_inputs=2)
