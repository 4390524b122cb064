r"""Likelihood of independent trials whose quanta are gamma or inverse Gaussian, from one Fourier sum a trial.

The response has the moment generating function

.. math:: M(z) = \left[1 - p + p\,e^{g(z)}\right]^n e^{\epsilon^2 z^2 / 2},

:math:`e^{g}` that of a quantum, and the density :math:`f(x) = \frac{1}{2\pi}\int e^{-(s + i\omega) x} M(s +
i\omega)\,d\omega` for every s: 0 where the density is large, the saddle point
:math:`(\log M)'(s) = x` far out (Daniels 1954, doi:10.1214/aoms/1177728652), where the sum at 0 is rounding
noise. The trapezoidal rule is exact to rounding once the range of frequencies holds the noise's factor.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biophys.recordings.ascent import Point
from biophys.recordings.response_density import Family, log_quantum, real_product, waves
from biophys.units import FloatArray

# exp(-cut^2 / 2) of the noise's factor is left out.
_CUT = 8.5
# A sum that cancels to less than this share of its terms is taken at the saddle point instead.
_FAR = 1e-6
# More frequencies than these resolve nothing: noise below a 6,000th of the range is taken as that.
_MOST_FREQUENCIES = 8192
# Trials times frequencies in one pass.
_BLOCK = 400_000


def skewed_likelihood(
    x: FloatArray,
    phi: FloatArray,
    n: FloatArray,
    family: Family,
    active: tuple[int, ...],
    *,
    value_only: bool = False,
) -> Point:
    """Return what `mixture_likelihood` does, for skewed quanta that are alike at all sites."""
    chosen = () if value_only else active
    size = len(active)
    value = np.zeros(x.shape[:2])
    gradient = np.full((*x.shape[:2], size), np.nan)
    hessian = np.full((*x.shape[:2], size, size), np.nan)
    for row, condition in np.ndindex(*x.shape[:2]):
        trials = x[row, condition]
        trials = trials[np.isfinite(trials)]
        synapse = _Synapse(phi[row, condition], float(n[row, condition]), family)
        value[row, condition], *slopes = _summed(synapse, trials, chosen)
        if not value_only:
            gradient[row, condition], hessian[row, condition] = slopes
    return Point(value.sum(axis=1), gradient, hessian)


_upper_triangle = cache(np.triu_indices)


def _summed(synapse: _Synapse, x: FloatArray, active: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Return the log likelihood of trials with its derivatives."""
    size = len(active)
    log_scale, columns = synapse.densities(x, active)
    density = columns[:, 0]
    ratio = columns[:, 1:] / density[:, None]
    score, pairs = ratio[:, :size], ratio[:, size:].sum(axis=0)
    hessian = np.zeros((size, size))
    upper = _upper_triangle(size)
    hessian[upper] = pairs
    hessian[upper[::-1]] = pairs
    return np.sum(np.log(density) + log_scale), score.sum(axis=0), hessian - score.T @ score


class _Synapse:
    """Density of one response at log odds of p, log q, log noise and log within, `phi`."""

    def __init__(self, phi: FloatArray, n: float, family: Family) -> None:
        self.p = float(1.0 / (1.0 + np.exp(-phi[0])))
        self.q, self.noise = float(np.exp(phi[1])), float(np.exp(phi[2]))
        self.c2 = max(float(np.exp(phi[3])), 1e-3) ** 2
        self.n, self.family = n, family

    def densities(self, x: FloatArray, active: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        """Return the log of a factor of each trial, and density and derivatives over it."""
        w, weight = self._frequencies(x, 1.0)
        terms = self._terms(1j * w, active) * weight
        columns = np.concatenate(
            [real_product(waves(part, w), terms.T) for part in _blocks(x, w.size)] or [terms[:, :0].real.T]
        )
        log_scale = np.zeros(x.size)
        far = np.flatnonzero(~(columns[:, 0] > _FAR * np.abs(terms[0]).sum()))
        if far.size:
            parts = [self._far_out(part, active) for part in _blocks(x[far], len(terms) * w.size)]
            log_scale[far], columns[far] = (np.concatenate(column) for column in zip(*parts, strict=True))
        return log_scale, columns

    def _far_out(self, x: FloatArray, active: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        """Return the same along a line through the saddle point of each trial."""
        s = self._saddle(x)
        log_scale = self._log_mgf(s).real - s * x
        w, weight = self._frequencies(x, 2.0)
        z = s[:, None] + 1j * w
        factor = np.exp(-1j * w * x[:, None] - self._log_mgf(s)[:, None]) * weight
        return log_scale, np.sum((self._terms(z, active) * factor).real, axis=-1).T

    def _frequencies(self, x: FloatArray, stretch: float) -> tuple[FloatArray, FloatArray]:
        """Return frequencies and weights; the range of responses is as long as the density is above 0."""
        n, p, q = self.n, self.p, self.q
        sd = np.sqrt(self.noise**2 + n * p * q**2 * (1.0 - p + self.c2))
        tail = 40.0 * self.c2 * q
        sd_of_all = np.sqrt(self.noise**2 + n * q**2 * self.c2)
        highest = min(n * q + 9.0 * sd_of_all, n * p * q + 9.0 * sd + 12.0 * q)
        high = max(x.max(initial=0.0), highest + tail) + 9.0 * self.noise
        low = min(x.min(initial=0.0), 0.0) - 9.0 * self.noise
        step = 2.0 * np.pi / ((high - low) * stretch)
        self.noise = max(self.noise, _CUT / (step * _MOST_FREQUENCIES))
        w = step * np.arange(max(int(np.ceil(_CUT / (self.noise * step))), 1) + 1)
        weight = np.full(w.size, step / np.pi)
        weight[0] *= 0.5
        return w, weight

    def _quantum(self, z: Any) -> tuple[Any, Any, Any, Any]:
        return log_quantum(z, self.q, self.c2, self.family)

    def _log_mgf(self, z: Any) -> Any:
        released = np.expm1(self._quantum(z)[0])
        return self.n * np.log1p(self.p * released) + 0.5 * (self.noise * z) ** 2

    def _terms(self, z: NDArray[Any], active: tuple[int, ...]) -> NDArray[Any]:
        """Return M(z) and M(z) times what its first and second derivatives are over it; (terms, ...)."""
        n, p = self.n, self.p
        g, by_q, by_qq, by_qw = self._quantum(z)
        released, grown = np.expm1(g), np.exp(g)
        share = 1.0 + p * released
        noise2 = (self.noise * z) ** 2
        value = np.exp(n * np.log1p(p * released) + 0.5 * noise2)
        by_w = 2.0 * (by_q - g)
        by_ww = 2.0 * (by_qw - by_w)
        slope_p = p * (1.0 - p)
        # Derivatives of log M: by p, then by the quantum through e^g.
        of_p, of_g = n * slope_p * released / share, n * p * grown / share
        cross = n * slope_p * grown / share**2
        bend = of_g * (1.0 - p * grown / share)
        first = {0: of_p, 1: of_g * by_q, 2: noise2, 3: of_g * by_w}
        second = {
            (0, 0): of_p * (1.0 - 2.0 * p - slope_p * released / share),
            (0, 1): cross * by_q,
            (0, 3): cross * by_w,
            (1, 1): bend * by_q**2 + of_g * by_qq,
            (1, 3): bend * by_q * by_w + of_g * by_qw,
            (2, 2): 2.0 * noise2,
            (3, 3): bend * by_w**2 + of_g * by_ww,
        }
        lines = [value, *(value * first[i] for i in active)]
        for a, i in enumerate(active):
            lines += [value * (first[i] * first[j] + second.get((i, j), 0.0)) for j in active[a:]]
        return np.stack(lines)

    def _saddle(self, x: FloatArray) -> FloatArray:
        """Return s at which the tilted response has the mean x, by bisection: the mean rises with s."""
        mean = self.n * self.p * self.q
        pole = (1.0 if self.family == "gamma" else 0.5) * (1.0 - 1e-9) / (self.q * self.c2)
        low = np.minimum(0.0, x - mean) / self.noise**2
        high = np.clip(x / self.noise**2, 0.0, pole)
        for _ in range(40):
            s = 0.5 * (low + high)
            g, by_q, *_ = self._quantum(np.where(s == 0.0, 1e-12, s))
            slope = np.exp(g) * by_q / np.where(s == 0.0, 1e-12, s)
            tilted = self.n * self.p * slope / (1.0 + self.p * np.expm1(g)) + self.noise**2 * s
            low, high = np.where(tilted < x, s, low), np.where(tilted < x, high, s)
        return 0.5 * (low + high)


def _blocks(x: FloatArray, width: int) -> list[FloatArray]:
    size = max(1, _BLOCK // width)
    return [x[i : i + size] for i in range(0, x.size, size)]
