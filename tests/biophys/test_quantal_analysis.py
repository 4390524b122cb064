"""Quantal parameters are recovered from simulated recordings, with intervals that cover the truth."""

import warnings

import numpy as np
import pytest
import quantities as pq

from biophys.quantal import QuantalSynapse
from biophys.quantal_analysis import (
    IdentifiabilityWarning,
    estimate_by_likelihood,
    estimate_by_moments,
    estimate_by_variance_mean,
    recovery_by_moments,
)


def _recording(n, p, q, n_trials, noise, rng):
    return QuantalSynapse(n, p, q * pq.mV).sample(n_trials, rng=rng) + rng.normal(0, noise, n_trials) * pq.mV


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (5, 0.1), (5, 0.5), (10, 0.9)])
def test_intervals_at_known_n_cover_the_truth(n, p):
    rng = np.random.default_rng(8)
    row = recovery_by_moments(QuantalSynapse(n, p, 0.3 * pq.mV), n_trials=500, n_repeats=2000, rng=rng)
    assert abs(row.p_bias) < 0.03 and abs(row.q_bias) < 0.03
    # Five standard errors of a coverage of 0.95, and one per cent for the normal approximation.
    slack = 5 * np.sqrt(0.95 * 0.05 / 2000) + 0.01
    assert abs(row.p_coverage - 0.95) < slack
    # One noiseless site shows its quantal size exactly, so that q is always covered.
    assert row.q_coverage == 1.0 if n == 1 else abs(row.q_coverage - 0.95) < slack


def test_known_n_may_be_fractional_as_in_costa_et_al():
    rng = np.random.default_rng(9)
    amplitudes = QuantalSynapse(5, 0.4, 0.2 * pq.mV).sample(300, rng=rng)
    estimate = estimate_by_moments(amplitudes, n=5.5)
    mean, variance = amplitudes.magnitude.mean(), amplitudes.magnitude.var(ddof=1)
    assert float(estimate.q) == pytest.approx(variance / mean + mean / 5.5)
    assert float(estimate.p) == pytest.approx(mean / (5.5 * float(estimate.q)))


def test_three_moments_recover_n_from_many_trials():
    rng = np.random.default_rng(10)
    amplitudes = QuantalSynapse(4, 0.6, 0.5 * pq.mV).sample(200_000, rng=rng)
    amplitudes = amplitudes + rng.normal(0, 0.2, 200_000) * pq.mV
    estimate = estimate_by_moments(amplitudes, noise_sd=0.2 * pq.mV)
    assert float(estimate.n) == pytest.approx(4, abs=5 * float(estimate.n_error))
    assert float(estimate.p) == pytest.approx(0.6, abs=5 * float(estimate.p_error))
    assert float(estimate.q) == pytest.approx(0.5, abs=5 * float(estimate.q_error))
    assert estimate.is_identifiable and float(estimate.n_error) < 0.2


def test_few_trials_warn_that_n_and_p_cannot_be_told_apart():
    rng = np.random.default_rng(11)
    amplitudes = QuantalSynapse(np.full(20, 8), 0.2, 1 * pq.mV).sample(40, rng=rng)
    with pytest.warns(IdentifiabilityWarning, match=r"in \d+ of 20 recordings"):
        estimate = estimate_by_moments(amplitudes)
    assert np.mean(estimate.is_identifiable) < 0.5


def test_likelihood_recovers_all_three_parameters():
    rng = np.random.default_rng(12)
    for n, p in [(2, 0.3), (4, 0.5), (3, 0.8)]:
        estimate = estimate_by_likelihood(_recording(n, p, 1.0, 400, 0.2, rng), noise_sd=0.2 * pq.mV, n_max=8)
        assert estimate.n_interval[0] <= n <= estimate.n_interval[1]
        assert float(estimate.p) == pytest.approx(p, abs=5 * estimate.p_error) or estimate.n != n
        assert float(estimate.q) == pytest.approx(1.0, abs=0.05)


def test_likelihood_intervals_cover_the_truth_over_recordings():
    rng = np.random.default_rng(13)
    covered = np.zeros(3)
    n_repeats = 40
    for _ in range(n_repeats):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IdentifiabilityWarning)
            found = estimate_by_likelihood(
                _recording(3, 0.4, 1.0, 100, 0.3, rng), noise_sd=0.3 * pq.mV, n_max=7
            )
        covered += [
            found.n_interval[0] <= 3 <= found.n_interval[1],
            found.p_interval[0] <= 0.4 <= found.p_interval[1],
            found.q_interval[0] <= 1.0 * pq.mV <= found.q_interval[1],
        ]
    assert np.all(covered >= n_repeats * 0.95 - 5 * np.sqrt(n_repeats * 0.95 * 0.05))


def test_likelihood_of_buried_quanta_warns():
    rng = np.random.default_rng(14)
    with pytest.warns(IdentifiabilityWarning, match="likelihood"):
        estimate = estimate_by_likelihood(
            _recording(6, 0.3, 0.2, 60, 0.4, rng), noise_sd=0.4 * pq.mV, n_max=12
        )
    assert not estimate.is_identifiable


def test_quantal_variability_does_not_bias_the_likelihood():
    rng = np.random.default_rng(15)
    k = rng.binomial(3, 0.5, 500)
    x = k + 0.25 * np.sqrt(k) * rng.normal(size=500) + 0.1 * rng.normal(size=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        estimate = estimate_by_likelihood(x * pq.mV, noise_sd=0.1 * pq.mV, quantal_cv=0.25, n_max=6)
    assert estimate.n == 3
    assert float(estimate.p) == pytest.approx(0.5, abs=5 * estimate.p_error)


def test_variance_mean_intervals_cover_the_truth_over_recordings():
    rng = np.random.default_rng(16)
    p = np.array([0.1, 0.3, 0.6, 0.85])
    n_repeats, covered = 600, np.zeros(3)
    for _ in range(n_repeats):
        x = QuantalSynapse(6, p, 0.4 * pq.mV).sample(200, rng=rng)
        means, variances = x.mean(axis=0), x.magnitude.var(axis=0, ddof=1) * pq.mV**2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IdentifiabilityWarning)
            found = estimate_by_variance_mean(means, variances, n_trials=200)
        covered += [
            found.n_interval[0] <= 6 <= found.n_interval[1],
            found.q_interval[0].item() <= 0.4 <= found.q_interval[1].item(),
            found.p_interval[0][1] <= 0.3 <= found.p_interval[1][1],
        ]
    assert np.all(np.abs(covered / n_repeats - 0.95) < 5 * np.sqrt(0.95 * 0.05 / n_repeats) + 0.02)


def test_variance_mean_at_low_p_finds_q_but_not_n():
    rng = np.random.default_rng(17)
    x = QuantalSynapse(50, [0.01, 0.02, 0.04], 0.4 * pq.mV).sample(300, rng=rng)
    variances = x.magnitude.var(axis=0, ddof=1) * pq.mV**2
    with pytest.warns(IdentifiabilityWarning, match="variance-mean"):
        estimate = estimate_by_variance_mean(x.mean(axis=0), variances, n_trials=300)
    assert float(estimate.q) == pytest.approx(0.4, abs=5 * float(estimate.q_error))
    assert estimate.n_interval[1] == np.inf


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: estimate_by_moments([] * pq.mV, n=5), ValueError, r"at least three trials .*shape \(0,\)"),
        (
            lambda: estimate_by_moments([1, 1, 1] * pq.mV, n=5),
            ValueError,
            "constant recording .all trials 1 mV",
        ),
        (lambda: estimate_by_moments([1, 2, 3], n=5), TypeError, "amplitudes must carry a unit"),
        (
            lambda: estimate_by_moments([1, 2, np.nan] * pq.mV, n=5),
            ValueError,
            "amplitudes must be finite, got nan",
        ),
        (lambda: estimate_by_moments([-1, 0, 1] * pq.mV, n=5), ValueError, "mean amplitude is 0"),
        (
            lambda: estimate_by_moments([1, 2, 3] * pq.mV, n=0.5),
            ValueError,
            r"n must be .*at least 1, got 0\.5",
        ),
        (
            lambda: estimate_by_moments([1, 2, 3] * pq.mV, n=5, noise_sd=2 * pq.mV),
            ValueError,
            "noise explains all the variance",
        ),
        (
            lambda: estimate_by_likelihood([1, 2, 3] * pq.mV, noise_sd=0 * pq.mV),
            ValueError,
            r"noise_sd must be .*above 0",
        ),
        (
            lambda: estimate_by_variance_mean([1, 2] * pq.mV, [1, 2] * pq.mV**2, n_trials=100),
            ValueError,
            "at least three conditions",
        ),
        (
            lambda: estimate_by_variance_mean([1, 1, 1] * pq.mV, [1, 2, 1] * pq.mV**2, n_trials=100),
            ValueError,
            "all means are equal",
        ),
        (
            lambda: estimate_by_variance_mean([1, 2, 3] * pq.mV, [1, 2, 1] * pq.mV, n_trials=100),
            ValueError,
            "variances must have the dimension",
        ),
    ],
)
def test_bad_recordings_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
