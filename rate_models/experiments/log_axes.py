"""Logarithmic axes whose labels do not overlap."""

from __future__ import annotations

from typing import Any


def label_sparsely(axes: Any, *, vertical: bool = False, size: float = 7) -> None:
    """Label the decades of the logarithmic axes, and their thirds where there are few decades.

    Parameters
    ----------
    axes : matplotlib axes whose horizontal axis is logarithmic
    vertical : whether the vertical one is too
    size : of the labels, in points
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    chosen = [(axes.xaxis, axes.get_xlim())]
    if vertical:
        chosen.append((axes.yaxis, axes.get_ylim()))
    for axis, (low, high) in chosen:
        ratio = high / low
        subs = (1.0,) if ratio > 60 else (1.0, 3.0) if ratio > 8 else (1.0, 2.0, 3.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs, numticks=6 if ratio > 60 else 20))
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=size)
