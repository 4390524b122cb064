"""The picture that opens the report: every clause as one line."""

import math
import re

import pytest

from biophys.estimates import exactly, gaussian
from validation.clause_chart import WIDTH, _scale, clause_lines
from validation.criteria import above, equals
from validation.statement import MALKIN, Claim, Clause, Setting, Verdict, row

RISES = Clause("M98a", "it rises", "fig 1", above(0.0))
IS_TWO = Clause("M98b", "it is <two>", "fig 2", equals(2.0, 0.1), published=2.0)
M98 = Claim("M98", "It rises to two", MALKIN, (RISES, IS_TWO))
FULL = {
    "M98b": {
        "clause_verdict": "not reproduced", "quantity": "two", "setting": "",
        "measured": 3.0, "interval": [2.5, 3.5], "n": 9, "unit": "networks",
    }
}  # fmt: skip


def lines(*rows, full=FULL):
    return {line.clause.id: line for line in clause_lines([M98], rows, full)}


def test_a_full_size_result_gives_the_verdict_and_the_small_one_stands_beside():
    small = row(IS_TWO, gaussian(2.0, 0.01), "two", setting=Setting(("n_epochs 2",)))
    line = lines(small)["M98b"]
    assert (line.verdict, line.is_full, line.value) == (Verdict.NOT_REPRODUCED, True, "3")
    assert line.here["measured"] == 2.0
    assert line.svg.count("<circle") == 2
    assert "full size: not reproduced" in line.title


def test_without_one_the_run_gives_it():
    line = lines(row(RISES, gaussian(1.0, 0.1), "rise", setting=Setting(("n_epochs 2",))))["M98a"]
    assert (line.verdict, line.is_full) == (Verdict.HOLDS_HERE, False)
    assert "other than published: n_epochs 2" in line.title


def test_the_row_that_decides_is_shown():
    good, bad = row(RISES, gaussian(1.0, 0.1), "first"), row(RISES, gaussian(-1.0, 0.1), "second")
    assert lines(good, bad)["M98a"].shown["quantity"] == "second"


def test_what_was_not_run_has_a_line_without_a_dot():
    line = lines()["M98a"]
    assert line.verdict is Verdict.NOT_RUN
    assert "<circle" not in line.svg


@pytest.mark.parametrize("value", [0.0, -1e9, 1e-12, 3.0])
def test_everything_lies_within_the_drawing(value):
    place = _scale([value, value + 1])
    assert 0 < place(-math.inf) < place(value) < place(math.inf) < WIDTH
    assert place(-math.inf) + place(math.inf) == pytest.approx(WIDTH)
    for estimate in (exactly(value), gaussian(value, abs(value) + 1)):
        for line in lines(row(RISES, estimate, "x"), row(IS_TWO, estimate, "x"), full={}).values():
            drawing = line.svg
            places = [float(x) for x in re.findall(r'(?:x|x1|x2|cx)="([-.\d]+)"', drawing)]
            assert all(0 <= x <= WIDTH for x in places)
