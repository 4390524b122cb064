"""What a recorded synapse costs, with the interval that its n, p and q leave."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import quantities as pq

from biophys.absolute_costs import ReferenceSynapse, spike_costs
from biophys.argument_types import Count, checked_types
from biophys.energy_costs import CostLaw, CostMixture
from biophys.quantal import QuantalSynapse
from biophys.recordings.release_fit import ReleaseFit
from biophys.units import shown


@dataclass(frozen=True, eq=False)
class FittedCost:
    """Cost of a spike at a synapse that was fitted.

    Parameters
    ----------
    value : posterior median
    low, high : credible interval of the fit's level: what n, p and q leave open, at the given constants
    widest
        Ends when every published constant lies at the low or high end of its range too; those of `low` and
        `high` for a cost law of one's own.
    """

    value: pq.Quantity
    low: pq.Quantity
    high: pq.Quantity
    widest: tuple[pq.Quantity, pq.Quantity]

    def __str__(self) -> str:
        unit = self.value.dimensionality.string
        return f"{float(self.value):.4g} {unit} ({float(self.low):.4g} to {float(self.high):.4g})"


@checked_types
def fitted_cost(
    fit: ReleaseFit,
    cost: CostLaw | CostMixture | None = None,
    *,
    rng: np.random.Generator,
    condition: Any = None,
    n_draws: Count = 1000,
) -> FittedCost:
    """Return what a spike costs at rest, over the posterior of n, p and q.

    n and p that cannot be told apart leave a cost that is told well where it hangs on the mean response n p q
    (ion flux), and badly where it hangs on the sites (calcium, vesicles kept ready).

    Parameters
    ----------
    fit : amplitudes in a unit of responses
    cost
        By default calcium, vesicle cycling, transmitter and ion flux in ATP (:func:`biophys.spike_costs`),
        with the fitted q as that of a vesicle of published content.
    rng, n_draws : draws from the posterior, and their number
    condition : whose p is taken, if there are several

    Examples
    --------
    >>> import numpy as np, quantities as pq
    >>> from brianpresyn.biophys.recordings.fitting import fit_release
    >>> rng = np.random.default_rng(2)
    >>> x = rng.binomial(3, 0.4, 300) * 10.0 + rng.normal(0, 1.5, 300)
    >>> fit = fit_release(x * pq.pA, noise=1.5 * pq.pA)
    >>> cost = fitted_cost(fit, rng=rng)
    >>> cost.value.dimensionality.string, bool(cost.low < cost.value < cost.high)
    ('ATP', True)
    """
    fit.check_unit()
    fit.check_condition(condition)
    draws = fit.posterior(n_draws, rng=rng)
    names = {name: name if name in draws else f"{name}[{condition}]" for name in ("n", "p", "q")}
    if names["p"] not in draws:
        labels = ", ".join(map(repr, fit.recording.labels))
        raise ValueError(f"condition must be one of {labels}, got {shown(condition)}")
    n, p, q = (draws[name] for name in names.values())
    synapse = QuantalSynapse(n.astype(int), p, np.abs(q) * fit.recording.unit)
    tails = [0.5 - 0.5 * fit.level, 0.5, 0.5 + 0.5 * fit.level]

    def quantiles(law: CostLaw | CostMixture) -> pq.Quantity:
        costs = law(synapse)
        return np.quantile(costs.magnitude, tails) * costs.units

    if cost is not None:
        low, value, high = quantiles(cost)
        return FittedCost(value, low, high, (low, high))
    reference = ReferenceSynapse(q=float(np.median(np.abs(q))) * fit.recording.unit)
    low, value, high = quantiles(spike_costs(reference))
    widest = quantiles(spike_costs(reference, "low"))[0], quantiles(spike_costs(reference, "high"))[2]
    return FittedCost(value, low, high, widest)
