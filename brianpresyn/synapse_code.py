"""A piece of a synapse as Brian2 code, and how pieces are joined."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from brian2.equations.equations import Equations
from brian2.units.fundamentalunits import Quantity, get_dimensions

EVENTS = ("on_pre", "on_post", "regularly")
_ASSIGNMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(=(?!=)|\+=|-=|\*=|/=|//=|%=|\*\*=)")


class Stage(enum.IntEnum):
    """When a statement runs within one event. Pieces may be joined in any order: the stages decide."""

    COUNT = 0
    """Number the event."""
    PROBABILITY = 1
    """Set what the release depends on: depletion, facilitation."""
    RELEASE = 2
    """Draw what is released."""
    TRANSMIT = 3
    """Act on the postsynaptic neuron."""
    SIGNAL = 4
    """Compute the signal that drives learning."""
    LEARN = 5
    """Change the synapse."""
    ACCOUNT = 6
    """Count and add up energy."""


@dataclass(frozen=True)
class Domain:
    """The values that a variable may take.

    Parameters
    ----------
    low, high
        Bounds, both included.
    remedy
        What to do about a value outside.
    is_integer
        Whether only whole numbers are allowed.
    """

    low: float
    high: float
    remedy: str
    is_integer: bool = False

    def check(self, name: str, values: Any) -> None:
        """Raise ValueError if any of `values` is outside; strings (Brian2 expressions) pass unseen.

        Examples
        --------
        >>> Domain(0, 1, "give a probability such as 0.5").check("p", 1.7)
        Traceback (most recent call last):
            ...
        ValueError: p must lie in [0, 1], got 1.7: give a probability such as 0.5
        """
        if isinstance(values, str):
            return
        numbers = np.atleast_1d(np.asarray(values, dtype=float))
        wrong = ~((numbers >= self.low) & (numbers <= self.high))
        if self.is_integer:
            wrong |= numbers != np.round(numbers)
        if wrong.any():
            first = int(np.flatnonzero(wrong.ravel())[0])
            where = f" at index {first}" if numbers.size > 1 else ""
            raise ValueError(
                f"{name} must {self._description()}, got {numbers.ravel()[first]:g}{where}: {self.remedy}"
            )

    def _description(self) -> str:
        if self.is_integer and np.isinf(self.high):
            return f"be a whole number of at least {self.low:g}"
        kind = "be a whole number in" if self.is_integer else "lie in"
        return f"{kind} [{self.low:g}, {self.high:g}]"


PROBABILITY = Domain(0.0, 1.0, "give a probability such as 0.5")
N_SITES = Domain(1, np.inf, "give a whole number of release sites such as 5", is_integer=True)


def _frozen(mapping: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(dict(mapping))


@dataclass(frozen=True)
class SynapseCode:
    """A piece of a synapse: equations, what runs at pre- and postsynaptic spikes, and the names they use.

    Pieces join by ``+``. The result is a piece again; print it to read the Brian2 code, and hand it to
    :func:`brianpresyn.synapses` to build an ordinary :class:`brian2.Synapses`.

    Parameters
    ----------
    name
        What the piece is, for messages.
    model
        Brian2 equations.
    on_pre, on_post
        Statements by stage.
    regularly, every
        Statements, by stage, that run for all synapses at regular times, and the interval between them.
    namespace
        Functions and constants that the code uses.
    initial
        Initial values by variable: a number, an array, a Brian2 quantity, or a Brian2 expression as text.
    domains
        The values that variables may take.
    streams
        Variables that hold the key of a stream of random numbers, and the name of that stream; they have 64
        bits.
    dtypes
        Types of numbers of variables, where they differ from Brian2's.
    requires
        Variables that another piece has to bring.
    acts_on
        Postsynaptic variables that the synapse acts on, and the dimension with which it does so, as the
        name of the synaptic variable that carries it.
    brings
        Variables that other pieces may require; by default those that it defines or sets, except for the
        ones that it requires itself.

    Raises
    ------
    ValueError
        If a joined piece defines, sets or names the same thing as the other.

    Examples
    --------
    >>> decay = SynapseCode("trace", "dtrace/dt = -trace/tau : 1 (event-driven)",
    ...                     on_pre={Stage.LEARN: "trace += 1"}, namespace={"tau": 0.02})
    >>> print(decay + SynapseCode("weight", "w : 1", on_pre={Stage.TRANSMIT: "v_post += w"}))
    dtrace/dt = -trace/tau : 1 (event-driven)
    w : 1
    on_pre:
        v_post += w
        trace += 1
    """

    name: str
    model: str = ""
    on_pre: Mapping[Stage, str] = field(default_factory=dict)
    on_post: Mapping[Stage, str] = field(default_factory=dict)
    regularly: Mapping[Stage, str] = field(default_factory=dict)
    every: Quantity | None = None
    namespace: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    domains: Mapping[str, Domain] = field(default_factory=dict)
    streams: Mapping[str, str] = field(default_factory=dict)
    dtypes: Mapping[str, Any] = field(default_factory=dict)
    requires: frozenset[str] = frozenset()
    acts_on: Mapping[str, str] = field(default_factory=dict)
    brings: frozenset[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for title in EVENTS:
            if not isinstance(getattr(self, title), Mapping):
                raise TypeError(
                    f"{title} of {self.name} must say at which stage a statement runs, as in "
                    f"{{Stage.TRANSMIT: 'v_post += w'}}, got {getattr(self, title)!r}"
                )
        model = "\n".join(line.strip() for line in self.model.splitlines() if line.strip())
        object.__setattr__(self, "model", model)
        for name in (
            "on_pre",
            "on_post",
            "regularly",
            "namespace",
            "initial",
            "domains",
            "streams",
            "dtypes",
            "acts_on",
        ):
            object.__setattr__(self, name, _frozen(getattr(self, name)))
        object.__setattr__(self, "requires", frozenset(self.requires))
        if self.brings is None:
            object.__setattr__(self, "brings", (self.defined | self.assigned) - self.requires)
        for variable, domain in self.domains.items():
            if variable in self.initial:
                domain.check(variable, self.initial[variable])

    @property
    def equations(self) -> Equations:
        """The model as Brian2 equations."""
        return Equations(self.model) if self.model else Equations("")

    @property
    def defined(self) -> frozenset[str]:
        """Names of the variables that the model defines."""
        return frozenset(self.equations.names)

    @property
    def pre_code(self) -> str:
        """What runs at a presynaptic spike, in the order of the stages."""
        return _joined_stages(self.on_pre)

    @property
    def post_code(self) -> str:
        """What runs at a postsynaptic spike, in the order of the stages."""
        return _joined_stages(self.on_post)

    @property
    def regular_code(self) -> str:
        """What runs at regular times, in the order of the stages."""
        return _joined_stages(self.regularly)

    @property
    def assigned(self) -> frozenset[str]:
        """Names of the synaptic variables that the statements set."""
        names = {name for code in self._codes.values() for name in _assigned_names(code)}
        return frozenset(name for name in names if not name.endswith(("_post", "_pre")))

    @property
    def _codes(self) -> dict[str, str]:
        codes = {"on_pre": self.pre_code, "on_post": self.post_code}
        if self.every is not None:
            codes[f"every {self.every}"] = self.regular_code
        return codes

    @property
    def _brought(self) -> frozenset[str]:
        return self.brings or frozenset()

    def __add__(self, other: SynapseCode) -> SynapseCode:
        if not isinstance(other, SynapseCode):
            raise TypeError(
                f"a piece of synapse code joins with another, got {type(other).__name__}: wrap equations and "
                "statements as SynapseCode(name, model, on_pre={Stage.TRANSMIT: ...})"
            )
        other = _without_same_counters(other, self)
        _check_no_clash(self, other)
        return SynapseCode(
            name=f"{self.name} + {other.name}",
            model="\n".join(part for part in (self.model, other.model) if part),
            on_pre=_joined_blocks(self.on_pre, other.on_pre),
            on_post=_joined_blocks(self.on_post, other.on_post),
            regularly=_joined_blocks(self.regularly, other.regularly),
            every=other.every if self.every is None else self.every,
            namespace={**self.namespace, **other.namespace},
            initial={**self.initial, **other.initial},
            domains={**self.domains, **other.domains},
            streams={**self.streams, **other.streams},
            dtypes={**self.dtypes, **other.dtypes},
            requires=self.requires | other.requires,
            acts_on={**self.acts_on, **other.acts_on},
            brings=self._brought | other._brought,
        )

    def __str__(self) -> str:
        lines = [self.model] if self.model else []
        for title, code in self._codes.items():
            if code:
                lines += [f"{title}:"] + [f"    {line}" for line in code.splitlines()]
        return "\n".join(lines)

    def missing(self) -> frozenset[str]:
        """Return the required variables that no piece brings.

        Examples
        --------
        >>> sorted(SynapseCode("ledger", requires={"released"}).missing())
        ['released']
        """
        return self.requires - self._brought


def _joined_stages(blocks: Mapping[Stage, str]) -> str:
    lines = (line.strip() for stage in sorted(blocks) for line in blocks[stage].splitlines())
    return "\n".join(line for line in lines if line)


def _joined_blocks(first: Mapping[Stage, str], second: Mapping[Stage, str]) -> dict[Stage, str]:
    return {
        stage: "\n".join(blocks[stage] for blocks in (first, second) if stage in blocks)
        for stage in Stage
        if stage in first or stage in second
    }


def _assigned_names(code: str) -> Iterable[str]:
    return (match.group(1) for line in code.splitlines() if (match := _ASSIGNMENT.match(line)))


def _statements(code: SynapseCode, name: str) -> set[tuple[str, Stage, str]]:
    """Return event, stage and text of every statement that sets a variable."""
    return {
        (event, stage, line.strip())
        for event in EVENTS
        for stage, block in getattr(code, event).items()
        for line in block.splitlines()
        if name in _assigned_names(line)
    }


def _without_same_counters(code: SynapseCode, other: SynapseCode) -> SynapseCode:
    """Return the code without the variables that another defines and sets in the same words."""
    same = {
        name
        for name in code.defined & other.defined & code.assigned
        if str(code.equations[name]) == str(other.equations[name])
        and _statements(code, name) == _statements(other, name)
    }
    if not same:
        return code
    kept = {
        event: {
            stage: "\n".join(line for line in block.splitlines() if not same & set(_assigned_names(line)))
            for stage, block in getattr(code, event).items()
        }
        for event in EVENTS
    }
    model = [line for line in code.model.splitlines() if not same & set(Equations(line).names)]
    return replace(code, model="\n".join(model), **kept)  # type: ignore[arg-type]


def _check_no_clash(first: SynapseCode, second: SynapseCode) -> None:
    """Raise ValueError if two pieces define or set the same variable, or mean different things by a name."""
    for kind, names in (
        ("define", first.defined & second.defined),
        ("set", first.assigned & second.assigned),
    ):
        if names:
            raise ValueError(
                f"{first.name!r} and {second.name!r} both {kind} {', '.join(sorted(names))}: "
                "leave one of the pieces out, or rename the variable in one of them"
            )
    if first.every is not None and second.every is not None and not _are_same(first.every, second.every):
        raise ValueError(
            f"{first.name!r} and {second.name!r} update at different intervals ({first.every} and "
            f"{second.every}): give both the same"
        )
    for name in first.namespace.keys() & second.namespace.keys():
        if not _are_same(first.namespace[name], second.namespace[name]):
            raise ValueError(
                f"{first.name!r} and {second.name!r} use the name {name} for different things "
                f"({first.namespace[name]!r} and {second.namespace[name]!r}): rename one"
            )


def _are_same(first: Any, second: Any) -> bool:
    if first is second:
        return True
    numeric = (int, float, np.ndarray)
    if not (isinstance(first, numeric) and isinstance(second, numeric)):
        return False
    return get_dimensions(first) is get_dimensions(second) and bool(np.all(first == second))
