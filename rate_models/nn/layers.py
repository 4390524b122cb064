"""Linear and convolutional layers with stochastic synapses.

They are the layers of `torch.nn` with further keyword arguments: weights and biases have the same names,
shapes and initial values. Weights are drawn once per pass for all inputs; biases are reliable unless told
otherwise.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from biophys.argument_types import checked_types
from biophys.units import shown
from rate_models.nn.functional import gaussian_drive
from rate_models.nn.streams import seed_streams
from rate_models.nn.synapses import GaussianNoise, LearnedP, Release
from rate_models.replicas import check_positions
from rate_models.stochastic_layers import BernoulliSynapses, NormalSynapses, Synapses


class _Releasing(nn.Module):
    """A layer whose weight releases; a layer of torch follows in the bases of a class."""

    weight: Tensor
    bias: Any

    def __init__(
        self,
        *sizes: Any,
        p: float | Tensor = 0.25,
        n_sites: int | Tensor = 1,
        learn_p: LearnedP = False,
        release_fixed_at: float | None = None,
        normalised_by: str = "release",
        sample: bool | str = True,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> None:
        _check_bias(self, sizes)
        super().__init__(*sizes, **options)
        ghost: dict[str, Any] = {"release_fixed_at": release_fixed_at, "normalised_by": normalised_by}
        draws: dict[str, Any] = {"sample": sample, "generator": generator}
        self.release = Release(self.weight, p, n_sites=n_sites, learn_p=learn_p, **ghost, **draws)

    @property
    def p(self) -> Tensor:
        """Release probability, of the shape of the weight. What is assigned to it is checked."""
        return self.release.p

    @p.setter
    def p(self, value: float | Tensor) -> None:
        self.release.p = value  # type: ignore[assignment]

    def forward(self, input: Tensor) -> Tensor:
        """Return the output for weights that are drawn once for all inputs."""
        self.release.advance()
        return applied(self, input, self.release(self.weight), self.bias)

    def reset_parameters(self) -> None:
        """Set weight and bias to new initial values and p to its first, and start the stream anew."""
        super().reset_parameters()  # type: ignore[misc]
        if "release" in self._modules:
            self.release.reset_parameters()


class BernoulliLinear(_Releasing, nn.Linear):
    """Linear layer whose synapses transmit weight / p with probability p, else nothing.

    Parameters
    ----------
    in_features, out_features, bias, device, dtype : as for `torch.nn.Linear`
    p : release probability, above 0 and at most 1: one number, or a tensor of the shape of the weight
    learn_p : False (p moves by `PresynapticSGD` or not at all), ``"straight_through"`` or ``"score"``
    sample : True: releases in `train()` and `eval()`. ``"mean"``: not in `eval()`. False: never
    generator : numbers from here instead of the layer's own stream
    release_fixed_at, normalised_by : the ghost control, as for `Release`

    Examples
    --------
    >>> layer = BernoulliLinear(4, 2, p=0.5)
    >>> layer(torch.ones(3, 4)).shape, layer.p.shape
    (torch.Size([3, 2]), torch.Size([2, 4]))
    >>> list(layer.state_dict())[:2]
    ['weight', 'bias']

    References
    ----------
    Schug et al. (2021), equations 1-3. doi:10.7554/eLife.69884
    """


class BinomialLinear(_Releasing, nn.Linear):
    """Linear layer whose synapses transmit k weight / (n p), with k ~ Binomial(n, p) vesicles.

    Parameters
    ----------
    in_features, out_features, bias, device, dtype : as for `torch.nn.Linear`
    n_sites : n, at least 1: one number, or an integer tensor as the weight. Time grows with the largest
    p, learn_p, sample, generator, release_fixed_at, normalised_by : as for `BernoulliLinear`

    Examples
    --------
    >>> layer = BinomialLinear(4, 2, n_sites=5, p=0.5)
    >>> layer.q.shape
    torch.Size([2, 4])
    """

    def __init__(self, *sizes: Any, n_sites: int | Tensor, **options: Any) -> None:
        super().__init__(*sizes, n_sites=n_sites, **options)

    @property
    def q(self) -> Tensor:
        """Quantal size of every synapse, weight / (n p)."""
        return self.weight / (self.release.n_sites * self.p)


class BernoulliConv1d(_Releasing, nn.Conv1d):
    """1-d convolution whose synapses transmit weight / p with probability p, else nothing.

    Arguments are those of `torch.nn.Conv1d`, further ones and synapses are as for `BernoulliConv2d`.
    """


class BernoulliConv2d(_Releasing, nn.Conv2d):
    """2-d convolution whose synapses transmit weight / p with probability p, else nothing.

    A synapse is an entry of the kernel: one decision per pass, for all positions and inputs. Arguments are
    those of `torch.nn.Conv2d`, and by keyword p, learn_p, sample, generator, release_fixed_at and
    normalised_by as for `BernoulliLinear`.

    >>> BernoulliConv2d(1, 8, 3, padding=1)(torch.ones(2, 1, 5, 5)).shape
    torch.Size([2, 8, 5, 5])
    """


class _Noisy(nn.Module):
    """A layer whose weight and bias are normal; a layer of torch follows in the bases of a class."""

    weight: Tensor
    bias: Any

    def __init__(
        self,
        *sizes: Any,
        sigma: float | Tensor = 1e-4,
        local: bool = False,
        noisy_bias: bool = True,
        homogeneous: bool = False,
        mean_range: float | None = None,
        sample: bool | str = True,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> None:
        _check_bias(self, sizes)
        self.mean_range = mean_range
        super().__init__(*sizes, **options)
        shared: dict[str, Any] = {"homogeneous": homogeneous, "sample": sample, "generator": generator}
        self.local = bool(local)
        self.noise = GaussianNoise(self.weight, sigma, **shared)
        self.bias_noise: GaussianNoise | None = None
        if noisy_bias and self.bias is not None:
            of_bias = sigma if not isinstance(sigma, Tensor) or sigma.ndim == 0 else float(sigma.mean())
            self.bias_noise = GaussianNoise(self.bias, of_bias, tensor_name="bias", **shared)

    @property
    def sigma(self) -> Tensor:
        """Standard deviation of the weights, of their shape, or () if they share one."""
        return self.noise.sigma

    def forward(self, input: Tensor) -> Tensor:
        """Return the output for drawn weights, or for a drive that is drawn for every input."""
        self.noise.advance()
        if self.bias_noise is not None:
            self.bias_noise.advance()
        if not (self.local and self.noise.is_sampling):
            bias = self.bias if self.bias_noise is None else self.bias_noise(self.bias)
            return applied(self, input, self.noise(self.weight), bias)
        spread = None if self.bias_noise is None else self.bias_noise.sd(self.bias).square()
        variance = applied(self, input.square(), self.noise.sd(self.weight).square(), spread)
        return gaussian_drive(applied(self, input, self.weight, self.bias), variance, self.noise.randomness)

    def reset_parameters(self) -> None:
        """Set means and standard deviations to new initial values, and start the streams anew."""
        super().reset_parameters()  # type: ignore[misc]
        if self.mean_range is not None:
            for mean in (self.weight, self.bias) if self.bias is not None else (self.weight,):
                nn.init.uniform_(mean, -self.mean_range, self.mean_range)
        for noise in (each for each in self.children() if isinstance(each, GaussianNoise)):
            noise.reset_parameters()


class GaussianLinear(_Noisy, nn.Linear):
    """Linear layer whose weights and biases are normal with learned means and standard deviations.

    Parameters
    ----------
    in_features, out_features, bias, device, dtype : as for `torch.nn.Linear`; weight and bias are the means
    sigma : initial standard deviation, positive: a number, or of the weight's shape (its mean for the bias)
    local
        Whether the drive of the units is drawn, for every input, instead of the weights: the local
        reparametrisation. Same expected loss, quieter gradients.
    noisy_bias : whether the bias is noisy too
    homogeneous : whether all weights share one sigma, and all biases
    mean_range : means start uniformly on ±mean_range; None for the usual initial values
    sample, generator : as for `BernoulliLinear`

    Examples
    --------
    >>> layer = GaussianLinear(4, 2, sigma=0.1)
    >>> sorted(name for name, _ in layer.named_parameters())
    ['bias', 'bias_noise.phi', 'noise.phi', 'weight']

    References
    ----------
    Malkin et al. (2023), methods. doi:10.7554/eLife.92595
    Kingma DP, Salimans T, Welling M (2015). arXiv:1506.02557
    """


class GaussianConv2d(_Noisy, nn.Conv2d):
    """2-d convolution whose weights and biases are normal with learned means and standard deviations.

    Arguments are those of `torch.nn.Conv2d`, whose weight and bias are the means, and by keyword sigma,
    local, noisy_bias, homogeneous, mean_range, sample and generator as for `GaussianLinear`. With `local` the
    drives of different positions are drawn independently, although they share weights: their variance is that
    of drawn weights, their correlation is not.

    >>> GaussianConv2d(1, 8, 3, sigma=0.1, local=True)(torch.ones(2, 1, 5, 5)).shape
    torch.Size([2, 8, 3, 3])
    """


def _check_bias(layer: nn.Module, sizes: tuple[Any, ...]) -> None:
    """Raise if p or sigma stands without its name where torch expects the bias, as any number is true."""
    if isinstance(layer, nn.Linear) and len(sizes) > 2 and not isinstance(sizes[2], bool):
        problem = f"bias must be True or False, got {shown(sizes[2])}"
        raise TypeError(f"{problem}: give p or sigma by name, such as p=0.5")


def applied(layer: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return what a linear or convolutional layer makes of `x` with these weights instead of its own."""
    return F.linear(x, weight, bias) if isinstance(layer, nn.Linear) else layer._conv_forward(x, weight, bias)


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
