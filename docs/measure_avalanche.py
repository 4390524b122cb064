"""Learn the ten permuted tasks with Avalanche and with this package, and write the page that compares them.

Both get the same networks at the start, the same permutations, the same images in the same order and the same
settings. Needs `pip install avalanche-lib==0.6.0`, which nothing else here does. A network is one line of a
file, so that the script can be stopped at any time and goes on with what is missing.

    python docs/measure_avalanche.py measure avalanche.jsonl --minutes 60
    python docs/measure_avalanche.py summarise avalanche.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure_recorded_trains import rows_of
from torch import Tensor, nn

from rate_models.continual_learning import TaskSequence, permuted_tasks
from rate_models.continual_methods import Replica, Training, learned
from rate_models.datasets import images_for
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.stochastic_layers import DeterministicSynapses
from rate_models.task_sequences import DataOrder

RESULTS = Path(__file__).parent / "results" / "avalanche.json"
PAGE = Path(__file__).parent / "avalanche.md"
SEEDS = (2019, 2020, 2021)
RATE, STRENGTH = 0.004587364, 4.4417963
"""What our search found for elastic weights with separate penalties on these tasks."""
METHODS = {
    "none": "no consolidation",
    "separate": "elastic weights",
    "online": "elastic weights, online",
}
TRAINING = Training(n_fisher_images=60_000)
SINGLE, DOUBLE = Execution(), Execution(dtype="float64")
CONTROL = (2020, "none", "brianpresyn, double precision")
"""The network whose single tasks differ most between the programs: what rounding alone changes."""


class InOrder(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Images of one task in the order in which they are learned, pass after pass."""

    def __init__(
        self, images: Tensor, labels: Tensor, order: Tensor, pixels: Tensor
    ) -> None:
        self.images, self.targets, self.order = (
            images[:, pixels],
            labels[order].tolist(),
            order.tolist(),
        )

    def __len__(self) -> int:
        """Return how many images are shown, all passes together."""
        return len(self.order)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an image with its label."""
        return self.images[self.order[index]], self.targets[index]


def as_module(layout: Layout, parameters: Tensor) -> nn.Sequential:
    """Return a network of rectified units with these weights and biases, (1, parameters), as torch has it."""
    layers: list[nn.Module] = []
    for weights, biases in zip(
        layout.weights(parameters), layout.biases(parameters), strict=True
    ):
        layer = nn.Linear(weights.shape[2], weights.shape[1])
        layer.load_state_dict({"weight": weights[0], "bias": biases[0]})
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def by_avalanche(kind: str, seed: int, sequence: TaskSequence) -> list[list[float]]:
    """Return the accuracy of every task after every task."""
    from avalanche.benchmarks import benchmark_from_datasets
    from avalanche.benchmarks.utils import as_classification_dataset
    from avalanche.training.supervised import EWC, Naive

    images, size = sequence.images, TRAINING.batch_size
    layout = Layout((images.n_pixels, *TRAINING.hidden_units, images.n_classes))
    start = DeterministicSynapses(layout, [seed], execution=Execution()).learned
    model, orders = as_module(layout, start), sequence.pixel_orders([seed])
    assert orders is not None
    data_order = DataOrder([seed], shuffles=sequence.shuffles)

    def shown(task: int) -> InOrder:
        members, n = sequence.train_members[task], TRAINING.n_epochs
        passes = [
            data_order.epoch(members, batch_size=size).images.flatten() for _ in range(n)
        ]
        return InOrder(
            images.train_images,
            images.train_labels,
            torch.cat(passes).long(),
            orders[0, task].long(),
        )

    experiences = [
        as_classification_dataset(shown(task)) for task in range(sequence.n_tasks)
    ]
    train = benchmark_from_datasets(train=experiences).train_stream
    options: dict[str, Any] = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), lr=RATE),
    }
    options |= {
        "criterion": nn.CrossEntropyLoss(),
        "train_mb_size": size,
        "evaluator": None,
    }
    if kind == "none":
        strategy: Any = Naive(**options)
    else:
        # Its penalty is lambda, not lambda / 2, times squares of gradients that are means over a batch.
        decay = 1.0 if kind == "online" else None
        strategy = EWC(
            ewc_lambda=STRENGTH * size / 2, mode=kind, decay_factor=decay, **options
        )
    rows = []
    for experience in train:
        strategy.train(experience, shuffle=False)
        with torch.no_grad():
            answers = [
                model.eval()(images.test_images[:, p.long()]).argmax(dim=1)
                for p in orders[0]
            ]
        rows.append(
            [(answer == images.test_labels).double().mean().item() for answer in answers]
        )
    return rows


def by_this_package(
    kind: str, seed: int, sequence: TaskSequence, execution: Execution = SINGLE
) -> list[list[float]]:
    """Return the same of a network of this package."""
    settings = {"learning_rate": RATE} | ({} if kind == "none" else {"strength": STRENGTH})
    variant = {} if kind == "none" else {"fisher": "observed", "penalty": kind}
    program = "sgd" if kind == "none" else "ewc"
    replicas = [Replica(seed, settings, **variant)]
    result = learned(program, replicas, sequence, TRAINING, execution=execution)
    rows: list[list[float]] = result.accuracy.values[0, 1:].astype(float).tolist()
    return rows


PROGRAMS = {"Avalanche": by_avalanche, "brianpresyn": by_this_package}
LEARNERS = PROGRAMS | {CONTROL[2]: partial(by_this_package, execution=DOUBLE)}


def measure(path: Path, minutes: float) -> None:
    """Append the networks that a file lacks; none is begun after so many minutes."""
    end, kept = time.monotonic() + 60 * minutes, rows_of(path)
    path.write_text("".join(json.dumps(row) + "\n" for row in kept))
    done = {(row["seed"], row["method"], row["program"]) for row in kept}
    for seed, method, program in [*product(SEEDS, METHODS, PROGRAMS), CONTROL]:
        if (seed, method, program) in done or time.monotonic() > end:
            continue
        start, execution = time.process_time(), SINGLE if program in PROGRAMS else DOUBLE
        table = LEARNERS[program](
            method, seed, permuted_tasks(images_for("mnist", execution))
        )
        row = {"seed": seed, "method": method, "program": program}
        row["accuracy"] = np.round(table, 4).tolist()
        with path.open("a") as file:
            file.write(
                json.dumps(row | {"seconds": round(time.process_time() - start)}) + "\n"
            )


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page: a line for each method and network, then the largest differences."""
    tables = {
        (row["seed"], row["method"], row["program"]): np.array(row["accuracy"])
        for row in rows
    }
    seconds = {(row["seed"], row["method"], row["program"]): row["seconds"] for row in rows}
    pairs = {
        (method, seed): [tables[seed, method, program] for program in PROGRAMS]
        for method, seed in product(METHODS, SEEDS)
        if all((seed, method, program) in tables for program in PROGRAMS)
    }
    seen = np.tri(len(next(iter(pairs.values()))[0]), dtype=bool)
    lines = [
        _INTRODUCTION,
        "| method, seed | Avalanche | brianpresyn | largest difference of a task, at the end |",
    ]
    lines += ["|---|---|---|---|"]
    for (method, seed), both in pairs.items():
        means = (f"{100 * table[-1].mean():.2f}" for table in both)
        largest = 100 * np.abs(both[0][-1] - both[1][-1]).max()
        lines.append(f"| {METHODS[method]}, {seed} | {' | '.join(means)} | {largest:.1f} |")
    apart = 100 * np.concatenate(
        [np.abs(np.subtract(*both))[seen] for both in pairs.values()]
    )
    late = {
        seed: {int(np.argmin(table[-1, 5:])) + 6 for table in both}
        for (method, seed), both in pairs.items()
        if method == "separate"
    }
    ratios = [
        np.divide(*(seconds[seed, "none", name] for name in PROGRAMS))
        for method, seed in pairs
        if method == "none"
    ]
    exact, single = tables[CONTROL], tables[(*CONTROL[:2], "brianpresyn")]
    rounded = 100 * np.abs(exact - single)[seen]
    forgotten = "; ".join(" and ".join(map(str, sorted(tasks))) for tasks in late.values())
    lines += [
        "",
        "Over all tasks seen so far, after each of the ten, the two differ by "
        f"{apart.mean():.2f} points in the mean and {apart.max():.1f} at most. What rounding alone changes: "
        f"ours in single and double precision, without consolidation, seed {CONTROL[0]}, differ by "
        f"{rounded.mean():.2f} and {rounded.max():.1f}. The late task that is forgotten most under separate "
        f"penalties, by seed (two numbers where the programs differ): {forgotten}. Without consolidation "
        f"Avalanche takes {np.median(ratios):.1f} times the CPU time "
        "on one core.",
    ]
    return "\n".join(lines) + "\n"


_INTRODUCTION = f"""# Ten permuted tasks learned with Avalanche

[Avalanche](https://avalanche.continualai.org) 0.6 and this package learn the ten permuted tasks of MNIST: the
same networks at the start, the same permutations, the same images in the same order,
{TRAINING.n_epochs} passes for each task, with the settings that our search found for elastic weights
(rate {RATE:.4g}, strength {STRENGTH:.4g}, the Fisher information of the observed labels of all images).
Avalanche multiplies its penalty by lambda, not lambda / 2, and takes the Fisher information from squares of
gradients that are means over a batch of {TRAINING.batch_size}: its lambda is {TRAINING.batch_size} / 2 times
our strength. Mean accuracy of all ten tasks after the last one, in percent. Measured by
`docs/measure_avalanche.py`; numbers in `docs/results/avalanche.json`.
"""


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("measure", "summarise"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--minutes", type=float, default=600.0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.action == "measure":
        measure(chosen.file, chosen.minutes)
        return
    rows = rows_of(chosen.file)
    RESULTS.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    PAGE.write_text(page(rows))


if __name__ == "__main__":
    main()
