"""Worker processes go with their parent, whatever ends it, and with all that they started."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from biophys.processes import n_compilers, n_cores, temporary_folder, worker_pool
from tests.programs import processes_of, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes in /proc")

# A pool whose workers run programs, make pools of their own and leave files; run as a program of its own.
PROGRAM = """
import subprocess, sys, tempfile, time
from pathlib import Path
from biophys.processes import worker_pool

def busy(name):
    Path(tempfile.mkdtemp(), "half a program").write_text("x")
    if name == "outer":
        with worker_pool(1) as pool:
            pool.submit(busy, "inner").result()
    subprocess.run(["sleep", "600"])

if __name__ == "__main__":
    import signal
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with worker_pool(2) as pool:
        futures = [pool.submit(busy, name) for name in ("outer", "other")]
        for future in futures:
            future.result()
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGINT"])
def test_nothing_is_left_when_the_parent_is_ended(tmp_path, name):
    (tmp_path / "program.py").write_text(PROGRAM)
    files = tmp_path / "files"
    files.mkdir()
    root = Path(__file__).parents[2]
    environment = {**os.environ, "TMPDIR": str(files), "PYTHONPATH": str(root)}
    parent = subprocess.Popen([sys.executable, "program.py"], cwd=tmp_path, env=environment)
    # Parent, tracker, two workers, one inner worker with its tracker, and the two programs that they run.
    wait_until(lambda: len(list(files.rglob("half a program"))) == 3 and len(processes_of(files)) >= 7)
    parent.send_signal(getattr(signal, name))
    wait_until(lambda: parent.poll() is not None)
    wait_until(lambda: not processes_of(files))
    wait_until(lambda: not list(files.rglob("half a program")))
    wait_until(lambda: not list(files.iterdir()))


def _compilers():
    return n_compilers(), os.environ["OMP_NUM_THREADS"]


def test_workers_share_the_cores_for_their_compilers():
    assert n_compilers() == n_cores()
    with worker_pool(2) as pool:
        assert pool.submit(_compilers).result() == (max(1, n_cores() // 2), "1")


LEAVES_A_FOLDER = """
import os, signal, sys
from biophys.processes import temporary_folder
with temporary_folder() as folder:
    (folder / "half a program").write_text("x")
    os.killpg(os.getpid(), signal.SIGKILL)
"""


def test_folder_of_a_killed_group_goes_whatever_it_was_about(tmp_path):
    """No worker was there to remove it: none had started, or all had ended."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    program = [sys.executable, "-c", LEAVES_A_FOLDER]
    assert subprocess.run(program, env=environment, start_new_session=True).returncode == -signal.SIGKILL
    wait_until(lambda: not list(tmp_path.iterdir()))
    wait_until(lambda: not processes_of(tmp_path))


def test_the_next_process_removes_the_folder_of_a_dead_one_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    kept = ("brianpresyn_another-host-1-0", "brianpresyn_notes")
    for name in (f"brianpresyn_{socket.gethostname()}-{ended.pid}-0", *kept):
        (tmp_path / name).mkdir()
    with temporary_folder() as mine, temporary_folder() as another:
        assert mine.is_dir() and another.is_dir() and another != mine
    assert sorted(path.name for path in tmp_path.iterdir()) == list(kept)
