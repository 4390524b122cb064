"""What synapses of high release probability are: their energy, Fisher information and place in the network.

Functions here take trained replicas and return plain arrays with one row per replica, for
`rate_models.experiments.energy_efficiency`.

Schug et al. (2021), figures 2c,d and 3, appendix 1 figure 2, and equation 10. doi:10.7554/eLife.69884
"""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from biophys.estimates import Estimate
from biophys.gradient_threshold import GradientLaw, ratio_to_formula
from biophys.release_plasticity import ReleasePlasticity, updated_release_probability
from rate_models.fisher import diagonal_fisher, gradients_of
from rate_models.layout import Layout
from rate_models.networks import FeedForward
from rate_models.random_streams import Purpose, numpy_generator
from rate_models.sparsity import (
    SHUFFLES,
    SIDES,
    importance_of_neurons,
    important_synapses,
    input_output_correlation,
)
from rate_models.stochastic_layers import BernoulliSynapses

HIGH_P = 0.9
"""A synapse with at least this release probability counts as important."""

THRESHOLDS = (0.7, 0.8, 0.9, 0.95)
"""Release probabilities from which a synapse may be called important instead: a choice, none is published."""

IMPORTANCE = ("low p", "high p")
NEURON_GROUPS = ("low", "medium", "high")


def probability_of_superiority(values: NDArray[np.floating], is_high: NDArray[np.bool_]) -> float:
    """Return the probability that a value of the high group exceeds one of the low group.

    It is the statistic of the Mann-Whitney test divided by the number of pairs, ties counting half: 0.5 for
    groups that do not differ, 1 where every high value exceeds every low one; nan if a group is empty.

    >>> probability_of_superiority(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, True]))
    0.75
    """
    high, low = values[is_high], np.sort(values[~is_high])
    if not high.size or not low.size:
        return float("nan")
    n_exceeded = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(n_exceeded.mean() / (2 * low.size))


def group_distributions(
    values: NDArray[np.floating], is_high: NDArray[np.bool_], edges: NDArray[np.floating], layout: Layout
) -> dict[str, NDArray[np.float64]]:
    """Compare a quantity of the synapses, (replica, weights), of low and of high release probability.

    By name: ``count`` (replica, importance, bin) between `edges`, ``mean`` and ``median`` (replica,
    importance), ``superiority`` (replica,) over all layers and ``superiority_in_layer`` (replica, layer).
    """
    groups = np.stack([~is_high, is_high], axis=1)
    chosen = [[row[group] for group in pair] for row, pair in zip(values, groups, strict=True)]
    layer_of = layout.layer_of_weight()
    layers = [layer_of == layer for layer in range(layout.n_layers)]
    pairs = list(zip(values, is_high, strict=True))
    return {
        "count": np.array([[np.histogram(v, edges)[0] for v in pair] for pair in chosen], dtype=float),
        "mean": np.array([[_or_nan(np.mean, v) for v in pair] for pair in chosen]),
        "median": np.array([[_or_nan(np.median, v) for v in pair] for pair in chosen]),
        "superiority": np.array([probability_of_superiority(v, high) for v, high in pairs]),
        "superiority_in_layer": np.array(
            [[probability_of_superiority(v[layer], high[layer]) for layer in layers] for v, high in pairs]
        ),
    }


def _or_nan(statistic: object, values: NDArray[np.floating]) -> float:
    return float(statistic(values)) if values.size else float("nan")  # type: ignore[operator]


def fisher_of_mean_network(
    network: FeedForward, synapses: BernoulliSynapses, images: Tensor, labels: Tensor, expectation: str
) -> NDArray[np.float32]:
    """Return the Fisher information of synapses in the network where all release, (replica, weights)."""
    n_weights = synapses.layout.n_weights
    fisher = diagonal_fisher(network, synapses.expected(), images, labels, expectation=expectation)
    return fisher[:, :n_weights].cpu().numpy()


def correlations(x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[NDArray, NDArray]:
    """Return Pearson's and Spearman's correlation of the rows of x and y; nan where one is constant."""
    pearson = _correlation(x, y)
    ranks = [np.stack([rankdata(row) for row in values]) for values in (x, y)]
    return pearson, _correlation(*ranks)


def _correlation(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    x, y = (v.astype(np.float64) - v.mean(axis=1, keepdims=True, dtype=np.float64) for v in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))


def neuron_importance(synapses: BernoulliSynapses, *, n_shuffles: int = 20) -> dict[str, NDArray[np.float64]]:
    """Return how important synapses are shared out among neurons, against shuffled connectivity.

    `n_shuffles` shuffles define mean and standard deviation of chance.

    Returns
    -------
    result
        ``ks_d``, ``ks_p`` (replica, layer, side, shuffle); ``group_share``, ``shuffled_group_share``
        (replica, layer, side, shuffle, group); ``inputs_1``, ``outputs_1``, ... the counts of each weight
        matrix (replica, neuron), and ``shuffled_inputs_1``, ... those of one shuffle of the whole matrix;
        ``input_output_r`` (replica, hidden layer) and its interval ``input_output_r_low``, ``..._high``.
    """
    matrices = important_synapses(synapses.p, synapses.layout, HIGH_P)
    rows = [
        _importance_of_replica([matrix[replica] for matrix in matrices], seed, n_shuffles)
        for replica, seed in enumerate(synapses.seeds)
    ]
    return {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}


def _importance_of_replica(
    matrices: list[NDArray[np.bool_]], seed: int, n_shuffles: int
) -> dict[str, NDArray[np.float64]]:
    """Return the entries of `neuron_importance` for one network."""
    rng = numpy_generator(seed, Purpose.LESIONS).spawn(1)[0]
    shape = (len(matrices), len(SIDES), len(SHUFFLES))
    results: dict[str, NDArray] = {name: np.empty(shape) for name in ("ks_d", "ks_p")}
    results |= {
        name: np.empty((*shape, len(NEURON_GROUPS))) for name in ("group_share", "shuffled_group_share")
    }
    for position in np.ndindex(shape):
        layer, side, shuffle = position[0], SIDES[position[1]], SHUFFLES[position[2]]
        counted = matrices[layer]
        importance = importance_of_neurons(counted, side, rng=rng, shuffle=shuffle, n_shuffles=n_shuffles)
        results["ks_d"][position], results["ks_p"][position] = importance.ks_test()
        results["group_share"][position] = importance.shares_low_medium_high
        results["shuffled_group_share"][position] = importance.shuffled_shares_low_medium_high
        if shuffle == "matrix":
            name = f"{side}_{layer + 1}"
            results[name], results[f"shuffled_{name}"] = importance.counts, importance.shuffled[0]
    pairs = [
        input_output_correlation(results[f"inputs_{h}"], results[f"outputs_{h + 1}"])
        for h in range(1, len(matrices))
    ]
    with_interval = np.array([(r, *interval) for r, interval in pairs]).reshape(-1, 3).T
    names = ("input_output_r", "input_output_r_low", "input_output_r_high")
    return results | dict(zip(names, with_interval, strict=True))


def correlations_by_threshold(synapses: BernoulliSynapses) -> NDArray[np.float64]:
    """Return r of important inputs and outputs, (replica, threshold, hidden layer), by what is important.

    It is nan where no hidden neuron has more than another.
    """
    counted = [
        [
            (matrix.sum(axis=2), matrix.sum(axis=1))
            for matrix in important_synapses(synapses.p, synapses.layout, p)
        ]
        for p in THRESHOLDS
    ]
    r = [
        [_correlation(inputs, outputs) for (inputs, _), (_, outputs) in pairwise(layers)]
        for layers in counted
    ]
    return np.transpose(np.array(r).reshape(len(THRESHOLDS), -1, synapses.n_replicas), (2, 0, 1))


def threshold_crossings(
    network: FeedForward,
    synapses: BernoulliSynapses,
    images: Tensor,
    labels: Tensor,
    *,
    g_lim: float,
    rng: np.random.Generator,
    n_per_layer: int = 300,
    batch_sizes: tuple[int, ...] = (1, 100),
) -> dict[str, NDArray[np.float64]]:
    """Return how often the gradient of single synapses exceeds the threshold, and its moments.

    They are ``share_above``, ``mean_gradient`` and ``mean_squared_gradient``, each (replica, batch size,
    layer, synapse).

    Parameters
    ----------
    network, synapses : trained networks; gradients are those of the mean network
    images, labels : images over which gradients are taken
    g_lim : threshold
    rng : draws the synapses, the same for all replicas
    n_per_layer : synapses drawn per layer (all of a smaller layer are taken, and one of them repeated)
    batch_sizes : images over which a gradient is averaged before it is compared
    """
    slices = synapses.layout.weight_slices
    drawn = [np.sort(rng.integers(part.start, part.stop, n_per_layer)) for part in slices]
    weights = torch.from_numpy(np.concatenate(drawn)).to(synapses.learned.device)
    n_replicas, n_chosen = synapses.n_replicas, len(weights)
    sums = torch.zeros(3, len(batch_sizes), n_replicas, n_chosen, dtype=torch.float64)
    n_batches = [0] * len(batch_sizes)
    # Parts of whole batches, of about 500 images; images that fill no batch are left out.
    largest = max(batch_sizes)
    n_whole, per_pass = len(images) // largest * largest, largest * max(1, 500 // largest)
    for part, shown in zip(images[:n_whole].split(per_pass), labels[:n_whole].split(per_pass), strict=True):
        gradient = gradients_of(network, synapses.expected(), part, shown, weights)
        for index, size in enumerate(batch_sizes):
            mean = gradient.unflatten(1, (-1, size)).mean(dim=2)
            n_batches[index] += mean.shape[1]
            terms = (mean.abs() >= g_lim, mean, mean.square())
            sums[:, index] += torch.stack([term.double().sum(dim=1).cpu() for term in terms])
    sums /= torch.tensor(n_batches, dtype=torch.float64)[:, None, None]
    shaped = sums.transpose(1, 2).unflatten(-1, (len(slices), n_per_layer)).numpy()
    return dict(zip(("share_above", "mean_gradient", "mean_squared_gradient"), shaped, strict=True))


def moved_up_over_formula(law: GradientLaw, form: str, n: int, rng: np.random.Generator) -> Estimate:
    """Return how often a rule of p moves it up after one of n drawn gradients, over the formula of eq. 10."""
    sd = np.geomspace(0.3, 10, 8)
    size = (len(sd), n)
    drawn = rng.standard_normal(size) if law == "normal" else rng.laplace(scale=np.sqrt(0.5), size=size)
    gradient = torch.from_numpy(sd[:, None] * drawn)
    start = torch.full_like(gradient, 0.5)
    moved = updated_release_probability(start, gradient, ReleasePlasticity(g_lim=1.0, form=form)) > start
    return ratio_to_formula(moved.double().mean(dim=1).numpy(), sd, law, n)
