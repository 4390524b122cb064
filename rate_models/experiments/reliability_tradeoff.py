"""Accuracy against the cost of reliable synapses: networks that pay c sigma^-rho for each of them.

Every network exists twice: with a standard deviation of its own for each synapse (heterogeneous), and with
one for all (homogeneous). Each is afterwards realised as binomial release, with what it would cost in ATP.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, figures 2-4.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from biophys.argument_types import check_config
from biophys.progress import Progress, ignore_progress, part_of
from biophys.settings import Count, Positive, settings
from biophys.sweeps.executors import Executor
from biophys.sweeps.groups import grid_points, swept_dataset
from rate_models.datasets import images_for, training_work
from rate_models.devices import Execution, execution_or_default
from rate_models.experiments.reliability_figures import FIGURES
from rate_models.noisy_networks import NoisyNetwork, NoisyTraining, TrainedNetworks, answers_of
from rate_models.quantal_realisation import (
    WAYS,
    atp_by_mechanism,
    mechanisms,
    quantiles_of,
    realised_synapses,
)
from rate_models.reliability_cost import Costs, PowerCost, terms_of, total_cost

__all__ = ["FIGURES", "MAY_DIFFER", "QUICK", "Config", "run"]

NOISES = ("heterogeneous", "homogeneous")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@settings
class Config(NoisyTraining):
    """Settings of the sweep beside those of `NoisyTraining`, with c chosen to span the fall of accuracy.

    For every multiplier a network is trained besides that pays all costs at once, an equal share of each c.

    Parameters
    ----------
    log10_c_low, log10_c_high, n_c
        Range and number of cost multipliers for each rho. Published: 10^-4 to 10^3.25 in steps of 10^0.25 for
        every rho.
    noise_haste : learning rate of phi over that of the means. Published: 1
    images_per_draw : test images that share a draw of the weights. Published: 20
    """

    log10_c_low: tuple[float, ...] = (-1.5, -1.5, -2.0, -2.5)
    log10_c_high: tuple[float, ...] = (2.5, 2.5, 2.0, 1.5)
    n_c: Annotated[int, Field(ge=2)] = 7
    noise_haste: Positive = 1.0
    images_per_draw: Count = 20

    def __post_init__(self) -> None:
        for name in ("log10_c_low", "log10_c_high"):
            if len(getattr(self, name)) != len(self.rho):
                problem = f"{name} needs a value per rho, that is {len(self.rho)}"
                raise ValueError(f"{problem}, got {getattr(self, name)}")

    @property
    def c(self) -> NDArray[np.float64]:
        """Cost multipliers, shape (rho, multiplier)."""
        return np.logspace(self.log10_c_low, self.log10_c_high, self.n_c, axis=1)


QUICK = Config(
    data_set="digits",
    formulation="text",
    log10_c_low=(-2.0, -2.0, -2.5, -3.0),
    log10_c_high=(1.5, 1.5, 1.5, 1.5),
    n_c=4,
    seeds=(1,),
    hidden_units=(20, 20),
    n_epochs=20,
    initial_sigma=0.02,
    learning_rate=3e-3,
    noise_haste=3.0,
    noise_memory=0.98,
)

MAY_DIFFER = ("log10_c_low", "log10_c_high", "n_c", "seeds", "images_per_draw")


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    n_networks = (len(config.rho) + 1) * config.n_c * len(NOISES) * len(config.seeds)
    return training_work(config.data_set, config.hidden_units, n_networks, config.n_epochs, config.batch_size)


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    keep_in: Path | str | None = None,
) -> xr.Dataset:
    """Train all networks of the sweep as one batch and measure them.

    Returns
    -------
    xarray.Dataset
        Dimensions rho, multiplier, noise and seed; c belongs to (rho, multiplier). Variables that begin with
        ``mixture_`` belong to the networks that pay all costs at once.
    """
    check_config(config, Config)
    execution = execution_or_default(execution)
    data = images_for(config.data_set, execution)
    networks = networks_of(config)
    options: dict[str, Any] = {"execution": execution, "executor": executor, "keep_in": keep_in}
    trained = config.trained(networks, on_progress=part_of(on_progress, 0.0, 0.9), **options)
    on_progress(0.9, "answering the test set")
    answered = dataclasses.asdict(answers_of(trained, data, images_per_draw=config.images_per_draw))
    rows = [_row_of_noise(trained, replica, network) for replica, network in enumerate(networks)]
    measured = answered | {name: np.array([row[name] for row in rows]) for name in rows[0]}
    sigmas = (
        sigma.flatten(1).double().cpu() for sigma in trained.network.layout.weights(trained.synapses.sigma)
    )
    by_layer = np.stack([np.quantile(sigma.numpy(), QUANTILES, axis=1).T for sigma in sigmas], axis=1)
    by_replica = trained.course(config).assign_coords(quantile=list(QUANTILES))
    by_replica["sigma_by_layer"] = (("replica", "layer", "quantile"), by_layer.astype(np.float32))
    by_replica = by_replica.assign({name: ("replica", values) for name, values in measured.items()})
    on_progress(0.95, "realising the synapses as n, p and q")
    return _packed(config, trained, by_replica)


def networks_of(config: Config) -> list[NoisyNetwork]:
    """Return the networks of the sweep, and after them those that pay all costs at once."""
    pairs = zip(config.rho, config.c, strict=True)
    costs: list[Costs] = [PowerCost(float(c), rho) for rho, row in pairs for c in row]
    for column in (1 / len(config.rho)) * config.c.T:
        costs.append(tuple(PowerCost(float(c), rho) for rho, c in zip(config.rho, column, strict=True)))
    return [
        NoisyNetwork(cost, seed, homogeneous=noise == "homogeneous", noise_haste=config.noise_haste)
        for cost, noise, seed in itertools.product(costs, NOISES, config.seeds)
    ]


def _packed(config: Config, trained: TrainedNetworks, by_replica: xr.Dataset) -> xr.Dataset:
    """Return everything measured with its dimensions and units; the networks that pay all costs come last."""
    axes: dict[str, Sequence[Any]] = {
        "rho": config.rho,
        "multiplier": range(config.n_c),
        "noise": NOISES,
        "seed": config.seeds,
    }
    places = grid_points(axes)
    n, n_seeds = len(places), len(config.seeds)
    realised = [_realised(trained, replica) for replica in range(0, n, n_seeds)]
    mixed = {name: axes[name] for name in ("multiplier", "noise", "seed")}
    mixture = by_replica[["accuracy", "accuracy_of_mean", "sigma_rms", "cost_paid"]]
    mixture = mixture.isel(replica=slice(n, None))
    mixture = swept_dataset(places[: len(mixture.replica)], mixture, mixed)
    result = swept_dataset(places, by_replica.isel(replica=slice(n)), axes)
    result = result.merge(mixture.rename({name: f"mixture_{name}" for name in mixture.data_vars}))
    without_seed = {name: values for name, values in axes.items() if name != "seed"}
    result = result.merge(swept_dataset(places[::n_seeds], realised, without_seed)).drop_vars("multiplier")
    units = dict.fromkeys(("loss", "loss_of_mean", "loss_by_epoch", "cost_paid"), "nats")
    for name, unit in {**units, "atp": "ATP/s", "quantal_q": "mV"}.items():
        result[name].attrs["units"] = unit
    result = result.assign_coords(c=(("rho", "multiplier"), config.c))
    return result.assign_attrs({**by_replica.attrs, "n_networks": n})


def _row_of_noise(trained: TrainedNetworks, replica: int, network: NoisyNetwork) -> dict[str, float]:
    n_weights = trained.network.layout.n_weights
    both = (trained.synapses.mu, trained.synapses.sigma)
    mu, sigma = (values[replica].double().cpu().numpy() for values in both)
    of_weights = sigma[:n_weights]
    rms = float(np.sqrt(np.mean(of_weights**2)))
    unit = PowerCost.with_scale(1.0, terms_of(network.cost)[0].rho)
    return {
        "sigma_rms": rms,
        "sigma_mean": float(np.mean(of_weights)),
        "sigma_median": float(np.median(of_weights)),
        "cost": total_cost(unit, of_weights),
        "cost_at_rms": float(unit(rms)),
        "cost_paid": total_cost(network.cost, sigma),
        "mean_size": float(np.mean(np.abs(mu[:n_weights]))),
    }


def _realised(trained: TrainedNetworks, replica: int) -> xr.Dataset:
    """Return what a network costs in ATP and which n, p and q it has, realised in either way."""
    n_weights = trained.network.layout.n_weights
    both = (trained.synapses.mu, trained.synapses.sigma)
    mean, sd = (values[replica, :n_weights].double().cpu().numpy() for values in both)
    ways = [realised_synapses(mean, sd, way) for way in WAYS]
    moments = [quantiles_of(synapses, QUANTILES) for synapses in ways]
    atp = [list(atp_by_mechanism(synapses).values()) for synapses in ways]
    return xr.Dataset(
        {
            "atp": (("way", "mechanism"), atp),
            **{f"quantal_{name}": (("way", "quantile"), [each[name] for each in moments]) for name in "npq"},
        },
        coords={"way": list(WAYS), "mechanism": mechanisms()},
    )
