"""The precision that an energy budget buys, and the budget that a recorded synapse implies."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike

from biophys.argument_types import Positive, check_public
from biophys.cost_exponents import fit_cost_exponent
from biophys.energy_costs import CostLaw, CostMixture, calcium_pump_cost, cost_unit_of
from biophys.estimates import Estimate, exactly
from biophys.realisation_costs import minimal_sd
from biophys.units import FloatArray, checked_finite, magnitude_in, positive_in, psp_unit_of

ChangeSize = Literal["squared", "relative"]
"""Size of a change of the mean: its square, or its magnitude, over the mean before."""


@dataclass(frozen=True, eq=False)
class BudgetLaw:
    r"""Calcium cost plus a cost of each vesicle kept ready, and the best precision that their sum allows.

    .. math:: E = a \left(\frac{p}{1 - p}\right)^{1/h} + b\, n

    At fixed mean the precision is :math:`\mu^2 / \sigma^2 = n\, p / (1 - p)`. Maximised at fixed E it gives
    calcium the share h / (h + 1) of the budget and

    .. math:: \frac{\mu^2}{\sigma^2} = \left(\frac{h}{(h+1) a}\right)^{h} \frac{1}{(h + 1) b}\, E^{h + 1}

    so that h = 4 gives :math:`\sigma^{-2} \propto E^5`.

    Parameters
    ----------
    calcium, vesicle
        a and b: cost of the calcium at p = 1/2, and of one site; above 0, of one dimension
        (``pq.dimensionless`` if relative).
    cooperativity : h: Hill coefficient of release, above 0

    References
    ----------
    Malkin J, O'Donnell C, Houghton C (2026). "Energy budgets govern synaptic precision and its regulation
    during plasticity", arXiv 2602.15787. Its abstract states the exponent 5 for a dominant
    calcium-pump-like and a smaller vesicle-turnover-like cost. The form of the two costs above is inferred:
    it is the one that gives 5 exactly, and gives calcium 4/5 of the budget.

    Examples
    --------
    >>> import quantities as pq
    >>> law = BudgetLaw()
    >>> law.exponent, law.calcium_share
    (5.0, 0.8)
    >>> float(law.budget_for(law.least_cv(3 * pq.dimensionless)).round(9))
    3.0
    """

    calcium: pq.Quantity = field(default_factory=lambda: 1.0 * pq.dimensionless)
    vesicle: pq.Quantity = field(default_factory=lambda: 1.0 * pq.dimensionless)
    cooperativity: Positive = 4.0

    def __post_init__(self) -> None:
        unit = cost_unit_of(self.calcium, "calcium")
        for name in ("calcium", "vesicle"):
            positive_in(getattr(self, name), unit, name)

    @property
    def unit(self) -> pq.Quantity:
        """Unit of the budget."""
        return cost_unit_of(self.calcium)

    @property
    def exponent(self) -> float:
        """Power of the budget that the precision grows with, h + 1."""
        return self.cooperativity + 1.0

    @property
    def calcium_share(self) -> float:
        """Share of the budget that the best synapse spends on calcium, h / (h + 1)."""
        return self.cooperativity / self.exponent

    @property
    def cost(self) -> CostMixture:
        """The two costs as a mixture."""
        turnover = CostLaw("vesicle turnover", site_exponent=1.0, scale=self.vesicle, varying="n")
        return calcium_pump_cost(self.cooperativity, scale=self.calcium) + turnover

    def allocation(self, budget: pq.Quantity) -> tuple[FloatArray, FloatArray]:
        """Return the real-valued n and the p that spend `budget` (any shape, above 0) best.

        n is below 1 where the budget is smaller than h + 1 vesicles: such synapses have no whole site to
        spend on.
        """
        energy, a, b = self._plain(budget)
        odds = (self.calcium_share * energy / a) ** self.cooperativity
        return energy / (self.exponent * b), odds / (1.0 + odds)

    def least_cv(self, budget: pq.Quantity, *, whole_sites: bool = False) -> FloatArray:
        """Return the lowest sd / mean within `budget` (any shape, above 0).

        With `whole_sites` n is at least 1, and the budget must pay for more than one vesicle.
        """
        energy, a, b = self._plain(budget)
        if not whole_sites:
            n, p = self.allocation(budget)
            return np.sqrt((1.0 - p) / (n * p))
        if np.any(energy <= b):
            raise ValueError(f"a budget of {budget} does not pay for one site of {self.vesicle}")
        below = np.maximum(np.floor(energy / (self.exponent * b)), 1.0)
        precision = [
            n * (np.maximum(energy - n * b, 0.0) / a) ** self.cooperativity for n in (below, below + 1.0)
        ]
        return 1.0 / np.sqrt(np.maximum(*precision))

    def budget_for(self, cv: ArrayLike) -> pq.Quantity:
        """Return the least budget with which a synapse can have this sd / mean (above 0; any shape)."""
        cv = checked_finite(cv, "cv", 0.0, remedy="no budget makes a synapse noiseless", is_open=True)
        cv_at_unit_budget = float(self.least_cv(pq.Quantity(1.0, self.unit)))
        return pq.Quantity((cv_at_unit_budget / cv) ** (2.0 / self.exponent), self.unit)

    def _plain(self, budget: pq.Quantity) -> tuple[FloatArray, float, float]:
        """Return the budget and both scales in one unit."""
        energy = positive_in(budget, self.unit, "budget")
        return energy, float(self.calcium.rescale(self.unit)), float(self.vesicle.rescale(self.unit))

    def fitted_exponent(self, budget: pq.Quantity, *, whole_sites: bool = False) -> Estimate:
        """Return the exponent with which precision grows with the budget, by least squares over budgets.

        >>> round(BudgetLaw().fitted_exponent(np.geomspace(6.0, 60.0, 9) * pq.dimensionless).value, 6)
        5.0
        """
        cv = self.least_cv(budget, whole_sites=whole_sites)
        return exactly(2.0 / fit_cost_exponent(cv, budget).exponent, how="least squares over budgets")


def budget_exponents(
    cost: CostLaw | CostMixture, budgets: pq.Quantity, mean: pq.Quantity, *, n_max: int = 10_000
) -> FloatArray:
    r"""Return local exponents :math:`\mathrm{d} \log \sigma^{-2} / \mathrm{d} \log E` of any cost, by search.

    There is one between each pair of neighbours of increasing `budgets`; all synapses share the `mean`, and
    have up to `n_max` sites.

    >>> budgets = np.array([20.0, 30.0]) * pq.dimensionless
    >>> budget_exponents(BudgetLaw().cost, budgets, 1 * pq.mV).round(3)
    array([5.])
    """
    positive_in(budgets, cost.unit, "budgets")
    sd = minimal_sd(mean, cost, budgets, n_max=n_max)
    return -2.0 * np.diff(np.log(sd.magnitude)) / np.diff(np.log(budgets.magnitude))


def exponents_by_budget(
    cost: CostLaw | CostMixture, budgets: pq.Quantity, mean: pq.Quantity
) -> dict[str, Estimate]:
    """Return `budget_exponents` by the geometric middle of the neighbouring budgets."""
    middles = np.sqrt(budgets.magnitude[1:] * budgets.magnitude[:-1])
    local = budget_exponents(cost, budgets, mean)
    return {f"{e:.3g}": exactly(float(k)) for e, k in zip(middles, local, strict=True)}


@dataclass(frozen=True, eq=False)
class BudgetChange:
    r"""How plasticity changes the budget, and the sd that this predicts.

    The rule is a line in :math:`E^{5/2} \propto \mu / \sigma`:
    :math:`(\mu / \sigma)_{after} = (\mu / \sigma)_{before} + m\,x + c` with x the size of the change of the
    mean.

    Parameters
    ----------
    slope, slope_error, intercept : m with its standard error, and c
    predicted_sd : the sd after plasticity of each synapse, predicted with the line fitted to the others
    error, error_of_constant_budget, error_of_constant_sd
        Root mean square of log(predicted / observed sd), and the same if the budget (and with it sd / mean),
        or the sd, stayed as it was.
    """

    slope: float
    intercept: float
    slope_error: float
    predicted_sd: pq.Quantity
    error: float
    error_of_constant_budget: float
    error_of_constant_sd: float


def fit_budget_change(
    mean_before: pq.Quantity,
    sd_before: pq.Quantity,
    mean_after: pq.Quantity,
    sd_after: pq.Quantity,
    *,
    size: ChangeSize = "squared",
) -> BudgetChange:
    r"""Fit how the budget follows the change of the mean, and predict the sd after plasticity.

    Each prediction uses the mean before and after, the sd before, and the line fitted to all other
    synapses.

    The paper was not at hand. A public summary of the preprint (Malkin J, O'Donnell C, Houghton C 2026, arXiv
    2602.15787) gives the rule as :math:`\Delta E^{5/2} \approx m\,|\Delta\mu|^2 / \mu_0 + c`, which is
    ``"squared"``; its abstract speaks of the scale-free magnitude of mean change, which ``"relative"`` reads
    as :math:`|\Delta\mu| / \mu_0`.

    Parameters
    ----------
    mean_before, sd_before, mean_after, sd_after
        Moments of the response, one-dimensional, at least five synapses, all above 0; the mean must not
        change by the same amount everywhere.
    size : what the budget is a line in: ``"squared"`` (a slope per unit of `mean_before`) or ``"relative"``

    Examples
    --------
    >>> before = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    >>> after = before * np.array([1.2, 1.5, 1.1, 1.4, 1.3])
    >>> ratio = 2.5 + 2.0 * (after - before) ** 2 / before
    >>> change = fit_budget_change(before * pq.mV, before / 2.5 * pq.mV, after * pq.mV, after / ratio * pq.mV)
    >>> round(change.slope, 6), round(change.error, 6)
    (2.0, 0.0)
    """
    unit = psp_unit_of(mean_before, "mean_before")
    mu0, sd0, mu1, sd1 = (
        positive_in(moment, unit, name)
        for name, moment in (
            ("mean_before", mean_before),
            ("sd_before", sd_before),
            ("mean_after", mean_after),
            ("sd_after", sd_after),
        )
    )
    shapes = [moment.shape for moment in (mu0, sd0, mu1, sd1)]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1 or shapes[0][0] < 5:
        raise ValueError(f"a fit needs four lines of at least five synapses, got shapes {shapes}")
    x = np.abs(mu1 - mu0) ** (2 if size == "squared" else 1) / mu0
    if np.ptp(x) == 0:
        raise ValueError("the mean changed by the same amount in all synapses: no slope can be fitted")
    y = mu1 / sd1 - mu0 / sd0
    dx, n = x - x.mean(), x.size
    slope = float(dx @ y / (dx @ dx))
    intercept = float(y.mean() - slope * x.mean())
    residual = y - intercept - slope * x
    # Each synapse as the line through the others predicts it.
    left_out = y - residual / (1.0 - (1.0 / n + dx**2 / (dx @ dx)))
    predicted = mu1 / np.maximum(mu0 / sd0 + left_out, np.finfo(float).tiny)
    return BudgetChange(
        slope=slope,
        intercept=intercept,
        slope_error=float(np.sqrt(residual @ residual / (n - 2) / (dx @ dx))),
        predicted_sd=pq.Quantity(predicted, unit),
        error=_log_error(predicted, sd1),
        error_of_constant_budget=_log_error(sd0 * mu1 / mu0, sd1),
        error_of_constant_sd=_log_error(sd0, sd1),
    )


def _log_error(predicted: FloatArray, observed: FloatArray) -> float:
    """Return the root mean square of the log ratio."""
    return float(np.sqrt(np.mean(np.log(predicted / observed) ** 2)))


def implied_budget(mean: pq.Quantity, sd: pq.Quantity, law: BudgetLaw | None = None) -> Any:
    """Return the least budget that a synapse with these moments, above 0, can have.

    The `law` of the two costs is by default both of scale 1, which gives relative budgets.

    >>> ratio = implied_budget(1 * pq.mV, 0.1 * pq.mV) / implied_budget(1 * pq.mV, 0.2 * pq.mV)
    >>> float((ratio**5).round(6))
    4.0
    """
    psp_unit_of(mean, "mean")
    relative_sd = magnitude_in(sd, mean.units, "sd") / np.abs(mean.magnitude)
    return (law or BudgetLaw()).budget_for(relative_sd)


check_public(__name__)
