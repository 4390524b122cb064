"""Run code on one of the three code generation targets, and leave Brian2 as it was."""

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from brian2.core.preferences import prefs
from brian2.devices.device import get_device, reset_device, set_device
from brian2.utils.logger import catch_logs

from biophys.argument_types import check_choice, checked_types
from biophys.processes import cpp_compiler, n_compilers, temporary_folder, worker_pool
from biophys.progress import Progress, ignore_progress

TARGETS = ("numpy", "cython", "cpp_standalone")

_Config = TypeVar("_Config")
_Result = TypeVar("_Result")


@contextlib.contextmanager
def code_generation(target: str) -> Iterator[None]:
    """Run the body on a target; what a standalone program recorded must be read inside the body.

    ``"cpp_standalone"`` builds and runs in a temporary folder at the body's one call of ``run``; without a
    compiler it raises RuntimeError. An unknown target is a ValueError.

    >>> from brian2 import Network, NeuronGroup, ms
    >>> with code_generation("numpy"):
    ...     Network(NeuronGroup(1, "x : 1")).run(0.1*ms)
    """
    check_choice(target, TARGETS, "target")
    if target == "cpp_standalone" and os.name == "posix" and not (cpp_compiler() and shutil.which("make")):
        problem = "cpp_standalone needs make and a C++ compiler, which are not on the PATH"
        raise RuntimeError(f"{problem}: install them, or use the target numpy")
    before, make_before = prefs.codegen.target, prefs["devices.cpp_standalone.extra_make_args_unix"]
    with temporary_folder() as folder:
        try:
            if target == "cpp_standalone":
                # Brian2's own "-j" starts one compiler for every file at once.
                prefs["devices.cpp_standalone.extra_make_args_unix"] = [f"-j{n_compilers()}"]
                set_device("cpp_standalone", directory=str(folder))
            else:
                prefs.codegen.target = target
            yield
        finally:
            prefs.codegen.target = before
            prefs["devices.cpp_standalone.extra_make_args_unix"] = make_before
            if target == "cpp_standalone":
                get_device().reinit()
                reset_device()


@contextlib.contextmanager
def numpy_while_building() -> Iterator[None]:
    """Build the body's objects with numpy where cython is chosen, which compiles each kind of `connect`.

    Compiling the code that creates the synapses takes several seconds for each Synapses and is of no use to a
    network that is built once. What runs later is still compiled.
    """
    before = prefs.codegen.target
    try:
        if before in ("cython", "auto"):
            prefs.codegen.target = "numpy"
        yield
    finally:
        prefs.codegen.target = before


def run_each_in_its_process(
    run: Callable[[_Config], _Result], configs: Sequence[_Config], *, n_processes: int = 2
) -> Iterator[_Result]:
    """Yield ``run(config)`` for each config, in their order, every one in a fresh process, so many at a time.

    Brian2's devices, preferences and random state belong to a process, so that runs on different targets are
    best kept apart. `run` is a function of a module: it is pickled by name.
    """
    with worker_pool(n_processes, initializer=log_errors_only, max_tasks_per_child=1) as pool:
        yield from pool.map(run, configs)


def run_on_every_target(
    run: Callable[[_Config], _Result], config: _Config, on_progress: Progress = ignore_progress
) -> dict[str, _Result]:
    """Return what an experiment gives on each target, by name; Cython compiles longest and comes first."""
    targets, results = ("cython", *(t for t in reversed(TARGETS) if t != "cython")), {}
    configs = [replace(config, target=target) for target in targets]  # type: ignore[type-var]
    for target, result in zip(targets, run_each_in_its_process(run, configs), strict=True):
        results[target] = result
        on_progress(len(results) / len(targets), f"{target} done")
    return results


def log_errors_only() -> None:
    """Keep Brian2's advice to whoever writes a model out of the output of a finished experiment.

    Among it is the warning that statements with Brian2's random numbers depend on the order of execution:
    they do, but only in which synapse draws which number.
    """
    logging.getLogger("brian2").setLevel(logging.ERROR)


@checked_types
def test(targets: Sequence[str] = TARGETS) -> bool:
    """Run the release models on each target, and compare them with their distributions and each other.

    Parameters
    ----------
    targets
        Code generation targets; cython and C++ standalone need a C++ compiler and take some seconds. An
        unknown one is a ValueError.

    Returns
    -------
    bool
        Whether everything agrees. What was found is printed.

    Examples
    --------
    >>> test(["numpy"])
    numpy: 16 release models agree with their moments
    True
    """
    from brianpresyn.experiments import release_statistics

    if not targets or set(targets) - set(TARGETS):
        raise ValueError(f"targets must be some of {', '.join(TARGETS)}, got {targets!r}")
    agrees, counts = True, []
    for target in targets:
        # Brian2 warns that what its own generator draws may depend on the order of the synapses: here it may.
        with catch_logs():
            result = release_statistics.run(replace(release_statistics.QUICK, target=target))
        counts.append(result.counts.where(result.draws == "counter", drop=True).to_numpy())
        ratio, error = release_statistics.over_formula(result, "mean")
        n_right, n_models = int(np.sum(np.abs(ratio - 1) < 5 * error)), ratio.size
        others = f", {n_models - n_right} do not" if n_right < n_models else ""
        print(f"{target}: {n_right} release models agree with their moments{others}")
        agrees &= n_right == n_models
    if any(not np.array_equal(counts[0], other) for other in counts[1:]):
        print("the same seed gave different releases on different targets")
        agrees = False
    return agrees


# Collected by no test runner, whatever its name.
test.__test__ = False  # type: ignore[attr-defined]
