"""Unreliable, plastic and metabolically costly synapses for Brian2.

The names below are imported, and Brian2 with them, when they are first used: layers of torch and numbers of
one synapse need neither.
"""

from typing import TYPE_CHECKING

# First, since it says so if another package took the place of one that the others import.
from brianpresyn.import_names import install  # isort: skip
from biophys.import_names import lazy_names

if TYPE_CHECKING:
    from brianpresyn.binomial_function import binomial as binomial
    from brianpresyn.checked_synapses import reseed as reseed
    from brianpresyn.checked_synapses import run_args_for_seed as run_args_for_seed
    from brianpresyn.checked_synapses import synapses as synapses
    from brianpresyn.counter_random import bernoulli_draw as bernoulli_draw
    from brianpresyn.counter_random import binomial_draw as binomial_draw
    from brianpresyn.counter_random import normal_draw as normal_draw
    from brianpresyn.counter_random import release_key as release_key
    from brianpresyn.counter_random import uniform_draw as uniform_draw
    from brianpresyn.energy import EnergyReport as EnergyReport
    from brianpresyn.energy import energy_ledger as energy_ledger
    from brianpresyn.energy import energy_report as energy_report
    from brianpresyn.fitted_synapses import fitted_release as fitted_release
    from brianpresyn.plasticity import release_plasticity as release_plasticity
    from brianpresyn.pynn_names import MultiQuantalSynapse as MultiQuantalSynapse
    from brianpresyn.pynn_names import SimpleStochasticSynapse as SimpleStochasticSynapse
    from brianpresyn.pynn_names import StochasticTsodyksMarkramSynapse as StochasticTsodyksMarkramSynapse
    from brianpresyn.quantal_noise import quantal_variance as quantal_variance
    from brianpresyn.quantities_bridge import from_brian as from_brian
    from brianpresyn.quantities_bridge import to_brian as to_brian
    from brianpresyn.release import bernoulli_release as bernoulli_release
    from brianpresyn.release import binomial_release as binomial_release
    from brianpresyn.release import quantal_release as quantal_release
    from brianpresyn.release import release_counters as release_counters
    from brianpresyn.release import spontaneous_release as spontaneous_release
    from brianpresyn.short_term import stochastic_tsodyks_markram as stochastic_tsodyks_markram
    from brianpresyn.short_term import tsodyks_markram as tsodyks_markram
    from brianpresyn.spike_sweeps import SpikingRun as SpikingRun
    from brianpresyn.spike_sweeps import sweep_spikes as sweep_spikes
    from brianpresyn.synapse_code import Domain as Domain
    from brianpresyn.synapse_code import Stage as Stage
    from brianpresyn.synapse_code import SynapseCode as SynapseCode
    from brianpresyn.targets import test as test
    from brianpresyn.unified_stdp import PrePostSTDP as PrePostSTDP
    from brianpresyn.unified_stdp import pre_post_stdp as pre_post_stdp
    from brianpresyn.update_signals import UpdateSignal as UpdateSignal
    from brianpresyn.update_signals import given_signal as given_signal
    from brianpresyn.update_signals import pair_stdp as pair_stdp
    from brianpresyn.update_signals import reward_modulated as reward_modulated
    from brianpresyn.update_signals import teacher_error as teacher_error
    from brianpresyn.update_signals import triplet_stdp as triplet_stdp

__version__ = "0.1.0"

install()
__getattr__, __dir__, __all__ = lazy_names(__name__)
