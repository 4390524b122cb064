"""Physical quantities across the border between `quantities` (biophys) and Brian2."""

from typing import Any

import numpy as np
import quantities as pq
from brian2.units.fundamentalunits import Quantity, get_or_create_dimension

from biophys.argument_types import checked_types
from biophys.units import shown

# Brian2's order of the base dimensions, and the SI unit of each.
_BASE_UNITS = (pq.m, pq.kg, pq.s, pq.A, pq.K, pq.mol, pq.cd)


def to_brian(quantity: Any) -> Quantity:
    """Return a quantity of the package `quantities` as a Brian2 quantity of the same value and shape.

    Raises TypeError if `quantity` carries no unit, or one that Brian2 has no dimension for (such as ATP).

    Parameters
    ----------
    quantity : of any shape, in powers of the SI base units. A Brian2 quantity is returned as it is.

    Examples
    --------
    >>> import quantities as pq
    >>> to_brian(0.25 * pq.mV)
    250. * uvolt
    """
    if isinstance(quantity, Quantity):
        return quantity
    if not isinstance(quantity, pq.Quantity):
        raise TypeError(f"quantity must carry a unit, such as 0.1*pq.mV, got {shown(quantity)}")
    simplified = quantity.simplified
    exponents = {unit.units: power for unit, power in simplified.dimensionality.items()}
    unknown = [str(unit) for unit in exponents if unit not in _BASE_UNITS]
    if unknown:
        raise TypeError(f"Brian2 has no dimension for {', '.join(unknown)}; convert to SI units first")
    dimension = get_or_create_dimension([exponents.get(unit, 0) for unit in _BASE_UNITS])
    return Quantity(np.asarray(simplified.magnitude, dtype=float), dim=dimension)


@checked_types
def from_brian(quantity: Quantity, unit: pq.Quantity) -> pq.Quantity:
    """Return a Brian2 quantity of any shape in a unit of the package `quantities`.

    Raises ValueError if the dimensions differ.

    >>> from brian2 import mV
    >>> import quantities as pq
    >>> from_brian(0.25 * mV, pq.mV)
    array(0.25) * mV
    """
    wanted = to_brian(1.0 * unit)
    if getattr(quantity, "dim", None) is not wanted.dim:
        wanted_unit = unit.dimensionality.string
        raise ValueError(f"quantity must have the dimension of unit, {wanted_unit}, got {shown(quantity)}")
    return pq.Quantity(np.asarray(quantity) / float(np.asarray(wanted)), unit)
