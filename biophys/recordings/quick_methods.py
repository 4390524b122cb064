"""Quick methods of quantal analysis: failures, covariances of trains, means of trains."""

import warnings
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray

from biophys.argument_types import Count, WholeNumber, check_public
from biophys.recordings.ascent import Point, ascend, profile_end
from biophys.recordings.likelihood import number_of
from biophys.recordings.recording import amplitudes_of, checked_recording
from biophys.recordings.release_fit import FittedParameter, IdentifiabilityWarning, serial_of
from biophys.recordings.release_moments import Z_95, full_probability
from biophys.recordings.serial_dependence import SerialDependenceWarning
from biophys.recordings.train_dynamics import DYNAMICS, drive
from biophys.short_term import ShortTermDynamics
from biophys.units import FloatArray, checked_finite, magnitude_in, plain_numbers, psp_unit_of


@dataclass(frozen=True)
class FailuresAnalysis:
    """What the share of failures says.

    Parameters
    ----------
    failure, failure_interval : share of failures and its 95 % interval (Wilson)
    p, p_interval : release probability at the n that was given; NaN without
    mean_count, mean_count_interval : mean number of vesicles n p if it is Poisson, -ln of the share
    potency : mean response when there is one: mean over 1 - share of failures
    """

    failure: float
    failure_interval: tuple[float, float]
    p: float
    p_interval: tuple[float, float]
    mean_count: float
    mean_count_interval: tuple[float, float]
    potency: pq.Quantity


def failures_analysis(
    amplitudes: Any, *, noise: pq.Quantity | None = None, n: Count | None = None
) -> FailuresAnalysis:
    """Estimate p, or n p, from the share of failures.

    With recording noise failures are not counted by a threshold: half of them lie beyond 0 on the side away
    from the responses, so that twice their share is the share of failures, which asks for quanta of more than
    three standard deviations of the noise.

    Parameters
    ----------
    amplitudes : responses with a unit, failures included
    noise : standard deviation of the recording noise; without it failures are exactly 0
    n : number of sites

    Warns
    -----
    IdentifiabilityWarning
        If quanta are too small for their failures to be told by the noise.
    SerialDependenceWarning
        If the responses depend on those before: those of trains do.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> result = failures_analysis(rng.binomial(3, 0.3, 500) * 10.0 * pq.pA, n=3)
    >>> result.p_interval[0] < 0.3 < result.p_interval[1]
    True
    """
    from scipy.stats import binomtest

    recording = checked_recording(amplitudes)
    serial = serial_of(recording, "none")
    if serial is not None and serial.is_dependent:
        warnings.warn(serial.text, SerialDependenceWarning, stacklevel=3)
    x = recording.amplitudes
    x = x[np.isfinite(x)] * np.sign(np.nanmean(x))
    share = 1.0 if noise is None else 2.0
    if noise is not None:
        sd = checked_finite(magnitude_in(noise, recording.unit, "noise"), "noise", 0.0)
        if sd.size != 1:
            raise ValueError(f"noise must be one standard deviation, got {sd.size}")
    elif np.any(x < 0) and not np.any(x == 0):
        raise ValueError("amplitudes lie on both sides of 0, and none is 0: give the recording noise=")
    n_seen = int(np.sum(x == 0)) if noise is None else int(np.sum(x < 0))
    wilson = binomtest(n_seen, x.size).proportion_ci(method="wilson")
    low, high = (min(share * float(end), 1.0) for end in wilson)
    failure = min(share * n_seen / x.size, 1.0)

    shares = np.array([failure, high, low])
    p = (np.full(3, np.nan) if n is None else 1.0 - shares ** (1.0 / n)).tolist()
    with np.errstate(divide="ignore"):
        count = (-np.log(shares)).tolist()
    mean = float(np.nanmean(recording.amplitudes))
    potency = (mean / (1.0 - failure) if failure < 1 else float("nan")) * recording.unit
    n_released = count[0] if n is None else n * p[0]
    if noise is not None and 0 < n_released < np.inf and abs(mean) < 3.0 * sd.item() * n_released:
        quantum = f"quanta of about {mean / n_released:.3g} {recording.unit_text}"
        problem = f"{quantum} are less than three times the noise: failures cannot be told from responses"
        warnings.warn(f"{problem}, and p is off; use fit_release", IdentifiabilityWarning, stacklevel=3)
    ends = (p[1], p[2]), (count[1], count[2])
    return FailuresAnalysis(failure, (low, high), p[0], ends[0], count[0], ends[1], potency)


@dataclass(frozen=True)
class CovarianceAnalysis:
    """n and q from the covariance of two responses of a train; NaN where the covariance is not negative.

    Parameters
    ----------
    n, q, n_interval, q_interval
        Number of sites, quantal size, and 95 % intervals by the jackknife over sweeps; n may be open.
    covariance : of the two responses, with its standard error
    reason : why there is no n, or no q: drift or common changes make covariances positive
    """

    n: float
    n_interval: tuple[float, float]
    q: pq.Quantity
    q_interval: tuple[pq.Quantity, pq.Quantity]
    covariance: tuple[float, float]
    reason: str


def covariance_analysis(
    amplitudes: Any, *, noise: pq.Quantity | None = None, stimulus: WholeNumber = 0
) -> CovarianceAnalysis:
    r"""Estimate n and q from a response and the next one of many sweeps, without a model of p.

    Without refilling between the two, :math:`n = -m_1 m_2 / \mathrm{cov}` and
    :math:`q = (v_1 - \mathrm{cov}\,m_1 / m_2 - \epsilon^2) / m_1`; with refilling n is overestimated
    (Scheuss V, Neher E 2001, Biophys J 81:1970-1989, doi:10.1016/S0006-3495(01)75848-1).
    Variances and covariances are those of successive sweeps, which slow drift does not reach.

    Parameters
    ----------
    amplitudes : responses, shape (sweeps, stimuli), at least eight sweeps
    noise : standard deviation of the recording noise; by default 0
    stimulus : the first of the two, counted from 0

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> first = rng.binomial(10, 0.5, 400)
    >>> second = rng.binomial(10 - first, 0.5)
    >>> result = covariance_analysis(np.stack([first, second], axis=1) * 4.0 * pq.pA)
    >>> bool(result.n_interval[0] < 10 < result.n_interval[1])
    True
    """
    sweeps, unit = amplitudes_of(amplitudes, None)
    pairs = [sweep[stimulus : stimulus + 2] for sweep in sweeps]
    x = np.array([pair for pair in pairs if pair.size == 2 and np.isfinite(pair).all()])
    if len(x) < 8:
        wanted = f"stimuli {stimulus} and {stimulus + 1} measured in eight sweeps"
        raise ValueError(f"amplitudes need {wanted}, got {len(x)} of {len(sweeps)}")
    sd = 0.0 if noise is None else float(checked_finite(magnitude_in(noise, unit, "noise"), "noise", 0.0))

    def inverse_n_and_q(part: FloatArray) -> tuple[float, float, float]:
        step = np.diff(part, axis=0)
        v, c = float(np.mean(step[:, 0] ** 2) / 2), float(np.mean(step[:, 0] * step[:, 1]) / 2)
        m1, m2 = part.mean(axis=0)
        return -c / (m1 * m2), (v - c * m1 / m2 - sd**2) / m1, c

    whole = np.array(inverse_n_and_q(x))
    left_out = np.array([inverse_n_and_q(np.delete(x, i, axis=0)) for i in range(len(x))])
    errors = np.sqrt((len(x) - 1) / len(x) * np.sum((left_out - left_out.mean(axis=0)) ** 2, axis=0))
    low, high = whole[0] - Z_95 * errors[0], whole[0] + Z_95 * errors[0]
    is_negative = whole[0] > 0
    ends = np.sort(np.array([whole[1] - Z_95 * errors[1], whole[1] + Z_95 * errors[1]]))
    reason = "" if is_negative else "the covariance is not negative: drift, or p or q that change together"
    is_quantum = is_negative and whole[1] * x.mean() > 0
    if is_negative and not is_quantum:
        reason = "the recording noise explains all the variance"
    return CovarianceAnalysis(
        1.0 / whole[0] if is_negative else float("nan"),
        (1.0 / high if high > 0 else float("inf"), 1.0 / low if low > 0 else float("inf")),
        (whole[1] if is_quantum else np.nan) * unit,
        (ends[0] * unit, ends[1] * unit),
        (float(whole[2]), float(errors[2])),
        reason,
    )


@dataclass(frozen=True, eq=False)
class ShortTermFit:
    """Short-term dynamics fitted to the means of the responses of trains.

    Parameters
    ----------
    dynamics, capacity : P, recovery and facilitation; response if all sites released
    estimates : every parameter with its interval, by name; ends are open where the means do not tell
    predicted, chi_square, n_free : means of the model, weighted sum of squares and its degrees of freedom
    """

    dynamics: ShortTermDynamics
    capacity: pq.Quantity
    estimates: dict[str, FittedParameter]
    predicted: pq.Quantity
    chi_square: float
    n_free: int


def fit_short_term(
    means: pq.Quantity, times: pq.Quantity, sds: ArrayLike | pq.Quantity, *, facilitation: bool = True
) -> ShortTermFit:
    """Fit depletion and facilitation to mean responses by weighted least squares.

    Trains of one frequency leave P, recovery and facilitation confounded: irregular trains or probes of
    recovery tell them apart (Costa RP, Sjöström PJ, van Rossum MCW 2013, Front Comput Neurosci 7:75,
    doi:10.3389/fncom.2013.00075). Ends of intervals are those of the profile and may be open.

    Parameters
    ----------
    means, times : mean responses, (stimuli,), and the times of the stimuli, rising
    sds : standard errors of the means, with their unit or that of `means`
    facilitation : whether facilitation is fitted

    Examples
    --------
    >>> times = np.array([0, 20, 40, 60, 160, 460]) * pq.ms
    >>> states = ShortTermDynamics(0.5, 150 * pq.ms, 0 * pq.ms).states(np.diff(times))
    >>> fit = fit_short_term(80 * states.release_probability * pq.pA, times, 0.1 * pq.pA, facilitation=False)
    >>> round(fit.dynamics.p, 3), round(float(fit.dynamics.recovery), 1)
    (0.5, 150.0)
    """
    unit = means.units if isinstance(means, pq.Quantity) else None
    if unit is not None and means.dimensionality.simplified != pq.dimensionless.dimensionality:
        psp_unit_of(means, "means")
    values = magnitude_in(means, unit if unit is not None else pq.pA, "means")
    gaps = np.append(1.0, np.diff(magnitude_in(times, pq.ms, "times")))
    checked_finite(gaps, "intervals between times", 0.0, remedy="sort them", is_open=True)
    plain = magnitude_in(sds, unit, "sds") if isinstance(sds, pq.Quantity) else plain_numbers(sds, "sds")
    weights = checked_finite(plain, "sds", 0.0, is_open=True)
    size = 4 if facilitation else 3
    if values.ndim != 1 or values.shape != gaps.shape or values.size <= size:
        wanted = f"more than {size} means, each with a time"
        raise ValueError(f"{size} parameters need {wanted}, got {values.size}")
    problem = _MeansOfTrain(values, gaps, np.broadcast_to(weights, values.shape), facilitation)
    return problem.fit(unit)


@dataclass(frozen=True, eq=False)
class _MeansOfTrain:
    """Log likelihood of means with known errors, in log U, log odds of P, log tau and log F."""

    means: FloatArray
    gaps: FloatArray
    errors: FloatArray
    facilitates: bool

    @property
    def kind(self) -> str:
        return "depletion+facilitation" if self.facilitates else "depletion"

    def predicted(self, theta: FloatArray) -> FloatArray:
        p = 1.0 / (1.0 + np.exp(-theta[:, 1:2]))
        driven = drive(self.kind, p, theta[:, 2:], self.gaps[None])
        released = driven.u[:, 0] * full_probability(driven.u[:, 0], driven.empty[:, 0])
        return np.sign(self.means[0]) * np.exp(theta[:, :1]) * released

    def at(self, theta: FloatArray, rows: NDArray[np.intp]) -> Point:
        """Gauss and Newton: slopes of the means by differences."""
        residual = (self.means - self.predicted(theta)) / self.errors
        step = 1e-5 * np.eye(theta.shape[1])
        change = [self.predicted(theta + axis) - self.predicted(theta - axis) for axis in step]
        slope = np.stack(change, axis=1) / (2e-5 * self.errors)
        return Point(
            -0.5 * np.sum(residual**2, axis=1),
            np.einsum("rdt,rt->rd", slope, residual),
            -np.einsum("rdt,ret->rde", slope, slope),
        )

    def fit(self, unit: Any) -> ShortTermFit:
        names = ("capacity", "p", *DYNAMICS[self.kind])
        times = [np.log(t) for t in (30.0, 150.0, 600.0)]
        options = product([-1.5, 0.0, 1.5], *([times] * (len(names) - 2)))
        first = np.abs(self.means).max()
        starts = np.array([[np.log(first * (1 + np.exp(-p))), p, *rest] for p, *rest in options])
        low = np.array([np.log(1e-2 * first), -8.0, *[np.log(0.05 * self.gaps[1:].min())] * (len(names) - 2)])
        high = np.array([np.log(1e4 * first), 8.0, *[np.log(50 * self.gaps[1:].max())] * (len(names) - 2)])
        all_tops = ascend(self.at, starts, (low, high), max_steps=200)
        best = [int(np.argmax(all_tops.value))]
        top = ascend(self.at, all_tops.theta[best], (low, high))
        estimates = {}
        fall = np.full(1, Z_95**2)
        for i, name in enumerate(names):
            ends = [float(profile_end(self.at, top, (low, high), i, side, fall)[0]) for side in (-1.0, 1.0)]
            is_open = [abs(ends[0] - low[i]) < 1e-6, abs(ends[1] - high[i]) < 1e-6]
            value, start, stop = (float(number_of(name, y)) for y in (float(top.theta[0, i]), *ends))
            start = 0.0 if is_open[0] else start
            stop = (1.0 if name == "p" else float("inf")) if is_open[1] else stop
            text = {"capacity": unit.dimensionality.string if unit is not None else "", "p": ""}.get(
                name, "ms"
            )
            is_told, span = stop < 3 * start, (start, stop)
            estimates[name] = FittedParameter(value, *span, float("nan"), is_told, span, text)
        constants = {name: estimates[name].value * pq.ms for name in names[2:]}
        return ShortTermFit(
            ShortTermDynamics(estimates["p"].value, **{"facilitation": 0.0 * pq.ms} | constants),
            np.sign(self.means[0]) * estimates["capacity"].value * unit,
            estimates,
            self.predicted(top.theta)[0] * unit,
            float(-2 * top.value[0]),
            self.means.size - len(names),
        )


check_public(__name__, but=("FailuresAnalysis", "CovarianceAnalysis", "ShortTermFit"))
