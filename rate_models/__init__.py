"""Stochastic synapses in learning rate networks (torch).

`rate_models.nn` has layers, an optimiser, costs and energies with autograd for networks of one's own. The
names here are the engine of the published experiments, which trains fully connected networks, many at once,
without autograd: for sweeps on machines without a compiler, and for results that shall be reproduced. A
compiled step of layers under `torch.func` is as fast.

Every tensor has a leading replica axis: a batch of networks with their own seeds and hyperparameters trains
as one program. Synapses hold what is learned, a network passes activity through them, a rule changes them,
and a trainer repeats the step along a plan of images:

>>> import numpy as np
>>> from brianpresyn.biophys.release_plasticity import ReleasePlasticity
>>> data, seeds = load_images("digits"), [1, 2, 3]
>>> layout = Layout((data.n_pixels, 40, data.n_classes))
>>> network, synapses = FeedForward(layout), BernoulliSynapses(layout, seeds)
>>> rule = PresynapticSgd(synapses, ReleasePlasticity(), learning_rate=[0.02, 0.05, 0.1])
>>> trainer = Trainer(network, synapses, rule, data.train_images, data.train_labels)
>>> order = DataOrder(seeds)
>>> for epoch in range(20):
...     trainer.run(order.epoch(np.arange(len(data.train_labels)), batch_size=50))
>>> answers = mean_softmax(network, synapses, data.test_images, streams=synapses.evaluation_streams())
>>> bool((accuracy(answers, data.test_labels) > 0.7).all())
True

The same configuration, seed, precision and kind of device give the same result, alone or in any group, up to
the rounding of matrix products: a library may choose another kernel for another number of replicas. In the
same group on the same device results are identical. Results on a CPU and on an accelerator agree in
distribution only, since each uses the random numbers that are fastest there.
"""

from biophys.import_names import public_names
from rate_models.datasets import ImageData as ImageData
from rate_models.datasets import load_images as load_images
from rate_models.devices import Execution as Execution
from rate_models.evaluation import accuracy as accuracy
from rate_models.evaluation import mean_softmax as mean_softmax
from rate_models.layout import Layout as Layout
from rate_models.networks import FeedForward as FeedForward
from rate_models.optimisers import Adam as Adam
from rate_models.optimisers import GradientDescent as GradientDescent
from rate_models.optimisers import Sgd as Sgd
from rate_models.presynaptic_sgd import PresynapticSgd as PresynapticSgd
from rate_models.stochastic_layers import BernoulliSynapses as BernoulliSynapses
from rate_models.stochastic_layers import DeterministicSynapses as DeterministicSynapses
from rate_models.stochastic_layers import GaussianSynapses as GaussianSynapses
from rate_models.task_sequences import DataOrder as DataOrder
from rate_models.task_sequences import Plan as Plan
from rate_models.training import Trainer as Trainer

__all__ = public_names(__name__)
