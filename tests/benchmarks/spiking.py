"""How long networks with stochastic synapses take, against the same network with deterministic ones.

Run ``python -m tests.benchmarks.spiking`` from the root of the repository. Every variant is built once as a
C++ standalone program; then all are run in turn, again and again, so that what else the machine does falls on
all alike. The ratio is that of the least processor time of each, beside the median.

Network A: 1000 Poisson sources at 20 Hz, 1000 leaky neurons, 100 synapses per source, 10 s in steps of
0.1 ms: 20 million synaptic events. The large network: a million synapses, all to all, at 10 Hz.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from brian2 import Network, ms, prefs, second

from biophys.release_plasticity import ReleasePlasticity
from brianpresyn import (
    Stage,
    SynapseCode,
    bernoulli_release,
    binomial_release,
    energy_ledger,
    pair_stdp,
    release_plasticity,
    tsodyks_markram,
)
from brianpresyn.experiments.network_a import NETWORK_A, Make, Q, Size, build, build_programs, processor_times
from brianpresyn.targets import code_generation, numpy_while_building

LARGE = Size(1000, 1000, 1000, 10.0, 5.0)
BUSY = Size(1000, 1000, 1000, 500.0, 0.2)
"""50,000 synaptic events in a step: starting threads in every step takes little of it."""


@dataclass(frozen=True)
class Variant:
    """One kind of synapse, what it is compared with, and the ratio aimed at."""

    name: str
    make: Make
    against: str = ""
    aim: float | None = None
    fires: bool = False

    def network(self, size: Size) -> Network:
        """Return the network; with postsynaptic spikes, about 5 per second and neuron, if it `fires`."""
        return build(self.make, size, **({"threshold": "rand() < 5*Hz*dt"} if self.fires else {}))


def weight_only() -> SynapseCode:
    return SynapseCode(
        "deterministic",
        "q : volt",
        on_pre={Stage.TRANSMIT: "v_post += q"},
        initial={"q": Q},
        acts_on={"v": "q"},
    )


def weight_stdp() -> SynapseCode:
    """Pair STDP that moves a weight."""
    signal = pair_stdp()
    return (
        weight_only()
        + signal.code
        + SynapseCode(
            "learning",
            on_pre={Stage.LEARN: f"q = clip(q + scale*({signal.expressions['pre']}), 0*volt, 2*scale)"},
            on_post={Stage.LEARN: f"q = clip(q + scale*({signal.expressions['post']}), 0*volt, 2*scale)"},
            namespace={"scale": Q},
            requires=frozenset({"q"}),
        )
    )


def plastic_release(p: np.ndarray, q: np.ndarray) -> SynapseCode:
    rule = ReleasePlasticity(p_up=0.01, p_down=0.01, g_lim=0.005)
    return bernoulli_release(p, mean=p * q) + release_plasticity(rule, pair_stdp(), strength="strength")


def with_ledger(code: SynapseCode) -> SynapseCode:
    return code + energy_ledger(code)


def _p(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0.25, 0.8, n)


NETWORK_A_VARIANTS = (
    Variant("no synapses", lambda n, rng: None, "deterministic"),
    Variant("deterministic", lambda n, rng: weight_only()),
    Variant(
        "Brian2 rand() < p",
        lambda n, rng: bernoulli_release(_p(n, rng), q=Q, draws="brian2"),
        "deterministic",
    ),
    Variant("Bernoulli", lambda n, rng: bernoulli_release(_p(n, rng), q=Q), "deterministic", 1.08),
    Variant(
        "binomial, n = 10, p of each",
        lambda n, rng: binomial_release(np.full(n, 10), _p(n, rng), q=Q),
        "deterministic",
        1.5,
    ),
    Variant(
        "binomial, n = 10, p shared",
        lambda n, rng: binomial_release(10, 0.4, q=Q, shared=True),
        "deterministic",
        1.15,
    ),
    Variant(
        "Bernoulli with energy ledger",
        lambda n, rng: with_ledger(bernoulli_release(_p(n, rng), q=Q)),
        "Bernoulli",
        1.1,
    ),
    Variant(
        "depression, deterministic",
        lambda n, rng: tsodyks_markram(0.5, tau_rec=200 * ms, q=Q),
        "deterministic",
    ),
    Variant("pair STDP of a weight", lambda n, rng: weight_stdp(), "deterministic", fires=True),
    Variant(
        "pair STDP of p",
        lambda n, rng: plastic_release(np.full(n, 0.25), np.full(n, 1.0) * Q),
        "pair STDP of a weight",
        1.2,
        fires=True,
    ),
)
LARGE_VARIANTS = (
    Variant("deterministic", lambda n, rng: weight_only()),
    Variant("Bernoulli", lambda n, rng: bernoulli_release(_p(n, rng), q=Q), "deterministic", 1.3),
    Variant(
        "binomial, n = 5, p of each",
        lambda n, rng: binomial_release(np.full(n, 5), _p(n, rng), q=Q),
        "deterministic",
        1.8,
    ),
)


def table(title: str, variants: tuple[Variant, ...], times: dict[str, list[float]]) -> str:
    """Return the times and ratios as text."""
    lines = [
        title,
        f"{'synapse':<30} {'least s':>8} {'median s':>9} {'ratio':>7} {'of medians':>11} {'aim':>6}",
    ]
    for variant in variants:
        own = times[variant.name]
        line = f"{variant.name:<30} {min(own):>8.3f} {statistics.median(own):>9.3f}"
        if variant.against:
            other = times[variant.against]
            line += (
                f" {min(own) / min(other):>7.3f} {statistics.median(own) / statistics.median(other):>11.3f}"
            )
            line += f" {variant.aim:>6.2f}" if variant.aim else ""
        lines.append(line)
    return "\n".join(lines)


def runtime_table(n_repeats: int, duration: float = 0.5) -> str:
    """Return how long Bernoulli release takes on numpy and cython, against deterministic synapses."""
    chosen = [v for v in NETWORK_A_VARIANTS if v.name in ("deterministic", "Bernoulli")]
    lines = [
        f"Network A on the runtime targets, {duration:g} s",
        f"{'target':<10} {'deterministic':>14} {'Bernoulli':>10} {'ratio':>7} {'aim':>6}",
    ]
    for target in ("numpy", "cython"):
        with code_generation(target):
            networks = []
            for variant in chosen:
                with numpy_while_building():
                    networks.append(variant.network(NETWORK_A))
            times: list[list[float]] = [[], []]
            for repeat in range(n_repeats + 1):
                for number, network in enumerate(networks):
                    start = time.process_time()
                    network.run(duration * second)
                    if repeat:
                        times[number].append(time.process_time() - start)
        plain, release = (min(t) for t in times)
        lines.append(f"{target:<10} {plain:>14.3f} {release:>10.3f} {release / plain:>7.3f} {1.1:>6.2f}")
    return "\n".join(lines)


def threads_table(n_repeats: int, n_threads: int = 2) -> str:
    """Return how much sooner several threads have finished than one, by the clock: for an idle machine."""
    lines = [
        f"A million synapses at {BUSY.rate:g} Hz, clock",
        f"{'synapse':<30} {'one s':>8} {'two s':>8} {'ratio':>7}",
    ]
    with tempfile.TemporaryDirectory() as root:
        folders: dict[tuple[str, int], Path] = {}
        for threads in (0, n_threads):
            prefs.devices.cpp_standalone.openmp_threads = threads
            networks = {variant.name: partial(variant.network, BUSY) for variant in LARGE_VARIANTS}
            built = build_programs(networks, BUSY.duration, Path(root) / str(threads))
            folders |= {(name, threads): folder for name, folder in built.items()}
        times: dict[tuple[str, int], list[float]] = {key: [] for key in folders}
        for _ in range(n_repeats):
            for key, folder in folders.items():
                start = time.perf_counter()
                subprocess.run(["./main"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
                times[key].append(time.perf_counter() - start)
    for variant in LARGE_VARIANTS:
        alone, shared = (statistics.median(times[variant.name, threads]) for threads in (0, n_threads))
        lines.append(f"{variant.name:<30} {alone:>8.3f} {shared:>8.3f} {alone / shared:>7.2f}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Build, run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9, help="how often every program is run (default 9)")
    parser.add_argument("--only", default="", help="a part of the names of the variants to run")
    parser.add_argument("--network", choices=("A", "large", "runtime", "threads", "all"), default="all")
    chosen = parser.parse_args(arguments)
    prefs.codegen.cpp.extra_link_args = []
    for title, variants, size in (
        ("A", NETWORK_A_VARIANTS, NETWORK_A),
        ("large", LARGE_VARIANTS, LARGE),
    ):
        if chosen.network not in (title, "all"):
            continue
        wanted = tuple(v for v in variants if chosen.only in v.name or v.name == "deterministic")
        with tempfile.TemporaryDirectory() as root:
            networks = {variant.name: partial(variant.network, size) for variant in wanted}
            times = processor_times(build_programs(networks, size.duration, Path(root)), chosen.repeats)
            print(table(f"Network {title}, C++ standalone, one thread", wanted, times))
    if chosen.network in ("runtime", "all"):
        print(runtime_table(max(2, chosen.repeats // 3)))
    if chosen.network == "threads":
        print(threads_table(chosen.repeats))


if __name__ == "__main__":
    sys.exit(main())
