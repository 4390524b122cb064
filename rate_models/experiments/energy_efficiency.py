"""How much information a network transmits for the energy its synapses spend, and which synapses matter.

Networks with plastic stochastic, fixed stochastic and deterministic release learn to classify images under
L2 penalties of several strengths. Measured: mutual information, synaptic and neuronal energy, how release
probabilities are distributed, the energy of reliable and unreliable synapses, and accuracy after lesions.

Schug S, Benzing F, Steger A (2021), figures 1a,b and 2a-c and appendix 1 figure 1a,b,d.
eLife 10:e69884, doi:10.7554/eLife.69884
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from torch import Tensor

from biophys.release_plasticity import ReleasePlasticity
from rate_models.datasets import ImageData, load_images
from rate_models.devices import Execution
from rate_models.energy import energy_per_synapse, neuronal_energy, synaptic_energy
from rate_models.evaluation import accuracy, mean_softmax
from rate_models.information import mutual_information, plug_in_joint, soft_joint
from rate_models.layout import Layout
from rate_models.lesions import under_lesions
from rate_models.networks import FeedForward
from rate_models.optimisers import GradientDescent, Sgd
from rate_models.presynaptic_sgd import PresynapticSgd
from rate_models.stochastic_layers import BernoulliSynapses, DeterministicSynapses, Synapses
from rate_models.task_sequences import DataOrder
from rate_models.training import LearningRule, Trainer

PLASTIC = {
    "additive": ("additive", "constant"),
    "soft_bound": ("soft_bound", "constant"),
    "additive_uniform": ("additive", "uniform"),
    "soft_bound_uniform": ("soft_bound", "uniform"),
}
"""Models with plastic release: form of the p rule, and whether p starts at p_min or uniform on p_min..1."""

MODELS = (*PLASTIC, "deterministic", "fixed_release")
"""Every model. "additive" is the p rule as the paper prints it, "soft_bound" the one its program uses."""

HIGH_P = 0.9
"""A synapse with at least this release probability counts as important."""

P_EDGES = np.linspace(0, 1, 41)
ENERGY_EDGES = np.concatenate([[0.0], np.logspace(-5, 1, 61)])
IMPORTANCE = ("low p", "high p")
LESION_ORDERS = ("release_probability", "random")

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
    seeds
        One network per seed and penalty (program: 2019, 2020, 2021).
    hidden_units
        Sizes of the hidden layers (paper: 200, 200).
    n_epochs, batch_size
        Paper: 50 epochs; program: 100 images per batch.
    p_up, p_down, g_lim, p_min
        Parameters of the p rule (paper: 0.07, 0.07, 0.001, 0.25).
    fixed_p
        Release probability of the model without plasticity (program: 0.4).
    rate_plastic, rate_deterministic, rate_fixed
        Learning rates (paper: 0.05; program: 0.08 for the deterministic model).
    n_samples
        Draws of the synapses per test image (program: 10; one draw for the mutual information).
    evaluate_every
        Epochs between evaluations; the last epoch is always evaluated.
    lesion_fractions
        Shares of the synapses removed in the lesion experiment.

    Raises
    ------
    ValueError
        If a model is unknown or a list is empty.
    """

    data_set: str = "mnist"
    models: tuple[str, ...] = MODELS
    l2: tuple[float, ...] = (0.0, 0.001, 0.005, 0.01, 0.05, 0.1)
    seeds: tuple[int, ...] = (2019, 2020, 2021)
    hidden_units: tuple[int, ...] = (200, 200)
    n_epochs: int = 50
    batch_size: int = 100
    p_up: float = 0.07
    p_down: float = 0.07
    g_lim: float = 0.001
    p_min: float = 0.25
    fixed_p: float = 0.4
    rate_plastic: float = 0.05
    rate_deterministic: float = 0.08
    rate_fixed: float = 0.05
    n_samples: int = 10
    evaluate_every: int = 10
    lesion_fractions: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

    def __post_init__(self) -> None:
        unknown = set(self.models) - set(MODELS)
        if unknown or not self.models:
            raise ValueError(f"models must be out of {', '.join(MODELS)}, got {self.models}")
        for name in ("l2", "seeds", "hidden_units", "lesion_fractions"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        for name in ("n_epochs", "batch_size", "n_samples", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def replicas(self) -> list[tuple[float, int]]:
        """Penalty and seed of every replica of a batch."""
        return list(itertools.product(self.l2, self.seeds))

    def plasticity(self, form: str) -> ReleasePlasticity:
        """Return the p rule in one of its forms."""
        return ReleasePlasticity(self.p_up, self.p_down, self.g_lim, self.p_min, form=form)


QUICK = Config(
    data_set="digits",
    l2=(0.0, 0.001, 0.01, 0.03),
    seeds=(1, 2, 3, 4, 5),
    hidden_units=(50, 50),
    n_epochs=120,
    batch_size=50,
    evaluate_every=120,
)
"""The same experiment on 8x8 images, in seconds."""


@dataclass
class TrainedBatch:
    """The replicas of one model after training.

    Parameters
    ----------
    model
        Name out of `MODELS`.
    network, synapses
        What was trained.
    members
        Place of every surviving replica in `Config.replicas`.
    """

    model: str
    network: FeedForward
    synapses: Synapses
    members: list[int]


def run(
    config: Config,
    *,
    execution: Execution | None = None,
    on_progress: Progress = lambda fraction, doing: None,
) -> xr.Dataset:
    """Train all models and measure them.

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
        Dimensions model, l2, seed and those of the panels: epoch, p_bin, energy_bin, importance, order,
        fraction.
        Replicas that diverged are NaN.
    """
    execution = execution or Execution()
    data = load_images(config.data_set).to(execution.torch_device, execution.torch_dtype)
    parts = []
    for index, model in enumerate(config.models):

        def report(fraction: float, index: int = index, model: str = model) -> None:
            on_progress(
                (index + fraction) / len(config.models), f"training {model.replace('_', ' ')} networks"
            )

        parts.append(_measured_model(config, model, data, execution, report))
    result = xr.concat(parts, dim="model").assign_coords(model=list(config.models))
    return result.assign_attrs(data_set=config.data_set, n_samples=config.n_samples)


def trained_batch(
    config: Config,
    model: str,
    data: ImageData,
    *,
    execution: Execution,
    after_epoch: Callable[[int, TrainedBatch], None] = lambda epoch, batch: None,
) -> TrainedBatch:
    """Train one model at all penalties and seeds.

    Parameters
    ----------
    config
        What to train.
    model
        Name out of `MODELS`.
    data
        The images, on the device.
    execution
        Where and how to compute.
    after_epoch
        Called after every epoch with its number (from 1) and the networks.

    Raises
    ------
    RuntimeError
        If every replica diverged.
    """
    seeds = [seed for _, seed in config.replicas]
    network = FeedForward(Layout((data.n_pixels, *config.hidden_units, data.n_classes)))
    synapses, rule = _synapses_and_rule(config, model, network.layout, seeds, execution)
    trainer = Trainer(network, synapses, rule, data.train_images, data.train_labels)
    batch = TrainedBatch(model, network, synapses, trainer.members)
    order, everything = DataOrder(seeds), np.arange(len(data.train_labels))
    for epoch in range(1, config.n_epochs + 1):
        trainer.run(order.epoch(everything, batch_size=config.batch_size))
        if epoch % config.evaluate_every == 0 or epoch == config.n_epochs:
            _drop_diverged(trainer, order, model)
            batch.members = trainer.members
        after_epoch(epoch, batch)
    return batch


def _drop_diverged(trainer: Trainer, order: DataOrder, model: str) -> None:
    gone = trainer.diverged()
    if len(gone) == trainer.synapses.n_replicas:
        raise RuntimeError(f"every {model} network diverged: choose a smaller learning rate")
    if gone:
        order.keep([i for i in range(trainer.synapses.n_replicas) if i not in gone])
        trainer.drop(gone)


def _synapses_and_rule(
    config: Config, model: str, layout: Layout, seeds: list[int], execution: Execution
) -> tuple[Synapses, LearningRule]:
    """Return the synapses and the learning rule of a model.

    As in the published program, biases stay at their initial values in the plastic model and are trained (and
    penalised) in the others.
    """
    l2 = [penalty for penalty, _ in config.replicas]
    if model == "deterministic":
        synapses: Synapses = DeterministicSynapses(layout, seeds, execution=execution)
        return synapses, GradientDescent(Sgd(synapses, learning_rate=config.rate_deterministic, l2=l2))
    if model == "fixed_release":
        synapses = BernoulliSynapses(
            layout, seeds, release_probability=config.fixed_p, biases="trained", execution=execution
        )
        return synapses, GradientDescent(Sgd(synapses, learning_rate=config.rate_fixed, l2=l2))
    form, start = PLASTIC[model]
    plastic = BernoulliSynapses(
        layout,
        seeds,
        release_probability="uniform" if start == "uniform" else config.p_min,
        uniform_range=(config.p_min, 1.0),
        execution=execution,
    )
    return plastic, PresynapticSgd(plastic, config.plasticity(form), learning_rate=config.rate_plastic, l2=l2)


def _measured_model(
    config: Config, model: str, data: ImageData, execution: Execution, report: Callable[[float], None]
) -> xr.Dataset:
    """Train one model and return what was measured, with dimensions l2 and seed."""
    snapshots: dict[int, xr.Dataset] = {}

    def after_epoch(epoch: int, batch: TrainedBatch) -> None:
        report(epoch / config.n_epochs)
        if epoch % config.evaluate_every == 0 or epoch == config.n_epochs:
            snapshots[epoch] = _performance(config, batch, data)

    batch = trained_batch(config, model, data, execution=execution, after_epoch=after_epoch)
    performance = xr.concat(list(snapshots.values()), dim="epoch").assign_coords(epoch=list(snapshots))
    final = [performance, _release_and_energy(config, batch)]
    final.append(_lesions(config, batch, data))
    return xr.merge(final)


def _performance(config: Config, batch: TrainedBatch, data: ImageData) -> xr.Dataset:
    """Return accuracy, information and energy of every replica."""
    network, synapses = batch.network, batch.synapses
    streams = synapses.evaluation_streams()
    averaged = mean_softmax(network, synapses, data.test_images, streams=streams, n_samples=config.n_samples)
    single = mean_softmax(network, synapses, data.test_images, streams=streams, n_samples=1)
    activity = neuronal_energy(network, synapses, data.test_images, streams=streams, n_samples=1)
    found = {
        "accuracy": accuracy(averaged, data.test_labels),
        "information": mutual_information(soft_joint(single, data.test_labels)),
        "plug_in_information": mutual_information(plug_in_joint(single, data.test_labels)),
        "synaptic_energy": synaptic_energy(synapses),
        "neuronal_energy": activity,
    }
    units = {"information": "bit", "plug_in_information": "bit"}
    labelled = {name: _by_replica(config, batch, values, ()) for name, values in found.items()}
    for name, unit in units.items():
        labelled[name].attrs["units"] = unit
    return xr.Dataset(labelled)


def _release_and_energy(config: Config, batch: TrainedBatch) -> xr.Dataset:
    """Return how p and energy are distributed over synapses; NaN for models without plastic release."""
    shape = {
        "p_count": ("p_bin", len(P_EDGES) - 1),
        "share_high_p": (),
        "share_low_p": (),
        "mean_p": (),
        "mean_energy": ("importance", len(IMPORTANCE)),
        "energy_count": ("importance", len(IMPORTANCE), "energy_bin", len(ENERGY_EDGES) - 1),
    }
    if batch.model in PLASTIC:
        found = _distributions(batch.synapses)
    else:
        n = batch.synapses.n_replicas
        found = {name: torch.full((n, *dims[1::2]), float("nan")) for name, dims in shape.items()}
    labelled = {name: _by_replica(config, batch, found[name], dims[::2]) for name, dims in shape.items()}
    coords = {
        "p_bin": (P_EDGES[1:] + P_EDGES[:-1]) / 2,
        "importance": list(IMPORTANCE),
        "energy_bin": (ENERGY_EDGES[1:] + ENERGY_EDGES[:-1]) / 2,
    }
    return xr.Dataset(labelled, coords)


def _distributions(synapses: Synapses) -> dict[str, Tensor]:
    """Return histograms and means of release probability and energy, one row per replica."""
    assert isinstance(synapses, BernoulliSynapses)
    p, energy = synapses.p.double().cpu().numpy(), energy_per_synapse(synapses).double().cpu().numpy()
    is_high = p >= HIGH_P
    groups = (~is_high, is_high)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_energy = np.stack([(energy * g).sum(axis=1) / g.sum(axis=1) for g in groups], axis=1)
    rows = range(len(p))
    energies = [[np.histogram(energy[r][g[r]], ENERGY_EDGES)[0] for g in groups] for r in rows]
    found = {
        "p_count": np.stack([np.histogram(row, P_EDGES)[0] for row in p]),
        "share_high_p": is_high.mean(axis=1),
        "share_low_p": (p < 0.5).mean(axis=1),
        "mean_p": p.mean(axis=1),
        "mean_energy": mean_energy,
        "energy_count": np.array(energies),
    }
    return {name: torch.from_numpy(np.asarray(values, dtype=float)) for name, values in found.items()}


def _lesions(config: Config, batch: TrainedBatch, data: ImageData) -> xr.Dataset:
    """Return accuracy after removing synapses in each order; NaN for models without plastic release."""
    n, n_fractions = batch.synapses.n_replicas, len(config.lesion_fractions)
    found = torch.full((n, len(LESION_ORDERS), n_fractions), float("nan"), dtype=torch.float64)
    if batch.model in PLASTIC:
        streams = batch.synapses.evaluation_streams()

        def measure() -> Tensor:
            answers = mean_softmax(
                batch.network, batch.synapses, data.test_images, streams=streams, n_samples=config.n_samples
            )
            return accuracy(answers, data.test_labels)

        for index, order in enumerate(LESION_ORDERS):
            found[:, index] = under_lesions(
                batch.synapses, order, config.lesion_fractions, measure
            ).T.double()
    labelled = _by_replica(config, batch, found, ("order", "fraction"))
    coords = {"order": list(LESION_ORDERS), "fraction": list(config.lesion_fractions)}
    return xr.Dataset({"lesion_accuracy": labelled}, coords)


def _by_replica(config: Config, batch: TrainedBatch, values: Tensor, dims: tuple[str, ...]) -> xr.DataArray:
    """Return values (replica, ...) with the dimensions l2 and seed, NaN where a replica diverged."""
    found = values.double().cpu().numpy()
    whole = np.full((len(config.replicas), *found.shape[1:]), np.nan)
    whole[batch.members] = found
    whole = whole.reshape(len(config.l2), len(config.seeds), *found.shape[1:])
    return xr.DataArray(
        whole, dims=("l2", "seed", *dims), coords={"l2": list(config.l2), "seed": list(config.seeds)}
    )


COLOURS = {
    "additive": "#D55E00",
    "additive_uniform": "#CC79A7",
    "soft_bound": "#E69F00",
    "soft_bound_uniform": "#F0E442",
    "deterministic": "#000000",
    "fixed_release": "#0072B2",
}
"""One colour-blind-safe colour per model (Okabe-Ito)."""

LABELS = {
    "additive": "plastic release, additive rule",
    "additive_uniform": "additive rule, uniform start",
    "soft_bound": "plastic release, soft bound",
    "soft_bound_uniform": "soft bound, uniform start",
    "deterministic": "deterministic",
    "fixed_release": "fixed stochastic release",
}
"""What each model is called in figures."""


def mean_and_sem(values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return mean and standard error over seeds, leaving out diverged replicas."""
    n = values.notnull().sum("seed")
    return values.mean("seed"), values.std("seed", ddof=1) / np.sqrt(n)


def _main_models(result: xr.Dataset) -> list[str]:
    return [str(model) for model in result.model.values if not str(model).endswith("uniform")]


def draw_trade_off(result: xr.Dataset, figure: Figure, energy: str = "synaptic_energy") -> None:
    """Draw mutual information against energy, one point per penalty (figure 1a)."""
    axes = figure.add_subplot()
    final = result.isel(epoch=-1)
    for model in _main_models(result):
        information, information_error = mean_and_sem(final["information"].sel(model=model))
        spent, spent_error = mean_and_sem(final[energy].sel(model=model))
        axes.errorbar(
            spent,
            information,
            yerr=information_error,
            xerr=spent_error,
            color=COLOURS[model],
            label=LABELS[model],
            marker="o",
            markersize=4,
            linewidth=1,
        )
    what = {"synaptic_energy": "synaptic energy Σ|w̄|", "neuronal_energy": "mean activity of hidden units"}
    axes.set(xlabel=f"{what[energy]} (arbitrary units)", ylabel="mutual information (bit)")
    axes.set_title(f"{result.sizes['l2']} L2 penalties, {result.sizes['seed']} seeds, mean ± SEM", fontsize=9)
    axes.legend(fontsize=8)


def draw_neuronal_trade_off(result: xr.Dataset, figure: Figure) -> None:
    """Draw mutual information against the activity of the hidden units (appendix 1 figure 1b)."""
    draw_trade_off(result, figure, energy="neuronal_energy")


def best_ratio(
    result: xr.Dataset, energy: str = "synaptic_energy", information: str = "information"
) -> xr.DataArray:
    """Return each model's information per energy at the penalty where its mean over seeds is largest.

    Returns
    -------
    ratio
        Shape (model, seed), in bit per unit of energy, with the chosen penalty as coordinate ``best_l2``.
    """
    final = result.isel(epoch=-1)
    ratio = final[information] / final[energy]
    best = ratio.mean("seed").fillna(-np.inf).argmax("l2")
    chosen = ratio.isel(l2=best)
    return chosen.rename(l2="best_l2") if "l2" in chosen.coords else chosen


def draw_best_ratio(result: xr.Dataset, figure: Figure) -> None:
    """Draw the best information per energy of each model (figure 1b)."""
    axes = figure.add_subplot()
    ratio = best_ratio(result)
    models = _main_models(result)
    for place, model in enumerate(models):
        values = 1000 * ratio.sel(model=model)
        mean, error = mean_and_sem(values)
        axes.bar(place, float(mean), yerr=float(error), color=COLOURS[model], alpha=0.6, capsize=3)
        axes.plot(np.full(values.size, place), values, "o", color=COLOURS[model], markersize=4)
        axes.annotate(
            f"L2 = {float(values.best_l2):g}",
            (place, 0),
            (0, 4),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_xticks(range(len(models)), [LABELS[model].replace(", ", ",\n") for model in models], fontsize=8)
    axes.set_ylabel("information per energy (bit per 1000 units)")
    axes.set_title(f"each at its best L2; {result.sizes['seed']} seeds (dots), mean ± SEM", fontsize=9)


def _shown_penalty(result: xr.Dataset) -> float:
    """Return the penalty of figure 2: 0.01, the default of the published program, or the nearest there is."""
    return float(result.l2.sel(l2=0.01, method="nearest"))


def _plastic_models(result: xr.Dataset) -> list[str]:
    return [str(model) for model in result.model.values if str(model) in PLASTIC]


def draw_release_probabilities(result: xr.Dataset, figure: Figure) -> None:
    """Draw the distribution of release probabilities after learning (figure 2a, appendix 1 figure 1d)."""
    axes = figure.add_subplot()
    l2 = _shown_penalty(result)
    for model in _plastic_models(result):
        counts = result.p_count.sel(model=model, l2=l2).sum("seed")
        axes.stairs(counts / counts.sum(), P_EDGES, color=COLOURS[model], label=LABELS[model], linewidth=1.5)
    axes.axvline(HIGH_P, color="0.5", linestyle="--", linewidth=1)
    axes.set(xlabel="release probability p", ylabel="share of synapses", yscale="log", xlim=(0.2, 1.0))
    axes.set_title(f"after learning, L2 = {l2:g}, {result.sizes['seed']} seeds pooled", fontsize=9)
    axes.legend(fontsize=8)


def draw_lesions(result: xr.Dataset, figure: Figure) -> None:
    """Draw accuracy against the share of removed synapses (figure 2b)."""
    models = [model for model in _plastic_models(result) if not model.endswith("uniform")]
    l2 = _shown_penalty(result)
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for axes, model in zip(panels, models, strict=True):
        lines = {"release_probability": "lowest p first", "random": "random order"}
        for order, label in lines.items():
            mean, error = mean_and_sem(result.lesion_accuracy.sel(model=model, l2=l2, order=order))
            colour = COLOURS[model] if order == "release_probability" else "0.5"
            axes.plot(result.fraction, mean, "o-", color=colour, markersize=3, label=label)
            axes.fill_between(
                result.fraction, mean - error, mean + error, color=colour, alpha=0.3, linewidth=0
            )
        axes.set(xlabel="share of synapses removed", title=LABELS[model])
        axes.title.set_fontsize(9)
        axes.legend(fontsize=8)
    panels[0].set_ylabel(f"accuracy (L2 = {l2:g}, {result.sizes['seed']} seeds, mean ± SEM)", fontsize=8)


def draw_synaptic_energies(result: xr.Dataset, figure: Figure) -> None:
    """Draw the energy demand of synapses with low and with high release probability (figure 2c)."""
    models = [model for model in _plastic_models(result) if not model.endswith("uniform")]
    l2 = _shown_penalty(result)
    panels = figure.subplots(1, len(models), sharey=True, squeeze=False)[0]
    for axes, model in zip(panels, models, strict=True):
        for importance, colour in zip(IMPORTANCE, ("#56B4E9", "#009E73"), strict=True):
            counts = result.energy_count.sel(model=model, l2=l2, importance=importance).sum("seed")
            # The bins are equally wide on the logarithmic axis: equal areas are equal shares of the synapses.
            axes.stairs(
                counts[1:] / max(float(counts.sum()), 1.0),
                ENERGY_EDGES[1:],
                color=colour,
                label=importance,
                fill=True,
                alpha=0.5,
            )
        axes.set(xscale="log", xlabel="energy of a synapse |w̄| (arbitrary units)", title=LABELS[model])
        axes.title.set_fontsize(9)
        axes.legend(fontsize=8, title=f"p < or ≥ {HIGH_P}", title_fontsize=8)
    panels[0].set_ylabel(
        f"share of the group's synapses per bin\n(L2 = {l2:g}, {result.sizes['seed']} seeds)", fontsize=8
    )


FIGURES: dict[str, Callable[[xr.Dataset, Figure], None]] = {
    "fig1a": draw_trade_off,
    "fig1b": draw_best_ratio,
    "fig2a": draw_release_probabilities,
    "fig2b": draw_lesions,
    "fig2c": draw_synaptic_energies,
    "app1-fig1b": draw_neuronal_trade_off,
}
"""The panels and what draws them."""
