"""The claim about release statistics: what it concludes from right and from wrong statistics."""

from dataclasses import replace

import numpy as np
import pytest

from brianpresyn.experiments import release_statistics as experiment
from validation.claims.claim import Verdict
from validation.claims.release_statistics import _same_releases, _x01, compared

pytest.importorskip("xarray")


@pytest.fixture(scope="module")
def result():
    return experiment.run(replace(experiment.QUICK, target="numpy", n_synapses=10, n_spikes=1000))


def test_every_condition_is_compared_in_three_quantities(result):
    comparisons = compared(result)
    assert len(comparisons) == 3 * result.sizes["condition"]
    assert {c.quantity for c in comparisons} == {"mean", "variance", "failure rate"}
    for comparison in comparisons:
        assert {"target", "release", "n", "p"} <= comparison.condition.keys()
        assert comparison.interval[0] <= comparison.measured <= comparison.interval[1]


def test_right_statistics_are_reproduced(result):
    comparisons = compared(result)
    assert {_x01(c, len(comparisons)).verdict for c in comparisons} == {Verdict.REPRODUCED}


def test_the_statistics_of_a_swapped_p_are_not_reproduced(result):
    wrong = result.assign_coords(p=1 - result.p)
    comparisons = [c for c in compared(wrong) if c.quantity == "mean"]
    verdicts = {_x01(c, len(comparisons)).verdict for c in comparisons}
    assert verdicts == {Verdict.NOT_REPRODUCED}


def test_a_difference_between_targets_is_found(result):
    other = result.copy(deep=True)
    assert _same_releases([result, other]).measured == 0
    other.counts[0, :2] += np.array([1, -1])
    assert _same_releases([result, other]).verdict is Verdict.NOT_REPRODUCED
