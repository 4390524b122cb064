"""Where groups are computed; the sweeps of test_sweep.py run on every kind."""

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
