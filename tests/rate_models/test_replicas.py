"""Every rule and penalty forgets replicas: those that are left learn as in a batch of their own."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biophys.release_plasticity import ReleasePlasticity
from rate_models.consolidation import (
    BayesianGradientDescent,
    ElasticWeightConsolidation,
    MeanFieldSynapses,
    SynapticIntelligence,
)
from rate_models.layout import Layout
from rate_models.metaplastic_uncertainty import MetaplasticUncertainty
from rate_models.optimisers import Adam, GradientDescent, Sgd, adam_of_means_and_noise
from rate_models.posterior import GaussianPrior
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.release_odds import ReleaseOdds
from rate_models.reliability_cost import EntropyCost, MagnitudeCost, PowerCost, ReliabilityCost
from rate_models.replicas import PerReplica
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses

LAYOUT = Layout((4, 3, 2))
SEEDS = [5, 6, 7, 6]


def drawn(lows, members):
    return [lows[member] for member in members]


def sgd(members):
    synapses = DeterministicSynapses(LAYOUT, drawn(SEEDS, members))
    rates = drawn([0.1, 0.2, 0.05, 0.3], members)
    return synapses, GradientDescent(
        Sgd(synapses, learning_rate=rates, l2=drawn([0, 0.1, 0.2, 0.3], members))
    )


def elastic(members):
    synapses = DeterministicSynapses(LAYOUT, drawn(SEEDS, members))
    kinds = drawn(["separate", "online", "online", "separate"], members)
    penalty = ElasticWeightConsolidation(
        synapses, strength=drawn([1.0, 2.0, 3.0, 4.0], members), kind=kinds, decay=0.5
    )
    for _ in range(2):
        fisher = torch.arange(1.0, LAYOUT.n_parameters + 1).expand_as(synapses.learned)
        penalty.consolidate(synapses, fisher * torch.tensor(drawn([1.0, 2.0, 0.5, 1.0], members))[:, None])
        synapses.learned += 0.1
    rates = drawn([0.01, 0.02, 0.03, 0.04], members)
    return synapses, GradientDescent(Adam(synapses, learning_rate=rates, l2=0.1), [penalty])


def intelligence(members):
    synapses = DeterministicSynapses(LAYOUT, drawn(SEEDS, members))
    optimiser = Adam(synapses, learning_rate=drawn([0.01, 0.02, 0.03, 0.02], members))
    rule = SynapticIntelligence(synapses, optimiser, strength=drawn([1.0, 2.0, 3.0, 4.0], members))
    rule.path += torch.tensor(drawn([1.0, 2.0, 0.5, 1.0], members))[:, None]
    rule.consolidate(synapses)
    return synapses, rule


def bayesian(members):
    synapses = MeanFieldSynapses(LAYOUT, drawn(SEEDS, members), draws_per_step=3)
    rates = drawn([1.0, 0.5, 0.1, 2.0], members)
    return synapses, BayesianGradientDescent(synapses, learning_rate=rates)


def metaplastic(members):
    synapses = MeanFieldSynapses(LAYOUT, drawn(SEEDS, members), draws_per_step=2)
    numbers = {
        "learning_rate": [1.0, 0.5, 0.1, 2.0],
        "sigma_rate": [0.1, 0.2, 0.3, 0.4],
        "prior_mean": [0.0, 0.1, 0.2, 0.3],
        "prior_sigma": [1.0, 2.0, 0.5, 0.1],
        "memory": [10.0, math.inf, 100.0, 20.0],
        "clamp": [1.0, math.inf, 0.5, 2.0],
    }
    chosen = {name: drawn(values, members) for name, values in numbers.items()}
    return synapses, MetaplasticUncertainty(synapses, **chosen)


def odds(members):
    p = drawn([0.3, 0.5, 0.75, 0.9], members)
    synapses = BernoulliSynapses(LAYOUT, drawn(SEEDS, members), release_probability=p)
    numbers = {"gain": [1.0, 2.0, 3.0, 4.0], "memory": [10.0, 20.0, math.inf, 5.0], "clamp": [1, 2, 3, 4]}
    chosen = {name: drawn(values, members) for name, values in numbers.items()}
    return synapses, ReleaseOdds(synapses, **chosen, p_freeze=drawn([1.0, 0.8, 0.9, 0.95], members))


def presynaptic(members):
    synapses = BernoulliSynapses(LAYOUT, drawn(SEEDS, members), biases="trained")
    rules = [ReleasePlasticity(p_up=up, form="soft_bound") for up in drawn([0.1, 0.2, 0.1, 0.3], members)]
    rates = drawn([0.1, 0.2, 0.05, 0.3], members)
    return synapses, PresynapticSgd(synapses, rules, learning_rate=rates, l2=drawn([0, 0.1, 0.2, 0], members))


def noisy(members):
    synapses = GaussianSynapses(
        LAYOUT,
        drawn(SEEDS, members),
        initial_sigma=0.1,
        homogeneous=drawn([False, True, False, True], members),
    )
    costs = [
        PowerCost(0.1, 0.5),
        EntropyCost(),
        (PowerCost(0.1, 1.0), PowerCost(0.2, 2.0)),
        PowerCost(0.3, 2),
    ]
    penalties = [
        ReliabilityCost(synapses, drawn(costs, members), share=0.1),
        MagnitudeCost(synapses, drawn([0.1, 0.2, 0.3, 0.4], members), share=0.1),
        GaussianPrior(synapses, drawn([1.0, 0.5, math.inf, 0.2], members), share=0.1),
    ]
    rates = drawn([0.01, 0.02, 0.03, 0.02], members)
    return synapses, GradientDescent(adam_of_means_and_noise(synapses, learning_rate=rates), penalties)


BUILDERS = (sgd, elastic, intelligence, bayesian, metaplastic, odds, presynaptic, noisy)


def step(synapses, rule):
    """Take a step whose gradient is a function of what acts."""
    synapses.draw()
    n = LAYOUT.n_parameters
    synapses.gradient[:, :n] = torch.sin(3 * synapses.effective[:, :n])
    if hasattr(rule, "image_squares"):
        rule.image_squares[:, :n] = synapses.gradient[:, :n].square()
    rule.update(synapses)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(kept=st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True))
def test_replicas_that_are_left_learn_as_in_a_batch_of_their_own(build, kept):
    whole, part = build([0, 1, 2, 3]), build(kept)
    for learner in (whole, part):
        step(*learner)
    whole[0].keep(kept)
    whole[1].keep(kept)
    for learner in (whole, part):
        step(*learner)
    for name, values in part[0].state().items():
        torch.testing.assert_close(whole[0].state()[name], values, rtol=1e-5, atol=1e-6)
    assert getattr(whole[1], "n_replicas", len(kept)) == len(kept)


@pytest.mark.parametrize("kept", [[], [4], [-1]])
def test_replicas_that_are_not_there_are_refused(kept):
    for build in (odds, bayesian, intelligence, presynaptic):
        with pytest.raises(ValueError, match="replicas must be positions"):
            build([0, 1, 2, 3])[1].keep(kept)


def test_what_is_the_same_for_all_stays():
    held = PerReplica()
    held.by_replica = ("row", "entry", "shared", "none")
    held.row, held.entry, held.shared, held.none = torch.arange(3)[:, None], ["a", "b", "c"], 0.5, None
    held.keep([2, 0])
    assert held.row.flatten().tolist() == [2, 0] and held.entry == ["c", "a"]
    assert (held.shared, held.none, held.n_replicas) == (0.5, None, 2)
