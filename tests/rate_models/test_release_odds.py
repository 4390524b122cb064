"""Release odds that count evidence: a step by hand, the posterior they stand for, and their controls."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rate_models.continual_learning import permuted_tasks
from rate_models.continual_methods import Replica, Training, learned, learner_of, program_names
from rate_models.datasets import load_images
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.release_odds import ReleaseOdds
from rate_models.stochastic_layers import BernoulliSynapses
from rate_models.task_sequences import Plan
from rate_models.training import Trainer

DOUBLE = Execution(dtype="float64")
LAYOUT = Layout((8, 6, 3))
RNG = np.random.default_rng(0)
IMAGES = torch.from_numpy(RNG.normal(size=(60, 8)))
LABELS = torch.from_numpy(RNG.integers(3, size=60))
SETTING = {"learning_rate": 1.0, "gain": 1.0, "p_start": 0.75, "memory": math.inf, "clamp": 1.0}
SETTING["mean_range"] = 1.0


@pytest.mark.parametrize(
    ("modulation", "evidence"),
    [("own", "images"), ("mean", "images"), ("none", "images"), ("own", "batch")],
)
def test_a_step_follows_the_equations_with_gradients_of_autograd(modulation, evidence):
    """Two replicas with numbers of their own, two steps."""
    p_start, eta, gain, memory = [0.25, 0.75], [0.4, 3.0], [1.0, 16.0], [20.0, math.inf]
    synapses = BernoulliSynapses(
        LAYOUT, [2, 3], release_probability=p_start, biases="trained", execution=DOUBLE
    )
    clamp = [math.inf, 0.3]
    numbers = {"learning_rate": eta, "gain": gain, "memory": memory, "clamp": clamp}
    rule = ReleaseOdds(synapses, **numbers, modulation=modulation, evidence=evidence)
    trainer = Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS)
    n = LAYOUT.n_weights
    variance = torch.from_numpy(1 / (3.0 * LAYOUT.fan_in()))
    variance_of_biases = torch.tensor([1 / 24] * 6 + [1 / 18] * 3, dtype=torch.float64)
    r = torch.ones(2, n, dtype=torch.float64)
    for step in range(2):
        w, p = synapses.learned.clone(), synapses.p.clone()
        images = torch.arange(10 * step, 10 * step + 10)
        trainer.run(Plan(images[None, None].expand(2, 1, 10).int()))
        released = (synapses.scale > 0).double()
        for row in range(2):
            acting = w[row].clone().requires_grad_()
            drawn = torch.cat([acting[:n] * released[row] / p[row], acting[n:]])
            logits = FeedForward(LAYOUT).logits(IMAGES[images][None], drawn[None])[0]
            losses = F.cross_entropy(logits, LABELS[images], reduction="none")
            each = torch.stack([torch.autograd.grad(loss, acting, retain_graph=True)[0] for loss in losses])
            g, g_bias = each.sum(0).split([n, LAYOUT.n_parameters - n])
            squares = each[:, :n].square().sum(0) if evidence == "images" else g**2
            own = 1 / r[row]
            mean = torch.cat(
                [own[part].mean().expand(part.stop - part.start) for part in LAYOUT.weight_slices]
            )
            factor = {"own": own, "mean": mean, "none": torch.ones_like(own)}[modulation]
            bound = clamp[row] * (r[row] / variance).sqrt()
            expected = w[row, :n] - eta[row] * variance * factor * torch.clamp(g, -bound, bound)
            r[row] += gain[row] * variance * p[row] * squares - (r[row] - 1) / memory[row]
            r[row].clamp_(min=1)
            odds = p_start[row] / (1 - p_start[row]) * r[row]
            torch.testing.assert_close(synapses.strength[row], expected)
            moved = w[row, n:] - eta[row] * variance_of_biases * g_bias
            torch.testing.assert_close(synapses.learned[row, n:], moved)
            torch.testing.assert_close(synapses.p[row], odds / (1 + odds))
    torch.testing.assert_close(rule.precision, r)


def test_evidence_at_releases_is_unbiased_for_the_square_of_the_gradient():
    """Whatever p, within five standard errors: k^2 G^2 / p^2 times p."""
    synapses = BernoulliSynapses(Layout((1000, 100)), [1], release_probability=0.3)
    rule = ReleaseOdds(synapses, gain=3000.0)
    synapses.draw()
    rule.image_squares.fill_(0.7**2)
    rule.update(synapses)
    evidence = rule.precision - 1
    error = float(evidence.std()) / evidence.numel() ** 0.5
    assert abs(float(evidence.mean()) - 0.49) < 5 * error


def constant_evidence(n_steps, **numbers):
    """Return odds over their floor after steps with the same gradient in each, all synapses releasing."""
    synapses = BernoulliSynapses(Layout((10, 1)), [0], release_probability=0.5, execution=DOUBLE)
    rule = ReleaseOdds(synapses, **numbers)
    # So that the evidence is that of certain release.
    synapses.scale.fill_(1.0)
    for _ in range(n_steps):
        rule.image_squares.fill_(4.0)
        rule.update(synapses)
    return synapses, rule


def test_odds_rest_at_one_plus_the_evidence_of_a_window_and_return_without_evidence():
    synapses, rule = constant_evidence(2000, gain=3.0, memory=50.0)
    rest = 1 + 3.0 * 50.0 * (1 / 30) * 2.0**2
    torch.testing.assert_close(rule.precision, torch.full_like(rule.precision, rest))
    torch.testing.assert_close(synapses.p, torch.full_like(synapses.p, rest / (1 + rest)))
    for _ in range(35):
        rule.image_squares.zero_()
        rule.update(synapses)
    left = 1 + (rest - 1) * (1 - 1 / 50) ** 35
    torch.testing.assert_close(rule.precision, torch.full_like(rule.precision, left))


@pytest.mark.parametrize("evidence", ["images", "batch"])
def test_precision_is_that_of_the_exact_posterior_of_a_mean(evidence):
    """Observations of unit noise, prior variance s^2 around the true mean: precision 1 / s^2 + n."""
    n_steps, batch = 2000, 4
    synapses = BernoulliSynapses(Layout((3, 500)), [0], release_probability=0.5, execution=DOUBLE)
    synapses.learned.fill_(0.8)
    rule = ReleaseOdds(synapses, evidence=evidence)
    rng = np.random.default_rng(4)
    total = 0.0
    for _ in range(n_steps):
        seen = torch.from_numpy(rng.normal(0.8, 1, size=(1, 1500, batch)))
        total = total + seen.sum(2)
        synapses.scale.fill_(1.0)
        slopes = synapses.strength[..., None] - seen
        synapses.gradient[:, :1500] = slopes.sum(2)
        if evidence == "images":
            rule.image_squares[:, :1500] = slopes.square().sum(2)
        rule.update(synapses)
    prior = 9.0
    precision = prior + n_steps * batch
    assert float(rule.precision.mean()) * prior == pytest.approx(precision, rel=0.04)
    exact = (prior * 0.8 + total) / precision
    assert float((synapses.strength - exact).abs().mean()) < 0.5 * precision**-0.5


def test_a_latch_keeps_p_for_good_and_without_it_p_goes_on():
    latched, _ = constant_evidence(200, gain=30.0, p_freeze=0.8)
    free, _ = constant_evidence(200, gain=30.0)
    assert float(latched.p.max()) < float(free.p.min())


def test_shuffling_exchanges_p_within_a_layer_and_certain_release_needs_no_evidence_factor():
    synapses = BernoulliSynapses(LAYOUT, [1], release_probability=0.5, release_fixed_at=1.0)
    rule = ReleaseOdds(synapses, gain=10.0)
    synapses.draw()
    rule.image_squares.copy_(torch.rand(rule.image_squares.shape, generator=torch.Generator().manual_seed(1)))
    squares = rule.image_squares.clone()[:, : LAYOUT.n_weights]
    rule.update(synapses)
    expected = 1 + 10.0 * squares * torch.from_numpy(1 / (3 * LAYOUT.fan_in())).float()
    torch.testing.assert_close(rule.precision, expected)
    before = synapses.p.clone()
    rule.shuffle(synapses, [np.random.default_rng(2)])
    assert not torch.equal(synapses.p, before)
    for part in LAYOUT.weight_slices:
        torch.testing.assert_close(synapses.p[0, part].sort().values, before[0, part].sort().values)
    torch.testing.assert_close(synapses.p, rule.precision / (1 + rule.precision))


@pytest.mark.parametrize(
    "name",
    [name for name in program_names() if name.split("_")[0] == "odds"],
)
def test_every_program_learns_and_a_replica_learns_alone_as_in_a_batch(name):
    training = Training(hidden_units=(30,), n_epochs=6, batch_size=50, n_samples=3)
    tasks = permuted_tasks(load_images("digits"), 2)
    replicas = [Replica(seed, SETTING) for seed in (1, 2)]
    together, alone = (
        learned(name, members, tasks, training, execution=Execution()) for members in (replicas, replicas[1:])
    )
    assert (together.accuracy[:, 2, 1] > 0.7).all()
    np.testing.assert_allclose(together.accuracy[1], alone.accuracy[0], atol=0.02)
    assert (np.diff(together.mean_p, axis=1) > 0).all()


@pytest.mark.parametrize("n_written", [0, 2])
def test_a_step_without_squares_of_its_own_is_not_missed_in_silence(n_written):
    synapses = BernoulliSynapses(LAYOUT, [1], release_probability=0.5)
    rule = ReleaseOdds(synapses)
    for step in range(n_written + 1):
        assert torch.isfinite(synapses.p).all()
        synapses.draw()
        synapses.gradient.fill_(1.0)
        if step < n_written:
            rule.image_squares.fill_(1.0)
        rule.update(synapses)
    assert torch.isnan(synapses.p).all()


def test_squares_of_another_shape_are_refused():
    network, synapses = FeedForward(LAYOUT), BernoulliSynapses(LAYOUT, [1, 2], execution=DOUBLE)
    activities = network.activities(IMAGES[:5].expand(2, 5, 8), synapses.effective)
    slope = torch.ones_like(activities[-1])
    for n_rows in (1, 3):
        squares = synapses.gradient[:1].repeat(n_rows, 1)
        with pytest.raises(ValueError, match="squares must have the shape of the gradient"):
            network.backward(activities, synapses.effective, slope, synapses.gradient, squares)


@pytest.mark.parametrize("evidence", ["images", "batch"])
def test_numbers_stay_finite_under_huge_gradients(evidence):
    synapses = BernoulliSynapses(LAYOUT, [1], release_probability=0.5)
    rule = ReleaseOdds(synapses, gain=16.0, evidence=evidence)
    for _ in range(3):
        synapses.draw()
        synapses.gradient.fill_(1e8)
        if evidence == "images":
            rule.image_squares.fill_(1e16)
        rule.update(synapses)
    assert torch.isfinite(synapses.learned).all() and ((synapses.p > 0) & (synapses.p <= 1)).all()


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"gain": -1.0}, "gain, .* must be a number from 0 on, got -1"),
        ({"learning_rate": math.inf}, "learning_rate, .* must be a number from 0 on, got inf"),
        ({"memory": 0.0}, "memory must be positive, got 0"),
        ({"memory": 0.5}, r"memory must be at least 1 step, got 0\.5"),
        ({"clamp": 0.0}, "clamp must be positive, got 0"),
        ({"p_freeze": 0.0}, "p_freeze, .* must be a number above 0 and at most 1"),
        ({"modulation": "all"}, "modulation must be"),
        ({"evidence": "image"}, "evidence must be"),
        ({"gain": [1.0, 2.0]}, "gain: expected one value or one per replica"),
    ],
)
def test_wrong_settings_are_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        ReleaseOdds(BernoulliSynapses(LAYOUT, [1]), **numbers)


def test_certain_release_at_the_start_and_missing_settings_are_named():
    with pytest.raises(ValueError, match="release_probability must be below 1 at the start"):
        ReleaseOdds(BernoulliSynapses(LAYOUT, [1], release_probability=1.0))
    with pytest.raises(
        ValueError, match="settings of odds are learning_rate, gain, p_start, memory, clamp, mean_range"
    ):
        learner_of("odds", [Replica(1, {"gain": 1.0})], LAYOUT, Training(), Execution())
    for mean_range in (-1.0, math.inf):
        replica = Replica(1, {**SETTING, "mean_range": mean_range})
        with pytest.raises(ValueError, match="mean_range"):
            learner_of("odds", [replica], LAYOUT, Training(), Execution())
