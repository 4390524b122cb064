"""A finished experiment on disk: result, configuration and what it was made with, in one netCDF file.

A file is written whole or not at all, holds plain arrays and text (nothing is unpickled), and is known by its
own attributes: a truncated or foreign file is refused, never half read.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from validation.whole_files import arriving

if TYPE_CHECKING:
    import xarray

FORMAT = "brianpresyn experiment 1"


class ArchiveError(ValueError):
    """A file is not the finished experiment that was asked for."""


@dataclasses.dataclass(frozen=True)
class ArchivedRun:
    """What an archive file holds.

    Parameters
    ----------
    experiment
        Name of the experiment.
    result
        Labelled arrays, enough to redraw every figure.
    config
        The configuration as plain values.
    provenance
        When, on what and with which versions the run was made.
    """

    experiment: str
    result: xarray.Dataset
    config: dict[str, Any]
    provenance: dict[str, Any]


def archive_run(
    path: Path,
    experiment: str,
    result: xarray.Dataset,
    config: Any,
    *,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a finished experiment to `path`, replacing an earlier one in one step.

    Parameters
    ----------
    path
        Where to; the folder is made if it does not exist.
    experiment
        Name of the experiment, for example ``"energy_efficiency"``.
    result
        Its result.
    config
        The frozen dataclass it ran with.
    provenance
        What is to be remembered beside versions and date, for example device and seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made_with = {
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        **(provenance or {}),
    }
    labelled = result.copy(deep=False)
    labelled.attrs = {
        **result.attrs,
        "format": FORMAT,
        "experiment": experiment,
        "config": json.dumps(plain_config(config), sort_keys=True),
        "provenance": json.dumps(made_with, sort_keys=True),
    }
    with arriving(path) as part:
        labelled.to_netcdf(part, engine="scipy")
    return path


def archived_run(path: Path, experiment: str | None = None) -> ArchivedRun:
    """Return the finished experiment that `path` holds.

    Parameters
    ----------
    path
        The file.
    experiment
        Name that it must have; None for any.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ArchiveError
        If it is truncated, was not written by :func:`archive_run`, or holds another experiment.
    """
    import xarray

    if not path.is_file():
        raise FileNotFoundError(f"no finished experiment at {path}")
    try:
        with xarray.open_dataset(path, engine="scipy") as opened:
            result = opened.load()
        if result.attrs.get("format") != FORMAT:
            raise KeyError("format")
        name, config, provenance = (result.attrs.pop(key) for key in ("experiment", "config", "provenance"))
        del result.attrs["format"]
        config, provenance = json.loads(config), json.loads(provenance)
    except Exception as error:
        raise ArchiveError(
            f"{path} is truncated or was not written by brianpresyn ({type(error).__name__}): "
            "move it away and run the experiment again"
        ) from error
    if experiment is not None and name != experiment:
        raise ArchiveError(f"{path} holds the experiment {name!r}, expected {experiment!r}")
    return ArchivedRun(name, result, config, provenance)


def plain_config(config: Any) -> Any:
    """Return a configuration as what JSON can hold: dataclasses as objects, tuples as lists.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Config:
    ...     seeds: tuple[int, ...] = (1, 2)
    >>> plain_config(Config())
    {'seeds': [1, 2]}
    """
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {field.name: plain_config(getattr(config, field.name)) for field in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {str(key): plain_config(value) for key, value in config.items()}
    if isinstance(config, (list, tuple, set, frozenset)):
        return [plain_config(value) for value in config]
    if hasattr(config, "item"):
        return config.item()
    return config if isinstance(config, (str, int, float, bool, type(None))) else str(config)
