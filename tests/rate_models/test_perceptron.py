"""The perceptron: plain loops over patterns, and loads whose outcome is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biophys.release_plasticity import ReleasePlasticity, updated_release_probability
from rate_models.experiments import perceptron
from rate_models.experiments.perceptron import FIGURES, Config, Perceptrons, random_tasks, run

SMALL = Config(n_inputs=100, n_tasks=3, n_epochs=10, n_patterns=(10, 20), seeds=(1, 2), n_samples=3)
CPU = {"device": torch.device("cpu"), "dtype": torch.float64}


def test_standard_updates_are_those_of_a_plain_loop():
    patterns, labels = random_tasks(SMALL, 20, torch.device("cpu"))
    found = Perceptrons(100, SMALL.seeds, None, **CPU)
    expected = np.zeros((2, 100))
    # Steps of 1/2 add up without rounding, so that a potential of 0 is one in both.
    for first in range(0, 20, 4):
        x, y = patterns[:, 0, first : first + 4], labels[:, 0, first : first + 4]
        found.learn(x, y)
        for seed in range(2):
            w = expected[seed].copy()
            for pattern, label in zip(x[seed].numpy(), y[seed].numpy(), strict=True):
                answer = 1.0 if pattern @ w >= 0 else -1.0
                expected[seed] += (label - answer) * pattern / 4
    np.testing.assert_allclose(found.weight.numpy(), expected, atol=1e-12)
    assert set(np.unique(np.abs(expected) / 0.5) % 1) == {0.0}


def test_presynaptic_updates_are_those_of_a_plain_loop():
    rule = ReleasePlasticity(0.2, 0.2, 0.1, 0.25, 0.9, p_freeze=0.9, form="soft_bound", consolidation=True)
    patterns, labels = random_tasks(SMALL, 20, torch.device("cpu"))
    found, twin = (Perceptrons(100, SMALL.seeds, rule, **CPU) for _ in range(2))
    # From weights at random: sums of like ones would tie, and rounding decide.
    for own in (found, twin):
        own.weight += torch.from_numpy(np.random.default_rng(4).normal(size=own.weight.shape))
    for first in range(0, 20, 4):
        x, y = patterns[:, 0, first : first + 4], labels[:, 0, first : first + 4]
        found.learn(x, y)
        transmitted = twin._transmitted(x, twin._training)
        assert set(np.unique(transmitted)) == {-1.0, 0.0, 1.0}
        for seed in range(2):
            w, p = twin.weight[seed].clone(), twin.p[seed].clone()
            update = torch.zeros(100, dtype=torch.float64)
            for pattern, label in zip(transmitted[seed], y[seed], strict=True):
                answer = 1.0 if float(pattern @ (w / p)) >= 0 else -1.0
                update += (label - answer) * pattern / 4
            twin.weight[seed] = w + (1 - p) * update
            twin.p[seed] = updated_release_probability(p, update, rule)
    torch.testing.assert_close(found.weight, twin.weight, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.p, twin.p, rtol=1e-10, atol=1e-12)


def test_patterns_are_released_with_probability_p():
    rule = ReleasePlasticity(0.2, 0.2, 0.1, 0.3, 0.9)
    found = Perceptrons(1000, [1], rule, **CPU)
    share = float((found._transmitted(torch.ones(1, 50, 1000).double(), found._training) > 0).double().mean())
    assert abs(share - 0.3) < 5 * (0.3 * 0.7 / 50_000) ** 0.5


def test_few_patterns_are_all_recalled_and_more_than_the_capacity_are_not():
    config = replace(SMALL, n_inputs=100, n_tasks=1, n_epochs=60, n_patterns=(20, 400), models=("standard",))
    recalled = run(config).accuracy.isel(n_learned=-1, task=0, model=0)
    assert float(recalled.sel(n_patterns=20).min()) == 1.0
    assert float(recalled.sel(n_patterns=400).max()) < 0.95


def test_a_tied_vote_is_not_recalled():
    found = Perceptrons(4, [1], ReleasePlasticity(p_min=0.25), **CPU)
    x, y = torch.ones(1, 1, 4, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    # Without weights every potential is zero, which answers +1 in every draw.
    assert found.recalled(x, y, n_samples=10).item() == 1
    assert found.recalled(x, -y, n_samples=10).item() == 0


def test_models_see_the_same_patterns_and_seeds_are_reproducible():
    first, again = run(SMALL), run(replace(SMALL, models=("presynaptic",)))
    own = first.sel(model="presynaptic").drop_vars("model")
    np.testing.assert_array_equal(own.accuracy, again.accuracy.isel(model=0))
    assert first.accuracy.dims == ("model", "n_patterns", "seed", "n_learned", "task")
    assert np.isnan(first.mean_p.sel(model="standard")).all()
    assert (first.mean_p.sel(model="presynaptic").isel(n_learned=0) == 0.25).all()
    assert float(first.accuracy.max()) <= 1


def test_shuffling_changes_the_order_and_not_the_patterns():
    x, y = random_tasks(SMALL, 10, torch.device("cpu"))
    rngs = [np.random.default_rng(i) for i in range(2)]
    mixed_x, mixed_y = perceptron.shuffled(x[:, 0], y[:, 0], rngs)
    for seed in range(2):
        before = sorted(
            (*row, label) for row, label in zip(x[seed, 0].tolist(), y[seed, 0].tolist(), strict=True)
        )
        after = sorted(
            (*row, label) for row, label in zip(mixed_x[seed].tolist(), mixed_y[seed].tolist(), strict=True)
        )
        assert before == after
    assert not torch.equal(x[:, 0], mixed_x)


@pytest.mark.parametrize("panel", FIGURES)
def test_panels_are_drawn_from_the_result_alone(panel):
    from matplotlib.figure import Figure

    figure = Figure()
    FIGURES[panel](run(replace(SMALL, n_epochs=1)), figure)
    assert all(axes.get_xlabel() or axes.get_ylabel() for axes in figure.axes)


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match=r"multiples of batch_size=5, got \[12\]"):
        Config(n_patterns=(10, 12))
    with pytest.raises(ValueError, match="models must be a tuple of names out of standard, presynaptic"):
        Config(models=("other",))
    with pytest.raises(ValueError, match="n_epochs must be a whole number from 1 on, such as 25, got 0"):
        Config(n_epochs=0)
