"""Tables of recorded responses: read them, say by file, line and column what is wrong, and group them."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import NDArray

from biophys.units import ATP, psp_unit_of

MISSING = {"", "nan", "na", "n/a", "none", "null"}
_HEADER = re.compile(r"^\s*(?P<name>[^()\[\]]+?)\s*[(\[]\s*(?P<unit>[^()\[\]]*)\s*[)\]]\s*$")
_NAMES = ("amplitude", "time", "interval", "sweep", "stimulus", "condition", "synapse", "spike", "baseline")


class TableError(ValueError):
    """What a table says cannot be read: file, line, column, what stands there, what to write."""


@dataclass(frozen=True)
class Table:
    """Columns of a table as text.

    Parameters
    ----------
    columns
        Cells by the name of the column, without its unit.
    units
        Unit of each column that states one, as written.
    lines
        Line of the file that each row stands on.
    source
        Name of the file.
    remarks
        What was guessed: separator, decimal comma.
    """

    columns: dict[str, list[str]]
    units: dict[str, str]
    lines: list[int]
    source: str
    remarks: list[str] = field(default_factory=list)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column as numbers, NaN where a cell is empty.

        Raises
        ------
        TableError
            If a cell holds something else.
        """
        values = np.empty(len(self.lines))
        for i, (cell, line) in enumerate(zip(self.columns[name], self.lines, strict=True)):
            text = cell.strip()
            if text.lower() in MISSING:
                values[i] = math.nan
                continue
            try:
                values[i] = float(text)
            except ValueError:
                raise TableError(
                    f"{self.source}, line {line}, column '{name}': {text!r} is no number; write a number, or "
                    "leave the cell empty where nothing was measured"
                ) from None
        return values

    def quantity(self, name: str, example: str) -> pq.Quantity:
        """Return a column with its unit.

        Raises
        ------
        TableError
            If the header states no unit, or one that is not known.
        """
        if name not in self.units:
            raise TableError(
                f"{self.source}, line 1, column '{name}': no unit; write it into the header, "
                f"'{name} ({example})'"
            )
        return pq.Quantity(
            self.numbers(name), unit_named(self.units[name], f"{self.source}, column '{name}'")
        )


def unit_named(text: str, where: str) -> pq.Quantity:
    """Return a unit by how it is written; dF/F, a.u., 1 and % have none."""
    plain = text.strip().replace("µ", "u").replace("μ", "u")
    if plain.lower() in ("1", "df/f", "dff", "a.u.", "au", "normalised", "normalized", "%"):
        return pq.dimensionless
    try:
        if plain.startswith("ATP"):
            return (ATP * pq.Quantity(1.0, plain.replace("ATP", "1", 1))).units if "/" in plain else ATP
        return pq.Quantity(1.0, plain).units
    except Exception:
        raise TableError(f"{where}: {text!r} is no unit; write for example mV, pA, ms or s") from None


def read_table(path: str, columns: str | None = None) -> Table:
    """Read a csv, tsv, json or xlsx table; ``-`` is the standard input.

    Parameters
    ----------
    path
        File to read.
    columns
        Header of a file without one, its columns separated by commas.

    Raises
    ------
    TableError
        If it is no table.
    FileNotFoundError
        If there is no such file.
    """
    suffix = Path(path).suffix.lower()
    name = "standard input" if path == "-" else Path(path).name
    remarks: list[str] = []
    if suffix == ".xlsx":
        rows = _rows_of_excel(path)
    elif suffix == ".json":
        rows = _rows_of_json(Path(path).read_text(encoding="utf-8"), name)
    else:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        rows, remarks = _rows_of_text(raw, name)
    return _table_of(rows, columns, name, remarks)


def _rows_of_text(raw: bytes, name: str) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Return the cells of a delimited text and what was guessed."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TableError(f"{name}: this is no text; save the table as csv, tsv, json or xlsx") from None
    if "\0" in text:
        raise TableError(f"{name}: this is no table; save it as csv, tsv, json or xlsx")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise TableError(f"{name}: empty; write a header and one row for each response")
    separator = max("\t;,", key=lambda mark: (min(line.count(mark) for line in lines[:20]), mark == "\t"))
    if not any(separator in line for line in lines[:20]):
        separator = ","
    # One column of numbers with a decimal comma looks like two.
    has_comma = separator in "\t;" and any(re.search(r"\d,\d", line) for line in lines)
    remarks = [] if separator == "," else [f"separator {'tab' if separator == chr(9) else separator!r}"]
    remarks += ["decimal comma"] * has_comma
    rows = []
    for number, cells in enumerate(csv.reader(io.StringIO(text), delimiter=separator), start=1):
        if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        if has_comma:
            cells = [re.sub(r"^(\s*[-+]?\d+),(\d+)", r"\1.\2", cell) for cell in cells]
        rows.append((number, cells))
    return rows, remarks


def _rows_of_json(text: str, name: str) -> list[tuple[int, list[str]]]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise TableError(f"{name}, line {error.lineno}: no json ({error.msg})") from None
    if isinstance(content, dict) and content and all(isinstance(v, list) for v in content.values()):
        sizes = {len(v) for v in content.values()}
        if len(sizes) > 1:
            raise TableError(f"{name}: the columns have unequal lengths {sorted(sizes)}")
        content = [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]
    if not isinstance(content, list) or not content or not all(isinstance(row, dict) for row in content):
        raise TableError(f"{name}: write a list of records, or lists by column")
    header = list(dict.fromkeys(key for row in content for key in row))
    cells = [["" if row.get(key) is None else str(row[key]) for key in header] for row in content]
    return [(i, row) for i, row in enumerate([header, *cells], start=1)]


def _rows_of_excel(path: str) -> list[tuple[int, list[str]]]:
    try:
        import openpyxl
    except ImportError:
        raise TableError(
            "reading xlsx needs openpyxl: pip install 'brianpresyn[recordings]', or save the sheet as csv"
        ) from None
    try:
        sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).active
    except (OSError, KeyError, ValueError, openpyxl.utils.exceptions.InvalidFileException) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise TableError(f"{Path(path).name}: this is no xlsx workbook ({error})") from None
    except Exception as error:
        raise TableError(f"{Path(path).name}: this is no xlsx workbook ({error})") from None
    rows = [
        (number, ["" if cell is None else str(cell) for cell in row])
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1)
    ]
    return [(number, cells) for number, cells in rows if any(cell.strip() for cell in cells)]


def _table_of(rows: list[tuple[int, list[str]]], columns: str | None, name: str, remarks: list[str]) -> Table:
    if not rows:
        raise TableError(f"{name}: empty; write a header and one row for each response")
    if columns is not None:
        header, body = [part.strip() for part in columns.split(",")], rows
    else:
        header, body = rows[0][1], rows[1:]
        if all(_is_number(cell) for cell in header if cell.strip()):
            raise TableError(
                f"{name}, line {rows[0][0]}: numbers where the names of the columns should stand; give them "
                "with --columns 'amplitude (pA), interval (ms)'"
            )
    names, units = [], {}
    for cell in header:
        match = _HEADER.match(cell)
        key = (match["name"] if match else cell).strip().lower()
        if key in names:
            raise TableError(f"{name}, line 1: two columns are called '{key}'")
        names.append(key)
        if match:
            units[key] = match["unit"]
    for line, cells in body:
        if len(cells) != len(names):
            raise TableError(f"{name}, line {line}: {len(cells)} cells, but {len(names)} columns are named")
    table = {key: [cells[i] for _, cells in body] for i, key in enumerate(names)}
    return Table(table, units, [line for line, _ in body], name, remarks)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class RecordedSynapse:
    """Arguments of :func:`biophys.fit_release` for one synapse of a table.

    Parameters
    ----------
    name
        Of the synapse; empty if the table has one only.
    arguments
        Amplitudes, intervals, conditions, spikes and baseline samples.
    """

    name: str
    arguments: dict[str, Any]


def recorded_synapses(
    table: Table, *, condition: str = "condition", new_sweep_after: pq.Quantity | None = None
) -> list[RecordedSynapse]:
    """Return the recordings of every synapse of a table with one row for each response.

    Parameters
    ----------
    table
        With the column amplitude, and if there are any: time or interval, sweep, condition, synapse, spike
        and baseline.
    condition
        Name of the column of conditions.
    new_sweep_after
        Interval from which a new sweep begins.

    Raises
    ------
    TableError
        If a column is missing, has no unit or the wrong one, or times run backwards.
    """
    condition = condition.lower()
    if "amplitude" not in table.columns:
        raise TableError(
            f"{table.source}: no column 'amplitude'; the columns are {', '.join(table.columns)}. Known are "
            f"{', '.join(_NAMES)}"
        )
    if condition != "condition" and condition not in table.columns:
        raise TableError(
            f"{table.source}: no column '{condition}'; the columns are {', '.join(table.columns)}"
        )
    amplitude = table.quantity("amplitude", "pA")
    _check_amplitude_unit(amplitude, table)
    names = [cell.strip() for cell in table.columns.get("synapse", [""] * len(table.lines))]
    synapses = []
    for name in dict.fromkeys(names):
        is_of = np.array([other == name for other in names])
        arguments = _arguments_of(table, is_of, amplitude, condition, new_sweep_after)
        synapses.append(RecordedSynapse(name, arguments))
    return synapses


def _check_amplitude_unit(amplitude: pq.Quantity, table: Table) -> None:
    if amplitude.dimensionality.simplified == pq.dimensionless.dimensionality:
        return
    try:
        psp_unit_of(amplitude, "amplitude")
    except ValueError:
        raise TableError(
            f"{table.source}, line 1, column 'amplitude': {table.units['amplitude']} is no unit of a "
            "response; write mV, pA, nS, fC, or dF/F"
        ) from None


def _arguments_of(
    table: Table,
    is_of: NDArray[np.bool_],
    amplitude: pq.Quantity,
    condition: str,
    new_sweep_after: pq.Quantity | None,
) -> dict[str, Any]:
    rows = np.flatnonzero(is_of)
    values = amplitude[rows]
    gaps = _gaps(table, rows)
    sweep = _sweep_numbers(table, rows, gaps, new_sweep_after)
    order = [np.flatnonzero(sweep == s) for s in dict.fromkeys(sweep.tolist())]
    arguments: dict[str, Any] = {"amplitudes": [values[part] for part in order]}
    if gaps is not None:
        arguments["intervals"] = [_from_rest(gaps[part], table, rows[part]) for part in order]
    if condition in table.columns:
        labels = np.array([table.columns[condition][i].strip() for i in rows])
        arguments["conditions"] = _conditions(labels, order, table, is_per_sweep=gaps is not None)
    if "spike" in table.columns:
        arguments["spikes"] = [table.numbers("spike")[rows][part] > 0 for part in order]
    if "baseline" in table.columns:
        samples = table.quantity("baseline", "pA")[rows]
        arguments["baseline"] = samples[np.isfinite(samples.magnitude)]
    return arguments


def _gaps(table: Table, rows: NDArray[np.intp]) -> pq.Quantity | None:
    """Return the interval in ms before each response, NaN at the first of a sweep."""
    if "interval" in table.columns:
        return _in_ms(table, "interval")[rows]
    if "time" not in table.columns:
        return None
    times = _in_ms(table, "time")[rows]
    return np.append(np.nan, np.diff(times.magnitude)) * pq.ms


def _in_ms(table: Table, name: str) -> pq.Quantity:
    values = table.quantity(name, "ms")
    try:
        return values.rescale(pq.ms)
    except ValueError:
        raise TableError(
            f"{table.source}, line 1, column '{name}': {table.units[name]} is no unit of time; write ms or s"
        ) from None


def _sweep_numbers(
    table: Table, rows: NDArray[np.intp], gaps: pq.Quantity | None, new_sweep_after: pq.Quantity | None
) -> NDArray[Any]:
    if "sweep" in table.columns:
        return np.array([table.columns["sweep"][i].strip() for i in rows])
    if new_sweep_after is not None and gaps is not None:
        is_new = ~(gaps.magnitude < float(new_sweep_after.rescale(pq.ms)))
        return np.cumsum(is_new)
    return np.zeros(rows.size, int)


def _from_rest(gaps: pq.Quantity, table: Table, rows: NDArray[np.intp]) -> pq.Quantity:
    """Return the intervals of a sweep after checking that time runs forward."""
    later = gaps.magnitude[1:]
    wrong = np.flatnonzero(~(later > 0))
    if wrong.size:
        line = table.lines[rows[wrong[0] + 1]]
        raise TableError(
            f"{table.source}, line {line}: the stimulus comes {later[wrong[0]]:g} ms after the one before; "
            "times must rise within a sweep (a column 'sweep', or --new-sweep-after, says where one begins)"
        )
    return np.append(1.0, later) * pq.ms


def _conditions(
    labels: NDArray[Any], order: list[NDArray[np.intp]], table: Table, *, is_per_sweep: bool
) -> list[str]:
    if not is_per_sweep:
        return [str(label) for part in order for label in labels[part]]
    for part in order:
        if len(set(labels[part])) > 1:
            raise TableError(f"{table.source}: a sweep has two conditions, {labels[part][0]!r} and another")
    return [str(labels[part[0]]) for part in order]
