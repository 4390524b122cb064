"""The recipe for conda-forge says what pyproject.toml says, and its build needs no network."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import brianpresyn
from tests import wheel

ROOT = Path(__file__).resolve().parent.parent
RECIPE = yaml.safe_load((ROOT / "conda-recipe" / "recipe.yaml").read_text(encoding="utf-8"))
OUTPUTS = {output["package"]["name"]: output for output in RECIPE["outputs"]}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}


def minima(requirements: list[str]) -> dict[str, str]:
    """Return the least version of each package, by its name on conda-forge."""
    least: dict[str, str] = {}
    for text in requirements:
        needed = Requirement(text)
        name = CONDA_NAMES.get(needed.name, needed.name)
        (bound,) = [part.version for part in needed.specifier if part.operator == ">="]
        least[name] = min(least.get(name, bound), bound, key=Version)
    return least


def in_recipe(output: str) -> dict[str, str]:
    run = [line for line in OUTPUTS[output]["requirements"]["run"] if "${{" not in line]
    return minima([line.replace(" ", "", 1) for line in run])


def test_outputs_ask_for_what_the_package_asks_for():
    extras = PROJECT["optional-dependencies"]
    assert in_recipe("brianpresyn") == minima(PROJECT["dependencies"])
    assert in_recipe("brianpresyn-rate") == minima([*extras["rate"], *extras["data"]])


def test_only_the_second_output_brings_torch():
    assert "pytorch" not in in_recipe("brianpresyn")
    assert (
        '${{ pin_subpackage("brianpresyn", exact=True) }}'
        in OUTPUTS["brianpresyn-rate"]["requirements"]["run"]
    )


def test_version_python_and_command_are_those_of_the_package():
    assert RECIPE["context"]["version"] == brianpresyn.__version__
    assert PROJECT["requires-python"] == f">={RECIPE['context']['python_min']}"
    (command,) = OUTPUTS["brianpresyn"]["build"]["python"]["entry_points"]
    assert command == f"brianpresyn = {PROJECT['scripts']['brianpresyn']}"
    assert PYPROJECT["build-system"]["requires"] == ["setuptools>=77"]
    assert "setuptools >=77" in OUTPUTS["brianpresyn"]["requirements"]["host"]
    assert RECIPE["about"]["license"] == PROJECT["license"]


def test_wheel_builds_offline_as_in_the_recipe(tmp_path):
    setuptools = pytest.importorskip("setuptools")
    if Version(setuptools.__version__) < Version("77"):
        pytest.skip("building needs setuptools 77 or newer")
    source = wheel.source_tree(tmp_path / "source")
    flags = OUTPUTS["brianpresyn"]["build"]["script"].removeprefix("python -m pip install . ").split()
    command = [sys.executable, "-m", "pip", "wheel", str(source), *flags, "--wheel-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = tmp_path.glob("*.whl")
    assert built.name == f"brianpresyn-{brianpresyn.__version__}-py3-none-any.whl"
    assert wheel.checked_content(built) > 0
    names = set(zipfile.ZipFile(built).namelist())
    modules = [name for name in names if name.endswith(".py") and not name.startswith("brianpresyn/")]
    stubs = {name for name in names if name.endswith(".pyi")}
    assert stubs == {f"brianpresyn/{name}i" for name in modules}
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    description = zipfile.ZipFile(built).read(metadata).decode()
    assert "/raw/HEAD/docs/_static/first_picture.png" in description and "pip install" in description
    assert not re.search(r"\]\((?!https?:)", description)
    one = zipfile.ZipFile(built).read("brianpresyn/biophys/recordings/__init__.pyi").decode()
    assert one == "from biophys.recordings import *\n"


def test_recipe_builds_both_outputs_from_a_local_channel(tmp_path):
    pytest.importorskip("rattler_build", reason="needs py-rattler-build")
    from tests import conda

    packages = conda.built(tmp_path, {"pip", "setuptools"})
    assert set(packages) == set(OUTPUTS)
    core, rate = packages["brianpresyn"], packages["brianpresyn-rate"]
    assert (core.noarch, rate.noarch) == ("python", "generic")
    assert {Path(file).parts[1] for file in core.files if file.endswith(".py")} == set(wheel.PACKAGES)
    assert f"site-packages/brianpresyn-{brianpresyn.__version__}.dist-info/METADATA" in core.files
    assert not rate.files and f"brianpresyn =={brianpresyn.__version__} {core.build_string}" in rate.depends
    assert [len(package.tests) for package in (core, rate)] == [2, 1]
