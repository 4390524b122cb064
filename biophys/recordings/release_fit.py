"""What a fit to recorded responses says: estimates, intervals, diagnostics, and a synapse to simulate."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import NDArray
from scipy.special import ndtri

from biophys.argument_types import Count, checked_types
from biophys.quantal import QuantalSynapse
from biophys.recordings.likelihood import QUANTAL, SHARES, is_limit, kind_of, name_in, number_of
from biophys.recordings.mixture import MANY_SITES
from biophys.recordings.recording import Recording
from biophys.recordings.response_density import Family
from biophys.recordings.serial_dependence import SerialDependence, serial_dependence
from biophys.recordings.simulation import drawn_from
from biophys.recordings.site_profile import (
    MOST_SITES,
    Credible,
    SiteProfile,
    credible_sites,
    ends_between,
    mixture_quantiles,
    profile_interval,
    profile_of_sites,
    site_interval,
    threshold_of,
)
from biophys.short_term import ShortTermDynamics
from biophys.units import FloatArray, shown

_FACTOR = 3.0
"""A parameter is identified if its credible interval spans less than this factor."""
_NARROW = 0.3
"""Half of an interval of log n p q, up to which the likelihood is taken as normal in it."""
_FEW = 16.0
"""Releases, or failures of single sites, of all responses, below which the likelihood is not normal."""
_OPEN = 10.0
"""Half of an interval of log n q or log n p q from which it is open."""


class IdentifiabilityWarning(UserWarning):
    """The recording cannot tell n and p apart: many pairs explain it equally well."""


@dataclass(frozen=True)
class FittedParameter:
    """One number with what the recording leaves open.

    Parameters
    ----------
    value : the likeliest; n may be infinite, p (in trains q) is then 0
    low, high : ends of the interval of the profile likelihood; 0 or infinite where it is open
    error : standard error from the curvature at the maximum; NaN for n, 0 for what was given.
    identified
        Whether the credible interval spans less than a factor 3 inside the domain and, for n, p and q, the
        recording does not contradict the model (:attr:`ReleaseFit.is_rejected`, `implausible`).
    credible : interval of the posterior that is flat in n
    unit : in words; empty for a plain number
    """

    value: float
    low: float
    high: float
    error: float
    identified: bool
    credible: tuple[float, float]
    unit: str = ""

    @property
    def quantity(self) -> pq.Quantity:
        """The value with its unit."""
        return self.value * pq.Quantity(1.0, self.unit or "dimensionless")

    @checked_types
    def holds(self, value: float) -> bool:
        """Return whether the interval contains a value."""
        return bool(self.low <= value <= self.high)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        mark = "" if self.identified else "  not identified"
        return f"{self.value:.4g}{unit} ({self.low:.4g} to {self.high:.4g}){mark}"


def _parameter(name: str, text: str) -> property:
    """Return the property that gives the estimate of a parameter, or a dictionary of them by condition."""

    def estimate(fit: ReleaseFit) -> Any:
        if name in fit.values:
            return fit.values[name]
        named = {label: fit.values.get(f"{name}[{label}]") for label in fit.recording.labels}
        by_condition = {label: value for label, value in named.items() if value is not None}
        if not by_condition:
            raise AttributeError(f"this fit has no {name}: it was held or is not part of its model")
        return by_condition

    return property(estimate, doc=text)


@dataclass(frozen=True, eq=False)
class ReleaseFit:
    """Quantal and short-term parameters of one synapse with intervals, built by :func:`biophys.fit_release`.

    With several conditions, a parameter that differs between them is a dictionary by condition.

    Parameters
    ----------
    recording, profile : what was fitted, and the best fit at every number of sites
    scale, level : unit of the fit in that of the amplitudes, with their sign; level of the intervals
    values : estimates by name: n, p, q, mean, capacity (n q), and what else was fitted; ``name[condition]``
    serial : tests of independence; None for trains whose dynamics are fitted.
    log_likelihood, log_likelihood_normal
        Of the fit, and of normal responses with free mean and variance in each condition.
    """

    recording: Recording
    profile: SiteProfile
    scale: float
    level: float
    values: dict[str, FittedParameter]
    serial: SerialDependence | None
    log_likelihood: float
    log_likelihood_normal: float

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {estimate}" for name, estimate in self.estimates().items())
        return f"<fit of {self.n_responses} responses, {self.model_text}: {values}>"

    def estimates(self) -> dict[str, FittedParameter]:
        """Return all estimates by name: ``p[condition]`` also where the only condition has a label."""
        label, own = self.recording.labels[0], {"mean", *QUANTAL} - self.profile.model.shared
        if len(self.recording.labels) > 1 or label == "":
            return dict(self.values)
        own |= {"capacity"} if "q" in own else set()
        return {f"{name}[{label}]" if name in own else name: e for name, e in self.values.items()}

    def check_unit(self) -> None:
        """Raise unless the amplitudes have the unit of a response: % and dF/F make no synapse."""
        if self.recording.unit.dimensionality.simplified == pq.dimensionless.dimensionality:
            raise ValueError("amplitudes without a unit make no synapse: fit them in mV, pA, nS or fC")

    def check_condition(self, condition: Any) -> None:
        """Raise unless a condition is one of those fitted, or None."""
        labels = self.recording.labels
        is_known = isinstance(condition, Hashable) and condition in set(labels)
        if condition is not None and not is_known:
            known = f"one of {', '.join(map(repr, labels))}"
            if len(labels) == 1:
                known = "None in this fit of one" if labels == [""] else f"{labels[0]!r} or None"
            raise ValueError(f"condition must be {known}, got {shown(condition)}")

    n = _parameter("n", "Number of release sites.")
    p = _parameter("p", "Release probability of a full site at rest.")
    q = _parameter("q", "Response to one vesicle.")
    mean = _parameter("mean", "Mean response at rest, n p q.")
    capacity = _parameter("capacity", "Response if all sites released, n q.")
    noise_sd = _parameter("noise", "Standard deviation of the recording noise.")
    cv_within = _parameter("within", "Coefficient of variation of the response to one vesicle at a site.")
    recovery = _parameter("recovery", "Time constant of refilling (of the fast sites where there are two).")
    facilitation = _parameter("facilitation", "Time constant of facilitation.")

    @property
    def family(self) -> Family:
        """Law of the quanta at the maximum."""
        return self.profile.families[self.best_row]

    @property
    def kind(self) -> str:
        """The dynamics that were fitted."""
        return self.profile.model.dynamics

    @property
    def n_parameters(self) -> int:
        """Number of parameters that were fitted, n among them unless it was given."""
        return len(self.profile.names) + int(self.profile.numbers.size > 1)

    @property
    def n_responses(self) -> int:
        """Number of responses that were measured."""
        return int(np.isfinite(self.recording.amplitudes).sum())

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's information criterion; n counts as one parameter."""
        return float(self.n_parameters * np.log(self.n_responses)) - 2.0 * self.log_likelihood

    @property
    def bic_normal(self) -> float:
        """Of normal responses with free mean and variance in each condition."""
        n_parameters = _n_normal(self.recording, self.profile.names)
        return float(n_parameters * np.log(self.n_responses)) - 2.0 * self.log_likelihood_normal

    @property
    def identifiability_text(self) -> str:
        """Say that n and p are not identified and what would help."""
        n, (low, high) = self.n, self.n.credible
        if self.implausible or self.is_rejected:
            return "n, p and q are not identified: the model does not explain the recording"
        seen = f"n is {n.value:g} ({n.low:g} to {n.high:g}), credible {low:g} to {high:g}"
        is_single = len(self.recording.labels) == 1 and not self.recording.is_train
        wants = ["a second calcium concentration"] * is_single
        if self.recording.variability.within == 0.0:
            wants.append("the variability of quanta from minis (variability=0.3, say), which was taken as 0")
        wants += ["n from elsewhere (n=)", "less recording noise"]
        return f"n and p cannot be told apart: {seen}. What would help: {', '.join(wants)}"

    # ---- states, residuals -------------------------------------------------------------------------------

    @cached_property
    def best_row(self) -> int:
        """Row of the likeliest number of sites in the profile."""
        return int(self.profile.best[0])

    @cached_property
    def states(self) -> Any:
        """Filtered and smoothed states of the sites, and P(response <= measured | those before)."""
        likelihood = self.profile.likelihood(self.best_row)
        return likelihood.filtered(self.profile.theta[self.best_row])

    def _in_order(self, values: FloatArray) -> list[FloatArray]:
        """Return what belongs to each response as the sweeps of the recording."""
        if self.recording.is_train:
            rows = values.reshape(len(self.recording.sweeps), -1)
            return [row[: s.size] for row, s in zip(rows, self.recording.sweeps, strict=True)]
        flat = np.empty(len(self.recording.conditions))
        padded = values.reshape(len(self.recording.labels), -1)
        for row, label in zip(padded, self.recording.labels, strict=True):
            is_of = self.recording.is_of(label)
            flat[is_of] = row[: is_of.sum()]
        ends = np.cumsum([s.size for s in self.recording.sweeps])[:-1]
        return np.split(flat, ends)

    @cached_property
    def quantal_content(self) -> list[FloatArray]:
        """Expected number of vesicles behind each response, given all of them; one array for each sweep."""
        content = self.states[1].content
        return self._in_order((content * np.arange(content.shape[-1])).sum(axis=-1)[0])

    @cached_property
    def residuals(self) -> list[FloatArray]:
        """One-step residuals of each sweep: standard normal under the model (Dunn and Smyth 1996)."""
        return self._in_order(ndtri(np.clip(self.states[2][0], 1e-16, 1.0 - 1e-16)))

    def residuals_of_drawn(self, recordings: list[list[FloatArray]]) -> list[list[FloatArray]]:
        """Return the residuals of other responses of the same layout, each under a fit with as many sites."""
        row, x = self.best_row, np.concatenate([self.from_order(sweeps) for sweeps in recordings])
        data = replace(self.profile.data.take(np.zeros(len(x), int)), x=x / self.scale)
        sites = [float(self.profile.sites[row])]
        model = self.profile.likelihood(row).model
        start = np.array(sites), np.repeat(self.profile.theta[None, row], len(x), axis=1)
        profile = profile_of_sites(model, data, sites, has_posterior=False, start=start)
        below = profile.likelihood(0).filtered(profile.theta[0])[2]
        return [self._in_order(values) for values in ndtri(np.clip(below, 1e-16, 1.0 - 1e-16))]

    def from_order(self, sweeps: list[FloatArray]) -> FloatArray:
        """Return sweeps as the array of the likelihood; the inverse of `_in_order`."""
        x = np.full(self.profile.data.x.shape, np.nan)
        if self.recording.is_train:
            for row, sweep in zip(x[0], sweeps, strict=True):
                row[: sweep.size] = sweep
            return x
        values = np.concatenate(sweeps)
        for row, label in zip(x[0], self.recording.labels, strict=True):
            of_label = values[self.recording.is_of(label)]
            row[: of_label.size] = of_label
        return x

    @cached_property
    def outlier_probability(self) -> list[FloatArray]:
        """Probability that each response is an artefact; needs ``robust=True``."""
        if not self.profile.model.is_robust:
            raise ValueError("the probability of an outlier needs a fit with robust=True")
        chain = self.profile.likelihood(self.best_row).as_chain()
        theta = self.profile.theta[self.best_row]
        rows = np.arange(1)
        log_f, _ = chain.table(chain.data.x, chain.phi(theta, rows))
        _, inlier, _ = chain._with_outliers(log_f, theta[:, -1], rows)
        outlier = np.sum(self.states[1].content * (1.0 - inlier), axis=-1)[0]
        return self._in_order(np.where(np.isfinite(chain.data.x[0]), outlier, np.nan))

    # ---- what to simulate with ---------------------------------------------------------------------------

    @checked_types
    def synapse(self, *, allow_unidentified: bool = False) -> QuantalSynapse:
        """Return the synapse at rest, one for each condition.

        Raises ValueError if n is infinite or not identified (unless `allow_unidentified`: others explain the
        recording as well as the likeliest), or the amplitudes have no unit of a response.
        """
        if not self.n.identified and not allow_unidentified:
            raise ValueError(self.identifiability_text + "; or take them with allow_unidentified=True")
        if not np.isfinite(self.n.value):
            raise ValueError("the likeliest n is infinite (a Poisson number of vesicles): give n")
        self.check_unit()
        p, q = (
            [e.value for e in part.values()] if isinstance(part, dict) else part.value
            for part in (self.p, self.q)
        )
        return QuantalSynapse(int(self.n.value), p, np.asarray(q) * self.recording.unit)

    @property
    def dynamics(self) -> ShortTermDynamics:
        """The short-term dynamics of a fit of one condition, as of :meth:`dynamics_of`."""
        return self.dynamics_of(None)

    def dynamics_of(self, condition: Any) -> ShortTermDynamics:
        """Return the short-term dynamics with the p of a condition; ValueError if their form is another."""
        self.check_condition(condition)
        if self.kind not in ("depletion", "facilitation", "depletion+facilitation"):
            problem = f"dynamics {self.kind!r} are not those of ShortTermDynamics"
            raise ValueError(f"{problem}: fit 'depletion' or 'depletion+facilitation'")
        held = {name: float(number_of(name, at)) for name, at in self.profile.model.held.items()}
        p = held.get("p") or (self.p.get(condition) if isinstance(self.p, dict) else self.p)
        if p is None:
            label = self.recording.labels[0]
            raise ValueError(f"dynamics have the p of one condition: name it, as in dynamics_of({label!r})")
        numbers = held | {name: estimate.value for name, estimate in self.values.items()}
        times = {name: numbers.get(name, 0.0) * pq.ms for name in ("recovery", "facilitation")}
        return ShortTermDynamics(getattr(p, "value", p), **times)

    @checked_types
    def simulate(self, *, rng: np.random.Generator, sites: float | None = None) -> list[FloatArray]:
        """Draw a recording of the same layout from the fit; plain amplitudes of each sweep.

        `sites` is another number of sites that was fitted; by default the likeliest.
        """
        is_asked = (self.profile.sites == (MANY_SITES if sites == np.inf else sites)) | (sites is None)
        if not is_asked.any():
            fitted = ", ".join(f"{n:g}" for n in self.profile_of()[0])
            raise ValueError(f"sites must be a number that was fitted ({fitted}), got {sites:g}")
        row = int(np.argmax(np.where(is_asked, self.profile.value[:, 0], -np.inf)))
        likelihood = self.profile.likelihood(row)
        return self._in_order(self.scale * drawn_from(likelihood, self.profile.theta[row], rng))

    # ---- summaries ---------------------------------------------------------------------------------------

    def profile_of(self, name: str = "n") -> tuple[FloatArray, FloatArray]:
        """Return the numbers of sites tried and the log likelihood lost at each."""
        if not (isinstance(name, str) and name == "n"):
            remedy = "the ends of the others are in their estimates"
            raise ValueError(f"name must be 'n', whose profile is kept, got {shown(name)}: {remedy}")
        loss = 0.5 * self.profile.by_number(self.profile.loss(), np.min)[:, 0]
        is_there = np.isfinite(loss)
        sites = np.where(is_limit(self.profile.numbers), np.inf, self.profile.numbers)
        return sites[is_there], loss[is_there]

    @cached_property
    def is_rejected(self) -> bool:
        """Whether the residuals are not those of the model (Kolmogorov and Smirnov, p < 0.001)."""
        from scipy.stats import kstest

        z = np.concatenate(self.residuals)
        return bool(kstest(z[np.isfinite(z)], "norm").pvalue < 1e-3)

    @cached_property
    def implausible(self) -> list[str]:
        """What quanta of one sign over a baseline of 0 do not explain, in sentences."""
        from biophys.recordings.implausible import implausible_texts

        return implausible_texts([self], self.profile.data)[0]

    @cached_property
    def diagnostics(self) -> dict[str, Any]:
        """What to look at before believing the numbers; ``warnings`` says it in sentences."""
        from biophys.recordings.goodness import diagnostics_of

        return diagnostics_of(self)

    @checked_types
    def posterior(
        self, n_draws: Count = 1000, *, rng: np.random.Generator, n_max: Count | None = None
    ) -> dict[str, Any]:
        """Draw from the posterior that is flat in n and p: `n_draws` for each name, and ``"k_hat"``.

        For every n Laplace's approximation is sampled and weighted by the exact likelihood; above a `k_hat`
        of 0.7 the draws are not to be trusted. Only one mode is sampled at each n: another size of quanta
        that a few responses allow too is missed, and `k_hat` does not see it. The prior allows n up to
        `n_max`, by default 30, or 100 where that is short (of trials 1,000); no more than the largest that
        was looked at, up to 200 of trains.
        """
        from biophys.recordings.posterior import posterior_of

        return posterior_of(self, n_draws, rng, n_max)

    def cross_validate(self) -> Any:
        """Return the mean `log_density` of a held-out sweep, and its `standard_error` over sweeps."""
        from biophys.recordings.comparison import cross_validated

        return cross_validated(self)

    def plot(self, figure: Any = None) -> Any:
        """Draw the fit: responses, profile of n, and what the kind of recording shows; return the figure."""
        from biophys.recordings.fit_plots import plot_fit

        return plot_fit(self, figure)

    def summary(self) -> str:
        """Return the estimates and warnings as text."""
        lines = [f"{self.n_responses} responses, {self.model_text}", ""]
        width = max(len(name) for name in self.estimates())
        for name, estimate in self.estimates().items():
            lines.append(f"{name:{width}}  {estimate}")
        lines += [
            "",
            f"log likelihood {self.log_likelihood:.4f}, AIC {self.aic:.2f}, BIC {self.bic:.2f}"
            f" (normal responses {self.bic_normal:.2f})",
        ]
        lines += [f"- {text}" for text in self.diagnostics["warnings"]]
        return "\n".join(lines[:30])

    @property
    def model_text(self) -> str:
        """The model in words."""
        variability = self.recording.variability
        stated = [] if self.recording.noise == "free" else self.recording.noise
        noise = "noise known" if stated else "noise free"
        if any(count or error for _, error, count in stated):
            noise = "noise from the baseline" if all(count for *_, count in stated) else "noise measured"
        trains = f"trains with {self.kind}" if self.kind != "none" else "independent responses"
        within = variability.within if variability.within == "free" else f"{variability.within:g}"
        law = "" if variability.within == 0.0 else f" ({' or '.join(variability.families)})"
        return f"{trains}, {noise}, quantal CV {within}{law}"

    def to_dict(self) -> dict[str, Any]:
        """Return all that is needed to build the fit again, as plain lists and numbers."""
        from biophys.recordings.fit_storage import as_dict

        return as_dict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> ReleaseFit:
        """Build a fit from :meth:`to_dict`."""
        from biophys.recordings.fit_storage import from_dict

        return from_dict(stored)

    def to_json(self) -> str:
        """Return :meth:`to_dict` as text, with "NaN", "Inf" and "-Inf" for numbers that are not finite."""
        from biophys.recordings.fit_storage import as_json

        return as_json(self.to_dict())


def summarised(
    recordings: list[Recording], profile: SiteProfile, scales: FloatArray, level: float
) -> list[ReleaseFit]:
    """Return the fit of each synapse of a batch."""
    from biophys.recordings.implausible import implausible_texts

    threshold = threshold_of(level)
    n_each = np.array([np.isfinite(r.amplitudes).sum() for r in recordings])
    log_scale = n_each * np.log(np.abs(scales))
    log_likelihood = profile.value.max(axis=0) - log_scale
    normal = _normal_log_likelihood(profile) - log_scale
    credible = credible_sites(profile, level)
    n_normal = np.array([_n_normal(recording, profile.names) for recording in recordings])
    n_more = len(profile.names) + int(profile.numbers.size > 1) - n_normal
    prefers = n_more * np.log(n_each) < 2 * (log_likelihood - normal)
    columns = _Columns(profile, credible, site_interval(profile, threshold), threshold, level, prefers)
    tables = dict(columns.estimates())
    fits = []
    in_doubt = {"p", "q", "capacity"} | ({"n"} if profile.numbers.size > 1 else set())
    for b, recording in enumerate(recordings):
        # The conditions of each have names of their own.
        values = {
            name_in(recording.labels, name): _estimate(column, b, recording, float(scales[b]))
            for name, column in tables.items()
        }
        serial = serial_of(recording, profile.model.dynamics)
        said = values, serial, float(log_likelihood[b]), float(normal[b])
        fits.append(ReleaseFit(recording, profile.of_synapse(b), float(scales[b]), level, *said))
    for fit, texts in zip(fits, implausible_texts(fits, profile.data), strict=True):
        # Of a whole batch they are found faster than of each fit.
        vars(fit)["implausible"] = texts
        if texts or (fit.n.identified and fit.is_rejected):
            # The model is not that of the recording: neither n, p nor q is identified.
            for name, value in fit.values.items():
                if kind_of(name) in in_doubt:
                    fit.values[name] = replace(value, identified=False)
    return fits


def _n_normal(recording: Recording, names: list[str]) -> int:
    """Return the number of parameters of normal responses: means, variances, and noise measured otherwise."""
    n_noises = sum(kind_of(name) == "noise" for name in names)
    return 2 * len(recording.labels) + (0 if recording.noise == "free" else n_noises)


def serial_of(recording: Recording, dynamics: str) -> SerialDependence | None:
    """Return tests of independence of responses scaled in each condition; None for fitted trains."""
    if dynamics != "none" or np.isfinite(recording.amplitudes).sum() < 8:
        return None
    values = recording.amplitudes.copy()
    for label in recording.labels:
        is_of = recording.is_of(label)
        values[is_of] -= np.nanmean(values[is_of])
        values[is_of] /= max(float(np.nanstd(values[is_of])), np.finfo(float).tiny)
    return serial_dependence(values, recording.sweep_of_response if len(recording.sweeps) > 1 else None)


def _normal_log_likelihood(profile: SiteProfile) -> FloatArray:
    """Return the log likelihood of normal responses with the mean and variance of each condition."""
    total = np.zeros(profile.value.shape[1])
    data = profile.data
    for part in data.by_condition(data.x):
        flat = part.reshape(part.shape[0], -1)
        count, variance = np.isfinite(flat).sum(axis=1), np.nanvar(flat, axis=1)
        total += -0.5 * count * (np.log(2.0 * np.pi * variance) + 1.0)
    return total


@dataclass(frozen=True, eq=False)
class _Column:
    """Estimates of one parameter for all synapses, in units of the scale where `power` is 1."""

    value: FloatArray
    low: FloatArray
    high: FloatArray
    error: FloatArray
    identified: NDArray[np.bool_]
    credible: tuple[FloatArray, FloatArray]
    kind: str


def _estimate(column: _Column, b: int, recording: Recording, scale: float) -> FittedParameter:
    """Return one synapse's estimate in the unit of its recording."""
    factors = dict.fromkeys(("q", "mean", "capacity"), scale) | {"noise": abs(scale)}
    factor = factors.get(column.kind, 1.0)
    times = dict.fromkeys(("recovery", "facilitation", "slow_recovery"), "ms")
    unit = recording.unit_text if column.kind in factors else times.get(column.kind, "")
    value, low, high, first, last = (
        factor * float(part[b]) + 0.0 for part in (column.value, column.low, column.high, *column.credible)
    )
    error, is_identified = abs(factor) * float(column.error[b]), bool(column.identified[b])
    credible = min(first, last), max(first, last)
    return FittedParameter(value, min(low, high), max(low, high), error, is_identified, credible, unit)


@dataclass(frozen=True, eq=False)
class _Columns:
    """Turns the fits of a batch at every n into columns of estimates."""

    profile: SiteProfile
    credible: Credible
    n_interval: tuple[FloatArray, FloatArray]
    threshold: float
    level: float
    prefers_quanta: NDArray[np.bool_]

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Whether no number of sites is too many."""
        return ~np.isfinite(self.n_interval[1])

    def estimates(self) -> Iterator[tuple[str, _Column]]:
        """Yield every parameter by name, with the number of its condition."""
        best, is_given = self._sites_at_best(), self.profile.numbers.size == 1
        ends, error = (self.credible.n_low, self.credible.n_high), np.full(best.shape, np.nan)
        if is_given:
            error[:] = 0.0
        is_told = self.credible.is_inside & (ends[1] < _FACTOR * ends[0]) & self.prefers_quanta
        yield "n", _Column(best, *self.n_interval, error, is_told | is_given, ends, "n")
        likelihood = self.profile.likelihood(0)
        for i, name in enumerate(likelihood.names):
            yield name, self._coordinate(i, kind_of(name))
        x = self.profile.data.by_condition(self.profile.data.x)
        n_each = [np.isfinite(part).reshape(len(part), -1).sum(axis=1) for part in x]
        for c, index in enumerate(likelihood.index):
            if index[0] >= 0:
                yield (
                    f"mean[{c}]" if len(likelihood.index) > 1 else "mean",
                    self._product(index, "mean", n_each[c]),
                )
        several = len(set(likelihood.index[:, 1])) > 1
        for c, index in enumerate(likelihood.index if several else likelihood.index[:1]):
            yield f"capacity[{c}]" if several else "capacity", self._product(index, "capacity")

    def _sites_at_best(self) -> FloatArray:
        """Return the likeliest number of sites; infinite where it is the largest of several tried."""
        best, numbers = self.profile.sites[self.profile.best], self.profile.numbers
        is_last = ((best == numbers[-1]) | (best >= MOST_SITES)) & (numbers.size > 1)
        return np.where(is_limit(best) | is_last, np.inf, best)

    def _coordinate(self, i: int, kind: str) -> _Column:
        """Return the column of one coordinate, as the number it stands for."""
        profile, best = self.profile, self.profile.best
        rows = np.arange(best.size)
        # In a depleting train p is seen in the means, however many sites there are.
        hangs_on_n = kind == "q" or (kind == "p" and profile.model.dynamics == "none")
        has_low = ~(self.is_open & hangs_on_n)
        low, high = profile_interval(profile, i, self.threshold, (has_low, np.ones_like(has_low)))
        at = profile.theta[best, rows, i]
        sd = np.sqrt(profile.spread_at_maximum[best, rows, i, i])
        # A mixture of normal densities, one for each row.
        mode = np.nan_to_num(profile.mode[:, :, i])
        wide = np.sqrt(np.nan_to_num(profile.spread[:, :, i, i], nan=1.0))
        inner = mixture_quantiles(mode, wide, self.credible.weights, 0.5 * (1.0 - self.level))
        with np.errstate(over="ignore"):
            value, low, high = (number_of(kind, y) for y in (at, low, high))
        slope = value * (1.0 - value / SHARES[kind]) if kind in SHARES else value
        if hangs_on_n:
            low = np.where(self.is_open, 0.0, low)
        if kind == ("p" if profile.model.dynamics == "none" else "q"):
            value = np.where(np.isinf(self._sites_at_best()), 0.0, value)
        ends = number_of(kind, inner[0]), number_of(kind, inner[1])
        is_narrow = ends[1] < _FACTOR * ends[0]
        if kind in ("p", "q"):
            is_narrow &= (self.credible.is_inside | (profile.numbers.size == 1)) & self.prefers_quanta
        return _Column(value, low, high, slope * sd, is_narrow, ends, kind)

    def _product(self, index: NDArray[np.intp], kind: str, n_responses: Any = 0) -> _Column:
        """Return the column of n p q or of n q, whose logarithm is normal at every n unless it is wide."""
        profile, best = self.profile, self.profile.best
        rows, n = np.arange(best.size), profile.sites[:, None]

        def of(theta: FloatArray, spread: FloatArray) -> tuple[Any, Any]:
            slope = np.zeros(theta.shape)
            slope[..., index[1]] = 1.0
            value = np.log(n) + theta[..., index[1]]
            if kind == "mean":
                odds = theta[..., index[0]]
                value = value - np.logaddexp(0.0, -odds)
                slope[..., index[0]] += 1.0 / (1.0 + np.exp(odds))
            variance = np.einsum("sbd,sbde,sbe->sb", slope, spread, slope)
            return value, np.sqrt(np.maximum(variance, 0.0))

        value, sd = of(np.nan_to_num(profile.theta), profile.spread_at_maximum)
        slack = self.threshold - profile.loss()
        half = np.sqrt(np.maximum(slack, 0.0)) * sd
        # A curvature of nearly nought says of no number that it is too small or too large.
        half = np.where(half > _OPEN, np.inf, half)
        low, high = value - half, value + half
        least, most = ends_between(profile, value, slack, 1.0 if kind == "capacity" else 0.0)
        low = np.minimum(np.where(slack >= 0, low, np.inf).min(axis=0), least)
        high = np.maximum(np.where(slack >= 0, high, -np.inf).max(axis=0), most)
        is_train, p, q = profile.model.dynamics != "none", int(index[0]), int(index[1])
        is_bent = np.any((slack >= 0) & (half > _NARROW), axis=0)
        if kind == "mean":
            # A train shows the mean at rest a few times only: its profile bends along facilitation and
            # recovery. So it does where few sites failed, or released.
            at = np.nan_to_num(profile.theta[:, :, p])
            likely = 1.0 / (2.0 + np.exp(at) + np.exp(-at))
            is_rare = n * n_responses * likely < _FEW
            is_bent |= np.any((slack >= 0) & is_rare, axis=0) | is_train
        else:
            is_bent = (is_bent & (not is_train)) | (profile.numbers.size == 1)
        if np.any(is_bent):
            of_mean = p if kind == "mean" else None
            ends = profile_interval(profile, q, self.threshold, (is_bent, is_bent), of_mean, has_n=True)
            low, high = np.where(is_bent, ends, (low, high))
        if kind == "mean":
            # Where no p is too small no mean is.
            least_p = np.stack(
                [profile.likelihood(row).bounds()[0][:, p] for row in range(len(profile.sites))]
            )
            low[np.any((slack >= 0) & (profile.theta[:, :, p] <= least_p + 1e-6), axis=0)] = -np.inf
        mode, wide = of(np.nan_to_num(profile.mode), np.nan_to_num(profile.spread))
        tail = 0.5 * (1.0 - self.level)
        first, last = mixture_quantiles(mode, np.maximum(wide, 1e-9), self.credible.weights, tail)
        ends = np.exp(first), np.exp(last)
        at, low, high = np.exp(value[best, rows]), np.exp(low), np.exp(high)
        is_narrow = ends[1] < _FACTOR * ends[0]
        if kind == "capacity":
            high = np.where(self.is_open & (profile.model.dynamics == "none"), np.inf, high)
            is_infinite = np.isinf(self._sites_at_best()) & (profile.model.dynamics == "none")
            at = np.where(is_infinite, np.inf, at)
            is_narrow &= self.credible.is_inside
        return _Column(at, low, high, at * sd[best, rows], is_narrow, ends, kind)
