"""Lesions take the lowest scores first and heal; energy and accuracy are what they count."""

import numpy as np
import pytest
import torch

from rate_models.devices import Execution
from rate_models.evaluation import (
    accuracy,
    energy_per_synapse,
    mean_softmax,
    neuronal_energy,
    removal_ranks,
    synaptic_energy,
    under_lesions,
)
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses

LAYOUT = Layout((6, 5, 3))
DOUBLE = Execution(dtype="float64")
IMAGES = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 6)))


def bernoulli(p="uniform", seeds=(1, 2)):
    return BernoulliSynapses(LAYOUT, list(seeds), release_probability=p, execution=DOUBLE)


@pytest.mark.parametrize(
    ("order", "score"),
    [
        ("release_probability", lambda s: s.p),
        ("strength", lambda s: s.strength.abs()),
        ("strength_times_p", lambda s: s.strength.abs() * s.p),
    ],
)
def test_the_lowest_scores_go_first(order, score):
    synapses = bernoulli()
    ranks = removal_ranks(synapses, order)
    in_order = score(synapses).gather(1, ranks.argsort(dim=1))
    assert (in_order.diff(dim=1) >= 0).all()
    assert torch.equal(ranks.sort(dim=1).values, torch.arange(LAYOUT.n_weights).expand(2, -1))


def test_ties_break_at_random_and_alike_in_any_batch():
    ranks = removal_ranks(bernoulli(p=0.25, seeds=(1, 2)), "release_probability")
    assert not torch.equal(ranks[0], ranks[1])
    assert abs(float(torch.corrcoef(torch.stack([ranks[0], torch.arange(45)]).double())[0, 1])) < 0.6
    assert torch.equal(removal_ranks(bernoulli(p=0.25, seeds=(2,)), "release_probability")[0], ranks[1])


def test_lesions_silence_a_share_and_heal():
    synapses = bernoulli()
    before = synapses.learned.clone()
    found = under_lesions(
        synapses, "random", [0.0, 0.4, 1.0], lambda: (synapses.strength == 0).double().mean(dim=1)
    )
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.0], [0.4, 0.4], [1.0, 1.0]]).double())
    assert torch.equal(synapses.learned, before)


def test_lesions_heal_after_a_failure():
    synapses = bernoulli()
    before = synapses.learned.clone()

    def fails():
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError, match="no answer"):
        under_lesions(synapses, "random", [0.5], fails)
    assert torch.equal(synapses.learned, before)


def test_wrong_lesions_are_named():
    with pytest.raises(ValueError, match="got 'age'"):
        removal_ranks(bernoulli(), "age")
    with pytest.raises(ValueError, match=r"fractions must be a sequence of numbers from 0 to 1, got \[1.5\]"):
        under_lesions(bernoulli(), "random", [1.5], lambda: torch.zeros(2))
    with pytest.raises(ValueError, match="DeterministicSynapses have no release probability"):
        removal_ranks(DeterministicSynapses(LAYOUT, [1]), "release_probability")


def test_synaptic_energy_is_the_mean_transmission_of_every_synapse():
    synapses = bernoulli(p=0.3, seeds=(4,))
    n_draws, total = 4000, 0
    for _ in range(n_draws):
        synapses.draw()
        total = total + synapses.effective[:, : LAYOUT.n_weights].abs()
    transmitted, demand = total / n_draws, energy_per_synapse(synapses)
    se = demand * (0.7 / 0.3 / n_draws) ** 0.5
    assert (abs(transmitted - demand) < 5 * se).all()
    torch.testing.assert_close(synaptic_energy(synapses), demand.sum(dim=1))


def test_neuronal_energy_is_the_summed_hidden_activity():
    synapses = DeterministicSynapses(LAYOUT, [4, 5], execution=DOUBLE)
    network = FeedForward(LAYOUT)
    streams = synapses.evaluation_streams()
    found = neuronal_energy(network, synapses, IMAGES, streams=streams, images_per_draw=7)
    hidden = network.activities(IMAGES.expand(2, 40, 6), synapses.learned)[1]
    torch.testing.assert_close(found, hidden.sum(dim=2).mean(dim=1))


def test_mean_softmax_averages_probabilities_over_draws():
    synapses, network = bernoulli(p=0.5, seeds=(3,)), FeedForward(LAYOUT)
    many = mean_softmax(
        network, synapses, IMAGES, streams=synapses.evaluation_streams(), n_samples=400, images_per_draw=20
    )
    torch.testing.assert_close(many.sum(dim=-1), torch.ones(1, 40, dtype=torch.float64))
    streams = synapses.evaluation_streams()
    by_hand = torch.stack(
        [torch.softmax(network.logits(IMAGES[None], synapses.sample(streams)), -1) for _ in range(400)]
    )
    se = by_hand.std(dim=0) * (2 / 400) ** 0.5
    assert (abs(many - by_hand.mean(dim=0)) < 5 * se).all()


def test_pixels_are_shown_in_the_order_of_each_replica():
    synapses, network = DeterministicSynapses(LAYOUT, [1, 2], execution=DOUBLE), FeedForward(LAYOUT)
    order = torch.stack([torch.arange(6), torch.arange(5, -1, -1)])
    shown = mean_softmax(network, synapses, IMAGES, streams=synapses.evaluation_streams(), pixel_order=order)
    flipped = torch.softmax(network.logits(IMAGES.flip(1).expand(2, 40, 6), synapses.learned), dim=-1)
    torch.testing.assert_close(shown[1], flipped[1])


def test_accuracy_of_known_answers():
    probability = torch.tensor([[[0.8, 0.2], [0.4, 0.6]], [[0.4, 0.6], [0.1, 0.9]]], dtype=torch.float64)
    assert accuracy(probability, torch.tensor([0, 0])).tolist() == [0.5, 0.0]
