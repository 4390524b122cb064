"""Nothing in the packages runs what a file or the network brings."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from validation.data.datastore import DATA_SETS

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    path
    for package in ("biophys", "brianpresyn", "rate_models", "validation")
    for path in (ROOT / package).rglob("*.py")
)
UNPICKLERS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
# Calls that can unpickle a file, and the argument that forbids it: numpy's default, torch's only since 2.6.
LOADERS = {"torch.load": ("weights_only", True), "numpy.load": ("allow_pickle", False)}
# Equations of the user's own synapses, which Brian2 runs all the same.
ALLOWED = {
    "brianpresyn/energy.py": ["eval"],
    # A number given as text, without any names.
    "brianpresyn/domains.py": ["eval"],
    # Only tries whether a function can be sent to another process.
    "brianpresyn/spike_sweeps.py": ["pickle"],
}
RUNS_TEXT = {"eval", "exec", "compile", "pandas.read_pickle", "yaml.load", "os.system", "os.popen"}
NICKNAMES = {"np": "numpy", "pd": "pandas", "xr": "xarray"}


def dotted(node: ast.AST) -> str:
    """Return the name of what is called, with the package's full name."""
    if isinstance(node, ast.Name):
        return NICKNAMES.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def dangers(source: str) -> list[str]:
    """Return what in a source file could run what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in UNPICKLERS]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNPICKLERS:
            found.append(node.module)
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            argument, safe = LOADERS.get(name, ("allow_pickle", False))
            unsaid = None if name == "torch.load" else safe
            if name in RUNS_TEXT or given.get("shell") is True or given.get(argument, unsaid) is not safe:
                found.append(name)
    return found


def test_no_file_of_the_packages_runs_what_it_reads():
    assert len(FILES) > 100
    found = {str(path.relative_to(ROOT)): dangers(path.read_text()) for path in FILES}
    wrong = {name: calls for name, calls in found.items() if calls and calls != ALLOWED.get(name)}
    assert not wrong


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "subprocess.run(text, shell=True)",
        "eval(text)",
    ],
)
def test_danger_is_seen(source):
    assert dangers(source)


@pytest.mark.parametrize(
    "source",
    ["np.load(path)", "np.load(path, allow_pickle=False)", "torch.load(path, weights_only=True)", "m.eval()"],
)
def test_what_is_safe_is_let_pass(source):
    assert not dangers(source)


def test_downloads_are_by_https_and_hash_only():
    files = [file for data_set in DATA_SETS.values() for file in data_set.files if file.urls]
    assert files
    assert files
    for file in files:
        assert len(file.sha256) == 64
        assert file.urls and all(url.startswith("https://") for url in file.urls)


def test_nothing_is_fetched_but_by_the_datastore():
    fetchers = {"urllib.request", "requests", "http.client", "ftplib", "pooch", "torch.hub"}
    wrong = {}
    for path in FILES:
        tree = ast.parse(path.read_text())
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0}
        if names & fetchers and path.name != "datastore.py":
            wrong[str(path.relative_to(ROOT))] = sorted(names & fetchers)
    assert not wrong


def test_templates_of_the_report_escape_and_load_nothing():
    import re

    for template in (ROOT / "validation" / "templates").iterdir():
        text = template.read_text(encoding="utf-8")
        assert "|safe" not in text.replace(" ", "")
        assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)


@pytest.mark.slow
def test_false_alarms_are_counted_beside_threads_of_torch(tmp_path):
    """Forks of a process in which OpenMP has threads would wait for them for ever."""
    kept = tmp_path / "offsets.jsonl"
    command = [sys.executable, "-m", "tests.false_alarms", "--seeds", "2", "--keep", str(kept)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [*command, "tests/rate_models/test_draws.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["offset"] for line in kept.read_text().splitlines()] == [1, 2]
    assert "false alarms in" in done.stdout


def test_no_test_is_ended_by_a_clock():
    """On a busy machine a limit of any number of seconds fails what works."""
    limits = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        programs = [call for call in calls if dotted(call.func).startswith("subprocess.")]
        if given := [call.lineno for call in programs if any(k.arg == "timeout" for k in call.keywords)]:
            limits[str(path.relative_to(ROOT))] = given
    assert not limits
