"""Every number that stored results and recordings gave before is given again, to the printed digit.

The table ``stored_rows.csv`` holds the rows of the claims by claim and rendering. A row is found again by
its value and interval, not by its wording, so that a statement can be said better without touching a number.
"""

import csv
import functools
import math
from pathlib import Path

import pytest

from validation.context import Context
from validation.evaluation import reason_to_skip
from validation.registry import all_claims, all_measures

RESULTS = Path(__file__).parents[2] / "docs" / "results"
TABLE = Path(__file__).with_name("stored_rows.csv")


def context_of(measure):
    """Return a context in which nothing is trained or simulated; None where something would be, or lacks."""
    if reason_to_skip(measure):
        return None
    if measure.experiment:
        is_stored = (RESULTS / f"{measure.experiment}.nc").is_file()
        return Context(profile="full", results=RESULTS) if is_stored else None
    if measure.name in DRAWN_ANEW:
        return None
    return Context() if measure.rendering.value in ("analytic", "recorded") else None


DRAWN_ANEW = {"recovered_parameters", "recovered_from_noise_and_trains"}
"""What measures estimators on recordings that it draws, for minutes: no stored result is behind it."""


TRAINED_ANEW = {("X05", "rate")}
"""Rows of networks that learn while the rows are made: how sums are rounded differs between processors."""


@functools.cache
def rows_of(measure):
    measured = measure.evidence(context_of(measure)).measurements
    return [
        row
        for row in measured
        if row.measured is not None and (row.claim, str(row.rendering)) not in TRAINED_ANEW
    ]


def rows_on(claim):
    """Return the rows of a claim that can be had without training."""
    asked = [m for m in all_measures() if claim in m.claims and context_of(m) is not None]
    return [row for measure in asked for row in rows_of(measure) if row.claim == claim]


def numbers_of(row):
    """Return value and interval of a row, rounded as the table has them; an interval without ends is none."""
    return [f"{float(number):.9g}" for number in (row.measured, *(row.interval or ()))] + [""] * (
        0 if row.interval else 2
    )


def stored_rows():
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table():
    """Write the table anew: for rows that are new, never to make a changed number pass."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("claim", "rendering", "quantity", "condition", "value", "low", "high", "n"))
        for row in (row for claim in all_claims() for row in rows_on(claim)):
            condition = "; ".join(f"{key} {value}" for key, value in row.condition.items())
            about = (row.claim, str(row.rendering), row.quantity, condition)
            out.writerow((*about, *numbers_of(row), "" if row.n is None else row.n))


CLAIMS = sorted({row["claim"] for row in stored_rows()})


def is_same(stored, row):
    """Return whether a row has the stored value and interval, but for what libraries round otherwise."""
    before = [stored[column] for column in ("value", "low", "high")]
    return stored["rendering"] == str(row.rendering) and all(
        (a == b) if "" in (a, b) else math.isclose(float(a), float(b), rel_tol=1e-6, abs_tol=1e-9)
        for a, b in zip(numbers_of(row), before, strict=True)
    )


@pytest.mark.data
@pytest.mark.parametrize("claim", CLAIMS)
def test_every_stored_row_is_derived_again(claim):
    left = list(rows_on(claim))
    lost = []
    is_lacking = any(claim in m.claims and m.data_sets and reason_to_skip(m) for m in all_measures())
    there = [row for row in stored_rows() if not (is_lacking and row["rendering"] == "recorded")]
    for stored in (row for row in there if row["claim"] == claim):
        match = next((row for row in left if is_same(stored, row)), None)
        if match is None:
            lost.append(stored)
        else:
            left.remove(match)
    assert not lost
