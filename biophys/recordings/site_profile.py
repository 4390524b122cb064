"""Fit every number of release sites, and say which of them a recording allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from biophys.recordings.ascent import (
    Evaluate,
    Point,
    Summit,
    ascend,
    measured_curvature,
    profile_end,
    spread_of,
)
from biophys.recordings.likelihood import Likelihood, ReleaseModel, Responses, is_limit, kind_of
from biophys.recordings.mixture import MANY_SITES, POISSON_COMPONENTS
from biophys.recordings.response_density import Family
from biophys.units import FloatArray

# Quantal sizes tried before the ascent, relative to that of the moments, and p at rest of trains: between
# well separated peaks of the amplitudes the likelihood has local maxima.
_SIZES, _N_SIZES, _MOST_SIZES = (0.6, 1.6), 13, 260
_P_AT_REST, _N_P, _N_RESOLVED = (0.06, 0.97), 30, 12
_NOISES, _LITTLE_NOISES, _WITHINS = (1.0, 1.8), (0.4, 0.1), (0.3, 0.1, 0.05)
# Twice the loss of log likelihood beyond which larger numbers of sites are not looked at.
_HOPELESS = 18.0
# Twice the loss within which numbers of sites between those tried are looked at, at least; the most of them.
_INSIDE, _MOST_BETWEEN, _MOST_OF_TRAINS = 4.0, 24, 12
# Log likelihoods closer than this are the same but for the last steps of the ascent.
_EQUAL = 2e-3
_N_EVERY, _N_LAST = 20, 100
# Numbers beyond the last, of which the largest says as little as infinitely many. They are looked at where
# twice the log likelihood rises by this much up to the last, or where larger numbers would end the interval,
# as far as this many times the largest inside.
_BEYOND, _RISING, _FAR_BEYOND = (140.0, 200.0, 280.0, 400.0, 560.0, 750.0, 1000.0), 1.0, 2.5
MOST_SITES = _BEYOND[-1]
"""Largest number of sites tried, beside infinitely many."""
# An end of the profile of p or q lies no farther than this many times the half width of a normal likelihood.
_LONGEST_TAIL = 3.0
_STEP = 1.2
# Starts that are climbed from where the number of sites is given, and of trains at some of many numbers: the
# highest maximum was reached from the sixteenth in likelihood at the latest.
_N_CLIMBED, _N_CLIMBED_OF_MANY, _SEARCHED = 24, 8, (4.0, 8.0, 14.0, 24.0, 50.0)
# Of normal quanta, where a climb costs little: the likeliest start is not always below the highest maximum.
_N_CLIMBED_AT_ALL = 3
_ARRAYS = ("theta", "value", "curvature", "mode", "evidence", "spread")


def sites_tried(n_every: int = _N_EVERY, *, n_last: int = _N_LAST, has_limit: bool = True) -> list[float]:
    """Return 1, 2, ..., `n_every`, then geometric steps to `n_last`, then the limit.

    >>> [int(n) for n in sites_tried(3, n_last=8)]
    [1, 2, 3, 4, 5, 6, 7, 8, 1000000]
    """
    grid = [float(n) for n in range(1, n_every + 1)]
    while grid[-1] < n_last:
        grid.append(float(min(max(np.rint(grid[-1] * _STEP), grid[-1] + 1), max(n_last, n_every))))
    return [*grid, MANY_SITES] if has_limit else grid


@dataclass(frozen=True, eq=False)
class SiteProfile:
    """The best fit at every number of sites and family of quanta; axes (rows, synapses, D coordinates)."""

    model: ReleaseModel
    data: Responses
    sites: FloatArray  # of each row; 1e6 for infinitely many
    families: list[Family]  # law of the quanta of each row
    names: list[str]  # of the coordinates
    theta: FloatArray  # maximum of the likelihood, (R, B, D)
    value: FloatArray  # log likelihood there; -inf where a number was not looked at
    curvature: FloatArray  # (R, B, D, D)
    mode: FloatArray  # maximum of the posterior, (R, B, D)
    evidence: FloatArray  # its logarithm by Laplace's approximation, (R, B)
    spread: FloatArray  # covariance about the mode, (R, B, D, D)

    @property
    def best(self) -> NDArray[np.intp]:
        """Likeliest row of each synapse; of those that are equally likely that of the fewest sites."""
        return np.argmax(self.value > self.value.max(axis=0) - _EQUAL, axis=0)

    @property
    def numbers(self) -> FloatArray:
        """Numbers of sites tried, rising."""
        return np.unique(self.sites)

    def by_number(self, rows: FloatArray, merge: Any) -> FloatArray:
        """Return what belongs to rows, (R, B), merged over the families of each number of sites, (S, B)."""
        return np.stack([merge(rows[self.sites == n], axis=0) for n in self.numbers])

    def likelihood(self, row: int, synapses: Any = slice(None)) -> Likelihood:
        """Return the likelihood of a row, for some synapses."""
        model = replace(self.model, family=self.families[row])
        return Likelihood(model, self.data.take(synapses), self.sites[row])

    @cached_property
    def spread_at_maximum(self) -> FloatArray:
        """Covariance that the curvature at the maximum of the likelihood implies, (R, B, D, D)."""
        size = self.theta.shape[2]
        curvature = np.nan_to_num(self.curvature, nan=1.0).reshape(-1, size, size)
        return spread_of(curvature).reshape(self.curvature.shape)

    def of_synapse(self, b: int) -> SiteProfile:
        """Return the profile of one synapse: the rows that were looked at."""
        rows = np.flatnonzero(self.value[:, b] > -np.inf)
        parts = {name: getattr(self, name)[rows, b : b + 1] for name in _ARRAYS}
        families = [self.families[row] for row in rows]
        data = self.data.take(slice(b, b + 1))
        return replace(self, data=data, sites=self.sites[rows], families=families, **parts)

    def loss(self) -> FloatArray:
        """Return twice the log likelihood lost at every row, (R, B)."""
        return 2.0 * (self.value.max(axis=0) - self.value)


def threshold_of(level: float) -> float:
    """Return twice the loss of log likelihood at the ends of an interval."""
    return float(ndtri(0.5 + level / 2.0) ** 2)


def profile_of_families(
    model: ReleaseModel, data: Responses, sites: list[float], families: Sequence[Family], level: float
) -> SiteProfile:
    """Return the profiles of several families of quanta as one: the family is a nuisance like any other.

    Numbers between two of `sites` follow where the maximum or an end of the interval at `level` may be.
    """
    inside = max(_INSIDE, threshold_of(level) + 0.1)
    parts: list[SiteProfile] = []
    for family in families:
        start = (parts[0].sites, parts[0].theta) if parts else None
        model = replace(model, family=family)
        parts.append(profile_of_sites(model, data, sites, start=start, filled_within=inside))
    if len(parts) == 1:
        return parts[0]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("sites", *_ARRAYS)}
    return replace(parts[0], families=[family for part in parts for family in part.families], **joined)


def profile_of_sites(
    model: ReleaseModel,
    data: Responses,
    sites: list[Any],
    *,
    has_posterior: bool = True,
    start: tuple[FloatArray, FloatArray] | None = None,
    filled_within: float | None = None,
) -> SiteProfile:
    """Maximise likelihood and posterior at each number of sites, in rising order, for all synapses together.

    A synapse is left alone once a number is hopeless, unless the likelihood still rises, or a larger number
    is not hopeless. `start`, numbers (S,) and coordinates (S, B, D), saves the search. Numbers between
    two of `sites` follow where twice the loss is `filled_within`.
    """
    kept = _Kept(model, data, sites, has_posterior, start)
    hopeless = max(_HOPELESS, filled_within or 0.0)
    rows = np.arange(kept.value.shape[1])
    largest = np.array([np.max(n) for n in sites])
    hopeful = np.full(rows.size, np.nan)
    for i, n in enumerate(sites):
        kept.maximise(i, rows, None if i == 0 else np.full(rows.size, i - 1))
        best = np.argmax(kept.value[: i + 1], axis=0)
        lost = 2.0 * (kept.value[: i + 1].max(axis=0) - kept.value[i])
        # A single quantum may be likelier than a few, and many likelier than that.
        is_rising = kept.value[i, rows] > kept.value[max(i - 1, 0), rows]
        is_near = np.max(n) < 2.0 * largest[best[rows]] + 2.0
        is_left = ~((lost[rows] < hopeless) | is_near | is_rising)
        for b in rows[is_left & np.isnan(hopeful[rows])]:
            hopeful[b] = kept.largest_hopeful(i, int(b), hopeless)
        rows = rows[~is_left | (largest[i] < hopeful[rows])]
        if rows.size == 0:
            break
    if filled_within and len(sites) > 1 and is_limit(sites[-1]):
        kept.extend(filled_within)
    kept.follow(-1, is_searched=start is None)
    if filled_within and len(sites) > 1 and (filled := kept.fill(filled_within)).size:
        for way in (1, -1):
            kept.follow(way, synapses=filled)
    return SiteProfile(model, data, kept.sites, [model.family] * len(kept.sites), kept.names, *kept.arrays())


class _Kept:
    """The maxima of every number of sites, while they are looked for."""

    def __init__(
        self, model: ReleaseModel, data: Responses, sites: list[Any], has_posterior: bool, start: Any
    ) -> None:
        self.model, self.data, self.has_posterior, self.start = model, data, has_posterior, start
        self.sites: Any = np.array(sites)
        example = Likelihood(model, data, sites[0])
        self.names, self.has_many_maxima = example.names, example.has_many_maxima
        shape, size = (len(sites), data.x.shape[0]), example.size
        self.value, self.evidence = (np.full(shape, -np.inf) for _ in range(2))
        self.theta, self.mode = (np.full((*shape, size), np.nan) for _ in range(2))
        self.curvature, self.spread = (np.full((*shape, size, size), np.nan) for _ in range(2))

    def arrays(self) -> list[FloatArray]:
        """Return the arrays of a :class:`SiteProfile`."""
        return [getattr(self, name) for name in _ARRAYS]

    def keep(self, i: int, rows: NDArray[np.intp], likelihood: Likelihood, summit: Summit) -> None:
        """Keep the maxima of some synapses at a number of sites."""
        self.theta[i, rows], self.value[i, rows] = summit.theta, summit.value
        self.curvature[i, rows] = summit.curvature
        if self.has_posterior:
            laplace = _laplace(likelihood, summit)
            self.mode[i, rows], self.evidence[i, rows], self.spread[i, rows] = laplace

    def maximise(self, i: int, rows: NDArray[np.intp], before: NDArray[np.intp] | None) -> None:
        """Keep the maxima of some synapses at place i, which were looked at at places `before`."""
        given = np.full((rows.size, self.theta.shape[2]), np.nan)
        if self.start is not None and np.ndim(self.sites[i]) == 0:
            for theta in self.start[1][self.start[0] == self.sites[i]]:
                given = theta[rows]
        has_start = np.isfinite(given).all(axis=1)
        for is_used in filter(np.any, (has_start, ~has_start)):
            some = rows[is_used]
            likelihood = Likelihood(self.model, self.data.take(some), self._number(i))
            near = None
            if before is not None:
                at = before[is_used], some
                near = (
                    np.reshape([np.max(self.sites[j]) for j in at[0]], -1),
                    self.theta[at],
                    self.curvature[at],
                )
            self.keep(i, some, likelihood, _maximum(likelihood, near, given[is_used]))

    def largest_hopeful(self, i: int, b: int, hopeless: float) -> float:
        """Return the largest n after place i that may lose less than what is hopeless; 0 if none."""
        for j in reversed(range(i + 1, len(self.sites))):
            n = np.max(self.sites[j])
            if n in _SEARCHED or is_limit(n):
                likelihood = Likelihood(self.model, self.data.take([b]), self._number(j))
                _, height = _likeliest(likelihood, _starts(likelihood, is_first=False))
                if 2.0 * (self.value[: i + 1, b].max() - height[0]) < hopeless:
                    return float(n)
        return 0.0

    def follow(self, way: int, *, is_searched: bool = False, synapses: Any = slice(None)) -> None:
        """Climb, for some synapses, from the fit at the next n, the larger with `way` -1, the smaller with 1.

        It may lead to a higher maximum, and not begin higher.
        """
        is_new, is_followed = np.zeros((2, self.value.shape[1]), bool)
        is_followed[synapses] = True
        near = np.full(is_new.shape, -1)
        for i in range(len(self.sites))[::way]:
            is_looked_at = (self.value[i] > -np.inf) & is_followed
            rows = np.flatnonzero(is_looked_at & (near >= 0))
            if rows.size:
                self._climb_from(i, rows, near[rows], is_new)
            near[is_looked_at] = i
            is_new |= is_looked_at & (
                is_searched and self.has_many_maxima and np.max(self.sites[i]) in _SEARCHED
            )

    def _climb_from(
        self, i: int, rows: NDArray[np.intp], near: NDArray[np.intp], is_new: NDArray[np.bool_]
    ) -> None:
        def likelihood_of(some: NDArray[np.intp]) -> Likelihood:
            return Likelihood(self.model, self.data.take(some), self._number(i))

        likelihood = likelihood_of(rows)
        n_near = np.reshape([np.max(self.sites[j]) for j in near], -1)
        first, height = _likeliest(likelihood, _neighbouring(likelihood, n_near, self.theta[near, rows]))
        is_tried = is_new[rows] | (height > self.value[i, rows] + 1e-6)
        is_new[rows] = False
        if np.any(is_tried):
            summit = _climbed(likelihood_of(rows[is_tried]), first[is_tried])
            is_higher = summit.value > self.value[i, rows[is_tried]] + 1e-6
            higher = rows[is_tried][is_higher]
            if higher.size:
                is_new[higher] = True
                self.keep(i, higher, likelihood_of(higher), summit.take(is_higher))

    def _number(self, i: int) -> Any:
        return self.sites[i] if self.sites.ndim == 1 else tuple(self.sites[i])

    def extend(self, within: float) -> None:
        """Fit numbers beyond the last finite one where the maximum or an end of n may lie among them."""
        for n in _BEYOND:
            rows = np.flatnonzero([_goes_on(self.sites, value, within) for value in self.value.T])
            if rows.size == 0:
                break
            self._inserted(np.array([n]))
            self._maximise_after(n, rows)

    def _inserted(self, numbers: FloatArray) -> FloatArray:
        """Return the numbers of sites that there were not yet, after making room for them."""
        more = np.setdiff1d(numbers, self.sites)
        place = np.searchsorted(self.sites, more)
        self.sites = np.insert(self.sites, place, more)
        for name in _ARRAYS:
            array = getattr(self, name)
            setattr(self, name, np.insert(array, place, -np.inf if array.ndim == 2 else np.nan, axis=0))
        return more

    def _maximise_after(self, n: float, rows: NDArray[np.intp]) -> None:
        """Keep the maxima of some synapses at a number of sites, from those of the next smaller one."""
        i = int(np.searchsorted(self.sites, n))
        is_looked_at = self.value[:i, rows] > -np.inf
        self.maximise(i, rows, i - 1 - np.argmax(is_looked_at[::-1], axis=0))

    def fill(self, within: float) -> NDArray[np.intp]:
        """Fit numbers between two that were looked at, from the smaller; return the synapses with any."""
        most = _MOST_BETWEEN if self.model.dynamics == "none" else _MOST_OF_TRAINS
        wanted = [_between(self.sites, value, within, most) for value in self.value.T]
        for n in self._inserted(np.concatenate(wanted)):
            self._maximise_after(n, np.flatnonzero([n in numbers for numbers in wanted]))
        return np.flatnonzero([numbers.size for numbers in wanted])


def _goes_on(sites: FloatArray, value: FloatArray, within: float) -> bool:
    """Return whether a larger number of sites than those tried, but not infinitely many, is to be tried."""
    tried = np.flatnonzero((value > -np.inf) & ~is_limit(sites))
    if tried.size < 2 or sites[tried[-1]] < _N_LAST / 3.0:
        return False
    n, lost, lost_at_limit = sites[tried], 2.0 * (value.max() - value[tried]), 2.0 * (value.max() - value[-1])
    if lost[-1] + _RISING < lost[:-1].min():
        return True
    largest = n[lost < within].max(initial=0.0)
    if lost_at_limit < within or largest < _N_LAST / 3.0:
        return False
    if lost_at_limit < _HOPELESS:
        return bool(lost[-1] < within)
    return bool(lost[-1] < _HOPELESS or n[-1] < _FAR_BEYOND * largest)


def _between(sites: FloatArray, value: FloatArray, within: float, most: int) -> FloatArray:
    """Return the whole numbers, `most` of them if they are more, where the maximum or an end of n may lie.

    If no number is too many there is no upper end: only the gaps about the maximum and the lower end count.
    Where the likelihood rises up to the last number the maximum lies beyond, and not in the gap before it.
    """
    tried = np.flatnonzero(value > -np.inf)
    if tried.size < 2:
        return np.zeros(0)
    n, lost = sites[tried], 2.0 * (value.max() - value[tried])
    is_inside, best, gap = lost < within, np.argmin(lost), np.arange(tried.size - 1)
    is_used = (is_inside[1:] | is_inside[:-1]) & ~is_limit(n[1:])
    last = np.flatnonzero(is_inside)[-1]
    if n[last] == sites[-1] or is_limit(n[min(last + 1, n.size - 1)]):
        below = best - 1 if best < n.size - 1 else -1
        is_used &= (gap == best) | (gap == below) | (gap == np.argmax(is_inside) - 1)
    gaps = [np.arange(n[i] + 1, n[i + 1]) for i in gap[is_used & (n[1:] > n[:-1] + 1)]]
    if sum(inner.size for inner in gaps) > most:
        steps = [-(-len(gaps) * inner.size // most) for inner in gaps]
        gaps = [inner[step // 2 :: step] for inner, step in zip(gaps, steps, strict=True)]
    return np.concatenate([np.zeros(0), *gaps])


def _maximum(likelihood: Likelihood, before: tuple[Any, ...] | None, given: FloatArray) -> Summit:
    """Return the maximum of the likelihood from near those given, or the best of several starts (NaN)."""
    starts = [] if before is None else _neighbouring(likelihood, before[0], before[1])
    is_given = bool(np.isfinite(given).all())
    if is_given:
        starts = [given, *starts]
    else:
        starts += _starts(likelihood, is_first=before is None)
    first, _ = _likeliest(likelihood, starts)
    first = _likeliest_of_conditions(likelihood, starts, first)
    n_climbed = _N_CLIMBED if before is None else _N_CLIMBED_OF_MANY * (likelihood.n.max() in _SEARCHED)
    if not (likelihood.has_many_maxima and n_climbed):
        n_climbed = _N_CLIMBED if before is None else _N_CLIMBED_AT_ALL
        n_climbed *= likelihood.has_hessian and likelihood.model.family == "normal"
    if not is_given and n_climbed and likelihood.n.max() > 1:
        if "within" in likelihood.model.free:
            # Where quanta hardly vary sizes have narrow maxima that only a start of as small a CV shows.
            by_within = [_likeliest(likelihood, starts[i :: len(_WITHINS)])[0] for i in range(len(_WITHINS))]
            first = _highest_of_many(likelihood, [first, *by_within], 1 + len(_WITHINS))
        first = _highest_of_many(likelihood, [first, *starts], n_climbed)
    return _climbed(likelihood, first, None if before is None else before[2])


def _starts(likelihood: Likelihood, *, is_first: bool) -> list[FloatArray]:
    """Return coordinates that keep the mean response, near those of the moments."""
    is_train = likelihood.model.dynamics != "none"
    options = _train_options(likelihood, is_first) if is_train else _trial_options(likelihood)
    withins = _WITHINS if "within" in likelihood.model.free else _WITHINS[:1]
    return [_start(likelihood, q, extra, within) for (q, extra), within in product(options, withins)]


def _likeliest_of_conditions(
    likelihood: Likelihood, starts: list[FloatArray], first: FloatArray
) -> FloatArray:
    """Return `first` with the coordinates of each condition those of the start that is likeliest for it."""
    kinds = {kind_of(name) for name in likelihood.names if kind_of(name) != name}
    for c in range(likelihood.data.n_conditions) if kinds - {"p"} else ():
        is_of_condition = np.array([name.endswith(f"[{c}]") for name in likelihood.names])
        first, _ = _likeliest(likelihood, [first, *(np.where(is_of_condition, s, first) for s in starts)])
    return first


def _highest_of_many(likelihood: Likelihood, starts: list[FloatArray], n_climbed: int) -> FloatArray:
    """Return the highest of the maxima uphill from the likeliest starts: q and times of a train trade off."""
    tried, value = _tried(likelihood, starts)
    n_rows = tried.shape[1]
    order = np.argsort(-value, axis=0, kind="stable")
    ranked = np.take_along_axis(value, order, axis=0)
    # Repeated starts must not take the place of others: a synapse has more of them beside others.
    ranked[1:][ranked[1:] == ranked[:-1]] = -np.inf
    order = np.take_along_axis(order, np.argsort(-ranked, axis=0, kind="stable"), axis=0)
    chosen = order[:n_climbed]
    start = np.concatenate(np.take_along_axis(tried, chosen[:, :, None], axis=0))
    bounds = [np.tile(np.broadcast_to(end, tried.shape[1:]), (len(chosen), 1)) for end in likelihood.bounds()]

    def evaluate(theta: FloatArray, rows: NDArray[np.intp]) -> Point:
        return likelihood.at(theta, rows % n_rows)

    needs_curvature = not likelihood.has_hessian
    curvature = _positive(measured_curvature(evaluate, start)) if needs_curvature else None
    top = ascend(evaluate, start, (bounds[0], bounds[1]), curvature=curvature)
    best = np.argmax(np.nan_to_num(top.value, nan=-np.inf).reshape(-1, n_rows), axis=0)
    return top.theta.reshape(-1, *tried.shape[1:])[best, np.arange(n_rows)]


def _tried(likelihood: Likelihood, starts: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return starts within bounds, (starts, synapses, D), and how likely each is."""
    tried = np.clip(np.stack(starts), *likelihood.bounds())
    rows = np.tile(np.arange(tried.shape[1]), len(tried))
    value = likelihood.at(np.concatenate(tried), rows, value_only=True).value
    return tried, np.nan_to_num(value.reshape(len(tried), -1), nan=-np.inf)


def _likeliest(likelihood: Likelihood, starts: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return the likeliest of several coordinates of each synapse, in bounds, and how likely it is."""
    tried, value = _tried(likelihood, starts)
    rows = np.arange(tried.shape[1])
    best = np.argmax(value, axis=0)
    return tried[best, rows], value[best, rows]


def _climbed(likelihood: Likelihood, start: FloatArray, curvature: FloatArray | None = None) -> Summit:
    """Return the maximum uphill from `start`, with the curvature there; a guess of it saves steps."""
    bounds = likelihood.bounds()
    if likelihood.has_hessian:
        return ascend(likelihood.at, start, bounds)
    guess = measured_curvature(likelihood.at, start) if curvature is None else curvature
    curvature = _positive(guess)
    summit = ascend(likelihood.at, start, bounds, curvature=curvature)
    theta = _fast_first(likelihood, summit.theta)
    return Summit(theta, summit.value, measured_curvature(likelihood.at, theta))


def _fast_first(likelihood: Likelihood, theta: FloatArray) -> FloatArray:
    """Return coordinates in which the first of two recovery times is the shorter."""
    names = likelihood.names
    if not {"recovery", "slow_recovery", "fast_share"} <= set(names):
        return theta
    fast, slow, share = (names.index(name) for name in ("recovery", "slow_recovery", "fast_share"))
    theta = theta.copy()
    is_swapped = theta[:, fast] > theta[:, slow]
    theta[is_swapped, fast], theta[is_swapped, slow] = theta[is_swapped, slow], theta[is_swapped, fast]
    theta[is_swapped, share] *= -1.0
    return theta


def _positive(curvature: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(np.nan_to_num(curvature))
    return np.einsum("rde,re,rfe->rdf", vectors, np.maximum(np.abs(values), 0.1), vectors)


def _neighbouring(likelihood: Likelihood, n_other: Any, theta: FloatArray) -> list[FloatArray]:
    """Return the coordinates of another n with q, or with p, changed so that the mean stays."""
    starts = []
    for changed in ("q", "p"):
        start = theta.copy()
        for i, name in enumerate(likelihood.names):
            if kind_of(name) == changed == "q":
                start[:, i] -= np.log(likelihood.n.max() / n_other)
            elif kind_of(name) == changed:
                p = np.minimum(n_other / likelihood.n.max() / (1.0 + np.exp(-start[:, i])), 0.99)
                start[:, i] = np.log(p / (1.0 - p))
        starts.append(start)
    return starts


def _trial_options(likelihood: Likelihood) -> list[tuple[FloatArray, dict[str, float]]]:
    mean, variance = likelihood.moments
    noise, within = likelihood.data.noise, likelihood.data.within
    own = np.maximum(variance - noise**2, 0.02 * variance)
    b2 = 1.0 + likelihood.model.between**2
    size = (own / mean / b2 + mean / likelihood.n) / (1.0 + within**2)
    if "q" in likelihood.model.shared:
        # The condition with the largest response says most of the quanta.
        size = np.take_along_axis(size, np.argmax(mean, axis=1)[:, None], axis=1) + np.zeros_like(size)
    # Few trials leave the variance, and with it the size of quanta, more uncertain than the span of sizes.
    n_trials = np.isfinite(likelihood.trials).sum(axis=2).min(axis=1, keepdims=True)
    reach = np.maximum(1.0, 2.0 * np.sqrt(2.0 / np.maximum(n_trials - 1.0, 1.0)) / np.log(_SIZES[1]))
    fine = _ladder(size, np.minimum(likelihood.n.max(), _most_told_apart(likelihood, size)), reach)
    if not likelihood.is_noise_guessed:
        return [(q, {}) for q in fine]
    coarse = _ladder(size, np.ones((len(size), 1)), reach)
    options = product(coarse, _NOISES), product(fine, _LITTLE_NOISES)
    return [(q, {"noise": scale}) for q, scale in chain(*options)]


def _most_told_apart(likelihood: Likelihood, size: FloatArray) -> FloatArray:
    """Return the largest number of quanta, (synapses, 1), that is released and has a peak of its own."""
    mean, variance = likelihood.moments
    noise = likelihood.data.noise * (not likelihood.is_noise_guessed)
    within = likelihood.data.within * ("within" not in likelihood.model.free)
    # Peaks whose standard deviation is 0.45 times their distance run into each other.
    room = np.maximum(0.2 - (noise / (_SIZES[1] * size)) ** 2, 0.0)
    released = (mean + 3.0 * np.sqrt(variance)) / size
    told_apart = np.minimum(room / np.maximum(within**2 + likelihood.model.between**2, 1e-9), released)
    return told_apart.max(axis=1, keepdims=True)


def _ladder(size: FloatArray, n: FloatArray, reach: FloatArray) -> FloatArray:
    """Return sizes about `size`, (sizes, *its shape): the peak of n quanta shifts by half of one at most.

    They span `reach`, (synapses, 1), times what is usual.
    """
    span = reach[:, 0] * np.log(_SIZES[1] / _SIZES[0])
    count = np.clip(2.5 * n[:, 0] * span, _N_SIZES * reach[:, 0], _MOST_SIZES).astype(int)
    # A synapse with fewer than others repeats its last.
    step = np.minimum(np.arange(count.max())[:, None], count - 1)
    return _SIZES[0] ** reach * size * np.exp(span * step / (count - 1))[:, :, None]


def _train_options(likelihood: Likelihood, is_first: bool) -> list[tuple[FloatArray, dict[str, float]]]:
    mean, _ = likelihood.moments
    largest = mean.max(axis=1, keepdims=True) if "q" in likelihood.model.shared else mean
    names = likelihood.dynamic_names
    times = {"recovery": (40.0, 200.0), "facilitation": (20.0, 200.0), "slow_recovery": (2000.0,)}
    chosen = [[(name, np.log(t)) for t in times[name]] for name in names if name in times]
    options = [(p, dict(extra)) for p, *extra in product((0.15, 0.4, 0.75), *chosen)]
    n = likelihood.n.max()
    if is_first or n <= _N_RESOLVED:
        # Between peaks the likelihood hangs on q more than on the times.
        middle = {name: 0.5 * np.log(t[0] * t[-1]) for name, t in times.items()}
        n_p = (
            int(np.clip(2.5 * n * np.log(_P_AT_REST[1] / _P_AT_REST[0]), _N_P, 4 * _N_P))
            if is_first
            else _N_P
        )
        options += [(p, middle) for p in np.geomspace(*_P_AT_REST, n_p)]
    return [(np.broadcast_to(largest / (n * p), mean.shape), extra) for p, extra in options]


def _start(likelihood: Likelihood, q: FloatArray, extra: dict[str, float], within: float) -> FloatArray:
    """Return coordinates with these quantal sizes (synapses, conditions), p that keep means, and others."""
    mean, _ = likelihood.moments
    p = np.clip(mean / (likelihood.n * q), 1e-9, 0.97)
    if likelihood.n.max() < MANY_SITES:
        p = np.maximum(p, np.minimum(0.02, 0.2 / likelihood.n))
    elsewhere = {"fast_share": 1.0, "increment": -1.0, "depression": -1.0, "outliers": -1.0}
    columns = []
    for i, name in enumerate(likelihood.names):
        kind = kind_of(name)
        conditions = np.flatnonzero(np.any(likelihood.index == i, axis=1))
        if kind == "p":
            share = p[:, conditions].mean(axis=1)
            columns.append(np.log(share / (1.0 - share)))
        elif kind == "q":
            columns.append(np.log(q[:, conditions[0]]))
        elif kind == "noise":
            columns.append(
                np.log(likelihood.data.noise[:, conditions].mean(axis=1) * extra.get("noise", 1.0))
            )
        elif kind == "within":
            columns.append(np.full(q.shape[0], np.log(within)))
        else:
            columns.append(np.full(q.shape[0], extra.get(name, elsewhere.get(kind, np.log(100.0)))))
    return np.stack(columns, axis=-1)


def _laplace(likelihood: Likelihood, summit: Summit) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mode, log evidence and covariance of the posterior at one number of sites."""
    prior = likelihood.prior_at(summit.theta)
    assert prior.hessian is not None
    curvature = _positive(summit.curvature - prior.hessian)
    # Without second derivatives every step is dear, and weights need no more digits.
    tolerance = 1e-7 if likelihood.has_hessian else 1e-4
    bounds = likelihood.bounds()
    top = ascend(
        likelihood.posterior_at, summit.theta, bounds, curvature=curvature, max_steps=30, tolerance=tolerance
    )
    bend = top.curvature
    if not likelihood.has_hessian:
        later = likelihood.prior_at(top.theta).hessian
        assert later is not None
        bend = summit.curvature - later
    values, vectors = np.linalg.eigh(np.nan_to_num(bend))
    values = np.maximum(values, 1e-2)
    evidence = top.value + 0.5 * bend.shape[1] * np.log(2.0 * np.pi) - 0.5 * np.log(values).sum(axis=1)
    return top.theta, evidence, np.einsum("rde,re,rfe->rdf", vectors, 1.0 / values, vectors)


def profile_interval(
    profile: SiteProfile,
    coordinate: int,
    threshold: float,
    wanted: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    p: int | None = None,
    *,
    has_n: bool = False,
) -> tuple[FloatArray, FloatArray]:
    """Return both ends of the profile of a coordinate over all numbers of sites, infinite where open.

    `threshold` is twice the loss of log likelihood at the ends; only the `wanted` lower and upper ends are
    looked for. With `has_n` that of q gives the profile of log n q, with that of p the profile of the mean.
    """
    slack = threshold - profile.loss()
    at, variance = profile.theta[:, :, coordinate], profile.spread_at_maximum[:, :, coordinate, coordinate]
    if has_n:
        at = at + np.log(profile.sites)[:, None]
    if p is not None:
        odds = np.nan_to_num(profile.theta[:, :, p])
        at = at - np.logaddexp(0.0, -odds)
        slope, of_p = 1.0 / (1.0 + np.exp(odds)), profile.spread_at_maximum[:, :, p]
        variance = variance + slope * (2.0 * of_p[:, :, coordinate] + slope * of_p[:, :, p])
    half = np.sqrt(np.maximum(slack, 0.0) * np.maximum(variance, 0.0))
    longest = _LONGEST_TAIL if kind_of(profile.names[coordinate]) in ("p", "q") else 1e9
    power = -1.0 if kind_of(profile.names[coordinate]) == "p" else float(has_n and p is None)
    between = ends_between(profile, at, slack, power)
    if has_n and p is None:
        # That of infinitely many sites has no end, however small they are.
        slack = np.where(is_limit(profile.sites)[:, None], -np.inf, slack)
    ends = []
    for side, is_wanted, least in zip((-1.0, 1.0), wanted, between, strict=True):
        farthest = np.where(is_wanted, side * least, -np.inf)
        # p and q fall with n: the numbers that are likely to reach farthest come first.
        for i in np.argsort(profile.sites, kind="stable")[:: int(side)]:
            rows = np.flatnonzero((slack[i] >= 0) & (side * at[i] + longest * half[i] > farthest) & is_wanted)
            if rows.size == 0:
                continue
            likelihood = profile.likelihood(i, rows)
            evaluate: Evaluate = likelihood.at
            bounds, shift = likelihood.bounds(), float(np.log(profile.sites[i])) if has_n else 0.0
            summit = Summit(profile.theta[i, rows], profile.value[i, rows], profile.curvature[i, rows])
            if p is not None:
                evaluate, bounds, summit = _by_mean(evaluate, bounds, summit, (p, coordinate), shift)
            known = side * farthest[rows] - shift
            # Of p and the mean: with one of them alone the size of quanta would change.
            end = profile_end(evaluate, summit, bounds, coordinate, side, slack[i, rows], known, p)
            is_open = np.abs(end - bounds[int(side > 0)][:, coordinate]) < 1e-6
            farthest[rows] = np.maximum(farthest[rows], np.where(is_open, np.inf, side * (end + shift)))
        ends.append(side * farthest)
    return ends[0], ends[1]


def _by_mean(
    evaluate: Evaluate,
    bounds: tuple[FloatArray, FloatArray],
    summit: Summit,
    index: tuple[int, int],
    log_n: float,
) -> tuple[Evaluate, tuple[FloatArray, FloatArray], Summit]:
    """Return a likelihood, its bounds and its summit with log(p q) in place of log q, given both places."""
    p, q = index

    def with_q(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the coordinates with log q in place of log(p q), and their slopes."""
        inner, slopes = theta.copy(), np.tile(np.eye(theta.shape[1]), (len(theta), 1, 1))
        inner[:, q] += np.logaddexp(0.0, -theta[:, p])
        slopes[:, q, p] = -1.0 / (1.0 + np.exp(theta[:, p]))
        return inner, slopes

    def evaluate_mean(theta: FloatArray, rows: NDArray[np.intp]) -> Point:
        inner, slopes = with_q(theta)
        point = evaluate(inner, rows)
        hessian = point.hessian
        if hessian is not None:
            hessian = np.einsum("rab,rac,rcd->rbd", slopes, hessian, slopes)
            hessian[:, p, p] -= point.gradient[:, q] * slopes[:, q, p] * (1.0 + slopes[:, q, p])
        return Point(point.value, np.einsum("rab,ra->rb", slopes, point.gradient), hessian)

    theta = summit.theta.copy()
    theta[:, q] -= np.logaddexp(0.0, -theta[:, p])
    slopes = with_q(theta)[1]
    curvature = np.einsum("rab,rac,rcd->rbd", slopes, summit.curvature, slopes)
    low, high = (end.copy() for end in bounds)
    # The least mean is a small part of the unit at any number of sites.
    low[:, q] -= log_n
    return evaluate_mean, (low, high), Summit(theta, summit.value, curvature)


def ends_between(
    profile: SiteProfile, at: FloatArray, slack: FloatArray, power: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Return the least and largest coordinate where n leaves its interval between two numbers tried, (B,).

    `at` (R, B) is the coordinate at the maximum of each row, `slack` what the row may still lose; without its
    rise by `power` times log n the coordinate is followed along the loss. Infinite where there is none.
    """
    ends = np.full((2, slack.shape[1]), [[np.inf], [-np.inf]])
    for b in range(slack.shape[1]):
        tried = np.flatnonzero(slack[:, b] > -np.inf)
        is_inside = slack[tried, b] >= 0
        for i in np.flatnonzero(is_inside[1:] != is_inside[:-1]):
            inner, outer = tried[[i + 1, i]] if is_inside[i + 1] else tried[[i, i + 1]]
            n = profile.sites[inner], profile.sites[outer]
            if profile.families[inner] != profile.families[outer] or abs(n[1] - n[0]) < 2:
                continue
            share = slack[inner, b] / (slack[inner, b] - slack[outer, b])
            first, second = at[[inner, outer], b] - power * np.log(n)
            end = first + share * (second - first) + power * np.log(number_between(*n, share))
            ends[:, b] = min(ends[0, b], end), max(ends[1, b], end)
    return ends[0], ends[1]


def number_between(n: float, other: float, share: float) -> float:
    """Return the number of sites a share of the way from one tried to another, along log n.

    From or to infinitely many along 1 / n: no end may come from the largest number tried.
    """
    if is_limit(n) or is_limit(other):
        return min(n, other) / max(share if is_limit(n) else 1.0 - share, 1e-6)
    return float(n ** (1.0 - share) * other**share)


def site_interval(profile: SiteProfile, threshold: float) -> tuple[FloatArray, FloatArray]:
    """Return the smallest and largest number of sites that recordings allow; inf where none is too many."""
    n, loss = profile.numbers, profile.by_number(profile.loss(), np.min)
    ends, lasts = [], []
    for lost in loss.T:
        tried = np.flatnonzero(lost < np.inf)
        inside = np.flatnonzero(lost[tried] <= threshold)
        lasts.append(tried[inside[-1]])
        for i, j in ((inside[0], inside[0] - 1), (inside[-1], inside[-1] + 1)):
            inner, outer = tried[i], tried[min(max(j, 0), tried.size - 1)]
            share = 0.0 if inner == outer else (threshold - lost[inner]) / (lost[outer] - lost[inner])
            ends.append(number_between(n[inner], n[outer], share))
    low, high, last = (
        np.ceil(np.array(ends[::2]) - 1e-9),
        np.floor(np.array(ends[1::2]) + 1e-9),
        np.array(lasts),
    )
    # Whether infinitely many sites release more vesicles than their likelihood tells apart.
    odds = [i for i, name in enumerate(profile.names) if kind_of(name) == "p"]
    at_limit = profile.theta[is_limit(profile.sites)][:, :, odds]
    n_released = MANY_SITES * np.exp(np.nan_to_num(at_limit, nan=-np.inf))
    is_crowded = np.any(n_released > 0.75 * POISSON_COMPONENTS, axis=(0, 2))
    is_open = (last == n.size - 1) | ((last == n.size - 2) & is_crowded) | (n[last] >= MOST_SITES)
    return low, np.where(is_open & (n.size > 1), np.inf, high)


@dataclass(frozen=True, eq=False)
class Credible:
    """What the posterior, flat in n, says: 95 % credible interval of n, and probability of every row (R, B).

    `is_inside` where three times the upper end still lies among the numbers that the prior allows;
    `log_counts` (R, B) of the whole numbers that each row stands for, `first` to `last`, relative to its own
    probability.
    """

    n_low: FloatArray
    n_high: FloatArray
    is_inside: NDArray[np.bool_]
    weights: FloatArray
    log_counts: FloatArray
    first: FloatArray
    last: FloatArray


def credible_sites(profile: SiteProfile, level: float, n_max: int | None = None) -> Credible:
    """Return the credible interval of n, flat on 1, ..., `n_max` (by default 30, or all if that is short)."""
    if n_max is not None:
        return _credible(profile, level, n_max)
    # Larger numbers than the last were looked at only where they may be.
    most = int(_BEYOND[-1]) if is_limit(profile.numbers[-1]) else _N_LAST
    few, many = _credible(profile, level, 30), _credible(profile, level, most)
    parts = (np.where(few.is_inside, getattr(few, k), getattr(many, k)) for k in few.__dataclass_fields__)
    return Credible(*parts)


def whole_numbers(
    profile: SiteProfile, n_max: float, b: int = 0, family: Family | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the numbers looked at up to `n_max` (or the least), the first and the last each stands for.

    Of one synapse, and one family of quanta or all. The largest stands for all up to `n_max` if larger ones
    were looked at; infinitely many stand for none.
    """
    is_used = np.array([family in (None, name) for name in profile.families])
    tried = np.unique(profile.sites[is_used & (profile.value[:, b] > -np.inf)])
    n = tried[(tried <= max(n_max, tried[0])) & (~is_limit(tried) | (tried.size == 1))]
    is_beyond = np.any((tried > n[-1]) & ~is_limit(tried))
    last = np.append(np.floor(np.sqrt(n[1:] * n[:-1])), max(n_max, n[-1]) if is_beyond else n[-1])
    return n, np.append(n[0], last[:-1] + 1.0), last


def _credible(profile: SiteProfile, level: float, n_max: int) -> Credible:
    evidence, log_counts = np.full((2, *profile.evidence.shape), -np.inf)
    stands_for = np.full((2, *profile.evidence.shape), np.nan)
    for b, family in product(range(profile.value.shape[1]), dict.fromkeys(profile.families)):
        n, first, last = whole_numbers(profile, n_max, b, family)
        is_of_family = np.array([name == family for name in profile.families])
        rows = np.flatnonzero(is_of_family & np.isin(profile.sites, n))
        # Between two numbers looked at log probability is a line of log n.
        whole, at = np.arange(first[0], last[-1] + 1.0), profile.evidence[rows, b]
        number = np.searchsorted(first, whole, side="right") - 1
        relative = np.interp(np.log(whole), np.log(n), at) - at[number]
        log_counts[rows, b] = np.logaddexp.reduceat(relative, (first - first[0]).astype(int))
        evidence[rows, b] = at + log_counts[rows, b]
        stands_for[:, rows, b] = first, last
    weights = np.exp(evidence - evidence.max(axis=0))
    # One after the other: a plain sum of one synapse is rounded in another order than that of many.
    weights /= np.cumsum(weights, axis=0)[-1]
    by_number = profile.by_number(weights, lambda rows, axis: np.cumsum(rows, axis=axis)[-1])
    below = np.cumsum(by_number, axis=0)
    tail = 0.5 * (1.0 - level)
    n_low, n_high = np.empty((2, below.shape[1]))
    loss = profile.by_number(profile.loss(), np.min)
    is_inside = np.ones(n_low.size, bool)
    for b in range(n_low.size):
        n, first, last = whole_numbers(profile, n_max, b)
        for ends, at in ((n_low, tail + 1e-12), (n_high, 1.0 - tail - 1e-12)):
            i = np.argmax(below[:, b] >= at)
            share = 1.0 - (below[i, b] - at) / by_number[i, b]
            place = np.searchsorted(n, profile.numbers[i])
            ends[b] = first[place] - 1.0 + np.ceil(share * (last[place] - first[place] + 1.0))
        # Numbers beyond the last are as good as excluded where it was hopeless, and far beyond the interval.
        is_hopeless = loss[np.searchsorted(profile.numbers, n[-1]), b] >= _HOPELESS
        is_closed = n_max >= _N_LAST and is_hopeless and n[-1] >= 2.0 * n_high[b]
        is_inside[b] = 3.0 * n_high[b] <= min(n_max, _N_LAST) or profile.numbers.size == 1 or is_closed
    return Credible(n_low, n_high, is_inside, weights, log_counts, *stands_for)


def mixture_quantiles(mean: FloatArray, sd: FloatArray, weights: FloatArray, tail: float) -> tuple[Any, Any]:
    """Return the quantiles `tail` and 1 - `tail` of mixtures of normal densities (components first)."""
    used = weights > 0
    ends = []
    for target in (tail, 1.0 - tail):
        low = np.where(used, mean - 9.0 * sd, np.inf).min(axis=0)
        high = np.where(used, mean + 9.0 * sd, -np.inf).max(axis=0)
        for _ in range(50):
            middle = 0.5 * (low + high)
            # One after the other: a plain sum of one synapse is rounded in another order than that of many.
            is_below = np.cumsum(weights * ndtr((middle - mean) / sd), axis=0)[-1] < target
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        ends.append(0.5 * (low + high))
    return ends[0], ends[1]
