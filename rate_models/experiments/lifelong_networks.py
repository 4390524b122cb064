"""Train the networks of the lifelong learning experiment, each once, and keep them on disk if told where."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from biophys.sweeps.groups import KeptReplicas
from rate_models.continual_learning import TaskSequence, held_out, permuted_tasks, split_tasks
from rate_models.continual_methods import Replica, learned
from rate_models.datasets import load_images
from rate_models.devices import Execution
from rate_models.experiments.lifelong_methods import SCENARIOS, data_set_of, is_split, kind_of

if TYPE_CHECKING:
    from rate_models.experiments.lifelong import Config

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Group:
    """What networks that train together have in common.

    Parameters
    ----------
    benchmark
        What they learn.
    program, schedule
        As for `rate_models.continual_methods.learned`.
    in_search
        Whether they are trials, which train without the images on which they are measured.
    """

    benchmark: str
    program: str
    schedule: str = "abrupt"
    in_search: bool = False

    def __str__(self) -> str:
        search = " search" if self.in_search else ""
        return f"{self.benchmark}{search} {self.program}" + (" jointly" if self.schedule == "joint" else "")


class Networks:
    """Trains what was not trained before, batch by batch.

    Parameters
    ----------
    config
        What is the same for all networks, and where they are kept.
    execution
        Where and how to compute.
    n_networks
        How many there will be, for the progress.
    on_progress
        Called after every batch with the fraction done and what it was.

    Attributes
    ----------
    timing
        What every batch was and how long it took.
    """

    def __init__(self, config: Config, execution: Execution, n_networks: int, on_progress: Progress) -> None:
        self._config, self._on_progress = config, on_progress
        self._replicas = KeptReplicas(config.keep_in, learned, execution)
        self._sequence: tuple[Group, TaskSequence] | None = None
        self._n_done, self._n_all = 0, n_networks
        self._t_start = time.perf_counter()
        self.timing: list[str] = []

    def learned(self, group: Group, replicas: Sequence[Replica]) -> xr.Dataset:
        """Return what the networks of a group learned, in this order."""
        settings = [settings_of(self._config, group, replica) for replica in replicas]
        n_missing = len(self._replicas.missing(settings))
        self._n_done += len(replicas) - n_missing
        self._t_start = time.perf_counter()
        found = self._replicas.found(
            settings,
            replicas,
            lambda own, execution: self._train(group, own, execution),
            group_size=self._config.networks_per_batch or max(n_missing, 1),
            on_group=lambda places: self._report(group, len(places)),
        )
        return xr.concat(found, "replica")

    def _train(self, group: Group, replicas: Sequence[Replica], execution: Execution) -> xr.Dataset:
        return learned(
            group.program,
            replicas,
            self._sequence_of(group, execution),
            self._config.training(group.benchmark, in_search=group.in_search),
            schedule=group.schedule,
            execution=execution,
            measures_all=not group.in_search,
        )

    def _report(self, group: Group, n_networks: int) -> None:
        self._n_done += n_networks
        seconds, self._t_start = time.perf_counter() - self._t_start, time.perf_counter()
        self.timing.append(f"{group}: {n_networks} networks in {seconds:.1f} s")
        self._on_progress(min(self._n_done / self._n_all, 1.0), self.timing[-1])

    def _sequence_of(self, group: Group, execution: Execution) -> TaskSequence:
        """Return the tasks that a group learns, which are the same for all programs."""
        shown = Group(group.benchmark, "", in_search=group.in_search)
        if self._sequence is None or self._sequence[0] != shown:
            self._sequence = shown, _sequence_of(self._config, shown, execution)
        return self._sequence[1]


def settings_of(config: Config, group: Group, replica: Replica) -> dict[str, Any]:
    """Return everything that the result of a network depends on, by name."""
    return {
        **asdict(group),
        "seed": replica.seed,
        "fisher": replica.fisher,
        "penalty": replica.penalty,
        "held_out_share": config.held_out_share if group.in_search else 0.0,
        "n_tasks": config.n_tasks(group.benchmark, in_search=group.in_search),
        **asdict(config.training(group.benchmark, in_search=group.in_search)),
        **replica.settings,
    }


def number_of(*words: str) -> int:
    """Return a number that depends on the words alone."""
    return zlib.crc32(" ".join(words).encode())


def _sequence_of(config: Config, group: Group, execution: Execution) -> TaskSequence:
    data = load_images(data_set_of(group.benchmark)).to(execution.torch_device, execution.torch_dtype)
    if group.in_search:
        rng = np.random.default_rng(number_of("held out", group.benchmark))
        data = held_out(data, config.held_out_share, rng=rng)
    if is_split(group.benchmark):
        return split_tasks(data, SCENARIOS[kind_of(group.benchmark)])
    return permuted_tasks(data, config.n_tasks(group.benchmark, in_search=group.in_search))
