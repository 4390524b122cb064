"""Exported synapses in NEST at every event, and NEST's own beside this package's with the same parameters.

NEST runs as a program of its own (:mod:`brianpresyn.experiments.in_nest`), with the interpreter that the
environment variable BRIANPRESYN_NEST_PYTHON names, or with this one if it can import NEST::

    python -m venv nest_env && nest_env/bin/pip install nest-simulator
    BRIANPRESYN_NEST_PYTHON=nest_env/bin/python brianpresyn validate --claims X09

NEST documents the weight of `quantal_stp_synapse` as the amplitude with all sites released, but delivers the
number released times the weight: here a weight of 1 is one quantum. Its parameters are n = a (all sites
docked) and U = u; giving one of a pair leaves the other at its default.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms
from matplotlib.figure import Figure
from numpy.typing import NDArray

from biophys.estimates import Estimate, exactly, student
from biophys.palette import BLUE, GREEN, ORANGE
from biophys.processes import temporary_folder
from brianpresyn.checked_synapses import synapses
from brianpresyn.experiments import fixed_trains
from brianpresyn.experiments.network_a import P_RANGE, Size, bernoulli, build, build_programs, processor_times
from brianpresyn.release import bernoulli_release
from brianpresyn.short_term import stochastic_tsodyks_markram
from brianpresyn.synapse_code import SynapseCode
from brianpresyn.targets import code_generation

INTERPRETER_VARIABLE = "BRIANPRESYN_NEST_PYTHON"
REMEDY = (
    "NEST cannot be imported: install nest-simulator in an environment of its own and name that "
    f"environment's Python in {INTERPRETER_VARIABLE}"
)
PROGRAM = Path(__file__).with_name("in_nest.py")

N_SPIKES = 10
INTERVAL = 50.0
"""Milliseconds between the spikes of a train."""
_FIRST_SPIKE_IN_NEST = 4000.0
_N_RESAMPLES = 400


@dataclass(frozen=True)
class Case:
    """One synapse as NEST and as this package know it; times in ms."""

    name: str
    model: str
    parameters: Mapping[str, float | int]
    code: Callable[[], SynapseCode]


def _bernoulli(p: float) -> Case:
    return Case(
        f"Bernoulli, p = {p:g}", "bernoulli_synapse", {"p_transmit": p}, lambda: bernoulli_release(p, q=1.0)
    )


def _quantal(n: int, p: float, tau_rec: float, tau_facil: float) -> Case:
    facilitates = f", facilitation {tau_facil:g} ms" if tau_facil else ""
    return Case(
        f"quantal, n = {n}, p = {p:g}, recovery {tau_rec:g} ms{facilitates}",
        "quantal_stp_synapse",
        {"n": n, "a": n, "U": p, "u": p, "tau_rec": tau_rec, "tau_fac": tau_facil},
        lambda: stochastic_tsodyks_markram(p, tau_rec=tau_rec * ms, tau_facil=tau_facil * ms, n=n, q=1.0),
    )


CASES = (
    *(_bernoulli(p) for p in (0.1, 0.3, 0.7, 0.95)),
    _quantal(5, 0.4, 200.0, 0.0),
    _quantal(5, 0.15, 100.0, 300.0),
    _quantal(12, 0.7, 500.0, 50.0),
)


def nest_interpreter() -> str | None:
    """Return the interpreter that has NEST: the one named in the environment, or this one; None without."""
    here = sys.executable if importlib.util.find_spec("nest") else None
    return os.environ.get(INTERPRETER_VARIABLE) or here


def run_in_nest(tasks: Sequence[Mapping[str, Any]], interpreter: str) -> tuple[str, list[Any]]:
    """Return NEST's version and what it found for each task; raise RuntimeError where it fails."""
    remedy = f"set {INTERPRETER_VARIABLE} to the Python of an environment with nest-simulator"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    options: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "env": environment}
    try:
        done = subprocess.run([interpreter, str(PROGRAM)], input=json.dumps(list(tasks)), **options)
    except OSError as error:
        raise RuntimeError(f"{interpreter} cannot be started ({error.strerror}): {remedy}") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"NEST failed in {interpreter} ({last}): {remedy}") from error
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    return str(answer["version"]), list(answer["found"])


def nest_task(case: Case, n_synapses: int, seed: int) -> dict[str, Any]:
    """Return what :mod:`brianpresyn.experiments.in_nest` has to do for a case."""
    # NEST's u starts at U, as if a spike had just been: late enough, that is forgotten.
    spike_times = (_FIRST_SPIKE_IN_NEST + INTERVAL * np.arange(N_SPIKES)).tolist()
    synapse = {"model": case.model, "parameters": dict(case.parameters), "n_synapses": n_synapses}
    return {"what": "responses", "seed": seed, "spike_times": spike_times, **synapse}


def own_responses(case: Case, n_synapses: int, seed: int) -> NDArray[np.int64]:
    """Return what each synapse of this package transmits at each spike, in quanta; shape (synapse, spike)."""
    with code_generation("numpy"):
        times = INTERVAL * (np.arange(N_SPIKES) + 0.5) * ms
        source = SpikeGeneratorGroup(1, np.zeros(N_SPIKES, dtype=int), times)
        receivers = NeuronGroup(n_synapses, "v : 1")
        connection = synapses(source, receivers, case.code(), connect=True, seed=seed)
        monitor = StateMonitor(receivers, "v", record=True, dt=INTERVAL * ms)
        Network(source, receivers, connection, monitor).run((N_SPIKES + 0.5) * INTERVAL * ms)
        return np.rint(np.diff(np.array(monitor.v), axis=1)).astype(int)


class NoCompiler(RuntimeError):
    """An extension module of NEST cannot be compiled here."""


def compile_module(interpreter: str, folder: str | Path, name: str) -> None:
    """Compile an export in a folder for the NEST of an interpreter; raise `NoCompiler` if that fails."""
    done = subprocess.run(
        [interpreter, f"build_{name}module.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        needed = "g++, and the headers of libltdl, GSL and boost in a folder that CPATH names"
        raise NoCompiler(f"an extension module of NEST does not compile: it takes {needed}\n{done.stderr}")


def release_task(folder: str | Path, name: str, n_threads: int) -> dict[str, Any]:
    """Return what NEST has to do with a compiled export and the trains beside it: write what is released."""
    return {"what": "released", "folder": str(folder), "name": name, "n_threads": n_threads}


def mismatches(model: str, n_steps: int, seed: int, interpreter: str) -> tuple[dict[int, int], int]:
    """Count the events at which an exported model of `fixed_trains` releases otherwise in NEST.

    Returns
    -------
    dict of int to int
        Of steps and synapses where the quanta differ, by the number of threads.
    int
        Number of events that were compared.
    """
    n_copies = 50
    code, spikes = fixed_trains.model(model, n_copies), fixed_trains.trains(n_copies, n_steps)
    built, expected = fixed_trains.released(code, spikes, seed)
    counts = {}
    with temporary_folder() as folder:
        code.export("nest", name="tested").write(folder, built)
        np.save(folder / "trains.npy", spikes)
        compile_module(interpreter, folder, "tested")
        for n_threads in (1, 2):
            run_in_nest([release_task(folder, "tested", n_threads)], interpreter)
            counts[n_threads] = int(np.sum(np.load(folder / "released.npy") != expected))
    return counts, int(spikes.sum())


def events_differing(models: Sequence[str], n_steps: int, interpreter: str) -> Estimate:
    """Return at how many events exports of `fixed_trains` release otherwise in NEST, on one thread or two.

    Raises `NoCompiler` where an export cannot be compiled.
    """
    counts: dict[str, int] = {}
    n_events = 0
    for number, model in enumerate(models):
        # The seed of the second has a negative key; the last uses the most of NEST's headers.
        counted, n_compared = mismatches(model, n_steps, (1, 4)[number % 2], interpreter)
        n_events += n_compared * len(counted)
        counts |= {f"{model} (threads: {n_threads})": count for n_threads, count in counted.items()}
    how = ", ".join(f"{count} with {case}" for case, count in counts.items())
    return exactly(sum(counts.values()), n=n_events, unit="events", how=how)


def responses_of_both(
    n_synapses: int, seed: int, interpreter: str
) -> tuple[str, list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Return NEST's version, and for each of `CASES` what synapses transmit in NEST and in this package."""
    version, in_nest = run_in_nest([nest_task(case, n_synapses, seed + 1) for case in CASES], interpreter)
    return version, list(map(np.array, in_nest)), [own_responses(case, n_synapses, seed) for case in CASES]


def network_task(size: Size, synapse: Mapping[str, Any], delay: float) -> dict[str, Any]:
    """Return what NEST has to do to time a network of a size with a synapse, and one delay in ms."""
    return {"what": "seconds", **asdict(size), "delay": delay, **synapse}


def exported_bernoulli(interpreter: str, folder: str | Path) -> dict[str, Any]:
    """Export Bernoulli release with a p of each synapse into a folder, compile it, and return the synapse."""
    bernoulli_release(np.full(2, 0.5), q=1).export("nest", name="exported").write(folder)
    compile_module(interpreter, folder, "exported")
    path = str(Path(folder) / "exportedmodule.so")
    return {"model": "exported_synapse", "module": path, "parameters": {}, "ranges": {"p": list(P_RANGE)}}


def times_on(size: Size, interpreter: str, n_repeats: int) -> dict[str, list[float]]:
    """Return the processor time in seconds of Bernoulli release in NEST and in Brian2's C++, in turn."""
    own = {"model": "bernoulli_synapse", "parameters": {}, "ranges": {"p_transmit": list(P_RANGE)}}
    times: dict[str, list[float]] = {}
    with temporary_folder() as folder:
        in_nest = {
            "NEST, bernoulli_synapse": own,
            "NEST, exported": exported_bernoulli(interpreter, folder / "nest"),
        }
        tasks = [network_task(size, synapse, 0.1) for synapse in in_nest.values()]
        network = partial(build, bernoulli, size, delay=0.1 * ms)
        programs = build_programs({"Brian2, C++": network}, size.duration, folder)
        for _ in range(n_repeats):
            seconds = dict(zip(in_nest, run_in_nest(tasks, interpreter)[1], strict=True))
            seconds |= {name: taken for name, (taken,) in processor_times(programs, 1).items()}
            for name, taken in seconds.items():
                times.setdefault(name, []).append(taken)
    return times


def time_per_event(size: Size, interpreter: str) -> dict[str, Estimate]:
    """Return the processor time per synaptic event (ns) of Bernoulli release, by host; see `times_on`."""
    times, how = times_on(size, interpreter, n_repeats=3), "least of three in turn"
    return {host: exactly(1e9 * min(seconds) / size.n_events, how=how) for host, seconds in times.items()}


STATISTICS: dict[str, Callable[[NDArray[np.int64]], float]] = {
    "mean": lambda quanta: float(quanta.mean(axis=0).sum()),
    "variance": lambda quanta: float(quanta.var(axis=0, ddof=1).sum()),
    "failures": lambda quanta: float((quanta == 0).mean(axis=0).sum()),
}


def compared(
    in_nest: NDArray[np.int64], own: NDArray[np.int64], *, rng: np.random.Generator
) -> dict[str, Estimate]:
    """Return the statistics of a sample in NEST over those of one of this package, by resampling synapses.

    Both have the shape (synapse, spike), in quanta. Statistics that are 0 have no ratio.
    """
    ratios = {}
    how = "standard error by a bootstrap over synapses"
    for name, statistic in STATISTICS.items():
        values = statistic(in_nest), statistic(own)
        if min(values) > 0:
            resampled = [
                [statistic(sample[rng.integers(len(sample), size=len(sample))]) for _ in range(_N_RESAMPLES)]
                for sample in (in_nest, own)
            ]
            error = math.hypot(*(np.std(resampled, axis=1, ddof=1) / values))
            log_ratio, freedom = math.log(values[0] / values[1]), len(in_nest) + len(own) - 2
            ratios[name] = student(
                log_ratio, error, freedom, "ratio", n=len(in_nest), unit="synapses", how=how
            )
    return ratios


def ratios_by_statistic(
    in_nest: Sequence[NDArray[np.int64]], own: Sequence[NDArray[np.int64]], *, rng: np.random.Generator
) -> dict[str, dict[str, Estimate]]:
    """Return what `compared` says of each of `CASES`, by statistic and case."""
    pairs = zip(CASES, in_nest, own, strict=True)
    ratios = {case.name: compared(theirs, ours, rng=rng) for case, theirs, ours in pairs}
    return {
        statistic: {name: part[statistic] for name, part in ratios.items() if statistic in part}
        for statistic in STATISTICS
    }


def draw_responses(
    figure: Figure, in_nest: Sequence[NDArray[np.int64]], own: Sequence[NDArray[np.int64]]
) -> None:
    """Draw mean response and share of failures at each spike of a 20 Hz train, in NEST (dots) and in this
    package (crosses), with two standard errors.

    The quanta released are given for each of `CASES`, shape (synapse, spike); those with several sites are
    drawn.
    """
    left, right = figure.subplots(1, 2)
    shown = [number for number, case in enumerate(CASES) if case.model == "quantal_stp_synapse"]
    spike = np.arange(N_SPIKES) + 1
    for number, colour in zip(shown, (BLUE, ORANGE, GREEN), strict=True):
        for quanta, marker, shift in ((in_nest[number], "o", -0.1), (own[number], "x", 0.1)):
            style: dict[str, Any] = {"fmt": marker, "color": colour, "ms": 4}
            error = 2 * quanta.std(axis=0, ddof=1) / np.sqrt(len(quanta))
            label = CASES[number].name if marker == "o" else None
            left.errorbar(spike + shift, quanta.mean(axis=0), error, label=label, **style)
            failed = (quanta == 0).mean(axis=0)
            error = 2 * np.sqrt(failed * (1 - failed) / len(quanta))
            right.errorbar(spike + shift, failed, error, **style)
    left.set(xlabel="spike of the train", ylabel="mean response (quanta)")
    right.set(xlabel="spike of the train", ylabel="share of failures")
    left.legend(fontsize=7)
