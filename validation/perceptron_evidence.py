"""What a result of the perceptron experiment says of S12 and S13."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from rate_models.experiments import perceptron
from validation.claims.claim import Evidence, Measurement, Rendering, Verdict
from validation.claims.over_seeds import seed_estimate
from validation.claims.panels import drawn_panels
from validation.mean_difference import difference


def perceptron_evidence(result: xr.Dataset) -> Evidence:
    """Return measurements and figures of a result."""
    load = result.n_patterns.to_numpy() * result.sizes["task"] / (2 * int(result.attrs["n_inputs"]))
    at_paper = int(result.n_patterns.to_numpy()[np.abs(load - 0.25).argmin()])
    variants = [str(model) for model in result.model.to_numpy() if str(model) != "standard"]
    measurements = [m for model in variants for m in _recall(result, model, at_paper)]
    measurements += [m for model in variants for m in _shrinking(result, model, at_paper, load)]
    captions = {
        "recall": ("S12", f"Recall with {at_paper} patterns per task; mean and 95 % interval over seeds."),
        "load": ("S13", "Recall and advantage against the load; mean and 95 % interval over seeds."),
    }
    return Evidence(tuple(measurements), drawn_panels(perceptron.FIGURES, result, captions, (9, 4)))


def _recall(result: xr.Dataset, model: str, n_patterns: int) -> list[Measurement]:
    """Return by how much more is recalled with consolidation."""
    at = 100 * result.accuracy.sel(n_patterns=n_patterns).isel(n_learned=-1)
    quantities = {
        "task 1 patterns recalled after all tasks, with minus without consolidation (points)": at.sel(task=1),
        "patterns of all tasks recalled, with minus without consolidation (points)": at.mean("task"),
    }
    found = []
    for quantity, values in quantities.items():
        own, other = (values.sel(model=name).to_numpy() for name in (model, "standard"))
        gap = difference(own, other)
        verdict = gap.verdict_above()
        if verdict is Verdict.REPRODUCED and gap.p_value >= 0.01:
            verdict = Verdict.INCONCLUSIVE
        found.append(
            Measurement(
                "S12",
                Rendering.RATE,
                quantity,
                gap.mean,
                verdict,
                condition=_perceptron_condition(result, model, n_patterns),
                published="> 0, p < 0.01",
                interval=gap.interval,
                n=gap.n,
                reason=f"{own.mean():.1f} % against {other.mean():.1f} %, {gap}",
                is_supporting=model != "presynaptic",
            )
        )
    return found


def _shrinking(result: xr.Dataset, model: str, n_paper: int, load: NDArray[np.float64]) -> list[Measurement]:
    """Return how the advantage at the paper's load compares with that at capacity, and the latter itself."""
    n_full = int(result.n_patterns.to_numpy()[np.abs(load - 1).argmin()])
    final = 100 * result.accuracy.isel(n_learned=-1).mean("task")
    gain = final.sel(model=model) - final.sel(model="standard")
    shrinks = seed_estimate(gain.sel(n_patterns=n_paper) - gain.sel(n_patterns=n_full))
    at_capacity = seed_estimate(gain.sel(n_patterns=n_full))
    gains = gain.transpose("n_patterns", "seed").to_numpy()
    by_load = ", ".join(f"{x:.2g}: {own.mean():+.1f}" for x, own in zip(load, gains, strict=True))
    common: dict[str, Any] = {"n": shrinks.n, "condition": _perceptron_condition(result, model, n_full)}
    low, high = at_capacity.interval
    return [
        Measurement(
            "S13",
            Rendering.RATE,
            f"advantage with {n_paper} patterns per task minus that at capacity (points)",
            shrinks.mean,
            shrinks.verdict_above(0.0),
            published="> 0",
            interval=shrinks.interval,
            reason=f"paired by seed, t interval; advantage by patterns of all tasks / 2N: {by_load}",
            is_supporting=model != "presynaptic",
            **common,
        ),
        Measurement(
            "S13",
            Rendering.RATE,
            "advantage at capacity (points)",
            at_capacity.mean,
            Verdict.REPRODUCED if low <= 0 <= high else Verdict.NOT_REPRODUCED,
            published="more similar: about 0",
            interval=at_capacity.interval,
            reason="paired by seed; alike if the interval holds 0, otherwise the sign says who is better",
            is_supporting=True,
            **common,
        ),
    ]


def _perceptron_condition(result: xr.Dataset, model: str, n_patterns: int) -> dict[str, str | int]:
    return {
        "N": int(result.attrs["n_inputs"]),
        "patterns per task": n_patterns,
        "p rule": "additive" if model == "additive" else "soft bound",
    }
