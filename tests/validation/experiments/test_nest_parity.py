"""Parity with NEST: this package's side, the comparison, and what is said without NEST."""

import sys

import numpy as np
import pytest

from validation.claims.claim import Context, Verdict
from validation.claims.nest_parity import release_in_nest
from validation.experiments import nest_parity
from validation.experiments.nest_parity import CASES, INTERPRETER_VARIABLE, N_SPIKES, compared

BERNOULLI, QUANTAL = CASES[1], CASES[4]


def test_own_first_response_is_binomial():
    quanta = nest_parity.own_responses(QUANTAL, 1000, 1)
    n, p = QUANTAL.parameters["n"], QUANTAL.parameters["U"]
    assert quanta.shape == (1000, N_SPIKES)
    assert abs(quanta[:, 0].mean() - n * p) < 5 * np.sqrt(n * p * (1 - p) / 1000)


def test_the_comparison_finds_a_difference_and_no_other():
    rng = np.random.default_rng(2)
    first, same, other = (rng.binomial(1, p, (2000, N_SPIKES)) for p in (0.3, 0.3, 0.36))
    assert all(parity.p_value > 1e-4 for parity in compared(BERNOULLI, first, same, rng=rng))
    found = compared(BERNOULLI, other, first, rng=rng)
    assert all(parity.p_value < 1e-4 for parity in found)
    assert found[0].interval[0] < 1.2 < found[0].interval[1]


def test_a_task_names_both_of_nests_pairs():
    parameters = nest_parity.nest_task(QUANTAL, 10, 1)["parameters"]
    assert parameters["n"] == parameters["a"] and parameters["U"] == parameters["u"]


def test_without_nest_the_claim_is_skipped_with_what_to_do(monkeypatch):
    monkeypatch.setattr(nest_parity, "nest_interpreter", lambda: None)
    (measurement,) = release_in_nest(Context()).measurements
    assert measurement.verdict is Verdict.SKIPPED
    assert "nest-simulator" in measurement.reason and INTERPRETER_VARIABLE in measurement.reason


def test_the_named_interpreter_is_used(monkeypatch):
    monkeypatch.setenv(INTERPRETER_VARIABLE, "/somewhere/python")
    assert nest_parity.nest_interpreter() == "/somewhere/python"


def test_an_interpreter_that_does_not_exist_is_named():
    with pytest.raises(RuntimeError, match=rf"/nowhere/python cannot be started .*{INTERPRETER_VARIABLE}"):
        nest_parity.run_in_nest([], "/nowhere/python")


@pytest.mark.skipif(nest_parity.importlib.util.find_spec("nest") is not None, reason="NEST is here")
def test_an_interpreter_without_nest_is_named():
    with pytest.raises(RuntimeError, match=r"NEST failed in .*No module named 'nest'"):
        nest_parity.run_in_nest([], sys.executable)
