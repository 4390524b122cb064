"""Parity with NEST is judged by the margin, statistic by statistic, and says what to do without NEST."""

import sys

import numpy as np
import pytest

from brianpresyn.experiments import nest_parity
from brianpresyn.experiments.nest_parity import CASES, INTERPRETER_VARIABLE, N_SPIKES
from validation.claims.across.same_release import EVENTS, X09, events_in_nest, release_in_nest
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict


def test_without_nest_every_clause_is_not_run_and_says_what_to_do(monkeypatch):
    monkeypatch.setattr(nest_parity, "nest_interpreter", lambda: None)
    measurements = [
        row
        for measure in (release_in_nest, events_in_nest)
        for row in evidence_of(measure(Context())).measurements
    ]
    assert [m.clause for m in measurements] == [clause.id for clause in X09.clauses]
    assert {m.verdict for m in measurements} == {Verdict.NOT_RUN}
    assert all("nest-simulator" in m.reason and INTERPRETER_VARIABLE in m.reason for m in measurements)


@pytest.mark.parametrize(
    ("p_in_nest", "verdict"), [(0.5, Verdict.HOLDS_HERE), (0.65, Verdict.DOES_NOT_HOLD_HERE)]
)
def test_verdict_follows_the_responses(monkeypatch, p_in_nest, verdict):
    rng = np.random.default_rng(3)

    def binomial(p):
        return rng.binomial(2, p, (4000, N_SPIKES))

    monkeypatch.setattr(nest_parity, "nest_interpreter", lambda: "python")
    monkeypatch.setattr(
        nest_parity,
        "run_in_nest",
        lambda tasks, interpreter: ("3", [binomial(p_in_nest if n == 4 else 0.5) for n in range(len(tasks))]),
    )
    monkeypatch.setattr(nest_parity, "own_responses", lambda case, n_synapses, seed: binomial(0.5))
    evidence = evidence_of(release_in_nest(Context()))
    monkeypatch.setattr(nest_parity, "mismatches", lambda *arguments: ({1: 0, 2: 0}, 100))
    events = evidence_of(events_in_nest(Context())).measurements
    mean = next(m for m in evidence.measurements if m.clause == "X09a")
    assert combined_verdict(X09, [*evidence.measurements, *events]) is verdict
    assert mean.n == 4000 and len(evidence.figures) == 1
    if p_in_nest > 0.5:
        assert mean.condition["synapse"] == CASES[4].name
        assert mean.measured == pytest.approx(1.3, abs=0.05)


@pytest.mark.parametrize(
    ("n_different", "verdict"), [(0, Verdict.HOLDS_HERE), (1, Verdict.DOES_NOT_HOLD_HERE)]
)
def test_one_event_that_differs_refutes(monkeypatch, n_different, verdict):
    monkeypatch.setattr(nest_parity, "nest_interpreter", lambda: "python")
    monkeypatch.setattr(nest_parity, "mismatches", lambda *arguments: ({1: 0, 2: n_different}, 1000))
    monkeypatch.setattr(nest_parity, "times_on", lambda *arguments, **options: {"NEST": [2.0, 1.0]})
    events, times = evidence_of(events_in_nest(Context("full"))).measurements
    assert (events.clause, events.n, events.measured, events.verdict) == (
        EVENTS.id,
        8000,
        4 * n_different,
        verdict,
    )
    assert times.clause == "" and times.measured == pytest.approx(1e9 / 20e6)


def test_a_module_that_does_not_compile_is_not_run_with_what_it_takes(monkeypatch, tmp_path):
    monkeypatch.setattr(nest_parity, "nest_interpreter", lambda: sys.executable)
    monkeypatch.setattr(nest_parity, "run_in_nest", lambda *arguments: pytest.fail("nothing to run"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (row,) = evidence_of(events_in_nest(Context())).measurements
    assert row.verdict is Verdict.NOT_RUN and "CPATH" in row.reason
