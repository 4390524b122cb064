"""Criteria: what holds, what is refuted, and that a wide interval decides nothing."""

import numpy as np
import pytest

from biophys.estimates import Estimate, exactly, gaussian, in_range, mean_of
from validation.criteria import (
    Answer,
    above,
    below,
    between,
    equals,
    exact,
    in_every,
    monotone,
    same_order,
    significant,
)

YES, NO, OPEN = Answer.YES, Answer.NO, Answer.OPEN


@pytest.mark.parametrize(
    ("criterion", "value", "error", "expected"),
    [
        (above(0.5), 0.8, 0.1, YES),
        (above(0.5), 0.6, 0.1, OPEN),
        (above(0.5), 0.2, 0.1, NO),
        (below(0.5), 0.2, 0.1, YES),
        (below(0.5), 0.8, 0.1, NO),
        (equals(0.505, 0.1), 0.49, 0.02, YES),
        (equals(0.505, 0.1), 0.49, 0.2, OPEN),
        (equals(0.505, 0.1), 0.7, 0.04, NO),
        (equals(0.505, 0.1), 0.3, 0.04, NO),
        (between(0.92, 0.95), 0.935, 0.005, YES),
    ],
)
def test_interval_against_a_region(criterion, value, error, expected):
    assert criterion.answer(gaussian(value, error)) is expected


@pytest.mark.parametrize("criterion", [above(0.0), below(1.0)])
def test_an_interval_that_ends_at_the_bound_decides_nothing(criterion):
    """As that of a share does of which none was seen."""
    assert criterion.answer(in_range(0.5, (0.0, 1.0), "t")) is OPEN


@pytest.mark.parametrize("criterion", [above(0.0), below(0.0), equals(0.0, 1.0), significant(0.05)])
def test_a_number_without_interval_decides_nothing(criterion):
    assert criterion.answer(mean_of([0.1], unit="networks")) is OPEN


@pytest.mark.parametrize("criterion", [above(0.0), equals(0.0, 1.0), in_every(above(0.0))])
def test_wider_intervals_never_decide_more(criterion):
    rng = np.random.default_rng(2)
    for value, error in zip(rng.normal(size=200), rng.exponential(size=200), strict=True):
        narrow, wide = gaussian(value, error), gaussian(value, 2 * error)
        if isinstance(criterion, type(in_every(above(0.0)))):
            narrow, wide = {"a": narrow, "b": narrow}, {"a": wide, "b": wide}
        if criterion.answer(wide) is not OPEN:
            assert criterion.answer(narrow) is criterion.answer(wide)


@pytest.mark.parametrize(
    ("estimate", "level", "expected"),
    [
        (gaussian(3.0, 1.0), 0.01, YES),
        (gaussian(2.2, 1.0), 0.05, YES),
        (gaussian(2.2, 1.0), 0.01, OPEN),
        (gaussian(-3.0, 1.0), 0.01, NO),
        (gaussian(-2.2, 1.0), 0.01, NO),
        (Estimate(0.4, p=0.003), 0.01, YES),
        (Estimate(0.4, p=0.03), 0.01, OPEN),
        (Estimate(-0.4, p=0.003), 0.01, NO),
    ],
)
def test_significance_needs_level_and_sign(estimate, level, expected):
    assert significant(level).answer(estimate) is expected


def test_significance_of_a_negative_value():
    assert significant(0.01, sign=-1).answer(Estimate(-0.44, p=0.003)) is YES
    assert str(significant(0.01, sign=-1)) == "< 0, p < 0.01"


def test_identities_hold_up_to_arithmetic():
    assert exact(0.5, 1e-9).answer(exactly(0.5)) is YES
    assert exact(0.5, 1e-9).answer(exactly(0.5001)) is NO


def several(*values, error=0.1):
    return {str(index): gaussian(value, error) for index, value in enumerate(values)}


def test_every_case_must_hold_and_one_refutes():
    criterion = in_every(above(0.0), "fraction")
    assert criterion.answer(several(1.0, 2.0)) is YES
    assert criterion.answer(several(1.0, 0.1)) is OPEN
    assert criterion.answer(several(1.0, -1.0)) is NO
    assert criterion.answer({}) is OPEN
    assert criterion.shown(several(1.0, 0.2, 3.0))[0] == "1"


def test_the_case_nearest_to_either_bound_is_shown():
    ends = {"near low": (0.25, 0.35), "amid": (0.5, 0.9), "near high": (0.85, 0.97)}
    cases = {name: in_range(sum(each) / 2, each, "t") for name, each in ends.items()}
    criterion = in_every(between(0.2, 1.0))
    assert criterion.shown(cases)[0] == "near high"
    del cases["near high"]
    assert criterion.shown(cases)[0] == "near low"


def test_one_of_many_refutes_only_beyond_its_share_of_chance():
    barely = -0.21
    assert in_every(above(0.0)).answer(several(barely)) is NO
    assert in_every(above(0.0)).answer(several(barely, *[1.0] * 11)) is OPEN


def test_true_statements_about_many_are_seldom_refuted():
    rng = np.random.default_rng(5)
    refuted = [
        in_every(equals(0.0, 0.0001)).answer(several(*rng.normal(size=12), error=1.0)) is NO
        for _ in range(400)
    ]
    assert np.mean(refuted) < 0.05 + 5 * np.sqrt(0.05 * 0.95 / 400)


def test_order_and_course_are_statements_about_every_step():
    assert monotone().answer(several(0.5, 0.6)) is YES
    assert monotone(rising=False).answer(several(0.5, 0.6)) is NO
    assert same_order().answer(several(0.5, -0.6)) is NO
    assert str(monotone(rising=False)) == "falls at every step"
