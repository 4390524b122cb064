"""What the findings come to, in plain words: the top of the report, all derived from the verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from validation.agreement import Agreement, RenderingAgreement
from validation.report_text import value_text
from validation.statement import FAILED, UNDECIDED, Claim, Measurement, Verdict


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
    groups = (
        SummaryGroup(
            "Does not reproduce",
            tuple(_failed_item(claim, measurements[claim.id]) for claim in having(*FAILED)),
        ),
        SummaryGroup(
            "Renderings disagree",
            tuple(
                SummaryItem(claim, "; ".join(shortened(agreements[claim.id].reasons)))
                for claim in comparing(Agreement.DISAGREE)
            ),
        ),
        SummaryGroup(
            "Stays open",
            tuple(
                SummaryItem(claim, undecided.get(claim.id, "a part of it was not run"))
                for claim in having(*UNDECIDED)
            ),
            is_open=False,
        ),
        SummaryGroup("Reproduces", tuple(SummaryItem(c) for c in having(Verdict.REPRODUCED)), is_open=False),
        SummaryGroup(
            "Holds in this setting, which is not the published one",
            tuple(SummaryItem(c) for c in having(Verdict.HOLDS_HERE)),
            is_open=False,
        ),
        SummaryGroup(
            "Was not measured",
            tuple(
                SummaryItem(claim, next((m.reason for m in measurements[claim.id] if m.reason), ""))
                for claim in having(Verdict.NOT_RUN)
            ),
            is_open=False,
        ),
    )
    counts = {verdict: len(having(verdict)) for verdict in Verdict}
    compared = {agreement: len(comparing(agreement)) for agreement in Agreement}
    return Summary(_sentences(len(claims), counts, compared), tuple(group for group in groups if group.items))


def _sentences(
    n_claims: int, counts: Mapping[Verdict, int], compared: Mapping[Agreement, int]
) -> tuple[str, ...]:
    n_measured = n_claims - counts[Verdict.NOT_RUN]
    here = (Verdict.HOLDS_HERE, Verdict.DOES_NOT_HOLD_HERE, Verdict.OPEN_HERE)
    published = (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.OPEN)
    sentences = [
        f"{_number_of(n_measured, 'claim').capitalize()} {_verb(n_measured, 'was', 'were')} measured: "
        f"as published {_counts_text(published, counts)}; in other settings, or of no paper "
        f"{_counts_text(here, counts)}."
    ]
    n_compared = sum(compared.values()) - compared[Agreement.ALONE]
    if n_compared:
        sentences.append(
            f"{_number_of(n_compared, 'claim').capitalize()} "
            f"{_verb(n_compared, 'was', 'were')} measured in more than one rendering (analytic, rate, "
            f"spiking, recorded): in {compared[Agreement.AGREE]} the renderings agree, in "
            f"{compared[Agreement.DISAGREE]} they disagree, in {compared[Agreement.OPEN]} it cannot be told."
        )
    if counts[Verdict.NOT_RUN]:
        sentences.append(
            f"{_number_of(counts[Verdict.NOT_RUN], 'claim').capitalize()} could not be measured here."
        )
    return tuple(sentences)


def _counts_text(verdicts: Iterable[Verdict], counts: Mapping[Verdict, int]) -> str:
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in verdicts)


def _number_of(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _verb(n: int, singular: str, many: str) -> str:
    return singular if n == 1 else many


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
