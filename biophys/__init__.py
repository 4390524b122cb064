"""One synapse in numbers with units: release statistics, energy costs, optimal precision."""

from biophys.absolute_costs import (
    BudgetRow,
    ReferenceSynapse,
    budget_table,
    costs_at_rate,
    resting_costs,
    spike_costs,
)
from biophys.calcium import HillRelation
from biophys.constants import ATP_FREE_ENERGY, AVOGADRO, Constant, atp_of, joules_of
from biophys.cost_exponents import (
    CostSweep,
    ExponentFit,
    ExponentRow,
    exponent_map,
    exponent_table,
    fit_cost_exponent,
    plot_exponent_map,
    plot_exponents,
    sweep_cost,
)
from biophys.energy_budget import BudgetChange, BudgetLaw, budget_exponents, fit_budget_change, implied_budget
from biophys.energy_costs import (
    CostLaw,
    CostMixture,
    actin_cost,
    calcium_of_site,
    calcium_pump_cost,
    ion_flux_cost,
    reliability_costs,
    trafficking_cost,
    transmitter_cost,
    vesicle_membrane_cost,
)
from biophys.entropic_bound import biological_cost, bound_gap, entropic_cost
from biophys.gradient_threshold import approximation_error, probability_above
from biophys.information_efficiency import (
    Optimum,
    TransmissionCost,
    bernoulli_input,
    failure_rate_of_levy_baxter,
    information_of_sum,
    information_per_energy,
    optimal_release_probability,
    optimal_synapse,
    poisson_input,
    transmitted_information,
)
from biophys.optimal_precision import (
    PrecisionSlopes,
    ReliabilityCost,
    exponent_from_input_slope,
    linear_importance,
    optimal_sd,
    precision_slopes,
)
from biophys.quantal import QuantalSynapse, n_sites_for, release_probability_for, synapse_with
from biophys.quantal_analysis import (
    QuantalEstimate,
    estimate_by_likelihood,
    estimate_by_moments,
    estimate_by_variance_mean,
)
from biophys.quantal_recovery import (
    RecoveryRow,
    recovery_by_likelihood,
    recovery_by_moments,
    recovery_by_variance_mean,
)
from biophys.realisation_costs import Realisation, cheapest_realisation, distance_from_boundary, minimal_sd
from biophys.recordings.change_of_locus import CvAnalysis, NestedModel, cv_analysis, nested_models
from biophys.recordings.comparison import ComparedFit, compare, variability_table
from biophys.recordings.fitted_costs import FittedCost, fitted_cost
from biophys.recordings.fitting import FailedFit, ReleaseFits, fit_release, fit_releases
from biophys.recordings.goodness import GoodnessOfFit, goodness_of_fit
from biophys.recordings.implausible import ImplausibleRecordingWarning
from biophys.recordings.quick_methods import (
    CovarianceAnalysis,
    FailuresAnalysis,
    ShortTermFit,
    covariance_analysis,
    failures_analysis,
    fit_short_term,
)
from biophys.recordings.recording import Noise, QuantalVariability
from biophys.recordings.release_fit import FittedParameter, IdentifiabilityWarning, ReleaseFit
from biophys.recordings.serial_dependence import SerialDependence, SerialDependenceWarning, serial_dependence
from biophys.recordings.simulation import simulate_recording
from biophys.recordings.traces import MeasuredResponses, measured_responses
from biophys.release_plasticity import OddsPlasticity, ReleasePlasticity, updated_release_probability
from biophys.short_term import ShortTermDynamics, ShortTermState, StationaryResponse, stationary_response
from biophys.units import ATP, fC, magnitude_in

__all__ = [
    "ATP",
    "ATP_FREE_ENERGY",
    "AVOGADRO",
    "BudgetChange",
    "BudgetLaw",
    "BudgetRow",
    "ComparedFit",
    "Constant",
    "CostLaw",
    "CostMixture",
    "CostSweep",
    "CovarianceAnalysis",
    "CvAnalysis",
    "ExponentFit",
    "ExponentRow",
    "FailedFit",
    "FailuresAnalysis",
    "FittedCost",
    "FittedParameter",
    "GoodnessOfFit",
    "HillRelation",
    "IdentifiabilityWarning",
    "ImplausibleRecordingWarning",
    "MeasuredResponses",
    "NestedModel",
    "Noise",
    "OddsPlasticity",
    "Optimum",
    "PrecisionSlopes",
    "QuantalEstimate",
    "QuantalSynapse",
    "QuantalVariability",
    "Realisation",
    "RecoveryRow",
    "ReferenceSynapse",
    "ReleaseFit",
    "ReleaseFits",
    "ReleasePlasticity",
    "ReliabilityCost",
    "SerialDependence",
    "SerialDependenceWarning",
    "ShortTermDynamics",
    "ShortTermFit",
    "ShortTermState",
    "StationaryResponse",
    "TransmissionCost",
    "actin_cost",
    "approximation_error",
    "atp_of",
    "bernoulli_input",
    "biological_cost",
    "bound_gap",
    "budget_exponents",
    "budget_table",
    "calcium_of_site",
    "calcium_pump_cost",
    "cheapest_realisation",
    "compare",
    "costs_at_rate",
    "covariance_analysis",
    "cv_analysis",
    "distance_from_boundary",
    "entropic_cost",
    "estimate_by_likelihood",
    "estimate_by_moments",
    "estimate_by_variance_mean",
    "exponent_from_input_slope",
    "exponent_map",
    "exponent_table",
    "fC",
    "failure_rate_of_levy_baxter",
    "failures_analysis",
    "fit_budget_change",
    "fit_cost_exponent",
    "fit_release",
    "fit_releases",
    "fit_short_term",
    "fitted_cost",
    "goodness_of_fit",
    "implied_budget",
    "information_of_sum",
    "information_per_energy",
    "ion_flux_cost",
    "joules_of",
    "linear_importance",
    "magnitude_in",
    "measured_responses",
    "minimal_sd",
    "n_sites_for",
    "nested_models",
    "optimal_release_probability",
    "optimal_sd",
    "optimal_synapse",
    "plot_exponent_map",
    "plot_exponents",
    "poisson_input",
    "precision_slopes",
    "probability_above",
    "recovery_by_likelihood",
    "recovery_by_moments",
    "recovery_by_variance_mean",
    "release_probability_for",
    "reliability_costs",
    "resting_costs",
    "serial_dependence",
    "simulate_recording",
    "spike_costs",
    "stationary_response",
    "sweep_cost",
    "synapse_with",
    "trafficking_cost",
    "transmitted_information",
    "transmitter_cost",
    "updated_release_probability",
    "variability_table",
    "vesicle_membrane_cost",
]
