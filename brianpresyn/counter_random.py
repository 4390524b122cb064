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

import functools
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
SITES_PER_BLOCK = 32
_WORDS_PER_BLOCK = 64
# Largest number of sites for which the distribution function is kept as a table.
_LARGEST_TABLE = 64

_LOW_32 = np.uint64(0xFFFFFFFF)
_SHIFT_32 = np.uint64(32)
_MULTIPLIER = np.uint64(PHILOX_MULTIPLIER)
_WEYL_STEPS = tuple(np.uint64(number * PHILOX_WEYL & 0xFFFFFFFF) for number in range(32))


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
    c0, c1, k = (np.array(word) for word in np.broadcast_arrays(c0, c1, k))
    c0, c1 = _mixed(c0, c1, k, rounds)
    return c0.astype(np.uint32), c1.astype(np.uint32)


def _mixed(
    c0: NDArray[np.uint64], c1: NDArray[np.uint64], key: NDArray[np.uint64], rounds: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return both words after the rounds; `c0` and `c1` are overwritten.

    For the few hundred synapses that are active in one time step the calls cost more than the arithmetic, so
    there are as few of them as possible, and none makes a new array.
    """
    product = np.empty_like(c0)
    for round_number in range(rounds):
        np.multiply(c0, _MULTIPLIER, out=product)
        np.right_shift(product, _SHIFT_32, out=c0)
        np.bitwise_xor(c0, c1, out=c0)
        np.bitwise_and(product, _LOW_32, out=c1)
        np.bitwise_xor(c0, (key + _WEYL_STEPS[round_number]) & _LOW_32, out=c0)
    return c0, c1


def _as_word(values: ArrayLike) -> NDArray[np.uint64]:
    """Return integers, signed or not, as 32-bit words held in uint64."""
    return np.asarray(values).astype(np.int64).view(np.uint64) & _LOW_32


def random_bits(
    key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0
) -> NDArray[np.uint64]:
    """Return 64 random bits for a synapse's event: the `word`-th such number of that event."""
    moved_key = _as_word(key) + np.asarray(word, dtype=np.uint64) * np.uint64(_KEY_STEP)
    high, low = philox2x32(synapse, event, moved_key & _LOW_32)
    return (high.astype(np.uint64) << _SHIFT_32) | low


def _uniform(
    key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0
) -> NDArray[np.float64]:
    return (random_bits(key, event, synapse, word) >> np.uint64(11)) * 2.0**-53


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
    """Return how many of n sites release, by comparing random bits with the binary digits of p.

    Every site takes its random number digit by digit, most significant first, and is decided at the first
    digit that differs from that of p. All sites of a synapse take their next digit from one random word at
    once, so a synapse with ten sites needs one word most of the time. Exact for every p in double precision.
    """
    key, event, n, p, synapse = np.broadcast_arrays(key, event, n, p, synapse)
    released = np.where(p >= 1.0, n, 0).astype(np.int32)
    is_open = (p > 0.0) & (p < 1.0)
    for block in range(-(-int(n.max(initial=0)) // SITES_PER_BLOCK)):
        sites = np.minimum(n - block * SITES_PER_BLOCK, SITES_PER_BLOCK)
        chosen = np.flatnonzero(is_open & (sites > 0))
        released.flat[chosen] += _number_of_ones(
            released_sites(
                key.flat[chosen],
                event.flat[chosen],
                sites.flat[chosen],
                p.flat[chosen],
                synapse.flat[chosen],
                block,
            )
        )
    return released


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


def released_sites(
    key: NDArray[Any],
    event: NDArray[Any],
    sites: NDArray[Any],
    p: NDArray[Any],
    synapse: NDArray[Any],
    block: int,
) -> NDArray[np.uint64]:
    """Return which of at most 32 sites release, one bit each, for 0 < p < 1; all one-dimensional."""
    digits = (p * 2.0**63).astype(np.uint64) << np.uint64(1)
    undecided = (np.uint64(1) << sites.astype(np.uint64)) - np.uint64(1)
    success = np.zeros_like(undecided)
    slices_per_word = 64 // sites
    bits = np.zeros_like(undecided)
    open_ = np.flatnonzero(undecided)
    for slice_number in range(64):
        fresh = open_[slice_number % slices_per_word[open_] == 0]
        word = slice_number // slices_per_word[fresh] + block * _WORDS_PER_BLOCK
        bits[fresh] = random_bits(key[fresh], event[fresh], synapse[fresh], word)
        digit = (digits[open_] >> np.uint64(63)) * np.uint64(0xFFFFFFFFFFFFFFFF)
        differs = (bits[open_] ^ digit) & undecided[open_]
        success[open_] |= differs & digit
        undecided[open_] &= ~differs
        digits[open_] <<= np.uint64(1)
        bits[open_] >>= sites[open_].astype(np.uint64)
        open_ = open_[(undecided[open_] != 0) & (digits[open_] != 0)]
        if not open_.size:
            break
    return success


def _number_of_ones(words: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return the number of one bits of words below 2**32."""
    as_bytes = words[:, np.newaxis].view(np.uint8)
    return np.unpackbits(as_bytes, axis=1).sum(axis=1, dtype=np.int32)


_SCALAR_ROUND = (
    f"product = 0x{PHILOX_MULTIPLIER:X}ull * c0; "
    "c0 = (uint32_t)(product >> 32) ^ key ^ c1; c1 = (uint32_t)product; "
    f"key += 0x{PHILOX_WEYL:X}u;"
)
_LANE_ROUND = (
    "for (int lane = 0; lane < PRESYN_LANES; lane++) { "
    f"const uint64_t product = 0x{PHILOX_MULTIPLIER:X}ull * c0[lane]; "
    "c0[lane] = (uint32_t)(product >> 32) ^ key ^ c1[lane]; c1[lane] = (uint32_t)product; } "
    f"key += 0x{PHILOX_WEYL:X}u;"
)

# The synapses of one presynaptic neuron usually lie side by side and are reached one after the other by the
# same spike number. So from the third synapse of such a row on, a whole block is drawn at once, which
# compilers turn into vector instructions, and the neighbours are read from it. It is a memory of a pure
# function: what is drawn does not depend on it. The rounds are written out because loops over them are not
# always unrolled.
_PHILOX_CPP = f"""
#ifndef PRESYN_PHILOX
#define PRESYN_PHILOX
#define PRESYN_LANES 32
#ifdef _OPENMP
#define PRESYN_OWN_OF_THREAD static thread_local
#else
#define PRESYN_OWN_OF_THREAD static
#endif
static inline uint64_t _presyn_word(uint32_t key, uint32_t event, uint32_t synapse, uint32_t word) {{
    uint32_t c0 = synapse, c1 = event;
    uint64_t product;
    key += word * 0x{_KEY_STEP:X}u;
    {(chr(10) + "    ").join([_SCALAR_ROUND] * PHILOX_ROUNDS)}
    return ((uint64_t)c0 << 32) | c1;
}}
struct _presyn_block_memory {{
    uint64_t tag;
    uint32_t key, next, row;
    uint64_t bits[PRESYN_LANES];
}};
PRESYN_OWN_OF_THREAD _presyn_block_memory _presyn_memory = {{~0ull, 0, 0, 0, {{0}}}};
#if defined(__GNUC__)
__attribute__((noinline))
#endif
static uint64_t _presyn_new_bits(uint32_t key, uint32_t event, uint32_t synapse) {{
    _presyn_block_memory& memory = _presyn_memory;
    memory.row = synapse == memory.next ? memory.row + 1 : 0;
    memory.next = synapse + 1;
    if (memory.row < 2) return _presyn_word(key, event, synapse, 0);
    const uint32_t block = synapse / PRESYN_LANES;
    memory.tag = ((uint64_t)block << 32) | event;
    memory.key = key;
    memory.next = (block + 1) * PRESYN_LANES;
    uint32_t c0[PRESYN_LANES], c1[PRESYN_LANES];
    for (int lane = 0; lane < PRESYN_LANES; lane++) c0[lane] = block * PRESYN_LANES + lane;
    for (int lane = 0; lane < PRESYN_LANES; lane++) c1[lane] = event;
    {(chr(10) + "    ").join([_LANE_ROUND] * PHILOX_ROUNDS)}
    for (int lane = 0; lane < PRESYN_LANES; lane++)
        memory.bits[lane] = ((uint64_t)c0[lane] << 32) | c1[lane];
    return memory.bits[synapse % PRESYN_LANES];
}}
static inline uint64_t _presyn_bits(uint32_t key, uint32_t event, uint32_t synapse) {{
    const uint64_t tag = ((uint64_t)(synapse / PRESYN_LANES) << 32) | event;
    if ((tag == _presyn_memory.tag) & (key == _presyn_memory.key))
        return _presyn_memory.bits[synapse % PRESYN_LANES];
    return _presyn_new_bits(key, event, synapse);
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

# Eight digits are compared before the first look at whether any site is still undecided: the fixed number of
# turns costs less than a branch that the processor cannot predict.
BINOMIAL_CPP = f"""
static inline int32_t _presyn_ones(uint32_t bits) {{
    bits = bits - ((bits >> 1) & 0x55555555u);
    bits = (bits & 0x33333333u) + ((bits >> 2) & 0x33333333u);
    return (int32_t)((((bits + (bits >> 4)) & 0x0F0F0F0Fu) * 0x01010101u) >> 24);
}}
static inline uint32_t _presyn_sites(uint32_t key, uint32_t event, uint32_t synapse, int sites, double p,
                                    uint32_t word) {{
    uint64_t digits = (uint64_t)(int64_t)(p * 9223372036854775808.0) << 1;
    uint64_t bits = 0, undecided = ((uint64_t)1 << sites) - 1, success = 0;
    int left = 0;
    do {{
        if (left < sites) {{
            bits = word ? _presyn_word(key, event, synapse, word) : _presyn_bits(key, event, synapse);
            word++;
            left = 64;
        }}
        for (int digit_number = 0; digit_number < 8 && left >= sites; digit_number++, left -= sites) {{
            const uint64_t digit = (uint64_t)((int64_t)digits >> 63);
            const uint64_t differs = (bits ^ digit) & undecided;
            success |= differs & digit;
            undecided &= ~differs;
            digits <<= 1;
            bits = bits >> (sites - 1) >> 1;
        }}
    }} while (undecided && digits);
    return (uint32_t)success;
}}
static inline int32_t binomial_draw(int32_t key, int32_t event, int32_t n, double p, int64_t synapse) {{
    if (p >= 1.0) return n;
    if (!(p > 0.0)) return 0;
    int32_t released = 0;
    for (uint32_t word = 0; n > 0; n -= {SITES_PER_BLOCK}, word += {_WORDS_PER_BLOCK})
        released += _presyn_ones(_presyn_sites((uint32_t)key, (uint32_t)event, (uint32_t)synapse,
                                               n < {SITES_PER_BLOCK} ? n : {SITES_PER_BLOCK}, p, word));
    return released;
}}
"""


# With one n and p for all, the number released is looked up: it is the number of values of the distribution
# function, kept as 53-bit integers, that the random bits reach. The table is made anew when n or p change.
SHARED_BINOMIAL_CPP = """
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
    includes = "#include <stdint.h>\n#include <math.h>"
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
    source = _PHILOX_CPP + cpp_code
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
    "binomial_draw", _binomial, BINOMIAL_CPP, "integer, integer, integer, float", "integer"
)
"""``binomial_draw(key, event, n, p)``: how many of n sites release, each with probability p."""

shared_binomial_draw = counter_function(
    "shared_binomial_draw",
    _shared_binomial,
    BINOMIAL_CPP + SHARED_BINOMIAL_CPP,
    "integer, integer, integer, float",
    "integer",
)
"""``shared_binomial_draw(key, event, n, p)``: as `binomial_draw`, with one n and p for all synapses."""
