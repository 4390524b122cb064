"""Random numbers of a stream: a function of its key, its step and the place in the tensor alone.

Each number is hashed from 32-bit words with additions, products, shifts and exclusive or, which every device
computes alike: a module releases the same on a CPU and on a GPU, alone and under `torch.func.vmap`, eagerly
and compiled, whatever else draws. What is random is in the key, so that two copies of a state differ by their
keys.

A key and a step are mixed to two words (the finaliser of SplitMix64, Steele et al. 2014), and the place is
hashed with them by three multiplications with shifts between them (triple32, Wellons 2018, with the second
word after the first multiplication). The upper 24 bits decide a release.

References
----------
Steele GL, Lea D, Flood CH (2014). Fast splittable pseudorandom number generators. OOPSLA, 453-472.
doi:10.1145/2660193.2660195
Wellons C (2018). Prospecting for hash functions. https://nullprogram.com/blog/2018/07/31/
"""

import functools
import hashlib
import math
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from biophys.argument_types import check_type

# torch has signed words only: these are the constants of the two hashes modulo 2^64 and 2^32.
_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_MIX = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)
_MULTIPLIERS = (0xED5AD4BB - 2**32, 0xAC4C1B51 - 2**32, 0x31848BAB)
_SHIFTS = (17, 11, 15)
# int32 shifts copy the sign: the masks leave what shifts of bits would.
_TRIPLE32 = (*_SHIFTS, *((1 << (32 - shift)) - 1 for shift in _SHIFTS), *_MULTIPLIERS, 8)

_N_MAX = 2**31 - 1
# Numbers whose intermediate results stay in a cache; fewer would cost more in calls.
_N_CACHED = 2**16


class Draw(NamedTuple):
    """One draw of a stream: whoever has the same key and step gets the same numbers.

    Parameters
    ----------
    key : of the stream, int64 of shape ()
    step : which draw of the stream, int64 of shape ()

    Examples
    --------
    >>> draw = Draw(torch.tensor(1), torch.tensor(0))
    >>> released(draw, torch.tensor([0.0, 1.0, 0.5])).tolist()
    [0.0, 1.0, 1.0]
    """

    key: Tensor
    step: Tensor


Randomness: TypeAlias = Draw | torch.Generator
"""Where numbers come from: a draw of a stream, or a generator of torch, which counts all that it drew."""


def key_of(seed: int, name: str) -> int:
    """Return the key of the stream of a whole number, the seed, and a name, as of a module: -2^63..2^63 - 1.

    >>> key_of(1, "features.0") == key_of(1, "features.3")
    False
    """
    check_type(seed, int, "seed")
    digest = hashlib.blake2b(f"{int(seed)} {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def released(
    randomness: Randomness, p: Tensor, n_sites: int | Tensor = 1, *, n_max: int | None = None
) -> Tensor:
    """Return how many of its sites each synapse releases from, Binomial(n_sites, p), in the shape of `p`.

    Parameters
    ----------
    randomness : where the numbers come from
    p : release probability, 0..1, rounded to a multiple of 2^-24; 1 always releases, 0 never
    n_sites : sites per synapse, or one number for each (a tensor that broadcasts against `p`)
    n_max : the largest of `n_sites`; by default it is looked up, for which an accelerator is waited for
    """
    if n_max is None:
        n_max = int(n_sites.max()) if isinstance(n_sites, Tensor) else n_sites
    count = _sites_released(randomness, p, 0)
    for site in range(1, n_max):
        releases = _sites_released(randomness, p, site)
        count = count + (releases * (n_sites > site) if isinstance(n_sites, Tensor) else releases)
    return count


def standard_normal(randomness: Randomness, like: Tensor) -> Tensor:
    """Return independent standard normal numbers of the shape, type and device of `like`.

    Their tails end at 5.8 standard deviations: the radius has 24 bits.

    >>> draw = Draw(torch.tensor(7), torch.tensor(0))
    >>> numbers = standard_normal(draw, torch.empty(100_000))
    >>> bool(numbers.mean().abs() < 0.016 and (numbers.std() - 1).abs() < 0.011)
    True
    """
    if isinstance(randomness, torch.Generator):
        return torch.randn(like.shape, generator=randomness, dtype=like.dtype, device=like.device)
    exact = torch.promote_types(like.dtype, torch.float32)
    return normal_rows(randomness, like.numel(), exact).reshape(like.shape).to(like.dtype)


def normal_rows(draw: Draw, n: int, dtype: torch.dtype) -> Tensor:
    """Return n standard normal numbers for every key, shape (n,), or (key, n) for keys of shape (key, 1)."""
    n_pairs = -(-n // 2)
    _check_number(2 * n_pairs)
    keyed, places = _keyed_hash(draw), torch.arange(n_pairs, dtype=torch.int32, device=draw.key.device)
    radius, angle = (keyed.top_bits(places, half * n_pairs).to(dtype) for half in (0, 1))
    # Box-Muller. Half a step is added last: in single precision 2^23 has none, and zero has no logarithm.
    radius = ((radius + 2.0**23) * 2.0**-24 + 2.0**-25).log().mul(-2.0).sqrt()
    angle = angle * (2.0 * math.pi * 2.0**-24)
    return torch.cat((radius * angle.cos(), radius * angle.sin()), dim=-1)[..., :n]


def released_rows(draw: Draw, p: Tensor) -> Tensor:
    """Return 1 where a synapse releases, else 0, for keys of shape (key, 1) and p of (key, synapse)."""
    _check_number(p.shape[-1])
    return _released(_keyed_hash(draw), 0, p)


def _sites_released(randomness: Randomness, p: Tensor, site: int) -> Tensor:
    """Return 1 where this site of a synapse releases, else 0."""
    if isinstance(randomness, torch.Generator):
        # Numbers of half precision are too coarse to compare with p.
        exact = torch.promote_types(p.dtype, torch.float32)
        uniform = torch.rand(p.shape, generator=randomness, dtype=exact, device=p.device)
        return (uniform < p).to(p.dtype)
    start = site * p.numel()
    _check_number(start + p.numel())
    return _released(_keyed_hash(randomness), start, p.reshape(-1)).reshape(p.shape)


def _released(keyed: "_KeyedHash", start: int, p: Tensor) -> Tensor:
    """Return 1 where one of the synapses from `start` releases, else 0, in the shape of `p`."""
    exact, n = p.to(torch.promote_types(p.dtype, torch.float32)), p.shape[-1]
    # Whole numbers from -2^23 to 2^23 - 1 are below 2^24 (p - 1/2): exact, as 2^24 p is. Their difference,
    # clamped, is the answer without a truth value, which compilers store, and keep for the backward pass, at
    # ten times the cost of a number. A sum with a word is batched where the bits are: vmap can write to it.
    drawn = torch.add((keyed.first & 0) - 2.0**23, exact, alpha=2.0**24).ceil_()
    n_at_once = max(n, 1) if torch.compiler.is_compiling() or p.device.type != "cpu" else _N_CACHED
    places = torch.arange(min(n, n_at_once), dtype=torch.int32, device=p.device)
    for number, part in enumerate(drawn.split(n_at_once, dim=-1)):
        bits = keyed.top_bits(places[: part.shape[-1]], number * n_at_once + start)
        # vmap has no rule for clamp_.
        part.sub_(bits.to(part.dtype)).clamp_min_(0).clamp_max_(1)
    return drawn.to(p.dtype)


def _constants(like: Tensor) -> Any:
    """Return shifts, masks and multipliers of triple32, and how many bits are too many, as operands."""
    if torch.compiler.is_compiling() or like.device.type != "cpu":
        return _TRIPLE32
    # Eagerly a plain number would become a tensor, of another type, anew in every operation.
    return _operands() if type(like) is Tensor else _operands.__wrapped__()


@functools.cache
def _operands() -> tuple[Tensor, ...]:
    return torch.tensor(_TRIPLE32, dtype=torch.int32, device="cpu").unbind()


class _KeyedHash(NamedTuple):
    """A hash of places by two words, int32 of the shape of a key, and the constants of triple32."""

    first: Tensor
    second: Tensor
    constants: Any

    def top_bits(self, places: Tensor, start: int) -> Tensor:
        """Return the upper 24 bits, signed, of the hashes of places counted from `start`, int32."""
        *rounds, unused_bits = self.constants
        # A sum with a batched word is batched, so that what follows may work in place under vmap too.
        hashed = places + (self.first + start)
        for number in range(3):
            shift, mask, multiplier = rounds[number::3]
            shifted = hashed >> shift
            shifted &= mask
            hashed ^= shifted
            hashed *= multiplier
            if number == 0:
                hashed ^= self.second
        hashed >>= unused_bits
        return hashed


def _check_number(n: int) -> None:
    if n > _N_MAX:
        raise ValueError(f"a draw has at most {_N_MAX} numbers, {n} were asked for: split the tensor")


def _keyed_hash(draw: Draw) -> _KeyedHash:
    """Return the hash that key and step determine."""
    z = draw.key + draw.step * _GAMMA
    z = (z ^ ((z >> 30) & (2**34 - 1))) * _MIX[0]
    z = (z ^ ((z >> 27) & (2**37 - 1))) * _MIX[1]
    z = z ^ ((z >> 31) & (2**33 - 1))
    return _KeyedHash(z.to(torch.int32), (z >> 32).to(torch.int32), _constants(z))
