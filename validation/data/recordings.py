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

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import quantities as pq

from biophys.argument_types import checked_types
from biophys.units import magnitude_in
from validation.data.datastore import locate

INDUCTIONS = ("LTP", "LTD")
"""What the induction protocol led to: long-term potentiation or depression."""


N_SITES = 5.5
"""Number of release sites that the published estimates of p and q assume (Costa et al. 2015)."""


@dataclass(frozen=True, eq=False)
class PlasticityRecordings:
    """Connections between layer-5 pyramidal cells of rat visual cortex before and after induction.

    Parameters
    ----------
    recording
        Name of the recorded connection, shape (n,). A connection recorded under two protocols appears twice.
    induction
        ``"LTP"`` or ``"LTD"``, shape (n,).
    frequency
        Of the pairing, as a quantity in Hz, shape (n,).
    timing
        Postsynaptic minus presynaptic spike time, as a quantity in ms, shape (n,).
    p_before, p_after
        Release probability, in (0, 1], shape (n,).
    q_before, q_after
        Quantal amplitude, as a quantity in mV, shape (n,).

    Raises
    ------
    ValueError
        If the shapes differ, or a value is outside its range.

    Notes
    -----
    Costa et al. estimate both from the mean and variance of the EPSP with N = 5.5 release sites: q = var/mean
    + mean/N and p = mean/(N q). So p q is the mean EPSP per site, and p = 1/(1 + N cv^2) depends on the
    coefficient of variation alone.
    """

    recording: np.ndarray
    induction: np.ndarray
    frequency: pq.Quantity
    timing: pq.Quantity
    p_before: np.ndarray
    p_after: np.ndarray
    q_before: pq.Quantity
    q_after: pq.Quantity

    def __post_init__(self) -> None:
        _check_equal_lengths(self)
        for name in ("p_before", "p_after"):
            _check(np.asarray(getattr(self, name)), name, "in (0, 1]", lambda p: (p > 0) & (p <= 1))
        for name, unit in (("q_before", pq.mV), ("q_after", pq.mV), ("frequency", pq.Hz)):
            _check(magnitude_in(getattr(self, name), unit, name), name, "above 0", _is_positive)
        _check(magnitude_in(self.timing, pq.ms, "timing"), "timing", "finite", np.isfinite)
        unknown = sorted(set(self.induction) - set(INDUCTIONS))
        if unknown:
            raise ValueError(f"induction must be one of {', '.join(INDUCTIONS)}, got {str(unknown[0])!r}")

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def w_before(self) -> pq.Quantity:
        """Expected strength p q of one release site before induction, in mV."""
        return self.p_before * self.q_before

    @property
    def w_after(self) -> pq.Quantity:
        """Expected strength p q of one release site after induction, in mV."""
        return self.p_after * self.q_after

    @property
    def relative_change(self) -> np.ndarray:
        """Signed change of expected strength divided by its value before, (w_after - w_before) / w_before."""
        return (self.w_after / self.w_before).simplified.magnitude - 1.0

    def where(self, chosen: np.ndarray) -> PlasticityRecordings:
        """Return the recordings for which the boolean array `chosen` is true."""
        return replace(self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def induced(self, induction: str) -> PlasticityRecordings:
        """Return the recordings of one induction, ``"LTP"`` or ``"LTD"``."""
        return self.where(self.induction == induction)


@dataclass(frozen=True, eq=False)
class EpspRecordings:
    """Connections in layer 2/3 of mouse visual cortex: EPSP amplitude, and activity of the presynaptic cell.

    Parameters
    ----------
    mean
        Mean EPSP, as a quantity in mV, shape (n,).
    variance
        Variance of the EPSP over trials, as a quantity in mV^2, shape (n,).
    rate_mean, rate_threshold
        Two estimates of presynaptic activity from deconvolved calcium fluorescence (`foopsi_mean` and
        `foopsi_threshold` of the file), in arbitrary rate units, shape (n,).
    cell
        Number of the presynaptic cell, shape (n,). The file names no cells: connections with the same pair of
        rate estimates are taken to share one.

    Raises
    ------
    ValueError
        If the shapes differ, or a value is not positive.
    """

    mean: pq.Quantity
    variance: pq.Quantity
    rate_mean: np.ndarray
    rate_threshold: np.ndarray
    cell: np.ndarray

    def __post_init__(self) -> None:
        _check_equal_lengths(self)
        for name, unit in (("mean", pq.mV), ("variance", pq.mV**2)):
            _check(magnitude_in(getattr(self, name), unit, name), name, "above 0", _is_positive)
        for name in ("rate_mean", "rate_threshold"):
            _check(np.asarray(getattr(self, name)), name, "above 0", _is_positive)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def n_cells(self) -> int:
        """Number of presynaptic cells."""
        return len(np.unique(self.cell))


@checked_types
def read_sjostrom2001(folder: Path | str | None = None) -> PlasticityRecordings:
    """Return the recordings of Sjöström et al. (2001): 30 connections after LTP, then 14 after LTD.

    The published files hold derived columns too; they are checked against p and q and then left aside. The
    LTD file names two columns twice, where the second pair is a product of other columns, and holds the
    change of strength as a magnitude.

    Parameters
    ----------
    folder
        Where the two files lie; by default where the datastore finds them.

    Raises
    ------
    DataSetMissing, DataSetCorrupt
        If no folder is given and the datastore does not have the files.
    ValueError
        If a file is not of the published form, or its derived columns disagree with p and q.
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
    """Return the 136 connections of Ko et al. (2013).

    Parameters
    ----------
    folder
        Where the file ``ko2013`` lies; by default where the datastore finds it.

    Raises
    ------
    DataSetMissing, DataSetCorrupt
        If no folder is given and the datastore does not have the file.
    ValueError
        If the file is not of the published form.
    """
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


def _check_equal_lengths(recordings: PlasticityRecordings | EpspRecordings) -> None:
    shapes = {field.name: np.shape(getattr(recordings, field.name)) for field in fields(recordings)}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"every field must have one shape (n,), got {shapes}")


def _is_positive(values: np.ndarray) -> np.ndarray:
    return values > 0


def _check(
    values: np.ndarray, name: str, expected: str, is_right: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Raise ValueError that names the first value which is not right."""
    wrong = ~is_right(values) | ~np.isfinite(values)
    if wrong.any():
        index = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"{name} must be {expected}, got {values[index]} at index {index}")
