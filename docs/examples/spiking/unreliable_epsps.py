"""
Unreliable EPSPs
================

Three synapses with the same mean strength under the same presynaptic spikes: one never
fails, one releases a single vesicle with p = 0.3, one has five sites with p = 0.3 each.
"""

import matplotlib.pyplot as plt
import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms, mV

from brianpresyn import bernoulli_release, binomial_release, release_counters, synapses

# %%
# The amplitude is given as the ``mean`` over failures, so that all three are equally
# strong on average.
spikes = np.arange(10, 500, 50) * ms
source = SpikeGeneratorGroup(1, np.zeros(len(spikes), int), spikes)
cells = NeuronGroup(3 * 20, "dv/dt = -v/(15*ms) : volt", method="exact")
kinds = {
    "never fails": bernoulli_release(p=1, mean=0.3 * mV),
    "one site, p = 0.3": bernoulli_release(p=0.3, mean=0.3 * mV),
    "five sites, p = 0.3": binomial_release(n=5, p=0.3, mean=0.3 * mV),
}
connections = []
for number, code in enumerate(kinds.values()):
    targets = {"i": 0, "j": np.arange(20) + 20 * number}
    connections.append(
        synapses(
            source,
            cells,
            code + release_counters(),
            connect=targets,
            seed=2021,
            name=f"kind_{number}",
        )
    )
voltage = StateMonitor(cells, "v", record=True)
# Synapses in a list are not seen by ``run``: name them in a network.
Network(source, cells, voltage, *connections).run(500 * ms)

# %%
figure, panels = plt.subplots(3, 1, figsize=(7, 5), sharex=True, sharey=True)
for number, (axes, name) in enumerate(zip(panels, kinds, strict=True)):
    traces = voltage.v[20 * number : 20 * (number + 1)] / mV
    axes.plot(voltage.t / ms, traces.T, color="#56B4E9", linewidth=0.4)
    axes.plot(voltage.t / ms, traces[0], color="#0072B2", label="one cell")
    axes.plot(voltage.t / ms, traces.mean(axis=0), color="#D55E00", label="mean of 20")
    failures = np.sum(connections[number].n_failures) / np.sum(connections[number].n_spikes)
    axes.set(title=f"{name}: {failures:.0%} failures", ylabel="v (mV)")
panels[0].legend(loc="upper left", ncols=2)
panels[-1].set_xlabel("time (ms)")
plt.show()
