"""Measure the lifelong perceptron in spikes: plastic release against deterministic and fixed release."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from brianpresyn.experiments import spiking_perceptron
from brianpresyn.experiments.spiking_perceptron import PLASTIC
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.registry import measures

if TYPE_CHECKING:
    import xarray as xr

_LEVEL = 0.01


@measures("X05", "S12", "S02", rendering=Rendering.SPIKING, needs=("xarray",))
def lifelong_spiking_perceptron(context: Context) -> Evidence:
    """Compare task 1 after five tasks, and the mean over the tasks, with each control, seed by seed."""
    base = spiking_perceptron.QUICK if context.is_quick else spiking_perceptron.Config()
    seeds = tuple(context.seed * 1000 + number for number in range(len(base.seeds)))
    result = spiking_perceptron.run(replace(base, seeds=seeds))
    last = result.accuracy.isel(after_task=-1)
    quantities = {
        "accuracy on task 1 after five tasks": last.isel(task=0),
        "mean accuracy over five tasks": last.mean("task"),
    }
    measurements = []
    for claim in ("X05", "S12"):
        for quantity, values in quantities.items():
            for control in result.model.to_numpy()[1:]:
                advantage = (values.sel(model=PLASTIC) - values.sel(model=control)).to_numpy()
                measurements.append(_advantage(claim, quantity, str(control), advantage))
    measurements.append(_share_of_reliable(result))
    caption = (
        "Accuracy on the first task (left), on all tasks learned so far (middle), and release probability of "
        f"all synapses at the end (right). {base.n_inputs} inputs, {base.n_patterns} patterns a task, "
        f"{base.n_epochs} epochs, {len(seeds)} seeds; bars: standard error."
    )
    remarks = (
        "Controls have the same lines and delays; their strengths start at 0 and "
        "only the sign of the potential counts, so that no learning rate had to be tuned for them.",
    )
    return Evidence(tuple(measurements), (ClaimFigure(_figure(result), caption),), remarks)


def _advantage(claim: str, quantity: str, control: str, advantage: NDArray[np.float64]) -> Measurement:
    """Return the mean advantage of plastic release over a control, with a paired t-test."""
    n = advantage.size
    mean, error = float(advantage.mean()), float(advantage.std(ddof=1) / np.sqrt(n))
    half = float(stats.t.ppf(0.975, n - 1)) * error
    p_value = float(stats.ttest_1samp(advantage, 0.0).pvalue) if error > 0 else float(mean == 0)
    if p_value >= _LEVEL:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.REPRODUCED if mean > 0 else Verdict.NOT_REPRODUCED
    return Measurement(
        claim,
        Rendering.SPIKING,
        f"{quantity}: plastic release minus control",
        mean,
        verdict,
        condition={"control": control},
        published="above 0, p < 0.01",
        interval=(mean - half, mean + half),
        n=n,
        reason=f"paired t-test over seeds, p = {p_value:.2g}; reproduced if above 0 with p < {_LEVEL:g}",
        is_supporting=control != "deterministic",
    )


def _share_of_reliable(result: xr.Dataset) -> Measurement:
    """Return the share of synapses with p at its upper limit of 0.9 at the end."""
    shares = (result.p.sel(model=PLASTIC) >= 0.9 - 1e-9).mean("line").to_numpy()
    mean = float(shares.mean())
    half = float(stats.t.ppf(0.975, shares.size - 1) * shares.std(ddof=1) / np.sqrt(shares.size))
    low, high = mean - half, mean + half
    if high < 0.5:
        verdict = Verdict.REPRODUCED
    else:
        verdict = Verdict.NOT_REPRODUCED if low > 0.5 else Verdict.INCONCLUSIVE
    return Measurement(
        "S02",
        Rendering.SPIKING,
        "share of synapses with p at least 0.9 after five tasks of the perceptron",
        mean,
        verdict,
        condition={"n_inputs": int(result.attrs["n_inputs"]), "form": "soft_bound"},
        published="few",
        interval=(low, high),
        n=shares.size,
        reason="reproduced if the interval lies below one half; the perceptron is another problem than the "
        "published one, and caps p at 0.9",
        is_supporting=True,
    )


def _figure(result: xr.Dataset) -> Figure:
    figure = Figure((10, 3.6))
    left, middle, right = figure.subplots(1, 3)
    spiking_perceptron.plot(result, left, task=0)
    spiking_perceptron.plot(result, middle, task=None)
    left.legend(fontsize=7)
    right.hist(result.p.sel(model=PLASTIC).to_numpy().ravel(), bins=40, color="#D55E00")
    right.set_xlabel("release probability at the end")
    right.set_ylabel("synapses, all seeds")
    figure.tight_layout()
    return figure
