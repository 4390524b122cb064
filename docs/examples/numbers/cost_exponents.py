r"""
What reliability costs
======================

At fixed mean, a more reliable synapse costs more: :math:`\mathrm{cost} \sim
\sigma^{-\rho}`. Which mechanism the reliability is bought with decides :math:`\rho`: 1/2
for the calcium pump, 2/3 for the membrane of vesicles, 4/3 for actin, 2 for trafficking.

Malkin J, O'Donnell C, Houghton C, Aitchison L, figure 1c and appendix 1,
doi:10.7554/eLife.92595.
"""

import matplotlib.pyplot as plt
import numpy as np
import quantities as pq

from brianpresyn.biophys import (
    QuantalSynapse,
    fit_cost_exponent,
    reliability_costs,
    sweep_cost,
)
from brianpresyn.biophys.cost_exponents import MECHANISM_COLOURS

# %%
# Each cost is a function of n, p and q. The sweep moves what the mechanism moves, n or p,
# and lets q keep the mean.
synapse = QuantalSynapse(n=5, p=0.3, q=0.2 * pq.mV)
values = {"p": np.linspace(0.02, 0.98, 30), "n": np.arange(1, 201)}

figure, axes = plt.subplots(figsize=(6.5, 4.2))
for law in reliability_costs():
    sweep = sweep_cost(law, synapse, varying=law.varying, values=values[law.varying])
    fit = fit_cost_exponent(sweep.sd, sweep.cost)
    low, high = fit.interval
    print(
        f"{law.mechanism:17} rho = {fit.exponent:.4f} [{low:.4f}, {high:.4f}], "
        f"analytic {law.exponent:.4f}"
    )
    label = f"{law.mechanism}, {law.varying} varies: ρ = {fit.exponent:.3g}"
    axes.loglog(
        sweep.sd,
        sweep.cost / sweep.cost.min(),
        color=MECHANISM_COLOURS[law.mechanism],
        label=label,
    )
axes.set(
    xlabel="standard deviation of the response (mV), mean 0.3 mV",
    ylabel="cost over its smallest value",
)
axes.legend()
plt.show()
