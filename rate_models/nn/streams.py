"""The streams of a whole model: keys by seed and name, sampling on and off, the same draws again."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from torch import nn

from biophys.argument_types import check_type
from rate_models.draws import key_of
from rate_models.nn.synapses import STREAM, Sample, Synapses, named_synapses

Model = TypeVar("Model", bound=nn.Module)


def seed_streams(model: Model, seed: int) -> Model:
    """Key every stream of a model by a seed and the name of its tensor, and start it at its beginning.

    Afterwards a model of the same structure and seed draws the same numbers on every device, whatever else
    was drawn or built before, and no two of its tensors share any.

    Raises ValueError if nothing in the model is stochastic, or it is on the meta device, which holds no keys.

    Parameters
    ----------
    model : with stochastic synapses; it is returned
    seed : any whole number

    Examples
    --------
    >>> from brianpresyn.rate_models.nn import BernoulliLinear
    >>> model = seed_streams(nn.Sequential(BernoulliLinear(3, 3), BernoulliLinear(3, 3)), seed=1)
    >>> bool(model[0].release.key == model[1].release.key)
    False
    """
    for synapses in checked_synapses(model):
        if synapses.stochastic.key.is_meta:
            remedy = "to_empty(device=...), fill it (reset_parameters, load_state_dict), then seed_streams"
            raise ValueError(f"{synapses.name} is on the meta device, which holds no keys: {remedy}")
        synapses.stochastic.reset_stream(key_of(seed, synapses.name))
    return model


def checked_synapses(model: nn.Module) -> list[Synapses]:
    """Return the stochastic synapses of a model, of which there must be some."""
    synapses = list(named_synapses(model))
    if not synapses:
        problem = f"nothing in this {type(model).__name__} is stochastic"
        raise ValueError(f"{problem}: use layers such as BernoulliLinear, or release(module)")
    return synapses


def check_streams(model: nn.Module) -> None:
    """Raise ValueError if two tensors of a model draw the same numbers, as after copying a layer."""
    owners: dict[int, Synapses] = {}
    for synapses in named_synapses(model):
        stochastic = synapses.stochastic
        if stochastic.generator is not None or stochastic.key.is_meta:
            continue
        other = owners.setdefault(int(stochastic.key), synapses)
        if other.stochastic is not stochastic:
            problem = f"{other.name} and {synapses.name} share a stream and release alike"
            raise ValueError(f"{problem}, as copies of a layer do: call seed_streams(model, seed)")


@contextlib.contextmanager
def sampling(model: nn.Module, sample: bool | str) -> Iterator[None]:
    """Let all synapses of a model sample (True, False or ``"mean"``, as for the layers) inside the block.

    >>> import torch
    >>> from brianpresyn.rate_models.nn import BernoulliLinear
    >>> layer, x = BernoulliLinear(3, 2), torch.ones(1, 3)
    >>> with sampling(layer, False):
    ...     print(bool((layer(x) == layer(x)).all()))
    True
    """
    check_type(sample, Sample, "sample")
    before = [(each.stochastic, each.stochastic.sample) for each in named_synapses(model)]
    try:
        for stochastic, _ in before:
            stochastic.sample = sample
        yield
    finally:
        for stochastic, sample_before in before:
            stochastic.sample = sample_before


def same_draws(*modules: nn.Module) -> Callable[[], tuple[contextlib.AbstractContextManager, ...]]:
    """Return the `context_fn` with which `torch.utils.checkpoint` computes passes of modules again alike.

    >>> import torch
    >>> from torch.utils.checkpoint import checkpoint
    >>> from brianpresyn.rate_models.nn import BernoulliLinear
    >>> layer, x = BernoulliLinear(3, 2), torch.ones(1, 3)
    >>> y = checkpoint(layer, x, use_reentrant=False, context_fn=same_draws(layer))
    >>> y.sum().backward()
    """
    stochastic = [each.stochastic for module in modules for each in named_synapses(module)]

    def states() -> list[Any]:
        """Return what determines the draws to come: streams, and the states of generators."""
        generators = [each.generator and each.generator.get_state() for each in stochastic]
        streams = [[each.get_buffer(name).clone() for name in STREAM] for each in stochastic]
        return list(zip(streams, generators, strict=True))

    def set_states(given: list[Any], *, repeats_draws: bool) -> None:
        for each, (stream, generator_state) in zip(stochastic, given, strict=True):
            for name, value in zip(STREAM, stream, strict=True):
                each.get_buffer(name).copy_(value)
            if each.generator is not None:
                each.generator.set_state(generator_state)
            each.repeats_draws = repeats_draws

    @contextlib.contextmanager
    def draws_repeated(before: list[Any]) -> Iterator[None]:
        """Draw as from an earlier state inside the block."""
        after = states()
        try:
            set_states(before, repeats_draws=True)
            yield
        finally:
            set_states(after, repeats_draws=False)

    return lambda: (contextlib.nullcontext(), draws_repeated(states()))
