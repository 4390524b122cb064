"""Normal weights realised as synapses by one mechanism: which can be, how well, and for how much ATP."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import quantities as pq
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.absolute_costs import spike_costs
from biophys.estimates import Estimate, exactly, gaussian
from biophys.palette import BLUE, VERMILION
from biophys.quantal import QuantalSynapse


class RealisedWeights(NamedTuple):
    """Synapses realised by one mechanism, and which of the weights it could realise."""

    mechanism: str
    synapses: QuantalSynapse
    is_feasible: NDArray[np.bool_]

    def worst_error(self, mean: pq.Quantity, sd: pq.Quantity) -> Estimate:
        """Return the largest relative error of the moments of the weights that could be realised."""
        asked = mean[self.is_feasible].magnitude, sd[self.is_feasible].magnitude
        ratios = self.synapses.mean.magnitude / asked[0], self.synapses.sd.magnitude / asked[1]
        worst = max(np.max(np.abs(ratio - 1)) for ratio in ratios)
        return exactly(worst, n=int(self.is_feasible.sum()), unit="weights")

    def mean_atp(self, is_common: NDArray[np.bool_]) -> Estimate:
        """Return the mean ATP per spike of the weights that every mechanism realises."""
        chosen = is_common[self.is_feasible]
        low, atp, high = (
            spike_costs(estimate=end)(self.synapses).magnitude[chosen] for end in ("low", "value", "high")
        )
        how = f"with the constants at the ends of their ranges {low.mean():.3g} to {high.mean():.3g}"
        error = atp.std(ddof=1) / np.sqrt(atp.size)
        return gaussian(atp.mean(), error, n=atp.size, unit="weights", how=how)


def plot_atp(figure: Figure, by_mechanism: Sequence[RealisedWeights]) -> None:
    """Draw ATP per spike of normal weights with variances optimised for rho = 2, realised by p at n = 5 and
    by n at p near 0.3, against the weight's coefficient of variation (2000 drawn).
    """
    axes, shown = figure.subplots(), slice(0, 2000)
    style: dict[str, Any] = {"markersize": 2, "rasterized": True}
    for realised, colour in zip(by_mechanism, (BLUE, VERMILION), strict=True):
        atp = spike_costs()(realised.synapses).magnitude
        label = f"{realised.mechanism}: {realised.is_feasible.mean():.0%} of weights"
        axes.loglog(realised.synapses.cv[shown], atp[shown], ".", color=colour, label=label, **style)
    axes.set(xlabel="coefficient of variation of the weight", ylabel="ATP per spike")
    axes.legend(fontsize=8, markerscale=4)
