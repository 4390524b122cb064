"""
A dendrite that tells the order of its inputs, less well when they fail
=======================================================================

Synapses along a dendrite are activated one after the other. The response at the soma is
larger when they come from the tip inwards than from the soma outwards: a threshold tells
the two orders apart. With synapses that fail, one response is now and then too small and
another too large.

Branco T, Clark BA, Häusser M (2010). "Dendritic discrimination of temporal input
sequences in cortical neurons". Science 329:1671-1675, doi:10.1126/science.1189664, with
passive membranes as in Rall W (1964). "Theoretical significance of dendritic trees for
neuronal input-output relations". In: Reiss RF (ed) Neural theory and modeling, 73-97.
"""

import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import binomial_release, synapses
from brianpresyn.spikes import same_spikes

MEASURED = "orders told right (%)"
UNRELIABLE = 0.5
PERIOD, THRESHOLD = 60, 9.5 * mV


def simulate(p_release=None, seed=1, n_trials=30):
    """Return spikes, orders told right, and the potential of the soma in every trial."""
    morphology = Soma(diameter=15 * um)
    morphology.dendrite = Cylinder(diameter=1 * um, length=300 * um, n=15)
    neuron = SpatialNeuron(
        morphology,
        """Im = -0.1*msiemens/cm**2*v : amp/meter**2
           Is = g*(70*mV - v) : amp (point current)
           dg/dt = -g/(2*ms) : siemens""",
        threshold="v > THRESHOLD",
        threshold_location=0,
        refractory=20 * ms,
        method="exponential_euler",
        Cm=1 * uF / cm**2,
        Ri=150 * ohm * cm,
        dt=0.2 * ms,
    )
    # Eight inputs, 4 ms apart; inwards in the even trials, outwards in the odd ones.
    trial, step = np.divmod(np.arange(8 * n_trials), 8)
    inputs = np.where(trial % 2 == 0, 7 - step, step)
    times = (trial * PERIOD + 5 + 4 * step) * ms
    source = SpikeGeneratorGroup(8, inputs, times, dt=0.2 * ms)
    pairs = {"i": np.arange(8), "j": 2 * np.arange(8) + 1}
    if p_release is None:
        contacts = Synapses(source, neuron, on_pre="g_post += 0.6*nS", dt=0.2 * ms)
        contacts.connect(**pairs)
    else:
        code = binomial_release(5, p_release, mean=0.6 * nS, target="g")
        contacts = synapses(source, neuron, code, connect=pairs, seed=seed, dt=0.2 * ms)
    spikes = SpikeMonitor(neuron)
    soma = StateMonitor(neuron, "v", record=[0], dt=0.2 * ms)
    network = Network(neuron, source, contacts, spikes, soma)
    network.run(n_trials * PERIOD * ms, namespace={"THRESHOLD": THRESHOLD})
    fired = np.bincount((spikes.t / ms // PERIOD).astype(int), minlength=n_trials) > 0
    is_right = fired == (np.arange(n_trials) % 2 == 0)
    return spikes, 100 * is_right.mean(), soma.v[0].reshape(n_trials, -1) / mV


# %%
# Five release sites per synapse, whose mean is the same at every p.
plain, *_ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axes, (p, (_, right, v)) in zip(panels, runs.items(), strict=True):
    t = np.arange(v.shape[1]) * 0.2
    for traces, colour, order in (
        (v[::2], "#D55E00", "inwards"),
        (v[1::2], "#0072B2", "outwards"),
    ):
        axes.plot(t, traces.T, color=colour, linewidth=0.5)
        axes.plot([], [], color=colour, label=order)
    axes.axhline(THRESHOLD / mV, color="black", linewidth=0.8, linestyle="--")
    axes.set(title=f"p = {p}: {right:.0f} % told right", xlabel="time (ms)")
panels[0].set_ylabel("potential of the soma (mV)")
panels[0].legend()
plt.show()
