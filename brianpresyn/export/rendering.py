"""Statements of a synapse in the words of a host's language."""

import ast
import re
from collections.abc import Callable, Mapping

from brian2.parsing.rendering import CPPNodeRenderer, NodeRenderer

from brianpresyn.export.synapse_model import SynapseModel

_C_FUNCTIONS = {"abs": "fabs", "int": "(int64_t)", "clip": "presyn_clip"}


class SpelledStatements(NodeRenderer):
    """Statements where a function says how a name is spelled, and draws take the number of the synapse."""

    def __init__(self, spelled: Callable[[str], str], number: str) -> None:
        super().__init__()
        self.spelled = spelled
        self.number = number

    def render_Name(self, node: ast.Name) -> str:
        return self.spelled(node.id)

    def render_Call(self, node: ast.Call) -> str:
        arguments = [self.render_node(argument) for argument in node.args]
        if node.func.id.endswith("_draw"):  # type: ignore[attr-defined]
            arguments.append(self.number)
        return f"{self.render_func(node.func)}({', '.join(arguments)})"  # type: ignore[arg-type]


class BrianStatements(SpelledStatements):
    """Statements of Brian2 for a host that formats them, where the amount goes to `syn_var`."""

    def lines(self, statements: tuple[str, ...]) -> list[str]:
        """Return the statements."""
        lines = []
        for name, operator, right in map(assignment, statements):
            whole = self.render_expr(right).replace("%", "%%")
            lines.append(f"{self.spelled(name)} {operator} {whole}")
        return [re.sub("^amount = ", "%(syn_var)s += ", line) for line in lines]


class CStatements(SpelledStatements, CPPNodeRenderer):
    """Statements in C++."""

    def render_Name(self, node: ast.Name) -> str:
        return "INFINITY" if node.id == "inf" else super().render_Name(node)

    def render_func(self, node: ast.Name) -> str:
        return _C_FUNCTIONS.get(node.id, node.id)

    def render_BinOp(self, node: ast.BinOp) -> str:
        left, right = self.render_node(node.left), self.render_node(node.right)
        if isinstance(node.op, ast.Div):
            return f"(double)({left})/({right})"
        if isinstance(node.op, ast.Pow):
            return f"pow({left}, {right})"
        if isinstance(node.op, ast.FloorDiv):
            return f"floor((double)({left})/({right}))"
        if isinstance(node.op, ast.Mod):
            return f"presyn_modulo({left}, {right})"
        return super().render_BinOp(node)

    def lines(self, model: SynapseModel) -> list[str]:
        """Return what happens at a presynaptic spike; what is local to the event is declared."""
        declared = {*model.local_names(model.statements), "amount"}
        lines = []
        for statement in model.statements:
            name, operator, right = assignment(statement)
            kind = "double " if name in declared and operator == "=" else ""
            declared.discard(name)
            lines.append(f"{kind}{self.spelled(name)} {operator} {self.render_expr(right)};")
        return lines


class PythonStatements(NodeRenderer):
    """Statements in Python for arrays of JAX: draws get p as integers and the number of the synapse.

    `exact` has the names of these integers, by what is written for p; `module` has the functions, JAX's or
    numpy's.
    """

    def __init__(self, exact: Mapping[str, str], module: str = "jnp") -> None:
        super().__init__()
        self.exact = exact
        self.module = module

    def render_func(self, node: ast.Name) -> str:
        return "_whole" if node.id == "int" else f"{self.module}.{node.id}"

    def render_Call(self, node: ast.Call) -> str:
        name = node.func.id  # type: ignore[attr-defined]
        if not name.endswith("_draw"):
            return super().render_Call(node)
        arguments = [self.render_node(argument) for argument in node.args]
        arguments[-1] = self.exact.get(ast.unparse(node.args[-1]), arguments[-1])
        if name == "shared_binomial_draw":
            arguments.append("table")
        return f"{name}({', '.join([*arguments, 'number'])})"

    def render_Compare(self, node: ast.Compare) -> str:
        left = node.left
        if isinstance(left, ast.Call) and left.func.id == "uniform_draw":  # type: ignore[attr-defined]
            # The same comparison, in integers.
            drawn = ast.Call(ast.Name("bernoulli_draw"), [*left.args, node.comparators[0]], [])
            return self.render_Call(drawn)
        return super().render_Compare(node)

    def render_BoolOp(self, node: ast.BoolOp) -> str:
        name = f"jnp.logical_{type(node.op).__name__.lower()}"
        first, *others = [self.render_node(value) for value in node.values]
        for other in others:
            first = f"{name}({first}, {other})"
        return first

    def render_UnaryOp(self, node: ast.UnaryOp) -> str:
        if isinstance(node.op, ast.Not):
            return f"jnp.logical_not({self.render_node(node.operand)})"
        return super().render_UnaryOp(node)

    def lines(self, statements: tuple[str, ...]) -> list[str]:
        """Return the statements."""
        return [
            f"{name} {operator} {self.render_expr(right)}"
            for name, operator, right in map(assignment, statements)
        ]


def assignment(statement: str) -> tuple[str, str, str]:
    """Return name, operator and right-hand side of a statement."""
    match = re.match(r"\s*([A-Za-z_]\w*)\s*(\+=|-=|\*=|/=|=(?!=))\s*([^#]*)", statement)
    if match is None:
        problem = f"{statement!r} is no assignment that hosts know"
        raise NotImplementedError(f"{problem}: write =, +=, -=, *= or /=")
    return match.group(1), match.group(2), match.group(3).strip()


def drawn_probabilities(statements: tuple[str, ...]) -> list[str]:
    """Return what each draw, or comparison with one, takes for p."""
    drawn: list[ast.expr] = []
    for statement in statements:
        for node in ast.walk(ast.parse(assignment(statement)[2], mode="eval")):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name.endswith("_draw") and name != "uniform_draw":
                drawn.append(node.args[-1])
            elif isinstance(node, ast.Compare) and "uniform_draw" in ast.dump(node.left):
                drawn.append(node.comparators[0])
    return [ast.unparse(p) for p in drawn]
