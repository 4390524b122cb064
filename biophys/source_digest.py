"""What source made a result: a digest of a module and of all that it imports from these packages."""

import ast
import functools
import hashlib
import importlib.util
import io
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PACKAGES = ("biophys", "brianpresyn", "rate_models", "validation")

# What only draws changes no number.
_DRAWING = ("figures", "figure_parts", "palette")


@functools.cache
def source_digest(module: str) -> str:
    """Return a digest of the source that a module runs: its own and, transitively, of what it imports.

    Comments, docstrings, blank lines and modules that only draw do not count, nor does anything outside these
    packages. Raises ValueError if the module has no file.

    >>> len(source_digest("biophys.quantal")), "biophys.units" in imported_modules("biophys.quantal")
    (16, True)
    """
    digest = hashlib.sha256()
    for name in imported_modules(module):
        digest.update(f"{name}\n{bare_source(_source(name))}\n".encode())
    return digest.hexdigest()[:16]


def digest_of(function: Callable[..., Any]) -> str:
    """Return the digest of the module that defines a function; "unknown" if that has no source file."""
    try:
        return source_digest(function.__module__)
    except ValueError:
        return "unknown"


@functools.cache
def imported_modules(module: str) -> tuple[str, ...]:
    """Return a module and every module of these packages that it imports, transitively, in their order."""
    _source(module)
    known, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in known and not name.rpartition(".")[2].endswith(_DRAWING):
            known.add(name)
            waiting += _imports_of(name)
    return tuple(sorted(known))


def bare_source(source: str) -> str:
    """Return source without comments, docstrings and blank lines.

    >>> bare_source('def f():\\n    \"\"\"Say so.\"\"\"\\n\\n    return 1  # really\\n')
    'def f():\\n    return 1'
    """
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)  # type: ignore[operator]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _imports_of(name: str) -> Iterator[str]:
    """Yield the modules of these packages that a module imports, anywhere in its file, but not for types.

    What a package imports for types is what it imports when it is first used.
    """
    tree = ast.parse(_source(name))
    is_package = Path(_path(name) or "").name == "__init__.py"
    for node in ast.walk(tree) if is_package else _without_type_checking(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _path(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _path(node.module):
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [submodule for submodule in submodules if _path(submodule)]
            yield from modules
            if len(modules) < len(submodules):
                yield node.module


def _source(name: str) -> str:
    """Return the source of a module of these packages, or of one that was imported."""
    file = _path(name) or getattr(sys.modules.get(name), "__file__", None)
    if file is None or not str(file).endswith(".py"):
        raise ValueError(f"the module {name} has no source file: its code cannot be told from other code")
    return Path(file).read_text(encoding="utf-8")


def _without_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a module that run."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from _without_type_checking(node)


@functools.cache
def _path(name: str) -> Path | None:
    """Return the file of a module of these packages, None for any other name; nothing is imported."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top) if top in PACKAGES else None
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for path in (Path(root, *rest).with_suffix(".py"), Path(root, *rest, "__init__.py")):
            if path.is_file() and (rest or path.name == "__init__.py"):
                return path
    return None
