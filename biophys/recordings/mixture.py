"""Likelihood of independent trials: each amplitude is a mixture over the number of vesicles released."""

from functools import lru_cache
from typing import Any

import numpy as np

from biophys.recordings.ascent import Point
from biophys.recordings.response_density import Quanta, moments_given_count
from biophys.units import FloatArray

MANY_SITES = 1e6
"""Stands for the limit of infinitely many sites at the same n p: the number released is Poisson."""

POISSON_COMPONENTS = 128
"""Vesicles that are told apart there: of more on average nothing is known."""
# Amplitudes times components in one pass: small enough for the processor's cache.
_BLOCK = 150_000


def log_binomial(k: FloatArray, n: FloatArray, log_odds: FloatArray) -> FloatArray:
    """Return the log probability of k of n; -inf above n.

    >>> np.exp(log_binomial(np.arange(4.0), np.array(2.0), np.array(0.0)))
    array([0.25, 0.5 , 0.25, 0.  ])
    """
    ways = _log_ways(k.size, np.asarray(n).tobytes()).reshape(*np.shape(n)[:-1], k.size)
    return ways - k * np.logaddexp(0, -log_odds) - np.maximum(n - k, 0.0) * np.logaddexp(0, log_odds)


@lru_cache(256)
def _log_ways(size: int, sites: bytes) -> FloatArray:
    """Return the logarithm of the number of ways to choose 0, 1, ... of each of some numbers of sites."""
    from scipy.special import gammaln

    k, n = np.arange(float(size)), np.frombuffer(sites)[:, None]
    fewer = gammaln(n + 1.0) - gammaln(np.maximum(n - k, 0.0) + 1.0)
    return np.where(k <= n, np.where(n >= MANY_SITES, k * np.log(n), fewer) - gammaln(k + 1.0), -np.inf)


def mixture_likelihood(
    x: FloatArray,
    phi: FloatArray,
    n: FloatArray,
    between: float,
    active: tuple[int, ...],
    *,
    value_only: bool = False,
) -> Point:
    """Return log likelihood (rows,), gradient (rows, conditions, A) and second derivatives (..., A, A).

    The missing numbers released are averaged out (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x).
    Responses `x` (rows, conditions, trials) are above 0 on average, NaN where not measured; `phi` (rows,
    conditions, 4) holds log odds of p, log q, log noise and log within, of which the A `active` are
    differentiated by (as NaN if `value_only`); `n` are numbers of sites (conditions,), which vary by
    `between`.
    """
    n_rows, n_conditions, n_trials = x.shape
    # Numbers of vesicles that are told apart: n + 1, or enough for a Poisson number.
    width = POISSON_COMPONENTS if n.max() >= MANY_SITES else int(n.max()) + 1
    size = max(1, _BLOCK // max(n_conditions * n_trials * width, 1))
    parts = [
        _block(x[i : i + size], phi[i : i + size], n, between, active, width, value_only)
        for i in range(0, n_rows, size)
    ]
    return Point(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _block(
    x: FloatArray,
    phi: FloatArray,
    n: FloatArray,
    between: float,
    active: tuple[int, ...],
    width: int,
    value_only: bool,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    k = np.arange(width).astype(float)
    q, noise, within = np.exp(phi[..., 1]), np.exp(phi[..., 2]), np.exp(phi[..., 3])
    mean, variance = moments_given_count(Quanta(q, noise, within, between), k, n[..., None])
    log_pmf = log_binomial(k, n[..., None], phi[..., :1])
    is_there = np.isfinite(x)
    # Trials last: sums over the few numbers of vesicles then run along whole vectors.
    residual = np.where(is_there, x, 0.0)[:, :, None, :] - mean[..., None]
    weight = residual * residual
    weight *= (-0.5 / variance)[..., None]
    weight += (log_pmf - 0.5 * np.log(2.0 * np.pi * variance))[..., None]
    peak = weight.max(axis=2)
    weight -= peak[:, :, None]
    np.exp(weight, out=weight)
    total = weight.sum(axis=2)
    value = np.where(is_there, np.log(total) + peak, 0.0).sum(axis=-1)
    size = len(active)
    if value_only:
        empty = np.full((*value.shape, size), np.nan)
        return value.sum(axis=1), empty, empty[..., None] * np.ones(size)
    weight *= (is_there / total)[:, :, None]
    first, second = _derivatives(phi, k, n, between, active, mean, variance)
    gradient, hessian = _averaged(weight, residual, first, second)
    if 0 in active:
        i = active.index(0)
        p = 1.0 / (1.0 + np.exp(-phi[..., 0]))
        hessian[..., i, i] -= is_there.sum(axis=-1) * n * p * (1.0 - p)
    return value.sum(axis=1), gradient, hessian


def _derivatives(
    phi: FloatArray,
    k: FloatArray,
    n: FloatArray,
    between: float,
    active: tuple[int, ...],
    mean: FloatArray,
    variance: FloatArray,
) -> tuple[list[list[FloatArray]], dict[tuple[int, int], list[FloatArray]]]:
    """Return the coefficients in the residual r of d log f and d2 log f: 1, r, r^2."""
    zero = np.zeros_like(variance)
    noise2 = np.exp(2.0 * phi[..., 2, None])
    own = np.exp(2.0 * (phi[..., 1, None] + phi[..., 3, None])) * k * (1.0 + between**2)
    quantal = variance - noise2
    m = {1: mean, 2: zero, 3: zero}
    v = {1: 2.0 * quantal, 2: 2.0 * noise2 + zero, 3: 2.0 * own}
    vv = {(1, 1): 4.0 * quantal, (2, 2): 4.0 * noise2 + zero, (3, 3): 4.0 * own, (1, 3): 4.0 * own}
    first = []
    for i in active:
        if i == 0:
            p = 1.0 / (1.0 + np.exp(-phi[..., 0, None]))
            first.append([k - n[..., None] * p + zero, zero, zero])
        else:
            first.append([-0.5 * v[i] / variance, m[i] / variance, 0.5 * v[i] / variance**2])
    second = {}
    for a, i in enumerate(active):
        for b, j in enumerate(active):
            if b < a or 0 in (i, j):
                continue
            bend = vv.get((i, j), zero)
            m_ij = mean if i == j == 1 else zero
            second[a, b] = [
                -0.5 * bend / variance + 0.5 * v[i] * v[j] / variance**2 - m[i] * m[j] / variance,
                m_ij / variance - (m[i] * v[j] + m[j] * v[i]) / variance**2,
                0.5 * bend / variance**2 - v[i] * v[j] / variance**3,
            ]
    return first, second


def _averaged(
    weight: FloatArray,
    residual: FloatArray,
    first: list[list[FloatArray]],
    second: dict[tuple[int, int], list[FloatArray]],
) -> tuple[FloatArray, FloatArray]:
    """Return gradient and second derivatives with the number released averaged out."""
    is_quartic = any(np.any(c) for _, _, c in first)
    powers = [weight.sum(axis=3)]
    scores: Any = 0.0
    part = weight
    for order in range(5 if is_quartic else 3):
        if order:
            part = part * residual
            powers.append(part.sum(axis=3))
        if order < (3 if is_quartic else 2):
            scores = scores + np.matmul(np.stack([line[order] for line in first], axis=2), part)
    size = len(first)
    gradient = scores.sum(axis=3)
    hessian = -np.matmul(scores, scores.swapaxes(2, 3))
    for a in range(size):
        for b in range(a, size):
            product = [
                sum(first[a][s] * first[b][order - s] for s in range(max(0, order - 2), min(order, 2) + 1))
                for order in range(len(powers))
            ]
            for order, coefficient in enumerate(second.get((a, b), ())):
                product[order] = product[order] + coefficient
            term = sum((c * power).sum(axis=-1) for c, power in zip(product, powers, strict=True))
            hessian[:, :, a, b] += term
            if b != a:
                hessian[:, :, b, a] += term
    return gradient, hessian
