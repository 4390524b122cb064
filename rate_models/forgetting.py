"""What is left of a sequence of tasks: final accuracy, forgetting, backward and forward transfer.

All are read from one table per network, the accuracy on every task after every task, of shape
(..., n_tasks + 1, n_tasks): row k is the network after k tasks, the first row before it learned anything. All
but the final accuracy need at least two tasks.

References
----------
Lopez-Paz D, Ranzato M (2017). Gradient episodic memory for continual learning. arXiv:1706.08840 (transfer)
Chaudhry A et al. (2018). Riemannian walk for incremental learning. arXiv:1801.10112 (forgetting)
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def final_accuracy(accuracy: ArrayLike) -> NDArray[np.float64]:
    """Return the mean accuracy over all tasks after the last one.

    >>> final_accuracy([[0.5, 0.5], [1.0, 0.4], [0.7, 0.9]]).item()
    0.8
    """
    return _table(accuracy)[..., -1, :].mean(axis=-1)


def forgetting(accuracy: ArrayLike) -> NDArray[np.float64]:
    """Return how far the accuracy on earlier tasks fell from its best value, averaged over them.

        F = mean_{i < T} ( max_{i <= k < T} R_ki - R_Ti )

    >>> round(forgetting([[0.5, 0.5], [1.0, 0.4], [0.7, 0.9]]).item(), 3)
    0.3
    """
    table = _table(accuracy, n_tasks_at_least=2)
    n_tasks = table.shape[-1]
    falls = [table[..., i + 1 : n_tasks, i].max(axis=-1) - table[..., -1, i] for i in range(n_tasks - 1)]
    return np.mean(falls, axis=0)


def backward_transfer(accuracy: ArrayLike) -> NDArray[np.float64]:
    """Return how much learning later tasks changed the accuracy on earlier ones: negative where they forget.

        B = mean_{i < T} ( R_Ti - R_ii )

    >>> round(backward_transfer([[0.5, 0.5], [1.0, 0.4], [0.7, 0.9]]).item(), 3)
    -0.3
    """
    table = _table(accuracy, n_tasks_at_least=2)
    n_tasks = table.shape[-1]
    when_learned = np.stack([table[..., i + 1, i] for i in range(n_tasks - 1)], axis=-1)
    return (table[..., -1, :-1] - when_learned).mean(axis=-1)


def forward_transfer(accuracy: ArrayLike) -> NDArray[np.float64]:
    """Return how much better a task is solved, before it is learned, than by the untrained network.

        W = mean_{i > 1} ( R_(i-1)i - R_0i )

    >>> round(forward_transfer([[0.5, 0.5], [1.0, 0.4], [0.7, 0.9]]).item(), 3)
    -0.1
    """
    table = _table(accuracy, n_tasks_at_least=2)
    n_tasks = table.shape[-1]
    before = np.stack([table[..., i, i] - table[..., 0, i] for i in range(1, n_tasks)], axis=-1)
    return before.mean(axis=-1)


def _table(accuracy: ArrayLike, n_tasks_at_least: int = 1) -> NDArray[np.float64]:
    """Return the table as an array after checking its shape."""
    table = np.asarray(accuracy, dtype=float)
    if table.ndim < 2 or table.shape[-2] != table.shape[-1] + 1 or table.shape[-1] < n_tasks_at_least:
        expected = f"(..., n_tasks + 1, n_tasks) with at least {n_tasks_at_least} tasks"
        raise ValueError(f"accuracy must have the shape {expected}, got {table.shape}")
    return table
