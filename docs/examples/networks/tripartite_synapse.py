"""
A glial cell that sets the release probability
==============================================

An astrocyte releases transmitter onto synapses beside it, which moves their release
probability towards alpha: up or down, for a minute. Here it does so once, after two
seconds. Synapses that never fail cannot be modulated in this way.

De Pittà M, Volman V, Berry H, Ben-Jacob E (2011). "A tale of two stories: astrocyte
regulation of synaptic depression and facilitation". PLoS Comput Biol 7:e1002293,
doi:10.1371/journal.pcbi.1002293, in the form of Stimberg M, Goodman DFM, Brette R, De
Pittà M (2019). "Modeling neuron-glia interactions with the Brian 2 simulator",
doi:10.1007/978-3-030-00817-8_18.
"""

import brian2
import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import SynapseCode, bernoulli_release, synapses
from brianpresyn.spikes import same_spikes

MEASURED = "rate after / before gliotransmission"
UNRELIABLE = 0.3

# Receptors, activated by the transmitter and slow to let go of it.
GLIA = """dGamma/dt = 1.5/umolar/second*G*(1 - Gamma) - 0.5/(60*second)*Gamma : 1 (clock-driven)
          dG/dt = -60*Hz*G : mmolar (clock-driven)"""


def simulate(p_release=None, seed=1, alpha=1.0, n_cells=50, duration=4 * second):
    """Return spikes and the ratio of the rates in both halves of the run."""
    brian2.seed(seed)
    defaultclock.dt = 0.5 * ms
    inputs = PoissonGroup(20 * n_cells, rates=20 * Hz)
    cells = NeuronGroup(
        n_cells,
        "dv/dt = -v/(20*ms) : volt",
        threshold="v > 10*mV",
        reset="v = 0*mV",
        method="exact",
    )
    own_inputs = {"condition": "i//20 == j"}
    parts = []
    if p_release is None:
        connection = Synapses(inputs, cells, on_pre="v_post += 3*mV", name="connection")
        connection.connect(**own_inputs)
    else:
        values = {"p_rest": p_release, "alpha": alpha}
        release = bernoulli_release(p_release, q=3 * mV)
        code = release.following(p="(1 - Gamma)*p_rest + Gamma*alpha")
        code += SynapseCode("gliotransmission", GLIA, namespace=values)
        connection = synapses(
            inputs, cells, code, connect=own_inputs, seed=seed, name="connection"
        )
        # Calcium in the astrocyte passes its threshold once; 0.6 of its vesicles are released.
        astrocyte = SpikeGeneratorGroup(1, [0], [0.5] * duration)
        glia = Synapses(astrocyte, connection, on_pre="G_post += 6.5e-4*200*mmolar*0.6")
        glia.connect()
        parts = [astrocyte, glia]
    spikes = SpikeMonitor(cells)
    Network(inputs, cells, connection, spikes, *parts).run(duration, namespace={})
    is_late = spikes.t > 0.5 * duration
    return spikes, is_late.sum() / max(1, (~is_late).sum())


# %%
plain, _ = simulate()
runs = {
    "p = 1": simulate(1.0),
    "p = 0.3, alpha = 1": simulate(UNRELIABLE),
    "p = 0.3, alpha = 0": simulate(UNRELIABLE, alpha=0.0),
}
print(f"same spikes at p = 1: {same_spikes(plain, runs['p = 1'][0])}")

# %%
figure, axes = plt.subplots(figsize=(7, 3.6))
for name, (spikes, ratio) in runs.items():
    counts, edges = np.histogram(spikes.t / second, 40)
    rates = counts / len(spikes.source) / np.diff(edges)
    axes.step(edges[1:], rates, label=f"{name}: {ratio:.2f} times the rate")
axes.axvline(2, color="black", linewidth=0.8, linestyle="--", label="gliotransmission")
axes.set(xlabel="time (s)", ylabel="rate of the cells (Hz)", ylim=(0, None))
axes.legend()
plt.show()
