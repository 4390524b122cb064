"""Wrong values for every public argument of a package: ``python -m tests.fuzz biophys``.

Every callable of a package's ``__all__``, and every public method of its classes, is called with arguments
that are right but for one, which is one of forty wrong values. The call must raise a TypeError or ValueError
that names the argument. Anything else is counted: a raw error from somewhere inside (another class of error,
or one that does not name the argument), or nonsense accepted without a word.

What is right is said by the package's ``argument_examples`` beside its tests: values by the name of the
argument (`EXAMPLES`), and where a callable needs others, by ``"callable.argument"`` (`SPECIAL`). An argument
without an example is a failure too, so that whatever becomes public is tried.

With ``--rounds N`` wrong values are also put inside right ones, N times for every argument: one element of an
array, a list or a tuple, or of the numbers of a quantity.
"""

from __future__ import annotations

import argparse
import contextlib
import decimal
import importlib
import inspect
import io
import re
import signal
import sys
import traceback
import typing
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import brian2
import numpy as np
import quantities as pq

LONGEST_CALL = 120
"""Seconds after which a call counts as hanging: far more than any call with these sizes takes anywhere."""


class _Anything:
    """An object of a class that nobody knows."""


def wrong_values() -> dict[str, Any]:
    """Return forty values that most arguments must refuse, by what they are."""
    return {
        "None": None,
        "True": True,
        "a truth value of numpy": np.bool_(True),
        "text of a number": "0.5",
        "text": "nonsense",
        "empty text": "",
        "bytes": b"0.5",
        "nan": float("nan"),
        "inf": float("inf"),
        "-inf": float("-inf"),
        "a whole number of too many digits": 10**5000,
        "a complex number": 0.5 + 0.5j,
        "a decimal": decimal.Decimal("nan"),
        "an empty list": [],
        "an empty tuple": (),
        "an empty array": np.array([]),
        "a list of texts": ["0.5", "0.5"],
        "a list of nothing": [None, None],
        "a ragged list": [[0.5], [0.5, 0.5]],
        "a list with nan": [0.5, float("nan")],
        "an array of nan": np.full(3, np.nan),
        "an array of texts": np.array(["0.5", "x"]),
        "an array of objects": np.array([0.5, None], dtype=object),
        "a complex array": np.array([0.5 + 1j, 0.5]),
        "an array of dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
        "a masked array": np.ma.masked_array([0.5, 0.5], mask=[False, True]),
        "a structured array": np.array([(0.5, 1)], dtype=[("p", float), ("n", int)]),
        "a dictionary": {"p": 0.5},
        "a set": {0.5},
        "a generator": (x for x in (0.5, 0.5)),
        "a function": len,
        "kilograms of Brian2": 0.5 * brian2.kgram,
        "a class": _Anything,
        "an object": _Anything(),
        "a buffer": bytearray(b"12"),
        "a span of time": np.timedelta64(1, "s"),
        "kilograms": 0.5 * pq.kg,
        "nan with a unit": float("nan") * pq.mV,
        "an empty quantity": np.array([]) * pq.mV,
        "an array of kilograms": np.array([0.5, 0.5]) * pq.kg,
    }


@dataclass(frozen=True)
class Argument:
    """One argument of one public callable.

    Parameters
    ----------
    callable_name
        Such as ``QuantalSynapse`` or ``QuantalSynapse.pmf``.
    name
        Of the argument.
    hint
        Its annotation.
    default
        Its default, `inspect.Parameter.empty` if it has none.
    """

    callable_name: str
    name: str
    hint: Any
    default: Any


@dataclass(frozen=True)
class Finding:
    """A call that went wrong: ``raw``, ``accepted``, ``hang`` or ``no example``."""

    kind: str
    argument: Argument
    value: str
    detail: str

    def __str__(self) -> str:
        place = f"{self.argument.callable_name}({self.argument.name}=<{self.value}>)"
        return f"{self.kind:10s} {place}: {self.detail}"


def public_callables(package: str) -> Iterator[tuple[str, type | None, Callable[..., Any]]]:
    """Yield the name, the class if it is a method, and the callable, of everything public that is called."""
    module = importlib.import_module(package)
    for name in sorted(module.__all__):
        value = getattr(module, name)
        if isinstance(value, type) and not issubclass(value, Warning):
            yield name, None, value
            for method, function in inspect.getmembers(value):
                if (not method.startswith("_") or method == "__call__") and _is_own(function, package):
                    yield f"{name}.{method}", value, function
        elif inspect.isfunction(value):
            yield name, None, value


def _is_own(function: Any, package: str) -> bool:
    is_method = inspect.isfunction(function) or inspect.ismethod(function)
    return is_method and function.__module__.split(".")[0] == package


def arguments_of(name: str, function: Callable[..., Any], is_method: bool) -> list[Argument]:
    """Return the arguments of a callable; those of a plain method without self."""
    parameters = list(inspect.signature(function).parameters.values())
    if is_method and inspect.isfunction(function):
        parameters = parameters[1:]
    hints = _hints(function)
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [Argument(name, p.name, hints.get(p.name, Any), p.default) for p in named]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of a function, or of what builds a class."""
    target = inspect.unwrap(function.__init__ if isinstance(function, type) else function)
    try:
        return typing.get_type_hints(target)
    except NameError:
        return {}


# What an element of some argument may well be.
_NEVER_AN_ELEMENT = (
    "None",
    "True",
    "a truth value of numpy",
    "text",
    "empty text",
    "inf",
    "-inf",
    "a function",
)


def _with_one_wrong(
    right: Any, wrong: Any, label: str, rng: np.random.Generator
) -> Iterator[tuple[str, Any]]:
    """Yield what has elements with one of them replaced."""
    if isinstance(right, pq.Quantity) and right.size > 1:
        magnitude = right.magnitude.astype(float)
        magnitude.flat[rng.integers(magnitude.size)] = np.nan
        yield "a quantity with nan in it", pq.Quantity(magnitude, right.dimensionality)
    elif isinstance(right, (list, tuple, np.ndarray)) and getattr(right, "ndim", 1) and len(right):
        elements = list(right)
        elements[rng.integers(len(elements))] = wrong
        yield f"{label} inside", tuple(elements) if isinstance(right, tuple) else elements
    elif isinstance(right, (int, float)) and not isinstance(right, bool):
        yield f"{label} in a list", [right, wrong]


class Fuzz:
    """Calls everything public of a package with wrong values.

    Parameters
    ----------
    package
        Its name.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self._said = importlib.import_module(f"tests.{package}.argument_examples")
        self.n_calls = 0

    def example(self, argument: Argument) -> Any:
        """Return a right value of an argument, newly made."""
        key = f"{argument.callable_name}.{argument.name}"
        made = self._said.SPECIAL.get(key, self._said.EXAMPLES.get(argument.name))
        if made is None:
            if argument.default is inspect.Parameter.empty:
                raise LookupError(f"no example of {key} in tests/{self.package}/argument_examples.py")
            return argument.default
        return made()

    def findings(self, only: str = "", *, n_rounds: int = 0, seed: int = 1) -> Iterator[Finding]:
        """Yield every call that goes wrong.

        Parameters
        ----------
        only
            One callable or class; empty for all.
        n_rounds
            Wrong values put inside a right one, for every argument.
        seed
            Chooses these.
        """
        rng = np.random.default_rng(seed)
        for name, kind, function in public_callables(self.package):
            is_chosen = not only or only in (name, name.split(".")[0])
            head = name.split(".")[0]
            is_result = head in self._said.NOT_CALLED and (kind is None or head not in self._said.INSTANCES)
            if not is_chosen or is_result or name in self._said.NOT_CALLED:
                continue
            arguments = arguments_of(name, function, kind is not None)
            for argument in arguments:
                for label, value in [*wrong_values().items(), *self._inside(argument, n_rounds, rng)]:
                    if not self._may_be(argument, label, value):
                        finding = self._finding(name, kind, function, arguments, argument, label, value)
                        yield from () if finding is None else (finding,)

    def _inside(
        self, argument: Argument, n_rounds: int, rng: np.random.Generator
    ) -> Iterator[tuple[str, Any]]:
        """Yield right values of an argument of which one element is wrong."""
        for _ in range(n_rounds):
            try:
                right = self.example(argument)
            except LookupError:
                return
            wrong = wrong_values()
            for label in _NEVER_AN_ELEMENT:
                wrong.pop(label)
            label = str(rng.choice(sorted(wrong)))
            yield from _with_one_wrong(right, wrong[label], label, rng)

    def _finding(
        self,
        name: str,
        kind: type | None,
        function: Callable[..., Any],
        arguments: list[Argument],
        argument: Argument,
        label: str,
        value: Any,
    ) -> Finding | None:
        """Return what went wrong in one call, None if it was refused by name."""
        try:
            given = {each.name: self.example(each) for each in arguments}
            call = function
            if kind is not None and inspect.isfunction(function):
                call = getattr(self._instance(kind), name.partition(".")[2])
        except LookupError as error:
            return Finding("no example", argument, label, str(error))
        self.n_calls += 1
        try:
            with _quiet(), _limit(LONGEST_CALL):
                result = call(**{**given, argument.name: value})
                # A generator checks nothing before it is asked for its first element.
                if inspect.isgenerator(result):
                    next(result, None)
        except TimeoutError:
            return Finding("hang", argument, label, f"longer than {LONGEST_CALL} s")
        except (TypeError, ValueError, brian2.DimensionMismatchError) as error:
            if re.search(rf"\b{re.escape(argument.name)}\b", str(error)) and not _is_of_the_call(error):
                return None
            return Finding("raw", argument, label, _described(error))
        except Exception as error:
            return Finding("raw", argument, label, _described(error))
        return Finding("accepted", argument, label, f"returned {type(result).__name__}")

    def _instance(self, kind: type) -> Any:
        own = arguments_of(kind.__name__, kind, False)
        made = self._said.INSTANCES.get(kind.__name__)
        return made() if made else kind(**{each.name: self.example(each) for each in own})

    def _may_be(self, argument: Argument, label: str, value: Any) -> bool:
        """Return whether an argument may take a value: by its kind or default, or as is said of it."""
        key = f"{argument.callable_name}.{argument.name}"
        allowed = (*self._said.ALLOWED.get(key, ()), *self._said.ALLOWED.get(argument.name, ()))
        may_be_none = argument.default is None or type(None) in typing.get_args(argument.hint)
        if label in allowed or (value is None and may_be_none):
            return True
        hint = re.sub(r"numpy\.bool\w*", "", str(argument.hint))
        is_truth_value = label in ("True", "a truth value of numpy") and "bool" in hint
        is_text = argument.hint is str and label in ("text of a number", "text", "empty text")
        return is_truth_value or is_text or (callable(value) and "Callable" in hint)


def _is_of_the_call(error: BaseException) -> bool:
    """Return whether Python itself refused the call, for example for an argument that does not exist."""
    return "unexpected keyword argument" in str(error)


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((f for f in reversed(frames) if "/site-packages/" not in f.filename), frames[-1])
    return f"{type(error).__name__}: {str(error)[:110]!r} at {frame.filename.split('/')[-1]}:{frame.lineno}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what a call warns of or prints."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in a call that takes longer."""

    def stop(signal_number: int, frame: Any) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def main() -> None:
    """Print every call that goes wrong, and how many of each kind there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--only", default="", help="one callable or class")
    parser.add_argument("--rounds", type=int, default=0, help="wrong values inside right ones, per argument")
    parser.add_argument("--seed", type=int, default=1, help="chooses these")
    parser.add_argument("--count", action="store_true", help="print the numbers alone")
    options = parser.parse_args()
    n_wrong = 0
    for package in options.packages:
        fuzz, counts = Fuzz(package), Counter()
        for finding in fuzz.findings(options.only, n_rounds=options.rounds, seed=options.seed):
            counts[finding.kind] += 1
            if not options.count:
                print(finding, flush=True)
        print(f"{package}: {fuzz.n_calls} calls, {dict(counts) or 'nothing wrong'}")
        n_wrong += counts.total()
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
