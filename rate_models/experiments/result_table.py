"""Measurements of many networks as labelled arrays, filled batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor


class ResultTable:
    """Arrays over all networks of a sweep, NaN where nothing was measured.

    Parameters
    ----------
    coordinates
        Swept parameters by name, each with its values; a network has one place for each combination.

    Examples
    --------
    >>> table = ResultTable({"l2": (0.0, 0.1), "seed": (1, 2, 3)})
    >>> table.put("energy", [(0.1, 3), (0.0, 1)], [7.0, 5.0])
    >>> table.dataset().energy.values.tolist()
    [[5.0, nan, nan], [nan, nan, 7.0]]
    """

    def __init__(self, coordinates: Mapping[str, Sequence[str | float]]) -> None:
        self._coordinates = {name: list(values) for name, values in coordinates.items()}
        self._arrays: dict[str, NDArray[np.float32]] = {}
        self._dims: dict[str, tuple[str, ...]] = {}
        self._units: dict[str, str] = {}

    def put(
        self,
        name: str,
        places: Sequence[tuple[str | float, ...]],
        values: Tensor | ArrayLike,
        dims: tuple[str, ...] = (),
        *,
        units: str = "",
    ) -> None:
        """Enter what was measured of some networks.

        Parameters
        ----------
        name
            Name of the variable.
        places
            Coordinates of each network, in the order of the table.
        values
            Shape (network, ...), numbers that single precision can hold.
        dims
            Names of the axes after the first.
        units
            Unit of the values.

        Raises
        ------
        ValueError
            If a place is not in the table, or the values do not fit places and dims.
        """
        found = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
        if found.shape[:1] != (len(places),) or found.ndim != 1 + len(dims):
            raise ValueError(
                f"{name}: expected {len(places)} networks and the axes {dims}, got shape {found.shape}"
            )
        if name not in self._arrays:
            whole = (*(len(known) for known in self._coordinates.values()), *found.shape[1:])
            self._arrays[name] = np.full(whole, np.nan, dtype=np.float32)
            self._dims[name], self._units[name] = dims, units
        for place, row in zip(places, found, strict=True):
            self._arrays[name][self._index(place)] = row

    def dataset(self, coordinates: Mapping[str, ArrayLike] | None = None) -> xr.Dataset:
        """Return the arrays with the swept parameters, and other coordinates if given, as coordinates."""
        dims = tuple(self._coordinates)
        arrays = {
            name: ((*dims, *self._dims[name]), array, {"units": self._units[name]})
            for name, array in self._arrays.items()
        }
        return xr.Dataset(arrays, {**self._coordinates, **(coordinates or {})})

    def _index(self, place: tuple[str | float, ...]) -> tuple[int, ...]:
        known = self._coordinates
        try:
            return tuple(values.index(at) for values, at in zip(known.values(), place, strict=True))
        except ValueError:
            raise ValueError(f"no place {place} in a table of {', '.join(known)}") from None
