"""What the experiments with networks whose synapses pay for reliability share: how the networks are trained.

Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, methods.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor

from biophys.settings import Count, Counts, OneOf, Positive, Positives, Seeds, Share, settings
from rate_models.datasets import DataSetName
from rate_models.layout import Layout
from rate_models.noisy_networks import (
    FORMULATIONS,
    NoisyNetwork,
    Schedule,
    TrainedNetworks,
    formulation_named,
    train_noisy_networks,
)
from rate_models.random_streams import Purpose, numpy_generator


@settings
class NoisyTraining:
    """How networks are trained whose synapses pay for reliability; the defaults are the published values.

    Parameters
    ----------
    data_set : ``"mnist"`` or ``"digits"``
    formulation : which of the paper's variants: a name in `noisy_networks.FORMULATIONS`
    rho : exponents of the reliability cost: calcium pump, membrane, actin, trafficking (figure 1c)
    seeds : one network per seed and setting. Published: one
    hidden_units, n_epochs, batch_size, initial_sigma : published: (100, 100), 50, 20 and 1e-4
    learning_rate : None for the formulation's
    noise_memory : decay of the second moment of Adam for phi. Published: 0.999
    """

    data_set: DataSetName = "mnist"
    formulation: Annotated[str, OneOf(FORMULATIONS)] = "figures"
    rho: Positives = (1 / 2, 2 / 3, 4 / 3, 2.0)
    seeds: Seeds = (1, 2, 3)
    hidden_units: Counts = (100, 100)
    n_epochs: Count = 50
    batch_size: Count = 20
    initial_sigma: Positive = 1e-4
    learning_rate: Positive | None = None
    noise_memory: Share = 0.999

    def trained(self, networks: Sequence[NoisyNetwork], **options: Any) -> TrainedNetworks:
        """Train networks as these settings say, or otherwise by the options of `train_noisy_networks`."""
        usual = {"formulation": formulation_named(self.formulation), "schedule": Schedule.of(self)}
        return train_noisy_networks(networks, self.data_set, **{**usual, **options})

    def shown_synapses(self, layout: Layout, n: int) -> list[Tensor]:
        """Return the positions of n synapses of each layer, for scatter plots."""
        rng = numpy_generator(self.seeds[0], Purpose.LESIONS)
        sizes = [part.stop - part.start for part in layout.weight_slices]
        return [torch.from_numpy(rng.choice(size, size=n, replace=size < n)) for size in sizes]
