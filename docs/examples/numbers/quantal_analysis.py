"""
From amplitudes back to n, p and q
==================================

A recording shows amplitudes. Three estimators say which number of release sites n,
release probability p and quantal size q they came from, and how sure that is.

Clements JD, Silver RA (2000), doi:10.1016/S0166-2236(99)01520-9; Costa RP et al. (2015),
doi:10.7554/eLife.09457.
"""

import matplotlib.pyplot as plt
import numpy as np
import quantities as pq

from biophys import (
    QuantalSynapse,
    estimate_by_likelihood,
    estimate_by_moments,
    estimate_by_variance_mean,
)

# %%
# A synapse with five sites, recorded 500 times at each of four calcium concentrations,
# which change p.
rng = np.random.default_rng(1)
p = np.array([0.15, 0.35, 0.6, 0.85])
noise = 0.04 * pq.mV
amplitudes = (
    QuantalSynapse(n=5, p=p, q=0.2 * pq.mV).sample(500, rng=rng)
    + rng.normal(0, 1, (500, 4)) * noise
)

# %%
# With n known, mean and variance at one calcium concentration are enough. Where quanta
# stand out from the noise, the likelihood finds n too. The variance-mean parabola needs
# several concentrations, but no model of the noise.
at_rest = amplitudes[:, 2]
means, variances = amplitudes.mean(axis=0), amplitudes.var(axis=0, ddof=1)
estimates = {
    "moments, n given": estimate_by_moments(at_rest, n=5, noise_sd=noise),
    "likelihood": estimate_by_likelihood(at_rest, noise_sd=noise, n_max=12),
    "variance-mean": estimate_by_variance_mean(
        means, variances, n_trials=500, noise_sd=noise
    ),
}


def at_third_condition(values):
    """Return a number; the variance-mean analysis gives one p for each condition."""
    values = np.ravel(values)
    return float(values[2] if values.size > 1 else values[0])


figure, (recording, *parameters) = plt.subplots(
    1, 4, figsize=(10, 3), width_ratios=[1.8, 1, 1, 1]
)
recording.hist(at_rest.magnitude, bins=60, color="#999999")
recording.set(xlabel="amplitude (mV)", ylabel="responses", title="500 responses at p = 0.6")
truth = {
    "n": ("sites n", 5),
    "p": ("release probability p", 0.6),
    "q": ("quantal size q (mV)", 0.2),
}
for axes, (name, (title, value)) in zip(parameters, truth.items(), strict=True):
    axes.axhline(value, color="black", linewidth=0.8, linestyle="--", label="truth")
    for place, (method, colour) in enumerate(
        zip(estimates, ("#0072B2", "#E69F00", "#D55E00"), strict=True)
    ):
        found = at_third_condition(getattr(estimates[method], name))
        low, high = (
            at_third_condition(end)
            for end in getattr(estimates[method], f"{name}_interval")
        )
        axes.errorbar(
            place,
            found,
            [[found - low], [high - found]],
            fmt="o",
            color=colour,
            capsize=3,
            label=method,
        )
    axes.set(title=title, xlim=(-0.6, 2.6), xticks=[])
    axes.margins(y=0.3)
figure.legend(
    *parameters[0].get_legend_handles_labels(), loc="outside lower right", ncols=4
)
plt.show()
