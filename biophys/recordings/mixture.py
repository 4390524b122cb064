"""Likelihood of independent trials: each amplitude is a mixture over the number of vesicles released."""

from typing import Any

import numpy as np
from scipy.special import gammaln

from biophys.recordings.ascent import Point
from biophys.recordings.response_density import Quanta, moments_given_count
from biophys.units import FloatArray

MANY_SITES = 1e6
"""Stands for the limit of infinitely many sites at the same n p: the number released is Poisson."""

POISSON_COMPONENTS = 128
"""Vesicles that are told apart there: of more on average nothing is known."""
# Standard deviations beyond which a density is below rounding.
_TAIL = 9.0
# Amplitudes times components in one pass: small enough for the processor's cache.
_BLOCK = 50_000


def log_binomial(k: FloatArray, n: FloatArray, log_odds: FloatArray) -> FloatArray:
    """Return the log probability of k of n; -inf above n.

    >>> np.exp(log_binomial(np.arange(4.0), np.array(2.0), np.array(0.0)))
    array([0.25, 0.5 , 0.25, 0.  ])
    """
    fewer = np.maximum(n - k, 0.0)
    with np.errstate(invalid="ignore"):
        ways = np.where(n >= MANY_SITES, k * np.log(n), gammaln(n + 1.0) - gammaln(fewer + 1.0))
    log_pmf = ways - gammaln(k + 1.0) - k * np.logaddexp(0, -log_odds) - fewer * np.logaddexp(0, log_odds)
    return np.where(k <= n, log_pmf, -np.inf)


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
    # Numbers of vesicles that are told apart, n + 1 or enough for a Poisson number, as far as any matter.
    most = POISSON_COMPONENTS if n.max() >= MANY_SITES else int(n.max()) + 1
    width = np.minimum(8.0 * np.ceil(_reach(x, phi, n, between) / 8.0), most).astype(int)
    blocks: list[Any] = []
    for each in np.unique(width):
        alike = np.flatnonzero(width == each)
        size = max(1, _BLOCK // max(x[0].size * each, 1))
        blocks += [(alike[i : i + size], int(each)) for i in range(0, alike.size, size)]
    parts = [_block(x[rows], phi[rows], n, between, active, each, value_only) for rows, each in blocks]
    back = np.argsort(np.concatenate([rows for rows, _ in blocks]))
    return Point(*(np.concatenate(column)[back] for column in zip(*parts, strict=True)))


def _reach(x: FloatArray, phi: FloatArray, n: FloatArray, between: float) -> FloatArray:
    """Return how many vesicles may have been released, (rows,): terms of more are below rounding."""
    p, q, noise, within = np.moveaxis(np.exp(phi), -1, 0)
    tail = _TAIL * np.sqrt(within**2 * (1.0 + between**2) + between**2)
    longest = np.fmax.reduce(x, axis=2, initial=0.0) + _TAIL * noise
    mean = n * p / (1.0 + p)
    drawn = mean + _TAIL * (1.0 + np.sqrt(mean))
    return np.maximum((0.5 * tail + np.sqrt(0.25 * tail**2 + longest / q)) ** 2, drawn).max(axis=1) + 2.0


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
