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

from biophys.import_names import public_names
from rate_models.draws import Draw as Draw
from rate_models.nn.costs import WeightMoments as WeightMoments
from rate_models.nn.costs import gaussian_kl as gaussian_kl
from rate_models.nn.costs import log_probability as log_probability
from rate_models.nn.costs import magnitude_cost as magnitude_cost
from rate_models.nn.costs import reliability_cost as reliability_cost
from rate_models.nn.costs import weight_moments as weight_moments
from rate_models.nn.energy import EnergyCounter as EnergyCounter
from rate_models.nn.energy import LayerEnergy as LayerEnergy
from rate_models.nn.functional import bernoulli_weight as bernoulli_weight
from rate_models.nn.functional import binomial_weight as binomial_weight
from rate_models.nn.functional import gaussian_drive as gaussian_drive
from rate_models.nn.functional import gaussian_weight as gaussian_weight
from rate_models.nn.functional import presynaptic_update as presynaptic_update
from rate_models.nn.layers import BernoulliConv1d as BernoulliConv1d
from rate_models.nn.layers import BernoulliConv2d as BernoulliConv2d
from rate_models.nn.layers import BernoulliLinear as BernoulliLinear
from rate_models.nn.layers import BinomialLinear as BinomialLinear
from rate_models.nn.layers import GaussianConv2d as GaussianConv2d
from rate_models.nn.layers import GaussianLinear as GaussianLinear
from rate_models.nn.presynaptic_sgd import PresynapticSGD as PresynapticSGD
from rate_models.nn.presynaptic_sgd import diverged_replicas as diverged_replicas
from rate_models.nn.presynaptic_sgd import other_parameters as other_parameters
from rate_models.nn.streams import same_draws as same_draws
from rate_models.nn.streams import sampling as sampling
from rate_models.nn.streams import seed_streams as seed_streams
from rate_models.nn.synapses import GaussianNoise as GaussianNoise
from rate_models.nn.synapses import Release as Release
from rate_models.nn.synapses import SharedStreamWarning as SharedStreamWarning
from rate_models.nn.synapses import StochasticWeight as StochasticWeight
from rate_models.nn.synapses import Synapses as Synapses
from rate_models.nn.synapses import add_noise as add_noise
from rate_models.nn.synapses import named_synapses as named_synapses
from rate_models.nn.synapses import release as release
from rate_models.reliability_cost import EntropyCost as EntropyCost
from rate_models.reliability_cost import PowerCost as PowerCost

__all__ = public_names(__name__)
