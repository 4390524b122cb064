"""Parity with NEST is judged by the margin, statistic by statistic, and says what to do without NEST."""

import numpy as np
import pytest

from brianpresyn.experiments import nest_parity
from brianpresyn.experiments.nest_parity import CASES, INTERPRETER_VARIABLE, N_SPIKES
from validation.claims.across.nest_parity import X09, release_in_nest
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict


def test_without_nest_every_clause_is_not_run_and_says_what_to_do(monkeypatch):
    monkeypatch.setattr(nest_parity, "nest_interpreter", lambda: None)
    measurements = evidence_of(release_in_nest(Context())).measurements
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
    mean = next(m for m in evidence.measurements if m.clause == "X09a")
    assert combined_verdict(X09, evidence.measurements) is verdict
    assert mean.n == 4000 and len(evidence.figures) == 1
    if p_in_nest > 0.5:
        assert mean.condition["synapse"] == CASES[4].name
        assert mean.measured == pytest.approx(1.3, abs=0.05)
