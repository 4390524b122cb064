"""How a long computation says how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float, str], None]
"""Called with the fraction done, 0..1, and what is being done."""


def ignore_progress(fraction: float, doing: str) -> None:
    """Take no note: the default, which other processes can import."""
