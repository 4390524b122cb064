"""Recordings that quanta of one sign over a baseline of 0 do not explain: offsets, and both signs mixed."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from biophys.recordings.likelihood import Responses, without_far
from biophys.recordings.release_fit import ReleaseFit
from biophys.recordings.response_density import Family
from biophys.recordings.site_profile import SiteProfile, profile_of_sites, sites_tried
from biophys.units import FloatArray

# Log likelihood that another offset or two signs must gain: less than one in a thousand recordings without.
_GAIN = 6.0
# 1 / CV^2 = n p / (1 - p) of over a thousand vesicles: beyond the calyx of Held and endplates.
_LEAST_CV = 0.03
# Offsets tried lie this many ranges of the responses below the smallest, or above the largest.
_SHIFTS = tuple(product((1.0, -1.0), (-0.05, 0.1, 0.3)))


class ImplausibleRecordingWarning(UserWarning):
    """The responses are not those of quanta of one sign over a baseline of 0."""


def implausible_texts(fits: Sequence[ReleaseFit], data: Responses) -> list[list[str]]:
    """Return what makes each recording of a batch implausible, in sentences; `data` are those of all.

    *Offset*: no response lies near 0, or some beyond it, and responses less a constant gain 6 log units with
    few sites; or they vary by less than 3 % of their mean. *Copies*: more responses than by chance equal the
    one that lies as far before them, to the last digit. *Both signs*: responses of the other sign lie
    beyond five standard deviations of a noise that is known, or gain 6 log units, and more than an offset, if
    each may have either sign.
    """
    readings = [_Reading(fit) for fit in fits]
    in_doubt = [b for b, reading in enumerate(readings) if reading.may_have_offset]
    offsets = _offsets([fits[b] for b in in_doubt], data.take(np.array(in_doubt, int)))
    by_fit = dict(zip(in_doubt, offsets, strict=True))
    return [reading.texts(by_fit.get(b, [])) for b, reading in enumerate(readings)]


class _Reading:
    """What the responses of a fit look like."""

    def __init__(self, fit: ReleaseFit) -> None:
        x = fit.profile.data.x[0]
        self.fit, values = fit, x[np.isfinite(x)]
        is_opposite = x < -_farthest_noise(fit, values)
        if fit.profile.model.is_robust and is_opposite.any():
            # What the fit takes for artefacts already is no sign of a wrong model.
            is_opposite &= ~(fit.from_order(fit.outlier_probability)[0] > 0.5)
        self.n_opposite = int(is_opposite.sum())
        self.has_both = self.n_opposite >= max(2.0, 0.01 * values.size)
        near = without_far(values) if fit.profile.model.is_robust else values
        self.spread = float(np.nanstd(near) / max(abs(np.nanmean(near)), 1e-300))
        is_far = np.nanmin(near) > 0.25 * np.nanmean(near)
        self.copies, self.lag = _copies(fit.recording.amplitudes)
        self.may_have_offset = is_far or (self.has_both and fit.recording.noise == "free")

    def texts(self, offsets: list[tuple[float, float, float]]) -> list[str]:
        """Return what is implausible, given gain, offset and n of the responses less each constant tried."""
        text = f"{self.copies} responses repeat the one {self.lag} before to the last digit: copied rows?"
        return [text] * (self.copies > 0) + self._off_zero(offsets)

    def _off_zero(self, offsets: list[tuple[float, float, float]]) -> list[str]:
        fit = self.fit
        signs = _gain_of_signs(fit) if self.has_both else 0.0
        gain, offset, n = max(offsets, default=(0.0, 0.0, 0.0))
        if self.has_both and (fit.recording.noise != "free" or signs > max(gain, _GAIN)):
            better = f" (log likelihood +{signs:.1f} with both signs)" if signs > _GAIN else ""
            return [
                f"{self.n_opposite} responses have the other sign by more than the noise{better}: excitation "
                "and inhibition together, a baseline that is off, or more noise than was said? Quanta of one "
                "sign do not explain them: fit the signs apart"
            ]
        seen = ""
        if gain > _GAIN:
            seen = (
                f"responses less {fit.scale * offset:.3g} {fit.recording.unit_text} are explained better "
                f"(log likelihood +{gain:.1f}, n = {n:g})"
            )
        elif 0.0 < self.spread < _LEAST_CV:
            seen = (
                f"responses vary by {100 * self.spread:.2g} % of their mean, as those of over "
                f"{1.0 / self.spread**2:.0f} vesicles would"
            )
        return [f"{seen}: a baseline or holding current that was not subtracted?"] if seen else []


def _copies(amplitudes: FloatArray) -> tuple[int, int]:
    """Return how many responses equal the one that lies a lag before, and the lag; (0, 0) if by chance."""
    values = amplitudes[np.isfinite(amplitudes)]
    # Failures written as 0 and a saturated amplifier repeat themselves.
    kept = np.flatnonzero((values != 0) & (np.abs(values) != np.abs(values).max()))
    order = kept[np.argsort(values[kept], kind="stable")]
    is_same = values[order[1:]] == values[order[:-1]]
    lags = np.bincount(np.diff(order)[is_same], minlength=1)
    most, lag = int(lags.max()), int(lags.argmax())
    levels, counts = np.unique(values[kept], return_counts=True)
    if most <= 5 or levels.size <= 10:
        return 0, 0
    by_chance = np.sum(counts * (counts - 1)) / kept.size
    # Responses that are sorted, or that drift more slowly than they are rounded, are near each other too.
    apart, near = np.abs(values[lag:] - values[:-lag]), max(0.1 * values.std(), 1.01 * np.diff(levels).min())
    n_near = np.sum((apart > 0) & (apart <= near))
    return (most, lag) if most > max(5.0 + 5.0 * by_chance, 2.0 * n_near) else (0, 0)


def _farthest_noise(fit: ReleaseFit, values: FloatArray) -> float:
    """Return how far noise reaches; one that is fitted grows to hold what it should not."""
    if fit.recording.noise == "free":
        return 0.15 * float(values.max())
    return 5.0 * max(sd for sd, _, _ in fit.recording.noise) / abs(fit.scale)


def _with_few_sites(fits: Sequence[ReleaseFit], data: Responses, family: Family) -> SiteProfile:
    """Return the profiles of other responses of the layout of fits, with quanta of a family."""
    numbers = fits[0].profile.numbers
    sites = sites_tried(8, n_last=12, has_limit=False) if numbers.size > 1 else list(numbers)
    return profile_of_sites(replace(fits[0].profile.model, family=family), data, sites, has_posterior=False)


def _offsets(fits: Sequence[ReleaseFit], data: Responses) -> list[list[tuple[float, float, float]]]:
    """Return gain, offset and n of the responses of each fit less constants, on either side of them."""
    tried: list[list[tuple[float, float, float]]] = [[] for _ in fits]
    flat = data.x.reshape(len(fits), math.prod(data.x.shape[1:]))
    ends = {1.0: np.nanmin(flat, axis=1), -1.0: np.nanmax(flat, axis=1)}
    mean, span = np.nanmean(flat, axis=1), ends[-1.0] - ends[1.0]
    shifts = [
        (b, side, ends[side][b] - side * share * span[b]) for b in range(len(fits)) for side, share in _SHIFTS
    ]
    shifts = [shift for shift in shifts if abs(shift[2]) >= 0.1 * mean[shift[0]]]
    families: set[Family] = {fit.family for fit in fits}
    for family in families:
        alike = [shift for shift in shifts if fits[shift[0]].family == family]
        if family != "normal":
            # Normal quanta are far faster: what gains nothing with them is not looked at with others.
            in_doubt = [shift for shift in alike if "normal" in fits[shift[0]].profile.families]
            gains = _gains(fits, data, in_doubt, "normal")
            hopeless = {shift for shift, (gain, *_) in zip(in_doubt, gains, strict=True) if gain <= 0}
            alike = [shift for shift in alike if shift not in hopeless]
        for (b, *_), row in zip(alike, _gains(fits, data, alike, family), strict=True):
            tried[b].append(row)
    return tried


def _gains(
    fits: Sequence[ReleaseFit], data: Responses, shifts: list[tuple[int, float, float]], family: Family
) -> list[tuple[float, float, float]]:
    """Return gain, offset and n of each shift: number of its fit, sign and offset of the responses."""
    if not shifts:
        return []
    rows, side, offset = (np.array(column) for column in zip(*shifts, strict=True))
    part = data.take(rows)
    each = (-1, *(1,) * (part.x.ndim - 1))
    part = replace(part, x=side.reshape(each) * (part.x - offset.reshape(each)))
    profile = _with_few_sites([fits[b] for b in rows], part, family)
    best = profile.best
    fitted = [fits[b].profile for b in rows]
    known = [old.value[np.array(old.families) == family].max() for old in fitted]
    gain = profile.value[best, np.arange(rows.size)] - known
    return list(zip(gain.tolist(), offset.tolist(), profile.sites[best].tolist(), strict=True))


def _gain_of_signs(fit: ReleaseFit) -> float:
    """Return the log likelihood gained where each response may have either sign."""
    x = fit.profile.data.x
    is_other = x < -_farthest_noise(fit, x[np.isfinite(x)])
    share = float(np.sum(is_other) / np.sum(np.abs(x) > _farthest_noise(fit, x[np.isfinite(x)])))
    data = replace(fit.profile.data, x=np.where(is_other, -x, x))
    profile = _with_few_sites([fit], data, fit.family)
    best = int(profile.best[0])
    one, other = (
        replace(profile, data=replace(profile.data, x=part))
        .likelihood(best)
        .filtered(profile.theta[best])[0]
        .log_s
        for part in (x, -x)
    )
    share = min(max(share, 0.01), 0.99)
    mixed = np.logaddexp(np.log1p(-share) + one, np.log(share) + other).sum()
    return float(mixed - fit.states[0].log_s.sum())
