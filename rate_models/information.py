"""Mutual information between what was shown and what a network answers.

Two estimates: the soft one, from the mean class probabilities (as in the published experiments, so that a
network that answers rightly but hesitantly transmits less), and the plug-in one, from the counts of answers.

References
----------
Schug et al. (2021), box 1. doi:10.7554/eLife.69884
"""

from __future__ import annotations

import torch
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
