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

# Release sites are drawn in blocks: two sites, of 32 bits each, from one word.
SITES_PER_BLOCK = 16
_WORDS_PER_BLOCK = SITES_PER_BLOCK // 2
# Largest number of sites for which the distribution function is kept as a table.
_LARGEST_TABLE = 64

_SHIFT_32 = np.uint64(32)
_LOW_32 = np.uint64(0xFFFFFFFF)


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
    return _mixed(_as_word(seed) + _as_word(number) * np.uint64(STEP))


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the mixture of z.

    For the few hundred synapses that are active in one time step the calls cost more than the arithmetic, so
    one array serves for all shifts.
    """
    shifted = z >> np.uint64(30)
    z = (z ^ shifted) * np.uint64(MULTIPLIERS[0])
    shifted = z >> np.uint64(27)
    z = (z ^ shifted) * np.uint64(MULTIPLIERS[1])
    return z ^ (z >> np.uint64(31))


def _as_word(values: ArrayLike) -> NDArray[np.uint64]:
    """Return integers as uint64, at least one-dimensional (numpy warns when a scalar overflows)."""
    values = np.atleast_1d(np.asarray(values))
    return values.view(np.uint64) if values.dtype == np.int64 else values.astype(np.uint64)


@functools.lru_cache(maxsize=1024)
def _mixed_key(key: int) -> np.uint64:
    """Return the 64-bit seed of synapse 0 for a 32-bit key."""
    return _mixed(_as_word(key & 0xFFFFFFFF))[0]


def random_bits(
    key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0
) -> NDArray[np.uint64]:
    """Return 64 random bits for a synapse's event: the `word`-th such number of that event."""
    seed = _mixed_key(int(np.asarray(key))) if np.ndim(key) == 0 else _mixed(_as_word(key) & _LOW_32)
    state = _as_word(synapse) * np.uint64(_SYNAPSE_STEP) + seed
    state = state + _as_word(event) * np.uint64(STEP)
    if np.ndim(word) or word:
        state = state + _as_word(word) * np.uint64(_WORD_STEP)
    return _mixed(state)


def _uniform(
    key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0
) -> NDArray[np.float64]:
    bits = random_bits(key, event, synapse, word) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def _bernoulli(key: ArrayLike, event: ArrayLike, p: ArrayLike, synapse: ArrayLike) -> NDArray[np.bool_]:
    """Return whether 53 random bits, as a number, are below p 2^53."""
    bits = random_bits(key, event, synapse) >> np.uint64(11)
    return bits < (np.asarray(p) * 2.0**53).astype(np.uint64)


def normal(key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0) -> NDArray[np.float64]:
    """Return a standard normal number by the method of Box and Muller (1958)."""
    bits = random_bits(key, event, synapse, word)
    radius = np.sqrt(-2.0 * np.log(((bits >> _SHIFT_32) + 0.5) * 2.0**-32))
    return radius * np.cos(2.0 * np.pi * ((bits & _LOW_32) * 2.0**-32))


def _binomial(
    key: ArrayLike, event: ArrayLike, n: ArrayLike, p: ArrayLike, synapse: ArrayLike
) -> NDArray[np.int32]:
    """Return how many of n sites release: 32 random bits of each are compared with p.

    A site releases with probability p up to 2^-32.
    """
    key, event, n, p, synapse = np.broadcast_arrays(key, event, n, p, synapse)
    released = np.zeros(np.shape(p), dtype=np.int32)
    for block in range(-(-int(n.max(initial=0)) // SITES_PER_BLOCK)):
        released += released_sites(key, event, n, p, synapse, block).sum(axis=0, dtype=np.int32)
    return released


def released_sites(
    key: NDArray[Any],
    event: NDArray[Any],
    n: NDArray[Any],
    p: NDArray[Any],
    synapse: NDArray[Any],
    block: int,
) -> NDArray[np.bool_]:
    """Return which sites of a block release; shape (site, synapse), all arguments one-dimensional."""
    words = block * _WORDS_PER_BLOCK + np.arange(_WORDS_PER_BLOCK)[:, np.newaxis]
    bits = random_bits(key, event, synapse, words)
    numbers = np.stack([bits & _LOW_32, bits >> _SHIFT_32], axis=1).reshape(SITES_PER_BLOCK, -1)
    site = block * SITES_PER_BLOCK + np.arange(SITES_PER_BLOCK)[:, np.newaxis]
    return (numbers < (p * 2.0**32).astype(np.uint64)) & (site < n)


def _shared_binomial(
    key: ArrayLike, event: ArrayLike, n: Any, p: Any, synapse: ArrayLike
) -> NDArray[np.int32]:
    """Return the number of values of the distribution function that 53 random bits reach."""
    n, p = int(np.ravel(n)[0]), float(np.ravel(p)[0])
    if n > _LARGEST_TABLE:
        return _binomial(key, event, n, p, synapse)
    bits = (random_bits(key, event, synapse) >> np.uint64(11)).astype(np.int64)
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
static inline uint64_t _presyn_mixed(uint64_t z) {{
    z = (z ^ (z >> 30)) * 0x{MULTIPLIERS[0]:X}ull;
    z = (z ^ (z >> 27)) * 0x{MULTIPLIERS[1]:X}ull;
    return z ^ (z >> 31);
}}
static inline uint64_t _presyn_bits(uint32_t key, uint32_t event, uint32_t synapse) {{
    return _presyn_mixed(_presyn_mixed(key) + synapse * 0x{_SYNAPSE_STEP:X}ull + event * 0x{STEP:X}ull);
}}
static inline uint64_t _presyn_word(uint32_t key, uint32_t event, uint32_t synapse, uint32_t word) {{
    return _presyn_mixed(_presyn_mixed(key) + synapse * 0x{_SYNAPSE_STEP:X}ull + event * 0x{STEP:X}ull
                         + word * 0x{_WORD_STEP:X}ull);
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

_NORMAL_CPP = """
static inline double normal_draw(int32_t key, int32_t event, int64_t synapse) {
    const uint64_t bits = _presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse);
    const double radius = sqrt(-2.0 * log(((double)(bits >> 32) + 0.5) * (1.0 / 4294967296.0)));
    return radius * cos(6.283185307179586 * ((double)(uint32_t)bits * (1.0 / 4294967296.0)));
}
"""

# Compilers do not find the vector instructions for this by themselves; without them a loop over the words
# that are needed is faster.
_BINOMIAL_CPP = f"""
#ifndef PRESYN_BINOMIAL
#define PRESYN_BINOMIAL
static inline int32_t _presyn_block(uint64_t base, int32_t sites, uint64_t threshold) {{
#if defined(__GNUC__) && defined(__AVX512DQ__)
    typedef uint64_t words __attribute__((vector_size(64)));
    typedef int64_t truths __attribute__((vector_size(64)));
    const words lane = {{0, 1, 2, 3, 4, 5, 6, 7}};
    words z = base + lane * 0x{_WORD_STEP:X}ull;
    z = (z ^ (z >> 30)) * 0x{MULTIPLIERS[0]:X}ull;
    z = (z ^ (z >> 27)) * 0x{MULTIPLIERS[1]:X}ull;
    z = z ^ (z >> 31);
    const truths found = (((z & 0xFFFFFFFFull) < threshold) & (lane < (uint64_t)((sites + 1) / 2)))
                         + (((z >> 32) < threshold) & (lane < (uint64_t)(sites / 2)));
    int64_t released = 0;
    for (int word = 0; word < 8; word++) released -= found[word];
    return (int32_t)released;
#else
    uint64_t released = 0;
    for (int32_t site = 0; site < sites; site += 2, base += 0x{_WORD_STEP:X}ull) {{
        const uint64_t z = _presyn_mixed(base);
        released += ((z & 0xFFFFFFFFull) - threshold) >> 63;
        released += (((z >> 32) - threshold) >> 63) & (uint64_t)(site + 1 < sites);
    }}
    return (int32_t)released;
#endif
}}
static inline int32_t binomial_draw(int32_t key, int32_t event, int32_t n, double p, int64_t synapse) {{
    uint64_t base = _presyn_mixed((uint32_t)key) + (uint32_t)synapse * 0x{_SYNAPSE_STEP:X}ull
                    + (uint32_t)event * 0x{STEP:X}ull;
    const uint64_t threshold = (uint64_t)(int64_t)(p * 4294967296.0);
    int32_t released = 0;
    for (; n > {SITES_PER_BLOCK}; n -= {SITES_PER_BLOCK}, base += {_WORDS_PER_BLOCK} * 0x{_WORD_STEP:X}ull)
        released += _presyn_block(base, {SITES_PER_BLOCK}, threshold);
    return n > 0 ? released + _presyn_block(base, n, threshold) : released;
}}
#endif
"""


# With one n and p for all, the number released is looked up: it is the number of values of the distribution
# function, kept as 53-bit integers, that the random bits reach. The table is made anew when n or p change.
_SHARED_BINOMIAL_CPP = """
struct _presyn_table { double p; int32_t n; int64_t reached[64]; };
PRESYN_OWN_OF_THREAD _presyn_table _presyn_shared = {-1.0, 0, {0}};
#if defined(__GNUC__)
__attribute__((noinline))
#endif
static void _presyn_fill_table(int32_t n, double p) {
    _presyn_table& table = _presyn_shared;
    table.n = n;
    table.p = p;
    for (int k = 0; k < 64; k++) table.reached[k] = 1ll << 53;
    const double small = p > 0.5 ? 1.0 - p : p, odds = small / (1.0 - small);
    double mass = 1.0, below = 0.0;
    for (int k = 0; k < n; k++) mass *= 1.0 - small;
    for (int k = 0; k < n; k++) {
        below += mass;
        mass *= odds * (n - k) / (k + 1.0);
        const double reached = below < 1.0 ? below * 9007199254740992.0 : 9007199254740992.0;
        if (p > 0.5) table.reached[n - 1 - k] = (int64_t)(9007199254740992.0 - reached);
        else table.reached[k] = (int64_t)reached;
    }
}
static inline int32_t shared_binomial_draw(int32_t key, int32_t event, int32_t n, double p, int64_t synapse) {
    if (n > 64) return binomial_draw(key, event, n, p, synapse);
    if (p != _presyn_shared.p || n != _presyn_shared.n) _presyn_fill_table(n, p);
    const int64_t bits = (int64_t)(_presyn_bits((uint32_t)key, (uint32_t)event, (uint32_t)synapse) >> 11);
    int64_t released = 0;
    for (int start = 0; start < n; start += 16)
        for (int k = start; k < start + 16; k++) released += _presyn_shared.reached[k] <= bits;
    return (int32_t)released;
}
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

normal_draw = counter_function("normal_draw", normal, _NORMAL_CPP, "integer, integer", "float")
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
