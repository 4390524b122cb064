"""The synapse that has a given mean and precision at the least cost, and the precision that a budget buys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.absolute_costs import spike_costs
from biophys.argument_types import check_public
from biophys.energy_costs import CostLaw, CostMixture
from biophys.estimates import Estimate, exactly, gaussian
from biophys.palette import BLUE, VERMILION
from biophys.quantal import QuantalSynapse, checked_n_sites, nonzero_mean
from biophys.units import FloatArray, checked_finite, magnitude_in, positive_in

# Synapses in one block of a search: small enough for the processor's cache.
_BLOCK = 8192
# Means at which the boundary is computed; it is smooth in between.
_N_KNOTS = 256


@dataclass(frozen=True, eq=False)
class Realisation:
    """Quantal parameters that realise a mean and an sd, and what they cost.

    n is whole unless real-valued ones were asked for.
    """

    n: FloatArray
    p: FloatArray
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
    mean, sd : moments of the response with their unit, mean not 0, sd above 0; broadcast to one shape
    cost : one cost law or a mixture
    n_max : largest number of sites allowed
    whole_sites : whether n must be an integer

    Examples
    --------
    >>> from brianpresyn.biophys.energy_costs import calcium_pump_cost, vesicle_membrane_cost
    >>> cost = calcium_pump_cost() + vesicle_membrane_cost(scale=0.1 * pq.dimensionless)
    >>> best = cheapest_realisation(1 * pq.mV, 0.3 * pq.mV, cost)
    >>> int(best.n), round(float(best.p), 3)
    (12, 0.481)
    """
    mean_value, unit, remedy = nonzero_mean(mean), mean.units, "sd = 0 needs p = 1"
    sd_value = checked_finite(magnitude_in(sd, unit, "sd"), "sd", 0.0, remedy=remedy, is_open=True)
    mean_value, sd_value = np.broadcast_arrays(mean_value, sd_value)
    cv2 = (sd_value / mean_value) ** 2
    sites = int(checked_n_sites(n_max, "n_max"))
    n, total = _search_by_blocks(mean_value, cv2, _plain_laws(cost, unit), sites, whole_sites)
    p = 1.0 / (1.0 + n * cv2)
    return Realisation(n, p, pq.Quantity(mean_value / (n * p), unit), pq.Quantity(total, cost.unit))


def _search_by_blocks(
    mean: FloatArray, cv2: FloatArray, laws: list[_PlainLaw], n_max: int, whole_sites: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the cheapest n and its cost for each pair of moments."""
    best, total = np.empty(mean.size), np.empty(mean.size)
    flat_mean, flat_cv2 = mean.ravel(), cv2.ravel()
    for start in range(0, best.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        terms = _LogTerms(laws, flat_mean[block], flat_cv2[block])
        best[block] = _cheapest_n(terms, n_max, whole_sites)
        total[block] = terms.cost(best[block])
    return best.reshape(mean.shape), total.reshape(mean.shape)


class _PlainLaw(NamedTuple):
    """A cost law in plain numbers: converting units once costs more than searching thousands of synapses."""

    log_scale: float
    site: float
    odds: float
    release: float
    quantal: float


def _plain_laws(cost: CostLaw | CostMixture, response_unit: pq.Quantity) -> list[_PlainLaw]:
    laws = []
    for law in cost.laws:
        log_scale = float(np.log(magnitude_in(law.scale, cost.unit, "scale")))
        if law.quantal_exponent:
            size = magnitude_in(law.reference_q, response_unit, "reference_q")
            log_scale -= law.quantal_exponent * float(np.log(size))
        powers = (law.site_exponent, law.odds_exponent, law.release_exponent, law.quantal_exponent)
        laws.append(_PlainLaw(log_scale, *powers))
    return laws


class _LogTerms:
    """Costs of a block of synapses at given moments, as functions of n alone.

    With x = n cv^2, p = 1 / (1 + x) and the odds are 1 / x, so that the logarithm of each cost is a
    constant of the synapse plus multiples of log n and of log p.
    """

    def __init__(self, laws: list[_PlainLaw], mean: FloatArray, cv2: FloatArray) -> None:
        log_mean, log_cv2 = np.log(np.abs(mean)), np.log(cv2)
        constants: dict[tuple[float, float], FloatArray] = {}
        for law in laws:
            factors = (law.site - law.odds - law.quantal, law.release - law.quantal)
            constant = law.log_scale + law.quantal * log_mean - law.odds * log_cv2
            if factors in constants:
                constant = np.logaddexp(constants[factors], constant)
            constants[factors] = constant
        # Costs of the mean do not depend on n and need no exponential in the search.
        self._fixed = np.exp(constants.pop((0.0, 0.0), np.full(cv2.shape, -np.inf)))
        self._constants, self.cv2 = constants, cv2

    def cost(self, n: FloatArray | float) -> FloatArray:
        """Return the total cost with n sites."""
        log_n, log_p = np.log(n), -np.log1p(n * self.cv2)
        total = self._fixed.copy()
        for (power_of_n, power_of_p), constant in self._constants.items():
            exponent = constant + power_of_n * log_n
            if power_of_p:
                exponent += power_of_p * log_p
            total += np.exp(exponent, out=exponent)
        return total


def _cheapest_n(terms: _LogTerms, n_max: int, whole_sites: bool) -> FloatArray:
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
    if not whole_sites:
        # Golden-section search in log n.
        ratio = (np.sqrt(5.0) - 1.0) / 2.0
        a, b = np.log(low), np.log(high)
        for _ in range(32):
            left, right = b - ratio * (b - a), a + ratio * (b - a)
            is_left = terms.cost(np.exp(left)) < terms.cost(np.exp(right))
            a, b = np.where(is_left, a, left), np.where(is_left, right, b)
        return np.exp((a + b) / 2.0)
    # Bisection on the sign of the cost's difference.
    while np.any(high > low):
        middle = np.floor((low + high) / 2)
        is_open = high > low
        rises = terms.cost(middle + 1) >= terms.cost(middle)
        high = np.where(is_open & rises, middle, high)
        low = np.where(is_open & ~rises, middle + 1, low)
    return low


def minimal_sd(
    mean: pq.Quantity, cost: CostLaw | CostMixture, budget: pq.Quantity, *, n_max: int = 1000
) -> pq.Quantity:
    """Return the lowest sd that each mean can have within `budget`: the minimal-energy boundary.

    For many means and one budget it is interpolated between 256 means, to about 1e-4 where it is steepest.

    Parameters
    ----------
    mean : mean response, not 0; any shape
    cost : one cost law or a mixture
    budget
        Energy, of the dimension of the cost; broadcast against `mean`. ValueError if it is too small for any
        synapse of that mean, or so large that the sd falls below 1e-4 times the mean.
    n_max : largest number of sites allowed; sites are real-valued, so that the boundary is smooth

    Examples
    --------
    >>> from brianpresyn.biophys.energy_costs import calcium_pump_cost, vesicle_membrane_cost
    >>> cost = calcium_pump_cost() + vesicle_membrane_cost()
    >>> float(minimal_sd(1 * pq.mV, cost, 4 * pq.dimensionless).magnitude.round(3))
    0.088
    """
    size, energy = np.abs(nonzero_mean(mean)), positive_in(budget, cost.unit, "budget")
    laws, sites = _plain_laws(cost, mean.units), int(checked_n_sites(n_max, "n_max"))
    if energy.size > 1 or size.size <= _N_KNOTS:
        size, energy = np.broadcast_arrays(size, energy)
        return pq.Quantity(_least_cv(size, energy, laws, sites) * size, mean.units)
    from scipy.interpolate import CubicSpline

    log_size = np.log(size)
    # A little beyond both ends, so that equal means have a line to lie on.
    knots = np.linspace(log_size.min() - 1e-3, log_size.max() + 1e-3, _N_KNOTS)
    log_cv = np.log(_least_cv(np.exp(knots), np.broadcast_to(energy, knots.shape), laws, sites))
    return pq.Quantity(np.exp(CubicSpline(knots, log_cv)(log_size)) * size, mean.units)


def _least_cv(mean: FloatArray, energy: FloatArray, laws: list[_PlainLaw], n_max: int) -> FloatArray:
    """Return the lowest sd / mean of each mean and budget, by bisection."""

    def least_cost(log_cv: FloatArray) -> FloatArray:
        means = np.broadcast_to(mean, log_cv.shape)
        return _search_by_blocks(means, np.exp(2.0 * log_cv), laws, n_max, False)[1]

    # Where q enters the cost, very noisy synapses with few huge quanta are expensive too: the boundary is on
    # the falling branch, below the sd of least cost.
    log_cv = np.linspace(np.log(1e-4), np.log(1e2), 120)
    costs = least_cost(np.multiply.outer(log_cv, np.ones(mean.shape)))
    if np.any(costs.min(axis=0) > energy) or np.any(costs[0] < energy):
        lowest, highest = float(costs.min(axis=0).max()), float(costs[0].min())
        ends = f"the cheapest synapse ({lowest:.4g}) and that of an sd of 1e-4 of the mean ({highest:.4g})"
        given = f"{energy.min():.4g} to {energy.max():.4g}"
        raise ValueError(f"the budget must lie between the cost of {ends}, got {given}")
    first = np.argmax(costs <= energy, axis=0)
    low, high = log_cv[first - 1], log_cv[first]
    for _ in range(40):
        middle = (low + high) / 2.0
        is_affordable = least_cost(middle) <= energy
        low, high = np.where(is_affordable, low, middle), np.where(is_affordable, middle, high)
    return np.exp(high)


def distance_from_boundary(
    mean: pq.Quantity, sd: pq.Quantity, cost: CostLaw | CostMixture, budget: pq.Quantity
) -> FloatArray:
    """Return how far each synapse lies above the minimal-energy boundary, as log(variance / least variance).

    It is 0 on the boundary, and negative where the budget does not reach. `cost` and `budget` are those of
    :func:`minimal_sd`.

    >>> from brianpresyn.biophys.energy_costs import calcium_pump_cost, vesicle_membrane_cost
    >>> cost = calcium_pump_cost() + vesicle_membrane_cost()
    >>> edge = minimal_sd(1 * pq.mV, cost, 4 * pq.dimensionless)
    >>> round(float(distance_from_boundary(1 * pq.mV, 2 * edge, cost, 4 * pq.dimensionless)), 6)
    1.386294
    """
    least = minimal_sd(mean, cost, budget)
    ratio = magnitude_in(sd, mean.units, "sd") / least.magnitude
    return 2.0 * np.log(checked_finite(ratio, "sd / least sd", 0.0, is_open=True))


class RealisedWeights(NamedTuple):
    """Normal weights as synapses, realised by one mechanism, and which of the weights it could realise."""

    mechanism: str
    synapses: QuantalSynapse
    is_feasible: NDArray[np.bool_]

    def worst_error(self, mean: pq.Quantity, sd: pq.Quantity) -> Estimate:
        """Return the largest relative error of the moments of the weights that could be realised."""
        asked = mean[self.is_feasible].magnitude, sd[self.is_feasible].magnitude
        ratios = self.synapses.mean.magnitude / asked[0], self.synapses.sd.magnitude / asked[1]
        worst = max(np.max(np.abs(ratio - 1)) for ratio in ratios)
        return exactly(worst, n=int(self.is_feasible.sum()), unit="weights")

    def mean_atp(self, is_common: NDArray[np.bool_]) -> Estimate:
        """Return the mean ATP per spike of the weights that every mechanism realises."""
        chosen = is_common[self.is_feasible]
        low, atp, high = (
            spike_costs(estimate=end)(self.synapses).magnitude[chosen] for end in ("low", "value", "high")
        )
        how = f"with the constants at the ends of their ranges {low.mean():.3g} to {high.mean():.3g}"
        error = atp.std(ddof=1) / np.sqrt(atp.size)
        return gaussian(atp.mean(), error, n=atp.size, unit="weights", how=how)


def plot_atp(figure: Figure, by_mechanism: Sequence[RealisedWeights]) -> None:
    """Draw ATP per spike of normal weights with variances optimised for rho = 2, realised by p at n = 5 and
    by n at p near 0.3, against the weight's coefficient of variation (2000 drawn).
    """
    axes, shown = figure.subplots(), slice(0, 2000)
    style: dict[str, Any] = {"markersize": 2, "rasterized": True}
    for realised, colour in zip(by_mechanism, (BLUE, VERMILION), strict=True):
        atp = spike_costs()(realised.synapses).magnitude
        label = f"{realised.mechanism}: {realised.is_feasible.mean():.0%} of weights"
        axes.loglog(realised.synapses.cv[shown], atp[shown], ".", color=colour, label=label, **style)
    axes.set(xlabel="coefficient of variation of the weight", ylabel="ATP per spike")
    axes.legend(fontsize=8, markerscale=4)


check_public(__name__, but=("RealisedWeights",))
