"""The panels of the signatures experiment, each drawn from its saved result alone.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, figure 5 and
appendices 5 and 6.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from biophys.experiment import panel
from biophys.optimal_precision import precision_slopes
from biophys.palette import BLUE, CYCLE, DARK_GREY, GREEN, PURPLE, VERMILION
from rate_models.figure_parts import label_sparsely, panels_by_rho

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
    """Return the slope of log sigma^2 on one of `bayesian_signatures.PREDICTORS` in a linear model (eq. 54).

    On the input rate mean abs(x) it is twice that on mean x^2, since x enters squared.

    >>> [theoretical_slope(name, 2.0) for name in ("learning rate", "input power", "input rate")]
    [1.0, -0.5, -1.0]
    """
    slopes = precision_slopes(rho)
    special = {"learning rate": slopes.on_learning_rate, "input rate": 2 * slopes.on_input_power}
    return special.get(predictor, slopes.on_importance)


def draw_rows(
    result: xr.Dataset, figure: Figure, rows: Sequence[tuple[str, int]], state: str, c_factor: float = 1.0
) -> None:
    """Draw variance against a predictor in a layer, a row for each, a column for each rho."""
    if c_factor not in result.c_factor.values:
        figure.text(0.5, 0.5, f"no network was trained with c × {c_factor:g}", ha="center")
        return
    figure.set_size_inches(9, 2.4 * len(rows) + 0.5)
    chosen = result.sel(state=state, c_factor=c_factor)
    for axes, (predictor, layer), rho in panels_by_rho(figure, result, rows, sharey="row"):
        part = chosen.sel(predictor=predictor, rho=rho).isel(layer=layer)
        first = part.isel(seed=0)
        _scatter(axes, first.shown_predictor, first.shown_variance, part.slope_above_floor)
        axes.set_title(f"layer {layer + 1}, ρ = {rho:.3g}", fontsize=8)
        axes.set_xlabel(X_LABELS[predictor], fontsize=7)
    _label_variance(figure, result, state, c_factor)


def draw_linear_network(result: xr.Dataset, figure: Figure) -> None:
    """Draw a network without hidden layers: simulated, analytic and recorded slopes (appendix 5 figure 1)."""
    predictors = ("hessian (curvature)", "learning rate", "input power")
    figure.set_size_inches(9, 7)
    for axes, predictor, rho in panels_by_rho(figure, result, predictors, sharey=True):
        part = result.sel(state="converged", predictor=predictor, rho=rho)
        first = part.isel(seed=0)
        x, y = first.linear_shown_predictor, first.linear_shown_variance
        _scatter(axes, x, y, part.linear_slope_above_floor, name="simulated")
        _line(axes, x, y, theoretical_slope(predictor, rho), "-", BLUE, "analytic")
        if predictor == "input power":
            _line(axes, x, y, RECORDED_SLOPE, "--", VERMILION, "recorded")
        axes.set_xlabel(X_LABELS[predictor], fontsize=7)
        axes.set_title(f"ρ = {rho:.3g}", fontsize=7)
    figure.axes[-result.sizes["rho"]].legend(fontsize=5)
    _label_variance(figure, result, "converged", None)


def draw_slopes(result: xr.Dataset, figure: Figure) -> None:
    """Draw slopes of log variance of every layer in both states, and those of the linear model."""
    figure.set_size_inches(9, 3.6)
    panels = figure.subplots(1, len(FIGURE_PREDICTORS), squeeze=False)[0]
    rho = result.rho.values
    for axes, predictor in zip(panels, FIGURE_PREDICTORS, strict=True):
        part = result.sel(predictor=predictor, c_factor=1.0).slope_above_floor
        for layer in range(result.sizes["layer"]):
            for state, style in (("published", "o:"), ("converged", "s-")):
                values = part.isel(layer=layer).sel(state=state)
                label = f"layer {layer + 1}, {state}"
                axes.plot(rho, values.mean("seed"), style, color=CYCLE[layer], markersize=3, label=label)
                axes.vlines(rho, values.min("seed"), values.max("seed"), color=CYCLE[layer], linewidth=1)
        linear = result.sel(state="converged", predictor=predictor).linear_slope_above_floor
        axes.plot(rho, linear.mean("seed"), "^-", color=PURPLE, markersize=3, label="no hidden layer")
        theory = [theoretical_slope(predictor, value) for value in rho]
        axes.plot(rho, theory, "k--", label="linear model")
        axes.set(xlabel="ρ", title=predictor)
    panels[0].set_ylabel(f"slope of log σ² (range of {result.sizes['seed']} seeds)")
    panels[-1].legend(fontsize=5)


def draw_convergence(result: xr.Dataset, figure: Figure) -> None:
    """Draw how far sigma is from the optimum for the curvature that it sees, in both states."""
    panels = figure.subplots(1, result.sizes["state"], sharey=True, squeeze=False)[0]
    for axes, state in zip(panels, result.state.values, strict=True):
        part = result.sel(state=state, c_factor=1.0).sigma_over_theory.isel(seed=0)
        n_layers = result.sizes["layer"]
        for layer in range(n_layers):
            position = np.arange(result.sizes["rho"]) + 0.2 * (layer - (n_layers - 1) / 2)
            low, first, middle, third, high = part.isel(layer=layer).transpose("quantile", "rho").values
            axes.vlines(position, low, high, color=CYCLE[layer], linewidth=1)
            axes.vlines(position, first, third, color=CYCLE[layer], linewidth=4)
            axes.plot(position, middle, "o", color="black", markersize=3)
            axes.plot([], [], color=CYCLE[layer], label=f"layer {layer + 1}")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xticks(range(result.sizes["rho"]), [f"{rho:.3g}" for rho in result.rho.values])
        axes.set(xlabel="ρ", title=f"{state}: median, quartiles, 5-95 % of synapses")
    panels[0].set_ylabel("log10 σ / (s^ρ / N H)^(1/(ρ+2))")
    panels[-1].legend(fontsize=7)


def _scatter(axes: Any, x: Any, y: Any, slopes: Any, name: str = "fit") -> None:
    """Draw synapses and the fitted slope, averaged over seeds."""
    axes.scatter(x, y, s=3, color=GREEN, alpha=0.5, linewidth=0)
    slope = float(slopes.mean("seed"))
    _line(axes, x, y, slope, "-", DARK_GREY, f"{name}: {slope:.2f}")
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


def _label_variance(figure: Figure, result: xr.Dataset, state: str, c_factor: float | None) -> None:
    """Say what is shown: vertical axis, data set, state and number of synapses."""
    factor = "" if c_factor is None else f", c × {c_factor:g}"
    shown = f"{state} state{factor}, {result.sizes['synapse']} synapses of one network"
    there = result.accuracy if c_factor is None else result.sel(c_factor=c_factor).accuracy
    n_seeds = int(there.notnull().any([dim for dim in there.dims if dim != "seed"]).sum())
    slopes = f"slopes: mean of {n_seeds} seed{'s' * (n_seeds > 1)}, synapses above the floor"
    figure.suptitle(f"{result.attrs['data_set']}, {shown}; {slopes}", fontsize=7)
    figure.supylabel("variance σ²", fontsize=8)


_PREDICTORS = dict(zip(FIGURE_PREDICTORS, ("Hessian", "learning rate", "input rate"), strict=True))
_SECOND: dict[str, Any] = {"rows": [(predictor, 1) for predictor in _PREDICTORS], "state": "published"}
FIGURES: dict[str, Callable[[Any, Any], None]] = {
    **{
        name.format(letter): panel(
            draw_rows,
            f"Variance against the {words}{where.format(letter)}.",
            rows=[(predictor, layer) for layer in layers],
            state=state,
        )
        for name, layers, state, where in (
            ("fig5{}", (1,), "published", ", second layer, published state (figure 5{})"),
            ("fig5{}-converged", (1,), "converged", " once the noise has settled"),
            ("app6-fig1{}", (0, 2), "published", " in the first and the last layer (appendix 6 figure 1)"),
        )
        for letter, (predictor, words) in zip("abc", _PREDICTORS.items(), strict=True)
    },
    **{
        f"app6-fig2{letter}": panel(
            draw_rows,
            f"The second layer with c ten times {words} (appendix 6 figure 2{letter}).",
            **_SECOND,
            c_factor=c_factor,
        )
        for letter, words, c_factor in (("a", "larger", 10.0), ("b", "smaller", 0.1))
    },
    "app5-fig1": draw_linear_network,
    "curvature": panel(
        draw_rows,
        "Variance against the curvature under the noise in every layer, once the noise has settled.",
        rows=[("hessian (curvature)", layer) for layer in range(3)],
        state="converged",
    ),
    "slopes": draw_slopes,
    "convergence": draw_convergence,
}
