"""Run an export for NEST with spike trains: python in_nest.py FOLDER NAME N_THREADS"""

import json
import pathlib
import sys

import nest
import numpy as np

folder, name, n_threads = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
shared = json.loads((folder / f"{name}_shared.json").read_text())
table = np.genfromtxt(folder / f"{name}_synapses.csv", delimiter=",", names=True, dtype=None)
trains = np.load(folder / "trains.npy")
nest.set_verbosity("M_ERROR")
nest.set(resolution=1.0, local_num_threads=n_threads)
nest.Install(str(folder / f"{name}module.so"))
recorder = nest.Create("weight_recorder")
known = nest.GetDefaults(f"{name}_synapse")
common = {each: value for each, value in shared.items() if each in known}
nest.CopyModel(
    f"{name}_synapse",
    "tested",
    {**common, "weight_recorder": recorder, "send_failures": bool(len(sys.argv) > 4)},
)
size = len(table)
times = [np.flatnonzero(train) + 1.0 for train in trains.T]
generators = nest.Create("spike_generator", size, [{"spike_times": each} for each in times])
sources = nest.Create("parrot_neuron", size)
targets = nest.Create("parrot_neuron", size)
nest.Connect(generators, sources, "one_to_one", {"delay": 1.0})
pre, post = np.array(sources.tolist())[table["pre"]], np.array(targets.tolist())[table["post"]]
own = {
    each: table[each] for each in table.dtype.names if each in known and each not in ("delay", "q", "number")
}
own |= {"number_high": table["number"] >> 32, "number_low": table["number"].astype(np.int32)}
nest.Connect(
    pre, post, "one_to_one", {"synapse_model": "tested", "weight": table["q"], "delay": np.ones(size), **own}
)
made = nest.GetConnections(synapse_model="tested")
numbers = set(zip(made.source, made.target, made.number, strict=True))
assert numbers == set(zip(pre.tolist(), post.tolist(), table["number"].tolist(), strict=True)), (
    "NEST holds other numbers of synapses"
)
nest.Simulate(len(trains) + 4.0)
events = recorder.get("events")
released = np.zeros(trains.shape, int)
steps = np.rint(events["times"]).astype(int) - 2
released[steps, np.asarray(events["senders"]) - sources.tolist()[0]] = np.rint(events["weights"])
np.save(folder / "released.npy", released)
print(nest.__version__)
