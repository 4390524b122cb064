"""The release probability moves alike in numpy, torch and Brian2."""

from dataclasses import replace

import pytest

from validation.claims.across import p_trajectories
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict

pytest.importorskip("torch")


def _rows_with(monkeypatch, **changes):
    """Return the rows of X02 with every simulation on the numpy target, which compiles nothing."""
    monkeypatch.setattr(
        p_trajectories,
        "run_each_in_its_process",
        lambda run, configs: [run(replace(config, target="numpy", **changes)) for config in configs],
    )
    return evidence_of(p_trajectories.release_probability_trajectories(Context())).measurements


def test_every_target_is_compared_and_follows_numpy(monkeypatch):
    rows = _rows_with(monkeypatch)
    assert {row.condition["target"] for row in rows} == {"torch", "cython", "cpp_standalone", "numpy"}
    assert combined_verdict(p_trajectories.X02, rows) is Verdict.HOLDS_HERE


def test_other_signals_are_noticed(monkeypatch):
    rows = _rows_with(monkeypatch, seed=5)
    assert combined_verdict(p_trajectories.X02, rows) is Verdict.DOES_NOT_HOLD_HERE
