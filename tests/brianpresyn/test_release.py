"""Release models: what the amplitude means, and what is refused before anything runs."""

import numpy as np
import pytest
import quantities as pq
from brian2 import mV, nS

from biophys.quantal import QuantalSynapse
from brianpresyn import bernoulli_release, binomial_release, quantal_release


def test_amplitude_conventions_agree():
    conventions = [
        binomial_release(n=5, p=0.4, q=0.2 * mV),
        binomial_release(n=5, p=0.4, all_sites=1.0 * mV),
    ]
    assert [float(code.initial["q"] / mV) for code in conventions] == pytest.approx([0.2] * 2)


def test_amplitude_is_divided_synapse_by_synapse():
    code = binomial_release(n=[1, 4], p=[0.5, 0.25], all_sites=2 * mV)
    np.testing.assert_allclose(np.asarray(code.initial["q"] / mV), [2.0, 0.5])


def test_a_mean_is_kept_and_the_quantum_follows_from_it():
    code = binomial_release(n=4, p=0.25, mean=2 * mV)
    assert code.initial["strength"] == 2 * mV and "q" not in code.initial
    assert "q = strength/(n*p + int(n*p < 1e-100)) : volt" in code.model


def test_a_quantal_synapse_brings_its_parameters():
    code = quantal_release(QuantalSynapse(n=[3, 7], p=0.25, q=0.2 * pq.nS), target="g")
    np.testing.assert_array_equal(code.initial["n"], [3, 7])
    np.testing.assert_allclose(np.asarray(code.initial["q"] / nS), [0.2, 0.2])
    assert "g_post += released*q" in code.pre_code and "q : siemens" in code.model


@pytest.mark.parametrize("draws, text", [("counter", "bernoulli_draw("), ("brian2", "int(rand() < p)")])
def test_draws_choose_the_generator(draws, text):
    assert text in bernoulli_release(p=0.5, q=1 * mV, draws=draws).pre_code


@pytest.mark.parametrize("p", [1.7, -0.1, np.nan, np.inf, [0.5, 2.0]])
@pytest.mark.parametrize("amplitude", ["q", "mean"])
def test_a_probability_outside_0_to_1_is_refused(p, amplitude):
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\], got .*: give a probability such as 0.5"):
        bernoulli_release(p=p, **{amplitude: 1 * mV})


@pytest.mark.parametrize("n", [-1, -3, 2.7, np.nan, [2, -1]])
@pytest.mark.parametrize("amplitude", ["q", "all_sites"])
def test_a_number_of_sites_that_is_no_count_is_refused(n, amplitude):
    with pytest.raises(ValueError, match=r"n must be a whole number in .*, got"):
        binomial_release(n=n, p=0.5, **{amplitude: 1 * mV})


@pytest.mark.parametrize("amplitudes", [{}, {"q": 1 * mV, "mean": 1 * mV}])
def test_the_meaning_of_the_amplitude_is_never_guessed(amplitudes):
    with pytest.raises(ValueError, match="exactly one of q, all_sites, mean"):
        binomial_release(n=2, p=0.5, **amplitudes)


@pytest.mark.parametrize(
    "value, error", [(np.nan * mV, ValueError), ("0.1*mV; v", ValueError), (True, TypeError)]
)
def test_an_amplitude_must_be_a_finite_value(value, error):
    with pytest.raises(error, match="q must be"):
        bernoulli_release(p=0.5, q=value)


def test_a_mean_that_cannot_be_reached_is_refused():
    with pytest.raises(ValueError, match="cannot be reached with p = 0"):
        bernoulli_release(p=0.0, mean=1 * mV)


def test_an_unknown_generator_is_refused():
    with pytest.raises(ValueError, match="draws must be 'counter' or 'brian2', got 'mersenne'"):
        bernoulli_release(p=0.5, q=1 * mV, draws="mersenne")
