r"""Release probability and refilling of a train, with their derivatives by what governs them.

Facilitation: :math:`u_1 = P`, :math:`u_{t+1} = P + [u_t + f (1 - u_t) - P]\,e^{-\Delta / F}`; f = P gives
:class:`biophys.ShortTermDynamics`. Refilling: :math:`g = 1 - e^{-\Delta / \tau}`, or with two rates
:math:`g = 1 - A e^{-\Delta / \tau_1} - (1 - A) e^{-\Delta / \tau_2}`, whether an empty site is a fast one
being drawn anew at every stimulus. Depression that does not depend on release: every site is full,
:math:`u_t` is multiplied by :math:`1 - d_t`, :math:`d_{t+1} = [d_t + \delta (1 - d_t)]\,e^{-\Delta / \tau}`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from biophys.units import FloatArray

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
    return Drive(_probabilities(kind, values, p, gaps), _emptiness(kind, values, p, gaps))


def _share(log_odds: FloatArray) -> FloatArray:
    return 1.0 / (1.0 + np.exp(-log_odds))


def _kept(log_time: FloatArray, gaps: FloatArray) -> FloatArray:
    return np.exp(-gaps * np.exp(-log_time))


def _emptiness(kind: str, values: dict[str, FloatArray], p: FloatArray, gaps: FloatArray) -> FloatArray:
    if "depletion" in kind:
        return _kept(values["recovery"], gaps) + np.zeros((*p.shape, 1))
    if "two-rate" in kind:
        fast = _share(values["fast_share"])
        slow = _kept(values["slow_recovery"], gaps)
        return fast * _kept(values["recovery"], gaps) + (1.0 - fast) * slow + np.zeros((*p.shape, 1))
    return np.zeros((*p.shape, gaps.shape[-1]))


def _probabilities(kind: str, values: dict[str, FloatArray], p: FloatArray, gaps: FloatArray) -> FloatArray:
    u = np.broadcast_to(p[..., None], (*p.shape, gaps.shape[-1])).copy()
    if "facilitation" in values:
        kept = _kept(values["facilitation"], gaps)
        f = _share(values["increment"][..., 0]) if "increment" in values else p
        for t in range(1, gaps.shape[-1]):
            u[..., t] = p + (u[..., t - 1] + f * (1.0 - u[..., t - 1]) - p) * kept[..., t]
    if "depression" in values:
        u = u * (1.0 - _depressions(values, p, gaps))
    return u


def _depressions(values: dict[str, FloatArray], p: FloatArray, gaps: FloatArray) -> FloatArray:
    d = np.zeros((*p.shape, gaps.shape[-1]))
    kept, step = _kept(values["recovery"], gaps), _share(values["depression"][..., 0])
    for t in range(1, gaps.shape[-1]):
        d[..., t] = (d[..., t - 1] + step * (1.0 - d[..., t - 1])) * kept[..., t]
    return d


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
        _through_refilling(kind, values, gaps, by_empty, by)
    columns = [by[name] for name in values]
    return by_p, np.stack(columns, axis=-1) if columns else np.zeros((psi.shape[0], 0))


def _by_log_time(log_time: FloatArray, gaps: FloatArray) -> FloatArray:
    """Return the derivative of exp(-gap / time) by log time."""
    ratio = gaps * np.exp(-log_time)
    return np.exp(-ratio) * ratio


def _through_refilling(
    kind: str,
    values: dict[str, FloatArray],
    gaps: FloatArray,
    by_empty: FloatArray,
    by: dict[str, FloatArray],
) -> None:
    slope = by_empty[..., 1:]
    inner = gaps[..., 1:]
    fast = _share(values["fast_share"]) if "two-rate" in kind else 1.0
    by["recovery"] += np.sum(slope * fast * _by_log_time(values["recovery"], inner), axis=(1, 2))
    if "two-rate" in kind:
        by["slow_recovery"] += np.sum(
            slope * (1.0 - fast) * _by_log_time(values["slow_recovery"], inner), axis=(1, 2)
        )
        apart = _kept(values["recovery"], inner) - _kept(values["slow_recovery"], inner)
        by["fast_share"] += np.sum(slope * fast * (1.0 - fast) * apart, axis=(1, 2))


def _through_facilitation(
    values: dict[str, FloatArray],
    p: FloatArray,
    gaps: FloatArray,
    by_u: FloatArray,
    by: dict[str, FloatArray],
) -> FloatArray:
    u = _probabilities("", {k: v for k, v in values.items() if k != "depression"}, p, gaps)
    kept = np.broadcast_to(_kept(values["facilitation"], gaps), u.shape)
    is_free = "increment" in values
    f = _share(values["increment"][..., 0]) if is_free else p
    by_p, by_f, by_kept = np.zeros_like(p), np.zeros_like(p), np.zeros_like(u)
    total = by_u[..., -1].copy()
    for t in range(gaps.shape[-1] - 1, 0, -1):
        before = u[..., t - 1]
        by_p += total * (1.0 - kept[..., t])
        by_f += total * (1.0 - before) * kept[..., t]
        by_kept[..., t] = total * (before + f * (1.0 - before) - p)
        total = by_u[..., t - 1] + total * (1.0 - f) * kept[..., t]
    by_p += total
    by["facilitation"] += np.sum(by_kept * _by_log_time(values["facilitation"], gaps), axis=(1, 2))
    if not is_free:
        return by_p + by_f
    by["increment"] += np.sum(by_f * f * (1.0 - f), axis=1)
    return by_p


def _through_depression(
    values: dict[str, FloatArray],
    p: FloatArray,
    gaps: FloatArray,
    by_u: FloatArray,
    by: dict[str, FloatArray],
) -> FloatArray:
    d = _depressions(values, p, gaps)
    kept = np.broadcast_to(_kept(values["recovery"], gaps), d.shape)
    step = _share(values["depression"][..., 0])
    undepressed = _probabilities("", {k: v for k, v in values.items() if k == "facilitation"}, p, gaps)
    by_d = -by_u * undepressed
    by_kept, by_step = np.zeros_like(d), np.zeros_like(p)
    total = by_d[..., -1].copy()
    for t in range(gaps.shape[-1] - 1, 0, -1):
        before = d[..., t - 1]
        by_step += total * (1.0 - before) * kept[..., t]
        by_kept[..., t] = total * (before + step * (1.0 - before))
        total = by_d[..., t - 1] + total * (1.0 - step) * kept[..., t]
    by["recovery"] += np.sum(by_kept * _by_log_time(values["recovery"], gaps), axis=(1, 2))
    by["depression"] += np.sum(by_step * step * (1.0 - step), axis=1)
    return by_u * (1.0 - d)
