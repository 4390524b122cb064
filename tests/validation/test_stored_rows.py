"""Every number that stored results and recordings gave before is given again, to the printed digit.

The table ``stored_rows.csv`` holds the rows of the claims by claim and rendering. A row is found again by
its value and interval, not by its wording, so that a statement can be said better without touching a number.
"""

import csv
import math
from collections import defaultdict
from pathlib import Path

import pytest

from validation.context import Context
from validation.registry import all_measures

RESULTS = Path(__file__).parents[2] / "docs" / "results"
TABLE = Path(__file__).with_name("stored_rows.csv")

STORED = {
    "energy_efficiency",
    "lifelong_learning",
    "perceptron_recall",
    "bayesian_signatures",
    "noise_and_posterior",
    "predictive_distributions",
    "reliability_tradeoff",
    "release_in_spikes",
    "gaussian_synapses_in_spikes",
    "lifelong_spiking_perceptron",
    "optimised_variability",
}
"""What takes its numbers from the results in the repository."""


def context_of(measure):
    """Return a context in which nothing is trained or simulated, or None where something would be."""
    if measure.name in STORED:
        return Context(profile="full", results=RESULTS)
    return Context() if measure.rendering.value in ("analytic", "recorded") else None


def rows_of(measure):
    measured = measure.evidence(context_of(measure)).measurements
    return [row for row in measured if row.measured is not None]


def numbers_of(row):
    """Return value and interval of a row, rounded as the table has them; an interval without ends is none."""
    ends = row.interval if row.interval and all(map(math.isfinite, row.interval)) else ("", "")
    return [f"{number:.9g}" if number != "" else "" for number in (float(row.measured), *ends)]


def stored_rows():
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table():
    """Write the table anew: for rows that are new, never to make a changed number pass."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("measure", "claim", "rendering", "quantity", "condition", "value", "low", "high", "n"))
        for measure in filter(context_of, all_measures()):
            for row in rows_of(measure):
                condition = "; ".join(f"{key} {value}" for key, value in row.condition.items())
                about = (measure.name, row.claim, str(row.rendering), row.quantity, condition)
                out.writerow((*about, *numbers_of(row), "" if row.n is None else row.n))


MEASURES = sorted({row["measure"] for row in stored_rows()})


def is_same(stored, row):
    """Return whether a row has the stored value and interval, but for what libraries round otherwise."""
    now = numbers_of(row)
    before = [stored[column] for column in ("value", "low", "high")]
    return all(
        (a == b) if "" in (a, b) else math.isclose(float(a), float(b), rel_tol=1e-6, abs_tol=1e-9)
        for a, b in zip(now, before, strict=True)
    )


@pytest.mark.data
@pytest.mark.parametrize("name", MEASURES)
def test_every_stored_row_is_derived_again(name):
    measure = next(measure for measure in all_measures() if measure.name == name)
    left = defaultdict(list)
    for row in rows_of(measure):
        left[row.claim, str(row.rendering)].append(row)
    lost = []
    for stored in (row for row in stored_rows() if row["measure"] == name):
        candidates = left[stored["claim"], stored["rendering"]]
        match = next((row for row in candidates if is_same(stored, row)), None)
        if match is None:
            lost.append(stored)
        else:
            candidates.remove(match)
    assert not lost
