"""
A rhythm of simple cells, with synapses that facilitate and fail
================================================================

A network of excitatory and inhibitory cells under noise shows rhythms like those of
cortex. Here the excitatory synapses facilitate; in the second run each of them is a
single site that releases a vesicle or fails, with the same mean: the rhythm stays.

Izhikevich EM (2003). "Simple model of spiking neurons". IEEE Trans Neural Netw
14:1569-1572, doi:10.1109/TNN.2003.820440. Facilitation: Markram H, Wang Y, Tsodyks M
(1998). "Differential signaling via the same axon of neocortical pyramidal neurons". PNAS
95:5323-5328, doi:10.1073/pnas.95.9.5323.
"""

import brian2
import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import stochastic_tsodyks_markram, synapses, tsodyks_markram
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "sd / mean of the population rate"
RELIABLE, UNRELIABLE = "mean", "vesicles"
KINDS = {"mean": tsodyks_markram, "vesicles": stochastic_tsodyks_markram}
TIMES = {"tau_rec": 100 * ms, "tau_facil": 500 * ms}
BY_HAND = """dusage/dt = -usage/tau_facil : 1 (event-driven)
             dx/dt = (1 - x)/tau_rec : 1 (event-driven)
             jump : 1 (constant)"""
AT_SPIKES = """usage += 0.2*(1 - usage)
               transmitted = usage*x
               v_post += transmitted*jump
               x -= transmitted"""


def simulate(release=None, seed=1, n_cells=500, duration=600 * ms):
    """Return spikes and the modulation of the population rate in bins of 5 ms."""
    brian2.seed(seed)
    brian2.defaultclock.dt = 0.5 * ms
    rng = np.random.default_rng(seed)
    n_e = n_cells * 4 // 5
    is_e, r = np.arange(n_cells) < n_e, rng.random(n_cells)
    cells = NeuronGroup(
        n_cells,
        """dv/dt = (0.04*v**2 + 5*v + 140 - u + drive)/ms : 1
           du/dt = a*(b*v - u)/ms : 1
           drive : 1
           a : 1
           b : 1""",
        threshold="v >= 30",
        reset="v = -65; u += 8 - 6*int(i >= N*4//5)",
        method="euler",
    )
    cells.a = np.where(is_e, 0.02, 0.02 + 0.08 * r)
    cells.b = np.where(is_e, 0.2, 0.25 - 0.05 * r)
    cells.v, cells.u = -65, -13
    cells.run_regularly("drive = (2 + 3*int(i < N*4//5))*randn()", dt=1 * ms)
    # Each cell reaches all others, as strongly in sum as a thousand cells would.
    jumps = rng.random((n_cells, n_cells)) * 1000 / n_cells
    options = {"on_pre": "v_post -= jump", "name": "inhibition"}
    inhibition = Synapses(cells[n_e:], cells, "jump : 1", **options)
    inhibition.connect()
    inhibition.jump = jumps[n_e:].ravel()
    means = 0.5 * jumps[:n_e].ravel()
    if release is None:
        options = {"namespace": TIMES, "name": "excitation"}
        excitation = Synapses(cells[:n_e], cells, BY_HAND, AT_SPIKES, **options)
        excitation.connect()
        excitation.x, excitation.jump = 1, means / 0.2
    else:
        # The cells have a variable u of their own.
        code = KINDS[release](0.2, mean=means, **TIMES).renamed({"u": "usage"})
        options = {"connect": True, "seed": seed, "name": "excitation"}
        excitation = synapses(cells[:n_e], cells, code, **options)
    spikes = SpikeMonitor(cells)
    Network(cells, inhibition, excitation, spikes).run(duration, namespace={})
    bins = np.arange(0.2 * duration / ms, duration / ms, 5)
    counts, _ = np.histogram(spikes.t / ms, bins)
    return spikes, counts.std() / counts.mean()


# %%
# What is compared: facilitation written by hand, by the package, and vesicle by vesicle.
plain, _ = simulate()
runs = {release: simulate(release) for release in (RELIABLE, UNRELIABLE)}
print(f"same spikes as by hand: {same_spikes(plain, runs[RELIABLE][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axes, (release, (spikes, modulation)) in zip(panels, runs.items(), strict=True):
    plot_spikes(spikes, axes)
    axes.set_title(f"{release}: sd / mean of the rate {modulation:.2f}")
plt.show()
