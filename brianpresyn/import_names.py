"""The other packages by longer names: ``brianpresyn.biophys``, ``.rate_models`` and ``.validation``.

``import brianpresyn.rate_models.sweep`` gives the very module that ``import rate_models.sweep`` gives, so
that classes, pickles and caches are the same under both names. Nothing is imported before it is asked for,
Brian2 included; whoever imports it finds the preferences of its synapses there.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import CodeType, ModuleType

try:
    from biophys.import_names import package
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("biophys"):
        raise
    there = getattr(sys.modules.get("biophys"), "__file__", "nothing")
    remedy = "rename that, start Python elsewhere, or use an environment without it"
    problem = f"import biophys finds {there}, not the biophys of brianpresyn"
    raise ImportError(f"{problem}: {remedy}", name="biophys") from error

PACKAGES = ("biophys", "rate_models", "validation")
PREFIX = "brianpresyn."


class SameModule(Loader):
    """Loads a module under its longer name by importing it under its bare one."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module itself, no copy."""
        bare = spec.name.removeprefix(PREFIX)
        try:
            module = package(bare) if bare in PACKAGES else import_module(bare)
        except ModuleNotFoundError as error:
            if error.name == "torch":
                error.add_note("torch comes with: pip install 'brianpresyn[rate]'")
            raise
        self._bare_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back the specification by which it was imported; it has been run already."""
        module.__spec__ = self._bare_spec

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code, for ``python -m brianpresyn.validation``."""
        bare = fullname.removeprefix(PREFIX)
        loader = spec.loader if (spec := find_spec(bare)) else None
        return loader.get_code(bare) if isinstance(loader, InspectLoader) else None


class LongerNames(MetaPathFinder):
    """Finds the modules of the three packages below ``brianpresyn``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load `fullname`, or None where it is no module of the three packages."""
        bare = fullname.removeprefix(PREFIX)
        if bare == fullname or bare.split(".")[0] not in PACKAGES:
            return None
        spec = find_spec(bare)
        if spec is None:
            return None
        same = ModuleSpec(fullname, SameModule(), origin=spec.origin)
        same.submodule_search_locations = spec.submodule_search_locations
        return same


class PreferencesWithBrian2(MetaPathFinder):
    """Registers the preferences of the synapses as soon as somebody imports Brian2."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load Brian2 and the preferences after it; None for all other modules."""
        if fullname != "brian2":
            return None
        others = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_register(module: ModuleType) -> None:
                load(module)
                import_module("brianpresyn.preferences")

            spec.loader.exec_module = load_and_register  # type: ignore[method-assign]
        return spec


def install() -> None:
    """Let the longer names be found; before all else, or the path would give a second copy of each module."""
    for kind in (PreferencesWithBrian2, LongerNames):
        if not any(isinstance(finder, kind) for finder in sys.meta_path):
            sys.meta_path.insert(0, kind())
    if "brian2" in sys.modules:
        import_module("brianpresyn.preferences")
