"""The summary follows from the verdicts: every claim stands where its verdict puts it."""

from biophys.estimates import student
from validation.agreement import Agreement, RenderingAgreement
from validation.registry import all_claims
from validation.report_summary import summary_of
from validation.statement import Measurement, Rendering, Verdict

ALONE = RenderingAgreement(Agreement.ALONE, ())


def summary(verdicts, agreements=None):
    claims = [all_claims()[name] for name in verdicts]
    gain = student(-0.5, 0.05, 1e9, n=3, unit="networks")
    measurements = {
        name: [Measurement(name, f"{name}a", Rendering.RATE, "gain", gain, verdict, published="> 0")]
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
            "S03": Verdict.OPEN,
            "S04": Verdict.REPRODUCED,
            "S05": Verdict.NOT_RUN,
            "S06": Verdict.HOLDS_HERE,
            "S07": Verdict.DOES_NOT_HOLD_HERE,
            "S08": Verdict.OPEN_HERE,
        }
    )
    assert ids(found) == {
        "Does not reproduce": ["S02", "S07"],
        "Stays open": ["S03", "S08"],
        "Reproduces": ["S01", "S04"],
        "Holds in this setting, which is not the published one": ["S06"],
        "Was not measured": ["S05"],
    }
    assert found.sentences == (
        "7 claims were measured: as published 2 reproduced, 1 not reproduced, 1 open; in other settings, "
        "or of no paper 1 holds here, 1 does not hold here, 1 open here.",
        "1 claim could not be measured here.",
    )


def test_other_verdicts_give_other_words():
    found = summary({"S01": Verdict.NOT_REPRODUCED})
    assert ids(found) == {"Does not reproduce": ["S01"]}
    assert found.sentences == (
        "1 claim was measured: as published 0 reproduced, 1 not reproduced, 0 open; in other settings, "
        "or of no paper 0 holds here, 0 does not hold here, 0 open here.",
    )


def test_failed_claim_says_what_was_found():
    (group,) = summary({"S02": Verdict.NOT_REPRODUCED}).groups
    assert group.items[0].detail.startswith("rate: gain −0.5 [−0.598, −0.402], published > 0")


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
