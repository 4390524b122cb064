"""Build an ordinary ``brian2.Synapses`` from pieces of synapse code."""

from __future__ import annotations

import ast
import sys
import traceback
import warnings
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from brian2 import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, Function, Group, Synapses, get_device, second
from brian2.core.namespace import DEFAULT_UNITS, get_local_namespace
from brian2.core.variables import DynamicArrayVariable
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.devices.device import RuntimeDevice
from brian2.equations.equations import FLOAT
from brian2.units.fundamentalunits import DimensionMismatchError
from brian2.utils.stringtools import get_identifiers
from numpy.typing import NDArray

from biophys.argument_types import check_kind, check_public, suggestion
from biophys.units import shown
from brianpresyn.counter_random import NamedFunction, contact_number, release_key
from brianpresyn.domains import LARGEST, unit_in_words
from brianpresyn.synapse_code import RELEASE_TARGET, Event, SynapseCode, are_same, assignments
from brianpresyn.two_loops import SERIAL_TEMPLATE, TwoLoopCodeObject, go_through_in_two_loops

# Whose lines a user has not written.
_PACKAGES = ("brianpresyn", "biophys", "brian2")
# What an expression may name besides the variables of the synapse and its neurons.
_KNOWN = {*DEFAULT_UNITS, *DEFAULT_FUNCTIONS, *DEFAULT_CONSTANTS}
NUMBER = "synapse_number"
"""Name of the variable with the numbers of synapses, where they do not follow from the order of creation."""

_OWN_OPTIONS = ("model", "on_pre", "on_post", "pre", "post", "connect")
# Devices that generate code of their own with which the draws were compared with those of numpy.
_TESTED_DEVICES = ("CPPStandaloneDevice", "CUDAStandaloneDevice")
# What a rule misses a bound by, in rounding, is not worth an error; draws clip it on every target.
_ROUNDING = 1e-8
_AT_ONCE = "give all connections at once, connect=[{...}, {...}]"

# Synapses that take part in the present run, by their seed and name: two with the same release in step.
_running: weakref.WeakValueDictionary[tuple[int, str], CheckedSynapses] = weakref.WeakValueDictionary()


class CheckedSynapses(Synapses):
    """A ``brian2.Synapses`` that refuses values outside the domains of its variables.

    Brian2 accepts p = 1.7 silently. Numbers are checked when they are assigned; everything that can be read
    is checked before and after a run, and a standalone program reports after its run what it finds. Its
    `code` are the pieces that it was built from.
    """

    def __init__(
        self, source: Group, target: Group | None, code: SynapseCode, stream_name: str, **options: Any
    ) -> None:
        self.stream_name = stream_name
        self.seed: int | None = None
        self.code = code
        self._is_connected = False
        super().__init__(source, target, **options)
        # Brian2's "created here" is to name the line that called this package, not one inside it.
        inside = tuple(str(Path(sys.modules[name].__file__ or "").parent) for name in _PACKAGES)
        callers = [frame for frame in traceback.extract_stack() if not frame.filename.startswith(inside)]
        if callers:
            line = callers[-1]
            text = f"  File '{line.filename}', line {line.lineno}, in {line.name}\n    {line.line}"
            for part in (self, *self.contained_objects):
                part._creation_stack = text

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The numbers with which the synapses draw."""
        is_written = NUMBER in self.code.defined
        return np.array(self.state(NUMBER)[:]) if is_written else np.arange(len(self), dtype=np.int64)

    def __setattr__(self, key: str, value: Any, level: int = 0) -> None:
        code = self.__dict__.get("code")
        if code is not None and key in code.domains:
            if np.size(value):
                code.domains[key].check(key, value)
            if getattr(get_device(), "has_been_run", False):
                problem = f"{key} is set after the standalone program has run, which would have no effect"
                remedy = f"set it before, or rerun with device.run(run_args={{{self.name}.{key}: ...}})"
                raise RuntimeError(f"{problem}: {remedy}")
        if code is not None and key in code.defined and not self.variables[key].scalar:
            value = _one_per_synapse(self, key, value, None)
        super().__setattr__(key, value, level=level + 1)

    def connect(self, *arguments: Any, level: int = 0, **named: Any) -> None:
        """Connect more synapses, as in :meth:`brian2.Synapses.connect`; they get the initial values."""
        counted = _readable_values(self, "N") if self._is_connected else 0
        if counted is None:
            problem = f"{self.name} is connected, and in C++ standalone later synapses would get no values"
            raise NotImplementedError(f"{problem}: {_AT_ONCE}")
        n_before = int(np.sum(counted))
        super().connect(*arguments, level=level + 1, **named)
        if self._is_connected:
            new = slice(n_before, len(self))
            for variable, value in self.code.initial.items():
                if np.ndim(value):
                    problem = f"{variable} was given one value for each synapse, which later synapses lack"
                    raise ValueError(f"{problem}: {_AT_ONCE}")
                if not self.variables[variable].scalar:
                    getattr(self, variable).set_item(new, value, level=level + 1)

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        """Check all values, and that no other synapses of this run draw the same numbers."""
        self._check_values("")
        if self.seed is not None:
            other = _running.setdefault((self.seed, self.stream_name), self)
            if other is not self:
                named = f" under the name {self.stream_name!r}" if self.stream_name else ""
                warnings.warn(
                    f"{other.name} already draws from seed {self.seed}{named}, so {self.name} will release "
                    "in step with it: give one of them another seed or a name",
                    stacklevel=2,
                )
        super().before_run(run_namespace)

    def after_run(self) -> None:
        """Bring up to date what runs on in time, and check all values."""
        super().after_run()
        _running.pop((self.seed, self.stream_name), None)  # type: ignore[arg-type]
        device, now = get_device(), self.variables["t"]
        is_standalone = isinstance(device, CPPStandaloneDevice)
        for name, expression in self.code.after_run.items():
            variable = self.variables[name]
            if not (expression == "t" and variable.scalar):
                Synapses.__setattr__(self, name, expression)
            elif not is_standalone:
                variable.set_value(now.get_value().item())
            else:
                # For a shared variable Brian2 has no expression where C++ is generated.
                shared, time = map(device.get_array_name, (variable, now))
                device.main_queue.append(("set_by_single_value", (shared, 0, f"{time}[0]")))
                # What was known of it before the run is no longer so.
                device.array_cache[variable] = None
        self._check_values(" after the run")
        for name in self.code.domains if is_standalone else ():
            device.insert_code("main", self._reporting(name))

    def _check_values(self, when: str) -> None:
        for name, domain in self.code.domains.items():
            values = _readable_values(self, name)
            if values is not None and values.size:
                domain.check(f"{name} of {self.name}{when}", values, rounding=_ROUNDING)

    def _reporting(self, name: str) -> str:
        """Return C++ that says on the error output what a variable must be, if it is not."""
        domain, variable = self.code.domains[name], self.variables[name]
        array = get_device().get_array_name(variable, access_data=False)
        size = f"{array}.size()" if isinstance(variable, DynamicArrayVariable) else f"{variable.size}"
        upper = "" if np.isinf(domain.high) else f" && _is.value <= {domain.high + _ROUNDING!r}"
        # With -ffast-math a compiler may take for granted that no number is NaN, so its bits are compared.
        return (
            f"for (size_t _k = 0; _k < (size_t)({size}); _k++) {{\n"
            "    union { double value; unsigned long long bits; } _is;\n"
            f"    _is.value = {array}[_k];\n"
            "    if ((_is.bits << 1) >= 0xFFE0000000000000ull"
            f" || !(_is.value >= {max(domain.low - _ROUNDING, -LARGEST)!r}{upper})) {{\n"
            f'        std::cerr << "{name} of {self.name} must {domain.description}, got " << {array}[_k] '
            f'<< " at index " << _k << " after the run: {domain.remedy}" << std::endl;\n'
            "        break;\n    }\n}"
        )


# Exporters, such as those of brian2tools, go by the name of the class and leave out what they do not know.
CheckedSynapses.__name__ = Synapses.__name__


def synapses(
    source: Group,
    target: Group | None,
    code: SynapseCode,
    *,
    connect: bool | str | Mapping[str, Any] | Sequence[Any],
    seed: int | None = None,
    name: str | None = None,
    names: Mapping[str, str] | None = None,
    prefix: str = "",
    numbering: Literal["creation", "contacts"] = "creation",
    namespace: Mapping[str, Any] | None = None,
    level: int = 0,
    **options: Any,
) -> CheckedSynapses:
    """Build connected and initialised synapses from code.

    Parameters
    ----------
    source, target : pre- and postsynaptic groups, as in :class:`brian2.Synapses`
    code : the pieces, joined by ``+``
    connect
        What is connected: True (all to all), a condition as text, or the keyword arguments of
        :meth:`brian2.Synapses.connect`, for example ``{"p": 0.1}`` or ``{"i": [0, 1], "j": [2, 3]}``; or a
        list of these, one after the other.
    seed
        Seed of the releases, needed by pieces that draw from the counter-based generator. The same seed and
        name give the same releases on every code generation target.
    name : name of the synapses. Two that share a seed need different names to draw different numbers.
    names, prefix
        Other names for the variables of the code, for example ``{"n": "n_sites"}`` where the presynaptic
        neurons have an n; see :meth:`SynapseCode.renamed`.
    numbering
        The number with which a synapse draws. ``"creation"``: its place in the order of creation.
        ``"contacts"``: a function of the two neurons, and of how many synapses join them before it
        (``brianpresyn.counter_random.contact_numbers``), so that the order of connecting changes no
        release; it takes 12 bytes for each synapse.
    namespace, level
        Further names that the code uses; how many calls further up those of a text condition are looked up.
    **options : passed on to :class:`brian2.Synapses`: delay, method, order, dt, multisynaptic_index, ...

    Returns
    -------
    brian2.Synapses
        To be used like any other; what the pieces define are its variables.

    Raises
    ------
    ValueError
        If a piece is missing that another one needs, the target has no such variable, a value is outside its
        domain, there is not one value per synapse, or no seed is given where one is needed.
    TypeError : if `code` is none, or the options contain what the code states
    brian2.DimensionMismatchError : if an amplitude does not have the unit of the variable it moves
    NotImplementedError : if the device, or the code generation target, lacks a function that the code uses

    Examples
    --------
    >>> from brian2 import NeuronGroup, mV
    >>> from brianpresyn import bernoulli_release, synapses
    >>> cells = NeuronGroup(1, "v : volt", threshold="True", reset="")
    >>> synapses(cells, cells, bernoulli_release(p=1.0, q=0.5*mV), connect=True, seed=1).p[:]
    array([1.])
    """
    if stated := [option for option in _OWN_OPTIONS if option in options]:
        raise TypeError(f"{stated[0]} comes from the synapse code: join a SynapseCode piece instead")
    receiver = source if target is None else target
    if names or prefix:
        code = code.renamed(names, prefix=prefix)
    _check_functions(code)
    _check_pieces(code)
    _check_names(code, namespace or {}, source, receiver)
    code.check_reads(frozenset({*code.namespace, *(namespace or {})}))
    _check_acts_on(code, source, receiver)
    if code.streams:
        if seed is None:
            problem = "give a seed, for example seed=2021: releases are a function of it, synapse and spike"
            raise ValueError(f"{problem}; or use draws='brian2' for Brian2's own generator")
        release_key(seed)  # raises where it is no seed
    connections = [_connection(each) for each in (connect if isinstance(connect, list) else [connect])]
    if numbering == "contacts":
        code = _numbered(code, options.setdefault("multisynaptic_index", "contact"))
    built = CheckedSynapses(
        source,
        target,
        code,
        name or "",
        model=code.equations,
        on_pre=_pathways(code, "on_pre"),
        on_post=_pathways(code, "on_post"),
        namespace={**code.namespace, **(namespace or {})},
        dtype=_dtypes(code, options.pop("dtype", None)),
        name="synapses*" if name is None else name,
        **options,
    )
    # Names are looked up two calls further up: the check of types is one of them.
    _check_initial(built, {**get_local_namespace(level + 2), **(namespace or {})})
    go_through_in_two_loops(built)
    for arguments in connections:
        try:
            built.connect(**arguments, level=level + 2)
        except (KeyError, SyntaxError, TypeError, ValueError) as error:
            raise ValueError(f"connect={shown(arguments)} does not say what is connected: {error}") from error
    built._is_connected = True
    for variable, value in code.initial.items():
        values = _one_per_synapse(built, variable, value, connect)
        Synapses.__setattr__(built, variable, values, level=level + 2)
    for interval in code.regularly:
        # After the state has been updated and the spikes delivered, but before the monitors.
        regular = built.run_regularly(
            code.pathway_code("regularly", interval), dt=interval * second, when="after_resets", order=1
        )
        if type(get_device()) is CPPStandaloneDevice:
            # With threads, Brian2's own loop adds to a neuron from several synapses at once and loses some.
            regular.codeobj_class, regular.template = TwoLoopCodeObject, SERIAL_TEMPLATE
    if code.streams and seed is not None:
        reseed(built, seed)
    return built


def _numbered(code: SynapseCode, contact: str) -> SynapseCode:
    """Return the code with draws that take the number of the synapse from a variable."""
    numbered = {name: getattr(value, "numbered", value) for name, value in code.namespace.items()}
    draws = {name for name, function in numbered.items() if function is not code.namespace[name]}

    def with_number(text: str) -> str:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in draws:
                node.args.append(ast.Name(NUMBER))
        return ast.unparse(tree)

    return replace(
        code.with_statements(with_number),
        model=f"{code.model}\n{NUMBER} : integer (constant)",
        namespace={**numbered, "contact_number": contact_number},
        initial={**code.initial, NUMBER: f"contact_number(i, j, {contact})"},
        dtypes={**code.dtypes, NUMBER: np.int64},
    )


def _pathways(code: SynapseCode, event: Event) -> dict[str, str] | None:
    return {pathway: code.pathway_code(event, pathway) for pathway in getattr(code, event)} or None


def reseed(connection: Synapses, seed: int) -> None:
    """Give synapses the random numbers of another seed, in all of their streams.

    What a run has counted and how far it got stays. After ``restore``, which brings back the seed with which
    the network was stored, it makes the network go on as one that was built with `seed`.

    Parameters
    ----------
    connection
        Synapses built by :func:`synapses`; in C++ standalone before the run (afterwards see
        :func:`run_args_for_seed`).
    seed : as for :func:`synapses`

    Raises
    ------
    TypeError, ValueError
        If `connection` was not built by :func:`synapses`, or draws nothing from a seed; if the seed is no
        integer, or negative.

    Examples
    --------
    >>> from brian2 import NeuronGroup
    >>> from brianpresyn import bernoulli_release
    >>> cells = NeuronGroup(1, "v : 1", threshold="v > 1")
    >>> connection = synapses(cells, cells, bernoulli_release(0.5, q=1), connect=True, seed=1, name="s1")
    >>> reseed(connection, 2)
    >>> bool(connection.release_key == release_key(2, "s1/release"))
    True
    """
    for variable, key in _keys(connection, seed).items():
        setattr(connection, variable, key)
    connection.__dict__["seed"] = int(seed)


def run_args_for_seed(connection: Synapses, seed: int) -> dict[Any, int]:
    """Return what makes a standalone program run with the random numbers of another seed.

    It is passed on, or joined with others, as ``device.run(run_args=...)``; the parameters are those of
    :func:`reseed`.

    >>> from brian2 import NeuronGroup, ms
    >>> from brianpresyn import stochastic_tsodyks_markram
    >>> cells = NeuronGroup(1, "v : 1", threshold="v > 1")
    >>> code = stochastic_tsodyks_markram(0.5, tau_rec=800*ms, q=1)
    >>> connection = synapses(cells, cells, code, connect=True, seed=1, name="s2")
    >>> [view.name for view in run_args_for_seed(connection, 2)]
    ['release_key', 'recovery_key']
    """
    return {getattr(connection, variable): key for variable, key in _keys(connection, seed).items()}


def _keys(connection: Synapses, seed: int) -> dict[str, int]:
    check_kind(connection, CheckedSynapses, "connection", "brianpresyn.synapses(...)")
    if not connection.code.streams:
        raise ValueError(f"{connection.name} draws nothing from a seed: build it with draws='counter'")
    return {
        variable: release_key(seed, f"{connection.stream_name}/{purpose}")
        for variable, purpose in connection.code.streams.items()
    }


def _dtypes(code: SynapseCode, dtype: Any) -> dict[str, Any]:
    """Return the type of each variable that has another than Brian2's default; keys have 64 bits."""
    wanted = {**code.dtypes, **dict.fromkeys(code.streams, np.int64)}
    if dtype is None or isinstance(dtype, Mapping):
        return {**wanted, **(dtype or {})}
    floats = {name for name, equation in code.equations.items() if equation.var_type == FLOAT}
    return {**wanted, **dict.fromkeys(floats, dtype)}


def _connection(connect: Any) -> dict[str, Any]:
    if isinstance(connect, Mapping):
        return dict(connect)
    if isinstance(connect, bool | str):
        return {"condition": connect}
    wanted = "True, a condition such as 'i != j', arguments such as {'p': 0.1}, or a list of these"
    raise TypeError(f"connect must be {wanted}, got {shown(connect)}")


def _one_per_synapse(built: CheckedSynapses, variable: str, value: Any, connect: Any) -> Any:
    """Return values in the order of the synapses; raise if there is one for each of another number."""
    if np.ndim(value) > 1:
        return _from_matrix(built, variable, value, connect)
    counted = _readable_values(built, "N")
    if np.ndim(value) == 0 or counted is None:
        return value
    n_synapses = int(counted.item())
    if np.ndim(value) != 1 or np.size(value) not in (1, n_synapses):
        problem = f"{variable} has {np.size(value)} values, but {n_synapses} synapses were connected"
        raise ValueError(f"{problem}: give one value, one for each, or later text, s.{variable} = '...'")
    return value


def _from_matrix(built: CheckedSynapses, variable: str, matrix: Any, connect: Any) -> Any:
    """Return the entries of a matrix (source, target) of the synapses."""
    shape = (len(built.source), len(built.target))
    if np.shape(matrix) != shape:
        problem = f"{variable} is a matrix of shape {np.shape(matrix)}, but source and target have {shape}"
        raise ValueError(f"{problem}: give one of that shape, or one value for each synapse")
    if connect is True:
        return np.reshape(matrix, -1)
    if isinstance(connect, Mapping) and {"i", "j"} <= connect.keys() and "n" not in connect:
        i, j = np.broadcast_arrays(connect["i"], connect["j"])
    elif isinstance(get_device(), CPPStandaloneDevice):
        problem = f"in C++ standalone {variable} can be a matrix only with connect=True or arrays i and j"
        raise NotImplementedError(f"{problem}: give one value for each synapse")
    else:
        i, j = np.array(built.i[:]), np.array(built.j[:])
    return matrix[i, j]


def _check_functions(code: SynapseCode) -> None:
    """Raise if the device lacks a function that the code uses; warn if nobody has tried its draws."""
    device = get_device()
    try:
        kind = device.code_object_class()
    except (AttributeError, NotImplementedError):
        return  # It generates no code, such as an exporter.
    language = getattr(getattr(kind, "generator_class", None), "class_name", None)
    for name, function in code.namespace.items():
        if not isinstance(function, NamedFunction) or language in function.implementations:
            continue
        problem = f"{type(device).__name__} needs {name} in the language {language!r}, which it lacks"
        remedy = f"add it with brianpresyn.{name}.implementations.add_implementation({language!r}, ...)"
        raise NotImplementedError(f"{problem}: {remedy}, or set_device('runtime') or 'cpp_standalone'")
    # An exporter is a runtime device that runs nothing.
    is_tested = isinstance(device, RuntimeDevice) or type(device).__name__ in _TESTED_DEVICES
    if code.streams and not is_tested:
        warnings.warn(
            f"nobody has compared the draws on {type(device).__name__} with those of numpy: compare some "
            "before relying on them",
            stacklevel=3,
        )


def _check_pieces(code: SynapseCode) -> None:
    """Raise if a piece is missing, or one sets a variable that follows from others."""
    if missing := code.missing():
        problem = f"{code.name} needs {', '.join(sorted(missing))}, which no piece brings"
        raise ValueError(f"{problem}: join one that does, for example bernoulli_release(...)")
    equations = code.equations
    for name in code.assigned & set(equations.names):
        if equations[name].type == "subexpression":
            others = f"other variables ({name} = {equations[name].expr})"
            remedy = "give the release q=... instead of mean=..., or the plasticity strength='strength'"
            raise ValueError(f"{code.name} sets {name}, which follows from {others}: {remedy}")


def _check_names(code: SynapseCode, namespace: Mapping[str, Any], *groups: Group) -> None:
    """Raise if a name has two meanings: that of a variable also one of the neurons', or of a constant."""
    for group in groups:
        clash = sorted(code.defined & set(getattr(group, "equations", {}) or ()))
        if not clash:
            continue
        new = ", ".join(f"{name!r}: '{name}_syn'" for name in clash)
        problem = f"{', '.join(clash)} of {code.name} is also a variable of {group.name}"
        raise ValueError(f"{problem}: rename it, for example with synapses(..., names={{{new}}})")
    # A variable would win over the constant.
    variables = (code.defined | code.assigned) & {*code.namespace, *namespace}
    both = namespace.keys() & code.namespace
    other = {name for name in both if not are_same(namespace[name], code.namespace[name])}
    if variables or other:
        meaning = "a variable" if variables else "something else"
        problem = f"namespace: {', '.join(sorted(variables or other))} is already {meaning} in {code.name}"
        raise ValueError(f"{problem}: give the constant another name")


def _check_initial(built: CheckedSynapses, around: Mapping[str, Any]) -> None:
    """Raise if an initial value as text has a name that nothing here has."""
    code = built.code
    known = {*_KNOWN, *built.variables, *code.namespace, *around}
    for variable, value in code.initial.items():
        unknown = sorted(get_identifiers(value) - known) if isinstance(value, str) else ()
        if unknown:
            missing = "which neither the synapse nor its namespace has"
            meant = suggestion(unknown[0], code.defined, known)
            raise ValueError(f"{variable}={value!r} has the name {unknown[0]}, {missing}{meant}")


def _check_acts_on(code: SynapseCode, source: Group, receiver: Group) -> None:
    """Raise if neurons lack a variable that the synapses set or move, or the unit differs."""
    state_variables = {
        name: variable.dim
        for name, variable in receiver.variables.items()
        if not isinstance(variable, Function) and not name.startswith("_") and not variable.read_only
    }
    for target, carriers in code.acts_on.items():
        name = target.removesuffix("_post")
        is_own = target in code.defined
        if target == RELEASE_TARGET:
            problem = f"a piece of {code.name} acts where the release does, but no release model says where"
            raise ValueError(f"{problem}: join one with a target, or give the piece target=...")
        if not is_own and name not in state_variables:
            problem = f"the target {receiver.name} has no variable {name!r} that synapses could act on"
            raise ValueError(f"{problem}{suggestion(name, state_variables)}; pass target=... to the release")
        wanted = code.equations[target].dim if is_own else state_variables[name]
        where = f"{name} in {'the synapse' if is_own else receiver.name} ({unit_in_words(wanted)})"
        for carrier in code.defined.intersection(carriers):
            given = code.equations[carrier].dim
            if wanted is given:
                continue
            # A quantum that follows from a mean was not given: the mean was.
            names = code.depends_on({carrier}) & code.initial.keys() & code.amplitudes
            amplitude = next((code.initial[name] for name in sorted(names)), unit_in_words(given))
            problem = f"{carrier} must have the unit of {where}, got {amplitude!r}"
            raise DimensionMismatchError(f"{problem}: give a value in {unit_in_words(wanted)}", given, wanted)
    set_here = {name for part in code.parts for name in assignments(part.text)}
    for ending, group in (("_pre", source), ("_post", receiver)):
        for name in sorted(name.removesuffix(ending) for name in set_here if name.endswith(ending)):
            if name not in group.variables:
                problem = f"{code.name} sets {name}{ending}, but {group.name} has no variable {name!r}"
                raise ValueError(f"{problem}{suggestion(name, getattr(group, 'equations', {}))}")


def _readable_values(group: Group, name: str) -> Any:
    """Return the values of a variable, or None where a standalone device does not hold them yet."""
    variable = group.variables[name]
    cache = getattr(get_device(), "array_cache", None)
    values = variable.get_value() if cache is None else cache.get(variable)
    return None if values is None else np.asarray(values)


check_public(__name__, but=("CheckedSynapses",))
