"""Log likelihood and prior of many recordings of one layout, as functions of unbounded coordinates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biophys.recordings.ascent import Point
from biophys.recordings.mixture import MANY_SITES, mixture_likelihood
from biophys.recordings.release_chain import Filtered, Smoothed, filter_forward, released_before, smooth
from biophys.recordings.response_density import Family, Quanta, cumulative, log_density
from biophys.recordings.skewed_mixture import Waves, skewed_likelihood
from biophys.recordings.train_dynamics import DYNAMICS, Drive, drive, pull_back
from biophys.units import FloatArray

QUANTAL = ("p", "q", "noise", "within")
"""The four numbers of a condition; as coordinates log odds of p and logarithms of the others."""

SHARES = {"p": 1.0, "fast_share": 1.0, "increment": 1.0, "depression": 1.0, "outliers": 0.1}
"""Kinds of coordinates that are log odds of a share, and the largest share; the others are logarithms."""

PER_SYNAPSE = ("x", "noise", "within", "baseline_count", "noise_error")
"""What :class:`Responses` hold for each synapse, as its first axis."""

# How many times the range of the data the flat density of outliers spans.
_OUTLIER_SPAN = 3.0
# Sites of a chain that stands for infinitely many: a Poisson number of 20 varies by 2 % more.
_LIMIT_OF_CHAINS = 1000.0
# Sweeps whose first responses tell the mean and variance at rest.
_ENOUGH_SWEEPS = 4

_PRIORS = {
    "noise": (np.log(0.2), 1.5),
    "within": (np.log(0.3), 0.5),
    "recovery": (np.log(150.0), 1.5),
    "slow_recovery": (np.log(2000.0), 1.5),
    "facilitation": (np.log(100.0), 1.5),
}
"""Mean and sd of the normal prior of a coordinate; noise relative to the sd of all responses, times in ms."""


@dataclass(frozen=True, eq=False)
class ReleaseModel:
    """What is assumed of a synapse."""

    dynamics: str = "none"  # a key of DYNAMICS; "none" for independent trials
    family: Family = "normal"  # law of the quanta
    between: float = 0.0  # coefficient of variation of the quanta between sites
    free: frozenset[str] = frozenset()  # which of "noise" and "within" are fitted beside p and q
    shared: frozenset[str] = frozenset({"q", "noise", "within"})  # the same in all conditions
    is_robust: bool = False  # a share of the responses may be outliers
    held: dict[str, float] = field(default_factory=dict)  # known coordinates of the dynamics; "p" too


@dataclass(frozen=True, eq=False)
class Responses:
    """Plain numbers of many recordings of one layout, positive on average, in units of their own sd.

    Independent trials are (synapses, conditions, trials), trains (synapses, sweeps, stimuli).
    """

    x: FloatArray  # NaN where none was measured
    gaps: FloatArray | None  # ms before each stimulus, (sweeps, stimuli); None for independent trials
    condition: NDArray[np.intp]  # number of the condition of each sweep; of independent trials 0, 1, ...
    noise: FloatArray  # known value or start of the fit, (synapses, conditions); so are all that follow
    within: FloatArray  # likewise
    baseline_count: FloatArray  # number of baseline samples, whose sd is `noise`; 0 without
    noise_error: FloatArray  # standard error of log noise where it was measured otherwise; 0 without

    @property
    def n_conditions(self) -> int:
        """Number of conditions."""
        return self.noise.shape[1]

    def take(self, rows: Any) -> Responses:
        """Return those of some synapses."""
        return replace(self, **{name: getattr(self, name)[rows] for name in PER_SYNAPSE})

    def by_condition(self, values: FloatArray) -> list[FloatArray]:
        """Return the columns (axis 1) of each condition."""
        return [values[:, self.condition == c] for c in range(self.n_conditions)]


def kind_of(name: str) -> str:
    """Return the name of a coordinate without its condition."""
    return name.partition("[")[0]


def name_in(labels: list[Any], name: str) -> str:
    """Return the name of a coordinate with the label of its condition in place of the number."""
    kind, _, number = name.partition("[")
    return f"{kind}[{labels[int(number[:-1])]}]" if number else name


def number_of(kind: str, coordinate: Any, scale: float = 1.0) -> Any:
    """Return what a coordinate stands for; q and noise in the unit that has this size in units of the fit."""
    if kind in SHARES:
        return SHARES[kind] / (1.0 + np.exp(-coordinate))
    return {"q": scale, "noise": abs(scale)}.get(kind, 1.0) * np.exp(coordinate)


class Likelihood:
    """Log likelihood of :class:`Responses` under a :class:`ReleaseModel` with n sites (of each condition).

    `log_p_shift` is added to log p: that of the same n p at another n.
    """

    def __init__(
        self, model: ReleaseModel, data: Responses, n: float | tuple[float, ...], log_p_shift: float = 0.0
    ) -> None:
        self.log_p_shift = log_p_shift
        self.model, self.data = model, data
        self.has_hessian = (data.gaps is None or model.dynamics == "none") and not model.is_robust
        if data.gaps is None and not self.has_hessian:
            self.data = data = single_stimuli(data)
        self.n = np.broadcast_to(np.asarray(n, dtype=float), (data.n_conditions,))
        self.names, self.index = self._layout()
        self.dynamic_names = DYNAMICS[model.dynamics]
        self._dynamic_free = [name for name in self.dynamic_names if name not in model.held]
        self._dynamic_index = [self.names.index(name) for name in self._dynamic_free]
        self.fixed = np.stack(
            [
                np.full_like(data.noise, model.held.get("p", np.nan)),
                np.full_like(data.noise, np.nan),
                np.log(data.noise),
                np.log(np.maximum(data.within, 1e-9)),
            ],
            axis=-1,
        )

    def _layout(self) -> tuple[list[str], NDArray[np.intp]]:
        """Return the names of the coordinates and where the four of each condition stand among them."""
        names: list[str] = []
        index = np.full((self.data.n_conditions, 4), -1)
        for j, name in enumerate(QUANTAL):
            is_free = name == "q" or (name == "p" and "p" not in self.model.held) or name in self.model.free
            if not is_free:
                continue
            if name in self.model.shared or self.data.n_conditions == 1:
                index[:, j] = len(names)
                names.append(name)
            else:
                for c in range(self.data.n_conditions):
                    index[c, j] = len(names)
                    names.append(f"{name}[{c}]")
        names += [name for name in DYNAMICS[self.model.dynamics] if name not in self.model.held]
        return names + ["outliers"] * self.model.is_robust, index

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.names)

    def phi(self, theta: FloatArray, rows: NDArray[np.intp]) -> FloatArray:
        """Return the four coordinates of each condition, (rows, conditions, 4)."""
        spread = theta[:, np.maximum(self.index, 0)]
        phi = np.where(self.index >= 0, spread, self.fixed[rows])
        if self.log_p_shift:
            log_p = np.minimum(self.log_p_shift - np.logaddexp(0.0, -phi[..., 0]), -1e-9)
            phi[..., 0] = log_p - np.log(-np.expm1(log_p))
        return phi

    @property
    def has_many_maxima(self) -> bool:
        """Whether q trades off with the times of trains, the artefacts, or noise that nobody measured."""
        return not self.has_hessian or self.is_noise_guessed

    @property
    def is_noise_guessed(self) -> bool:
        """Whether the noise is free and nobody measured it."""
        is_measured = np.any(self.data.baseline_count) or np.any(self.data.noise_error)
        return "noise" in self.model.free and not is_measured

    def psi(self, theta: FloatArray) -> FloatArray:
        """Return the coordinates of the dynamics, (rows, names)."""
        columns = {name: np.full(theta.shape[0], value) for name, value in self.model.held.items()}
        columns |= dict(zip(self._dynamic_free, theta[:, self._dynamic_index].T, strict=True))
        size = theta.shape[0], len(self.dynamic_names)
        return np.array([columns[name] for name in self.dynamic_names]).T.reshape(size)

    def at(self, theta: FloatArray, rows: NDArray[np.intp], *, value_only: bool = False) -> Point:
        """Return log likelihood and derivatives at coordinates (rows, D)."""
        phi = self.phi(theta, rows)
        if self.has_hessian:
            point = self._mixture_at(phi, rows, value_only)
        else:
            point = self._chain_at(theta, phi, rows, value_only)
        return self._with_noise_measured(point, phi, rows)

    @cached_property
    def trials(self) -> FloatArray:
        """Responses of each condition, (synapses, conditions, trials), whatever the sweeps they are from."""
        if self.data.gaps is None:
            return self.data.x
        parts = [part.reshape(len(part), -1) for part in self.data.by_condition(self.data.x)]
        trials = np.full((len(parts[0]), len(parts), max(part.shape[1] for part in parts)), np.nan)
        for c, part in enumerate(parts):
            trials[:, c, : part.shape[1]] = part
        return trials

    @cached_property
    def _waves(self) -> Waves:
        return Waves(self.trials)

    @cached_property
    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the responses at rest of each condition, (synapses, conditions)."""
        flat = []
        for part in self.data.by_condition(self.data.x):
            values = part.reshape(len(part), -1)
            values = without_far(values) if self.model.is_robust else values
            if self.data.gaps is not None:
                # The first responses of fewer may all be failures.
                is_first = np.arange(values.shape[1]) % part.shape[2] == 0
                n_first = np.isfinite(values[:, is_first]).sum(axis=1, keepdims=True)
                values = np.where(is_first | (n_first < _ENOUGH_SWEEPS), values, np.nan)
            flat.append(values)
        with np.errstate(invalid="ignore"):
            mean, variance = (
                np.stack([moment(part, axis=1) for part in flat], axis=1)
                for moment in (np.nanmean, np.nanvar)
            )
        return np.maximum(mean, 1e-3), variance

    def _mixture_at(self, phi: FloatArray, rows: NDArray[np.intp], value_only: bool) -> Point:
        active = tuple(j for j in range(4) if np.any(self.index[:, j] >= 0))
        n, family = self.n, self.model.family
        if family == "normal":
            x, between = self.trials[rows], self.model.between
            per = mixture_likelihood(x, phi, n, between, active, value_only=value_only)
        else:
            per = skewed_likelihood(self._waves, rows, phi, n, family, active, value_only=value_only)
        assert per.hessian is not None
        gradient = np.zeros((rows.size, self.size))
        hessian = np.zeros((rows.size, self.size, self.size))
        for c in range(self.n.size):
            places = [(a, self.index[c, j]) for a, j in enumerate(active) if self.index[c, j] >= 0]
            for a, i in places:
                gradient[:, i] += per.gradient[:, c, a]
                for b, k in places:
                    hessian[:, i, k] += per.hessian[:, c, a, b]
        # Far out, with quanta a thousandth of the noise, frequencies overflow: no place for a maximum.
        return Point(np.where(per.value < np.inf, per.value, -np.inf), gradient, hessian)

    def quanta(self, phi: FloatArray) -> Quanta:
        """Return the quanta of each sweep (of each trial where these are independent)."""
        q, noise, within = np.moveaxis(np.exp(phi[:, self.data.condition, 1:]), -1, 0)
        return Quanta(q, noise, within, self.model.between, self.model.family)

    def table(self, x: FloatArray, phi: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log densities (rows, sweeps, stimuli, n + 1), 0 where not measured, and derivatives."""
        k = np.arange(self.n[0] + 1.0)
        is_there = np.isfinite(x)
        active = [j for j in (1, 2, 3) if np.any(self.index[:, j] >= 0)]
        log_f, by = log_density(np.where(is_there, x, 0.0), self.quanta(phi), k, self.n[0], active=active)
        return np.where(is_there[..., None], log_f, 0.0), np.where(is_there[..., None], by, 0.0)

    def drive(self, theta: FloatArray, phi: FloatArray) -> Drive:
        """Return release probability and emptiness of every stimulus."""
        p = 1.0 / (1.0 + np.exp(-phi[:, self.data.condition, 0]))
        assert self.data.gaps is not None
        return drive(self.model.dynamics, p, self.psi(theta), self.data.gaps)

    def _chain_at(
        self, theta: FloatArray, phi: FloatArray, rows: NDArray[np.intp], value_only: bool
    ) -> Point:
        x = self.data.x[rows]
        n = int(self.n[0])
        log_f, by = self.table(x, phi)
        driven = self.drive(theta, phi)
        inlier: Any = 1.0
        if self.model.is_robust:
            log_f, inlier, by_outliers = self._with_outliers(log_f, theta[:, -1], rows)
        if value_only:
            value = filter_forward(log_f, driven.u, driven.empty, n).log_s.sum(axis=(1, 2))
            return Point(value, np.full(theta.shape, np.nan))
        filtered, smoothed = smooth(log_f, driven.u, driven.empty, n)
        value = filtered.log_s.sum(axis=(1, 2))
        gradient = np.zeros((rows.size, self.size))
        weight = smoothed.content * inlier
        for j in (1, 2, 3):
            if np.any(self.index[:, j] >= 0):
                per_sweep = np.sum(weight * by[j - 1], axis=(2, 3))
                self._add_by_condition(gradient, j, per_sweep)
        by_u, by_empty = self._by_drive(driven, smoothed)
        p = 1.0 / (1.0 + np.exp(-phi[:, self.data.condition, 0]))
        assert self.data.gaps is not None
        by_p, by_psi = pull_back(self.model.dynamics, p, self.psi(theta), self.data.gaps, by_u, by_empty)
        self._add_by_condition(gradient, 0, by_p * p * (1.0 - p))
        for name, i in zip(self._dynamic_free, self._dynamic_index, strict=True):
            gradient[:, i] += by_psi[:, self.dynamic_names.index(name)]
        if self.model.is_robust:
            gradient[:, -1] += np.sum(smoothed.content * by_outliers, axis=(1, 2, 3))
        return Point(value, gradient)

    def _add_by_condition(self, gradient: FloatArray, j: int, per_sweep: FloatArray) -> None:
        for c in range(self.n.size):
            if self.index[c, j] >= 0:
                # In the order of memory, whatever the number of rows.
                of_condition = np.compress(self.data.condition == c, per_sweep, axis=1)
                gradient[:, self.index[c, j]] += of_condition.sum(axis=1)

    def _by_drive(self, driven: Drive, smoothed: Smoothed) -> tuple[FloatArray, FloatArray]:
        """Return the derivatives of the log likelihood by u and by 1 - g of every stimulus."""
        k = np.arange(smoothed.content.shape[-1])
        released, left = np.sum(smoothed.content * k, axis=-1), smoothed.mean_left
        u = np.clip(driven.u, 1e-12, 1.0 - 1e-12)
        by_u = released / u - left / (1.0 - u)
        empty = np.clip(driven.empty[..., 1:], 1e-300, 1.0 - 1e-12)
        full = (released + left)[..., 1:]
        by_empty = np.zeros_like(driven.empty)
        still = np.maximum(self.n[0] - full, 0.0)
        refilled = np.maximum(full - left[..., :-1], 0.0)
        # Where refilling is complete, nothing hangs on it.
        by_empty[..., 1:] = np.where(empty > 1e-290, still / empty, 0.0) - refilled / (1.0 - empty)
        return by_u, by_empty

    @cached_property
    def outlier_density(self) -> FloatArray:
        """Return the log of the flat density of outliers, (synapses,)."""
        x = self.data.x.reshape(self.data.x.shape[0], -1)
        return -np.log(_OUTLIER_SPAN * (np.nanmax(x, axis=1) - np.nanmin(x, axis=1)))

    def _with_outliers(
        self, log_f: FloatArray, coordinate: FloatArray, rows: NDArray[np.intp]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return contaminated log densities, the share of the inliers, and the derivative by the share."""
        fraction = (1.0 / (1.0 + np.exp(-coordinate)))[:, None, None, None]
        share = SHARES["outliers"] * fraction
        log_h = self.outlier_density[rows][:, None, None, None]
        is_there = np.isfinite(self.data.x[rows])[..., None]
        mixed = np.logaddexp(np.log1p(-share) + log_f, np.log(share) + log_h)
        inlier = np.exp(np.log1p(-share) + log_f - mixed)
        by = ((1.0 - inlier) / share - inlier / (1.0 - share)) * share * (1.0 - fraction)
        return np.where(is_there, mixed, 0.0), inlier, np.where(is_there, by, 0.0)

    def _with_noise_measured(self, point: Point, phi: FloatArray, rows: NDArray[np.intp]) -> Point:
        """Add what the baseline, or another measurement, says of the noise."""
        data = self.data
        if "noise" not in self.model.free:
            return point
        log_noise = phi[..., 2]
        count, apart = data.baseline_count[rows], log_noise - np.log(data.noise[rows])
        ratio = count * np.exp(-2.0 * apart)
        # Relative to the noise measured: how many samples there are, in which unit, is none of the responses.
        value = -count * apart - 0.5 * (ratio - count)
        by, bend = ratio - count, -2.0 * ratio
        # A noise that was not measured otherwise has no pull.
        error = np.where(data.noise_error[rows] > 0, data.noise_error[rows], np.inf)
        residual = apart / error
        value, by, bend = value - 0.5 * residual**2, by - residual / error, bend - 1.0 / error**2
        for c in range(self.n.size):
            i = self.index[c, 2]
            point.gradient[:, i] += by[:, c]
            if point.hessian is not None:
                point.hessian[:, i, i] += bend[:, c]
        return Point(point.value + value.sum(axis=1), point.gradient, point.hessian)

    @cached_property
    def _log_sd(self) -> FloatArray:
        """Log of the sd of all responses of each synapse."""
        flat = self.data.x.reshape(len(self.data.x), -1)
        return np.log(np.nanstd(without_far(flat) if self.model.is_robust else flat, axis=1))

    def prior_at(self, theta: FloatArray, rows: Any = slice(None)) -> Point:
        """Return log prior and derivatives: p and shares uniform, the rest normal or flat as printed."""
        value, gradient = np.zeros(theta.shape[0]), np.zeros(theta.shape)
        bend = np.zeros(theta.shape)
        for i, name in enumerate(self.names):
            kind = kind_of(name)
            y = theta[:, i]
            if kind in _PRIORS:
                mean, sd = _PRIORS[kind]
                mean = mean + self._log_sd[rows] if kind == "noise" else mean
                value -= 0.5 * ((y - mean) / sd) ** 2 + np.log(sd) + 0.5 * np.log(2 * np.pi)
                gradient[:, i] = -(y - mean) / sd**2
                bend[:, i] = -1.0 / sd**2
            elif kind in SHARES:
                share = 1.0 / (1.0 + np.exp(-y))
                value -= np.logaddexp(0, -y) + np.logaddexp(0, y)
                gradient[:, i] = 1.0 - 2.0 * share
                bend[:, i] = -2.0 * share * (1.0 - share)
        return Point(value, gradient, np.einsum("rd,de->rde", bend, np.eye(theta.shape[1])))

    def posterior_at(self, theta: FloatArray, rows: NDArray[np.intp]) -> Point:
        """Return log likelihood plus log prior."""
        one, two = self.at(theta, rows), self.prior_at(theta, rows)
        assert two.hessian is not None
        hessian = None if one.hessian is None else one.hessian + two.hessian
        return Point(one.value + two.value, one.gradient + two.gradient, hessian)

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the domain of the coordinates, each (synapses, D)."""
        n_synapses = self.data.x.shape[0]
        ends = {
            "p": (0.0, 12.0),
            "q": (-11.0, 9.0),
            "noise": (np.log(1e-3), np.log(3.0)),
            "within": (np.log(1e-2), 0.0),
            "fast_share": (-6.0, 6.0),
            "increment": (-9.0, 9.0),
            "depression": (-9.0, 9.0),
            "outliers": (-9.0, 9.0),
        }
        if self.data.gaps is not None and self.data.gaps.shape[1] > 1:
            inner = self.data.gaps[:, 1:]
            times = (np.log(0.05 * max(np.nanmin(inner), 0.02)), np.log(50.0 * np.nanmax(inner)))
            ends |= dict.fromkeys(("recovery", "slow_recovery", "facilitation"), times)
        columns = np.array([ends[kind_of(name)] for name in self.names]).T
        low, high = (np.tile(end, (n_synapses, 1)) for end in columns)
        # So small that hardly any response is none of a failure; at infinitely many sites n p counts.
        n_responses = np.isfinite(self.data.x).reshape(n_synapses, -1).sum(axis=1)
        is_p = [kind_of(name) == "p" for name in self.names]
        low[:, is_p] = (-np.log(self.n.max()) - np.maximum(7.0, np.log(n_responses) + 2.0))[:, None]
        for c, i in enumerate(self.index[:, 2]):
            if i >= 0:
                # One that was measured may be as small, and as large, as it is.
                measured = (self.data.baseline_count[:, c] > 0) | (self.data.noise_error[:, c] > 0)
                at, far = np.log(self.data.noise[:, c]), np.where(measured, 3.0, -np.inf)
                low[:, i], high[:, i] = np.minimum(low[:, i], at - far), np.maximum(high[:, i], at + far)
        return low, high

    def filtered(self, theta: FloatArray) -> tuple[Filtered, Smoothed, FloatArray]:
        """Return forward and smoothed states, and P(response <= measured | those before)."""
        rows = np.arange(theta.shape[0])
        chain = self.as_chain()
        phi = chain.phi(theta, rows)
        log_f, _ = chain.table(chain.data.x, phi)
        if self.model.is_robust:
            log_f, _, _ = chain._with_outliers(log_f, theta[:, -1], rows)
        driven = chain.drive(theta, phi)
        n = int(chain.n[0])
        filtered, smoothed = smooth(log_f, driven.u, driven.empty, n)
        x = np.where(np.isfinite(chain.data.x), chain.data.x, 0.0)
        up_to = cumulative(x, chain.quanta(phi), np.arange(n + 1).astype(float), float(n))
        released = released_before(filtered, driven.u, n)
        u = np.sum(released * up_to, axis=-1)
        if self.model.is_robust:
            # The flat density lies about the middle of the range of the data.
            share = SHARES["outliers"] / (1.0 + np.exp(-theta[:, -1]))[:, None, None]
            flat = chain.data.x.reshape(len(x), -1)
            middle = 0.5 * (np.nanmax(flat, axis=1) + np.nanmin(flat, axis=1))[:, None, None]
            beyond = (x - middle) * np.exp(chain.outlier_density)[:, None, None]
            u = (1.0 - share) * u + share * (0.5 + beyond)
        return filtered, smoothed, np.where(np.isfinite(chain.data.x), u, np.nan)

    def as_chain(self, limit: float = _LIMIT_OF_CHAINS) -> Likelihood:
        """Return the likelihood with trials as sweeps of one stimulus, infinitely many sites as `limit`."""
        if self.data.gaps is not None:
            return self
        n = np.where(is_limit(self.n), limit, self.n)
        shift = float(np.log(self.n[0] / n[0]))
        return Likelihood(self.model, single_stimuli(self.data), tuple(n), shift)


def without_far(values: FloatArray) -> FloatArray:
    """Return responses with NaN for those that lie beyond the range of the middle 90 % by more than it."""
    low, high = np.nanquantile(values, (0.05, 0.95), axis=-1, keepdims=True)
    return np.where((values >= 2 * low - high) & (values <= 2 * high - low), values, np.nan)


def single_stimuli(data: Responses) -> Responses:
    """Return independent trials written as sweeps of one stimulus."""
    n_synapses, n_conditions, n_trials = data.x.shape
    return replace(
        data,
        x=data.x.reshape(n_synapses, n_conditions * n_trials, 1),
        gaps=np.zeros((n_conditions * n_trials, 1)),
        condition=np.repeat(np.arange(n_conditions), n_trials),
    )


def is_limit(n: Any) -> Any:
    """Return whether a number of sites stands for infinitely many."""
    return np.asarray(n) >= MANY_SITES
