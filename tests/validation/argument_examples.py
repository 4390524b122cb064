"""A right value of every public argument of validation, for `tests.fuzz`."""

import tempfile
from pathlib import Path

from biophys.recordings.tables import Table, read_table
from rate_models.experiments import linear_regression
from validation.context import Context
from validation.evaluation import MeasuredClaims
from validation.registry import claims_named

_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz")


def _table() -> Table:
    path = Path(_FOLDER.name, "my.csv")
    path.write_text("amplitude (pA),time (s)\n1,0.1\n2,0.2\n3,0.3\n")
    return read_table(str(path))


EXAMPLES = {
    "changes": lambda: {"seeds": "1,2"},
    "columns": lambda: None,
    "condition": lambda: "condition",
    "config": lambda: linear_regression.QUICK,
    "context": lambda: Context(),
    "device": lambda: "cpu",
    "document": lambda: {"claims": [], "measurements": []},
    "download": lambda: False,
    "earlier": lambda: None,
    "executor": lambda: None,
    "experiment": lambda: "linear",
    "findings": lambda: MeasuredClaims(tuple(claims_named(["M02"])), (), Context()),
    "folder": lambda: Path(_FOLDER.name),
    "ids": lambda: ["M02"],
    "n_jobs": lambda: 1,
    "name": lambda: "linear",
    "path": lambda: Path(_FOLDER.name, "no such file"),
    "profile": lambda: "quick",
    "seed": lambda: 2021,
    "table": _table,
}

SPECIAL = {"fetch.name": lambda: "sjostrom2001", "locate.name": lambda: "sjostrom2001"}

INSTANCES = {}

NOT_CALLED = {}

# Names of files and of sheets: that there is none is said by another class of error.
_TEXTS = ("text of a number", "text", "empty text")

ALLOWED = {
    "path": _TEXTS,
    "folder": _TEXTS,
    "experiment": _TEXTS,
    "results": _TEXTS,
    "sheet": _TEXTS,
    # All that can be called can be told how far a download is.
    "downloader": ("a function", "a class"),
    "progress": ("a function", "a class"),
    # A setting that does not exist is called by its own name.
    "changes": ("a dictionary",),
    "columns": _TEXTS,
    "condition": _TEXTS,
}
