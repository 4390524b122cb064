"""Recorded synapses: release and quantal amplitude before and after plasticity, and amplitude against rate.

References
----------
Sjöström PJ, Turrigiano GG, Nelson SB (2001). Rate, timing, and cooperativity jointly determine cortical
synaptic plasticity. Neuron 32:1149-1164. doi:10.1016/S0896-6273(01)00542-6

Costa RP, Froemke RC, Sjöström PJ, van Rossum MCW (2015). Unified pre- and postsynaptic long-term plasticity
enables reliable and flexible learning of neural circuits. eLife 4:e09457. doi:10.7554/eLife.09457

Ko H, Cossell L, Baragli C, Antolik J, Clopath C, Hofer SB, Mrsic-Flogel TD (2013). The emergence of
functional microcircuits in visual cortex. Nature 496:96-100. doi:10.1038/nature12015

Gontier C, Surace SC, Delvendahl I, Müller M, Pfister J-P (2023). Efficient sampling-based Bayesian Active
Learning for synaptic characterization. PLoS Comput Biol 19:e1011342. doi:10.1371/journal.pcbi.1011342
"""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import quantities as pq

from biophys.argument_types import checked_types
from biophys.recordings.recorded_connections import INDUCTIONS, EpspRecordings, PlasticityRecordings
from validation.data.datastore import data_set_named, locate


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


def _read_plasticity(path: Path, induction: str) -> dict[str, np.ndarray]:
    """Return the measured columns of one file, with the names of the recordings and the induction.

    Raises ValueError unless every derived column follows from p and q.
    """
    derived = ("w (before)", "w (after)", "dp", "dp_rel", "dq", "dq_rel", "dw_abs", "dw_rel")
    columns = _columns(path, (*_MEASURED, *derived), ("Recording",))
    p_before, p_after, q_before, q_after = (columns[name] for name in _MEASURED[2:])
    w_before, w_after = p_before * q_before, p_after * q_after
    changes_of_p = p_after - p_before, p_after / p_before - 1
    changes_of_q = q_after - q_before, q_after / q_before - 1
    changes_of_w = np.abs(w_after - w_before), np.abs(w_after / w_before - 1)
    follows = (w_before, w_after, *changes_of_p, *changes_of_q, *changes_of_w)
    for name, expected in zip(derived, follows, strict=True):
        # A quotient of strengths of a few hundredths of a millivolt that are printed to nine decimals.
        error = 1e-6 if name == "dw_rel" else 2e-9
        wrong = np.flatnonzero(~np.isclose(columns[name], expected, rtol=1e-6, atol=error))
        if wrong.size:
            values = f"is {columns[name][wrong[0]]:.9g}, but p and q give {expected[wrong[0]]:.9g}"
            problem = f"{path}, data row {wrong[0] + 1}: {name} {values}"
            raise ValueError(f"{problem}; this is not the published file")
    recording = np.char.strip(columns["Recording"], " '")
    measured = {name: columns[name] for name in _MEASURED}
    return {"recording": recording, "induction": np.full(len(recording), induction), **measured}


@checked_types
def read_ko2013(folder: Path | str | None = None) -> EpspRecordings:
    """Return the 136 connections of Ko et al. (2013), from the file ``ko2013``; as `read_sjostrom2001`."""
    path = (locate("ko2013") if folder is None else Path(folder)) / "ko2013"
    mean, variance, rate_mean, rate_threshold = _columns(
        path, ("mean", "var", "foopsi_mean", "foopsi_threshold")
    ).values()
    _, cell = np.unique(np.column_stack([rate_mean, rate_threshold]), axis=0, return_inverse=True)
    return EpspRecordings(mean * pq.mV, variance * pq.mV**2, rate_mean, rate_threshold, cell.ravel())


class RecordedTrains(NamedTuple):
    """Responses of a cell to trains of stimuli, one row a sweep, as `biophys.fit_release` takes them.

    Parameters
    ----------
    protocol : "100Hz_short", "100Hz_long" (20 and 100 stimuli, then six probes) or "irregular"
    cell : 1 to 7; that a number is the same cell in all protocols no file states
    amplitudes : peaks of the EPSCs, inward ones positive, shape (sweeps, stimuli)
    intervals : since the stimulus before, of the same shape; 30 s before the first of a sweep
    """

    protocol: str
    cell: int
    amplitudes: pq.Quantity
    intervals: pq.Quantity


@checked_types
def read_gontier2023(folder: Path | str | None = None) -> list[RecordedTrains]:
    """Return 21 recordings of seven granule cells of Gontier et al. (2023); as `read_sjostrom2001`.

    >>> from brianpresyn.biophys import fit_release
    >>> trains = read_gontier2023()[0]  # doctest: +SKIP
    >>> fit_release(trains.amplitudes, intervals=trains.intervals, dynamics="two-rate")  # doctest: +SKIP
    """
    folder = locate("gontier2023") if folder is None else Path(folder)
    recordings = []
    for file in data_set_named("gontier2023").files:
        protocol, cell = file.name.removesuffix(".txt").split("_cell")
        rows = np.loadtxt(folder / file.name, delimiter=",", ndmin=2)
        starts = np.flatnonzero(rows[:, 1] == _BETWEEN_SWEEPS)
        lengths = np.unique(np.diff(starts, append=len(rows)))
        if rows.shape[1] != 2 or lengths.size != 1 or starts[0] != 0:
            raise ValueError(
                f"{folder / file.name} must have two columns and sweeps of one length, which begin with "
                f"{_BETWEEN_SWEEPS:g} s; this is not the published file"
            )
        current, interval = rows.T.reshape(2, -1, lengths[0])
        name = "irregular" if protocol == "epscs_deltas" else protocol
        recordings.append(RecordedTrains(name, int(cell), -1e12 * current * pq.pA, 1e3 * interval * pq.ms))
    return recordings


_BETWEEN_SWEEPS = 30.0


def _columns(path: Path, numbers: Sequence[str], texts: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Return columns of a comma-separated file: finite numbers, and texts; of two of one name the first."""
    with open(path, encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream, skipinitialspace=True)
        rows = [[field.strip() for field in line] for line in lines if any(line)]
    if len(rows) < 2:
        raise ValueError(f"{path} must have a header and at least one row, got {len(rows)} lines")
    header, *data = rows
    columns = {}
    for name in (*numbers, *texts):
        if name not in header:
            raise ValueError(f"{path} lacks the column {name!r}: it has {', '.join(header)}")
        # A header may end in a comma that the rows do not have.
        fields = [row[header.index(name)] if header.index(name) < len(row) else "" for row in data]
        columns[name] = np.array(fields)
        for index, field in enumerate(fields if name in numbers else ()):
            try:
                is_number = math.isfinite(float(field))
            except ValueError:
                is_number = False
            if not is_number:
                problem = f"{path}, data row {index + 1}"
                raise ValueError(f"{problem}: {name} must be a finite number, got {field!r}")
        if name in numbers:
            columns[name] = columns[name].astype(float)
    return columns
