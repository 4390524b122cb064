"""The spiking perceptron: its deterministic control equals the perceptron, and tests change nothing."""

from dataclasses import replace

import numpy as np
import pytest

from brianpresyn.experiments import spiking_perceptron as experiment
from brianpresyn.experiments.spiking_perceptron import PLASTIC, Config, patterns_for, schedule_for

pytest.importorskip("xarray")

SMALL = Config(
    n_inputs=20,
    n_patterns=10,
    n_tasks=2,
    n_epochs=3,
    n_votes=3,
    fixed_p=(1.0,),
    seeds=(3, 4),
    target="numpy",
)


@pytest.fixture(scope="module")
def result():
    return experiment.run(SMALL)


def offline_perceptron(seed, delays):
    """Return the weights of the deterministic perceptron, and its accuracy after both tasks, in numpy."""
    x, y = patterns_for(SMALL, seed)
    lines = np.hstack([x > 0, x < 0]).astype(float)
    gain = np.exp(-(SMALL.n_steps - delays) / SMALL.tau)
    schedule, w = schedule_for(SMALL), np.zeros(lines.shape[1])
    votes, update = [], np.zeros_like(w)
    for trial, row in enumerate(schedule.pattern):
        vote = 1.0 if lines[row] @ (w * gain) >= 0 else -1.0
        votes.append(vote)
        update += (y[row] - vote) * lines[row] * schedule.is_learned[trial]
        if (trial + 1) % SMALL.n_per_batch == 0:
            w += update / SMALL.n_per_batch
            update[:] = 0
    tested = np.flatnonzero(~schedule.is_learned & (schedule.after_task == 1))[: 20 * SMALL.n_votes]
    right = np.array(votes)[tested].reshape(-1, SMALL.n_votes)[:, 0] == y
    return w, right.reshape(2, -1).mean(axis=1)


@pytest.mark.parametrize("number", [0, 1])
def test_deterministic_control_is_the_perceptron(result, number):
    n_lines = 2 * SMALL.n_inputs
    delays = np.random.default_rng(SMALL.seeds[0]).integers(1, SMALL.n_delays + 1, 2 * n_lines)
    delays = delays[number * n_lines : (number + 1) * n_lines]
    weights, accuracy = offline_perceptron(SMALL.seeds[number], delays)
    control = result.sel(model="deterministic").isel(seed=number)
    np.testing.assert_allclose(control.strength, weights, atol=1e-9)
    np.testing.assert_allclose(control.accuracy.isel(after_task=1), accuracy)


def test_plastic_release_moves_p_within_its_bounds(result):
    p = result.p.sel(model=PLASTIC).to_numpy()
    assert p.min() >= 0.25 and p.max() <= 0.9 and p.max() > 0.6


def test_tasks_not_yet_learned_have_no_accuracy(result):
    assert np.isnan(result.accuracy.isel(after_task=0, task=1)).all()
    assert not np.isnan(result.accuracy.isel(after_task=1)).any()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_per_batch": 3}, "n_patterns must be a multiple of n_per_batch, got 10 and 3"),
        ({"n_steps": 5}, "a trial must be longer than the longest delay"),
        ({"seeds": ()}, "seeds must be a tuple of whole numbers"),
        ({"n_votes": 0}, "n_votes must be a whole number from 1 on, such as 10, got 0"),
    ],
)
def test_bad_sizes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **options)
