"""What an interval says of a statement."""

import math

import pytest

from validation.claims.claim import Verdict
from validation.claims.interval_verdicts import (
    verdict_above,
    verdict_at_every,
    verdict_below,
    verdict_within,
)

HOLDS, FAILS, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((-0.5, -0.1), HOLDS),
        ((-0.5, 0.0), OPEN),
        ((-0.5, 0.1), OPEN),
        ((0.0, 0.0), OPEN),
        ((0.1, 0.5), FAILS),
        ((math.nan, math.nan), OPEN),
    ],
)
def test_a_number_lies_on_the_side_of_zero_that_its_whole_interval_lies_on(interval, verdict):
    low, high = interval
    assert verdict_below(interval) is verdict
    assert verdict_above((-high, -low)) is verdict
    assert verdict_below((low + 2, high + 2), 2.0) is verdict


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.75, 1.25), HOLDS),
        ((0.5, 1.5), HOLDS),
        ((0.25, 1.0), OPEN),
        ((1.25, 1.75), OPEN),
        ((1.75, 2.0), FAILS),
        ((0.0, 0.25), FAILS),
        ((math.nan, math.nan), OPEN),
    ],
)
def test_a_number_is_as_expected_if_its_whole_interval_lies_within_the_margin(interval, verdict):
    assert verdict_within(interval, expected=1.0, margin=0.5) is verdict


def test_a_statement_about_all_is_judged_by_the_worst():
    assert verdict_at_every([HOLDS, FAILS, OPEN]) is FAILS
    assert verdict_at_every([HOLDS, OPEN]) is OPEN
    assert verdict_at_every([HOLDS, HOLDS]) is HOLDS
