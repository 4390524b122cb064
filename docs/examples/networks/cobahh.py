"""
Hodgkin-Huxley cells with conductances, and synapses of several sites
=====================================================================

The benchmark COBAHH: excitatory and inhibitory cells with sodium and potassium channels
keep each other active. Here each excitatory synapse has four release sites that succeed
one by one, at the same mean conductance.

Brette R, Rudolph M, Carnevale T, et al. (2007). "Simulation of networks of spiking
neurons: a review of tools and strategies". J Comput Neurosci 23:349-398,
doi:10.1007/s10827-007-0038-6. Cut to an eighth of the cells, with as many inputs each.
"""

import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import binomial_release, synapses
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "firing rate (Hz)"
UNRELIABLE = 0.2
CELL = """
dv/dt = (10*nS*(-60*mV - v) - g_e*v + g_i*(-80*mV - v) - I_Na - I_K)/(200*pF) : volt
I_Na = 20*uS*m**3*h*(v - 50*mV) : amp
I_K = 6*uS*n**4*(v + 90*mV) : amp
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
u = v/mV + 63 : 1
alpha_m = 0.32*(13 - u)/(exp((13 - u)/4) - 1)/ms : Hz
beta_m = 0.28*(u - 40)/(exp((u - 40)/5) - 1)/ms : Hz
alpha_h = 0.128*exp((17 - u)/18)/ms : Hz
beta_h = 4/(1 + exp((40 - u)/5))/ms : Hz
alpha_n = 0.032*(15 - u)/(exp((15 - u)/5) - 1)/ms : Hz
beta_n = 0.5*exp((10 - u)/40)/ms : Hz
dg_e/dt = -g_e/(5*ms) : siemens
dg_i/dt = -g_i/(10*ms) : siemens
"""


def simulate(p_release=None, seed=1, n_cells=500, duration=250 * ms):
    """Return spikes and firing rate."""
    rng = np.random.default_rng(seed)
    cells = NeuronGroup(
        n_cells,
        CELL,
        threshold="v > -20*mV",
        refractory=3 * ms,
        method="exponential_euler",
    )
    cells.v = rng.normal(-65, 5, n_cells) * mV
    cells.g_e = rng.normal(4, 1.5, n_cells).clip(0) * 10 * nS
    cells.g_i = rng.normal(20, 12, n_cells).clip(0) * 10 * nS
    n_e = n_cells * 4 // 5
    links = []
    for name, source, jump in (("e", cells[:n_e], 6 * nS), ("i", cells[n_e:], 67 * nS)):
        i, j = np.nonzero(rng.random((len(source), n_cells)) < 80 / n_cells)
        pairs = {"i": i, "j": j}
        if p_release is None or name == "i":
            link = Synapses(source, cells, on_pre=f"g_{name}_post += jump", name=name)
            link.namespace["jump"] = jump
            link.connect(**pairs)
        else:
            code = binomial_release(4, p_release, mean=jump, target="g_e")
            # The cells have a variable n of their own.
            code = code.renamed({"n": "n_sites"})
            link = synapses(source, cells, code, connect=pairs, seed=seed, name=name)
        links.append(link)
    spikes = SpikeMonitor(cells)
    Network(cells, spikes, *links).run(duration, namespace={})
    return spikes, spikes.num_spikes / n_cells / (duration / second)


# %%
plain, _ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axes, (p, (spikes, rate)) in zip(panels, runs.items(), strict=True):
    plot_spikes(spikes, axes, markersize=3)
    axes.set_title(f"p = {p}: {rate:.1f} Hz")
plt.show()
