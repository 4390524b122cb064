"""Experiments with trained networks by name: their configurations, running them, and keeping what they found.

An experiment is a module of `rate_models.experiments`, which says what such a module has, or of
`validation.experiments`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import inspect
import os
import time
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from validation.archive import ArchivedRun, ArchiveError, archive_run, archived_run, plain_config
from validation.context import Context
from validation.data.datastore import DATA_SETS, locate
from validation.versions import installed_versions

if TYPE_CHECKING:
    import xarray

    from rate_models.devices import Execution

EXPERIMENTS = {
    "energy": "rate_models.experiments.energy_efficiency",
    "lifelong": "rate_models.experiments.lifelong",
    "perceptron": "rate_models.experiments.perceptron",
    "reliability": "rate_models.experiments.reliability_tradeoff",
    "signatures": "rate_models.experiments.bayesian_signatures",
    "posterior": "rate_models.experiments.posterior",
    "predictive": "rate_models.experiments.predictive_distributions",
    "spikes": "validation.experiments.release_in_spikes",
    "gaussian_spikes": "validation.experiments.gaussian_in_spikes",
}
"""Module of each experiment, by the name that the command line gives it."""

Progress = Callable[[float, str], None]

# What a result of trained networks depends on.
_PACKAGES = ("brianpresyn", "numpy", "torch", "scikit-learn", "xarray")


def experiment_module(name: str) -> Any:
    """Return the module of an experiment.

    Raises
    ------
    ValueError
        If there is no such experiment.
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"unknown experiment {name!r}: there are {', '.join(EXPERIMENTS)}")
    return importlib.import_module(EXPERIMENTS[name])


def configuration(name: str, profile: str, changes: Mapping[str, str] | None = None) -> Any:
    """Return the configuration of an experiment: the paper's (``"full"``) or a small one (``"quick"``).

    Parameters
    ----------
    name
        Name of the experiment.
    profile
        ``"full"`` or ``"quick"``.
    changes
        Fields to change, as text: numbers, words, or lists separated by commas.

    Raises
    ------
    ValueError
        If a field does not exist or its value does not fit.
    """
    module = experiment_module(name)
    config = module.QUICK if profile == "quick" else module.Config()
    hints = typing.get_type_hints(type(config))
    parsed = {}
    for field, text in (changes or {}).items():
        if field not in hints:
            known = ", ".join(f.name for f in dataclasses.fields(config))
            raise ValueError(f"the experiment {name} has no setting {field!r}: there are {known}")
        parsed[field] = parsed_setting(text, getattr(config, field), field)
    return dataclasses.replace(config, **parsed)


def parsed_setting(text: str, current: Any, field: str) -> Any:
    """Return `text` as a value of the kind of `current`, the present value of a setting.

    Raises
    ------
    ValueError
        If it is no such value.

    Examples
    --------
    >>> parsed_setting("1, 2, 3", (0,), "seeds"), parsed_setting("0.5", 1.0, "l2")
    ((1, 2, 3), 0.5)
    """
    if isinstance(current, tuple):
        example = current[0] if current else ""
        return tuple(parsed_setting(part.strip(), example, field) for part in text.split(",") if part.strip())
    if isinstance(current, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{field} must be true or false, got {text!r}")
        return text.lower() == "true"
    if text.lower() == "none" and not isinstance(current, str):
        return None
    kind = type(current) if isinstance(current, (int, float, str)) else str
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{field} must be of type {kind.__name__}, like {current!r}, got {text!r}") from None


def run_experiment(
    name: str,
    config: Any,
    folder: Path,
    *,
    device: str = "auto",
    executor: Any = None,
    on_progress: Progress = lambda *_: None,
) -> Path:
    """Run an experiment and keep its result as ``<folder>/<name>.nc``.

    Parameters
    ----------
    name
        Name of the experiment.
    config
        Its configuration.
    folder
        Where the result goes.
    device
        Torch device.
    executor
        Where batches of networks are trained (`biophys.sweeps.executors`); None for this process.
    on_progress
        Called with the fraction done in 0..1 and what is being done.

    Returns
    -------
    Path
        The file, for :func:`validation.archive.archived_run`.

    Raises
    ------
    ValueError
        If an executor is given for an experiment that trains all its networks as one batch.
    """
    from rate_models.devices import Execution

    execution = Execution(device=device)
    t_start = time.perf_counter()
    result = _result(name, config, execution, on_progress, executor)
    provenance = {
        "device": device_name(execution.torch_device),
        "seconds": round(time.perf_counter() - t_start, 1),
        "versions": installed_versions(_PACKAGES),
    }
    return archive_run(folder / f"{name}.nc", name, result, config, provenance=provenance)


def device_name(device: Any) -> str:
    """Return the name of a torch device as a person would say it."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def result_for(name: str, context: Context) -> ArchivedRun:
    """Return an experiment's result for a claim: run in small, or at full size unless it is there already.

    A full-size result is looked for in `context.results`. A small one is run once for each device, however
    many claims use it.

    Raises
    ------
    ArchiveError
        If the result that is there is of another experiment, data set, network or length.
    """
    if context.is_quick:
        return _small_run(name, context.device, context.report_progress)
    config = configuration(name, context.profile)
    if context.results is not None:
        path = context.results / f"{name}.nc"
        if path.is_file():
            run = archived_run(path, name)
            _require_same_experiment(name, run, config, path)
            return run
    return _run_now(name, config, context.device, context.report_progress)


_small_runs: dict[tuple[str, str], ArchivedRun] = {}


def _small_run(name: str, device: str, on_progress: Progress) -> ArchivedRun:
    if (name, device) not in _small_runs:
        _small_runs[name, device] = _run_now(name, configuration(name, "quick"), device, on_progress)
    return _small_runs[name, device]


def _run_now(name: str, config: Any, device: str, on_progress: Progress) -> ArchivedRun:
    from rate_models.devices import Execution

    execution = Execution(device=device)
    result = _result(name, config, execution, on_progress)
    return ArchivedRun(name, result, plain_config(config), {"device": str(execution.torch_device)})


def _result(
    name: str, config: Any, execution: Execution, on_progress: Progress, executor: Any = None
) -> xarray.Dataset:
    """Run an experiment where its images are to be had, on one thread."""
    run = experiment_module(name).run
    if executor is not None:
        if "executor" not in inspect.signature(run).parameters:
            raise ValueError(f"the experiment {name} is one batch: it runs in this process only")
        run = functools.partial(run, executor=executor)
    with _one_thread(), images_at_hand(config):
        return run(config, execution=execution, on_progress=on_progress)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute on one thread of the CPU: the matrices are small, and threads wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def images_at_hand(config: Any) -> Iterator[None]:
    """Make the images that a configuration names readable by `rate_models`, wherever the datastore has them.

    Raises
    ------
    DataSetMissing, DataSetCorrupt
        If they are not to be had.
    """
    named: tuple[str, ...] = getattr(config, "data_sets", (getattr(config, "data_set", ""),))
    folders = {locate(data_set).parent for data_set in named if data_set in DATA_SETS}
    if not folders:
        yield
        return
    if len(folders) > 1:
        raise ValueError(
            f"the data sets {', '.join(named)} lie in different folders ({', '.join(map(str, folders))}): "
            "bring them together in one and set BRIANPRESYN_DATA to it"
        )
    before = os.environ.get("BRIANPRESYN_DATA")
    os.environ["BRIANPRESYN_DATA"] = str(folders.pop())
    try:
        yield
    finally:
        if before is None:
            del os.environ["BRIANPRESYN_DATA"]
        else:
            os.environ["BRIANPRESYN_DATA"] = before


def _require_same_experiment(name: str, run: ArchivedRun, config: Any, path: Path) -> None:
    """Refuse a result whose defining settings are not those asked for (seeds and sweeps may differ)."""
    expected = plain_config(config)
    for field in getattr(experiment_module(name), "DEFINING_SETTINGS", ()):
        if run.config.get(field) != expected[field]:
            raise ArchiveError(
                f"{path} was made with {field}={run.config.get(field)!r}, expected {expected[field]!r}: "
                f"move it away, or run  brianpresyn ann {name} --profile full  again"
            )


def draw_figures(name: str, run: ArchivedRun, folder: Path) -> list[Path]:
    """Draw every panel of an experiment into `folder` and return the files."""
    from matplotlib.figure import Figure

    drawn = []
    for panel, draw in experiment_module(name).FIGURES.items():
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        draw(run.result, figure)
        drawn.append(folder / f"{name}-{panel}.svg")
        figure.savefig(drawn[-1], metadata={"Date": None})
    return drawn
