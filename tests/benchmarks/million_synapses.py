"""How long the numbers of a million synapses take: moments, costs, optima, realisations, information."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import quantities as pq

from biophys.absolute_costs import costs_at_rate
from biophys.energy_costs import calcium_pump_cost, vesicle_membrane_cost
from biophys.information_efficiency import TransmissionCost, bernoulli_input, information_per_energy
from biophys.optimal_precision import ReliabilityCost, optimal_sd
from biophys.quantal import QuantalSynapse, synapse_with
from biophys.quantal_analysis import (
    IdentifiabilityWarning,
    estimate_by_likelihood,
    estimate_by_moments,
    estimate_by_variance_mean,
)
from biophys.realisation_costs import cheapest_realisation, distance_from_boundary

N_SYNAPSES = 1_000_000
N_REPEATS = 3


def cases(rng: np.random.Generator) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name."""
    n, p = rng.integers(1, 20, N_SYNAPSES), rng.uniform(0.02, 0.95, N_SYNAPSES)
    q = rng.lognormal(-2, 0.5, N_SYNAPSES) * pq.mV
    synapses = QuantalSynapse(n, p, q)
    mean, sd = synapses.mean, synapses.sd
    importance = rng.lognormal(3, 1, N_SYNAPSES) / pq.mV**2
    rates = costs_at_rate(4 * pq.Hz)
    mixture = calcium_pump_cost() + vesicle_membrane_cost(scale=0.1 * pq.dimensionless)
    four = [ReliabilityCost(rho, 0.1 * pq.mV) for rho in (1 / 2, 2 / 3, 4 / 3, 2.0)]
    few = QuantalSynapse(np.full(N_SYNAPSES // 100, 5), 0.4, 0.2 * pq.mV)
    responses = few.sample(100, rng=rng)
    conditions = QuantalSynapse(n, np.array([[0.1], [0.4], [0.6], [0.9]]), q)
    means, variances = conditions.mean, conditions.variance
    noisy = responses[:, :1000] + rng.normal(0, 0.04, (100, 1000)) * pq.mV
    spikes, cost = bernoulli_input(0.01), TransmissionCost()
    return {
        "check and build": lambda: QuantalSynapse(n, p, q),
        "mean, sd, cv, failures": lambda: (
            synapses.mean,
            synapses.sd,
            synapses.cv,
            synapses.failure_probability,
        ),
        "one response of each": lambda: synapses.sample(rng=rng),
        "from mean and sd, n kept": lambda: synapse_with(mean, sd, n=n),
        "six costs in ATP per second": lambda: rates(synapses),
        "optimal sd, one cost": lambda: optimal_sd(importance, four[0]),
        "optimal sd, four costs": lambda: optimal_sd(importance, four),
        "cheapest n, p, q, two costs": lambda: cheapest_realisation(mean, sd, mixture, n_max=100),
        "cheapest n, p, q, six costs": lambda: cheapest_realisation(mean, sd, rates, n_max=100),
        "distance from the boundary, two costs": lambda: distance_from_boundary(
            mean, sd, mixture, 6 * pq.dimensionless
        ),
        "bits per ATP": lambda: information_per_energy(spikes, n, p, cost),
        "p and q of 10,000 from 100 responses each": lambda: estimate_by_moments(responses, n=few.n),
        "n, p, q from four means and variances": lambda: estimate_by_variance_mean(
            means, variances, n_trials=100
        ),
        "n, p, q of 1,000 by likelihood, n up to 8": lambda: estimate_by_likelihood(
            noisy, noise_sd=0.04 * pq.mV, n_max=8
        ),
    }


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """Return the median time of a few calls by the clock and by the processor."""
    by_clock, by_processor = [], []
    for _ in range(N_REPEATS):
        clock, processor = time.perf_counter(), time.process_time()
        function()
        by_clock.append(time.perf_counter() - clock)
        by_processor.append(time.process_time() - processor)
    return statistics.median(by_clock), statistics.median(by_processor)


def main() -> None:
    """Print one line for each case."""
    print(f"{N_SYNAPSES:,} synapses, one process, median of {N_REPEATS}")
    print(f"{'':42s} {'clock':>9s} {'processor':>11s}")
    warnings.simplefilter("ignore", IdentifiabilityWarning)
    for name, function in cases(np.random.default_rng(1)).items():
        clock, processor = seconds(function)
        print(f"{name:42s} {clock:7.3f} s {processor:9.3f} s")


if __name__ == "__main__":
    main()
