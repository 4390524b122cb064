"""Whether a fitted model explains its recording: residuals, what they depend on, and simulated recordings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from biophys.argument_types import Count, checked_types
from biophys.recordings.likelihood import Likelihood, is_limit
from biophys.recordings.recording import Recording
from biophys.recordings.release_fit import ReleaseFit
from biophys.units import FloatArray

# Looked at many fits: a warning is for what chance gives to one in a hundred of them.
_ALPHA = 0.01
# Responses of drawn recordings that are fitted together, so that memory stays small.
_AT_ONCE = 20_000


def diagnostics_of(fit: ReleaseFit) -> dict[str, Any]:
    """Return tests of the residuals, outliers and serial dependence, and ``"warnings"`` in sentences."""
    z = fit.residuals
    tests = residual_tests(z)
    values = np.concatenate(z)
    values = values[np.isfinite(values)]
    found = {
        "residual_sd": float(values.std()),
        "residual_tests": tests,
        "serial": fit.serial,
        "first_of_sweep": _first_of_sweeps(z),
        "largest_residual": float(np.abs(values).max()),
    }
    found["warnings"] = list(_warnings(fit, found))
    return found


def residual_tests(z: list[FloatArray]) -> dict[str, tuple[float, float]]:
    """Return statistic and p of each test of one-step residuals, in their order within sweeps.

    ``"normal"``: Kolmogorov and Smirnov. ``"lag 1"``: correlation of neighbours within sweeps.
    ``"position"``: mean by position in the sweep.
    """
    from scipy.stats import chi2, kstest, norm

    values = np.concatenate(z)
    values = values[np.isfinite(values)]
    fit_to_normal = kstest(values, "norm")
    tests = {"normal": (float(fit_to_normal.statistic), float(fit_to_normal.pvalue))}
    pairs = np.concatenate([row[1:] * row[:-1] for row in z if row.size > 1] or [np.zeros(0)])
    pairs = pairs[np.isfinite(pairs)]
    if pairs.size >= 10:
        # About the mean 0 of the model, not about their own: so a correlation stays below 1.
        r = float(pairs.mean() / max(np.mean(values**2), np.finfo(float).tiny))
        tests["lag 1"] = (r, float(2 * norm.sf(abs(r) * np.sqrt(pairs.size))))
    sizes = {row.size for row in z}
    if len(z) >= 3 and len(sizes) == 1 and sizes.pop() > 1:
        table = np.stack(z)
        count = np.isfinite(table).sum(axis=0)
        mean = np.nanmean(table[:, count > 0], axis=0)
        statistic = float(np.sum(count[count > 0] * mean**2))
        tests["position"] = (statistic, float(chi2.sf(statistic, mean.size)))
    variance = float(np.sum(values**2))
    both = min(chi2.cdf(variance, values.size), chi2.sf(variance, values.size))
    tests["variance"] = (variance / values.size, float(min(1.0, 2 * both)))
    return tests


def _first_of_sweeps(z: list[FloatArray]) -> tuple[float, float] | None:
    """Return mean residual of the first responses of all sweeps and its p."""
    from scipy.stats import norm

    first = np.array([row[0] for row in z if row.size > 1])
    first = first[np.isfinite(first)]
    if first.size < 3:
        return None
    mean = float(first.mean())
    return mean, float(2 * norm.sf(abs(mean) * np.sqrt(first.size)))


def _warnings(fit: ReleaseFit, found: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader must know, in sentences."""
    yield from noise_too_large(fit.recording)
    if fit.serial is not None and fit.serial.is_dependent:
        yield fit.serial.text
    if not fit.n.identified:
        yield fit.identifiability_text
    if fit.bic > fit.bic_normal:
        yield "BIC prefers normal responses of free mean and variance: the recording shows no quanta"
    first = found["first_of_sweep"]
    if first is not None and first[1] < _ALPHA and fit.kind in ("depletion", "depletion+facilitation"):
        yield (
            f"the first response of a sweep is {'larger' if first[0] > 0 else 'smaller'} than predicted "
            f"(mean residual {first[0]:.2f}, p = {first[1]:.2g}): one rate of recovery does not explain it, "
            "and p at rest is off; fit dynamics='two-rate'"
        )
    for name, (statistic, p) in found["residual_tests"].items():
        if p < _ALPHA:
            has_none = name == "position" and fit.kind == "none"
            text = _RESIDUAL_TEXTS["no dynamics" if has_none else name]
            yield text.format(statistic=statistic, p=p)
    if found["residual_tests"]["variance"][0] < 0.8:
        yield "residuals vary less than those of a binomial with these sites: other sites, or a higher p"
    yield from fit.implausible
    yield from _of_skewed_quanta(fit)
    if fit.recording.variability.within == 0.0:
        yield "quantal variability was taken as 0: n and p hang on it (variability_table); take that of minis"
    yield from _of_odd_values(fit, found["largest_residual"])


def _of_odd_values(fit: ReleaseFit, largest_residual: float) -> Iterator[str]:
    """Say which responses lie far from all others, and that failures were written as 0."""
    sizes = np.abs(fit.recording.amplitudes)
    sizes = sizes[np.isfinite(sizes)]
    # An artefact may be explained as a quantum of its own, with no residual.
    usual = float(np.quantile(sizes, 0.95, method="lower"))
    n_far = int(np.sum(sizes > 10.0 * usual)) if usual > 0 else 0
    seen = [f"a response lies {largest_residual:.1f} sd off"] if largest_residual > 6.0 else []
    seen += [f"{n_far} of the responses exceed ten times what 95 % of them reach"] if n_far else []
    if seen and not fit.profile.model.is_robust:
        yield f"{', and '.join(seen)}: an artefact? Fit with robust=True"
    n_zero, repeats = int(np.sum(sizes == 0)), np.unique(sizes[sizes > 0], return_counts=True)[1]
    # Among responses that are mostly unlike, as few are near 0 as were measured there.
    n_near = np.sum((sizes > 0) & (sizes < 0.03 * usual))
    is_fine = repeats.size > 0.7 * np.sum(sizes > 0)
    if n_zero >= 3 and (n_zero > 3 * repeats.max() or (is_fine and n_zero > n_near)):
        remedy = "Give what was measured, the noise of failures is that of all responses"
        yield f"{n_zero} responses are exactly 0: failures written as 0? {remedy}"
    n_last = int(np.sum(sizes == sizes.max()))
    if n_last >= 3 and n_last > 3 * np.append(repeats[:-1], 0).max() and repeats.size > 10:
        last = f"{n_last} responses are exactly the largest"
        yield f"{last}, {sizes.max():.4g}: a saturated amplifier? n, p and q are then too small"


def noise_too_large(recording: Recording) -> Iterator[str]:
    """Say where the noise that was stated exceeds the spread of the responses beyond chance."""
    from scipy.stats import chi2

    for label, (sd, error, count) in zip(recording.labels, recording.noises, strict=False):
        values = recording.amplitudes[recording.is_of(label)]
        values = values[np.isfinite(values)]
        # A noise that was measured is known up to its error only.
        least = sd - 4.0 * max(error, sd / np.sqrt(2.0 * count) if count else 0.0)
        spread = float(values.std(ddof=1))
        if least > 0 and chi2.cdf((values.size - 1) * (spread / least) ** 2, values.size - 1) < 1e-4:
            where = f" of {label}" if len(recording.labels) > 1 else ""
            yield (
                f"the noise ({sd:.4g} {recording.unit_text}) is larger than the sd of the responses{where} "
                f"({spread:.4g}): are its value and unit right?"
            )


def _of_skewed_quanta(fit: ReleaseFit) -> Iterator[str]:
    """Say where normal quanta were asked for and gamma ones explain the recording better."""
    model, sites = fit.profile.model, fit.profile.sites[fit.best_row]
    is_open = model.between or fit.recording.variability.within == 0 or is_limit(sites)
    if fit.recording.variability.families != ["normal"] or is_open:
        return
    theta, rows = fit.profile.theta[fit.best_row], np.zeros(1, int)
    gamma = Likelihood(replace(model, family="gamma"), fit.profile.data, sites)
    gain = float(gamma.at(theta, rows, value_only=True).value[0] - fit.profile.value[fit.best_row, 0])
    if gain > _TELLING:
        better = f"better (log likelihood +{gain:.1f} at the same n, p and q)"
        remedy = "intervals hold less often than they say; allow them with family='normal or gamma'"
        yield f"gamma quanta explain the skew of the responses {better}: {remedy}"


# Two log units: what a criterion of information asks of one parameter at a hundred responses.
_TELLING = 2.0


_RESIDUAL_TEXTS = {
    "normal": "the distribution of the residuals is not that of the model (KS p = {p:.2g})",
    "lag 1": "residuals of neighbouring responses correlate ({statistic:.2f}, p = {p:.2g}): drift, or "
    "p or q change together",
    "position": "residuals depend on the position in the sweep (p = {p:.2g}): the dynamics do not explain it",
    "no dynamics": "residuals depend on the position in the sweep (p = {p:.2g}): no dynamics were "
    "fitted; give dynamics='depletion' with the times of the stimuli",
    "variance": "residual variance {statistic:.2f} instead of 1 (p = {p:.2g})",
}


@dataclass(frozen=True)
class GoodnessOfFit:
    """Bootstrap p of statistics of a recording under the fitted model, from `n_simulated` recordings.

    They are small where recordings drawn from the fit hardly reach what was measured. Residuals are those of
    each response given the ones before it, of variance 1 under the model; responses are as they were
    measured.
    """

    p_values: dict[str, float]
    n_simulated: int


@checked_types
def goodness_of_fit(fit: ReleaseFit, *, rng: np.random.Generator, n_simulated: Count = 199) -> GoodnessOfFit:
    """Compare a recording with `n_simulated` others drawn from its fit.

    The p-values are of the distribution, lag-1 correlation, position and first-of-sweep means of the
    residuals, and of skewness, extreme and variance of the responses; of robust fits of the residuals only,
    as artefacts have no law. The model is fitted again to every drawn recording, with as many sites: a fit
    comes closer to its own recording than the truth does.

    >>> import numpy as np, quantities as pq
    >>> from brianpresyn.biophys.recordings.fitting import fit_release
    >>> rng = np.random.default_rng(4)
    >>> x = rng.binomial(3, 0.4, 150) * 10.0 + rng.normal(0, 2, 150)
    >>> fit = fit_release(x * pq.pA, noise=2 * pq.pA)
    >>> min(goodness_of_fit(fit, rng=rng, n_simulated=49).p_values.values()) > 0.01
    True
    """
    measured = _statistics(fit.residuals, fit.recording.sweeps)
    if fit.profile.model.is_robust:
        measured = {name: value for name, value in measured.items() if "response" not in name}
    draws: dict[str, list[float]] = {name: [] for name in measured}
    simulated = [fit.simulate(rng=rng) for _ in range(n_simulated)]
    size = max(1, _AT_ONCE // fit.n_responses)
    for some in (simulated[i : i + size] for i in range(0, n_simulated, size)):
        for sweeps, z in zip(some, fit.residuals_of_drawn(some), strict=True):
            drawn = _statistics(z, sweeps)
            for name in measured:
                draws[name].append(drawn[name])
    p_values = {}
    for name, value in measured.items():
        above = np.sum(np.array(draws[name]) >= value) + 1.0
        below = np.sum(np.array(draws[name]) <= value) + 1.0
        is_one_sided = name in ("distribution", "position")
        share = above if is_one_sided else 2.0 * min(above, below)
        p_values[name] = float(min(share / (n_simulated + 1.0), 1.0))
    return GoodnessOfFit(p_values, n_simulated)


def _statistics(z: list[FloatArray], sweeps: list[FloatArray]) -> dict[str, float]:
    from scipy.stats import skew

    tests = residual_tests(z)
    values = np.concatenate(sweeps)
    values = values[np.isfinite(values)]
    found = {"distribution": tests["normal"][0], "variance of residuals": tests["variance"][0]}
    if "lag 1" in tests:
        found["lag 1"] = tests["lag 1"][0]
    if "position" in tests:
        found["position"] = tests["position"][0]
    first = _first_of_sweeps(z)
    if first is not None:
        found["first of a sweep"] = first[0]
    return found | {
        "skewness of responses": float(skew(values)),
        "largest response": float(np.abs(values).max()),
        "variance of responses": float(values.var()),
    }
