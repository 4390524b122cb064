"""Where groups are computed; the sweeps of test_sweep.py run on every kind."""

import os
import signal
import time

import pytest

from biophys.sweeps.executors import (
    DaskCluster,
    LocalProcesses,
    ThisProcess,
    executor_for,
    executor_or_default,
)


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


def first_only(group, execution):
    """Compute the first group, and never end with another."""
    if group != [1]:
        time.sleep(600)
    return group


@pytest.mark.slow
def test_a_cluster_whose_last_worker_was_killed_is_not_waited_for_for_ever():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        executor = DaskCluster(cluster.scheduler_address, patience=0.5)
        results = executor.results(first_only, [[1], [2]], None)
        assert next(results) == (0, [1])
        (worker,) = cluster.workers.values()
        worker.auto_restart = False
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match=r"no worker for 0\.5 s: 1 of 2 groups are done and kept"):
            next(results)
