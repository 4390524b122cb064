"""
Cells that learn patterns without a teacher, and what their synapses spend
==========================================================================

Cells that inhibit each other learn to stand for different patterns by spike-timing-
dependent plasticity and thresholds that adapt. Here the patterns are the rows and columns
of a square. With half of the releases missing the cells fire less and learn more slowly,
for less than half of the energy.

Diehl PU, Cook M (2015). "Unsupervised learning of digit recognition using
spike-timing-dependent plasticity". Front Comput Neurosci 9:99,
doi:10.3389/fncom.2015.00099. Cut to 16 cells that inhibit each other at once. Potentials
and the refractory time are the paper's; for 36 inputs and six seconds the membrane (50 ms
for 100), the conductances (2 and 10 ms for 1 and 2) and the step of the threshold (1 mV
for 0.05) are not, nor is the rule of learning, which is the paper's with an offset of the trace.
"""

import brian2
import matplotlib.pyplot as plt
import quantities as pq
from brian2 import *

from brianpresyn import (
    Stage,
    SynapseCode,
    bernoulli_release,
    energy_ledger,
    energy_report,
    synapses,
)
from brianpresyn.biophys import ReferenceSynapse
from brianpresyn.spikes import same_spikes

MEASURED = "energy of the input synapses (pJ)"
UNRELIABLE = 0.5
TRACE = "dbefore/dt = -before/(20*ms) : 1 (event-driven)"
LEARN = "q = clip(q + 0.05*(before - 0.4)*(LARGEST - q), 0*nS, LARGEST)"
LARGEST = 1 * nS


def simulate(p_release=None, seed=1, n_cells=16, duration=6 * second):
    """Return spikes, energy, and the weights of all cells as pictures."""
    brian2.seed(seed)
    defaultclock.dt = 0.5 * ms
    rng = np.random.default_rng(seed)
    side = 6
    # One row or column after the other, 100 ms each, with 50 ms of rest.
    picture = np.zeros((2 * side, side, side))
    for k in range(side):
        picture[k, k, :] = picture[side + k, :, k] = 1
    shown = picture[rng.integers(0, 2 * side, int(duration / (150 * ms)) + 1)]
    rates = np.repeat(shown.reshape(len(shown), -1), 3, axis=0)
    rates[2::3] = 0
    pixels = TimedArray(100 * Hz * rates, dt=50 * ms)
    inputs = PoissonGroup(side**2, rates="pixels(t, i)")
    cells = NeuronGroup(
        n_cells,
        """dv/dt = (-65*mV - v + (-g_e*v + g_i*(-100*mV - v))/nS)/(50*ms) : volt (unless refractory)
           dg_e/dt = -g_e/(2*ms) : siemens
           dg_i/dt = -g_i/(10*ms) : siemens
           dtheta/dt = -theta/(20*second) : volt""",
        threshold="v > -52*mV + theta",
        reset="v = -65*mV; theta += 1*mV",
        refractory=5 * ms,
        method="euler",
    )
    cells.v = -65 * mV
    inhibition = Synapses(cells, cells, on_pre="g_i_post += 10*nS", name="inhibition")
    inhibition.connect(condition="i != j")
    start = rng.uniform(0.2, 0.5, side**2 * n_cells) * LARGEST
    if p_release is None:
        on_pre = "g_e_post += q\nbefore += 1"
        model = "q : siemens\n" + TRACE
        link = Synapses(inputs, cells, model, on_pre, on_post=LEARN, name="link")
        link.connect()
        link.q = start
    else:
        learning = {Stage.LEARN: "before += 1"}, {Stage.LEARN: LEARN}
        code = bernoulli_release(p_release, q=start, target="g_e")
        code += SynapseCode("stdp", TRACE, *learning, requires={"q"})
        code += energy_ledger(code, reference=ReferenceSynapse(q=0.5 * pq.nS))
        link = synapses(inputs, cells, code, connect=True, seed=seed, name="link")
    spikes = SpikeMonitor(cells)
    network = Network(inputs, cells, inhibition, link, spikes)
    network.run(duration, namespace={"LARGEST": LARGEST, "pixels": pixels})
    energy = np.nan if p_release is None else energy_report(link).total * 1e12
    return spikes, energy, np.array(link.q).reshape(side, side, n_cells)


# %%
plain, *_ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 4.2))
for axes, (p, (_, energy, weights)) in zip(panels, runs.items(), strict=True):
    framed = np.pad(weights, ((0, 1), (0, 1), (0, 0)), constant_values=np.nan)
    rows = [np.hstack([framed[..., 4 * r + k] for k in range(4)]) for r in range(4)]
    axes.imshow(np.vstack(rows) * 1e9, vmin=0, vmax=1, cmap="viridis")
    axes.set(title=f"p = {p}: weights of 16 cells, {energy:.0f} pJ", xticks=[], yticks=[])
plt.show()
