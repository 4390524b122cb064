"""Whether responses that are to be taken as independent are so: in order, within sweeps, over time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biophys.argument_types import checked_types
from biophys.units import FloatArray, plain_numbers

# Shares of the false alarms of one in a hundred recordings. That of neighbours is small because its
# chi-square distribution is too narrow for few responses, and because depression that repeats in every sweep
# is seen best in the first responses.
_LEVELS = {"neighbours": 0.003, "run-down": 0.002, "first of a sweep": 0.006, "position in the sweep": 0.001}


class SerialDependenceWarning(UserWarning):
    """Responses depend on those before them: estimators for independent trials do not apply."""


@dataclass(frozen=True)
class SerialDependence:
    """Tests of responses in the order of recording.

    Parameters
    ----------
    lag_one : correlation of neighbouring responses
    p_values
        Of each test by name: ``"neighbours"`` (Ljung and Box), ``"run-down"`` (Spearman), and with sweeps
        ``"first of a sweep"`` (Mann and Whitney) and ``"position in the sweep"`` (Kruskal and Wallis).
    is_dependent
        Whether a p is below the level of its test; together they alarm in one of a hundred recordings.
    """

    lag_one: float
    p_values: dict[str, float]
    is_dependent: bool

    @property
    def text(self) -> str:
        """What was seen and what to do, in one sentence."""
        name = min(self.p_values, key=lambda key: self.p_values[key] / _LEVELS[key])
        seen = f"{name}: p = {self.p_values[name]:.2g}, lag-1 correlation {self.lag_one:.2f}"
        if not self.is_dependent:
            return f"no serial dependence ({seen})"
        if name == "run-down":
            return f"responses drift over the experiment ({seen}): fit a stretch without drift"
        drift = self.p_values.get("run-down", 1.0)
        return (
            f"responses are not independent ({seen}): if they come from trains, give dynamics='depletion' "
            "with their spike_times= or intervals="
        ) + f", or fit a stretch without drift (run-down: p = {drift:.2g})" * (drift < _LEVELS["run-down"])


@checked_types
def serial_dependence(amplitudes: Any, sweep: ArrayLike | None = None) -> SerialDependence:
    """Test whether responses, in the order of recording, are independent of each other.

    Parameters
    ----------
    amplitudes : at least eight, plain or with a unit, shape (responses,) or (sweeps, stimuli); NaN = missing.
    sweep
        Number of the sweep of each response. Ask for it: strong depression that repeats in every sweep is
        seen in the first responses, and hardly in the order alone.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> serial_dependence(rng.normal(size=200)).is_dependent
    False
    >>> serial_dependence(np.cumsum(rng.normal(size=200))).is_dependent
    True
    """
    from scipy.stats import chi2, kruskal, mannwhitneyu, spearmanr

    x = plain_numbers(getattr(amplitudes, "magnitude", amplitudes), "amplitudes")
    if x.ndim == 2:
        sweep = np.repeat(np.arange(x.shape[0]), x.shape[1]) if sweep is None else sweep
    x = x.ravel()
    label = np.zeros(x.size, int) if sweep is None else np.unique(np.asarray(sweep), return_inverse=True)[1]
    if label.size != x.size:
        raise ValueError(f"sweep needs one number for each of {x.size} responses, got {label.size}")
    if np.sum(np.isfinite(x)) < 8:
        raise ValueError(f"amplitudes need eight responses for this test, got {np.sum(np.isfinite(x))}")
    is_there = np.isfinite(x)
    correlations, pairs = _autocorrelations(x, label)
    p_values, used = {"neighbours": 1.0}, pairs >= 10
    if np.any(used):
        # Each lag has variance of about one over its pairs; a mean over few sweeps pulls it below 0.
        squares = (correlations[used] + 1.0 / (pairs[used] + 1.0)) ** 2
        p_values["neighbours"] = float(chi2.sf(np.sum(pairs[used] * squares), used.sum()))
    order = np.arange(x.size)[is_there]
    if np.ptp(x[is_there]) > 0:
        p_values["run-down"] = float(spearmanr(order, x[is_there]).pvalue)
    position = np.concatenate([np.arange(c) for c in np.bincount(label)]) if label.max() else None
    if position is not None and position.max() > 0:
        position = position[np.argsort(np.argsort(label, kind="stable"), kind="stable")]
        first = is_there & (position == 0)
        if first.sum() >= 3:
            p_values["first of a sweep"] = float(mannwhitneyu(x[first], x[is_there & ~first]).pvalue)
        groups = [x[is_there & (position == i)] for i in range(position.max() + 1)]
        groups = [group for group in groups if group.size > 1]
        # The chi-square approximation wants more than a handful in each group.
        if len(groups) > 1 and min(group.size for group in groups) >= 5:
            p_values["position in the sweep"] = float(kruskal(*groups).pvalue)
    is_dependent = any(p < _LEVELS[name] for name, p in p_values.items())
    return SerialDependence(float(correlations[0]), p_values, is_dependent)


def _autocorrelations(x: FloatArray, label: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """Return the autocorrelation within sweeps at each lag, and the number of pairs."""
    is_there = np.isfinite(x)
    d = np.where(is_there, x - x[is_there].mean(), 0.0)
    variance = np.sum(d**2) / is_there.sum()
    n_lags = max(1, min(10, is_there.sum() // 5))
    correlations, pairs = np.zeros(n_lags), np.zeros(n_lags)
    for lag in range(1, min(n_lags, x.size - 1) + 1):
        is_pair = (label[lag:] == label[:-lag]) & is_there[lag:] & is_there[:-lag]
        pairs[lag - 1] = is_pair.sum()
        if pairs[lag - 1]:
            correlations[lag - 1] = np.sum((d[lag:] * d[:-lag])[is_pair]) / pairs[lag - 1] / variance
    return correlations, pairs
