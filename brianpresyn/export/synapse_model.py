"""What a piece of synapse does at a presynaptic spike: variables by their role, and statements in order.

Every host has the same four things: parameters of each synapse, what a synapse remembers, values that all
synapses share, and statements of plain arithmetic that end in an amount for the postsynaptic neuron.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from brian2 import Function, get_dimensions, linear
from brian2.core.variables import Constant
from brian2.equations.equations import DIFFERENTIAL_EQUATION, INTEGER, PARAMETER, SUBEXPRESSION, Equations
from brian2.utils.stringtools import get_identifiers

from brianpresyn.checked_synapses import NUMBER
from brianpresyn.domains import unit_text
from brianpresyn.synapse_code import SynapseCode, assignments

Role = Literal["parameter", "state", "shared", "key", "constant"]

# Functions of plain numbers that every host has.
ARITHMETIC = frozenset({"exp", "log", "sqrt", "abs", "int", "clip"})
# What a host calls by these names itself.
RESERVED = {"amount", "arrived", "number", "delay", "weight", "pre", "post", "contact", "state", "syn"}

_EFFECT = re.compile(r"^(\w+)_post\s*\+=\s*(.*)$")
_LAST_UPDATE = "lastupdate"


class Variable(NamedTuple):
    """A number that a synapse, or all synapses together, hold."""

    name: str
    role: Role
    is_integer: bool
    default: float | int
    unit: str


@dataclass(frozen=True)
class SynapseModel:
    """A synapse as arithmetic.

    Parameters
    ----------
    variables : all that the statements use, in the order of the equations
    statements
        What happens at a presynaptic spike, one assignment each; one of them sets ``amount``, which is what
        reaches the postsynaptic variable `target`. What they set beside variables is local to the event.
    regular : the same for what happens every so many seconds
    target : name of the postsynaptic variable
    amplitude : name of the variable that hosts know as the weight
    """

    variables: tuple[Variable, ...]
    statements: tuple[str, ...]
    regular: tuple[tuple[float, tuple[str, ...]], ...]
    target: str
    amplitude: str

    def of_role(self, *roles: Role) -> tuple[Variable, ...]:
        """Return the variables of some roles."""
        return tuple(variable for variable in self.variables if variable.role in roles)

    def local_names(self, statements: tuple[str, ...]) -> tuple[str, ...]:
        """Return what statements set that is no variable, without the amount."""
        known = {variable.name for variable in self.variables} | {"amount"}
        names = (name for line in statements for name in assignments(line) if name not in known)
        return tuple(dict.fromkeys(names))


def synapse_model(code: SynapseCode, functions: frozenset[str], *, is_regular: bool) -> SynapseModel:
    """Return a piece as arithmetic, for a host that has these draws, and maybe events at regular times.

    What no host, or this one, can express is a NotImplementedError that names it and says what to do.
    """
    _check_events(code, is_regular)
    traces = _event_driven(code)
    spike = [*traces, *code.pre_code.splitlines(), *([f"{_LAST_UPDATE} = t"] if traces else [])]
    regular = {interval: code.pathway_code("regularly", interval).splitlines() for interval in code.regularly}
    target = _target(code, [block for block in (spike, *regular.values()) if block])
    statements = _arithmetic(code, spike)
    timed = tuple((interval, _arithmetic(code, block)) for interval, block in regular.items() if block)
    every = (*statements, *(line for _, block in timed for line in block))
    _check_functions(code, every, functions)
    _check_names(code, every)
    variables = _variables(code, every)
    carriers = {name for names in code.acts_on.values() for name in names}
    held = {variable.name for variable in variables} & code.depends_on(carriers)
    amplitudes = sorted(held & code.initial.keys() & code.amplitudes)
    if len(amplitudes) != 1:
        _refuse(code, "has no one amplitude", "give the release a q=..., or a mean=...")
    return SynapseModel(variables, statements, timed, target, amplitudes[0])


def _refuse(code: SynapseCode, does: str, remedy: str) -> None:
    raise NotImplementedError(f"{code.name} {does}, which no export expresses: {remedy}")


def _check_events(code: SynapseCode, is_regular: bool) -> None:
    pathways = [*code.on_post, *(name for name in code.on_pre if name != "pre")]
    if pathways:
        remedy = "leave that piece out, let it learn in Brian2 and export the p that it reached"
        _refuse(code, f"acts in the pathway {pathways[0]!r}", remedy)
    if code.regularly and not is_regular:
        problem = f"{code.name} acts at regular times, which synapses of this host cannot: export 'jax'"
        minis = "bernoulli_release(p_mini, ...) with the key of the minis, which releases the same"
        raise NotImplementedError(f"{problem}, or leave it out and connect a regular source by {minis}")
    if code.after_run:
        _refuse(code, f"evaluates {', '.join(code.after_run)} after a run", "leave that piece out")
    for name, equation in code.equations.items():
        if equation.type == DIFFERENTIAL_EQUATION and "event-driven" not in equation.flags:
            remedy = "make it (event-driven), or leave the piece out"
            _refuse(code, f"integrates {name} in every time step", remedy)


def _check_functions(code: SynapseCode, statements: tuple[str, ...], functions: frozenset[str]) -> None:
    used = set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", "\n".join(statements))) - {"and", "or", "not"}
    of_brian = sorted(used & {"binomial", "rand", "randn", "poisson"})
    if of_brian:
        _refuse(code, f"draws from Brian2's own generator ({of_brian[0]})", "build it with draws='counter'")
    for name in sorted(used - ARITHMETIC - functions):
        remedy = "build it with shared=False" if name == "shared_binomial_draw" else "leave that piece out"
        known = ", ".join(sorted(functions | ARITHMETIC))
        raise NotImplementedError(f"{code.name} uses {name}, which this host lacks: {remedy}; it has {known}")


def _check_names(code: SynapseCode, statements: tuple[str, ...]) -> None:
    """Raise where a statement reads something that no synapse holds, or a host has another meaning for."""
    known = ARITHMETIC | {"t", "amount", _LAST_UPDATE, "and", "or", "not"}
    used = get_identifiers("\n".join(statements)) - known
    held = set(code.equations.names) | set(assignments("\n".join(statements))) | code.namespace.keys()
    for name in sorted(used - held):
        whose = "the neurons'" if name.endswith(("_post", "_pre")) else "Brian2's"
        remedy = "leave that piece out, or make it a parameter of the synapse"
        _refuse(code, f"reads {whose} {name}", remedy)
    for name in sorted(used & RESERVED):
        problem = f"{code.name} has a variable {name!r}, which hosts call something else"
        raise ValueError(f"{problem}: code.renamed({{{name!r}: '{name}_syn'}})")


def _event_driven(code: SynapseCode) -> list[str]:
    """Return what brings the linear traces to the time of the event, in Brian2's own solution."""
    equations = [
        equation
        for equation in code.equations.values()
        if equation.type == DIFFERENTIAL_EQUATION and "event-driven" in equation.flags
    ]
    if not equations:
        return []
    names = set(code.equations.names).union(*(equation.identifiers for equation in equations))
    known = {name: Constant(name, 1.0) for name in names}
    try:
        text = linear(Equations(equations), known)
    except Exception as error:
        problem = f"{code.name} has traces that are not linear"
        raise NotImplementedError(f"{problem}: make them so, or leave the piece out") from error
    return [re.sub(r"\bdt\b", f"(t - {_LAST_UPDATE})", line) for line in text.splitlines()]


def _arithmetic(code: SynapseCode, lines: list[str]) -> tuple[str, ...]:
    """Return statements with the effect on the neuron as the amount, and subexpressions written out.

    The number of the synapse is left out of draws: every host has it.
    """
    lines = [_EFFECT.sub(r"amount = \2", line).replace(f", {NUMBER})", ")") for line in lines]
    return tuple(_substituted(code, line) for line in lines)


def _substituted(code: SynapseCode, line: str) -> str:
    """Return a statement with what follows from other variables written out."""
    for name, equation in code.equations.items():
        if equation.type == SUBEXPRESSION and re.search(rf"\b{name}\b", line):
            return _substituted(code, re.sub(rf"\b{name}\b", f"({equation.expr})", line))
    return line


def _target(code: SynapseCode, blocks: list[list[str]]) -> str:
    """Return the postsynaptic variable that every block moves once."""
    moved = [[match.group(1) for line in block if (match := _EFFECT.match(line))] for block in blocks]
    targets = {name for block in moved for name in block}
    if len(targets) != 1 or any(len(block) != 1 for block in moved):
        named = ", ".join(sorted(targets)) or "nothing of the neuron"
        remedy = "build the release with one postsynaptic target=..., and one Synapses for each target"
        _refuse(code, f"moves {named}", remedy)
    return targets.pop()


def _variables(code: SynapseCode, statements: tuple[str, ...]) -> tuple[Variable, ...]:
    used = get_identifiers("\n".join(statements))
    set_names = {name for line in statements for name in assignments(line)}
    variables = []
    for name, equation in code.equations.items():
        if name not in used or equation.type == SUBEXPRESSION:
            continue
        role: Role = "parameter"
        if name in code.streams:
            role = "key"
        elif name in set_names or equation.type != PARAMETER:
            role = "state"
        elif "shared" in equation.flags:
            role = "shared"
        initial = code.initial.get(name, 0)
        default = float(initial) if np.ndim(initial) == 0 and not isinstance(initial, str) else 0.0
        is_integer = equation.var_type == INTEGER
        default = int(default) if is_integer else default
        variables.append(Variable(name, role, is_integer, default, unit_text(equation.dim)))
    for name, value in code.namespace.items():
        if name in used and not isinstance(value, Function):
            if np.ndim(value):
                _refuse(code, f"uses the array {name}", "make it a parameter of the synapse")
            unit = unit_text(get_dimensions(value))
            variables.append(Variable(name, "constant", False, float(value), unit))
    if _LAST_UPDATE in used:
        variables.append(Variable(_LAST_UPDATE, "state", False, 0.0, "second"))
    return tuple(variables)
