"""The lists on top of the report follow from the verdicts: every claim stands where its verdict puts it."""

from biophys.estimates import student
from validation.agreement import Agreement, RenderingAgreement
from validation.registry import all_claims
from validation.report import claim_lists
from validation.statement import Measurement, Rendering, Verdict

ALONE = RenderingAgreement(Agreement.ALONE, ())


def entries(verdicts, agreements=None):
    """Return the entries by heading for claims with these verdicts."""
    gain = student(-0.5, 0.05, 1e9, n=3, unit="networks")
    sections = [
        {
            "claim": all_claims()[name],
            "verdict": verdict,
            "agreement": (agreements or {}).get(name, ALONE),
            "measurements": [
                Measurement(name, f"{name}a", Rendering.RATE, "gain", gain, verdict, published="> 0")
            ],
        }
        for name, verdict in verdicts.items()
    ]
    return {each.heading: each.entries for each in claim_lists(sections)}


def test_claims_stand_where_their_verdict_puts_them():
    lists = entries(
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
    assert {heading: [claim.id for claim, _ in each] for heading, each in lists.items()} == {
        "Does not reproduce": ["S02", "S07"],
        "Stays open": ["S03", "S08"],
        "Reproduces": ["S01", "S04"],
        "Holds in this setting, which is not the published one": ["S06"],
        "Was not measured": ["S05"],
    }
    ((_, detail), _) = lists["Stays open"]
    assert detail == "rate: gain −0.5 [−0.598, −0.402], published > 0"


def test_failed_claim_says_what_was_found():
    ((_, detail),) = entries({"S02": Verdict.NOT_REPRODUCED})["Does not reproduce"]
    assert detail.startswith("rate: gain −0.5 [−0.598, −0.402], published > 0")


def test_disagreement_is_listed_with_its_reason():
    reasons = ("rate: reproduced; spiking: not reproduced", "b", "c", "d")
    agreements = {
        "S01": RenderingAgreement(Agreement.DISAGREE, reasons),
        "S02": RenderingAgreement(Agreement.AGREE, ()),
    }
    lists = entries({"S01": Verdict.NOT_REPRODUCED, "S02": Verdict.REPRODUCED}, agreements)
    ((claim, detail),) = lists["Renderings disagree"]
    assert claim.id == "S01"
    assert detail == "rate: reproduced; spiking: not reproduced; b; c; and 1 more"
