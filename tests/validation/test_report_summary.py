"""The summary follows from the verdicts: every claim stands where its verdict puts it."""

from validation.agreement import Agreement, RenderingAgreement
from validation.claims.catalogue import CLAIMS
from validation.claims.claim import Measurement, Rendering, Verdict
from validation.report_summary import summary_of

ALONE = RenderingAgreement(Agreement.ALONE, ())


def summary(verdicts, agreements=None):
    claims = [CLAIMS[name] for name in verdicts]
    measurements = {
        name: [
            Measurement(name, Rendering.RATE, "gain", -0.5, verdict, interval=(-0.6, -0.4), published="> 0")
        ]
        for name, verdict in verdicts.items()
    }
    return summary_of(claims, verdicts, measurements, {name: ALONE for name in verdicts} | (agreements or {}))


def ids(found):
    return {group.heading: [item.claim.id for item in group.items] for group in found.groups}


def test_claims_stand_where_their_verdict_puts_them():
    found = summary(
        {
            "S01": Verdict.REPRODUCED,
            "S02": Verdict.NOT_REPRODUCED,
            "S03": Verdict.INCONCLUSIVE,
            "S04": Verdict.REPRODUCED,
            "S05": Verdict.SKIPPED,
        }
    )
    assert ids(found) == {
        "Does not reproduce": ["S02"],
        "Stays open": ["S03"],
        "Reproduces": ["S01", "S04"],
        "Was not measured": ["S05"],
    }
    assert found.sentences == (
        "4 claims were measured: 2 reproduce, 1 does not, and 1 stays open at this size.",
        "1 claim could not be measured here.",
    )


def test_other_verdicts_give_other_words():
    found = summary({"S01": Verdict.NOT_REPRODUCED})
    assert ids(found) == {"Does not reproduce": ["S01"]}
    assert found.sentences == (
        "1 claim was measured: 0 reproduce, 1 does not, and 0 stay open at this size.",
    )


def test_failed_claim_says_what_was_found():
    (group,) = summary({"S02": Verdict.NOT_REPRODUCED}).groups
    assert group.items[0].detail.startswith("rate: gain −0.5 [−0.6, −0.4], published > 0")


def test_disagreement_is_listed_with_its_reason():
    apart = RenderingAgreement(
        Agreement.DISAGREE, ("rate: reproduced; spiking: not reproduced", "b", "c", "d")
    )
    together = RenderingAgreement(Agreement.AGREE, ())
    found = summary(
        {"S01": Verdict.NOT_REPRODUCED, "S02": Verdict.REPRODUCED}, {"S01": apart, "S02": together}
    )
    (group,) = [group for group in found.groups if group.heading == "Renderings disagree"]
    assert group.items[0].detail == "rate: reproduced; spiking: not reproduced; b; c; and 1 more"
    assert "in 1 the renderings agree, in 1 they disagree, in 0 it cannot be told" in found.sentences[1]
