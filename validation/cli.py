"""The command line ``brianpresyn`` (also ``python -m validation``)."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

from validation.network_sweep import sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

EXIT_RAN = 0
EXIT_CLAIM_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

errors = Console(stderr=True, soft_wrap=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(exit_code_of(sys.argv[1:] if arguments is None else arguments))


def exit_code_of(arguments: list[str]) -> int:
    """Run the command line; print an error in one line, unless ``--debug`` is among the arguments."""
    shows_traceback = "--debug" in arguments
    try:
        result = commands.main(
            [argument for argument in arguments if argument != "--debug"],
            prog_name="brianpresyn",
            standalone_mode=False,
        )
        return result if isinstance(result, int) else EXIT_RAN
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_USAGE
    except click.ClickException as error:
        command = (
            error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "brianpresyn"
        )
        _print_error(error.format_message(), f"try: {command} --help")
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        _print_error("interrupted")
        return EXIT_INTERRUPTED
    except Exception as error:  # a user sees one line; --debug shows the rest
        if shows_traceback:
            raise
        _print_error(str(error) or type(error).__name__, "brianpresyn --debug ... shows where")
        return EXIT_USAGE


def _print_error(message: str, hint: str = "") -> None:
    one_line = " ".join(message.split())
    errors.print(f"[bold red]error:[/] {escape(one_line)}" + (f"  [dim]({escape(hint)})[/]" if hint else ""))


@click.group(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ran; 1 a claim that was expected to hold did not (validate --strict); 2 usage.",
)
@click.version_option(package_name="brianpresyn")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def commands(debug: bool) -> None:
    """Unreliable, plastic and metabolically costly synapses.

    Check the claims of the papers, look at the costs of reliability, get the data sets.

    \b
    Examples:
      brianpresyn validate                          every claim, in small
      brianpresyn validate --claims M02,S18 --out r  just these two
      brianpresyn costs --figure costs.svg          cost against reliability
      brianpresyn data fetch mnist                  download a data set
    """


@commands.command()
@click.option(
    "--profile",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="quick: seconds to a minute for each claim, on small data; full: the papers' own size.",
)
@click.option("--claims", metavar="ID,ID...", help="Only these claims, for example M02,S18.  [default: all]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="report",
    show_default=True,
    help="Folder for report.html and claims.json; made if it does not exist.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=2021,
    show_default=True,
    help="The one seed from which everything random follows.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Torch device of the rate models: cpu, cuda, mps or auto.",
)
@click.option(
    "--results",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of finished full-size experiments; those found there are not run again.",
)
@click.option(
    "--merge",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also enter what was measured into this file of collected claims.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="number of cores",
    help="How many claims are measured at once, each in a process of its own.",
)
@click.option(
    "--compare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="OLD.json",
    help="Also show what changed since an earlier report, of which this is the claims.json.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if a claim that was expected to hold did not.")
def validate(
    profile: str,
    claims: str | None,
    out: Path,
    seed: int,
    device: str,
    results: Path | None,
    merge: Path | None,
    jobs: int,
    compare: Path | None,
    strict: bool,
) -> int:
    """Measure the claims of the papers and write the report.

    report.html shows the claims first, then figures and numbers for each; claims.json holds the same for
    machines. Claims whose data or packages are missing appear as skipped, with the reason.
    """
    from validation.claims.claim import Context
    from validation.claims.evaluation import measure_claims
    from validation.claims.registry import claims_named
    from validation.report import (
        comparison_of,
        merge_claims,
        print_comparison,
        print_summary,
        writable_folder,
        write_report,
    )
    from validation.report_comparison import read_claims

    # Read first: a wrong file should not cost a measurement, and --out may replace it.
    earlier = None if compare is None else (str(compare), read_claims(compare))
    ids = None if claims is None else [claim for claim in claims.split(",") if claim.strip()]
    if ids is not None:
        if not ids:
            raise click.UsageError("--claims needs at least one claim id, for example --claims M02,S18")
        claims_named(ids)
    folder = writable_folder(out)
    context = Context(profile=profile, seed=seed, device=device, results=results)
    with _progress_of_measures(ids) as on_progress:
        findings = measure_claims(ids, context, n_jobs=jobs, on_progress=on_progress)
    page, claims_file = write_report(findings, folder, earlier=earlier)
    document = json.loads(claims_file.read_text(encoding="utf-8"))
    if merge is not None:
        merge_claims(merge, document)
    print_summary(findings)
    if earlier is not None:
        print_comparison(comparison_of(findings, document, *earlier))
    for run in findings.errors():
        _print_error(f"{run.measure.name}: {run.error}")
    print(f"report: {page.resolve()}\nclaims: {claims_file.resolve()}")
    if strict and (findings.failures() or findings.errors()):
        failed = ", ".join(claim.id for claim in findings.failures()) or "a measurement ended in an error"
        _print_error(f"expected to hold, but did not: {failed}")
        return EXIT_CLAIM_FAILED
    return EXIT_RAN


@contextmanager
def _progress_of_measures(ids: list[str] | None) -> Iterator[Callable]:
    """Show one bar for all measures and yield the function that moves it."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from validation.claims.evaluation import measures_of

    done = {measure.name: 0.0 for measure in measures_of(ids)}
    columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=errors) as progress:
        bar = progress.add_task("measuring", total=len(done))

        def on_progress(measure, fraction: float, doing: str) -> None:
            done[measure.name] = fraction
            description = f"{', '.join(measure.claims)} ({measure.rendering}) {doing}".strip()
            progress.update(bar, completed=sum(done.values()), description=escape(description))

        yield on_progress


@commands.command()
@click.option(
    "--figure",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw the cost laws into this file (.svg, .png or .pdf).",
)
@click.option(
    "--map",
    "exponent_map",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw the local exponent of the sum of the four costs over n and p into this file.",
)
@click.option(
    "--cooperativity",
    type=float,
    default=4.0,
    show_default=True,
    help="Hill coefficient of calcium-driven release.",
)
@click.option("--atp", is_flag=True, help="Also show the ATP budget of one synapse, by mechanism.")
@click.option("--n", type=int, default=5, show_default=True, help="Number of release sites, for --atp.")
@click.option("--p", type=float, default=0.4, show_default=True, help="Release probability, for --atp.")
@click.option("--q", type=float, default=0.2, show_default=True, help="Quantal size in mV, for --atp.")
@click.option("--rate", type=float, default=4.0, show_default=True, help="Firing rate in Hz, for --atp.")
def costs(
    figure: Path | None,
    exponent_map: Path | None,
    cooperativity: float,
    atp: bool,
    n: int,
    p: float,
    q: float,
    rate: float,
) -> None:
    """Show how the energetic cost of each mechanism falls with the PSP's standard deviation.

    At fixed mean, cost ~ sd^-rho. The table sets the exponent fitted on a sweep beside the analytic one.

    \b
    Examples:
      brianpresyn costs --figure costs.svg --map exponents.svg
      brianpresyn costs --atp --n 5 --p 0.4 --q 0.2 --rate 4
    """
    from biophys.cost_exponents import plot_exponents

    console = Console()
    # Every table before any is shown: a wrong value ends in one line, not in half an answer.
    tables = [_table_of_exponents(cooperativity)]
    if atp:
        tables.append(_table_of_atp(n, p, q, rate, cooperativity))
    for table in tables:
        console.print(table)
    if figure is not None:
        _save_figure(figure, (12, 5), lambda canvas: plot_exponents(canvas, cooperativity=cooperativity))
    if exponent_map is not None:
        _save_figure(exponent_map, (9, 4), lambda canvas: _draw_exponent_map(canvas, cooperativity))


def _table_of_exponents(cooperativity: float) -> Table:
    """Return fitted beside analytic exponents of the four costs."""
    from rich.table import Table

    from biophys.cost_exponents import exponent_table

    table = Table(title="Cost of reliability: cost ~ sd^-rho at fixed mean PSP", title_justify="left")
    for column in (
        "mechanism",
        "cost",
        "swept",
        "rho (analytic)",
        "rho (fitted) [95 %]",
        "a power law",
        "while",
    ):
        table.add_column(column)
    for row in exponent_table(cooperativity=cooperativity):
        low, high = row.fit.interval
        table.add_row(
            row.mechanism,
            row.formula,
            f"{row.varying} = {row.low:g} ... {row.high:g}",
            f"{row.analytic:.4f}",
            f"{row.fit.exponent:.4f} [{low:.4f}, {high:.4f}]",
            "yes" if row.holds else "no",
            row.holds_while,
        )
    return table


def _table_of_atp(n: int, p: float, q: float, rate: float, cooperativity: float) -> Table:
    """Return what each mechanism of one synapse costs in ATP, with the range of the published constants."""
    import quantities as pq
    from rich.table import Table

    from biophys.absolute_costs import ReferenceSynapse, budget_table
    from biophys.quantal import QuantalSynapse

    synapse = QuantalSynapse(n, p, q * pq.mV)
    rows = budget_table(synapse, rate * pq.Hz, ReferenceSynapse(cooperativity=cooperativity))
    table = Table(
        title=f"ATP of a synapse with n = {n}, p = {p:g}, q = {q:g} mV at {rate:g} Hz", title_justify="left"
    )
    for column in ("mechanism", "ATP/s [low, high]", "fW", "share", "source of the constant"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            row.mechanism,
            f"{row.atp_per_second:.3g} [{row.low:.3g}, {row.high:.3g}]",
            f"{row.watts * 1e15:.3g}",
            f"{row.share:.1%}",
            row.source,
        )
    total = sum(row.atp_per_second for row in rows)
    low, high = sum(row.low for row in rows), sum(row.high for row in rows)
    watts = sum(row.watts for row in rows)
    table.add_row("all", f"{total:.3g} [{low:.3g}, {high:.3g}]", f"{watts * 1e15:.3g}", "100.0%", "")
    return table


def _draw_exponent_map(canvas: Figure, cooperativity: float) -> None:
    """Draw where the sum of the four costs has which exponent."""
    import quantities as pq

    from biophys.cost_exponents import plot_exponent_map
    from biophys.energy_costs import CostMixture, reliability_costs

    four = CostMixture(reliability_costs(cooperativity, reference_q=0.2 * pq.mV))
    plot_exponent_map(canvas, four, 0.3 * pq.mV)


def _save_figure(path: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
    """Draw into a new figure and write it to `path`."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=size)
    draw(canvas)
    canvas.savefig(path)
    print(f"figure: {path.resolve()}")


@commands.command()
@click.argument("name", metavar="EXPERIMENT")
@click.option(
    "--profile",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="quick: the experiment in seconds; full: the paper's size.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting, for example --set seeds=1,2,3 (may be repeated).",
)
@click.option("--device", default="auto", show_default=True, help="Torch device: cpu, cuda, mps or auto.")
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Processes that train batches of networks; 0 for one per core.",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="Train on a Dask cluster: its scheduler, tcp://HOST:PORT."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default="results",
    show_default=True,
    help="Folder for the result (netCDF) and its figures.",
)
def ann(
    name: str,
    profile: str,
    settings: tuple[str, ...],
    device: str,
    processes: int,
    scheduler: str | None,
    out: Path,
) -> None:
    """Run a rate-network experiment and draw the paper's panels.

    \b
    Schug et al. 2021:   energy, lifelong, perceptron
    Malkin et al. 2023:  reliability, signatures, posterior, predictive

    Networks of the full profile are kept beside the result as soon as they are trained: a run that breaks off
    goes on where it was when started again.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from rate_models.sweep import executor_for
    from validation.archive import archived_run
    from validation.experiments import configuration, draw_figures, run_experiment
    from validation.report import writable_folder

    wrong = [setting for setting in settings if "=" not in setting]
    if wrong:
        raise click.UsageError(f"--set needs NAME=VALUE, got {wrong[0]!r}")
    config = configuration(name, profile, dict(setting.split("=", 1) for setting in settings))
    folder = writable_folder(out)
    if profile == "full" and getattr(config, "keep_in", None) == "":
        config = dataclasses.replace(config, keep_in=str(folder / f"{name}-networks"))
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, TextColumn("{task.description}"), console=errors) as progress:
        bar = progress.add_task(name, total=1.0)

        def on_progress(fraction: float, doing: str = "") -> None:
            progress.update(bar, completed=fraction, description=escape(doing or name))

        executor = None if processes == 1 and scheduler is None else executor_for(scheduler, processes)
        path = run_experiment(name, config, folder, device=device, executor=executor, on_progress=on_progress)
    print(f"result: {path.resolve()}")
    for drawn in draw_figures(name, archived_run(path), folder):
        print(f"figure: {drawn.resolve()}")


commands.add_command(sweep)


@commands.command()
def info() -> None:
    """Show versions, devices, code generation targets and where data sets are looked for."""
    import platform

    from rich.table import Table

    from validation.report import installed_versions

    table = Table(show_header=False, box=None)
    table.add_row("python", f"{platform.python_version()} on {platform.platform()}")
    for package, version in installed_versions().items():
        table.add_row(package, version)
    table.add_row("torch devices", _torch_devices())
    table.add_row("C++ compiler", _compiler())
    table.add_row("BRIANPRESYN_DATA", os.environ.get("BRIANPRESYN_DATA") or "not set")
    Console().print(table)


def _torch_devices() -> str:
    try:
        import torch
    except ImportError:
        return "torch is not installed:  pip install 'brianpresyn[rate]'"
    names = ["cpu"]
    if torch.cuda.is_available():
        names += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return ", ".join(names)


def _compiler() -> str:
    import shutil

    found = next((path for name in ("c++", "g++", "clang++") if (path := shutil.which(name))), None)
    return found or "none found: Brian2 then runs on numpy only"


@commands.group(no_args_is_help=True)
def data() -> None:
    """Find data sets and fetch them from their public sources."""


@data.command("status")
def data_status() -> None:
    """Show which data sets are there, where, and whether their content is right."""
    from rich.table import Table

    from validation.datastore import status

    table = Table()
    for column in ("data set", "there", "where, or what is wrong"):
        table.add_column(column, overflow="fold")
    for row in status():
        where = row.path if row.present else row.problem
        table.add_row(row.name, "yes" if row.present else "no", escape(str(where)))
    Console().print(table)


@data.command("fetch")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Fetch every data set.")
def data_fetch(names: tuple[str, ...], everything: bool) -> None:
    """Download data sets NAMES into the cache and check their content.

    brianpresyn data status  lists the names.
    """
    from validation.datastore import DATA_SETS, fetch

    wanted = list(DATA_SETS) if everything else list(names)
    unknown = [name for name in wanted if name not in DATA_SETS]
    if unknown or not wanted:
        problem = f"unknown data set {', '.join(unknown)}" if unknown else "name a data set or give --all"
        raise click.UsageError(f"{problem}: the data sets are {', '.join(DATA_SETS)}")
    with _progress_of_downloads() as on_arrival:
        folders = {name: fetch(name, progress=on_arrival) for name in wanted}
    for name, folder in folders.items():
        print(f"{name}: {folder}")


@contextmanager
def _progress_of_downloads() -> Iterator[Callable]:
    """Show one bar per file and yield the function that moves it."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=errors) as progress:
        bars: dict = {}

        def on_arrival(file: str, n_arrived: int, n_total: int) -> None:
            if file not in bars:
                bars[file] = progress.add_task(escape(file), total=n_total or None)
            progress.update(bars[file], completed=n_arrived)

        yield on_arrival
