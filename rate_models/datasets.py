"""Images of digits and clothes as tensors, ready for training by index.

The digits that come with scikit-learn need no file. MNIST and Fashion-MNIST are read from their IDX files,
gzipped or not, in a folder that the caller names; by default `$BRIANPRESYN_DATA/mnist` and
`$BRIANPRESYN_DATA/fashion_mnist`.
"""

import functools
import gzip
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.utils.data
from numpy.typing import NDArray
from torch import Tensor

from biophys.argument_types import Count, OneOf, check_choice, check_kind, check_public
from biophys.data_folders import data_folders
from biophys.plugins import check_new, load_plugins
from biophys.units import shown
from rate_models.devices import Execution
from rate_models.layout import Layout
from rate_models.networks import checked_classes

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
# Mean and standard deviation of the training pixels on 0..1, as used by the published experiments.
_NORMALISATION = {"mnist": (0.1307, 0.3081), "fashion_mnist": (0.2861, 0.3530)}
_OWN: dict[str, Callable[[], "ImageData"]] = {}


def data_set_names() -> list[str]:
    """Return the names of all data sets, those of plugins that are loaded included."""
    return ["digits", *_NORMALISATION, *_OWN]


DataSetName = Annotated[str, OneOf(data_set_names)]
"""Annotates the name of a data set in settings."""
_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049
# Bytes of one file; MNIST's largest has 47 million.
_LARGEST_FILE = 10**9


@dataclass(frozen=True)
class ImageData:
    """Normalised images and their labels, split into training and test set.

    Raises ValueError if images and labels are not as many, training and test images differ in size, or a
    label is no class.

    Parameters
    ----------
    name : name of the data set
    train_images, test_images : (image, pixel), floating point, training pixels with mean 0 and sd 1
    train_labels, test_labels : shape (image,), integer classes 0..n_classes-1
    n_classes : number of classes
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    n_classes: Count = 10

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if images.ndim != 2 or not len(images) or images.shape[1] != self.train_images.shape[1]:
                problem = f"{part}_images must have the shape (image, pixel), as many pixels as train_images"
                raise ValueError(f"{problem}, got {tuple(images.shape)}: flatten them with images.flatten(1)")
            if labels.shape != images.shape[:1]:
                problem = f"{part}_labels must be one for each of {len(images)} {part}_images"
                raise ValueError(f"{problem}, got {tuple(labels.shape)}")
            checked_classes(labels, self.n_classes, f"{part}_labels")

    @property
    def n_pixels(self) -> int:
        """Number of pixels of an image."""
        return self.train_images.shape[1]

    def to(self, device: torch.device, dtype: torch.dtype) -> "ImageData":
        """Return the same data on `device` with images in `dtype`."""
        train = self.train_images.to(device, dtype), self.train_labels.to(device)
        test = self.test_images.to(device, dtype), self.test_labels.to(device)
        return ImageData(self.name, *train, *test, self.n_classes)


def load_images(name: str, *, folder: Path | str | None = None) -> ImageData:
    """Return one of the data sets.

    Parameters
    ----------
    name
        ``"digits"`` (1797 images of 8x8 pixels), ``"mnist"`` or ``"fashion_mnist"`` (70 000 of 28x28), or one
        of one's own, see `data_set`.
    folder : where the four IDX files lie; None for ``<name>`` in a folder of `BRIANPRESYN_DATA`

    Raises
    ------
    ValueError : if the name is unknown, a file is damaged or of another kind, or images and labels do not fit
    FileNotFoundError : if a file is missing

    Examples
    --------
    >>> load_images("digits").train_images.shape
    torch.Size([1438, 64])
    """
    if name == "digits":
        return _digits()
    if name not in data_set_names():
        load_plugins()
    if name in _OWN:
        data = _OWN[name]()
        check_kind(data, ImageData, f"what registers the data set {name}", "images_from(train, test)")
        return data
    check_choice(name, data_set_names(), "name")
    if folder is None:
        folders = [root / name for root in data_folders()]
        if not folders:
            remedy = f"set BRIANPRESYN_DATA to the folder that holds {name}/, or pass folder=..."
            fetch = f"'brianpresyn data fetch {name}' downloads it and says where it lies"
            raise FileNotFoundError(f"no folder was given for {name}: {remedy}; {fetch}")
        folder = next((each for each in folders if each.is_dir()), folders[0])
    read = {part: _read_idx(Path(folder), stem) for part, stem in IDX_FILES.items()}
    mean, sd = _NORMALISATION[name]
    images, labels = {}, {}
    for part in ("train", "test"):
        pixels = torch.from_numpy(read[f"{part}_images"].astype(np.float32))
        images[part] = pixels.flatten(1).div_(255).sub_(mean).div_(sd)
        labels[part] = torch.from_numpy(read[f"{part}_labels"].astype(np.int64))
    return ImageData(name, images["train"], labels["train"], images["test"], labels["test"])


def data_set(name: str) -> Callable[[Callable[[], ImageData]], Callable[[], ImageData]]:
    """Register the decorated function as what `load_images` calls for a name.

    Raises ValueError if there is a data set of that name.

    >>> @data_set("two digits")
    ... def two_digits() -> ImageData:
    ...     digits = load_images("digits")
    ...     part = digits.train_labels < 2, digits.test_labels < 2
    ...     train = digits.train_images[part[0]], digits.train_labels[part[0]]
    ...     return images_from(train, (digits.test_images[part[1]], digits.test_labels[part[1]]))
    >>> load_images("two digits").n_classes
    2
    """

    def register(load: Callable[[], ImageData]) -> Callable[[], ImageData]:
        check_new("data set named", name, load, _OWN.get(name, name if name in data_set_names() else None))
        _OWN[name] = load
        return load

    return register


def own_data_digest(name: str) -> str:
    """Return a digest of the images and labels of a data set of one's own, empty for one of this package."""
    if name not in _OWN:
        return ""
    data = load_images(name)
    digest = hashlib.sha256(f"{data.n_classes} {tuple(data.train_images.shape)}".encode())
    for tensor in (data.train_images, data.train_labels, data.test_images, data.test_labels):
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()


def images_from(train: Any, test: Any, *, name: str = "own", n_classes: int | None = None) -> ImageData:
    """Return images of one's own as this package takes them.

    Parameters
    ----------
    train, test
        Each a pair of images (image, ...) and labels (image,), as tensors or arrays; or a `Dataset` or
        `DataLoader` of torch that gives such pairs, a loader batch by batch. Images are flattened; their
        pixels are taken as they are.
    name : what they are called
    n_classes : number of classes; by default one more than the largest label

    Raises
    ------
    TypeError : if images and labels are neither of these
    ValueError : if images and labels are not as many, or images differ in size

    Examples
    --------
    >>> train = torch.rand(6, 2, 2), torch.tensor([0, 1, 2, 0, 1, 2])
    >>> data = images_from(torch.utils.data.TensorDataset(*train), train)
    >>> data.train_images.shape, data.n_classes
    (torch.Size([6, 4]), 3)
    """
    parts = [_pair_from(given, part) for given, part in ((train, "train"), (test, "test"))]
    largest = max(int(labels.max()) for _, labels in parts)
    return ImageData(name, *parts[0], *parts[1], n_classes=n_classes or largest + 1)


def _pair_from(given: Any, part: str) -> tuple[Tensor, Tensor]:
    """Return flat images and labels of a pair, a data set or a loader."""
    wanted = f"{part} must be a pair of images and labels, or a Dataset or DataLoader of torch"
    together: Callable[[list[Tensor]], Tensor] = torch.cat
    pairs: list[Any] = [given]
    if isinstance(given, torch.utils.data.DataLoader):
        pairs = list(given)
    elif isinstance(given, torch.utils.data.IterableDataset):
        together, pairs = torch.stack, list(given)
    elif isinstance(given, torch.utils.data.Dataset) and hasattr(given, "__len__"):
        together, pairs = torch.stack, [given[index] for index in range(len(given))]
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{wanted}, got {shown(pair)}")
        if not all(isinstance(each, (Tensor, np.ndarray, Integral)) for each in pair):
            kinds = " and ".join(type(each).__name__ for each in pair)
            raise TypeError(f"{wanted}, got a pair of {kinds}")
    whole = [together([torch.as_tensor(each) for each in side]) for side in zip(*pairs, strict=True)]
    if not whole or not len(whole[0]):
        raise ValueError(f"{wanted}, got none")
    images, labels = whole
    if labels.is_floating_point() or labels.is_complex() or labels.dtype is torch.bool:
        raise TypeError(f"labels of {part} must be whole numbers, got {labels.dtype}")
    return (images if images.is_floating_point() else images.float()).flatten(1), labels.long()


def _digits() -> ImageData:
    """Return scikit-learn's digits, every fifth image for testing; they are in the order of their writers."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    is_test = np.arange(len(digits.target)) % 5 == 4
    train = digits.data[~is_test]
    images = torch.from_numpy((digits.data - train.mean()) / train.std()).float()
    labels = torch.from_numpy(digits.target).long()
    return ImageData("digits", images[~is_test], labels[~is_test], images[is_test], labels[is_test])


def _read_idx(folder: Path, stem: str) -> NDArray[np.uint8]:
    """Return the content of an IDX file of images (3 axes) or labels (1 axis)."""
    path = next((p for p in (folder / f"{stem}.gz", folder / stem) if p.exists()), None)
    if path is None:
        raise FileNotFoundError(f"neither {folder / stem}.gz nor {folder / stem} exists")
    n_axes, magic = (3, _IMAGES_MAGIC) if "images" in stem else (1, _LABELS_MAGIC)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = struct.unpack(f">{n_axes + 1}I", file.read(4 * (n_axes + 1)))
            n_bytes = math.prod(header[1:])
            if header[0] != magic or not 0 < n_bytes <= _LARGEST_FILE:
                raise ValueError(f"{path} is no IDX file with magic number {magic}: it starts with {header}")
            # One byte more than announced shows a file that goes on; a bomb is not unpacked.
            content = file.read(n_bytes + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise ValueError(f"{path} is damaged or cut short ({error}): fetch it again") from error
    if len(content) != n_bytes:
        held = "more" if len(content) > n_bytes else f"{len(content)}"
        raise ValueError(f"{path} announces {n_bytes} bytes and holds {held}: fetch it again")
    return np.frombuffer(content, np.uint8).reshape(header[1:])


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


check_public(__name__)
