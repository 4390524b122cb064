"""Learn one task after the other, and measure every task after every task.

A sequence of tasks is a set of images, the images that belong to each task, and what the network is told. The
three usual scenarios differ in the question that the network answers (van de Ven & Tolias 2019):

- ``"domain"``: one shared head for all tasks, here the parity of the class (the published Split MNIST);
- ``"class"``: one head with a unit per class, so that the network must also say which task it is;
- ``"task"``: as class, but the network is told the task: only its classes compete.

References
----------
Schug et al. (2021), methods, "Lifelong learning tasks". doi:10.7554/eLife.69884
van de Ven GM, Tolias AS (2019). Three scenarios for continual learning. arXiv:1904.07734
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biophys.argument_types import Count, Inside, OneOf, check_choice, check_kind, check_public
from biophys.plugins import check_new, load_plugins
from biophys.units import shown
from rate_models.checkpoints import load_checkpoint, save_checkpoint
from rate_models.datasets import ImageData
from rate_models.evaluation import accuracy, mean_softmax
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.random_streams import Purpose, Streams, numpy_generator
from rate_models.stochastic_layers import Synapses
from rate_models.task_sequences import (
    SPLIT_PAIRS,
    DataOrder,
    Plan,
    continuous_plans,
    members_of,
    pixel_orders,
)
from rate_models.training import Trainer

SCENARIOS = ("domain", "class", "task")
SCHEDULES = ("abrupt", "joint", "continuous")

# Far below every logit, yet finite, so that no product with zero is undefined.
_SILENT = -1e9


@dataclass(frozen=True)
class TaskSequence:
    """Images, and which of them belong to each task.

    Parameters
    ----------
    images : training and test set with the labels that the network answers
    train_members, test_members : indices of the images of every task
    permutes_pixels, starts_unpermuted
        Whether every task shows the pixels in an order of its own; whether the first shows them as they are.
    classes : units that compete in each task; None if all always do
    shuffles : whether images come in a new random order in every epoch, else in the order of the set

    Raises
    ------
    ValueError
        If there is no task, training sets, test sets and classes are not as many, or a task has no images or
        some that are not there.
    """

    images: ImageData
    train_members: tuple[NDArray[np.integer], ...]
    test_members: tuple[NDArray[np.integer], ...]
    permutes_pixels: bool = False
    classes: tuple[tuple[int, ...], ...] | None = None
    starts_unpermuted: bool = False
    shuffles: bool = True

    def __post_init__(self) -> None:
        counts = {"train_members": len(self.train_members), "test_members": len(self.test_members)}
        if self.classes is not None:
            counts["classes"] = len(self.classes)
        if len(set(counts.values())) > 1 or not self.train_members:
            raise ValueError(f"every task needs images for training and for testing, got {counts}")
        for name in ("train_members", "test_members"):
            n_images = len(getattr(self.images, name.replace("members", "labels")))
            for task, members in enumerate(getattr(self, name), start=1):
                if not len(members) or np.min(members) < 0 or np.max(members) >= n_images:
                    problem = f"{name} of task {task} must lie in 0..{n_images - 1}"
                    raise ValueError(f"{problem}, got {shown(members)}")

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.train_members)

    def pixel_orders(self, seeds: Sequence[int]) -> Tensor | None:
        """Return the order of the pixels in every task, (replica, task, pixel), or None if it never changes.

        The seed of a replica sets its orders.
        """
        if not self.permutes_pixels:
            return None
        orders = pixel_orders(seeds, self.n_tasks, self.images.n_pixels)
        if self.starts_unpermuted:
            orders[:, 0] = torch.arange(self.images.n_pixels)
        return orders.to(self.images.train_images.device)


def split_tasks(data: ImageData, scenario: Annotated[str, OneOf(SCENARIOS)] = "domain") -> TaskSequence:
    """Return five tasks of two classes each, in the order 0-1, 2-3, 4-5, 6-7, 8-9.

    Parameters
    ----------
    data : images of ten classes
    scenario : ``"domain"``, ``"class"`` or ``"task"``

    Raises
    ------
    ValueError : if the scenario is unknown, or images of one of the ten classes are missing

    Examples
    --------
    >>> from brianpresyn.rate_models.datasets import load_images
    >>> split_tasks(load_images("digits")).n_tasks
    5
    """
    for part, labels in (("training", data.train_labels), ("test", data.test_labels)):
        missing = sorted(set(range(10)) - set(labels.unique().tolist()))
        if missing:
            raise ValueError(f"split tasks need {part} images of ten classes, none are of {missing}")
    both = (data.train_labels, data.test_labels)
    train, test = (tuple(members_of(labels, pair) for pair in SPLIT_PAIRS) for labels in both)
    if scenario == "domain":
        parity: dict[str, Any] = {"train_labels": data.train_labels % 2, "test_labels": data.test_labels % 2}
        data = replace(data, **parity, n_classes=2)
    return TaskSequence(data, train, test, classes=SPLIT_PAIRS if scenario == "task" else None)


def permuted_tasks(data: ImageData, n_tasks: Count = 10) -> TaskSequence:
    """Return tasks, at least one, that show all images, each with an order of the pixels of its own."""
    train, test = (np.arange(len(labels)) for labels in (data.train_labels, data.test_labels))
    return TaskSequence(data, (train,) * n_tasks, (test,) * n_tasks, permutes_pixels=True)


OWN_SEQUENCES: dict[str, Callable[[ImageData, int], TaskSequence]] = {}
"""What makes the kinds of task sequences that are registered."""


def task_sequence(kind: str) -> Callable[[Callable[..., TaskSequence]], Callable[..., TaskSequence]]:
    """Register the decorated function as what makes a kind of task sequence of images.

    It is called with the images and the number of tasks that is asked for. The lifelong experiment knows the
    kind from then on: ``benchmarks=("rotated_digits",)`` for the kind ``"rotated"``. The name must be new and
    hold no underscore, which parts kind and images.

    >>> from brianpresyn.rate_models.datasets import load_images
    >>> @task_sequence("halves")
    ... def halves(data: ImageData, n_tasks: int) -> TaskSequence:
    ...     train, test = np.arange(len(data.train_labels)), np.arange(len(data.test_labels))
    ...     return TaskSequence(data, (train[::2], train[1::2]), (test, test))
    >>> task_sequence_of("halves", load_images("digits"), 2).n_tasks
    2
    """
    if "_" in kind:
        raise ValueError(f"kind must not hold an underscore, got {kind!r}")

    def register(make: Callable[..., TaskSequence]) -> Callable[..., TaskSequence]:
        built_in = kind if kind in ("split", "permuted", "continuous") else None
        check_new("kind of task sequence", kind, make, OWN_SEQUENCES.get(kind, built_in))
        OWN_SEQUENCES[kind] = make
        return make

    return register


def task_sequence_of(kind: str, data: ImageData, n_tasks: int) -> TaskSequence:
    """Return the task sequence of a registered kind."""
    if kind not in OWN_SEQUENCES:
        load_plugins()
    check_choice(kind, OWN_SEQUENCES, "kind")
    sequence = OWN_SEQUENCES[kind](data, n_tasks)
    check_kind(sequence, TaskSequence, f"what makes task sequences {kind}", "TaskSequence(data, train, test)")
    return sequence


def held_out(data: ImageData, share: Inside, *, rng: np.random.Generator) -> ImageData:
    """Return the training set with a random share of it, between 0 and 1, in the place of the test set.

    Hyperparameters are chosen on these images; the test set is not touched.
    """
    n = len(data.train_labels)
    shuffled = torch.from_numpy(rng.permutation(n)).to(data.train_labels.device)
    kept, tested = shuffled[round(share * n) :].sort().values, shuffled[: round(share * n)].sort().values
    images, labels = data.train_images, data.train_labels
    return ImageData(data.name, images[kept], labels[kept], images[tested], labels[tested], data.n_classes)


class TaskNetwork(FeedForward):
    """A network of which only some output units compete at a time."""

    def __init__(self, layout: Layout, *, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(layout)
        self._silence = torch.zeros(layout.sizes[-1], dtype=dtype, device=device)

    def choose(self, classes: Sequence[int] | None) -> None:
        """Let only these units compete from now on; None for all."""
        if classes is None:
            self._silence.zero_()
            return
        self._silence.fill_(_SILENT)
        self._silence[list(classes)] = 0

    def activities(self, x: Tensor, parameters: Tensor) -> list[Tensor]:
        """Return input, hidden activities and logits, those of other units far below all others."""
        layers = super().activities(x, parameters)
        layers[-1] = layers[-1] + self._silence
        return layers


def plans_of(
    sequence: TaskSequence,
    seeds: Sequence[int],
    orders: Tensor | None,
    *,
    schedule: Annotated[str, OneOf(SCHEDULES)] = "abrupt",
    n_epochs: int,
    batch_size: int,
    transition: float = 0.25,
) -> Iterator[tuple[int, Plan]]:
    """Yield what to do, epoch by epoch, each with the number of tasks (from 1) that have been begun.

    Parameters
    ----------
    sequence, seeds, orders : the tasks, one seed per replica, and `sequence.pixel_orders(seeds)`
    schedule
        ``"abrupt"`` (one task after the other), ``"continuous"`` (permuted tasks that blend into each other)
        or ``"joint"`` (all tasks at once, which then count as the last one).
    n_epochs, batch_size : passes through the images of each task, and images per step
    transition : part of each task that is spent in transitions, for ``"continuous"``

    Raises
    ------
    ValueError : if the schedule is unknown or does not fit the tasks
    """
    if schedule == "abrupt":
        order = DataOrder(seeds, shuffles=sequence.shuffles)
        for task, members in enumerate(sequence.train_members):
            shown = None if orders is None else orders[:, task : task + 1]
            for _ in range(n_epochs):
                yield task + 1, order.epoch(members, batch_size=batch_size, pixel_order=shown)
    elif schedule == "joint":
        for plan in _joint(sequence, seeds, orders, n_epochs, batch_size):
            yield sequence.n_tasks, plan
    else:
        if orders is None:
            raise ValueError("only permuted tasks can blend into each other: use schedule='abrupt'")
        n_images = len(sequence.images.train_labels)
        n_steps = n_images // batch_size
        plans = continuous_plans(
            seeds,
            orders,
            n_images,
            images_per_task=n_epochs * n_steps * batch_size,
            batch_size=batch_size,
            transition=transition,
            steps_per_plan=n_steps,
        )
        for epoch, plan in enumerate(plans):
            yield epoch // n_epochs + 1, plan


def _joint(
    sequence: TaskSequence, seeds: Sequence[int], orders: Tensor | None, n_epochs: int, batch_size: int
) -> Iterator[Plan]:
    """Yield epochs over the union of all tasks, in pieces about as long as an epoch of one task."""
    images = np.concatenate(sequence.train_members).astype(np.int32)
    tasks = np.repeat(np.arange(sequence.n_tasks), [len(m) for m in sequence.train_members]).astype(np.int32)
    n_steps = len(images) // batch_size
    if n_steps < sequence.n_tasks:
        problem = f"{len(images)} images in batches of {batch_size} are {n_steps} steps"
        raise ValueError(f"{problem}, fewer than the {sequence.n_tasks} tasks: lower batch_size")
    rngs = {seed: numpy_generator(seed, Purpose.DATA_ORDER) for seed in seeds}
    for _ in range(n_epochs):
        drawn = {seed: rng.permutation(len(images))[: n_steps * batch_size] for seed, rng in rngs.items()}
        for piece in np.array_split(np.arange(n_steps), sequence.n_tasks):
            at = slice(piece[0] * batch_size, (piece[-1] + 1) * batch_size)
            chosen = np.stack([drawn[seed][at].reshape(len(piece), batch_size) for seed in seeds])
            variant = None if orders is None else torch.from_numpy(tasks[chosen])
            yield Plan(torch.from_numpy(images[chosen]), orders, variant)


def learn_tasks(
    trainer: Trainer,
    sequence: TaskSequence,
    *,
    schedule: str = "abrupt",
    n_epochs: int,
    batch_size: int,
    finish_task: Callable[[int], None] = lambda task: None,
    measure: Callable[[int], None] = lambda n_learned: None,
    checkpoint: Path | str | None = None,
    results: Mapping[str, Any] | None = None,
    seconds_between: float = 60.0,
) -> None:
    """Train along a sequence of tasks, from where a run that was killed left its checkpoint.

    Parameters
    ----------
    trainer, sequence : the networks, with the images of the tasks
    schedule, n_epochs, batch_size : as for `plans_of`
    finish_task : called at the end of every task with its index (from 0): where a method consolidates
    measure : called before the first task with 0, and after every task with the number of tasks learned
    checkpoint
        File for the half-trained run; if it is there, the run goes on from it, bit for bit. The caller
        removes it when the results are safe. None for none.
    results : arrays that `measure` writes into, which belong into the checkpoint
    seconds_between : checkpoints are written after an epoch, at most this often

    Raises
    ------
    ValueError : if the checkpoint is damaged or of another run
    """
    seeds, kept = trainer.synapses.seeds, {"trainer": trainer, "results": dict(results or {})}
    orders = sequence.pixel_orders(seeds)
    n_done = n_begun = 0
    if checkpoint is not None and Path(checkpoint).exists():
        n_done = load_checkpoint(checkpoint, **kept, n_plans=0)["n_plans"]
    else:
        measure(0)
    t_saved = time.monotonic()
    plans = plans_of(sequence, seeds, orders, schedule=schedule, n_epochs=n_epochs, batch_size=batch_size)
    for n_before, (n, plan) in enumerate(plans):
        if n > n_begun:
            if n_begun and n_before >= n_done:
                finish_task(n_begun - 1)
                measure(n_begun)
            n_begun = n
            _choose_classes(trainer.network, sequence, n - 1, schedule)
        if n_before < n_done:
            continue
        trainer.run(plan)
        if checkpoint is not None and time.monotonic() - t_saved >= seconds_between:
            save_checkpoint(checkpoint, **kept, n_plans=n_before + 1)
            t_saved = time.monotonic()
    finish_task(n_begun - 1)
    measure(n_begun)


def _choose_classes(network: FeedForward, sequence: TaskSequence, task: int, schedule: str) -> None:
    if isinstance(network, TaskNetwork):
        classes = None if schedule == "joint" else sequence.classes
        network.choose(None if classes is None else classes[task])


def accuracy_by_task(
    network: FeedForward,
    synapses: Synapses,
    sequence: TaskSequence,
    *,
    streams: Streams,
    n_samples: int = 10,
    every: int = 1,
) -> Tensor:
    """Return the accuracy on the test images of every task, shape (replica, task).

    Parameters
    ----------
    network, synapses, sequence : what was trained, and the tasks
    streams, n_samples : as for `evaluation.mean_softmax`
    every : use one test image in this many, which saves time
    """
    orders = sequence.pixel_orders(synapses.seeds)
    data, by_task = sequence.images, []
    for task, members in enumerate(sequence.test_members):
        chosen = torch.from_numpy(members[::every]).to(data.test_images.device)
        _choose_classes(network, sequence, task, "abrupt")
        order = None if orders is None else orders[:, task]
        options: dict[str, Any] = {"streams": streams, "n_samples": n_samples, "pixel_order": order}
        probability = mean_softmax(network, synapses, data.test_images[chosen], **options)
        by_task.append(accuracy(probability, data.test_labels[chosen]))
    return torch.stack(by_task, dim=1)


check_public(__name__, but=("TaskNetwork",))
