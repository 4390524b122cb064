"""S09-S14, S17, S22, S23 and S30: verdicts follow the numbers given, each clause by itself."""

import numpy as np
import pytest
import xarray as xr

from rate_models.experiments.lifelong_methods import PUBLISHED_ACCURACY
from validation.archive import ArchivedRun
from validation.claims.schug2021 import task_sequences as table
from validation.claims.schug2021.task_sequences import (
    S09,
    S10,
    S11,
    S12,
    S13,
    S14,
    S17,
    S22,
    S23,
    S30,
    ablation,
    compared_methods,
    continuous_tasks,
    final_accuracy,
    first_task,
    frozen_synapses,
    overlapping_tasks,
    perceptron_capacity,
    perceptron_memory,
)
from validation.context import Context
from validation.published_settings import published_settings
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict, verdict_on

PUBLISHED = published_settings("lifelong")

YES, NO, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN
HERE, NOT_HERE, NOT_RUN = Verdict.HOLDS_HERE, Verdict.DOES_NOT_HOLD_HERE, Verdict.NOT_RUN
METHODS = ["presynaptic", "none", "sgd_tuned", "ewc", "bgd", "joint", "full_arm", "neither_arm", "ghost_arm"]
N_TASKS = 5


def learned(final, falls=None, p=None, noise=0.1):
    """Return a result of given final accuracies and falls of task 1, percent by benchmark and method.

    The five seeds of a method spread by `noise` about exactly these means: what a verdict is to be is known.
    """
    rng = np.random.default_rng(0)
    shape = (len(final), len(METHODS), 5, N_TASKS + 1, N_TASKS)
    accuracy, mean_p = np.full(shape, np.nan), np.full(shape[:-1], np.nan)
    for place, (benchmark, methods) in enumerate(final.items()):
        for name, percent in methods.items():
            each = np.full(shape[2:], 60.0)
            each[:, 1, 0] = 99.0
            each[:, 2:, 0] = 99.0 - (falls or {}).get(name, 10.0)
            each[:, -1] = percent
            spread = rng.normal(size=(5, N_TASKS + 1, 1))
            each += noise * (spread - spread.mean(axis=0)) / spread.std(axis=0, ddof=1)
            accuracy[place, METHODS.index(name)] = each / 100
            steps = (p or {}).get(benchmark, np.linspace(0.25, 0.5, N_TASKS + 1))
            mean_p[place, METHODS.index(name)] = steps + 0.001 * rng.normal(size=(5, N_TASKS + 1))
    dims = ("benchmark", "algorithm", "seed", "n_learned", "task")
    scores = np.full((len(final), len(METHODS), 2), np.nan)
    scores[:, 2] = 0.5
    return xr.Dataset(
        {
            "accuracy": (dims, accuracy),
            "mean_p": (dims[:-1], mean_p),
            "frozen": (dims[:-1], mean_p - 0.25),
            "n_tasks": ("benchmark", np.full(len(final), N_TASKS)),
            "trial_score": (("benchmark", "algorithm", "trial"), scores),
            "trial_setting": (
                ("benchmark", "algorithm", "hyperparameter", "trial"),
                scores[:, :, None] * 0.1,
            ),
        },
        {
            "benchmark": list(final),
            "algorithm": METHODS,
            "seed": range(5),
            "n_learned": range(N_TASKS + 1),
            "task": range(1, N_TASKS + 1),
            "hyperparameter": ["learning_rate"],
        },
    )


def found(function, result, config=PUBLISHED, experiment="lifelong"):
    return evidence_of(function(ArchivedRun(experiment, result, dict(config), {}), Context()))


def verdicts(evidence, claim):
    return [verdict_on(clause, evidence.measurements) for clause in claim.clauses]


def as_published(**changes):
    """Return the published table, with some cells changed, given as benchmark__method."""
    cells = {
        benchmark: {name: mean for name, (mean, _) in methods.items()}
        for benchmark, methods in table.PUBLISHED.items()
    }
    for place, value in changes.items():
        benchmark, method = place.split("__")
        cells[benchmark][method] = value
    return learned(cells)


def test_the_published_table_is_the_one_that_is_drawn():
    assert all(cells == PUBLISHED_ACCURACY[name] for name, cells in table.PUBLISHED.items())


def test_the_published_table_reproduces_itself():
    evidence = found(final_accuracy, as_published())
    of_methods = dict(zip((clause.id for clause in S10.clauses), verdicts(evidence, S10), strict=True))
    # What was searched here was not published.
    assert {of_methods[table.ORDER[place].id] for place in table.ORDER if place[1] != "none"} == {HERE}
    assert {verdict for verdict in of_methods.values() if verdict is not HERE} == {YES}


def test_a_cell_that_is_far_off_refutes_the_table():
    evidence = found(final_accuracy, as_published(split_mnist__none=90.0))
    assert verdict_on(table.CELLS["split_mnist", "none"], evidence.measurements) is NO
    assert verdict_on(table.ORDER["split_mnist", "none"], evidence.measurements) is NO
    assert combined_verdict(S10, evidence.measurements) is NO


def test_an_advantage_of_the_other_sign_does_not_hold():
    # Published: elastic weights are 3.4 points ahead.
    evidence = found(final_accuracy, as_published(permuted_mnist__ewc=80.0))
    assert verdict_on(table.ORDER["permuted_mnist", "ewc"], evidence.measurements) is NOT_HERE


def test_the_table_is_corrected_for_its_number_of_cells():
    benchmark = {"permuted_mnist": {"presynaptic": 86.14, "none": 79.6, "joint": 97.33}}
    one_cell = {"permuted_mnist": {"joint": 97.33}}
    clause = table.CELLS["permuted_mnist", "joint"]
    noisy = [found(final_accuracy, learned(cells, noise=0.7)) for cells in (one_cell, benchmark)]
    assert [verdict_on(clause, evidence.measurements) for evidence in noisy] == [YES, OPEN]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [YES, HERE, HERE]),
        ({"split_mnist__none": 90.0, "split_mnist__bgd": 82.9}, [NO, HERE, Verdict.OPEN_HERE]),
    ],
)
def test_consolidation_must_beat_each_method(changes, expected):
    assert verdicts(found(compared_methods, as_published(**changes)), S22) == expected


def test_similar_and_not_worse_are_two_statements():
    assert verdicts(found(compared_methods, as_published()), S23) == [HERE, HERE, YES]
    weak = as_published(split_fashion__bgd=70.0, split_fashion__ewc=60.0, split_fashion__none=95.0)
    assert verdicts(found(compared_methods, weak), S23) == [NOT_HERE, HERE, NO]
    left_out = learned({"split_mnist": {"presynaptic": 82.9, "none": 77.7}})
    assert verdicts(found(compared_methods, left_out), S23) == [NOT_RUN] * 3


@pytest.mark.parametrize(("fall", "expected"), [(5.0, YES), (15.0, NO)])
def test_task_one_must_fall_more_slowly(fall, expected):
    cells = {"split_mnist": {"presynaptic": 82.9, "none": 77.7, "sgd_tuned": 78.0}}
    evidence = found(first_task, learned(cells, {"presynaptic": fall, "sgd_tuned": 2.0}))
    # A tuned baseline forgets less still: shown with its setting, and not what was published.
    assert [m.verdict for m in evidence.measurements] == [expected, NOT_HERE]
    assert verdicts(evidence, S09) == [expected]


def test_ablations_lose_as_much_as_published():
    arms = {"full_arm": 82.0, "neither_arm": 78.0, "ghost_arm": 80.6}
    both = {"split_mnist": arms, "permuted_mnist": {**arms, "ghost_arm": 76.4, "neither_arm": 72.0}}
    assert verdicts(found(ablation, learned(both)), S11) == [YES] * 8
    harmless = {"split_mnist": {**arms, "ghost_arm": 83.0, "neither_arm": 77.0}}
    evidence = found(ablation, learned(harmless))
    assert verdicts(evidence, S11) == [NO, NOT_RUN, NO, NOT_RUN, YES, NOT_RUN, YES, NOT_RUN]


def test_numbers_of_the_digits_are_not_those_published():
    arms = {"full_arm": 82.0, "neither_arm": 78.0, "ghost_arm": 80.6}
    evidence = found(ablation, learned({"split_digits": arms}))
    assert [verdict for verdict in verdicts(evidence, S11) if verdict is not NOT_RUN] == [HERE] * 3
    assert evidence.measurements[0].setting == "tasks split_digits (published split_mnist)"


@pytest.mark.parametrize(("gradual", "expected"), [(85.5, [YES, YES]), (80.0, [NO, NO])])
def test_gradual_tasks_must_be_as_good_as_abrupt_ones(gradual, expected):
    cells = {"continuous_mnist": {"presynaptic": gradual}, "permuted_mnist": {"presynaptic": 86.14}}
    assert verdicts(found(continuous_tasks, learned(cells)), S14) == expected


@pytest.mark.parametrize(("last", "expected"), [(0.5, YES), (0.3, NO)])
def test_p_must_rise_with_every_task(last, expected):
    p = {"permuted_mnist": np.array([0.25, 0.3, 0.35, 0.4, 0.45, last])}
    evidence = found(frozen_synapses, learned({"permuted_mnist": {"presynaptic": 86.0}}, p=p))
    assert verdicts(evidence, S17) == [expected]


def test_every_figure_belongs_to_a_claim_that_is_measured():
    for function, claim in (
        (first_task, S09),
        (final_accuracy, S10),
        (ablation, S11),
        (frozen_synapses, S17),
    ):
        evidence = found(function, as_published())
        assert {figure.claim for figure in evidence.figures} == {claim.id}
        assert all(figure.caption.endswith(".") for figure in evidence.figures)


def perceptrons(gains, noise=0.2):
    """Return a result in which consolidation gains these points at 100, 400 and 800 patterns."""
    rng = np.random.default_rng(2)
    accuracy = np.full((2, 3, 10, 6, 5), 0.7) + noise / 100 * rng.normal(size=(2, 3, 10, 1, 1))
    accuracy[1] += np.array(gains)[:, None, None, None] / 100
    coords = {"model": ["standard", "presynaptic"], "n_patterns": [100, 400, 800], "task": range(1, 6)}
    dims = ("model", "n_patterns", "seed", "n_learned", "task")
    return xr.Dataset({"accuracy": (dims, accuracy)}, coords, {"n_inputs": 1000, "n_samples": 10})


@pytest.mark.parametrize(
    ("gains", "memory", "capacity"),
    [
        ([5.0, 0.0, 0.0], YES, YES),
        ([-5.0, 0.0, 0.0], NO, YES),
        ([0.0, 0.0, 0.0], OPEN, OPEN),
        # Less advantage, but not more similar: the other one is ahead, by more.
        ([2.0, -4.0, -4.0], YES, NO),
        ([-2.0, 4.0, 4.0], NO, NO),
    ],
)
def test_perceptron_claims_follow_the_advantage(gains, memory, capacity):
    result = perceptrons(gains)
    published = published_settings("perceptron")
    assert verdicts(found(perceptron_memory, result, published, "perceptron"), S12) == [memory] * 2
    assert verdicts(found(perceptron_capacity, result, published, "perceptron"), S13) == [capacity]


@pytest.mark.parametrize(("ghost", "expected"), [(0.3, YES), (0.1, NO)])
def test_ghost_release_must_share_more_synapses_between_tasks(ghost, expected):
    result = learned({"permuted_mnist": {"full_arm": 86.0, "ghost_arm": 80.0}})
    assert verdicts(found(overlapping_tasks, result), S30) == [NOT_RUN]
    overlap = 0.2 + 0.001 * np.random.default_rng(0).normal(size=(len(result.benchmark), len(METHODS), 5))
    overlap[:, METHODS.index("ghost_arm")] += ghost - 0.2
    assert verdicts(
        found(overlapping_tasks, result.assign(overlap=(result.accuracy.dims[:3], overlap))), S30
    ) == [expected]
