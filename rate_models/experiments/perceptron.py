"""A perceptron that learns sets of random patterns one after the other (Schug et al. 2021, figure 5b,c).

Patterns x in {-1, 1}^N and labels y in {-1, 1} are random. The update is the perceptron rule averaged over
five patterns,

    u_i = mean over patterns of (y - o) x_i r_i,    o = sign(sum_i r_i w_i x_i / p_i)

with r_i = 1 in the standard perceptron. With presynaptic consolidation r_i ~ Bernoulli(p_i), one draw per
pattern,

    w_i <- w_i + (1 - p_i) u_i
    p_i <- the rule of `biophys.release_plasticity`, with update signal u_i

Controls tell selective consolidation from a learning rate that falls: the standard perceptron at a tenth of
its rate after the first task, the mean of 1 - p for all synapses, and p shuffled among them after each task.

As in the published program a potential of exactly zero gives o = +1 in learning, u lacks the factor 1/p,
patterns come in a fixed order, p stops at p_freeze, and a pattern counts as recalled if most of ten draws are
right.

References
----------
Schug S, Benzing F, Steger A (2021). eLife 10:e69884. doi:10.7554/eLife.69884
Cover TM (1965). Geometrical and statistical properties of systems of linear inequalities. IEEE Trans.
Electron. Comput. EC-14:326-334 (a perceptron stores up to 2 N random patterns).
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from biophys.argument_types import check_config
from biophys.palette import BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE
from biophys.progress import Progress, ignore_progress
from biophys.release_plasticity import ReleasePlasticity, learning_rate_factor, updated_release_probability
from biophys.settings import Count, Counts, NotNegative, OneOf, Seeds, Share, settings
from biophys.sweeps.groups import swept_dataset
from rate_models.devices import Execution, execution_or_default
from rate_models.figure_parts import band, bars
from rate_models.random_streams import Purpose, Streams, numpy_generator, released, streams_on

MODELS = {
    "standard": ("standard perceptron", ORANGE),
    "presynaptic": ("presynaptic consolidation", BLUE),
    "additive": ("presynaptic, additive p rule", PURPLE),
    "falling_rate": ("standard, a tenth of the rate after task 1", BROWN),
    "unselective": ("rate of the mean synapse", GREEN),
    "shuffled": ("p shuffled after tasks", GREY),
}
"""Label and colour of every model. ``"additive"`` takes the published equation of the p rule literally."""

CONTROLS = ("falling_rate", "unselective", "shuffled")
_FORMS = {"additive": "additive", **dict.fromkeys(("presynaptic", "unselective", "shuffled"), "soft_bound")}


@settings
class Config:
    """What is learned; the defaults are the paper's.

    Parameters
    ----------
    n_inputs, n_tasks, n_epochs : paper: 1000 inputs, 5 tasks, 25 passes through each
    n_patterns
        Patterns per task: each number is an experiment of its own. Paper: 100; the others are for its remark
        that the models become alike near the capacity, where n_tasks times n_patterns nears 2 n_inputs.
    batch_size : patterns per update (paper: 5)
    seeds : one perceptron per seed (program: 1000 to 1009); the models share patterns and labels
    models : names out of `MODELS`
    p_up, p_down, g_lim, p_min, p_freeze : parameters of the p rule (paper: 0.2, 0.2, 0.1, 0.25, 0.9)
    n_samples : draws per pattern in recall (program: 10)
    shuffles : whether patterns come in a new random order in every pass (program: no)
    """

    n_inputs: Count = 1000
    n_tasks: Count = 5
    n_epochs: Count = 25
    n_patterns: Counts = (50, 100, 200, 300, 400, 600, 800)
    batch_size: Count = 5
    seeds: Seeds = tuple(range(1000, 1010))
    models: Annotated[tuple[Annotated[str, OneOf(MODELS)], ...], Field(min_length=1)] = tuple(MODELS)
    p_up: NotNegative = 0.2
    p_down: NotNegative = 0.2
    g_lim: NotNegative = 0.1
    p_min: Share = 0.25
    p_freeze: Share = 0.9
    n_samples: Count = 10
    shuffles: bool = False

    def __post_init__(self) -> None:
        if unfit := [n for n in self.n_patterns if n % self.batch_size]:
            raise ValueError(f"n_patterns must be multiples of batch_size={self.batch_size}, got {unfit}")
        self.plasticity("soft_bound")

    @property
    def capacity(self) -> int:
        """Number of random patterns that a perceptron can store, 2 n_inputs."""
        return 2 * self.n_inputs

    def plasticity(self, form: str) -> ReleasePlasticity:
        """Return the p rule; p stops at p_freeze."""
        steps, range_of_p = (self.p_up, self.p_down, self.g_lim), (self.p_min, self.p_freeze, self.p_freeze)
        return ReleasePlasticity(*steps, *range_of_p, form=form, consolidation=True)


MAY_DIFFER = ("n_patterns", "seeds", "models")

QUICK = Config(
    n_inputs=500,
    n_patterns=(50, 200),
    seeds=tuple(range(1000, 1006)),
    models=("standard", "presynaptic", *CONTROLS),
)
"""The same with half of the inputs, in seconds; the share of the capacity in use is as at full size."""


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    n_passes = len(config.models) * config.n_epochs * config.n_tasks * sum(config.n_patterns)
    return n_passes * len(config.seeds) * config.n_inputs


def run(
    config: Config, *, execution: Execution | None = None, on_progress: Progress = ignore_progress
) -> xr.Dataset:
    """Train all perceptrons, in double precision where there is: a potential of exactly zero matters.

    Returns
    -------
    result
        ``accuracy`` (model, n_patterns, seed, n_learned, task): share of recalled patterns of a task after 0,
        1, ... tasks; ``mean_p`` and ``frozen`` (model, n_patterns, seed, n_learned), NaN for the standard
        model.
    """
    check_config(config, Config)
    device = (execution_or_default(execution)).torch_device
    n_done, points, results = 0, [], []
    for n_patterns in config.n_patterns:
        tasks = random_tasks(config, n_patterns, device)
        for model in config.models:
            doing = f"{MODELS[model][0]} on {n_patterns} patterns per task"
            on_progress(n_done / (len(config.models) * sum(config.n_patterns)), doing)
            points.append({"model": model, "n_patterns": n_patterns})
            results.append(_learned(config, model, *tasks))
            n_done += n_patterns
    axes = {"model": config.models, "n_patterns": config.n_patterns}
    result = swept_dataset(points, results, axes).astype(np.float32)
    n_learned = np.arange(config.n_tasks + 1)
    result = result.assign_coords(seed=list(config.seeds), n_learned=n_learned, task=n_learned[1:])
    return result.assign_attrs(n_inputs=config.n_inputs, n_samples=config.n_samples)


def random_tasks(config: Config, n_patterns: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return patterns (seed, task, pattern, input) and labels (seed, task, pattern), all -1 or 1."""
    patterns, labels = [], []
    for seed in config.seeds:
        rng = numpy_generator(seed, Purpose.TASKS)
        patterns.append(rng.choice([-1.0, 1.0], (config.n_tasks, n_patterns, config.n_inputs)))
        labels.append(rng.choice([-1.0, 1.0], (config.n_tasks, n_patterns)))
    dtype = torch.float32 if device.type == "mps" else torch.float64
    return tuple(torch.from_numpy(np.stack(a)).to(device, dtype) for a in (patterns, labels))  # type: ignore[return-value]


class Perceptrons:
    """Perceptrons of one model, one per seed, with expected strength `weight` and `p`, both (seed, input).

    `plasticity` is the p rule, None for the standard perceptron; `is_selective` is False where all learn at
    the rate of the mean synapse; `rate` is that of the standard perceptron.
    """

    def __init__(
        self,
        n_inputs: int,
        seeds: Sequence[int],
        plasticity: ReleasePlasticity | None,
        *,
        device: torch.device,
        dtype: torch.dtype,
        is_selective: bool = True,
    ) -> None:
        self.plasticity, self.is_selective, self.rate = plasticity, is_selective, 1.0
        self.weight = torch.zeros(len(seeds), n_inputs, device=device, dtype=dtype)
        self.p = torch.full_like(self.weight, 1.0 if plasticity is None else plasticity.p_min)
        self._training = streams_on(device, seeds, Purpose.TRAINING_NOISE, dtype=dtype)
        self._recall = streams_on(device, seeds, Purpose.EVALUATION_NOISE, dtype=dtype)

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Take one update with patterns (seed, pattern, input) and labels (seed, pattern), -1 or 1."""
        transmitted = self._transmitted(x, self._training)
        potential = torch.einsum("spi,si->sp", transmitted, self.weight / self.p)
        answer = torch.where(potential >= 0, 1.0, -1.0)
        update = ((y - answer)[..., None] * transmitted).mean(dim=1)
        if self.plasticity is None:
            self.weight += self.rate * update
            return
        factor = learning_rate_factor(self.p, self.plasticity)
        self.weight += (factor if self.is_selective else factor.mean(dim=1, keepdim=True)) * update
        self.p = updated_release_probability(self.p, update, self.plasticity)

    def recalled(self, x: Tensor, y: Tensor, *, n_samples: int) -> Tensor:
        """Return 1 where a pattern gets its label in most of the draws, else 0, shape (seed, pattern).

        A draw with potential zero counts as +1, and a tie of the draws as not recalled.
        """
        n_draws = 1 if self.plasticity is None else n_samples
        votes = torch.zeros_like(y)
        for _ in range(n_draws):
            potential = torch.einsum("spi,si->sp", self._transmitted(x, self._recall), self.weight / self.p)
            votes += torch.where(potential >= 0, 1.0, -1.0)
        return (votes * y > 0).to(y.dtype)

    def _transmitted(self, x: Tensor, streams: Streams) -> Tensor:
        """Return the patterns with the inputs that were not released set to zero."""
        if self.plasticity is None:
            return x
        p = self.p[:, None, :].expand(x.shape).flatten(1)
        return released(streams.bits(p.shape[1]), p).view(x.shape).mul_(x)


def _learned(config: Config, model: str, patterns: Tensor, labels: Tensor) -> xr.Dataset:
    """Return what the perceptrons of one model recall of each task before the first and after every one."""
    perceptrons = Perceptrons(
        config.n_inputs,
        config.seeds,
        config.plasticity(_FORMS[model]) if model in _FORMS else None,
        device=patterns.device,
        dtype=patterns.dtype,
        is_selective=model != "unselective",
    )
    rngs = [numpy_generator(seed, Purpose.LESIONS) for seed in config.seeds]
    orders = [numpy_generator(seed, Purpose.DATA_ORDER) for seed in config.seeds]
    measured = [_measured(config, perceptrons, patterns, labels)]
    for task in range(config.n_tasks):
        x, y = patterns[:, task], labels[:, task]
        for _ in range(config.n_epochs):
            if config.shuffles:
                x, y = shuffled(x, y, orders)
            for first in range(0, x.shape[1], config.batch_size):
                batch = slice(first, first + config.batch_size)
                perceptrons.learn(x[:, batch], y[:, batch])
        if model == "falling_rate":
            perceptrons.rate = 0.1
        if model == "shuffled":
            order = torch.from_numpy(np.stack([rng.permutation(config.n_inputs) for rng in rngs]))
            perceptrons.p = perceptrons.p.gather(1, order.to(x.device))
        measured.append(_measured(config, perceptrons, patterns, labels))
    return xr.concat(measured, "n_learned").transpose("seed", "n_learned", ...)


def shuffled(x: Tensor, y: Tensor, rngs: Sequence[np.random.Generator]) -> tuple[Tensor, Tensor]:
    """Return patterns and labels in a random order, one per seed."""
    order = torch.from_numpy(np.stack([rng.permutation(x.shape[1]) for rng in rngs])).to(x.device)
    return x.gather(1, order[..., None].expand(x.shape)), y.gather(1, order)


def _measured(config: Config, perceptrons: Perceptrons, patterns: Tensor, labels: Tensor) -> xr.Dataset:
    """Return recall of every task, mean release probability and share of frozen synapses."""
    recalled = [
        perceptrons.recalled(patterns[:, task], labels[:, task], n_samples=config.n_samples).mean(dim=1)
        for task in range(config.n_tasks)
    ]
    p = perceptrons.p if perceptrons.plasticity is not None else perceptrons.p * torch.nan
    frozen = torch.where(p.isnan(), p, (p >= config.p_freeze).to(p.dtype))
    shares = {"mean_p": p.mean(dim=1), "frozen": frozen.mean(dim=1)}
    measured = {"accuracy": (("seed", "task"), torch.stack(recalled, dim=1).cpu().numpy())}
    return xr.Dataset(measured | {name: (("seed",), values.cpu().numpy()) for name, values in shares.items()})


def draw_recall(result: xr.Dataset, figure: Figure) -> None:
    """Draw recall of the first task after each task, and the mean over all tasks at the end; mean and 95 %
    interval over seeds."""
    # The number of patterns nearest to the paper's share of the capacity, 100 of N = 1000.
    sizes = result.n_patterns.to_numpy()
    n = int(sizes[np.abs(sizes - result.n_inputs / 10).argmin()])
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    chosen = result.accuracy.sel(n_patterns=n)
    n_seeds = result.sizes["seed"]
    for model in result.model.to_numpy():
        label, colour = MODELS[str(model)]
        member = chosen.sel(model=model, task=1, n_learned=slice(1, None))
        band(left, member.n_learned.to_numpy(), 100 * member.to_numpy(), colour, label)
    left.set_xlabel("tasks learned")
    left.set_xticks(range(1, result.sizes["n_learned"]))
    left.set_ylabel("task 1 patterns recalled (%)")
    left.legend(fontsize=8)
    left.set_title(f"{n} patterns per task, N = {result.n_inputs}, {n_seeds} seeds", fontsize=9)
    final = {
        MODELS[str(model)]: 100 * chosen.sel(model=model).isel(n_learned=-1).mean("task").to_numpy()
        for model in result.model.to_numpy()
    }
    bars(right, final)
    right.set_ylabel("patterns of all tasks recalled (%)")
    right.set_ylim(50, 100)


def draw_load(result: xr.Dataset, figure: Figure) -> None:
    """Draw recall and advantage against the load; mean and 95 % interval over seeds."""
    left, right = figure.subplots(1, 2)
    final = 100 * result.accuracy.isel(n_learned=-1).mean("task")
    load = result.n_patterns.to_numpy() * result.sizes["task"] / (2 * result.n_inputs)
    for model in result.model.to_numpy():
        label, colour = MODELS[str(model)]
        band(left, load, final.sel(model=model).transpose("seed", "n_patterns").to_numpy(), colour, label)
        if model != "standard":
            gain = (final.sel(model=model) - final.sel(model="standard")).transpose("seed", "n_patterns")
            band(right, load, gain.to_numpy(), colour, label)
    right.axhline(0, color="black", linewidth=0.8)
    for axes in (left, right):
        axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
        axes.set_xlabel("patterns of all tasks / capacity 2N")
    left.set_ylabel("patterns of all tasks recalled (%)")
    right.set_ylabel("advantage over the standard perceptron (points)")
    left.legend(fontsize=8)
    right.set_title(f"{result.sizes['seed']} seeds, bands: 95 % intervals", fontsize=9)


FIGURES: dict[str, Callable[[xr.Dataset, Figure], None]] = {"recall": draw_recall, "load": draw_load}
"""Panels by name (figure 5b,c, and the remark on capacity); each draws from a result alone."""
