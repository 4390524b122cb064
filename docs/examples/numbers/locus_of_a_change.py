r"""
Pre- or postsynaptic?
=====================

The squared mean over the variance does not depend on the quantal size. Its change beside
that of the mean tells changes of p, n and q apart, as far as a recording allows.

Malinow R, Tsien RW (1990), doi:10.1038/346177a0.
"""

import matplotlib.pyplot as plt
import numpy as np
import quantities as pq

from brianpresyn.biophys import QuantalSynapse, cv_analysis, simulate_recording

# %%
# Two hundred responses before and after: p, n or q changes so that the mean doubles.
rng = np.random.default_rng(3)
before = QuantalSynapse(4, 0.3, 10 * pq.pA)
changes = {
    "p": (QuantalSynapse(4, 0.6, 10 * pq.pA), "#0072B2"),
    "n": (QuantalSynapse(8, 0.3, 10 * pq.pA), "#009E73"),
    "q": (QuantalSynapse(4, 0.3, 20 * pq.pA), "#D55E00"),
}
options = {"n_trials": 200, "noise": 2 * pq.pA, "rng": rng}
figure, axes = plt.subplots(figsize=(5.5, 4.5))
for name, (after, colour) in changes.items():
    for _ in range(6):
        pair = [simulate_recording(s, **options)[0] for s in (before, after)]
        result = cv_analysis(*pair, noise=2 * pq.pA)
        low, high = result.cv_interval
        axes.errorbar(
            result.mean_ratio,
            result.cv_ratio,
            [[result.cv_ratio - low], [high - result.cv_ratio]],
            fmt="o",
            color=colour,
            markersize=4,
            linewidth=0.8,
        )
    axes.plot([], [], "o", color=colour, label=f"{name} changed; allowed: {result.allowed}")
ratio = np.geomspace(1, 3, 50)
axes.plot(ratio, ratio, color="black", linewidth=0.8)
axes.axhline(1.0, color="black", linewidth=0.8, linestyle="--")
axes.set(
    xscale="log", yscale="log", xlabel="ratio of means", ylabel="ratio of mean²/variance"
)
axes.set_title("above the line: p; on it: n; dashed: q", fontsize=10)
axes.legend(fontsize=8)
plt.show()
