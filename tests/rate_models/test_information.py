"""Mutual information: known values, the correction of its bias, the coverage of its interval."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import t as t_distribution

from rate_models.information import (
    corrected_information,
    information_interval,
    mutual_information,
    plug_in_joint,
    soft_joint,
)

SYMMETRIC = np.full((5, 5), 0.025) + np.diag(np.full(5, 0.075))


def information_of(joint):
    return float(mutual_information(torch.from_numpy(joint)))


def test_perfect_answers_transmit_the_entropy_of_the_classes():
    shares = np.array([0.5, 0.25, 0.125, 0.125])
    assert information_of(np.diag(shares)) == pytest.approx(1.75)
    assert information_of(np.outer(shares, shares)) == pytest.approx(0.0, abs=1e-12)


def test_binary_symmetric_channel():
    error = 0.11
    joint = np.array([[1 - error, error], [error, 1 - error]]) / 2
    entropy = -error * np.log2(error) - (1 - error) * np.log2(1 - error)
    assert information_of(joint) == pytest.approx(1 - entropy)


def test_hesitant_right_answers_count_fully_in_the_plug_in_estimate_only():
    labels = torch.tensor([0, 1, 0, 1])
    probability = torch.tensor([[[0.6, 0.4], [0.4, 0.6], [0.6, 0.4], [0.4, 0.6]]])
    assert float(mutual_information(plug_in_joint(probability, labels))) == pytest.approx(1.0)
    entropy = -0.6 * np.log2(0.6) - 0.4 * np.log2(0.4)
    assert float(mutual_information(soft_joint(probability, labels))) == pytest.approx(1 - entropy, abs=1e-6)


def test_correction_removes_the_bias_of_few_images():
    n_images, n_repetitions = 200, 4000
    truth = information_of(SYMMETRIC)
    counts = (
        np.random.default_rng(2).multinomial(n_images, SYMMETRIC.ravel(), n_repetitions).reshape(-1, 5, 5)
    )
    plug_in = mutual_information(torch.from_numpy(counts / n_images)).numpy()
    corrected = corrected_information(counts)
    error = corrected.std() / np.sqrt(n_repetitions)
    leading = 16 / (2 * n_images * np.log(2))
    assert plug_in.mean() - truth > 0.9 * leading > 20 * error
    assert abs(corrected.mean() - truth) < 0.05 * leading + 5 * error


@pytest.mark.parametrize(
    ("n_images", "share_right", "n_classes"),
    [(1000, 0.97, 10), (400, 0.8, 5), (1000, 0.1, 10), (200, 0.7, 3)],
)
def test_interval_covers_the_truth_as_often_as_it_says(n_images, share_right, n_classes):
    rng = np.random.default_rng(4)
    n_repetitions = 1000
    joint = np.eye(n_classes) * share_right / n_classes
    joint += (1 - np.eye(n_classes)) * (1 - share_right) / (n_classes * (n_classes - 1))
    truth = information_of(joint)
    found = [
        information_interval(table.reshape(joint.shape))
        for table in rng.multinomial(n_images, joint.ravel(), n_repetitions)
    ]
    given = [interval for interval in found if interval is not None]
    hits = np.mean([low < truth < high for low, high in given])
    assert len(given) > 0.8 * n_repetitions
    assert hits > 0.93 - 5 * np.sqrt(0.93 * 0.07 / len(given))


def test_interval_adds_the_errors_of_the_jackknife_and_of_cells_not_seen():
    table = np.array(
        [[40, 1, 2, 1, 0], [0, 50, 1, 2, 3], [1, 0, 44, 0, 2], [1, 2, 0, 47, 0], [3, 1, 0, 0, 49]]
    )
    n, once, twice = table.sum(), 6, 5
    assert (np.sum(table == 1), np.sum(table == 2)) == (once, twice - 1)
    # Chao (1984), and the variance that belongs to it.
    unseen, ratio = once * (once - 1) / (2 * twice), once / twice
    unseen_error = (twice * (ratio**4 / 4 + ratio**3 + ratio**2 / 2)) ** 0.5
    bits = 1 / (2 * n * np.log(2))
    without = []
    for cell in np.argwhere(table > 0):
        fewer = table.copy()
        fewer[tuple(cell)] -= 1
        without += [float(mutual_information(torch.from_numpy(fewer / (n - 1))))] * int(table[tuple(cell)])
    jackknife = ((n - 1) * np.var(without)) ** 0.5
    low, high = information_interval(table)
    assert (low + high) / 2 == pytest.approx(float(corrected_information(table)) - unseen * bits)
    n_others = n - table.max(axis=1).sum()
    expected = t_distribution.ppf(0.975, n_others - 1) * np.hypot(jackknife, unseen_error * bits)
    assert (high - low) / 2 == pytest.approx(expected)


def test_too_few_wrong_answers_have_no_interval():
    assert information_interval(np.diag([50, 50])) is None
    assert information_interval([[98, 2], [8, 92]]) is None
    assert information_interval([[80, 20], [20, 80]]) is not None
    assert information_interval(np.ones((10, 10))) is None


def test_answers_that_are_nan_stay_nan():
    answers = torch.tensor([[[0.9, 0.1], [math.nan, math.nan]], [[0.9, 0.1], [0.2, 0.8]]])
    labels = torch.tensor([0, 1])
    for joint in (soft_joint(answers, labels), plug_in_joint(answers, labels)):
        assert mutual_information(joint).isnan().tolist() == [True, False]


def test_bad_tables_are_refused():
    with pytest.raises(ValueError, match="sum to 1"):
        mutual_information(torch.ones(2, 2))
    with pytest.raises(ValueError, match="at least one"):
        corrected_information(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="one table"):
        information_interval(np.ones((3, 2, 2)))
    with pytest.raises(ValueError, match="level"):
        information_interval(np.ones((2, 2)), level=95)
