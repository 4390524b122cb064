"""Lifelong learning with presynaptic consolidation (Schug et al. 2021, figures 4 and 5a, appendix 1 table 1).

Networks learn five tasks of two classes each (Split), ten tasks that permute the pixels (Permuted), or ten
permutations that blend into each other (continuous), once without revisiting a task. Compared are presynaptic
consolidation, its ablations, networks without consolidation, elastic weight consolidation, synaptic
intelligence, Bayesian gradient descent, and joint training on all tasks at once.

Fairness: every method that the paper gives no settings for, and a tuned form of those that it does, takes its
settings from a random search with the same number of trials, on training images that are held out from
training. Permuted Fashion takes over the settings found on Permuted MNIST, as published. The ablations are
tuned on Permuted MNIST only, as published; for Split MNIST their learning rate is scaled by the ratio of the
published rates.

References
----------
Schug S, Benzing F, Steger A (2021). eLife 10:e69884. doi:10.7554/eLife.69884
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from rate_models.continual_learning import TaskSequence, held_out, permuted_tasks, split_tasks
from rate_models.continual_methods import Learned, Replica, Training, learned
from rate_models.datasets import ImageData, load_images
from rate_models.devices import Execution
from rate_models.experiments.lifelong_figures import FIGURES
from rate_models.experiments.lifelong_methods import (
    ABLATION_ARMS,
    EWC_VARIANTS,
    JOINT_RATE,
    MAIN_METHODS,
    METHODS,
    PUBLISHED_ARMS,
    PUBLISHED_BASELINES,
    PUBLISHED_RULE,
    Method,
    data_of,
    kind_of,
)
from rate_models.forgetting import final_accuracy
from rate_models.random_search import Setting, best, drawn_settings, searched_in_study

__all__ = ["FIGURES", "QUICK", "Config", "Search", "published_setting", "run"]

Progress = Callable[[float, str], None]


_DATA_SETS = {"mnist": "mnist", "fashion": "fashion_mnist", "digits": "digits"}
_SCENARIOS = {"split": "domain", "class_split": "class", "task_split": "task"}


@dataclass(frozen=True)
class Config:
    """What is learned by which methods; the defaults are the published sizes.

    Parameters
    ----------
    benchmarks
        ``<kind>_<data>``, computed in this order: kind ``split`` (parity of the digit), ``class_split``,
        ``task_split``, ``permuted`` or ``continuous``; data ``mnist``, ``fashion`` or ``digits``.
    methods, permuted_methods, continuous_methods
        Names out of `METHODS` for split, permuted and continuous benchmarks.
    ablation_arms, ablation_benchmarks
        Arms of figure 5a, and where they are run. Tuned arms need ``ablation_searched_on`` to come first.
    ablation_searched_on
        Benchmark on which the arms are tuned (paper: Permuted MNIST).
    seeds
        One network per seed and method on split benchmarks (program: 2019, 2020, 2021).
    n_seeds_permuted
        How many of the seeds are used on permuted and continuous benchmarks.
    hidden_units
        Sizes of the hidden layers (paper: 200, 200).
    n_epochs, batch_size
        Passes through each task and images per step (program: 10, 100).
    n_permuted_tasks
        Paper: 10.
    rate_split, rate_permuted
        Learning rates of presynaptic consolidation (paper: 0.01 or 0.001; program: 0.001 and 0.01).
    n_trials_split, n_trials_permuted
        Trials of the random search, the same for every method. The paper does not say how many it made.
    search_seeds_split, search_seeds_permuted
        Networks per trial; other seeds than `seeds`.
    searches_every_split
        Whether every split benchmark is searched; otherwise all take over the settings found on the first
        one, as permuted benchmarks always do.
    n_epochs_search
        Passes through each task in the search.
    held_out_share
        Share of the training images on which the search measures accuracy.
    n_samples
        Draws of stochastic synapses per test image (program: 10).
    n_fisher_images
        Images per task for the Fisher information.
    draws_per_step
        Networks drawn per step in Bayesian gradient descent.
    g_lim, p_min
        Paper: 0.001, 0.25.
    every_test_image
        Networks are measured on one test image in this many between tasks, on all at the end.
    networks_per_batch
        Networks that learn together at most; 0 for all of a program. On a CPU a few are as fast as many.
    keep_in
        Folder in which finished networks are kept, so that an interrupted run goes on.
    search_storage
        Database for the trials as Optuna studies, for example ``"sqlite:///search.db"``; needs Optuna.

    Raises
    ------
    ValueError
        If a benchmark or a method is unknown, or a number is out of range.
    """

    benchmarks: tuple[str, ...] = (
        "permuted_mnist",
        "permuted_fashion",
        "split_mnist",
        "split_fashion",
        "continuous_mnist",
    )
    methods: tuple[str, ...] = (*MAIN_METHODS, *EWC_VARIANTS)
    permuted_methods: tuple[str, ...] = (*MAIN_METHODS, *EWC_VARIANTS)
    continuous_methods: tuple[str, ...] = ("presynaptic",)
    ablation_arms: tuple[str, ...] = ABLATION_ARMS
    ablation_benchmarks: tuple[str, ...] = ("permuted_mnist", "split_mnist")
    ablation_searched_on: str = "permuted_mnist"
    seeds: tuple[int, ...] = tuple(range(2019, 2029))
    n_seeds_permuted: int = 3
    hidden_units: tuple[int, ...] = (200, 200)
    n_epochs: int = 10
    batch_size: int = 100
    n_permuted_tasks: int = 10
    rate_split: float = 0.001
    rate_permuted: float = 0.01
    n_trials_split: int = 32
    n_trials_permuted: int = 16
    search_seeds_split: tuple[int, ...] = (101, 102)
    search_seeds_permuted: tuple[int, ...] = (101,)
    searches_every_split: bool = True
    n_epochs_search: int = 10
    held_out_share: float = 1 / 6
    n_samples: int = 10
    n_fisher_images: int = 1000
    draws_per_step: int = 5
    g_lim: float = 0.001
    p_min: float = 0.25
    every_test_image: int = 5
    networks_per_batch: int = 0
    keep_in: str = ""
    search_storage: str = ""

    def __post_init__(self) -> None:
        for benchmark in self.benchmarks:
            kind, _, data = benchmark.rpartition("_")
            if kind not in (*_SCENARIOS, "permuted", "continuous") or data not in _DATA_SETS:
                raise ValueError(
                    f"benchmark must be split, class_split, task_split, permuted or continuous, then _mnist, "
                    f"_fashion or _digits, got {benchmark!r}"
                )
        named = self.methods + self.permuted_methods + self.continuous_methods + self.ablation_arms
        if unknown := set(named) - set(METHODS):
            raise ValueError(f"methods must be out of {', '.join(METHODS)}, got {sorted(unknown)}")
        for name in ("n_epochs", "batch_size", "n_permuted_tasks", "n_trials_split", "n_seeds_permuted"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not (self.benchmarks and self.seeds and self.methods):
            raise ValueError("benchmarks, seeds and methods must not be empty")
        if set(self.seeds) & {*self.search_seeds_split, *self.search_seeds_permuted}:
            raise ValueError("the seeds of the search must be other seeds than those of the result")

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Names of the sets of images that the benchmarks show."""
        return tuple(dict.fromkeys(_DATA_SETS[data_of(benchmark)] for benchmark in self.benchmarks))

    def training(self, *, in_search: bool = False) -> Training:
        """Return what is the same for all methods."""
        return Training(
            hidden_units=self.hidden_units,
            n_epochs=self.n_epochs_search if in_search else self.n_epochs,
            batch_size=self.batch_size,
            n_samples=self.n_samples,
            n_fisher_images=self.n_fisher_images,
            draws_per_step=self.draws_per_step,
            g_lim=self.g_lim,
            p_min=self.p_min,
            every_test_image=self.every_test_image,
        )

    def methods_on(self, benchmark: str) -> list[Method]:
        """Return what is run on a benchmark."""
        own = {"permuted": self.permuted_methods, "continuous": self.continuous_methods}
        names = own.get(kind_of(benchmark), self.methods)
        arms = self.ablation_arms if benchmark in self.ablation_benchmarks else ()
        return [METHODS[name] for name in dict.fromkeys((*names, *arms))]

    def seeds_on(self, benchmark: str) -> tuple[int, ...]:
        """Return the seeds that are run on a benchmark."""
        return self.seeds if "split" in benchmark else self.seeds[: self.n_seeds_permuted]

    def searched_on(self, benchmark: str) -> str:
        """Return the benchmark whose search a benchmark takes its settings from."""
        kind = kind_of(benchmark)
        if kind in _SCENARIOS and self.searches_every_split:
            return benchmark
        first = "permuted" if kind == "continuous" else kind
        return next((own for own in self.benchmarks if kind_of(own) == first), benchmark)


QUICK = Config(
    benchmarks=("permuted_digits", "continuous_digits", "split_digits"),
    methods=("presynaptic_tuned", "sgd_tuned", "adam_tuned", "ewc", "si", "bgd", "joint"),
    permuted_methods=("presynaptic",),
    ablation_arms=("full_arm", "neither_arm", "ghost_arm"),
    ablation_benchmarks=("split_digits",),
    ablation_searched_on="permuted_digits",
    seeds=(1, 2, 3, 4, 5),
    n_seeds_permuted=4,
    hidden_units=(100, 100),
    n_epochs=15,
    n_epochs_search=15,
    batch_size=50,
    n_permuted_tasks=3,
    rate_split=0.05,
    rate_permuted=0.1,
    n_trials_split=6,
    search_seeds_split=(101,),
    n_fisher_images=200,
    draws_per_step=2,
)
"""The same on 8x8 digits, in seconds."""


def published_setting(config: Config, benchmark: str, method: Method) -> tuple[str, Setting]:
    """Return program and settings of a method as published (program's files where the paper is silent).

    On the digits, which the paper does not use, those for MNIST are taken.
    """
    family = "split" if "split" in benchmark else "permuted"
    rate = config.rate_split if family == "split" else config.rate_permuted
    if method.schedule == "joint":
        return method.program, {"learning_rate": JOINT_RATE}
    if method.name == "none":
        data = "fashion" if data_of(benchmark) == "fashion" else "mnist"
        program, own_rate = PUBLISHED_BASELINES[family, data]
        return program, {"learning_rate": own_rate}
    if method.name in ABLATION_ARMS:
        arm = "ghost" if "ghost" in method.name else method.name.removesuffix("_arm")
        p_down, p_up, p_freeze = PUBLISHED_ARMS[family][arm]
        rule = {"p_down": p_down, "p_up": p_up, "p_freeze": p_freeze}
        return method.program, {"learning_rate": rate, **rule}
    return method.program, {"learning_rate": rate, **PUBLISHED_RULE}


@dataclass
class Search:
    """The trials of one method on one benchmark.

    Parameters
    ----------
    settings
        What was tried.
    scores
        Mean accuracy over all tasks on held-out images after the last task; NaN where a network diverged.
    """

    settings: list[Setting]
    scores: list[float]

    @property
    def best(self) -> Setting:
        """The setting with the highest score."""
        return best(self.settings, self.scores)


@dataclass
class _Progress:
    """Counts finished groups of replicas and notes how long each took."""

    n_groups: int
    report: Progress
    log: list[dict[str, object]] = field(default_factory=list)

    def add(self, name: str, n_replicas: int, n_steps: int, seconds: float) -> None:
        self.log.append(
            {"group": name, "replicas": n_replicas, "steps": n_steps, "seconds": round(seconds, 2)}
        )
        per_step = 1e3 * seconds / n_steps
        text = (
            f"{name}: {n_replicas} networks, {n_steps} steps in {seconds:.1f} s, {per_step:.2f} ms per step"
        )
        self.report(min(len(self.log) / self.n_groups, 1.0), text)


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    on_progress: Progress = lambda fraction, doing: None,
) -> xr.Dataset:
    """Search settings, learn all benchmarks with all methods, and measure.

    Parameters
    ----------
    config
        What to do.
    execution
        Where and how to compute.
    on_progress
        Called after every group of replicas with the fraction done and what it was.

    Returns
    -------
    result
        ``accuracy`` (benchmark, method, seed, n_learned, task), ``mean_p`` and ``frozen`` without task,
        ``trial_score`` (benchmark, method, trial), ``trial_setting`` and ``setting`` (..., hyperparameter);
        NaN where a method was not run, or diverged. Networks are measured before the first task
        (n_learned = 0) and after every task.

    Raises
    ------
    ValueError
        If tuned arms are asked for before the benchmark on which they are tuned.
    """
    execution = execution or Execution()
    progress = _Progress(_n_groups(config), on_progress)
    searches: dict[tuple[str, str], Search] = {}
    used: dict[tuple[str, str], Setting] = {}
    found: dict[tuple[str, str, int], tuple[Learned, int]] = {}
    for benchmark in config.benchmarks:
        data = load_images(_DATA_SETS[data_of(benchmark)]).to(execution.torch_device, execution.torch_dtype)
        if config.searched_on(benchmark) == benchmark:
            searches |= _searched(config, benchmark, data, execution, progress)
        groups = _final_groups(config, benchmark, searches, used)
        sequence = _sequence(config, benchmark, data)
        for (program, schedule), replicas in groups.items():
            name = f"{benchmark} {program}" + (" jointly" if schedule == "joint" else "")
            outcome = _group(config, name, program, schedule, replicas, sequence, execution, progress)
            found |= {(benchmark, own.method, own.seed): (outcome, i) for i, own in enumerate(replicas)}
    return _result(config, found, searches, used).assign_attrs(timing=json.dumps(progress.log))


def _n_groups(config: Config) -> int:
    """Return how many groups of replicas a run has."""
    n_groups = 0
    for benchmark in config.benchmarks:
        n_groups += len({(method.program, method.schedule) for method in config.methods_on(benchmark)})
        if config.searched_on(benchmark) == benchmark:
            n_groups += len({method.program for method in _to_search(config, benchmark)})
    return n_groups


def _sequence(config: Config, benchmark: str, data: ImageData) -> TaskSequence:
    """Return the tasks of a benchmark."""
    kind = kind_of(benchmark)
    if kind in _SCENARIOS:
        return split_tasks(data, _SCENARIOS[kind])
    return permuted_tasks(data, config.n_permuted_tasks)


def _to_search(config: Config, benchmark: str) -> list[Method]:
    """Return the methods whose settings are searched on a benchmark, each once."""
    takers = [own for own in config.benchmarks if config.searched_on(own) == benchmark]
    methods = [m for own in takers for m in config.methods_on(own) if m.source == "searched"]
    if benchmark == config.ablation_searched_on:
        methods += [METHODS[name] for name in config.ablation_arms if METHODS[name].source == "tuned arm"]
    names = dict.fromkeys(method.searched_as or method.name for method in methods)
    return [METHODS[name] for name in names]


def _searched(
    config: Config, benchmark: str, data: ImageData, execution: Execution, progress: _Progress
) -> dict[tuple[str, str], Search]:
    """Run the random search of every method on a benchmark, each program as one batch."""
    tuning = held_out(data, config.held_out_share, rng=np.random.default_rng(_number("held out", benchmark)))
    sequence = _sequence(config, benchmark, tuning)
    is_split = "split" in benchmark
    n_trials = config.n_trials_split if is_split else config.n_trials_permuted
    seeds = config.search_seeds_split if is_split else config.search_seeds_permuted

    def scores(program: str, asked: Sequence[tuple[Method, Setting]]) -> list[float]:
        replicas = [
            Replica(method.name, seed, _whole(setting), method.fisher, method.penalty)
            for method, setting in asked
            for seed in seeds
        ]
        name = f"{benchmark} search {program}"
        outcome = _group(
            config, name, program, "abrupt", replicas, sequence, execution, progress, in_search=True
        )
        return final_accuracy(outcome.accuracy).reshape(len(asked), len(seeds)).mean(axis=1).tolist()

    found: dict[tuple[str, str], Search] = {}
    for program, methods in _by(lambda method: method.program, _to_search(config, benchmark)).items():
        if config.search_storage:
            for method in methods:
                found[benchmark, method.name] = _searched_in_study(
                    config.search_storage, benchmark, method, n_trials, scores
                )
            continue
        drawn = {method: _drawn(method, benchmark, n_trials) for method in methods}
        asked = [(method, setting) for method in methods for setting in drawn[method]]
        all_scores = iter(scores(program, asked))
        for method, settings in drawn.items():
            found[benchmark, method.name] = Search(settings, [next(all_scores) for _ in settings])
    return found


def _searched_in_study(
    storage: str,
    benchmark: str,
    method: Method,
    n_trials: int,
    scores: Callable[[str, Sequence[tuple[Method, Setting]]], list[float]],
) -> Search:
    """Run the search of one method as an Optuna study."""

    def measure(batch: list[Setting]) -> list[float]:
        return scores(method.program, [(method, setting) for setting in batch])

    name, seed = f"{benchmark} {method.name}", _number(benchmark, method.name)
    return Search(*searched_in_study(method.space, measure, n_trials, storage=storage, name=name, seed=seed))


def _drawn(method: Method, benchmark: str, n_trials: int) -> list[Setting]:
    rng = np.random.default_rng(_number(benchmark, method.name))
    return drawn_settings(method.space, n_trials, rng=rng)


def _whole(setting: Setting) -> Setting:
    """Return the setting with a p_freeze that freezes nothing where none was searched."""
    return {"p_freeze": 1.0, **setting} if "p_up" in setting else setting


def _number(*words: str) -> int:
    """Return a number that depends on the words alone."""
    return zlib.crc32(" ".join(words).encode())


def _by(key: Callable[[Method], str], methods: Iterable[Method]) -> dict[str, list[Method]]:
    groups: dict[str, list[Method]] = {}
    for method in methods:
        groups.setdefault(key(method), []).append(method)
    return groups


def _final_groups(
    config: Config,
    benchmark: str,
    searches: Mapping[tuple[str, str], Search],
    used: dict[tuple[str, str], Setting],
) -> dict[tuple[str, str], list[Replica]]:
    """Return the replicas of every group of a benchmark, noting the settings in `used`."""
    groups: dict[tuple[str, str], list[Replica]] = {}
    for method in config.methods_on(benchmark):
        program, setting = _setting(config, benchmark, method, searches)
        used[benchmark, method.name] = setting
        schedule = "continuous" if kind_of(benchmark) == "continuous" else method.schedule
        groups.setdefault((program, schedule), []).extend(
            Replica(method.name, seed, setting, method.fisher, method.penalty)
            for seed in config.seeds_on(benchmark)
        )
    return groups


def _setting(
    config: Config, benchmark: str, method: Method, searches: Mapping[tuple[str, str], Search]
) -> tuple[str, Setting]:
    """Return program and settings of a method on a benchmark."""
    if method.source == "published":
        return published_setting(config, benchmark, method)
    is_arm = method.source == "tuned arm"
    place = config.ablation_searched_on if is_arm else config.searched_on(benchmark)
    key = (place, method.searched_as or method.name)
    if key not in searches:
        raise ValueError(f"{method.name} is tuned on {place}, which must come before {benchmark}")
    setting = _whole(searches[key].best)
    if is_arm and "split" in benchmark and place.startswith("permuted"):
        setting = {
            **setting,
            "learning_rate": setting["learning_rate"] * config.rate_split / config.rate_permuted,
        }
    return method.program, setting


def _group(
    config: Config,
    name: str,
    program: str,
    schedule: str,
    replicas: Sequence[Replica],
    sequence: TaskSequence,
    execution: Execution,
    progress: _Progress,
    *,
    in_search: bool = False,
) -> Learned:
    """Return what one batch learned, from the folder of finished groups if it is there."""
    training = config.training(in_search=in_search)
    store = _Store(config.keep_in, (name, program, schedule, training, not in_search))
    t_start = time.perf_counter()
    missing = [replica for replica in replicas if not store.has(replica)]
    size = config.networks_per_batch or max(len(missing), 1)
    for first in range(0, len(missing), size):
        part = missing[first : first + size]
        outcome = learned(
            program,
            part,
            sequence,
            training,
            schedule=schedule,
            execution=execution,
            measures_all=not in_search,
        )
        store.add(part, outcome)
    steps = sum(len(members) // training.batch_size for members in sequence.train_members)
    progress.add(name, len(missing), steps * training.n_epochs, time.perf_counter() - t_start)
    return store.all_of(replicas)


class _Store:
    """What replicas learned, in memory and, if a folder is given, on disk for a later run.

    A replica behaves the same in whatever batch it runs, so each is kept by itself. The name of
    its file holds a digest of everything that its content depends on.
    """

    def __init__(self, folder: str, identity: tuple[Any, ...]) -> None:
        self._folder = Path(folder) if folder else None
        self._identity = identity
        self._learned: dict[str, Learned] = {}

    def has(self, replica: Replica) -> bool:
        """Return whether a replica is done, reading it from disk if it is there."""
        path = self._path(replica)
        if path is not None and path.is_file():
            with np.load(path) as kept:
                self._learned[repr(replica)] = Learned(kept["accuracy"], kept["mean_p"], kept["frozen"])
        return repr(replica) in self._learned

    def add(self, replicas: Sequence[Replica], outcome: Learned) -> None:
        """Keep what a batch learned."""
        for row, replica in enumerate(replicas):
            own = self._learned[repr(replica)] = outcome.rows([row])
            if path := self._path(replica):
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial.npz")
                np.savez(partial, accuracy=own.accuracy, mean_p=own.mean_p, frozen=own.frozen)
                os.replace(partial, path)

    def all_of(self, replicas: Sequence[Replica]) -> Learned:
        """Return what these replicas learned, in this order."""
        return Learned.joined([self._learned[repr(replica)] for replica in replicas])

    def _path(self, replica: Replica) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256(repr((self._identity, replica)).encode()).hexdigest()[:16]
        name = f"{self._identity[0]} {replica.method} {replica.seed}".replace(" ", "-")
        return self._folder / f"{name}-{digest}.npz"


def _result(
    config: Config,
    found: Mapping[tuple[str, str, int], tuple[Learned, int]],
    searches: Mapping[tuple[str, str], Search],
    used: Mapping[tuple[str, str], Setting],
) -> xr.Dataset:
    """Return everything as labelled arrays."""
    n_tasks = max(outcome.accuracy.shape[2] for outcome, _ in found.values())
    methods = [name for name in METHODS if any(name == own for _, own, _ in found)]
    coords: dict[str, Sequence[Any]] = {
        "benchmark": list(config.benchmarks),
        "method": methods,
        "seed": list(config.seeds),
        "n_learned": range(n_tasks + 1),
        "task": range(1, n_tasks + 1),
    }
    shape = tuple(len(values) for values in coords.values())
    accuracy = np.full(shape, np.nan, np.float32)
    mean_p, frozen = (np.full(shape[:-1], np.nan, np.float32) for _ in range(2))
    for (benchmark, method, seed), (outcome, row) in found.items():
        at = (config.benchmarks.index(benchmark), methods.index(method), config.seeds.index(seed))
        n = outcome.accuracy.shape[2]
        accuracy[at][: n + 1, :n] = outcome.accuracy[row]
        mean_p[at][: n + 1], frozen[at][: n + 1] = outcome.mean_p[row], outcome.frozen[row]
    dims = tuple(coords)
    result = xr.Dataset(
        {"accuracy": (dims, accuracy), "mean_p": (dims[:-1], mean_p), "frozen": (dims[:-1], frozen)}, coords
    )
    n_of = [5 if kind_of(own) in _SCENARIOS else config.n_permuted_tasks for own in config.benchmarks]
    result["n_tasks"] = ("benchmark", np.array(n_of, np.int32))
    return result.merge(_search_table(config, methods, searches, used))


def _search_table(
    config: Config,
    methods: Sequence[str],
    searches: Mapping[tuple[str, str], Search],
    used: Mapping[tuple[str, str], Setting],
) -> xr.Dataset:
    """Return the trials of every search and the settings used."""
    names = ["learning_rate", "p_up", "p_down", "p_freeze", "strength", "sigma"]
    n_trials = max((len(search.scores) for search in searches.values()), default=1)
    shape = (len(config.benchmarks), len(methods), len(names))
    setting, score = np.full(shape, np.nan, np.float32), np.full((*shape[:2], n_trials), np.nan, np.float32)
    tried = np.full((*shape, n_trials), np.nan, np.float32)
    for (benchmark, method), own in used.items():
        at = (config.benchmarks.index(benchmark), methods.index(method))
        setting[at] = [own.get(name, np.nan) for name in names]
    for (benchmark, method), search in searches.items():
        if method not in methods:
            continue
        at = (config.benchmarks.index(benchmark), methods.index(method))
        score[at][: len(search.scores)] = search.scores
        for i, trial in enumerate(search.settings):
            tried[at][:, i] = [trial.get(name, np.nan) for name in names]
    dims = ("benchmark", "method")
    return xr.Dataset(
        {
            "setting": ((*dims, "hyperparameter"), setting),
            "trial_score": ((*dims, "trial"), score),
            "trial_setting": ((*dims, "hyperparameter", "trial"), tried),
        },
        {"hyperparameter": names, "trial": np.arange(n_trials)},
    )
