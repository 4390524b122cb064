"""The how-tos that add something work literally: data sets and claims from outside, a synapse inside."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import wheel

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how_to"
OFFLINE = "--disable-pip-version-check -q --no-deps --no-index --no-build-isolation"


def blocks(page: str, language: str) -> list[str]:
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return an environment in which brianpresyn is installed, and the checkout is not to be seen."""
    # Looking for pip as a module would make setuptools give distutils up, with which Brian2 compiles here.
    distributions = {each.name.lower(): each for each in importlib.metadata.distributions()}
    for name in ("setuptools", "pip"):
        if name not in distributions:
            pytest.skip(f"needs {name}")
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    others = {str(distributions[name].locate_file("")) for name in ("brian2", "pip", "rich")}
    (site / "others.pth").write_text("\n".join(sorted(others)))
    scripts = folder / "env" / "bin"
    (scripts / "pip").write_text(f'#!/bin/bash\n{scripts}/python -m pip "$1" {OFFLINE} "${{@:2}}"\n')
    (scripts / "pip").chmod(0o755)
    source = wheel.source_tree(folder / "source")
    done = subprocess.run([scripts / "pip", "install", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    mine = {k: v for k, v in os.environ.items() if not k.startswith(("BRIANPRESYN_", "PYTHON"))}
    path = os.pathsep.join([str(scripts), os.environ["PATH"]])
    return mine | {"PATH": path, "BRIANPRESYN_CACHE": str(folder / "cache"), "COLUMNS": "200"}


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_data_set_is_added_from_outside(installed, tmp_path):
    (tmp_path / "my_lab.py").write_text("\n".join(blocks("add_a_data_set.md", "python")), encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(blocks("add_a_data_set.md", "toml")[0], encoding="utf-8")
    put, use, install = blocks("add_a_data_set.md", "sh")
    where = run("python -c 'import validation; print(validation.__file__)'", tmp_path, installed)
    assert where.startswith(str(Path(installed["BRIANPRESYN_CACHE"]).parent))
    text = run(put + use, tmp_path, installed)
    assert re.search(rf"my_cells\s*│ yes\s*│ {re.escape(str(tmp_path))}", text) and "0.31 0.52 0.18" in text
    # Installed, it announces itself; two folders may be named.
    folders = f"export BRIANPRESYN_DATA={tmp_path / 'none'}{os.pathsep}$BRIANPRESYN_DATA\n"
    text = run(put + install.replace("brianpresyn", folders + "brianpresyn"), tmp_path, installed)
    assert re.search(r"my_cells\s*│ yes", text)
    text = run("brianpresyn data fetch my_cells 2>&1 || true", tmp_path, installed)
    assert "It is not downloaded: ask the lab for it. Set BRIANPRESYN_DATA" in " ".join(text.split())


@pytest.mark.slow
def test_a_claim_is_added_from_outside(installed, tmp_path):
    (tmp_path / "my_claims.py").write_text("\n".join(blocks("add_a_claim.md", "python")), encoding="utf-8")
    (script,) = blocks("add_a_claim.md", "sh")
    text = run(script, tmp_path, installed)
    assert "holds here" in text and "LAB1" in text
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "A synapse with more sites fails less often" in page


@pytest.mark.slow
def test_a_synapse_is_added_to_the_package(tmp_path):
    wheel.source_tree(tmp_path)
    for folder in ("tests/brianpresyn", "tests/docs", "docs/api"):
        shutil.copytree(wheel.ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (module,) = blocks("add_a_synapse.md", "python")
    (test,) = re.findall(
        r"test_saturation.py\n\n(.*?)```", (HOW_TO / "add_a_synapse.md").read_text(), re.DOTALL
    )
    (tmp_path / "brianpresyn/saturation.py").write_text(module, encoding="utf-8")
    (tmp_path / "tests/brianpresyn/test_saturation.py").write_text(test, encoding="utf-8")
    added = {
        "brianpresyn/__init__.py": {
            "if TYPE_CHECKING:\n": "    from brianpresyn.saturation import saturating_release\n",
            "__all__ = [\n": '    "saturating_release",\n',
        },
        "docs/api/brianpresyn.rst": {"   quantal_release\n": "   saturating_release\n"},
        "tests/brianpresyn/argument_examples.py": {"EXAMPLES = {\n": '    "saturation": lambda: 0.5,\n'},
    }
    for name, lines in added.items():
        text = (tmp_path / name).read_text(encoding="utf-8")
        for behind, line in lines.items():
            text = text.replace(behind, behind + line, 1)
        (tmp_path / name).write_text(text, encoding="utf-8")
    tests = "tests/brianpresyn/test_saturation.py tests/docs/test_reference.py brianpresyn/saturation.py"
    text = run(
        f"{sys.executable} -m pytest -q -p no:cacheprovider -k 'saturat and not targets' {tests}",
        tmp_path,
        os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert " passed" in text and "failed" not in text
