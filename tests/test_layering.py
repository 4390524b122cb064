"""The packages import downward only: biophys <- brianpresyn, rate_models <- validation."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from validation.runs import EXPERIMENTS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("biophys", "brianpresyn", "rate_models", "validation")
ALLOWED = {
    "biophys": {"biophys"},
    "brianpresyn": {"biophys", "brianpresyn"},
    "rate_models": {"biophys", "rate_models"},
    "validation": set(PACKAGES),
}


def imported_packages(path: Path) -> set[str]:
    """Return the top-level names of everything that the file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_what_lies_below_it(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = {
        str(path.relative_to(ROOT)): sorted(forbidden)
        for path in files
        if (forbidden := imported_packages(path) & set(PACKAGES) - ALLOWED[package])
    }
    assert not wrong


def test_forbidden_import_is_found(tmp_path):
    source = tmp_path / "wrong.py"
    source.write_text(
        "def late():\n    from rate_models.networks import Network\n    import brianpresyn.release\n"
    )
    assert imported_packages(source) == {"rate_models", "brianpresyn"}


@pytest.mark.parametrize("package", ["biophys", "brianpresyn"])
def test_torch_is_not_imported_with(package):
    code = f"import {package}, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


WITHOUT_TORCH = """
import sys

class NoTorch:
    def find_spec(name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'")

sys.meta_path.insert(0, NoTorch)
"""


def test_claims_can_be_listed_without_torch():
    code = (
        WITHOUT_TORCH + "from validation.registry import all_measures\n"
        "measured = {claim for measure in all_measures() for claim in measure.claims}\n"
        "print({'S01', 'S09', 'M02', 'M03'} <= measured)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


JUNK = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff", "base", "core", "shared"}


def _modules():
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def _imported_at_once(path, modules):
    """Return the modules that a file imports when it is imported: not late, not for types only."""
    imported = set()
    waiting = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            imported |= names & set(modules) or {node.module}
        elif isinstance(node, (ast.If, ast.Try, ast.With)) and "TYPE_CHECKING" not in ast.dump(node)[:120]:
            waiting += node.body
    return imported & set(modules)


def circles(graph):
    """Return the modules that import themselves, through others, in one chain for each start."""
    found = []
    for start in graph:
        chains = [[start]]
        seen = set()
        while chains:
            chain = chains.pop()
            for target in graph[chain[-1]]:
                if target == start:
                    found.append([*chain, start])
                elif target not in seen:
                    seen.add(target)
                    chains.append([*chain, target])
    return found


def _for_types(path):
    """Return the modules that a file imports for types only: a circle through them is one all the same."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocks = [
        node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    ]
    return {node.module for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)}


def test_modules_import_each_other_without_circles():
    modules = _modules()
    # A package's __init__ gathers names from its modules; that is no circle.
    inside = {name: path for name, path in modules.items() if path.name != "__init__.py"}
    graph = {
        name: (_imported_at_once(path, modules) | _for_types(path)) & set(inside) - {name}
        for name, path in inside.items()
    }
    assert not circles(graph)
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})[0] == ["a", "b", "c", "a"]


@pytest.mark.parametrize("package", [name for name, path in _modules().items() if path.name == "__init__.py"])
def test_no_module_is_shadowed_by_a_name_of_its_package(package):
    """Otherwise ``import brianpresyn.synapses as s`` gives a function."""
    folder = _modules()[package].parent
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    bound = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.ImportFrom, ast.Import))
        for alias in node.names
    } | {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    inside = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    assert not bound & inside - {"__init__"}


@pytest.mark.parametrize("package", ["brianpresyn", "validation"])
def test_names_that_are_imported_late_are_public(package):
    """Type checkers read the list of them, which nothing but this compares with what can be imported."""
    path = ROOT / package / "__init__.py"
    blocks = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.If)]
    late = {alias.name for block in blocks for node in block.body for alias in node.names}
    assert late == {*importlib.import_module(package).__all__}


def test_every_file_is_named_after_a_concept():
    named = {part for name in _modules() for part in name.split(".")}
    assert not named & JUNK


def _n_claims(tree):
    """Return how many claims a file declares."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return sum(getattr(call.func, "id", getattr(call.func, "attr", "")) == "Claim" for call in calls)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "validation" / "claims").rglob("*.py")), ids=lambda path: path.stem
)
def test_a_claim_takes_at_most_sixty_lines(path):
    """A file that measures in another rendering what is declared elsewhere counts as one."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60 * max(_n_claims(ast.parse(text)), 1)


def _files_of(name, modules):
    """Return the modules of an experiment: its own, and those of its folder that it imports, also late."""
    package, found, waiting = name.rpartition(".")[0], set(), [name]
    while waiting:
        module = waiting.pop()
        found.add(module)
        nodes = ast.walk(ast.parse(modules[module].read_text(encoding="utf-8")))
        froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        imported = {node.module for node in froms}
        imported |= {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
        waiting += [each for each in imported & set(modules) - found if each.startswith(package + ".")]
    return found


@pytest.mark.parametrize("name", EXPERIMENTS.values())
def test_an_experiment_is_at_most_three_files(name):
    assert len(_files_of(name, _modules())) <= 3
