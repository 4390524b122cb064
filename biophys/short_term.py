"""Short-term plasticity: depletion of sites and facilitation of release, with closed stationary moments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import quantities as pq

from biophys.argument_types import check_public
from biophys.quantal import QuantalSynapse
from biophys.units import FloatArray, checked_finite, magnitude_in, positive_in

SpikeTrain = Literal["periodic", "Poisson"]


@dataclass(frozen=True, eq=False)
class ShortTermDynamics:
    r"""Tsodyks-Markram dynamics of one synapse or an array of synapses.

    Just before spike k a site is full with probability :math:`r_k` and releases with :math:`p_k`; after the
    interval :math:`\Delta` that follows,

    .. math::

        p_{k+1} &= P + p_k (1 - P)\, e^{-\Delta / F} \\
        r_{k+1} &= 1 - [1 - r_k (1 - p_k)]\, e^{-\Delta / D}

    with :math:`p_0 = P` and :math:`r_0 = 1`.

    Parameters
    ----------
    p : release probability P of a full site at rest, in [0, 1]
    recovery, facilitation
        Time constants with their unit, at least 0: D of refilling (0: no depression), F of facilitation (0:
        none).

    References
    ----------
    Tsodyks M, Pawelzik K, Markram H (1998). Neural Comput 10:821-835, doi:10.1162/089976698300017502.
    Costa RP, Froemke RC, Sjöström PJ, van Rossum MCW (2015). eLife 4:e09457, doi:10.7554/eLife.09457
    (defaults).

    Examples
    --------
    >>> import quantities as pq
    >>> state = ShortTermDynamics(p=0.5).stationary(20 * pq.Hz)
    >>> float(state.p.round(4)), float(state.r.round(4))
    (0.6127, 0.3167)
    """

    p: Any
    recovery: pq.Quantity = field(default_factory=lambda: 200.0 * pq.ms)
    facilitation: pq.Quantity = field(default_factory=lambda: 50.0 * pq.ms)

    def __post_init__(self) -> None:
        checked_finite(self.p, "p", 0.0, 1.0, "a release probability lies between 0 and 1")
        for name in ("recovery", "facilitation"):
            checked_finite(magnitude_in(getattr(self, name), pq.ms, name), f"{name} in ms", 0.0)

    def states(self, intervals: pq.Quantity) -> ShortTermState:
        """Return p and r just before each spike of a train, the spikes along the first axis.

        Parameters
        ----------
        intervals
            Between successive spikes, shape ``(spikes - 1,)`` or ``(spikes - 1, *synapses)``, at least 0.

        Examples
        --------
        >>> states = ShortTermDynamics(0.5, 100 * pq.ms, 0 * pq.ms).states([0, 1e6] * pq.ms)
        >>> states.r.round(3)
        array([1. , 0.5, 1. ])
        """
        gaps = checked_finite(magnitude_in(intervals, pq.ms, "intervals"), "intervals", 0.0)
        p, r = [np.asarray(self.p, dtype=float)], [np.ones(np.shape(self.p))]
        for gap in gaps:
            kept_p, kept_r = self._kept(gap, self.facilitation), self._kept(gap, self.recovery)
            p.append(self.p + p[-1] * (1.0 - self.p) * kept_p)
            r.append(1.0 - (1.0 - r[-1] * (1.0 - p[-2])) * kept_r)
        shape = np.broadcast_shapes(*(x.shape for x in p))
        return ShortTermState(*(np.stack([np.broadcast_to(x, shape) for x in line]) for line in (p, r)))

    def stationary(self, rate: pq.Quantity) -> ShortTermState:
        r"""Return p and r just before the spikes of a long periodic train of these rates, above 0.

        .. math::

            p = \frac{P}{1 - (1 - P) e^{-T / F}}, \qquad
            r = \frac{1 - e^{-T / D}}{1 - (1 - p) e^{-T / D}}
        """
        period = 1000.0 / positive_in(rate, pq.Hz, "rate")
        kept_p, kept_r = self._kept(period, self.facilitation), self._kept(period, self.recovery)
        at_rest = np.asarray(self.p, dtype=float)
        left = 1.0 - (1.0 - at_rest) * kept_p
        # At p = 0 nothing facilitates, also where nothing decays: 0 instead of 0 / 0.
        # Rounding must not lift p above 1 where facilitation hardly decays.
        p = np.minimum(np.divide(at_rest, left, out=np.zeros(np.shape(left)), where=at_rest > 0), 1.0)
        return ShortTermState(np.asarray(p), np.asarray((1.0 - kept_r) / (1.0 - (1.0 - p) * kept_r)))

    def _kept(self, gap: Any, time_constant: pq.Quantity) -> Any:
        """Return exp(-gap / time constant), 0 for a time constant of 0."""
        tau = np.asarray(time_constant.rescale(pq.ms).magnitude, dtype=float)
        return np.where(tau > 0, np.exp(-gap / np.where(tau > 0, tau, 1.0)), 0.0)


@dataclass(frozen=True, eq=False)
class ShortTermState:
    """State just before a spike: release probability p of a full site, probability r that a site is full."""

    p: FloatArray
    r: FloatArray

    @property
    def release_probability(self) -> FloatArray:
        """Probability p r that a site, full or not, releases."""
        return self.p * self.r


@dataclass(frozen=True, eq=False)
class StationaryResponse:
    """Mean and variance of the response to a spike late in a train, over many trains, failures included."""

    mean: pq.Quantity
    variance: pq.Quantity


def stationary_response(
    synapse: QuantalSynapse, dynamics: ShortTermDynamics, rate: pq.Quantity, *, train: SpikeTrain = "periodic"
) -> StationaryResponse:
    r"""Return the exact stationary moments of the response when sites empty and refill at random.

    Given the spike times, sites are independent and each releases with probability :math:`p_k r_k`, so that
    the number released is binomial. A periodic train has constant p and r. In a Poisson train r varies with
    the history, the same for all sites, which adds :math:`n^2 P^2 q^2 \mathrm{Var}(r)`; its moments close
    only without facilitation.

    Parameters
    ----------
    synapse, dynamics : n and q, and short-term dynamics; the p of both must be the same
    rate : of the train, above 0
    train : ``"periodic"`` or, without facilitation, ``"Poisson"``

    Examples
    --------
    >>> synapse = QuantalSynapse(5, 0.5, 0.2 * pq.mV)
    >>> response = stationary_response(synapse, ShortTermDynamics(0.5), 20 * pq.Hz)
    >>> round(float(response.mean), 4)
    0.1941
    """
    if not np.allclose(synapse.p, dynamics.p, rtol=1e-12, atol=0):
        raise ValueError(f"synapse and dynamics must share p at rest, got {synapse.p} and {dynamics.p}")
    if train == "periodic":
        per_site = dynamics.stationary(rate).release_probability
        late = QuantalSynapse(synapse.n, per_site, synapse.q)
        return StationaryResponse(late.mean, late.variance)
    if np.any(dynamics.facilitation.magnitude > 0):
        problem = "moments under a Poisson train close only without facilitation: set facilitation=0*pq.ms"
        raise ValueError(f"{problem}, or average dynamics.states over drawn intervals")
    x = positive_in(rate, pq.Hz, "rate") * dynamics.recovery.rescale(pq.s).magnitude
    kept, kept_squared, left = x / (1.0 + x), x / (2.0 + x), 1.0 - np.asarray(dynamics.p)
    mean_r = (1.0 - kept) / (1.0 - left * kept)
    mean_r2 = (1.0 - 2.0 * kept + kept_squared + 2.0 * left * mean_r * (kept - kept_squared)) / (
        1.0 - left**2 * kept_squared
    )
    n, p, q = np.asarray(synapse.n), np.asarray(synapse.p), synapse.q
    within = n * (p * mean_r - p**2 * mean_r2)
    between = n**2 * p**2 * (mean_r2 - mean_r**2)
    return StationaryResponse(n * p * mean_r * q, (within + between) * q**2)


check_public(__name__)
