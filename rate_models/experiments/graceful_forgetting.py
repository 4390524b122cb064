"""Ten permuted tasks with release odds that count evidence, with the published rule, with MESU and FOO-VB.

All networks of a seed see the same permutations, and, but for MESU and FOO-VB, the images in the same
order. The new rule and its controls start from the weights of the published rule, times a number that makes
them as large as MESU's in the full profile. Networks are followed while they learn: when do synapses become
reliable, and how well can the newest task still be learned? Controls take one property of the rule away
each; in the quick profile weights start small anyway.

The settings of the new rule were fixed on other seeds and their permutations (1, 2) and on training images
held out, with ten passes through each task; the test set was not used for it.

References
----------
Schug S, Benzing F, Steger A (2021). eLife 10:e69884, appendix 1 table 1. doi:10.7554/eLife.69884
Bonnet D, Cottart K, Hirtzlin T et al. (2025). Nat Commun 16, Supplementary Note 9.
doi:10.1038/s41467-025-64601-w
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr
from annotated_types import Ge, MinLen
from matplotlib.figure import Figure
from scipy.special import entr

from biophys.argument_types import check_config
from biophys.estimates import Estimate, exactly, mean_of
from biophys.palette import BLUE, BROWN, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from biophys.progress import Progress, ignore_progress
from biophys.settings import Count, Counts, Inside, OneOf, Positive, Seeds, settings
from biophys.sweeps.executors import Executor
from biophys.sweeps.groups import sweep_groups, swept_dataset
from rate_models.continual_learning import TaskSequence, accuracy_by_task, permuted_tasks, plans_of
from rate_models.continual_methods import Replica, Training, learner_of
from rate_models.datasets import DataSetName, images_for, training_work
from rate_models.devices import Execution, execution_or_default
from rate_models.experiments.lifelong_methods import PUBLISHED_RULE
from rate_models.figure_parts import band, bars
from rate_models.layout import Layout
from rate_models.nn import EnergyCounter
from rate_models.nn.layers import layers_of
from rate_models.published_bayes import PUBLISHED_RUNS, images_as_published
from rate_models.random_search import Setting
from rate_models.stochastic_layers import BernoulliSynapses, Synapses
from rate_models.training import Trainer

RELIABLE = 0.9353
"""Release probability from which the published rule changes a synapse no more."""


@dataclass(frozen=True)
class Method:
    """A rule that learns the tasks.

    Parameters
    ----------
    label, colour : in figures
    program : of `rate_models.continual_methods`
    draws_per_step : forward and backward passes for each batch
    line : of MESU's program, in `PUBLISHED_RUNS`, whose settings, images and their order it has
    """

    label: str
    colour: str
    program: str
    draws_per_step: int = 1
    line: str | None = None


_mesu = functools.partial(Method, program="mesu", line="mesu 10 tasks")
_foo_vb = functools.partial(Method, program="foo_vb", line="foo-vb 10 tasks")
_control = functools.partial(Method, colour=GREY)
METHODS: dict[str, Method] = {
    "evidence": Method("evidence in the odds of release", VERMILION, "odds"),
    "fading": Method("evidence that fades", BROWN, "odds"),
    "published": Method("presynaptic consolidation", BLUE, "consolidating"),
    "mesu": _mesu("MESU, ten draws", GREEN, draws_per_step=10),
    "mesu_one_draw": _mesu("MESU, one draw", SKY),
    "foo_vb": _foo_vb("FOO-VB diagonal, ten draws", PURPLE, draws_per_step=10),
    "foo_vb_one_draw": _foo_vb("FOO-VB diagonal, one draw", ORANGE),
    "batches": _control("evidence of whole batches", program="odds_of_batches"),
    "narrow": _control("weights start small", program="odds"),
    "certain": _control("release certain", program="odds_certain"),
    "unmodulated": _control("rate not modulated", program="odds_unmodulated"),
    "unselective": _control("rate of the mean synapse", program="odds_unselective"),
    "shuffled": _control("p shuffled after tasks", program="odds_shuffled"),
    "latched": _control("p latched at 0.9353", program="odds_latched"),
}
"""What is compared, and the controls of the new rule, by name in the result."""

CONTROLS = ("batches", "narrow", "certain", "unmodulated", "unselective", "shuffled", "latched")


@settings
class Config:
    """What is learned by which rules.

    Parameters
    ----------
    methods : names out of `METHODS`
    seeds : one network per seed for the new and the published rule
    n_seeds_control, n_seeds_mesu : how many of the seeds the controls run on, and MESU and FOO-VB
    learning_rate, gain, clamp, p_start : of the new rule and its controls
    mean_range
        Their weights start on ± this over the root of the number of inputs, as those of MESU on ± 4; those of
        the control ``"narrow"`` and of the published rule on ± 1.
    memory : steps after which the evidence of ``"fading"`` has faded; None for never
    published_rate : learning rate of the published rule (program: 0.01)
    data_set : ``mnist``, ``fashion_mnist``, ``digits`` or images of one's own
    hidden_units, n_tasks, n_epochs, batch_size : as published: 200 and 200, 10, 10, 100
    n_samples : draws per test image
    steps_between : steps after which release probabilities are noted
    n_energy_images : test images of each task on which energy is counted
    """

    methods: Annotated[tuple[Annotated[str, OneOf(METHODS)], ...], MinLen(1)] = tuple(METHODS)
    seeds: Seeds = (101, 102, 103, 104, 105, 106)
    n_seeds_control: Count = 2
    n_seeds_mesu: Count = 3
    learning_rate: Positive = 3.0
    gain: Positive = 8.0
    clamp: Positive = 1.732
    p_start: Inside = 0.75
    mean_range: Positive = 4.0
    memory: Annotated[float, Ge(1)] | None = None
    published_rate: Positive = 0.01
    data_set: DataSetName = "mnist"
    hidden_units: Counts = (200, 200)
    n_tasks: Count = 10
    n_epochs: Count = 10
    batch_size: Count = 100
    n_samples: Count = 10
    steps_between: Count = 100
    n_energy_images: Count = 100

    def setting_of(self, method: str) -> Setting:
        """Return the settings of the program of a method."""
        if line := METHODS[method].line:
            return PUBLISHED_RUNS[line].settings
        if method == "published":
            return {"learning_rate": self.published_rate, **PUBLISHED_RULE}
        names = ("learning_rate", "gain", "clamp", "p_start", "mean_range")
        setting = {name: float(getattr(self, name)) for name in names}
        memory = (method == "fading" and self.memory) or math.inf
        return setting | {"memory": memory} | ({"mean_range": 1.0} if method == "narrow" else {})

    def seeds_of(self, method: str) -> tuple[int, ...]:
        """Return the seeds that a method is run on."""
        n_seeds = self.n_seeds_control if method in CONTROLS else len(self.seeds)
        return self.seeds[: self.n_seeds_mesu if METHODS[method].line else n_seeds]


QUICK = Config(
    methods=("evidence", "fading", "published", "unselective"),
    learning_rate=1.0,
    gain=4.0,
    mean_range=1.0,
    memory=280.0,
    published_rate=0.1,
    data_set="digits",
    hidden_units=(40,),
    seeds=(101, 102, 103),
    n_tasks=3,
    n_epochs=5,
    batch_size=50,
    n_samples=5,
    steps_between=28,
)

MAY_DIFFER = ("methods", "seeds", "n_seeds_control", "n_seeds_mesu", "steps_between", "n_energy_images")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    n_passes = sum(METHODS[name].draws_per_step * len(config.seeds_of(name)) for name in config.methods)
    n_networks = float(n_passes * config.n_tasks)
    return training_work(config.data_set, config.hidden_units, n_networks, config.n_epochs, config.batch_size)


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    keep_in: Path | str | None = None,
) -> xr.Dataset:
    """Learn the tasks by every method and seed, and measure.

    Returns
    -------
    result
        By method and seed: ``accuracy`` (n_learned, task) of every task after n_learned of them; ``mean_p``
        and ``reliable`` (step), mean release probability and share of synapses with p of at least 0.9353
        (NaN without release); ``atp`` and ``vesicles``, per test image of the tasks at the end, drawn from
        the seed of each network (results of earlier versions drew all from the first one); by method
        ``draws_per_step``.
    """
    check_config(config, Config)
    execution = execution_or_default(execution)
    networks = [(name, seed) for name in config.methods for seed in config.seeds_of(name)]
    # A batch of networks costs an accelerator hardly more than one of them; a CPU it costs as much as each.
    group_size = 1 if execution.torch_device.type == "cpu" else len(config.seeds)
    names = ("data_set", "n_tasks", "n_epochs", "batch_size", "n_samples", "steps_between", "n_energy_images")
    shared = {name: getattr(config, name) for name in names}
    shared["hidden_units"] = "-".join(map(str, config.hidden_units))
    settings = []
    for name, seed in networks:
        program = {"program": METHODS[name].program, "draws": METHODS[name].draws_per_step}
        setting = str(sorted(config.setting_of(name).items()))
        settings.append({"method": name, "seed": seed, **program, **shared, "setting": setting})
    results = sweep_groups(
        functools.partial(learned_networks, config),
        settings,
        keep_in,
        execution,
        group_size=lambda n_missing, n_workers: group_size,
        kept_as=learned_networks,
        replicas=networks,
        same_program=("method",),
        executor=executor,
        on_progress=on_progress,
    )
    places = [{"algorithm": name, "seed": seed} for name, seed in networks]
    result = swept_dataset(places, results, {"algorithm": config.methods, "seed": config.seeds})
    n_passes = [METHODS[name].draws_per_step for name in config.methods]
    return result.astype(np.float32).assign(draws_per_step=("algorithm", n_passes))


def learned_networks(config: Config, networks: Sequence[tuple[str, int]], execution: Execution) -> xr.Dataset:
    """Return what networks of one method, each with its seed, learned, along the dimension ``replica``."""
    method, seeds = networks[0][0], [seed for _, seed in networks]
    sizes = (config.hidden_units, config.n_epochs, config.batch_size, config.n_samples)
    training = Training(*sizes, draws_per_step=METHODS[method].draws_per_step)
    sequence = sequence_for(config, METHODS[method], execution)
    images = sequence.images
    layout = Layout((images.n_pixels, *config.hidden_units, images.n_classes))
    replicas = [Replica(seed, config.setting_of(method)) for seed in seeds]
    learner = learner_of(METHODS[method].program, replicas, layout, training, execution)
    trainer = learner.trainer(images)
    orders = sequence.pixel_orders(seeds)
    plans = plans_of(sequence, seeds, orders, n_epochs=config.n_epochs, batch_size=config.batch_size)
    accuracy = np.full((len(seeds), config.n_tasks + 1, config.n_tasks), np.nan)
    steps: list[int] = []
    releases: list[np.ndarray] = []
    for n_epochs, (n_begun, plan) in enumerate(plans, start=1):
        for images_of_piece in plan.images.split(config.steps_between, dim=1):
            piece = replace(plan, images=images_of_piece)
            trainer.run(piece)
            steps.append(piece.n_steps)
            releases.append(_release_probabilities(learner.synapses))
        if n_epochs % config.n_epochs == 0:
            learner.finish_task(sequence, n_begun - 1)
            accuracy[:, n_begun] = _accuracy(trainer, sequence, config, is_last=n_begun == config.n_tasks)
    shown = (sequence, orders, config.n_energy_images)
    spent = [_energy(learner.synapses, row, *shown) for row in range(len(seeds))]
    mean_p, reliable = np.transpose(releases, (1, 2, 0))
    return xr.Dataset(
        {
            "accuracy": (("replica", "n_learned", "task"), accuracy),
            "mean_p": (("replica", "step"), mean_p),
            "reliable": (("replica", "step"), reliable),
            **{name: ("replica", [each[name] for each in spent]) for name in spent[0]},
        },
        {
            "n_learned": np.arange(config.n_tasks + 1),
            "task": np.arange(1, config.n_tasks + 1),
            "step": np.cumsum(steps),
        },
    )


def sequence_for(config: Config, method: Method, execution: Execution) -> TaskSequence:
    """Return the tasks as a method sees them."""
    images = images_for(config.data_set, execution)
    if method.line is None:
        return permuted_tasks(images, config.n_tasks)
    run = PUBLISHED_RUNS[method.line]
    images = images_as_published(replace(run, side=math.isqrt(images.n_pixels)), images)
    return replace(permuted_tasks(images, config.n_tasks), shuffles=run.shuffles)


def _release_probabilities(synapses: Synapses) -> np.ndarray:
    """Return the mean release probability of every network, and the share the published rule would keep."""
    if not isinstance(synapses, BernoulliSynapses):
        return np.full((2, synapses.n_replicas), math.nan)
    both = torch.stack([synapses.p.mean(dim=1), (synapses.p >= RELIABLE).to(synapses.p).mean(dim=1)])
    return both.cpu().double().numpy()


def _accuracy(trainer: Trainer, sequence: TaskSequence, config: Config, *, is_last: bool) -> np.ndarray:
    """Return accuracies (replica, task); between tasks on one test image in ten, by two draws."""
    often = {"n_samples": config.n_samples, "every": 1} if is_last else {"n_samples": 2, "every": 10}
    streams = trainer.synapses.evaluation_streams()
    accuracy = accuracy_by_task(trainer.network, trainer.synapses, sequence, streams=streams, **often)
    accuracy[trainer.diverged()] = math.nan
    return accuracy.cpu().double().numpy()


def _energy(
    synapses: Synapses, replica: int, sequence: TaskSequence, orders: torch.Tensor | None, n_images: int
) -> dict[str, float]:
    """Return molecules of ATP and vesicles per image; the magnitude of a pixel counts as its spikes.

    Vesicles are drawn from the seed of the network. One that diverged spends nan.
    """
    if not torch.isfinite(synapses.learned[replica]).all():
        return {"atp": math.nan, "vesicles": math.nan}
    model = layers_of(synapses, replica, seed=synapses.seeds[replica])
    images = sequence.images.test_images[:n_images]
    shown = [images] if orders is None else [images[:, order] for order in orders[replica]]
    with torch.no_grad(), EnergyCounter(model) as energy:
        for task in shown:
            model(task)
    n_vesicles = sum(layer.n_vesicles for layer in energy.layers.values())
    return {"atp": float(energy.atp_per_input.magnitude), "vesicles": n_vesicles / energy.n_inputs}


def final_accuracies(result: xr.Dataset, method: str) -> np.ndarray:
    """Return the mean accuracy over all tasks after the last, percent, of every seed that was run."""
    final = 100 * result.accuracy.sel(algorithm=method)[:, -1].mean("task", skipna=False)
    return final.dropna("seed").to_numpy()


def newest_task(result: xr.Dataset, method: str) -> np.ndarray:
    """Return the accuracy on every task when it was just learned, percent, (seed, task)."""
    accuracy = result.accuracy.sel(algorithm=method).dropna("seed", how="all").to_numpy()
    return 100 * np.diagonal(accuracy[:, 1:], axis1=1, axis2=2)


def newest_tasks(result: xr.Dataset, method: str, n: int = 5) -> np.ndarray:
    """Return the accuracy on the n newest tasks, percent, mean from the nth task on, of every seed."""
    accuracy = 100 * result.accuracy.sel(algorithm=method).dropna("seed", how="all")
    n = min(n, accuracy.sizes["task"])
    newest = [accuracy[:, t, t - n : t].mean("task") for t in range(n, accuracy.sizes["n_learned"])]
    return np.mean(newest, axis=0)


def diverged(result: xr.Dataset, seeds: Sequence[int], method: str) -> Estimate:
    """Return how many networks of a method, of these seeds, learned nothing that can be measured."""
    there = [seed for seed in seeds if seed in result.seed]
    final = result.accuracy.sel(algorithm=method, seed=there)[:, -1]
    n_lost = int(final.isnull().any("task").sum())
    return exactly(n_lost, n=n_lost + len(final_accuracies(result, method)), unit="networks")


def observed_of(result: xr.Dataset, method: str) -> dict[str, np.ndarray]:
    """Return what is shown beside the final accuracies of a method, by its words, where it was measured."""
    networks = result.sel(algorithm=method)
    observed = {
        "accuracy on a task when it was just learned, mean of tasks (%)": newest_task(result, method).mean(1),
        "ATP per test image": networks.atp.dropna("seed").to_numpy(),
        "mean release probability at the end": networks.mean_p[:, -1].dropna("seed").to_numpy(),
        "random bits per synapse and step, at most": random_bits(networks, method),
    }
    return {words: values for words, values in observed.items() if len(values)}


def random_bits(networks: xr.Dataset, method: str) -> np.ndarray:
    """Return how many random bits the synapses of every network of a method draw for a step, at most.

    A release has the entropy of its probability, of which that of the mean is the largest; a normal number
    has 24 bits, the mantissa of single precision. Networks that diverged are left out.
    """
    there = networks.dropna("seed", subset=["atp"])
    if METHODS[method].line is not None:
        return np.full(there.sizes["seed"], 24.0 * METHODS[method].draws_per_step)
    p = there.mean_p if METHODS[method].program != "odds_certain" else xr.ones_like(there.mean_p)
    return ((entr(p) + entr(1 - p)) / math.log(2)).mean("step").to_numpy()


def advantages(result: xr.Dataset) -> tuple[dict[str, Estimate], list[str]]:
    """Return by how much evidence in the odds is ahead of the published rule, MESU and the controls, by name.

    Compared are the seeds that both were run on. A control of which every network diverged has no accuracy to
    be ahead of: the names of these come second.
    """
    final = 100 * result.accuracy[:, :, -1].mean("task", skipna=False)
    names = [str(name) for name in final["algorithm"].values if name in ("published", "mesu", *CONTROLS)]
    differences = {name: final.sel(algorithm="evidence") - final.sel(algorithm=name) for name in names}
    ahead = {
        name: mean_of(difference.dropna("seed").to_numpy(), unit="networks", how="paired by seed")
        for name, difference in differences.items()
    }
    lost = [name for name, estimate in ahead.items() if not estimate.n and name in CONTROLS]
    return {name: estimate for name, estimate in ahead.items() if name not in lost}, lost


def draw_final(result: xr.Dataset, figure: Figure) -> None:
    """Draw the mean accuracy over all tasks after the last, by method."""
    axes = figure.subplots()
    groups: Mapping[tuple[str, str], Any] = {
        (METHODS[name].label, METHODS[name].colour): final_accuracies(result, name)
        for name in map(str, result["algorithm"].values)
    }
    bars(axes, groups)
    lowest = min(values.min() for values in groups.values() if len(values))
    axes.set_ylim(max(lowest - 5, 0), 100)
    axes.set_ylabel("final accuracy, mean of tasks (%)")


def draw_by_task(result: xr.Dataset, figure: Figure) -> None:
    """Draw accuracy by task, after the last and when just learned; mean and 95 % interval over seeds."""
    left, right = figure.subplots(1, 2, sharey=True)
    for name in _compared(result):
        method, accuracy = METHODS[name], 100 * result.accuracy.sel(algorithm=name).dropna("seed", how="all")
        band(left, result.task, accuracy[:, -1], method.colour, method.label)
        band(right, result.task, newest_task(result, name), method.colour, method.label)
    left.set(xlabel="task", ylabel="accuracy (%)", title="after the last task")
    right.set(xlabel="task", title="when it was just learned")
    right.legend(fontsize=8)


def draw_latching(result: xr.Dataset, figure: Figure) -> None:
    """Draw release probability and share of reliable synapses while the tasks are learned."""
    left, right = figure.subplots(1, 2)
    steps_per_task = int(result.step[-1]) / len(result.task)
    for name in _compared(result):
        method = METHODS[name]
        for axes, variable, scale in ((left, "mean_p", 1), (right, "reliable", 100)):
            values = result[variable].sel(algorithm=name).dropna("seed", how="all")
            if len(values):
                x = result.step / steps_per_task
                band(axes, x, scale * values, method.colour, method.label, marker="")
    left.set(xlabel="tasks seen", ylabel="mean release probability")
    right.set(xlabel="tasks seen", ylabel=f"synapses with p of at least {RELIABLE} (%)")
    left.legend(fontsize=8)


def _compared(result: xr.Dataset) -> Sequence[str]:
    """Return the methods that were run and are no controls."""
    return [str(name) for name in result["algorithm"].values if name not in CONTROLS]


FIGURES = {"final": draw_final, "by_task": draw_by_task, "release_probability": draw_latching}
