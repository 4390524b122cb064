"""Costs on the scale of the loss, and moments of the weights."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn.utils import parametrizations

from rate_models.nn import (
    BernoulliLinear,
    EntropyCost,
    GaussianConv2d,
    GaussianLinear,
    PowerCost,
    add_noise,
    gaussian_kl,
    magnitude_cost,
    other_parameters,
    release,
    reliability_cost,
    weight_moments,
)
from rate_models.reliability_cost import total_cost


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(
        GaussianConv2d(1, 2, 3, sigma=0.2), nn.ReLU(), GaussianLinear(4, 3, sigma=torch.rand(3, 4) + 0.1)
    ).double()


def test_reliability_cost_is_that_of_the_engine(model):
    sigmas = torch.cat([moments.sd.flatten() for moments in weight_moments(model).values()])
    for costs in (PowerCost(0.1, 0.5), EntropyCost(), (PowerCost(0.1, 0.5), PowerCost(0.2, 2.0))):
        expected = total_cost(costs, sigmas.numpy())
        assert reliability_cost(model, costs, n_data=100).item() == pytest.approx(expected / 100)
        summed = reliability_cost(model, costs, n_data=100, loss="sum", batch_size=20).item()
        assert summed == pytest.approx(expected / 5)


@pytest.mark.parametrize("normed", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_costs_and_moments_are_of_the_weight_that_becomes_stochastic(normed):
    layer = normed(nn.Linear(4, 3)).eval()
    weight = layer.weight.detach()
    noisy = add_noise(layer, sigma=0.5)
    mean, sd = weight_moments(noisy)["weight"]
    torch.testing.assert_close(mean, weight)
    torch.testing.assert_close(sd, torch.full((3, 4), 0.5))
    cost = magnitude_cost(noisy, 1.0, n_data=1)
    assert cost.item() == pytest.approx(weight.abs().sum().item())
    (cost + gaussian_kl(noisy, prior_sd=1.0, n_data=1)).backward()
    assert all(each.grad.abs().sum() > 0 for name, each in noisy.named_parameters() if name != "bias")
    assert len(other_parameters(nn.Sequential(release(normed(nn.Linear(4, 3))), BernoulliLinear(3, 2)))) >= 3


@pytest.mark.parametrize("shares", ["noise", "phi"])
def test_tied_weights_are_paid_for_once(shares):
    first, second = (GaussianLinear(3, 3, sigma=0.2, noisy_bias=False) for _ in range(2))
    second.weight, model = first.weight, nn.Sequential(first, second)
    assert magnitude_cost(model, 1.0, n_data=1) == magnitude_cost(first, 1.0, n_data=1)
    assert reliability_cost(model, PowerCost(0.1, 0.5), n_data=1) > 1.5 * reliability_cost(
        first, PowerCost(0.1, 0.5), n_data=1
    )
    if shares == "noise":
        second.noise = first.noise
    else:
        second.noise.phi = first.noise.phi
    for each in (PowerCost(0.1, 0.5), (PowerCost(0.1, 0.5), EntropyCost())):
        assert reliability_cost(model, each, n_data=1) == reliability_cost(first, each, n_data=1)
    assert gaussian_kl(model, 1.0, n_data=1) == gaussian_kl(first, 1.0, n_data=1)
    assert set(weight_moments(model)) == {"0.weight", "1.weight"}


def test_divergence_is_that_of_torch(model):
    expected = sum(
        kl_divergence(Normal(moments.mean, moments.sd), Normal(0.0, 0.7)).sum()
        for moments in weight_moments(model).values()
    )
    assert gaussian_kl(model, 0.7, n_data=1).item() == pytest.approx(expected.item())


def test_costs_have_gradients_by_the_noise_and_the_mean(model):
    (
        reliability_cost(model, PowerCost(0.1, 0.5), n_data=10) + magnitude_cost(model, 0.1, n_data=10)
    ).backward()
    assert all(parameter.grad.abs().min() > 0 for parameter in model.parameters())


def test_release_has_the_moments_of_a_binomial():
    layer = BernoulliLinear(3, 2, p=0.2)
    moments = weight_moments(layer)["weight"]
    torch.testing.assert_close(moments.sd, layer.weight.abs().detach() * 2)
    assert torch.equal(moments.mean, layer.weight)


def test_a_learned_p_pays_for_reliability():
    layer = BernoulliLinear(3, 2, p=0.2, learn_p="straight_through")
    reliability_cost(layer, PowerCost(0.1, 0.5), n_data=10).backward()
    # Less noise costs more: descent lowers p.
    assert (layer.release.logit.grad > 0).all()


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (
            lambda: reliability_cost(BernoulliLinear(3, 2), EntropyCost(), n_data=1),
            ValueError,
            "learns its noise",
        ),
        (lambda: gaussian_kl(BernoulliLinear(3, 2), 1.0, n_data=1), ValueError, "learns its noise"),
        (lambda: magnitude_cost(nn.Linear(3, 2), 1.0, n_data=1), ValueError, "nothing in this Linear"),
        (lambda: reliability_cost(GaussianLinear(3, 2), 0.5, n_data=1), TypeError, "PowerCost"),
        (
            lambda: gaussian_kl(GaussianLinear(3, 2), 0.0, n_data=1),
            ValueError,
            "prior_sd must be a number above 0",
        ),
        (
            lambda: magnitude_cost(GaussianLinear(3, 2), -1.0, n_data=1),
            ValueError,
            "strength must be a .* from 0",
        ),
        (lambda: magnitude_cost(GaussianLinear(3, 2), "1", n_data=9), TypeError, "strength must be a number"),
        (lambda: magnitude_cost(GaussianLinear(3, 2), 1.0, n_data="9"), TypeError, "n_data must be a whole"),
        (lambda: magnitude_cost(GaussianLinear(3, 2), 1.0, n_data=0), ValueError, "n_data must be"),
        (lambda: magnitude_cost(GaussianLinear(3, 2), 1.0, n_data=9, loss="sum"), ValueError, "batch_size"),
        (lambda: magnitude_cost(GaussianLinear(3, 2), 1.0, n_data=9, batch_size=3), ValueError, "batch_size"),
        (
            lambda: magnitude_cost(GaussianLinear(3, 2), 1.0, n_data=9, loss="all"),
            ValueError,
            "'mean' or 'sum'",
        ),
    ],
)
def test_wrong_input_is_named(make, error, match):
    with pytest.raises(error, match=match):
        make()
