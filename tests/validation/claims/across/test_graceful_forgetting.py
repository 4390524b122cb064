"""X12 follows the accuracies: level, advantage seed by seed, MESU by its margin, every control."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("torch")

from biophys.settings import as_plain
from rate_models.experiments.graceful_forgetting import Config
from validation.claims.across.graceful_forgetting import forgetting_with_evidence
from validation.context import Context
from validation.registry import evidence_of
from validation.runs import Run
from validation.statement import Verdict


def run_with(levels, n_epochs=10, data_set="mnist"):
    """Return a run of three seeds with these mean final accuracies."""
    config = replace(Config(), methods=tuple(levels), seeds=(1, 2, 3), n_epochs=n_epochs, data_set=data_set)
    shape = (len(levels), 3)
    final = np.array(list(levels.values()))[:, None] / 100 + np.array([-1e-3, 0.0, 1e-3])
    accuracy = np.broadcast_to(final[..., None, None], (*shape, 11, 10)).copy()
    result = xr.Dataset(
        {
            "accuracy": (("algorithm", "seed", "n_learned", "task"), accuracy),
            "mean_p": (("algorithm", "seed", "step"), np.full((*shape, 2), 0.5)),
            "reliable": (("algorithm", "seed", "step"), np.full((*shape, 2), 0.1)),
            "atp": (("algorithm", "seed"), np.full(shape, 1e9)),
            "draws_per_step": ("algorithm", [10 if name == "mesu" else 1 for name in levels]),
        },
        {"algorithm": list(levels), "seed": [1, 2, 3], "step": [1, 2], "task": range(1, 11)},
    )
    return Run("graceful_forgetting", result, as_plain(config), {}, settings=config)


def verdicts(run):
    rows = evidence_of(forgetting_with_evidence(run, Context())).measurements
    return {row.clause: row.verdict for row in rows if row.clause}


def test_verdicts_follow_the_accuracies():
    levels = {"evidence": 91.0, "published": 86.0, "mesu": 92.5, "unselective": 88.0, "shuffled": 85.0}
    assert verdicts(run_with(levels)) == {
        "X12a": Verdict.HOLDS_HERE,
        "X12b": Verdict.HOLDS_HERE,
        "X12c": Verdict.REPRODUCED,
        "X12d": Verdict.HOLDS_HERE,
    }
    worse = {"evidence": 85.0, "published": 86.0, "mesu": 90.0, "unselective": 80.0, "shuffled": 86.0}
    assert verdicts(run_with(worse)) == {
        "X12a": Verdict.DOES_NOT_HOLD_HERE,
        "X12b": Verdict.DOES_NOT_HOLD_HERE,
        "X12c": Verdict.NOT_REPRODUCED,
        "X12d": Verdict.DOES_NOT_HOLD_HERE,
    }


def test_fewer_passes_hold_here_and_what_was_left_out_is_said():
    found = verdicts(run_with({"evidence": 91.0, "published": 70.0}, n_epochs=1))
    assert found["X12a"] is found["X12b"] is Verdict.HOLDS_HERE
    assert found["X12c"] is found["X12d"] is Verdict.NOT_RUN


def test_the_level_on_digits_decides_nothing():
    found = verdicts(run_with({"evidence": 80.0, "published": 70.0}, data_set="digits"))
    assert "X12a" not in found and found["X12b"] is Verdict.HOLDS_HERE


def test_networks_that_diverged_are_counted_and_decide_nothing():
    levels = {"evidence": 91.0, "unmodulated": np.nan, "unselective": 88.0, "shuffled": 85.0}
    run = run_with(levels)
    run.result["accuracy"].loc[{"algorithm": "shuffled", "seed": 1, "n_learned": 10, "task": 3}] = np.nan
    rows = evidence_of(forgetting_with_evidence(run, Context())).measurements
    counts = {
        row.condition["method"]: (row.measured, row.n)
        for row in rows
        if row.quantity == "networks that diverged"
    }
    assert counts == {"rate not modulated": (2, 2), "p shuffled after tasks": (1, 3)}
    needed = next(row for row in rows if row.clause == "X12d")
    assert needed.verdict is Verdict.HOLDS_HERE
    assert "every network diverged with: rate not modulated" in needed.reason
    assert not any(np.isnan(row.measured) for row in rows if row.measured is not None)
