"""Reliability and magnitude costs as penalties: slopes against autograd, mixtures, limits, the optimum."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import norm

from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.posterior import GaussianPrior
from rate_models.reliability_cost import (
    EntropyCost,
    MagnitudeCost,
    PowerCost,
    ReliabilityCost,
    evidence_gap,
    optimal_sigma,
    total_cost,
)
from rate_models.stochastic_layers import DeterministicSynapses, GaussianSynapses

LAYOUT = Layout((3, 4, 2))
DOUBLE = Execution(dtype="float64")
RHOS = [0.5, 2 / 3, 4 / 3, 2.0]


def gaussian(n_replicas=1, homogeneous=False):
    synapses = GaussianSynapses(
        LAYOUT, list(range(1, n_replicas + 1)), homogeneous=homogeneous, execution=DOUBLE
    )
    synapses.phi.copy_(
        torch.randn(n_replicas, LAYOUT.n_parameters, generator=torch.Generator().manual_seed(1)) * 3 - 2
    )
    synapses.draw()
    synapses.gradient.zero_()
    return synapses


def slope_by_autograd(synapses, cost_of):
    """Return the derivative of a summed cost by everything learned."""
    leaf = synapses.learned.clone().requires_grad_()
    n = LAYOUT.n_parameters
    cost_of(leaf[:, :n], F.softplus(leaf[:, n:])).sum().backward()
    return leaf.grad


@pytest.mark.parametrize("rho", [*RHOS, 0.1])
def test_slope_of_a_power_cost_is_its_derivative(rho):
    synapses, cost = gaussian(), PowerCost(c=0.3, rho=rho)
    ReliabilityCost(synapses, cost, share=0.25).add_gradient(synapses)
    expected = slope_by_autograd(synapses, lambda mu, sigma: 0.25 * 0.3 * sigma**-rho)
    torch.testing.assert_close(synapses.gradient, expected, rtol=1e-9, atol=1e-12)


def test_slope_of_the_entropy_is_its_derivative():
    synapses = gaussian()
    ReliabilityCost(synapses, EntropyCost(), share=2.0).add_gradient(synapses)
    expected = slope_by_autograd(synapses, lambda mu, sigma: -2.0 * sigma.log())
    torch.testing.assert_close(synapses.gradient, expected, rtol=1e-9, atol=1e-12)


def test_a_mixture_costs_the_sum_of_its_parts():
    synapses = gaussian()
    parts = (PowerCost(0.3, 0.5), PowerCost(0.01, 2.0), EntropyCost())
    ReliabilityCost(synapses, parts, share=1.0).add_gradient(synapses)
    together = synapses.gradient.clone()
    synapses.gradient.zero_()
    for part in parts:
        ReliabilityCost(synapses, part, share=1.0).add_gradient(synapses)
    torch.testing.assert_close(together, synapses.gradient, rtol=1e-9, atol=1e-12)
    sigma = synapses.sigma.numpy()
    assert total_cost(parts, sigma) == pytest.approx(sum(total_cost(part, sigma) for part in parts))


def test_every_replica_pays_its_own_cost_and_those_kept_go_on_doing_so():
    costs = [PowerCost(0.3, 0.5), (PowerCost(1.0, 2.0), PowerCost(0.2, 4 / 3)), EntropyCost()]
    synapses = gaussian(3)
    penalty = ReliabilityCost(synapses, costs, share=0.5)
    penalty.add_gradient(synapses)
    expected = []
    for replica, cost in enumerate(costs):
        single = gaussian()
        single.learned.copy_(synapses.learned[replica])
        single.draw()
        ReliabilityCost(single, cost, share=0.5).add_gradient(single)
        expected.append(single.gradient[0].clone())
    torch.testing.assert_close(synapses.gradient, torch.stack(expected), rtol=1e-9, atol=1e-12)
    synapses.keep([2, 1])
    synapses.gradient.zero_()
    penalty.keep([2, 1])
    penalty.add_gradient(synapses)
    torch.testing.assert_close(
        synapses.gradient, torch.stack([expected[2], expected[1]]), rtol=1e-9, atol=1e-12
    )


def test_magnitude_and_prior_slopes_are_their_derivatives():
    synapses = gaussian(2)
    MagnitudeCost(synapses, [0.1, 0.0], share=0.5).add_gradient(synapses)
    GaussianPrior(synapses, [float("inf"), 0.7], share=0.5).add_gradient(synapses)
    strength = torch.tensor([[0.1], [0.0]], dtype=torch.float64)
    precision = torch.tensor([[0.0], [0.7**-2]], dtype=torch.float64)
    expected = slope_by_autograd(
        synapses, lambda mu, s: 0.5 * (strength * mu.abs() + precision * (mu**2 + s**2) / 2)
    )
    torch.testing.assert_close(synapses.gradient, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rho", RHOS)
def test_optimal_sigma_is_where_the_total_cost_is_least(rho):
    cost, hessian = PowerCost.with_scale(0.05, rho), 37.0
    sigma = np.geomspace(1e-3, 1.0, 200_001)
    best = sigma[np.argmin(0.5 * hessian * sigma**2 + cost(sigma))]
    assert optimal_sigma(cost, hessian) == pytest.approx(best, rel=1e-4)


def test_entropy_asks_for_the_posterior_sd_and_small_rho_comes_near_it():
    assert optimal_sigma(EntropyCost(), 25.0) == pytest.approx(0.2)
    np.testing.assert_allclose(EntropyCost()(np.array([0.1, 2.0])), -norm.entropy(scale=[0.1, 2.0]))
    assert optimal_sigma(PowerCost.with_scale(0.3, 1e-6), 25.0) == pytest.approx(0.2, rel=1e-5)


def test_c_and_s_name_the_same_cost():
    cost = PowerCost.with_scale(s=0.01, rho=2 / 3)
    assert PowerCost(cost.c, 2 / 3).s == pytest.approx(0.01)
    assert cost.strength == pytest.approx(0.01 ** (2 / 3))


def test_homogeneous_synapses_stay_alike_and_move_by_the_mean_slope():
    synapses = gaussian(2, homogeneous=[True, False])
    synapses.phi.fill_(-1.0)
    synapses.draw()
    n = LAYOUT.n_parameters
    synapses.gradient[:, :n] = torch.randn(
        2, n, dtype=torch.float64, generator=torch.Generator().manual_seed(3)
    )
    by_weight = synapses.gradient[:, :n].clone()
    synapses.chain()
    own = by_weight * synapses.sigma_noise * torch.sigmoid(torch.tensor(-1.0, dtype=torch.float64))
    torch.testing.assert_close(synapses.gradient[0, n:], own[0].mean().expand(n))
    torch.testing.assert_close(synapses.gradient[1, n:], own[1])


def test_the_evidence_is_bounded_but_for_the_noise_in_the_prior():
    cost, mu, sigma = (
        PowerCost.with_scale(s=0.1, rho=0.5),
        np.array([0.3, -0.2, 0.0]),
        np.array([0.1, 0.4, 2.0]),
    )
    gap = total_cost(cost, sigma) - total_cost(EntropyCost(), sigma)
    gap -= len(mu) * (2.0 + 0.5 * np.log(2 * np.pi * np.e * 0.1**2))
    assert evidence_gap(cost, mu, sigma) == pytest.approx(gap)
    drawn = mu + sigma * np.random.default_rng(0).normal(size=(100_000, 3))
    error = 5 * 20.0 * sigma.sum() / np.sqrt(len(drawn))
    prior = 20.0 * (np.abs(drawn).mean(axis=0) - np.abs(mu)).sum()
    assert evidence_gap(cost, mu, sigma, magnitude=20.0) == pytest.approx(gap - prior, abs=error)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="rho must be a number above 0, got 0"):
        PowerCost(1.0, 0.0)
    with pytest.raises(ValueError, match="s must be a number above 0, got -1"):
        PowerCost.with_scale(-1.0, 2.0)
    with pytest.raises(TypeError, match="synapses must be of type GaussianSynapses"):
        ReliabilityCost(DeterministicSynapses(LAYOUT, [1]), EntropyCost(), share=1.0)
    with pytest.raises(ValueError, match="costs: expected one value or one per replica, that is 2, got 3"):
        ReliabilityCost(gaussian(2), [EntropyCost()] * 3, share=1.0)
    with pytest.raises(ValueError, match="share must be a number above 0"):
        MagnitudeCost(gaussian(), 0.1, share=0.0)
    with pytest.raises(ValueError, match="prior's standard deviation must be positive"):
        GaussianPrior(gaussian(), 0.0, share=1.0)
