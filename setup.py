"""What pyproject.toml cannot say: stubs for the longer names, and the README for an index.

At run time `brianpresyn.import_names` gives ``brianpresyn.biophys`` and the like; editors and type
checkers, which do not run what they read, need files. On an index links within the repository lead nowhere.
"""

import re
import tomllib
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


def readme_for_an_index() -> str:
    """Return the README with links to the files on the forge."""
    repository = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["urls"]["Repository"]
    text = Path("README.md").read_text(encoding="utf-8")
    text = re.sub(r"(!\[[^]]*\]\()(?!https?:)", rf"\1{repository}/raw/HEAD/", text)
    return re.sub(r"(\]\()(?!https?:)", rf"\1{repository}/blob/HEAD/", text)


setup(
    cmdclass={"build_py": BuildWithStubs},
    long_description=readme_for_an_index(),
    long_description_content_type="text/markdown",
)
