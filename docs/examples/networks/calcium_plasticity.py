"""
Plasticity by calcium, which failures keep away
===============================================

Each presynaptic spike brings calcium into the spine after a delay, each postsynaptic
spike more; above one threshold the synapse weakens, above a higher one it grows. Pairs
of spikes give the known curve over their interval. A spike that releases nothing brings
no calcium: the curve becomes flatter.

Graupner M, Brunel N (2012). "Calcium-based plasticity model explains sensitivity of
synaptic changes to spike pattern, rate, and dendritic location". PNAS 109:3991-3996,
doi:10.1073/pnas.1109359109, parameters of figure 2 ("DP", table S1) without noise. Pairs
follow each other after 200 ms, when calcium is gone, and change goes twice as fast (75 s in
place of 150 s), so that 30 pairs do.
"""

import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import Stage, SynapseCode, bernoulli_release, synapses
from brianpresyn.spikes import same_spikes

MEASURED = "largest growth of a synapse (%)"
UNRELIABLE = 0.3
CALCIUM = """dc/dt = -c/(20*ms) : 1 (clock-driven)
             drho/dt = (growth - decline - rho*(1 - rho)*(0.5 - rho))/(75*second) : 1 (clock-driven)
             growth = 321.808*(1 - rho)*int(c > 1.3) : 1
             decline = 200*rho*int(c > 1) : 1"""


def simulate(p_release=None, seed=1, n_synapses=60, n_pairs=30):
    """Return spikes, largest growth, and intervals with the growth of every synapse in percent."""
    defaultclock.dt = 0.5 * ms
    # The postsynaptic spike comes later than the presynaptic one by an interval per synapse.
    interval = np.linspace(-80, 80, n_synapses)
    pair, synapse = np.divmod(np.arange(n_pairs * n_synapses), n_synapses)
    before = SpikeGeneratorGroup(n_synapses, synapse, (pair * 200 + 90) * ms)
    times = (pair * 200 + 90 + interval[synapse]) * ms
    after = SpikeGeneratorGroup(n_synapses, synapse, times)
    firing = {"threshold": "v > 15*mV", "reset": "v = 0*mV", "method": "exact"}
    cells = NeuronGroup(n_synapses, "dv/dt = -v/(10*ms) : volt", **firing)
    teacher = Synapses(after, cells, on_pre="v_post += 20*mV", name="teacher")
    teacher.connect(j="i")
    if p_release is None:
        link = Synapses(
            before,
            cells,
            CALCIUM,
            on_pre={"transmit": "v_post += 2*mV*rho", "bring_calcium": "c += 1"},
            on_post="c += 2",
            delay={"bring_calcium": 13.7 * ms},
            method="euler",
            name="link",
        )
        link.connect(j="i")
    else:
        code = bernoulli_release(p_release, q=1 * mV) + SynapseCode(
            "calcium",
            CALCIUM,
            on_pre={
                "pre": {Stage.PROBABILITY: "q = 2*mV*rho"},
                "bring_calcium": {Stage.LEARN: "c += released"},
            },
            on_post={Stage.LEARN: "c += 2"},
        )
        code = code.recordable(released="integer")
        options = {"delay": {"bring_calcium": 13.7 * ms}, "seed": seed, "method": "euler"}
        link = synapses(before, cells, code, connect={"j": "i"}, name="link", **options)
    link.rho = 0.5
    spikes = SpikeMonitor(cells)
    network = Network(before, after, cells, teacher, link, spikes)
    network.run(n_pairs * 200 * ms, namespace={})
    growth = 100 * (np.array(link.rho) / 0.5 - 1)
    return spikes, growth.max(), (interval, growth)


# %%
plain, *_ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, axes = plt.subplots(figsize=(7, 3.6))
for p, (_, largest, (interval, growth)) in runs.items():
    axes.plot(interval, growth, ".-", label=f"p = {p}: at most {largest:.0f} %")
axes.axhline(0, color="black", linewidth=0.8)
axes.set(xlabel="post- after presynaptic spike (ms)", ylabel="growth of the synapse (%)")
axes.legend()
plt.show()
