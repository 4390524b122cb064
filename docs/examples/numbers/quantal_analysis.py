"""
From amplitudes back to n, p and q
==================================

A recording shows amplitudes. Which number of release sites n, release probability p and
quantal size q they came from, and what the recording cannot tell.

Bird AD, Wall MJ, Richardson MJE (2016), doi:10.3389/fncom.2016.00116; Gontier C, Pfister
J-P (2020), doi:10.3389/fncom.2020.558477.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import quantities as pq

from brianpresyn.biophys import (
    IdentifiabilityWarning,
    QuantalSynapse,
    ShortTermDynamics,
    fit_release,
    simulate_recording,
)

# What cannot be identified is shown below, not warned of.
warnings.simplefilter("ignore", IdentifiabilityWarning)
rng = np.random.default_rng(1)

# %%
# The same five sites at two release probabilities. Where the quanta are seen several
# times over, n is known; where hardly any response holds more than one vesicle, no n is
# too large, and the profile of its likelihood stays flat.
figure, (responses, profile) = plt.subplots(1, 2, figsize=(9, 3.4))
for p, colour in ((0.6, "#0072B2"), (0.1, "#D55E00")):
    synapse = QuantalSynapse(5, p, 10 * pq.pA)
    x = simulate_recording(synapse, n_trials=200, noise=2 * pq.pA, rng=rng)[0]
    fit = fit_release(x, noise=2 * pq.pA)
    responses.hist(x.magnitude, bins=40, color=colour, alpha=0.5, label=f"p = {p}")
    sites, lost = fit.profile_of("n")
    finite = np.isfinite(sites)
    profile.plot(
        sites[finite], -lost[finite], "o-", color=colour, markersize=3, label=f"n = {fit.n}"
    )
responses.set(xlabel="response (pA)", ylabel="responses")
responses.legend()
profile.axhline(-1.92, color="#666666", linewidth=0.8)
profile.set(xscale="log", ylim=(-10, 0.5), xlabel="sites n", ylabel="log likelihood lost")
profile.legend(fontsize=8)

# %%
# In a train every release empties a site. The likelihood follows the full sites from
# stimulus to stimulus; the plot of the fit shows responses, profile, the course of the
# train, and the residuals.
times = np.cumsum([0.0] + [20.0] * 7 + [60.0, 150.0, 400.0]) * pq.ms
x = simulate_recording(
    QuantalSynapse(4, 0.6, 10 * pq.pA),
    n_sweeps=20,
    spike_times=times,
    dynamics=ShortTermDynamics(0.6, 200 * pq.ms, 0 * pq.ms),
    noise=2 * pq.pA,
    rng=rng,
)
train = fit_release(x, times, dynamics="depletion", noise=2 * pq.pA)
print(train.summary())
train.plot(plt.figure(figsize=(10, 6), layout="constrained"))
plt.show()
