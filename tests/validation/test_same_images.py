"""Accuracies on the same images: the interval covers, and says what it should of equal classifiers."""

import numpy as np
import pytest

from validation.claims.claim import Verdict
from validation.claims.same_images import accuracy_interval, paired_difference


def test_interval_covers_the_true_difference():
    rng = np.random.default_rng(7)
    n_images, n_trials, covered = 200, 400, 0
    for _ in range(n_trials):
        u = rng.random(n_images)
        first, second = u < 0.93, (u < 0.90) | (u > 0.99)
        low, high = paired_difference(first, second).interval
        covered += low <= 0.02 <= high
    assert covered / n_trials > 0.95 - 5 * np.sqrt(0.95 * 0.05 / n_trials)


def test_equal_answers_are_as_good_but_not_better():
    right = np.arange(100) < 95
    of = paired_difference(right, right)
    assert of.mean == 0.0
    assert of.verdict_as_good() is Verdict.REPRODUCED
    assert of.verdict_above() is Verdict.INCONCLUSIVE


def test_clearly_worse_answers_are_not_as_good():
    right = np.arange(1000) < 950
    of = paired_difference(right & (np.arange(1000) >= 100), right)
    assert of.verdict_as_good() is Verdict.NOT_REPRODUCED
    assert of.verdict_above() is Verdict.NOT_REPRODUCED


def test_difference_turns_sign_with_the_order():
    one, other = np.arange(50) < 40, np.arange(50) < 33
    there, back = paired_difference(one, other), paired_difference(other, one)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))


def test_perfect_accuracy_has_an_interval():
    low, high = accuracy_interval(np.ones(50))
    assert low < 0.95 and high == pytest.approx(1.0)


@pytest.mark.parametrize(("first", "second"), [([1, 0], [1]), ([], []), ([[1]], [[1]])])
def test_other_images_are_refused(first, second):
    with pytest.raises(ValueError, match="answers to the same images"):
        paired_difference(first, second)
