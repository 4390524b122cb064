"""How long network A takes in NEST, NEURON and JAX, with own synapses and exported ones, and in Brian2.

Run ``BRIANPRESYN_NEST_PYTHON=nest_env/bin/python python -m tests.benchmarks.nest_synapses``, where that
environment has ``nest-simulator``; BRIANPRESYN_HOSTS_PYTHON names that with NEURON and JAX (default: this).
All run on one thread with steps of 0.1 ms and one delay for all synapses, in turn; what is counted is
processor time without building the network. Much of NEST's time goes into its Poisson generators and parrot
neurons, so the cost of a stochastic event beyond that of a deterministic one is given too.

With the defaults it takes a quarter of an hour of processor time; it says on the error stream what it does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import ms, prefs

from brianpresyn import bernoulli_release, stochastic_tsodyks_markram
from brianpresyn.experiments.nest_parity import (
    INTERPRETER_VARIABLE,
    exported_bernoulli,
    nest_interpreter,
    network_task,
    run_in_nest,
)
from brianpresyn.experiments.network_a import (
    NETWORK_A,
    P_RANGE,
    Q,
    Size,
    bernoulli,
    build,
    build_programs,
    processor_times,
)
from tests.benchmarks.spiking import weight_only
from tests.brianpresyn.hosts.parity import WAYS, compile_mechanisms, interpreter, lacking

DETERMINISTIC, BERNOULLI, QUANTAL = "deterministic", "Bernoulli", "quantal with depression, n = 5"
AIMS = {BERNOULLI: 8.0, QUANTAL: 6.0}
BRIAN = "Brian2 C++"

IN_BRIAN = {
    DETERMINISTIC: lambda n, rng: weight_only(),
    BERNOULLI: bernoulli,
    QUANTAL: lambda n, rng: stochastic_tsodyks_markram(
        rng.uniform(*P_RANGE, n), tau_rec=200 * ms, n=np.full(n, 5), q=Q
    ),
}
IN_NEST: dict[str, dict[str, Any]] = {
    DETERMINISTIC: {"model": "static_synapse", "parameters": {}, "ranges": {}},
    BERNOULLI: {"model": "bernoulli_synapse", "parameters": {}, "ranges": {"p_transmit": P_RANGE}},
    QUANTAL: {
        "model": "quantal_stp_synapse",
        "parameters": {"n": 5, "a": 5, "tau_rec": 200.0},
        "ranges": {"U": P_RANGE},
    },
}


def note(text: str) -> None:
    """Say on the error stream what is being done."""
    print(text, file=sys.stderr, flush=True)


Run = Callable[[], float]
Runs = dict[tuple[str, str], Run]


def in_brian(size: Size, folder: Path) -> Runs:
    """Build the three programs of Brian2, and return what runs them."""
    note("building three programs of Brian2, which takes a minute or two")
    networks = {name: partial(build, make, size, delay=0.1 * ms) for name, make in IN_BRIAN.items()}
    programs = build_programs(networks, size.duration, folder)
    return {(name, BRIAN): partial(_program_seconds, folder) for name, folder in programs.items()}


def _program_seconds(folder: Path) -> float:
    return processor_times({"": folder}, 1)[""][0]


def in_nest(size: Size, folder: Path, python: str) -> Runs:
    """Compile what is exported, and return what runs it and NEST's own synapses at two delays."""
    note("compiling a module of NEST, which takes half a minute")
    kinds = [(name, "NEST", synapse) for name, synapse in IN_NEST.items()]
    kinds.insert(2, (BERNOULLI, "NEST, exported", exported_bernoulli(python, folder)))
    return {
        (name, f"{simulator}, {delay:g} ms"): partial(_nest_seconds, size, synapse, delay, python)
        for delay in (0.1, 1.5)
        for name, simulator, synapse in kinds
    }


def _nest_seconds(size: Size, synapse: dict[str, Any], delay: float, python: str) -> float:
    return run_in_nest([network_task(size, synapse, delay)], python)[1][0]


def in_others(size: Size, folder: Path, host: str, python: str) -> Runs:
    """Export for NEURON or JAX, and return what runs it."""
    note(f"exporting for {host}")
    bernoulli_release(np.full(2, 0.5), q=np.ones(2)).export(host, name="exported").write(folder)
    if host == "neuron":
        compile_mechanisms(python, folder)
    task = json.dumps({**asdict(size), "delay": 0.1, "p": P_RANGE})
    command = [python, str(Path(__file__).with_name(f"network_in_{host}.py"))]

    def seconds() -> float:
        done = subprocess.run(command, cwd=folder, input=task, capture_output=True, text=True, check=True)
        return float(done.stdout.split()[-1])

    return {(BERNOULLI, f"{host.upper()}, exported"): seconds}


def table(times: dict[tuple[str, str], list[float]], size: Size) -> str:
    """Return the times, those over Brian2's, and per event: all, and beyond a deterministic one."""
    titles = f"{'least s':>8}{'median s':>10}{'ratio':>7}{'aim':>6}{'ns/event':>10}{'beyond':>8}"
    lines = [f"{'synapse':<32}{'simulator':<24}{titles}"]
    for (name, simulator), taken in sorted(times.items(), key=lambda row: list(IN_BRIAN).index(row[0][0])):
        least = min(taken)
        aim = f"{AIMS[name]:.0f}" if name in AIMS and simulator in ("NEST, 0.1 ms", "NEST, 1.5 ms") else ""
        line = f"{name:<32}{simulator:<24}{least:>8.3f}{statistics.median(taken):>10.3f}"
        line += f"{least / min(times[name, BRIAN]):>7.2f}{aim:>6}{1e9 * least / size.n_events:>10.1f}"
        plain = times.get((DETERMINISTIC, simulator.replace("exported, ", "")))
        if plain and name != DETERMINISTIC:
            line += f"{1e9 * (least - min(plain)) / size.n_events:>8.1f}"
        lines.append(line)
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Build, run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="how often everything is run (default 5)")
    parser.add_argument("--duration", type=float, default=10.0, help="seconds simulated (default 10)")
    parser.add_argument("--nest-python", default=nest_interpreter(), help="interpreter that has NEST")
    chosen = parser.parse_args(arguments)
    size = replace(NETWORK_A, duration=chosen.duration)
    prefs.codegen.cpp.extra_link_args = []
    with tempfile.TemporaryDirectory() as root:
        runs = in_brian(size, Path(root))
        if chosen.nest_python:
            runs |= in_nest(size, Path(root, "nest"), chosen.nest_python)
        else:
            print(f"no NEST: name an interpreter that has it in {INTERPRETER_VARIABLE}")
        for host, title in (("neuron", "NEURON, 1 thread"), ("jax", "JAX, 32 bits")):
            if python := interpreter(WAYS[title]):
                runs |= in_others(size, Path(root, host), host, python)
            else:
                print(f"{host} is left out: {lacking(WAYS[title])}")
        times: dict[tuple[str, str], list[float]] = {row: [] for row in runs}
        for repeat in range(chosen.repeats):
            for row, run in runs.items():
                times[row].append(run())
                note(f"{repeat + 1} of {chosen.repeats}: {', '.join(row)}: {times[row][-1]:.2f} s")
    print(f"Network A for {size.duration:g} s, one thread, load {os.getloadavg()[0]:.1f}")
    print(table(times, size))


if __name__ == "__main__":
    main()
