"""Amplitudes of responses from recorded traces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq

from biophys.argument_types import checked_types, shown
from biophys.units import FloatArray, checked_finite, magnitude_in, unit_of


@dataclass(frozen=True, eq=False)
class MeasuredResponses:
    """Amplitudes read off traces, with samples of their noise.

    Parameters
    ----------
    amplitudes
        Of each sweep, (stimuli,): mean around `latency` less the mean of the baseline before the stimulus.
    noise, latency
        The same measure where nothing was stimulated, for :func:`biophys.fit_release`; time from stimulus to
        the peak of the mean response.
    """

    amplitudes: list[pq.Quantity]
    noise: pq.Quantity
    latency: pq.Quantity


@checked_types
def measured_responses(
    traces: Any,
    stimuli: Any,
    *,
    window: tuple[pq.Quantity, pq.Quantity],
    baseline: pq.Quantity = 5.0 * pq.ms,
    average: pq.Quantity = 1.0 * pq.ms,
    sampling_rate: pq.Quantity | None = None,
) -> MeasuredResponses:
    """Measure the response to each stimulus in traces.

    All responses are measured at one latency, that of the peak of their mean: the peak of each trace would
    be drawn to the noise, so that failures would not be 0 on average and large responses too large. The
    measure is linear, and the noise of the amplitudes is that of the same measure before the first stimulus.

    Parameters
    ----------
    traces : sweeps: a quantity (sweeps, samples), or a list of quantities (samples,) or of signals of neo
    stimuli
        Times of the stimuli from the start of the sweep: one train for all, or a list with one for each. Each
        must lie in its sweep with its baseline and window.
    window : from and to which time after a stimulus, before the next, the mean response has its peak
    baseline, average
        Time before each stimulus whose mean is 0 to the response; time around the latency whose mean is it.
    sampling_rate : of the traces; signals of neo know it

    Examples
    --------
    >>> rng, time = np.random.default_rng(1), np.arange(0, 100, 0.1)
    >>> response = np.where(time > 52, np.exp(-np.abs(time - 55) / 4), 0)
    >>> traces = rng.binomial(1, 0.5, (40, 1)) * 20 * response + rng.normal(0, 1, (40, time.size))
    >>> measured = measured_responses(
    ...     traces * pq.pA, [50] * pq.ms, window=(2 * pq.ms, 20 * pq.ms), sampling_rate=10 * pq.kHz
    ... )
    >>> round(float(measured.latency)), len(measured.amplitudes), measured.noise.units
    (5, 40, array(1.) * pA)
    """
    sweeps, unit, rate = _sweeps_of(traces, sampling_rate)
    trains = _trains(stimuli, len(sweeps))
    start, stop, before, width = (
        float(checked_finite(magnitude_in(value, pq.s, name), name, 0.0, is_open=is_open))
        for value, name, is_open in (
            (window[0], "window", False),
            (window[1], "window", True),
            (baseline, "baseline", True),
            (average, "average", True),
        )
    )
    if stop - start < width:
        raise ValueError(f"window must be longer than average, got {window[0]} to {window[1]} and {average}")
    _check_inside(sweeps, trains, rate, before, stop)
    sums = [np.append(0.0, np.cumsum(sweep)) for sweep in sweeps]

    def measured(number: int, times: FloatArray, latency: Any) -> FloatArray:
        peak = _mean_between(sums[number], times + latency - width / 2, times + latency + width / 2, rate)
        return peak - _mean_between(sums[number], times - before, times, rate)

    latencies = np.arange(start + width / 2, stop - width / 2 + 0.5 / rate, 1.0 / rate)
    responses = np.sum(
        [measured(i, train, latencies[:, None]).sum(axis=1) for i, train in enumerate(trains)], axis=0
    )
    latency = float(latencies[np.argmax(np.abs(responses))])
    span = before + latency + width / 2
    quiet = [np.arange(before, train.min() - span + before, span) for train in trains]
    return MeasuredResponses(
        [measured(i, train, latency) * unit for i, train in enumerate(trains)],
        np.concatenate([measured(i, times, latency) for i, times in enumerate(quiet)]) * unit,
        (1e3 * latency) * pq.ms,
    )


def rising_times(trace: pq.Quantity, threshold: float, rate: pq.Quantity) -> pq.Quantity:
    """Return the times from its start at which a trace rises through a threshold, in its unit.

    >>> rising_times(np.array([0, 0, 5, 5, 0, 5]) * pq.V, 2.5, 1 * pq.kHz)
    array([2., 5.]) * ms
    """
    is_above = np.ravel(trace.magnitude) > threshold
    return (np.flatnonzero(is_above[1:] & ~is_above[:-1]) + 1) / float(rate.rescale(pq.kHz)) * pq.ms


def _sweeps_of(traces: Any, sampling_rate: pq.Quantity | None) -> tuple[list[FloatArray], pq.Quantity, float]:
    """Return plain sweeps, their unit, and the sampling rate in Hz."""
    if not isinstance(traces, list | tuple | np.ndarray) or not getattr(traces, "ndim", 1) or not len(traces):
        raise TypeError(f"traces must be a quantity (sweeps, samples) or a list of them, got {shown(traces)}")
    parts: Sequence[Any] = list(traces) if getattr(traces, "ndim", 2) == 2 else [traces]
    if hasattr(traces, "sampling_rate"):
        # A signal of neo is (samples, channels).
        parts = [traces]
    unit = unit_of(parts[0], "traces")
    rates = {float(part.sampling_rate.rescale(pq.Hz)) for part in parts if hasattr(part, "sampling_rate")}
    if sampling_rate is not None:
        rates = {
            float(checked_finite(magnitude_in(sampling_rate, pq.Hz, "sampling_rate"), "sampling_rate", 0.0))
        }
    if len(rates) != 1:
        given = " and ".join(f"{rate:g} Hz" for rate in sorted(rates)) or "none"
        raise TypeError(f"traces need one sampling_rate (for example sampling_rate=20*pq.kHz), got {given}")
    remedy = "leave out the sweeps with gaps"
    sweeps = [
        checked_finite(np.ravel(magnitude_in(part, unit, "traces")), f"sweep {i} of traces", remedy=remedy)
        for i, part in enumerate(parts)
    ]
    for part, sweep in zip(parts, sweeps, strict=True):
        if max(np.shape(part)) != sweep.size:
            raise ValueError(f"a trace must have one channel, got shape {np.shape(part)}")
    return sweeps, pq.Quantity(1.0, unit), rates.pop()


def _trains(stimuli: Any, n_sweeps: int) -> list[FloatArray]:
    """Return the times in s of the stimuli of each sweep."""
    if isinstance(stimuli, pq.Quantity):
        train = np.atleast_1d(magnitude_in(stimuli, pq.s, "stimuli"))
        trains = list(train) if train.ndim == 2 else [train] * n_sweeps
    else:
        if not isinstance(stimuli, list | tuple):
            raise TypeError(f"stimuli must be times with a unit, or a list of such, got {shown(stimuli)}")
        trains = [np.atleast_1d(magnitude_in(train, pq.s, "stimuli")) for train in stimuli]
    if len(trains) != n_sweeps:
        raise ValueError(f"stimuli has {len(trains)} trains but there are {n_sweeps} sweeps")
    for number, train in enumerate(trains):
        if train.size == 0 or not np.all(np.diff(train) > 0):
            raise ValueError(f"stimuli must rise from one to the next, got {train} s in sweep {number}")
    return trains


def _check_inside(
    sweeps: list[FloatArray], trains: list[FloatArray], rate: float, before: float, stop: float
) -> None:
    for number, (sweep, train) in enumerate(zip(sweeps, trains, strict=True)):
        duration = sweep.size / rate
        outside = train[(train < before - 0.5 / rate) | (train + stop > duration + 0.5 / rate)]
        if outside.size:
            span = f"with a baseline of {1e3 * before:g} ms and a window to {1e3 * stop:g} ms"
            stimulus = f"the stimulus at {1e3 * outside[0]:g} ms of sweep {number}, {span}"
            raise ValueError(f"{stimulus}, lies outside the traces, {1e3 * duration:g} ms long")
        if train.size > 1 and np.diff(train).min() < stop - 0.5 / rate:
            next_one = f"the next comes {1e3 * np.diff(train).min():g} ms after it: end it before"
            raise ValueError(f"the window ends {1e3 * stop:g} ms after a stimulus, but {next_one}")


def _mean_between(sums: FloatArray, start: FloatArray, stop: FloatArray, rate: float) -> FloatArray:
    """Return the means of a trace from `start` to `stop` in s, given its cumulative sum from 0."""
    first = np.clip(np.rint(start * rate).astype(int), 0, sums.size - 2)
    last = np.clip(np.rint(stop * rate).astype(int), first + 1, sums.size - 1)
    return (sums[last] - sums[first]) / (last - first)
