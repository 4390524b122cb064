"""The measure of the bound reproduces the claim, and would notice a violation."""

import pytest

from validation.claims import entropic_bound
from validation.claims.claim import Context, Verdict, combined_verdict


@pytest.mark.parametrize("measure", ["entropic_bound"])
def test_claims_are_reproduced(measure):
    evidence = getattr(entropic_bound, measure)(Context(seed=11))
    assert combined_verdict(evidence.measurements) is Verdict.REPRODUCED
    assert all(figure.caption for figure in evidence.figures)


def test_a_violation_is_noticed(monkeypatch):
    monkeypatch.setattr(entropic_bound, "bound_gap", lambda ratio, rho: 0.1 - ratio * 0 - rho * 0)
    evidence = entropic_bound.entropic_bound(Context())
    assert combined_verdict(evidence.measurements) is Verdict.NOT_REPRODUCED
