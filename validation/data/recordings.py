"""Recorded synapses: release and quantal amplitude before and after plasticity, and amplitude against rate.

References
----------
Sjöström PJ, Turrigiano GG, Nelson SB (2001). Rate, timing, and cooperativity jointly determine cortical
synaptic plasticity. Neuron 32:1149-1164. doi:10.1016/S0896-6273(01)00542-6

Costa RP, Froemke RC, Sjöström PJ, van Rossum MCW (2015). Unified pre- and postsynaptic long-term plasticity
enables reliable and flexible learning of neural circuits. eLife 4:e09457. doi:10.7554/eLife.09457

Ko H, Cossell L, Baragli C, Antolik J, Clopath C, Hofer SB, Mrsic-Flogel TD (2013). The emergence of
functional microcircuits in visual cortex. Nature 496:96-100. doi:10.1038/nature12015
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import quantities as pq

from biophys.argument_types import checked_types
from biophys.recordings.recorded_connections import INDUCTIONS, EpspRecordings, PlasticityRecordings
from validation.data.datastore import locate


@checked_types
def read_sjostrom2001(folder: Path | str | None = None) -> PlasticityRecordings:
    """Return the recordings of Sjöström et al. (2001): 30 connections after LTP, then 14 after LTD.

    The published files hold derived columns too; they are checked against p and q and then left aside. The
    LTD file names two columns twice, where the second pair is a product of other columns, and holds the
    change of strength as a magnitude.

    They are read from `folder`, by default where the datastore finds them.

    Raises
    ------
    DataSetMissing, DataSetCorrupt : if no folder is given and the datastore does not have the files
    ValueError : if a file is not of the published form, or its derived columns disagree with p and q
    """
    folder = locate("sjostrom2001") if folder is None else Path(folder)
    parts = [_read_plasticity(folder / f"Sjostrom2001_{i}_schug.csv", i) for i in INDUCTIONS]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return PlasticityRecordings(
        recording=columns["recording"],
        induction=columns["induction"],
        frequency=columns["Pairing freq."] * pq.Hz,
        timing=columns["Timing"] * pq.ms,
        p_before=columns["Pr (before)"],
        p_after=columns["Pr (after)"],
        q_before=columns["q (mV, before)"] * pq.mV,
        q_after=columns["q (mV, after)"] * pq.mV,
    )


_MEASURED = ("Pairing freq.", "Timing", "Pr (before)", "Pr (after)", "q (mV, before)", "q (mV, after)")
_DERIVED = ("w (before)", "w (after)", "dp", "dp_rel", "dq", "dq_rel", "dw_abs", "dw_rel")


def _read_plasticity(path: Path, induction: str) -> dict[str, np.ndarray]:
    """Return the measured columns of one file, with the names of the recordings and the induction."""
    rows = _rows(path)
    names = _first_of_each(rows[0])
    columns = {name: _numbers(path, rows, names, name) for name in (*_MEASURED, *_DERIVED)}
    _check_derived(path, columns)
    recording = np.array([row[_position(path, names, "Recording")].strip(" '") for row in rows[1:]])
    measured = {name: columns[name] for name in _MEASURED}
    return {"recording": recording, "induction": np.full(len(recording), induction), **measured}


def _check_derived(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError unless every derived column follows from p and q."""
    p_before, p_after, q_before, q_after = (columns[name] for name in _MEASURED[2:])
    w_before, w_after = p_before * q_before, p_after * q_after
    expected = {
        "w (before)": w_before,
        "w (after)": w_after,
        "dp": p_after - p_before,
        "dp_rel": p_after / p_before - 1,
        "dq": q_after - q_before,
        "dq_rel": q_after / q_before - 1,
        "dw_abs": np.abs(w_after - w_before),
        "dw_rel": np.abs(w_after / w_before - 1),
    }
    # A quotient of strengths of a few hundredths of a millivolt that are printed to nine decimals.
    absolute_error = {"dw_rel": 1e-6}
    for name, value in expected.items():
        wrong = ~np.isclose(columns[name], value, rtol=1e-6, atol=absolute_error.get(name, 2e-9))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"{path}, data row {row + 1}: {name} is {columns[name][row]:.9g}, but p and q give "
                f"{value[row]:.9g}; this is not the published file"
            )


@checked_types
def read_ko2013(folder: Path | str | None = None) -> EpspRecordings:
    """Return the 136 connections of Ko et al. (2013), from the file ``ko2013``; as `read_sjostrom2001`."""
    path = (locate("ko2013") if folder is None else Path(folder)) / "ko2013"
    rows = _rows(path)
    # The header ends in a comma that the rows do not have; the nameless column it makes is never asked for.
    names = _first_of_each(rows[0])
    mean, variance, rate_mean, rate_threshold = (
        _numbers(path, rows, names, name) for name in ("mean", "var", "foopsi_mean", "foopsi_threshold")
    )
    _, cell = np.unique(np.column_stack([rate_mean, rate_threshold]), axis=0, return_inverse=True)
    return EpspRecordings(mean * pq.mV, variance * pq.mV**2, rate_mean, rate_threshold, cell.ravel())


# Tables of numbers


def _rows(path: Path) -> list[list[str]]:
    """Return the header and the rows of a comma-separated file, without blanks around the fields."""
    with open(path, encoding="utf-8-sig", newline="") as stream:
        rows = [
            [field.strip() for field in row] for row in csv.reader(stream, skipinitialspace=True) if any(row)
        ]
    if len(rows) < 2:
        raise ValueError(f"{path} must have a header and at least one row, got {len(rows)} lines")
    return rows


def _first_of_each(header: Sequence[str]) -> dict[str, int]:
    """Return the position of each column, the first one where a name occurs twice."""
    positions: dict[str, int] = {}
    for position, name in enumerate(header):
        positions.setdefault(name, position)
    return positions


def _position(path: Path, names: Mapping[str, int], name: str) -> int:
    if name not in names:
        raise ValueError(f"{path} lacks the column {name!r}: it has {', '.join(names)}")
    return names[name]


def _numbers(path: Path, rows: list[list[str]], names: Mapping[str, int], name: str) -> np.ndarray:
    """Return one column as finite numbers, shape (n,)."""
    position = _position(path, names, name)
    values = np.empty(len(rows) - 1)
    for index, row in enumerate(rows[1:]):
        field = row[position] if position < len(row) else ""
        try:
            values[index] = float(field)
        except ValueError:
            values[index] = np.nan
        if not np.isfinite(values[index]):
            raise ValueError(f"{path}, data row {index + 1}: {name} must be a finite number, got {field!r}")
    return values
