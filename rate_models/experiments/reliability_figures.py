"""The panels of the reliability experiment, each drawn from its saved result alone.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, figures 2-4.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.experiment import panel
from biophys.palette import DARK_GREY, GREEN, PURPLE
from rate_models.figure_parts import label_sparsely, panels_by_rho
from rate_models.quantal_realisation import WAYS
from rate_models.reliability_cost import PowerCost, optimal_sigma, total_cost

COSTS_OF_THE_MEAN = ("transmitter", "postsynaptic ion flux")
COLOURS = {"heterogeneous": GREEN, "homogeneous": DARK_GREY}
"""Of each kind of noise."""


def draw_schematic(result: xr.Dataset, figure: Figure) -> None:
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
        axes.contour(grid, grid, surface, levels=[0.25, 1, 2.5, 5, 10, 20], colors=PURPLE, linewidths=0.8)
        axes.plot(2 * sd[0] * np.cos(angle), 2 * sd[1] * np.sin(angle), color=colour)
        axes.set(title=f"{name} (2 sd)", xlabel="w1 (important)", ylabel="w2 (unimportant)", aspect="equal")
    for position, (_, sd, colour) in enumerate(drawn):
        performance = 0.5 * float(np.sum(curvature * np.asarray(sd) ** 2))
        reliability = total_cost(cost, sd)
        panels[2].bar(position, performance, color=colour)
        panels[2].bar(position, reliability, bottom=performance, color="white", edgecolor=colour, hatch="//")
    panels[2].set_xticks([0, 1], [name for name, *_ in drawn])
    panels[2].set(ylabel="mean cost (nats)", title="hatched: reliability")


def draw_transient(result: xr.Dataset, figure: Figure) -> None:
    """Draw the mean standard deviation over the epochs, one line per c: where it still rises, it has not
    settled."""
    for axes, part in _columns(result, figure):
        lines = part.sigma_by_epoch.sel(noise="heterogeneous").mean("seed").transpose("multiplier", "epoch")
        shades = np.linspace(0.25, 1.0, part.sizes["multiplier"])
        for c, line, shade in zip(part.c.values, lines.values, shades, strict=True):
            axes.plot(part.epoch, line, color=COLOURS["heterogeneous"], alpha=shade, label=f"c = {c:.2g}")
        axes.set(yscale="log", xlabel="epoch")
        axes.legend(fontsize=5)
    figure.axes[0].set_ylabel(f"rms σ (weight), heterogeneous{_seeds(result)}")


def draw_mixture(result: xr.Dataset, figure: Figure) -> None:
    """Draw accuracy against mean sigma where a synapse pays all four costs at once, and where it pays one."""
    figure.set_size_inches(9, 3.4)
    for axes, noise in zip(figure.subplots(1, len(COLOURS), sharey=True), COLOURS, strict=True):
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


def draw_atp(result: xr.Dataset, figure: Figure) -> None:
    """Draw accuracy against the ATP that the reliability of all synapses would cost, realised as n, p, q.

    Transmitter and ion flux are left out: they go with the mean response, whatever its reliability.
    """
    styles = dict(zip(WAYS, ("o-", "s--"), strict=True))
    buying = [name for name in result.mechanism.values if name not in COSTS_OF_THE_MEAN]
    for axes, part in _columns(result, figure):
        first = part.isel(seed=0)
        for noise in COLOURS:
            item = first.sel(noise=noise)
            for way in WAYS:
                atp = item.atp.sel(way=way, mechanism=buying).sum("mechanism")
                style: dict[str, Any] = {"color": COLOURS[noise], "markersize": 3, "label": f"{noise}, {way}"}
                axes.plot(atp, 100 * item.accuracy, styles[way], **style)
        axes.set(xscale="log")
        axes.set_xlabel("ATP/s of all synapses", fontsize=8)
        label_sparsely(axes)
    figure.suptitle("calcium pump, trafficking, membrane and actin; inputs at 4 Hz", fontsize=8)
    figure.axes[0].set_ylabel("test accuracy (%), one seed")
    figure.axes[0].legend(fontsize=5)


def _columns(result: xr.Dataset, figure: Figure) -> list[tuple[Axes, Any]]:
    """Return one pair of axes and the part of the result for each rho."""
    figure.set_size_inches(9, 3.4)
    pairs = []
    for axes, _, rho in panels_by_rho(figure, result, [None], sharey=True):
        axes.set_title(f"ρ = {rho:.3g}", fontsize=9)
        pairs.append((axes, result.sel(rho=rho)))
    return pairs


def draw_against(
    result: xr.Dataset,
    figure: Figure,
    x: tuple[str, str],
    y: tuple[str, str],
    factor: float = 1.0,
    is_log: bool = False,
) -> None:
    """Draw a labelled variable against another for each rho and kind of noise: mean and range over seeds."""
    for axes, part in _columns(result, figure):
        for noise in COLOURS:
            values = part[x[0]]
            across = (values.sel(noise=noise).mean("seed") if "seed" in values.dims else values).values
            up = factor * part[y[0]].sel(noise=noise)
            axes.plot(across, up.mean("seed"), "o-", color=COLOURS[noise], markersize=3, label=noise)
            order = np.argsort(across)
            low, high = (up.min("seed").values[order], up.max("seed").values[order])
            axes.fill_between(across[order], low, high, color=COLOURS[noise], alpha=0.2, linewidth=0)
        axes.set(xscale="log", yscale="log" if is_log else "linear")
        axes.set_xlabel(x[1], fontsize=8)
        label_sparsely(axes)
    figure.axes[0].set_ylabel(y[1] + _seeds(result), fontsize=8)
    figure.axes[0].legend(fontsize=7)


def _seeds(result: xr.Dataset) -> str:
    """Return in words how many seeds there are and what a band is."""
    n = result.sizes["seed"]
    return f"\n{result.attrs['data_set']}, " + ("one seed" if n == 1 else f"mean and range of {n} seeds")


_accuracy = functools.partial(draw_against, y=("accuracy", "test accuracy (%)"), factor=100)
_logarithmic = functools.partial(draw_against, is_log=True)
_C, _SIGMA = ("c", "cost multiplier c (nats)"), ("sigma_rms", "rms σ (weight)")
_RMS = ("sigma_rms", "root mean square of σ (weight)")
_COST = ("cost", "cost of all synapses (s = 1)")
_BY_SIGMA = "against the mean standard deviation (figure 3{})."
FIGURES: dict[str, Callable[[Any, Any], None]] = {
    "fig2a": panel(_accuracy, "Test accuracy against the cost multiplier (figure 2a).", x=_C),
    "fig2b": panel(
        _logarithmic, "Mean standard deviation against the cost multiplier (figure 2b).", x=_C, y=_RMS
    ),
    "fig3a": panel(_accuracy, f"Test accuracy {_BY_SIGMA.format('a')}", x=_SIGMA),
    "fig3b": panel(
        _logarithmic,
        f"Summed reliability cost {_BY_SIGMA.format('b')}",
        x=_SIGMA,
        y=("cost", "cost of all synapses (s = 1, nats)"),
    ),
    "fig3c": panel(
        _accuracy,
        "Test accuracy against the cost of one synapse at the mean standard deviation (as figure 3c).",
        x=("cost_at_rms", "cost per synapse at rms σ (s = 1)"),
    ),
    "fig3c-summed": panel(
        _accuracy, "Test accuracy against the cost that all synapses really have.", x=_COST
    ),
    "fig4": draw_schematic,
    "transient": draw_transient,
    "mixture": draw_mixture,
    "atp": draw_atp,
}
