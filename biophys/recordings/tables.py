"""Tables of recorded responses: read them, say by file, line and column what is wrong, and group them."""

import csv
import io
import itertools
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import NDArray

from biophys.argument_types import checked_types
from biophys.units import ATP, PSP_UNITS, magnitude_in, psp_unit_of

MISSING = {"", "nan", "na", "n/a", "#n/a", "<na>", "none", "null"}
# What a spreadsheet writes where a formula failed: no comment, though it begins with #.
_FAILED_FORMULA = re.compile(r"\s*\"?#(N/A|VALUE!|DIV/0!|REF!|NUM!|NAME\?|NULL!)")
_SUMMARY = re.compile(
    # Cells may be called SD1 and SD2.
    r"(?<![^\W\d_])((sd|std|var|se|sem)(?![\W_]*\d)|means?|average|avg|median|st?dev|s\.d\.|s\.e\.m\.|variance"
    r"|standard (deviation|error)|durchschnitt|mittel([- ]?werte?)?|std?abw|standardabweichung|moyenne"
    r"|[eé]cart[- ]type|promedio)(?![^\W\d_])",
    re.I,
)
_BESIDE_SUMMARY = re.compile(r"\b(n(?=\s*=)|grand|of|the|all)\b", re.I)
_HEADER = re.compile(r"^\s*(?P<name>.*?[^()\[\]\s])\s*[(\[]\s*(?P<unit>[^()\[\]]*)\s*[)\]]\s*$")
# As ISO 80000 writes it, amplitude / pA, and as programs do, amplitude_pA: other names may have such marks of
# their own, and amplitude A may be that of cell A.
_QUOTIENT = re.compile(r"^\s*(?P<name>.+?)\s*/\s*(?P<unit>\S+)\s*$")
_OFTEN = r"[pnuµμm][AVSC]|[mfp]C|[fpn][JW]|ATP(/s|_per_s)?|ms|s|Hz"
_JOINED = re.compile(rf"^\s*(?P<name>.+?)[\s_,]+(?P<unit>{_OFTEN})\s*$", re.I)
# A number as people write it: float() also takes 1_000, nan and infinity.
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_NUMBER_WITH_UNIT = re.compile(rf"(?P<number>{_NUMBER.pattern})\s*(?P<unit>(?![eE][-+\d])[^\W\d_].*|%)")
# Units are evaluated as expressions: nothing but names, powers and products of them.
_UNIT = re.compile(r"[A-Za-z%Ω°0-9.*/^ -]{1,24}")
_LARGEST = 100_000_000
"""Bytes of a file, beyond which it holds the samples of traces rather than amplitudes."""
_MOST_ROWS = 1_000_000
_NAMES = ("amplitude", "time", "interval", "synapse", "sweep", "stimulus", "condition", "spike", "baseline")
# Cells or sweeps that are not told apart are taken as one. A standard error is none of an sd.
_SYNONYMS = {
    "synapse": "cell neuron connection",
    "sweep": "trial trace episode",
    "stimulus": "pulse stim",
    "interval": "isi",
    "mean": "average avg mu",
    "sd": "std stdev stddev sigma",
    "cost": "energy power",
    "rate": "frequency freq",
}
_KNOWN = {word: known for known, words in _SYNONYMS.items() for word in (known, *words.split())} | {
    **{name: name for name in (*_NAMES, "sd error", "cost error", "rate error")},
    **{"std dev": "sd", "standard deviation": "sd", "energy cost": "cost", "firing rate": "rate"},
    **dict.fromkeys(("inter stimulus interval", "interstimulus interval"), "interval"),
}
_RESPONSES = {"amplitude", "amp", "peak", "response", "epsc", "ipsc", "epsp", "ipsp", "psc", "psp"}
_MEASURED = {*_KNOWN.values()} - {"synapse", "sweep", "stimulus", "condition", "spike"}
# Median responses between a bouton's and an endplate's.
_USUAL = {"mV": (1e-3, 150.0), "pA": (0.01, 1e6), "nS": (1e-4, 1e4), "fC": (0.01, 1e7)}
_SHORTEST_MS, _LONGEST_MS, _SLOWEST_MS = 0.5, 60_000.0, 10_000.0
_MARKS = (99, 999, 9999, 99999)
"""What programs write for a number that is missing, of either sign."""
# As it is not written in the language of units.
_SPELLED = {unit.lower(): unit for unit in ("pA", "nA", "uA", "mV", "uV", "Hz", "kHz", "ATP", "ATP_molecule")}
_SPELLED |= {"msec": "ms", "usec": "us", "sec": "s", "volt": "V", "mvolt": "mV", "amp": "A", "pamp": "pA"}

_PLAIN = str.maketrans("µμ·⋅⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "uu**0123456789-")

_Rows = list[tuple[int, list[str]]]


class TableError(ValueError):
    """What a table says cannot be read: file, line, column, what stands there, what to write."""


@dataclass(frozen=True)
class Table:
    """Columns of a table as text.

    Parameters
    ----------
    columns, units
        Cells by the name of the column without its unit, and the unit of each that states one, as written.
    lines, header_line : line of the file that each row stands on, and that of the names
    source, remarks : name of the file; what was guessed: separator, decimal comma
    is_json : whether the rows are records, which have numbers rather than lines
    """

    columns: dict[str, list[str]]
    units: dict[str, str]
    lines: list[int]
    source: str
    remarks: list[str] = field(default_factory=list)
    header_line: int = 1
    is_json: bool = False

    def called(self, names: Sequence[str], besides: Sequence[str] = ()) -> dict[str, str]:
        """Return how the table calls what is known by `names`, and remark what was guessed.

        Raises TableError where two columns `besides` some could be the same.
        """
        called: dict[str, str] = {}
        for known in names:
            alike = [name for name in self.columns if name not in besides and known_as(name) == known]
            if len(alike) > 1 and known not in alike:
                problem = f"columns {' and '.join(map(repr, alike))} may both be the {known}"
                raise TableError(f"{self.at(self.header_line)}: {problem}; call one of them '{known}'")
            if alike:
                called[known] = known if known in alike else alike[0]
                if known not in alike:
                    self.remarks.append(f"column {alike[0]!r} as {known}")
        return called

    def lacks(self, what: str) -> str:
        """Return which columns there are, and which sheets, but none of what is asked for."""
        there = f"no column '{what}'; the columns are {', '.join(map(repr, self.columns))}"
        return there + _elsewhere(self.remarks)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column as numbers, NaN where a cell is empty; TableError if it holds something else."""
        values = np.empty(len(self.lines))
        for i, (cell, line) in enumerate(zip(self.columns[name], self.lines, strict=True)):
            text = cell.strip()
            if _is_missing(text):
                values[i] = math.nan
            elif _NUMBER.fullmatch(text) and math.isfinite(float(text)):
                values[i] = float(text)
            else:
                marks = " without marks of thousands" * bool(re.fullmatch(r"[-+]?[\d.,'\s]+", text))
                failure = " (of a failure what was measured, near 0)" * (known_as(name) == "amplitude")
                remedy = f"write a number{marks}{failure}, or nothing if it was not measured"
                if _NUMBER_WITH_UNIT.fullmatch(text):
                    remedy = "write numbers alone, and the unit that all have into the header"
                raise self.error(line, name, f"{text!r} is no number; {remedy}")
        return values

    def labels(self, name: str) -> list[str]:
        """Return a column as text, of which no cell may be empty (TableError)."""
        cells = [cell.strip() for cell in self.columns[name]]
        if "" in cells:
            line = self.lines[cells.index("")]
            raise self.error(line, name, f"empty; write the {name} of every response")
        spellings: dict[str, str] = {}
        for cell in dict.fromkeys(cells):
            plain = re.sub(r"(?<=\d) (?=[a-zµμ])", "", " ".join(cell.lower().split()))
            other = spellings.setdefault(str(float(plain)) if _NUMBER.fullmatch(plain) else plain, cell)
            if other != cell:
                line = self.lines[cells.index(cell)]
                problem = f"{cell!r} differs from {other!r} by case or spaces only"
                if _NUMBER.fullmatch(plain):
                    problem = f"{cell!r} is the same number as {other!r}"
                raise self.error(line, name, f"{problem}; write what is the same alike")
        return cells

    def flags(self, name: str) -> NDArray[np.bool_]:
        """Return a column of 0 and 1, or of true and false; TableError if it holds something else."""
        words = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
        for cell, line in zip(self.columns[name], self.lines, strict=True):
            if cell.strip().lower() not in words:
                raise self.error(line, name, f"{cell.strip()!r} is neither 0 nor 1")
        return np.array([words[cell.strip().lower()] for cell in self.columns[name]], dtype=bool)

    def error(self, line: int, name: str, text: str) -> TableError:
        """Return an error that names file, line and column."""
        return TableError(f"{self.at(line)}, column '{name}': {text}")

    def header_error(self, name: str, text: str) -> TableError:
        """Return an error in the header of a column."""
        return self.error(self.header_line, name, text)

    def at(self, line: int) -> str:
        """Return where a line stands, in words."""
        if self.is_json:
            return self.source if line == self.header_line else f"{self.source}, record {line - 1}"
        return f"{self.source}, line {line}"

    def quantity(self, name: str, example: str) -> pq.Quantity:
        """Return a column with its unit; TableError if the header states none that is known."""
        values = self.numbers(name)
        if name not in self.units:
            raise self.header_error(name, f"no unit; write it into the header, '{name} ({example})'")
        where = f"{self.at(self.header_line)}, column '{name}'"
        return pq.Quantity(values, unit_named(self.units[name], where, example))


def unit_named(text: str, where: str, example: str = "mV, pA, ms or s") -> pq.Quantity:
    """Return a unit by how it is written; dF/F, a.u. and 1 have none."""
    plain = re.sub(r"(?<=[A-Za-z])(?=[⁰¹²³⁴-⁹⁻])", "^", text.strip()).translate(_PLAIN)
    if plain.lower() in ("1", "df/f", "δf/f", "dff", "a.u.", "au", "arb. u.", "normalised", "normalized"):
        return pq.dimensionless
    if plain == "%":
        return pq.percent
    plain = re.sub(r"[ _]+per[ _]+|(?i:(?<!\w)(spikes|sp|aps)/)", "/", plain)
    plain = re.sub(r"(?i)\b(ATP )?molecules?( of)?( ATP)?\b", "ATP", plain)
    plain = re.sub(r"^/", "1/", re.sub(r"[ *]?(?<![A-Za-z])(s|min)(\^|\*\*)?-1$", r"/\1", plain))
    plain = re.sub(r"[A-Za-z]+", lambda word: _spelled(word[0]), plain)
    try:
        powers = re.sub(r"(\^|\*\*) ?-?\d(?!\d)", "", plain)
        # A factor in a unit would get lost.
        if not _UNIT.fullmatch(plain) or re.search(r"\d|-|\*\*", re.sub(r"^1(?=/)", "", powers)):
            raise ValueError
        if plain.startswith("ATP/"):
            return (ATP * pq.Quantity(1.0, plain.replace("ATP", "1", 1))).units
        return ATP if plain == "ATP" else pq.Quantity(1.0, plain).units
    except Exception:
        raise TableError(f"{where}: {text!r} is no unit; write for example {example}") from None


def _spelled(word: str) -> str:
    """Return the word for a unit as it is usually spelled: pa and PA are pA, Volts are V."""
    try:
        pq.Quantity(1.0, word)
        return word
    except Exception:
        lower = word.lower()
        return _SPELLED.get(lower, _SPELLED.get(lower.removesuffix("s"), word))


@checked_types
def read_table(path: str, columns: str | None = None, sheet: str | None = None) -> Table:
    """Read a csv, tsv, json or xlsx table; ``-`` is the standard input.

    A file without a header, or with another one, needs `columns`: the names of all, separated by commas. Of a
    workbook the sheet that is shown is read, or the one that `sheet` names or counts from 1.

    Raises
    ------
    TableError : if it is no table
    FileNotFoundError : if there is no such file
    """
    suffix = Path(path).suffix.lower()
    name = "standard input" if path == "-" else Path(path).name
    remarks: list[str] = []
    is_workbook = suffix in (".xlsx", ".xlsm")
    if sheet is not None and not is_workbook:
        raise TableError(f"{name}: only a workbook (xlsx) has sheets, such as {sheet!r}")
    if path != "-" and Path(path).stat().st_size > _LARGEST:
        raise _too_large(name, f"{Path(path).stat().st_size / 1e6:.0f} MB")
    if is_workbook:
        rows, name = _rows_of_excel(path, sheet, remarks)
    elif suffix == ".xls":
        raise TableError(f"{name}: save the sheet as xlsx or csv; the older xls is not read")
    else:
        raw = sys.stdin.buffer.read(_LARGEST + 1) if path == "-" else Path(path).read_bytes()
        if len(raw) > _LARGEST:
            raise _too_large(name, f"more than {_LARGEST / 1e6:.0f} MB")
        text = _decoded(raw, name, remarks)
        if suffix == ".json":
            rows = _as_texts(_rows_of_json(text, name), name, remarks)
        else:
            rows = _rows_of_text(text, name, remarks, None if columns is None else columns.count(",") + 1)
    table = _table_of(rows, columns, name, remarks)
    return replace(table, is_json=suffix == ".json")


def _elsewhere(remarks: list[str]) -> str:
    """Return what a message of something lacking says of other sheets."""
    return "".join(f"; {text}" for text in remarks if text.startswith("other sheets"))


def _too_large(name: str, size: str) -> TableError:
    return TableError(
        f"{name}: {size}, too large for a table of amplitudes; write one row for each response, not the "
        "samples of the traces (those are read from abf and nwb)"
    )


def _decoded(raw: bytes, name: str, remarks: list[str]) -> str:
    """Return a text in UTF-8, in UTF-16 with its mark, or as Windows writes it in western Europe."""
    is_wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ["utf-16"] if is_wide else ["utf-8-sig", "cp1252"]:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if re.search(r"[\0-\x08\x0e-\x1f]", text):
            break
        text = text.replace("\N{MINUS SIGN}", "-")
        if encoding != "utf-8-sig":
            remarks.append(f"encoding {encoding}")
        return text
    remedy = (
        "save it as csv, tsv, json or xlsx, or export traces as abf or nwb (measured_responses takes others)"
    )
    raise TableError(f"{name}: this is no table; {remedy}")


def _rows_of_text(text: str, name: str, remarks: list[str], n_columns: int | None) -> _Rows:
    """Return the cells of a delimited text, each row with its line, and add to `remarks` what was guessed."""
    if text.count("\n") > _MOST_ROWS:
        raise _too_large(name, f"{text.count(chr(10))} lines")
    lines = [line for line in text.splitlines() if line.strip() and not _is_comment(line)]
    if not lines:
        raise TableError(f"{name}: empty; write a header and one row for each response")
    # Titles have none; beside ; a comma is that of decimals.
    separator = max("\t;,", key=lambda mark: sum(mark in line for line in lines[:20]))
    if not any(separator in line for line in lines[:20]):
        separator = ","
        if any(_SPACES.search(line) for line in lines[1:20]):
            separator, text = "\t", "\n".join(_SPACES.sub("\t", line) for line in text.splitlines())
    elif separator == "," and _is_column_of_decimals(lines, n_columns, name):
        separator = ";"
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator, skipinitialspace=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise TableError(f"{name}, line {reader.line_num}: this is no table ({error})") from None
    first = next((i for i, (_, cells) in enumerate(rows) if not _is_comment(cells[0])), 0)
    if first and n_columns is None and any(map(_is_number, rows[first][1])):
        # As savetxt of numpy writes a header.
        line, above = rows[first - 1][0], [cell.lstrip("# ") for cell in rows[first - 1][1]]
        if len(above) == len(rows[first][1]) and any(known_as(_named(cell)[0]) for cell in above):
            rows[first - 1] = line, above
            remarks.append(f"the header from the comment on line {line}")
    read, rows = rows, [(line, cells) for line, cells in rows if not _is_comment(cells[0])]
    if n_below := len(read) - len(rows) - sum(line < rows[0][0] for line, _ in read) if rows else 0:
        remarks.append(f"left out {_counted(n_below, 'comment')} (#) below the header")
    if any(len(cells) > 1 for _, cells in rows) and separator != ",":
        blank = "tab" if "\t" in "".join(lines) else "spaces"
        remarks.append(f"separator {blank if separator == chr(9) else separator!r}")
    return _as_texts(rows, name, remarks, separator)


def _is_column_of_decimals(lines: list[str], n_columns: int | None, name: str) -> bool:
    """Return whether all commas are those of decimals, below a header without one or a single name given.

    Raises TableError where a header has one that may be of a title.
    """
    first = next((i for i, line in enumerate(lines) if _COMMA.fullmatch(line.strip())), 0)
    numbers = [line.strip() for line in lines[first:] if "," in line]
    if not all(map(_COMMA.fullmatch, numbers)):
        return False
    header = lines[max(first - 1, 0)]
    if n_columns is not None or "," not in header:
        return n_columns in (None, 1)
    (title, unit), (other, other_unit) = (_named(part.strip(' "')) for part in header.split(",")[:2])
    is_title = bool(title) and known_as(title) is None and unit is None and not _is_counter(numbers, 0)
    # A second name that means nothing may be of a title that goes on: behind a space, or above decimals.
    is_padded = any(re.search(r",0\d|^-0,", line) for line in numbers)
    goes_on = ", " in header and not (unit and other_unit) and not _is_counter(numbers, 2)
    if header.count(",") == 1 and (is_title or (known_as(other) is None and (is_padded or goes_on))):
        problem = (
            f"{name}: {header.strip()!r} above {numbers[0]!r} may be one column with decimal commas or two"
        )
        raise TableError(f"{problem}; name them with --columns, or separate them by ;")
    return False


def _is_counter(lines: list[str], part: int) -> bool:
    """Return whether the numbers before (0) or behind (2) the comma rise, or begin anew: those of trials."""
    texts = (line.partition(",")[part] for line in lines)
    numbers = [float(text) if text.strip("+-") else 0.0 for text in texts]
    return any(numbers) and all(b >= a or b == numbers[0] for a, b in itertools.pairwise(numbers))


# Between columns that are aligned, and before a number.
_SPACES = re.compile(r"(?<=\S)( {2,}(?=\S)| (?=[-+.\d]))")
_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")


def _is_comment(text: str) -> bool:
    return text.lstrip().startswith("#") and not _FAILED_FORMULA.match(text)


def _as_texts(rows: list[tuple[int, list[Any]]], name: str, remarks: list[str], separator: str = "") -> _Rows:
    """Return cells as text, numbers that were written as text with points for decimal commas.

    Raises TableError where a comma may mark thousands, or a point stands already.
    """
    written = [[_written(cell) for cell in row] for _, row in rows]
    has_comma = any(_COMMA.fullmatch(cell) for row in written[1:] for cell in row)
    if has_comma or separator != ",":
        # Where , separates columns a comma of decimals is rare, as it is in text beside numbers.
        is_rare = has_comma and separator in ("", ",")
        _refuse_thousands(written[1:], name, "," if has_comma else ".", is_rare=is_rare)
    texts = [(line, ["" if cell is None else str(cell) for cell in row]) for line, row in rows]
    if not has_comma:
        return texts
    remarks.append("decimal comma")
    for (line, _), row in zip(rows, written, strict=True):
        for cell in row:
            if re.fullmatch(r"[-+]?\d+\.\d+([eE][-+]?\d+)?", cell):
                problem = f"{name}, line {line}: {cell!r} has a decimal point, but others a decimal comma"
                raise TableError(f"{problem}; write all alike")
    return [
        (line, [c.replace(",", ".") if _COMMA.fullmatch(c.strip()) else c for c in row])
        for line, row in texts
    ]


def _written(cell: Any) -> str:
    """Return what was written as text, or a whole number; nothing for other numbers."""
    if isinstance(cell, str):
        return cell.strip()
    return str(int(cell)) if isinstance(cell, int | float) and cell == cell // 1 else ""


def _refuse_thousands(rows: list[list[str]], name: str, mark: str, *, is_rare: bool) -> None:
    """Raise TableError where 1,234 or 1.234 stands beside 987, or where decimals are rare."""
    for column in itertools.zip_longest(*rows, fillvalue=""):
        marked = {cell for cell in column if mark in cell and _is_number(cell)}
        may_be = all(re.fullmatch(rf"[-+]?[1-9]\d{{0,2}}[{mark}]\d{{3}}", cell) for cell in marked)
        is_beside = any(re.fullmatch(r"[-+]?[1-9]\d*", cell) for cell in column)
        if marked and may_be and (is_beside or is_rare):
            problem = (
                f"{min(marked)!r}{' beside whole numbers' * is_beside} may be a thousand or have decimals"
            )
            remedy = "write numbers without marks of thousands, or all with decimals"
            raise TableError(f"{name}: {problem}; {remedy}")


_JSON = "write one list of records, or lists by column"


def _rows_of_json(text: str, name: str) -> list[tuple[int, list[Any]]]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise TableError(f"{name}, line {error.lineno}: no json ({error.msg}); {_JSON}") from None
    except (RecursionError, ValueError) as error:
        raise TableError(f"{name}: no json table ({error})") from None
    if isinstance(content, dict) and all(isinstance(v, dict) for v in content.values()):
        # As pandas writes a table: each column by the labels of its rows.
        labels = {label: None for column in content.values() for label in column}
        content = {name: [column.get(label) for label in labels] for name, column in content.items()}
    if isinstance(content, dict) and content and all(isinstance(v, list) for v in content.values()):
        sizes = {len(v) for v in content.values()}
        if len(sizes) > 1:
            raise TableError(f"{name}: the columns have unequal lengths {sorted(sizes)}; {_JSON}")
        content = [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]
    if not isinstance(content, list) or not content or not all(isinstance(row, dict) for row in content):
        raise TableError(f"{name}: {_JSON}")
    header = list(dict.fromkeys(key for row in content for key in row))
    cells = [[row.get(key) for key in header] for row in content]
    return [(i, row) for i, row in enumerate([header, *cells], start=1)]


def _rows_of_excel(path: str, wanted: str | None, remarks: list[str]) -> tuple[_Rows, str]:
    """Return the cells of a sheet (merged cells hold the same), and the name of file and sheet."""
    try:
        import openpyxl
    except ImportError:
        problem = "reading xlsx needs openpyxl: pip install 'brianpresyn[recordings]'"
        raise TableError(f"{problem}, or save the sheet as csv") from None
    try:
        # Not read_only: merged cells would be empty but for the first.
        book = openpyxl.load_workbook(path, data_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise TableError(f"{Path(path).name}: this is no xlsx workbook ({error})") from None
    sheet = _sheet_of(book, Path(path).name, wanted)
    name = Path(path).name + f", sheet {sheet.title!r}" * (len(book.worksheets) > 1)
    others = [repr(each.title) for each in book.worksheets if each is not sheet and each.max_row > 1]
    remarks += [f"other sheets left out: {', '.join(others)} (name one with --sheet)"] if others else []
    grid = [list(row) for row in sheet.iter_rows(values_only=True)]
    for cell in itertools.chain.from_iterable(openpyxl.load_workbook(path)[sheet.title].iter_rows()):
        where, formula = f"{name}, cell {cell.coordinate}", str(cell.value) if cell.data_type == "f" else ""
        if formula and grid[cell.row - 1][cell.column - 1] is None:
            problem = f"{where}: a formula without its value"
            raise TableError(f"{problem}; save the workbook in a spreadsheet program, or as csv")
        column = cell.column_letter if formula else ""
        if re.fullmatch(rf"=[A-Z.]+\(\$?{column}\$?\d+:\$?{column}\$?\d+\)", formula):
            raise TableError(f"{where}: {formula} is of no single response; leave the row out")
        if "%" in cell.number_format and cell.data_type == "n" and cell.value is not None:
            raise TableError(
                f"{where} is shown in percent, and holds a hundredth of that: format it as a number"
            )
    n_hidden = sum(sheet.row_dimensions[line].hidden for line in range(1, len(grid) + 1))
    remarks += [f"{_counted(n_hidden, 'hidden row')} read like the others"] * (n_hidden > 0)
    # Whole numbers and texts are labels.
    ranges = [m for m in sheet.merged_cells.ranges if m.max_row > m.min_row]
    tall = [m for m in ranges if isinstance(m.start_cell.value, float)]
    remarks += [f"merged cells {', '.join(map(str, tall))}: the same in every row"] * bool(tall)
    for merged in sheet.merged_cells.ranges:
        for row, column in merged.cells:
            grid[row - 1][column - 1] = grid[merged.min_row - 1][merged.min_col - 1]
    rows = _as_texts(list(enumerate(grid, start=1)), name, remarks)
    return [(line, row) for line, row in rows if any(cell.strip() for cell in row)], name


def _sheet_of(book: Any, name: str, wanted: str | None) -> Any:
    """Return a sheet by name or number from 1, or the one shown; charts are none."""
    by_name = {sheet.title: sheet for sheet in book.worksheets}
    by_number = {str(i): sheet for i, sheet in enumerate(book.worksheets, start=1)}
    shown = None if book.active is None else book.active.title
    sheet = (by_number | by_name).get(shown if wanted is None else wanted)
    if sheet is None:
        problem = f"no sheet {wanted!r}" if wanted is not None else "the sheet that is shown holds no table"
        raise TableError(f"{name}: {problem}; the sheets are {', '.join(map(repr, by_name))} (--sheet)")
    return sheet


def _table_of(rows: _Rows, columns: str | None, name: str, remarks: list[str]) -> Table:
    if not rows:
        raise TableError(f"{name}: empty; write a header and one row for each response{_elsewhere(remarks)}")
    given = [part.strip() for part in columns.split(",")] if columns is not None else []
    start = _header_row(rows, len(given))
    if start > 0:
        remarks.append(f"lines above {'the header on ' * (not given)}line {rows[start][0]} left out")
    header, body = (given, rows[start:]) if given else (rows[start][1], rows[start + 1 :])
    if all(_is_number(cell) for cell in header if cell.strip()):
        problem = f"{name}, line {rows[start][0]}: numbers where columns should be named (# begins comments)"
        raise TableError(f"{problem}; give them with --columns 'amplitude (pA), interval (ms)'")
    header_line = 1 if given else rows[start][0]
    # Columns without a name that hold nothing, or the numbers of the rows as pandas writes them.
    unused = set()
    for i in (i for i, cell in enumerate(header) if not cell.strip()):
        held = ["".join(cells[i : i + 1]).strip() for _, cells in body]
        counts = [[str(row + first) for row in range(len(held))] for first in (0, 1)]
        unused |= {i} if not any(held) or held in counts else set()
    header, *kept = [
        [c for i, c in enumerate(row) if i not in unused] for row in (header, *(c for _, c in body))
    ]
    body = [(line, cells) for (line, _), cells in zip(body, kept, strict=True)]
    if not given and body and _are_units(header, body[0][1]):
        (line, below), *body = body
        where = f"{name}, line {line}"
        header = [_with_unit(h, _unit_in(u), where) for h, u in zip(header, below, strict=False)]
        remarks.append("units from the row below the header")
    named = [_named(cell) for cell in header]
    names, units = [key for key, _ in named], {key: unit for key, unit in named if unit is not None}
    for i, key in enumerate(names):
        if not key or key in names[:i]:
            problem = f"two columns are called '{key}'" if key else f"column {i + 1} has no name"
            problem += "; name it, or leave it out (in pandas index=False)" * (not key)
            raise TableError(f"{name}, line {header_line}: {problem}")
    for line, cells in body:
        if len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
            remedy = "a decimal comma asks for columns separated by ; or tab"
            if not {"amplitude", "mean"} & set(map(known_as, names)):
                remedy = "no line above names a column 'amplitude (pA)': name all columns with --columns"
            if not cells[0].strip():
                remedy = "it begins with a separator: leave that out"
            problem = f"{_counted(len(cells), 'cell')}, but {_counted(len(names), 'column')} named"
            raise TableError(f"{name}, line {line}: {problem} ({remedy})")
    for line, text in _summaries(body, names):
        raise TableError(f"{name}, line {line}: {text} is of no single response; leave the row out")
    first = [cells[0].strip() for _, cells in body]
    is_word = bool(first and re.fullmatch(r"[^\W\d_]+", first[-1]) and not _is_missing(first[-1]))
    if is_word and sum(map(_is_number, first)) >= 0.8 * len(first):
        problem = f"{first[-1]!r} below numbers in the first column: a row of means, say"
        raise TableError(f"{name}, line {body[-1][0]}: {problem}? Leave out what is of no single response")
    if not body:
        raise TableError(f"{name}: a header, but no rows below it; write them{_elsewhere(remarks)}")
    table = {key: [cells[i] for _, cells in body] for i, key in enumerate(names)}
    for title, key in zip(header, names, strict=True):
        texts = [cell.strip() for cell in table[key]]
        parts = [_NUMBER_WITH_UNIT.fullmatch(text) for text in texts if not _is_missing(text)]
        stated = {part and part["unit"] for part in parts}
        if known_as(key) in _MEASURED and len(stated) == 1 and (unit := stated.pop()):
            _with_unit(title, unit, f"{name}, line {body[0][0]}")
            units[key] = unit
            table[key] = [_NUMBER_WITH_UNIT.sub(r"\g<number>", text) for text in texts]
    return Table(table, units, [line for line, _ in body], name, remarks, header_line)


def _summaries(rows: _Rows, names: list[str]) -> Iterator[tuple[int, str]]:
    """Yield lines with labels of means and the like, of nothing else or among numbers; then those without."""
    for i, name in enumerate(names):
        column = [cells[i].strip() for _, cells in rows]
        texts = [(row[0], cell) for row, cell in zip(rows, column, strict=True) if not _is_number(cell)]
        for line, cell in texts:
            rest = _BESIDE_SUMMARY.sub("", _SUMMARY.sub("", cell)) if _SUMMARY.search(cell) else cell
            if rest != cell and (len(texts) <= 0.2 * len(rows) or not re.search(r"[^\W\d_]", rest)):
                yield line, repr(cell)
        if known_as(name) in ("amplitude", "sd"):
            yield from _unlabelled_summaries(rows, column)


def _unlabelled_summaries(rows: _Rows, column: list[str]) -> Iterator[tuple[int, str]]:
    """Yield last lines, below blank ones, with a new label or more digits, whose number sums up all above."""
    numbers = np.array([float(cell) if _NUMBER.fullmatch(cell) else np.nan for cell in column])
    digits, start = [10.0 ** -len(cell.partition(".")[2]) for cell in column], max(3, len(rows) - 4)
    known = [
        {cell for cell in cells if not _is_number(cell)}
        for cells in zip(*(c for _, c in rows[:start]), strict=False)
    ]
    for i in range(start, len(rows)):
        # Not where every row has a name of its own.
        is_new = any(
            cell not in labels and not re.search(r"\d", cell) and len(labels) <= 0.5 * start
            for cell, labels in zip(rows[i][1], known, strict=False)
        )
        is_new |= digits[i] < min(digits[:i])
        above = numbers[:i][np.isfinite(numbers[:i])]
        if np.isfinite(numbers[i]) and above.size > 2 and (is_new or rows[i][0] > rows[i - 1][0] + 1):
            digit = max(digits[i], min(digits[:i]), 1e-9 * abs(numbers[i]))
            apart = np.abs(np.array([above.mean(), np.median(above), above.sum()]) - numbers[i])
            # Coarser ones may be so by chance.
            if digit < 0.005 * above.std() and apart.min() < 0.6 * digit:
                yield rows[i][0], f"{column[i]!r}, the mean, median or sum of those above,"


def _header_row(rows: _Rows, n_given: int) -> int:
    """Return which row holds the names, below titles; if they are given, which is the first of numbers."""

    def is_exact(cells: list[str]) -> bool:
        return bool({_named(cell)[0] for cell in cells} & {"amplitude", "mean"})

    def is_guessed(cells: list[str]) -> bool:
        # A title may be the word EPSC.
        return any(unit and known_as(name) in ("amplitude", "mean") for name, unit in map(_named, cells))

    def is_first(cells: list[str]) -> bool:
        return len(cells) >= n_given and any(map(_is_number, cells))

    tests = (is_first,) if n_given else (is_exact, is_guessed)
    return next((i for test in tests for i, (_, cells) in enumerate(rows[:20]) if test(cells)), 0)


def known_as(name: str) -> str | None:
    """Return what a column is known as, whatever a program calls it; None if it is none of the known.

    >>> known_as("std"), known_as("Peak EPSC"), known_as("mean_epsp"), known_as("notes")
    ('sd', 'amplitude', 'mean', None)
    """
    words = re.sub(r"[_-]", " ", name.lower().replace(".", "")).split()
    # But the time of a peak is none of a stimulus.
    known = _KNOWN.get(" ".join(word for word in words if word not in {"of", *_RESPONSES}))
    if (words and set(words) <= _RESPONSES) or known in ("mean", "sd", "sd error"):
        return known or "amplitude"
    return _KNOWN.get(" ".join(words))


def _named(cell: str) -> tuple[str, str | None]:
    """Return name and unit in the header of a column."""
    match = _HEADER.match(cell)
    for form in () if match else (_QUOTIENT, _JOINED):
        if (named := form.match(cell)) and known_as(named["name"]) in _MEASURED:
            match = named
            break
    name = (match["name"] if match else cell).strip().lower().replace("_error", " error")
    return name, match and match["unit"]


def condition_columns(text: str) -> list[str]:
    """Return the columns of conditions by the names that a table gives them.

    >>> condition_columns("Drug, Ca (mM)")
    ['drug', 'ca']
    """
    return [_named(part)[0] for part in text.split(",")]


def _are_units(header: list[str], cells: list[str]) -> bool:
    """Return whether the row below a header holds units, that of something measured among them."""
    stated = [(title, _unit_in(cell)) for title, cell in zip(header, cells, strict=False) if _unit_in(cell)]
    try:
        for _, text in stated:
            unit_named(text, "")
    except TableError:
        return False
    is_other = any(_is_number(text) or _is_missing(text) for _, text in stated)
    return not is_other and any(known_as(_named(title)[0]) in _MEASURED for title, _ in stated)


def _with_unit(title: str, unit: str, where: str) -> str:
    """Return the header of a column with the unit that stands below it; TableError if it states another."""
    name, stated = _named(title)
    if unit and stated and unit_named(unit, where).dimensionality != unit_named(stated, where).dimensionality:
        problem = f"{unit!r} below {stated!r} in the header"
        raise TableError(f"{where}, column '{name}': {problem}; write the one in which the numbers are")
    return f"{name} ({unit})" if unit else title


def _unit_in(cell: str) -> str:
    """Return the unit in a cell of a row of units; - is none."""
    return cell.strip().strip("()[]–-")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _is_missing(text: str) -> bool:
    """Return whether nothing was measured; nA is a unit."""
    return text.lower() in MISSING and text != "nA"


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class RecordedSynapse:
    """Arguments of :func:`biophys.fit_release` for a synapse; the name is empty if the table has one only."""

    name: str
    arguments: dict[str, Any]


@checked_types
def recorded_synapses(
    table: Table, *, condition: str = "condition", new_sweep_after: pq.Quantity | None = None
) -> list[RecordedSynapse]:
    """Return the recordings of every synapse of a table with one row for each response.

    Parameters
    ----------
    table
        With the column amplitude, and if there are any: time or interval, sweep, condition, synapse, spike
        and baseline.
    condition, new_sweep_after
        Name of the column of conditions, and the interval from which a new sweep begins.

    Raises
    ------
    TableError : if a column is missing, has no unit or the wrong one, or times run backwards
    """
    conditions = condition_columns(condition)
    named = table.called(_NAMES, conditions)
    if "amplitude" not in named:
        remedy = (
            "Call that of the responses 'amplitude (pA)', with their unit, one row for each response (what "
            "stands side by side goes below each other, with a column synapse or stimulus), or name all "
            "columns anew with --columns"
        )
        known = f"Known are {', '.join(_NAMES)}"
        raise TableError(f"{table.at(table.header_line)}: {table.lacks('amplitude')}. {remedy}. {known}")
    for part in conditions:
        if part not in table.columns and condition != "condition":
            raise TableError(f"{table.source}: {table.lacks(part)}")
    columns = _Columns(table, named, conditions, new_sweep_after)
    unused = [name for name in table.columns if name not in (*conditions, *named.values(), "unit", "units")]
    if unused:
        remedy = "call one synapse or sweep if it tells them apart; --condition names one of conditions"
        table.remarks.append(f"columns not used: {', '.join(unused)} ({remedy})")
    names = table.labels(named["synapse"]) if "synapse" in named else [""] * len(table.lines)
    return [RecordedSynapse(names[rows[0]], columns.arguments_of(rows)) for rows in _groups(np.array(names))]


def _groups(labels: NDArray[Any]) -> list[NDArray[np.intp]]:
    """Return the rows of each label, the labels in the order in which they first come."""
    _, first, code = np.unique(labels, return_index=True, return_inverse=True)
    ends = np.cumsum(np.bincount(code))[:-1]
    groups = np.split(np.argsort(code, kind="stable"), ends)
    return [groups[i] for i in np.argsort(first)]


class _Columns:
    """The columns of a table of responses as numbers."""

    def __init__(self, table: Table, named: dict[str, str], conditions: list[str], new_sweep_after: Any):
        self.table, self.named, self.new_sweep_after = table, named, new_sweep_after
        self._take_unit_of_rows()
        problem = "is no unit of a response; write mV, pA, nS, fC, or dF/F"
        self.amplitude = self._quantity("amplitude", (pq.pA, *PSP_UNITS, pq.dimensionless), problem)
        if n_empty := int(np.isnan(self.amplitude.magnitude).sum()):
            failures = "of failures write what was measured, near 0"
            table.remarks.append(f"{_counted(n_empty, 'empty amplitude')} as not measured ({failures})")
        if {"interval", "time"} <= named.keys():
            problem = "columns 'time' and 'interval' both say when the stimuli came"
            raise TableError(f"{table.at(table.header_line)}: {problem}; leave one of them out")
        self.clock = next((name for name in ("interval", "time") if name in named), "")
        self.ms = np.empty(0)
        if self.clock:
            times = self._quantity(self.clock, (pq.ms,), "is no unit of time; write ms or s")
            self.ms = times.rescale(pq.ms).magnitude
        self.sweep = np.array(table.labels(named["sweep"])) if "sweep" in named else None
        self.stimulus = table.numbers(named["stimulus"]) if "stimulus" in named else None
        self.spike = table.flags(named["spike"]) if "spike" in named else None
        self.baseline = None
        if "baseline" in named:
            problem = f"cannot be compared with amplitudes in {table.units[named['amplitude']]}"
            self.baseline = self._quantity("baseline", (self.amplitude.units,), problem)
        # Of several columns of conditions each combination is one.
        used = [table.labels(name) for name in conditions if name in table.columns]
        if len(used) > 1:
            used = [[repr(label) if "," in label else label for label in labels] for labels in used]
        self.condition = np.array([", ".join(parts) for parts in zip(*used, strict=True)]) if used else None

    def _take_unit_of_rows(self) -> None:
        """Take the unit of amplitudes from a column of units; TableError unless rows and header agree."""
        table, name = self.table, self.named["amplitude"]
        for column in {"unit", "units"} & table.columns.keys():
            cells = [cell.strip() for cell in table.columns[column]]
            if not _are_units([name] * len(cells), cells):  # but the numbers of units
                continue
            first = table.units.setdefault(name, cells[0])
            for line, cell in zip(table.lines, cells, strict=True):
                if cell != first:
                    problem = f"{cell!r} beside {first!r}; write all amplitudes in one unit"
                    raise table.error(line, column, problem)

    def _quantity(self, known: str, units: Sequence[pq.Quantity], problem: str) -> pq.Quantity:
        """Return a column, after checking that its unit measures what one of `units` does."""
        name = self.named[known]
        values = self.table.quantity(name, units[0].dimensionality.string)
        if values.dimensionality.simplified not in [unit.dimensionality.simplified for unit in units]:
            raise self.table.header_error(name, f"{self.table.units[name]} {problem}")
        return values

    def arguments_of(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        """Return what is recorded in these rows, those of a synapse."""
        order = [rows[part] for part in _groups(self._sweep_numbers(rows))]
        self._check_stimulus_numbers(order)
        arguments: dict[str, Any] = {"amplitudes": [self.amplitude[part] for part in order]}
        if self.condition is not None:
            arguments["conditions"] = self._conditions(self.condition, order)
        if self.clock:
            arguments["intervals"] = [self._from_rest(part) for part in order]
        if self.spike is not None:
            arguments["spikes"] = [self.spike[part] for part in order]
        if self.baseline is not None:
            samples = self.baseline[rows]
            arguments["baseline"] = samples[np.isfinite(samples.magnitude)]
        return arguments

    def _sweep_numbers(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return the sweep of each row: as stated, after long intervals, or where stimuli count anew."""
        if self.sweep is not None:
            return self.sweep[rows]
        if self.new_sweep_after is not None:
            if not self.clock:
                text = "--new-sweep-after needs a column 'time' or 'interval'"
                raise TableError(f"{self.table.source}: {text}")
            ms = self.ms[rows]
            gaps = ms if self.clock == "interval" else np.diff(ms, prepend=np.nan)
            return np.cumsum(~(gaps < float(magnitude_in(self.new_sweep_after, pq.ms, "new_sweep_after"))))
        if self.stimulus is not None:
            return np.cumsum(np.append(True, np.diff(self.stimulus[rows]) <= 0))
        return np.zeros(rows.size, int)

    def _check_stimulus_numbers(self, order: list[NDArray[np.intp]]) -> None:
        """Raise TableError unless stimuli count from 0 or 1 in every sweep: a missing one would be unseen."""
        if self.stimulus is None:
            return
        table, first = self.table, self.stimulus[order[0][0]]
        for part in order:
            expected = first + np.arange(part.size)
            wrong = np.flatnonzero(self.stimulus[part] != expected)
            if first not in (0, 1) or wrong.size:
                at = part[wrong[0]] if wrong.size else part[0]
                shown = f"{expected[wrong[0]]:g}" if wrong.size else "0 or 1"
                remedy = "write a row with an empty amplitude for a stimulus whose response was not measured"
                problem = f"{table.columns[self.named['stimulus']][at].strip()!r} where {shown} is expected"
                raise table.error(table.lines[at], self.named["stimulus"], f"{problem}; {remedy}")

    def _from_rest(self, part: NDArray[np.intp]) -> pq.Quantity:
        """Return the intervals in ms of a sweep after checking that time runs forward."""
        table, values = self.table, self.ms[part]
        later = values[1:] if self.clock == "interval" else np.diff(values)
        wrong = np.flatnonzero(~(later > 0))
        if wrong.size:
            row = part[wrong[0] + 1]
            if not np.isfinite(later[wrong[0]]):
                empty = row if not np.isfinite(values[wrong[0] + 1]) else part[wrong[0]]
                remedy = f"write the {self.clock} of every stimulus"
                raise table.error(table.lines[empty], self.named[self.clock], f"empty; {remedy}")
            before = table.lines[part[wrong[0]]]
            problem = f"the stimulus comes {later[wrong[0]]:g} ms after the one before in its sweep"
            problem += f" ({'record' if table.is_json else 'line'} {before - table.is_json})"
            rule = "times must rise within a sweep ('sweep', or --new-sweep-after, says where one begins)"
            raise TableError(f"{table.at(table.lines[row])}: {problem}; {rule}")
        return np.append(1.0, later) * pq.ms

    def _conditions(self, labels: NDArray[Any], order: list[NDArray[np.intp]]) -> list[str]:
        if not self.clock:
            return [str(label) for part in order for label in labels[part]]
        for part in order:
            others = part[labels[part] != labels[part[0]]]
            if others.size:
                pair = f"{str(labels[others[0]])!r} in a sweep of {str(labels[part[0]])!r}"
                where = self.table.at(self.table.lines[others[0]])
                remedy = "a sweep has one (number them through all conditions)"
                raise TableError(f"{where}: condition {pair}; {remedy}")
        return [str(labels[part[0]]) for part in order]


def suspicious_scale(synapses: list[RecordedSynapse], *, is_train: bool = False) -> Iterator[str]:
    """Yield remarks if amplitudes, or intervals (of trains whose dynamics are fitted), belie their unit."""
    values = np.concatenate([s.magnitude for synapse in synapses for s in synapse.arguments["amplitudes"]])
    first = synapses[0].arguments["amplitudes"][0]
    unit = first.dimensionality.string
    values = values[np.isfinite(values)]
    middle = float(np.median(np.abs(values))) if values.size else 0.0
    usual, (least, most) = middle, (1e-3, 1e5)
    if first.dimensionality.simplified != pq.dimensionless.dimensionality:
        usual = float(pq.Quantity(middle, first.dimensionality).rescale(psp_unit_of(first)))
        least, most = _USUAL[psp_unit_of(first).symbol]
    if middle != 0 and not least <= usual <= most:
        yield f"a median amplitude of {middle:.2g} {unit}: is the unit right?"
    marks = sorted(set(values[np.isin(np.abs(values), _MARKS) & (np.abs(values) > 4 * middle)].tolist()))
    if marks:
        yield f"responses of {marks[0]:g} {unit}: if that stands for a missing one, leave it empty"
    gaps = [g.rescale("ms").magnitude for s in synapses for g in s.arguments.get("intervals") or []]
    middles = [float(np.median(g[np.isfinite(g)])) for g in gaps if np.isfinite(g).any()]
    shortest = min((float(g[1:].min()) for g in gaps if g.size > 1), default=0.0)
    if is_train and shortest > _SLOWEST_MS:
        yield f"no interval is below {shortest:.3g} ms, after which most sites are full: is the unit right?"
    elif middles and not _SHORTEST_MS <= min(middles) <= _LONGEST_MS:
        why = "which no axon follows" if min(middles) < 1 else "after which all sites are full again"
        yield f"a sweep has a median interval of {min(middles):.3g} ms, {why}: is its unit right?"
