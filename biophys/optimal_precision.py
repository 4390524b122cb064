"""The precision that a synapse should have, and the synapse that has a given precision at the least cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray

from biophys.energy_costs import CostLaw, CostMixture, cost_unit_of
from biophys.quantal import QuantalSynapse, checked_n_sites
from biophys.units import checked_finite, magnitude_in, psp_unit_of

# Synapses in one block of a search: small enough for the processor's cache.
_BLOCK = 8192
_NEWTON_STEPS = 60


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
        checked_finite(magnitude_in(self.s, psp_unit_of(self.s, "s"), "s"), "s", 0.0, is_open=True)

    def __call__(self, sd: pq.Quantity) -> Any:
        """Return the cost of each sd, dimensionless."""
        sd = checked_finite(magnitude_in(sd, self.s.units, "sd"), "sd", 0.0, is_open=True)
        return (self.s.magnitude / sd) ** self.rho / self.rho

    @property
    def multiplier(self) -> float:
        r""":math:`c = s^\rho / \rho`, for sd in the unit of `s`."""
        return float(self.s.magnitude**self.rho / self.rho)


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
        raise ValueError("an optimum needs at least one reliability cost, got none")
    unit = costs[0].s.units
    curvature = magnitude_in(importance, 1 / unit**2, "importance")
    remedy = "at importance 0 or below, more noise is always better"
    log_curvature = np.log(checked_finite(curvature, "importance", 0.0, remedy=remedy, is_open=True))
    rho = np.array([c.rho for c in costs])
    log_s = np.log([float(magnitude_in(c.s, unit, "s")) for c in costs])
    if len(costs) == 1:
        log_sd = (rho[0] * log_s[0] - log_curvature) / (rho[0] + 2.0)
    else:
        log_sd = _solve_by_blocks(log_curvature, rho, log_s)
    return pq.Quantity(np.exp(log_sd), unit)


def _solve_by_blocks(
    log_curvature: NDArray[np.float64], rho: NDArray[np.float64], log_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log sd of the optimum for several costs."""
    flat = log_curvature.ravel()
    log_sd = np.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        log_sd[block] = _newton(flat[block], rho, log_s)
    return log_sd.reshape(log_curvature.shape)


def _newton(
    log_curvature: NDArray[np.float64], rho: NDArray[np.float64], log_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve log H + 2 u = log sum_k (s_k / e^u)^rho_k for u = log sd."""
    # The largest single optimum lies at or below the solution, and from there no step overshoots.
    u = np.max((rho * log_s - log_curvature[:, None]) / (rho + 2.0), axis=1)
    for _ in range(_NEWTON_STEPS):
        exponents = rho[:, None] * (log_s[:, None] - u)
        peak = exponents.max(axis=0)
        terms = np.exp(exponents - peak)
        total = terms.sum(axis=0)
        value = log_curvature + 2.0 * u - peak - np.log(total)
        slope = 2.0 + (rho @ terms) / total
        step = value / slope
        u = u - step
        if np.max(np.abs(step), initial=0.0) < 1e-13:
            break
    return u


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
    noise = checked_finite(magnitude_in(noise_sd, unit, "noise_sd"), "noise_sd", 0.0, is_open=True)
    x = checked_finite(inputs, "inputs")
    return pq.Quantity(np.sum(x**2, axis=0) / noise**2, 1 / unit**2)


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


def exponent_from_input_slope(slope: ArrayLike) -> NDArray[np.float64]:
    r"""Return the :math:`\rho` with :math:`\log \sigma^2` falling by `slope` on :math:`\log \langle x^2
    \rangle`.

    :math:`\rho = -2 - 2 / \mathrm{slope}`: a slope of -1 means 0, and -1/2 means 2. Slopes outside [-1, 0)
    belong to no cost with :math:`\rho \ge 0`; they are returned as they come out, for intervals.

    Examples
    --------
    >>> float(exponent_from_input_slope(-0.5))
    2.0
    """
    return -2.0 - 2.0 / checked_finite(slope, "slope")


@dataclass(frozen=True, eq=False)
class Realisation:
    """Quantal parameters that realise a mean and an sd, and what they cost.

    Parameters
    ----------
    n
        Number of sites; whole unless real-valued ones were asked for.
    p
        Release probability.
    q
        Quantal size.
    cost
        Of each synapse.
    """

    n: NDArray[np.float64]
    p: NDArray[np.float64]
    q: pq.Quantity
    cost: pq.Quantity

    @property
    def synapse(self) -> QuantalSynapse:
        """The synapses, if the numbers of sites are whole."""
        return QuantalSynapse(self.n, self.p, self.q)


def cheapest_realisation(
    mean: pq.Quantity,
    sd: pq.Quantity,
    cost: CostLaw | CostMixture,
    *,
    n_max: int = 1000,
    whole_sites: bool = True,
) -> Realisation:
    """Return the n, p and q with this mean and sd that cost least.

    Given n, the moments fix p and q; n is searched between 1 and `n_max`, first on a grid and then within
    the best interval of the grid. A cost that falls with n all the way ends at `n_max`.

    Parameters
    ----------
    mean, sd
        Moments of the response, sd above 0; broadcast to one shape.
    cost
        One cost law or a mixture.
    n_max
        Largest number of sites allowed.
    whole_sites
        Whether n must be an integer.

    Raises
    ------
    TypeError
        If `mean` or `sd` carries no unit.
    ValueError
        If the mean is 0 or the sd is not above 0.

    Examples
    --------
    >>> import quantities as pq
    >>> from biophys.energy_costs import calcium_pump_cost, vesicle_membrane_cost
    >>> cost = calcium_pump_cost() + vesicle_membrane_cost(scale=0.1 * pq.dimensionless)
    >>> best = cheapest_realisation(1 * pq.mV, 0.3 * pq.mV, cost)
    >>> int(best.n), round(float(best.p), 3)
    (12, 0.481)
    """
    psp_unit_of(mean, "mean")
    unit = mean.units
    mean_value = checked_finite(magnitude_in(mean, unit, "mean"), "mean")
    remedy = "sd = 0 needs p = 1"
    sd_value = checked_finite(magnitude_in(sd, unit, "sd"), "sd", 0.0, remedy=remedy, is_open=True)
    if np.any(mean_value == 0):
        raise ValueError("mean must not be 0: a synapse without mean response has no precision to buy")
    mean_value, sd_value = np.broadcast_arrays(mean_value, sd_value)
    cv2 = (sd_value / mean_value) ** 2
    sites = int(checked_n_sites(n_max, "n_max"))
    n, total = _search_by_blocks(mean_value, cv2, _plain_laws(cost, unit), sites, whole_sites)
    p = 1.0 / (1.0 + n * cv2)
    return Realisation(n, p, pq.Quantity(mean_value / (n * p), unit), pq.Quantity(total, _cost_unit(cost)))


def _search_by_blocks(
    mean: NDArray[np.float64],
    cv2: NDArray[np.float64],
    laws: list[_PlainLaw],
    n_max: int,
    whole_sites: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cheapest n and its cost for each pair of moments."""
    best, total = np.empty(mean.size), np.empty(mean.size)
    flat_mean, flat_cv2 = mean.ravel(), cv2.ravel()
    for start in range(0, best.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        terms = _LogTerms.of(laws, flat_mean[block], flat_cv2[block])
        best[block] = _cheapest_n(terms, n_max, whole_sites)
        total[block] = terms.cost(best[block])
    return best.reshape(mean.shape), total.reshape(mean.shape)


@dataclass(frozen=True)
class _PlainLaw:
    """A cost law in plain numbers: converting units once costs more than searching thousands of synapses."""

    log_scale: float
    site: float
    odds: float
    release: float
    quantal: float

    @staticmethod
    def of(law: CostLaw, cost_unit: pq.Quantity, response_unit: pq.Quantity) -> _PlainLaw:
        log_scale = float(np.log(magnitude_in(law.scale, cost_unit, "scale")))
        if law.quantal_exponent:
            size = magnitude_in(law.reference_q, response_unit, "reference_q")
            log_scale -= law.quantal_exponent * float(np.log(size))
        powers = (law.site_exponent, law.odds_exponent, law.release_exponent, law.quantal_exponent)
        return _PlainLaw(log_scale, *powers)


@dataclass(frozen=True, eq=False)
class _LogTerms:
    """Costs of a block of synapses at given moments, as functions of n alone.

    With x = n cv^2, p = 1 / (1 + x) and the odds are 1 / x, so that the logarithm of each cost is a
    constant of the synapse plus multiples of log n and of log p.
    """

    fixed: NDArray[np.float64]
    constants: dict[tuple[float, float], NDArray[np.float64]]
    cv2: NDArray[np.float64]

    @staticmethod
    def of(laws: list[_PlainLaw], mean: NDArray[np.float64], cv2: NDArray[np.float64]) -> _LogTerms:
        log_mean, log_cv2 = np.log(np.abs(mean)), np.log(cv2)
        constants: dict[tuple[float, float], NDArray[np.float64]] = {}
        for law in laws:
            factors = (law.site - law.odds - law.quantal, law.release - law.quantal)
            constant = law.log_scale + law.quantal * log_mean - law.odds * log_cv2
            if factors in constants:
                constant = np.logaddexp(constants[factors], constant)
            constants[factors] = constant
        # Costs of the mean do not depend on n and need no exponential in the search.
        fixed = np.exp(constants.pop((0.0, 0.0), np.full(cv2.shape, -np.inf)))
        return _LogTerms(fixed, constants, cv2)

    def cost(self, n: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return the total cost with n sites."""
        log_n, log_p = np.log(n), -np.log1p(n * self.cv2)
        total = self.fixed.copy()
        for (of_n, of_p), constant in self.constants.items():
            exponent = constant + of_n * log_n
            if of_p:
                exponent += of_p * log_p
            total += np.exp(exponent, out=exponent)
        return total


def _plain_laws(cost: CostLaw | CostMixture, response_unit: pq.Quantity) -> list[_PlainLaw]:
    return [_PlainLaw.of(law, _cost_unit(cost), response_unit) for law in _laws(cost)]


def _laws(cost: CostLaw | CostMixture) -> tuple[CostLaw, ...]:
    return cost.laws if isinstance(cost, CostMixture) else (cost,)


def _cost_unit(cost: CostLaw | CostMixture) -> pq.Quantity:
    return cost_unit_of(_laws(cost)[0].scale)


def _cheapest_n(terms: _LogTerms, n_max: int, whole_sites: bool) -> NDArray[np.float64]:
    """Return the cheapest n of each synapse of a block."""
    grid = np.geomspace(1.0, n_max, 2 + int(2 * np.log2(n_max)))
    grid = np.unique(np.rint(grid)) if whole_sites else grid
    best = np.zeros(terms.cv2.shape, dtype=int)
    least = terms.cost(grid[0])
    for index, n in enumerate(grid[1:], start=1):
        cost = terms.cost(n)
        is_better = cost < least
        best[is_better] = index
        np.minimum(least, cost, out=least)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, grid.size - 1)]
    return _whole_minimum(terms, low, high) if whole_sites else _real_minimum(terms, low, high)


def _whole_minimum(
    terms: _LogTerms, low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the integer of least cost in each interval by bisection on the sign of the cost's difference."""
    while np.any(high > low):
        middle = np.floor((low + high) / 2)
        is_open = high > low
        rises = terms.cost(middle + 1) >= terms.cost(middle)
        high = np.where(is_open & rises, middle, high)
        low = np.where(is_open & ~rises, middle + 1, low)
    return low


def _real_minimum(
    terms: _LogTerms, low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the real n of least cost in each interval by golden-section search in log n."""
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    a, b = np.log(low), np.log(high)
    for _ in range(32):
        left, right = b - ratio * (b - a), a + ratio * (b - a)
        is_left = terms.cost(np.exp(left)) < terms.cost(np.exp(right))
        a, b = np.where(is_left, a, left), np.where(is_left, right, b)
    return np.exp((a + b) / 2.0)


def minimal_sd(
    mean: pq.Quantity, cost: CostLaw | CostMixture, budget: pq.Quantity, *, n_max: int = 1000
) -> pq.Quantity:
    """Return the lowest sd that each mean can have within `budget`: the minimal-energy boundary.

    Parameters
    ----------
    mean
        Mean response, not 0; any shape.
    cost
        One cost law or a mixture.
    budget
        Energy, of the dimension of the cost; broadcast against `mean`.
    n_max
        Largest number of sites allowed; sites are real-valued, so that the boundary is smooth.

    Raises
    ------
    ValueError
        If a budget is too small for any synapse of that mean, or so large that the sd falls below 1e-4
        times the mean.

    Examples
    --------
    >>> import quantities as pq
    >>> from biophys.energy_costs import calcium_pump_cost, vesicle_membrane_cost
    >>> cost = calcium_pump_cost() + vesicle_membrane_cost()
    >>> float(minimal_sd(1 * pq.mV, cost, 4 * pq.dimensionless).magnitude.round(3))
    0.088
    """
    psp_unit_of(mean, "mean")
    energy = magnitude_in(budget, _cost_unit(cost), "budget")
    energy, mean_value = np.broadcast_arrays(
        checked_finite(energy, "budget", 0.0, is_open=True), mean.magnitude
    )

    laws, sites = _plain_laws(cost, mean.units), int(checked_n_sites(n_max, "n_max"))

    def least_cost(log_cv: NDArray[np.float64]) -> NDArray[np.float64]:
        means = np.broadcast_to(mean_value, log_cv.shape)
        return _search_by_blocks(means, np.exp(2.0 * log_cv), laws, sites, False)[1]

    # Where q enters the cost, very noisy synapses with few huge quanta are expensive too: the boundary is on
    # the falling branch, below the sd of least cost.
    log_cv = np.linspace(np.log(1e-4), np.log(1e2), 120)
    costs = least_cost(np.multiply.outer(log_cv, np.ones(mean_value.shape)))
    if np.any(costs.min(axis=0) > energy) or np.any(costs[0] < energy):
        lowest, highest = float(costs.min(axis=0).max()), float(costs[0].min())
        raise ValueError(
            f"the budget must lie between the cost of the cheapest synapse ({lowest:.4g}) and that of an sd "
            f"of 1e-4 of the mean ({highest:.4g}), got {budget}"
        )
    high = log_cv[np.argmax(costs <= energy, axis=0)]
    low = log_cv[np.argmax(costs <= energy, axis=0) - 1]
    for _ in range(40):
        middle = (low + high) / 2.0
        is_affordable = least_cost(middle) <= energy
        low, high = np.where(is_affordable, low, middle), np.where(is_affordable, middle, high)
    return pq.Quantity(np.exp(high) * np.abs(mean_value), mean.units)


def distance_from_boundary(
    mean: pq.Quantity, sd: pq.Quantity, cost: CostLaw | CostMixture, budget: pq.Quantity
) -> NDArray[np.float64]:
    """Return how far each synapse lies above the minimal-energy boundary, as log(variance / least variance).

    Parameters
    ----------
    mean, sd
        Moments of the response of each synapse.
    cost, budget
        As in :func:`minimal_sd`.

    Returns
    -------
    numpy.ndarray
        Natural logarithms: 0 on the boundary, positive above, negative where the budget does not reach.

    Examples
    --------
    >>> import quantities as pq
    >>> from biophys.energy_costs import calcium_pump_cost, vesicle_membrane_cost
    >>> cost = calcium_pump_cost() + vesicle_membrane_cost()
    >>> edge = minimal_sd(1 * pq.mV, cost, 4 * pq.dimensionless)
    >>> round(float(distance_from_boundary(1 * pq.mV, 2 * edge, cost, 4 * pq.dimensionless)), 6)
    1.386294
    """
    least = minimal_sd(mean, cost, budget)
    ratio = magnitude_in(sd, mean.units, "sd") / least.magnitude
    return 2.0 * np.log(checked_finite(ratio, "sd / least sd", 0.0, is_open=True))
