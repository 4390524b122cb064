"""What is wrong with a value of another type than was asked for, said by its name where it enters.

The annotation of an argument is what is checked: `checked_types` for functions and classes,
`check_field_types` for the fields of a dataclass. Ranges are the business of the function itself.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike

from biophys.units import plain_numbers

_Target = TypeVar("_Target", bound=Callable[..., Any])

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_TRUTH_VALUES = (bool, np.bool_)
_NAMES = {bool: "True or False", int: "a whole number", float: "a number", str: "text", NoneType: "None"}
_MANY = {bool: "truth values", int: "whole numbers", float: "numbers", str: "texts"}
_ARRAY_MEMBERS = frozenset(get_args(ArrayLike))
# Whole numbers beyond this are counts of nothing, and no array takes them.
_LARGEST_COUNT = 2**63
# A longer example is no help.
_LONGEST_EXAMPLE = 60
_GENERATORS = {"Generator": "np.random.default_rng(1)", "Tensor": "torch.as_tensor(...)"}


def checked_types(target: _Target) -> _Target:
    """Let a function, or a class with its public methods, refuse arguments of another type than annotated.

    Numbers (nan is none), whole numbers, arrays of numbers, text, truth values, choices (`Literal`),
    quantities, functions, None, classes, and tuples and sequences of these are judged; other annotations
    are not.

    Raises
    ------
    TypeError
        In the call, if an argument is of another type.
    ValueError
        In the call, if a number is nan, a quantity is not finite, or text is none of the choices.

    Examples
    --------
    >>> @checked_types
    ... def failure_rate(p: float, n: int = 1) -> float:
    ...     return (1 - p) ** n
    >>> failure_rate(0.5, n=2)
    0.25
    >>> failure_rate("0.5")
    Traceback (most recent call last):
    ...
    TypeError: p must be a number, got '0.5'
    """
    if isinstance(target, type):
        for name, member in list(vars(target).items()):
            if inspect.isfunction(member) and (name in ("__init__", "__call__") or not name.startswith("_")):
                setattr(target, name, checked_types(member))
        return target
    parameters = inspect.signature(target).parameters
    by_place = [name for name, one in parameters.items() if one.kind in _BY_PLACE]
    hints: dict[str, Any] = {}
    classes: list[type] = []

    @functools.wraps(target)
    def checked(*arguments: Any, **named: Any) -> Any:
        if not hints:
            hints.update({"self": Any}, **get_type_hints(target))
            classes.extend(each for each in hints.values() if type(each) is type and each not in _IS_PLAIN)
        # What does not fit the signature is left to Python, which says what is missing or unknown.
        for name, value in (*zip(by_place, arguments, strict=False), *named.items()):
            hint = hints.get(name, Any)
            is_right = hint is Any or (hint in classes and isinstance(value, hint))
            if not is_right and name in parameters and value is not parameters[name].default:
                check_type(value, hint, name, parameters[name].default)
        return target(*arguments, **named)

    return checked  # type: ignore[return-value]


def check_type(value: Any, hint: Any, name: str, example: Any = MISSING) -> None:
    """Raise unless a value is of an annotated type.

    Parameters
    ----------
    value
        What was given.
    hint
        The annotation.
    name
        Name of the argument.
    example
        A right value, such as the default.

    Raises
    ------
    TypeError, ValueError
        As `checked_types`.

    Examples
    --------
    >>> check_type("fast", float, "rate", 0.1)
    Traceback (most recent call last):
    ...
    TypeError: rate must be a number, such as 0.1, got 'fast'
    """
    if _is_of(value, hint):
        return
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if _is_array(hint):
        plain_numbers(value, name)
    if pq.Quantity in members and not set(members) & {float, int}:
        _raise_for_quantity(value, name, example)
    message = f"{name} must be {_described(hint)}{_example(hint, example)}, got {shown(value)}"
    is_text_of_no_choice = isinstance(value, str) and any(get_origin(each) is Literal for each in members)
    is_nan = isinstance(value, Real) and value != value
    raise ValueError(message) if is_text_of_no_choice or is_nan else TypeError(message)


def check_field_types(settings: Any) -> None:
    """Raise unless every field of a dataclass holds a value of the type that it is annotated with.

    A whole number is a number as well, a list does for a tuple, and a path does for text.

    Raises
    ------
    TypeError, ValueError
        As `checked_types`.

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
        check_type(getattr(settings, field.name), hints[field.name], field.name, field.default)


def check_kind(value: Any, kind: type | tuple[type, ...], name: str, example: str) -> None:
    """Raise unless `value` is of the class, or one of the classes, that an argument asks for.

    Parameters
    ----------
    value
        What was given.
    kind
        The class, or several.
    name
        Name of the argument.
    example
        How to write one.

    Raises
    ------
    TypeError
        If it is of another class.

    Examples
    --------
    >>> check_kind("cuda", list, "seeds", "[1, 2]")
    Traceback (most recent call last):
    ...
    TypeError: seeds must be of type list, such as [1, 2], got 'cuda'
    """
    if not isinstance(value, kind):
        kinds = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise TypeError(f"{name} must be of type {kinds}, such as {example}, got {shown(value)}")


def check_config(config: Any, kind: type) -> None:
    """Raise unless `config` is a configuration of the experiment that is to run.

    Raises
    ------
    TypeError
        If it is something else: the configuration of another experiment, the class itself, a name.
    """
    check_kind(config, kind, "config", f"QUICK or Config() of {kind.__module__}")


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


def shown(value: Any) -> str:
    """Return a value in few words: the class of what has no representation of its own.

    Examples
    --------
    >>> shown(list(range(100))), shown(object())
    ('[0, 1, 2, 3, 4, 5, ...]', 'one of type object')
    """
    is_plain = type(value).__repr__ is object.__repr__
    return f"one of type {type(value).__name__}" if is_plain else reprlib.repr(value)


def _is_array(hint: Any) -> bool:
    """Return whether an annotation is that of numbers of any shape, perhaps among others."""
    is_union = get_origin(hint) in (Union, UnionType)
    return get_origin(hint) is np.ndarray or (is_union and set(get_args(hint)) >= _ARRAY_MEMBERS)


def _is_of(value: Any, hint: Any) -> bool:
    """Return whether a value is of an annotated type; True for types that are not judged."""
    origin, members = get_origin(hint), get_args(hint)
    if _is_array(hint):
        others = () if origin is np.ndarray else tuple(set(members) - _ARRAY_MEMBERS)
        return any(_is_of(value, other) for other in others) or _is_array_of_numbers(value)
    if origin in (Union, UnionType):
        return any(_is_of(value, each) for each in members)
    if origin is Literal:
        return any(value is each or (isinstance(value, str) and value == each) for each in members)
    if origin is tuple:
        return isinstance(value, (tuple, list)) and _are_of(value, members)
    if origin in (Sequence, list):
        if getattr(value, "ndim", 0) > 0 and hasattr(value, "tolist"):
            # An array or tensor, of numbers if it is one for each.
            elements = value.tolist() if {int, float} & {members[0], *get_args(members[0])} else [None]
        else:
            elements = (
                value if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else [None]
            )
        return all(_is_of(each, members[0]) for each in elements)
    if hint in (float, int, bool, str, pq.Quantity):
        return _IS_PLAIN[hint](value)
    kind = origin if isinstance(origin, type) else hint
    if kind is _CALLABLE:
        return callable(value)
    if kind is Any or not isinstance(kind, type) or not getattr(kind, "_is_runtime_protocol", True):
        return True
    return isinstance(value, kind)


_CALLABLE = get_origin(Callable[[], None])


def _is_number(value: Any) -> bool:
    if isinstance(value, _TRUTH_VALUES):
        return False
    if isinstance(value, pq.Quantity) and value.dimensionality.simplified != pq.dimensionless.dimensionality:
        return False
    if getattr(value, "ndim", None) == 0 and not isinstance(value, Real):
        array = np.asarray(value)
        return array.dtype.kind in "iuf" and not np.isnan(array) and not np.ma.is_masked(value)
    if isinstance(value, Integral):
        return _is_whole(value)
    return isinstance(value, Real) and value == value


def _is_whole(value: Any) -> bool:
    is_whole = isinstance(value, Integral) and not isinstance(value, _TRUTH_VALUES)
    return is_whole and abs(int(value)) < _LARGEST_COUNT


def _is_array_of_numbers(value: Any) -> bool:
    try:
        return bool(plain_numbers(value, "").size)
    except (TypeError, ValueError):
        return False


def _is_finite_quantity(value: Any) -> bool:
    return isinstance(value, pq.Quantity) and value.size > 0 and bool(np.isfinite(value.magnitude).all())


_IS_PLAIN: dict[Any, Callable[[Any], bool]] = {
    bool: lambda value: isinstance(value, _TRUTH_VALUES),
    int: _is_whole,
    float: _is_number,
    str: lambda value: isinstance(value, (str, os.PathLike)),
    pq.Quantity: _is_finite_quantity,
}


def _are_of(values: Sequence[Any], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is Ellipsis:
        return all(_is_of(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_is_of, values, hints))


def _raise_for_quantity(value: Any, name: str, example: Any) -> None:
    """Say what is wrong with a value that is no finite quantity."""
    if isinstance(value, pq.Quantity):
        wanted = "be finite" if value.size else "not be empty"
        raise ValueError(f"{name} must {wanted}, got {value}")
    unit = example.dimensionality.string if isinstance(example, pq.Quantity) else "mV"
    raise TypeError(
        f"{name} must carry a unit (for example 0.1*pq.{unit}), got {shown(value)}: "
        "multiply the number by its unit"
    )


def _described(hint: Any) -> str:
    """Return an annotated type in words."""
    origin, members = get_origin(hint), get_args(hint)
    if _is_array(hint):
        return "a number or an array of numbers"
    if origin in (Union, UnionType):
        return " or ".join(_described(each) for each in members)
    if origin is Literal:
        return " or ".join(map(repr, members))
    if origin is tuple:
        number = "" if members[-1] is Ellipsis else f"{len(members)} "
        return f"a tuple of {number}{_many(members[0])}"
    if origin in (Sequence, list):
        return f"a sequence of {_many(members[0])}"
    if origin is _CALLABLE:
        return "a function"
    if hint is pq.Quantity:
        return "a finite quantity with its unit"
    return _NAMES.get(hint) or f"of type {getattr(hint, '__name__', hint)}"


def _many(hint: Any) -> str:
    """Return the plural of an annotated type in words."""
    name = "tuples" if get_origin(hint) is tuple else getattr(hint, "__name__", str(hint))
    return str(_MANY.get(hint, name))


def _example(hint: Any, example: Any) -> str:
    """Return the default as an example if it is short, else how the class's own documentation writes one."""
    is_none = example is None or example is MISSING or example is inspect.Parameter.empty
    is_none = is_none or get_origin(hint) is Literal  # whose description names them all
    written = "" if is_none or repr(example).startswith("<") else repr(example)
    if not written and isinstance(hint, type):
        in_words = re.search(rf"= ({hint.__name__}\(.*\))$", hint.__doc__ or "", re.MULTILINE)
        written = _GENERATORS.get(hint.__name__) or (in_words.group(1) if in_words else "")
    return f", such as {written}" if 0 < len(written) <= _LONGEST_EXAMPLE else ""
