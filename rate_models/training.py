"""The training loop: one step for all replicas, repeated along a plan, as a CUDA graph where there is CUDA.

The data lie on the device, a step picks its images by index, and nothing in a step waits for the host. On
CUDA the step is captured once and replayed, so a step costs the host one call, however many networks learn.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from biophys.argument_types import checked_types
from rate_models.networks import FeedForward, check_images, checked_classes, cross_entropy
from rate_models.replicas import check_positions
from rate_models.stochastic_layers import Synapses
from rate_models.task_sequences import Plan

# The first steps run without capture: they compile what is compiled and let the libraries choose their
# kernels.
_N_WARM_UP = 3


Criterion: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes outputs and targets; returns the mean loss of every replica and its derivative by the outputs."""


class DivergenceWarning(UserWarning):
    """A network of a batch has diverged and learns no more."""


@runtime_checkable
class LearningRule(Protocol):
    """How synapses follow the gradient that the network wrote into them.

    A rule makes its buffers when it is built and changes them in place: a captured step keeps their places.
    It may say by attributes what it is for: `loss`, ``"sum"`` or ``"mean"`` over a batch; `synapse_kind`, the
    class of synapses; `n_replicas`. Where it has `image_squares`, a buffer like the gradient, the network
    writes there the squared gradients of single images, summed over the batch.
    """

    def update(self, synapses: Any) -> None:
        """Change what `synapses`, of the kind that the rule is for, have learned, in place."""

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""


@checked_types
class Trainer:
    """Train a batch of networks along plans of images.

    `members` says for every replica still there which one it was at the start, `mean_loss` the mean loss per
    image of the last plan, shape (replica,), in nats.

    Parameters
    ----------
    network, synapses : the network, the same for all replicas, and its synapses, one row per replica
    rule : how the synapses learn: `presynaptic_sgd.PresynapticSgd` or `optimisers.GradientDescent`
    images, labels : (image, pixel) and (image,), moved to the synapses; classes, or what `criterion` takes
    loss : ``"mean"`` or ``"sum"`` over a batch; None for what the rule is derived for, else the mean
    criterion : the loss: `networks.cross_entropy` or `networks.SquaredError`

    Raises
    ------
    ValueError
        If the images do not fit the network or the labels or are not finite, the rule is of another number of
        replicas, or `loss` is unknown or not the one that the rule is derived for.
    TypeError
        If synapses are something else or of a kind that the rule does not change, images or labels are no
        tensors, or classes are no whole numbers.

    Warns
    -----
    DivergenceWarning
        When the loss of a replica is no longer finite after a plan. What it has learned is set to nan, so
        that every later answer of it is nan; the others go on. Without any left, plans are passed over.
    """

    not_in_checkpoints = (
        *("images", "labels", "mean_loss", "_index", "_variant", "_order", "_position"),
        *("_loss_sum", "_replica", "_graph", "_n_eager"),
    )

    def __init__(
        self,
        network: FeedForward,
        synapses: Synapses,
        rule: LearningRule,
        images: Tensor,
        labels: Tensor,
        *,
        loss: Literal["mean", "sum"] | None = None,
        criterion: Criterion = cross_entropy,
    ) -> None:
        check_images(network, images)
        if len(labels) != len(images):
            raise ValueError(f"expected a label for each of {len(images)} images, got {len(labels)} labels")
        if images.device.type != "meta" and not bool(torch.isfinite(images).all()):
            raise ValueError("images must be finite: some pixels are nan or infinite")
        self._sums_loss = _loss_of(rule, synapses, loss) == "sum"
        if criterion is cross_entropy:
            labels = checked_classes(labels, network.layout.sizes[-1])
        execution = synapses.execution
        self.network, self.synapses, self.rule = network, synapses, rule
        self.images = images.to(execution.torch_device, execution.torch_dtype)
        self.labels = labels.to(execution.torch_device)
        self.members = list(range(synapses.n_replicas))
        self._stopped: set[int] = set()
        self._criterion = criterion
        self._forget_buffers()

    def run(self, plan: Plan) -> None:
        """Train along `plan`.

        Raises ValueError if the plan is for another number of replicas, or autocast is on.
        """
        unit = torch.ones(1, 1, device=self.images.device)
        if torch.mm(unit, unit).dtype != unit.dtype:
            # A step writes into buffers of its own.
            raise ValueError("precision is set by Execution(dtype=...): call run outside of torch.autocast")
        if len(plan.images) != self.synapses.n_replicas:
            raise ValueError(f"the plan is for {len(plan.images)} replicas, not {self.synapses.n_replicas}")
        if len(self._stopped) == self.synapses.n_replicas:
            return
        self._load(plan)
        # Gradients are written out, so no operation needs to be remembered: that saves a tenth of the time.
        with torch.inference_mode(), _matrix_precision(self.synapses.execution.allow_tf32):
            self._run_steps(plan.n_steps)
        self.mean_loss = self._loss_sum / plan.n_steps
        self._stop_diverged()

    def diverged(self) -> list[int]:
        """Return the replicas whose learned values or loss are not finite (this waits for the device)."""
        is_finite = torch.isfinite(self.synapses.learned).all(dim=1) & torch.isfinite(self._loss_sum)
        return torch.nonzero(~is_finite).flatten().tolist()

    def _stop_diverged(self) -> None:
        """Say which replicas have diverged since the last plan, and make what they learned nan."""
        if self._loss_sum.device.type == "meta" or bool(torch.isfinite(self._loss_sum).all()):
            return
        positions = torch.nonzero(~torch.isfinite(self._loss_sum)).flatten().tolist()
        new = [position for position in positions if self.members[position] not in self._stopped]
        self._stopped.update(self.members[position] for position in new)
        with torch.inference_mode():
            self.synapses.learned[positions] = float("nan")
        if new:
            seeds = ", ".join(str(self.synapses.seeds[position]) for position in new)
            warnings.warn(
                f"the loss is no longer finite: the networks of seeds {seeds} have diverged and learn no "
                "more; lower the learning rate, or take them out with Trainer.drop",
                DivergenceWarning,
                stacklevel=4,
            )

    def drop(self, replicas: Sequence[int]) -> list[int]:
        """Take the replicas at these positions out of the batch and return who they were; one must remain."""
        n = self.synapses.n_replicas
        if len(replicas):
            check_positions(replicas, n)
        kept = [i for i in range(n) if i not in set(replicas)]
        if not kept:
            raise ValueError("cannot drop every replica of a batch; stop the run instead")
        dropped = [self.members[i] for i in replicas]
        self._stopped.difference_update(dropped)
        self.members = [self.members[i] for i in kept]
        self.synapses.keep(kept)
        self.rule.keep(kept)
        self._forget_buffers()
        return dropped

    def _forget_buffers(self) -> None:
        """Forget everything that has the shape of a plan, and the captured step."""
        device, n = self.images.device, self.synapses.n_replicas
        self._index = torch.empty(0, dtype=torch.int64, device=device)
        self._variant: Tensor | None = None
        self._order: Tensor | None = None
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._loss_sum = torch.zeros(n, dtype=self.images.dtype, device=device)
        self._replica = torch.arange(n, device=device)[:, None]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._n_eager = 0
        self.mean_loss = torch.full((n,), float("nan"), device=device)

    def _load(self, plan: Plan) -> None:
        """Copy the plan into the buffers that the step reads, making them anew if it does not fit."""
        device = self.images.device
        by_step = plan.images.transpose(0, 1).to(device, torch.int64)
        fits = (
            by_step.shape[1:] == self._index.shape[1:]
            # A buffer may have room for more steps.
            and len(by_step) <= len(self._index)
            and (plan.variant is None) == (self._variant is None)
            and (plan.pixel_order is None) == (self._order is None)
        )
        if not fits:
            self._forget_buffers()
            self._index = torch.empty_like(by_step)
            self._variant = None if plan.variant is None else torch.empty_like(by_step)
            self._order = None if plan.pixel_order is None else plan.pixel_order.to(device).clone()
        self._index[: plan.n_steps].copy_(by_step)
        if self._variant is not None and plan.variant is not None:
            self._variant[: plan.n_steps].copy_(plan.variant.transpose(0, 1))
        if self._order is not None and plan.pixel_order is not None:
            self._order.copy_(plan.pixel_order)
        self._position.zero_()
        self._loss_sum.zero_()

    def _run_steps(self, n_steps: int) -> None:
        if not self.synapses.execution.captures:
            for _ in range(n_steps):
                self._step()
            return
        for _ in range(n_steps):
            if self._graph is not None:
                self._graph.replay()
            elif self._n_eager < _N_WARM_UP:
                # On a stream of its own, as capture demands of what it will capture.
                side = torch.cuda.Stream()
                side.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(side):
                    self._step()
                torch.cuda.current_stream().wait_stream(side)
                self._n_eager += 1
            else:
                self._graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self._graph):
                    self._step()
                self._graph.replay()

    def _step(self) -> None:
        """Draw, forward, backward, learn: one step of every replica."""
        x, labels = self._batch()
        synapses = self.synapses
        if synapses.draws_per_step > 1:
            x, labels = (given.repeat_interleave(synapses.draws_per_step, dim=0) for given in (x, labels))
        synapses.draw()
        activities = self.network.activities(x, synapses.effective)
        loss, slope = self._criterion(activities[-1], labels)
        if self._sums_loss:
            slope *= labels.shape[1]
        squares = getattr(self.rule, "image_squares", None)
        self.network.backward(activities, synapses.effective, slope, synapses.gradient, squares)
        self.rule.update(synapses)
        self._loss_sum += loss.unflatten(0, (-1, synapses.draws_per_step)).mean(dim=1)
        self._position += 1

    def _batch(self) -> tuple[Tensor, Tensor]:
        """Return images (replica, sample, pixel) and labels (replica, sample) of the present step."""
        index = self._index.index_select(0, self._position)[0]
        x = self.images.index_select(0, index.flatten()).unflatten(0, index.shape)
        if self._order is not None:
            order = self._order
            if self._variant is not None:
                order = order[self._replica, self._variant.index_select(0, self._position)[0]]
            x = x.gather(2, order.expand(x.shape))
        return x, self.labels[index]


@contextlib.contextmanager
def _matrix_precision(allow_tf32: bool) -> Iterator[None]:
    """Let CUDA matrix products use TF32 inside the block only."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = allow_tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _loss_of(rule: LearningRule, synapses: Synapses, loss: str | None) -> str:
    """Return the loss asked for, or the one that the rule is derived for, if the rule fits the synapses."""
    kind = getattr(rule, "synapse_kind", Synapses)
    if not isinstance(synapses, kind):
        given = type(synapses).__name__
        raise TypeError(f"the rule {type(rule).__name__} changes {kind.__name__}, got {given}")
    n = getattr(rule, "n_replicas", None)
    if n not in (None, synapses.n_replicas):
        problem = f"the rule is of {n} replicas, the synapses of {synapses.n_replicas}"
        raise ValueError(f"{problem}: build it with the synapses that it is to change")
    needed = getattr(rule, "loss", None)
    if loss is not None and needed is not None and loss != needed:
        reason = f"{type(rule).__name__} is derived for the {needed} over the images of a batch"
        raise ValueError(f"loss must be {needed!r}, or left out: {reason}, got {loss!r}")
    return loss or needed or "mean"
