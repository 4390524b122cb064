"""The release probability moves alike in numpy, torch and Brian2."""

from dataclasses import replace

import pytest

from brianpresyn.targets import TARGETS
from validation.claims.across import same_release
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict

pytest.importorskip("torch")


def _rows_with(monkeypatch, measure=same_release.release_probability_trajectories, **changes):
    """Return the rows of X02 or X13 with every simulation on the numpy target, which compiles nothing."""
    monkeypatch.setattr(
        same_release,
        "run_on_every_target",
        lambda run, config, on_progress: {
            target: run(replace(config, target="numpy", **changes)) for target in TARGETS
        },
    )
    return evidence_of(measure(Context())).measurements


def test_every_target_is_compared_and_follows_numpy(monkeypatch):
    rows = _rows_with(monkeypatch)
    assert {row.condition["target"] for row in rows} == {"torch", "cython", "cpp_standalone", "numpy"}
    assert combined_verdict(same_release.X02, rows) is Verdict.HOLDS_HERE


def test_other_signals_are_noticed(monkeypatch):
    rows = _rows_with(monkeypatch, seed=5)
    assert combined_verdict(same_release.X02, rows) is Verdict.DOES_NOT_HOLD_HERE


@pytest.mark.parametrize(("seed", "verdict"), [(2021, Verdict.HOLDS_HERE), (5, Verdict.DOES_NOT_HOLD_HERE)])
def test_evidence_in_the_odds_is_followed_by_the_rate_engine(monkeypatch, seed, verdict):
    rows = _rows_with(monkeypatch, same_release.odds_trajectories, seed=seed)
    assert len(rows) == 12 and {row.n for row in rows} == {30_000}
    assert combined_verdict(same_release.X13, rows) is verdict
