"""Time steps of stochastic layers against the layers of torch on an accelerator.

``python -m tests.benchmarks.layers_on_a_device [DEVICE]`` prints milliseconds per step, the median of runs
that take turns, and ratios, eagerly and compiled.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from rate_models.nn import BernoulliConv2d, BernoulliLinear, PresynapticSGD, seed_streams
from tests.benchmarks.layers import convolutions, descent, network, plasticity
from tests.benchmarks.rate import BERNOULLI

MODES: dict[str, dict[str, str] | None] = {
    "eager": None,
    "compiled": {},
}
N_STEPS, N_TURNS = 50, 9


def steps_of(model: nn.Module, options: dict[str, str] | None, device: str, size: int) -> Callable[[], None]:
    model = model.to(device)
    optimizer = plasticity(model) if any(map(is_releasing, model)) else descent(model)
    images = torch.randn(N_STEPS, size, 784, device=device)
    labels = images[..., :10].argmax(dim=-1)

    def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(model(x), y)

    step: Callable[[], object] = optimizer.step
    if options is not None:
        loss = torch.compile(loss, fullgraph=True, **options)
        step = torch.compile(step, fullgraph=isinstance(optimizer, PresynapticSGD))

    def run() -> None:
        for x, y in zip(images, labels, strict=True):
            optimizer.zero_grad()
            loss(x, y).backward()
            step()
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    return run


def is_releasing(layer: nn.Module) -> bool:
    return isinstance(layer, (BernoulliLinear, BernoulliConv2d))


def main() -> None:
    device = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    for size, kinds in (
        (100, {"nn.Linear": nn.Linear, "BernoulliLinear": BernoulliLinear}),
        (50, {"nn.Conv2d": nn.Conv2d, "BernoulliConv2d": BernoulliConv2d}),
    ):
        for mode, options in MODES.items():
            build = network if "nn.Linear" in kinds else convolutions
            models = {
                name: build(BERNOULLI.sizes, layer) if build is network else build(layer)
                for name, layer in kinds.items()
            }
            runs = {
                name: steps_of(
                    seed_streams(model, 1) if "Bernoulli" in name else model, options, device, size
                )
                for name, model in models.items()
            }
            seconds: dict[str, list[float]] = {name: [] for name in runs}
            for turn in range(N_TURNS + 1):
                for name, run in runs.items():
                    t_start = time.perf_counter()
                    run()
                    if turn:
                        seconds[name].append(time.perf_counter() - t_start)
            plain, releasing = (1000 * statistics.median(each) / N_STEPS for each in seconds.values())
            row = f"{releasing:7.3f} ms over {plain:7.3f} ms: {releasing / plain:5.2f}"
            print(f"{mode:12s} {' over '.join(reversed(list(kinds))):32s} {row}", flush=True)


if __name__ == "__main__":
    main()
