"""Estimates: intervals of the usual tests, p-values of the same test, what a sample could have shown."""

import pickle

import numpy as np
import pytest
from scipy import stats

from biophys.estimates import (
    ALPHA,
    difference_of,
    exactly,
    gaussian,
    mean_of,
    paired_difference,
    share_of,
    standard_error_of_share,
)

RNG = np.random.default_rng(1)
FIRST, SECOND = RNG.normal(1, 1, size=5), RNG.normal(0, 3, size=9)


def test_means_have_the_interval_of_student():
    values = [0.9, 1.1, 1.3, 1.0]
    of = mean_of([*values, np.nan], unit="networks")
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert of.interval == pytest.approx(expected)
    assert (of.n, of.unit, of.kind) == (4, "networks", "t")
    assert of.p_against(1.0) == pytest.approx(stats.ttest_1samp(values, 1.0).pvalue)


def test_paired_shares_have_the_interval_of_a_table_with_half_a_unit_more_in_each_cell():
    first, second = (np.repeat(each, [20, 9, 4, 3]) for each in ([1, 1, 0, 0], [1, 0, 1, 0]))
    cells = np.array([20, 9, 4, 3]) + 0.5
    difference = np.array([0, 1, -1, 0])
    mean = cells @ difference / cells.sum()
    error = np.sqrt(cells @ (difference - mean) ** 2) / cells.sum()
    of = paired_difference(first, second)
    assert of.interval == pytest.approx(stats.norm.interval(0.95, mean, error))


@pytest.mark.parametrize("is_pooled", [False, True])
def test_difference_is_that_of_the_usual_tests(is_pooled):
    of, test = (
        difference_of(FIRST, SECOND, unit="networks", is_pooled=is_pooled),
        stats.ttest_ind(FIRST, SECOND, equal_var=is_pooled),
    )
    assert of.value == pytest.approx(FIRST.mean() - SECOND.mean())
    assert of.interval == pytest.approx(tuple(test.confidence_interval()))
    assert of.p_against(0.0) == pytest.approx(test.pvalue)
    assert of.n == 14


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
def test_interval_and_p_value_are_those_of_one_test(alpha):
    for of in (
        mean_of(FIRST, unit="networks"),
        mean_of(np.exp(FIRST), "ratio", unit="networks"),
        mean_of(np.tanh(FIRST), "correlation", unit="networks"),
        share_of(FIRST > 1, unit="images"),
        paired_difference(SECOND > 0, SECOND > 1),
        gaussian(2.0, 0.5),
    ):
        for bound in of.interval_at(alpha):
            assert of.p_against(bound) == pytest.approx(alpha, rel=1e-6)


def test_correlations_and_ratios_keep_to_their_range():
    r = mean_of([0.99, 0.95, 0.999], "correlation", unit="networks")
    assert -1 < r.interval[0] < r.value < r.interval[1] < 1
    ratio = mean_of([0.5, 2.0], "ratio", unit="networks")
    assert ratio.value == pytest.approx(1.0) and ratio.interval[0] > 0


@pytest.mark.parametrize(
    "of",
    [
        mean_of([1.0], unit="networks"),
        mean_of([], unit="networks"),
        difference_of([1.0], [0.0, 0.1], unit="networks"),
        difference_of([1.0], [0.0], unit="networks", is_pooled=True),
        exactly(1.0),
    ],
)
def test_single_units_give_neither_interval_nor_test(of):
    assert of.interval is None
    assert of.p_against(0.0) is None
    assert of.detectable is None


def test_classifiers_that_never_differ_still_have_an_interval():
    right = np.ones(100, bool)
    low, high = paired_difference(right, right).interval
    assert low == -high != 0.0


def test_interval_of_paired_answers_covers_the_true_difference_and_turns_with_the_order():
    rng = np.random.default_rng(7)
    n_trials, n_covered = 400, 0
    for _ in range(n_trials):
        u = rng.random(200)
        first, second = u < 0.93, (u < 0.90) | (u > 0.99)
        low, high = paired_difference(first, second).interval
        n_covered += low <= 0.02 <= high
    assert n_covered / n_trials > 0.95 - 5 * np.sqrt(0.95 * 0.05 / n_trials)
    assert paired_difference(second, first).interval == pytest.approx((-high, -low))


@pytest.mark.parametrize(("first", "second"), [([], []), ([True], [True, False]), ([[True]], [[True]])])
def test_answers_to_other_images_are_refused(first, second):
    with pytest.raises(ValueError, match="expected answers to the same images"):
        paired_difference(first, second)


def test_detectable_difference_is_found_four_times_in_five():
    n_trials, n, sd = 4000, 8, 1.0
    rng = np.random.default_rng(3)
    error = sd / np.sqrt(n)
    means = rng.normal(gaussian(0.0, error).detectable, error, n_trials)
    found = [gaussian(mean, error).interval[0] > 0 for mean in means]
    assert np.mean(found) == pytest.approx(0.8, abs=5 * np.sqrt(0.16 / n_trials))


def test_estimates_come_back_from_other_processes():
    for of in (difference_of(FIRST, SECOND, unit="networks"), share_of(FIRST > 1, unit="images")):
        assert pickle.loads(pickle.dumps(of)).interval_at(ALPHA / 3) == of.interval_at(ALPHA / 3)


def test_standard_error_of_a_share():
    assert standard_error_of_share([1, 0, 1, 1]) == pytest.approx(np.sqrt(0.75 * 0.25 / 4))


def test_shares_have_the_interval_of_wilson():
    expected = stats.binomtest(93, 100).proportion_ci(0.99, method="wilson")
    assert share_of([1] * 93 + [0] * 7, unit="images").interval_at(0.01) == pytest.approx(tuple(expected))
