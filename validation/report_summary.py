"""The claims by what can be said of them: the lists on top of the report, all derived from the verdicts."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from validation.agreement import Agreement
from validation.report_text import value_text
from validation.statement import FAILED, UNDECIDED, Claim, Measurement, Verdict

FAIL, DISAGREE = "Does not reproduce", "Renderings disagree"
HEADINGS: dict[str, tuple[Verdict, ...]] = {
    FAIL: FAILED,
    DISAGREE: (),
    "Stays open": UNDECIDED,
    "Reproduces": (Verdict.REPRODUCED,),
    "Holds in this setting, which is not the published one": (Verdict.HOLDS_HERE,),
    "Was not measured": (Verdict.NOT_RUN,),
}
"""Verdicts that put a claim under each heading, in the order of the page."""


class ClaimList(NamedTuple):
    """Claims of which the heading can be said, each with what was found where the heading does not say it."""

    heading: str
    entries: tuple[tuple[Claim, str], ...]

    @property
    def is_open(self) -> bool:
        """Whether the page shows the statements at once."""
        return self.heading in (FAIL, DISAGREE)


def claim_lists(sections: Sequence[Mapping[str, Any]]) -> list[ClaimList]:
    """Return the lists that have entries, from claim, verdict, agreement and measurements of each section."""
    lists: dict[str, list[tuple[Claim, str]]] = {heading: [] for heading in HEADINGS}
    for section in sections:
        claim, verdict, agreement = section["claim"], section["verdict"], section["agreement"]
        if agreement.agreement is Agreement.DISAGREE:
            lists[DISAGREE].append((claim, "; ".join(shortened(agreement.reasons))))
        for heading in (heading for heading, verdicts in HEADINGS.items() if verdict in verdicts):
            lists[heading].append((claim, _detail(claim, verdict, section["measurements"])))
    return [ClaimList(heading, tuple(entries)) for heading, entries in lists.items() if entries]


def _detail(claim: Claim, verdict: Verdict, measurements: Sequence[Measurement]) -> str:
    """Return the row that leaves a claim open, the reason why it was not run, or what fails and how often."""
    if verdict is Verdict.NOT_RUN:
        return next((m.reason for m in measurements if m.reason), "")
    judged = [m for m in measurements if not m.is_observation and m.verdict is not Verdict.NOT_RUN]
    if verdict in UNDECIDED:
        undecided = (value_text(m) for m in judged if m.verdict in UNDECIDED)
        return next(undecided, "a part of it was not run")
    if verdict not in FAILED:
        return ""
    failed = [m for m in judged if m.verdict in FAILED]
    share = f"{len(failed)} of {len(judged)} rows fail" if len(judged) > 1 else ""
    known = f"known deviation: {claim.known_deviation}" if claim.known_deviation else ""
    return ". ".join(part for part in (value_text(failed[0]), share, known) if part)


def shortened(reasons: Sequence[str], n_shown: int = 3) -> list[str]:
    """Return the first reasons, and how many there are besides."""
    more = len(reasons) - n_shown
    return [*reasons[:n_shown], *([f"and {more} more"] if more > 0 else [])]
