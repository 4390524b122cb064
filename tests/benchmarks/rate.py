"""Time training steps of the rate engine on a CPU against plain loops written from the papers' descriptions.

``python -m tests.benchmarks.rate [--processes] [--compile]`` prints milliseconds per step and ratios. Every
row is the median over many short runs that take turns in one process with one thread, so that other load on
the machine falls on all alike. Then the limit: what matrix products and random numbers alone take.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from PIL import Image
from torch import Tensor

from biophys.release_plasticity import ReleasePlasticity
from biophys.sweeps.executors import LocalProcesses, ThisProcess
from rate_models.devices import Execution
from rate_models.evaluation import mean_softmax
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.optimisers import Adam, GradientDescent, Sgd
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses
from rate_models.sweep import run_sweep
from rate_models.task_sequences import DataOrder
from rate_models.training import Trainer

BERNOULLI, GAUSSIAN = Layout((784, 200, 200, 10)), Layout((784, 100, 100, 10))
IMAGES_PER_STEP = {BERNOULLI: 100, GAUSSIAN: 20}
N_IMAGES, N_STEPS, N_RUNS = 4000, 20, 15
RULE = ReleasePlasticity(form="soft_bound")

Step = Callable[[Tensor, Tensor], None]


def images_and_labels() -> tuple[Tensor, Tensor]:
    images = torch.randn(N_IMAGES, 784, generator=torch.Generator().manual_seed(0))
    return images, images[:, :10].argmax(dim=1)


# ---- plain loops: what one writes first ----


def plain_plastic() -> Step:
    """Return a step of the network with plastic release, by autograd."""
    layers = [torch.nn.Linear(a, b) for a, b in ((784, 200), (200, 200), (200, 10))]
    release = [torch.full_like(layer.weight, RULE.p_min) for layer in layers]

    def step(x: Tensor, labels: Tensor) -> None:
        for index, (layer, p) in enumerate(zip(layers, release, strict=True)):
            x = F.linear(x, torch.bernoulli(p) * layer.weight / p, layer.bias)
            x = torch.relu(x) if index < 2 else x
        F.cross_entropy(x, labels).backward()
        with torch.no_grad():
            for layer, p in zip(layers, release, strict=True):
                gradient = layer.weight.grad
                layer.weight -= 0.05 * (gradient + 0.01 * layer.weight)
                change = torch.where(gradient.abs() >= RULE.g_lim, RULE.p_up, -RULE.p_down)
                p.copy_((p + (1 - p) * change).clamp(RULE.p_min, RULE.p_max))
                layer.weight.grad = layer.bias.grad = None

    return step


def plain_deterministic() -> Step:
    """Return a step of the network without noise."""
    sizes = BERNOULLI.sizes
    linear = [torch.nn.Linear(a, b) for a, b in pairwise(sizes)]
    network = torch.nn.Sequential(linear[0], torch.nn.ReLU(), linear[1], torch.nn.ReLU(), linear[2])
    optimiser = torch.optim.SGD(network.parameters(), lr=0.08, weight_decay=0.01)

    def step(x: Tensor, labels: Tensor) -> None:
        optimiser.zero_grad()
        F.cross_entropy(network(x), labels).backward()
        optimiser.step()

    return step


def plain_gaussian() -> Step:
    """Return a step of the noisy network in double precision, weights drawn from `torch.distributions`."""
    means: list[Tensor] = []
    for a, b in ((784, 100), (100, 100), (100, 10)):
        means += [torch.rand(b, a).double() * 0.2 - 0.1, torch.rand(b).double() * 0.2 - 0.1]
    phis = [torch.full_like(mean, -9.21).requires_grad_() for mean in means]
    means = [mean.requires_grad_() for mean in means]
    optimiser = torch.optim.Adam([*means, *phis], lr=1e-4)

    def step(x: Tensor, labels: Tensor) -> None:
        optimiser.zero_grad()
        sigmas = [F.softplus(phi) for phi in phis]
        drawn = [torch.distributions.Normal(m, s).rsample() for m, s in zip(means, sigmas, strict=True)]
        x = x.double()
        for index in range(3):
            x = F.linear(x, drawn[2 * index], drawn[2 * index + 1])
            x = torch.relu(x) if index < 2 else x
        F.cross_entropy(x, labels, reduction="sum").backward()
        optimiser.step()

    return step


class OneByOne(torch.utils.data.Dataset):
    """Images taken singly through an image library and normalised when asked for, as is usual."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.pixels = (images * 40 + 128).clamp(0, 255).byte().view(-1, 28, 28).numpy()
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.pixels[index])
        image = torch.from_numpy(np.array(picture, copy=True))[None].float().div(255)
        image = image.sub(torch.as_tensor([0.1307])[:, None, None]).div(
            torch.as_tensor([0.3081])[:, None, None]
        )
        return image.flatten(), int(self.labels[index])


def in_memory(step: Step, images: Tensor, labels: Tensor, batch_size: int) -> Callable[[], None]:
    """Return a run of steps that pick their images by index."""
    rng = np.random.default_rng(0)

    def run() -> None:
        for _ in range(N_STEPS):
            index = torch.from_numpy(rng.integers(len(images), size=batch_size))
            step(images[index], labels[index])

    return run


def by_loader(step: Step, images: Tensor, labels: Tensor, batch_size: int) -> Callable[[], None]:
    """Return a run of steps that get their images one by one from a loader."""
    data = OneByOne(images, labels)

    def endless() -> Iterator[Any]:
        while True:
            yield from torch.utils.data.DataLoader(data, batch_size, shuffle=True, drop_last=True)

    batches = endless()

    def run() -> None:
        for _ in range(N_STEPS):
            step(*next(batches))

    return run


# ---- the engine ----


def trainer_of(kind: str, n: int, execution: Execution) -> Trainer:
    layout = BERNOULLI if kind in ("plastic", "deterministic") else GAUSSIAN
    seeds, network = list(range(n)), FeedForward(layout)
    rule: Any
    if kind == "plastic":
        plastic = BernoulliSynapses(layout, seeds, execution=execution)
        synapses, rule = plastic, PresynapticSgd(plastic, RULE, learning_rate=0.05, l2=0.01)
    elif kind == "deterministic":
        synapses = DeterministicSynapses(layout, seeds, execution=execution)
        rule = GradientDescent(Sgd(synapses, learning_rate=0.08, l2=0.01))
    else:
        synapses = GaussianSynapses(layout, seeds, execution=execution)
        rule = GradientDescent(Adam(synapses, learning_rate=1e-4))
    loss = "mean" if layout is BERNOULLI else "sum"
    return Trainer(network, synapses, rule, *images_and_labels(), loss=loss)


def engine(kind: str, n: int = 1, execution: Execution | None = None) -> Callable[[], None]:
    """Return a run of steps of the engine."""
    trainer = trainer_of(kind, n, execution or Execution())
    batch_size = IMAGES_PER_STEP[trainer.network.layout]
    plan = DataOrder([0] * n).epoch(np.arange(N_STEPS * batch_size), batch_size=batch_size)
    return lambda: trainer.run(plan)


def milliseconds(runs: dict[str, Callable[[], None]], steps_per_run: dict[str, int]) -> dict[str, float]:
    """Return the median milliseconds of processor time per step and network of runs that take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(N_RUNS + 1):
        for name, run in runs.items():
            t_start = time.thread_time()
            run()
            if turn:
                seconds[name].append(time.thread_time() - t_start)
    return {name: 1000 * statistics.median(each) / steps_per_run[name] for name, each in seconds.items()}


def step_table(compiles: bool) -> dict[str, float]:
    images, labels = images_and_labels()
    plain = {
        "plain deterministic loop": (plain_deterministic(), 100, in_memory),
        "plain plastic loop": (plain_plastic(), 100, in_memory),
        "plain plastic loop, images one by one": (plain_plastic(), 100, by_loader),
        "plain Gaussian loop, double precision": (plain_gaussian(), 20, in_memory),
    }
    runs = {name: of(step, images, labels, size) for name, (step, size, of) in plain.items()}
    n_networks = {}
    executions = {"": Execution()} | ({", compiled": Execution(compile=True)} if compiles else {})
    for suffix, execution in executions.items():
        for kind in ("deterministic", "plastic", "gaussian"):
            for n in (1, 4):
                name = f"engine, {kind}{suffix}" + (f", {n} networks" if n > 1 else "")
                runs[name], n_networks[name] = engine(kind, n, execution), n
    found = milliseconds(runs, {name: N_STEPS * n_networks.get(name, 1) for name in runs})
    print("milliseconds per step and network")
    for name, ms in found.items():
        print(f"  {name:45s} {ms:7.3f}")
    return found


def print_ratios(ms: dict[str, float]) -> None:
    plastic, noisy = "plain plastic loop", "plain Gaussian loop, double precision"
    rows = [
        ("plastic over deterministic step, engine", "engine, plastic", "engine, deterministic", "<= 1.6"),
        ("plastic over deterministic step, plain loops", plastic, "plain deterministic loop", ""),
        ("plain plastic loop over the engine", plastic, "engine, plastic", ">= 2"),
        ("the same with images one by one", f"{plastic}, images one by one", "engine, plastic", ">= 4"),
        ("double-precision Gaussian loop over the engine", noisy, "engine, gaussian", ">= 4"),
    ]
    kinds = ["", ", 4 networks", ", compiled, 4 networks"]
    kinds = [kind for kind in kinds if f"engine, plastic{kind}" in ms]
    print("ratios: a network alone, in a group of four as a sweep trains them (and compiled), target")
    for what, above, below, target in rows:
        ratios = [
            ms[above + kind if above.startswith("engine") else above] / ms[below + kind]
            for kind in (kinds if below.startswith("engine") else [""])
        ]
        print(f"  {what:48s}" + "".join(f"{ratio:6.2f}" for ratio in ratios) + f"  {target}")


def print_limit(ms: dict[str, float]) -> None:
    """Print what matrix products and random numbers alone take, and how far the step is from that."""
    rng, generator = np.random.SFC64(0), torch.Generator()
    normal = torch.empty(GAUSSIAN.n_parameters)
    parts = {
        "plastic: random bits": lambda: rng.random_raw(BERNOULLI.n_weights // 4),
        "plastic: matrix products": products(BERNOULLI),
        "gaussian: normal numbers": lambda: normal.normal_(generator=generator),
        "gaussian: matrix products": products(GAUSSIAN),
    }
    found = milliseconds(parts, dict.fromkeys(parts, 1))
    print("limit: matrix products and random numbers alone (ms)")
    for name, value in found.items():
        print(f"  {name:45s} {value:7.3f}")
    for kind in ("plastic", "gaussian"):
        limit = sum(value for name, value in found.items() if name.startswith(kind))
        print(f"  {kind} step over its limit {ms[f'engine, {kind}'] / limit:27.2f}")


def products(layout: Layout) -> Callable[[], None]:
    """Return the matrix products of one training step."""
    size = IMAGES_PER_STEP[layout]
    pairs = list(pairwise(layout.sizes))
    weights = [torch.randn(b, a) for a, b in pairs]
    below = [torch.randn(size, a) for a, _ in pairs]
    above = [torch.randn(size, b) for _, b in pairs]

    def run() -> None:
        for index, weight in enumerate(weights):
            torch.mm(below[index], weight.t())
            torch.mm(above[index].t(), below[index])
            if index:
                torch.mm(above[index], weight)

    return run


def print_evaluation(ms: dict[str, float], n_epochs: int = 10) -> None:
    """Print the share of ten draws over the test images, once in so many epochs of training."""
    trainer = trainer_of("plastic", 1, Execution())
    synapses, test = trainer.synapses, torch.randn(10_000, 784)
    seconds = []
    for _ in range(3):
        t_start = time.thread_time()
        mean_softmax(trainer.network, synapses, test, streams=synapses.evaluation_streams())
        seconds.append(time.thread_time() - t_start)
    training = n_epochs * 600 * ms["engine, plastic"] / 1000
    share = statistics.median(seconds) / training
    print(f"evaluation: ten draws over 10 000 images take {statistics.median(seconds):.2f} s")
    print(f"  over the training time of {n_epochs} epochs {share:.2f} (target <= 0.25)")
    print(f"  over that of one epoch {share * n_epochs:.2f}")


# ---- processes ----


def train_group(group: list[Any], execution: Execution) -> xr.Dataset:
    """Train plastic networks; what the processes of the sweep below do."""
    torch.set_num_threads(1)
    trainer = trainer_of("plastic", len(group), execution)
    for _ in range(40):
        order = DataOrder([settings["seed"] for settings in group])
        trainer.run(order.epoch(np.arange(N_IMAGES), batch_size=100))
    return xr.Dataset({"loss": ("replica", trainer.mean_loss.numpy())})


def print_processes() -> None:
    """Print how much faster two processes finish a sweep than one, starting included."""
    from tests.benchmarks.rate import train_group as importable

    configurations = [{"seed": seed} for seed in range(16)]
    seconds = {}
    for executor in (ThisProcess(), LocalProcesses(2)):
        with tempfile.TemporaryDirectory() as folder:
            t_start = time.perf_counter()
            run_sweep(importable, configurations, Path(folder), executor=executor, group_size=1)
            seconds[executor.n_workers] = time.perf_counter() - t_start
    print(f"sweep of 16 networks: one process {seconds[1]:.1f} s, two {seconds[2]:.1f} s,")
    print(f"  ratio {seconds[1] / seconds[2]:.2f} (target >= 1.8 on two free cores)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--processes", action="store_true", help="also compare two processes with one")
    parser.add_argument("--compile", action="store_true", help="also time compiled steps")
    options = parser.parse_args()
    torch.set_num_threads(1)
    ms = step_table(options.compile)
    print_ratios(ms)
    print_limit(ms)
    print_evaluation(ms)
    if options.processes:
        print_processes()


if __name__ == "__main__":
    main()
