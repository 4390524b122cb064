"""Worker processes: started afresh, deaf to Ctrl-C, and gone with all that they started once their parent is.

Every worker leads a session of its own, so that a signal reaches it and the compilers and programs that it
runs, and nothing else. All temporary files of a pool lie in one folder, which goes with the pool, even where
the parent was killed by a signal that it could not answer; one that a machine left when it was switched off
goes when the next process of this package needs a folder.
"""

import contextlib
import importlib
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path

_WORKERS_VARIABLE = "BRIANPRESYN_WORKERS"
_FOLDER = "brianpresyn_"
# Seconds in which a worker may end by itself after it was asked to.
_PATIENCE = 5.0
# Removes a folder unless it was told by a line that nothing is left to remove: reading ends when the process
# at the other end has died. What that had started may write for a while.
_REMOVES_LATER = 'read -r _ || for _ in 1 2 3 4 5; do sleep 1; rm -rf -- "$0" && break; done'


@contextlib.contextmanager
def worker_pool(
    n_workers: int, *, initializer: Callable[[], None] | None = None, max_tasks_per_child: int | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of worker processes, which ends with the block, whatever ends that.

    Each calls `initializer`, a function of a module, first, and is replaced by a fresh one after
    `max_tasks_per_child` tasks. Raises OSError if this system or container has no shared memory for them.
    """
    with temporary_folder() as folder:
        try:
            pool = ProcessPoolExecutor(
                n_workers,
                # Spawned: Brian2 and torch do not survive forking, which is not safe beside threads and CUDA.
                multiprocessing.get_context("spawn"),
                initializer=_start_worker,
                # By name: what it imports may make temporary files, which belong into the folder.
                initargs=(
                    str(folder),
                    n_workers,
                    initializer and (initializer.__module__, initializer.__name__),
                ),
                max_tasks_per_child=max_tasks_per_child,
            )
        except (OSError, ImportError) as error:
            needs = "they need shared memory (/dev/shm) and file handles"
            remedy = "use one process instead (--processes 1, --jobs 1)"
            raise OSError(f"worker processes cannot be started ({error}): {needs}; {remedy}") from error
        try:
            yield pool
        except BaseException:
            # A pool forgets its processes when it is shut down.
            processes = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for name in ("SIGTERM", "SIGKILL"):
                for process in processes:
                    if process.pid is not None and not _signal(process.pid, name):
                        process.kill()
                for process in processes:
                    process.join(_PATIENCE)
            raise
        pool.shutdown()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder for temporary files that goes with the block, as do those of killed processes."""
    for leftover in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        if is_of_the_dead(leftover.name.removeprefix(_FOLDER)):
            shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.gettempdir(), _FOLDER + mark_of_this_process())
    folder.mkdir(mode=0o700)
    with contextlib.ExitStack() as afterwards:
        with contextlib.suppress(OSError):
            afterwards.callback(_caretaker(folder).communicate, b"removed\n")
        afterwards.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _caretaker(folder: Path) -> subprocess.Popen[bytes]:
    """Start what removes a folder once this process is killed; no signal to this one's group reaches it."""
    return subprocess.Popen(
        ["sh", "-c", _REMOVES_LATER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def mark_of_this_process() -> str:
    """Return text, each time another, by which `is_of_the_dead` knows what this process made."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"


def is_of_the_dead(mark: str) -> bool | None:
    """Return whether the process with this mark is no more; None where that cannot be known."""
    host, _, process = mark.rpartition("-")[0].rpartition("-")
    if host != socket.gethostname() or not process.isdigit() or os.name != "posix":
        return None
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return None
    return False


def n_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def n_compilers() -> int:
    """Return how many compilers this process may run at once: its share of the cores."""
    return max(1, n_cores() // int(os.environ.get(_WORKERS_VARIABLE, "1")))


def cpp_compiler() -> str | None:
    """Return the path of a C++ compiler, None if there is none (Brian2 then runs on numpy only)."""
    names = ("c++", "g++", "clang++")
    return next((path for name in names if (path := shutil.which(name))), None)


def use_one_thread() -> None:
    """Let numerical libraries use one thread, whether they are imported already or will be."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _start_worker(folder: str, n_workers: int, initializer: tuple[str, str] | None) -> None:
    """Make this process a worker: one thread, own session, own temporary files, bound to its parent."""
    use_one_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(os, "setsid"):
        os.setsid()
    tempfile.tempdir = folder
    os.environ |= {
        "TMPDIR": folder,
        _WORKERS_VARIABLE: str(n_workers * int(os.environ.get(_WORKERS_VARIABLE, "1"))),
    }
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent,), daemon=True).start()
    if initializer is not None:
        module, name = initializer
        getattr(importlib.import_module(module), name)()


def _leave_after(parent: BaseProcess) -> None:
    """Leave, with all that this process started, as soon as its parent has died."""
    parent.join()
    _signal(os.getpid(), "SIGKILL")
    os._exit(1)


def _signal(leader: int, name: str) -> bool:
    """Send a signal to a worker and all of its session; return whether there was one."""
    try:
        if os.getpgid(leader) != leader:
            return False
        os.killpg(leader, getattr(signal, name))
    except (AttributeError, ProcessLookupError, PermissionError):
        return False
    return True
