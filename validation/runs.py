"""Run experiments, keep their results, and find a kept result again: the one place that does.

An experiment is a module that meets `biophys.experiment.Experiment`. A result is kept under the digest of its
settings and of the source that made it, so that one of other settings or of other code is never taken for it.
"""

import contextlib
import dataclasses
import hashlib
import importlib
import inspect
import json
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from matplotlib.figure import Figure

from biophys.argument_types import check_choice, check_config, checked_types
from biophys.experiment import Experiment
from biophys.progress import Progress, ignore_progress
from biophys.settings import as_plain, changed, with_plain, with_shifted_seeds
from biophys.source_digest import source_digest
from biophys.sweeps.executors import executor_or_default
from biophys.whole_files import alone
from validation.archive import ArchivedRun, ArchiveError, archive_run, archived_run
from validation.context import Context
from validation.data.datastore import DATA_SETS, locate
from validation.versions import commit, cpu_seconds, installed_versions, machine

EXPERIMENTS = {
    "energy": "rate_models.experiments.energy_efficiency",
    "lifelong": "rate_models.experiments.lifelong",
    "graceful_forgetting": "rate_models.experiments.graceful_forgetting",
    "perceptron": "rate_models.experiments.perceptron",
    "reliability": "rate_models.experiments.reliability_tradeoff",
    "signatures": "rate_models.experiments.bayesian_signatures",
    "posterior": "rate_models.experiments.posterior",
    "predictive": "rate_models.experiments.predictive_distributions",
    "linear": "rate_models.experiments.linear_regression",
    "spikes": "validation.experiments.release_in_spikes",
    "gaussian_spikes": "validation.experiments.gaussian_in_spikes",
    "spiking_perceptron": "brianpresyn.experiments.spiking_perceptron",
    "optimal_variability": "brianpresyn.experiments.optimal_variability",
    "release_statistics": "brianpresyn.experiments.release_statistics",
    "plasticity_trajectory": "brianpresyn.experiments.plasticity_trajectory",
    "stdp_protocol": "brianpresyn.experiments.stdp_protocol",
    "balanced_network": "brianpresyn.experiments.balanced_network",
}
"""Module of each experiment, by the name that the command line gives it and that its file has."""

ACCEPTED = "accepted_settings.json"
"""File beside given results: settings by experiment in which they may differ from the published ones."""

# The seed of the command line that stands for the seeds that the settings name.
_USUAL_SEED = 2021


@dataclasses.dataclass(frozen=True)
class Run(ArchivedRun):
    """The result of an experiment, run now or found, and what sets it apart from what was asked for.

    Parameters
    ----------
    settings : the settings that it was made with
    deviations : value asked for and value here of the settings that differ, as `differences` gives them
    is_of_this_code : whether it was made by the source that is installed now
    """

    settings: Any = None
    deviations: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    is_of_this_code: bool = True

    @property
    def made_by(self) -> str:
        """By what it was made, in a few words, for tables and captions."""
        if self.is_of_this_code:
            return "this code"
        digest = self.provenance.get("source", "of which no digest was kept")
        return f"other code ({digest}), {str(self.provenance.get('made', 'undated'))[:10]}"


def experiment_module(name: str) -> Experiment:
    """Return the module of an experiment; raise ValueError if there is none of this name."""
    check_choice(name, EXPERIMENTS, "name")
    return cast(Experiment, importlib.import_module(EXPERIMENTS[name]))


@checked_types
def configuration(name: str, profile: str, changes: Mapping[str, str] | None = None) -> Any:
    """Return the settings of an experiment: the paper's (``"full"``) or small ones (``"quick"``).

    Raises ValueError if there is no such experiment or field, or its value does not fit.

    Parameters
    ----------
    name, profile : name of the experiment; ``"full"`` or ``"quick"``
    changes : fields to change, as text: see `biophys.settings.changed`
    """
    module = experiment_module(name)
    check_choice(profile, ("quick", "full"), "profile")
    return changed(module.QUICK if profile == "quick" else module.Config(), changes or {})


def result_for(name: str, context: Context, **settings: Any) -> Run:
    """Return an experiment's result for a claim: found, or run and kept.

    At full size it is looked for among the results that the user gave (`context.results`), then among those
    that this command kept (`context.keep`). A small one is run once for each device and seed, however many
    claims use it.

    Raises ArchiveError if the result that was given is damaged, of a newer format or another experiment, or
    differs in settings in which it must not and that `accepted_settings.json` beside it does not name.

    Parameters
    ----------
    name : name of the experiment
    context : its seed moves all seeds of the settings; the usual one, 2021, leaves them as they are
    **settings : settings to change; the seed moves seeds among them too
    """
    usual = configuration(name, context.profile)
    shift = context.seed - _USUAL_SEED
    config = with_shifted_seeds(dataclasses.replace(usual, **settings), shift)
    if context.is_quick:
        key = (name, context.device, _key(name, config))
        if key not in _small_runs:
            _small_runs[key] = _run_now(name, config, context.device, context.report_progress)
        run = _small_runs[key]
    elif context.results is not None and (path := context.results / f"{name}.nc").is_file():
        return given_run(path, name, usual)
    elif context.keep is None:
        run = _run_now(name, config, context.device, context.report_progress)
    else:
        run = kept_run(name, config, context.keep, context.device, context.report_progress)
    return _noted(run)


def result_beside(run: Run, context: Context, file: str, **settings: Any) -> Run:
    """Return a run of the same experiment with other settings, for what `run` does not hold.

    In small, and where the results that the user gave lack ``<file>.nc``, it is `run` itself.
    """
    if context.is_quick:
        return run
    if context.results is None:
        return result_for(run.experiment, context, **settings)
    path = context.results / f"{file}.nc"
    if not path.is_file():
        return run
    return given_run(
        path, run.experiment, dataclasses.replace(configuration(run.experiment, "full"), **settings)
    )


_listening: list[list[Run]] = []


@contextlib.contextmanager
def noting_runs() -> Iterator[list[Run]]:
    """Yield a list into which every run goes that is used within the block, without its result."""
    used: list[Run] = []
    _listening.append(used)
    try:
        yield used
    finally:
        _listening.remove(used)


def _noted(run: Run) -> Run:
    import xarray

    for used in _listening:
        used.append(dataclasses.replace(run, result=xarray.Dataset()))
    return run


_small_runs: dict[tuple[str, str, str], Run] = {}


def given_run(path: Path, name: str, config: Any) -> Run:
    """Return a result that a user gave, if its settings are those asked for or were accepted.

    Otherwise it raises ArchiveError, as `result_for`.
    """
    archived = archived_run(path, name)
    differing = differences(name, config, archived.config)
    accepted = _accepted(path.parent).get(name, {})
    refused = [
        f"{field} is {here!r}, asked for {asked!r}"
        for field, (asked, here) in differing.items()
        if field not in accepted or accepted[field] != here
    ]
    if refused:
        as_json = json.dumps({name: {field: here for field, (_, here) in differing.items()}})
        anew = f"Move it away and run  brianpresyn ann {name} --profile full"
        marked = f"to use it as it is, marked as such, write {as_json} into {path.parent / ACCEPTED}"
        problem = f"{path} was made with other settings: {'; '.join(refused)}"
        raise ArchiveError(f"{problem}. {anew} ; or, {marked}")
    run = Run(
        **vars(archived),
        settings=with_plain(config, archived.config),
        deviations=differing,
        is_of_this_code=archived.provenance.get("source") == source_digest(EXPERIMENTS[name]),
    )
    if differing or not run.is_of_this_code:
        listed = "".join(
            f"; {field} = {here!r}, published {asked!r}" for field, (asked, here) in differing.items()
        )
        warnings.warn(f"{path} is used as it was made by {run.made_by}{listed}", stacklevel=3)
    return _noted(run)


def _accepted(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the settings of given results that their owner accepts although they are not the asked ones."""
    path = folder / ACCEPTED
    if not path.is_file():
        return {}
    try:
        accepted = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): dict(fields) for name, fields in accepted.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ArchiveError(f"{path} must hold settings by experiment, as JSON ({error})") from error


def differences(name: str, asked: Any, config: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the settings of an experiment in which a result differs, other than those that may.

    By field the value asked for and the value of the result, given as plain values; None for a missing one.
    """
    may_differ = experiment_module(name).MAY_DIFFER
    plain = as_plain(asked)
    return {
        field: (plain.get(field), config.get(field))
        for field in dict.fromkeys([*plain, *config])
        if field not in may_differ and plain.get(field) != config.get(field)
    }


def kept_run(name: str, config: Any, folder: Path, device: str, on_progress: Progress) -> Run:
    """Return the result kept in `folder` under these settings and this source; run it if it is not there.

    What breaks off goes on: finished networks are kept in the folder too. A damaged file is set aside, and
    the experiment is run again. If the result cannot be written, it is returned all the same, with a warning.
    """
    path = folder / f"{name}-{_key(name, config)}.nc"
    folder.mkdir(parents=True, exist_ok=True)
    with alone(path.with_suffix(".lock")):
        if path.is_file():
            try:
                return Run(**vars(archived_run(path, name)), settings=config)
            except ArchiveError as error:
                warnings.warn(f"{error}. It was renamed and the experiment is run again", stacklevel=2)
                os.replace(path, path.with_suffix(".damaged"))
        _name_those_not_used(name, config, folder)
        run = _run_now(name, config, device, on_progress, keep_in=folder / f"{name}-networks")
        try:
            archive_run(path, name, run.result, config, provenance=run.provenance)
        except OSError as error:
            warnings.warn(f"{error}. The result is used, but will be computed again next time", stacklevel=2)
    return run


@checked_types
def run_experiment(
    name: str,
    config: Any,
    folder: Path | str,
    *,
    device: str = "auto",
    executor: Any = None,
    on_progress: Progress = ignore_progress,
    keep_in: Path | None = None,
) -> Path:
    """Run an experiment, keep its result as ``<folder>/<name>.nc``, and return this file for `archived_run`.

    Raises ValueError if an executor is given for an experiment that trains all its networks as one batch.

    Parameters
    ----------
    name, config : name of the experiment, and its settings
    folder : where the result goes
    device : Torch device
    executor : where batches of networks are trained (of `biophys.sweeps.executors`); None for this process.
    on_progress : called with the fraction done in 0..1 and what is being done
    keep_in : folder of finished networks, from which a run that broke off goes on
    """
    check_config(config, type(experiment_module(name).QUICK))
    if executor is not None:
        executor_or_default(executor)
    run = _run_now(name, config, device, on_progress, executor=executor, keep_in=keep_in)
    return archive_run(Path(folder) / f"{name}.nc", name, run.result, config, provenance=run.provenance)


def _run_now(
    name: str,
    config: Any,
    device: str,
    on_progress: Progress,
    *,
    executor: Any = None,
    keep_in: Path | None = None,
) -> Run:
    """Run an experiment in this process, on one thread, and note by what it was made."""
    module = experiment_module(name)
    offered: dict[str, Any] = {"on_progress": on_progress, "keep_in": keep_in}
    takes = inspect.signature(module.run).parameters
    if executor is not None:
        if "executor" not in takes:
            raise ValueError(f"the experiment {name} is one batch: it runs in this process only")
        offered["executor"] = executor
    data = data_checksums(config)
    if "execution" in takes:
        from rate_models.devices import Execution, one_thread

        offered["execution"] = Execution(device=device, data_folder=data_folder(_data_sets_of(config)))
    with one_thread() if "execution" in takes else contextlib.nullcontext():
        t_start, cpu_start = time.perf_counter(), cpu_seconds()
        result = module.run(config, **{key: value for key, value in offered.items() if key in takes})
        provenance = {
            "device": device_name(offered["execution"].torch_device) if "execution" in offered else "cpu",
            "seconds": round(time.perf_counter() - t_start, 1),
            "cpu_seconds": round(cpu_seconds() - cpu_start, 1),
            "source": source_digest(EXPERIMENTS[name]),
            "commit": commit(),
            "machine": machine(),
            "versions": installed_versions(),
            "data": data,
        }
    return Run(name, result, as_plain(config), provenance, settings=config)


def device_name(device: Any) -> str:
    """Return the name of a torch device as a person would say it."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def _key(name: str, config: Any) -> str:
    """Return a digest of the settings of an experiment and of the source that runs it."""
    identity = [as_plain(config), source_digest(EXPERIMENTS[name])]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _name_those_not_used(name: str, config: Any, folder: Path) -> None:
    """Warn of kept results of an experiment that differ, and say in what."""
    for path in sorted(folder.glob(f"{name}-*.nc")):
        try:
            other = archived_run(path, name)
        except ArchiveError as error:
            warnings.warn(f"not used: {error}", stacklevel=3)
            continue
        parts = [
            f"{field} is {other.config.get(field)!r} instead of {value!r}"
            for field, value in as_plain(config).items()
            if other.config.get(field) != value
        ]
        if other.provenance.get("source") != source_digest(EXPERIMENTS[name]):
            parts.append("it was made by other code")
        warnings.warn(f"{path} is not used: {'; '.join(parts)}. It can be deleted", stacklevel=3)


def data_checksums(config: Any) -> dict[str, str]:
    """Return the sha256 of the data sets that settings name: of their files, or of the digits' pixels."""
    digests = {}
    for name in filter(None, _data_sets_of(config)):
        digest = hashlib.sha256()
        if name in DATA_SETS:
            for file in DATA_SETS[name].files:
                digest.update(file.sha256.encode())
        else:
            from rate_models.datasets import load_images

            data = load_images(name)
            for values in (data.train_images, data.train_labels, data.test_images, data.test_labels):
                digest.update(values.numpy().tobytes())
        digests[name] = digest.hexdigest()
    return digests


def _data_sets_of(config: Any) -> tuple[str, ...]:
    return getattr(config, "data_sets", (getattr(config, "data_set", ""),))


def data_folder(named: Iterable[str]) -> str:
    """Return the folders that hold these data sets, separated as paths are; see `locate` for its errors."""
    return os.pathsep.join(sorted({str(locate(name).parent) for name in named if name in DATA_SETS}))


def cpu_hours(name: str, config: Any, *, device: str = "auto") -> float:
    """Return about how many hours of processor time a run takes on this machine.

    The experiment is run in small, which takes seconds, and its time multiplied by how much more work the
    settings are. Half or a few times as much is possible, since large arrays outgrow the cache; finished
    networks that are kept are not taken off.
    """
    module = experiment_module(name)
    cpu_start = cpu_seconds()
    _run_now(name, module.QUICK, device, ignore_progress)
    return (cpu_seconds() - cpu_start) / 3600 * module.work(config) / module.work(module.QUICK)


def draw_figures(name: str, run: ArchivedRun, folder: Path) -> list[Path]:
    """Draw every panel of an experiment into `folder` and return the files."""
    drawn = []
    for panel, draw in experiment_module(name).FIGURES.items():
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        draw(run.result, figure)
        drawn.append(folder / f"{name}-{panel}.svg")
        figure.savefig(drawn[-1], metadata={"Date": None})
    return drawn
