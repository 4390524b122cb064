"""
Stochastic short-term depression and its mean
=============================================

The equations of Tsodyks and Markram describe the mean of many trials. In a single trial a
site either holds a vesicle or not: the response is a whole number of quanta, and its
variance depends on the history too.

Tsodyks MV, Markram H (1997), doi:10.1073/pnas.94.2.719; Fuhrmann G et al. (2002),
doi:10.1152/jn.00258.2001.
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms, mV, run

from brianpresyn import stochastic_tsodyks_markram, synapses, tsodyks_markram

# %%
# A train of ten spikes at 20 Hz and one for recovery, on 500 stochastic synapses and one
# deterministic synapse.
spikes = np.append(np.arange(10) * 50 + 10, 1000) * ms
source = SpikeGeneratorGroup(1, np.zeros(len(spikes), int), spikes)
parameters = {"p": 0.5, "tau_rec": 400 * ms, "n": 5, "q": 0.2 * mV}
cells = NeuronGroup(501, "dv/dt = -v/(10*ms) : volt", method="exact")
stochastic = synapses(
    source,
    cells,
    stochastic_tsodyks_markram(**parameters),
    connect={"i": 0, "j": np.arange(500)},
    seed=1,
)
deterministic = synapses(
    source, cells, tsodyks_markram(**parameters), connect={"i": 0, "j": 500}
)
voltage = StateMonitor(cells, "v", record=True)
run(1100 * ms)

# %%
v, t = voltage.v / mV, voltage.t / ms
figure, (one, mean) = plt.subplots(2, 1, figsize=(7, 4.5), sharex=True, sharey=True)
one.plot(t, v[:3].T, linewidth=0.8)
one.set(title="three stochastic synapses, n = 5", ylabel="v (mV)")
mean.fill_between(
    t,
    *np.percentile(v[:500], [10, 90], axis=0),
    color="#56B4E9",
    alpha=0.4,
    label="10 to 90 %",
)
mean.plot(t, v[:500].mean(axis=0), color="#0072B2", label="mean of 500")
mean.plot(t, v[500], "--", color="#D55E00", label="deterministic")
mean.set(xlabel="time (ms)", ylabel="v (mV)")
mean.legend()
plt.show()
