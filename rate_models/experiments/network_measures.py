"""Train networks of the energy experiment and measure them: one row per network, whatever batch it was in.

Schug et al. (2021), methods. doi:10.7554/eLife.69884
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from biophys.settings import Count, Counts, NotNegative, Shares, settings
from rate_models.datasets import DataSetName, ImageData
from rate_models.devices import Execution
from rate_models.evaluation import (
    accuracy,
    energy_per_synapse,
    mean_softmax,
    neuronal_energy,
    synaptic_energy,
    under_lesions,
)
from rate_models.information import mutual_information, plug_in_joint, soft_joint
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.release_models import EveryNetworkDiverged, NetworkSpec, TrainedBatch, train
from rate_models.reliable_synapses import (
    HIGH_P,
    correlations,
    correlations_by_threshold,
    fisher_of_mean_network,
    group_distributions,
    neuron_importance,
    threshold_crossings,
)
from rate_models.stochastic_layers import BernoulliSynapses

# Axes after the first and values of each variable, whose first axis is the network.
_Measured: TypeAlias = dict[str, tuple[tuple[str, ...], Any]]

LOW_P = 0.5
"""A synapse with a smaller release probability mostly fails."""

LESION_ORDERS = ("release_probability", "strength", "strength_times_p", "random")
EXPECTATIONS = ("observed", "expected")
BATCH_SIZES = (1, 100)
P_EDGES = np.linspace(0, 1, 41)
ENERGY_EDGES = np.concatenate([[0.0], np.logspace(-5, 1, 61)])
FISHER_EDGES = np.concatenate([[0.0], np.logspace(-16, 2, 73)])
N_GRADIENT_IMAGES = 10_000
"""Training images whose gradients are compared with the threshold."""


@settings
class Protocol:
    """What is done with every network alike; defaults are the paper's or, where it is silent, its program's.

    Parameters
    ----------
    data_set : ``"mnist"`` (paper), ``"fashion_mnist"`` or ``"digits"``
    hidden_units : sizes of the hidden layers (paper: 200, 200)
    n_epochs, batch_size : paper: 50 epochs, 100 images per batch
    g_lim : of the p rule (paper: 0.001)
    n_samples, n_lesion_samples
        Draws of the synapses per test image (program: 10; one draw for the mutual information), and the same
        after lesions.
    evaluate_every : epochs between evaluations; the last epoch is always evaluated
    lesion_fractions : shares of the synapses removed by lesions, each 0..1 (program: 0.1, 0.2, ... 0.9)
    n_shuffles : shuffles of each weight matrix
    n_gradient_synapses : synapses per layer whose gradients are followed image by image
    """

    data_set: DataSetName = "mnist"
    hidden_units: Counts = (200, 200)
    n_epochs: Count = 50
    batch_size: Count = 100
    g_lim: NotNegative = 0.001
    n_samples: Count = 10
    n_lesion_samples: Count = 10
    evaluate_every: Count = 10
    lesion_fractions: Shares = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    n_shuffles: Count = 20
    n_gradient_synapses: Count = 200


def settings_of(spec: NetworkSpec, protocol: Protocol) -> dict[str, object]:
    """Return everything that decides what is measured of a network, as plain values.

    Where the measurements are entered (`table` and `place`) is not part of it.
    """
    decisive = {name: value for name, value in asdict(spec).items() if name not in ("table", "place")}
    return {"protocol": asdict(protocol), **decisive}


def measured_networks(
    specs: Sequence[NetworkSpec],
    protocol: Protocol,
    data: ImageData,
    *,
    execution: Execution,
    report: Callable[[int], None] = lambda epoch: None,
) -> xr.Dataset:
    """Train networks of one program and return what each one's `measures` ask for.

    `data` lie on the device; `report` is called after every epoch with its number.

    Returns
    -------
    result : first dimension ``replica``, as `specs`; NaN where a network diverged or was not asked
    """
    rows = {spec: row for row, spec in enumerate(specs)}
    parts: list[xr.Dataset] = []

    def enter(members: Sequence[NetworkSpec], measured: _Measured) -> None:
        variables = {
            name: (("replica", *dims), np.asarray(values, np.float32), {"units": _UNITS.get(name, "")})
            for name, (dims, values) in measured.items()
        }
        parts.append(xr.Dataset(variables, {"replica": [rows[spec] for spec in members]}))

    history: list[tuple[list[NetworkSpec], _Measured]] = []
    try:
        batch = train(
            specs,
            data,
            hidden_units=protocol.hidden_units,
            n_epochs=protocol.n_epochs,
            batch_size=protocol.batch_size,
            execution=execution,
            evaluate_every=protocol.evaluate_every,
            evaluate=lambda _, batch: history.append((list(batch.specs), performance(protocol, batch, data))),
            after_epoch=report,
        )
    except EveryNetworkDiverged:
        return xr.Dataset(coords={"replica": range(len(specs))})
    enter(history[-1][0], course_of(history))
    for measure, functions in MEASURED.items():
        kept = [i for i, spec in enumerate(batch.specs) if measure in spec.measures]
        if not kept:
            continue
        # Each measure's networks are among those of the one before: the others can be forgotten.
        if len(kept) < len(batch.specs):
            batch.keep(kept)
        for function in functions:
            enter(batch.specs, function(protocol, batch, data))
    return xr.merge(parts, join="outer", compat="no_conflicts").reindex(replica=range(len(specs)))


_UNITS = {"information": "bit", "accuracy": "1", "synaptic_energy": "1", "neuronal_energy": "1"}


def performance(protocol: Protocol, batch: TrainedBatch, data: ImageData) -> _Measured:
    """Return accuracy, information and energy of every network."""
    network, synapses, images, labels = batch.network, batch.synapses, data.test_images, data.test_labels
    streams = synapses.evaluation_streams()
    averaged = mean_softmax(network, synapses, images, streams=streams, n_samples=protocol.n_samples)
    single = mean_softmax(network, synapses, images, streams=streams, n_samples=1)
    joint = soft_joint(single, labels)
    # The information of answers that overflowed is nan.
    is_finite = torch.isfinite(joint).all(dim=-1).all(dim=-1)
    information = torch.full_like(joint[:, 0, 0], torch.nan)
    information[is_finite] = mutual_information(joint[is_finite])
    measured = {
        "accuracy": accuracy(averaged, labels),
        "information": information,
        "synaptic_energy": synaptic_energy(synapses),
        "neuronal_energy": neuronal_energy(network, synapses, images, streams=streams, n_samples=1),
        "confusion": (plug_in_joint(single, labels) * len(labels)).round(),
    }
    if batch.specs[0].is_plastic:
        plastic = plastic_synapses(batch)
        measured["important_share"] = (plastic.p >= HIGH_P).double().mean(dim=1)
        measured["threshold_r"] = torch.from_numpy(correlations_by_threshold(plastic))
    dims = {"confusion": ("shown_class", "answer"), "threshold_r": ("threshold", "hidden_layer")}
    return {name: (dims.get(name, ()), values.cpu()) for name, values in measured.items()}


def course_of(history: Sequence[tuple[list[NetworkSpec], _Measured]]) -> _Measured:
    """Return the performance of the networks that are left after every evaluated epoch."""
    survivors, final = history[-1]
    rows = [([members.index(spec) for spec in survivors], measured) for members, measured in history]
    course = {}
    for name, (dims, _) in final.items():
        by_epoch = [measured[name][1][chosen] for chosen, measured in rows]
        course[name] = (("epoch", *dims), torch.stack(by_epoch, dim=1))
    return {**course, "confusion": final["confusion"]}


def release(protocol: Protocol, batch: TrainedBatch, data: ImageData) -> _Measured:
    """Return how release probabilities are distributed, where they learned."""
    p = plastic_synapses(batch).p.double().cpu().numpy()
    return {
        "p_count": (("p_bin",), [np.histogram(row, P_EDGES)[0] for row in p]),
        "share_high_p": ((), (p >= HIGH_P).mean(axis=1)),
        "share_low_p": ((), (p < LOW_P).mean(axis=1)),
        "mean_p": ((), p.mean(axis=1)),
    }


def plastic_synapses(batch: TrainedBatch) -> BernoulliSynapses:
    """Return the synapses of networks whose release learned."""
    assert isinstance(batch.synapses, BernoulliSynapses)
    return batch.synapses


def lesions(protocol: Protocol, batch: TrainedBatch, data: ImageData) -> _Measured:
    """Return the accuracy after removing synapses in each order that the model has."""
    network, synapses = batch.network, batch.synapses
    streams = synapses.evaluation_streams()

    def measure() -> Tensor:
        images, n_samples = data.test_images, protocol.n_lesion_samples
        answers = mean_softmax(network, synapses, images, streams=streams, n_samples=n_samples)
        return accuracy(answers, data.test_labels)

    orders = LESION_ORDERS if batch.specs[0].is_plastic else ("strength", "random")
    left = torch.full((len(batch.specs), len(LESION_ORDERS), len(protocol.lesion_fractions)), torch.nan)
    for order in orders:
        measured = under_lesions(synapses, order, protocol.lesion_fractions, measure)
        left[:, LESION_ORDERS.index(order)] = measured.T.cpu()
    return {"lesion_accuracy": (("order", "fraction"), left)}


_GROUP_DIMS = {"mean": ("importance",), "median": ("importance",), "superiority_in_layer": ("layer",)}


def energy_and_fisher(protocol: Protocol, batch: TrainedBatch, data: ImageData) -> _Measured:
    """Return energy and Fisher information of the synapses of low and of high release probability."""
    synapses, layout = plastic_synapses(batch), batch.synapses.layout
    p = synapses.p.cpu().numpy()
    is_high = p >= HIGH_P
    energy = group_distributions(energy_per_synapse(synapses).cpu().numpy(), is_high, ENERGY_EDGES, layout)
    dims = {**_GROUP_DIMS, "count": ("importance", "energy_bin")}
    measured: _Measured = {f"energy_{name}": (dims.get(name, ()), each) for name, each in energy.items()}
    by_expectation: list[dict[str, NDArray]] = []
    for expectation in EXPECTATIONS:
        images, labels = data.test_images, data.test_labels
        fisher = fisher_of_mean_network(batch.network, synapses, images, labels, expectation)
        pearson, spearman = correlations(fisher, p)
        groups = group_distributions(fisher, is_high, FISHER_EDGES, layout)
        by_expectation.append({**groups, "pearson": pearson, "spearman": spearman})
    dims = {**_GROUP_DIMS, "count": ("importance", "fisher_bin")}
    for name in by_expectation[0]:
        values = np.stack([each[name] for each in by_expectation], axis=1)
        measured[f"fisher_{name}"] = (("expectation", *dims.get(name, ())), values)
    return measured


def neurons(protocol: Protocol, batch: TrainedBatch, data: ImageData) -> _Measured:
    """Return how important synapses are shared out among neurons."""
    dims = {"ks_d": (), "ks_p": (), "group_share": ("group",), "shuffled_group_share": ("group",)}
    measured: _Measured = {}
    for name, values in neuron_importance(plastic_synapses(batch), n_shuffles=protocol.n_shuffles).items():
        if name in dims:
            measured[f"neuron_{name}"] = (("layer", "side", "shuffle", *dims[name]), values)
        elif name.startswith("input_output_r"):
            measured[name] = (("hidden_layer",), values)
        else:
            measured[name] = ((f"neuron_of_{name.removeprefix('shuffled_')}",), values)
    return measured


def gradients(protocol: Protocol, batch: TrainedBatch, data: ImageData) -> _Measured:
    """Return how often gradients of single synapses exceed the threshold of the p rule."""
    crossings = threshold_crossings(
        batch.network,
        plastic_synapses(batch),
        data.train_images[:N_GRADIENT_IMAGES],
        data.train_labels[:N_GRADIENT_IMAGES],
        g_lim=protocol.g_lim,
        rng=numpy_generator(0, Purpose.TASKS),
        n_per_layer=protocol.n_gradient_synapses,
        batch_sizes=BATCH_SIZES,
    )
    dims = ("images_per_gradient", "layer", "synapse")
    return {name: (dims, values) for name, values in crossings.items()}


MEASURED: Mapping[str, tuple[Callable[[Protocol, TrainedBatch, ImageData], _Measured], ...]] = {
    "release": (release,),
    "synapses": (energy_and_fisher, neurons),
    "lesions": (lesions,),
    "gradients": (gradients,),
}
"""What gives each of the measures that a network can ask for, in the order in which they are taken."""
