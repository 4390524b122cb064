"""What changed since an earlier report: measurements that are new, gone, judged otherwise, or moved."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from validation.report_text import condition_text, estimate_text

NEW, GONE, JUDGED, MOVED = "new", "gone", "verdict changed", "value moved"
CHANGES = (JUDGED, MOVED, NEW, GONE)
"""What can have happened to a measurement, in the order in which it is shown."""

# Rounding: values without an interval that differ by no more are the same.
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9


@dataclass(frozen=True)
class Change:
    """One measurement that is not as it was: one of `CHANGES`, which, and value and verdict then and now."""

    kind: str
    claim: str
    rendering: str
    quantity: str
    condition: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """What changed since an earlier report, by kind and claim, and how many measurements did not."""

    source: str
    about: str
    """Profile, seed and date of the earlier report, and a warning if profile or seed were others."""
    changes: tuple[Change, ...]
    n_same: int

    def counts(self) -> dict[str, int]:
        """Return how many changes there are of each kind."""
        return {kind: sum(change.kind == kind for change in self.changes) for kind in CHANGES}


def compared(
    document: Mapping[str, Any], claims: Iterable[str], source: str, earlier: Mapping[str, Any]
) -> Comparison:
    """Return what changed of some claims since an earlier report.

    Measurements are the same if claim, rendering, quantity and condition are. A value moved if it differs by
    more than both 95 % intervals together allow, half widths added as independent errors are; without an
    interval, by more than rounding.

    Parameters
    ----------
    document, earlier : both reports, as `validation.claims_file.read_claims` returns them
    claims : ids of the claims that were asked for; others are not compared
    source : where the earlier report was read from
    """
    wanted = set(claims)
    before, after = (_by_key(part["measurements"], wanted) for part in (earlier, document))
    changes = [_change(before.get(key), after.get(key)) for key in {**after, **before}]
    changed = [change for change in changes if change is not None]
    changed.sort(key=lambda change: CHANGES.index(change.kind))
    about = "a collection of claims from several runs"
    then, now = (part.get("provenance") or {} for part in (earlier, document))
    if then:
        others = [name for name in ("profile", "seed", "device") if then.get(name) != now.get(name)]
        about = f"profile {then.get('profile')}, seed {then.get('seed')}, {then.get('made')}"
        about += f"; not with the same {' and '.join(others)} as this one" if others else ""
    return Comparison(source, about, tuple(changed), len(changes) - len(changed))


def _by_key(rows: Sequence[Mapping[str, Any]], wanted: set[str]) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """Return measurements by what identifies them; those that nothing tells apart are numbered."""
    by_key: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in (row for row in rows if row["claim"] in wanted):
        condition = json.dumps(row["condition"], sort_keys=True)
        key = (row["claim"], row["rendering"], row["quantity"], condition)
        by_key[*key, counts[key]] = row
        counts[key] += 1
    return by_key


def _change(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Change | None:
    row: Mapping[str, Any] = after or before or {}
    if before is None:
        kind = NEW
    elif after is None:
        kind = GONE
    elif before["verdict"] != after["verdict"]:
        kind = JUDGED
    elif has_moved(before, after):
        kind = MOVED
    else:
        return None
    which = (row["claim"], row["rendering"], row["quantity"], condition_text(row["condition"]))
    return Change(kind, *which, _value_and_verdict(before), _value_and_verdict(after))


def has_moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether a value differs by more than its uncertainty.

    >>> has_moved({"measured": 0.5, "interval": [0.4, 0.6]}, {"measured": 0.6, "interval": [0.5, 0.7]})
    False
    >>> has_moved({"measured": 0.5}, {"measured": 0.51})
    True
    """
    old, new = before["measured"], after["measured"]
    if old is None or new is None:
        return old is not new
    intervals = [row["interval"] for row in (before, after) if row.get("interval") is not None]
    known = [(high - low) / 2 for low, high in intervals]
    if not known:
        return not math.isclose(old, new, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    return abs(new - old) > math.hypot(*known) + _ABSOLUTE


def _value_and_verdict(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{estimate_text(row['measured'], row.get('interval'))}, {row['verdict']}"
