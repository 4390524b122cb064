r"""Moments of release: cumulants of one response, means, variances and covariances of trains."""

from math import comb
from typing import Any

import numpy as np

from biophys.units import FloatArray

Z_95 = 1.959963984540054
"""Half the width of the 95 % interval of a normal estimate, in standard errors."""


def release_cumulants(n: Any, p: Any, q: Any, within: float = 0.0, between: float = 0.0) -> dict[int, Any]:
    r"""Return the second to sixth cumulant of the response, without recording noise.

    Sites are independent: the cumulants of one, from its raw moments :math:`p W_j` (gamma quanta that vary by
    `within`), are multiplied by n, by the moments of the mean quanta of the sites (normal over the sites, of
    coefficient of variation `between`) and by :math:`q^j`.

    >>> cumulants = release_cumulants(10, 0.5, 2.0)
    >>> float(cumulants[2]), float(cumulants[3])
    (10.0, 0.0)
    """
    raw = np.cumprod([1.0] + [1.0 + j * within**2 for j in range(1, 6)])
    m = {j + 1: np.asarray(p, dtype=float) * value for j, value in enumerate(raw)}
    site, of_sites = {1: m[1]}, {0: 1.0, 1: 1.0}
    for order in range(2, 7):
        products = (comb(order - 1, j - 1) * site[j] * m[order - j] for j in range(1, order))
        site[order] = m[order] - sum(products)
        of_sites[order] = of_sites[order - 1] + (order - 1) * between**2 * of_sites[order - 2]
    return {order: n * of_sites[order] * q**order * value for order, value in site.items() if order > 1}


def full_probability(u: FloatArray, empty: FloatArray) -> FloatArray:
    """Return the probability that a site is full before each stimulus, (..., stimuli), from rest."""
    full = np.ones_like(u)
    for t in range(1, u.shape[-1]):
        full[..., t] = 1.0 - (1.0 - full[..., t - 1] * (1.0 - u[..., t - 1])) * empty[..., t]
    return full


def train_moments(
    n: float, q: float, u: FloatArray, empty: FloatArray, within: float = 0.0, between: float = 0.0
) -> tuple[FloatArray, FloatArray]:
    r"""Return mean and covariance of the responses of a train from rest, without recording noise.

    Sites are independent: with :math:`r_t` the probability that a site is full and :math:`R_{t|s}` that it
    is, given that it released at s,

    .. math::

        \mathrm{cov}_{s,t} = n q^2 B u_s r_s u_t (R_{t|s} - r_t) \le 0, \quad B = 1 + c_b^2 .

    `u` is the release probability of a full site, `empty` the probability that an empty one has not refilled
    since the stimulus before, each (stimuli,); `within` and `between` are coefficients of variation of
    quanta.

    >>> mean, covariance = train_moments(4, 1.0, np.array([0.5, 0.5]), np.array([0.0, 1.0]))
    >>> mean, covariance
    (array([2., 1.]), array([[ 1.  , -0.5 ],
           [-0.5 ,  0.75]]))
    """
    b2 = 1.0 + between**2
    size, full = u.size, full_probability(u, empty)
    mean = n * q * u * full
    covariance = np.diag(b2 * ((1.0 + within**2) * q * mean - mean**2 / n))
    for s in range(size - 1):
        refilled = 1.0 - empty[s + 1]
        for t in range(s + 1, size):
            if t > s + 1:
                refilled = 1.0 - (1.0 - refilled * (1.0 - u[t - 1])) * empty[t]
            covariance[s, t] = covariance[t, s] = n * q**2 * b2 * u[s] * full[s] * u[t] * (refilled - full[t])
    return mean, covariance
