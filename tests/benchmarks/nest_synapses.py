"""How long NEST takes for network A with its stochastic synapses, against Brian2 with this package's.

Run ``BRIANPRESYN_NEST_PYTHON=nest_env/bin/python python -m tests.benchmarks.nest_synapses``, where that
environment has ``nest-simulator``; without NEST the table says so. Both run on one thread with steps of
0.1 ms and one delay for all synapses, in turn; what is counted is processor time without building the
network. Much of NEST's time goes into its Poisson generators and parrot neurons, so the cost of a stochastic
event beyond that of a deterministic one is given too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import ms, prefs

from brianpresyn import bernoulli_release, stochastic_tsodyks_markram
from brianpresyn.experiments.nest_parity import INTERPRETER_VARIABLE, nest_interpreter, run_in_nest
from tests.benchmarks.spiking import NETWORK_A, Q, Variant, build_all, time_all, weight_only

DETERMINISTIC, BERNOULLI, QUANTAL = "deterministic", "Bernoulli", "quantal with depression, n = 5"
AIMS = {BERNOULLI: 8.0, QUANTAL: 6.0}
N_EVENTS = NETWORK_A.n_sources * NETWORK_A.n_synapses_per_source * NETWORK_A.rate * NETWORK_A.duration


def _p(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0.25, 0.8, n)


VARIANTS = (
    Variant(DETERMINISTIC, lambda n, rng: weight_only()),
    Variant(BERNOULLI, lambda n, rng: bernoulli_release(_p(n, rng), q=Q)),
    Variant(
        QUANTAL,
        lambda n, rng: stochastic_tsodyks_markram(_p(n, rng), tau_rec=200 * ms, n=np.full(n, 5), q=Q),
    ),
)
IN_NEST: dict[str, dict[str, Any]] = {
    DETERMINISTIC: {"model": "static_synapse", "parameters": {}, "ranges": {}},
    BERNOULLI: {"model": "bernoulli_synapse", "parameters": {}, "ranges": {"p_transmit": [0.25, 0.8]}},
    QUANTAL: {
        "model": "quantal_stp_synapse",
        "parameters": {"n": 5, "a": 5, "tau_rec": 200.0},
        "ranges": {"U": [0.25, 0.8]},
    },
}


def nest_times(interpreter: str, delay: float, n_repeats: int) -> tuple[str, dict[str, list[float]]]:
    """Return NEST's version and the seconds that each synapse took, in turn."""
    size = {
        "n_sources": NETWORK_A.n_sources,
        "n_targets": NETWORK_A.n_targets,
        "n_synapses_per_source": NETWORK_A.n_synapses_per_source,
        "rate": NETWORK_A.rate,
        "duration": NETWORK_A.duration,
        "delay": delay,
    }
    tasks = [{"what": "seconds", **size, **IN_NEST[name]} for name in IN_NEST] * n_repeats
    version, found = run_in_nest(tasks, interpreter)
    return version, {name: found[number :: len(IN_NEST)] for number, name in enumerate(IN_NEST)}


def table(own: dict[str, list[float]], nest: dict[float, dict[str, list[float]]]) -> str:
    """Return the times, their ratios, and the cost of a stochastic event beyond a deterministic one."""
    titles = f"{'least s':>8}{'median s':>10}{'ratio':>7}{'aim':>6}{'ns/event':>10}"
    lines = [f"{'synapse':<32}{'simulator':<22}{titles}"]
    rows = [("Brian2 C++, this package", own)]
    rows += [(f"NEST, delay {delay:g} ms", times) for delay, times in nest.items()]
    for name in IN_NEST:
        for simulator, times in rows:
            taken = min(times[name])
            extra = 1e9 * (taken - min(times[DETERMINISTIC])) / N_EVENTS
            line = f"{name:<32}{simulator[:21]:<22}{taken:>8.3f}{statistics.median(times[name]):>10.3f}"
            if times is own:
                line += f"{'':>13}"
            else:
                aim = f"{AIMS[name]:.0f}" if name in AIMS else ""
                line += f"{taken / min(own[name]):>7.2f}{aim:>6}"
            lines.append(line + (f"{extra:>10.1f}" if name != DETERMINISTIC else ""))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Build, run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="how often everything is run (default 5)")
    parser.add_argument("--nest-python", default=nest_interpreter(), help="interpreter that has NEST")
    chosen = parser.parse_args(arguments)
    if not chosen.nest_python:
        print(f"skipped: NEST cannot be imported; name an interpreter that has it in {INTERPRETER_VARIABLE}")
        return
    prefs.codegen.cpp.extra_link_args = []
    with tempfile.TemporaryDirectory() as root:
        folders = build_all(VARIANTS, NETWORK_A, Path(root), delay=0.1 * ms)
        own: dict[str, list[float]] = {name: [] for name in folders}
        nest: dict[float, dict[str, list[float]]] = {}
        for _ in range(chosen.repeats):
            for name, taken in time_all(folders, 1).items():
                own[name] += taken
            for delay in (0.1, 1.5):
                version, found = nest_times(chosen.nest_python, delay, 1)
                for name, times in found.items():
                    nest.setdefault(delay, {}).setdefault(name, []).extend(times)
    print(f"Network A against NEST {version}, one thread")
    print(table(own, nest))


if __name__ == "__main__":
    sys.exit(main())
