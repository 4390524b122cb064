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

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor


def mutual_information(joint: Tensor) -> Tensor:
    """Return the mutual information of a joint distribution.

        I = sum_yz P(y, z) log2[ P(y, z) / (P(y) P(z)) ]

    Parameters
    ----------
    joint
        Probabilities of shown class and answer, shape (..., class, answer), summing to 1; zeros contribute
        nothing.

    Returns
    -------
    information
        In bits, shape (...).

    Raises
    ------
    ValueError
        If a probability is negative or they do not sum to 1.

    Examples
    --------
    >>> mutual_information(torch.tensor([[0.5, 0.0], [0.0, 0.5]])).item()
    1.0
    """
    joint = joint.double()
    total = joint.sum(dim=(-2, -1))
    if bool((joint < 0).any()) or not bool(torch.isclose(total, torch.ones_like(total), atol=1e-4).all()):
        raise ValueError("joint must hold probabilities that sum to 1 over the last two axes")
    independent = joint.sum(dim=-1, keepdim=True) * joint.sum(dim=-2, keepdim=True)
    return (torch.xlogy(joint, joint) - torch.xlogy(joint, independent)).sum(dim=(-2, -1)) / torch.log(
        torch.tensor(2.0, dtype=torch.float64)
    )


def soft_joint(probability: Tensor, labels: Tensor) -> Tensor:
    """Return the joint distribution of label and answer, answers being drawn from the class probabilities.

    Parameters
    ----------
    probability
        Class probabilities, shape (replica, image, class).
    labels
        Shape (image,).

    Returns
    -------
    joint
        Shape (replica, class, class), summing to 1 per replica.
    """
    one_hot = torch.nn.functional.one_hot(labels, probability.shape[-1]).to(torch.float64)
    return torch.einsum("ny,rnz->ryz", one_hot, probability.double()) / len(labels)


def plug_in_joint(probability: Tensor, labels: Tensor) -> Tensor:
    """Return the joint distribution of label and most probable class, shape (replica, class, class)."""
    answers = torch.nn.functional.one_hot(probability.argmax(dim=-1), probability.shape[-1])
    return soft_joint(answers.double(), labels)


def corrected_information(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the mutual information of counts, less the leading term of its bias (Miller and Madow).

        I = I_plug_in - (K_joint - K_class - K_answer + 1) / (2 N ln 2)

    where each K is the number of cells, classes or answers that occurred.

    Parameters
    ----------
    counts
        How often each answer was given to each class, integer, shape (..., class, answer), each table with at
        least one count.

    Returns
    -------
    information
        In bits, shape (...). It may be slightly negative where there is none.

    Raises
    ------
    ValueError
        If a count is negative or a table is empty.

    Examples
    --------
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


def information_interval(
    counts: ArrayLike, *, rng: np.random.Generator, n_resamples: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap interval of `corrected_information` over the images behind one table.

    A resample of the images is a multinomial draw from the table. Its corrected information estimates the
    plug-in information of the table, so the interval is that of the difference between those two, around the
    corrected information of the table (the basic bootstrap).

    Parameters
    ----------
    counts
        One table, shape (class, answer).
    rng
        Draws the resamples.
    n_resamples
        Their number.
    level
        Coverage, between 0 and 1.

    Returns
    -------
    low, high
        In bits.

    Raises
    ------
    ValueError
        If there is more than one table or the level is not between 0 and 1.
    """
    table = np.asarray(counts)
    if table.ndim != 2:
        raise ValueError(f"expected one table (class, answer), got shape {table.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, for example 0.95, got {level}")
    n = int(table.sum())
    drawn = rng.multinomial(n, table.ravel() / n, size=n_resamples).reshape(n_resamples, *table.shape)
    found, plug_in = corrected_information(table), mutual_information(torch.from_numpy(table / n))
    errors = corrected_information(drawn) - float(plug_in)
    lowest, highest = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2])
    return float(found - highest), float(found - lowest)
