"""What makes the weights of a module stochastic: release of vesicles, or normal noise.

A `StochasticWeight` is a module that turns an expected weight into the weight that acts in a pass. The layers
of `layers` have one each; `release` and `add_noise` give one to any tensor of any module by
`torch.nn.utils.parametrize`.

A pass through the module that owns the tensor is one draw, shared by all inputs of the batch. Looking at the
tensor draws nothing: it shows the weights of the last pass.
"""

import abc
import functools
import itertools
import warnings
import weakref
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx import _symbolic_trace
from torch.nn.utils import parametrize

from biophys.argument_types import Count, Positive, Probability, check_kind, check_type, checked_types
from rate_models.draws import Draw, released
from rate_models.nn.functional import gaussian_weight, log_probability, transmitted_weight

Loss: TypeAlias = Literal["mean", "sum"]
"""What a loss does with the inputs of a step."""

Sample: TypeAlias = bool | Literal["mean"]

LearnedP: TypeAlias = Literal[False, "straight_through", "score"]
STREAM = ("key", "step", "evaluation_step")
"""The buffers that determine what is drawn."""

_KEYS = -(2**63), 2**63 - 1
_LARGEST = torch.finfo(torch.float64).max
_NO_PARAMETER = "no parameter is its expected weight"


class SharedStreamWarning(UserWarning):
    """Two modules draw the same numbers: right for the copy of a whole model, wrong within one."""


_USERS: weakref.WeakValueDictionary[int, "StochasticWeight"] = weakref.WeakValueDictionary()


class StochasticWeight(nn.Module, abc.ABC):
    """Turns the expected value of a tensor into the value that acts in the present pass.

    Parameters
    ----------
    weight : the tensor that it will act on: it gives shape, type and device
    sample
        True: stochastic in `train()` and in `eval()`, as synapses are. ``"mean"``: the expected weight in
        `eval()`, as with dropout. False: the expected weight always.
    generator : every pass takes a new key from here
    tensor_name : which tensor of the owner it acts on

    Attributes
    ----------
    key, step, evaluation_step
        The stream, int64 buffers of shape (): the numbers of a pass are a function of the key and of the
        number of passes in `train()`, or of those in `eval()`, so that evaluating changes no training. They
        are part of the `state_dict`: a restored run goes on as if it had not stopped. The key is drawn from
        torch's generator, as initial weights are; `seed_streams` sets those of a whole model.
    """

    key: Tensor
    step: Tensor
    evaluation_step: Tensor

    def __init__(
        self,
        weight: Tensor,
        *,
        sample: bool | str = True,
        generator: torch.Generator | None = None,
        tensor_name: str = "weight",
    ) -> None:
        super().__init__()
        check_kind(weight, Tensor, tensor_name, "nn.Linear(3, 2).weight")
        if not weight.is_floating_point():
            problem = (
                f"{tensor_name} must be of real floating point numbers to be stochastic, got {weight.dtype}"
            )
            raise TypeError(f"{problem}: convert with {tensor_name}.float()")
        check_type(sample, Sample, "sample")
        check_type(generator, torch.Generator | None, "generator")
        self.sample, self.generator = sample, generator
        self.tensor_name = tensor_name
        self.repeats_draws = False
        for name in STREAM:
            self.register_buffer(name, torch.zeros((), dtype=torch.int64, device=weight.device))
        self.reset_stream()
        # What reads the weights of layers without calling them leaves those with hooks alone: the fused path
        # of nn.TransformerEncoderLayer.
        self.register_forward_pre_hook(_is_called)

    @abc.abstractmethod
    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight that acts in the present pass."""

    @abc.abstractmethod
    def sd(self, weight: Tensor) -> Tensor:
        """Return the standard deviation of what acts around the expected weight, of the shape of `weight`."""

    @property
    def is_sampling(self) -> bool:
        """Whether weights are drawn in the present mode."""
        return self.sample is True or (self.sample == "mean" and self.training)

    @property
    def randomness(self) -> Draw:
        """Where the numbers of the present pass come from."""
        step = self.step if self.training else self.evaluation_step
        if torch.compiler.is_compiling():
            # A compiler computes what is cheap again in the backward pass, when the step in the buffer has
            # moved on. It keeps running sums: that of one number is a copy that stays.
            step = step.cumsum(0)
        # The complement of a key is another key: the two modes share no numbers.
        return Draw(self.key if self.training else ~self.key, step)

    def advance(self) -> None:
        """Begin a pass: draw anew.

        Raises RuntimeError if the pass would be wrong silently: a backward pass computes it again with other
        draws, a tracer makes constants of its draws, or `torch.func` was not given the buffers.
        """
        if not self.is_sampling:
            return
        if self.generator is not None:
            options: dict[str, Any] = {"device": self.key.device, "generator": self.generator}
            self.key.copy_(torch.randint(*_KEYS, (), **options))
        if not torch.compiler.is_compiling():
            self._check_pass()
        try:
            (self.step if self.training else self.evaluation_step).add_(1)
        except RuntimeError as error:
            if "captured Tensor" not in str(error):
                raise
            how = "functional_call(model, (parameters, buffers), x), as arguments or as clones made in it"
            problem = "a pass counts itself in the buffers: pass them to torch.func beside the parameters"
            raise RuntimeError(f"{problem}, {how}") from error

    def _check_pass(self) -> None:
        """Raise or warn where a pass would draw what it should not."""
        if torch._C._current_graph_task_id() != -1 and not self.repeats_draws:
            problem = f"a backward pass computes this module again and would draw another {self.tensor_name}"
            remedy = "use checkpoint(module, x, use_reentrant=False, context_fn=same_draws(module))"
            raise RuntimeError(f"{problem}: {remedy}")
        if _symbolic_trace._is_fx_tracing_flag:
            owner = f"the owner of this {self.tensor_name}"
            remedy = f"let is_leaf_module of the tracer return True for {owner}, or use torch.export"
            raise RuntimeError(f"torch.fx would make a constant of what is drawn: {remedy}")
        if self.training and not self._is_noted:
            _note_use(self)

    def reset_stream(self, key: int | None = None) -> None:
        """Start the stream at its beginning, with this key or one from torch's generator."""
        if key is None:
            # Not on the default device, which may hold no numbers.
            key = int(torch.randint(*_KEYS, (), dtype=torch.int64, device="cpu"))
        self.key.fill_(key)
        self.step.zero_()
        self.evaluation_step.zero_()
        self._is_noted = self._is_copy = False

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return `weight`: what is assigned to a tensor that releases is its expected value."""
        return weight

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "repeats_draws": False, "_is_noted": False, "_is_copy": True})

    def __prepare_scriptable__(self) -> None:
        """Say to torch.jit.script that nothing can be drawn there."""
        raise RuntimeError("TorchScript cannot draw the weights of a pass: use torch.export")

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *args: Any) -> None:
        names = [prefix + name for name in STREAM]
        kept = [state[name] for name in names if name in state]
        if any(isinstance(value, Tensor) and value.is_floating_point() for value in kept):
            # As fractions all keys may be one. The mapping is a copy that torch makes for this module.
            state.update(zip(names, map(self.get_buffer, STREAM), strict=True))
            problem = f"{names[0]} is no whole number, as where a state was averaged or halved in precision"
            warnings.warn(f"{problem}: the module keeps its own stream", RuntimeWarning, stacklevel=5)
        super()._load_from_state_dict(state, prefix, *args)
        self._is_noted = self._is_copy = False


class Release(StochasticWeight):
    """Binomial release: a weight acts as k w̄ / (n p), with k ~ Binomial(n, p) vesicles released in a pass.

    Parameters
    ----------
    weight : the tensor that it will act on: it gives shape, type and device
    p : release probability, above 0 and at most 1: one number, or a tensor of the shape of the weight
    n_sites : n, at least 1 (Bernoulli release): one number, or an integer tensor of the shape of the weight
    learn_p
        Which gradient moves p. False: none; p is a buffer, which `PresynapticSGD` moves, or nothing.
        ``"straight_through"`` or ``"score"``: the logit of p is a parameter for any optimiser, with the
        gradient of that name (see `functional`; the score needs `log_probability` in the loss).
    release_fixed_at
        If given, synapses release with this probability whatever p says, which then only steers learning (the
        "ghost" control of Schug et al. 2021).
    normalised_by
        Probability by which a transmitted weight is divided when `release_fixed_at` is given: ``"release"``
        (its mean stays the expected weight) or ``"ghost"`` (p, as in the published program: it does not).
    sample, generator, tensor_name : as for `StochasticWeight`

    Raises
    ------
    TypeError : if the weight is no real floating point tensor, or an argument is of another type
    ValueError : if a value lies outside its range or has another shape than the weight

    Examples
    --------
    >>> weight = torch.ones(2, 3)
    >>> bool((Release(weight, p=1.0)(weight) == weight).all())
    True
    """

    n_sites: int | Tensor
    n_max: int

    @checked_types
    def __init__(
        self,
        weight: Tensor,
        p: float | Tensor = 0.25,
        *,
        n_sites: int | Tensor = 1,
        learn_p: LearnedP = False,
        release_fixed_at: float | None = None,
        normalised_by: Literal["release", "ghost"] = "release",
        **options: Any,
    ) -> None:
        super().__init__(weight, **options)
        if release_fixed_at is not None:
            checked_positive(release_fixed_at, weight.shape, "release_fixed_at")
        self.release_fixed_at, self.normalised_by, self.learn_p = release_fixed_at, normalised_by, learn_p
        self._initial_p = checked_positive(p, weight.shape, "p")
        self._set_sites(n_sites, weight)
        values = torch.empty_like(weight, requires_grad=False)
        if learn_p:
            self.logit = nn.Parameter(values)
        else:
            self.register_buffer("probability", values)
        self.p = self._initial_p

    @property
    def p(self) -> Tensor:
        """Release probability, of the shape of the weight. What is assigned to it is checked."""
        return torch.sigmoid(self.logit) if self.learn_p else self.get_buffer("probability")

    @p.setter
    def p(self, value: float | Tensor) -> None:
        kept = self.logit if self.learn_p else self.get_buffer("probability")
        value = torch.as_tensor(checked_positive(value, kept.shape, "p"), dtype=kept.dtype)
        with torch.no_grad():
            # A logit of infinity never moves.
            kept.copy_(torch.logit(value, eps=1e-6) if self.learn_p else value)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight that acts in the present pass, or the expected one where nothing is drawn."""
        if not self.is_sampling:
            return self.expected(weight)
        acting = self._acting_p()
        divisor = acting if self.normalised_by == "release" else self.p
        count = released(self.randomness, acting.detach(), self.n_sites, n_max=self.n_max)
        moves = self.learn_p == "straight_through"
        return transmitted_weight(weight, divisor, count, self.n_sites, straight_through=moves)

    def _acting_p(self) -> Tensor:
        """Return the probability with which synapses release."""
        return self.p if self.release_fixed_at is None else torch.full_like(self.p, self.release_fixed_at)

    def expected(self, weight: Tensor) -> Tensor:
        """Return the mean of what acts: the weight itself, but for a ghost that is normalised by p."""
        if self.release_fixed_at is not None and self.normalised_by == "ghost":
            return weight * (self.release_fixed_at / self.p)
        return weight

    def count(self) -> Tensor:
        """Return how many vesicles were released in the last pass; n p where nothing is drawn."""
        p = self._acting_p().detach()
        if not self.is_sampling:
            return p * self.n_sites
        return released(self.randomness, p, self.n_sites, n_max=self.n_max)

    def log_probability(self) -> Tensor:
        """Return log P(the release of the last pass), in nats, shape (): see `functional.log_probability`."""
        return log_probability(self.p, self.count(), self.n_sites).sum()

    def sd(self, weight: Tensor) -> Tensor:
        """Return abs(w̄) sqrt((1 - p) / (n p)); of a ghost with the probability with which it releases."""
        p = self._acting_p()
        return self.expected(weight).abs() * ((1 - p) / (self.n_sites * p)).sqrt()

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        try:
            if isinstance(self.n_sites, Tensor) and not self.n_sites.is_meta:
                self._set_sites(self.n_sites, self.get_buffer("n_sites"))
            checked_positive(self.p, self.p.shape, "p")
        except ValueError as error:
            # The last argument collects what is wrong with a whole state.
            args[-1].append(str(error))

    def reset_parameters(self) -> None:
        """Set p to its initial value, and start the stream anew."""
        self.p = self._initial_p
        self.reset_stream()

    def extra_repr(self) -> str:
        shown_p = self._initial_p if isinstance(self._initial_p, float) else "..."
        return f"{self.tensor_name}, initial p={shown_p}, n_sites={self.n_max}, sample={self.sample!r}"

    def _set_sites(self, n_sites: int | Tensor, weight: Tensor) -> None:
        """Keep the numbers of sites as a number, or as a buffer beside the largest one."""
        if not isinstance(n_sites, Tensor):
            check_type(n_sites, Count | Tensor, "n_sites")
            self.n_sites = self.n_max = int(n_sites)
            return
        if n_sites.is_floating_point() or n_sites.is_complex() or n_sites.shape != weight.shape:
            problem = f"n_sites must be whole numbers of the shape {tuple(weight.shape)} of the weight"
            raise ValueError(f"{problem}, got {n_sites.dtype} of {tuple(n_sites.shape)}")
        if int(n_sites.min()) < 1:
            raise ValueError(f"n_sites must be at least 1, got {int(n_sites.min())}")
        self.n_max = int(n_sites.max())
        self.register_buffer("n_sites", n_sites.to(weight.device, torch.int32))


class GaussianNoise(StochasticWeight):
    """Normal noise: a weight acts as mu + sigma xi, with sigma = softplus(phi) and xi ~ N(0, 1).

    phi, the unconstrained standard deviation, is a parameter.

    Parameters
    ----------
    weight : the tensor that it will act on: it gives shape, type and device
    sigma : initial standard deviation, positive and finite: a number, or of the shape of the weight
    homogeneous : whether all weights share one phi, of shape (): its gradient is the sum over them
    sample, generator, tensor_name : as for `StochasticWeight`

    Raises
    ------
    TypeError : if the weight or `sigma` is no real floating point tensor
    ValueError : if `sigma` is not positive and finite, or of another shape

    References
    ----------
    Malkin et al. (2023), methods. doi:10.7554/eLife.92595
    """

    def __init__(
        self, weight: Tensor, sigma: float | Tensor = 1e-4, *, homogeneous: bool = False, **options: Any
    ) -> None:
        super().__init__(weight, **options)
        shape = torch.Size() if homogeneous else weight.shape
        sigma = checked_positive(sigma, shape, "sigma", _LARGEST)
        device = sigma.device if isinstance(sigma, Tensor) else "cpu"
        values = torch.as_tensor(sigma, device=device, dtype=torch.float64)
        # The inverse of softplus: log(expm1(sigma)), which overflows for large values as written.
        self._initial_phi = (values + torch.log(-torch.expm1(-values))).to(weight.dtype)
        self.phi = nn.Parameter(torch.empty(shape, dtype=weight.dtype, device=weight.device))
        self.reset_parameters()

    @property
    def sigma(self) -> Tensor:
        """Standard deviation, of the shape of phi."""
        return F.softplus(self.phi)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight that acts in the present pass, or the mean where nothing is drawn."""
        return gaussian_weight(weight, self.sigma, self.randomness) if self.is_sampling else weight

    def sd(self, weight: Tensor) -> Tensor:
        """Return sigma, of the shape of `weight`."""
        return self.sigma.expand_as(weight)

    def reset_parameters(self) -> None:
        """Set sigma to its initial value, and start the stream anew."""
        with torch.no_grad():
            self.phi.copy_(self._initial_phi.expand_as(self.phi))
        self.reset_stream()

    def extra_repr(self) -> str:
        return f"{self.tensor_name}, sample={self.sample!r}"


class Synapses(NamedTuple):
    """The synapses of one tensor of a model.

    `name` is that of the tensor in the model, for example ``"features.0.weight"``, `module` the module that
    owns it and `stochastic` what makes it stochastic.
    """

    name: str
    module: nn.Module
    stochastic: StochasticWeight

    @property
    def expected(self) -> Tensor:
        """The expected weight: a parameter, or what other parametrisations make of parameters.

        Raises ValueError if it is computed by a hook.
        """
        tensor_name = self.stochastic.tensor_name
        if not parametrize.is_parametrized(self.module, tensor_name):
            if tensor_name not in self.module._parameters:
                problem = f"{self.name} is computed by a hook, as pruning does: {_NO_PARAMETER}"
                raise ValueError(f"{problem}. Make it one with prune.remove, or train with torch.optim")
            return getattr(self.module, tensor_name)
        chain: Any = self.module.parametrizations[tensor_name]  # type: ignore[index]
        names = ["original"] if chain.is_tensor else [f"original{n}" for n in range(chain.ntensors)]
        weights = [getattr(chain, name) for name in names]
        for each in itertools.takewhile(lambda each: each is not self.stochastic, chain):
            weights = [each(*weights)]
        return weights[0]

    @property
    def parameter(self) -> Tensor:
        """The expected weight where it is one parameter, else ValueError."""
        weight = self.expected
        if not isinstance(weight, nn.Parameter):
            problem = f"{self.name} is a buffer, or computed by another parametrisation"
            raise ValueError(f"{problem}: {_NO_PARAMETER}. Train it with an optimiser of torch.optim")
        return weight


def named_synapses(model: nn.Module) -> Iterator[Synapses]:
    """Yield the stochastic synapses of a model, tensor by tensor, in the order of its modules.

    >>> from brianpresyn.rate_models.nn import BernoulliLinear
    >>> [synapses.name for synapses in named_synapses(nn.Sequential(BernoulliLinear(3, 2), nn.ReLU()))]
    ['0.weight']
    """
    check_kind(model, nn.Module, "model", "nn.Sequential(BernoulliLinear(784, 10))")
    for name, module in model.named_modules():
        if isinstance(module, parametrize.ParametrizationList):
            continue
        children = list(module.children())
        if isinstance(parametrizations := getattr(module, "parametrizations", None), nn.ModuleDict):
            children += [each for chain in parametrizations.values() for each in chain.children()]
        for child in children:
            if isinstance(child, StochasticWeight):
                yield Synapses(f"{name}.{child.tensor_name}".lstrip("."), module, child)


def release(module: nn.Module, name: str = "weight", p: float | Tensor = 0.25, **options: Any) -> nn.Module:
    """Let a tensor of a module release, whatever the module does with it, and return the module.

    Raises TypeError or ValueError as for `Release`; if there is no such tensor, or it is stochastic already.

    Parameters
    ----------
    module : any module; each call of it is one pass
    name
        Of the tensor, with dots if a child owns it: a child that the module never calls, as the output
        projection of attention, draws with its parent.
    p, options : as for `Release`: p, n_sites, learn_p, sample, generator, ...

    Returns
    -------
    module : its parameter is now ``module.parametrizations.weight.original``, the expected weight

    Examples
    --------
    >>> layer = release(nn.Linear(3, 2), p=0.5)
    >>> parametrize.is_parametrized(layer, "weight")
    True
    """
    return _parametrised(module, name, functools.partial(Release, p=p, **options))


def add_noise(
    module: nn.Module, name: str = "weight", sigma: float | Tensor = 1e-4, **options: Any
) -> nn.Module:
    """Add normal noise with a learned standard deviation to a tensor of a module, and return the module.

    Module and name are as for `release`, sigma and further options as for `GaussianNoise`.
    """
    return _parametrised(module, name, functools.partial(GaussianNoise, sigma=sigma, **options))


def checked_positive(value: Any, shape: torch.Size, name: str, highest: float = 1.0) -> float | Tensor:
    """Return a number or a tensor of a shape that is above 0 and at most `highest`, if it is one."""
    if not isinstance(value, Tensor):
        check_type(value, (Probability if highest == 1 else Positive) | Tensor, name)
        return float(value)
    if not value.is_floating_point():
        raise TypeError(f"{name} must be of floating point numbers, got {value.dtype}")
    if value.shape != shape and (highest == 1 or value.ndim):
        problem = f"{name} must be one number or of the shape {tuple(shape)} of the weight"
        raise ValueError(f"{problem}, got {tuple(value.shape)}")
    is_right = (value > 0) & (value <= highest)
    if not value.is_meta and not bool(is_right.all()):
        wanted = f"lie above 0 and at most at {highest:g}" if highest == 1 else "be finite and positive"
        raise ValueError(f"{name} must {wanted} everywhere, got {value.detach()[~is_right][0]}")
    return value.detach()


@checked_types
def inputs_in_loss(loss: Loss, batch_size: Count | None) -> int:
    """Return how many inputs a loss sums over: `batch_size` of a sum, 1 of a mean, else raise ValueError."""
    if (loss == "sum") != (batch_size is not None):
        raise ValueError(f"batch_size is the divisor of a sum, got loss={loss!r} and {batch_size}")
    return 1 if batch_size is None else int(batch_size)


def _parametrised(module: nn.Module, name: str, stochastic: Any) -> nn.Module:
    """Register the parametrisation, and the hooks that begin a pass with every call of the module."""
    check_kind(module, nn.Module, "module", "nn.Linear(3, 2)")
    check_kind(name, str, "name", "'weight'")
    path, _, tensor_name = name.rpartition(".")
    owner = module.get_submodule(path)
    if isinstance(owner, nn.modules.linear.NonDynamicallyQuantizableLinear) and not path:
        problem = "attention reads its output projection without calling it: nothing would be drawn anew"
        raise ValueError(f"{problem}; use release(attention, 'out_proj.weight')")
    tensor = getattr(owner, tensor_name, None)
    if not isinstance(tensor, Tensor):
        names = ", ".join(each for each, _ in module.named_parameters())
        raise ValueError(f"{type(module).__name__} has no tensor {name!r}: it has {names or 'none'}")
    if _chain_of(owner, tensor_name):
        raise ValueError(f"{name} is stochastic already")
    is_registered = tensor_name in {**owner._parameters, **owner._buffers}
    if not (is_registered or parametrize.is_parametrized(owner, tensor_name)):
        problem = f"{name} is computed by a hook in every call, as by pruning and the old weight_norm"
        remedy = f"use what it is computed from, such as '{name}_orig', or torch.nn.utils.parametrizations"
        raise ValueError(f"{problem}: {remedy}")
    parametrize.register_parametrization(owner, tensor_name, stochastic(tensor, tensor_name=tensor_name))
    # Before the hooks of others, which may read the tensor.
    module.register_forward_pre_hook(functools.partial(_begin_pass, path, tensor_name), prepend=True)
    if isinstance(module, nn.RNNBase):
        module.register_forward_hook(_forget_flat_weights, always_call=True)
    return module


def _is_called(module: nn.Module, args: Any) -> None:
    """Do nothing before a call."""


def _chain_of(owner: Any, tensor_name: str) -> list[StochasticWeight]:
    """Return the stochastic ones among the parametrisations of a tensor."""
    is_chain = parametrize.is_parametrized(owner, tensor_name)
    modules = owner.parametrizations[tensor_name] if is_chain else owner.children()
    stochastic = (each for each in modules if isinstance(each, StochasticWeight))
    return [each for each in stochastic if each.tensor_name == tensor_name]


def _begin_pass(path: str, tensor_name: str, module: nn.Module, args: Any) -> None:
    """Draw the weights of a pass, but where `parametrize.cached` keeps those of an earlier one."""
    owner = module.get_submodule(path)
    if (id(owner), tensor_name) not in parametrize._cache:
        for stochastic in _chain_of(owner, tensor_name):
            stochastic.advance()
    if isinstance(module, nn.RNNBase):
        # A recurrent network keeps a list of its tensors, past their parametrisation.
        module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]


def _forget_flat_weights(module: nn.RNNBase, args: Any, output: Any) -> None:
    """Leave no drawn weights behind, which could not be copied."""
    kept = dict(module.named_parameters())
    names = module._flat_weights_names
    module._flat_weights = [kept.get(name, kept.get(f"parametrizations.{name}.original")) for name in names]


def _note_use(user: StochasticWeight) -> None:
    """Warn if a copy trains with the stream of a module that trains too."""
    try:
        key = int(user.key)
    except RuntimeError:
        # Under a transform of torch.func, or without numbers, there is no single key.
        return
    other = _USERS.get(key, user)
    user._is_noted = True
    _USERS[key] = user
    if other is not user and (user._is_copy or other._is_copy) and int(other.key) == key:
        warnings.warn(
            f"two modules train with the same draws ({type(user).__name__} of a {user.tensor_name}): right "
            "for the copy of a whole model that shall go on alike, wrong for copies within one model or an "
            "ensemble, which call for seed_streams(model, seed)",
            SharedStreamWarning,
            stacklevel=5,
        )
