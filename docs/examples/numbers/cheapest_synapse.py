"""
The cheapest synapse for a mean and a variance
==============================================

Many combinations of n, p and q have the same mean and variance, but they do not cost the
same: a higher p needs more calcium, more sites need more membrane. What is dear decides
what the synapse is made of.

Malkin J, O'Donnell C, Houghton C, Aitchison L, appendix 1, doi:10.7554/eLife.92595.
"""

import matplotlib.pyplot as plt
import numpy as np
import quantities as pq

from brianpresyn.biophys import (
    calcium_pump_cost,
    cheapest_realisation,
    vesicle_membrane_cost,
)

# %%
# A mean response of 0.4 mV at every precision, at three prices of a vesicle's membrane
# relative to that of calcium. Both costs are relative ones; ``costs_at_rate`` gives them
# in ATP instead. By default n is a whole number; here it is not, for smooth lines.
mean = 0.4 * pq.mV
cv = np.geomspace(0.08, 2.0, 100)
prices = {0.003: "#0072B2", 0.03: "#E69F00", 0.3: "#D55E00"}

figure, panels = plt.subplots(1, 4, figsize=(11, 3))
for price, colour in prices.items():
    membrane = vesicle_membrane_cost(
        scale=price * pq.dimensionless, reference_q=0.2 * pq.mV
    )
    best = cheapest_realisation(
        mean, cv * mean, calcium_pump_cost() + membrane, whole_sites=False
    )
    for axes, values in zip(panels, (best.n, best.p, best.q, best.cost), strict=True):
        axes.plot(cv, values, color=colour, label=f"membrane {price:g}")
titles = ("sites n", "release probability p", "quantal size q (mV)", "cost")
for axes, title in zip(panels, titles, strict=True):
    axes.set(xscale="log", xlabel="sd / mean of the response", title=title)
    axes.set_xticks([0.1, 0.3, 1, 2], ["0.1", "0.3", "1", "2"])
    axes.minorticks_off()
for axes in (panels[0], panels[2], panels[3]):
    axes.set_yscale("log")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()
