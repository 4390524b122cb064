"""Many runs of a network: every combination of its settings, on one build where the structure is the same.

A setting either shapes the program (the number of neurons, an equation) or is a value that variables take
when the program starts (a release probability, a seed). Combinations that differ in values only share one C++
standalone program, which is compiled once and run again. On the other targets every combination runs in a
fresh process, so that no run sees the clock, the names or the random numbers of another.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import pickle
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from brian2 import TimedArray, defaultclock, prefs, seed
from brian2.codegen.cpp_prefs import get_compiler_and_args
from brian2.core.variables import VariableView
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.devices.device import reset_device, set_device
from brian2.units.fundamentalunits import DIMENSIONLESS, DimensionMismatchError, Quantity, get_dimensions
from brian2.utils.filelock import FileLock

from biophys.argument_types import check_choice, check_kind, checked_types
from biophys.processes import temporary_folder
from biophys.sweeps.executors import Executor, ThisProcess, executor_or_default
from biophys.sweeps.groups import check_configurations, grid_points, sweep_groups, swept_dataset
from biophys.units import shown
from brianpresyn.checked_synapses import CheckedSynapses
from brianpresyn.domains import unit_in_words, unit_text
from brianpresyn.targets import TARGETS, code_generation, run_each_in_its_process

BRIAN_SEED = "brian_seed"
"""Setting that seeds Brian2's own generator (connections, initial values, noise) without another build."""

_SEED_VARIABLE = "BRIANPRESYN_BRIAN_SEED"
_SEED_CPP = f"""for (int _i=0; _i<{{n_threads}}; _i++)
    brian::_random_generators[_i].seed(std::strtoul(std::getenv("{_SEED_VARIABLE}"), NULL, 10) + _i);"""


@checked_types
@dataclass(frozen=True)
class SpikingRun:
    """A network that is ready to run: what `build` hands to :func:`sweep_spikes`.

    Parameters
    ----------
    run : simulates, for example ``lambda: network.run(1*second)``; it may run several times
    measure
        Returns what is kept of the run by name: numbers, or arrays as a pair of dimension and values, such as
        ``{"rate": 5*Hz, "spike_time": ("spike", monitor.t)}``. Lengths may differ from run to run.
    values
        Takes the settings that `build` does not, and returns the values that variables (or a TimedArray) have
        at the start of the run, such as ``{connection.p: p}``.
    """

    run: Callable[[], Any]
    measure: Callable[[], Mapping[str, Any]]
    values: Callable[..., Mapping[Any, Any]] = lambda: {}


@dataclass(frozen=True)
class Simulator:
    """How the runs of a sweep are simulated; what is stored with their results."""

    target: str
    dtype: str = field(default_factory=lambda: np.dtype(prefs.core.default_float_dtype).name)


@checked_types
def sweep_spikes(
    build: Callable[..., SpikingRun],
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    folder: Path | str | None = None,
    *,
    target: str = "cpp_standalone",
    executor: Executor | None = None,
    on_progress: Callable[[float, str], None] = lambda fraction, doing: None,
) -> xr.Dataset:
    """Run a network at every combination of settings that is not in `folder` yet, and return all results.

    Parameters
    ----------
    build
        Builds the network from the settings that it names as arguments and returns a :class:`SpikingRun`.
        Each combination of these is a structure, compiled once; all other settings go to the run's
        ``values``. If other processes run it (a target other than C++, an executor other than this process),
        it must be importable: define it at the top level of a module.
    grid
        Values of every setting: numbers, text, truth values or Brian2 quantities; or a list of settings. The
        setting ``brian_seed`` seeds Brian2's own generator and goes nowhere else.
    folder
        Where results are kept as soon as they are there; the same call goes on from them. None keeps none.
        Results of another source of `build`, of its module or of these packages are not used.
    target : ``"cpp_standalone"``, ``"cython"`` or ``"numpy"``
    executor
        Where the runs are computed, such as ``LocalProcesses(4)`` or ``DaskCluster(address)`` of
        :mod:`biophys.sweeps.executors`; None for this process.
    on_progress : called with the fraction done and what is being done, with the time left

    Returns
    -------
    xarray.Dataset
        One dimension per setting that varies; NaN where a list leaves a combination out, and behind the end
        of arrays that are shorter than others. Values are in SI, with the attribute ``units``.

    Raises
    ------
    TypeError : if `build` is no function, a setting is taken by none, or something is of another type
    ValueError : if the grid is empty, a combination occurs twice, or a value is outside its domain

    Examples
    --------
    >>> from brian2 import Hz, Network, NeuronGroup, SpikeMonitor, ms, second
    >>> def build(n):
    ...     cells = NeuronGroup(n, "rate : Hz", threshold="rand() < rate*dt")
    ...     spikes = SpikeMonitor(cells, record=False)
    ...     network = Network(cells, spikes)
    ...     return SpikingRun(
    ...         run=lambda: network.run(1*second),
    ...         measure=lambda: {"n_spikes": spikes.num_spikes},
    ...         values=lambda rate: {cells.rate: rate},
    ...     )
    >>> grid = {"n": [10], "rate": [0, 20]*Hz, "brian_seed": [1, 2, 3]}
    >>> result = sweep_spikes(build, grid)  # doctest: +SKIP
    >>> result.n_spikes.sel(rate=0).values  # doctest: +SKIP
    array([0., 0., 0.])
    """
    points = _points(grid)
    taken_by_build = _arguments(build, points)
    check_choice(target, TARGETS, "target")
    executor = _checked_executor(executor, build, target)
    shared = {"build": _source(build), "target": target}
    keys = [{"settings": _as_text(point), **shared} for point in points]
    structures = [repr(_as_text({name: point[name] for name in taken_by_build})) for point in points]
    # Runs of one structure follow one another.
    order = sorted(range(len(points)), key=lambda i: structures.index(structures[i]))
    with temporary_folder() as programs, contextlib.ExitStack() as afterwards:
        afterwards.callback(_forget_program)
        results = sweep_groups(
            partial(_run_group, build=build, taken_by_build=taken_by_build, programs=str(programs)),
            [keys[i] for i in order],
            folder,
            Simulator(target),
            group_size=lambda n_missing, n_workers: 1,
            kept_as=build,
            replicas=[points[i] for i in order],
            executor=executor,
            on_progress=on_progress,
            kind="runs",
            verb="do",
        )
    numbers = [{n: float(v) if isinstance(v, Quantity) else v for n, v in point.items()} for point in points]
    swept = swept_dataset(numbers, [results[k] for k in np.argsort(order)])
    for name, value in points[0].items():
        if name in swept.coords and get_dimensions(value) is not DIMENSIONLESS:
            swept[name].attrs["units"] = unit_text(get_dimensions(value))
    return swept


def _points(grid: Any) -> list[dict[str, Any]]:
    """Return the settings of every run, by name."""
    check_kind(grid, (Mapping, Sequence), "grid", "{'p': [0.3, 1.0], 'seed': range(3)}")
    if not isinstance(grid, Mapping):
        for point in grid:
            check_kind(point, Mapping, "every member of the list grid", "{'p': 0.3, 'seed': 1}")
        points = [dict(point) for point in grid]
    else:
        for name, values in grid.items():
            is_list = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str)
            if not (is_list and np.shape(values)):
                raise TypeError(f"{name} must have a list of values in the grid, such as [{values!r}]")
        points = grid_points(grid)
    if not points or not points[0]:
        raise ValueError(f"the grid has no combination of settings: give each one a value, got {shown(grid)}")
    check_configurations([_as_text(point) for point in points], ())
    for name, value in (setting for point in points for setting in point.items()):
        check_kind(name, str, "the name of a setting in the grid", "'p'")
        if np.ndim(value) or not isinstance(value, int | float | str | np.generic | Quantity):
            raise TypeError(f"{name} must be a number, a quantity, text or a truth value, got {shown(value)}")
        if name == BRIAN_SEED and not (isinstance(value, int | np.integer) and 0 <= value < 2**32):
            raise ValueError(f"{name} must be a whole number from 0 to 2^32 - 1, got {shown(value)}")
    return points


def _arguments(build: Any, points: list[dict[str, Any]]) -> tuple[str, ...]:
    parameters = inspect.signature(build).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return tuple(name for name in points[0] if name != BRIAN_SEED)
    for parameter in parameters:
        if parameter.name not in points[0] and parameter.default is parameter.empty:
            raise TypeError(f"build needs {parameter.name}, which is not in the grid: {', '.join(points[0])}")
    return tuple(parameter.name for parameter in parameters if parameter.name in points[0])


def _checked_executor(executor: Any, build: Callable[..., Any], target: str) -> Executor:
    executor = executor_or_default(executor)
    is_here = isinstance(executor, ThisProcess) and target == "cpp_standalone"
    try:
        pickle.dumps(build)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        if not is_here:
            remedy = "define it at the top level of a module, or use target='cpp_standalone' in this process"
            raise TypeError(f"other processes cannot import {build!r} ({error}): {remedy}") from None
    return executor


def _source(build: Callable[..., Any]) -> str:
    """Return a digest of the source of `build`, which tells a changed one also in a notebook."""
    try:
        return hashlib.sha256(inspect.getsource(build).encode()).hexdigest()[:16]
    except (OSError, TypeError):
        return "unknown"


def _as_text(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as what can be written down: a quantity as its exact value in words."""
    return {
        name: f"{float(value)!r} {unit_text(get_dimensions(value))}" if isinstance(value, Quantity) else value
        for name, value in point.items()
    }


# --- one run, in whatever process -------------------------------------------------------------------------
# Brian2 keeps its device in the process: threads of a Dask worker take turns.
_turn = threading.Lock()
_kept: list[_Program] = []


def _run_group(
    group: list[dict[str, Any]],
    simulator: Simulator,
    *,
    build: Callable[..., SpikingRun],
    taken_by_build: tuple[str, ...],
    programs: str,
) -> xr.Dataset:
    """Do the one run of a group, in the present program if its structure is the same, else in a new one."""
    (point,) = group
    structure = {name: point[name] for name in taken_by_build}
    key = (build, programs, BRIAN_SEED in point, repr(_as_text(structure)))
    try:
        with _turn:
            if simulator.target == "cpp_standalone":
                if not (_kept and _kept[0].key == key):
                    _forget_program()
                    _kept.append(_Program(key, structure, point))
                return _kept[0].result(point)
            run = partial(_run_once, build=build, taken_by_build=taken_by_build, target=simulator.target)
            return next(iter(run_each_in_its_process(run, [point], n_processes=1)))
    except Exception as error:
        error.add_note(f"in the run with {', '.join(f'{name}={value!r}' for name, value in point.items())}")
        raise


def _run_once(
    point: dict[str, Any], *, build: Callable[..., SpikingRun], taken_by_build: tuple[str, ...], target: str
) -> xr.Dataset:
    """Build and run on one of the targets that need no program."""
    with code_generation(target):
        if BRIAN_SEED in point:
            seed(int(point[BRIAN_SEED]))
        spiking_run = _built(build, {name: point[name] for name in taken_by_build})
        for variable, value in _values(spiking_run, point, taken_by_build).items():
            if isinstance(variable, TimedArray):
                variable.values[:] = np.asarray(value)
            else:
                setattr(variable.group, variable.name, value)
        spiking_run.run()
        return _measured(spiking_run, point)


def _forget_program() -> None:
    while _kept:
        _kept.pop().delete()


class _Program:
    """The C++ program of one structure on a device of its own, and the objects that it was written from."""

    def __init__(self, key: tuple[Any, ...], structure: dict[str, Any], point: dict[str, Any]) -> None:
        build, programs, self._is_seeded, _ = self.key = key
        self._structure = structure
        self._programs = Path(programs) if os.path.isdir(programs) else None
        self._folder = tempfile.TemporaryDirectory(
            prefix="brianpresyn_", dir=self._programs, ignore_cleanup_errors=True
        )
        self._device = CPPStandaloneDevice()
        self._dt = defaultclock.dt
        try:
            with self._active():
                if self._is_seeded:
                    n_threads = max(1, prefs.devices.cpp_standalone.openmp_threads)
                    self._device.insert_code("main", _SEED_CPP.format(n_threads=n_threads))
                self._run = _built(build, structure)
                _values(self._run, point, structure)
                self._run.run()
                self._device.build(directory=self._folder.name, compile=False, run=False, with_output=False)
                self._compile()
        except BaseException:
            self.delete()
            raise

    @contextlib.contextmanager
    def _active(self) -> Iterator[None]:
        """Make the device Brian2's; its default clock is its own."""
        dt = defaultclock.dt
        defaultclock.dt = self._dt
        set_device(self._device, build_on_run=False)
        try:
            yield
        finally:
            self._dt = defaultclock.dt
            reset_device()
            defaultclock.dt = dt

    def _compile(self) -> None:
        """Compile the sources, unless a process beside this one has compiled the same."""
        folder, main = Path(self._folder.name), "main.exe" if os.name == "nt" else "main"
        compiler, _ = get_compiler_and_args()
        compile_here = partial(self._device.compile_source, str(folder), compiler, debug=False, clean=False)
        if self._programs is None:
            compile_here()
            return
        sources = sorted(p for p in folder.rglob("*") if p.suffix in (".cpp", ".h") or "makefile" in p.name)
        content = hashlib.sha256()
        for path in sources:
            content.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
        compiled = self._programs / content.hexdigest()
        with FileLock(f"{compiled}.lock"):
            if not compiled.exists():
                compile_here()
                shutil.copy2(folder / main, compiled)
            elif not (folder / main).exists():
                shutil.copy2(compiled, folder / main)

    def result(self, point: dict[str, Any]) -> xr.Dataset:
        """Run with the values of these settings."""
        with self._active():
            values = _values(self._run, point, self._structure)
            if self._is_seeded:
                os.environ[_SEED_VARIABLE] = str(int(point[BRIAN_SEED]))
            self._device.run(self._folder.name, "results", with_output=False, run_args=values)
            measured = _measured(self._run, point)
            self._device.delete(code=False, data=False, directory=False)
            return measured

    def delete(self) -> None:
        self._device.reinit()
        self._folder.cleanup()


def _built(build: Callable[..., SpikingRun], structure: dict[str, Any]) -> SpikingRun:
    spiking_run = build(**structure)
    check_kind(spiking_run, SpikingRun, "what build returns", "SpikingRun(run, measure)")
    return spiking_run


def _values(spiking_run: SpikingRun, point: dict[str, Any], taken_by_build: Iterable[str]) -> dict[Any, Any]:
    """Return the values that variables start from, checked."""
    rest = {n: value for n, value in point.items() if n != BRIAN_SEED and n not in taken_by_build}
    try:
        inspect.signature(spiking_run.values).bind(**rest)
    except TypeError as error:
        taken = "every setting of the grid must be an argument of build or of its SpikingRun's values"
        raise TypeError(f"{error}: {taken}") from None
    values = dict(spiking_run.values(**rest))
    for variable, value in values.items():
        check_kind(variable, (VariableView, TimedArray), "a variable in values", "connection.p")
        group = getattr(variable, "group", None)
        if isinstance(group, CheckedSynapses) and variable.name in group.code.domains:
            group.code.domains[variable.name].check(f"{variable.name} of {group.name}", value)
        # Without units, as in cells.v_, the value is in SI.
        wanted = DIMENSIONLESS if variable.dim is None else variable.dim
        if not isinstance(value, str) and get_dimensions(value) is not wanted:
            problem = f"values: {variable.name} must be in {unit_in_words(wanted)}, got {shown(value)}"
            given = get_dimensions(value)
            raise DimensionMismatchError(f"{problem}: give its setting that unit", given, wanted)
    return values


def _measured(spiking_run: SpikingRun, point: Mapping[str, Any]) -> xr.Dataset:
    """Return what was measured, in SI, with the dimension ``replica``."""
    measured = spiking_run.measure()
    check_kind(measured, Mapping, "what measure returns", "{'n_spikes': 3}")
    variables = {name: _variable(name, value) for name, value in measured.items()}
    names = {*variables, *(str(dim) for each in variables.values() for dim in each.dims)}
    if twice := names & {*point, "replica"}:
        raise ValueError(f"{', '.join(sorted(twice))} is measured and a setting: give one another name")
    return xr.Dataset(variables).expand_dims("replica")


def _variable(name: str, value: Any) -> xr.Variable:
    dims, values = value if isinstance(value, tuple) else ((), value)
    dims = (dims,) if isinstance(dims, str) else tuple(dims)
    if len(dims) != np.ndim(values):
        counted = f"{np.ndim(values)} dimensions, of which {len(dims)} are named"
        raise ValueError(f"{name} has {counted}: measure arrays as ('name of the dimension', values)")
    unit = get_dimensions(values)
    if 0 in np.shape(values):
        # What is stored needs an entry in every dimension.
        values = np.full([max(size, 1) for size in np.shape(values)], np.nan)
    attributes = {} if unit is DIMENSIONLESS else {"units": unit_text(unit)}
    return xr.Variable(dims, np.asarray(values, dtype=float), attributes)
