"""Where groups of replicas are computed: this process, processes of this machine, or a Dask cluster."""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import xarray as xr

from biophys.argument_types import Positive, WholeNumber, checked_types
from biophys.processes import n_cores, use_one_thread, worker_pool
from biophys.units import shown

GroupFunction: TypeAlias = Callable[[list[Any], Any], xr.Dataset]
"""Computes a group, given how to execute it; every variable of its result has ``replica`` as first dimension,
in the group's order."""

_N_RETRIES = 2


class Executor(Protocol):
    """Where groups are computed."""

    @property
    def n_workers(self) -> int:
        """How many groups are computed at the same time."""

    def results(
        self, function: GroupFunction, groups: Sequence[list[Any]], execution: Any
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Yield index and result of every group as soon as it is there."""


@dataclass(frozen=True)
class ThisProcess:
    """Compute one group after the other, here."""

    n_workers: int = 1

    def results(
        self, function: GroupFunction, groups: Sequence[list[Any]], execution: Any
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Yield index and result of every group."""
        for index, group in enumerate(groups):
            yield index, function(group, execution)


@checked_types
@dataclass(frozen=True)
class LocalProcesses:
    """Compute groups in `n_workers` processes of one thread each, the fastest use of a few cores (0: all).

    A process that dies takes its group with it; the group is tried again.
    """

    n_workers: WholeNumber = 0

    def __post_init__(self) -> None:
        if self.n_workers == 0:
            object.__setattr__(self, "n_workers", n_cores())

    def results(
        self, function: GroupFunction, groups: Sequence[list[Any]], execution: Any
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Yield index and result of every group as soon as it is there."""
        waiting = dict(enumerate(groups))
        for n_failures in itertools.count():
            try:
                with worker_pool(self.n_workers) as pool:
                    futures = {
                        pool.submit(function, group, execution): index for index, group in waiting.items()
                    }
                    for future in as_completed(futures):
                        yield futures[future], future.result()
                        del waiting[futures[future]]
                return
            except BrokenProcessPool:
                if n_failures == _N_RETRIES:
                    raise


@checked_types
@dataclass(frozen=True)
class DaskCluster:
    """Compute groups on the workers of a Dask cluster; a lost worker's groups go to another one.

    `address` is that of the scheduler, for example ``"tcp://10.0.0.1:8786"``. Without it, or after `patience`
    seconds without any worker, `results` raises RuntimeError; what was computed before is kept by the sweep.
    """

    address: str
    patience: Positive = 60.0

    @property
    def n_workers(self) -> int:
        """Number of threads of the cluster's workers."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return max(1, sum(client.nthreads().values()))

    def results(
        self, function: GroupFunction, groups: Sequence[list[Any]], execution: Any
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Yield index and result of every group as soon as it is there."""
        from distributed import Client, Future, wait

        with Client(self.address, set_as_default=False) as client, client.as_current():
            submitted = {"pure": False, "retries": _N_RETRIES}
            waiting = {
                client.submit(_with_one_thread, function, group, execution, **submitted): index
                for index, group in enumerate(groups)
            }
            t_worker, step = time.monotonic(), min(5.0, self.patience)
            while waiting:
                done: set[Future] = set()
                problem = f"has had no worker for {self.patience:g} s"
                try:
                    with contextlib.suppress(TimeoutError):
                        done = wait(list(waiting), timeout=step, return_when="FIRST_COMPLETED").done
                    is_working = bool(done or client.nthreads())
                except (CancelledError, OSError):  # what is left of the futures without their scheduler
                    is_working, problem, t_worker = False, "does not answer any more", -math.inf
                for future in done:
                    yield waiting.pop(future), future.result()
                if is_working:
                    t_worker = time.monotonic()
                elif time.monotonic() - t_worker > self.patience:
                    kept = f"{len(groups) - len(waiting)} of {len(groups)} groups are done and kept"
                    remedy = "start it and the same sweep again"
                    raise RuntimeError(f"the cluster at {self.address} {problem}: {kept}; {remedy}")


def executor_or_default(executor: Executor | None) -> Executor:
    """Return `executor`, or this process for None; raise TypeError for something else, such as a number."""
    if executor is None:
        return ThisProcess()
    if not hasattr(executor, "results"):
        problem = f"executor must be one of {__name__}, such as LocalProcesses(4)"
        raise TypeError(f"{problem}, got {shown(executor)}")
    return executor


def executor_for(scheduler: str | None = None, n_processes: int = 1) -> Executor:
    """Return the executor that a command line asks for: a Dask scheduler's, or that of local processes.

    One process is this one; 0 takes every core.

    >>> executor_for()
    ThisProcess(n_workers=1)
    """
    if scheduler is not None:
        return DaskCluster(scheduler)
    return ThisProcess() if n_processes == 1 else LocalProcesses(n_processes)


def _with_one_thread(function: GroupFunction, group: list[Any], execution: Any) -> xr.Dataset:
    use_one_thread()
    return function(group, execution)
