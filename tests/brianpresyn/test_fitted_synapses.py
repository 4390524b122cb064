"""A fit to recorded responses, simulated in a network, gives back the parameters: the circle closes."""

import brian2 as b2
import numpy as np
import pytest
import quantities as pq

from biophys import (
    QuantalSynapse,
    QuantalVariability,
    ShortTermDynamics,
    fit_release,
    simulate_recording,
)
from brianpresyn import fitted_release, quantal_variance, stochastic_tsodyks_markram, synapses

TIMES = np.round(np.cumsum(np.random.default_rng(2).uniform(10.0, 120.0, 15))) + 1.0
N_SWEEPS = 20


def responses(code, seed):
    """Responses of a Brian2 synapse, one sweep a synapse."""
    b2.start_scope()
    source = b2.SpikeGeneratorGroup(1, np.zeros(TIMES.size, int), TIMES * b2.ms)
    target = b2.NeuronGroup(N_SWEEPS, "v : volt", method="exact")
    built = synapses(source, target, code, connect=True, seed=seed)
    monitor = b2.StateMonitor(target, "v", record=True, dt=1 * b2.ms)
    network = b2.Network(source, target, built, monitor)
    network.run((TIMES[-1] + 3) * b2.ms, namespace={})
    index = np.rint(TIMES).astype(int)
    v = np.asarray(monitor.v / b2.mV)
    return (v[:, index + 1] - v[:, index - 1]) * pq.mV


def test_synapse_to_recording_to_synapse():
    noise = 0.05
    rng = np.random.default_rng(3)
    code = stochastic_tsodyks_markram(0.5, tau_rec=150 * b2.ms, n=4, q=0.4 * b2.mV)
    x = responses(quantal_variance(code, cv_within=0.3), 1)
    x = x + rng.normal(0, noise, x.shape) * pq.mV
    options = {"noise": noise * pq.mV, "dynamics": "depletion", "variability": QuantalVariability(0.3)}
    fit = fit_release(x, TIMES * pq.ms, **options)
    assert fit.n.holds(4) and fit.p.holds(0.5) and fit.q.holds(0.4) and fit.recovery.holds(150)
    # The other way: what was fitted is simulated and fitted again.
    again = responses(fitted_release(fit, allow_unidentified=True), 2)
    again = again + rng.normal(0, noise, again.shape) * pq.mV
    second = fit_release(again, TIMES * pq.ms, n=int(fit.n.value), **options)
    assert second.p.holds(fit.p.value) and second.q.holds(fit.q.value)
    assert second.recovery.holds(fit.recovery.value)


def test_trains_of_two_conditions_become_a_synapse_each_with_the_same_dynamics():
    rng = np.random.default_rng(8)
    labels = np.repeat(["low", "high"], 10).tolist()
    parts = []
    for p in (0.2, 0.6):
        synapse, dynamics = QuantalSynapse(4, p, 0.4 * pq.mV), ShortTermDynamics(p, 150 * pq.ms, 0 * pq.ms)
        parts.append(
            simulate_recording(synapse, rng=rng, n_sweeps=10, spike_times=TIMES * pq.ms, dynamics=dynamics)
        )
    x = np.concatenate([part.magnitude for part in parts]) + rng.normal(0, 0.05, (20, TIMES.size))
    fit = fit_release(
        x * pq.mV, TIMES * pq.ms, conditions=labels, noise=0.05 * pq.mV, dynamics="depletion", n=4
    )
    for label in ("low", "high"):
        code = fitted_release(fit, condition=label)
        assert float(code.initial["n"]) == 4 and fit.dynamics_of(label).p == fit.p[label].value
        assert float(fit.dynamics_of(label).recovery.rescale("ms")) == fit.recovery.value
    with pytest.raises(ValueError, match=r"name it, as in dynamics_of\('low'\)"):
        fit.dynamics  # noqa: B018
    with pytest.raises(ValueError, match="condition must be one of 'low', 'high'"):
        fit.dynamics_of("lo")


def test_independent_responses_of_either_sign_and_condition_become_a_release_model():
    rng = np.random.default_rng(4)
    x = -np.concatenate([rng.binomial(3, p, 200) * 12.0 for p in (0.2, 0.6)]) + rng.normal(0, 1, 400)
    labels = ["low"] * 200 + ["high"] * 200
    fit = fit_release(
        x * pq.pA, conditions=labels, noise=1 * pq.pA, variability=QuantalVariability(0.1, family="normal")
    )
    code = fitted_release(fit, condition="high", target="I_syn")
    assert code.initial["n"] == 3 and float(code.initial["p"]) == fit.p["high"].value
    assert float(code.initial["q"] / b2.pamp) == pytest.approx(fit.q.value) and fit.q.value < 0
    assert "cv_within" in code.pre_code and "normal_draw" in code.pre_code
    with pytest.raises(ValueError, match="condition must be one of 'low', 'high', got None"):
        fitted_release(fit)


def test_dynamics_that_brian_does_not_have_are_refused():
    x = np.random.default_rng(5).normal(10, 3, (3, 4)) * pq.pA
    fit = fit_release(x, TIMES[:4] * pq.ms, dynamics="release-independent", n=1, noise=2 * pq.pA)
    with pytest.raises(ValueError, match="dynamics 'release-independent' are not those"):
        fitted_release(fit)
