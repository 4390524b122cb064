"""The slope of variability on rate by likelihood: against simulated recordings, regressions and counts."""

import numpy as np
import pytest
import quantities as pq

from biophys.association import linear_fit
from biophys.recordings.exponent_likelihood import (
    cells_to_tell_apart,
    fit_variability_slope,
    predicted_slope,
    simulated_recordings,
)
from biophys.recordings.recorded_connections import EpspRecordings


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
