"""Draw from the posterior of a fit: Laplace's approximation at every n, weighted by the exact likelihood."""

import warnings
from typing import Any

import numpy as np
from scipy.special import gammaln

from biophys.recordings.likelihood import is_limit, kind_of, name_in, number_of
from biophys.recordings.release_fit import ReleaseFit
from biophys.recordings.site_profile import Credible, SiteProfile, credible_sites
from biophys.units import FloatArray

# Proposals are t distributed: their tails are longer than those of the posterior.
_DEGREES = 5.0
_CHUNK = 200


def posterior_of(
    fit: ReleaseFit, n_draws: int, rng: np.random.Generator, n_max: int | None
) -> dict[str, Any]:
    """Return draws of every parameter and the k-hat of their weights."""
    profile = fit.profile
    credible = credible_sites(profile, fit.level, n_max)
    weights = credible.weights[:, 0]
    used = np.flatnonzero(weights > 1e-4)
    # Twice as many proposals as draws, spread over the numbers of sites.
    counts = np.maximum(np.rint(2.0 * n_draws * weights[used] / weights[used].sum()).astype(int), 20)
    thetas, log_weights, sites = [], [], []
    for row, count in zip(used, counts, strict=True):
        theta, log_weight = _proposals(fit, int(row), int(count), rng)
        thetas.append(theta)
        # The number of sites of a row stands for as many whole numbers.
        log_weights.append(log_weight + credible.log_counts[row, 0] - np.log(count))
        sites.append(np.full(count, profile.sites[row]))
    log_weight = np.concatenate(log_weights)
    k_hat = pareto_k(log_weight)
    if k_hat > 0.7:
        warnings.warn(
            f"the posterior is far from Laplace's approximation (k-hat {k_hat:.2f}): its draws are rough",
            UserWarning,
            stacklevel=3,
        )
    weight = np.exp(log_weight - log_weight.max())
    chosen = rng.choice(weight.size, n_draws, p=weight / weight.sum())
    theta, n = np.concatenate(thetas)[chosen], np.concatenate(sites)[chosen]
    rows = np.repeat(used, counts)[chosen]
    for row in used[credible.last[used, 0] > credible.first[used, 0]]:
        is_of = rows == row
        n[is_of], theta[is_of] = _not_fitted(fit.profile, credible, int(row), theta[is_of], rng)
    return _named(fit, theta, n) | {"k_hat": k_hat}


def _not_fitted(
    profile: SiteProfile, credible: Credible, row: int, theta: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return draws of the whole numbers that a row stands for, moved as the mode moves with log n."""
    alike = [name == profile.families[row] for name in profile.families]
    rows = np.flatnonzero(alike & np.isfinite(profile.evidence[:, 0]) & ~is_limit(profile.sites))
    log_n, whole = np.log(profile.sites[rows]), np.arange(credible.first[row, 0], credible.last[row, 0] + 1.0)
    chance = np.exp(np.interp(np.log(whole), log_n, profile.evidence[rows, 0]) - profile.evidence[row, 0])
    n = rng.choice(whole, len(theta), p=chance / chance.sum())
    modes = [np.interp(np.log(n), log_n, mode) for mode in profile.mode[rows, 0].T]
    return n, theta + np.stack(modes, axis=1) - profile.mode[row, 0]


def _proposals(
    fit: ReleaseFit, row: int, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return coordinates drawn about the mode and the log of posterior over proposal."""
    profile = fit.profile
    mode, spread = profile.mode[row, 0], profile.spread[row, 0]
    size = mode.size
    root = np.linalg.cholesky(spread + 1e-12 * np.eye(size))
    z = rng.normal(size=(count, size))
    stretch = np.sqrt(_DEGREES / rng.chisquare(_DEGREES, count))
    theta = mode + (z * stretch[:, None]) @ root.T
    square = np.sum((z * stretch[:, None]) ** 2, axis=1)
    log_proposal = (
        gammaln((_DEGREES + size) / 2)
        - gammaln(_DEGREES / 2)
        - 0.5 * size * np.log(_DEGREES * np.pi)
        - np.log(np.diag(root)).sum()
        - 0.5 * (_DEGREES + size) * np.log1p(square / _DEGREES)
    )
    values = np.empty(count)
    for start in range(0, count, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        likelihood = profile.likelihood(row, np.zeros(theta[chunk].shape[0], int))
        inside = np.clip(theta[chunk], *likelihood.bounds())
        value = likelihood.at(inside, np.arange(len(inside)), value_only=True).value
        value = value + likelihood.prior_at(inside).value
        values[chunk] = np.where(np.all(inside == theta[chunk], axis=1), value, -np.inf)
    return theta, values - log_proposal


def _named(fit: ReleaseFit, theta: FloatArray, n: FloatArray) -> dict[str, Any]:
    """Return draws as numbers in the units of the recording."""
    labels = fit.recording.labels
    draws: dict[str, Any] = {"n": n}
    for i, name in enumerate(fit.profile.names):
        draws[name_in(labels, name)] = number_of(kind_of(name), theta[:, i], fit.scale)
    for name in fit.values:
        kind, _, label = name.partition("[")
        p, q = (draws.get(f"{each}[{label}", draws.get(each, 1.0)) for each in ("p", "q"))
        if kind in ("mean", "capacity"):
            draws[name] = n * q if kind == "capacity" else n * p * q
    return draws


def pareto_k(log_weights: FloatArray) -> float:
    """Return the shape of the upper tail of importance weights (Vehtari et al. 2024, by moments of the log).

    >>> pareto_k(np.zeros(100))
    0.0
    """
    finite = np.sort(log_weights[np.isfinite(log_weights)])
    size = min(int(0.2 * finite.size), int(3 * np.sqrt(finite.size)))
    if size < 5:
        return 0.0
    # Hill's estimator: the mean excess of the log of the largest weights.
    return float(np.mean(finite[-size:] - finite[-size - 1]))
