"""Images by name, read once by every process that needs them: workers are sent a name, not the pixels."""

import functools
import os
from pathlib import Path

from rate_models.datasets import ImageData, load_images
from rate_models.devices import Execution

# Two sets of 28x28 images, 440 MB in single precision.
_MOST_KEPT = 2


def images_for(name: str, execution: Execution) -> ImageData:
    """Return a data set on the device and in the precision of an execution, read at the first call.

    The execution's `data_folder` counts if this machine has it; otherwise the images lie where this process's
    own BRIANPRESYN_DATA says.

    Examples
    --------
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
