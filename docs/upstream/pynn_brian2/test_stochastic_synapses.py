"""Releases of the three synapses against theory, to go beside test/system/scenarios/test_synapse_types.py.

Run it where PyNN and Brian2 are installed, from this folder::

    pytest test_stochastic_synapses.py
"""

import numpy as np
import pytest

pytest.importorskip("pyNN")
pytest.importorskip("lazyarray")

import brian2
import pyNN.brian2 as sim
import stochastic_synapses
from pyNN.random import RandomDistribution

stochastic_synapses.install()
N_CELLS, N_SPIKES, INTERVAL, WEIGHT = 80, 10, 20.0, 0.5


def released(synapse_type):
    """Return the transmitted weight of every spike and cell, from the steps of a fast conductance."""
    brian2.seed(1234)
    sim.setup(timestep=0.1, min_delay=0.1)
    times = 10.0 + INTERVAL * np.arange(N_SPIKES)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    cells = sim.Population(N_CELLS, sim.IF_cond_exp(tau_syn_E=1.0, v_thresh=1e3))
    sim.Projection(source, cells, sim.AllToAllConnector(), synapse_type)
    cells.record("gsyn_exc")
    sim.run(times[-1] + INTERVAL)
    conductance = cells.get_data().segments[0].analogsignals[0].rescale("uS").magnitude
    windows = conductance[-round(N_SPIKES * INTERVAL / 0.1) - 101 :][
        : N_SPIKES * round(INTERVAL / 0.1)
    ]
    peaks = windows.reshape(N_SPIKES, -1, N_CELLS).max(axis=1)
    # What is recorded at the end of the step of the spike has decayed by a step, or not at all.
    return peaks / WEIGHT


def expected_mean(U, tau_rec, tau_facil):
    """Return the mean fraction released at each spike (Fuhrmann et al. 2002), for any number of sites."""
    u, full, fractions = 0.0, 1.0, []
    for k in range(N_SPIKES):
        if k:
            full = 1 - (1 - full) * np.exp(-INTERVAL / tau_rec)
        u = U + u * (1 - U) * (np.exp(-INTERVAL / tau_facil) if k and tau_facil else 0.0)
        fractions.append(u * full)
        full -= u * full
    return np.array(fractions)


def test_simple_stochastic_synapse_releases_with_its_probability():
    p = np.tile([0.0, 0.3, 0.8, 1.0], N_CELLS // 4)[np.newaxis]
    steps = released(sim.SimpleStochasticSynapse(weight=WEIGHT, p=p)) > 0.5
    for value in (0.0, 0.3, 0.8, 1.0):
        counts = steps[:, p[0] == value]
        error = np.sqrt(value * (1 - value) / counts.size)
        assert abs(counts.mean() - value) <= 5 * error


@pytest.mark.parametrize("tau_facil", [0.0, 200.0])
def test_stochastic_tsodyks_markram_synapse_follows_its_mean(tau_facil):
    synapse = sim.StochasticTsodyksMarkramSynapse(
        weight=WEIGHT, U=0.3, tau_rec=100.0, tau_facil=tau_facil
    )
    steps = released(synapse) > 0.5
    mean = expected_mean(0.3, 100.0, tau_facil)
    assert np.all(
        np.abs(steps.mean(axis=1) - mean) <= 5 * np.sqrt(mean * (1 - mean) / N_CELLS)
    )


@pytest.mark.parametrize("n", [1, 5])
def test_multi_quantal_synapse_follows_its_mean_in_quanta(n):
    synapse = sim.MultiQuantalSynapse(
        weight=WEIGHT, U=0.4, n=n, tau_rec=100.0, tau_facil=50.0
    )
    quanta = released(synapse) * n
    scale = quanta[quanta > 0.5].max() / np.rint(quanta.max())
    counts = np.rint(quanta / scale)
    assert np.all(np.abs(quanta - scale * counts) < 0.05 * n)
    assert counts.min() >= 0 and counts.max() <= n
    mean = expected_mean(0.4, 100.0, 50.0)
    # Sites release independently given u, which is the same for all of a synapse.
    assert np.all(
        np.abs(counts.mean(axis=1) / n - mean)
        <= 5 * np.sqrt(mean * (1 - mean) / (n * N_CELLS))
    )


def test_number_of_sites_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="must be a number or an array"):
        sim.MultiQuantalSynapse(n=RandomDistribution("poisson", lambda_=5))
