"""Physical constants of the energy budget, each with its unit, uncertainty and source."""

from dataclasses import dataclass

import quantities as pq

from biophys.argument_types import check_public
from biophys.units import ATP, magnitude_in, unit_of


@dataclass(frozen=True, eq=False)
class Constant:
    """A number from the literature.

    Parameters
    ----------
    value : with its unit
    low, high : plausible range, same unit: published spread where there is one, else what the note says
    source : author, year and where in the paper
    note : what was assumed
    """

    value: pq.Quantity
    low: pq.Quantity
    high: pq.Quantity
    source: str
    note: str = ""

    def __post_init__(self) -> None:
        unit = unit_of(self.value, "value")
        low, middle, high = (
            magnitude_in(getattr(self, name), unit, f"{name}, like value,")
            for name in ("low", "value", "high")
        )
        if not low <= middle <= high:
            raise ValueError(f"a constant lies inside its range, got {self.low}, {self.value}, {self.high}")


AVOGADRO = 6.02214076e23 / pq.mol
"""Molecules per mole (exact by definition, SI 2019)."""

ATP_FREE_ENERGY = Constant(
    value=50e3 * pq.J / pq.mol,
    low=44e3 * pq.J / pq.mol,
    high=60e3 * pq.J / pq.mol,
    source="textbook value for a cell (Garrett & Grisham, Biochemistry); eQuilibrator for the lower end",
    note="confirmed: about 50 under cellular conditions; 44 with ATP, ADP and phosphate at 1 mM each. "
    "Computed: 54 at 5, 0.5 and 1 mM and 37 °C, from 30.5 under standard conditions. Assumed: the upper"
    " end",
)


ATTWELL_LAUGHLIN = "Attwell & Laughlin (2001), J Cereb Blood Flow Metab 21:1133-1145"
HARRIS = "Harris, Jolivet & Attwell (2012), Neuron 75:762-777, doi:10.1016/j.neuron.2012.08.019"
HOWARTH = "Howarth, Gleeson & Attwell (2012), J Cereb Blood Flow Metab 32:1222-1232"
ENGL_ATTWELL = "Engl & Attwell (2015), J Physiol 593:3417-3429, doi:10.1113/jphysiol.2014.282517"
PULIDO_RYAN = "Pulido & Ryan (2021), Sci Adv 7:eabi9027, doi:10.1126/sciadv.abi9027"

CALCIUM_PER_VESICLE = Constant(
    value=1.2e4 * ATP,
    low=200.0 * ATP,
    high=2.4e4 * ATP,
    source=ATTWELL_LAUGHLIN + ", p. 1136 (after Helmchen et al. 1997)",
    note="confirmed: 12,000 Ca enter per vesicle released (calyx, 35 °C) and cost one ATP each to extrude; "
    "estimates from 200 to 13,000 (Laughlin et al. 1998, after Borst & Sakmann 1996). Assumed: a factor"
    " 2 up",
)

TRANSMITTER_PER_VESICLE = Constant(
    value=1.1e4 * ATP,
    low=0.55e4 * ATP,
    high=2.2e4 * ATP,
    source=ATTWELL_LAUGHLIN,
    note="uptake, conversion and repacking of 4,000 glutamates at 2.67 ATP each. Confirmed: 3,640 glutamates "
    "in a cortical vesicle (Riveros et al. 1986), and the 4 % of signalling energy that " + HOWARTH + " give "
    "it beside 50 % for receptors. Not seen in the original: the 2.67. Assumed: a factor 2 either way",
)

CYCLING_PER_VESICLE = Constant(
    value=821.0 * ATP,
    low=410.0 * ATP,
    high=1642.0 * ATP,
    source=ATTWELL_LAUGHLIN,
    note="endocytosis and exocytosis of one vesicle. Not seen in the original; with it the parts add up to "
    "the published 1.64e5 ATP per vesicle. Assumed: a factor 2 either way",
)

ION_FLUX_PER_VESICLE = Constant(
    value=1.4e5 * ATP,
    low=0.7e5 * ATP,
    high=2.8e5 * ATP,
    source=ATTWELL_LAUGHLIN + ", p. 1136; " + HARRIS,
    note="confirmed: 70,000 for NMDA receptors (210,000 Na). Not seen in the original: 67,000 for non-NMDA "
    "and 3,000 for metabotropic receptors. A vesicle opens 10 to 70 AMPA receptors at different "
    "synapses (Harris et al. 2012, p. 767): a factor 2 either way, assumed",
)

SPIKE_PER_BOUTON = Constant(
    value=1.5e4 * ATP,
    low=0.75e4 * ATP,
    high=4.8e4 * ATP,
    source=HOWARTH + "; " + ATTWELL_LAUGHLIN + " for the upper end",
    note="the cell's action potential shared by its boutons. Confirmed: 21 % of signalling energy beside 50 "
    "% for receptors, hence 1.5e4 ATP at p = 0.25. Not seen in the original: squid-like spikes, 3.84e8 "
    "ATP for 8,000 boutons. Assumed: a factor 2 down",
)

VESICLES_PER_SITE = Constant(
    value=26.0 * pq.dimensionless,
    low=20.0 * pq.dimensionless,
    high=270.0 * pq.dimensionless,
    source="Schikorski & Stevens (1997), J Neurosci 17:5858-5867, doi:10.1523/JNEUROSCI.17-15-05858.1997",
    note="vesicles behind each docked one. Confirmed: about 200 in a hippocampal bouton and about 10 docked "
    "(abstract), the lower end; the value is 270 / 10.3 of its table, not seen. The upper end takes a "
    "whole active zone as one site, as its authors propose",
)

PROTON_LEAK_PER_VESICLE = Constant(
    value=3.0 * ATP / pq.s,
    low=0.3 * ATP / pq.s,
    high=30.0 * ATP / pq.s,
    source=PULIDO_RYAN + " for the mechanism",
    note="confirmed: the leak takes up to 44 % of a terminal's resting energy (abstract). Inferred here, not"
    " published: some 650 protons (buffer 40 mM per pH unit, 1.8 units, 15 zl) leak in about 70 s at 10"
    " protons for 3 ATP; an order of magnitude either way",
)

ACTIN_PER_VESICLE = Constant(
    value=0.34 * ATP / pq.s,
    low=0.034 * ATP / pq.s,
    high=17.0 * ATP / pq.s,
    source=ENGL_ATTWELL + " for the spread",
    note="confirmed: from below 1 % of the brain's energy to one half of the neurons' goes to actin "
    "(abstract); spine actin is replaced every 44.2 ± 4.0 s (Star et al. 2002); 2.7 nm of filament per "
    "monomer. Inferred here, not published: 40 nm of filament, 15 monomers, for each vesicle, one ATP "
    "each",
)


def _per_mole(free_energy: pq.Quantity) -> pq.Quantity:
    """Return a free energy per mole that may be given for one molecule."""
    if free_energy.dimensionality.simplified == pq.J.dimensionality.simplified:
        return (free_energy * AVOGADRO).rescale(pq.J / pq.mol)
    magnitude_in(free_energy, pq.J / pq.mol, "free_energy")
    return free_energy


def joules_of(atp: pq.Quantity, free_energy: pq.Quantity = ATP_FREE_ENERGY.value) -> pq.Quantity:
    """Return the free energy of this many ATP in joules, or of ATP per second in watts.

    Raises TypeError if an argument carries no unit, ValueError if it has another dimension.

    Parameters
    ----------
    atp : in ATP or ATP per time; any shape
    free_energy : free energy of hydrolysis per mole, or of one molecule (0.5 eV, say)

    Examples
    --------
    >>> print(joules_of(1e9 * ATP).round(12))
    8.3e-11 J
    """
    free_energy = _per_mole(free_energy)
    per_molecule = (free_energy / AVOGADRO).rescale(pq.J) / ATP
    energy = atp * per_molecule
    for unit in (pq.J, pq.W):
        if energy.dimensionality.simplified == unit.dimensionality.simplified:
            return energy.rescale(unit)
    raise ValueError(f"atp must be in ATP or ATP per time, got {atp}")


def atp_of(energy: pq.Quantity, free_energy: pq.Quantity = ATP_FREE_ENERGY.value) -> pq.Quantity:
    """Return how many ATP give this much free energy (as of :func:`joules_of`); watts give ATP per second.

    >>> print(atp_of(1e-15 * pq.J).round(0))
    12044.0 ATP
    """
    free_energy = _per_mole(free_energy)
    count = energy / (free_energy / AVOGADRO)
    for unit, result in ((pq.dimensionless, ATP), (1 / pq.s, ATP / pq.s)):
        if count.dimensionality.simplified == unit.dimensionality.simplified:
            return count.rescale(unit).magnitude * result
    raise ValueError(f"energy must be in joules or watts, got {energy}")


check_public(__name__)
