"""Noise that pays for reliability against the uncertainty of Bayesian inference, synapse by synapse.

The same network is trained by variational inference (Bayes by backprop) and under each reliability cost, for
several scales s of the cost. The scale is chosen from the posterior: for every rho the optimised noise of a
synapse equals its posterior standard deviation where that is s, so one s makes the noise of all rho
comparable (the published values of c are not stated). Two panels are analytic.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, figure 7.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from torch import Tensor

from biophys.argument_types import check_config
from biophys.palette import CYCLE, DARK_GREY, GREEN
from biophys.progress import Progress, ignore_progress, part_of
from biophys.settings import Count, OneOf, Positive, Positives, settings
from biophys.sweeps.executors import Executor
from biophys.sweeps.groups import grid_points, swept_dataset
from rate_models.datasets import ImageData, images_for, training_work
from rate_models.devices import Execution, execution_or_default
from rate_models.figure_parts import label_sparsely, panels_by_rho
from rate_models.log_log_fits import association, stacked
from rate_models.noisy_networks import FORMULATIONS, NoisyNetwork, NoisyTraining, TrainedNetworks, answers_of
from rate_models.posterior import laplace_sd
from rate_models.reliability_cost import EntropyCost, PowerCost, evidence_gap, optimal_sigma

POSTERIORS = ("variational", "laplace")

BLUES = ("#084594", "#4292C6", "#9ECAE1")


@settings
class Config(NoisyTraining):
    """Settings beside those of `NoisyTraining`, which the paper does not state for this figure.

    The formulation is the text's, whose network has the likelihood that the derivation assumes.

    Parameters
    ----------
    s : scales of the cost, c = s^rho / rho. Not stated; the range of the posterior standard deviations
    prior_sd : standard deviation of the normal prior of the weights. Not stated
    initial_sigma, learning_rate : not stated
    noise_haste : learning rate of phi over that of the means, above 1 so that sigma settles. Not stated
    n_shown : synapses of each layer kept for the scatter plots
    """

    formulation: Annotated[str, OneOf(FORMULATIONS)] = "text"
    s: Positives = (0.01, 0.03, 0.1)
    prior_sd: Positive = 0.3
    initial_sigma: Positive = 0.01
    learning_rate: Positive | None = 2e-4
    noise_haste: Positive = 5.0
    n_shown: Count = 300


QUICK = Config(
    data_set="digits",
    s=(0.05, 0.15),
    prior_sd=0.5,
    seeds=(1,),
    hidden_units=(20, 20),
    n_epochs=25,
    initial_sigma=0.03,
    learning_rate=2e-3,
    noise_haste=5.0,
    noise_memory=0.98,
)

MAY_DIFFER = ("seeds", "n_shown")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    n_networks = (len(config.rho) * len(config.s) + 1) * len(config.seeds)
    return training_work(config.data_set, config.hidden_units, n_networks, config.n_epochs, config.batch_size)


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    keep_in: Path | str | None = None,
) -> xr.Dataset:
    """Train all networks as one batch and relate their noise to the posterior of the same seed.

    Returns
    -------
    xr.Dataset
        Slope and rank correlation of log sigma on log posterior sd by (rho, s, seed, layer, posterior), and
        ``evidence_gap`` (rho, s, seed) as `reliability_cost.evidence_gap`.
    """
    check_config(config, Config)
    execution = execution_or_default(execution)
    data = images_for(config.data_set, execution)
    bayesian = NoisyNetwork(
        EntropyCost(), 0, prior_sd=config.prior_sd, pays_magnitude=False, noise_haste=config.noise_haste
    )
    paying = itertools.product(config.rho, config.s, config.seeds)
    networks = [dataclasses.replace(bayesian, seed=seed) for seed in config.seeds] + [
        NoisyNetwork(PowerCost.with_scale(s, rho), seed, noise_haste=config.noise_haste)
        for rho, s, seed in paying
    ]
    options = {"execution": execution, "executor": executor, "keep_in": keep_in}
    trained = config.trained(networks, on_progress=part_of(on_progress, 0.0, 0.9), **options)
    on_progress(0.9, "relating noise and posterior")
    return _measured(config, trained, data)


def _measured(config: Config, trained: TrainedNetworks, data: ImageData) -> xr.Dataset:
    """Return how the noise goes with the posterior, and what the figures show.

    Networks of variational inference come first, one per seed, then those that pay, the seed varying fastest.
    """
    n_seeds, sigma, layout = len(config.seeds), trained.synapses.sigma, trained.network.layout
    means = trained.synapses.expected()[:n_seeds]
    images = data.train_images.to(means.device, means.dtype)
    laplace = laplace_sd(trained.network, means, images, prior_sd=config.prior_sd)
    by_layer = [
        (layer[n_seeds:], dict(zip(POSTERIORS, posteriors, strict=True)))
        for layer, *posteriors in zip(*map(layout.weights, (sigma, sigma[:n_seeds], laplace)), strict=True)
    ]
    course = trained.course(config).drop_vars("loss_by_epoch")
    course["accuracy"] = ("replica", answers_of(trained, data).accuracy)
    bayesian, paying = course.isel(replica=slice(n_seeds)), course.isel(replica=slice(n_seeds, None))
    axes: dict[str, Sequence[Any]] = {"rho": config.rho, "s": config.s, "seed": config.seeds}
    places = grid_points(axes)
    related = _associations(by_layer)
    pairs = zip(places, trained.synapses.mu[n_seeds:], sigma[n_seeds:], strict=True)
    gaps = [
        evidence_gap(
            PowerCost.with_scale(place["s"], place["rho"]),
            *(values.double().cpu().numpy() for values in both),
            magnitude=FORMULATIONS[config.formulation].magnitude,
        )
        for place, *both in pairs
    ]
    paying["evidence_gap"] = ("replica", gaps, {"units": "nats"})
    result = swept_dataset(places, paying.assign(related).assign_coords(posterior=list(POSTERIORS)), axes)
    shown = config.shown_synapses(layout, config.n_shown)
    noise = [
        paid.flatten(1).cpu()[::n_seeds, at].numpy() for (paid, _), at in zip(by_layer, shown, strict=True)
    ]
    uncertainty = [
        np.stack([sd.flatten(1).cpu()[0, at].numpy() for sd in posteriors.values()], axis=-1)
        for (_, posteriors), at in zip(by_layer, shown, strict=True)
    ]
    shown_sigma = xr.Dataset(
        {"shown_sigma": (("replica", "layer", "synapse"), np.stack(noise, axis=1).astype(np.float32))}
    )
    result = result.merge(swept_dataset(places[::n_seeds], shown_sigma, {"rho": config.rho, "s": config.s}))
    return result.assign(
        shown_posterior=(("layer", "synapse", "posterior"), np.stack(uncertainty).astype(np.float32)),
        accuracy_of_variational=("seed", bayesian.accuracy.values),
        posterior_by_epoch=(("epoch", "seed"), bayesian.sigma_by_epoch.values.T),
    ).assign_attrs({**course.attrs, "prior_sd": config.prior_sd, "n_networks": len(sigma)})


def _associations(by_layer: Sequence[tuple[Tensor, Mapping[str, Tensor]]]) -> dict[str, Any]:
    """Return slopes and rank correlations of log sigma on log posterior sd, intervals, and distances."""
    associations, distances = [], []
    for sigma, posteriors in by_layer:
        pairs = [(sd.repeat(len(sigma) // len(sd), 1, 1), sigma) for sd in posteriors.values()]
        associations.append(
            [association(*pair, generator=torch.Generator().manual_seed(0)) for pair in pairs]
        )
        logs = [(y.double().log() - x.double().log()).square().mean(dim=(1, 2)).sqrt() for x, y in pairs]
        distances.append(torch.stack(logs, dim=-1))
    arrays = {**stacked(associations), "log_distance": torch.stack(distances, dim=1).cpu().numpy()}
    del arrays["share"]
    return {name: (("replica", "layer", "posterior"), values) for name, values in arrays.items()}


def illustrative_pair(result: xr.Dataset) -> tuple[int, int, int]:
    """Return a layer and two of its shown synapses whose posteriors differ: its 10th and 90th percentile."""
    layer = 1 if result.sizes["layer"] > 1 else 0
    order = np.argsort(result.shown_posterior.sel(posterior="variational").isel(layer=layer).values)
    n = len(order)
    return layer, int(order[n // 10]), int(order[(9 * n) // 10])


def draw_ellipses(result: xr.Dataset, figure: Figure) -> None:
    """Draw posterior (dashed) and optimised noise (solid) of two synapses for every rho and s (figure 7a)."""
    layer, first, second = illustrative_pair(result)
    shown = result.isel(layer=layer, synapse=[first, second])
    posterior = shown.shown_posterior.sel(posterior="variational").values
    limit = 1.1 * max(float(posterior.max()), float(shown.shown_sigma.max()))
    angle = np.linspace(0, 2 * np.pi, 200)
    figure.set_size_inches(9, 2.2 * result.sizes["s"] + 0.6)
    for axes, s, rho in panels_by_rho(figure, result, result.s.values, sharex=True, sharey=True):
        sd = shown.shown_sigma.sel(rho=rho, s=s).values
        for (a, b), style, colour in ((posterior, "--", DARK_GREY), (sd, "-", GREEN)):
            axes.plot(a * np.cos(angle), b * np.sin(angle), style, color=colour, linewidth=1)
        axes.set_aspect("equal")
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
        axes.set_title(f"ρ = {rho:.3g}, s = {s:.3g}", fontsize=7)
        axes.tick_params(labelsize=6)
    figure.supxlabel(f"w1 - mean (a certain synapse of layer {layer + 1})", fontsize=8)
    figure.supylabel("w2 - mean (an uncertain one)", fontsize=8)
    figure.suptitle("one sd; dashed: variational posterior, solid: optimised noise", fontsize=8)


def draw_analytic_by_rho(result: xr.Dataset, figure: Figure) -> None:
    """Draw optimal against posterior variance for each rho with s = 0.01, analytic (figure 7b)."""
    axes = figure.subplots()
    posterior = np.logspace(-6, -1, 50)
    for rho, colour in zip((1 / 2, 2 / 3, 4 / 3, 2.0), CYCLE, strict=True):
        variance = optimal_sigma(PowerCost.with_scale(0.01, rho), 1 / posterior) ** 2
        axes.plot(posterior, variance, color=colour, label=f"ρ = {rho:.3g}, slope {2 / (rho + 2):.2f}")
    _finish(axes, posterior)


def draw_analytic_by_c(result: xr.Dataset, figure: Figure) -> None:
    """Draw optimal against posterior variance for rho = 1/2 and three c, analytic (figure 7c)."""
    axes = figure.subplots()
    posterior = np.logspace(-6, -1, 50)
    for exponent, colour in zip((-2.5, -2.0, -1.5), BLUES, strict=True):
        cost = PowerCost.with_scale(10.0**exponent, 0.5)
        variance = optimal_sigma(cost, 1 / posterior) ** 2
        axes.plot(posterior, variance, color=colour, label=f"c = {cost.c:.3f} nats")
    _finish(axes, posterior)


def draw_noise_by_posterior(result: xr.Dataset, figure: Figure) -> None:
    """Draw trained noise against the variational posterior, every synapse of its layer's sample."""
    figure.set_size_inches(9, 3.4)
    middle = result.s.values[result.sizes["s"] // 2]
    for axes, s, rho in panels_by_rho(figure, result, [middle], sharey=True):
        part = result.sel(rho=rho, s=s, posterior="variational")
        for layer in range(result.sizes["layer"]):
            item = part.isel(layer=layer)
            label = f"layer {layer + 1}: slope {float(item.slope.mean('seed')):.2f}"
            style: dict[str, Any] = {"s": 3, "color": CYCLE[layer], "alpha": 0.5, "linewidth": 0}
            axes.scatter(item.shown_posterior, item.shown_sigma, label=label, **style)
        ends = np.array([part.shown_posterior.min(), part.shown_posterior.max()])
        axes.plot(ends, ends, "k:", linewidth=1)
        theory = 2 / (rho + 2)
        line = s * (ends / s) ** theory
        axes.plot(ends, line, "k--", linewidth=1, label=f"linear model: {theory:.2f}")
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel("posterior sd (weight)", fontsize=8)
        axes.set_title(f"ρ = {rho:.3g}, s = {s:.3g}", fontsize=8)
        axes.legend(fontsize=5)
        label_sparsely(axes, vertical=True)
    figure.axes[0].set_ylabel(f"optimised σ (weight), mean of {result.sizes['seed']} seeds", fontsize=8)


def _finish(axes: Any, posterior: Any) -> None:
    axes.plot(posterior, posterior, "k:", linewidth=1, label="equal")
    axes.set(xscale="log", yscale="log", xlabel="posterior variance", ylabel="optimised variance")
    axes.legend(fontsize=7)


FIGURES: dict[str, Callable[[Any, Any], None]] = {
    "fig7a": draw_ellipses,
    "fig7b": draw_analytic_by_rho,
    "fig7c": draw_analytic_by_c,
    "trained": draw_noise_by_posterior,
}
