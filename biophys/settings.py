"""Settings of experiments: frozen dataclasses that refuse a wrong value at the moment it is given.

A class decorated with `settings` says of every field what it may hold, by its annotation; a value of another
type or out of range is refused with the field's name, the value and the range. The same annotations read text
from a command line and values that JSON gave back.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from biophys.argument_types import (  # noqa: F401  what settings are annotated with
    Count,
    Counts,
    Inside,
    NotNegative,
    OneOf,
    Positive,
    Positives,
    Probability,
    Seed,
    Seeds,
    Share,
    Shares,
    WholeNumber,
    bare,
    described,
    such_as,
    suggestion,
)
from biophys.units import shown

_SEED = "seed"
_ABSENT = object()
T = TypeVar("T")


# Seeds stay what every generator takes: whole numbers below 2^31, not negative.
_N_SEEDS = 2**31
_OUT_OF_RANGE = (
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "finite_number",
    "literal_error",
    "too_short",
    "too_long",
)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def settings(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass whose values are checked against their annotations.

    A list or an array does for a tuple, a numpy number for a number and a path for text; a truth value is no
    number and text is none. ``__post_init__`` may check what one annotation cannot say. Objects with a value
    of another type or an unknown field raise TypeError, values out of range ValueError.

    >>> @settings
    ... class Training:
    ...     learning_rate: Positive = 0.05
    ...     seeds: Seeds = (1, 2)
    >>> Training(seeds=[3])
    Training(learning_rate=0.05, seeds=(3,))
    >>> Training(learning_rate=-1)
    Traceback (most recent call last):
    ...
    ValueError: learning_rate must be a number above 0, such as 0.05, got -1
    """
    made: Any = checked_dataclass(
        frozen=True,
        config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True),
    )(cls)
    checked = made.__init__

    @functools.wraps(checked)
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        names = [field.name for field in dataclasses.fields(made)]
        given = {**dict(zip(names, values, strict=False)), **named}
        if len(values) > len(names) or (unknown := [name for name in named if name not in names]):
            raise TypeError(_no_such_setting(made, unknown[0] if len(values) <= len(names) else ""))
        try:
            checked(self, **{name: _plain_value(value) for name, value in given.items()})
        except ValidationError as error:
            raise _in_words(error, made, given) from None

    made.__init__ = __init__
    return made


def changed(config: T, texts: Mapping[str, str]) -> T:
    """Return the settings with some fields read from text, as a command line gives them, or raise ValueError.

    `texts` are by field: a number, a word, ``none``, several of these separated by commas, or JSON in square
    brackets; ``presentation.duration`` is a field of the settings that `presentation` holds.

    >>> @settings
    ... class Training:
    ...     l2: tuple[float, ...] = ()
    ...     learning_rate: float | None = None
    >>> changed(Training(), {"l2": "0, 0.01", "learning_rate": "0.001"})
    Training(l2=(0.0, 0.01), learning_rate=0.001)
    """
    kind: Any = type(config)
    values: dict[str, Any] = {}
    for path, text in texts.items():
        name, _, rest = path.partition(".")
        hint = _hints(kind).get(name)
        if hint is None or (rest and not dataclasses.is_dataclass(getattr(config, name))):
            raise ValueError(_no_such_setting(kind, path))
        if rest:
            values[name] = changed(values.get(name, getattr(config, name)), {rest: text})
        else:
            values[name] = _parsed(hint, text.strip(), name)
    try:
        return dataclasses.replace(config, **values)  # type: ignore[type-var]
    except TypeError as error:
        raise ValueError(str(error)) from error


def with_plain(config: T, plain: Mapping[str, Any]) -> T:
    """Return the settings with fields from what `as_plain` made of others; unknown ones are left out."""
    values = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        present, value = getattr(config, field.name), plain.get(field.name, _ABSENT)
        # What is the same stays as it is: units do not come back from text.
        if value is _ABSENT or as_plain(present) == value:
            continue
        is_nested = dataclasses.is_dataclass(present) and isinstance(value, Mapping)
        values[field.name] = with_plain(present, value) if is_nested else _plain_value(value)
    return dataclasses.replace(config, **values)  # type: ignore[type-var]


def as_plain(config: Any) -> Any:
    """Return settings as what JSON can hold: dataclasses as objects, tuples as lists."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {field.name: as_plain(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {str(key): as_plain(value) for key, value in config.items()}
    if isinstance(config, (list, tuple, set, frozenset)):
        return [as_plain(value) for value in config]
    if isinstance(config, np.generic):
        return config.item()
    return config if isinstance(config, (str, int, float, bool, type(None))) else str(config)


def with_shifted_seeds(config: T, shift: int) -> T:
    """Return the settings with `shift` added to every seed.

    >>> @settings
    ... class Training:
    ...     seeds: Seeds = (1, 2)
    >>> with_shifted_seeds(with_plain(Training(), as_plain(Training())), 10)
    Training(seeds=(11, 12))
    """
    kind: Any = type(config)
    values: dict[str, Any] = {}
    for name, hint in _hints(kind).items():
        value = getattr(config, name)
        if _SEED in bare(hint)[1]:
            values[name] = (value + shift) % _N_SEEDS
        elif get_origin(bare(hint)[0]) is tuple and _SEED in bare(get_args(bare(hint)[0])[0])[1]:
            values[name] = tuple((seed + shift) % _N_SEEDS for seed in value)
        elif dataclasses.is_dataclass(value) and hasattr(value, "__pydantic_validator__"):
            values[name] = with_shifted_seeds(value, shift)
    return dataclasses.replace(config, **values) if values and shift else config  # type: ignore[type-var]


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}  # type: ignore[arg-type]


def _plain_value(value: Any) -> Any:
    """Return numbers of numpy, lists and paths as what the annotations ask for."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple, range)):
        return tuple(_plain_value(member) for member in value)
    if isinstance(value, np.generic):
        return value.item()
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _parsed(hint: Any, text: str, name: str) -> Any:
    """Return text as a value of an annotated type; its range is checked when the settings are made."""
    base, _ = bare(hint)
    wrong = ValueError(f"{name} must be {described(hint)}, got {text!r}")
    if get_origin(base) in (Union, UnionType):
        for member in sorted(get_args(base), key=lambda member: member is not NoneType):
            try:
                return _parsed(member, text, name)
            except ValueError:
                continue
        raise wrong
    if base is NoneType or (base is bool and text.lower() not in ("true", "false")):
        if base is NoneType and text.lower() == "none":
            return None
        raise wrong
    try:
        if get_origin(base) is tuple and text.startswith("["):
            return json.loads(text)
        if get_origin(base) is tuple:
            parts = filter(None, map(str.strip, text.split(",")))
            return tuple(_parsed(get_args(base)[0], part, name) for part in parts)
        if base is bool:
            return text.lower() == "true"
        return base(text) if base in (int, float) else text
    except ValueError:
        raise wrong from None


def _in_words(error: ValidationError, cls: type, given: Mapping[str, Any]) -> Exception:
    """Return what is wrong, in words: the field, its range and the value."""
    first = error.errors()[0]
    reason = first.get("ctx", {}).get("error")
    if isinstance(reason, Exception):
        return reason
    name, *inside = map(str, first["loc"])
    field = next(field for field in dataclasses.fields(cls) if field.name == name)  # type: ignore[arg-type]
    is_inside = inside and first["type"] in _OUT_OF_RANGE
    value = (f"{shown(first['input'])} in " if is_inside else "") + shown(given[name])
    kind = ValueError if first["type"] in _OUT_OF_RANGE else TypeError
    default = getattr(field.default, "default", field.default)
    return kind(f"{name} must be {described(_hints(cls)[name])}{such_as(None, default)}, got {value}")


def _no_such_setting(cls: type, name: str) -> str:
    return f"there is no setting {name!r}{suggestion(name, _hints(cls))}"
