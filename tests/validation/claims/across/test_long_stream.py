"""X14 follows the accuracy on the newest tasks: its level, and the advantage seed by seed."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.validation.claims.across.test_graceful_forgetting import run_with
from validation.claims.across.graceful_forgetting import long_stream
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict


def rows_of(levels, **settings):
    return evidence_of(long_stream(run_with(levels, **settings), Context())).measurements


def verdicts(rows):
    return {row.clause: row.verdict for row in rows if row.clause}


def test_verdicts_follow_the_newest_tasks():
    good = verdicts(rows_of({"fading": 90.0, "evidence": 40.0}))
    assert good == {"X14a": Verdict.HOLDS_HERE, "X14b": Verdict.HOLDS_HERE}
    bad = verdicts(rows_of({"fading": 80.0, "evidence": 85.0}))
    assert bad == {"X14a": Verdict.DOES_NOT_HOLD_HERE, "X14b": Verdict.DOES_NOT_HOLD_HERE}


def test_the_level_on_digits_decides_nothing():
    assert set(verdicts(rows_of({"fading": 80.0, "evidence": 70.0}, data_set="digits"))) == {"X14b"}


def test_old_tasks_are_told_apart_from_new_ones():
    run = run_with({"fading": 90.0, "evidence": 40.0})
    run.result["accuracy"].loc[{"algorithm": "fading", "n_learned": 10, "task": slice(1, 5)}] = 0.2
    rows = evidence_of(long_stream(run, Context())).measurements
    shown = {
        row.quantity: row.measured for row in rows if row.condition.get("method") == "evidence that fades"
    }
    assert shown["accuracy on the older half of the tasks at the end (%)"] == pytest.approx(20.0)
    assert shown["accuracy on the newest task at the end (%)"] == pytest.approx(90.0)


def test_a_stored_run_alone_decides_nothing():
    full = Context(profile="full", results=Path("nowhere"))
    rows = evidence_of(long_stream(run_with({"evidence": 90.0}), full)).measurements
    assert verdicts(rows) == {"X14a": Verdict.NOT_RUN, "X14b": Verdict.NOT_RUN}
