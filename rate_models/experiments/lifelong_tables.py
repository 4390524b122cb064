"""Read the result of the lifelong learning experiment by method: tables without seeds that did not run."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from rate_models.forgetting import backward_transfer, final_accuracy, forgetting, forward_transfer


def accuracy_table(result: xr.Dataset, benchmark: str, method: str) -> NDArray[np.float64]:
    """Return the accuracies of a method on a benchmark, shape (seed, n_tasks + 1, n_tasks), without seeds
    that were not run or diverged."""
    n_tasks = int(result.n_tasks.sel(benchmark=benchmark))
    table = result.accuracy.sel({"benchmark": benchmark, "method": method}).to_numpy()
    table = table[:, : n_tasks + 1, :n_tasks]
    return table[np.isfinite(table[:, -1]).all(axis=1)].astype(float)


def summary(result: xr.Dataset, benchmark: str, method: str) -> dict[str, NDArray[np.float64]]:
    """Return final accuracy, forgetting, backward and forward transfer of every seed.

    Joint training knows no order of tasks: there only the final accuracy is finite.
    """
    table = accuracy_table(result, benchmark, method)
    measures = {
        "final accuracy": final_accuracy,
        "forgetting": forgetting,
        "backward transfer": backward_transfer,
        "forward transfer": forward_transfer,
    }
    return {name: measure(table) for name, measure in measures.items()}


def tasks_learned(result: xr.Dataset, variable: str, benchmark: str, method: str) -> NDArray[np.float64]:
    """Return ``mean_p`` or ``frozen`` after 0, 1, ... tasks, shape (seed, n_tasks + 1)."""
    n_tasks = int(result.n_tasks.sel(benchmark=benchmark))
    values = result[variable].sel({"benchmark": benchmark, "method": method}).to_numpy()[:, : n_tasks + 1]
    return values[np.isfinite(values).all(axis=1)].astype(float)
