"""The command that trains networks over a grid of settings, here, on all cores, or on a Dask cluster."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

_errors = Console(stderr=True)


@click.command("sweep")
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
@click.option("--processes", default=1, show_default=True, help="Local processes; 0 for one per core.")
@click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler, for example tcp://10.0.0.1:8786.")
@click.option("--device", default="auto", show_default=True, help="Torch device: cpu, cuda, mps or auto.")
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="sweep",
    show_default=True,
    help="Folder of finished groups and of the result (sweep.nc). Started again, only what is missing runs.",
)
def sweep(
    over: tuple[str, ...],
    fixed: tuple[str, ...],
    processes: int,
    scheduler: str | None,
    device: str,
    dtype: str,
    out: Path,
) -> None:
    """Train networks over a grid of settings and tell what each transmits and spends.

    \b
    brianpresyn sweep --set data_set=digits --set n_epochs=20 --over l2=0,0.01 --over seed=1,2,3
    brianpresyn sweep --over release=plastic,fixed,reliable --over seed=1,2 --scheduler tcp://10.0.0.1:8786

    What breaks off (Ctrl-C, a killed process, a full disk) goes on where it was when started again.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from rate_models.devices import Execution
    from rate_models.experiments.network_sweep import grid, sweep_networks
    from rate_models.sweep import executor_for
    from validation.report import writable_folder

    swept = {
        name: [_value(name, text) for text in values.split(",")] for name, values in _pairs(over, "--over")
    }
    shared = {name: _value(name, text) for name, text in _pairs(fixed, "--set")}
    points = grid(shared, swept)
    folder = writable_folder(out)
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=_errors) as progress:
        bar = progress.add_task("", total=1.0)

        def on_progress(fraction: float, doing: str) -> None:
            progress.update(bar, completed=fraction, description=escape(doing))

        result = sweep_networks(
            points,
            folder,
            executor=executor_for(scheduler, processes),
            execution=Execution(device, dtype),
            on_progress=on_progress,
        )
    Console().print(_summary(result))
    path = folder / "result" / "sweep.nc"
    path.parent.mkdir(exist_ok=True)
    result.assign_attrs({name: str(value) for name, value in result.attrs.items()}).to_netcdf(
        path, engine="scipy"
    )
    print(f"result: {path.resolve()}")


def _pairs(texts: tuple[str, ...], option: str) -> list[tuple[str, str]]:
    wrong = [text for text in texts if "=" not in text]
    if wrong:
        raise click.UsageError(f"{option} needs NAME=VALUE, got {wrong[0]!r}")
    return [(name.strip(), value) for name, value in (text.split("=", 1) for text in texts)]


def _value(name: str, text: str) -> Any:
    """Return `text` as a value of the kind that the setting has."""
    from rate_models.experiments.network_sweep import NetworkSettings

    defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(NetworkSettings)}
    if name not in defaults:
        raise ValueError(f"unknown setting {name!r}: there are {', '.join(defaults)}")
    kind = type(defaults[name])
    if kind is bool:
        if text.strip().lower() not in ("true", "false"):
            raise ValueError(f"{name} must be true or false, got {text!r}")
        return text.strip().lower() == "true"
    try:
        return kind(text.strip())
    except ValueError:
        raise ValueError(f"{name} must be of type {kind.__name__}, got {text!r}") from None


def _summary(result: xarray.Dataset) -> Table:
    """Return a table of means ± standard errors over seeds, one row per combination of the other settings."""
    from rich.table import Table

    over = "seed" if "seed" in result.dims else None
    mean = result.mean(over) if over else result
    error = result.std(over, ddof=1) / result[over].size ** 0.5 if over else None
    dims = [str(dim) for dim in mean.accuracy.dims]
    shown = ["accuracy", "information", "synaptic_energy", "mean_p", "share_high_p"]
    table = Table(title=f"mean ± standard error over {result[over].size} seeds" if over else None)
    for heading in (*dims, *shown):
        table.add_column(heading.replace("_", " "))
    rows = mean.accuracy.stack(row=dims).row.values if dims else [()]
    for row in rows:
        at = dict(zip(dims, row, strict=True))
        cells = []
        for name in shown:
            value = float(mean[name].sel(at))
            spread = f" ± {float(error[name].sel(at)):.2g}" if error is not None else ""
            cells.append(f"{value:.4g}{spread}" if math.isfinite(value) else "–")
        table.add_row(*(str(value) for value in at.values()), *cells)
    return table
