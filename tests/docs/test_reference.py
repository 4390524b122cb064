"""Every public name has a docstring and appears in the reference."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

API = Path(__file__).resolve().parents[2] / "docs" / "api"
PACKAGES = ("biophys", "brianpresyn", "rate_models", "validation")
# Their pages are those of their names: no module page repeats them.
BY_NAME = ("biophys", "brianpresyn")


def listed(package: str) -> list[str]:
    """Return the entries of the tables of names on the page of a package."""
    return re.findall(r"^   ([A-Za-z_][\w.]*)$", (API / f"{package}.rst").read_text(), re.MULTILINE)


def public_names() -> list[tuple[str, str]]:
    return [
        (package, name)
        for package in PACKAGES
        for name in getattr(importlib.import_module(package), "__all__", ())
    ]


def modules(package: str) -> set[str]:
    """Return the modules of a package, without the package's own name, that a user may import."""
    folder = importlib.import_module(package).__path__
    found = {
        module.name.removeprefix(f"{package}.")
        for module in pkgutil.walk_packages(folder, f"{package}.")
        if not module.ispkg
    }
    return {name for name in found if not name.split(".")[-1].startswith("_")}


@pytest.mark.parametrize("package", PACKAGES)
def test_page_lists_every_public_name_once(package):
    entries = listed(package)
    assert len(entries) == len(set(entries))
    public = set(getattr(importlib.import_module(package), "__all__", ()))
    assert public <= set(entries), f"add to docs/api/{package}.rst: {sorted(public - set(entries))}"


@pytest.mark.parametrize("package", sorted(set(PACKAGES) - set(BY_NAME)))
def test_page_lists_every_module(package):
    # A subpackage stands for its modules, which the site lists by itself.
    missing = {name.split(".")[0] for name in modules(package)} - set(listed(package))
    assert not missing, f"add to docs/api/{package}.rst: {sorted(missing)}"


def test_experiments_in_spikes_are_listed():
    assert "experiments" in listed("brianpresyn")


@pytest.mark.parametrize("package", PACKAGES)
def test_page_lists_nothing_that_does_not_exist(package):
    names = {name for owner, name in public_names() if owner == package}
    subpackages = {name.split(".")[0] for name in modules(package)}
    assert set(listed(package)) <= names | subpackages


@pytest.mark.parametrize(("package", "name"), public_names())
def test_public_name_says_what_it_is(package, name):
    value = getattr(importlib.import_module(package), name)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return
    text = inspect.getdoc(value) or ""
    # dataclasses and tuples without a docstring show their signature instead.
    assert text and not text.startswith(f"{name}("), f"{package}.{name} has no docstring"
    assert text.splitlines()[0].rstrip().endswith((".", ",")) or text.splitlines()[1:]


@pytest.mark.parametrize(("package", "name"), public_names())
def test_parameters_of_a_public_function_are_described(package, name):
    value = getattr(importlib.import_module(package), name)
    if not inspect.isfunction(value):
        return
    text = inspect.getdoc(value)
    described = {
        word.lstrip("*").strip()
        for line in re.findall(r"^(?! )([\w*, ]+?)(?: :.*)?$", text, re.MULTILINE)
        for word in line.split(",")
    }
    taken = {p.name for p in inspect.signature(value).parameters.values()} - {"rng", "generator"}
    if "Parameters\n-" in text:
        assert taken <= described, f"{package}.{name} does not describe {sorted(taken - described)}"
