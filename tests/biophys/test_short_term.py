"""Short-term dynamics reach their stationary state, and sites drawn one by one have its moments."""

import numpy as np
import pytest
import quantities as pq

from biophys.quantal import QuantalSynapse
from biophys.short_term import ShortTermDynamics, stationary_response


@pytest.mark.parametrize(("p", "recovery", "facilitation"), [(0.5, 200, 50), (0.1, 100, 500), (0.8, 300, 0)])
def test_long_trains_reach_the_stationary_state(p, recovery, facilitation):
    dynamics = ShortTermDynamics(p, recovery * pq.ms, facilitation * pq.ms)
    states = dynamics.states(np.full(400, 40.0) * pq.ms)
    stationary = dynamics.stationary(25 * pq.Hz)
    assert states.p[-1] == pytest.approx(float(stationary.p), rel=1e-10)
    assert states.r[-1] == pytest.approx(float(stationary.r), rel=1e-10)


def test_recursion_is_the_integral_of_the_differential_equations():
    P, D, F, dt = 0.3, 150.0, 80.0, 0.001
    p, r = P, 1.0
    states = ShortTermDynamics(P, D * pq.ms, F * pq.ms).states([30.0, 12.0] * pq.ms)
    for k, gap in enumerate([30.0, 12.0]):
        assert (p, r) == (pytest.approx(states.p[k], rel=1e-4), pytest.approx(states.r[k], rel=1e-4))
        r, p = r - p * r, p + P * (1 - p)
        for _ in range(round(gap / dt)):
            r, p = r + dt * (1 - r) / D, p + dt * (P - p) / F
    assert (p, r) == (pytest.approx(states.p[2], rel=1e-4), pytest.approx(states.r[2], rel=1e-4))


def test_special_cases():
    at_rest = ShortTermDynamics(0.4).stationary(1e-4 * pq.Hz)
    assert (float(at_rest.p), float(at_rest.r)) == (pytest.approx(0.4), pytest.approx(1.0))
    without = ShortTermDynamics(0.4, 0 * pq.ms, 0 * pq.ms).stationary(100 * pq.Hz)
    assert (float(without.p), float(without.r)) == (0.4, 1.0)
    assert float(ShortTermDynamics(1.0, 100 * pq.ms, 0 * pq.ms).stationary(10 * pq.Hz).r) == pytest.approx(
        1 - np.exp(-1)
    )
    silent = ShortTermDynamics(np.array([0.0, 0.5]), facilitation=1e20 * pq.s).stationary(1000 * pq.Hz)
    np.testing.assert_allclose(silent.p, [0.0, 1.0])


@pytest.mark.parametrize("rate", [0 * pq.Hz, -1 * pq.Hz])
def test_a_rate_must_be_positive(rate):
    with pytest.raises(ValueError, match="rate must be finite and above 0"):
        ShortTermDynamics(0.5).stationary(rate)


def _drawn_counts(n, dynamics, intervals, n_trains, rng):
    """Return the vesicles that the last spike releases when every site is followed by itself."""
    states = dynamics.states(intervals)
    is_full = np.ones((n_trains, n), dtype=bool)
    recovery = float(dynamics.recovery.rescale(pq.ms))
    for k in range(len(states.p)):
        released = is_full & (rng.random(is_full.shape) < states.p[k])
        if k == len(states.p) - 1:
            return released.sum(axis=1)
        is_full &= ~released
        is_full |= rng.random(is_full.shape) < 1 - np.exp(-float(intervals[k].rescale(pq.ms)) / recovery)


def test_moments_in_a_periodic_train_are_those_of_drawn_sites():
    rng = np.random.default_rng(1)
    dynamics, n_trains = ShortTermDynamics(0.4), 40_000
    counts = _drawn_counts(5, dynamics, np.full(30, 50.0) * pq.ms, n_trains, rng)
    response = stationary_response(QuantalSynapse(5, 0.4, 1 * pq.mV), dynamics, 20 * pq.Hz)
    variance = float(response.variance)
    assert counts.mean() == pytest.approx(float(response.mean), abs=5 * np.sqrt(variance / n_trains))
    assert counts.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / n_trains) * 1.5)


def test_moments_in_a_poisson_train_are_those_of_drawn_sites():
    rng = np.random.default_rng(2)
    P, recovery, rate, n = 0.6, 0.2, 10.0, 8
    n_trains = 200_000
    r = np.ones(n_trains)
    for _ in range(60):
        kept = np.exp(-rng.exponential(1 / rate, n_trains) / recovery)
        r = 1 - (1 - r * (1 - P)) * kept
    counts = rng.binomial(n, P * r)
    dynamics = ShortTermDynamics(P, recovery * pq.s, 0 * pq.ms)
    response = stationary_response(QuantalSynapse(n, P, 1 * pq.mV), dynamics, rate * pq.Hz, train="Poisson")
    variance = float(response.variance)
    assert counts.mean() == pytest.approx(float(response.mean), abs=5 * np.sqrt(variance / n_trains))
    assert counts.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / n_trains) * 1.5)


def test_arrays_of_synapses_and_rates_broadcast():
    dynamics = ShortTermDynamics(np.array([0.2, 0.5, 0.9]))
    assert dynamics.stationary(np.array([[1.0], [50.0]]) * pq.Hz).r.shape == (2, 3)
    assert dynamics.states(np.full(4, 10.0) * pq.ms).release_probability.shape == (5, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ShortTermDynamics(1.2), ValueError, r"p must be .*\[0, 1\], got 1\.2"),
        (lambda: ShortTermDynamics(0.5, 200), TypeError, "recovery must carry a unit"),
        (lambda: ShortTermDynamics(0.5, -1 * pq.ms), ValueError, "recovery in ms must be .*got -1"),
        (lambda: ShortTermDynamics(0.5).stationary(0 * pq.Hz), ValueError, r"rate must be .*above 0"),
        (
            lambda: stationary_response(QuantalSynapse(1, 0.4, 1 * pq.mV), ShortTermDynamics(0.5), 1 * pq.Hz),
            ValueError,
            "must share p at rest, got 0.4 and 0.5",
        ),
        (
            lambda: stationary_response(
                QuantalSynapse(1, 0.5, 1 * pq.mV), ShortTermDynamics(0.5), 1 * pq.Hz, train="Poisson"
            ),
            ValueError,
            "only without facilitation",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
