"""How much information a network transmits for the energy its synapses spend, and which synapses matter.

Networks with plastic stochastic, fixed stochastic and deterministic release learn to classify images under L2
penalties of several strengths. Measured: mutual information, synaptic and neuronal energy, the distribution
of release probabilities, energy and Fisher information of reliable and unreliable synapses, accuracy after
lesions, and how important synapses are shared out among neurons.

Schug S, Benzing F, Steger A (2021), figures 1-3, appendix 1 figures 1 and 2, equation 10, and the paragraph
"Model robustness". eLife 10:e69884, doi:10.7554/eLife.69884
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import xarray as xr

from biophys.argument_types import check_config
from biophys.progress import Progress, ignore_progress
from biophys.release_plasticity import ReleasePlasticity
from biophys.settings import NotNegative, OneOf, Positive, Probability, Seeds, Share, WholeNumber, settings
from biophys.sweeps.executors import Executor, ThisProcess
from biophys.sweeps.groups import KeptReplicas, swept_dataset
from rate_models.datasets import images_for, training_work
from rate_models.devices import Execution, execution_or_default
from rate_models.experiments.energy_figures import FIGURES
from rate_models.experiments.network_measures import (
    BATCH_SIZES,
    ENERGY_EDGES,
    EXPECTATIONS,
    FISHER_EDGES,
    LESION_ORDERS,
    P_EDGES,
    Protocol,
    measured_networks,
    settings_of,
)
from rate_models.layout import Layout
from rate_models.release_models import NetworkSpec
from rate_models.reliable_synapses import IMPORTANCE, NEURON_GROUPS, THRESHOLDS
from rate_models.sparsity import SHUFFLES, SIDES
from rate_models.sweep import BatchClock, batch_size

__all__ = ["FIGURES", "MAY_DIFFER", "MODELS", "QUICK", "Config", "run"]

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

MAY_DIFFER = (
    *("models", "seeds", "variant_seeds", "step_factors", "changes_steps_singly", "varied_l2"),
    *("scanned_p", "scanned_learning_rates", "lesion_fractions", "lesions_at_every_l2", "n_lesion_samples"),
    *("evaluate_every", "n_shuffles", "n_gradient_synapses", "networks_per_batch"),
)


@settings
class Config(Protocol):
    """What is trained, beside what `network_measures.Protocol` says of all; defaults as there.

    Parameters
    ----------
    models : names out of `MODELS`
    l2 : strengths of the L2 penalty (program; the paper gives none)
    shown_l2
        The strength at which single synapses and neurons are looked at (default of the program; the paper
        does not say), also that of the networks whose p starts uniform and of the scan of fixed p. It must
        be among `l2`.
    seeds : one network per seed and penalty (program: the first three)
    variant_seeds : seeds of the networks with other step sizes or other fixed release probabilities
    p_up, p_down, p_min : further parameters of the p rule (paper: 0.07, 0.07, 0.25)
    step_factors : factors on p_up and p_down (paper: 0.75 and 1.25)
    changes_steps_singly : whether p_up and p_down are also changed one by one (the paper does not say)
    fixed_p : release probability of the model without plasticity (program: 0.4)
    scanned_p, scanned_learning_rates : of appendix 1 figure 1c (it says neither which p nor which rates)
    learning_rate, learning_rate_deterministic : paper: 0.05; program: 0.08 for the deterministic model
    lesions_at_every_l2 : whether lesions are made at every penalty, or only at `shown_l2`
    varied_l2 : penalties at which step sizes are changed; empty for all of `l2`
    networks_per_batch : networks that train together; 0 for all, or as many as fit the cache of a CPU
    """

    models: tuple[Annotated[str, OneOf(MODELS)], ...] = MODELS
    l2: tuple[NotNegative, ...] = (0.0, 0.001, 0.005, 0.01, 0.05, 0.1)
    shown_l2: NotNegative = 0.01
    seeds: Seeds = (2019, 2020, 2021, 2022, 2023)
    variant_seeds: Seeds = (2019, 2020, 2021)
    p_up: NotNegative = 0.07
    p_down: NotNegative = 0.07
    p_min: Share = 0.25
    step_factors: tuple[Positive, ...] = (0.75, 1.25)
    changes_steps_singly: bool = True
    fixed_p: Probability = 0.4
    scanned_p: tuple[Probability, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    scanned_learning_rates: tuple[Positive, ...] = (0.01, 0.02, 0.05, 0.1, 0.2)
    learning_rate: Positive = 0.05
    learning_rate_deterministic: Positive = 0.08
    lesions_at_every_l2: bool = True
    varied_l2: tuple[NotNegative, ...] = ()
    networks_per_batch: WholeNumber = 0

    def __post_init__(self) -> None:
        if "matched_release" in self.models and "soft_bound" not in self.models:
            raise ValueError("matched_release takes its release probability from soft_bound: add that model")
        if self.shown_l2 not in self.l2:
            raise ValueError(f"l2 must hold shown_l2={self.shown_l2}, got {self.l2}")
        if not set(self.varied_l2) <= set(self.l2):
            raise ValueError(f"varied_l2 must be among l2={self.l2}, got {self.varied_l2}")
        self.plasticity("soft_bound")

    @property
    def protocol(self) -> Protocol:
        """What is done with every network alike."""
        return Protocol(**{field.name: getattr(self, field.name) for field in fields(Protocol)})

    @property
    def n_networks(self) -> int:
        """How many networks are trained."""
        n_matched = len(self.l2) * len(self.seeds) if "matched_release" in self.models else 0
        return len(_independent_specs(self)) + n_matched

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
    models=tuple(name for name in MODELS if name not in ("additive_uniform", "deterministic_slow")),
    l2=(0.0, 0.01, 0.04),
    seeds=(1, 2, 3),
    variant_seeds=(1, 2, 3),
    changes_steps_singly=False,
    hidden_units=(50, 50),
    n_epochs=50,
    batch_size=50,
    n_samples=5,
    n_lesion_samples=5,
    scanned_p=(0.1, 0.25, 0.5, 0.75, 1.0),
    scanned_learning_rates=(0.05,),
    evaluate_every=25,
    n_gradient_synapses=60,
    lesions_at_every_l2=False,
)


def work(config: Config) -> float:
    """Return how much work a run is, in a unit of its own."""
    sizes = (config.hidden_units, config.n_networks, config.n_epochs, config.batch_size)
    return training_work(config.data_set, *sizes)


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
    keep_in: Path | str | None = None,
) -> xr.Dataset:
    """Train all networks and measure them.

    Returns
    -------
    result
        Variables of all models have the dimensions model, l2 and seed; those that begin with ``step_size_``
        and ``scan_`` belong to the networks with other step sizes and to the scan of fixed p; those of single
        synapses and neurons have the dimensions plastic_model and seed. Networks that diverged are NaN.
        The attribute ``timing`` says how long each batch took.
    """
    check_config(config, Config)
    execution = execution_or_default(execution)
    data = images_for(config.data_set, execution)
    sizes = [data.n_pixels, *config.hidden_units, data.n_classes]
    replicas = KeptReplicas(keep_in, measured_networks, execution, executor)
    clock = BatchClock(config.n_networks, on_progress)
    results = _trained(config, _independent_specs(config), replicas, sizes, clock)
    if "matched_release" in config.models:
        results |= _trained(config, _matched_specs(config, results), replicas, sizes, clock)
    attrs = {name: getattr(config, name) for name in ("data_set", "shown_l2", "p_min", "g_lim")}
    return _result(config, results).assign_attrs(**attrs, sizes=sizes, timing="; ".join(clock.timing))


def _independent_specs(config: Config) -> list[NetworkSpec]:
    """Return the networks that do not depend on what others learned: models, step sizes, scan of fixed p."""
    specs = []
    for model, l2, seed in itertools.product(config.models, config.l2, config.seeds):
        spec = NetworkSpec("reliable", "models", (model, l2, seed), l2, seed, config.learning_rate)
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
            spec = replace(spec, learning_rate=config.learning_rate_deterministic)
        elif model == "matched_release":
            continue
        specs.append(replace(spec, measures=_measures_of(config, model, l2)))
    swept = itertools.product(config.step_sizes, config.varied_l2 or config.l2, config.variant_seeds)
    for name, l2, seed in swept:
        rule = config.plasticity("soft_bound", config.step_sizes[name])
        at = (name, l2, seed)
        rates = (config.learning_rate, config.p_min)
        specs.append(NetworkSpec("soft_bound", "step_sizes", at, l2, seed, *rates, rule))
    scanned = itertools.product(config.scanned_p, config.scanned_learning_rates, config.variant_seeds)
    for p, rate, seed in scanned:
        specs.append(NetworkSpec("fixed", "scan", (p, rate, seed), config.shown_l2, seed, rate, p))
    return specs


def _measures_of(config: Config, model: str, l2: float) -> tuple[str, ...]:
    """Return what is measured of a model at a penalty beside performance."""
    lesions = ("lesions",) if config.lesions_at_every_l2 or l2 == config.shown_l2 else ()
    if model not in PLASTIC:
        return lesions
    if PLASTIC[model][1]:
        return ("release",)
    gradients = ("gradients",) if l2 == config.shown_l2 else ()
    return ("release", "synapses", *lesions, *gradients)


def _matched_specs(config: Config, results: Mapping[NetworkSpec, xr.Dataset]) -> list[NetworkSpec]:
    """Return networks whose fixed p is the mean p of the soft bound at the same penalty and seed."""
    learned = {
        (spec.l2, spec.seed): float(each["mean_p"])
        for spec, each in results.items()
        if (spec.table, spec.place[0]) == ("models", "soft_bound") and "mean_p" in each
    }
    specs = []
    for l2, seed in itertools.product(config.l2, config.seeds):
        if np.isfinite(p := learned.get((l2, seed), np.nan)):
            at, measures = ("matched_release", l2, seed), _measures_of(config, "matched_release", l2)
            spec = NetworkSpec("fixed", "models", at, l2, seed, config.learning_rate, p, measures=measures)
            specs.append(spec)
    return specs


def _trained(
    config: Config, specs: list[NetworkSpec], replicas: KeptReplicas, sizes: list[int], clock: BatchClock
) -> dict[NetworkSpec, xr.Dataset]:
    """Train what was not trained before, and return what was measured of every network."""
    settings = [settings_of(spec, config.protocol) for spec in specs]
    clock.n_done += len(specs) - len(replicas.missing(settings))
    train = functools.partial(measured_on, protocol=config.protocol)
    if isinstance(replicas.executor, ThisProcess):
        train = functools.partial(train, on_epoch=clock.epoch)
    best_size = batch_size(replicas, len(specs), Layout(tuple(sizes)).n_parameters)
    results = replicas.found(
        settings,
        specs,
        train,
        group_size=config.networks_per_batch or best_size,
        programs=[spec.program for spec in specs],
        on_group=lambda rows: clock.batch(len(rows), _in_words([specs[row] for row in rows])),
    )
    return dict(zip(specs, results, strict=True))


def measured_on(
    specs: list[NetworkSpec],
    execution: Execution,
    *,
    protocol: Protocol,
    on_epoch: Progress = ignore_progress,
) -> xr.Dataset:
    """Train networks of one program and measure them, wherever this is called."""
    return measured_networks(
        specs,
        protocol,
        images_for(protocol.data_set, execution),
        execution=execution,
        report=lambda epoch: on_epoch(len(specs) * epoch / protocol.n_epochs, _in_words(specs)),
    )


def _in_words(specs: list[NetworkSpec]) -> str:
    return f"{len(specs)} networks, {specs[0].program.replace('_', ' ')}"


_FINAL = ("information", "accuracy", "synaptic_energy", "neuronal_energy")
_SHOWN = ("inputs_", "outputs_", "shuffled_", "share_above", "mean_gradient", "mean_squared_gradient")
"""Beginnings of the names of what is kept of single synapses and neurons."""


def _result(config: Config, results: Mapping[NetworkSpec, xr.Dataset]) -> xr.Dataset:
    """Return all measurements as one labelled dataset; histograms are summed over seeds."""
    l2, seeds, variants = {"l2": config.l2}, {"seed": config.seeds}, {"variant_seed": config.variant_seeds}
    swept = {"fixed_p": config.scanned_p, "learning_rate": config.scanned_learning_rates}
    steps = {"step_size": list(config.step_sizes)}
    parts = [
        _packed(results, "models", {"model": config.models, **l2, **seeds}),
        _packed(results, "step_sizes", {**steps, **l2, **variants}, "step_size_"),
        _packed(results, "scan", {**swept, **variants}, "scan_"),
    ]
    # Single synapses and neurons at one penalty.
    shown = {
        spec: each[[name for name in each if str(name).startswith(_SHOWN)]]
        for spec, each in results.items()
        if spec.table == "models" and spec.l2 == config.shown_l2 and "synapses" in spec.measures
    }
    plastic = [model for model in ("soft_bound", "additive") if model in config.models]
    at = [{"plastic_model": spec.place[0], "seed": spec.seed} for spec in shown]
    parts.append(swept_dataset(at, list(shown.values()), {"plastic_model": plastic, **seeds}))
    result = xr.merge(parts, combine_attrs="drop")
    for name in ("p_count", "energy_count", "fisher_count"):
        if name in result:
            result[name] = result[name].sum("seed")
    n, n_hidden = config.n_epochs, len(config.hidden_units)
    edges = {"p_bin": P_EDGES, "energy_bin": ENERGY_EDGES, "fisher_bin": FISHER_EDGES}
    axes: dict[str, Sequence[Any]] = {
        "epoch": [epoch for epoch in range(1, n + 1) if epoch % config.evaluate_every == 0 or epoch == n],
        "importance": IMPORTANCE,
        "threshold": THRESHOLDS,
        **{name: (each[1:] + each[:-1]) / 2 for name, each in edges.items()},
        "expectation": EXPECTATIONS,
        "order": LESION_ORDERS,
        "fraction": config.lesion_fractions,
        "side": SIDES,
        "shuffle": SHUFFLES,
        "group": NEURON_GROUPS,
        "layer": range(1, n_hidden + 2),
        "hidden_layer": range(1, n_hidden + 1),
        "images_per_gradient": BATCH_SIZES,
    }
    factors = list(config.step_sizes.values())
    up, down = (("step_size", [pair[i] for pair in factors]) for i in (0, 1))
    there = {name: list(values) for name, values in axes.items() if name in result.dims}
    return result.assign_coords({**there, "up_factor": up, "down_factor": down})


def _packed(
    results: Mapping[NetworkSpec, xr.Dataset], table: str, axes: Mapping[str, Sequence[Any]], prefix: str = ""
) -> xr.Dataset:
    """Return what was measured of the networks of one table: of variants the last performance alone."""
    members = {spec: each for spec, each in results.items() if spec.table == table}
    kept = [
        each[[name for name in _FINAL if name in each]].isel(epoch=-1, missing_dims="ignore")
        if prefix
        else each.drop_vars([name for name in each if str(name).startswith(_SHOWN)])
        for each in members.values()
    ]
    places = [dict(zip(axes, spec.place, strict=True)) for spec in members]
    packed = swept_dataset(places, kept, axes)
    return packed.rename({name: f"{prefix}{name}" for name in packed.data_vars})
