"""Run an export for CUDA on the host with spike trains: python in_cuda.py FOLDER NAME"""

import ctypes
import json
import pathlib
import re
import subprocess
import sys

import numpy as np

PROGRAM = """#include "{name}.cuh"
extern "C" void run({kind}* synapses, const {kind}Shared* shared, const bool* spikes, const int64_t* pre,
                    int64_t n_steps, int64_t n_neurons, int64_t n_synapses, double* amounts) {{
    for (int64_t step = 0; step < n_steps; step++)
        for (int64_t k = 0; k < n_synapses; k++)
            if (spikes[step * n_neurons + pre[k]])
                amounts[step * n_neurons + pre[k]] = {name}_on_pre(synapses[k], *shared, 1e-3 * (step + 1));
}}
"""

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
text = (folder / f"{name}.cuh").read_text()
kind = f"{name[0].upper()}{name[1:]}Synapse"
shared = json.loads((folder / f"{name}_shared.json").read_text())
table = np.genfromtxt(folder / f"{name}_synapses.csv", delimiter=",", names=True, dtype=None)
trains = np.load(folder / "trains.npy")


def record(struct, size, values, defaults):
    body = re.search(rf"struct {struct} {{\n(.*?)}};", text, re.DOTALL).group(1)
    fields = re.findall(r"(int64_t|double) (\w+)", body)
    records = np.zeros(size, [(each, np.int64 if type_ == "int64_t" else float) for type_, each in fields])
    for _, each in fields:
        records[each] = values[each] if each in values else defaults.get(each, 0)
    return records


synapses = record(kind, len(table), {each: table[each] for each in table.dtype.names}, {})
common = record(f"{kind}Shared", 1, {}, shared)
(folder / "host.cpp").write_text(PROGRAM.format(name=name, kind=kind))
subprocess.run(["g++", "-O2", "-shared", "-fPIC", "host.cpp", "-o", "host.so"], cwd=folder, check=True)
amounts, pre = np.zeros(trains.shape), table["pre"].astype(np.int64)
arrays = (each.ctypes.data_as(ctypes.c_void_p) for each in (synapses, common, trains, pre))
sizes = (ctypes.c_int64(each) for each in (*trains.shape, len(table)))
ctypes.CDLL(str(folder / "host.so")).run(*arrays, *sizes, amounts.ctypes.data_as(ctypes.c_void_p))
np.save(folder / "released.npy", np.rint(amounts).astype(int))
print("on-host")
