"""Time steps of stochastic layers against the layers of torch, and compiled whole steps against the engine.

``python -m tests.benchmarks.layers [--turns N] [--eager]`` prints processor time per step and network, ratios
and memory. All runs take turns in one process with one thread; every number is a median.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state

from rate_models.nn import (
    BernoulliConv2d,
    BernoulliLinear,
    GaussianLinear,
    PresynapticSGD,
    presynaptic_update,
    seed_streams,
)
from tests.benchmarks.rate import (
    BERNOULLI,
    GAUSSIAN,
    IMAGES_PER_STEP,
    N_STEPS,
    RULE,
    engine,
    images_and_labels,
)

LR, L2 = 0.05, 0.01


def network(sizes: tuple[int, ...], layer: Callable[..., nn.Module]) -> nn.Sequential:
    """Return a fully connected network with rectified hidden units."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [layer(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutions(layer: Callable[..., nn.Module]) -> nn.Sequential:
    """Return two convolutions of 28x28 images and a linear layer."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        layer(1, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        layer(16, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def descent(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=LR, weight_decay=L2)


def plasticity(model: nn.Module) -> torch.optim.Optimizer:
    return PresynapticSGD(model, RULE, lr=LR, l2=L2)


def by_modules(
    model: nn.Module, optimizer: torch.optim.Optimizer, size: int, compiles: bool = False
) -> Callable[[], None]:
    """Return a run of steps of a module and an optimiser."""
    images, labels = images_and_labels()

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(model(x), y)

    step: Callable[[], Any] = optimizer.step
    if compiles:
        whole = isinstance(optimizer, PresynapticSGD)
        loss, step = torch.compile(loss, fullgraph=True), torch.compile(step, fullgraph=whole)

    def run() -> None:
        for n in range(N_STEPS):
            batch = slice(n * size, (n + 1) * size)
            optimizer.zero_grad()
            loss(images[batch], labels[batch]).backward()
            step()

    return run


class WholeSteps:
    """Steps of a group of networks over stacked states, as one compiled graph or without a compiler."""

    def __init__(self, layer: Callable[..., nn.Module], layout: Any, n: int, compiles: bool) -> None:
        models = [seed_streams(network(layout.sizes, layer), seed) for seed in range(n)]
        parameters, self.buffers = stack_module_state(models)
        self.parameters = {name: value.detach() for name, value in parameters.items()}
        self.moments = {
            name: [torch.zeros_like(value), torch.zeros_like(value)]
            for name, value in self.parameters.items()
        }
        self.size, self.n = IMAGES_PER_STEP[layout], n
        self.base = copy.deepcopy(models[0]).to("meta")
        self.is_plastic = layer is BernoulliLinear
        self.n_steps = torch.zeros(())
        step = self._plastic_step if self.is_plastic else self._adam_step
        self.step = torch.compile(step, fullgraph=True) if compiles else step
        self.images, self.labels = images_and_labels()

    def run(self) -> None:
        for number in range(N_STEPS):
            batch = slice(number * self.size, (number + 1) * self.size)
            x, y = self.images[batch], self.labels[batch]
            self.step(x.expand(self.n, -1, -1), y.expand(self.n, -1))

    def _gradients(self, names: list[str], x: Tensor, y: Tensor, reduction: str) -> dict[str, Tensor]:
        fixed = {name: value for name, value in self.parameters.items() if name not in names}

        def gradient(moving: dict[str, Tensor], fixed: Any, buffers: Any, x: Tensor, y: Tensor) -> Any:
            def loss(moving: dict[str, Tensor], buffers: Any) -> Tensor:
                out = functional_call(self.base, ({**moving, **fixed}, buffers), (x,))
                return F.cross_entropy(out, y, reduction=reduction)

            return grad(loss)(moving, buffers)

        moving = {name: self.parameters[name] for name in names}
        return torch.vmap(gradient)(moving, fixed, self.buffers, x, y)

    def _plastic_step(self, x: Tensor, y: Tensor) -> None:
        names = [name for name in self.parameters if name.endswith("weight")]
        for name, gradient in self._gradients(names, x, y, "mean").items():
            weight, p = self.parameters[name], self.buffers[name.replace("weight", "release.probability")]
            moved = presynaptic_update(weight, p, gradient, RULE, lr=LR, l2=L2)
            weight.copy_(moved[0])
            p.copy_(moved[1])

    def _adam_step(self, x: Tensor, y: Tensor) -> None:
        self.n_steps.add_(1)
        for name, gradient in self._gradients(list(self.parameters), x, y, "sum").items():
            first, second = self.moments[name]
            first.lerp_(gradient, 0.1)
            second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            scale = 1e-4 / (1 - 0.9**self.n_steps)
            root = (1 - 0.999**self.n_steps).sqrt()
            self.parameters[name].sub_(scale * first / (second.sqrt() / root + 1e-8))


def milliseconds(
    runs: dict[str, Callable[[], None]], n_networks: dict[str, int], turns: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the median processor time per step and network, in ms, of runs that take turns.

    Beside it the time on the clock, in s, until each run could start: what its first turn took longer.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    starts: dict[str, float] = {}
    for turn in range(turns + 1):
        for name, run in runs.items():
            t_start, t_clock = time.thread_time(), time.perf_counter()
            run()
            seconds[name].append(time.thread_time() - t_start)
            if not turn:
                starts[name] = time.perf_counter() - t_clock
    medians = {name: statistics.median(each[1:]) for name, each in seconds.items()}
    ms = {name: 1000 * each / N_STEPS / n_networks.get(name, 1) for name, each in medians.items()}
    return ms, {name: starts[name] - each for name, each in medians.items()}


def steps_until_paid(seconds: float, ms: float, ms_other: float, n_networks: int) -> float:
    """Return after how many steps of a group a start of so many seconds is paid for by faster steps."""
    return 1000 * seconds / (n_networks * (ms_other - ms)) if ms < ms_other else float("inf")


def saved_bytes(model: nn.Module) -> int:
    """Return the bytes of state, gradients and what a forward pass keeps for the backward pass."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    x = images_and_labels()[0][:100]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(x)
    for tensor in (*model.parameters(), *model.buffers()):
        keep(tensor.detach())
    return sum(kept.values()) + sum(4 * parameter.numel() for parameter in model.parameters())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--eager", action="store_true", help="leave out what compiles, which takes minutes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    linear, releasing = network(BERNOULLI.sizes, nn.Linear), network(BERNOULLI.sizes, BernoulliLinear)
    plain, conv = convolutions(nn.Conv2d), convolutions(BernoulliConv2d)
    runs = {
        "nn.Linear": by_modules(linear, descent(linear), 100),
        "BernoulliLinear": by_modules(releasing, plasticity(releasing), 100),
        "nn.Conv2d": by_modules(plain, descent(plain), 50),
        "BernoulliConv2d": by_modules(conv, plasticity(conv), 50),
    }
    n_networks: dict[str, int] = {}
    if not options.eager:
        models = [network(BERNOULLI.sizes, layer) for layer in (nn.Linear, BernoulliLinear)]
        runs["nn.Linear, compiled"] = by_modules(models[0], descent(models[0]), 100, True)
        runs["BernoulliLinear, compiled"] = by_modules(models[1], plasticity(models[1]), 100, True)
        for kind, layer, layout in (
            ("plastic", BernoulliLinear, BERNOULLI),
            ("gaussian", GaussianLinear, GAUSSIAN),
        ):
            for n in (1, 4):
                group = {
                    f"whole step, {kind}, {n}": WholeSteps(layer, layout, n, True).run,
                    f"uncompiled step, {kind}, {n}": WholeSteps(layer, layout, n, False).run,
                    f"engine, {kind}, {n}": engine(kind, n),
                }
                runs |= group
                n_networks |= dict.fromkeys(group, n)
    ms, starts = milliseconds(runs, n_networks, options.turns)
    for name, value in ms.items():
        print(f"{name:32s} {value:8.3f} ms per step and network, starts after {starts[name]:6.1f} s")
    pairs = [
        ("BernoulliLinear", "nn.Linear", "<= 2.5"),
        ("BernoulliConv2d", "nn.Conv2d", "<= 2.5"),
        ("BernoulliLinear, compiled", "nn.Linear, compiled", "<= 1.6"),
        *(
            (f"{step} step, {kind}, {n}", f"engine, {kind}, {n}", "<= 1.2")
            for step in ("whole", "uncompiled")
            for kind in ("plastic", "gaussian")
            for n in (1, 4)
        ),
    ]
    for above, below, aim in pairs:
        if above in ms:
            print(f"{above:26s} over {below:26s} {ms[above] / ms[below]:6.2f}  aim {aim}")
    for name, n in n_networks.items():
        if name.startswith("whole"):
            n_steps = steps_until_paid(starts[name], ms[name], ms[name.replace("whole step", "engine")], n)
            print(f"{name:26s} pays against the engine from {n_steps:.3g} steps of one shape on")
    ratio = saved_bytes(releasing) / saved_bytes(linear)
    print(f"state, gradients and what is saved, BernoulliLinear over nn.Linear {ratio:.2f}  aim <= 2")


if __name__ == "__main__":
    main()
