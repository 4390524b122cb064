"""What values, names and expressions a synapse takes, checked where they are given."""

import ast
import functools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq
from brian2 import Equations, ms
from brian2.equations.equations import EquationError
from brian2.units.fundamentalunits import (
    DIMENSIONLESS,
    Dimension,
    DimensionMismatchError,
    Quantity,
    Unit,
    get_dimensions,
    get_unit,
)
from brian2.utils.stringtools import get_identifiers
from numpy.typing import NDArray

from biophys.argument_types import NotNegative, check_kind, checked_types
from biophys.units import BUFFERS, shown


@checked_types
@dataclass(frozen=True)
class Domain:
    """The values that a variable may take: from low to high, both included.

    Parameters
    ----------
    low, high : bounds
    remedy : what to do about a value outside
    is_integer, is_plain : whether only whole numbers, and only numbers without a unit, are allowed
    """

    low: float
    high: float
    remedy: str
    is_integer: bool = False
    is_plain: bool = False

    def __post_init__(self) -> None:
        if not -np.inf <= self.low <= self.high:
            raise ValueError(f"low must not be above high, got {self.low} and {self.high}")
        if self.low == np.inf:
            raise ValueError("low must be finite, got inf, and so must high if it is no upper bound")

    def check(self, name: str, values: Any, *, rounding: NotNegative = 0.0) -> None:
        """Raise ValueError if any of `values` is outside by more than `rounding`.

        Text passes if it is a Brian2 expression that only a run can evaluate; text of a number is judged.

        >>> Domain(0, 1, "give a probability such as 0.5").check("p", 1.7)
        Traceback (most recent call last):
            ...
        ValueError: p must lie in [0, 1], got 1.7: give a probability such as 0.5
        """
        if isinstance(values, str):
            check_expression(values, name)
            if get_identifiers(values):
                return
            values = eval(values, {"__builtins__": {}})
        wanted = f"a number, an array or an expression as text ({self.remedy})"
        numbers = np.ravel(real_numbers(values, name, wanted))
        several = values if isinstance(values, list | tuple) else [values]
        if self.is_plain and any(get_dimensions(each) is not DIMENSIONLESS for each in several):
            raise TypeError(f"{name} must be without a unit, got {shown(values)}: {self.remedy}")
        if not numbers.size:
            raise ValueError(f"{name} must not be empty: give one value, or one for each synapse")
        # Infinity is no value, also where there is no bound.
        high = min(self.high + rounding, LARGEST)
        low = max(self.low - rounding, -LARGEST)
        wrong = ~((numbers >= low) & (numbers <= high))
        if self.is_integer:
            wrong |= numbers != np.round(numbers)
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            where = f" at index {first}" if numbers.size > 1 else ""
            raise ValueError(f"{name} must {self.description}, got {numbers[first]:g}{where}: {self.remedy}")

    @property
    def description(self) -> str:
        """What a value must do, for messages."""
        if np.isinf(self.low) and np.isinf(self.high):
            return "be finite"
        if np.isinf(self.high):
            kind = "be a whole number of" if self.is_integer else "be"
            return f"{kind} at least {self.low:g}" if self.low != TINY else "be above 0"
        kind = "be a whole number in" if self.is_integer else "lie in"
        return f"{kind} [{self.low:g}, {self.high:.{10 if self.is_integer else 6}g}]"


TINY, LARGEST = float(np.finfo(float).tiny), float(np.finfo(float).max)
PROBABILITY = Domain(0.0, 1.0, "give a probability such as 0.5", is_plain=True)
# Brian2 holds integers in 32 bits.
N_SITES = Domain(0, 2**31 - 1, "give a whole number of release sites such as 5", True, True)
AMPLITUDE = Domain(-np.inf, np.inf, "give a value such as 0.1*mV, in the unit of what it moves")
POSITIVE_TIME = Domain(TINY, np.inf, "give a time such as 100*ms")


def real_numbers(value: Any, name: str, wanted: str) -> NDArray[Any]:
    """Return real numbers without their Brian2 unit; raise TypeError, naming the argument, for all else."""
    try:
        numbers = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # lists of unequal lengths, what is no array
        numbers = np.asarray(None)
    several = value if isinstance(value, list | tuple) else [value]
    is_foreign = any(isinstance(each, pq.Quantity) for each in several)
    is_plain = not (np.ma.is_masked(value) or isinstance(value, BUFFERS) or is_foreign)
    if not (is_plain and numbers.dtype.kind in "iuf"):
        remedy = " in the package quantities; to_brian(...) gives Brian2's" * is_foreign
        raise TypeError(f"{name} must be {wanted}, got {shown(value)}{remedy}")
    return numbers


def dimension_of(value: Any, name: str, example: str) -> Dimension:
    """Return the dimension of finite real numbers; raise, naming the argument, if they are none."""
    numbers = real_numbers(value, name, f"a value such as {example}")
    if not (numbers.size and np.all(np.isfinite(numbers))):
        raise ValueError(f"{name} must be finite, got {shown(value)}; give a value such as {example}")
    try:
        return get_dimensions(Quantity(value) if isinstance(value, list | tuple) else value)
    except (TypeError, DimensionMismatchError) as error:
        raise TypeError(f"{name} must have one unit throughout, got {shown(value)}") from error


def checked_time(value: Any, name: str) -> Quantity:
    """Return a positive time; raise TypeError or ValueError, naming the argument, for all else."""
    if dimension_of(value, name, "20*ms") is not ms.dim:
        raise TypeError(f"{name} must be a time such as 20*ms, got {value!r}")
    if not np.all(np.asarray(value) > 0):
        raise ValueError(f"{name} must be a positive time such as 20*ms, got {value!r}")
    return value


def checked_number(value: Any, name: str) -> float:
    """Return a finite plain number; raise TypeError or ValueError, naming the argument, for all else."""
    if dimension_of(value, name, "0.5") is not DIMENSIONLESS or np.ndim(value):
        raise TypeError(f"{name} must be a plain number, got {value!r}")
    return float(value)


RESERVED = frozenset(("i", "j", "lastupdate", "N_pre", "N_post", "N_incoming", "N_outgoing"))
"""Names that synapses have already, besides those that no equations may define."""

# What Python takes for an expression, but is no number: "1,5" is a tuple.
_NO_NUMBERS = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Lambda, ast.JoinedStr, ast.NamedExpr)


def check_name(name: Any, argument: str) -> str:
    """Return a name that equations can hold; raise TypeError or ValueError for all else."""
    check_kind(name, str, argument, "'v'")
    try:
        Equations.check_identifier(name)
    except (SyntaxError, ValueError) as error:
        problem = f"{argument} must be the name of a variable, such as 'v', got {name!r}"
        raise ValueError(f"{problem}: {error}") from error
    if name in RESERVED or not name.isascii():
        raise ValueError(f"{argument} must be the name of a variable, such as 'v', got {name!r}")
    return name


def check_expression(expression: Any, argument: str) -> str:
    """Return text that is one expression, and no statement; raise TypeError or ValueError for all else."""
    check_kind(expression, str, argument, "'v_post - v_rest'")
    try:
        if len(expression.strip().splitlines()) != 1 or "#" in expression:
            raise SyntaxError
        if isinstance(ast.parse(expression.strip(), mode="eval").body, _NO_NUMBERS):
            raise SyntaxError
    except (SyntaxError, ValueError) as error:
        problem = f"{argument} must be a Brian2 expression, such as 'v_post - v_rest'"
        raise ValueError(f"{problem}, got {expression!r}") from error
    return expression


@functools.lru_cache(maxsize=256)
def unit_text(dimension: Dimension) -> str:
    """Return the unit of a dimension as Brian2's equations spell it, such as 'volt', or '1'."""
    if dimension is DIMENSIONLESS:
        return "1"
    named = re.sub(r"\((\w+ \*\* \d)\)", r"\1", repr(get_unit(dimension)))
    try:
        Equations(f"x : {named}")
    except EquationError:  # brackets, prefixes and volt2, which equations do not know
        return repr(Unit(1.0, dim=dimension))
    return named


def unit_in_words(dimension: Dimension) -> str:
    """Return the unit of a dimension for a message."""
    return "no unit" if dimension is DIMENSIONLESS else unit_text(dimension)
