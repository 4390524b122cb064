"""How often a gradient exceeds the threshold of presynaptic plasticity, given the gradient's distribution."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.special import erfc

from biophys.argument_types import checked_types
from biophys.estimates import Estimate, exactly, mean_of_known
from biophys.palette import BLUE, VERMILION
from biophys.units import FloatArray, checked_finite

GradientLaw = Literal["normal", "Laplace"]


@checked_types
def probability_above(
    threshold: ArrayLike, sd: ArrayLike, *, mean: ArrayLike = 0.0, law: GradientLaw = "normal"
) -> FloatArray:
    r"""Return the probability, in [0, 1], that the absolute gradient exceeds the threshold :math:`g_{lim}`.

    For a normal gradient of mean 0 it is :math:`\mathrm{erfc}(g_{lim} / (\sigma \sqrt 2))`, for a Laplace one
    :math:`\exp(-g_{lim} \sqrt 2 / \sigma)`; with a mean both tails are added. Since the Fisher information
    is the mean squared gradient, :math:`\sigma^2 + \mathrm{mean}^2`, it rises with the Fisher information.

    Parameters
    ----------
    threshold : :math:`g_{lim}`, at least 0; all arguments are broadcast to one shape
    sd, mean : of the gradient, the sd above 0 (of a Laplace distribution: its scale times sqrt 2)
    law : ``"normal"`` or ``"Laplace"``

    References
    ----------
    Schug S, Benzing F, Steger A (2021). eLife 10:e69884, eq. 10, doi:10.7554/eLife.69884.

    Examples
    --------
    >>> float(probability_above(0.001, 0.001).round(4))
    0.3173
    """
    threshold = checked_finite(threshold, "threshold", 0.0)
    sd = checked_finite(sd, "sd", 0.0, is_open=True)
    centre = np.abs(checked_finite(mean, "mean"))
    if law == "normal":
        width = sd * np.sqrt(2.0)
        return 0.5 * (erfc((threshold - centre) / width) + erfc((threshold + centre) / width))
    scale = sd / np.sqrt(2.0)
    x = np.stack([(threshold - centre) / scale, (threshold + centre) / scale])
    half = 0.5 * np.exp(-np.abs(x))
    return np.where(x >= 0, half, 1.0 - half).sum(axis=0)


@checked_types
def approximation_error(
    threshold: ArrayLike, sd: ArrayLike, mean: ArrayLike, law: GradientLaw = "normal"
) -> FloatArray:
    """Return by how much the formula without mean is off, relative to the exact probability.

    The paper neglects the mean because it is much smaller than the sd; this says how much smaller it must be.
    Arguments are those of :func:`probability_above`.

    >>> float(approximation_error(0.001, 0.001, 0.0001).round(4))
    -0.0076
    """
    exact = probability_above(threshold, sd, mean=mean, law=law)
    return probability_above(threshold, sd, law=law) / exact - 1.0


def drawn_shares(
    threshold: float, sd: FloatArray, mean_share: float, n: int, rng: np.random.Generator
) -> dict[GradientLaw, FloatArray]:
    """Return the share of n gradients, drawn with a mean that is a share of their sd, beyond it, by law."""
    laws: dict[GradientLaw, Callable[[], FloatArray]] = {
        "normal": lambda: rng.normal(mean_share * sd, sd, (n, sd.size)),
        "Laplace": lambda: rng.laplace(mean_share * sd, sd / np.sqrt(2.0), (n, sd.size)),
    }
    return {law: np.mean(np.abs(draw()) > threshold, axis=0) for law, draw in laws.items()}


def rising_steps(threshold: float, fisher: FloatArray, mean_share: float, law: GradientLaw) -> Estimate:
    """Return the share of steps of the Fisher information at which the probability rises."""
    spread = np.sqrt(fisher / (1 + mean_share**2))
    steps = np.diff(probability_above(threshold, spread, mean=mean_share * spread, law=law))
    how = f"smallest slope {np.min(steps / np.diff(np.log10(fisher))):.2g}"
    return exactly(float(np.mean(steps > 0)), n=steps.size, unit="steps", how=how)


def ratio_to_formula(shares: FloatArray, sd: FloatArray, law: GradientLaw, n: int) -> Estimate:
    """Return drawn share over formula, mean over standard deviations (in thresholds) of n draws each."""
    expected = probability_above(1.0, sd, law=law)
    error = np.sqrt((1 - expected) / expected / n)
    return mean_of_known(shares / expected, error, n=n * sd.size, unit="draws")


def plot_probability(
    figure: Figure, threshold: float, sd: FloatArray, shares: Mapping[GradientLaw, FloatArray]
) -> None:
    """Draw the share of gradients beyond the threshold, drawn (dots) and by formula (lines), for gradients
    whose mean is 1 % of their sd.

    `shares` are those beyond the threshold at each `sd`, by the law of the gradients.
    """
    axes = figure.subplots()
    fine = threshold * np.geomspace(0.2, 6.0, 200)
    for law, colour in zip(shares, (BLUE, VERMILION), strict=True):
        axes.semilogx(fine**2, probability_above(threshold, fine, law=law), color=colour, label=law)
        axes.semilogx(sd**2, shares[law], "o", color=colour, markersize=4)
    axes.set(xlabel="Fisher information (mean squared gradient)", ylabel="Pr(|g| > g_lim)")
    axes.legend()
