"""
n, p and q of a table of responses
==================================

For those who record: how many release sites, with which probability, and how large the
response to one vesicle is. ``brianpresyn fit table.csv`` does the same from the command
line and writes a report.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import quantities as pq

from brianpresyn.biophys import QuantalSynapse, fit_release, simulate_recording
from brianpresyn.validation import read_table, recorded_synapses

# %%
# A table to start from, as a recording program exports it: one row for each response,
# failures included, and the unit in the header. Here it is simulated.
truth = QuantalSynapse(5, 0.5, -12 * pq.pA)
responses = simulate_recording(
    truth, n_trials=300, noise=2 * pq.pA, rng=np.random.default_rng(1)
)[0]
with TemporaryDirectory() as folder:
    table = Path(folder) / "responses.csv"
    table.write_text(
        "amplitude (pA)\n" + "\n".join(f"{x:.2f}" for x in responses.magnitude)
    )
    (recorded,) = recorded_synapses(read_table(str(table)))

# %%
# The noise is the standard deviation of the baseline. Intervals are of the profile
# likelihood; what the recording cannot tell is said.
fit = fit_release(**recorded.arguments, noise=2 * pq.pA)
print(fit.summary())

# %%
figure, (histogram, profile) = plt.subplots(1, 2, figsize=(9, 3.2))
histogram.hist(responses.magnitude, bins=50, color="#56B4E9")
histogram.set(xlabel="response (pA)", ylabel="responses", title="what was recorded")
sites, likelihood_lost = fit.profile_of("n")
finite = np.isfinite(sites)
profile.plot(sites[finite], -likelihood_lost[finite], "o-", color="#0072B2", markersize=4)
profile.axhline(-1.92, color="#666666", linewidth=0.8)
profile.axvline(truth.n, color="#D55E00", linewidth=0.8)
profile.set(
    xlabel="release sites n",
    ylabel="log likelihood lost",
    ylim=(-10, 0.5),
    xscale="log",
    title="which n are possible (line: 95 %; red: simulated)",
)
plt.show()
