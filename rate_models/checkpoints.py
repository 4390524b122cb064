"""Checkpoints: the state of a half-trained run in one file, from which it goes on bit for bit.

A checkpoint holds what changes while a run goes on: learned values, the memory of the learning rule, the
random streams. It is read into objects built as those that were saved, so a program is started again as it
was, and calls `load_checkpoint` before it goes on. A file is written whole or not at all, and holds tensors,
numbers and text alone: nothing in it is executed when it is read.

What is kept of an object is what its attributes hold, own rules included: tensors, arrays, numbers, text,
truth values, None, random generators, and lists, dictionaries and objects of these. Functions are left out,
and what a class names in `not_in_checkpoints`: buffers that every step writes anew. Modules and optimisers of
torch keep their `state_dict`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biophys.argument_types import checked_types
from biophys.units import shown
from biophys.whole_files import arriving
from rate_models.layout import Layout, RecentViews

FORMAT = "brianpresyn checkpoint 1"
_PLAIN = (bool, int, float, str, type(None))
_NUMPY_GENERATORS = (np.random.Generator, np.random.BitGenerator)
# What never changes, or is made anew when it is needed.
_LEFT_OUT = (RecentViews, Layout, torch.device, torch.dtype, slice, type)


@checked_types
def save_checkpoint(path: Path | str, **parts: Any) -> None:
    """Write the state of the parts of a run.

    Raises TypeError if a part has no state that can be written.

    Parameters
    ----------
    path : the file; one that is there is replaced
    parts : by name: a `Trainer`, a `DataOrder`, a dataclass of results, arrays, numbers such as the epoch

    Examples
    --------
    >>> import tempfile
    >>> from brianpresyn.rate_models import DataOrder
    >>> folder = tempfile.TemporaryDirectory()
    >>> order = DataOrder([1, 2])
    >>> save_checkpoint(Path(folder.name) / "half.pt", order=order, epoch=3)
    >>> expected = order.epoch(np.arange(10), batch_size=5).images
    >>> again = DataOrder([1, 2])
    >>> load_checkpoint(Path(folder.name) / "half.pt", order=again, epoch=0)
    {'epoch': 3}
    >>> bool((again.epoch(np.arange(10), batch_size=5).images == expected).all())
    True
    """
    state = {"format": FORMAT, **{name: _state_of(part, name, set()) for name, part in parts.items()}}
    with arriving(Path(path)) as file:
        torch.save(state, file)


@checked_types
def load_checkpoint(path: Path | str, **parts: Any) -> dict[str, Any]:
    """Read the state of the parts of a run into them, and return those that are plain numbers or text.

    Parameters
    ----------
    path : a file that `save_checkpoint` wrote
    parts : as when it was saved: objects built in the same way, which are changed in place

    Returns
    -------
    plain : the parts that are numbers or text, by name, as they were saved

    Raises
    ------
    FileNotFoundError : if there is no file
    ValueError : if the file is no checkpoint or damaged, or is of other parts, for example of another network
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        is_checkpoint = isinstance(state, dict) and state.pop("format", None) == FORMAT
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever a damaged file makes of the reader
        raise ValueError(f"{path} is damaged or no checkpoint: {error or type(error).__name__}") from error
    if not is_checkpoint:
        raise ValueError(f"{path} is no checkpoint of the form {FORMAT!r}")
    if set(state) != set(parts):
        raise ValueError(f"{path} holds the parts {', '.join(sorted(state))}, got {', '.join(sorted(parts))}")
    # All is compared before anything is changed.
    for name, part in parts.items():
        _check_fits(part, state[name], name)
    with torch.inference_mode():
        restored = {name: _restored(part, state[name]) for name, part in parts.items()}
    return {name: value for name, value in restored.items() if isinstance(value, _PLAIN)}


def _state_of(value: Any, name: str, seen: set[int]) -> Any:
    """Return what a checkpoint holds of a value; of an object that is met twice, only once."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True).contiguous()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value))
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, _NUMPY_GENERATORS):
        return json.dumps(_bits(value).state, default=lambda each: each.tolist())
    if isinstance(value, (list, tuple, set)):
        each = sorted(value) if isinstance(value, set) else value
        return [_state_of(item, f"{name}[{index}]", seen) for index, item in enumerate(each)]
    if isinstance(value, dict):
        return {str(key): _state_of(item, f"{name}[{key!r}]", seen) for key, item in value.items()}
    if id(value) in seen:
        return None
    seen.add(id(value))
    if hasattr(value, "load_state_dict"):
        return value.state_dict()
    return {key: _state_of(item, f"{name}.{key}", seen) for key, item in _attributes(value, name).items()}


def _attributes(value: Any, name: str) -> dict[str, Any]:
    """Return the attributes of an object that are its state."""
    if not hasattr(value, "__dict__"):
        raise TypeError(f"{name} has no state that a checkpoint can hold, got {shown(value)}")
    left_out = getattr(value, "not_in_checkpoints", ())
    return {
        key: item
        for key, item in vars(value).items()
        if key not in left_out
        and not isinstance(item, _LEFT_OUT)
        and (hasattr(item, "load_state_dict") or not callable(item))
    }


def _bits(generator: Any) -> Any:
    return getattr(generator, "bit_generator", generator)


def _check_fits(value: Any, state: Any, name: str) -> None:
    """Raise unless what was saved can be read into a value of this form."""
    is_made_anew = isinstance(value, (*_PLAIN, *_NUMPY_GENERATORS, torch.Generator, set))
    if state is None or is_made_anew or torch.nn.parameter.is_lazy(value):
        return
    if isinstance(value, (Tensor, np.ndarray)):
        if not isinstance(state, Tensor) or tuple(state.shape) != tuple(value.shape):
            saved = tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__
            raise ValueError(f"{name} was saved with the shape {saved}, got one of {tuple(value.shape)}")
        return
    if isinstance(value, torch.nn.Module):
        value = value.state_dict()
    elif isinstance(value, torch.optim.Optimizer):
        value = [tuple(group["params"]) for group in value.state_dict()["param_groups"]]
        state = [group["params"] for group in state.get("param_groups", ())]
    elif hasattr(value, "load_state_dict"):
        return
    parts: dict[Any, Any]
    if isinstance(value, (list, tuple)):
        parts = dict(enumerate(value))
        saved_parts = dict(enumerate(state)) if isinstance(state, list) else {}
    elif isinstance(value, dict):
        parts, saved_parts = {str(key): each for key, each in value.items()}, state
    else:
        parts, saved_parts = _attributes(value, name), state
    can_grow = isinstance(value, (list, dict)) and all(isinstance(each, _PLAIN) for each in parts.values())
    if set(parts) != set(saved_parts) and not can_grow:
        raise ValueError(f"{name} was saved with other parts: build it as it was when it was saved")
    for key in set(parts) & set(saved_parts):
        _check_fits(parts[key], saved_parts[key], f"{name}.{key}")


def _restored(value: Any, state: Any) -> Any:
    """Return a value with the state that was saved, the same object wherever it can be changed."""
    if isinstance(value, _PLAIN):
        return state
    if state is None:
        return value
    if isinstance(value, Tensor):
        return value.copy_(state)
    if isinstance(value, np.ndarray):
        value[...] = state.numpy()
    elif isinstance(value, torch.Generator):
        value.set_state(state)
    elif isinstance(value, _NUMPY_GENERATORS):
        _bits(value).state = _with_arrays(json.loads(state), _bits(value).state)
    elif isinstance(value, set):
        value.clear()
        value.update(state)
    elif isinstance(value, tuple):
        return tuple(_restored(item, saved) for item, saved in zip(value, state, strict=True))
    elif isinstance(value, list):
        is_plain = all(isinstance(item, _PLAIN) for item in value)
        value[:] = state if is_plain else [_restored(item, s) for item, s in zip(value, state, strict=True)]
    elif isinstance(value, dict):
        is_plain = all(isinstance(item, _PLAIN) for item in value.values())
        value.update(state if is_plain else {k: _restored(item, state[str(k)]) for k, item in value.items()})
    elif hasattr(value, "load_state_dict"):
        # What a lazy module makes of it shall be trained.
        torch.inference_mode(False)(value.load_state_dict)(state)
    else:
        for key, item in _attributes(value, "").items():
            new = _restored(item, state[key])
            if new is not item:
                object.__setattr__(value, key, new)
    return value


def _with_arrays(state: Any, like: Any) -> Any:
    """Return the state of a generator with arrays where `like` has them."""
    if isinstance(like, dict):
        return {key: _with_arrays(state[key], item) for key, item in like.items()}
    return np.array(state, dtype=like.dtype) if isinstance(like, np.ndarray) else state
