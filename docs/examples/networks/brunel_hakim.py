"""
Fast oscillations of an inhibitory network: failures blur them
==============================================================

Cells that inhibit each other after a delay, under a noisy drive, fire rarely and
irregularly, yet the whole population oscillates fast. A synapse that fails adds noise
to the inhibition; at the same mean strength the oscillation becomes weaker.

Brunel N, Hakim V (1999). "Fast global oscillations in networks of integrate-and-fire
neurons with low firing rates". Neural Comput 11:1621-1671,
doi:10.1162/089976699300016179. Cut to a fifth of the cells, with synapses five times as
strong.
"""

import brian2
import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import bernoulli_release, synapses
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "sd / mean of the population rate"
UNRELIABLE = 0.2


def simulate(p_release=None, seed=1, n_cells=1000, duration=400 * ms):
    """Return spikes and the modulation of the population rate, binned in 1 ms."""
    brian2.seed(seed)
    rng = np.random.default_rng(seed)
    cells = NeuronGroup(
        n_cells,
        "dv/dt = (25*mV - v + sqrt(20*ms)*1*mV*xi)/(20*ms) : volt (unless refractory)",
        threshold="v > 20*mV",
        reset="v = 10*mV",
        refractory=2 * ms,
        method="euler",
    )
    cells.v = 10 * mV
    i, j = np.nonzero(rng.random((n_cells, n_cells)) < 0.2)
    jump = -0.1 * mV * 5000 / n_cells
    if p_release is None:
        inhibition = Synapses(
            cells, on_pre="v_post += jump", delay=2 * ms, name="inhibition"
        )
        inhibition.namespace["jump"] = jump
        inhibition.connect(i=i, j=j)
    else:
        code = bernoulli_release(p_release, mean=jump)
        options = {"seed": seed, "name": "inhibition", "delay": 2 * ms}
        inhibition = synapses(cells, None, code, connect={"i": i, "j": j}, **options)
    spikes, rate = SpikeMonitor(cells), PopulationRateMonitor(cells)
    Network(cells, inhibition, spikes, rate).run(duration, namespace={})
    binned = np.asarray(rate.rate).reshape(-1, 10).mean(axis=1)[len(rate.t) // 40 :]
    return spikes, binned.std() / max(binned.mean(), 1e-9)


# %%
# The drive and its noise are the same in all runs.
plain, _ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, panels = plt.subplots(2, 2, figsize=(9, 4.5), sharex=True, sharey="row")
for (raster, rate), (p, (spikes, modulation)) in zip(panels.T, runs.items(), strict=True):
    plot_spikes(spikes, raster, markersize=3)
    raster.set(title=f"p = {p}: sd / mean = {modulation:.2f}", xlabel="", xlim=(200, 300))
    counts, edges = np.histogram(spikes.t / ms, np.arange(0, 401))
    rate.plot(edges[:-1], counts / len(spikes.source) * 1000, color="#0072B2")
    rate.set(xlabel="time (ms)", ylabel="rate (Hz)", ylim=(0, 20))
plt.show()
