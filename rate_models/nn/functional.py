r"""Weights as a synapse transmits them, and the published rule, as functions of tensors.

For a network written with functions, or with `torch.func`; the modules of this package call the same.
Everything is differentiable by autograd:

=====================  ==========================================  ====================================
transmitted weight     gradient by the expected weight, published  gradient by the other parameter
=====================  ==========================================  ====================================
:math:`k\bar w/(np)`   :math:`k / (np)`: zero without release      :math:`(\bar w/p)(1 - k/(np))` by p
:math:`\mu+\sigma\xi`  1                                           :math:`\xi` by sigma (reparametrised)
=====================  ==========================================  ====================================

The gradient by p is that of a straight-through estimator: the number k of released vesicles is treated as if
it moved with its mean np. It is biased: for a loss with curvature H it is, on average, 2 (1 - p) times the
true :math:`-H \bar w^2 / (2 n p^2)`, so exact for p = 1/2 only. `log_probability` gives the unbiased score
function.

References
----------
Schug et al. (2021), equations 1-5 and 7. doi:10.7554/eLife.69884
Malkin et al. (2023), equations 1-4. doi:10.7554/eLife.92595
Bengio Y, Léonard N, Courville A (2013). Estimating or propagating gradients through stochastic neurons.
arXiv:1308.3432
Williams RJ (1992). Simple statistical gradient-following algorithms. Mach Learn 8:229-256.
doi:10.1007/BF00992696
"""

import torch
from torch import Tensor

from biophys.release_plasticity import PlasticityParameters, learning_rate_factor, updated_release_probability
from rate_models.draws import Randomness, released, standard_normal


def bernoulli_weight(weight: Tensor, p: Tensor, randomness: Randomness) -> Tensor:
    """Return the weights that act in this pass: weight / p with probability p, else 0.

    Their mean is `weight`, their variance weight^2 (1 - p) / p.

    Parameters
    ----------
    weight : expected weight w̄, floating point, any shape
    p : release probability, above 0 and at most 1, of the same shape
    randomness : `Draw(key, step)` or a `torch.Generator`

    Examples
    --------
    >>> from brianpresyn.rate_models.nn import Draw
    >>> weight, p = torch.ones(4), torch.full((4,), 0.5)
    >>> bernoulli_weight(weight, p, Draw(torch.tensor(3), torch.tensor(0))).tolist()
    [2.0, 2.0, 2.0, 0.0]
    """
    return transmitted_weight(weight, p, released(randomness, p.detach()))


def binomial_weight(
    weight: Tensor, p: Tensor, n_sites: int | Tensor, randomness: Randomness, *, n_max: int | None = None
) -> Tensor:
    """Return the weights that act in this pass: k weight / (n p) with k ~ Binomial(n, p).

    A synapse of n sites and quantal size q has the expected weight n p q: `weight` / (n p) is its q. The mean
    of what acts is `weight`, the variance weight^2 (1 - p) / (n p).

    Parameters
    ----------
    weight, p, randomness : as for `bernoulli_weight`
    n_sites : n, at least 1: one number, or a tensor that broadcasts against `weight`
    n_max : the largest of `n_sites`, where it is known: looking it up waits for an accelerator
    """
    count = released(randomness, p.detach(), n_sites, n_max=n_max)
    return transmitted_weight(weight, p, count, n_sites)


def transmitted_weight(
    weight: Tensor, p: Tensor, count: Tensor, n_sites: int | Tensor = 1, *, straight_through: bool = True
) -> Tensor:
    """Return count weight / (n p), `count` being the vesicles released: overwritten if p has no gradient.

    If it has one, `straight_through` says whether it treats `count` as if it moved with n p.
    """
    if straight_through and p.requires_grad:
        count = count + n_sites * (p - p.detach())
    mean_count = p if isinstance(n_sites, int) and n_sites == 1 else n_sites * p
    # In place where no gradient needs the count: large new tensors cost more than what is computed in them.
    return weight * (count / mean_count if p.requires_grad else count.div_(mean_count))


def log_probability(p: Tensor, count: Tensor, n_sites: int | Tensor = 1) -> Tensor:
    """Return log P(count), in nats, without the binomial coefficient: its gradient by p is the score.

    `count` are the vesicles that were released from `n_sites`. The gradient by p of ``loss + (loss -
    baseline).detach() * log_probability(p, count).sum()`` is an unbiased estimate of that of the expected
    loss, if the weights were formed with ``straight_through=False``.
    """
    # What has no exponent has no slope either, at p = 0 and 1 too.
    p_released, p_failed = torch.where(count > 0, p, 1.0), torch.where(n_sites - count > 0, p, 0.0)
    return torch.xlogy(count, p_released) + torch.special.xlog1py(n_sites - count, -p_failed)


def gaussian_weight(mean: Tensor, sigma: Tensor, randomness: Randomness) -> Tensor:
    """Return weights drawn from N(mean, sigma^2), one draw for all inputs of the pass.

    Parameters
    ----------
    mean : floating point, any shape
    sigma : standard deviation, not negative; broadcasts against `mean`
    randomness : `Draw(key, step)` or a `torch.Generator`
    """
    return torch.addcmul(mean, sigma.to(mean.dtype), standard_normal(randomness, mean))


def gaussian_drive(mean: Tensor, variance: Tensor, randomness: Randomness) -> Tensor:
    """Return the drive of units, drawn where it acts: independently for every input of the pass.

    The sum of independent normal weights times inputs is normal; one number per unit and input replaces one
    per weight, and the gradient is much less noisy for the same expected objective.

    Parameters
    ----------
    mean, variance : of the drive: sum of mu x, and of sigma^2 x^2
    randomness : `Draw(key, step)` or a `torch.Generator`

    References
    ----------
    Kingma DP, Salimans T, Welling M (2015). Variational dropout and the local reparameterization trick.
    arXiv:1506.02557
    """
    # The root has an infinite slope at 0, where no input is active.
    sd = variance.clamp_min(torch.finfo(variance.dtype).tiny).sqrt()
    return torch.addcmul(mean, sd, standard_normal(randomness, mean))


def presynaptic_update(
    weight: Tensor,
    p: Tensor,
    gradient: Tensor,
    rule: PlasticityParameters,
    *,
    lr: float | Tensor,
    l2: float | Tensor = 0.0,
) -> tuple[Tensor, Tensor]:
    r"""Return expected weight and release probability after one step of the published rule.

    .. math:: \bar w - \mathrm{lr} (c g + \mathrm{l2} \bar w)

    with c = 1 - p where the rule consolidates, else 1,
    and p as in `biophys.updated_release_probability` with the same gradient g; p on the right is the old one.

    Parameters
    ----------
    weight, p : before the step
    gradient : of the loss, a mean over the inputs of the batch, by `weight`: zero where nothing was released
    rule : parameters of the plastic release probability
    lr, l2 : learning rate and strength of the penalty on w̄, not negative

    References
    ----------
    Schug et al. (2021), equations 3-5 and 7. doi:10.7554/eLife.69884
    """
    moved = weight * (1 - lr * l2) - lr * (learning_rate_factor(p, rule) * gradient)
    return moved, updated_release_probability(p, gradient, rule)
