"""Images of digits and clothes as tensors, ready for training by index.

The digits that come with scikit-learn need no file. MNIST and Fashion-MNIST are read from their IDX files,
gzipped or not, in a folder that the caller names; by default `$BRIANPRESYN_DATA/mnist` and
`$BRIANPRESYN_DATA/fashion_mnist`.
"""

from __future__ import annotations

import gzip
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biophys.settings import OneOf

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
# Mean and standard deviation of the training pixels on 0..1, as used by the published experiments.
_NORMALISATION = {"mnist": (0.1307, 0.3081), "fashion_mnist": (0.2861, 0.3530)}
DataSetName = Annotated[str, OneOf(("digits", *_NORMALISATION))]
"""Annotates the name of a data set in settings."""
_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049


@dataclass(frozen=True)
class ImageData:
    """Normalised images and their labels, split into training and test set.

    Parameters
    ----------
    name
        Name of the data set.
    train_images, test_images
        Shape (image, pixel), floating point, training pixels with mean 0 and standard deviation 1.
    train_labels, test_labels
        Shape (image,), integer classes 0..n_classes-1.
    n_classes
        Number of classes.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    n_classes: int = 10

    @property
    def n_pixels(self) -> int:
        """Number of pixels of an image."""
        return self.train_images.shape[1]

    def to(self, device: torch.device, dtype: torch.dtype) -> ImageData:
        """Return the same data on `device` with images in `dtype`."""
        return ImageData(
            self.name,
            self.train_images.to(device, dtype),
            self.train_labels.to(device),
            self.test_images.to(device, dtype),
            self.test_labels.to(device),
            self.n_classes,
        )


def load_images(name: str, *, folder: Path | str | None = None) -> ImageData:
    """Return one of the data sets.

    Parameters
    ----------
    name
        ``"digits"`` (1797 images of 8x8 pixels), ``"mnist"`` or ``"fashion_mnist"`` (70 000 of 28x28).
    folder
        Where the four IDX files lie; None for ``$BRIANPRESYN_DATA/<name>``.

    Raises
    ------
    ValueError
        If the name is unknown or a file is not an IDX file of the expected kind.
    FileNotFoundError
        If a file is missing.

    Examples
    --------
    >>> load_images("digits").train_images.shape
    torch.Size([1438, 64])
    """
    if name == "digits":
        return _digits()
    if name not in _NORMALISATION:
        raise ValueError(f"data set must be digits, {', '.join(_NORMALISATION)}, got {name!r}")
    place = Path(folder) if folder is not None else _default_folder(name)
    read = {part: _read_idx(place, stem) for part, stem in IDX_FILES.items()}
    mean, sd = _NORMALISATION[name]
    images, labels = {}, {}
    for part in ("train", "test"):
        pixels = torch.from_numpy(read[f"{part}_images"].astype(np.float32))
        images[part] = pixels.flatten(1).div_(255).sub_(mean).div_(sd)
        labels[part] = torch.from_numpy(read[f"{part}_labels"].astype(np.int64))
    return ImageData(name, images["train"], labels["train"], images["test"], labels["test"])


def _digits() -> ImageData:
    """Return scikit-learn's digits, every fifth image for testing; they are in the order of their writers."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    is_test = np.arange(len(digits.target)) % 5 == 4
    train, test = digits.data[~is_test], digits.data[is_test]
    mean, sd = train.mean(), train.std()
    return ImageData(
        "digits",
        torch.from_numpy((train - mean) / sd).float(),
        torch.from_numpy(digits.target[~is_test]).long(),
        torch.from_numpy((test - mean) / sd).float(),
        torch.from_numpy(digits.target[is_test]).long(),
    )


def _default_folder(name: str) -> Path:
    root = os.environ.get("BRIANPRESYN_DATA")
    if not root:
        raise FileNotFoundError(
            f"no folder was given for {name}: set the environment variable BRIANPRESYN_DATA to the folder "
            f"that holds {name}/, or pass folder=...; 'brianpresyn data fetch {name}' downloads it and says "
            "where it lies"
        )
    return Path(root) / name


def _read_idx(folder: Path, stem: str) -> NDArray[np.uint8]:
    """Return the content of an IDX file of images (3 axes) or labels (1 axis)."""
    path = next((p for p in (folder / f"{stem}.gz", folder / stem) if p.exists()), None)
    if path is None:
        raise FileNotFoundError(f"neither {folder / stem}.gz nor {folder / stem} exists")
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    n_axes = 3 if "images" in stem else 1
    magic = _IMAGES_MAGIC if n_axes == 3 else _LABELS_MAGIC
    header = struct.unpack_from(f">{n_axes + 1}I", content) if len(content) >= 4 * (n_axes + 1) else (0,)
    if header[0] != magic or len(content) != 4 * (n_axes + 1) + int(np.prod(header[1:], dtype=np.int64)):
        raise ValueError(f"{path} is not a complete IDX file with magic number {magic}")
    return np.frombuffer(content, np.uint8, offset=4 * (n_axes + 1)).reshape(header[1:])
