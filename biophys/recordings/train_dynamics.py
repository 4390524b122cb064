r"""Release probability and refilling of a train, with their derivatives by what governs them.

Facilitation: :math:`u_1 = P`, :math:`u_{t+1} = P + [u_t + f (1 - u_t) - P]\,e^{-\Delta / F}`; f = P gives
:class:`biophys.ShortTermDynamics`. Refilling: :math:`g = 1 - e^{-\Delta / \tau}`, or with two rates
:math:`g = 1 - A e^{-\Delta / \tau_1} - (1 - A) e^{-\Delta / \tau_2}`, whether an empty site is a fast one
being drawn anew at every stimulus. Depression that does not depend on release: every site is full,
:math:`u_t` is multiplied by :math:`1 - d_t`, :math:`d_{t+1} = [d_t + \delta (1 - d_t)]\,e^{-\Delta / \tau}`.
"""

from dataclasses import dataclass

import numpy as np

from biophys.units import FloatArray

Coordinates = dict[str, FloatArray]

DYNAMICS: dict[str, tuple[str, ...]] = {
    "none": (),
    "depletion": ("recovery",),
    "facilitation": ("facilitation",),
    "depletion+facilitation": ("recovery", "facilitation"),
    "depletion+free facilitation": ("recovery", "facilitation", "increment"),
    "two-rate": ("recovery", "fast_share", "slow_recovery"),
    "two-rate+facilitation": ("recovery", "fast_share", "slow_recovery", "facilitation"),
    "release-independent": ("depression", "recovery"),
}
"""Names of the coordinates of each kind: logarithms of times in ms, log odds of shares."""


@dataclass(frozen=True, eq=False)
class Drive:
    """Release probability u and chance 1 - g to stay empty of every stimulus, (rows, sweeps, stimuli)."""

    u: FloatArray
    empty: FloatArray


def drive(kind: str, p: FloatArray, psi: FloatArray, gaps: FloatArray) -> Drive:
    """Return u and 1 - g of every stimulus under a kind of :data:`DYNAMICS`.

    `p` at rest has the shape (rows, sweeps), the coordinates `psi` of the kind (rows, names), and the `gaps`
    in ms before each stimulus (sweeps, stimuli), of which the first of a sweep is not used.
    """
    values = dict(zip(DYNAMICS[kind], psi.T[..., None, None], strict=True))
    u = _probabilities(values, p, gaps)
    if "depression" in values:
        u = u * (1.0 - _depressions(values, p, gaps))
    return Drive(u, _emptiness(kind, values, p, gaps))


def _share(log_odds: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-log_odds))


def _kept(log_time: FloatArray, gaps: FloatArray) -> FloatArray:
    return np.exp(-gaps * np.exp(-log_time))


def _emptiness(kind: str, values: Coordinates, p: FloatArray, gaps: FloatArray) -> FloatArray:
    if "depletion" in kind:
        return _kept(values["recovery"], gaps) + np.zeros((*p.shape, 1))
    if "two-rate" in kind:
        fast = _share(values["fast_share"])
        slow = _kept(values["slow_recovery"], gaps)
        return fast * _kept(values["recovery"], gaps) + (1.0 - fast) * slow + np.zeros((*p.shape, 1))
    return np.zeros((*p.shape, gaps.shape[-1]))


def _probabilities(values: Coordinates, p: FloatArray, gaps: FloatArray) -> FloatArray:
    """Return the release probability of full sites, without the depression that does not hang on release."""
    if "facilitation" not in values:
        return np.broadcast_to(p[..., None], (*p.shape, gaps.shape[-1])).copy()
    f = _share(values["increment"][..., 0]) if "increment" in values else p
    return _increments(p, f, _kept(values["facilitation"], gaps))


def _depressions(values: Coordinates, p: FloatArray, gaps: FloatArray) -> FloatArray:
    step = _share(values["depression"][..., 0])
    return _increments(np.zeros_like(p), step, _kept(values["recovery"], gaps))


def _increments(start: FloatArray, f: FloatArray, kept: FloatArray) -> FloatArray:
    """Return y of every stimulus, which a stimulus moves by f (1 - y) and time brings back to its start."""
    y = np.broadcast_to(start[..., None], (*start.shape, kept.shape[-1])).copy()
    for t in range(1, kept.shape[-1]):
        y[..., t] = start + (y[..., t - 1] + f * (1.0 - y[..., t - 1]) - start) * kept[..., t]
    return y


def _through_increments(
    start: FloatArray, f: FloatArray, kept: FloatArray, y: FloatArray, by_y: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the derivatives by start, f and kept from those by the y of `_increments`."""
    kept = np.broadcast_to(kept, y.shape)
    by_start, by_f, by_kept = np.zeros_like(start), np.zeros_like(start), np.zeros_like(y)
    total = by_y[..., -1].copy()
    for t in range(y.shape[-1] - 1, 0, -1):
        before = y[..., t - 1]
        by_start += total * (1.0 - kept[..., t])
        by_f += total * (1.0 - before) * kept[..., t]
        by_kept[..., t] = total * (before + f * (1.0 - before) - start)
        total = by_y[..., t - 1] + total * (1.0 - f) * kept[..., t]
    return by_start + total, by_f, by_kept


def pull_back(
    kind: str, p: FloatArray, psi: FloatArray, gaps: FloatArray, by_u: FloatArray, by_empty: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return derivatives by p (rows, sweeps) and by coordinates (rows, names) from those by u and 1 - g."""
    values = dict(zip(DYNAMICS[kind], psi.T[..., None, None], strict=True))
    by = {name: np.zeros(psi.shape[0]) for name in values}
    if "depression" in values:
        by_u = _through_depression(values, p, gaps, by_u, by)
    by_p = _through_facilitation(values, p, gaps, by_u, by) if "facilitation" in values else by_u.sum(axis=-1)
    if "depletion" in kind or "two-rate" in kind:
        slope, inner = by_empty[..., 1:], gaps[..., 1:]
        fast = _share(values["fast_share"]) if "two-rate" in kind else 1.0
        by["recovery"] += np.sum(slope * fast * _by_log_time(values["recovery"], inner), axis=(1, 2))
        if "two-rate" in kind:
            by_slow = slope * (1.0 - fast) * _by_log_time(values["slow_recovery"], inner)
            by["slow_recovery"] += np.sum(by_slow, axis=(1, 2))
            apart = _kept(values["recovery"], inner) - _kept(values["slow_recovery"], inner)
            by["fast_share"] += np.sum(slope * fast * (1.0 - fast) * apart, axis=(1, 2))
    columns = [by[name] for name in values]
    return by_p, np.stack(columns, axis=-1) if columns else np.zeros((psi.shape[0], 0))


def _by_log_time(log_time: FloatArray, gaps: FloatArray) -> FloatArray:
    """Return the derivative of exp(-gap / time) by log time."""
    ratio = gaps * np.exp(-log_time)
    return np.exp(-ratio) * ratio


def _through_facilitation(
    values: Coordinates, p: FloatArray, gaps: FloatArray, by_u: FloatArray, by: Coordinates
) -> FloatArray:
    f = _share(values["increment"][..., 0]) if "increment" in values else p
    u, kept = _probabilities(values, p, gaps), _kept(values["facilitation"], gaps)
    by_p, by_f, by_kept = _through_increments(p, f, kept, u, by_u)
    by["facilitation"] += np.sum(by_kept * _by_log_time(values["facilitation"], gaps), axis=(1, 2))
    if "increment" not in values:
        return by_p + by_f
    by["increment"] += np.sum(by_f * f * (1.0 - f), axis=1)
    return by_p


def _through_depression(
    values: Coordinates, p: FloatArray, gaps: FloatArray, by_u: FloatArray, by: Coordinates
) -> FloatArray:
    d, kept = _depressions(values, p, gaps), _kept(values["recovery"], gaps)
    step = _share(values["depression"][..., 0])
    by_d = -by_u * _probabilities(values, p, gaps)
    _, by_step, by_kept = _through_increments(np.zeros_like(p), step, kept, d, by_d)
    by["recovery"] += np.sum(by_kept * _by_log_time(values["recovery"], gaps), axis=(1, 2))
    by["depression"] += np.sum(by_step * step * (1.0 - step), axis=1)
    return by_u * (1.0 - d)
