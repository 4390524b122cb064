"""One synapse in numbers with units: release statistics, energy costs, optimal precision."""

from biophys.calcium import HillRelation
from biophys.constants import (
    ATP_FREE_ENERGY,
    AVOGADRO,
    ELEMENTARY_CHARGE,
    Constant,
    atp_of,
    joules_of,
)
from biophys.cost_exponents import (
    CostSweep,
    ExponentFit,
    ExponentRow,
    exponent_table,
    fit_cost_exponent,
    plot_exponents,
    sweep_cost,
)
from biophys.energy_costs import (
    CostLaw,
    CostMixture,
    actin_cost,
    calcium_pump_cost,
    ion_flux_cost,
    reliability_costs,
    trafficking_cost,
    transmitter_cost,
    vesicle_membrane_cost,
)
from biophys.quantal import QuantalSynapse, n_sites_for, release_probability_for, synapse_with
from biophys.release_plasticity import ReleasePlasticity, updated_release_probability
from biophys.units import ATP, fC, magnitude_in

__all__ = [
    "ATP",
    "ATP_FREE_ENERGY",
    "AVOGADRO",
    "ELEMENTARY_CHARGE",
    "Constant",
    "CostLaw",
    "CostMixture",
    "CostSweep",
    "ExponentFit",
    "ExponentRow",
    "HillRelation",
    "QuantalSynapse",
    "ReleasePlasticity",
    "actin_cost",
    "atp_of",
    "calcium_pump_cost",
    "exponent_table",
    "fC",
    "fit_cost_exponent",
    "ion_flux_cost",
    "joules_of",
    "magnitude_in",
    "n_sites_for",
    "plot_exponents",
    "release_probability_for",
    "reliability_costs",
    "sweep_cost",
    "synapse_with",
    "trafficking_cost",
    "transmitter_cost",
    "updated_release_probability",
    "vesicle_membrane_cost",
]
