"""Run an export for CUDA with spike trains: python in_cuda.py FOLDER NAME COMPILER

With g++ it runs on the host, with nvcc on the GPU, where every synapse has a thread.
"""

import ctypes
import json
import pathlib
import re
import subprocess
import sys

import numpy as np

PROGRAM = """#include "{name}.cuh"
PRESYN_DEVICE static void all_steps({kind}* synapses, const {kind}Shared shared, const bool* spikes,
                                    const int64_t* pre, int64_t n_steps, int64_t n_neurons, int64_t k,
                                    double* amounts) {{
    for (int64_t step = 0; step < n_steps; step++)
        if (spikes[step * n_neurons + pre[k]])
            amounts[step * n_neurons + pre[k]] = {name}_on_pre(synapses[k], shared, 1e-3 * (step + 1));
}}
#ifdef __CUDACC__
__global__ void kernel({kind}* synapses, const {kind}Shared shared, const bool* spikes, const int64_t* pre,
                       int64_t n_steps, int64_t n_neurons, int64_t n_synapses, double* amounts) {{
    const int64_t k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n_synapses) all_steps(synapses, shared, spikes, pre, n_steps, n_neurons, k, amounts);
}}
template <typename T> static T* on_device(const T* values, size_t size) {{
    T* copy;
    cudaMalloc(&copy, size * sizeof(T));
    cudaMemcpy(copy, values, size * sizeof(T), cudaMemcpyHostToDevice);
    return copy;
}}
#endif
extern "C" int run({kind}* synapses, const {kind}Shared* shared, const bool* spikes, const int64_t* pre,
                   int64_t n_steps, int64_t n_neurons, int64_t n_synapses, double* amounts) {{
#ifdef __CUDACC__
    double* computed = on_device(amounts, n_steps * n_neurons);
    kernel<<<(n_synapses + 127) / 128, 128>>>(
        on_device(synapses, n_synapses), *shared, on_device(spikes, n_steps * n_neurons),
        on_device(pre, n_synapses), n_steps, n_neurons, n_synapses, computed);
    cudaMemcpy(amounts, computed, n_steps * n_neurons * sizeof(double), cudaMemcpyDeviceToHost);
    return cudaGetLastError();
#else
    for (int64_t k = 0; k < n_synapses; k++)
        all_steps(synapses, *shared, spikes, pre, n_steps, n_neurons, k, amounts);
    return 0;
#endif
}}
"""

folder, name, compiler = pathlib.Path(sys.argv[1]), *sys.argv[2:]
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
source = {"g++": "program.cpp", "nvcc": "program.cu"}[compiler]
position = {"g++": ["-fPIC"], "nvcc": ["-Xcompiler", "-fPIC", "-arch=native"]}[compiler]
(folder / source).write_text(PROGRAM.format(name=name, kind=kind))
command = [compiler, "-O2", "-shared", *position, source, "-o", "program.so"]
subprocess.run(command, cwd=folder, check=True)
amounts, pre = np.zeros(trains.shape), table["pre"].astype(np.int64)
arrays = (each.ctypes.data_as(ctypes.c_void_p) for each in (synapses, common, trains, pre))
sizes = (ctypes.c_int64(each) for each in (*trains.shape, len(table)))
program = ctypes.CDLL(str(folder / "program.so"))
assert program.run(*arrays, *sizes, amounts.ctypes.data_as(ctypes.c_void_p)) == 0, "a call of CUDA failed"
np.save(folder / "released.npy", np.rint(amounts).astype(int))
print(compiler)
