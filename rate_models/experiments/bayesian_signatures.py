"""Signatures of Bayesian inference: how noise goes with importance, plasticity and input.

Networks that pay for reliability are trained in two states: the published one, 50 epochs in which phi learns
as fast as the means and no sigma has settled, and a converged one, in which phi learns ten times as fast.
Then curvature, learning rate and input rate of every synapse are measured, and how the variance goes with
them. A network without hidden layers is trained besides, for which the slopes are known.

References
----------
Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, figure 5 and
appendices 5 and 6.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rate_models.datasets import ImageData, load_images
from rate_models.devices import Execution
from rate_models.experiments.log_axes import label_sparsely
from rate_models.log_log_fits import Association, above_floor, association
from rate_models.noisy_networks import (
    FORMULATIONS,
    Formulation,
    NoisyNetwork,
    Progress,
    Schedule,
    TrainedNetworks,
    answers_of,
    train_noisy_networks,
)
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.reliability_cost import PowerCost, terms_of
from rate_models.sweep import Executor
from rate_models.synapse_importance import (
    ESTIMATORS,
    InputRates,
    batch_gradients,
    image_curvature,
    input_rates,
)

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

STATES = ("published", "converged")
PREDICTORS = (*(f"hessian ({name})" for name in ESTIMATORS), "learning rate", "input rate", "input power")
MEASURES = (
    "slope",
    "slope_low",
    "slope_high",
    "correlation",
    "correlation_low",
    "correlation_high",
    "share",
)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LIKELIHOOD_FACTOR = 10.0
_Train: TypeAlias = Callable[..., TrainedNetworks]
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00")


@dataclass(frozen=True)
class Config:
    """Settings; the defaults are those of the published figures.

    Parameters
    ----------
    data_set
        ``"mnist"`` or ``"digits"``.
    formulation
        Which of the paper's variants: a name in `noisy_networks.FORMULATIONS`.
    rho
        Exponents of the reliability cost.
    s
        Scale of the cost, c = s^rho / rho. Published: 0.001.
    c_factors
        Multiples of that c. Published: 1 in figure 5, 10 and 0.1 in appendix 6.
    seeds
        One network per seed and setting. Published: one.
    n_seeds_at_every_c
        How many of the seeds are trained at every c, the others at the published one only; 0 for all.
    hidden, n_epochs, batch_size, initial_sigma
        Published: (100, 100), 50, 20 and 1e-4.
    learning_rate
        None for the formulation's.
    converged_haste
        Learning rate of phi over that of the means in the converged state; it is 1 in the published one.
    noise_memory
        Decay of the second moment of Adam for phi. Published: 0.999.
    n_statistics_epochs
        Passes over which gradients are averaged. Published: 10.
    linear_s, linear_magnitude
        s and lambda of the network without hidden layers, whose likelihood counts ten times. Published: 0.01
        and 0.1 (in the program's history).
    n_shown
        Synapses of each layer kept for the scatter plots.
    keep_in
        Folder of finished networks, from which a run that was broken off goes on; empty for none.

    Raises
    ------
    ValueError
        If the formulation is unknown or a list is empty.
    """

    data_set: str = "mnist"
    formulation: str = "figures"
    rho: tuple[float, ...] = (1 / 2, 2 / 3, 4 / 3, 2.0)
    s: float = 0.001
    c_factors: tuple[float, ...] = (0.1, 1.0, 10.0)
    seeds: tuple[int, ...] = (1, 2, 3)
    n_seeds_at_every_c: int = 0
    hidden: tuple[int, ...] = (100, 100)
    n_epochs: int = 50
    batch_size: int = 20
    initial_sigma: float = 1e-4
    learning_rate: float | None = None
    converged_haste: float = 10.0
    noise_memory: float = 0.999
    n_statistics_epochs: int = 10
    linear_s: float = 0.01
    linear_magnitude: float = 0.1
    n_shown: int = 200
    keep_in: str = ""

    def __post_init__(self) -> None:
        if self.formulation not in FORMULATIONS:
            raise ValueError(
                f"formulation must be one of {', '.join(FORMULATIONS)}, got {self.formulation!r}"
            )
        for name in ("rho", "c_factors", "seeds"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one value")
        if not 0 <= self.n_seeds_at_every_c <= len(self.seeds):
            raise ValueError(
                f"n_seeds_at_every_c must lie in 0..{len(self.seeds)}, the number of seeds, "
                f"got {self.n_seeds_at_every_c}"
            )

    def schedule(self, hidden: tuple[int, ...]) -> Schedule:
        """Return how networks with these hidden layers are trained."""
        return Schedule(
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            hidden=hidden,
            initial_sigma=self.initial_sigma,
            learning_rate=self.learning_rate,
            noise_memory=self.noise_memory,
        )

    def haste(self, state: str) -> float:
        """Return the learning rate of phi over that of the means in a state."""
        return self.converged_haste if state == "converged" else 1.0

    @property
    def base_rate(self) -> float:
        """Learning rate of the means."""
        return self.learning_rate or FORMULATIONS[self.formulation].learning_rate


QUICK = Config(
    data_set="digits",
    formulation="text",
    s=0.03,
    seeds=(1,),
    hidden=(20, 20),
    n_epochs=20,
    initial_sigma=0.01,
    learning_rate=2e-3,
    converged_haste=5.0,
    noise_memory=0.98,
    n_statistics_epochs=2,
    linear_s=0.1,
    n_shown=120,
)
"""The same in seconds."""

DEFINING_SETTINGS = ("data_set", "hidden")
"""Settings in which a finished result must be that of the paper."""


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    executor: Executor | None = None,
    on_progress: Progress = lambda fraction, doing: None,
) -> xarray.Dataset:
    """Train both kinds of network, and relate the noise of every synapse to its importance.

    Parameters
    ----------
    config
        What to train.
    execution
        Device and precision.
    executor
        Where batches of networks are trained; None for this process.
    on_progress
        Called with the fraction done and what is being done.

    Returns
    -------
    xarray.Dataset
        Dimensions rho, c_factor, state, seed, layer, predictor; variables of the network without hidden
        layers begin with ``linear_`` and have neither c_factor nor layer.
    """
    data = load_images(config.data_set)
    train = functools.partial(
        train_noisy_networks,
        data=data,
        execution=execution or Execution(),
        executor=executor,
        keep_in=config.keep_in,
    )
    deep = _deep_networks(config, data, train, lambda f, doing: on_progress(0.75 * f, doing))
    linear = _linear_networks(config, data, train, lambda f, doing: on_progress(0.75 + 0.25 * f, doing))
    renamed = {name: f"linear_{name}" for name in linear.data_vars}
    result = deep.merge(linear.isel(layer=0, drop=True).rename(renamed))
    result.attrs = {**deep.attrs, "linear_ms_per_step": linear.attrs["ms_per_step"]}
    return result


def _deep_networks(config: Config, data: ImageData, train: _Train, on_progress: Progress) -> xarray.Dataset:
    """Train and measure the networks of figure 5; NaN for seeds that were not trained at every c."""
    import xarray

    n = config.n_seeds_at_every_c or len(config.seeds)
    parts = [(config.c_factors, config.seeds[:n]), ((1.0,), config.seeds[n:])]
    parts = [(factors, seeds) for factors, seeds in parts if seeds]
    found = []
    for index, (factors, seeds) in enumerate(parts):

        def of_all(fraction: float, doing: str, index: int = index) -> None:
            on_progress((index + fraction) / len(parts), doing)

        found.append(_deep_part(config, factors, seeds, data, train, of_all))
    further = [part.drop_vars([name for name in part if "seed" not in part[name].dims]) for part in found[1:]]
    together = xarray.concat(
        [found[0], *further], "seed", data_vars="minimal", join="outer", combine_attrs="override"
    )
    return together.assign_attrs(n_networks=sum(part.attrs["n_networks"] for part in found))


def _deep_part(
    config: Config,
    c_factors: tuple[float, ...],
    seeds: tuple[int, ...],
    data: ImageData,
    train: _Train,
    on_progress: Progress,
) -> xarray.Dataset:
    """Train and measure the networks of some c and seeds."""
    dims: dict[str, list[Any]] = {
        "rho": list(config.rho),
        "c_factor": list(c_factors),
        "state": list(STATES),
        "seed": list(seeds),
    }
    networks = []
    for rho, factor, state, seed in _product(dims):
        cost = PowerCost(PowerCost.with_scale(config.s, rho).c * factor, rho)
        networks.append(NoisyNetwork(cost, seed, noise_haste=config.haste(state)))
    formulation = FORMULATIONS[config.formulation]
    return _measured(config, config.hidden, networks, dims, formulation, data, train, on_progress)


def _linear_networks(config: Config, data: ImageData, train: _Train, on_progress: Progress) -> xarray.Dataset:
    """Train and measure the networks without hidden layers of appendix 5.

    Their likelihood counts ten times in the published program, which is the same as costs a tenth as high.
    """
    dims: dict[str, list[Any]] = {"rho": list(config.rho), "state": list(STATES), "seed": list(config.seeds)}
    networks = []
    for rho, state, seed in _product(dims):
        c = PowerCost.with_scale(config.linear_s, rho).c / _LIKELIHOOD_FACTOR
        networks.append(NoisyNetwork(PowerCost(c, rho), seed, noise_haste=config.haste(state)))
    formulation = Formulation(config.base_rate, config.linear_magnitude / _LIKELIHOOD_FACTOR)
    return _measured(config, (), networks, dims, formulation, data, train, on_progress)


def _product(dims: dict[str, list[Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield every combination, the last dimension fastest."""
    from itertools import product

    return product(*dims.values())


def _measured(
    config: Config,
    hidden: tuple[int, ...],
    networks: list[NoisyNetwork],
    dims: dict[str, list[Any]],
    formulation: Formulation,
    data: ImageData,
    train: _Train,
    on_progress: Progress,
) -> xarray.Dataset:
    """Train networks and return what relates their noise to the importance of their synapses."""
    import xarray

    trained = train(
        networks,
        formulation=formulation,
        schedule=config.schedule(hidden),
        on_progress=lambda fraction, doing: on_progress(0.7 * fraction, doing),
    )
    on_progress(0.7, "measuring the importance of every synapse")
    predictors, is_important = _predictors(config, trained, data)
    shape = tuple(len(values) for values in dims.values())
    names = tuple(dims)
    variables: dict[str, Any] = {
        "accuracy": (names, answers_of(trained, data).accuracy.reshape(shape)),
        "sigma_by_epoch": (
            ("epoch", *names),
            trained.sigma_by_epoch.reshape(-1, *shape).astype(np.float32),
        ),
        **_associations(trained, predictors, is_important, shape, names),
        **_agreement_with_theory(config, trained, networks, predictors, data, shape, names),
        **_shown(config, trained, predictors, shape, names),
    }
    return xarray.Dataset(
        variables,
        coords={
            **dims,
            "predictor": list(PREDICTORS),
            "epoch": np.arange(1, config.n_epochs + 1),
            "quantile": list(QUANTILES),
        },
        attrs={
            "data_set": config.data_set,
            "formulation": config.formulation,
            "n_epochs": config.n_epochs,
            "ms_per_step": trained.ms_per_step,
            "n_networks": len(networks),
        },
    )


def _predictors(
    config: Config, trained: TrainedNetworks, data: ImageData
) -> tuple[list[dict[str, Tensor]], list[Tensor]]:
    """Return for each layer every predictor of the noise, (replica, out, in), and which synapses matter."""
    network, synapses = trained.network, trained.synapses
    layout = network.layout
    gradients = batch_gradients(
        network, synapses, data, n_epochs=config.n_statistics_epochs, batch_size=config.batch_size
    )
    flat = {"hessian (minibatch)": gradients.hessian}
    for estimator in ESTIMATORS[1:]:
        flat[f"hessian ({estimator})"] = image_curvature(network, synapses, data, estimator)
    flat["learning rate"] = gradients.learning_rate(config.base_rate)
    per_layer = zip(*map(layout.weights, flat.values()), strict=True)
    by_layer = [dict(zip(flat, views, strict=True)) for views in per_layer]
    inputs: InputRates = input_rates(network, synapses, data)
    is_important = []
    for found, rate, power in zip(by_layer, inputs.rate, inputs.power, strict=True):
        like = found["learning rate"]
        found["input rate"] = rate[:, None, :].expand_as(like)
        found["input power"] = power[:, None, :].expand_as(like)
        is_important.append(above_floor(found["hessian (noisy)"]))
    return by_layer, is_important


def _associations(
    trained: TrainedNetworks,
    predictors: list[dict[str, Tensor]],
    is_important: list[Tensor],
    shape: tuple[int, ...],
    names: tuple[str, ...],
) -> dict[str, Any]:
    """Return how log variance goes with every predictor, for all synapses and for those that matter."""
    variances = [sigma.square() for sigma in trained.network.layout.weights(trained.synapses.sigma)]
    found: dict[str, list[list[Association]]] = {"all": [], "above_floor": []}
    for variance, by_name, matters in zip(variances, predictors, is_important, strict=True):
        for kind, used in (("all", torch.ones_like(matters)), ("above_floor", matters)):
            generator = torch.Generator().manual_seed(0)
            found[kind].append(
                [association(by_name[p], variance, used, generator=generator) for p in PREDICTORS]
            )
    return {
        f"{measure}_{kind}": (
            (*names, "layer", "predictor"),
            _stacked(layers, measure, shape),
        )
        for kind, layers in found.items()
        for measure in MEASURES
    }


def _stacked(layers: list[list[Association]], measure: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return one measure of all layers and predictors, shape (..., layer, predictor)."""
    values = torch.stack([torch.stack([getattr(a, measure) for a in one], -1) for one in layers], -2)
    return values.cpu().numpy().reshape(*shape, *values.shape[1:]).astype(np.float32)


def _agreement_with_theory(
    config: Config,
    trained: TrainedNetworks,
    networks: list[NoisyNetwork],
    predictors: list[dict[str, Tensor]],
    data: ImageData,
    shape: tuple[int, ...],
    names: tuple[str, ...],
) -> dict[str, Any]:
    """Return quantiles over synapses of log10 of sigma over (s^rho / (N H))^(1/(rho + 2))."""
    sigmas = trained.network.layout.weights(trained.synapses.sigma)
    costs = [terms_of(one.cost)[0] for one in networks]
    strength = torch.tensor([cost.strength for cost in costs], dtype=torch.float64)
    power = torch.tensor([1 / (cost.rho + 2) for cost in costs], dtype=torch.float64)
    found = []
    for sigma, by_name in zip(sigmas, predictors, strict=True):
        hessian = by_name["hessian (curvature)"].double() * len(data.train_images)
        column = (len(networks), 1, 1)
        optimum = (strength.view(column).to(hessian) / hessian) ** power.view(column).to(hessian)
        ratio = torch.log10(sigma.double() / optimum).flatten(1)
        ratio = torch.where(torch.isfinite(ratio), ratio, torch.nan)
        found.append(np.nanquantile(ratio.cpu().numpy(), QUANTILES, axis=1).T)
    values = np.stack(found, axis=1).reshape(*shape, len(found), len(QUANTILES))
    return {"sigma_over_theory": ((*names, "layer", "quantile"), values.astype(np.float32))}


def _shown(
    config: Config,
    trained: TrainedNetworks,
    predictors: list[dict[str, Tensor]],
    shape: tuple[int, ...],
    names: tuple[str, ...],
) -> dict[str, Any]:
    """Return variance and predictors of some synapses of each layer of the networks of the first seed."""
    rng = numpy_generator(config.seeds[0], Purpose.LESIONS)
    sigmas = trained.network.layout.weights(trained.synapses.sigma)
    variances, values = [], []
    first = torch.arange(int(np.prod(shape))).reshape(shape)[..., 0].flatten()
    for sigma, by_name in zip(sigmas, predictors, strict=True):
        n = sigma[0].numel()
        chosen = torch.from_numpy(rng.choice(n, size=config.n_shown, replace=n < config.n_shown))
        variances.append(_picked(sigma.square(), first, chosen))
        values.append(np.stack([_picked(by_name[p], first, chosen) for p in PREDICTORS], axis=-1))
    dims = (*names[:-1], "layer", "synapse")
    place = (*shape[:-1], len(sigmas), config.n_shown)
    return {
        "shown_variance": (dims, np.stack(variances, axis=1).reshape(place).astype(np.float32)),
        "shown_predictor": (
            (*dims, "predictor"),
            np.stack(values, axis=1).reshape(*place, len(PREDICTORS)).astype(np.float32),
        ),
    }


def _picked(values: Tensor, replicas: Tensor, synapses: Tensor) -> NDArray[Any]:
    """Return some synapses of some replicas, shape (replica, synapse)."""
    return values.flatten(1).cpu()[replicas][:, synapses].numpy()


FIGURE_PREDICTORS = ("hessian (minibatch)", "learning rate", "input rate")
"""What panels a, b and c of the published figure show."""

X_LABELS = {
    "hessian (minibatch)": "Hessian (nats)",
    "hessian (curvature)": "curvature (nats)",
    "learning rate": "learning rate",
    "input rate": "input rate (activity)",
    "input power": "mean squared input",
}
RECORDED_SLOPE = -0.62
"""Recorded slope of normalised variability on input rate (figure 6b)."""


def theoretical_slope(predictor: str, rho: float) -> float:
    """Return the slope of log sigma^2 at equilibrium in a linear model (eq. 54).

    Parameters
    ----------
    predictor
        One of `PREDICTORS`. On the input rate mean abs(x) it is twice that on mean x^2, since x enters
        squared.
    rho
        Exponent of the reliability cost.

    Examples
    --------
    >>> [theoretical_slope(name, 2.0) for name in ("learning rate", "input power", "input rate")]
    [1.0, -0.5, -1.0]
    """
    factor = {"learning rate": 4.0, "input rate": -4.0}.get(predictor, -2.0)
    return factor / (rho + 2)


def draw_layer(
    predictor: str, layers: tuple[int, ...], state: str, c_factor: float = 1.0
) -> Callable[[Any, Any], None]:
    """Return what draws variance against one predictor: a row for each layer, a column for each rho."""

    def draw(result: xarray.Dataset, figure: Figure) -> None:
        figure.set_size_inches(9, 2.6 * len(layers) + 0.5)
        chosen = result.sel(state=state, c_factor=c_factor, predictor=predictor)
        panels = figure.subplots(len(layers), result.sizes["rho"], sharey="row", squeeze=False)
        for row, layer in zip(panels, layers, strict=True):
            for axes, rho in zip(row, result.rho.values, strict=True):
                part = chosen.sel(rho=rho).isel(layer=layer)
                _scatter(axes, part.shown_predictor, part.shown_variance, part.slope_above_floor)
                axes.set_title(f"layer {layer + 1}, ρ = {rho:.3g}", fontsize=8)
                axes.set_xlabel(X_LABELS[predictor], fontsize=7)
        _label_variance(figure, result, state, c_factor)

    return draw


def draw_all_predictors(c_factor: float) -> Callable[[Any, Any], None]:
    """Return what draws the second layer with another c: a row for each predictor (appendix 6 figure 2)."""

    def draw(result: xarray.Dataset, figure: Figure) -> None:
        figure.set_size_inches(9, 7)
        panels = figure.subplots(len(FIGURE_PREDICTORS), result.sizes["rho"], sharey=True, squeeze=False)
        for row, predictor in zip(panels, FIGURE_PREDICTORS, strict=True):
            for axes, rho in zip(row, result.rho.values, strict=True):
                part = result.sel(state="published", c_factor=c_factor, predictor=predictor, rho=rho)
                part = part.isel(layer=1)
                _scatter(axes, part.shown_predictor, part.shown_variance, part.slope_above_floor)
                axes.set_xlabel(X_LABELS[predictor], fontsize=7)
                axes.set_title(f"ρ = {rho:.3g}", fontsize=7)
        _label_variance(figure, result, "published", c_factor)

    return draw


def draw_linear_network(result: xarray.Dataset, figure: Figure) -> None:
    """Draw the network without hidden layers: simulated, analytic and recorded slopes (app. 5 fig. 1)."""
    predictors = ("hessian (curvature)", "learning rate", "input power")
    figure.set_size_inches(9, 7)
    panels = figure.subplots(len(predictors), result.sizes["rho"], sharey=True, squeeze=False)
    for row, predictor in zip(panels, predictors, strict=True):
        for axes, rho in zip(row, result.rho.values, strict=True):
            part = result.sel(state="converged", predictor=predictor, rho=rho)
            x, y = part.linear_shown_predictor, part.linear_shown_variance
            _scatter(axes, x, y, part.linear_slope_above_floor, name="simulated")
            _line(axes, x, y, theoretical_slope(predictor, rho), "-", "#0072B2", "analytic")
            if predictor == "input power":
                _line(axes, x, y, RECORDED_SLOPE, "--", "#D55E00", "recorded")
            axes.set_xlabel(X_LABELS[predictor], fontsize=7)
            axes.set_title(f"ρ = {rho:.3g}", fontsize=7)
    panels[-1][0].legend(fontsize=5)
    _label_variance(figure, result, "converged", None)


def draw_slopes(result: xarray.Dataset, figure: Figure) -> None:
    """Draw the slopes of every layer in both states against those of the linear model."""
    figure.set_size_inches(9, 3.6)
    panels = figure.subplots(1, len(FIGURE_PREDICTORS), squeeze=False)[0]
    rho = result.rho.values
    for axes, predictor in zip(panels, FIGURE_PREDICTORS, strict=True):
        part = result.sel(predictor=predictor, c_factor=1.0).slope_above_floor
        for layer in range(result.sizes["layer"]):
            for state, style in (("published", "o:"), ("converged", "s-")):
                values = part.isel(layer=layer).sel(state=state)
                label = f"layer {layer + 1}, {state}"
                axes.plot(rho, values.mean("seed"), style, color=COLOURS[layer], markersize=3, label=label)
                axes.vlines(rho, values.min("seed"), values.max("seed"), color=COLOURS[layer], linewidth=1)
        linear = result.sel(state="converged", predictor=predictor).linear_slope_above_floor
        axes.plot(rho, linear.mean("seed"), "^-", color="#CC79A7", markersize=3, label="no hidden layer")
        theory = [theoretical_slope(predictor, value) for value in rho]
        axes.plot(rho, theory, "k--", label="linear model")
        axes.set(xlabel="ρ", title=predictor)
    panels[0].set_ylabel(f"slope of log σ² (range of {result.sizes['seed']} seeds)")
    panels[-1].legend(fontsize=5)


def draw_convergence(result: xarray.Dataset, figure: Figure) -> None:
    """Draw how far sigma is from the optimum for the curvature it sees, in both states."""
    panels = figure.subplots(1, len(STATES), sharey=True, squeeze=False)[0]
    for axes, state in zip(panels, STATES, strict=True):
        part = result.sel(state=state, c_factor=1.0).sigma_over_theory.isel(seed=0)
        n_layers = result.sizes["layer"]
        for layer in range(n_layers):
            place = np.arange(result.sizes["rho"]) + 0.2 * (layer - (n_layers - 1) / 2)
            low, first, middle, third, high = part.isel(layer=layer).transpose("quantile", "rho").values
            axes.vlines(place, low, high, color=COLOURS[layer], linewidth=1)
            axes.vlines(place, first, third, color=COLOURS[layer], linewidth=4)
            axes.plot(place, middle, "o", color="black", markersize=3)
            axes.plot([], [], color=COLOURS[layer], label=f"layer {layer + 1}")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xticks(range(result.sizes["rho"]), [f"{rho:.3g}" for rho in result.rho.values])
        axes.set(xlabel="ρ", title=f"{state}: median, quartiles, 5-95 % of synapses")
    panels[0].set_ylabel("log10 σ / (s^ρ / N H)^(1/(ρ+2))")
    panels[-1].legend(fontsize=7)


def _scatter(axes: Any, x: Any, y: Any, slopes: Any, name: str = "fit") -> None:
    """Draw synapses and the fitted slope, averaged over seeds."""
    axes.scatter(x, y, s=3, color="#009E73", alpha=0.5, linewidth=0)
    slope = float(slopes.mean("seed"))
    _line(axes, x, y, slope, "-", "#7F7F7F", f"{name}: {slope:.2f}")
    axes.set(xscale="log", yscale="log")
    axes.legend(fontsize=5, loc="lower left")
    label_sparsely(axes, vertical=True, size=6)


def _line(axes: Any, x: Any, y: Any, slope: float, style: str, colour: str, label: str) -> None:
    """Draw a line of this slope through the middle of the synapses."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    shown = (x > 0) & (y > 0) & np.isfinite(x)
    if not shown.any():
        return
    # The middle of those that are not at the floor of the predictor.
    middle = np.median(np.log(x[shown])), np.median(np.log(y[shown]))
    ends = np.log(np.quantile(x[shown], [0.1, 0.9]))
    axes.plot(np.exp(ends), np.exp(middle[1] + slope * (ends - middle[0])), style, color=colour, label=label)


def _label_variance(figure: Figure, result: xarray.Dataset, state: str, c_factor: float | None) -> None:
    """Say what is shown: vertical axis, data set, state and number of synapses."""
    factor = "" if c_factor is None else f", c × {c_factor:g}"
    figure.suptitle(
        f"{result.attrs['data_set']}, "
        f"{state} state{factor}, {result.sizes['synapse']} synapses of one network; "
        f"slopes: mean of {result.sizes['seed']} seeds, synapses above the floor",
        fontsize=7,
    )
    figure.supylabel("variance σ²", fontsize=8)


FIGURES: dict[str, Callable[[Any, Any], None]] = {
    **{
        f"fig5{panel}": draw_layer(predictor, (1,), "published")
        for panel, predictor in zip("abc", FIGURE_PREDICTORS, strict=True)
    },
    **{
        f"fig5{panel}-converged": draw_layer(predictor, (1,), "converged")
        for panel, predictor in zip("abc", FIGURE_PREDICTORS, strict=True)
    },
    **{
        f"app6-fig1{panel}": draw_layer(predictor, (0, 2), "published")
        for panel, predictor in zip("abc", FIGURE_PREDICTORS, strict=True)
    },
    "app6-fig2a": draw_all_predictors(10.0),
    "app6-fig2b": draw_all_predictors(0.1),
    "app5-fig1": draw_linear_network,
    "curvature": draw_layer("hessian (curvature)", (0, 1, 2), "converged"),
    "slopes": draw_slopes,
    "convergence": draw_convergence,
}
"""Function that draws each panel."""
