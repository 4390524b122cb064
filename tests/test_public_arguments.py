"""Every public argument refuses forty wrong values by its name (`tests.fuzz`; more with ``make fuzz``)."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import pytest

from tests.fuzz import Fuzz, wrong_values
from tests.fuzz_options import TEXTS, faults


def checked_functions(package: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield name and function, without its check, of all functions and methods with `checked_types`."""
    for each in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if each.name.endswith(("__main__", "in_nest")):  # programs
            continue
        module = importlib.import_module(each.name)
        members = list(vars(module).values())
        for kind in list(filter(inspect.isclass, members)):
            members += vars(kind).values()
        for function in filter(inspect.isfunction, members):
            inner = getattr(function, "__wrapped__", None)
            if getattr(inner, "__module__", None) == each.name:
                yield f"{each.name}.{function.__qualname__}", inner


def test_there_are_forty_wrong_values():
    assert len(wrong_values()) == len(set(TEXTS)) == 40


@pytest.mark.parametrize("package", ["biophys", "rate_models", "brianpresyn", "validation"])
def test_annotations_that_are_checked_can_be_read_at_run_time(package):
    # A name imported for type checkers only fails in the first call.
    functions = dict(checked_functions(package))
    assert functions
    for name, function in functions.items():
        assert get_type_hints(function) is not None, name


@pytest.mark.parametrize("package", ["biophys", "brianpresyn", "rate_models", "validation"])
def test_wrong_values_are_refused_by_the_name_of_the_argument(package):
    found = [str(finding) for finding in Fuzz(package).findings()]
    assert found == []


def test_wrong_texts_are_refused_by_the_option_or_the_text(tmp_path):
    assert list(faults(tmp_path, TEXTS[::4])) == []
