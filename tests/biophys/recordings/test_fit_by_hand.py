"""Fits of small recordings against likelihoods that are written out here."""

import numpy as np
import pytest
import quantities as pq
from scipy.optimize import minimize
from scipy.stats import binom, norm

from biophys import (
    Noise,
    ShortTermDynamics,
    compare,
    fit_release,
    fit_releases,
    nested_models,
)
from biophys.recordings.recording import checked_recording

THRESHOLD = 3.841
PA = pq.pA


def log_likelihood(x, n, p, q, noise):
    k = np.arange(n + 1)
    return np.log(norm.pdf(x[:, None], k * q, noise) @ binom.pmf(k, n, p)).sum()


def responses(rng, n, p, size, noise, q=10.0):
    return rng.binomial(n, p, size) * q + rng.normal(0, noise, size)


def by_condition(parts):
    """Return the arguments of recordings of several conditions, a, b, ..."""
    labels = [label for label, part in zip("abcd", parts, strict=False) for _ in part]
    return {"amplitudes": np.concatenate(parts) * PA, "conditions": labels}


@pytest.mark.parametrize(
    "measure", [lambda sd, rng: rng.normal(0, sd, 2000) * PA, lambda sd, _: Noise(sd * PA, sd / 50 * PA)]
)
def test_noise_measured_in_each_condition_stays_apart(measure):
    rng = np.random.default_rng(1)
    parts = [responses(rng, 3, p, 150, noise) for p, noise in ((0.3, 1.0), (0.8, 4.0))]
    fit = fit_release(**by_condition(parts), noise={"a": measure(1.0, rng), "b": measure(4.0, rng)})
    assert fit.noise_sd["a"].value == pytest.approx(1.0, rel=0.05) and fit.noise_sd["b"].value > 3.7
    assert fit.n.identified and fit.n.value == 3 and fit.p["a"].holds(0.3) and fit.p["b"].holds(0.8)


def test_a_noise_that_is_known_beside_one_that_was_measured_stays_what_it_is():
    rng = np.random.default_rng(2)
    parts = [responses(rng, 2, p, 80, noise) for p, noise in ((0.3, 1.0), (0.8, 4.0))]
    fit = fit_release(**by_condition(parts), noise={"a": 1 * PA, "b": rng.normal(0, 4.0, 300) * PA}, n=2)
    assert fit.noise_sd["a"].value == pytest.approx(1.0, rel=0.005) and fit.noise_sd["b"].holds(4.0)


def test_one_baseline_counts_once_however_many_conditions():
    rng = np.random.default_rng(5)
    parts = [responses(rng, 2, p, 8, 2.0) for p in (0.2, 0.4, 0.6, 0.8)]
    baseline = rng.normal(0, 2.4, 40)
    fit = fit_release(**by_condition(parts), noise=baseline * PA, n=2)
    count, square = baseline.size - 1, np.sum((baseline - baseline.mean()) ** 2)

    def lost(coordinates, noise):
        *odds, log_q = coordinates
        p, q = 1.0 / (1.0 + np.exp(-np.array(odds))), np.exp(log_q)
        each = [log_likelihood(x, 2, *rest, q, noise) for x, *rest in zip(parts, p, strict=True)]
        return -sum(each) + count * np.log(noise) + 0.5 * square / noise**2

    at = [
        minimize(lost, [-1, -0.4, 0.4, 1, np.log(10)], args=(e,)).fun
        for e in (fit.noise_sd.value, fit.noise_sd.low, fit.noise_sd.high)
    ]
    assert 2 * (np.array(at[1:]) - at[0]) == pytest.approx(THRESHOLD, abs=0.08)


def test_how_the_noise_is_known_leaves_the_likelihood_of_the_responses():
    rng = np.random.default_rng(3)
    x = responses(rng, 2, 0.5, 80, 3.2) * PA
    samples = rng.normal(0, 3.2, 100_000)
    samples *= 3.2 / samples.std(ddof=1)
    known, sampled, stated = (
        fit_release(x, noise=noise, n=2) for noise in (3.2 * PA, samples * PA, Noise(3.2 * PA, 1e-6 * PA))
    )
    assert sampled.log_likelihood == pytest.approx(known.log_likelihood, abs=1e-3)
    assert stated.values == known.values
    assert sampled.bic_normal - sampled.bic == pytest.approx(known.bic_normal - known.bic, abs=1e-3)
    assert max(row.delta_bic for row in compare(known, sampled)) < 10
    in_na = fit_release(x.rescale(pq.nA), noise=samples * PA, n=2)
    assert in_na.log_likelihood - sampled.log_likelihood == pytest.approx(80 * np.log(1e3))


def test_nested_models_and_fits_of_conditions_are_one_likelihood():
    rng = np.random.default_rng(4)
    before, after = (responses(rng, 2, p, 30, 2.0) for p in (0.3, 0.7))
    baseline = rng.normal(0, 2, 40) * PA
    row = next(r for r in nested_models(before * PA, after * PA, noise=baseline) if r.changed == "p")
    fit = fit_release(**by_condition([before, after]), noise=baseline)
    assert row.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-4)


def mean_profile(x, n, noise, mean):
    """Return the highest log likelihood of responses with this n p q."""
    q = np.append(np.linspace(mean / n, 11.5, 601)[1:], mean / n * (1 + 1e-9))
    return max(log_likelihood(x, n, mean / (n * size), size, noise) for size in q)


@pytest.mark.parametrize(
    ("n", "p", "size", "seed"), [(3, 0.99, 40, 1), (3, 0.99, 40, 2), (1, 0.98, 30, 3), (3, 0.95, 40, 4)]
)
def test_the_mean_near_p_of_one_has_the_interval_of_its_profile(n, p, size, seed):
    x = responses(np.random.default_rng(seed), n, p, size, 1.0)
    fit = fit_release(x * PA, noise=1 * PA, n=n)
    middle, low, high = (mean_profile(x, n, 1.0, m) for m in (fit.mean.value, fit.mean.low, fit.mean.high))
    assert [2 * (middle - low), 2 * (middle - high)] == pytest.approx([THRESHOLD] * 2, abs=0.15)


def test_the_mean_of_a_condition_without_release_reaches_from_nought_to_its_profile():
    rng = np.random.default_rng(1)
    parts = [rng.normal(0, 1, 40), responses(rng, 3, 0.6, 40, 1.0)]
    fit = fit_release(**by_condition(parts), noise=1 * PA, n=3)
    assert fit.p["a"].low == fit.mean["a"].low == 0.0
    assert fit.mean["a"].high == pytest.approx(3 * fit.p["a"].high * fit.q.value, rel=0.1)


def test_means_of_rare_release_are_held():
    rng = np.random.default_rng(7)
    recordings = [by_condition([responses(rng, 3, p, 40, 1.0) for p in (0.008, 0.6)]) for _ in range(40)]
    fits = fit_releases(recordings, noise=1 * PA, n=3)
    assert sum(fit.mean["a"].holds(0.24) for fit in fits) >= 36


@pytest.mark.parametrize("noise", [4.0, 20.0])
def test_the_capacity_of_a_given_number_of_sites_is_that_of_its_quanta(noise):
    fit = fit_release(responses(np.random.default_rng(4), 3, 0.3, 12, noise) * PA, noise=noise * PA, n=3)
    capacity, q = fit.capacity, fit.q
    assert (capacity.low, capacity.value, capacity.high) == pytest.approx(
        (3 * q.low, 3 * q.value, 3 * q.high)
    )


def test_the_capacity_of_many_sites_has_a_lower_end():
    rng = np.random.default_rng(3)
    counts = rng.binomial(5, 0.5, 200).astype(float)
    x = counts * 10 + np.sqrt(counts) * 3 * rng.normal(size=200) + rng.normal(0, 2, 200)
    fit = fit_release(x * PA, noise="free", variability=0.3)
    # What all sites give is no less than the mean response.
    assert np.isinf(fit.n.high) and 0.9 * fit.mean.value < fit.capacity.low < fit.capacity.value


def test_a_measured_noise_may_be_far_below_the_responses():
    rng = np.random.default_rng(6)
    x = responses(rng, 4, 0.5, 60, 0.004) * PA
    assert fit_release(x, noise=rng.normal(0, 0.004, 500) * PA, n=4).noise_sd.holds(0.004)


def test_spikes_that_failed_lengthen_the_intervals_of_one_train_of_sweeps():
    times = np.array([[0, 20, 40], [1000, 1020, 1040]]) * pq.ms
    spikes, x = [[1, 1, 0], [0, 1, 1]], np.arange(1.0, 7.0).reshape(2, 3) * PA
    recording = checked_recording(x, times, spikes=spikes, starts_from_rest=False, noise=1 * PA)
    assert recording.intervals[0].tolist() == [np.inf, 20, 1000, 20]
    recording = checked_recording(
        x, times, spikes=[[1, 1, 1], [0, 0, 0]], starts_from_rest=False, noise=1 * PA
    )
    assert recording.intervals[0].tolist() == [np.inf, 20, 20]


def test_dynamics_that_were_given_are_given_back():
    given = ShortTermDynamics(0.4, 150 * pq.ms, 50 * pq.ms)
    x = responses(np.random.default_rng(8), 3, 0.4, (8, 3), 1.0) * PA
    fit = fit_release(x, np.array([0, 20, 40]) * pq.ms, noise=1 * PA, dynamics=given, n=3)
    assert fit.dynamics.p == pytest.approx(0.4)
    assert float(fit.dynamics.recovery) == pytest.approx(150) and float(
        fit.dynamics.facilitation
    ) == pytest.approx(50)


def test_rows_of_spikes_belong_to_their_sweeps():
    x, times = [np.arange(1.0, 4.0) * PA, [1.0, 2.0] * PA], [[0, 20, 40] * pq.ms, [100, 120] * pq.ms]
    with pytest.raises(ValueError, match=r"spikes has \[2, 3\] entries but the sweeps have \[3, 2\]"):
        checked_recording(x, times, spikes=[[1, 1], [1, 1, 0]], starts_from_rest=False, noise=1 * PA)


@pytest.mark.parametrize("n", [40, 140])
def test_many_sites_are_found_whether_noise_is_known_or_measured(n):
    rng = np.random.default_rng(1)
    recording = by_condition([responses(rng, n, p, 80, 1.25) for p in (0.3, 0.7)])
    baseline = rng.normal(0, 1.25, 160) * PA
    known, sampled = (fit_release(**recording, noise=noise) for noise in (baseline.std(ddof=1), baseline))
    assert sampled.log_likelihood >= known.log_likelihood - 1e-6
    assert sampled.n.value == known.n.value and sampled.q.holds(10) and sampled.n.identified


def test_no_end_of_sites_comes_from_the_largest_number_tried():
    rng = np.random.default_rng(7)
    fit = fit_release((rng.poisson(150, 100) + rng.normal(0, 0.15, 100)) * PA, noise=0.15 * PA)
    assert np.isinf(fit.n.value) and np.isinf(fit.n.high) and fit.p.low == 0.0 and not fit.n.identified
    with pytest.raises(ValueError, match="the likeliest n is infinite"):
        fit.synapse(allow_unidentified=True)


def test_noise_that_was_measured_bounds_the_fit_wherever_it_is():
    rng = np.random.default_rng(2)
    parts = [responses(rng, 3, 0.4, 300, 0.4, q=1.0), responses(rng, 3, 0.6, 20, 8.0, q=1.0)]
    noise = {"a": rng.normal(0, 0.4, 200) * PA, "b": rng.normal(0, 8.0, 200) * PA}
    fit = fit_release(**by_condition(parts), noise=noise)
    assert fit.noise_sd["b"].holds(8.0) and np.isfinite(fit.n.high)


def test_equal_measurements_of_conditions_are_several():
    rng = np.random.default_rng(9)
    parts = [responses(rng, 2, p, 60, 3.0) for p in (0.3, 0.7)]
    noise = Noise(3 * PA, 0.3 * PA)
    several = fit_release(**by_condition(parts), noise={"a": noise, "b": noise}, n=2)
    assert set(several.noise_sd) == {"a", "b"} and "noise measured" in several.model_text


def test_a_noise_of_each_condition_explains_no_less_than_one_of_all():
    rng = np.random.default_rng(10)
    parts = [responses(rng, 2, p, 60, 3.0) for p in (0.3, 0.7)]
    baseline = rng.normal(0, 3.0, 50) * PA
    one = fit_release(**by_condition(parts), noise=baseline, n=2)
    each = fit_release(**by_condition(parts), noise=baseline, n=2, shared=("n", "q", "variability"))
    assert each.log_likelihood >= one.log_likelihood - 1e-6


def test_two_releases_among_thousands_of_failures_bound_the_mean_from_below():
    rng = np.random.default_rng(11)
    x = rng.normal(0, 1, 5000)
    x[[100, 3000]] += 30
    fit = fit_release(x * PA, noise=1 * PA, n=5)
    assert fit.mean.value == pytest.approx(0.012, rel=0.1) and 0.001 < fit.mean.low < fit.mean.high < 0.05


@pytest.mark.filterwarnings("ignore::biophys.ImplausibleRecordingWarning")
@pytest.mark.parametrize(("n", "p", "noise", "size"), [(10_000, 0.005, 0.2, 60), (2000, 0.01, 0.1, 40)])
def test_many_sites_of_small_p_are_fitted_where_n_is_given(n, p, noise, size):
    x = responses(np.random.default_rng(1), n, p, size, noise, q=1.0)
    fit = fit_release(x * PA, noise=noise * PA, n=n)
    k = np.arange(400)
    at_truth = np.log(norm.pdf(x[:, None], k, noise) @ binom.pmf(k, n, p)).sum()
    assert fit.log_likelihood > at_truth and fit.q.value == pytest.approx(1.0, abs=0.02)


@pytest.mark.filterwarnings("ignore::biophys.IdentifiabilityWarning")
def test_infinitely_many_sites_are_drawn_and_expected_as_a_poisson_number():
    rng = np.random.default_rng(2)
    x = rng.poisson(20, 60) + rng.normal(0, 0.3, 60)
    fit = fit_release(x * PA, noise=0.3 * PA)
    drawn = np.concatenate([np.concatenate(fit.simulate(rng=rng, sites=np.inf)) for _ in range(300)])
    content, mean = np.concatenate(fit.quantal_content), fit.mean.value
    row = int(np.flatnonzero(fit.profile.sites == fit.profile.sites.max())[0])
    q = fit.scale * np.exp(fit.profile.theta[row, 0, fit.profile.names.index("q")])
    variance = q * mean + 0.3**2
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / drawn.size))
    assert drawn.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / drawn.size))
    assert content.mean() * q == pytest.approx(x.mean(), rel=0.01)
    residuals = np.concatenate(fit.residuals)
    assert abs(residuals.mean()) < 0.05 and residuals.std() == pytest.approx(
        x.std() / variance**0.5, rel=0.05
    )


def test_artefacts_set_no_sign_of_a_robust_fit():
    rng = np.random.default_rng(4)
    x = -responses(rng, 3, 0.4, 60, 1.0)
    x[7] = 900.0
    fit = fit_release(x * PA, noise=1 * PA, robust=True)
    assert fit.n.value == 3 and fit.q.holds(-10.0) and fit.outlier_probability[0][7] > 0.99
    assert not fit.implausible
    few = responses(np.random.default_rng(0), 1, 0.03, 200, 1.0, q=20.0)
    fit = fit_release(few * PA, noise=1 * PA, robust=True, n=1)
    assert fit.q.value == pytest.approx(20.0, abs=2.0) and fit.q.identified


def test_fits_in_two_units_are_not_compared():
    x = responses(np.random.default_rng(5), 3, 0.4, 60, 1.0)
    with pytest.raises(ValueError, match="these fits are in 'pA' and 'nA': fit all in one unit"):
        compare(fit_release(x * PA, noise=1 * PA), fit_release(x * pq.nA, noise=1 * pq.nA))
