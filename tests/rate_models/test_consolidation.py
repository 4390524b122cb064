"""Baselines against forgetting: worked examples, plain loops, and the limits in which the answer is known."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from biophys.release_plasticity import ReleasePlasticity
from rate_models.consolidation import (
    BayesianGradientDescent,
    ElasticWeightConsolidation,
    ImplicitElasticWeights,
    MeanFieldSynapses,
    SynapticIntelligence,
    _follow_in_closed_form,
)
from rate_models.devices import Execution
from rate_models.fisher import diagonal_fisher
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.optimisers import GradientDescent, Sgd
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.stochastic_layers import DeterministicSynapses
from rate_models.task_sequences import DataOrder, Plan
from rate_models.training import Trainer

DOUBLE = Execution(dtype="float64")
LAYOUT = Layout((8, 6, 3))
RNG = np.random.default_rng(0)
IMAGES = torch.from_numpy(RNG.normal(size=(60, 8)))
LABELS = torch.from_numpy(RNG.integers(3, size=60))


def weights(values):
    """Return one deterministic network whose only weight and bias are given."""
    synapses = DeterministicSynapses(Layout((1, 1)), [0], execution=DOUBLE)
    synapses.learned[0] = torch.tensor(values, dtype=torch.float64)
    return synapses


@pytest.mark.parametrize(
    ("options", "gradient"),
    [
        # Every task holds at its own weights: 3 [2 (0 - 1) + 6 (0 - 5)] and 3 [0 (10 - 2) + 1 (10 - 7)].
        ({}, [-96.0, 9.0]),
        # The latest weights hold, and what was before is forgotten by half: 3 [0.5 * 2 + 6] (0 - 5).
        ({"kind": "online", "decay": 0.5}, [-105.0, 9.0]),
    ],
)
def test_penalties_hold_at_the_weights_after_each_task_or_after_the_latest(options, gradient):
    synapses = weights([1.0, 2.0])
    penalty = ElasticWeightConsolidation(synapses, strength=3.0, **options)
    penalty.consolidate(synapses, torch.tensor([[2.0, 0.0]], dtype=torch.float64))
    synapses.learned[0] = torch.tensor([5.0, 7.0])
    penalty.consolidate(synapses, torch.tensor([[6.0, 1.0]], dtype=torch.float64))
    synapses.learned[0] = torch.tensor([0.0, 10.0])
    penalty.add_gradient(synapses)
    torch.testing.assert_close(synapses.gradient, torch.tensor([gradient], dtype=torch.float64))


def test_kinds_agree_after_one_task_and_zero_strength_does_nothing():
    synapses = DeterministicSynapses(LAYOUT, [1, 1, 1], execution=DOUBLE)
    penalty = ElasticWeightConsolidation(
        synapses, strength=[2.0, 2.0, 0.0], kind=["separate", "online", "online"]
    )
    fisher = torch.from_numpy(RNG.exponential(size=synapses.learned.shape))
    fisher[1:] = fisher[0]
    penalty.consolidate(synapses, fisher)
    synapses.learned += 0.1
    penalty.add_gradient(synapses)
    torch.testing.assert_close(synapses.gradient[0], 2.0 * 0.1 * fisher[0])
    torch.testing.assert_close(synapses.gradient[1], synapses.gradient[0])
    assert not synapses.gradient[2].any()


def test_elastic_weights_find_the_posterior_mean_of_quadratic_losses():
    """With the exact curvature the penalised optimum of the last task is that of all tasks together."""
    curvature, optimum = torch.tensor([1.0, 4.0, 2.0]), torch.tensor([3.0, -1.0, 5.0])
    synapses = weights([0.0, 0.0])
    penalty = ElasticWeightConsolidation(synapses, strength=1.0)
    rule = GradientDescent(Sgd(synapses, learning_rate=0.1), [penalty])
    for h, c in zip(curvature, optimum, strict=True):
        for _ in range(500):
            synapses.gradient.copy_(h * (synapses.learned - c))
            rule.update(synapses)
        penalty.consolidate(synapses, torch.full((1, 2), float(h), dtype=torch.float64))
    expected = float((curvature * optimum).sum() / curvature.sum())
    # Anchors are the penalised optima, whose springs are those of all earlier tasks again: Huszár (2018).
    first = 3.0
    second = (4 * -1.0 + 1 * first) / 5
    third = (2 * 5.0 + 1 * first + 4 * second) / 7
    assert synapses.learned[0, 0].item() == pytest.approx(third, abs=1e-6)
    assert abs(third - expected) < abs(5.0 - expected)


@pytest.mark.parametrize("rate_strength", [0.01, 1.0, 1e6])
def test_the_implicit_step_rests_where_the_penalised_loss_is_least_however_strong_the_penalty(rate_strength):
    synapses, rate, fisher = weights([2.0, 2.0]), 0.1, torch.tensor([[3.0, 0.0]], dtype=torch.float64)
    penalty = ElasticWeightConsolidation(synapses, strength=1.0)
    penalty.consolidate(synapses, fisher)
    rule = ImplicitElasticWeights(synapses, penalty, learning_rate=rate, rate_strength=rate_strength)
    for _ in range(2000):
        synapses.gradient.copy_(4.0 * (synapses.learned - 5.0))
        rule.update(synapses)
    held = rate_strength / rate * fisher
    torch.testing.assert_close(synapses.learned, (4.0 * 5.0 + held * 2.0) / (4.0 + held))


def test_implicit_elastic_weights_keep_what_belongs_to_the_replicas_that_stay():
    synapses = DeterministicSynapses(LAYOUT, [1, 2, 3], execution=DOUBLE)
    penalty = ElasticWeightConsolidation(synapses, strength=1.0)
    penalty.consolidate(synapses, torch.ones_like(synapses.learned))
    rule = ImplicitElasticWeights(synapses, penalty, learning_rate=0.1, rate_strength=[0.1, 0.2, 0.3])
    anchors = penalty.springs.anchor.clone()
    synapses.keep([2])
    rule.keep([2])
    synapses.learned += 1.0
    synapses.gradient.zero_()
    rule.update(synapses)
    torch.testing.assert_close(synapses.learned, anchors[2:] + 1 / 1.3)


def test_online_elastic_weights_are_exact_for_quadratic_losses():
    curvature, optimum = torch.tensor([1.0, 4.0, 2.0]), torch.tensor([3.0, -1.0, 5.0])
    synapses = weights([0.0, 0.0])
    penalty = ElasticWeightConsolidation(synapses, strength=1.0, kind="online")
    rule = GradientDescent(Sgd(synapses, learning_rate=0.1), [penalty])
    for h, c in zip(curvature, optimum, strict=True):
        for _ in range(500):
            synapses.gradient.copy_(h * (synapses.learned - c))
            rule.update(synapses)
        penalty.consolidate(synapses, torch.full((1, 2), float(h), dtype=torch.float64))
    expected = float((curvature * optimum).sum() / curvature.sum())
    assert synapses.learned[0, 0].item() == pytest.approx(expected, abs=1e-6)


def loss_of(parameters, images, labels):
    """Return the mean loss of a network whose parameters are one row, for autograd."""
    return F.cross_entropy(FeedForward(LAYOUT).logits(images[None], parameters[None])[0], labels)


def slope_of(loss, parameters):
    """Return the derivative of `loss(parameters)`."""
    parameters = parameters.clone().requires_grad_()
    return torch.autograd.grad(loss(parameters), parameters)[0]


@pytest.mark.parametrize(("kind", "decay"), [("separate", 1.0), ("online", 0.5)])
def test_elastic_weights_follow_autograd_of_the_penalised_loss(kind, decay):
    """Three tasks against a plain loop: penalties in the loss, Fisher information image by image."""

    def penalised(w, index, held):
        springs = sum((fisher * (w - anchor) ** 2).sum() for fisher, anchor in held)
        return loss_of(w, IMAGES[index], LABELS[index]) + 8.0 / 2 * springs

    synapses = DeterministicSynapses(LAYOUT, [2], execution=DOUBLE)
    penalty = ElasticWeightConsolidation(synapses, strength=8.0, kind=kind, decay=decay)
    rule = GradientDescent(Sgd(synapses, learning_rate=0.1), [penalty])
    trainer = Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS)
    order, plain, held = DataOrder([2]), synapses.learned[0].clone(), []
    for members in np.split(np.arange(60), 3):
        x, y = IMAGES[members], LABELS[members]
        plan = order.epoch(members, batch_size=5)
        trainer.run(plan)
        for index in plan.images[0].long():
            plain = plain - 0.1 * slope_of(lambda w, i=index, h=tuple(held): penalised(w, i, h), plain)
        torch.testing.assert_close(synapses.learned[0], plain)
        penalty.consolidate(synapses, diagonal_fisher(FeedForward(LAYOUT), synapses.learned, x, y))
        slopes = [slope_of(lambda w, i=i: loss_of(w, IMAGES[[i]], LABELS[[i]]), plain) for i in members]
        fisher = torch.stack(slopes).square().mean(dim=0)
        if kind == "online":
            held = [(fisher + decay * sum(own for own, _ in held), plain)]
        else:
            held.append((fisher, plain))


@pytest.mark.parametrize("clamp", [math.inf, 0.05])
def test_bayesian_gradient_descent_follows_its_published_algorithm(clamp):
    """Against a plain loop over the drawn networks, with the update of sigma as printed."""
    synapses = MeanFieldSynapses(LAYOUT, [2], initial_sigma=0.1, draws_per_step=3, execution=DOUBLE)
    rule = BayesianGradientDescent(synapses, learning_rate=0.7, clamp=clamp)
    trainer = Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS, loss="sum")
    mu, sigma = synapses.mu[0].clone(), synapses.log_sigma[0].exp()
    plan = DataOrder([2]).epoch(np.arange(60), batch_size=10)
    for index in plan.images[0].long():
        trainer.run(Plan(index.int()[None, None]))
        xi = synapses.drawn[:, : LAYOUT.n_parameters]
        slopes = torch.stack(
            [
                slope_of(
                    lambda w, index=index: 10 * loss_of(w, IMAGES[index], LABELS[index]), mu + sigma * own
                )
                for own in xi
            ]
        )
        bound = clamp / sigma
        mu = mu - 0.7 * sigma**2 * slopes.mean(dim=0).clamp(-bound, bound)
        a = sigma * (slopes * xi).mean(dim=0).clamp(-bound, bound) / 2
        sigma = sigma * (1 + a**2).sqrt() - sigma * a
    torch.testing.assert_close(synapses.mu[0], mu)
    torch.testing.assert_close(synapses.log_sigma[0].exp(), sigma)


def test_path_of_synaptic_intelligence_accounts_for_the_loss():
    synapses = DeterministicSynapses(LAYOUT, [3], execution=DOUBLE)
    rule = SynapticIntelligence(synapses, Sgd(synapses, learning_rate=0.002), strength=1.0)
    network = FeedForward(LAYOUT)

    def loss():
        return F.cross_entropy(network.logits(IMAGES[None], synapses.learned)[0], LABELS).item()

    before = loss()
    trainer = Trainer(network, synapses, rule, IMAGES, LABELS)
    for _ in range(200):
        trainer.run(DataOrder([3]).epoch(np.arange(60), batch_size=60))
    assert before - loss() > 0.001
    # To first order in the learning rate: half of it times the curvature, which is about 2 here, is missing.
    assert rule.path.sum().item() == pytest.approx(before - loss(), rel=0.01)


def test_importance_of_synaptic_intelligence_by_hand():
    synapses = weights([0.0, 0.0])
    rule = SynapticIntelligence(synapses, Sgd(synapses, learning_rate=0.5), strength=2.0, damping=0.1)
    synapses.gradient.copy_(torch.tensor([[-2.0, 0.0]]))
    rule.update(synapses)
    assert synapses.learned.tolist() == [[1.0, 0.0]]
    rule.consolidate(synapses)
    importance = 2.0 / 1.1
    assert rule.springs.stiffness.tolist() == [[pytest.approx(importance), 0.0]]
    synapses.learned[0, 0] = 1.5
    synapses.gradient.zero_()
    rule.update(synapses)
    # The gradient of 2 importance (w - 1)^2 at 1.5, times the rate.
    assert synapses.learned[0, 0].item() == pytest.approx(1.5 - 0.5 * 2 * 2 * importance * 0.5)


def updated_sigma(sigma, slope):
    """Return sigma after one step with draws of 1, so that the gradient is the slope by sigma."""
    learned = torch.cat([torch.zeros_like(sigma), sigma.log()])[None]
    numbers = 0 * sigma, None, (-np.inf, np.inf)
    _follow_in_closed_form(learned, slope[None, None], torch.ones_like(slope), *numbers)
    return learned[0, len(sigma) :].exp()


def test_sigma_follows_the_published_update():
    sigma = torch.from_numpy(RNG.uniform(0.01, 2, size=100))
    slope = torch.from_numpy(RNG.normal(size=100))
    a = 0.5 * sigma * slope
    torch.testing.assert_close(updated_sigma(sigma, slope), sigma * (1 + a**2).sqrt() - sigma * a)


@pytest.mark.parametrize("slope", [1e12, -1e12, 3e38])
def test_sigma_stays_positive_and_finite_where_the_published_form_does_not(slope):
    sigma, slope = torch.tensor([0.5]), torch.tensor([slope])
    a = 0.5 * sigma * slope
    published = sigma * (1 + a**2).sqrt() - sigma * a
    assert float(published) <= 0 or not np.isfinite(float(published)) or float(slope) < 0
    found = float(updated_sigma(sigma, slope))
    assert 0 < found < np.inf


def test_bayesian_gradient_descent_nears_the_exact_posterior():
    """Observing a constant through noise in many small pieces: precision adds up, and weights the mean."""
    layout = Layout((1, 100))
    synapses = MeanFieldSynapses(layout, [0], initial_sigma=0.5, draws_per_step=50, execution=DOUBLE)
    synapses.mu.zero_()
    rule = BayesianGradientDescent(synapses)
    h, target, n_steps = 0.05, 2.0, 400
    for _ in range(n_steps):
        synapses.draw()
        synapses.gradient.copy_(h * (synapses.effective - target))
        rule.update(synapses)
    precision = 1 / 0.5**2 + n_steps * h
    sigma = synapses.log_sigma.exp()
    assert sigma.mean().item() == pytest.approx(precision**-0.5, rel=0.02)
    assert synapses.mu.mean().item() == pytest.approx(n_steps * h * target / precision, rel=0.02)


def test_drawn_networks_have_the_stated_mean_and_sd():
    synapses = MeanFieldSynapses(LAYOUT, [4, 5], initial_sigma=[0.1, 0.3], draws_per_step=2000)
    synapses.draw()
    by_draw = synapses.by_draw(synapses.effective)
    error = (by_draw.mean(dim=1) - synapses.mu).abs().amax(dim=1)
    assert (error < 5 * torch.tensor([0.1, 0.3]) / 2000**0.5).all()
    spread = by_draw.std(dim=1).mean(dim=1)
    torch.testing.assert_close(spread, torch.tensor([0.1, 0.3]), rtol=0.01, atol=0)


def trained(seeds, sigmas, rates):
    synapses = MeanFieldSynapses(LAYOUT, seeds, initial_sigma=sigmas, draws_per_step=3, execution=DOUBLE)
    rule = BayesianGradientDescent(synapses, learning_rate=rates)
    trainer = Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES, LABELS, loss="sum")
    order = DataOrder(seeds)
    for _ in range(3):
        trainer.run(order.epoch(np.arange(60), batch_size=10))
    return trainer


def test_a_bayesian_replica_learns_alone_as_in_a_batch_and_lowers_the_loss():
    together = trained([1, 2, 3], [0.01, 0.05, 0.1], [1.0, 2.0, 0.5])
    alone = trained([2], 0.05, 2.0)
    torch.testing.assert_close(together.synapses.learned[1], alone.synapses.learned[0], rtol=1e-9, atol=1e-12)
    assert together.drop([0]) == [0]
    torch.testing.assert_close(together.synapses.learned[0], alone.synapses.learned[0], rtol=1e-9, atol=1e-12)
    first = float(alone.mean_loss[0])
    order = DataOrder([2])
    for _ in range(40):
        alone.run(order.epoch(np.arange(60), batch_size=10))
    assert float(alone.mean_loss[0]) < first


def test_wrong_parameters_are_named():
    synapses = weights([0.0, 0.0])
    with pytest.raises(ValueError, match=r"strength, .* must be a number from 0 on, got -1"):
        ElasticWeightConsolidation(synapses, strength=-1.0)
    with pytest.raises(ValueError, match="kind must be one of separate, online"):
        ElasticWeightConsolidation(synapses, strength=1.0, kind="offline")
    with pytest.raises(ValueError, match=r"decay must be a number from 0 to 1, .*got 2"):
        ElasticWeightConsolidation(synapses, strength=1.0, decay=2.0)
    with pytest.raises(ValueError, match=r"fisher must have the shape \(1, 2\)"):
        ElasticWeightConsolidation(synapses, strength=1.0).consolidate(synapses, torch.zeros(1, 1))
    with pytest.raises(ValueError, match=r"damping must be a number above 0, .*got 0"):
        SynapticIntelligence(synapses, Sgd(synapses, learning_rate=1.0), strength=1.0, damping=0)
    with pytest.raises(ValueError, match=r"initial_sigma, .* must be a number from 1e-30 to 1e\+30, got 0"):
        MeanFieldSynapses(LAYOUT, [1], initial_sigma=0.0)
    with pytest.raises(ValueError, match="sigma_bounds must "):
        BayesianGradientDescent(MeanFieldSynapses(LAYOUT, [1]), sigma_bounds=(1.0, 0.1))


def test_contributions_that_raised_the_loss_make_no_importance():
    synapses = weights([1.0, 2.0])
    rule = SynapticIntelligence(synapses, Sgd(synapses, learning_rate=0.1), strength=1.0, damping=0.1)
    rule.path.copy_(torch.tensor([[-0.5, 0.5]]))
    rule.consolidate(synapses)
    assert rule.springs.stiffness.tolist() == [[0.0, pytest.approx(5.0)]]


NOT_AN_AMOUNT = [-1.0, float("nan"), float("inf"), "1", None, [1.0, 2.0], True]


@pytest.mark.parametrize("wrong", NOT_AN_AMOUNT)
@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("strength", lambda wrong: ElasticWeightConsolidation(weights([1.0, 2.0]), strength=wrong)),
        ("strength", lambda wrong: synaptic_intelligence(strength=wrong)),
        ("damping", lambda wrong: synaptic_intelligence(strength=1.0, damping=wrong)),
        ("learning_rate", lambda wrong: Sgd(weights([1.0, 2.0]), learning_rate=wrong)),
        ("l2", lambda wrong: Sgd(weights([1.0, 2.0]), learning_rate=0.1, l2=wrong)),
        (
            "learning_rate",
            lambda wrong: BayesianGradientDescent(MeanFieldSynapses(LAYOUT, [1]), learning_rate=wrong),
        ),
    ],
)
def test_strengths_and_rates_that_are_none_are_refused(name, build, wrong):
    with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
        build(wrong)


def synaptic_intelligence(**options):
    synapses = weights([1.0, 2.0])
    return SynapticIntelligence(synapses, Sgd(synapses, learning_rate=0.1), **options)


@pytest.mark.parametrize("kind", [PresynapticSgd, BayesianGradientDescent])
def test_rules_refuse_synapses_that_they_cannot_change(kind):
    with pytest.raises(TypeError, match="synapses must be of type"):
        if kind is PresynapticSgd:
            kind(DeterministicSynapses(LAYOUT, [1]), ReleasePlasticity(), learning_rate=0.1)
        else:
            kind(DeterministicSynapses(LAYOUT, [1]))
