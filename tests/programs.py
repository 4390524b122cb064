"""Programs that tests start as a user does, and what is left of them afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

# Nothing that works takes as long, on whatever machine; a test that waits in vain fails all the same.
_LONGEST_WAIT = 1800


def processes_of(folder: Path) -> list[int]:
    """Return the ids of the living processes whose environment names a folder (as TMPDIR, say)."""
    mark, ids = str(folder).encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # A process that has died and is not yet waited for has no environment.
            if mark in (entry / "environ").read_bytes():
                ids.append(int(entry.name))
        except OSError:
            continue
    return ids


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait until something comes true."""
    t_start = time.monotonic()
    while not is_so():
        assert time.monotonic() - t_start < _LONGEST_WAIT, "did not come true"
        time.sleep(0.05)
