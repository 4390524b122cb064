"""What is wrong with a value of another type than was asked for, said by its name where it enters."""

from __future__ import annotations

import reprlib
from typing import Any


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


def shown(value: Any) -> str:
    """Return a value in few words: the class of what has no representation of its own.

    Examples
    --------
    >>> shown(list(range(100))), shown(object())
    ('[0, 1, 2, 3, 4, 5, ...]', 'one of type object')
    """
    is_plain = type(value).__repr__ is object.__repr__
    return f"one of type {type(value).__name__}" if is_plain else reprlib.repr(value)
