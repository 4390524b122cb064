"""Measure the lifelong perceptron in spikes: plastic release against deterministic and fixed release."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from brianpresyn.experiments import spiking_perceptron
from brianpresyn.experiments.spiking_perceptron import PLASTIC
from validation.claims.claim import ClaimFigure, Context, Evidence, Measurement, Rendering, Verdict
from validation.claims.interval_verdicts import verdict_below
from validation.claims.over_seeds import seed_estimate
from validation.experiments.same_patterns import PAIRED, SIGNED, rate_accuracy
from validation.registry import measures
from validation.runs import result_for

if TYPE_CHECKING:
    import xarray as xr

_LEVEL = 0.01


@measures("X05", "S12", "S02", rendering=Rendering.SPIKING, needs=("xarray",))
def lifelong_spiking_perceptron(context: Context) -> Evidence:
    """Compare task 1 after five tasks, and the mean over the tasks, with each control, seed by seed."""
    run = result_for("spiking_perceptron", context, seeds=_seeds(context))
    config, result = run.settings, run.result
    quantities = _quantities(result.accuracy.isel(after_task=-1))
    measurements = []
    for claim in ("X05", "S12"):
        for quantity, values in quantities.items():
            for control in result.model.to_numpy()[1:]:
                advantage = (values.sel(model=PLASTIC) - values.sel(model=control)).to_numpy()
                measurements.append(_advantage(claim, quantity, str(control), advantage))
    measurements.append(_share_of_reliable(result))
    rates = _rate_accuracy(config)
    for inputs, rate in rates.items():
        measurements += _in_rates(rate, inputs)
    caption = (
        "Accuracy on the first task (left), on all tasks learned so far (middle), and release probability of "
        f"all synapses at the end (right). {config.n_inputs} inputs, {config.n_patterns} patterns a task, "
        f"{config.n_epochs} epochs, {len(config.seeds)} seeds; bars: standard error."
    )
    remarks = (
        "Controls have the same lines and delays; their strengths start at 0 and "
        "only the sign of the potential counts, so that no learning rate had to be tuned for them.",
    )
    figures = [ClaimFigure(_figure(result), caption)]
    if rates:
        caption = _FORGETTING.format(n=len(config.seeds))
        figures.append(ClaimFigure(_forgetting_figure(result, rates), caption))
    return Evidence(tuple(measurements), tuple(figures), remarks)


def _seeds(context: Context) -> tuple[int, ...]:
    """Return as many seeds as the experiment of this size has."""
    experiment = spiking_perceptron.QUICK if context.is_quick else spiking_perceptron.Config()
    return tuple(context.seed * 1000 + number for number in range(len(experiment.seeds)))


_FORGETTING = (
    "Forgetting in spikes (solid) and in rates with an input that is one signed number (dashed) or a pair of "
    "lines as in spikes (dotted), on the same patterns, labels and {n} seeds: accuracy on the first task "
    "(left) and on all tasks learned so far (right) after each task; bars: standard error."
)


def _rate_accuracy(config: spiking_perceptron.Config) -> dict[str, xr.DataArray]:
    """Return the accuracy of rate perceptrons on the same patterns by kind of input: none without torch."""
    if importlib.util.find_spec("torch") is None:
        return {}
    return {inputs: rate_accuracy(config, inputs=inputs) for inputs in (SIGNED, PAIRED)}


def _in_rates(accuracy: xr.DataArray, inputs: str) -> list[Measurement]:
    """Return the advantage of plastic release in rates, on the patterns learned in spikes."""
    last = accuracy.isel(after_task=-1)
    found = []
    for quantity, values in _quantities(last).items():
        advantage = (values.sel(model=PLASTIC) - values.sel(model="deterministic")).to_numpy()
        found.append(_advantage("X05", quantity, "deterministic", advantage, inputs))
    return found


def _quantities(last: xr.DataArray) -> dict[str, xr.DataArray]:
    return {
        "accuracy on task 1 after five tasks": last.isel(task=0),
        "mean accuracy over five tasks": last.mean("task"),
    }


def _advantage(
    claim: str, quantity: str, control: str, advantage: NDArray[np.float64], inputs: str = ""
) -> Measurement:
    """Return the mean advantage of plastic release over a control, with a paired t-test."""
    of = seed_estimate(advantage)
    p_value = float(stats.ttest_1samp(advantage, 0.0).pvalue) if of.sd > 0 else float(of.mean == 0)
    if p_value >= _LEVEL:
        verdict = Verdict.INCONCLUSIVE
    else:
        verdict = Verdict.REPRODUCED if of.mean > 0 else Verdict.NOT_REPRODUCED
    return Measurement(
        claim,
        Rendering.RATE if inputs else Rendering.SPIKING,
        f"{quantity}: plastic release minus control",
        of.mean,
        verdict,
        condition={"control": control, **({"input": inputs} if inputs else {})},
        published="above 0, p < 0.01",
        interval=of.interval,
        n=of.n,
        reason=f"paired t-test over seeds, p = {p_value:.2g}; reproduced if above 0 with p < {_LEVEL:g}",
        is_supporting=control != "deterministic" or inputs == PAIRED,
    )


def _share_of_reliable(result: xr.Dataset) -> Measurement:
    """Return the share of synapses with p at its upper limit of 0.9 at the end."""
    of = seed_estimate((result.p.sel(model=PLASTIC) >= 0.9 - 1e-9).mean("line"))
    return Measurement(
        "S02",
        Rendering.SPIKING,
        "share of synapses with p at least 0.9 after five tasks of the perceptron",
        of.mean,
        verdict_below(of.interval, 0.5),
        condition={"n_inputs": int(result.attrs["n_inputs"]), "form": "soft_bound"},
        published="few",
        interval=of.interval,
        n=of.n,
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


def _forgetting_figure(result: xr.Dataset, rates: dict[str, xr.DataArray]) -> Figure:
    """Draw all renderings of the plastic and the deterministic perceptron into the same axes."""
    figure = Figure((9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    renderings = {
        "spikes": (result.accuracy, "o-"),
        "rates": (rates[SIGNED], "s--"),
        "rates, pairs": (rates[PAIRED], "^:"),
    }
    for axes, task in ((left, 0), (right, None)):
        for word, (accuracy, style) in renderings.items():
            shown = accuracy.mean("task") if task is None else accuracy.isel(task=task)
            for model in rates[SIGNED].model.to_numpy():
                values = 100 * shown.sel(model=model).transpose("seed", "after_task").to_numpy()
                error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
                axes.errorbar(
                    np.arange(values.shape[1]) + 1,
                    values.mean(axis=0),
                    error,
                    fmt=style,
                    color=spiking_perceptron.COLOURS[str(model)],
                    markersize=4,
                    capsize=2,
                    label=f"{model}, {word}",
                )
        axes.set_xticks(np.arange(result.sizes["after_task"]) + 1)
        axes.set_xlabel("tasks learned")
    left.set_ylabel(f"accuracy on task 1 (%), {result.sizes['seed']} seeds")
    right.set_ylabel("accuracy, mean of tasks learned (%)")
    left.legend(fontsize=7)
    return figure
