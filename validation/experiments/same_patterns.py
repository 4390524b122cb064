"""The lifelong perceptron in rates on the patterns, labels and seeds of the one in spikes."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from biophys.release_plasticity import ReleasePlasticity
from brianpresyn.experiments.spiking_perceptron import COLOURS, PLASTIC, Config, patterns_for

if TYPE_CHECKING:
    from torch import Tensor

DETERMINISTIC = "deterministic"
SIGNED, PAIRED = "one signed number", "a pair of lines"


def rate_accuracies(config: Config) -> dict[str, xr.DataArray]:
    """Return `rate_accuracy` by the kind of input; nothing without torch."""
    kinds = (SIGNED, PAIRED) if importlib.util.find_spec("torch") else ()
    return {kind: rate_accuracy(config, inputs=kind) for kind in kinds}


def rate_accuracy(config: Config, *, inputs: str = SIGNED) -> xr.DataArray:
    """Return the accuracy of rate perceptrons that learn what the spiking ones learn.

    Epochs, batches, votes and plasticity are those of the spiking perceptron.

    Parameters
    ----------
    config : of the spiking perceptron
    inputs
        `SIGNED`: an input is one number of either sign with one synapse, as in the paper. `PAIRED`: it is an
        on- and an off-line with a synapse each, one of which is 1 and the other 0, as in spikes.

    Returns
    -------
    xarray.DataArray
        Share of right answers by (model, seed, after_task, task), nan before a task was learned; the models
        are plastic release and the deterministic perceptron.
    """
    import torch

    drawn = [patterns_for(config, seed) for seed in config.seeds]
    shape = (len(config.seeds), config.n_tasks, config.n_patterns)
    x = torch.from_numpy(np.stack([patterns for patterns, _ in drawn]).astype(float))
    y = torch.from_numpy(np.stack([labels for _, labels in drawn]).astype(float)).view(shape)
    x = x.view(*shape, config.n_inputs)
    if inputs == PAIRED:
        x = torch.cat([(x > 0).to(x.dtype), (x < 0).to(x.dtype)], dim=-1)
    rules = {PLASTIC: config.rule, DETERMINISTIC: None}
    accuracy = np.stack([_accuracy(config, rule, x, y) for rule in rules.values()])
    coords = {"model": list(rules), "seed": list(config.seeds)}
    return xr.DataArray(accuracy, coords, ("model", "seed", "after_task", "task"))


def _accuracy(config: Config, rule: ReleasePlasticity | None, x: Tensor, y: Tensor) -> np.ndarray:
    """Return the accuracy of one model, shape (seed, after_task, task)."""
    from rate_models.experiments.perceptron import Perceptrons

    perceptrons = Perceptrons(x.shape[-1], config.seeds, rule, device=x.device, dtype=x.dtype)
    accuracy = np.full((len(config.seeds), config.n_tasks, config.n_tasks), np.nan)
    for after in range(config.n_tasks):
        for _ in range(config.n_epochs):
            for first in range(0, config.n_patterns, config.n_per_batch):
                batch = slice(first, first + config.n_per_batch)
                perceptrons.learn(x[:, after, batch], y[:, after, batch])
        for task in range(after + 1):
            recalled = perceptrons.recalled(x[:, task], y[:, task], n_samples=config.n_votes)
            accuracy[:, after, task] = recalled.mean(dim=1).numpy()
    return accuracy


def draw_forgetting(figure: Figure, spikes: xr.DataArray, rates: Mapping[str, xr.DataArray]) -> None:
    """Draw forgetting in spikes (solid) and in rates with an input that is one signed number (dashed) or a
    pair of lines as in spikes (dotted), on the same patterns, labels and seeds: accuracy on the first task
    (left) and on all tasks learned so far (right) after each task; bars: standard error."""
    renderings = {"spikes": "o-", "rates": "s--", "rates, pairs": "^:"}
    accuracies, panels = (spikes, rates[SIGNED], rates[PAIRED]), figure.subplots(1, 2)
    for axes, task in zip(panels, (0, None), strict=True):
        for (word, style), accuracy in zip(renderings.items(), accuracies, strict=True):
            shown = accuracy.mean("task") if task is None else accuracy.isel(task=task)
            for model in map(str, rates[SIGNED].model.to_numpy()):
                values = 100 * shown.sel(model=model).transpose("seed", "after_task").to_numpy()
                mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
                look: dict[str, Any] = {"color": COLOURS[model], "markersize": 4, "capsize": 2}
                x = np.arange(mean.size) + 1
                axes.errorbar(x, mean, error, fmt=style, label=f"{model}, {word}", **look)
        axes.set_xticks(np.arange(spikes.sizes["after_task"]) + 1)
        axes.set_xlabel("tasks learned")
    panels[0].set_ylabel(f"accuracy on task 1 (%), {spikes.sizes['seed']} seeds")
    panels[1].set_ylabel("accuracy, mean of tasks learned (%)")
    panels[0].legend(fontsize=7)
