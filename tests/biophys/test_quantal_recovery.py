"""The intervals of all three estimators cover the truth about as often as they say."""

import numpy as np
import pytest
import quantities as pq

from biophys.quantal import QuantalSynapse
from biophys.quantal_recovery import (
    recovery_by_likelihood,
    recovery_by_moments,
    recovery_by_variance_mean,
)


def slack(n_repeats, of_approximation):
    """Five standard errors of a coverage of 0.95, and what the normal approximation may lose."""
    return 5 * np.sqrt(0.95 * 0.05 / n_repeats) + of_approximation


@pytest.mark.parametrize(("n", "p"), [(1, 0.3), (5, 0.1), (5, 0.5), (10, 0.9)])
def test_moments_at_known_n(n, p):
    rng = np.random.default_rng(8)
    row = recovery_by_moments(QuantalSynapse(n, p, 0.3 * pq.mV), n_trials=500, n_repeats=2000, rng=rng)
    assert (row.method, row.n_coverage) == ("moments", 1.0)
    assert abs(row.p_bias) < 0.03 and abs(row.q_bias) < 0.03
    assert abs(row.p_coverage - 0.95) < slack(2000, 0.01)
    # One noiseless site shows its quantal size exactly, so that q is always covered.
    assert row.q_coverage == 1.0 if n == 1 else abs(row.q_coverage - 0.95) < slack(2000, 0.01)


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (3, 0.4), (2, 0.8)])
def test_likelihood(n, p):
    row = recovery_by_likelihood(
        QuantalSynapse(n, p, 0.5 * pq.mV),
        noise_sd=0.1 * pq.mV,
        n_trials=100,
        n_repeats=100,
        rng=np.random.default_rng(9),
        n_max=7,
    )
    assert row.method == "likelihood"
    # A whole number of sites and a union of intervals cover at least as often as they say.
    for coverage in (row.n_coverage, row.p_coverage, row.q_coverage):
        assert coverage > 0.95 - slack(100, 0.0)
    assert abs(row.q_bias) < 0.02


@pytest.mark.parametrize(("n", "p"), [(6, 0.3), (3, 0.5)])
def test_variance_mean(n, p):
    row = recovery_by_variance_mean(
        QuantalSynapse(n, p, 0.4 * pq.mV),
        other_p=[0.1, 0.6, 0.85],
        n_trials=200,
        n_repeats=2000,
        rng=np.random.default_rng(10),
    )
    assert row.method == "variance-mean"
    for coverage in (row.n_coverage, row.p_coverage, row.q_coverage):
        assert abs(coverage - 0.95) < slack(2000, 0.02)
    assert abs(row.p_bias) < 0.05 and abs(row.q_bias) < 0.03
