"""Release in other simulators against Brian2, at every event of fixed spike trains.

Run ``python -m tests.brianpresyn.hosts.parity`` (``make parity``) for the table. Simulators are best kept in
environments of their own: BRIANPRESYN_NEST_PYTHON names the interpreter that has NEST,
BRIANPRESYN_HOSTS_PYTHON the one that has the others, and CPATH the headers that NEST's need.
"""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms

from brianpresyn import (
    SynapseCode,
    bernoulli_release,
    binomial_release,
    release_counters,
    stochastic_tsodyks_markram,
    synapses,
)
from brianpresyn.targets import code_generation

P, N_SITES = (0.05, 0.25, 0.7, 0.95), (1, 5, 12, 40)
N_PAIRS = len(P) * len(N_SITES)
MODELS = ("bernoulli", "binomial", "shared", "depressed")
# The seed of the second has a negative key.
SEEDS = (1, 4)


class Way(NamedTuple):
    """How an export is run: which program, which interpreter, what it needs, and which models it has."""

    program: str
    variable: str
    module: str
    arguments: tuple[str, ...] = ()
    models: tuple[str, ...] = MODELS


NEST, OTHERS = "BRIANPRESYN_NEST_PYTHON", "BRIANPRESYN_HOSTS_PYTHON"
WAYS = {
    "NEST, 1 thread": Way("nest", NEST, "nest", ("1",)),
    "NEST, 2 threads": Way("nest", NEST, "nest", ("2",)),
    "NEURON": Way("neuron", OTHERS, "neuron"),
    "CUDA, on the host": Way("cuda", OTHERS, "numpy", (), ("bernoulli", "binomial", "depressed")),
    "JAX, 64 bits": Way("jax", OTHERS, "jax", ("1",)),
    "JAX, 32 bits": Way("jax", OTHERS, "jax", ("0",), MODELS[:3]),
}


class Outcome(NamedTuple):
    """What a comparison gave."""

    version: str
    n_events: int
    n_mismatches: int
    build_seconds: float
    run_seconds: float


def model(name: str, n_copies: int) -> SynapseCode:
    """Return a model with every p and n, so many times each; "shared" has one of each."""
    p, n = np.tile(np.repeat(P, len(N_SITES)), n_copies), np.tile(N_SITES, n_copies * len(P))
    if name == "bernoulli":
        return bernoulli_release(p, q=1)
    if name == "binomial":
        return binomial_release(n, p, q=1)
    if name == "shared":
        return binomial_release(12, 0.7, q=1, shared=True)
    return stochastic_tsodyks_markram(p, tau_rec=30 * ms, tau_facil=50 * ms, n=n, q=1)


def trains(n_copies: int, n_steps: int) -> np.ndarray:
    """Return fixed trains with a spike in half of the steps of 1 ms; shape (step, neuron)."""
    return np.random.default_rng(1).random((n_steps, N_PAIRS * n_copies)) < 0.5


def in_brian(code: SynapseCode, spikes: np.ndarray, seed: int) -> tuple[Any, np.ndarray]:
    """Return the synapses, and the quanta released at each step, of shape (step, presynaptic neuron)."""
    n_steps, n_neurons = spikes.shape
    step, neuron = np.nonzero(spikes)
    post = np.random.default_rng(5).permutation(n_neurons)
    with code_generation("numpy"):
        source = SpikeGeneratorGroup(n_neurons, neuron, (step + 1) * ms, dt=1 * ms)
        cells = NeuronGroup(n_neurons, "v : 1", dt=1 * ms)
        connect = {"i": np.arange(n_neurons), "j": post}
        built = synapses(
            source, cells, code, connect=connect, seed=seed, numbering="contacts", name="tested", dt=1 * ms
        )
        monitor = StateMonitor(built, "n_vesicles", record=True, when="end", dt=1 * ms)
        Network(source, cells, built, monitor).run((n_steps + 1) * ms)
    return built, np.diff(np.array(monitor.n_vesicles), axis=1)[:, :n_steps].T


@functools.cache
def interpreter(way: Way) -> str | None:
    """Return the Python that has a host, None if there is none."""
    python = os.environ.get(way.variable) or sys.executable
    done = subprocess.run([python, "-c", f"import {way.module}"], capture_output=True, check=False)
    return python if done.returncode == 0 else None


def build(host: str, python: str, folder: Path, name: str) -> None:
    """Compile what is exported, where the host compiles."""
    commands = {
        "nest": [python, f"build_{name}module.py"],
        "neuron": [str(Path(python).with_name("nrnivmodl")), "."],
    }
    if host in commands:
        environment = {**os.environ, "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            commands[host], cwd=folder, capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr


def compare(ways: list[Way], name: str, n_copies: int, n_steps: int, seed: int) -> list[Outcome]:
    """Return how the quanta released at each event compare with Brian2's, for each way of one host."""
    code, spikes = model(name, n_copies) + release_counters(), trains(n_copies, n_steps)
    built, expected = in_brian(code, spikes, seed)
    assert expected[spikes].mean() > 0 and not expected[~spikes].any()
    python, outcomes = interpreter(ways[0]), []
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        code.export(ways[0].program, name="tested").write(folder, built)
        np.save(folder / "trains.npy", spikes)
        start = time.perf_counter()
        build(ways[0].program, python, folder, "tested")
        built_at = time.perf_counter()
        for way in ways:
            program = Path(__file__).with_name(f"in_{way.program}.py")
            command = [python, str(program), path, "tested", *way.arguments]
            started = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            released = np.load(folder / "released.npy")
            outcomes.append(
                Outcome(
                    done.stdout.split()[-1],
                    int(spikes.sum()),
                    int(np.sum(released != expected)),
                    built_at - start,
                    time.perf_counter() - started,
                )
            )
    return outcomes


def main(arguments: list[str] | None = None) -> None:
    """Compare in all hosts that are installed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="of each model (default 1000000)")
    parser.add_argument("--hosts", default="", help="parts of names, such as nest,jax (default: all)")
    chosen = parser.parse_args(arguments)
    n_copies = 50
    n_steps = -(-2 * chosen.events // (N_PAIRS * n_copies))
    print(
        f"{'host':<18}{'version':<10}{'model':<12}{'events':>9}{'mismatches':>12}{'lines':>7}"
        f"{'build s':>9}{'run s':>8}"
    )
    for program in dict.fromkeys(way.program for way in WAYS.values()):
        if chosen.hosts and program not in chosen.hosts.split(","):
            continue
        titles = [title for title, way in WAYS.items() if way.program == program]
        if interpreter(WAYS[titles[0]]) is None:
            print(f"{titles[0]:<18}skipped: no Python with {program}; name one in {WAYS[titles[0]].variable}")
            continue
        for place, name in enumerate(MODELS):
            kept = [title for title in titles if name in WAYS[title].models]
            if not kept:
                continue
            lines = str(model(name, 1).export(program)).count("\n")
            seed = SEEDS[place % 2]
            outcomes = compare([WAYS[title] for title in kept], name, n_copies, n_steps, seed)
            for title, each in zip(kept, outcomes, strict=True):
                print(
                    f"{title:<18}{each.version:<10}{name:<12}{each.n_events:>9}{each.n_mismatches:>12}{lines:>7}"
                    f"{each.build_seconds:>9.1f}{each.run_seconds:>8.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
