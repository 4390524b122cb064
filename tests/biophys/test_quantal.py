"""The quantal model gives the moments of its release distribution, and moments give the model back."""

import numpy as np
import pytest
import quantities as pq

from biophys.quantal import (
    QuantalSynapse,
    n_sites_for,
    release_probability_for,
    sampling_errors,
    synapse_with,
)

N = np.array([1, 2, 5, 12, 5])
P = np.array([0.3, 0.8, 0.05, 0.6, 1.0])
Q = np.array([0.1, 0.4, -0.3, 0.25, 0.2]) * pq.mV


def test_synapse_is_recovered_from_mean_and_sd_at_its_own_n():
    synapse = QuantalSynapse(N, P, Q)
    back = synapse_with(synapse.mean, synapse.sd, n=N)
    np.testing.assert_allclose(back.p, P, rtol=1e-12)
    np.testing.assert_allclose(back.q.magnitude, Q.magnitude, rtol=1e-12)


@pytest.mark.parametrize("hold", ["p", "sd"])
def test_synapse_is_recovered_from_mean_and_sd_at_its_own_p(hold):
    synapse = QuantalSynapse(N[:4], P[:4], Q[:4])
    back = synapse_with(synapse.mean, synapse.sd, p=P[:4], hold=hold)
    np.testing.assert_array_equal(back.n, N[:4])
    np.testing.assert_allclose(back.p, P[:4], rtol=1e-12)
    np.testing.assert_allclose(back.q.magnitude, Q.magnitude[:4], rtol=1e-12)


def test_whole_sites_keep_mean_and_sd_by_moving_p():
    held = synapse_with(1 * pq.mV, 0.5 * pq.mV, p=0.35, hold="sd")
    assert held.n == 7  # 7.43 asked for
    assert float(held.mean) == pytest.approx(1.0)
    assert float(held.sd) == pytest.approx(0.5)


def test_whole_sites_keep_mean_and_p_and_warn_when_they_miss_the_sd():
    with pytest.warns(UserWarning, match="hold='sd'"):
        near = synapse_with(1 * pq.mV, 0.8 * pq.mV, p=0.4)
    assert (near.n, near.p) == (2, 0.4)  # 2.34 asked for
    assert float(near.mean) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("n", "p", "mean", "variance", "failure"),
    [
        (1, 0.0, 0, 0, 1),
        (1, 1.0, 2, 0, 0),
        (3, 1.0, 6, 0, 0),
        (1, 0.25, 0.5, 0.75, 0.75),
        (2, 0.3, 1.2, 1.68, 0.49),
    ],
)
def test_special_cases(n, p, mean, variance, failure):
    synapse = QuantalSynapse(n, p, 2 * pq.mV)
    assert float(synapse.mean) == pytest.approx(mean)
    assert float(synapse.variance) == pytest.approx(variance)
    assert synapse.failure_probability == pytest.approx(failure)


def test_units_follow_the_quantal_size():
    synapse = QuantalSynapse(2, 0.3, 10 * pq.pA)
    assert synapse.mean.dimensionality == pq.pA.dimensionality
    assert synapse.variance.dimensionality == (pq.pA**2).dimensionality
    assert synapse.shape == () and isinstance(synapse.p, float) and isinstance(synapse.n, int)


def test_cv_is_sd_over_mean_and_infinite_without_release():
    synapse = QuantalSynapse(N, P, Q)
    np.testing.assert_allclose(synapse.cv, synapse.sd.magnitude / np.abs(synapse.mean.magnitude), atol=1e-15)
    assert QuantalSynapse(3, 0.0, 1 * pq.mV).cv == np.inf


def test_moments_equal_those_of_the_release_distribution():
    synapse = QuantalSynapse(N, P, Q)
    pmf = synapse.pmf()
    response = np.arange(pmf.shape[-1]) * Q.magnitude[:, None]
    mean = (pmf * response).sum(-1)
    np.testing.assert_allclose(pmf.sum(-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(mean, synapse.mean.magnitude, rtol=1e-12)
    variance = (pmf * (response - mean[:, None]) ** 2).sum(-1)
    np.testing.assert_allclose(variance, synapse.variance.magnitude, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(pmf[:, 0], synapse.failure_probability, rtol=1e-12)


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (4, 0.3), (6, 0.8)])
def test_sampling_errors_are_those_of_the_moments_of_the_distribution(n, p):
    synapse, k, n_spikes = QuantalSynapse(n, p, 2.0 * pq.mV), np.arange(n + 1), 50
    second, fourth = (np.sum(synapse.pmf(k) * (2.0 * (k - n * p)) ** power) for power in (2, 4))
    expected = second / n_spikes, (fourth - second**2 * (n_spikes - 3) / (n_spikes - 1)) / n_spikes
    np.testing.assert_allclose(np.square(sampling_errors(synapse, n_spikes)), expected)


def test_pmf_equals_scipys_and_vanishes_outside():
    from scipy.stats import binom

    synapse = QuantalSynapse([3, 40], [0.2, 0.9], 1 * pq.mV)
    k = np.array([-1, 0, 2, 2.5, 3, 4, 40, 41])
    whole = np.where(k == 2.5, -1, k)
    np.testing.assert_allclose(synapse.pmf(k), binom.pmf(whole, [[3], [40]], [[0.2], [0.9]]), rtol=1e-10)
    assert QuantalSynapse(2, 0.25, 1 * pq.mV).pmf(1) == pytest.approx(0.375)


def test_drawn_releases_follow_the_distribution_on_both_sides_of_one_half():
    from scipy.special import chdtrc

    rng = np.random.default_rng(3)
    for n, p in [(5, 0.3), (5, 0.7), (1, 0.9)]:
        synapse = QuantalSynapse(n, p, 0.2 * pq.mV)
        counts = np.bincount(synapse.release_counts(50_000, rng=rng), minlength=n + 1)
        expected = synapse.pmf() * 50_000
        chi2 = np.sum((counts - expected) ** 2 / expected)
        assert chdtrc(n, chi2) > 1e-4


def test_samples_are_released_quanta_with_a_spike_axis_first():
    rng = np.random.default_rng(4)
    synapse = QuantalSynapse(N, P, Q)
    samples = synapse.sample(7, rng=rng)
    assert samples.shape == (7, 5) and synapse.sample(rng=rng).shape == (5,)
    quanta = samples.magnitude / Q.magnitude
    np.testing.assert_allclose(quanta, np.rint(quanta), atol=1e-9)
    np.testing.assert_allclose(samples.magnitude[:, 4], 1.0)  # p = 1 releases all five


def test_inverse_formulas_agree_with_the_forward_one():
    cv = QuantalSynapse(7, 0.37, 1 * pq.mV).cv
    assert float(release_probability_for(cv, 7)) == pytest.approx(0.37)
    assert float(n_sites_for(cv, 0.37)) == pytest.approx(7.0)


def test_a_synapse_cannot_be_changed():
    synapse = QuantalSynapse(N, P, Q)
    with pytest.raises(AttributeError):
        synapse.p = 0.5
    with pytest.raises(ValueError, match="read-only"):
        synapse.p[0] = 0.5


@pytest.mark.parametrize(
    ("n", "p", "q", "error", "message"),
    [
        (5, 1.2, 1 * pq.mV, ValueError, r"p must be finite and in \[0, 1\], got 1\.2"),
        (5, [0.1, np.nan], 1 * pq.mV, ValueError, "p must be .* got nan at index 1"),
        (5, "half", 1 * pq.mV, TypeError, "p must be a number"),
        (0, 0.2, 1 * pq.mV, ValueError, "n must be a positive integer, got 0: round it"),
        (2.5, 0.2, 1 * pq.mV, ValueError, r"n must be a positive integer, got 2\.5"),
        (np.inf, 0.2, 1 * pq.mV, ValueError, "n must be a positive integer, got inf"),
        (5, 0.2, 0.1, TypeError, r"q must carry a unit \(for example 0\.1\*pq\.mV\), got 0\.1"),
        (5, 0.2, 0.1 * pq.s, ValueError, r"q must be a potential.*got 0\.1 s"),
        (5, 0.2, np.nan * pq.mV, ValueError, "q must be finite, got nan"),
        ([1, 2, 3], [0.1, 0.2], 1 * pq.mV, ValueError, r"broadcast to one shape, got \(3,\), \(2,\), \(\)"),
    ],
)
def test_bad_parameters_are_refused_with_value_and_remedy(n, p, q, error, message):
    with pytest.raises(error, match=message):
        QuantalSynapse(n, p, q)


@pytest.mark.parametrize(
    ("mean", "sd", "given", "error", "message"),
    [
        (1 * pq.mV, 1 * pq.mV, {}, TypeError, "exactly one of n and p"),
        (1 * pq.mV, 1 * pq.mV, {"n": 2, "p": 0.2}, TypeError, "exactly one of n and p"),
        (1.0, 1 * pq.mV, {"n": 2}, TypeError, "mean must carry a unit"),
        (1 * pq.mV, 1 * pq.pA, {"n": 2}, ValueError, "sd must have the dimension"),
        (0 * pq.mV, 1 * pq.mV, {"n": 2}, ValueError, "mean must not be 0"),
        (1 * pq.mV, -1 * pq.mV, {"n": 2}, ValueError, "sd must be finite and at least 0, got -1"),
        (
            1 * pq.mV,
            2 * pq.mV,
            {"p": 0.5},
            ValueError,
            "more than one site can have at p = 0.5 .1.: lower p or sd",
        ),
        (1 * pq.mV, 0 * pq.mV, {"p": 0.5}, ValueError, "infinitely many sites"),
        (1 * pq.mV, 1 * pq.mV, {"p": 1.0}, ValueError, r"p must be .*inside \(0, 1\)"),
        (1 * pq.mV, 1 * pq.mV, {"p": 0.5, "hold": "n"}, ValueError, "hold must be"),
    ],
)
def test_moments_without_a_synapse_are_refused(mean, sd, given, error, message):
    with pytest.raises(error, match=message):
        synapse_with(mean, sd, **given)
