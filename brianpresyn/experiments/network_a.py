"""Networks whose time is spent in their synapses, and how long they take as C++ standalone programs.

Poisson sources excite leaky neurons. Every program is built once; then all are run in turn, again and again,
so that what else the machine does falls on all alike.
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, mV, second, seed
from brian2.devices.device import get_device, reset_device, set_device

from brianpresyn.checked_synapses import synapses
from brianpresyn.release import bernoulli_release
from brianpresyn.synapse_code import SynapseCode

Q = 0.001 * mV
"""A quantum so small that no neuron fires."""

Make = Callable[[int, np.random.Generator], "SynapseCode | None"]
"""From the number of synapses and a generator for their parameters."""


@dataclass(frozen=True)
class Size:
    """How large a network is, at which rate in Hz its sources fire, and for how many seconds it runs."""

    n_sources: int
    n_targets: int
    n_synapses_per_source: int
    rate: float
    duration: float

    @property
    def n_events(self) -> float:
        """Expected number of synaptic events."""
        return self.n_sources * self.n_synapses_per_source * self.rate * self.duration


P_RANGE = (0.25, 0.8)
"""Of the release probabilities, one for each synapse."""


def bernoulli(n_synapses: int, rng: np.random.Generator) -> SynapseCode:
    """Return Bernoulli release with a p of each synapse."""
    return bernoulli_release(rng.uniform(*P_RANGE, n_synapses), q=Q)


NETWORK_A = Size(1000, 1000, 100, 20.0, 10.0)
"""20 million synaptic events, in steps of 0.1 ms."""


def build(make: Make, size: Size, *, threshold: str = "v > 1*volt", **options: Any) -> Network:
    """Return the network; without synapses if `make` returns None.

    The options are those of the synapses, for example one delay for all.
    """
    rng = np.random.default_rng(3)
    seed(1)
    source = PoissonGroup(size.n_sources, size.rate * Hz)
    target = NeuronGroup(
        size.n_targets, "dv/dt = -v/(20*ms) : volt", threshold=threshold, reset="v = 0*volt", method="exact"
    )
    pre = np.repeat(np.arange(size.n_sources), size.n_synapses_per_source)
    post = np.concatenate(
        [
            np.sort(rng.choice(size.n_targets, size.n_synapses_per_source, replace=False))
            for _ in range(size.n_sources)
        ]
    )
    code = make(pre.size, rng)
    objects: list[Any] = [source, target]
    if code is not None:
        objects.append(synapses(source, target, code, connect={"i": pre, "j": post}, seed=1, **options))
    return Network(objects)


def build_programs(
    networks: Mapping[str, Callable[[], Network]], duration: float, root: Path
) -> dict[str, Path]:
    """Build each as a standalone program of so many seconds, and return their folders; nothing is run."""
    folders = {}
    for number, (name, network) in enumerate(networks.items()):
        folders[name] = root / str(number)
        set_device("cpp_standalone", build_on_run=False)
        try:
            network().run(duration * second)
            get_device().build(directory=str(folders[name]), compile=True, run=False, debug=False)
        finally:
            get_device().reinit()
            reset_device()
    return folders


def processor_times(folders: Mapping[str, Path], n_repeats: int) -> dict[str, list[float]]:
    """Run every program in turn, and return the processor time of each run in seconds."""
    import resource  # which Windows has not

    times: dict[str, list[float]] = {name: [] for name in folders}
    for _ in range(n_repeats):
        for name, folder in folders.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(["./main"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times[name].append(after.ru_utime - before.ru_utime)
    return times
