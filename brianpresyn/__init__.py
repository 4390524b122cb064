"""Unreliable, plastic and metabolically costly synapses for Brian2."""

from brianpresyn.binomial import binomial
from brianpresyn.counter_random import bernoulli_draw, binomial_draw, normal_draw, release_key, uniform_draw
from brianpresyn.quantities_bridge import from_brian, to_brian
from brianpresyn.release import bernoulli_release, binomial_release, quantal_release, release_counters
from brianpresyn.synapse_code import Domain, Stage, SynapseCode
from brianpresyn.synapses import synapses

__all__ = [
    "Domain",
    "Stage",
    "SynapseCode",
    "bernoulli_draw",
    "bernoulli_release",
    "binomial",
    "binomial_draw",
    "binomial_release",
    "from_brian",
    "normal_draw",
    "quantal_release",
    "release_counters",
    "release_key",
    "synapses",
    "to_brian",
    "uniform_draw",
]
