"""How a long computation says how far it is."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float, str], None]
"""Called with the fraction done, 0..1, and what is being done."""


def ignore_progress(fraction: float, doing: str) -> None:
    """Take no note: the default, which other processes can import."""


def part_of(on_progress: Progress, start: float, end: float) -> Progress:
    """Return what reports a part of a computation, from `start` to `end` of the whole.

    >>> part_of(lambda fraction, doing: print(fraction, doing), 0.5, 1.0)(0.5, "training")
    0.75 training
    """
    return lambda fraction, doing: on_progress(start + (end - start) * fraction, doing)
