"""Correlations of recorded plasticity: known relations recovered, published numbers measured again."""

from dataclasses import replace

import numpy as np
import pytest
import quantities as pq
from scipy import stats

from biophys.recordings.recorded_connections import PlasticityRecordings
from biophys.recordings.release_and_change import (
    BOTH,
    CHANGES,
    POTENTIATION,
    STABILITY,
    Reading,
    correlation,
)
from validation.claims.malkin2023.optimal_variance import M08, potentiation
from validation.claims.schug2021.important_synapses import S18, stable_synapses
from validation.context import Context
from validation.data.datastore import DataSetMissing, locate
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict

N = 40


def synthetic(p_after=None, *, n_shared: int = 8) -> PlasticityRecordings:
    """Return 30 LTP and 10 LTD rows, of which `n_shared` LTP rows have the name of an LTD row."""
    rng = np.random.default_rng(1)
    induction = np.where(np.arange(N) < 30, "LTP", "LTD")
    p = rng.uniform(0.1, 0.9, N)
    names = np.arange(N)
    names[:n_shared] = names[30 : 30 + n_shared]
    sign = np.where(induction == "LTP", 1, -1)
    if p_after is None:
        p_after = p * (1 + sign * 0.6 * (1 - p) * rng.uniform(0.5, 1.0, N))
    q = rng.uniform(0.1, 0.4, N)
    return PlasticityRecordings(
        recording=names.astype(str),
        induction=induction,
        frequency=rng.choice([0.1, 10, 20, 50], N) * pq.Hz,
        timing=np.where(rng.random(N) < 0.5, -10.0, 10.0) * pq.ms,
        p_before=p,
        p_after=np.clip(p_after, 0.01, 1.0),
        q_before=q * pq.mV,
        q_after=q * pq.mV,
    )


def found(recordings, reading):
    return correlation(recordings, reading, rng=np.random.default_rng(2), n_resamples=1000)


class TestChanges:
    @pytest.fixture
    def two(self):
        """p doubles and q halves; p falls by 20 % and q stays."""
        pair = synthetic().where(np.isin(np.arange(N), [0, 30]))
        return PlasticityRecordings(
            pair.recording,
            pair.induction,
            pair.frequency,
            pair.timing,
            np.array([0.2, 0.5]),
            np.array([0.4, 0.4]),
            np.array([0.2, 0.4]) * pq.mV,
            np.array([0.1, 0.4]) * pq.mV,
        )

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ("|dw| / w", [0, 0.2]),
            ("dw / w", [0, -0.2]),
            ("log(w after / w before)", [0, np.log(0.8)]),
            ("|log(w after / w before)|", [0, -np.log(0.8)]),
            ("|dw| (mV)", [0, 0.04]),
            ("|dp| / p", [1, 0.2]),
            ("|dq| / q", [0.5, 0]),
        ],
    )
    def test_each_change_is_what_its_name_says(self, two, change, expected):
        assert CHANGES[change](two) == pytest.approx(expected, abs=1e-12)

    def test_every_change_has_a_case_above(self):
        assert len(CHANGES) == 7


class TestCorrelation:
    @pytest.mark.parametrize("rows", [BOTH, "LTP", "LTD"])
    def test_value_and_p_value_are_scipys(self, rows):
        recordings = synthetic()
        chosen = recordings if rows == BOTH else recordings.induced(rows)
        expected = stats.pearsonr(chosen.p_before, np.abs(chosen.relative_change))
        result = found(recordings, Reading(rows, "|dw| / w"))
        assert (result.value, result.p) == pytest.approx((expected.statistic, expected.pvalue))
        assert f"{len(chosen)} rows" in result.how
        assert result.interval[0] < result.value < result.interval[1]

    def test_ranks_give_spearmans(self):
        recordings = synthetic()
        expected = stats.spearmanr(recordings.p_before, np.abs(recordings.relative_change)).statistic
        assert found(recordings, Reading(BOTH, "|dw| / w", rank=True)).value == pytest.approx(expected)

    def test_q_before_can_take_the_place_of_p(self):
        recordings = synthetic()
        expected = stats.pearsonr(recordings.q_before.magnitude, np.abs(recordings.relative_change)).statistic
        assert found(recordings, Reading(BOTH, "|dw| / w", before="q")).value == pytest.approx(expected)

    def test_shared_recordings_are_drawn_together(self):
        assert found(synthetic(), Reading(BOTH, "|dw| / w")).n == N - 8
        assert found(synthetic(), Reading(BOTH, "|dw| / w", resampled="rows")).n == N

    def test_one_row_for_each_recording_drops_shared_ltp_rows_of_negative_timing(self):
        recordings = synthetic()
        is_dropped = (np.arange(N) < 8) & (recordings.timing.magnitude < 0)
        result = found(recordings, Reading("one row for each recording", "|dw| / w"))
        assert 0 < is_dropped.sum() < 8
        assert result.how.startswith(f"{N - is_dropped.sum()} rows")
        alone = found(recordings, Reading("LTP, recorded under LTP only", "dw / w"))
        assert alone.how.startswith(f"{30 - is_dropped.sum()} rows")

    def test_what_depends_on_strength_alone_vanishes_with_strength_held_fixed(self):
        plain = synthetic()
        log_w = np.log(plain.w_before.magnitude)
        regressors = np.column_stack([np.ones(N), log_w, plain.p_before])
        noise = 0.01 * np.random.default_rng(3).standard_normal(N)
        # What of the noise goes with p by chance is taken out.
        noise -= regressors @ np.linalg.lstsq(regressors, noise)[0]
        ratio = 1 - 0.2 * log_w + noise
        recordings = replace(plain, p_after=plain.p_before, q_after=plain.q_before * ratio)
        # Expected is -0.8; five standard errors of its arc tangent lead to -0.3.
        assert found(recordings, Reading(BOTH, "dw / w")).value < -0.3
        fixed = found(recordings, Reading(BOTH, "dw / w", given="log w"))
        assert fixed.value == pytest.approx(0, abs=1e-9)
        assert fixed.interval[0] < 0 < fixed.interval[1]


def test_every_reading_has_its_own_label():
    for readings in (STABILITY, POTENTIATION):
        assert len({reading.label for reading in readings}) == len(readings)
        assert len({(r.quantity, r.rows, r.resampled) for r in readings}) == len(readings)


@pytest.fixture(scope="module")
def evidence():
    try:
        locate("sjostrom2001", download=False)
    except DataSetMissing as missing:
        pytest.skip(str(missing))
    functions = {"S18": stable_synapses, "M08": potentiation}
    return {claim: evidence_of(function(Context())) for claim, function in functions.items()}


@pytest.mark.data
class TestPublished:
    def test_the_published_correlation_comes_back_to_three_digits(self, evidence):
        rows = evidence["S18"].measurements
        (value,) = [m for m in rows if m.clause == "S18a"]
        assert round(value.measured, 3) == -0.442
        assert (value.n, value.estimate.unit) == (32, "recordings")
        assert value.estimate.p == pytest.approx(0.00268, abs=1e-5)
        assert combined_verdict(S18, rows) is Verdict.REPRODUCED

    def test_potentiation_alone(self, evidence):
        main = evidence["M08"].measurements[0]
        assert (round(main.measured, 3), main.n, main.verdict) == (-0.446, 30, Verdict.REPRODUCED)
        assert combined_verdict(M08, evidence["M08"].measurements) is Verdict.REPRODUCED

    def test_absolute_changes_have_the_other_sign(self, evidence):
        for claim in ("S18", "M08"):
            (absolute,) = [m for m in evidence[claim].measurements if "|dw| (mV)" in m.quantity]
            assert absolute.interval[0] > 0 and absolute.is_observation

    def test_dividing_by_strength_alone_would_give_the_recorded_correlation(self, evidence):
        (additive,) = [
            m
            for m in evidence["S18"].measurements
            if m.condition.get("supposed", "").startswith("change in mV")
        ]
        recorded = evidence["S18"].measurements[0].measured
        assert additive.interval[0] < recorded < additive.interval[1]
        assert "of the draws are at or below the recorded" in additive.reason

    def test_the_same_seed_gives_the_same_numbers(self, evidence):
        again = evidence_of(potentiation(Context())).measurements
        assert [m.as_json() for m in again] == [m.as_json() for m in evidence["M08"].measurements]

    def test_axes_are_labelled(self, evidence):
        for each in evidence.values():
            for figure in each.figures:
                assert all(axes.get_xlabel() for axes in figure.figure.axes)
                assert figure.caption
