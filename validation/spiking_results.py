"""Results of experiments in spikes for claims: run in small, or taken from an earlier run at full size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from validation.archive import ArchiveError, archived_run, plain_config
from validation.context import Context

if TYPE_CHECKING:
    import xarray


def spiking_result(
    experiment: ModuleType, context: Context, seeds: Mapping[str, Any]
) -> tuple[Any, xarray.Dataset]:
    """Return configuration and result of an experiment, run unless its full-size result is there already.

    Parameters
    ----------
    experiment
        A module of `brianpresyn.experiments`; a full-size result is looked for under its name in
        `context.results`.
    context
        Says which size, and where kept results are.
    seeds
        The settings of the experiment that are seeds, in which a kept result may differ.

    Raises
    ------
    ArchiveError
        If the kept result is of another experiment or was made with other settings.
    """
    asked = replace(experiment.QUICK if context.is_quick else experiment.Config(), **seeds)
    name = experiment.__name__.rpartition(".")[-1]
    path = None if context.is_quick or context.results is None else context.results / f"{name}.nc"
    if path is None or not path.is_file():
        return asked, experiment.run(asked)
    kept = archived_run(path, name)
    of_kept = {field: type(value)(kept.config[field]) for field, value in seeds.items()}
    config = replace(asked, **of_kept)
    if kept.config != plain_config(config):
        raise ArchiveError(
            f"{path} was made with other settings than those of the full profile: move it away, and the "
            "experiment is run again"
        )
    return config, kept.result
