"""Where the weights and biases of every layer lie in one flat vector per network.

All parameters of a network are one row: the weights of every layer first, then the biases. An elementwise
rule then is one pass over the row, however many layers there are, and a batch of networks is a matrix with
one row each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import MinLen
from numpy.typing import NDArray
from torch import Tensor

from biophys.argument_types import Count, checked_types

# Rows start on a 128-byte boundary, which the matrix products of every device read fastest.
_ALIGNMENT = 32


@checked_types
@dataclass(frozen=True)
class Layout:
    """Sizes of a fully connected network and the order of its parameters.

    Parameters
    ----------
    sizes : number of units of every layer, input first: at least two, each positive

    Examples
    --------
    >>> layout = Layout((784, 200, 200, 10))
    >>> layout.n_weights, layout.n_biases
    (198800, 410)
    """

    sizes: Annotated[tuple[Count, ...], MinLen(2)]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))

    @property
    def n_layers(self) -> int:
        """Number of layers of synapses."""
        return len(self.sizes) - 1

    @property
    def n_weights(self) -> int:
        """Number of synapses between units, over all layers."""
        return sum(n_in * n_out for n_in, n_out in pairwise(self.sizes))

    @property
    def n_biases(self) -> int:
        """Number of units that receive synapses."""
        return sum(self.sizes[1:])

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        return self.n_weights + self.n_biases

    @property
    def weight_slices(self) -> tuple[slice, ...]:
        """Columns of each layer's weights."""
        return _consecutive(0, [n_in * n_out for n_in, n_out in pairwise(self.sizes)])

    @property
    def bias_slices(self) -> tuple[slice, ...]:
        """Columns of each layer's biases."""
        return _consecutive(self.n_weights, list(self.sizes[1:]))

    def weights(self, flat: Tensor) -> list[Tensor]:
        """Return views of each layer's weights, (replica, out, in); `flat` is (replica, at least weights)."""
        shapes = [(n_out, n_in) for n_in, n_out in pairwise(self.sizes)]
        parts = zip(self.weight_slices, shapes, strict=True)
        return [flat[:, part].unflatten(1, shape) for part, shape in parts]

    def biases(self, flat: Tensor) -> list[Tensor]:
        """Return views of each layer's biases, (replica, out); `flat` is (replica, at least parameters)."""
        return [flat[:, part] for part in self.bias_slices]

    def layer_of_weight(self) -> NDArray[np.intp]:
        """Return the layer (0, 1, ...) that each weight belongs to, shape (weights,)."""
        return np.repeat(np.arange(self.n_layers), [n_in * n_out for n_in, n_out in pairwise(self.sizes)])

    def fan_in(self) -> NDArray[np.intp]:
        """Return the number of inputs of the unit that each weight leads to, shape (weights,)."""
        return np.array(self.sizes[:-1])[self.layer_of_weight()]

    def initial_parameters(self, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return one row drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), weights and biases alike.

        This is the usual initialisation of a linear layer (He uniform with a = sqrt(5)), which the published
        experiments use for weights and biases.
        """
        fan_in = np.array(self.sizes[:-1], dtype=float)
        n_per_layer = [n_in * n_out for n_in, n_out in pairwise(self.sizes)]
        bound = np.concatenate([np.repeat(fan_in, n_per_layer), np.repeat(fan_in, self.sizes[1:])]) ** -0.5
        return rng.uniform(-1, 1, size=self.n_parameters) * bound


def _consecutive(start: int, lengths: list[int]) -> tuple[slice, ...]:
    """Return adjoining slices of these lengths."""
    ends = np.cumsum([start, *lengths]).tolist()
    return tuple(slice(a, b) for a, b in pairwise(ends))


def aligned_rows(n_rows: int, n_columns: int, *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return zeros of shape (n_rows, n_columns) whose rows start at aligned addresses."""
    stride = -(-n_columns // _ALIGNMENT) * _ALIGNMENT
    return torch.zeros(n_rows, stride, dtype=dtype, device=device)[:, :n_columns]


class RecentViews:
    """Views of the buffers that every step uses, made once; of the last few tensors only.

    A view keeps its tensor alive, so that remembering those of newly drawn weights would fill the memory.
    """

    _N_KEPT = 8

    def __init__(self) -> None:
        self._found: dict[int, tuple[Tensor, Any]] = {}

    def of(self, tensor: Tensor, made: Callable[[Tensor], Any]) -> Any:
        """Return the views of this very tensor, by `made` if they are not remembered.

        A view remembers whether it was made under autograd, so that none is kept for it or taken from it.
        """
        if torch.is_grad_enabled():
            return made(tensor)
        key = id(tensor)
        if key not in self._found:
            if len(self._found) == self._N_KEPT:
                del self._found[next(iter(self._found))]
            self._found[key] = tensor, made(tensor)
        return self._found[key][1]
