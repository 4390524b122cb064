"""The counter-based generator: published known answers, distributions, and the same draws on every target."""

import numpy as np
import pytest
from scipy import stats

from brianpresyn.counter_random import (
    bernoulli_draw,
    binomial_draw,
    normal_draw,
    random_bits,
    release_key,
    splitmix64,
    uniform_draw,
)

# The first numbers of SplitMix64 for two seeds, as its reference implementation gives them.
KNOWN_ANSWERS = {
    1234567: [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ],
    0: [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4],
}
SYNAPSES = np.arange(100_000)


def on_numpy(function, *arguments):
    return function.implementations["numpy"].get_code(None)(*arguments, SYNAPSES)


@pytest.mark.parametrize("seed", KNOWN_ANSWERS)
def test_generator_gives_the_published_answers(seed):
    expected = KNOWN_ANSWERS[seed]
    assert splitmix64(seed, np.arange(1, len(expected) + 1)).tolist() == expected


@pytest.mark.parametrize("key", [0, 1, -1, 2**31 - 1])
def test_every_synapse_is_a_stream_of_the_generator(key):
    # The seed of synapse 0 is the mixture of the key; that is the generator's number 0 for the key as seed.
    seed = int(splitmix64(key & 0xFFFFFFFF, 0)[0])
    own = [(seed + synapse * 0xD1342543DE82EF95) % 2**64 for synapse in range(5)]
    bits = random_bits(key, 7, np.arange(5))
    assert bits.tolist() == [int(splitmix64(np.uint64(s), 7)[0]) for s in own]


def test_bits_of_neighbouring_synapses_and_events_fill_the_square():
    event, synapse = np.meshgrid(np.arange(1, 400), np.arange(400))
    bits = random_bits(3, event.ravel(), synapse.ravel()).reshape(event.shape) >> np.uint64(58)
    for first, second in ((bits[:, 1:], bits[:, :-1]), (bits[1:], bits[:-1])):
        pairs = np.bincount((first * np.uint64(64) + second).ravel().astype(int), minlength=4096)
        assert stats.chisquare(pairs).pvalue > 1e-4


def test_uniform_draws_are_uniform():
    draws = on_numpy(uniform_draw, 7, 1)
    assert stats.kstest(draws, "uniform").pvalue > 1e-4
    assert draws.min() >= 0 and draws.max() < 1


def test_draws_of_neighbouring_events_and_synapses_are_uncorrelated():
    first, second = on_numpy(uniform_draw, 7, 1), on_numpy(uniform_draw, 7, 2)
    other_key = on_numpy(uniform_draw, 8, 1)
    limit = 5 / np.sqrt(first.size)
    assert abs(np.corrcoef(first, second)[0, 1]) < limit
    assert abs(np.corrcoef(first, other_key)[0, 1]) < limit
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < limit


def test_normal_draws_are_standard_normal():
    assert stats.kstest(on_numpy(normal_draw, 3, 5), "norm").pvalue > 1e-4


@pytest.mark.parametrize("p", [0.0, 0.02, 0.3, 0.8, 1.0])
def test_bernoulli_draws_have_probability_p(p):
    released = on_numpy(bernoulli_draw, 11, 4, p)
    assert abs(released.mean() - p) <= 5 * np.sqrt(p * (1 - p) / released.size)


@pytest.mark.parametrize(
    "n, p", [(1, 0.3), (5, 0.7), (10, 0.05), (16, 0.5), (17, 0.9), (100, 0.02), (64, 0.6)]
)
def test_binomial_draws_follow_the_binomial_distribution(n, p):
    released = on_numpy(binomial_draw, 5, 2, np.full(SYNAPSES.size, n), np.full(SYNAPSES.size, p))
    expected = stats.binom.pmf(np.arange(n + 1), n, p) * released.size
    is_common = expected >= 5
    counts = np.bincount(released, minlength=n + 1)
    observed = np.append(counts[is_common], counts[~is_common].sum())
    wanted = np.append(expected[is_common], expected[~is_common].sum())
    has_mass = wanted > 0
    assert stats.chisquare(observed[has_mass], wanted[has_mass], sum_check=False).pvalue > 1e-4


@pytest.mark.parametrize("p, released", [(0.0, 0), (1.0, 7)])
def test_binomial_draws_are_certain_at_the_ends(p, released):
    assert np.all(
        on_numpy(binomial_draw, 5, 2, np.full(SYNAPSES.size, 7), np.full(SYNAPSES.size, p)) == released
    )


def test_one_site_releases_with_probability_p():
    n, p = np.ones(SYNAPSES.size, int), np.full(SYNAPSES.size, 2.0**-4)
    released = on_numpy(binomial_draw, 5, 2, n, p)
    assert abs(released.mean() - 2.0**-4) < 5 * np.sqrt(2.0**-4 / SYNAPSES.size)


def test_release_key_depends_on_seed_and_stream():
    keys = {release_key(seed, stream) for seed in range(50) for stream in ("a", "b", "c")}
    assert len(keys) == 150
    assert all(-(2**31) <= key < 2**31 for key in keys)


@pytest.mark.parametrize(
    "seed, error", [(-1, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)]
)
def test_release_key_refuses_what_is_not_a_seed(seed, error):
    with pytest.raises(error, match="seed must"):
        release_key(seed)
