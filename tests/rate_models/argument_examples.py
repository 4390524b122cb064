"""A right value of every public argument of rate_models, for `tests.fuzz`."""

import numpy as np
import torch

from biophys.release_plasticity import ReleasePlasticity
from rate_models import (
    BernoulliSynapses,
    DataOrder,
    DeterministicSynapses,
    FeedForward,
    Layout,
    PresynapticSgd,
    Sgd,
    Trainer,
)

_LAYOUT, _SEEDS = Layout((4, 3, 2)), [1, 2]
_IMAGES, _LABELS = torch.randn(6, 4, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1] * 3)


def _bernoulli() -> BernoulliSynapses:
    return BernoulliSynapses(_LAYOUT, _SEEDS)


def _probability() -> torch.Tensor:
    return torch.tensor([[0.9, 0.1], [0.2, 0.8]]).repeat(2, 3, 1)


def _plan():
    return DataOrder(_SEEDS).epoch(np.arange(6), batch_size=3)


def _rule(synapses: BernoulliSynapses) -> PresynapticSgd:
    return PresynapticSgd(synapses, ReleasePlasticity(), learning_rate=0.1)


def _bernoulli_with_rule():
    synapses = _bernoulli()
    return synapses, _rule(synapses)


EXAMPLES = {
    "activities": lambda: FeedForward(_LAYOUT).activities(torch.zeros(2, 6, 4), _bernoulli().expected()),
    "batch_size": lambda: 2,
    "betas": lambda: (0.9, 0.999),
    "device": lambda: "cpu",
    "dtype": lambda: "float32",
    "flat": lambda: _bernoulli().learned,
    "gradient": lambda: torch.zeros(2, _LAYOUT.n_parameters),
    "images": lambda: _IMAGES,
    "initial_sigma": lambda: 0.1,
    "labels": lambda: _LABELS,
    "layout": lambda: _LAYOUT,
    "learned": lambda: torch.zeros(2, _LAYOUT.n_parameters),
    "learning_rate": lambda: 0.1,
    "linear_hidden": lambda: (0,),
    "loss": lambda: "mean",
    "members": lambda: np.arange(6),
    "n_classes": lambda: 2,
    "n_columns": lambda: 10,
    "n_rows": lambda: 2,
    "n_samples": lambda: 2,
    "name": lambda: "digits",
    "network": lambda: FeedForward(_LAYOUT),
    "optimiser": lambda: Sgd(_bernoulli(), learning_rate=0.1),
    "parameters": lambda: _bernoulli().expected(),
    "plan": lambda: _plan(),
    "plasticity": lambda: ReleasePlasticity(),
    "probability": lambda: _probability(),
    "replicas": lambda: [0],
    "rule": lambda: _rule(_bernoulli()),
    "rng": lambda: np.random.default_rng(1),
    "seeds": lambda: _SEEDS,
    "sizes": lambda: (4, 3, 2),
    "slope": lambda: torch.zeros(2, 6, 2),
    "streams": lambda: _bernoulli().evaluation_streams(),
    "synapses": lambda: _bernoulli(),
    "test_images": lambda: _IMAGES,
    "test_labels": lambda: _LABELS,
    "train_images": lambda: _IMAGES,
    "train_labels": lambda: _LABELS,
    "x": lambda: torch.zeros(2, 6, 4),
}

SPECIAL = {
    "Execution.fused.function": lambda: len,
    "GradientDescent.update.synapses": lambda: DeterministicSynapses(_LAYOUT, _SEEDS),
    "ImageData.to.device": lambda: torch.device("cpu"),
    "ImageData.to.dtype": lambda: torch.float64,
    "Plan.images": lambda: _plan().images,
}

INSTANCES = {
    "Plan": lambda: _plan(),
    "Trainer": lambda: Trainer(FeedForward(_LAYOUT), *_bernoulli_with_rule(), images=_IMAGES, labels=_LABELS),
}

NOT_CALLED = {}

_NONE_AT_ALL = ("an empty list", "an empty tuple")

ALLOWED = {
    "linear_hidden": _NONE_AT_ALL,
    "GradientDescent.penalties": _NONE_AT_ALL,
    "Trainer.drop.replicas": (*_NONE_AT_ALL, "an empty array", "an empty quantity"),
    "load_images.folder": ("text of a number", "text", "empty text"),
    "ImageData.name": ("text", "text of a number", "empty text"),
}
