"""Collect the examples in docstrings as pytest does, whatever Brian2 does at its import."""

from _pytest import doctest

_collector = doctest.DoctestModule

import brian2  # noqa: E402, F401

# Brian2 puts a collector of its own in place, which fails on examples in a package's __init__.py.
doctest.DoctestModule = _collector

# Programs for interpreters that have other simulators, and for who has rattler-build.
collect_ignore_glob = [
    "tests/conda.py",
    "tests/brianpresyn/hosts/in_*.py",
    "*/in_nest.py",
    "*/network_in_*.py",
    "*/jax_release.py",
]
