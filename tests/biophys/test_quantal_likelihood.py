"""Maximum likelihood finds n, p and q of many synapses at once, as well as any optimiser finds each."""

import warnings

import numpy as np
import pytest
import quantities as pq
from scipy.optimize import minimize
from scipy.stats import binom, norm

from biophys.quantal_analysis import IdentifiabilityWarning, estimate_by_likelihood


def _recordings(n, p, noise, shape, rng, quantal_cv=0.0):
    k = rng.binomial(n, p, shape)
    return k + quantal_cv * np.sqrt(k) * rng.normal(size=shape) + noise * rng.normal(size=shape)


def _log_likelihood(x, n, p, q, noise, quantal_cv):
    k = np.arange(n + 1)
    sd = np.sqrt(noise**2 + k * (quantal_cv * q) ** 2)
    return np.sum(np.log(norm.pdf(x[:, None], k * q, sd) @ binom.pmf(k, n, p)))


def _quiet_estimate(x, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        return estimate_by_likelihood(x * pq.mV, **options)


@pytest.mark.parametrize(("n", "p"), [(2, 0.3), (4, 0.5), (3, 0.8)])
def test_all_three_parameters_are_recovered(n, p):
    rng = np.random.default_rng(12)
    found = _quiet_estimate(_recordings(n, p, 0.2, (400, 8), rng), noise_sd=0.2 * pq.mV, n_max=8)
    assert np.mean(found.n == n) >= 0.5
    np.testing.assert_allclose(found.q.magnitude, 1.0, atol=0.05)
    is_right = found.n == n
    assert np.all(np.abs(found.p - p)[is_right] < 5 * found.p_error[is_right])


@pytest.mark.parametrize("quantal_cv", [0.0, 0.25])
def test_maximum_and_errors_are_those_of_an_independent_optimiser(quantal_cv):
    rng = np.random.default_rng(13)
    x = _recordings(3, 0.4, 0.3, (80, 2), rng, quantal_cv)
    found = _quiet_estimate(x, noise_sd=0.3 * pq.mV, quantal_cv=quantal_cv, n_max=4)
    for index in range(2):
        n = int(found.n[index])

        def cost(theta, x=x[:, index], n=n):
            return -_log_likelihood(x, n, *theta, 0.3, quantal_cv)

        at = np.array([found.p[index], float(found.q[index])])
        best = minimize(cost, at * 1.05, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
        assert cost(at) <= best.fun + 1e-6
        np.testing.assert_allclose(at, best.x, rtol=1e-4)
        step = 1e-4
        curvature = np.array(
            [
                [
                    sum(si * sj * cost(at + step * (si * ei + sj * ej)) for si in (1, -1) for sj in (1, -1))
                    for ej in np.eye(2)
                ]
                for ei in np.eye(2)
            ]
        ) / (4 * step**2)
        errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
        assert found.p_error[index] == pytest.approx(errors[0], rel=1e-2)
        assert float(found.q_error[index]) == pytest.approx(errors[1], rel=1e-2)


def test_many_synapses_together_give_what_each_gives_alone():
    rng = np.random.default_rng(14)
    x, noise = _recordings(4, 0.3, 0.3, (60, 5), rng), np.array([0.2, 0.3, 0.3, 0.4, 0.3])
    together = _quiet_estimate(x, noise_sd=noise * pq.mV, n_max=6)
    for index in range(5):
        alone = _quiet_estimate(x[:, index], noise_sd=noise[index] * pq.mV, n_max=6)
        assert together.n[index] == alone.n
        assert together.p[index] == pytest.approx(float(alone.p), abs=1e-6)
        assert together.p_interval[1][index] == pytest.approx(float(alone.p_interval[1]), abs=1e-5)
        assert float(together.q_interval[0][index]) == pytest.approx(float(alone.q_interval[0]), abs=1e-5)
        assert together.n_interval[1][index] == alone.n_interval[1]


def test_inhibitory_responses_mirror_excitatory_ones():
    x = _recordings(3, 0.4, 0.2, (200,), np.random.default_rng(15))
    up, down = (_quiet_estimate(sign * x, noise_sd=0.2 * pq.mV, n_max=5) for sign in (1, -1))
    assert up.n == down.n
    assert float(down.q) == pytest.approx(-float(up.q), rel=1e-6)
    assert float(down.p) == pytest.approx(float(up.p), rel=1e-6)


def test_buried_quanta_warn():
    x = 0.2 * _recordings(6, 0.3, 2.0, (60,), np.random.default_rng(14))
    with pytest.warns(IdentifiabilityWarning, match="likelihood"):
        estimate = estimate_by_likelihood(x * pq.mV, noise_sd=0.4 * pq.mV, n_max=12)
    assert not estimate.is_identifiable


def test_quantal_variability_does_not_bias():
    x = _recordings(3, 0.5, 0.1, (500, 20), np.random.default_rng(16), quantal_cv=0.25)
    found = _quiet_estimate(x, noise_sd=0.1 * pq.mV, quantal_cv=0.25, n_max=6)
    # A fourth site is likelier in one recording out of thirty.
    is_right = found.n == 3
    assert np.mean(is_right) > 0.7
    p_scores = (found.p - 0.5)[is_right] / found.p_error[is_right]
    q_scores = (found.q.magnitude - 1.0)[is_right] / found.q_error.magnitude[is_right]
    for scores in (p_scores, q_scores):
        assert np.all(np.abs(scores) < 5)
        assert abs(np.mean(scores)) < 5 / np.sqrt(len(scores))


@pytest.mark.parametrize(
    ("x", "noise", "message"),
    [
        ([1, 2, 3], 0, r"noise_sd must be .*above 0"),
        ([1, 2], 1, "at least three trials"),
        ([2, 2, 2], 1, "constant recording"),
        ([-1, 0, 1], 1, "mean amplitude is 0"),
        (np.arange(24).reshape(3, 4, 2), 1, r"shape \(trials,\) or \(trials, synapses\), got \(3, 4, 2\)"),
    ],
)
def test_bad_recordings_are_refused(x, noise, message):
    with pytest.raises(ValueError, match=message):
        estimate_by_likelihood(x * pq.mV, noise_sd=noise * pq.mV)
