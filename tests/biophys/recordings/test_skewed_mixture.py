"""Trials with skewed quanta: the Fourier sum is the mixture over vesicles, to the far tails."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import binom, gamma, norm

from biophys.recordings.response_density import Quanta, log_density
from biophys.recordings.skewed_mixture import Waves, skewed_likelihood

PHI = np.array([0.3, 0.1, np.log(0.25), np.log(0.35)])


def likelihood(x, n, family, phi=PHI, active=(0, 1, 2, 3)):
    waves = Waves(np.reshape(x, (1, 1, -1)))
    return skewed_likelihood(waves, np.zeros(1, int), phi[None, None], np.array([float(n)]), family, active)


@pytest.mark.parametrize("family", ["gamma", "inverse-gaussian"])
@pytest.mark.parametrize("n", [1, 5, 30])
def test_it_is_the_mixture_over_vesicles_and_its_derivatives_are_slopes(family, n):
    rng = np.random.default_rng(n)
    x = np.append(rng.binomial(n, 0.57, 60) * 1.1 + rng.normal(0, 0.5, 60), np.nan)
    p, k = 1.0 / (1.0 + np.exp(-PHI[0])), np.arange(n + 1.0)
    quanta = Quanta(*(np.exp(PHI[i : i + 1]) for i in (1, 2, 3)), 0.0, family)
    by_count = log_density(x[None, :-1], quanta, k, n)[0][0]
    expected = logsumexp(by_count + binom.logpmf(k, n, p), axis=1).sum()
    here = likelihood(x, n, family)
    assert here.value[0] == pytest.approx(expected, rel=1e-9)
    for i, axis in enumerate(1e-4 * np.eye(4)):
        ahead, behind = (likelihood(x, n, family, PHI + sign * axis) for sign in (1, -1))
        slope = (ahead.value[0] - behind.value[0]) / 2e-4
        assert here.gradient[0, 0, i] == pytest.approx(slope, rel=1e-5, abs=1e-4)
        bend = (ahead.gradient[0, 0] - behind.gradient[0, 0]) / 2e-4
        np.testing.assert_allclose(here.hessian[0, 0, i], bend, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("x", [-4.0, -2.0, 0.0, 20.0, 40.0])
def test_it_holds_far_out(x):
    p, q, c2 = 1.0 / (1.0 + np.exp(-PHI[0])), np.exp(PHI[1]), 0.35**2
    density = binom.pmf(0, 3, p) * norm.pdf(x, 0, 0.25)
    for k in (1, 2, 3):

        def product(y, k=k):
            return gamma.pdf(y, k / c2, scale=q * c2) * norm.pdf(x - y, 0, 0.25)

        points = [max(x, 0.0) + d for d in (-1.0, -0.5, 0.0, 0.5, 1.0) if max(x, 0.0) + d > 0]
        density += binom.pmf(k, 3, p) * quad(product, 0, 60, points=points, limit=500, epsabs=0)[0]
    assert likelihood([x], 3, "gamma").value[0] == pytest.approx(np.log(density), rel=1e-9)


@pytest.mark.parametrize("family", ["gamma", "inverse-gaussian"])
def test_beyond_the_range_of_numbers_it_is_the_tail_of_the_noise(family):
    # 48 and 160 sd below 0: the moment generating function at the saddle point is no number.
    for x in (-12.0, -40.0):
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            here = likelihood([x], 3, family)
        failures = binom.logpmf(0, 3, 1.0 / (1.0 + np.exp(-PHI[0])))
        assert here.value[0] == pytest.approx(norm.logpdf(x, 0, 0.25) + failures, rel=1e-6)
        assert np.all(np.isfinite(here.gradient)) and np.all(np.isfinite(here.hessian))


def test_many_sites_tend_to_a_poisson_number_and_little_noise_needs_no_more_memory():
    phi = np.array([np.log(2.0 / 1e6), *PHI[1:]])
    many = np.array([np.log(2.0 / 1998.0), *PHI[1:]])
    x = [0.1, 1.0, 2.5, 4.0]
    assert likelihood(x, 1e6, "gamma", phi).value[0] == pytest.approx(
        likelihood(x, 2000, "gamma", many).value[0], rel=1e-3
    )
    silent = PHI + np.array([0.0, 5.0, -9.0, 0.0])
    assert np.isfinite(likelihood(x, 20, "gamma", silent).value[0])


@pytest.mark.parametrize("family", ["gamma", "inverse-gaussian"])
def test_responses_that_noise_and_quanta_hardly_give_have_a_likelihood(family):
    rng, far = np.random.default_rng(3), np.array([-900.0, -70.0, 0.02, 400.0])
    with np.errstate(all="raise", under="ignore"):
        for _ in range(20):
            phi = np.array([rng.normal(), rng.normal(), *np.log(10 ** rng.uniform((-3, -2), (0, 0)))])
            at = likelihood(far, rng.choice([1, 5, 1e6]), family, phi)
            assert all(np.isfinite(part).all() for part in (at.value, at.gradient, at.hessian))
    below = [likelihood([x], 3, family).value[0] for x in (-90.0, -60.0)]
    alone = norm.logpdf([-90.0, -60.0], scale=0.25) + 3 * np.log1p(-1.0 / (1.0 + np.exp(-PHI[0])))
    assert below == pytest.approx(alone, rel=1e-12)
