"""Parts of figures that several experiments draw alike: a mean with its 95 % interval over seeds.

Values come as arrays whose first axis is the seed; nothing but mean and interval is computed here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit


def panels_by_rho(
    figure: Figure, result: xr.Dataset, rows: Sequence[Any], **shared: Any
) -> Iterator[tuple[Axes, Any, float]]:
    """Yield a panel, its row and its exponent rho for every row and every rho of a result."""
    panels = figure.subplots(len(rows), result.sizes["rho"], squeeze=False, **shared)
    for of_row, row in zip(panels, rows, strict=True):
        for axes, rho in zip(of_row, result.rho.values, strict=True):
            yield axes, row, rho


def label_sparsely(axes: Axes, *, vertical: bool = False, size: float = 7) -> None:
    """Label the decades of logarithmic axes, and their thirds where there are few; `vertical` if both are."""
    chosen = [(axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())]
    for axis, (low, high) in chosen[: 1 + vertical]:
        ratio = high / low
        subs = (1.0,) if ratio > 60 else (1.0, 3.0) if ratio > 8 else (1.0, 2.0, 3.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs, numticks=6 if ratio > 60 else 20))
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=size)


def half_width(values: ArrayLike) -> NDArray[np.float64]:
    """Return half the width of the 95 % interval of the mean over the first axis, by Student's t.

    >>> half_width([1.0, 2.0, 3.0]).round(3).item()
    2.484
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return np.full(values.shape[1:], np.nan)
    return stdtrit(n - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n)


def band(axes: Axes, x: ArrayLike, values: ArrayLike, colour: str, label: str, **line: Any) -> None:
    """Draw the mean over seeds of values (seed, point) against `x`, with its 95 % interval as a band."""
    values = np.asarray(values, dtype=float)
    mean, half = values.mean(axis=0), half_width(values)
    axes.plot(x, mean, color=colour, label=label, **{"marker": "o", "markersize": 3, **line})
    axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.2, linewidth=0)


def bars(
    axes: Axes,
    groups: Mapping[tuple[str, str], ArrayLike],
    *,
    published: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Draw one bar per group (label, colour) with its 95 % interval and every seed as a dot.

    `published` are mean and standard error by label, drawn as a diamond.
    """
    for position, ((label, colour), values) in enumerate(groups.items()):
        values = np.asarray(values, dtype=float)
        if not len(values):
            continue
        axes.bar(position, values.mean(), 0.7, color=colour, alpha=0.6)
        axes.errorbar(position, values.mean(), half_width(values), color="black", capsize=3, linewidth=1)
        axes.plot(np.full(len(values), position), values, ".", color="black", markersize=3)
        if published and label in published:
            mean, error = published[label]
            axes.errorbar(position + 0.25, mean, error, fmt="D", color="black", markersize=4, mfc="white")
    name_groups(axes, [label for label, _ in groups])


def name_groups(axes: Axes, names: Sequence[str]) -> None:
    """Name what stands side by side on the x axis: slanted, or upright where many names would touch."""
    many = {"rotation": 90} if len(names) > 6 else {"rotation": 35, "ha": "right"}
    axes.set_xticks(range(len(names)), names, fontsize=7, **many)
