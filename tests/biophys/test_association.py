"""Correlations and fits of weighted rows: scipy's values for plain rows, repeated rows for whole weights."""

import numpy as np
import pytest
from scipy import stats

from biophys.association import (
    HUBER_THRESHOLD,
    MAD_PER_SD,
    huber,
    inverse_regression,
    least_squares,
    linear_fit,
    partial_pearson,
    pearson,
    regression_slope,
    spearman,
    theil_sen,
    weighted_median,
)

N = 41
ONES = np.ones((1, N))


@pytest.fixture
def x():
    # Rounded, so that values tie.
    return np.round(np.random.default_rng(1).normal(size=N), 1)


@pytest.fixture
def y(x):
    return np.round(3 - 0.7 * x + np.random.default_rng(2).standard_t(3, size=N), 1)


@pytest.fixture
def design(x):
    return np.column_stack([np.ones(N), x, np.random.default_rng(3).normal(size=N)])


@pytest.fixture
def counts():
    """Whole weights, some of them zero, shape (5, N)."""
    return np.random.default_rng(4).poisson(1.3, size=(5, N)).astype(float)


def slope_of(fit):
    return lambda x, y, w: fit(np.column_stack([np.ones(len(x)), x]), y, w)[:, 1]


STATISTICS = {
    "pearson": pearson,
    "spearman": spearman,
    "theil_sen": theil_sen,
    "regression_slope": regression_slope,
    "least_squares": slope_of(least_squares),
    "huber": slope_of(huber),
}


class TestPlainRows:
    def test_pearson(self, x, y):
        assert pearson(x, y, ONES)[0] == pytest.approx(stats.pearsonr(x, y).statistic)

    def test_spearman(self, x, y):
        assert spearman(x, y, ONES)[0] == pytest.approx(stats.spearmanr(x, y).statistic)

    def test_theil_sen(self, x, y):
        assert theil_sen(x, y, ONES)[0] == pytest.approx(stats.theilslopes(y, x).slope)

    def test_least_squares(self, design, y):
        assert least_squares(design, y, ONES)[0] == pytest.approx(np.linalg.lstsq(design, y)[0])

    def test_partial_correlation_is_that_of_the_residuals(self, design, x, y):
        third = design[:, [2]]
        left = [linear_fit(design[:, [0, 2]], values).residuals for values in (x, y)]
        assert partial_pearson(x, y, third, ONES)[0] == pytest.approx(stats.pearsonr(*left).statistic)

    def test_a_common_cause_held_fixed_leaves_no_correlation(self):
        rng = np.random.default_rng(7)
        cause = rng.normal(size=2000)
        x, y = (cause + 0.5 * rng.normal(size=2000) for _ in range(2))
        ones = np.ones((1, 2000))
        assert pearson(x, y, ones)[0] > 0.7
        assert abs(partial_pearson(x, y, cause[:, None], ones)[0]) < 5 / np.sqrt(2000)

    def test_median_of_an_odd_and_an_even_number(self):
        values = np.array([[5.0, 1.0, 3.0, 9.0], [5.0, 1.0, 3.0, 9.0]])
        assert weighted_median(values, np.array([[1, 1, 1, 0], [1, 1, 1, 1.0]])) == pytest.approx([3, 4])


@pytest.mark.parametrize("name", STATISTICS)
class TestWeights:
    def test_a_weight_is_a_number_of_repetitions(self, name, x, y, counts):
        statistic = STATISTICS[name]
        repeated = []
        for row in counts.astype(int):
            rows = np.repeat(np.arange(N), row)
            repeated.append(statistic(x[rows], y[rows], np.ones((1, len(rows))))[0])
        assert statistic(x, y, counts) == pytest.approx(repeated, rel=1e-8)

    def test_all_weights_doubled_change_nothing(self, name, x, y, counts):
        statistic = STATISTICS[name]
        assert statistic(x, y, 2 * counts) == pytest.approx(statistic(x, y, counts), rel=1e-8)

    def test_an_exact_line_is_recovered(self, name, x, counts):
        found = STATISTICS[name](x, 4 - 2 * x, counts)
        assert found == pytest.approx(np.full(5, -1.0 if name in ("pearson", "spearman") else -2.0))


class TestHuber:
    def test_the_estimating_equation_holds(self, design, y):
        coefficients = huber(design, y, ONES)[0]
        residuals = y - design @ coefficients
        scale = np.median(np.abs(residuals)) / MAD_PER_SD
        influence = np.clip(residuals / scale, -HUBER_THRESHOLD, HUBER_THRESHOLD)
        assert np.any(np.abs(residuals) > HUBER_THRESHOLD * scale)
        assert design.T @ influence == pytest.approx(np.zeros(3), abs=1e-6)

    def test_one_wild_row_moves_it_little_however_wild_and_least_squares_without_limit(self, design, y):
        standard_errors = linear_fit(design, y).standard_errors

        def moved(fit, value):
            wild = np.where(np.arange(N) == 7, value, y)
            return (fit(design, wild, ONES) - fit(design, y, ONES))[0] / standard_errors

        # The row counts as one at the threshold does: by 2 * 1.345 errors of its fit at most, to first order.
        assert np.abs(moved(huber, 1e6)).max() < 5
        assert moved(huber, 1e6) == pytest.approx(moved(huber, 1e2), abs=1e-3)
        assert np.abs(moved(least_squares, 1e6)).max() > 1e3

    def test_normal_residuals_give_nearly_the_least_squares_fit(self):
        rng = np.random.default_rng(5)
        design = np.column_stack([np.ones(4000), rng.normal(size=4000)])
        y = design @ [1.0, 2.0] + rng.normal(size=4000)
        ones = np.ones((1, 4000))
        # Both have a standard error of 1/sqrt(4000); their difference has less.
        assert huber(design, y, ones) == pytest.approx(least_squares(design, y, ones), abs=5 / np.sqrt(4000))
        assert huber(design, y, ones)[0] == pytest.approx([1, 2], abs=5 * 1.03 / np.sqrt(4000))


class TestLinearFit:
    def test_one_regressor_agrees_with_scipy(self, x, y):
        ours, theirs = linear_fit(np.column_stack([np.ones(N), x]), y), stats.linregress(x, y)
        assert ours.coefficients == pytest.approx([theirs.intercept, theirs.slope])
        assert ours.standard_errors == pytest.approx([theirs.intercept_stderr, theirs.stderr])
        assert ours.p_values[1] == pytest.approx(theirs.pvalue)

    def test_a_regressor_without_effect_has_uniform_p_values(self):
        rng = np.random.default_rng(6)
        design = np.column_stack([np.ones(30), rng.normal(size=30), rng.normal(size=30)])
        p_values = [linear_fit(design, design[:, 1] + rng.normal(size=30)).p_values[2] for _ in range(500)]
        assert stats.kstest(p_values, "uniform").pvalue > 1e-4

    def test_residuals_are_what_the_fit_leaves(self, design, y):
        fit = linear_fit(design, y)
        assert design @ fit.coefficients + fit.residuals == pytest.approx(y)
        assert design.T @ fit.residuals == pytest.approx(np.zeros(3), abs=1e-10)

    def test_as_many_regressors_as_rows_are_refused(self):
        with pytest.raises(ValueError, match="a fit of 3 regressors needs more than 3 rows, got 3"):
            linear_fit(np.eye(3), np.ones(3))


def test_what_does_not_vary_has_no_correlation():
    assert np.isnan(pearson(np.ones(N), np.arange(N), ONES)[0])


def test_dependent_regressors_have_no_coefficients_and_do_not_hide_the_others(design, y):
    counts = np.ones((2, N))
    counts[0, 1:] = 0
    coefficients = least_squares(design, y, counts)
    assert np.all(np.isnan(coefficients[0]))
    assert coefficients[1] == pytest.approx(np.linalg.lstsq(design, y)[0])


def test_inverse_regression_is_that_of_the_other_axis(x, y):
    slope, error = inverse_regression(x, y)
    other = stats.linregress(y, x)
    # The error of 1 / b is that of b over b squared.
    assert (slope, error) == (pytest.approx(1 / other.slope), pytest.approx(other.stderr / other.slope**2))
