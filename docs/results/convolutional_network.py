"""Measure convolutional networks with reliable, fixed and plastic release: writes convolutional_network.json.

``python docs/results/convolutional_network.py [DATA ...]`` with mnist, fashion_mnist or digits; one thread.
"""

import json
import platform
import sys
import time
from pathlib import Path

import torch
from torch import nn

from biophys import ReleasePlasticity
from rate_models import load_images
from rate_models.nn import (
    BernoulliConv2d,
    BernoulliLinear,
    EnergyCounter,
    PresynapticSGD,
    other_parameters,
    seed_streams,
)
from validation.data.datastore import locate

SETTINGS = {
    "channels": (8, 16),
    "kernel": 5,
    "n_epochs": 2,
    "batch_size": 100,
    "lr": 0.05,
    "l2": 0.001,
    "p": 0.25,
    "n_draws": 10,
    "seeds": (1, 2, 3),
}
RULE = ReleasePlasticity(form="soft_bound", p_up=0.07, p_down=0.07, g_lim=0.001)


def network(side: int, n_classes: int, p: float, seed: int) -> nn.Sequential:
    """Return two convolutions with pooling and a linear layer, all of which release."""
    torch.manual_seed(seed)
    first, second = SETTINGS["channels"]
    kernel = SETTINGS["kernel"]
    model = nn.Sequential(
        BernoulliConv2d(1, first, kernel, padding=kernel // 2, p=p),
        nn.ReLU(),
        nn.MaxPool2d(2),
        BernoulliConv2d(first, second, kernel, padding=kernel // 2, p=p),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        BernoulliLinear(second * (side // 4) ** 2, n_classes, p=p),
    )
    return seed_streams(model, seed)


def optimizers(model: nn.Module, kind: str) -> list[torch.optim.Optimizer]:
    """Return what moves the weights: the published rule, or gradient descent where p is fixed."""
    descent = {"lr": SETTINGS["lr"]}
    if kind != "plastic":
        decayed = {"weight_decay": SETTINGS["l2"], **descent}
        return [torch.optim.SGD(model.parameters(), **decayed)]
    rule = PresynapticSGD(model, RULE, l2=SETTINGS["l2"], **descent)
    return [rule, torch.optim.SGD(other_parameters(model), **descent)]


def trained(name: str, kind: str, seed: int) -> dict[str, float | str | int]:
    """Train one network and return how right it is and what an image costs it."""
    folder = {} if name == "digits" else {"folder": locate(name)}
    data = load_images(name, **folder)
    side = round(data.n_pixels**0.5)
    shape = (1, side, side)
    images, tests = (
        each.unflatten(1, shape) for each in (data.train_images, data.test_images)
    )
    model = network(
        side, data.n_classes, 1.0 if kind == "reliable" else SETTINGS["p"], seed
    )
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images, data.train_labels),
        SETTINGS["batch_size"],
        shuffle=True,
        generator=torch.Generator().manual_seed(seed),
    )
    moving = optimizers(model, kind)
    t_start = time.process_time()
    for _ in range(SETTINGS["n_epochs"]):
        for x, y in loader:
            nn.functional.cross_entropy(model(x), y).backward()
            for optimizer in moving:
                optimizer.step()
                optimizer.zero_grad()
    seconds = time.process_time() - t_start
    model.eval()
    n_draws = 1 if kind == "reliable" else SETTINGS["n_draws"]
    with torch.no_grad(), EnergyCounter(model) as energy:
        answers = torch.stack([model(tests).softmax(1) for _ in range(n_draws)])
    right = [
        (each.argmax(1) == data.test_labels).float().mean()
        for each in (answers.mean(0), answers[0])
    ]
    p = torch.cat([each.p.flatten() for each in model if hasattr(each, "p")])
    return {
        "data": name,
        "release": kind,
        "seed": seed,
        "accuracy": round(100 * float(right[0]), 2),
        "accuracy_of_one_draw": round(100 * float(right[1]), 2),
        "atp_per_image": float(energy.atp_per_input),
        "vesicles_per_image": sum(layer.n_vesicles for layer in energy.layers.values())
        / energy.n_inputs,
        "mean_p": round(float(p.mean()), 4),
        "cpu_seconds": round(seconds, 1),
    }


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    kept = Path(__file__).with_suffix(".json")
    made_with = {"torch": torch.__version__, "python": platform.python_version()}
    rows = []
    for seed in SETTINGS["seeds"]:
        for name in names or ["mnist", "fashion_mnist"]:
            for kind in ("reliable", "fixed", "plastic"):
                rows.append(trained(name, kind, seed))
                content = {"settings": SETTINGS, "made_with": made_with, "rows": rows}
                kept.write_text(json.dumps(content, indent=1) + "\n")
                print(rows[-1], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
