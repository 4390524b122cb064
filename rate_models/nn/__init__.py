"""Stochastic synapses for any torch network: layers, an optimiser, costs and energies.

The layers are those of `torch.nn` whose weights are drawn anew in every pass. They work wherever a module
does: autograd, `state_dict`, `torch.compile`, `torch.func`, any optimiser and loader.

>>> import torch
>>> from torch import nn
>>> from brianpresyn.biophys import ReleasePlasticity
>>> model = nn.Sequential(BernoulliConv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), BernoulliLinear(8 * 6 * 6, 10))
>>> model = seed_streams(model, seed=1)
>>> rule = PresynapticSGD(model, ReleasePlasticity(form="soft_bound"), lr=0.05)
>>> rest = torch.optim.SGD(other_parameters(model), lr=0.05)
>>> images, labels = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
>>> for step in range(3):
...     nn.functional.cross_entropy(model(images), labels).backward()
...     for optimizer in (rule, rest):
...         optimizer.step()
...         optimizer.zero_grad()
>>> bool((model[0].p > 0.25).any())
True

Which numbers are drawn depends on a key, the name of the tensor and the number of the pass alone: see
`draws`. The engine in the modules above is the same for many fully connected networks at once, without
autograd.
"""

from rate_models.draws import Draw
from rate_models.nn.costs import (
    WeightMoments,
    gaussian_kl,
    log_probability,
    magnitude_cost,
    reliability_cost,
    weight_moments,
)
from rate_models.nn.energy import EnergyCounter, LayerEnergy
from rate_models.nn.functional import (
    bernoulli_weight,
    binomial_weight,
    gaussian_drive,
    gaussian_weight,
    presynaptic_update,
)
from rate_models.nn.layers import (
    BernoulliConv1d,
    BernoulliConv2d,
    BernoulliLinear,
    BinomialLinear,
    GaussianConv2d,
    GaussianLinear,
)
from rate_models.nn.presynaptic_sgd import PresynapticSGD, diverged_replicas, other_parameters
from rate_models.nn.streams import same_draws, sampling, seed_streams
from rate_models.nn.synapses import (
    GaussianNoise,
    Release,
    SharedStreamWarning,
    StochasticWeight,
    Synapses,
    add_noise,
    named_synapses,
    release,
)
from rate_models.reliability_cost import EntropyCost, PowerCost

__all__ = [
    "BernoulliConv1d",
    "BernoulliConv2d",
    "BernoulliLinear",
    "BinomialLinear",
    "Draw",
    "EnergyCounter",
    "EntropyCost",
    "GaussianConv2d",
    "GaussianLinear",
    "GaussianNoise",
    "LayerEnergy",
    "PowerCost",
    "PresynapticSGD",
    "Release",
    "SharedStreamWarning",
    "StochasticWeight",
    "Synapses",
    "WeightMoments",
    "add_noise",
    "bernoulli_weight",
    "binomial_weight",
    "diverged_replicas",
    "gaussian_drive",
    "gaussian_kl",
    "gaussian_weight",
    "log_probability",
    "magnitude_cost",
    "named_synapses",
    "other_parameters",
    "presynaptic_update",
    "release",
    "reliability_cost",
    "same_draws",
    "sampling",
    "seed_streams",
    "weight_moments",
]
