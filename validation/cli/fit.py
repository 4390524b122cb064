"""The command that fits n, p, q and short-term dynamics to a table of recorded responses."""

import csv
import re
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np
import quantities as pq
from rich.console import Console

from biophys import QuantalSynapse, ShortTermDynamics, simulate_recording
from biophys.recordings.fit_storage import as_json
from biophys.recordings.fitting import ReleaseFits, fit_releases
from biophys.recordings.tables import (
    TableError,
    condition_columns,
    read_table,
    recorded_synapses,
    suspicious_scale,
    unit_named,
)
from biophys.recordings.trace_files import TRACE_SUFFIXES, read_traces, recorded_responses
from biophys.recordings.train_dynamics import DYNAMICS
from biophys.whole_files import arriving
from validation.cli.terminal import (
    file_option,
    print_remarks,
    progress_bar,
    refuse_outputs,
    table_of,
    table_options,
)

_FAILED = 1


@click.command()
@click.argument("table", required=False)
@click.option(
    "--condition", default="condition", show_default=True, help="Column of the conditions, or several: a,b."
)
@click.option(
    "--noise",
    metavar="SD|baseline|free",
    help="Recording noise: 0.5pA, say, the column baseline, or fitted.  [default: baseline if there]",
)
@click.option("--cv-within", default=0.0, show_default=True, help="Quantal CV within sites, 0 to 2.")
@click.option(
    "--dynamics", type=click.Choice([*DYNAMICS]), default="none", show_default=True, help="Of trains."
)
@click.option("--n", type=click.IntRange(min=1), help="Number of release sites, if it is known.")
@click.option("--robust", is_flag=True, help="Allow for artefacts among the responses.")
@table_options("amplitude (A), interval (s)")
@click.option("--new-sweep-after", metavar="TIME", help="An interval from which a new sweep begins: 10s.")
@click.option("--stimuli", metavar="TIMES|CHANNEL", help="Of traces: 100ms,120ms from the start of a sweep.")
@click.option("--window", metavar="FROM:TO", help="Of traces: where a response has its peak, 2ms:20ms.")
@click.option("--channel", metavar="NAME", help="Of traces: the one with the responses, by name or number.")
@click.option("--baseline", metavar="TIME", help="Of traces: before each stimulus.  [default: 5ms]")
@click.option("--average", metavar="TIME", help="Of traces: around the peak.  [default: 1ms]")
@file_option("--report", help="Write a page with figures and a methods paragraph (html).")
@click.option(
    "--figures",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="Of how many synapses the page has figures, those with the most warnings first.",
)
@file_option("--json", "json_file", help="Write everything, to read back with ReleaseFit.from_dict.")
@file_option("--csv", "csv_file", help="Write one row of estimates for each synapse.")
@file_option("--example", help="Write a simulated table to start from, and stop.")
def fit(
    table: str | None,
    noise: str | None,
    cv_within: float,
    report: Path | None,
    json_file: Path | None,
    csv_file: Path | None,
    example: Path | None,
    **options: Any,
) -> int:
    """Fit n, p, q and short-term dynamics to TABLE, one row for each response.

    csv, tsv, json or xlsx, or - for the standard input. The header names the columns with their units:
    amplitude (pA); and if there are any: time (s) or interval (ms), sweep, condition, synapse, spike (0 or
    1), baseline (pA); usual other names (EPSC, peak, cell, trial, pulse) are taken for these. Empty cells are
    responses that were not measured. Or a file of traces (abf, nwb, wcp, ...), of which --stimuli and
    --window say where the responses are.

    \b
    Examples:
      brianpresyn fit --example trains.csv
      brianpresyn fit trains.csv --dynamics depletion --cv-within 0.3 --report trains.html
      brianpresyn fit two_calcium.csv --noise 0.5pA --condition calcium
      brianpresyn fit cell.abf --stimuli 100ms,120ms --window 2ms:15ms --channel 'IN 0'
    """
    outputs = {"--report": report, "--json": json_file, "--csv": csv_file, "--example": example}
    refuse_outputs(outputs, table)
    if example is not None:
        if example.exists():
            raise click.UsageError(f"--example: {example} is there already; name another file")
        example.write_text(example_table(), encoding="utf-8")
        print(f"example: {example.resolve()}")
        print(f"try it:  brianpresyn fit {example} {EXAMPLE_OPTIONS} --report fit.html")
        return 0
    if table is None:
        raise click.UsageError("name a table, or write one to start from with --example my.csv")
    if table != "-" and not Path(table).is_file():
        raise click.UsageError(f"no such file: {table}")
    of_traces = {name: options[name] for name in ("stimuli", "window", "channel", "baseline", "average")}
    holds_traces = Path(table).suffix.lower() in TRACE_SUFFIXES
    of_the_other = ("columns", "sheet", "new_sweep_after") if holds_traces else tuple(of_traces)
    if given := [name.replace("_", "-") for name in of_the_other if options[name] is not None]:
        why = f"tables; {table} holds traces"
        if not holds_traces:
            known = f"{' '.join(TRACE_SUFFIXES)}; export others as these"
            why = f"files of traces ({known}); a table holds amplitudes already"
        raise click.UsageError(f"--{given[0]} is of {why}")
    try:
        if holds_traces:
            read, synapses = _from_traces(table, of_traces)
        else:
            read = read_table(table, options["columns"], options["sheet"])
            gap = _time(options["new_sweep_after"], "--new-sweep-after")
            synapses = recorded_synapses(read, condition=options["condition"], new_sweep_after=gap)
    except (TableError, OSError) as error:
        raise click.UsageError(str(error)) from None
    if not 0 <= cv_within <= 2:
        raise click.UsageError(f"--cv-within must be in 0 to 2, got {cv_within}")
    if options["dynamics"] != "none" and "intervals" not in synapses[0].arguments:
        raise click.UsageError("--dynamics needs a column of times, 'time (ms)' or 'interval (ms)'")
    read.remarks.extend(suspicious_scale(synapses, is_train=options["dynamics"] != "none"))
    model = {name: options[name] for name in ("dynamics", "n", "robust")}
    fits = _fits(synapses, noise, model | {"variability": cv_within})
    print_remarks(read.source, read.remarks)
    _show(fits)
    # Before the report: nothing in its figures may lose what was fitted.
    _write_numbers(fits, json_file, csv_file)
    if report is not None:
        from validation.fit_report import write_fit_report

        page = {"source": read.source, "remarks": read.remarks, "n_figures": options["figures"]}
        named = condition_columns(options["condition"])
        units = {} if holds_traces else read.units
        page["condition"] = ", ".join(f"{name} in {units[name]}" if name in units else name for name in named)
        with progress_bar("report") as on_progress:
            write_fit_report(fits, report, **page, on_progress=on_progress)
        print(f"report: {report.resolve()}")
    return _FAILED if any(hasattr(one, "reason") for one in fits.values()) else 0


def _from_traces(path: str, options: dict[str, str | None]) -> tuple[Any, list[Any]]:
    """Return the traces of a file and the synapse whose responses they hold."""
    stimuli, window = options["stimuli"], options["window"]
    read = read_traces(path)
    if stimuli is None or window is None:
        names = ", ".join(read.channels)
        stimuli_are = "--stimuli 100ms,120ms (or --stimuli CHANNEL, one that rises at each stimulus)"
        remedy = f"say with {stimuli_are} and --window 2ms:20ms where the responses are"
        raise click.UsageError(f"{read.source} holds traces ({names}): {remedy}")
    first, mark, last = window.partition(":")
    at = stimuli if stimuli in read.channels else _times(stimuli, list(read.channels))
    if not mark:
        raise click.UsageError(f"--window must be two times, such as 2ms:20ms, got {window!r}")
    synapse = recorded_responses(
        read,
        stimuli=at,
        window=(_time(first, "--window"), _time(last, "--window")),
        channel=options["channel"],
        baseline=_time(options["baseline"], "--baseline"),
        average=_time(options["average"], "--average"),
    )
    return read, [synapse]


def _times(text: str, channels: list[str]) -> Any:
    try:
        return pq.Quantity([float(_time(each, "--stimuli").rescale("ms")) for each in text.split(",")], pq.ms)
    except click.UsageError:
        wanted = f"times, such as 100ms,120ms, or one of the channels {', '.join(channels)}"
        raise click.UsageError(f"--stimuli must be {wanted}, got {text!r}") from None


def _time(text: str | None, option: str) -> Any:
    """Return a time with its unit; None if there is none."""
    if text is None:
        return None
    return _quantity(text, option, "a time, such as 5ms", pq.s)


def _quantity(text: str, option: str, wanted: str, unit: Any) -> Any:
    """Return a number with a unit that measures what `unit` does, as in 0.5pA."""
    match = re.fullmatch(r"\s*([-+0-9.eE]+?)\s*([a-zA-Zµμ/%].*)", text)
    try:
        number, symbol = match.groups() if match else ("", "")
        value = pq.Quantity(float(number), unit_named(symbol, option))
        if value.dimensionality.simplified != unit.dimensionality.simplified:
            raise ValueError
    except (ValueError, TableError):
        raise click.UsageError(f"{option} must be {wanted}, got {text!r}") from None
    return value


def _fits(synapses: list[Any], noise: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """Fit every synapse, all together; warnings are in the reports."""
    inputs = []
    for synapse in synapses:
        arguments = dict(synapse.arguments)
        baseline = arguments.pop("baseline", None)
        if noise == "baseline" and baseline is None:
            raise click.UsageError("--noise baseline needs a column baseline, such as 'baseline (pA)'")
        if noise not in (None, "baseline", "free"):
            baseline = _noise(noise, arguments["amplitudes"][0].units)
        known = "free" if noise == "free" or baseline is None else baseline
        inputs.append(arguments | options | {"noise": known})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with progress_bar("fitting") as on_progress:
            fits = fit_releases(inputs, on_progress=on_progress)
    return {synapse.name: one for synapse, one in zip(synapses, fits, strict=True)}


def _noise(text: str, unit: Any) -> Any:
    """Return the noise that was stated, in the dimension of the amplitudes."""
    wanted = f"above 0, such as 0.5pA, and of the dimension of amplitudes in {unit.dimensionality}"
    noise = _quantity(text, "--noise", wanted, unit)
    if not float(noise) > 0:
        raise click.UsageError(f"--noise must be {wanted}, got {text!r}")
    return noise


def _show(fits: dict[str, Any]) -> None:
    """Print the estimates and the warnings of one synapse, or a row for each of several."""
    from validation.fit_report import interval_text, label_of, overview

    console = Console(markup=False, highlight=False, soft_wrap=True)
    fitted = {name: one for name, one in fits.items() if not hasattr(one, "reason")}
    if len(fits) > 1 and fitted:
        head, cells_of = overview(fitted)
        many = [(name, *cells) for name, cells in cells_of.items()]
        title = "estimate (95 % interval); ? not identified"
        console.print(table_of(("synapse", *head, "warnings"), many, title))
        if any(one.diagnostics["warnings"] for one in fitted.values()):
            console.print("- what the warnings say is in --report and --json")
    elif fitted:
        ((name, one),) = fitted.items()
        rows = [
            (label_of(key), f"{each.value:.4g} {each.unit}", interval_text(each), _YES[each.identified])
            for key, each in one.estimates().items()
        ]
        title = f"{name + ': ' if name else ''}{one.n_responses} responses, {one.model_text}"
        console.print(table_of(("parameter", "estimate", "95 % interval", "identified"), rows, title))
        for text in one.diagnostics["warnings"]:
            console.print(f"- {text}")
    for name, failed in fits.items():
        if hasattr(failed, "reason"):
            console.print(f"{name or 'the synapse'}: not fitted: {failed.reason}")


_YES = {True: "yes", False: "no"}


def _write_numbers(fits: dict[str, Any], json_file: Path | None, csv_file: Path | None) -> None:
    if json_file is not None:
        content = {
            name: {"reason": one.reason} if hasattr(one, "reason") else one.to_dict()
            for name, one in fits.items()
        }
        with arriving(json_file) as part:
            part.write_text(as_json(content), encoding="utf-8")
        print(f"json: {json_file.resolve()}")
    if csv_file is not None:
        rows = ReleaseFits(list(fits.values()), list(fits)).table()
        header = list(dict.fromkeys(key for row in rows for key in row))
        with arriving(csv_file) as part, part.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, header, lineterminator="\n")
            out.writeheader()
            out.writerows(rows)
        print(f"csv: {csv_file.resolve()}")


EXAMPLE_OPTIONS = "--dynamics depletion --cv-within 0.3"
"""How the example was simulated: as independent responses of equal quanta it tells nothing of n."""


def example_table() -> str:
    """Return a simulated table: trains of two synapses from rest, with baseline samples."""
    rng = np.random.default_rng(7)
    times = np.cumsum([0.0] + [20.0] * 9 + [50.0, 100.0, 300.0])
    lines = ["synapse,sweep,time (ms),amplitude (pA),baseline (pA)"]
    for name, n, p in (("a", 5, 0.6), ("b", 4, 0.3)):
        x = simulate_recording(
            QuantalSynapse(n, p, -12 * pq.pA),
            rng=rng,
            n_sweeps=15,
            spike_times=times * pq.ms,
            dynamics=ShortTermDynamics(p, 150 * pq.ms, 0 * pq.ms),
            noise=2 * pq.pA,
            variability=0.3,
        )
        for sweep, row in enumerate(x.magnitude, start=1):
            for time, value in zip(times, row, strict=True):
                lines.append(f"{name},{sweep},{time:g},{value:.2f},{rng.normal(0, 2):.2f}")
    return "\n".join(lines) + "\n"
