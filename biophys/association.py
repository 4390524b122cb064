"""How strongly two measured quantities go together, for many weightings of the rows at once.

Every function takes weights of shape (m, n), the number of times that each of n rows counts, and returns one
result for each of the m weightings; weights of one give the ordinary statistic.

References
----------
Huber PJ (1964). Robust estimation of a location parameter. Annals of Mathematical Statistics 35:73-101.
doi:10.1214/aoms/1177703732

Sen PK (1968). Estimates of the regression coefficient based on Kendall's tau. Journal of the American
Statistical Association 63:1379-1389. doi:10.1080/01621459.1968.10480934
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

HUBER_THRESHOLD = 1.345
"""Residuals beyond this many standard deviations count less; 95 % efficient for normal residuals."""

MAD_PER_SD = 0.6744897501960817
"""Median absolute deviation of a normal variable of standard deviation one."""


def pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of x and y under `weights` (m, n); nan where one does not vary.

    >>> x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 5.0])
    >>> float(round(pearson(x, y, np.ones((1, 4)))[0], 4))
    0.8315
    """
    x, y = _centred(x, weights), _centred(y, weights)
    covariance = np.sum(weights * x * y, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return covariance / np.sqrt(np.sum(weights * x**2, axis=1) * np.sum(weights * y**2, axis=1))


def regression_slope(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of y on x alone; shapes as in `pearson`."""
    x, y = _centred(x, weights), _centred(y, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(weights * x * y, axis=1) / np.sum(weights * x**2, axis=1)


def _centred(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return values less their weighted mean, shape (m, n)."""
    return values - np.sum(weights * values, axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)


def spearman(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation, Pearson's correlation of the ranks; shapes as in `pearson`.

    Equal values share the mean of their ranks, those that a resample repeats too.
    """
    return pearson(_ranks(x, weights), _ranks(y, weights), weights)


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean rank of each value, shape (m, n): the weight below it and half the weight at it."""
    _, level = np.unique(values, return_inverse=True)
    at_level = weights @ np.eye(level.max() + 1)[level]
    below = np.cumsum(at_level, axis=1) - at_level
    return (below + 0.5 * at_level)[:, level]


def partial_pearson(x: np.ndarray, y: np.ndarray, given: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of what is left of x and y once `given` has explained what it can, (m,).

    `given` (n, k) holds the regressors to hold fixed, one column each; a constant is added.
    """
    design = np.column_stack([np.ones(len(x)), given])
    left_x, left_y = (values - least_squares(design, values, weights) @ design.T for values in (x, y))
    return pearson(left_x, left_y, weights)


def distance_of_distributions(is_below: np.ndarray, share: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the earth mover's distance on 0..1: the area between a weighted and a given distribution.

    `is_below` says of each of n values whether it lies below the upper edge of each bin, (n, bin), `share`
    what share of the other distribution does; `weights` are (resample, n).
    """
    recorded = weights @ is_below / weights.sum(axis=1, keepdims=True)
    return np.abs(recorded - share).mean(axis=1)


def mean_difference_of_curves(
    x: np.ndarray, first: np.ndarray, other_x: np.ndarray, second: np.ndarray
) -> float:
    """Return the mean of a curve less another over the range of x that both have; nan if they share none."""
    low, high = max(x.min(), other_x.min()), min(x.max(), other_x.max())
    if not low < high:
        return float("nan")
    grid = np.linspace(low, high, 50)
    curves = []
    for at, y in ((x, first), (other_x, second)):
        order = np.argsort(at)
        curves.append(np.interp(grid, at[order], y[order]))
    return float(np.mean(curves[0] - curves[1]))


def least_squares(design: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the coefficients c (m, k) that minimise sum_i w_i (y_i - sum_k design_ik c_k)^2 for each of m w.

    They are nan where the weighted columns of `design` (n, k) are not independent.
    """
    # The factor of the rows, not their normal equations: those square the condition number.
    root = np.sqrt(weights)
    q, r = np.linalg.qr(root[:, :, None] * design)
    projected = np.einsum("mnk,mn->mk", q, root * y)
    independent = np.linalg.matrix_rank(r) == design.shape[1]
    coefficients = np.full(projected.shape, np.nan)
    coefficients[independent] = np.linalg.solve(r[independent], projected[independent, :, None])[:, :, 0]
    return coefficients


def huber(design: np.ndarray, y: np.ndarray, weights: np.ndarray, n_iterations: int = 60) -> np.ndarray:
    """Return the coefficients of Huber's robust regression; shapes as in `least_squares`.

    Residuals beyond `HUBER_THRESHOLD` standard deviations enter in proportion to their size, not its square.
    The standard deviation is that of normal residuals with the same median size.
    """
    coefficients = least_squares(design, y, weights)
    moving = np.flatnonzero(np.isfinite(coefficients).all(axis=1))
    for _ in range(n_iterations):
        if not len(moving):
            break
        size = np.abs(y - coefficients[moving] @ design.T)
        limit = HUBER_THRESHOLD / MAD_PER_SD * weighted_median(size, weights[moving])[:, None]
        trust = np.where(size > limit, limit / np.maximum(size, np.finfo(float).tiny), 1.0)
        updated = least_squares(design, y, weights[moving] * trust)
        step = np.abs(updated - coefficients[moving]).max(axis=1)
        coefficients[moving] = updated
        moving = moving[step > 1e-9]
    return coefficients


def theil_sen(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the median of the slopes through all pairs of points with different x, shape (m,)."""
    first, second = np.triu_indices(len(x), k=1)
    differ = x[first] != x[second]
    first, second = first[differ], second[differ]
    slopes = (y[second] - y[first]) / (x[second] - x[first])
    order = np.argsort(slopes)
    slopes, first, second = slopes[order], first[order], second[order]
    # One weighting at a time: the pairs of all of them would not fit into memory.
    return np.concatenate([_sorted_median(slopes[None], (row[first] * row[second])[None]) for row in weights])


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted median of each row of values, shape (m, n) to (m,)."""
    order = np.argsort(values, axis=1)
    return _sorted_median(np.take_along_axis(values, order, 1), np.take_along_axis(weights, order, 1))


def _sorted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted median of rows of sorted values; midway between two that halve the weight."""
    cumulated = np.cumsum(weights, axis=1)
    half = 0.5 * cumulated[:, -1:]
    low, high = np.argmax(cumulated >= half, axis=1), np.argmax(cumulated > half, axis=1)
    rows = np.arange(len(values))
    return 0.5 * (values[rows, low] + values[rows, high])


def inverse_regression(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the slope of y on x and its standard error where the errors are in x: 1 / slope of x on y.

    >>> x = np.array([0.1, 0.9, 2.1, 2.9])
    >>> [round(number, 3) for number in inverse_regression(x, np.arange(4.0))]
    [1.042, 0.061]
    """
    dx, dy = x - x.mean(), y - y.mean()
    inverse = float(dx @ dy / (dy @ dy))
    residual = dx - inverse * dy
    return 1.0 / inverse, float(np.sqrt(residual @ residual / (x.size - 2) / (dy @ dy))) / inverse**2


@dataclass(frozen=True, eq=False)
class LinearFit:
    """An ordinary least-squares fit: numbers for each regressor, p of two-sided t-tests, and residuals."""

    coefficients: np.ndarray
    standard_errors: np.ndarray
    p_values: np.ndarray
    residuals: np.ndarray


def linear_fit(design: np.ndarray, y: np.ndarray) -> LinearFit:
    """Fit `y` by the columns of `design` (n, k), n above k, and test each coefficient (independent rows)."""
    n, k = design.shape
    if n <= k:
        raise ValueError(f"a fit of {k} regressors needs more than {k} rows, got {n}")
    coefficients = least_squares(design, y, np.ones((1, n)))[0]
    residuals = y - design @ coefficients
    variance = residuals @ residuals / (n - k)
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    p_values = 2 * stdtr(n - k, -np.abs(coefficients / errors))
    return LinearFit(coefficients, errors, p_values, residuals)
