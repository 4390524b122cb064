"""Turn learned means and standard deviations into release sites, release probability and quantal size.

A learned weight is a dimensionless mean and standard deviation; a synapse realises them with n sites of
release probability p and quantal size q (`biophys.quantal`). Two ways are open: keep n and let p give the
reliability, as calcium would, or keep p and let n give it, as membrane, actin and trafficking ask for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike, NDArray

from biophys.absolute_costs import costs_at_rate
from biophys.argument_types import Count, Inside, OneOf, checked_types
from biophys.quantal import QuantalSynapse, n_sites_for, release_probability_for
from biophys.units import ATP, magnitude_in

WAYS = ("release probability", "number of sites")
"""What gives a synapse its reliability."""

_SMALLEST_MEAN = 1e-6


@checked_types
@dataclass(frozen=True, eq=False)
class PhysicalScale:
    """What one unit of weight is, and the synapse that realises it.

    Parameters
    ----------
    psp_per_weight
        Response that a weight of one stands for. With 10 mV the mean size of a published initial weight,
        0.05, is a response of 0.5 mV.
    n_sites : number of sites, at least 1, where p gives the reliability (5.5 in Costa et al. 2015)
    p
        Release probability, inside (0, 1), where the number of sites gives it; a synapse that must be less
        reliable than one such site has one site with a lower p.
    rate : firing rate of every input, for costs per second
    """

    psp_per_weight: pq.Quantity = field(default_factory=lambda: 10.0 * pq.mV)
    n_sites: Count = 5
    p: Inside = 0.5
    rate: pq.Quantity = field(default_factory=lambda: 4.0 * pq.Hz)


@checked_types
def realised_synapses(
    mean: ArrayLike, sd: ArrayLike, way: Annotated[str, OneOf(WAYS)], scale: PhysicalScale | None = None
) -> QuantalSynapse:
    """Return synapses with these moments: mean and sd of the response are met exactly.

    Raises ValueError if `way` is unknown.

    Parameters
    ----------
    mean, sd : dimensionless weights and sds above 0; means below 1e-6 count as 1e-6 with their sign
    way : one of `WAYS`
    scale : what a unit of weight is

    Examples
    --------
    >>> synapse = realised_synapses([0.05, 0.05], [0.05, 0.005], "number of sites")
    >>> synapse.n.tolist(), synapse.p.round(3).tolist()
    ([1, 100], [0.5, 0.5])
    """
    scale = scale or PhysicalScale()
    given = np.asarray(mean, dtype=float)
    size = np.copysign(np.maximum(np.abs(given), _SMALLEST_MEAN), given)
    cv = np.asarray(sd, dtype=float) / np.abs(size)
    if way == "release probability":
        n = np.full(cv.shape, scale.n_sites)
    else:
        n = np.maximum(1, np.rint(n_sites_for(cv, scale.p))).astype(np.int64)
    p = release_probability_for(cv, n)
    return QuantalSynapse(n, p, size / (n * p) * scale.psp_per_weight)


def atp_by_mechanism(synapses: QuantalSynapse, scale: PhysicalScale | None = None) -> dict[str, float]:
    """Return what all synapses of an array cost together, in ATP per second, by mechanism."""
    scale = scale or PhysicalScale()
    laws = costs_at_rate(scale.rate).laws
    spent = {law.mechanism: magnitude_in(law(synapses), ATP / pq.s, law.mechanism) for law in laws}
    return {mechanism: float(np.sum(atp)) for mechanism, atp in spent.items()}


def mechanisms() -> list[str]:
    """Return the names of the mechanisms of `atp_by_mechanism`, in its order."""
    return [law.mechanism for law in costs_at_rate(4.0 * pq.Hz).laws]


def quantiles_of(synapses: QuantalSynapse, levels: Sequence[float]) -> dict[str, NDArray[Any]]:
    """Return quantiles of n, p and abs(q) in mV over synapses, each of the shape of `levels`."""
    q = np.abs(magnitude_in(synapses.q, pq.mV, "q"))
    return {
        "n": np.quantile(synapses.n, levels),
        "p": np.quantile(synapses.p, levels),
        "q": np.quantile(q, levels),
    }
