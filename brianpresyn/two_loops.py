"""How a C++ standalone program goes through the synapses that are active in a time step: in two loops.

Brian2's loop counts a synapse's event, draws what it releases and moves the postsynaptic variable before it
turns to the next synapse. No compiler can do that for several synapses at once, since two of them may act
on the same neuron. Up to that point, though, a synapse has to do with itself only: a first loop does that
much for up to 256 synapses, eight at a time where their numbers follow each other, and a second one acts on
the neurons. With threads, the first loop goes through all active synapses and is shared among them, which
changes no draw. What is released is the same.

With other draws than those below, and wherever the order matters, the loop stays one; also if
``prefs.devices.brianpresyn.two_loops`` is False.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
from brian2.codegen.generators.cpp_generator import CPPCodeGenerator
from brian2.codegen.statements import Statement
from brian2.core.functions import Function
from brian2.core.preferences import BrianPreference, prefs
from brian2.core.variables import ArrayVariable
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.devices.device import get_device
from brian2.synapses.synapses import Synapses, SynapticPathway
from brian2.utils.stringtools import get_identifiers

TEMPLATE = "two_loop_synapses"
"""Name of the template; it falls back on Brian2's where the loop stays one."""

SERIAL_TEMPLATE = "serial_stateupdate"
"""Name of the template of what runs regularly for all synapses, on one thread."""

prefs.register_preferences(
    "devices.brianpresyn",
    "Synapses of brianpresyn",
    two_loops=BrianPreference(
        default=True,
        docs="Whether C++ standalone goes through active synapses in two loops, of which the first draws.",
    ),
)


def go_through_in_two_loops(connection: Synapses) -> None:
    """Let C++ standalone go through the active synapses in two loops, unless the preference forbids it.

    The preference is ``prefs.devices.brianpresyn.two_loops``; without it the loop is Brian2's own.
    """
    if type(get_device()) is CPPStandaloneDevice and prefs["devices.brianpresyn.two_loops"]:
        for pathway in connection.contained_objects:
            if not isinstance(pathway, SynapticPathway):
                continue
            pathway.codeobj_class, pathway.template = TwoLoopCodeObject, TEMPLATE


# Draws that a compiler can make for several synapses at once. One that is named here leaves the rare cases
# that it cannot decide so to the second loop: it returns a negative number then.
_DRAWS = {
    "bernoulli_draw": "",
    "binomial_draw": "binomial_draw_unless_tied",
    "shared_binomial_draw": "shared_binomial_draw_if_tabled",
}

# Synapses whose numbers follow each other go through the first loop before the second has its turn: as many
# at most, and as few as are worth two loops.
_MOST, _FEWEST = 256, 8
# Starting the threads takes as long as drawing for this many synapses.
_WORTH_THREADS = 2000
_CACHE_LINE = 64

_SUPPORT = """
#if defined(__GNUC__)
#define _presyn_prefetch(address) __builtin_prefetch(address)
#else
#define _presyn_prefetch(address)
#endif
static inline int _presyn_run_length(const int* numbers, int most) {
    const int first = numbers[0];
    int n = 1;
    for (; n + 16 <= most; n += 16) {
        int differ = 0;
        for (int k = 0; k < 16; k++) differ |= numbers[n + k] ^ (first + n + k);
        if (differ) break;
    }
    while (n < most && numbers[n] == first + n) n++;
    return n;
}
"""


class _OpenDraw(Statement):
    """A draw in the first loop, of which a rare outcome is left open."""


class _Settlement(Statement):
    """The same draw in the second loop, made where it was left open."""


class TwoLoopGenerator(CPPCodeGenerator):
    """Brian2's generator of C++, with the statements of a synapse in two blocks where that is possible."""

    def translate_statement_sequence(
        self, sc_statements: dict[Any, list[Statement]], ve_statements: dict[Any, list[Statement]]
    ) -> tuple[dict[Any, Any], dict[Any, Any], dict[str, Any]]:
        """Translate; if the statements are divided, into the blocks "draw" and "act", and all as "whole"."""
        whole = ve_statements.get(None, [])
        n_own = self._number_of_own(whole)
        if not n_own:
            return super().translate_statement_sequence(sc_statements, ve_statements)
        draw, act = self._left_open(*self._brought_forward(whole[:n_own], whole[n_own:]))
        scalar, vector, keywords = super().translate_statement_sequence(
            {"whole": sc_statements[None], "draw": [], "act": []},
            {"whole": whole, "draw": draw, "act": act},
        )
        keywords |= {
            "support_code_lines": [*keywords["support_code_lines"], *_SUPPORT.splitlines()],
            "carried": self._carried(draw, act),
            "prefetched": self._prefetched(draw + act),
            "n_threads": prefs.devices.cpp_standalone.openmp_threads,
            "worth_threads": _WORTH_THREADS,
            "most": _MOST,
            "fewest": _FEWEST,
        }
        return scalar, vector, keywords

    def translate_statement(self, statement: Statement) -> str:
        """Translate one statement; a draw in two steps first by the function that may leave it open."""
        line = super().translate_statement(statement)
        if isinstance(statement, _OpenDraw):
            name = _called(statement)
            return line.replace(f"{name}(", f"{_DRAWS[name]}(", 1)
        return f"if ({statement.var} < 0) {line}" if isinstance(statement, _Settlement) else line

    def _number_of_own(self, statements: list[Statement]) -> int:
        """Return how many statements come before the first that has to do with a neuron.

        None, if there is nothing among them that is drawn for several synapses at once.
        """
        functions = {name for own in statements for name in self._names(own, Function)}
        if not all(self.variables[name].stateless for name in functions):
            return 0
        n_own = next((k for k, own in enumerate(statements) if self._is_of_neurons(own)), 0)
        drawn = {name for own in statements[:n_own] for name in self._names(own, Function)}
        return n_own if drawn & set(_DRAWS) else 0

    def _brought_forward(
        self, draw: list[Statement], act: list[Statement]
    ) -> tuple[list[Statement], list[Statement]]:
        """Return both blocks with what has to do with a synapse only, such as its energy, in the first.

        A statement stays where it is if it shares a variable with one that stays before it, or reads a draw
        of which a rare outcome is left open.
        """
        kept: list[Statement] = []
        touched = {own.var for own in draw if _DRAWS.get(_called(own))}
        for own in act:
            names = {own.var, *get_identifiers(own.expr)}
            if self._is_of_neurons(own) or names & touched:
                kept.append(own)
                touched |= names - self._never_set(draw + act)
            else:
                draw = [*draw, own]
        return draw, kept

    @staticmethod
    def _never_set(statements: list[Statement]) -> set[str]:
        """Return the names of what the statements only read."""
        read = set().union(*(get_identifiers(own.expr) for own in statements))
        return read - {own.var for own in statements}

    def _left_open(
        self, draw: list[Statement], act: list[Statement]
    ) -> tuple[list[Statement], list[Statement]]:
        """Return both blocks with draws in two steps, where nothing in the first needs the outcome."""
        settled = []
        for place, own in enumerate(draw):
            later = draw[place + 1 :]
            touched = {name for next_one in later for name in (next_one.var, *get_identifiers(next_one.expr))}
            written = {next_one.var for next_one in later}
            if (
                own.op == ":="
                and _DRAWS.get(_called(own))
                and own.var not in touched
                and not written & get_identifiers(own.expr)
            ):
                draw = [*draw[:place], _OpenDraw(own.var, ":=", own.expr, "", own.dtype), *later]
                settled.append(_Settlement(own.var, "=", own.expr, "", own.dtype))
        return draw, [*settled, *act]

    def _names(self, statement: Statement, kind: type) -> set[str]:
        """Return the names of variables of a kind that a statement reads or writes."""
        names = get_identifiers(statement.expr) | {statement.var}
        return {name for name in names if isinstance(self.variables.get(name), kind)}

    def _is_of_neurons(self, statement: Statement) -> bool:
        arrays = self._names(statement, ArrayVariable)
        return any(self.variable_indices[name] not in ("_idx", "0") for name in arrays)

    def _carried(self, draw: list[Statement], act: list[Statement]) -> list[tuple[str, str]]:
        """Return C type and name of what is computed in the first loop and used in the second."""
        used = set().union(*(get_identifiers(own.expr) | {own.var} for own in act))
        return [(self.c_data_type(own.dtype), own.var) for own in draw if own.op == ":=" and own.var in used]

    def _prefetched(self, statements: list[Statement]) -> list[tuple[str, int]]:
        """Return name, and values in a line of the cache, of every array with one value for each synapse."""
        names = sorted(set().union(*(self._names(own, ArrayVariable) for own in statements)))
        arrays = [self.variables[name] for name in names if self.variable_indices[name] == "_idx"]
        return [(self.get_array_name(own), _CACHE_LINE // np.dtype(own.dtype).itemsize) for own in arrays]


def _called(statement: Statement) -> str:
    """Return the name of the function whose value a statement assigns as it is, or nothing."""
    expression = ast.parse(statement.expr, mode="eval").body
    is_call = isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name)
    return expression.func.id if is_call else ""


class TwoLoopCodeObject(CPPStandaloneCodeObject):
    """C++ standalone code of a pathway whose synapses are gone through in two loops."""

    templater = CPPStandaloneCodeObject.templater.derive("brianpresyn")
    generator_class = TwoLoopGenerator
