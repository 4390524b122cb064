"""Predictions of a regression network whose noise pays for reliability, beside those of variational Bayes.

A network with one hidden layer of 20 units learns y = x^3 + 2 x^2 from noisy data that leave a gap. Its
weights are drawn anew for every prediction, so its outputs have a distribution: under variational inference
it is the posterior predictive one, under a reliability cost the spread that is worth its price.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, appendix 4
figure 1.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from torch import Tensor

from biophys.argument_types import check_config
from biophys.palette import CYCLE, DARK_GREY, GREEN, GREY
from biophys.progress import Progress, ignore_progress
from biophys.settings import Count, Counts, Positive, Positives, Seeds, settings
from biophys.sweeps.groups import grid_points, swept_dataset
from rate_models.devices import Execution, execution_or_default
from rate_models.experiments.linear_regression import regression_trainer
from rate_models.figure_parts import panels_by_rho
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.reliability_cost import Costs, EntropyCost, PowerCost
from rate_models.stochastic_layers import GaussianSynapses
from rate_models.task_sequences import Plan

_STEPS_PER_PLAN = 50
# The last part of the training is slower, so that the noise of the gradient averages out.
_RATES = (1.0, 0.3, 0.1)


@settings
class Config:
    """Settings; of these the paper states the function, its noise, the 20 hidden units and the exponents.

    Parameters
    ----------
    rho : exponents of the reliability cost
    s : scales of the cost, c = s^rho / rho, from small to large. Not stated
    noise_sd : standard deviation of the targets around the function; the likelihood's too
    hidden_units : rectified hidden units
    n_data, data_ranges : number of data, and the two intervals of x they lie in, with a gap. Not stated
    x_range, n_x : where predictions are compared. Not stated
    prior_sd : standard deviation of the normal prior in variational inference. Not stated
    learning_rate, n_steps : of Adam, and steps on all data at once. Not stated
    initial_sigma : standard deviations at the start. Not stated
    n_draws : draws of the weights that make a predictive distribution
    seeds : networks per setting, each with data of its own. Published: one
    """

    rho: Positives = (1 / 2, 2 / 3, 4 / 3, 2.0)
    s: Positives = (0.003, 0.01, 0.03, 0.1, 0.3)
    noise_sd: Positive = 0.05
    hidden_units: Counts = (20,)
    n_data: Count = 60
    data_ranges: tuple[tuple[float, float], ...] = ((-2.1, -1.1), (-0.2, 0.7))
    x_range: tuple[float, float] = (-2.4, 1.0)
    n_x: Count = 86
    prior_sd: Positive = 1.0
    learning_rate: Positive = 3e-3
    n_steps: Count = 30_000
    initial_sigma: Positive = 0.01
    n_draws: Annotated[int, Field(ge=2)] = 500
    seeds: Seeds = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)

    def __post_init__(self) -> None:
        ends = [end for interval in self.data_ranges for end in interval]
        if len(self.data_ranges) != 2 or ends != sorted(ends):
            raise ValueError(f"data_ranges must be two intervals in ascending order, got {self.data_ranges}")


QUICK = Config(s=(0.01, 0.1), seeds=(1, 2, 3), n_steps=2400, learning_rate=6e-3, n_draws=200)


MAY_DIFFER = ("seeds",)


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    return (len(config.rho) * len(config.s) + 1) * len(config.seeds) * config.n_steps


def target_function(x: ArrayLike) -> NDArray[np.float64]:
    """Return x^3 + 2 x^2.

    >>> target_function([-2.0, 1.0]).tolist()
    [0.0, 3.0]
    """
    x = np.asarray(x, dtype=float)
    return x**3 + 2 * x**2


def run(
    config: Config, *, execution: Execution | None = None, on_progress: Progress = ignore_progress
) -> xr.Dataset:
    """Train all networks as one batch and draw their predictions.

    Returns
    -------
    xr.Dataset
        Mean and standard deviation of the prediction (without the noise of the targets) by rho, s, seed and
        x, and of variational inference by seed and x; the data by seed.
    """
    check_config(config, Config)
    costs: list[Costs] = [EntropyCost()]
    costs += [PowerCost.with_scale(s, rho) for rho in config.rho for s in config.s]
    each = [cost for cost in costs for _ in config.seeds]
    x, y = _data(config)
    synapses = GaussianSynapses(
        Layout((1, *config.hidden_units, 1)),
        list(config.seeds) * len(costs),
        initial_sigma=config.initial_sigma,
        mean_range=1.0,
        execution=execution_or_default(execution),
    )
    network = _trained(config, synapses, each, x, y, on_progress)
    grid, streams = torch.linspace(*config.x_range, config.n_x), synapses.evaluation_streams()
    shown = grid.to(synapses.learned)[None, :, None].expand(synapses.n_replicas, -1, 1)
    draws = [network.logits(shown, synapses.sample(streams))[..., 0] for _ in range(config.n_draws)]
    moments = {"mean": torch.stack(draws).mean(dim=0), "sd": torch.stack(draws).std(dim=0)}
    predicted = {name: (("replica", "x"), values.double().cpu().numpy()) for name, values in moments.items()}
    return _packed(config, x, y, xr.Dataset(predicted, {"x": grid.double().numpy()}))


def _data(config: Config) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of every seed, (seed, datum)."""
    xs, ys = [], []
    for seed in config.seeds:
        rng = np.random.default_rng(seed)
        half = config.n_data // 2
        counts = (half, config.n_data - half)
        x = np.concatenate([rng.uniform(*r, n) for r, n in zip(config.data_ranges, counts, strict=True)])
        xs.append(x)
        ys.append(target_function(x) + config.noise_sd * rng.normal(size=config.n_data))
    return torch.from_numpy(np.stack(xs)), torch.from_numpy(np.stack(ys))


def _trained(
    config: Config,
    synapses: GaussianSynapses,
    costs: list[Costs],
    x: Tensor,
    y: Tensor,
    on_progress: Progress,
) -> FeedForward:
    """Train one network per cost and seed on the data of its seed."""
    # The prior is part of variational inference only: the overall cost has none.
    priors = [config.prior_sd if isinstance(cost, EntropyCost) else float("inf") for cost in costs]
    # All data lie in one table; a network sees the rows of its seed.
    member = torch.arange(x.numel()).reshape(len(x), 1, -1)
    plan = Plan(member.repeat(len(costs) // len(x), _STEPS_PER_PLAN, 1))
    n_plans = -(-config.n_steps // _STEPS_PER_PLAN)
    for part, rate in enumerate(config.learning_rate * np.array(_RATES)):
        options: dict[str, Any] = {"prior_sd": priors, "noise_sd": config.noise_sd}
        options["learning_rate"] = float(rate)
        trainer = regression_trainer(synapses, costs, x.reshape(-1, 1), y.reshape(-1), **options)
        for index in range(n_plans // len(_RATES)):
            trainer.run(plan)
            done = (part + (index + 1) * len(_RATES) / n_plans) / len(_RATES)
            if index % 20 == 0:
                on_progress(min(0.95 * done, 0.95), f"{len(costs)} regression networks")
    return trainer.network


def _packed(config: Config, x: Tensor, y: Tensor, moments: xr.Dataset) -> xr.Dataset:
    """Return predictions and data with their dimensions; those of variational inference come first."""
    axes: dict[str, Sequence[Any]] = {"rho": config.rho, "s": config.s, "seed": config.seeds}
    places = grid_points(axes)
    n_seeds = len(config.seeds)
    # In single precision, as it was made: an end of a range is a place of the grid.
    grid = moments.x.values.astype(np.float32)
    within = [(grid >= low) & (grid <= high) for low, high in config.data_ranges]
    variational = moments.isel(replica=slice(n_seeds))
    result = swept_dataset(places, moments.isel(replica=slice(n_seeds, None)), axes)
    return result.assign(
        mean_of_variational=(("seed", "x"), variational["mean"].values),
        sd_of_variational=(("seed", "x"), variational["sd"].values),
        datum_x=(("seed", "datum"), x.numpy()),
        datum_y=(("seed", "datum"), y.numpy()),
        has_data=("x", np.any(within, axis=0).astype(np.int8)),
    ).assign_attrs({name: getattr(config, name) for name in ("noise_sd", "n_data", "n_steps")})


def distance_to_variational(result: xr.Dataset) -> xr.DataArray:
    """Return how far predictions are from variational inference's with the same data, by rho, s, seed, in y.

    It is the root mean square over x of the Wasserstein distance between two normal distributions,
    sqrt((difference of means)^2 + (difference of standard deviations)^2).
    """
    between_means = (result["mean"] - result.mean_of_variational) ** 2
    between_sds = (result.sd - result.sd_of_variational) ** 2
    return np.sqrt((between_means + between_sds).mean("x"))


def draw_variational(result: xr.Dataset, figure: Figure) -> None:
    """Draw the predictive distribution of variational Bayes (appendix 4 figure 1a)."""
    axes = figure.subplots()
    item = result.isel(seed=0)
    _band(axes, result, item.mean_of_variational, item.sd_of_variational, DARK_GREY)
    axes.set(xlabel="x", ylabel="y", title="variational Bayes, ±2 sd")


def draw_overall_cost(result: xr.Dataset, figure: Figure) -> None:
    """Draw predictive distributions under the overall cost, by rho and s (appendix 4 figure 1b)."""
    figure.set_size_inches(9, 1.6 * result.sizes["s"] + 0.6)
    for axes, s, rho in panels_by_rho(figure, result, result.s.values, sharex=True, sharey=True):
        item = result.isel(seed=0).sel(rho=rho, s=s)
        _band(axes, result, item["mean"], item.sd, GREEN)
        axes.set_title(f"ρ = {rho:.3g}, c = {s**rho / rho:.2g}", fontsize=6)
        axes.tick_params(labelsize=5)
    figure.supxlabel("x", fontsize=8)
    figure.supylabel("y: mean ± 2 sd over draws, one seed", fontsize=8)


def draw_distance(result: xr.Dataset, figure: Figure) -> None:
    """Draw the distance of the predictive distributions to that of variational Bayes, by s for each rho."""
    axes = figure.subplots()
    distance = distance_to_variational(result)
    for rho, colour in zip(result.rho.values, CYCLE, strict=False):
        part = distance.sel(rho=rho)
        axes.plot(result.s, part.mean("seed"), "o-", color=colour, markersize=4, label=f"ρ = {rho:.3g}")
        axes.fill_between(result.s, part.min("seed"), part.max("seed"), color=colour, alpha=0.15, linewidth=0)
    seeds = f"mean and range of {result.sizes['seed']} seeds"
    axes.set(xscale="log", yscale="log", xlabel="scale s of the cost (weight)")
    axes.set_ylabel(f"distance to variational Bayes (units of y)\n{seeds}")
    axes.legend(fontsize=7)


def _band(axes: Any, result: xr.Dataset, mean: Any, sd: Any, colour: str) -> None:
    """Draw data, function and the band of two standard deviations."""
    x = result.x.values
    axes.fill_between(x, mean - 2 * sd, mean + 2 * sd, color=colour, alpha=0.35, linewidth=0)
    axes.plot(x, mean, color=colour, linewidth=1)
    axes.plot(x, target_function(x), color=GREY, linewidth=1)
    axes.plot(result.datum_x.isel(seed=0), result.datum_y.isel(seed=0), "k.", markersize=2)
    axes.set_ylim(-3.5, 4.5)


FIGURES: dict[str, Callable[[Any, Any], None]] = {
    "app4-fig1a": draw_variational,
    "app4-fig1b": draw_overall_cost,
    "distance": draw_distance,
}
