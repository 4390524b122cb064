"""Run an export for JAX with spike trains: python in_jax.py FOLDER NAME X64"""

import importlib.util
import inspect
import json
import pathlib
import sys

import jax
import numpy as np

jax.config.update("jax_enable_x64", sys.argv[3] == "1")
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
shared = json.loads((folder / f"{name}_shared.json").read_text())
table = np.genfromtxt(folder / f"{name}_synapses.csv", delimiter=",", names=True, dtype=None)
trains = np.load(folder / "trains.npy")
specification = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
synapse = importlib.util.module_from_spec(specification)
specification.loader.exec_module(synapse)
known = inspect.signature(synapse.build).parameters
values = {each: table[each] for each in table.dtype.names if each in known}
parameters, state = synapse.build(**{**values, **{each: shared[each] for each in shared if each in known}})


def step(state, inputs):
    t, arrived = inputs
    return synapse.on_pre(parameters, state, t, arrived)


times = 1e-3 * np.arange(1, len(trains) + 1)
amounts = jax.jit(lambda state: jax.lax.scan(step, state, (times, trains[:, table["pre"]])))(state)[1]
released = np.zeros(trains.shape, int)
released[:, table["pre"]] = np.rint(np.asarray(amounts))
np.save(folder / "released.npy", released)
print(jax.__version__)
