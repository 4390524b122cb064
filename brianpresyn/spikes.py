"""Compare and draw the spikes of networks."""

from typing import Any

import numpy as np
from brian2 import SpikeMonitor, ms
from matplotlib.axes import Axes


def same_spikes(first: SpikeMonitor, second: SpikeMonitor) -> bool:
    """Return whether two runs gave the same spikes: the same cells at the same times, at least one.

    >>> from brian2 import Network, NeuronGroup
    >>> cells = NeuronGroup(2, "v : 1", threshold="True", reset="", dt=1*ms)
    >>> spikes = SpikeMonitor(cells)
    >>> Network(cells, spikes).run(3*ms)
    >>> same_spikes(spikes, spikes)
    True
    """
    return len(first.t) > 0 and all(
        np.array_equal(getattr(first, name)[:], getattr(second, name)[:]) for name in ("i", "t")
    )


def plot_spikes(spikes: SpikeMonitor, axes: Axes, **style: Any) -> None:
    """Draw a raster: one point per spike, time in ms across, cells up; the style is that of ``axes.plot``."""
    defaults = {"linestyle": "", "marker": ".", "markersize": 1.5, "markeredgewidth": 0, "color": "black"}
    axes.plot(spikes.t / ms, spikes.i, **{**defaults, **style})
    axes.set(xlabel="time (ms)", ylabel="cell", ylim=(-0.5, len(spikes.source) - 0.5))
