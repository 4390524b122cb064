"""The precision that a synapse should have, given what it matters and what precision costs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike

from biophys.argument_types import Count, Positive, check_public
from biophys.association import inverse_regression
from biophys.energy_costs import COST_EXPONENTS
from biophys.estimates import Estimate, exactly, mean_of, student
from biophys.units import FloatArray, checked_finite, magnitude_in, positive_in, psp_unit_of

# Synapses in one block of an iteration: small enough for the processor's cache.
_BLOCK = 8192
_NEWTON_STEPS = 60


@dataclass(frozen=True, eq=False)
class ReliabilityCost:
    r"""Power-law reliability cost of a synapse, :math:`\frac{1}{\rho} (s / \sigma)^\rho = c\,\sigma^{-\rho}`.

    Malkin et al. (2023), eq. 4, 45 and 48.

    Parameters
    ----------
    rho : exponent, above 0
    s
        Scale, above 0 with the unit of the response: the sd at which an increase of precision costs as much
        as one of entropy gains. :math:`c = s^\rho / \rho`.

    Examples
    --------
    >>> float(ReliabilityCost(rho=2.0, s=0.1 * pq.mV)(0.05 * pq.mV))
    2.0
    """

    rho: Positive
    s: pq.Quantity

    def __post_init__(self) -> None:
        positive_in(self.s, psp_unit_of(self.s, "s"), "s")

    def __call__(self, sd: pq.Quantity) -> Any:
        """Return the cost of each sd, dimensionless."""
        sd = positive_in(sd, self.s.units, "sd")
        return (self.s.magnitude / sd) ** self.rho / self.rho

    @property
    def multiplier(self) -> float:
        r""":math:`c = s^\rho / \rho`, for sd in the unit of `s`."""
        return float(self.s.magnitude**self.rho / self.rho)


def optimal_sd(importance: pq.Quantity, cost: ReliabilityCost | Sequence[ReliabilityCost]) -> pq.Quantity:
    r"""Return the sd that minimises performance plus reliability cost (Malkin et al. 2023, eq. 26-29).

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
    cost : one reliability cost, or several that add up; the sd is in the unit of the first one's s

    Raises
    ------
    TypeError, ValueError
        If `importance` carries no unit; if it is not positive or has the wrong dimension, or there is no
        cost.

    Examples
    --------
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


def _newton(log_curvature: FloatArray, rho: FloatArray, log_s: FloatArray) -> FloatArray:
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


def linear_importance(inputs: ArrayLike, noise_sd: pq.Quantity) -> pq.Quantity:
    r"""Return the importance of inputs of the linear model, :math:`H_{ii} = \epsilon^{-2} \sum_t x_{it}^2`.

    Malkin et al. (2023), eq. 26; in 1/unit^2, shape (synapses,). `inputs` x (times, synapses) are
    dimensionless, `noise_sd` :math:`\epsilon` is that of the targets about the model, in the unit of the
    response.

    >>> print(linear_importance([[1.0, 0.0], [1.0, 2.0]], 0.5 * pq.mV))
    [ 8. 16.] 1/mV**2
    """
    unit = psp_unit_of(noise_sd, "noise_sd")
    noise = positive_in(noise_sd, unit, "noise_sd")
    x = checked_finite(inputs, "inputs")
    return pq.Quantity(np.sum(x**2, axis=0) / noise**2, 1 / unit**2)


@dataclass(frozen=True)
class PrecisionSlopes:
    r"""Slopes of :math:`\log \sigma^2` of optimal synapses.

    They are against the logarithms of H, of the learning rate eta, of the mean of x^2 (`on_input_power`) and
    of the posterior variance.
    """

    on_importance: float
    on_learning_rate: float
    on_input_power: float
    on_posterior_variance: float


def precision_slopes(rho: Positive) -> PrecisionSlopes:
    r"""Return the slopes of :math:`\log \sigma^2` under a cost of power rho > 0 (Malkin et al. 2023, eq. 54).

    >>> precision_slopes(2.0).on_learning_rate
    1.0
    """
    base = 2.0 / (rho + 2.0)
    return PrecisionSlopes(-base, 2.0 * base, -base, base)


def exponent_from_input_slope(slope: ArrayLike) -> FloatArray:
    r"""Return the :math:`\rho` at which :math:`\log \sigma^2` falls so on :math:`\log \langle x^2 \rangle`.

    :math:`\rho = -2 - 2 / \mathrm{slope}`: a slope of -1 means 0, and -1/2 means 2. Slopes outside [-1, 0)
    belong to no cost with :math:`\rho \ge 0`; they are returned as they come out, for intervals. Raises
    ValueError for a slope that is 0 or not finite.

    >>> float(exponent_from_input_slope(-0.5))
    2.0
    """
    slopes = checked_finite(slope, "slope")
    if np.any(slopes == 0):
        raise ValueError("slope must not be 0: a variance that does not hang on the input has no exponent")
    return -2.0 - 2.0 / slopes


def simulated_linear_model(
    n_synapses: int, n_times: int, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], pq.Quantity]:
    """Return regressors and importance (1/mV^2) of the synapses of a linear model, from simulated data.

    The regressors, shape (n_synapses,) each, are learning rate, mean x^2 and posterior variance by the names
    of `PrecisionSlopes`.
    """
    noise = 0.5
    amplitude = np.exp(rng.uniform(np.log(0.1), np.log(10.0), n_synapses))
    inputs = amplitude * rng.standard_normal((n_times, n_synapses))
    # At the optimum the residual is the noise, and the gradient of one time step is residual * x / noise^2.
    residual = noise * rng.standard_normal(n_times)
    gradient = residual[:, None] * inputs / noise**2
    covariance = np.linalg.inv(inputs.T @ inputs / noise**2)
    regressors = {
        "on_learning_rate": 1.0 / np.sqrt(np.mean(gradient**2, axis=0)),
        "on_input_power": np.mean(inputs**2, axis=0),
        "on_posterior_variance": np.diag(covariance),
    }
    return regressors, linear_importance(inputs, noise * pq.mV)


def distance_from_minimum(importance: pq.Quantity, exponents: Iterable[float], scale: pq.Quantity) -> float:
    """Return how far `optimal_sd` is from the minimum of the total cost that a golden-section search finds.

    It is the largest difference of any synapse (`importance` in 1/mV^2) under costs of any of the exponents
    rho and of `scale` s in mV, relative to its sd.
    """
    curvature, ratio, worst = importance.rescale(1 / pq.mV**2).magnitude, (np.sqrt(5.0) - 1) / 2, 0.0
    for rho in exponents:
        cost = ReliabilityCost(rho, scale)
        best = optimal_sd(importance, cost).magnitude
        low, high = np.log(best) - 2.0, np.log(best) + 3.0
        for _ in range(60):
            left, right = high - ratio * (high - low), low + ratio * (high - low)
            of_left, of_right = (
                0.5 * curvature * np.exp(2 * u) + cost(np.exp(u) * pq.mV) for u in (left, right)
            )
            is_left = of_left < of_right
            low, high = np.where(is_left, low, left), np.where(is_left, right, high)
        # A minimum of a smooth function is located to the square root of the rounding error.
        worst = max(worst, float(np.max(np.abs(np.exp((low + high) / 2) / best - 1))))
    return worst


def excess_of_equal_noise(n_pairs: Count, rng: np.random.Generator) -> FloatArray:
    """Return what equal noise costs more in performance than optimised noise of the same reliability cost.

    Of each synapse of `n_pairs` drawn pairs, shape (n_pairs, 2), the important one first: curvatures from
    0.01 to 100 per mV^2, exponents rho from 0.05 to 4.
    """
    curvature = np.sort(np.exp(rng.uniform(np.log(1e-2), np.log(1e2), (n_pairs, 2))), axis=1)[:, ::-1]
    # A hundred pairs share each exponent: the optimum is asked for once for all of them.
    rho = np.repeat(rng.uniform(0.05, 4.0, -(-n_pairs // 100)), 100)[:n_pairs]
    members = [(curvature[rho == each] / pq.mV**2, float(each)) for each in dict.fromkeys(rho)]
    sd = np.concatenate([optimal_sd(h, ReliabilityCost(each, 0.3 * pq.mV)).magnitude for h, each in members])
    equal = np.mean(sd ** -rho[:, None], axis=1) ** (-1 / rho)
    return 0.5 * curvature * (equal[:, None] ** 2 - sd**2)


def cost_of_equal_noise(curvature: np.ndarray, rho: float) -> float:
    """Return the performance cost of equal over that of optimised noise, at the same reliability cost.

    >>> round(cost_of_equal_noise(np.array([10.0, 1.0]), 2.0), 3)
    1.27
    """
    sd = optimal_sd(curvature / pq.mV**2, ReliabilityCost(rho, 0.3 * pq.mV)).magnitude
    return float(np.sum(curvature) * np.mean(sd**-rho) ** (-2 / rho) / np.sum(curvature * sd**2))


def optimal_variances(importance: pq.Quantity, scale: pq.Quantity) -> dict[str, np.ndarray]:
    """Return the optimal variance (mV^2) of every synapse by the cost, each of `scale` s in mV."""
    costs = {m: ReliabilityCost(rho, scale) for m, rho in COST_EXPONENTS.items()}
    return {m: optimal_sd(importance, cost).magnitude ** 2 for m, cost in costs.items()}


def fitted_slopes(x: np.ndarray, variance: Mapping[str, np.ndarray]) -> dict[str, Estimate]:
    """Return the slope of log variance on log x over synapses by the cost; the errors are in x."""
    lines = {m: inverse_regression(np.log(x), np.log(y)) for m, y in variance.items()}
    about: dict[str, Any] = {"n": x.size, "unit": "synapses", "how": "inverse regression"}
    return {m: student(*line, x.size - 2, **about) for m, line in lines.items()}


def mean_square_drive(rate: pq.Quantity, time_constant: pq.Quantity) -> FloatArray:
    """Return the mean of x^2 of a Poisson input seen through an exponential kernel of height one.

    Campbell's theorem: Rice SO (1944). Bell System Technical Journal 23:282-332.

    >>> float(mean_square_drive(100 * pq.Hz, 10 * pq.ms))
    1.5
    """
    n_spikes = np.asarray((rate * time_constant).simplified.magnitude)
    return n_spikes / 2.0 + n_spikes**2


def implied_exponent(slope: float, input_power: float) -> float:
    r"""Return the exponent rho at which log sigma^2 falls with log rate by `slope` (Malkin et al., eq 54b).

    .. math:: \log \sigma^2 = -\frac{2 k}{\rho + 2} \log \mathrm{rate} + \mathrm{const}

    where :math:`\langle x^2 \rangle` grows as the rate to the power k, `input_power`. Infinite for slopes
    that are not negative: no finite exponent makes variance independent of rate.

    >>> implied_exponent(-0.5, 1.0), implied_exponent(-1.0, 2.0), implied_exponent(0.1, 1.0)
    (2.0, 2.0, inf)
    """
    return float(exponent_from_input_slope(slope / input_power)) if slope < 0 else float("inf")


def slopes_over_units(sd: Any, x: Any, inputs: str, units: str) -> dict[str, Estimate]:
    """Return the least-squares slope of log variance on x over the inputs of each unit, by cost.

    `sd`, with a dimension rho, and `x` are `xarray.DataArray`, `inputs` the dimension of the inputs.
    """
    centred = x - x.mean(inputs)
    slope = (2 * centred * np.log(sd)).sum(inputs) / (centred**2).sum(inputs)
    by_cost = {m: slope.sel(rho=rho, method="nearest") for m, rho in COST_EXPONENTS.items()}
    return {m: mean_of(values, unit=units) for m, values in by_cost.items()}


def slopes_on_posterior() -> dict[str, Estimate]:
    """Return the slope of log optimal on log posterior sd less 2/(rho+2), by rho and c (figure 7b, c).

    Figure 7b has s = 0.01 for every rho, figure 7c two more for rho = 1/2.
    """
    posterior_sd, off = np.geomspace(1e-4, 1e-1, 40) * pq.mV, {}
    for rho in COST_EXPONENTS.values():
        for s in (10**-2.5, 10**-2.0, 10**-1.5) if rho == 0.5 else (10**-2.0,):
            sd = optimal_sd(1 / posterior_sd**2, ReliabilityCost(rho, s * pq.mV))
            slope = np.polyfit(np.log(posterior_sd.magnitude), np.log(sd.magnitude), 1)[0]
            less = exactly(slope - precision_slopes(rho).on_posterior_variance)
            off[f"rho {rho:.3g}, c {s**rho / rho:.3g}"] = less
    return off


check_public(__name__)
