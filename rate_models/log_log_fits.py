"""Slopes and rank correlations of two quantities of every synapse, on logarithmic axes, for many networks.

Synapses of one input share its rate and part of their gradient, so intervals are from a bootstrap that draws
whole inputs. A resample is the number of times that each input was drawn, and what a fit needs are six sums
per input, so that a thousand resamples are one matrix product.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FLOOR = 1e-4
"""Synapses with less than this share of the layer's mean curvature count as being at the floor."""


@dataclass(frozen=True, eq=False)
class Association:
    """How log y goes with log x over the synapses of a layer; every tensor has the shape (replica,).

    Parameters
    ----------
    slope, slope_low, slope_high : least-squares slope of log y on log x, with its 95 % interval
    correlation, correlation_low, correlation_high : Spearman's rank correlation, with its 95 % interval
    share : share of the layer's synapses that were used
    """

    slope: Tensor
    slope_low: Tensor
    slope_high: Tensor
    correlation: Tensor
    correlation_low: Tensor
    correlation_high: Tensor
    share: Tensor


def association(
    x: Tensor,
    y: Tensor,
    is_used: Tensor | None = None,
    *,
    generator: torch.Generator,
    n_resamples: int = 1000,
) -> Association:
    """Return slope and rank correlation of positive quantities with intervals.

    They are nan for replicas with fewer than three synapses or without spread in x.

    Parameters
    ----------
    x, y : shape (replica, output, input)
    is_used : which synapses to use, same shape, of those where x and y are positive and finite; None for all
    generator, n_resamples : draws the inputs of the resamples, on the CPU; how many there are

    Examples
    --------
    >>> x = torch.rand(1, 20, 30, generator=torch.Generator().manual_seed(1)) + 0.1
    >>> result = association(x, x**-0.5, generator=torch.Generator().manual_seed(2))
    >>> round(result.slope.item(), 6), round(result.correlation.item(), 6)
    (-0.5, -1.0)
    """
    is_positive = (x > 0) & (y > 0) & torch.isfinite(x) & torch.isfinite(y)
    is_used = is_positive if is_used is None else is_used & is_positive
    safe_x, safe_y = (torch.where(is_used, v, 1.0).double() for v in (x, y))
    # How often each input is drawn; the first row is the sample itself.
    n_inputs = x.shape[-1]
    chosen = torch.randint(n_inputs, (n_resamples, n_inputs), generator=generator)
    ones = torch.ones(1 + n_resamples, n_inputs)
    drawn = torch.cat([ones[:1], torch.zeros_like(ones[1:]).scatter_add_(1, chosen, ones[1:])]).to(safe_x)
    slopes, _ = _fits(safe_x.log(), safe_y.log(), is_used, drawn)
    _, correlations = _fits(_ranks(safe_x, is_used), _ranks(safe_y, is_used), is_used, drawn)
    share = is_used.double().mean(dim=(1, 2))
    return Association(*_with_interval(slopes), *_with_interval(correlations), share)


def stacked(layers: Sequence[Sequence[Association]]) -> dict[str, NDArray[np.float64]]:
    """Return each field of associations, by layer and predictor, as an array (replica, layer, predictor)."""
    arrays = {}
    for field in fields(Association):
        by_layer = [torch.stack([getattr(each, field.name) for each in layer], dim=-1) for layer in layers]
        arrays[field.name] = torch.stack(by_layer, dim=-2).cpu().numpy()
    return arrays


def above_floor(curvature: Tensor, floor: float = FLOOR) -> Tensor:
    """Return which synapses have more than `floor` times the layer's mean curvature, (replica, out, in)."""
    return curvature > floor * curvature.mean(dim=(1, 2), keepdim=True)


def _fits(x: Tensor, y: Tensor, is_used: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Return slopes and Pearson correlations of every resample, shape (replica, 1 + resample)."""
    used = is_used.to(x)
    n_used = used.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    # Deviations from the mean, lest the sums of squares cancel.
    x = (x - (x * used).sum(dim=(1, 2), keepdim=True) / n_used) * used
    y = (y - (y * used).sum(dim=(1, 2), keepdim=True) / n_used) * used
    per_input = torch.stack([t.sum(dim=1) for t in (used, x, y, x * x, x * y, y * y)], dim=1)
    n, sx, sy, sxx, sxy, syy = (per_input @ drawn.T).unbind(dim=1)
    var_x, cov, var_y = sxx - sx**2 / n, sxy - sx * sy / n, syy - sy**2 / n
    is_fit = (n > 2) & (var_x > 1e-12 * sxx.clamp(min=1e-300))
    slope = torch.where(is_fit, cov / var_x, math.nan)
    correlation = torch.where(is_fit & (var_y > 0), cov / (var_x * var_y).sqrt(), math.nan)
    return slope, correlation


def _ranks(values: Tensor, is_used: Tensor) -> Tensor:
    """Return the rank of every used value among them, equal values sharing their mean rank."""
    flat = torch.where(is_used, values, math.inf).flatten(1)
    ordered = flat.sort(dim=1).values
    below = torch.searchsorted(ordered, flat)
    up_to = torch.searchsorted(ordered, flat, right=True)
    return ((below + up_to).double() / 2).unflatten(1, values.shape[1:])


def _with_interval(resampled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the estimate, which is the first column, and the middle 95 % of the others."""
    tails = torch.tensor([0.025, 0.975], dtype=resampled.dtype, device=resampled.device)
    low, high = resampled[:, 1:].nanquantile(tails, dim=1)
    return resampled[:, 0], low, high
