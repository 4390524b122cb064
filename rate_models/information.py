"""Mutual information between what was shown and what a network answers.

Two estimates: the soft one, from the mean class probabilities (as in the published experiments, so that a
network that answers rightly but hesitantly transmits less), and the plug-in one, from the counts of answers.
Counts of a finite number of images overestimate the information; `corrected_information` takes off the
leading term of that bias, and `information_interval` says how far the number of images leaves it open.

References
----------
Schug et al. (2021), box 1. doi:10.7554/eLife.69884
Miller G (1955). Note on the bias of information estimates. Information theory in psychology: problems and
methods, 95-100.
"""

import math
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit
from torch import Tensor

from biophys.argument_types import Inside, check_public
from biophys.estimates import Estimate
from biophys.units import checked_finite

# With fewer, the cells that were not seen cannot be told from those seen once.
_FEWEST_OTHER_ANSWERS = 20


def mutual_information(joint: Tensor) -> Tensor:
    """Return the mutual information of a joint distribution, in bits, shape (...).

        I = sum_yz P(y, z) log2[ P(y, z) / (P(y) P(z)) ]

    Raises ValueError if a probability is negative or they do not sum to 1.

    Parameters
    ----------
    joint
        Probabilities of shown class and answer, shape (..., class, answer), summing to 1; zeros contribute
        nothing. What is nan, the answers of a network that diverged, stays nan.

    Examples
    --------
    >>> mutual_information(torch.tensor([[0.5, 0.0], [0.0, 0.5]])).item()
    1.0
    """
    joint = joint.double()
    total = joint.sum(dim=(-2, -1))
    is_one = torch.isclose(total, torch.ones_like(total), atol=1e-4) | total.isnan()
    if bool((joint < 0).any()) or not bool(is_one.all()):
        raise ValueError("joint must hold probabilities that sum to 1 over the last two axes")
    independent = joint.sum(dim=-1, keepdim=True) * joint.sum(dim=-2, keepdim=True)
    nats = (torch.xlogy(joint, joint) - torch.xlogy(joint, independent)).sum(dim=(-2, -1))
    return nats / torch.log(torch.tensor(2.0, dtype=torch.float64))


def soft_joint(probability: Tensor, labels: Tensor) -> Tensor:
    """Return the joint distribution of label and answer, shape (replica, class, class), summing to 1.

    Answers are drawn from the class probabilities (replica, image, class); labels have the shape (image,).
    """
    one_hot = torch.nn.functional.one_hot(labels, probability.shape[-1]).to(torch.float64)
    return torch.einsum("ny,rnz->ryz", one_hot, probability.double()) / len(labels)


def plug_in_joint(probability: Tensor, labels: Tensor) -> Tensor:
    """Return the joint distribution of label and most probable class, shape (replica, class, class).

    It is nan where an answer is.
    """
    answers = torch.nn.functional.one_hot(probability.argmax(dim=-1), probability.shape[-1]).double()
    return soft_joint(answers.masked_fill(probability.isnan().any(dim=-1, keepdim=True), math.nan), labels)


def corrected_information(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the mutual information of counts, less the leading term of its bias (Miller and Madow), in bits.

        I = I_plug_in - (K_joint - K_class - K_answer + 1) / (2 N ln 2)

    where each K is the number of cells, classes or answers that occurred. Counts say how often each answer
    was given to each class, integer, shape (..., class, answer), each table with at least one. The
    information, (...), may be slightly negative where there is none.

    Raises ValueError if a count is negative or a table is empty.

    >>> round(float(corrected_information([[50, 0], [0, 50]])), 4)
    1.0072
    """
    table = np.asarray(counts, dtype=np.float64)
    n = table.sum(axis=(-2, -1))
    if (table < 0).any() or (n == 0).any():
        raise ValueError("counts must not be negative, and every table must hold at least one")
    occurred = [np.sum(t > 0, axis=-1) for t in (table.sum(axis=-1), table.sum(axis=-2))]
    excess = np.sum(table > 0, axis=(-2, -1)) - occurred[0] - occurred[1] + 1
    plug_in = mutual_information(torch.from_numpy(table / n[..., None, None])).numpy()
    return plug_in - excess / (2 * n * np.log(2))


def information_interval(counts: ArrayLike, *, level: Inside = 0.95) -> tuple[float, float] | None:
    """Return an interval for the mutual information that one table of counts was drawn from.

    The plug-in information, less the bias of Miller and Madow with the cells that are possible but were not
    seen (Chao 1984) counted in, plus and minus Student's t times its standard error: of the table by the
    jackknife, of the number of unseen cells by Chao's variance. Simulated tables of 100 to 10 000 images with
    2 to 10 classes and 10 to 98 % right answers lie within it in 93 to 98 % of cases at the level of 95 %.

    Raises ValueError if there is more than one table, a count is negative, or the level is not between 0 and
    1.

    Parameters
    ----------
    counts : one table of whole numbers, shape (class, answer)
    level : coverage, between 0 and 1

    Returns
    -------
    low, high
        In bits. None where the images are too few for an interval that can be trusted: fewer than 20 answers
        other than the most frequent one of their class, or fewer than two images per cell of the table.

    References
    ----------
    Chao A (1984). Nonparametric estimation of the number of classes in a population. Scand J Stat 11:265-270.
    Efron B, Stein C (1981). The jackknife estimate of variance. Ann Stat 9:586-596.

    Examples
    --------
    >>> low, high = information_interval([[80, 20], [20, 80]])
    >>> round(low, 2), round(high, 2)
    (0.16, 0.39)
    >>> information_interval([[100, 1], [0, 99]]) is None
    True
    """
    table = checked_finite(counts, "counts", 0.0)
    if table.ndim != 2:
        raise ValueError(f"expected one table (class, answer), got counts of shape {table.shape}")
    n, n_others = table.sum(), (table.sum(axis=1) - table.max(axis=1)).sum()
    if n_others < _FEWEST_OTHER_ANSWERS or n < 2 * table.size:
        return None
    n_unseen, unseen_error = _unseen_cells(table)
    bits_per_cell = 1 / (2 * n * np.log(2))
    estimate = float(corrected_information(table) - n_unseen * bits_per_cell)
    error = np.hypot(_jackknife_error(table), unseen_error * bits_per_cell)
    half = float(stdtrit(n_others - 1, (1 + level) / 2)) * float(error)
    return estimate - half, estimate + half


def information_per_cost(
    answered: NDArray[np.integer], labels: NDArray[np.integer], costs: NDArray[np.float64], *, how: str = ""
) -> tuple[Estimate, int, NDArray[np.float64]]:
    """Return the largest information per cost of several sets of answers, which it is, and those of all.

    `answered` is (set, image), `labels` (image,), `costs` (set,); the interval is `information_interval`'s.
    """
    n = int(max(labels.max(), answered.max())) + 1
    pairs = labels.astype(int) * n + answered
    counts = np.stack([np.bincount(each, minlength=n * n).reshape(n, n) for each in pairs])
    efficiency = corrected_information(counts) / costs
    best = int(np.argmax(efficiency))
    ends = partial(_ends_per_cost, counts[best], float(costs[best]))
    return Estimate(float(efficiency[best]), ends, len(labels), "images", "jackknife", how), best, efficiency


def _ends_per_cost(counts: NDArray[np.int64], cost: float, alpha: float) -> tuple[float, float]:
    low, high = information_interval(counts, level=1 - alpha) or (np.nan, np.nan)
    return low / cost, high / cost


def _unseen_cells(table: NDArray[np.float64]) -> tuple[float, float]:
    """Return how many cells that could occur were not seen, and the standard error of that number.

    Both are bounded by the empty cells of the classes and answers that occurred.
    """
    once, twice = float(np.sum(table == 1)), float(np.sum(table == 2)) + 1
    n_rows, n_columns = np.sum(table.sum(axis=1) > 0), np.sum(table.sum(axis=0) > 0)
    room = float(n_rows * n_columns - np.sum(table > 0))
    ratio = once / twice
    variance = twice * (ratio**4 / 4 + ratio**3 + ratio**2 / 2)
    return min(once * (once - 1) / (2 * twice), room), min(float(np.sqrt(variance)), room / 2)


def _jackknife_error(table: NDArray[np.float64]) -> float:
    """Return the standard error of the plug-in information: every image is left out once."""
    n, occupied = table.sum(), np.argwhere(table > 0)
    without = np.repeat(table[None], len(occupied), axis=0)
    without[np.arange(len(occupied)), occupied[:, 0], occupied[:, 1]] -= 1
    weight = table[table > 0]
    without_each = mutual_information(torch.from_numpy(without / (n - 1))).numpy()
    mean = np.average(without_each, weights=weight)
    return float(np.sqrt((n - 1) * np.average((without_each - mean) ** 2, weights=weight)))


check_public(__name__)
