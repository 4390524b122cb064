"""Recorded release probabilities against the most efficient one."""

import numpy as np
import pytest
import quantities as pq

from biophys.information_efficiency import TransmissionCost, bernoulli_input, optimal_release_probability
from biophys.recordings.recorded_connections import PlasticityRecordings
from validation.claims.across.recorded_release import efficiency, median_of, recorded_release_probabilities
from validation.context import Context
from validation.data.datastore import DataSetMissing, locate
from validation.registry import evidence_of


def recordings_with(p) -> PlasticityRecordings:
    p = np.asarray(p, dtype=float)
    return PlasticityRecordings(
        recording=np.arange(len(p)).astype(str),
        induction=np.full(len(p), "LTP"),
        frequency=np.full(len(p), 10.0) * pq.Hz,
        timing=np.full(len(p), 10.0) * pq.ms,
        p_before=p,
        p_after=p,
        q_before=np.full(len(p), 0.2) * pq.mV,
        q_after=np.full(len(p), 0.2) * pq.mV,
    )


def best_p(n_sites):
    return optimal_release_probability(bernoulli_input(0.01), n_sites, TransmissionCost()).p


@pytest.mark.parametrize("n_sites", [1, 5, 10])
def test_synapses_at_the_optimum_are_fully_efficient(n_sites):
    found = efficiency(recordings_with([best_p(n_sites)] * 5), n_sites, 0.01, rng=np.random.default_rng(1))
    assert found.relative.value == pytest.approx(1.0)
    assert found.relative.interval == pytest.approx((1.0, 1.0))


def test_synapses_off_the_optimum_are_less_efficient_on_either_side():
    best = best_p(5)
    for factor, share in ((0.5, 0.0), (3.0, 1.0)):
        found = efficiency(recordings_with([best * factor] * 5), 5, 0.01, rng=np.random.default_rng(1))
        assert 0.3 < found.relative.value < 0.97
        assert found.share_above == share


def test_the_median_is_numpys_and_its_interval_holds_it():
    values = np.random.default_rng(1).uniform(size=31)
    median = median_of(values, np.arange(31), np.random.default_rng(2))
    assert median.value == np.median(values)
    low, high = median.interval
    # Order statistics 10 and 22 of 31 enclose the median with 97 % probability.
    ordered = np.sort(values)
    assert ordered[7] <= low < median.value < high <= ordered[23]


@pytest.mark.data
def test_recorded_probabilities_lie_above_the_optimum_of_five_sites():
    try:
        locate("sjostrom2001", download=False)
    except DataSetMissing as missing:
        pytest.skip(str(missing))
    evidence = evidence_of(recorded_release_probabilities(Context()))
    main = evidence.measurements[0]
    assert main.measured == pytest.approx(0.47444, abs=1e-4)
    assert main.interval[0] > best_p(5)
    assert main.is_observation and main.estimate.unit == "recordings"
