"""Time a training step of many replicas on an accelerator; compare the captured program with the plain one.

``python -m tests.benchmarks.rate_device [DEVICE]`` prints milliseconds per step (median of several runs) for
batches of Bernoulli and Gaussian networks, then the kernels that take the time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from biophys.release_plasticity import ReleasePlasticity
from rate_models.devices import Execution
from rate_models.evaluation import mean_softmax
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.optimisers import Adam, GradientDescent, Sgd
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, GaussianSynapses
from rate_models.task_sequences import DataOrder
from rate_models.training import Trainer

N_IMAGES = 60_000


def plastic(n: int, execution: Execution) -> Trainer:
    layout = Layout((784, 200, 200, 10))
    synapses = BernoulliSynapses(layout, list(range(n)), execution=execution)
    rule = PresynapticSgd(synapses, ReleasePlasticity(form="soft_bound"), learning_rate=0.05, l2=0.001)
    return trainer_of(layout, synapses, rule)


def deterministic(n: int, execution: Execution) -> Trainer:
    layout = Layout((784, 200, 200, 10))
    synapses = DeterministicSynapses(layout, list(range(n)), execution=execution)
    return trainer_of(layout, synapses, GradientDescent(Sgd(synapses, learning_rate=0.08, l2=0.001)))


def gaussian(n: int, execution: Execution) -> Trainer:
    layout = Layout((784, 100, 100, 10))
    synapses = GaussianSynapses(layout, list(range(n)), execution=execution)
    return trainer_of(layout, synapses, GradientDescent(Adam(synapses, learning_rate=1e-4)), loss="sum")


def trainer_of(layout: Layout, synapses, rule, loss: str = "mean") -> Trainer:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(N_IMAGES, layout.sizes[0], generator=generator)
    labels = (images[:, :10].argmax(dim=1)).long()
    return Trainer(FeedForward(layout), synapses, rule, images, labels, loss=loss)


def wait(execution: Execution) -> None:
    if execution.torch_device.type == "cuda":
        torch.cuda.synchronize()


def milliseconds_per_step(trainer: Trainer, batch_size: int, n_steps: int = 200, n_runs: int = 5) -> float:
    execution = trainer.synapses.execution
    order = DataOrder([0] * trainer.synapses.n_replicas)
    plan = order.epoch(np.arange(n_steps * batch_size), batch_size=batch_size)
    seconds = []
    for _ in range(n_runs + 1):
        wait(execution)
        t_start = time.perf_counter()
        trainer.run(plan)
        wait(execution)
        seconds.append(time.perf_counter() - t_start)
    return 1000 * statistics.median(seconds[1:]) / n_steps


def check_programs_agree(device: str) -> None:
    """Train the same replicas by the plain and by the captured, compiled program, and one of them alone."""
    for build, batch_size in ((plastic, 100), (gaussian, 20)):
        learned = {}
        for name, n, capture in (("plain", 3, False), ("captured", 3, True), ("alone", 1, True)):
            execution = Execution(device, dtype="float64", capture=capture, compile=capture)
            trainer = build(n, execution)
            trainer.run(DataOrder([0] * n).epoch(np.arange(20 * batch_size), batch_size=batch_size))
            learned[name] = trainer.synapses.learned[0].clone()
        for name in ("captured", "alone"):
            largest = learned["plain"].abs().max()
            difference = float((learned[name] - learned["plain"]).abs().max() / largest)
            print(
                f"{build.__name__} {name} - plain after 20 steps: {difference:.1e} of the largest", flush=True
            )


def show_kernels(trainer: Trainer, batch_size: int) -> None:
    from torch.profiler import ProfilerActivity, profile

    n = trainer.synapses.n_replicas
    plan = DataOrder([0] * n).epoch(np.arange(10 * batch_size), batch_size=batch_size)
    trainer.run(plan)
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        trainer.run(plan)
        torch.cuda.synchronize()
    rows = sorted(recorded.key_averages(), key=lambda row: -row.self_device_time_total)
    print(f"{sum(r.count for r in rows) / 10:.0f} kernels per step")
    for row in rows[:14]:
        print(f"  {row.self_device_time_total / 10:8.1f} us x{row.count / 10:4.1f}  {row.key[:90]}")


def milliseconds_per_evaluation(trainer: Trainer) -> float:
    synapses, images = trainer.synapses, trainer.images[:10_000]
    times = []
    for _ in range(2):
        wait(synapses.execution)
        t_start = time.perf_counter()
        mean_softmax(trainer.network, synapses, images, streams=synapses.evaluation_streams())
        wait(synapses.execution)
        times.append(1000 * (time.perf_counter() - t_start))
    return times[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device", nargs="?", default="cuda")
    device = parser.parse_args().device
    check_programs_agree(device)
    builds: list[tuple[Callable[[int, Execution], Trainer], int, int]] = [
        (plastic, 60, 100),
        (gaussian, 96, 20),
        (plastic, 120, 100),
        (deterministic, 60, 100),
    ]
    for build, n, batch_size in builds:
        for tf32 in (False, True):
            trainer = build(n, Execution(device, allow_tf32=tf32))
            t_start = time.perf_counter()
            ms = milliseconds_per_step(trainer, batch_size)
            took = time.perf_counter() - t_start
            name = f"{n} {build.__name__} networks, {'TF32' if tf32 else 'float32'}"
            print(f"{name:40s} {ms:7.3f} ms/step  ({took:.0f} s in all)", flush=True)
            if build is plastic and n == 60:
                print(
                    f"{'':40s} {milliseconds_per_evaluation(trainer):7.1f} ms for 10 passes over 10000 images"
                )
        if device.startswith("cuda"):
            show_kernels(trainer, batch_size)


if __name__ == "__main__":
    main()
