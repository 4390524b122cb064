r"""Likelihood of independent trials whose quanta are gamma or inverse Gaussian, from one Fourier sum a trial.

The response has the moment generating function

.. math:: M(z) = \left[1 - p + p\,e^{g(z)}\right]^n e^{\epsilon^2 z^2 / 2},

:math:`e^{g}` that of a quantum, and the density :math:`f(x) = \frac{1}{2\pi}\int e^{-(s + i\omega) x} M(s +
i\omega)\,d\omega` for every s: 0 where the density is large, the saddle point
:math:`(\log M)'(s) = x` far out (Daniels 1954, doi:10.1214/aoms/1177728652), where the sum at 0 is rounding
noise. The trapezoidal rule is exact to rounding once the range of frequencies holds the noise's factor.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biophys.recordings.ascent import Point
from biophys.recordings.response_density import MOST_FREQUENCIES, Family, log_quantum, real_product, waves
from biophys.units import FloatArray

# exp(-cut^2 / 2) of the noise's factor is left out.
_CUT = 8.5
# A sum that cancels to less than this share of its terms is taken at the saddle point instead.
_FAR = 1e-6
_LEAST = 1e-15
# Log of a quantum's moment generating function at which every site releases.
_ALL_RELEASE = 500.0
# Trials times frequencies in one pass, and whose waves are kept.
_BLOCK = 400_000
# The range of responses is rounded up to powers of 2 to the 1 / this, so that evaluations share their waves.
_RANGES_PER_OCTAVE = 4


class Waves:
    """Waves exp(-i w x) of the trials of synapses and conditions, `x` (synapses, conditions, trials), kept.

    They hang on the range of the responses alone, which is rounded.
    """

    def __init__(self, x: FloatArray) -> None:
        self._x = x
        self._kept: dict[tuple[int, int, float], NDArray[Any]] = {}

    def trials(self, row: int, condition: int) -> FloatArray:
        """Return the responses that were measured."""
        x = self._x[row, condition]
        return x[np.isfinite(x)]

    def sums(self, row: int, condition: int, w: FloatArray, terms: NDArray[Any]) -> FloatArray:
        """Return real parts of the sums of terms (terms, frequencies) over frequencies, (trials, terms)."""
        x, key = self.trials(row, condition), (row, condition, float(w[1]))
        if x.size * w.size > _BLOCK or x.size == 0:
            parts = [real_product(waves(part, w), terms.T) for part in _blocks(x, w.size)]
            return np.concatenate([terms[:, :0].real.T, *parts])
        if key not in self._kept or self._kept[key].shape[1] < w.size:
            self._kept[key] = waves(x, w)
        return real_product(self._kept[key][:, : w.size], terms.T)


def skewed_likelihood(
    waves: Waves,
    rows: NDArray[np.intp],
    phi: FloatArray,
    n: FloatArray,
    family: Family,
    active: tuple[int, ...],
    *,
    value_only: bool = False,
) -> Point:
    """Return what `mixture_likelihood` does, for skewed quanta that are alike at all sites."""
    shape, size, chosen = phi.shape[:2], len(active), () if value_only else active
    value = np.zeros(shape)
    gradient, hessian = np.full((*shape, size), np.nan), np.full((*shape, size, size), np.nan)
    for i, c in np.ndindex(*shape):
        synapse, row = _Synapse(phi[i, c], float(n[c]), family), int(rows[i])
        x = waves.trials(row, c)
        w, weight = synapse.frequencies(x)
        terms = synapse.terms(1j * w, chosen) * weight
        columns = waves.sums(row, c, w, terms)
        far = np.flatnonzero(~(columns[:, 0] > _FAR * np.abs(terms[0]).sum()))
        if far.size:
            log_scale, columns[far] = synapse.far_out(x[far], chosen)
            value[i, c] += log_scale.sum()
        density = columns[:, 0]
        value[i, c] += np.sum(np.log(density))
        if not value_only:
            ratio = columns[:, 1:] / density[:, None]
            score = ratio[:, :size]
            gradient[i, c] = score.sum(axis=0)
            upper = np.zeros((size, size))
            upper[_upper_triangle(size)] = ratio[:, size:].sum(axis=0)
            hessian[i, c] = upper + np.triu(upper, 1).T - score.T @ score
    return Point(value.sum(axis=1), gradient, hessian)


_upper_triangle = cache(np.triu_indices)


class _Synapse:
    """Density of one response at log odds of p, log q, log noise and log within, `phi`."""

    def __init__(self, phi: FloatArray, n: float, family: Family) -> None:
        self.p = float(1.0 / (1.0 + np.exp(-phi[0])))
        self.q, self.noise = float(np.exp(phi[1])), float(np.exp(phi[2]))
        self.c2 = max(float(np.exp(phi[3])), 1e-3) ** 2
        self.n, self.family = n, family

    def frequencies(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return frequencies and weights; the range of responses is as long as the density is above 0."""
        n, p, q = self.n, self.p, self.q
        sd = np.sqrt(self.noise**2 + n * p * q**2 * (1.0 - p + self.c2))
        tail = 40.0 * self.c2 * q
        sd_of_all = np.sqrt(self.noise**2 + n * q**2 * self.c2)
        highest = min(n * q + 9.0 * sd_of_all, n * p * q + 9.0 * sd + 12.0 * q)
        span = max(x.max(initial=0.0), highest + tail) - min(x.min(initial=0.0), 0.0) + 18.0 * self.noise
        self.noise = max(self.noise, _CUT * span / (2.0 * np.pi * MOST_FREQUENCIES))
        self.period = 2.0 ** (np.ceil(_RANGES_PER_OCTAVE * np.log2(span)) / _RANGES_PER_OCTAVE)
        step = 2.0 * np.pi / self.period
        w = step * np.arange(max(int(np.ceil(_CUT / (self.noise * step))), 1) + 1)
        return w, np.where(w == 0.0, 0.5, 1.0) * step / np.pi

    def quantum(self, z: Any) -> tuple[Any, Any, Any, Any]:
        """Return the log of one quantum's moment generating function, with derivatives."""
        return log_quantum(z, self.q, self.c2, self.family)

    def site(self, g: Any) -> tuple[Any, Any]:
        """Return e^g - 1, up to a size beyond which all sites release, and the log of 1 - p + p e^g."""
        beyond = np.maximum(g.real - _ALL_RELEASE, 0.0)
        released = np.expm1(g - beyond)
        return released, np.log1p(self.p * released) + beyond

    def terms(self, z: NDArray[Any], active: tuple[int, ...], log_factor: Any = 0.0) -> NDArray[Any]:
        """Return M(z) times a factor, and this times what first and second derivatives of M are over M."""
        n, p = self.n, self.p
        g, by_q, by_qq, by_qw = self.quantum(z)
        released, log_site = self.site(g)
        share = 1.0 / (1.0 + p * released)
        grown, released_share = (1.0 + released) * share, released * share
        noise2 = (self.noise * z) ** 2
        value = np.exp(n * log_site + 0.5 * noise2 + log_factor)
        if not active:
            return value[None]
        by_w = 2.0 * (by_q - g)
        slope_p = p * (1.0 - p)
        # Derivatives of log M: by p, then by the quantum through e^g.
        of_p, of_g = n * slope_p * released_share, n * p * grown
        cross, bend = n * slope_p * grown * share, of_g * (1.0 - p * grown)
        first = {0: of_p, 1: of_g * by_q, 2: noise2, 3: of_g * by_w}
        second = {
            (0, 0): lambda: of_p * (1.0 - 2.0 * p - slope_p * released_share),
            (0, 1): lambda: cross * by_q,
            (0, 3): lambda: cross * by_w,
            (1, 1): lambda: bend * by_q**2 + of_g * by_qq,
            (1, 3): lambda: bend * by_q * by_w + of_g * by_qw,
            (2, 2): lambda: 2.0 * noise2,
            (3, 3): lambda: bend * by_w**2 + of_g * 2.0 * (by_qw - by_w),
        }
        lines = [value, *(value * first[i] for i in active)]
        for a, i in enumerate(active):
            lines += [value * (first[i] * first[j] + second.get((i, j), float)()) for j in active[a:]]
        return np.stack(lines)

    def far_out(self, x: FloatArray, active: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
        """Return the log of a factor of each trial, and density and derivatives over it.

        The sum is along a line through the saddle point of each trial. There large responses weigh little:
        the range that counts, and with it the number of frequencies, is that of the tilted response.
        """
        s, period = self._saddle(x)
        log_mgf = self.n * self.site(self.quantum(s)[0])[1] + 0.5 * (self.noise * s) ** 2
        columns = np.empty((x.size, 1 + len(active) * (len(active) + 3) // 2))
        octave = np.ceil(np.log2(period))
        for each in np.unique(octave):
            step = 2.0 * np.pi / 2.0**each
            w = step * np.arange(int(np.ceil(_CUT / (self.noise * step))) + 1)
            weight = np.where(w == 0.0, 0.5, 1.0) * step / np.pi
            for part in _blocks(np.flatnonzero(octave == each), columns.shape[1] * w.size):
                log_factor = -1j * w * x[part, None] - log_mgf[part, None]
                terms = self.terms(s[part, None] + 1j * w, active, log_factor) * weight
                columns[part] = terms.real.sum(axis=-1).T
                # Between 0 and the least quanta the sum may cancel to rounding noise of either sign.
                least = _LEAST * np.abs(terms[0]).sum(axis=-1)
                columns[part, 0] = np.maximum(columns[part, 0], least)
        return log_mgf - s * x, columns

    def _saddle(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return s at which the tilted response has about the mean x, and the range that it spans about x.

        By Newton's method, between ends that close in: the mean rises with s. Any s will do that leaves
        digits, so that the mean need not be met to more than a part of the standard deviation.
        """
        pole = (1.0 if self.family == "gamma" else 0.5) * (1.0 - 1e-9) / (self.q * self.c2)
        noise2 = self.noise**2
        low = np.minimum(0.0, x - self.n * self.p * self.q) / noise2
        high = np.clip(x / noise2, 0.0, pole)
        s = np.clip(0.0 * x, low, high)
        for _ in range(60):
            n_released, size, size2, variance = self._tilted(s)
            mean = n_released * size + noise2 * s
            if np.all((mean - x) ** 2 <= 0.1 * variance):
                break
            low, high = np.where(mean < x, s, low), np.where(mean < x, high, s)
            there = s + (x - mean) / variance
            s = np.where((there > low) & (there < high), there, 0.5 * (low + high))
        n_released, size, size2, _ = self._tilted(s)
        # So many vesicles that more have no weight, each with a tail that falls exponentially.
        most = n_released + 12.0 * np.sqrt(n_released) + np.where(n_released < _LEAST, 0.0, 8.0)
        most = np.minimum(most, self.n)
        above = most * size + 9.0 * np.sqrt(most * size2) + np.where(most > 0.0, 40.0 / (pole - s), 0.0)
        about_noise = noise2 * s - x
        period = np.maximum(about_noise + above, -about_noise) + 9.0 * self.noise
        return s, np.minimum(period, 2.0 * self.period)

    def _tilted(self, s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return number released, mean and variance of a quantum, and variance of responses, tilted by s."""
        # Not at 0, where derivatives by s cancel.
        z = np.where(np.abs(s) * self.q < 1e-5, 1e-5 / self.q, s)
        g, by_q, by_qq, _ = self.quantum(z)
        released, _ = self.site(g)
        share = self.p * (1.0 + released) / (1.0 + self.p * released)
        size, size2 = by_q / z, (by_qq - by_q) / z**2
        return self.n * share, size, size2, self.n * share * (size2 + size**2 * (1.0 - share)) + self.noise**2


def _blocks(x: NDArray[Any], width: int) -> list[NDArray[Any]]:
    size = max(1, _BLOCK // width)
    return [x[i : i + size] for i in range(0, x.size, size)]
