"""What NEST does with its stochastic synapses: a program for an interpreter that has NEST, and nothing else.

It reads what to do as JSON from its input and prints what it found as JSON on its last line. It imports NEST,
numpy and the standard library only, because NEST is best installed in an environment of its own.
"""

import json
import sys
import time
from pathlib import Path

import nest
import numpy as np

# A neuron that adds up what arrives: no leak within any run, and no threshold in reach.
SUM = {"tau_m": 1e12, "E_L": 0.0, "V_reset": 0.0, "V_th": 1e12, "V_m": 0.0}


def responses(task):
    """Return what each of many synapses transmits at each spike of a train, in units of the weight."""
    nest.ResetKernel()
    nest.set(resolution=1.0, local_num_threads=1, rng_seed=task["seed"], print_time=False)
    times = np.array(task["spike_times"])
    generator = nest.Create("spike_generator", params={"spike_times": times - 1.0})
    # Devices cannot have plastic synapses: a parrot neuron repeats the train.
    parrot = nest.Create("parrot_neuron")
    receivers = nest.Create("iaf_psc_delta", task["n_synapses"], params=SUM)
    nest.Connect(generator, parrot, syn_spec={"delay": 1.0})
    nest.CopyModel(task["model"], "tested", task["parameters"])
    nest.Connect(parrot, receivers, syn_spec={"synapse_model": "tested", "weight": 1.0, "delay": 1.0})
    interval = float(times[1] - times[0])
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": interval})
    nest.Connect(meter, receivers)
    nest.Simulate(float(times[-1]) + 2 * interval)
    events = meter.get("events")
    order = np.lexsort((events["times"], events["senders"]))
    sums = events["V_m"][order].reshape(task["n_synapses"], -1)
    recorded = events["times"][order].reshape(task["n_synapses"], -1)[0]
    last = np.searchsorted(recorded, times + interval / 2)
    before = np.searchsorted(recorded, times - interval / 2)
    return np.rint(sums[:, last] - sums[:, before]).astype(int).tolist()


def installed(folder, name):
    """Load the module of an export; return its table, what all synapses share, and what each has."""
    nest.Install(str(folder / f"{name}module.so"))
    shared = json.loads((folder / f"{name}_shared.json").read_text())
    table = np.genfromtxt(folder / f"{name}_synapses.csv", delimiter=",", names=True, dtype=None)
    known = nest.GetDefaults(f"{name}_synapse")
    own = [each for each in table.dtype.names if each in known and each not in ("delay", "q", "number")]
    numbers = {"number_high": table["number"] >> 32, "number_low": table["number"].astype(np.int32)}
    return (
        table,
        {each: shared[each] for each in shared if each in known},
        {**{each: table[each] for each in own}, **numbers},
    )


def released(task):
    """Write how many quanta each synapse of an export releases at each step of fixed trains, beside it."""
    folder, name = Path(task["folder"]), task["name"]
    nest.ResetKernel()
    nest.set(resolution=1.0, local_num_threads=task["n_threads"], print_time=False)
    table, common, own = installed(folder, name)
    trains = np.load(folder / "trains.npy")
    recorder, size = nest.Create("weight_recorder"), len(table)
    common["weight_recorder"] = recorder
    if "send_failures" in nest.GetDefaults(f"{name}_synapse"):  # not in NESTML, which always sends
        common["send_failures"] = task.get("send_failures", False)
    nest.CopyModel(f"{name}_synapse", "tested", common)
    times = [{"spike_times": np.flatnonzero(train) + 1.0} for train in trains.T]
    generators = nest.Create("spike_generator", size, times)
    sources, targets = nest.Create("parrot_neuron", size), nest.Create("parrot_neuron", size)
    nest.Connect(generators, sources, "one_to_one", {"delay": 1.0})
    pre, post = np.array(sources.tolist())[table["pre"]], np.array(targets.tolist())[table["post"]]
    synapse = {"synapse_model": "tested", "weight": table["q"], "delay": np.ones(size), **own}
    nest.Connect(pre, post, "one_to_one", synapse)
    made = nest.GetConnections(synapse_model="tested")
    halves = zip(made.number_high, made.number_low, strict=True)
    number = [(high << 32) | (low & 0xFFFFFFFF) for high, low in halves]
    numbers = set(zip(made.source, made.target, number, strict=True))
    assert numbers == set(zip(pre.tolist(), post.tolist(), table["number"].tolist(), strict=True)), (
        "NEST holds other numbers of synapses"
    )
    nest.Simulate(len(trains) + 4.0)
    events = recorder.get("events")
    quanta = np.zeros(trains.shape, int)
    steps = np.rint(events["times"]).astype(int) - 2
    quanta[steps, np.asarray(events["senders"]) - sources.tolist()[0]] = np.rint(events["weights"])
    np.save(folder / "released.npy", quanta)


def seconds(task):
    """Return the processor time of simulating Poisson sources that excite neurons, without its set-up."""
    nest.ResetKernel()
    nest.set(resolution=0.1, local_num_threads=1, rng_seed=1, print_time=False)
    n_sources, n_targets = task["n_sources"], task["n_targets"]
    if "module" in task:
        nest.Install(task["module"])
    noise = nest.Create("poisson_generator", params={"rate": task["rate"]})
    sources = nest.Create("parrot_neuron", n_sources)
    targets = nest.Create(
        "iaf_psc_delta",
        n_targets,
        params={"tau_m": 20.0, "E_L": 0.0, "V_reset": 0.0, "V_th": 1e3, "V_m": 0.0},
    )
    nest.Connect(noise, sources, syn_spec={"delay": task["delay"]})
    if task["model"]:
        rng = np.random.default_rng(3)
        n_each = task["n_synapses_per_source"]
        pre = np.repeat(sources.tolist(), n_each)
        post = np.concatenate([rng.choice(targets.tolist(), n_each, replace=False) for _ in range(n_sources)])
        synapse = {
            "synapse_model": task["model"],
            "weight": np.full(pre.size, 0.001),
            "delay": np.full(pre.size, task["delay"]),
        }
        for name, (low, high) in task["ranges"].items():
            synapse[name] = rng.uniform(low, high, pre.size)
        for name, value in task["parameters"].items():
            synapse[name] = np.full(pre.size, value)
        if "module" in task:
            synapse["number_low"] = np.arange(pre.size)
        nest.Connect(pre, post, "one_to_one", synapse)
    nest.Prepare()
    nest.Run(100.0)
    start = time.process_time()
    nest.Run(1000.0 * task["duration"])
    taken = time.process_time() - start
    nest.Cleanup()
    return taken


def main():
    """Do the tasks of standard input, one after the other."""
    if hasattr(nest, "VerbosityLevel"):
        nest.verbosity = nest.VerbosityLevel.ERROR
    else:
        nest.set_verbosity("M_ERROR")
    tasks = json.load(sys.stdin)
    kinds = {"responses": responses, "released": released, "seconds": seconds}
    results = [kinds[task.pop("what")](task) for task in tasks]
    print(json.dumps({"version": nest.__version__, "found": results}))


if __name__ == "__main__":
    main()
