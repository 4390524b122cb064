"""X10: the release probability with most bits per ATP lies below one and falls with the number of sites."""

import numpy as np
import pytest

from validation.claims.across import information_per_atp
from validation.claims.across.information_per_atp import X10
from validation.context import Context
from validation.registry import evidence_of
from validation.statement import Verdict, combined_verdict, verdict_on


@pytest.fixture(scope="module")
def evidence():
    return evidence_of(information_per_atp.information_per_atp(Context()))


def test_claim_holds_with_a_figure(evidence):
    assert combined_verdict(X10, evidence.measurements) is Verdict.HOLDS_HERE
    assert evidence.figures and evidence.figures[0].caption


def test_optimum_of_information_per_atp_is_below_one(evidence):
    main = [m for m in evidence.measurements if m.clause == "X10a"]
    assert np.all(np.diff([m.measured for m in main]) < 0)
    assert all(m.interval[0] <= m.measured <= m.interval[1] for m in main)


def test_the_single_site_of_the_literature_releases_less_often_than_this_model_wants(evidence):
    cited = {m.condition["n"]: m for m in evidence.measurements if "cite" in m.quantity}
    assert cited[1].interval[0] > 0.7
    assert cited[10].interval[0] < 0.1 < cited[10].interval[1]


def test_a_site_that_should_not_always_release_is_noticed(monkeypatch):
    optimum = information_per_atp.bits.optimal_release_probability
    monkeypatch.setattr(
        information_per_atp.bits,
        "optimal_release_probability",
        lambda spikes, n, cost, **given: optimum(spikes, n + 1, cost, **given),
    )
    found = evidence_of(information_per_atp.information_per_atp(Context())).measurements
    assert verdict_on(X10.clauses[1], found) is Verdict.DOES_NOT_HOLD_HERE
