"""The command that shows what reliability costs: exponents, the ATP of one synapse, figures of both."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import quantities as pq
from click.core import ParameterSource
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from biophys.absolute_costs import ReferenceSynapse, budget_table
from biophys.cost_exponents import exponent_table, plot_exponent_map, plot_exponents
from biophys.energy_costs import CostMixture, reliability_costs
from biophys.quantal import QuantalSynapse
from biophys.recordings.table_exponents import table_exponents
from biophys.recordings.tables import TableError, read_table
from validation.cli.terminal import file_option, print_remarks, refuse_outputs, table_of, table_options


@click.command()
@file_option("--figure", help="Also draw the cost laws into this file (.svg, .png or .pdf).")
@file_option(
    "--map",
    "exponent_map",
    help="Also draw the local exponent of the sum of the four costs over n and p into this file.",
)
@click.option(
    "--cooperativity", default=4.0, show_default=True, help="Hill coefficient of calcium-driven release."
)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="Fit exponents to a table of yours: mean (mV), sd (mV), and cost (ATP/s, say) or rate (Hz).",
)
@table_options("mean (mV), sd (mV), cost (ATP/s)")
@click.option("--atp", is_flag=True, help="Also show the ATP budget of a synapse, by mechanism.")
@click.option("--n", type=int, default=5, show_default=True, help="Its number of release sites.")
@click.option("--p", type=float, default=0.4, show_default=True, help="Its release probability.")
@click.option("--q", type=float, default=0.2, show_default=True, help="Its quantal size in mV.")
@click.option("--rate", type=float, default=4.0, show_default=True, help="Its firing rate in Hz.")
def costs(
    figure: Path | None, exponent_map: Path | None, data: str | None, atp: bool, **options: Any
) -> None:
    """Show how the energetic cost of each mechanism falls with the PSP's standard deviation.

    At fixed mean, cost ~ sd^-rho. The table sets the exponent fitted on a sweep beside the analytic one.

    \b
    Examples:
      brianpresyn costs --figure costs.svg --map exponents.svg
      brianpresyn costs --atp --n 5 --p 0.4 --q 0.2 --rate 4
      brianpresyn costs --data my.csv

    With --data: one row for each synapse or condition, fitted together or by a column mechanism. If they
    are there, columns sd error and cost error are used, and usual other names (std, sigma, average, energy,
    power, frequency) are taken for these.
    From rates instead of costs follows the rho that would make these variances optimal.
    """
    refuse_outputs({"--figure": figure, "--map": exponent_map}, data)
    console = Console()
    # Every table before any is shown: a wrong value ends in one line, not in half an answer.
    cooperativity, columns, sheet = (options.pop(name) for name in ("cooperativity", "columns", "sheet"))
    tables = [_table_of_exponents(cooperativity) if data is None else _table_of_data(data, columns, sheet)]
    # Nothing but the budget of a synapse reads n, p, q or a rate.
    source = click.get_current_context().get_parameter_source
    if atp or any(source(name) is ParameterSource.COMMANDLINE for name in ("n", "p", "q", "rate")):
        tables.append(_table_of_atp(**options, cooperativity=cooperativity))
    for table in tables:
        console.print(table)
    if figure is not None:
        _save_figure(figure, (12, 5), lambda canvas: plot_exponents(canvas, cooperativity=cooperativity))
    if exponent_map is not None:
        four = CostMixture(reliability_costs(cooperativity, reference_q=0.2 * pq.mV))
        _save_figure(exponent_map, (9, 4), lambda canvas: plot_exponent_map(canvas, four, 0.3 * pq.mV))


def _table_of_exponents(cooperativity: float) -> Table:
    """Return fitted beside analytic exponents of the four costs."""
    columns = ("mechanism", "cost", "swept", "rho", "fitted [95 %]", "holds")
    found = exponent_table(cooperativity=cooperativity)
    rows = [
        (
            row.mechanism,
            row.formula,
            f"{row.varying} = {row.low:g} ... {row.high:g}",
            f"{row.analytic:.4f}",
            f"{row.fit.exponent:.4f} [{row.fit.interval[0]:.4f}, {row.fit.interval[1]:.4f}]",
            "yes" if row.holds else "no",
        )
        for row in found
    ]
    table = table_of(columns, rows, "Cost of reliability: cost ~ sd^-rho at fixed mean PSP")
    # Below the table, whose words would break in a column more.
    notes = dict.fromkeys(f"- {row.mechanism}: while {row.holds_while}" for row in found)
    table.caption, table.caption_justify = "\n".join(notes), "left"
    return table


def _table_of_data(path: str, header: str | None, sheet: str | None) -> Table:
    """Return the exponents of the user's own synapses, all together and by mechanism."""
    try:
        read = read_table(path, header, sheet)
        rows = table_exponents(read)
        print_remarks(read.source, read.remarks)
    except (TableError, TypeError, ValueError, OSError) as error:
        name = Path(path).name
        raise click.UsageError(f"{name}: {error}" if name not in str(error) else str(error)) from None
    columns = ("synapses", "n", "what", "exponent [95 %]", "means")
    return table_of(columns, rows, f"Exponents of {read.source}")


def _table_of_atp(n: int, p: float, q: float, rate: float, cooperativity: float) -> Table:
    """Return what each mechanism of one synapse costs in ATP, with the range of the published constants."""
    synapse = QuantalSynapse(n, p, q * pq.mV)
    rows = budget_table(synapse, rate * pq.Hz, ReferenceSynapse(cooperativity=cooperativity))
    amounts = np.array([[row.atp_per_second, row.low, row.high, 1e15 * row.watts, row.share] for row in rows])
    names = [*((row.mechanism, row.source) for row in rows), ("all", "")]
    cells = [
        (name, f"{atp:.3g} [{low:.3g}, {high:.3g}]", f"{femtowatts:.3g}", f"{share:.1%}", source)
        for (name, source), (atp, low, high, femtowatts, share) in zip(
            names, [*amounts, amounts.sum(axis=0)], strict=True
        )
    ]
    columns = ("mechanism", "ATP/s [low, high]", "fW", "share", "source of the constant")
    return table_of(columns, cells, f"ATP of a synapse with n = {n}, p = {p:g}, q = {q:g} mV at {rate:g} Hz")


def _save_figure(path: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
    canvas = Figure(figsize=size)
    draw(canvas)
    canvas.savefig(path)
    print(f"figure: {path.resolve()}")
