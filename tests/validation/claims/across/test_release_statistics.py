"""Release statistics are judged by their margins, from right and from wrong statistics."""

from dataclasses import replace

import numpy as np
import pytest

from brianpresyn.experiments import release_statistics as experiment
from validation.claims.across.same_release import SAME_RELEASES, compared
from validation.claims.schug2021.failures_of_many_sites import analytic_failures
from validation.context import Context
from validation.statement import Verdict, row


@pytest.fixture(scope="module")
def result():
    return experiment.run(replace(experiment.QUICK, target="numpy"))


def test_right_statistics_hold(result):
    rows = list(compared(result))
    assert len(rows) == 2 * 5
    pooled = next(row.estimate for row in rows if row.estimate.how == "mean over release models")
    _, error = experiment.over_formula(next(part for _, part in result.groupby("draws")), "mean")
    half = (pooled.interval[1] - pooled.interval[0]) / 2
    assert half == pytest.approx(1.96 * (error**2).sum() ** 0.5 / len(error), rel=1e-3)
    assert {row.verdict for row in rows} == {Verdict.HOLDS_HERE, Verdict.AGREES}
    assert {row.verdict for row in analytic_failures(Context())} == {Verdict.HOLDS_HERE}


def test_the_statistics_of_a_swapped_p_do_not(result):
    wrong = result.assign_coords(p=1 - result.p)
    verdicts = {row.verdict for row in compared(wrong) if "mean" in row.quantity}
    assert verdicts == {Verdict.DOES_NOT_HOLD_HERE, Verdict.DISAGREES}


def test_a_difference_between_targets_is_noticed(result):
    other = result.copy(deep=True)
    differing = experiment.releases_differing
    assert row(SAME_RELEASES, differing([result, other]), "differ").verdict is Verdict.HOLDS_HERE
    other.counts[0, :2] += np.array([1, -1])
    assert row(SAME_RELEASES, differing([result, other]), "differ").verdict is Verdict.DOES_NOT_HOLD_HERE
