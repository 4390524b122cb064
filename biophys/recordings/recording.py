"""A recording at the door: amplitudes, times, conditions and noise, checked and turned into plain numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress, pairwise
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import quantities as pq
from annotated_types import Ge, Le
from numpy.typing import NDArray

from biophys.argument_types import check_type, checked_types
from biophys.recordings.response_density import Family
from biophys.units import FloatArray, checked_finite, magnitude_in, psp_unit_of, shown, without_unit

# Fourth powers of responses, and of responses over the noise, stay within the range of numbers.
_SMALLEST_SD, _LARGEST_SD = 1e-60, 1e60
_FARTHEST_NOISE = 1e10
_MOST_RESPONSES = 200_000
AS_GOOD_AS_KNOWN = 1e-3
"""Relative error of a noise below which it is taken as known."""
Cv: TypeAlias = Annotated[float, Ge(0), Le(2)]


@checked_types
@dataclass(frozen=True)
class Noise:
    """Standard deviation of the recording noise, above 0, and its standard error (0 takes it as known).

    >>> Noise(2 * pq.pA, 0.1 * pq.pA).error
    array(0.1) * pA
    """

    sd: pq.Quantity
    error: pq.Quantity | float = 0.0

    def __post_init__(self) -> None:
        if self.sd.dimensionality.simplified != pq.dimensionless.dimensionality:
            psp_unit_of(self.sd, "sd")
        checked_finite(self.sd.magnitude, "sd", 0.0, is_open=True)
        if isinstance(self.error, pq.Quantity):
            checked_finite(magnitude_in(self.error, self.sd.units, "error"), "error", 0.0)
        elif not isinstance(self.error, float | int) or self.error != 0:
            raise TypeError(f"error must carry the unit of sd, got {shown(self.error)}")


@checked_types
@dataclass(frozen=True)
class QuantalVariability:
    """How the response to one vesicle varies.

    Parameters
    ----------
    within : coefficient of variation from vesicle to vesicle of a site, at least 0; ``"free"`` fits it
    between : coefficient of variation of the mean quanta of the sites, at least 0
    family
        Law of a quantum: ``"normal"``, ``"gamma"``, ``"inverse-gaussian"``, or ``"normal or gamma"``, which
        takes what either allows (a simulation draws normal quanta then). Skewed ones ask for `between` 0.

    Examples
    --------
    >>> QuantalVariability(0.3).within
    0.3
    """

    within: Cv | Literal["free"] = 0.0
    between: Cv = 0.0
    family: Literal["normal or gamma", "normal", "gamma", "inverse-gaussian"] = "normal or gamma"

    def __post_init__(self) -> None:
        if self.family in ("gamma", "inverse-gaussian") and self.between:
            raise ValueError(f"family {self.family!r} takes between = 0, got {self.between}: use 'normal'")

    @property
    def families(self) -> list[Family]:
        """Laws that are allowed, the simplest first: without skew where sites differ."""
        if self.family != "normal or gamma":
            return [self.family]
        return ["normal"] if self.between or self.within == 0.0 else ["normal", "gamma"]


@dataclass(frozen=True, eq=False)
class Recording:
    """Responses of one synapse as plain numbers."""

    sweeps: list[FloatArray]  # amplitudes (stimuli,), NaN where not measured
    intervals: list[FloatArray] | None  # ms before each stimulus, the first infinite; None: trials
    conditions: list[Any]  # label of each sweep; of each response of independent trials
    unit: pq.Quantity
    noise: Any = (
        "free"  # "free", or sd, its error and number of baseline samples: of each condition or of all
    )
    variability: QuantalVariability = field(default_factory=QuantalVariability)

    @property
    def labels(self) -> list[Any]:
        """Conditions in order of appearance."""
        return list(dict.fromkeys(self.conditions))

    @property
    def amplitudes(self) -> FloatArray:
        """All responses in order."""
        return np.concatenate(self.sweeps)

    @property
    def sweep_of_response(self) -> NDArray[np.intp]:
        """Number of the sweep of each response."""
        return np.repeat(np.arange(len(self.sweeps)), [s.size for s in self.sweeps])

    def is_of(self, label: Any) -> NDArray[np.bool_]:
        """Return which responses are of a condition."""
        is_of = np.array([condition == label for condition in self.conditions])
        return is_of[self.sweep_of_response] if self.is_train else is_of

    @property
    def is_train(self) -> bool:
        """Whether the times of the stimuli are known."""
        return self.intervals is not None

    @property
    def layout(self) -> Any:
        """What recordings that are fitted together share: sizes, conditions, intervals, free noise."""
        number = {label: i for i, label in enumerate(self.labels)}
        labels = [number[condition] for condition in self.conditions]
        gaps = None if self.intervals is None else b"".join(gap.tobytes() for gap in self.intervals)
        return tuple(sweep.size for sweep in self.sweeps), tuple(labels), gaps, self.noise == "free"

    @property
    def free(self) -> frozenset[str]:
        """Which of ``"noise"`` and ``"within"`` are not known exactly."""
        is_noise_free = self.noise == "free" or any(error > 0 or count > 0 for _, error, count in self.noises)
        free = {"noise": is_noise_free, "within": self.variability.within == "free"}
        return frozenset(name for name, is_free in free.items() if is_free)

    @property
    def has_one_noise(self) -> bool:
        """Whether the noise of all conditions is the same measurement."""
        return self.noise != "free" and len(self.noise) == 1

    @property
    def noises(self) -> list[tuple[float, float, int]]:
        """The noise of each condition, none where it is free."""
        stated = [] if self.noise == "free" else list(self.noise)
        return stated * len(self.labels) if self.has_one_noise else stated

    @property
    def may_be_shared(self) -> frozenset[str]:
        """Which parameters may be one in all conditions: the noise unless it was measured in each."""
        return frozenset(
            {"p", "q", "within"} | ({"noise"} if self.noise == "free" or self.has_one_noise else set())
        )

    @property
    def unit_text(self) -> str:
        """The unit in words; empty without one."""
        return "" if self.unit.dimensionality.string == "dimensionless" else self.unit.dimensionality.string


def checked_recording(
    amplitudes: Any,
    spike_times: Any = None,
    *,
    intervals: Any = None,
    conditions: Any = None,
    spikes: Any = None,
    noise: Any = "free",
    variability: Any = None,
    starts_from_rest: bool = True,
    unit: pq.Quantity | None = None,
) -> Recording:
    """Return what :func:`biophys.fit_release` is given as a :class:`Recording`; raise as it does."""
    if unit is not None and not (isinstance(unit, pq.Quantity) and unit.size == 1 and unit.magnitude == 1):
        raise ValueError(f"unit must be a unit of quantities, such as pq.pA, got {shown(unit)}")
    sweeps, unit = amplitudes_of(amplitudes, unit)
    has_times = spike_times is not None or intervals is not None
    if spike_times is not None and intervals is not None:
        raise TypeError("give spike_times or intervals, not both")
    gaps = _gaps(spike_times, intervals, sweeps) if has_times else None
    labels = _labels(conditions, sweeps, is_per_response=gaps is None)
    masks = _spike_masks(spikes, sweeps)
    if gaps is not None and not starts_from_rest:
        sweeps, gaps, labels = _chained(spike_times, sweeps, gaps, labels)
        masks = [np.concatenate(masks)]
    if spikes is not None:
        sweeps, gaps, labels = _without_failed_spikes(masks, sweeps, gaps, labels)
    if (gaps is None or starts_from_rest) and all(sweep.size == 1 for sweep in sweeps):
        # Trials in order: sweeps of one response have no neighbours, and dependence would not be seen.
        sweeps, gaps = [np.concatenate(sweeps)], None
    recording = Recording(sweeps, gaps, labels, unit, None, checked_variability(variability))
    _check_responses(recording)
    object.__setattr__(recording, "noise", checked_noise(noise, recording))
    return recording


def amplitudes_of(amplitudes: Any, unit: pq.Quantity | None) -> tuple[list[FloatArray], pq.Quantity]:
    """Return sweeps of plain amplitudes and their unit."""
    if isinstance(amplitudes, list | tuple) and amplitudes and not isinstance(amplitudes, pq.Quantity):
        if all(np.ndim(part) == 0 for part in amplitudes) and not any(
            isinstance(part, pq.Quantity) for part in amplitudes
        ):
            return amplitudes_of(np.asarray(amplitudes), unit)
        parts = [amplitudes_of(part, unit) for part in amplitudes]
        first = parts[0][1]
        sweeps = [
            magnitude_in(pq.Quantity(s, u), first, f"sweep {i} of amplitudes")
            for i, (part, u) in enumerate(parts)
            for s in part
        ]
        if all(np.ndim(part) == 0 for part in amplitudes):
            return [np.concatenate(sweeps)], first
        return [np.asarray(s, dtype=float) for s in sweeps], first
    values, unit = _plain(amplitudes, unit)
    if unit.dimensionality.simplified != pq.dimensionless.dimensionality:
        psp_unit_of(unit, "amplitudes")
    if values.ndim == 2 and values.shape[1] == 1 and not isinstance(amplitudes, np.matrix):
        # A neo signal of one channel is (times, 1).
        values = values[:, 0]
    elif values.ndim == 2 and hasattr(amplitudes, "t_start"):
        problem = f"amplitudes are a signal of {values.shape[1]} channels"
        raise ValueError(f"{problem}: give one, such as signal[:, 0]")
    if values.ndim > 2:
        raise ValueError(f"amplitudes must be (trials,) or (sweeps, stimuli), got shape {values.shape}")
    if values.size == 0:
        problem = "amplitudes are empty: a recording needs at least three trials (first axis)"
        raise ValueError(f"{problem}, got shape {values.shape}")
    return [np.atleast_1d(row) for row in (values if values.ndim == 2 else [values])], unit


def _plain(values: Any, unit: pq.Quantity | None) -> tuple[FloatArray, pq.Quantity]:
    if isinstance(values, pq.Quantity):
        if values.dtype.kind == "c":
            raise TypeError(f"amplitudes must be real numbers, got {values.ravel()[0]}")
        if unit is not None:
            return magnitude_in(values, unit, "amplitudes"), pq.Quantity(1.0, unit)
        return np.asarray(values.magnitude, dtype=float), pq.Quantity(1.0, values.dimensionality)
    if hasattr(values, "get_best_unit"):
        raise without_unit(values, "amplitudes")
    if unit is None:
        example = "for example np.array(values) * pq.pA; * pq.dimensionless for dF/F"
        raise TypeError(f"amplitudes must carry a unit ({example}), or fit_release their unit=pq.pA")
    if np.ma.isMaskedArray(values):
        values = np.ma.filled(values.astype(float), np.nan)
    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    is_text = array.dtype.kind in "US" or any(isinstance(value, str | bytes) for value in array.ravel())
    try:
        if is_text or array.dtype.kind in "bc":
            raise TypeError
        return np.asarray(array, dtype=float), pq.Quantity(1.0, unit)
    except (TypeError, ValueError):
        raise TypeError(f"amplitudes must be real numbers, got {shown(values)}") from None


def _gaps(spike_times: Any, intervals: Any, sweeps: Sequence[FloatArray]) -> list[FloatArray]:
    """Return the time in ms before each stimulus, infinite before the first of a sweep."""
    name = "spike_times" if intervals is None else "intervals"
    trains = _trains(spike_times if intervals is None else intervals, name)
    if len(trains) == 1 and len(sweeps) > 1:
        trains = trains * len(sweeps)
    if len(trains) != len(sweeps):
        problem = f"{name} has {len(trains)} trains but there are {len(sweeps)} sweeps of amplitudes"
        raise ValueError(f"{problem}: give one train for all or one for each")
    gaps = []
    for number, (train, sweep) in enumerate(zip(trains, sweeps, strict=True)):
        if intervals is not None and train.size == sweep.size - 1:
            train = np.append(np.inf, train)
        if train.size != sweep.size:
            problem = f"sweep {number} has {sweep.size} amplitudes but {train.size} {name}"
            raise ValueError(f"{problem}: one for each stimulus; write nan where a response was not measured")
        gap = train.copy() if intervals is not None else np.append(np.inf, np.diff(train))
        gap[0] = np.inf
        if np.any(np.isinf(gap[1:])):
            first = f"stimulus {1 + int(np.flatnonzero(np.isinf(gap[1:]))[0])} of sweep {number}"
            raise ValueError(f"{name}: an infinite interval begins a sweep: give {first} as its first")
        if np.any(~(gap > 0)):
            where = int(np.flatnonzero(~(gap > 0))[0])
            problem = f"{name} must rise from stimulus to stimulus: in sweep {number}"
            raise ValueError(f"{problem}, stimulus {where} comes {gap[where]:g} ms after the one before")
        gaps.append(gap)
    return gaps


def _trains(times: Any, name: str) -> list[FloatArray]:
    if isinstance(times, list | tuple) and times and isinstance(times[0], pq.Quantity):
        return [np.atleast_1d(magnitude_in(part, pq.ms, name)) for part in times]
    values = magnitude_in(times, pq.ms, name)
    return list(values) if values.ndim == 2 else [np.atleast_1d(values)]


def _labels(conditions: Any, sweeps: Sequence[FloatArray], *, is_per_response: bool) -> list[Any]:
    n_responses = sum(s.size for s in sweeps)
    expected = n_responses if is_per_response else len(sweeps)
    if conditions is None:
        return [""] * expected
    if isinstance(conditions, str | dict | pq.Quantity) or not np.iterable(conditions):
        raise TypeError(f"conditions must be a list of labels, got {shown(conditions)}")
    labels = list(conditions)
    if is_per_response and len(labels) == len(sweeps) and len(sweeps) > 1:
        labels = [label for label, sweep in zip(labels, sweeps, strict=True) for _ in sweep]
    if len(labels) != expected:
        what = "response" if is_per_response else "sweep"
        raise ValueError(f"conditions needs one label for each {what} ({expected}), got {len(labels)}")
    labels = [label.item() if isinstance(label, np.generic) else label for label in labels]
    unknown = [
        i for i, label in enumerate(labels) if label is None or label in (np.inf, -np.inf) or label != label
    ]
    if unknown:
        problem = f"conditions[{unknown[0]}] is {labels[unknown[0]]}"
        raise ValueError(f"{problem}: give every one a label, or leave its responses out")
    by_text: dict[str, Any] = {}
    truths = [label for label in labels if isinstance(label, bool)]
    numbers = [label for label in labels if type(label) in (int, float) and label in truths]
    if numbers:
        problem = f"conditions {bool(numbers[0])} and {numbers[0]} are the same to Python"
        raise ValueError(f"{problem}: they are one, or need names of their own")
    for label in labels:
        if by_text.setdefault(str(label), label) != label:
            problem = f"conditions {by_text[str(label)]!r} and {label!r} read alike"
            raise ValueError(f"{problem}: they are one, or need names of their own")
    return labels


def _spike_masks(spikes: Any, sweeps: list[FloatArray]) -> list[NDArray[np.bool_]]:
    """Return whether each stimulus of each sweep evoked a spike; all did where nothing is said."""
    if spikes is None:
        return [np.ones(sweep.size, bool) for sweep in sweeps]
    try:
        is_nested = np.ndim(spikes[0]) > 0
        flat = np.concatenate([np.ravel(row) for row in spikes]) if is_nested else np.ravel(spikes)
        if flat.dtype.kind not in "bui" or not set(np.unique(flat).tolist()) <= {0, 1}:
            raise TypeError
    except (TypeError, IndexError, KeyError, ValueError):
        raise TypeError(f"spikes must be True or False for each stimulus, got {shown(spikes)}") from None
    masks = [np.atleast_1d(np.asarray(row, bool)) for row in (spikes if np.ndim(spikes[0]) else [spikes])]
    if len(masks) == 1 and len(sweeps) > 1:
        masks = masks * len(sweeps)
    if [m.size for m in masks] != [s.size for s in sweeps]:
        sizes = f"{[m.size for m in masks]} entries but the sweeps have {[s.size for s in sweeps]} stimuli"
        raise ValueError(f"spikes has {sizes}")
    return masks


def _without_failed_spikes(
    masks: list[NDArray[np.bool_]], sweeps: list[FloatArray], gaps: list[FloatArray] | None, labels: list[Any]
) -> tuple[list[FloatArray], list[FloatArray] | None, list[Any]]:
    """Leave out stimuli that evoked no spike: nothing was released and nothing facilitated."""
    kept = [s[m] for s, m in zip(sweeps, masks, strict=True)]
    if not any(m.any() for m in masks):
        raise ValueError("spikes are False for every stimulus: no response is left")
    if gaps is None:
        return kept, None, list(compress(labels, np.concatenate(masks)))
    times = [np.cumsum(np.where(np.isfinite(gap), gap, 0.0))[m] for gap, m in zip(gaps, masks, strict=True)]
    merged = [np.append(np.inf, np.diff(train)) for train in times]
    is_kept = [bool(m.any()) for m in masks]
    return tuple(list(compress(part, is_kept)) for part in (kept, merged, labels))  # type: ignore[return-value]


def _chained(
    spike_times: Any, sweeps: list[FloatArray], gaps: list[FloatArray], labels: list[Any]
) -> tuple[list[FloatArray], list[FloatArray], list[Any]]:
    """Join the sweeps of one cell to one train through the time between them."""
    if spike_times is None or len(set(labels)) > 1:
        raise ValueError("starts_from_rest=False needs absolute spike_times of each sweep and one condition")
    trains = _trains(spike_times, "spike_times")
    between = [b[0] - a[-1] for a, b in pairwise(trains)]
    if len(trains) != len(sweeps) or any(not gap > 0 for gap in between):
        problem = "starts_from_rest=False needs absolute spike_times of each sweep"
        raise ValueError(f"{problem}, and none may begin before the last ended")
    joined = np.concatenate(gaps)
    joined[np.cumsum([s.size for s in sweeps])[:-1]] = between
    return [np.concatenate(sweeps)], [joined], labels[:1]


def checked_variability(variability: Any) -> QuantalVariability:
    """Return a number, None or a :class:`QuantalVariability` as the last."""
    if isinstance(variability, QuantalVariability):
        return variability
    check_type(variability, Cv | Literal["free"] | None, "variability", 0.3)
    return QuantalVariability(0.0 if variability is None else variability)


def _check_responses(recording: Recording) -> None:
    values = recording.amplitudes
    present = values[np.isfinite(values)]
    if np.any(np.isinf(values)):
        raise ValueError(f"amplitudes must be finite or nan, got {values[np.isinf(values)][0]}")
    if present.size < 3:
        raise ValueError(f"amplitudes need at least three measured responses, got {present.size}")
    if values.size > _MOST_RESPONSES:
        problem = f"{values.size} responses of one synapse are more than {_MOST_RESPONSES}, the most to fit"
        raise ValueError(f"{problem}: give a stretch of them; samples of traces are no responses")
    if np.ptp(present) == 0:
        problem = f"a constant recording (all responses {present[0]:g} {recording.unit_text})"
        raise ValueError(f"{problem} has no variance to analyse: p is 0 or 1, or the responses are copies")
    # Squares of the responses must stay within the range of numbers.
    with np.errstate(over="ignore", under="ignore"):
        spread = float(np.std(present))
    if not _SMALLEST_SD < spread < _LARGEST_SD:
        farthest = present[np.argmax(np.abs(present - np.median(present)))]
        problem = f"amplitudes reach {farthest:g} {recording.unit_text}, which is no response of a synapse"
        raise ValueError(f"{problem}: check the unit, or give nan for a response that was not measured")
    # The mean of far outliers and of nothing else would have either sign.
    if present.mean() == 0:
        raise ValueError("the mean amplitude is 0: no release to analyse")
    for label in recording.labels:
        if np.sum(np.isfinite(values[recording.is_of(label)])) < 2:
            raise ValueError(f"condition {label!r} has fewer than two measured responses: leave it out")


def checked_noise(noise: Any, recording: Recording) -> Any:
    """Return ``"free"``, or (sd, error, n_samples of the baseline or 0) of each condition, or one of all."""
    if isinstance(noise, str):
        if noise != "free":
            raise ValueError(f"noise must be a quantity, a Noise, baseline samples or 'free', got {noise!r}")
        return "free"
    labels = recording.labels
    if isinstance(noise, dict):
        missing = [label for label in labels if label not in noise]
        if missing:
            has = f"it has {', '.join(map(repr, noise)) or 'none'}"
            raise ValueError(f"noise has no entry for condition {missing[0]!r}: {has}")
        noises = [_one_noise(noise[label], recording) for label in labels]
    elif isinstance(noise, list | tuple) and len(noise) == len(labels):
        noises = [_one_noise(part, recording) for part in noise]
    elif isinstance(noise, list | tuple) and any(isinstance(part, Noise | pq.Quantity) for part in noise):
        problem = f"noise has {len(noise)} entries for {len(labels)} condition{'s'[: len(labels) > 1]}"
        raise ValueError(f"{problem}: give one for each, or one for all")
    else:
        noises = [_one_noise(noise, recording)]
    spread = float(np.nanstd(recording.amplitudes))
    for sd, _, _ in noises:
        if not spread / _FARTHEST_NOISE < sd < spread * _FARTHEST_NOISE:
            problem = f"noise of {sd:g} {recording.unit_text} cannot be that of responses of sd {spread:g}"
            raise ValueError(f"{problem}: check its unit, or give noise='free'")
    return noises


def _one_noise(noise: Any, recording: Recording) -> tuple[float, float, int]:
    if isinstance(noise, str):
        problem = f"noise of a condition must be a quantity, a Noise or baseline samples, got {noise!r}"
        remedy = "noise='free' fits that of all, and with shared=('n', 'q', 'variability') that of each"
        raise ValueError(f"{problem}: {remedy}")
    if isinstance(noise, Noise):
        sd, error = float(_positive_noise(noise.sd, recording)), noise.error
        if isinstance(error, pq.Quantity):
            error = float(magnitude_in(error, recording.unit, "noise error"))
        error = float(checked_finite(error, "noise error", 0.0))
        return sd, error if error > AS_GOOD_AS_KNOWN * sd else 0.0, 0
    values = _noise_numbers(noise, recording)
    if values.size == 1:
        return float(_positive_noise(noise, recording)), 0.0, 0
    samples = values[np.isfinite(values)].ravel()
    if samples.size < 3 or np.ptp(samples) == 0:
        raise ValueError("noise: baseline samples must vary and be at least three")
    # A free offset costs one sample.
    with np.errstate(over="ignore", under="ignore"):
        return float(samples.std(ddof=1)), 0.0, int(samples.size - 1)


def _noise_numbers(noise: Any, recording: Recording) -> FloatArray:
    if not isinstance(noise, pq.Quantity) and recording.unit_text == "":
        return np.asarray(noise, dtype=float)
    return np.asarray(magnitude_in(noise, recording.unit, "noise"), dtype=float)


def _positive_noise(noise: Any, recording: Recording) -> Any:
    remedy = "measure it before the stimulus, or give noise='free'"
    return checked_finite(_noise_numbers(noise, recording), "noise", 0.0, remedy=remedy, is_open=True)
