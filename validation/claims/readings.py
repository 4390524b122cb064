"""A statement about recordings under many readings: a number and its interval for each, in one panel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes


def draw_readings(
    axes: Axes, found: Mapping[str, tuple[float, tuple[float, float]]], published: float
) -> None:
    """Draw a number and its interval for each reading, the first at the top and in black.

    Parameters
    ----------
    axes
        Where to.
    found
        Number and 95 % interval by the label of the reading, the main one first.
    published
        The published number, drawn as a dashed line.
    """
    places = -np.arange(len(found))
    values = np.array([value for value, _ in found.values()])
    ends = np.array([interval for _, interval in found.values()])
    errors = [values - ends[:, 0], ends[:, 1] - values]
    axes.errorbar(values, places, xerr=errors, fmt="o", color="#0072B2", markersize=4)
    axes.plot(values[0], places[0], "o", color="black")
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.axvline(published, color="black", linestyle="--", linewidth=0.8)
    axes.set_yticks(places, list(found), fontsize=7)
