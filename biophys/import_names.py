"""Importing this project's packages by their bare names, which other projects use too.

``biophys``, ``rate_models`` and ``validation`` lie beside each other. Whatever else answers to one of these
names (a script in the working directory, another project on the path) is refused, with what it is.
"""

import importlib
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent.parent


def package(name: str) -> ModuleType:
    """Return the package `name` of this project, imported.

    Raises ImportError if another package or script of that name is imported in its place, or was installed
    over it.
    """
    module = importlib.import_module(name)
    file = getattr(module, "__file__", None)
    if file is None or Path(file).resolve().parent != HERE / name:
        there = file or ", ".join(getattr(module, "__path__", ())) or "an unknown place"
        raise ImportError(
            f"import {name} finds {there}, not the {name} of brianpresyn in {HERE / name}: rename it, "
            f"start Python elsewhere, or use an environment without it",
            name=name,
            path=file,
        )
    if others := _installed_over(name, Path(file)):
        raise ImportError(
            f"{file} of brianpresyn was replaced when {', '.join(others)} was installed: keep the two in "
            f"environments of their own; here, pip install --force-reinstall --no-deps brianpresyn",
            name=name,
            path=file,
        )
    return module


def command_line() -> None:
    """Run the command line ``brianpresyn``."""
    try:
        package("validation")
    except ImportError as error:
        sys.exit(f"brianpresyn: {error}")
    sys.exit(importlib.import_module("validation.cli").main())


def _installed_over(name: str, file: Path) -> list[str]:
    """Return the distributions that brought a `file` other than that of the installed brianpresyn."""
    try:
        files = metadata.files("brianpresyn") or []
    except metadata.PackageNotFoundError:
        return []
    recorded = next((path.hash for path in files if path.as_posix() == f"{name}/{file.name}"), None)
    digest = urlsafe_b64encode(sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
    if recorded is None or recorded.value == digest:
        return []
    return sorted(set(metadata.packages_distributions().get(name, [])) - {"brianpresyn"})
