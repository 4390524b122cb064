"""The commands in surroundings that no developer has: what they need is there, or they say what is not."""

import json
import os
import resource
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parent.parent

COSTS = ["costs", "--figure", "out/costs.svg"]
EXAMPLE = ["fit", "--example", "out/my.csv"]
VALIDATE = ["validate", "--claims", "M02", "--jobs", "1", "--out", "out/report"]
SWEEP = [
    *(
        "sweep",
        "--set",
        "data_set=digits",
        "--set",
        "hidden_units=5",
        "--set",
        "n_epochs=1",
        "--device",
        "cpu",
    ),
    *("--over", "seed=1,2", "--processes", "2", "--out", "out/sweep"),
]
MADE = [
    "out/costs.svg",
    "out/my.csv",
    "out/report/claims.json",
    "out/report/report.html",
    "out/sweep/result/sweep.nc",
]

# Several commands in one interpreter: most of the time of a command is its imports.
COMMANDS = """
import json, sys
from validation.cli import main

if __name__ == "__main__":
    for arguments in json.loads(sys.argv[1]):
        try:
            main(arguments)
        except SystemExit as end:
            print("ended with", end.code, flush=True)
"""
SPIKES = """
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, ms
from brianpresyn import bernoulli_release, synapses
from brianpresyn.targets import code_generation
import sys

with code_generation(sys.argv[1]):
    source = SpikeGeneratorGroup(1, [0] * 20, range(1, 21) * ms)
    target = NeuronGroup(1, "v : 1")
    connection = synapses(source, target, bernoulli_release(1.0, q=1.0), connect=True, seed=1)
    Network(source, target, connection).run(25 * ms)
    print("released", float(target.v[0]))
"""


def started(program, *arguments, folder, changes=(), mounts="", **options):
    """Run a program in a folder, with changes of the environment (None removes) and of what is mounted."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    environment |= dict(changes)
    (folder / "program.py").write_text(textwrap.dedent(program))
    command = [sys.executable, "program.py", *arguments]
    if mounts:
        command = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", *command]
    return subprocess.run(
        command,
        cwd=folder,
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
        errors="replace",
        **options,
    )


def ends(done):
    """Return the exit codes of the commands and their errors, after checking that none of these is raw."""
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    assert done.returncode == 0, done.stderr[-3000:]
    codes = [line.split()[-1] for line in done.stdout.splitlines() if line.startswith("ended with")]
    return codes, [line for line in done.stderr.splitlines() if line.startswith("error:")]


def run(folder, *commands, **surroundings):
    (folder / "out").mkdir(exist_ok=True)
    return ends(started(COMMANDS, json.dumps(commands), folder=folder, **surroundings))


@pytest.fixture
def can_mount():
    """Skip where a process may not have mounts of its own."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "--mount", "true"]).returncode:
        pytest.skip("no mounts of its own")


def _few_file_handles():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


# What is fine together is fine alone: a run of all commands takes a dozen seconds of processor time.
@pytest.mark.skipif(os.name != "posix", reason="umask, file handles")
@pytest.mark.parametrize(
    ("changes", "options"),
    [
        pytest.param(
            # Nobody can make a folder below /proc, whatever the rights.
            {
                "PYTHONIOENCODING": "ascii",
                "LC_ALL": "C",
                **dict.fromkeys(("HOME", "XDG_CACHE_HOME"), "/proc/0"),
            },
            {"umask": 0o077},
            id="ascii, a closed HOME, umask 077",
        ),
        pytest.param(
            {"PYTHONIOENCODING": "cp1252", "HOME": None, "USER": None, "LOGNAME": None},
            {"preexec_fn": _few_file_handles},
            id="cp1252, no HOME, 64 file handles",
        ),
    ],
)
def test_commands_work_in_folders_with_spaces_and_umlauts_and(tmp_path, changes, options):
    folder = tmp_path / "mäßig großer Ordner"
    temporary = folder / "t mp ü"
    temporary.mkdir(parents=True)
    changes = {**changes, "TMPDIR": str(temporary)}
    codes, errors = run(folder, COSTS, EXAMPLE, VALIDATE, SWEEP, ["info"], changes=changes, **options)
    assert (codes, errors) == (["0"] * 5, [])
    assert [name for name in MADE if not (folder / name).is_file()] == []
    assert list(temporary.glob("brianpresyn*")) == []
    if "umask" in options:
        made = [path for path in (folder / "out").rglob("*") if path.is_file()]
        assert [path for path in made if path.stat().st_mode & 0o077] == []


@pytest.mark.slow
@pytest.mark.standalone
def test_programs_are_built_in_folders_with_spaces_and_umlauts(tmp_path):
    folder = tmp_path / "mäßig großer Ordner"
    folder.mkdir()
    done = started(SPIKES, "cpp_standalone", folder=folder, changes={"TMPDIR": str(folder)})
    assert "released 20.0" in done.stdout, done.stderr[-3000:]


def test_a_clock_that_goes_back_confuses_nothing(tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    # Every look at the clock shows an hour earlier than the one before.
    (site / "sitecustomize.py").write_text(
        "import itertools, time\nnow, hours = time.time(), itertools.count()\n"
        "time.time = lambda: now - 3600.0 * next(hours)\n"
    )
    changes = {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    assert run(tmp_path, VALIDATE, SWEEP, changes=changes) == (["0"] * 2, [])
    groups = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "sweep").glob("*.nc")}
    assert groups
    # What was stored is of tomorrow, and is used all the same.
    for path in groups:
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 86_400 * 10**9))
    groups = {path: path.stat().st_mtime_ns for path in groups}
    assert run(tmp_path, [*SWEEP, "--processes", "1"], VALIDATE) == (["0"] * 2, [])
    assert {path: path.stat().st_mtime_ns for path in groups} == groups


@pytest.mark.parametrize(
    "command",
    [
        ["costs", "--figure", "{}/costs.svg"],
        ["costs", "--map", "{}/map.svg"],
        ["fit", "--example", "{}/my.csv"],
        ["validate", "--claims", "M02", "--out", "{}/report"],
        ["sweep", "--over", "seed=1", "--out", "{}/sweep"],
        ["ann", "linear", "--out", "{}/results"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_folders_that_cannot_be_written_are_named(tmp_path, capfd, command):
    from validation.cli import exit_code_of

    closed = "/proc/closed"
    assert exit_code_of([argument.format(closed) for argument in command]) == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert said[-1].startswith("error:") and closed in said[-1]


def test_a_folder_mounted_read_only_is_named_before_anything_is_measured(tmp_path, can_mount):
    closed = tmp_path / "closed"
    closed.mkdir()
    mounts = f'mount --bind "{closed}" "{closed}" && mount -o remount,ro,bind "{closed}"'
    commands = [[*each[:-1], f"closed/{each[0]}"] for each in (COSTS, EXAMPLE, VALIDATE, SWEEP)]
    codes, errors = run(tmp_path, *commands, mounts=mounts)
    assert codes == ["2"] * 4
    assert len(errors) == 4 and all("closed" in error and "ead-only" in error for error in errors)


# One sweep is stored; the next finds no room, and does its work once there is some.
FILLED = """
import errno, os, sys
from pathlib import Path
from validation.cli import exit_code_of

def fill(free):
    with open("out/ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        ballast.truncate(ballast.tell() - free)

if __name__ == "__main__":
    first, both, report = (argument.split("|") for argument in sys.argv[1:])
    print("ended with", exit_code_of(first))
    stored = {path: path.stat().st_mtime_ns for path in Path("out/sweep").glob("*.nc")}
    assert stored
    for free in (0, 4096):  # nothing; a group, and not the result of all
        fill(free)
        print("ended with", exit_code_of(both))
    print("ended with", exit_code_of(report))
    assert not list(Path("out").rglob(".*.*"))
    os.unlink("out/ballast")
    print("ended with", exit_code_of(both))
    assert all(path.stat().st_mtime_ns == written for path, written in stored.items())
"""


def test_on_a_full_disk_nothing_is_lost(tmp_path, can_mount):
    (tmp_path / "out").mkdir()
    (tmp_path / "t").mkdir()
    first = [each.replace("seed=1,2", "seed=1") for each in SWEEP]
    done = started(
        FILLED,
        *("|".join(each) for each in (first, SWEEP, VALIDATE)),
        folder=tmp_path,
        changes={"TMPDIR": str(tmp_path / "t")},
        mounts="mount -t tmpfs -o size=2m none out",
    )
    codes, errors = ends(done)
    assert codes == ["0", "2", "2", "0", "0"], done.stderr
    assert "cannot store a finished group in out/sweep: the disk is full" in errors[0]
    assert "out/sweep" in errors[1] and ("the disk is full" in errors[1] or "No space left" in errors[1])
    assert "No space left on device" in errors[2]
    (elsewhere,) = (tmp_path / "t").glob("brianpresyn-report-*")
    assert str(elsewhere) in errors[2] and f"report: {elsewhere}" in done.stdout
    assert {"report.html", "claims.json"} <= {path.name for path in elsewhere.iterdir()}


def test_without_shared_memory_processes_are_refused_clearly_and_nothing_else(tmp_path, can_mount):
    alone = [*SWEEP, "--processes", "1"]
    mounts = "mount -t tmpfs -o ro,size=4k none /dev/shm"
    codes, errors = run(tmp_path, SWEEP, alone, mounts=mounts)
    assert codes == ["2", "0"]
    assert len(errors) == 1 and "/dev/shm" in errors[0] and "one process" in errors[0]


def test_without_a_compiler_spikes_are_computed_by_numpy_and_programs_are_refused_clearly(tmp_path):
    changes = {"PATH": "/nonexistent", "CC": None, "CXX": None, "HOME": str(tmp_path)}
    done = started(SPIKES, "numpy", folder=tmp_path, changes=changes)
    assert "released 20.0" in done.stdout, done.stderr
    done = started(SPIKES, "cpp_standalone", folder=tmp_path, changes=changes)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "compiler" in last and "numpy" in last
    assert run(tmp_path, ["info"], changes=changes) == (["0"], [])
