"""Accuracy against the cost of reliable synapses: networks that pay c sigma^-rho for each of them.

Every network exists twice: with a standard deviation of its own for each synapse (heterogeneous), and with
one for all (homogeneous). Each is afterwards realised as binomial release, with what it would cost in ATP.

References
----------
Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, figures 2-4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rate_models.datasets import load_images
from rate_models.devices import Execution
from rate_models.experiments.log_axes import label_sparsely
from rate_models.noisy_networks import (
    FORMULATIONS,
    NoisyNetwork,
    Progress,
    Schedule,
    TrainedNetworks,
    answers_of,
    train_noisy_networks,
)
from rate_models.quantal_realisation import (
    WAYS,
    atp_by_mechanism,
    mechanisms,
    quantiles_of,
    realised_synapses,
)
from rate_models.reliability_cost import Costs, PowerCost, optimal_sigma, terms_of, total_cost
from rate_models.sweep import Executor

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOISES = ("heterogeneous", "homogeneous")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
COSTS_OF_THE_MEAN = ("transmitter", "postsynaptic ion flux")
COLOURS = {"heterogeneous": "#009E73", "homogeneous": "#7F7F7F"}


@dataclass(frozen=True)
class Config:
    """Settings of the sweep; the defaults are the paper's, with c chosen to span the fall of accuracy.

    For every multiplier a network is trained besides that pays all costs at once, an equal share of each c.

    Parameters
    ----------
    data_set
        ``"mnist"`` or ``"digits"``.
    formulation
        Which of the paper's variants: a name in `noisy_networks.FORMULATIONS`. ``"figures"`` is what the
        published results are consistent with.
    rho
        Exponents of the reliability cost: calcium pump, membrane, actin, trafficking (figure 1c).
    log10_c_low, log10_c_high, n_c
        Range and number of cost multipliers for each rho. Published: 10^-4 to 10^3.25 in steps of 10^0.25 for
        every rho.
    seeds
        One network per seed and setting. Published: one.
    hidden, n_epochs, batch_size, initial_sigma
        Published: (100, 100), 50, 20 and 1e-4.
    learning_rate
        None for the formulation's.
    noise_haste, noise_memory
        Learning rate of phi over that of the means, and decay of its second moment. Published: 1 and 0.999.
    images_per_draw
        Test images that share a draw of the weights. Published: 20.
    keep_in
        Folder of finished networks, from which a run that was broken off goes on; empty for none.

    Raises
    ------
    ValueError
        If a name is unknown or the ranges do not fit `rho`.
    """

    data_set: str = "mnist"
    formulation: str = "figures"
    rho: tuple[float, ...] = (1 / 2, 2 / 3, 4 / 3, 2.0)
    log10_c_low: tuple[float, ...] = (-1.5, -1.5, -2.0, -2.5)
    log10_c_high: tuple[float, ...] = (2.5, 2.5, 2.0, 1.5)
    n_c: int = 7
    seeds: tuple[int, ...] = (1, 2, 3)
    hidden: tuple[int, ...] = (100, 100)
    n_epochs: int = 50
    batch_size: int = 20
    initial_sigma: float = 1e-4
    learning_rate: float | None = None
    noise_haste: float = 1.0
    noise_memory: float = 0.999
    images_per_draw: int = 20
    keep_in: str = ""

    def __post_init__(self) -> None:
        if self.formulation not in FORMULATIONS:
            raise ValueError(
                f"formulation must be one of {', '.join(FORMULATIONS)}, got {self.formulation!r}"
            )
        for name in ("log10_c_low", "log10_c_high"):
            if len(getattr(self, name)) != len(self.rho):
                raise ValueError(
                    f"{name} needs one value per rho, that is {len(self.rho)}, got {getattr(self, name)}"
                )
        if self.n_c < 2 or not self.seeds:
            raise ValueError(f"expected at least two c and one seed, got n_c={self.n_c}, seeds={self.seeds}")

    @property
    def c(self) -> NDArray[np.float64]:
        """Cost multipliers, shape (rho, multiplier)."""
        return np.logspace(self.log10_c_low, self.log10_c_high, self.n_c, axis=1)

    @property
    def schedule(self) -> Schedule:
        """How the networks are trained."""
        return Schedule(
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            hidden=self.hidden,
            initial_sigma=self.initial_sigma,
            learning_rate=self.learning_rate,
            noise_memory=self.noise_memory,
        )


QUICK = Config(
    data_set="digits",
    formulation="text",
    log10_c_low=(-2.0, -2.0, -2.5, -3.0),
    log10_c_high=(1.5, 1.5, 1.5, 1.5),
    n_c=4,
    seeds=(1,),
    hidden=(20, 20),
    n_epochs=20,
    initial_sigma=0.02,
    learning_rate=3e-3,
    noise_haste=3.0,
    noise_memory=0.98,
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
    """Train all networks of the sweep as one batch and measure them.

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
        Dimensions rho, multiplier, noise and seed; c belongs to (rho, multiplier). Variables that begin with
        ``mixture_`` belong to the networks that pay all costs at once.
    """
    data = load_images(config.data_set)
    networks = _networks(config)
    trained = train_noisy_networks(
        networks,
        data,
        formulation=FORMULATIONS[config.formulation],
        schedule=config.schedule,
        execution=execution or Execution(),
        executor=executor,
        on_progress=lambda fraction, doing: on_progress(0.9 * fraction, doing),
        keep_in=config.keep_in,
    )
    on_progress(0.9, "answering the test set")
    measured = {
        **_answers(trained, data, config.images_per_draw),
        **_noise_and_costs(trained, networks),
    }
    result = _labelled(config, trained, measured).assign(_of_mixtures(config, measured))
    on_progress(0.95, "realising the synapses as n, p and q")
    return result.merge(_realised(config, trained))


def _shape(config: Config) -> tuple[int, int, int, int]:
    """Return how many rho, multipliers, kinds of noise and seeds there are."""
    return len(config.rho), config.n_c, len(NOISES), len(config.seeds)


def _networks(config: Config) -> list[NoisyNetwork]:
    """Return the networks of the sweep, and after them those that pay all costs at once."""
    costs: list[Costs] = [
        PowerCost(float(c), rho) for rho, row in zip(config.rho, config.c, strict=True) for c in row
    ]
    share = 1 / len(config.rho)
    for column in config.c.T:
        costs.append(
            tuple(PowerCost(share * float(c), rho) for rho, c in zip(config.rho, column, strict=True))
        )
    return [
        NoisyNetwork(
            cost,
            seed,
            homogeneous=noise == "homogeneous",
            noise_haste=config.noise_haste,
        )
        for cost in costs
        for noise in NOISES
        for seed in config.seeds
    ]


def _answers(trained: TrainedNetworks, data: Any, images_per_draw: int) -> dict[str, NDArray[np.float64]]:
    """Return accuracies and losses, each of the shape (replica,)."""
    found = answers_of(trained, data, images_per_draw=images_per_draw)
    return {
        "accuracy": found.accuracy,
        "loss": found.loss,
        "accuracy_of_mean": found.accuracy_of_mean,
        "loss_of_mean": found.loss_of_mean,
    }


def _noise_and_costs(
    trained: TrainedNetworks, networks: list[NoisyNetwork]
) -> dict[str, NDArray[np.float64]]:
    """Return averages of sigma over the weights and costs of each network, each of the shape (replica,)."""
    rows = [_row_of_noise(trained, replica, network) for replica, network in enumerate(networks)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _row_of_noise(trained: TrainedNetworks, replica: int, network: NoisyNetwork) -> dict[str, float]:
    """Return what is said of the noise of one network."""
    n_weights = trained.network.layout.n_weights
    sigma = trained.synapses.sigma[replica].double().cpu().numpy()
    mu = trained.synapses.mu[replica].double().cpu().numpy()
    rms = float(np.sqrt(np.mean(sigma[:n_weights] ** 2)))
    rho = terms_of(network.cost)[0].rho
    unit = PowerCost.with_scale(1.0, rho)
    return {
        "sigma_rms": rms,
        "sigma_mean": float(np.mean(sigma[:n_weights])),
        "sigma_median": float(np.median(sigma[:n_weights])),
        "cost": total_cost(unit, sigma[:n_weights]),
        "cost_at_rms": float(unit(rms)),
        "cost_paid": total_cost(network.cost, sigma),
        "mean_size": float(np.mean(np.abs(mu[:n_weights]))),
    }


def _labelled(
    config: Config, trained: TrainedNetworks, measured: dict[str, NDArray[np.float64]]
) -> xarray.Dataset:
    """Return everything measured with its dimensions and units."""
    import xarray

    shape = _shape(config)
    n = int(np.prod(shape))
    dims = ("rho", "multiplier", "noise", "seed")
    arrays = {name: (dims, values[:n].reshape(shape)) for name, values in measured.items()}
    by_epoch = {
        name: (("epoch", *dims), values[:, :n].reshape(-1, *shape).astype(np.float32))
        for name, values in (
            ("sigma_by_epoch", trained.sigma_by_epoch),
            ("loss_by_epoch", trained.loss_by_epoch),
        )
    }
    result = xarray.Dataset(
        {**arrays, **by_epoch, **_sigma_by_layer(shape, trained)},
        coords={
            "rho": list(config.rho),
            "c": (("rho", "multiplier"), config.c),
            "noise": list(NOISES),
            "seed": list(config.seeds),
            "epoch": np.arange(1, config.n_epochs + 1),
            "quantile": list(QUANTILES),
        },
        attrs={
            "data_set": config.data_set,
            "formulation": config.formulation,
            "n_epochs": config.n_epochs,
            "ms_per_step": trained.ms_per_step,
            "n_networks": n,
        },
    )
    for name in ("loss", "loss_of_mean", "loss_by_epoch", "cost_paid"):
        result[name].attrs["units"] = "nats"
    return result


def _of_mixtures(config: Config, measured: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Return what was measured of the networks that pay all costs at once."""
    shape = _shape(config)
    names = ("accuracy", "accuracy_of_mean", "sigma_rms", "cost_paid")
    dims = ("multiplier", "noise", "seed")
    n = int(np.prod(shape))
    return {f"mixture_{name}": (dims, measured[name][n:].reshape(shape[1:])) for name in names}


def _sigma_by_layer(shape: tuple[int, ...], trained: TrainedNetworks) -> dict[str, Any]:
    """Return quantiles of sigma over the weights of each layer."""
    sigma = trained.synapses.sigma[: int(np.prod(shape))]
    found = [
        np.quantile(sigma[:, part].double().cpu().numpy(), QUANTILES, axis=1).T
        for part in trained.network.layout.weight_slices
    ]
    values = np.stack(found, axis=1).reshape(*shape, len(found), len(QUANTILES))
    dims = ("rho", "multiplier", "noise", "seed", "layer", "quantile")
    return {"sigma_by_layer": (dims, values.astype(np.float32))}


def _realised(config: Config, trained: TrainedNetworks) -> xarray.Dataset:
    """Return what the networks of the first seed cost in ATP and which n, p and q they have."""
    import xarray

    shape = _shape(config)
    n_weights = trained.network.layout.n_weights
    atp = np.zeros((*shape[:3], len(WAYS), len(mechanisms())))
    moments = {name: np.zeros((*shape[:3], len(WAYS), len(QUANTILES))) for name in ("n", "p", "q")}
    for place in np.ndindex(*shape[:3]):
        replica = int(np.ravel_multi_index((*place, 0), shape))
        mean = trained.synapses.mu[replica, :n_weights].double().cpu().numpy()
        sd = trained.synapses.sigma[replica, :n_weights].double().cpu().numpy()
        for index, way in enumerate(WAYS):
            synapses = realised_synapses(mean, sd, way)
            atp[(*place, index)] = list(atp_by_mechanism(synapses).values())
            for name, values in quantiles_of(synapses, QUANTILES).items():
                moments[name][(*place, index)] = values
    dims = ("rho", "multiplier", "noise", "way")
    result = xarray.Dataset(
        {
            "atp": ((*dims, "mechanism"), atp),
            **{f"quantal_{name}": ((*dims, "quantile"), values) for name, values in moments.items()},
        },
        coords={"way": list(WAYS), "mechanism": mechanisms()},
    )
    result["atp"].attrs["units"] = "ATP/s"
    result["quantal_q"].attrs["units"] = "mV"
    return result


def draw_accuracy_by_c(result: xarray.Dataset, figure: Figure) -> None:
    """Draw test accuracy against the cost multiplier (figure 2a)."""
    _draw_columns(result, figure, _by_c, "accuracy", "test accuracy (%)", factor=100)


def draw_sigma_by_c(result: xarray.Dataset, figure: Figure) -> None:
    """Draw the mean standard deviation against the cost multiplier (figure 2b)."""
    _draw_columns(result, figure, _by_c, "sigma_rms", "root mean square of σ (weight)", is_log=True)


def draw_accuracy_by_sigma(result: xarray.Dataset, figure: Figure) -> None:
    """Draw test accuracy against the mean standard deviation (figure 3a)."""
    _draw_columns(result, figure, _by("sigma_rms", "rms σ (weight)"), "accuracy", "test accuracy (%)", 100)


def draw_cost_by_sigma(result: xarray.Dataset, figure: Figure) -> None:
    """Draw the summed reliability cost with s = 1 against the mean standard deviation (figure 3b)."""
    label = "cost of all synapses (s = 1, nats)"
    _draw_columns(result, figure, _by("sigma_rms", "rms σ (weight)"), "cost", label, is_log=True)


def draw_accuracy_by_cost_at_rms(result: xarray.Dataset, figure: Figure) -> None:
    """Draw test accuracy against the cost of one synapse at the mean standard deviation (figure 3c)."""
    x = _by("cost_at_rms", "cost per synapse at rms σ (s = 1)")
    _draw_columns(result, figure, x, "accuracy", "test accuracy (%)", 100)


def draw_accuracy_by_cost(result: xarray.Dataset, figure: Figure) -> None:
    """Draw test accuracy against the summed cost of all synapses (as figure 3c)."""
    _draw_columns(
        result, figure, _by("cost", "cost of all synapses (s = 1)"), "accuracy", "test accuracy (%)", 100
    )


def draw_schematic(result: xarray.Dataset, figure: Figure) -> None:
    """Draw two synapses of different importance with equal and with optimised noise (figure 4)."""
    curvature, cost = np.array([8.0, 0.5]), PowerCost.with_scale(1.0, 2.0)
    best = optimal_sigma(cost, curvature)
    # The isotropic noise with the same reliability cost.
    same = (np.mean(best**-cost.rho)) ** (-1 / cost.rho)
    grid = np.linspace(-2.5, 2.5, 201)
    surface = 0.5 * (curvature[0] * grid[None, :] ** 2 + curvature[1] * grid[:, None] ** 2)
    angle = np.linspace(0, 2 * np.pi, 200)
    panels = figure.subplots(1, 3)
    drawn: tuple[tuple[str, NDArray[np.float64], str], ...] = (
        ("equal noise", np.array([same, same]), COLOURS["homogeneous"]),
        ("optimised", best, COLOURS["heterogeneous"]),
    )
    for axes, (name, sd, colour) in zip(panels, drawn, strict=False):
        axes.contour(grid, grid, surface, levels=[0.25, 1, 2.5, 5, 10, 20], colors="#CC79A7", linewidths=0.8)
        axes.plot(2 * sd[0] * np.cos(angle), 2 * sd[1] * np.sin(angle), color=colour)
        axes.set(title=f"{name} (2 sd)", xlabel="w1 (important)", ylabel="w2 (unimportant)", aspect="equal")
    for place, (_, sd, colour) in enumerate(drawn):
        performance = 0.5 * float(np.sum(curvature * np.asarray(sd) ** 2))
        reliability = total_cost(cost, sd)
        panels[2].bar(place, performance, color=colour)
        panels[2].bar(place, reliability, bottom=performance, color="white", edgecolor=colour, hatch="//")
    panels[2].set_xticks([0, 1], [name for name, *_ in drawn])
    panels[2].set(ylabel="mean cost (nats)", title="hatched: reliability")


def draw_transient(result: xarray.Dataset, figure: Figure) -> None:
    """Draw how the mean standard deviation grows over the epochs, one line per cost multiplier."""
    for axes, part in _columns(result, figure):
        lines = part.sigma_by_epoch.sel(noise="heterogeneous").mean("seed").transpose("multiplier", "epoch")
        shades = np.linspace(0.25, 1.0, part.sizes["multiplier"])
        for c, line, shade in zip(part.c.values, lines.values, shades, strict=True):
            axes.plot(part.epoch, line, color=COLOURS["heterogeneous"], alpha=shade, label=f"c = {c:.2g}")
        axes.set(yscale="log", xlabel="epoch")
        axes.legend(fontsize=5)
    figure.axes[0].set_ylabel(f"rms σ (weight), heterogeneous{_seeds(result)}")


def draw_mixture(result: xarray.Dataset, figure: Figure) -> None:
    """Draw accuracy against mean standard deviation where all costs are paid at once, and where one is."""
    figure.set_size_inches(9, 3.4)
    for axes, noise in zip(figure.subplots(1, len(NOISES), sharey=True), NOISES, strict=True):
        for rho in result.rho.values:
            part = result.sel(rho=rho, noise=noise).mean("seed")
            axes.plot(part.sigma_rms, 100 * part.accuracy, ".-", alpha=0.5, label=f"ρ = {rho:.3g}")
        mixed = result.sel(noise=noise)
        x, y = mixed.mixture_sigma_rms.mean("seed"), 100 * mixed.mixture_accuracy
        axes.plot(x, y.mean("seed"), "o-", color="black", label="all four, c/4 each")
        axes.fill_between(x, y.min("seed"), y.max("seed"), color="black", alpha=0.2, linewidth=0)
        axes.set(xscale="log", xlabel="root mean square of σ (weight)", title=noise)
        label_sparsely(axes)
    figure.axes[0].set_ylabel("test accuracy (%)" + _seeds(result), fontsize=8)
    figure.axes[0].legend(fontsize=7)


def draw_atp(result: xarray.Dataset, figure: Figure) -> None:
    """Draw test accuracy against what reliability would cost as binomial release, in ATP per second.

    Transmitter and ion flux are left out: they go with the mean response, whatever its reliability.
    """
    styles = dict(zip(WAYS, ("o-", "s--"), strict=True))
    buying = [name for name in result.mechanism.values if name not in COSTS_OF_THE_MEAN]
    for axes, part in _columns(result, figure):
        first = part.isel(seed=0)
        for noise in NOISES:
            for way in WAYS:
                one = first.sel(noise=noise)
                axes.plot(
                    one.atp.sel(way=way, mechanism=buying).sum("mechanism"),
                    100 * one.accuracy,
                    styles[way],
                    color=COLOURS[noise],
                    markersize=3,
                    label=f"{noise}, {way}",
                )
        axes.set(xscale="log")
        axes.set_xlabel("ATP/s of all synapses", fontsize=8)
        label_sparsely(axes)
    figure.suptitle("calcium pump, trafficking, membrane and actin; inputs at 4 Hz", fontsize=8)
    figure.axes[0].set_ylabel("test accuracy (%), one seed")
    figure.axes[0].legend(fontsize=5)


def _by_c(part: xarray.Dataset, noise: str) -> tuple[Any, str]:
    return part.c.values, "cost multiplier c (nats)"


def _by(name: str, label: str) -> Callable[[Any, str], tuple[Any, str]]:
    """Return what gives the horizontal axis: the mean over seeds of a variable."""
    return lambda part, noise: (part[name].sel(noise=noise).mean("seed").values, label)


def _columns(result: xarray.Dataset, figure: Figure) -> list[tuple[Axes, Any]]:
    """Return one pair of axes and the part of the result for each rho."""
    figure.set_size_inches(9, 3.4)
    panels = figure.subplots(1, result.sizes["rho"], sharey=True, squeeze=False)[0]
    pairs = []
    for axes, rho in zip(panels, result.rho.values, strict=True):
        axes.set_title(f"ρ = {rho:.3g}", fontsize=9)
        pairs.append((axes, result.sel(rho=rho)))
    return pairs


def _draw_columns(
    result: xarray.Dataset,
    figure: Figure,
    horizontal: Callable[[Any, str], tuple[Any, str]],
    name: str,
    label: str,
    factor: float = 1.0,
    is_log: bool = False,
) -> None:
    """Draw one quantity for each rho and kind of noise: the mean over seeds and their range."""
    for axes, part in _columns(result, figure):
        for noise in NOISES:
            x, x_label = horizontal(part, noise)
            y = factor * part[name].sel(noise=noise)
            axes.plot(x, y.mean("seed"), "o-", color=COLOURS[noise], markersize=3, label=noise)
            order = np.argsort(x)
            low, high = (y.min("seed").values[order], y.max("seed").values[order])
            axes.fill_between(np.asarray(x)[order], low, high, color=COLOURS[noise], alpha=0.2, linewidth=0)
        axes.set(xscale="log", yscale="log" if is_log else "linear")
        axes.set_xlabel(x_label, fontsize=8)
        label_sparsely(axes)
    figure.axes[0].set_ylabel(label + _seeds(result), fontsize=8)
    figure.axes[0].legend(fontsize=7)


def _seeds(result: xarray.Dataset) -> str:
    """Return in words how many seeds there are and what a band is."""
    n = result.sizes["seed"]
    return f"\n{result.attrs['data_set']}, " + ("one seed" if n == 1 else f"mean and range of {n} seeds")


FIGURES: dict[str, Callable[[Any, Any], None]] = {
    "fig2a": draw_accuracy_by_c,
    "fig2b": draw_sigma_by_c,
    "fig3a": draw_accuracy_by_sigma,
    "fig3b": draw_cost_by_sigma,
    "fig3c": draw_accuracy_by_cost_at_rms,
    "fig3c-summed": draw_accuracy_by_cost,
    "fig4": draw_schematic,
    "transient": draw_transient,
    "mixture": draw_mixture,
    "atp": draw_atp,
}
"""Function that draws each panel."""
