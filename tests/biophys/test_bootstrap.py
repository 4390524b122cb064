"""Bootstrap of weighted statistics: coverage, clusters, and agreement with scipy."""

import pickle
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from biophys.association import pearson
from biophys.bootstrap import bca_ends, bootstrap


def mean_of(values):
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_the_value_is_the_statistic_of_the_sample():
    values = np.array([1.0, 4.0, 7.0, 2.0])
    assert bootstrap(mean_of(values), 4, rng=np.random.default_rng(1)).value == 3.5


def test_the_interval_of_an_even_mean_is_that_of_the_formula():
    half = np.random.default_rng(1).normal(size=200)
    values = half - half.mean()
    estimate = bootstrap(mean_of(values), 200, rng=np.random.default_rng(2), n_resamples=20_000)
    expected = stats.norm.isf(0.025) * values.std() / np.sqrt(200)
    # sqrt(0.025 * 0.975 / 20000) / phi(1.96): the error of a 2.5 % quantile, in standard deviations.
    assert estimate.interval == pytest.approx((-expected, expected), abs=5 * 0.019 * expected)
    assert (estimate.n, estimate.unit, estimate.kind) == (200, "rows", "BCa bootstrap")


def test_an_interval_at_another_level_is_wider_or_narrower():
    values = np.random.default_rng(1).exponential(size=50)
    estimate = bootstrap(mean_of(values), 50, rng=np.random.default_rng(2))
    ends = [estimate.interval_at(alpha) for alpha in (0.01, 0.05, 0.4)]
    assert sorted(low for low, _ in ends) == [low for low, _ in ends]
    assert sorted((high for _, high in ends), reverse=True) == [high for _, high in ends]


def test_an_estimate_can_be_sent_to_another_process():
    estimate = bootstrap(mean_of(np.arange(9.0)), 9, rng=np.random.default_rng(1))
    assert pickle.loads(pickle.dumps(estimate)).interval == estimate.interval


def test_the_interval_equals_scipys_bca_interval_within_resampling_error():
    rng = np.random.default_rng(3)
    x = rng.normal(size=60)
    y = 0.5 * x + rng.normal(size=60)
    ours = bootstrap(lambda w: pearson(x, y, w), 60, rng=np.random.default_rng(4), n_resamples=20_000)
    theirs = stats.bootstrap(
        (x, y),
        lambda a, b: stats.pearsonr(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=3_000,
        rng=np.random.default_rng(5),
        method="BCa",
    ).confidence_interval
    # sqrt(0.025 * 0.975 / 3000) / phi(1.96): the error of a 2.5 % quantile, in standard deviations.
    standard_error = (ours.interval[1] - ours.interval[0]) / 3.92
    tolerance = 5 * 0.049 * standard_error
    assert ours.interval == pytest.approx((theirs.low, theirs.high), abs=tolerance)


def test_the_interval_covers_a_skewed_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(6)
    n_samples, n_covered = 400, 0
    for _ in range(n_samples):
        values = rng.exponential(size=40)
        low, high = bootstrap(mean_of(values), 40, rng=rng, n_resamples=800).interval_at(0.2)
        n_covered += low <= 1.0 <= high
    # BCa on 40 exponential values covers a little less than it says: a simulation gives 0.78.
    assert stats.binomtest(n_covered, n_samples, 0.78).pvalue > 1e-4


class TestInterval:
    """Against Efron (1987), eqs. 2.2-2.3 and 6.6, on resamples that are the whole numbers 0 to 1000."""

    NORMAL = NormalDist()

    @staticmethod
    def ends(value, level, jackknifed=(1.0, 2.0, 3.0)):
        return bca_ends(value, np.arange(1001.0), np.array(jackknifed), 1 - level)

    @pytest.mark.parametrize(("level", "expected"), [(0.9, (50, 950)), (0.5, (250, 750))])
    def test_without_bias_and_skew_the_ends_are_plain_quantiles(self, level, expected):
        assert self.ends(500.0, level) == pytest.approx(expected)

    def test_a_value_off_the_median_shifts_both_ends_its_way(self):
        bias = self.NORMAL.inv_cdf((300 + 0.5) / 1001)
        expected = [1000 * self.NORMAL.cdf(2 * bias + self.NORMAL.inv_cdf(tail)) for tail in (0.05, 0.95)]
        assert self.ends(300.0, 0.9) == pytest.approx(expected)
        assert expected[1] < 800

    def test_skewed_units_shift_the_ends_by_the_acceleration(self):
        jackknifed = [0.0, 3.0, 3.0, 3.0, 3.0]
        # Deviations from the mean of 2.4 and four times -0.6: their cubes sum to 12.96, their squares to 7.2.
        acceleration = 12.96 / (6 * 7.2**1.5)
        ends = [self.NORMAL.inv_cdf(tail) for tail in (0.05, 0.95)]
        expected = [1000 * self.NORMAL.cdf(z / (1 - acceleration * z)) for z in ends]
        assert self.ends(500.0, 0.9, jackknifed) == pytest.approx(expected)
        assert expected[0] > 60

    def test_resamples_that_equal_the_value_count_half(self):
        tied = np.repeat([-2.0, -1.0, 0.0, 1.0, 2.0], 20)
        assert bca_ends(0.0, tied, np.array([1.0, 2.0, 3.0]), 0.5) == pytest.approx((-1.0, 1.0))

    def test_a_value_beyond_all_resamples_has_a_finite_interval(self):
        low, high = self.ends(5000.0, 0.95)
        assert 900 < low <= high <= 1000


def test_clusters_of_repeated_rows_give_the_interval_of_the_rows_themselves():
    values = np.random.default_rng(7).normal(size=50)
    rows = bootstrap(mean_of(values), 50, rng=np.random.default_rng(8))
    thrice = bootstrap(
        mean_of(np.repeat(values, 3)), 150, clusters=np.repeat(np.arange(50), 3), rng=np.random.default_rng(8)
    )
    assert thrice.n == 50
    assert thrice.value == pytest.approx(rows.value)
    assert thrice.interval == pytest.approx(rows.interval)


def test_without_clusters_repeated_rows_pretend_to_be_more_certain():
    values = np.repeat(np.random.default_rng(7).normal(size=50), 3)
    rng = np.random.default_rng(8)
    rows, clusters = (
        bootstrap(mean_of(values), 150, clusters=names, rng=rng).interval
        for names in (None, np.repeat(np.arange(50), 3))
    )
    assert (rows[1] - rows[0]) / (clusters[1] - clusters[0]) == pytest.approx(1 / np.sqrt(3), rel=0.1)


def test_names_of_clusters_may_be_words():
    estimate = bootstrap(
        mean_of(np.arange(4.0)), 4, clusters=["a", "b", "a", "c"], rng=np.random.default_rng(1)
    )
    assert estimate.n == 3
    # Without cluster a: (1 + 3) / 2, without b: (0 + 2 + 3) / 3, without c: (0 + 1 + 2) / 3.
    _, _, jackknifed = estimate.ends.args
    assert jackknifed == pytest.approx([2, 5 / 3, 1])


def test_the_same_generator_gives_the_same_resamples():
    values = np.arange(10.0)
    first, second = (bootstrap(mean_of(values), 10, rng=np.random.default_rng(9)) for _ in range(2))
    assert first.interval == second.interval


def test_an_estimate_without_spread_has_an_interval_of_no_width():
    assert bca_ends(2.0, np.full(100, 2.0), np.full(5, 2.0), 0.05) == (2.0, 2.0)


def test_resamples_without_a_value_are_left_out():
    x = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    estimate = bootstrap(lambda w: pearson(x, x, w), 5, rng=np.random.default_rng(1))
    _, resampled, _ = estimate.ends.args
    assert 0 < len(resampled) < 4000
    assert estimate.interval == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize(
    ("n", "clusters", "message"),
    [
        (2, None, "at least three units to draw, got 2"),
        (0, None, "at least three units to draw, got 0"),
        (4, [0, 0, 1, 1], "at least three units to draw, got 2"),
        (4, [0, 1, 2], r"clusters must have shape \(4,\)"),
    ],
)
def test_too_few_units_are_refused(n, clusters, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(lambda w: w.sum(axis=1), n, clusters=clusters, rng=np.random.default_rng(1))


def test_a_statistic_that_is_rarely_finite_is_refused():
    with pytest.raises(ValueError, match="finite for only 0 of 4000"):
        bootstrap(lambda w: np.full(len(w), np.nan), 5, rng=np.random.default_rng(1))


@pytest.mark.parametrize("alpha", [0.0, 1.0, 5, -0.5])
def test_an_alpha_that_is_no_probability_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha must be in \(0, 1\)"):
        bootstrap(mean_of(np.arange(5.0)), 5, rng=np.random.default_rng(1)).interval_at(alpha)
