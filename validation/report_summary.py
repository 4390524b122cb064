"""What the findings come to, in plain words: the top of the report, all derived from the verdicts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from validation.agreement import Agreement, RenderingAgreement
from validation.report_text import value_text
from validation.statement import FAILED, UNDECIDED, Claim, Measurement, Verdict


class SummaryItem(NamedTuple):
    """One claim in a list of the summary, and what was found where the heading does not say it all."""

    claim: Claim
    detail: str = ""


class SummaryGroup(NamedTuple):
    """Claims of which the heading can be said, and whether the page shows their statements at once."""

    heading: str
    items: tuple[SummaryItem, ...]
    is_open: bool = False


class Summary(NamedTuple):
    """The findings in two or three plain sentences, and the claims by what can be said of them."""

    sentences: tuple[str, ...]
    groups: tuple[SummaryGroup, ...]


def summary_of(
    claims: Sequence[Claim],
    verdicts: Mapping[str, Verdict],
    measurements: Mapping[str, Sequence[Measurement]],
    agreements: Mapping[str, RenderingAgreement],
) -> Summary:
    """Return what verdicts and agreements, by the id of each claim that was measured, come to."""

    def having(*wanted: Verdict) -> list[Claim]:
        return [claim for claim in claims if verdicts[claim.id] in wanted]

    def comparing(agreement: Agreement) -> list[Claim]:
        return [claim for claim in claims if agreements[claim.id].agreement is agreement]

    undecided = {
        m.claim: value_text(m)
        for claim in claims
        for m in reversed(measurements[claim.id])
        if not m.is_observation and m.verdict in UNDECIDED
    }
    reasons = {claim.id: next((m.reason for m in measurements[claim.id] if m.reason), "") for claim in claims}
    details = {
        "Does not reproduce": [_failed_item(claim, measurements[claim.id]) for claim in having(*FAILED)],
        "Renderings disagree": [
            SummaryItem(claim, "; ".join(shortened(agreements[claim.id].reasons)))
            for claim in comparing(Agreement.DISAGREE)
        ],
        "Stays open": [
            SummaryItem(claim, undecided.get(claim.id, "a part of it was not run"))
            for claim in having(*UNDECIDED)
        ],
        "Reproduces": [SummaryItem(claim) for claim in having(Verdict.REPRODUCED)],
        "Holds in this setting, which is not the published one": [
            SummaryItem(claim) for claim in having(Verdict.HOLDS_HERE)
        ],
        "Was not measured": [SummaryItem(claim, reasons[claim.id]) for claim in having(Verdict.NOT_RUN)],
    }
    shown_at_once = ("Does not reproduce", "Renderings disagree")
    groups = tuple(
        SummaryGroup(heading, tuple(items), heading in shown_at_once)
        for heading, items in details.items()
        if items
    )
    counts = {verdict: len(having(verdict)) for verdict in Verdict}
    compared = {agreement: len(comparing(agreement)) for agreement in Agreement}
    return Summary(_sentences(len(claims), counts, compared), groups)


def _sentences(
    n_claims: int, counts: Mapping[Verdict, int], compared: Mapping[Agreement, int]
) -> tuple[str, ...]:
    n_measured, n_lacking = n_claims - counts[Verdict.NOT_RUN], counts[Verdict.NOT_RUN]
    published, here = (
        ", ".join(f"{counts[verdict]} {verdict}" for verdict in verdicts)
        for verdicts in (
            (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN),
            (Verdict.HOLDS_HERE, Verdict.DOES_NOT_HOLD_HERE, Verdict.OPEN_HERE),
        )
    )
    sentences = [
        f"{_claims(n_measured)} {'was' if n_measured == 1 else 'were'} measured: as published {published}; "
        f"in other settings, or of no paper {here}."
    ]
    if n_compared := sum(compared.values()) - compared[Agreement.ALONE]:
        sentences.append(
            f"{_claims(n_compared)} {'was' if n_compared == 1 else 'were'} measured in more than one "
            f"rendering (analytic, rate, spiking, recorded): in {compared[Agreement.AGREE]} the renderings "
            f"agree, in {compared[Agreement.DISAGREE]} they disagree, in {compared[Agreement.OPEN]} it "
            "cannot be told."
        )
    if n_lacking:
        sentences.append(f"{_claims(n_lacking)} could not be measured here.")
    return tuple(sentences)


def _claims(n: int) -> str:
    return f"{n} claim" if n == 1 else f"{n} claims"


def _failed_item(claim: Claim, measurements: Sequence[Measurement]) -> SummaryItem:
    """Return the claim with the first main measurement that fails, and how many of how many do."""
    main = [m for m in measurements if not m.is_observation and m.verdict is not Verdict.NOT_RUN]
    failed = [m for m in main if m.verdict in FAILED]
    share = f"{len(failed)} of {len(main)} rows fail" if len(main) > 1 else ""
    known = f"known deviation: {claim.known_deviation}" if claim.known_deviation else ""
    return SummaryItem(claim, ". ".join(part for part in (value_text(failed[0]), share, known) if part))


def shortened(reasons: Sequence[str], n_shown: int = 3) -> list[str]:
    """Return the first reasons, and how many there are besides."""
    more = len(reasons) - n_shown
    return [*reasons[:n_shown], *([f"and {more} more"] if more > 0 else [])]
