"""
Information for an ATP: why a synapse should fail
=================================================

A synapse that always releases transmits most, but not most for its energy. The release
probability with the most bits per ATP lies below one: just below for a single site, far
below for many sites.

Levy WB, Baxter RA (2002), doi:10.1523/JNEUROSCI.22-11-04746.2002; Harris JJ, Jolivet R,
Attwell D (2012), doi:10.1016/j.neuron.2012.08.019.
"""

import matplotlib.pyplot as plt
import numpy as np

from brianpresyn.biophys import (
    ATP,
    TransmissionCost,
    bernoulli_input,
    information_per_energy,
    optimal_release_probability,
)

# %%
# Spikes arrive in 1 % of the time bins. What a spike, the calcium and a vesicle cost is
# the published budget of a cortical synapse; in the right panel the spike is free, which
# moves the optimum further down.
spikes = bernoulli_input(0.01)
p = np.linspace(0.002, 0.998, 500)
costs = {
    "published budget": TransmissionCost(),
    "the spike costs nothing": TransmissionCost(per_spike=0 * ATP),
}

figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
for axes, (title, cost) in zip(panels, costs.items(), strict=True):
    for n, colour in {1: "#0072B2", 3: "#009E73", 10: "#D55E00"}.items():
        ratio = information_per_energy(spikes, n, p, cost)
        best = optimal_release_probability(spikes, n, cost)
        axes.plot(
            p, ratio.magnitude * 1e5, color=colour, label=f"n = {n}, best p = {best.p:.2f}"
        )
        axes.plot(best.p, best.bits_per_atp * 1e5, "o", color=colour)
    axes.set(xlabel="release probability p", title=title, ylim=(0, 6.8))
    axes.legend(loc="upper center", ncols=2)
panels[0].set_ylabel("bits per 100,000 ATP")
plt.show()
