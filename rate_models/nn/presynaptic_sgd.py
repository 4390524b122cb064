"""The published rule as an optimiser of torch, which moves expected weights and release probabilities."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from biophys.argument_types import NotNegative, check_kind, check_type
from biophys.release_plasticity import ReleasePlasticity
from rate_models.nn.streams import check_streams
from rate_models.nn.synapses import Loss, Release, inputs_in_loss, named_synapses
from rate_models.presynaptic_sgd import descend_presynaptically

# Of synapses that released, the share with a gradient beyond g_lim is 0.45 to 0.996 at the start of training
# with a mean loss, largest for convolutions, and 0.92 to 1 with a sum: this warns of clear cases alone.
_SHARE_OF_ANOTHER_SCALE = 0.999
_N_TELLING = 1000

_NUMBERS = tuple(each.name for each in dataclasses.fields(ReleasePlasticity))
_Rule: Any = dataclasses.make_dataclass("_Rule", (*_NUMBERS, "freezes"))


class PresynapticSGD(torch.optim.Optimizer):
    r"""Gradient descent on the expected weights of releasing synapses, with plastic release probability.

    .. math::

        \bar w \leftarrow \bar w - \eta\,(c\,g + \lambda \bar w),
        \qquad c = 1 - p \text{ with consolidation, else } 1

    and p moves by the rule of `ReleasePlasticity` with the same gradient g, which is zero for a synapse that
    did not release. The p of the first line is that before the step. Other parameters, biases too, are left
    to other optimisers: `other_parameters` names them.

    Parameters
    ----------
    synapses : a module, several, or groups as ``{"params": model[0], "lr": 0.1}``: all in them that releases
    plasticity : of p. Its numbers become options of the groups, for schedulers too: ``group["p_up"]``
    lr : eta, not negative; a tensor where a compiled step shall follow a scheduler
    l2 : lambda, strength of the penalty on the expected weight, not negative. It is not scaled by c
    loss
        ``"mean"`` if the loss is a mean over the inputs of a step, ``"sum"`` if it is a sum: then the
        gradient is divided by `batch_size`, since `g_lim` and `lr` are for a mean.
    batch_size : inputs per step, for ``loss="sum"``

    Raises
    ------
    TypeError : if `synapses` are no modules, or `plasticity` is none
    ValueError
        If nothing in them releases, p is learned by gradient, two tensors share a stream, a number lies
        outside its range, or the expected weight is no parameter.

    Warns
    -----
    RuntimeWarning
        If at the first step the gradients of nearly all synapses that released are beyond `g_lim`, or none
        is: the loss has another scale than the rule. Not every sum goes so far. If a weight that has a
        gradient was never drawn, since something reads it without calling its module.

    Examples
    --------
    >>> from brianpresyn.rate_models.nn import BernoulliLinear, seed_streams
    >>> layer = seed_streams(BernoulliLinear(3, 2, p=0.5), seed=1)
    >>> optimizer = PresynapticSGD(layer, ReleasePlasticity(form="soft_bound"), lr=0.1)
    >>> layer(torch.ones(1, 3)).sum().backward()
    >>> optimizer.step()
    >>> layer.p.unique()
    tensor([0.4650, 0.5350])

    References
    ----------
    Schug et al. (2021), equations 3-5 and 7. doi:10.7554/eLife.69884
    """

    def __init__(
        self,
        synapses: nn.Module | Iterable[Any],
        plasticity: ReleasePlasticity | None = None,
        *,
        lr: float | Tensor = 0.05,
        l2: float = 0.0,
        loss: Loss = "mean",
        batch_size: int | None = None,
    ) -> None:
        plasticity = ReleasePlasticity() if plasticity is None else plasticity
        check_kind(plasticity, ReleasePlasticity, "plasticity", "ReleasePlasticity(form='soft_bound')")
        self._n_summed = inputs_in_loss(loss, batch_size)
        self._release_of: dict[Tensor, Release] = {}
        self._name_of: dict[Tensor, str] = {}
        self._knows_scale = False
        check_type(synapses, nn.Module | Iterable, "synapses")
        groups: list[Any] = [synapses] if isinstance(synapses, nn.Module) else list(synapses)
        groups = [group if isinstance(group, Mapping) else {"params": group} for group in groups]
        super().__init__(groups, {"lr": lr, "l2": l2, **dataclasses.asdict(plasticity)})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add the releasing tensors of modules, as ``{"params": module, "lr": ..., "p_up": ...}``."""
        modules = param_group["params"]
        modules = [modules] if isinstance(modules, nn.Module) else list(modules)
        options = {**self.defaults, **param_group}
        if unknown := options.keys() - {*self.defaults, "params", "name", "initial_lr"}:
            problem = f"a group has the unknown option {min(unknown)!r}"
            raise ValueError(f"{problem}: it may have {', '.join(self.defaults)} and name")
        for name in ("lr", "l2"):
            check_type(options[name], NotNegative, name)
        # It checks its numbers.
        ReleasePlasticity(**{name: options[name] for name in _NUMBERS})
        members: dict[Tensor, tuple[str, Release]] = {}
        for module in modules:
            check_kind(module, nn.Module, "synapses", "model, or [model[0], model[2]]")
            check_streams(module)
            for synapses in named_synapses(module):
                if isinstance(release := synapses.stochastic, Release):
                    _check_plastic(synapses.name, release)
                    name, other = members.setdefault(synapses.parameter, (synapses.name, release))
                    if release is not other:
                        problem = "are one parameter with two release probabilities"
                        remedy = "let them share the release too, or only one release"
                        raise ValueError(f"{name} and {synapses.name} {problem}: {remedy}")
        if not members:
            names = ", ".join(type(module).__name__ for module in modules)
            problem = f"PresynapticSGD changes release probabilities, and nothing in {names} releases"
            remedy = "use layers such as BernoulliLinear or release(module), and torch.optim for the rest"
            raise ValueError(f"{problem}: {remedy}")
        super().add_param_group({**param_group, "params": list(members)})
        self._release_of |= {weight: release for weight, (_, release) in members.items()}
        self._name_of |= {weight: name for weight, (name, _) in members.items()}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step, with the gradients that are there.

        Raises FloatingPointError if a gradient is not finite: the step is not taken. (Not while it is
        compiled.)
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if not torch.compiler.is_compiling():
            self._check_gradients()
        for group in self.param_groups:
            # What `biophys.release_plasticity` reads of a group, in a form that torch compiles.
            reaches_one = group["form"] == "additive" and group["p_max"] == 1
            freezes = group["p_freeze"] < 1 or (group["p_freeze"] == 1 and reaches_one)
            rule: Any = _Rule(*(group[name] for name in _NUMBERS), freezes)
            kept_share = 1 - group["lr"] * group["l2"] if group["l2"] else None
            for weight in group["params"]:
                if weight.grad is not None:
                    p = self._release_of[weight].get_buffer("probability")
                    is_mean = self._n_summed == 1
                    gradient = weight.grad if is_mean else weight.grad / self._n_summed
                    options = {"rate": group["lr"], "kept_share": kept_share, "keeps_gradient": is_mean}
                    descend_presynaptically(weight, p, gradient, rule, **options)
        return loss

    def _check_gradients(self) -> None:
        """Raise if one is not finite; warn at the first step if their scale is not that of the rule."""
        gradients = {weight: weight.grad for weight in self._release_of if weight.grad is not None}
        # On the meta device there are no numbers to look at.
        if not gradients or any(gradient.is_meta for gradient in gradients.values()):
            return
        if sparse := [self._name_of[weight] for weight, gradient in gradients.items() if gradient.is_sparse]:
            problem = f"the gradient of {sparse[0]} is sparse, but p moves everywhere in a step"
            raise ValueError(f"{problem}: build it with sparse=False")
        total = sum(gradient.sum() for gradient in gradients.values())
        if not math.isfinite(float(total)):
            for weight, gradient in gradients.items():
                name, p = self._name_of[weight], self._release_of[weight].p
                if bool(torch.isfinite(gradient).all()):
                    continue
                if not bool(((p > 0) & (p <= 1)).all()):
                    raise FloatingPointError(f"p of {name} is not a probability everywhere: assign another")
                problem = f"the gradient of {name} is not finite: training diverged. The step was not taken"
                raise FloatingPointError(f"{problem}; lower lr or l2, or look for inputs that are not finite")
        if not self._knows_scale:
            self._knows_scale = True
            self._check_scale(gradients)
            for weight, release in ((weight, self._release_of[weight]) for weight in gradients):
                if release.is_sampling and not int(release.step + release.evaluation_step):
                    problem = (
                        "has a gradient, but was never drawn: something reads it without calling its module"
                    )
                    remedy = "as attention does with its output projection: use release(parent, name)"
                    message = f"{self._name_of[weight]} {problem}, {remedy}"
                    warnings.warn(message, RuntimeWarning, stacklevel=3)

    def _check_scale(self, gradients: dict[Tensor, Tensor]) -> None:
        limit = {weight: group["g_lim"] for group in self.param_groups for weight in group["params"]}
        n_released = sum(int(torch.count_nonzero(gradient)) for gradient in gradients.values())
        n_beyond = sum(
            int(torch.count_nonzero(gradient.abs() / self._n_summed >= limit[weight]))
            for weight, gradient in gradients.items()
        )
        if n_released < _N_TELLING or min(limit.values()) == 0:
            return
        if not 0 < n_beyond / n_released < _SHARE_OF_ANOTHER_SCALE:
            warnings.warn(
                f"{n_beyond} of {n_released} gradients are beyond g_lim: is the loss a mean over the inputs "
                "of a step? If it is a sum, say loss='sum', batch_size=...; else choose another g_lim",
                RuntimeWarning,
                stacklevel=4,
            )

    def __getstate__(self) -> dict[str, Any]:
        names = ("_release_of", "_name_of", "_n_summed", "_knows_scale")
        return {**super().__getstate__(), **{name: getattr(self, name) for name in names}}


def other_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that `PresynapticSGD` leaves alone: biases, norms, whatever does not release.

    >>> from brianpresyn.rate_models.nn import BernoulliLinear
    >>> model = nn.Sequential(BernoulliLinear(3, 2), nn.Linear(2, 1, bias=False))
    >>> [tuple(parameter.shape) for parameter in other_parameters(model)]
    [(2,), (1, 2)]
    """
    synapses = [each for each in named_synapses(model) if getattr(each.stochastic, "learn_p", True) is False]
    plastic = {id(each.expected) for each in synapses}
    return [parameter for parameter in model.parameters() if id(parameter) not in plastic]


def diverged_replicas(state: Mapping[str, Tensor]) -> list[int]:
    """Return which replicas of a stacked state (`torch.func.stack_module_state`) hold numbers not finite.

    >>> diverged_replicas({"weight": torch.tensor([[1.0], [float("nan")]])})
    [1]
    """
    is_finite = [torch.isfinite(each).flatten(1).all(dim=1) for each in state.values()]
    return torch.nonzero(~torch.stack(is_finite).all(dim=0)).flatten().tolist()


def _check_plastic(name: str, release: Release) -> None:
    if release.learn_p:
        remedy = "give its logit to an optimiser of torch.optim, or build it with learn_p=False"
        raise ValueError(f"p of {name} is learned by gradient (learn_p={release.learn_p!r}): {remedy}")
    if torch.finfo(release.p.dtype).bits < 32:
        problem = f"p of {name} is {release.p.dtype}, too coarse for steps of p"
        raise ValueError(f"{problem}: keep parameters in float32 and use torch.autocast")
