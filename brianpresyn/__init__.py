"""Unreliable, plastic and metabolically costly synapses for Brian2."""

from brianpresyn.binomial import binomial
from brianpresyn.counter_random import bernoulli_draw, binomial_draw, normal_draw, release_key, uniform_draw
from brianpresyn.plasticity import release_plasticity
from brianpresyn.quantities_bridge import from_brian, to_brian
from brianpresyn.release import bernoulli_release, binomial_release, quantal_release, release_counters
from brianpresyn.synapse_code import Domain, Stage, SynapseCode
from brianpresyn.synapses import synapses
from brianpresyn.update_signals import (
    UpdateSignal,
    given_signal,
    pair_stdp,
    reward_modulated,
    teacher_error,
    triplet_stdp,
)

__all__ = [
    "Domain",
    "Stage",
    "SynapseCode",
    "UpdateSignal",
    "bernoulli_draw",
    "bernoulli_release",
    "binomial",
    "binomial_draw",
    "binomial_release",
    "from_brian",
    "given_signal",
    "normal_draw",
    "pair_stdp",
    "quantal_release",
    "release_counters",
    "release_key",
    "release_plasticity",
    "reward_modulated",
    "synapses",
    "teacher_error",
    "to_brian",
    "triplet_stdp",
    "uniform_draw",
]
