"""Fully connected rectifying networks, many at once, with forward and backward pass written out.

Everything carries a leading replica axis: inputs are (replica, sample, unit), weights (replica, out, in). A
pass is one sequence of batched matrix products whose length does not depend on the number of replicas.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from biophys.argument_types import Positive, check_kind, checked_types
from rate_models.layout import Layout, RecentViews


@checked_types
class FeedForward:
    """A fully connected network with rectified hidden units and linear output.

    Raises ValueError if `linear_hidden` names a layer that is not there.

    Parameters
    ----------
    layout : sizes of the network
    rectifies_output : whether output units are rectified too (as in the program of Malkin et al. 2023)
    linear_hidden : hidden layers, 0 being the first, that are left linear (the first in that program's text)

    Examples
    --------
    >>> network = FeedForward(Layout((2, 1)))
    >>> network.logits(torch.ones(1, 1, 2), torch.tensor([[1.0, 2.0, 0.5]])).item()
    3.5
    """

    def __init__(
        self, layout: Layout, *, rectifies_output: bool = False, linear_hidden: tuple[int, ...] = ()
    ) -> None:
        n_hidden = layout.n_layers - 1
        if any(not 0 <= layer < n_hidden for layer in linear_hidden):
            raise ValueError(f"linear_hidden must name hidden layers 0..{n_hidden - 1}, got {linear_hidden}")
        self.layout = layout
        self.rectifies_output = rectifies_output
        self.linear_hidden = linear_hidden
        self._views = RecentViews()

    def activities(self, x: Tensor, parameters: Tensor) -> list[Tensor]:
        """Return input (replica, sample, input), hidden activities and logits, as precise as `parameters`."""
        layers = [x.to(parameters.dtype)]
        for index, (weight, bias) in enumerate(zip(*self._layers(parameters), strict=True)):
            drive = torch.baddbmm(bias[:, None, :], layers[-1], weight.transpose(1, 2))
            layers.append(drive.relu_() if self._rectifies(index) else drive)
        return layers

    def logits(self, x: Tensor, parameters: Tensor) -> Tensor:
        """Return the activity of the output units, shape (replica, sample, class)."""
        if x.ndim != 3 or parameters.ndim != 2 or len(x) != len(parameters):
            problem = "x must have the shape (replica, sample, input) and parameters (replica, parameter)"
            raise ValueError(f"{problem}, got {tuple(x.shape)} and {tuple(parameters.shape)}")
        return self.activities(x, parameters)[-1]

    def backward(
        self,
        activities: list[Tensor],
        parameters: Tensor,
        slope: Tensor,
        gradient: Tensor,
        squares: Tensor | None = None,
    ) -> None:
        """Write the gradient by weights and biases into `gradient`, shape (replica, at least parameters).

        `activities` were returned for these `parameters`; `slope`, the derivative of the loss by the logits
        (replica, sample, class), is overwritten. `squares`, of the shape of `gradient`, gets the sum over
        samples of the squared gradient of each by the weights; the rest of it is left as it is.
        """
        self._check_activities(activities)
        if squares is not None and squares.shape != gradient.shape:
            given = f"{tuple(gradient.shape)}, got {tuple(squares.shape)}"
            raise ValueError(f"squares must have the shape of the gradient, {given}")
        to_weights, to_biases = self._layers(gradient)
        for index, drive_slope in self.slopes(activities, parameters, slope):
            torch.bmm(drive_slope.transpose(1, 2), activities[index], out=to_weights[index])
            torch.sum(drive_slope, dim=1, out=to_biases[index])
            if squares is not None:
                squared = (drive_slope.square().transpose(1, 2), activities[index].square())
                torch.bmm(*squared, out=self._layers(squares)[0][index])

    def slopes(
        self, activities: list[Tensor], parameters: Tensor, slope: Tensor
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield each layer and the derivative of the loss by the drive of its units, last layer first."""
        self._check_activities(activities)
        weights, _ = self._layers(parameters)
        if self.rectifies_output:
            slope = where_active(slope, activities[-1])
        for index in range(self.layout.n_layers - 1, -1, -1):
            yield index, slope
            if index:
                slope = torch.bmm(slope, weights[index])
                if self._rectifies(index - 1):
                    slope = where_active(slope, activities[index])

    def _check_activities(self, activities: list[Tensor]) -> None:
        n = self.layout.n_layers + 1
        if len(activities) != n:
            raise ValueError(f"activities must be those of {n} layers of units, got {len(activities)}")

    def _layers(self, flat: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return each layer's weights and biases as views, made once for the buffers that every step uses."""
        return self._views.of(flat, lambda buffer: (self.layout.weights(buffer), self.layout.biases(buffer)))

    def _rectifies(self, layer: int) -> bool:
        """Return whether the units that `layer` drives are rectified."""
        is_output = layer == self.layout.n_layers - 1
        return self.rectifies_output if is_output else layer not in self.linear_hidden


def where_active(slope: Tensor, activity: Tensor) -> Tensor:
    """Return `slope` where a rectified unit is active, else 0."""
    return torch.ops.aten.threshold_backward(slope, activity, 0)


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of every replica, in nats, and its derivative by the logits (replica, sample, class).

    The loss is the mean over samples of -log softmax at the label, labels being (replica, sample).
    """
    log_softmax = torch.log_softmax(logits, dim=-1)
    loss = -log_softmax.gather(-1, labels[..., None]).mean(dim=(1, 2))
    # Autograd, if it is to differentiate the loss, needs what is overwritten otherwise.
    slope = log_softmax.detach().exp() if log_softmax.requires_grad else log_softmax.exp_()
    one_hot = torch.eye(logits.shape[-1], dtype=logits.dtype, device=logits.device)
    slope.sub_(one_hot[labels]).mul_(1 / logits.shape[1])
    return loss, slope


@checked_types
class SquaredError:
    """Negative log likelihood of targets with normal noise, up to a constant: (f - y)^2 / (2 sd^2).

    Parameters
    ----------
    noise_sd : standard deviation of the targets around the output, positive

    Examples
    --------
    >>> loss, slope = SquaredError(0.5)(torch.tensor([[[1.0]]]), torch.tensor([[0.0]]))
    >>> loss.item(), slope.item()
    (2.0, 4.0)
    """

    def __init__(self, noise_sd: Positive) -> None:
        self.noise_sd = noise_sd

    def __call__(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean over samples of the loss, (replica,), in nats, and its derivative by the output.

        Output and derivative have the shape (replica, sample, 1), of a single output unit; the target
        (replica, sample).
        """
        error = (output - target[..., None]) / self.noise_sd
        loss = error.square().mean(dim=(1, 2)) / 2
        return loss, error / (self.noise_sd * output.shape[1])


def checked_classes(labels: Tensor, n_classes: int, name: str = "labels") -> Tensor:
    """Return labels as the whole numbers that torch takes for indices, if they are classes."""
    if labels.is_floating_point() or labels.is_complex() or labels.dtype is torch.bool:
        raise TypeError(f"{name} must be whole numbers, got {labels.dtype}: convert with labels.long()")
    if labels.device.type != "meta" and not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
        given = f"{int(labels.min())}..{int(labels.max())}"
        raise ValueError(f"{name} must be classes 0..{n_classes - 1}, got {given}")
    return labels.long()


def check_images(network: FeedForward, images: Tensor) -> None:
    """Raise unless `images` are what the input layer takes: a tensor of shape (image, pixel)."""
    check_kind(images, Tensor, "images", "torch.as_tensor(images)")
    n_pixels = network.layout.sizes[0]
    if images.ndim != 2 or images.shape[1] != n_pixels:
        problem = f"images must have the shape (image, {n_pixels}) of the input, got {tuple(images.shape)}"
        raise ValueError(f"{problem}: flatten them with images.flatten(1)")
