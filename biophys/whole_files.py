"""Files that are written whole or not at all, and folders in which one process works at a time."""

import contextlib
import glob
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from biophys.processes import is_of_the_dead, mark_of_this_process

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def arriving(path: Path) -> Iterator[Path]:
    """Yield the name of a file that takes the place of `path` if the block succeeds, and is removed if not.

    Each writer has a file of its own, beside `path`, and a file takes another's place in one step once its
    content is on the disk: whoever reads `path` finds nothing, the old content or the whole new one, however
    many write and whenever they break off.
    """
    with arriving_together([path]) as (part,):
        yield part


@contextlib.contextmanager
def arriving_together(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield a name for each of several files, of which none takes its place before all are on the disk.

    As `arriving`, for files that belong together: if one cannot be written, all stay as they were.
    """
    for path in paths:
        for part in path.parent.glob(f".*.{glob.escape(path.name)}"):
            if is_of_the_dead(part.name[1 : -len(path.name) - 1]):
                part.unlink(missing_ok=True)
    # The suffix stays the last part of the name: it says whether the content is compressed.
    parts = [path.with_name(f".{mark_of_this_process()}.{path.name}") for path in paths]
    try:
        yield parts
        for part in parts:
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
        for part, path in zip(parts, paths, strict=True):
            os.replace(part, path)
    except OSError as error:
        # What a full disk refuses when a file is closed says not which. Errors without a number are messages
        # of libraries, which a file name would replace.
        if error.errno is not None and error.filename is None:
            error.filename = str(paths[0])
        raise
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(path: Path, waiting: str = "") -> Iterator[bool]:
    """Hold a lock on a folder, or on a file that is made for it: wait, and warn of it, while another does.

    Yields whether another one has been waited for. The lock goes with its process. Where the system has no
    locks nobody waits: two processes may then compute the same, and the last one's file stays.
    """
    if fcntl is None:
        yield False
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT)
    has_waited = False
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                warnings.warn(waiting, stacklevel=5)
            fcntl.flock(handle, fcntl.LOCK_EX)
            has_waited = True
        except OSError:
            pass  # a file system without locks
        yield has_waited
    finally:
        os.close(handle)
