"""The command line ``brianpresyn`` (also ``python -m validation``)."""

import io
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from biophys.plugins import load_plugins
from biophys.processes import cpp_compiler
from validation.cli.costs import costs
from validation.cli.fit import fit
from validation.cli.terminal import (
    errors,
    file_option,
    folder_option,
    plugin_option,
    print_error,
    profile_option,
    progress_bar,
    table_of,
)
from validation.cli.training import ann, sweep
from validation.versions import installed_versions

EXIT_RAN = 0
EXIT_CLAIM_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    # A terminal that cannot show a sign shows another; it does not end the command.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # Asked to end, leave as Ctrl-C does: workers and temporary files go too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(exit_code_of(sys.argv[1:] if arguments is None else arguments))


def exit_code_of(arguments: list[str]) -> int:
    """Run the command line; print an error in one line, unless ``--debug`` is among the arguments."""
    shows_traceback = "--debug" in arguments
    try:
        result = commands.main(
            # Without arguments it says what it can do.
            [argument for argument in arguments or ["--help"] if argument != "--debug"],
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
        print_error(error.format_message(), f"try: {command} --help")
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        print_error("interrupted")
        return EXIT_INTERRUPTED
    except Exception as error:  # a user sees one line; --debug shows the rest
        if shows_traceback:
            raise
        print_error(str(error) or type(error).__name__, "brianpresyn --debug ... shows where")
        return EXIT_USAGE


@click.group(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ran; 1 a claim that was expected to hold did not (validate --strict); 2 usage.",
)
@click.version_option(package_name="brianpresyn")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def commands(debug: bool) -> None:
    """Unreliable, plastic and metabolically costly synapses.

    \b
    n, p and q of your recordings; a table to start from:
      brianpresyn fit --example my.csv
    What reliability costs a synapse, with a figure:
      brianpresyn costs --figure costs.svg
    Networks that learn which synapses to trust, in seconds:
      brianpresyn ann energy
    What two papers claim, measured again, with a report to open in a browser:
      brianpresyn validate --claims M02,S18 --out report
    Recordings and images, where they are and how to get them:
      brianpresyn data status

    \b
    In Python, from brianpresyn import binomial_release, synapses  gives Brian2 networks such synapses,
    from brianpresyn.biophys import QuantalSynapse  the numbers, and brianpresyn.rate_models torch layers.
    """


@commands.command()
@profile_option("quick: seconds to a minute for each claim, on small data; full: the papers' own size.")
@click.option("--claims", metavar="ID,ID...", help="Only these claims, for example M02,S18.  [default: all]")
@folder_option("report", "Folder for report.html and claims.json; made if it does not exist.")
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
@file_option("--merge", help="Also enter what was measured into this file of collected claims.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=1024),
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
@plugin_option("claims and data sets")
def validate(
    plugins: tuple[str, ...],
    profile: Literal["quick", "full"],
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
    machines. Claims whose data or packages are missing appear as not run, with the reason.
    """
    from validation.claims_file import collected_claims, merge_claims, read_claims
    from validation.cli.report_tables import print_comparison, print_summary
    from validation.context import Context
    from validation.evaluation import measure_claims
    from validation.registry import claims_named
    from validation.report import writable_folder, write_report
    from validation.report_comparison import compared

    load_plugins(plugins)
    # Read first: a wrong file should not cost a measurement, and --out may replace it.
    earlier = None if compare is None else (str(compare), read_claims(compare))
    if merge is not None:
        collected_claims(merge)
    ids = None if claims is None else [claim for claim in claims.split(",") if claim.strip()]
    if ids == []:
        raise click.UsageError("--claims needs at least one claim id, for example --claims M02,S18")
    if ids:
        claims_named(ids)
    folder = writable_folder(out)
    # What took hours is kept: a run that breaks off goes on when it is started again.
    keep = folder / "results" if profile == "full" else None
    context = Context(profile=profile, seed=seed, device=device, results=results, keep=keep)
    with _progress_of_measures(ids) as on_progress:
        findings = measure_claims(ids, context, n_jobs=jobs, on_progress=on_progress)
    try:
        page, claims_file = write_report(findings, folder, earlier=earlier)
    except OSError as error:
        # What was measured is not lost.
        folder = Path(tempfile.mkdtemp(prefix="brianpresyn-report-"))
        print_error(f"{error.strerror or error}; the report was written into {folder}")
        page, claims_file = write_report(findings, folder, earlier=earlier)
    document = json.loads(claims_file.read_text(encoding="utf-8"))
    if merge is not None:
        merge_claims(merge, document)
    print_summary(findings)
    if earlier is not None:
        print_comparison(compared(document, findings.ids, *earlier))
    for run in findings.errors():
        print_error(f"{run.measure.name}: {run.error}")
    print(f"report: {page.resolve()}\nclaims: {claims_file.resolve()}")
    if strict and (findings.failures() or findings.errors()):
        failed = ", ".join(claim.id for claim in findings.failures()) or "a measurement ended in an error"
        print_error(f"expected to hold, but did not: {failed}")
        return EXIT_CLAIM_FAILED
    return EXIT_RAN


@contextmanager
def _progress_of_measures(ids: list[str] | None) -> Iterator[Callable]:
    """Show one bar for all measures and yield the function that moves it."""
    from validation.evaluation import measures_of

    done = {measure.name: 0.0 for measure in measures_of(ids)}
    with progress_bar("measuring") as advance:

        def on_progress(measure, fraction: float, doing: str) -> None:
            done[measure.name] = fraction
            description = f"{', '.join(measure.claims)} ({measure.rendering}) {doing}".strip()
            advance(sum(done.values()) / len(done), description)

        yield on_progress


for command in (costs, fit, ann, sweep):
    commands.add_command(command)


@commands.command()
def info() -> None:
    """Show versions, devices, code generation targets and where data sets are looked for."""
    devices = "torch is not installed:  pip install 'brianpresyn[rate]'"
    with suppress(ImportError):
        import torch

        gpus = [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
        devices = ", ".join(["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])])
    table = Table(show_header=False, box=None)
    table.add_row("python", f"{platform.python_version()} on {platform.platform()}")
    for package, version in installed_versions().items():
        table.add_row(package, version)
    table.add_row("torch devices", devices)
    table.add_row("C++ compiler", cpp_compiler() or "none found: Brian2 then runs on numpy only")
    table.add_row("BRIANPRESYN_DATA", os.environ.get("BRIANPRESYN_DATA") or "not set")
    Console().print(table)


@commands.group(no_args_is_help=True)
def data() -> None:
    """Find data sets and fetch them from their public sources."""


@data.command("status")
@plugin_option("data sets")
def data_status(plugins: tuple[str, ...]) -> None:
    """Show which data sets are there, where, and whether their content is right."""
    from validation.data.datastore import status

    load_plugins(plugins)
    rows = [
        (row.name, "no" if row.problem else "yes", escape(row.problem or str(row.path))) for row in status()
    ]
    Console().print(table_of(("data set", "there", "where, or what is wrong"), rows))


@data.command("fetch")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Fetch every data set that can be downloaded.")
@plugin_option("data sets")
def data_fetch(names: tuple[str, ...], everything: bool, plugins: tuple[str, ...]) -> None:
    """Download data sets NAMES into the cache and check their content.

    brianpresyn data status  lists the names.
    """
    from validation.data.datastore import DATA_SETS, fetch

    load_plugins(plugins)
    public = [name for name, data_set in DATA_SETS.items() if all(file.urls for file in data_set.files)]
    wanted = public if everything else list(names)
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
