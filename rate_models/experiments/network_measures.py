"""Train networks of the energy experiment and measure them: one row per network, whatever batch it was in.

References
----------
Schug et al. (2021), methods. doi:10.7554/eLife.69884
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from rate_models.datasets import ImageData
from rate_models.devices import Execution
from rate_models.energy import energy_per_synapse, neuronal_energy, synaptic_energy
from rate_models.evaluation import accuracy, mean_softmax
from rate_models.experiments.release_models import EveryNetworkDiverged, NetworkSpec, TrainedBatch, train
from rate_models.experiments.reliable_synapses import (
    HIGH_P,
    correlations,
    fisher_of_mean_network,
    group_distributions,
    neuron_importance,
    threshold_crossings,
)
from rate_models.experiments.result_table import ResultTable
from rate_models.information import mutual_information, plug_in_joint, soft_joint
from rate_models.lesions import under_lesions
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.stochastic_layers import BernoulliSynapses

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


@dataclass(frozen=True)
class Protocol:
    """What is done with every network alike; the fields are those of `energy_efficiency.Config`."""

    data_set: str
    hidden_units: tuple[int, ...]
    n_epochs: int
    batch_size: int
    g_lim: float
    n_samples: int
    n_lesion_samples: int
    evaluate_every: int
    lesion_fractions: tuple[float, ...]
    n_shuffles: int
    n_gradient_synapses: int


def settings_of(spec: NetworkSpec, protocol: Protocol) -> dict[str, object]:
    """Return everything that decides what is measured of a network, as plain values.

    Where the measurements are entered (`table` and `place`) is not part of it.
    """
    own = {name: value for name, value in asdict(spec).items() if name not in ("table", "place")}
    return {"protocol": asdict(protocol), **own}


def measured_networks(
    specs: Sequence[NetworkSpec],
    protocol: Protocol,
    data: ImageData,
    *,
    execution: Execution,
    report: Callable[[int], None] = lambda epoch: None,
) -> xr.Dataset:
    """Train networks of one program and return what each one's `measures` ask for.

    Parameters
    ----------
    specs
        The networks.
    protocol
        What is done with all of them.
    data
        The images, on the device.
    execution
        Where and how to compute.
    report
        Called after every epoch with its number.

    Returns
    -------
    found
        First dimension ``replica``, in the order of `specs`; NaN where a network diverged or was not asked.
    """
    history: dict[int, tuple[list[NetworkSpec], dict[str, Tensor]]] = {}

    def evaluate(epoch: int, batch: TrainedBatch) -> None:
        history[epoch] = (list(batch.specs), _performance(protocol, batch, data))

    sheet = _Sheet(specs)
    try:
        batch = train(
            specs,
            data,
            hidden_units=protocol.hidden_units,
            n_epochs=protocol.n_epochs,
            batch_size=protocol.batch_size,
            execution=execution,
            evaluate_every=protocol.evaluate_every,
            evaluate=evaluate,
            after_epoch=report,
        )
    except EveryNetworkDiverged:
        return sheet.table.dataset()
    _put_performance(sheet, history)
    if _only(batch, "release"):
        _put_release(sheet, batch)
    if _only(batch, "synapses"):
        _put_energy_and_fisher(sheet, batch, data)
        _put_neurons(protocol, sheet, batch)
    if _only(batch, "lesions"):
        _put_lesions(protocol, sheet, batch, data)
    if _only(batch, "gradients"):
        _put_gradients(protocol, sheet, batch, data)
    return sheet.table.dataset()


class _Sheet:
    """One row per network, in the order of the specs."""

    def __init__(self, specs: Sequence[NetworkSpec]) -> None:
        self.table = ResultTable({"replica": range(len(specs))})
        self._row = {spec: row for row, spec in enumerate(specs)}

    def put(
        self,
        name: str,
        specs: Sequence[NetworkSpec],
        values: Tensor | ArrayLike,
        dims: tuple[str, ...] = (),
        *,
        units: str = "",
    ) -> None:
        """Enter what was measured of these networks."""
        self.table.put(name, [(self._row[spec],) for spec in specs], values, dims, units=units)


def _only(batch: TrainedBatch, measure: str) -> bool:
    """Forget the networks of which this is not measured, and return whether any are left.

    Measures are taken in an order in which each one's networks are among those of the one before.
    """
    kept = [i for i, spec in enumerate(batch.specs) if measure in spec.measures]
    if kept and len(kept) < len(batch.specs):
        batch.keep(kept)
    return bool(kept)


_UNITS = {"information": "bit", "accuracy": "1", "synaptic_energy": "1", "neuronal_energy": "1"}


def _performance(protocol: Protocol, batch: TrainedBatch, data: ImageData) -> dict[str, Tensor]:
    """Return accuracy, information and energy of every network."""
    network, synapses, images, labels = batch.network, batch.synapses, data.test_images, data.test_labels
    streams = synapses.evaluation_streams()
    averaged = mean_softmax(network, synapses, images, streams=streams, n_samples=protocol.n_samples)
    single = mean_softmax(network, synapses, images, streams=streams, n_samples=1)
    return {
        "accuracy": accuracy(averaged, labels),
        "information": _information(soft_joint(single, labels)),
        "synaptic_energy": synaptic_energy(synapses),
        "neuronal_energy": neuronal_energy(network, synapses, images, streams=streams, n_samples=1),
        "confusion": (plug_in_joint(single, labels) * len(labels)).round(),
    }


def _information(joint: Tensor) -> Tensor:
    """Return the mutual information of each network; nan where its answers overflowed."""
    is_finite = torch.isfinite(joint).all(dim=-1).all(dim=-1)
    found = torch.full_like(joint[:, 0, 0], torch.nan)
    found[is_finite] = mutual_information(joint[is_finite])
    return found


def _put_performance(sheet: _Sheet, history: dict[int, tuple[list[NetworkSpec], dict[str, Tensor]]]) -> None:
    """Enter the performance of the surviving networks after every evaluated epoch."""
    survivors, final = history[max(history)]
    for quantity, units in _UNITS.items():
        course = [found[quantity][[at.index(spec) for spec in survivors]] for at, found in history.values()]
        sheet.put(quantity, survivors, torch.stack(course, dim=1), ("epoch",), units=units)
    sheet.put("confusion", survivors, final["confusion"], ("shown_class", "answer"))


def _put_release(sheet: _Sheet, batch: TrainedBatch) -> None:
    """Enter how release probabilities are distributed, where they learned."""
    assert isinstance(batch.synapses, BernoulliSynapses)
    p = batch.synapses.p.double().cpu().numpy()
    sheet.put("p_count", batch.specs, [np.histogram(row, P_EDGES)[0] for row in p], ("p_bin",))
    sheet.put("share_high_p", batch.specs, (p >= HIGH_P).mean(axis=1))
    sheet.put("share_low_p", batch.specs, (p < LOW_P).mean(axis=1))
    sheet.put("mean_p", batch.specs, p.mean(axis=1))


def _put_lesions(protocol: Protocol, sheet: _Sheet, batch: TrainedBatch, data: ImageData) -> None:
    """Enter the accuracy after removing synapses in each order that the model has."""
    network, synapses = batch.network, batch.synapses
    streams = synapses.evaluation_streams()

    def measure() -> Tensor:
        images, n_samples = data.test_images, protocol.n_lesion_samples
        answers = mean_softmax(network, synapses, images, streams=streams, n_samples=n_samples)
        return accuracy(answers, data.test_labels)

    orders = LESION_ORDERS if batch.specs[0].is_plastic else ("strength", "random")
    found = torch.full((len(batch.specs), len(LESION_ORDERS), len(protocol.lesion_fractions)), torch.nan)
    for order in orders:
        found[:, LESION_ORDERS.index(order)] = under_lesions(
            synapses, order, protocol.lesion_fractions, measure
        ).T.cpu()
    sheet.put("lesion_accuracy", batch.specs, found, ("order", "fraction"))


def _put_energy_and_fisher(sheet: _Sheet, batch: TrainedBatch, data: ImageData) -> None:
    """Enter energy and Fisher information of the synapses of low and of high release probability."""
    synapses, layout = batch.synapses, batch.synapses.layout
    assert isinstance(synapses, BernoulliSynapses)
    p = synapses.p.cpu().numpy()
    is_high = p >= HIGH_P
    energy = energy_per_synapse(synapses).cpu().numpy()
    dims = {"count": ("importance", "energy_bin"), **_GROUP_DIMS}
    for name, values in group_distributions(energy, is_high, ENERGY_EDGES, layout).items():
        sheet.put(f"energy_{name}", batch.specs, values, dims[name])
    found: list[dict[str, NDArray]] = []
    for expectation in EXPECTATIONS:
        fisher = fisher_of_mean_network(
            batch.network, synapses, data.test_images, data.test_labels, expectation
        )
        pearson, spearman = correlations(fisher, p)
        groups = group_distributions(fisher, is_high, FISHER_EDGES, layout)
        found.append({**groups, "pearson": pearson, "spearman": spearman})
    dims = {"count": ("importance", "fisher_bin"), **_GROUP_DIMS}
    for name in found[0]:
        values = np.stack([by_expectation[name] for by_expectation in found], axis=1)
        sheet.put(f"fisher_{name}", batch.specs, values, ("expectation", *dims.get(name, ())))


_GROUP_DIMS = {
    "mean": ("importance",),
    "median": ("importance",),
    "superiority": (),
    "superiority_in_layer": ("layer",),
}


def _put_neurons(protocol: Protocol, sheet: _Sheet, batch: TrainedBatch) -> None:
    """Enter how important synapses are shared out among neurons."""
    assert isinstance(batch.synapses, BernoulliSynapses)
    dims = {"ks_d": (), "ks_p": (), "group_share": ("group",), "shuffled_group_share": ("group",)}
    for name, values in neuron_importance(batch.synapses, n_shuffles=protocol.n_shuffles).items():
        if name in dims:
            sheet.put(f"neuron_{name}", batch.specs, values, ("layer", "side", "shuffle", *dims[name]))
        elif name.startswith("input_output_r"):
            sheet.put(name, batch.specs, values, ("hidden_layer",))
        else:
            sheet.put(name, batch.specs, values, (f"neuron_of_{name.removeprefix('shuffled_')}",))


def _put_gradients(protocol: Protocol, sheet: _Sheet, batch: TrainedBatch, data: ImageData) -> None:
    """Enter how often gradients of single synapses exceed the threshold of the p rule."""
    assert isinstance(batch.synapses, BernoulliSynapses)
    found = threshold_crossings(
        batch.network,
        batch.synapses,
        data.train_images[:N_GRADIENT_IMAGES],
        data.train_labels[:N_GRADIENT_IMAGES],
        g_lim=protocol.g_lim,
        rng=numpy_generator(0, Purpose.TASKS),
        n_per_layer=protocol.n_gradient_synapses,
        batch_sizes=BATCH_SIZES,
    )
    for name, values in found.items():
        sheet.put(name, batch.specs, values, ("images_per_gradient", "layer", "synapse"))
