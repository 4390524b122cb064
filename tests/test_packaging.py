"""The metadata that pip reads, and the files that people look for."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import brianpresyn

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, SETUPTOOLS = PYPROJECT["project"], PYPROJECT["tool"]["setuptools"]


def requirements_for(python_version: str, dependencies: list[str]) -> dict[str, Requirement]:
    environment = {"python_version": python_version, "extra": ""}
    parsed = [Requirement(text) for text in dependencies]
    return {r.name: r for r in parsed if r.marker is None or r.marker.evaluate(environment)}


def test_numpy_that_breaks_brian2_is_impossible_on_python_3_11():
    required = requirements_for("3.11", PROJECT["dependencies"])
    assert not required["numpy"].specifier.contains("2.4.0")
    assert required["numpy"].specifier.contains("2.3.5")
    assert required["brian2"].specifier.contains("2.9.0")


def test_newer_pythons_take_a_brian2_that_bears_new_numpy():
    for version in ("3.12", "3.13"):
        required = requirements_for(version, PROJECT["dependencies"])
        assert not required["brian2"].specifier.contains("2.9.0")
        assert required["numpy"].specifier.contains("2.4.0")


def test_supported_pythons_start_at_3_11():
    supported = SpecifierSet(PROJECT["requires-python"])
    assert not supported.contains("3.10")
    assert all(supported.contains(version) for version in ("3.11", "3.12", "3.13"))


def test_spiking_user_need_not_install_torch():
    core = requirements_for("3.11", PROJECT["dependencies"])
    rate = requirements_for("3.11", PROJECT["optional-dependencies"]["rate"])
    assert "torch" not in core
    assert "torch" in rate


def test_constraints_pin_every_direct_dependency():
    lines = (ROOT / "constraints.txt").read_text().lower().splitlines()
    pinned = {re.split(r"==", line)[0].replace("_", "-") for line in lines if "==" in line}
    extras = PROJECT["optional-dependencies"]
    direct = {*requirements_for("3.11", PROJECT["dependencies"])}
    for extra in ("rate", "data", "dask", "search", "test", "dev"):
        direct.update(requirements_for("3.11", extras[extra]))
    direct.discard("brianpresyn")
    assert {name.lower() for name in direct} <= pinned


def test_root_has_the_files_people_look_for():
    for name in ("README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "Makefile", ".ci/run"):
        assert (ROOT / name).stat().st_size > 0
    for package in ("biophys", "brianpresyn", "rate_models", "validation"):
        assert (ROOT / package / "py.typed").exists()


def test_version_is_the_same_wherever_it_is_written():
    version = brianpresyn.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest.group(1) == version
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    assert SETUPTOOLS["dynamic"]["version"]["attr"] == "brianpresyn.__version__"
    # Otherwise building the wheel would import Brian2.
    assert f'\n__version__ = "{version}"\n' in (ROOT / "brianpresyn/__init__.py").read_text()
    assert Version(version).public == version


def test_installed_metadata_names_the_version():
    try:
        installed = metadata.version("brianpresyn")
    except metadata.PackageNotFoundError:
        pytest.skip("brianpresyn is run from its sources")
    assert installed == brianpresyn.__version__
