"""Where groups are computed; the sweeps of test_sweep.py run on every kind."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from biophys.sweeps.executors import (
    DaskCluster,
    LocalProcesses,
    ThisProcess,
    executor_for,
    executor_or_default,
)
from tests.programs import wait_until

# No answer of a cluster takes as long on whatever machine: what does is a fault, not a slow machine.
_LONGEST = 300


def test_executors_name_wrong_numbers():
    assert ThisProcess().n_workers == 1
    assert LocalProcesses().n_workers >= 1
    with pytest.raises(ValueError, match="got -1"):
        LocalProcesses(-1)


def test_command_lines_choose_an_executor():
    assert executor_for(n_processes=3) == LocalProcesses(3)
    assert executor_for("tcp://10.0.0.1:8786", n_processes=3) == DaskCluster("tcp://10.0.0.1:8786")


def test_none_is_this_process_and_a_number_is_no_executor():
    assert executor_or_default(None) == ThisProcess()
    with pytest.raises(TypeError, match=r"biophys\.sweeps\.executors, such as LocalProcesses\(4\), got 4"):
        executor_or_default(4)


@pytest.fixture
def dask_cluster(tmp_path):
    """Address of a scheduler, and the ids of it and its worker: no nanny starts another when it is killed."""
    distributed = pytest.importorskip("distributed")
    file, silent = tmp_path / "scheduler.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler, worker = (
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options], cwd=tmp_path, **silent
        )
        for kind, options in (
            ("scheduler", ("--port", "0", "--no-dashboard", "--scheduler-file", str(file))),
            ("worker", ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--scheduler-file", str(file))),
        )
    )
    wait_until(lambda: file.is_file() and file.read_text().endswith("}"))
    address = json.loads(file.read_text())["address"]
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=_LONGEST)
    yield address, {"scheduler": scheduler.pid, "worker": worker.pid}
    for process in (worker, scheduler):
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("killed", "problem"),
    [("worker", r"has had no worker for 0\.5 s"), ("scheduler", "does not answer any more")],
)
def test_a_cluster_that_was_killed_is_not_waited_for_for_ever(dask_cluster, tmp_path, killed, problem):
    address, pids = dask_cluster
    is_received, said = tmp_path / "received", []

    def group_that_kills(group, pid):
        while group == [2]:
            # A worker takes with it what was not yet fetched.
            if is_received.exists():
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        return group

    def collect():
        try:
            for result in DaskCluster(address, patience=0.5).results(
                group_that_kills, [[1], [2]], pids[killed]
            ):
                said.append(result)
                is_received.touch()
        except RuntimeError as error:
            said.append(str(error))

    # A fault of what is tested must not keep the tests waiting.
    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(_LONGEST)
    assert not thread.is_alive()
    assert said[0] == (0, [1])
    assert re.fullmatch(rf"the cluster at {address} {problem}: 1 of 2 groups are done and kept; .*", said[1])
