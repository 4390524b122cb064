"""Importing this project's packages by their bare names, which other projects use too.

``biophys``, ``rate_models`` and ``validation`` lie beside each other. Whatever else answers to one of these
names (a script in the working directory, another project on the path) is refused, with what it is.
"""

import ast
import importlib
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

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
        remedy = "rename it, start Python elsewhere, or use an environment without it"
        problem = f"import {name} finds {there}, not the {name} of brianpresyn in {HERE / name}"
        raise ImportError(f"{problem}: {remedy}", name=name, path=file)
    if others := _installed_over(name, Path(file)):
        remedy = "keep the two apart, and here pip install --force-reinstall --no-deps brianpresyn"
        problem = f"{file} of brianpresyn was replaced when {', '.join(others)} was installed"
        raise ImportError(f"{problem}: {remedy}", name=name, path=file)
    return module


def public_names(package: str) -> list[str]:
    """Return what a package imported for its users, and its ``__all__`` holds: all but modules and this."""
    own = vars(sys.modules[package]).items()
    others = [name for name, value in own if isinstance(value, ModuleType) or value is public_names]
    return sorted(name for name, _ in own if name[0] != "_" and name not in others)


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package that imports names when first used.

    The names are those that its ``__init__.py`` imports for type checkers, under ``if TYPE_CHECKING``. The
    modules of the package are attributes too, imported or not.
    """
    tree = ast.parse(Path(str(sys.modules[package].__file__)).read_text(encoding="utf-8"))
    for_types = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for block in for_types for node in block.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: str(node.module) for node in imports for alias in node.names}

    def get(name: str) -> Any:
        if name in homes:
            value = getattr(importlib.import_module(homes[name]), name)
            setattr(sys.modules[package], name, value)
            return value
        # Python and its tools ask every module for names in underscores.
        if not name.startswith("__") and find_spec(f"{package}.{name}"):
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: sorted({*vars(sys.modules[package]), *homes}), sorted(homes)


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
