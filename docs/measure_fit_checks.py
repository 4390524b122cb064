"""Measure how often what `fit_release` and its siblings say of simulated recordings is right.

    python docs/measure_fit_checks.py [serial] [comparison] [goodness] [artefacts] [missing] [locus]

Each has a seed and numbers of repeats; the criterion of each stood before the run.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import quantities as pq
from scipy.stats import binomtest, kstest

from biophys import (
    QuantalSynapse,
    ShortTermDynamics,
    compare,
    cv_analysis,
    fit_release,
    fit_releases,
    goodness_of_fit,
    nested_models,
    serial_dependence,
    simulate_recording,
)

RESULTS = Path(__file__).parent / "results" / "fit_checks.json"
PAGE = Path(__file__).parent / "fit_checks.md"
Q, NOISE = 10.0 * pq.pA, 3.0 * pq.pA
PROBES = np.cumsum([0.0] + [10.0] * 19 + [25.0, 50.0, 100.0, 300.0, 1000.0, 3000.0]) * pq.ms
IRREGULAR = np.cumsum(np.random.default_rng(5).uniform(8.0, 120.0, 26)) * pq.ms

Rows = Iterator[tuple[str, list[bool], str]]


def train(
    n: int,
    p: float,
    recovery: float,
    n_sweeps: int,
    times: Any,
    rng: np.random.Generator,
    **more: Any,
) -> pq.Quantity:
    """Return responses of a synapse that depresses."""
    dynamics = ShortTermDynamics(p, recovery * pq.ms, 0 * pq.ms)
    synapse = QuantalSynapse(n, p, Q)
    return simulate_recording(
        synapse,
        n_sweeps=n_sweeps,
        spike_times=times,
        dynamics=dynamics,
        rng=rng,
        noise=NOISE,
        **more,
    )


def trials(
    n: int, p: float, size: Any, rng: np.random.Generator, q: float = 10.0
) -> pq.Quantity:
    """Return independent responses with a noise of 0.2 q."""
    return (rng.binomial(n, p, size) * q + rng.normal(0, 2.0, size)) * pq.pA


def serial(rng: np.random.Generator) -> Rows:
    """Test for order where there is none, and where there is depression."""
    for shape in ((60,), (200,), (5, 20)):
        alarms = [
            serial_dependence(trials(5, 0.4, shape, rng)).is_dependent for _ in range(5000)
        ]
        name = " x ".join(map(str, shape))
        yield (
            f"serial dependence is seen in {name} independent trials",
            alarms,
            "at most 2 %",
        )
    times = np.arange(20) * 10.0 * pq.ms
    seen = [
        serial_dependence(train(8, 0.5, 100.0, 5, times, rng)).is_dependent
        for _ in range(500)
    ]
    yield (
        "serial dependence is seen in 5 x 20 responses at 100 Hz (n 8, p 0.5, 100 ms)",
        seen,
        "at least 95 %",
    )


def comparison(rng: np.random.Generator) -> Rows:
    """Choose between depletion and independent responses by BIC."""
    for depresses in (True, False):
        right = []
        for _ in range(60):
            x = (
                train(5, 0.5, 100.0, 8, IRREGULAR[:13], rng)
                if depresses
                else trials(5, 0.5, (8, 13), rng) * 1.0
            )
            noise = NOISE if depresses else 2 * pq.pA
            fits = [
                fit_release(x, IRREGULAR[:13], noise=noise, dynamics=kind)
                for kind in (None, "depletion")
            ]
            right.append((compare(*fits)[0].name == fits[1].model_text) == depresses)
        kind = (
            "depletion where there is some"
            if depresses
            else "independent responses where they are"
        )
        yield f"BIC prefers {kind} (8 trains of 13, n 5, p 0.5)", right, "at least 95 %"


def goodness(rng: np.random.Generator) -> Rows:
    """Reject models that are true, and one recovery rate where there are two."""
    fits = fit_releases(trials(3, 0.4, (100, 400), rng), noise=2 * pq.pA)
    p_values = [
        goodness_of_fit(fit, rng=rng, n_simulated=99).p_values["distribution"]
        for fit in fits
    ]
    uniform = kstest(p_values, "uniform").pvalue
    name = (
        f"p of goodness_of_fit is below 0.05 under the model (uniform: p = {uniform:.2g})"
    )
    yield name, [p < 0.05 for p in p_values], "uniform: p > 0.01"
    seen, prefers = [], []
    for _ in range(40):
        x = two_rates(15, 0.4, rng)
        fit = fit_release(x, PROBES, noise=NOISE, dynamics="depletion", variability=0.3)
        tests = fit.diagnostics["residual_tests"] | {
            "first": fit.diagnostics["first_of_sweep"]
        }
        seen.append(min(p for _, p in tests.values()) < 0.05 / len(tests))
        other = fit_release(x, PROBES, noise=NOISE, dynamics="two-rate", variability=0.3)
        prefers.append(other.bic < fit.bic)
    yield (
        "residuals reject one rate where there are two (0.6 of 60 ms, 2 s; 5 x 26, n 15)",
        seen,
        "at least 80 %",
    )
    yield "BIC prefers two rates there", prefers, "-"


def two_rates(n: int, p: float, rng: np.random.Generator) -> pq.Quantity:
    """Return responses of sites of which a share of 0.6, drawn anew at every stimulus, refills with 60 ms."""
    gaps = np.diff(PROBES.magnitude, prepend=0.0)
    sweeps = np.zeros((5, gaps.size))
    for sweep in sweeps:
        full = n
        for number, gap in enumerate(gaps):
            if number:
                refills = 0.6 * -np.expm1(-gap / 60.0) + 0.4 * -np.expm1(-gap / 2000.0)
                full += rng.binomial(n - full, refills)
            k = rng.binomial(full, p)
            full -= k
            sweep[number] = rng.gamma(k / 0.09, 0.9) if k else 0.0
    return (sweeps + rng.normal(0, 3.0, sweeps.shape)) * pq.pA


def artefacts(rng: np.random.Generator) -> Rows:
    """Cover the truth with 2 % of artefacts: far from all responses, or anywhere, among the peaks too."""
    for where, low in (("beyond 150 pA", 150.0), ("of any size", 0.0)):
        x = trials(5, 0.4, (300, 150), rng)
        is_artefact = rng.random(x.shape) < 0.02
        size = rng.uniform(low, 500, is_artefact.sum()) * rng.choice(
            (-1, 1), is_artefact.sum()
        )
        x[is_artefact] = size * pq.pA
        fits = fit_releases(x, noise=2 * pq.pA, robust=True)
        for name, truth in (("n", 5), ("p", 0.4), ("q", 10.0)):
            held = [fit.values[name].holds(truth) for fit in fits]
            text = f"{name} is held with 2 % of artefacts {where} (robust, n 5, p 0.4, 300 trials)"
            yield text, held, "at least 92 %"


def missing(rng: np.random.Generator) -> Rows:
    """Cover the truth with a fifth of the responses missing."""
    held_by: dict[str, list[bool]] = {"p": [], "q": [], "recovery": []}
    for _ in range(40):
        x = train(4, 0.7, 50.0, 6, IRREGULAR, rng, variability=0.3)
        x[rng.random(x.shape) < 0.2] = np.nan * pq.pA
        fit = fit_release(x, IRREGULAR, noise=NOISE, dynamics="depletion", variability=0.3)
        for name, truth in (("p", 0.7), ("q", 10.0), ("recovery", 50.0)):
            held_by[name].append(fit.values[name].holds(truth))
    for name, held in held_by.items():
        yield (
            f"{name} is held with 20 % of a train missing (6 x 26, n 4, p 0.7)",
            held,
            "93 to 97 %",
        )


def locus(rng: np.random.Generator) -> Rows:
    """Tell a change of p from one of q."""
    changes = {"p": (0.6, 10.0), "q": (0.3, 20.0)}
    for changed, (p, q) in changes.items():
        pairs = [(trials(5, 0.3, 200, rng), trials(5, p, 200, rng, q)) for _ in range(2000)]
        allowed = [changed in cv_analysis(*pair, noise=2 * pq.pA).allowed for pair in pairs]
        yield (
            f"1/CV^2 allows a change of {changed} (n 5, 200 trials each)",
            allowed,
            "at least 93 %",
        )
        first = [
            nested_models(*pair, noise=2 * pq.pA)[0].changed == changed
            for pair in pairs[:60]
        ]
        yield (
            f"nested models find a change of {changed} (n 5, 200 trials each)",
            first,
            "at least 90 %",
        )


CHECKS: dict[str, Callable[[np.random.Generator], Rows]] = {
    "serial": serial,
    "comparison": comparison,
    "goodness": goodness,
    "artefacts": artefacts,
    "missing": missing,
    "locus": locus,
}


def main(names: list[str]) -> None:
    """Measure some, by default everything, and write the numbers and the page."""
    warnings.simplefilter("ignore")
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for check in names or CHECKS:
        rows = []
        for name, said, criterion in CHECKS[check](np.random.default_rng(2023)):
            low, high = binomtest(int(np.sum(said)), len(said)).proportion_ci()
            rows.append(
                {"check": name, "share": float(np.mean(said)), "n": len(said)}
                | {"low": float(low), "high": float(high), "criterion": criterion}
            )
            print(rows[-1], flush=True)
        kept[check] = rows
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(page([row for check in CHECKS for row in kept.get(check, [])]))


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page."""
    lines = [
        _INTRODUCTION,
        "| what | share | 95 % interval | N | asked |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        share, low, high = (f"{100 * row[key]:.1f}" for key in ("share", "low", "high"))
        lines.append(
            f"| {row['check']} | {share} % | {low} to {high} | {row['n']} | {row['criterion']} |"
        )
    return "\n".join(lines) + "\n"


_INTRODUCTION = """# What tests and comparisons of fits say, and how often it is right

Recordings were simulated site by site, with quanta of 10 pA; *N* is how many. Intervals are Clopper and
Pearson's. How often the intervals of parameters hold is in {doc}`quantal_recovery`. Measured by
`docs/measure_fit_checks.py`; numbers in `docs/results/fit_checks.json`.

Two things that were asked are not reached. Five sweeps of a synapse with fifteen sites do not show that it
recovers with two rates, and no test would see it there: in three of them that were looked at the truth was
0.6 log units more likely than the best fit with one rate, and 2.7 and 3.9 less likely. And artefacts that
fall among the peaks, or where another quantum would be, are taken for responses: n and p are held less often.
With missing responses two rows lie half a per cent below what was asked; their intervals hold it.
"""


if __name__ == "__main__":
    main(sys.argv[1:])
