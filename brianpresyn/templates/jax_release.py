"""Release of vesicles in JAX: the same quanta at every event as in Brian2, with and without 64-bit numbers.

A release is a function of a key, the number of the synapse and the number of the event. JAX has no 64-bit
integers unless asked, so they are pairs of 32 bits here; p is compared as an integer, exactly. Everything
works under ``jit``, ``vmap`` and ``scan``. The weights at the end have gradients by p, straight-through; the
score function follows from `log_probability`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import xlog1py, xlogy

_STEP, _SYNAPSE_STEP, _WORD_STEP = 0x9E3779B97F4A7C15, 0xD1342543DE82EF95, 0xD6E8FEB86659FD93
_MULTIPLIERS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_FIRST_TIE_WORD = 1 << 31
_SITES_PER_WORD = 8
_LARGEST_TABLE = 64


class Words(NamedTuple):
    """64-bit numbers as two of 32 bits."""

    high: Any
    low: Any


class Chance(NamedTuple):
    """Probabilities as the integers that random bits are compared with."""

    threshold: Words
    first: Any
    rest: Words


def words(numbers: Any) -> Words:
    """Split integers, such as keys and numbers of synapses; negative ones count as 2^64 more."""
    numbers = np.asarray(numbers)
    if numbers.dtype.kind not in "iu":
        raise TypeError(f"keys and numbers of synapses must be integers, got {numbers.dtype}")
    unsigned = numbers.astype(np.uint64)
    return Words(
        jnp.asarray((unsigned >> np.uint64(32)).astype(np.uint32)), jnp.asarray(unsigned.astype(np.uint32))
    )


def chance(p: Any) -> Chance:
    """Return probabilities as integers: of numpy in 64 bits, of JAX of what they are, in both cases exactly.

    Below 0 and NaN count as 0, above 1 as 1.
    """
    if isinstance(p, Chance):
        return p
    of = jnp if isinstance(p, jax.Array) else np
    p = of.asarray(p)
    if of is np and p.dtype in (np.float16, np.float32):
        raise TypeError(
            f"p is {p.dtype}, which moves it: give float64 of numpy, such as np.asarray(p, float)"
        )
    p = of.fmin(of.fmax(lax.stop_gradient(p) if of is jnp else p.astype(float), 0.0), 1.0)
    scaled = p * 256.0
    first = of.minimum(of.floor(scaled), 255.0)
    return Chance(
        Words(*map(jnp.asarray, _digits(of, p, 20, of.ceil))),
        jnp.asarray(first.astype(of.uint32)),
        Words(*map(jnp.asarray, _digits(of, scaled - first, 21, of.floor))),
    )


def _digits(of: Any, fraction: Any, n_high: int, rounding: Any) -> tuple[Any, Any]:
    """Return the integer of `n_high` + 32 binary digits in two parts; every step is exact in any float."""
    high = of.floor(fraction * 2.0**n_high)
    low = rounding((fraction * 2.0**n_high - high) * 2.0**32)
    is_carried = low >= 2.0**32
    return (high + is_carried).astype(of.uint32), of.where(is_carried, 0.0, low).astype(of.uint32)


def _times(a: Words, constant: int) -> Words:
    if jnp.result_type(float) == jnp.float64:
        product = ((a.high.astype(jnp.uint64) << 32) | a.low.astype(jnp.uint64)) * np.uint64(constant)
        return Words((product >> 32).astype(jnp.uint32), product.astype(jnp.uint32))
    # The product of the low halves has 64 bits: of four products of 16 bits.
    constant_high, constant_low = np.uint32(constant >> 32), np.uint32(constant & 0xFFFFFFFF)
    above, below = a.low >> 16, a.low & 0xFFFF
    first, second = np.uint32(constant_low >> 16), np.uint32(constant_low & 0xFFFF)
    middle = above * second + (below * second >> 16)
    other = below * first + (middle & 0xFFFF)
    carried = above * first + (middle >> 16) + (other >> 16)
    return Words(carried + a.high * constant_low + a.low * constant_high, a.low * constant_low)


def _plus(a: Words, b: Words) -> Words:
    low = a.low + b.low
    return Words(a.high + b.high + (low < b.low).astype(jnp.uint32), low)


def _shifted(a: Words, n_bits: int) -> Words:
    return Words(a.high >> n_bits, (a.low >> n_bits) | (a.high << (32 - n_bits)))


def _mixed(z: Words) -> Words:
    for n_bits, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        moved = _shifted(z, n_bits)
        z = _times(Words(z.high ^ moved.high, z.low ^ moved.low), multiplier)
    moved = _shifted(z, 31)
    return Words(z.high ^ moved.high, z.low ^ moved.low)


def _below(a: Words, b: Words) -> Any:
    return (a.high < b.high) | ((a.high == b.high) & (a.low < b.low))


def _small(number: Any) -> Words:
    number = jnp.asarray(number).astype(jnp.uint32)
    return Words(jnp.zeros_like(number), number)


def _state(key: Words, event: Any, number: Words) -> Words:
    return _plus(_plus(_mixed(key), _times(number, _SYNAPSE_STEP)), _times(_small(event), _STEP))


def random_words(key: Words, event: Any, number: Words, word: Any = 0) -> Words:
    """Return the 64 random bits with a number of an event of a synapse."""
    return _mixed(_plus(_state(key, event, number), _times(_small(word), _WORD_STEP)))


def bernoulli_draw(key: Words, event: Any, p: Any, number: Words) -> Any:
    """Return 1 with probability p, else 0."""
    bits = _shifted(_mixed(_state(key, event, number)), 12)
    return _below(bits, chance(p).threshold).astype(jnp.int32)


def binomial_draw(key: Words, event: Any, n: Any, p: Any, number: Words) -> Any:
    """Return how many of n sites release, each with probability p."""
    state, n, p = _state(key, event, number), jnp.asarray(n).astype(jnp.int32), chance(p)
    shape = jnp.broadcast_shapes(state.low.shape, n.shape, p.first.shape)
    state = Words(*(jnp.broadcast_to(half, shape) for half in state))
    places = jnp.arange(_SITES_PER_WORD, dtype=jnp.int32)
    shifts = (8 * places % 32).astype(jnp.uint32)

    def is_released_at_tie(word: Any, place: Any) -> Any:
        site = (_SITES_PER_WORD * word + place).astype(jnp.uint32) + np.uint32(_FIRST_TIE_WORD)
        bits = _mixed(_plus(state, _times(_small(site), _WORD_STEP)))
        return _below(_shifted(bits, 11), p.rest)

    def with_ties(tied: Any, word: Any, released: Any) -> Any:
        def settle(carry: Any) -> Any:
            tied, released = carry
            place, is_tied = jnp.argmax(tied, -1), jnp.any(tied, -1)
            released += (is_tied & is_released_at_tie(word, place)).astype(jnp.int32)
            return tied & (places != place[..., None]), released

        return lax.while_loop(lambda carry: jnp.any(carry[0]), settle, (tied, released))[1]

    def draw(carry: Any) -> Any:
        word, released = carry
        bits = _mixed(_plus(state, _times(_small(word), _WORD_STEP)))
        halves = jnp.where(places < 4, bits.low[..., None], bits.high[..., None])
        digits = (halves >> shifts) & 0xFF
        exists = _SITES_PER_WORD * word + places < n[..., None]
        below = (digits < p.first[..., None]) & exists
        tied = (digits == p.first[..., None]) & exists
        released += jnp.sum(below, -1, dtype=jnp.int32)
        return word + 1, with_ties(tied, word, released)

    start = jnp.int32(0), jnp.zeros(shape, jnp.int32)
    return lax.while_loop(lambda carry: jnp.any(_SITES_PER_WORD * carry[0] < n), draw, start)[1]


def shared_table(n: int, p: float) -> Words | None:
    """Return the distribution function of Binomial(n, p) as 53-bit integers; None above 64 sites."""
    n, p = int(n), min(max(float(p), 0.0), 1.0)
    if n > _LARGEST_TABLE:
        return None
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
    return words(np.array(values).astype(np.int64))


def shared_binomial_draw(key: Words, event: Any, n: Any, p: Any, table: Words | None, number: Words) -> Any:
    """Return the same for one n and p of all synapses, with the table of these two."""
    if table is None:
        return binomial_draw(key, event, n, p, number)
    bits = _shifted(_mixed(_state(key, event, number)), 11)
    bits = Words(bits.high[..., None], bits.low[..., None])
    return jnp.sum(~_below(bits, table), -1, dtype=jnp.int32)


@jax.custom_jvp
def straight_through(p: Any, count: Any, n: Any = 1) -> Any:
    """Return the count, in the type of p, with the gradient by p of its mean: n."""
    return jnp.asarray(count).astype(jnp.result_type(p))


@straight_through.defjvp
def _mean_moves(primals: Any, tangents: Any) -> Any:
    count = straight_through(*primals)
    return count, jnp.broadcast_to(primals[2] * tangents[0], count.shape).astype(count.dtype)


def transmitted_weight(
    weight: Any, p: Any, count: Any, n: Any = 1, *, is_straight_through: bool = True
) -> Any:
    """Return count weight / (n p); its gradient by the weight is count / (n p)."""
    count = (
        straight_through(p, count, n)
        if is_straight_through
        else jnp.asarray(count).astype(jnp.result_type(p))
    )
    return weight * (count / (n * p))


def bernoulli_weight(weight: Any, p: Any, key: Words, event: Any, number: Words) -> Any:
    """Return the weights that act at an event: weight / p with probability p, else 0."""
    return transmitted_weight(weight, p, bernoulli_draw(key, event, p, number))


def binomial_weight(weight: Any, p: Any, n: Any, key: Words, event: Any, number: Words) -> Any:
    """Return the weights that act at an event: k weight / (n p) with k ~ Binomial(n, p)."""
    return transmitted_weight(weight, p, binomial_draw(key, event, n, p, number), n)


def log_probability(p: Any, count: Any, n: Any = 1) -> Any:
    """Return log P(count) without the binomial coefficient; its gradient by p is the score.

    The gradient of ``loss + stop_gradient(loss - baseline) * log_probability(p, count, n).sum()`` by p is an
    unbiased estimate of that of the expected loss, if the weights were formed with
    ``is_straight_through=False``.
    """
    kind = jnp.result_type(p, jnp.float32)
    count, n = jnp.asarray(count).astype(kind), jnp.asarray(n).astype(kind)
    # What has no exponent has no slope either, at p = 0 and 1 too.
    p_released, p_failed = jnp.where(count > 0, p, 1.0), jnp.where(n > count, p, 0.0)
    return xlogy(count, p_released) + xlog1py(n - count, -p_failed)
