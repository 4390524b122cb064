"""Fit n, p, q and short-term dynamics to recorded responses, for one synapse or many."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_type_hints

import numpy as np
import quantities as pq

from biophys.argument_types import Inside, check_choice, check_type, checked_types, suggestion
from biophys.progress import Progress, ignore_progress
from biophys.quantal import checked_n_sites
from biophys.recordings.implausible import ImplausibleRecordingWarning
from biophys.recordings.likelihood import PER_SYNAPSE, ReleaseModel, Responses, without_far
from biophys.recordings.recording import AS_GOOD_AS_KNOWN, Recording, checked_recording
from biophys.recordings.release_fit import IdentifiabilityWarning, ReleaseFit, summarised
from biophys.recordings.response_density import Family
from biophys.recordings.serial_dependence import SerialDependenceWarning
from biophys.recordings.site_profile import profile_of_families, sites_tried
from biophys.recordings.train_dynamics import DYNAMICS
from biophys.short_term import ShortTermDynamics
from biophys.units import FloatArray, shown

_SHARED = {"n": "n", "p": "p", "q": "q", "variability": "within", "noise": "noise"}
# The forward pass costs n^2 for each stimulus: fewer numbers of sites are tried than of trials.
_TRAIN_SITES = [*sites_tried(12, n_last=50, has_limit=False), 70.0, 100.0, 140.0, 200.0]
# Responses of the recordings that are fitted together: what is kept of each fills the memory otherwise.
# Trains gain nothing by it beyond a few.
_AT_ONCE, _AT_ONCE_OF_TRAINS = 10_000, 1_000
# Spread of the middle responses, relative to that of all, below which artefacts set the latter.
_FAR = 0.02
# Sites that are followed one by one in seconds; more are as good as infinitely many.
_MOST_SITES, _MOST_SITES_OF_TRAINS = 10_000, 1_000


@checked_types
def fit_release(
    amplitudes: Any,
    spike_times: Any = None,
    *,
    intervals: Any = None,
    conditions: Any = None,
    spikes: Any = None,
    noise: Any = "free",
    variability: Any = None,
    dynamics: str | ShortTermDynamics | None = None,
    n: int | None = None,
    shared: Sequence[str] = ("n", "q", "variability", "noise"),
    robust: bool = False,
    starts_from_rest: bool = True,
    level: float = 0.95,
    unit: pq.Quantity | None = None,
) -> ReleaseFit:
    r"""Find n, p, q and the short-term dynamics of a synapse from the amplitudes of its responses.

    The likelihood is exact: of independent trials a mixture over the number of vesicles, of trains a forward
    pass over the number of full sites. It is maximised at every number of sites; intervals are those of the
    profile likelihood and may be open, and `identified` says whether the posterior, flat in n, holds a
    parameter within a factor 3.

    Parameters
    ----------
    amplitudes
        Responses, failures included: a quantity (trials,) or (sweeps, stimuli), a list of them of unequal
        length, a neo signal, or numbers or a pandas column with `unit`. NaN: not measured. Of either sign.
    spike_times
        Times of the stimuli, one train for all sweeps or one for each; without them (and `intervals`) the
        trials are taken as independent.
    intervals
        Instead of times: the interval before each stimulus (that of the first is not used), or between them.
    conditions : label of each trial, or of each sweep of trains. p is fitted for each.
    spikes : whether each stimulus evoked a spike (sweeps, stimuli): those that did not are left out
    noise
        Standard deviation of the recording noise: a quantity, a :class:`Noise` with its error, baseline
        samples (whose error then reaches every interval), ``"free"``, or a dict by condition, or a list in
        the order in which conditions appear.
    variability
        Of quanta: a coefficient of variation within sites, or a :class:`QuantalVariability`; None takes 0.
    dynamics
        ``"depletion"``, ``"depletion+facilitation"``, ``"depletion+free facilitation"``, ``"two-rate"``,
        ``"two-rate+facilitation"``, ``"facilitation"``, ``"release-independent"``, or a
        :class:`biophys.ShortTermDynamics` that is held. None: independent responses, whatever their times.
    n : number of sites, if it is known
    shared
        What is the same in all conditions, of "n", "p", "q", "variability" and "noise" (unless each has its
        own measurement).
    robust : whether up to a tenth of the responses may be artefacts
    starts_from_rest
        Whether all sites are full at the first stimulus of every sweep. If not, absolute `spike_times` are
        needed.
    level : of the intervals
    unit : unit of plain numbers

    Raises
    ------
    TypeError, ValueError
        If a unit is missing; if the recording or an option does not make sense: the message says where.

    Warns
    -----
    IdentifiabilityWarning
        If n and p cannot be told apart.
    ImplausibleRecordingWarning
        If responses lie off 0 by a constant, or have both signs.
    SerialDependenceWarning
        If responses that are taken as independent are not.

    References
    ----------
    Bird AD, Wall MJ, Richardson MJE (2016). Front Comput Neurosci 10:116, doi:10.3389/fncom.2016.00116.
    Gontier C, Pfister J-P (2020). Front Comput Neurosci 14:558477, doi:10.3389/fncom.2020.558477.

    Examples
    --------
    >>> import numpy as np, quantities as pq
    >>> from brianpresyn.biophys.quantal import QuantalSynapse
    >>> rng = np.random.default_rng(2)
    >>> responses = QuantalSynapse(3, 0.4, 10 * pq.pA).sample(300, rng=rng) + rng.normal(0, 2, 300) * pq.pA
    >>> fit = fit_release(responses, noise=2 * pq.pA)
    >>> int(fit.n.value), fit.n.identified, round(fit.q.value)
    (3, True, 10)
    """
    recording = checked_recording(
        amplitudes,
        spike_times,
        intervals=intervals,
        conditions=conditions,
        spikes=spikes,
        noise=noise,
        variability=variability,
        starts_from_rest=starts_from_rest,
        unit=unit,
    )
    task = _task(recording, dynamics, n, shared, robust, level)
    fit = _fit_alike([recording], task)[0]
    is_dependent = fit.serial is not None and fit.serial.is_dependent
    texts: list[tuple[str, type[Warning]]] = [(text, ImplausibleRecordingWarning) for text in fit.implausible]
    texts += [(fit.serial.text, SerialDependenceWarning)] if fit.serial and is_dependent else []
    texts += [] if fit.n.identified else [(fit.identifiability_text, IdentifiabilityWarning)]
    for text, category in texts:
        warnings.warn(text, category, stacklevel=3)
    return fit


@dataclass(frozen=True)
class FailedFit:
    """A synapse of a batch that could not be fitted, and the reason: what was wrong with its recording."""

    reason: str


class ReleaseFits(Sequence):
    """Fits of many synapses in order; a synapse that could not be fitted is a :class:`FailedFit`."""

    def __init__(self, fits: Sequence[ReleaseFit | FailedFit], names: Iterable[Any] | None = None) -> None:
        self._fits = list(fits)
        self._names = list(range(len(self._fits)) if names is None else names)

    def __len__(self) -> int:
        return len(self._fits)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ReleaseFits(self._fits[index], self._names[index])
        return self._fits[index]

    def table(self) -> list[dict[str, Any]]:
        """Return one row for each synapse: values, ends of intervals, log likelihood, or the reason.

        Amplitudes are in the `unit` of the row, times in ms.
        """
        rows = []
        for synapse, fit in zip(self._names, self._fits, strict=True):
            if isinstance(fit, FailedFit):
                rows.append({"synapse": synapse, "reason": fit.reason})
                continue
            row: dict[str, Any] = {"synapse": synapse, "n_responses": fit.n_responses}
            row |= {"unit": fit.recording.unit_text, "log_likelihood": fit.log_likelihood, "bic": fit.bic}
            for name, each in fit.estimates().items():
                row[name] = each.value
                row |= {f"{name}_{part}": getattr(each, part) for part in ("low", "high", "identified")}
            rows.append(row)
        return rows


@checked_types
def fit_releases(
    recordings: Any, spike_times: Any = None, *, on_progress: Progress = ignore_progress, **options: Any
) -> ReleaseFits:
    """Fit many synapses at once, with the numbers of :func:`fit_release`.

    A bad recording does not stop the others: it has a reason in place of a fit. A wrong name, type, `level`,
    `dynamics` or `shared` among the options of all is an error at once.

    Parameters
    ----------
    recordings
        A quantity, array or DataFrame (trials, synapses) of independent trials, or a list with the amplitudes
        of each synapse (or a dict of arguments of :func:`fit_release` for each).
    **options, spike_times
        Of all synapses, as of :func:`fit_release`; where they have no `conditions`, `noise` may be a list
        with that of each synapse.
    on_progress : called with the fraction that is fitted, 0..1, and what is being done

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.binomial(2, 0.5, (80, 3)) * 10.0 + rng.normal(0, 1, (80, 3))
    >>> x[:, 1] = 7.0
    >>> fits = fit_releases(x * pq.pA, noise=1 * pq.pA)
    >>> [getattr(fit, "reason", "fitted")[:8] for fit in fits]
    ['fitted', 'a consta', 'fitted']
    """
    names, recordings = getattr(recordings, "columns", None), _each_of(recordings)
    noise: Any = options.get("noise")
    _check_arguments(options)
    _check_values(**options)
    arguments_of = (options, *(item for item in recordings if isinstance(item, dict)))
    has_conditions = any("conditions" in each for each in arguments_of)
    is_list = isinstance(noise, list | tuple) and not has_conditions
    if is_list and len(noise) != len(recordings):
        raise ValueError(f"noise has {len(noise)} entries for {len(recordings)} synapses: give one for each")
    per_synapse = is_list or (np.shape(noise) == (len(recordings),) and isinstance(noise, pq.Quantity))
    inputs = []
    for number, item in enumerate(recordings):
        own = dict(item) if isinstance(item, dict) else {"amplitudes": item}
        own = ({"noise": noise[number]} if per_synapse else {}) | own
        inputs.append({"amplitudes": [], "spike_times": spike_times} | options | own)
    fits: list[Any] = [None] * len(inputs)
    groups: dict[Any, list[tuple[int, Recording]]] = {}
    tasks: dict[Any, _Task] = {}
    for number, arguments in enumerate(inputs):
        try:
            _check_arguments(arguments)
            fitting = {k: arguments.pop(k) for k in _FIT_OPTIONS if k in arguments}
            recording = checked_recording(**arguments)
            task = _task(recording, **fitting)
        except (TypeError, ValueError) as error:
            fits[number] = FailedFit(str(error))
            continue
        key = (task.key, recording.layout)
        tasks[key] = task
        groups.setdefault(key, []).append((number, recording))
    for key, members in groups.items():
        at_once = _AT_ONCE if tasks[key].model.dynamics == "none" else _AT_ONCE_OF_TRAINS
        size = max(1, at_once // members[0][1].amplitudes.size)
        for part in (members[i : i + size] for i in range(0, len(members), size)):
            numbers, alike = zip(*part, strict=True)
            n_done = sum(fit is not None for fit in fits)
            on_progress(n_done / len(fits), f"fitting synapse {n_done + 1} of {len(fits)}")
            for number, fit in zip(numbers, _fit_or_reason(list(alike), tasks[key]), strict=True):
                fits[number] = fit
    return ReleaseFits(fits, names)


def _each_of(recordings: Any) -> list[Any]:
    """Return what was recorded of each synapse: the columns of a table, or the members of a list."""
    n_axes = getattr(recordings, "ndim", 0)
    if n_axes == 2:
        return [x for _, x in recordings.items()] if hasattr(recordings, "items") else list(recordings.T)
    is_list = np.iterable(recordings) and not isinstance(recordings, str | bytes | Mapping)
    if not is_list or (n_axes == 1 and recordings.dtype != object):
        wanted = "a quantity (trials, synapses) or a list with the amplitudes of each synapse"
        remedy = "fit_release fits one; of a dict give list(cells.values())"
        raise TypeError(f"recordings must be {wanted}, got {shown(recordings)}: {remedy}")
    return list(recordings)


def _check_arguments(arguments: Mapping[str, Any]) -> None:
    """Raise TypeError for arguments that :func:`fit_release` does not have, or would not take."""
    hints = {name: hint for name, hint in get_type_hints(fit_release).items() if name != "return"}
    # What is wrong with a unit is said where it is used.
    hints["unit"] = Any
    for name, value in arguments.items():
        if name not in hints:
            raise TypeError(f"fit_release has no argument {name!r}{suggestion(str(name), hints)}")
        check_type(value, hints[name], name)


def _fit_or_reason(recordings: list[Recording], task: _Task) -> list[Any]:
    """Fit recordings of one layout together; if that breaks, each alone, to leave out the cause only."""
    try:
        return list(_fit_alike(recordings, task))
    except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
        if len(recordings) == 1:
            return [FailedFit(f"the numbers of this recording broke off the fit ({error})")]
        return [_fit_or_reason([recording], task)[0] for recording in recordings]


_FIT_OPTIONS = ("dynamics", "n", "shared", "robust", "level")


@dataclass(frozen=True)
class _Task:
    """How a recording is to be fitted."""

    model: ReleaseModel
    families: list[Family]
    n: int | None
    level: float

    @property
    def key(self) -> Any:
        m = self.model
        parts = (m.dynamics, m.between, m.free, m.shared, m.is_robust, tuple(m.held.items()))
        return (*parts, tuple(self.families), self.n, self.level)


def _task(
    recording: Recording,
    dynamics: Any = None,
    n: Any = None,
    shared: Sequence[str] = ("n", "q", "variability", "noise"),
    robust: bool = False,
    level: float = 0.95,
) -> _Task:
    """Return the model that the options of :func:`fit_release` name."""
    _check_values(dynamics=dynamics, shared=shared, level=level)
    kind, held = _dynamics_of(dynamics, recording)
    variability = recording.variability
    model = ReleaseModel(
        dynamics=kind,
        between=float(variability.between),
        free=recording.free,
        shared=frozenset(_SHARED[name] for name in shared if name != "n") & recording.may_be_shared,
        is_robust=bool(robust),
        held=held,
    )
    if "n" not in shared and len(recording.labels) > 1:
        raise ValueError("n is shared by all conditions here: nested_models compares changes of n, p and q")
    sites, most = None, _MOST_SITES if kind == "none" else _MOST_SITES_OF_TRAINS
    if n is not None and (sites := int(checked_n_sites(n))) > most:
        problem = f"n = {sites} is more than the {most} sites that are followed here"
        raise ValueError(f"{problem}: leave n open, which takes in large numbers up to infinitely many")
    return _Task(model, variability.families, sites, float(level))


def _check_values(dynamics: Any = None, shared: Sequence[str] = (), level: float = 0.95, **_: Any) -> None:
    """Raise ValueError for options that suit no recording."""
    unknown = [name for name in shared if name not in _SHARED]
    if unknown:
        raise ValueError(f"shared may name {', '.join(_SHARED)}, got {unknown[0]!r}")
    check_type(level, Inside, "level", 0.95)
    if isinstance(dynamics, str):
        check_choice(dynamics, DYNAMICS, "dynamics")


def _dynamics_of(dynamics: Any, recording: Recording) -> tuple[str, dict[str, float]]:
    if dynamics is None or dynamics == "none":
        return "none", {}
    if not recording.is_train:
        problem = "dynamics need the times of the stimuli, at least two in a sweep"
        raise ValueError(f"{problem}: give spike_times or intervals")
    if isinstance(dynamics, ShortTermDynamics):
        times = {name: float(getattr(dynamics, name).rescale(pq.ms)) for name in ("recovery", "facilitation")}
        held = {name: float(np.log(max(t, 1e-6))) for name, t in times.items()}
        p = float(np.clip(dynamics.p, 1e-9, 1.0 - 1e-9))
        return "depletion+facilitation", held | {"p": float(np.log(p / (1.0 - p)))}
    return dynamics, {}


def _fit_alike(recordings: list[Recording], task: _Task) -> list[ReleaseFit]:
    parts = [plain_responses(recording, is_robust=task.model.is_robust) for recording in recordings]
    stacked = {name: np.concatenate([getattr(part, name) for part, _ in parts]) for name in PER_SYNAPSE}
    data = replace(parts[0][0], **stacked)
    if task.n is not None:
        sites = [float(task.n)]
    elif data.gaps is None and not task.model.is_robust:
        sites = sites_tried()
    else:
        sites = _TRAIN_SITES
    profile = profile_of_families(task.model, data, sites, task.families, task.level)
    if not np.all(np.isfinite(profile.value.max(axis=0))):
        raise ValueError("nothing gives the responses a likelihood above 0: is their noise what was said?")
    scales = np.array([scale for _, scale in parts])
    return summarised(recordings, profile, scales, task.level)


def refitted(fit: ReleaseFit, **variability: Any) -> ReleaseFit:
    """Return the fit of the same recording with another variability of quanta."""
    recording = replace(fit.recording, variability=replace(fit.recording.variability, **variability))
    changed = recording.variability
    model = replace(fit.profile.model, free=recording.free, between=changed.between)
    n = int(fit.profile.sites[0]) if fit.profile.numbers.size == 1 else None
    return _fit_alike([recording], _Task(model, changed.families, n, fit.level))[0]


def plain_responses(recording: Recording, *, is_robust: bool = False) -> tuple[Responses, float]:
    """Return the responses of one synapse in units of about their sd, and that unit with its sign."""
    values = recording.amplitudes
    near = without_far(values) if is_robust else values
    inner, middle = float(np.nanstd(near)), float(np.nanmean(near))
    # Where the responses near the middle are but failures, the far ones are no artefacts and give the sign.
    has_sign = abs(middle) > 3.0 * inner / np.sqrt(np.isfinite(near).sum())
    sign = 1.0 if (middle if has_sign else np.nanmean(values)) > 0 else -1.0
    spread = float(np.nanstd(values))
    if 0.0 < inner < _FAR * spread:
        # Nor noise nor quanta of the responses may lie beyond the domain that artefacts set.
        spread = inner
    # A power of two loses no digit.
    scale = sign * float(2.0 ** np.rint(np.log2(spread)))
    labels = recording.labels
    if recording.intervals is None:
        x = _padded([values[recording.is_of(label)] for label in labels]) / scale
        gaps, condition = None, np.arange(len(labels))
    else:
        x = _padded(recording.sweeps) / scale
        gaps = _padded(recording.intervals)
        gaps = np.where(np.isfinite(gaps), gaps, 1.0)
        condition = np.array([labels.index(c) for c in recording.conditions])
    shape = (1, len(labels))
    within = np.full(shape, 0.3 if "within" in recording.free else float(recording.variability.within))
    if recording.noise == "free":
        noise, error, count = (np.full(shape, value) for value in (0.3 * spread / abs(scale), 0.0, 0.0))
    else:
        sd, error, count = np.array(recording.noise, dtype=float).T[:, None]
        noise, error = sd / abs(scale), error / sd
        if "noise" in recording.free:
            error = np.where((error == 0.0) & (count == 0.0), AS_GOOD_AS_KNOWN, error)
        if recording.has_one_noise:
            # It was measured once, not once in each condition.
            count, error = count / shape[1], error * np.sqrt(shape[1])
        noise, error, count = (np.broadcast_to(part, shape) for part in (noise, error, count))
    return Responses(x[None], gaps, condition, noise, within, count, error), scale


def _padded(rows: Sequence[FloatArray]) -> FloatArray:
    """Return rows of unequal length as one array, NaN behind the end."""
    padded = np.full((len(rows), max(row.size for row in rows)), np.nan)
    for padded_row, row in zip(padded, rows, strict=True):
        padded_row[: row.size] = row
    return padded
