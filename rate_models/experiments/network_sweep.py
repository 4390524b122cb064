"""Classify images with one kind of network over any grid of its settings: seeds, penalties, plasticity.

Every point of the grid is a replica; replicas that run the same program train as one batch, groups go to any
executor, and a sweep that broke off goes on where it was (`rate_models.sweep`). The defaults are those of the
energy experiment of Schug et al. (2021), doi:10.7554/eLife.69884.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import xarray as xr

from biophys.argument_types import check_kind
from biophys.plugins import load_plugins
from biophys.progress import Progress, ignore_progress
from biophys.release_plasticity import ReleasePlasticity
from biophys.settings import (
    Count,
    NotNegative,
    OneOf,
    Positive,
    Probability,
    Seed,
    Share,
    WholeNumber,
    settings,
)
from biophys.sweeps.executors import Executor
from biophys.sweeps.groups import grid_points
from biophys.sweeps.store import Settings
from rate_models.continual_methods import (
    Replica,
    Training,
    learner_of,
    program_names,
    settings_of_program,
    source_of_program,
)
from rate_models.datasets import DataSetName, images_for, own_data_digest
from rate_models.devices import Execution, execution_or_default
from rate_models.evaluation import accuracy, mean_softmax, synaptic_energy
from rate_models.information import mutual_information, soft_joint
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.release_models import NetworkSpec, synapses_and_rule
from rate_models.stochastic_layers import Synapses
from rate_models.sweep import replica_bytes, run_sweep
from rate_models.task_sequences import DataOrder
from rate_models.training import LearningRule, Trainer

RELEASES = ("plastic", "fixed", "reliable")


def release_names() -> list[str]:
    """Return what a network may be: a kind of release, or a program of a plugin that is loaded."""
    return [*RELEASES, *(name for name in program_names() if source_of_program(name))]


_N_PIXELS = {"digits": 64}

SAME_PROGRAM = (
    *("release", "p_rule", "consolidation", "data_set"),
    *("hidden_units", "n_hidden_layers", "n_epochs", "batch_size", "n_samples"),
)
"""Settings that all networks of a batch share; any other may differ from replica to replica."""


@settings
class NetworkSettings:
    """Settings of one network.

    Parameters
    ----------
    release
        ``"plastic"``, ``"fixed"`` (stochastic with constant p) or ``"reliable"``; or a program of one's own
        (`rate_models.continual_methods.program`) whose settings are among those here.
    p_rule, consolidation, p_up, p_down, g_lim, p_min, p_freeze
        Plasticity of p, as for `biophys.release_plasticity.ReleasePlasticity`; p_freeze = 2 never freezes.
    release_probability : p where it is fixed, 0..1
    learning_rate, l2 : step size of the weights, and penalty on their squares
    data_set : ``"digits"``, ``"mnist"``, ``"fashion_mnist"``, or one of one's own (`datasets.data_set`)
    hidden_units, n_hidden_layers : units of every hidden layer, number of hidden layers
    n_epochs, batch_size, n_samples : passes through the data, images per step, draws per test image
    seed : seed of all random streams of the network
    """

    release: Annotated[str, OneOf(release_names)] = "plastic"
    p_rule: str = "soft_bound"
    consolidation: bool = False
    p_up: NotNegative = 0.07
    p_down: NotNegative = 0.07
    g_lim: NotNegative = 0.001
    p_min: Share = 0.25
    p_freeze: NotNegative = 2.0
    release_probability: Probability = 0.4
    learning_rate: Positive = 0.05
    l2: NotNegative = 0.001
    data_set: DataSetName = "mnist"
    hidden_units: Count = 200
    n_hidden_layers: WholeNumber = 2
    n_epochs: Count = 50
    batch_size: Count = 100
    n_samples: Count = 10
    seed: Seed = 2019

    def __post_init__(self) -> None:
        self.plasticity()

    def plasticity(self) -> ReleasePlasticity:
        """Return the rule of the release probability."""
        kind: dict[str, Any] = {"form": self.p_rule, "consolidation": self.consolidation}
        rates = (self.p_up, self.p_down, self.g_lim, self.p_min)
        return ReleasePlasticity(*rates, p_freeze=self.p_freeze, **kind)

    def layout(self, n_pixels: int, n_classes: int = 10) -> Layout:
        """Return the sizes of the network."""
        return Layout((n_pixels, *[self.hidden_units] * self.n_hidden_layers, n_classes))


def grid(fixed: Mapping[str, Any], swept: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return the settings of every combination of the swept values, beside fixed ones.

    >>> points = grid({"data_set": "digits"}, {"l2": [0.0, 0.01], "seed": [1, 2, 3]})
    >>> len(points), points[-1]["l2"], points[-1]["seed"]
    (6, 0.01, 3)
    """
    for name, given in (("fixed", fixed), ("swept", swept)):
        check_kind(given, Mapping, name, "{'l2': 0.01}" if name == "fixed" else "{'l2': [0.0, 0.01]}")
    known = [field.name for field in dataclasses.fields(NetworkSettings)]
    unknown = sorted((set(fixed) | set(swept)) - set(known))
    if unknown:
        raise ValueError(f"unknown setting {', '.join(unknown)}: there are {', '.join(known)}")
    for name, values in swept.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TypeError(f"{name} must be swept over a list, such as [{values!r}], got {values!r}")
    return [dataclasses.asdict(NetworkSettings(**{**fixed, **values})) for values in grid_points(swept)]


def sweep_networks(
    configurations: Sequence[Settings],
    folder: Path,
    *,
    executor: Executor | None = None,
    execution: Execution | None = None,
    on_progress: Progress = ignore_progress,
) -> xr.Dataset:
    """Train every network of a grid that is not in `folder` yet, and return what was measured of all.

    `configurations` are those of `grid`, or settings that differ from their defaults, one mapping for each
    network; the other arguments are those of `rate_models.sweep.run_sweep`.

    Returns
    -------
    result
        accuracy, information (bit), synaptic_energy, mean_p and share_high_p (p >= 0.9), with one dimension
        per swept setting; NaN for networks that diverged.
    """
    configurations = [point for settings in configurations for point in grid(settings, {})]
    largest = max(configurations, key=lambda settings: settings["hidden_units"], default={})
    example = NetworkSettings(**largest)
    layout = example.layout(_N_PIXELS.get(example.data_set, 784))
    dtype = execution_or_default(execution).torch_dtype
    # Names of a program and of data that are not of this package say too little: their digests say more.
    members = []
    for member in configurations:
        program = "" if member["release"] in RELEASES else source_of_program(member["release"])
        digests = {"program_source": program, "data_digest": own_data_digest(member["data_set"])}
        members.append({**member, **{name: digest for name, digest in digests.items() if digest}})
    return run_sweep(
        train_group,
        members,
        folder,
        same_program=SAME_PROGRAM,
        executor=executor,
        execution=execution,
        bytes_per_replica=replica_bytes(layout, example.batch_size, dtype=dtype),
        on_progress=on_progress,
    )


def train_group(group: list[Settings], execution: Execution) -> xr.Dataset:
    """Train networks of one program and return what was measured, with the dimension ``replica``."""
    load_plugins()
    known = {field.name for field in dataclasses.fields(NetworkSettings)}
    members = [NetworkSettings(**{k: v for k, v in settings.items() if k in known}) for settings in group]
    shared = members[0]
    data = images_for(shared.data_set, execution)
    network = FeedForward(shared.layout(data.n_pixels, data.n_classes))
    synapses, rule = _synapses_and_rule(members, network.layout, execution)
    trainer = Trainer(network, synapses, rule, data.train_images, data.train_labels)
    order, everything = DataOrder(synapses.seeds), np.arange(len(data.train_labels))
    for _ in range(shared.n_epochs):
        trainer.run(order.epoch(everything, batch_size=shared.batch_size))
    streams = synapses.evaluation_streams()
    answers = mean_softmax(network, synapses, data.test_images, streams=streams, n_samples=shared.n_samples)
    single = mean_softmax(network, synapses, data.test_images, streams=streams, n_samples=1)
    p = getattr(synapses, "p", torch.full_like(synapses.strength, float("nan")))
    measured = {
        "accuracy": accuracy(answers, data.test_labels),
        "information": mutual_information(soft_joint(single.nan_to_num(0.1), data.test_labels)),
        "synaptic_energy": synaptic_energy(synapses),
        "mean_p": p.mean(dim=1),
        "share_high_p": torch.where(p.isnan(), p, (p >= 0.9).to(p.dtype)).mean(dim=1),
    }
    diverged = trainer.diverged()
    for values in measured.values():
        values[diverged] = float("nan")
    return xr.Dataset({name: ("replica", values.double().cpu().numpy()) for name, values in measured.items()})


def _synapses_and_rule(
    members: list[NetworkSettings], layout: Layout, execution: Execution
) -> tuple[Synapses, LearningRule]:
    """Return what is to be trained: a kind of release, or a program of one's own."""
    release = members[0].release
    if release in RELEASES:
        specs = []
        for each in members:
            at = (each.l2, each.seed, each.learning_rate)
            if release == "plastic":
                specs.append(NetworkSpec(each.p_rule, "", (), *at, each.p_min, each.plasticity()))
            else:
                specs.append(NetworkSpec(release, "", (), *at, each.release_probability))
        return synapses_and_rule(specs, layout, execution)
    names = settings_of_program(release)
    known = [field.name for field in dataclasses.fields(NetworkSettings)]
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"a sweep has no setting {', '.join(unknown)} of {release}, only {', '.join(known)}")
    replicas = [Replica(item.seed, {name: getattr(item, name) for name in names}) for item in members]
    learner = learner_of(release, replicas, layout, Training(batch_size=members[0].batch_size), execution)
    return learner.synapses, learner.rule
