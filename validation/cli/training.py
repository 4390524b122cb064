"""The commands that train networks, here or on a cluster: an experiment, or a grid of settings."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from biophys.plugins import load_plugins
from biophys.settings import changed
from biophys.sweeps.executors import executor_for
from biophys.whole_files import arriving
from validation.cli.terminal import folder_option, plugin_option, profile_option, progress_bar, table_of

if TYPE_CHECKING:
    import xarray
    from rich.table import Table


def _options(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Return what adds several options to a command, in this order."""
    return lambda command: functools.reduce(lambda made, option: option(made), reversed(options), command)


_where_to_train = _options(
    click.option("--device", default="auto", show_default=True, help="Torch device: cpu, cuda, mps or auto."),
    click.option(
        "--processes",
        type=click.IntRange(min=0, max=1024),
        default=1,
        show_default=True,
        help="Processes that train batches of networks; 0 for one per core.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Train on a Dask cluster: its scheduler, for example tcp://10.0.0.1:8786.",
    ),
)
_methods_and_data = _options(
    plugin_option("methods or data"),
    click.option("--method", metavar="NAME", help="The only method to run, one of your own too."),
    click.option("--data", metavar="NAME", help="The images to learn, some of your own too."),
)


@click.command()
@click.argument("name", metavar="EXPERIMENT")
@profile_option("quick: the experiment in seconds; full: the paper's size.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting, for example --set seeds=1,2,3 (may be repeated).",
)
@_methods_and_data
@_where_to_train
@folder_option("results", "Folder for the result (netCDF) and its figures.")
def ann(
    name: str,
    profile: str,
    settings: tuple[str, ...],
    plugins: tuple[str, ...],
    method: str | None,
    data: str | None,
    device: str,
    processes: int,
    scheduler: str | None,
    out: Path,
) -> None:
    """Run a rate-network experiment and draw the paper's panels.

    \b
    Schug et al. 2021:   energy, lifelong, perceptron
    of no paper:         graceful_forgetting
    Malkin et al. 2023:  reliability, signatures, posterior, predictive, linear
    in spikes:           spikes, gaussian_spikes, spiking_perceptron, optimal_variability,
                         release_statistics, plasticity_trajectory, stdp_protocol, balanced_network

    The full profile first runs in small and prints what it will cost in CPU-hours. Its networks are kept
    beside the result as soon as they are trained: a run that breaks off goes on when it is started again.
    """
    from validation.archive import archived_run
    from validation.report import writable_folder
    from validation.runs import configuration, cpu_hours, draw_figures, run_experiment

    load_plugins(plugins)
    changes = dict(_pairs(settings, "--set"))
    for option, value, places in (("method", method, "methods"), ("data", data, "benchmarks data_set")):
        if value:
            there = [each for each in places.split() if hasattr(configuration(name, profile), each)]
            if not there:
                raise click.UsageError(f"the experiment {name} has no --{option}: --set changes its settings")
            changes.setdefault(there[0], f"permuted_{value}" if there[0] == "benchmarks" else value)
    with _naming_plugins(plugins, method, data):
        config = configuration(name, profile, changes)
    folder = writable_folder(out)
    keep_in = folder / f"{name}-networks" if profile == "full" else None
    if profile == "full":
        hours = cpu_hours(name, config, device=device)
        print(f"cost: about {hours:.2g} CPU-hours on this machine (a run in small, scaled up)", flush=True)
    executor = None if processes == 1 and scheduler is None else executor_for(scheduler, processes)
    with progress_bar(name) as on_progress:
        offered: dict[str, Any] = {"executor": executor, "on_progress": on_progress, "keep_in": keep_in}
        path = run_experiment(name, config, folder, device=device, **offered)
    print(f"result: {path.resolve()}")
    for drawn in draw_figures(name, archived_run(path), folder):
        print(f"figure: {drawn.resolve()}")


@click.command()
@click.option(
    "--over",
    multiple=True,
    required=True,
    metavar="NAME=A,B,C",
    help="A setting and its values, for example --over l2=0,0.001,0.01 --over seed=1,2,3.",
)
@click.option(
    "--set", "fixed", multiple=True, metavar="NAME=VALUE", help="A setting that all networks share."
)
@_methods_and_data
@_where_to_train
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@folder_option(
    "sweep",
    "Folder of finished groups and of the result (sweep.nc). Started again, only what is missing runs.",
)
def sweep(
    over: tuple[str, ...],
    fixed: tuple[str, ...],
    plugins: tuple[str, ...],
    method: str | None,
    data: str | None,
    device: str,
    processes: int,
    scheduler: str | None,
    dtype: str,
    out: Path,
) -> None:
    """Train networks over a grid of settings and tell what each transmits and spends.

    \b
    brianpresyn sweep --set data_set=digits --set n_epochs=20 --over l2=0,0.01 --over seed=1,2,3
    brianpresyn sweep --over release=plastic,fixed,reliable --over seed=1,2 --scheduler tcp://10.0.0.1:8786

    What breaks off (Ctrl-C, a killed process, a full disk) goes on where it was when started again.
    """
    from rate_models.devices import Execution
    from rate_models.experiments.network_sweep import grid, sweep_networks
    from validation.report import writable_folder
    from validation.runs import data_folder

    load_plugins(plugins)
    swept = {
        name: [_value(name, text) for text in values.split(",")] for name, values in _pairs(over, "--over")
    }
    shared = {name: _value(name, text) for name, text in _pairs(fixed, "--set")}
    shared |= {name: value for name, value in (("release", method), ("data_set", data)) if value}
    with _naming_plugins(plugins, method, data):
        points = grid(shared, swept)
    folder = writable_folder(out)
    with progress_bar("sweep") as on_progress:
        result = sweep_networks(
            points,
            folder,
            executor=executor_for(scheduler, processes),
            execution=Execution(device, dtype, data_folder=data_folder({str(p["data_set"]) for p in points})),
            on_progress=on_progress,
        )
    path = folder / "result" / "sweep.nc"
    path.parent.mkdir(exist_ok=True)
    with arriving(path) as part:
        result.assign_attrs({name: str(value) for name, value in result.attrs.items()}).to_netcdf(
            part, engine="scipy"
        )
    Console().print(_summary(result))
    print(f"result: {path.resolve()}")


@contextmanager
def _naming_plugins(plugins: tuple[str, ...], *names: str | None) -> Iterator[None]:
    """Say of a method or data set that nobody knows where one's own come from."""
    try:
        yield
    except ValueError as error:
        if plugins or not any(name and name in str(error) for name in names):
            raise
        raise ValueError(f"{error}: those of your own are loaded by --plugin FILE") from error


def _pairs(texts: tuple[str, ...], option: str) -> list[tuple[str, str]]:
    if wrong := [text for text in texts if "=" not in text]:
        raise click.UsageError(f"{option} needs NAME=VALUE, got {wrong[0]!r}")
    return [(name.strip(), value) for name, value in (text.split("=", 1) for text in texts)]


def _value(name: str, text: str) -> Any:
    """Return `text` as a value of the kind that the setting has."""
    from rate_models.experiments.network_sweep import NetworkSettings

    return getattr(changed(NetworkSettings(), {name: text}), name)


def _summary(result: xarray.Dataset) -> Table:
    """Return a table of means ± standard errors over seeds, one row per combination of the other settings."""
    over = "seed" if "seed" in result.dims else None
    mean = result.mean(over) if over else result
    error = result.std(over, ddof=1) / result[over].size ** 0.5 if over else None
    dims = [str(dim) for dim in mean.accuracy.dims]
    shown = ["accuracy", "information", "synaptic_energy", "mean_p", "share_high_p"]
    rows = []
    for values in mean.accuracy.stack(row=dims).row.values if dims else [()]:
        at = dict(zip(dims, values, strict=True))
        cells = []
        for name in shown:
            value = float(mean[name].sel(at))
            spread = f" ± {float(error[name].sel(at)):.2g}" if error is not None else ""
            cells.append(f"{value:.4g}{spread}" if math.isfinite(value) else "–")
        rows.append((*values, *cells))
    columns = [heading.replace("_", " ") for heading in (*dims, *shown)]
    title = f"mean ± standard error over {result[over].size} seeds" if over else None
    return table_of(columns, rows, title)
