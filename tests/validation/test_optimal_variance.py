"""The slopes of the optimal variance are those of the paper, and another slope would be noticed."""

import numpy as np
import pytest

from validation.claims import optimal_variance
from validation.claims.claim import Context, Verdict, combined_verdict


@pytest.mark.parametrize("measure", ["slopes_for_poisson_inputs"])
def test_claims_are_reproduced(measure):
    evidence = getattr(optimal_variance, measure)(Context(seed=11))
    assert combined_verdict(evidence.measurements) is Verdict.REPRODUCED
    assert all(figure.caption for figure in evidence.figures)


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
