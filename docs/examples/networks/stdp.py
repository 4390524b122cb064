"""
Weights that compete, more so where releases fail
=================================================

One cell, many inputs, and a rule that strengthens what fires before the cell and weakens
what fires after it: weights become strong or weak, and the cell fires more slowly. With
four failures in ten it is driven by chance; it fires still less, and more of the weights
have reached a bound.

Song S, Miller KD, Abbott LF (2000). "Competitive Hebbian learning through
spike-timing-dependent synaptic plasticity". Nat Neurosci 3:919-926, doi:10.1038/78829.
With steps twenty times as large, so that it learns in seconds.
"""

import brian2
import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import Stage, SynapseCode, bernoulli_release, synapses
from brianpresyn.spikes import same_spikes

MEASURED = "weights at a bound (%)"
UNRELIABLE = 0.6
LARGEST = 0.008
TRACES = """dbefore/dt = -before/(20*ms) : 1 (event-driven)
            dafter/dt = -after/(20*ms) : 1 (event-driven)"""
ON_PRE = """before += 0.1
            q = clip(q - 1.05*after*LARGEST, 0, LARGEST)"""
ON_POST = """after += 0.1
             q = clip(q + before*LARGEST, 0, LARGEST)"""


def simulate(p_release=None, seed=1, n_inputs=1000, duration=10 * second):
    """Return spikes, percent of weights within 0.1 of a bound, and all weights."""
    brian2.seed(seed)
    brian2.defaultclock.dt = 0.5 * ms
    inputs = PoissonGroup(n_inputs, rates=20 * Hz)
    cell = NeuronGroup(
        1,
        """dv/dt = (-70*mV - v - g*v)/(20*ms) : volt
           dg/dt = -g/(5*ms) : 1""",
        threshold="v > -54*mV",
        reset="v = -60*mV",
        method="euler",
    )
    cell.v = -60 * brian2.mV
    if p_release is None:
        on_pre = "g_post += q\n" + ON_PRE
        connection = Synapses(inputs, cell, "q : 1\n" + TRACES, on_pre, on_post=ON_POST)
        connection.connect()
        connection.q = LARGEST
    else:
        learning = {Stage.LEARN: ON_PRE}, {Stage.LEARN: ON_POST}
        code = bernoulli_release(p_release, q=LARGEST, target="g")
        code += SynapseCode("stdp", TRACES, *learning, requires={"q"})
        connection = synapses(inputs, cell, code, connect=True, seed=seed)
    spikes = SpikeMonitor(cell)
    network = Network(inputs, cell, connection, spikes)
    network.run(duration, namespace={"LARGEST": LARGEST})
    weights = np.array(connection.q) / LARGEST
    return spikes, 100 * np.mean(abs(weights - 0.5) > 0.4), weights


# %%
# A quantum keeps its size here: at p = 0.6 less arrives.
plain, *_ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, (distribution, rates) = plt.subplots(1, 2, figsize=(9, 3.6))
for p, (spikes, at_bound, weights) in runs.items():
    label = f"p = {p}: {at_bound:.0f} % at a bound"
    distribution.hist(weights, np.linspace(0, 1, 21), histtype="step", label=label)
    counts, edges = np.histogram(spikes.t / second, 20)
    rates.step(edges[1:], counts / np.diff(edges))
distribution.set(xlabel="weight / largest", ylabel="synapses")
distribution.legend()
rates.set(xlabel="time (s)", ylabel="rate of the cell (Hz)")
plt.show()
