"""Signatures of Bayesian inference: how noise goes with importance, plasticity and input.

Networks that pay for reliability are trained in two states: the published one, 50 epochs in which phi learns
as fast as the means and no sigma has settled, and a converged one, in which phi learns ten times as fast.
Then curvature, learning rate and input rate of every synapse are measured, and how the variance goes with
them. A network without hidden layers is trained besides, for which the slopes are known.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, figure 5 and
appendices 5 and 6.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from biophys.argument_types import check_config
from biophys.estimates import Estimate, mean_of
from biophys.progress import Progress, ignore_progress, part_of
from biophys.settings import Count, NotNegative, Positive, Positives, WholeNumber, settings
from biophys.sweeps.executors import Executor
from biophys.sweeps.groups import grid_points, swept_dataset
from rate_models.datasets import ImageData, images_for, training_work
from rate_models.devices import Execution, execution_or_default
from rate_models.experiments.signature_figures import FIGURES, theoretical_slope
from rate_models.log_log_fits import above_floor, association, stacked
from rate_models.noisy_networks import (
    Formulation,
    NoisyNetwork,
    NoisyTraining,
    Schedule,
    TrainedNetworks,
    answers_of,
    formulation_named,
)
from rate_models.reliability_cost import PowerCost, terms_of
from rate_models.synapse_importance import ESTIMATORS, batch_gradients, image_curvature, input_rates

__all__ = ["FIGURES", "MAY_DIFFER", "PREDICTORS", "QUICK", "STATES", "Config", "run", "theoretical_slope"]

STATES = ("published", "converged")
PREDICTORS = (*(f"hessian ({name})" for name in ESTIMATORS), "learning rate", "input rate", "input power")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LIKELIHOOD_FACTOR = 10.0


@settings
class Config(NoisyTraining):
    """Settings beside those of `NoisyTraining`; the defaults are those of the published figures.

    Parameters
    ----------
    s : scale of the cost, c = s^rho / rho. Published: 0.001
    c_factors : multiples of that c. Published: 1 in figure 5, 10 and 0.1 in appendix 6
    n_seeds_at_every_c : how many seeds are trained at every c, others at the published one only; 0 for all
    converged_haste : learning rate of phi over that of the means when converged; 1 in the published state
    n_statistics_epochs : passes over which gradients are averaged. Published: 10
    linear_s, linear_magnitude
        s and lambda of the network without hidden layers, whose likelihood counts ten times. Published: 0.01
        and 0.1 (in the program's history).
    n_shown : synapses of each layer kept for the scatter plots
    """

    s: Positive = 0.001
    c_factors: Positives = (0.1, 1.0, 10.0)
    n_seeds_at_every_c: WholeNumber = 0
    converged_haste: Positive = 10.0
    n_statistics_epochs: Count = 10
    linear_s: Positive = 0.01
    linear_magnitude: NotNegative = 0.1
    n_shown: Count = 200

    def __post_init__(self) -> None:
        if not self.n_seeds_at_every_c <= len(self.seeds):
            problem = f"n_seeds_at_every_c must lie in 0..{len(self.seeds)}, the number of seeds"
            raise ValueError(f"{problem}, got {self.n_seeds_at_every_c}")

    def haste(self, state: str) -> float:
        """Return the learning rate of phi over that of the means in a state."""
        return self.converged_haste if state == "converged" else 1.0

    @property
    def base_rate(self) -> float:
        """Learning rate of the means."""
        return self.learning_rate or formulation_named(self.formulation).learning_rate


QUICK = Config(
    data_set="digits",
    formulation="text",
    s=0.03,
    seeds=(1,),
    hidden_units=(20, 20),
    n_epochs=20,
    initial_sigma=0.01,
    learning_rate=2e-3,
    converged_haste=5.0,
    noise_memory=0.98,
    n_statistics_epochs=2,
    linear_s=0.1,
    n_shown=120,
)

MAY_DIFFER = ("seeds", "c_factors", "n_seeds_at_every_c", "n_statistics_epochs", "n_shown")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    n_deep = len(_places(config, _deep_axes(config)))
    n_linear = len(config.rho) * len(STATES) * len(config.seeds)
    return sum(
        training_work(config.data_set, hidden, n, config.n_epochs, config.batch_size)
        for hidden, n in ((config.hidden_units, n_deep), ((), n_linear))
    )


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    keep_in: Path | str | None = None,
) -> xr.Dataset:
    """Train both kinds of network, and relate the noise of every synapse to its importance.

    Returns
    -------
    xr.Dataset
        Dimensions rho, c_factor, state, seed, layer, predictor; variables of the network without hidden
        layers begin with ``linear_`` and have neither c_factor nor layer.
    """
    check_config(config, Config)
    execution = execution_or_default(execution)
    data = images_for(config.data_set, execution)
    options = {"execution": execution, "executor": executor, "keep_in": keep_in}
    deep = _measured(config, _deep_axes(config), data, part_of(on_progress, 0.0, 0.75), options)
    axes = {name: values for name, values in _deep_axes(config).items() if name != "c_factor"}
    linear = _measured(config, axes, data, part_of(on_progress, 0.75, 1.0), options)
    renamed = {name: f"linear_{name}" for name in linear.data_vars}
    result = deep.merge(linear.isel(layer=0, drop=True).rename(renamed))
    result.attrs = {**deep.attrs, "linear_ms_per_step": linear.attrs["ms_per_step"]}
    return result


def _deep_axes(config: Config) -> dict[str, Sequence[Any]]:
    """Return what the networks of figure 5 differ in; those without hidden layers lack c_factor."""
    published = (1.0,) if 0 < config.n_seeds_at_every_c < len(config.seeds) else ()
    factors = tuple(dict.fromkeys((*config.c_factors, *published)))
    return {"rho": config.rho, "c_factor": factors, "state": STATES, "seed": config.seeds}


def _places(config: Config, axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every network by what distinguishes it, without seeds that are not trained at every c."""
    everywhere = config.seeds[: config.n_seeds_at_every_c or None]
    factors = {seed: config.c_factors if seed in everywhere else (1.0,) for seed in config.seeds}
    combined = grid_points(axes)
    return [each for each in combined if "c_factor" not in each or each["c_factor"] in factors[each["seed"]]]


def _measured(
    config: Config,
    axes: dict[str, Sequence[Any]],
    data: ImageData,
    on_progress: Progress,
    options: dict[str, Any],
) -> xr.Dataset:
    """Train networks and return what relates their noise to the importance of their synapses."""
    places, is_deep = _places(config, axes), "c_factor" in axes
    scale = config.s if is_deep else config.linear_s
    networks = []
    for place in places:
        c = PowerCost.with_scale(scale, place["rho"]).c
        # The likelihood of appendix 5 counts ten times in the published program: the costs count a tenth.
        cost = PowerCost(c * place["c_factor"] if is_deep else c / _LIKELIHOOD_FACTOR, place["rho"])
        networks.append(NoisyNetwork(cost, place["seed"], noise_haste=config.haste(place["state"])))
    linear = Formulation(config.base_rate, config.linear_magnitude / _LIKELIHOOD_FACTOR)
    without_layers = {"formulation": linear, "schedule": Schedule.of(config, hidden_units=())}
    options = {**options, **({} if is_deep else without_layers)}
    trained = config.trained(networks, on_progress=part_of(on_progress, 0.0, 0.7), **options)
    on_progress(0.7, "measuring the importance of every synapse")
    predictors, is_important = _predictors(config, trained, data)
    measured = trained.course(config).drop_vars("loss_by_epoch")
    measured = measured.assign(
        accuracy=("replica", answers_of(trained, data).accuracy),
        **_associations(trained, predictors, is_important),
        sigma_over_theory=(
            ("replica", "layer", "quantile"),
            _agreement_with_theory(trained, networks, predictors, data),
        ),
    ).assign_coords(predictor=list(PREDICTORS), quantile=list(QUANTILES))
    result = swept_dataset(places, measured.merge(_shown(config, trained, predictors)), axes)
    return result.assign_attrs({**measured.attrs, "n_networks": len(networks)})


def _predictors(
    config: Config, trained: TrainedNetworks, data: ImageData
) -> tuple[list[dict[str, Tensor]], list[Tensor]]:
    """Return for each layer every predictor of the noise, (replica, out, in), and which synapses matter."""
    network, synapses = trained.network, trained.synapses
    layout = network.layout
    n_epochs = config.n_statistics_epochs
    gradients = batch_gradients(network, synapses, data, n_epochs=n_epochs, batch_size=config.batch_size)
    curvatures = {
        f"hessian ({name})": image_curvature(network, synapses, data, name) for name in ESTIMATORS[1:]
    }
    rate = gradients.learning_rate(config.base_rate)
    flat = {"hessian (minibatch)": gradients.hessian, **curvatures, "learning rate": rate}
    per_layer = zip(*map(layout.weights, flat.values()), strict=True)
    by_layer = [dict(zip(flat, views, strict=True)) for views in per_layer]
    inputs = input_rates(network, synapses, data)
    for results, rate, power in zip(by_layer, inputs.rate, inputs.power, strict=True):
        like = results["learning rate"]
        results |= {
            "input rate": rate[:, None].expand_as(like),
            "input power": power[:, None].expand_as(like),
        }
    return by_layer, [above_floor(results["hessian (noisy)"]) for results in by_layer]


def _associations(
    trained: TrainedNetworks, predictors: list[dict[str, Tensor]], is_important: list[Tensor]
) -> dict[str, Any]:
    """Return how log variance goes with every predictor, for all synapses and for those that matter."""
    sigmas = trained.network.layout.weights(trained.synapses.sigma)
    variables = {}
    for kind in ("all", "above_floor"):
        layers = []
        for sigma, by_name, matters in zip(sigmas, predictors, is_important, strict=True):
            used, generator = (matters if kind == "above_floor" else None), torch.Generator().manual_seed(0)
            pairs = ((by_name[predictor], sigma.square(), used) for predictor in PREDICTORS)
            layers.append([association(*pair, generator=generator) for pair in pairs])
        for measure, values in stacked(layers).items():
            variables[f"{measure}_{kind}"] = (("replica", "layer", "predictor"), values.astype(np.float32))
    return variables


def _agreement_with_theory(
    trained: TrainedNetworks,
    networks: list[NoisyNetwork],
    predictors: list[dict[str, Tensor]],
    data: ImageData,
) -> NDArray[np.float32]:
    """Return quantiles over synapses of log10 of sigma over (s^rho / (N H))^(1/(rho + 2)), by layer."""
    costs = [terms_of(item.cost)[0] for item in networks]
    strength = torch.tensor([cost.strength for cost in costs], dtype=torch.float64)[:, None, None]
    power = torch.tensor([1 / (cost.rho + 2) for cost in costs], dtype=torch.float64)[:, None, None]
    results = []
    sigmas = trained.network.layout.weights(trained.synapses.sigma)
    for sigma, by_name in zip(sigmas, predictors, strict=True):
        hessian = by_name["hessian (curvature)"].double() * len(data.train_images)
        optimum = (strength.to(hessian) / hessian) ** power.to(hessian)
        ratio = torch.log10(sigma.double() / optimum).flatten(1)
        ratio = torch.where(torch.isfinite(ratio), ratio, torch.nan)
        results.append(np.nanquantile(ratio.cpu().numpy(), QUANTILES, axis=1).T)
    return np.stack(results, axis=1).astype(np.float32)


def _shown(config: Config, trained: TrainedNetworks, predictors: list[dict[str, Tensor]]) -> xr.Dataset:
    """Return variance and predictors of some synapses of each layer."""
    layout, variances, values = trained.network.layout, [], []
    shown = config.shown_synapses(layout, config.n_shown)
    for sigma, by_name, at in zip(layout.weights(trained.synapses.sigma), predictors, shown, strict=True):
        tensors = [sigma.square(), *(by_name[name] for name in PREDICTORS)]
        variance, *of_predictors = [each.flatten(1).cpu()[:, at].numpy() for each in tensors]
        variances.append(variance)
        values.append(np.stack(of_predictors, axis=-1))
    dims = ("replica", "layer", "synapse")
    return xr.Dataset(
        {
            "shown_variance": (dims, np.stack(variances, axis=1).astype(np.float32)),
            "shown_predictor": ((*dims, "predictor"), np.stack(values, axis=1).astype(np.float32)),
        }
    )


SIGNS = {"hessian (minibatch)": -1, "learning rate": 1, "input rate": -1}
"""Published sign of the correlation of the variance with each predictor of figure 5."""


def signed(values: xr.DataArray) -> xr.DataArray:
    """Return what was measured with the published predictors, positive where it has the published sign."""
    return values.sel(predictor=[*SIGNS]) * xr.DataArray([*SIGNS.values()], [("predictor", [*SIGNS])])


def over_theory(slopes: xr.DataArray) -> xr.DataArray:
    """Return slopes of log variance on one predictor over those in a linear model, rho by rho."""
    name = str(slopes.predictor.values)
    return slopes / xr.DataArray([theoretical_slope(name, float(rho)) for rho in slopes.rho], dims="rho")


def growth_with_c(result: xr.Dataset) -> xr.DataArray:
    """Return mean sigma, after the published schedule, at each c over that at the next smaller one."""
    sigma = result.sigma_by_epoch.sel(state="published").isel(epoch=-1).sortby("c_factor")
    smaller = sigma.isel(c_factor=slice(-1)).assign_coords(c_factor=sigma.c_factor.values[1:])
    return sigma.isel(c_factor=slice(1, None)) / smaller


def rank_correlation_of_shown(
    result: xr.Dataset, first: str, second: str, sign: int = 1
) -> dict[str, Estimate]:
    """Return the signed rank correlation of two predictors over the synapses kept for the figures, by layer.

    It is the mean over the exponents, which are conditions: one number for each seed.
    """
    shown = result.shown_predictor.sel(c_factor=1.0, state="published", predictor=[first, second])
    if "seed" not in shown.dims:  # of a result that keeps them for the first seed alone
        shown = shown.expand_dims("seed")
    by_layer = {}
    for n, tables in enumerate(
        shown.transpose("layer", "seed", "rho", "synapse", "predictor").values, start=1
    ):
        ranks = [np.mean([spearmanr(table).statistic for table in by_rho]) for by_rho in tables]
        by_layer[str(n)] = mean_of(sign * np.array(ranks), unit="networks")
    return by_layer
