"""What a synapse costs in ATP, per spike and per second, with the uncertainty of the published budgets."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import quantities as pq

from biophys.argument_types import Inside, Positive, check_public
from biophys.constants import (
    ACTIN_PER_VESICLE,
    CALCIUM_PER_VESICLE,
    CYCLING_PER_VESICLE,
    ION_FLUX_PER_VESICLE,
    PROTON_LEAK_PER_VESICLE,
    TRANSMITTER_PER_VESICLE,
    VESICLES_PER_SITE,
    joules_of,
)
from biophys.energy_costs import (
    CostMixture,
    actin_cost,
    calcium_of_site,
    calcium_pump_cost,
    ion_flux_cost,
    trafficking_cost,
    transmitter_cost,
    vesicle_membrane_cost,
)
from biophys.quantal import QuantalSynapse
from biophys.units import ATP, magnitude_in, positive_in, psp_unit_of

Estimate = Literal["low", "value", "high"]
"""Which end of the range of every constant to take."""


@dataclass(frozen=True, eq=False)
class ReferenceSynapse:
    """The synapse that the published budgets describe: it fixes the scale of each cost law.

    Parameters
    ----------
    q : quantal size, above 0, of a vesicle with the budgets' content (4,000 glutamates, radius about 20 nm)
    p : release probability, in (0, 1), at which the published calcium entry per released vesicle was taken
    cooperativity : Hill coefficient of release, above 0
    """

    q: pq.Quantity = field(default_factory=lambda: 0.2 * pq.mV)
    p: Inside = 0.25
    cooperativity: Positive = 4.0

    def __post_init__(self) -> None:
        positive_in(self.q, psp_unit_of(self.q), "q")


@dataclass(frozen=True)
class BudgetRow:
    """One mechanism of a synapse's budget.

    Parameters
    ----------
    mechanism : what the energy is spent on
    atp_per_second, low, high
        ATP per second at the given rate, and with every constant at the low or high end of its range.
    watts, share : the same power through the free energy of ATP, and its share of the total
    source : of the constant
    """

    mechanism: str
    atp_per_second: float
    low: float
    high: float
    watts: float
    share: float
    source: str


def spike_costs(reference: ReferenceSynapse | None = None, estimate: Estimate = "value") -> CostMixture:
    r"""Return the ATP that a presynaptic spike costs: calcium, vesicle cycling, transmitter, ion flux.

    The calcium law passes through the published entry at the reference p (:func:`calcium_of_site`).

    Parameters
    ----------
    reference : the synapse that the constants describe
    estimate : ``"value"``, or ``"low"`` or ``"high"`` for the ends of the constants' ranges

    Examples
    --------
    >>> import quantities as pq
    >>> synapse = QuantalSynapse(n=1, p=0.25, q=0.2 * pq.mV)
    >>> print(spike_costs()(synapse).round(0))
    40955.0 ATP
    """
    reference = reference or ReferenceSynapse()
    entry, h = getattr(CALCIUM_PER_VESICLE, estimate), reference.cooperativity
    calcium = calcium_of_site(entry, p=reference.p, cooperativity=h)
    return CostMixture(
        (
            calcium_pump_cost(h, is_per_site=True, scale=calcium),
            trafficking_cost(scale=getattr(CYCLING_PER_VESICLE, estimate)),
            transmitter_cost(scale=getattr(TRANSMITTER_PER_VESICLE, estimate), reference_q=reference.q),
            ion_flux_cost(scale=getattr(ION_FLUX_PER_VESICLE, estimate), reference_q=reference.q),
        )
    )


def resting_costs(reference: ReferenceSynapse | None = None, estimate: Estimate = "value") -> CostMixture:
    """Return the ATP per second of a resting synapse: the proton leak of its vesicles' membrane, and actin.

    Both are for the whole pool of vesicles behind the docked ones, which is taken as proportional to n.
    Arguments as in :func:`spike_costs`.

    >>> print(resting_costs()(QuantalSynapse(n=1, p=0.25, q=0.2 * pq.mV)).round(1))
    86.8 ATP/s
    """
    reference = reference or ReferenceSynapse()
    pool = getattr(VESICLES_PER_SITE, estimate)
    membrane, actin = PROTON_LEAK_PER_VESICLE, ACTIN_PER_VESICLE
    return CostMixture(
        (
            vesicle_membrane_cost(scale=getattr(membrane, estimate) * pool, reference_q=reference.q),
            actin_cost(scale=getattr(actin, estimate) * pool, reference_q=reference.q),
        )
    )


def costs_at_rate(
    rate: pq.Quantity, reference: ReferenceSynapse | None = None, estimate: Estimate = "value"
) -> CostMixture:
    """Return all costs of a synapse whose presynaptic neuron fires at `rate`, above 0, in ATP per second.

    The other arguments are those of :func:`spike_costs`.

    >>> print(costs_at_rate(4 * pq.Hz)(QuantalSynapse(n=1, p=0.25, q=0.2 * pq.mV)).round(0))
    163908.0 ATP/s
    """
    positive_in(rate, pq.Hz, "rate")
    spikes = spike_costs(reference, estimate).scaled(rate.rescale(1 / pq.s))
    return spikes + resting_costs(reference, estimate)


def budget_table(
    synapse: QuantalSynapse, rate: pq.Quantity, reference: ReferenceSynapse | None = None
) -> list[BudgetRow]:
    """Return the budget of one synapse at one rate by mechanism, with the range that the constants leave.

    The constants describe the `reference`.

    >>> rows = budget_table(QuantalSynapse(n=5, p=0.4, q=0.2 * pq.mV), 4 * pq.Hz)
    >>> rows[3].mechanism, round(rows[3].share, 2)
    ('postsynaptic ion flux', 0.87)
    """
    if synapse.shape != ():
        raise ValueError(f"a budget table is of one synapse, got an array of shape {synapse.shape}")
    if rate.shape != ():
        raise ValueError(f"a budget table is of one rate, got an array of shape {rate.shape}: ask for each")
    estimates: tuple[Estimate, ...] = ("value", "low", "high")
    laws = {estimate: costs_at_rate(rate, reference, estimate).laws for estimate in estimates}
    value, low, high = (
        [float(magnitude_in(law(synapse), ATP / pq.s, law.mechanism)) for law in laws[estimate]]
        for estimate in estimates
    )
    total = float(np.sum(value))
    constants = (
        CALCIUM_PER_VESICLE,
        CYCLING_PER_VESICLE,
        TRANSMITTER_PER_VESICLE,
        ION_FLUX_PER_VESICLE,
        PROTON_LEAK_PER_VESICLE,
        ACTIN_PER_VESICLE,
    )
    return [
        BudgetRow(
            mechanism=law.mechanism,
            atp_per_second=atp,
            low=least,
            high=most,
            watts=float(joules_of(atp * ATP / pq.s)),
            share=atp / total,
            source=constant.source,
        )
        for law, atp, least, most, constant in zip(laws["value"], value, low, high, constants, strict=True)
    ]


check_public(__name__)
