"""The slope of variability on rate by likelihood: against simulated recordings, regressions and counts."""

import numpy as np
import pytest
import quantities as pq

from biophys.association import linear_fit
from biophys.recordings.exponent_likelihood import (
    _START,
    _model,
    cells_to_tell_apart,
    fit_variability_on_change,
    fit_variability_slope,
    predicted_slope,
)
from biophys.recordings.recorded_connections import N_SITES, EpspRecordings, PlasticityRecordings


def simulated_recordings(slope, n_cells, *, rng, fit=None):
    """Return recordings of cells with one connection each, the rest as in `fit` with this slope."""
    values = np.array(_START) if fit is None else fit.at(slope).x
    mean = rng.normal(0.0, 1.0, n_cells)
    residual, covariance = _model(1, slope, values)
    noise = rng.multivariate_normal(np.zeros(3), covariance, n_cells)
    x1, x2, y = np.exp(noise - np.column_stack([np.ones(n_cells), mean]) @ residual[:, [0, 4]].T).T
    return EpspRecordings(np.exp(mean) * pq.mV, y * pq.mV**2, x1, x2, np.arange(n_cells))


@pytest.fixture(scope="module")
def fit():
    return fit_variability_slope(simulated_recordings(-0.75, 3000, rng=np.random.default_rng(5)))


def test_simulated_slope_comes_back_where_a_regression_is_drawn_to_zero():
    noisy = simulated_recordings(-0.75, 3000, rng=np.random.default_rng(5))
    # An sd of 0.6 beside that of the rates, 0.22, in the first estimate alone.
    errors = np.exp(np.random.default_rng(6).normal(0, 0.6, len(noisy)))
    noisy = type(noisy)(
        noisy.mean, noisy.variance, noisy.rate_mean * errors, noisy.rate_threshold, noisy.cell
    )
    logs = [np.log(np.asarray(each)) for each in (noisy.rate_mean, noisy.mean, noisy.variance)]
    plain = linear_fit(np.column_stack([np.ones(len(noisy)), *logs[:2]]), logs[2]).coefficients[1]
    low, high = fit_variability_slope(noisy).interval(0.9999)
    assert low < -0.75 < high < plain


def test_deviance_is_that_of_the_interval(fit):
    low, high = fit.interval()
    assert low < fit.slope < high
    assert fit.deviance(fit.slope) == pytest.approx(0, abs=1e-3)
    for end in (low, high):
        assert fit.deviance(end) == pytest.approx(3.84, abs=0.1)


def test_connections_of_a_cell_are_not_taken_for_independent():
    rng = np.random.default_rng(9)
    few = simulated_recordings(-0.75, 150, rng=rng)
    mean, variance = (np.repeat(each.magnitude, 4) for each in (few.mean, few.variance))
    # Four connections of a cell that say nearly the same.
    alike = EpspRecordings(
        mean * pq.mV,
        variance * np.exp(rng.normal(0, 0.1, variance.size)) * pq.mV**2,
        *(np.repeat(each, 4) for each in (few.rate_mean, few.rate_threshold, few.cell)),
    )
    once, four_times = (np.diff(fit_variability_slope(each).interval()) for each in (few, alike))
    assert four_times == pytest.approx(once, rel=0.15)


def test_the_predicted_number_of_cells_has_the_power_it_claims(fit):
    true, other = predicted_slope("calcium pump"), predicted_slope("trafficking")
    n = round(cells_to_tell_apart(fit, "calcium pump", "trafficking"))
    rng = np.random.default_rng(11)
    samples = [fit_variability_slope(simulated_recordings(true, n, rng=rng, fit=fit)) for _ in range(20)]
    excluded = sum(sample.deviance(other) > 3.84 for sample in samples)
    # Binomial(20, 0.8): 9 or fewer once in two thousand, all of them once in ninety.
    assert 10 <= excluded <= 19


def changed_connections(slope, n, rng, scatter=0.0, n_trials=60):
    """Return connections whose variance goes as their learning rate to `slope`, seen in trials."""
    log_rate, log_mean = rng.normal(0.0, 0.35, n), rng.normal(-1.0, 0.4, n)
    variance = np.exp(-2.5 + slope * log_rate + 1.2 * log_mean + rng.normal(0, 0.2, n))
    mean = np.exp(log_mean)
    mean_after = mean + 0.3 * np.exp(log_rate + rng.normal(0, scatter, n))
    fields = {}
    for when, mu, v in (("before", mean, variance), ("after", mean_after, variance * mean_after / mean)):
        q = v / mu + mu / N_SITES
        p = mu / (N_SITES * q)
        # Five sites, and one that is half as large.
        responses = q * (rng.binomial(5, p, (n_trials, n)) + 0.5 * rng.binomial(1, p, (n_trials, n)))
        seen = responses.mean(axis=0), responses.var(axis=0, ddof=1)
        q = seen[1] / seen[0] + seen[0] / N_SITES
        fields |= {f"p_{when}": seen[0] / (N_SITES * q), f"q_{when}": q * pq.mV}
    names, protocol = np.arange(n).astype(str), rng.choice([10.0, 50.0], n)
    return PlasticityRecordings(
        names, np.repeat("LTP", n), protocol * pq.Hz, np.full(n, 10.0) * pq.ms, **fields
    )


def test_the_slope_on_changes_comes_back_and_unknown_scatter_leaves_it_open():
    fit = fit_variability_on_change(changed_connections(1.0, 800, np.random.default_rng(3)))
    low, high = fit.interval(0.9999)
    assert low < 1.0 < high < 1.6 and fit.n_cells == 800
    assert fit.exponent(1.0) == pytest.approx(2.0) and fit.exponent(-1.0) == np.inf
    scattered = changed_connections(1.0, 800, np.random.default_rng(3), scatter=0.5)
    flattened, free = (fit_variability_on_change(scattered, scatters=scatters) for scatters in (False, True))
    assert flattened.interval()[1] < 1.0
    # Up to the slope that leaves the variance no scatter of its own, none is worse than another.
    assert max(free.deviance(slope) for slope in (0.6, 1.0, 1.2)) < 0.5
