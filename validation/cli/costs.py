"""The command that shows what reliability costs: exponents, the ATP of one synapse, figures of both."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from validation.cli.terminal import errors, file_option, refuse_outputs, table_of

_LARGEST_RATIO = 1e12
"""Of two means, sds, costs or rates of one table; beyond it a number is a slip of the pen."""


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
    type=click.Path(dir_okay=False),
    help="Fit exponents to a table of yours: mean (mV), sd (mV), and cost (ATP/s, say) or rate (Hz).",
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
    data: str | None,
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
      brianpresyn costs --data my.csv

    With --data: one row for each synapse or condition; columns sd error, cost error and mechanism are used if
    they are there. From rates instead of costs follows the rho that would make these variances optimal.
    """
    from biophys.cost_exponents import plot_exponents

    refuse_outputs({"--figure": figure, "--map": exponent_map}, data)
    console = Console()
    # Every table before any is shown: a wrong value ends in one line, not in half an answer.
    tables = [_table_of_exponents(cooperativity) if data is None else _table_of_data(data)]
    # Nothing but the budget of a synapse reads n, p, q or a rate.
    source = click.get_current_context().get_parameter_source
    if atp or any(source(name) is ParameterSource.COMMANDLINE for name in ("n", "p", "q", "rate")):
        tables.append(_table_of_atp(n, p, q, rate, cooperativity))
    for table in tables:
        console.print(table)
    if figure is not None:
        _save_figure(figure, (12, 5), lambda canvas: plot_exponents(canvas, cooperativity=cooperativity))
    if exponent_map is not None:
        _save_figure(exponent_map, (9, 4), lambda canvas: _draw_exponent_map(canvas, cooperativity))


def _table_of_exponents(cooperativity: float) -> Table:
    """Return fitted beside analytic exponents of the four costs."""
    from biophys.cost_exponents import exponent_table

    columns = ("mechanism", "cost", "swept", "rho (analytic)", "rho (fitted) [95 %]", "a power law", "while")
    rows = [
        (
            row.mechanism,
            row.formula,
            f"{row.varying} = {row.low:g} ... {row.high:g}",
            f"{row.analytic:.4f}",
            f"{row.fit.exponent:.4f} [{row.fit.interval[0]:.4f}, {row.fit.interval[1]:.4f}]",
            "yes" if row.holds else "no",
            row.holds_while,
        )
        for row in exponent_table(cooperativity=cooperativity)
    ]
    return table_of(columns, rows, "Cost of reliability: cost ~ sd^-rho at fixed mean PSP")


def _table_of_data(path: str) -> Table:
    """Return the exponents of the user's own synapses, all together and by mechanism."""
    from biophys.recordings.tables import TableError, read_table

    try:
        read = read_table(path)
        rows = _own_exponents(read)
        for remark in read.remarks:
            errors.print(f"[dim]{read.source}: read with {remark}[/]")
    except (TableError, TypeError, ValueError, OSError) as error:
        raise click.UsageError(f"{path}: {error}" if path not in str(error) else str(error)) from None
    columns = ("synapses", "n", "what", "exponent [95 %]", "means")
    return table_of(columns, rows, f"Exponents of {read.source}")


def _own_exponents(read: Any) -> list[tuple[str, ...]]:
    """Return one line for each mechanism of a table of mean, sd, and cost or rate."""
    import numpy as np
    import quantities as pq

    from biophys.recordings.tables import TableError

    missing = [name for name in ("mean", "sd") if name not in read.columns]
    kind = next((name for name in ("cost", "rate") if name in read.columns), None)
    if missing or kind is None:
        wanted = missing[0] if missing else "cost' or 'rate"
        if "sd" in missing and {"variance", "var"} & read.columns.keys():
            raise TableError("no column 'sd': take the root of the variances, and call it 'sd (mV)'")
        raise TableError(f"no column '{wanted}'; the columns are {', '.join(map(repr, read.columns))}")
    examples = {"mean": "mV", "sd": "mV", "cost": "ATP/s", "rate": "Hz"}
    measured = {name: _positive(read, name, examples[name]) for name in ("mean", "sd", kind)}
    if kind == "rate" and measured[kind].dimensionality.simplified != pq.Hz.dimensionality.simplified:
        raise read.header_error(kind, f"{measured[kind].dimensionality} is no rate; write 'rate (Hz)'")
    spreads = {
        f"{name}_error": _positive(read, f"{column} error", examples[column])
        for name, column in (("sd", "sd"), ("cost", kind))
        if f"{column} error" in read.columns
    }
    unused = set(read.columns) - {"mean", "sd", kind, "sd error", f"{kind} error", "mechanism", "synapse"}
    if unused:
        read.remarks.append(f"columns not used: {', '.join(sorted(unused))}")
    groups = np.array(read.labels("mechanism") if "mechanism" in read.columns else ["all"] * len(read.lines))
    rows: list[tuple[str, ...]] = []
    for group in dict.fromkeys(groups.tolist()):
        is_of = groups == group
        mean, sd, other = (measured[name][is_of] for name in ("mean", "sd", kind))
        errors = {name: values[is_of] for name, values in spreads.items()}
        try:
            cells = _exponent_row(kind, mean, sd, other, errors)
        except ValueError as error:
            if groups[0] == groups[-1] == group:
                raise
            cells = ("not fitted", str(error), "")
        rows.append((str(group), str(int(is_of.sum())), *cells))
    return rows


def _positive(read: Any, name: str, example: str) -> Any:
    """Return a column of amounts above 0 with its unit; a mean may be negative throughout."""
    import numpy as np

    values = read.quantity(name, example)
    sizes = np.abs(values.magnitude) if name == "mean" else values.magnitude
    for line, size in zip(read.lines, sizes, strict=True):
        if not size > 0:
            unmeasured = "empty; leave out rows that were not measured"
            raise read.error(line, name, unmeasured if np.isnan(size) else f"{size:g} is not above 0")
    if name == "mean" and values.magnitude.min() < 0 < values.magnitude.max():
        line = read.lines[int(np.argmin(values.magnitude))]
        raise read.error(line, name, "of another sign than the others; analyse them apart")
    if sizes.max() > _LARGEST_RATIO * sizes.min():
        farthest = int(np.argmax(np.abs(np.log(sizes / np.median(sizes)))))
        problem = f"{sizes[farthest]:g} lies far from all others"
        raise read.error(read.lines[farthest], name, f"{problem}; check it")
    return values


def _exponent_row(
    column: str, mean: Any, sd: Any, other: Any, errors: dict[str, Any]
) -> tuple[str, str, str]:
    """Return what was fitted, the exponent with its interval, and how the means compare."""
    import numpy as np

    from biophys.cost_exponents import fit_cost_exponent
    from biophys.optimal_precision import exponent_from_input_slope

    if mean.dimensionality.simplified != sd.dimensionality.simplified:
        problem = "mean and sd must have one dimension"
        raise TypeError(f"{problem}, got {mean.dimensionality.string} and {sd.dimensionality.string}")
    spread = float(np.max(np.abs(mean.magnitude)) / np.min(np.abs(mean.magnitude)) - 1.0)
    means = (
        f"within {100 * spread:.1f} %" if spread <= 0.05 else f"differ by {100 * spread:.0f} %, fitted too"
    )
    if column == "cost":
        fit = fit_cost_exponent(sd, other, mean=np.abs(mean.magnitude), **errors)
        low, high = fit.interval
        return "cost ~ sd^-rho", f"rho = {fit.exponent:.3f} [{low:.3f}, {high:.3f}]", means
    # sd ~ rate^(slope / 2): the errors change places.
    swapped = {"sd_error": ("cost_error", other.units), "cost_error": ("sd_error", sd.units)}
    plain = {name: errors[given] / unit for name, (given, unit) in swapped.items() if given in errors}
    fit = fit_cost_exponent(other / other.units, sd / sd.units, mean=np.abs(mean.magnitude), **plain)
    slope, ends = -2.0 * fit.exponent, sorted((-2.0 * fit.interval[0], -2.0 * fit.interval[1]))
    text = f"slope = {slope:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"
    if ends[1] >= 0:
        return "variance ~ rate^slope", f"{text}; rho open: the variance need not fall", means
    rho = [float(exponent_from_input_slope(x)) for x in (slope, *ends)]
    return "variance ~ rate^slope", f"{text}; rho = {rho[0]:.2f} [{rho[1]:.2f}, {rho[2]:.2f}]", means


def _table_of_atp(n: int, p: float, q: float, rate: float, cooperativity: float) -> Table:
    """Return what each mechanism of one synapse costs in ATP, with the range of the published constants."""
    import numpy as np
    import quantities as pq

    from biophys.absolute_costs import ReferenceSynapse, budget_table
    from biophys.quantal import QuantalSynapse

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


def _draw_exponent_map(canvas: Figure, cooperativity: float) -> None:
    """Draw where the sum of the four costs has which exponent."""
    import quantities as pq

    from biophys.cost_exponents import plot_exponent_map
    from biophys.energy_costs import CostMixture, reliability_costs

    four = CostMixture(reliability_costs(cooperativity, reference_q=0.2 * pq.mV))
    plot_exponent_map(canvas, four, 0.3 * pq.mV)


def _save_figure(path: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
    """Draw into a new figure and write it to `path`."""
    canvas = Figure(figsize=size)
    draw(canvas)
    canvas.savefig(path)
    print(f"figure: {path.resolve()}")
