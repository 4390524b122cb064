"""Which image every replica sees at every step: plans of indices, for one task or a sequence of tasks.

A plan is computed before the steps run, from the replica's own random stream; replicas with the same seed see
the same images. Sequences of tasks are plans over the same images: a subset of classes (split), a fixed
permutation of the pixels per task (permuted), or permutations that mix at the transitions (continuous
permuted).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biophys.argument_types import Count, checked_seeds, checked_types
from biophys.units import shown
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.replicas import check_positions, rows


@checked_types
@dataclass(frozen=True)
class Plan:
    """What to do in a number of consecutive steps.

    Parameters
    ----------
    images : index of every training image, shape (replica, step, batch), integer
    pixel_order : pixel that each input shows, (replica, variant, pixel); None for the images as they are
    variant : row of `pixel_order` of each image, (replica, step, batch); None where there is one variant
    """

    images: Tensor
    pixel_order: Tensor | None = None
    variant: Tensor | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 3:
            raise ValueError(f"images must be indices (replica, step, batch), got {tuple(self.images.shape)}")

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return self.images.shape[1]

    def rows(self, replicas: Sequence[int]) -> "Plan":
        """Return the plan of these replicas."""
        order, variant = (None if t is None else rows(t, replicas) for t in (self.pixel_order, self.variant))
        return Plan(rows(self.images, replicas), order, variant)


@checked_types
class DataOrder:
    """The shuffled order in which every replica goes through its data, epoch by epoch.

    Parameters
    ----------
    seeds : one seed per replica; replicas with equal seeds share the order
    shuffles : whether the order is random; else it is that of the data in every epoch

    Examples
    --------
    >>> order = DataOrder([1, 1, 2])
    >>> plan = order.epoch(np.arange(1000), batch_size=100)
    >>> plan.images.shape
    torch.Size([3, 10, 100])
    """

    def __init__(self, seeds: Sequence[int], *, shuffles: bool = True) -> None:
        self._seeds, self._shuffles = checked_seeds(seeds), shuffles
        self._rngs = {seed: numpy_generator(seed, Purpose.DATA_ORDER) for seed in self._seeds}

    def epoch(
        self, members: NDArray[np.integer], *, batch_size: Count, pixel_order: Tensor | None = None
    ) -> Plan:
        """Return one pass over `members`; images that fill no batch are left out.

        Parameters
        ----------
        members : indices of the images of the task, at least as many as a batch has
        batch_size : images per step
        pixel_order : shape (replica, 1, pixel), or None
        """
        if np.ndim(members) != 1 or not np.issubdtype(np.asarray(members).dtype, np.integer):
            raise TypeError(f"members must be indices, such as np.arange(1000), got {shown(members)}")
        n_steps = len(members) // batch_size
        if n_steps == 0:
            raise ValueError(f"a batch of {batch_size} needs at least as many images, got {len(members)}")
        rngs = self._rngs.items()
        orders = {seed: rng.permutation(members) if self._shuffles else members for seed, rng in rngs}
        images = np.stack([orders[seed][: n_steps * batch_size] for seed in self._seeds]).astype(np.int32)
        images = images.reshape(-1, n_steps, batch_size)
        return Plan(torch.from_numpy(images), pixel_order)

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        check_positions(replicas, len(self._seeds))
        self._seeds = [self._seeds[replica] for replica in replicas]
        self._rngs = {seed: self._rngs[seed] for seed in self._seeds}


SPLIT_PAIRS = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))
"""Pairs of classes of the split tasks, in the order of presentation."""


def members_of(labels: Tensor, classes: Sequence[int]) -> NDArray[np.integer]:
    """Return the indices of the images of these classes.

    >>> members_of(torch.tensor([0, 3, 1, 0]), (0, 1)).tolist()
    [0, 2, 3]
    """
    return np.flatnonzero(np.isin(labels.cpu().numpy(), classes))


def pixel_orders(seeds: Sequence[int], n_tasks: int, n_pixels: int) -> Tensor:
    """Return one random order of the pixels per replica and task, shape (replica, task, pixel).

    Replicas with equal seeds get equal orders.
    """
    drawn = {}
    for seed in dict.fromkeys(seeds):
        rng = numpy_generator(seed, Purpose.TASKS)
        drawn[seed] = np.stack([rng.permutation(n_pixels) for _ in range(n_tasks)])
    return torch.from_numpy(np.stack([drawn[seed] for seed in seeds]))


def task_mixture(n_tasks: int, images_per_task: int, transition: float) -> NDArray[np.float64]:
    """Return the probability of every task at every image of a sequence without boundaries, (image, task).

    During the last half of `transition` (a part of each task, 0..1) the share of the next one rises linearly
    to one half, and during the first half of the following task from one half to one.

    References
    ----------
    Zeno C, Golan I, Hoffer E, Soudry D (2018). Task agnostic continual learning using online variational
    Bayes. arXiv:1803.10123

    Examples
    --------
    >>> task_mixture(2, 8, 0.5)[5:11, 1].round(2).tolist()
    [0.0, 0.0, 0.25, 0.5, 0.75, 1.0]
    """
    n_ramp = round(transition / 2 * images_per_task)
    probability = np.zeros((n_tasks * images_per_task, n_tasks))
    for task in range(n_tasks):
        start = task * images_per_task
        share = np.ones(images_per_task)
        into, out_of = share[:n_ramp], share[images_per_task - n_ramp :]
        if n_ramp and task > 0:
            into[:] = 0.5 + 0.5 * np.arange(n_ramp) / n_ramp
            probability[start : start + n_ramp, task - 1] = 1 - into
        if n_ramp and task < n_tasks - 1:
            out_of[:] = 1 - 0.5 * np.arange(n_ramp) / n_ramp
            probability[start + images_per_task - n_ramp : start + images_per_task, task + 1] = 1 - out_of
        probability[start : start + images_per_task, task] = share
    return probability


def continuous_plans(
    seeds: Sequence[int],
    orders: Tensor,
    n_images: int,
    *,
    images_per_task: int,
    batch_size: int,
    transition: float = 0.25,
    steps_per_plan: int = 600,
) -> Iterator[Plan]:
    """Yield the plans of a sequence of permuted tasks that blend into each other.

    Every one of the `n_images` training images is drawn with replacement, and its task from `task_mixture`.
    `orders` are those of the pixels, (replica, task, pixel); `steps_per_plan` bounds memory.
    """
    mixture = task_mixture(orders.shape[1], images_per_task, transition).cumsum(axis=1)
    rngs = {seed: numpy_generator(seed, Purpose.DATA_ORDER) for seed in seeds}
    n_steps = len(mixture) // batch_size
    for first in range(0, n_steps, steps_per_plan):
        last = min(first + steps_per_plan, n_steps)
        shares = mixture[first * batch_size : last * batch_size]
        drawn = {}
        for seed, rng in rngs.items():
            tasks = (rng.random(len(shares))[:, None] >= shares).sum(axis=1)
            tasks = tasks.clip(max=shares.shape[1] - 1).astype(np.int32)
            drawn[seed] = rng.integers(n_images, size=len(shares), dtype=np.int32), tasks
        shape = (len(seeds), last - first, batch_size)
        images, tasks = (np.stack([drawn[seed][i] for seed in seeds]).reshape(shape) for i in (0, 1))
        yield Plan(torch.from_numpy(images), orders, torch.from_numpy(tasks))
