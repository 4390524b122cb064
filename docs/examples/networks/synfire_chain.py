"""
A synfire chain bears failures
==============================

A volley of spikes travels from group to group of a feedforward chain and becomes sharp,
or dies out. Each cell listens to a hundred others, which averages failures out: at the
same mean strength four failures in five do no more than widen the volley.

Diesmann M, Gewaltig MO, Aertsen A (1999). "Stable propagation of synchronous spiking in
cortical neural networks". Nature 402:529-533, doi:10.1038/990101.
"""

import brian2
import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import bernoulli_release, synapses
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "spread of the last volley (ms)"
UNRELIABLE = 0.2


def simulate(p_release=None, seed=1, n_groups=10, duration=80 * ms):
    """Return spikes and the interquartile range of the spikes of the last group."""
    brian2.seed(seed)
    rng = np.random.default_rng(seed)
    cells = NeuronGroup(
        100 * n_groups,
        """dv/dt = (x - (v + 70*mV))/(10*ms) : volt
           dx/dt = (y - x)/(0.325*ms) : volt
           dy/dt = -y/(0.325*ms) + 25.27*mV/ms + 39.24*mV/sqrt(ms)*xi : volt""",
        threshold="v > -55*mV",
        reset="v = -70*mV",
        refractory=1 * ms,
        method="euler",
    )
    cells.v = rng.uniform(-70, -55, len(cells)) * mV
    # A volley of 85 spikes with a jitter of 1 ms.
    volley = SpikeGeneratorGroup(85, np.arange(85), rng.normal(20, 1, 85) * ms)
    links = []
    for name, source, connect in (
        ("start", volley, {"condition": "j < 100"}),
        (
            "chain",
            cells,
            {"j": "k for k in range((i//100 + 1)*100, (i//100 + 2)*100) if k < N_post"},
        ),
    ):
        if p_release is None:
            link = Synapses(
                source, cells, on_pre="y_post += 4.86*mV", delay=5 * ms, name=name
            )
            link.connect(**connect)
        else:
            code = bernoulli_release(p_release, mean=4.86 * mV, target="y")
            options = {"seed": seed, "name": name, "delay": 5 * ms}
            link = synapses(source, cells, code, connect=connect, **options)
        links.append(link)
    spikes = SpikeMonitor(cells)
    Network(cells, volley, spikes, *links).run(duration, namespace={})
    last = spikes.t[(spikes.i >= len(cells) - 100) & (spikes.t > duration - 10 * ms)] / ms
    return spikes, np.subtract(*np.percentile(last, [75, 25])) if len(last) else np.nan


# %%
plain, _ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE, 0.05)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True)
for axes, (p, (spikes, spread)) in zip(panels, runs.items(), strict=True):
    plot_spikes(spikes, axes)
    axes.set_title(f"p = {p}: last volley {spread:.1f} ms wide")
plt.show()
