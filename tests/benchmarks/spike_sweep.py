"""What a sweep of spiking runs costs beside the runs: ``python -m tests.benchmarks.spike_sweep``.

Processor times, which another program on the machine does not change: of this process and its children over
the whole sweep, and of every run of the program by itself.
"""

from __future__ import annotations

import argparse
import resource

import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, ms, mV, second

from brianpresyn import SpikingRun, bernoulli_release, run_args_for_seed, sweep_spikes, synapses


def build(duration: float) -> SpikingRun:
    """Return the benchmark CUBA with 4000 cells and synapses that fail."""
    rng = np.random.default_rng(1)
    cells = NeuronGroup(
        4000,
        """dv/dt = (g_e + g_i - (v + 49*mV))/(20*ms) : volt (unless refractory)
           dg_e/dt = -g_e/(5*ms) : volt
           dg_i/dt = -g_i/(10*ms) : volt""",
        threshold="v > -50*mV",
        reset="v = -60*mV",
        refractory=5 * ms,
        method="exact",
        name="cells",
    )
    cells.v = rng.uniform(-60, -50, 4000) * mV
    links = {}
    for name, source, jump in (("e", cells[:3200], 1.62 * mV), ("i", cells[3200:], -9 * mV)):
        code = bernoulli_release(0.5, mean=jump, target=f"g_{name}")
        links[name] = synapses(source, cells, code, connect={"p": 0.02}, seed=1, name=name)
    spikes = SpikeMonitor(cells, record=False)
    network = Network(cells, spikes, *links.values())
    return SpikingRun(
        run=lambda: network.run(duration * second),
        measure=lambda: {
            "n_spikes": spikes.num_spikes,
            "children": cpu_time(resource.RUSAGE_CHILDREN),
        },
        values=lambda seed: {
            variable: key
            for link in links.values()
            for variable, key in run_args_for_seed(link, seed).items()
        },
    )


def cpu_time(who: int) -> float:
    """Return processor time in seconds."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print what the sweep costs in multiples of its runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--duration", type=float, default=30.0, help="simulated seconds of every run")
    arguments = parser.parse_args()
    before = [cpu_time(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result = sweep_spikes(
        build, {"duration": [arguments.duration], "seed": range(arguments.seeds), "brian_seed": [1]}
    )
    after = [cpu_time(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    here, children = np.subtract(after, before)
    runs = np.diff(result.children.values)
    one_run = float(np.median(runs))
    building = float(result.children.values[0]) - before[1] - one_run
    total, bare = here + children, arguments.seeds * one_run
    print(
        f"one run {one_run:.2f} s ({runs.min():.2f} to {runs.max():.2f}), {arguments.seeds} runs {bare:.1f} s"
    )
    print(f"compiling {building:.1f} s, Python {here:.1f} s, whole sweep {total:.1f} s")
    shortest = (total - bare) / 0.3 / arguments.seeds
    print(f"sweep / bare runs = {total / bare:.2f}; 1.3 from runs of {shortest:.1f} s on")


if __name__ == "__main__":
    main()
