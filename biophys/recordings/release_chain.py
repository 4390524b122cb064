r"""Exact likelihood of trains: the number of full sites is followed forward, and backward for its gradient.

:math:`x_t` sites are full just before stimulus t, all n after rest; with :math:`y_t = x_t - k_t`,

.. math::

    k_t \sim \mathrm{Bin}(x_t, u_t), \qquad x_{t+1} = y_t + \mathrm{Bin}(n - y_t, g_{t+1}).

With :math:`\alpha_t(x) = P(x_t = x \mid a_1 \ldots a_{t-1})`, :math:`J(x, k) = \alpha_t(x)
\mathrm{Bin}(k; x, u_t) f(a_t \mid k)` and :math:`s_t = \sum J`, the log likelihood is :math:`\sum \log s_t`;
:math:`b(y) = \sum_k J(y + k, k) / s_t` is then refilled. Written with factorials both steps are convolutions
of n + 1 numbers: O(n^2) for each stimulus.

References
----------
Bird AD, Wall MJ, Richardson MJE (2016). Front Comput Neurosci 10:116, doi:10.3389/fncom.2016.00116.
Gontier C, Pfister J-P (2020). Front Comput Neurosci 14:558477, doi:10.3389/fncom.2020.558477.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from scipy.special import gammaln

from biophys.quantal import binomial_pmf
from biophys.recordings.mixture import log_binomial
from biophys.units import FloatArray

_EDGE = 1e-12


@dataclass(frozen=True, eq=False)
class Filtered:
    """What the forward pass leaves, (rows, sweeps, stimuli): of numbers of full sites (..., n + 1)."""

    log_s: FloatArray  # log density of each response given those before it
    full: FloatArray  # probability of full sites before each stimulus, given the responses before it
    left: FloatArray  # probability of those still full after it, given the responses up to it


@dataclass(frozen=True, eq=False)
class Smoothed:
    """What all responses together say of each stimulus, (rows, sweeps, stimuli)."""

    content: FloatArray  # probability of the number released, (..., n + 1)
    mean_left: FloatArray  # mean number still full after the stimulus


class _Tables:
    """Factors of the two convolutions for every stimulus; the axis of stimuli first."""

    def __init__(self, log_f: FloatArray, u: FloatArray, empty: FloatArray, n: int) -> None:
        k = np.arange(n + 1.0)
        # Factorials over a power that cancels: no overflow at any n.
        log_factorial = gammaln(k + 1.0) - k * (np.log(max(n, 1)) - 1.0)
        self.factorial = np.exp(log_factorial)
        released = np.clip(np.moveaxis(u, 2, 0), _EDGE, 1.0 - _EDGE)[..., None]
        empty = np.clip(np.moveaxis(empty, 2, 0), 1e-300, 1.0 - _EDGE)[..., None]
        log_f = np.moveaxis(log_f, 2, 0)
        self.peak = log_f.max(axis=-1)
        self.release = np.exp(log_f - self.peak[..., None] + k * np.log(released) - log_factorial)
        self.keep = np.exp(k * np.log1p(-released) - log_factorial)
        self.refill = np.exp(k * np.log1p(-empty) - log_factorial)
        self.stay = np.exp((n - k) * np.log(empty) - log_factorial[::-1])


class _Sum:
    """Convolutions or correlations of a short vector with a table, through one buffer and views of it."""

    def __init__(self, shape: tuple[int, ...], size: int) -> None:
        self._buffer = np.zeros((*shape, 2 * size))
        *outer, inner = self._buffer.strides
        ahead, middle = (*shape, size, size), self._buffer[..., size:]
        self._later = as_strided(self._buffer, ahead, (*outer, inner, inner))
        self._earlier = as_strided(middle, ahead, (*outer, inner, -inner))
        self._low, self._high = self._buffer[..., :size], middle

    def correlate(self, vector: FloatArray, table: FloatArray) -> FloatArray:
        """Return sum over k of vector[y + k] table[k]."""
        self._high[...] = 0.0
        self._low[...] = vector
        return np.einsum("...yk,...k->...y", self._later, table)

    def convolve(self, vector: FloatArray, table: FloatArray) -> FloatArray:
        """Return sum over k of vector[x - k] table[k]."""
        self._low[...] = 0.0
        self._high[...] = vector
        return np.einsum("...yk,...k->...y", self._earlier, table)


def filter_forward(log_f: FloatArray, u: FloatArray, empty: FloatArray, n: int) -> Filtered:
    """Follow the number of full sites through every sweep, which starts from rest.

    `log_f` (rows, sweeps, stimuli, n + 1) is the log density of each response given each number released, 0
    for every number where the response was not measured; `u` (rows, sweeps, stimuli) the release probability
    of a full site; `empty` the probability 1 - g that an empty site has not refilled since the stimulus
    before, which keeps its digits where refilling is complete (the first of a sweep is not used).

    One site that is full: the response is a mixture of two densities.

    >>> log_f = np.log([0.2, 0.6]).reshape(1, 1, 1, 2)
    >>> p = np.full((1, 1, 1), 0.25)
    >>> float(np.exp(filter_forward(log_f, p, p, 1).log_s[0, 0, 0]).round(12))
    0.3
    """
    if log_f.shape[2] == 1:
        return _from_rest(log_f, u, n)[0]
    return _forward(_Tables(log_f, u, empty, n), n)


def _from_rest(log_f: FloatArray, u: FloatArray, n: int) -> tuple[Filtered, Smoothed]:
    """Return both passes of sweeps of one stimulus: independent responses of n full sites."""
    k = np.arange(n + 1).astype(float)
    released = np.clip(u, _EDGE, 1.0 - _EDGE)[..., None]
    joint = log_f + log_binomial(k, np.array(float(n)), np.log(released) - np.log1p(-released))
    peak = joint.max(axis=-1, keepdims=True)
    content = np.exp(joint - peak)
    total = content.sum(axis=-1, keepdims=True)
    content /= total
    full = np.zeros_like(content)
    full[..., n] = 1.0
    log_s = (np.log(total) + peak)[..., 0]
    return Filtered(log_s, full, content[..., ::-1]), Smoothed(content, n - (content * k).sum(axis=-1))


def _forward(tables: _Tables, n: int) -> Filtered:
    n_stimuli, *shape, size = tables.release.shape
    sums = _Sum(tuple(shape), size)
    full, left = (np.empty((n_stimuli, *shape, size)) for _ in range(2))
    scale = np.empty((n_stimuli, *shape))
    full[0] = 0.0
    full[0, ..., n] = 1.0
    for t in range(n_stimuli):
        if t:
            emptied = left[t - 1] * tables.factorial[::-1]
            full[t] = sums.convolve(emptied, tables.refill[t]) * tables.stay[t]
        y = sums.correlate(full[t] * tables.factorial, tables.release[t])
        y *= tables.keep[t]
        scale[t] = y.sum(axis=-1)
        np.divide(y, scale[t][..., None], out=left[t])
    log_s = np.log(scale) + tables.peak
    # Sums over a contiguous array do not hang on the number of rows.
    log_s = np.ascontiguousarray(np.moveaxis(log_s, 0, 2))
    return Filtered(log_s, np.moveaxis(full, 0, 2), np.moveaxis(left, 0, 2))


def smooth(log_f: FloatArray, u: FloatArray, empty: FloatArray, n: int) -> tuple[Filtered, Smoothed]:
    """Follow the sites forward and backward: what each response says with all others known."""
    if log_f.shape[2] == 1:
        return _from_rest(log_f, u, n)
    tables = _Tables(log_f, u, empty, n)
    filtered = _forward(tables, n)
    full, left = (np.moveaxis(part, 2, 0) for part in (filtered.full, filtered.left))
    n_stimuli, *shape, size = full.shape
    sums = _Sum(tuple(shape), size)
    content = np.empty_like(full)
    mean_left = np.empty((n_stimuli, *shape))
    later = np.ones((*shape, size))
    for t in reversed(range(n_stimuli)):
        posterior = left[t] * later
        total = posterior.sum(axis=-1, keepdims=True)
        mean_left[t] = (posterior * np.arange(size)).sum(axis=-1) / total[..., 0]
        after = tables.keep[t] * later / total
        k = sums.correlate(full[t] * tables.factorial, after) * tables.release[t]
        content[t] = k / k.sum(axis=-1, keepdims=True)
        if t:
            before = sums.convolve(after, tables.release[t]) * tables.factorial
            before /= np.max(before, axis=-1, keepdims=True)
            later = sums.correlate(before * tables.stay[t], tables.refill[t]) * tables.factorial[::-1]
    return filtered, Smoothed(*(np.ascontiguousarray(np.moveaxis(y, 0, 2)) for y in (content, mean_left)))


def released_before(filtered: Filtered, u: FloatArray, n: int) -> FloatArray:
    """Return the probability of each number released, given the responses before it."""
    k, u = np.arange(n + 1.0), np.clip(u, 0.0, 1.0)
    if filtered.full.shape[2] == 1:
        return binomial_pmf(k, float(n), u[..., None])
    pmf = binomial_pmf(k, k[:, None], u[..., None, None])
    return np.einsum("...x,...xk->...k", filtered.full, pmf)
