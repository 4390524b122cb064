"""Random numbers that are a pure function of (key, synapse, event): Philox2x32-10 as Brian2 functions.

A draw of an ordinary generator depends on every draw before it, so the releases of a network change with
the code generation target, the number of threads and anything else that draws. A counter-based generator
has no state: it mixes a key and a counter. Here the counter is the pair (index of the synapse, number of the
event), so that the outcome of the seventh spike at synapse 12 is the same on numpy, cython and C++
standalone, with any number of threads, and after ``restore()``.

References
----------
Salmon JK, Moraes MA, Dror RO, Shaw DE (2011). "Parallel random numbers: as easy as 1, 2, 3". Proc. SC '11,
doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from brian2.core.functions import Function
from numpy.typing import ArrayLike, NDArray

PHILOX_MULTIPLIER = 0xD256D193
PHILOX_WEYL = 0x9E3779B9
PHILOX_ROUNDS = 10

# Draws after the first within one event use other keys, this far apart; it must differ from the Weyl
# constant, by which Philox itself moves the key from round to round.
_KEY_STEP = 0x85EBCA6B

# Lanes of one block of release sites; larger numbers of sites are drawn block by block.
_SITES_PER_BLOCK = 32
_WORDS_PER_BLOCK = 64

_LOW_32 = np.uint64(0xFFFFFFFF)
_SHIFT_32 = np.uint64(32)


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


def philox2x32(
    counter0: ArrayLike, counter1: ArrayLike, key: ArrayLike, rounds: int = PHILOX_ROUNDS
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    r"""Mix a 64-bit counter and a 32-bit key into 64 random bits.

    One round, with :math:`M` the multiplier and the key moved on by a Weyl constant after it, is

    .. math:: (c_0, c_1) \leftarrow
        (\mathrm{high}(M c_0) \oplus k \oplus c_1,\; \mathrm{low}(M c_0)).

    Parameters
    ----------
    counter0, counter1, key : int or array of int
        Words of 32 bits; they are broadcast against each other.
    rounds
        10 is the published default; 7 is the fewest that pass TestU01's BigCrush.

    Returns
    -------
    tuple of arrays of uint32
        The two words.

    Examples
    --------
    The first of the published known answers:

    >>> [hex(word) for word in philox2x32(0, 0, 0)]
    ['0xff1dae59', '0x6cd10df2']
    """
    c0, c1, k = (_as_word(word) for word in (counter0, counter1, key))
    multiplier = np.uint64(PHILOX_MULTIPLIER)
    for round_number in range(rounds):
        product = multiplier * c0
        round_key = (k + np.uint64(round_number * PHILOX_WEYL & 0xFFFFFFFF)) & _LOW_32
        c0, c1 = (product >> _SHIFT_32) ^ round_key ^ c1, product & _LOW_32
    return c0.astype(np.uint32), c1.astype(np.uint32)


def _as_word(values: ArrayLike) -> NDArray[np.uint64]:
    """Return integers, signed or not, as 32-bit words held in uint64."""
    return np.asarray(values).astype(np.int64).view(np.uint64) & _LOW_32


def _random_bits(
    key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0
) -> NDArray[np.uint64]:
    """Return 64 random bits for a synapse's event: the `word`-th such number of that event."""
    moved_key = _as_word(key) + np.asarray(word, dtype=np.uint64) * np.uint64(_KEY_STEP)
    high, low = philox2x32(synapse, event, moved_key & _LOW_32)
    return (high.astype(np.uint64) << _SHIFT_32) | low


def _uniform(
    key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0
) -> NDArray[np.float64]:
    return (_random_bits(key, event, synapse, word) >> np.uint64(11)) * 2.0**-53


def _bernoulli(key: ArrayLike, event: ArrayLike, p: ArrayLike, synapse: ArrayLike) -> NDArray[np.int32]:
    return (_uniform(key, event, synapse) < p).astype(np.int32)


def _normal(key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0) -> NDArray[np.float64]:
    """Return a standard normal number by the method of Box and Muller (1958)."""
    bits = _random_bits(key, event, synapse, word)
    radius = np.sqrt(-2.0 * np.log(((bits >> _SHIFT_32) + 0.5) * 2.0**-32))
    return radius * np.cos(2.0 * np.pi * ((bits & _LOW_32) * 2.0**-32))


def _binomial(
    key: ArrayLike, event: ArrayLike, n: ArrayLike, p: ArrayLike, synapse: ArrayLike
) -> NDArray[np.int32]:
    """Return how many of n sites release, by comparing random bits with the binary digits of p.

    Every site takes its random number digit by digit, most significant first, and is decided at the first
    digit that differs from that of p. All sites of a synapse take their next digit from one random word at
    once, so a synapse with ten sites needs one word most of the time. Exact for every p in double precision.
    """
    key, event, n, p, synapse = np.broadcast_arrays(key, event, n, p, synapse)
    released = np.where(p >= 1.0, n, 0).astype(np.int32)
    is_open = (p > 0.0) & (p < 1.0)
    for block in range(-(-int(n.max(initial=0)) // _SITES_PER_BLOCK)):
        sites = np.minimum(n - block * _SITES_PER_BLOCK, _SITES_PER_BLOCK)
        chosen = np.flatnonzero(is_open & (sites > 0))
        released.flat[chosen] += _released_in_block(
            key.flat[chosen],
            event.flat[chosen],
            sites.flat[chosen],
            p.flat[chosen],
            synapse.flat[chosen],
            block,
        )
    return released


def _released_in_block(
    key: NDArray[Any],
    event: NDArray[Any],
    sites: NDArray[Any],
    p: NDArray[Any],
    synapse: NDArray[Any],
    block: int,
) -> NDArray[np.int32]:
    """Return how many of at most 32 sites release, for 0 < p < 1."""
    digits = (p * 2.0**63).astype(np.uint64) << np.uint64(1)
    undecided = (np.uint64(1) << sites.astype(np.uint64)) - np.uint64(1)
    success = np.zeros_like(undecided)
    slices_per_word = 64 // sites
    bits = np.zeros_like(undecided)
    open_ = np.flatnonzero(undecided)
    for slice_number in range(64):
        fresh = open_[slice_number % slices_per_word[open_] == 0]
        word = slice_number // slices_per_word[fresh] + block * _WORDS_PER_BLOCK
        bits[fresh] = _random_bits(key[fresh], event[fresh], synapse[fresh], word)
        digit = (digits[open_] >> np.uint64(63)) * np.uint64(0xFFFFFFFFFFFFFFFF)
        differs = (bits[open_] ^ digit) & undecided[open_]
        success[open_] |= differs & digit
        undecided[open_] &= ~differs
        digits[open_] <<= np.uint64(1)
        bits[open_] >>= sites[open_].astype(np.uint64)
        open_ = open_[(undecided[open_] != 0) & (digits[open_] != 0)]
        if not open_.size:
            break
    return _number_of_ones(success)


def _number_of_ones(words: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return the number of one bits of words below 2**32."""
    as_bytes = words[:, np.newaxis].view(np.uint8)
    return np.unpackbits(as_bytes, axis=1).sum(axis=1, dtype=np.int32)


_ROUND = (
    "product = 0x{multiplier:X}ull * c0; c0 = (uint32_t)(product >> 32) ^ key ^ c1; c1 = (uint32_t)product;"
)
_ROUNDS = f" key += 0x{PHILOX_WEYL:X}u;\n    ".join(
    [_ROUND.format(multiplier=PHILOX_MULTIPLIER)] * PHILOX_ROUNDS
)

# The rounds are written out because a loop over them is not unrolled by every compiler.
_PHILOX_CPP = f"""
#ifndef PRESYN_PHILOX
#define PRESYN_PHILOX
static inline uint64_t _presyn_bits(uint32_t key, uint32_t c1, uint32_t c0) {{
    uint64_t product;
    {_ROUNDS}
    return ((uint64_t)c0 << 32) | c1;
}}
static inline uint64_t _presyn_word(uint32_t key, uint32_t event, uint32_t synapse, uint32_t word) {{
    return _presyn_bits(key + word * 0x{_KEY_STEP:X}u, event, synapse);
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

_BERNOULLI_CPP = """
static inline int32_t bernoulli_draw(int32_t key, int32_t event, double p, int64_t synapse) {
    return _presyn_unit(_presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse)) < p;
}
"""

_NORMAL_CPP = """
static inline double normal_draw(int32_t key, int32_t event, int64_t synapse) {
    const uint64_t bits = _presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse);
    const double radius = sqrt(-2.0 * log(((double)(bits >> 32) + 0.5) * (1.0 / 4294967296.0)));
    return radius * cos(6.283185307179586 * ((double)(uint32_t)bits * (1.0 / 4294967296.0)));
}
"""

# Eight digits are compared before the first look at whether any site is still undecided: the fixed number of
# turns costs less than a branch that the processor cannot predict.
_BINOMIAL_CPP = f"""
static inline int32_t _presyn_ones(uint32_t bits) {{
    bits = bits - ((bits >> 1) & 0x55555555u);
    bits = (bits & 0x33333333u) + ((bits >> 2) & 0x33333333u);
    return (int32_t)((((bits + (bits >> 4)) & 0x0F0F0F0Fu) * 0x01010101u) >> 24);
}}
static inline int32_t _presyn_block(uint32_t key, uint32_t event, uint32_t synapse, int sites, double p,
                                    uint32_t word) {{
    uint64_t digits = (uint64_t)(int64_t)(p * 9223372036854775808.0) << 1;
    uint64_t bits = 0, undecided = ((uint64_t)1 << sites) - 1, success = 0;
    int left = 0;
    do {{
        if (left < sites) {{ bits = _presyn_word(key, event, synapse, word++); left = 64; }}
        for (int digit_number = 0; digit_number < 8 && left >= sites; digit_number++, left -= sites) {{
            const uint64_t digit = (uint64_t)((int64_t)digits >> 63);
            const uint64_t differs = (bits ^ digit) & undecided;
            success |= differs & digit;
            undecided &= ~differs;
            digits <<= 1;
            bits = bits >> (sites - 1) >> 1;
        }}
    }} while (undecided && digits);
    return _presyn_ones((uint32_t)success);
}}
static inline int32_t binomial_draw(int32_t key, int32_t event, int32_t n, double p, int64_t synapse) {{
    if (p >= 1.0) return n;
    if (!(p > 0.0)) return 0;
    int32_t released = 0;
    for (uint32_t word = 0; n > 0; n -= {_SITES_PER_BLOCK}, word += {_WORDS_PER_BLOCK})
        released += _presyn_block((uint32_t)key, (uint32_t)event, (uint32_t)synapse,
                                  n < {_SITES_PER_BLOCK} ? n : {_SITES_PER_BLOCK}, p, word);
    return released;
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
    includes = "#include <stdint.h>\n#include <math.h>"
    return f'cdef extern from *:\n    """\n{includes}{cpp_code}    """\n{body}\n'


def _counter_function(
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
    source = _PHILOX_CPP + cpp_code
    add = function.implementations.add_implementation
    add("numpy", numpy_function)
    add("cpp", source, name=name, compiler_kwds={"headers": ["<stdint.h>", "<math.h>"]})
    add("cython", cython_wrapper(source, declaration), name=name)
    return function


uniform_draw = _counter_function("uniform_draw", _uniform, _UNIFORM_CPP, "integer, integer", "float")
"""``uniform_draw(key, event)``: uniform in [0, 1)."""

normal_draw = _counter_function("normal_draw", _normal, _NORMAL_CPP, "integer, integer", "float")
"""``normal_draw(key, event)``: standard normal."""

bernoulli_draw = _counter_function(
    "bernoulli_draw", _bernoulli, _BERNOULLI_CPP, "integer, integer, float", "integer"
)
"""``bernoulli_draw(key, event, p)``: 1 with probability p, else 0."""

binomial_draw = _counter_function(
    "binomial_draw", _binomial, _BINOMIAL_CPP, "integer, integer, integer, float", "integer"
)
"""``binomial_draw(key, event, n, p)``: how many of n sites release, each with probability p."""
