"""Kill what works at random moments, start it again, and see that nothing was lost: ``make kill-tests``.

Every job runs once undisturbed. Then it is started and killed, after at least one new result was stored,
until it has come to its end, again and again until it was killed as often as asked: by SIGKILL, SIGTERM and
SIGINT, to the parent alone and to its group. Counted is what must not be: stored results that changed or were
computed again, processes and temporary files that were left, results that differ from the undisturbed ones.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from tests.programs import processes_of, wait_until

ROOT = Path(__file__).resolve().parent.parent
SIGNALS = tuple(itertools.product(("SIGKILL", "SIGTERM", "SIGINT"), ("parent", "group")))

# What is computed is noted; workers import this too.
_NOTE = """
import os, sys
def note(text):
    with open(os.environ["COMPUTED"], "a") as file:
        file.write(text + "\\n")
"""
# The energy experiment at full size, made small; the command line otherwise as it is.
_SMALL = f"""{_NOTE}
import dataclasses
from rate_models.experiments import energy_efficiency, network_measures
from validation import cli, runs

small = dataclasses.replace(
    energy_efficiency.QUICK, models=("soft_bound", "deterministic"), l2=(0.0, 0.01), seeds=(1, 2),
    hidden_units=(12, 10), n_epochs=3, evaluate_every=3, n_samples=2, n_lesion_samples=1,
    step_factors=(), scanned_p=(), networks_per_batch=1,
)
runs.configuration = lambda *_: small
runs.cpu_hours = lambda *_, **__: 0.0
train = network_measures.train

def noted(specs, *arguments, **options):
    for spec in specs:
        note(f"{{spec.program}} {{spec.l2}} {{spec.seed}}")
    return train(specs, *arguments, **options)

network_measures.train = noted
if __name__ == "__main__":
    cli.main(sys.argv[1:])
"""
_SWEEP = f"""{_NOTE}
from rate_models.experiments import network_sweep
from validation import cli

train = network_sweep.train_group

def train_group(group, execution):
    for settings in group:
        note(str(settings["seed"]))
    return train(group, execution)

train_group.__module__, train_group.__qualname__ = train.__module__, train.__qualname__
network_sweep.train_group = train_group
if __name__ == "__main__":
    cli.main(sys.argv[1:])
"""
_SPIKES = f"""{_NOTE}
import signal, time
from brian2 import Network, NeuronGroup, SpikeMonitor, ms
from brianpresyn import SpikingRun, sweep_spikes
from biophys.sweeps.executors import executor_for

def build(seed):
    note(str(seed))
    cells = NeuronGroup(1, "dv/dt = (1 + seed) / (5*ms) : 1", threshold="v > 1", reset="v = 0",
                        namespace={{"seed": seed}}, method="euler")
    spikes = SpikeMonitor(cells)
    network = Network(cells, spikes)
    return SpikingRun(lambda: network.run(100*ms), lambda: {{"n_spikes": spikes.num_spikes}})

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    result = sweep_spikes(build, {{"seed": range(8)}}, "stored", target="numpy",
                          executor=executor_for(None, int(sys.argv[1])))
    result.to_netcdf("result.nc", engine="scipy")
"""
_SEARCH = f"""{_NOTE}
import json, signal, time
from pathlib import Path
from rate_models.random_search import Interval, search

def measure(batch):
    for setting in batch:
        note(repr(setting["x"]))
        time.sleep(0.2)
    return [-abs(setting["x"] - 0.3) for setting in batch]

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    kept = {{"storage": "sqlite:///study.db", "name": "x"}}
    trials = search({{"x": Interval(0, 1)}}, measure, 8, seed=1, at_once=1, **kept)
    Path("result.json").write_text(json.dumps([trials.settings, trials.scores]))
"""
_REPORT = "import sys\nfrom validation import cli\n\nif __name__ == '__main__':\n    cli.main(sys.argv[1:])\n"


def _replicas(pattern: str) -> Callable[[Path], dict[str, int]]:
    """Return what counts the replicas in each stored file."""

    def stored(folder: Path) -> dict[str, int]:
        files = {str(path.relative_to(folder)): path for path in folder.glob(pattern)}
        return {
            name: len(json.loads(xr.load_dataset(path.read_bytes(), engine="scipy").attrs["settings"]))
            for name, path in files.items()
        }

    return stored


def _trials(folder: Path) -> dict[str, int]:
    if not (folder / "study.db").is_file():
        return {}
    with sqlite3.connect(folder / "study.db", timeout=600) as study:
        try:
            rows = study.execute("SELECT number FROM trials WHERE state = 'COMPLETE'").fetchall()
        except sqlite3.OperationalError:  # not yet made
            return {}
    return {str(number): 1 for (number,) in rows}


def _netcdf(pattern: str, *, rtol: float = 0.0) -> Callable[[Path, Path], bool]:
    """Return what compares the results in two folders; batches of other sizes round otherwise."""

    def equal(folder: Path, other: Path) -> bool:
        pairs = [sorted(each.glob(pattern)) for each in (folder, other)]
        if [len(paths) for paths in pairs] != [1, 1]:
            return False
        first, second = (xr.load_dataset(path.read_bytes(), engine="scipy") for (path,) in pairs)
        names = [name for name in first.data_vars if "seconds" not in str(name)]
        try:
            xr.testing.assert_allclose(first[names], second[names], rtol=rtol, atol=rtol)
        except AssertionError:
            return False
        return True

    return equal


def _same_text(name: str) -> Callable[[Path, Path], bool]:
    return lambda folder, other: (folder / name).read_text() == (other / name).read_text()


def _same_claims(folder: Path, other: Path) -> bool:
    claims, others = (json.loads((each / "report" / "claims.json").read_text()) for each in (folder, other))
    return claims["measurements"] == others["measurements"] and (folder / "report" / "report.html").is_file()


@dataclass(frozen=True)
class Job:
    """Something that works for a while, and stores what it has done.

    Parameters
    ----------
    program
        Source of the program.
    arguments
        Its arguments; ``{n}`` stands for the number of processes.
    stored
        Returns the stored pieces of work in a folder, and of how many units each.
    is_equal
        Compares the results in two folders.
    processes
        Numbers of processes that it can use.
    """

    program: str
    arguments: tuple[str, ...]
    stored: Callable[[Path], dict[str, int]]
    is_equal: Callable[[Path, Path], bool]
    processes: tuple[int, ...] = (1, 2)

    def start(self, folder: Path, n_processes: int) -> subprocess.Popen[bytes]:
        """Start it in a folder, with temporary files of its own, as the leader of a group."""
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        (folder / "program.py").write_text(self.program)
        arguments = [argument.format(n=n_processes) for argument in self.arguments]
        environment = {
            **os.environ,
            "TMPDIR": str(folder / "tmp"),
            "COMPUTED": str(folder / "computed.txt"),
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        with (folder / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "program.py", *arguments],
                cwd=folder,
                env=environment,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )


JOBS = {
    "ann": Job(
        _SMALL,
        ("ann", "energy", "--profile", "full", "--device", "cpu", "--processes", "{n}", "--out", "out"),
        _replicas("out/energy-networks/*.nc"),
        _netcdf("out/energy.nc"),
    ),
    "sweep": Job(
        _SWEEP,
        (
            *("sweep", "--set", "data_set=digits", "--set", "hidden_units=12", "--set", "n_epochs=20"),
            *("--over", "seed=1,2,3,4,5,6,7,8", "--device", "cpu", "--processes", "{n}", "--out", "out"),
        ),
        _replicas("out/*.nc"),
        _netcdf("out/result/sweep.nc", rtol=1e-3),
    ),
    "sweep_spikes": Job(_SPIKES, ("{n}",), _replicas("stored/*.nc"), _netcdf("result.nc")),
    "validate": Job(
        _SMALL,
        ("validate", "--profile", "full", "--claims", "S01", "--jobs", "{n}", "--out", "report"),
        _replicas("report/results/energy-networks/*.nc"),
        _netcdf("report/results/energy-*.nc"),
    ),
    "search": Job(_SEARCH, (), _trials, _same_text("result.json"), processes=(1,)),
    "report": Job(
        _REPORT,
        ("validate", "--claims", "M02,M07", "--jobs", "{n}", "--out", "report"),
        lambda folder: {},
        _same_claims,
    ),
}


@dataclass
class Tally:
    """What happened in the kills of one job."""

    n_kills: int = 0
    by_signal: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{n} {name}" for name, n in sorted(self.by_signal.items()))
        return f"{self.n_kills} kills ({kinds}): {'; '.join(self.wrong) or 'nothing lost'}"


def _n_computed(folder: Path) -> int:
    path = folder / "computed.txt"
    return len(path.read_text().splitlines()) if path.is_file() else 0


def kills(
    job: Job, whole: Path, folder: Path, n_processes: int, n_kills: int, rng: np.random.Generator
) -> Tally:
    """Kill a job until it comes to its end, and from the start again, `n_kills` times in all.

    Parameters
    ----------
    job
        What to kill.
    whole
        Folder of an undisturbed run.
    folder
        Where to work.
    n_processes
        How many processes the job is given.
    n_kills
        How often.
    rng
        Chooses moments and signals.
    """
    tally, kinds, has_parts = Tally(), list(SIGNALS), bool(job.stored(whole))
    rng.shuffle(kinds)
    while tally.n_kills < n_kills:
        shutil.rmtree(folder, ignore_errors=True)
        n_cut_off = 0
        while True:
            before, process = job.stored(folder), job.start(folder, n_processes)
            if tally.n_kills == n_kills:
                break
            while has_parts and process.poll() is None and job.stored(folder).keys() <= before.keys():
                time.sleep(0.1)
            time.sleep(float(rng.uniform(0.0, 1.0) if has_parts else rng.uniform(1.0, 15.0)))
            if process.poll() is not None:
                break
            name, whom = kinds[tally.n_kills % len(kinds)]
            times = {path: path.stat().st_mtime_ns for each in before if (path := folder / each).is_file()}
            number = getattr(signal, name)
            process.send_signal(number) if whom == "parent" else os.killpg(process.pid, number)
            process.wait()
            tally.n_kills += 1
            tally.by_signal[f"{name} to the {whom}"] += 1
            wait_until(lambda: not processes_of(folder / "tmp"))
            after = job.stored(folder)
            if lost := before.keys() - after.keys():
                tally.wrong.append(f"lost {sorted(lost)} by {name} to the {whom}")
            if any(path.stat().st_mtime_ns != written for path, written in times.items()):
                tally.wrong.append(f"changed what was stored by {name} to the {whom}")
            n_cut_off = _n_computed(folder) - sum(after.values())
        if process.wait() != 0:
            said = (folder / "said.txt").read_text()[-300:]
            tally.wrong.append(f"ended with {process.returncode}: {said}")
            continue
        wait_until(lambda: not processes_of(folder / "tmp"))
        tally.wrong += _faults(job, whole, folder, n_cut_off)
    return tally


def _faults(job: Job, whole: Path, folder: Path, n_cut_off: int) -> list[str]:
    """Return what is wrong with a job that was killed and has come to its end."""
    faults = []
    n_units = sum(job.stored(folder).values())
    if n_units != sum(job.stored(whole).values()):
        faults.append(f"stored {n_units} instead of {sum(job.stored(whole).values())}")
    if n_units and _n_computed(folder) > n_units + n_cut_off:
        faults.append(f"computed {_n_computed(folder)}, {n_cut_off} of them cut off, for {n_units}")
    # Brian2 keeps its logs where a program did not end well.
    temporary = [path.name for path in (folder / "tmp").iterdir()]
    if left := sorted(name for name in temporary if not name.startswith("brian_")):
        faults.append(f"left {left}")
    if half := sorted(str(path) for path in folder.rglob(".*") if path.name != ".lock"):
        faults.append(f"left {half}")
    if not job.is_equal(folder, whole):
        faults.append("another result than undisturbed")
    return faults


def main() -> None:
    """Kill every job and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("jobs", nargs="*", help=f"of {', '.join(JOBS)}; by default all")
    parser.add_argument("--kills", type=int, default=100, help="of each job, over its numbers of processes")
    parser.add_argument("--seed", type=int, default=1, help="chooses moments and signals")
    options = parser.parse_args()
    rng, n_wrong = np.random.default_rng(options.seed), 0
    with tempfile.TemporaryDirectory(prefix="kill-tests-") as name:
        for job_name in options.jobs or JOBS:
            job, whole = JOBS[job_name], Path(name, job_name, "whole")
            if code := job.start(whole, 1).wait():
                said = (whole / "said.txt").read_text()[-2000:]
                sys.exit(f"{job_name} ends with {code} even undisturbed: {said}")
            for n_processes in job.processes:
                n_kills = -(-options.kills // len(job.processes))
                folder = Path(name, job_name, str(n_processes))
                tally = kills(job, whole, folder, n_processes, n_kills, rng)
                print(f"{job_name}, {n_processes} processes: {tally}", flush=True)
                n_wrong += len(tally.wrong)
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
