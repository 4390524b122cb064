"""Lifelong learning with presynaptic consolidation (Schug et al. 2021, figures 4 and 5a, appendix 1 table 1).

Networks learn five tasks of two classes each (Split), ten tasks that permute the pixels (Permuted), or ten
permutations that blend into each other (continuous), once without revisiting a task. Compared are presynaptic
consolidation, its ablations, networks without consolidation, elastic weight consolidation, synaptic
intelligence, Bayesian gradient descent, and joint training on all tasks at once.

Fairness: every method that the paper gives no settings for, and a tuned form of those that it does, takes
its settings from a random search with the same number of trials, on training images that are held out from
training; where settings were published for what a method is, they are the first trial. Permuted Fashion takes
over the settings found on Permuted MNIST, as published. The ablations are tuned on Permuted MNIST only, as
published; for Split MNIST their learning rate is scaled by the ratio of the published rates.

Schug S, Benzing F, Steger A (2021). eLife 10:e69884. doi:10.7554/eLife.69884
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from biophys.argument_types import check_config
from biophys.progress import Progress, ignore_progress
from biophys.sweeps.groups import KeptReplicas, swept_dataset
from rate_models.continual_learning import (
    OWN_SEQUENCES,
    TaskSequence,
    held_out,
    permuted_tasks,
    split_tasks,
    task_sequence_of,
)
from rate_models.continual_methods import Replica, learned, source_of_program
from rate_models.datasets import images_for, own_data_digest, training_work
from rate_models.devices import Execution, execution_or_default
from rate_models.experiments.lifelong_figures import FIGURES
from rate_models.experiments.lifelong_methods import (
    ABLATION_ARMS,
    BGD_SETTING,
    JOINT_RATE,
    MAY_DIFFER,
    METHODS,
    PUBLISHED_ARMS,
    PUBLISHED_BASELINES,
    PUBLISHED_RULE,
    QUICK,
    SCENARIOS,
    Config,
    Method,
    data_of,
    data_set_of,
    is_split,
    kind_of,
)
from rate_models.forgetting import final_accuracy
from rate_models.random_search import Search, Setting, search
from rate_models.sweep import BatchClock

__all__ = ["FIGURES", "MAY_DIFFER", "QUICK", "Config", "run"]

Searches = Mapping[tuple[str, str], Search]
"""Trials by benchmark and method."""


@dataclass(frozen=True)
class Group:
    """What networks that train together have in common: what they learn, by which program and schedule.

    Trials, `in_search`, train without the images on which they are measured.
    """

    benchmark: str
    program: str
    schedule: str = "abrupt"
    in_search: bool = False

    def __str__(self) -> str:
        search = " search" if self.in_search else ""
        return f"{self.benchmark}{search} {self.program}" + (" jointly" if self.schedule == "joint" else "")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    # A task of a split benchmark has the images of two of the ten classes.
    n_sets = {name: 1 if is_split(name) else config.n_tasks(name) for name in config.benchmarks}
    schedule = (config.n_epochs, config.batch_size)
    return sum(
        training_work(data_set_of(name), config.hidden_units, n_networks * n_sets[name], *schedule)
        for name, n_networks in _n_networks(config).items()
    )


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    on_progress: Progress = ignore_progress,
    keep_in: Path | str | None = None,
) -> xr.Dataset:
    """Search settings, learn all benchmarks with all methods, and measure.

    Tuned arms need the benchmark on which they are tuned to come first, else ValueError.

    Returns
    -------
    result
        ``accuracy`` (benchmark, algorithm, seed, n_learned, task), ``mean_p`` and ``frozen`` without task,
        ``trial_score`` (benchmark, algorithm, trial), ``trial_setting``, ``setting`` (..., hyperparameter),
        the trials of a search beside every method whose settings it gives on the benchmark searched;
        NaN where a method was not run, or diverged. Networks are measured before the first task
        (n_learned = 0) and after every task.
    """
    check_config(config, Config)
    n_networks = sum(_n_networks(config).values())
    networks = Networks(config, execution_or_default(execution), n_networks, on_progress, keep_in)
    searches: dict[tuple[str, str], Search] = {}
    used: dict[tuple[str, str], Setting] = {}
    results: dict[tuple[str, str], xr.Dataset] = {}
    for benchmark in config.benchmarks:
        for method in methods_to_search(config, benchmark):
            searches[benchmark, method.name] = searched(config, benchmark, method, networks)
        for group, members in _groups(config, benchmark, searches).items():
            replicas = [replica for member in members.values() for replica in member]
            together = networks.learned(group, replicas)
            n_seeds = len(config.seeds_on(benchmark))
            for position, (name, member) in enumerate(members.items()):
                used[benchmark, name] = dict(member[0].settings)
                rows = slice(position * n_seeds, (position + 1) * n_seeds)
                results[benchmark, name] = together.isel(replica=rows)
    result = xr.merge([_learned_table(config, results), _search_table(config, searches, used)])
    n_tasks = np.array([config.n_tasks(name) for name in config.benchmarks], np.int32)
    result = result.assign(n_tasks=("benchmark", n_tasks))
    return result.assign_attrs(timing=json.dumps(networks.clock.timing))


def _n_networks(config: Config) -> dict[str, int]:
    """Return how many networks a run trains on each benchmark, trials of the search included."""
    return {
        benchmark: len(methods_to_search(config, benchmark))
        * config.on_family("n_trials", benchmark)
        * len(config.on_family("search_seeds", benchmark))
        + len(config.methods_on(benchmark)) * len(config.seeds_on(benchmark))
        for benchmark in config.benchmarks
    }


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


def _learned_table(config: Config, results: Mapping[tuple[str, str], xr.Dataset]) -> xr.Dataset:
    """Return what was learned by benchmark, method and seed."""
    n_tasks = max(config.n_tasks(benchmark) for benchmark in config.benchmarks)
    counts = {"n_learned": np.arange(n_tasks + 1), "task": np.arange(1, n_tasks + 1)}
    places, networks = [], []
    for (benchmark, method), learned_by_all in results.items():
        for row, seed in enumerate(config.seeds_on(benchmark)):
            places.append({"benchmark": benchmark, "algorithm": method, "seed": seed})
            networks.append(learned_by_all.reindex(counts).isel(replica=row, drop=True))
    axes = {**_axes(config, results), "seed": config.seeds}
    return swept_dataset(places, networks, axes).astype(np.float32)


def _axes(config: Config, results: Iterable[tuple[str, str]]) -> dict[str, Sequence[str]]:
    """Return the benchmarks, and the methods that were run on any of them, in their order."""
    there = {name for _, name in results}
    return {"benchmark": config.benchmarks, "algorithm": [name for name in METHODS if name in there]}


def _search_table(config: Config, searches: Searches, used: Mapping[tuple[str, str], Setting]) -> xr.Dataset:
    names = ["learning_rate", "p_up", "p_down", "p_freeze", "strength", "sigma"]
    names = list(dict.fromkeys([*names, *(name for setting in used.values() for name in setting)]))
    n_trials = max((len(made.scores) for made in searches.values()), default=1)
    places, tables = [], []
    for (benchmark, method), setting in used.items():
        tried, scores = np.full((len(names), n_trials), np.nan), np.full(n_trials, np.nan)
        if made := searches.get((benchmark, METHODS[method].search_name)):
            scores[: len(made.scores)] = made.scores
            tried[:, : len(made.scores)] = np.transpose([_row(names, trial) for trial in made.settings])
        places.append({"benchmark": benchmark, "algorithm": method})
        variables = {
            "setting": ("hyperparameter", _row(names, setting)),
            "trial_score": ("trial", scores),
            "trial_setting": (("hyperparameter", "trial"), tried),
        }
        tables.append(xr.Dataset(variables, {"hyperparameter": names, "trial": np.arange(n_trials)}))
    return swept_dataset(places, tables, _axes(config, used)).astype(np.float32)


def _row(names: list[str], setting: Setting) -> list[float]:
    """Return the values of a setting in this order, NaN for those that it lacks."""
    return [setting.get(name, np.nan) for name in names]


class Networks:
    """Trains what was not trained before, batch by batch; `clock` says how far they are, of `n_networks`."""

    def __init__(
        self,
        config: Config,
        execution: Execution,
        n_networks: int,
        on_progress: Progress,
        keep_in: Path | str | None = None,
    ) -> None:
        self._config, self.clock = config, BatchClock(n_networks, on_progress)
        self._replicas, self._keep_in = KeptReplicas(keep_in, learned, execution), keep_in
        self._sequence: tuple[Group, TaskSequence] | None = None

    def learned(self, group: Group, replicas: Sequence[Replica]) -> xr.Dataset:
        """Return what the networks of a group learned, in this order."""
        settings = [settings_of(self._config, group, replica) for replica in replicas]
        n_missing = len(self._replicas.missing(settings))
        self.clock.n_done += len(replicas) - n_missing
        self.clock.start()
        results = self._replicas.found(
            settings,
            replicas,
            lambda member, execution: self._train(group, member, execution),
            group_size=self._config.networks_per_batch or max(n_missing, 1),
            on_group=lambda rows: self.clock.batch(len(rows), f"{group}, {len(rows)} networks"),
        )
        return xr.concat(results, "replica")

    def _train(self, group: Group, replicas: Sequence[Replica], execution: Execution) -> xr.Dataset:
        shown = Group(group.benchmark, "", in_search=group.in_search)
        # The tasks are the same for all programs.
        if self._sequence is None or self._sequence[0] != shown:
            self._sequence = shown, _sequence_of(self._config, shown, execution)
        checkpoint = None
        if self._keep_in:
            settings = json.dumps([settings_of(self._config, group, replica) for replica in replicas])
            name = f"half-trained-{hashlib.sha256(settings.encode()).hexdigest()[:24]}.pt"
            checkpoint = Path(self._keep_in) / name
        return learned(
            group.program,
            replicas,
            self._sequence[1],
            self._config.training(group.benchmark, in_search=group.in_search),
            schedule=group.schedule,
            execution=execution,
            measures_all=not group.in_search,
            checkpoint=checkpoint,
        )


def settings_of(config: Config, group: Group, replica: Replica) -> dict[str, Any]:
    """Return everything that the result of a network depends on, by name."""
    # Names of methods and of data that are not of this package say too little.
    digests = {
        "method_source": source_of_program(group.program),
        "data_digest": own_data_digest(data_set_of(group.benchmark)),
    }
    return {
        **asdict(group),
        "seed": replica.seed,
        "fisher": replica.fisher,
        "penalty": replica.penalty,
        "held_out_share": config.held_out_share if group.in_search else 0.0,
        "n_tasks": config.n_tasks(group.benchmark, in_search=group.in_search),
        **asdict(config.training(group.benchmark, in_search=group.in_search)),
        **replica.settings,
        **{name: digest for name, digest in digests.items() if digest},
    }


def number_of(*words: str) -> int:
    """Return a number that depends on the words alone."""
    return zlib.crc32(" ".join(words).encode())


def _sequence_of(config: Config, group: Group, execution: Execution) -> TaskSequence:
    data = images_for(data_set_of(group.benchmark), execution)
    if group.in_search:
        rng = np.random.default_rng(number_of("held out", group.benchmark))
        data = held_out(data, config.held_out_share, rng=rng)
    n_tasks = config.n_tasks(group.benchmark, in_search=group.in_search)
    if is_split(group.benchmark):
        return split_tasks(data, SCENARIOS[kind_of(group.benchmark)])
    if kind_of(group.benchmark) in OWN_SEQUENCES:
        return task_sequence_of(kind_of(group.benchmark), data, n_tasks)
    return permuted_tasks(data, n_tasks)


def published_setting(config: Config, benchmark: str, method: Method) -> tuple[str, Setting]:
    """Return program and settings of a method as published (program's files where the paper is silent).

    On the digits, which the paper does not use, those for MNIST are taken.
    """
    family = "split" if is_split(benchmark) else "permuted"
    if method.schedule == "joint":
        return method.program, {"learning_rate": JOINT_RATE}
    if method.name == "none":
        data = "fashion" if data_of(benchmark) == "fashion" else "mnist"
        program, rate = PUBLISHED_BASELINES[family, data]
        return program, {"learning_rate": rate}
    rate = config.on_family("learning_rate", benchmark)
    if method.name in ABLATION_ARMS:
        arm = "ghost" if "ghost" in method.name else method.name.removesuffix("_arm")
        p_down, p_up, p_freeze = PUBLISHED_ARMS[family][arm]
        return method.program, {"learning_rate": rate, "p_down": p_down, "p_up": p_up, "p_freeze": p_freeze}
    return method.program, {"learning_rate": rate, **PUBLISHED_RULE}


def setting_of(config: Config, benchmark: str, method: Method, searches: Searches) -> tuple[str, Setting]:
    """Return program and settings of a method on a benchmark, from a search that must have been made.

    Ablations that were searched on permuted tasks keep their share of the learning rate on others.
    """
    if method.source == "published":
        return published_setting(config, benchmark, method)
    source = config.arms_searched_on if method.source == "tuned arm" else config.searched_on(benchmark)
    if (source, method.search_name) not in searches:
        raise ValueError(f"{method.name} is tuned on {source or 'permuted tasks'}: put it before {benchmark}")
    setting = _whole(searches[source, method.search_name].best)
    if method.source == "tuned arm":
        here, there = (config.on_family("learning_rate", each) for each in (benchmark, source))
        setting["learning_rate"] *= here / there
    return method.program, setting


def methods_to_search(config: Config, benchmark: str) -> list[Method]:
    """Return the methods whose settings are searched on a benchmark, each once."""
    takers = [name for name in config.benchmarks if config.searched_on(name) == benchmark]
    methods = [m for name in takers for m in config.methods_on(name) if m.source == "searched"]
    if benchmark == config.arms_searched_on:
        everywhere = [m for name in config.benchmarks for m in config.methods_on(name)]
        methods += [m for m in everywhere if m.source == "tuned arm"]
    return [METHODS[method_name] for method_name in dict.fromkeys(method.search_name for method in methods)]


def searched(config: Config, benchmark: str, method: Method, networks: Networks) -> Search:
    """Run the random search for the settings of a method on a benchmark."""
    group = Group(benchmark, method.program, in_search=True)
    seeds = config.on_family("search_seeds", benchmark)

    def measure(settings: list[Setting]) -> list[float]:
        replicas = [
            Replica(seed, _whole(setting), method.fisher, method.penalty)
            for setting in settings
            for seed in seeds
        ]
        scores = final_accuracy(networks.learned(group, replicas).accuracy)
        return scores.reshape(len(settings), len(seeds)).mean(axis=1).tolist()

    training, n_tasks = config.training(benchmark, in_search=True), config.n_tasks(benchmark, in_search=True)
    protocol = (training, n_tasks, seeds, config.held_out_share)
    return search(
        method.space,
        measure,
        config.on_family("n_trials", benchmark),
        seed=number_of(benchmark, method.name),
        known=_published_trials(config, benchmark, method),
        storage=config.search_storage,
        # Trials of another protocol are no trials of this one.
        name=f"{benchmark} {method.name} {number_of(repr(protocol)):08x}",
        at_once=config.networks_per_batch,
    )


def _published_trials(config: Config, benchmark: str, method: Method) -> list[Setting]:
    """Return the published settings of what a method is, if there are any."""
    if method.name == "bgd":
        return [BGD_SETTING]
    if not method.starts_from:
        return []
    program, setting = published_setting(config, benchmark, METHODS[method.starts_from])
    return [{name: setting[name] for name in method.space}] if program == method.program else []


def _whole(setting: Setting) -> Setting:
    """Return the setting with a p_freeze that freezes nothing where none was searched."""
    return {"p_freeze": 1.0, **setting} if "p_up" in setting else dict(setting)
