"""Many configurations as groups of replicas, on any executor, with nothing lost when a run breaks off.

A sweep is a list of configurations, each a mapping from names to plain values, and a function that trains a
group of compatible ones as one batch. Configurations that agree in the settings that shape the program form
groups; a group goes to an executor (this process, local processes, or a Dask cluster); what it found is
stored as soon as it is there. Every file is written whole or not at all and is named by the digest of its
content, so a file that was truncated or comes from elsewhere is recognised and set aside. Started again, a
sweep computes only what is missing, even if the groups are cut differently.

A replica's own random streams make its result independent of its group, up to the rounding of matrix products
that may choose another kernel for another group size.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import multiprocessing
import os
import platform
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
import xarray as xr

from rate_models.argument_types import check_field_types
from rate_models.devices import Execution, execution_or_default
from rate_models.layout import Layout

Settings: TypeAlias = Mapping[str, Any]
"""The settings of one replica: names and plain values (numbers, text, truth values)."""

GroupFunction: TypeAlias = Callable[[list[Any], Execution], xr.Dataset]
"""Trains a group; every variable of its result has ``replica`` as first dimension, in the group's order."""

FORMAT = "brianpresyn sweep 1"
_SET_ASIDE = "set-aside"
# Batching gains nothing on a CPU, and small groups store progress often.
_LARGEST_CPU_GROUP = 4
_PARAMETERS_IN_CACHE = 2**19
_N_RETRIES = 2


class SweepStorageError(OSError):
    """A finished group could not be stored."""


class Executor(Protocol):
    """Where groups are computed."""

    @property
    def n_workers(self) -> int:
        """How many groups are computed at the same time."""

    def results(
        self, function: GroupFunction, groups: Sequence[list[Any]], execution: Execution
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Yield index and result of every group as soon as it is there."""


@dataclass(frozen=True)
class ThisProcess:
    """Compute one group after the other, here."""

    n_workers: int = 1

    def results(
        self, function: GroupFunction, groups: Sequence[list[Any]], execution: Execution
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Yield index and result of every group."""
        for index, group in enumerate(groups):
            yield index, function(group, execution)


@dataclass(frozen=True)
class LocalProcesses:
    """Compute groups in processes of one thread each, which is the fastest use of a few cores.

    A process that dies takes its group with it; the group is tried again.

    Parameters
    ----------
    n_workers
        Number of processes; 0 for one per core.
    """

    n_workers: int = 0

    def __post_init__(self) -> None:
        check_field_types(self)
        if self.n_workers < 0:
            raise ValueError(f"n_workers must be positive, or 0 for one per core, got {self.n_workers}")
        if self.n_workers == 0:
            object.__setattr__(self, "n_workers", _n_cores())

    def results(
        self, function: GroupFunction, groups: Sequence[list[Any]], execution: Execution
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Yield index and result of every group as soon as it is there."""
        waiting = dict(enumerate(groups))
        for n_failures in itertools.count():
            try:
                for index, found in self._one_pool(function, waiting, execution):
                    del waiting[index]
                    yield index, found
                return
            except BrokenProcessPool:
                if n_failures == _N_RETRIES:
                    raise

    def _one_pool(
        self, function: GroupFunction, waiting: Mapping[int, list[Any]], execution: Execution
    ) -> Iterator[tuple[int, xr.Dataset]]:
        # Spawned, since forking is not safe beside threads and CUDA.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.n_workers, context, initializer=_start_worker)
        try:
            futures = {
                pool.submit(function, group, execution): index for index, group in list(waiting.items())
            }
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list((pool._processes or {}).values()):
                process.terminate()


@dataclass(frozen=True)
class DaskCluster:
    """Compute groups on the workers of a Dask cluster; a lost worker's groups go to another one.

    Parameters
    ----------
    address
        Address of the scheduler, for example ``"tcp://10.0.0.1:8786"``.
    """

    address: str

    def __post_init__(self) -> None:
        check_field_types(self)

    @property
    def n_workers(self) -> int:
        """Number of threads of the cluster's workers."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return max(1, sum(client.nthreads().values()))

    def results(
        self, function: GroupFunction, groups: Sequence[list[Any]], execution: Execution
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Yield index and result of every group as soon as it is there."""
        from distributed import Client
        from distributed import as_completed as completed

        with Client(self.address, set_as_default=False) as client, client.as_current():
            futures = [
                client.submit(_with_one_thread, function, group, execution, pure=False, retries=_N_RETRIES)
                for group in groups
            ]
            places = {future.key: index for index, future in enumerate(futures)}
            for future in completed(futures):
                yield places[future.key], future.result()


def executor_or_default(executor: Executor | None) -> Executor:
    """Return `executor`, or this process for None.

    Raises
    ------
    TypeError
        If it is something else, for example a number of processes.
    """
    if executor is None:
        return ThisProcess()
    if not hasattr(executor, "results"):
        raise TypeError(f"executor must be one of {__name__}, such as LocalProcesses(4), got {executor!r}")
    return executor


def executor_for(scheduler: str | None = None, n_processes: int = 1) -> Executor:
    """Return the executor that a command line asks for.

    Parameters
    ----------
    scheduler
        Address of a Dask scheduler, or None.
    n_processes
        Local processes where there is no scheduler; 1 stays in this process, 0 takes every core.

    Examples
    --------
    >>> executor_for()
    ThisProcess(n_workers=1)
    """
    if scheduler is not None:
        return DaskCluster(scheduler)
    return ThisProcess() if n_processes == 1 else LocalProcesses(n_processes)


def run_sweep(
    function: GroupFunction,
    configurations: Sequence[Settings],
    folder: Path,
    *,
    same_program: Sequence[str] = (),
    executor: Executor | None = None,
    execution: Execution | None = None,
    bytes_per_replica: int = 1,
    group_size: int | None = None,
    on_progress: Callable[[float, str], None] = lambda fraction, doing: None,
) -> xr.Dataset:
    """Compute every configuration that is not in `folder` yet, and return all of them.

    Parameters
    ----------
    function
        Trains a group. Other processes import it, so it must be defined at the top level of a module.
    configurations
        Settings of every replica, all with the same names, no two alike.
    folder
        Where results are stored; it is made if it does not exist.
    same_program
        Names of the settings that all replicas of a group must share.
    executor
        Where groups are computed; None for this process.
    execution
        Device and precision of every group.
    bytes_per_replica
        What one replica needs on the device, for the size of groups (`replica_bytes`).
    group_size
        Replicas per group; None to choose by device and memory.
    on_progress
        Called with the fraction done and what is being done, with the time left.

    Returns
    -------
    result
        One dimension per swept setting; NaN where the configurations leave a combination out.

    Raises
    ------
    TypeError
        If `executor` or `execution` is of another type.
    ValueError
        If two configurations are alike, their names differ, or `group_size` is no whole number from 1 on.
    SweepStorageError
        If a result cannot be stored; what was stored before is kept.
    """
    execution, executor = execution_or_default(execution), executor_or_default(executor)
    _check_configurations(configurations, same_program)
    if group_size is not None and not (isinstance(group_size, int) and group_size >= 1):
        raise ValueError(f"group_size must be a whole number from 1 on, or None, got {group_size!r}")
    replicas = KeptReplicas(folder, function, execution, executor)
    n_missing = len(replicas.missing(configurations))
    size = group_size or _group_size(n_missing, bytes_per_replica, execution, executor.n_workers)
    clock = _Clock(len(configurations), n_missing, on_progress)
    found = replicas.found(
        configurations,
        configurations,
        function,
        group_size=size,
        programs=[tuple(settings[name] for name in same_program) for settings in configurations],
        on_group=lambda indices: clock.advance(len(indices)),
    )
    return swept_dataset(configurations, found)


class KeptReplicas:
    """What replicas found, each computed once: read from disk if it is there, else computed by an executor.

    Parameters
    ----------
    folder
        Where results are stored; None or empty to keep them in memory only.
    kept_as
        The function that stands for how they are computed; results of another one are not used.
    execution
        Device and precision.
    executor
        Where groups are computed; None for this process.
    """

    def __init__(
        self,
        folder: Path | str | None,
        kept_as: Callable[..., xr.Dataset],
        execution: Execution,
        executor: Executor | None = None,
    ) -> None:
        self.execution, self.executor = execution, executor_or_default(executor)
        self._store = SweepStore(Path(folder), kept_as, execution) if folder else None
        self._found = {} if self._store is None else self._store.finished()

    def missing(self, settings: Sequence[Settings]) -> list[int]:
        """Return the places of the replicas that are still to be computed; of equals, the first."""
        first: dict[str, int] = {}
        for place, each in enumerate(settings):
            first.setdefault(replica_key(each), place)
        return [place for key, place in first.items() if key not in self._found]

    def batch_size(self, n_networks: int, n_parameters: int) -> int:
        """Return how many networks are best trained as one batch.

        Every worker gets work; on a CPU, where batching by itself gains nothing, a batch fits its cache.
        """
        share = -(-n_networks // self.executor.n_workers)
        if self.execution.torch_device.type == "cpu":
            share = min(share, _PARAMETERS_IN_CACHE // n_parameters)
        return max(1, share)

    def found(
        self,
        settings: Sequence[Settings],
        replicas: Sequence[Any],
        function: Callable[[list[Any], Execution], xr.Dataset],
        *,
        group_size: int,
        programs: Sequence[Hashable] | None = None,
        on_group: Callable[[list[int]], None] = lambda indices: None,
    ) -> list[xr.Dataset]:
        """Return what every replica found, without the dimension ``replica``, computing what is missing.

        Parameters
        ----------
        settings
            All that the result of each replica depends on.
        replicas
            What `function` is given of each replica.
        function
            Computes a group. If other processes are to call it, it must be importable (`functools.partial`
            of a function at the top level of a module is).
        group_size
            Replicas per group.
        programs
            What only replicas of one group may share; None if any may.
        on_group
            Called with the places of the replicas of each finished group.
        """
        missing = self.missing(settings)
        groups = groups_of(missing, [programs[i] if programs else None for i in missing], group_size)
        members = [[replicas[i] for i in group] for group in groups]
        for index, result in self.executor.results(function, members, self.execution) if groups else ():
            own = [settings[i] for i in groups[index]]
            if self._store is not None:
                self._store.add(own, result)
            for row, each in enumerate(own):
                self._found[replica_key(each)] = result.isel(replica=row, drop=True).assign_attrs({})
            on_group(groups[index])
        return [self._found[replica_key(each)] for each in settings]


def groups_of(members: Sequence[Any], programs: Sequence[Hashable], size: int) -> list[list[Any]]:
    """Return the members in groups of at most `size` that have the same program.

    Examples
    --------
    >>> groups_of([1, 2, 3, 4], ["a", "b", "a", "a"], 2)
    [[1, 3], [4], [2]]
    """
    of_program: dict[Hashable, list[Any]] = {}
    for member, program in zip(members, programs, strict=True):
        of_program.setdefault(program, []).append(member)
    return [own[first : first + size] for own in of_program.values() for first in range(0, len(own), size)]


def replica_bytes(
    layout: Layout, batch_size: int, *, dtype: torch.dtype = torch.float32, n_rows: int = 12
) -> int:
    """Return the memory that one replica needs while it trains.

    Parameters
    ----------
    layout
        Sizes of the network.
    batch_size
        Images per step.
    dtype
        Precision.
    n_rows
        Rows of the size of the parameters: what is learned, its gradient, the drawn weights, the state of the
        learning rule, and the intermediate results of a step.

    Examples
    --------
    >>> replica_bytes(Layout((784, 200, 200, 10)), 100) // 2**20
    10
    """
    activities = 3 * batch_size * sum(layout.sizes)
    return (n_rows * layout.n_parameters + activities) * dtype.itemsize


def swept_dataset(configurations: Sequence[Settings], found: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the results of all replicas with one dimension per swept setting.

    Parameters
    ----------
    configurations
        Settings of every replica.
    found
        Its result, without the dimension ``replica``.

    Returns
    -------
    result
        Settings that do not vary are attributes.
    """
    values = {name: list(dict.fromkeys(s[name] for s in configurations)) for name in configurations[0]}
    swept = {name: each for name, each in values.items() if len(each) > 1}
    places = [tuple(each.index(s[name]) for name, each in swept.items()) for s in configurations]
    variables = {}
    for name, example in found[0].data_vars.items():
        shape = (*map(len, swept.values()), *example.shape)
        whole = np.full(shape, np.nan, dtype=np.result_type(example.dtype, np.float32))
        for place, one in zip(places, found, strict=True):
            whole[place] = one[name].values
        variables[name] = ((*swept, *example.dims), whole, example.attrs)
    coords = {name: found[0].coords[name] for name in found[0].coords} | swept
    constant = {name: each[0] for name, each in values.items() if len(each) == 1}
    return xr.Dataset(variables, coords, constant)


def replica_key(settings: Settings) -> str:
    """Return the settings of a replica as text that is the same whatever their order."""
    return json.dumps(settings, sort_keys=True, default=_plain)


class SweepStore:
    """The finished groups of a sweep on disk.

    Parameters
    ----------
    folder
        Where they lie.
    function
        The function that computes them; results of another one are not used.
    execution
        Its precision is part of what a result is.
    """

    def __init__(self, folder: Path, function: Callable[..., xr.Dataset], execution: Execution) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._what = {
            "format": FORMAT,
            "function": f"{function.__module__}.{function.__qualname__}",
            "dtype": execution.dtype,
        }
        self._execution = execution
        for leftover in self.folder.glob(".unfinished-*"):
            leftover.unlink(missing_ok=True)

    def add(self, group: Sequence[Settings], found: xr.Dataset) -> Path:
        """Store what a group found, whole or not at all.

        Raises
        ------
        ValueError
            If the result does not have one row per replica.
        SweepStorageError
            If it cannot be written.
        """
        if found.sizes.get("replica") != len(group):
            raise ValueError(
                f"the result of a group of {len(group)} needs the dimension replica of that size, "
                f"got {dict(found.sizes)}"
            )
        attributes = {
            **self._what,
            "settings": json.dumps([json.loads(replica_key(settings)) for settings in group]),
            "execution": json.dumps(asdict(self._execution)),
            "versions": json.dumps(
                {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
            ),
        }
        content = bytes(found.assign_attrs(attributes).to_netcdf(None, engine="scipy"))
        return self._write(content)

    def finished(self) -> dict[str, xr.Dataset]:
        """Return the result of every stored replica by its key; files that are not trusted are set aside."""
        found = {}
        for path in sorted(self.folder.glob("*.nc")):
            group = self._read(path)
            if group is None:
                self._set_aside(path)
            elif all(group.attrs[name] == value for name, value in self._what.items()):
                rows = json.loads(group.attrs["settings"])
                bare = group.copy(deep=False)
                bare.attrs = {}
                found.update({replica_key(s): bare.isel(replica=i, drop=True) for i, s in enumerate(rows)})
        return found

    def _write(self, content: bytes) -> Path:
        path = self.folder / f"{hashlib.sha256(content).hexdigest()}.nc"
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=".unfinished-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except OSError as error:
            Path(name).unlink(missing_ok=True)
            reason = "the disk is full" if error.errno == errno.ENOSPC else str(error)
            raise SweepStorageError(
                f"cannot store a finished group in {self.folder}: {reason}. What was stored before is kept; "
                "make room and start the same sweep again"
            ) from error
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return path

    def _read(self, path: Path) -> xr.Dataset | None:
        """Return the content of a file, None if it is not a whole group written by `add`."""
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != path.stem:
            return None
        try:
            group = xr.load_dataset(content, engine="scipy")
        except Exception:
            return None
        return group if group.attrs.get("format") == FORMAT else None

    def _set_aside(self, path: Path) -> None:
        aside = self.folder / _SET_ASIDE
        aside.mkdir(exist_ok=True)
        os.replace(path, aside / path.name)
        warnings.warn(
            f"{path.name} in {self.folder} is truncated or was not written by a sweep; it was moved to "
            f"{_SET_ASIDE}/ and its replicas are computed again",
            stacklevel=4,
        )


class _Clock:
    """Says how much of a sweep is done and how long the rest will take."""

    def __init__(self, n_replicas: int, n_missing: int, on_progress: Callable[[float, str], None]) -> None:
        self._n_replicas, self._n_missing, self._n_done = n_replicas, n_missing, 0
        self._on_progress, self._t_start = on_progress, time.monotonic()
        found = f"{n_replicas - n_missing} found, " if n_missing < n_replicas else ""
        on_progress(1 - n_missing / n_replicas, f"{n_replicas} networks: {found}{n_missing} to train")

    def advance(self, n: int) -> None:
        self._n_done += n
        n_left = self._n_missing - self._n_done
        seconds = (time.monotonic() - self._t_start) / self._n_done * n_left
        left = f"{seconds / 60:.0f} min left" if seconds > 90 else f"{seconds:.0f} s left"
        self._on_progress(1 - n_left / self._n_replicas, f"{n_left} networks to train, {left}")


def _group_size(n: int, bytes_per_replica: int, execution: Execution, n_workers: int) -> int:
    """Return how many replicas a group may have: what fits the device, and work for every worker."""
    device = execution.torch_device
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        return max(1, min(int(0.7 * free / bytes_per_replica), -(-n // n_workers)))
    return max(1, min(_LARGEST_CPU_GROUP, -(-n // (4 * n_workers))))


def _check_configurations(configurations: Sequence[Settings], same_program: Sequence[str]) -> None:
    if not configurations:
        raise ValueError("a sweep needs at least one configuration")
    names = set(configurations[0])
    for settings in configurations:
        if set(settings) != names:
            raise ValueError(
                f"all configurations need the same settings, got {sorted(names)} and {sorted(settings)}"
            )
    unknown = set(same_program) - names
    if unknown:
        raise ValueError(f"same_program names {sorted(unknown)}, which is not among {sorted(names)}")
    if len({replica_key(settings) for settings in configurations}) < len(configurations):
        raise ValueError("two configurations are alike: give each replica its own seed or setting")


def _plain(value: Any) -> Any:
    """Return numpy scalars as plain numbers, for JSON."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"settings must be numbers, text or truth values, got {type(value).__name__}")


def _n_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_worker() -> None:
    """Make this process a worker: one thread, deaf to Ctrl-C, gone when its parent is."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: multiprocessing.process.BaseProcess) -> None:
    """Leave as soon as the parent has died, even by a signal that it cannot answer."""
    parent.join()
    os._exit(1)


def _with_one_thread(function: GroupFunction, group: list[Any], execution: Execution) -> xr.Dataset:
    torch.set_num_threads(1)
    return function(group, execution)
