"""Training of networks that pay for reliability: against a plain loop, in batches, kept, formulations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import rate_models.sweep as sweep
from biophys.sweeps.executors import LocalProcesses
from rate_models.datasets import ImageData
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.noisy_networks import (
    FORMULATIONS,
    Formulation,
    NoisyNetwork,
    Schedule,
    answers_of,
    network_of,
    train_noisy_networks,
)
from rate_models.reliability_cost import EntropyCost, PowerCost
from rate_models.stochastic_layers import GaussianSynapses
from rate_models.task_sequences import DataOrder

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(3, 6)) * 2
LABELS = torch.from_numpy(RNG.integers(3, size=120))
IMAGES = torch.from_numpy(CENTRES[LABELS] + RNG.normal(size=(120, 6)))
DATA = ImageData("centres", IMAGES[:80], LABELS[:80], IMAGES[80:], LABELS[80:], n_classes=3)
SCHEDULE = Schedule(n_epochs=2, batch_size=8, hidden_units=(5,), initial_sigma=0.05)
DOUBLE = Execution(dtype="float64")
PLAIN = Formulation(learning_rate=0.01, magnitude=0.3)


def trained(networks, schedule=SCHEDULE, formulation=PLAIN, **more):
    return train_noisy_networks(
        networks, DATA, formulation=formulation, schedule=schedule, execution=DOUBLE, **more
    )


def test_training_is_that_of_a_plain_loop_with_autograd_and_adam():
    cost = PowerCost(0.2, 4 / 3)
    found = trained([NoisyNetwork(cost, 5, prior_sd=0.8)])
    layout = Layout((6, 5, 3))
    twin = GaussianSynapses(layout, [5], initial_sigma=0.05, execution=DOUBLE)
    mu, phi = twin.mu[0].clone().requires_grad_(), twin.phi[0].clone().requires_grad_()
    optimiser = torch.optim.Adam([mu, phi], lr=0.01)
    order, share = DataOrder([5]), 8 / 80
    for _ in range(2):
        for batch in order.epoch(np.arange(80), batch_size=8).images[0].long():
            twin.draw()
            sigma = F.softplus(phi)
            weights = (mu + sigma * twin.sigma_noise[0])[None]
            logits = FeedForward(layout).logits(DATA.train_images[batch][None].double(), weights)[0]
            loss = F.cross_entropy(logits, DATA.train_labels[batch], reduction="sum")
            prior = (mu**2 + sigma**2).sum() / (2 * 0.8**2)
            costs = cost.c * (sigma**-cost.rho).sum() + 0.3 * mu.abs().sum() + prior
            optimiser.zero_grad()
            (loss + share * costs).backward()
            optimiser.step()
    torch.testing.assert_close(found.synapses.mu[0], mu.detach(), rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(found.synapses.phi[0], phi.detach(), rtol=1e-7, atol=1e-9)


NETWORKS = [
    NoisyNetwork(PowerCost(0.2, rho), seed, homogeneous=homogeneous, noise_haste=haste)
    for rho, seed, homogeneous, haste in [(0.5, 1, False, 1), (2.0, 1, True, 5), (1.0, 2, False, 5)]
]


def test_a_network_learns_the_same_in_any_batch(monkeypatch):
    together = trained(NETWORKS)
    monkeypatch.setattr(sweep, "_PARAMETERS_IN_CACHE", 1)
    one_by_one = trained(NETWORKS)
    torch.testing.assert_close(together.synapses.learned, one_by_one.synapses.learned, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(together.sigma_by_epoch, one_by_one.sigma_by_epoch, rtol=1e-7)
    assert together.sigma_by_epoch.shape == together.loss_by_epoch.shape == (2, 3)


def test_a_run_that_was_broken_off_goes_on_where_it_was(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, "_PARAMETERS_IN_CACHE", 1)
    whole = trained(NETWORKS)

    def break_off(fraction, doing):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(NETWORKS, keep_in=str(tmp_path), on_progress=break_off)
    said = []
    resumed = trained(NETWORKS, keep_in=str(tmp_path), on_progress=lambda f, doing: said.append(doing))
    torch.testing.assert_close(resumed.synapses.learned, whole.synapses.learned, rtol=0, atol=0)
    # The first of three batches was kept, so two epochs of two batches remained.
    assert sum(doing.startswith("epoch") for doing in said) == 4
    trained(NETWORKS, keep_in=str(tmp_path), on_progress=lambda f, doing: pytest.fail("trained again"))


def test_networks_learn_the_same_in_other_processes(monkeypatch):
    monkeypatch.setattr(sweep, "_PARAMETERS_IN_CACHE", 1)
    here, elsewhere = trained(NETWORKS), trained(NETWORKS, executor=LocalProcesses(2))
    torch.testing.assert_close(here.synapses.learned, elsewhere.synapses.learned, rtol=0, atol=0)


def test_homogeneous_networks_end_with_one_sigma_and_others_do_not():
    found = trained(NETWORKS)
    spread = found.synapses.sigma.std(dim=1)
    assert spread[1] < 1e-12 and spread[0] > 1e-4


def test_dearer_noise_and_haste_do_what_they_say():
    schedule = Schedule(n_epochs=10, batch_size=8, hidden_units=(5,), initial_sigma=0.01, noise_memory=0.9)
    found = trained(
        [NoisyNetwork(PowerCost(c, 1.0), 1, noise_haste=h) for c, h in [(1e-4, 5), (1.0, 5), (1.0, 1)]],
        schedule,
    )
    cheap, dear, slow = found.sigma_by_epoch[-1]
    assert dear > 3 * cheap
    assert 0.01 < slow < dear


def test_answers_average_over_draws_and_the_mean_network_is_quiet():
    schedule = Schedule(n_epochs=20, batch_size=8, hidden_units=(8,), initial_sigma=0.01, noise_memory=0.9)
    found = trained([NoisyNetwork(PowerCost(c, 0.5), 1, noise_haste=5) for c in (1e-4, 1e3)], schedule)
    quiet = answers_of(found, DATA, images_per_draw=4)
    assert quiet.accuracy[0] > 0.6  # chance is a third
    assert quiet.accuracy[1] < quiet.accuracy[0] - 0.1
    logits = found.network.logits(DATA.test_images.expand(2, -1, -1), found.synapses.expected())
    expected = (logits.argmax(dim=-1) == DATA.test_labels).double().mean(dim=1)
    np.testing.assert_allclose(quiet.accuracy_of_mean, expected)


def test_formulations_say_where_units_are_linear():
    layout = Layout((6, 5, 4, 3))
    assert network_of(layout, FORMULATIONS["program"]).linear_hidden == (0,)
    assert network_of(layout, FORMULATIONS["figures"]).linear_hidden == ()
    assert network_of(layout, FORMULATIONS["figures"]).rectifies_output
    assert not network_of(layout, FORMULATIONS["text"]).rectifies_output
    assert not network_of(Layout((6, 3)), FORMULATIONS["program"]).rectifies_output
    with pytest.raises(ValueError, match=r"linear_hidden must name hidden layers 0\.\.1, got \(2,\)"):
        FeedForward(layout, linear_hidden=(2,))


def test_linear_layers_are_linear_and_their_gradient_is_that_of_autograd():
    layout = Layout((6, 5, 4, 3))
    network = FeedForward(layout, linear_hidden=(0,), rectifies_output=True)
    rows = torch.randn(
        2, layout.n_parameters, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    x = DATA.train_images[:7].expand(2, -1, -1)
    activities = network.activities(x, rows)
    assert (activities[1] < 0).any() and not (activities[2] < 0).any()
    leaf = rows.clone().requires_grad_()
    network.logits(x, leaf).square().sum().backward()
    gradient = torch.zeros_like(rows)
    network.backward(activities, rows, 2 * activities[-1], gradient)
    torch.testing.assert_close(gradient, leaf.grad)


def test_entropy_with_a_prior_learns_the_posterior_of_a_unit_without_data_effect():
    # Inputs of zero leave only prior and entropy: the posterior of the weights is the prior.
    data = ImageData("silent", torch.zeros(40, 6), LABELS[:40], torch.zeros(4, 6), LABELS[:4], n_classes=3)
    schedule = Schedule(n_epochs=200, batch_size=40, hidden_units=(), initial_sigma=0.3)
    network = NoisyNetwork(EntropyCost(), 1, prior_sd=0.5, pays_magnitude=False)
    found = train_noisy_networks([network], data, formulation=PLAIN, schedule=schedule, execution=DOUBLE)
    n_weights = found.network.layout.n_weights
    np.testing.assert_allclose(found.synapses.sigma[0, :n_weights], 0.5, rtol=1e-3)
    np.testing.assert_allclose(found.synapses.mu[0, :n_weights], 0.0, atol=1e-3)
