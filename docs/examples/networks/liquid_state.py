"""
What a liquid of cells still knows of its input
===============================================

A column of cells, connected at random and more often if near, turns spike trains into
lasting patterns of activity, from which a readout tells what came in before. Synapses
depress or facilitate; when they release vesicle by vesicle, the same input leaves a
different pattern each time.

Maass W, Natschläger T, Markram H (2002). "Real-time computing without stable states: a
new framework for neural computation based on perturbations". Neural Comput 14:2531-2560,
doi:10.1162/089976602760407955. Densities, dynamics and strengths are the means of its
appendix. It draws use and strength too, where only times are drawn here; all cells and
currents have here the times and inputs of its excitatory ones (3 ms, 18 mV through 1 MOhm),
inhibition too, and there are no delays.
"""

import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import stochastic_tsodyks_markram, synapses, tsodyks_markram
from brianpresyn.spikes import plot_spikes, same_spikes

MEASURED = "variance of the state that the input explains (%)"
RELIABLE, UNRELIABLE = "mean", "vesicles"
KINDS = {"mean": tsodyks_markram, "vesicles": stochastic_tsodyks_markram}
# From and to: density, use, times of recovery and facilitation, strength.
DYNAMICS = {
    "EE": (0.3, 0.5, 1100 * ms, 50 * ms, 30 * mV),
    "EI": (0.2, 0.05, 125 * ms, 1200 * ms, 60 * mV),
    "IE": (0.4, 0.25, 700 * ms, 20 * ms, -19 * mV),
    "II": (0.1, 0.32, 144 * ms, 60 * ms, -19 * mV),
}
CELL = """dv/dt = (current + 13.5*mV - v)/(30*ms) : volt (unless refractory)
          dcurrent/dt = -current/(3*ms) : volt"""
BY_HAND = """du/dt = -u/tau_facil : 1 (event-driven)
             dx/dt = (1 - x)/tau_rec : 1 (event-driven)
             tau_rec : second (constant)
             tau_facil : second (constant)"""
AT_SPIKES = """u += p*(1 - u)
               transmitted = u*x
               current_post += transmitted*q
               x -= transmitted"""


def simulate(release=None, seed=1, n_trials=60, duration=300 * ms):
    """Return spikes and what the input explains of the state 100 ms after its end."""
    defaultclock.dt = 0.2 * ms
    rng = np.random.default_rng(seed)
    # All trials run side by side, each in a column of its own with the same connections.
    firing = {"threshold": "v > 15*mV", "reset": "v = 13.5*mV", "refractory": 3 * ms}
    cells = NeuronGroup(135 * n_trials, CELL, method="exact", **firing)
    cells.v = np.tile(rng.uniform(13.5, 15, 135), n_trials) * mV
    # Two inputs of ten spike trains; trials get them by turns, with jitter.
    inputs = 15 + 50 * np.arange(4) + rng.uniform(0, 25, (2, 10, 4))
    jitter = rng.normal(0, 3, (n_trials, 10, 4))
    times = (inputs[np.arange(n_trials) % 2] + jitter).ravel() * ms
    trains = np.repeat(np.arange(10 * n_trials), 4)
    source = SpikeGeneratorGroup(10 * n_trials, trains, times)
    links = [Synapses(source, cells, on_pre="current_post += 18*mV", name="input")]
    links[0].connect(**in_every_column(rng.random((10, 135)) < 0.3, n_trials))
    kind = rng.choice(["E", "I"], 135, p=[0.8, 0.2])
    places = np.stack(np.unravel_index(np.arange(135), (15, 3, 3)), axis=1)
    nearness = np.exp(-(((places[:, None] - places) / 2) ** 2).sum(axis=2))
    for name, (density, p, tau_rec, tau_facil, q) in DYNAMICS.items():
        is_connected = rng.random((135, 135)) < density * nearness
        is_connected &= np.outer(kind == name[0], kind == name[1])
        pairs = in_every_column(is_connected, n_trials)
        # Time constants are drawn for every synapse, with a deviation of half the mean.
        factor = rng.normal(1, 0.5, (2, is_connected.sum())).clip(0.2, 2)
        tau_rec, tau_facil = (
            np.tile(factor, n_trials) * [[tau_rec / ms], [tau_facil / ms]] * ms
        )
        if release is None:
            options = {"name": name, "namespace": {"p": p, "q": q}}
            link = Synapses(cells, cells, BY_HAND, AT_SPIKES, **options)
            link.connect(**pairs)
            link.x, link.tau_rec, link.tau_facil = 1, tau_rec, tau_facil
        else:
            times = {"tau_rec": tau_rec, "tau_facil": tau_facil}
            code = KINDS[release](p, q=q, target="current", **times)
            link = synapses(cells, cells, code, connect=pairs, seed=seed, name=name)
        links.append(link)
    spikes = SpikeMonitor(cells)
    Network(cells, source, spikes, *links).run(duration, namespace={})
    recency = np.exp((spikes.t - duration) / (30 * ms))
    state = np.bincount(spikes.i, recency, len(cells)).reshape(-1, 2, 135)
    means, spread = state.mean(axis=0), state.var(axis=(0, 1)).sum()
    return spikes, 100 * ((means[0] - means[1]) ** 2).sum() / 4 / spread


def in_every_column(is_connected, n_columns):
    """Return the same connections in every column."""
    column = np.arange(n_columns)[:, None]
    (i, j), (n_from, n_to) = np.nonzero(is_connected), is_connected.shape
    return {"i": (i + n_from * column).ravel(), "j": (j + n_to * column).ravel()}


# %%
plain, _ = simulate()
runs = {release: simulate(release) for release in (RELIABLE, UNRELIABLE)}
print(f"same spikes as by hand: {same_spikes(plain, runs[RELIABLE][0])}")

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
# The first four trials: inputs one and two, twice.
for axes, (release, (spikes, explained)) in zip(panels, runs.items(), strict=True):
    plot_spikes(spikes, axes)
    axes.set(title=f"{release}: {explained:.0f} % explained", ylim=(-0.5, 4 * 135))
plt.show()
