"""Short-term plasticity: known trains, the stochastic mean, and stationary moments."""

import numpy as np
import pytest
import quantities as pq
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms, mV, second

from biophys.quantal import QuantalSynapse
from biophys.short_term import ShortTermDynamics, stationary_response
from brianpresyn import synapses
from brianpresyn.short_term import stochastic_tsodyks_markram, tsodyks_markram

pytestmark = pytest.mark.usefixtures("on_numpy")


def responses(code, times, n_synapses=1):
    """Return the response in mV of every synapse to each spike at these times (ms)."""
    times = np.asarray(times, dtype=float)
    source = SpikeGeneratorGroup(1, np.zeros(times.size, int), times * ms, dt=1 * ms)
    target = NeuronGroup(n_synapses, "v : volt", dt=1 * ms)
    connection = synapses(source, target, code, connect=True, seed=3, dt=1 * ms)
    monitor = StateMonitor(target, "v", record=True, when="end", dt=1 * ms)
    Network(source, target, connection, monitor).run((times[-1] + 1) * ms)
    jumps = np.diff(np.asarray(monitor.v / mV), axis=1, prepend=0)
    return jumps[:, times.astype(int)]


def expected_train(p, tau_rec, tau_facil, times):
    """Follow u and x from spike to spike."""
    u, x, last, sent = 0.0, 1.0, None, []
    for t in times:
        if last is not None:
            x = 1 - (1 - x) * np.exp(-(t - last) / tau_rec)
            u *= np.exp(-(t - last) / tau_facil) if tau_facil else 0.0
        u += p * (1 - u)
        sent.append(u * x)
        x -= u * x
        last = t
    return np.array(sent)


TIMES = [5, 15, 40, 41, 140, 300]
CASES = [(0.5, 800.0, 0.0), (0.1, 100.0, 600.0), (0.3, 50.0, 20.0)]


@pytest.mark.parametrize("p, tau_rec, tau_facil", CASES)
def test_deterministic_train(p, tau_rec, tau_facil):
    code = tsodyks_markram(p, tau_rec=tau_rec * ms, tau_facil=tau_facil * ms, n=4, q=0.5 * mV)
    expected = 4 * 0.5 * expected_train(p, tau_rec, tau_facil, TIMES)
    np.testing.assert_allclose(responses(code, TIMES)[0], expected, rtol=1e-9)


def test_what_is_active_recovers_through_the_inactive_state():
    tau_rec, tau_active, gap, p = 50.0, 10.0, 20.0, 0.6
    code = tsodyks_markram(p, tau_rec=tau_rec * ms, tau_active=tau_active * ms, q=1 * mV)
    # The solution of dw/dt = -(w - y)/tau_rec for w = 1 - x = y + z, from w = y = p.
    recovered, inactive = np.exp(-gap / tau_rec), np.exp(-gap / tau_active)
    missing = p * (recovered + tau_active / (tau_rec - tau_active) * (recovered - inactive))
    np.testing.assert_allclose(responses(code, [5, 5 + gap])[0], [p, p * (1 - missing)], rtol=1e-9)


def test_sites_are_docked_or_empty():
    code = stochastic_tsodyks_markram(1.0, tau_rec=1e6 * second, n=3, q=1 * mV)
    source = SpikeGeneratorGroup(1, [0], [0] * ms, dt=1 * ms)
    target = NeuronGroup(1, "v : volt", dt=1 * ms)
    connection = synapses(source, target, code, connect=True, seed=3, dt=1 * ms)
    assert connection.docked[0] == 3
    Network(source, target, connection).run(1 * ms)
    assert (connection.docked[0], connection.n_empty[0]) == (0, 3)


@pytest.mark.parametrize("p, tau_rec, tau_facil", CASES)
@pytest.mark.parametrize("draws", ["counter", "brian2"])
def test_mean_of_the_stochastic_train_is_the_deterministic_one(p, tau_rec, tau_facil, draws):
    n, n_synapses = 3, 3000
    code = stochastic_tsodyks_markram(
        p, tau_rec=tau_rec * ms, tau_facil=tau_facil * ms, n=n, q=1 * mV, draws=draws
    )
    measured = responses(code, TIMES, n_synapses)
    x = expected_train(p, tau_rec, tau_facil, TIMES)
    error = np.sqrt(n * x * (1 - x) / n_synapses)
    assert np.all(abs(measured.mean(axis=0) - n * x) < 5 * error)


def test_stationary_moments_are_those_of_biophys():
    times = np.arange(1, 4000, 50)
    p, tau_rec, tau_facil = 0.25, 300.0, 150.0
    code = stochastic_tsodyks_markram(p, tau_rec=tau_rec * ms, tau_facil=tau_facil * ms, n=6, q=1 * mV)
    measured = responses(code, times, n_synapses=600)[:, 40:]
    dynamics = ShortTermDynamics(p, recovery=tau_rec * pq.ms, facilitation=tau_facil * pq.ms)
    expected = stationary_response(QuantalSynapse(n=6, p=p, q=1 * pq.mV), dynamics, 20 * pq.Hz)
    # Responses of one synapse are correlated over time, so the error comes from the means of the synapses.
    means, variances = measured.mean(axis=1), measured.var(axis=0, ddof=1)
    assert abs(means.mean() - float(expected.mean)) < 5 * means.std() / np.sqrt(means.size)
    assert abs(variances.mean() / float(expected.variance) - 1) < 5 * np.sqrt(2.5 / measured.size * 4)


def test_all_vesicles_are_released_once_at_p_1():
    code = stochastic_tsodyks_markram(1.0, tau_rec=1e9 * second, n=5, q=1 * mV)
    np.testing.assert_array_equal(responses(code, [1, 2, 3], n_synapses=4), [[5, 0, 0]] * 4)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"tau_rec": 0.8}, TypeError, "tau_rec must be a time"),
        ({"tau_rec": 0 * ms}, ValueError, "tau_rec must be a positive time"),
        ({"tau_rec": 8 * ms, "tau_facil": -1 * ms}, ValueError, "tau_facil must be a positive time"),
        ({"tau_rec": 8 * ms, "n": -1}, ValueError, "n must be a whole number"),
    ],
)
def test_bad_input_is_named(options, error, message):
    for model in (tsodyks_markram, stochastic_tsodyks_markram):
        with pytest.raises(error, match=message):
            model(0.5, q=1 * mV, **options)
