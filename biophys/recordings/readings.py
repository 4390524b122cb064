"""A statement about recordings under many readings: a number and its interval for each, in one panel."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from biophys.estimates import Estimate
from biophys.palette import BLUE


def draw_readings(axes: Axes, readings: Mapping[str, Estimate], published: float) -> None:
    """Draw a number and its interval for each reading, the first in black, and a published one dashed."""
    levels = -np.arange(len(readings))
    values = np.array([estimate.value for estimate in readings.values()])
    ends = np.array([estimate.interval or (np.nan, np.nan) for estimate in readings.values()])
    errors = [values - ends[:, 0], ends[:, 1] - values]
    axes.errorbar(values, levels, xerr=errors, fmt="o", color=BLUE, markersize=4)
    axes.plot(values[0], levels[0], "o", color="black")
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.axvline(published, color="black", linestyle="--", linewidth=0.8)
    axes.set_yticks(levels, list(readings), fontsize=7)
