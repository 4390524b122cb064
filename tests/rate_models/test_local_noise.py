"""Noise drawn at the units: gradient against autograd, moments against drawn weights, replicas alone."""

import numpy as np
import torch
import torch.nn.functional as F

from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.local_noise import LocalFeedForward, LocalGaussianSynapses
from rate_models.networks import FeedForward, cross_entropy
from rate_models.optimisers import Adam, GradientDescent
from rate_models.stochastic_layers import GaussianSynapses
from rate_models.task_sequences import DataOrder
from rate_models.training import Trainer

LAYOUT = Layout((6, 5, 4, 3))
DOUBLE = Execution(dtype="float64")
RNG = np.random.default_rng(0)
IMAGES = torch.from_numpy(RNG.normal(size=(60, 6)))
LABELS = torch.from_numpy(RNG.integers(3, size=60))


def synapses_of(seeds, **options):
    return LocalGaussianSynapses(LAYOUT, seeds, initial_sigma=0.3, execution=DOUBLE, **options)


def test_gradient_is_that_of_autograd():
    synapses = synapses_of([3, 4])
    network = LocalFeedForward(synapses)
    x, labels = torch.stack([IMAGES[:7], IMAGES[7:14]]), torch.stack([LABELS[:7], LABELS[7:14]])
    synapses.draw()
    activities = network.activities(x, synapses.effective)
    _, slope = cross_entropy(activities[-1], labels)
    network.backward(activities, synapses.effective, slope, synapses.gradient)
    synapses.chain()
    learned = synapses.learned.clone().requires_grad_()
    mu, sigma = learned.tensor_split(2, dim=1)
    variance = F.softplus(sigma) ** 2
    activity = x
    for i in range(3):
        mean = torch.einsum("roi,rbi->rbo", LAYOUT.weights(mu)[i], activity) + LAYOUT.biases(mu)[i][:, None]
        spread = torch.einsum("roi,rbi->rbo", LAYOUT.weights(variance)[i], activity**2)
        sd = (spread + LAYOUT.biases(variance)[i][:, None]).sqrt()
        activity = mean + sd * network._noise[i]
        activity = activity.relu() if i < 2 else activity
    F.cross_entropy(activity.flatten(0, 1), labels.flatten(), reduction="mean").mul(2).backward()
    torch.testing.assert_close(synapses.gradient, learned.grad, rtol=1e-9, atol=1e-12)


def test_drives_have_the_moments_that_drawn_weights_give():
    local, drawn = synapses_of([5]), GaussianSynapses(LAYOUT, [5], initial_sigma=0.3, execution=DOUBLE)
    local.draw()
    network, x = LocalFeedForward(local), IMAGES[None, :4]
    single = Layout((6, 5))
    first_layer = torch.cat([drawn.mu[:, :30], drawn.mu[:, LAYOUT.n_weights : LAYOUT.n_weights + 5]], dim=1)
    n_draws, ours, theirs = 4000, [], []
    for _ in range(n_draws):
        network.activities(x, local.effective)
        ours.append(network._noise[0] * network._sd[0])
        drawn.draw()
        noise = drawn.effective - drawn.mu
        of_first = torch.cat([noise[:, :30], noise[:, LAYOUT.n_weights : LAYOUT.n_weights + 5]], dim=1)
        theirs.append(FeedForward(single).logits(x, of_first))
    assert first_layer.shape == of_first.shape
    sd_ours, sd_theirs = torch.stack(ours).std(dim=0), torch.stack(theirs).std(dim=0)
    assert (abs(sd_ours / sd_theirs - 1) < 5 * n_draws**-0.5).all()


def test_evaluation_draws_weights():
    synapses = synapses_of([5])
    twin = GaussianSynapses(LAYOUT, [5], initial_sigma=0.3, execution=DOUBLE)
    sampled = synapses.sample(synapses.evaluation_streams())
    torch.testing.assert_close(sampled, twin.sample(twin.evaluation_streams()))
    logits = LocalFeedForward(synapses).logits(IMAGES[None], sampled)
    torch.testing.assert_close(logits, FeedForward(LAYOUT).logits(IMAGES[None], sampled))


def trained(seeds, rates):
    synapses = synapses_of(seeds)
    rule = GradientDescent(Adam(synapses, learning_rate=rates))
    trainer = Trainer(LocalFeedForward(synapses), synapses, rule, IMAGES, LABELS, loss="sum")
    order = DataOrder(seeds)
    for _ in range(3):
        trainer.run(order.epoch(np.arange(60), batch_size=10))
    return trainer


def test_a_replica_of_a_batch_learns_as_it_does_alone():
    together, alone = trained([5, 6, 7], [0.01, 0.02, 0.03]), trained([6], 0.02)
    torch.testing.assert_close(together.synapses.learned[1], alone.synapses.learned[0], rtol=1e-9, atol=1e-12)


def test_dropping_a_replica_leaves_the_others_as_they_are():
    synapses = synapses_of([1, 2, 3])
    network, before = LocalFeedForward(synapses), synapses.learned.clone()
    x = IMAGES[:4].expand(3, -1, -1)
    for kept in ([0, 1, 2], [0, 2]):
        synapses.keep(kept)
        synapses.draw()
        assert network.activities(x[kept], synapses.effective)[-1].shape == (len(kept), 4, 3)
    torch.testing.assert_close(synapses.effective, before[[0, 2]])
    torch.testing.assert_close(synapses.drawn_sigma, synapses.sigma)
