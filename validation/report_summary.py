"""What the findings come to, in plain words: the top of the report, all derived from the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from validation.agreement import Agreement, RenderingAgreement
from validation.claims.claim import Claim, Measurement, Verdict
from validation.report_text import value_text


@dataclass(frozen=True)
class SummaryItem:
    """One claim in a list of the summary.

    Parameters
    ----------
    claim
        The claim.
    detail
        What was found, in a sentence; empty where the heading says it all.
    """

    claim: Claim
    detail: str = ""


@dataclass(frozen=True)
class SummaryGroup:
    """Claims of which the same can be said.

    Parameters
    ----------
    heading
        What can be said, as the beginning of a sentence.
    items
        The claims.
    is_open
        Whether the page shows the statements at once.
    """

    heading: str
    items: tuple[SummaryItem, ...]
    is_open: bool = True


@dataclass(frozen=True)
class Summary:
    """The findings in plain words.

    Parameters
    ----------
    sentences
        The whole in two or three sentences.
    groups
        Claims by what can be said of them; empty groups are left out.
    """

    sentences: tuple[str, ...]
    groups: tuple[SummaryGroup, ...]


def summary_of(
    claims: Sequence[Claim],
    verdicts: Mapping[str, Verdict],
    measurements: Mapping[str, Sequence[Measurement]],
    agreements: Mapping[str, RenderingAgreement],
) -> Summary:
    """Return what verdicts and agreements come to.

    Parameters
    ----------
    claims
        Those that were measured, in the order of the report.
    verdicts, measurements, agreements
        By the id of each claim.
    """

    def having(verdict: Verdict) -> list[Claim]:
        return [claim for claim in claims if verdicts[claim.id] is verdict]

    def comparing(agreement: Agreement) -> list[Claim]:
        return [claim for claim in claims if agreements[claim.id].agreement is agreement]

    groups = (
        SummaryGroup(
            "Does not reproduce",
            tuple(_failed_item(claim, measurements[claim.id]) for claim in having(Verdict.NOT_REPRODUCED)),
        ),
        SummaryGroup(
            "Renderings disagree",
            tuple(
                SummaryItem(claim, _all_but_many(agreements[claim.id].reasons))
                for claim in comparing(Agreement.DISAGREE)
            ),
        ),
        SummaryGroup(
            "Stays open",
            tuple(_open_item(claim, measurements[claim.id]) for claim in having(Verdict.INCONCLUSIVE)),
            is_open=False,
        ),
        SummaryGroup("Reproduces", tuple(SummaryItem(c) for c in having(Verdict.REPRODUCED)), is_open=False),
        SummaryGroup(
            "Was not measured",
            tuple(_skipped_item(claim, measurements[claim.id]) for claim in having(Verdict.SKIPPED)),
            is_open=False,
        ),
    )
    counts = {verdict: len(having(verdict)) for verdict in Verdict}
    compared = {agreement: len(comparing(agreement)) for agreement in Agreement}
    return Summary(_sentences(len(claims), counts, compared), tuple(group for group in groups if group.items))


def _sentences(
    n_claims: int, counts: Mapping[Verdict, int], compared: Mapping[Agreement, int]
) -> tuple[str, ...]:
    n_measured = n_claims - counts[Verdict.SKIPPED]
    found = [
        f"{_number_of(n_measured, 'claim').capitalize()} {_verb(n_measured, 'was', 'were')} measured: "
        f"{counts[Verdict.REPRODUCED]} "
        f"{_verb(counts[Verdict.REPRODUCED], 'reproduces', 'reproduce')}, {counts[Verdict.NOT_REPRODUCED]} "
        f"{_verb(counts[Verdict.NOT_REPRODUCED], 'does', 'do')} not, and {counts[Verdict.INCONCLUSIVE]} "
        f"{_verb(counts[Verdict.INCONCLUSIVE], 'stays', 'stay')} open at this size."
    ]
    n_compared = sum(compared.values()) - compared[Agreement.ALONE]
    if n_compared:
        found.append(
            f"{_number_of(n_compared, 'claim').capitalize()} "
            f"{_verb(n_compared, 'was', 'were')} measured in more than one rendering (analytic, rate, "
            f"spiking, recorded): in {compared[Agreement.AGREE]} the renderings agree, in "
            f"{compared[Agreement.DISAGREE]} they disagree, in {compared[Agreement.OPEN]} it cannot be told."
        )
    if counts[Verdict.SKIPPED]:
        found.append(
            f"{_number_of(counts[Verdict.SKIPPED], 'claim').capitalize()} could not be measured here."
        )
    return tuple(found)


def _number_of(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _verb(n: int, one: str, many: str) -> str:
    return one if n == 1 else many


def _failed_item(claim: Claim, measurements: Sequence[Measurement]) -> SummaryItem:
    """Return the claim with the first main measurement that fails, and how many of how many do."""
    main = [m for m in measurements if not m.is_supporting and m.verdict is not Verdict.SKIPPED]
    failed = [m for m in main if m.verdict is Verdict.NOT_REPRODUCED]
    share = f"{len(failed)} of {len(main)} main measurements fail" if len(main) > 1 else ""
    known = f"known deviation: {claim.known_deviation}" if claim.known_deviation else ""
    return SummaryItem(claim, ". ".join(part for part in (value_text(failed[0]), share, known) if part))


def _open_item(claim: Claim, measurements: Sequence[Measurement]) -> SummaryItem:
    """Return the claim with the first measurement that leaves it open."""
    main = [m for m in measurements if not m.is_supporting and m.verdict is Verdict.INCONCLUSIVE]
    return SummaryItem(claim, value_text(main[0]) if main else "only variants were measured")


def _skipped_item(claim: Claim, measurements: Sequence[Measurement]) -> SummaryItem:
    return SummaryItem(claim, next((m.reason for m in measurements if m.reason), ""))


def _all_but_many(reasons: Sequence[str], n_shown: int = 3) -> str:
    """Return the first reasons, and how many there are besides."""
    more = len(reasons) - n_shown
    return "; ".join(reasons[:n_shown]) + (f"; and {more} more" if more > 0 else "")
