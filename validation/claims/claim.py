"""What a claim is, what measuring it yields, and the context a measurement runs in."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


class Rendering(enum.StrEnum):
    """The form of the synapse in which a claim is measured."""

    ANALYTIC = "analytic"
    RATE = "rate"
    SPIKING = "spiking"
    RECORDED = "recorded"


class Verdict(enum.StrEnum):
    """What a measurement says of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Claim:
    """One checkable statement and where it comes from.

    Parameters
    ----------
    id
        Short name, for example ``"M02"``.
    statement
        The statement in one sentence.
    source
        Paper and figure, equation or table.
    expected
        The published value or inequality, in words.
    known_deviation
        Why the claim is known not to come out as published; empty if it is expected to hold.
        ``brianpresyn validate --strict`` fails only on claims that are expected to hold.
    """

    id: str
    statement: str
    source: str
    expected: str
    known_deviation: str = ""

    @property
    def is_expected_to_hold(self) -> bool:
        """Whether no deviation is known."""
        return not self.known_deviation


@dataclass(frozen=True)
class Measurement:
    """One number measured for a claim, with its uncertainty and what it says.

    Parameters
    ----------
    claim, rendering
        Which claim, in which form of the synapse.
    quantity
        What was measured, with its unit if it has one.
    measured
        The value; None where nothing could be measured.
    verdict
        What the value says of the claim.
    condition
        What distinguishes this measurement from the others of its claim, for example
        ``{"target": "cython"}``. Plain numbers, strings and booleans.
    published
        The published or analytic value, or the inequality as text.
    interval
        95 % confidence interval.
    n
        Size of the sample that the interval is for: seeds, connections, events.
    reason
        Why the verdict is what it is: the test used, or what is missing.
    is_supporting
        True for a variant shown beside the main measurement (another reading of a definition, say). A claim's
        verdict follows from its main measurements only.
    """

    claim: str
    rendering: Rendering
    quantity: str
    measured: float | None
    verdict: Verdict
    condition: Mapping[str, Any] = field(default_factory=dict)
    published: float | str | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None
    reason: str = ""
    is_supporting: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return plain values for ``claims.json``; what is not finite becomes null."""
        interval = None
        if self.interval is not None and all(math.isfinite(end) for end in self.interval):
            interval = [float(end) for end in self.interval]
        return {
            "claim": self.claim,
            "rendering": str(self.rendering),
            "quantity": self.quantity,
            "condition": {key: _plain(value) for key, value in self.condition.items()},
            "published": _plain(self.published),
            "measured": _plain(self.measured),
            "interval": interval,
            "n": None if self.n is None else int(self.n),
            "verdict": str(self.verdict),
            "reason": self.reason,
            "is_supporting": self.is_supporting,
        }


def _plain(value: Any) -> Any:
    """Return `value` as something JSON can hold: numpy scalars unpacked, non-finite numbers as None."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@dataclass(frozen=True)
class ClaimFigure:
    """A figure of the report, the sentence below it, and the claim it belongs to.

    Without a claim it stands with the first claim of the function that drew it.
    """

    figure: Figure
    caption: str
    claim: str = ""


@dataclass(frozen=True)
class Evidence:
    """What one measuring function found: numbers, figures and remarks for one or more claims."""

    measurements: tuple[Measurement, ...]
    figures: tuple[ClaimFigure, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a measuring function is given.

    Parameters
    ----------
    profile
        ``"quick"`` (seconds to a minute, embedded or small data) or ``"full"`` (the paper's own size).
    seed
        The one seed from which the function makes its generators.
    device
        Torch device of the rate models.
    results
        Folder of finished full-size experiments (`validation.archive`); those found there are not run again.
    report_progress
        Call with (fraction done in 0..1, what is being done).
    """

    profile: str = "quick"
    seed: int = 2021
    device: str = "cpu"
    results: Path | None = None
    report_progress: Callable[[float, str], None] = lambda fraction, doing: None

    @property
    def is_quick(self) -> bool:
        """Whether the profile is the small one."""
        return self.profile == "quick"


@dataclass(frozen=True)
class Measure:
    """A function that measures one or more claims in one rendering."""

    function: Callable[[Context], Evidence]
    claims: tuple[str, ...]
    rendering: Rendering
    data_sets: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the function, which no other measure has."""
        return self.function.__name__


def combined_verdict(measurements: Iterable[Measurement]) -> Verdict:
    """Return the verdict that follows from the main measurements of a claim.

    One main measurement that fails makes the claim fail; otherwise one that is inconclusive leaves it open,
    as do variants without a main measurement; skipped measurements count only where there are no others.
    """
    measured = [m for m in measurements if m.verdict is not Verdict.SKIPPED]
    if not measured:
        return Verdict.SKIPPED
    verdicts = {m.verdict for m in measured if not m.is_supporting}
    if Verdict.NOT_REPRODUCED in verdicts:
        return Verdict.NOT_REPRODUCED
    return Verdict.REPRODUCED if verdicts == {Verdict.REPRODUCED} else Verdict.INCONCLUSIVE
