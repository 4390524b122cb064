"""Unreliable, plastic and metabolically costly synapses for Brian2.

The names below are imported, and Brian2 with them, when they are first used: layers of torch and numbers of
one synapse need neither.
"""

from typing import TYPE_CHECKING

# First, since it says so if another package took the place of one that the others import.
from brianpresyn.import_names import install  # isort: skip
from biophys.import_names import lazy_names

if TYPE_CHECKING:
    from brianpresyn.binomial_function import binomial
    from brianpresyn.checked_synapses import reseed, run_args_for_seed, synapses
    from brianpresyn.counter_random import (
        bernoulli_draw,
        binomial_draw,
        normal_draw,
        release_key,
        uniform_draw,
    )
    from brianpresyn.energy import EnergyReport, energy_ledger, energy_report
    from brianpresyn.fitted_synapses import fitted_release
    from brianpresyn.plasticity import release_plasticity
    from brianpresyn.pynn_names import (
        MultiQuantalSynapse,
        SimpleStochasticSynapse,
        StochasticTsodyksMarkramSynapse,
    )
    from brianpresyn.quantal_noise import quantal_variance
    from brianpresyn.quantities_bridge import from_brian, to_brian
    from brianpresyn.release import (
        bernoulli_release,
        binomial_release,
        quantal_release,
        release_counters,
        spontaneous_release,
    )
    from brianpresyn.short_term import stochastic_tsodyks_markram, tsodyks_markram
    from brianpresyn.spike_sweeps import SpikingRun, sweep_spikes
    from brianpresyn.synapse_code import Domain, Stage, SynapseCode
    from brianpresyn.targets import test
    from brianpresyn.unified_stdp import PrePostSTDP, pre_post_stdp
    from brianpresyn.update_signals import (
        UpdateSignal,
        given_signal,
        pair_stdp,
        reward_modulated,
        teacher_error,
        triplet_stdp,
    )

__version__ = "0.1.0"

install()
__getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Domain",
    "EnergyReport",
    "MultiQuantalSynapse",
    "PrePostSTDP",
    "SimpleStochasticSynapse",
    "SpikingRun",
    "Stage",
    "StochasticTsodyksMarkramSynapse",
    "SynapseCode",
    "UpdateSignal",
    "bernoulli_draw",
    "bernoulli_release",
    "binomial",
    "binomial_draw",
    "binomial_release",
    "energy_ledger",
    "energy_report",
    "fitted_release",
    "from_brian",
    "given_signal",
    "normal_draw",
    "pair_stdp",
    "pre_post_stdp",
    "quantal_release",
    "quantal_variance",
    "release_counters",
    "release_key",
    "release_plasticity",
    "reseed",
    "reward_modulated",
    "run_args_for_seed",
    "spontaneous_release",
    "stochastic_tsodyks_markram",
    "sweep_spikes",
    "synapses",
    "teacher_error",
    "test",
    "to_brian",
    "triplet_stdp",
    "tsodyks_markram",
    "uniform_draw",
]
