"""Quantal parameters are recovered from simulated recordings, with intervals that cover the truth."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import quantities as pq

from biophys.quantal import QuantalSynapse
from biophys.quantal_analysis import (
    IdentifiabilityWarning,
    _Moments,
    _p_and_q,
    estimate_by_likelihood,
    estimate_by_moments,
    estimate_by_variance_mean,
)
from biophys.recordings.recording import QuantalVariability

_MOVED = ("mean", "variance")


def test_known_n_may_be_fractional_as_in_costa_et_al():
    rng = np.random.default_rng(9)
    amplitudes = QuantalSynapse(5, 0.4, 0.2 * pq.mV).sample(300, rng=rng)
    estimate = estimate_by_moments(amplitudes, n=5.5)
    mean, variance = amplitudes.magnitude.mean(), amplitudes.magnitude.var(ddof=1)
    assert float(estimate.q) == pytest.approx(variance / mean + mean / 5.5)
    assert float(estimate.p) == pytest.approx(mean / (5.5 * float(estimate.q)))


def test_errors_of_p_and_q_follow_the_errors_of_the_moments():
    covariance = np.array([[[0.02], [0.005]], [[0.005], [0.03]]])
    moments = _Moments(*map(np.array, ([2.0], [1.5], [0.1], [100.0])), covariance)

    def estimate(**changes):
        return _p_and_q(replace(moments, **changes), np.array([0.2]), QuantalVariability(0.3, between=0.2))

    *values, p_error, q_error = estimate()
    by = [
        np.subtract(estimate(**{name: getattr(moments, name) + 1e-6})[:2], values) / 1e-6 for name in _MOVED
    ]
    errors = np.sqrt(np.einsum("iwb,ijb,jwb->wb", by, covariance, by))
    np.testing.assert_allclose(errors, [p_error, q_error], rtol=1e-5)


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


def test_noise_may_differ_between_synapses():
    rng = np.random.default_rng(18)
    quiet = QuantalSynapse(np.full(2, 5), 0.4, 0.3 * pq.mV).sample(200, rng=rng)
    noise = np.array([0.0, 0.1]) * pq.mV
    noisy = quiet + rng.normal(size=(200, 2)) * noise
    together = estimate_by_moments(noisy, n=5, noise_sd=noise)
    for index in range(2):
        alone = estimate_by_moments(noisy[:, index], n=5, noise_sd=noise[index])
        assert together.p[index] == pytest.approx(float(alone.p), rel=1e-12)


def test_variance_mean_of_many_synapses_is_that_of_each():
    rng = np.random.default_rng(19)
    p = np.array([0.1, 0.3, 0.6, 0.85])[:, None]
    x = QuantalSynapse(np.full((4, 5), 6), p, 0.4 * pq.mV).sample(200, rng=rng)
    means, variances = x.mean(axis=0), x.magnitude.var(axis=0, ddof=1) * pq.mV**2
    together = estimate_by_variance_mean(means, variances, n_trials=200)
    assert together.p.shape == (4, 5) and together.n.shape == (5,)
    for index in range(5):
        alone = estimate_by_variance_mean(means[:, index], variances[:, index], n_trials=200)
        assert together.n[index] == pytest.approx(float(alone.n), rel=1e-9)
        assert together.n_error[index] == pytest.approx(float(alone.n_error), rel=1e-9)
        np.testing.assert_allclose(together.p_error[:, index], alone.p_error, rtol=1e-9)


def test_parabola_is_the_weighted_least_squares_fit():
    m = np.array([0.3, 0.9, 1.5, 2.0])
    v = np.array([0.11, 0.2, 0.22, 0.15])
    estimate = estimate_by_variance_mean(m * pq.mV, v * pq.mV**2, n_trials=50)
    # The square of a mean is too large by its own variance.
    design = np.stack([m, -(m**2 - v / 50)], axis=1)
    weight = 49 / (2 * v**2)
    for _ in range(4):
        covariance = np.linalg.inv(design.T @ (design * weight[:, None]))
        q, b = covariance @ design.T @ (weight * v)
        p, n = m * b / q, 1 / b
        per_site = p - p**2, p - 3 * p**2 + 2 * p**3, p - 7 * p**2 + 12 * p**3 - 6 * p**4
        k2, k3, k4 = (n * q**order * k for order, k in zip((2, 3, 4), per_site, strict=True))
        slope = q - 2 * b * m
        weight = 1 / (k4 / 50 + 2 * k2**2 / 49 + slope**2 * k2 / 50 - 2 * slope * k3 / 50)
    assert float(estimate.q) == pytest.approx(q, rel=1e-9)
    assert float(estimate.n) == pytest.approx(1 / b, rel=1e-9)
    assert float(estimate.q_error) == pytest.approx(np.sqrt(covariance[0, 0]), rel=1e-9)
    assert float(estimate.n_error) == pytest.approx(np.sqrt(covariance[1, 1]) / b**2, rel=1e-9)


def test_variance_mean_at_low_p_finds_q_but_not_n():
    rng = np.random.default_rng(17)
    p = np.array([0.01, 0.02, 0.04])[:, None]
    x = QuantalSynapse(np.full((3, 100), 50), p, 0.4 * pq.mV).sample(300, rng=rng)
    variances = x.magnitude.var(axis=0, ddof=1) * pq.mV**2
    with pytest.warns(IdentifiabilityWarning, match=r"in 100 of 100 recordings \(variance-mean\)"):
        estimate = estimate_by_variance_mean(x.mean(axis=0), variances, n_trials=300)
    q = estimate.q.magnitude
    assert np.mean(q) == pytest.approx(0.4, abs=5 * np.std(q) / np.sqrt(100))
    assert np.std(q) == pytest.approx(np.median(estimate.q_error.magnitude), rel=0.4)
    # One in twenty intervals of n has a finite end.
    assert np.mean(estimate.n_interval[1] == np.inf) > 0.75


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: estimate_by_moments([] * pq.mV, n=5), ValueError, r"at least three trials .*shape"),
        (
            lambda: estimate_by_moments([1, 1, 1] * pq.mV, n=5),
            ValueError,
            "constant recording .all trials 1 mV",
        ),
        (lambda: estimate_by_moments([1, 2, 3], n=5), TypeError, "amplitudes must carry a unit"),
        (
            lambda: estimate_by_moments([1, 2, np.nan] * pq.mV, n=5),
            ValueError,
            "at least three measured trials are needed, got 2",
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


def test_a_missing_trial_is_left_out_by_every_estimator():
    rng = np.random.default_rng(20)
    x = rng.binomial(3, 0.4, 80) * 10.0 + rng.normal(0, 2, 80)
    holed = np.append(x, np.nan) * pq.pA
    for estimate in (
        lambda y: estimate_by_moments(y, n=3, noise_sd=2 * pq.pA),
        lambda y: estimate_by_likelihood(y, noise_sd=2 * pq.pA),
    ):
        assert float(estimate(holed).p) == pytest.approx(float(estimate(x * pq.pA).p), rel=1e-9)


def test_one_silent_synapse_of_several_is_named_and_leaves_the_others_alone():
    rng = np.random.default_rng(21)
    x = rng.binomial(3, 0.4, (80, 3)) * 10.0 * pq.pA
    x[:, 1] = 0 * pq.pA
    estimate = estimate_by_moments(x, n=3)
    assert np.isnan(estimate.p[1]) and "constant" in estimate.reasons[1] and len(estimate.reasons) == 1
    assert estimate.p[2] == pytest.approx(float(estimate_by_moments(x[:, 2], n=3).p))


@pytest.mark.parametrize(
    "variance", [lambda m: 2 * m + m**2 / 8, lambda m: m**2 / 8, lambda m: 2 * m - 0.001 * m**2]
)
def test_a_parabola_without_curvature_has_no_negative_sites(variance):
    m = np.arange(1.0, 5.0)
    with pytest.warns(IdentifiabilityWarning):
        estimate = estimate_by_variance_mean(m * pq.pA, variance(m) * pq.pA**2, n_trials=200)
    assert estimate.n > 0 and estimate.n_interval[1] == np.inf and float(estimate.q) > 0
    assert np.all(estimate.p_interval[0] == 0) and np.all(estimate.p_interval[1] <= 1)


def test_exponential_amplitudes_have_infinitely_many_sites():
    with pytest.warns(IdentifiabilityWarning):
        estimate = estimate_by_moments(np.random.default_rng(0).exponential(5, 300) * pq.pA)
    assert estimate.n == np.inf and estimate.p == 0 and float(estimate.q) > 0
    low, high = estimate.q_interval
    assert low <= estimate.q <= high


def test_recordings_whose_n_is_lost_are_not_called_identified():
    rng = np.random.default_rng(0)
    x = (rng.binomial(10, 0.2, (200, 1000)) * 10.0 + rng.normal(0, 2, (200, 1000))) * pq.pA
    with pytest.warns(IdentifiabilityWarning):
        estimate = estimate_by_moments(x, noise_sd=2 * pq.pA)
    assert np.mean(estimate.is_identifiable) < 0.01
    held = (estimate.n_interval[0] <= 10) & (estimate.n_interval[1] >= 10)
    assert 0.9 < np.mean(held) < 0.99


@pytest.mark.parametrize("noise", [0.3, 1.0])
@pytest.mark.parametrize("within", [0.0, 0.3])
def test_the_parabola_covers_with_noise_and_variable_quanta(noise, within):
    rng = np.random.default_rng(22)
    p = np.array([0.15, 0.35, 0.6, 0.85])[:, None, None]
    k = rng.binomial(5, p, (4, 1500, 200))
    y = np.where(k > 0, rng.gamma(np.maximum(k, 1) / within**2) * within**2, 0.0) if within else 1.0 * k
    y = 10 * (y + noise * rng.normal(size=k.shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        estimate = estimate_by_variance_mean(
            y.mean(axis=2) * pq.pA,
            y.var(axis=2, ddof=1) * pq.pA**2,
            n_trials=200,
            noise_sd=10 * noise * pq.pA,
            variability=within,
        )
    slack = 5 * np.sqrt(0.95 * 0.05 / 1500)
    for interval, truth in (
        (estimate.n_interval, 5),
        (estimate.q_interval, 10),
        (estimate.p_interval, p[..., 0]),
    ):
        low, high = (np.asarray(end) for end in interval)
        assert abs(np.mean((low <= truth) & (truth <= high)) - 0.95) < slack
    ratio = np.std(estimate.q.magnitude) / np.mean(estimate.q_error.magnitude)
    assert ratio == pytest.approx(1.0, abs=0.07 + 5 / np.sqrt(2 * 1500))


@pytest.mark.filterwarnings("ignore::biophys.IdentifiabilityWarning")
def test_a_synapse_of_equal_means_does_not_stop_the_others():
    m = np.array([[1.0, 3.0, 0.3, 0.0], [2.0, 3.0 + 1e-12, 0.1 + 0.2, 0.0], [3.0, 3.0, 0.3, 0.0]]) * pq.pA
    v = np.array([[0.8, 1.0, 1.0, 0.0], [1.0, 1.0, 2.0, 0.0], [0.9, 1.0, 1.0, 0.0]]) * pq.pA**2
    several = estimate_by_variance_mean(m, v, n_trials=100)
    alone = estimate_by_variance_mean(m[:, 0], v[:, 0], n_trials=100)
    assert several.n[0] == pytest.approx(alone.n) and np.isnan(several.n[1:]).all()
    assert all("all means are equal" in several.reasons[b] for b in (1, 2, 3))


def test_numbers_for_each_condition_are_read_as_such():
    m = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]) * pq.pA
    v = np.array([[1.0, 1.0], [1.5, 1.6], [1.2, 1.3]]) * pq.pA**2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IdentifiabilityWarning)
        line = estimate_by_variance_mean(m, v, n_trials=[200, 100, 50], noise_sd=[0.1, 0.2, 0.3] * pq.pA)
        column = estimate_by_variance_mean(
            m, v, n_trials=[[200], [100], [50]], noise_sd=np.array([[0.1], [0.2], [0.3]]) * pq.pA
        )
        np.testing.assert_array_equal(line.n, column.n)
        square = np.ones((3, 3)) * np.arange(1.0, 4.0)[:, None]
        with pytest.raises(ValueError, match=r"give it the shape \(3, 1\) or \(1, 3\)"):
            estimate_by_variance_mean(square * pq.pA, square * pq.pA**2, n_trials=[200, 100, 50])
        with pytest.raises(ValueError, match="one for each of 3 conditions"):
            estimate_by_variance_mean(m, v, n_trials=[200, 100, 50, 60])
