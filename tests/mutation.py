"""Do the tests notice a wrong formula? ``python -m tests.mutation`` changes one sign or number at a time.

Formulas are sampled from `FORMULAS`, in Python and in the text of Brian2 code; each change is made in a
process of its own, which runs the tests named beside the function. What they do not notice is printed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import inspect
import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

_CORE = "tests/brianpresyn"
FORMULAS = {
    "brianpresyn.counter_random:released_sites": f"{_CORE}/test_counter_random.py",
    "brianpresyn.counter_random:normal": f"{_CORE}/test_counter_random.py",
    "brianpresyn.counter_random:_reached": f"{_CORE}/test_counter_random.py",
    "brianpresyn.energy:_term": f"{_CORE}/test_energy.py",
    "brianpresyn.energy:_waiting": f"{_CORE}/test_energy.py",
    "brianpresyn.energy:_odds": f"{_CORE}/test_energy.py",
    "brianpresyn.plasticity:_statements": f"{_CORE}/test_plasticity.py",
    "brianpresyn.quantal_noise:_gamma": f"{_CORE}/test_quantal_noise.py",
    "brianpresyn.quantal_noise:variance_of_response": f"{_CORE}/test_quantal_noise.py",
    "brianpresyn.release:amplitude_model": f"{_CORE}/test_release.py",
    "brianpresyn.short_term:stochastic_tsodyks_markram": f"{_CORE}/test_short_term.py",
    "brianpresyn.short_term:tsodyks_markram": f"{_CORE}/test_short_term.py",
    "brianpresyn.spontaneous:spontaneous_release": f"{_CORE}/test_quantal_noise.py",
    "brianpresyn.unified_stdp:pre_post_stdp": f"{_CORE}/test_unified_stdp.py",
    "brianpresyn.update_signals:pair_stdp": f"{_CORE}/test_plasticity.py",
    "brianpresyn.update_signals:triplet_stdp": f"{_CORE}/test_plasticity.py",
}
"""Functions, and the tests that should notice when one of them is wrong."""

_SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
            ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}  # fmt: skip
_IN_TEXT = {"+": "-", "-": "+", "*": "/", "/": "*"}
_LONGEST = 600


def mutants(name: str) -> Iterator[tuple[str, Callable[..., Any], Any]]:
    """Yield what is changed, the function, and its changed code, for every change of a function."""
    module, _, attribute = name.partition(":")
    function = inspect.unwrap(getattr(importlib.import_module(module), attribute))
    source = textwrap.dedent(inspect.getsource(function))
    for number in range(10**6):
        tree = ast.parse(source)
        definition = tree.body[0]
        assert isinstance(definition, ast.FunctionDef)
        definition.decorator_list = []
        docstring = ast.get_docstring(definition, clean=False)
        changes = list(_changes(definition, docstring))
        if number >= len(changes):
            return
        line, described, change = changes[number]
        change()
        space = dict(function.__globals__)
        exec(compile(ast.fix_missing_locations(tree), inspect.getfile(function), "exec"), space)
        yield f"{name} line {line}: {described}", function, space[attribute].__code__


def _changes(
    definition: ast.FunctionDef, docstring: str | None
) -> Iterator[tuple[int, str, Callable[[], None]]]:
    """Yield where, what and how one operator or number can be changed."""
    # Defaults belong to the definition, not to its code.
    for node in (node for statement in definition.body for node in ast.walk(statement)):
        if isinstance(node, ast.BinOp) and type(node.op) in _SWAPPED:
            new = _SWAPPED[type(node.op)]
            yield node.lineno, f"{type(node.op).__name__} -> {new.__name__}", _set(node, "op", new())
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPPED:
            new = _SWAPPED[type(node.ops[0])]
            yield (
                node.lineno,
                f"{type(node.ops[0]).__name__} -> {new.__name__}",
                _set(node, "ops", [new(), *node.ops[1:]]),
            )
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node.lineno, f"{node.value} -> {node.value + 1}", _set(node, "value", node.value + 1)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != docstring:
            for match in re.finditer(r"(?<=[\w) ])[-+*/](?=[=\w( {])", node.value):
                k, sign = match.start(), match.group()
                text = node.value[:k] + _IN_TEXT[sign] + node.value[k + 1 :]
                yield node.lineno, f"{node.value!r} -> {text!r}", _set(node, "value", text)


def _set(node: ast.AST, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def is_noticed(function: Callable[..., Any], code: Any, tests: str) -> bool:
    """Run the tests with the changed function in a process of their own; return whether one fails."""
    child = os.fork()
    if not child:
        signal.alarm(_LONGEST)
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
            function.__code__ = code
            options = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not standalone and not slow"]
            os._exit(int(pytest.main([*options, tests])))
    return os.waitpid(child, 0)[1] != 0


def main() -> None:
    """Print the changes that no test notices, and how many were tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=40, help="changes to try")
    parser.add_argument("--seed", type=int, default=1, help="chooses them")
    chosen = parser.parse_args()
    every = [(tests, *mutant) for name, tests in FORMULAS.items() for mutant in mutants(name)]
    picked = np.random.default_rng(chosen.seed).permutation(len(every))[: chosen.number]
    n_survivors = 0
    for tests, described, function, code in (every[k] for k in sorted(picked)):
        if not is_noticed(function, code, tests):
            n_survivors += 1
            print(f"not noticed by {tests}: {described}", flush=True)
    print(f"{len(picked)} of {len(every)} changes tried, {n_survivors} not noticed")
    sys.exit(n_survivors > 0)


if __name__ == "__main__":
    main()
