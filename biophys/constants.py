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


ATTWELL_LAUGHLIN = "Attwell & Laughlin (2001), J Cereb Blood Flow Metab 21:1133-1145"
ENGL_ATTWELL = "Engl & Attwell (2015), J Physiol 593:3417-3429, doi:10.1113/jphysiol.2014.282517"
PULIDO_RYAN = "Pulido & Ryan (2021), Sci Adv 7:eabi9027, doi:10.1126/sciadv.abi9027"

CALCIUM_PER_VESICLE = Constant(
    value=1.2e4 * ATP,
    low=0.6e4 * ATP,
    high=2.4e4 * ATP,
    source=ATTWELL_LAUGHLIN + ", p. 1136 (after Helmchen et al. 1997)",
    note="12,000 Ca ions enter per vesicle released and each costs one ATP to extrude; "
    "range: a factor 2, assumed",
)

TRANSMITTER_PER_VESICLE = Constant(
    value=1.1e4 * ATP,
    low=0.55e4 * ATP,
    high=2.2e4 * ATP,
    source=ATTWELL_LAUGHLIN,
    note="uptake, conversion and repacking of 4,000 glutamates at 2.67 ATP each; range: a factor 2, assumed",
)

CYCLING_PER_VESICLE = Constant(
    value=821.0 * ATP,
    low=410.0 * ATP,
    high=1642.0 * ATP,
    source=ATTWELL_LAUGHLIN,
    note="endocytosis and exocytosis of one vesicle; range: a factor 2, assumed",
)

ION_FLUX_PER_VESICLE = Constant(
    value=1.4e5 * ATP,
    low=0.7e5 * ATP,
    high=2.8e5 * ATP,
    source=ATTWELL_LAUGHLIN + "; Harris, Jolivet & Attwell (2012), Neuron 75:762-777",
    note="67,000 for non-NMDA, 70,000 for NMDA and 3,000 for metabotropic receptors; "
    "range: a factor 2, assumed",
)

SPIKE_PER_BOUTON = Constant(
    value=1.5e4 * ATP,
    low=0.75e4 * ATP,
    high=4.8e4 * ATP,
    source=ATTWELL_LAUGHLIN + "; Harris, Jolivet & Attwell (2012), Neuron 75:762-777",
    note="action potential of the whole cell shared by its 8,000 boutons: high is 3.84e8 ATP (squid-like), "
    "the value a third of it, as mammalian spikes are that much cheaper",
)

VESICLES_PER_SITE = Constant(
    value=26.0 * pq.dimensionless,
    low=13.0 * pq.dimensionless,
    high=52.0 * pq.dimensionless,
    source="Schikorski & Stevens (1997), J Neurosci 17:5858-5867",
    note="270 vesicles in a hippocampal bouton, 10.3 of them docked; range: a factor 2, assumed",
)

PROTON_LEAK_PER_VESICLE = Constant(
    value=3.0 * ATP / pq.s,
    low=0.3 * ATP / pq.s,
    high=30.0 * ATP / pq.s,
    source=PULIDO_RYAN + " for the mechanism (up to 44 % of resting synaptic consumption)",
    note="inferred here, not published: some 650 protons (buffer 40 mM per pH unit, 1.8 units, 15 zl) leak "
    "in about 70 s at 10 protons for 3 ATP; an order of magnitude either way",
)

ACTIN_PER_VESICLE = Constant(
    value=0.34 * ATP / pq.s,
    low=0.034 * ATP / pq.s,
    high=17.0 * ATP / pq.s,
    source=ENGL_ATTWELL + " for the spread (below 1 % to one half of neuronal energy use)",
    note="inferred here, not published: 40 nm of filament hold 15 monomers, each costs one ATP and is "
    "replaced every 44 s (Star et al. 2002)",
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
