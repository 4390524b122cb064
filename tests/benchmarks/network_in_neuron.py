"""Network A in NEURON, from the folder where exported.mod is compiled: python network_in_neuron.py

It prints seconds; what the network is comes as JSON on the standard input.
"""

import json
import sys
import time

import numpy as np
from neuron import h


def seconds(task: dict) -> float:
    """Return the processor time of Poisson sources that excite passive neurons, without its set-up."""
    rng, cells, processes = np.random.default_rng(3), [], []
    for _ in range(task["n_targets"]):
        cell = h.Section()
        cell.insert("pas")
        cell.L = cell.diam = 20
        cells.append(cell)
        processes.append(h.ExportedSynapse(cell(0.5)))
    sources, connections = [], []
    for number in range(task["n_sources"]):
        source = h.NetStim()
        source.start, source.number, source.noise = 0, 1e9, 1
        source.interval = 1e3 / task["rate"]
        source.noiseFromRandom123(number, 1, 1)
        sources.append(source)
        for place in rng.choice(task["n_targets"], task["n_synapses_per_source"], replace=False):
            connection = h.NetCon(source, processes[place])
            connection.delay, connection.weight[0] = task["delay"], 1e-9
            connection.weight[2] = len(connections)
            connection.weight[3] = rng.uniform(*task["p"])
            connections.append(connection)
    h.dt = 0.1
    h.finitialize(-65)
    h.continuerun(100)
    start = time.process_time()
    h.continuerun(100 + 1e3 * task["duration"])
    return time.process_time() - start


h.load_file("stdrun.hoc")
print(seconds(json.load(sys.stdin)))
