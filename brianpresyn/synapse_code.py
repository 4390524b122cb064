"""A piece of a synapse as Brian2 code, and how pieces are joined."""

from __future__ import annotations

import enum
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from brian2 import Function, Quantity, get_dimensions
from brian2.equations.equations import SUBEXPRESSION, EquationError, Equations
from brian2.utils.stringtools import get_identifiers

from biophys.argument_types import checked_types, suggestion
from biophys.units import shown
from brianpresyn.domains import AMPLITUDE, RESERVED, Domain, check_expression, check_name, checked_time

_ASSIGNMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(=(?!=)|\+=|-=|\*=|/=|//=|%=|\*\*=)")

Event = Literal["on_pre", "on_post", "regularly"]


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


class FrozenMapping(Mapping[Any, Any]):
    """A mapping that does not change, and that can be copied and pickled."""

    def __init__(self, items: Mapping[Any, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


class Part(NamedTuple):
    """The statements of one piece at one stage."""

    piece: str
    text: str


@checked_types
@dataclass(frozen=True, eq=False)
class SynapseCode:
    """A piece of a synapse: equations, what runs at pre- and postsynaptic spikes, and the names they use.

    Pieces join by ``+``. The result is a piece again; print it to read the Brian2 code, and hand it to
    :func:`brianpresyn.synapses` to build an ordinary :class:`brian2.Synapses`. Within a stage, a piece that
    sets a variable runs before one that only reads it, so that the order of joining does not matter.

    Parameters
    ----------
    name : what the piece is, for messages
    model : Brian2 equations
    on_pre, on_post
        Statements by stage; or, where there are several pathways, by the name of the pathway and then by
        stage, as in ``{"calcium": {Stage.LEARN: "c += dc"}}``. The first pathways are "pre" and "post".
    regularly, every
        Statements, by stage, that run for all synapses at regular times, and the interval between them.
    namespace : functions and constants that the code uses
    initial
        Initial values by variable: a number, an array, a Brian2 quantity, or a Brian2 expression as text.
    domains : the values that variables may take
    streams
        Variables that hold the key of a stream of random numbers, and the name of that stream; they have 64
        bits.
    dtypes : types of numbers of variables, where they differ from Brian2's
    requires : variables that another piece has to bring
    acts_on
        Variables that the synapse acts on, and the dimension with which it does so, as the name of the
        synaptic variable that carries it, or the names of several. A plain name is a postsynaptic variable,
        unless the joined code defines a synaptic one of this name; a name that ends in ``_post`` is always
        postsynaptic.
    after_run : expressions of variables that are evaluated after every run, in this order
    brings
        Variables that other pieces may require; by default those that it defines or sets, except for the
        ones that it requires itself.

    Raises
    ------
    TypeError : if an argument is of another type, or statements are given without a stage
    ValueError
        If a joined piece defines, sets or names the same thing as the other, or both would have to run first.

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
    on_pre: Any = field(default_factory=dict)
    on_post: Any = field(default_factory=dict)
    regularly: Any = field(default_factory=dict)
    every: Quantity | None = None
    namespace: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    domains: Mapping[str, Domain] = field(default_factory=dict)
    streams: Mapping[str, str] = field(default_factory=dict)
    dtypes: Mapping[str, str | type | np.dtype[Any]] = field(default_factory=dict)
    requires: Set[str] = frozenset()
    acts_on: Mapping[str, Iterable[str]] = field(default_factory=dict)
    after_run: Mapping[str, str] = field(default_factory=dict)
    brings: Set[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.every is not None:
            checked_time(self.every, "every")
        carriers = {
            target: (names,) if isinstance(names, str) else tuple(names)
            for target, names in self.acts_on.items()
        }
        settled = {each: FrozenMapping(getattr(self, each)) for each in _MAPPINGS} | {
            "acts_on": FrozenMapping(carriers),
            "model": _stripped(self.model),
            **{event: FrozenMapping(_by_pathway(self, event)) for event in EVENTS},
            "every": None,
            "requires": frozenset(self.requires),
        }
        for each, value in settled.items():
            object.__setattr__(self, each, value)
        for name in self.defined & RESERVED:
            check_name(name, f"a variable of {self.name}")
        for target in self.acts_on.keys() & self.defined:
            # Statements that move a target act on the synaptic variable of that name.
            for event in EVENTS:
                text = functools.partial(re.sub, rf"\b{target}_post\b", target)
                object.__setattr__(self, event, FrozenMapping(_with_text(getattr(self, event), text)))
        if self.brings is None:
            object.__setattr__(self, "brings", (self.defined | self.assigned) - self.requires)
        for variable, value in self.initial.items():
            if variable in self.domains:
                self.domains[variable].check(variable, value)
        for stages in self.codes.values():
            self._ordered(stages)

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @functools.cached_property
    def equations(self) -> Equations:
        """The model as Brian2 equations."""
        try:
            return Equations(self.model)
        except (EquationError, SyntaxError, ValueError) as error:
            raise ValueError(f"the model of {self.name} is none that Brian2 takes: {error}") from error

    @property
    def defined(self) -> frozenset[str]:
        """Names of the variables that the model defines."""
        return frozenset(self.equations.names)

    @property
    def pre_code(self) -> str:
        """What runs at a presynaptic spike, in the order of the stages."""
        return self._ordered(self.on_pre.get("pre", {}))

    @property
    def post_code(self) -> str:
        """What runs at a postsynaptic spike, in the order of the stages."""
        return self._ordered(self.on_post.get("post", {}))

    @property
    def regular_code(self) -> str:
        """What runs at regular times, in the order of the stages; all intervals together."""
        return "\n".join(self.pathway_code("regularly", interval) for interval in self.regularly)

    def pathway_code(self, event: Event, pathway: str | float) -> str:
        """Return what runs in a pathway (its name, or interval in seconds), in the order of the stages."""
        if pathway not in getattr(self, event):
            raise ValueError(f"{self.name} has no pathway {pathway!r} in {event}")
        return self._ordered(getattr(self, event)[pathway])

    @property
    def codes(self) -> dict[tuple[str, Any], Mapping[Stage, tuple[Part, ...]]]:
        """The parts by event and pathway, and by stage."""
        return {
            (event, pathway): stages for event in EVENTS for pathway, stages in getattr(self, event).items()
        }

    @functools.cached_property
    def assigned(self) -> frozenset[str]:
        """Names of the synaptic variables that the statements set."""
        names = {name for part in self.parts for name in assignments(part.text)}
        return frozenset(name for name in names if not name.endswith(("_post", "_pre")))

    @property
    def parts(self) -> Iterator[Part]:
        """All statements, piece by piece."""
        return (part for stages in self.codes.values() for parts in stages.values() for part in parts)

    @property
    def amplitudes(self) -> frozenset[str]:
        """Names of the parameters that say how large a response is."""
        return frozenset(name for name in self.initial if self.domains.get(name, AMPLITUDE) == AMPLITUDE)

    def depends_on(self, names: Set[str]) -> set[str]:
        """Return names together with all variables from which they follow by subexpressions."""
        every, waiting = set(names), list(names)
        while waiting:
            equation = self.equations.get(waiting.pop())
            if equation is not None and equation.type == SUBEXPRESSION:
                new = set(equation.identifiers) - every
                every |= new
                waiting += new
        return every

    def __add__(self, other: SynapseCode) -> SynapseCode:
        if not isinstance(other, SynapseCode):
            problem = f"a piece of synapse code joins with another, got {type(other).__name__}"
            remedy = "wrap equations and statements as SynapseCode(name, model, on_pre={Stage.TRANSMIT: ...})"
            raise TypeError(f"{problem}: {remedy}")
        other = _aimed_as(other, self)
        self = _aimed_as(self, other)
        other = _without_same_counters(other, self)
        first = _without_same_counters(self, other)
        _check_no_clash(first, other)
        mappings = {each: {**getattr(first, each), **getattr(other, each)} for each in _MAPPINGS}
        for target in first.acts_on.keys() & other.acts_on.keys():
            mappings["acts_on"][target] = dict.fromkeys([*first.acts_on[target], *other.acts_on[target]])
        return SynapseCode(
            name=f"{first.name} + {other.name}",
            model=f"{first.model}\n{other.model}",
            **{event: _joined(getattr(first, event), getattr(other, event)) for event in EVENTS},
            **mappings,
            requires=first.requires | other.requires,
            brings=frozenset(first.brings or ()) | frozenset(other.brings or ()),
        )

    def __str__(self) -> str:
        lines = [self.model] if self.model else []
        for (event, pathway), stages in self.codes.items():
            code = self._ordered(stages)
            if event == "regularly":
                title = f"every {pathway * 1e3:g} ms"
            else:
                title = event if pathway == EVENTS[event] else f"{event} ({pathway})"
            if code:
                lines += [f"{title}:"] + [f"    {line}" for line in code.splitlines()]
        return "\n".join(lines)

    def missing(self) -> frozenset[str]:
        """Return the required variables that no piece brings."""
        return frozenset(self.requires - (self.brings or set()))

    def renamed(self, names: Mapping[str, str] | None = None, *, prefix: str = "") -> SynapseCode:
        """Return the same piece with other names, in equations, statements, constants and initial values.

        Raises ValueError if there is no such name, or a new one is taken or no name.

        Parameters
        ----------
        names : new names of single variables or constants by their present ones
        prefix
            Put before all other names: those of variables, of constants, and of what pieces pass on within a
            spike, such as ``released``. The streams of random numbers get it as well, so that two releases in
            one Synapses draw different numbers.

        Examples
        --------
        >>> from brian2 import mV
        >>> from brianpresyn import binomial_release
        >>> binomial_release(5, 0.5, q=1*mV).renamed({"n": "n_sites"}).model.splitlines()[0]
        'n_sites : integer'
        """
        names = dict(names or {})
        renamable = self.defined | self.assigned | self.requires | (self.brings or frozenset())
        renamable |= {name for name, value in self.namespace.items() if not isinstance(value, Function)}
        renamable -= self.acts_on.keys() - self.defined
        unknown = names.keys() - renamable - self.namespace.keys() - self.acts_on.keys()
        if unknown:
            name = sorted(unknown)[0]
            raise ValueError(f"names: {self.name} has no {name!r}{suggestion(name, renamable)}")
        if prefix:
            names = {**{name: f"{prefix}{name}" for name in renamable}, **names}
        for name, new in names.items():
            check_name(new, f"names: the new name of {name}")
        meanings = Counter([*(renamable - names.keys()), *names.values()])
        if taken := {new for new in names.values() if meanings[new] > 1}:
            raise ValueError(f"names: {', '.join(sorted(taken))} would mean two things in {self.name}")
        return self._with_names(names, prefix)

    def _with_names(self, names: dict[str, str], prefix: str) -> SynapseCode:
        spelled = {**names, **{f"d{name}": f"d{new}" for name, new in names.items() if name in self.defined}}
        spelled |= {f"{name}_post": f"{names[name]}_post" for name in self.acts_on.keys() & names.keys()}

        def text(code: Any) -> Any:
            if not isinstance(code, str):
                return code
            return re.sub(r"\b[A-Za-z_]\w*\b", lambda match: spelled.get(match[0], match[0]), code)

        def new(name: str) -> str:
            return names.get(name, name)

        changes: dict[str, Callable[[Any], Any]] = {
            "initial": text,
            "after_run": text,
            "streams": lambda purpose: f"{prefix}{purpose}",
            "acts_on": lambda carriers: tuple(map(new, carriers)),
        }
        mappings = {
            each: {new(key): changes.get(each, _same)(value) for key, value in getattr(self, each).items()}
            for each in _MAPPINGS
        }
        return SynapseCode(
            name=f"{prefix}{self.name}",
            model=text(self.model),
            **{event: _with_text(getattr(self, event), text) for event in EVENTS},
            **mappings,
            requires=frozenset(map(new, self.requires)),
            brings=frozenset(map(new, self.brings or ())),
        )

    def following(self, **expressions: str) -> SynapseCode:
        """Return the piece with parameters that follow from other variables at every moment.

        An initial value as text is evaluated once; this makes a subexpression of the variable. Expressions
        are given by variable, for example ``p="clip(p0_pre, 0, 1)"``.

        Raises ValueError if the piece has no such parameter, or an expression is none.

        >>> from brianpresyn import bernoulli_release
        >>> print(bernoulli_release(0, q=1).following(p="p0_pre").model.splitlines()[0])
        p = p0_pre : 1
        """
        model = self.model.splitlines()
        for name, expression in expressions.items():
            check_expression(expression, name)
            place = [k for k, line in enumerate(model) if re.match(rf"{re.escape(name)}\s*:", line)]
            if not place:
                raise ValueError(f"{self.name} has no parameter {name!r}{suggestion(name, self.defined)}")
            unit = model[place[0]].split(":", 1)[1].replace("(shared)", "").strip()
            model[place[0]] = f"{name} = {expression} : {unit}"
        left: dict[str, Any] = {
            each: {key: value for key, value in getattr(self, each).items() if key not in expressions}
            for each in ("initial", "domains", "dtypes")
        }
        return replace(self, model="\n".join(model), **left)

    def recordable(self, **units: str) -> SynapseCode:
        """Return the piece with what it only passes on within a spike kept, from the last one, as a variable.

        Its unit is given as equations spell it, for example ``released="integer"``.

        Raises ValueError if the piece sets nothing of this name.

        >>> from brianpresyn import bernoulli_release
        >>> "released : integer" in bernoulli_release(0.5, q=1).recordable(released="integer").model
        True
        """
        for name in units:
            if name not in self.assigned - self.defined:
                remedy = suggestion(name, self.assigned)
                raise ValueError(f"{self.name} sets nothing that is called {name!r}{remedy}")
        lines = [self.model, *(f"{name} : {unit}" for name, unit in units.items())]
        return replace(self, model="\n".join(lines))

    def with_statements(self, change: Callable[[str], str]) -> SynapseCode:
        """Return the piece with all of its statements changed; those that become empty are left out."""
        changed: dict[str, Any] = {event: _with_text(getattr(self, event), change) for event in EVENTS}
        return replace(self, **changed)

    def export(self, host: str, *, name: str = "presyn") -> Any:
        """Return the piece as the files of another simulator, which releases the same quanta at every event.

        Raises ValueError or NotImplementedError if there is no such host, or it cannot express the piece; the
        message names what, and what to do.

        Parameters
        ----------
        host : ``"nest"``, ``"nestml"``, ``"neuron"``, ``"jax"``, ``"pynn"`` or ``"cuda"``
        name : of the synapse there

        Returns
        -------
        brianpresyn.export.Export
            Texts by file name; its ``write(folder, connection)`` adds the table of synapses of a network.

        Examples
        --------
        >>> from brianpresyn import bernoulli_release
        >>> list(bernoulli_release(0.3, q=1).export("neuron").files)
        ['presyn.mod']
        """
        # Not before it is asked for: the exports are made of whole pieces, and so of this module.
        from brianpresyn.export.exported import export

        return export(self, host, name=name)

    def check_reads(self, known: Set[str]) -> None:
        """Raise ValueError if a statement reads what is passed on within an event before it is set there.

        `known` are names that have a value from elsewhere.
        """
        passed_on = self.assigned - self.defined - known
        for (event, pathway), stages in self.codes.items():
            unset = set(passed_on)
            for line in self._ordered(stages).splitlines():
                statement = line.split("#")[0]
                match = _ASSIGNMENT.match(statement)
                variable, operator = match.groups() if match else ("", "")
                right = statement.split("=", 1)[1] if operator == "=" else statement
                early = sorted(self.depends_on(get_identifiers(right)) & unset)
                if early:
                    setting = [
                        f"set at Stage.{stage.name}"
                        for stage, parts in stages.items()
                        if any(early[0] in assignments(part.text) for part in parts)
                    ]
                    when = setting[0] if setting else f"not set in {event}"
                    remedy = f"give it a later stage, or keep its last value with recordable({early[0]}=...)"
                    read = f"{statement.strip()!r} in {event} ({pathway}) reads {early[0]}, which is {when}"
                    raise ValueError(f"{read}: {remedy}")
                unset.discard(variable)

    def _ordered(self, stages: Mapping[Stage, tuple[Part, ...]]) -> str:
        return "\n".join(text for stage in sorted(stages) for text in self._in_order(stage, stages[stage]))

    def _in_order(self, stage: Stage, parts: tuple[Part, ...]) -> list[str]:
        """Return the texts of a stage, what sets a variable before what only reads it."""
        later = {
            k: {m for m, other in enumerate(parts) if k != m and self._comes_before(stage, other, parts[k])}
            for k in range(len(parts))
        }
        order: list[str] = []
        while later:
            ready = [k for k, waits_for in later.items() if not waits_for & later.keys()]
            if not ready:
                pieces = " and ".join(repr(parts[k].piece) for k in later)
                problem = f"{pieces} each set what the other reads at Stage.{Stage(stage).name}"
                raise ValueError(f"{problem}: give one of them another stage")
            order.append(parts[ready[0]].text)
            del later[ready[0]]
        return order

    def _comes_before(self, stage: Stage, first: Part, second: Part) -> bool:
        """Return whether the second part reads what the first sets; raise if both set it incompatibly."""
        earlier, later = assignments(first.text), assignments(second.text)
        for name in earlier.keys() & later.keys():
            operators = earlier[name] | later[name]
            if not (operators <= {"+=", "-="} or operators <= {"*=", "/="}):
                problem = f"{first.piece!r} and {second.piece!r} both set {name} at Stage.{Stage(stage).name}"
                raise ValueError(f"{problem}, where the order would matter: give one of them another stage")
        read = self.depends_on(get_identifiers(second.text))
        return bool((earlier.keys() - later.keys()) & read)


RELEASE_TARGET = "release_target"
"""Stands, as a target, for the variable on which the release model acts that a piece is joined to."""

EVENTS: dict[str, str | None] = {"on_pre": "pre", "on_post": "post", "regularly": None}
_MAPPINGS = ("namespace", "initial", "domains", "streams", "dtypes", "acts_on", "after_run")


def _same(value: Any) -> Any:
    return value


def _stripped(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _by_pathway(code: SynapseCode, event: str) -> dict[Any, Any]:
    """Return the statements of an event by pathway and stage, as parts."""
    given = getattr(code, event)
    explanation = (
        f"{event} of {code.name} must say at which stage a statement runs, as in "
        f"{{Stage.TRANSMIT: 'v_post += w'}}, got {shown(given)}"
    )
    if not isinstance(given, Mapping):
        raise TypeError(explanation)
    if given and all(isinstance(stage, Stage) for stage in given):
        if event == "regularly" and code.every is None:
            raise ValueError(f"{code.name}: regular statements need every=..., an interval such as 20*ms")
        given = {float(code.every or 0) if event == "regularly" else EVENTS[event]: given}
    blocks: dict[Any, Any] = {}
    for key, stages in given.items():
        if not isinstance(key, float if event == "regularly" else str) or not isinstance(stages, Mapping):
            raise TypeError(explanation)
        parts = {stage: _parts_of(code.name, text, explanation) for stage, text in stages.items()}
        blocks[key] = FrozenMapping({stage: part for stage, part in sorted(parts.items()) if part})
    return {key: stages for key, stages in blocks.items() if stages}


def _parts_of(piece: str, text: Any, explanation: str) -> tuple[Part, ...]:
    if isinstance(text, tuple):
        return text
    if not isinstance(text, str):
        raise TypeError(explanation)
    return (Part(piece, _stripped(text)),) if text.strip() else ()


def _with_text(pathways: Mapping[Any, Any], change: Any) -> dict[Any, Any]:
    """Return statements by pathway and stage with their texts changed; what becomes empty is left out."""
    return {
        pathway: {
            stage: tuple(part._replace(text=new) for part in parts if (new := change(part.text)).strip())
            for stage, parts in stages.items()
        }
        for pathway, stages in pathways.items()
    }


def _joined(first: Mapping[Any, Any], second: Mapping[Any, Any]) -> dict[Any, Any]:
    return {
        pathway: {
            stage: first.get(pathway, {}).get(stage, ()) + second.get(pathway, {}).get(stage, ())
            for stage in Stage
        }
        for pathway in [*first, *(pathway for pathway in second if pathway not in first)]
    }


def assignments(code: str) -> dict[str, set[str]]:
    """Return the operators with which statements set each variable, such as {'p': {'+='}}."""
    operators: dict[str, set[str]] = {}
    for line in code.splitlines():
        if match := _ASSIGNMENT.match(line):
            operators.setdefault(match.group(1), set()).add(match.group(2))
    return operators


def _statements(code: SynapseCode, name: str) -> set[tuple[Any, Stage, str]]:
    """Return event, stage and text of every statement that sets a variable."""
    return {
        (event, stage, line)
        for event, stages in code.codes.items()
        for stage, parts in stages.items()
        for part in parts
        for line in part.text.splitlines()
        if name in assignments(line)
    }


def _aimed_as(code: SynapseCode, other: SynapseCode) -> SynapseCode:
    """Return the code with what it releases sent to where the other's release goes."""
    if RELEASE_TARGET not in code.acts_on:
        return code
    carriers = set(code.acts_on[RELEASE_TARGET])
    targets = [target for target, names in other.acts_on.items() if carriers & set(names)]
    if targets in ([], [RELEASE_TARGET]):
        return code
    if len(targets) > 1:
        problem = f"{code.name} may go to {' or '.join(targets)}, on both of which {other.name} acts"
        raise ValueError(f"{problem}: say which by target=...")
    return code.renamed({RELEASE_TARGET: targets[0].removesuffix("_post")})


def _without_same_counters(code: SynapseCode, other: SynapseCode) -> SynapseCode:
    """Return the code without the variables that another defines too, and sets in the same words at least."""
    same = {
        name
        for name in code.defined & other.defined & code.assigned
        if str(code.equations[name]) == str(other.equations[name])
        and _statements(code, name) <= _statements(other, name)
    }
    if not same:
        return code

    def kept(text: str) -> str:
        return "\n".join(line for line in text.splitlines() if not same & assignments(line).keys())

    model = [line for line in code.model.splitlines() if not same & set(Equations(line).names)]
    return replace(code.with_statements(kept), model="\n".join(model))


def _check_no_clash(first: SynapseCode, second: SynapseCode) -> None:
    """Raise ValueError if two pieces define or set the same variable, or mean different things by a name."""
    acted_on = first.acts_on.keys() | second.acts_on.keys()
    for kind, names in (
        ("define", first.defined & second.defined),
        ("set", (first.assigned & second.assigned) - acted_on),
        ("draw from the stream", set(first.streams.values()) & set(second.streams.values())),
    ):
        if names:
            problem = f"{first.name!r} and {second.name!r} both {kind} {', '.join(sorted(names))}"
            remedy = "leave one of the pieces out, or rename the variables of one with renamed(prefix=...)"
            raise ValueError(f"{problem}: {remedy}")
    for name in first.namespace.keys() & second.namespace.keys():
        if not are_same(first.namespace[name], second.namespace[name]):
            things = f"({first.namespace[name]!r} and {second.namespace[name]!r})"
            problem = f"{first.name!r} and {second.name!r} use the name {name} for different things {things}"
            raise ValueError(f"{problem}: rename one, as with renamed({{{name!r}: ...}})")


def are_same(first: Any, second: Any) -> bool:
    if first is second:
        return True
    numeric = (int, float, np.ndarray)
    if not (isinstance(first, numeric) and isinstance(second, numeric)):
        return False
    return get_dimensions(first) is get_dimensions(second) and bool(np.all(first == second))
