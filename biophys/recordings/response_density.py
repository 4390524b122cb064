r"""Density of the response to k vesicles, with quantal variability and recording noise, in three families.

With :math:`B = 1 + c_b^2`, the response to k of n vesicles has mean :math:`k q` and variance

.. math:: \epsilon^2 + q^2 \left[k c_w^2 B + c_b^2 \frac{k (n - k)}{n - 1}\right],

:math:`c_w` and :math:`c_b` the coefficients of variation within a site and between the means of the sites.
``normal`` takes these two moments. ``gamma`` and ``inverse-gaussian`` (:math:`c_b = 0`) are the sum of k
quanta of that law and of the noise: their densities are sums over frequencies of the characteristic
function.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from biophys.units import FloatArray

Family = Literal["normal", "gamma", "inverse-gaussian"]

# The sums over frequencies are exact to rounding; below this share of the peak they are noise.
_FLOOR = 1e-13
# exp(-cut^2 / 2) of the noise's factor is left out.
_CUT = 9.0
# More frequencies than these resolve nothing: noise below a 6,000th of the range is taken as that.
MOST_FREQUENCIES = 8192


@dataclass(frozen=True, eq=False)
class Quanta:
    """What turns a number of vesicles into a response; plain numbers of one shape, without an axis for k."""

    q: FloatArray  # mean response to one vesicle, above 0
    noise: FloatArray  # sd of the recording noise, above 0
    within: FloatArray  # coefficient of variation of quanta of a site
    between: float = 0.0  # coefficient of variation of the mean quanta of the sites
    family: Family = "normal"


def moments_given_count(
    quanta: Quanta, k: FloatArray, n: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of the response to `k` of `n` vesicles, the axis of k last.

    >>> quanta = Quanta(np.array(10.0), np.array(2.0), np.array(0.3))
    >>> mean, variance = moments_given_count(quanta, np.arange(3.0), 2)
    >>> mean, variance.round(9)
    (array([ 0., 10., 20.]), array([ 4., 13., 22.]))
    """
    q, noise, within = (np.asarray(x)[..., None] for x in (quanta.q, quanta.noise, quanta.within))
    sites = np.asarray(n, dtype=float)
    # Of n unequal sites drawn without replacement; one site has nothing between sites.
    between = quanta.between**2 * k * np.maximum(sites - k, 0.0) / np.maximum(sites - 1.0, 1.0)
    own = k * within**2 * (1.0 + quanta.between**2)
    return k * q, noise**2 + q**2 * (own + between)


def log_density(
    x: FloatArray, quanta: Quanta, k: FloatArray, n: float, *, active: Any = (1, 2, 3)
) -> tuple[FloatArray, FloatArray]:
    """Return log densities (..., trials, K) of responses (..., trials) given k vesicles, and derivatives.

    `quanta` have the shape of `x` without its last axis, `k` is 0, 1, ..., shape (K,). The derivatives (3,
    ..., trials, K) are by log q, log noise and log within; skewed quanta give the `active` of these (1, 2,
    3).
    """
    if quanta.family == "normal":
        return _normal(x, quanta, k, n)
    log_f = np.empty((*x.shape, k.size))
    by = np.empty((3, *log_f.shape))
    for alike, (q, noise, within) in _alike(quanta, x.shape[:-1]):
        log_f_alike, by_alike = _one_row(x[alike].ravel(), q, noise, within, k, quanta.family, active)
        log_f[alike] = log_f_alike.reshape(-1, x.shape[-1], k.size)
        by[:, alike] = by_alike.reshape(3, -1, x.shape[-1], k.size)
    return log_f, by


def _normal(x: FloatArray, quanta: Quanta, k: FloatArray, n: float) -> tuple[FloatArray, FloatArray]:
    mean, variance = (part[..., None, :] for part in moments_given_count(quanta, k, n))
    q, noise, within = (np.asarray(y)[..., None, None] for y in (quanta.q, quanta.noise, quanta.within))
    residual = x[..., None] - mean
    pull = residual / variance
    excess = 0.5 * (residual * pull - 1.0) / variance
    spread = 2.0 * q**2 * k * within**2 * (1.0 + quanta.between**2)
    by = np.stack(
        [pull * mean + excess * 2.0 * (variance - noise**2), excess * 2.0 * noise**2, excess * spread]
    )
    return -0.5 * (residual * pull + np.log(2.0 * np.pi * variance)), by


def _alike(quanta: Quanta, shape: tuple[int, ...]) -> Iterator[tuple[NDArray[np.bool_], FloatArray]]:
    """Yield which sweeps have the same q, noise and within, and these: one sum over frequencies is theirs."""
    parts = [np.broadcast_to(y, shape) for y in (quanta.q, quanta.noise, np.maximum(quanta.within, 1e-3))]
    rows, number = np.unique(np.stack(parts, axis=-1).reshape(-1, 3), axis=0, return_inverse=True)
    for i, row in enumerate(rows):
        yield number.reshape(shape) == i, row


def _one_row(
    x: FloatArray, q: float, noise: float, within: float, k: FloatArray, family: Family, active: Any
) -> tuple[FloatArray, FloatArray]:
    w, weight, noise = _frequencies(x, q, noise, within, k[-1])
    logs = _log_characteristic(w, q, noise, within, family)
    characteristic = powers(np.exp(logs[0]), k.size) * (np.exp(logs[1]) * weight)[:, None]
    wave = waves(x, w)
    density = real_product(wave, characteristic)
    floor = _FLOOR * np.maximum(density.max(axis=0), 1e-300)
    is_above = density > floor
    # Far out, where the sum is rounding noise, the slope of the normal density leads back.
    reference, slopes = _normal(x, Quanta(np.array(q), np.array(noise), np.array(within)), k, 1.0)
    deepest = np.where(is_above, reference, np.inf).min(axis=0)
    outside = np.log(floor) + np.minimum(reference - np.where(np.isfinite(deepest), deepest, 0.0), 0.0)
    log_f = np.where(is_above, np.log(np.where(is_above, density, 1.0)), outside)
    by = np.zeros((3, *density.shape))
    for j in active:
        per_vesicle = np.ones_like(k) if j == 2 else k
        by[j - 1] = real_product(wave, characteristic * logs[j + 1][:, None]) * per_vesicle
    return log_f, np.where(is_above, by / np.where(is_above, density, 1.0), slopes)


def powers(base: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the powers 0, 1, ... of numbers, (numbers, size), each block of them from that before it."""
    table, known, factor = np.empty((base.size, size), base.dtype), 1, base[:, None]
    table[:, 0] = 1.0
    while known < size:
        more = min(known, size - known)
        np.multiply(table[:, :more], factor, out=table[:, known : known + more])
        known, factor = known + more, factor * factor
    return table


def waves(x: FloatArray, w: FloatArray) -> NDArray[Any]:
    """Return exp(-i x w) of amplitudes and evenly spaced frequencies from 0."""
    return powers(np.exp(-1j * w[1] * x), w.size)


def real_product(a: NDArray[Any], b: NDArray[Any]) -> FloatArray:
    """Return the real part of a product of complex matrices as one product of real ones."""
    return a.view(float) @ np.ascontiguousarray(b.conj().T).view(float).T


def _frequencies(
    x: FloatArray, q: float, noise: float, within: float, k_max: float
) -> tuple[FloatArray, FloatArray, float]:
    """Return frequencies and weights of a sum that is exact where the density has died out at both ends.

    Also the noise, or the least that so many frequencies resolve.
    """
    spread = np.sqrt(noise**2 + k_max * (within * q) ** 2)
    # A gamma or inverse Gaussian tail is longer than a normal one.
    highest = max(np.nanmax(x), k_max * q + 12.0 * spread + 40.0 * within**2 * q)
    extent = highest - min(np.nanmin(x), 0.0)
    noise = max(noise, _CUT * extent / (2.0 * np.pi * MOST_FREQUENCIES - 20.0 * _CUT))
    step = 2.0 * np.pi / (extent + 20.0 * noise)
    w = step * np.arange(int(np.ceil(_CUT / (noise * step))) + 1)
    weight = np.full(w.size, step / np.pi)
    weight[0] *= 0.5
    return w, weight, noise


def _log_characteristic(
    w: FloatArray, q: float, noise: float, within: float, family: Family
) -> tuple[Any, ...]:
    """Return the log of one quantum's and of the noise's characteristic function and their derivatives."""
    value, by_q, _, _ = log_quantum(1j * w, q, within**2, family)
    blur = -0.5 * (noise * w) ** 2
    return value, blur, by_q, 2.0 * blur, 2.0 * (by_q - value)


def log_quantum(z: Any, q: float, c2: float, family: Family) -> tuple[Any, Any, Any, Any]:
    """Return g = log E exp(z quantum) and its derivatives: by log q, twice by it, by it and log within."""
    if family == "gamma":
        u = 1.0 - q * c2 * z
        by_q = q * z / u
        return -np.log(u) / c2, by_q, by_q / u, 2.0 * c2 * by_q**2
    root = np.sqrt(1.0 - 2.0 * q * c2 * z)
    by_q = q * z / root
    bend = c2 * by_q**2 / root
    return (1.0 - root) / c2, by_q, by_q + bend, 2.0 * bend


def cumulative(x: FloatArray, quanta: Quanta, k: FloatArray, n: float) -> FloatArray:
    """Return the probability of a response up to `x` given each number of vesicles, (..., trials, K)."""
    if quanta.family == "normal":
        mean, variance = (part[..., None, :] for part in moments_given_count(quanta, k, n))
        return ndtr((x[..., None] - mean) / np.sqrt(variance))
    up_to = np.empty((*x.shape, k.size))
    for alike, (q, noise, within) in _alike(quanta, x.shape[:-1]):
        # The integral of the sum over frequencies from a point below all mass.
        y = x[alike].ravel()
        w, weight, noise = _frequencies(y, q, noise, within, k[-1])
        logs = _log_characteristic(w, q, noise, within, quanta.family)
        characteristic = np.exp(np.multiply.outer(logs[0], k) + logs[1][:, None]) * weight[:, None]
        low, inner = min(np.nanmin(y), 0.0) - 10.0 * noise, w[1:]
        wave = (np.exp(-1j * np.multiply.outer(y, inner)) - np.exp(-1j * inner * low)) / (-1j * inner)
        total = (wave @ characteristic[1:]).real + (y - low)[:, None] * characteristic[0].real
        up_to[alike] = np.clip(total, 0.0, 1.0).reshape(-1, x.shape[-1], k.size)
    return up_to
