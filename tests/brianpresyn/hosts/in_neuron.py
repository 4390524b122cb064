"""Run a compiled export for NEURON with spike trains: python in_neuron.py FOLDER NAME N_THREADS"""

import json
import pathlib
import re
import sys

import neuron
import numpy as np
from neuron import h

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
shared = json.loads((folder / f"{name}_shared.json").read_text())
table = np.genfromtxt(folder / f"{name}_synapses.csv", delimiter=",", names=True, dtype=None)
trains = np.load(folder / "trains.npy")
h.load_file("stdrun.hoc")
h.ParallelContext().nthread(int(sys.argv[3]))
cells = [h.Section(name=f"cell{k}") for k in range(2)]
synapses = [getattr(h, f"{name[0].upper()}{name[1:]}Synapse")(cell(0.5)) for cell in cells]
halves = {f"{each}_high": value >> 32 for each, value in shared.items() if each.endswith("_key")}
halves |= {f"{each}_low": value & 0xFFFFFFFF for each, value in shared.items() if each.endswith("_key")}
for synapse in synapses:
    for each, value in (shared | halves).items():
        if hasattr(synapse, each):
            setattr(synapse, each, value)
weights = re.search(r"NET_RECEIVE\((.*)\)", (folder / f"{name}.mod").read_text()).group(1).split(", ")
counter = weights.index("n_vesicles")
connections, counts = [], []
for row in table:
    synapse = synapses[row["post"] % 2]
    connection = h.NetCon(None, synapse)
    values = {
        "weight": row["q"],
        "number_high": row["number"] >> 32,
        "number_low": row["number"] & 0xFFFFFFFF,
    }
    for place, each in enumerate(weights):
        connection.weight[place] = values.get(each, row[each] if each in table.dtype.names else 0.0)
    counts.append(h.Vector().record(synapse, connection._ref_weight[counter], 1.0))
    connections.append(connection)


def events():
    for connection, pre in zip(connections, table["pre"], strict=True):
        for step in np.flatnonzero(trains[:, pre]):
            connection.event(step + 0.5)


start = h.FInitializeHandler(events)
h.dt = 0.5
h.finitialize(0)
h.continuerun(len(trains) + 1)
counted = np.array([np.array(count) for count in counts]).T
released = np.zeros(trains.shape, int)
released[:, table["pre"]] = np.diff(counted[: len(trains) + 1], axis=0)
np.save(folder / "released.npy", released)
print(neuron.__version__)
