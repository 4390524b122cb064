"""Units at the door: physical quantities in, plain arrays inside, units back on the way out."""

import contextlib
import reprlib
from itertools import product
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
"""Plain numbers, without a unit."""


class UnitATP(pq.unitquantity.IrreducibleUnit):
    """Count of ATP molecules as a base dimension.

    It converts to joules only through the free energy of ATP (:data:`biophys.constants.ATP_FREE_ENERGY`),
    which depends on the cell: a fixed conversion would hide that.
    """

    # Between the built-in base units (1 to 9) and the derived ones (90): "ATP/s", not "1/s*ATP".
    _primary_order = 10


ATP = UnitATP("ATP_molecule", symbol="ATP")
"""One molecule of ATP."""

fC = pq.UnitQuantity("femtocoulomb", 1e-15 * pq.C, symbol="fC")
"""Femtocoulomb, the scale of the charge that one vesicle moves through the postsynaptic membrane."""
# So that headers may name them: charges, small currents, and what synapses spend.
for _unit, _prefix in product((pq.C, pq.J, pq.W, pq.A), ("f", "p", "n")):
    _size = {"f": 1e-15, "p": 1e-12, "n": 1e-9}[_prefix]
    if _prefix + _unit.symbol not in ("fC", "pA", "nA"):
        pq.UnitQuantity(f"{_prefix}_{_unit.name}", _size * _unit, symbol=_prefix + _unit.symbol)

# What numpy takes for an array of small numbers.
BUFFERS = (bytes, bytearray, memoryview)

PSP_UNITS = (pq.mV, pq.pA, pq.nS, fC)
"""One unit for each kind of postsynaptic response: potential, current, conductance, charge."""


def magnitude_in(quantity: Any, unit: pq.UnitQuantity, name: str = "value") -> FloatArray:
    """Return the plain numbers of `quantity` in `unit`, float64 of the same shape.

    Raises TypeError if it carries no unit of the package `quantities`, ValueError if its dimension is not
    that of `unit`; `name` is what the caller calls it.

    >>> float(magnitude_in(0.25 * pq.V, pq.mV))
    250.0
    """
    if not isinstance(unit, pq.Quantity):
        raise TypeError(f"unit must be a unit of the package quantities, such as pq.mV, got {shown(unit)}")
    if not isinstance(name, str):
        raise TypeError(f"name must be text, such as 'q', got {shown(name)}")
    if not isinstance(quantity, pq.Quantity):
        raise without_unit(quantity, name, unit)
    try:
        return np.asarray(quantity.rescale(unit).magnitude, dtype=float)
    except ValueError:
        problem = f"{name} must have the dimension of {_symbol(unit)}, got {shown(quantity)}"
        raise ValueError(f"{problem}: check the unit or the order of the arguments") from None


def unit_of(quantity: Any, name: str) -> pq.Quantity:
    """Return the unit that `quantity` carries; raise TypeError if it carries none."""
    if not isinstance(quantity, pq.Quantity):
        raise without_unit(quantity, name)
    return quantity.units


def without_unit(value: Any, name: str, unit: pq.UnitQuantity = pq.mV) -> TypeError:
    """Return what to raise for a value that carries no unit of quantities, of which `unit` is one."""
    if hasattr(value, "get_best_unit"):
        return TypeError(
            f"{name} carries a unit of Brian2: convert it with brianpresyn.from_brian({name}, "
            f"{_symbol(unit)}), in the unit that fits"
        )
    is_text = isinstance(value, str)
    remedy = f"write {_symbol(unit)}, say, and not a text" if is_text else "multiply the number by its unit"
    return TypeError(
        f"{name} must carry a unit (for example 0.1*{_symbol(unit)}), got {shown(value)}: {remedy}"
    )


_PSP_UNITS_KNOWN: dict[Any, pq.UnitQuantity | None] = {}


def psp_unit_of(quantity: Any, name: str = "q") -> pq.UnitQuantity:
    """Return which of mV, pA, nS or fC measures `quantity`, the size of a postsynaptic response.

    Raises TypeError without a unit, ValueError for one that is no potential, current, conductance or charge.

    >>> psp_unit_of(0.2 * pq.V).symbol
    'mV'
    """
    dimensionality = unit_of(quantity, name).dimensionality
    # To simplify units takes milliseconds, which many recordings in one unit need once.
    key = frozenset((unit.name, power) for unit, power in dimensionality.items())
    if key not in _PSP_UNITS_KNOWN:
        alike = (unit for unit in PSP_UNITS if dimensionality.simplified == unit.dimensionality.simplified)
        _PSP_UNITS_KNOWN[key] = next(alike, None)
    if (psp_unit := _PSP_UNITS_KNOWN[key]) is not None:
        return psp_unit
    problem = f"{name} must be a potential, current, conductance or charge (for example 0.1*pq.mV)"
    raise ValueError(f"{problem}, got {shown(quantity)}: check the unit or the order of the arguments")


def checked_finite(
    values: Any,
    name: str,
    low: float = -np.inf,
    high: float = np.inf,
    remedy: str = "",
    *,
    is_open: bool = False,
) -> FloatArray:
    """Return `values` as floats after checking that each is finite and between `low` and `high`.

    Raises TypeError for values with a unit or that are not numeric, ValueError for one outside (or, if
    `is_open`, at an end); the message names the first of `name`, and the `remedy`.

    >>> float(checked_finite(0.3, "p", 0, 1))
    0.3
    """
    array = plain_numbers(values, name)
    is_inside = (array > low) & (array < high) if is_open else (array >= low) & (array <= high)
    wrong = ~(is_inside & np.isfinite(array))
    if np.any(wrong):
        limits = [
            "" if np.isinf(low) else f"{'above' if is_open else 'at least'} {low:g}",
            "" if np.isinf(high) else f"{'below' if is_open else 'at most'} {high:g}",
        ]
        if all(limits):
            limits = [f"inside ({low:g}, {high:g})" if is_open else f"in [{low:g}, {high:g}]"]
        allowed = " and ".join(["finite", *filter(None, limits)])
        what_to_do = f": {remedy}" if remedy else ""
        raise ValueError(f"{name} must be {allowed}, got {first_wrong(array, wrong)}{what_to_do}")
    return array


def positive_in(quantity: Any, unit: pq.UnitQuantity, name: str = "value") -> FloatArray:
    """Return the plain numbers of `quantity` in `unit` after checking that each is finite and above 0.

    >>> float(positive_in(2 * pq.kHz, pq.Hz, "rate"))
    2000.0
    """
    return checked_finite(magnitude_in(quantity, unit, name), name, 0.0, is_open=True)


def plain_numbers(values: Any, name: str) -> FloatArray:
    """Return `values`, numbers (truth values and text are none) without a unit, as a float array.

    >>> plain_numbers([1, 0.5], "p")
    array([1. , 0.5])
    """
    if isinstance(values, pq.Quantity):
        if values.dimensionality.simplified != pq.dimensionless.dimensionality:
            raise TypeError(f"{name} is a plain number without unit, got {shown(values)}")
        values = values.simplified.magnitude
    several = values if isinstance(values, (list, tuple)) else [values]
    # A quantity of Brian2 is an array too, with a dimension.
    if any(not getattr(getattr(each, "dim", None), "is_dimensionless", True) for each in several):
        raise TypeError(f"{name} is a plain number without unit, got {shown(values)}")
    is_mixed = any(isinstance(each, (pq.Quantity, *BUFFERS)) for each in several)
    try:
        array = np.asarray(values)
        is_numeric = array.dtype.kind in "iuf" and not is_mixed
    except (TypeError, ValueError, RuntimeError):
        is_numeric = False
    if not is_numeric:
        raise TypeError(f"{name} must be a number or an array of numbers, got {shown(values)}")
    if array.size == 0 or np.ma.is_masked(values):
        raise ValueError(f"{name} must not be empty or masked, got {shown(values)}")
    return array.astype(float, copy=False)


def first_wrong(array: FloatArray, wrong: NDArray[np.bool_]) -> str:
    """Return the first offending value and, in an array, where it is and how many there are."""
    value = f"{array[wrong].flat[0]:g}"
    if array.ndim == 0:
        return value
    first = tuple(int(indices[0]) for indices in np.nonzero(wrong))
    index = first[0] if len(first) == 1 else first
    return f"{value} at index {index} ({int(wrong.sum())} of {array.size} values are wrong)"


def _symbol(unit: pq.UnitQuantity) -> str:
    """Return how a user types `unit`."""
    text = unit.dimensionality.string
    return f"pq.{text}" if text.isidentifier() and hasattr(pq, text) else f"({text})"


def shown(value: Any) -> str:
    """Return a value in few words for a message: the class of what has no representation of its own.

    >>> shown(list(range(100))), shown(0.5 * pq.kg), shown(object())
    ('[0, 1, 2, 3, 4, 5, ...]', '0.5 kg', 'one of type object')
    """
    if isinstance(value, (pq.Quantity, np.ndarray)):
        text = str(value)
        return text if len(text) <= 60 else text[:57] + "..."
    with contextlib.suppress(Exception):  # a number of too many digits, a representation that fails
        if type(value).__repr__ is not object.__repr__:
            return reprlib.repr(value)
    return f"one of type {type(value).__name__}"
