"""Build an ordinary ``brian2.Synapses`` from pieces of synapse code."""

from __future__ import annotations

import gc
import os
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from brian2.core.functions import Function
from brian2.core.preferences import prefs
from brian2.devices.device import get_device
from brian2.equations.equations import FLOAT
from brian2.groups.group import Group
from brian2.synapses.synapses import Synapses
from brian2.units.fundamentalunits import DimensionMismatchError

from brianpresyn.counter_random import release_key
from brianpresyn.release import unit_in_words
from brianpresyn.synapse_code import SynapseCode
from brianpresyn.two_loops import TEMPLATE, TwoLoopCodeObject

_OWN_OPTIONS = ("model", "on_pre", "on_post", "pre", "post", "connect")
_SUPPORTED_DEVICES = ("runtime", "cpp_standalone")
_SUPPORTED_TARGETS = ("auto", "numpy", "cython")

# Which live Synapses draws from which stream: two with the same one would release in step.
_streams_in_use: weakref.WeakValueDictionary[tuple[int, str], CheckedSynapses] = weakref.WeakValueDictionary()


class CheckedSynapses(Synapses):
    """A ``brian2.Synapses`` that refuses values outside the domains of its variables.

    Brian2 accepts p = 1.7 silently. Numbers are checked when they are assigned, and everything that can be
    read before a run is checked again when the run begins.
    """

    def __init__(
        self, source: Group, target: Group | None, code: SynapseCode, stream_name: str, **options: Any
    ) -> None:
        self.stream_name = stream_name
        self._domains = code.domains
        self._code = code
        self._is_complete = False
        super().__init__(source, target, **options)
        self._creation_stack = _last_entry_outside(self._full_creation_stack)
        for part in self.contained_objects:
            part._creation_stack = self._creation_stack

    def __del__(self) -> None:
        # Brian2 warns of objects that no network has used: not of one that could not be built.
        if self.__dict__.get("_is_complete"):
            super().__del__()

    @property
    def code(self) -> SynapseCode:
        """The pieces that this was built from."""
        return self._code

    def __setattr__(self, key: str, value: Any, level: int = 0) -> None:
        if key in self.__dict__.get("_domains", {}):
            self._domains[key].check(key, value)
            if getattr(get_device(), "has_been_run", False):
                raise RuntimeError(
                    f"{key} is set after the standalone program has run, which would have no effect: set it "
                    f"before, or rerun with device.run(run_args={{{self.name}.{key}: ...}})"
                )
        super().__setattr__(key, value, level=level + 1)

    def before_run(self, run_namespace: dict[str, Any]) -> None:
        for name, domain in self._domains.items():
            values = _readable_values(self, name)
            if values is not None:
                domain.check(f"{name} of {self.name}", values)
        super().before_run(run_namespace)


def synapses(
    source: Group,
    target: Group | None,
    code: SynapseCode,
    *,
    connect: bool | str | Mapping[str, Any],
    seed: int | None = None,
    name: str | None = None,
    namespace: Mapping[str, Any] | None = None,
    level: int = 0,
    **options: Any,
) -> CheckedSynapses:
    """Build connected and initialised synapses from code.

    Parameters
    ----------
    source, target
        Pre- and postsynaptic groups, as in :class:`brian2.Synapses`.
    code
        The pieces, joined by ``+``.
    connect
        What is connected: True (all to all), a condition as text, or the keyword arguments of
        :meth:`brian2.Synapses.connect`, for example ``{"p": 0.1}`` or ``{"i": [0, 1], "j": [2, 3]}``.
    seed
        Seed of the releases. The same seed and name give the same releases on every code generation target.
        Needed by pieces that draw from the counter-based generator.
    name
        Name of the synapses. Two that share a seed need different names to draw different numbers.
    namespace
        Further names that the code uses.
    level
        How many calls further up the names of a text condition are looked up.
    **options
        Passed on to :class:`brian2.Synapses`: delay, method, order, dt, multisynaptic_index, ...

    Returns
    -------
    brian2.Synapses
        To be used like any other; what the pieces define are its variables.

    Raises
    ------
    ValueError
        If a piece is missing that another one needs, the target has no such variable, a value is outside its
        domain, there is not one value per synapse, or no seed is given where one is needed.
    TypeError
        If `code` is none, or the options contain what the code states.
    brian2.DimensionMismatchError
        If an amplitude does not have the unit of the variable it moves.
    NotImplementedError
        If the code generation target is not numpy, cython or C++ standalone.

    Examples
    --------
    >>> from brian2 import NeuronGroup, Network, mV, ms, prefs
    >>> from brianpresyn import bernoulli_release, release_counters, synapses
    >>> cells = NeuronGroup(1, "v : volt", threshold="True", reset="", codeobj_class=None)
    >>> code = bernoulli_release(p=1.0, q=0.5*mV) + release_counters()
    >>> connection = synapses(cells, cells, code, connect=True, seed=1)
    >>> connection.p[:]
    array([1.])
    """
    _check_options(options)
    if not isinstance(code, SynapseCode):
        raise TypeError(
            f"code must be a SynapseCode, for example bernoulli_release(...), got {type(code).__name__}: "
            "call synapses(source, target, code, ...)"
        )
    _check_target_is_supported()
    receiver = source if target is None else target
    _check_complete(code)
    _check_settable(code)
    _check_acts_on(code, receiver)
    key_seed = _checked_seed(code, seed)
    built = CheckedSynapses(
        source,
        target,
        code,
        name or "",
        model=code.equations,
        on_pre=code.pre_code or None,
        on_post=code.post_code or None,
        namespace={**code.namespace, **(namespace or {})},
        dtype=_dtypes(code, options.pop("dtype", None)),
        name=name or "synapses*",
        **options,
    )
    if type(get_device()).__name__ == "CPPStandaloneDevice":
        for pathway in built._pathways:
            pathway.codeobj_class, pathway.template = TwoLoopCodeObject, TEMPLATE
    _connect(built, connect, level=level + 2)
    for variable, value in code.initial.items():
        _check_size(built, variable, value)
        built.__setattr__(variable, value, level=level + 1)
    if code.every is not None:
        # After the state has been updated and the spikes delivered, but before the monitors.
        built.run_regularly(code.regular_code, dt=code.every, when="after_resets", order=1)
    if key_seed is not None:
        reseed(built, key_seed)
        _note_streams(built, key_seed)
    built._is_complete = True
    return built


def _dtypes(code: SynapseCode, dtype: Any) -> dict[str, Any]:
    """Return the type of each variable that has another than Brian2's default; keys have 64 bits."""
    wanted = {**code.dtypes, **dict.fromkeys(code.streams, np.int64)}
    if dtype is None or isinstance(dtype, Mapping):
        return {**wanted, **(dtype or {})}
    floats = {name for name, equation in code.equations.items() if equation.var_type == FLOAT}
    return {**wanted, **dict.fromkeys(floats, dtype)}


def reseed(connection: Synapses, seed: int) -> None:
    """Give synapses the random numbers of another seed, in all of their streams.

    What a run has counted and how far it got stays. After ``restore``, which brings back the seed with which
    the network was stored, it makes the network go on as one that was built with `seed`.

    Parameters
    ----------
    connection
        Synapses built by :func:`synapses`; in C++ standalone before the run (afterwards see
        :func:`run_args_for_seed`).
    seed
        As for :func:`synapses`.

    Raises
    ------
    TypeError
        If `connection` was not built by :func:`synapses`, or the seed is no integer.
    ValueError
        If the seed is negative, or the synapses draw nothing from it.

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


def run_args_for_seed(connection: Synapses, seed: int) -> dict[Any, int]:
    """Return what makes a standalone program run with the random numbers of another seed.

    Parameters
    ----------
    connection, seed
        As for :func:`reseed`.

    Returns
    -------
    dict
        To be passed on, or joined with others, as ``device.run(run_args=...)``.

    Examples
    --------
    >>> from brian2 import NeuronGroup
    >>> from brianpresyn import stochastic_tsodyks_markram
    >>> from brian2 import ms
    >>> cells = NeuronGroup(1, "v : 1", threshold="v > 1")
    >>> code = stochastic_tsodyks_markram(0.5, tau_rec=800*ms, q=1)
    >>> connection = synapses(cells, cells, code, connect=True, seed=1, name="s2")
    >>> [view.name for view in run_args_for_seed(connection, 2)]
    ['release_key', 'recovery_key']
    """
    return {getattr(connection, variable): key for variable, key in _keys(connection, seed).items()}


def _keys(connection: Synapses, seed: int) -> dict[str, int]:
    if not isinstance(connection, CheckedSynapses):
        raise TypeError(f"connection must come from brianpresyn.synapses(...), got {connection!r}")
    if not connection.code.streams:
        raise ValueError(f"{connection.name} draws nothing from a seed: build it with draws='counter'")
    return {
        variable: release_key(seed, f"{connection.stream_name}/{purpose}")
        for variable, purpose in connection.code.streams.items()
    }


def _connect(built: Synapses, connect: bool | str | Mapping[str, Any], level: int) -> None:
    if isinstance(connect, Mapping):
        arguments = dict(connect)
    elif isinstance(connect, bool | str):
        arguments = {"condition": connect}
    else:
        raise TypeError(
            "connect must be True, a condition such as 'i != j', or arguments such as {'p': 0.1}, "
            f"got {connect!r}"
        )
    built.connect(**arguments, level=level)


def _note_streams(built: CheckedSynapses, seed: int) -> None:
    name = built.stream_name
    if (seed, name) in _streams_in_use:
        gc.collect()
    if (seed, name) in _streams_in_use:
        warnings.warn(
            f"{_streams_in_use[seed, name].name} already draws from seed {seed}"
            + (f" under the name {name!r}" if name else "")
            + f", so {built.name} will release in step with it: give one of them another seed or a name",
            stacklevel=3,
        )
    _streams_in_use[seed, name] = built


def _check_size(built: CheckedSynapses, variable: str, value: Any) -> None:
    """Raise if there is one value for each of another number of synapses than there are."""
    counted = _readable_values(built, "N")
    if np.ndim(value) == 0 or counted is None:
        return
    n_synapses = int(counted.item())
    if np.size(value) not in (1, n_synapses):
        raise ValueError(
            f"{variable} has {np.size(value)} values, but {n_synapses} synapses were connected: give one "
            f"value, one for each synapse, or set {variable} afterwards by an expression as text"
        )


def _check_options(options: Mapping[str, Any]) -> None:
    for name in _OWN_OPTIONS:
        if name in options:
            raise TypeError(f"{name} comes from the synapse code: join a SynapseCode piece instead")


def _check_target_is_supported() -> None:
    device = type(get_device()).__name__
    kinds = {"RuntimeDevice": "runtime", "CPPStandaloneDevice": "cpp_standalone"}
    if kinds.get(device) not in _SUPPORTED_DEVICES:
        raise NotImplementedError(
            f"the device {device} is not supported: use set_device('runtime') or set_device('cpp_standalone')"
        )
    target = prefs.codegen.target
    if isinstance(target, str) and target not in _SUPPORTED_TARGETS:
        raise NotImplementedError(
            f"the code generation target {target!r} is not supported: set prefs.codegen.target to 'numpy' or "
            "'cython'"
        )


def _check_complete(code: SynapseCode) -> None:
    missing = code.missing()
    if missing:
        raise ValueError(
            f"{code.name} needs {', '.join(sorted(missing))}, which no piece brings: join one that does, for "
            "example bernoulli_release(...)"
        )


def _check_settable(code: SynapseCode) -> None:
    """Raise if a piece sets a variable that follows from others."""
    equations = code.equations
    for name in code.assigned & set(equations.names):
        if equations[name].type == "subexpression":
            raise ValueError(
                f"{code.name} sets {name}, which follows from other variables ({name} = "
                f"{equations[name].expr}): give the release model q=... instead of mean=..., or let the "
                "plasticity hold the strength (strength='strength')"
            )


def _check_acts_on(code: SynapseCode, receiver: Group) -> None:
    """Raise if the receiver lacks a variable that the synapses move, or the unit differs."""
    for target, source in code.acts_on.items():
        state_variables = [
            name
            for name, variable in receiver.variables.items()
            if not isinstance(variable, Function) and not name.startswith("_") and not variable.read_only
        ]
        if target not in state_variables:
            raise ValueError(
                f"the target {receiver.name} has no variable {target!r} that synapses could act on: it has "
                f"{', '.join(sorted(state_variables)) or 'none'}; pass target=... to the release"
            )
        wanted = receiver.variables[target].dim
        given = code.equations[source].dim
        if wanted is not given:
            amplitude = code.initial.get(source, code.initial.get("strength"))
            raise DimensionMismatchError(
                f"{source} must have the unit of {target} in {receiver.name} ({unit_in_words(wanted)}), got "
                f"{amplitude!r}: give a value in {unit_in_words(wanted)}",
                given,
                wanted,
            )


def _checked_seed(code: SynapseCode, seed: int | None) -> int | None:
    if not code.streams:
        return None
    if seed is None:
        raise ValueError(
            "give a seed, for example seed=2021: releases are a function of (seed, synapse, spike number); "
            "or use draws='brian2' for Brian2's own generator"
        )
    release_key(seed)
    return int(seed)


def _last_entry_outside(stack: str) -> str:
    """Return where, by Brian2's account, an object was made: the last place outside of this package."""
    entries = ["  File" + entry for entry in stack.split("\n  File")[1:]]
    outside = [entry for entry in entries if not entry.startswith(f"  File '{Path(__file__).parent}{os.sep}")]
    return outside[-1] if outside else stack


def _readable_values(group: Group, name: str) -> Any:
    """Return the values of a variable, or None where a standalone device does not hold them yet."""
    variable = group.variables[name]
    device = get_device()
    cache = getattr(device, "array_cache", None)
    if cache is not None:
        values = cache.get(variable)
        return None if values is None else np.asarray(values)
    return np.asarray(variable.get_value())
