"""binomial(n, p) drawn from Brian2's generator, on numpy."""

import numpy as np
import pytest
from scipy import stats

from brianpresyn.binomial_function import binomial


def draw(n, p, size=50_000):
    np.random.seed(12)  # noqa: NPY002 - the generator that the numpy target uses
    return binomial.implementations["numpy"].get_code(None)(
        np.full(size, n), np.full(size, p), np.arange(size)
    )


@pytest.mark.parametrize("n, p", [(5, 0.3), (5, 0.7), (40, 0.9)])
def test_draws_have_the_binomial_moments(n, p):
    released = draw(n, p)
    error = np.sqrt(n * p * (1 - p) / released.size)
    assert abs(released.mean() - n * p) < 5 * error
    fourth = stats.binom(n, p).stats("k") + 3
    assert abs(released.var() / (n * p * (1 - p)) - 1) < 5 * np.sqrt((fourth - 1) / released.size)


def test_draws_are_certain_at_the_ends():
    assert np.all(draw(5, 0.0) == 0) and np.all(draw(5, 1.0) == 5)
