"""The counter-based generator: published known answers, distributions, and the same draws on every target."""

import numpy as np
import pytest
from scipy import stats

from brianpresyn.counter_random import (
    bernoulli_draw,
    binomial_draw,
    normal_draw,
    philox2x32,
    release_key,
    uniform_draw,
)

# From the file kat_vectors of Random123 (Salmon et al. 2011): rounds, counter, key, result.
KNOWN_ANSWERS = [
    (7, 0x00000000, 0x00000000, 0x00000000, 0x257A3673, 0xCD26BE2A),
    (7, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xAB302C4D, 0x3DC9D239),
    (7, 0x243F6A88, 0x85A308D3, 0x13198A2E, 0xBEDBBE6B, 0xE4C770B3),
    (10, 0x00000000, 0x00000000, 0x00000000, 0xFF1DAE59, 0x6CD10DF2),
    (10, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0x2C3F628B, 0xAB4FD7AD),
    (10, 0x243F6A88, 0x85A308D3, 0x13198A2E, 0xDD7CE038, 0xF62A4C12),
]
SYNAPSES = np.arange(100_000)


def on_numpy(function, *arguments):
    return function.implementations["numpy"].get_code(None)(*arguments, SYNAPSES)


@pytest.mark.parametrize("rounds, counter0, counter1, key, first, second", KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(rounds, counter0, counter1, key, first, second):
    assert [int(word) for word in philox2x32(counter0, counter1, key, rounds)] == [first, second]


def test_philox_takes_arrays_and_signed_keys():
    words = philox2x32(np.array([0, 0xFFFFFFFF]), np.array([0, -1]), np.array([0, -1]))
    assert [int(word) for word in words[0]] == [0xFF1DAE59, 0x2C3F628B]


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
    "n, p", [(1, 0.3), (5, 0.7), (10, 0.05), (32, 0.5), (33, 0.9), (100, 0.02), (64, 0.6)]
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
