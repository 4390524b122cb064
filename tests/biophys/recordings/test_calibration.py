"""Truths from the prior rank evenly among draws of the posterior (simulation-based calibration)."""

import numpy as np
import pytest
import quantities as pq
from scipy.stats import chisquare

from biophys import QuantalSynapse, ShortTermDynamics, fit_releases, simulate_recording

TIMES = np.cumsum([0.0, 15.0, 15.0, 40.0, 100.0, 20.0, 300.0]) * pq.ms
RECOVERY = 20.0, 500.0
N_MOST = 5


def drawn(is_train, rng):
    """A recording of a synapse from the prior, as arguments, and its truth; n of trains is known."""
    n, p, noise = int(rng.integers(1, N_MOST + 1)), rng.uniform(), rng.uniform(0.1, 0.5)
    synapse, sd = QuantalSynapse(n, p, 10 * pq.pA), 10 * noise * pq.pA
    truth = {"n": n, "p": p, "q": 10.0, "mean": 10 * n * p}
    if not is_train:
        return {
            "amplitudes": simulate_recording(synapse, n_trials=15, noise=sd, rng=rng)[0],
            "noise": sd,
        }, truth
    tau = np.exp(rng.uniform(*np.log(RECOVERY)))
    dynamics = ShortTermDynamics(p, tau * pq.ms, 0 * pq.ms)
    x = simulate_recording(synapse, n_sweeps=4, spike_times=TIMES, dynamics=dynamics, noise=sd, rng=rng)
    arguments = {"amplitudes": x, "noise": sd, "n": n, "spike_times": TIMES, "dynamics": "depletion"}
    return arguments, truth | {"recovery": tau}


def ranks(fit, truth, noise, rng, n_draws=39):
    """The rank of each truth among draws, or nothing where hardly any lies within the prior of the truths."""
    draws = fit.posterior(1000, rng=rng, n_max=N_MOST)
    # The posterior is flat in log q without ends; that of noise / q even between two is proportional to it.
    weight = noise / draws["q"]
    weight *= (weight >= 0.1) & (weight <= 0.5)
    if "recovery" in truth:
        weight *= (draws["recovery"] >= RECOVERY[0]) & (draws["recovery"] <= RECOVERY[1])
    if weight.sum() ** 2 <= 100 * (weight**2).sum():
        return {}
    chosen = rng.choice(weight.size, n_draws, p=weight / weight.sum())
    among = {name: draws[name][chosen] for name in truth}
    alike = {name: rng.integers(0, np.sum(among[name] == value) + 1) for name, value in truth.items()}
    return {name: np.sum(among[name] < value) + alike[name] for name, value in truth.items()}


@pytest.mark.filterwarnings("ignore:the posterior is far")
@pytest.mark.parametrize(("is_train", "n_synapses"), [(False, 200), (True, 80)])
def test_truths_rank_evenly_among_draws_of_the_posterior(is_train, n_synapses):
    rng = np.random.default_rng(3)
    recordings, truths = zip(*(drawn(is_train, rng) for _ in range(n_synapses)), strict=True)
    each = [
        ranks(fit, truth, float(recording["noise"]), rng)
        for fit, truth, recording in zip(fit_releases(list(recordings)), truths, recordings, strict=True)
    ]
    ranked = [row for row in each if row]
    assert len(ranked) > 0.7 * n_synapses
    for name in set(ranked[0]) - ({"n"} if is_train else set()):
        counts = np.histogram([row[name] for row in ranked], np.arange(0, 41, 5))[0]
        assert chisquare(counts).pvalue > 1e-3, (name, counts)
