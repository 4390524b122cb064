"""A finished experiment on disk: result, settings and what it was made with, in one netCDF file.

A file is written whole or not at all, holds plain arrays and text (nothing is unpickled), and carries the
sha256 of its own content: a truncated, damaged or foreign file is refused, never half read.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biophys.argument_types import checked_types
from biophys.settings import as_plain
from biophys.whole_files import arriving

if TYPE_CHECKING:
    import xarray

_FORMAT = "brianpresyn experiment"
FORMAT_VERSION = 2
"""Version 1 had neither a checksum nor a digest of the source; it is still read."""

# What stands where the checksum will, while the rest of the file is hashed.
_NO_CHECKSUM = "checksum of this file with these characters in its place".ljust(64, ".")

_OLD_SETTINGS = {
    "hidden": "hidden_units",
    "n_hidden": "hidden_units",
    "rate": "learning_rate",
    "rate_deterministic": "learning_rate_deterministic",
    "scanned_rates": "scanned_learning_rates",
    "rate_split": "learning_rate_split",
    "rate_permuted": "learning_rate_permuted",
}
_OLD_DIMENSIONS = {"method": "algorithm"}
# Settings of old results that only said where files lie.
_FORGOTTEN_SETTINGS = ("keep_in",)


class ArchiveError(ValueError):
    """A file is not the finished experiment that was asked for."""


@dataclasses.dataclass(frozen=True)
class ArchivedRun:
    """What an archive file holds."""

    experiment: str
    result: xarray.Dataset
    """Labelled arrays, enough to redraw every figure."""
    config: dict[str, Any]
    """The settings as plain values, by their present names."""
    provenance: dict[str, Any]
    """When, where, by what source and with which versions and data the run was made."""


def archive_run(
    path: Path,
    experiment: str,
    result: xarray.Dataset,
    config: Any,
    *,
    provenance: Mapping[str, Any] | None = None,
) -> Path:
    """Write a finished experiment to `path`, replacing an earlier one in one step.

    Raises OSError if it cannot be written; the message names the folder.

    Parameters
    ----------
    path : where to; the folder is made if it does not exist
    experiment, result, config
        Name of the experiment, for example ``"energy"``, its result, and the settings it ran with.
    provenance : what is to be remembered beside date and machine
    """
    made_with = {
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        **(provenance or {}),
    }
    labelled = result.copy(deep=False)
    labelled.attrs = {
        **result.attrs,
        "format": f"{_FORMAT} {FORMAT_VERSION}",
        "experiment": experiment,
        "config": json.dumps(as_plain(config), sort_keys=True),
        "provenance": json.dumps(made_with, sort_keys=True),
        "checksum": _NO_CHECKSUM,
    }
    content = bytes(labelled.to_netcdf(None, engine="scipy"))
    checksum = hashlib.sha256(content).hexdigest().encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with arriving(path) as part:
            part.write_bytes(content.replace(_NO_CHECKSUM.encode(), checksum, 1))
    except OSError as error:
        reason = error.strerror or str(error)
        problem = f"cannot keep the result of {experiment} in {path.parent} ({reason})"
        raise OSError(f"{problem}: make room, or choose another folder") from error
    return path


@checked_types
def archived_run(path: Path | str, experiment: str | None = None) -> ArchivedRun:
    """Return the finished experiment that `path` holds, of the name `experiment` if one is given.

    Raises
    ------
    FileNotFoundError : if there is no such file
    ArchiveError
        If it is truncated or damaged, of a newer format, was not written by :func:`archive_run`, or holds
        another experiment.
    """
    import xarray

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no finished experiment at {path}")
    content = path.read_bytes()
    try:
        result = xarray.load_dataset(content, engine="scipy")
        words, _, version = str(result.attrs.pop("format")).rpartition(" ")
        if words != _FORMAT:
            raise KeyError("format")
        is_newer = int(version) > FORMAT_VERSION
        # Version 1 had no checksum; those to come may have another.
        checksum = result.attrs.pop("checksum") if version == "2" else ""
        bare = content.replace(checksum.encode(), _NO_CHECKSUM.encode(), 1)
        is_damaged = bool(checksum) and hashlib.sha256(bare).hexdigest() != checksum
        name, config, provenance = (result.attrs.pop(key) for key in ("experiment", "config", "provenance"))
        config, provenance = json.loads(config), json.loads(provenance)
    except Exception as error:
        problem = f"{path} is truncated or was not written by brianpresyn ({type(error).__name__})"
        raise ArchiveError(f"{problem}: move it away and run the experiment again") from error
    if is_newer:
        problem = f"{path} has format {version}, this version reads up to {FORMAT_VERSION}"
        raise ArchiveError(f"{problem}: update brianpresyn, or move it away and run the experiment again")
    if is_damaged:
        problem = f"{path} is damaged: its content does not have the checksum that it names"
        raise ArchiveError(f"{problem}; move it away and run the experiment again")
    if experiment is not None and name != experiment:
        raise ArchiveError(f"{path} holds the experiment {name!r}, expected {experiment!r}")
    result = result.rename({old: new for old, new in _OLD_DIMENSIONS.items() if old in result.dims})
    # By their present names; a number of hidden units becomes the list of one layer.
    config = {
        _OLD_SETTINGS.get(setting, setting): [value] if setting == "n_hidden" else value
        for setting, value in config.items()
        if setting not in _FORGOTTEN_SETTINGS
    }
    return ArchivedRun(name, result, config, provenance)
