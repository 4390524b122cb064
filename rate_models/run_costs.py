"""How much work it is to train networks, for an estimate of what a run costs before it starts."""

from rate_models.datasets import load_images
from rate_models.layout import Layout

# Time of a step that does not grow with the network, as synapses: 0.15 ms of calls, on the CPUs measured.
_SYNAPSES_PER_STEP = 15_000
_SIZES = {"mnist": (60_000, 784), "fashion_mnist": (60_000, 784)}


def training_work(
    data_set: str, hidden_units: tuple[int, ...], n_networks: float, n_epochs: int, batch_size: int
) -> float:
    """Return the work of training, in updates of synapses; nothing is read for the larger data sets.

    Examples
    --------
    >>> small, large = (training_work(name, (50,), 1, 10, 50) for name in ("digits", "mnist"))
    >>> round(large / small)
    122
    """
    n_images, n_pixels = _SIZES.get(data_set) or tuple(load_images(data_set).train_images.shape)
    n_parameters = Layout((n_pixels, *hidden_units, 10)).n_parameters
    return n_networks * n_epochs * (n_images / batch_size) * (n_parameters + _SYNAPSES_PER_STEP)
