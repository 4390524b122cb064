"""Verdicts on lifelong learning, from results whose outcome is known."""

import numpy as np
import pytest
import xarray as xr

from validation.claims.claim import Verdict, combined_verdict
from validation.claims.over_seeds import seed_estimate
from validation.lifelong_evidence import evidence_of
from validation.mean_difference import difference, from_published
from validation.perceptron_evidence import perceptron_evidence

METHOD_NAMES = ["presynaptic", "none", "sgd_tuned", "bgd", "joint", "full_arm", "neither_arm", "ghost_arm"]


def lifelong_result(final, falls, *, benchmark="split_mnist", noise=0.1):
    """Return a result whose mean final accuracies and falls of task 1 are these, percent by method.

    Whenever they are measured, the seeds of a method spread by `noise` about exactly these means: what a
    verdict is to be is then known, and the falls spread as well.
    """
    rng = np.random.default_rng(0)
    n_seeds, n_tasks = 5, 5
    shape = (1, len(METHOD_NAMES), n_seeds, n_tasks + 1, n_tasks)
    accuracy = np.full(shape, np.nan, np.float32)
    mean_p = np.full(shape[:-1], np.nan, np.float32)
    for row, name in enumerate(METHOD_NAMES):
        if name not in final:
            continue
        table = np.full((n_seeds, n_tasks + 1, n_tasks), 60.0)
        table[:, 1, 0] = 99.0
        table[:, 2:, 0] = 99.0 - falls.get(name, 10.0)
        table[:, -1] = final[name]
        spread = rng.normal(size=(n_seeds, n_tasks + 1, 1))
        table += noise * (spread - spread.mean(axis=0)) / spread.std(axis=0, ddof=1)
        accuracy[0, row] = table / 100
        mean_p[0, row] = np.linspace(0.25, 0.5, n_tasks + 1)
    dims = ("benchmark", "algorithm", "seed", "n_learned", "task")
    coords = {
        "benchmark": [benchmark],
        "algorithm": METHOD_NAMES,
        "seed": range(n_seeds),
        "n_learned": range(6),
    }
    trials = np.full((1, len(METHOD_NAMES), 2), np.nan, np.float32)
    trials[0, 2] = 0.5
    settings = np.full((1, len(METHOD_NAMES), 1, 2), 0.1, np.float32)
    return xr.Dataset(
        {
            "accuracy": (dims, accuracy),
            "mean_p": (dims[:-1], mean_p),
            "frozen": (dims[:-1], mean_p - 0.25),
            "n_tasks": ("benchmark", np.array([n_tasks])),
            "trial_score": (("benchmark", "algorithm", "trial"), trials),
            "trial_setting": (("benchmark", "algorithm", "hyperparameter", "trial"), settings),
        },
        {**coords, "task": range(1, 6), "hyperparameter": ["learning_rate"], "trial": [0, 1]},
    )


PUBLISHED = {"presynaptic": 82.9, "none": 77.7, "sgd_tuned": 78.0, "bgd": 80.4, "joint": 98.55}
ARMS = {"full_arm": 82.0, "neither_arm": 78.0, "ghost_arm": 80.5}


def verdict_of(evidence, claim):
    return combined_verdict(m for m in evidence.measurements if m.claim == claim)


def test_published_numbers_are_reproduced_by_themselves():
    evidence = evidence_of(lifelong_result({**PUBLISHED, **ARMS}, {"presynaptic": 5.0, "none": 12.0}))
    for claim in ("S09", "S10", "S11"):
        assert verdict_of(evidence, claim) is Verdict.REPRODUCED, claim
    assert verdict_of(evidence, "S14") is Verdict.SKIPPED


def test_a_baseline_that_forgets_less_refutes():
    evidence = evidence_of(lifelong_result(PUBLISHED, {"presynaptic": 15.0, "sgd_tuned": 8.0}))
    assert verdict_of(evidence, "S09") is Verdict.NOT_REPRODUCED
    assert verdict_of(evidence, "S11") is Verdict.SKIPPED


def test_other_final_accuracies_refute_their_cell_only_if_its_settings_are_known():
    evidence = evidence_of(lifelong_result({**PUBLISHED, "bgd": 60.0}, {}))
    cells = {m.condition["method"]: m for m in evidence.measurements if "mean accuracy" in m.quantity}
    assert cells["Bayesian gradient descent"].verdict is Verdict.NOT_REPRODUCED
    assert verdict_of(evidence, "S10") is Verdict.REPRODUCED
    evidence = evidence_of(lifelong_result({**PUBLISHED, "none": 90.0}, {}))
    assert verdict_of(evidence, "S10") is Verdict.NOT_REPRODUCED
    advantage = [m for m in evidence.measurements if m.condition.get("over") == "no consolidation, published"]
    assert [m.verdict for m in advantage] == [Verdict.NOT_REPRODUCED]


def test_every_figure_belongs_to_a_claim_that_is_measured():
    evidence = evidence_of(lifelong_result(PUBLISHED, {}))
    assert {figure.claim for figure in evidence.figures} <= {"S09", "S10", "S11", "S14", "S17"}
    assert all(figure.caption.endswith(".") for figure in evidence.figures)


def test_difference_is_that_of_the_usual_tests():
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(1)
    first, second = rng.normal(1, 1, size=5), rng.normal(0, 3, size=9)
    found, welch = difference(first, second), ttest_ind(first, second, equal_var=False)
    assert (found.t, found.p_value) == pytest.approx((welch.statistic, welch.pvalue))
    assert found.interval == pytest.approx(tuple(welch.confidence_interval()))
    student = ttest_ind(first, second)
    assert (found.pooled_t, found.pooled_p_value) == pytest.approx((student.statistic, student.pvalue))


def test_groups_that_do_not_spread_decide_nothing():
    assert difference([1.0, 1.0], [0.0, 0.0]).verdict_above() is Verdict.INCONCLUSIVE
    alone = difference([1.0], [0.0, 0.1])
    assert alone.verdict_above() is Verdict.INCONCLUSIVE
    assert str(alone) == "no test with 1 and 2 networks"


def test_a_published_mean_counts_with_its_own_error():
    values = np.array([80.0, 81.0, 82.0])
    found = from_published(seed_estimate(values), 81.0, 0.5, 3)
    assert found.mean == pytest.approx(0.0)
    assert found.standard_error == pytest.approx(np.sqrt(1 / 3 + 0.25))
    assert from_published(seed_estimate(values), 90.0, 0.5, 3).p_value < 1e-3


def test_too_few_networks_reproduce_nothing():
    result = lifelong_result(PUBLISHED, {}, noise=0.5).isel(seed=[0, 1])
    spread = result.accuracy[:, :, 1] - 0.05
    result["accuracy"] = xr.concat([result.accuracy[:, :, 0], spread], "seed").transpose(
        *result.accuracy.dims
    )
    evidence = evidence_of(result)
    cell = next(m for m in evidence.measurements if m.quantity.startswith("mean accuracy over all tasks"))
    assert cell.verdict is Verdict.INCONCLUSIVE
    assert "too much to tell" in cell.reason
    alone = evidence_of(result.isel(seed=[0]))
    cell = next(m for m in alone.measurements if m.quantity.startswith("mean accuracy over all tasks"))
    assert cell.verdict is Verdict.INCONCLUSIVE
    assert "one network has no interval" in cell.reason
    assert cell.interval is None
    assert verdict_of(alone, "S09") is Verdict.INCONCLUSIVE


def perceptron_result(gains, noise=0.2):
    """Return a result in which consolidation gains these points at 100, 400 and 800 patterns."""
    rng = np.random.default_rng(2)
    accuracy = np.full((2, 3, 10, 6, 5), 0.7) + noise / 100 * rng.normal(size=(2, 3, 10, 1, 1))
    accuracy[1] += np.array(gains)[:, None, None, None] / 100
    dims = ("model", "n_patterns", "seed", "n_learned", "task")
    coords = {
        "model": ["standard", "presynaptic"],
        "n_patterns": [100, 400, 800],
        "seed": range(10),
        "n_learned": range(6),
        "task": range(1, 6),
    }
    return xr.Dataset({"accuracy": (dims, accuracy)}, coords, {"n_inputs": 1000, "n_samples": 10})


def test_perceptron_claims_follow_the_advantage():
    holds = perceptron_evidence(perceptron_result([5.0, 0.0, 0.0]))
    assert verdict_of(holds, "S12") is Verdict.REPRODUCED
    assert verdict_of(holds, "S13") is Verdict.REPRODUCED
    fails = perceptron_evidence(perceptron_result([-5.0, 0.0, 0.0]))
    assert verdict_of(fails, "S12") is Verdict.NOT_REPRODUCED
    assert verdict_of(fails, "S13") is Verdict.NOT_REPRODUCED
    unclear = perceptron_evidence(perceptron_result([0.0, 0.0, 0.0]))
    assert verdict_of(unclear, "S12") is Verdict.INCONCLUSIVE


def test_a_disadvantage_at_capacity_is_reported():
    worse = perceptron_evidence(perceptron_result([5.0, -4.0, -4.0]))
    at_capacity = next(m for m in worse.measurements if m.quantity == "advantage at capacity (points)")
    assert at_capacity.verdict is Verdict.NOT_REPRODUCED
    assert at_capacity.measured == pytest.approx(-4.0, abs=0.5)
