"""Layers of torch made of networks that the engine trained."""

from typing import Any

import torch
from torch import nn

from biophys.argument_types import checked_types
from rate_models.nn.layers import BernoulliLinear, GaussianLinear
from rate_models.nn.streams import seed_streams
from rate_models.replicas import check_positions
from rate_models.stochastic_layers import BernoulliSynapses, NormalSynapses, Synapses


@checked_types
def layers_of(synapses: Synapses, replica: int = 0, *, seed: int = 0) -> nn.Sequential:
    """Return a network of the engine as layers that any model, optimiser or `EnergyCounter` takes.

    Raises ValueError if there is no such replica.

    Parameters
    ----------
    synapses : what was trained; rectified hidden units, linear output
    replica : which network
    seed : of the streams of the layers

    Returns
    -------
    nn.Sequential
        `BernoulliLinear` with the learned p, `GaussianLinear` with the learned sigma of the weights, or
        `torch.nn.Linear`, with a `torch.nn.ReLU` between any two. Biases are their means.

    Examples
    --------
    >>> from brianpresyn.rate_models.layout import Layout
    >>> model = layers_of(BernoulliSynapses(Layout((4, 3, 2)), seeds=[1], release_probability=0.5))
    >>> [type(layer).__name__ for layer in model], model(torch.ones(5, 4)).shape
    (['BernoulliLinear', 'ReLU', 'BernoulliLinear'], torch.Size([5, 2]))
    """
    check_positions([replica], synapses.n_replicas)
    layout, learned = synapses.layout, synapses.expected()[replica : replica + 1]
    modules: list[nn.Module] = []
    for index, (weight, bias) in enumerate(zip(layout.weights(learned), layout.biases(learned), strict=True)):
        part = layout.weight_slices[index]
        n_out, n_in = weight.shape[1:]
        options: dict[str, Any] = {"device": weight.device, "dtype": weight.dtype}
        layer: nn.Linear
        if isinstance(synapses, BernoulliSynapses):
            p = synapses.p[replica, part].reshape(n_out, n_in)
            layer = BernoulliLinear(n_in, n_out, p=p, release_fixed_at=synapses.release_fixed_at, **options)
        elif isinstance(synapses, NormalSynapses):
            sigma = synapses.sigma[replica, part].reshape(n_out, n_in)
            layer = GaussianLinear(n_in, n_out, sigma=sigma, noisy_bias=False, **options)
        else:
            layer = nn.Linear(n_in, n_out, **options)
        with torch.no_grad():
            layer.weight.copy_(weight[0])
            layer.bias.copy_(bias[0])
        modules += [layer, nn.ReLU()]
    model = nn.Sequential(*modules[:-1])
    return model if type(model[0]) is nn.Linear else seed_streams(model, seed)
