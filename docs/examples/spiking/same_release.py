"""
The same releases in another simulator
======================================

What a synapse releases follows from its key, its number and the number of the event, in integers. Exported to
JAX, it releases at every event what it releases in Brian2; exports to NEST, NEURON and PyNN do the same.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from brian2 import NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms, mV, run

from brianpresyn import binomial_release, release_counters, synapses

# %%
# Eight synapses with five sites each answer forty spikes; p differs from synapse to synapse.
n_events, n_synapses = 40, 8
times = np.arange(n_events) + 0.5
spikes = SpikeGeneratorGroup(1, np.zeros(n_events, int), times * ms)
cells = NeuronGroup(n_synapses, "v : volt")
code = binomial_release(n=5, p="0.1*(j + 1)", q=0.5 * mV) + release_counters()
connection = synapses(spikes, cells, code, connect=True, seed=1, numbering="contacts")
counted = StateMonitor(connection, "n_vesicles", record=True, dt=1 * ms)
run((n_events + 1) * ms)
in_brian2 = np.diff(counted.n_vesicles, axis=1)

# %%
# The export is a module that needs JAX and numpy alone, with a table of the synapses and their key.
with TemporaryDirectory() as folder:
    code.export("jax", name="unreliable").write(folder, connection)
    sys.path.insert(0, folder)
    import unreliable

    file = f"{folder}/unreliable_synapses.csv"
    table = np.genfromtxt(file, delimiter=",", names=True, dtype=None)
    shared = json.loads(Path(folder, "unreliable_shared.json").read_text())
parameters, state = unreliable.build(
    table["number"],
    release_key=shared["release_key"],
    n=table["n"],
    p=table["p"],
    q=table["q"],
)
in_jax = []
for time in times:
    before = state["n_vesicles"]
    state, _ = unreliable.on_pre(parameters, state, 1e-3 * time, True)
    in_jax.append(np.asarray(state["n_vesicles"] - before))
print("events that differ:", int(np.sum(np.transpose(in_jax) != in_brian2)))

# %%
figure, panel = plt.subplots(figsize=(8, 3.2))
event, synapse = np.meshgrid(np.arange(n_events), np.arange(n_synapses))
for counts, style in (
    (in_brian2, {"facecolors": "none", "edgecolors": "#0072B2", "label": "Brian2"}),
    (np.transpose(in_jax), {"color": "#D55E00", "marker": ".", "label": "JAX"}),
):
    scale = 22 if style["label"] == "Brian2" else 10
    panel.scatter(event, table["p"][synapse], scale * counts, linewidths=1, **style)
panel.set(xlabel="event", ylabel="release probability", title="area: vesicles released")
panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()
