"""Compare models of one recording: information criteria, held-out sweeps, nested models of a change."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import MinLen
from numpy.typing import NDArray

from biophys.argument_types import check_kind, checked_types
from biophys.recordings.likelihood import Likelihood, Responses
from biophys.recordings.recording import Cv
from biophys.recordings.release_fit import ReleaseFit
from biophys.recordings.site_profile import profile_of_sites
from biophys.units import FloatArray

# Numbers of sites about the likeliest among which that of all sweeps but one is looked for.
_MOST_NEAR = 8


@dataclass(frozen=True)
class ComparedFit:
    """One model among several of the same recording.

    `delta_bic` is the BIC less the smallest among those compared, `weight` exp(-delta_bic / 2), normalised.
    """

    name: str
    log_likelihood: float
    aic: float
    bic: float
    n_parameters: int
    delta_bic: float
    weight: float


def compare(*fits: ReleaseFit) -> list[ComparedFit]:
    """Return fits of one recording in order of BIC, the best first.

    At least two are needed; ValueError if they were fitted to different responses.

    >>> import numpy as np, quantities as pq
    >>> from brianpresyn.biophys.recordings.fitting import fit_release
    >>> rng = np.random.default_rng(4)
    >>> x = (rng.binomial(3, 0.4, 150) * 10.0 + rng.normal(0, 2, 150)) * pq.pA
    >>> rows = compare(fit_release(x, noise=2 * pq.pA), fit_release(x, noise=2 * pq.pA, n=1))
    >>> rows[0].delta_bic, rows[0].weight > 0.9
    (0.0, True)
    """
    if len(fits) < 2:
        raise ValueError("compare at least two fits")
    for fit in fits:
        check_kind(fit, ReleaseFit, "each of fits", "fit_release(responses)")
        if not np.array_equal(fit.recording.amplitudes, fits[0].recording.amplitudes, equal_nan=True):
            raise ValueError("these fits are of different responses: fit every model to the same recording")
        units = fits[0].recording.unit_text, fit.recording.unit_text
        if units[0] != units[1]:
            raise ValueError(f"these fits are in {units[0]!r} and {units[1]!r}: fit all in one unit")
    delta, weight = bic_weights(np.array([fit.bic for fit in fits]))
    rows = [
        ComparedFit(fit.model_text, fit.log_likelihood, fit.aic, fit.bic, fit.n_parameters, d, w)
        for fit, d, w in zip(fits, delta, weight, strict=True)
    ]
    return sorted(rows, key=lambda row: row.bic)


def bic_weights(bic: FloatArray) -> tuple[list[float], list[float]]:
    """Return how much larger each BIC is than the smallest, and the weights of the models."""
    delta = bic - bic.min()
    weight = np.exp(-0.5 * delta)
    return delta.tolist(), (weight / weight.sum()).tolist()


class HeldOut(NamedTuple):
    """How well left-out sweeps are foretold: mean log density of a sweep, standard error over sweeps."""

    log_density: float
    standard_error: float


def cross_validated(fit: ReleaseFit) -> HeldOut:
    """Return mean and standard error of the log density of each sweep under the fit to the others."""
    data = fit.profile.data
    measured = np.flatnonzero(np.isfinite(data.x[0]).any(axis=1))
    n_each = np.bincount(data.condition[measured], minlength=data.n_conditions)
    if data.gaps is None or n_each.sum() < 3 or n_each.min() < 2:
        wanted = "trains of at least three sweeps, two of each condition"
        raise ValueError(f"cross-validation leaves out sweeps: it needs {wanted}")
    best = fit.profile.sites[fit.profile.best[0]]
    numbers = fit.profile.numbers
    near = numbers[(best / 1.5 <= numbers) & (numbers <= best * 1.5)]
    step = -(-near.size // _MOST_NEAR)
    near = near[np.searchsorted(near, best) % step :: step].tolist()
    model, scores = replace(fit.profile.model, family=fit.family), []
    for number in measured:
        # The log density of one sweep at the maximum over the others.
        kept = np.arange(data.x.shape[1]) != number
        profile = profile_of_sites(model, _sweeps(data, kept), near, has_posterior=False)
        row = int(profile.best[0])
        alone = Likelihood(model, _sweeps(data, ~kept), profile.sites[row])
        alone.outlier_density = profile.likelihood(row).outlier_density
        value = alone.at(profile.theta[row], np.arange(1), value_only=True).value[0]
        count = np.isfinite(data.x[0, ~kept]).sum()
        scores.append(float(value - count * np.log(abs(fit.scale))))
    return HeldOut(float(np.mean(scores)), float(np.std(scores, ddof=1) / np.sqrt(len(scores))))


def _sweeps(data: Responses, kept: NDArray[np.bool_]) -> Responses:
    """Return some sweeps; what the baseline says of the noise stays with the larger part only."""
    measured = ("baseline_count", "noise_error") if kept.sum() < 2 else ()
    none = {name: np.zeros_like(getattr(data, name)) for name in measured}
    gaps = None if data.gaps is None else data.gaps[kept]
    return replace(data, x=data.x[:, kept], gaps=gaps, condition=data.condition[kept], **none)


@checked_types
def variability_table(
    fit: ReleaseFit, values: Annotated[tuple[Cv, ...], MinLen(1)] = (0.0, 0.2, 0.3, 0.4, 0.5)
) -> list[dict[str, Any]]:
    """Return n, p, q and log likelihood with these coefficients of variation of quanta within sites as given.

    Free quantal variability and free n cannot be told apart upwards: this shows what depends on it.
    """
    from biophys.recordings.fitting import refitted

    rows = []
    for value in values:
        other = fit if fit.recording.variability.within == value else refitted(fit, within=value)
        row: dict[str, Any] = {"within": value, "log_likelihood": other.log_likelihood}
        row |= {k: v.value for k, v in other.values.items() if k[0] in "npq" and k != "noise"}
        rows.append(row)
    return rows
