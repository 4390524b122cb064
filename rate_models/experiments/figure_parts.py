"""Parts of figures that several experiments draw alike: a mean with its 95 % interval over seeds.

Values come as arrays whose first axis is the seed; nothing but mean and interval is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def half_width(values: ArrayLike) -> NDArray[np.float64]:
    """Return half the width of the 95 % interval of the mean over the first axis, by Student's t.

    Examples
    --------
    >>> half_width([1.0, 2.0, 3.0]).round(3).item()
    2.484
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return np.full(values.shape[1:], np.nan)
    return stdtrit(n - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n)


def band(axes: Axes, x: ArrayLike, values: ArrayLike, colour: str, label: str, **line: Any) -> None:
    """Draw the mean over seeds against `x`, with its 95 % interval as a band.

    Parameters
    ----------
    axes : where to
    x : shape (point,)
    values : shape (seed, point)
    colour, label : of the line
    **line : further properties of the line
    """
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
    """Draw one horizontal bar per group with its 95 % interval and every seed as a dot.

    Parameters
    ----------
    axes : where to
    groups : values (seed,) by (label, colour); the first is drawn on top
    published : published mean and standard error by label, drawn as a diamond
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
    axes.set_xticks(range(len(groups)), [label for label, _ in groups], rotation=35, ha="right", fontsize=8)
