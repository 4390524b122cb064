"""Modules of one's own that register methods, data or anything else when they are imported.

An installed package announces them as entry points of the group ``brianpresyn.plugins``:

.. code-block:: toml

    [project.entry-points."brianpresyn.plugins"]
    my_methods = "my_package.my_methods"

Others are named: on the command line (``--plugin``), or in the environment variable ``BRIANPRESYN_PLUGINS``,
separated as paths are, where processes on other machines find them too.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

GROUP = "brianpresyn.plugins"
VARIABLE = "BRIANPRESYN_PLUGINS"


def check_new(kind: str, name: str, function: Any, known: Any) -> None:
    """Raise ValueError if a name is taken, unless by this function, defined before as in a notebook."""
    keys = ("__module__", "__qualname__")
    made, former = ([getattr(each, key, each) for key in keys] for each in (function, known))
    if known is not None and made != former:
        raise ValueError(f"there is a {kind} {name!r} already: name yours otherwise")


def load_plugins(names: Iterable[str] = ()) -> list[str]:
    """Import the modules that are named or announced, each once, and return what was named or announced.

    Names are modules that can be imported, or paths of Python files; processes that are started later load
    them too. Raises ValueError, with the reason, if one cannot be imported.

    >>> load_plugins(["json"])[-1:]
    ['json']
    >>> load_plugins(["no_such_module"])
    Traceback (most recent call last):
    ...
    ValueError: plugin 'no_such_module' cannot be imported: No module named 'no_such_module'
    """
    named = dict.fromkeys(os.environ.get(VARIABLE, "").split(os.pathsep)) | dict.fromkeys(map(str, names))
    named.pop("", None)
    for name in named:
        try:
            _import_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
        except Exception as error:  # whatever a module of somebody else does when it is imported
            raise ValueError(f"plugin {name!r} cannot be imported: {error}") from error
    os.environ[VARIABLE] = os.pathsep.join(named)
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:
            raise ValueError(f"plugin {entry.value!r} cannot be imported: {error}") from error
    return list(named)


def _import_file(path: Path) -> None:
    """Import a file as a module of its name, if it is not imported yet."""
    path = path.resolve()
    imported = sys.modules.get(path.stem)
    if imported is not None and getattr(imported, "__file__", None) == str(path):
        return
    if imported is not None:
        raise ImportError(f"there is another module {path.stem}: name the file otherwise")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise ImportError(f"no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
