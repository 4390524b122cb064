"""Where and how the engine computes: device, precision, compilation, graph capture."""

import contextlib
import functools
import importlib.util
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from biophys.argument_types import Count, OneOf, check_choice, check_kind, checked_types

_DTYPES = {"float32": torch.float32, "float64": torch.float64}

# Elements of one piece of elementwise work: small enough for a cache, large enough to outweigh the calls.
_CACHED_ELEMENTS = 2**20


@checked_types
@dataclass(frozen=True)
class Execution:
    """How a group of replicas is computed; it says nothing of what is computed.

    Raises ValueError if a device or precision is unknown, or the device is not there.

    Parameters
    ----------
    device
        ``"cpu"``, ``"cuda"`` (or ``"cuda:1"``), ``"mps"``, ``"meta"`` (shapes only), or ``"auto"``: the first
        accelerator there is, else the CPU.
    dtype : ``"float32"`` or ``"float64"``
    compile : whether elementwise work is fused by `torch.compile`. None: on CUDA where Triton is installed
    capture : whether the training step is captured as a CUDA graph. None: on CUDA
    allow_tf32 : whether CUDA matrix products may round their factors to 10 bits
    data_folder : folders of image files, separated as paths are; empty for those of BRIANPRESYN_DATA

    Examples
    --------
    >>> Execution().torch_device
    device(type='cpu')
    """

    device: str = "cpu"
    dtype: Annotated[str, OneOf(_DTYPES)] = "float32"
    compile: bool | None = None
    capture: bool | None = None
    allow_tf32: bool = False
    data_folder: str = ""

    def __post_init__(self) -> None:
        kind = self.device.split(":")[0]
        check_choice(kind, ("cpu", "cuda", "mps", "meta", "auto"), "device")
        if kind == "cuda" and not torch.cuda.is_available():
            raise ValueError("device is 'cuda' but torch finds no CUDA device; use device='cpu' or 'auto'")
        if kind == "mps" and not torch.backends.mps.is_available():
            raise ValueError("device is 'mps' but torch finds no Metal device; use device='cpu' or 'auto'")
        if kind == "mps" and self.dtype == "float64":
            raise ValueError("Metal has no float64; use dtype='float32' with device='mps'")

    @property
    def torch_device(self) -> torch.device:
        """The device, with ``"auto"`` resolved."""
        if self.device != "auto":
            return torch.device(self.device)
        if torch.cuda.is_available():
            return torch.device("cuda")
        has_metal = torch.backends.mps.is_available() and self.dtype == "float32"
        return torch.device("mps" if has_metal else "cpu")

    @property
    def torch_dtype(self) -> torch.dtype:
        """The precision as torch names it."""
        return _DTYPES[self.dtype]

    @property
    def compiles(self) -> bool:
        """Whether elementwise work is compiled."""
        if self.compile is not None:
            return self.compile
        return self.torch_device.type == "cuda" and importlib.util.find_spec("triton") is not None

    @property
    def captures(self) -> bool:
        """Whether the training step becomes a CUDA graph."""
        wanted = self.capture if self.capture is not None else True
        return wanted and self.torch_device.type == "cuda"

    def blocks(self, n_rows: Count, n_columns: Count) -> list[slice]:
        """Return the columns of each piece in which elementwise work over a matrix is best done.

        Without compilation a CPU reads and writes memory once per operation, so it works on pieces that fit
        its cache. Elsewhere all columns are one piece.
        """
        if self.compiles or self.torch_device.type != "cpu":
            return [slice(0, n_columns)]
        n_pieces = max(1, round(n_rows * n_columns / _CACHED_ELEMENTS))
        # Random bits come in words of four: pieces of whole words draw the same numbers as one piece.
        width = max(4, 4 * math.ceil(n_columns / n_pieces / 4))
        return [slice(first, min(first + width, n_columns)) for first in range(0, n_columns, width)]

    def fused(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, compiled into as few kernels as possible if this execution compiles."""
        return _compiled(function) if self.compiles else function


def execution_or_default(execution: Execution | None) -> Execution:
    """Return `execution`, the default one for None; anything else, as the name of a device, is a TypeError.

    >>> execution_or_default(None).device
    'cpu'
    """
    if execution is None:
        return Execution()
    check_kind(execution, Execution, "execution", "Execution(device='cuda')")
    return execution


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` compiled for fixed shapes; every new shape of a sweep compiles once more."""
    import torch._dynamo as dynamo

    # The default of eight shapes per function is fewer than the groups of one sweep may have.
    name = "recompile_limit" if hasattr(dynamo.config, "recompile_limit") else "cache_size_limit"
    setattr(dynamo.config, name, max(getattr(dynamo.config, name), 256))
    return torch.compile(function, dynamic=False)


def write(operation: Callable[..., Tensor], *operands: Any, out: Tensor) -> None:
    """Write the result of an operation into `out`, a view of any strides.

    Eagerly the operation writes there itself; the compiler takes no strided ``out=`` but fuses the copy.
    """
    if torch.compiler.is_compiling():
        out.copy_(operation(*operands))
    else:
        operation(*operands, out=out)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread of the CPU: the matrices are small, and threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
