"""The overall cost of a trained network as a bound on the evidence for it.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, equations 33-49.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfc

from biophys.argument_types import NotNegative, checked_types
from biophys.entropic_bound import bound_gap
from rate_models.reliability_cost import PowerCost


@checked_types
def evidence_gap(cost: PowerCost, mu: ArrayLike, sigma: ArrayLike, *, magnitude: NotNegative = 0.0) -> float:
    r"""Return the evidence lower bound plus overall cost and constant, in nats: by eq. 49 not negative.

    .. math:: \sum_i C_{BI}(\sigma_i) - C_{VI}(\sigma_i) - \lambda\,(\mathrm{E}|w_i| - |\mu_i|)

    The expected log-likelihood stands on both sides and cancels. The paper takes the magnitude cost, of the
    mean weight, for the expected logarithm of a Laplace prior, of the noisy one. That is less, so that the
    bound may fail where lambda, `magnitude`, and the noise are large.

    Parameters
    ----------
    cost : reliability cost of every synapse
    mu, sigma : means and standard deviations of all synapses, of one shape
    magnitude : lambda, factor of the magnitude cost

    Examples
    --------
    >>> round(evidence_gap(PowerCost.with_scale(s=1.0, rho=2.0), [0.0, 3.0], [1.0, 0.5]), 4)
    0.8069
    >>> round(evidence_gap(PowerCost.with_scale(s=1.0, rho=2.0), 0.0, 1.0, magnitude=0.5), 4)
    -0.3989
    """
    size, sd = np.abs(np.asarray(mu, dtype=float)), np.asarray(sigma, dtype=float)
    z = size / sd
    excess = sd * math.sqrt(2 / math.pi) * np.exp(-(z**2) / 2) - size * erfc(z / math.sqrt(2))
    return float(np.sum(bound_gap(cost.s / sd, cost.rho) - magnitude * excess))
