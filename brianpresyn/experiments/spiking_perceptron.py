"""A spiking perceptron that learns five pattern tasks one after the other, with plastic or fixed release.

Every input has an on- and an off-line; the line that matches the sign of the input spikes once at the start
of a trial and arrives after a delay of its own. A leaky neuron sums what is released; at the end of the trial
it has voted +1 if its potential is above 0. A teacher's error times the releases of the trial, averaged over
a batch, updates strength and release probability. After each task all tasks so far are tested, with several
votes a pattern, while nothing is learned.

References
----------
Schug S, Benzing F, Steger A (2021). eLife 10:e69884, fig. 5b,c, doi:10.7554/eLife.69884. The form of the rule
(steps that shrink with 1 - p, p capped at p_freeze) is that of the published experiment.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import xarray as xr
from brian2 import Network, NeuronGroup, StateMonitor, TimedArray, ms, second
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pydantic import InstanceOf

from biophys.estimates import Estimate, mean_of
from biophys.palette import BLUE, GREEN, PURPLE, SKY, VERMILION
from biophys.progress import Progress, ignore_progress
from biophys.release_plasticity import ReleasePlasticity
from biophys.settings import Count, OneOf, Positive, Probability, Seeds, settings
from brianpresyn.checked_synapses import synapses
from brianpresyn.plasticity import release_plasticity
from brianpresyn.release import bernoulli_release
from brianpresyn.synapse_code import Stage, SynapseCode
from brianpresyn.targets import TARGETS, code_generation, numpy_while_building
from brianpresyn.update_signals import given_signal

PLASTIC = "plastic release"

COLOURS = {PLASTIC: VERMILION, "deterministic": BLUE, "p = 0.5": GREEN, "p = 0.25": PURPLE}


@settings
class Config:
    """Size of the problem and how it is presented; defaults: the paper's perceptron.

    Parameters
    ----------
    n_inputs, n_patterns, n_tasks, n_epochs, n_per_batch
        Inputs, patterns in a task, tasks, times that a task is presented, patterns between updates.
    n_votes : presentations of each pattern in a test
    fixed_p
        Release probabilities of the controls; 1 is the deterministic perceptron. Strengths start at 0 and
        only the sign of the potential matters, so a control does not depend on its learning rate.
    rule : plasticity of the release probability
    n_steps, tau : steps of 1 ms in a trial, and the time constant of the neuron in ms
    n_delays : arrival times of the lines: 1 to this many ms after the start of a trial
    seeds : each gives patterns and releases of its own; all are simulated in one network
    target : code generation target
    """

    n_inputs: Count = 1000
    n_patterns: Count = 100
    n_tasks: Count = 5
    n_epochs: Count = 25
    n_per_batch: Count = 5
    n_votes: Count = 10
    fixed_p: tuple[Probability, ...] = (1.0, 0.5, 0.25)
    rule: InstanceOf[ReleasePlasticity] = field(
        default_factory=lambda: ReleasePlasticity(
            p_up=0.2, p_down=0.2, g_lim=0.1, p_max=0.9, p_freeze=0.9, form="soft_bound", consolidation=True
        )
    )
    n_steps: Count = 20
    tau: Positive = 50.0
    n_delays: Count = 10
    seeds: Seeds = tuple(range(1000, 1010))
    target: Annotated[str, OneOf(TARGETS)] = "cpp_standalone"

    def __post_init__(self) -> None:
        if self.n_patterns % self.n_per_batch:
            got = f"got {self.n_patterns} and {self.n_per_batch}"
            raise ValueError(f"n_patterns must be a multiple of n_per_batch, {got}")
        if self.n_steps <= self.n_delays:
            got = f"got {self.n_steps} and {self.n_delays} ms"
            raise ValueError(f"a trial must be longer than the longest delay, {got}")

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the perceptrons that are compared."""
        return (PLASTIC, *("deterministic" if p == 1 else f"p = {p:g}" for p in self.fixed_p))


QUICK = Config(
    n_inputs=500, n_patterns=50, n_epochs=15, n_votes=5, fixed_p=(1.0, 0.5), seeds=tuple(range(1000, 1006))
)

MAY_DIFFER = ("seeds", "target")


@dataclass(frozen=True)
class Schedule:
    """What is presented in every trial: the pattern, whether it is learned, and after which task."""

    pattern: NDArray[np.int64]
    is_learned: NDArray[np.bool_]
    after_task: NDArray[np.int64]


def schedule_for(config: Config) -> Schedule:
    """Return the trials: each task is learned, then all tasks so far are tested.

    >>> small = Config(n_inputs=4, n_patterns=2, n_tasks=2, n_epochs=1, n_per_batch=2, n_votes=1)
    >>> schedule_for(small).pattern.tolist()
    [0, 1, 0, 1, 2, 3, 0, 1, 2, 3]
    """
    pattern, is_learned, after_task = [], [], []
    for task in range(config.n_tasks):
        member = task * config.n_patterns + np.arange(config.n_patterns)
        learned = np.tile(member, config.n_epochs)
        tested = np.repeat(np.arange((task + 1) * config.n_patterns), config.n_votes)
        # Tests end on a whole batch, so that the next task begins with one.
        tested = np.append(tested, np.zeros(-tested.size % config.n_per_batch, dtype=int))
        pattern += [learned, tested]
        is_learned += [np.ones(learned.size, bool), np.zeros(tested.size, bool)]
        after_task += [np.full(learned.size + tested.size, task)]
    return Schedule(*(np.concatenate(parts) for parts in (pattern, is_learned, after_task)))


def patterns_for(config: Config, seed: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return random patterns (pattern, input) and labels (pattern), all -1 or 1."""
    rng = np.random.default_rng(seed)
    n = config.n_tasks * config.n_patterns
    signs = np.array([-1, 1], dtype=np.int8)
    return rng.choice(signs, (n, config.n_inputs)), rng.choice(signs, n)


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    n_trials = schedule_for(config).pattern.size
    # Building the program in C++ takes most of a run in small.
    return 8e9 + len(config.models) * len(config.seeds) * config.n_inputs * n_trials * config.n_steps


def run(config: Config, *, on_progress: Progress = ignore_progress) -> xr.Dataset:
    """Simulate all models and seeds, and return how well every task is remembered after every task.

    Returns
    -------
    xarray.Dataset
        ``accuracy`` (model, seed, after_task, task), majority of the votes, nan before a task was learned;
        ``p`` and ``strength`` (p q) at the end, both (model, seed, line).
    """
    on_progress(0.0, "simulating")
    with code_generation(config.target):
        votes, p, strength = _simulated(config)
    return _summary(config, votes, p, strength)


def _simulated(config: Config) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the votes (model, seed, trial), and p and p q (model, seed, line) at the end."""
    trial = config.n_steps * ms
    schedule = schedule_for(config)
    namespace = _presented(config, schedule)
    n_seeds, n_lines = len(config.seeds), 2 * config.n_inputs
    with numpy_while_building():
        starts = f"timestep(t, dt) % {config.n_steps} == 0 and is_active((row_of(t) + 0.5)*second, i) > 0.5"
        source = NeuronGroup(
            n_seeds * n_lines, "", threshold=starts, reset="", namespace=namespace, dt=1 * ms, name="lines"
        )
        perceptrons = [
            _perceptron(config, number, model, source, namespace)
            for number, model in enumerate(config.models)
        ]
        outputs, connections = zip(*perceptrons, strict=True)
        # A trial's vote is known when the next trial begins.
        monitors = [StateMonitor(output, "vote", record=True, dt=trial, when="end") for output in outputs]
    network = Network(source, *outputs, *connections, *monitors)
    network.run((schedule.pattern.size * config.n_steps + 1) * ms)
    votes = np.array([np.array(monitor.vote)[:, 1:] for monitor in monitors])
    p, q = (
        np.array([connection.state(name)[:] for connection in connections]).reshape(-1, n_seeds, n_lines)
        for name in "pq"
    )
    return votes, p, p * q


def _presented(config: Config, schedule: Schedule) -> dict[str, Any]:
    """Return the tables that the neurons read: pattern of a trial, active lines, labels, and learning."""
    trial = config.n_steps * ms
    drawn = [patterns_for(config, seed) for seed in config.seeds]
    active = np.concatenate([np.hstack([x > 0, x < 0]) for x, _ in drawn], axis=1)
    labels = np.array([y for _, y in drawn], dtype=float).T
    return {
        "row_of": TimedArray(schedule.pattern.astype(float), dt=trial, name="row_of"),
        "is_active": TimedArray(active.astype(float), dt=1 * second, name="is_active"),
        "label_of": TimedArray(labels, dt=1 * second, name="label_of"),
        "learns_at": TimedArray(schedule.is_learned.astype(float), dt=trial, name="learns_at"),
    }


def _perceptron(
    config: Config, number: int, model: str, source: NeuronGroup, namespace: dict[str, Any]
) -> tuple[NeuronGroup, Any]:
    """Return one output neuron per seed and the synapses from its lines."""
    trial = config.n_steps * ms
    output = NeuronGroup(
        len(config.seeds),
        f"dv/dt = -v/({config.tau}*ms) : 1\nvote : 1\nerror : 1",
        method="exact",
        namespace=namespace,
        dt=1 * ms,
        name=f"output_{number}",
    )
    # At the start of a trial the last one is judged; half a trial back is safely inside it.
    back = f"(t - {config.n_steps / 2}*ms)"
    output.run_regularly(
        f"""vote = 2*int(v >= 0) - 1
            error = (label_of((row_of{back} + 0.5)*second, i) - vote)*learns_at{back}*int(t > 0*ms)
            v = 0""",
        dt=trial,
        when="start",
        order=-2,
    )
    lines = np.arange(len(source))
    connection = synapses(
        source,
        output,
        _code(config, model),
        namespace=namespace,
        connect={"i": lines, "j": lines // (2 * config.n_inputs)},
        seed=config.seeds[0],
        name=f"perceptron_{number}",
        dt=1 * ms,
    )
    added = "error_sum += error_post*n_released\nn_released = 0"
    connection.run_regularly(added, dt=trial, when="start", order=-1)
    rng = np.random.default_rng(config.seeds[0])
    connection.delay = rng.integers(1, config.n_delays + 1, lines.size) * ms
    return output, connection


def _code(config: Config, model: str) -> SynapseCode:
    """Return the synapse of a model; its update is the batch's mean of error times releases."""
    is_plastic = model == PLASTIC
    p = config.rule.p_min if is_plastic else config.fixed_p[config.models.index(model) - 1]
    counted = SynapseCode(
        "batch",
        model="n_released : 1\nerror_sum : 1",
        on_pre={Stage.ACCOUNT: "n_released += released"},
        requires=frozenset({"released"}),
    )
    batch = config.n_per_batch * config.n_steps * ms
    signal = given_signal(f"error_sum/{config.n_per_batch}", at="regularly", every=batch)
    rule = config.rule if is_plastic else ReleasePlasticity(p_up=0.0, p_down=0.0, p_min=1e-6, g_lim=0.0)
    # What is judged at the start of a trial is the trial before it.
    enabled = f"learns_at(t - {config.n_steps / 2}*ms) > 0.5"
    learning = release_plasticity(rule, signal, learning_rate=1.0, enabled=enabled)
    reset = SynapseCode("reset", regularly={Stage.ACCOUNT: "error_sum = 0"}, every=signal.every)
    return bernoulli_release(p, q=0.0) + counted + learning + reset


def _summary(config: Config, votes: NDArray[Any], p: NDArray[Any], strength: NDArray[Any]) -> xr.Dataset:
    schedule = schedule_for(config)
    accuracy = np.full((len(config.models), len(config.seeds), config.n_tasks, config.n_tasks), np.nan)
    labels = np.array([patterns_for(config, seed)[1] for seed in config.seeds])
    for after in range(config.n_tasks):
        tested = np.flatnonzero(~schedule.is_learned & (schedule.after_task == after))
        tested = tested[: (after + 1) * config.n_patterns * config.n_votes]
        total = votes[:, :, tested].reshape(*votes.shape[:2], -1, config.n_votes).sum(axis=-1)
        right = (np.sign(total) == labels[:, : total.shape[-1]]).reshape(*votes.shape[:2], after + 1, -1)
        accuracy[:, :, after, : after + 1] = right.mean(axis=-1)
    return xr.Dataset(
        {
            "accuracy": (("model", "seed", "after_task", "task"), accuracy),
            "p": (("model", "seed", "line"), p),
            "strength": (("model", "seed", "line"), strength),
        },
        coords={"model": list(config.models), "seed": list(config.seeds)},
        attrs={"n_inputs": config.n_inputs, "n_patterns": config.n_patterns, "n_votes": config.n_votes},
    )


def leads(accuracy: xr.DataArray) -> dict[str, dict[str, Estimate]]:
    """Return how much better plastic release remembers, on task 1 and on all, than each control, by seed.

    >>> values = xr.DataArray([[[[0.9]]], [[[0.7]]]], dims=("model", "seed", "after_task", "task"))
    >>> ahead = leads(values.assign_coords(model=[PLASTIC, "p = 0.5"]))
    >>> round(ahead["mean accuracy over five tasks"]["p = 0.5"].value, 3)
    0.2
    """
    last = accuracy.isel(after_task=-1)
    recalled = {
        "accuracy on task 1 after five tasks": last.isel(task=0),
        "mean accuracy over five tasks": last.mean("task"),
    }
    return {
        words: {
            str(control): mean_of(
                values.sel(model=PLASTIC) - values.sel(model=control), unit="networks", how="paired by seed"
            )
            for control in values.model.values
            if control != PLASTIC
        }
        for words, values in recalled.items()
    }


def plot(result: xr.Dataset, axes: Axes, *, task: int | None = 0) -> None:
    """Draw the accuracy on one task, or, for None, the mean over all learned tasks, after each task."""
    shown = result.accuracy.mean("task") if task is None else result.accuracy.isel(task=task)
    n_seeds = result.sizes["seed"]
    after = np.arange(result.sizes["after_task"]) + 1
    for model in result.model.to_numpy():
        values = shown.sel(model=model).transpose("seed", "after_task").to_numpy()
        mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n_seeds)
        colour = COLOURS.get(str(model), SKY)
        axes.errorbar(after, mean, error, color=colour, marker="o", markersize=4, label=str(model), capsize=2)
    name = "accuracy, mean of tasks learned" if task is None else f"accuracy on task {task + 1}"
    axes.set(xlabel="tasks learned", ylabel=name)
    axes.set_title(f"{n_seeds} seeds, standard error", fontsize=9)


def draw_memory(result: xr.Dataset, figure: Figure) -> None:
    """Draw accuracy on the first task (left), on all tasks learned so far (middle), and release probability
    of all synapses at the end (right); bars: standard error."""
    left, middle, right = figure.subplots(1, 3)
    plot(result, left, task=0)
    plot(result, middle, task=None)
    left.legend(fontsize=7)
    right.hist(result.p.sel(model=PLASTIC).to_numpy().ravel(), bins=40, color=VERMILION)
    right.set(xlabel="release probability at the end", ylabel="synapses, all seeds")


FIGURES = {"accuracy": lambda result, figure: plot(result, figure.subplots()), "memory": draw_memory}
