"""Quick methods take any unit, refuse what cannot be compared, and give no value off the model."""

import warnings

import numpy as np
import pytest
import quantities as pq

from biophys import (
    IdentifiabilityWarning,
    ImplausibleRecordingWarning,
    SerialDependenceWarning,
    covariance_analysis,
    cv_analysis,
    failures_analysis,
    nested_models,
)


def responses(p, seed=1, noise=2.0):
    rng = np.random.default_rng(seed)
    return (rng.binomial(5, p, 200) * -10.0 + rng.normal(0, noise, 200)) * pq.pA


BEFORE, AFTER = responses(0.3), responses(0.6, 2)


def test_the_ratio_of_the_means_does_not_hang_on_the_unit():
    alike = cv_analysis(BEFORE, AFTER, noise=2 * pq.pA)
    other = cv_analysis(BEFORE, AFTER.rescale("nA"), noise=0.002 * pq.nA)
    assert 1.7 < alike.mean_ratio < 2.3 and alike.allowed == ("p",)
    np.testing.assert_allclose(
        [other.mean_ratio, other.cv_ratio, *other.cv_interval],
        [alike.mean_ratio, alike.cv_ratio, *alike.cv_interval],
        rtol=1e-9,
    )


@pytest.mark.parametrize("analysis", [cv_analysis, nested_models])
def test_what_cannot_be_compared_is_refused(analysis):
    with pytest.raises(ValueError, match=r"after must have the dimension of .*pA"):
        analysis(BEFORE, AFTER.magnitude * pq.mV)
    with pytest.raises(ValueError, match="the means have two signs"):
        analysis(BEFORE, -AFTER)
    with pytest.raises(ValueError, match="before: amplitudes need at least three"):
        analysis(BEFORE[:2], AFTER)


@pytest.mark.parametrize("analysis", [cv_analysis, nested_models])
def test_both_signs_and_wrong_noises_are_named(analysis):
    mixed = np.where(np.random.default_rng(3).random(200) < 0.2, -BEFORE, BEFORE)
    with pytest.warns(ImplausibleRecordingWarning, match=r"before: \d+ responses have the other sign"):
        analysis(mixed * pq.pA, AFTER, noise=2 * pq.pA)
    with pytest.raises(ValueError, match="noise: baseline samples must vary and be at least three"):
        analysis(BEFORE, AFTER, noise=[2, 3] * pq.pA)
    with pytest.raises(ValueError, match=r"noise must .*above 0"):
        analysis(BEFORE, AFTER, noise=-2 * pq.pA)


def test_a_noise_larger_than_the_responses_is_refused_or_warned_of():
    with pytest.raises(ValueError, match="explains all the variance"):
        cv_analysis(BEFORE, AFTER, noise=40 * pq.pA)
    with pytest.warns(ImplausibleRecordingWarning, match=r"larger than the sd of the responses of before"):
        nested_models(BEFORE, AFTER, noise=40 * pq.pA)


def test_samples_of_the_noise_do_as_well_as_their_standard_deviation():
    samples = np.random.default_rng(4).normal(0, 2, 500) * pq.pA
    known = cv_analysis(BEFORE, AFTER, noise=samples.std(ddof=1))
    assert cv_analysis(BEFORE, AFTER, noise=samples).cv_ratio == pytest.approx(known.cv_ratio)


def test_a_drift_before_or_after_is_warned_of_by_name():
    with pytest.warns(SerialDependenceWarning, match="after: .*without drift") as caught:
        cv_analysis(BEFORE, AFTER * np.linspace(1, 0.2, 200))
    assert caught[0].filename == __file__


def test_failures_are_not_counted_without_the_noise_that_is_seen():
    with pytest.raises(ValueError, match="give the recording noise="):
        failures_analysis(BEFORE)
    share = failures_analysis(BEFORE, noise=2 * pq.pA)
    assert share.failure_interval[0] < 0.7**5 < share.failure_interval[1]


def test_covariances_take_sweeps_of_unequal_length_and_give_no_quantum_of_the_other_sign():
    x = BEFORE.magnitude.reshape(40, 5)
    whole, ragged = (
        covariance_analysis([row[: 5 - i % shorter] * pq.pA for i, row in enumerate(x)], noise=2 * pq.pA)
        for shorter in (1, 4)
    )
    assert whole.covariance == ragged.covariance
    drowned = covariance_analysis(x * pq.pA, noise=200 * pq.pA)
    assert np.isnan(drowned.q.magnitude) and drowned.reason
    with pytest.raises(ValueError, match="noise must be"):
        covariance_analysis(x * pq.pA, noise=-2 * pq.pA)
    with pytest.raises(ValueError, match="stimuli 4 and 5 measured in eight sweeps, got 0 of 40"):
        covariance_analysis(x * pq.pA, stimulus=4)


def test_failures_of_small_quanta_or_of_trains_are_warned_of():
    rng = np.random.default_rng(3)
    x = rng.binomial(5, 0.3, 300) * 10.0
    for n, p, noise in ((5, 0.3, 10.0), (20, 0.2, 10.0), (5, 0.5, 6.7)):
        y = rng.binomial(n, p, 2000) * 10.0 + rng.normal(0, noise, 2000)
        for known in (n, None):
            with pytest.warns(IdentifiabilityWarning, match="less than three times the noise"):
                failures_analysis(y * pq.pA, noise=noise * pq.pA, n=known)
    with pytest.raises(ValueError, match="noise must be one standard deviation, got 2"):
        failures_analysis(x * pq.pA, noise=[1, 2] * pq.pA, n=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for noise in (2 * pq.pA, [2] * pq.pA):
            failures_analysis((x + rng.normal(0, 2, 300)) * pq.pA, noise=noise, n=5)
    train = rng.binomial(5, np.tile([0.8, 0.3, 0.2, 0.1], (40, 1))) * 10.0
    with pytest.warns(SerialDependenceWarning, match="not independent"):
        failures_analysis(train * pq.pA, n=5)
