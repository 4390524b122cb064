"""Synapses of many networks: what they transmit, gradients against autograd, replicas against single runs."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rate_models.consolidation import MeanFieldSynapses
from rate_models.datasets import load_images
from rate_models.devices import Execution
from rate_models.evaluation import mean_softmax
from rate_models.layout import Layout
from rate_models.networks import FeedForward, cross_entropy
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses

SMALL = Layout((6, 5, 4, 3))
DOUBLE = Execution(dtype="float64")


def inputs(n_replicas, n_samples=7, seed=0):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(n_replicas, n_samples, 6)))
    return x, torch.from_numpy(rng.integers(3, size=(n_replicas, n_samples)))


def autograd_forward(x, parameters, layout):
    """Return the logits of one replica, written plainly."""
    activity, flat = x, parameters[None]
    layers = list(zip(layout.weights(flat), layout.biases(flat), strict=True))
    for index, (weight, bias) in enumerate(layers):
        activity = F.linear(activity, weight[0], bias[0])
        if index < len(layers) - 1:
            activity = torch.relu(activity)
    return activity


@pytest.mark.parametrize("p", [0.25, 0.4, 0.9])
def test_released_share_is_p_and_the_mean_is_the_expected_strength(p):
    synapses = BernoulliSynapses(Layout((100, 100)), [3], release_probability=p, execution=DOUBLE)
    n_draws, total, count = 200, 0, 0
    for _ in range(n_draws):
        synapses.draw()
        count += int((synapses.scale > 0).sum())
        total = total + synapses.effective[:, :10_000]
    n = n_draws * 10_000
    assert abs(count / n - p) < 5 * (p * (1 - p) / n) ** 0.5
    z = (total / n_draws - synapses.strength) / (synapses.strength.abs() * ((1 - p) / p / n_draws) ** 0.5)
    assert abs(float(z.mean())) < 5 / 100
    assert 0.9 < float(z.std()) < 1.1


def test_reliable_synapses_transmit_exactly_their_strength():
    synapses = BernoulliSynapses(SMALL, [0, 1], release_probability=1.0)
    synapses.draw()
    assert torch.equal(synapses.effective, synapses.learned)


def test_ghost_release_keeps_or_loses_the_mean_with_its_normalisation():
    kept = BernoulliSynapses(SMALL, [0], release_probability=0.25, release_fixed_at=0.5)
    lost = BernoulliSynapses(
        SMALL, [0], release_probability=0.25, release_fixed_at=0.5, normalised_by="ghost"
    )
    kept.draw(), lost.draw()
    assert set(kept.scale.unique().tolist()) == {0.0, 2.0}
    assert set(lost.scale.unique().tolist()) == {0.0, 4.0}


def step_without_learning(synapses):
    """Draw, and write the gradient of a batch; return its images and labels."""
    network = FeedForward(SMALL)
    x, labels = inputs(2)
    synapses.draw()
    activities = network.activities(x, synapses.effective)
    _, slope = cross_entropy(activities[-1], labels)
    network.backward(activities, synapses.effective, slope, synapses.gradient)
    synapses.chain()
    return x, labels


def test_gradient_of_bernoulli_synapses_is_that_of_autograd():
    synapses = BernoulliSynapses(SMALL, [5, 6], release_probability=0.6, biases="trained", execution=DOUBLE)
    x, labels = step_without_learning(synapses)
    for replica in range(2):
        learned = synapses.learned[replica].clone().requires_grad_()
        scale = torch.cat([synapses.scale[replica], torch.ones(SMALL.n_biases, dtype=torch.float64)])
        loss = F.cross_entropy(autograd_forward(x[replica], learned * scale, SMALL), labels[replica])
        loss.backward()
        torch.testing.assert_close(synapses.gradient[replica], learned.grad, rtol=1e-10, atol=1e-12)
    assert (synapses.gradient[:, : SMALL.n_weights][synapses.scale == 0] == 0).all()


def test_gradient_of_gaussian_synapses_is_that_of_autograd():
    synapses = GaussianSynapses(SMALL, [5, 6], initial_sigma=0.3, execution=DOUBLE)
    x, labels = step_without_learning(synapses)
    n = SMALL.n_parameters
    for replica in range(2):
        learned = synapses.learned[replica].clone().requires_grad_()
        drawn = learned[:n] + F.softplus(learned[n:]) * synapses.sigma_noise[replica]
        F.cross_entropy(autograd_forward(x[replica], drawn, SMALL), labels[replica]).backward()
        torch.testing.assert_close(synapses.gradient[replica], learned.grad, rtol=1e-10, atol=1e-12)


def test_gaussian_weights_have_their_mean_and_standard_deviation():
    synapses = GaussianSynapses(Layout((50, 40)), [1], initial_sigma=0.2, execution=DOUBLE)
    draws = []
    for _ in range(300):
        synapses.draw()
        draws.append((synapses.effective - synapses.mu).clone())
    noise = torch.cat(draws) / 0.2
    assert abs(float(noise.mean())) < 5 / noise.numel() ** 0.5
    assert abs(float(noise.var()) - 1) < 5 * (2 / noise.numel()) ** 0.5


@pytest.mark.parametrize("kind", [DeterministicSynapses, BernoulliSynapses, GaussianSynapses])
def test_a_replica_draws_the_same_weights_alone_and_in_a_batch(kind):
    batch, alone = kind(SMALL, [4, 9, 2]), kind(SMALL, [9])
    for _ in range(3):
        batch.draw(), alone.draw()
        assert torch.equal(batch.effective[1], alone.effective[0])
    sampled = batch.sample(batch.evaluation_streams())
    assert torch.equal(sampled[1], alone.sample(alone.evaluation_streams())[0])


@pytest.mark.parametrize("kind", [DeterministicSynapses, BernoulliSynapses, GaussianSynapses])
def test_dropping_a_replica_leaves_the_others_as_they_are(kind):
    whole, part = kind(SMALL, [4, 9, 2]), kind(SMALL, [4, 9, 2])
    part.keep([0, 2])
    whole.draw(), part.draw()
    assert torch.equal(part.effective, whole.effective[[0, 2]])
    assert part.seeds == [4, 2]


def test_biases_are_absent_fixed_or_trained():
    assert (BernoulliSynapses(SMALL, [0], biases="none").bias == 0).all()
    fixed = BernoulliSynapses(SMALL, [0], biases="fixed")
    assert (fixed.bias != 0).all()
    fixed.gradient.fill_(1.0)
    fixed.draw(), fixed.chain()
    assert (fixed.gradient[:, SMALL.n_weights :] == 0).all()


def test_uniform_initial_release_probabilities_fill_their_range():
    synapses = BernoulliSynapses(Layout((100, 100)), [0, 1], release_probability="uniform")
    assert 0.25 <= float(synapses.p.min()) < 0.26
    assert 0.99 < float(synapses.p.max()) <= 1
    assert abs(float(synapses.p.mean()) - 0.625) < 5 * (0.75 / 12**0.5) / 20_000**0.5
    assert not torch.equal(synapses.p[0], synapses.p[1])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BernoulliSynapses(SMALL, [0], release_probability=0.0), "release_probability .* got 0.0"),
        (lambda: BernoulliSynapses(SMALL, [0], release_probability=1.5), "got 1.5"),
        (lambda: BernoulliSynapses(SMALL, [0], release_probability="normal"), "'uniform', got 'normal'"),
        (lambda: BernoulliSynapses(SMALL, [0, 1], release_probability=[0.5]), "that is 2, got 1"),
        (
            lambda: BernoulliSynapses(SMALL, [0], biases="some"),
            "biases must be 'trained' or .*'some'",
        ),
        (lambda: BernoulliSynapses(SMALL, [0], normalised_by="p"), "'release' or 'ghost', got 'p'"),
        (
            lambda: GaussianSynapses(SMALL, [0], initial_sigma=0.0),
            "initial_sigma, .* a number from 1e-30",
        ),
        (lambda: DeterministicSynapses(SMALL, []), "seeds must be .*, at least one"),
        (lambda: Layout((3,)), r"got \(3,\)"),
    ],
)
def test_wrong_arguments_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_replicas_may_start_at_a_constant_or_at_uniform_release_probabilities():
    mixed = BernoulliSynapses(Layout((100, 100)), [4, 4, 5], release_probability=[0.3, "uniform", "uniform"])
    alone = BernoulliSynapses(Layout((100, 100)), [5], release_probability="uniform")
    assert bool((mixed.p[0] == torch.tensor(0.3)).all())
    assert torch.equal(mixed.p[2], alone.p[0]) and not torch.equal(mixed.p[1], mixed.p[2])
    assert abs(float(mixed.p[1:].mean()) - 0.625) < 5 * 0.75 / (12 * 20_000) ** 0.5
    with pytest.raises(ValueError, match="'uniform', got 'normal'"):
        BernoulliSynapses(SMALL, [0, 1], release_probability=[0.5, "normal"])


def test_initial_strengths_are_uniform_with_the_energy_that_follows():
    layout = Layout((784, 200, 200, 10))
    synapses = DeterministicSynapses(layout, [1, 2, 3])
    expected = sum(n_in * n_out / n_in**0.5 / 2 for n_in, n_out in ((784, 200), (200, 200), (200, 10)))
    found = synapses.strength.abs().sum(dim=1)
    sd = sum(n_in * n_out / n_in / 12 for n_in, n_out in ((784, 200), (200, 200), (200, 10))) ** 0.5
    assert (abs(found - expected) < 5 * sd).all()
    for weight, n_in in zip(layout.weights(synapses.learned), (784, 200, 200), strict=True):
        assert float(weight.abs().max()) <= n_in**-0.5
        assert float(weight.abs().max()) > 0.99 * n_in**-0.5


@pytest.mark.data
def test_first_gradients_on_mnist_exceed_the_threshold_as_often_as_published_settings_give():
    """Shares of released synapses with abs(g) >= 0.001, by layer, in the program of Schug et al. (2021)."""
    try:
        data = load_images("mnist")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    layout = Layout((784, 200, 200, 10))
    synapses, network = BernoulliSynapses(layout, [1, 2, 3]), FeedForward(layout)
    shares = []
    for first in range(0, 500, 100):
        images = data.train_images[first : first + 100].expand(3, 100, 784)
        labels = data.train_labels[first : first + 100].expand(3, 100)
        synapses.draw()
        activities = network.activities(images, synapses.effective)
        _, slope = cross_entropy(activities[-1], labels)
        network.backward(activities, synapses.effective, slope, synapses.gradient)
        synapses.chain()
        for part in layout.weight_slices:
            released = synapses.scale[:, part] > 0
            shares.append(float((synapses.gradient[:, part][released].abs() >= 0.001).float().mean()))
    found = np.reshape(shares, (5, 3)).mean(axis=0)
    np.testing.assert_allclose(found, [0.94, 0.81, 0.95], atol=0.03)


@pytest.mark.parametrize("before", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("options", [{}, {"rectifies_output": True}, {"linear_hidden": (0,)}])
def test_autograd_differentiates_a_network_whatever_was_computed_before(before, options):
    network, rng = FeedForward(Layout((4, 3, 2)), **options), torch.Generator().manual_seed(1)
    x = torch.randn(2, 5, 4, generator=rng, dtype=torch.float64)
    p = torch.randn(2, 23, generator=rng, dtype=torch.float64)
    labels = torch.tensor([[0, 1, 1, 0, 1]] * 2)
    with before():
        network.logits(x, p)
    x.requires_grad_()
    p.requires_grad_()
    with before():
        network.logits(x, p)
    assert torch.autograd.gradcheck(network.logits, (x, p))
    assert torch.autograd.gradcheck(lambda *given: cross_entropy(network.logits(*given), labels)[0], (x, p))


def test_the_written_gradient_is_that_of_autograd():
    network, rng = FeedForward(Layout((4, 3, 2))), torch.Generator().manual_seed(1)
    x = torch.randn(2, 5, 4, generator=rng)
    p = torch.randn(2, 23, generator=rng).requires_grad_()
    labels = torch.tensor([[0, 1, 1, 0, 1]] * 2)
    loss, slope = cross_entropy(network.logits(x, p), labels)
    assert not slope.requires_grad
    loss.sum().backward()
    written = torch.zeros(2, 23)
    with torch.no_grad():
        activities = network.activities(x, p.detach())
        network.backward(activities, p.detach(), slope, written)
    torch.testing.assert_close(written, p.grad)


def test_answers_averaged_over_draws_can_be_differentiated():
    network, synapses = FeedForward(Layout((4, 3))), BernoulliSynapses(Layout((4, 3)), [1, 2])
    images = torch.randn(5, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    mean_softmax(network, synapses, images, streams=synapses.evaluation_streams(), n_samples=3)[
        ..., 0
    ].sum().backward()
    assert images.grad.abs().min() > 0


@pytest.mark.parametrize("sigma", [1e-30, 1e-12, 1e-4, 1.0, 80.0, 800.0, 1e30])
def test_sigma_starts_as_asked_for_at_any_size(sigma):
    found = GaussianSynapses(Layout((4, 3)), [1], initial_sigma=sigma).sigma
    torch.testing.assert_close(found, torch.full_like(found, sigma), rtol=2e-5, atol=0)


@pytest.mark.parametrize("made", [GaussianSynapses, MeanFieldSynapses])
@pytest.mark.parametrize("sigma", [0.0, -1.0, 1e-40, 1e31, float("inf"), float("nan")])
def test_a_sigma_that_single_precision_cannot_square_is_refused(made, sigma):
    with pytest.raises(ValueError, match="initial_sigma"):
        made(Layout((4, 3)), [1], initial_sigma=sigma)


@pytest.mark.parametrize("draws", [2.5, "2", True, 0])
def test_networks_drawn_per_step_are_a_positive_whole_number(draws):
    with pytest.raises((TypeError, ValueError), match="draws_per_step must be"):
        MeanFieldSynapses(Layout((4, 3)), [1], draws_per_step=draws)


@pytest.mark.parametrize("kind", [BernoulliSynapses, GaussianSynapses])
class TestInsideVmap:
    LAYOUT = Layout((4, 3))

    def drawn(self, kind, mapped_over, **options):
        synapses = kind(self.LAYOUT, [1, 2])
        streams = synapses.evaluation_streams()
        function = torch.func.vmap(lambda x: synapses.sample(streams) + 0 * x, **options)
        return function(torch.zeros(mapped_over))

    def test_each_has_a_draw_of_its_own(self, kind):
        found = self.drawn(kind, 3)
        assert found.shape == (3, 2, 15)
        assert len({tuple(each.flatten().tolist()) for each in found}) == 3

    def test_the_draws_are_those_of_a_loop(self, kind):
        synapses = kind(self.LAYOUT, [1, 2])
        streams = synapses.evaluation_streams()
        expected = torch.stack([synapses.sample(streams) for _ in range(3)])
        assert torch.equal(self.drawn(kind, 3), expected)

    def test_the_same_randomness_is_one_draw(self, kind):
        found = self.drawn(kind, 3, randomness="same")
        assert torch.equal(found[0], found[1]) and torch.equal(found[1], found[2])

    def test_maps_within_maps(self, kind):
        synapses = kind(self.LAYOUT, [1, 2])
        streams = synapses.evaluation_streams()
        inner = torch.func.vmap(lambda x: synapses.sample(streams) + 0 * x)
        found = torch.func.vmap(inner)(torch.zeros(2, 3))
        assert found.shape == (2, 3, 2, 15)
        assert len({tuple(each.flatten().tolist()) for each in found.flatten(0, 1)}) == 6
