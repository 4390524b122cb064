"""The STDP rule in numbers: equal to the spiking one, recovers amplitudes, and predicts what was left out."""

from dataclasses import replace

import numpy as np
import pytest

from brianpresyn.experiments import stdp_protocol
from brianpresyn.experiments.stdp_protocol import Config
from brianpresyn.experiments.stdp_recordings import fitted_rule, left_out_changes, predicted_changes
from brianpresyn.unified_stdp import PrePostSTDP

pytest.importorskip("xarray")

# Small amplitudes keep p and q off their bounds.
TRUE = PrePostSTDP(d_plus=0.06, d_minus=0.04, c_plus=0.03, eta_p=1.0, eta_q=1.0)
PROTOCOLS = Config(rule=TRUE)


def test_rule_in_numbers_is_the_rule_in_spikes():
    rng = np.random.default_rng(0)
    config = Config(p=tuple(rng.uniform(0.05, 0.95, 10)), q=tuple(rng.uniform(0.05, 0.5, 10)))
    result = stdp_protocol.run(config)
    dp, dq = predicted_changes(config)
    np.testing.assert_allclose(result.p_after - result.p_before, dp, atol=1e-12)
    np.testing.assert_allclose(result.q_after / result.q_before - 1, dq, atol=1e-12)
    assert np.std(dp) > 0.05


def test_fit_recovers_the_amplitudes():
    dp, dq = predicted_changes(PROTOCOLS)
    start = replace(PROTOCOLS, rule=PrePostSTDP(eta_p=1.0, eta_q=1.0))
    rule = fitted_rule(start, dp, dq, np.ones(len(dp), bool))
    assert (rule.d_plus, rule.d_minus, rule.c_plus) == pytest.approx((0.06, 0.04, 0.03), rel=1e-3)


def test_left_out_protocols_are_predicted_where_the_rule_is_true():
    dp, dq = predicted_changes(PROTOCOLS)
    start = replace(PROTOCOLS, rule=PrePostSTDP(eta_p=1.0, eta_q=1.0))
    found_p, found_q = left_out_changes(start, dp, dq)
    np.testing.assert_allclose(found_p, dp, atol=1e-3)
    np.testing.assert_allclose(found_q, dq, atol=1e-3)


def test_prediction_does_not_see_what_was_left_out():
    dp, dq = predicted_changes(PROTOCOLS)
    spoilt = dp.copy()
    spoilt[4] = 5.0
    is_spoilt = np.arange(10) == 4
    start = replace(PROTOCOLS, rule=PrePostSTDP(eta_p=1.0, eta_q=1.0))
    clean, found = (left_out_changes(start, values, dq)[0] for values in (dp, spoilt))
    assert found[is_spoilt] == pytest.approx(clean[is_spoilt], abs=1e-6)
    assert np.abs(found[~is_spoilt] - clean[~is_spoilt]).max() > 0.01
