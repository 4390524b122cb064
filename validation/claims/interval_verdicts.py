"""What the 95 % interval of a number says of a statement about it: it holds, it fails, or it stays open."""

from __future__ import annotations

from collections.abc import Iterable

from validation.claims.claim import Verdict


def verdict_above(interval: tuple[float, float], bound: float = 0.0) -> Verdict:
    """Return whether a number lies above `bound`: open where its interval holds the bound or has no ends.

    Examples
    --------
    >>> verdict_above((0.1, 0.3)).value, verdict_above((-0.1, 0.3)).value, verdict_above((-0.3, -0.1)).value
    ('reproduced', 'inconclusive', 'not reproduced')
    """
    low, high = interval
    if low > bound:
        return Verdict.REPRODUCED
    return Verdict.NOT_REPRODUCED if high < bound else Verdict.INCONCLUSIVE


def verdict_below(interval: tuple[float, float], bound: float = 0.0) -> Verdict:
    """Return whether a number lies below `bound`, as `verdict_above` does."""
    low, high = interval
    return verdict_above((-high, -low), -bound)


def verdict_within(interval: tuple[float, float], expected: float, margin: float) -> Verdict:
    """Return whether a number lies within `margin` of `expected`: open where its interval holds an edge.

    Examples
    --------
    >>> verdict_within((0.95, 1.02), expected=1.0, margin=0.1).value
    'reproduced'
    """
    low, high = interval
    if expected - margin <= low and high <= expected + margin:
        return Verdict.REPRODUCED
    is_outside = high < expected - margin or low > expected + margin
    return Verdict.NOT_REPRODUCED if is_outside else Verdict.INCONCLUSIVE


def verdict_at_every(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on a statement about all of several numbers: the worst of theirs.

    Examples
    --------
    >>> verdict_at_every([Verdict.REPRODUCED, Verdict.INCONCLUSIVE]).value
    'inconclusive'
    """
    found = set(verdicts)
    for verdict in (Verdict.NOT_REPRODUCED, Verdict.INCONCLUSIVE):
        if verdict in found:
            return verdict
    return Verdict.REPRODUCED
