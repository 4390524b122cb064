"""Slopes of recorded variability on rate: planted slopes recovered, published numbers measured again."""

from dataclasses import replace

import numpy as np
import pytest
import quantities as pq
from scipy import stats

from biophys.energy_costs import COST_EXPONENTS
from biophys.recordings.epsp_variability import (
    AT_FIXED_MEAN,
    INPUT_POWERS,
    MAIN,
    READINGS,
    RESIDUAL,
    SlopeReading,
    implied_exponent,
    slope_of_variability,
)
from biophys.recordings.recorded_connections import EpspRecordings
from validation.claims.across.recorded_exponents import recorded_exponents
from validation.claims.malkin2023.optimal_variance import M07, variability_and_rate
from validation.context import Context
from validation.data.datastore import DataSetMissing, locate
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict

N = 150


def synthetic(slope=-0.6, power=1.4, noise=0.0) -> EpspRecordings:
    """Return connections whose variance goes as rate^slope mean^power; mean and rate correlate."""
    rng = np.random.default_rng(1)
    rate = rng.lognormal(0, 0.4, 100)[np.r_[:100, :50]]
    mean = rate**0.5 * rng.lognormal(0, 0.8, N)
    variance = 0.1 * rate**slope * mean**power * np.exp(noise * rng.standard_normal(N))
    return EpspRecordings(mean * pq.mV, variance * pq.mV**2, rate, rate**0.5, np.r_[:100, :50])


def found(recordings, reading, n_resamples=400):
    return slope_of_variability(recordings, reading, rng=np.random.default_rng(2), n_resamples=n_resamples)


class TestSlope:
    @pytest.mark.parametrize("fit", ["least squares", "Huber"])
    @pytest.mark.parametrize(("slope", "power"), [(-0.6, 1.4), (0.3, 0.5), (-1.2, 2.0)])
    def test_a_planted_slope_at_fixed_mean_is_recovered(self, slope, power, fit):
        result = found(synthetic(slope, power), SlopeReading(AT_FIXED_MEAN, fit=fit))
        assert result.value == pytest.approx(slope)
        assert result.interval == pytest.approx((slope, slope))

    @pytest.mark.parametrize(
        ("variability", "power", "factor"),
        [
            ("variance", 0.0, 1),
            ("variance / mean", 1.0, 1),
            ("variance / mean^2", 2.0, 1),
            ("coefficient of variation", 2.0, 0.5),
        ],
    )
    @pytest.mark.parametrize("fit", ["least squares", "Huber", "Theil-Sen"])
    def test_each_normalisation_recovers_the_power_it_divides_by(self, variability, power, factor, fit):
        result = found(synthetic(-0.6, power), SlopeReading(variability, fit=fit), n_resamples=50)
        assert result.value == pytest.approx(-0.6 * factor)

    def test_regressing_the_mean_out_first_underrates_a_slope_that_correlates_with_it(self):
        recordings = synthetic(-0.6, 1.4)
        log_rate, log_mean = np.log(recordings.rate_mean), np.log(recordings.mean.magnitude)
        log_variance = np.log(recordings.variance.magnitude)
        first = stats.linregress(log_mean, log_variance)
        expected = stats.linregress(log_rate, log_variance - first.slope * log_mean).slope
        result = found(recordings, SlopeReading(RESIDUAL), n_resamples=50)
        assert result.value == pytest.approx(expected)
        # What the mean shares with the rate is taken out with the mean.
        assert result.value == pytest.approx(-0.6 * (1 - np.corrcoef(log_mean, log_rate)[0, 1] ** 2))

    def test_the_other_rate_is_used_when_asked_for(self):
        # foopsi_threshold is the square root of foopsi_mean here.
        assert found(synthetic(), SlopeReading(rate="foopsi_threshold")).value == pytest.approx(-1.2)

    def test_p_value_is_that_of_scipy(self):
        recordings = synthetic(noise=1.0)
        expected = stats.linregress(np.log(recordings.rate_mean), np.log(recordings.variance.magnitude))
        assert found(recordings, SlopeReading("variance")).p == pytest.approx(expected.pvalue)

    def test_robust_fits_have_no_t_test(self):
        assert found(synthetic(noise=1.0), SlopeReading(fit="Huber")).p is None

    def test_cells_or_connections_are_drawn(self):
        assert found(synthetic(), MAIN).n == 100
        assert found(synthetic(), replace(MAIN, resampled="connections")).n == N

    @pytest.mark.parametrize("variability", [AT_FIXED_MEAN, RESIDUAL])
    def test_theil_sen_with_two_regressors_is_refused(self, variability):
        with pytest.raises(ValueError, match="a Theil-Sen fit has one regressor"):
            found(synthetic(), SlopeReading(variability, fit="Theil-Sen"))


class TestImpliedExponent:
    @pytest.mark.parametrize("rho", COST_EXPONENTS.values())
    @pytest.mark.parametrize("power", INPUT_POWERS.values())
    def test_the_slope_of_a_cost_implies_its_exponent(self, rho, power):
        assert implied_exponent(-2 * power / (rho + 2), power) == pytest.approx(rho)

    @pytest.mark.parametrize("slope", [0.0, 0.2])
    def test_a_slope_that_does_not_fall_implies_no_finite_exponent(self, slope):
        assert implied_exponent(slope, 1.0) == np.inf


def test_every_reading_has_its_own_label():
    assert len({reading.label for reading in READINGS}) == len(READINGS)


@pytest.fixture(scope="module")
def measurements():
    try:
        locate("ko2013", download=False)
    except DataSetMissing as missing:
        pytest.skip(str(missing))
    functions = (variability_and_rate, recorded_exponents)
    evidence = [evidence_of(function(Context())) for function in functions]
    for each in evidence:
        for figure in each.figures:
            assert all(axes.get_xlabel() for axes in figure.figure.axes)
    return [m for each in evidence for m in each.measurements]


@pytest.mark.data
class TestPublished:
    def test_one_reading_alone_rounds_to_the_published_slope(self, measurements):
        rounded = [m for m in measurements if m.claim == "M07" and round(m.measured, 2) == -0.62]
        assert {m.condition["variability"] for m in rounded} == {AT_FIXED_MEAN}
        assert {(m.condition["rate"], m.condition["fit"]) for m in rounded} == {
            ("foopsi_mean", "least squares")
        }

    def test_the_main_slope(self, measurements):
        (main,) = [m for m in measurements if m.clause == "M07b"]
        assert main.measured == pytest.approx(-0.61550, abs=1e-5)
        assert (main.n, main.estimate.unit, main.verdict) == (112, "cells", Verdict.REPRODUCED)
        assert "136 connections" in main.reason and "p = 0.0027" in main.reason
        assert combined_verdict(M07, measurements) is Verdict.REPRODUCED

    def test_the_exponent_it_implies_depends_on_the_input_by_a_factor_of_two(self, measurements):
        implied = [m for m in measurements if m.claim == "X08"][:2]
        assert [m.measured for m in implied] == pytest.approx([2 / 0.6155 - 2, 4 / 0.6155 - 2], rel=1e-3)
        for m in implied:
            assert m.interval[0] < m.measured < m.interval[1] and m.is_observation

    def test_intervals_hold_their_values(self, measurements):
        for m in measurements:
            if m.interval is not None:
                assert m.interval[0] < m.measured < m.interval[1], m
