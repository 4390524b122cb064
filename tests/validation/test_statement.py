"""Clauses, rows and verdicts: the words, what they need, families, and what a claim comes to."""

import json
import pickle

import numpy as np
import pytest

from biophys.estimates import exactly, gaussian
from validation.agreement import Agreement, agreement_of
from validation.criteria import above, equals, in_every
from validation.report import rendering_row
from validation.statement import (
    CROSS_CHECK,
    PUBLISHED,
    SCHUG,
    Claim,
    Clause,
    Rendering,
    Setting,
    Verdict,
    combined_verdict,
    corrected,
    not_run,
    placed,
    row,
    setting_of,
    verdict_on,
    worst_of,
)

GAIN = Clause("S99a", "gain", "fig 1", above(0.0))
LOSS = Clause("S99b", "loss", "fig 2", equals(1.4, 0.8), 1.4)
CLAIM = Claim("S99", "There is a gain and a loss", SCHUG, (GAIN, LOSS))
SMALL = Setting(("data digits (published mnist)",))
HIGH, NONE, LOW = gaussian(1.0, 0.1), gaussian(0.1, 0.1), gaussian(-1.0, 0.1)


@pytest.mark.parametrize(
    ("setting", "rendering", "words"),
    [
        (Setting(), None, ("reproduced", "open", "not reproduced")),
        (SMALL, None, ("holds here", "open here", "does not hold here")),
        (Setting(), Rendering.SPIKING, ("agrees", "agreement open", "disagrees")),
        (SMALL, Rendering.SPIKING, ("agrees", "agreement open", "disagrees")),
    ],
)
def test_words_tell_setting_and_rendering(setting, rendering, words):
    rows = [row(GAIN, of, "gain", setting=setting, rendering=rendering) for of in (HIGH, NONE, LOW)]
    assert tuple(str(r.verdict) for r in rows) == words
    assert all(r.setting == str(setting) for r in rows)


def test_what_no_paper_states_is_never_reproduced():
    clause = Clause("X99a", "same accuracy", CROSS_CHECK, above(0.0))
    assert row(clause, HIGH, "accuracy").verdict is Verdict.HOLDS_HERE


def test_observations_are_never_judged():
    seen = row(CLAIM, LOW, "another reading")
    assert seen.verdict is Verdict.OBSERVED and seen.is_observation and seen.clause == ""
    assert combined_verdict(CLAIM, [row(GAIN, HIGH, "g"), row(LOSS, gaussian(1.4, 0.1), "l"), seen]) is (
        Verdict.REPRODUCED
    )


def test_open_rows_say_what_they_could_have_shown():
    assert row(GAIN, NONE, "gain").power == "could have shown a difference of 0.28 with a probability of 80 %"
    assert row(GAIN, HIGH, "gain").power == ""
    assert row(GAIN, exactly(1.0), "gain").power == "no interval, no test"


def test_row_about_every_case_shows_the_least_favourable():
    clause = Clause("S99c", "at every fraction", "fig 3", in_every(above(0.0), "fraction"))
    made = row(clause, {"0.1": HIGH, "0.5": NONE}, "gain", along="removed")
    assert made.verdict is Verdict.OPEN and made.condition == {"removed": "0.5"}
    assert made.measured == 0.1 and made.reason == "+1 at 0.1, +0.1 at 0.5"
    with pytest.raises(ValueError, match="no estimate at all"):
        row(clause, {}, "gain")


def test_setting_names_what_differs_and_nothing_else():
    published = {"data_set": "mnist", "hidden_units": [200, 200]}
    assert setting_of({"seeds": [1], **published}, published).departures == ()
    here = setting_of({"data_set": "digits", "hidden_units": [200, 200]}, published)
    assert str(here) == "data_set digits (published mnist)"
    assert setting_of({}, {"n_epochs": 50}).departures == ("n_epochs None (published 50)",)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], Verdict.NOT_RUN),
        ([row(GAIN, HIGH, "g")], Verdict.OPEN),
        ([row(GAIN, HIGH, "g"), row(LOSS, gaussian(1.4, 0.1), "l")], Verdict.REPRODUCED),
        ([row(GAIN, HIGH, "g"), row(LOSS, gaussian(9.0, 0.1), "l")], Verdict.NOT_REPRODUCED),
        ([row(GAIN, LOW, "g")], Verdict.NOT_REPRODUCED),
        ([row(GAIN, HIGH, "g", setting=SMALL)], Verdict.OPEN_HERE),
        (
            [row(GAIN, HIGH, "g", setting=SMALL), row(LOSS, gaussian(1.4, 0.1), "l", setting=SMALL)],
            Verdict.HOLDS_HERE,
        ),
        ([not_run(GAIN, "no data"), not_run(LOSS, "no data")], Verdict.NOT_RUN),
    ],
)
def test_claim_holds_if_all_of_its_clauses_do(rows, expected):
    assert combined_verdict(CLAIM, rows) is expected


def test_rows_at_the_published_settings_decide_alone():
    rows = [row(GAIN, LOW, "g", setting=SMALL), row(GAIN, HIGH, "g")]
    assert verdict_on(GAIN, rows) is Verdict.REPRODUCED


def test_a_line_of_the_claims_table_says_what_the_claim_comes_to():
    # Beside the published settings, which decide, other ones were tried; nothing else is known of the loss.
    rows = [row(GAIN, HIGH, "gain"), row(GAIN, LOW, "of others", setting=SMALL), row(LOSS, HIGH, "loss")]
    for these in (rows[:2], rows):
        assert rendering_row(GAIN.rendering, these)["verdict"] == worst_of(
            verdict_on(clause, these) for clause in CLAIM.clauses[: len(these) - 1]
        )
    assert rendering_row(GAIN.rendering, rows[:2])["verdict"] is Verdict.REPRODUCED
    assert rendering_row(GAIN.rendering, rows[1:2])["verdict"] is Verdict.DOES_NOT_HOLD_HERE
    spiking = row(GAIN, HIGH, "gain", rendering=Rendering.SPIKING)
    assert agreement_of([*rows[:2], spiking]).agreement is Agreement.AGREE


def test_other_renderings_are_shown_apart():
    rows = [row(GAIN, HIGH, "g"), row(GAIN, LOW, "g", rendering=Rendering.SPIKING)]
    assert verdict_on(GAIN, rows) is Verdict.REPRODUCED
    assert [each.verdict for each in rows] == [Verdict.REPRODUCED, Verdict.DISAGREES]


def test_a_clause_belongs_to_its_claim():
    with pytest.raises(ValueError, match=r"clauses of S98 must be S98a, S98b, \.\.\., got S99a"):
        Claim("S98", "another", SCHUG, (GAIN,))
    with pytest.raises(ValueError, match="clauses of S99"):
        Claim("S99", "twice", SCHUG, (GAIN, GAIN))


def cells(values, error=1.0, family="table"):
    clauses = [
        Clause("S99" + chr(97 + k), "cell", "table 1", equals(0.0, 1e-6), family=family) for k in range(12)
    ]
    return [row(clause, gaussian(v, error), "cell") for clause, v in zip(clauses, values, strict=True)]


def test_families_are_corrected_for_their_cells():
    rows = cells([2.1, *[0.0] * 11])
    assert rows[0].verdict is Verdict.NOT_REPRODUCED
    assert corrected(rows)[0].verdict is Verdict.OPEN
    assert "could have shown" in corrected(rows)[0].power
    assert corrected(cells([2.1, *[0.0] * 11], family=""))[0].verdict is Verdict.NOT_REPRODUCED
    assert corrected(cells([3.5, *[0.0] * 11]))[0].verdict is Verdict.NOT_REPRODUCED


def test_holm_asks_the_rest_again_at_a_larger_level():
    # Both lie between the levels 0.05 / 12 and 0.05 / 2: refuted only once ten others are.
    few, many = cells([2.6, 2.6, *[0.0] * 10]), cells([2.6, 2.6, *[9.0] * 10])
    assert [m.verdict for m in corrected(few)][:2] == [Verdict.OPEN] * 2
    assert [m.verdict for m in corrected(many)][:2] == [Verdict.NOT_REPRODUCED] * 2


def test_true_tables_are_seldom_refuted():
    rng = np.random.default_rng(8)
    refuted = [
        any(m.verdict is Verdict.NOT_REPRODUCED for m in corrected(cells(rng.normal(size=12))))
        for _ in range(300)
    ]
    assert np.mean(refuted) < 0.05 + 5 * np.sqrt(0.05 * 0.95 / 300)


def test_rows_are_plain_values_and_come_back_from_other_processes():
    made = row(LOSS, gaussian(1.4, 0.1, n=np.int64(3), unit="networks"), "loss", condition={"k": np.int64(5)})
    document = json.loads(json.dumps(made.as_json()))
    assert (document["clause"], document["n"], document["unit"]) == ("S99b", 3, "networks")
    assert document["condition"] == {"k": 5} and document["published"] == 1.4
    assert row(GAIN, exactly(float("nan")), "gain").as_json()["measured"] is None
    assert pickle.loads(pickle.dumps(made)).judge(0.05) is Verdict.REPRODUCED


def test_worst_of_parts():
    assert worst_of([Verdict.HOLDS_HERE, Verdict.REPRODUCED]) is Verdict.HOLDS_HERE
    assert worst_of([Verdict.NOT_RUN, Verdict.NOT_REPRODUCED]) is Verdict.NOT_REPRODUCED
    assert worst_of([Verdict.NOT_RUN, Verdict.HOLDS_HERE]) is Verdict.OPEN_HERE


def test_a_row_is_placed_where_it_names_no_place():
    plain = placed(row(GAIN, HIGH, "g"), Rendering.SPIKING, SMALL)
    assert (plain.rendering, plain.setting) == (Rendering.SPIKING, str(SMALL))
    assert plain.verdict is Verdict.AGREES
    named = row(GAIN, HIGH, "g", setting=PUBLISHED, rendering=Rendering.RATE)
    assert placed(named, Rendering.SPIKING, SMALL) == named
    assert placed(row(GAIN, HIGH, "g"), Rendering.RATE, SMALL).verdict is Verdict.HOLDS_HERE
    assert placed(not_run(GAIN, "no data"), Rendering.SPIKING, SMALL).rendering is Rendering.RATE


def test_a_number_of_the_published_networks_is_not_asked_of_smaller_ones():
    number = Clause("S01a", "a number", "fig 1", equals(1.0, 0.1), 1.0, only_as_published=True)
    published, smaller = (
        row(number, gaussian(1.0, 0.01), "x", setting=s) for s in (PUBLISHED, Setting(("n",)))
    )
    assert published.verdict is Verdict.REPRODUCED
    assert smaller.is_observation and (smaller.claim, smaller.published) == ("S01", None)
