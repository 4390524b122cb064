"""Build the wheel, install it into clean environments, and try it there: ``python -m tests.wheel``.

Every supported Python that is found (on the PATH, or by pyenv) gets an environment of its own with the core
dependencies only, outside of the checkout. Printed: size of the wheel, of the package and of all that is
installed with it, how long its imports take, and how long the three beginnings of the README take a newcomer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("biophys", "brianpresyn", "rate_models", "validation")
SUPPORTED = ("3.11", "3.12", "3.13")
LARGEST_WHEEL = 1_000_000

# Run by the clean interpreter, in an empty folder.
TRIAL = """
import importlib.util, json, subprocess, sys, time

assert importlib.util.find_spec("torch") is None, "the core must not need torch"
seconds = {}
for package in ("biophys", "brianpresyn"):
    code = f"import time, {package}; print(time.process_time())"
    command = [sys.executable, "-c", code]
    seconds[package] = min(float(subprocess.check_output(command)) for _ in range(4))

import brianpresyn
assert brianpresyn.test(["numpy"]), "release models disagree with their moments"

from validation.cli import exit_code_of
assert exit_code_of(["validate", "--claims", "M02,S21", "--out", "report", "--jobs", "1", "--strict"]) == 0
assert exit_code_of(["costs"]) == 0

import brian2, numpy
print(json.dumps({"brian2": brian2.__version__, "numpy": numpy.__version__, "import": seconds}))
"""

TEN_MINUTES = 600
BEGINNINGS = {
    "a network with failures and its bill": (("python", "network_with_failures.py"),),
    "a fit of a table": (
        ("python", "fit_of_a_table.py"),
        ("brianpresyn", "fit", "--example", "my.csv"),
        ("brianpresyn", "fit", "my.csv", "--dynamics=depletion", "--cv-within=0.3", "--report", "my.html"),
    ),
    "a torch model with release": (
        ("pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), "{wheel}[rate]"),
        ("python", "model_with_release.py"),
    ),
}
"""What a newcomer types in a new environment after installing the wheel, by what comes out."""


def source_tree(folder: Path) -> Path:
    """Copy what the wheel is built from, free of what earlier builds left."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder)
    return folder


def built_wheel(folder: Path) -> Path:
    """Build the wheel and return it."""
    source = source_tree(folder / "source")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def checked_content(wheel: Path) -> int:
    """Return the unpacked size after checking that the wheel holds the packages and nothing else."""
    if wheel.stat().st_size >= LARGEST_WHEEL:
        raise SystemExit(f"the wheel has {wheel.stat().st_size} bytes, {LARGEST_WHEEL} or more")
    files = zipfile.ZipFile(wheel).infolist()
    tops = {info.filename.split("/")[0] for info in files}
    foreign = {top for top in tops if top not in PACKAGES and not top.endswith(".dist-info")}
    if foreign or not set(PACKAGES) <= tops:
        raise SystemExit(f"the wheel holds {', '.join(sorted(tops))}")
    names = {info.filename for info in files}
    stubs = (f"brianpresyn/{package}/__init__.pyi" for package in PACKAGES if package != "brianpresyn")
    typed = (f"{package}/py.typed" for package in PACKAGES)
    for needed in (*typed, *stubs, "validation/templates/report.html"):
        if needed not in names:
            raise SystemExit(f"{needed} is missing from the wheel")
    return sum(info.file_size for info in files)


def interpreters() -> dict[str, str]:
    """Return the supported Pythons of this machine by version."""
    found = {}
    for version in SUPPORTED:
        by_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
        candidates = [*map(str, by_pyenv[-1:]), shutil.which(f"python{version}")]
        # A shim of pyenv lies on the PATH also where the version behind it is not chosen.
        running = [path for path in candidates if path and _runs(path)]
        found.update({version: running[0]} if running else {})
    return found


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", "import ensurepip"], capture_output=True).returncode == 0


def tried(python: str, wheel: Path) -> dict:
    """Return what the trial in a clean environment of this Python found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([python, "-m", "venv", str(folder / "env")], check=True)
        clean = folder / "env" / "bin" / "python"
        started = time.perf_counter()
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        subprocess.run(
            [str(clean), "-m", "pip", "install", "--quiet", *constraints, str(wheel)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        installed = time.perf_counter() - started
        (folder / "try").mkdir()
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [str(clean), "-c", TRIAL], cwd=folder / "try", capture_output=True, text=True, env=environment
        )
        if done.returncode:
            raise SystemExit(f"{python}:\n{done.stdout}\n{done.stderr}")
        size = sum(path.stat().st_size for path in (folder / "env").rglob("*") if path.is_file())
        shutil.copytree(ROOT / "docs" / "examples" / "start", folder / "try", dirs_exist_ok=True)
        minutes = {name: minutes_of(steps, folder, wheel, environment) for name, steps in BEGINNINGS.items()}
        seen = json.loads(done.stdout.splitlines()[-1])
        return seen | {"seconds": installed, "bytes": size, "minutes": minutes}


def minutes_of(steps: tuple[tuple[str, ...], ...], folder: Path, wheel: Path, environment: dict) -> float:
    """Return what a newcomer's steps take; infinite where torch is not to be had for this Python."""
    started = time.perf_counter()
    for program, *arguments in steps:
        command = [str(folder / "env" / "bin" / program), *(each.format(wheel=wheel) for each in arguments)]
        done = subprocess.run(
            command,
            cwd=folder / "try",
            capture_output=True,
            text=True,
            env=environment | {"MPLBACKEND": "agg"},
            timeout=TEN_MINUTES,
        )
        if done.returncode and program == "pip" and "torch" in done.stderr:
            return float("inf")
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}")
    return (time.perf_counter() - started) / 60


def main() -> None:
    """Build, install, try, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pythons", default=",".join(SUPPORTED), help="versions to try, by commas")
    wanted = parser.parse_args().pythons.split(",")
    with tempfile.TemporaryDirectory() as folder:
        wheel = built_wheel(Path(folder))
        unpacked = checked_content(wheel)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, unpacked {unpacked / 1e6:.2f} MB")
        found = interpreters()
        for version in wanted:
            if version not in found:
                print(f"Python {version}: not on this machine")
                continue
            trial = tried(found[version], wheel)
            imports = ", ".join(f"{name} {value:.2f} s of CPU" for name, value in trial["import"].items())
            size = (
                f"{trial['bytes'] / 1e6:.0f} MB with all dependencies, installed in {trial['seconds']:.0f} s"
            )
            with_versions = f"works with brian2 {trial['brian2']}, numpy {trial['numpy']}"
            print(f"Python {version}: {with_versions}; {size}; import {imports}", flush=True)
            for name, minutes in trial["minutes"].items():
                print(f"  {name}: {minutes:.1f} min", flush=True)


if __name__ == "__main__":
    main()
