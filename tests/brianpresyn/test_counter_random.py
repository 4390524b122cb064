"""The counter-based generator: published known answers, distributions, and the same draws on every target."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest
from scipy import stats

from brianpresyn import counter_random
from brianpresyn.counter_random import (
    bernoulli_draw,
    binomial_draw,
    normal_draw,
    random_bits,
    release_key,
    shared_binomial_draw,
    splitmix64,
    uniform_draw,
)
from brianpresyn.quantal_noise import gamma_draw, site_sum_draw
from tests.benchmarks.random_stream import STREAMS

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


def vectors():
    """Return the rows of the table in the docstring that states the contract."""
    rows = [line.split() for line in counter_random.__doc__.splitlines()]
    rows = [[int(field) for field in row] for row in rows if len(row) == 6 and row[5].isdigit()]
    assert len(rows) == 6
    return rows


def test_draws_follow_the_contract():
    for key, synapse, event, word, is_released, n_released in vectors():
        place = np.array([synapse], dtype=np.uint64)
        assert random_bits(key, event, place).tolist() == [word]
        for function, arguments, expected in (
            (bernoulli_draw, (0.3,), is_released),
            (binomial_draw, (12, 0.3), n_released),
            (uniform_draw, (), (word >> 12) / 2**52),
        ):
            draw = function.implementations["numpy"].get_code(None)
            assert draw(key, event, *arguments, place).tolist() == [expected]


@pytest.mark.parametrize("p, released", [(-1e-9, 0), (np.nan, 0), (-np.inf, 0), (1 + 1e-9, 1), (np.inf, 1)])
def test_probabilities_outside_their_range_are_certain(p, released):
    assert np.all(on_numpy(bernoulli_draw, 11, 4, p) == released)
    assert np.all(
        on_numpy(binomial_draw, 5, 2, np.full(SYNAPSES.size, 7), np.full(SYNAPSES.size, p)) == 7 * released
    )
    assert np.all(on_numpy(shared_binomial_draw, 5, 2, 7, p) == 7 * released)


def test_events_go_on_after_the_largest_32_bit_number():
    events = np.array([2**31 - 2, 2**31 - 1], dtype=np.int32)
    events = np.append(events, events + np.int32(2))
    bits = random_bits(1, events, np.zeros(4, dtype=np.int32))
    assert bits.tolist() == random_bits(1, 2**31 - 2 + np.arange(4), np.zeros(4, dtype=np.int64)).tolist()


@pytest.mark.parametrize("key", [0, 1, -1, 2**31, 2**63 - 1])
def test_every_synapse_is_a_stream_of_the_generator(key):
    # The seed of synapse 0 is the mixture of the key; that is the generator's number 0 for the key as seed.
    seed = int(splitmix64(key % 2**64, 0)[0])
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


@pytest.mark.parametrize("name", STREAMS)
def test_no_small_statistic_tells_a_stream_from_random_bits(name):
    """In small what batteries of tests ask: bits, bytes, neighbours and gaps."""
    words = STREAMS[name](np.arange(1 << 16))
    ones = np.unpackbits(words.view(np.uint8)).reshape(-1, 64).sum(axis=0, dtype=float)
    least = [2 * stats.norm.sf(np.max(np.abs(2 * ones - len(words))) / np.sqrt(len(words))) * 64]
    digits = words.view(np.uint8)
    pairs = (words[:-1] >> np.uint64(60)) * np.uint64(16) + (words[1:] >> np.uint64(60))
    lowest = (words[:-1] & np.uint64(15)) * np.uint64(16) + (words[1:] & np.uint64(15))
    for numbers in (digits, pairs, lowest, np.diff(words) >> np.uint64(56)):
        least.append(stats.chisquare(np.bincount(numbers.astype(int), minlength=256)).pvalue)
    gaps = np.diff(np.flatnonzero(words >> np.uint64(60) == 0))
    expected = stats.geom.pmf(np.arange(1, 65), 1 / 16)
    counts = np.bincount(np.minimum(gaps, 65), minlength=66)[1:]
    least.append(stats.chisquare(counts, len(gaps) * np.append(expected, 1 - expected.sum())).pvalue)
    differing = np.bitwise_count(words[:-1] ^ words[1:]) if hasattr(np, "bitwise_count") else None
    if differing is not None:
        least.append(2 * stats.norm.sf(abs(np.mean(differing) - 32) / (4 / np.sqrt(len(differing)))))
    assert min(least) > 1e-5, least


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
    assert stats.chisquare(observed[has_mass], wanted[has_mass]).pvalue > 1e-4


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
    assert all(-(2**63) <= key < 2**63 for key in keys)
    # The first seeds of which the 32-bit keys of an earlier form were the same.
    assert release_key(73770) != release_key(97449)


@pytest.mark.parametrize(
    "seed, error", [(-1, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)]
)
def test_release_key_refuses_what_is_not_a_seed(seed, error):
    with pytest.raises(error, match="seed must"):
        release_key(seed)


@pytest.mark.parametrize("p", [0.3, 77 / 256, 1 - 1e-9, 5e-4, 1 / 512])
def test_sites_whose_first_digit_ties_are_decided_by_the_next(p):
    # One site in 256 ties: taking all of them for released, or none, would shift the share by up to 1/256.
    n = np.full(SYNAPSES.size, 8)
    released = on_numpy(binomial_draw, 9, 3, n, np.full(SYNAPSES.size, p)).sum()
    n_sites = 8 * SYNAPSES.size
    assert abs(released / n_sites - p) <= 5 * np.sqrt(p * (1 - p) / n_sites)


C_TYPES = {"integer": "int64_t", "float": "double"}


def compiled(function, name, folder):
    """Return the C++ implementation of a draw, callable from Python."""
    kinds = [*function._arg_types, function._return_type]
    *arguments, returned = (C_TYPES[kind] for kind in kinds)
    parameters = ", ".join(f"{kind} a{number}" for number, kind in enumerate(arguments))
    values = ", ".join(f"a{number}" for number in range(len(arguments)))
    source = folder / f"{name}.cpp"
    source.write_text(
        "#include <stdint.h>\n#include <string.h>\n#include <math.h>\n"
        + function.implementations["cpp"].get_code(None)
        + f'\nextern "C" {returned} draw({parameters}, int64_t synapse) '
        + f"{{ return {name}({values}, synapse); }}\n"
    )
    library = source.with_suffix(".so")
    subprocess.run(["g++", "-O2", "-march=native", "-shared", "-fPIC", "-o", library, source], check=True)
    draw = ctypes.CDLL(str(library)).draw
    as_ctypes = {"int64_t": ctypes.c_int64, "double": ctypes.c_double}
    draw.argtypes = [*(as_ctypes[kind] for kind in arguments), ctypes.c_int64]
    draw.restype = as_ctypes[returned]
    return draw


@pytest.mark.standalone
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize(
    "name, function, fields",
    [
        ("bernoulli_draw", bernoulli_draw, "p"),
        ("binomial_draw", binomial_draw, "np"),
        ("shared_binomial_draw", shared_binomial_draw, "np"),
        ("site_sum_draw", site_sum_draw, "np"),
        ("gamma_draw", gamma_draw, "g"),
    ],
)
def test_compiled_draws_equal_those_of_numpy(name, function, fields, tmp_path):
    rng = np.random.default_rng(1)
    size = 3000
    event = rng.integers(1, 10**6, size).astype(np.int32)
    synapse = rng.integers(0, 10**6, size).astype(np.int32)
    n, p = rng.integers(0, 70, size).astype(np.int32), rng.random(size)
    # Ends, and probabilities whose first eight binary digits are all they have.
    p[:50], p[50:100], p[100:1000] = 0.0, 1.0, np.round(p[100:1000] * 256) / 256
    p[1000:1060] = np.repeat([-1e-9, np.nan, np.inf, -np.inf, 1 + 1e-9, 1e10], 10)
    event[:500] -= 2**31 - 1
    draw = compiled(function, name, tmp_path)
    by_numpy = function.implementations["numpy"].get_code(None)
    if name == "shared_binomial_draw":
        for one_n, one_p in (
            (1, 0.3),
            (5, 0.7),
            (10, 0.4),
            (17, 0.9),
            (64, 0.02),
            (100, 0.5),
            (9, 1.0),
            (3, np.nan),
            (3, -0.1),
            (3, 1e10),
        ):
            expected = by_numpy(np.int64(-7), event, one_n, one_p, synapse)
            found = [draw(-7, int(e), one_n, one_p, int(s)) for e, s in zip(event, synapse, strict=True)]
            np.testing.assert_array_equal(found, expected)
        return
    before = (-(2**40) - 7, 2**50 + 5) if name == "site_sum_draw" else (-(2**40) - 7,)
    after = (0.3, 1) if name == "site_sum_draw" else ()
    varied = [{"n": n, "p": p, "g": 4 * p}[field] for field in fields]
    expected = by_numpy(*before, event, *varied, *after, synapse)
    found = [
        draw(*map(int, before), int(e), *(value.item() for value in row), *after, int(s))
        for e, s, *row in zip(event, synapse, *varied, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert len(np.unique(found)) >= 2
