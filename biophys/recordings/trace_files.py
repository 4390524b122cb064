"""Traces from files of recording programs (abf and others through neo, nwb through h5py)."""

import importlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import quantities as pq

from biophys.recordings.tables import RecordedSynapse, TableError, unit_named
from biophys.recordings.traces import measured_responses, rising_times
from biophys.units import psp_unit_of

# Reading with what unpickles or runs code is not offered: a recording is data.
NEO_READERS = {
    ".abf": "AxonIO",
    ".axgd": "AxographIO",
    ".axgx": "AxographIO",
    ".edr": "WinEdrIO",
    ".smr": "Spike2IO",
    ".wcp": "WinWcpIO",
}
TRACE_SUFFIXES = (*NEO_READERS, ".nwb")
"""Names of files that hold traces end so."""

_SHOWN_IN = {"V": pq.mV, "A": pq.pA, "S": pq.nS}
_FOLDERS_OF_NWB = {"acquisition": "", "stimulus/presentation": "stimulus "}
# Samples of the noise without which its standard deviation is better fitted.
_ENOUGH = 10


@dataclass(frozen=True, eq=False)
class Channel:
    """Sweeps of one channel, each (samples,), and their sampling rate."""

    sweeps: list[pq.Quantity]
    rate: pq.Quantity

    @property
    def unit_text(self) -> str:
        """The unit in words."""
        return self.sweeps[0].dimensionality.string


@dataclass(frozen=True, eq=False)
class Traces:
    """What a file of a recording program holds: channels by name, and remarks on how they were read."""

    channels: dict[str, Channel]
    source: str
    remarks: list[str] = field(default_factory=list)

    def channel(self, name: str | None) -> Channel:
        """Return a channel by its name or number from 1; without, the only one: else a TableError."""
        named = [f"{key!r} ({c.unit_text})" for key, c in self.channels.items()]
        held = ", ".join(named[:8]) + f" and {len(named) - 8} more" * (len(named) > 8)
        if name in self.channels:
            return self.channels[name]
        if name is not None and re.fullmatch(r"[1-9]\d*", name) and int(name) <= len(self.channels):
            return list(self.channels.values())[int(name) - 1]
        if name is None and len(self.channels) == 1:
            return next(iter(self.channels.values()))
        wanted = "name one with --channel" if name is None else f"there is no {name!r}"
        raise TableError(f"{self.source}: the channels are {held or 'none'}; {wanted}")


def read_traces(path: str) -> Traces:
    """Read the traces of a file; TableError if it is no such file or the package that reads it is lacking."""
    suffix, name = Path(path).suffix.lower(), Path(path).name
    package = "h5py" if suffix == ".nwb" else "neo"
    try:
        importlib.import_module(package)
    except ImportError:
        raise TableError(f"reading {suffix} needs {package}: pip install 'brianpresyn[recordings]'") from None
    try:
        channels = _channels_of_nwb(path) if suffix == ".nwb" else _channels_of_neo(path, NEO_READERS[suffix])
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever a reader of a foreign format meets
        raise TableError(f"{name}: this cannot be read as {suffix} ({error})") from None
    channels = {key: channel for key, channel in channels.items() if channel.sweeps}
    if not channels:
        raise TableError(f"{name}: no traces; the file holds no sampled signal")
    return Traces(channels, name)


def _channels_of_neo(path: str, reader: str) -> dict[str, Channel]:
    """Return the signals of every segment, one sweep each."""
    io = getattr(importlib.import_module("neo.io"), reader)(filename=path)
    channels: dict[str, Channel] = {}
    for block in io.read():
        for segment in block.segments:
            for signal in segment.analogsignals:
                names = signal.array_annotations.get("channel_names", [signal.name] * signal.shape[1])
                for column, label in enumerate(names):
                    values = pq.Quantity(signal.magnitude[:, column], signal.units)
                    _append(channels, str(label), values, signal.sampling_rate)
    return channels


def _append(channels: dict[str, Channel], name: str, values: pq.Quantity, rate: pq.Quantity) -> None:
    """Add a sweep to a channel, in the unit that responses are usually given in."""
    unit = _SHOWN_IN.get(values.dimensionality.string)
    values = values if unit is None else values.rescale(unit)
    if name in channels and not np.isclose(float(channels[name].rate), float(rate.rescale(pq.Hz))):
        name += f" at {float(rate.rescale(pq.kHz)):g} kHz"
    # Programs fill a sweep that was stopped with NaN.
    is_there = np.flatnonzero(np.isfinite(values.magnitude))
    values = values[: is_there[-1] + 1] if is_there.size else values
    channels.setdefault(name, Channel([], rate.rescale(pq.Hz))).sweeps.append(values)


def _channels_of_nwb(path: str) -> dict[str, Channel]:
    """Return series by electrode and unit, sweeps in order: ``acquisition``, then what was presented."""
    import h5py

    series: list[Any] = []

    def take(_: str, item: Any) -> None:
        data = item.get("data") if isinstance(item, h5py.Group) else None
        if isinstance(data, h5py.Dataset) and data.dtype.kind in "iuf":
            series.append(item)

    channels: dict[str, Channel] = {}
    with h5py.File(path, "r") as file:
        file.visititems(take)
        for folder, prefix in _FOLDERS_OF_NWB.items():
            for group in sorted((g for g in series if g.name.startswith(f"/{folder}/")), key=_place):
                for name, values in _signals(group):
                    _append(channels, prefix + name, values, _rate(group))
        if series and not channels:
            where = f"looked for in {' and '.join(_FOLDERS_OF_NWB)}"
            raise ValueError(f"traces are {where}; this file has {series[0].name}")
    return channels


def _place(group: Any) -> tuple[float, float, list[Any]]:
    """Return what sweeps are ordered by: their number, when they began, and their name, 2 before 10."""
    if "starting_time" in group:
        start = group["starting_time"][()]
    elif "timestamps" in group and group["timestamps"].size:
        start = group["timestamps"][0]
    else:
        raise ValueError(f"{group.name} states neither starting_time nor timestamps")
    parts = re.split(r"(\d+)", group.name)
    name = [int(part) if part.isdigit() else part for part in parts]
    return float(group.attrs.get("sweep_number", -1)), float(start), name


def _rate(group: Any) -> pq.Quantity:
    if "starting_time" in group:
        rate = float(group["starting_time"].attrs.get("rate", np.nan))
        if not 0 < rate < np.inf:
            raise ValueError(f"{group.name}: its starting_time states no rate above 0, but {rate:g}")
        return rate * pq.Hz
    steps = np.diff(group["timestamps"][:])
    if steps.size == 0 or np.ptp(steps) > 1e-3 * steps.mean():
        raise ValueError(f"{group.name} is not sampled at regular times")
    return pq.Hz / float(steps.mean())


def _signals(group: Any) -> list[tuple[str, pq.Quantity]]:
    """Return the columns of a series in its unit, by electrode where it has one."""
    data = group["data"]
    unit = data.attrs.get("unit", "")
    text = unit.decode() if isinstance(unit, bytes) else str(unit)
    gain = data.attrs.get("conversion", 1.0)
    if "channel_conversion" in group:
        gain = gain * group["channel_conversion"][()]
    values = data[()].astype(float) * gain + data.attrs.get("offset", 0.0)
    if values.size == 0 or values.ndim > 2:
        raise ValueError(f"{group.name} must hold samples, or (samples, channels), got shape {values.shape}")
    try:
        in_unit = pq.Quantity(values, unit_named(text, group.name))
    except TableError:  # of a channel that may be of no interest
        in_unit = pq.Quantity(values, pq.dimensionless)
    label = group.name.rsplit("/", 1)[-1]
    if "electrode" in group:
        link = group.get("electrode", getlink=True)
        name = getattr(link, "path", group["electrode"].name).rsplit("/", 1)[-1]
        label = f"{name} ({text})"
    if in_unit.ndim == 1:
        return [(label, in_unit)]
    return [(f"{label} {i + 1}", in_unit[:, i]) for i in range(in_unit.shape[1])]


def recorded_responses(
    traces: Traces,
    *,
    stimuli: pq.Quantity | str,
    window: tuple[pq.Quantity, pq.Quantity],
    channel: str | None = None,
    baseline: pq.Quantity | None = None,
    average: pq.Quantity | None = None,
) -> RecordedSynapse:
    """Return the responses of a channel as arguments of :func:`biophys.fit_release`.

    Raises TableError if a channel is missing, holds no responses, or a stimulus does not fit its sweep.

    Parameters
    ----------
    traces : of a file
    stimuli : times from the start of each sweep, or the name of a channel that rises at each stimulus
    window, baseline, average : as of :func:`biophys.measured_responses`
    channel : name or number from 1 of the channel with the responses
    """
    recorded = traces.channel(channel)
    try:
        psp_unit_of(recorded.sweeps[0], "channel")
    except ValueError:
        problem = f"the unit of the channel is {recorded.unit_text}, none of a response (V, A, S)"
        remedy = "name another with --channel, or mend the unit that the file states"
        raise TableError(f"{traces.source}: {problem}; {remedy}") from None
    sweeps: list[Any] = recorded.sweeps
    trains: Any = stimuli
    if isinstance(stimuli, str):
        sweeps, trains = _stimulated(traces, recorded, stimuli)
    given = {"window": window, "sampling_rate": recorded.rate, "baseline": baseline, "average": average}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        measured = measured_responses(sweeps, trains, **given)
    except (TypeError, ValueError) as error:
        raise TableError(f"{traces.source}: {error}") from None
    traces.remarks.append(
        f"{len(sweeps)} sweeps; every response measured {float(measured.latency):.2f} ms after its stimulus"
    )
    arguments: dict[str, Any] = {"amplitudes": measured.amplitudes}
    if {train.size for train in measured.amplitudes} != {1}:
        each = [trains] * len(sweeps) if isinstance(trains, pq.Quantity) else trains
        arguments["intervals"] = [np.append(1.0, np.diff(t.rescale(pq.ms).magnitude)) * pq.ms for t in each]
    if measured.noise.size >= _ENOUGH:
        arguments["baseline"] = measured.noise
    else:
        traces.remarks.append("too little time before the stimuli to measure the noise")
    return RecordedSynapse("", arguments)


def _stimulated(traces: Traces, recorded: Channel, name: str) -> tuple[list[pq.Quantity], list[pq.Quantity]]:
    """Return the sweeps in which a channel rises, and when."""
    marker = traces.channel(name)
    if len(marker.sweeps) != len(recorded.sweeps):
        problem = f"{name!r} has {len(marker.sweeps)} sweeps, not {len(recorded.sweeps)}"
        raise TableError(f"{traces.source}: {problem}")
    values = np.concatenate([sweep.magnitude for sweep in marker.sweeps])
    middle = 0.5 * float(values.min() + values.max())
    times = [rising_times(sweep, middle, marker.rate) for sweep in marker.sweeps]
    pairs = [(sweep, train) for sweep, train in zip(recorded.sweeps, times, strict=True) if train.size]
    if not pairs:
        raise TableError(f"{traces.source}: channel {name!r} never rises through the middle of its range")
    if len(pairs) < len(times):
        traces.remarks.append(f"{len(times) - len(pairs)} sweeps without a stimulus left out")
    return [sweep for sweep, _ in pairs], [train for _, train in pairs]
