r"""
Signatures of Bayesian inference
================================

Networks that pay for reliability make reliable what matters: the variance of a synapse
falls with the curvature of the loss, as a posterior's would, with a slope of
:math:`-2/(\rho + 2)` in a linear model.

Malkin J, O'Donnell C, Houghton C, Aitchison L, figure 5, doi:10.7554/eLife.92595.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from brianpresyn.rate_models.experiments import bayesian_signatures

# %%
# Small networks on 8x8 digits, for two of the four costs.
config = replace(
    bayesian_signatures.QUICK,
    rho=(1 / 2, 2.0),
    c_factors=(1.0,),
    n_epochs=12,
    n_shown=400,
    n_statistics_epochs=1,
)
result = bayesian_signatures.run(config)

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
chosen = result.sel(
    state="converged", predictor="hessian (curvature)", c_factor=1.0, seed=1
)
for axes, rho in zip(panels, config.rho, strict=True):
    network = chosen.sel(rho=rho)
    curvature, variance = (
        network.shown_predictor.to_numpy(),
        network.shown_variance.to_numpy(),
    )
    for layer, colour in enumerate(("#0072B2", "#E69F00", "#009E73")):
        axes.loglog(
            curvature[layer],
            variance[layer],
            ".",
            color=colour,
            markersize=3,
            label=f"layer {layer + 1}",
        )
    slope = bayesian_signatures.theoretical_slope("hessian (curvature)", rho)
    line = np.nanquantile(curvature, [0.02, 0.98])
    middle = np.nanmedian(curvature), np.nanmedian(variance)
    axes.loglog(
        line, middle[1] * (line / middle[0]) ** slope, "k--", label=f"slope {slope:.2g}"
    )
    axes.set(xlabel="curvature of the loss (nats)", title=f"ρ = {rho:g}", xlim=(1e-5, None))
    axes.legend(loc="lower left")
panels[0].set_ylabel("variance of the synapse")
plt.show()
