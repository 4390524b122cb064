"""
Inhibition that learns to balance excitation
============================================

Inhibitory synapses grow where the cells that they reach fire faster than a target rate
and shrink where these are slower. The rule sees spikes, not releases; with inhibitory
synapses that fail, the rates come down to the target of 3 Hz more slowly.

Vogels TP, Sprekeler H, Zenke F, Clopath C, Gerstner W (2011). "Inhibitory plasticity
balances excitation and inhibition in sensory pathways and memory networks". Science
334:1569-1573, doi:10.1126/science.1211095. Cut to a tenth, with a learning rate a hundred
times as large.
"""

import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import Stage, SynapseCode, bernoulli_release, synapses
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "excitatory rate at the end (Hz)"
UNRELIABLE = 0.3
TRACES = """dx/dt = -x/(20*ms) : 1 (event-driven)
            dy/dt = -y/(20*ms) : 1 (event-driven)"""
# The target rate of 3 Hz is what y is compared with.
LEARN_PRE = "strength = clip(strength + eta*(y - 0.12), 0*nS, 100*nS)"
LEARN_POST = "strength = clip(strength + eta*x, 0*nS, 100*nS)"


def simulate(p_release=None, seed=1, n_cells=1000, duration=3 * second):
    """Return spikes and the rate of the excitatory cells in the last fifth of the run."""
    rng = np.random.default_rng(seed)
    cells = NeuronGroup(
        n_cells,
        """dv/dt = (200*pA + current)/(200*pF) : volt (unless refractory)
           current = 10*nS*(-60*mV - v) - g_e*v + g_i*(-80*mV - v) : amp
           dg_e/dt = -g_e/(5*ms) : siemens
           dg_i/dt = -g_i/(10*ms) : siemens""",
        threshold="v > -50*mV",
        reset="v = -60*mV",
        refractory=5 * ms,
        method="euler",
    )
    cells.v = rng.uniform(-60, -50, n_cells) * mV
    n_e = n_cells * 4 // 5
    excitatory, inhibitory = cells[:n_e], cells[n_e:]
    pairs = rng.random((n_cells, n_cells)) < 200 / n_cells
    e_to_all = Synapses(excitatory, cells, on_pre="g_e_post += 0.3*nS", name="e_to_all")
    e_to_all.connect(**pairs_of(pairs[:n_e]))
    i_to_i = Synapses(inhibitory, inhibitory, on_pre="g_i_post += 3*nS", name="i_to_i")
    i_to_i.connect(**pairs_of(pairs[n_e:, n_e:]))
    connect = pairs_of(pairs[n_e:, :n_e])
    if p_release is None:
        i_to_e = Synapses(
            inhibitory,
            excitatory,
            "strength : siemens\n" + TRACES,
            on_pre=f"g_i_post += strength\nx += 1\n{LEARN_PRE}",
            on_post=f"y += 1\n{LEARN_POST}",
            name="i_to_e",
        )
        i_to_e.connect(**connect)
    else:
        code = bernoulli_release(p_release, mean=0 * nS, target="g_i") + SynapseCode(
            "inhibitory plasticity",
            TRACES,
            on_pre={Stage.LEARN: f"x += 1\n{LEARN_PRE}"},
            on_post={Stage.LEARN: f"y += 1\n{LEARN_POST}"},
        )
        i_to_e = synapses(
            inhibitory, excitatory, code, connect=connect, seed=seed, name="i_to_e"
        )
    spikes = SpikeMonitor(cells)
    network = Network(cells, e_to_all, i_to_i, i_to_e, spikes)
    network.run(duration, namespace={"eta": 1 * nS})
    is_late = (spikes.t > 0.8 * duration) & (spikes.i < n_e)
    return spikes, is_late.sum() / n_e / (0.2 * duration / second)


def pairs_of(is_connected):
    """Return the connected pairs as ``connect`` takes them."""
    i, j = np.nonzero(is_connected)
    return {"i": i, "j": j}


# %%
plain, _ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axes, (p, (spikes, rate)) in zip(panels, runs.items(), strict=True):
    plot_spikes(spikes, axes, markersize=1)
    axes.set_title(f"p = {p}: {rate:.1f} Hz at the end")
plt.show()
