"""The panels of the energy experiment, each drawn from its saved result alone.

Schug S, Benzing F, Steger A (2021), figures 1-3 and appendix 1 figures 1 and 2. eLife 10:e69884,
doi:10.7554/eLife.69884
"""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import erfc
from scipy.stats import spearmanr

from biophys.estimates import Estimate, mean_of
from biophys.experiment import Figures, panel
from biophys.gradient_threshold import probability_above
from biophys.palette import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from rate_models.experiments.network_measures import ENERGY_EDGES, FISHER_EDGES, P_EDGES
from rate_models.information import corrected_information

HIGH_P = 0.9
MIN_ACCURACY = 0.5
"""Networks that answer less well have collapsed."""

COLOURS = {
    "soft_bound": VERMILION,
    "soft_bound_uniform": VERMILION,
    "additive": ORANGE,
    "additive_uniform": ORANGE,
    "deterministic": BLACK,
    "deterministic_slow": GREY,
    "fixed_release": BLUE,
    "matched_release": SKY,
}
"""One colour-blind-safe colour per model (Okabe-Ito), the same in every panel."""

LABELS = {
    "soft_bound": "plastic release",
    "soft_bound_uniform": "plastic release, p starts uniform",
    "additive": "plastic release, additive rule",
    "additive_uniform": "additive rule, p starts uniform",
    "deterministic": "deterministic",
    "deterministic_slow": "deterministic, rate 0.05",
    "fixed_release": "fixed release, p = 0.4",
    "matched_release": "fixed release, p matched",
}
"""What each model is called in figures."""

_GROUP_COLOURS = {"low p": SKY, "high p": GREEN}
_TRUE, _SHUFFLED = GREEN, GREY
_SMALL = 8
_PER_ENERGY = "information per energy\n(bit per 1000 units of Σ|w̄|)"
_ENERGY_LABEL = "energy of a synapse |w̄| (arbitrary units)"
_FISHER_LABEL = "Fisher information (nat² per unit of w̄²)"


def mean_and_sem(values: xr.DataArray, over: str = "seed") -> tuple[xr.DataArray, xr.DataArray]:
    """Return mean and standard error over seeds, leaving out networks that diverged."""
    n = values.notnull().sum(over)
    return values.mean(over), values.std(over, ddof=1) / np.sqrt(n)


def ratio_of(
    result: xr.Dataset, energy: str = "synaptic_energy", information: str = "information", prefix: str = ""
) -> xr.DataArray:
    """Return information per energy of every network, in bit per unit of energy, at the last epoch.

    Where all networks of a setting have collapsed (mean accuracy below one half) it is nan: both information
    and energy then vanish. `prefix` is ``""``, ``"step_size_"`` or ``"scan_"``.
    """
    names = [prefix + name for name in (information, energy, "accuracy")]
    above, below, accuracy = (result[name].isel(epoch=-1, missing_dims="ignore") for name in names)
    seeds = "seed" if "seed" in above.dims else "variant_seed"
    return (above / below).where(accuracy.mean(seeds) >= MIN_ACCURACY)


def best_over(ratio: xr.DataArray, swept: str, renamed: str) -> xr.DataArray:
    """Return the ratio where its mean over seeds is largest along `swept`; coordinate `renamed` says where.

    Settings that have no finite value at all are left out.
    """
    seeds = "seed" if "seed" in ratio.dims else "variant_seed"
    mean = ratio.mean(seeds)
    kept = next(dim for dim in mean.dims if dim != swept)
    measured = mean.notnull().any(swept)
    ratio, mean = ratio.sel({kept: measured}), mean.sel({kept: measured})
    return ratio.isel({swept: mean.fillna(-np.inf).argmax(swept)}).rename({swept: renamed})


def best_ratio(
    result: xr.Dataset, energy: str = "synaptic_energy", information: str = "information", prefix: str = ""
) -> xr.DataArray:
    """Return each model's information per energy at its best penalty, the coordinate ``best_l2``.

    Its shape is (model, seed), for other steps of p (``"step_size_"``) (step_size, variant_seed), and for
    fixed p (``"scan_"``), at the best learning rate ``best_rate``, (fixed_p, variant_seed).
    """
    swept = ("learning_rate", "best_rate") if prefix == "scan_" else ("l2", "best_l2")
    return best_over(ratio_of(result, energy, information, prefix), *swept)


def with_plug_in(result: xr.Dataset) -> xr.Dataset:
    """Return the result with the information of the answers themselves, less its bias (Miller and Madow)."""
    counts = result.confusion.values
    is_measured = np.isfinite(counts).all(axis=(-2, -1))
    information = np.full(is_measured.shape, np.nan)
    information[is_measured] = corrected_information(counts[is_measured])
    return result.assign(plug_in=(result.information.isel(epoch=-1).dims, information))


def energy_at_levels(at: xr.Dataset, levels: np.ndarray) -> np.ndarray:
    """Return the energy at which each network reaches these levels, shape (seed, level).

    Between penalties, which come from the strongest to the weakest, the logarithm of the energy is taken as
    linear. Information that falls as energy rises is no reason to spend it: the largest so far counts.
    """
    information = np.maximum.accumulate(at.information.transpose("seed", "l2").values, axis=1)
    energy = np.log(at.synaptic_energy.transpose("seed", "l2").values)
    steps = [np.unique(reached, return_index=True) for reached in information]
    results = [np.interp(levels, x, spent[at]) for (x, at), spent in zip(steps, energy, strict=True)]
    return np.exp(np.array(results))


def energy_at_equal_information(
    at: xr.Dataset, first: str, second: str
) -> tuple[dict[str, Estimate] | None, str]:
    """Return the energy of a model over that of another at five levels of information, seed by seed.

    Every network of both starts below the lowest level, and reaches the highest at some penalty; where there
    is no such level, None and the reason. `at` is of one epoch, with the strongest penalty first.
    """
    information = at.information.sel(model=[first, second])
    low, high = float(information.isel(l2=0).max()), float(information.max("l2").min())
    if not low < high:
        return None, f"the curves do not overlap: one begins at {low:.2f} bit, another ends at {high:.2f}"
    levels = np.linspace(low, high, 5)
    energies = [energy_at_levels(at.sel(model=model), levels) for model in (first, second)]
    return {
        f"{level:.2f} bit": mean_of(values, "ratio", unit="networks", how="paired seeds")
        for level, values in zip(levels, (energies[0] / energies[1]).T, strict=True)
    }, ""


def gradients_by_fisher(at: xr.Dataset) -> tuple[list[float], xr.DataArray]:
    """Return of each network how the share of gradients above g_lim goes with the Fisher information.

    The rank correlation over synapses, and the share less erfc(g_lim / (rms sqrt 2)), mean over synapses.
    """
    g_lim = float(at.attrs["g_lim"])
    at = at[["mean_squared_gradient", "share_above"]].stack(synapses=["layer", "synapse"])
    parts = (at.sel(seed=seed) for seed in at.seed.values)
    ranks = [spearmanr(part.mean_squared_gradient, part.share_above).statistic for part in parts]
    rms = np.sqrt(at.mean_squared_gradient)
    formula = probability_above(g_lim, np.maximum(rms.values, 1e-30))
    return ranks, (at.share_above - np.where(rms > 0, formula, 0.0)).mean("synapses")


def draw_trade_off(result: xr.Dataset, figure: Figure) -> None:
    """Draw mutual information against synaptic energy, one point per L2 penalty (figure 1a)."""
    axes = figure.add_subplot()
    final = result.isel(epoch=-1)
    for model in _compared(result):
        spent, spent_error = mean_and_sem(final["synaptic_energy"].sel(model=model))
        style = {"color": COLOURS[model], "label": LABELS[model]}
        information = final["information"].sel(model=model)
        _errorbar(axes, spent, information, xerr=spent_error, linewidth=1, **style)
    xlabel = "synaptic energy Σ|w̄| (arbitrary units)"
    axes.set(xlabel=xlabel, ylabel="mutual information (bit)", xscale="log")
    _say(axes, f"{result.sizes['l2']} L2 penalties, {_n_seeds(result)}, mean ± SEM")
    axes.legend(fontsize=_SMALL)


def _errorbar(axes: Axes, x: Any, values: xr.DataArray, over: str = "seed", **style: Any) -> None:
    """Draw means and standard errors over seeds."""
    mean, error = mean_and_sem(values, over)
    axes.errorbar(x, mean, error, **{"marker": "o", "markersize": 4, **style})


def draw_best_ratio(result: xr.Dataset, figure: Figure) -> None:
    """Draw the best information per energy of each model (figure 1b)."""
    axes = figure.add_subplot()
    ratio = 1000 * best_ratio(result)
    models = [model for model in _compared(result) if model in ratio.model.values]
    for position, model in enumerate(models):
        values = ratio.sel(model=model)
        mean, error = mean_and_sem(values)
        axes.bar(position, float(mean), yerr=float(error), color=COLOURS[model], alpha=0.6, capsize=3)
        axes.plot(np.full(values.size, position), values, "o", color=COLOURS[model], markersize=4)
        note = f"L2 = {float(values.best_l2):.3g}"
        axes.annotate(note, (position, 0), (0, 4), textcoords="offset points", ha="center", fontsize=_SMALL)
    labels = [LABELS[model].replace(", ", ",\n").replace("release", "\nrelease", 1) for model in models]
    axes.set_xticks(range(len(models)), labels, fontsize=_SMALL)
    axes.set_ylabel(_PER_ENERGY)
    _say(axes, f"each at its best L2; {_n_seeds(result)} (dots), mean ± SEM")


def draw_ratios(result: xr.Dataset, figure: Figure, energy: str = "synaptic_energy") -> None:
    """Draw information per energy against the L2 penalty (appendix 1 figure 1a)."""
    axes = figure.add_subplot()
    ratio = 1000 * ratio_of(result, energy)
    places = np.arange(result.sizes["l2"])
    for model in _compared(result):
        _errorbar(axes, places, ratio.sel(model=model), color=COLOURS[model], label=LABELS[model])
    axes.set_xticks(places, [f"{l2:.3g}" for l2 in result.l2.values])
    unit = {"synaptic_energy": "Σ|w̄|", "neuronal_energy": "summed activity"}[energy]
    axes.set(xlabel="L2 penalty", ylabel=f"information per energy\n(bit per 1000 units of {unit})")
    _say(axes, f"{_n_seeds(result)}, mean ± SEM")
    axes.legend(fontsize=_SMALL)


def draw_fixed_release(result: xr.Dataset, figure: Figure) -> None:
    """Draw information per energy against a fixed release probability (appendix 1 figure 1c)."""
    axes = figure.add_subplot()
    if "scan_information" not in result:
        _say(axes, "not part of this run")
        return
    mean = (1000 * ratio_of(result, prefix="scan_")).mean("variant_seed")
    rates = result.learning_rate.values
    for rate, shade in zip(rates, np.linspace(0.8, 0.3, len(rates)), strict=True):
        label, y = f"learning rate {rate:.3g}", mean.sel(learning_rate=rate)
        axes.plot(result.fixed_p, y, ".-", color=str(shade), linewidth=1, label=label)
    best = best_ratio(result, prefix="scan_") * 1000
    colour = COLOURS["fixed_release"]
    _errorbar(axes, best.fixed_p, best, "variant_seed", color=colour, label="best learning rate")
    axes.set(xlabel="fixed release probability p", ylabel=_PER_ENERGY)
    _say(axes, f"L2 = {result.attrs['shown_l2']:g}, {result.sizes['variant_seed']} seeds, mean ± SEM")
    axes.legend(fontsize=_SMALL)


def draw_release_probabilities(result: xr.Dataset, figure: Figure) -> None:
    """Draw release probabilities before and after learning; dotted: p = 0.9 (figure 2a)."""
    for axes, model in _by_model(result, figure, "share of synapses"):
        _draw_p(axes, result, model)
        p_min = float(result.attrs["p_min"])
        before = np.histogram([p_min], P_EDGES)[0]
        axes.stairs(before, P_EDGES, color="0.6", fill=True, alpha=0.5, label="before learning")
        axes.legend(fontsize=_SMALL)


def draw_uniform_start(result: xr.Dataset, figure: Figure) -> None:
    """Draw release probabilities after learning that started constant and uniform (appendix 1 figure 1d)."""
    axes = figure.add_subplot()
    models = [str(m) for m in result.model.values if str(m) in ("soft_bound", "soft_bound_uniform")]
    for model in models:
        _draw_p(axes, result, model, linestyle="--" if model.endswith("uniform") else "-")
    start = np.clip((P_EDGES[1:] - float(result.attrs["p_min"])) / (1 - float(result.attrs["p_min"])), 0, 1)
    axes.stairs(np.diff(start, prepend=0), P_EDGES, color="0.6", label="uniform, before learning")
    axes.set_ylabel("share of synapses")
    axes.legend(fontsize=_SMALL)


def _draw_p(axes: Axes, result: xr.Dataset, model: str, linestyle: str = "-") -> None:
    counts = result.p_count.sel(model=model, l2=_shown(result))
    style: dict[str, Any] = {"color": COLOURS[model], "linewidth": 1.5, "linestyle": linestyle}
    axes.stairs(counts / counts.sum(), P_EDGES, label=LABELS[model], **style)
    axes.axvline(HIGH_P, color="0.5", linestyle=":", linewidth=1)
    axes.set(xlabel="release probability p", yscale="log", xlim=(0.2, 1.0), ylim=(1e-4, 1.5))
    _say(axes, f"L2 = {_shown(result):.3g}, {_n_seeds(result)} pooled")


def draw_lesions(result: xr.Dataset, figure: Figure) -> None:
    """Draw accuracy after removing synapses in four orders (figure 2b)."""
    lines = {
        "release_probability": ("lowest p first", VERMILION),
        "strength": ("smallest |w̄| first", BLUE),
        "strength_times_p": ("smallest p|w̄| first", PURPLE),
        "random": ("random order", "0.5"),
    }
    for axes, model in _by_model(result, figure, "accuracy"):
        for order, (label, colour) in lines.items():
            left = result.lesion_accuracy.sel(model=model, l2=_shown(result), order=order)
            mean, error = mean_and_sem(left)
            axes.plot(left.fraction, mean, "o-", color=colour, markersize=3, linewidth=1, label=label)
            axes.fill_between(left.fraction, mean - error, mean + error, color=colour, alpha=0.3, linewidth=0)
        axes.set(xlabel="share of synapses removed", ylim=(0, 1))
        _say(axes, f"{LABELS[model]}\nL2 = {_shown(result):.3g}, {_n_seeds(result)}, mean ± SEM")
        axes.legend(fontsize=_SMALL)


def draw_groups(result: xr.Dataset, figure: Figure, counted: str, edges: np.ndarray, label: str) -> None:
    """Draw a histogram for each group, in bins of equal width on the logarithmic axis (figures 2c, d)."""
    counts = result[counted]
    if "expectation" in counts.dims:
        counts = counts.sel(expectation="observed")
    for axes, model in _by_model(result, figure, "share of the group's synapses per bin"):
        for group, colour in _GROUP_COLOURS.items():
            member = counts.sel(model=model, l2=_shown(result), importance=group)
            share = member[1:] / max(float(member.sum()), 1.0)
            below = float(member[0]) / max(float(member.sum()), 1.0)
            text = f"{group} ({below:.0%} below the axis)" if below > 0.005 else group
            axes.stairs(share, edges[1:], color=colour, fill=True, alpha=0.5, label=text)
        axes.set(xscale="log", xlabel=label)
        axes.xaxis.label.set_fontsize(_SMALL)
        _say(axes, f"{LABELS[model]}\nL2 = {_shown(result):.3g}, {_n_seeds(result)} pooled")
        axes.legend(fontsize=_SMALL, title=f"p < or ≥ {HIGH_P}", title_fontsize=_SMALL)


def draw_important_inputs(result: xr.Dataset, figure: Figure) -> None:
    """Draw important inputs per neuron of the second hidden layer, learned and shuffled (figure 3a)."""
    axes = figure.add_subplot()
    _draw_counts(axes, result, "inputs", 2)
    axes.legend(fontsize=_SMALL)
    axes.set_ylabel("neurons")


def draw_importance_of_all_layers(result: xr.Dataset, figure: Figure) -> None:
    """Draw important inputs and outputs per neuron of every weight matrix (appendix 1 figure 2a)."""
    panels = figure.subplots(result.sizes["layer"], 2, squeeze=False)
    for layer, row in enumerate(panels, start=1):
        for axes, side in zip(row, ("inputs", "outputs"), strict=True):
            _draw_counts(axes, result, side, layer)
            axes.set_ylabel("neurons", fontsize=_SMALL)
            axes.tick_params(labelsize=_SMALL)
            axes.xaxis.label.set_fontsize(_SMALL)
    panels[0][0].legend(fontsize=_SMALL - 1)


def _draw_counts(axes: Axes, result: xr.Dataset, side: str, layer: int) -> None:
    """Draw true and shuffled counts of one weight matrix of the first network."""
    item = result.isel(plastic_model=0, seed=0)
    name = f"{side}_{layer}"
    true, shuffled = item[name].values, item[f"shuffled_{name}"].values
    n_partners = item.attrs["sizes"][layer - 1 if side == "inputs" else layer]
    edges = np.linspace(0, max(true.max(), shuffled.max()) / n_partners + 1e-9, 25).tolist()
    for values, colour, label in ((true, _TRUE, "learned"), (shuffled, _SHUFFLED, "shuffled")):
        axes.hist(values / n_partners, edges, color=colour, alpha=0.6, label=label)
    model = str(item.plastic_model.values)
    test = item.sel(l2=_shown(result), layer=layer, side=side, shuffle="matrix", model=model)
    axes.set_xlabel(f"share of important {side}, weight matrix {layer}")
    _say(axes, f"one network, KS D = {float(test.neuron_ks_d):.3f}, p = {float(test.neuron_ks_p):.1g}")


def draw_neuron_groups(result: xr.Dataset, figure: Figure) -> None:
    """Draw neurons of low, medium and high importance (figure 3b)."""
    axes = figure.add_subplot()
    model = str(result.plastic_model.values[0])
    at = result.sel(model=model, l2=_shown(result), layer=2, side="inputs", shuffle="matrix")
    places = np.arange(at.sizes["group"])
    learned = (-0.2, at.neuron_group_share, _TRUE, "learned")
    shuffled = (0.2, at.neuron_shuffled_group_share, _SHUFFLED, "shuffled")
    for offset, values, colour, label in (learned, shuffled):
        mean, error = mean_and_sem(values)
        axes.bar(places + offset, mean, 0.4, yerr=error, color=colour, alpha=0.7, capsize=3, label=label)
    axes.set_xticks(places, [str(group) for group in at.group.values])
    axes.set(xlabel="importance of a neuron of hidden layer 2", ylabel="share of neurons")
    shown = f"L2 = {_shown(result):.3g}, {_n_seeds(result)}, mean ± SEM"
    _say(axes, f"low, high: 2 sd from the shuffled mean; {shown}")
    axes.legend(fontsize=_SMALL)


def draw_inputs_and_outputs(
    result: xr.Dataset, figure: Figure, layers: tuple[int, ...] | None = None
) -> None:
    """Draw important outputs against important inputs of hidden neurons (figure 3c, appendix 1 figure 2b)."""
    layers = layers or tuple(range(1, result.sizes["hidden_layer"] + 1))
    item = result.isel(plastic_model=0, seed=0)
    model = str(item.plastic_model.values)
    for layer, axes in zip(layers, figure.subplots(1, len(layers), squeeze=False)[0], strict=True):
        r = float(item.input_output_r.sel(model=model, l2=_shown(result), hidden_layer=layer))
        inputs, outputs = item[f"inputs_{layer}"], item[f"outputs_{layer + 1}"]
        axes.plot(inputs, outputs, "o", color=_TRUE, markersize=3, alpha=0.6)
        axes.set(xlabel="important inputs of a neuron", ylabel="important outputs of a neuron")
        _say(axes, f"hidden layer {layer}, one network, L2 = {_shown(result):.3g}\nr = {r:.4f}")


def draw_threshold_crossings(result: xr.Dataset, figure: Figure) -> None:
    """Draw the share of gradients above the threshold against their root mean square, one dot per synapse of
    a trained network, with equation 10 for normal and Laplace gradients."""
    sizes = result.images_per_gradient.values
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    g_lim = float(result.attrs["g_lim"])
    item = result.isel(plastic_model=0)
    for axes, size in zip(panels, sizes, strict=True):
        at = item.sel(images_per_gradient=size)
        for layer, colour in zip(item.layer.values, (BLUE, ORANGE, PURPLE, GREEN), strict=False):
            rms = np.sqrt(at.mean_squared_gradient.sel(layer=layer).values.ravel()) / g_lim
            share = at.share_above.sel(layer=layer).values.ravel()
            axes.plot(rms, share, ".", color=colour, markersize=2, alpha=0.5, label=f"weight matrix {layer}")
        scale = np.geomspace(0.03, 1000, 200)
        axes.plot(scale, erfc(1 / (scale * np.sqrt(2))), color="black", linewidth=1, label="normal: erfc")
        axes.plot(scale, np.exp(-np.sqrt(2) / scale), "k--", linewidth=1, label="Laplace")
        axes.set(xscale="log", xlabel="root mean square gradient / g_lim")
        _say(axes, f"gradients of {size} image{'s' if size > 1 else ''}, {_n_seeds(result)}")
    panels[0].set_ylabel("share of gradients above g_lim")
    panels[0].legend(fontsize=_SMALL - 1, markerscale=4)


def draw_step_sizes(result: xr.Dataset, figure: Figure) -> None:
    """Draw the best information per energy with other step sizes of p ("Model robustness")."""
    axes = figure.add_subplot()
    if "step_size_information" not in result:
        _say(axes, "not part of this run")
        return
    best = 1000 * best_ratio(result, prefix="step_size_")
    names = [str(name) for name in best.step_size.values]
    style = {"linestyle": "none", "color": COLOURS["soft_bound"], "capsize": 3, "markersize": None}
    _errorbar(axes, range(len(names)), best, "variant_seed", **style)
    reference = 1000 * best_ratio(result)
    compared = ("soft_bound", "deterministic", "fixed_release", "matched_release")
    known = [model for model in compared if model in reference.model.values]
    for model in known:
        value = float(reference.sel(model=model).mean())
        axes.axhline(value, color=COLOURS[model], linewidth=1, label=LABELS[model])
    axes.set_xticks(range(len(names)), [name.replace(" x ", "\n× ") for name in names], fontsize=_SMALL)
    axes.set(xlabel="steps of p", ylabel=f"best {_PER_ENERGY}")
    axes.set_ylim(bottom=0)
    _say(axes, f"points: {result.sizes['variant_seed']} seeds, mean ± SEM; lines: means of the models")
    if known:
        axes.legend(fontsize=_SMALL)


def _compared(result: xr.Dataset) -> list[str]:
    return [str(model) for model in result.model.values if not str(model).endswith("uniform")]


def _by_model(result: xr.Dataset, figure: Figure, label: str) -> list[tuple[Axes, str]]:
    """Return a panel for each plastic model whose synapses were looked at one by one."""
    models = [str(model) for model in result.plastic_model.values]
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    panels[0].set_ylabel(label)
    return list(zip(panels, models, strict=True))


def _shown(result: xr.Dataset) -> float:
    return float(result.l2.sel(l2=result.attrs["shown_l2"], method="nearest"))


def _n_seeds(result: xr.Dataset) -> str:
    return f"{result.sizes['seed']} seeds"


def _say(axes: Axes, text: str) -> None:
    axes.set_title(text, fontsize=9)


_energies = {"counted": "energy_count", "edges": ENERGY_EDGES, "label": _ENERGY_LABEL}
_fisher = {"counted": "fisher_count", "edges": FISHER_EDGES, "label": _FISHER_LABEL}
FIGURES: Figures = {
    "fig1a": draw_trade_off,
    "fig1b": draw_best_ratio,
    "fig2a": draw_release_probabilities,
    "fig2b": draw_lesions,
    "fig2c": panel(
        draw_groups, "Energy of synapses with low and with high release probability (figure 2c).", **_energies
    ),
    "fig2d": panel(
        draw_groups,
        "Fisher information (observed labels, mean network, test images) of synapses by p (figure 2d).",
        **_fisher,
    ),
    "fig3a": draw_important_inputs,
    "fig3b": draw_neuron_groups,
    "fig3c": panel(
        draw_inputs_and_outputs,
        "Important outputs against important inputs of the first hidden layer (figure 3c).",
        layers=(1,),
    ),
    "app1-fig1a": draw_ratios,
    "app1-fig1b": panel(
        draw_ratios,
        "Information per activity of the hidden units against the L2 penalty (appendix 1 figure 1b).",
        energy="neuronal_energy",
    ),
    "app1-fig1c": draw_fixed_release,
    "app1-fig1d": draw_uniform_start,
    "app1-fig2a": draw_importance_of_all_layers,
    "app1-fig2b": draw_inputs_and_outputs,
    "eq10": draw_threshold_crossings,
    "robustness": draw_step_sizes,
}
"""The panels and what draws them."""
