"""Hyperparameters of many networks as columns: one value per replica, to broadcast over its parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biophys.argument_types import NotNegative, check_kind, check_type, checked_types
from biophys.release_plasticity import ReleasePlasticity


def per_replica(values: Any, n_replicas: int, name: str) -> list[Any]:
    """Return one value per replica: `values` itself (a list, tuple or array), or the one value repeated.

    >>> per_replica(0.1, 3, "learning_rate")
    [0.1, 0.1, 0.1]
    """
    if isinstance(values, (np.ndarray, Tensor)):
        values = values.tolist()
    if not isinstance(values, (list, tuple)):
        return [values] * n_replicas
    if len(values) != n_replicas:
        problem = f"{name}: expected one value or one per replica, that is {n_replicas}"
        raise ValueError(f"{problem}, got {len(values)}")
    return list(values)


def amounts_per_replica(values: Any, n_replicas: int, name: str) -> list[float]:
    """Return one finite number per replica, none negative: learning rates and strengths of penalties."""
    return numbers_per_replica(values, n_replicas, name, NotNegative)


def positive_per_replica(values: Any, n_replicas: int, name: str) -> list[float]:
    """Return one number per replica, each positive and perhaps infinite: windows, bounds, scales."""
    each = numbers_per_replica(values, n_replicas, name)
    if wrong := [value for value in each if not value > 0]:
        raise ValueError(f"{name} must be positive, got {wrong[0]}")
    return each


def numbers_per_replica(values: Any, n_replicas: int, name: str, hint: Any = float) -> list[float]:
    """Return one number per replica, as `per_replica` does; raise unless each is as annotated."""
    each = per_replica(values, n_replicas, name)
    for value in each:
        check_type(value, hint, f"{name}, alone or one per replica,")
    return [float(value) for value in each]


def column(values: Sequence[float], like: Tensor) -> Tensor:
    """Return the values as a column (replica, 1) with the precision and device of `like`."""
    return torch.tensor(values, dtype=torch.float64).to(dtype=like.dtype, device=like.device)[:, None]


def column_or_number(values: Sequence[float], like: Tensor) -> Tensor | float:
    """Return the values as a column, or the number that they all are, which is faster to compute with."""
    return float(values[0]) if len(set(values)) == 1 else column(values, like)


def kept_shares(rates: Sequence[float], l2: Sequence[float], like: Tensor) -> Tensor | float | None:
    """Return what a step of gradient descent keeps of a value, 1 - rate l2, or None where nothing decays."""
    shares = [1 - rate * penalty for rate, penalty in zip(rates, l2, strict=True)]
    return column_or_number(shares, like) if any(l2) else None


@checked_types
class PerReplica:
    """What holds something of every network of a batch, and can forget some of them.

    `by_replica` names the attributes that do: tensors with one row and lists with one entry per replica, or
    objects of this kind. One that is a number or None is the same for all.
    """

    by_replica: tuple[str, ...] = ()

    @property
    def n_replicas(self) -> int:
        """Number of networks."""
        each = (getattr(self, name) for name in self.by_replica)
        return next(len(value) for value in each if isinstance(value, (Tensor, list)))

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        for name in self.by_replica:
            value = getattr(self, name)
            if isinstance(value, Tensor):
                setattr(self, name, rows(value, replicas))
            elif isinstance(value, list):
                check_positions(replicas, len(value))
                setattr(self, name, [value[replica] for replica in replicas])
            elif hasattr(value, "keep"):
                value.keep(replicas)


@dataclass
class PlasticityColumns(PerReplica):
    """The parameters of `biophys.release_plasticity` for a batch of networks.

    Each is a column of shape (replica, 1), or the number that all replicas share. `form`, `freezes` and
    `consolidation` are the same for all replicas of a batch, since they change the program.
    """

    by_replica = ("p_up", "p_down", "g_lim", "p_min", "p_max", "p_freeze")

    p_up: Tensor | float
    p_down: Tensor | float
    g_lim: Tensor | float
    p_min: Tensor | float
    p_max: Tensor | float
    p_freeze: Tensor | float
    form: str
    freezes: bool
    consolidation: bool

    @classmethod
    def of(cls, rules: Sequence[ReleasePlasticity], like: Tensor) -> "PlasticityColumns":
        """Return the columns of `rules`, alike in form and consolidation, in type and device of `like`."""
        for rule in rules:
            check_kind(rule, ReleasePlasticity, "plasticity", "ReleasePlasticity(form='soft_bound')")
        for name in ("form", "consolidation"):
            kinds = {str(getattr(rule, name)) for rule in rules}
            if len(kinds) != 1:
                raise ValueError(f"the replicas of one batch must share {name}, got {sorted(kinds)}")
        # A rule that never freezes gets a threshold that no probability reaches.
        thresholds = [rule.p_freeze if rule.freezes else 2.0 for rule in rules]
        numbers = {name: [getattr(rule, name) for rule in rules] for name in cls.by_replica[:-1]}
        columns = {name: column_or_number(values, like) for name, values in numbers.items()}
        return cls(
            **columns,
            p_freeze=column_or_number(thresholds, like),
            form=rules[0].form,
            freezes=any(rule.freezes for rule in rules),
            consolidation=rules[0].consolidation,
        )


def check_positions(replicas: Sequence[int], n_replicas: int) -> None:
    """Raise ValueError unless these are positions of replicas, at least one."""
    if not len(replicas) or not all(0 <= replica < n_replicas for replica in replicas):
        raise ValueError(f"replicas must be positions 0..{n_replicas - 1}, got {list(replicas)}")


def rows(tensor: Tensor, replicas: Sequence[int]) -> Tensor:
    """Return the rows of these replicas as a new tensor."""
    check_positions(replicas, len(tensor))
    return tensor[torch.as_tensor(list(replicas), device=tensor.device)].contiguous()
