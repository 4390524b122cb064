"""How fast recordings are fitted, as ratios to naive programs: ``python -m tests.benchmarks.recordings``.

The likelihood of 5 sweeps of 106 stimuli against a loop in plain Python over full sites, released and
refilled ones, with tables of both binomials made beforehand; 1,000 synapses of 200 trials against a loop of
single fits; and the posterior of a train of 530 responses. Processor times, medians of runs in turn.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import quantities as pq
from scipy.stats import binom, norm

from biophys import QuantalSynapse, ShortTermDynamics, fit_release, fit_releases, simulate_recording
from biophys.recordings.likelihood import Likelihood, ReleaseModel, Responses

GAPS = np.tile(
    np.append(1e4, np.append(np.full(99, 10.0), [25.0, 50.0, 100.0, 300.0, 1000.0, 3000.0])), (5, 1)
)
P, Q, NOISE, WITHIN, TAU = 0.3, 0.1, 0.05, 0.3, 100.0


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def in_loops(x: Any, n: int, release: Any, refill: Any, density: Any) -> float:
    """Return the log likelihood of one sweep by three nested loops."""
    total, full = 0.0, [0.0] * n + [1.0]
    for t in range(len(x)):
        later, scale = [0.0] * (n + 1), 0.0
        for before in range(n + 1):
            for k in range(before + 1):
                joint = full[before] * release[before][k] * density[t][k]
                scale += joint
                left = before - k
                for after in range(left, n + 1):
                    later[after] += joint * refill[t + 1][left][after]
        total += np.log(scale)
        full = [value / scale for value in later]
    return total


def likelihood_ratio(n: int, rng: np.random.Generator, n_synapses: int = 1) -> float:
    """Return the time of the loops over that of a batch's forward pass, which must agree."""
    x = rng.binomial(n, 0.15, (n_synapses, *GAPS.shape)) * Q
    x += rng.normal(0, NOISE, x.shape)
    ones = np.ones((n_synapses, 1))
    zero = 0.0 * ones
    data = Responses(x, GAPS, np.zeros(5, int), NOISE * ones, WITHIN * ones, zero, zero, zero)
    likelihood = Likelihood(ReleaseModel(dynamics="depletion"), data, float(n))
    theta = np.tile([np.log(P / (1 - P)), np.log(Q), np.log(TAU)], (n_synapses, 1))
    sites = np.arange(n + 1)
    release = binom.pmf(sites, sites[:, None], P).tolist()
    emptied = (n - sites)[:, None]
    refill = [
        binom.pmf(sites - sites[:, None], emptied, -np.expm1(-gap / TAU)).tolist() for gap in [*GAPS[0], 1.0]
    ]
    sd = np.sqrt(NOISE**2 + sites * (WITHIN * Q) ** 2)
    densities = [norm.pdf(row[:, None], sites * Q, sd).tolist() for row in x[0]]
    fast, slow = [], []
    for _ in range(5):
        time_of_pass, point = seconds(lambda: likelihood.at(theta, np.arange(n_synapses), value_only=True))
        fast.append(time_of_pass)
        # One of the five sweeps of each synapse: all take the same.
        time_of_loops, first = seconds(lambda: in_loops(x[0, 0], n, release, refill, densities[0]))
        slow.append(5 * n_synapses * time_of_loops)
    rest = [in_loops(x[0, i], n, release, refill, densities[i]) for i in range(1, 5)]
    assert np.isclose(point.value[0], first + sum(rest), rtol=1e-9)
    return float(np.median(slow) / np.median(fast))


def evaluations_of_a_fit(rng: np.random.Generator) -> tuple[float, int]:
    """Return the time of a fit of 156 responses, in evaluations of each n tried, and how many n these are."""
    spike_times = np.cumsum(rng.uniform(8.0, 120.0, 26)) * pq.ms
    synapse, dynamics = QuantalSynapse(10, P, 10 * pq.pA), ShortTermDynamics(P, TAU * pq.ms, 0 * pq.ms)
    train: dict[str, Any] = {"n_sweeps": 6, "spike_times": spike_times, "dynamics": dynamics}
    x = simulate_recording(synapse, **train, noise=3 * pq.pA, rng=rng)
    options: dict[str, Any] = {"intervals": np.diff(spike_times), "noise": 3 * pq.pA, "dynamics": "depletion"}
    time_of_fit, fit = seconds(lambda: fit_release(x, **options))
    once, rows = 0.0, range(fit.profile.sites.size)
    for row in rows:
        likelihood, theta = fit.profile.likelihood(row), fit.profile.theta[row]
        once += np.median([seconds(lambda: likelihood.at(theta, np.arange(1)))[0] for _ in range(5)])  # noqa: B023
    return time_of_fit / once, len(rows)


def main() -> None:
    """Print one line for each ratio."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(19)
    for n in (10, 40):
        print(
            f"loops over the likelihood of 530 stimuli, n = {n}: {likelihood_ratio(n, rng):.1f}", flush=True
        )
    print(f"the same for 50 synapses, n = 40: {likelihood_ratio(40, rng, 50):.1f}", flush=True)
    evaluations, n_tried = evaluations_of_a_fit(rng)
    print(f"evaluations of a fit of 156 responses, for each of {n_tried} n: {evaluations:.0f}", flush=True)
    x = (rng.binomial(5, 0.4, (200, 1000)) * 10 + rng.normal(0, 2, (200, 1000))) * pq.pA
    fit_release(x[:, 0], noise=2 * pq.pA)
    singles = [seconds(lambda b=b: fit_release(x[:, b], noise=2 * pq.pA))[0] for b in range(10)]
    together, fits = seconds(lambda: fit_releases(x, noise=2 * pq.pA))
    singles += [seconds(lambda b=b: fit_release(x[:, b], noise=2 * pq.pA))[0] for b in range(10, 20)]
    assert all(
        fits[b].log_likelihood == fit_release(x[:, b], noise=2 * pq.pA).log_likelihood for b in range(3)
    )
    print(
        f"single fits over 1,000 synapses of 200 trials: {1000 * np.mean(singles) / together:.1f}", flush=True
    )
    train = simulate_recording(
        QuantalSynapse(10, P, 10 * pq.pA),
        n_sweeps=5,
        spike_times=np.cumsum(np.append(0.0, GAPS[0, 1:])) * pq.ms,
        dynamics=ShortTermDynamics(P, TAU * pq.ms, 0 * pq.ms),
        noise=3 * pq.pA,
        rng=rng,
    )
    intervals = np.tile(GAPS[0, 1:], (5, 1)) * pq.ms
    options: dict[str, Any] = {"intervals": intervals, "noise": 3 * pq.pA, "dynamics": "depletion"}
    time_of_fit, fit = seconds(lambda: fit_release(train, **options))
    time_of_draws, _ = seconds(lambda: fit.posterior(1000, rng=rng))
    print(f"530 responses: fit {time_of_fit:.1f} s, 1,000 draws of the posterior {time_of_draws:.1f} s")


if __name__ == "__main__":
    main()
