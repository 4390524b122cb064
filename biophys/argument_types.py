"""What is wrong with a value of another type than was asked for, said by its name where it enters.

The annotation of an argument is what is checked, with its range, by `checked_types` for functions and
classes; it is put into words here, also for `biophys.settings`.
"""

import contextlib
import difflib
import functools
import inspect
import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import MISSING
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import quantities as pq
from annotated_types import Ge, Gt, Le, Lt, MinLen
from numpy.typing import ArrayLike

from biophys.units import BUFFERS, plain_numbers, shown, without_unit

_Target = TypeVar("_Target", bound=Callable[..., Any])

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_TRUTH_VALUES = (bool, np.bool_)
_WORDS = {
    bool: ("true or false", "truth values"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
    NoneType: ("None", "None"),
    pq.Quantity: ("a finite quantity with its unit", "quantities"),
}
_RANGES = {"ge": "from {} on", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
_ARRAY_MEMBERS = frozenset(get_args(ArrayLike))
_CALLABLE = get_origin(Callable[[], None])
# Whole numbers beyond this are counts of nothing, and no array takes them.
_LARGEST_COUNT = 2**63
_LARGEST_SEED = 2**128
"""What `numpy.random.SeedSequence` draws from the operating system."""
# A longer example is no help.
_LONGEST_EXAMPLE = 60
_GENERATORS = {"Generator": "np.random.default_rng(1)", "Tensor": "torch.as_tensor(...)"}

Count: TypeAlias = Annotated[int, Ge(1)]
WholeNumber: TypeAlias = Annotated[int, Ge(0)]
Positive: TypeAlias = Annotated[float, Gt(0)]
NotNegative: TypeAlias = Annotated[float, Ge(0)]
Share: TypeAlias = Annotated[float, Ge(0), Le(1)]
"""A share or a probability, 0 and 1 included."""
Probability: TypeAlias = Annotated[float, Gt(0), Le(1)]
"""A probability above 0."""
Inside: TypeAlias = Annotated[float, Gt(0), Lt(1)]
"""A share or a probability, neither 0 nor 1."""
Seed: TypeAlias = Annotated[int, Ge(0), "seed"]
Seeds: TypeAlias = Annotated[tuple[Seed, ...], MinLen(1)]
Counts: TypeAlias = Annotated[tuple[Count, ...], MinLen(1)]
Positives: TypeAlias = Annotated[tuple[Positive, ...], MinLen(1)]
Shares: TypeAlias = Annotated[tuple[Share, ...], MinLen(1)]


class OneOf:
    """Annotates text that is one of some names: a sequence, or a function that returns what is there now."""

    def __init__(self, names: Iterable[str] | Callable[[], Iterable[str]]) -> None:
        self._names = names

    @property
    def names(self) -> list[str]:
        """The names, in their order."""
        return list(self._names() if callable(self._names) else self._names)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import PydanticCustomError, core_schema

        def check(value: str) -> str:
            if value not in self.names:
                raise PydanticCustomError("literal_error", "unknown name")
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))


def checked_types(target: _Target) -> _Target:
    """Let a function, or a class with its public methods, refuse arguments of another type than annotated.

    Numbers (nan is none), whole numbers, arrays of numbers, text, truth values, choices (`Literal`, `OneOf`),
    quantities, functions, None, classes, and tuples and sequences of these are judged; other annotations are
    not. The call raises TypeError for another type, ValueError for nan, a quantity that is not finite, none
    of the choices, or a number that is not finite or out of the range of its annotation, such as `Positive`.

    >>> @checked_types
    ... def failure_rate(p: Share, n: Count = 1) -> float:
    ...     return (1 - p) ** n
    >>> failure_rate(0.5, n=2)
    0.25
    >>> failure_rate("0.5")
    Traceback (most recent call last):
    ...
    TypeError: p must be a number from 0 to 1, got '0.5'
    """
    if isinstance(target, type):
        for name, member in list(vars(target).items()):
            if inspect.isfunction(member) and (name in ("__init__", "__call__") or not name.startswith("_")):
                setattr(target, name, checked_types(member))
        return target
    parameters = inspect.signature(target).parameters
    by_position = [name for name, parameter in parameters.items() if parameter.kind in _BY_POSITION]
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    hints: dict[str, Any] = {}
    judges: dict[str, Callable[[Any], bool]] = {}
    judges_by_position: list[Callable[[Any], bool]] = []

    @functools.wraps(target)
    def checked(*arguments: Any, **named: Any) -> Any:
        if not hints:
            hints.update({"self": Any}, **get_type_hints(target, include_extras=True))
            judges.update({name: _judge(hints.get(name, Any)) for name in parameters})
            judges_by_position.extend(judges[name] for name in by_position)
        # What does not fit the signature is left to Python, which says what is missing or unknown.
        wrong = [
            name
            for name, judge, value in zip(by_position, judges_by_position, arguments, strict=False)
            if judge is not _anything and not judge(value)
        ]
        if named:
            wrong += [name for name, value in named.items() if name in judges and not judges[name](value)]
        if wrong:
            given = dict(zip(by_position, arguments, strict=False)) | named
            for name in wrong:
                if given[name] is not defaults[name]:
                    check_type(given[name], hints[name], name, defaults[name])
        return target(*arguments, **named)

    return checked  # type: ignore[return-value]


def check_public(module: str, but: Sequence[str] = ()) -> None:
    """Let all public functions and classes of a module, at its end, refuse what `checked_types` refuses.

    `but` names those that are left alone, such as results, in which nan is a number.
    """
    public = vars(sys.modules[module])
    for name, value in list(public.items()):
        is_own = getattr(value, "__module__", "") == module and not name.startswith("_") and name not in but
        is_protocol = getattr(value, "_is_protocol", False)
        if is_own and (inspect.isfunction(value) or (inspect.isclass(value) and not is_protocol)):
            public[name] = checked_types(value)


def check_type(value: Any, hint: Any, name: str, example: Any = MISSING) -> None:
    """Raise as `checked_types` unless a value is of an annotated type; `example` is one for the message.

    >>> check_type("fast", float, "rate", 0.1)
    Traceback (most recent call last):
    ...
    TypeError: rate must be a number, such as 0.1, got 'fast'
    """
    if _judge(hint)(value) or (name == "seed" and type(value) is int and 0 <= value < _LARGEST_SEED):
        return
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    is_array, is_quantity = _is_array(hint), isinstance(value, pq.Quantity) and pq.Quantity in members
    if is_array and not is_quantity:
        plain_numbers(value, name)
    if pq.Quantity in members and (not set(members) & {float, int} or (is_array and is_quantity)):
        if is_quantity:
            wanted = "be finite" if value.size else "not be empty"
            raise ValueError(f"{name} must {wanted}, got {value}")
        raise without_unit(value, name, getattr(example, "units", pq.mV))
    message = f"{name} must be {described(hint)}{such_as(hint, example)}, got {shown(value)}"
    is_text_of_no_choice = isinstance(value, str) and any(get_origin(each) is Literal for each in members)
    is_nan = isinstance(value, Real) and value != value
    is_out_of_range = _judge(hint, in_range=False)(value)
    raise (ValueError if is_out_of_range or is_text_of_no_choice or is_nan else TypeError)(message)


def check_kind(value: Any, kind: type | tuple[type, ...], name: str, example: str) -> None:
    """Raise TypeError unless `value` is of the class, or one of the classes, that an argument asks for.

    >>> check_kind("cuda", list, "seeds", "[1, 2]")
    Traceback (most recent call last):
    ...
    TypeError: seeds must be of type list, such as [1, 2], got 'cuda'
    """
    if not isinstance(value, kind):
        kinds = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise TypeError(f"{name} must be of type {kinds}, such as {example}, got {shown(value)}")


def check_choice(value: Any, names: Iterable[str], name: str) -> None:
    """Raise TypeError unless `value` is text, ValueError unless it is one of some names.

    >>> check_choice("rows", ("inputs", "outputs"), "side")
    Traceback (most recent call last):
    ...
    ValueError: side must be one of inputs, outputs, got 'rows'
    """
    check_type(value, str, name)
    if value not in names:
        raise ValueError(f"{name} must be one of {', '.join(names) or 'none so far'}, got {shown(value)}")


def suggestion(name: str, names: Any, others: Any = ()) -> str:
    """Return what a misspelt name may have meant, as the end of a message; only the first names are listed.

    >>> suggestion("ge_pos", ["ge", "gi"])
    ": did you mean 'ge'?"
    """
    close = difflib.get_close_matches(name.removesuffix("_post"), sorted({*names, *others}), n=1, cutoff=0.5)
    return f": did you mean {close[0]!r}?" if close else f": it has {', '.join(sorted(names)) or 'none'}"


def check_config(config: Any, kind: type) -> None:
    """Raise TypeError unless `config` is a configuration of the experiment that is to run."""
    check_kind(config, kind, "config", f"QUICK or Config() of {kind.__module__}")


def checked_seeds(seeds: Sequence[int]) -> list[int]:
    """Return seeds, one per replica, as plain whole numbers; raise if there is none or one is negative.

    >>> checked_seeds(range(3))
    [0, 1, 2]
    """
    check_type(seeds, Annotated[Sequence[Seed], MinLen(1)], "seeds", (1, 2))
    return [int(seed) for seed in seeds]


def _is_array(hint: Any) -> bool:
    """Return whether an annotation is that of numbers of any shape, perhaps among others."""
    is_union = get_origin(hint) in (Union, UnionType)
    return get_origin(hint) is np.ndarray or (is_union and set(get_args(hint)) >= _ARRAY_MEMBERS)


@functools.cache
def _judge(hint: Any, in_range: bool = True) -> Callable[[Any], bool]:
    """Return what tells whether a value is of an annotated type; everything is of one that is not judged."""
    base, limits = bare(hint)
    origin, members = get_origin(base), get_args(base)
    if limits:
        is_of, is_within = _judge(base, in_range), _within(limits)
        return (lambda value: is_of(value) and is_within(value)) if in_range else is_of
    if origin is Literal:
        return lambda value: any(
            value is each or (isinstance(value, str) and value == each) for each in members
        )
    is_array = _is_array(base)
    if is_array or origin in (Union, UnionType):
        # Classes first: to look at the members of a tensor takes long.
        others = sorted(
            () if origin is np.ndarray else set(members) - (_ARRAY_MEMBERS if is_array else set()),
            key=lambda each: not isinstance(each, type),
        )
        judges = [*(_judge(each, in_range) for each in others), *([_is_array_of_numbers] if is_array else [])]
        return lambda value: any(judge(value) for judge in judges)
    if origin is tuple and members[-1] is not Ellipsis:
        judges = [_judge(each, in_range) for each in members]
        return lambda value: (
            isinstance(value, (tuple, list))
            and len(value) == len(judges)
            and all(judge(each) for judge, each in zip(judges, value, strict=True))
        )
    if origin in (Mapping, Set):
        judges = [_judge(each, in_range) for each in members]
        return lambda value: (
            isinstance(value, origin)
            and all(map(judges[0], value))
            and (origin is Set or all(map(judges[1], value.values())))
        )
    if origin in (tuple, Sequence, list):
        is_member = _judge(members[0], in_range)
        if origin is tuple:
            return lambda value: isinstance(value, (tuple, list)) and all(map(is_member, value))
        of_numbers = not {int, float}.isdisjoint(
            bare(hint)[0] for hint in (members[0], *get_args(members[0]))
        )
        return lambda value: all(map(is_member, _elements(value, of_numbers)))
    if base in _IS_PLAIN:
        return _IS_PLAIN[base]
    kind = origin if isinstance(origin, type) else base
    if kind is _CALLABLE:
        return callable
    if kind is Any or not isinstance(kind, type) or not getattr(kind, "_is_runtime_protocol", True):
        return _anything
    return lambda value: isinstance(value, kind)


def _anything(value: Any) -> bool:
    return True


def _within(limits: list[Any]) -> Callable[[Any], bool]:
    """Return what tells whether a value of the right type is in its range, one of its names, long enough."""
    ends = {key: getattr(limit, key) for limit in limits for key in _RANGES if hasattr(limit, key)}
    if ends:  # a number, and a finite one
        lowest, above, highest, below = (
            ends.get(key, -math.inf if key[0] == "g" else math.inf) for key in _RANGES
        )
        return lambda value: lowest <= value <= highest and above < value < below
    choices = [limit for limit in limits if hasattr(limit, "names")]
    shortest = max(getattr(limit, "min_length", 0) for limit in limits)
    return lambda value: (
        all(value in each.names for each in choices) and (not shortest or len(value) >= shortest)
    )


def _is_array_of_numbers(value: Any) -> bool:
    try:
        return bool(plain_numbers(value, "").size)
    except (TypeError, ValueError):
        return False


def _elements(value: Any, of_numbers: bool) -> Any:
    """Return the members of a sequence, an array or a tensor of numbers; of something else None alone."""
    if getattr(value, "ndim", 0) > 0 and hasattr(value, "tolist"):
        with contextlib.suppress(RuntimeError):  # a tensor that holds no numbers, or not all
            return value.tolist() if of_numbers and value.ndim == 1 else [None]
    is_sequence = isinstance(value, Sequence) and not isinstance(value, (str, *BUFFERS))
    return value if is_sequence else [None]


def _is_number(value: Any) -> bool:
    if type(value) is float:
        return value == value
    if isinstance(value, (*_TRUTH_VALUES, np.timedelta64)):
        return False
    if isinstance(value, pq.Quantity) and value.dimensionality.simplified != pq.dimensionless.dimensionality:
        return False
    if getattr(value, "ndim", None) == 0 and not isinstance(value, Real):
        return _is_array_of_numbers(value) and not np.isnan(np.asarray(value))
    if isinstance(value, Integral):
        return _is_whole(value)
    return isinstance(value, Real) and value == value


def _is_whole(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < _LARGEST_COUNT
    is_whole = isinstance(value, Integral) and not isinstance(value, (*_TRUTH_VALUES, np.timedelta64))
    return is_whole and abs(int(value)) < _LARGEST_COUNT


_IS_PLAIN: dict[Any, Callable[[Any], bool]] = {
    bool: lambda value: isinstance(value, _TRUTH_VALUES),
    int: _is_whole,
    float: _is_number,
    str: lambda value: isinstance(value, (str, os.PathLike)),
    pq.Quantity: lambda value: (
        isinstance(value, pq.Quantity) and value.size > 0 and bool(np.isfinite(value.magnitude).all())
    ),
}


def bare(hint: Any) -> tuple[Any, list[Any]]:
    """Return an annotated type without what it is annotated with, and this: ranges, names."""
    if get_origin(hint) is not Annotated:
        return hint, []
    base, *extra = get_args(hint)
    return base, [part for each in extra for part in getattr(each, "metadata", [each])]


def described(hint: Any, plural: bool = False) -> str:
    """Return an annotated type in words, with its range.

    >>> described(tuple[int, ...]), described(float | None)
    ('a tuple of whole numbers', 'a number or None')
    """
    base, limits = bare(hint)
    origin, members = get_origin(base), get_args(base)
    if _is_array(base):
        return "a number or an array of numbers"
    if origin in (Union, UnionType):
        return " or ".join(described(each) for each in members)
    if origin is Literal:
        return " or ".join(map(repr, members))
    if origin in (tuple, Sequence, list):
        kind = "tuple" if origin is tuple else "sequence"
        number = f"{len(members)} " if origin is tuple and members[-1] is not Ellipsis else ""
        many = f"{number}{described(members[0], plural=True)}"
        shortest = max((getattr(limit, "min_length", 0) for limit in limits), default=0)
        at_least = f", at least {'one' if shortest == 1 else shortest}" if shortest else ""
        return f"{kind}s of {many}" if plural else f"a {kind} of {many}{at_least}"
    if origin is _CALLABLE:
        return "a function"
    if origin in (Mapping, Set):
        of = " to ".join(described(each, plural=True) for each in members)
        return f"a {origin.__name__.lower()} of {of}"
    for names in (limit.names for limit in limits if hasattr(limit, "names")):
        return f"names out of {', '.join(names)}" if plural else f"one of {', '.join(names)}"
    class_name = getattr(base, "__name__", str(base))
    words = _WORDS.get(base, (f"of type {class_name}", class_name))[plural]
    ends = {key: getattr(limit, key) for limit in limits for key in _RANGES if hasattr(limit, key)}
    if set(ends) == {"ge", "le"}:
        return f"{words} from {ends['ge']} to {ends['le']}"
    ranges = " and ".join(_RANGES[key].format(end) for key, end in ends.items())
    return f"{words} {ranges}".rstrip()


def such_as(hint: Any, example: Any) -> str:
    """Return how to write a value: the default if it is short, else what the class's own documentation says.

    >>> such_as(float, 0.1), such_as(float, None)
    (', such as 0.1', '')
    """
    # A choice names all that there is to choose from.
    is_none = any(example is none for none in (None, MISSING, inspect.Parameter.empty))
    is_none = is_none or get_origin(hint) is Literal or any(hasattr(each, "names") for each in bare(hint)[1])
    written = "" if is_none or repr(example).startswith("<") else repr(example)
    if not written and isinstance(hint, type):
        in_words = re.search(rf"= ({hint.__name__}\(.*\))$", hint.__doc__ or "", re.MULTILINE)
        written = _GENERATORS.get(hint.__name__) or (in_words.group(1) if in_words else "")
    return f", such as {written}" if 0 < len(written) <= _LONGEST_EXAMPLE else ""
