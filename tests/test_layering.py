"""The packages import downward only: biophys <- brianpresyn, rate_models <- validation."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

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
