"""A full report that is killed at any moment goes on where it was, and loses nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from validation.archive import archived_run

ROOT = Path(__file__).parents[2]

# The command line, with the experiment's full size made small and every training noted.
PROGRAM = """
import dataclasses, sys
from rate_models.experiments import energy_efficiency, network_measures
from validation import cli, runs

small = dataclasses.replace(
    energy_efficiency.QUICK, models=("soft_bound", "deterministic"), l2=(0.0, 0.01), seeds=(1, 2),
    hidden_units=(12, 10), n_epochs=3, evaluate_every=3, n_samples=2, n_lesion_samples=1,
    step_factors=(), scanned_p=(), networks_per_batch=1,
)
runs.configuration = lambda *_: small
train = network_measures.train

def noted(specs, *arguments, **options):
    with open(sys.argv[1], "a") as file:
        file.write(f"{specs[0].program} {specs[0].l2} {specs[0].seed}\\\\n")
    return train(specs, *arguments, **options)

network_measures.train = noted
sys.exit(cli.exit_code_of(sys.argv[2:]))
"""


def _start(folder):
    command = [
        sys.executable,
        "program.py",
        "trained.txt",
        "validate",
        "--profile",
        "full",
        "--claims",
        "S01",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, "--jobs", "1", "--out", "report"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _stored(folder):
    return {path.name for path in folder.glob("report/results/energy-networks/*.nc")}


def _result(folder):
    (path,) = folder.glob("report/results/energy-*.nc")
    return archived_run(path, "energy")


@pytest.mark.slow
def test_a_full_report_killed_at_any_moment_goes_on(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
        (folder / "program.py").write_text(PROGRAM.replace("\\\\n", "\\n"))
    assert _start(whole).wait() in (0, 1)
    n_networks = len((whole / "trained.txt").read_text().splitlines())
    assert n_networks == len(_stored(whole)) == 8
    n_kills, kept = 0, set()
    rng = np.random.default_rng(1)
    while n_kills < 3:
        process = _start(killed)
        while process.poll() is None and len(_stored(killed)) <= len(kept):
            time.sleep(0.02)
        time.sleep(float(rng.uniform(0.0, 0.2)))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        n_kills += 1
        assert kept <= _stored(killed)
        kept = _stored(killed)
    assert n_kills >= 2 and len(kept) >= 2
    assert _start(killed).wait() in (0, 1)
    # A network that was in the works at a kill is trained again, no other.
    trained = (killed / "trained.txt").read_text().splitlines()
    assert len(trained) <= n_networks + n_kills and len(set(trained)) == n_networks
    assert kept <= _stored(killed) and len(_stored(killed)) == n_networks
    for name in ("accuracy", "synaptic_energy", "information"):
        np.testing.assert_array_equal(_result(killed).result[name], _result(whole).result[name])
    assert (killed / "report" / "claims.json").is_file() and (killed / "report" / "report.html").is_file()
    # Started once more, nothing is trained at all.
    assert _start(killed).wait() in (0, 1)
    assert (killed / "trained.txt").read_text().splitlines() == trained
