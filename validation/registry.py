"""Which claims there are and what measures each: found in `validation.claims` and in plugins."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.figure import Figure

import validation.claims
from biophys.argument_types import checked_types
from biophys.experiment import caption_of
from biophys.plugins import load_plugins
from biophys.units import shown
from validation.context import Context
from validation.figure_urls import figure_as_data_url
from validation.published_settings import published_settings
from validation.runs import Run, experiment_module, noting_runs, result_for
from validation.statement import PUBLISHED, Claim, Measurement, Rendering, corrected, placed, setting_of

_CLAIMS: dict[str, Claim] = {}
_MEASURES: list[Measure] = []

# What an experiment with trained networks needs beyond the core dependencies.
TRAINED = ("torch", "sklearn", "xarray")

# Schug et al., Malkin et al., cross-checks.
_ORDER = "SMX"


@dataclass(frozen=True)
class ClaimFigure:
    """A figure of the report, the sentence below it, and the claim it belongs to.

    Without a claim it stands with the first claim of the function that drew it.
    """

    figure: Figure
    caption: str
    claim: str = ""

    @functools.cached_property
    def data_url(self) -> str:
        """The figure as the page holds it; once made, it goes along into another process."""
        return figure_as_data_url(self.figure)


@dataclass(frozen=True)
class Evidence:
    """What one measuring function found: numbers, figures and remarks for one or more claims."""

    measurements: tuple[Measurement, ...]
    figures: tuple[ClaimFigure, ...] = ()
    remarks: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    """Runs of experiments that were used, without their results."""


Findings = Iterable["Measurement | ClaimFigure | str"]
"""What a measuring function yields: rows, figures, and remarks as text."""


@dataclass(frozen=True)
class Measure:
    """A function that measures one or more claims in one rendering, as `measures` registers it.

    It takes a `Context`, after the finished run where there is an experiment, and yields `Findings`.
    """

    function: Callable[..., Any]
    claims: tuple[str, ...]
    rendering: Rendering
    data_sets: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    experiment: str = ""
    lasts_long: bool = False

    @property
    def name(self) -> str:
        """Name of the function, which no other measure has."""
        return self.function.__name__

    def evidence(self, context: Context) -> Evidence:
        """Return what the function finds, after running or reading its experiment."""
        with noting_runs() as used:
            given = (result_for(self.experiment, context),) if self.experiment else ()
            evidence = evidence_of(self.function(*given, context))
        return replace(evidence, runs=tuple(used))


def evidence_of(findings: Findings) -> Evidence:
    """Return what a measuring function yielded, sorted by kind, with the verdicts of families corrected."""
    items = list(findings)
    return Evidence(
        tuple(corrected(item for item in items if isinstance(item, Measurement))),
        tuple(item for item in items if isinstance(item, ClaimFigure)),
        tuple(item for item in items if isinstance(item, str)),
    )


def declared(*claims: Claim) -> None:
    """Enter claims, also those that nothing measures yet.

    Raises ValueError if another claim has the same id.
    """
    for claim in claims:
        if _CLAIMS.setdefault(claim.id, claim) != claim:
            raise ValueError(f"there are two claims {claim.id}: give this one another id")


def measures(
    *claims: Claim | str,
    rendering: Rendering | None = None,
    data_sets: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    experiment: str = "",
    lasts_long: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as what measures `claims`, and place its rows.

    Rows that name no rendering or setting are of that of the function and of its run. Paragraphs of its
    docstring after the first are remarks.

    Raises ValueError if another claim has the same id, or another measuring function the same name.

    Parameters
    ----------
    *claims : those that the function yields rows for; the first is the home of its remarks
    rendering : the form of the synapse it uses; by default that in which the first claim was published
    data_sets, needs
        Data sets and importable packages without which the claims stay open; of packages by default what the
        experiment needs.
    experiment
        Name of the experiment (`validation.runs`) whose finished run is the function's first argument.
    lasts_long : whether it starts first, so that others run beside it
    """
    stated = [claim for claim in claims if isinstance(claim, Claim)]
    declared(*stated)
    form = rendering or stated[0].clauses[0].rendering
    ids = tuple(claim if isinstance(claim, str) else claim.id for claim in claims)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if any(measure.name == function.__name__ for measure in _MEASURES):
            raise ValueError(f"there are two measures {function.__name__}: name this function otherwise")

        @functools.wraps(function)
        def measured(*given: Any) -> Findings:
            published = published_settings(experiment)
            here = setting_of(given[0].config, published) if published else PUBLISHED
            for item in function(*given):
                yield placed(item, form, here) if isinstance(item, Measurement) else item
            yield from remarks_of(function)

        # What is marked as wrapped counts as a function that checks its arguments.
        vars(measured).pop("__wrapped__")
        packages = needs or (TRAINED if experiment else ())
        _MEASURES.append(Measure(measured, ids, form, data_sets, packages, experiment, lasts_long))
        return measured

    return register


def remarks_of(function: Callable[..., Any]) -> list[str]:
    """Return the paragraphs of a docstring after the first, one line each."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")[1:]
    return [" ".join(paragraph.split()) for paragraph in paragraphs]


@functools.cache
def _modules_imported() -> None:
    for module in pkgutil.walk_packages(validation.claims.__path__, "validation.claims."):
        importlib.import_module(module.name)
    load_plugins()


def all_claims() -> dict[str, Claim]:
    """Return every claim by its id, in the order of the papers."""
    _modules_imported()
    return {name: _CLAIMS[name] for name in sorted(_CLAIMS, key=_place)}


def _place(claim_id: str) -> tuple[int, str, int]:
    """Return the place of a claim: papers, cross-checks, then those of plugins by their letters."""
    letters = claim_id.rstrip("0123456789")
    place = _ORDER.index(letters) if letters in tuple(_ORDER) else len(_ORDER)
    return place, letters, int(claim_id[len(letters) :])


@checked_types
def claims_named(ids: Iterable[str]) -> list[Claim]:
    """Return the claims with these ids, in the order of the papers.

    Raises
    ------
    TypeError : if an id is no text, or `ids` is a single text
    ValueError : if there is no such claim
    """
    claims, given = all_claims(), [] if isinstance(ids, str) or hasattr(ids, "dtype") else list(ids)
    if not given or not all(isinstance(claim_id, str) for claim_id in given):
        kind = ValueError if isinstance(ids, (list, tuple)) and not given else TypeError
        raise kind(f"ids must be names of claims, such as ['M02', 'S18'], got {shown(ids)}")
    wanted = [claim_id.strip().upper() for claim_id in given]
    unknown = [claim_id for claim_id in wanted if claim_id not in claims]
    if unknown:
        raise ValueError(f"unknown claim {', '.join(unknown)} in ids: the claims are {', '.join(claims)}")
    return [claim for claim in claims.values() if claim.id in wanted]


def all_measures() -> tuple[Measure, ...]:
    """Return every registered measure."""
    _modules_imported()
    return tuple(_MEASURES)


def missing_packages(measure: Measure) -> tuple[str, ...]:
    """Return the packages that `measure` needs and that are not installed."""
    return tuple(package for package in measure.needs if importlib.util.find_spec(package) is None)


def claim_figure(
    draw: Callable[..., Any],
    note: str = "",
    size: tuple[float, float] = (6, 4),
    claim: str = "",
    **shown: Any,
) -> ClaimFigure:
    """Return a figure of this size in inches, into which `draw` draws what is `shown`; see `ClaimFigure`.

    Below it stands what `draw` says of itself (`biophys.experiment.caption_of`), and the note.
    """
    figure = Figure(figsize=size, layout="constrained")
    draw(figure, **shown)
    return ClaimFigure(figure, " ".join(filter(None, (caption_of(draw), note))), claim)


def panels(
    run: Run, names: str, claim: Claim, size: tuple[float, float] = (8, 4.2), note: str = ""
) -> Iterator[ClaimFigure]:
    """Yield panels of an experiment as figures of a claim: names in its `FIGURES`, separated by blanks."""
    figures = experiment_module(run.experiment).FIGURES
    for name in names.split():
        yield claim_figure(functools.partial(figures[name], run.result), note, size, claim.id)
