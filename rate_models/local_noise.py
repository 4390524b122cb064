"""Gaussian synapses whose noise is drawn where it acts: at the units, independently for every image.

The sum of independent normal weights times inputs is normal, so the drive of a unit has

    mean  sum_i mu_i x_i        variance  sum_i sigma_i^2 x_i^2

and one number per unit and image replaces one per weight and step. The expected objective is the same as with
drawn weights, its gradient much less noisy: the noise of different images averages out. With Adam the
standard deviations then grow faster, so the transients of the two differ although their optima agree.

References
----------
Kingma DP, Salimans T, Welling M (2015). Variational dropout and the local reparameterization trick.
arXiv:1506.02557
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from biophys.argument_types import checked_types
from rate_models.layout import Layout
from rate_models.networks import FeedForward, where_active
from rate_models.random_streams import standard_normal
from rate_models.stochastic_layers import GaussianSynapses


@checked_types
class LocalGaussianSynapses(GaussianSynapses):
    """Gaussian synapses that show what they learned to the network instead of drawn weights.

    Parameters are those of `GaussianSynapses`; the network must be a `LocalFeedForward`.
    """

    def __init__(self, layout: Layout, seeds: Sequence[int], **options: Any) -> None:
        super().__init__(layout, seeds, **options)
        self.effective = self.learned

    def draw(self) -> None:
        """Compute the standard deviations: means are shown as they are."""
        self.write_drawn_sigma()

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        super().keep(replicas)
        self.effective = self.learned

    def chain(self) -> None:
        """Turn the gradient with respect to the standard deviations into that with respect to phi."""
        n = self.layout.n_parameters
        for part in self.execution.blocks(self.n_replicas, n):
            self.gradient[:, n:][:, part].mul_(self.drawn_slope[:, part])
        self.tie()


@checked_types
class LocalFeedForward(FeedForward):
    """A feed-forward network that draws the drive of its units while it trains.

    `activities` and `backward` take what the synapses learned, and the standard deviations that they computed
    last; `logits` takes drawn weights, for evaluation.

    Parameters
    ----------
    synapses : its synapses, whose streams it draws from
    rectifies_output, linear_hidden : as for `FeedForward`
    """

    def __init__(
        self,
        synapses: LocalGaussianSynapses,
        *,
        rectifies_output: bool = False,
        linear_hidden: tuple[int, ...] = (),
    ) -> None:
        super().__init__(synapses.layout, rectifies_output=rectifies_output, linear_hidden=linear_hidden)
        self._synapses = synapses
        self._variance: Tensor | None = None
        self._noise: list[Tensor] = []
        self._sd: list[Tensor] = []
        self._spreads: list[Tensor] = []

    def activities(self, x: Tensor, parameters: Tensor) -> list[Tensor]:
        """Return input, hidden activities and logits, with newly drawn drives."""
        mu, _ = self._halves(parameters)
        self._spreads, bias_spreads = self._layers(self._squared(self._synapses.drawn_sigma))
        means, spreads = zip(*self._layers(mu), strict=True), zip(self._spreads, bias_spreads, strict=True)
        layers = [x]
        self._noise, self._sd = self._drawn(x), []
        for index, ((weight, bias), (spread, bias_spread)) in enumerate(zip(means, spreads, strict=True)):
            drive = torch.baddbmm(bias[:, None], layers[-1], weight.transpose(1, 2))
            squared = layers[-1].square()
            sd = torch.baddbmm(bias_spread[:, None], squared, spread.transpose(1, 2)).sqrt_()
            drive.addcmul_(sd, self._noise[index])
            self._sd.append(sd)
            layers.append(drive.relu_() if self._rectifies(index) else drive)
        return layers

    def logits(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Return the activity of the output units for drawn weights (replica, parameters)."""
        return super().activities(x, parameters)[-1]

    def backward(self, activities: list[Tensor], parameters: Tensor, slope: Tensor, gradient: Tensor) -> None:
        """Write the gradient with respect to means and standard deviations into `gradient`."""
        self._check_activities(activities)
        mu, _ = self._halves(parameters)
        by_mu, by_sigma = self._halves(gradient)
        means, _ = self._layers(mu)
        to_mu, bias_mu = self._layers(by_mu)
        to_sigma, bias_sigma = self._layers(by_sigma)
        if self.rectifies_output:
            slope = where_active(slope, activities[-1])
        for index in range(self.layout.n_layers - 1, -1, -1):
            below = activities[index]
            # Derivative by the variance of the drive, times two.
            by_variance = slope * self._noise[index] / self._sd[index]
            torch.bmm(slope.transpose(1, 2), below, out=to_mu[index])
            torch.sum(slope, dim=1, out=bias_mu[index])
            torch.bmm(by_variance.transpose(1, 2), below.square(), out=to_sigma[index])
            torch.sum(by_variance, dim=1, out=bias_sigma[index])
            if index:
                slope = torch.bmm(slope, means[index])
                slope.addcmul_(torch.bmm(by_variance, self._spreads[index]), below)
                if self._rectifies(index - 1):
                    slope = where_active(slope, below)
        by_sigma.mul_(self._synapses.drawn_sigma)

    def _halves(self, both: Tensor) -> tuple[Tensor, Tensor]:
        """Return the columns of means and those of the noise, the same tensors for the same buffer."""
        return self._views.of(both, lambda buffer: buffer.tensor_split(2, dim=1))

    def _squared(self, sigma: Tensor) -> Tensor:
        """Return the variances, in the same buffer at every step."""
        if self._variance is None or self._variance.shape != sigma.shape:
            self._variance = torch.empty_like(sigma)
        return torch.square(sigma, out=self._variance)

    def _drawn(self, x: Tensor) -> list[Tensor]:
        """Return standard normal numbers for every layer, each (replica, sample, unit)."""
        n_samples = x.shape[1]
        lengths = [n_samples * n_units for n_units in self.layout.sizes[1:]]
        noise = standard_normal(self._synapses.streams.normals(sum(lengths)), x.dtype)
        return [part.unflatten(1, (n_samples, -1)) for part in noise.split(lengths, dim=1)]
