"""Climb many small likelihoods at once, each to its own maximum, and follow their profiles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biophys.units import FloatArray

Evaluate = Callable[[FloatArray, NDArray[np.intp]], "Point"]
"""From coordinates (rows, D) and the numbers of these rows in the batch, their :class:`Point`."""


# The farthest first point of a profile: a factor of 7 in odds, sizes or times.
_FIRST = 2.0


@dataclass(frozen=True, eq=False)
class Point:
    """Log likelihoods (rows,) of a batch with their gradient (rows, D) and second derivatives (rows, D, D).

    Where `hessian` is None only the gradient is known: the curvature is then built up on the way (BFGS).
    """

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Summit:
    """Maxima of a batch: coordinates (rows, D), log likelihoods, minus second derivatives (rows, D, D)."""

    theta: FloatArray
    value: FloatArray
    curvature: FloatArray

    def take(self, rows: NDArray[Any]) -> "Summit":
        """Return those of some rows."""
        return Summit(self.theta[rows], self.value[rows], self.curvature[rows])


def ascend(
    evaluate: Evaluate,
    theta: FloatArray,
    bounds: tuple[FloatArray, FloatArray],
    *,
    is_held: NDArray[np.bool_] | None = None,
    curvature: FloatArray | None = None,
    max_steps: int = 80,
    tolerance: float = 1e-7,
) -> Summit:
    """Maximise each row by Newton's method with a radius of trust, from `theta` (rows, D) inside `bounds`.

    Rows do not touch each other: what a row returns does not depend on the others in its batch. Coordinates
    that `is_held` (D,) stay; `curvature` starts the second derivatives where `evaluate`, which is called with
    the rows that still move, gives none. A row stops where its step promises less than `tolerance` in log
    likelihood.
    """
    low, high = (np.broadcast_to(end, theta.shape) for end in bounds)
    held = np.zeros(theta.shape[1], bool) if is_held is None else is_held
    theta = np.clip(theta, low, high)
    rows = np.arange(theta.shape[0])
    here = evaluate(theta, rows)
    value, gradient = here.value.copy(), here.gradient.copy()
    if here.hessian is not None:
        bend = -here.hessian
    elif curvature is not None:
        bend = curvature.copy()
    else:
        bend = np.tile(10.0 * np.eye(theta.shape[1]), (theta.shape[0], 1, 1))
    radius = np.full(theta.shape[0], 1.0)
    for _ in range(max_steps):
        at, slope = theta[rows], gradient[rows]
        is_fixed = held | ((at <= low[rows]) & (slope < 0)) | ((at >= high[rows]) & (slope > 0))
        step = _trusted_step(slope, bend[rows], is_fixed, radius[rows])
        there = np.clip(at + step, low[rows], high[rows])
        step = there - at
        promise = np.einsum("rd,rd->r", slope, step)
        is_moving = (promise > tolerance) & (radius[rows] > 1e-6)
        rows, there, step = rows[is_moving], there[is_moving], step[is_moving]
        if rows.size == 0:
            break
        new = evaluate(there, rows)
        is_better = new.value >= value[rows]
        if new.hessian is None:
            _update(bend, rows, step, gradient[rows] - new.gradient, np.isfinite(new.value))
        length = np.abs(step).max(axis=1)
        radius[rows] = np.where(
            is_better, np.minimum(np.maximum(radius[rows], 2.0 * length), 4.0), length / 4.0
        )
        risen = rows[is_better]
        theta[risen], value[risen] = there[is_better], new.value[is_better]
        gradient[risen] = new.gradient[is_better]
        if new.hessian is not None:
            bend[risen] = -new.hessian[is_better]
    return Summit(theta, value, bend)


def _trusted_step(
    slope: FloatArray, bend: FloatArray, is_fixed: NDArray[np.bool_], radius: FloatArray
) -> FloatArray:
    """Return Newton's step, uphill also where the curvature is not that of a summit, cut to the radius."""
    size = slope.shape[1]
    moves = ~is_fixed
    free = bend * (moves[:, :, None] & moves[:, None, :]) + np.eye(size) * is_fixed[:, :, None]
    free = np.where(np.isfinite(free), free, np.eye(size))
    values, vectors = np.linalg.eigh(free)
    values = np.maximum(np.abs(values), 1e-6 + 1e-9 * np.abs(values).max(axis=1, keepdims=True))
    along = np.einsum("rde,rd->re", vectors, np.where(moves, slope, 0.0)) / values
    step = np.einsum("rde,re->rd", vectors, along)
    longest = np.abs(step).max(axis=1)
    return step * np.minimum(1.0, radius / np.maximum(longest, 1e-300))[:, None]


def _update(
    bend: FloatArray, rows: NDArray[np.intp], step: FloatArray, fall: FloatArray, is_usable: NDArray[np.bool_]
) -> None:
    """Bring the curvature up to date from the change of the gradient along a step (BFGS)."""
    old = bend[rows]
    along = np.einsum("rde,re->rd", old, step)
    before, after = np.einsum("rd,rd->r", step, along), np.einsum("rd,rd->r", step, fall)
    is_usable = is_usable & (after > 1e-10 * np.sum(step**2, axis=1)) & (before > 0)
    safe_before, safe_after = np.where(is_usable, before, 1.0), np.where(is_usable, after, 1.0)
    new = (
        old
        - along[:, :, None] * along[:, None, :] / safe_before[:, None, None]
        + fall[:, :, None] * fall[:, None, :] / safe_after[:, None, None]
    )
    bend[rows] = np.where(is_usable[:, None, None], new, old)


def measured_curvature(evaluate: Evaluate, theta: FloatArray) -> FloatArray:
    """Return minus the second derivatives at `theta`, (rows, D, D), from differences of the gradient."""
    rows = np.arange(theta.shape[0])
    here = evaluate(theta, rows)
    if here.hessian is not None:
        return -here.hessian
    size, step = theta.shape[1], 1e-4
    shifts = step * np.concatenate([np.eye(size), -np.eye(size)])
    shifted = (theta + shifts[:, None]).reshape(-1, size)
    ahead, behind = evaluate(shifted, np.tile(rows, 2 * size)).gradient.reshape(2, size, -1, size)
    bend = np.moveaxis((behind - ahead) / (2.0 * step), 0, 2)
    return 0.5 * (bend + bend.swapaxes(1, 2))


def spread_of(curvature: FloatArray) -> FloatArray:
    """Return the covariance that a curvature implies, shape (rows, D, D); wide where it is flat."""
    values, vectors = np.linalg.eigh(np.where(np.isfinite(curvature), curvature, 0.0))
    return np.einsum("rde,re,rfe->rdf", vectors, 1.0 / np.maximum(values, 1e-4), vectors)


def profile_end(
    evaluate: Evaluate,
    summit: Summit,
    bounds: tuple[FloatArray, FloatArray],
    coordinate: int,
    side: float,
    fall: FloatArray,
    known: FloatArray | None = None,
    partner: int | None = None,
) -> FloatArray:
    """Return where the profile of a coordinate has fallen from the summit, (rows,): the bound if not inside.

    `side` is -1 for the lower end and 1 for the upper, `fall` (rows,) twice the loss of log likelihood there.
    An end that is not beyond one that is `known` is not looked for: the known one is returned. The coordinate
    of a `partner` is moved along with it all the way.
    """
    low, high = (np.broadcast_to(end, summit.theta.shape) for end in bounds)
    start = summit.theta[:, coordinate]
    farthest = np.abs((high if side > 0 else low)[:, coordinate] - start)
    # The last point of the profile, its distance and the root of the loss there: the next lies on the chord.
    theta, last, root = summit.theta.copy(), np.zeros_like(start), np.zeros_like(start)
    spread = spread_of(summit.curvature)
    direction = spread[:, :, coordinate] / spread[:, coordinate, coordinate, None]
    inside, outside = np.zeros_like(start), np.full_like(start, np.inf)
    least = np.full_like(start, -np.inf) if known is None else side * (known - start)
    # Where the summit is flat the likelihood is dear and of no use far out: the first point is not there.
    first = np.minimum(np.sqrt(fall * spread[:, coordinate, coordinate]), _FIRST)
    distance = np.minimum(np.maximum(first, least), farthest)
    is_held = np.arange(summit.theta.shape[1]) == coordinate
    is_done, rows = np.zeros(start.shape, bool), np.arange(start.size)

    def at(theta: FloatArray, inner: NDArray[np.intp]) -> Point:
        return evaluate(theta, rows[inner])

    for _ in range(7):
        rows = np.flatnonzero(~is_done & (distance != last))
        if rows.size == 0:
            break
        here, step = distance[rows], distance[rows] - last[rows]
        # A chord is not trusted farther than the first step of an ascent.
        guess = theta[rows] + side * np.clip(step, -1.0, 1.0)[:, None] * direction[rows]
        guess[:, coordinate] = start[rows] + side * here
        if partner is not None:
            guess[:, partner] = theta[rows, partner] + side * step * direction[rows, partner]
        ends, bend = (low[rows], high[rows]), summit.curvature[rows]
        there = ascend(at, guess, ends, is_held=is_held, curvature=bend, tolerance=1e-4, max_steps=25)
        lost = np.maximum(2.0 * (summit.value[rows] - there.value), 0.0)
        is_inside = lost < fall[rows]
        inside[rows] = np.where(is_inside, np.maximum(inside[rows], here), inside[rows])
        outside[rows] = np.where(is_inside, outside[rows], np.minimum(outside[rows], here))
        # Open where the profile never falls to the level before the bound; or not beyond the known end.
        is_end = np.where(is_inside, here >= farthest[rows], here <= least[rows])
        is_done[rows] = is_end | (np.abs(lost - fall[rows]) <= 0.01 * fall[rows] + 1e-6)
        # The loss goes about with the square of the distance. Where the likelihood is nought there is no
        # chord, and the next point lies half way back.
        wanted, is_chord = np.full(rows.size, np.inf), np.isfinite(lost)
        on, at_chord, step = rows[is_chord], here[is_chord], step[is_chord]
        rise = np.sqrt(np.maximum(lost[is_chord], 1e-12)) - root[on]
        slope = np.where(rise * step > 0, rise / step, (rise + root[on]) / at_chord)
        direction[on] = side * (there.theta[is_chord] - theta[on]) / step[:, None]
        theta[on], last[on], root[on] = there.theta[is_chord], at_chord, rise + root[on]
        chord = at_chord + (np.sqrt(fall[on]) - root[on]) / slope
        wanted[is_chord] = np.clip(chord, 0.25 * at_chord, 4.0 * at_chord)
        is_bracketed = np.isfinite(outside[rows])
        middle = 0.5 * (inside[rows] + np.where(is_bracketed, outside[rows], 0.0))
        is_out = is_bracketed & ((wanted < inside[rows]) | (wanted > outside[rows]))
        distance[rows] = np.where(is_end, here, np.minimum(np.where(is_out, middle, wanted), farthest[rows]))
    return start + side * distance
