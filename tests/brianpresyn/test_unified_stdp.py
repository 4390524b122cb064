"""Unified pre- and postsynaptic STDP against the sums over spikes, and its bounds."""

import numpy as np
import pytest
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, mV

from brianpresyn import bernoulli_release, synapses
from brianpresyn.unified_stdp import PrePostSTDP, pre_post_stdp

pytestmark = pytest.mark.usefixtures("on_numpy")


def after(pre, post, rule, p=0.5, q=0.2):
    """Return p and q (mV) of one synapse after these spikes (ms)."""
    source = SpikeGeneratorGroup(1, np.zeros(len(pre), int), np.array(pre) * ms)
    driver = SpikeGeneratorGroup(1, np.zeros(len(post), int), np.array(post) * ms - 0.1 * ms)
    target = NeuronGroup(1, "v : volt\nforced : 1", threshold="forced > 0.5", reset="forced = 0")
    force = Synapses(driver, target, on_pre="forced_post = 1")
    force.connect()
    code = bernoulli_release(p=p, q=q * mV) + pre_post_stdp(rule, q_0=0.2 * mV)
    connection = synapses(source, target, code, connect=True, seed=1)
    Network(source, driver, target, force, connection).run((max(*pre, *post) + 1) * ms)
    return float(connection.p[0]), float(connection.q[0] / mV)


def trace(t, spikes, tau):
    return sum(np.exp(-(t - s) / tau) for s in spikes if s < t)


@pytest.mark.parametrize(
    "pre, post", [([10.0, 30.0, 55.0], [20.0, 40.0]), ([20.0, 40.0], [10.0, 30.0, 50.0])]
)
def test_changes_are_the_published_sums(pre, post):
    rule = PrePostSTDP(eta_p=0.2, eta_q=0.3)
    p, q = 0.5, 0.2
    for t in pre:
        x_plus, y_plus, y_minus = trace(t, pre, 66.6), trace(t, post, 230.2), trace(t, post, 32.7)
        p += 0.2 * (0.1548 * y_plus * x_plus - 0.1771 * y_plus * y_minus)
    for t in post:
        q += 0.3 * 0.0618 * 0.2 * trace(t, pre, 66.6) * trace(t, post, 32.7)
    assert after(pre, post, rule) == pytest.approx((p, q), rel=1e-9)


def test_a_pair_changes_p_only_if_the_postsynaptic_spike_is_first():
    assert after([20.0], [30.0], PrePostSTDP()) == (0.5, 0.2)
    p, q = after([30.0], [20.0], PrePostSTDP())
    assert p < 0.5 and q == pytest.approx(0.2)


def test_bounds_are_kept():
    spikes = list(np.arange(10.0, 300.0, 10.0))
    later = [t + 2 for t in spikes]
    p, q = after(spikes, later, PrePostSTDP(eta_p=1.0, eta_q=1.0, p_max=0.8, q_max=1.5))
    assert p <= 0.8 and q == pytest.approx(0.3)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"tau_x_plus": 20}, TypeError, "tau_x_plus must be a time"),
        ({"d_plus": "much"}, TypeError, "d_plus must be a number"),
        ({"p_min": 0.9, "p_max": 0.5}, ValueError, "p_min must be below p_max, got 0.9 and 0.5"),
        ({"p_max": 1.5}, ValueError, "p_max must lie in"),
    ],
)
def test_bad_parameters_are_named(options, error, message):
    with pytest.raises(error, match=message):
        PrePostSTDP(**options)


def test_the_scale_of_q_must_be_positive():
    with pytest.raises(ValueError, match="q_0 must be above 0"):
        pre_post_stdp(q_0=0 * mV)
