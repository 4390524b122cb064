"""The panels of an experiment as figures of the report, each with its caption and the claim it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from validation.claims.claim import ClaimFigure

if TYPE_CHECKING:
    import xarray as xr


def drawn_panels(
    draw: Mapping[str, Callable[[xr.Dataset, Figure], None]],
    result: xr.Dataset,
    captions: Mapping[str, tuple[str, str]],
    size: tuple[float, float] = (9, 3.4),
) -> tuple[ClaimFigure, ...]:
    """Return the panels that have a caption, drawn from a result.

    Parameters
    ----------
    draw
        What draws each panel: the `FIGURES` of an experiment.
    result
        Its result.
    captions
        Claim and caption of each panel that is wanted, in the order of the report.
    size
        Of a figure in inches.
    """
    found = []
    for panel, (claim, caption) in captions.items():
        figure = Figure(figsize=size, layout="constrained")
        draw[panel](result, figure)
        found.append(ClaimFigure(figure, caption, claim))
    return tuple(found)
