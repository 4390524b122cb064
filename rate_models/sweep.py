"""Sweeps of networks that train in batches, in groups of the size that suits the device.

Groups are computed and kept by :mod:`biophys.sweeps.groups`. A replica's own random streams make its result
independent of its group, up to the rounding of matrix products that may choose another kernel for another
group size.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import torch
import xarray as xr

from biophys.argument_types import Count, check_type
from biophys.progress import Progress, ignore_progress
from biophys.sweeps.executors import Executor, GroupFunction
from biophys.sweeps.groups import KeptReplicas, sweep_groups, swept_dataset
from biophys.sweeps.store import Settings
from rate_models.devices import Execution, execution_or_default
from rate_models.layout import Layout

# Batching gains nothing on a CPU, and small groups store progress often.
_LARGEST_CPU_GROUP = 4
_PARAMETERS_IN_CACHE = 2**19


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
    on_progress: Progress = ignore_progress,
) -> xr.Dataset:
    """Compute every configuration that is not in `folder` yet, and return all of them.

    Parameters
    ----------
    function : trains a group. Other processes import it, so it must be defined at the top level of a module
    configurations : settings of every replica, all with the same names, no two alike
    folder : where results are stored; it is made if it does not exist
    same_program : names of the settings that all replicas of a group must share
    executor : where groups are computed; None for this process
    execution : device and precision of every group
    bytes_per_replica : what one replica needs on the device, for the size of groups (`replica_bytes`)
    group_size : replicas per group; None to choose by device and memory
    on_progress : called with the fraction done and what is being done, with the time left

    Returns
    -------
    result : one dimension per swept setting; NaN where the configurations leave a combination out

    Raises
    ------
    ValueError : if two configurations are alike, their names differ, or `group_size` is out of range
    SweepStorageError : if a result cannot be stored; what was stored before is kept
    """
    execution = execution_or_default(execution)
    check_type(group_size, Count | None, "group_size")

    def size(n_missing: int, n_workers: int) -> int:
        return group_size or largest_group(n_missing, bytes_per_replica, execution, n_workers)

    results = sweep_groups(
        function,
        configurations,
        folder,
        execution,
        group_size=size,
        same_program=same_program,
        executor=executor,
        on_progress=on_progress,
    )
    return swept_dataset(configurations, results)


def batch_size(replicas: KeptReplicas, n_networks: int, n_parameters: int) -> int:
    """Return how many networks are best trained as one batch.

    Every worker gets work; on a CPU, where batching by itself gains nothing, a batch fits its cache.
    """
    share = -(-n_networks // replicas.executor.n_workers)
    if replicas.execution.torch_device.type == "cpu":
        share = min(share, _PARAMETERS_IN_CACHE // n_parameters)
    return max(1, share)


class BatchClock:
    """Says how far the training of `n_networks` in batches is, and how long each batch took (`timing`).

    `n_done` networks are there: whoever finds finished ones adds them.
    """

    def __init__(self, n_networks: int, on_progress: Progress) -> None:
        self._n_networks, self._on_progress, self.n_done = n_networks, on_progress, 0
        self.start()
        self.timing: list[str] = []

    def start(self) -> None:
        """Begin to time a batch."""
        self._t_start = time.perf_counter()

    def epoch(self, n_trained: float, doing: str) -> None:
        """Report a batch of which the equivalent of `n_trained` networks is trained."""
        self._on_progress(min((self.n_done + n_trained) / self._n_networks, 1.0), doing)

    def batch(self, n: int, doing: str) -> None:
        """Report that a batch of n networks is trained."""
        self.n_done += n
        self.timing.append(f"{doing}: {time.perf_counter() - self._t_start:.1f} s")
        self.start()
        self.epoch(0, self.timing[-1])


def replica_bytes(
    layout: Layout, batch_size: int, *, dtype: torch.dtype = torch.float32, n_rows: int = 12
) -> int:
    """Return the memory that one replica needs while it trains.

    `n_rows` rows have the size of the parameters: what is learned, its gradient, the drawn weights, the state
    of the learning rule, and the intermediate results of a step.

    >>> replica_bytes(Layout((784, 200, 200, 10)), 100) // 2**20
    10
    """
    activities = 3 * batch_size * sum(layout.sizes)
    return (n_rows * layout.n_parameters + activities) * dtype.itemsize


def largest_group(n: int, bytes_per_replica: int, execution: Execution, n_workers: int) -> int:
    """Return how many of n replicas a group may have: what fits the device, and work for every worker."""
    if execution.torch_device.type == "cuda":
        free = torch.cuda.mem_get_info(execution.torch_device)[0]
        return max(1, min(int(0.7 * free / bytes_per_replica), -(-n // n_workers)))
    return max(1, min(_LARGEST_CPU_GROUP, -(-n // (4 * n_workers))))
