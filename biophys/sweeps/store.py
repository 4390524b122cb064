"""The finished groups of a sweep on disk: whole or not at all, and named by the digest of their content."""

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import xarray as xr

from biophys.processes import is_of_the_dead, mark_of_this_process
from biophys.source_digest import digest_of
from biophys.whole_files import alone

Settings: TypeAlias = Mapping[str, Any]
"""The settings of one replica: names and plain values (numbers, text, truth values)."""

FORMAT = "brianpresyn sweep 1"
_SET_ASIDE = "set-aside"
_OWN_NAME = re.compile(r"[0-9a-f]{64}\.nc")
_UNFINISHED = ".unfinished-"
# Seconds after which an unfinished file of a process that cannot be asked is nobody's.
_OLD = 24 * 3600.0
_LIBRARIES = ("numpy", "torch", "brian2")


class SweepStorageError(OSError):
    """A finished group could not be stored."""


def replica_key(settings: Settings) -> str:
    """Return the settings of a replica as text that is the same whatever their order."""
    return json.dumps(settings, sort_keys=True, default=_plain)


class SweepStore:
    """The finished groups of a sweep in a folder on disk.

    Results of another function, of other source, or of another ``dtype`` of `execution` are not used.
    """

    def __init__(self, folder: Path, function: Callable[..., Any], execution: Any) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._program = {
            "format": FORMAT,
            "function": f"{function.__module__}.{function.__qualname__}",
            "dtype": execution.dtype,
            "source": digest_of(function),
        }
        self._execution = execution
        for leftover in self.folder.glob(f"{_UNFINISHED}*"):
            is_over = is_of_the_dead(leftover.name.removeprefix(_UNFINISHED))
            with contextlib.suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > _OLD if is_over is None else is_over:
                    leftover.unlink()

    def alone(self) -> contextlib.AbstractContextManager[bool]:
        """Work in the folder while no other sweep does: wait, and say so, while one does.

        Yields whether another one has been waited for, whose results are worth reading then.
        """
        waiting = f"another sweep works in {self.folder}: waiting until it ends, to use what it stores"
        return alone(self.folder, waiting)

    def add(self, group: Sequence[Settings], result: xr.Dataset) -> Path:
        """Store the result of a group, one row per replica, whole or not at all (SweepStorageError)."""
        if result.sizes.get("replica") != len(group):
            problem = f"the result of a group of {len(group)} needs the dimension replica of that size"
            raise ValueError(f"{problem}, got {dict(result.sizes)}")
        if 0 in result.sizes.values():
            raise ValueError(f"netCDF 3 keeps no dimension without entries, got {dict(result.sizes)}")
        libraries = {name: sys.modules[name].__version__ for name in _LIBRARIES if name in sys.modules}
        attributes = {
            **self._program,
            "settings": json.dumps([json.loads(replica_key(settings)) for settings in group]),
            "execution": json.dumps(asdict(self._execution)),
            "versions": json.dumps({"python": platform.python_version(), **libraries}),
        }
        content = bytes(result.assign_attrs(attributes).to_netcdf(None, engine="scipy"))
        path = self.folder / f"{hashlib.sha256(content).hexdigest()}.nc"
        unfinished = self.folder / f"{_UNFINISHED}{mark_of_this_process()}"
        try:
            with unfinished.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except OSError as error:
            reason = "the disk is full" if error.errno == errno.ENOSPC else str(error)
            remedy = "What was stored before is kept; make room and start the same sweep again"
            problem = f"cannot store a finished group in {self.folder}: {reason}"
            raise SweepStorageError(f"{problem}. {remedy}") from error
        finally:
            unfinished.unlink(missing_ok=True)
        return path

    def finished(self) -> dict[str, xr.Dataset]:
        """Return the result of every stored replica by its key; files that are not trusted are set aside."""
        results = {}
        for path in sorted(self.folder.glob("*.nc")):
            if not _OWN_NAME.fullmatch(path.name):
                continue
            group = self._read(path)
            if group is None:
                aside = self.folder / _SET_ASIDE
                aside.mkdir(exist_ok=True)
                os.replace(path, aside / path.name)
                warnings.warn(
                    f"{path.name} in {self.folder} is truncated or was not written by a sweep; it was moved "
                    f"to {_SET_ASIDE}/ and its replicas are computed again",
                    stacklevel=3,
                )
            elif all(group.attrs.get(name) == value for name, value in self._program.items()):
                bare = group.copy(deep=False)
                bare.attrs = {}
                for row, settings in enumerate(json.loads(group.attrs["settings"])):
                    results[replica_key(settings)] = bare.isel(replica=row, drop=True)
        return results

    def _read(self, path: Path) -> xr.Dataset | None:
        """Return the content of a file, None if it is not a whole group written by `add`."""
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != path.stem:
                return None
            group = xr.load_dataset(content, engine="scipy")
            settings = json.loads(group.attrs["settings"])
            is_whole = group.attrs["format"] == FORMAT and {"function", "dtype"} <= set(group.attrs)
            is_whole = is_whole and len(settings) == group.sizes["replica"]
            return group if is_whole and all(isinstance(each, dict) for each in settings) else None
        except Exception:  # whatever a file that somebody else made can hold
            return None


def _plain(value: Any) -> Any:
    """Return numpy scalars as plain numbers, for JSON."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"settings must be numbers, text or truth values, got {type(value).__name__}")
