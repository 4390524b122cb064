"""Recordings that quanta of one sign over a baseline of 0 do not explain: offsets, and both signs mixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from biophys.recordings.site_profile import SiteProfile, profile_of_sites, sites_tried
from biophys.units import FloatArray

if TYPE_CHECKING:
    from biophys.recordings.release_fit import ReleaseFit

# Log likelihood that another offset or two signs must gain: less than one in a thousand recordings without.
_GAIN = 6.0
# 1 / CV^2 = n p / (1 - p) of over a thousand vesicles: beyond the calyx of Held and endplates.
_LEAST_CV = 0.03
# Offsets tried lie this many ranges of the responses below the smallest.
_BELOW = (-0.05, 0.1, 0.3)


class ImplausibleRecordingWarning(UserWarning):
    """The responses are not those of quanta of one sign over a baseline of 0."""


def implausible_texts(fit: ReleaseFit) -> list[str]:
    """Return what makes a recording implausible, in sentences.

    *Offset*: no response lies near 0, or some beyond it, and responses less a constant gain 6 log units with
    few sites; or they vary by less than 3 % of their mean. *Both signs*: responses of the other sign lie
    beyond five standard deviations of a noise that is known, or gain 6 log units, and more than an offset, if
    each may have either sign.
    """
    x = fit.profile.data.x[0]
    values = x[np.isfinite(x)]
    n_opposite = int(np.sum(values < -_farthest_noise(fit, values)))
    has_both = n_opposite >= max(2.0, 0.01 * values.size)
    signs = _gain_of_signs(fit, x) if has_both else 0.0
    if has_both and fit.recording.noise != "free":
        return [_text_of_signs(n_opposite, signs)]
    if has_both or values.min() > 0.25 * values.mean():
        gain, offset, n = max(_offsets(fit, x, values))
        if signs > max(gain, _GAIN):
            return [_text_of_signs(n_opposite, signs)]
        if gain > _GAIN:
            return [
                f"responses less {fit.scale * offset:.3g} {fit.recording.unit_text} are explained better "
                f"(log likelihood +{gain:.1f}, n = {n:g}): a baseline or holding current that was not "
                "subtracted?"
            ]
    spread = float(values.std() / values.mean())
    if spread < _LEAST_CV:
        return [
            f"responses vary by {100 * spread:.2g} % of their mean, as those of over "
            f"{1.0 / spread**2:.0f} vesicles would: a baseline or holding current that was not subtracted?"
        ]
    return []


def _text_of_signs(n_opposite: int, gain: float) -> str:
    better = f" (log likelihood +{gain:.1f} with both signs)" if gain > _GAIN else ""
    return (
        f"{n_opposite} responses have the other sign by more than the noise{better}: excitation and "
        "inhibition together, a baseline that is off, or more noise than was said? Quanta of one sign do not "
        "explain them: fit the signs apart"
    )


def _farthest_noise(fit: ReleaseFit, values: FloatArray) -> float:
    """Return how far noise reaches; one that is fitted grows to hold what it should not."""
    if fit.recording.noise == "free":
        return 0.15 * float(values.max())
    return 5.0 * max(sd for sd, _, _ in fit.recording.noise) / abs(fit.scale)


def _with_few_sites(fit: ReleaseFit, x: FloatArray) -> SiteProfile:
    """Return the profile of other responses of the same layout."""
    numbers = fit.profile.numbers
    sites = sites_tried(8, n_last=12, has_limit=False) if numbers.size > 1 else list(numbers)
    model = replace(fit.profile.model, family=fit.family)
    return profile_of_sites(model, replace(fit.profile.data, x=x[None]), sites, has_posterior=False)


def _offsets(fit: ReleaseFit, x: FloatArray, values: FloatArray) -> Iterator[tuple[float, float, float]]:
    """Yield gain, offset and n of the responses less a constant, in either direction from it."""
    for side in (1.0, -1.0):
        for share in _BELOW:
            nearest = values.min() if side > 0 else values.max()
            offset = nearest - side * share * np.ptp(values)
            if abs(offset) < 0.1 * values.mean():
                continue
            profile = _with_few_sites(fit, side * (x - offset))
            best = int(profile.best[0])
            gain = profile.value[best, 0] - fit.profile.value.max()
            yield float(gain), float(offset), float(profile.sites[best])


def _gain_of_signs(fit: ReleaseFit, x: FloatArray) -> float:
    """Return the log likelihood gained where each response may have either sign."""
    is_other = x < -_farthest_noise(fit, x[np.isfinite(x)])
    share = float(np.sum(is_other) / np.sum(np.abs(x) > 0.3 * np.nanmax(x)))
    profile = _with_few_sites(fit, np.where(is_other, -x, x))
    best = int(profile.best[0])
    one, other = (
        replace(profile, data=replace(profile.data, x=part[None]))
        .likelihood(best)
        .filtered(profile.theta[best])[0]
        .log_s
        for part in (x, -x)
    )
    share = min(max(share, 0.01), 0.99)
    mixed = np.logaddexp(np.log1p(-share) + one, np.log(share) + other).sum()
    theirs = fit.states[0].log_s.sum()
    return float(mixed - theirs)
