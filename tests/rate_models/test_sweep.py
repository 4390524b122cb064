"""Sweeps: equal results by every executor, nothing lost when a run breaks off, nothing broken trusted."""

import errno
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from biophys.sweeps.executors import DaskCluster, LocalProcesses, ThisProcess
from biophys.sweeps.groups import KeptReplicas, groups_of, swept_dataset
from biophys.sweeps.store import SweepStorageError, SweepStore
from rate_models import sweep
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.sweep import batch_size, replica_bytes, run_sweep
from tests.programs import wait_until

TOY = '''
"""A sweep that other processes can import: small networks on the digits, or a mere sleep."""
import os, signal, sys, time
from pathlib import Path
import numpy as np
import xarray as xr
from biophys.sweeps.executors import executor_for
from rate_models.sweep import run_sweep

def slow_squares(group, execution):
    time.sleep(0.2)
    with open(os.environ["SWEEP_LOG"], "a") as log:
        log.write(f"{len(group)}\\n")
    x = np.array([settings["x"] for settings in group], dtype=float)
    return xr.Dataset({"square": ("replica", x**2)})

def fragile_squares(group, execution):
    flag = Path(os.environ["SWEEP_LOG"]).with_suffix(".died")
    if group[0]["x"] == 2 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return slow_squares(group, execution)

if __name__ == "__main__":
    import sweep_toy
    configurations = [{"x": x} for x in range(12)]
    run_sweep(sweep_toy.slow_squares, configurations, Path(sys.argv[1]), group_size=1)
'''


def squares(group, execution):
    x = np.array([settings["x"] for settings in group], dtype=float)
    labelled = {"square": ("replica", x**2), "powers": (("replica", "power"), x[:, None] ** [1, 2])}
    return xr.Dataset(labelled, {"power": [1, 2]})


CONFIGURATIONS = [{"x": x, "kind": kind, "seed": 0} for kind in ("a", "b") for x in range(3)]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A folder with the importable toy, on the path of this and of other processes."""
    (tmp_path / "sweep_toy.py").write_text(textwrap.dedent(TOY))
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("sweep_toy", None)
    import sweep_toy

    return sweep_toy


def log_of(tmp_path):
    log = tmp_path / "log"
    return log.read_text().splitlines() if log.exists() else []


def test_result_has_one_dimension_per_swept_setting(tmp_path):
    found = run_sweep(squares, CONFIGURATIONS, tmp_path)
    assert found.square.dims == ("x", "kind")
    assert found.square.sel(x=2, kind="b") == 4
    assert found.powers.sel(x=2, kind="a", power=2) == 4
    assert found.attrs == {"seed": 0}


def test_combinations_that_were_left_out_are_nan(tmp_path):
    found = run_sweep(squares, CONFIGURATIONS[:-1], tmp_path)
    assert np.isnan(found.square.sel(x=2, kind="b"))
    assert int(found.square.isnull().sum()) == 1


def test_whole_numbers_stay_whole_where_none_is_missing():
    counts = [xr.Dataset({"count": ("trial", np.array([k, 7], dtype=np.int8))}) for k in (3, 5)]
    whole = swept_dataset([{"seed": 1}, {"seed": 2}], counts, {"seed": (1, 2)})["count"]
    assert whole.dtype == np.int8 and whole.values.tolist() == [[3, 7], [5, 7]]
    partly = swept_dataset([{"seed": 1}, {"seed": 2}], counts, {"seed": (1, 2, 3)})["count"]
    assert np.isnan(partly.values[2]).all() and partly.values[:2].tolist() == [[3, 7], [5, 7]]


def test_groups_share_their_program_and_fit():
    groups = groups_of(CONFIGURATIONS, [settings["kind"] for settings in CONFIGURATIONS], 2)
    assert [len(group) for group in groups] == [2, 1, 2, 1]
    assert all(len({settings["kind"] for settings in group}) == 1 for group in groups)


def test_batches_fit_the_cache_and_leave_work_for_every_worker():
    here, there = (KeptReplicas(None, squares, Execution(), e) for e in (ThisProcess(), LocalProcesses(2)))
    assert batch_size(here, 60, 89_610) == batch_size(there, 60, 89_610) == 5
    assert (batch_size(here, 6, 1000), batch_size(there, 6, 1000)) == (6, 3)
    assert batch_size(here, 3, 10**9) == 1


def test_a_finished_sweep_computes_nothing_however_it_is_cut(tmp_path):
    first = run_sweep(squares, CONFIGURATIONS, tmp_path, group_size=2)

    def refuses(group, execution):
        raise AssertionError("computed again")

    refuses.__module__, refuses.__qualname__ = squares.__module__, squares.__qualname__
    again = run_sweep(refuses, CONFIGURATIONS[::-1], tmp_path, group_size=5)
    xr.testing.assert_identical(again.sortby(["x", "kind"]), first.sortby(["x", "kind"]))


def test_only_new_configurations_are_computed(tmp_path):
    run_sweep(squares, CONFIGURATIONS[:4], tmp_path)
    computed = []

    def counted(group, execution):
        computed.extend(group)
        return squares(group, execution)

    counted.__module__, counted.__qualname__ = squares.__module__, squares.__qualname__
    run_sweep(counted, CONFIGURATIONS, tmp_path)
    assert computed == CONFIGURATIONS[4:]


def test_results_of_another_function_or_precision_are_not_used(tmp_path):
    run_sweep(squares, CONFIGURATIONS, tmp_path)
    assert SweepStore(tmp_path, squares, Execution()).finished()
    assert not SweepStore(tmp_path, swept_dataset, Execution()).finished()
    assert not SweepStore(tmp_path, squares, Execution(dtype="float64")).finished()


def foreign_group(folder, how):
    """Put what is named as a finished group into a folder that is none, and return its path."""
    group = xr.Dataset({"square": ("replica", [1.0])})
    right = {"format": "brianpresyn sweep 1", "function": "f", "dtype": "float32", "settings": '[{"x": 1}]'}
    attributes = {
        "foreign": {},
        "attribute missing": {name: right[name] for name in ("format", "function", "dtype")},
        "number for JSON": {**right, "settings": 3},
        "no JSON": {**right, "settings": "{"},
        "no settings": {**right, "settings": "[1]"},
        "too few settings": {**right, "settings": "[]"},
    }.get(how, {})
    content = bytes(group.assign_attrs(attributes).to_netcdf(None, engine="scipy"))
    path = folder / f"{hashlib.sha256(content).hexdigest()}.nc"
    if how == "folder":
        path.mkdir()
    elif how == "dangling link":
        path.symlink_to(folder / "nothing")
    else:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "how",
    [
        "truncated",
        "changed",
        "foreign",
        "attribute missing",
        "number for JSON",
        "no JSON",
        "no settings",
        "too few settings",
        "folder",
        "dangling link",
    ],
)
def test_a_file_that_is_not_whole_is_set_aside_and_computed_again(tmp_path, how):
    expected = run_sweep(squares, CONFIGURATIONS, tmp_path, group_size=2)
    victim = sorted(tmp_path.glob("*.nc"))[0]
    content = victim.read_bytes()
    if how == "truncated":
        victim.write_bytes(content[: len(content) // 2])
    elif how == "changed":
        victim.write_bytes(content.replace(b"square", b"circle"))
    else:
        victim = foreign_group(tmp_path, how)
    with pytest.warns(UserWarning, match=f"{victim.name} .* was moved to set-aside"):
        again = run_sweep(squares, CONFIGURATIONS, tmp_path, group_size=2)
    xr.testing.assert_identical(again, expected)
    assert os.path.lexists(tmp_path / "set-aside" / victim.name)


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    run_sweep(squares, CONFIGURATIONS, tmp_path)
    mine = tmp_path / "recording.nc"
    mine.write_bytes(b"not yours")
    (tmp_path / "x.nc").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run_sweep(squares, CONFIGURATIONS, tmp_path)
    assert mine.read_bytes() == b"not yours"
    assert (tmp_path / "x.nc").is_dir()
    assert not (tmp_path / "set-aside").exists()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, None)])
def test_a_killed_sweep_goes_on_where_it_was(toy, tmp_path, how, code):
    folder = tmp_path / "results"
    process = subprocess.Popen(
        [sys.executable, "-m", "sweep_toy", str(folder)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_until(lambda: len(list(folder.glob("*.nc"))) >= 3)
    process.send_signal(how)
    assert process.wait() not in (0, None)
    assert code is None or process.returncode == code
    n_stored, n_computed = len(list(folder.glob("*.nc"))), len(log_of(tmp_path))
    assert 3 <= n_stored < 12
    left = folder / f".unfinished-{socket.gethostname()}-{process.pid}-0"
    left.write_bytes(b"half a group")
    found = run_sweep(toy.slow_squares, [{"x": x} for x in range(12)], folder, group_size=4)
    assert found.square.values.tolist() == [x**2 for x in range(12)]
    recomputed = [int(n) for n in log_of(tmp_path)[n_computed:]]
    assert sum(recomputed) == 12 - n_stored
    assert not list(folder.glob(".unfinished-*"))


def test_a_full_disk_stops_the_sweep_and_keeps_what_was_stored(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def full_after_two(handle):
        synced.append(handle)
        if len(synced) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full_after_two)
    with pytest.raises(SweepStorageError, match="the disk is full"):
        run_sweep(squares, CONFIGURATIONS, tmp_path, group_size=1)
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 2
    assert int(run_sweep(squares, CONFIGURATIONS, tmp_path).square.notnull().sum()) == 6


@pytest.mark.slow
def test_local_processes_compute_the_same_and_survive_the_death_of_one(toy, tmp_path):
    configurations = [{"x": x} for x in range(6)]
    executor = LocalProcesses(2)
    found = run_sweep(toy.fragile_squares, configurations, tmp_path / "r", executor=executor, group_size=1)
    assert (tmp_path / "log.died").exists()
    assert found.square.values.tolist() == [x**2 for x in range(6)]


@pytest.mark.slow
def test_a_dask_cluster_computes_the_same_and_survives_the_loss_of_a_worker(toy, tmp_path):
    distributed = pytest.importorskip("distributed")
    configurations = [{"x": x} for x in range(6)]
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        executor = DaskCluster(cluster.scheduler_address)
        assert executor.n_workers == 2
        found = run_sweep(toy.slow_squares, configurations, tmp_path / "r", executor=executor, group_size=2)
        assert log_of(tmp_path) == ["2", "2", "2"]
        fragile = run_sweep(
            toy.fragile_squares, configurations, tmp_path / "f", executor=executor, group_size=2
        )
    assert found.square.values.tolist() == [x**2 for x in range(6)]
    assert fragile.square.values.tolist() == [x**2 for x in range(6)]
    assert (tmp_path / "log.died").exists()


def test_progress_says_what_is_left(tmp_path):
    said = []
    run_sweep(squares, CONFIGURATIONS[:2], tmp_path, group_size=1)
    run_sweep(
        squares, CONFIGURATIONS, tmp_path, group_size=2, on_progress=lambda *report: said.append(report)
    )
    assert said[0] == (pytest.approx(1 / 3), "6 networks: 2 found, 4 to train")
    assert said[-1][0] == 1
    assert said[-1][1].startswith("0 networks to train, 0 s left")


def test_group_size_follows_memory_and_workers():
    needed = replica_bytes(Layout((784, 200, 200, 10)), 100)
    assert 8 * 2**20 < needed < 12 * 2**20
    assert sweep.largest_group(100, needed, Execution(), n_workers=2) == 4
    assert sweep.largest_group(3, needed, Execution(), n_workers=2) == 1


def test_stored_groups_say_what_they_are(tmp_path):
    run_sweep(squares, CONFIGURATIONS[:2], tmp_path, group_size=2)
    (path,) = tmp_path.glob("*.nc")
    stored = xr.load_dataset(path, engine="scipy")
    assert json.loads(stored.attrs["settings"]) == CONFIGURATIONS[:2]
    assert set(json.loads(stored.attrs["versions"])) >= {"python", "torch", "numpy"}
    assert json.loads(stored.attrs["execution"])["device"] == "cpu"


@pytest.mark.parametrize(
    ("configurations", "options", "message"),
    [
        ([], {}, "at least one configuration"),
        ([{"x": 1}, {"y": 1}], {}, r"same settings, got \['x'\], \['y'\]"),
        ([{"x": 1}, {"x": 1}], {}, "two configurations are alike"),
        ([{"x": 1}], {"same_program": ["rule"]}, r"same_program names \['rule'\]"),
    ],
)
def test_wrong_sweeps_are_named(tmp_path, configurations, options, message):
    with pytest.raises(ValueError, match=message):
        run_sweep(squares, configurations, Path(tmp_path), **options)
