"""Noise of the synapses of a linear unit that learns a regression: where the theory of importance is exact.

    y = w . x + noise of standard deviation eps,    H_ii = sum over data of x_i^2 / eps^2,
    sigma_i^(rho + 2) = s^rho / H_ii

Malkin et al. (2023), appendix 2, equations 19-29.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from biophys.argument_types import check_config
from biophys.palette import CYCLE
from biophys.progress import Progress, ignore_progress
from biophys.settings import Count, Positive, Positives, Seeds, settings
from rate_models.devices import Execution, execution_or_default
from rate_models.layout import Layout
from rate_models.networks import FeedForward, SquaredError
from rate_models.optimisers import GradientDescent, adam_of_means_and_noise
from rate_models.posterior import GaussianPrior
from rate_models.reliability_cost import Costs, EntropyCost, PowerCost, ReliabilityCost, optimal_sigma
from rate_models.stochastic_layers import GaussianSynapses
from rate_models.task_sequences import Plan
from rate_models.training import Trainer

_STEPS_PER_PLAN = 20


@settings
class Config:
    """Settings of the regression.

    Parameters
    ----------
    rho : exponents of the reliability cost
    s : scale of the cost
    n_inputs, n_data, noise_sd : inputs, data and standard deviation eps of the targets
    input_range : root mean square of the weakest and the strongest input, others between on a log scale
    n_steps, learning_rate : of Adam on all data at once; the last half gives the mean of log sigma
    seeds : one unit per seed, with data of its own noise
    """

    rho: Positives = (1 / 2, 2 / 3, 4 / 3, 2.0)
    s: Positive = 0.1
    n_inputs: Annotated[int, Field(ge=3)] = 24
    n_data: Count = 200
    noise_sd: Positive = 1.0
    input_range: tuple[Positive, Positive] = (0.3, 3.0)
    n_steps: Count = 4000
    learning_rate: Positive = 3e-3
    seeds: Seeds = (1, 2, 3, 4, 5, 6)


QUICK = Config(seeds=(1, 2, 3))

MAY_DIFFER = ("seeds",)


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    return (len(config.rho) + 1) * len(config.seeds) * config.n_steps


def run(
    config: Config, *, execution: Execution | None = None, on_progress: Progress = ignore_progress
) -> xr.Dataset:
    """Train linear units under each cost, and one by variational inference, and return sigma with the theory.

    Returns
    -------
    xr.Dataset
        ``sigma`` and ``optimum`` by (rho, seed, synapse), ``posterior_sd`` and ``exact_posterior_sd`` by
        (seed, synapse), ``power`` (mean x^2) by synapse.
    """
    check_config(config, Config)
    x, y = _data(config)
    costs = [PowerCost.with_scale(config.s, rho) for rho in config.rho]
    all_costs: list[Costs] = [*costs, EntropyCost()]
    each = [cost for cost in all_costs for _ in config.seeds]
    seeds, where = config.seeds * len(all_costs), execution_or_default(execution)
    layout = Layout((config.n_inputs, 1))
    synapses = GaussianSynapses(layout, seeds, initial_sigma=config.s, execution=where)
    # A wide prior, which the data outweigh.
    options = {"prior_sd": 1e3, "noise_sd": config.noise_sd, "learning_rate": config.learning_rate}
    trainer = regression_trainer(synapses, each, x, y, **options)
    every_datum = torch.arange(config.n_data).expand(len(each), _STEPS_PER_PLAN, -1)
    log_sigmas = []
    for step in range(0, config.n_steps, _STEPS_PER_PLAN):
        trainer.run(Plan(every_datum))
        if 2 * step >= config.n_steps:
            log_sigmas.append(synapses.sigma.log())
    sigma = torch.stack(log_sigmas).mean(dim=0).exp()[:, : config.n_inputs].double().cpu().numpy()
    sigma = sigma.reshape(len(all_costs), len(config.seeds), config.n_inputs)
    hessian = x.square().sum(dim=0).double().numpy() / config.noise_sd**2
    return xr.Dataset(
        {
            "sigma": (("rho", "seed", "synapse"), sigma[:-1]),
            "optimum": (("rho", "synapse"), np.stack([optimal_sigma(cost, hessian) for cost in costs])),
            "posterior_sd": (("seed", "synapse"), sigma[-1]),
            "exact_posterior_sd": (("synapse",), hessian**-0.5),
            "power": (("synapse",), x.square().mean(dim=0).double().numpy()),
        },
        coords={"rho": list(config.rho), "seed": list(config.seeds)},
        attrs={"n_data": config.n_data, "noise_sd": config.noise_sd, "s": config.s},
    )


def _data(config: Config) -> tuple[Tensor, Tensor]:
    """Return inputs (datum, input) and targets (datum,) of a random linear function."""
    rng = np.random.default_rng(config.seeds[0])
    scale = np.geomspace(*config.input_range, config.n_inputs)
    x = rng.normal(size=(config.n_data, config.n_inputs)) * scale
    # Weights of equal effect, and small enough for the means to settle long before the noise is averaged.
    weights = 0.3 * rng.normal(size=config.n_inputs) / scale
    y = x @ weights + config.noise_sd * rng.normal(size=config.n_data)
    return torch.from_numpy(x).float(), torch.from_numpy(y).float()


def regression_trainer(
    synapses: GaussianSynapses,
    costs: Sequence[Costs],
    x: Tensor,
    y: Tensor,
    *,
    prior_sd: float | Sequence[float],
    noise_sd: float,
    learning_rate: float,
) -> Trainer:
    """Return what trains networks with one output by Adam on all data at once, as a Bayesian would.

    Parameters
    ----------
    synapses, costs : what learns; reliability cost of each network, paid once for all data
    x, y : inputs (datum, input) and targets (datum,)
    prior_sd : standard deviation of the normal prior, for all networks or one each
    noise_sd, learning_rate : standard deviation of the targets around the output; rate of means and noise
    """
    reliability = ReliabilityCost(synapses, list(costs), share=1.0)
    penalties = (reliability, GaussianPrior(synapses, prior_sd, share=1.0))
    return Trainer(
        FeedForward(synapses.layout),
        synapses,
        GradientDescent(adam_of_means_and_noise(synapses, learning_rate=learning_rate), penalties),
        x,
        y.to(synapses.learned.dtype),
        loss="sum",
        criterion=SquaredError(noise_sd),
    )


def draw_sigma(result: xr.Dataset, figure: Figure) -> None:
    """Draw trained noise of a linear unit with inputs of different strength against sigma^(rho+2) = s^rho / H
    (line: equal)."""
    axes = figure.subplots()
    for rho, colour in zip(result.rho.values, CYCLE, strict=False):
        part = result.sel(rho=rho)
        axes.loglog(part.optimum, part.sigma.mean("seed"), "o", color=colour, label=f"ρ = {rho:.3g}")
    ends = [float(result.optimum.min()), float(result.optimum.max())]
    axes.loglog(ends, ends, "k:", linewidth=1)
    axes.set(xlabel="optimal sd of the weight", ylabel=f"learned sd, mean of {result.sizes['seed']} seeds")
    axes.legend(fontsize=8)


FIGURES: dict[str, Callable[[Any, Any], None]] = {"sigma": draw_sigma}
