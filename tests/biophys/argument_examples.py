"""A right value of every public argument of biophys, for `tests.fuzz`."""

import numpy as np
import quantities as pq
from matplotlib.figure import Figure

from biophys import (
    ATP,
    BudgetLaw,
    QuantalSynapse,
    ReferenceSynapse,
    ReleasePlasticity,
    ReliabilityCost,
    ShortTermDynamics,
    TransmissionCost,
    actin_cost,
    bernoulli_input,
    calcium_pump_cost,
    vesicle_membrane_cost,
)

_BEFORE = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
_AFTER = _BEFORE * np.array([1.2, 1.5, 1.1, 1.4, 1.3])
_RESPONSES = QuantalSynapse(5, 0.4, 0.2 * pq.mV).sample(60, rng=np.random.default_rng(1))

EXAMPLES = {
    "amplitudes": lambda: _RESPONSES,
    "atp": lambda: 1e9 * ATP,
    "budget": lambda: 4.0 * pq.dimensionless,
    "budgets": lambda: np.array([20.0, 30.0]) * pq.dimensionless,
    "calcium": lambda: 10.0 * pq.uM,
    "cooperativity": lambda: 4.0,
    "cost": lambda: calcium_pump_cost() + vesicle_membrane_cost(),
    "cv": lambda: 0.8,
    "dynamics": lambda: ShortTermDynamics(0.5),
    "energy": lambda: 1e-15 * pq.J,
    "estimate": lambda: "value",
    "factor": lambda: 2.0,
    "failure": lambda: 0.5,
    "figure": lambda: Figure(),
    "high": lambda: 3.0 * pq.mV,
    "importance": lambda: 4.0 / pq.mV**2,
    "in_place": lambda: False,
    "input_pmf": lambda: bernoulli_input(0.1),
    "inputs": lambda: [[1.0, 0.0], [1.0, 2.0]],
    "intervals": lambda: np.array([10.0, 20.0]) * pq.ms,
    "k": lambda: 1,
    "law": lambda: BudgetLaw(),
    "laws": lambda: (actin_cost(), calcium_pump_cost()),
    "low": lambda: 1.0 * pq.mV,
    "mean": lambda: 0.3 * pq.mV,
    "mean_after": lambda: _AFTER * pq.mV,
    "mean_before": lambda: _BEFORE * pq.mV,
    "mean_count": lambda: 0.5,
    "mean_spikes": lambda: 0.1,
    "mechanism": lambda: "calcium pump",
    "n": lambda: 5,
    "n_inputs": lambda: 20,
    "n_max": lambda: 10,
    "n_points": lambda: 10,
    "n_spikes": lambda: 3,
    "name": lambda: "q",
    "noise_sd": lambda: 0.05 * pq.mV,
    "other": lambda: actin_cost(),
    "p": lambda: 0.5,
    "per_vesicle": lambda: 1.2e4 * ATP,
    "q": lambda: 0.2 * pq.mV,
    "quantity": lambda: 0.2 * pq.mV,
    "rate": lambda: 4.0 * pq.Hz,
    "ratio": lambda: 2.0,
    "reference": lambda: ReferenceSynapse(),
    "rho": lambda: 2.0,
    "rng": lambda: np.random.default_rng(1),
    "rule": lambda: ReleasePlasticity(),
    "s": lambda: 1.0 * pq.mV,
    "sd": lambda: 0.3 * pq.mV,
    "sd_after": lambda: _AFTER / (2.5 + 2.0 * (_AFTER - _BEFORE) ** 2 / _BEFORE) * pq.mV,
    "sd_before": lambda: _BEFORE / 2.5 * pq.mV,
    "slope": lambda: -0.5,
    "source": lambda: "a paper",
    "spike_probability": lambda: 0.1,
    "synapse": lambda: QuantalSynapse(5, 0.5, 0.2 * pq.mV),
    "threshold": lambda: 0.001,
    "unit": lambda: pq.mV,
    "update": lambda: 0.01,
    "value": lambda: 2.0 * pq.mV,
    "values": lambda: [1, 8, 20],
    "varying": lambda: "n",
    "whole_sites": lambda: True,
}

SPECIAL = {
    "magnitude_in.name": lambda: "quantity",
    "ReliabilityCost.__call__.sd": lambda: 0.05 * pq.mV,
    "TransmissionCost.calcium": lambda: 100.0 * ATP,
    "BudgetLaw.calcium": lambda: 1.0 * pq.dimensionless,
    "BudgetLaw.budget_for.relative_sd": lambda: 0.3,
    "approximation_error.law": lambda: "normal",
    "probability_above.law": lambda: "normal",
    "approximation_error.sd": lambda: 0.001,
    "probability_above.sd": lambda: 0.001,
    "approximation_error.mean": lambda: 0.0001,
    "probability_above.mean": lambda: 0.0,
    "information_per_energy.cost": lambda: TransmissionCost(),
    "optimal_release_probability.cost": lambda: TransmissionCost(),
    "optimal_synapse.cost": lambda: TransmissionCost(),
    "optimal_sd.cost": lambda: ReliabilityCost(2.0, 0.5 * pq.mV),
    "exponent_map.n": lambda: [1, 5],
    "exponent_map.p": lambda: [0.1, 0.5],
    "fit_cost_exponent.cost": lambda: np.array([3.0, 2.0, 1.5, 1.0]) * pq.dimensionless,
    "fit_cost_exponent.sd": lambda: np.array([0.1, 0.2, 0.3, 0.4]) * pq.mV,
    "synapse_with.n": lambda: 4,
    "synapse_with.p": lambda: None,
}

INSTANCES = {}
"""How to make one where it is not built from the examples."""

NOT_CALLED = {
    # Results, which functions return: nobody builds them.
    "BudgetChange",
    "BudgetRow",
    "CostSweep",
    "ExponentFit",
    "ExponentRow",
    "Optimum",
    "PrecisionSlopes",
    "QuantalEstimate",
    "Realisation",
    "RecoveryRow",
    "ShortTermState",
    "StationaryResponse",
    # Being written anew.
    "estimate_by_likelihood",
    "estimate_by_moments",
    "estimate_by_variance_mean",
    "recovery_by_likelihood",
    "recovery_by_moments",
    "recovery_by_variance_mean",
}

ALLOWED = {
    "ReleasePlasticity.p_freeze": ("inf",),
    "magnitude_in.quantity": ("nan with a unit", "an empty quantity"),
}
"""Labels of wrong values that an argument may take, by its name or by ``"callable.argument"``."""
