"""Measure the bound of the biological on the entropic reliability cost."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.entropic_bound import bound_gap
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.registry import measures


@measures("M12", rendering=Rendering.ANALYTIC)
def entropic_bound(context: Context) -> Evidence:
    """Check the bound on drawn s, rho and sigma, and its two equalities."""
    n = 200_000 if context.is_quick else 10_000_000
    rng = np.random.default_rng(context.seed)
    ratio = np.exp(rng.uniform(-15, 15, n))
    rho = np.exp(rng.uniform(np.log(1e-6), np.log(20.0), n))
    with np.errstate(over="ignore"):
        gap = bound_gap(ratio, rho)
    n_violations = int(np.sum(~(gap >= 0)))
    at_scale = float(np.max(np.abs(bound_gap(1.0, rho[:1000]))))
    small = bound_gap(5.0, 1e-8) / (1e-8 * np.log(5.0) ** 2 / 2)
    measurements = (
        Measurement(
            "M12",
            Rendering.ANALYTIC,
            "drawn (s, rho, sigma) at which C_VI exceeds C_BI",
            float(n_violations),
            Verdict.REPRODUCED if n_violations == 0 else Verdict.NOT_REPRODUCED,
            condition={"s / sigma": "3e-7 to 3e6", "rho": "1e-6 to 20"},
            published=0.0,
            interval=(0.0, 3.0) if n_violations == 0 else None,
            n=n,
            reason="interval: of the expected number of violations among as many draws (rule of three)",
        ),
        _equality("C_BI - C_VI at sigma = s", at_scale, 0.0, {"sigma": "s"}),
        _equality(
            "(C_BI - C_VI) / (rho ln^2(s/sigma) / 2) as rho -> 0",
            float(small),
            1.0,
            {"rho": 1e-8, "s / sigma": 5},
        ),
    )
    caption = "The gap between the biological and the entropic cost under each cost. Computed, not sampled."
    return Evidence(measurements, (ClaimFigure(_bound_figure(), caption),))


def _equality(quantity: str, measured: float, expected: float, condition: dict) -> Measurement:
    difference = abs(measured - expected)
    return Measurement(
        "M12",
        Rendering.ANALYTIC,
        quantity,
        measured,
        Verdict.REPRODUCED if difference < 1e-7 else Verdict.NOT_REPRODUCED,
        condition=condition,
        published=expected,
        reason="equal up to rounding if within 1e-7",
    )


def _bound_figure() -> Figure:
    figure = Figure((6, 3.8))
    axes = figure.subplots()
    ratio = np.geomspace(0.05, 20, 300)
    for mechanism, rho in COST_EXPONENTS.items():
        label = f"{mechanism}, ρ = {rho:.3g}"
        axes.semilogx(ratio, bound_gap(1 / ratio, rho), color=MECHANISM_COLOURS[mechanism], label=label)
    axes.semilogx(ratio, bound_gap(1 / ratio, 0.05), "--", color="black", linewidth=1, label="ρ = 0.05")
    axes.set_ylim(-0.2, 8)
    axes.set_xlabel("σ / s")
    axes.set_ylabel("C_BI − C_VI (nats)")
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure
