"""What a model spends on its synapses in ATP and joules, counted while it runs.

Every activity at the input of a linear or convolutional layer is taken as presynaptic spikes, so that any
model has a bill: one of releasing layers by the vesicles that they released, one of reliable layers as if
every spike released one vesicle, a spiking one by its spikes. What a spike, a vesicle and a response cost is
in `biophys.constants`.
"""

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Literal

import quantities as pq
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from biophys.absolute_costs import ReferenceSynapse, spike_costs
from biophys.argument_types import Positive, checked_types
from biophys.constants import (
    ATP_FREE_ENERGY,
    CALCIUM_PER_VESICLE,
    CYCLING_PER_VESICLE,
    ION_FLUX_PER_VESICLE,
    SPIKE_PER_BOUTON,
    TRANSMITTER_PER_VESICLE,
    joules_of,
)
from biophys.units import ATP, magnitude_in, positive_in
from rate_models.nn.layers import applied
from rate_models.nn.synapses import GaussianNoise, Release, StochasticWeight, named_synapses

_CONSTANTS = {
    "action potentials": SPIKE_PER_BOUTON,
    "calcium pump": CALCIUM_PER_VESICLE,
    "vesicle cycling": CYCLING_PER_VESICLE,
    "transmitter": TRANSMITTER_PER_VESICLE,
    "postsynaptic ion flux": ION_FLUX_PER_VESICLE,
}
MECHANISMS = tuple(_CONSTANTS)

_LIBRARIES = ("snntorch", "norse", "spikingjelly")


@dataclass
class LayerEnergy:
    """What was counted in one layer.

    Parameters
    ----------
    n_synapses : entries of the weight
    n_events : presynaptic spikes times the synapses that each arrived at
    n_vesicles : vesicles released
    atp : by mechanism, in molecules of ATP
    """

    n_synapses: int
    n_events: float = 0.0
    n_vesicles: float = 0.0
    atp: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MECHANISMS, 0.0))

    @property
    def total(self) -> float:
        """All mechanisms together, in molecules of ATP."""
        return sum(self.atp.values())


class EnergyCounter:
    """Counts what the synapses of a model spend while it runs: a context manager for any module.

    =====================  ================================================================
    mechanism              paid
    =====================  ================================================================
    action potentials      for every presynaptic spike at every synapse (the axon's share)
    calcium pump           for every vesicle, or for every spike by the law of p
    vesicle cycling        for every vesicle
    transmitter            for every vesicle, with its size
    postsynaptic ion flux  for every vesicle, with its size
    =====================  ================================================================

    A releasing synapse releases the vesicles that were drawn in the pass; any other one, Gaussian or
    deterministic, releases one vesicle per spike, of the size of its weight.

    Parameters
    ----------
    model
        Any module. Counted are linear layers, convolutions and transposed convolutions, releasing or not.
        What else has weights of two or more dimensions is listed in `uncounted`.
    unit_weight : quantal size that a weight of 1 stands for, with the dimension of `reference.q`
    spikes_per_unit
        Spikes that an activity of 1 stands for: 1 where spikes are counted; for rates the rate times the
        duration of an input. Negative activity counts by its magnitude.
    calcium
        ``"per_vesicle"``: the published entry for every vesicle released. ``"hill"``: for every spike by
        :math:`(p / (1 - p))^{1/h}` through the published entry at the reference p, for releasing synapses
        with p below 1; they then pay for reliability.
    reference : the synapse that the constants describe
    estimate : ``"value"``, or ``"low"`` or ``"high"`` for the ends of the constants' ranges
    is_spiking
        Whether a module emits spikes, which are then counted in `n_spikes`: a function of a module. By
        default the neurons of snnTorch, Norse and SpikingJelly are known. Spikes are what a module returns,
        or returns first.

    Attributes
    ----------
    layers : a `LayerEnergy` for every counted layer, by its name
    n_spikes : spikes of every spiking module, by its name
    n_inputs : rows of what the model was called with, over all calls
    uncounted : names of modules with weights that are not counted; printing names them too

    Raises
    ------
    TypeError : if `model` is no module, or a quantity carries no unit
    ValueError : if a number lies outside its range, or nothing in the model can be counted

    Warns
    -----
    RuntimeWarning : if no pass was counted, since there was none or a compiled program hid it

    Examples
    --------
    >>> from brianpresyn.rate_models.nn import BernoulliLinear
    >>> model = nn.Sequential(BernoulliLinear(10, 5, p=0.5), nn.ReLU(), nn.Linear(5, 2))
    >>> with EnergyCounter(model) as energy:
    ...     outputs = model(torch.ones(3, 10))
    >>> energy.layers["0"].n_events, energy.n_inputs
    (150.0, 3)
    >>> str(energy.atp.dimensionality), str(energy.joules.dimensionality)
    ('ATP', 'J')

    References
    ----------
    Attwell D, Laughlin SB (2001). J Cereb Blood Flow Metab 21:1133-1145. doi:10.1097/00004647-200110000-00001
    """

    @checked_types
    def __init__(
        self,
        model: nn.Module,
        *,
        unit_weight: pq.Quantity = 0.2 * pq.mV,
        spikes_per_unit: Positive = 1.0,
        calcium: Literal["per_vesicle", "hill"] = "per_vesicle",
        reference: ReferenceSynapse | None = None,
        estimate: Literal["low", "value", "high"] = "value",
        is_spiking: Callable[[nn.Module], bool] | None = None,
    ) -> None:
        reference = reference or ReferenceSynapse()
        self.model, self._calcium = model, calcium
        self.spikes_per_unit = float(spikes_per_unit)
        unit = reference.q.units
        self._relative_size = float(
            positive_in(unit_weight, unit, "unit_weight") / magnitude_in(reference.q, unit, "q")
        )
        self._price = {
            mechanism: float(magnitude_in(getattr(constant, estimate), ATP, mechanism))
            for mechanism, constant in _CONSTANTS.items()
        }
        calcium_law = spike_costs(reference, estimate).laws[0]
        self._calcium_of_site = float(magnitude_in(calcium_law.scale, ATP, "calcium"))
        self._odds_exponent = calcium_law.odds_exponent
        self._handles: list[Any] = []
        self._find_modules(is_spiking or _is_neuron)
        self.reset()

    @property
    def atp(self) -> pq.Quantity:
        """Energy of all layers, in ATP."""
        return sum(layer.total for layer in self.layers.values()) * ATP

    @property
    def joules(self) -> pq.Quantity:
        """The same by the free energy of ATP."""
        return float(self.atp) * joules_of(1 * ATP, ATP_FREE_ENERGY.value)

    @property
    def atp_per_input(self) -> pq.Quantity:
        """Energy for one row of what the model was called with, in ATP."""
        return self.atp / max(self.n_inputs, 1)

    def by_mechanism(self) -> dict[str, float]:
        """Return the energy of all layers by mechanism, in molecules of ATP."""
        return {name: sum(layer.atp[name] for layer in self.layers.values()) for name in MECHANISMS}

    def reset(self) -> None:
        """Forget what was counted."""
        self.layers = {name: LayerEnergy(module.weight.numel()) for name, module in self._counted.items()}
        self.n_spikes: dict[str, float] = dict.fromkeys(self._spiking, 0.0)
        self.n_inputs = self._n_calls = 0

    def __enter__(self) -> "EnergyCounter":
        if self._handles:
            raise RuntimeError("this EnergyCounter counts already: nest another one")
        hooks = [(module, partial(self._count, name)) for name, module in self._counted.items()]
        hooks += [(module, partial(self._count_spikes, name)) for name, module in self._spiking.items()]
        self._handles = [module.register_forward_hook(hook, with_kwargs=True) for module, hook in hooks]
        self._handles.append(self.model.register_forward_pre_hook(self._count_inputs, with_kwargs=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._handles:
            self._handles.pop().remove()
        if kind is None and not self._n_calls:
            warnings.warn(
                "no pass was counted: run the model inside the block; of one that torch.compile has compiled "
                "count the passes of the module that it was made of",
                RuntimeWarning,
                stacklevel=2,
            )

    def __str__(self) -> str:
        """A table: layers, events, vesicles, ATP and its share; and what is not counted."""
        rows = [f"{'layer':24} {'events':>10} {'vesicles':>10} {'ATP':>10}  share"]
        total = float(self.atp) or 1.0
        for name, layer in self.layers.items():
            rows.append(
                f"{name or '(model)':24} {layer.n_events:10.3g} {layer.n_vesicles:10.3g} {layer.total:10.3g} "
                f"{layer.total / total:6.1%}"
            )
        rows.append(f"{'all':24} {'':10} {'':10} {float(self.atp):10.3g}  = {float(self.joules):.3g} J")
        if self.uncounted:
            rows.append(f"not counted: {', '.join(name or '(model)' for name in self.uncounted)}")
        return "\n".join(rows)

    def _find_modules(self, is_spiking: Callable[[nn.Module], bool]) -> None:
        """Sort the modules of the model by how they are counted."""
        modules = dict(self.model.named_modules())
        self._spiking = {name: module for name, module in modules.items() if is_spiking(module)}
        self._counted = {
            name: module
            for name, module in modules.items()
            if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd))
            # Attention reads the weights of its output projection without calling it.
            and not isinstance(module, nn.modules.linear.NonDynamicallyQuantizableLinear)
        }
        stochastic = [each for each in named_synapses(self.model) if each.stochastic.tensor_name == "weight"]
        self._stochastic = {id(each.module): each.stochastic for each in stochastic}
        self.uncounted = [
            name
            for name, module in modules.items()
            if not (name in self._counted or "parametrizations" in name.split("."))
            and any(parameter.ndim > 1 for parameter in _weights(module))
        ]
        if not (self._counted or self._spiking):
            lacks = "it has no linear layer, convolution or spiking module (see is_spiking)"
            raise ValueError(f"nothing in this {type(self.model).__name__} can be counted: {lacks}")

    def _count_spikes(self, name: str, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        spikes = output[0] if isinstance(output, (tuple, list)) else output
        self.n_spikes[name] += _number(spikes.detach())
        self._n_calls += 1

    def _count_inputs(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor) and each.ndim]
        self.n_inputs += len(inputs[0]) if inputs else 1

    @torch.no_grad()
    def _count(self, name: str, module: Any, args: tuple[Any, ...], kwargs: Any, output: Any) -> None:
        """Add what one pass of a layer spends on presynaptic spikes."""
        layer, stochastic = self.layers[name], self._stochastic.get(id(module))
        x = next(each for each in (*args, *kwargs.values()) if isinstance(each, Tensor))
        # Half precision holds no large numbers.
        spikes = x.detach().to(torch.promote_types(x.dtype, torch.float32)).abs() * self.spikes_per_unit
        weight, n_released = _acting(module, stochastic)
        n_events = _summed_drive(module, spikes, torch.ones_like(weight))
        n_vesicles = n_events if n_released is None else _summed_drive(module, spikes, n_released)
        size = _summed_drive(module, spikes, weight.abs()) * self._relative_size
        if self._calcium == "hill" and isinstance(stochastic, Release):
            p = stochastic.p.detach()
            if bool((p == 1).any()):
                raise ValueError("the calcium law diverges at p = 1: use calcium='per_vesicle', or p below 1")
            odds_power = stochastic.n_sites * (p / (1 - p)) ** self._odds_exponent
            calcium = self._calcium_of_site * _summed_drive(module, spikes, odds_power)
        else:
            calcium = self._price["calcium pump"] * n_vesicles
        self._n_calls += 1
        layer.n_events += n_events
        layer.n_vesicles += n_vesicles
        layer.atp["calcium pump"] += calcium
        amounts = {"action potentials": n_events, "vesicle cycling": n_vesicles}
        for mechanism, amount in {**amounts, "transmitter": size, "postsynaptic ion flux": size}.items():
            layer.atp[mechanism] += self._price[mechanism] * amount


def _weights(module: nn.Module) -> list[Tensor]:
    """Return the parameters of a module itself, those behind its parametrised tensors among them."""
    if isinstance(module, StochasticWeight):
        return []
    behind = getattr(module, "parametrizations", nn.Module())
    return [*module.parameters(recurse=False), *behind.parameters()]


def _acting(module: Any, stochastic: StochasticWeight | None) -> tuple[Tensor, Tensor | None]:
    """Return the weights of the last pass, and the vesicles that each releasing synapse spent on a spike."""
    weight = module.weight.detach()
    if stochastic is None:
        return weight, None
    if not (getattr(module, "local", False) or torch.nn.utils.parametrize.is_parametrized(module, "weight")):
        weight = stochastic(weight).detach()
    return weight, None if isinstance(stochastic, GaussianNoise) else stochastic.count()  # type: ignore[operator]


def _summed_drive(module: Any, spikes: Tensor, kernel: Tensor) -> float:
    """Return the summed output of a layer for these inputs and weights, without bias."""
    kernel, kind = kernel.to(spikes.dtype), spikes.device.type
    # Autocast would count in half precision.
    has_autocast = torch.amp.is_autocast_available(kind)
    with torch.autocast(kind, enabled=False) if has_autocast else contextlib.nullcontext():
        if isinstance(module, nn.modules.conv._ConvTransposeNd):
            transposed = getattr(F, f"conv_transpose{len(module.kernel_size)}d")
            sizes = (module.stride, module.padding, module.output_padding, module.groups, module.dilation)
            return _number(transposed(spikes, kernel, None, *sizes))
        return _number(applied(module, spikes, kernel, None))


def _number(amounts: Tensor) -> float:
    try:
        return float(amounts.sum(dtype=torch.float64))
    except RuntimeError as error:
        problem = "EnergyCounter adds up numbers, but vmap and the meta device have none"
        remedy = "count one replica after the other, each by functional_call or with its state loaded"
        raise RuntimeError(f"{problem}: {remedy}") from error


def _is_neuron(module: nn.Module) -> bool:
    """Return whether a module is a neuron, without weights, of one of the libraries for spiking networks."""
    is_known = type(module).__module__.split(".")[0] in _LIBRARIES
    return is_known and not any(parameter.ndim > 1 for parameter in module.parameters())
