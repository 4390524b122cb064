"""Physical constants of the energy budget, each with its unit, uncertainty and source."""

from __future__ import annotations

from dataclasses import dataclass

import quantities as pq

from biophys.units import ATP, magnitude_in


@dataclass(frozen=True, eq=False)
class Constant:
    """A number from the literature.

    Parameters
    ----------
    value
        With its unit.
    low, high
        Plausible range, same unit: published spread where there is one, else what the note says.
    source
        Author, year and where in the paper.
    note
        What was assumed.
    """

    value: pq.Quantity
    low: pq.Quantity
    high: pq.Quantity
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        unit = self.value.units
        low, middle, high = (magnitude_in(x, unit) for x in (self.low, self.value, self.high))
        if not low <= middle <= high:
            raise ValueError(
                f"a constant lies inside its range, got {self.low} <= {self.value} <= {self.high}"
            )


AVOGADRO = 6.02214076e23 / pq.mol
"""Molecules per mole (exact by definition, SI 2019)."""

ELEMENTARY_CHARGE = 1.602176634e-19 * pq.C
"""Charge of a proton (exact by definition, SI 2019)."""

ATP_FREE_ENERGY = Constant(
    value=50e3 * pq.J / pq.mol,
    low=46e3 * pq.J / pq.mol,
    high=60e3 * pq.J / pq.mol,
    source="Alberts et al., Molecular Biology of the Cell; Attwell & Laughlin (2001) use 50 kJ/mol",
    note="free energy that the hydrolysis of ATP gives under the conditions of a cell",
)


def joules_of(atp: pq.Quantity, free_energy: pq.Quantity = ATP_FREE_ENERGY.value) -> pq.Quantity:
    """Return the free energy of this many ATP in joules, or of ATP per second in watts.

    Parameters
    ----------
    atp
        In ATP or ATP per time; any shape.
    free_energy
        Free energy of hydrolysis per mole.

    Raises
    ------
    TypeError
        If an argument carries no unit.
    ValueError
        If `atp` is not a number or rate of ATP.

    Examples
    --------
    >>> print(joules_of(1e9 * ATP).round(12))
    8.3e-11 J
    """
    per_molecule = (free_energy / AVOGADRO).rescale(pq.J) / ATP
    energy = atp * per_molecule
    for unit in (pq.J, pq.W):
        if energy.dimensionality.simplified == unit.dimensionality.simplified:
            return energy.rescale(unit)
    raise ValueError(f"atp must be in ATP or ATP per time, got {atp}")


def atp_of(energy: pq.Quantity, free_energy: pq.Quantity = ATP_FREE_ENERGY.value) -> pq.Quantity:
    """Return how many ATP give this much free energy; watts give ATP per second.

    Raises
    ------
    ValueError
        If `energy` is neither an energy nor a power.

    Examples
    --------
    >>> print(atp_of(1e-15 * pq.J).round(0))
    12044.0 ATP
    """
    count = energy / (free_energy / AVOGADRO)
    for unit, result in ((pq.dimensionless, ATP), (1 / pq.s, ATP / pq.s)):
        if count.dimensionality.simplified == unit.dimensionality.simplified:
            return count.rescale(unit).magnitude * result
    raise ValueError(f"energy must be in joules or watts, got {energy}")
