"""What release models of this package release at every event of fixed spike trains, for other simulators.

A model holds every pair of a release probability and a number of sites; its networks join each source to one
neuron, drawn anew, by one synapse.
"""

from collections.abc import Callable

import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms
from numpy.typing import NDArray

from brianpresyn.checked_synapses import CheckedSynapses, synapses
from brianpresyn.release import bernoulli_release, binomial_release, release_counters
from brianpresyn.short_term import stochastic_tsodyks_markram
from brianpresyn.synapse_code import SynapseCode
from brianpresyn.targets import code_generation

PROBABILITIES = (0.05, 0.25, 0.7, 0.95)
NUMBERS_OF_SITES = (1, 5, 12, 40)
N_PAIRS = len(PROBABILITIES) * len(NUMBERS_OF_SITES)


MODELS = ("bernoulli", "binomial", "shared", "depressed")
"""Models by name; of "shared" all synapses have one n and p."""


def model(name: str, n_copies: int) -> SynapseCode:
    """Return a model with so many copies of each pair of n and p, which also counts what it releases."""
    n = np.tile(NUMBERS_OF_SITES, n_copies * len(PROBABILITIES))
    p = np.tile(np.repeat(PROBABILITIES, len(NUMBERS_OF_SITES)), n_copies)
    codes: dict[str, Callable[[], SynapseCode]] = {
        "bernoulli": lambda: bernoulli_release(p, q=1),
        "binomial": lambda: binomial_release(n, p, q=1),
        "shared": lambda: binomial_release(12, 0.7, q=1, shared=True),
        "depressed": lambda: stochastic_tsodyks_markram(p, tau_rec=30 * ms, tau_facil=50 * ms, n=n, q=1),
    }
    return codes[name]() + release_counters()


def trains(n_copies: int, n_steps: int) -> NDArray[np.bool_]:
    """Return trains with a spike in half of the steps of 1 ms; shape (step, source)."""
    return np.random.default_rng(1).random((n_steps, N_PAIRS * n_copies)) < 0.5


def released(
    code: SynapseCode, spikes: NDArray[np.bool_], seed: int
) -> tuple[CheckedSynapses, NDArray[np.int64]]:
    """Return the synapses, and how many quanta each source releases at each step; shape (step, source)."""
    n_steps, n_sources = spikes.shape
    step, source = np.nonzero(spikes)
    post = np.random.default_rng(5).permutation(n_sources)
    with code_generation("numpy"):
        sources = SpikeGeneratorGroup(n_sources, source, (step + 1) * ms, dt=1 * ms)
        cells = NeuronGroup(n_sources, "v : 1", dt=1 * ms)
        connect = {"i": np.arange(n_sources), "j": post}
        options = {"connect": connect, "seed": seed, "numbering": "contacts", "name": "tested", "dt": 1 * ms}
        built = synapses(sources, cells, code, **options)
        monitor = StateMonitor(built, "n_vesicles", record=True, when="end", dt=1 * ms)
        Network(sources, cells, built, monitor).run((n_steps + 1) * ms)
    return built, np.diff(np.array(monitor.n_vesicles), axis=1)[:, :n_steps].T
