"""The precision that a synapse should have, given what it matters and what precision costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray

from biophys.argument_types import checked_types
from biophys.units import checked_finite, magnitude_in, positive_in, psp_unit_of

# Synapses in one block of an iteration: small enough for the processor's cache.
_BLOCK = 8192
_NEWTON_STEPS = 60


@checked_types
@dataclass(frozen=True, eq=False)
class ReliabilityCost:
    r"""Power-law reliability cost of one synapse, :math:`\frac{1}{\rho} (s / \sigma)^\rho =
    c\,\sigma^{-\rho}`.

    Parameters
    ----------
    rho
        Exponent, above 0.
    s
        Scale with the unit of the response: the sd at which an increase of precision costs as much as one of
        entropy gains. :math:`c = s^\rho / \rho`.

    Raises
    ------
    TypeError
        If `s` carries no unit.
    ValueError
        If `rho` or `s` is not above 0.

    References
    ----------
    Malkin et al. (2023), eq. 4, 45 and 48.

    Examples
    --------
    >>> import quantities as pq
    >>> float(ReliabilityCost(rho=2.0, s=0.1 * pq.mV)(0.05 * pq.mV))
    2.0
    """

    rho: float
    s: pq.Quantity

    def __post_init__(self) -> None:
        checked_finite(self.rho, "rho", 0.0, is_open=True)
        positive_in(self.s, psp_unit_of(self.s, "s"), "s")

    def __call__(self, sd: pq.Quantity) -> Any:
        """Return the cost of each sd, dimensionless."""
        sd = positive_in(sd, self.s.units, "sd")
        return (self.s.magnitude / sd) ** self.rho / self.rho

    @property
    def multiplier(self) -> float:
        r""":math:`c = s^\rho / \rho`, for sd in the unit of `s`."""
        return float(self.s.magnitude**self.rho / self.rho)


@checked_types
def optimal_sd(importance: pq.Quantity, cost: ReliabilityCost | Sequence[ReliabilityCost]) -> pq.Quantity:
    r"""Return the sd that minimises performance plus reliability cost.

    The performance cost is :math:`\frac{1}{2} H \sigma^2` near its minimum. For one cost

    .. math:: \sigma = (s^\rho / H)^{1 / (\rho + 2)}

    (eq. 29; the paper's typesetting shows square roots instead of the root of order :math:`\rho + 2`). For
    several costs the equation :math:`H \sigma^2 = \sum_k (s_k / \sigma)^{\rho_k}` is solved by Newton's
    method on logarithms, where it is concave and increasing, so that it always converges.

    Parameters
    ----------
    importance
        H, the second derivative of the performance cost (dimensionless) by the mean response: any shape,
        above 0, in 1/unit^2, for example 1/mV^2.
    cost
        One reliability cost, or several that add up.

    Returns
    -------
    quantities.Quantity
        Of the shape of `importance`, in the unit of the (first) cost's s.

    Raises
    ------
    TypeError
        If `importance` carries no unit.
    ValueError
        If `importance` is not positive or has the wrong dimension, or there is no cost.

    References
    ----------
    Malkin et al. (2023), eq. 26-29.

    Examples
    --------
    >>> import quantities as pq
    >>> cost = ReliabilityCost(rho=2.0, s=0.5 * pq.mV)
    >>> print(optimal_sd(4.0 / pq.mV**2, cost))
    0.5 mV
    """
    costs = [cost] if isinstance(cost, ReliabilityCost) else list(cost)
    if not costs:
        raise ValueError("cost must hold at least one reliability cost, got none")
    unit = costs[0].s.units
    curvature = magnitude_in(importance, 1 / unit**2, "importance")
    remedy = "at importance 0 or below, more noise is always better"
    log_curvature = np.log(checked_finite(curvature, "importance", 0.0, remedy=remedy, is_open=True))
    rho = np.array([c.rho for c in costs])
    log_s = np.log([float(magnitude_in(c.s, unit, "s")) for c in costs])
    if len(costs) == 1:
        log_sd = (rho[0] * log_s[0] - log_curvature) / (rho[0] + 2.0)
    else:
        log_sd = _newton(log_curvature, rho, log_s)
    return pq.Quantity(np.exp(log_sd), unit)


def _newton(
    log_curvature: NDArray[np.float64], rho: NDArray[np.float64], log_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve log H + 2 u = log sum_k (s_k / e^u)^rho_k for u = log sd, block by block."""
    flat = log_curvature.ravel()
    if flat.size > _BLOCK:
        blocks = [_newton(flat[i : i + _BLOCK], rho, log_s) for i in range(0, flat.size, _BLOCK)]
        return np.concatenate(blocks).reshape(log_curvature.shape)
    # The largest single optimum lies at or below the solution, and from there no step overshoots.
    u = np.max((rho * log_s - flat[:, None]) / (rho + 2.0), axis=1)
    for _ in range(_NEWTON_STEPS):
        exponents = rho[:, None] * (log_s[:, None] - u)
        peak = exponents.max(axis=0)
        terms = np.exp(exponents - peak)
        total = terms.sum(axis=0)
        step = (flat + 2.0 * u - peak - np.log(total)) / (2.0 + (rho @ terms) / total)
        u = u - step
        if np.max(np.abs(step), initial=0.0) < 1e-13:
            break
    return u.reshape(log_curvature.shape)


@checked_types
def linear_importance(inputs: ArrayLike, noise_sd: pq.Quantity) -> pq.Quantity:
    r"""Return the importance of each input of the linear model, :math:`H_{ii} = \epsilon^{-2} \sum_t
    x_{it}^2`.

    Parameters
    ----------
    inputs
        Presynaptic activity x, shape (times, synapses), dimensionless.
    noise_sd
        Standard deviation :math:`\epsilon` of the targets about the model, in the unit of the response.

    Returns
    -------
    quantities.Quantity
        Shape (synapses,), in 1/unit^2.

    References
    ----------
    Malkin et al. (2023), eq. 26.

    Examples
    --------
    >>> import quantities as pq
    >>> print(linear_importance([[1.0, 0.0], [1.0, 2.0]], 0.5 * pq.mV))
    [ 8. 16.] 1/mV**2
    """
    unit = psp_unit_of(noise_sd, "noise_sd")
    noise = positive_in(noise_sd, unit, "noise_sd")
    x = checked_finite(inputs, "inputs")
    return pq.Quantity(np.sum(x**2, axis=0) / noise**2, 1 / unit**2)


@checked_types
@dataclass(frozen=True)
class PrecisionSlopes:
    r"""Slopes of :math:`\log \sigma^2` of optimal synapses.

    Parameters
    ----------
    on_importance, on_learning_rate, on_input_power, on_posterior_variance
        Against the logarithms of H, of the learning rate eta, of the mean of x^2 and of the posterior
        variance.
    """

    on_importance: float
    on_learning_rate: float
    on_input_power: float
    on_posterior_variance: float


@checked_types
def precision_slopes(rho: float) -> PrecisionSlopes:
    r"""Return the slopes of :math:`\log \sigma^2` that eq. 54 predicts for one power-law cost.

    Parameters
    ----------
    rho
        Cost exponent, above 0.

    References
    ----------
    Malkin et al. (2023), eq. 54.

    Examples
    --------
    >>> precision_slopes(2.0).on_learning_rate
    1.0
    """
    checked_finite(rho, "rho", 0.0, is_open=True)
    base = 2.0 / (rho + 2.0)
    return PrecisionSlopes(-base, 2.0 * base, -base, base)


@checked_types
def exponent_from_input_slope(slope: ArrayLike) -> NDArray[np.float64]:
    r"""Return the :math:`\rho` with :math:`\log \sigma^2` falling by `slope` on :math:`\log \langle x^2
    \rangle`.

    :math:`\rho = -2 - 2 / \mathrm{slope}`: a slope of -1 means 0, and -1/2 means 2. Slopes outside [-1, 0)
    belong to no cost with :math:`\rho \ge 0`; they are returned as they come out, for intervals.

    Raises
    ------
    ValueError
        If a slope is 0 or not finite.

    Examples
    --------
    >>> float(exponent_from_input_slope(-0.5))
    2.0
    """
    slopes = checked_finite(slope, "slope")
    if np.any(slopes == 0):
        raise ValueError(
            "slope must not be 0: a variance that does not change with the input has no exponent"
        )
    return -2.0 - 2.0 / slopes
