"""The report on quantal analysis says where intervals cover and where they do not."""

from dataclasses import replace

from biophys.quantal_recovery import RecoveryRow
from validation.claims import quantal_recovery
from validation.claims.claim import Context, Verdict
from validation.claims.quantal_recovery import _coverage, recovered_parameters


def test_every_method_is_reported_and_the_likelihood_and_parabola_cover(monkeypatch):
    monkeypatch.setattr(quantal_recovery, "_P", (0.3, 0.7, 0.9))
    evidence = recovered_parameters(Context(seed=5))
    coverage = {
        (m.condition["method"], m.quantity.split()[6]): m
        for m in evidence.measurements
        if m.quantity.startswith("coverage")
    }
    assert {method for method, _ in coverage} == {
        "moments, n known",
        "moments, n unknown",
        "variance-mean",
        "likelihood",
    }
    for method in ("variance-mean", "likelihood"):
        for name in ("n", "p", "q"):
            assert coverage[method, name].verdict is Verdict.REPRODUCED
    identifiable = {m.condition["method"]: m for m in evidence.measurements if m.quantity.startswith("share")}
    # 200 responses at one release probability do not always tell n from p: this must be said, not hidden.
    assert identifiable["moments, n unknown"].measured < identifiable["variance-mean"].measured - 0.05
    assert all(m.verdict is Verdict.INCONCLUSIVE for m in identifiable.values())
    assert all(m.is_supporting for m in evidence.measurements)
    assert len(evidence.figures[0].figure.axes) == 4


def test_the_point_that_covers_least_decides():
    good = RecoveryRow("moments", 2, 0.3, 200, 1000, 0.0, 0.0, 1.0, 0.95, 0.96, 1.0)
    bad = replace(good, n=5, p=0.1, q_coverage=0.8)
    assert _coverage("moments", [good, good], "q").verdict is Verdict.REPRODUCED
    found = _coverage("moments", [good, bad, good, good], "q")
    assert found.verdict is Verdict.NOT_REPRODUCED and "least at n = 5, p = 0.1: 0.800" in found.reason
