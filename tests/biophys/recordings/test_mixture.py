"""The likelihood of independent trials, its derivatives, and its maximum."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from biophys.recordings.likelihood import Likelihood, ReleaseModel, Responses, kind_of
from biophys.recordings.mixture import MANY_SITES, log_binomial


def responses(rng, n_rows=3):
    x = rng.normal(2.0, 1.0, (n_rows, 2, 40))
    x[0, 1, :4] = np.nan
    ones = np.ones((n_rows, 2))
    return Responses(x, None, np.arange(2), 0.3 * ones, 0.25 * ones, 50.0 * ones, np.zeros((n_rows, 2)))


def test_likelihood_is_the_mixture():
    data = responses(np.random.default_rng(1))
    likelihood = Likelihood(ReleaseModel(between=0.2), data, (5.0, 3.0))
    theta = np.array([[0.3, -0.4, -0.1]])
    total = 0.0
    for c, n in enumerate((5, 3)):
        x = data.x[0, c][np.isfinite(data.x[0, c])]
        k, p, q = np.arange(n + 1), 1 / (1 + np.exp(-theta[0, c])), np.exp(-0.1)
        variance = 0.09 + q**2 * (k * 0.0625 * 1.04 + 0.04 * k * (n - k) / (n - 1))
        total += np.log(norm.pdf(x[:, None], k * q, np.sqrt(variance)) @ binom.pmf(k, n, p)).sum()
    assert likelihood.at(theta, np.arange(1)).value[0] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("free", [(), ("noise",), ("noise", "within")])
@pytest.mark.parametrize("shared", [("q", "noise", "within"), ("p",)])
def test_derivatives_are_slopes(free, shared):
    rng = np.random.default_rng(4)
    model = ReleaseModel(between=0.2, free=frozenset(free), shared=frozenset(shared))
    likelihood = Likelihood(model, responses(rng), 5)
    theta = np.array([[{"p": 0.3, "q": -0.5}.get(kind_of(n), -1.3) for n in likelihood.names]])
    theta = theta + 0.2 * rng.normal(size=(3, likelihood.size))
    rows, step = np.arange(3), 1e-5
    here = likelihood.at(theta, rows)
    for i, axis in enumerate(np.eye(likelihood.size)):
        ahead, behind = (likelihood.at(theta + s * step * axis, rows) for s in (1, -1))
        slope = (ahead.value - behind.value) / (2 * step)
        np.testing.assert_allclose(here.gradient[:, i], slope, rtol=1e-6, atol=1e-5)
        bend = (ahead.gradient - behind.gradient) / (2 * step)
        np.testing.assert_allclose(here.hessian[:, i], bend, rtol=1e-5, atol=1e-4)


def test_infinitely_many_sites_release_a_poisson_number():
    from scipy.stats import poisson

    log_odds = np.array(np.log(4.0 / MANY_SITES))
    k = np.arange(12.0)
    np.testing.assert_allclose(
        np.exp(log_binomial(k, np.array(MANY_SITES), log_odds)), poisson.pmf(k, 4.0), rtol=1e-4
    )
