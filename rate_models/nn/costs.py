"""What reliable and strong weights of a model cost, as terms of its loss, and the moments of its weights."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from biophys.argument_types import Count, NotNegative, Positive, check_public
from biophys.units import shown
from rate_models.nn.streams import checked_synapses
from rate_models.nn.synapses import (
    GaussianNoise,
    Loss,
    Release,
    StochasticWeight,
    inputs_in_loss,
    named_synapses,
)
from rate_models.reliability_cost import Costs, EntropyCost, terms_of

_HALF_LOG = 0.5 * math.log(2 * math.pi)


def reliability_cost(
    model: nn.Module, costs: Costs, *, n_data: Count, loss: Loss = "mean", batch_size: int | None = None
) -> Tensor:
    r"""Return the reliability cost of all synapses whose noise is learned, in nats, on the scale of the loss.

    .. math:: f \sum_i c\,\sigma_i^{-\rho}

    with the standard deviation sigma of each weight (of each bias too where it is noisy). The cost is paid
    once for all data: f is 1 / n_data beside a loss that is a mean over the inputs of a step, and batch_size
    / n_data beside one that is their sum.

    Parameters
    ----------
    model : with Gaussian synapses, or synapses that learn p by gradient
    costs : `PowerCost(c, rho)`, `EntropyCost()`, or a tuple of several that add up
    n_data : inputs in the training set
    loss : ``"mean"`` or ``"sum"``: what the loss does with the inputs of a step
    batch_size : inputs per step, for ``loss="sum"``

    Raises
    ------
    TypeError : if `costs` are none
    ValueError : if no synapse of the model learns its noise, or the scale is not given as above

    Examples
    --------
    >>> from brianpresyn.rate_models.nn import GaussianLinear
    >>> from brianpresyn.rate_models.reliability_cost import PowerCost
    >>> layer = GaussianLinear(3, 2, sigma=0.5)
    >>> round(reliability_cost(layer, PowerCost(c=0.1, rho=1.0), n_data=100).item(), 6)
    0.016

    References
    ----------
    Malkin et al. (2023), equations 2-4 and 41-48. doi:10.7554/eLife.92595
    """
    terms = terms_of(costs)
    for cost in terms:
        if not (hasattr(cost, "rho") and hasattr(cost, "strength")):
            raise TypeError(f"costs must be such as PowerCost(c=0.1, rho=0.5), got {shown(cost)}")
    sds = [stochastic.sd(weight) for weight, stochastic in _with_learned_noise(model)]
    total = sum(cost(sd).sum() for cost in terms for sd in sds)
    return _share(n_data, loss, batch_size) * torch.as_tensor(total)


def magnitude_cost(
    model: nn.Module,
    strength: NotNegative,
    *,
    n_data: Count,
    loss: Loss = "mean",
    batch_size: int | None = None,
) -> Tensor:
    """Return strength times the summed magnitude of all stochastic weights, on the scale of the loss.

    Parameters
    ----------
    model : with stochastic synapses
    strength : lambda, not negative, in nats
    n_data, loss, batch_size : as for `reliability_cost`

    References
    ----------
    Malkin et al. (2023), equation 4. doi:10.7554/eLife.92595
    """
    weights = dict.fromkeys(each.expected for each in checked_synapses(model))
    total = torch.stack([weight.abs().sum() for weight in weights]).sum()
    return _share(n_data, loss, batch_size) * strength * total


def gaussian_kl(
    model: nn.Module, prior_sd: Positive, *, n_data: Count, loss: Loss = "mean", batch_size: int | None = None
) -> Tensor:
    r"""Return the divergence of all Gaussian weights from N(0, tau^2), in nats, on the scale of the loss.

    .. math:: f \sum_i \left(\ln\frac{\tau}{\sigma_i} + \frac{\mu_i^2 + \sigma_i^2}{2 \tau^2} - \frac12\right)

    Beside the cross entropy it makes the weights a variational posterior (Bayes by backprop).

    Parameters
    ----------
    model : with Gaussian synapses
    prior_sd : tau, positive and finite
    n_data, loss, batch_size : as for `reliability_cost`

    References
    ----------
    Blundell C et al. (2015). Weight uncertainty in neural networks. arXiv:1505.05424

    Examples
    --------
    >>> from brianpresyn.rate_models.nn import GaussianLinear
    >>> layer = GaussianLinear(3, 2, sigma=1.0, mean_range=0.0)
    >>> round(gaussian_kl(layer, prior_sd=1.0, n_data=1).item(), 6)
    0.0
    """
    moments = [(mean, noise.sd(mean)) for mean, noise in _with_learned_noise(model, GaussianNoise)]
    # The entropy of the posterior, as in the engine, and the cross entropy of the prior.
    total = sum(
        (EntropyCost()(sd / prior_sd) + (mean.square() + sd.square()) / (2 * prior_sd**2) + _HALF_LOG).sum()
        for mean, sd in moments
    )
    return _share(n_data, loss, batch_size) * torch.as_tensor(total)


class WeightMoments(NamedTuple):
    """Mean and standard deviation of the weights of one tensor, of its shape."""

    mean: Tensor
    sd: Tensor


def weight_moments(model: nn.Module) -> dict[str, WeightMoments]:
    """Return mean and standard deviation of every stochastic weight, by the name of its tensor.

    Of Gaussian synapses that were trained beside `gaussian_kl` it is the posterior; of releasing synapses it
    is what release makes of a weight, abs(w̄) sqrt((1 - p) / (n p)).

    Parameters
    ----------
    model : with stochastic synapses

    Examples
    --------
    >>> from brianpresyn.rate_models.nn import GaussianLinear
    >>> moments = weight_moments(GaussianLinear(3, 2, sigma=0.5))
    >>> sorted(moments), round(moments["weight"].sd[0, 0].item(), 6)
    (['bias', 'weight'], 0.5)
    """
    with torch.no_grad():
        means = [(each, each.expected.clone()) for each in checked_synapses(model)]
        return {each.name: WeightMoments(mean, each.stochastic.sd(mean).clone()) for each, mean in means}


def log_probability(model: nn.Module) -> Tensor:
    """Return log P(release in the last pass) of all synapses that learn p by the score, in nats, shape ().

    The gradient of ``loss + (loss.detach() - baseline) * log_probability(model)`` is an unbiased estimate of
    that of the expected loss, if every module was called once.

    Raises ValueError if no synapse of the model has ``learn_p="score"``.

    References
    ----------
    Williams RJ (1992). Mach Learn 8:229-256. doi:10.1007/BF00992696
    """
    stochastic = dict.fromkeys(each.stochastic for each in named_synapses(model))
    scored = [each for each in stochastic if isinstance(each, Release) and each.learn_p == "score"]
    if not scored:
        raise ValueError("no synapse learns p by the score: build layers with learn_p='score'")
    return torch.stack([release.log_probability() for release in scored]).sum()


def _with_learned_noise(model: nn.Module, kind: type = nn.Module) -> list[tuple[Tensor, StochasticWeight]]:
    """Return expected weights and noise of the synapses that have a gradient by their noise."""
    # Tied weights, of one mean and one noise, are paid for once.
    tied: dict[tuple[Tensor, ...], StochasticWeight] = {}
    for each in named_synapses(model):
        if isinstance(each.stochastic, kind) and (noise := tuple(each.stochastic.parameters())):
            tied[each.expected, *noise] = each.stochastic
    if not tied:
        problem = f"no synapse of this {type(model).__name__} learns its noise"
        raise ValueError(f"{problem}: use GaussianLinear, GaussianConv2d or add_noise(module)")
    return [(weight, stochastic) for (weight, *_), stochastic in tied.items()]


def _share(n_data: int, loss: Loss, batch_size: int | None) -> float:
    """Return the factor that brings a cost of all data to the scale of the loss of a step."""
    n_in_loss = inputs_in_loss(loss, batch_size)
    if n_data < n_in_loss:
        raise ValueError(f"n_data must be at least the inputs of a step, got {n_data} for {n_in_loss}")
    return n_in_loss / n_data


check_public(__name__, but=("WeightMoments",))
