"""What is wrong with a value of another type than was asked for, said by its name where it enters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np
from torch import Tensor

from biophys.argument_types import check_kind, shown

_TRUTH_VALUES = (bool, np.bool_)
_KINDS: dict[Any, tuple[Any, ...]] = {
    bool: _TRUTH_VALUES,
    int: (Integral,),
    float: (Real,),
    str: (str, os.PathLike),
    NoneType: (NoneType,),
}
_NAMES = {bool: "True or False", int: "a whole number", float: "a number", str: "text", NoneType: "None"}
_MANY = {bool: "truth values", int: "whole numbers", float: "numbers", str: "texts"}
# A longer default is no help as an example.
_LONGEST_EXAMPLE = 60


def check_config(config: Any, kind: type) -> None:
    """Raise unless `config` is a configuration of the experiment that is to run.

    Raises
    ------
    TypeError
        If it is something else: the configuration of another experiment, the class itself, a name.
    """
    check_kind(config, kind, "config", f"QUICK or Config() of {kind.__module__}")


def check_tensor(value: Any, name: str) -> None:
    """Raise unless `value` is a tensor.

    Raises
    ------
    TypeError
        If it is something else, an array for example.
    """
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} must be a tensor, got {type(value).__name__}: convert with torch.as_tensor({name})"
        )


def check_field_types(settings: Any) -> None:
    """Raise unless every field of a dataclass holds a value of the type that it is annotated with.

    Numbers, text, truth values, None and tuples of these are judged, other types are not. A whole number is
    a number as well, a list does for a tuple, and a path does for text.

    Raises
    ------
    TypeError
        If a field holds a value of another type.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Training:
    ...     seeds: tuple[int, ...] = (1, 2)
    >>> check_field_types(Training(seeds=(1.5,)))
    Traceback (most recent call last):
    ...
    TypeError: seeds must be a tuple of whole numbers, such as (1, 2), got (1.5,)
    """
    hints = get_type_hints(type(settings))
    for field in fields(settings):
        value, hint = getattr(settings, field.name), hints[field.name]
        if not _is_of(value, hint):
            raise TypeError(f"{field.name} must be {_described(hint)}{_example(field)}, got {shown(value)}")


def checked_seeds(seeds: Sequence[int]) -> list[int]:
    """Return seeds, one per replica, as plain whole numbers.

    Raises
    ------
    TypeError
        If they are no sequence of whole numbers.
    ValueError
        If there is none, or one is negative.

    Examples
    --------
    >>> checked_seeds(range(3))
    [0, 1, 2]
    """
    remedy = f"seeds must be whole numbers from 0 on, one per replica, such as [1, 2], got {shown(seeds)}"
    if not isinstance(seeds, (Sequence, np.ndarray)) or not all(_is_of(seed, int) for seed in seeds):
        raise TypeError(remedy)
    if not len(seeds):
        raise ValueError("seeds must not be empty: expected at least one, one per replica")
    if min(seeds) < 0:
        raise ValueError(remedy)
    return [int(seed) for seed in seeds]


def _is_of(value: Any, hint: Any) -> bool:
    """Return whether a value is of an annotated type; True for types that are not judged."""
    if get_origin(hint) in (Union, UnionType):
        return any(_is_of(value, one) for one in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, (tuple, list)) and _are_of(value, get_args(hint))
    if hint not in _KINDS:
        return True
    return isinstance(value, _KINDS[hint]) and (hint is bool or not isinstance(value, _TRUTH_VALUES))


def _are_of(values: Sequence[Any], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is Ellipsis:
        return all(_is_of(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_is_of, values, hints))


def _described(hint: Any) -> str:
    """Return an annotated type in words."""
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_described(one) for one in get_args(hint))
    if get_origin(hint) is not tuple:
        return _NAMES[hint]
    members = get_args(hint)
    number = "" if members[-1] is Ellipsis else f"{len(members)} "
    return f"a tuple of {number}{_MANY.get(members[0], 'tuples')}"


def _example(field: Field[Any]) -> str:
    """Return the default of a field as an example, if it is short."""
    example = "" if field.default is MISSING else repr(field.default)
    return f", such as {example}" if 0 < len(example) <= _LONGEST_EXAMPLE else ""
