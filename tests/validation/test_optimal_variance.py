"""The slopes of the optimal variance are those of the paper, and another slope would be noticed."""

import numpy as np
import pytest

from validation.claims import optimal_variance
from validation.claims.claim import Context, Verdict, combined_verdict


@pytest.mark.parametrize("measure", ["slopes_of_optimal_variance", "slopes_for_poisson_inputs"])
def test_claims_are_reproduced(measure):
    evidence = getattr(optimal_variance, measure)(Context(seed=11))
    assert combined_verdict(evidence.measurements) is Verdict.REPRODUCED
    assert all(figure.caption for figure in evidence.figures)


def test_slopes_are_measured_for_each_cost_and_regressor():
    evidence = optimal_variance.slopes_of_optimal_variance(Context())
    slopes = [m for m in evidence.measurements if m.quantity.startswith("slope")]
    assert len(slopes) == 12
    for m in slopes:
        low, high = m.interval
        assert low <= m.measured <= high
        assert m.measured == pytest.approx(m.published, abs=0.02)


def test_a_slope_of_another_cost_is_noticed():
    rng = np.random.default_rng(1)
    log_variance = np.linspace(-3, 3, 100)
    x = -log_variance / 0.5 + 0.05 * rng.standard_normal(100)
    wrong = optimal_variance._slope("actin", 4 / 3, "log mean x^2", x, log_variance, -0.6)
    right = optimal_variance._slope("trafficking", 2.0, "log mean x^2", x, log_variance, -0.5)
    assert wrong.verdict is Verdict.NOT_REPRODUCED
    assert right.verdict is Verdict.REPRODUCED


def test_drive_of_a_poisson_input_is_campbells():
    # Mean of the kernel sum is rate * tau, its variance rate * tau / 2.
    rng = np.random.default_rng(2)
    rate, tau, dt, n = 50.0, 0.01, 1e-4, 2_000_000
    spikes = rng.random(n) < rate * dt
    x, decay, total = 0.0, np.exp(-dt / tau), 0.0
    for spike in spikes:
        x = x * decay + spike
        total += x * x
    expected = float(optimal_variance._mean_square_drive(np.array([rate]))[0])
    assert total / n == pytest.approx(expected, rel=0.03)
