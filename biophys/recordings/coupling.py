"""Correlation of release probability and relative change that arises without any relation between the two.

The release probability before, p, is a factor of the strength before, w = p q, by which the change is
divided; and both are estimates from a limited number of sweeps. Either makes p and ``|w_after - w| / w``
correlate negatively.
"""

import numpy as np
import quantities as pq

from biophys.association import pearson
from biophys.recordings.recorded_connections import N_SITES, PlasticityRecordings
from biophys.units import magnitude_in

SMALLEST_CHANGE = 0.05
"""Every recorded connection changed by more than this fraction, in the direction of its induction."""


def correlations_if_additive(
    recordings: PlasticityRecordings, n_draws: int, *, rng: np.random.Generator
) -> np.ndarray:
    """Return `n_draws` r of p and relative change if the *absolute* change did not depend on the synapse.

    The recorded changes in mV are dealt out at random to the connections of the same induction; no strength
    falls below zero.
    """
    change = dealt_changes(recordings, n_draws, rng)
    return pearson(recordings.p_before, change, np.ones_like(change))


def correlations_without_relation(
    recordings: PlasticityRecordings, n_draws: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return `n_draws` r that coupling and estimation alone give, by what is supposed of the change."""
    drawn = {
        "change in mV independent of the synapse": correlations_if_additive(recordings, n_draws, rng=rng)
    }
    for n_sweeps in (20, 50, 100):
        supposed = f"relative change independent of it, estimated from {n_sweeps} sweeps"
        drawn[supposed] = correlations_from_estimation(recordings, n_draws, n_sweeps=n_sweeps, rng=rng)
    return drawn


def dealt_changes(recordings: PlasticityRecordings, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return relative changes, shape (n_draws, n), from absolute ones dealt out at random."""
    before = magnitude_in(recordings.w_before, pq.mV)
    change = np.abs(magnitude_in(recordings.w_after, pq.mV) - before)
    dealt = change[_permuted(recordings.induction, n_draws, rng)]
    return np.where(recordings.induction == "LTD", np.minimum(dealt, before), dealt) / before


def correlations_from_estimation(
    recordings: PlasticityRecordings, n_draws: int, *, n_sweeps: int, rng: np.random.Generator
) -> np.ndarray:
    """Return `n_draws` r of p and relative change if the *relative* change did not depend on the synapse.

    What is left is the error of the estimates. The recorded p and q are taken for true, the recorded ratios
    of strength (with the p after that goes with them) are dealt out at random to the connections of the same
    induction, and mean (normal) and variance (chi-square distributed) of the EPSP are drawn for `n_sweeps`
    sweeps before and after; p and w follow from them by p = 1 / (1 + N var / mean^2) and w = mean / N.
    Connections whose drawn change is below the smallest recorded one, or of the wrong sign, are left out, as
    they are from the recordings.
    """
    dealt = _permuted(recordings.induction, n_draws, rng)
    ratio = (1.0 + recordings.relative_change)[dealt]
    mean = N_SITES * magnitude_in(recordings.w_before, pq.mV)
    estimated_before, p = _estimates(mean, recordings.p_before, n_sweeps, dealt.shape, rng)
    estimated_after, _ = _estimates(mean * ratio, recordings.p_after[dealt], n_sweeps, dealt.shape, rng)
    change = estimated_after / estimated_before - 1.0
    is_kept = np.where(recordings.induction == "LTP", change, -change) > SMALLEST_CHANGE
    return pearson(p, np.abs(change), is_kept.astype(float))


def _estimates(
    mean: np.ndarray, p: np.ndarray, n_sweeps: int, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn means and the release probabilities that follow from drawn means and variances."""
    variance = mean**2 * (1 - p) / (N_SITES * p)
    drawn_mean = mean + np.sqrt(variance / n_sweeps) * rng.standard_normal(shape)
    drawn_variance = variance * rng.chisquare(n_sweeps - 1, size=shape) / (n_sweeps - 1)
    return drawn_mean, 1.0 / (1.0 + N_SITES * drawn_variance / drawn_mean**2)


def _permuted(group: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows of positions, shape (n_draws, n), permuted within each group."""
    positions = np.tile(np.arange(len(group)), (n_draws, 1))
    for name in np.unique(group):
        members = np.flatnonzero(group == name)
        positions[:, members] = rng.permuted(positions[:, members], axis=1)
    return positions
