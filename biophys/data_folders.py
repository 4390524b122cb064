"""Folders of data sets that a user names."""

import os
from pathlib import Path

DATA_VARIABLE = "BRIANPRESYN_DATA"
"""Environment variable that names folders of data sets, separated as paths are."""


def data_folders() -> list[Path]:
    """Return the folders that `BRIANPRESYN_DATA` names, in the order in which they are looked in."""
    names = os.environ.get(DATA_VARIABLE, "").split(os.pathsep)
    return [Path(name.strip()).expanduser() for name in names if name.strip()]
