"""The scripts that open as notebooks in a browser become notebooks that a reader can follow."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "docs" / "examples" / "start").glob("*.py"))


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "docs" / "examples" / "start", folder / "docs" / "examples" / "start")
    paths = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    if not shutil.which("sphinx_gallery_py2jupyter", path=paths):
        pytest.skip("needs sphinx-gallery")
    command = ["bash", str(ROOT / ".binder" / "postBuild")]
    subprocess.run(command, check=True, cwd=folder, env=os.environ | {"PATH": paths})
    files = (folder / "docs" / "examples" / "start").glob("*.ipynb")
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def test_every_script_becomes_a_notebook(notebooks):
    assert set(notebooks) == {script.stem for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_notebook_opens_with_its_title_and_has_no_output(notebooks, script):
    cells = notebooks[script.stem]["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "markdown")
    title = script.read_text(encoding="utf-8").splitlines()[1]
    assert title in "".join(first["source"])
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 3
    assert not any(cell["outputs"] for cell in code)


def test_readme_leads_to_each_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"mybinder\.org/\S*labpath=(\S+)\.ipynb\)", readme)
    assert sorted(linked) == [script.relative_to(ROOT).with_suffix("").as_posix() for script in SCRIPTS]
