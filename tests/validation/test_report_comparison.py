"""What changed since an earlier report: each kind of change, and files that are none."""

import json

import pytest

from validation.claims_file import read_claims
from validation.report_comparison import GONE, JUDGED, MOVED, NEW, compared


def row(measured=0.5, verdict="reproduced", quantity="slope", interval=(0.4, 0.6), claim="M02", **condition):
    return {
        "claim": claim,
        "rendering": "analytic",
        "quantity": quantity,
        "condition": condition,
        "measured": measured,
        "interval": interval and list(interval),
        "verdict": verdict,
    }


def document(*rows, **provenance):
    return {"provenance": {"profile": "quick", "seed": 1, **provenance}, "measurements": list(rows)}


def changes(before, after, claims=("M02",)):
    found = compared(document(*after), claims, "old.json", document(*before))
    return [change.kind for change in found.changes], found.n_same


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([row()], [row()], ([], 1)),
        ([row()], [row(0.6, interval=(0.5, 0.7))], ([], 1)),
        ([row()], [row(0.7, interval=(0.6, 0.8))], ([MOVED], 0)),
        ([row()], [row(0.7, "not reproduced", interval=(0.6, 0.8))], ([JUDGED], 0)),
        ([row(interval=None)], [row(0.5 + 1e-12, interval=None)], ([], 1)),
        ([row(interval=None)], [row(0.51, interval=None)], ([MOVED], 0)),
        ([row(None, interval=None)], [row()], ([MOVED], 0)),
        ([], [row()], ([NEW], 0)),
        ([row()], [], ([GONE], 0)),
        ([row(rho=2.0)], [row(rho=0.5)], ([NEW, GONE], 0)),
        ([row(), row(0.9)], [row(), row(0.9)], ([], 2)),
        ([row(claim="S18")], [], ([], 0)),
    ],
)
def test_changes(before, after, expected):
    assert changes(before, after) == expected


def test_change_says_what_was_and_what_is():
    before, after = document(row()), document(row(0.9, "inconclusive", interval=None))
    (change,) = compared(after, ["M02"], "old.json", before).changes
    assert (change.before, change.after) == ("0.5 [0.4, 0.6], reproduced", "0.9, inconclusive")


def test_other_profile_is_named():
    found = compared(document(), [], "old.json", document(profile="full"))
    assert found.about.endswith("not with the same profile as this one")
    assert "not with" not in compared(document(), [], "old.json", document()).about
    assert compared(document(), [], "o", {"measurements": []}).about.startswith("a collection")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[]", "is no file of claims"),
        ('{"measurements": 3}', "measurements: Input should be a valid list"),
        ('{"measurements": [{"claim": "M02"}]}', r"measurements 0 rendering: Field required"),
        (json.dumps(document(row("high"))), "measurements 0 measured"),
        (json.dumps(document(row(interval=(1,)))), "measurements 0 interval"),
    ],
)
def test_wrong_file_says_what_is_wrong_and_what_to_give(tmp_path, text, message):
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_claims(path)
    assert "give the claims.json that an earlier validate wrote" in str(caught.value)


def test_unreadable_file_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="cannot read"):
        read_claims(tmp_path / "nowhere.json")
