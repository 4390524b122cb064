"""
Hearing where a sound comes from, with synapses that fail
=========================================================

A sound reaches one ear before the other. Cells that listen to both ears through delays
of different length fire most where the delays make up for the difference: the place of
the activity tells the direction. Failures break coincidences: the place stays, but only
the cells that are nearest to it still fire, and less.

Jeffress LA (1948). "A place theory of sound localization". J Comp Physiol Psychol
41:35-39, doi:10.1037/h0061495.
"""

import brian2
import matplotlib.pyplot as plt
from brian2 import *

from brianpresyn import bernoulli_release, synapses
from brianpresyn.spikes import same_spikes

MEASURED = "spikes of the cells"
UNRELIABLE = 0.8
LAG, LONGEST, DT = 200 * us, 500 * us, 20 * us


def simulate(p_release=None, seed=1, n_fibres=20, duration=200 * ms):
    """Return spikes, their number, and the lag that each cell stands for."""
    brian2.seed(seed)
    noise = np.random.default_rng(seed).normal(size=int(duration / DT) + 1)
    # Fibres of both ears hear the same noise, those of the second one later.
    ears = NeuronGroup(
        2 * n_fibres,
        """dx/dt = (7*sound(t - lag) - x)/(1*ms) + 0.1*xi/sqrt(1*ms) : 1 (unless refractory)
           lag : second (constant)""",
        threshold="x > 1",
        reset="x = 0",
        refractory=2.5 * ms,
        method="euler",
        dt=DT,
    )
    ears.lag = np.repeat([0, float(LAG)], n_fibres) * second
    cells = NeuronGroup(
        51,
        "dv/dt = -v/(0.1*ms) : 1",
        threshold="v > 0.9",
        reset="v = 0",
        refractory=1 * ms,
        method="exact",
        dt=DT,
    )
    if p_release is None:
        fibres = Synapses(ears, cells, on_pre="v_post += quantum", dt=DT, name="fibres")
        fibres.namespace["quantum"] = 1 / n_fibres
        fibres.connect()
    else:
        code = bernoulli_release(p_release, q=1 / n_fibres)
        options = {"seed": seed, "dt": DT, "name": "fibres"}
        fibres = synapses(ears, cells, code, connect=True, **options)
    lags = np.linspace(-1, 1, 51) * LONGEST
    # The first ear's way is as much longer as the sound comes earlier.
    is_first = fibres.i[:] < n_fibres
    fibres.delay = (LONGEST + np.where(is_first, 1, -1) * lags[fibres.j[:]]) / 2
    spikes = SpikeMonitor(cells)
    network = Network(ears, cells, fibres, spikes)
    network.run(duration, namespace={"sound": TimedArray(noise, dt=DT)})
    return spikes, float(spikes.num_spikes), lags / us


# %%
# A quantum keeps its size: what fails is missing.
plain, *_ = simulate()
runs = {p: simulate(p) for p in (1.0, UNRELIABLE, 0.6)}
print(f"same spikes at p = 1: {same_spikes(plain, runs[1.0][0])}")

# %%
figure, axes = plt.subplots(figsize=(7, 3.6))
for p, (spikes, n_spikes, lags) in runs.items():
    axes.plot(lags, spikes.count, label=f"p = {p}: {n_spikes:.0f} spikes")
axes.axvline(LAG / us, color="black", linewidth=0.8, linestyle="--", label="the sound")
axes.set(xlabel="lag that the cell listens to (us)", ylabel="spikes")
axes.legend(loc="upper left")
plt.show()
