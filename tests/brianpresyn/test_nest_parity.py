"""Parity with NEST: this package's side, the comparison, and what is said without NEST."""

import sys

import numpy as np
import pytest

from brianpresyn.experiments import nest_parity
from brianpresyn.experiments.nest_parity import CASES, INTERPRETER_VARIABLE, N_SPIKES, compared

QUANTAL = CASES[4]


def test_own_first_response_is_binomial():
    quanta = nest_parity.own_responses(QUANTAL, 1000, 1)
    n, p = QUANTAL.parameters["n"], QUANTAL.parameters["U"]
    assert quanta.shape == (1000, N_SPIKES)
    assert abs(quanta[:, 0].mean() - n * p) < 5 * np.sqrt(n * p * (1 - p) / 1000)


def test_the_comparison_finds_a_difference_and_no_other():
    rng = np.random.default_rng(2)
    first, same, other = (rng.binomial(1, p, (2000, N_SPIKES)) for p in (0.3, 0.3, 0.36))
    assert all(ratio.p_against(1.0) > 1e-4 for ratio in compared(first, same, rng=rng).values())
    ratios = compared(other, first, rng=rng)
    assert all(ratio.p_against(1.0) < 1e-4 for ratio in ratios.values())
    low, high = ratios["mean"].interval
    assert low < 1.2 < high


def test_a_statistic_that_never_comes_has_no_ratio():
    always = np.ones((100, N_SPIKES), dtype=int)
    assert list(compared(always, always, rng=np.random.default_rng(1))) == ["mean"]


def test_a_task_names_both_of_nests_pairs():
    parameters = nest_parity.nest_task(QUANTAL, 10, 1)["parameters"]
    assert parameters["n"] == parameters["a"] and parameters["U"] == parameters["u"]


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
