"""Run an export for PyNN's Brian2 backend with spike trains: python in_pynn.py FOLDER NAME"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3]))
sys.path.insert(0, sys.argv[1])

import brian2
import numpy as np
import pyNN
import pyNN.brian2 as sim
import tested

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
brian2.prefs.codegen.target = "numpy"
shared = json.loads((folder / f"{name}_shared.json").read_text())
table = np.genfromtxt(folder / f"{name}_synapses.csv", delimiter=",", names=True, dtype=None)
trains = np.load(folder / "trains.npy")
sim.setup(timestep=1.0, min_delay=1.0)
times = [np.flatnonzero(train) + 1.0 for train in trains.T]
sources = sim.Population(trains.shape[1], sim.SpikeSourceArray(spike_times=times))
cells = sim.Population(trains.shape[1], sim.IF_cond_exp())
values = {each: table[each] for each in table.dtype.names}
values |= {"weight": table["q"], "delay": np.full(len(table), 1.0)}
for each, number in {"number": table["number"], **shared}.items():
    if each == "number" or each.endswith("_key"):
        numbers = np.broadcast_to(number, len(table))
        values |= {f"{each}_high": numbers >> 32, f"{each}_low": numbers & 0xFFFFFFFF}
    elif each != "units":
        values.setdefault(each, np.full(len(table), number))
columns = [each for each in tested.TestedSynapse.default_parameters if each in values]
rows = list(zip(table["pre"], table["post"], *(values[each] for each in columns), strict=True))
projection = sim.Projection(
    sources, cells, sim.FromListConnector(rows, column_names=columns), tested.TestedSynapse()
)
((built,),) = (each.values() for each in projection._brian2_synapses.values())
monitor = brian2.StateMonitor(
    built, "n_vesicles", record=True, when="end", clock=sim.simulator.state.network.clock
)
sim.simulator.state.network.add(monitor)
sim.run(len(trains) + 4.0)
counted = np.array(monitor.n_vesicles)[np.argsort(built.i[:])].T
released = np.diff(counted, axis=0, prepend=0)
# A spike of step k, at k + 1 ms, arrives 1 ms later.
np.save(folder / "released.npy", released[2 : len(trains) + 2])
print(pyNN.__version__)
