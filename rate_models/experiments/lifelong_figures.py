"""Tables and panels of the lifelong learning experiment, from its result alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from biophys.estimates import Estimate, in_range
from biophys.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION
from rate_models.experiments.lifelong_methods import METHODS, PUBLISHED_ACCURACY, data_of, kind_of
from rate_models.figure_parts import band, bars, name_groups
from rate_models.forgetting import backward_transfer, final_accuracy, forgetting, forward_transfer

# Panels side by side; more need two rows.
_MOST_IN_A_ROW = 3
_FIRST_TASK = ("presynaptic", "presynaptic_tuned", "none", "sgd_tuned", "adam_tuned")
_COMPARED = (*_FIRST_TASK, "ewc", "si", "bgd", "joint")
_TUNED = [name for name, method in METHODS.items() if method.source == "tuned arm"]
# Colours of the arms where their searches are told apart.
_TUNED_ARMS = dict(zip(_TUNED, (BLUE, GREEN, VERMILION, BLACK, PURPLE), strict=True))
_BY_TASK = ("presynaptic", "presynaptic_tuned", "none", "sgd_tuned", "ewc", "bgd", "joint")


def _benchmarks(result: xr.Dataset, *kinds: str) -> list[str]:
    """Return the benchmarks of these kinds, or all."""
    names = [str(name) for name in result.benchmark.to_numpy()]
    return [name for name in names if not kinds or kind_of(name) in kinds]


def _methods(result: xr.Dataset, benchmark: str, wanted: Iterable[str]) -> list[str]:
    """Return those of the wanted methods that were run on a benchmark."""
    there = {str(name) for name in result["algorithm"].to_numpy()}
    return [name for name in wanted if name in there and len(accuracy_table(result, benchmark, name))]


def _title(benchmark: str) -> str:
    kind = {"continuous": "continuous permuted"}.get(kind_of(benchmark), kind_of(benchmark).replace("_", "-"))
    data = {"mnist": "MNIST", "fashion": "Fashion"}.get(data_of(benchmark), data_of(benchmark))
    return f"{kind[0].upper()}{kind[1:]} {data}"


def _by_benchmark(
    result: xr.Dataset, figure: Figure, shown: Sequence[str], wanted: Iterable[str], nothing: str
) -> Iterator[tuple[Axes, str, list[str]]]:
    """Yield a titled panel for each benchmark, and those of the wanted methods that were run on it."""
    for axes, benchmark in zip(_panels(figure, len(shown), nothing), shown, strict=False):
        names = _methods(result, benchmark, wanted)
        counts = sorted({len(accuracy_table(result, benchmark, name)) for name in names})
        n_seeds = f"{' or '.join(map(str, counts))} seed{'' if counts == [1] else 's'}"
        axes.set_title(f"{_title(benchmark)}, {n_seeds}", fontsize=9)
        yield axes, benchmark, names


def _panels(figure: Figure, n: int, nothing: str) -> Sequence[Axes]:
    """Return a row of axes, two rows in a higher figure for many, or say that there is nothing to draw."""
    if n:
        n_rows = 1 if n <= _MOST_IN_A_ROW else 2
        figure.set_figheight(n_rows * figure.get_figheight())
        grid = figure.subplots(n_rows, -(-n // n_rows), squeeze=False).ravel().tolist()
        for unused in grid[n:]:
            unused.remove()
        return grid[:n]
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, nothing, ha="center", va="center")
    return []


def _legend(figure: Figure) -> None:
    """Explain below the panels what any of them shows."""
    shown: dict[str, Any] = {}
    for axes in figure.axes:
        shown.update(dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True)))
    if shown:
        figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=3, fontsize=7)


def _curve(axes: Axes, x: ArrayLike, values: np.ndarray, colour: str, label: str, **line: Any) -> None:
    """Draw the mean over seeds with its interval, or with every seed where two have an interval past use."""
    if len(values) > 2:
        band(axes, x, values, colour, label, **line)
        return
    axes.plot(x, values.mean(axis=0), color=colour, label=label, **{"marker": "o", "markersize": 3, **line})
    axes.plot(x, values.T, color=colour, linewidth=0.6, alpha=0.6)


def draw_first_task(result: xr.Dataset, figure: Figure) -> None:
    """Draw accuracy on the first task after each task; mean and 95 % interval, or both of two seeds (figure
    4b)."""
    shown = _benchmarks(result, "split", "permuted")
    nothing = "no task sequence was run"
    for axes, benchmark, names in _by_benchmark(result, figure, shown, _FIRST_TASK, nothing):
        for name in names:
            table = accuracy_table(result, benchmark, name)
            values = 100 * table[:, 1:, 0]
            _curve(axes, np.arange(1, values.shape[1] + 1), values, METHODS[name].colour, METHODS[name].label)
        axes.set_xlabel("tasks learned")
        axes.set_xticks(range(1, int(result.n_tasks.sel(benchmark=benchmark)) + 1))
        axes.set_ylabel("accuracy on task 1 (%)")
        axes.set_ylim(top=102)
    _legend(figure)


def draw_final_accuracy(result: xr.Dataset, figure: Figure) -> None:
    """Draw mean final accuracy, one dot a seed; diamonds: published (figure 4c, appendix 1 table 1)."""
    shown = _benchmarks(result)
    for axes, benchmark, names in _by_benchmark(result, figure, shown, _COMPARED, "nothing was run"):
        methods = [METHODS[name] for name in names]
        groups = {(each.label, each.colour): _final(result, benchmark, each.name) for each in methods}
        known = PUBLISHED_ACCURACY.get(benchmark, {})
        published = {each.label: known[each.name] for each in methods if each.name in known}
        bars(axes, groups, published=published)
        axes.set_ylabel("mean accuracy over all tasks (%)")
        means = [np.array([mean - error]) for mean, error in published.values()]
        axes.set_ylim(_floor((*groups.values(), *means)), 100)
    explained = "bars: mean, 95 % interval, dots: seeds; diamonds: published mean and standard error"
    figure.supxlabel(explained, fontsize=7)


def _final(result: xr.Dataset, benchmark: str, name: str) -> np.ndarray:
    """Return the mean final accuracy of every seed, percent."""
    return 100 * summary(result, benchmark, name)["final accuracy"]


def _floor(values: Iterable[np.ndarray]) -> float:
    """Return a round number below all values, where the axis starts."""
    lowest = min((float(member.min()) for member in values if len(member)), default=0.0)
    return max(0.0, 10 * np.floor(lowest / 10 - 0.5))


def draw_ablation(result: xr.Dataset, figure: Figure) -> None:
    """Draw the model without one or both of its mechanisms; mean and 95 % interval over seeds (figure 5a)."""
    arms = [name for name in METHODS if name.endswith("_arm") or METHODS[name].source == "tuned arm"]
    shown = [name for name in _benchmarks(result) if _methods(result, name, arms)]
    for axes, benchmark, names in _by_benchmark(result, figure, shown, arms, "no ablation was run"):
        groups = {}
        for name in names:
            tuned = " (tuned here)" if METHODS[name].source == "tuned arm" else ""
            groups[METHODS[name].label + tuned, METHODS[name].colour] = _final(result, benchmark, name)
        bars(axes, groups)
        axes.set_ylabel("mean accuracy over all tasks (%)")
        axes.set_ylim(_floor(groups.values()), 100)
    figure.supxlabel("bars: mean, 95 % interval, dots: seeds", fontsize=7)


def draw_by_task(result: xr.Dataset, figure: Figure) -> None:
    """Draw final accuracy on every task; mean and 95 % interval, or both of two seeds (app. 1 fig. 3a)."""
    shown = _benchmarks(result, "split", "class_split", "task_split")
    for axes, benchmark, names in _by_benchmark(result, figure, shown, _BY_TASK, "no split tasks were run"):
        for position, name in enumerate(names):
            values = 100 * accuracy_table(result, benchmark, name)[:, -1]
            at = np.arange(1, values.shape[1] + 1) + 0.08 * (position - len(names) / 2)
            _curve(axes, at, values, METHODS[name].colour, METHODS[name].label, linewidth=0.8)
        axes.set(xlabel="task", ylabel="accuracy after all tasks (%)")
        axes.set_ylim(top=102)
        axes.set_xticks(range(1, 6))
    _legend(figure)


def draw_release(result: xr.Dataset, figure: Figure) -> None:
    """Draw mean release probability and share of frozen synapses after each task (appendix 1 figure 3b)."""
    left, right = figure.subplots(1, 2)
    colours = (BLUE, ORANGE, GREEN, PURPLE, VERMILION)
    for benchmark, colour in zip(_benchmarks(result), colours, strict=False):
        for name in _methods(result, benchmark, ("presynaptic", "presynaptic_tuned"))[:1]:
            p = tasks_learned(result, "mean_p", benchmark, name)
            frozen = 100 * tasks_learned(result, "frozen", benchmark, name)
            label = f"{_title(benchmark)} ({len(p)} seeds)"
            _curve(left, np.arange(p.shape[1]), p, colour, label)
            _curve(right, np.arange(p.shape[1]), frozen, colour, label)
    left.set_ylabel("mean release probability")
    right.set_ylabel("frozen synapses (%)")
    for axes in (left, right):
        axes.set_xlabel("tasks learned")
    if left.lines:
        left.legend(fontsize=7)


def draw_search(result: xr.Dataset, figure: Figure) -> None:
    """Draw every trial of the search against its learning rate, on held-out training images."""
    searched = np.isfinite(result.trial_score).any("trial")
    shown = [name for name in _benchmarks(result) if bool(searched.sel(benchmark=name).any())]
    for axes, benchmark in zip(_panels(figure, len(shown), "nothing was searched"), shown, strict=False):
        for name in _methods(result, benchmark, (*_COMPARED, *_TUNED_ARMS)):
            at = {"benchmark": benchmark, "algorithm": name}
            rate = result.trial_setting.sel({**at, "hyperparameter": "learning_rate"}).to_numpy()
            score = 100 * result.trial_score.sel(at).to_numpy()
            if np.isfinite(score).any():
                colour, label, marker = METHODS[name].colour, METHODS[name].label, "o"
                if name in _TUNED_ARMS:
                    colour, label, marker = _TUNED_ARMS[name], f"ablation: {label}", "^"
                axes.plot(rate, score, marker, color=colour, label=label, markersize=4)
        axes.set_xscale("log")
        axes.set_title(_title(benchmark), fontsize=9)
        axes.set(xlabel="learning rate", ylabel="mean accuracy on held-out images (%)")
    _legend(figure)


def draw_transfer(result: xr.Dataset, figure: Figure) -> None:
    """Draw forgetting, backward and forward transfer; one mark per seed."""
    shown = _benchmarks(result, "split", "permuted")
    nothing = "no task sequence was run"
    markers = {"forgetting": "o", "backward transfer": "v", "forward transfer": "^"}
    for axes, benchmark, names in _by_benchmark(result, figure, shown, _COMPARED[:-1], nothing):
        for position, name in enumerate(names):
            results = summary(result, benchmark, name)
            for shift, (measure, marker) in zip((-0.2, 0, 0.2), markers.items(), strict=True):
                values = 100 * results[measure]
                label = measure if position == 0 else None
                style: dict[str, Any] = {"color": METHODS[name].colour, "markersize": 4, "label": label}
                axes.plot(np.full(len(values), position + shift), values, marker, **style)
        axes.axhline(0, color="black", linewidth=0.8)
        name_groups(axes, [METHODS[name].label for name in names])
        axes.set_ylabel("points of accuracy")
    _legend(figure)


FIGURES: dict[str, Callable[[xr.Dataset, Figure], None]] = {
    "first_task": draw_first_task,
    "final_accuracy": draw_final_accuracy,
    "ablation": draw_ablation,
    "by_task": draw_by_task,
    "release_probability": draw_release,
    "search": draw_search,
    "transfer": draw_transfer,
}
"""Panels by name: figures 4b, 4c, 5a, appendix 1 figure 3a and b, the search, and forgetting and transfer."""


def accuracy_table(result: xr.Dataset, benchmark: str, method: str) -> NDArray[np.float64]:
    """Return the accuracies of a method on a benchmark, (seed, n_tasks + 1, n_tasks).

    Seeds that were not run or diverged are left out.
    """
    n_tasks = int(result.n_tasks.sel(benchmark=benchmark))
    table = result.accuracy.sel({"benchmark": benchmark, "algorithm": method}).to_numpy()
    table = table[:, : n_tasks + 1, :n_tasks]
    return table[np.isfinite(table[:, -1]).all(axis=1)].astype(float)


def summary(result: xr.Dataset, benchmark: str, method: str) -> dict[str, NDArray[np.float64]]:
    """Return final accuracy, forgetting, backward and forward transfer of every seed.

    Joint training knows no order of tasks: there only the final accuracy is finite.
    """
    table = accuracy_table(result, benchmark, method)
    measures = (final_accuracy, forgetting, backward_transfer, forward_transfer)
    return {measure.__name__.replace("_", " "): measure(table) for measure in measures}


def tasks_learned(result: xr.Dataset, variable: str, benchmark: str, method: str) -> NDArray[np.float64]:
    """Return ``mean_p`` or ``frozen`` after 0, 1, ... tasks, shape (seed, n_tasks + 1)."""
    n_tasks = int(result.n_tasks.sel(benchmark=benchmark))
    values = result[variable].sel({"benchmark": benchmark, "algorithm": method}).to_numpy()[:, : n_tasks + 1]
    return values[np.isfinite(values).all(axis=1)].astype(float)


def trials_of(result: xr.Dataset, benchmark: str, method: str) -> Estimate | None:
    """Return median and range over the settings tried for a method, percent; None without a search."""
    scores = 100 * result.trial_score.sel({"benchmark": benchmark, "algorithm": method}).values
    scores = scores[np.isfinite(scores)]
    if not scores.size:
        return None
    ends, how = (float(scores.min()), float(scores.max())), f"median and range of {scores.size} trials"
    return in_range(float(np.median(scores)), ends, "range", how)


def transfer_text(result: xr.Dataset, benchmark: str, methods: Sequence[str]) -> str:
    """Return forgetting, backward and forward transfer of the methods that were run, in points."""
    rows = []
    for name in _methods(result, benchmark, methods):
        part = summary(result, benchmark, name)
        keys = ("forgetting", "backward transfer", "forward transfer")
        points = " / ".join(f"{100 * part[key].mean():.1f}" for key in keys)
        rows.append(f"{METHODS[name].label} {points}")
    return "; ".join(rows)
