"""What the commands show in a terminal while they work: errors in one line, and a bar of progress."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from biophys.progress import Progress

errors = Console(stderr=True, soft_wrap=True)


def table_of(columns: Iterable[str], rows: Iterable[Iterable[Any]], title: str | None = None) -> Table:
    """Return a table for the terminal: its cells as text, in which [] is no markup, long ones folded."""
    table = Table(title=title and Text(title), title_justify="left")
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


def print_remarks(source: str, remarks: Iterable[str]) -> None:
    """Print what was guessed in reading a file."""
    for remark in remarks:
        errors.print(f"[dim]{escape(f'{source}: {remark}')}[/]")


def file_option(*names: str, help: str) -> Callable[..., Any]:
    """Return an option that names a file to be written."""
    return click.option(*names, type=click.Path(dir_okay=False, path_type=Path), help=help)


def table_options(example: str) -> Callable[..., Any]:
    """Return the options that name the columns of a table, and the sheet of a workbook."""
    text = f"Header of a file without one, or with another: '{example}'."
    sheet = click.option("--sheet", metavar="NAME", help="Of a workbook: name or number of the sheet.")
    return lambda command: click.option("--columns", metavar="NAMES", help=text)(sheet(command))


def folder_option(default: str, help: str) -> Callable[..., Any]:
    """Return the option that names the folder of what a command writes."""
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--out", type=kind, default=default, show_default=True, help=help)


def profile_option(help: str) -> Callable[..., Any]:
    """Return the option that says whether things run in small or at the papers' size."""
    kind = click.Choice(["quick", "full"])
    return click.option("--profile", type=kind, default="quick", show_default=True, help=help)


def print_error(message: str, hint: str = "") -> None:
    """Print an error, and what to do about it, in one line."""
    one_line = " ".join(message.split())
    errors.print(f"[bold red]error:[/] {escape(one_line)}" + (f"  [dim]({escape(hint)})[/]" if hint else ""))


def refuse_outputs(outputs: dict[str, Path | None], source: str | None = None) -> None:
    """Make the folders of files to be written; refuse those that would replace the data or each other."""
    taken = {} if source in (None, "-") else {Path(str(source)).resolve(): f"the data in {source}"}
    for option, path in outputs.items():
        if path is None:
            continue
        where = path.resolve()
        if where in taken:
            raise click.UsageError(f"{option} {path} would replace {taken[where]}; name another file")
        taken[where] = f"what {option} writes"
        try:
            where.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f"{option}: {where.parent} cannot be made ({error.strerror})") from None


def plugin_option(what: str) -> Callable[..., Any]:
    """Return the option that names modules of the user's own."""
    return click.option(
        "--plugin",
        "plugins",
        multiple=True,
        metavar="MODULE",
        help=f"A module or file that registers {what} of your own (may be repeated).",
    )


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Show one bar and yield what moves it: a function of the fraction done and of what is being done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, TextColumn("{task.description}"), console=errors) as progress:
        bar = progress.add_task(escape(title), total=1.0)

        def on_progress(fraction: float, doing: str = "") -> None:
            progress.update(bar, completed=fraction, description=escape(doing or title))

        yield on_progress
        on_progress(1.0)
