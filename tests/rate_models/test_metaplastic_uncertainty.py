"""MESU: a step against the equations by hand, the posterior of a quadratic loss, the published lines."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from rate_models.consolidation import BayesianGradientDescent, MeanFieldSynapses
from rate_models.continual_learning import permuted_tasks, plans_of
from rate_models.continual_methods import Replica, Training, learned, learner_of
from rate_models.datasets import load_images
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.metaplastic_uncertainty import MetaplasticUncertainty
from rate_models.networks import FeedForward
from rate_models.published_bayes import PUBLISHED_RUNS, images_as_published, learned_as_published
from rate_models.task_sequences import DataOrder, Plan
from rate_models.training import Trainer

DOUBLE = Execution(dtype="float64")
LAYOUT = Layout((8, 6, 3))
RNG = np.random.default_rng(0)
IMAGES = torch.from_numpy(RNG.normal(size=(60, 8)))
LABELS = torch.from_numpy(RNG.integers(3, size=60))


def test_a_step_follows_the_published_equations_with_gradients_of_autograd():
    """Two replicas with numbers of their own; the second one's clamp cuts."""
    numbers = {
        "learning_rate": [0.46, 1.0],
        "sigma_rate": [1.58, 0.7],
        "prior_mean": [0.0, 0.3],
        "prior_sigma": [0.02, 1.0],
        "memory": [50.0, 7.0],
        "clamp": [math.inf, 0.05],
    }
    synapses = MeanFieldSynapses(LAYOUT, [2, 3], initial_sigma=0.1, draws_per_step=3, execution=DOUBLE)
    trainer = Trainer(
        FeedForward(LAYOUT), synapses, MetaplasticUncertainty(synapses, **numbers), IMAGES, LABELS
    )
    mu, sigma = synapses.mu.clone(), synapses.log_sigma.exp()
    index = DataOrder([2, 3]).epoch(np.arange(60), batch_size=10).images[:, 0].long()
    trainer.run(Plan(index[:, None].int()))
    xi = synapses.by_draw(synapses.drawn).clone()
    for row in range(2):
        slopes = []
        for own in xi[row]:
            w = (mu[row] + sigma[row] * own).requires_grad_()
            logits = FeedForward(LAYOUT).logits(IMAGES[index[row]][None], w[None])[0]
            loss = F.cross_entropy(logits, LABELS[index[row]], reduction="sum")
            slopes.append(torch.autograd.grad(loss, w)[0])
        slopes = torch.stack(slopes)
        eta_mu, eta_sigma, mu_0, sigma_0, n, clamp = (of[row] for of in numbers.values())
        bound = clamp / sigma[row]
        g = torch.clamp(slopes.mean(0), -bound, bound)
        c = torch.clamp((slopes * xi[row]).mean(0), -bound, bound)
        variance = sigma[row] ** 2
        prior = n * sigma_0**2
        new_mu = mu[row] + eta_mu * (-variance * g + variance * (mu_0 - mu[row]) / prior)
        new_sigma = sigma[row] + eta_sigma / 2 * (
            -variance * c + sigma[row] * (sigma_0**2 - variance) / prior
        )
        torch.testing.assert_close(synapses.mu[row], new_mu)
        torch.testing.assert_close(synapses.log_sigma[row].exp(), new_sigma)


def quadratic(curvature, optimum, n_steps, *, draws=200, **numbers):
    """Return 100 synapses after steps on the loss h (w - optimum)^2 / 2."""
    synapses = MeanFieldSynapses(
        Layout((10, 10)), [0], initial_sigma=0.5, draws_per_step=draws, biases="none", execution=DOUBLE
    )
    synapses.mu.zero_()
    rule = MetaplasticUncertainty(synapses, **numbers)
    for _ in range(n_steps):
        synapses.draw()
        synapses.gradient.copy_(curvature * (synapses.effective - optimum))
        rule.update(synapses)
    return synapses.mu[:, :100], synapses.log_sigma[:, :100].exp()


def test_the_mean_of_slope_and_noise_is_sigma_times_curvature():
    """Stein's identity, on which the rule rests, for a quadratic loss and five standard errors."""
    synapses = MeanFieldSynapses(Layout((1, 1)), [1], draws_per_step=100_000, initial_sigma=0.3)
    synapses.draw()
    slope = 2.5 * (synapses.effective - 1.0)
    product = (slope * synapses.drawn)[:, 0]
    assert abs(product.mean() - 0.3 * 2.5) < 5 * product.std() / 100_000**0.5


@pytest.mark.parametrize(("h", "memory", "prior_sigma"), [(0.2, 40.0, 0.5), (1.0, 20.0, 2.0)])
def test_precision_rests_at_that_of_the_prior_plus_a_window_of_curvature(h, memory, prior_sigma):
    """And the mean at the average of prior and optimum, weighted by their precisions."""
    mu, sigma = quadratic(h, 2.0, 12 * int(memory), prior_sigma=prior_sigma, memory=memory)
    prior = prior_sigma**-2
    precision = prior + memory * h
    assert sigma.mean().item() == pytest.approx(precision**-0.5, rel=0.01)
    assert mu.mean().item() == pytest.approx(2.0 * memory * h / precision, rel=0.01)


def test_without_curvature_what_was_learned_returns_to_the_prior():
    """As the equation of sigma says: an exponential approach, integrated by hand."""
    _, sigma = quadratic(0.0, 0.0, 30, prior_sigma=2.0, memory=50.0, draws=2)
    expected = 0.5
    for _ in range(30):
        expected += 0.5 * expected * (2.0**2 - expected**2) / (50.0 * 2.0**2)
    torch.testing.assert_close(sigma, torch.full_like(sigma, expected))


def test_without_a_leak_it_is_bayesian_gradient_descent_to_first_order():
    synapses = [
        MeanFieldSynapses(LAYOUT, [2], initial_sigma=1e-3, draws_per_step=4, execution=DOUBLE)
        for _ in range(2)
    ]
    rules = MetaplasticUncertainty(synapses[0]), BayesianGradientDescent(synapses[1])
    before = synapses[0].learned.clone()
    for own, rule in zip(synapses, rules, strict=True):
        trainer = Trainer(FeedForward(LAYOUT), own, rule, IMAGES, LABELS)
        trainer.run(Plan(torch.arange(60, dtype=torch.int32)[None, None]))
    moved = [own.learned - before for own in synapses]
    torch.testing.assert_close(moved[0], moved[1], rtol=0.02, atol=1e-9)


@pytest.mark.parametrize("slope", [1e6, -1e6])
@pytest.mark.parametrize("clamp", [1.0, math.inf])
def test_sigma_stays_positive_and_finite_under_any_gradient(slope, clamp):
    synapses = MeanFieldSynapses(LAYOUT, [0], initial_sigma=0.07, draws_per_step=2)
    rule = MetaplasticUncertainty(synapses, sigma_rate=1.58, clamp=clamp, prior_sigma=0.02, memory=5.8e6)
    for _ in range(20):
        synapses.draw()
        synapses.gradient.copy_(slope * synapses.drawn)
        rule.update(synapses)
    assert torch.isfinite(synapses.log_sigma).all() and (synapses.log_sigma.exp() > 0).all()


def test_untrained_biases_stay_zero_and_draws_answer():
    synapses = MeanFieldSynapses(
        LAYOUT, [1], biases="none", answers_with="draws", initial_sigma=0.1, draws_per_step=2
    )
    rule = MetaplasticUncertainty(synapses, prior_sigma=1.0, memory=10.0)
    Trainer(FeedForward(LAYOUT), synapses, rule, IMAGES.float(), LABELS).run(
        DataOrder([1]).epoch(np.arange(60), batch_size=10)
    )
    streams = synapses.evaluation_streams()
    first, second = synapses.sample(streams), synapses.sample(streams)
    assert not first[:, LAYOUT.n_weights :].any() or float(first[:, LAYOUT.n_weights :].abs().max()) < 1e-20
    assert (first != second)[:, : LAYOUT.n_weights].all()


@pytest.mark.parametrize("name", ["mesu 10 tasks", "foo-vb 10 tasks"])
def test_the_program_starts_as_published(name):
    layout, run = Layout((784, 200, 10)), PUBLISHED_RUNS[name]
    replicas = [Replica(1, run.settings)]
    learner = learner_of(run.program, replicas, layout, Training(draws_per_step=2), Execution())
    synapses = learner.synapses
    for part, n_in in zip(layout.weight_slices, (784, 200), strict=True):
        mu, sigma = synapses.mu[:, part], synapses.log_sigma[:, part].exp()
        torch.testing.assert_close(sigma, torch.full_like(sigma, 2 / n_in**0.5))
        assert 3.9 / n_in**0.5 < float(mu.abs().max()) <= 4 / n_in**0.5
        # Uniform: the standard deviation is the bound over the root of three, within five standard errors.
        assert float(mu.std()) == pytest.approx(4 / (3 * n_in) ** 0.5, rel=5 * (0.2 / mu.numel()) ** 0.5)
    assert not synapses.mu[:, layout.n_weights :].any()


def test_xavier_start_of_bayesian_gradient_descent():
    layout = Layout((300, 100, 10))
    setting = {"learning_rate": 1.0, "sigma": 0.05}
    learner = learner_of("bgd_xavier", [Replica(1, setting)], layout, Training(), Execution())
    first = learner.synapses.mu[0, layout.weight_slices[0]]
    assert float(first.std()) == pytest.approx((2 / 400) ** 0.5, rel=0.03)
    biases = learner.synapses.mu[0, layout.bias_slices[0]]
    assert float(biases.std()) == pytest.approx((2 / 101) ** 0.5, rel=0.36)


@pytest.mark.parametrize("name", PUBLISHED_RUNS)
def test_a_published_line_is_followed_in_every_column(name):
    run = PUBLISHED_RUNS[name]
    data = images_as_published(run, load_images("digits"))
    assert data.n_pixels == run.side**2
    mean, sd = run.pixels
    assert float(data.train_images.min()) == pytest.approx(-mean / sd)
    assert float(data.train_images.max()) == pytest.approx((1 - mean) / sd)
    if run.normalises_test_alone:
        assert abs(float(data.test_images.mean())) < 1e-5
        assert float(data.test_images.std()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["mesu 10 tasks", "foo-vb 10 tasks"])
def test_the_program_learns_and_a_line_says_the_order_of_images_and_pixels(name):
    run = PUBLISHED_RUNS[name]
    training = Training(hidden_units=(30,), n_epochs=8, batch_size=50, draws_per_step=4)
    tasks = permuted_tasks(load_images("digits"), 1)
    found = learned(run.program, [Replica(1, run.settings)], tasks, training, execution=Execution())
    assert float(found.accuracy[0, -1, 0]) > 0.85
    in_order = replace(tasks, starts_unpermuted=True, shuffles=False)
    assert in_order.pixel_orders([1, 2])[:, 0].tolist() == [list(range(64))] * 2
    _, plan = next(plans_of(in_order, [1], in_order.pixel_orders([1]), n_epochs=1, batch_size=50))
    assert plan.images.flatten().tolist() == list(range(1400))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"memory": 0.0}, "memory must be positive, got 0"),
        ({"memory": math.nan}, "memory must be a number or a sequence of numbers, .*got nan"),
        ({"clamp": -1.0}, "clamp must be positive, got -1"),
        ({"prior_sigma": 0.0}, "prior_sigma, .* must be a number from 1e-15 to .*got 0"),
        ({"prior_sigma": math.inf}, r"prior_sigma, .* must be a number from 1e-15 to .*got inf"),
        ({"prior_sigma": 1e-300}, r"prior_sigma, .* got 1e-300"),
        ({"memory": 0.5}, r"memory must be at least 1 step, got 0\.5"),
        ({"prior_mean": math.inf}, "prior_mean, .* must be a number above -inf and below inf"),
        ({"learning_rate": -1.0}, "learning_rate, .* must be a number from 0 on, got -1"),
        ({"sigma_rate": [1.0, 1.0]}, "sigma_rate: expected one value or one per replica"),
    ],
)
def test_wrong_settings_are_named(numbers, message):
    synapses = MeanFieldSynapses(LAYOUT, [1])
    with pytest.raises(ValueError, match=message):
        MetaplasticUncertainty(synapses, **numbers)


def test_unknown_lines_and_odd_images_are_named():
    with pytest.raises(ValueError, match="name must be one of mesu 10 tasks, mesu 200 tasks"):
        learned_as_published("mesu", load_images("digits"))
    wide = load_images("digits")
    wide = type(wide)(
        "wide",
        *(t[:, :60] if t.ndim == 2 else t for t in (wide.train_images, wide.train_labels)),
        wide.test_images[:, :60],
        wide.test_labels,
    )
    with pytest.raises(ValueError, match="images must be squares of at most 28 pixels a side, got 60"):
        images_as_published(PUBLISHED_RUNS["mesu 10 tasks"], wide)
    with pytest.raises(ValueError, match="answers_with must be"):
        MeanFieldSynapses(LAYOUT, [1], answers_with="mean")
