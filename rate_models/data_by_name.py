"""Images by name, read once by every process that needs them: workers are sent a name, not the pixels.

Also how much work it is to train on them, for an estimate of what a run costs before it starts.
"""

import functools
import os
from pathlib import Path

from rate_models.datasets import ImageData, load_images
from rate_models.devices import Execution
from rate_models.layout import Layout

# Two sets of 28x28 images, 440 MB in single precision.
_MOST_KEPT = 2


def images_for(name: str, execution: Execution) -> ImageData:
    """Return a data set on the device and in the precision of an execution, read at the first call.

    The execution's `data_folder` counts if this machine has it; otherwise the images lie where this process's
    own BRIANPRESYN_DATA says.

    >>> images_for("digits", Execution()).n_pixels
    64
    """
    folders = [str(Path(root) / name) for root in execution.data_folder.split(os.pathsep) if root]
    there = next((folder for folder in folders if Path(folder).is_dir()), None)
    data = _loaded(name, there, os.environ.get("BRIANPRESYN_DATA", ""))
    return data.to(execution.torch_device, execution.torch_dtype)


@functools.lru_cache(_MOST_KEPT)
def _loaded(name: str, folder: str | None, usual_folder: str) -> ImageData:
    """Return a data set from a folder, or from the usual one, which `load_images` knows."""
    return load_images(name, folder=folder)


# Time of a step that does not grow with the network, as synapses: 0.15 ms of calls, on the CPUs measured.
_SYNAPSES_PER_STEP = 15_000
_SIZES = {"mnist": (60_000, 784), "fashion_mnist": (60_000, 784)}


def training_work(
    data_set: str, hidden_units: tuple[int, ...], n_networks: float, n_epochs: int, batch_size: int
) -> float:
    """Return the work of training, in updates of synapses; nothing is read for the larger data sets.

    >>> small, large = (training_work(name, (50,), 1, 10, 50) for name in ("digits", "mnist"))
    >>> round(large / small)
    122
    """
    n_images, n_pixels = _SIZES.get(data_set) or tuple(load_images(data_set).train_images.shape)
    n_parameters = Layout((n_pixels, *hidden_units, 10)).n_parameters
    return n_networks * n_epochs * (n_images / batch_size) * (n_parameters + _SYNAPSES_PER_STEP)
