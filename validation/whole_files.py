"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def arriving(path: Path) -> Iterator[Path]:
    """Yield the name of a file that takes the place of `path` if the block succeeds, and is removed if not.

    Each writer has a file of its own, beside `path`, and a file takes another's place in one step once its
    content is on the disk: whoever reads `path` finds nothing, the old content or the whole new one, however
    many write and whenever they break off.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with arriving(Path(folder) / "claims.json") as part:
    ...         n_written = part.write_text("{}")
    ...     [file.name for file in Path(folder).iterdir()]
    ['claims.json']
    """
    # The suffix stays the last part of the name: it says whether the content is compressed.
    part = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
