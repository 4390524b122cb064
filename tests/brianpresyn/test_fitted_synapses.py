"""A fit to recorded responses, simulated in a network, gives back the parameters: the circle closes."""

import brian2 as b2
import numpy as np
import quantities as pq

from biophys import QuantalVariability, fit_release
from brianpresyn import quantal_variance, stochastic_tsodyks_markram, synapses, to_brian

TIMES = np.round(np.cumsum(np.random.default_rng(2).uniform(10.0, 120.0, 15))) + 1.0
N_SWEEPS = 20


def responses(n, p, q, recovery, seed):
    """Responses of a Brian2 synapse with depletion and quantal variability, one sweep a synapse."""
    b2.start_scope()
    source = b2.SpikeGeneratorGroup(1, np.zeros(TIMES.size, int), TIMES * b2.ms)
    target = b2.NeuronGroup(N_SWEEPS, "v : volt", method="exact")
    code = stochastic_tsodyks_markram(p, tau_rec=recovery, n=n, q=q)
    built = synapses(source, target, quantal_variance(code, cv_within=0.3), connect=True, seed=seed)
    monitor = b2.StateMonitor(target, "v", record=True, dt=1 * b2.ms)
    network = b2.Network(source, target, built, monitor)
    network.run((TIMES[-1] + 3) * b2.ms, namespace={})
    index = np.rint(TIMES).astype(int)
    v = np.asarray(monitor.v / b2.mV)
    return (v[:, index + 1] - v[:, index - 1]) * pq.mV


def test_synapse_to_recording_to_synapse():
    noise = 0.05
    rng = np.random.default_rng(3)
    x = responses(4, 0.5, 0.4 * b2.mV, 150 * b2.ms, 1)
    x = x + rng.normal(0, noise, x.shape) * pq.mV
    options = {"noise": noise * pq.mV, "dynamics": "depletion", "variability": QuantalVariability(0.3)}
    fit = fit_release(x, TIMES * pq.ms, **options)
    assert fit.n.holds(4) and fit.p.holds(0.5) and fit.q.holds(0.4) and fit.recovery.holds(150)
    # The other way: what was fitted is simulated and fitted again.
    found, dynamics = fit.synapse(allow_unidentified=True), fit.dynamics
    again = responses(found.n, found.p, to_brian(found.q), to_brian(dynamics.recovery), 2)
    again = again + rng.normal(0, noise, again.shape) * pq.mV
    second = fit_release(again, TIMES * pq.ms, n=int(found.n), **options)
    assert second.p.holds(found.p) and second.q.holds(float(found.q))
    assert second.recovery.holds(float(dynamics.recovery))
