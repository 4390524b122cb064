"""What a reliable synapse costs: calcium pump, vesicle membrane, actin, trafficking, mean response."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import quantities as pq
from numpy.typing import ArrayLike

from biophys.argument_types import Inside, Positive, check_public
from biophys.quantal import QuantalSynapse
from biophys.units import ATP, FloatArray, checked_finite, magnitude_in, positive_in, psp_unit_of

Varying = Literal["n", "p"]
"""What changes along a sweep at fixed mean: the number of sites or the release probability."""

COST_EXPONENTS = {"calcium pump": 1 / 2, "vesicle membrane": 2 / 3, "actin": 4 / 3, "trafficking": 2.0}
"""The exponent rho of each reliability cost at cooperativity 4 (Malkin et al. 2023, figure 1c)."""

_COST_UNITS = (pq.dimensionless, ATP, ATP / pq.s)


@dataclass(frozen=True, eq=False)
class CostLaw:
    r"""One energy cost as a product of powers of n, p and q.

    .. math:: C = C_0 \, n^{a} \left(\frac{p}{1 - p}\right)^{b} p^{g} \left(\frac{|q|}{q_0}\right)^{d}

    Moving n at fixed p, or p at fixed n, while q keeps the mean, :math:`C \sim \sigma^{-\rho}` with

    .. math:: \rho_n = 2 (a - d), \qquad \rho_p = 2 b + 2 (1 - p)(g - d).

    So a law of n holds at every n and p; a law of p holds at every p only where g = d.

    Parameters
    ----------
    mechanism : what the energy is spent on
    site_exponent, odds_exponent, release_exponent, quantal_exponent
        The finite powers a (of n), b (of the odds of release), g (of p) and d (of q).
    scale
        :math:`C_0`, above 0: dimensionless for a relative cost, ATP (per presynaptic spike) or ATP per
        second.
    reference_q
        Quantal size :math:`q_0`; it matters only where d is not 0, and must then have the dimension of q.
    varying : what the reliability of this mechanism is bought with: ``"n"`` or ``"p"``
    source : where the law comes from

    Examples
    --------
    >>> law = vesicle_membrane_cost()
    >>> float(law(QuantalSynapse(n=8, p=0.5, q=1 * pq.mV))), round(float(law.exponent), 4)
    (8.0, 0.6667)
    """

    mechanism: str
    site_exponent: float = 0.0
    odds_exponent: float = 0.0
    release_exponent: float = 0.0
    quantal_exponent: float = 0.0
    scale: pq.Quantity = field(default_factory=lambda: 1.0 * pq.dimensionless)
    reference_q: pq.Quantity = field(default_factory=lambda: 1.0 * pq.mV)
    varying: Varying = "n"
    source: str = ""

    def __post_init__(self) -> None:
        for power in ("site_exponent", "odds_exponent", "release_exponent", "quantal_exponent"):
            checked_finite(getattr(self, power), power)
        positive_in(self.scale, self.unit, "scale")
        positive_in(self.reference_q, psp_unit_of(self.reference_q, "reference_q"), "reference_q")

    def __call__(self, synapse: QuantalSynapse) -> pq.Quantity:
        """Return the cost of each synapse, in the unit of `scale`."""
        cost = np.power(np.asarray(synapse.n, dtype=float), self.site_exponent)
        if self.odds_exponent:
            p = np.asarray(synapse.p, dtype=float)
            if np.any(p == 1):
                raise ValueError("the calcium cost diverges at p = 1: it needs p below 1")
            cost = cost * np.power(p / (1.0 - p), self.odds_exponent)
        if self.release_exponent:
            cost = cost * np.power(synapse.p, self.release_exponent)
        if self.quantal_exponent:
            size = np.abs(magnitude_in(synapse.q, self.reference_q.units, f"q of the {self.mechanism} cost"))
            cost = cost * np.power(size / self.reference_q.magnitude, self.quantal_exponent)
        return pq.Quantity(cost * self.scale.magnitude, self.scale.dimensionality)

    @property
    def exponent(self) -> float:
        r""":math:`\rho` of the paper: along `varying`, in the limit of small p where it depends on p."""
        return float(self.local_exponent(0.0, self.varying))

    def local_exponent(self, p: ArrayLike, varying: Varying | None = None) -> FloatArray:
        r"""Return :math:`\rho = -\mathrm{d} \log C / \mathrm{d} \log \sigma` at fixed mean, p in [0, 1).

        It is negative where more reliability costs less; `varying` is what moves, by default what the law
        says.

        >>> trafficking_cost().local_exponent([0.0, 0.1, 0.5], varying="p")
        array([2. , 1.8, 1. ])
        """
        p = checked_finite(p, "p", 0.0, 1.0)
        if (self.varying if varying is None else varying) == "n":
            return np.full(p.shape, 2.0 * (self.site_exponent - self.quantal_exponent))
        return 2.0 * self.odds_exponent + 2.0 * (1.0 - p) * (self.release_exponent - self.quantal_exponent)

    @property
    def laws(self) -> tuple[CostLaw, ...]:
        """This law alone, as a mixture would list it."""
        return (self,)

    @property
    def unit(self) -> pq.Quantity:
        """Unit of the cost: 1, ATP or ATP per second."""
        return cost_unit_of(self.scale, "scale")

    def __add__(self, other: CostLaw | CostMixture) -> CostMixture:
        return CostMixture((self, *other.laws))

    def scaled(self, factor: float | pq.Quantity) -> CostLaw:
        """Return this law `factor` times as expensive; a rate turns a cost per spike into one per second."""
        scale = self.scale * factor
        positive_in(scale, cost_unit_of(scale, "scale * factor"), "scale * factor")
        return replace(self, scale=scale)


@dataclass(frozen=True, eq=False)
class CostMixture:
    """Sum of several costs, at least one, all of one dimension.

    >>> mixture = calcium_pump_cost() + trafficking_cost()
    >>> float(mixture(QuantalSynapse(n=4, p=0.5, q=1 * pq.mV)))
    3.0
    """

    laws: tuple[CostLaw, ...]

    def __post_init__(self) -> None:
        if not self.laws:
            raise ValueError("laws must name at least one cost, got none")
        for law in self.laws:
            if law.unit is not self.unit:
                first = self.laws[0]
                pair = f"{first.scale} for {first.mechanism} and {law.scale} for {law.mechanism}"
                problem = f"costs that are added must share a dimension, got {pair}"
                raise ValueError(f"{problem}: bring one per spike to one per second with law.scaled(rate)")

    @property
    def unit(self) -> pq.Quantity:
        """Unit of the cost: 1, ATP or ATP per second."""
        return self.laws[0].unit

    def __call__(self, synapse: QuantalSynapse) -> pq.Quantity:
        """Return the total cost of each synapse, in the unit of the first law."""
        return functools.reduce(operator.add, (law(synapse) for law in self.laws))

    def shares(self, synapse: QuantalSynapse) -> dict[str, FloatArray]:
        """Return the share of each mechanism in the total cost, between 0 and 1."""
        total = self(synapse)
        shares: dict[str, FloatArray] = {}
        for law in self.laws:
            share = (law(synapse) / total).simplified.magnitude
            shares[law.mechanism] = shares.get(law.mechanism, 0.0) + share
        return shares

    def local_exponent(self, synapse: QuantalSynapse, varying: Varying) -> FloatArray:
        r"""Return :math:`\rho = -\mathrm{d} \log C / \mathrm{d} \log \sigma` of the sum at fixed mean.

        It is the mean of the exponents of the parts, weighted by their shares.
        """
        total = self(synapse)
        shares = [(law(synapse) / total).simplified.magnitude for law in self.laws]
        exponents = [law.local_exponent(synapse.p, varying) for law in self.laws]
        return np.sum([share * exponent for share, exponent in zip(shares, exponents, strict=True)], axis=0)

    def __add__(self, other: CostLaw | CostMixture) -> CostMixture:
        return CostMixture((*self.laws, *other.laws))

    def scaled(self, factor: float | pq.Quantity) -> CostMixture:
        """Return this mixture `factor` times as expensive; a rate turns it into a cost per second."""
        return CostMixture(tuple(law.scaled(factor) for law in self.laws))


def calcium_pump_cost(
    cooperativity: Positive = 4.0, *, is_per_site: bool = False, scale: pq.Quantity = 1.0 * pq.dimensionless
) -> CostLaw:
    r"""Return the cost of pumping out the calcium that a spike lets in, :math:`(p / (1 - p))^{1/h}`.

    The calcium is the one that :class:`biophys.calcium.HillRelation` asks for and each ion costs the same
    (Malkin et al. 2023, eq. 11-13). With cooperativity h = 4, :math:`\rho = 2 / h = 1/2` at every p.

    Parameters
    ----------
    cooperativity : Hill coefficient h
    is_per_site
        Whether each site has calcium of its own, which makes the cost proportional to n too; in the paper it
        is one for the whole synapse.
    scale : cost at p = 1/2 (of one site if it is per site)

    Examples
    --------
    >>> law = calcium_pump_cost()
    >>> float(law(QuantalSynapse(n=8, p=0.5, q=2 * pq.mV)).round(3)), round(law.exponent, 3)
    (1.0, 0.5)
    """
    return CostLaw(
        "calcium pump",
        site_exponent=float(is_per_site),
        odds_exponent=1.0 / cooperativity,
        scale=scale,
        varying="p",
        source="Malkin et al. (2023), eq. 12",
    )


def calcium_of_site(
    per_vesicle: pq.Quantity, *, p: Inside = 0.25, cooperativity: Positive = 4.0
) -> pq.Quantity:
    r"""Return the `scale` of a per-site calcium cost that passes through a published entry per vesicle.

    At the release probability `p` of the publication a site spends :math:`p` times `per_vesicle` per spike.

    Parameters
    ----------
    per_vesicle : cost, with its unit, of the calcium that enters for each vesicle released
    p, cooperativity : release probability at which that was taken, in (0, 1), and Hill coefficient of release

    Examples
    --------
    >>> scale = calcium_of_site(1.2e4 * ATP)
    >>> synapse = QuantalSynapse(n=1, p=0.25, q=1 * pq.mV)
    >>> print(calcium_pump_cost(is_per_site=True, scale=scale)(synapse).round(6))
    3000.0 ATP
    """
    positive_in(per_vesicle, cost_unit_of(per_vesicle, "per_vesicle"), "per_vesicle")
    return per_vesicle * p * (p / (1.0 - p)) ** (-1.0 / cooperativity)


def vesicle_membrane_cost(
    *, scale: pq.Quantity = 1.0 * pq.dimensionless, reference_q: pq.Quantity = 1.0 * pq.mV
) -> CostLaw:
    r"""Return the cost of vesicle membrane, :math:`n r^2` with :math:`r^3 \propto q`; :math:`\rho = 2/3`.

    Malkin et al. (2023), eq. 14-15. That quantal size goes with vesicle volume: Karunanithi S, Marin L, Wong
    K, Atwood HL (2002). J Neurosci 22:10267-10276.

    Parameters
    ----------
    scale, reference_q
        Cost of one site whose vesicle, of the reference radius, has the quantal size `reference_q`.

    Examples
    --------
    >>> law = vesicle_membrane_cost()
    >>> float(law(QuantalSynapse(n=8, p=0.5, q=2 * pq.mV)).round(3)), round(law.exponent, 3)
    (12.699, 0.667)
    """
    return CostLaw(
        "vesicle membrane",
        site_exponent=1.0,
        quantal_exponent=2.0 / 3.0,
        scale=scale,
        reference_q=reference_q,
        source="Malkin et al. (2023), eq. 14-15",
    )


def actin_cost(
    *, scale: pq.Quantity = 1.0 * pq.dimensionless, reference_q: pq.Quantity = 1.0 * pq.mV
) -> CostLaw:
    r"""Return the cost of the actin that vesicles are strung on, :math:`n r`; :math:`\rho = 4/3`.

    Malkin et al. (2023), eq. 16; arguments as of :func:`vesicle_membrane_cost`.

    >>> law = actin_cost()
    >>> float(law(QuantalSynapse(n=8, p=0.5, q=2 * pq.mV)).round(3)), round(law.exponent, 3)
    (10.079, 1.333)
    """
    return CostLaw(
        "actin",
        site_exponent=1.0,
        quantal_exponent=1.0 / 3.0,
        scale=scale,
        reference_q=reference_q,
        source="Malkin et al. (2023), eq. 16",
    )


def trafficking_cost(*, varying: Varying = "n", scale: pq.Quantity = 1.0 * pq.dimensionless) -> CostLaw:
    r"""Return the cost of bringing up vesicles to replace those released, :math:`n p`, `scale` for one.

    Bought with n (`varying`) it has :math:`\rho = 2`; bought with p it has :math:`\rho = 2 (1 - p)`, near 2
    only while p is small (Malkin et al. 2023, eq. 17-18).

    >>> law = trafficking_cost()
    >>> float(law(QuantalSynapse(n=8, p=0.5, q=2 * pq.mV)).round(3)), round(law.exponent, 3)
    (4.0, 2.0)
    """
    return CostLaw(
        "trafficking",
        site_exponent=1.0,
        release_exponent=1.0,
        scale=scale,
        varying=varying,
        source="Malkin et al. (2023), eq. 17-18",
    )


def transmitter_cost(
    *, scale: pq.Quantity = 1.0 * pq.dimensionless, reference_q: pq.Quantity = 1.0 * pq.mV
) -> CostLaw:
    r"""Return the cost of refilling the released vesicles with transmitter, :math:`n p q`.

    It is proportional to the mean response, so that at fixed mean it buys no reliability: :math:`\rho = 0`.
    `scale` is the cost of the transmitter of a vesicle of quantal size `reference_q`. Attwell D, Laughlin SB
    (2001). J Cereb Blood Flow Metab 21:1133-1145, doi:10.1097/00004647-200110000-00001.

    >>> law = transmitter_cost()
    >>> float(law(QuantalSynapse(n=8, p=0.5, q=2 * pq.mV)).round(3)), round(law.exponent, 3)
    (8.0, 0.0)
    """
    return CostLaw("transmitter", 1.0, 0.0, 1.0, 1.0, scale, reference_q, source="Attwell & Laughlin (2001)")


def ion_flux_cost(
    *, scale: pq.Quantity = 1.0 * pq.dimensionless, reference_q: pq.Quantity = 1.0 * pq.mV
) -> CostLaw:
    r"""Return the cost of pumping out the ions of the postsynaptic response, :math:`n p q`; :math:`\rho = 0`.

    `scale` is the cost of the ions that a vesicle of quantal size `reference_q` lets in; source as of
    :func:`transmitter_cost`.
    """
    return replace(transmitter_cost(scale=scale, reference_q=reference_q), mechanism="postsynaptic ion flux")


def reliability_costs(
    cooperativity: float = 4.0, *, reference_q: pq.Quantity = 1.0 * pq.mV
) -> tuple[CostLaw, ...]:
    """Return the paper's four reliability costs, relative, in the order of its figure 1c.

    They are at this Hill coefficient of release, and quantal size of a vesicle of the reference radius.

    >>> [round(law.exponent, 3) for law in reliability_costs()]
    [0.5, 0.667, 1.333, 2.0]
    """
    return (
        calcium_pump_cost(cooperativity),
        vesicle_membrane_cost(reference_q=reference_q),
        actin_cost(reference_q=reference_q),
        trafficking_cost(),
    )


def cost_unit_of(cost: Any, name: str = "cost") -> pq.Quantity:
    """Return which of 1 (`pq.dimensionless`), ATP and ATP per second measures `cost`; one it must carry."""
    if not isinstance(cost, pq.Quantity):
        raise TypeError(f"{name} must carry a unit (1e4*ATP, or pq.dimensionless if relative), got {cost}")
    for unit in _COST_UNITS:
        if cost.dimensionality.simplified == unit.dimensionality.simplified:
            return unit
    raise ValueError(f"{name} must be relative, in ATP or in ATP/s, got {cost}: convert joules with atp_of")


check_public(__name__)
