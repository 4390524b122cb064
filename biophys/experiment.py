"""What an experiment is: a module with settings, the same in seconds, a function that runs, and figures."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from biophys.progress import Progress, ignore_progress

if TYPE_CHECKING:
    import xarray

Figures: TypeAlias = Mapping[str, Callable[[Any, Any], None]]
"""The function ``draw(result, figure)`` of every panel by its name; it computes nothing that takes long."""


def panel(draw: Callable[..., Any], caption: str, **settings: Any) -> Callable[[Any, Any], None]:
    """Return what draws a panel with these settings, and says of itself what it then shows."""
    drawing = functools.partial(draw, **settings)
    drawing.__doc__ = caption
    return drawing


def caption_of(draw: Callable[..., Any]) -> str:
    """Return what a figure shows: the first paragraph that its function says of itself, without the verb.

    >>> caption_of(panel(print, "Draw accuracy against energy.", sep=""))
    'Accuracy against energy.'
    """
    while isinstance(draw, functools.partial) and draw.__doc__ == functools.partial.__doc__:
        draw = draw.func
    text = " ".join((inspect.getdoc(draw) or "").partition("\n\n")[0].split()).removeprefix("Draw ")
    return text[:1].upper() + text[1:]


class Experiment(Protocol):
    """What every module of an experiment has, in spikes or in rates; one test holds all of them to it.

    Attributes
    ----------
    Config
        Class of the settings (`biophys.settings`); its defaults are the published values with their source.
    QUICK : settings of the same experiment in seconds
    MAY_DIFFER
        Settings in which a result may differ from the one that was asked for: seeds, grouping, what is swept.
    FIGURES : every panel
    """

    __name__: str
    Config: Callable[..., Any]
    QUICK: Any
    MAY_DIFFER: tuple[str, ...]
    FIGURES: Figures

    def work(self, config: Any) -> float:
        """Return how much work a run is, in a unit of the experiment's own: ratios are what counts."""

    def run(self, config: Any, *, on_progress: Progress = ignore_progress) -> xarray.Dataset:
        """Return a result from which every figure can be drawn; only here seeds become generators.

        Rate networks also take, by keyword, ``execution`` (device and precision, where images lie),
        ``executor`` (where batches of networks are trained; None for this process) and ``keep_in`` (a folder
        of finished networks, from which a run that broke off goes on; None for none).
        """
