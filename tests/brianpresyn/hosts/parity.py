"""Release in other simulators against Brian2, at every event of fixed spike trains.

Run ``python -m tests.brianpresyn.hosts.parity`` (``make parity``) for the table. Simulators are best kept in
environments of their own: BRIANPRESYN_NEST_PYTHON names the interpreter that has NEST,
BRIANPRESYN_HOSTS_PYTHON the one that has the others, and CPATH the headers that NEST's need.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from brianpresyn.experiments import fixed_trains, nest_parity
from brianpresyn.experiments.fixed_trains import N_PAIRS

MODELS = tuple(fixed_trains.MODELS)
# The seed of the second has a negative key.
SEEDS = (1, 4)


class Way(NamedTuple):
    """How an export is run: which program, which interpreter, what it needs, and which models it has."""

    program: str
    variable: str
    module: str
    arguments: tuple[str, ...] = ()
    models: tuple[str, ...] = MODELS


NEST, OTHERS = nest_parity.INTERPRETER_VARIABLE, "BRIANPRESYN_HOSTS_PYTHON"
NESTML_MODELS = CUDA_MODELS = ("bernoulli", "binomial", "depressed")
WAYS = {
    "NEST, 1 thread": Way("nest", NEST, "nest", ("1",)),
    "NEST, 2 threads": Way("nest", NEST, "nest", ("2",)),
    "NESTML, 1 thread": Way("nestml", NEST, "nest, pynestml", ("1",), NESTML_MODELS),
    "NESTML, 2 threads": Way("nestml", NEST, "nest, pynestml", ("2",), NESTML_MODELS),
    "NEURON, 1 thread": Way("neuron", OTHERS, "neuron", ("1",)),
    "NEURON, 2 threads": Way("neuron", OTHERS, "neuron", ("2",)),
    "CUDA, on the host": Way("cuda", OTHERS, "numpy", ("g++",), CUDA_MODELS),
    "CUDA, on a GPU": Way("cuda", OTHERS, "numpy", ("nvcc",), CUDA_MODELS),
    "JAX, 64 bits": Way("jax", OTHERS, "jax", ("1",)),
    "JAX, 32 bits": Way("jax", OTHERS, "jax", ("0",), MODELS[:3]),
    "PyNN, Brian2": Way("pynn", OTHERS, "brianpresyn, pyNN.brian2"),
}


class Outcome(NamedTuple):
    """What a comparison gave."""

    version: str
    n_events: int
    n_mismatches: int
    build_seconds: float
    run_seconds: float


@functools.cache
def interpreter(way: Way) -> str | None:
    """Return the Python that has a host, None if there is none, or no GPU for what runs on one."""
    if "nvcc" in way.arguments and not (shutil.which("nvcc") and shutil.which("nvidia-smi")):
        return None
    python = os.environ.get(way.variable) or sys.executable
    done = subprocess.run([python, "-c", f"import {way.module}"], capture_output=True, check=False)
    return python if done.returncode == 0 else None


def lacking(way: Way) -> str:
    """Return what there must be for a way that has no interpreter."""
    gpu = " beside nvcc and a GPU" if "nvcc" in way.arguments else ""
    return f"no Python with {way.module}{gpu}: name one in {way.variable}"


def output_of(command: list[str], folder: str | Path) -> list[str]:
    """Return the lines that a program prints in a folder; its interpreter's other programs are found."""
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def compile_mechanisms(python: str, folder: str | Path, below: str = ".") -> None:
    """Run nrnivmodl of the NEURON that an interpreter has, wherever it was installed."""
    installed = "print(next(file.locate() for file in files('neuron') if file.name == 'nrnivmodl'))"
    (script,) = output_of([python, "-c", f"from importlib.metadata import files; {installed}"], folder)
    output_of([python, script, below], folder)


def run(way: Way, python: str, folder: str) -> str:
    """Run the export "tested" in a folder with the trains there, and return the version of the host."""
    if way.program in ("nest", "nestml"):
        task = nest_parity.release_task(folder, "tested", int(way.arguments[0]))
        return nest_parity.run_in_nest([task], python)[0]
    program = Path(__file__).with_name(f"in_{way.program}.py")
    return output_of([python, str(program), folder, "tested", *way.arguments], folder)[-1]


def compare(ways: list[Way], name: str, n_copies: int, n_steps: int, seed: int) -> list[Outcome]:
    """Return how the quanta released at each event compare with Brian2's, for each way of one host."""
    code, spikes = fixed_trains.model(name, n_copies), fixed_trains.trains(n_copies, n_steps)
    built, expected = fixed_trains.released(code, spikes, seed)
    assert expected[spikes].mean() > 0 and not expected[~spikes].any()
    python, host, outcomes = interpreter(ways[0]), ways[0].program, []
    with tempfile.TemporaryDirectory() as folder:
        code.export(host, name="tested").write(folder, built)
        np.save(f"{folder}/trains.npy", spikes)
        start = time.perf_counter()
        if host in ("nest", "nestml"):
            nest_parity.compile_module(python, folder, "tested")
        if host == "neuron":
            compile_mechanisms(python, folder)
        built_at = time.perf_counter()
        for way in ways:
            started = time.perf_counter()
            version = run(way, python, folder)
            seconds = time.perf_counter() - started
            n_mismatches = int(np.sum(np.load(f"{folder}/released.npy") != expected))
            outcomes.append(Outcome(version, int(spikes.sum()), n_mismatches, built_at - start, seconds))
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
        for title in titles:
            if interpreter(WAYS[title]) is None:
                print(f"{title:<18}skipped: {lacking(WAYS[title])}")
        titles = [title for title in titles if interpreter(WAYS[title])]
        for place, name in enumerate(MODELS):
            kept = [title for title in titles if name in WAYS[title].models]
            if not kept:
                continue
            lines = str(fixed_trains.model(name, 1).export(program)).count("\n")
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
