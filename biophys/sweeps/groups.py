"""Many configurations as groups of replicas, on any executor, with nothing lost when a run breaks off.

A sweep is a list of configurations, each a mapping from names to plain values, and a function that computes a
group of compatible ones together. Configurations that agree in the settings that shape the program form
groups; a group goes to an executor (this process, local processes, or a Dask cluster); its result is stored
as soon as it is there. Every file is written whole or not at all and is named by the digest of its content,
so a file that was truncated or comes from elsewhere is recognised and set aside. Started again, a sweep
computes only what is missing, even if the groups are cut differently.
"""

import contextlib
import itertools
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from biophys.progress import Progress, ignore_progress
from biophys.sweeps.executors import Executor, GroupFunction, executor_or_default
from biophys.sweeps.store import Settings, SweepStore, replica_key


def sweep_groups(
    function: GroupFunction,
    configurations: Sequence[Settings],
    folder: Path | str | None,
    execution: Any,
    *,
    group_size: Callable[[int, int], int],
    kept_as: Callable[..., Any] | None = None,
    replicas: Sequence[Any] | None = None,
    same_program: Sequence[str] = (),
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    kind: str = "networks",
    verb: str = "train",
) -> list[xr.Dataset]:
    """Compute every configuration that is not in `folder` yet, and return the result of each.

    Configurations are the settings of every replica, all with the same names, no two alike (ValueError).
    `function` computes a group of them, or of `replicas`; other processes import it, so it must be defined at
    the top level of a module. `kept_as`, by default it, stands for how replicas are computed.

    Parameters
    ----------
    folder
        Where results are stored; it is made if it does not exist. None to keep them in memory only. If a
        result cannot be stored (SweepStorageError), what was before is kept.
    execution : a dataclass that says how groups are computed, with the field ``dtype``
    group_size : replicas per group, from the number that are missing and the number of workers
    same_program : names of the settings that all replicas of a group must share
    executor : where groups are computed; None for this process.
    on_progress, kind, verb
        Called with the fraction done and what is being done, with the time left; what is computed, and how.
    """
    check_configurations(configurations, same_program)
    kept = KeptReplicas(folder, kept_as or function, execution, executor)
    n_missing = len(kept.missing(configurations))
    clock = _Clock(len(configurations), n_missing, on_progress, kind, verb)
    return kept.found(
        configurations,
        configurations if replicas is None else replicas,
        function,
        group_size=group_size(n_missing, kept.executor.n_workers) if n_missing else 1,
        programs=[tuple(settings[name] for name in same_program) for settings in configurations],
        on_group=lambda indices: clock.advance(len(indices)),
    )


class KeptReplicas:
    """What replicas found, each computed once: read from disk if it is there, else computed by an executor.

    Arguments are those of :func:`sweep_groups`.
    """

    def __init__(
        self,
        folder: Path | str | None,
        kept_as: Callable[..., Any],
        execution: Any,
        executor: Executor | None = None,
    ) -> None:
        self.execution, self.executor = execution, executor_or_default(executor)
        self._store = SweepStore(Path(folder), kept_as, execution) if folder else None
        self._results = {} if self._store is None else self._store.finished()

    def missing(self, settings: Sequence[Settings]) -> list[int]:
        """Return the indices of the replicas that are still to be computed; of equals, the first."""
        first: dict[str, int] = {}
        for index, each in enumerate(settings):
            first.setdefault(replica_key(each), index)
        return [index for key, index in first.items() if key not in self._results]

    def found(
        self,
        settings: Sequence[Settings],
        replicas: Sequence[Any],
        function: GroupFunction,
        *,
        group_size: int,
        programs: Sequence[Hashable] | None = None,
        on_group: Callable[[list[int]], None] = lambda indices: None,
    ) -> list[xr.Dataset]:
        """Return what every replica found, without the dimension ``replica``, computing what is missing.

        Arguments are those of :func:`sweep_groups`, except `programs`: what only replicas of one group may
        share (None: any may), and `on_group`: called with the indices of the replicas of each finished group.
        """
        if self.missing(settings):
            with self._store.alone() if self._store else contextlib.nullcontext(False) as has_waited:
                if has_waited and self._store:
                    self._results.update(self._store.finished())
                missing = self.missing(settings)
                groups = groups_of(missing, [programs[i] if programs else None for i in missing], group_size)
                members = [[replicas[i] for i in group] for group in groups]
                done = self.executor.results(function, members, self.execution) if groups else ()
                for index, result in done:
                    group = [settings[i] for i in groups[index]]
                    if self._store is not None:
                        self._store.add(group, result)
                    for row, each in enumerate(group):
                        replica = result.isel(replica=row, drop=True).assign_attrs({})
                        self._results[replica_key(each)] = replica
                    on_group(groups[index])
        return [self._results[replica_key(each)] for each in settings]


def groups_of(members: Sequence[Any], programs: Sequence[Hashable], size: int) -> list[list[Any]]:
    """Return the members in groups of at most `size` that have the same program.

    >>> groups_of([1, 2, 3, 4], ["a", "b", "a", "a"], 2)
    [[1, 3], [4], [2]]
    """
    by_program: dict[Hashable, list[Any]] = {}
    for member, program in zip(members, programs, strict=True):
        by_program.setdefault(program, []).append(member)
    return [alike[i : i + size] for alike in by_program.values() for i in range(0, len(alike), size)]


def grid_points(axes: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return every combination of the values of some axes, by name; the last axis varies fastest.

    >>> grid_points({"l2": (0.0, 0.1), "seed": (1, 2)})[1]
    {'l2': 0.0, 'seed': 2}
    """
    return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]


def swept_dataset(
    configurations: Sequence[Settings],
    results: Sequence[xr.Dataset] | xr.Dataset,
    axes: Mapping[str, Sequence[Any]] | None = None,
) -> xr.Dataset:
    """Return the results of all replicas with one dimension per swept setting: the one way to pack a sweep.

    `results` belong to the configurations, without the dimension ``replica`` (what one of them lacks is NaN
    there), or are one dataset that has it. `axes` are the values of every dimension, of which any combination
    may be missing; by default those that settings have where they vary (ValueError if a setting is not among
    them). Settings that do not vary are attributes. Arrays that are shorter than others end in NaN.

    >>> energies = [xr.Dataset({"energy": 7.0}), xr.Dataset({"energy": 5.0})]
    >>> axes = {"l2": (0.0, 0.1), "seed": (1, 2, 3)}
    >>> swept_dataset([{"l2": 0.1, "seed": 3}, {"l2": 0.0, "seed": 1}], energies, axes).energy.values.tolist()
    [[5.0, nan, nan], [nan, nan, 7.0]]
    """
    if isinstance(results, xr.Dataset):
        results = [results.isel(replica=row, drop=True) for row in range(results.sizes["replica"])]
    names = axes if axes is not None else configurations[0]
    values = {name: list(dict.fromkeys(s[name] for s in configurations)) for name in names}
    if axes is not None:
        swept = {name: list(each) for name, each in axes.items()}
    else:
        swept = {name: each for name, each in values.items() if len(each) > 1}
    indices = [tuple(each.index(s[name]) for name, each in swept.items()) for s in configurations]
    examples: dict[Hashable, xr.DataArray] = {}
    for result in results:
        examples = {**result.data_vars, **examples}
    lengths = {
        dim: max(result.sizes.get(dim, 0) for result in results)
        for example in examples.values()
        for dim in example.dims
    }
    variables = {}
    for name, example in examples.items():
        shape = (*map(len, swept.values()), *(lengths[dim] for dim in example.dims))
        whole = np.full(shape, np.nan, dtype=np.result_type(example.dtype, np.float32))
        for index, result in zip(indices, results, strict=True):
            if name in result:
                whole[index + tuple(slice(size) for size in result[name].shape)] = result[name].values
        # Whole numbers of which none is missing stay what they were.
        whole = whole if np.isnan(whole).any() else whole.astype(example.dtype)
        variables[name] = ((*swept, *example.dims), whole, example.attrs)
    # An axis that is longer in another result has no labels of its own here.
    coords = {
        name: coord
        for name, coord in (results[0].coords.items() if results else ())
        if all(coord.sizes[dim] == lengths.get(dim, coord.sizes[dim]) for dim in coord.dims)
    }
    constant = {name: each[0] for name, each in values.items() if name not in swept}
    return xr.Dataset(variables, coords | swept, constant)


def check_configurations(configurations: Sequence[Settings], same_program: Sequence[str]) -> None:
    """Raise ValueError unless there are configurations, of the same names, no two alike."""
    if not configurations:
        raise ValueError("a sweep needs at least one configuration")
    names = set(configurations[0])
    for settings in configurations:
        if set(settings) != names:
            given = f"{sorted(names)}, {sorted(settings)}"
            raise ValueError(f"all configurations need the same settings, got {given}")
    unknown = set(same_program) - names
    if unknown:
        raise ValueError(f"same_program names {sorted(unknown)}, which is not among {sorted(names)}")
    if len({replica_key(settings) for settings in configurations}) < len(configurations):
        raise ValueError("two configurations are alike: give each replica its own seed or setting")


class _Clock:
    """Says how much of a sweep is done and how long the rest will take."""

    def __init__(self, n_replicas: int, n_missing: int, on_progress: Progress, kind: str, verb: str) -> None:
        self._n_replicas, self._n_missing, self._n_done = n_replicas, n_missing, 0
        self._on_progress, self._t_start = on_progress, time.monotonic()
        self._doing = f"{kind} to {verb}"
        kept = f"{n_replicas - n_missing} found, " if n_missing < n_replicas else ""
        on_progress(1 - n_missing / n_replicas, f"{n_replicas} {kind}: {kept}{n_missing} to {verb}")

    def advance(self, n: int) -> None:
        self._n_done += n
        n_left = self._n_missing - self._n_done
        seconds = (time.monotonic() - self._t_start) / self._n_done * n_left
        left = f"{seconds / 60:.0f} min left" if seconds > 90 else f"{seconds:.0f} s left"
        self._on_progress(1 - n_left / self._n_replicas, f"{n_left} {self._doing}, {left}")
