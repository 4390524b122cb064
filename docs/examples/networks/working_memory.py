"""
Persistent activity through NMDA receptors, and failures that end it
====================================================================

A cue excites a group of cells, which go on firing when it is gone: slow NMDA receptors
at the synapses between them keep the activity alive. One vesicle opens both AMPA and
NMDA receptors, so that a failure is one of both; the gating of NMDA saturates, and rare
large releases count for less than frequent small ones.

Wang XJ (2001). "Synaptic reverberation underlying mnemonic persistent activity". Trends
Neurosci 24:455-463, doi:10.1016/S0166-2236(00)01868-3, with the cells and receptors of
Brunel N, Wang XJ (2001), doi:10.1023/A:1011204814320. Cut to 100 excitatory cells without
inhibition; strengths of synapses, background and cue are chosen here, such that the activity
lasts.
"""

import brian2
import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import Stage, SynapseCode, bernoulli_release, synapses
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "rate of the cells after the cue (Hz)"
UNRELIABLE = 0.25
# NMDA receptors of one synapse: s opens with the transmitter x and closes slowly.
NMDA = """ds/dt = -s/(100*ms) + 0.5/ms*x*(1 - s) : 1 (clock-driven)
          dx/dt = -x/(2*ms) : 1 (clock-driven)
          s_nmda_post = s : 1 (summed)"""


def simulate(p_release=None, seed=1, n_cells=100, duration=1000 * ms):
    """Return spikes and the rate in the last 400 ms; the cue lasts from 100 to 300 ms."""
    brian2.seed(seed)
    brian2.defaultclock.dt = 0.2 * ms
    cells = NeuronGroup(
        n_cells,
        """dv/dt = (25*nS*(-70*mV - v) + current)/(500*pF) : volt (unless refractory)
           current = -(g_ext + g_ampa)*v - g_nmda*s_nmda*v/(1 + exp(-62*v/volt)/3.57) : amp
           dg_ext/dt = -g_ext/(2*ms) : siemens
           dg_ampa/dt = -g_ampa/(2*ms) : siemens
           s_nmda : 1""",
        threshold="v > -50*mV",
        reset="v = -55*mV",
        refractory=2 * ms,
        method="euler",
    )
    cells.v = np.random.default_rng(seed).uniform(-60, -50, n_cells) * mV
    background = PoissonInput(cells, "g_ext", 1000, 1.8 * Hz, weight=2.1 * nS)
    cue = PoissonGroup(n_cells, rates="50*Hz*int(t > 100*ms)*int(t < 300*ms)")
    to_cells = Synapses(cue, cells, on_pre="g_ext_post += 20*nS", name="cue_to_cells")
    to_cells.connect(j="i")
    jump = 5 * nS / n_cells
    if p_release is None:
        on_pre = "g_ampa_post += jump\nx += 1"
        recurrent = Synapses(cells, cells, NMDA, on_pre, name="recurrent", method="euler")
        recurrent.namespace["jump"] = jump
        recurrent.connect()
    else:
        code = bernoulli_release(p_release, mean=jump, target="g_ampa")
        code += SynapseCode("nmda", NMDA, on_pre={Stage.TRANSMIT: "x += released/p"})
        options = {"connect": True, "seed": seed, "name": "recurrent", "method": "euler"}
        recurrent = synapses(cells, cells, code, **options)
    spikes = SpikeMonitor(cells)
    network = Network(cells, background, cue, to_cells, recurrent, spikes)
    network.run(duration, namespace={"g_nmda": 30 * nS / n_cells})
    n_late = np.sum(spikes.t > duration - 400 * ms)
    return spikes, n_late / n_cells / (400 * ms / second)


# %%
# Both receptors get the same mean from every synapse.
plain, _ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axes, (p, (spikes, rate)) in zip(panels, runs.items(), strict=True):
    plot_spikes(spikes, axes, markersize=3)
    axes.axvspan(100, 300, color="#E69F00", alpha=0.2, linewidth=0)
    axes.set_title(f"p = {p}: {rate:.1f} Hz after the cue")
plt.show()
