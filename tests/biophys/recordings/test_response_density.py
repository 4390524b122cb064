"""Densities of the response to k vesicles are normalised and have the moments that they should."""

from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom, gamma, invgauss, norm

from biophys.recordings.response_density import Quanta, cumulative, log_density, moments_given_count


def density(x, family, k, n=8, q=10.0, noise=2.0, within=0.4, between=0.0):
    quanta = Quanta(np.array(q), np.array(noise), np.array(within), between, family)
    return np.exp(log_density(np.atleast_1d(x), quanta, np.arange(n + 1.0), n)[0])[:, k]


@pytest.mark.parametrize("k", [0, 1, 4])
@pytest.mark.parametrize("family", ["normal", "gamma", "inverse-gaussian"])
def test_densities_integrate_to_one_with_the_right_moments(family, k):
    x = np.linspace(-20.0, 160.0, 9001)
    f = density(x, family, k)
    mean = np.trapezoid(f * x, x)
    assert np.trapezoid(f, x) == pytest.approx(1.0, abs=1e-6)
    assert mean == pytest.approx(10.0 * k, abs=1e-6)
    assert np.trapezoid(f * (x - mean) ** 2, x) == pytest.approx(4.0 + k * 16.0, rel=1e-6)
    quanta = Quanta(np.array(10.0), np.array(2.0), np.array(0.4), 0.0, family)
    up_to = cumulative(np.array([15.0]), quanta, np.arange(9.0), 8)[0, k]
    part = x <= 15.0
    assert up_to == pytest.approx(np.trapezoid(f[part], x[part]), abs=1e-5)


@pytest.mark.parametrize(
    ("family", "law"),
    [
        ("gamma", lambda k, q, c: gamma(k / c**2, scale=q * c**2)),
        ("inverse-gaussian", lambda k, q, c: invgauss(c**2 / k, scale=k**2 * q / c**2)),
    ],
)
def test_skewed_families_are_the_convolution_with_the_noise(family, law):
    k, q, c, noise = 3, 10.0, 0.4, 2.0
    for x in (8.0, 30.0, 55.0):

        def product(y, x=x):
            return law(k, q, c).pdf(y) * norm.pdf(x - y, scale=noise)

        expected = quad(product, max(x - 20.0, 1e-9), x + 20.0, epsabs=1e-12)[0]
        assert density(x, family, k)[0] == pytest.approx(expected, rel=1e-6)


def test_moments_given_the_count_average_to_those_of_the_binomial():
    for n, p, within, between in product(range(1, 13), (0.1, 0.5, 0.9), (0.0, 0.2, 0.4), (0.0, 0.3)):
        between *= n > 1
        k = np.arange(n + 1.0)
        quanta = Quanta(np.array(3.0), np.array(0.0), np.array(within), between)
        mean, variance = moments_given_count(quanta, k, n)
        weight = binom.pmf(k, n, p)
        total = weight @ (variance + mean**2) - (weight @ mean) ** 2
        b2 = 1.0 + between**2
        assert total == pytest.approx(n * 9.0 * b2 * (p * (1 + within**2) - p**2), rel=1e-12)


def test_unequal_sites_have_the_moments_of_a_sum_without_replacement():
    rng = np.random.default_rng(2)
    n, k = 6, 3
    draw = rng.normal(size=n)
    sizes = 1.0 + 0.3 * (draw - draw.mean()) / draw.std()
    order = np.argsort(rng.random((200_000, n)), axis=1)[:, :k]
    sums = sizes[order].sum(axis=1)
    quanta = Quanta(np.array(1.0), np.array(0.0), np.array(0.0), 0.3)
    _, variance = moments_given_count(quanta, np.arange(7.0), n)
    spread = np.std((sums - sums.mean()) ** 2) / np.sqrt(sums.size)
    assert abs(sums.var() - variance[k]) < 5 * spread
