"""Random numbers of many networks at once: every replica has its own streams, whatever batch it runs in.

A stream belongs to a seed and a purpose (initial values, order of the data, noise in training, noise in
evaluation), so a replica draws the same numbers alone and in any batch, and evaluating more often changes no
training. There are two kinds, with the same interface:

- On a CPU, one generator per seed: numpy's SFC64 for random bits and torch's generator for normal numbers,
  the fastest of each. Replicas that share a seed share its numbers, which are drawn once. A release is
  decided with 16 random bits, so the probability of release is rounded to a multiple of 1/65536.
- On an accelerator, the hash of `draws`: a number is a function of key, step and position, so nothing is
  carried but one counter on the device, and a captured graph goes on where it stopped. A release is decided
  with 24 random bits.

The two kinds draw different numbers: results are reproducible on one kind of device, and agree across kinds
in distribution only.
"""

import enum
import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from rate_models.devices import write
from rate_models.draws import Draw, normal_rows, released_rows


class Purpose(enum.IntEnum):
    """What a stream of random numbers is for."""

    INITIAL_VALUES = 0
    DATA_ORDER = 1
    TRAINING_NOISE = 2
    EVALUATION_NOISE = 3
    LESIONS = 4
    TASKS = 5


def seed_sequence(seed: int, purpose: Purpose) -> np.random.SeedSequence:
    """Return the seed sequence of one purpose of one replica."""
    return np.random.SeedSequence(seed, spawn_key=(int(purpose),))


def numpy_generator(seed: int, purpose: Purpose) -> np.random.Generator:
    """Return the numpy generator of one purpose of one replica."""
    return np.random.default_rng(seed_sequence(seed, purpose))


class CounterNoise(NamedTuple):
    """Random numbers that are still to be computed: n of a draw, for every key."""

    draw: Draw
    n: int


Noise: TypeAlias = Tensor | CounterNoise
"""Drawn bits (int16) or normal numbers (floating point), or numbers still to be computed, (replica, n)."""


class HostStreams:
    """One generator per seed, on the CPU: replicas of the same seed share what it draws.

    `dtype` is the precision of normal numbers.
    """

    def __init__(self, seeds: Sequence[int], purpose: Purpose, *, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._seeds = list(seeds)
        self._bits = {seed: np.random.SFC64(seed_sequence(seed, purpose)) for seed in seeds}
        words = {seed: int(seed_sequence(seed, purpose).generate_state(2, np.uint64)[1]) for seed in seeds}
        self._normal = {seed: torch.Generator().manual_seed(word >> 1) for seed, word in words.items()}
        self._find_sources()

    def bits(self, n: int) -> Tensor:
        """Return 16 random bits each, int16 of shape (replica, n): a view that must not be written to."""
        n_words = -(-n // 4)
        drawn = [torch.from_numpy(bits.random_raw(n_words).view(np.int16)) for bits in self._bits.values()]
        return self._for_replicas(drawn[0][None] if len(drawn) == 1 else torch.stack(drawn))[:, :n]

    def normals(self, n: int) -> Tensor:
        """Return standard normal numbers, shape (replica, n): a view that must not be written to."""
        drawn = torch.empty(len(self._normal), n, dtype=self._dtype)
        for row, generator in zip(drawn, self._normal.values(), strict=True):
            row.normal_(generator=generator)
        return self._for_replicas(drawn)

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget the streams of all other replicas."""
        self._seeds = [self._seeds[replica] for replica in replicas]
        self._bits = {seed: self._bits[seed] for seed in self._seeds}
        self._normal = {seed: self._normal[seed] for seed in self._seeds}
        self._find_sources()

    def _find_sources(self) -> None:
        """Note for every replica which of the generators it draws from."""
        row_of = {seed: row for row, seed in enumerate(self._bits)}
        self._source = torch.tensor([row_of[seed] for seed in self._seeds])

    def _for_replicas(self, drawn: Tensor) -> Tensor:
        """Return the numbers of every replica, given those of every generator."""
        if len(drawn) == 1:
            return drawn.expand(len(self._seeds), -1)
        return drawn if len(drawn) == len(self._seeds) else drawn.index_select(0, self._source)


class CounterStreams:
    """Counter-based numbers, computed on any device: one key per replica, one counter for all."""

    def __init__(self, seeds: Sequence[int], purpose: Purpose, *, device: torch.device) -> None:
        keys = [seed_sequence(seed, purpose).generate_state(1, np.uint64)[0] for seed in seeds]
        self._key = torch.from_numpy(np.array(keys, dtype=np.uint64).view(np.int64)).to(device)[:, None]
        self._counter = torch.zeros((), dtype=torch.int64, device=device)

    def bits(self, n: int) -> CounterNoise:
        """Return the promise of random bits, shape (replica, n)."""
        self._counter += 1
        # A promise of its own: the next one moves the counter on.
        return CounterNoise(Draw(self._key, self._counter.clone()), n)

    normals = bits

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget the streams of all other replicas."""
        self._key = self._key[torch.as_tensor(replicas, device=self._key.device)].contiguous()


Streams: TypeAlias = HostStreams | CounterStreams


def drawn_for_each(draw: Callable[[], Tensor]) -> Tensor:
    """Return what `draw` draws; inside `torch.func.vmap`, drawn anew for each of what is mapped over.

    vmap's ``randomness="same"`` gives all the same draw.
    """
    # torch says nowhere in its public interface what is being mapped over.
    from torch._functorch import pyfunctorch

    stack = map(pyfunctorch.coerce_cinterpreter, torch._C._functorch.get_interpreter_stack() or ())
    levels = [
        each
        for each in stack
        if isinstance(each, pyfunctorch.VmapInterpreter) and each.randomness() != "same"
    ]
    if not levels:
        return draw()
    sizes = [level.batch_size() for level in levels]
    with pyfunctorch.temporarily_clear_interpreter_stack():
        drawn = torch.stack([draw() for _ in range(math.prod(sizes))])
        drawn = drawn.unflatten(0, sizes)
    for level in levels:
        drawn = torch._C._functorch._add_batch_dim(drawn, 0, level.level())
    return drawn


def streams_on(
    device: torch.device, seeds: Sequence[int], purpose: Purpose, *, dtype: torch.dtype = torch.float32
) -> Streams:
    """Return the kind of streams that is fastest on `device`."""
    if device.type == "cpu":
        return HostStreams(seeds, purpose, dtype=dtype)
    return CounterStreams(seeds, purpose, device=device)


def released(noise: Noise, p: Tensor) -> Tensor:
    """Return 1 where a synapse with release probability `p` releases, else 0, in the type and shape of `p`.

    `noise` is what `bits` returned, for as many synapses as `p`, (replica, synapse), has columns. With p = 1
    a synapse always releases, with 0 never.
    """
    count = torch.empty_like(p)
    write_released(noise, p, out=count)
    return count


def write_released(noise: Noise, p: Tensor, *, out: Tensor) -> None:
    """Write what `released` returns into `out`."""
    if isinstance(noise, CounterNoise):
        out.copy_(released_rows(noise.draw, p))
        return
    # k in -32768..32767 stands for u = (k + 32768.5) / 65536; u < p is p - k / 65536 > 1/2 + 1/131072.
    out.copy_(noise)  # an operation on numbers of two types would convert them slowly
    write(functools.partial(torch.sub, alpha=2.0**-16), p, out, out=out)
    out.gt_(0.5 + 2.0**-17)


def standard_normal(noise: Noise, dtype: torch.dtype) -> Tensor:
    """Return the normal numbers of `noise`, shape (replica, n)."""
    return noise if isinstance(noise, Tensor) else normal_rows(noise.draw, noise.n, dtype)
