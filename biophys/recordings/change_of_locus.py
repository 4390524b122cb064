r"""Whether a change of the response is one of p, n or q: 1/CV^2 and nested models, never one word.

Without recording noise :math:`\mu^2 / v = n p / [B (1 + c_w^2 - p)]` does not hang on q. With M and R the
ratios of :math:`\mu` and of :math:`\mu^2 / v` after to before: q alone gives R = 1, n alone R = M, p alone
R above M where M > 1 and below where M < 1 (Malinow and Tsien 1990).
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import quantities as pq

from biophys.argument_types import checked_types
from biophys.recordings.comparison import bic_weights
from biophys.recordings.fitting import plain_responses
from biophys.recordings.goodness import noise_too_large
from biophys.recordings.implausible import ImplausibleRecordingWarning
from biophys.recordings.likelihood import ReleaseModel, is_limit, kind_of, name_in, number_of
from biophys.recordings.recording import Recording, checked_noise, checked_recording
from biophys.recordings.release_fit import serial_of
from biophys.recordings.release_moments import Z_95
from biophys.recordings.serial_dependence import SerialDependenceWarning
from biophys.recordings.site_profile import SiteProfile, profile_of_sites, sites_tried
from biophys.units import magnitude_in

ASSUMPTIONS = (
    "responses over a baseline of 0, failures included as they were measured",
    "one input, or inputs that are recruited all or none",
    "stationary within each period, and the same recording noise in both",
    "sites with equal p and equal q, and the same variability of quanta",
    "no silent sites switched on: these look presynaptic (Faber and Korn 1991; Brock et al. 2020)",
)
"""What the analysis of 1/CV^2 takes for granted."""


@dataclass(frozen=True)
class CvAnalysis:
    """Ratio of the mean and of 1/CV^2 after to before, and which single changes they allow.

    Parameters
    ----------
    mean_ratio, mean_interval : M and its 95 % interval
    cv_ratio, cv_interval : R, of mean^2 / variance with the noise subtracted, and its 95 % interval
    allowed, assumptions
        Those of ``"p"``, ``"n"`` and ``"q"`` whose change alone lies within the sampling error; what this
        takes for granted.
    """

    mean_ratio: float
    mean_interval: tuple[float, float]
    cv_ratio: float
    cv_interval: tuple[float, float]
    allowed: tuple[str, ...]
    assumptions: tuple[str, ...] = ASSUMPTIONS


@checked_types
def cv_analysis(before: Any, after: Any, *, noise: pq.Quantity | None = None) -> CvAnalysis:
    """Compare the mean and 1/CV^2 of responses before and after a change.

    Parameters
    ----------
    before, after
        Amplitudes with units of one dimension and means of one sign, failures included; NaN is missing.
    noise
        Standard deviation of the recording noise, or samples of it, subtracted from both; by default 0.
        ValueError if it explains all the variance.

    References
    ----------
    Malinow R, Tsien RW (1990). Nature 346:177-180, doi:10.1038/346177a0.
    Brock JA et al. (2020). Front Synaptic Neurosci 12:11, doi:10.3389/fnsyn.2020.00011.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> before = rng.binomial(5, 0.3, 300) * 10.0 * pq.pA
    >>> result = cv_analysis(before, 2 * before)
    >>> round(result.mean_ratio, 9), round(result.cv_ratio, 9), result.allowed
    (2.0, 1.0, ('q',))
    """
    parts = [_log_moments(recording, noise) for recording in _both(before, after)]
    (m1, r1, var_m1, var_r1, cov1), (m2, r2, var_m2, var_r2, cov2) = parts
    log_m, log_r = m2 - m1, r2 - r1
    sd_m, sd_r = np.sqrt(var_m1 + var_m2), np.sqrt(var_r1 + var_r2)
    # R / M, whose errors partly cancel.
    off = log_r - log_m
    sd_off = np.sqrt(var_m1 + var_m2 + var_r1 + var_r2 - 2 * (cov1 + cov2))
    allowed = []
    # Above the diagonal for M > 1, below it for M < 1; either way where M may be 1.
    rises, falls = log_m > -Z_95 * sd_m, log_m < Z_95 * sd_m
    if (rises and off > -Z_95 * sd_off) or (falls and off < Z_95 * sd_off):
        allowed.append("p")
    if abs(off) < Z_95 * sd_off:
        allowed.append("n")
    if abs(log_r) < Z_95 * sd_r:
        allowed.append("q")
    (m, *m_ends), (r, *r_ends) = (
        np.exp(np.array([log, log - Z_95 * sd, log + Z_95 * sd])).tolist()
        for log, sd in ((log_m, sd_m), (log_r, sd_r))
    )
    return CvAnalysis(m, tuple(m_ends), r, tuple(r_ends), tuple(allowed))


def _both(before: Any, after: Any) -> list[Recording]:
    """Return two recordings in the unit of the first; what is wrong is said by the name of the argument."""
    recordings: list[Recording] = []
    for amplitudes, name in ((before, "before"), (after, "after")):
        try:
            recording = checked_recording(amplitudes)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
        unit = recordings[0].unit if recordings else recording.unit
        sweeps = [magnitude_in(s * recording.unit, unit, name) for s in recording.sweeps]
        recordings.append(replace(recording, sweeps=sweeps, unit=unit))
        serial = serial_of(recording, "none")
        if serial is not None and serial.is_dependent:
            warnings.warn(f"{name}: {serial.text}", SerialDependenceWarning, stacklevel=4)
        x = recording.amplitudes * np.sign(np.nanmean(recording.amplitudes))
        n_opposite = int(np.sum(x < -0.5 * np.nanmax(np.abs(x))))
        if n_opposite >= max(2.0, 0.01 * x.size):
            problem = f"{name}: {n_opposite} responses have the other sign, and are as large"
            warnings.warn(f"{problem}: compare the signs apart", ImplausibleRecordingWarning, stacklevel=4)
    means = [float(np.nanmean(recording.amplitudes)) for recording in recordings]
    if means[0] * means[1] < 0:
        problem = f"the means have two signs, {means[0]:.3g} before and {means[1]:.3g} after"
        raise ValueError(f"{problem}: compare responses of one sign")
    return recordings


def _log_moments(recording: Recording, noise: pq.Quantity | None) -> tuple[float, ...]:
    """Return log mean, log mean^2 / variance, and the sampling (co)variances of both."""
    x = recording.amplitudes
    x = x[np.isfinite(x)]
    sd = 0.0 if noise is None or not np.any(noise) else checked_noise(noise, recording)[0][0]
    size, mean = x.size, abs(float(x.mean()))
    d = (x - x.mean()) * np.sign(x.mean())
    total = float(x.var(ddof=1))
    v = total - sd**2
    if v <= 0:
        problem = f"the recording noise of {sd:.3g} explains all the variance of responses of mean"
        raise ValueError(f"{problem} {x.mean():.3g}: no 1/CV^2 is left to compare")
    third, fourth = float(np.mean(d**3)), float(np.mean(d**4))
    of_variance = (fourth - total**2 * (size - 3) / (size - 1)) / size
    of_mean = total / size / mean**2
    cross = third / size / (mean * v)
    of_ratio = 4 * of_mean + of_variance / v**2 - 4 * cross
    return np.log(mean), np.log(mean**2 / v), of_mean, of_ratio, 2 * of_mean - cross


@dataclass(frozen=True)
class NestedModel:
    """One hypothesis of what changed: ``"nothing"``, ``"p"``, ``"n"``, ``"q"`` or ``"p and q"``.

    The criteria are those of :func:`biophys.compare`; `values` are the likeliest parameters, before and after
    where they differ.
    """

    changed: str
    log_likelihood: float
    n_parameters: int
    bic: float
    delta_bic: float
    weight: float
    values: dict[str, Any]


_SHARED = {
    "nothing": {"p", "q", "noise", "within"},
    "p": {"q", "noise", "within"},
    "q": {"p", "noise", "within"},
    "p and q": {"noise", "within"},
    "n": {"p", "q", "noise", "within"},
}


@checked_types
def nested_models(
    before: Any, after: Any, *, noise: Any = "free", variability: Any = None
) -> list[NestedModel]:
    """Fit the hypotheses that p, n, q, p and q, or nothing changed; the likeliest by BIC first.

    The amplitudes have one unit and are independent trials; noise and variability are those of
    :func:`biophys.fit_release`.

    >>> rng = np.random.default_rng(1)
    >>> before, after = (
    ...     (rng.binomial(4, p, 150) * 10.0 + rng.normal(0, 2, 150)) * pq.pA for p in (0.2, 0.6)
    ... )
    >>> nested_models(before, after, noise=2 * pq.pA)[0].changed
    'p'
    """
    parts = _both(before, after)
    values = [part.amplitudes for part in parts]
    labels = ["before"] * values[0].size + ["after"] * values[1].size
    recording = checked_recording(
        np.concatenate(values) * parts[0].unit, conditions=labels, noise=noise, variability=variability
    )
    for text in noise_too_large(recording):
        warnings.warn(text, ImplausibleRecordingWarning, stacklevel=3)
    data, scale = plain_responses(recording)
    base = ReleaseModel(between=float(recording.variability.between), free=recording.free)
    size = int(np.isfinite(recording.amplitudes).sum())
    rows = []
    for changed, shared in _SHARED.items():
        model = replace(base, shared=frozenset(shared) & recording.may_be_shared)
        if changed == "n":
            profile, sites = _best_pair(model, data)
        else:
            profile = profile_of_sites(model, data, sites_tried(n_last=60), has_posterior=False)
            sites = profile.sites[int(profile.best[0])]
        row, names = int(profile.best[0]), profile.names
        value, theta = float(profile.value[row, 0]), profile.theta[row, 0]
        count = len(names) + (2 if changed == "n" else 1)
        log_likelihood = value - size * np.log(abs(scale))
        rows.append((changed, log_likelihood, count, _values(names, theta, sites, scale)))
    bic = np.array([count * np.log(size) - 2 * value for _, value, count, _ in rows])
    models = [
        NestedModel(changed, float(value), count, float(b), d, w, values)
        for (changed, value, count, values), b, d, w in zip(rows, bic, *bic_weights(bic), strict=True)
    ]
    return sorted(models, key=lambda row: row.bic)


def _best_pair(model: ReleaseModel, data: Any) -> tuple[SiteProfile, tuple[float, float]]:
    """Climb over pairs of numbers of sites from the pair that the means suggest."""
    tried = sites_tried(n_last=60, has_limit=False)
    fits: dict[tuple[int, int], Any] = {}

    def fitted(i: int, j: int) -> float:
        if (i, j) not in fits:
            pair: Any = [(tried[i], tried[j])]
            fits[i, j] = profile_of_sites(model, data, pair, has_posterior=False)
        return float(fits[i, j].value[0, 0])

    ratio = float(np.nanmean(data.x[0, 1]) / np.nanmean(data.x[0, 0]))
    for start in (3, 8):
        other = int(np.argmin(np.abs(np.array(tried) - tried[start] * max(ratio, 0.05))))
        place = (start, other)
        while True:
            near = [
                (place[0] + a, place[1] + b)
                for a in (-1, 0, 1)
                for b in (-1, 0, 1)
                if 0 <= place[0] + a < len(tried) and 0 <= place[1] + b < len(tried)
            ]
            best = max(near, key=lambda pair: fitted(*pair))
            if best == place:
                break
            place = best
    best = max(fits, key=lambda pair: fitted(*pair))
    return fits[best], (tried[best[0]], tried[best[1]])


def _values(names: list[str], theta: Any, sites: Any, scale: float) -> dict[str, Any]:
    n = sites if isinstance(sites, tuple) else (np.inf if is_limit(sites) else float(sites))
    numbers = {
        name_in(["before", "after"], name): float(number_of(kind_of(name), y, scale))
        for name, y in zip(names, theta, strict=True)
    }
    return {"n": n} | numbers
