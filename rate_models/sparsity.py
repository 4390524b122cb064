"""How important synapses are shared out among neurons, against chance.

A synapse is important where its release probability reaches a threshold. Numbers of important inputs and
outputs per neuron are compared with shuffled connectivity. Two shuffles differ in what they keep:

- ``"matrix"``: all entries of a weight matrix change places, so that only their number is kept. The count
  of a neuron then is hypergeometric.
- ``"partners"``: every neuron on the other side keeps its number of important synapses. Inputs are shuffled
  among the outputs of each presynaptic neuron, outputs among the inputs of each postsynaptic one. Unevenness
  among partners (dark pixels at the border, say) then widens no difference.

Schug et al. (2021), figure 3 and appendix 1 figure 2; they do not say which shuffle. doi:10.7554/eLife.69884
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from torch import Tensor

from biophys.argument_types import Share, check_choice, checked_types
from rate_models.layout import Layout

SHUFFLES = ("matrix", "partners")
SIDES = ("inputs", "outputs")


def important_synapses(p: Tensor, layout: Layout, threshold: float = 0.9) -> list[NDArray[np.bool_]]:
    """Return where p (replica, weights) reaches the threshold, one matrix (replica, out, in) per layer."""
    return [(part >= threshold).cpu().numpy() for part in layout.weights(p)]


@checked_types
def most_important(importance: Tensor, layout: Layout, share: Share = 0.1) -> NDArray[np.bool_]:
    """Return where importance (replica, parameters) is among the highest share of each layer, by weight."""
    chosen = []
    for layer in layout.weights(importance):
        flat = layer.flatten(1)
        n = max(1, round(share * flat.shape[1]))
        chosen.append(torch.zeros_like(flat, dtype=torch.bool).scatter_(1, flat.topk(n).indices, True))
    return torch.cat(chosen, dim=1).cpu().numpy()


def overlap_of_tasks(is_important: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of a task's important synapses that another task has as well, mean over pairs.

    `is_important` is (..., task, synapse), with as many important synapses in every task; by chance the
    overlap is their share.

    >>> float(overlap_of_tasks(np.array([[True, True, False, False], [True, False, True, False]])))
    0.5
    """
    chosen = is_important.astype(np.float64)
    shared = np.einsum("...is,...js->...ij", chosen, chosen)
    n_tasks, n_of_each = is_important.shape[-2], chosen.sum(axis=(-1, -2)) / is_important.shape[-2]
    of_pairs = shared.sum(axis=(-1, -2)) - np.trace(shared, axis1=-2, axis2=-1)
    return np.asarray(of_pairs / (n_tasks * (n_tasks - 1)) / n_of_each)


def counts_per_neuron(is_important: NDArray[np.bool_], side: str) -> NDArray[np.intp]:
    """Return how many important synapses every neuron has in one weight matrix.

    Parameters
    ----------
    is_important : shape (..., out, in)
    side
        ``"inputs"`` counts the synapses onto each postsynaptic neuron, shape (..., out); ``"outputs"`` those
        of each presynaptic neuron, shape (..., in).

    Examples
    --------
    >>> matrix = np.array([[True, True, False], [True, False, False]])
    >>> counts_per_neuron(matrix, "inputs").tolist(), counts_per_neuron(matrix, "outputs").tolist()
    ([2, 1], [2, 1, 0])
    """
    return np.sum(is_important, axis=_summed_axis(side))


def shuffled_counts(
    is_important: NDArray[np.bool_],
    side: str,
    *,
    rng: np.random.Generator,
    shuffle: str = "matrix",
    n_shuffles: int = 1,
) -> NDArray[np.intp]:
    """Return counts per neuron after shuffling one weight matrix (out, in), shape (shuffle, neuron).

    Parameters
    ----------
    is_important : shape (out, in)
    side : ``"inputs"`` or ``"outputs"``, as for `counts_per_neuron`
    rng, n_shuffles : draws the shuffles; number of independent ones
    shuffle : ``"matrix"`` or ``"partners"``: see the module
    """
    check_choice(shuffle, SHUFFLES, "shuffle")
    axis = _summed_axis(side)
    if shuffle == "matrix":
        n_neurons, n_partners = is_important.shape[-1 if axis == -2 else -2], is_important.shape[axis]
        places = np.full(n_neurons, n_partners)
        return rng.multivariate_hypergeometric(places, int(is_important.sum()), size=n_shuffles)
    by_partner = is_important if side == "inputs" else is_important.T
    return np.stack([rng.permuted(by_partner, axis=0).sum(axis=1) for _ in range(n_shuffles)])


def _summed_axis(side: str) -> int:
    check_choice(side, SIDES, "side")
    return -1 if side == "inputs" else -2


@dataclass(frozen=True)
class ImportanceOfNeurons:
    """Counts of important synapses (neuron,), and what shuffling makes of them, (shuffle, neuron).

    >>> result = ImportanceOfNeurons(np.array([0, 9, 5, 5]), np.array([[4, 6, 5, 4], [5, 5, 4, 6]]))
    >>> result.shares_low_medium_high
    (0.25, 0.5, 0.25)
    """

    counts: NDArray[np.intp]
    shuffled: NDArray[np.intp]

    def __post_init__(self) -> None:
        if self.shuffled.ndim != 2 or self.shuffled.shape[1:] != self.counts.shape:
            wanted = f"must have the shape (shuffle, {len(self.counts)})"
            raise ValueError(f"shuffled {wanted}, got {self.shuffled.shape}")

    @property
    def bounds(self) -> tuple[float, float]:
        """Mean of the shuffled counts less and plus two of their standard deviations."""
        mean, sd = self.shuffled.mean(), self.shuffled.std()
        return float(mean - 2 * sd), float(mean + 2 * sd)

    @property
    def shares_low_medium_high(self) -> tuple[float, float, float]:
        """Shares of the neurons at or below, between, and at or above the bounds."""
        return _shares(self.counts, self.bounds)

    @property
    def shuffled_shares_low_medium_high(self) -> tuple[float, float, float]:
        """The same shares of all shuffled neurons."""
        return _shares(self.shuffled, self.bounds)

    def ks_test(self) -> tuple[float, float]:
        """Return D and p of the two-sample Kolmogorov-Smirnov test against the first shuffle.

        Counts have ties, for which the test is conservative.
        """
        test = stats.ks_2samp(self.counts, self.shuffled[0])
        return float(test.statistic), float(test.pvalue)


def _shares(counts: NDArray[np.intp], bounds: tuple[float, float]) -> tuple[float, float, float]:
    low, high = float(np.mean(counts <= bounds[0])), float(np.mean(counts >= bounds[1]))
    # Without any spread both bounds are the mean, and every neuron that sits there is neither.
    if bounds[0] == bounds[1]:
        low, high = float(np.mean(counts < bounds[0])), float(np.mean(counts > bounds[1]))
    return low, 1 - low - high, high


def importance_of_neurons(
    is_important: NDArray[np.bool_],
    side: str,
    *,
    rng: np.random.Generator,
    shuffle: str = "matrix",
    n_shuffles: int = 100,
) -> ImportanceOfNeurons:
    """Return the counts of one weight matrix, shape (out, in), with their shuffles."""
    shuffled = shuffled_counts(is_important, side, rng=rng, shuffle=shuffle, n_shuffles=n_shuffles)
    return ImportanceOfNeurons(counts_per_neuron(is_important, side), shuffled)


def input_output_correlation(inputs: ArrayLike, outputs: ArrayLike) -> tuple[float, tuple[float, float]]:
    """Return Pearson's correlation of important inputs and outputs of four or more neurons, and its interval.

    The interval is Fisher's of 95 %, from the arc tangent of r. All are nan where one of the two does not
    vary.

    >>> r, interval = input_output_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 6])
    >>> round(r, 3)
    0.822
    """
    x, y = np.asarray(inputs, dtype=float), np.asarray(outputs, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or len(x) < 4:
        raise ValueError(f"expected counts of the same four or more neurons, got {x.shape} and {y.shape}")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), (float("nan"), float("nan"))
    test = stats.pearsonr(x, y)
    interval = test.confidence_interval(0.95)
    return float(test.statistic), (float(interval.low), float(interval.high))
