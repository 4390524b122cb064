r"""Release under short-term depression and facilitation: what remains after many spikes.

At a spike the release probability facilitates, :math:`u \leftarrow u + p (1 - u)`, and each docked vesicle is
released with probability u; empty sites are refilled at rate :math:`1 / \tau_{rec}` and u decays with
:math:`\tau_{facil}`.

References
----------
Tsodyks MV, Markram H (1997). PNAS 94:719-723, doi:10.1073/pnas.94.2.719.
Fuhrmann G, Segev I, Markram H, Tsodyks M (2002). J Neurophysiol 87:140-148, doi:10.1152/jn.00258.2001.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray

from biophys.quantal import QuantalSynapse
from biophys.units import checked_finite, magnitude_in


def stationary_facilitation(
    p: ArrayLike, interval: pq.Quantity, tau_facil: pq.Quantity = 0.0 * pq.s
) -> NDArray[np.float64]:
    r"""Return the release probability of a docked vesicle after many spikes at regular intervals.

    .. math:: u = \frac{p}{1 - (1 - p)\, e^{-T / \tau_{facil}}}

    Parameters
    ----------
    p
        Release probability at rest, in [0, 1]; any shape.
    interval
        T, above 0.
    tau_facil
        Time constant of facilitation; 0 for none.

    Examples
    --------
    >>> import quantities as pq
    >>> round(float(stationary_facilitation(0.2, 20 * pq.ms, 500 * pq.ms)), 4)
    0.8644
    """
    p = checked_finite(p, "p", 0.0, 1.0)
    kept = _kept(interval, tau_facil, "tau_facil")
    # At p = 0 nothing facilitates: 0, also where nothing decays.
    return np.divide(p, 1.0 - (1.0 - p) * kept, out=np.zeros_like(p * kept), where=p > 0)


def stationary_docked(u: ArrayLike, interval: pq.Quantity, tau_rec: pq.Quantity) -> NDArray[np.float64]:
    r"""Return the probability that a site is docked just before a spike, after many at regular intervals.

    .. math:: x = \frac{1 - e^{-T / \tau_{rec}}}{1 - (1 - u)\, e^{-T / \tau_{rec}}}

    Parameters
    ----------
    u
        Release probability of a docked vesicle, in [0, 1]; any shape.
    interval
        T, above 0.
    tau_rec
        Time constant of refilling; 0 for instantaneous.

    Examples
    --------
    >>> import quantities as pq
    >>> round(float(stationary_docked(0.5, 100 * pq.ms, 800 * pq.ms)), 4)
    0.2103
    """
    u = checked_finite(u, "u", 0.0, 1.0)
    kept = _kept(interval, tau_rec, "tau_rec")
    return (1.0 - kept) / (1.0 - (1.0 - u) * kept)


def stationary_synapse(
    synapse: QuantalSynapse,
    interval: pq.Quantity,
    tau_rec: pq.Quantity,
    tau_facil: pq.Quantity = 0.0 * pq.s,
) -> QuantalSynapse:
    """Return the binomial synapse whose moments are those after many spikes at regular intervals.

    The sites are independent and alike, so the response stays binomial: n sites that release with
    probability u x.

    Parameters
    ----------
    synapse
        The synapse at rest.
    interval
        Between spikes, above 0.
    tau_rec, tau_facil
        Time constants of refilling and of facilitation.

    Examples
    --------
    >>> import quantities as pq
    >>> rested = QuantalSynapse(n=5, p=0.5, q=0.2 * pq.mV)
    >>> print(stationary_synapse(rested, 100 * pq.ms, 800 * pq.ms).mean.round(4))
    0.1051 mV
    """
    u = stationary_facilitation(synapse.p, interval, tau_facil)
    return QuantalSynapse(synapse.n, u * stationary_docked(u, interval, tau_rec), synapse.q)


def _kept(interval: pq.Quantity, tau: pq.Quantity, name: str) -> Any:
    """Return exp(-interval / tau), 0 for tau = 0."""
    length = checked_finite(magnitude_in(interval, pq.s, "interval"), "interval", 0.0, is_open=True)
    constant = checked_finite(magnitude_in(tau, pq.s, name), name, 0.0)
    with np.errstate(divide="ignore"):
        return np.exp(-length / constant)
