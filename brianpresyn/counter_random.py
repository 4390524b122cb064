"""Random numbers that are a pure function of (key, synapse, event): SplitMix64 as Brian2 functions.

A draw of an ordinary generator depends on every draw before it, so the releases of a network change with
the code generation target, the number of threads and anything else that draws. A counter-based generator
has no state: it mixes a counter. SplitMix64 is the mixture of ``seed + number * constant``: every synapse
has a stream with a seed of its own, and the number is that of the event, so that the outcome of the seventh
spike at synapse 12 is the same on numpy, cython and C++ standalone, with any number of threads, and after
``restore()``. It costs three multiplications; generators with more rounds (Philox, Squares) took two to four
times as long for one draw, which would then dominate the cost of a synaptic event.

The contract of the draw
------------------------
Whatever follows it releases the same quanta. All integers are modulo 2^64, all shifts logical::

    mix(z):   z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
              z = (z ^ z>>27) * 0x94D049BB133111EB
              z ^ z>>31
    state   = mix(key) + synapse * 0xD1342543DE82EF95 + event * 0x9E3779B97F4A7C15
    word(w) = mix(state + w * 0xD6E8FEB86659FD93)

The key and the synapse are 64-bit integers, of which negative ones count as 2^64 more; the event is an
unsigned 32-bit integer, 1 for the first. A host without 64-bit products makes them of three of 32 x 32 bits.

uniform
    ``(word(0) >> 12) * 2**-52``.
Bernoulli
    Released if uniform < p, that is if ``word(0) >> 12 < ceil(p * 2**52)``. So p <= 0 and NaN never release,
    and p >= 1 always does.
binomial
    p is first brought into 0..1, NaN to 0. Site s takes byte ``s % 8`` (0 is the lowest) of ``word(s // 8)``.
    With ``first = min(floor(256 p), 255)`` it releases if the byte is below first; if they are equal, if
    ``word(2**31 + s) >> 11 < floor((256 p - first) * 2**53)``.
shared binomial
    The number of the n values ``floor(F(k) * 2**53)``, k = 0..n-1, that ``word(0) >> 11`` reaches, F being
    the distribution function summed as :func:`_reached` does; above 64 sites the binomial.

Test vectors for (key, synapse, event): ``word(0)``; Bernoulli with p = 0.3; binomial with n = 12, p = 0.3.

====================  ===============  ==========  ====================  =  ==
key                   synapse          event       word(0)
====================  ===============  ==========  ====================  =  ==
0                     0                1           16294208416658607535  0   3
1                     0                1           13830413928045401970  0   3
-1                    7                3           353540719268259041    1   5
1234567890            99               20223       7624584254963370553   0   4
-987654321            4294967295       4294967295  7271341977988999129   0   1
81985529216486895     1099511627781    2147483648  17828432623022833411  0   3
====================  ===============  ==========  ====================  =  ==

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
import importlib
import operator
import zlib
from collections.abc import Callable
from importlib import resources
from typing import Any

import numpy as np
from brian2.core.functions import Function
from numpy.typing import ArrayLike, NDArray

from biophys.argument_types import Seed, checked_types

Words = NDArray[np.uint64]
Counts = NDArray[np.int32]
Array = NDArray[Any]

Floats = NDArray[np.float64]


# Constants of SplitMix64: the step from number to number, and the two multipliers of the mixture.
STEP = 0x9E3779B97F4A7C15
MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)

# Seeds of neighbouring synapses, and of the draws after the first within one event, are this far apart.
SYNAPSE_STEP = 0xD1342543DE82EF95
WORD_STEP = 0xD6E8FEB86659FD93

# Release sites are drawn eight at a time, from one byte each of a word. A site releases if its byte is below
# 256 p; where they are equal, one time in 256, a word of the site's own decides by the digits that follow.
SITES_PER_WORD = 8
_FIRST_TIE_WORD = 1 << 31
# Largest number of sites for which the distribution function is kept as a table.
_LARGEST_TABLE = 64


def _constant(value: int) -> Words:
    """Return an array without axes, which numpy multiplies with twice as fast as with a scalar."""
    return np.array(value, dtype=np.uint64)


_SHIFT_11, _SHIFT_12, _SHIFT_27, _SHIFT_30, _SHIFT_31, _SHIFT_32 = map(_constant, (11, 12, 27, 30, 31, 32))
_LOW_32 = _constant(0xFFFFFFFF)
_GAMMA, _SYNAPSE_GAMMA, _WORD_GAMMA = map(_constant, (STEP, SYNAPSE_STEP, WORD_STEP))
_FIRST_MULTIPLIER, _SECOND_MULTIPLIER = map(_constant, MULTIPLIERS)
_TWO_TO_52, _TWO_TO_53 = np.array(2.0**52), np.array(2.0**53)


@checked_types
def release_key(seed: Seed, stream: str = "") -> int:
    """Return the 64-bit key, as a signed number, for a seed and the name of a stream of draws.

    Raises TypeError if `seed` is not an integer, ValueError if it is negative.

    Parameters
    ----------
    seed : any integer that is not negative
    stream : what the draws are for. Different names give independent draws from the same seed.

    Examples
    --------
    >>> release_key(2021, "ampa") == release_key(2021, "ampa")
    True
    >>> release_key(2021, "ampa") == release_key(2021, "nmda")
    False
    """
    words = np.random.SeedSequence([int(seed), zlib.crc32(stream.encode())]).generate_state(1, np.uint64)
    return int(words.astype(np.int64)[0])


def splitmix64(seed: ArrayLike, number: ArrayLike) -> Words:
    r"""Return the numbers that SplitMix64 gives, as uint64; the first of a seed's stream has the number 1.

    .. math:: z_0 = \mathrm{seed} + \mathrm{number} \cdot \gamma, \quad
        z_1 = (z_0 \oplus (z_0 \gg 30)) m_1, \quad z_2 = (z_1 \oplus (z_1 \gg 27)) m_2, \quad
        z_2 \oplus (z_2 \gg 31) \pmod{2^{64}}

    >>> [int(bits) for bits in splitmix64(1234567, [1, 2])]
    [6457827717110365317, 3203168211198807973]
    """
    return _mixed(_as_word(seed) + _as_word(number) * _GAMMA)


def _mixed(z: Words) -> Words:
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


def contact_numbers(pre: ArrayLike, post: ArrayLike, contact: ArrayLike) -> NDArray[np.int64]:
    """Return numbers of synapses that follow from the neurons they join, and not from the order of creation.

    ``mix(pre * 2**32 + post) + contact * 0xD6E8FEB86659FD93``, as signed 64-bit numbers; contact is 0 for the
    first synapse from pre to post, 1 for the second. Pairs with one contact never share a number; with
    several, two of a million synapses do with probability 3e-8.

    >>> contact_numbers([0, 1], 2, 0).tolist()
    [-2606959012126976886, -952913405323324866]
    """
    pair = (_as_word(pre) << _SHIFT_32) + _as_word(post)
    return (_mixed(pair) + _as_word(contact) * _WORD_GAMMA).view(np.int64)


def joined_numbers(high: ArrayLike, low: ArrayLike) -> NDArray[np.int64]:
    """Return signed 64-bit numbers of two halves: high from -2^31 to 2^31 - 1, low from -2^31 to 2^32 - 1.

    >>> joined_numbers(-7 >> 32, -7 & 0xFFFFFFFF).tolist()
    -7
    """
    return (np.asarray(high).astype(np.int64) << 32) | (np.asarray(low).astype(np.int64) & 0xFFFFFFFF)


def _as_word(values: ArrayLike) -> Words:
    """Return integers as uint64, at least one-dimensional (numpy warns when a scalar overflows)."""
    return np.atleast_1d(np.asarray(values)).astype(np.uint64)


def _times(values: ArrayLike, constant: Words, bits: int = 64) -> Words:
    """Return a new array of the products of the lowest 32 or 64 bits of integers with a constant."""
    if not isinstance(values, np.ndarray) or values.ndim == 0:
        values = np.atleast_1d(np.asarray(values))
    if bits == 32:
        values = values.view(np.uint32) if values.dtype == np.int32 else values.astype(np.uint32)
    # One call that also converts: for the few synapses of a time step calls cost more than arithmetic.
    return np.multiply(values, constant, dtype=np.uint64, casting="unsafe")


@functools.lru_cache(maxsize=1024)
def _mixed_key(key: int) -> Words:
    """Return the state of synapse 0 at event 0."""
    return _constant(int(_mixed(np.array([key % 2**64], dtype=np.uint64))[0]))


def random_bits(key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0) -> Words:
    """Return 64 random bits for a synapse's event: the `word`-th such number of that event.

    >>> print(random_bits(0, [1, 2], 0))
    [16294208416658607535  7960286522194355700]
    """
    is_one_key = not isinstance(key, np.ndarray) or key.ndim == 0
    seed = _mixed_key(int(key)) if is_one_key else _mixed(_as_word(key))  # type: ignore[arg-type]
    state, moved = _times(synapse, _SYNAPSE_GAMMA), _times(event, _GAMMA, bits=32)
    state = np.add(state, moved, state if state.size >= moved.size and state.ndim == moved.ndim else None)
    state = state + seed
    if isinstance(word, np.ndarray) or word:
        state = state + _times(word, _WORD_GAMMA)
    return _mixed(state)


def _uniform(key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0) -> Floats:
    bits = random_bits(key, event, synapse, word) >> _SHIFT_12
    return bits.astype(np.float64) * 2.0**-52


def _bernoulli(key: ArrayLike, event: ArrayLike, p: ArrayLike, synapse: ArrayLike) -> Counts:
    """Return whether 52 random bits, as a number, are below p 2^52."""
    bits = random_bits(key, event, synapse)
    bits >>= _SHIFT_12
    return (bits.view(np.int64) < np.asarray(p) * _TWO_TO_52).astype(np.int32)


def probability(p: ArrayLike) -> Floats:
    """Return p brought into 0..1, NaN to 0."""
    return np.fmin(np.fmax(p, 0.0), 1.0)


def normal(key: ArrayLike, event: ArrayLike, synapse: ArrayLike, word: ArrayLike = 0) -> Floats:
    """Return a standard normal number by the method of Box and Muller (1958)."""
    bits = random_bits(key, event, synapse, word)
    radius = np.sqrt(-2.0 * np.log(((bits >> _SHIFT_32) + 0.5) * 2.0**-32))
    return radius * np.cos(2.0 * np.pi * ((bits & _LOW_32) * 2.0**-32))


def _binomial(key: ArrayLike, event: ArrayLike, n: ArrayLike, p: ArrayLike, synapse: ArrayLike) -> Counts:
    """Return how many of n sites release; each does with probability p up to 2^-61."""
    key, event, n, p, synapse = np.broadcast_arrays(key, event, n, p, synapse)
    return released_sites(key, event, n, p, synapse).sum(axis=-1, dtype=np.int32)


def released_sites(key: Array, event: Array, n: Array, p: Array, synapse: Array) -> NDArray[np.bool_]:
    """Return which sites release; shape (synapse, site), all arguments one-dimensional."""
    n_words = -(-int(n.max(initial=0)) // SITES_PER_WORD)
    words = np.arange(n_words)
    bits = random_bits(key[:, np.newaxis], event[:, np.newaxis], synapse[:, np.newaxis], words)
    digits = bits.astype("<u8", copy=False).view(np.uint8).reshape(np.size(n), n_words * SITES_PER_WORD)
    scaled = probability(p) * 256.0
    first = np.minimum(scaled, 255.0).astype(np.uint8)[:, np.newaxis]
    exists = np.arange(digits.shape[1]) < n[:, np.newaxis]
    released = (digits < first) & exists
    tied, site = np.nonzero((digits == first) & exists)
    if tied.size:
        further = random_bits(key[tied], event[tied], synapse[tied], _FIRST_TIE_WORD + site) >> _SHIFT_11
        rest = (scaled[tied] - first[tied, 0]) * _TWO_TO_53
        released[tied, site] = further < rest.astype(np.uint64)
    return released


def _shared_binomial(key: ArrayLike, event: ArrayLike, n: Any, p: Any, synapse: ArrayLike) -> Counts:
    """Return the number of values of the distribution function that 53 random bits reach."""
    n, p = int(np.ravel(n)[0]), float(probability(np.ravel(p)[0]))
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


def template_text(file: str) -> str:
    """Return the text of a file of the folder ``templates``."""
    return (resources.files("brianpresyn") / "templates" / file).read_text("utf-8")


def cpp_text(name: str) -> str:
    """Return the C++ of a file of the folder ``templates``."""
    return template_text(f"{name}.cpp")


def cuda_text(cpp_code: str) -> str:
    """Return C++ code as CUDA: for device and host, without what other compilers have of their own."""
    for old, new in (
        ("PRESYN_APART static", "static inline"),
        ("static inline", "PRESYN_DEVICE static inline"),
        ("static const uint64_t", "static constexpr uint64_t"),
        ("#if defined(__GNUC__)", "#if 0"),
    ):
        cpp_code = cpp_code.replace(old, new)
    return _CUDA_HEAD + cpp_code


_CUDA_HEAD = """#ifndef PRESYN_DEVICE
#ifdef __CUDACC__
#define PRESYN_DEVICE __host__ __device__
#else
#define PRESYN_DEVICE
#endif
#endif
"""


def cython_wrapper(cpp_code: str, declarations: str) -> str:
    """Return C++ code as Cython that includes it and makes functions callable, one C declaration a line."""
    body = "\n".join(f"    {line.strip()}" for line in declarations.splitlines() if line.strip())
    includes = "#include <stdint.h>\n#include <string.h>\n#include <math.h>\n"
    return f'cdef extern from *:\n    """\n{includes}{cpp_code}    """\n{body}\n'


class NamedFunction(Function):
    """A Brian2 function that is pickled and copied as the variable `name` of the `module` that holds it."""

    numbered: NamedFunction

    def __init__(self, module: str, name: str, numpy_function: Callable[..., Any], **options: Any) -> None:
        super().__init__(numpy_function, **options)
        self.place = module, name

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return _held, self.place


def _held(module: str, name: str) -> Any:
    return operator.attrgetter(name)(importlib.import_module(module))


# Their state, a table or Brian2's generator, is none that a CUDA device has: there they are refused.
_ON_HOSTS_ONLY = ("shared_binomial_draw", "binomial")


def on_all_targets(
    function: NamedFunction, cpp_code: str, cython_code: str, *headers: str, **options: Any
) -> NamedFunction:
    """Return the function with implementations in numpy, and C++ and cython with the options, and CUDA."""
    name = function.place[1].removesuffix(".numbered")
    add = function.implementations.add_implementation
    add("numpy", function.pyfunc)
    add("cpp", cpp_code, name=name, compiler_kwds={"headers": list(headers)} if headers else None, **options)
    add("cython", cython_code, name=name, **options)
    if name in _ON_HOSTS_ONLY:
        return function
    if not function.auto_vectorise:
        add("cuda", cuda_text(cpp_code), name=name)
        return function
    # Brian2CUDA passes on the place among the synapses of one neuron; the synapse itself is _idx.
    names = ", ".join(f"x{place}" for place in range(len(function._arg_units)))
    macro = f"#define {name}_at_synapse({names}, place) {name}({names}, (int64_t)_idx)\n"
    add("cuda", cuda_text(cpp_code) + macro, name=f"{name}_at_synapse")
    return function


def counter_function(
    name: str, numpy_function: Callable[..., Any], arguments: str, returns: str, *needed: str
) -> NamedFunction:
    """Return a Brian2 function of (key, event, ..., synapse) with the same values on every target.

    It is declared stateless, which is what it is: Brian2 may evaluate it in any order. Its C++ is the file of
    its name in the folder ``templates``, after ``generator.cpp`` and the files `needed`. Arguments and result
    are ``"integer"`` or ``"float"``.
    """
    kinds = arguments.split(", ")
    function = _declared(name, numpy_function, kinds, returns, needed, auto_vectorise=True)
    # The same with the number of the synapse as an argument that is written out.
    function.numbered = _declared(f"{name}.numbered", numpy_function, [*kinds, "integer"], returns, needed)
    return function


def _declared(
    name: str,
    numpy_function: Callable[..., Any],
    kinds: list[str],
    returns: str,
    needed: tuple[str, ...],
    *,
    auto_vectorise: bool = False,
) -> NamedFunction:
    c_types = {"integer": "long long", "float": "double"}
    options: dict[str, Any] = {"arg_units": [1] * len(kinds), "arg_types": kinds, "return_type": returns}
    options |= {"return_unit": 1, "stateless": True, "auto_vectorise": auto_vectorise}
    function = NamedFunction(numpy_function.__module__, name, numpy_function, **options)
    c_name, c_kinds = name.removesuffix(".numbered"), [*kinds, *["integer"] * auto_vectorise]
    declaration = f"{c_types[returns]} {c_name}({', '.join(c_types[kind] for kind in c_kinds)})"
    source = "".join(map(cpp_text, ("generator", *needed, c_name)))
    cython_code = cython_wrapper(source, declaration)
    return on_all_targets(function, source, cython_code, "<stdint.h>", "<string.h>", "<math.h>")


uniform_draw = counter_function("uniform_draw", _uniform, "integer, integer", "float")
"""``uniform_draw(key, event)``: uniform in [0, 1)."""

normal_draw = counter_function("normal_draw", normal, "integer, integer", "float", "normal")
"""``normal_draw(key, event)``: standard normal."""

bernoulli_draw = counter_function("bernoulli_draw", _bernoulli, "integer, integer, float", "integer")
"""``bernoulli_draw(key, event, p)``: 1 with probability p, else 0."""

binomial_draw = counter_function("binomial_draw", _binomial, "integer, integer, integer, float", "integer")
"""``binomial_draw(key, event, n, p)``: how many of n sites release, each with probability p."""

contact_number = _declared("contact_number", contact_numbers, ["integer"] * 3, "integer", ())
"""``contact_number(i, j, contact)``: the number of a synapse that follows from the neurons it joins."""

joined_number = _declared("joined_number", joined_numbers, ["float", "float"], "integer", ())
"""``joined_number(high, low)``: the 64-bit number of two halves, for hosts whose numbers are doubles."""

shared_binomial_draw = counter_function(
    "shared_binomial_draw", _shared_binomial, "integer, integer, integer, float", "integer", "binomial_draw"
)
"""``shared_binomial_draw(key, event, n, p)``: as `binomial_draw`, with one n and p for all synapses."""
