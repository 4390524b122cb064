"""Faults that estimators of n, p and q have had, one a row: a small recording and what must come of it."""

import warnings

import numpy as np
import pytest
import quantities as pq

from biophys import (
    FailedFit,
    SerialDependenceWarning,
    estimate_by_likelihood,
    estimate_by_moments,
    estimate_by_variance_mean,
    fit_release,
    fit_releases,
)

PA = pq.pA


def responses(n, p, size, noise=2.0, seed=1):
    rng = np.random.default_rng(seed)
    return (rng.binomial(n, p, size) * 10.0 + rng.normal(0, noise, size)) * PA


def parabola(**options):
    p = np.array([0.1, 0.3, 0.6, 0.9])
    means, variances = 80 * p * PA, (800 * p * (1 - p) + 4) * PA**2
    return estimate_by_variance_mean(means, variances, n_trials=100, noise_sd=2 * PA, **options)


def width(estimate):
    return float(estimate.q_interval[1] - estimate.q_interval[0])


def unidentifiable():
    fit = fit_release(responses(10, 0.2, 100, noise=4, seed=0), noise=4 * PA)
    return not fit.n.identified and fit.n.high == np.inf and fit.p.low == 0.0


def noise_in_errors():
    x = responses(5, 0.5, (200, 1))[:, 0]
    noisy = x + np.random.default_rng(2).normal(0, 10, 200) * PA
    silent, loud = (estimate_by_moments(y, n=5, noise_sd=sd * PA) for y, sd in ((x, 2), (noisy, 10.2)))
    return width(loud) > 1.1 * width(silent)


def baseline_in_intervals():
    x, few = responses(3, 0.5, 100), np.random.default_rng(3).normal(0, 2, 8) * PA
    guessed, known = fit_release(x, noise=few, n=3), fit_release(x, noise=float(few.std(ddof=1)) * PA, n=3)
    return guessed.n_parameters == known.n_parameters + 1 and guessed.noise_sd.high > guessed.noise_sd.low


def depressing_train():
    rng = np.random.default_rng(4)
    first = rng.binomial(5, 0.8, 100)
    x = np.stack([first, rng.binomial(5 - first, 0.8)], axis=1).ravel() * 10.0 + rng.normal(0, 1, 200)
    return "not independent" in fit_release(x * PA, noise=1 * PA, n=5).serial.text


def train_taken_for_trials_by_moments():
    rng = np.random.default_rng(14)
    full = np.repeat(rng.binomial(5, [0.9, 0.2], (60, 2)), 3, axis=1).ravel()
    with pytest.warns(SerialDependenceWarning, match="spike_times="):
        estimate_by_moments((full * 10.0 + rng.normal(0, 1, full.size)) * PA, n=5)
    return True


def variance_that_grows_as_the_square():
    means = np.arange(1.0, 5.0)
    estimate = estimate_by_variance_mean(means * PA, means**2 / 8 * PA**2, n_trials=200)
    low, high = estimate.p_interval
    return estimate.n == np.inf and np.all(np.isnan(estimate.p)) and np.all((low == 0) & (high == 1))


def one_bad_of_a_batch():
    x = responses(3, 0.5, (60, 3)).magnitude
    x[:, 1] = 7.0
    estimate = estimate_by_moments(x * PA, n=3)
    fits = fit_releases(x * PA, noise=2 * PA)
    is_reasoned = "constant" in estimate.reasons[1] and isinstance(fits[1], FailedFit)
    return is_reasoned and np.isfinite(estimate.p).tolist() == [True, False, True]


def missing_trial():
    x = responses(3, 0.5, 80)
    holed = np.append(x.magnitude, np.nan) * PA
    return fit_release(x, noise=2 * PA).q.value == pytest.approx(fit_release(holed, noise=2 * PA).q.value)


def inward_currents():
    x = responses(3, 0.5, 80)
    plus, minus = (fit_release(sign * x, noise=2 * PA) for sign in (1, -1))
    return minus.q.value == pytest.approx(-plus.q.value) and minus.n.value == plus.n.value


def no_end_at_the_largest_number_tried():
    fit = fit_release(responses(40, 0.1, 300, seed=3), noise=2 * PA)
    return fit.n.high != 100.0


def too_small_n_max():
    x = responses(6, 0.6, 300, noise=1.0)
    with pytest.warns(UserWarning, match="n_max = 3 is too small"):
        estimate_by_likelihood(x, noise_sd=1 * PA, n_max=3)
    return True


def straight_parabola():
    p = np.array([0.01, 0.02, 0.04])
    estimate = estimate_by_variance_mean(80 * p * PA, 800 * p * PA**2, n_trials=100)
    return not estimate.is_identifiable and estimate.n_interval[1] == np.inf


def noise_measured_for_a_parabola():
    return width(parabola(n_noise_samples=10)) > width(parabola())


def variability_of_quanta_in_a_parabola():
    return float(parabola(variability=0.5).q) == pytest.approx(float(parabola().q) / 1.25, rel=0.05)


def noise_beyond_the_variance():
    with pytest.raises(ValueError, match="noise explains all the variance"):
        estimate_by_moments(responses(1, 0.5, 50), n=1, noise_sd=50 * PA)
    return True


def skewed_quanta():
    rng = np.random.default_rng(21)
    k = rng.binomial(2, 0.5, 800)
    quanta = np.where(k > 0, rng.gamma(np.maximum(k, 1) / 0.16) * 1.6, 0.0)
    fit = fit_release((quanta + rng.normal(0, 1.5, 800)) * PA, noise=1.5 * PA, variability=0.4, n=2)
    return fit.family == "gamma" and fit.q.holds(10)


def offset_and_mixed_signs():
    x = responses(4, 0.5, 150).magnitude
    signs = np.where(np.arange(150) % 3 == 0, -1.0, 1.0)
    fits = [fit_release(y * PA, noise=2 * PA) for y in (x - 500.0, x * signs)]
    return all(fit.implausible and not fit.n.identified for fit in fits)


FAULTS = {
    "n called identified where its interval happens to be narrow": unidentifiable,
    "recording noise left out of the errors": noise_in_errors,
    "a noise from few samples taken as known": baseline_in_intervals,
    "responses of a depressing train taken as independent": depressing_train,
    "moments of a train without a word": train_taken_for_trials_by_moments,
    "p bounded by a parabola that bends the wrong way": variance_that_grows_as_the_square,
    "one bad synapse stops a batch": one_bad_of_a_batch,
    "a missing trial spoils the estimate": missing_trial,
    "inward currents are not analysed as outward ones": inward_currents,
    "the end of an interval is the largest number tried": no_end_at_the_largest_number_tried,
    "n_max too small without a word": too_small_n_max,
    "n finite where the parabola has no curvature": straight_parabola,
    "a parabola takes a measured noise as known": noise_measured_for_a_parabola,
    "a parabola takes quanta as equal": variability_of_quanta_in_a_parabola,
    "noise beyond the variance gives a number": noise_beyond_the_variance,
    "skew of the quanta taken for sites": skewed_quanta,
    "an offset or both signs pass without a word": offset_and_mixed_signs,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_mended(fault):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert FAULTS[fault]()
