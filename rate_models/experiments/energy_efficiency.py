"""How much information a network transmits for the energy its synapses spend, and which synapses matter.

Networks with plastic stochastic, fixed stochastic and deterministic release learn to classify images under L2
penalties of several strengths. Measured: mutual information, synaptic and neuronal energy, the distribution
of release probabilities, energy and Fisher information of reliable and unreliable synapses, accuracy after
lesions, and how important synapses are shared out among neurons.

Schug S, Benzing F, Steger A (2021), figures 1-3, appendix 1 figures 1 and 2, equation 10, and the paragraph
"Model robustness". eLife 10:e69884, doi:10.7554/eLife.69884
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from biophys.release_plasticity import ReleasePlasticity
from rate_models.datasets import ImageData, load_images
from rate_models.devices import Execution
from rate_models.energy import energy_per_synapse, neuronal_energy, synaptic_energy
from rate_models.evaluation import accuracy, mean_softmax
from rate_models.experiments.energy_figures import (
    ENERGY_EDGES,
    FIGURES,
    FISHER_EDGES,
    P_EDGES,
    best_ratio,
    mean_and_sem,
)
from rate_models.experiments.release_models import NetworkSpec, TrainedBatch, train
from rate_models.experiments.result_table import ResultTable
from rate_models.experiments.synapse_importance import (
    HIGH_P,
    IMPORTANCE,
    NEURON_GROUPS,
    correlations,
    fisher_of_mean_network,
    group_distributions,
    neuron_importance,
    threshold_crossings,
)
from rate_models.information import mutual_information, plug_in_joint, soft_joint
from rate_models.lesions import under_lesions
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.sparsity import SHUFFLES, SIDES
from rate_models.stochastic_layers import BernoulliSynapses

__all__ = ["DEFINING_SETTINGS", "FIGURES", "MODELS", "QUICK", "Config", "best_ratio", "mean_and_sem", "run"]

PLASTIC = {
    "soft_bound": ("soft_bound", False),
    "additive": ("additive", False),
    "soft_bound_uniform": ("soft_bound", True),
    "additive_uniform": ("additive", True),
}
"""Models with plastic release: form of the p rule, and whether p starts uniform on p_min..1."""

MODELS = (*PLASTIC, "deterministic", "deterministic_slow", "fixed_release", "matched_release")
"""Every model. "soft_bound" is the p rule of the published program, "additive" the one that the paper prints.

"deterministic" has the program's learning rate, "deterministic_slow" the paper's. "fixed_release" has the
program's release probability, "matched_release" the mean one that "soft_bound" learned at the same penalty
and seed, as the paper says.
"""

LOW_P = 0.5
"""A synapse with a smaller release probability mostly fails."""

LESION_ORDERS = ("release_probability", "strength", "strength_times_p", "random")
DEFINING_SETTINGS = ("data_set", "hidden_units", "n_epochs", "batch_size", "p_up", "p_down", "g_lim", "p_min")
"""Fields of the configuration in which a result must not differ from the published experiment."""

EXPECTATIONS = ("observed", "expected")
BATCH_SIZES = (1, 100)
N_GRADIENT_IMAGES = 10_000
"""Training images whose gradients are compared with the threshold."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Config:
    """What is trained and how; the defaults are those of the paper or, where it is silent, of its program.

    Parameters
    ----------
    data_set
        ``"mnist"`` (paper), ``"fashion_mnist"`` or ``"digits"``.
    models
        Names out of `MODELS`.
    l2
        Strengths of the L2 penalty (program; the paper gives none).
    shown_l2
        The strength at which single synapses and neurons are looked at (default of the program; the paper
        does not say), also that of the networks whose p starts uniform and of the scan of fixed p. It must
        be among `l2`.
    seeds
        One network per seed and penalty (program: the first three).
    variant_seeds
        Seeds of the networks with other step sizes or other fixed release probabilities.
    hidden_units
        Sizes of the hidden layers (paper: 200, 200).
    n_epochs, batch_size
        Paper: 50 epochs, 100 images per batch.
    p_up, p_down, g_lim, p_min
        Parameters of the p rule (paper: 0.07, 0.07, 0.001, 0.25).
    step_factors
        Factors on p_up and p_down (paper: 0.75 and 1.25).
    changes_steps_singly
        Whether p_up and p_down are also changed one by one (the paper does not say).
    fixed_p
        Release probability of the model without plasticity (program: 0.4).
    scanned_p, scanned_rates
        Fixed release probabilities and learning rates of appendix 1 figure 1c (neither says which).
    rate, rate_deterministic
        Learning rates (paper: 0.05; program: 0.08 for the deterministic model).
    n_samples
        Draws of the synapses per test image (program: 10; one draw for the mutual information).
    evaluate_every
        Epochs between evaluations; the last epoch is always evaluated.
    lesion_fractions
        Shares of the synapses removed in the lesion experiment, each 0..1 (program: 0.1, 0.2, ... 0.9).
    n_shuffles
        Shuffles of each weight matrix.
    n_gradient_synapses
        Synapses per layer whose gradients are followed image by image.

    Raises
    ------
    ValueError
        If a value lies outside its range, a name is unknown, or a list is empty.
    """

    data_set: str = "mnist"
    models: tuple[str, ...] = MODELS
    l2: tuple[float, ...] = (0.0, 0.001, 0.005, 0.01, 0.05, 0.1)
    shown_l2: float = 0.01
    seeds: tuple[int, ...] = (2019, 2020, 2021, 2022, 2023)
    variant_seeds: tuple[int, ...] = (2019, 2020, 2021)
    hidden_units: tuple[int, ...] = (200, 200)
    n_epochs: int = 50
    batch_size: int = 100
    p_up: float = 0.07
    p_down: float = 0.07
    g_lim: float = 0.001
    p_min: float = 0.25
    step_factors: tuple[float, ...] = (0.75, 1.25)
    changes_steps_singly: bool = True
    fixed_p: float = 0.4
    scanned_p: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    scanned_rates: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2)
    rate: float = 0.05
    rate_deterministic: float = 0.08
    n_samples: int = 10
    evaluate_every: int = 10
    lesion_fractions: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    n_shuffles: int = 20
    n_gradient_synapses: int = 200

    def __post_init__(self) -> None:
        unknown = set(self.models) - set(MODELS)
        if unknown or not self.models:
            raise ValueError(f"models must be out of {', '.join(MODELS)}, got {self.models}")
        if "matched_release" in self.models and "soft_bound" not in self.models:
            raise ValueError("matched_release takes its release probability from soft_bound: add that model")
        for name in ("l2", "seeds", "hidden_units", "lesion_fractions"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        if min(self.l2) < 0 or self.shown_l2 not in self.l2:
            raise ValueError(f"l2 must not be negative and hold shown_l2={self.shown_l2}, got {self.l2}")
        outside = [f for f in self.lesion_fractions if not 0 <= f <= 1]
        if outside:
            raise ValueError(f"lesion_fractions are shares of the synapses in 0..1, got {outside}")
        for name in ("n_epochs", "batch_size", "n_samples", "evaluate_every", "n_shuffles"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def step_sizes(self) -> dict[str, tuple[float, float]]:
        """Factors on p_up and p_down, by name: both together, then one of them."""
        named = {f"both x {factor:g}": (factor, factor) for factor in self.step_factors}
        if self.changes_steps_singly:
            named |= {f"up x {factor:g}": (factor, 1.0) for factor in self.step_factors}
            named |= {f"down x {factor:g}": (1.0, factor) for factor in self.step_factors}
        return named

    def plasticity(self, form: str, factors: tuple[float, float] = (1.0, 1.0)) -> ReleasePlasticity:
        """Return the p rule in one of its forms, its steps multiplied by the factors."""
        up, down = self.p_up * factors[0], self.p_down * factors[1]
        return ReleasePlasticity(up, down, self.g_lim, self.p_min, form=form)


QUICK = Config(
    data_set="digits",
    models=(
        "soft_bound",
        "additive",
        "soft_bound_uniform",
        "deterministic",
        "fixed_release",
        "matched_release",
    ),
    l2=(0.0, 0.01, 0.04),
    seeds=(1, 2, 3),
    variant_seeds=(1, 2, 3),
    changes_steps_singly=False,
    hidden_units=(50, 50),
    n_epochs=50,
    batch_size=50,
    n_samples=5,
    scanned_p=(0.1, 0.25, 0.5, 0.75, 1.0),
    scanned_rates=(0.05,),
    evaluate_every=50,
    n_gradient_synapses=60,
)
"""The same experiment on 8x8 images, in seconds."""


@dataclass(frozen=True)
class _Tables:
    """What becomes the result: every network; step sizes; fixed p; single synapses at one penalty."""

    models: ResultTable
    step_sizes: ResultTable
    scan: ResultTable
    shown: ResultTable

    @classmethod
    def of(cls, config: Config) -> _Tables:
        plastic = [model for model in ("soft_bound", "additive") if model in config.models]
        return cls(
            ResultTable({"model": config.models, "l2": config.l2, "seed": config.seeds}),
            ResultTable(
                {"step_size": list(config.step_sizes), "l2": config.l2, "variant_seed": config.variant_seeds}
            ),
            ResultTable(
                {
                    "fixed_p": config.scanned_p,
                    "learning_rate": config.scanned_rates,
                    "variant_seed": config.variant_seeds,
                }
            ),
            ResultTable({"plastic_model": plastic, "seed": config.seeds}),
        )


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    on_progress: Progress = lambda fraction, doing: None,
) -> xr.Dataset:
    """Train all networks and measure them.

    Parameters
    ----------
    config
        What to train.
    execution
        Where and how to compute.
    on_progress
        Called with the fraction done and what is being done.

    Returns
    -------
    result
        Variables of all models have the dimensions model, l2 and seed; those that begin with ``step_size_``
        and ``scan_`` belong to the networks with other step sizes and to the scan of fixed p; those of single
        synapses and neurons have the dimensions plastic_model and seed. Networks that diverged are NaN.
        The attribute ``timing`` says how long each batch took.
    """
    execution = execution or Execution()
    data = load_images(config.data_set).to(execution.torch_device, execution.torch_dtype)
    tables, timing = _Tables.of(config), []
    batches = _batches(config)
    n_networks = sum(map(len, batches)) + len(config.l2) * len(config.seeds) * (
        "matched_release" in config.models
    )
    done = 0

    def measure(specs: list[NetworkSpec]) -> None:
        nonlocal done
        t_start = time.perf_counter()
        doing = f"{len(specs)} networks, {specs[0].program.replace('_', ' ')}"

        def report(epoch: int) -> None:
            fraction = (done + len(specs) * epoch / config.n_epochs) / n_networks
            on_progress(min(fraction, 1.0), doing)

        _measure_batch(config, specs, data, tables, execution, report)
        done += len(specs)
        timing.append(f"{doing}: {time.perf_counter() - t_start:.1f} s")
        on_progress(min(done / n_networks, 1.0), timing[-1])

    for specs in batches:
        measure(specs)
    if "matched_release" in config.models:
        measure(_matched_specs(config, tables.models.dataset().mean_p))
    return _result(config, tables).assign_attrs(
        data_set=config.data_set,
        shown_l2=config.shown_l2,
        p_min=config.p_min,
        g_lim=config.g_lim,
        sizes=[data.n_pixels, *config.hidden_units, data.n_classes],
        timing="; ".join(timing),
    )


def _batches(config: Config) -> list[list[NetworkSpec]]:
    """Return the networks that do not depend on what others learned, grouped by program."""
    specs = [*_model_specs(config), *_step_size_specs(config), *_scan_specs(config)]
    programs = dict.fromkeys(spec.program for spec in specs)
    return [[spec for spec in specs if spec.program == program] for program in programs]


def _model_specs(config: Config) -> list[NetworkSpec]:
    specs = []
    for model, l2, seed in itertools.product(config.models, config.l2, config.seeds):
        spec = NetworkSpec("reliable", "models", (model, l2, seed), l2, seed, config.rate)
        if model in PLASTIC:
            form, starts_uniform = PLASTIC[model]
            if starts_uniform and l2 != config.shown_l2:
                continue
            start = "uniform" if starts_uniform else config.p_min
            rule = config.plasticity(form)
            spec = replace(spec, program=form, release_probability=start, plasticity=rule)
        elif model == "fixed_release":
            spec = replace(spec, program="fixed", release_probability=config.fixed_p)
        elif model == "deterministic":
            spec = replace(spec, learning_rate=config.rate_deterministic)
        elif model == "matched_release":
            continue
        specs.append(spec)
    return specs


def _step_size_specs(config: Config) -> list[NetworkSpec]:
    named = config.step_sizes
    return [
        NetworkSpec(
            "soft_bound",
            "step_sizes",
            (name, l2, seed),
            l2,
            seed,
            config.rate,
            config.p_min,
            config.plasticity("soft_bound", named[name]),
        )
        for name, l2, seed in itertools.product(named, config.l2, config.variant_seeds)
    ]


def _scan_specs(config: Config) -> list[NetworkSpec]:
    swept = itertools.product(config.scanned_p, config.scanned_rates, config.variant_seeds)
    return [
        NetworkSpec("fixed", "scan", (p, rate, seed), config.shown_l2, seed, rate, p)
        for p, rate, seed in swept
    ]


def _matched_specs(config: Config, mean_p: xr.DataArray) -> list[NetworkSpec]:
    """Return networks whose fixed p is the mean p of the soft bound at the same penalty and seed."""
    learned = mean_p.sel(model="soft_bound")
    swept = [(l2, seed, float(learned.sel(l2=l2, seed=seed))) for l2 in config.l2 for seed in config.seeds]
    return [
        NetworkSpec("fixed", "models", ("matched_release", l2, seed), l2, seed, config.rate, p)
        for l2, seed, p in swept
        if np.isfinite(p)
    ]


def _measure_batch(
    config: Config,
    specs: list[NetworkSpec],
    data: ImageData,
    tables: _Tables,
    execution: Execution,
    report: Callable[[int], None],
) -> None:
    """Train the networks of one program and enter what was measured into the tables."""
    history: dict[int, tuple[list[NetworkSpec], dict[str, Tensor]]] = {}

    def evaluate(epoch: int, batch: TrainedBatch) -> None:
        history[epoch] = (list(batch.specs), _performance(config, batch, data))

    batch = train(
        specs,
        data,
        hidden_units=config.hidden_units,
        n_epochs=config.n_epochs,
        batch_size=config.batch_size,
        execution=execution,
        evaluate_every=config.evaluate_every,
        evaluate=evaluate,
        after_epoch=report,
    )
    _put_performance(tables, history)
    if _keep_models(batch):
        _put_release(tables, batch)
    if _keep_models(batch, but_not="uniform"):
        _put_lesions(config, tables, batch, data)
        _put_energy_and_fisher(config, tables, batch, data)
        _put_neurons(config, tables, batch)
        _put_gradients(config, tables, batch, data)


_UNITS = {"information": "bit", "accuracy": "1", "synaptic_energy": "1", "neuronal_energy": "1"}


def _performance(config: Config, batch: TrainedBatch, data: ImageData) -> dict[str, Tensor]:
    """Return accuracy, information and energy of every network."""
    network, synapses, images, labels = batch.network, batch.synapses, data.test_images, data.test_labels
    streams = synapses.evaluation_streams()
    averaged = mean_softmax(network, synapses, images, streams=streams, n_samples=config.n_samples)
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


def _put_performance(
    tables: _Tables, history: dict[int, tuple[list[NetworkSpec], dict[str, Tensor]]]
) -> None:
    """Enter the performance of the surviving networks: over epochs for the models, else after the last."""
    last, final = history[max(history)]
    for name, prefix in (("models", ""), ("step_sizes", "step_size_"), ("scan", "scan_")):
        own = [i for i, spec in enumerate(last) if spec.table == name]
        if not own:
            continue
        table, places = getattr(tables, name), [last[i].place for i in own]
        for quantity, units in _UNITS.items():
            if name == "models":
                course = [found[quantity][[at.index(last[i]) for i in own]] for at, found in history.values()]
                values = torch.stack([row.cpu() for row in course], dim=1)
                table.put(quantity, places, values, ("epoch",), units=units)
            else:
                table.put(prefix + quantity, places, final[quantity][own], units=units)
        if name == "models":
            table.put("confusion", places, final["confusion"][own], ("shown_class", "answer"))


def _keep_models(batch: TrainedBatch, *, but_not: str = "none") -> bool:
    """Forget networks that are variants or whose model's name ends so, and return whether any are left."""
    kept = [
        i
        for i, spec in enumerate(batch.specs)
        if spec.table == "models" and not str(spec.place[0]).endswith(but_not)
    ]
    if kept and len(kept) < len(batch.specs):
        batch.keep(kept)
    return bool(kept)


def _put_release(tables: _Tables, batch: TrainedBatch) -> None:
    """Enter how release probabilities are distributed, where they learned."""
    if not batch.specs[0].is_plastic:
        return
    assert isinstance(batch.synapses, BernoulliSynapses)
    p, places = batch.synapses.p.double().cpu().numpy(), [spec.place for spec in batch.specs]
    tables.models.put("p_count", places, [np.histogram(row, P_EDGES)[0] for row in p], ("p_bin",))
    tables.models.put("share_high_p", places, (p >= HIGH_P).mean(axis=1))
    tables.models.put("share_low_p", places, (p < LOW_P).mean(axis=1))
    tables.models.put("mean_p", places, p.mean(axis=1))


def _put_lesions(config: Config, tables: _Tables, batch: TrainedBatch, data: ImageData) -> None:
    """Enter the accuracy after removing synapses in each order that the model has."""
    network, synapses = batch.network, batch.synapses
    streams = synapses.evaluation_streams()

    def measure() -> Tensor:
        images, n_samples = data.test_images, config.n_samples
        answers = mean_softmax(network, synapses, images, streams=streams, n_samples=n_samples)
        return accuracy(answers, data.test_labels)

    orders = LESION_ORDERS if batch.specs[0].is_plastic else ("strength", "random")
    found = torch.full((len(batch.specs), len(LESION_ORDERS), len(config.lesion_fractions)), torch.nan)
    for order in orders:
        found[:, LESION_ORDERS.index(order)] = under_lesions(
            synapses, order, config.lesion_fractions, measure
        ).T.cpu()
    places = [spec.place for spec in batch.specs]
    tables.models.put("lesion_accuracy", places, found, ("order", "fraction"))


def _put_energy_and_fisher(config: Config, tables: _Tables, batch: TrainedBatch, data: ImageData) -> None:
    """Enter energy and Fisher information of the synapses of low and of high release probability."""
    if not batch.specs[0].is_plastic:
        return
    synapses, layout, places = batch.synapses, batch.synapses.layout, [spec.place for spec in batch.specs]
    assert isinstance(synapses, BernoulliSynapses)
    p = synapses.p.cpu().numpy()
    is_high = p >= HIGH_P
    energy = energy_per_synapse(synapses).cpu().numpy()
    dims = {"count": ("importance", "energy_bin"), **_GROUP_DIMS}
    for name, values in group_distributions(energy, is_high, ENERGY_EDGES, layout).items():
        tables.models.put(f"energy_{name}", places, values, dims[name])
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
        tables.models.put(f"fisher_{name}", places, values, ("expectation", *dims.get(name, ())))


_GROUP_DIMS = {
    "mean": ("importance",),
    "median": ("importance",),
    "superiority": (),
    "superiority_in_layer": ("layer",),
}


def _put_neurons(config: Config, tables: _Tables, batch: TrainedBatch) -> None:
    """Enter how important synapses are shared out among neurons."""
    if not batch.specs[0].is_plastic:
        return
    assert isinstance(batch.synapses, BernoulliSynapses)
    places = [spec.place for spec in batch.specs]
    shown = [i for i, spec in enumerate(batch.specs) if spec.l2 == config.shown_l2]
    dims = {"ks_d": (), "ks_p": (), "group_share": ("group",), "shuffled_group_share": ("group",)}
    found = neuron_importance(batch.synapses, n_shuffles=config.n_shuffles)
    for name, values in found.items():
        if name in dims:
            tables.models.put(f"neuron_{name}", places, values, ("layer", "side", "shuffle", *dims[name]))
        elif name.startswith("input_output_r"):
            tables.models.put(name, places, values, ("hidden_layer",))
        elif shown:
            own = [(places[i][0], places[i][2]) for i in shown]
            tables.shown.put(name, own, values[shown], (f"neuron_of_{name.removeprefix('shuffled_')}",))


def _put_gradients(config: Config, tables: _Tables, batch: TrainedBatch, data: ImageData) -> None:
    """Enter how often gradients of single synapses exceed the threshold of the p rule."""
    kept = [i for i, spec in enumerate(batch.specs) if spec.l2 == config.shown_l2]
    if not batch.specs[0].is_plastic or not kept:
        return
    batch.keep(kept)
    assert isinstance(batch.synapses, BernoulliSynapses)
    found = threshold_crossings(
        batch.network,
        batch.synapses,
        data.train_images[:N_GRADIENT_IMAGES],
        data.train_labels[:N_GRADIENT_IMAGES],
        g_lim=config.g_lim,
        rng=numpy_generator(config.seeds[0], Purpose.TASKS),
        n_per_layer=config.n_gradient_synapses,
        batch_sizes=BATCH_SIZES,
    )
    own = [(spec.place[0], spec.place[2]) for spec in batch.specs]
    for name, values in found.items():
        tables.shown.put(name, own, values, ("images_per_gradient", "layer", "synapse"))


def _result(config: Config, tables: _Tables) -> xr.Dataset:
    """Return all tables as one labelled dataset; histograms are summed over seeds."""
    epochs = [
        e for e in range(1, config.n_epochs + 1) if e % config.evaluate_every == 0 or e == config.n_epochs
    ]
    axes = {
        "epoch": epochs,
        "importance": list(IMPORTANCE),
        "p_bin": _centres(P_EDGES),
        "energy_bin": _centres(ENERGY_EDGES),
        "fisher_bin": _centres(FISHER_EDGES),
        "expectation": list(EXPECTATIONS),
        "order": list(LESION_ORDERS),
        "fraction": list(config.lesion_fractions),
        "side": list(SIDES),
        "shuffle": list(SHUFFLES),
        "group": list(NEURON_GROUPS),
        "layer": list(range(1, len(config.hidden_units) + 2)),
        "hidden_layer": list(range(1, len(config.hidden_units) + 1)),
        "images_per_gradient": list(BATCH_SIZES),
    }
    parts = [tables.models, tables.step_sizes, tables.scan, tables.shown]
    result = xr.merge([part.dataset() for part in parts], combine_attrs="drop")
    for name in ("p_count", "energy_count", "fisher_count"):
        if name in result:
            result[name] = result[name].sum("seed")
    up, down = zip(*config.step_sizes.values(), strict=True) if config.step_sizes else ((), ())
    result = result.assign_coords({name: values for name, values in axes.items() if name in result.dims})
    return result.assign_coords(up_factor=("step_size", list(up)), down_factor=("step_size", list(down)))


def _centres(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return (edges[1:] + edges[:-1]) / 2
