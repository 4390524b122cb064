"""Recorded connections: release and quantal amplitude around induction, EPSP moments and activity."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import quantities as pq

from biophys.units import checked_finite, magnitude_in, positive_in

INDUCTIONS = ("LTP", "LTD")
"""What the induction protocol led to: long-term potentiation or depression."""


N_SITES = 5.5
"""Number of release sites that the published estimates of p and q assume (Costa et al. 2015)."""


@dataclass(frozen=True, eq=False)
class PlasticityRecordings:
    """Connections of layer-5 pyramidal cells of rat visual cortex before and after induction, arrays (n,).

    Costa et al. estimate p and q from the mean and variance of the EPSP with N = 5.5 release sites: q =
    var/mean + mean/N and p = mean/(N q). So p q is the mean EPSP per site, and p = 1/(1 + N cv^2) depends on
    the coefficient of variation alone. Raises ValueError if shapes differ or a value is outside its range.
    """

    recording: np.ndarray  # name; a connection recorded under two protocols appears twice
    induction: np.ndarray  # "LTP" or "LTD"
    frequency: pq.Quantity  # of the pairing, in Hz
    timing: pq.Quantity  # postsynaptic minus presynaptic spike time, in ms
    p_before: np.ndarray  # release probability, in (0, 1]
    p_after: np.ndarray
    q_before: pq.Quantity  # quantal amplitude, in mV
    q_after: pq.Quantity

    def __post_init__(self) -> None:
        _check_equal_lengths(self)
        for name in ("p_before", "p_after"):
            checked_finite(getattr(self, name), name, 0.0, is_open=True)
            checked_finite(getattr(self, name), name, high=1.0)
        for name, unit in (("q_before", pq.mV), ("q_after", pq.mV), ("frequency", pq.Hz)):
            positive_in(getattr(self, name), unit, name)
        checked_finite(magnitude_in(self.timing, pq.ms, "timing"), "timing")
        unknown = sorted(set(self.induction) - set(INDUCTIONS))
        if unknown:
            raise ValueError(f"induction must be one of {', '.join(INDUCTIONS)}, got {str(unknown[0])!r}")

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def w_before(self) -> pq.Quantity:
        """Expected strength p q of one release site before induction, in mV."""
        return self.p_before * self.q_before

    @property
    def w_after(self) -> pq.Quantity:
        """Expected strength p q of one release site after induction, in mV."""
        return self.p_after * self.q_after

    @property
    def moments_before(self) -> tuple[pq.Quantity, pq.Quantity]:
        """Mean and sd of the EPSP before induction, in mV, as p and q were estimated from them."""
        return _moments(self.p_before, self.q_before)

    @property
    def moments_after(self) -> tuple[pq.Quantity, pq.Quantity]:
        """Mean and sd of the EPSP after induction, in mV."""
        return _moments(self.p_after, self.q_after)

    @property
    def relative_change(self) -> np.ndarray:
        """Signed change of expected strength divided by its value before, (w_after - w_before) / w_before."""
        return (self.w_after / self.w_before).simplified.magnitude - 1.0

    def where(self, chosen: np.ndarray) -> PlasticityRecordings:
        """Return the recordings for which the boolean array `chosen` is true."""
        return replace(self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def induced(self, induction: str) -> PlasticityRecordings:
        """Return the recordings of one induction, ``"LTP"`` or ``"LTD"``."""
        return self.where(self.induction == induction)


@dataclass(frozen=True, eq=False)
class EpspRecordings:
    """Connections in layer 2/3 of mouse visual cortex, arrays (n,): EPSP, activity of the presynaptic cell.

    The file names no cells: connections with the same pair of rate estimates are taken to share one. Raises
    ValueError if shapes differ or a value is not positive.
    """

    mean: pq.Quantity  # EPSP, in mV
    variance: pq.Quantity  # over trials, in mV^2
    # Two estimates of presynaptic activity from deconvolved calcium fluorescence, in arbitrary units.
    rate_mean: np.ndarray  # `foopsi_mean` of the file
    rate_threshold: np.ndarray  # `foopsi_threshold` of the file
    cell: np.ndarray  # number of the presynaptic cell

    def __post_init__(self) -> None:
        _check_equal_lengths(self)
        for name, unit in (("mean", pq.mV), ("variance", pq.mV**2)):
            positive_in(getattr(self, name), unit, name)
        for name in ("rate_mean", "rate_threshold"):
            checked_finite(getattr(self, name), name, 0.0, is_open=True)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def n_cells(self) -> int:
        """Number of presynaptic cells."""
        return len(np.unique(self.cell))


def _moments(p: np.ndarray, q: pq.Quantity) -> tuple[pq.Quantity, pq.Quantity]:
    """Return mean and sd of the response of `N_SITES` sites."""
    return N_SITES * p * q, np.sqrt(N_SITES * p * (1 - p)) * q


def _check_equal_lengths(recordings: PlasticityRecordings | EpspRecordings) -> None:
    shapes = {field.name: np.shape(getattr(recordings, field.name)) for field in fields(recordings)}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"every field must have one shape (n,), got {shapes}")
