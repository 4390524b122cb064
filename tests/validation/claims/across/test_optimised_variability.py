"""X08: the slopes of the optimal variance on the rate are -2/(rho+2), and others would be noticed."""

from types import SimpleNamespace

import numpy as np
import pytest
import quantities as pq

from biophys import optimal_precision
from biophys.energy_costs import COST_EXPONENTS
from biophys.optimal_precision import mean_square_drive
from validation.claims.across import recorded_exponents
from validation.claims.across.optimised_variability import RARE_SPIKES
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict, verdict_on


def verdict():
    found = evidence_of(recorded_exponents.slopes_for_poisson_inputs(Context(seed=11)))
    assert all(figure.caption for figure in found.figures)
    return verdict_on(RARE_SPIKES, found.measurements)


def test_computed_slopes_hold():
    assert verdict() is Verdict.HOLDS_HERE


def test_one_other_slope_is_noticed(monkeypatch):
    right = optimal_precision.precision_slopes

    def wrong_of_actin(rho):
        return SimpleNamespace(on_input_power=-0.5) if rho == COST_EXPONENTS["actin"] else right(rho)

    monkeypatch.setattr(optimal_precision, "precision_slopes", wrong_of_actin)
    assert verdict() is Verdict.DOES_NOT_HOLD_HERE


def test_drive_of_a_poisson_input_is_campbells():
    # Mean of the kernel sum is rate * tau, its variance rate * tau / 2.
    rng = np.random.default_rng(2)
    rate, tau, dt, n = 50.0, 0.01, 1e-4, 2_000_000
    spikes = rng.random(n) < rate * dt
    x, decay, total = 0.0, np.exp(-dt / tau), 0.0
    for spike in spikes:
        x = x * decay + spike
        total += x * x
    expected = float(mean_square_drive(rate * pq.Hz, tau * pq.s))
    assert total / n == pytest.approx(expected, rel=0.03)
