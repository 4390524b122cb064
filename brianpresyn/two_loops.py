"""How a C++ standalone program goes through the synapses that are active in a time step: in two loops.

Brian2's loop counts a synapse's event, draws what it releases and moves the postsynaptic variable before it
turns to the next synapse. No compiler can do that for several synapses at once, since two of them may act
on the same neuron. Up to that point, though, a synapse has to do with itself only, also in computing by how
much it moves the neuron: a first loop does that much for up to 256 synapses whose numbers follow each other,
eight at a time, and a second one acts on the neurons. A draw of several sites divides the first in two: what
it needs is gathered, a function draws for all, and the second part goes on. With threads, the first loop goes
through all active synapses and is shared among them, which changes no draw. What is released is the same.

With other draws than those below, and wherever the order matters, the loop stays one; also if
``prefs.devices.brianpresyn.two_loops`` is False.
"""

import ast
from typing import Any

import numpy as np
from brian2 import Function, get_device, prefs
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator
from brian2.codegen.statements import Statement
from brian2.core.variables import ArrayVariable
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.synapses.synapses import Synapses, SynapticPathway
from brian2.utils.stringtools import get_identifiers

from brianpresyn.counter_random import cpp_text
from brianpresyn.preferences import TWO_LOOPS

TEMPLATE = "two_loop_synapses"
"""Name of the template; it falls back on Brian2's where the loop stays one."""

SERIAL_TEMPLATE = "serial_stateupdate"
"""Name of the template of what runs regularly for all synapses, on one thread."""


def go_through_in_two_loops(connection: Synapses) -> None:
    """Let C++ standalone go through the active synapses in two loops, unless the preference forbids it.

    The preference is ``prefs.devices.brianpresyn.two_loops``; without it the loop is Brian2's own.
    """
    if type(get_device()) is CPPStandaloneDevice and prefs[TWO_LOOPS]:
        for pathway in connection.contained_objects:
            if not isinstance(pathway, SynapticPathway):
                continue
            pathway.codeobj_class, pathway.template = TwoLoopCodeObject, TEMPLATE


# Draws that a compiler makes for several synapses at once: within a loop over synapses whose numbers follow
# each other, or by a function that is called between two such loops.
_DRAWS = {
    "bernoulli_draw": "",
    "binomial_draw": "binomial_draws",
    "shared_binomial_draw": "shared_binomial_draws",
}

# So few synapses whose numbers follow each other are worth two loops.
_FEWEST = 8
# Starting the threads takes as long as drawing for this many synapses.
_WORTH_THREADS = 2000


class _Draw(Statement):
    """A draw for several synapses, with the C++ of its arguments and of the state from which it is made."""

    def __init__(self, statement: Statement, number: int, arguments: list[str], key: str, state: str) -> None:
        self.number, self.arguments, self.key, self.state = number, arguments, key, state
        self.function = _DRAWS[_call(statement)[0]]
        var, op = (f"_state_{number}", ":=") if self.function else (statement.var, statement.op)
        super().__init__(var, op, statement.expr, "", _dtype(statement), statement.constant)


class _Amount(Statement):
    """What a release times something moves a neuron by; if one vesicle at most, chosen, not multiplied."""

    def __init__(self, number: int, expression: str, draws: list[Statement]) -> None:
        super().__init__(f"_amount_{number}", ":=", expression, "", np.dtype(float))
        single = {draw.var for draw in draws if draw.op == ":=" and _call(draw)[0] == "bernoulli_draw"}
        product = ast.parse(expression, mode="eval").body
        self.chosen = ""
        if isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult):
            left = ast.unparse(product.left)
            self.chosen = left if left in single else ""


class TwoLoopGenerator(CPPCodeGenerator):
    """Brian2's generator of C++, with the statements of a synapse in several loops where that is possible."""

    def translate_statement_sequence(
        self, sc_statements: dict[Any, list[Statement]], ve_statements: dict[Any, list[Statement]]
    ) -> tuple[dict[Any, Any], dict[Any, Any], dict[str, Any]]:
        """Translate; if they are divided also the statements of the synapse alone, in loops, and the rest."""
        whole = ve_statements.get(None, [])
        n_inner = self._number_of_inner(whole)
        if not n_inner:
            return super().translate_statement_sequence(sc_statements, ve_statements)
        inner, act = self._brought_forward(whole[:n_inner], whole[n_inner:])
        loops = self._loops(inner)
        blocks: dict[Any, list[Statement]] = {"whole": whole, "inner": inner, "act": act}
        blocks |= enumerate(loops)
        scalar, vector, keywords = super().translate_statement_sequence(
            {name: sc_statements[None] if name == "whole" else [] for name in blocks}, blocks
        )
        keywords |= {
            "support_code_lines": [*keywords["support_code_lines"], *cpp_text("two_loops").splitlines()],
            "loops": [[each for each in loop if isinstance(each, _Draw)] for loop in loops],
            "carried": self._carried([*loops, act]),
            "n_threads": prefs.devices.cpp_standalone.openmp_threads,
            "worth_threads": _WORTH_THREADS,
            "fewest": _FEWEST,
        }
        return scalar, vector, keywords

    def translate_statement(self, statement: Statement) -> str:
        """Translate one statement; a draw as what several synapses share."""
        line = super().translate_statement(statement)
        if isinstance(statement, _Amount):
            return line.replace(f"= {statement.chosen} *", f"= !{statement.chosen} ? 0.0 :")
        if not isinstance(statement, _Draw):
            return line
        number, *arguments = statement.number, *statement.arguments
        if not statement.function:
            left = line.split("=")[0]
            return f"{left}= _presyn_bernoulli({statement.state}, {arguments[0]});"
        return (
            f"_state_{number}[_k] = {statement.state}; _n_{number}[_k] = {arguments[0]}; "
            f"_p_{number}[_k] = {arguments[1]};"
        )

    def _number_of_inner(self, statements: list[Statement]) -> int:
        """Return how many statements come before the first that has to do with a neuron.

        None, if there is nothing among them that is drawn for several synapses at once.
        """
        functions = {name for each in statements for name in self._names(each, Function)}
        if not all(self.variables[name].stateless for name in functions):
            return 0
        n_inner = next((k for k, each in enumerate(statements) if self._is_of_neurons(each)), 0)
        drawn = {name for each in statements[:n_inner] for name in self._names(each, Function)}
        return n_inner if drawn & set(_DRAWS) else 0

    def _brought_forward(
        self, inner: list[Statement], act: list[Statement]
    ) -> tuple[list[Statement], list[Statement]]:
        """Return both blocks with what has to do with a synapse only, such as its energy, in the first.

        A statement stays where it is if it shares a variable with one that stays before it; the amount by
        which it moves a neuron is brought forward by itself.
        """
        kept: list[Statement] = []
        touched: set[str] = set()
        never_set = set().union(*(get_identifiers(each.expr) for each in inner + act))
        never_set -= {each.var for each in inner + act}
        for each in act:
            names = get_identifiers(each.expr)
            if not self._is_of_neurons(each) and not (names | {each.var}) & touched:
                inner = [*inner, each]
                continue
            amount = _Amount(len(kept), each.expr, inner)
            if (
                each.op in ("+=", "-=")
                and np.issubdtype(each.dtype, np.floating)
                and not each.expr.isidentifier()
                and not self._is_of_neurons(amount)
                and not names & touched
            ):
                inner = [*inner, amount]
                each = Statement(each.var, each.op, amount.var, "", each.dtype)
            kept.append(each)
            touched |= (names | {each.var}) - never_set
        return inner, kept

    def _loops(self, inner: list[Statement]) -> list[list[Statement]]:
        """Return the statements in loops, of which all but the last end with a draw by a function."""
        loops: list[list[Statement]] = [[]]
        for number, each in enumerate(inner):
            draw = self._draw(each, number)
            loops[-1].append(draw or each)
            if draw is not None and draw.function:
                drawn = Statement(each.var, each.op, f"_drawn_{number}", "", _dtype(each), each.constant)
                loops.append([drawn])
        return loops

    def _draw(self, statement: Statement, number: int) -> _Draw | None:
        """Return the draw for several synapses that a statement makes, if it does."""
        name, arguments = _call(statement)
        if name not in _DRAWS:
            return None
        key, event, *rest = map(self.translate_expression, arguments)
        if len(rest) > (2 if _DRAWS[name] else 1):
            *rest, synapse = rest
        elif getattr(self.variables.get(arguments[0]), "scalar", False):
            return _Draw(statement, number, rest, key, f"_presyn_at_event(_stream_{number}, {event})")
        else:
            synapse = "_idx"
        return _Draw(statement, number, rest, "", f"_presyn_state({key}, {event}, {synapse})")

    def _names(self, statement: Statement, kind: type) -> set[str]:
        """Return the names of variables of a kind that a statement reads or writes."""
        names = get_identifiers(statement.expr) | {statement.var}
        return {name for name in names if isinstance(self.variables.get(name), kind)}

    def _is_of_neurons(self, statement: Statement) -> bool:
        arrays = self._names(statement, ArrayVariable)
        return any(self.variable_indices[name] not in ("_idx", "0") for name in arrays)

    def _carried(self, loops: list[list[Statement]]) -> list[tuple[str, str, list[int], list[int]]]:
        """Return type and name of what loops pass on, with the loops that use it and those that set it.

        What the last one uses, which acts on the neurons, is carried to it from all synapses.
        """
        names = [{n for each in loop for n in (each.var, *get_identifiers(each.expr))} for loop in loops]
        carried = []
        for first, loop in enumerate(loops):
            for each in loop:
                used = [k for k in range(first + 1, len(loops)) if each.var in names[k]]
                if each.op == ":=" and used:
                    setting = [k for k, loop in enumerate(loops) if any(each.var == s.var for s in loop)]
                    carried.append((self.c_data_type(each.dtype), each.var, used, setting))
        return carried


def _dtype(draw: Statement) -> np.dtype:
    """Return the type of what is drawn; 32 bits, if it is not kept: all vector units make floats of these."""
    return np.dtype(np.int32) if draw.op == ":=" else draw.dtype


def _call(statement: Statement) -> tuple[str, list[str]]:
    """Return the function whose value a statement takes as it is, and its arguments; or nothing."""
    expression = ast.parse(statement.expr, mode="eval").body
    if not (isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name)):
        return "", []
    return expression.func.id, [ast.unparse(argument) for argument in expression.args]


class TwoLoopCodeObject(CPPStandaloneCodeObject):
    """C++ standalone code of a pathway whose synapses are gone through in two loops."""

    templater = CPPStandaloneCodeObject.templater.derive("brianpresyn")
    generator_class = TwoLoopGenerator
