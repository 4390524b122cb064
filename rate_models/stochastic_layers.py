"""Synapses of many networks: deterministic, with Bernoulli release, or with Gaussian noise.

A class here holds the synapses of all layers of all replicas: what is learned (`learned`), its gradient
(`gradient`) and the weights that act in the current step (`effective`), each a matrix with one row per
replica whose columns `layout.Layout` names. A step is `draw`, forward and backward pass of the network,
`chain`, and the learning rule.

Bernoulli release: a synapse of expected strength w̄ transmits r w̄ / p with r ~ Bernoulli(p), so that its
mean is w̄ whatever p is. The gradient with respect to w̄ is (r / p) times that of the transmitted weight:
zero for a synapse that did not release.

Gaussian noise: w = mu + sigma xi with xi ~ N(0, 1) and sigma = softplus(phi), for weights and biases alike.

References
----------
Schug et al. (2021), equations 1-3. doi:10.7554/eLife.69884
Malkin et al. (2023), Signatures of Bayesian inference emerge from energy efficient synapses, equation 3.
"""

import abc
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor

from biophys.argument_types import NotNegative, Probability, check_public, check_type, checked_seeds
from rate_models.devices import Execution, execution_or_default, write
from rate_models.layout import Layout, RecentViews, aligned_rows
from rate_models.random_streams import (
    Noise,
    Purpose,
    Streams,
    drawn_for_each,
    numpy_generator,
    standard_normal,
    streams_on,
    write_released,
)
from rate_models.replicas import check_positions, numbers_per_replica, per_replica, rows

Biases: TypeAlias = Literal["trained", "fixed", "none"]
"""How biases are treated: learned, drawn at the start and never learned, or zero."""
Sigma: TypeAlias = Annotated[float, Ge(1e-30), Le(1e30)]
"""An initial standard deviation that single precision can hold and square."""


class Synapses(abc.ABC):
    """The synapses of a batch of networks; subclasses say how a weight is drawn from what is learned.

    Raises ValueError if there is no seed or a negative one, or `biases` is unknown.

    Parameters
    ----------
    layout : sizes of the networks
    seeds : one seed per replica
    biases : ``"trained"``, ``"fixed"`` (drawn at the start, never learned) or ``"none"`` (zero)
    execution : device and precision
    values_per_parameter : number of learned values per weight or bias
    """

    not_in_checkpoints: tuple[str, ...] = (
        *("gradient", "effective", "scale", "drawn", "sigma_noise", "drawn_sigma", "drawn_slope", "_place"),
    )

    draws_per_step = 1
    """Networks drawn per replica and step; `effective` and `gradient` have that many rows per replica."""

    # Further attributes that have as many rows for every replica.
    _row_names: tuple[str, ...] = ()

    def __init__(
        self,
        layout: Layout,
        seeds: Sequence[int],
        *,
        biases: Biases,
        execution: Execution | None,
        values_per_parameter: int = 1,
    ) -> None:
        self.layout = layout
        self.seeds = checked_seeds(seeds)
        self.biases = biases
        self.execution = execution = execution_or_default(execution)
        self._place: dict[str, Any] = {"dtype": execution.torch_dtype, "device": execution.torch_device}
        n_learned = values_per_parameter * layout.n_parameters
        self.learned = aligned_rows(len(seeds), n_learned, **self._place)
        self.gradient = aligned_rows(len(seeds), n_learned, **self._place)
        self.effective = aligned_rows(len(seeds), layout.n_parameters, **self._place)
        self.streams = self._streams(Purpose.TRAINING_NOISE)

    @property
    def n_replicas(self) -> int:
        """Number of networks."""
        return len(self.seeds)

    @property
    def strength(self) -> Tensor:
        """Expected weight of every synapse, shape (replica, weights): a view that may be written to."""
        return self.learned[:, : self.layout.n_weights]

    @property
    def bias(self) -> Tensor:
        """Expected bias of every unit, shape (replica, biases): a view that may be written to."""
        return self.learned[:, self.layout.n_weights : self.layout.n_parameters]

    @abc.abstractmethod
    def draw(self) -> None:
        """Draw the weights of one training step into `effective`."""

    def sample(self, streams: Streams) -> Tensor:
        """Return newly drawn weights and biases, shape (replica, parameters), from other streams.

        Inside `torch.func.vmap` each of what is mapped over has its own.
        """
        return drawn_for_each(lambda: self._sampled(streams))

    @abc.abstractmethod
    def _sampled(self, streams: Streams) -> Tensor:
        """Return newly drawn weights and biases."""

    @abc.abstractmethod
    def chain(self) -> None:
        """Turn the gradient by `effective` into the gradient by `learned`, in place."""

    def expected(self) -> Tensor:
        """Return the expected weights and biases, shape (replica, parameters)."""
        return self.learned[:, : self.layout.n_parameters]

    def evaluation_streams(self) -> Streams:
        """Return fresh streams for evaluation; every call starts the same numbers anew."""
        return self._streams(Purpose.EVALUATION_NOISE)

    def state(self) -> dict[str, Tensor]:
        """Return what defines the networks, by name: tensors with one row per replica."""
        return {"learned": self.learned}

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        n = self.n_replicas
        check_positions(replicas, n)
        for name in ("learned", "gradient", "effective", *self._row_names):
            # Of several draws per step every replica has that many rows.
            chosen = rows(getattr(self, name).unflatten(0, (n, -1)), replicas).flatten(0, 1)
            kept = aligned_rows(*chosen.shape, dtype=chosen.dtype, device=chosen.device).copy_(chosen)
            setattr(self, name, kept)
        self.seeds = [self.seeds[replica] for replica in replicas]
        self.streams.keep(replicas)

    def _streams(self, purpose: Purpose) -> Streams:
        return streams_on(self._place["device"], self.seeds, purpose, dtype=self._place["dtype"])

    def _initialise_uniformly(self) -> None:
        """Draw the expected weights and biases of every replica from its own stream."""
        for row, seed in zip(self.learned, self.seeds, strict=True):
            drawn = self.layout.initial_parameters(rng=numpy_generator(seed, Purpose.INITIAL_VALUES))
            if self.biases == "none":
                drawn[self.layout.n_weights :] = 0
            row[: self.layout.n_parameters] = torch.from_numpy(drawn).to(**self._place)

    def _silence_untrained_biases(self) -> None:
        if self.biases != "trained":
            self.gradient[:, self.layout.n_weights : self.layout.n_parameters] = 0


class DeterministicSynapses(Synapses):
    """Synapses that transmit their weight at every spike.

    Parameters
    ----------
    layout, seeds : sizes of the networks; one seed per replica
    biases : ``"trained"``, ``"fixed"`` or ``"none"``
    execution : device and precision
    """

    def __init__(
        self,
        layout: Layout,
        seeds: Sequence[int],
        *,
        biases: Biases = "trained",
        execution: Execution | None = None,
    ) -> None:
        super().__init__(layout, seeds, biases=biases, execution=execution)
        self._initialise_uniformly()
        self.effective = self.learned

    def draw(self) -> None:
        """Do nothing: what is learned is what acts."""

    def sample(self, streams: Streams) -> Tensor:
        """Return the weights and biases themselves."""
        return self.learned

    _sampled = sample

    def chain(self) -> None:
        """Do nothing but keep untrained biases in place."""
        self._silence_untrained_biases()

    def keep(self, replicas: Sequence[int]) -> None:
        """Forget all other replicas."""
        super().keep(replicas)
        self.effective = self.learned


class BernoulliSynapses(Synapses):
    """Synapses that transmit with probability p, one decision per step for all inputs of the batch.

    Raises ValueError if a probability lies outside its range.

    Parameters
    ----------
    layout, seeds, execution : as for `DeterministicSynapses`
    release_probability
        Initial p, above 0 and at most 1, or ``"uniform"`` for an independent draw from `uniform_range` per
        synapse; one for all replicas or one each.
    biases : as for `DeterministicSynapses`; they are reliable
    release_fixed_at : if given, they release with this probability; p only steers learning ("ghost" control)
    normalised_by
        Probability by which a transmitted weight is divided when `release_fixed_at` is given: ``"release"``
        (its mean stays the expected strength) or ``"ghost"`` (the published program's, whose mean does not).
    uniform_range : range of ``"uniform"``

    Examples
    --------
    >>> synapses = BernoulliSynapses(Layout((4, 3)), seeds=[1, 2], release_probability=[0.25, 1.0])
    >>> synapses.draw()
    >>> bool((synapses.effective[1] == synapses.learned[1]).all())
    True
    """

    _row_names = ("p", "scale")

    def __init__(
        self,
        layout: Layout,
        seeds: Sequence[int],
        *,
        release_probability: float | str | Sequence[float | str] = 0.25,
        biases: Biases = "fixed",
        release_fixed_at: Probability | None = None,
        normalised_by: Literal["release", "ghost"] = "release",
        uniform_range: tuple[Probability, Probability] = (0.25, 1.0),
        execution: Execution | None = None,
    ) -> None:
        super().__init__(layout, seeds, biases=biases, execution=execution)
        if not uniform_range[0] < uniform_range[1]:
            raise ValueError(f"uniform_range must ascend, got {uniform_range}")
        self._initialise_uniformly()
        shape = (self.n_replicas, layout.n_weights)
        self.p = aligned_rows(*shape, **self._place)
        self.p.copy_(self._initial_p(release_probability, uniform_range))
        self.scale = aligned_rows(*shape, **self._place)
        self._views = RecentViews()
        self.release_fixed_at = release_fixed_at
        self.normalised_by = normalised_by
        self._form = self.execution.fused(_form_released)

    def draw(self) -> None:
        """Decide which synapses release, and form the transmitted weights."""
        self._transmit(self.streams, self._pieces(self.scale), self._pieces(self.effective))
        self.effective[:, self.layout.n_weights :] = self.bias

    def _sampled(self, streams: Streams) -> Tensor:
        """Return newly drawn transmitted weights, and the biases."""
        drawn, scale = torch.empty_like(self.effective), torch.empty_like(self.p)
        self._transmit(streams, self._cut(scale), self._cut(drawn))
        drawn[:, self.layout.n_weights :] = self.bias
        return drawn

    def _pieces(self, matrix: Tensor) -> list[Tensor]:
        """Return one of the synapses' own matrices cut into the blocks of elementwise work."""
        return self._views.of(matrix, self._cut)

    def _cut(self, matrix: Tensor) -> list[Tensor]:
        return [matrix[:, part] for part in self.execution.blocks(self.n_replicas, self.layout.n_weights)]

    def _transmit(self, streams: Streams, scale: list[Tensor], effective: list[Tensor]) -> None:
        """Write r / p to `scale`, and the transmitted weights to `effective`, piece by piece."""
        learned, p = self._pieces(self.learned), self._pieces(self.p)
        for pieces in zip(learned, p, scale, effective, strict=True):
            noise = streams.bits(pieces[0].shape[1])
            if self.execution.compiles and isinstance(noise, Tensor):
                noise = noise.int()  # the compiler's vector code knows no 16-bit integers
            normaliser = self.release_fixed_at if self.normalised_by == "release" else None
            self._form(noise, *pieces, self.release_fixed_at, normaliser)

    def chain(self) -> None:
        """Multiply the gradient by r / p."""
        self.gradient[:, : self.layout.n_weights] *= self.scale
        self._silence_untrained_biases()

    def state(self) -> dict[str, Tensor]:
        """Return expected strengths (with biases) and release probabilities."""
        return {"learned": self.learned, "p": self.p}

    def _initial_p(
        self, given: float | str | Sequence[float | str], uniform_range: tuple[float, float]
    ) -> Tensor:
        n_weights = self.layout.n_weights
        initial = torch.empty(self.n_replicas, n_weights, **self._place)
        values = per_replica(given, self.n_replicas, "release_probability")
        for row, seed, value in zip(initial, self.seeds, values, strict=True):
            if isinstance(value, str) and value == "uniform":
                rng = numpy_generator(seed, Purpose.INITIAL_VALUES).spawn(1)[0]
                row.copy_(torch.from_numpy(rng.uniform(*uniform_range, size=n_weights)))
                continue
            check_type(value, Probability | Literal["uniform"], "release_probability")
            row.fill_(float(value))
        return initial


def _form_released(
    noise: Noise,
    strength: Tensor,
    p: Tensor,
    scale: Tensor,
    effective: Tensor,
    fixed_at: float | None,
    normaliser: float | None,
) -> None:
    """Write r / p to `scale` and the transmitted weights to `effective`."""
    write_released(noise, p if fixed_at is None else torch.full_like(p, fixed_at), out=scale)
    scale.div_(p if normaliser is None else normaliser)
    write(torch.mul, strength, scale, out=effective)


class NormalSynapses(Synapses):
    """Weights and biases as independent normal variables.

    `learned` holds the means first, then what sets the standard deviations.
    """

    @property
    def mu(self) -> Tensor:
        """Means of weights and biases, shape (replica, parameters): a view that may be written to."""
        return self.expected()

    @property
    @abc.abstractmethod
    def sigma(self) -> Tensor:
        """Standard deviations, shape (replica, parameters)."""

    def _sampled(self, streams: Streams) -> Tensor:
        noise = standard_normal(streams.normals(self.layout.n_parameters), self.learned.dtype)
        return torch.addcmul(self.mu, self.sigma, noise)


class GaussianSynapses(NormalSynapses):
    """Weights and biases with learned mean and learned standard deviation.

    `learned` holds the means first, then phi with sigma = softplus(phi). `drawn_sigma` and `drawn_slope`,
    sigma and d sigma / d phi of the present step, (replica, parameters), are computed once by `draw`.

    Parameters
    ----------
    layout, seeds, execution : as for `DeterministicSynapses`
    initial_sigma : standard deviation at the start, 1e-30 to 1e30, beyond which single precision has no sigma
    mean_range : means start uniform on ±mean_range, not negative; None for the usual ±1/sqrt(fan_in)
    homogeneous : whether all synapses of a replica share one standard deviation: one value or one per replica

    References
    ----------
    Malkin et al. (2023), methods: means uniform on ±0.1, standard deviations 1e-4.
    """

    _row_names = ("sigma_noise", "drawn_sigma", "drawn_slope", "is_homogeneous")

    def __init__(
        self,
        layout: Layout,
        seeds: Sequence[int],
        *,
        initial_sigma: float = 1e-4,
        mean_range: NotNegative | None = 0.1,
        homogeneous: bool | Sequence[bool] = False,
        execution: Execution | None = None,
    ) -> None:
        super().__init__(layout, seeds, biases="trained", execution=execution, values_per_parameter=2)
        (sigma,) = numbers_per_replica(initial_sigma, 1, "initial_sigma", Sigma)
        if mean_range is None:
            self._initialise_uniformly()
        else:
            for row, seed in zip(self.mu, self.seeds, strict=True):
                rng = numpy_generator(seed, Purpose.INITIAL_VALUES)
                row.copy_(torch.from_numpy(rng.uniform(-mean_range, mean_range, size=layout.n_parameters)))
        # The inverse of softplus, in the form that does not overflow for large sigma.
        self.phi.fill_(sigma + math.log(-math.expm1(-sigma)))
        tied = per_replica(homogeneous, self.n_replicas, "homogeneous")
        self.is_homogeneous = torch.tensor(tied, device=self._place["device"])[:, None]
        self._ties_some = any(tied)
        shape = (self.n_replicas, layout.n_parameters)
        self.sigma_noise = aligned_rows(*shape, **self._place)
        self.drawn_sigma = aligned_rows(*shape, **self._place)
        self.drawn_slope = aligned_rows(*shape, **self._place)
        self._form = self.execution.fused(_form_gaussian)
        self._chain = self.execution.fused(_chain_gaussian)

    @property
    def phi(self) -> Tensor:
        """Unconstrained standard deviations, shape (replica, parameters): a view that may be written to."""
        return self.learned[:, self.layout.n_parameters :]

    @property
    def sigma(self) -> Tensor:
        """Standard deviations, shape (replica, parameters)."""
        return F.softplus(self.phi)

    def draw(self) -> None:
        """Draw every weight and bias once for all inputs of the batch."""
        n = self.layout.n_parameters
        noise = self.streams.normals(n)
        for part in self.execution.blocks(self.n_replicas, n):
            piece = noise[:, part] if isinstance(noise, Tensor) else noise
            buffers = (self.drawn_sigma, self.drawn_slope, self.sigma_noise, self.effective)
            self._form(piece, self.mu[:, part], self.phi[:, part], *(buffer[:, part] for buffer in buffers))

    def chain(self) -> None:
        """Add the gradient with respect to phi: that of the weight times xi times the slope of softplus.

        Homogeneous replicas get its mean over synapses, so that synapses that started alike stay alike.
        """
        n = self.layout.n_parameters
        by_mu, by_phi = self.gradient[:, :n], self.gradient[:, n:]
        for part in self.execution.blocks(self.n_replicas, n):
            self._chain(by_mu[:, part], by_phi[:, part], self.drawn_slope[:, part], self.sigma_noise[:, part])
        if self._ties_some:
            by_phi.copy_(torch.where(self.is_homogeneous, by_phi.mean(1, keepdim=True), by_phi))


def _form_gaussian(
    noise: Noise, mu: Tensor, phi: Tensor, sigma: Tensor, slope: Tensor, used: Tensor, effective: Tensor
) -> None:
    """Write sigma, d sigma / d phi, xi to `used` and mu + sigma xi to `effective`."""
    write(F.softplus, phi, out=sigma)
    write(torch.sigmoid, phi, out=slope)
    used.copy_(standard_normal(noise, mu.dtype))
    write(torch.addcmul, mu, sigma, used, out=effective)


def _chain_gaussian(by_mu: Tensor, by_phi: Tensor, slope: Tensor, used: Tensor) -> None:
    write(torch.mul, by_mu, slope, out=by_phi)
    by_phi.mul_(used)


check_public(__name__, but=("NormalSynapses",))
