"""
Population bursts of a network with depressing synapses
=======================================================

Synapses that depress let a recurrent network burst: all cells fire at once, the vesicles
are used up, and the next burst waits until they are back. Every synapse has its own
probability, strength and time of recovery. Where vesicles are released one by one, with
the same means, bursts come more often and take fewer cells with them.

Tsodyks M, Uziel A, Markram H (2000). "Synchrony generation in recurrent networks with
frequency-dependent synapses". J Neurosci 20:RC50,
doi:10.1523/JNEUROSCI.20-01-j0003.2000. Values as there; among synapses, those between
excitatory cells alone differ from each other.
"""

import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import stochastic_tsodyks_markram, synapses, tsodyks_markram
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "most spikes within 10 ms (% of the cells)"
RELIABLE, UNRELIABLE = "mean", "vesicles"
KINDS = {"mean": tsodyks_markram, "vesicles": stochastic_tsodyks_markram}
DEPRESSING = """dx/dt = (1 - x)/tau_rec : 1 (event-driven)
                tau_rec : second (constant)
                p : 1 (constant)
                q : volt (constant)"""
FACILITATING = """dx/dt = (1 - x)/(100*ms) : 1 (event-driven)
                  du/dt = -u/(1000*ms) : 1 (event-driven)"""
TRANSMIT = """transmitted = p*x
              current_post += transmitted*q
              x -= transmitted"""


def simulate(release=None, seed=1, n_cells=500, duration=2000 * ms):
    """Return spikes and the size of the largest burst after the first 200 ms."""
    defaultclock.dt = 0.2 * ms
    rng = np.random.default_rng(seed)
    n_e = n_cells * 4 // 5
    cells = NeuronGroup(
        n_cells,
        """dv/dt = (current + drive - v)/(30*ms) : volt (unless refractory)
           dcurrent/dt = -current/(3*ms) : volt
           drive : volt (constant)
           rest : second (constant)""",
        threshold="v > 15*mV",
        reset="v = 13.5*mV",
        refractory="rest",
        method="exact",
    )
    # Some cells fire on their own.
    cells.drive = rng.uniform(14.625, 15.375, n_cells) * mV
    cells.rest = np.where(np.arange(n_cells) < n_e, 3, 2) * ms
    cells.v = rng.uniform(0, 15, n_cells) * mV
    is_connected = rng.random((n_cells, n_cells)) < 50 / n_cells
    links = []
    facilitating = "u += 0.04*(1 - u)\ncurrent_post += jump*u*x\nx -= u*x"
    depressing = "current_post += jump*0.5*x\nx -= 0.5*x"
    recovering = "dx/dt = (1 - x)/(800*ms) : 1 (event-driven)"
    e, i = slice(0, n_e), slice(n_e, n_cells)
    for name, source, target, jump, model, on_pre in (
        ("e_to_i", e, i, 7.2 * mV, FACILITATING, facilitating),
        ("i_to_e", i, e, -5.4 * mV, recovering, depressing),
        ("i_to_i", i, i, -7.2 * mV, FACILITATING, facilitating),
    ):
        link = Synapses(cells[source], cells[target], model, on_pre, name=name)
        pre, post = np.nonzero(is_connected[source, target])
        link.connect(i=pre, j=post)
        link.namespace["jump"], link.x = jump, 1
        links.append(link)
    i, j = np.nonzero(is_connected[e, e])
    p = rng.normal(0.5, 0.25, len(i)).clip(0.1, 0.9)
    tau_rec = rng.normal(800, 400, len(i)).clip(100, 1500) * ms
    q = rng.normal(1.8, 0.9, len(i)).clip(0.36, 3.6) * mV
    if release is None:
        excitation = Synapses(cells[:n_e], cells[:n_e], DEPRESSING, TRANSMIT, name="e_to_e")
        excitation.connect(i=i, j=j)
        excitation.x, excitation.p, excitation.q, excitation.tau_rec = 1, p, q, tau_rec
    else:
        code = KINDS[release](p, tau_rec=tau_rec, q=q, target="current")
        options = {"connect": {"i": i, "j": j}, "seed": seed, "name": "e_to_e"}
        excitation = synapses(cells[:n_e], cells[:n_e], code, **options)
    spikes = SpikeMonitor(cells)
    Network(cells, excitation, spikes, *links).run(duration, namespace={})
    counts, _ = np.histogram(spikes.t / ms, np.arange(200, duration / ms, 10))
    return spikes, 100 * counts.max() / n_cells


# %%
# What is compared: depression written by hand, by the package, and vesicle by vesicle.
plain, _ = simulate()
runs = {release: simulate(release) for release in (RELIABLE, UNRELIABLE)}
print(f"same spikes as by hand: {same_spikes(plain, runs[RELIABLE][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axes, (release, (spikes, share)) in zip(panels, runs.items(), strict=True):
    plot_spikes(spikes, axes)
    axes.set_title(f"{release}: at most {share:.0f} % in 10 ms")
plt.show()
