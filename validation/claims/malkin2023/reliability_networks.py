"""The networks of figures 2 and 3: their published settings, and what is compared between two of them."""

from typing import Any

import numpy as np
import xarray as xr

from biophys.association import mean_difference_of_curves

NOISES = ("heterogeneous", "homogeneous")


def from_first_to_last_c(accuracy: xr.DataArray) -> xr.DataArray:
    """Return the change of a number from the smallest to the largest c."""
    return accuracy.isel(multiplier=-1) - accuracy.isel(multiplier=0)


def log_log_slope(y: xr.DataArray, x: xr.DataArray) -> xr.DataArray:
    """Return the least-squares slope of log y on log x over the sweep of c, for every network."""
    logs: list[Any] = [np.log(each) for each in (x, y)]
    log_x, log_y = (each - each.mean("multiplier") for each in logs)
    return (log_x * log_y).sum("multiplier") / (log_x**2).sum("multiplier")


def growth_at_end(course: xr.DataArray) -> xr.DataArray:
    """Return by what factor a number grows in the last fifth of the epochs."""
    n_epochs = course.sizes["epoch"]
    return course.isel(epoch=-1) / course.isel(epoch=n_epochs - 1 - n_epochs // 5)


def advantage(result: xr.Dataset, at_same: str = "c") -> xr.DataArray:
    """Return how much more accurate heterogeneous noise is, for every rho and seed.

    Accuracies are compared at the same c, or at the same value of a variable: over the range that both kinds
    of noise share, on a logarithmic scale.
    """
    import xarray

    first, second = (result.accuracy.sel(noise=noise) for noise in NOISES)
    if at_same == "c":
        return (first - second).mean("multiplier")
    x: Any = np.log(result[at_same])
    return xarray.apply_ufunc(
        mean_difference_of_curves,
        *(part for noise in NOISES for part in (x.sel(noise=noise), result.accuracy.sel(noise=noise))),
        input_core_dims=[["multiplier"]] * 4,
        vectorize=True,
    )
