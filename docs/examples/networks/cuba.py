"""
Irregular activity from currents: failures raise the rate
=========================================================

The benchmark CUBA: excitatory and inhibitory cells, sparsely and randomly connected by
exponential currents, keep each other active without any input. Here all synapses fail, at
the same mean strength.

Vogels TP, Abbott LF (2005). "Signal propagation and logic gating in networks of
integrate-and-fire neurons". J Neurosci 25:10786-10795,
doi:10.1523/JNEUROSCI.3508-05.2005.
"""

import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import bernoulli_release, synapses
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "firing rate (Hz)"
UNRELIABLE = 0.3


def simulate(p_release=None, seed=1, n_cells=2000, duration=500 * ms):
    """Return spikes and rate; with ordinary synapses where no release probability is given."""
    rng = np.random.default_rng(seed)
    cells = NeuronGroup(
        n_cells,
        """dv/dt = (g_e + g_i - (v + 49*mV))/(20*ms) : volt (unless refractory)
           dg_e/dt = -g_e/(5*ms) : volt
           dg_i/dt = -g_i/(10*ms) : volt""",
        threshold="v > -50*mV",
        reset="v = -60*mV",
        refractory=5 * ms,
        method="exact",
    )
    cells.v = rng.uniform(-60, -50, n_cells) * mV
    n_e = n_cells * 4 // 5
    connections = []
    # Eighty inputs per cell, whatever the size of the network.
    for name, source, jump in (("e", cells[:n_e], 1.62 * mV), ("i", cells[n_e:], -9 * mV)):
        i, j = np.nonzero(rng.random((len(source), n_cells)) < 80 / n_cells)
        if p_release is None:
            connection = Synapses(source, cells, on_pre=f"g_{name}_post += jump", name=name)
            connection.namespace["jump"] = jump
            connection.connect(i=i, j=j)
        else:
            code = bernoulli_release(p_release, mean=jump, target=f"g_{name}")
            pairs = {"i": i, "j": j}
            connection = synapses(source, cells, code, connect=pairs, seed=seed, name=name)
        connections.append(connection)
    spikes = SpikeMonitor(cells)
    Network(cells, spikes, *connections).run(duration, namespace={})
    return spikes, spikes.num_spikes / n_cells / (duration / second)


# %%
# At p = 1 the spikes are those of ordinary synapses; at p = 0.3 the mean input is the same,
# but its fluctuations are larger.
plain, _ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axes, (p, (spikes, rate)) in zip(panels, runs.items(), strict=True):
    plot_spikes(spikes, axes)
    axes.set_title(f"p = {p}: {rate:.1f} Hz")
plt.show()
