"""Lifelong learning with presynaptic consolidation (Schug et al. 2021, figures 4 and 5a, appendix 1 table 1).

Networks learn five tasks of two classes each (Split), ten tasks that permute the pixels (Permuted), or ten
permutations that blend into each other (continuous), once without revisiting a task. Compared are presynaptic
consolidation, its ablations, networks without consolidation, elastic weight consolidation, synaptic
intelligence, Bayesian gradient descent, and joint training on all tasks at once.

Fairness: every method that the paper gives no settings for, and a tuned form of those that it does, takes
its settings from a random search with the same number of trials, on training images that are held out from
training (`lifelong_search`). Permuted Fashion takes over the settings found on Permuted MNIST, as published.
The ablations are tuned on Permuted MNIST only, as published; for Split MNIST their learning rate is scaled by
the ratio of the published rates.

References
----------
Schug S, Benzing F, Steger A (2021). eLife 10:e69884. doi:10.7554/eLife.69884
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from biophys.argument_types import check_config, check_field_types, checked_seeds
from rate_models.continual_methods import Replica, Training
from rate_models.devices import Execution, execution_or_default
from rate_models.experiments.lifelong_figures import FIGURES
from rate_models.experiments.lifelong_methods import (
    ABLATION_ARMS,
    EWC_VARIANTS,
    MAIN_METHODS,
    METHODS,
    Method,
    check_benchmark,
    data_set_of,
    is_split,
    kind_of,
    on,
)
from rate_models.experiments.lifelong_networks import Group, Networks
from rate_models.experiments.lifelong_search import Searches, methods_to_search, searched, setting_of
from rate_models.experiments.result_table import ResultTable
from rate_models.random_search import Search, Setting

__all__ = ["DEFINING_SETTINGS", "FIGURES", "QUICK", "Config", "run"]

DEFINING_SETTINGS = (
    "hidden_units",
    "n_epochs",
    "batch_size",
    "n_permuted_tasks",
    "rate_split",
    "rate_permuted",
    "g_lim",
    "p_min",
)
"""Fields of the configuration in which a result must not differ from the published experiment."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Config:
    """What is learned by which methods; the defaults are the published sizes.

    Parameters
    ----------
    benchmarks
        ``<kind>_<data>``, computed in this order: kind ``split`` (parity of the digit), ``class_split``,
        ``task_split``, ``permuted`` or ``continuous``; data ``mnist``, ``fashion`` or ``digits``.
    methods
        Names out of `lifelong_methods.METHODS`, each run on every benchmark, or as ``"ewc@permuted"`` only on
        benchmarks of a kind, or as ``"ewc@permuted_mnist"`` only on one.
    seeds
        One network per seed and method on split benchmarks (program: 2019, 2020, 2021).
    n_seeds_permuted, n_seeds_continuous
        How many of the seeds are used on permuted and on continuous benchmarks.
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
    n_epochs_search_split, n_epochs_search_permuted
        Passes through each task in the search. With fewer than `n_epochs` it prefers fast learners.
    n_tasks_search_permuted
        Tasks that a trial on permuted images learns, at least two; 0 for all. With few of them little is
        forgotten, and what keeps synapses plastic costs nothing: it prefers fast learners as well.
    searches_every_split
        Whether every split benchmark is searched; otherwise all take over the settings found on the first
        one, as permuted benchmarks always do.
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
    every_test_image_split, every_test_image_permuted
        Networks are measured on one test image in this many between tasks, on all at the end.
    networks_per_batch
        Networks that learn together at most; 0 for all of a program. On a CPU a few are as fast as many.
    keep_in
        Folder in which finished networks are kept, so that a run that breaks off goes on; empty for none.
    search_storage
        Database for the trials as Optuna studies, for example ``"sqlite:///search.db"``; needs Optuna.

    Raises
    ------
    TypeError
        If a value is of another type than its default.
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
    methods: tuple[str, ...] = (
        *on("split", (*MAIN_METHODS, *EWC_VARIANTS)),
        *on("permuted", (*MAIN_METHODS, *EWC_VARIANTS)),
        *on("permuted_mnist", ABLATION_ARMS),
        *on("split_mnist", ABLATION_ARMS),
        "presynaptic@continuous",
    )
    seeds: tuple[int, ...] = tuple(range(2019, 2029))
    n_seeds_permuted: int = 3
    n_seeds_continuous: int = 3
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
    n_epochs_search_split: int = 10
    n_epochs_search_permuted: int = 10
    n_tasks_search_permuted: int = 0
    searches_every_split: bool = True
    held_out_share: float = 1 / 6
    n_samples: int = 10
    n_fisher_images: int = 1000
    draws_per_step: int = 5
    g_lim: float = 0.001
    p_min: float = 0.25
    every_test_image_split: int = 2
    every_test_image_permuted: int = 5
    networks_per_batch: int = 0
    keep_in: str = ""
    search_storage: str = ""

    def __post_init__(self) -> None:
        check_field_types(self)
        checked_seeds(self.seeds)
        if not (self.benchmarks and self.methods):
            raise ValueError("benchmarks and methods must not be empty")
        for benchmark in self.benchmarks:
            check_benchmark(benchmark)
        if unknown := {name.partition("@")[0] for name in self.methods} - set(METHODS):
            raise ValueError(f"methods must be out of {', '.join(METHODS)}, got {sorted(unknown)}")
        for name in ("n_epochs", "batch_size", "n_permuted_tasks", "n_trials_split", "n_seeds_permuted"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.n_tasks_search_permuted and not 2 <= self.n_tasks_search_permuted <= self.n_permuted_tasks:
            raise ValueError(
                f"n_tasks_search_permuted must be 0 (all) or 2 to {self.n_permuted_tasks}, "
                f"those of the result, got {self.n_tasks_search_permuted}"
            )
        if set(self.seeds) & {*self.search_seeds_split, *self.search_seeds_permuted}:
            raise ValueError("the seeds of the search must be other seeds than those of the result")
        if idle := [own for own in self.benchmarks if not self.methods_on(own)]:
            raise ValueError(
                f"no method is asked for on {', '.join(idle)}: add one, as 'presynaptic@{idle[0]}'"
            )

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Names of the sets of images that the benchmarks show."""
        return tuple(dict.fromkeys(data_set_of(benchmark) for benchmark in self.benchmarks))

    @property
    def arms_searched_on(self) -> str:
        """The benchmark on which the tuned ablations are searched: the first with permuted tasks, if any."""
        return next((own for own in self.benchmarks if kind_of(own) == "permuted"), "")

    def methods_on(self, benchmark: str) -> list[Method]:
        """Return what is run on a benchmark."""
        named = (name.partition("@") for name in self.methods)
        kind = kind_of(benchmark)
        places = ("", benchmark, kind, "split" if is_split(benchmark) else kind)
        return [METHODS[name] for name in dict.fromkeys(name for name, _, at in named if at in places)]

    def n_tasks(self, benchmark: str, *, in_search: bool = False) -> int:
        """Return the number of tasks of a benchmark, or of a trial of the search on it."""
        if is_split(benchmark):
            return 5
        return (in_search and self.n_tasks_search_permuted) or self.n_permuted_tasks

    def rate(self, benchmark: str) -> float:
        """Return the learning rate of presynaptic consolidation on a benchmark."""
        return self.rate_split if is_split(benchmark) else self.rate_permuted

    def seeds_on(self, benchmark: str) -> tuple[int, ...]:
        """Return the seeds that are run on a benchmark."""
        if is_split(benchmark):
            return self.seeds
        is_continuous = kind_of(benchmark) == "continuous"
        return self.seeds[: self.n_seeds_continuous if is_continuous else self.n_seeds_permuted]

    def n_trials(self, benchmark: str) -> int:
        """Return the number of trials of a search on a benchmark."""
        return self.n_trials_split if is_split(benchmark) else self.n_trials_permuted

    def search_seeds(self, benchmark: str) -> tuple[int, ...]:
        """Return the seeds of the networks of every trial on a benchmark."""
        return self.search_seeds_split if is_split(benchmark) else self.search_seeds_permuted

    def searched_on(self, benchmark: str) -> str:
        """Return the benchmark whose search a benchmark takes its settings from."""
        if is_split(benchmark) and self.searches_every_split:
            return benchmark
        kind = "permuted" if kind_of(benchmark) == "continuous" else kind_of(benchmark)
        return next((own for own in self.benchmarks if kind_of(own) == kind), benchmark)

    def training(self, benchmark: str, *, in_search: bool = False) -> Training:
        """Return what is the same for all methods on a benchmark."""
        family = "split" if is_split(benchmark) else "permuted"
        return Training(
            hidden_units=self.hidden_units,
            n_epochs=getattr(self, f"n_epochs_search_{family}") if in_search else self.n_epochs,
            batch_size=self.batch_size,
            n_samples=self.n_samples,
            n_fisher_images=self.n_fisher_images,
            draws_per_step=self.draws_per_step,
            g_lim=self.g_lim,
            p_min=self.p_min,
            every_test_image=getattr(self, f"every_test_image_{family}"),
        )


QUICK = Config(
    benchmarks=("permuted_digits", "continuous_digits", "split_digits"),
    methods=(
        "presynaptic@permuted",
        "presynaptic@continuous",
        *on("split", ("presynaptic_tuned", "sgd_tuned", "adam_tuned", "ewc", "si", "bgd", "joint")),
        *on("split", ("full_arm", "neither_arm", "ghost_arm")),
    ),
    seeds=(1, 2, 3, 4, 5),
    n_seeds_permuted=4,
    n_seeds_continuous=4,
    hidden_units=(100, 100),
    n_epochs=15,
    n_epochs_search_split=15,
    batch_size=50,
    n_permuted_tasks=3,
    rate_split=0.05,
    rate_permuted=0.1,
    n_trials_split=6,
    search_seeds_split=(101,),
    n_fisher_images=200,
    draws_per_step=2,
    every_test_image_split=5,
)
"""The same on 8x8 digits, in seconds."""


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
        Called after every batch of networks with the fraction done and what it was.

    Returns
    -------
    result
        ``accuracy`` (benchmark, method, seed, n_learned, task), ``mean_p`` and ``frozen`` without task,
        ``trial_score`` (benchmark, method, trial), ``trial_setting`` and ``setting`` (..., hyperparameter),
        the trials of a search beside every method whose settings it gives on the benchmark searched;
        NaN where a method was not run, or diverged. Networks are measured before the first task
        (n_learned = 0) and after every task.

    Raises
    ------
    ValueError
        If tuned arms are asked for before the benchmark on which they are tuned.
    """
    check_config(config, Config)
    networks = Networks(config, execution_or_default(execution), _n_networks(config), on_progress)
    searches: dict[tuple[str, str], Search] = {}
    used: dict[tuple[str, str], Setting] = {}
    found: dict[tuple[str, str], xr.Dataset] = {}
    for benchmark in config.benchmarks:
        searches |= searched(config, benchmark, networks)
        for group, members in _groups(config, benchmark, searches).items():
            replicas = [replica for own in members.values() for replica in own]
            together = networks.learned(group, replicas)
            n_seeds = len(config.seeds_on(benchmark))
            for place, (name, own) in enumerate(members.items()):
                used[benchmark, name] = dict(own[0].settings)
                rows = slice(place * n_seeds, (place + 1) * n_seeds)
                found[benchmark, name] = together.isel(replica=rows)
    result = xr.merge([_learned_table(config, found), _search_table(config, searches, used)])
    result["n_tasks"] = ("benchmark", np.array([config.n_tasks(own) for own in config.benchmarks], np.int32))
    return result.assign_attrs(timing=json.dumps(networks.timing))


def _n_networks(config: Config) -> int:
    """Return how many networks a run trains."""
    n_networks = 0
    for benchmark in config.benchmarks:
        n_searched = len(methods_to_search(config, benchmark))
        n_networks += n_searched * config.n_trials(benchmark) * len(config.search_seeds(benchmark))
        n_networks += len(config.methods_on(benchmark)) * len(config.seeds_on(benchmark))
    return n_networks


def _groups(config: Config, benchmark: str, searches: Searches) -> dict[Group, dict[str, list[Replica]]]:
    """Return the replicas of every method, those that can train together in one group."""
    groups: dict[Group, dict[str, list[Replica]]] = {}
    for method in config.methods_on(benchmark):
        program, setting = setting_of(config, benchmark, method, searches)
        schedule = "continuous" if kind_of(benchmark) == "continuous" else method.schedule
        members = groups.setdefault(Group(benchmark, program, schedule), {})
        members[method.name] = [
            Replica(seed, setting, method.fisher, method.penalty) for seed in config.seeds_on(benchmark)
        ]
    return groups


def _learned_table(config: Config, found: Mapping[tuple[str, str], xr.Dataset]) -> xr.Dataset:
    """Return what was learned by benchmark, method and seed."""
    methods = [name for name in METHODS if any(name == own for _, own in found)]
    n_tasks = max(config.n_tasks(benchmark) for benchmark in config.benchmarks)
    axes = {"n_learned": np.arange(n_tasks + 1), "task": np.arange(1, n_tasks + 1)}
    table = ResultTable({"benchmark": config.benchmarks, "method": methods, "seed": config.seeds})
    for (benchmark, method), own in found.items():
        places = [(benchmark, method, seed) for seed in config.seeds_on(benchmark)]
        for name, values in own.reindex(axes).data_vars.items():
            dims = tuple(str(dim) for dim in values.dims[1:])
            table.put(str(name), places, values.transpose("replica", ...).values, dims)
    return table.dataset(axes)


def _search_table(config: Config, searches: Searches, used: Mapping[tuple[str, str], Setting]) -> xr.Dataset:
    """Return the trials of every search and the settings used."""
    names = ["learning_rate", "p_up", "p_down", "p_freeze", "strength", "sigma"]
    methods = [name for name in METHODS if any(name == own for _, own in used)]
    n_trials = max((len(own.scores) for own in searches.values()), default=1)
    table = ResultTable({"benchmark": config.benchmarks, "method": methods})
    for place, setting in used.items():
        tried, scores = np.full((len(names), n_trials), np.nan), np.full(n_trials, np.nan)
        if made := searches.get((place[0], METHODS[place[1]].search_name)):
            scores[: len(made.scores)] = made.scores
            tried[:, : len(made.scores)] = np.transpose([_row(names, own) for own in made.settings])
        table.put("setting", [place], [_row(names, setting)], ("hyperparameter",))
        table.put("trial_score", [place], [scores], ("trial",))
        table.put("trial_setting", [place], [tried], ("hyperparameter", "trial"))
    return table.dataset({"hyperparameter": names, "trial": np.arange(n_trials)})


def _row(names: list[str], setting: Setting) -> list[float]:
    """Return the values of a setting in this order, NaN for those that it lacks."""
    return [setting.get(name, np.nan) for name in names]
