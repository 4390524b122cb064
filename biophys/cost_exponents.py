"""How a cost grows with precision at fixed mean: sweeps, fitted exponents, and where the power laws end."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.special import chdtri, stdtrit

from biophys.argument_types import Count, Inside, Positive, check_public
from biophys.energy_costs import CostLaw, CostMixture, Varying, reliability_costs, trafficking_cost
from biophys.estimates import Estimate, exactly, student
from biophys.palette import BLUE, GREEN, ORANGE, PURPLE
from biophys.quantal import QuantalSynapse, checked_n_sites
from biophys.units import (
    PSP_UNITS,
    FloatArray,
    checked_finite,
    first_wrong,
    magnitude_in,
    plain_numbers,
    psp_unit_of,
)

MECHANISM_COLOURS = {"calcium pump": BLUE, "vesicle membrane": ORANGE, "actin": GREEN, "trafficking": PURPLE}
"""Colour of each reliability cost in every figure (Okabe & Ito)."""

# Means that stay this near to a power of the sd, in log units, cannot be told from it.
_APART = 0.02
# Probability of sds as unlike as those that are fitted if their errors alone made them so.
_NOT_BY_ERRORS = 0.001
_MARKERS = {"calcium pump": "o", "vesicle membrane": "s", "actin": "^", "trafficking": "D"}


@dataclass(frozen=True, eq=False)
class CostSweep:
    """A cost along a line of synapses that share one mean.

    Parameters
    ----------
    synapses, sd, cost
        The synapses, in the order of the values swept, the sd of the response of each, and its cost.
    varying : what was swept
    """

    synapses: QuantalSynapse
    sd: pq.Quantity
    cost: pq.Quantity
    varying: Varying


@dataclass(frozen=True)
class ExponentFit:
    r"""Straight line through log cost against log sd.

    Parameters
    ----------
    exponent, standard_error
        :math:`\rho` of cost :math:`\sim \sigma^{-\rho}`, minus the slope, and its error from the scatter.
    interval
        Confidence interval of the exponent (Student's t). On a noiseless sweep the scatter is the misfit of
        the power law, so look at `local_range` too.
    local_range : smallest and largest exponent between neighbouring points: equal where a power law holds
    log_scale : natural logarithm of the fitted cost at sd = 1 of its unit
    n_points : number of points
    """

    exponent: float
    standard_error: float
    interval: tuple[float, float]
    local_range: tuple[float, float]
    log_scale: float
    n_points: int

    @property
    def computed(self) -> Estimate:
        """The exponent of points that were computed, not sampled, and how it came about."""
        low, high = self.local_range
        how = f"{self.n_points} computed points; local exponents {low:.4f} to {high:.4f}"
        return exactly(self.exponent, how=how)


@dataclass(frozen=True)
class ExponentRow:
    r"""One line of the table of exponents.

    Parameters
    ----------
    mechanism, formula : the cost and how it is written
    varying, low, high : what was swept at fixed mean, and between which values
    analytic, fit : the exponent :math:`\rho` that the paper gives, and that fitted to the sweep
    holds, holds_while
        Whether the law is a power law on this range (every local exponent within 1 % of the analytic one),
        and what has to stay small, or whole, for that.
    """

    mechanism: str
    formula: str
    varying: Varying
    low: float
    high: float
    analytic: float
    fit: ExponentFit
    holds: bool
    holds_while: str


def sweep_cost(
    cost: CostLaw | CostMixture, synapse: QuantalSynapse, *, varying: Varying, values: ArrayLike
) -> CostSweep:
    """Return `cost` along synapses that share the mean of `synapse` but differ in n or p; q compensates.

    Parameters
    ----------
    cost : one cost or a mixture
    synapse : a single synapse: its mean, not 0, and its p (or n) while the other is swept
    varying : ``"n"`` or ``"p"``
    values : the numbers of sites, or the release probabilities in (0, 1), one-dimensional

    Examples
    --------
    >>> from brianpresyn.biophys.energy_costs import actin_cost
    >>> synapse = QuantalSynapse(n=1, p=0.3, q=1 * pq.mV)
    >>> sweep = sweep_cost(actin_cost(), synapse, varying="n", values=[1, 8])
    >>> [round(float(c), 6) for c in sweep.cost]
    [1.0, 4.0]
    """
    if synapse.shape != () or float(synapse.mean) == 0:
        given = f"shape {synapse.shape} and mean {synapse.mean}"
        raise ValueError(f"a sweep starts from one synapse whose mean is not 0, got {given}")
    if varying == "n":
        n, p = checked_n_sites(values, "values of n"), np.asarray(synapse.p)
    else:
        remedy = "p = 0 has no mean and p = 1 no variance"
        n, p = np.asarray(synapse.n), checked_finite(values, "values of p", 0.0, 1.0, remedy, is_open=True)
    synapses = QuantalSynapse(n, p, synapse.mean / (n * p))
    return CostSweep(synapses, synapses.sd, cost(synapses), varying)


def fit_cost_exponent(
    sd: pq.Quantity | ArrayLike,
    cost: pq.Quantity | ArrayLike,
    *,
    mean: pq.Quantity | ArrayLike | None = None,
    sd_error: pq.Quantity | ArrayLike | None = None,
    cost_error: pq.Quantity | ArrayLike | None = None,
    confidence: Inside = 0.95,
) -> ExponentFit:
    r"""Fit cost :math:`\sim \sigma^{-\rho}` by least squares on logarithms.

    Relative errors of both variables weigh each point by :math:`1 / (s_c^2 + \rho^2 s_\sigma^2)`, and those
    of sd are taken off its sum of squares, which they would raise and so dilute the exponent (Fuller WA 1987,
    Measurement error models, Wiley, section 1.2). Scatter beyond the errors widens the interval.

    Parameters
    ----------
    sd
        Standard deviations of the response, one-dimensional, above 0, at least three of them: a potential,
        current, conductance or charge, or relative to the mean.
    cost : the cost at each: relative, a rate, an energy, ATP or a power
    mean
        Mean responses, which the law takes as one. If the largest is more than 5 % above the smallest, log
        mean is fitted beside log sd.
    sd_error, cost_error : standard errors of both, in their units
    confidence : of the interval

    Raises
    ------
    TypeError, ValueError
        If `sd` is no standard deviation of a response, such as a variance, or `cost` is a response; if there
        are too few points, the lengths differ, a value is not positive and finite, all sd are equal, or sd
        and mean rise together.

    Examples
    --------
    >>> fit = fit_cost_exponent([1.0, 2.0, 4.0], [8.0, 4.0, 2.0])
    >>> round(fit.exponent, 9)
    1.0
    """
    responses = [unit.dimensionality.simplified for unit in PSP_UNITS]
    measured, spent = (
        x.dimensionality if isinstance(x, pq.Quantity) else pq.dimensionless.dimensionality
        for x in (sd, cost)
    )
    if measured.simplified not in [*responses, pq.dimensionless.dimensionality]:
        # A variance taken for an sd would halve the exponent.
        is_variance = measured.simplified in [(unit**2).dimensionality.simplified for unit in PSP_UNITS]
        remedy = ", a variance: take its square root" if is_variance else ": check the order of the arguments"
        expected = "a standard deviation of responses (mV, pA, nS, fC or relative)"
        raise TypeError(f"sd must be {expected}, got {measured.string}{remedy}")
    if spent.simplified in responses:
        expected = "relative, an energy, a power, ATP or a rate"
        raise TypeError(f"cost must be {expected}, got {spent.string}: check the order of the arguments")
    x, y = np.log(_positive_line(sd, "sd")), np.log(_positive_line(cost, "cost"))
    if x.size != y.size or x.size < 3:
        raise ValueError(f"sd and cost need at least three values, as many each, got {x.size} and {y.size}")
    if np.ptp(x) == 0:
        raise ValueError("all sd are equal: sweep n or p so that they differ")
    errors = [
        None if error is None else _relative_errors(error, value, name)
        for error, value, name in ((sd_error, sd, "sd_error"), (cost_error, cost, "cost_error"))
    ]
    has_error = np.any([error > 0 for error in errors if error is not None], axis=0)
    if np.any(has_error) and not np.all(has_error):
        place = int(np.argmin(has_error))
        raise ValueError(f"the errors at index {place} are 0, and others not: write those of every value")
    design = np.stack([np.ones_like(x), x], axis=1)
    if mean is not None:
        design = _with_unequal_means(design, _positive_line(mean, "mean"))
    coefficients, spread = _weighted_line(design, y, errors, confidence)
    order = np.argsort(x)
    steps = np.diff(x[order])
    local = -np.diff(y[order])[steps > 0] / steps[steps > 0]
    return ExponentFit(
        exponent=float(-coefficients[1]),
        standard_error=spread[0],
        interval=(float(-coefficients[1] - spread[1]), float(-coefficients[1] + spread[1])),
        local_range=(float(local.min()), float(local.max())),
        log_scale=float(coefficients[0]),
        n_points=x.size,
    )


def _relative_errors(error: Any, value: Any, name: str) -> FloatArray:
    """Return standard errors over their values."""
    if isinstance(value, pq.Quantity) and isinstance(error, pq.Quantity):
        error = magnitude_in(error, value.units, name)
    plain = plain_numbers(error, name)
    size = np.shape(value.magnitude if isinstance(value, pq.Quantity) else value)
    if plain.shape not in ((), size):
        raise ValueError(f"{name} must be one number or one for each value, got shape {plain.shape}")
    checked_finite(plain, name, 0.0)
    return np.broadcast_to(plain, size) / np.asarray(getattr(value, "magnitude", value), dtype=float)


def _with_unequal_means(design: FloatArray, mean: FloatArray) -> FloatArray:
    """Return a design with log mean where means differ by more than 5 %."""
    if mean.size != design.shape[0]:
        raise ValueError(f"mean needs one value for each of {design.shape[0]} sd, got {mean.size}")
    if mean.max() <= 1.05 * mean.min():
        return design
    log_mean = np.log(mean / mean.mean())
    apart = log_mean - design @ np.linalg.lstsq(design, log_mean, rcond=None)[0]
    if design.shape[0] < 4 or apart.std() < _APART:
        problem = f"the means differ, from {mean.min():g} to {mean.max():g}, and cannot be told from the sd"
        remedy = "the law holds at one mean; give synapses of equal mean, or more of them"
        raise ValueError(f"{problem}: {remedy}")
    return np.column_stack([design, log_mean])


def _weighted_line(
    design: FloatArray, y: FloatArray, errors: list[FloatArray | None], confidence: float
) -> tuple[FloatArray, tuple[float, float]]:
    """Return coefficients, and the standard error and half width of the interval of the slope."""
    has_errors = any(error is not None for error in errors)
    of_x, of_y = (np.zeros_like(y) if error is None else error for error in errors)
    weight = np.ones_like(y)
    centre = design.mean(axis=0)
    centre[0] = 0.0
    shifted = design - centre
    free = y.size - design.shape[1]
    for _ in range(9):
        squares = shifted.T @ (shifted * weight[:, None])
        # Errors of x add to its squares: left in, they would pull the slope to 0.
        added = np.zeros_like(squares)
        added[1, 1] = np.sum(weight * of_x**2)
        normal = np.linalg.inv(squares - added)
        # Errors alone would give squares of their own sum times a chi square over its degrees of freedom.
        excess = float(1.0 + 1.0 / (normal[1, 1] * added[1, 1])) if added[1, 1] > 0 else np.inf
        if not excess > chdtri(free, _NOT_BY_ERRORS) / free:
            beside = " beside the means, which follow it" if design.shape[1] > 2 else ""
            problem = f"sd varies by little more than its errors{beside}: no exponent can be told from it"
            raise ValueError(problem)
        slope = normal @ shifted.T @ (weight * y)
        if not has_errors:
            break
        weight = 1.0 / np.maximum(of_y**2 + slope[1] ** 2 * of_x**2, 1e-24)
    residual = y - shifted @ slope
    scatter = float(np.sum(weight * residual**2)) / free
    # Errors that were measured are a floor: points may lie on the line by chance.
    scale = max(scatter, 1.0) if has_errors else scatter
    squares *= scale
    squares[1, 1] += slope[1] ** 2 * np.sum(weight**2 * of_x**4)
    error = float(np.sqrt((normal @ squares @ normal)[1, 1]))
    slope = slope.copy()
    slope[0] -= slope[1:] @ centre[1:]
    return slope, (error, float(stdtrit(free, 0.5 + confidence / 2)) * error)


def _positive_line(values: Any, name: str) -> FloatArray:
    """Return one-dimensional positive numbers; only ratios matter, so that any unit will do."""
    array = plain_numbers(values.magnitude if isinstance(values, pq.Quantity) else values, name)
    wrong = ~((array > 0) & np.isfinite(array))
    if array.ndim != 1 or np.any(wrong):
        problem = f"shape {array.shape}" if array.ndim != 1 else first_wrong(array, wrong)
        raise ValueError(f"{name} must be a line of positive finite numbers, got {problem}")
    return array


@dataclass(frozen=True, eq=False)
class _Case:
    """A mechanism, how it is swept, and what its law needs."""

    law: CostLaw
    formula: str
    values: FloatArray
    analytic: float
    holds_while: str

    @functools.cached_property
    def sweep(self) -> CostSweep:
        start = QuantalSynapse(5, 0.3, 0.2 * pq.mV)
        return sweep_cost(self.law, start, varying=self.law.varying, values=self.values)


def _cases(cooperativity: float, n_points: int) -> list[_Case]:
    """Return the paper's four cases and the two that show where eq. 18 holds and fails."""
    calcium, membrane, actin, trafficking = reliability_costs(cooperativity)
    by_p = trafficking_cost(varying="p")
    wide = np.linspace(0.02, 0.98, n_points)
    sites = np.unique(np.rint(np.geomspace(1, 200, n_points)))
    odds = f"(p/(1-p))^(1/{cooperativity:g})"
    vesicles = "q can be divided: r = 15-25 nm allows a factor 4.6 in q, so 4.6 in n and 2.2 in sd"
    return [
        _Case(calcium, odds, wide, calcium.exponent, "n is fixed; any p below 1"),
        _Case(membrane, "n r^2", sites, membrane.exponent, vesicles),
        _Case(actin, "n r", sites, actin.exponent, vesicles),
        _Case(trafficking, "n p", sites, trafficking.exponent, "p is fixed; n whole"),
        _Case(by_p, "n p", np.geomspace(1e-4, 4e-3, n_points), 2.0, "p << 1: the exponent is 2(1-p)"),
        _Case(by_p, "n p", wide, 2.0, "p << 1: the exponent is 2(1-p)"),
    ]


def exponent_table(*, cooperativity: Positive = 4.0, n_points: Count = 60) -> list[ExponentRow]:
    r"""Return fitted against analytic exponents of the four reliability costs, and where the laws end.

    Each mechanism is swept in `n_points` (at least 3) at the mean of a synapse with n = 5, p = 0.3: p from
    0.02 to 0.98, or n from 1 to 200. The last two rows move trafficking with p (eq. 18) at small and at all
    p; :math:`\rho = 2` fails in the last. `cooperativity` is the Hill coefficient of release.

    >>> for row in exponent_table()[:2]:
    ...     print(row.mechanism, row.varying, round(row.fit.exponent, 4), row.holds)
    calcium pump p 0.5 True
    vesicle membrane n 0.6667 True
    """
    rows = []
    for case in _cases(cooperativity, n_points):
        fit = fit_cost_exponent(case.sweep.sd, case.sweep.cost)
        farthest = max(abs(local - case.analytic) for local in fit.local_range)
        rows.append(
            ExponentRow(
                mechanism=case.law.mechanism,
                formula=case.formula,
                varying=case.law.varying,
                low=float(case.values[0]),
                high=float(case.values[-1]),
                analytic=case.analytic,
                fit=fit,
                holds=farthest <= 0.01 * abs(case.analytic),
                holds_while=case.holds_while,
            )
        )
    return rows


def exponent_map(
    cost: CostLaw | CostMixture, mean: pq.Quantity, *, n: ArrayLike, p: ArrayLike, varying: Varying
) -> FloatArray:
    r"""Return the local exponent :math:`-\mathrm{d} \log C / \mathrm{d} \log \sigma`, (len(n), len(p)).

    Parameters
    ----------
    cost, mean
        One cost law or a mixture, and the mean response that all synapses share; it matters where costs with
        different powers of q are mixed.
    n, p : numbers of sites, and release probabilities in (0, 1), one-dimensional
    varying : what moves: ``"n"`` or ``"p"``

    Examples
    --------
    >>> exponent_map(trafficking_cost(), 1 * pq.mV, n=[1, 5], p=[0.1, 0.5], varying="p")
    array([[1.8, 1. ],
           [1.8, 1. ]])
    """
    sites = checked_n_sites(n)[:, None]
    probability = checked_finite(p, "p", 0.0, 1.0, "p = 0 has no mean and p = 1 no variance", is_open=True)
    psp_unit_of(mean, "mean")
    if mean.size != 1:
        raise ValueError(f"mean is what all synapses of the map share, got {mean}")
    synapses = QuantalSynapse(sites, probability, mean / (sites * probability))
    return CostMixture(cost.laws).local_exponent(synapses, varying)


def exponent_from_draws(law: CostLaw, n_spikes: int, rng: np.random.Generator) -> Estimate:
    """Return the exponent of a sweep whose standard deviations are estimated from drawn responses."""
    values = np.arange(1, 21) if law.varying == "n" else np.linspace(0.05, 0.9, 20)
    start = QuantalSynapse(5, 0.3, 0.2 * pq.mV)
    sweep = sweep_cost(law, start, varying=law.varying, values=values)
    sd = sweep.synapses.sample(n_spikes, rng=rng).magnitude.std(axis=0, ddof=1)
    fit = fit_cost_exponent(sd, sweep.cost)
    how = "least squares over synapses"
    return student(
        fit.exponent, fit.standard_error, fit.n_points - 2, n=fit.n_points, unit="synapses", how=how
    )


def plot_exponent_map(figure: Figure, cost: CostLaw | CostMixture, mean: pq.Quantity) -> None:
    """Draw the local exponent of the sum of costs, over n and p, bought with n and bought with p: the
    share-weighted mean of the exponents of its parts. Below 0 more precision costs less. Computed, not
    sampled.

    The figure is empty, about 9 by 4 inches; see :func:`exponent_map`.
    """
    figure.set_layout_engine("constrained")
    n, p = np.unique(np.rint(np.geomspace(1, 100, 40))), np.linspace(0.01, 0.99, 99)
    ways: tuple[Varying, Varying] = ("n", "p")
    for axes, varying in zip(figure.subplots(1, 2, sharey=True), ways, strict=True):
        exponents = exponent_map(cost, mean, n=n, p=p, varying=varying)
        drawn = axes.pcolormesh(p, n, exponents, cmap="PuOr_r", shading="nearest", vmin=-2, vmax=2)
        # Thousands of cells make a vector file heavy.
        drawn.set_rasterized(True)
        levels = [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
        lines = axes.contour(p, n, exponents, levels=levels, colors="black", linewidths=0.8)
        axes.clabel(lines, fmt="%.2f", fontsize=7)
        axes.set(yscale="log", xlabel="release probability p")
        axes.set_title(f"bought with {varying}", fontsize=10)
        figure.colorbar(drawn, ax=axes, label="local exponent ρ", extend="both")
    figure.axes[0].set_ylabel("number of sites n")


def plot_exponents(figure: Figure, *, cooperativity: Positive = 4.0, n_points: Count = 25) -> None:
    """Left: cost against precision at fixed mean, one mechanism at a time (n = 5 while p varies, p = 0.3
    while n varies). Right: the exponent at each p. Computed, not sampled.

    The figure is empty, about 9 by 4 inches.
    """
    figure.set_layout_engine("constrained")
    cost_axes, exponent_axes = figure.subplots(1, 2)
    cases, p = _cases(cooperativity, n_points), np.linspace(0.0, 1.0, 201)
    for case in cases[:4]:
        law, cv = case.law, case.sweep.synapses.cv
        colour, fit = MECHANISM_COLOURS[law.mechanism], fit_cost_exponent(case.sweep.sd, case.sweep.cost)
        noisiest = np.argmax(cv)
        relative = (case.sweep.cost / case.sweep.cost[noisiest]).simplified.magnitude
        label = f"{law.mechanism} ({law.varying} varies): ρ = {fit.exponent:.3f}"
        marker = _MARKERS[law.mechanism]
        cost_axes.loglog(cv, relative, marker, color=colour, markersize=4, label=label)
        cost_axes.loglog(cv, (cv / cv[noisiest]) ** -fit.exponent, color=colour, linewidth=1)
        label = f"{law.mechanism}, {law.varying} varies"
        exponent_axes.plot(p, law.local_exponent(p), color=colour, label=label)
    cost_axes.set_xlabel("sd / mean of the response (mean fixed)")
    cost_axes.set_ylabel("cost relative to its smallest value")
    cost_axes.set_title("cost against precision; lines: fitted power laws", fontsize=10)
    cost_axes.legend(fontsize=7)
    by_p, label = cases[-1].law.local_exponent(p), "trafficking, p varies (eq. 18)"
    exponent_axes.plot(p, by_p, "--", color=MECHANISM_COLOURS["trafficking"], label=label)
    exponent_axes.set(xlabel="release probability p", ylabel="local exponent ρ = −d log cost / d log sd")
    exponent_axes.set_title("where the power laws hold", fontsize=10)
    exponent_axes.set_ylim(0, 2.6)
    exponent_axes.legend(fontsize=7, loc="upper right", ncols=2)


check_public(__name__)
