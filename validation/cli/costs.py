"""The command that shows what reliability costs: exponents, the ATP of one synapse, figures of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from rich.console import Console

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table


@click.command()
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
@click.option("--atp", is_flag=True, help="Also show the ATP budget of a synapse, by mechanism.")
@click.option("--n", type=int, default=5, show_default=True, help="Its number of release sites.")
@click.option("--p", type=float, default=0.4, show_default=True, help="Its release probability.")
@click.option("--q", type=float, default=0.2, show_default=True, help="Its quantal size in mV.")
@click.option("--rate", type=float, default=4.0, show_default=True, help="Its firing rate in Hz.")
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
    if atp or _describes_a_synapse(click.get_current_context()):
        tables.append(_table_of_atp(n, p, q, rate, cooperativity))
    for table in tables:
        console.print(table)
    if figure is not None:
        _save_figure(figure, (12, 5), lambda canvas: plot_exponents(canvas, cooperativity=cooperativity))
    if exponent_map is not None:
        _save_figure(exponent_map, (9, 4), lambda canvas: _draw_exponent_map(canvas, cooperativity))


def _describes_a_synapse(context: click.Context) -> bool:
    """Return whether the user gave n, p, q or a rate, which nothing but the budget of a synapse reads."""
    return any(
        context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("n", "p", "q", "rate")
    )


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
