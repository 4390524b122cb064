"""Recorded release probabilities against the most efficient one."""

import pytest

from biophys.recordings.release_efficiency import optimum_in_range
from validation.claims.across.recorded_release import recorded_release_probabilities
from validation.context import Context
from validation.data.datastore import DataSetMissing, locate
from validation.registry import evidence_of


@pytest.mark.data
def test_recorded_probabilities_lie_above_the_optimum_of_five_sites():
    try:
        locate("sjostrom2001", download=False)
    except DataSetMissing as missing:
        pytest.skip(str(missing))
    evidence = evidence_of(recorded_release_probabilities(Context()))
    main = evidence.measurements[0]
    assert main.measured == pytest.approx(0.47444, abs=1e-4)
    assert main.interval[0] > optimum_in_range(0.01, 5).value
    assert main.is_observation and main.estimate.unit == "recordings"
