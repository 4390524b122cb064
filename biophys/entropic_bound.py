"""The biological reliability cost as a bound on the entropic one of variational inference."""

from typing import Any

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from biophys.argument_types import check_public
from biophys.cost_exponents import MECHANISM_COLOURS
from biophys.energy_costs import COST_EXPONENTS
from biophys.units import FloatArray, checked_finite, magnitude_in, psp_unit_of


def entropic_cost(sd: pq.Quantity) -> Any:
    r"""Minus the entropy of a normal weight, :math:`C_{VI} = -\frac{1}{2} \ln 2 \pi e \sigma^2`, in nats.

    Differential entropy depends on the unit of `sd`, above 0, by a constant, so that only differences mean
    something (Malkin et al. 2023, eq. 41).

    >>> round(float(entropic_cost(1 * pq.mV)), 4)
    -1.4189
    """
    psp_unit_of(sd, "sd")
    value = checked_finite(sd.magnitude, "sd", 0.0, is_open=True)
    return -0.5 * np.log(2.0 * np.pi * np.e * value**2)


def biological_cost(sd: pq.Quantity, rho: ArrayLike, s: pq.Quantity) -> Any:
    r"""Return the power-law cost with the constant that makes it a bound, in nats.

    .. math:: C_{BI} = \frac{1}{\rho}\left(\left(\frac{s}{\sigma}\right)^\rho - 1\right)
              - \frac{1}{2} \ln 2 \pi e s^2 \;\ge\; C_{VI}

    with equality at :math:`\sigma = s` and in the limit :math:`\rho \to 0` (Malkin et al. 2023, eq. 44,
    50-53).

    Parameters
    ----------
    sd, s : standard deviation and scale of the cost, above 0, of one dimension
    rho : cost exponent, at least 0; 0 gives the limit, the entropic cost

    Examples
    --------
    >>> sd, s = 0.5 * pq.mV, 1.0 * pq.mV
    >>> float((biological_cost(sd, 2.0, s) - entropic_cost(sd)).round(4))
    0.8069
    """
    entropic = entropic_cost(sd)
    return entropic + bound_gap(magnitude_in(s, sd.units, "s") / sd.magnitude, rho)


def bound_gap(ratio: ArrayLike, rho: ArrayLike) -> FloatArray:
    r"""Return the bound less the entropic cost in nats, :math:`(z^\rho - 1) / \rho - \ln z` with z = s / sd.

    The `ratio` z is above 0, `rho` at least 0; they are broadcast. Computed without cancellation near
    :math:`\rho = 0`, where it is :math:`\rho (\ln z)^2 / 2`.

    >>> bound_gap([0.5, 1.0, 2.0], 2.0).round(4)
    array([0.3181, 0.    , 0.8069])
    """
    log_ratio = np.log(checked_finite(ratio, "ratio", 0.0, is_open=True))
    x = checked_finite(rho, "rho", 0.0) * log_ratio
    # (expm1(x) - x) / x^2, by its series where the difference would cancel.
    series = 0.5 + x / 6.0 + x**2 / 24.0 + x**3 / 120.0
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio_of_squares = np.where(np.abs(x) < 1e-3, series, (np.expm1(x) - x) / x**2)
    return np.asarray(rho * log_ratio**2 * ratio_of_squares)


def plot_gap(figure: Figure) -> None:
    """Draw the gap between the biological and the entropic cost under each cost. Computed, not sampled."""
    axes = figure.subplots()
    ratio = np.geomspace(0.05, 20, 300)
    for mechanism, rho in COST_EXPONENTS.items():
        label = f"{mechanism}, ρ = {rho:.3g}"
        axes.semilogx(ratio, bound_gap(1 / ratio, rho), color=MECHANISM_COLOURS[mechanism], label=label)
    axes.semilogx(ratio, bound_gap(1 / ratio, 0.05), "--", color="black", linewidth=1, label="ρ = 0.05")
    axes.set(ylim=(-0.2, 8), xlabel="σ / s", ylabel="C_BI − C_VI (nats)")
    axes.legend(fontsize=8)


check_public(__name__)
