"""Finished groups on disk; what a sweep makes of damaged and foreign ones is in test_sweep.py."""

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr

from biophys.sweeps.groups import KeptReplicas
from biophys.sweeps.store import SweepStore, replica_key


@dataclass(frozen=True)
class Execution:
    dtype: str = "float64"


def squares(group, execution):
    return xr.Dataset({"square": ("replica", np.array([each["x"] ** 2.0 for each in group]))})


def test_what_is_added_is_found_by_its_settings(tmp_path):
    group = [{"x": 3}, {"x": 4}]
    SweepStore(tmp_path, squares, Execution()).add(group, squares(group, None))
    found = SweepStore(tmp_path, squares, Execution()).finished()
    assert {key: float(one.square) for key, one in found.items()} == {
        replica_key(each): each["x"] ** 2.0 for each in group
    }


def test_a_result_of_the_wrong_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match="group of 2 needs the dimension replica"):
        SweepStore(tmp_path, squares, Execution()).add([{"x": 1}, {"x": 2}], squares([{"x": 1}], None))


def test_a_dimension_without_entries_is_refused_instead_of_written_unreadably(tmp_path):
    empty = xr.Dataset({"x": (("replica", "spike"), np.zeros((1, 0)))})
    with pytest.raises(ValueError, match="no dimension without entries"):
        SweepStore(tmp_path, squares, Execution()).add([{"x": 1}], empty)


def test_settings_are_one_text_whatever_their_order():
    assert replica_key({"a": np.int64(1), "b": "x"}) == replica_key({"b": "x", "a": 1})
    with pytest.raises(TypeError, match="numbers, text or truth values, got object"):
        replica_key({"a": object()})


def unfinished(folder, host, process):
    path = folder / f".unfinished-{host}-{process}-0"
    path.write_bytes(b"half a group")
    return path


def test_only_what_the_dead_left_unfinished_is_removed(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = unfinished(tmp_path, socket.gethostname(), child.pid)
    alive = unfinished(tmp_path, socket.gethostname(), os.getpid())
    elsewhere = unfinished(tmp_path, "another-host", child.pid)
    long_ago = unfinished(tmp_path, "another-host", 1)
    os.utime(long_ago, (time.time() - 10 * 86400,) * 2)
    SweepStore(tmp_path, squares, Execution())
    assert [path.exists() for path in (dead, alive, elsewhere, long_ago)] == [False, True, True, False]


@pytest.mark.skipif(os.name != "posix", reason="umask")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_files_have_the_rights_that_the_umask_leaves(tmp_path, umask):
    before = os.umask(umask)
    try:
        path = SweepStore(tmp_path, squares, Execution()).add([{"x": 3}], squares([{"x": 3}], None))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.skipif(os.name != "posix", reason="locks of files")
def test_a_second_sweep_waits_and_uses_what_the_first_one_stored(tmp_path):
    configurations, calls, has_begun, may_end = [{"x": 3}, {"x": 4}], [], threading.Event(), threading.Event()

    def slow(group, execution):
        calls.append(group)
        has_begun.set()
        assert may_end.wait(60)
        return squares(group, execution)

    def sweep():
        kept = KeptReplicas(tmp_path, squares, Execution())
        return kept.found(configurations, configurations, slow, group_size=2)

    first = threading.Thread(target=sweep)
    first.start()
    assert has_begun.wait(60)
    with pytest.warns(UserWarning, match="another sweep works in .*: waiting until it ends"):
        second = SweepStore(tmp_path, squares, Execution())
        threading.Timer(0.1, may_end.set).start()
        with second.alone() as has_waited:
            assert has_waited
            assert len(second.finished()) == 2
    first.join()
    assert [float(one.square) for one in sweep()] == [9.0, 16.0]
    assert len(calls) == 1
