"""Random numbers that are a pure function of (key, synapse, event): SplitMix64 as Brian2 functions.

A draw of an ordinary generator depends on every draw before it, so the releases of a network change with
the code generation target, the number of threads and anything else that draws. A counter-based generator
has no state: it mixes a counter. SplitMix64 is the mixture of ``seed + number * constant``: every synapse
has a stream with a seed of its own, and the number is that of the event, so that the outcome of the seventh
spike at synapse 12 is the same on numpy, cython and C++ standalone, with any number of threads, and after
``restore()``. It costs three multiplications; generators with more rounds (Philox, Squares) took two to four
times as long for one draw, which would then dominate the cost of a synaptic event.

References
----------
Steele GL, Lea D, Flood CH (2014). "Fast splittable pseudorandom number generators". Proc. OOPSLA '14,
doi:10.1145/2660193.2660195.
Salmon JK, Moraes MA, Dror RO, Shaw DE (2011). "Parallel random numbers: as easy as 1, 2, 3". Proc. SC '11,
doi:10.1145/2063384.2063405 (counter-based generators).
Chen HC, Asau Y (1974). "On generating random variates from an empirical distribution". AIIE Transactions
6:163-166, doi:10.1080/05695557408974949 (the guide to a table).
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from brian2.core.functions import Function
from numpy.typing import ArrayLike, NDArray

# Constants of SplitMix64: the step from number to number, and the two multipliers of the mixture.
STEP = 0x9E3779B97F4A7C15
MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)

# Seeds of neighbouring synapses, and of the draws after the first within one event, are this far apart.
_SYNAPSE_STEP = 0xD1342543DE82EF95
_WORD_STEP = 0xD6E8FEB86659FD93

# Release sites are drawn eight at a time, from one byte each of a word. A site releases if its byte is below
# 256 p; where they are equal, one time in 256, a word of the site's own decides by the digits that follow.
SITES_PER_WORD = 8
_FIRST_TIE_WORD = 1 << 31
# Largest number of sites for which the distribution function is kept as a table.
_LARGEST_TABLE = 64


def _constant(value: int) -> NDArray[np.uint64]:
    """Return an array without axes, which numpy multiplies with twice as fast as with a scalar."""
    return np.array(value, dtype=np.uint64)


_SHIFT_11, _SHIFT_27, _SHIFT_30, _SHIFT_31, _SHIFT_32 = map(_constant, (11, 27, 30, 31, 32))
_LOW_32 = _constant(0xFFFFFFFF)
_GAMMA, _SYNAPSE_GAMMA, _WORD_GAMMA = map(_constant, (STEP, _SYNAPSE_STEP, _WORD_STEP))
_FIRST_MULTIPLIER, _SECOND_MULTIPLIER = map(_constant, MULTIPLIERS)
_TWO_TO_53 = np.array(2.0**53)


def release_key(seed: int, stream: str = "") -> int:
    """Return the 32-bit key for a seed and the name of a stream of draws.

    Parameters
    ----------
    seed
        Any non-negative integer.
    stream
        What the draws are for. Different names give independent draws from the same seed.

    Returns
    -------
    int
        The key as a signed 32-bit number, which is what Brian2's integer variables hold.

    Raises
    ------
    TypeError
        If `seed` is not an integer.
    ValueError
        If `seed` is negative.

    Examples
    --------
    >>> release_key(2021, "ampa") == release_key(2021, "ampa")
    True
    >>> release_key(2021, "ampa") == release_key(2021, "nmda")
    False
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed must be an integer, for example seed=2021, got {seed!r}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}; give 0 or more")
    words = np.random.SeedSequence([int(seed), zlib.crc32(stream.encode())]).generate_state(1)
    return int(words.astype(np.int32)[0])


def splitmix64(seed: ArrayLike, number: ArrayLike) -> NDArray[np.uint64]:
    r"""Return the numbers that SplitMix64 gives.

    .. math:: z_0 = \mathrm{seed} + \mathrm{number} \cdot \gamma, \quad
        z_1 = (z_0 \oplus (z_0 \gg 30)) m_1, \quad z_2 = (z_1 \oplus (z_1 \gg 27)) m_2, \quad
        z_2 \oplus (z_2 \gg 31) \pmod{2^{64}}

    Parameters
    ----------
    seed : int or array of int
        Below 2^64.
    number : int or array of int
        1 for the first number of the stream.

    Returns
    -------
    numpy.ndarray
        Uint64, of the shape of both together.

    Examples
    --------
    >>> [int(bits) for bits in splitmix64(1234567, [1, 2])]
    [6457827717110365317, 3203168211198807973]
    """
    return _mixed(_as_word(seed) + _as_word(number) * _GAMMA)


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the mixture of z, which is overwritten.

    For the few hundred synapses that are active in one time step the calls cost more than the arithmetic.
    """
    shifted = z >> _SHIFT_30
    z ^= shifted
    z *= _FIRST_MULTIPLIER
    np.right_shift(z, _SHIFT_27, shifted)
    z ^= shifted
    z *= _SECOND_MULTIPLIER
    np.right_shift(z, _SHIFT_31, shifted)
    z ^= shifted
    return z


def _as_word(values: ArrayLike) -> NDArray[np.uint64]:
    """Return integers as uint64, at least one-dimensional (numpy warns when a scalar overflows)."""
    if not isinstance(values, np.ndarray) or values.ndim == 0:
        values = np.atleast_1d(np.asarray(values))
    return values.astype(np.uint64)


@functools.lru_cache(maxsize=1024)
def _mixed_key(key: int) -> NDArray[np.uint64]:
    """Return the 64-bit seed of synapse 0 for a 32-bit key."""
    return _constant(_mixed(_as_word(key & 0xFFFFFFFF))[0])


def random_bits(
    key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0
) -> NDArray[np.uint64]:
    """Return 64 random bits for a synapse's event: the `word`-th such number of that event."""
    is_one_key = not isinstance(key, np.ndarray) or key.ndim == 0
    seed = _mixed_key(int(key)) if is_one_key else _mixed(_as_word(key) & _LOW_32)  # type: ignore[arg-type]
    state = _as_word(synapse) * _SYNAPSE_GAMMA + _as_word(event) * _GAMMA + seed
    if isinstance(word, np.ndarray) or word:
        state = state + _as_word(word) * _WORD_GAMMA
    return _mixed(state)


def _uniform(
    key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0
) -> NDArray[np.float64]:
    bits = random_bits(key, event, synapse, word) >> _SHIFT_11
    return bits.astype(np.float64) * 2.0**-53


def _bernoulli(key: ArrayLike, event: ArrayLike, p: ArrayLike, synapse: ArrayLike) -> NDArray[np.bool_]:
    """Return whether 53 random bits, as a number, are below p 2^53."""
    bits = random_bits(key, event, synapse)
    bits >>= _SHIFT_11
    return bits < (np.asarray(p) * _TWO_TO_53).astype(np.uint64)


def normal(key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0) -> NDArray[np.float64]:
    """Return a standard normal number by the method of Box and Muller (1958)."""
    bits = random_bits(key, event, synapse, word)
    radius = np.sqrt(-2.0 * np.log(((bits >> _SHIFT_32) + 0.5) * 2.0**-32))
    return radius * np.cos(2.0 * np.pi * ((bits & _LOW_32) * 2.0**-32))


def _binomial(
    key: ArrayLike, event: ArrayLike, n: ArrayLike, p: ArrayLike, synapse: ArrayLike
) -> NDArray[np.int32]:
    """Return how many of n sites release; each does with probability p up to 2^-61."""
    key, event, n, p, synapse = np.broadcast_arrays(key, event, n, p, synapse)
    return released_sites(key, event, n, p, synapse).sum(axis=-1, dtype=np.int32)


def released_sites(
    key: NDArray[Any], event: NDArray[Any], n: NDArray[Any], p: NDArray[Any], synapse: NDArray[Any]
) -> NDArray[np.bool_]:
    """Return which sites release; shape (synapse, site), all arguments one-dimensional."""
    n_words = -(-int(n.max(initial=0)) // SITES_PER_WORD)
    words = np.arange(n_words)
    bits = random_bits(key[:, np.newaxis], event[:, np.newaxis], synapse[:, np.newaxis], words)
    digits = bits.astype("<u8", copy=False).view(np.uint8).reshape(np.size(n), n_words * SITES_PER_WORD)
    scaled = p * 256.0
    first = np.minimum(scaled, 255.0).astype(np.uint8)[:, np.newaxis]
    exists = np.arange(digits.shape[1]) < n[:, np.newaxis]
    released = (digits < first) & exists
    tied, site = np.nonzero((digits == first) & exists)
    if tied.size:
        further = random_bits(key[tied], event[tied], synapse[tied], _FIRST_TIE_WORD + site) >> _SHIFT_11
        rest = (scaled[tied] - first[tied, 0]) * _TWO_TO_53
        released[tied, site] = further < rest.astype(np.uint64)
    return released


def _shared_binomial(
    key: ArrayLike, event: ArrayLike, n: Any, p: Any, synapse: ArrayLike
) -> NDArray[np.int32]:
    """Return the number of values of the distribution function that 53 random bits reach."""
    n, p = int(np.ravel(n)[0]), float(np.ravel(p)[0])
    if n > _LARGEST_TABLE:
        return _binomial(key, event, n, p, synapse)
    bits = (random_bits(key, event, synapse) >> _SHIFT_11).astype(np.int64)
    return np.searchsorted(_reached(n, p), bits, side="right").astype(np.int32)


@functools.lru_cache(maxsize=64)
def _reached(n: int, p: float) -> NDArray[np.int64]:
    """Return the distribution function of Binomial(n, p) below n, as 53-bit integers.

    Summed from the end with the smaller probability, in the same order as the C++ code, as plain floats.
    """
    small = 1.0 - p if p > 0.5 else p
    odds = small / (1.0 - small)
    mass, below, values = 1.0, 0.0, []
    for _ in range(n):
        mass *= 1.0 - small
    for k in range(n):
        below += mass
        mass *= odds * (n - k) / (k + 1.0)
        values.append(min(below, 1.0) * 2.0**53)
    if p > 0.5:
        values = [2.0**53 - value for value in reversed(values)]
    return np.array(values).astype(np.int64)


_GENERATOR_CPP = f"""
#ifndef PRESYN_GENERATOR
#define PRESYN_GENERATOR
#ifdef _OPENMP
#define PRESYN_OWN_OF_THREAD static thread_local
#else
#define PRESYN_OWN_OF_THREAD static
#endif
static const uint64_t _presyn_word_step = 0x{_WORD_STEP:X}ull;
static inline uint64_t _presyn_mixed(uint64_t z) {{
    z = (z ^ (z >> 30)) * 0x{MULTIPLIERS[0]:X}ull;
    z = (z ^ (z >> 27)) * 0x{MULTIPLIERS[1]:X}ull;
    return z ^ (z >> 31);
}}
static inline uint64_t _presyn_state(uint32_t key, uint32_t event, uint32_t synapse) {{
    return _presyn_mixed(key) + synapse * 0x{_SYNAPSE_STEP:X}ull + event * 0x{STEP:X}ull;
}}
static inline uint64_t _presyn_bits(uint32_t key, uint32_t event, uint32_t synapse) {{
    return _presyn_mixed(_presyn_state(key, event, synapse));
}}
static inline uint64_t _presyn_word(uint32_t key, uint32_t event, uint32_t synapse, uint32_t word) {{
    return _presyn_mixed(_presyn_state(key, event, synapse) + word * _presyn_word_step);
}}
static inline bool _presyn_tie_is_released(uint64_t state, uint32_t site, double rest) {{
    const uint64_t bits = _presyn_mixed(state + ({_FIRST_TIE_WORD}ull + site) * _presyn_word_step) >> 11;
    return (int64_t)bits < (int64_t)(rest * 9007199254740992.0);
}}
static inline double _presyn_unit(uint64_t bits) {{
    return (double)(bits >> 11) * (1.0 / 9007199254740992.0);
}}
#endif
"""

_UNIFORM_CPP = """
static inline double uniform_draw(int32_t key, int32_t event, int64_t synapse) {
    return _presyn_unit(_presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse));
}
"""

# The sign of a difference: a comparison becomes a branch, which nothing can predict.
_BERNOULLI_CPP = """
static inline int32_t bernoulli_draw(int32_t key, int32_t event, double p, int64_t synapse) {
    const int64_t bits = (int64_t)(_presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse) >> 11);
    return (int32_t)((uint64_t)(bits - (int64_t)(p * 9007199254740992.0)) >> 63);
}
"""

# Guarded: one program may hold several functions that need it.
NORMAL_CPP = """
#ifndef PRESYN_NORMAL
#define PRESYN_NORMAL
static inline double _presyn_normal(uint64_t bits) {
    const double radius = sqrt(-2.0 * log(((double)(bits >> 32) + 0.5) * (1.0 / 4294967296.0)));
    return radius * cos(6.283185307179586 * ((double)(uint32_t)bits * (1.0 / 4294967296.0)));
}
#endif
"""

_NORMAL_DRAW_CPP = (
    NORMAL_CPP
    + """
static inline double normal_draw(int32_t key, int32_t event, int64_t synapse) {
    return _presyn_normal(_presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse));
}
"""
)

# Up to eight sites, which is all that most synapses have, take one word. More are drawn apart: they would
# take the registers of the loop around them. What draws several synapses at once (see two_loops.py) has no
# branch: it takes two words for each, and returns -1 where there is a tie, or more sites than these hold.
_BINOMIAL_CPP = f"""
#ifndef PRESYN_BINOMIAL
#define PRESYN_BINOMIAL
#if defined(__GNUC__)
#define PRESYN_APART __attribute__((noinline))
#else
#define PRESYN_APART
#endif
struct _presyn_sites {{ uint64_t below, tied; }};
static inline _presyn_sites _presyn_compared(uint64_t bits, uint8_t first, int32_t n) {{
    const uint64_t exist = 0x0101010101010101ull >> (8 * ({SITES_PER_WORD} - n));
#if defined(__GNUC__)
    typedef uint8_t bytes __attribute__((vector_size(16)));
    typedef uint64_t words __attribute__((vector_size(16)));
    const bytes digits = (bytes)(words){{bits, 0}}, firsts = first - (bytes){{}};
    return {{((words)(digits < firsts))[0] & exist, ((words)(digits == firsts))[0] & exist}};
#else
    _presyn_sites sites = {{0, 0}};
    for (int32_t k = 0; k < n; k++) {{
        const uint64_t digit = (bits >> (8 * k)) & 0xFF;
        sites.below |= (uint64_t)(digit < first) << (8 * k);
        sites.tied |= (uint64_t)(digit == first) << (8 * k);
    }}
    return sites;
#endif
}}
static inline int32_t _presyn_count(uint64_t bytes) {{
    return (int32_t)((bytes * 0x0101010101010101ull) >> 56);
}}
PRESYN_APART static int32_t _presyn_break_ties(uint64_t state, uint64_t tied, uint32_t site, double rest) {{
    int32_t released = 0;
    for (; tied; tied >>= 8, site++) released += (tied & 1) && _presyn_tie_is_released(state, site, rest);
    return released;
}}
PRESYN_APART static int32_t _presyn_two_words(uint64_t state, int32_t n, uint8_t first, double rest) {{
    const int32_t per_word = {SITES_PER_WORD};
    const _presyn_sites one = _presyn_compared(_presyn_mixed(state), first, per_word);
    const _presyn_sites two = _presyn_compared(_presyn_mixed(state + _presyn_word_step), first, n - per_word);
    const int32_t released = _presyn_count(one.below + two.below);
    if (!(one.tied | two.tied)) return released;
    return released + _presyn_break_ties(state, one.tied, 0, rest)
           + _presyn_break_ties(state, two.tied, per_word, rest);
}}
PRESYN_APART static int32_t _presyn_many_words(uint64_t state, int32_t n, uint8_t first, double rest) {{
    const int32_t per_word = {SITES_PER_WORD};
    int32_t released = 0;
    uint64_t word = state;
    for (int32_t site = 0; site < n; site += per_word, word += _presyn_word_step) {{
        const int32_t here = n - site < per_word ? n - site : per_word;
        const _presyn_sites sites = _presyn_compared(_presyn_mixed(word), first, here);
        released += _presyn_count(sites.below);
        if (sites.tied) released += _presyn_break_ties(state, sites.tied, site, rest);
    }}
    return released;
}}
static inline int32_t binomial_draw(int32_t key, int32_t event, int32_t n, double p, int64_t synapse) {{
    const uint64_t state = _presyn_state((uint32_t)key, (uint32_t)event, (uint32_t)synapse);
    const int32_t scaled = (int32_t)(p * 256.0);
    const uint8_t first = (uint8_t)(scaled < 255 ? scaled : 255);
    const double rest = p * 256.0 - (double)first;
    if (n <= 0) return 0;
    if (n > 2 * {SITES_PER_WORD}) return _presyn_many_words(state, n, first, rest);
    if (n > {SITES_PER_WORD}) return _presyn_two_words(state, n, first, rest);
    const _presyn_sites sites = _presyn_compared(_presyn_mixed(state), first, n);
    const int32_t released = _presyn_count(sites.below);
    return sites.tied ? released + _presyn_break_ties(state, sites.tied, 0, rest) : released;
}}
#if defined(__AVX512DQ__)
static const uint64_t _presyn_high_bits = 0x8080808080808080ull;
static inline uint64_t _presyn_bytes_below(uint64_t bytes, uint64_t limits) {{
    const uint64_t lower = (bytes | _presyn_high_bits) - (limits & ~_presyn_high_bits);
    return (~bytes & limits) | (~(bytes ^ limits) & ~lower);
}}
static inline uint64_t _presyn_bytes_equal(uint64_t bytes, uint64_t others) {{
    const uint64_t differ = bytes ^ others;
    return ~(((differ & ~_presyn_high_bits) + ~_presyn_high_bits) | differ);
}}
static inline int32_t binomial_draw_unless_tied(int32_t key, int32_t event, int32_t n, double p,
                                                int64_t synapse) {{
    const uint64_t ones = 0x0101010101010101ull;
    const uint64_t state = _presyn_state((uint32_t)key, (uint32_t)event, (uint32_t)synapse);
    const int64_t scaled = (int64_t)(p * 256.0), sites = n;
    const uint64_t first = (uint64_t)(scaled < 255 ? scaled : 255) * ones;
    const uint64_t numbers = (uint64_t)(sites < 16 ? sites : 16) * ones;
    const uint64_t one_exist = (numbers + 0x78797A7B7C7D7E7Full) & _presyn_high_bits;
    const uint64_t two_exist = (numbers + 0x7071727374757677ull) & _presyn_high_bits;
    const uint64_t one = _presyn_mixed(state), two = _presyn_mixed(state + _presyn_word_step);
    const uint64_t released = ((_presyn_bytes_below(one, first) & one_exist) >> 7)
                              + ((_presyn_bytes_below(two, first) & two_exist) >> 7);
    const uint64_t tied = (_presyn_bytes_equal(one, first) & one_exist)
                          | (_presyn_bytes_equal(two, first) & two_exist);
    return tied != 0 ? -1 : sites > 16 ? -1 : (int64_t)((released * ones) >> 56);
}}
#else
static inline int32_t binomial_draw_unless_tied(int32_t key, int32_t event, int32_t n, double p,
                                                int64_t synapse) {{
    return binomial_draw(key, event, n, p, synapse);
}}
#endif
#endif
"""


# With one n and p for all, the number released is looked up: it is the number of values of the distribution
# function, kept as 53-bit integers, that the random bits reach. A guide (Chen and Asau 1974) says how many
# the highest eight bits reach by themselves. The tables are made anew when n or p change.
_SHARED_BINOMIAL_CPP = f"""
struct _presyn_table {{ int64_t values[{_LARGEST_TABLE} + 1]; uint8_t guide[256]; int32_t n; double p; }};
PRESYN_OWN_OF_THREAD _presyn_table _presyn_shared = {{{{}}, {{}}, 0, -1.0}};
PRESYN_APART static void _presyn_fill_table(int32_t n, double p) {{
    int64_t* values = _presyn_shared.values;
    for (int k = 0; k <= {_LARGEST_TABLE}; k++) values[k] = 1ll << 53;
    const double small = p > 0.5 ? 1.0 - p : p, odds = small / (1.0 - small);
    double mass = 1.0, below = 0.0;
    for (int k = 0; k < n; k++) mass *= 1.0 - small;
    for (int k = 0; k < n; k++) {{
        below += mass;
        mass *= odds * (n - k) / (k + 1.0);
        const double reached = below < 1.0 ? below * 9007199254740992.0 : 9007199254740992.0;
        if (p > 0.5) values[n - 1 - k] = (int64_t)(9007199254740992.0 - reached);
        else values[k] = (int64_t)reached;
    }}
    for (int64_t high = 0, k = 0; high < 256; high++) {{
        while (values[k] <= high << 45) k++;
        _presyn_shared.guide[high] = (uint8_t)k;
    }}
    _presyn_shared.n = n;
    _presyn_shared.p = p;
}}
static inline int32_t _presyn_looked_up(int32_t key, int32_t event, int64_t synapse) {{
    const int64_t bits = (int64_t)(_presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse) >> 11);
    int32_t k = _presyn_shared.guide[bits >> 45];
    while (_presyn_shared.values[k] <= bits) k++;
    return k;
}}
PRESYN_APART static int32_t _presyn_other_table(int32_t key, int32_t event, int32_t n, double p,
                                                int64_t synapse) {{
    if (n > {_LARGEST_TABLE}) return binomial_draw(key, event, n, p, synapse);
    _presyn_fill_table(n, p);
    return _presyn_looked_up(key, event, synapse);
}}
static inline int32_t shared_binomial_draw(int32_t key, int32_t event, int32_t n, double p,
                                           int64_t synapse) {{
    if (p != _presyn_shared.p || n != _presyn_shared.n)
        return _presyn_other_table(key, event, n, p, synapse);
    return _presyn_looked_up(key, event, synapse);
}}
static inline int32_t shared_binomial_draw_if_tabled(int32_t key, int32_t event, int32_t n, double p,
                                                     int64_t synapse) {{
#if defined(__AVX512DQ__)
    const int64_t bits = (int64_t)(_presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse) >> 11);
    int64_t released = 0;
    for (int k = 0; k < 16; k++) released += _presyn_shared.values[k] <= bits;
    return n > 16 || p != _presyn_shared.p || n != _presyn_shared.n ? -1 : released;
#else
    return shared_binomial_draw(key, event, n, p, synapse);
#endif
}}
"""


def cython_wrapper(cpp_code: str, declarations: str) -> str:
    """Return C++ code as a piece of Cython that makes the declared functions callable.

    Parameters
    ----------
    cpp_code
        The C++ source, included verbatim in the extension module.
    declarations
        What Cython may call, one C declaration a line.
    """
    body = "\n".join(f"    {line.strip()}" for line in declarations.splitlines() if line.strip())
    includes = "#include <stdint.h>\n#include <string.h>\n#include <math.h>"
    return f'cdef extern from *:\n    """\n{includes}{cpp_code}    """\n{body}\n'


def counter_function(
    name: str, numpy_function: Callable[..., Any], cpp_code: str, arguments: str, returns: str
) -> Function:
    """Return a Brian2 function of (key, event, ..., synapse) with the same values on every target.

    It is declared stateless, which is what it is: Brian2 may evaluate it in any order.
    """
    kinds = arguments.split(", ")
    c_types = {"integer": "int", "float": "double"}
    function = Function(
        numpy_function,
        arg_units=[1] * len(kinds),
        return_unit=1,
        arg_types=kinds,
        return_type=returns,
        stateless=True,
        auto_vectorise=True,
    )
    declaration = f"{c_types[returns]} {name}({', '.join(c_types[kind] for kind in kinds)}, long long)"
    source = _GENERATOR_CPP + cpp_code
    add = function.implementations.add_implementation
    add("numpy", numpy_function)
    add("cpp", source, name=name, compiler_kwds={"headers": ["<stdint.h>", "<math.h>"]})
    add("cython", cython_wrapper(source, declaration), name=name)
    return function


uniform_draw = counter_function("uniform_draw", _uniform, _UNIFORM_CPP, "integer, integer", "float")
"""``uniform_draw(key, event)``: uniform in [0, 1)."""

normal_draw = counter_function("normal_draw", normal, _NORMAL_DRAW_CPP, "integer, integer", "float")
"""``normal_draw(key, event)``: standard normal."""

bernoulli_draw = counter_function(
    "bernoulli_draw", _bernoulli, _BERNOULLI_CPP, "integer, integer, float", "integer"
)
"""``bernoulli_draw(key, event, p)``: 1 with probability p, else 0."""

binomial_draw = counter_function(
    "binomial_draw", _binomial, _BINOMIAL_CPP, "integer, integer, integer, float", "integer"
)
"""``binomial_draw(key, event, n, p)``: how many of n sites release, each with probability p."""

shared_binomial_draw = counter_function(
    "shared_binomial_draw",
    _shared_binomial,
    _BINOMIAL_CPP + _SHARED_BINOMIAL_CPP,
    "integer, integer, integer, float",
    "integer",
)
"""``shared_binomial_draw(key, event, n, p)``: as `binomial_draw`, with one n and p for all synapses."""
