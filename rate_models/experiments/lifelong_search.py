"""The settings with which every method learns: published ones, or those that a random search finds.

Every searched method gets the same number of trials. Where a setting was published for what a method is, it
is the first trial; the others are random. A trial trains without a part of the training images, on which it
is then measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rate_models.continual_methods import Replica
from rate_models.experiments.lifelong_methods import (
    ABLATION_ARMS,
    BGD_SETTING,
    JOINT_RATE,
    METHODS,
    PUBLISHED_ARMS,
    PUBLISHED_BASELINES,
    PUBLISHED_RULE,
    Method,
    data_of,
    is_split,
)
from rate_models.experiments.lifelong_networks import Group, Networks, number_of
from rate_models.forgetting import final_accuracy
from rate_models.random_search import Search, Setting, search

if TYPE_CHECKING:
    from rate_models.experiments.lifelong import Config

Searches = Mapping[tuple[str, str], Search]
"""Trials by benchmark and method."""


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
    rate = config.rate(benchmark)
    if method.name in ABLATION_ARMS:
        arm = "ghost" if "ghost" in method.name else method.name.removesuffix("_arm")
        p_down, p_up, p_freeze = PUBLISHED_ARMS[family][arm]
        return method.program, {"learning_rate": rate, "p_down": p_down, "p_up": p_up, "p_freeze": p_freeze}
    return method.program, {"learning_rate": rate, **PUBLISHED_RULE}


def setting_of(config: Config, benchmark: str, method: Method, searches: Searches) -> tuple[str, Setting]:
    """Return program and settings of a method on a benchmark.

    Ablations that were searched on permuted tasks keep their share of the learning rate on others.

    Raises
    ------
    ValueError
        If the search that gives them has not been made.
    """
    if method.source == "published":
        return published_setting(config, benchmark, method)
    place = config.arms_searched_on if method.source == "tuned arm" else config.searched_on(benchmark)
    if (place, method.search_name) not in searches:
        raise ValueError(
            f"{method.name} is tuned on {place or 'permuted tasks'}, which must come before {benchmark}"
        )
    setting = _whole(searches[place, method.search_name].best)
    if method.source == "tuned arm":
        setting["learning_rate"] *= config.rate(benchmark) / config.rate(place)
    return method.program, setting


def methods_to_search(config: Config, benchmark: str) -> list[Method]:
    """Return the methods whose settings are searched on a benchmark, each once."""
    takers = [own for own in config.benchmarks if config.searched_on(own) == benchmark]
    methods = [m for own in takers for m in config.methods_on(own) if m.source == "searched"]
    if benchmark == config.arms_searched_on:
        everywhere = [m for own in config.benchmarks for m in config.methods_on(own)]
        methods += [m for m in everywhere if m.source == "tuned arm"]
    return [METHODS[name] for name in dict.fromkeys(method.search_name for method in methods)]


def searched(config: Config, benchmark: str, networks: Networks) -> dict[tuple[str, str], Search]:
    """Run the random search of every method whose settings are searched on a benchmark."""
    return {
        (benchmark, method.name): _searched(config, benchmark, method, networks)
        for method in methods_to_search(config, benchmark)
    }


def _searched(config: Config, benchmark: str, method: Method, networks: Networks) -> Search:
    group = Group(benchmark, method.program, in_search=True)
    seeds = config.search_seeds(benchmark)

    def measure(settings: list[Setting]) -> list[float]:
        replicas = [
            Replica(seed, _whole(setting), method.fisher, method.penalty)
            for setting in settings
            for seed in seeds
        ]
        scores = final_accuracy(networks.learned(group, replicas).accuracy)
        return scores.reshape(len(settings), len(seeds)).mean(axis=1).tolist()

    protocol = (
        config.training(benchmark, in_search=True),
        config.n_tasks(benchmark, in_search=True),
        seeds,
        config.held_out_share,
    )
    return search(
        method.space,
        measure,
        config.n_trials(benchmark),
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
