"""What pyproject.toml cannot say: stubs by which type checkers and editors find ``brianpresyn.biophys`` and others.

At run time `brianpresyn.import_names` gives these names; what reads code without running it needs files.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PACKAGES = ("biophys", "rate_models", "validation")


class BuildWithStubs(build_py):
    """Add to each module a stub that gives its names below ``brianpresyn``."""

    def run(self) -> None:
        """Build, then write the stubs beside; an editable install has none."""
        super().run()
        modules = [] if self.editable_mode else [m for name in PACKAGES for m in Path(name).rglob("*.py")]
        for module in modules:
            bare = ".".join(module.with_suffix("").parts).removesuffix(".__init__")
            stub = Path(self.build_lib, "brianpresyn", module).with_suffix(".pyi")
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text(f"from {bare} import *\n", encoding="utf-8")


setup(cmdclass={"build_py": BuildWithStubs})
