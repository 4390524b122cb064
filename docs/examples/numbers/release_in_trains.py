"""
Release and recovery of a train
===============================

In a train every release empties a site. A fit that knows it recovers p and the time constant of recovery;
one that takes responses as independent finds an interval of p that does not hold the true one.

Bird AD, Wall MJ, Richardson MJE (2016), doi:10.3389/fncom.2016.00116.
"""

import matplotlib.pyplot as plt
import numpy as np
import quantities as pq

from brianpresyn.biophys import (
    QuantalSynapse,
    ShortTermDynamics,
    fit_release,
    simulate_recording,
)

# %%
# Fifteen sweeps of ten stimuli: seven 20 ms apart, and three that probe recovery.
truth = QuantalSynapse(4, 0.6, 12 * pq.pA)
dynamics = ShortTermDynamics(0.6, 200 * pq.ms, 0 * pq.ms)
times = np.cumsum([0.0] + [20.0] * 6 + [50.0, 100.0, 300.0]) * pq.ms
sweeps = simulate_recording(
    truth,
    n_sweeps=15,
    spike_times=times,
    dynamics=dynamics,
    noise=2 * pq.pA,
    rng=np.random.default_rng(4),
)

# %%
# Both fits know the noise, nothing else.
fits = {
    "independent": fit_release(np.ravel(sweeps.magnitude) * pq.pA, noise=2 * pq.pA),
    "depletion": fit_release(sweeps, times, dynamics="depletion", noise=2 * pq.pA),
}
print(fits["depletion"].summary())

# %%
figure, (responses, release) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=(2, 1))
responses.plot(times, sweeps.magnitude.T, ".", color="#56B4E9", markersize=5)
responses.plot(
    times, sweeps.magnitude.mean(axis=0), "o-", color="#0072B2", label="mean of 15"
)
responses.set(xlabel="time of the stimulus (ms)", ylabel="response (pA)")
responses.legend()
for place, fit in enumerate(fits.values()):
    release.plot(
        [place, place], [fit.p.low, fit.p.high], color="#0072B2", linewidth=6, alpha=0.4
    )
    release.plot(place, fit.p.value, "o", color="#0072B2")
release.axhline(0.6, color="#D55E00", linewidth=0.8)
release.set(
    xticks=[0, 1],
    xticklabels=fits,
    xlim=(-0.5, 1.5),
    ylim=(0, 1),
    ylabel="p, 95 % interval",
    title="line: simulated",
)
plt.show()
