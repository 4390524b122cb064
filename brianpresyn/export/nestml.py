"""Statements of a synapse in NESTML, whose integers are signed and whose shifts are arithmetic."""

import ast
from collections.abc import Callable
from typing import Any

from brianpresyn.counter_random import MULTIPLIERS, STEP, SYNAPSE_STEP, WORD_STEP
from brianpresyn.export.rendering import SpelledStatements, assignment
from brianpresyn.export.synapse_model import SynapseModel


class NestmlStatements(SpelledStatements):
    """Statements in NESTML, with draws written out: it declares functions of a synapse, but defines none."""

    def render_Call(self, node: ast.Call) -> str:
        name = node.func.id  # type: ignore[attr-defined]
        arguments = [self.render_node(argument) for argument in node.args]
        if name == "int" and isinstance(node.args[0], ast.Compare):
            return f"(({arguments[0]}) ? 1 : 0)"
        if name == "clip":
            value, low, high = arguments
            return f"min(max({value}, 1.0*({low})), 1.0*({high}))"
        if name in ("exp", "abs"):
            return f"{name}({arguments[0]})"
        raise NotImplementedError(f"NESTML has no {name} within other arithmetic: export 'nest' instead")

    def lines(self, model: SynapseModel) -> list[str]:
        """Return what happens at a presynaptic spike; what is local to the event is declared."""
        declared, lines = {*model.local_names(model.statements), "amount"}, []
        for number, (name, operator, right) in enumerate(map(assignment, model.statements)):
            node: Any = ast.parse(right, mode="eval").body
            drawn = getattr(getattr(node, "func", None), "id", "")
            if drawn in DRAWS:
                value = f"presyn_{number}"
                lines += DRAWS[drawn](value, *map(self.render_node, node.args))
            else:
                value = self.render_expr(right)
            kind = "real " if name in declared and operator == "=" else ""
            declared.discard(name)
            lines.append(f"{self.spelled(name)} {kind}{operator} {value}")
        return lines


def _mixed(z: str) -> list[str]:
    """Return the mixture of z; shifts are arithmetic, and what they bring in is masked."""
    multiplied = [
        f"{z} = ({z} ^ (({z} >> {n}) & {2 ** (64 - n) - 1})) * {_signed(multiplier)}"
        for n, multiplier in zip((30, 27), MULTIPLIERS, strict=True)
    ]
    return [*multiplied, f"{z} = {z} ^ (({z} >> 31) & {2**33 - 1})"]


def _signed(constant: int) -> int:
    return constant - 2**64 if constant >= 2**63 else constant


def _state(drawn: str, key: str, event: str) -> list[str]:
    state = f"{drawn}_state"
    moved = f"presyn_number * {_signed(SYNAPSE_STEP)} + {event} * {_signed(STEP)}"
    return [f"{state} integer = {key}", *_mixed(state), f"{state} = {state} + {moved}"]


def _bernoulli(drawn: str, key: str, event: str, p: str) -> list[str]:
    bits = f"{drawn}_state"
    return [
        *_state(drawn, key, event),
        *_mixed(bits),
        f"{drawn} integer = 0",
        f"if (({bits} >> 12) & {2**52 - 1}) < ({p}) * {2.0**52!r}:",
        f"    {drawn} = 1",
    ]


def _binomial(drawn: str, key: str, event: str, n: str, p: str) -> list[str]:
    state, word, site = f"{drawn}_state", f"{drawn}_word", f"{drawn}_site"
    scaled, first, byte = f"{drawn}_scaled", f"{drawn}_first", f"{drawn}_byte"
    loop = [
        f"{word} = {state} + ({site} >> 3) * {_signed(WORD_STEP)}",
        *_mixed(word),
        f"{byte} = ({word} >> (({site} & 7) * 8)) & 255",
        f"if {byte} < {first}:",
        f"    {drawn} += 1",
        f"if {byte} == {first}:",
        f"    {word} = {state} + ({2**31} + {site}) * {_signed(WORD_STEP)}",
        *(f"    {line}" for line in _mixed(word)),
        f"    if (({word} >> 11) & {2**53 - 1}) < floor(({scaled} - {first}) * {2.0**53!r}):",
        f"        {drawn} += 1",
        f"{site} += 1",
    ]
    return [
        *_state(drawn, key, event),
        f"{drawn} integer = 0",
        *(f"{name} integer = 0" for name in (word, site, byte)),
        f"{scaled} real = 256.0 * min(max(1.0 * ({p}), 0.0), 1.0)",
        f"{first} real = floor(min({scaled}, 255.0))",
        f"while {site} < {n}:",
        *(f"    {line}" for line in loop),
    ]


DRAWS: dict[str, Callable[..., list[str]]] = {"bernoulli_draw": _bernoulli, "binomial_draw": _binomial}
